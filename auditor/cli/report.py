"""`photo-auditor report`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from auditor.cli.ending import endings
from auditor.cli.outcome import draw, present
from auditor.cli.progress import Bars
from auditor.runs.folder import open_run


@click.command("report")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where the report goes [default: RUN/report or, redacted, RUN/report-redacted].",
)
@click.option("--templates", type=click.Path(path_type=Path), help="A folder whose files replace the page's own.")
@click.option("--redact", is_flag=True, help="Numbers only: no names, no addresses, no faces.")
def command(run_path: Path, out: Path | None, templates: Path | None, redact: bool) -> None:
    """Draw a finished run's report again; nobody is asked."""
    with endings(), closing(open_run(run_path, exclusive=False)) as run:
        with Bars() as bars:
            page = draw(run, out, bars, templates=templates, redact=redact)
        present(run, page)
