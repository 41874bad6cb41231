"""`photos export --best`: each user's largest good copy, and nobody else's."""

from __future__ import annotations

import csv
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from auditor.report.best_photos import COLUMNS, DIRECTORY_LIMIT, GRAPH_LIMIT
from auditor.runs.folder import RunFolder, open_run, verdicts_part
from tests.runs.conftest import make_run, picture_of, user

Program = Callable[..., Any]
ADA = user(1)


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "photos.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(list(row) == list(COLUMNS) for row in rows)
    return {row["user_id"]: row for row in rows}


def change(run: RunFolder, workload: str, **values: Any) -> None:
    """Other values in every verdict of a workload."""
    for shard in range(run.shards):
        table = run.read_part(verdicts_part(shard))
        made = [row | (values if row["workload"] == workload else {}) for row in table.to_pylist()]
        run.replace_part(verdicts_part(shard), pa.Table.from_pylist(made, schema=table.schema))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = make_run(tmp_path / "run", [ADA, user(2), user(3)])
    made.close()
    return made


def digest(workload: str, one: str = ADA.id) -> str:
    return hashlib.sha256(picture_of(f"{one}{workload}")).hexdigest()


def test_the_references_photo_is_written_under_the_object_id(run: RunFolder, tmp_path: Path, program: Program) -> None:
    out = tmp_path / "out"
    done = program("photos", "export", run.path, "--best", "--out", out)
    assert done.code == 0, done.err
    assert "3 photos" in done.out
    rows = rows_of(out)
    assert len(rows) == 3
    for user_id, row in rows.items():
        data = (out / row["file"]).read_bytes()
        assert row["file"] == f"{user_id}.png"
        assert (row["workload"], row["format"], row["width"], row["height"]) == ("entra", "PNG", "4", "4")
        assert row["sha256"] == hashlib.sha256(data).hexdigest() == digest("entra", user_id)
        assert (int(row["bytes"]), row["fits_graph"], row["fits_directory"]) == (len(data), "true", "true")
    assert {file.name for file in out.iterdir()} == {"photos.csv", *(row["file"] for row in rows.values())}
    assert open_run(run.path, exclusive=False).manifest["exports"][0]["folder"] == str(out.resolve())
    assert program("verify", run.path).code == 0


@pytest.mark.skipif(os.name == "nt", reason="there are no modes on this platform")
def test_only_the_owner_can_read_what_was_exported(run: RunFolder, tmp_path: Path, program: Program) -> None:
    out = tmp_path / "out"
    out.mkdir(mode=0o755)
    assert program("photos", "export", run.path, "--best", "--out", out).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in out.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("verdict", "more", "from_where"),
    [
        ("match", {"width": 648, "height": 648}, "sharepoint"),
        ("match", {"width": 4, "height": 4, "size": 10**6}, "entra"),
        ("match", {"width": 2, "height": 2}, "entra"),
        ("variant", {"width": 648, "height": 648}, "entra"),
        ("mismatch", {"width": 648, "height": 648}, "entra"),
        ("placeholder", {"width": 648, "height": 648, "status": "placeholder"}, "entra"),
        (
            "match",
            {"width": 648, "height": 648, "causes": '[{"cause": "photo_of_another_user", "confidence": "certain"}]'},
            "entra",
        ),
    ],
)
def test_a_larger_copy_is_taken_only_where_it_matches_and_is_nobody_elses(
    run: RunFolder, tmp_path: Path, program: Program, verdict: str, more: dict[str, Any], from_where: str
) -> None:
    change(run, "sharepoint", verdict=verdict, **more)
    program("photos", "export", run.path, "--best", "--out", tmp_path / "out")
    row = rows_of(tmp_path / "out")[ADA.id]
    assert (row["workload"], row["sha256"]) == (from_where, digest(from_where))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"verdict": "no_photo", "status": "absent", "sha256": ""}, "no_reference_photo"),
        ({"verdict": "no_photo", "status": "placeholder"}, "no_reference_photo"),
        ({"verdict": "unchecked", "status": "unknown", "sha256": ""}, "reference_unchecked"),
        ({"verdict": "broken", "status": "unreadable"}, "reference_unreadable"),
    ],
)
def test_without_the_references_photo_nothing_tells_which_copy_is_good(
    run: RunFolder, tmp_path: Path, program: Program, values: dict[str, Any], reason: str
) -> None:
    change(run, "entra", **values)
    change(run, "sharepoint", verdict="match" if reason == "reference_unchecked" else "unexpected")
    done = program("photos", "export", run.path, "--best", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert {row["reason"] for row in rows_of(tmp_path / "out").values()} == {reason}
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["photos.csv"]


def test_a_picture_that_was_damaged_or_lost_is_not_exported(run: RunFolder, tmp_path: Path, program: Program) -> None:
    lost, hurt = (next(run.photos.glob(f"*/{digest('entra', user(number).id)}.*")) for number in (1, 2))
    lost.unlink()
    hurt.write_bytes(b"x" + hurt.read_bytes()[1:])
    done = program("photos", "export", run.path, "--best", "--out", tmp_path / "out")
    assert "2 users without: the run does not hold the picture" in done.out
    reasons = {row["upn"]: row["reason"] for row in rows_of(tmp_path / "out").values()}
    assert reasons == {user(1).upn: "not_kept", user(2).upn: "not_kept", user(3).upn: ""}


def test_no_text_of_a_service_becomes_a_path_or_a_formula(tmp_path: Path, program: Program) -> None:
    people = [
        user(1, id="../../evil", upn="=cmd()@contoso.com"), user(2, id="/etc/x"), user(3, id="con"), user(4, id=""),
    ]  # fmt: skip
    made = make_run(tmp_path / "run", people)
    made.close()
    out = tmp_path / "a" / "b" / "out"
    done = program("photos", "export", made.path, "--best", "--out", out)
    assert done.code == 0, done.err
    assert [file.name for file in out.iterdir()] == ["photos.csv"]
    assert {row["reason"] for row in rows_of(out).values()} == {"unsafe_id"}
    assert rows_of(out)["../../evil"]["upn"] == "'=cmd()@contoso.com"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "run"]


