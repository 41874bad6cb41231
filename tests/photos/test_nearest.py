"""Many against many gives what comparing everyone with everyone gives, and quickly."""

from __future__ import annotations

import dataclasses
import itertools
import random
import sys
import time

import pytest
import renditions
from PIL import Image, ImageOps

from auditor.model import Decision
from auditor.photos import Match, compare, fingerprint, nearest


def naively(first, second=None):
    places = (
        itertools.combinations(range(len(first)), 2)
        if second is None
        else itertools.product(range(len(first)), range(len(second)))
    )
    found = []
    for a, b in places:
        judged = compare(first[a], (first if second is None else second)[b])
        if judged.decision is Decision.SAME and judged.kind != "low_resolution":
            found.append(Match(a, b, judged.distance))
    return found


def mixture(pictures, seed: int):
    """Renditions of each: as it is, cropped to another shape, squared both ways, tiny, mirrored; and even colours."""
    chance = random.Random(seed)
    made = []
    for picture in pictures:
        aspect = chance.choice((0.6, 0.75, 0.8, 1.25, 4 / 3, 1.9))
        side = min(picture.size)
        oblong = ImageOps.fit(picture, (side, round(side / aspect)) if aspect > 1 else (round(side * aspect), side))
        colour = chance.choice(((0, 0, 0), (255, 255, 255), (128, 120, 90)))
        padded = ImageOps.pad(oblong, (max(oblong.size),) * 2, color=colour)
        centre = ImageOps.fit(oblong, (min(oblong.size),) * 2)
        tiny = renditions.TINY["48 without antialiasing"](picture)
        made += [renditions.jpeg(renditions.sized(one, chance.choice((96, 240)))) for one in (oblong, padded, centre)]
        made += [renditions.jpeg(renditions.sized(picture, chance.choice((64, 300)))), tiny]
        made.append(renditions.jpeg(renditions.sized(ImageOps.mirror(picture), 96)))
    made += [renditions.jpeg(Image.new("RGB", (60, 60), (level, 90, 120))) for level in (0, 100, 104, 109, 200)]
    prints = [fingerprint(data) for data in made]
    return prints + chance.sample(prints, 4)  # and some files twice


def test_pictures_against_themselves_give_what_every_pair_gives(drawn):
    made = mixture(drawn[:3], 1)
    found = nearest(made)
    assert found == naively(made)
    kinds = {compare(made[match.a], made[match.b]).kind for match in found}
    assert kinds == {"", "squared"}


def test_two_sequences_give_what_every_pair_gives(drawn):
    made = mixture(drawn[:3], 2)
    assert nearest(made[::2], made[1::2]) == naively(made[::2], made[1::2])


def test_portraits_give_what_every_pair_gives(portraits):
    made = mixture(portraits[::120], 3)
    assert nearest(made) == naively(made)


def test_pictures_made_and_changed_at_random_give_what_every_pair_gives(drawn):
    chance = random.Random(4)
    makers = [*(renditions.ORDINARY | renditions.TINY).values()]
    changes = [change for group in renditions.VARIANTS.values() for _, change in group]
    made = []
    for _ in range(24):
        picture = chance.choice(drawn[:4])
        if chance.random() < 0.6:
            picture = chance.choice(changes)(picture, chance)
        made.append(fingerprint(chance.choice(makers)(picture)))
    assert nearest(made) == naively(made)


def test_blocks_meet_each_other(drawn, monkeypatch):
    made = mixture(drawn[:3], 5)
    whole = nearest(made), nearest(made[:9], made)
    monkeypatch.setattr(sys.modules[nearest.__module__], "_BLOCK", 7)
    assert (nearest(made), nearest(made[:9], made)) == whole


def test_nothing_is_near_nothing(drawn):
    made = mixture(drawn[:1], 6)
    assert nearest([]) == nearest([], made) == nearest(made, []) == []


def test_another_recipe_is_refused(drawn):
    one = fingerprint(renditions.jpeg(drawn[0]))
    with pytest.raises(ValueError, match="g0"):
        nearest([one, dataclasses.replace(one, sha256="0", recipe="g0")])


def test_a_million_pairs_take_seconds(drawn):
    """On a single slow core it takes half a second; the promise is five."""
    base = [fingerprint(renditions.jpeg(renditions.sized(picture, 96))) for picture in drawn]
    chance = random.Random(7)
    many = []
    for number in range(1000):
        one = chance.choice(base)
        noise = bytearray(one.descriptor)
        for at in range(len(noise) - 3200, len(noise)):
            noise[at] = chance.getrandbits(8)
        many.append(dataclasses.replace(one, sha256=str(number), descriptor=bytes(noise)))
    start = time.perf_counter()
    assert nearest(many, base + many[::-1][: 1000 - len(base)])
    assert time.perf_counter() - start < 5
