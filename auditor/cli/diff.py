"""`photo-auditor diff`: what changed between two runs, or what a migration did."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click

from auditor.changes.between import Changes, between
from auditor.changes.migration import Migration, migration
from auditor.changes.pairing import pair, read_mapping, read_renames
from auditor.changes.sides import Side, read_side, tells_of
from auditor.cli.ending import DRIFTED, INCOMPLETE, NO_DRIFT, endings
from auditor.cli.options import names
from auditor.cli.outcome import RUNS
from auditor.model import DRIFT, Change, Outcome, Verdict
from auditor.report.changes import lines, write_csv, write_json, write_page
from auditor.report.files import replacing
from auditor.report.text import visible
from auditor.runs.baselines import find, runs_and_baselines
from auditor.runs.files import make_folder
from auditor.runs.folder import open_run
from auditor.runs.listing import when
from auditor.runs.manifest import RunError
from auditor.settings import SettingsError

MOST_EARLIER = 24
"""So many earlier runs are looked at by themselves: two years of months."""
_WORSE_OUTCOMES = frozenset(
    {Outcome.LOST, Outcome.WRONG_PERSON, Outcome.REPLACED, Outcome.EDITED, Outcome.NOT_MAPPED}
)  # fmt: skip


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option(
    "--runs",
    "folder",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="The folder of the runs and baselines; earlier runs of it tell since when a copy is stale.",
)
@click.option(
    "--history",
    multiple=True,
    metavar="RUN",
    help="An earlier run, or a baseline, to look at too; may be repeated. Without it, those of --runs are.",
)
@click.option("--no-history", is_flag=True, help="Look at A and B alone.")
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    help="A and B are of two tenants: a CSV file with the columns old_upn and new_upn says who is who.",
)
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="A and B are of two tenants: whoever was at the domain OLD is at NEW; may be repeated. A mapping wins.",
)
@click.option(
    "--no-find-owner",
    is_flag=True,
    help="Do not look whose photo a wrong one is, nor for one picture on several accounts.",
)
@click.option(
    "--format",
    "--output",
    "form",
    type=click.Choice(["text", "csv", "json", "html"]),
    default="text",
    show_default=True,
    help="Lines for people, every row as CSV or JSON, or a page.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, not to stdout.")
@click.option(
    "--fail-on",
    callback=names(),
    metavar="WHAT,…",
    help="What makes the exit code 1: changes, verdicts now, 'drift', 'worse' or 'none'; across tenants outcomes,"
    " 'worse' or 'none' [default: worse].",
)
def command(
    *,
    before: str,
    after: str,
    folder: Path,
    history: tuple[str, ...],
    no_history: bool,
    mapping: Path | None,
    renames: tuple[str, ...],
    no_find_owner: bool,
    form: str,
    out: Path | None,
    fail_on: tuple[str, ...] | None,
) -> None:
    """Tell what changed from the run A to the run B: per user and workload new, fixed, still, changed, appeared, gone.

    A and B are run folders or names of baselines. Whether a photo is another than before is judged by the pictures'
    fingerprints, never by their bytes alone. With --mapping or --rename A and B are of two tenants, and what is told is
    what became of each photo: arrived, shrunk, edited, replaced, wrong_person, lost, added.

    'worse' is drift that is new, or that came with a new user; across tenants what was lost, edited, replaced, landed
    on the wrong person or has nobody to go to. Drift that B accepts (accepted exceptions) never counts.

    Exit codes: 0 nothing that counts (--fail-on), 1 something, 2 usage or a run that cannot be used, 3 an unforeseen
    error, 4 a run is incomplete, or the two cannot be compared; 3 beats 4 beats 1.
    """
    across = mapping is not None or bool(renames)
    if across and (history or no_history):
        raise click.UsageError("--history and --no-history are for two runs of one tenant.")
    if history and no_history:
        raise click.UsageError("Give --history or --no-history, not both.")
    with endings(again="Nothing was changed: compare again."):
        counted = _counted(fail_on or ("worse",), across=across)
        mapped, renamed = read_mapping(mapping) if mapping else {}, read_renames(renames)
        a, b = read_side(find(folder, before)), read_side(find(folder, after))
        found: Changes | Migration
        if across:
            found = migration(a, b, pair(a, b, mapped, renamed), find_owner=not no_find_owner)
        else:
            earlier = () if no_history else _named(folder, history) if history else _found(folder, a, b)
            found = between(a, b, tuple(earlier), find_owner=not no_find_owner)
        _write(found, form, out)
        sys.exit(_code(found, counted))


def _named(folder: Path, history: tuple[str, ...]) -> Iterator[Side]:
    yield from (read_side(find(folder, one)) for one in history)


def _found(folder: Path, a: Side, b: Side) -> Iterator[Side]:
    """The finished runs before B that lie where the runs do and tell something of it, each once, the newest of them.

    Those about other people go behind the others: there may be one for every ticket.
    """
    found: dict[str, tuple[bool, datetime, Path]] = {}
    asked = _asked(b.run.manifest)
    for path in runs_and_baselines(folder) if folder.is_dir() else ():
        try:
            run = open_run(path, exclusive=False)
        except RunError:
            continue  # it takes no part in what was asked
        moment = when(run)
        if not run.finished or run.manifest.get("underway") or not tells_of(run.manifest, b):
            continue
        if moment and moment < b.moment:
            fits = _asked(run.manifest) in {(), asked}
            found.setdefault(str(run.manifest.get("run_id", path)), (fits, moment, path))
    known = {a.run_id, b.run_id}
    earlier = sorted((one for run_id, one in found.items() if run_id not in known), reverse=True)
    if len(earlier) > MOST_EARLIER:
        click.echo(f"The newest {MOST_EARLIER} of {len(earlier)} earlier runs are looked at.", err=True)
    for *_, path in earlier[:MOST_EARLIER]:
        try:
            yield read_side(path)
        except RunError as error:
            click.echo(visible(f"Passed over: {error}"), err=True)


def _asked(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The users and groups that a run was confined to; empty where it was about everybody."""
    question = manifest.get("question", {})
    return tuple(str(one) for name in ("users", "groups") for one in question.get(name) or ())


