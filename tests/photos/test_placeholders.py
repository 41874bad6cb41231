"""Stand-ins that services draw, and pictures that only resemble them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import renditions
import stand_ins

from auditor.photos import classify, fingerprint
from auditor.photos.descriptor import parse
from auditor.photos.network import nudged, seen
from auditor.simulator import drawing


def made(draw, side: int, seed: str, count: int = 12):
    chance = random.Random(seed)
    for _ in range(count):
        picture = renditions.sized(draw(chance), side)
        yield fingerprint(renditions.jpeg(picture, chance.choice((70, 85))))


BLOTS = {stand_ins.strokes, stand_ins.strokes_on_disk, stand_ins.letters_on_disk}
"""What is hard to tell at 48 px: one in ten letters on a disk is doubtful there, and one in four of mere strokes."""


@pytest.mark.parametrize("side", [300, 48])
@pytest.mark.parametrize(
    ("kind", "draw"),
    [
        *(("initials", draw) for draw in stand_ins.INITIALS.values()),
        *(("silhouette", draw) for draw in stand_ins.SILHOUETTES.values()),
        *(("blank", draw) for draw in stand_ins.BLANKS.values()),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_stand_in_is_told(kind, draw, side):
    found = [classify(item) for item in made(draw, side, f"{kind}{side}")]
    missed = 4 if side == 48 and draw in BLOTS else 2
    assert sum(item.kind == kind for item in found) >= len(found) - missed
    assert all(item.signal.endswith(".") for item in found)


SCRIPTS = ("李", "王", "김", "Ж", "Ω", "א", "س", "अ", "ア", "ย", "გ", "Ա", "IK", "CW", "TW", "ÅB")


def test_the_simulated_tenants_tiles_are_told_in_every_script():
    tiles = [drawing.initials(letters, look, 96) for letters in SCRIPTS for look in range(10)]
    found = [classify(fingerprint(renditions.jpeg(tile, 88))) for tile in tiles]
    assert sum(item.kind == "initials" for item in found) >= 0.97 * len(found)


@pytest.mark.parametrize("side", [648, 96])
@pytest.mark.parametrize("draw", stand_ins.CHOSEN.values(), ids=lambda draw: draw.__name__)
def test_what_somebody_chose_is_no_placeholder(draw, side):
    found = [classify(item) for item in made(draw, side, f"chosen{side}")]
    assert sum(item.placeholder for item in found) <= 1


def test_repetition_settles_only_what_looks_undecided():
    undecided = [item for item in made(stand_ins.strokes_on_disk, 48, "doubt", 60) if classify(item).undecided]
    for item in undecided:
        assert not classify(item, repeated=1).placeholder
        assert classify(item, repeated=50).kind == "default"
    for item in made(stand_ins.cartoon, 300, "logo"):
        if not classify(item).undecided:
            assert not classify(item, repeated=1000).placeholder


def test_portraits_are_no_placeholders_however_often_they_repeat(portraits):
    for picture in portraits[::8]:
        for side in (300, 48):
            found = fingerprint(renditions.jpeg(renditions.sized(picture, side), 80))
            assert not classify(found).placeholder
            assert not classify(found, repeated=1000).placeholder


def test_a_picture_is_also_looked_at_a_step_to_every_side_with_nothing_at_the_edge_it_left(portraits):
    view = seen(parse(fingerprint(renditions.jpeg(portraits[0])).descriptor))
    assert [one.shape for one in nudged(view)] == [view.shape] * 4
    assert np.array_equal(next(nudged(view))[:4, :, 1:], view[:4, :, :-1])
    for moved in nudged(view):
        assert np.array_equal(moved[4:], view[4:])
        edges = moved[:4, 0], moved[:4, -1], moved[:4, :, 0], moved[:4, :, -1]
        assert sum(not edge.any() for edge in edges) == 1


@pytest.mark.parametrize("side", [648, 240, 96, 48])
def test_a_person_in_boldly_striped_clothes_is_no_placeholder(side):
    picture = renditions.sized(drawing.portrait(3507426714329531689), side)
    assert not classify(fingerprint(renditions.jpeg(picture, 88))).placeholder
