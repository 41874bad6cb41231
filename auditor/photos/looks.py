"""What a picture looks like in the ways that tell a drawn stand-in from a photo.

Computed once, on the 48 × 48 lattice of the descriptor, and kept as 22 numbers. The model behind them:
a stand-in is a *ground* (one colour or a linear gradient; a tile, or a disk on another flat colour) with a
*figure* in one or two flat tones. What the model leaves unexplained is small for stand-ins, and large for
photos, drawings with features and logos of several colours. The rest describes the figure: where it is, how
thick its strokes are, how symmetric it is, and whether it has a head over shoulders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FEATURES = 22
_SIDE = 48
_NOISE = 15.0
"""Grey levels by which JPEG at 48 px moves flat colours, seen on drawn tiles."""

_SLOPE = 45.0
"""Grey levels by which a gradient's ends may be from its middle."""

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


_SEEN = np.array(
    [[0.299, 0.701 * 0.6, -0.299 * 0.6], [0.587, -0.587 * 0.6, -0.587 * 0.6], [0.114, -0.114 * 0.6, 0.886 * 0.6]],
    dtype=np.float32,
).astype(np.float64)
"""RGB to luma and colour differences, these weakened: JPEG keeps colour coarsely."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Shares are of the region's area (tile or disk); lengths and places of the picture's side."""

    spread: float = 0.0
    """Grey levels: 99.5th percentile of how far pixels are from the ground."""
    ground: float = 0.0
    """Share of pixels that are ground."""
    disk: float = 0.0
    """1 where the region is a disk on a flat colour, 0 where it is the whole tile."""
    contrast: float = 0.0
    """Grey levels between ground and figure."""
    unexplained: float = 1.0
    """Share of pixels that are neither ground, nor figure of one tone, nor an edge between them."""
    unexplained_by_two: float = 1.0
    """The same with a second tone in the figure."""
    features: float = 0.0
    """Share of pixels inside the figure, away from its edges, that two tones do not explain: eyes, shading."""
    roughness: float = 0.0
    """Grey levels: 80th percentile of how far the ground is from even, clear of the figure."""
    figure: float = 0.0
    """Share of pixels that are figure."""
    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    """The figure's bounding box, 0..1."""
    components: float = 0.0
    """Number of separate parts of the figure."""
    thickness: float = 0.0
    """Twice the figure's largest inscribed radius."""
    symmetry: float = 0.0
    """Overlap of the figure with its mirror image: intersection over union."""
    head: float = 0.0
    """Widest row of the figure above its neck."""
    neck: float = 0.0
    """Narrowest row between a quarter and 70 % of the figure's height."""
    shoulders: float = 0.0
    """Widest row of the figure below its neck."""
    solid: float = 0.0
    """Share of the figure's rows that are one unbroken run."""
    axis: float = 0.0
    """Share of the figure's rows in which the picture's middle is figure."""
    holes: float = 0.0
    """Share of pixels that the figure encloses: eyes, or the eye of a letter."""

    def values(self) -> tuple[float, ...]:
        """In the order of the fields."""
        return tuple(getattr(self, name) for name in self.__slots__)

    @classmethod
    def of(cls, values: Sequence[float]) -> Looks:
        """From `values()`."""
        return cls(*values)


def measure(colours: Floats) -> Looks:
    """The looks of a picture given as (48, 48, 3), 0..255."""
    seen_colours = np.matmul(colours.reshape(-1, 3), _SEEN)
    disk = _on_disk(seen_colours)
    zone = _DISK if disk else _TILE
    ground = _ground(seen_colours, zone)
    if ground is None:
        return Looks(disk=float(disk))
    offset = seen_colours - ground
    away = np.sqrt(np.einsum("ij,ij->i", offset, offset))
    within = away[zone.points]
    spread = float(_part(within, 0.995))
    share = float(np.count_nonzero(within < _NOISE)) / within.size
    seen = Looks(spread=spread, ground=share, disk=float(disk))
    if share < 0.38 or spread < _NOISE:
        return seen  # nothing even to stand on, or nothing on it
    away[~zone.region] = 0.0
    shape = (_SIDE, _SIDE)
    return _figure(
        seen_colours.reshape(*shape, 3),
        ground.reshape(*shape, 3),
        away.reshape(shape),
        zone.region.reshape(shape),
        seen,
    )


def _part(values: Floats, share: float) -> Floats:
    """The value (row by row: the values) below which `share` of them lie. Twenty times faster than percentile."""
    at = min(int(share * values.shape[0]), values.shape[0] - 1)
    return np.asarray(np.partition(values, at, axis=0)[at])


