"""How one picture may have been made from another: turned, mirrored, greyed, toned."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auditor.photos.descriptor import LUMA, Descriptor, Floats

TURNS = {
    "mirror": "mirrored left to right",
    "turned 90": "turned by 90° clockwise",
    "turned 180": "turned by 180°",
    "turned 270": "turned by 90° anticlockwise",
    "flipped": "mirrored top to bottom",
    "transposed": "mirrored and turned by 90°",
    "transverse": "mirrored and turned by 90°",
}
"""The seven ways to lay a square on itself otherwise, and their words."""


def turn(gradients: Floats, how: str) -> Floats:
    """(2, n, n) gradients of a picture as those of the same picture turned or mirrored."""
    across, down = gradients
    match how:
        case "mirror":
            return np.stack([-across[:, ::-1], down[:, ::-1]])
        case "flipped":
            return np.stack([across[::-1], -down[::-1]])
        case "turned 180":
            return -gradients[:, ::-1, ::-1]
        case "transposed":
            return np.stack([down.T, across.T])
        case "turned 90":  # transposed, then mirrored left to right
            return np.stack([-down.T[:, ::-1], across.T[:, ::-1]])
        case "turned 270":  # transposed, then mirrored top to bottom
            return np.stack([down.T[::-1], -across.T[::-1]])
        case "transverse":
            return -np.stack([down.T, across.T])[:, ::-1, ::-1]
        case _:
            raise ValueError(f"no such turn: {how}")


def mirrored(picture: Descriptor) -> Descriptor:
    """The descriptor of the same picture, left to right."""
    left, top, right, bottom = picture.borders
    return replace(
        picture,
        gradients=turn(picture.gradients, "mirror"),
        colours=picture.colours[:, ::-1],
        borders=(right, top, left, bottom),
    )


def turn_distances(one: Floats, other: Floats) -> dict[str, float]:
    """By turn: the distance of `one` to `other` so turned."""
    return {how: 1000.0 * (1.0 - float(np.vdot(one, turn(other, how)))) for how in TURNS}


@dataclass(frozen=True, slots=True)
class Tones:
    """How the mean colours of 8 × 8 fields differ between two pictures of one structure. Grey levels."""

    grey: float
    """Root mean square difference of luma."""
    colour: float
    """Root mean square difference of what is left when luma is taken out."""
    uncurved: float
    """Part (0..1) of the luma difference that no curve of tones explains, as a root mean square."""
    untouched: float
    """Median over the fields of the luma difference."""
    second_worst: float
    """The second largest difference of any field in any channel."""
    chroma: tuple[float, float]
    """Mean chroma of each picture: 0 for grey."""
    gain: float
    """Contrast of the second in parts of the first."""
    lift: float
    """Mean brightness of the second less that of the first."""


def tones(one: Floats, other: Floats) -> Tones:
    """Compare (8, 8, 3) mean colours."""
    # Every pair of copies of one photo comes by here: written for few and cheap calls over 64 numbers.
    apart = other - one
    luma = (one @ LUMA).ravel()
    change = (apart @ LUMA).ravel()
    colour = apart - change.reshape(*apart.shape[:2], 1)
    centred = luma - luma.sum() / luma.size
    slope = float(np.vdot(centred, change)) / max(float(np.vdot(centred, centred)), 1.0)
    grey = _rms(change)
    worst = float(np.sort(_largest(np.abs(apart)), axis=None)[-2])
    uncurved = 1.0
    if grey >= 2.0 or worst >= 20.0:  # else nobody asks
        scaled = luma / 255.0
        curve = np.stack([np.ones_like(scaled), scaled, np.square(scaled), scaled**3], axis=1)
        left = change - curve @ np.linalg.lstsq(curve, change, rcond=None)[0]
        uncurved = _rms(left) / max(grey, 1e-3)
    return Tones(
        grey=grey,
        colour=_rms(colour),
        uncurved=uncurved,
        untouched=float(np.sort(np.abs(change))[change.size // 2]),
        second_worst=worst,
        chroma=(chroma(one), chroma(other)),
        gain=1.0 + slope,
        lift=float(change.sum()) / change.size,
    )


def luma_apart(one: Floats, other: Floats) -> float:
    """`Tones.grey` by itself."""
    return _rms(((other - one) @ LUMA).ravel())


def largest_apart(one: Floats, other: Floats) -> float:
    """The largest difference of any field in any channel.

    Of `Tones`, `grey`, `untouched`, `second_worst` and `lift` are not beyond it, and `colour` and the difference of the
    two `chroma` not beyond twice of it.
    """
    return float(np.abs(other - one).max())


_TO_DISPLAY_P3 = np.array(((0.8225, 0.1774, 0.0), (0.0332, 0.9669, 0.0), (0.0171, 0.0724, 0.9108)))
"""Linear sRGB to linear Display-P3 (SMPTE EG 432-1 and IEC 61966-2-1, both with white D65)."""


def in_display_p3(colours: Floats) -> Floats:
    """The numbers that sRGB colours (..., 3) have in Display-P3: what is left where a profile is dropped."""
    coded = colours / 255.0
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    wide = np.clip(linear @ _TO_DISPLAY_P3.T, 0.0, 1.0)
    return np.asarray(np.where(wide <= 0.0031308, wide * 12.92, 1.055 * wide ** (1 / 2.4) - 0.055) * 255.0)


def _rms(values: Floats) -> float:
    return math.sqrt(float(np.vdot(values, values)) / values.size)


def chroma(colours: Floats) -> float:
    """Mean chroma of (8, 8, 3) mean colours: 0 for grey."""
    return float((_largest(colours) + _largest(-colours)).sum()) / (colours.size / 3)


def _largest(colours: Floats) -> Floats:
    """The largest of each field's three channels: a reduction over so short an axis takes three times as long."""
    largest: Floats = np.maximum(np.maximum(colours[..., 0], colours[..., 1]), colours[..., 2])
    return largest


