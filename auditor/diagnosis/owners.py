"""Whose photo is this? A copy that equals another user's reference, found without comparing everyone with everyone.

A perceptual hash only names candidates; nothing is claimed before the fingerprints themselves say `same`, and
never at low resolution, where two sittings of one person can look alike. Equality of pictures, not of faces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from auditor.model import Fingerprint
from auditor.photos import is_same

RADIUS = 10
"""Bits of the 64 in which the hashes of a photo and its rendition may differ to be candidates."""
MOST_CANDIDATES = 50
"""Beyond so many near hashes (nobody's face has that) the search gives up rather than crawl."""


@dataclass(frozen=True)
class Owners:
    """The reference photos of a run, by hash; `reference_of` gives one user's fingerprint when it is needed."""

    user_ids: Sequence[str]
    hashes: npt.NDArray[np.uint64]
    reference_of: Callable[[str], Fingerprint | None]

    def of(self, copy: Fingerprint, *, besides: str) -> tuple[str, ...]:
        """The ids of the other users whose reference this copy equals, in the directory's order."""
        near = np.bitwise_count(self.hashes ^ np.uint64(int(copy.phash, 16))) <= RADIUS
        candidates = [self.user_ids[int(place)] for place in np.flatnonzero(near)]
        if len(candidates) > MOST_CANDIDATES:
            return ()
        return tuple(user_id for user_id in candidates if user_id != besides and self._equal(user_id, copy))

    def equal(self, one: str, other: str) -> bool:
        """Whether two users' references are the same photo."""
        copy = self.reference_of(other)
        return copy is not None and self._equal(one, copy)

    def _equal(self, user_id: str, copy: Fingerprint) -> bool:
        reference = self.reference_of(user_id)
        if reference is None or reference.recipe != copy.recipe:
            return False
        return is_same(reference, copy)


def index(user_ids: Sequence[str], hashes: Sequence[str], reference_of: Callable[[str], Fingerprint | None]) -> Owners:
    """An index over references; `hashes` are imagehash.phash in hexadecimal, one a user."""
    return Owners(user_ids, np.array([int(one, 16) for one in hashes], dtype=np.uint64), reference_of)


SHARED_RADIUS = 6
"""Bits in which the hashes of two renditions of one upload by one workload may differ to be looked at."""
_BANDS = SHARED_RADIUS + 1
"""Of hashes that differ in no more bits than that, one band at least is equal."""
_MOST_IN_A_BAND = 2_000
"""A band that so many share tells nothing: pictures without structure, whose other bands are as common."""


def shared(owners: Owners, digests: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The users whose reference photos are one picture, in groups of two and more, each in the directory's order.

    `digests` are those of the references, one a user. Equal bytes are one picture; of others only those are looked at
    whose hashes agree in a band, and `is_same` decides.
    """
    first: dict[str, int] = {}
    leader = list(range(len(digests)))
    for place, digest in enumerate(digests):
        leader[place] = first.setdefault(digest, place)
    distinct = np.array(sorted(first.values()), dtype=np.intp)
    for one, other in _near_pairs(owners.hashes[distinct]):
        a, b = int(distinct[one]), int(distinct[other])
        if _top(leader, a) != _top(leader, b) and owners.equal(owners.user_ids[a], owners.user_ids[b]):
            low, high = sorted((_top(leader, a), _top(leader, b)))
            leader[high] = low
    groups: dict[int, list[str]] = {}
    for place, user_id in enumerate(owners.user_ids):
        groups.setdefault(_top(leader, place), []).append(user_id)
    return tuple(tuple(group) for _, group in sorted(groups.items()) if len(group) > 1)


def _top(leader: list[int], place: int) -> int:
    while leader[place] != place:
        leader[place] = leader[leader[place]]
        place = leader[place]
    return place


def _near_pairs(hashes: npt.NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Pairs of places whose hashes differ in at most `SHARED_RADIUS` bits, each once."""
    found: set[tuple[int, int]] = set()
    if hashes.size < 2:
        return []
    edges = np.linspace(0, 64, _BANDS + 1).astype(int)
    for low, high in pairwise(edges):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.diff(band[order], prepend=band[order][:1] + np.uint64(1)))
        for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
            places = order[start:stop]
            if not 1 < len(places) <= _MOST_IN_A_BAND:
                continue
            apart = np.bitwise_count(hashes[places][:, None] ^ hashes[places][None, :])
            for one, other in np.argwhere(np.triu(apart <= SHARED_RADIUS, 1)):
                a, b = sorted((int(places[one]), int(places[other])))
                found.add((a, b))
    return sorted(found)
