"""`photo-auditor report`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from auditor.cli.ending import endings
from auditor.cli.options import output_option
from auditor.cli.outcome import draw, present
from auditor.cli.progress import Bars
from auditor.exceptions import recorded_file
from auditor.judgement import mend
from auditor.runs.folder import ReadOnlyRun, RunFolder, open_run
from auditor.runs.manifest import RunError


@click.command("report")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where the report goes [default: RUN/report or, redacted, RUN/report-redacted].",
)
@click.option("--templates", type=click.Path(path_type=Path), help="A folder whose files replace the page's own.")
@click.option("--redact", is_flag=True, help="Numbers only: no names, no addresses, no faces.")
@click.option(
    "--exceptions",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Accept what this file says instead of what the run was begun with; the run itself stays as it is.",
)
@output_option
def command(
    run_path: Path, out: Path | None, templates: Path | None, redact: bool, exceptions: Path | None, output: str
) -> None:
    """Draw a finished run's report again; nobody is asked."""
    with endings(again="The run is as it was: draw its report again."), closing(_opened(run_path, out)) as run:
        accepted = recorded_file(exceptions.resolve()) if exceptions is not None else None
        with Bars() as bars:
            if run.lock is not None:
                mend(run, bars)
            page = draw(run, out, bars, templates=templates, redact=redact, exceptions=accepted)
        present(run, page, output, redact=redact, exceptions=accepted)
        if run.lock is None:
            click.echo(
                f"{run_path} cannot be written, and does not note this report: erase will not find it.", err=True
            )


def _opened(path: Path, out: Path | None) -> RunFolder:
    """The run with its lock; without it where nothing can be written there and the report goes elsewhere."""
    try:
        return open_run(path)
    except ReadOnlyRun as error:
        if out is None:
            raise RunError(f"{error} Or draw the report elsewhere with --out.") from None
        return open_run(path, exclusive=False)
