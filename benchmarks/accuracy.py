"""How often the judgement on photos is right, over any folder of portraits.

    python benchmarks/accuracy.py FOLDER [--pairs 1] [--every 1] [--quick]

The portraits are halved: from the first half thresholds are derived, and printed beside the stored ones; the second
is reported on, with the stored ones. Printed:

- renditions of one photo: anything but `same` is an error;
- pairs of different people: anything but `different` is an error;
- variants of each kind at several strengths: how often the kind is named rightly, and how often a variant is
  called plainly the same;
- placeholders and pictures that only resemble them.

Beside each stand `phash` and `dhash` of imagehash on the same pictures, and PDQ (up to 31 of 256 bits, as its
makers advise) where the package pdqhash is installed. Rates of rare errors carry the upper 95 % bound (one-sided,
Wilson; the rule of three where there was none). Pairs of different people share pictures: a bound over them holds
for these people, and is wider for others than it says.

`--quick` takes every twelfth portrait and a fifth of the pairs, in under two minutes.
"""

from __future__ import annotations

import argparse
import io
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import renditions
import stand_ins
from PIL import Image

from auditor.model import Decision, Fingerprint
from auditor.photos import classify, compare, fingerprint
from auditor.photos import thresholds as limits
from auditor.photos.descriptor import RECIPE, parse

try:
    import pdqhash
except ImportError:
    pdqhash = None

