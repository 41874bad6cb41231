"""`photo-auditor explain`: what one user's photos are like, why they differ, and what mends it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from auditor import interrupts
from auditor.audit import audit
from auditor.cli.ending import DRIFTED, INCOMPLETE, NO_DRIFT, check_fail_on, endings, verdicts_of
from auditor.cli.options import CA_BUNDLE_HELP, config_option, find_config, output_option, print_json
from auditor.cli.outcome import RUNS
from auditor.cli.progress import Bars
from auditor.model import Workload
from auditor.report.files import replacing
from auditor.report.text import visible
from auditor.report.ticket import Ticket, ticket
from auditor.report.ticket_text import lines, markdown
from auditor.report.user_page import write_user_page
from auditor.runs.files import make_folder
from auditor.runs.folder import open_run
from auditor.runs.listing import runs_in, when
from auditor.runs.manifest import RunError
from auditor.runs.people import Found, find, view_of
from auditor.runs.view import RunView
from auditor.settings import Settings, load


@click.command("explain")
@click.argument("user", metavar="USER")
@config_option
@click.option("--last-run", is_flag=True, help="Ask nobody: read the newest finished run that knows the user.")
@click.option("--run", "run_path", type=click.Path(path_type=Path), help="Ask nobody: read this finished run.")
@click.option(
    "--runs",
    "folder",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="Where --last-run looks.",
)
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    type=click.Choice([str(one) for one in Workload]),
    help="Ask this workload only; may be repeated.",
)
@click.option("--ca-bundle", type=click.Path(path_type=Path), help=CA_BUNDLE_HELP)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with this user alone.")
@click.option(
    "--markdown",
    "text",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a text for a ticket.",
)
@output_option
@click.option("--quiet", is_flag=True, help="No progress bars.")
def command(
    *,
    user: str,
    config: Path | None,
    last_run: bool,
    run_path: Path | None,
    folder: Path,
    workloads: tuple[str, ...],
    ca_bundle: Path | None,
    html: Path | None,
    text: Path | None,
    output: str,
    quiet: bool,
) -> None:
    """Tell what one user's photos are like now, why they differ, and what mends it.

    USER is a user principal name, an object id or a mail address. Every configured workload is asked about this user
    alone, whatever class of account it is; nothing of it is kept but what --html and --markdown write. With --last-run
    or --run nobody is asked, and only a user of that run can be explained.

    Exit codes as for audit: 0 no drift, 1 drift, 2 usage, settings or no such user, 3 could not ask, 4 a copy could not
    be learned, 130 interrupted.
    """  # fmt: skip
    if last_run and run_path is not None:
        raise click.UsageError("Give --last-run or --run, not both.")
    if (last_run or run_path is not None) and (workloads or config is not None or ca_bundle is not None):
        raise click.UsageError("--last-run and --run ask nobody: leave --config, --workload and --ca-bundle out.")
    with endings(again="Nothing was kept: ask again."):
        if last_run or run_path is not None:
            path, found = _in_run(run_path, user) if run_path is not None else _in_last_run(folder, user)
            run = open_run(path, exclusive=False)
            _finish(view_of(run, found), _recorded(run.manifest), html, text, output, fresh=False)
        given = {"network.ca_bundle": ca_bundle, "audit.workloads": workloads}
        settings = load(find_config(config), given, scope_users=(user,))
        check_fail_on(settings.fail_on)
        with _asked(settings, quiet=quiet) as view:
            _finish(view, settings.fail_on, html, text, output, fresh=True)


@contextmanager
def _asked(settings: Settings, *, quiet: bool) -> Iterator[RunView]:
    """A run of its own about one user, in a temporary folder that only this account reads and that goes at the end."""
    # For the page; unless nobody wants pictures on this disk at all.
    settings = settings if settings.photos == "none" else replace(settings, photos="all")
    # And what is asked now is read now.
    settings = replace(settings, baseline="")
    with tempfile.TemporaryDirectory(prefix="photo-auditor-explain-") as folder:
        with Bars(quiet=quiet) as bars:
            run = interrupts.run(lambda: audit(settings, Path(folder) / "run", bars))
        with closing(run):
            yield run.view()


def _in_run(path: Path, user: str) -> tuple[Path, Found]:
    run = open_run(path, exclusive=False)
    if found := find(run, user):
        return path, found
    raise RunError(
        f"The run {path} has no user '{user}': not in its scope, or not in the directory when it was made."
        " Ask now instead, without --run."
    )


def _in_last_run(folder: Path, user: str) -> tuple[Path, Found]:
    """The newest finished run that knows the user; one about other users only does not stand in the way."""
    runs = []
    for path in runs_in(folder):
        try:
            run = open_run(path, exclusive=False)
        except RunError as error:
            click.echo(visible(f"Passed over: {error}"), err=True)
            continue
        if run.finished and (moment := when(run)):
            runs.append((moment, run))
    for _, run in sorted(runs, key=lambda one: one[0], reverse=True):
        if found := find(run, user):
            return run.path, found
    if not runs:
        raise RunError(f"There is no finished run in {folder}. Name another folder with --runs, or ask now.")
    raise RunError(
        f"None of the {len(runs)} finished runs in {folder} has a user '{user}': not in their scope, or not in the"
        " directory when they were made. Ask now instead, without --last-run."
    )


def _recorded(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """What the run's own settings let count as drift."""
    named = (one["value"] for one in manifest.get("settings", ()) if one["name"] == "audit.fail_on")
    return tuple(part.strip() for part in str(next(named, "")).split(",") if part.strip())


def _finish(
    view: RunView, fail_on: tuple[str, ...], html: Path | None, text: Path | None, output: str, *, fresh: bool
) -> None:
    """Print and write what is asked for, and end with the exit code."""
    one = ticket(view, fresh=fresh)
    if html is not None:
        make_folder(html.parent)
        write_user_page(view, html)
    if text is not None:
        make_folder(text.parent)
        with replacing(text) as file:
            file.writelines(f"{line}\n" for line in markdown(one))
    if output == "json":
        print_json(one.document())
    else:
        for line in lines(one):
            click.echo(line)
    for file_ in (html, text):
        if file_ is not None:
            click.echo(visible(f"Written: {file_.resolve()}"), err=True)
    sys.exit(_code(one, fail_on))


def _code(one: Ticket, fail_on: tuple[str, ...]) -> int:
    if one.incomplete:
        return INCOMPLETE
    wanted = verdicts_of(fail_on)
    return DRIFTED if any(copy.verdict in wanted and not copy.accepted for copy in one.copies) else NO_DRIFT
