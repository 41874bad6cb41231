"""One picture as a window of another: measured through one common blur, searched at many scales, refined.

A window is a rectangle of the larger picture, in parts of that picture's sides: it need not be as wide as
it is high, so crops, squares cut by a service, letterboxes and stretched copies all are windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from auditor.photos.descriptor import POINT_SPREAD, SIDE, Floats

_POINTS = 30
"""Lattice on which a window is compared."""
_MARGIN = 2
"""Its outermost points are left out: near its edge a picture's blur does not see what lies beyond."""
_BAR_MARGIN = 5
"""The same where a hard edge lies along the window, as between a photo and bars."""
_CENTRES = ((np.arange(SIDE) + 0.5) / SIDE).astype(np.float32)
_SAMPLES = {
    margin: ((np.arange(_POINTS) + 0.5) / _POINTS)[margin : _POINTS - margin].astype(np.float32)
    for margin in (_MARGIN, _BAR_MARGIN)
}
_WEAKEST = 0.55
"""Standard deviation of the weakest kernel that samples between lattice points without ringing, in steps."""


@dataclass(frozen=True, slots=True)
class Window:
    """`left` and `top` of the upper left corner, and the size, in parts of the larger picture's sides."""

    left: float
    top: float
    width: float
    height: float


def centre(aspect: float) -> Window:
    """The centre square of a picture whose width by height is `aspect`."""
    part = min(aspect, 1 / aspect)
    rest = (1 - part) / 2
    return Window(rest, 0.0, part, 1.0) if aspect > 1 else Window(0.0, rest, 1.0, part)


def distance(larger: Floats, smaller: Floats, window: Window, bars: bool = False) -> float:
    """1000 × (1 − correlation) of `smaller` with `window` of `larger`; both (2, 40, 40) gradients.

    With `bars`, more of the window's edge is left out.
    """
    one, other = _seen(larger, smaller, window, _BAR_MARGIN if bars else _MARGIN)
    scale = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return 1000.0 * (1.0 - float((one * other).sum()) / scale) if scale > 0 else 1000.0


def distances(larger: Floats, smaller: Floats, window: Window, bars: bool = False) -> Floats:
    """`distance` of each of many with each of many, (n, m); both are stacks, (n, 2, 40, 40) and (m, 2, 40, 40)."""
    one, other = (
        _unit(seen).astype(np.float32) for seen in _seen(larger, smaller, window, _BAR_MARGIN if bars else _MARGIN)
    )
    return 1000.0 * (1.0 - one @ other.T)


def _unit(stack: Floats) -> Floats:
    """(n, …) to (n, k): each at unit norm, zeros where there is nothing."""
    flat = stack.reshape(stack.shape[0], -1)
    return np.asarray(flat / (np.sqrt(np.einsum("nk,nk->n", flat, flat))[:, None] + 1e-9))


def _seen(larger: Floats, smaller: Floats, window: Window, margin: int) -> tuple[Floats, Floats]:
    """Both pictures' gradients in the window, (…, 2, n, n) each, at one scale and one sharpness, zero mean."""
    across, across_smaller = _kernels(window.left, window.width, margin)
    down, down_smaller = _kernels(window.top, window.height, margin)
    one: Floats = down @ larger @ across.T
    other: Floats = down_smaller @ smaller @ across_smaller.T
    other[..., 0, :, :] *= window.height  # per pixel of the larger, a derivative across goes by 1 / width,
    other[..., 1, :, :] *= window.width  # one down by 1 / height; a common factor does not matter
    return _centred(one), _centred(other)


def _centred(stack: Floats) -> Floats:
    """At zero mean, each of the last two axes' pictures by itself."""
    stack -= stack.mean(axis=(-2, -1), keepdims=True)
    return stack


def _kernels(start: float, extent: float, margin: int) -> tuple[Floats, Floats]:
    """(n, 40) each: Gaussian weights that sample a window of one side, and the same of the whole other picture.

    A picture seen in a window of a larger one is blurred by that one's lattice, which is coarser for it than
    its own: the weights bring both to one blur.
    """
    common = float(np.hypot(POINT_SPREAD, _WEAKEST)) * max(1.0, extent)
    return (
        _gaussian(start + extent * _SAMPLES[margin], float(np.sqrt(common**2 - POINT_SPREAD**2))),
        _gaussian(_SAMPLES[margin], float(np.sqrt(max(common**2 - (POINT_SPREAD * extent) ** 2, 0.0))) / extent),
    )