HASHES = (("phash", 10), ("phash", 5), ("dhash", 10), *((("pdq", 31),) if pdqhash else ()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=float, help="share of the pairs of different people [default: 1]")
    parser.add_argument("--every", type=int, help="take every n-th portrait [default: 1]")
    parser.add_argument("--quick", action="store_true", help="every twelfth portrait and a fifth of the pairs")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    files = sorted(file for file in options.folder.iterdir() if file.suffix.lower() in {".jpg", ".jpeg", ".png"})
    files = files[:: options.every or (12 if options.quick else 1)]
    learn, report = files[: len(files) // 2], files[len(files) // 2 :]
    started = time.perf_counter()
    print(f"recipe {RECIPE}; {len(learn)} portraits to learn from, {len(report)} to report on")
    if pdqhash is None:
        print("PDQ is left out: the package pdqhash is not installed")
    derive(load(learn))
    portraits = load(report)
    same(portraits)
    strangers(portraits, options.pairs or (0.2 if options.quick else 1.0), random.Random(options.seed))
    variants(portraits, random.Random(options.seed))
    placeholders(portraits, random.Random(options.seed), 12 if options.quick else 50)
    print(f"\n{time.perf_counter() - started:.0f} s")


def load(files: Iterable[Path]) -> list[Image.Image]:
    return [Image.open(file).convert("RGB") for file in files]


def bound(errors: int, trials: int) -> str:
    """The rate and its upper 95 % bound (Wilson; three by n without errors)."""
    if not trials:
        return "-"
    rate = f"{errors / trials:.2g}" if errors else "0"
    return f"{rate} (< {limits.upper_bound(errors, trials):.2g})"


def gradients(fingerprints: Sequence[Fingerprint]) -> np.ndarray:
    return np.stack([parse(item.descriptor).gradients.ravel() for item in fingerprints])


@dataclass(frozen=True)
class Made:
    """A rendition: our fingerprint, and what the yardsticks make of it."""

    ours: Fingerprint
    hashes: dict[str, int]


def made(data: bytes) -> Made:
    ours = fingerprint(data)
    hashes = {"phash": int(ours.phash, 16), "dhash": int(ours.dhash, 16)}
    if pdqhash:
        bits, _ = pdqhash.compute(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
        hashes["pdq"] = int("".join(map(str, bits)), 2)
    return Made(ours, hashes)


def hamming(one: Made, other: Made, kind: str) -> int:
    return (one.hashes[kind] ^ other.hashes[kind]).bit_count()


def derive(portraits: list[Image.Image]) -> None:
    """What the learning half says on the distances of whole pictures, and which thresholds follow."""
    whole = [fingerprint(renditions.ORDINARY["648"](picture)) for picture in portraits]
    base = gradients(whole)
    worst: dict[str, float] = {}
    for name, make in (renditions.ORDINARY | renditions.TINY | renditions.ALIASED).items():
        there = gradients([fingerprint(make(picture)) for picture in portraits])
        worst[name] = float((1000 * (1 - (base * there).sum(axis=1))).max())
    apart = 1000 * (1 - base @ base.T)[np.triu_indices(len(base), 1)]
    aliased = max(worst.pop(side) for side in renditions.ALIASED)
    hostile = worst.pop("48 without antialiasing")
    ordinary, stranger = max(worst.values()), float(apart.min())
    print(f"  renditions: distance at most {ordinary:.1f}")
    print(f"  without antialiasing: {hostile:.1f} at 48 px, {aliased:.1f} from 64 px")
    print(f"  different people: at least {stranger:.0f} in {apart.size} pairs")
    print("Thresholds            derived  stored")
    derived = {
        # The geometric middle leaves the same factor of room to both sides.
        "SAME at most": ((ordinary * stranger) ** 0.5, limits.SAME.value),
        "SAME at least": (ordinary, limits.SAME.value),
        "SAME_LOW_RESOLUTION": (hostile, limits.SAME_LOW_RESOLUTION.value),
        "STRANGERS": (stranger, limits.STRANGERS.value),
    }
    for name, (value, stored) in derived.items():
        print(f"  {name:20s} {value:7.1f} {stored:7.1f}")


def same(portraits: list[Image.Image]) -> None:
    print("\nRenditions of one photo: decisions other than `same`")
    base = [made(renditions.ORDINARY["648"](picture)) for picture in portraits]
    grey = [made(renditions.jpeg(renditions.sized(picture.convert("L"), 648))) for picture in portraits]
    groups = {
        "both at least 64 px": (base, renditions.ORDINARY),
        "of a grey one": (grey, renditions.GREY_RENDITIONS),
        "below 64 px": (base, renditions.TINY),
        "aliased, from 64 px": (base, renditions.ALIASED),
    }
    for title, (ones, group) in groups.items():
        wrong, trials, noted = 0, 0, Counter[str]()
        missed = Counter[str]()
        for name, make in group.items():
            for one, picture in zip(ones, portraits, strict=True):
                other = made(make(picture))
                found = compare(one.ours, other.ours)
                trials += 1
                if found.decision is not Decision.SAME:
                    wrong += 1
                    noted[f"{name}: {found.kind or found.decision}"] += 1
                for kind, limit in HASHES:
                    missed[f"{kind} > {limit}"] += hamming(one, other, kind) > limit
        print(f"  {title:20s} {trials:6d} comparisons, wrong {wrong}: {bound(wrong, trials)}  {dict(noted) or ''}")
        print(f"  {'':20s} {', '.join(f'{key}: {value / trials:.2g}' for key, value in missed.items())}")


def strangers(portraits: list[Image.Image], share: float, chance: random.Random) -> None:
    print(f"\nDifferent people, {share:.0%} of all pairs in {len(renditions.COMBINATIONS)} combinations of sizes")
    sizes = {size for both in renditions.COMBINATIONS for size in both}
    makers = renditions.ORDINARY | renditions.TINY
    shown = {size: [made(makers[size](picture)) for picture in portraits] for size in sizes}
    decisions, kinds, trials = Counter[str](), Counter[str](), 0
    alike = Counter[str]()
    for left, right in renditions.COMBINATIONS:
        for i in range(len(portraits)):
            for j in range(i + 1, len(portraits)):
                if chance.random() >= share:
                    continue
                one, other = shown[left][i], shown[right][j]
                found = compare(one.ours, other.ours)
                trials += 1
                decisions[found.decision] += 1
                kinds[found.kind] += found.decision is not Decision.DIFFERENT
                for kind, limit in HASHES:
                    alike[f"{kind} ≤ {limit}"] += hamming(one, other, kind) <= limit
    for decision in (Decision.SAME, Decision.VARIANT):
        print(f"  {decision:8s} {decisions[decision]} of {trials}: {bound(decisions[decision], trials)}")
    if kinds.total():
        print(f"  kinds: {dict(kinds)}")
    print(f"  {', '.join(f'{key}: {bound(value, trials)}' for key, value in alike.items())}")


def variants(portraits: list[Image.Image], chance: random.Random) -> None:
    print("\nVariants: kind named rightly, at 300 and at 48 px; called plainly the same")
    base = [made(renditions.ORDINARY["648"](picture)) for picture in portraits]
    grey = [parse(item.ours.descriptor).colours.std(axis=2).max() < 3 for item in base]
    for kind, changes in renditions.VARIANTS.items():
        totals = Counter[str]()
        for name, change in changes:
            right = Counter[str]()
            others = Counter[str]()
            trials = 0
            for one, picture, colourless in zip(base, portraits, grey, strict=True):
                if kind == "greyscale" and colourless:
                    continue
                trials += 1
                changed = change(picture, chance)
                for size in ("300", "48"):
                    other = made(renditions.SERVED[size](changed))
                    found = compare(one.ours, other.ours)
                    if found.kind == kind:
                        right[size] += 1
                    else:
                        others[found.kind or found.decision] += 1
                    totals["same"] += found.decision is Decision.SAME and not found.kind
                    totals["phash"] += hamming(one, other, "phash") <= 10
                    totals["trials"] += 1
                    totals["right"] += found.kind == kind
            print(
                f"  {kind:10s} {name:18s} {right['300'] / trials:6.1%} {right['48'] / trials:6.1%}"
                f"  {dict(others.most_common(3)) or ''}"
            )
        right_share, same_share, phash_share = (totals[key] / totals["trials"] for key in ("right", "same", "phash"))
        print(
            f"  {kind:10s} {'all':18s} {right_share:6.1%}, called plainly the same {same_share:.2%};"
            f" phash ≤ 10 says same of {phash_share:.0%}"
        )


def placeholders(portraits: list[Image.Image], chance: random.Random, count: int) -> None:
    print("\nPlaceholders: told as such (JPEG of 648, 300, 96 and 48 px)")
    groups = {"initials": stand_ins.INITIALS, "silhouette": stand_ins.SILHOUETTES, "blank": stand_ins.BLANKS}
    for kind, generators in groups.items():
        for name, draw in generators.items():
            kinds = Counter(classify(item).kind.value for item in _drawn(draw, chance, count))
            told = 1 - kinds[""] / kinds.total()
            print(f"  {kind:10s} {name:20s} {told:6.1%}  {dict(kinds)}")
    print("Taken for placeholders though somebody chose them")
    for name, draw in stand_ins.CHOSEN.items():
        kinds = Counter(classify(item).kind.value for item in _drawn(draw, chance, count))
        print(f"  {name:20s} {1 - kinds[''] / kinds.total():6.2%}  {dict(kinds)}")
    wrong = trials = 0
    for picture in portraits:
        for shown in (picture, picture.convert("L").convert("RGB")):
            for side in (648, 300, 96, 48):
                wrong += classify(fingerprint(renditions.jpeg(renditions.sized(shown, side), 80))).placeholder
                trials += 1
    print(f"  {'portraits, and grey':20s} {wrong} of {trials}: {bound(wrong, trials)}")


def _drawn(draw: stand_ins.Draw, chance: random.Random, count: int) -> Iterable[Fingerprint]:
    for _ in range(count):
        picture = draw(chance)
        for side in (648, 300, 96, 48):
            yield fingerprint(renditions.jpeg(renditions.sized(picture, side), chance.choice((60, 75, 90))))


if __name__ == "__main__":
    main()