@dataclass(frozen=True, slots=True)
class _Zone:
    """Where to look, as flat (2304) masks and indices."""

    region: Mask
    points: NDArray[np.intp]
    rim: NDArray[np.intp]
    """Points along the region's edge, without its lower third: silhouettes stand on that."""
    plane: Floats
    """(points, 3): 1, x, y of the rim."""


_PLACES = ((np.arange(_SIDE, dtype=np.float32) + 0.5) / _SIDE - 0.5).astype(np.float32)
_PLANE = np.stack([np.ones((_SIDE, _SIDE), np.float32), *np.meshgrid(_PLACES, _PLACES)], axis=2).reshape(-1, 3)
"""(2304, 3): 1, x, y of every lattice point, from the middle."""
_RADIUS = np.hypot(_PLANE[:, 1], _PLANE[:, 2])
_CORNERS = np.flatnonzero(_RADIUS > 0.57)
_RING = np.flatnonzero((_PLANE[:, 2] < 0.1) & (_RADIUS > 0.39) & (_RADIUS < 0.44))
"""Upper part of a disk's rim: a silhouette may reach over the lower one."""


def _zone(region: Mask) -> _Zone:
    square = region.reshape(_SIDE, _SIDE)
    rim = square & ~ndimage.binary_erosion(square, iterations=4)
    rim[_SIDE * 2 // 3 :] = False
    points = np.flatnonzero(rim)[::2]  # half of them fit a plane as well
    return _Zone(region, np.flatnonzero(region), points, _PLANE[points])


_TILE = _zone(_RADIUS < 0.62)  # without its outermost corners, which may be round
_DISK = _zone(_RADIUS < 0.44)


def _on_disk(flat: Floats) -> bool:
    """Whether the corners are one colour and the rim of the disk between them is not that colour."""
    corners = flat[_CORNERS]
    luma = corners[:, 0]
    if float(_part(luma, 0.9) - _part(luma, 0.1)) >= 2 * _NOISE:
        return False  # most photos: their corners differ
    ground = _part(corners, 0.5)
    if float(_part(np.abs(corners - ground).max(axis=1), 0.9)) >= _NOISE:
        return False
    return float(_part(np.abs(flat[_RING] - ground).max(axis=1), 0.25)) > 0.4 * _NOISE  # pale on white


def _ground(flat: Floats, zone: _Zone) -> Floats | None:
    """(2304, 3): the ground's colour everywhere, even or a linear gradient, fitted to the region's rim.

    None where most of the rim is no such ground.
    """
    samples = flat[zone.rim]
    kept = np.abs(samples - _part(samples, 0.5)).max(axis=1) <= _SLOPE
    if np.count_nonzero(kept) < 0.4 * kept.size:
        return None
    plane = np.zeros((3, 3))
    for _ in range(2):
        points = zone.plane[kept]
        if points.shape[0] < 12:
            break
        normal = (points.T @ points).astype(np.float64) + np.eye(3) * 1e-3
        plane = np.linalg.solve(normal, (points.T @ samples[kept]).astype(np.float64))
        kept = np.abs(zone.plane @ plane - samples).max(axis=1) < _NOISE
        if np.count_nonzero(kept) < 0.4 * kept.size:
            return None
    return np.asarray(_PLANE @ plane.astype(np.float32), dtype=np.float32)


def _figure(colours: Floats, ground: Floats, away: Floats, region: Mask, seen: Looks) -> Looks:
    """Fit one and two tones to what is not ground, then describe its shape."""
    area = float(region.sum())
    tone = _tone(colours, away, region & (away > 0.5 * seen.spread))
    first = _explained(colours, ground, tone, region)
    unexplained = float(np.sum(region & ~first)) / area
    if unexplained > 0.45:
        return _with(seen, unexplained=unexplained, unexplained_by_two=unexplained)
    by_two, explained = unexplained, first
    rest = region & ~first & (away > _NOISE)
    second: Floats | None = None
    if rest.sum() >= 0.01 * area:
        second = _tone(colours, away, rest)
        both = first | _explained(colours, ground, second, region) | _between(colours, tone, second, region)
        by_two, explained = float(np.sum(region & ~both)) / area, both
    contrast = float(np.sqrt(_part(_squares(tone - ground)[region], 0.5)))
    if by_two > 0.15:
        return _with(seen, unexplained=unexplained, unexplained_by_two=by_two, contrast=contrast)
    mask = region & (away > max(_NOISE * 1.5, 0.4 * contrast if second is None else _NOISE * 1.5))
    inside = _shrunk(mask, 2)
    inside[:2] = inside[-2:] = inside[:, :2] = inside[:, -2:] = False
    features = float(np.sum(inside & ~explained)) / area
    clear = region & ~_grown(mask, 3)
    roughness = float(_part(away[clear], 0.8)) if clear.sum() >= 0.02 * area else 0.0
    return _shape(
        mask,
        region,
        _with(
            seen,
            unexplained=unexplained,
            unexplained_by_two=by_two,
            contrast=contrast,
            features=features,
            roughness=roughness,
        ),
    )


def _grown(mask: Mask, reach: int) -> Mask:
    """Dilated by a square of `reach` points each way: shifts beat ndimage on a lattice this small."""
    wide = mask.copy()
    for step in range(1, reach + 1):
        wide[:, step:] |= mask[:, :-step]
        wide[:, :-step] |= mask[:, step:]
    result = wide.copy()
    for step in range(1, reach + 1):
        result[step:] |= wide[:-step]
        result[:-step] |= wide[step:]
    return result


def _shrunk(mask: Mask, reach: int) -> Mask:
    """Eroded by the same square; beyond the edge everything belongs to the mask."""
    return ~_grown(~mask, reach)


def _with(seen: Looks, **changes: float) -> Looks:
    return replace(seen, **changes)


def _squares(vectors: Floats) -> Floats:
    """Squared length of (48, 48, 3) vectors."""
    return np.asarray(np.einsum("ijk,ijk->ij", vectors, vectors))


def _tone(colours: Floats, away: Floats, where: Mask) -> Floats:
    """The figure's tone: the median of its inside, or, for strokes too thin for one, of its strongest points."""
    inside = _shrunk(where, 1)
    if np.count_nonzero(inside) >= 12:
        return _part(colours[inside], 0.5)
    strong = where & (away >= float(_part(away[where], 0.8))) if where.any() else where
    return _part(colours[strong], 0.5) if strong.any() else np.zeros(3, dtype=np.float32)


def _explained(colours: Floats, ground: Floats, tone: Floats, region: Mask) -> Mask:
    """Where a pixel is ground, or figure, or a mixture of both within two steps of the ground."""
    step, offset = tone - ground, colours - ground
    size = np.sqrt(np.maximum(_squares(step), 1.0))
    part = np.clip(np.einsum("ijk,ijk->ij", offset, step) / np.square(size), 0.0, 1.12)
    loose = _NOISE + 0.06 * size
    on_line = _squares(offset - part[..., None] * step) < np.square(loose)
    is_ground = part * size < loose
    is_figure = (1 - part) * size < loose
    edge = _grown(is_ground & on_line & region, 2)
    return np.asarray(on_line & (is_ground | is_figure | edge))


def _between(colours: Floats, one: Floats, other: Floats, region: Mask) -> Mask:
    """Where a pixel is a mixture of two tones beside both."""
    step, offset = other - one, colours - one
    part = np.clip(offset @ step / max(float(step @ step), 1.0), 0.0, 1.0)
    near = region & (_squares(offset) < (_NOISE * 1.5) ** 2)
    far = region & (_squares(colours - other) < (_NOISE * 1.5) ** 2)
    on_line = _squares(offset - part[..., None] * step) < (_NOISE * 1.5) ** 2
    return np.asarray(on_line & _grown(near, 2) & _grown(far, 2))


def _shape(mask: Mask, region: Mask, seen: Looks) -> Looks:
    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count:
        sizes = np.bincount(parts.ravel())
        small = np.flatnonzero(sizes < 3)
        mask = mask & ~np.isin(parts, small)
        count -= int(np.sum(small > 0))
    if not mask.any():
        return seen
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    padded = np.pad(mask, 1, mode="edge")
    thickness = 2 * float(ndimage.distance_transform_edt(padded).max()) / _SIDE
    mirrored = mask[:, ::-1]
    symmetry = float(np.sum(mask & mirrored)) / float(np.sum(mask | mirrored))
    widths = mask.sum(axis=1)[top:bottom]
    height = bottom - top
    low, high = height // 4, max(height // 4 + 1, round(height * 0.7))
    neck_at = low + int(np.argmin(widths[low:high]))
    filled = ndimage.binary_fill_holes(mask)
    middle = filled[top:bottom, _SIDE // 2 - 1 : _SIDE // 2 + 1].any(axis=1)
    edges = np.abs(np.diff(np.pad(filled, ((0, 0), (1, 1))).astype(np.int8), axis=1)).sum(axis=1)[top:bottom]
    return _with(
        seen,
        figure=float(mask.sum()) / float(region.sum()),
        left=left / _SIDE,
        top=top / _SIDE,
        right=right / _SIDE,
        bottom=bottom / _SIDE,
        components=float(count),
        thickness=thickness,
        symmetry=symmetry,
        head=float(widths[: neck_at + 1].max()) / _SIDE,
        neck=float(widths[neck_at]) / _SIDE,
        shoulders=float(widths[neck_at:].max()) / _SIDE,
        axis=float(middle.mean()),
        holes=float(np.sum(filled & ~mask)) / float(region.sum()),
        solid=float(np.mean(edges <= 2)),
    )
