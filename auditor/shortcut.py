"""The shortcut of a later run: what a service says has not changed is carried over from the baseline, not read.

A share of those copies is read all the same. Where one of them turns out to be another than would have been carried
over, the workload's signals cannot be believed: its shortcut is dropped, and what was carried over is read again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.collectors.contract import Known, Seen, Unchanged, kept_signals, now
from auditor.model import Decision, Observation, Picture, Status, User, Workload
from auditor.photos import compare
from auditor.runs.earlier import Earlier
from auditor.runs.folder import RunFolder, observations_part

Key = tuple[str, Picture]
_OF_A_CARRIED = ("user_id", "judged", "sha256", "format", "read_in")


def window(run_id: str, share: float, before: Mapping[str, Any] | None, *, follows: bool) -> tuple[float, float]:
    """Where on a circle of length 1 the share lies that this run reads again, as its two ends.

    Users have fixed places on the circle, by their object ids. A run that follows its baseline goes on where that
    stopped: after 1 / `share` such runs everyone has come round. Any other begins at a place of its run id, or all that
    are held against one baseline would read the same users again.
    """
    begin = before.get("recheck_to") if before and follows else None
    start = float(begin) if isinstance(begin, float | int) and 0 <= begin < 1 else _place(run_id)
    return start, (start + share) % 1.0


def _place(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6]) / 2**48


def baseline_entry(earlier: Earlier, run_id: str, share: float, *, follows: bool) -> dict[str, Any]:
    """What the manifest says of the baseline: which run it is, and whom this run reads again.

    `follows`: it is the run before this one, and this one will be that of the next.
    """
    start, end = window(run_id, share, earlier.run.manifest.get("baseline"), follows=follows)
    return earlier.entry() | {"recheck": share, "recheck_from": start, "recheck_to": end}


@dataclass
class Shortcut:
    """What one run may carry over. Without a baseline: nothing."""

    run: RunFolder
    earlier: Earlier | None = None
    _again: dict[Workload, set[str]] = field(default_factory=dict)
    """Object ids of users whose copies are read again, besides the share."""
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def dropped(self, workload: Workload) -> bool:
        """Whether the workload's signals have proved false in this run, perhaps before it was interrupted."""
        return bool(self.run.manifest.get("shortcut", {}).get(str(workload), {}).get("dropped"))

    def recheck(self, workload: Workload, user_ids: Iterable[str]) -> None:
        """From now on these users' copies are read, whatever the services say of them."""
        self._again.setdefault(workload, set()).update(user_ids)

    def of(self, workload: Workload, users: Sequence[User]) -> Carrying:
        """What is known of these users' copies in this workload."""
        if self.earlier is None or self.dropped(workload):
            return Carrying(workload)
        copies = self.earlier.copies(workload, users)
        again = self._again.get(workload, set())
        known = {
            user_id: _known(seen, recheck=user_id in again or self._of_the_share(user_id))
            for user_id, seen in copies.items()
        }
        return Carrying(workload, known, {(user_id, one.picture): one for user_id in copies for one in copies[user_id]})

    def _of_the_share(self, user_id: str) -> bool:
        entry = self.run.manifest["baseline"]
        share, start = float(entry["recheck"]), float(entry["recheck_from"])
        return share > 0 and (_place(user_id) - start) % 1.0 < share

    def accounts(self) -> dict[str, tuple[str, Known]]:
        """What is known by Engage id, with the object id it was known of.

        For a list that tells whose an account is only when it is whole.
        """
        found: dict[str, tuple[str, Known]] = {}
        if self.earlier is None or self.dropped(Workload.YAMMER):
            return found
        for shard in range(self.run.shards):
            for user_id, known in self.of(Workload.YAMMER, self.run.users(shard)).known.items():
                told = {name: known.signals.get(name, "") for name in ("engage_id", "picture_id")}
                found[told["engage_id"]] = user_id, replace(known, signals=told)
        return found

    def count(self, carrying: Carrying, shard: int | None = None) -> str:
        """Add up what was read again, and drop the shortcut where it did not hold; then why, as a sentence.

        The next part that is written brings the figures into the manifest; that the shortcut is dropped is written
        down at once. What is counted of a `shard` takes the place of what was counted of it before.
        """
        if self.earlier is None or self.dropped(carrying.workload):
            return ""
        with self._turn:  # workloads count side by side, one of them from a thread
            return self._count(carrying, shard)

    def _count(self, carrying: Carrying, shard: int | None) -> str:
        workload, key = str(carrying.workload), "again" if shard is None else str(shard)
        figures = dict(self.run.manifest.get("shortcut", {}))
        own = {"counts": {}, **figures.get(workload, {})}
        before = own["counts"].get(key, [0, 0]) if shard is None else [0, 0]
        counted = [before[0] + len(carrying.held | carrying.differed), before[1] + len(carrying.differed)]
        own["counts"] = own["counts"] | {key: counted}
        figures[workload] = own
        self.run.manifest["shortcut"] = figures
        rechecked, differed = _total(own)
        if not differed:
            return ""
        own["dropped"] = (
            f"{differed} of {rechecked} copies that were read again are others than the service's signals promised, so"
            " nothing of this workload is carried over and every copy is read"
        )
        self.run.update(shortcut=figures)
        return f"{workload}: {own['dropped']}."

    def carried(self, workload: Workload, shard: int) -> list[dict[str, Any]]:
        """The rows of a part that were carried over: user_id, judged, sha256, format, read_in."""
        part = observations_part(workload, shard)
        if "baseline" not in self.run.manifest or not self.run.has(part):
            return []
        rows: list[dict[str, Any]] = self.run.read_part(part, _OF_A_CARRIED).to_pylist()
        return [row for row in rows if row["read_in"]]

    def sum_up(self, workloads: Iterable[Workload]) -> None:
        """Write down how many users' copies were carried over in the end, and how many were read again."""
        if "baseline" not in self.run.manifest:
            return
        figures: dict[str, Any] = {}
        for workload in workloads:
            rows = (row for shard in range(self.run.shards) for row in self.carried(workload, shard))
            own = self.run.manifest.get("shortcut", {}).get(str(workload), {})
            rechecked, differed = _total(own)
            figures[str(workload)] = {
                "carried": len({row["user_id"] for row in rows}),
                "rechecked": rechecked,
                "differed": differed,
                "dropped": own.get("dropped", ""),
            }
        self.run.update(shortcut=figures)

    def keep_picture(self, sha256: str, form: str) -> bool:
        """Take a carried-over copy's picture over, if the baseline still has it."""
        if self.run.picture(sha256, form).exists():
            return True
        data = self.earlier.picture(sha256, form) if self.earlier is not None else None
        if data is None:
            return False
        self.run.keep(sha256, form, data)
        return True


