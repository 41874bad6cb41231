"""The same photo, a variant of it, or another: on drawn pictures always, on portraits where at hand."""

from __future__ import annotations

import dataclasses
import random
import time
from collections import Counter

import numpy as np
import pytest
import renditions
from hypothesis import given, strategies
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps

from auditor.model import Decision
from auditor.photos import compare, fingerprint, is_same, variants


def of(picture: Image.Image, size: str = "300"):
    return fingerprint(renditions.SERVED[size](picture))


def test_equal_bytes_are_the_same_at_once(drawn):
    one = of(drawn[0])
    found = compare(one, dataclasses.replace(one, descriptor=b"never read"))
    assert (found.decision, found.kind, found.distance, found.confidence) == (Decision.SAME, "", 0.0, 1.0)


def test_fingerprints_of_different_recipes_cannot_be_compared(drawn):
    one, other = of(drawn[0]), dataclasses.replace(of(drawn[1]), recipe="g0")
    with pytest.raises(ValueError, match="made by recipe g2 and g0"):
        compare(one, other)


def test_fingerprints_of_an_unknown_recipe_cannot_be_compared(drawn):
    one, other = (dataclasses.replace(of(drawn[index]), recipe="h7") for index in (0, 1))
    with pytest.raises(ValueError, match="made by recipe h7"):
        compare(one, other)


# Pictures as colourful as the drawn ones change their tones by a palette of 64 colours, and where Display-P3 numbers
# are taken for sRGB; portraits are tried below.
@pytest.mark.parametrize(
    "name", sorted(renditions.ORDINARY.keys() - {"palette of 64", "Display-P3 without its profile"})
)
def test_a_rendition_is_the_same(drawn, name):
    for picture in drawn[:4]:
        found = compare(of(picture, "648"), fingerprint(renditions.ORDINARY[name](picture)))
        assert (found.decision, found.kind) == (Decision.SAME, ""), (found, name)


def test_different_pictures_are_different(drawn):
    made = [of(picture) for picture in drawn]
    for index, one in enumerate(made):
        for other in made[index + 1 :]:
            assert compare(one, other).decision is Decision.DIFFERENT


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [(kind, name, change) for kind, changes in renditions.VARIANTS.items() for name, change in changes],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_variant_is_named(drawn, kind, name, change):
    chance = random.Random(name)
    found = [compare(of(picture, "648"), of(change(picture, chance))) for picture in drawn[:5]]
    assert sum(item.kind == kind for item in found) >= 4, Counter(item.kind for item in found)
    assert all(item.decision is Decision.VARIANT for item in found if item.kind == kind)


def test_comparing_is_symmetric(drawn):
    chance = random.Random(4)
    for picture in drawn[:3]:
        for changes in renditions.VARIANTS.values():
            one, other = of(picture), of(changes[0][1](picture, chance))
            there, back = compare(one, other), compare(other, one)
            assert (there.decision, there.kind) == (back.decision, back.kind)


@pytest.mark.parametrize("share", [0.95, 0.8, 0.7])
def test_a_crop_tells_how_much_it_keeps(drawn, share):
    found = compare(of(drawn[7]), of(renditions.crop(share)(drawn[7], random.Random(2))))
    assert found.kept_share == pytest.approx(share, abs=0.02)
    assert "crop" in found.sentence


@pytest.mark.parametrize("shape", [(400, 300), (300, 400), (400, 225), (210, 400)])
@pytest.mark.parametrize("size", ["648", "300", "96 under 10 KB", "48"])
def test_the_centre_square_is_the_same_squared_by_the_service(drawn, shape, size):
    for picture in drawn[:4]:
        oblong = picture.resize((400, 400)).crop((0, 0, *shape))
        square = ImageOps.fit(oblong, (min(shape), min(shape)))
        found = compare(of(oblong, "648"), of(square, size))
        assert (found.decision, found.kind) == (Decision.SAME, "squared")


@pytest.mark.parametrize("colour", ["white", "black"])
def test_the_padded_square_is_the_same_squared_by_the_service(drawn, colour):
    for picture in drawn[:4]:
        oblong = picture.crop((0, 0, 400, 290))
        found = compare(of(oblong, "648"), of(ImageOps.pad(oblong, (400, 400), color=colour)))
        assert (found.decision, found.kind) == (Decision.SAME, "squared")


def test_grey_of_a_grey_photo_is_the_same(drawn):
    grey = drawn[8].convert("L").convert("RGB")
    assert compare(of(grey, "648"), of(grey.convert("L").convert("RGB"))).decision is Decision.SAME


def test_even_pictures_are_compared_by_colour():
    red, reddish, blue = (of(Image.new("RGB", (200, 200), colour)) for colour in ("#c02020", "#c22120", "#2020c0"))
    assert compare(red, reddish).decision is Decision.SAME
    assert compare(red, blue).decision is Decision.DIFFERENT