@dataclass(frozen=True, slots=True)
class Fields:
    """How the structures of two pictures laid upon each other agree in 8 × 8 fields."""

    textured: int
    """Fields with structure in either picture."""
    agreeing: float
    """Share of them whose structure agrees."""
    centre: float
    """The same share in the middle quarter of the picture, where a person is."""
    clear: float
    """Distance of the two where neither is clipped to black or white; 1000 where next to nothing is clear."""


def compare_fields(one: Descriptor, other: Descriptor, agrees: float) -> Fields:
    """Compare field by field; a field agrees where its relative difference of structure is at most `agrees`."""
    fields = one.colours.shape[0]
    block = one.gradients.shape[1] // fields

    def summed(values: Floats) -> Floats:
        return np.asarray(values.sum(axis=0).reshape(fields, block, fields, block).sum(axis=(1, 3)))

    # In grey levels, not at unit norm: what lies upon a picture takes its part of the norm.
    first_gradients = one.gradients * one.strength
    second_gradients = other.gradients * other.strength
    first = summed(np.square(first_gradients))
    second = summed(np.square(second_gradients))
    cross = summed(first_gradients * second_gradients)
    size = first + second
    texture = size > 0.1 * float(np.median(size))
    agree = texture & (size - 2 * cross <= agrees * size)
    within = ~(_clipped(one.colours) | _clipped(other.colours))
    norm = float(first[within].sum() * second[within].sum()) ** 0.5
    whole = float(first.sum() * second.sum()) ** 0.5
    textured = int(texture.sum())
    middle = slice(fields // 4, fields - fields // 4)
    inner = int(texture[middle, middle].sum())
    return Fields(
        textured=textured,
        agreeing=float(agree.sum()) / textured if textured else 0.0,
        centre=float(agree[middle, middle].sum()) / inner if inner else 0.0,
        clear=1000.0 * (1.0 - float(cross[within].sum()) / norm) if norm > 0.1 * whole else 1000.0,
    )


def _clipped(colours: Floats) -> NDArray[np.bool_]:
    strongest = colours.max(axis=2)
    return np.asarray((strongest > 215) | (strongest < 12))
