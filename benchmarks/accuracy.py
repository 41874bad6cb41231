"""How often the judgement on photos is right, over any folder of portraits.

    python benchmarks/accuracy.py FOLDER [--pairs 0.1] [--every 1]

The portraits are halved: the first half shows what the thresholds could be, the second is reported. Printed:

- renditions of one photo: anything but `same` is an error;
- pairs of different people: anything but `different` is an error;
- variants of each kind at several strengths: how often the kind is named rightly, and how often a variant is
  called plainly the same;
- placeholders and pictures that only resemble them.

Beside each stand `phash` and `dhash` of imagehash on the same pictures. Rates of rare errors carry the upper
95 % bound (the rule of three where there was none).
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import renditions
import stand_ins
from PIL import Image

from auditor.model import Decision, Fingerprint
from auditor.photos import classify, compare, fingerprint
from auditor.photos.descriptor import parse

HASHES = (("phash", 10), ("phash", 5), ("dhash", 10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=float, default=0.1, help="share of the pairs of different people")
    parser.add_argument("--every", type=int, default=1, help="take every n-th portrait")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    files = sorted(file for file in options.folder.iterdir() if file.suffix.lower() in {".jpg", ".jpeg", ".png"})
    files = files[:: options.every]
    learn, report = files[: len(files) // 2], files[len(files) // 2 :]
    started = time.perf_counter()
    print(f"{len(learn)} portraits to learn from, {len(report)} to report on")
    derive(load(learn))
    portraits = load(report)
    same(portraits)
    strangers(portraits, options.pairs, random.Random(options.seed))
    variants(portraits, random.Random(options.seed))
    placeholders(portraits, random.Random(options.seed))
    print(f"\n{time.perf_counter() - started:.0f} s")


def load(files: Iterable[Path]) -> list[Image.Image]:
    return [Image.open(file).convert("RGB") for file in files]


def bound(errors: int, trials: int) -> str:
    """The rate and its upper 95 % bound (Wilson; three by n without errors)."""
    if not trials:
        return "-"
    if not errors:
        return f"0 (< {3 / trials:.2g})"
    rate, z = errors / trials, 1.645
    upper = (rate + z * z / (2 * trials) + z * ((rate * (1 - rate) + z * z / (4 * trials)) / trials) ** 0.5) / (
        1 + z * z / trials
    )
    return f"{rate:.2g} (< {upper:.2g})"


def gradients(fingerprints: Sequence[Fingerprint]) -> np.ndarray:
    return np.stack([parse(item.descriptor).gradients.ravel() for item in fingerprints])


def hamming(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def derive(portraits: list[Image.Image]) -> None:
    """What the learning half says on the distances of whole pictures."""
    whole = [fingerprint(renditions.ORDINARY["648"](picture)) for picture in portraits]
    base = gradients(whole)
    worst: dict[str, float] = {}
    for name, make in (renditions.ORDINARY | renditions.TINY).items():
        there = gradients([fingerprint(make(picture)) for picture in portraits])
        worst[name] = float((1000 * (1 - (base * there).sum(axis=1))).max())
    apart = 1000 * (1 - base @ base.T)[np.triu_indices(len(base), 1)]
    hostile = worst.pop("48 without antialiasing")
    print(f"  renditions: distance at most {max(worst.values()):.1f}; 48 px without antialiasing {hostile:.1f}")
    print(f"  different people: at least {apart.min():.0f} in {apart.size} pairs")


def same(portraits: list[Image.Image]) -> None:
    print("\nRenditions of one photo: decisions other than `same` (and other than plain)")
    base = [fingerprint(renditions.ORDINARY["648"](picture)) for picture in portraits]
    groups = {"both at least 64 px": renditions.ORDINARY, "below 64 px": renditions.TINY}
    for title, group in groups.items():
        wrong, trials, noted = 0, 0, Counter[str]()
        missed = Counter[str]()
        for name, make in group.items():
            for one, picture in zip(base, portraits, strict=True):
                other = fingerprint(make(picture))
                found = compare(one, other)
                trials += 1
                if found.decision is not Decision.SAME:
                    wrong += 1
                    noted[f"{name}: {found.kind or found.decision}"] += 1
                for kind, limit in HASHES:
                    missed[f"{kind} > {limit}"] += hamming(getattr(one, kind), getattr(other, kind)) > limit
        print(f"  {title:20s} {trials:6d} comparisons, wrong {wrong}: {bound(wrong, trials)}  {dict(noted) or ''}")
        print(f"  {'':20s} {', '.join(f'{key}: {value / trials:.2g}' for key, value in missed.items())}")


def strangers(portraits: list[Image.Image], share: float, chance: random.Random) -> None:
    print(f"\nDifferent people, {share:.0%} of all pairs in four combinations of sizes")
    made = {name: [fingerprint(make(picture)) for picture in portraits] for name, make in renditions.SERVED.items()}
    combinations = [("648", "300"), ("300", "96 under 10 KB"), ("648", "48"), ("48", "48")]
    decisions, kinds, trials = Counter[str](), Counter[str](), 0
    alike = Counter[str]()
    for left, right in combinations:
        for i in range(len(portraits)):
            for j in range(i + 1, len(portraits)):
                if chance.random() >= share:
                    continue
                one, other = made[left][i], made[right][j]
                found = compare(one, other)
                trials += 1
                decisions[found.decision] += 1
                kinds[found.kind] += found.decision is not Decision.DIFFERENT
                for kind, limit in HASHES:
                    alike[f"{kind} ≤ {limit}"] += hamming(getattr(one, kind), getattr(other, kind)) <= limit
    for decision in (Decision.SAME, Decision.VARIANT):
        print(f"  {decision:8s} {decisions[decision]} of {trials}: {bound(decisions[decision], trials)}")
    if kinds.total():
        print(f"  kinds: {dict(kinds)}")
    print(f"  {', '.join(f'{key}: {bound(value, trials)}' for key, value in alike.items())}")


def variants(portraits: list[Image.Image], chance: random.Random) -> None:
    print("\nVariants: kind named rightly, at 300 and at 48 px; called plainly the same")
    base = [fingerprint(renditions.ORDINARY["648"](picture)) for picture in portraits]
    grey = [parse(item.descriptor).colours.std(axis=2).max() < 3 for item in base]
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
                    other = fingerprint(renditions.SERVED[size](changed))
                    found = compare(one, other)
                    if found.kind == kind:
                        right[size] += 1
                    else:
                        others[found.kind or found.decision] += 1
                    totals["same"] += found.decision is Decision.SAME and not found.kind
                    totals["phash"] += hamming(one.phash, other.phash) <= 10
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


def placeholders(portraits: list[Image.Image], chance: random.Random) -> None:
    print("\nPlaceholders: told as such (JPEG of 648, 300, 96 and 48 px)")
    groups = {"initials": stand_ins.INITIALS, "silhouette": stand_ins.SILHOUETTES, "blank": stand_ins.BLANKS}
    for kind, generators in groups.items():
        for name, draw in generators.items():
            kinds = Counter(classify(item).kind.value for item in _drawn(draw, chance))
            told = 1 - kinds[""] / kinds.total()
            print(f"  {kind:10s} {name:20s} {told:6.1%}  {dict(kinds)}")
    print("Taken for placeholders though somebody chose them")
    for name, draw in stand_ins.CHOSEN.items():
        kinds = Counter(classify(item).kind.value for item in _drawn(draw, chance))
        print(f"  {name:20s} {1 - kinds[''] / kinds.total():6.2%}  {dict(kinds)}")
    wrong = trials = 0
    for picture in portraits:
        for shown in (picture, picture.convert("L").convert("RGB")):
            for side in (648, 300, 96, 48):
                wrong += classify(fingerprint(renditions.jpeg(renditions.sized(shown, side), 80))).placeholder
                trials += 1
    print(f"  {'portraits, and grey':20s} {wrong} of {trials}: {bound(wrong, trials)}")


def _drawn(draw: stand_ins.Draw, chance: random.Random, count: int = 50) -> Iterable[Fingerprint]:
    for _ in range(count):
        picture = draw(chance)
        for side in (648, 300, 96, 48):
            yield fingerprint(renditions.jpeg(renditions.sized(picture, side), chance.choice((60, 75, 90))))


if __name__ == "__main__":
    main()
