"""`photo-auditor runs`: which there are, and dropping what is older than it is needed."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from auditor.cli.ending import endings
from auditor.cli.outcome import RUNS, draw_again
from auditor.cli.progress import Bars
from auditor.report.text import count, visible
from auditor.runs.files import account
from auditor.runs.folder import open_run
from auditor.runs.listing import Listed, list_runs, runs_in
from auditor.runs.manifest import RunError
from auditor.runs.prune import FINGERPRINTS_DAYS, PICTURES_DAYS, Due, Keeping, due, prune


@click.group("runs")
def command() -> None:
    """List runs, and drop what is older than it is needed."""


_RUNS = click.option(
    "--runs", "folder", type=click.Path(path_type=Path), default=RUNS, show_default=True, help="The folder of the runs."
)


@command.command("list")
@_RUNS
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="A table, or JSON."
)
def list_command(folder: Path, output: str) -> None:
    """The runs of a folder, the oldest first: state, users, pictures and fingerprints that they hold."""
    with endings():
        found = list_runs(runs_in(folder))
        if output == "json":
            rows = [asdict(one) | {"path": str(one.path), "when": one.when and one.when.isoformat()} for one in found]
            click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
            return
        lines = [("RUN", "WHEN", "STATE", "USERS", "PICTURES", "FINGERPRINTS", "ERASURES"), *map(_row, found)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if not found:
            click.echo(visible(f"There is no run in {folder}."))


def _row(one: Listed) -> tuple[str, ...]:
    return (
        visible(str(one.path)),
        one.when.astimezone(UTC).strftime("%Y-%m-%d") if one.when else "?",
        one.state,
        f"{one.users:,}",
        f"{one.pictures:,} ({one.picture_bytes / 1e6:.1f} MB)" if one.pictures else "none",
        "kept" if one.fingerprints else "dropped",
        str(one.erasures),
    )


@command.command("prune")
@_RUNS
@click.option(
    "--pictures-days",
    type=click.IntRange(0),
    default=PICTURES_DAYS,
    show_default=True,
    help="Drop pictures that are older.",
)
@click.option(
    "--fingerprints-days",
    type=click.IntRange(0),
    default=FINGERPRINTS_DAYS,
    show_default=True,
    help="Drop fingerprints that are older.",
)
@click.option(
    "--keep-monthly",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Keep the fingerprints of the last run of each of the last N months that have one, whatever their age."
    " Pictures go all the same.",
)
@click.option("--yes", is_flag=True, help="Drop it. Without it only what would go is told.")
def prune_command(folder: Path, pictures_days: int, fingerprints_days: int, keep_monthly: int, yes: bool) -> None:
    """Drop pictures and fingerprints that are older than they are needed.

    Names, verdicts and numbers stay; reports are drawn again without the pictures. What was dropped is recorded in the
    manifest. To be rid of a whole run, delete its folder.
    """  # fmt: skip
    with endings(again="Run the same command again: a pruning that was begun is finished then."):
        keeping = Keeping(pictures_days, fingerprints_days, keep_monthly)
        found, problems = due(runs_in(folder), keeping, datetime.now(UTC))
        for one in found:
            if yes:
                _prune(one)
            click.echo(visible(f"{one.path}: {_told(one)}{' dropped' if yes else ''} ({count(one.age, 'day')} old)."))
        if not found:
            click.echo("Nothing is older than it may be.")
        elif not yes:
            click.echo("Nothing was dropped yet. It cannot be undone; to drop it, add --yes.")
        if problems:
            raise RunError(" ".join(problems))


def _prune(what: Due) -> None:
    with closing(open_run(what.path)) as run:
        prune(run, what, account())
        if run.finished:
            with Bars() as bars:
                draw_again(run, bars)


def _told(one: Due) -> str:
    parts = [
        count(one.pictures, "picture") if one.pictures else "",
        "fingerprints" if one.fingerprints else "",
        "checkpoints of an interrupted run" if one.work else "",
    ]
    return " and ".join(part for part in parts if part) or "what an interrupted pruning had left"
