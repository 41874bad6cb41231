"""`photo-auditor erase`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from auditor.cli.ending import endings
from auditor.cli.options import output_option, print_json, talk
from auditor.cli.outcome import RUNS, draw_again
from auditor.cli.progress import Bars
from auditor.report.text import count, visible
from auditor.runs.baselines import drop_unfinished, runs_and_baselines
from auditor.runs.erase import Traces, erase, leftovers, traces
from auditor.runs.files import account
from auditor.runs.folder import open_run
from auditor.runs.whom import Person, Whom, identify, person_in

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
    help=f"Every run and baseline in this folder [default: {RUNS}, without RUN].",
)
@click.option("--yes", is_flag=True, help="Erase. Without it only what would go is told.")
@output_option
def command(run_paths: tuple[Path, ...], user: str, folder: Path | None, yes: bool, output: str) -> None:
    """Remove every trace of one person from runs and their reports.

    The person's rows, pictures and fingerprints go, and what other people's findings say of them; reports are drawn
    again. It cannot be undone. The manifest records when, who asked (the account on this machine) and a salted digest
    of the person's object id. An erasure that was interrupted is finished by running it again. Copies of a report that
    were sent or moved elsewhere are not found.

    Exit codes: 0 no trace is left, 1 traces are left (without --yes, or in files that are not ours), 2 usage, no run
    or more than one user of that name.
    """
    with endings(again="Run the same command again: an erasure that was begun is finished then."):
        if yes and (folder or not run_paths):
            drop_unfinished(folder or RUNS)
        paths = [*run_paths, *(runs_and_baselines(folder or RUNS) if folder or not run_paths else ())]
        say = talk(output)
        whom = identify(paths, user)
        erased = [_in_run(path, whom, say, yes=yes) for path in paths]
        # Drawn when nothing holds the person any more: a report names who left since an earlier run.
        done = [one if person is None else _drawn_again(one, person, say) for one, person in erased]
        left = any(one["traces_left"] for one in done)
        if not paths:
            say(f"There is no run in {folder or RUNS}.")
        elif left and not yes:
            say("Nothing was erased yet. It cannot be undone; to erase, add --yes.")
        if output == "json":
            print_json(done)
        sys.exit(TRACES_LEFT if left else NO_TRACE)


def _in_run(path: Path, whom: Whom, say: Callable[[str], None], *, yes: bool) -> tuple[dict[str, Any], Person | None]:
    """Erase in one run, or tell what would go: the same for a program, and who was erased."""
    with closing(open_run(path, exclusive=yes)) as run:
        person = person_in(run, whom)
        found = traces(run, person)
        if not found.any and run.manifest.get("underway", {}).get("what") != "erasure":
            say(visible(f"{path}: no trace."))
            return _document(path, found), None
        if not yes:
            say(visible(f"{path}: {_told(found)}."))
            return _document(path, found, traces_left=True), None
        erase(run, person, account())
    say(visible(f"{path}: erased {_told(found)}."))
    return _document(path, found, erased=True), person


def _drawn_again(done: dict[str, Any], person: Person, say: Callable[[str], None]) -> dict[str, Any]:
    """Draw the reports of a run from which somebody was erased, and look for what still names them."""
    with closing(open_run(Path(done["path"]))) as run:
        with Bars() as bars:
            drawn = draw_again(run, bars) if run.finished else []
        reports, others = leftovers(run, person)
    if drawn:
        say(visible(f"{run.path}: {count(len(drawn), 'report')} drawn again."))
    for file in reports:
        click.echo(visible(f"{file} was drawn again and still names the person. Delete it."), err=True)
    for file in others:
        click.echo(visible(f"{file} is no file of ours and still names the person. Look at it."), err=True)
    left = [*reports, *others]
    return done | {"traces_left": bool(left), "left_in": [str(file) for file in left]}


def _document(path: Path, found: Traces, **more: Any) -> dict[str, Any]:
    return {"path": str(path), "found": asdict(found), "erased": False, "traces_left": False, "left_in": []} | more


def _told(found: Traces) -> str:
    parts = [
        count(int(found.user), "user") if found.user else "",
        count(found.rows, "row") if found.rows else "",
        count(found.pictures, "picture") if found.pictures else "",
        f"{count(found.findings, 'row')} of other people that name or show them" if found.findings else "",
        count(found.exported, "exported file") if found.exported else "",
        "the manifest's mention" if found.manifest else "",
        count(found.told, "file of a report that names them", "files of a report that name them") if found.told else "",
    ]
    return ", ".join(part for part in parts if part) or "what an interrupted erasure had left"
