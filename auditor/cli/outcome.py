"""What a person sees when a run is over: the report's files, and the tallies on the terminal."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from auditor.collection import Progress
from auditor.report import print_summary, tally, write_report
from auditor.runs.folder import RunFolder


def draw(
    run: RunFolder, out: Path | None, progress: Progress, *, templates: Path | None = None, redact: bool = False
) -> Path:
    """Draw the report into `out` (else RUN/report); the path of its page."""
    target = out if out is not None else run.path / ("report-redacted" if redact else "report")
    progress.start("report", None)
    paths = write_report(run.view(), target, templates=templates, redact=redact)
    progress.done("report")
    for file in paths.left:
        progress.tell(f"{file} of an earlier report still lies there, with names.")
    return paths.html


def present(run: RunFolder, page: Path) -> None:
    """Print the tallies, why the run is incomplete if it is, and where the page is."""
    print_summary(tally(run.view()), sys.stdout)
    for sentence in run.manifest.get("incomplete_because", []):
        click.echo(f"Incomplete: {sentence}")
    click.echo(f"Report: {page.resolve()}")


def default_run(kind: str) -> Path:
    """A new folder under reports/, named by the moment; a second one in the same second gets a number."""
    base = Path("reports") / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{kind}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path
