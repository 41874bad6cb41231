"""What earlier runs show of a copy: since when it is stale, whether an older photo came back, whether a feed writes.

A photo of an earlier run is looked at only when neither digests nor that run's own verdicts tell: a copy that matched
the reference then showed the reference's photo.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow.compute as pc

from auditor.changes.pictures import Pictures, is_same
from auditor.changes.rules import shows_photo
from auditor.changes.sides import Key, Side
from auditor.diagnosis.rules import Past
from auditor.model import Verdict
from auditor.services.sharepoint import picture_moment

_TIMESTAMP = "SPS-PictureTimestamp"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run says of one copy."""

    status: str
    verdict: str
    sha256: str


@dataclass(frozen=True)
class Timeline:
    """Runs of one tenant and reference, the earliest first; the last is the one whose copies are explained."""

    sides: Sequence[Side]
    seen: Sequence[Mapping[Key, Seen]]
    """A run each: the copies of the users that are asked about."""
    pictures: Pictures

    def past(self, key: Key) -> Past:
        """What the earlier runs show of a copy."""
        last = len(self.sides) - 1
        now = self.seen[last].get(key)
        if now is None or not shows_photo(now.status):
            return Past()
        drifts = now.verdict not in {Verdict.MATCH, Verdict.REFERENCE}
        held = [at for at in range(last) if drifts and self._reference_held(at, key, last)]
        returned = self._returned(key, held) if now.verdict == Verdict.MISMATCH else None
        rewritten = self._rewritten(key) if returned is None else ()
        return Past(
            reference_until=self.sides[held[-1]].day if held else "",
            just_replaced=bool(held) and held[-1] == last - 1 and now.verdict == Verdict.MISMATCH,
            returned_after=self.sides[returned].day if returned is not None else "",
            rewritten=tuple(self.sides[at].day for at in rewritten),
        )

    def _returned(self, key: Key, held: Sequence[int]) -> int | None:
        """The last run in which this copy matched, where that was a newer photo and it had matched this one before."""
        last = len(self.sides) - 1
        matched = [at for at in range(last) if (one := self.seen[at].get(key)) and one.verdict == Verdict.MATCH]
        if not matched or matched[-1] in held or not any(at in held for at in matched):
            return None
        return matched[-1]

    def _rewritten(self, key: Key) -> tuple[int, ...]:
        """The runs of X, Y and X again where this copy's photos end so, and the last run is the first of the second X.

        Repeats are dropped, and runs that have no photo of it.
        """
        line: list[tuple[int, int]] = []  # from which run to which
        for at, seen in enumerate(self.seen):
            one = seen.get(key)
            if one is None or not shows_photo(one.status):
                continue
            if line and self._same(line[-1][1], key, at, key):
                line[-1] = line[-1][0], at
            else:
                line.append((at, at))
        if len(line) < 3 or line[-1][0] != len(self.sides) - 1 or not self._same(line[-3][1], key, line[-1][1], key):
            return ()
        return tuple(at for _, at in line[-3:])

    def _reference_held(self, at: int, key: Key, last: int) -> bool:
        """Whether the reference of an earlier run held the photo that this copy shows in the last."""
        mine = self.seen[last][key].sha256
        own = key[0], self.sides[at].reference
        reference, copy = self.seen[at].get(own), self.seen[at].get(key)
        if reference is None or not shows_photo(reference.status):
            return False
        if reference.sha256 == mine:
            return True
        if copy is not None and copy.sha256 == mine and copy.verdict in {Verdict.MATCH, Verdict.MISMATCH}:
            return copy.verdict == Verdict.MATCH
        return self._same(at, own, last, key)

    def _same(self, at: int, key: Key, later: int, other: Key) -> bool:
        one, two = self.seen[at].get(key), self.seen[later].get(other)
        if one is None or two is None:
            return False
        found = self.pictures.compare(
            (one.sha256, partial(self.sides[at].fingerprint, key)),
            (two.sha256, partial(self.sides[later].fingerprint, other)),
        )
        return found is not None and is_same(found)


def timeline(sides: Sequence[Side], users: Iterable[str], pictures: Pictures) -> Timeline:
    """The timeline of some users over runs, the earliest first."""
    wanted = frozenset(users)
    return Timeline(sides, [_seen(side, wanted) for side in sides], pictures)


def _seen(side: Side, users: frozenset[str]) -> dict[Key, Seen]:
    rows = side.rows[side.rows["user_id"].isin(users)]
    columns = (rows[name].astype(object) for name in ("user_id", "workload", "status", "verdict", "sha256"))
    return {(user_id, workload): Seen(*told) for user_id, workload, *told in zip(*columns, strict=True)}


def newest_sync(side: Side) -> int | None:
    """The newest picture timestamp of SharePoint profiles in a run, in seconds since 0001-01-01: the tenant's clock.

    The machine's own would not do: what it was when somebody else's service wrote down a moment is not known.
    """
    newest: int | None = None
    for shard in range(side.run.shards):
        part = side.run.read_part(f"verdicts/part-{shard:05d}.parquet", ["workload", "signals"])
        own = part.filter(pc.equal(part["workload"], "sharepoint"))["signals"]
        found = pc.extract_regex(own, rf'"{_TIMESTAMP}": "(?P<seconds>[0-9]{{11}})"').combine_chunks()
        stamps = pc.struct_field(found, "seconds").drop_null()
        if len(stamps):
            highest = int(pc.max(stamps.cast("int64")).as_py())
            newest = highest if newest is None else max(newest, highest)
    return newest


def hours_before(newest: int | None, signals: Mapping[str, str]) -> float | None:
    """How long before the newest picture timestamp a profile's own lies."""
    own = signals.get(_TIMESTAMP, "")
    if newest is None or picture_moment(own) is None:
        return None
    return (newest - int(own)) / 3600
