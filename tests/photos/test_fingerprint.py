"""Bytes to fingerprint: what is read, what is refused, what it does not depend on."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import struct
import warnings
import zlib
from pathlib import Path

import imagehash
import numpy as np
import pytest
import renditions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from auditor.photos import RECIPE, PictureTooLarge, UnreadablePicture, compare, fingerprint
from auditor.photos.decode import MAX_BYTES
from auditor.photos.descriptor import _nearest, parse


def distance(one: bytes, other: bytes) -> float:
    first, second = (parse(fingerprint(data).descriptor).gradients.ravel() for data in (one, other))
    return 1000 * (1 - float(first @ second))


def test_a_fingerprint_says_what_the_file_is(drawn):
    data = renditions.jpeg(drawn[0].resize((300, 200)))
    found = fingerprint(data)
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert (found.recipe, found.format, found.width, found.height, found.size) == (RECIPE, "JPEG", 300, 200, len(data))
    assert len(found.descriptor) <= 4096


def test_the_hashes_are_those_of_imagehash_where_nothing_is_reduced(drawn):
    for picture in drawn:
        for side in (48, 60, 96):
            small = picture.resize((side, side))
            found = fingerprint(renditions.saved(small, "PNG"))
            assert found.phash == str(imagehash.phash(small))
            assert found.dhash == str(imagehash.dhash(small))


def test_a_picture_of_one_colour_has_the_hashes_of_nothing_that_changes():
    found = fingerprint(renditions.saved(Image.new("RGB", (300, 300), (0, 120, 212)), "PNG"))
    assert found.phash == "8" + 15 * "0"
    assert found.dhash == 16 * "0"


@pytest.mark.parametrize(("ground", "edge"), [(11, (25, 25, 25)), (100, (125, 115, 80))])
def test_a_border_exactly_as_far_off_as_may_be_belongs_to_it_however_it_is_rounded(ground, edge):
    picture = np.full((48, 48, 3), ground, np.uint8)
    picture[5:43, 5:43] = 200
    picture[4] = picture[43] = edge  # 14 grey levels lighter
    borders = parse(fingerprint(renditions.saved(Image.fromarray(picture), "PNG")).descriptor).borders
    assert borders == (5 / 48, 5 / 48, 5 / 48, 5 / 48)


def test_the_hashes_of_large_pictures_are_near_those_of_imagehash(drawn):
    for picture in drawn:
        data = renditions.jpeg(renditions.sized(picture, 648))
        naive = imagehash.phash(Image.open(io.BytesIO(data)))
        assert naive - imagehash.hex_to_hash(fingerprint(data).phash) <= 4


@pytest.mark.parametrize("name", sorted(renditions.ORDINARY))
def test_every_ordinary_rendition_has_the_same_structure(drawn, name):
    for picture in drawn[:4]:
        assert distance(renditions.ORDINARY["648"](picture), renditions.ORDINARY[name](picture)) < 17


def sixteen(picture: Image.Image, kind: str) -> bytes:
    return renditions.saved(Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257), kind)


GOLDEN = Path(__file__).with_name("golden.json")
"""Fingerprints of drawn pictures, as recipe g2 made them with Pillow 13 and numpy 2.4 on Linux."""


@pytest.mark.parametrize("name", ["0", "1", "2", "tile"])
def test_golden_values(drawn, name):
    """Platforms may differ by a grey level here and there: distance 0.5, strength 1 %, a bit of a hash."""
    picture = Image.new("RGB", (96, 96), "#0078d4") if name == "tile" else drawn[int(name)]
    if name == "tile":
        picture.paste("white", (40, 30, 56, 66))
    found = fingerprint(renditions.saved(picture, "PNG"))
    golden = json.loads(GOLDEN.read_text())[name]
    now, then = parse(found.descriptor), parse(base64.b64decode(golden["descriptor"]))
    assert found.recipe == golden["recipe"]
    assert 1000 * (1 - float(np.vdot(now.gradients, then.gradients))) < 0.5
    assert now.strength == pytest.approx(then.strength, rel=0.01)
    assert np.abs(now.colours - then.colours).max() <= 1
    assert now.borders == then.borders
    # What a hash makes of a picture that is symmetric and nearly flat is the rounding of zeros.
    for kind in ("phash", "dhash") if name != "tile" else ():
        assert imagehash.hex_to_hash(getattr(found, kind)) - imagehash.hex_to_hash(golden[kind]) <= 1


MODES = {
    "1-bit": lambda p: renditions.saved(p.convert("1"), "PNG"),
    "grey": lambda p: renditions.saved(p.convert("L"), "PNG"),
    "grey with alpha": lambda p: renditions.saved(p.convert("LA"), "PNG"),
    "16-bit PNG": lambda p: sixteen(p, "PNG"),
    "16-bit TIFF": lambda p: sixteen(p, "TIFF"),
    "32-bit TIFF": lambda p: renditions.saved(p.convert("I"), "TIFF"),
    "float TIFF": lambda p: renditions.saved(p.convert("F"), "TIFF"),
    "palette": lambda p: renditions.saved(p.quantize(128), "PNG"),
    "CMYK TIFF": lambda p: renditions.saved(p.convert("CMYK"), "TIFF"),
    "LAB TIFF": lambda p: renditions.saved(p.convert("L").convert("RGB"), "TIFF"),
    "YCbCr TIFF": lambda p: renditions.saved(p.convert("YCbCr"), "TIFF"),
}


@pytest.mark.parametrize("mode", MODES)
def test_odd_modes_show_the_same_picture(drawn, mode):
    limit = 40 if mode == "1-bit" else 10
    assert distance(renditions.saved(drawn[2], "PNG"), MODES[mode](drawn[2])) < limit


def test_what_is_transparent_shows_white(drawn):
    picture = drawn[3].copy()
    mask = Image.new("L", picture.size, 0)
    mask.paste(255, (100, 100, 300, 300))
    on_white = Image.composite(picture, Image.new("RGB", picture.size, "white"), mask)
    picture.putalpha(mask)
    found = compare(fingerprint(renditions.saved(picture, "PNG")), fingerprint(renditions.saved(on_white, "PNG")))
    assert (found.decision, found.kind) == ("same", "")


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_exif_orientation_makes_the_picture_upright(drawn, orientation):
    upright = drawn[4].crop((0, 0, 400, 300))
    turned = fingerprint(renditions.ORDINARY[f"EXIF {orientation}"](upright))
    assert (turned.width, turned.height) == (300, 225)
    assert compare(fingerprint(renditions.jpeg(upright)), turned).decision == "same"


def test_a_broken_exif_block_does_not_hide_the_picture(drawn):
    data = renditions.jpeg(drawn[5], exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert fingerprint(data).width == 400


def test_only_the_first_frame_counts(drawn):
    frames = [picture.resize((120, 120)) for picture in drawn[:3]]
    for kind in ("GIF", "WEBP", "TIFF", "PNG"):
        moving = renditions.saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert compare(fingerprint(moving), fingerprint(renditions.saved(frames[0], "PNG"))).decision == "same"


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 5000), (5000, 1), (3, 700), (47, 49), (129, 64), (1000, 97)])
def test_any_size_has_a_fingerprint(size):
    found = fingerprint(renditions.saved(Image.effect_noise(size, 80).convert("RGB"), "PNG"))
    assert (found.width, found.height) == size
    assert np.isfinite(parse(found.descriptor).gradients).all()


def test_the_fingerprint_is_the_same_every_time(drawn):
    data = renditions.jpeg(drawn[6])
    assert fingerprint(data) == fingerprint(data)


def test_too_many_bytes_are_refused_unread():
    with pytest.raises(PictureTooLarge, match="bytes"):
        fingerprint(b"\xff\xd8" + bytes(MAX_BYTES))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(8001, 8001), (10000, 10000), (60000, 60000), (2**31 - 1, 1)])
def test_too_many_pixels_are_refused_by_the_header_and_quietly(size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PictureTooLarge):
            fingerprint(bomb(*size))


def test_pillows_global_state_is_left_alone(drawn):
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    filters = list(warnings.filters)
    fingerprint(renditions.jpeg(drawn[0]))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert warnings.filters == filters


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"<html>not found</html>", b"\xff\xd8\xff", b"GIF89a", b"%PDF-1.4", b"RIFF1234WEBPVP8 "]
)
def test_what_is_no_picture_is_unreadable_with_a_reason(data):
    with pytest.raises(UnreadablePicture, match=r"[A-Z].*\.$"):
        fingerprint(data)


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "PCX", "EPS"])
def test_other_formats_are_unreadable(drawn, kind):
    with pytest.raises(UnreadablePicture):
        fingerprint(renditions.saved(drawn[0].resize((64, 64)), kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_truncated_file_is_unreadable(drawn, kind):
    data = renditions.saved(drawn[0], kind)
    with pytest.raises(UnreadablePicture):
        fingerprint(data[: len(data) // 2])


SEEDS = [
    renditions.saved(Image.radial_gradient("L").resize((40, 30)).convert(mode), kind)
    for kind, mode in (
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("GIF", "P"),
        ("BMP", "RGB"),
        ("TIFF", "RGB"),
        ("TIFF", "F"),
        ("WEBP", "RGB"),
    )
]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_hostile_bytes_give_a_fingerprint_or_unreadable_and_nothing_else(data):
    original = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(original) - 1))
        match data.draw(st.sampled_from(("set", "cut", "insert", "header"))):
            case "set":
                original[at] = data.draw(st.integers(0, 255))
            case "cut":
                del original[at : at + data.draw(st.integers(1, 40))]
            case "insert":
                original[at:at] = data.draw(st.binary(min_size=1, max_size=12))
            case "header":
                original[at % min(64, len(original))] = data.draw(st.sampled_from((0, 1, 127, 128, 255)))
        if not original:
            break
    with contextlib.suppress(UnreadablePicture):
        parse(fingerprint(bytes(original)).descriptor)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_unreadable(data):
    with pytest.raises(UnreadablePicture):
        fingerprint(data)


def test_a_value_half_way_goes_the_same_way_in_whichever_order_it_was_added_up():
    halves = np.array([-3.5, -0.5, 0.0, 0.5, 100.5, 254.5])
    assert (_nearest(halves - 1e-12) == _nearest(halves + 1e-12)).all()
    assert _nearest(halves).tolist() == [-3, 0, 0, 1, 101, 255]
