"""Each user's largest good copy as a file of its own: to move photos to another tenant, or to fill a directory.

*Good* is what the run judged to be the user's own photograph: the reference's, or a copy that matches it whatever its
size. A variant is altered, a mismatch another photograph, and a photo that the reference does not have may be one that
was withdrawn: none of these is exported. Of several good copies the one with the most pixels is taken, the
reference's where they are equal.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from auditor.model import Status, Verdict
from auditor.report.files import replacing
from auditor.report.tables import safe_cell
from auditor.runs.exports import PHOTOS_TABLE
from auditor.runs.files import make_folder, write_bytes
from auditor.runs.folder import EXTENSIONS, RunFolder
from auditor.runs.manifest import RunError
from auditor.runs.view import RunView

COLUMNS: dict[str, str] = {
    "user_id": "Entra object id",
    "upn": "user principal name",
    "workload": "where the exported copy was read",
    "width": "pixels, upright",
    "height": "pixels, upright",
    "bytes": "size of the file",
    "format": "file format of the picture",
    "sha256": "SHA-256 of the file",
    "file": "its name in the folder: the object id with the format's extension; empty where there is none",
    "fits_graph": "whether Microsoft Graph takes it as a photo: at most 4 MB (4,194,304 bytes)",
    "fits_directory": "whether it reaches Exchange Online from a directory: at most 10 KB (10,240 bytes)",
    "reason": "no file: no_reference_photo, reference_unchecked, reference_unreadable, not_kept or unsafe_id",
}
"""The columns of photos.csv, one row a user of the run, and what they hold."""
GRAPH_LIMIT = 4 * 1024 * 1024
"""Bytes of a photo that Graph takes (Microsoft Learn, profilePhoto: update)."""
DIRECTORY_LIMIT = 10 * 1024
"""Bytes of a thumbnailPhoto that Exchange Online takes from the directory (KB3062745)."""
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ANOTHERS = "photo_of_another_user"
_READ = (
    "user_id", "workload", "reference", "verdict", "status", "causes", "width", "height", "size", "format", "sha256",
)  # fmt: skip
_GOOD = frozenset({Verdict.REFERENCE, Verdict.MATCH})
_WITHOUT: Mapping[str, str] = {Verdict.UNCHECKED: "reference_unchecked", Verdict.BROKEN: "reference_unreadable"}
"""Verdicts of the reference's own row that do not say that it has no photo, and the reason of each."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    photos: int
    size: int
    """Bytes of all of them."""
    without: Mapping[str, int]
    """Users without a file, by reason."""


def export(run: RunFolder, out: Path, asked_by: str) -> Exported:
    """Write each user's largest good copy and photos.csv into an empty folder, and record it in the manifest.

    The run must be finished and held by this process. Raises `RunError` where it does not keep every picture, and
    where the folder is not empty.
    """
    _whole(run)
    view = run.view()
    _empty(run, out)
    folder = make_folder(out)
    if os.name == "posix":
        folder.chmod(0o700)
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    record = {"when": now, "asked_by": asked_by, "folder": str(folder.resolve())}
    # Before the first file: whoever erases a person later must find them.
    run.update(exports=[*run.manifest.get("exports", []), record])
    photos = size = 0
    without: Counter[str] = Counter()
    with replacing(folder / PHOTOS_TABLE) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in _rows(view, folder):
            writer.writerow([_cell(row.get(name, "")) for name in COLUMNS])
            if row.get("file"):
                photos, size = photos + 1, size + row["bytes"]
            else:
                without[row["reason"]] += 1
    return Exported(folder, photos, size, dict(without))


def _whole(run: RunFolder) -> None:
    kept = run.manifest.get("photos")
    if kept != "all":
        raise RunError(
            f"The run {run.path} keeps {'no pictures' if kept == 'none' else 'the pictures of drifting users only'}"
            f" (--photos {kept}). Audit again with --photos all, and export that run."
        )
    if any(pruning.get("pictures") for pruning in run.manifest.get("prunings", ())):
        raise RunError(f"The pictures of the run {run.path} were pruned. Audit again with --photos all.")


def _empty(run: RunFolder, out: Path) -> None:
    if out.resolve().is_relative_to(run.path.resolve()):
        raise RunError(f"The folder {out} lies in the run itself. Name one outside of it with --out.")
    if out.is_dir() and any(out.iterdir()):
        raise RunError(f"The folder {out} is not empty. Name an empty or a new one with --out.")


def _rows(view: RunView, folder: Path) -> Iterator[dict[str, Any]]:
    """A row a user, in the directory's order; the user's file is written before the row is given."""
    verdicts = view.verdicts
    good = verdicts[verdicts["verdict"].isin([*_GOOD, *_WITHOUT])]
    copies: dict[str, list[dict[str, Any]]] = {}
    for copy in cast("list[dict[str, Any]]", good[list(_READ)].to_dict("records")):
        copies.setdefault(str(copy["user_id"]), []).append(copy)
    taken: set[str] = set()
    for user_id, upn in zip(view.users["user_id"], view.users["upn"], strict=True):
        row = {"user_id": user_id, "upn": upn}
        name = str(user_id).lower()
        if not _GUID.fullmatch(name) or name in taken:
            yield row | {"reason": "unsafe_id"}
            continue
        taken.add(name)
        yield row | _copied(view, copies.get(user_id, []), folder, name)


def _copied(view: RunView, copies: Sequence[Mapping[str, Any]], folder: Path, name: str) -> dict[str, Any]:
    ranked = _ranked(copies)
    for copy in ranked:
        data = _picture(view, str(copy["sha256"]))
        if data is None:
            continue
        file = f"{name}.{EXTENSIONS.get(copy['format'], 'bin')}"
        write_bytes(folder / file, data)
        return {
            "workload": copy["workload"], "width": int(copy["width"]), "height": int(copy["height"]),
            "bytes": len(data), "format": copy["format"], "sha256": copy["sha256"], "file": file,
            "fits_graph": len(data) <= GRAPH_LIMIT, "fits_directory": len(data) <= DIRECTORY_LIMIT,
        }  # fmt: skip
    if ranked:
        return {"reason": "not_kept"}
    own = (str(copy["verdict"]) for copy in copies if copy["workload"] == copy["reference"])
    return {"reason": _WITHOUT.get(next(own, ""), "no_reference_photo")}


def _ranked(copies: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The good copies, the best first; none without the reference's own photo, which tells that they are good."""
    good = [
        copy
        for copy in copies
        if copy["verdict"] in _GOOD and copy["status"] == Status.PHOTO and not _is_anothers(copy["causes"])
    ]
    if not any(copy["verdict"] == Verdict.REFERENCE for copy in good):
        return []
    return sorted(
        good,
        key=lambda copy: (
            -int(copy["width"]) * int(copy["height"]), copy["verdict"] != Verdict.REFERENCE, -int(copy["size"]),
        ),
    )  # fmt: skip


def _is_anothers(causes: Any) -> bool:
    with contextlib.suppress(ValueError, AttributeError):
        return any(one.get("cause") == _ANOTHERS for one in json.loads(causes or "[]"))
    return False


def _picture(view: RunView, sha256: str) -> bytes | None:
    """The kept picture with this digest; None where it is gone or is not what its name says."""
    path = view.photo(sha256) if re.fullmatch(r"[0-9a-f]{64}", sha256) else None
    with contextlib.suppress(OSError):
        data = path.read_bytes() if path is not None else b""
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
    return None


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else safe_cell(str(value))
