"""Observations as they may be judged: replaced answers have their replacement, and doubtful answers are unknown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from auditor.doubt.settling import Outcome, Unfolded
from auditor.doubt.wording import not_believed
from auditor.model import OBSERVATION_COLUMNS, Observation, Reason, Status, Workload
from auditor.runs import frames


@dataclass(frozen=True)
class Doubt:
    """Which observations of a run are replaced or doubtful. The stored observations do not change."""

    unfolded: Unfolded

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """Each suspicion and its outcome."""
        return self.unfolded.outcomes

    @cached_property
    def _replaced(self) -> Mapping[tuple[str, str], Observation]:
        ids = self.unfolded.everybody.user_ids
        return {
            (ids[place], str(workload)): one
            for workload, rows in self.unfolded.replaced.items()
            for place, one in rows.items()
        }

    @cached_property
    def _doubtful(self) -> Mapping[tuple[str, str], Outcome]:
        ids = self.unfolded.everybody.user_ids
        return {
            (ids[place], str(workload)): outcome
            for workload, places in self.unfolded.doubtful.items()
            for place, outcome in places.items()
        }

    def touches(self, workload: Workload) -> bool:
        """Whether any answer of this workload is replaced or doubtful."""
        return workload in self.unfolded.replaced or workload in self.unfolded.doubtful

    def applied(self, observations: pa.Table) -> pa.Table:
        """The observations (`OBSERVATION_COLUMNS`) as they may be judged."""
        if not self._replaced and not self._doubtful:
            return observations
        if not self._concern(observations):
            return observations
        made = []
        for row in observations.to_pylist():
            key = row["user_id"], row["workload"]
            if (instead := self._replaced.get(key)) is not None:
                if row["judged"]:
                    made.append(frames.observation_row(instead))
                elif row["picture"] != instead.picture:
                    made.append(row)
            elif row["judged"] and (outcome := self._doubtful.get(key)) is not None:
                made.append(_doubted(row, outcome))
            else:
                made.append(row)
        return pa.Table.from_pylist(made, schema=frames.schema(OBSERVATION_COLUMNS))

    def _concern(self, observations: pa.Table) -> bool:
        return any(
            key in self._replaced or key in self._doubtful
            for key in zip(observations["user_id"].to_pylist(), observations["workload"].to_pylist(), strict=True)
        )


def _doubted(row: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    signals = {name: value for name, value in json.loads(row["signals"]).items() if name != "looks"}
    return {
        **row,
        **frames.fingerprint_row(None),
        "status": str(Status.UNKNOWN),
        "reason": str(Reason.DOUBTFUL),
        "detail": not_believed(outcome),
        "signals": json.dumps(signals, ensure_ascii=False, sort_keys=True),
    }
