"""Which of many pictures are the same photo as which of many others, without comparing everyone with everyone.

Nothing is decided here: a cheap look over all pairs, with room to spare, names candidates, and `compare`
judges those. It can say `same` for four reasons, and for each there is such a look: equal bytes, gradients
that agree as they lie, two even colours, and a square that a service made of a picture that is not square.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditor.model import Decision, Fingerprint
from auditor.photos import thresholds as limits
from auditor.photos import windows
from auditor.photos.compare import aspect_of, bars_on_both, compare, squared_with_bars
from auditor.photos.descriptor import RECIPE, SIDE, Descriptor, Floats, levels, parse

_BLOCK = 1024
"""Pictures a side in one product: 13 MB of gradients each, 4 MB of distances."""
_ROOM = 1.0
"""Added to distances in single precision, which are right to 0.01."""
_ASPECTS = 0.01
"""Oblong pictures whose logarithms of aspect differ by less share one window in the cheap look."""
_SQUARED_ROOM = 15.0
"""Added for that: it moves distances by less than 3 (portraits from 1:2 to 2:1)."""
_BARS_SHIFTS = (-0.04, 0.0, 0.04)
"""Places off the middle, in parts of the side, at which a picture between bars is looked for."""
_BARS_ROOM = 250.0
"""Distance up to which it is looked at again there. Of squared portraits, up to a tenth of the side off the
middle, those that `compare` finds stay under 82."""


@dataclass(frozen=True, slots=True)
class Match:
    """Two pictures that are the same photo."""

    a: int
    """Index into the first sequence."""
    b: int
    """Index into the second sequence; into the first, and more than `a`, where that was held against itself."""
    distance: float
    """The distance that decided, as in `Comparison`."""


def nearest(first: Sequence[Fingerprint], second: Sequence[Fingerprint] | None = None) -> list[Match]:
    """The pairs of which `compare` says `same`, but for those that are so at low resolution only.

    Memory goes by blocks: beside the answer about 60 MB and 3.5 KB a picture. Time goes by pairs as long as few
    are the same; each pair that is costs one `compare`, unless its fingerprints were equal to others' already.

    Args:
        first: Pictures.
        second: Those to hold against them; None holds `first` against itself, each pair once.

    Returns:
        In the order of `a`, then `b`.

    Raises:
        ValueError: a fingerprint was made by another recipe than this version's, or cannot be read.
    """
    one = _shelf(first)
    other = one if second is None else _shelf(second)
    found: list[Match] = []
    for row, column in _candidates(one, other):
        judged = compare(one.kept[row], other.kept[column])
        if judged.decision is not Decision.SAME or judged.kind == "low_resolution":
            continue
        for a in one.places[row]:
            for b in other.places[column]:
                if second is not None or a < b:
                    found.append(Match(a, b, judged.distance))
                elif row != column:
                    found.append(Match(b, a, judged.distance))
    return sorted(found, key=lambda match: (match.a, match.b))


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Fingerprints without repetitions, and what the cheap look sees of them; n rows each."""

    kept: list[Fingerprint]
    places: list[list[int]]
    """Where each stood in the sequence."""
    levels: NDArray[np.int8]
    """(n, 3200): gradients as kept."""
    scale: NDArray[np.float32]
    """(n, 1): what brings them to unit norm; 0 where there is no structure to compare."""
    strength: Floats
    colours: NDArray[np.int16]
    """(n, 192)"""
    borders: Floats
    """(n, 4)"""
    shape: Floats
    """Logarithm of width by height."""

    def gradients(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(k, 3200) at unit norm."""
        return self.levels[rows].astype(np.float32) * self.scale[rows]

    def squares(self) -> NDArray[np.bool_]:
        """Which are square, as `compare` sees it."""
        return np.abs(self.shape) <= limits.SQUARE_ASPECT.value

    def barred(self) -> NDArray[np.bool_]:
        """Which have what looks like bars on two opposite sides."""
        found = [bars_on_both(left, right) or bars_on_both(top, bottom) for left, top, right, bottom in self.borders]
        return np.array(found, dtype=bool)


def _shelf(fingerprints: Sequence[Fingerprint]) -> _Shelf:
    places: dict[Fingerprint, list[int]] = {}
    for place, item in enumerate(fingerprints):
        places.setdefault(item, []).append(place)
    kept = list(places)
    for item in kept:
        if item.recipe != RECIPE:
            raise ValueError(f"A fingerprint was made by recipe {item.recipe}; this version reads {RECIPE}.")
    parsed = [parse(item.descriptor) for item in kept]
    kept_levels = np.stack([levels(item.descriptor) for item in kept]) if kept else np.zeros((0, 2 * SIDE * SIDE), "i1")
    norms = np.sqrt(np.square(kept_levels, dtype=np.int32).sum(axis=1, dtype=np.int64))
    strength = _column(parsed, "strength", 1)[:, 0]
    structured = (norms > 0) & (strength >= limits.FLAT.value)
    return _Shelf(
        kept,
        list(places.values()),
        kept_levels,
        np.where(structured, 1 / np.maximum(norms, 1), 0).astype(np.float32)[:, None],
        strength,
        _column(parsed, "colours", -1).astype(np.int16),
        _column(parsed, "borders", 4),
        np.log([aspect_of(item) for item in kept]),
    )


def _column(parsed: list[Descriptor], name: str, width: int) -> Floats:
    return np.array([np.ravel(getattr(item, name)) for item in parsed]).reshape(len(parsed), width if parsed else 1)


def _candidates(one: _Shelf, other: _Shelf) -> Iterator[tuple[int, int]]:
    """Rows of pairs that may be the same; of a shelf held against itself each pair once."""
    itself = one is other
    by_digest: dict[str, list[int]] = {}
    for column, item in enumerate(other.kept):
        by_digest.setdefault(item.sha256, []).append(column)
    pairs = [
        np.array(
            [(row, column) for row, item in enumerate(one.kept) for column in by_digest.get(item.sha256, ())],
            dtype=np.intp,
        ).reshape(-1, 2),
        _even(one, other),
        *_alike(one, other),
        *_squared(one, other),
    ]
    if not itself:
        pairs += [part[:, ::-1] for part in _squared(other, one)]
    rows = np.concatenate(pairs)
    if itself:
        rows = np.sort(rows, axis=1)
    for row, column in np.unique(rows, axis=0):
        yield int(row), int(column)


def _pairs(rows: NDArray[np.intp], columns: NDArray[np.intp], hits: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(k, 2): where a block of distances has hits, as rows and columns of the whole."""
    at, across = np.nonzero(hits)
    return np.stack([rows[at], columns[across]], axis=1)


def _blocks(rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    for start in range(0, rows.size, _BLOCK):
        yield rows[start : start + _BLOCK]


def _alike(one: _Shelf, other: _Shelf) -> Iterator[NDArray[np.intp]]:
    """Gradients that agree as they lie."""
    least = 1.0 - (limits.SAME.value + _ROOM) / 1000.0
    for rows in _blocks(np.arange(len(one.kept))):
        left = one.gradients(rows)
        for columns in _blocks(np.arange(rows[0] if one is other else 0, len(other.kept))):
            yield _pairs(rows, columns, left @ other.gradients(columns).T >= least)


def _even(one: _Shelf, other: _Shelf) -> NDArray[np.intp]:
    """Two even colours that are near each other."""
    rows, columns = (np.flatnonzero(shelf.strength < 2 * limits.FLAT.value) for shelf in (one, other))
    hits = np.zeros((rows.size, columns.size), dtype=bool)
    for at, row in enumerate(rows):
        hits[at] = np.abs(other.colours[columns] - one.colours[row]).max(axis=1) <= limits.FLAT_COLOUR.value
    return _pairs(rows, columns, hits)


def _squared(one: _Shelf, other: _Shelf) -> Iterator[NDArray[np.intp]]:
    """Squares of `one` that may be what a service made of pictures of `other` that are not square."""
    squares, oblongs = np.flatnonzero(one.squares()), np.flatnonzero(~other.squares())
    barred = one.barred()
    buckets = np.rint(other.shape[oblongs] / _ASPECTS)
    for bucket in np.unique(buckets):
        aspect = float(np.exp(bucket * _ASPECTS))
        for columns in _blocks(oblongs[buckets == bucket]):
            for rows in _blocks(squares):
                yield _centres(one, rows, other, columns, aspect)
                yield _between_bars(one, rows[barred[rows]], other, columns, aspect)


def _centres(
    one: _Shelf, rows: NDArray[np.intp], other: _Shelf, columns: NDArray[np.intp], aspect: float
) -> NDArray[np.intp]:
    """Squares that are the centre of pictures of that aspect."""
    limit = max(limits.SQUARED.value, limits.SAME_LOW_RESOLUTION.value) + _SQUARED_ROOM
    apart = windows.distances(_lattice(other, columns), _lattice(one, rows), windows.centre(aspect))
    return _pairs(columns, rows, apart <= limit)[:, ::-1]


def _between_bars(
    one: _Shelf, rows: NDArray[np.intp], other: _Shelf, columns: NDArray[np.intp], aspect: float
) -> NDArray[np.intp]:
    """Squares that show a picture of that aspect between bars."""
    wide, high = min(1.0, aspect), min(1.0, 1 / aspect)
    hits = np.zeros((rows.size, columns.size), dtype=bool)
    if rows.size:
        squares, oblongs = _lattice(one, rows), _lattice(other, columns)
        for shift in _BARS_SHIFTS:
            left, top = (1 - wide) / 2 + (shift if wide < 1 else 0), (1 - high) / 2 + (shift if high < 1 else 0)
            window = windows.Window(left, top, wide, high)
            hits |= windows.distances(squares, oblongs, window, bars=True) <= _BARS_ROOM
    pairs = _pairs(rows, columns, hits)
    kept = [squared_with_bars(one.kept[row], other.kept[column]) for row, column in pairs]
    return np.asarray(pairs[np.array(kept, dtype=bool)])


def _lattice(shelf: _Shelf, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    return shelf.gradients(rows).reshape(-1, 2, SIDE, SIDE)
