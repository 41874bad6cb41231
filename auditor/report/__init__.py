"""The report: verdicts → page, CSV, JSON, JUnit, Markdown and terminal.

A pure function of the run; nobody is asked anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from auditor.changes.between import Changes
from auditor.report.changes import write_csv
from auditor.report.document import write_document
from auditor.report.files import replacing
from auditor.report.page import write_pages
from auditor.report.pipeline import write_junit, write_summary
from auditor.report.shares import Tally, tally
from auditor.report.tables import write_action_plan, write_drift, write_observations, write_users
from auditor.report.terminal import print_summary
from auditor.runs.exports import CHANGES_TABLE, DATA, DATA_FILE, drop_if_empty, unfinished_in
from auditor.runs.files import make_folder
from auditor.runs.view import RunView

__all__ = ["ReportPaths", "Tally", "print_summary", "tally", "write_report"]

_WITH_NAMES = ("drift.csv", "observations.csv", "users.csv", "action-plan.csv", "junit.xml")
"""What a redacted report does not have: there is nothing to it without the names."""
"""Neither has it that; only the report of a run with a baseline does."""
_LINKED = re.compile(r"report-[0-9]+\.html")


@dataclass(frozen=True)
class ReportPaths:
    """What was written."""

    html: Path
    pages: tuple[Path, ...]
    """The linked pages report-2.html, …, without report.html itself."""
    data: tuple[Path, ...]
    """The users of a large report, in files of their own; none where report.html holds them itself."""
    drift: Path | None
    observations: Path | None
    users: Path | None
    action_plan: Path | None
    junit: Path | None
    document: Path
    """report.json; in a redacted report in numbers alone."""
    summary: Path
    """summary.md; in a redacted report without what a service said."""
    left: tuple[Path, ...] = ()
    """After a redacted report: files of an earlier full report that still lie beside it, with names."""
    changes: Path | None = None
    """What changed since the run's baseline; None where it had none, or it is gone."""

    @property
    def written(self) -> tuple[Path, ...]:
        """Every file of the report."""
        with_names = (self.drift, self.observations, self.users, self.action_plan, self.junit, self.changes)
        found = (self.html, *self.pages, *self.data, *with_names, self.document, self.summary)
        return tuple(path for path in found if path)


def write_report(
    view: RunView,
    out: Path,
    *,
    templates: Path | None = None,
    redact: bool = False,
    changes: Changes | None = None,
    keep_changes: bool = False,
) -> ReportPaths:
    """Write the report of a run into `out`, made if absent.

    Drawing the same run twice gives equal bytes. With `redact` there is one page of numbers, report.json and summary.md
    in numbers, and no table: no name, address, face or id. A file of the same name in `templates` replaces ours. Every
    file appears whole or not at all; pages and parts of an earlier, longer report are removed, and what a drawing that
    was killed left behind. `changes`: what changed since the run's baseline, for changes.csv; `keep_changes`: that of
    an earlier drawing still says so, and stays.
    """
    make_folder(out)
    for half in unfinished_in(out):
        half.unlink()
    counted = tally(view)
    drift = observations = users = action_plan = junit = None
    if not redact:
        drift, observations, users, action_plan, junit = (out / name for name in _WITH_NAMES)
        write_drift(view, drift)
        write_observations(view, observations)
        write_users(view, counted, users)
        write_action_plan(view, action_plan)
        write_junit(view, counted, junit)
    changed = None
    if not redact:
        changed = _write_changes(out / CHANGES_TABLE, changes, keep=keep_changes)
    document, summary = out / "report.json", out / "summary.md"
    write_document(view, counted, document, redact=redact)
    write_summary(view, counted, summary, redact=redact)
    (html, *pages), data = write_pages(view, counted, out, templates=templates, redact=redact)
    for stale in out.iterdir():
        if _LINKED.fullmatch(stale.name) and stale not in pages:
            stale.unlink()
    if (out / DATA).is_dir():
        for stale in set((out / DATA).iterdir()).difference(data):
            if DATA_FILE.fullmatch(stale.name):
                stale.unlink()
        drop_if_empty(out / DATA)
    left = tuple(out / name for name in (*_WITH_NAMES, CHANGES_TABLE) if redact and (out / name).exists())
    return ReportPaths(
        html, tuple(pages), data, drift, observations, users, action_plan, junit, document, summary, left,
        changed,
    )  # fmt: skip


def _write_changes(path: Path, changes: Changes | None, *, keep: bool) -> Path | None:
    if changes is not None:
        with replacing(path) as file:
            write_csv(changes, file)
    elif not keep:
        path.unlink(missing_ok=True)
    return path if path.exists() else None