def _gaussian(places: NDArray[np.floating], deviation: float) -> Floats:
    weights = np.exp((-0.5 * (SIDE / deviation) ** 2) * np.square(places[:, None] - _CENTRES[None, :]))
    weights /= weights.sum(axis=1, keepdims=True) + 1e-30
    return np.asarray(weights, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Found:
    """The best window of a search."""

    window: Window
    distance: float


COARSE = 24
_SMALLEST = 11
_STEPS = np.arange(_SMALLEST, COARSE + 1)
_HOPEFUL = 0.55
"""Coarse correlation below which a candidate is not refined: true windows reach more."""
_CANDIDATES = 2


def search(larger: Floats, smaller: Floats, shape: float) -> Found | None:
    """Find `smaller` in `larger`, at 46 to 100 % of its side, or None where nothing is worth a closer look.

    Args:
        larger: (2, 40, 40) gradients.
        smaller: (2, 40, 40) gradients.
        shape: aspect (width by height) of `smaller` divided by that of `larger`.
    """
    best: Found | None = None
    for window in _candidates(larger, smaller, shape):
        found = refine(larger, smaller, window)
        if best is None or found.distance < best.distance:
            best = found
    return best


def _candidates(larger: Floats, smaller: Floats, shape: float) -> list[Window]:
    """Windows of the best correlations on a coarse lattice, over all places and scales."""
    wide = np.maximum(np.rint(_STEPS * min(1.0, shape)).astype(int), 1)
    high = np.maximum(np.rint(_STEPS * min(1.0, 1.0 / shape)).astype(int), 1)
    ground = _coarse_ground(larger)
    energy = np.zeros((COARSE + 1, COARSE + 1))
    energy[1:, 1:] = np.square(ground).sum(axis=0).cumsum(axis=0).cumsum(axis=1)
    templates = np.stack([_coarse_template(smaller, int(w), int(h)) for w, h in zip(wide, high, strict=True)])
    scores = _shifted((np.conj(_spectrum(templates)) * _spectrum(ground)).sum(axis=1))
    norms = np.sqrt(np.square(templates).sum(axis=(1, 2, 3)))
    total = float(energy[-1, -1])
    hits: list[tuple[float, Window]] = []
    for score, norm, w, h in zip(scores, norms, wide, high, strict=True):
        inside = energy[h:, w:] - energy[:-h, w:] - energy[h:, :-w] + energy[:-h, :-w]
        valid = score[: COARSE - h + 1, : COARSE - w + 1] / (norm * np.sqrt(np.maximum(inside, 0.02 * total)) + 1e-9)
        row, column = divmod(int(valid.argmax()), valid.shape[1])
        hits.append((float(valid[row, column]), Window(column / COARSE, row / COARSE, w / COARSE, h / COARSE)))
    hits.sort(key=lambda hit: -hit[0])
    chosen: list[Window] = []
    for score, window in hits:
        if score < _HOPEFUL or len(chosen) == _CANDIDATES:
            break
        if all(abs(window.width - other.width) > 0.09 for other in chosen):
            chosen.append(window)
    return chosen


# Fourier transforms of a lattice this small are fastest, and need no library, as products with a matrix.
_WAVES = np.exp(-2j * np.pi / COARSE * np.outer(np.arange(COARSE), np.arange(COARSE))).astype(np.complex64)
_HALF = COARSE // 2 + 1
"""Of a real lattice's spectrum the other columns follow from these."""
_TWICE = np.where(np.isin(np.arange(_HALF), (0, COARSE // 2)), 1, 2)[:, None]
_BACK = (np.conj(_WAVES[:_HALF]) * _TWICE / COARSE**2).astype(np.complex64)


def _spectrum(lattices: Floats) -> NDArray[np.complex64]:
    """Of (..., 24, 24) real numbers the Fourier transform, (..., 24, 13)."""
    made: NDArray[np.complex64] = _WAVES @ (lattices @ _WAVES[:, :_HALF])
    return made


def _shifted(spectrum: NDArray[np.complex64]) -> Floats:
    """The (..., 24, 24) real numbers of such a transform."""
    made: Floats = (np.conj(_WAVES) @ (spectrum @ _BACK)).real
    return made


def _coarse_ground(gradients: Floats) -> Floats:
    weights = _coarse_kernel(COARSE, 1.0)
    ground: Floats = weights @ gradients @ weights.T
    ground -= ground.mean(axis=(1, 2), keepdims=True)
    return ground


def _coarse_template(gradients: Floats, wide: int, high: int) -> Floats:
    """(2, 24, 24): the whole picture drawn `wide` × `high` in the upper left corner, the rest 0."""
    template = np.zeros((2, COARSE, COARSE), dtype=np.float32)
    across, down = _coarse_kernel(wide, wide / COARSE), _coarse_kernel(high, high / COARSE)
    part: Floats = down @ gradients @ across.T
    part[0] *= high / COARSE
    part[1] *= wide / COARSE
    template[:, :high, :wide] = part - part.mean(axis=(1, 2), keepdims=True)
    return template


@lru_cache(maxsize=128)
def _coarse_kernel(points: int, extent: float) -> Floats:
    """(points, 40): samples a side at `points` places with the blur that the larger picture has there."""
    common = 1.8  # lattice steps of the larger picture: half a coarse step of tolerance and more
    deviation = float(np.sqrt(common**2 - (POINT_SPREAD * extent) ** 2)) / extent
    return _gaussian((np.arange(points, dtype=np.float32) + 0.5) / points, deviation)


_NUDGE = 0.004
_HOPELESS = (480.0, 420.0, 340.0, 250.0, 250.0, 0.0)
"""Distance after each round beyond which it ends, after the sixth in any case: of 2,484 windows that were found the
worst were at 376, 339, 278, 194 and 114 then (42 portraits, 21 crops, letterboxes and stretches, at 648 and 48 px).
It halves the search in strangers.
"""


def refine(larger: Floats, smaller: Floats, window: Window, bars: bool = False) -> Found:
    """Move and resize a window until the correlation is best: damped Gauss-Newton on its four numbers.

    Where it leads nowhere it ends early, at a distance of 250 or more.
    """
    margin = _BAR_MARGIN if bars else _MARGIN
    state = np.array([window.left, window.top, window.width, window.height])
    residual = _residual(larger, smaller, margin, state)
    error, damping = float(residual @ residual), 1e-3
    for hopeless in _HOPELESS:
        slopes = (_nudged(larger, smaller, margin, state) - residual) / _NUDGE
        normal, pull = slopes @ slopes.T, slopes @ residual
        move = np.linalg.solve(normal + damping * np.diag(np.diag(normal)) + 1e-9 * np.eye(4), -pull)
        move = np.clip(move, -0.06, 0.06)
        tried = _inside(state + move)
        after = _residual(larger, smaller, margin, tried)
        if float(after @ after) < error:
            gain = error - float(after @ after)
            state, residual, error, damping = tried, after, float(after @ after), damping / 4
            if gain < 0.0005:
                break
        else:
            damping *= 16
            if damping > 10:
                break
        if 500.0 * error > hopeless:
            break
    return Found(Window(*(float(value) for value in state)), 500.0 * error)


def _inside(state: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep a window within the picture, but for half a lattice step."""
    size = np.clip(state[2:], 0.3, 1.0)
    corner = np.clip(state[:2], -0.5 / SIDE, 1.0 + 0.5 / SIDE - size)
    return np.concatenate([corner, size])


def _residual(larger: Floats, smaller: Floats, margin: int, state: NDArray[np.float64]) -> Floats:
    """Difference of the two at unit norm, (k,): its square is 2 × (1 − correlation)."""
    one, other = _seen(larger, smaller, Window(*state), margin)
    return _difference(one[None], other[None]).ravel()


def _nudged(larger: Floats, smaller: Floats, margin: int, state: NDArray[np.float64]) -> Floats:
    """(4, k): `_residual` with each of the window's four numbers a nudge larger.

    Left and width change nothing but the weights across, top and height nothing but those down: what the others
    make of the pictures is made once.
    """
    left, top, width, height = (float(value) for value in state)
    across, across_smaller = _kernels(left, width, margin)
    down, down_smaller = _kernels(top, height, margin)
    lefts, wides = _kernels(left + _NUDGE, width, margin)[0], _kernels(left, width + _NUDGE, margin)
    tops, highs = _kernels(top + _NUDGE, height, margin)[0], _kernels(top, height + _NUDGE, margin)
    rows, columns = down @ larger, larger @ across.T
    one = np.stack([rows @ lefts.T, tops @ columns, rows @ wides[0].T, highs[0] @ columns])
    rows, columns = down_smaller @ smaller, smaller @ across_smaller.T
    still = rows @ across_smaller.T
    other = np.stack([still, still, rows @ wides[1].T, highs[1] @ columns])
    other[:, 0] *= np.array([height, height, height, height + _NUDGE])[:, None, None]
    other[:, 1] *= np.array([width, width, width + _NUDGE, width])[:, None, None]
    return _difference(_centred(one), _centred(other))


def _difference(one: Floats, other: Floats) -> Floats:
    """(n, …) less (n, …), each at unit norm, as (n, k)."""
    return _unit(one) - _unit(other)
