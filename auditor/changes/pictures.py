"""Are two pictures of two runs the same photo? Equal digests first; then our own comparison, each pair once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.model import Decision, Fingerprint
from auditor.photos import Comparison, compare

Print = Callable[[], Fingerprint | None]
"""How a fingerprint is had when it is needed."""

_EQUAL = Comparison(Decision.SAME, "", 0.0, "Both are the same file, byte for byte.")


@dataclass
class Pictures:
    """Comparisons that were made, by digests: the same two pictures stand on many rows."""

    _known: dict[tuple[str, str], Comparison] = field(default_factory=dict)

    def compare(self, one: tuple[str, Print], other: tuple[str, Print]) -> Comparison | None:
        """Two pictures, each by its digest and the way to its fingerprint; None where they cannot be compared."""
        (left, first), (right, second) = one, other
        if left and left == right:
            return _EQUAL
        if not left or not right:
            return None
        key = (left, right) if left < right else (right, left)
        if key not in self._known:
            a, b = first(), second()
            if a is None or b is None or a.recipe != b.recipe:
                return None
            try:
                self._known[key] = compare(a, b)
            except ValueError:  # of a recipe that this version does not read
                return None
        return self._known[key]


def is_same(found: Comparison) -> bool:
    """Whether it is one photo: a re-encoding, another size or the centre square is no other photo."""
    return found.decision is Decision.SAME
