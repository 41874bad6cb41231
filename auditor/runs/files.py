"""Files that are written whole or not at all, and that only their owner reads."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp-"
"""Prefix of a file that is not finished; whoever finds one may delete it."""


def make_folder(folder: Path) -> Path:
    """The folder; every folder that had to be made for it is its owner's alone (POSIX)."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        # Not mkdir(parents=True): that gives the mode to the last one only.
        one.mkdir(mode=0o700, exist_ok=True)
    if not missing:
        folder.mkdir(exist_ok=True)  # says so where something else has this name
    return folder


def give(folder: Path, gid: int | None) -> None:
    """Let a group of this machine read a folder and all in it, or (None) nobody but the owner (POSIX).

    What another account owns is left as it is. Raises `OSError` where the folder itself cannot be given.
    """
    _give(folder, gid)
    for entry in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            _give(entry, gid)


def _give(entry: Path, gid: int | None) -> None:
    if entry.is_symlink():
        return
    if gid is not None:
        os.chown(entry, -1, gid)
    # The group is set first: never may the one before read what is meant for this one.
    entry.chmod((0o700 if entry.is_dir() else 0o600) | (0 if gid is None else 0o050 if entry.is_dir() else 0o040))


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A temporary name beside `target` that takes its place, flushed to disk, when the block ends well."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(target: Path, data: bytes) -> None:
    """Write `data` whole or not at all."""
    with whole_file(target) as temporary:
        temporary.write_bytes(data)


def flush_folder(folder: Path) -> None:
    """Make new names in a folder last through a loss of power, where the system can (POSIX)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_of(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def account() -> str:
    """The name of the account on this machine that asks; empty where the system does not tell."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
