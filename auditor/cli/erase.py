"""`photo-auditor erase`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from auditor.cli.ending import endings
from auditor.cli.outcome import RUNS, draw_again
from auditor.cli.progress import Bars
from auditor.report.text import count, visible
from auditor.runs.erase import Traces, erase, traces
from auditor.runs.files import account
from auditor.runs.folder import open_run
from auditor.runs.listing import runs_in

NO_TRACE, TRACES_LEFT = 0, 1


@click.command("erase")
@click.argument("run_paths", metavar="[RUN]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--user", "user", required=True, metavar="U", help="Whom: object id, user principal name or mail address."
)
@click.option(
    "--runs",
    "folder",
    type=click.Path(path_type=Path),
    help=f"Every run in this folder [default: {RUNS}, without RUN].",
)
@click.option("--yes", is_flag=True, help="Erase. Without it only what would go is told.")
def command(run_paths: tuple[Path, ...], user: str, folder: Path | None, yes: bool) -> None:
    """Remove every trace of one person from runs and their reports.

    The person's rows, pictures and fingerprints go, and what other people's findings say of them; reports are drawn
    again. It cannot be undone. The manifest records when, who asked (the account on this machine) and a salted digest
    of the person's object id. An erasure that was interrupted is finished by running it again. Copies of a report that
    were sent or moved elsewhere are not found.

    Exit codes: 0 no trace is left, 1 traces are left (without --yes, or in files that are not ours), 2 usage, no run
    or more than one user of that name.
    """
    with endings(again="Run the same command again: an erasure that was begun is finished then."):
        paths = [*run_paths, *(runs_in(folder or RUNS) if folder or not run_paths else ())]
        left = [_in_run(path, user, yes=yes) for path in paths]
        if not paths:
            click.echo(f"There is no run in {folder or RUNS}.")
        elif any(left) and not yes:
            click.echo("Nothing was erased yet. It cannot be undone; to erase, add --yes.")
        sys.exit(TRACES_LEFT if any(left) else NO_TRACE)


def _in_run(path: Path, user: str, *, yes: bool) -> bool:
    """Erase in one run, or tell what would go; whether traces are left."""
    with closing(open_run(path, exclusive=yes)) as run:
        found = traces(run, user)
        if not found.any and run.manifest.get("underway", {}).get("what") != "erasure":
            click.echo(visible(f"{path}: no trace."))
            return False
        if not yes:
            click.echo(visible(f"{path}: {_told(found)}."))
            return True
        others = erase(run, user, account())
        with Bars() as bars:
            drawn = draw_again(run, bars) if run.finished else []
    again = f" {count(len(drawn), 'report')} drawn again." if drawn else ""
    click.echo(visible(f"{path}: erased {_told(found)}.{again}"))
    for file in others:
        click.echo(visible(f"{file} is no file of ours and still names the person. Look at it."), err=True)
    return bool(others)


def _told(found: Traces) -> str:
    parts = [
        count(int(found.user), "user") if found.user else "",
        count(found.rows, "row") if found.rows else "",
        count(found.pictures, "picture") if found.pictures else "",
        f"{count(found.findings, 'row')} of other people that name or show them" if found.findings else "",
        "the manifest's mention" if found.manifest else "",
    ]
    return ", ".join(part for part in parts if part) or "what an interrupted erasure had left"
