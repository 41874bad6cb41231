"""What a person sees when a run is over: the report's files, and the tallies on the terminal."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from auditor.cli.options import print_json
from auditor.collection import Progress
from auditor.report import print_summary, tally, write_report
from auditor.report.carried import read
from auditor.report.document import head
from auditor.report.text import visible
from auditor.runs.exports import record, recorded
from auditor.runs.folder import RunFolder

RUNS = Path("reports")
"""Where runs go unless they are sent elsewhere."""


def draw(
    run: RunFolder, out: Path | None, progress: Progress, *, templates: Path | None = None, redact: bool = False
) -> Path:
    """Draw the report into `out` (else RUN/report); the path of its page."""
    target = out if out is not None else run.path / ("report-redacted" if redact else "report")
    progress.start("report", None)
    view = run.view()
    if run.lock is not None:
        # Noted before and after: a report that breaks off must be found too when somebody is erased.
        record(run, target, redact=redact, templates=templates)
    paths = write_report(view, target, templates=templates, redact=redact)
    if run.lock is not None:
        record(run, target, paths.written, redact=redact, templates=templates)
    progress.done("report")
    for file in paths.left:
        progress.tell(f"{file} of an earlier report still lies there, with names.")
    return paths.html


def draw_again(run: RunFolder, progress: Progress) -> list[Path]:
    """Draw every report that the run remembers and whose folder is still there; the paths of their pages."""
    pages = []
    for report in recorded(run):
        if report.folder.is_dir():
            templates = report.templates if report.templates and report.templates.is_dir() else None
            pages.append(draw(run, report.folder, progress, templates=templates, redact=report.redact))
    return pages


def present(run: RunFolder, page: Path, output: str = "text", *, redact: bool = False) -> None:
    """Print the tallies, why the run is incomplete if it is, and where the page is; or the same as JSON."""
    view = run.view()
    counted = tally(view)
    if output == "json":
        where = {"run_folder": str(run.path.resolve()), "page": str(page.resolve())}
        print_json(where | head(view, counted, redact=redact))
        return
    print_summary(counted, sys.stdout)
    if carried := read(view.manifest):
        for sentence in carried.sentences:
            click.echo(visible(sentence))
    for sentence in run.manifest.get("incomplete_because", []):
        click.echo(visible(f"Incomplete: {sentence}"))
    click.echo(f"Report: {page.resolve()}")


def default_run(kind: str) -> Path:
    """A new folder under reports/, named by the moment; a second one in the same second gets a number."""
    base = RUNS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{kind}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path
