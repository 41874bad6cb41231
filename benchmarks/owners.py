"""Whose photo is this, in a large tenant: time, memory and false claims, beside comparing everyone with everyone.

    python benchmarks/owners.py --users 100000 --copies 10000
    python benchmarks/owners.py --users 5000 --copies 500 --portraits FOLDER

Every user has a reference photo. Some pictures are the reference of several users. Then copies are asked for their
owner: a third are another user's photo in another size, a third are a photo that nobody has as reference, a third are
the user's own. Pictures are made of three portraits each, moved, sized and laid over each other by chance: those that
share a portrait are nearer to each other than strangers' photos are. Portraits are drawn, or read from --portraits.

The naive search takes imagehash.phash of all pictures of --naive users and every pair of them with at most 10 bits
between them for one photo; for it, too, the false claims are counted.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import imagehash
from PIL import Image

from auditor.diagnosis import owners
from auditor.model import Fingerprint
from auditor.photos import fingerprint
from auditor.simulator import drawing

SIDE = 200
PORTRAITS = 240
CHUNK = 500


@lru_cache(maxsize=1)
def portraits(folder: Path | None) -> tuple[Image.Image, ...]:
    """What the pictures are made of."""
    if folder:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in {".jpg", ".jpeg", ".png"})
        return tuple(Image.open(file).convert("RGB").resize((2 * SIDE, 2 * SIDE)) for file in files)
    return tuple(drawing.portrait(seed).convert("RGB").resize((2 * SIDE, 2 * SIDE)) for seed in range(PORTRAITS))


def picture(number: int, folder: Path | None) -> Image.Image:
    """The picture of this number, always the same."""
    chance, source = random.Random(f"owners:{number}"), portraits(folder)
    made = Image.new("RGB", (SIDE, SIDE))
    for layer, one in enumerate(chance.sample(source, 3)):
        side = chance.randint(SIDE, 2 * SIDE)
        left, top = chance.randint(0, 2 * SIDE - side), chance.randint(0, 2 * SIDE - side)
        part = one.resize((SIDE, SIDE), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        made = Image.blend(made, part, 1 / (layer + 1))
    return made


def jpeg(image: Image.Image, side: int, quality: int) -> bytes:
    file = io.BytesIO()
    image.resize((side, side)).save(file, "JPEG", quality=quality)
    return file.getvalue()


def references(numbers: range, folder: Path | None) -> list[Fingerprint]:
    return [fingerprint(jpeg(picture(number, folder), SIDE, 88)) for number in numbers]


def copies(numbers: range, folder: Path | None) -> list[Fingerprint]:
    """The same pictures as another store hands them out."""
    return [fingerprint(jpeg(picture(number, folder), 96, 80)) for number in numbers]


def made(
    make: Callable[[range, Path | None], list[Fingerprint]],
    numbers: range,
    folder: Path | None,
    pool: ProcessPoolExecutor,
) -> list[Fingerprint]:
    chunks = [numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK)]
    return [one for found in pool.map(partial(make, folder=folder), chunks) for one in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--copies", type=int, default=10_000)
    parser.add_argument("--naive", type=int, default=5_000)
    parser.add_argument("--portraits", type=Path)
    options = parser.parse_args()
    users, asked, folder = options.users, options.copies // 3, options.portraits
    # The last two users in a hundred have pictures of the first.
    groups = users // 100
    pictures = [*range(users - 2 * groups), *range(groups), *range(groups)]
    with ProcessPoolExecutor(2) as pool:
        own = made(references, range(users - 2 * groups), folder, pool)
        others = made(copies, range(asked), folder, pool)
        nobodys = made(copies, range(users, users + asked), folder, pool)
        again = made(copies, range(groups), folder, pool)
    own += [*own[:groups], *again]  # one of the two as the same file, the other as if it had been set anew
    ids = [str(number) for number in range(users)]
    holders: dict[int, set[str]] = {}
    for user_id, number in zip(ids, pictures, strict=True):
        holders.setdefault(number, set()).add(user_id)
    print(f"{users:,} users, {groups:,} pictures that three users have as reference each; {3 * asked:,} copies asked")
    before = memory()

    started = time.perf_counter()
    index = owners.index(ids, [one.phash for one in own], dict(zip(ids, own, strict=True)).get)
    print(f"index  {time.perf_counter() - started:8.2f} s, {index.hashes.nbytes / 1e6:.1f} MB")

    stranger = ids[users // 2]
    asking = [(copy, stranger, holders[number]) for number, copy in enumerate(others)]
    asking += [(copy, ids[number], holders[number] - {ids[number]}) for number, copy in enumerate(others)]
    asking += [(copy, stranger, set()) for copy in nobodys]
    started, right, missed, false = time.perf_counter(), 0, 0, 0
    for copy, user_id, wanted in asking:
        found = set(index.of(copy, besides=user_id))
        right, missed, false = right + (found == wanted), missed + len(wanted - found), false + len(found - wanted)
    spent = time.perf_counter() - started
    print(
        f"owner  {spent:8.2f} s, {spent / len(asking) * 1e3:.2f} ms a copy: {right:,} of {len(asking):,} right,"
        f" {missed} owners missed, {false} false claims"
    )

    started = time.perf_counter()
    got = {frozenset(group) for group in owners.shared(index, [one.sha256 for one in own])}
    planted = {frozenset(group) for group in holders.values() if len(group) > 1}
    print(
        f"shared {time.perf_counter() - started:8.2f} s: {len(got & planted):,} of {len(planted):,} groups,"
        f" {len(got - planted)} false; memory beside the fingerprints: {memory() - before:.0f} MB"
    )
    naive(own[: options.naive], pictures, users)


def naive(own: list[Fingerprint], pictures: list[int], users: int) -> None:
    """Every pair by the hash alone, and ours on the same."""
    hashes = [imagehash.hex_to_hash(one.phash) for one in own]
    started, claims, false = time.perf_counter(), 0, 0
    for one in range(len(hashes)):
        for other in range(one):
            if hashes[one] - hashes[other] <= owners.RADIUS:
                claims += 1
                false += pictures[one] != pictures[other]
    spent = time.perf_counter() - started
    print(
        f"naive  {spent:8.2f} s for every pair of {len(own):,} users: {claims:,} claims, {false:,} of them false;"
        f" {spent * (users / len(own)) ** 2 / 3600:,.1f} h for {users:,} users"
    )
    ids = [str(number) for number in range(len(own))]
    started, claims, false = time.perf_counter(), 0, 0
    index = owners.index(ids, [one.phash for one in own], dict(zip(ids, own, strict=True)).get)
    for user_id, copy in zip(ids, own, strict=True):
        for owner in index.of(copy, besides=user_id):
            claims += 1
            false += pictures[int(owner)] != pictures[int(user_id)]
    ours = time.perf_counter() - started
    print(
        f"ours   {ours:8.2f} s for the same ({spent / ours:.0f} times faster): {claims} claims, {false} of them false"
    )


def memory() -> float:
    """The most memory so far, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
