"""Two files, or a table of them, and the same judgement as the audit's."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.journeys.conftest import Command


def drawn(seed: int) -> Image.Image:
    """Soft blobs of many colours: no photo, but with as much structure."""
    chance = np.random.default_rng(seed)
    coarse = Image.fromarray(chance.integers(0, 255, (7, 7, 3), dtype=np.uint8))
    return coarse.resize((320, 320), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(command: Command) -> Path:
    one = drawn(1)
    one.save(command.folder / "one.png")
    one.resize((96, 96)).save(command.folder / "small.jpg", quality=80)
    one.crop((16, 16, 288, 288)).save(command.folder / "crop.png")
    ImageOps.mirror(one).save(command.folder / "mirror.png")
    drawn(2).save(command.folder / "other.png")
    return command.folder


def test_a_smaller_copy_is_the_same_and_ends_with_0(folder: Path, command: Command) -> None:
    done = command("compare", "one.png", "small.jpg")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == "The same photo."
    assert "decision   same" in done.out
    assert "distance" in done.out
    assert "confidence" in done.out


def test_a_variant_is_named_and_ends_with_1(folder: Path, command: Command) -> None:
    done = command("compare", "one.png", "crop.png")
    assert done.code == 1
    assert "kind       crop" in done.out
    assert "kept share 85" in done.out


def test_two_photos_are_different_and_end_with_1(folder: Path, command: Command) -> None:
    done = command("compare", "one.png", "other.png")
    assert done.code == 1
    assert "decision   different" in done.out


def test_scripts_get_json(folder: Path, command: Command) -> None:
    done = command("compare", "one.png", "mirror.png", "--format", "json")
    found = json.loads(done.out)
    assert (done.code, found["decision"], found["kind"]) == (1, "variant", "mirror")
    assert found["distances"]["mirror"] == found["distance"] < 17
    assert found["kept_share"] is None


def test_many_pairs_are_compared_in_order_and_the_paths_are_the_tables(folder: Path, command: Command) -> None:
    (folder / "deep").mkdir()
    (folder / "one.png").rename(folder / "deep" / "one.png")
    table = "note,a,b\n,one.png,../small.jpg\n,one.png,../crop.png\n,../other.png,../other.png\n"
    (folder / "deep" / "pairs.csv").write_text(table, encoding="utf-8")
    done = command("compare", "--pairs", "deep/pairs.csv", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert done.code == 1
    assert [(row["decision"], row["kind"]) for row in rows] == [("same", ""), ("variant", "crop"), ("same", "")]
    assert [row["kept_share"] for row in rows] == ["", rows[1]["kept_share"], ""]
    assert 0.84 < float(rows[1]["kept_share"]) < 0.86


def test_pairs_that_are_all_the_same_end_with_0(folder: Path, command: Command) -> None:
    (folder / "pairs.csv").write_text("a,b\none.png,small.jpg\nsmall.jpg,one.png\n", encoding="utf-8")
    done = command("compare", "--pairs", "pairs.csv")
    assert done.code == 0
    assert done.out.count("The same photo.") == 2
    assert "one.png | small.jpg" in done.out.replace(str(folder) + "/", "")


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot exist there")
@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_hostile_names_neither_hide_nor_execute(folder: Path, command: Command, form: str) -> None:
    names = ["=HYPERLINK(1).png", "a\u202egnp.png", "b\x1b[31m.png", 'c",d\n.png']
    for name in names:
        (folder / "one.png").rename(folder / name)
        done = command("compare", "--format", form, "--", name, "small.jpg")
        assert done.code == 0
        assert not {"\u202e", "\x1b"} & set(done.out)
        if form == "csv":
            (row,) = csv.DictReader(io.StringIO(done.out))
            assert row["a"][0] not in "=+-@"
        (folder / name).rename(folder / "one.png")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text exist on Linux")
def test_a_name_that_is_no_text_is_shown_as_far_as_it_is(folder: Path, command: Command) -> None:
    name = "\udcff.png"
    (folder / "one.png").rename(folder / name)
    for form in ("text", "json", "csv"):
        assert command("compare", name, "small.jpg", "--format", form).code == 0
    (folder / name).write_bytes(b"")
    done = command("compare", name, "small.jpg")
    assert (done.code, done.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("gone.png", None, "cannot be read"),
        ("words.png", b"hello", "is no picture that can be read"),
        ("empty.png", b"", "There are no bytes"),
        ("\x1b[2J.png", b"x", "U+001B"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_file_that_cannot_be_read_is_named_in_one_sentence(
    folder: Path, command: Command, name: str, content: bytes | None, told: str, place: int
) -> None:
    if content is not None:
        (folder / name).write_bytes(content)
    words = ["one.png"]
    words.insert(place, name)
    done = command("compare", *words)
    assert done.code == 2
    assert told in done.err
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err
    assert done.out == ""


def test_a_folder_is_no_picture(folder: Path, command: Command) -> None:
    done = command("compare", "one.png", ".")
    assert (done.code, done.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        (b"", "no columns a and b"),
        (b"left,right\none.png,small.jpg\n", "no columns a and b"),
        (b"a,b\n", "names no pairs"),
        (b"a,b\none.png\n", "line 2"),
        (b"a,b\none.png,\n", "line 2"),
        (b"a,b\n\xff\xfe,one.png\n", "UTF-8"),
        (b"a,b\none.png,gone.png\n", "gone.png"),
        (b"a,b\none.png,x\x00y\n", "U+0000"),
        (b'a,b\none.png,"' + b"x" * 200_000 + b'"\n', "pairs.csv"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(folder: Path, command: Command, content: bytes | None, told: str) -> None:
    if content is not None:
        (folder / "pairs.csv").write_bytes(content)
    done = command("compare", "--pairs", "pairs.csv")
    assert done.code == 2
    assert told in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    "words",
    [[], ["one.png"], ["one.png"] * 3, ["one.png", "small.jpg", "--pairs", "p.csv"], ["one.png", "--pairs", "p"]],
)
def test_anything_but_two_files_or_a_table_is_a_usage_error(folder: Path, command: Command, words: list[str]) -> None:
    done = command("compare", *words)
    assert done.code == 2
    assert "Give two pictures, or --pairs FILE.csv." in done.err
