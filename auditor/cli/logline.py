"""`--output line`: how an unattended command ended, as one line of JSON for a log collector.

It holds counts, ids and codes: no secret, nobody's name or address, and no text of a service.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from auditor import __version__
from auditor.cli.ending import DRIFTED, FAILED, INCOMPLETE, INTERRUPTED, NO_DRIFT, USAGE
from auditor.model import Verdict
from auditor.report.shares import Tally
from auditor.runs.manifest import RunError, read_manifest

OUTCOMES = {
    NO_DRIFT: "no_drift",
    DRIFTED: "drift",
    USAGE: "usage",
    FAILED: "failed",
    INCOMPLETE: "incomplete",
    INTERRUPTED: "interrupted",
}
FIELDS = {
    "program": "always `photo-auditor`",
    "version": "its version",
    "command": "`audit` or `resume`",
    "time": "when it ended, UTC",
    "seconds": "how long it took",
    "exit_code": "the exit code",
    "outcome": "the same as a word: `no_drift`, `drift`, `usage`, `failed`, `incomplete`, `interrupted`",
    "run": "the name of the run's folder, without the folders above; null where no run was begun",
    "run_id": "the run's id; null where none was begun",
    "tenant": "the tenant as the settings name it: its id or domain; null where no run was begun",
    "complete": "whether everything was learned; null where the run was not finished, as are all below",
    "users": "users audited",
    "drifting_users": "users with drift, accepted or not",
    "drifting_copies": "copies with drift, accepted or not",
    "accepted_users": "of the drifting users: those all of whose drift is accepted",
    "accepted_copies": "of the drifting copies: those that are accepted",
    "same_everywhere": "users whose photo is the same everywhere",
    "same_everywhere_of": "users with a reference photo: what that is a share of",
    "no_photo": "users without a photo at any place that was read",
    "not_fully_checked": "users with a copy that could not be checked",
    "workloads": "for each workload `drifting`, `accepted`, `compared` and `unchecked` copies, and `requests`,"
    " `throttled` and `retried`",
}
"""The members of the line, in order, and what they hold."""
_COUNTS = ("requests", "throttled", "retried")


@dataclass
class Line:
    """What is known of the command so far."""

    command: str
    wanted: bool
    run: Path
    begun: float = field(default_factory=time.monotonic)
    tally: Tally | None = None
    """Of the finished run."""

    def document(self, code: int) -> dict[str, Any]:
        """The line's members."""
        manifest: dict[str, Any] = {}
        with suppress(RunError):
            manifest = read_manifest(self.run)
        tally = self.tally
        seconds = round(time.monotonic() - self.begun, 1)
        said = {
            "program": "photo-auditor", "version": __version__, "command": self.command,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "seconds": seconds,
            "exit_code": code, "outcome": OUTCOMES.get(code, "failed"),
            "run": self.run.resolve().name if manifest else None,
            "run_id": manifest.get("run_id"), "tenant": manifest.get("tenant", {}).get("id"),
        }  # fmt: skip
        if tally is not None:
            said |= {
                "complete": manifest.get("complete") is True, "users": tally.users, "drifting_users": tally.drifting,
                "drifting_copies": tally.drifting_copies, "accepted_users": tally.accepted_users,
                "accepted_copies": tally.accepted_copies, "same_everywhere": tally.same_everywhere.part,
                "same_everywhere_of": tally.same_everywhere.whole, "no_photo": tally.no_photo.part,
                "not_fully_checked": tally.not_fully_checked.part, "workloads": _workloads(tally, manifest),
            }  # fmt: skip
        return dict.fromkeys(FIELDS) | said


def _workloads(tally: Tally, manifest: dict[str, Any]) -> dict[str, dict[str, int]]:
    asked = manifest.get("workloads", {})
    return {
        item.workload: {
            "drifting": item.drifting, "accepted": item.accepted, "compared": item.compared,
            "unchecked": item.verdicts.get(Verdict.UNCHECKED, 0),
            **{name: int(asked.get(item.workload, {}).get(name) or 0) for name in _COUNTS},
        }
        for item in tally.workloads
    }  # fmt: skip


@contextmanager
def log_line(command: str, run: Path, *, wanted: bool) -> Iterator[Line]:
    """Print the line when the block ends with an exit code, whichever it is: the last thing on stdout."""
    line = Line(command, wanted, run)
    try:
        yield line
    except SystemExit as end:
        if wanted:
            code = end.code if isinstance(end.code, int) else FAILED
            click.echo(json.dumps(line.document(code)))
            sys.stdout.flush()
        raise
