"""A small convolutional network that tells drawn stand-ins from what people choose, in plain numpy.

It sees a descriptor and nothing else: the gradients, how strong they are, and the mean colours. Its weights, in
`placeholders.npz`, were learned by `training/train.py` from drawings and from one half of the benchmark's portraits.
Computed in double precision, so that no order of additions shows in what is decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from auditor.photos.descriptor import FIELDS, SIDE, Descriptor

CLASSES: Final = ("photo", "initials", "silhouette", "blank")
CHANNELS: Final = 7
STRIDES: Final = (2, 1, 2, 1, 2, 1)
"""Of the convolutions, in order. All but the first are 3 × 3, with a border of zeros."""

Floats = NDArray[np.floating[Any]]


def unevenness(descriptor: Descriptor) -> Floats:
    """The gradients, (2, 40, 40), in grey levels a lattice step, 0 where the ground is even.

    A descriptor's gradients have zero mean, which moves even places away from 0. Where much is even, the median
    is; a ground that shades evenly counts as even, too.
    """
    levels = descriptor.gradients * (descriptor.strength * np.sqrt(descriptor.gradients.size))
    return np.asarray(levels - np.median(levels, axis=(1, 2), keepdims=True))


def seen(descriptor: Descriptor) -> Floats:
    """What the network is shown, (7, 40, 40).

    The gradients by their largest, the logarithms of their sizes in grey levels (flat is flat, however strong
    the rest), and the mean colours around 0.
    """
    gradients = unevenness(descriptor)
    levels = np.abs(gradients)
    largest = max(float(levels.max()), 1e-9)
    colours = descriptor.colours.transpose(2, 0, 1) / 255.0 - 0.5
    wide = colours.repeat(SIDE // FIELDS, axis=1).repeat(SIDE // FIELDS, axis=2)
    return np.concatenate([gradients / largest, np.log1p(4.0 * levels) / 5.0, wide])


def nudged(view: Floats) -> Iterator[Floats]:
    """What the network is shown where everything lies a lattice step farther right, left, down or up.

    What comes into view at an edge is even. The mean colours stay: their fields are five steps wide.
    """
    padded = np.pad(view[:_OF_GRADIENTS], ((0, 0), (1, 1), (1, 1)))
    for down, across in ((1, 0), (1, 2), (0, 1), (2, 1)):
        moved = view.copy()
        moved[:_OF_GRADIENTS] = padded[:, down : down + SIDE, across : across + SIDE]
        yield moved


_OF_GRADIENTS: Final = 4
"""The first of the channels: gradients across and down, and the logarithms of their sizes."""


def likelihoods(view: Floats, strength: float) -> Floats:
    """How likely the picture is each of `CLASSES`, (4,), together 1.

    Args:
        view: the picture as `seen`.
        strength: of its descriptor.
    """
    weights = _weights()
    layer = view
    for at, stride in enumerate(STRIDES):
        layer = _convolved(layer, weights[f"kernel{at}"], weights[f"bias{at}"], stride)
    pooled = np.concatenate([layer.mean(axis=(1, 2)), layer.max(axis=(1, 2)), [np.log1p(strength) / 4.0]])
    hidden = np.maximum(weights["hidden"] @ pooled + weights["hidden_bias"], 0.0)
    scores = weights["scores"] @ hidden + weights["scores_bias"]
    odds = np.exp(scores - scores.max())
    return np.asarray(odds / odds.sum())


def _convolved(layer: Floats, kernel: Floats, bias: Floats, stride: int) -> Floats:
    """(c, h, w) by (k, c, n, n), a border of zeros, and what is below 0 cut off."""
    channels, size = layer.shape[0], kernel.shape[2]
    side = -(-layer.shape[1] // stride)
    padded = np.pad(layer, ((0, 0), (size // 2, size // 2), (size // 2, size // 2)))
    # Every place of the kernel sees the layer shifted; laid below each other they make one product.
    columns = np.empty((size, size, channels, side, side))
    for down in range(size):
        for across in range(size):
            columns[down, across] = padded[
                :, down : down + stride * side : stride, across : across + stride * side : stride
            ]
    weights = kernel.transpose(0, 2, 3, 1).reshape(kernel.shape[0], -1)
    made = _product(weights, columns.reshape(weights.shape[1], -1)) + bias[:, None]
    return np.maximum(made, 0.0).reshape(-1, side, side)


def _product(one: Floats, other: Floats) -> Floats:
    """`one @ other` in pieces too small for BLAS to wake its threads, which costs more than the work."""
    width = max(1, _ONE_THREAD // one.size)
    return np.concatenate([one @ other[:, at : at + width] for at in range(0, other.shape[1], width)], axis=1)


_ONE_THREAD = 250_000
"""Multiplications up to which OpenBLAS keeps a product on one core (its threshold is 4 × 65,536)."""


@lru_cache(maxsize=1)
def _weights() -> Mapping[str, Floats]:
    with resources.files("auditor.photos").joinpath("placeholders.npz").open("rb") as file:
        return {name: array.astype(np.float64) for name, array in np.load(file, allow_pickle=False).items()}