def _write(found: Changes | Migration, form: str, out: Path | None) -> None:
    if out is not None:
        make_folder(out.parent)
        with replacing(out) as file:
            _into(found, form, file)
        click.echo(visible(f"Written: {out.resolve()}"), err=True)
        return
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")  # type: ignore[union-attr]
    _into(found, form, sys.stdout)


def _into(found: Changes | Migration, form: str, file: TextIO) -> None:
    if form == "text":
        file.writelines(f"{one}\n" for one in lines(found))
    else:
        {"csv": write_csv, "json": write_json, "html": write_page}[form](found, file)


def _counted(fail_on: tuple[str, ...], *, across: bool) -> frozenset[str]:
    """The words that count; raises `SettingsError` for one that means nothing here, before anything is read."""
    known = (
        {"worse", "none", *map(str, Outcome)} if across else {"worse", "none", "drift", *map(str, (*Change, *Verdict))}
    )
    for name in fail_on:
        if name not in known:
            raise SettingsError(f"--fail-on is '{name}'; it can be {', '.join(sorted(known))}.")
    return frozenset(fail_on)


def _code(found: Changes | Migration, counted: frozenset[str]) -> int:
    if not found.complete:
        return INCOMPLETE
    rows = found.rows
    if isinstance(found, Migration):
        wanted = counted | (_WORSE_OUTCOMES if "worse" in counted else set())
        bad = rows["outcome"].isin(wanted) & (rows["old_user_id"] != "")
        return DRIFTED if bad.any() else NO_DRIFT
    drifts = rows["verdict_after"].isin([str(one) for one in DRIFT])
    bad = rows["change"].isin(counted) | rows["verdict_after"].isin(counted)
    if "drift" in counted:
        bad |= drifts
    if "worse" in counted:
        bad |= (rows["change"] == Change.NEW) | ((rows["change"] == Change.APPEARED) & drifts)
    bad &= rows["accepted"] == ""  # as of the later run itself: what it accepts fails nothing
    return DRIFTED if bad.any() else NO_DRIFT
