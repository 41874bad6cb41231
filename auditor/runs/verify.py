"""Is a run as it was written? Every byte of parts, pictures and manifest is held against its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.runs.exports import recorded
from auditor.runs.files import TEMPORARY, digest_of
from auditor.runs.folder import PARTS, PICTURES, RunFolder, interrupted, open_run
from auditor.runs.manifest import MANIFEST, SEAL, RunError

OURS = (*PARTS, "photos")
"""The folders of a run in which nothing may lie that the run does not know."""


@dataclass(frozen=True)
class Verified:
    """What was found."""

    path: Path
    problems: tuple[str, ...]
    """A sentence for each thing that is not as it was written."""
    parts: int = 0
    pictures: int = 0
    reports: int = 0
    """Files of reports that are as they were drawn."""
    finished: bool = False
    erasures: int = 0
    prunings: int = 0
    group: str = ""
    """The group of this machine that may read the run; empty where nobody but the owner may."""
    seal: str = ""
    """The manifest's digest. Noted elsewhere, it shows a run that was rewritten on purpose."""
    digest: str = ""
    """Of its parts, as every page of the run carries it."""


def parts_digest(parts: Mapping[str, Any]) -> str:
    """One digest over the parts as `sha256sum` lists them, by name: SHA-256 of the lines `DIGEST  NAME`.

    Not the manifest's own seal: that changes whenever a report of the run is drawn.
    """
    lines = [f"{entry.get('sha256', '')}  {name}\n" for name, entry in sorted(parts.items())]
    return hashlib.sha256("".join(lines).encode("utf-8", "replace")).hexdigest() if lines else ""


def verify(path: Path, *, only: Collection[Path] | None = None) -> Verified:
    """Read every file of a run. Raises `RunError` only where there is no run.

    `only`: of the parts, pictures and reports read these alone, and look for no strangers; the manifest and the list of
    pictures are always read. For whoever knows which file may have changed.
    """
    if not (path / MANIFEST).exists():
        raise RunError(f"There is no run in {path}: it holds no {MANIFEST}.")
    try:
        run = open_run(path, exclusive=False)
    except RunError as error:
        return Verified(path, (str(error),))
    manifest = run.manifest
    problems: list[str] = []
    if underway := manifest.get("underway"):
        problems.append(interrupted(path, underway))
    parts = manifest.get("parts", {})
    wrong = ((part, run.problem_of(part)) for part in sorted(parts) if only is None or path / part in only)
    problems += (f"The part {path / part} {problem}." for part, problem in wrong if problem)
    listed, more = _pictures(run, only)
    problems += more
    known = {path / part for part in parts} | listed
    if run.finished and only is None:
        problems += (f"{file} does not belong to the run." for file in _strangers(path, known))
    reports, changed = _reports(run, only)
    problems += changed
    return Verified(
        path,
        tuple(problems),
        len(parts),
        len(listed),
        reports,
        run.finished,
        len(manifest.get("erasures", ())),
        len(manifest.get("prunings", ())),
        str(shares[-1]["group"]) if (shares := manifest.get("shares")) else "",
        str(manifest.get(SEAL, "")),
        parts_digest(parts),
    )


def _pictures(run: RunFolder, only: Collection[Path] | None) -> tuple[set[Path], list[str]]:
    """The pictures that the run knows, and what is wrong with them. A picture's name is its digest."""
    problems: list[str] = []
    entry: dict[str, Any] | None = run.manifest.get("pictures")
    if entry is None:  # not finished: there is no list of them yet
        files = {file for file in run.photos.glob("*/*") if not file.name.startswith(TEMPORARY)}
    else:
        try:
            text = (run.path / PICTURES).read_bytes()
            fits = digest_of(run.path / PICTURES) == entry["sha256"]
        except OSError:
            return set(), [f"The list of pictures {run.path / PICTURES} is missing or cannot be read."]
        if not fits:
            return set(), [f"The list of pictures {run.path / PICTURES} was changed or damaged."]
        files = {run.path / line.partition("  ")[2] for line in text.decode().splitlines()}
    for file in sorted(files if only is None else files.intersection(only)):
        try:
            if digest_of(file) != file.stem:
                problems.append(f"The picture {file} was changed or damaged.")
        except OSError:
            problems.append(f"The picture {file} is missing or cannot be read.")
    return files, problems


def _strangers(path: Path, known: set[Path]) -> list[Path]:
    found = (file for folder in OURS for file in (path / folder).rglob("*") if not file.is_dir())
    return sorted(file for file in found if file not in known and not file.name.startswith(TEMPORARY))


def _reports(run: RunFolder, only: Collection[Path] | None) -> tuple[int, list[str]]:
    """How many files of reports are as they were drawn, and which were changed. One that is gone is no damage."""
    whole, problems = 0, []
    for report in recorded(run):
        for name, digest in report.files.items():
            file = report.folder / name
            if only is not None and file not in only:
                continue
            try:
                if digest_of(file) == digest:
                    whole += 1
                else:
                    problems.append(f"The report {file} is not as it was drawn. Draw it again: photo-auditor report.")
            except OSError:
                continue
    return whole, problems
