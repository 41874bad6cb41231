"""Whose photo is this? A copy that equals another user's reference, found without comparing everyone with everyone.

A perceptual hash only names candidates; nothing is claimed before the fingerprints themselves say `same`, and
never at low resolution, where two sittings of one person can look alike. Equality of pictures, not of faces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.model import Decision, Fingerprint
from auditor.photos import compare

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

    def _equal(self, user_id: str, copy: Fingerprint) -> bool:
        reference = self.reference_of(user_id)
        if reference is None or reference.recipe != copy.recipe:
            return False
        found = compare(reference, copy)
        return found.decision is Decision.SAME and found.kind != "low_resolution"


def index(user_ids: Sequence[str], hashes: Sequence[str], reference_of: Callable[[str], Fingerprint | None]) -> Owners:
    """An index over references; `hashes` are imagehash.phash in hexadecimal, one a user."""
    return Owners(user_ids, np.array([int(one, 16) for one in hashes], dtype=np.uint64), reference_of)
