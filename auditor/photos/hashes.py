"""The two perceptual hashes that others know, bit for bit those of the imagehash library.

That library takes a tenth of a whole fingerprint's time for them: it transforms all 32 × 32 cosines, of which 64 are
kept, and imports SciPy for it. `tests/photos/test_fingerprint.py` holds both against it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BITS = 8
"""Bits a side of either hash."""
_SIDE = 32
"""Pixels a side of what is transformed."""


def phash(grey: Image.Image) -> str:
    """Whether each of the lowest 8 × 8 cosine coefficients is above their median, as 16 hexadecimal digits.

    Args:
        grey: of mode L.
    """
    pixels = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), dtype=np.float64)
    cosines = _cosines()
    # Where nothing changes a coefficient is 0 and not what rounding leaves of it.
    lowest = np.round(cosines @ pixels @ cosines.T, 6)
    middle = np.sort(lowest, axis=None)[lowest.size // 2 - 1 :][:2]
    return _hexadecimal(lowest > middle.mean())


def dhash(grey: Image.Image) -> str:
    """Whether each of 8 × 8 points is lighter than its left neighbour, as 16 hexadecimal digits.

    Args:
        grey: of mode L.
    """
    pixels = np.asarray(grey.resize((_BITS + 1, _BITS), Image.Resampling.LANCZOS))
    return _hexadecimal(pixels[:, 1:] > pixels[:, :-1])


def _hexadecimal(bits: NDArray[np.bool_]) -> str:
    return np.packbits(bits).tobytes().hex()


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.floating[Any]]:
    """(8, 32): the lowest rows of the discrete cosine transform of type II, in its plain scale."""
    rows, columns = np.arange(_BITS)[:, None], np.arange(_SIDE)[None, :]
    return np.asarray(2.0 * np.cos(np.pi * rows * (2 * columns + 1) / (2 * _SIDE)))
