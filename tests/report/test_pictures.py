"""Thumbnails: small, drawn anew, never enlarged, and no picture brings a report down."""

from __future__ import annotations

import base64
import hashlib
import io
import random

import pandas as pd
import pytest
from PIL import Image

from auditor.report.pictures import Pictures, thumbnail_of
from auditor.runs.view import RunView


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def decoded(uri: str) -> Image.Image:
    kind, _, data = uri.partition(";base64,")
    assert kind == "data:image/webp"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_known_format_becomes_a_small_picture(kind):
    made = thumbnail_of(encoded(Image.new("RGB", (648, 432), "teal"), kind))
    assert (made.width, made.height) == decoded(made.uri).size == (320, 213)


def test_a_small_picture_is_not_enlarged():
    assert decoded(thumbnail_of(encoded(Image.new("RGB", (48, 48)), "PNG")).uri).size == (48, 48)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"])
def test_odd_modes_are_drawn(mode):
    assert thumbnail_of(
        encoded(Image.new(mode, (200, 200)), "PNG" if mode in ("1", "L", "LA", "P", "RGBA", "I;16") else "TIFF")
    )


def test_orientation_is_applied_and_metadata_left_behind():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "somebody's secret"
    made = thumbnail_of(encoded(Image.new("RGB", (300, 100)), "JPEG", exif=exif))
    assert made.height > made.width
    assert not decoded(made.uri).getexif()


def test_transparency_lies_on_white():
    made = decoded(thumbnail_of(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "PNG")).uri)
    assert min(made.convert("L").tobytes()) > 250


@pytest.mark.parametrize(
    "bytes_",
    [
        b"",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"\xff\xd8\xff\xe0" + b"\0" * 99,
        b"%PDF-1.7",
    ],
)
def test_what_is_no_picture_gives_none(bytes_):
    assert thumbnail_of(bytes_) is None


def test_too_many_pixels_are_not_decoded():
    assert thumbnail_of(encoded(Image.new("1", (9000, 9000)), "PNG")) is None


def test_damaged_pictures_never_raise():
    rng = random.Random(7)
    whole = [
        encoded(Image.effect_noise((120, 120), 80).convert("RGB"), kind)
        for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF")
    ]
    for data in whole:
        for _ in range(60):
            hurt = bytearray(data)
            for _ in range(rng.randrange(1, 12)):
                hurt[rng.randrange(len(hurt))] = rng.randrange(256)
            thumbnail_of(bytes(hurt[: rng.randrange(1, len(hurt) + 1)]))


def test_a_picture_is_brought_along_once_a_page(tmp_path):
    data = encoded(Image.new("RGB", (90, 90), "navy"), "PNG")
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / digest[:2]).mkdir()
    (tmp_path / digest[:2] / f"{digest}.png").write_bytes(data)
    pictures = Pictures(RunView({}, pd.DataFrame(), pd.DataFrame(), tmp_path))
    first, again = pictures.shot(digest), pictures.shot(digest)
    assert first.first
    assert first.thumbnail.uri
    assert not again.first
    assert not again.thumbnail.uri
    assert again.id == first.id
    assert pictures.shot("0" * 64) is None
    assert pictures.shot("../" + digest[3:]) is None
