"""One run as a folder: `manifest.json`, users, observations and verdicts in parts, pictures by digest.

A part is written whole or not at all, and the manifest names it with its digest only once it is there:
whatever the manifest names is complete, whatever it does not name may be made again. A part that is replaced
(see `replace_part`) is known by its old and its new digest until it is.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout

from auditor.model import USER_COLUMNS, VERDICT_COLUMNS, Column, Observation, User, Workload
from auditor.runs import frames
from auditor.runs.files import TEMPORARY, digest_of, flush_folder, give, make_folder, whole_file, write_bytes
from auditor.runs.manifest import MANIFEST, RunError, read_manifest, write_manifest
from auditor.runs.view import RunView

LOCK = ".lock"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a disk without room, of a used-up quota and of a limit on the size of files."""
PARTS = ("users", "observations", "earlier", "verdicts")
"""The folders of parts."""
PICTURES = "photos.sha256"
"""The kept pictures of a finished run, one a line as `sha256sum` writes them."""
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif"}


class ReadOnlyRun(RunError):
    """Nothing can be written to the run's folder."""


@dataclass
class RunFolder:
    """A run that this process holds (see `create` and `open_run`)."""

    path: Path
    manifest: dict[str, Any]
    lock: FileLock | None = field(default=None, repr=False)
    # Parts are written from threads too: the manifest changes and is written by one of them at a time.
    _turn: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    # -- manifest -------------------------------------------------------------------------------------

    def update(self, **entries: Any) -> None:
        """Change entries of the manifest and write it."""
        with self._turn:
            self.manifest.update(entries)
            self._save()

    def _save(self) -> None:
        with self._turn:
            write_manifest(self.path, self.manifest)

    def discard(self) -> None:
        """Take back a run in which nothing was collected yet, and the folder if it is empty then."""
        for name in ("users", "work"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        (self.path / MANIFEST).unlink(missing_ok=True)
        self.close()
        (self.path / LOCK).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def close(self) -> None:
        """Let the folder go; what was written to a shared run is readable to its group too."""
        if self.lock is not None:
            if (gid := self.shared_with) is not None:
                with contextlib.suppress(OSError):
                    give(self.path, gid)
            self.lock.release()

    # -- parts ----------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether the run was judged to its end."""
        return bool(self.manifest.get("finished"))

    @property
    def shared_with(self) -> int | None:
        """The group that may read the run (see `auditor.runs.sharing`); None where nobody but the owner may."""
        shares = self.manifest.get("shares")
        return shares[-1]["gid"] if shares else None

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
            digest = digest_of(temporary)
        flush_folder(target.parent)
        with self._turn:
            self.manifest.setdefault("parts", {})[part] = {"rows": made.num_rows, "sha256": digest}
            self._save()

    def replace_part(self, part: str, made: pa.Table) -> None:
        """Put another content in a part's place. Killed at any moment, the part is the old or the new one, and whole:
        the manifest knows the new digest before the file does.
        """
        target = self.path / part
        entry = self.manifest["parts"][part]
        with whole_file(target) as temporary:
            frames.write_table(made, temporary)
            digest = digest_of(temporary)
            with self._turn:
                entry["next"] = {"rows": made.num_rows, "sha256": digest}
                self._save()
        flush_folder(target.parent)
        with self._turn:
            self.manifest["parts"][part] = entry["next"]
            self._save()

    def problem_of(self, part: str) -> str:
        """What is wrong with a part's file, as half a sentence; empty where it is as it was written."""
        entry = self.manifest["parts"][part]
        target = self.path / part
        try:
            if digest_of(target) in {entry["sha256"], entry.get("next", entry)["sha256"]}:
                return ""
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        return "was changed or damaged: its digest is not the manifest's"

    def read_part(self, part: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a part back. Raises `RunError` where it is damaged."""
        if problem := self.problem_of(part):
            raise RunError(
                f"The part {self.path / part} {problem}. Nothing was touched, and the other parts are kept."
                " Put back a copy of it, or audit anew into another folder."
            )
        try:
            if columns is not None:
                return frames.read_table(self.path / part, columns)
            return frames.as_today(frames.read_table(self.path / part))
        except (OSError, pa.ArrowException):
            raise RunError(f"The part {self.path / part} cannot be read as Parquet. Audit anew.") from None

    def drop_damaged(self) -> list[str]:
        """Forget the observations that are damaged, so that they are asked again; which, and why.

        For a run that is not finished. Its users are never listed again: where these are damaged, `RunError`.
        """
        if underway := self.manifest.get("underway"):
            raise RunError(interrupted(self.path, underway))
        if self.manifest.get("fingerprints_dropped"):
            raise RunError(f"The run {self.path} is too old to go on with: its fingerprints were pruned. Audit anew.")
        parts: dict[str, Any] = self.manifest.get("parts", {})
        told = []
        # Verdicts are made anew from the observations in any case.
        kept = {part: entry for part, entry in parts.items() if not part.startswith("verdicts/")}
        for part in list(kept):
            if part.startswith("users/"):
                self.read_part(part, [])
            elif problem := self.problem_of(part):
                told.append(f"The part {self.path / part} {problem}. Its users are asked again.")
                del kept[part]
        for file in sorted((self.path / "work").rglob("*.parquet")):
            try:
                frames.read_table(file)
            except (OSError, pa.ArrowException):
                file.unlink()
                told.append(f"The checkpoint {file} was damaged. It is asked again.")
        if kept != parts:
            self.update(parts=kept)
        return told

    def drop_unnamed(self) -> None:
        """Delete parts that a killed process wrote and did not come to name; an unfinished run makes them again."""
        named = {self.path / part for part in self.manifest.get("parts", {})}
        for folder in PARTS:
            for file in (self.path / folder).rglob("*.parquet"):
                if file not in named:
                    file.unlink(missing_ok=True)

    def freeze_users(self, users: Sequence[User], shard_users: int) -> None:
        """Write the users in shards; from now on nobody is listed again."""
        self.manifest["parts"] = {}  # of a listing that was interrupted, and may have been longer
        shards = [users[start : start + shard_users] for start in range(0, len(users), shard_users)]
        for number, shard in enumerate(shards):
            self.write_part(users_part(number), frames.users_table(shard))
        self.update(shards=len(shards))

    def users(self, shard: int) -> list[User]:
        """The users of a shard, in the directory's order."""
        return [frames.user_of(row) for row in self.read_part(users_part(shard)).to_pylist()]

    def write_observations(self, workload: Workload, shard: int, observations: Iterable[Observation]) -> None:
        """Write one part of observations; one that is there is replaced."""
        part, made = observations_part(workload, shard), frames.observations_table(observations)
        (self.replace_part if self.has(part) else self.write_part)(part, made)

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
        target = self.picture(sha256, form)
        make_folder(target.parent)
        if not target.exists():
            write_bytes(target, data)

    def picture(self, sha256: str, form: str) -> Path:
        """The file of a picture, whether or not it is kept."""
        return self.photos / sha256[:2] / f"{sha256}.{EXTENSIONS.get(form, 'bin')}"

    def drop_pictures(self, wanted: frozenset[str]) -> int:
        """Delete every kept picture but these; how many are left."""
        return self.delete_pictures(lambda sha256: sha256 not in wanted)

    def delete_pictures(self, unwanted: Callable[[str], bool]) -> int:
        """Delete the kept pictures whose digest is unwanted; how many are left."""
        left = 0
        for file in sorted(self.photos.glob("*/*")):
            if unwanted(file.stem):
                file.unlink()
            else:
                left += 1
        for folder in sorted(self.photos.glob("*")):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        return left

    def list_pictures(self) -> None:
        """Write down which pictures the run keeps, so that a missing one is noticed. A picture's name is its digest."""
        files = sorted(file.relative_to(self.path).as_posix() for file in self.photos.glob("*/*"))
        lines = "".join(f"{file.rpartition('/')[2].partition('.')[0]}  {file}\n" for file in files)
        write_bytes(self.path / PICTURES, lines.encode())
        entry = {"count": len(files), "sha256": hashlib.sha256(lines.encode()).hexdigest()}
        self.update(pictures=entry)

    # -- the end --------------------------------------------------------------------------------------

    def finish(self, **entries: Any) -> None:
        """Mark the run finished and clear what only served the way there."""
        shutil.rmtree(self.path / "work", ignore_errors=True)
        sweep(self.path)
        self.list_pictures()
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
        if underway := self.manifest.get("underway"):
            raise RunError(interrupted(self.path, underway))
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
        whole = pd.concat(parts, ignore_index=True)
        # Of a run that was judged before there was such a column.
        return whole.assign(**{one.name: "" for one in columns if one.name not in whole})
    nothing: pd.DataFrame = frames.schema(columns).empty_table().to_pandas()
    return nothing


def users_part(shard: int) -> str:
    """The name of a part of users."""
    return f"users/part-{shard:05d}.parquet"


def observations_part(workload: Workload, shard: int) -> str:
    """The name of a part of observations."""
    return f"observations/{workload}/part-{shard:05d}.parquet"


def again_part(workload: Workload) -> str:
    """The name of the part of observations that were made when users were asked again."""
    return f"observations/{workload}/again.parquet"


def earlier_part(workload: Workload) -> str:
    """The name of the part that says what the newest sure run heard."""
    return f"earlier/{workload}.parquet"


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
            try:
                known = read_manifest(path)
            finally:
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
        if error.errno in FULL:
            raise
        raise RunError(f"The run folder {path} cannot be written: {error.strerror}.") from None
    return run


def open_run(path: Path, *, exclusive: bool = True) -> RunFolder:
    """A run that is there. `exclusive`: hold its lock, so that no other process writes to it.

    Raises `RunError` where there is none, where its manifest is damaged, and, if exclusive, where another process
    works on it or nothing can be written to it.
    """
    manifest = read_manifest(path)
    if not exclusive:
        return RunFolder(path, manifest)
    try:
        lock = _lock(path)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise ReadOnlyRun(
            f"The run folder {path} cannot be written: {error.strerror}. Nothing was changed. Give this account the"
            " right to write there, or copy the folder to where it has it."
        ) from None
    try:
        # Read again: whoever held the lock before may have gone on with it.
        run = RunFolder(path, read_manifest(path), lock)
        sweep(path)
    except BaseException:
        lock.release()
        raise
    return run


def interrupted(path: Path, underway: Mapping[str, Any]) -> str:
    """What to say of a run in which an erasure or a pruning broke off."""
    if underway.get("what") == "erasure":
        again = f"photo-auditor erase --user U --yes {path}, for the same user"
        return f"An erasure in the run {path} was interrupted. Run it again: {again}."
    return f"Pruning the run {path} was interrupted. Run it again: photo-auditor runs prune --yes --runs {path.parent}"


def sweep(path: Path) -> None:
    """Delete what an interrupted process left half written."""
    for file in path.rglob(f"{TEMPORARY}*"):
        file.unlink(missing_ok=True)


def _lock(path: Path) -> FileLock:
    # The operating system lets go of the lock when its holder dies, whatever it died of.
    lock = FileLock(path / LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"Another process is working on the run {path}. Wait for it, or name another --run.") from None
    return lock
