"""Where a run's reports lie: they hold what the run holds, so whoever erases or prunes must find them."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.runs.files import digest_of, whole_file
from auditor.runs.folder import EXTENSIONS, RunFolder

INSIDE = ("report", "report-redacted")
"""Where reports go in a run folder unless they are sent elsewhere."""
DATA = "report-data"
"""The folder beside report.html that holds the users of a large report, in parts."""
_NAMES = (
    r"(?:report(?:-[0-9]+)?\.html|drift\.csv|observations\.csv|users\.csv|changes\.csv|action-plan\.csv|junit\.xml"
    r"|report\.json|summary\.md)"
)
_DATA_NAMES = r"(?:index|others|part-[0-9]+)\.js"
FILE = re.compile(_NAMES)
"""What a report's files are called."""
DATA_FILE = re.compile(_DATA_NAMES)
"""What the files in `DATA` are called."""
UNFINISHED = re.compile(rf"\.(?:{_NAMES}|{_DATA_NAMES})\.[a-z0-9_]+\.part")
"""What they are called while they are written."""

CHANGES_TABLE = "changes.csv"
"""The report's table of what changed since the run's baseline: once that is gone, nothing else tells it."""
PHOTOS_TABLE = "photos.csv"
"""The table in a folder of exported photos, one row a user; each picture is called by its user's object id."""
_PICTURES = frozenset(EXTENSIONS.values()) | {"bin"}


@dataclass(frozen=True)
class Report:
    """One report that was drawn of a run."""

    folder: Path
    redact: bool
    templates: Path | None
    exceptions: Mapping[str, Any] | None
    """The accepted exceptions that it was drawn with, where they are not the run's own."""
    files: Mapping[str, str]
    """Name (of what lies in a folder of the report's with that folder before it) → SHA-256."""


def recorded(run: RunFolder) -> tuple[Report, ...]:
    """The reports that the manifest knows of."""
    entries: dict[str, Any] = run.manifest.get("reports", {})
    return tuple(
        Report(
            run.path / folder,  # an absolute one stays as it is
            bool(entry.get("redact")),
            Path(entry["templates"]) if entry.get("templates") else None,
            entry.get("exceptions"),
            dict(entry.get("files", {})),
        )
        for folder, entry in sorted(entries.items())
    )


def is_recorded(run: RunFolder, file: Path) -> bool:
    """Whether the file is, byte for byte, one that the last drawing of a report of this run left there."""
    for report in recorded(run):
        if report.folder.resolve() == file.parent.resolve() and file.is_file():
            return report.files.get(file.name) == digest_of(file)
    return False


def record(
    run: RunFolder,
    folder: Path,
    files: Iterable[Path] = (),
    *,
    redact: bool,
    templates: Path | None = None,
    exceptions: Mapping[str, Any] | None = None,
) -> None:
    """Note a report in the manifest: once before it is drawn, so that one that breaks off is known too, and after."""
    inside = folder.resolve().is_relative_to(run.path.resolve())
    name = folder.resolve().relative_to(run.path.resolve()).as_posix() if inside else str(folder.resolve())
    entry = {
        "drawn": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "redact": redact,
        "templates": str(templates.resolve()) if templates else "",
        **({"exceptions": dict(exceptions)} if exceptions is not None else {}),
        "files": {file.relative_to(folder).as_posix(): digest_of(file) for file in files},
    }
    run.update(reports={**run.manifest.get("reports", {}), name: entry})


def folders(run: RunFolder) -> list[Path]:
    """Every folder in which a report of this run may lie, recorded or not, that is there."""
    found = dict.fromkeys([report.folder for report in recorded(run)] + [run.path / name for name in INSIDE])
    return [folder for folder in found if folder.is_dir()]


def files_in(folder: Path) -> list[Path]:
    """The files of a report in its folder, unfinished ones too. Other files there are not ours."""
    data = folder / DATA
    found = [file for file in folder.iterdir() if FILE.fullmatch(file.name)]
    found += [file for file in data.iterdir() if DATA_FILE.fullmatch(file.name)] if data.is_dir() else []
    return sorted(found + unfinished_in(folder))


def unfinished_in(folder: Path) -> list[Path]:
    """What a drawing that was killed left behind."""
    places = [place for place in (folder, folder / DATA) if place.is_dir()]
    return sorted(file for place in places for file in place.iterdir() if UNFINISHED.fullmatch(file.name))


def delete_reports(run: RunFolder, *, spare: Collection[str] = ()) -> int:
    """Delete the files of every report of the run, unfinished ones too; how many. Other files there stay.

    `spare`: names of files that stay too.
    """
    deleted = 0
    for folder in folders(run):
        for file in files_in(folder):
            if file.name in spare:
                continue
            file.unlink()
            deleted += 1
        drop_if_empty(folder / DATA)
    return deleted


def photo_folders(run: RunFolder) -> list[Path]:
    """The folders to which photos of the run were exported, as far as they are there."""
    found = dict.fromkeys(Path(one["folder"]) for one in run.manifest.get("exports", ()))
    return [folder for folder in found if folder.is_dir()]


def photos_of(run: RunFolder, user_id: str) -> list[Path]:
    """The exported pictures of a user, and the tables with a row of theirs."""
    found = []
    for folder in photo_folders(run):
        found += [file for ending in sorted(_PICTURES) if (file := folder / f"{user_id.lower()}.{ending}").is_file()]
        if (folder / PHOTOS_TABLE).is_file() and any(_is(row, user_id) for row in _table(folder)):
            found.append(folder / PHOTOS_TABLE)
    return found


def delete_photos(run: RunFolder, user_id: str) -> None:
    """Delete the exported pictures of a user, and the user's row in each table beside them."""
    for file in photos_of(run, user_id):
        if file.name != PHOTOS_TABLE:
            file.unlink()
            continue
        rows = [row for row in _table(file.parent) if not _is(row, user_id)]
        with whole_file(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows(rows)


def _table(folder: Path) -> list[list[str]]:
    with (folder / PHOTOS_TABLE).open(encoding="utf-8", errors="replace", newline="") as stream:
        return list(csv.reader(stream))


def _is(row: list[str], user_id: str) -> bool:
    return bool(row) and row[0].lower() == user_id.lower()


def drop_if_empty(folder: Path) -> None:
    """Remove the folder unless it holds anything or is not there."""
    with suppress(OSError):
        folder.rmdir()
