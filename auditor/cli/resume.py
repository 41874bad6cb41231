"""`photo-auditor resume`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from auditor import interrupts
from auditor.audit import resume
from auditor.cli.ending import check_fail_on, endings, exit_code
from auditor.cli.logline import log_line
from auditor.cli.options import CA_BUNDLE_HELP, config_option, find_config, unattended_output_option
from auditor.cli.outcome import RUNS, draw, present
from auditor.cli.progress import Bars
from auditor.judgement import mend
from auditor.runs.folder import RunFolder, open_run
from auditor.settings import Settings, load


@click.command("resume")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@config_option
@click.option("--out", type=click.Path(path_type=Path), help="Where the report goes [default: RUN/report].")
@click.option(
    "--ca-bundle",
    type=click.Path(path_type=Path),
    help=CA_BUNDLE_HELP,
)
@unattended_output_option
@click.option("--quiet", is_flag=True, help="No progress bars.")
def command(
    run_path: Path, config: Path | None, out: Path | None, ca_bundle: Path | None, output: str, quiet: bool
) -> None:
    """Go on with a run that was interrupted.

    Secrets come anew from the settings or the environment. Another tenant, scope, reference or recipe is
    refused; a finished run only gets its report again. Exit codes as for audit.
    """
    with log_line("resume", run_path, wanted=output == "line") as line, endings(run_path):
        before = open_run(run_path, exclusive=False)
        fail_on = _names(before, "audit.fail_on") or ()
        with Bars(quiet=quiet) as bars:
            if before.finished:
                run = open_run(run_path)
            else:
                settings = _settings(before, config, ca_bundle)
                check_fail_on(settings.fail_on)
                fail_on = settings.fail_on
                run = interrupts.run(lambda: resume(settings, run_path, bars, reports=RUNS))
            with closing(run):
                mend(run, bars)
                page = draw(run, out, bars)
        line.tally = present(run, page, output)
        sys.exit(exit_code(run, fail_on))


def _settings(run: RunFolder, config: Path | None, ca_bundle: Path | None) -> Settings:
    """The settings the run was begun with: its file (unless another is named), and what flags had said."""
    asked: dict[str, Any] = run.manifest.get("question", {})
    recorded = run.manifest.get("settings_file") or None
    file = find_config(config) if config is not None or recorded is None else Path(recorded)
    flags = {
        "network.ca_bundle": ca_bundle or _flag(run, "network.ca_bundle"),
        "audit.workloads": tuple(asked.get("workloads", ())),
        "audit.reference": asked.get("reference"),
        "audit.include": tuple(asked.get("include", ())),
        "audit.exclude_groups": tuple(asked.get("exclude_groups", ())),
        "audit.photos": asked.get("photos"),
        "audit.shard_users": asked.get("shard_users"),
        "audit.fail_on": _names(run, "audit.fail_on"),
        "audit.require": _names(run, "audit.require"),
    }
    return load(file, flags, scope_users=tuple(asked.get("users", ())), scope_groups=tuple(asked.get("groups", ())))


def _flag(run: RunFolder, name: str) -> str | None:
    """What a flag of the interrupted command had said; files and the environment speak for themselves again."""
    found = (one for one in run.manifest.get("settings", []) if one["name"] == name)
    return next((str(one["value"]) for one in found if str(one["origin"]).startswith("flag")), None)


def _names(run: RunFolder, name: str) -> tuple[str, ...] | None:
    text = _flag(run, name)
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else None
