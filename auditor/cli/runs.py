"""`photo-auditor runs`: which there are, sharing them, and dropping what is older than it is needed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from auditor.cli.ending import endings
from auditor.cli.options import output_option, print_json, talk
from auditor.cli.outcome import RUNS, draw_again
from auditor.cli.progress import Bars
from auditor.report.history import as_csv, document, history
from auditor.report.history import lines as history_lines
from auditor.report.history_page import write_history
from auditor.report.text import count, visible
from auditor.runs.baselines import runs_and_baselines
from auditor.runs.files import account, make_folder
from auditor.runs.folder import open_run
from auditor.runs.listing import Listed, list_runs, runs_in
from auditor.runs.manifest import RunError
from auditor.runs.prune import FINGERPRINTS_DAYS, PICTURES_DAYS, Due, Keeping, due, prune
from auditor.runs.sharing import share, take_back


@click.group("runs")
def command() -> None:
    """List runs, their numbers over time, share them with a group, and drop what is older than it is needed."""


_RUNS = click.option(
    "--runs", "folder", type=click.Path(path_type=Path), default=RUNS, show_default=True, help="The folder of the runs."
)


@command.command("list")
@_RUNS
@output_option
def list_command(folder: Path, output: str) -> None:
    """The runs of a folder, the oldest first: state, users, pictures and fingerprints that they hold."""
    with endings():
        found = list_runs(runs_in(folder))
        if output == "json":
            rows = [asdict(one) | {"path": str(one.path), "when": one.when and one.when.isoformat()} for one in found]
            print_json(rows)
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
    help="Of each of the last N calendar months keep the fingerprints of one run of a tenant, whatever their age: a"
    " complete one before an incomplete one, then the one of the most workloads, then the newest. Pictures go all the"
    " same.",
)
@click.option("--yes", is_flag=True, help="Drop it. Without it only what would go is told.")
@output_option
def prune_command(
    folder: Path, pictures_days: int, fingerprints_days: int, keep_monthly: int, yes: bool, output: str
) -> None:
    """Drop pictures and fingerprints that are older than they are needed.

    Names, verdicts and numbers stay, and baselines are left as they are; reports are drawn again without the pictures.
    What was dropped is recorded in the manifest. To be rid of a whole run, delete its folder.
    """  # fmt: skip
    with endings(again="Run the same command again: a pruning that was begun is finished then."):
        say = talk(output)
        keeping = Keeping(pictures_days, fingerprints_days, keep_monthly)
        found, problems = due(runs_and_baselines(folder), keeping, datetime.now(UTC))
        for one in found:
            if yes:
                _prune(one)
            say(visible(f"{one.path}: {_told(one)}{' dropped' if yes else ''} ({count(one.age, 'day')} old)."))
        if not found:
            say("Nothing is older than it may be.")
        elif not yes:
            say("Nothing was dropped yet. It cannot be undone; to drop it, add --yes.")
        if output == "json":
            print_json([asdict(one) | {"path": str(one.path), "dropped": yes} for one in found])
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


@command.command("history")
@_RUNS
@click.option("--tenant", metavar="T", help="This tenant's runs only: its id or domain.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page with charts instead of lines here. It holds numbers alone.",
)
@click.option(
    "--output",
    "--format",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    show_default=True,
    help="Lines for people; CSV or one JSON document on stdout for scripts.",
)
def history_command(folder: Path, tenant: str | None, html: Path | None, output: str) -> None:
    """The shares and each workload's drift over the finished runs of a folder, the oldest first.

    Runs about a selection of users and unfinished ones are passed over. Nothing here names a person.
    """
    if html is not None and output != "text":
        raise click.UsageError("Give --html or --output, not both.")
    with endings(again="Run the same command again."):
        told = history(runs_in(folder), tenant)
        for problem in told.problems:
            click.echo(visible(f"Passed over: {problem}"), err=True)
        if output == "csv":
            click.echo(as_csv(told).encode(), nl=False)
            return
        if output == "json":
            print_json(document(told))
            return
        if not told.points:
            whose = f" of {tenant}" if tenant else ""
            raise RunError(f"There is no finished run{whose} about a whole tenant in {folder}.")
        if html is not None:
            make_folder(html.resolve().parent)
            write_history(told, html)
            click.echo(visible(f"Written: {html.resolve()}"))
            return
        lines = list(history_lines(told))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            click.echo(visible("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()))


@command.command("share")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--group", metavar="G", help="The group of this machine that may read the run from now on.")
@click.option("--nobody", is_flag=True, help="Take it back: nobody but the owner may read the run.")
@output_option
def share_command(run_path: Path, group: str | None, nobody: bool, output: str) -> None:
    """Make a finished run readable to a group of this machine, pictures and fingerprints too (Linux, macOS).

    Folders become 0750 and files 0640, those that are written later as well. When, who asked and which group is
    recorded in the manifest. A report outside the run folder is not shared.
    """
    if nobody == (group is not None):
        raise click.UsageError("Give --group G, or --nobody.")
    with endings(again="Run the same command again."):
        with closing(open_run(run_path)) as run:
            closed: list[Path] = []
            if group is not None:
                closed = share(run, group, account())
            else:
                take_back(run, account())
            entry = run.manifest["shares"][-1]
        for folder in closed:
            click.echo(
                visible(
                    f"The group {group} cannot pass the folder {folder}. To let it through, without letting it look"
                    f" around: chgrp {group} {folder} && chmod g+x {folder}"
                ),
                err=True,
            )
        if output == "json":
            print_json({"run": str(run_path), **entry, "closed": [str(folder) for folder in closed]})
        elif group is None:
            click.echo(visible(f"{run_path}: readable to its owner alone."))
        else:
            click.echo(visible(f"{run_path}: readable to the group {group}."))
