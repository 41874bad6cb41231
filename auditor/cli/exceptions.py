"""`photo-auditor exceptions`: check the file of accepted exceptions, and write entries to paste into it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import click

from auditor.cli.ending import endings
from auditor.cli.options import output_option, print_json
from auditor.cli.outcome import judged_with
from auditor.exceptions import EXCEPTIONS, day_of, drafted, read_file, recorded_file
from auditor.model import DRIFT, Verdict, Workload
from auditor.report.facts import read
from auditor.report.text import count, visible
from auditor.runs.files import account
from auditor.runs.folder import open_run
from auditor.runs.manifest import RunError
from auditor.runs.people import find, view_of

TO_FILL = "WHY THIS IS ACCEPTED"
_HALF_A_YEAR = timedelta(days=182)


@click.group("exceptions")
def command() -> None:
    """Check the file of accepted exceptions, and write entries to paste into it.

    An audit accepts what `exceptions.toml` beside the settings file says, or the file that --exceptions names: the
    findings stay, with their reason, and do not fail the run.
    """


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--run", "run_path", type=click.Path(path_type=Path), help="Tell what each entry accepts of this run.")
@output_option
def check_command(file: Path, run_path: Path | None, output: str) -> None:
    """Check a file of accepted exceptions; with --run tell what each entry accepts of a finished run.

    Exit codes: 0 the file can be used, 2 it cannot; the entry and its line are named.
    """
    with endings():
        entries = read_file(file)
        applied = recorded_file(file)
        day = datetime.now(UTC).date()
        if run_path is not None:
            view = judged_with(open_run(run_path, exclusive=False), applied)
            applied, day = view.manifest[EXCEPTIONS], day_of(view.manifest)
        if output == "json":
            print_json(applied)
            return
        click.echo(visible(f"{file}: {count(len(entries), 'entry', 'entries')}."))
        if run_path is None:
            for number, entry in enumerate(entries, 1):
                ended = " It has ended." if entry.until < day else ""
                # A missing picture has no digest.
                shows = set(entry.verdicts) - {Verdict.MISSING.value}
                any_ = " It accepts any photo: it has no sha256." if shows and not entry.sha256 else ""
                click.echo(visible(f"{number}. {entry.user or dict(entry.filter)}: {entry.sentence}{any_}{ended}"))
            return
        for number, item in enumerate(read({EXCEPTIONS: applied}).exceptions, 1):
            told = f"{count(item.findings, 'copy', 'copies')}, {item.state}"
            click.echo(visible(f"{number}. {item.whose}, {item.where}: {told}."))


@command.command("draft")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("user", metavar="USER")
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    type=click.Choice([str(one) for one in Workload]),
    help="This workload's copy only; may be repeated.",
)
@click.option("--reason", default=TO_FILL, show_default=True, help="Why it is accepted.")
@click.option("--who", help="Who answers for it [default: this account].")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The last day on which it holds [default: in half a year].",
)
@click.option("--any-photo", is_flag=True, help="Accept whatever photo it is later: without the digests.")
def draft_command(
    run_path: Path,
    user: str,
    workloads: tuple[str, ...],
    reason: str,
    who: str | None,
    until: datetime | None,
    any_photo: bool,
) -> None:
    """Print the entries that would accept a user's findings in a finished run, to paste into exceptions.toml.

    USER is an object id, a user principal name or a mail address. Each entry holds the digests of the photo and of the
    reference's, so that it comes back when one of them changes.
    """
    with endings():
        run = open_run(run_path, exclusive=False)
        found = find(run, user)
        if found is None:
            raise RunError(f"The run {run_path} has no user '{user}'.")
        verdicts = view_of(run, found).verdicts
        own = verdicts[verdicts["workload"] == verdicts["reference"]]
        held = str(own["sha256"].iloc[0]) if len(own) else ""
        drifting = verdicts[verdicts["verdict"].isin([verdict.value for verdict in DRIFT])]
        if workloads:
            drifting = drifting[drifting["workload"].isin(workloads)]
        if drifting.empty:
            raise RunError(f"The run {run_path} found no copy of '{user}' that differs{' there' if workloads else ''}.")
        drifting = drifting.assign(reference_sha256=held)
        if any_photo:
            drifting = drifting.assign(sha256="", reference_sha256="")
        rows = cast("list[dict[str, Any]]", drifting.to_dict("records"))
        day: date = until.date() if until else datetime.now(UTC).date() + _HALF_A_YEAR
        click.echo(drafted(rows, reason=reason, who=who or account() or "?", until=day), nl=False)
