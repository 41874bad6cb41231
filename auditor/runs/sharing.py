"""Make a finished run readable to a group of this machine: explicitly, recorded, and to be taken back.

Everything else that writes to a run leaves it to its owner; `RunFolder.close` renews what is shared, so that a report
that is drawn again, or a part that an erasure wrote anew, is readable to the group too.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from auditor.runs.files import give
from auditor.runs.folder import RunFolder, interrupted
from auditor.runs.manifest import RunError


def share(run: RunFolder, group: str, asked_by: str) -> list[Path]:
    """Let a group read the run, and record it; returns the folders above that the group cannot pass.

    Pictures, fingerprints and the reports inside the run folder go with it. Raises `RunError`.
    """
    gid = _gid(group)
    _usable(run)
    try:
        # Asked first, so that nothing is recorded that the system refuses.
        os.chown(run.path, -1, gid)
    except OSError as error:
        raise RunError(
            f"The run {run.path} cannot be given to the group {group}: {error.strerror}. This account must own the run"
            " and be a member of the group."
        ) from None
    _record(run, group, gid, asked_by)
    give(run.path, gid)
    return _closed_to(run.path, gid)


def take_back(run: RunFolder, asked_by: str) -> None:
    """Leave the run to its owner alone again, and record it. Copies that were made meanwhile are not found."""
    _usable(run)
    give(run.path, None)
    _record(run, "", None, asked_by)


def _usable(run: RunFolder) -> None:
    if not run.finished:
        raise RunError(
            f"The run {run.path} is not finished, and still holds what will be dropped: finish it first with"
            f" photo-auditor resume {run.path}"
        )
    if underway := run.manifest.get("underway"):
        raise RunError(interrupted(run.path, underway))


def _record(run: RunFolder, group: str, gid: int | None, asked_by: str) -> None:
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    entry = {"when": now, "asked_by": asked_by, "group": group, "gid": gid}
    run.update(shares=[*run.manifest.get("shares", []), entry])


def _gid(group: str) -> int:
    try:
        import grp
    except ImportError:
        raise RunError(
            "Runs are shared with a group on Linux and macOS only. On Windows give the folder's reading rights to the"
            " group in its properties, or with icacls; nothing is recorded then."
        ) from None
    try:
        return grp.getgrnam(group).gr_gid
    except (KeyError, ValueError):
        raise RunError(f"This machine knows no group '{group}'. Name one that `getent group` lists.") from None


def _closed_to(path: Path, gid: int) -> list[Path]:
    """The folders above that a member of the group who owns nothing here cannot pass."""
    closed = []
    for folder in path.resolve().parents:
        told = folder.stat()
        if not told.st_mode & (0o010 if told.st_gid == gid else 0o001):
            closed.append(folder)
    return closed
