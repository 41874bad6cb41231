"""Whose face an upload shows: portraits from a folder while they last, drawn ones after that."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from auditor.simulator.pictures import Drawn, Filed, Upload

_SMALLEST, _LARGEST = 180, 648
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
_MOST_PIXELS = 40_000_000
_TWICE = 0.9
"""Two files whose gradients agree as much as this show one photograph."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A usable file of the folder."""

    source: Filed
    colourful: bool


@lru_cache(maxsize=4)
def read_folder(folder: Path) -> tuple[Portrait, ...]:
    """The portraits in a folder, in the order of their names; each photograph once.

    Raises ValueError where the folder is missing or holds no portrait.
    """
    if not folder.is_dir():
        raise ValueError(f"The folder of portraits {folder} does not exist.")
    found: list[Portrait] = []
    structures: list[npt.NDArray[np.float32]] = []
    digests: set[bytes] = set()
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES):
        read = _read(path)
        if read is None:
            continue
        portrait, structure, digest = read
        # The same photograph twice would make two people look alike who are not meant to.
        if digest in digests or (structures and float((np.array(structures) @ structure).max()) > _TWICE):
            continue
        found.append(portrait)
        structures.append(structure)
        digests.add(digest)
    if not found:
        raise ValueError(f"The folder of portraits {folder} holds no readable photo of at least {_SMALLEST} pixels.")
    return tuple(found)


def _read(path: Path) -> tuple[Portrait, npt.NDArray[np.float32], bytes] | None:
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
        with Image.open(path) as image:
            side = min(image.size)
            if side < _SMALLEST or image.width * image.height > _MOST_PIXELS:
                return None
            image.draft("RGB", (96, 96))
            small = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (33, 33))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    grey = np.asarray(small.convert("L"), dtype=np.float32)
    slopes = np.concatenate([np.diff(grey, axis=0).ravel(), np.diff(grey, axis=1).ravel()])
    slopes -= slopes.mean()
    length = float(np.linalg.norm(slopes))
    if length < 50:  # nothing to see: no photo of anybody
        return None
    pixels = np.asarray(small, dtype=np.int16)
    spread = float((pixels.max(axis=2) - pixels.min(axis=2)).mean())
    portrait = Portrait(Filed(path.resolve(), min(side, _LARGEST)), colourful=spread > 12)
    return portrait, (slopes / length).astype(np.float32), digest


class Portraits:
    """Deals one portrait to each upload; the same upload gets the same one again."""

    def __init__(self, seed: int, folder: Path | None) -> None:
        self._seed = seed
        left = list(read_folder(folder.resolve())) if folder else []
        random.Random(f"portraits:{seed}").shuffle(left)
        self._left = left
        self._dealt: dict[str, Upload] = {}

    def upload(
        self,
        name: str,
        *,
        shape: tuple[int, int] = (1, 1),
        oversized: bool = False,
        colourful: bool = False,
    ) -> Upload:
        """The upload of this name. `colourful` keeps grey photographs away from those who will be greyed."""
        if name not in self._dealt:
            drawn = Upload(name, Drawn(self._number(name)), shape, oversized)
            portrait = self._next(colourful)
            self._dealt[name] = replace(drawn, source=portrait.source) if portrait else drawn
        return self._dealt[name]

    def _next(self, colourful: bool) -> Portrait | None:
        for place in range(len(self._left) - 1, -1, -1):
            if self._left[place].colourful or not colourful:
                return self._left.pop(place)
        return None

    def _number(self, name: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self._seed}:{name}".encode()).digest()[:8], "big")
