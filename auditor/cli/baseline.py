"""`photo-auditor baseline`: name a finished run, so that later ones can be held against it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import Any

import click

from auditor.cli.ending import endings
from auditor.cli.options import output_option, print_json
from auditor.cli.outcome import RUNS
from auditor.report.text import visible
from auditor.runs.baselines import Baseline, baselines, find, save, show
from auditor.runs.manifest import RunError


@click.group("baseline")
def command() -> None:
    """Name a finished run, so that later ones can be held against it."""


_RUNS = click.option(
    "--runs",
    "folder",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="The folder of the runs; baselines lie in its folder baselines.",
)


@command.command("save")
@click.argument("run", metavar="RUN")
@click.option("--name", required=True, help="Letters, digits, '.', '_' and '-', at most 64.")
@click.option("--replace", is_flag=True, help="Put the run in the place of a baseline of that name.")
@_RUNS
@output_option
def save_command(run: str, name: str, replace: bool, folder: Path, output: str) -> None:
    """Save a finished run as a baseline: users, observations and verdicts, no pictures.

    It outlives the run's folder. It holds names and fingerprints: erase reaches it as it reaches runs. To
    be rid of a baseline, delete its folder.
    """
    with endings(again="Nothing was saved: run the same command again."):
        made = save(folder, find(folder, run), name, replace=replace)
        if output == "json":
            print_json(_document(made))
        else:
            click.echo(visible(f"Saved the run {run} as the baseline {name} ({made.path})."))


@command.command("list")
@_RUNS
@output_option
def list_command(folder: Path, output: str) -> None:
    """The baselines, by name."""
    with endings():
        found = baselines(folder)
        usable = [one for one in found if not one.problem]
        if output == "json":
            print_json([_document(one) for one in found])
        elif not found:
            click.echo(visible(f"There is no baseline in {folder}. Save one: photo-auditor baseline save RUN --name N"))
        elif usable:
            lines = [("NAME", "RUN OF", "TENANT", "USERS", "FINGERPRINTS"), *map(_row, usable)]
            widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
            for line in lines:
                click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if problems := [f"{one.name}: {one.problem}" for one in found if one.problem]:
            raise RunError(" ".join(problems))


def _row(one: Baseline) -> tuple[str, ...]:
    held = "kept" if one.fingerprints else "dropped"
    return visible(one.name), _day(one), visible(one.tenant), f"{one.users:,}", held


@command.command("show")
@click.argument("name", metavar="NAME")
@_RUNS
@output_option
def show_command(name: str, folder: Path, output: str) -> None:
    """One baseline: whose, when, of how many users, and where it lies."""
    with endings():
        one = show(folder, name)
        if output == "json":
            print_json(_document(one))
            return
        told = [
            ("baseline", one.name),
            ("folder", str(one.path)),
            ("run of", _day(one)),
            ("run", f"{one.run_id}, saved from {one.run}"),
            ("saved", f"{one.saved} by {one.saved_by or 'an unnamed account'}"),
            ("tenant", one.tenant),
            ("users", f"{one.users:,}"),
            ("workloads", f"{', '.join(one.workloads)}; reference {one.reference}"),
            ("complete", "yes" if one.complete else "no: not everything could be learned"),
            (
                "fingerprints",
                f"kept, recipe {one.recipe}" if one.fingerprints else "dropped: photos cannot be compared",
            ),
            ("digest", one.seal),
        ]
        for label, value in told:
            click.echo(visible(f"{label:<13}{value}"))


def _day(one: Baseline) -> str:
    return one.when.astimezone(UTC).strftime("%Y-%m-%d") if one.when else "?"


def _document(one: Baseline) -> dict[str, Any]:
    return asdict(one) | {"path": str(one.path), "when": one.when and one.when.isoformat()}
