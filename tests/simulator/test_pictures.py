"""What the stores make of an upload: own sizes, own bytes, never enlarged, and everything odd."""

from __future__ import annotations

import io
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from auditor.simulator.pictures import (
    GRAPH_SIDES,
    LARGEST_UPLOAD,
    THUMBNAIL_LIMIT,
    Drawn,
    Edit,
    Filed,
    Initials,
    Junk,
    StoredPicture,
    Upload,
    waste,
)
from auditor.simulator.portraits import Portraits, read_folder
from auditor.simulator.tenant import Rendition, Store

STORES: tuple[Store, ...] = get_args(Store)


def seed_of(side: int) -> int:
    """A seed whose portrait has this side."""
    return next(seed for seed in range(500) if Drawn(seed).side == side)


def stored(side: int = 648, shape: tuple[int, int] = (1, 1), **how: bool) -> StoredPicture:
    return StoredPicture(Upload(f"upload-{side}", Drawn(seed_of(side)), shape, **how))


def opened(file: Rendition) -> Image.Image:
    image = Image.open(io.BytesIO(file.data))
    image.load()
    return image


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, in grey levels at 64 by 64 pixels."""
    small = [image.convert("RGB").resize((64, 64), Image.Resampling.BOX) for image in (one, other)]
    return float(np.mean(ImageStat.Stat(ImageChops.difference(*small)).mean))


def test_each_store_keeps_its_own_sizes() -> None:
    picture = stored(648)
    assert picture.sides("graph") == GRAPH_SIDES
    assert picture.sides("exchange") == GRAPH_SIDES
    assert picture.sides("sharepoint") == (48, 72, 300)
    assert picture.sides("yammer") == (48, 648)


def test_nothing_is_enlarged() -> None:
    picture = stored(320)
    assert picture.sides("graph") == (48, 64, 96, 120, 240)
    assert picture.at("graph", 360) is None
    assert picture.largest("yammer").width == 320
    cropped = picture.edited("crop")
    for store in STORES:
        assert cropped.largest(store).width < 320


@pytest.mark.parametrize("store", STORES)
def test_the_largest_is_the_last_of_the_sizes(store: Store) -> None:
    picture = stored(400)
    side = picture.sides(store)[-1]
    assert picture.largest(store) == picture.at(store, side)
    assert (picture.largest(store).width, picture.largest(store).height) == (side, side)


@pytest.mark.parametrize("store", STORES)
def test_files_are_what_they_say(store: Store) -> None:
    picture = stored(360)
    for side in picture.sides(store):
        file = picture.at(store, side)
        assert file
        image = opened(file)
        assert image.size == (side, side) == (file.width, file.height)
        assert file.content_type == f"image/{str(image.format).lower()}"


def test_two_stores_never_serve_the_same_bytes_of_one_photo() -> None:
    picture = stored(648)
    assert len({picture.at(store, 48).data for store in STORES}) == 4  # type: ignore[union-attr]
    assert distance(opened(picture.largest("graph")), opened(picture.largest("sharepoint"))) < 3


def test_the_same_picture_gives_the_same_bytes_again() -> None:
    from auditor.simulator import pictures

    before = stored(400).largest("exchange").data
    pictures._cache = pictures._BoundedCache(1)
    pictures._pixels.cache_clear()
    assert stored(400).largest("exchange").data == before


def test_the_cache_forgets_what_is_too_much() -> None:
    from auditor.simulator.pictures import _BoundedCache

    cache = _BoundedCache(1000)
    keys = [(stored(320), "graph", side) for side in range(10)]
    for key in keys:
        cache.put(key, Rendition(bytes(400), "image/jpeg", 1, 1))  # type: ignore[arg-type]
    assert [cache.get(key) is not None for key in keys] == [False] * 8 + [True] * 2  # type: ignore[arg-type]


def test_a_picture_that_is_not_square_comes_whole_from_graph_and_squared_from_the_others() -> None:
    picture = stored(400, (3, 4))
    original = picture.formed("original")
    assert (original.largest("graph").width, original.largest("graph").height) == (300, 400)
    assert original.sides("graph")[-1] == 240
    assert picture.largest("yammer").width == picture.largest("yammer").height == 300
    whole = opened(original.largest("graph"))
    assert distance(ImageOps.fit(whole, (300, 300)), opened(picture.largest("yammer"))) < 3


def test_an_odd_single_size_is_the_only_one() -> None:
    picture = stored(400, (3, 4)).formed("only")
    assert picture.sides("graph") == ()
    assert picture.at("graph", 48) is None
    assert (picture.largest("graph").width, picture.largest("graph").height) == (300, 400)


def test_an_oversized_upload_stays_just_below_four_megabytes() -> None:
    picture = stored(320, (4, 3), oversized=True)
    file = picture.formed("original").largest("graph")
    assert LARGEST_UPLOAD - 8192 < len(file.data) < LARGEST_UPLOAD
    assert opened(file).size == (4000, 3000) == (file.width, file.height)
    assert picture.largest("exchange").width == 240


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (4, 3)])
def test_a_directory_thumbnail_is_small_and_keeps_its_shape(shape: tuple[int, int]) -> None:
    for seed in range(8):
        file = StoredPicture(Upload("t", Drawn(seed), shape), form="thumbnail").largest("exchange")
        assert len(file.data) <= THUMBNAIL_LIMIT
        assert max(file.width, file.height) == 96
        assert file.width * shape[1] == file.height * shape[0]


@pytest.mark.parametrize("junk", get_args(Junk))
def test_waste_has_no_picture_in_it_and_is_the_same_every_time(junk: Junk) -> None:
    for seed in range(25):
        file = waste(junk, seed).largest("yammer")
        assert file == waste(junk, seed).largest("yammer")
        with pytest.raises((OSError, SyntaxError, ValueError)):
            opened(file)


def test_waste_is_described_like_a_picture() -> None:
    file = waste("html", 1).largest("graph")
    assert (file.content_type, file.width > 1) == ("image/jpeg", True)
    assert waste("html", 1).sides("graph") == ()


def test_the_first_frame_of_an_animation_is_the_photo() -> None:
    picture = stored(400)
    file = picture.formed("animated").largest("yammer")
    image = Image.open(io.BytesIO(file.data))
    assert (file.content_type, image.n_frames) == ("image/gif", 3)  # type: ignore[attr-defined]
    photo = opened(picture.largest("yammer"))
    assert distance(image, photo) < 8
    image.seek(1)
    assert distance(image, photo) > 15


def test_a_photo_on_its_side_stands_upright_once_its_orientation_is_heeded() -> None:
    picture = stored(400)
    lying = opened(picture.formed("exif").largest("graph"))
    photo = opened(picture.largest("graph"))
    assert distance(lying, photo) > 15
    assert distance(ImageOps.exif_transpose(lying), photo) < 3


def test_a_transparent_picture_has_an_alpha_channel() -> None:
    file = stored(400).formed("transparent").largest("yammer")
    image = opened(file)
    assert (file.content_type, image.mode) == ("image/png", "RGBA")
    assert image.getchannel("A").getextrema() == (250, 255)


@pytest.mark.parametrize("edit", ["crop", "mirror", "rotate", "letterbox"])
def test_an_edit_that_makes_a_variant_changes_what_is_where(edit: Edit) -> None:
    picture = stored(400)
    assert picture.edited(edit).variant == {edit}
    assert distance(opened(picture.edited(edit).largest("graph")), opened(picture.largest("graph"))) > 10


def test_grey_takes_the_colour_only() -> None:
    picture = stored(400)
    grey = opened(picture.edited("grey").largest("graph"))
    photo = opened(picture.largest("graph"))
    assert distance(grey, photo) > 5
    assert distance(grey.convert("L"), photo.convert("L")) < 3


def test_a_hard_compression_keeps_the_photo() -> None:
    picture = stored(400)
    again = picture.edited("reencode")
    assert not again.variant
    assert again.key != picture.key
    assert distance(opened(again.largest("graph")), opened(picture.largest("graph"))) < 6


def test_a_service_without_a_store_of_its_own_hands_out_the_bytes_of_the_other() -> None:
    picture = stored(648, (4, 3), oversized=True).formed("original")
    shared = picture.shared_with("graph")
    assert shared.sides("exchange") == picture.sides("graph")
    assert shared.largest("exchange") == picture.at("graph", 432)
    assert shared.at("exchange", 96) == picture.at("graph", 96)


def test_drawn_tiles_are_png_in_engage() -> None:
    tile = StoredPicture(Upload("i", Initials("AB", 1)))
    assert tile.kind == "placeholder"
    assert tile.largest("yammer").content_type == "image/png"


# Portraits from a folder ----------------------------------------------------------------------------


def photo_file(folder: Path, name: str, seed: int, size: tuple[int, int] = (300, 300)) -> Path:
    path = folder / name
    image = opened(StoredPicture(Upload(f"p{seed}", Drawn(seed))).largest("graph"))
    image.resize(size).save(path, quality=95)
    return path


def test_portraits_are_used_before_any_is_drawn_and_each_once(tmp_path: Path) -> None:
    for seed in range(3):
        photo_file(tmp_path, f"{seed}.jpg", seed)
    portraits = Portraits(1, tmp_path)
    dealt = [portraits.upload(f"photo-{number}") for number in range(6)]
    files = [upload.source.path for upload in dealt if isinstance(upload.source, Filed)]
    assert len(files) == len(set(files)) == 3
    assert len({upload.source for upload in dealt}) == 6
    assert portraits.upload("photo-2") == dealt[2]


def test_a_portrait_that_is_there_twice_serves_one_person(tmp_path: Path) -> None:
    photo_file(tmp_path, "a.jpg", 1)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes())
    photo_file(tmp_path, "c.png", 1, (360, 360))
    photo_file(tmp_path, "d.jpg", 2)
    assert [portrait.source.path.name for portrait in read_folder(tmp_path)] == ["a.jpg", "d.jpg"]


def test_what_is_no_portrait_is_passed_over(tmp_path: Path) -> None:
    photo_file(tmp_path, "good.jpg", 1, (300, 400))
    photo_file(tmp_path, "small.jpg", 2, (60, 60))
    Image.new("RGB", (400, 400), (200, 200, 200)).save(tmp_path / "blank.png")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "notes.md").write_text("no picture")
    (portrait,) = read_folder(tmp_path)
    assert (portrait.source.path.name, portrait.source.side) == ("good.jpg", 300)
    assert StoredPicture(Upload("x", portrait.source)).largest("graph").width == 240


def test_only_colourful_portraits_are_dealt_to_those_who_will_be_greyed(tmp_path: Path) -> None:
    ImageOps.grayscale(Image.open(photo_file(tmp_path, "a.jpg", 1))).save(tmp_path / "a.jpg")
    portraits = Portraits(1, tmp_path)
    assert isinstance(portraits.upload("greyed", colourful=True).source, Drawn)
    assert isinstance(portraits.upload("other").source, Filed)


def test_a_folder_without_portraits_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no readable photo"):
        read_folder(tmp_path)
    with pytest.raises(ValueError, match="nowhere does not exist"):
        read_folder(tmp_path / "nowhere")