def test_an_even_picture_is_not_a_photo(drawn):
    assert compare(of(drawn[0]), of(Image.new("RGB", (200, 200), "grey"))).decision is Decision.DIFFERENT


def test_a_sentence_is_plain_english(drawn):
    found = compare(of(drawn[0]), of(ImageOps.mirror(drawn[0])))
    assert found.sentence == "The same photo, mirrored left to right."


def test_the_quick_question_has_the_answer_of_the_whole_comparison(drawn):
    chance = random.Random(5)
    changed = [change for kind in renditions.VARIANTS.values() for _, change in kind]
    files = [renditions.ORDINARY[name](drawn[0]) for name in sorted(renditions.ORDINARY)]
    files += [renditions.SERVED[size](change(drawn[0], chance)) for change in changed for size in ("300", "48")]
    files += [renditions.SERVED["300"](other) for other in drawn[1:6]]
    one = of(drawn[0], "648")
    for other in map(fingerprint, files):
        found = compare(one, other)
        assert is_same(one, other) is (found.decision is Decision.SAME and found.kind != "low_resolution")


@given(
    one=arrays(np.uint8, (8, 8, 3)),
    change=arrays(np.int8, (8, 8, 3), elements=strategies.integers(-5, 5)),
)
def test_what_tones_tell_is_bound_by_the_largest_difference(one, change):
    """Near pictures are never looked at more closely than by it."""
    one = one.astype(float)
    other = np.clip(one + change, 0, 255)
    largest, tone = variants.largest_apart(one, other), variants.tones(one, other)
    room = 1 + 1e-9
    assert max(tone.grey, tone.untouched, tone.second_worst, abs(tone.lift)) <= largest * room
    assert max(tone.colour, abs(tone.chroma[0] - tone.chroma[1])) <= 2 * largest * room
    assert variants.luma_apart(one, other) == pytest.approx(tone.grey)


def test_comparing_is_quick(drawn):
    made = [of(picture) for picture in drawn]
    others = [of(picture, "648") for picture in drawn]

    def best(pairs):
        spent = []
        for one, other in pairs:
            compare(one, other)
            start = time.perf_counter()
            compare(one, other)
            spent.append(time.perf_counter() - start)
        return min(spent)

    assert best(zip(made, others, strict=True)) < 0.0005
    assert best(zip(made, others[1:], strict=False)) < 0.05


def test_portraits_in_their_renditions_are_the_same(portraits):
    for picture in portraits[::40]:
        one = of(picture, "648")
        for name, make in (renditions.ORDINARY | renditions.TINY).items():
            found = compare(one, fingerprint(make(picture)))
            assert found.decision is Decision.SAME, (name, found)


def test_portraits_of_different_people_are_different(portraits):
    made = [of(picture) for picture in portraits[::10]]
    for index, one in enumerate(made):
        for other in made[index + 1 :]:
            assert compare(one, other).decision is Decision.DIFFERENT


def test_variants_of_portraits_are_named(portraits):
    chance = random.Random(9)
    right, trials = Counter(), Counter()
    for picture in portraits[::40]:
        one = of(picture, "648")
        for kind, changes in renditions.VARIANTS.items():
            for _, change in changes:
                found = compare(one, of(change(picture, chance)))
                right[kind] += found.kind == kind
                trials[kind] += 1
    assert all(right[kind] >= 0.9 * trials[kind] for kind in trials), (right, trials)


def test_a_dropped_colour_profile_is_the_same_photo_and_noted(drawn):
    kept = renditions.ORDINARY["648"]
    dropped = renditions.ORDINARY["Display-P3 without its profile"]
    found = [compare(fingerprint(kept(picture)), fingerprint(dropped(picture))) for picture in drawn]
    assert {one.decision for one in found} == {"same"}
    noted = [one for one in found if one.kind == "profile_lost"]
    assert noted
    assert all("colour profile" in one.sentence for one in noted)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("side", [225, 131, 97])
def test_a_picture_that_lies_in_its_file_is_the_same_at_sides_that_do_not_halve(drawn, side, orientation):
    for picture in drawn[:3]:
        upright = fingerprint(renditions.jpeg(renditions.sized(picture, side), 90))
        lying = fingerprint(renditions._oriented(renditions.sized(picture, side), orientation))
        assert (compare(upright, lying).kind, compare(upright, lying).distance < 2) == ("", True)


def test_even_ground_above_and_another_below_are_no_bars_of_a_letterbox(drawn):
    tall = Image.new("RGB", (486, 648), (225, 225, 222))
    tall.paste(renditions.sized(drawn[0], 486), (0, 81))
    tall.paste((90, 20, 40), (0, 567, 486, 648))
    square = ImageOps.fit(tall, (300, 300))
    found = compare(fingerprint(renditions.jpeg(tall, 90)), fingerprint(renditions.jpeg(square, 85)))
    assert (found.decision, found.kind) == (Decision.SAME, "squared")
