"""Baselines: finished runs that later ones are held against, under names of their own.

A baseline is a run folder itself, `REPORTS/baselines/NAME`: what is needed from the run (users, observations,
verdicts, manifest; no picture, no report), so that it outlives the run's folder, and is erased and verified like any
run. It is never pruned: whoever saved it deletes it. Parts are never written in place, so a file can stand in both
folders at once: where the disk allows it, a baseline takes no room until one of the two is changed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from auditor.runs.files import TEMPORARY, account, flush_folder, make_folder
from auditor.runs.folder import LOCK, ReadOnlyRun, RunFolder, interrupted, open_run
from auditor.runs.listing import runs_in, when
from auditor.runs.manifest import MANIFEST, SEAL, RunError

BASELINES = "baselines"
"""The folder of baselines in a folder of runs."""
LAST = "last"
"""In the place of a name: the newest run that can be one. No baseline is called so."""
SAVED = "saved"
"""What a baseline's manifest says of its being one; a run's own has no such entry."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
"""Names that Windows keeps for devices, whatever folder they stand in."""
_LEFT_BEHIND = ("pictures", "reports", "shares", "underway", SEAL)
"""Entries of a run's manifest that speak of what a baseline does not have."""


@dataclass(frozen=True)
class Baseline:
    """One baseline."""

    name: str
    path: Path
    run_id: str
    run: str
    """The folder of the run that it was saved from; it may be gone."""
    saved: str
    """When, ISO 8601."""
    saved_by: str
    when: datetime | None
    """When the run was finished."""
    tenant: str
    users: int
    reference: str
    workloads: tuple[str, ...]
    recipe: str
    fingerprints: bool
    """Whether it still holds fingerprints (see `runs prune`)."""
    complete: bool
    seal: str
    """The digest of its manifest."""
    problem: str = ""
    """Why it cannot be used, as a sentence; everything else is empty then."""


def find(reports: Path, name_or_run: str) -> Path:
    """The folder of a finished run: of the baseline of this name in `reports`, or the run folder that is named.

    A name without a slash is looked for among the baselines, then as a folder here, then as a run in `reports`. Raises
    `RunError`, with what to do, where there is none, where it could be two, and where the run cannot be read.
    """
    if not name_or_run or "\0" in name_or_run:
        raise RunError(
            "No run is named. Name the folder of a finished run, or a baseline (photo-auditor baseline list)."
        )
    named = reports / BASELINES / name_or_run if is_name(name_or_run) else None
    baseline = named if named is not None and (named / MANIFEST).is_file() else None
    folder = Path(name_or_run)
    here = folder if (folder / MANIFEST).is_file() else None
    if baseline is not None and here is not None and not _same(baseline, here):
        raise RunError(
            f"'{name_or_run}' is a baseline and a run folder here too. Write .{os.sep}{name_or_run} for the folder, or"
            f" {baseline} for the baseline."
        )
    found = baseline or here
    if found is None and named is not None and (reports / name_or_run / MANIFEST).is_file():
        found = reports / name_or_run
    if found is None:
        among = ", ".join(_names(reports)) or "there is none"
        raise RunError(
            f"There is no run in {name_or_run}, and no baseline of that name in {reports} (baselines: {among})."
            " Name the folder of a finished run, or a baseline."
        )
    usable(open_run(found, exclusive=False))
    return found


def usable(run: RunFolder) -> None:
    """Raise `RunError` unless the run is finished and nothing in it was broken off."""
    if not run.finished:
        raise RunError(f"The run {run.path} is not finished. Finish it with: photo-auditor resume {run.path}")
    if underway := run.manifest.get("underway"):
        raise RunError(interrupted(run.path, underway))


def is_name(name: str) -> bool:
    """Whether a baseline may be called so: nothing in it leads to another folder."""
    return bool(_NAME.fullmatch(name)) and not _DEVICES.fullmatch(name) and name != LAST


