"""What is drawn: portraits as different as people's photos, letters of many scripts, the services' own pictures."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageStat

from auditor.simulator import drawing


def slopes(image: Image.Image) -> npt.NDArray[np.float64]:
    """The gradients of 32 by 32 grey pixels, mean-free and of length one."""
    grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BOX), dtype=np.float64)
    both = np.concatenate([np.diff(grey, axis=1).ravel(), np.diff(grey, axis=0).ravel()])
    both -= both.mean()
    return np.asarray(both / np.linalg.norm(both))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_two_hundred_portraits_all_differ_in_structure() -> None:
    vectors = np.array([slopes(drawing.portrait(seed)) for seed in range(200)])
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -1)
    assert 1000 * (1 - likeness.max()) >= 250


def test_a_portrait_is_the_same_every_time_and_has_the_side_foretold() -> None:
    first, second = drawing.portrait(7), drawing.portrait(7)
    assert first.tobytes() == second.tobytes()
    for seed in range(10):
        assert drawing.portrait(seed).size == (drawing.portrait_side(seed),) * 2


def test_a_portrait_differs_from_its_mirror_image_and_has_colour() -> None:
    for seed in range(20):
        image = drawing.portrait(seed)
        assert float(slopes(image) @ slopes(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))) < 0.7
        pixels = np.asarray(image, dtype=np.int16)
        assert (pixels.max(axis=2) - pixels.min(axis=2)).mean() > 10


@pytest.mark.parametrize("letters", ["A", "OB", "É", "ДЖ", "Ω", "שע", "عم", "王", "김이", "अर", "ア", "ย", "გ", "Ա"])
def test_initials_of_every_script_are_two_colours_and_not_empty(letters: str) -> None:
    tile = drawing.initials(letters, look=3)
    background = tile.getpixel((tile.width // 2, tile.height // 8))
    ink = sum(count for count, colour in tile.getcolors(1 << 20) or [] if colour != background)
    assert 0.01 < ink / (tile.width * tile.height) < 0.6


def test_initials_vary_in_colour_and_shape_of_the_tile() -> None:
    tiles = [drawing.initials("AB", look) for look in range(30)]
    assert len({tile.tobytes() for tile in tiles}) > 20
    corners = {tile.getpixel((0, 0)) == (255, 255, 255) for tile in tiles}
    assert corners == {True, False}


def test_letters_that_the_font_lacks_differ_from_each_other() -> None:
    drawn = {drawing.initials(letter, 1).tobytes() for letter in "ДЖШЯΩאעعم王李田김"}
    assert len(drawn) == 13


def test_a_blank_is_nearly_uniform() -> None:
    for look in range(7):
        assert max(ImageStat.Stat(drawing.blank(look)).stddev) < 2


@pytest.mark.parametrize("side", [48, 72, 300])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_the_default_person_comes_in_every_thumbnail_size(side: int, file_format: str) -> None:
    image = opened(drawing.default_person(side, file_format))
    assert (image.size, image.format) == ((side, side), file_format)


def test_no_photo_is_a_png_of_its_own() -> None:
    image = opened(drawing.no_photo(48))
    assert (image.size, image.format) == ((48, 48), "PNG")
    assert drawing.no_photo(48) != drawing.default_person(48)


def test_silhouettes_are_few() -> None:
    assert len({drawing.silhouette(look).tobytes() for look in range(50)}) == 5
