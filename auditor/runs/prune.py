"""Drop what is older than it is needed: pictures first, fingerprints later. Verdicts and numbers stay."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from auditor.model import FINGERPRINT_COLUMNS
from auditor.runs import frames
from auditor.runs.baselines import SAVED
from auditor.runs.exports import CHANGES_TABLE, delete_reports
from auditor.runs.folder import RunFolder, open_run
from auditor.runs.listing import when
from auditor.runs.manifest import RunError

PICTURES_DAYS = 90
FINGERPRINTS_DAYS = 400
"""A year, and a month to look back from."""


@dataclass(frozen=True)
class Keeping:
    """For how long what is kept."""

    pictures_days: int = PICTURES_DAYS
    fingerprints_days: int = FINGERPRINTS_DAYS
    monthly: int = 0
    """Of each of so many calendar months one run of a tenant keeps its fingerprints (see `_monthly`); not its
    pictures."""


@dataclass(frozen=True)
class Due:
    """What would go from one run."""

    path: Path
    age: int
    """Days."""
    pictures: int
    fingerprints: bool
    work: bool = False
    """Whether checkpoints of an interrupted run go (they hold fingerprints of people outside the audit too)."""


def due(paths: Sequence[Path], keeping: Keeping, now: datetime) -> tuple[list[Due], list[str]]:
    """What is older than it may be, run by run; and a sentence for each run that cannot be read."""
    runs: list[tuple[RunFolder, datetime]] = []
    problems = []
    for path in paths:
        try:
            run = open_run(path, exclusive=False)
        except RunError as error:
            problems.append(str(error))
            continue
        if run.manifest.get(SAVED):
            continue
        if moment := when(run):
            runs.append((run, moment))
        else:
            problems.append(f"The run {path} does not say when it was made, and is left alone.")
    spared = _monthly(runs, keeping.monthly, now)
    found = []
    for run, moment in runs:
        age = now - moment
        pictures = age > timedelta(days=keeping.pictures_days)
        prints = age > timedelta(days=keeping.fingerprints_days) and run.path not in spared
        begun = run.manifest.get("underway", {}).get("what") == "pruning"
        one = Due(
            run.path,
            age.days,
            sum(1 for _ in run.photos.glob("*/*")) if pictures else 0,
            prints and not run.manifest.get("fingerprints_dropped", False),
            pictures and (run.path / "work").exists(),
        )
        if one.pictures or one.fingerprints or one.work or begun:
            found.append(one)
    return found, problems


def _monthly(runs: Sequence[tuple[RunFolder, datetime]], months: int, now: datetime) -> set[Path]:
    """Of each of the last calendar months (UTC), this one included, the run of each tenant that tells most of it.

    A complete one before an incomplete one, one about more workloads before one about fewer, then the newest. A run
    about a selection of users stands for nobody else, and is not spared; a month with nothing better keeps what it has.
    """
    best: dict[tuple[str, int], tuple[tuple[bool, int, datetime], Path]] = {}
    today = now.astimezone(UTC)
    for run, moment in runs:
        utc = moment.astimezone(UTC)
        ago = (today.year - utc.year) * 12 + today.month - utc.month
        selection = run.manifest.get("scope", {}).get("only")
        if not 0 <= ago < months or not run.finished or selection or run.manifest.get("fingerprints_dropped"):
            continue
        tenant = run.manifest.get("tenant", {})
        key = (str(tenant.get("domain") or tenant.get("id") or "").lower(), ago)
        rank = bool(run.manifest.get("complete")), len(run.manifest.get("configured", ())), moment
        if key not in best or best[key][0] < rank:
            best[key] = rank, run.path
    return {path for _, path in best.values()}


def prune(run: RunFolder, what: Due, asked_by: str) -> None:
    """Drop what is due from a run that this process holds, and record it.

    The reports of the run are deleted, because they show pictures; whoever calls draws them again. One that was
    interrupted is finished by calling this again.
    """
    begun = run.manifest.get("underway", {})
    if begun.get("what") == "erasure":
        raise RunError(f"An erasure in the run {run.path} was interrupted. Finish that first: photo-auditor erase.")
    record = {
        "when": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "asked_by": asked_by,
        "pictures": what.pictures + int(begun.get("pictures", 0)),
        "fingerprints": what.fingerprints or bool(begun.get("fingerprints")),
    }
    run.update(underway=record | {"what": "pruning"})
    # What changed cannot be told again without the fingerprints of then; it goes with this run's own digests.
    delete_reports(run, spare=() if what.fingerprints else (CHANGES_TABLE,))
    if what.pictures:
        run.delete_pictures(lambda _: True)
    if what.work:
        shutil.rmtree(run.path / "work", ignore_errors=True)
    if what.fingerprints:
        for part in sorted(run.manifest.get("parts", {})):
            if not part.startswith("users/"):
                run.replace_part(part, _without_fingerprints(run.read_part(part)))
        run.manifest["fingerprints_dropped"] = True
    if run.finished:
        run.list_pictures()
    run.manifest.pop("underway")
    run.update(prunings=[*run.manifest.get("prunings", []), record])


def _without_fingerprints(table: pa.Table) -> pa.Table:
    """What a picture was like (format and size) stays; what could tell it again goes."""
    kept = {"format", "width", "height", "size"}
    blank = frames.fingerprint_row(None)
    for column in FINGERPRINT_COLUMNS:
        if column.name in table.column_names and column.name not in kept:
            place = table.schema.get_field_index(column.name)
            values = pa.array([blank[column.name]] * table.num_rows, type=table.schema.field(place).type)
            table = table.set_column(place, table.schema.field(place), values)
    return table
