"""The gradient descriptor: what a picture's structure is, in 3.4 KB, whatever its size and encoding.

The recipe `g2`. The picture, upright and flattened on white, is squashed to a square: area-averaged to a
48 × 48 lattice (so that a 648-px and a 48-px copy meet on equal terms), then to 40 × 40, blurred lightly,
and only its horizontal and vertical derivatives are kept, zero mean, one byte each. Beside them: the mean
colour of 8 × 8 fields and the strength of the gradients.

Everything is linear in the pixels, so it is a function of pixels alone: two encodings of the same pixels
differ by rounding only (platforms too: decoders may differ by one grey level). It is computed in double
precision: how many threads add, and in which order, must not show in what is kept.

A coarse likeness of the picture can be computed back from gradients: a descriptor is personal data and to
be guarded like the photo.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from auditor.photos.decode import Decoded

RECIPE: Final = "g2"
"""Version of everything in this module. Other recipes cannot be compared."""

LATTICE: Final = 48
SIDE: Final = 40
BLUR: Final = 1.25
"""Standard deviation of the light blur, in steps of the 40 × 40 lattice."""
POINT_SPREAD: Final = 1.31
"""Standard deviation of all the averaging together (two boxes and the blur), in the same steps."""
FIELDS: Final = 8
_UNIFORM = 14.0 + 1e-6
"""Grey levels within which the luma of a border is even, JPEG's ringing included; not a rounding error less where
flat colours are whole levels apart."""
_STRAYS = 4
"""Of 48 points of a line, one less than this many may be farther off."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue: ITU-R BT.601, as JPEG's own luma and Pillow's mode L."""
_HEADER = struct.Struct("<2sBBff4B")

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A parsed descriptor."""

    gradients: Floats
    """(2, 40, 40): derivative across, derivative down; zero mean each, unit norm together; zeros when flat."""
    colours: Floats
    """(8, 8, 3): mean RGB of 8 × 8 fields, 0..255."""
    strength: float
    """Root mean square of the gradients, grey levels a lattice step."""
    borders: tuple[float, float, float, float]
    """Width of the uniform border at the left, top, right and bottom, in parts of the side (up to 0.5)."""


def describe(decoded: Decoded) -> bytes:
    """Make the binary descriptor: header, 192 bytes of colours, 3,200 bytes of gradients."""
    colours = lattice(decoded)
    grey = np.ascontiguousarray(colours @ LUMA)
    smooth, slope = _filters()
    across, down = smooth @ grey @ slope.T, slope @ grey @ smooth.T
    gradients = np.stack([across - across.mean(), down - down.mean()])
    strength = float(np.sqrt(np.vdot(gradients, gradients) / gradients.size))
    step = max(float(gradients.max()), -float(gradients.min()), 1e-6) / 127.0
    block = LATTICE // FIELDS
    means = colours.reshape(FIELDS, block, FIELDS, block * 3).sum(axis=1).reshape(FIELDS, FIELDS, block, 3).sum(axis=2)
    means /= block * block
    header = _HEADER.pack(RECIPE.encode(), SIDE, FIELDS, strength, step, *_borders(colours, grey))
    levels = np.asarray(_nearest(gradients / step), dtype=np.int8)
    return b"".join((header, np.asarray(_nearest(means), dtype=np.uint8).tobytes(), levels.tobytes()))


def _nearest(values: Floats) -> Floats:
    """The nearest whole numbers; a value half way between two goes up in every run.

    Flat colours and symmetrical pictures give exact halves, and the order of additions (which kernel and how many
    threads BLAS happens to use) moves them by 1e-13 to one side or the other.
    """
    return np.asarray(np.rint(values + 1e-9))


@lru_cache(maxsize=1024)
def parse(descriptor: bytes) -> Descriptor:
    """Read a descriptor of this recipe back.

    Raises:
        ValueError: the bytes are no descriptor of this recipe.
    """
    expected = _HEADER.size + FIELDS * FIELDS * 3 + 2 * SIDE * SIDE
    if len(descriptor) != expected or descriptor[:2] != RECIPE.encode():
        raise ValueError(f"not a descriptor of recipe {RECIPE}: {len(descriptor)} bytes")
    _, _, _, strength, _, left, top, right, bottom = _HEADER.unpack_from(descriptor)
    at = _HEADER.size
    colours = np.frombuffer(descriptor, np.uint8, FIELDS * FIELDS * 3, at).astype(np.float64)
    gradients = np.frombuffer(descriptor, np.int8, 2 * SIDE * SIDE, at + colours.size).astype(np.float64)
    norm = float(np.sqrt(gradients @ gradients))
    if norm > 0:
        gradients /= norm
    gradients.flags.writeable = colours.flags.writeable = False
    return Descriptor(
        gradients.reshape(2, SIDE, SIDE),
        colours.reshape(FIELDS, FIELDS, 3),
        strength,
        (left / LATTICE, top / LATTICE, right / LATTICE, bottom / LATTICE),
    )


def levels(descriptor: bytes) -> NDArray[np.int8]:
    """The gradients as they are kept, (3200,): what `parse` brings to unit norm."""
    return np.frombuffer(descriptor, np.int8, offset=len(descriptor) - 2 * SIDE * SIDE)


def _borders(colours: Floats, grey: Floats) -> tuple[int, int, int, int]:
    """How many lattice lines at the left, top, right and bottom are of one colour each side (0..24)."""
    columns, upright = colours.transpose(1, 0, 2), grey.T
    sides = (columns, upright), (colours, grey), (columns[::-1], upright[::-1]), (colours[::-1], grey[::-1])
    luma = np.stack([greys[0] for _, greys in sides])
    middle = np.partition(luma, LATTICE // 2, axis=1)[:, LATTICE // 2, None]
    even = np.count_nonzero(np.abs(luma - middle) > _UNIFORM, axis=1) < _STRAYS
    left, top, right, bottom = (_border(*side) if flat else 0 for side, flat in zip(sides, even, strict=True))
    return left, top, right, bottom


def _border(lines: Floats, greys: Floats) -> int:
    """How many of the lines are of the first one's colour."""
    colour = np.partition(lines[0], LATTICE // 2, axis=0)[LATTICE // 2]
    # A few points may stray: at 48 px JPEG keeps colour in cells of 16 px, and ringing reaches 8.
    luma = np.count_nonzero(np.abs(greys[: LATTICE // 2] - colour @ LUMA) > _UNIFORM, axis=1)
    most = 2 if luma[1] >= _STRAYS else LATTICE // 2  # most photos end here
    channels = np.count_nonzero(np.abs(lines[:most] - colour).max(axis=2) > 3 * _UNIFORM, axis=1)
    uneven = np.maximum(luma[:most], channels) >= _STRAYS
    return int(uneven.argmax()) if uneven.any() else LATTICE // 2


def lattice(decoded: Decoded) -> Floats:
    """The picture squashed to (48, 48, 3), 0..255: true area averages where it is larger, else linear."""
    image = decoded.image
    # Cells are counted from the edge that the file begins at.
    if decoded.reversed[0]:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if decoded.reversed[1]:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    across, down = max(1, image.width // LATTICE), max(1, image.height // LATTICE)
    if (across, down) != (1, 1):
        image = image.reduce((across, down))  # whole pixels first: fast, and exact but for rounding
    samples = np.asarray(image, dtype=np.float64)
    rows = _averaging(decoded.height, samples.shape[0], decoded.cell[1] * down)
    columns = _averaging(decoded.width, samples.shape[1], decoded.cell[0] * across)
    # Channel by channel and in two halves: products this small stay on one core. Handed over to BLAS in one
    # piece they wake its threads, which costs more than the work where other processes want the cores.
    channels = np.ascontiguousarray(samples.transpose(2, 0, 1))
    half = np.matmul(rows.reshape(2, 1, LATTICE // 2, -1), channels)
    whole = np.matmul(half, columns.T)
    square = np.ascontiguousarray(whole.transpose(0, 2, 3, 1)).reshape(LATTICE, LATTICE, 3)
    return np.ascontiguousarray(square[:: -1 if decoded.reversed[1] else 1, :: -1 if decoded.reversed[0] else 1])


@lru_cache(maxsize=256)
def _averaging(length: int, samples: int, cell: int) -> Floats:
    """(48, samples): weights that bring `samples` cells of a side of `length` pixels to the lattice.

    The last cell may be cut short by the picture's edge.
    """
    edges = np.minimum(np.arange(samples + 1, dtype=np.float64) * cell, length) / length * LATTICE
    steps = np.arange(LATTICE, dtype=np.float64)
    if samples >= LATTICE:
        low = np.maximum(steps[:, None], edges[None, :-1])
        high = np.minimum(steps[:, None] + 1, edges[None, 1:])
        weights = np.maximum(high - low, 0.0)
    else:
        centres = (edges[:-1] + edges[1:]) / 2
        weights = np.stack([np.interp(steps + 0.5, centres, unit) for unit in np.eye(samples)], axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights, dtype=np.float64)


@lru_cache(maxsize=1)
def _filters() -> tuple[Floats, Floats]:
    """(40, 48) each: average to 40 and blur; the same and then derive."""
    edges = np.arange(LATTICE + 1) * (SIDE / LATTICE)
    steps = np.arange(SIDE, dtype=np.float64)
    average = np.maximum(
        np.minimum(steps[:, None] + 1, edges[None, 1:]) - np.maximum(steps[:, None], edges[None, :-1]), 0.0
    )
    reach = 5
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / BLUR) ** 2)
    taps /= taps.sum()
    blur = np.zeros((SIDE, SIDE))
    for row in range(SIDE):
        for offset, tap in zip(range(-reach, reach + 1), taps, strict=True):
            blur[row, min(max(row + offset, 0), SIDE - 1)] += tap  # the edge pixel goes on beyond the edge
    smooth = blur @ average
    slope = np.gradient(smooth, axis=0)
    return smooth, slope
