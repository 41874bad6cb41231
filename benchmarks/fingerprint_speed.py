"""How long a fingerprint takes, beside `imagehash.phash(Image.open(...))` on the same bytes, interleaved.

    python benchmarks/fingerprint_speed.py [FOLDER]

Everything is printed as medians and as ratios measured side by side in one run, because a machine's speed
changes from minute to minute. Without a folder of portraits drawn pictures are used.
"""

from __future__ import annotations

import io
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import imagehash
import renditions
import stand_ins
from PIL import Image

from auditor.photos import compare, fingerprint

ROUNDS = 9
PICTURES = 40


def main() -> None:
    portraits = _portraits()
    print(f"{len(portraits)} pictures, {ROUNDS} rounds, medians")
    for name, make in {"648 px JPEG": "648", "300 px JPEG": "300", "96 px JPEG": "96 under 10 KB"}.items():
        files = [renditions.ORDINARY[make](picture) for picture in portraits]
        ours, naive = interleaved(fingerprint, lambda data: imagehash.phash(Image.open(io.BytesIO(data))), files)
        print(f"{name:12s} fingerprint {ours:6.2f} ms, naive phash {naive:6.2f} ms, ratio {ours / naive:.2f}")
    larger = [fingerprint(renditions.ORDINARY["648"](picture)) for picture in portraits]
    smaller = [fingerprint(renditions.ORDINARY["300"](picture)) for picture in portraits]
    for one, other in zip(larger, smaller, strict=True):
        compare(one, other)
    same = _median(lambda pair: compare(*pair), list(zip(larger, larger, strict=True)))
    near = _median(lambda pair: compare(*pair), list(zip(larger, smaller, strict=True)))
    apart = _median(lambda pair: compare(*pair), list(zip(larger, smaller[1:], strict=False)))
    print(f"compare: equal bytes {same * 1e3:.1f} µs, one photo {near * 1e3:.0f} µs, two photos {apart:.2f} ms")


def interleaved(
    one: Callable[[bytes], object], other: Callable[[bytes], object], files: list[bytes]
) -> tuple[float, float]:
    """Median milliseconds of each, called in turns on the same bytes."""
    times: tuple[list[float], list[float]] = ([], [])
    for data in files:
        one(data), other(data)
    for _ in range(ROUNDS):
        for data in files:
            for call, spent in zip((one, other), times, strict=True):
                start = time.perf_counter()
                call(data)
                spent.append(time.perf_counter() - start)
    return statistics.median(times[0]) * 1e3, statistics.median(times[1]) * 1e3


def _median(call: Callable[[object], object], items: list[object]) -> float:
    spent = []
    for _ in range(ROUNDS):
        for item in items:
            start = time.perf_counter()
            call(item)
            spent.append(time.perf_counter() - start)
    return statistics.median(spent) * 1e3


def _portraits() -> list[Image.Image]:
    if len(sys.argv) > 1:
        files = sorted(Path(sys.argv[1]).glob("*.jpg"))
        step = max(1, len(files) // PICTURES)
        return [Image.open(file).convert("RGB") for file in files[::step][:PICTURES]]
    chance = random.Random(1)
    return [stand_ins.high_key(chance) for _ in range(PICTURES)]


if __name__ == "__main__":
    main()
