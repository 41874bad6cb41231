"""A finished run as one side of a comparison: its verdicts by columns, its fingerprints part by part when needed.

A run of 100,000 users holds 1.4 GB of fingerprints; of most pictures the digest alone shows that nothing changed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from auditor.model import FINGERPRINT_COLUMNS, VERDICT_COLUMNS, Fingerprint, Status, Workload
from auditor.photos import RECIPE
from auditor.runs import frames
from auditor.runs.baselines import usable
from auditor.runs.folder import RunFolder, again_part, observations_part, open_run, users_part, verdicts_part
from auditor.runs.listing import same_tenant, when

Key = tuple[str, str]
"""User id and workload."""
LIGHT = ("user_id", "workload", "status", "verdict", "reason", "sha256")
_KEPT_PARTS = 24
"""Parts of fingerprints in memory at once: 4 MB each of 1,000 users."""


@dataclass(frozen=True)
class Side:
    """One run. Whoever has it may ask for anything of it; nothing is written."""

    run: RunFolder
    rows: pd.DataFrame
    """`LIGHT`, one row a user and workload; status, verdict, workload and reason as categories."""
    shard_of: Mapping[str, int]
    """By user id: in which shard the user stands."""
    upns: Mapping[str, str]
    _parts: OrderedDict[tuple[str, int], tuple[pa.Table, Mapping[str, int]]] = field(
        default_factory=OrderedDict, repr=False, compare=False
    )

    @property
    def moment(self) -> datetime:
        """When the run was finished."""
        return when(self.run) or datetime.fromtimestamp(0, UTC)

    @property
    def day(self) -> str:
        """The day on which it was finished, ISO 8601."""
        return self.moment.astimezone(UTC).strftime("%Y-%m-%d")

    @property
    def reference(self) -> str:
        """The workload that the others were held against."""
        return _reference(self.run.manifest)

    @property
    def tenant(self) -> str:
        """The tenant's id, as the settings had it: a GUID or a domain."""
        return str(self.run.manifest.get("tenant", {}).get("id", ""))

    @property
    def run_id(self) -> str:
        """The run's own id."""
        return str(self.run.manifest.get("run_id", ""))

    @property
    def domain(self) -> str:
        """The tenant's default domain, or its id where the run does not know it."""
        return str(self.run.manifest.get("tenant", {}).get("domain") or self.tenant)

    @property
    def recipe(self) -> str:
        """The recipe of its fingerprints; empty where they were dropped."""
        return _recipe(self.run.manifest)

    @cached_property
    def workloads(self) -> frozenset[str]:
        """The workloads that it has rows of."""
        return frozenset(self.rows["workload"].unique())

    def fingerprint(self, key: Key) -> Fingerprint | None:
        """The fingerprint of the judged picture; None where there is none, or none is left."""
        user_id, workload = key
        shard = self.shard_of.get(user_id)
        if shard is None or workload not in self.workloads:
            return None
        table, places = self._part(workload, shard)
        place = places.get(user_id)
        return None if place is None else frames.fingerprint_of(table.slice(place, 1).to_pylist()[0])

    def photos(self, workload: str) -> Iterator[list[tuple[str, Fingerprint]]]:
        """Every photo of a workload, shard by shard: user ids and fingerprints; placeholders are left out."""
        own = self.rows[(self.rows["workload"] == workload) & (self.rows["status"] == Status.PHOTO)]
        shown = frozenset(own["user_id"])
        for shard in range(self.run.shards):
            table, places = self._part(workload, shard)
            rows = table.to_pylist()
            made = ((user_id, frames.fingerprint_of(rows[place])) for user_id, place in places.items())
            yield [(user_id, one) for user_id, one in made if one is not None and user_id in shown]

    def hashes(self, workload: str) -> tuple[list[str], list[str], list[str]]:
        """User ids, perceptual hashes and digests of a workload's photos, one each a user; placeholders left out."""
        own = self.rows[(self.rows["workload"] == workload) & (self.rows["status"] == Status.PHOTO)]
        shown = frozenset(own["user_id"])
        told: tuple[list[str], list[str], list[str]] = [], [], []
        for shard in range(self.run.shards):
            part = self.run.read_part(
                observations_part(Workload(workload), shard), ["user_id", "judged", "phash", "sha256"]
            )
            for row in self._with_replaced(workload, shard, part.filter(part["judged"])).to_pylist():
                if row["user_id"] in shown and row["phash"]:
                    for values, name in zip(told, ("user_id", "phash", "sha256"), strict=True):
                        values.append(row[name])
        return told

    def details(self, columns: Sequence[str], keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
        """More columns of some rows of the verdicts."""
        wanted = set(keys)
        by_shard: dict[int, list[str]] = {}
        for user_id in {user_id for user_id, _ in wanted}:
            if user_id in self.shard_of:
                by_shard.setdefault(self.shard_of[user_id], []).append(user_id)
        found = {}
        for shard, ids in sorted(by_shard.items()):
            part = self.run.read_part(verdicts_part(shard), ["user_id", "workload", *columns])
            for row in part.filter(pc.is_in(part["user_id"], pa.array(ids))).to_pylist():
                key = row.pop("user_id"), row.pop("workload")
                if key in wanted:
                    found[key] = row
        return found

    def _part(self, workload: str, shard: int) -> tuple[pa.Table, Mapping[str, int]]:
        at = workload, shard
        if at not in self._parts:
            table = self.run.read_part(observations_part(Workload(workload), shard), _OF_A_PRINT)
            table = table.filter(pc.and_(table["judged"], pc.not_equal(table["recipe"], ""))).combine_chunks()
            table = self._with_replaced(workload, shard, table)
            places = {user_id: place for place, user_id in enumerate(table["user_id"].to_pylist())}
            self._parts[at] = table, places
            while len(self._parts) > _KEPT_PARTS:
                self._parts.popitem(last=False)
        self._parts.move_to_end(at)
        return self._parts[at]

    def _with_replaced(self, workload: str, shard: int, table: pa.Table) -> pa.Table:
        """The pictures of a shard with those that were judged instead of what was heard first."""
        part = again_part(Workload(workload))
        if not self.run.has(part):
            return table
        own = self.rows[self.rows["workload"] == workload]
        judged = dict(zip(own["user_id"], own["sha256"], strict=True))
        heard = dict(zip(table["user_id"].to_pylist(), table["sha256"].to_pylist(), strict=True))
        again = self.run.read_part(part, table.column_names)
        instead = [
            bool(digest) and self.shard_of.get(user_id) == shard and judged.get(user_id) == digest != heard.get(user_id)
            for user_id, digest in zip(again["user_id"].to_pylist(), again["sha256"].to_pylist(), strict=True)
        ]
        if not any(instead):
            return table
        again = again.filter(pa.array(instead))
        kept = pc.invert(pc.is_in(table["user_id"], again["user_id"].combine_chunks()))
        return pa.concat_tables([table.filter(kept), again]).combine_chunks()


def can_compare(a: Side, b: Side) -> bool:
    """Whether photos of the two can be held against each other: their fingerprints are of this version's recipe."""
    return a.recipe == b.recipe == RECIPE


def tells_of(manifest: Mapping[str, Any], b: Side) -> bool:
    """Whether a run with this manifest shows something of what the copies of `b` were before."""
    return (
        same_tenant(manifest, b.run.manifest)
        and _reference(manifest) == b.reference
        and _recipe(manifest) == b.recipe != ""
    )


def _recipe(manifest: Mapping[str, Any]) -> str:
    return "" if manifest.get("fingerprints_dropped") else str(manifest.get("recipe", ""))


def _reference(manifest: Mapping[str, Any]) -> str:
    return str(manifest.get("reference") or Workload.ENTRA)


_OF_A_PRINT = ("user_id", "judged", *(column.name for column in FINGERPRINT_COLUMNS))


def read_side(path: Path) -> Side:
    """A finished run, read by columns. Raises `RunError` where it is not finished or a part is damaged."""
    run = open_run(path, exclusive=False)
    usable(run)
    shard_of: dict[str, int] = {}
    upns: dict[str, str] = {}
    parts = []
    for shard in range(run.shards):
        users = run.read_part(users_part(shard), ["user_id", "upn"]).to_pydict()
        shard_of.update(dict.fromkeys(users["user_id"], shard))
        upns.update(zip(users["user_id"], users["upn"], strict=True))
        parts.append(run.read_part(verdicts_part(shard), LIGHT))
    whole = pa.concat_tables(parts) if parts else frames.schema(VERDICT_COLUMNS).empty_table().select(LIGHT)
    rows: pd.DataFrame = whole.to_pandas(categories=["workload", "status", "verdict", "reason"])
    return Side(run, rows, shard_of, upns)
