"""What a folder of runs tells over time: the shares, and the drift of each workload, run by run. Numbers alone.

Told from the verdicts of each run as the report tells them (`auditor.report.shares`); a run whose pictures and
fingerprints were pruned still has them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from auditor.model import Verdict, Workload
from auditor.report import wording
from auditor.report.shares import Share, Tally, tally
from auditor.report.tables import safe_cell
from auditor.report.text import percent
from auditor.runs.folder import RunFolder, open_run, users_part, verdicts_part
from auditor.runs.listing import when
from auditor.runs.manifest import RunError
from auditor.runs.view import RunView

FORMAT = "photo-auditor/history/1"
"""What the JSON says of itself."""
_USERS = ("user_id", "upn", "department")
_VERDICTS = ("user_id", "upn", "workload", "status", "verdict", "reason", "detail", "cause", "accepted")
_OF_A_WORKLOAD = ("drifting", "compared", "unchecked")
COLUMNS = (
    "run", "tenant", "finished", "run_complete", "users", "drifting_users", "accepted_users", "same_everywhere",
    "same_everywhere_of", "no_photo", "not_fully_checked",
    *(f"{workload}_{name}" for workload in Workload for name in _OF_A_WORKLOAD),
)  # fmt: skip
"""The columns of the CSV: counts of users, and of each workload counts of copies, empty where it was not read."""


@dataclass(frozen=True)
class Copies:
    """One workload in one run."""

    drifting: int
    compared: int
    unchecked: int


@dataclass(frozen=True)
class Point:
    """One finished run, in numbers."""

    run: str
    """The name of its folder."""
    tenant: str
    finished: datetime
    complete: bool
    users: int
    drifting_users: int
    accepted_users: int
    same_everywhere: Share
    no_photo: Share
    not_fully_checked: Share
    workloads: Mapping[str, Copies]

    def row(self) -> dict[str, Any]:
        """The row of `COLUMNS`."""
        made: dict[str, Any] = {
            "run": self.run, "tenant": self.tenant, "finished": f"{self.finished:%Y-%m-%dT%H:%M:%SZ}",
            "run_complete": self.complete, "users": self.users, "drifting_users": self.drifting_users,
            "accepted_users": self.accepted_users, "same_everywhere": self.same_everywhere.part,
            "same_everywhere_of": self.same_everywhere.whole, "no_photo": self.no_photo.part,
            "not_fully_checked": self.not_fully_checked.part,
        }  # fmt: skip
        for workload in Workload:
            copies = self.workloads.get(workload)
            made |= {f"{workload}_{name}": getattr(copies, name) if copies else None for name in _OF_A_WORKLOAD}
        return made


@dataclass(frozen=True)
class History:
    """The runs that count, the oldest first, and what was passed over."""

    points: tuple[Point, ...]
    selections: int
    """Runs about a selection of users: their shares are not the tenant's."""
    unfinished: int
    problems: tuple[str, ...]
    """A sentence for each run that cannot be read."""

    @property
    def tenants(self) -> tuple[str, ...]:
        """Whose runs these are."""
        return tuple(dict.fromkeys(point.tenant for point in self.points))


def history(paths: Sequence[Path], tenant: str | None = None) -> History:
    """The finished runs about whole tenants among these folders; of one tenant (id or domain) if it is named."""
    points, problems = [], []
    selections = unfinished = 0
    for path in paths:
        try:
            run = open_run(path, exclusive=False)
            told = run.manifest.get("tenant", {})
            if tenant is not None and tenant.lower() not in {str(value).lower() for value in told.values()}:
                continue
            if not run.finished or run.manifest.get("underway"):
                unfinished += 1
            elif run.manifest.get("scope", {}).get("only"):
                selections += 1
            else:
                points.append(_point(run))
        except RunError as error:
            problems.append(str(error))
    ordered = sorted(points, key=lambda point: (point.finished, point.run))
    return History(tuple(ordered), selections, unfinished, tuple(problems))


