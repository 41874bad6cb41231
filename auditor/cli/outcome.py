"""What a person sees when a run is over: the report's files, and the tallies on the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from auditor.report import write_report
from auditor.report.shares import tally
from auditor.report.terminal import print_summary
from auditor.runs.folder import RunFolder


def present(run: RunFolder, out: Path | None, *, templates: Path | None = None, redact: bool = False) -> None:
    """Draw the report, print the tallies and where the page is."""
    view = run.view()
    target = out if out is not None else run.path / "report"
    paths = write_report(view, target, templates=templates, redact=redact)
    print_summary(tally(view), sys.stdout)
    click.echo(f"Report: {paths.html.resolve()}")
