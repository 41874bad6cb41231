"""`verify` notices every changed byte, and says what is wrong with which file."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.runs.folder import PICTURES, RunFolder, open_run
from auditor.runs.manifest import MANIFEST, RunError
from auditor.runs.verify import verify
from tests.runs.conftest import make_run, user


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = make_run(tmp_path / "run", [user(number) for number in range(4)])
    made.close()
    return made


def files(run: RunFolder) -> list[Path]:
    return sorted(file for file in run.path.rglob("*") if file.is_file() and file.name != ".lock")


def test_a_run_as_it_was_written_is_intact(run: RunFolder) -> None:
    found = verify(run.path)
    assert found.problems == ()
    assert (found.parts, found.pictures, found.finished) == (8, 8, True)


def test_a_changed_byte_in_any_file_is_noticed(run: RunFolder) -> None:
    rng = random.Random(1)
    for file in files(run):
        whole = file.read_bytes()
        for place in {0, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(12))}:
            hurt = bytearray(whole)
            hurt[place] ^= 1 << rng.randrange(8)
            file.write_bytes(bytes(hurt))
            found = verify(run.path)
            assert found.problems, (file, place)
            alone = verify(run.path, only={file}).problems
            assert alone
            assert set(alone) <= set(found.problems)
        file.write_bytes(whole)
    assert verify(run.path).problems == ()


@pytest.mark.parametrize("hurt", [lambda data: data[:-1], lambda data: b"", lambda data: data + b"\n"])
def test_a_file_that_was_cut_or_grew_is_noticed(run: RunFolder, hurt: Callable[[bytes], bytes]) -> None:
    for file in files(run):
        whole = file.read_bytes()
        file.write_bytes(hurt(whole))
        assert verify(run.path).problems, file
        file.write_bytes(whole)


def test_a_missing_and_a_foreign_file_are_named(run: RunFolder) -> None:
    for file in files(run):
        if file.name != MANIFEST:
            data = file.read_bytes()
            file.unlink()
            assert str(file) in " ".join(verify(run.path).problems)
            file.write_bytes(data)
    for folder in ("users", "observations/entra", "verdicts", "photos/ab"):
        stranger = run.path / folder / "part-99999.parquet"
        stranger.parent.mkdir(exist_ok=True)
        shutil.copy(run.path / "users" / "part-00000.parquet", stranger)
        assert str(stranger) in " ".join(verify(run.path).problems)
        stranger.unlink()


def test_a_wrong_digest_in_the_manifest_is_a_damaged_manifest(run: RunFolder) -> None:
    file = run.path / MANIFEST
    text = file.read_text(encoding="utf-8")
    digest = run.manifest["parts"]["users/part-00000.parquet"]["sha256"]
    file.write_text(text.replace(digest, digest[::-1]), encoding="utf-8")
    with pytest.raises(RunError, match="does not fit its own digest"):
        open_run(run.path)
    assert "digest" in verify(run.path).problems[0]


def test_the_digest_of_the_parts_is_the_one_that_the_page_carries(run: RunFolder, program: Callable[..., Any]) -> None:
    assert program("report", run.path).code == 0
    found = verify(run.path)
    assert len(found.digest) == 64
    assert found.digest in (run.path / "report" / "report.html").read_text(encoding="utf-8")
    assert found.digest in program("verify", run.path).out


def test_the_list_of_pictures_is_one_that_sha256sum_reads(run: RunFolder) -> None:
    lines = (run.path / PICTURES).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 8
    for line in lines:
        digest, _, name = line.partition("  ")
        assert (run.path / name).stem == digest


def test_a_report_that_was_changed_is_named_and_one_that_was_deleted_is_not(
    run: RunFolder, program: Callable[..., Any]
) -> None:
    assert program("report", run.path).code == 0
    assert program("verify", run.path).code == 0
    page = run.path / "report" / "report.html"
    page.write_text("changed", encoding="utf-8")
    done = program("verify", run.path)
    assert done.code == 1
    assert "report.html" in done.err
    page.unlink()
    assert program("verify", run.path).code == 0


def test_where_there_is_no_run_verify_says_so(tmp_path: Path, program: Callable[..., Any]) -> None:
    done = program("verify", tmp_path)
    assert done.code == 2
    assert "holds no manifest.json" in done.err
