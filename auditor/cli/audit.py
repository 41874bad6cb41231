"""`photo-auditor audit`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from auditor import interrupts
from auditor.audit import audit
from auditor.cli.ending import check_fail_on, endings, exit_code
from auditor.cli.logline import log_line
from auditor.cli.options import config_option, find_config, flags, settings_options, unattended_output_option
from auditor.cli.outcome import RUNS, default_run, draw, present
from auditor.cli.progress import Bars
from auditor.directory import read_users_file
from auditor.settings import load


@click.command("audit")
@config_option
@click.option("--run", "run_path", type=click.Path(path_type=Path), help="Run folder [default: reports/TIME-run].")
@click.option("--out", type=click.Path(path_type=Path), help="Where the report goes [default: RUN/report].")
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="U",
    help="Audit this user only (UPN, id or mail address); may be repeated.",
)
@click.option("--group", "groups", multiple=True, metavar="G", help="Audit this group's members only; may be repeated.")
@click.option(
    "--users-from",
    type=click.Path(path_type=Path),
    help="Audit the users named in a file only: one a line, CSV or JSON lines.",
)
@settings_options
@unattended_output_option
@click.option("--quiet", is_flag=True, help="No progress bars.")
def command(
    config: Path | None,
    run_path: Path | None,
    out: Path | None,
    users: tuple[str, ...],
    groups: tuple[str, ...],
    users_from: Path | None,
    output: str,
    quiet: bool,
    **given: Any,
) -> None:
    """Audit a tenant: every user, every workload, into a run folder and a report.

    Exit codes: 0 no drift, 1 drift, 2 usage or settings, 3 could not audit, 4 incomplete, 130 interrupted.
    """
    path = run_path or default_run("run")
    with log_line("audit", path, wanted=output == "line") as line, endings(path):
        named = (*users, *(read_users_file(users_from) if users_from else ()))
        settings = load(find_config(config), flags(**given), scope_users=named, scope_groups=groups)
        check_fail_on(settings.fail_on)
        with Bars(quiet=quiet) as bars:
            run = interrupts.run(lambda: audit(settings, path, bars, reports=RUNS))
            with closing(run):
                page = draw(run, out, bars)
        line.tally = present(run, page, output)
        sys.exit(exit_code(run, settings.fail_on))