@pytest.mark.parametrize(("kept", "said"), [("drift", "drifting users only"), ("none", "keeps no pictures")])
def test_a_run_that_does_not_keep_every_picture_is_refused(
    tmp_path: Path, program: Program, kept: str, said: str
) -> None:
    made = make_run(tmp_path / "run", [ADA], photos=kept)
    made.close()
    done = program("photos", "export", made.path, "--best", "--out", tmp_path / "out")
    assert done.code == 2
    assert said in done.err
    assert "--photos all" in done.err
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_refused_with_what_to_do(run: RunFolder, tmp_path: Path, program: Program) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "other").touch()
    for words, said in (
        (("--out", tmp_path / "o"), "--best"),
        (("--best", "--out", full), "is not empty"),
        (("--best", "--out", run.path / "photos" / "mine"), "in the run itself"),
    ):
        done = program("photos", "export", run.path, *words)
        assert done.code == 2
        assert said in done.err
    program("runs", "prune", "--runs", run.path, "--pictures-days", "0", "--yes")
    done = program("photos", "export", run.path, "--best", "--out", tmp_path / "o")
    assert done.code == 2
    assert "were pruned" in done.err
    open_ = make_run(tmp_path / "open", [ADA], finished=None)
    open_.close()
    assert "not finished" in program("photos", "export", open_.path, "--best", "--out", tmp_path / "o").err


@pytest.mark.parametrize(("size", "graph", "directory"), [(10_240, "true", "true"), (10_241, "true", "false")])
def test_the_limits_are_met_to_the_byte(
    tmp_path: Path, program: Program, size: int, graph: str, directory: str
) -> None:
    assert (GRAPH_LIMIT, DIRECTORY_LIMIT) == (4_194_304, 10_240)
    made = make_run(tmp_path / "run", [ADA])
    data = b"\0" * size
    name = hashlib.sha256(data).hexdigest()
    made.keep(name, "PNG", data)
    change(made, "entra", sha256=name)
    made.close()
    assert program("photos", "export", made.path, "--best", "--out", tmp_path / "out").code == 0
    row = rows_of(tmp_path / "out")[ADA.id]
    assert (row["fits_graph"], row["fits_directory"]) == (graph, directory)


def test_who_is_erased_is_erased_from_exported_photos_and_their_table(
    run: RunFolder, tmp_path: Path, program: Program
) -> None:
    out = tmp_path / "out"
    program("photos", "export", run.path, "--best", "--out", out)
    before = (out / "photos.csv").read_text(encoding="utf-8").splitlines()
    told = program("erase", run.path, "--user", ADA.upn)
    assert "2 exported files" in told.out
    assert program("erase", run.path, "--user", ADA.upn, "--yes").code == 0
    assert not list(out.glob(f"{ADA.id}*"))
    after = (out / "photos.csv").read_text(encoding="utf-8").splitlines()
    assert after == [line for line in before if ADA.id not in line]
    assert len(after) == len(before) - 1 > 1


def test_a_file_beside_exported_photos_that_tells_of_the_erased_is_named(
    run: RunFolder, tmp_path: Path, program: Program
) -> None:
    out = tmp_path / "out"
    program("photos", "export", run.path, "--best", "--out", out)
    (out / "notes.txt").write_text(f"call {ADA.upn}", encoding="utf-8")
    done = program("erase", run.path, "--user", ADA.upn, "--yes")
    assert done.code == 1
    assert str(out / "notes.txt") in done.err
