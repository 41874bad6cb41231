"""What a person sees when a run is over: the report's files, and the tallies on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from auditor.changes.between import Changes, between, incomparable
from auditor.changes.sides import can_compare, read_side
from auditor.cli.options import print_json
from auditor.collection import Progress
from auditor.exceptions import EXCEPTIONS, apply, day_of, of_manifest, outcome
from auditor.judgement import can_be_judged_otherwise, judged_under
from auditor.report import Tally, print_summary, tally, write_report
from auditor.report.carried import read as read_carried
from auditor.report.document import head
from auditor.report.since import SINCE, counted, kept_from, read_since
from auditor.report.text import count, visible
from auditor.runs.exports import CHANGES_TABLE, is_recorded, record, recorded
from auditor.runs.folder import RunFolder
from auditor.runs.manifest import RunError
from auditor.runs.view import RunView

RUNS = Path("reports")
"""Where runs go unless they are sent elsewhere."""


def draw(
    run: RunFolder,
    out: Path | None,
    progress: Progress,
    *,
    templates: Path | None = None,
    redact: bool = False,
    exceptions: Mapping[str, Any] | None = None,
) -> Path:
    """Draw the report into `out` (else RUN/report); the path of its page.

    `exceptions`: those to accept instead of the run's own, as the manifest would hold them.
    """
    target = out if out is not None else run.path / ("report-redacted" if redact else "report")
    progress.start("report", None)
    changes, kept = _since_baseline(run, progress)
    kept = kept and is_recorded(run, target / CHANGES_TABLE)
    view = judged_with(run, exceptions)
    if run.lock is not None:
        # Noted before and after: a report that breaks off must be found too when somebody is erased.
        record(run, target, redact=redact, templates=templates, exceptions=exceptions)
    paths = write_report(view, target, templates=templates, redact=redact, changes=changes, keep_changes=kept)
    if run.lock is not None:
        record(run, target, paths.written, redact=redact, templates=templates, exceptions=exceptions)
    progress.done("report")
    for file in paths.left:
        progress.tell(f"{file} of an earlier report still lies there, with names.")
    return paths.html


def _since_baseline(run: RunFolder, progress: Progress) -> tuple[Changes | None, bool]:
    """What changed since the run's baseline, noted in numbers in the manifest; None where there is none to be read.

    And whether what an earlier drawing told of it stays, because the baseline or its fingerprints are gone since.
    """
    entry = run.manifest.get("baseline")
    if not isinstance(entry, dict):
        return None, False
    found, note, compared = None, "", False
    try:
        before, after = read_side(Path(str(entry.get("path", "")))), read_side(run.path)
        if before.run_id != entry.get("run_id"):
            raise RunError(f"{before.run.path} holds another run now.")
        found = between(before, after, find_owner=run.manifest.get("find_owner", True) is True)
        compared = can_compare(before, after)
        why = "" if compared else f"{incomparable(before, after)}."
    except RunError as error:
        why = str(error)
        note = f"What changed since the baseline is not told: {why}"
    kept = None if compared else kept_from(run.manifest, why, better_than_nothing=found is None)
    if note and not kept:
        progress.tell(note)
    run.manifest[SINCE] = kept or counted(found, note, compared=compared)
    if run.lock is not None:
        run.update(**{SINCE: run.manifest[SINCE]})
    return (None, True) if kept else (found, False)


def draw_again(run: RunFolder, progress: Progress) -> list[Path]:
    """Draw every report that the run remembers and whose folder is still there; the paths of their pages."""
    pages = []
    for report in recorded(run):
        if report.folder.is_dir():
            templates = report.templates if report.templates and report.templates.is_dir() else None
            drawn = draw(
                run, report.folder, progress, templates=templates, redact=report.redact, exceptions=report.exceptions
            )
            pages.append(drawn)
    return pages


def judged_with(run: RunFolder, exceptions: Mapping[str, Any] | None) -> RunView:
    """The finished run as these exceptions make it; None leaves it as it was judged."""
    if exceptions is not None and can_be_judged_otherwise(run, exceptions):
        return judged_under(run, exceptions)
    return view_with(run.view(), exceptions)


def view_with(view: RunView, exceptions: Mapping[str, Any] | None) -> RunView:
    """The view as if these exceptions had been accepted instead of the run's own; None leaves it as it is."""
    if exceptions is None:
        return view
    manifest = {**view.manifest, EXCEPTIONS: exceptions}
    entries, day = of_manifest(manifest), day_of(manifest)
    applied = apply(entries, day, view.users, view.verdicts)
    told = {**exceptions, "outcome": outcome(entries, day, [applied])}
    verdicts = view.verdicts.assign(accepted=list(applied.sentences))
    return replace(view, manifest={**manifest, EXCEPTIONS: told}, verdicts=verdicts)


def present(
    run: RunFolder,
    page: Path,
    output: str = "text",
    *,
    redact: bool = False,
    exceptions: Mapping[str, Any] | None = None,
) -> Tally:
    """Print the tallies, why the run is incomplete if it is, and where the page is; or the same as JSON.

    Prints nothing where `output` is `line`: that comes at the very end (see `auditor.cli.logline`).
    """
    view = judged_with(run, exceptions)
    counts = tally(view)
    if output == "json":
        where = {"run_folder": str(run.path.resolve()), "page": str(page.resolve())}
        print_json(where | head(view, counts, redact=redact))
    if output != "text":
        return counts
    print_summary(counts, sys.stdout)
    if since := read_since(view.manifest):
        for told in filter(None, (since.sentence, since.note)):
            click.echo(visible(told))
    if (shared := run.manifest.get("shared_pictures", {})).get("pictures"):
        pictures, accounts = count(shared["pictures"], "picture"), count(shared["accounts"], "account")
        click.echo(f"{pictures} on several accounts ({accounts} in all): see the note of the reference's rows.")
    if carried := read_carried(view.manifest):
        for sentence in carried.sentences:
            click.echo(visible(sentence))
    for fact in view.manifest.get("tenant_facts", []):
        click.echo(visible(f"True for the whole tenant: {fact.get('sentence', '')}"))
    for sentence in view.manifest.get("incomplete_because", []):
        click.echo(visible(f"Incomplete: {sentence}"))
    click.echo(f"Report: {page.resolve()}")
    return counts


def default_run(kind: str) -> Path:
    """A new folder under reports/, named by the moment; a second one in the same second gets a number."""
    base = RUNS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{kind}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path