@dataclass
class Carrying:
    """What is known of some users in one workload, and what becomes of it."""

    workload: Workload
    known: Mapping[str, Known] = field(default_factory=dict)
    """By object id."""
    copies: Mapping[Key, Observation] = field(default_factory=dict)
    """The earlier run's, by object id and picture."""
    held: set[str] = field(default_factory=set)
    """Users with a copy that was read again and is what would have been carried over."""
    differed: set[str] = field(default_factory=set)
    """Users with one that was read again and is not."""
    _promised: set[Key] = field(default_factory=set)

    def take(self, seen: Seen) -> Observation | None:
        """The observation that stands for what a collector saw; None for a mere promise of one to come."""
        if isinstance(seen, Observation):
            key = seen.user_id, seen.picture
            if key in self._promised:
                self._promised.discard(key)
                self._compare(self.copies[key], seen)
            return seen
        key = seen.user_id, seen.picture
        if self.known[seen.user_id].recheck:
            self._promised.add(key)
            return None
        return _carried(self.copies[key], seen)

    def _compare(self, before: Observation, seen: Observation) -> None:
        if seen.status is Status.UNKNOWN:
            return  # it could not be read: that says nothing of the signals
        (self.held if _same(before, seen) else self.differed).add(seen.user_id)


def _known(copies: Sequence[Observation], *, recheck: bool) -> Known:
    # A workload's signals stand in each of its rows; of two readings the older one must have settled.
    first = copies[0]
    read_at = min(one.read_at or one.observed_at for one in copies)
    return Known(first.signals, first.way, read_at, frozenset(one.picture for one in copies), recheck)


def _total(figures: Mapping[str, Any]) -> tuple[int, int]:
    """How many users' copies were read again, and of how many of them one differed; also after they were summed up."""
    counts = [[figures.get("rechecked", 0), figures.get("differed", 0)], *figures.get("counts", {}).values()]
    return sum(count[0] for count in counts), sum(count[1] for count in counts)


def _carried(before: Observation, seen: Unchanged) -> Observation:
    looks = before.signals.get("looks", "")
    return replace(
        before, observed_at=now(), judged=seen.judged, signals=kept_signals({**seen.signals, "looks": looks})
    )


def _same(before: Observation, seen: Observation) -> bool:
    if before.fingerprint is None or seen.fingerprint is None:
        return before.status is seen.status
    if before.fingerprint.sha256 == seen.fingerprint.sha256:
        return True
    return compare(before.fingerprint, seen.fingerprint).decision is Decision.SAME