def save(reports: Path, run_path: Path, name: str, *, replace: bool = False) -> Baseline:
    """Save a finished run as the baseline `name` in `reports`. Nothing is there, or all of it."""
    if not is_name(name):
        raise RunError(
            f"A baseline cannot be called '{name}': letters, digits, '.', '_' and '-', at most 64, beginning with a"
            f" letter or digit, and not '{LAST}'."
        )
    taken = next((one for one in _names(reports) if one.casefold() == name.casefold()), None)
    if taken is not None and not replace:
        raise RunError(f"There is a baseline '{taken}' already. Give --replace to put this run in its place.")
    with closing(_held(run_path)) as run:
        usable(run)
        if taken is not None and _same(reports / BASELINES / taken, run.path):
            raise RunError(f"'{taken}' is this very baseline. Name the run that should take its place.")
        folder = make_folder(reports / BASELINES)
        with FileLock(folder / LOCK, mode=0o600):
            _sweep(folder)
            half = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
            try:
                _copy(run, half)
                old = folder / f"{TEMPORARY}{half.name}-old"
                if taken is not None:
                    open_run(folder / taken).close()  # says so where somebody is being erased in it
                    (folder / taken).rename(old)
                half.rename(folder / name)
                flush_folder(folder)
                shutil.rmtree(old, ignore_errors=True)
            finally:
                shutil.rmtree(half, ignore_errors=True)
    return show(reports, name)


def show(reports: Path, name: str) -> Baseline:
    """One baseline. Raises `RunError` where there is none of that name."""
    if not is_name(name) or not (reports / BASELINES / name / MANIFEST).is_file():
        among = ", ".join(_names(reports)) or "there is none"
        raise RunError(f"There is no baseline '{name}' in {reports} (baselines: {among}).")
    return _described(open_run(reports / BASELINES / name, exclusive=False), name)


def baselines(reports: Path) -> list[Baseline]:
    """Every baseline, by name; one that cannot be read says so."""
    found = []
    for name in _names(reports):
        try:
            found.append(show(reports, name))
        except RunError as error:
            path = reports / BASELINES / name
            found.append(Baseline(name, path, "", "", "", "", None, "", 0, "", (), "", False, False, "", str(error)))
    return found


def runs_and_baselines(folder: Path) -> list[Path]:
    """The runs of a folder and its baselines: everything in which somebody may have to be erased, or what is old be
    dropped. Raises `RunError` where there is no such folder.
    """
    return [*runs_in(folder), *(folder / BASELINES / name for name in _names(folder))]


def drop_unfinished(reports: Path) -> None:
    """Delete what a process that was killed left of a baseline."""
    if (reports / BASELINES).is_dir():
        # Whoever holds the lock is saving one, and does the same first.
        with suppress(Timeout, OSError), FileLock(reports / BASELINES / LOCK, timeout=0, mode=0o600):
            _sweep(reports / BASELINES)


def _sweep(folder: Path) -> None:
    for half in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(half, ignore_errors=True)


def _names(reports: Path) -> list[str]:
    with suppress(OSError):
        return sorted(one.name for one in (reports / BASELINES).iterdir() if is_name(one.name) and _is_run(one))
    return []


def _is_run(path: Path) -> bool:
    return (path / MANIFEST).is_file()


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _held(path: Path) -> RunFolder:
    """The run with its lock, so that nobody is erased while it is copied; without where nothing can be written."""
    try:
        return open_run(path)
    except ReadOnlyRun:
        return open_run(path, exclusive=False)


def _copy(run: RunFolder, target: Path) -> None:
    manifest: dict[str, Any] = {key: value for key, value in run.manifest.items() if key not in _LEFT_BEHIND}
    for part in run.manifest.get("parts", {}):
        if problem := run.problem_of(part):
            raise RunError(f"The part {run.path / part} {problem}. A damaged run is no baseline; nothing was saved.")
        file = target / part
        make_folder(file.parent)
        try:
            os.link(run.path / part, file)
        except OSError:
            shutil.copyfile(run.path / part, file)
            file.chmod(0o600)
        flush_folder(file.parent)
    manifest["photos"] = "none"
    manifest[SAVED] = {
        "when": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "saved_by": account(),
        "run": str(run.path.resolve()),
        "manifest_sha256": str(run.manifest.get(SEAL, "")),
    }
    RunFolder(target, manifest).list_pictures()


def _described(run: RunFolder, name: str) -> Baseline:
    manifest = run.manifest
    tenant = manifest.get("tenant", {})
    saved = manifest.get(SAVED, {})
    return Baseline(
        name,
        run.path,
        str(manifest.get("run_id", "")),
        str(saved.get("run", "")),
        str(saved.get("when", "")),
        str(saved.get("saved_by", "")),
        when(run),
        str(tenant.get("domain") or tenant.get("id") or ""),
        int(manifest.get("scope", {}).get("in_scope", 0)),
        str(manifest.get("reference", "")),
        tuple(map(str, manifest.get("configured", ()))),
        str(manifest.get("recipe", "")),
        not manifest.get("fingerprints_dropped", False),
        bool(manifest.get("complete")),
        str(manifest.get(SEAL, "")),
    )
