"""Pictures for the tests of `auditor.photos`: drawn ones always, real portraits where they are at hand."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))  # the makers of renditions and stand-ins are shared


@pytest.fixture(scope="session")
def portraits() -> list[Image.Image]:
    folder = Path(os.environ.get("PHOTO_AUDITOR_PORTRAITS") or ROOT.parent / "shared" / "photos")
    files = sorted(folder.glob("*.jpg"))
    if not files:
        pytest.skip(f"no portraits in {folder}")
    return [Image.open(file).convert("RGB") for file in files]


@pytest.fixture(scope="session")
def drawn() -> list[Image.Image]:
    """Twelve pictures with the structure of photos, from fixed seeds."""
    return [scene(seed) for seed in range(12)]


def scene(seed: int, side: int = 400) -> Image.Image:
    """Soft shapes of many tones over a shaded ground: no portrait, but as rich as one."""
    chance = random.Random(seed)
    down, across = np.mgrid[0:side, 0:side] / side
    samples = np.zeros((side, side, 3))
    for channel in range(3):
        samples[..., channel] = 90 + 70 * (across * chance.uniform(-1, 1) + down * chance.uniform(-1, 1))
    for _ in range(26):
        x, y, wide, high = chance.random(), chance.random(), chance.uniform(0.03, 0.25), chance.uniform(0.03, 0.25)
        turn = chance.uniform(0, 3.2)
        u = (across - x) * np.cos(turn) + (down - y) * np.sin(turn)
        v = (down - y) * np.cos(turn) - (across - x) * np.sin(turn)
        reach = 1 / (1 + np.exp((18 * ((u / wide) ** 2 + (v / high) ** 2 - 1)).clip(max=30)))
        colour = np.array([chance.uniform(0, 255) for _ in range(3)])
        samples += (colour - samples) * (0.8 * reach)[..., None]
    return Image.fromarray(samples.clip(0, 255).astype("uint8"))
