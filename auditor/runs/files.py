"""Files that are written whole or not at all, and that only their owner reads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp-"
"""Prefix of a file that is not finished; whoever finds one may delete it."""


def make_folder(folder: Path) -> Path:
    """The folder with its parents; the folder itself readable by its owner alone (POSIX)."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


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
