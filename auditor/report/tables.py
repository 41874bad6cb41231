"""The run's tables as CSV: drift.csv, observations.csv, users.csv and action-plan.csv."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from auditor.model import DRIFT, OBSERVATIONS_CSV, Status, Verdict, Workload
from auditor.report.files import replacing
from auditor.report.shares import Tally
from auditor.report.text import visible
from auditor.runs.view import RunView

COMPLETE = "run_complete"
"""The last column of every table: `false` where the run is incomplete, for whoever reads a table alone."""
OBSERVATIONS = (*OBSERVATIONS_CSV, COMPLETE)
"""The columns of observations.csv and drift.csv."""
USERS_CSV = ("user_id", "upn", "verdict", *(workload.value for workload in Workload), COMPLETE)
"""The columns of users.csv: the user's verdict (`auditor.report.shares`), then each workload's."""
_TO_FILL = ("owner", "decision", "date")
_FOUND = ("user_id", "upn", "workload", "status", "verdict", "cause", "evidence", "fix", "accepted")
ACTION_PLAN = (*_FOUND, *_TO_FILL, COMPLETE)
"""The columns of action-plan.csv; `owner`, `decision` and `date` are empty, for people to fill in."""

INCOMPLETE = "run_incomplete"
"""The `reason` of the rows of drift.csv that are no user's: an incomplete run without drift must not look clean."""
_WHY_UNKNOWN = "The run's manifest does not say why it is incomplete."

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""A spreadsheet takes a cell that begins so for a formula; some take the full-width forms too."""
_ROWS = 10_000


def safe_cell(text: str) -> str:
    """The text as a cell that no spreadsheet executes and in which nothing is hidden."""
    shown = visible(text)
    return f"'{shown}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else shown


def write_drift(view: RunView, path: Path) -> None:
    """One row for each user and workload that drifted; before them, of an incomplete run, one for each reason why."""
    rows = view.verdicts[view.verdicts["verdict"].isin([verdict.value for verdict in DRIFT])]
    gaps = (tuple(_cell(gap.get(name)) for name in OBSERVATIONS) for gap in _gaps(view))
    _write(path, OBSERVATIONS, chain(gaps, table_rows(rows.assign(**_complete(view)), OBSERVATIONS)))


def write_action_plan(view: RunView, path: Path) -> None:
    """One row for each user and workload that drifted, with room for who does what; of an incomplete run first one for
    each reason why, which is something to be done as well.
    """
    rows = view.verdicts[view.verdicts["verdict"].isin([verdict.value for verdict in DRIFT])]
    told = ({**gap, "cause": gap["reason"], "evidence": gap["detail"]} for gap in _gaps(view))
    gaps = (tuple(_cell(gap.get(name)) for name in ACTION_PLAN) for gap in told)
    empty = dict.fromkeys(_TO_FILL, "")
    _write(path, ACTION_PLAN, chain(gaps, table_rows(rows.assign(**empty, **_complete(view)), ACTION_PLAN)))


def write_observations(view: RunView, path: Path) -> None:
    """One row for each user and workload, everything."""
    _write(path, OBSERVATIONS, table_rows(view.verdicts.assign(**_complete(view)), OBSERVATIONS))


def write_users(view: RunView, tally: Tally, path: Path) -> None:
    """One row for each user: the user's verdict and each workload's, empty where the run has no answer."""
    known = view.users.drop_duplicates("user_id").set_index("user_id")["upn"]
    seen = view.verdicts.drop_duplicates("user_id").set_index("user_id")["upn"]
    upns = known.reindex(tally.verdicts.index).fillna(seen.reindex(tally.verdicts.index))
    table = pd.DataFrame({"upn": upns, "verdict": tally.verdicts}, index=tally.verdicts.index)
    for workload in Workload:
        own = view.verdicts[view.verdicts["workload"] == workload.value]
        table[workload.value] = own.drop_duplicates("user_id").set_index("user_id")["verdict"]
    _write(path, USERS_CSV, table_rows(table.assign(**_complete(view)).rename_axis("user_id").reset_index(), USERS_CSV))


def _gaps(view: RunView) -> Iterator[dict[str, Any]]:
    """A row for each reason why the run is incomplete: of no user, and of a workload if it names one.

    What was not learned is `unknown` and `unchecked`, as it is for a user.
    """
    complete = _complete(view)
    if complete[COMPLETE]:
        return
    for sentence in view.manifest.get("incomplete_because") or (_WHY_UNKNOWN,):
        first = str(sentence).split(" ", 1)[0].rstrip(":")
        yield {
            "workload": first if first in set(Workload) else "",
            "status": Status.UNKNOWN.value,
            "verdict": Verdict.UNCHECKED.value,
            "reason": INCOMPLETE,
            "detail": str(sentence),
            **complete,
        }


def _complete(view: RunView) -> dict[str, bool]:
    return {COMPLETE: view.manifest.get("complete") is True}


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with replacing(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def table_rows(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The frame's rows as text, a slice at a time: the whole never stands in memory twice."""
    for start in range(0, len(frame), _ROWS):
        part = frame.iloc[start : start + _ROWS]
        yield from zip(*([_cell(value) for value in _column(part, name)] for name in columns), strict=True)


def _column(frame: pd.DataFrame, name: str) -> list[Any]:
    values = frame[name]
    return values.astype(object).where(values.notna(), None).tolist()


def _cell(value: Any) -> str:
    if type(value) is str:
        return safe_cell(value)
    if value is None:
        return ""
    write = _WRITE.get(type(value))
    return write(value) if write else safe_cell(str(value))


def _instant(value: pd.Timestamp) -> str:
    utc = value.tz_localize(UTC) if value.tzinfo is None else value.tz_convert(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%SZ")


_WRITE: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "true" if value else "false",
    int: str,
    float: lambda value: f"{value:.3f}".rstrip("0").rstrip("."),
    pd.Timestamp: _instant,
}
"""Numbers, truth and time need no guarding: we wrote them."""