def _point(run: RunFolder) -> Point:
    moment = when(run)
    if moment is None:
        raise RunError(f"The run {run.path} does not say when it was made.")
    counted = tally(_numbers(run))
    tenant = run.manifest.get("tenant", {})
    return Point(
        run=run.path.resolve().name,
        tenant=str(tenant.get("domain") or tenant.get("id") or ""),
        finished=moment.astimezone(UTC),
        complete=run.manifest.get("complete") is True,
        users=counted.users,
        drifting_users=counted.drifting,
        accepted_users=counted.accepted_users,
        same_everywhere=counted.same_everywhere,
        no_photo=counted.no_photo,
        not_fully_checked=counted.not_fully_checked,
        workloads=_copies(counted, str(run.manifest.get("reference") or "")),
    )


def _copies(counted: Tally, reference: str) -> dict[str, Copies]:
    return {
        item.workload: Copies(item.drifting, item.compared, item.verdicts.get(Verdict.UNCHECKED, 0))
        for item in counted.workloads
        if item.workload != reference
    }


def _numbers(run: RunFolder) -> RunView:
    """The run with the columns that are counted, and no other."""
    users = [run.read_part(users_part(shard), _USERS) for shard in range(run.shards)]
    verdicts = [run.read_part(verdicts_part(shard), _VERDICTS) for shard in range(run.shards)]
    return RunView(run.manifest, _frame(users, _USERS), _frame(verdicts, _VERDICTS), run.photos)


def _frame(parts: Sequence[pa.Table], columns: Sequence[str]) -> pd.DataFrame:
    whole: pd.DataFrame = pa.concat_tables(parts).to_pandas() if parts else pd.DataFrame(columns=list(columns))
    # Of a run that was judged before there was such a column.
    return whole.assign(**{name: "" for name in columns if name not in whole})


def as_csv(told: History) -> str:
    """The runs as CSV with `COLUMNS`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(point.row()[name]) for name in COLUMNS] for point in told.points)
    return out.getvalue()


def document(told: History) -> dict[str, Any]:
    """The runs for a program to read: the columns of the CSV as members, a workload's in one of its own."""
    runs = []
    for point in told.points:
        row = {name: value for name, value in point.row().items() if not name.endswith(_OF_A_WORKLOAD)}
        copies = {name: {key: getattr(one, key) for key in _OF_A_WORKLOAD} for name, one in point.workloads.items()}
        runs.append(row | {"workloads": copies})
    return {
        "format": FORMAT, "runs": runs, "selections": told.selections, "unfinished": told.unfinished,
        "problems": list(told.problems),
    }  # fmt: skip


def lines(told: History) -> Iterator[list[str]]:
    """The runs as rows for a terminal, the head first."""
    shown = workloads(told.points)
    several = len(told.tenants) > 1
    names = ["RUN", *(["TENANT"] if several else []), "FINISHED", "USERS", "THE SAME", "NO PHOTO", "NOT FULLY CHECKED"]
    yield [*names, *(f"{wording.workload(name)} DRIFT".upper() for name in shown)]
    for point in told.points:
        yield [
            point.run,
            *([point.tenant] if several else []),
            f"{point.finished:%Y-%m-%d}{'' if point.complete else ' incomplete'}",
            f"{point.users:,}",
            *(_percent(share) for share in (point.same_everywhere, point.no_photo, point.not_fully_checked)),
            *(_percent(drift_of(point, name)) for name in shown),
        ]


def workloads(points: Sequence[Point]) -> list[str]:
    """The workloads that were held against a reference in any of these runs."""
    present = {name for point in points for name in point.workloads}
    return [str(one) for one in Workload if one in present] + sorted(present - {str(one) for one in Workload})


def drift_of(point: Point, workload: str) -> Share:
    """The share of a workload's copies that drifted, among those that could have."""
    copies = point.workloads.get(workload)
    return Share(copies.drifting, copies.compared) if copies else Share(0, 0)


def _percent(share: Share) -> str:
    return percent(share.part, share.whole)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else safe_cell(value)
