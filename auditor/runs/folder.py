"""One run as a folder: `manifest.json`, users, observations and verdicts in parts, pictures by digest.

A part is written whole or not at all, and the manifest names it with its digest only once it is there:
whatever the manifest names is complete, whatever it does not name may be made again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout

from auditor.model import USER_COLUMNS, VERDICT_COLUMNS, Column, Observation, User, Workload
from auditor.runs import frames
from auditor.runs.files import TEMPORARY, make_folder, whole_file, write_bytes
from auditor.runs.view import RunView

MANIFEST = "manifest.json"
LOCK = ".lock"
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif"}


class RunError(Exception):
    """A run folder cannot be used as asked; the message names it and what to do."""


@dataclass
class RunFolder:
    """A run that this process holds (see `create` and `open_run`)."""

    path: Path
    manifest: dict[str, Any]
    lock: FileLock | None = field(default=None, repr=False)

    # -- manifest -------------------------------------------------------------------------------------

    def update(self, **entries: Any) -> None:
        """Change entries of the manifest and write it."""
        self.manifest.update(entries)
        self._save()

    def _save(self) -> None:
        text = json.dumps(self.manifest, ensure_ascii=False, indent=1, sort_keys=True)
        write_bytes(self.path / MANIFEST, text.encode())

    def discard(self) -> None:
        """Take back a run in which nothing was collected yet, and the folder if it is empty then."""
        self.close()
        for name in (MANIFEST, LOCK):
            (self.path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def close(self) -> None:
        """Let the folder go."""
        if self.lock is not None:
            self.lock.release()

    # -- parts ----------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether the run was judged to its end."""
        return bool(self.manifest.get("finished"))

    @property
    def shards(self) -> int:
        """How many shards the users were frozen into; 0 before they were."""
        return int(self.manifest.get("shards", 0))

    def has(self, part: str) -> bool:
        """Whether this part is complete."""
        return part in self.manifest.setdefault("parts", {})

    def write_part(self, part: str, made: pa.Table) -> None:
        """Write a part and then name it in the manifest."""
        target = self.path / part
        make_folder(target.parent)
        with whole_file(target) as temporary:
            frames.write_table(made, temporary)
            digest = _digest(temporary)
        self.manifest.setdefault("parts", {})[part] = {"rows": made.num_rows, "sha256": digest}
        self._save()

    def read_part(self, part: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a part back. Raises `RunError` where it is damaged."""
        target = self.path / part
        known = self.manifest["parts"][part]["sha256"]
        try:
            if _digest(target) != known:
                raise RunError(f"The part {target} is damaged: its digest is not the manifest's. Run the audit anew.")
            return frames.read_table(target, columns)
        except (OSError, pa.ArrowException):
            raise RunError(f"The part {target} is missing or cannot be read. Run the audit anew.") from None

    def freeze_users(self, users: Sequence[User], shard_users: int) -> None:
        """Write the users in shards; from now on nobody is listed again."""
        shards = [users[start : start + shard_users] for start in range(0, len(users), shard_users)]
        for number, shard in enumerate(shards):
            self.write_part(users_part(number), frames.users_table(shard))
        self.update(shards=len(shards))

    def users(self, shard: int) -> list[User]:
        """The users of a shard, in the directory's order."""
        return [frames.user_of(row) for row in self.read_part(users_part(shard)).to_pylist()]

    def write_observations(self, workload: Workload, shard: int, observations: Iterable[Observation]) -> None:
        """Write one part of observations."""
        self.write_part(observations_part(workload, shard), frames.observations_table(observations))

    # -- work in progress -----------------------------------------------------------------------------

    def work(self, name: str) -> Path:
        """A folder for checkpoints; gone when the run is finished."""
        return make_folder(self.path / "work" / name)

    # -- pictures -------------------------------------------------------------------------------------

    @property
    def photos(self) -> Path:
        """Where pictures are kept."""
        return self.path / "photos"

    def keep(self, sha256: str, form: str, data: bytes) -> None:
        """Keep a picture once, under its digest."""
        folder = make_folder(self.photos / sha256[:2])
        target = folder / f"{sha256}.{EXTENSIONS.get(form, 'bin')}"
        if not target.exists():
            write_bytes(target, data)

    def drop_pictures(self, wanted: frozenset[str]) -> int:
        """Delete every kept picture but these; how many are left."""
        left = 0
        for file in sorted(self.photos.glob("*/*")):
            if file.stem in wanted:
                left += 1
            else:
                file.unlink()
        for folder in sorted(self.photos.glob("*")):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        return left

    # -- the end --------------------------------------------------------------------------------------

    def finish(self, **entries: Any) -> None:
        """Mark the run finished and clear what only served the way there."""
        shutil.rmtree(self.path / "work", ignore_errors=True)
        for file in self.path.rglob(f"{TEMPORARY}*"):
            file.unlink(missing_ok=True)
        self.update(**entries)

    def verdicts(self) -> Iterator[pd.DataFrame]:
        """The verdicts, shard by shard."""
        for shard in range(self.shards):
            frame: pd.DataFrame = self.read_part(verdicts_part(shard)).to_pandas()
            yield frame

    def view(self) -> RunView:
        """The finished run as the report reads it."""
        if not self.finished:
            raise RunError(f"The run {self.path} is not finished. Finish it with: photo-auditor resume {self.path}")
        verdicts = list(self.verdicts())
        users = [self.read_part(users_part(shard)).to_pandas() for shard in range(self.shards)]
        return RunView(
            manifest=self.manifest,
            users=_whole(users, USER_COLUMNS),
            verdicts=_whole(verdicts, VERDICT_COLUMNS),
            photos=self.photos,
        )


def _whole(parts: Sequence[pd.DataFrame], columns: Sequence[Column]) -> pd.DataFrame:
    if parts:
        return pd.concat(parts, ignore_index=True)
    nothing: pd.DataFrame = frames.schema(columns).empty_table().to_pandas()
    return nothing


def users_part(shard: int) -> str:
    """The name of a part of users."""
    return f"users/part-{shard:05d}.parquet"


def observations_part(workload: Workload, shard: int) -> str:
    """The name of a part of observations."""
    return f"observations/{workload}/part-{shard:05d}.parquet"


def verdicts_part(shard: int) -> str:
    """The name of a part of verdicts."""
    return f"verdicts/part-{shard:05d}.parquet"


def create(path: Path, manifest: dict[str, Any]) -> RunFolder:
    """A new run in `path`, which may be there but must hold nothing of another run.

    Raises `RunError` where a run is there already, naming what to do with it.
    """
    try:
        make_folder(path)
        lock = _lock(path)
        if (path / MANIFEST).exists():
            known = _read_manifest(path)
            lock.release()
            if known.get("finished"):
                raise RunError(f"The run {path} is finished. Draw its report with: photo-auditor report {path}")
            raise RunError(f"The run {path} is not finished. Go on with: photo-auditor resume {path}")
        strangers = [
            entry.name
            for entry in sorted(path.iterdir())
            if entry.name != LOCK and not entry.name.startswith(TEMPORARY)
        ]
        if strangers:
            lock.release()
            raise RunError(
                f"The folder {path} is not empty and holds no run ({strangers[0]}). Name another with --run."
            )
        if os.name == "posix":
            path.chmod(0o700)
        run = RunFolder(path, manifest, lock)
        run._save()
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise RunError(f"The run folder {path} cannot be written: {error.strerror}.") from None
    return run


def open_run(path: Path, *, exclusive: bool = True) -> RunFolder:
    """A run that is there. `exclusive`: hold its lock, so that no other process writes to it."""
    if not (path / MANIFEST).is_file():
        raise RunError(f"There is no run in {path}: it holds no {MANIFEST}.")
    lock = _lock(path) if exclusive else None
    return RunFolder(path, _read_manifest(path), lock)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunError(f"The manifest of the run {path} cannot be read. Run the audit anew.") from None
    if not isinstance(manifest, dict):
        raise RunError(f"The manifest of the run {path} is not a manifest. Run the audit anew.")
    return manifest


def _lock(path: Path) -> FileLock:
    # The operating system lets go of the lock when its holder dies, whatever it died of.
    lock = FileLock(path / LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"Another process is working on the run {path}. Wait for it, or name another --run.") from None
    return lock


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
