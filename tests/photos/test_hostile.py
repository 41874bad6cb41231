"""Whatever arrives behind a picture's address ends in a fingerprint or as unreadable, soon and in little memory.

`hostile/` keeps small files that are meant to hurt, and every one that ever did; larger ones are made here. Time and
memory are measured in a process of its own, which is stopped when one of them takes too long.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.photos import PictureTooLarge, UnreadablePicture, fingerprint
from auditor.photos.decode import MOST_MEMORY
from auditor.photos.descriptor import parse
from auditor.photos.structure import GIF_BLOCKS, JPEG_SCANS, JPEG_SEGMENTS, PNG_CHUNKS, too_many_parts
from tests.photos import hostile_pictures as hostile

SECONDS = 8.0
"""CPU seconds that any one picture may take; on the machine this was written on, the slowest takes two."""
KEPT = Path(__file__).with_name("hostile")


def described(data: bytes) -> str:
    """A sentence: that there is a sound fingerprint, or why the bytes are unreadable. Anything else is raised."""
    try:
        parse(fingerprint(data).descriptor)
    except UnreadablePicture as error:
        return str(error)
    return "A fingerprint."


Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Rows]:
    """What came of every case (`of_a_kind`: of those alone, or of the others), in how many seconds and bytes of memory.

    A case that never ended has no entry.
    """

    @cache
    def measure(of_a_kind: bool) -> Rows:
        folder = tmp_path_factory.mktemp("hostile")
        cases = {name: make for name, (_, make) in hostile.CASES.items() if (name in hostile.OF_A_KIND) is of_a_kind}
        files = [folder / str(number) for number in range(len(cases))]
        for file, make in zip(files, cases.values(), strict=True):
            file.write_bytes(make())
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("measure.py")), *map(str, files)],
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        return dict(zip(cases, map(json.loads, done.stdout.splitlines()), strict=False))

    return measure


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.soak if name in hostile.OF_A_KIND else ()) for name in hostile.CASES],
)
def test_a_picture_that_is_meant_to_hurt_ends_soon_and_in_little_memory(
    measured: Callable[[bool], Rows], name: str
) -> None:
    rows = measured(name in hostile.OF_A_KIND)
    assert name in rows, "the decoder was stopped at this picture or before it"
    row = rows[name]
    assert row["outcome"] == hostile.CASES[name][0], row
    assert row["seconds"] < SECONDS, row
    assert row["memory"] is None or row["memory"] < MOST_MEMORY, row


@pytest.mark.parametrize("file", sorted(KEPT.glob("*")), ids=lambda file: file.name)
def test_every_file_that_ever_hurt_ends_in_a_fingerprint_or_is_unreadable_with_a_reason(file: Path) -> None:
    assert described(file.read_bytes()).endswith(".")


def test_the_kept_files_are_small_and_those_that_are_made_are_made_so() -> None:
    assert sum(file.stat().st_size for file in KEPT.iterdir()) < 300_000
    assert hostile.small().keys() <= {file.name for file in KEPT.iterdir()}


@pytest.mark.parametrize(
    "name", ["javascript.gif", "archive.jpg", "archive.png", "pdf.jpg"]
)  # fmt: skip
def test_what_is_a_picture_and_something_else_is_a_picture(name: str) -> None:
    assert fingerprint((KEPT / name).read_bytes()).format in {"GIF", "JPEG", "PNG"}


@pytest.mark.parametrize("name", ["picture-inside.pdf", "svg.svg", "script.eps", "html.gif", "lzma.tif"])
def test_what_only_holds_a_picture_or_calls_itself_one_is_unreadable(name: str) -> None:
    with pytest.raises(UnreadablePicture):
        fingerprint((KEPT / name).read_bytes())


def test_a_picture_with_as_many_parts_as_programs_write_is_read() -> None:
    thumbnail = hostile.segment(0xE1, b"Exif\0\0" + hostile.saved("JPEG"))
    profile = hostile.segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000))
    for data in (
        hostile.jpeg(thumbnail, profile, hostile.segment(0xE1, bytes(60_000)) * 200),
        hostile.saved("JPEG", (1200, 900), progressive=True, restart_marker_blocks=1),
        hostile.saved("TIFF", (9, 3000), compression="tiff_lzw"),
        hostile.saved("JPEG") + hostile.saved("JPEG", progressive=True) * 100,
    ):
        assert too_many_parts(data) == ""
        assert fingerprint(data).width


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP"])
def test_bytes_that_follow_a_whole_picture_count_for_no_parts_of_it(name: str) -> None:
    data = hostile.saved(name)
    assert fingerprint(data + bytes(1 << 20)).descriptor == fingerprint(data).descriptor


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (hostile.many_scans(64, JPEG_SCANS), "passes"),
        (hostile.jpeg(hostile.segment(0xE5) * JPEG_SEGMENTS), "segments"),
        (hostile.png(1, 1, hostile.chunk(b"teSt") * PNG_CHUNKS), "chunks"),
        (hostile.gif(b"\x21\xfe\x01a\0" * (GIF_BLOCKS // 2 + 1)), "blocks"),
    ],
    ids=["scans", "segments", "chunks", "blocks"],
)
def test_what_has_too_many_parts_is_told_so(data: bytes, told: str) -> None:
    with pytest.raises(PictureTooLarge, match=told):
        fingerprint(data)


ORIGINALS = {
    "JPEG": hostile.saved("JPEG"), "progressive JPEG": hostile.saved("JPEG", progressive=True),
    "JPEG with EXIF": hostile.jpeg(hostile.exif([(0x0112, 3, 1, 6), (0x8769, 4, 1, 26)])),
    "MPO": hostile.jpeg(hostile.MPO_INDEX) + hostile.saved("JPEG"),
    "PNG": hostile.saved("PNG"), "interlaced PNG": hostile.png(9, 9, colour=6, bytes_a_pixel=4, interlaced=1),
    "GIF": hostile.saved("GIF"), "WebP": hostile.saved("WEBP"), "lossless WebP": hostile.saved("WEBP", lossless=True),
    "BMP": hostile.saved("BMP", (16, 16)), "BMP of runs": hostile.bmp_runs(8, 8, b"\x08\x05\0\0" * 8 + b"\0\1"),
    **{
        f"TIFF, {how}": hostile.saved("TIFF", (16, 16), compression=how)
        for how in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    },
    "fax": hostile.saved("TIFF", (32, 32), "1", compression="group4"),
}  # fmt: skip


FILLED = {
    "JPEG": hostile.saved("JPEG", (300, 300)),
    "progressive JPEG": hostile.saved("JPEG", (300, 300), progressive=True),
    "WEBP": hostile.saved("WEBP", (300, 300)),
    "lossless WEBP": hostile.saved("WEBP", (300, 300), lossless=True),
}


@pytest.mark.parametrize("name", sorted(FILLED))
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8])
def test_a_picture_that_breaks_off_and_is_filled_up_with_zeros_is_no_picture(name: str, kept: float) -> None:
    """Decoders fill in grey or black, and half of a photo would be another photo."""
    data = FILLED[name]
    for zeros in (len(data) - int(len(data) * kept), 262_144):
        with pytest.raises(UnreadablePicture):
            fingerprint(data[: int(len(data) * kept)] + bytes(zeros))


@pytest.mark.parametrize("name", sorted(FILLED))
def test_zeros_after_the_end_take_nothing_from_a_picture(name: str) -> None:
    assert fingerprint(FILLED[name] + bytes(262_144)).phash == fingerprint(FILLED[name]).phash


def test_even_pictures_end_in_zeros_and_are_pictures() -> None:
    for quality in (1, 80, 100):
        for kind in ("WEBP", "JPEG"):
            assert fingerprint(hostile.even(kind, (2000, 1500), quality=quality)).width == 2000


def damaged_anyhow(name: str, data: Any) -> None:
    damaged = bytearray(ORIGINALS[name])
    for _ in range(data.draw(st.integers(0, 8), "flips")):
        damaged[data.draw(st.integers(0, len(damaged) - 1), "at")] ^= 1 << data.draw(st.integers(0, 7), "bit")
    cut = data.draw(st.one_of(st.none(), st.integers(1, len(damaged))), "cut")
    assert described(bytes(damaged[:cut])).endswith(".")


SOUND = settings(deadline=2000, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", ORIGINALS)
@settings(SOUND, max_examples=20)
@given(data=st.data())
def test_a_cut_or_flipped_file_of_every_format_ends_in_a_fingerprint_or_is_unreadable(name: str, data: Any) -> None:
    damaged_anyhow(name, data)


@pytest.mark.soak
@pytest.mark.parametrize("name", ORIGINALS)
@settings(SOUND, max_examples=300)
@given(data=st.data())
def test_so_do_many_cut_or_flipped_files(name: str, data: Any) -> None:
    damaged_anyhow(name, data)
