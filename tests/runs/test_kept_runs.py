"""Runs that earlier versions left (tests/kept) are opened, reported, compared, verified, resumed and erased from."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from auditor.runs.folder import open_run
from tests.runs.conftest import Ended

KEPT = Path(__file__).resolve().parents[1] / "kept"
VERSIONS = sorted(folder.name for folder in KEPT.iterdir() if folder.is_dir() and folder.name != "__pycache__")
Program = Callable[..., Ended]
DRIFT = {("oscar.james@contoso.com", "sharepoint", "mismatch"),
         ("siobhan.o'brien@contoso.com", "sharepoint", "unexpected"),
         ("siobhan.o'brien@contoso.com", "yammer", "unexpected")}  # fmt: skip
"""What there is to find in the tenant of tests/kept/make.py."""


@pytest.fixture(params=VERSIONS)
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a copy of a version's `finished` and `interrupted`."""
    return Path(shutil.copytree(KEPT / request.param, tmp_path / "reports"))


def digests(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def one_sentence(done: Ended) -> bool:
    """It ended with one line of plain words, and without what only a developer understands."""
    lines = done.err.splitlines()
    return len(lines) == 1 and lines[0].startswith("photo-auditor: ") and "unforeseen" not in lines[0]


def test_there_are_runs_to_hold_this_against() -> None:
    assert VERSIONS


def test_a_kept_run_is_verified_listed_and_says_what_it_said(runs: Path, program: Program) -> None:
    assert "intact" in program("verify", runs / "finished").out
    assert "not finished" in program("verify", runs / "interrupted").out
    listed = json.loads(program("runs", "list", "--output", "json").out)
    assert {(Path(one["path"]).name, one["state"], one["users"]) for one in listed} == {
        ("finished", "finished", 6), ("interrupted", "interrupted", 6),
    }  # fmt: skip
    before = digests(runs / "finished")
    explained = program("explain", "--last-run", "oscar.james@contoso.com")
    assert explained.code == 1, explained.err
    assert "SharePoint" in explained.out
    assert digests(runs / "finished") == before


def test_a_kept_finished_run_is_reported_as_it_was(runs: Path, program: Program) -> None:
    done = program("report", runs / "finished", "--out", "drawn", "--output", "json")
    assert done.code == 0, done.err
    for folder in (runs / "finished" / "report", runs.parent / "drawn"):
        with (folder / "drift.csv").open(encoding="utf-8-sig", newline="") as file:
            assert {(row["upn"], row["workload"], row["verdict"]) for row in csv.DictReader(file)} == DRIFT
        told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        assert (told["users"], told["drifting_users"], told["drifting_copies"]) == (6, 2, 3)
    page = (runs.parent / "drawn" / "report.html").read_text(encoding="utf-8")
    assert all(upn.partition("@")[0].replace("'", "&#39;") in page or upn in page for upn, _, _ in DRIFT)
    assert program("verify", runs / "finished").code == 0


def test_a_kept_run_is_held_against_itself_and_an_unfinished_one_is_refused(runs: Path, program: Program) -> None:
    shutil.copytree(runs / "finished", runs / "again")
    same = program("diff", runs / "finished", runs / "again", "--output", "json", "--fail-on", "worse")
    assert same.code == 0, same.err
    assert {one["change"] for one in json.loads(same.out)["rows"]} == {"still"}
    before = digests(runs / "interrupted")
    for words in (("diff", "finished", "interrupted"), ("report", "interrupted", "--out", "drawn")):
        done = program(*(runs / word if word in ("finished", "interrupted") else word for word in words))
        assert done.code == 2
        assert one_sentence(done), done.err
        assert "not finished" in done.err
    assert digests(runs / "interrupted") == before


@pytest.mark.parametrize("name", ["finished", "interrupted"])
def test_nothing_of_a_person_is_left_in_a_kept_run_that_the_person_is_erased_from(
    runs: Path, name: str, program: Program
) -> None:
    people = [row for part in (runs / name / "users").iterdir() for row in pq.read_table(part).to_pylist()]
    person = next(row for row in people if row["upn"] == "oscar.james@contoso.com")
    own = _pictures(runs / name, person["user_id"]) - {
        one for row in people if row is not person for one in _pictures(runs / name, row["user_id"])
    }
    assert own
    done = program("erase", runs / name, "--user", person["user_id"], "--yes")
    assert done.code == 0, done.err
    names = [person["upn"], person["user_id"], person["display_name"], *own]
    left = digests(runs / name)
    assert not [(file, text) for file, data in left.items() for text in names if text.encode() in data or text in file]
    assert len([1 for part in (runs / name / "users").iterdir() for _ in pq.read_table(part).to_pylist()]) == 5
    verified = program("verify", runs / name)
    assert verified.code == 0, verified.err


def test_a_kept_interrupted_run_without_its_settings_is_left_as_it_is_in_one_sentence(
    runs: Path, program: Program
) -> None:
    before = digests(runs / "interrupted")
    done = program("resume", runs / "interrupted")
    assert (done.code, one_sentence(done)) == (2, True), done.err
    assert digests(runs / "interrupted") == before


@pytest.fixture(scope="session")
def same_tenant(tenant: Callable[..., Any]) -> Iterator[Any]:
    """The tenant of tests/kept/make.py, as this version simulates it."""
    return tenant(users=6, seed=1, scenarios="never_set,removed_at_reference,stale_sharepoint")


def test_a_kept_interrupted_run_is_finished_from_where_it_stopped_or_refused_in_one_sentence(
    runs: Path, program: Program, same_tenant: Any
) -> None:
    run = runs / "interrupted"
    before = digests(run)
    done = program("resume", run, "--config", same_tenant.config, "--quiet")
    kept = {name: data for name, data in before.items() if name.startswith(("users/", "observations/"))}
    assert len(kept) > 6
    after = digests(run)
    if done.code in (0, 1, 4):
        assert open_run(run, exclusive=False).finished
        assert program("verify", run).code == 0
    else:
        assert done.code in (2, 3)
        assert one_sentence(done), done.err
    assert {name: after.get(name) for name in kept} == kept


def _pictures(run: Path, user_id: str) -> set[str]:
    rows = (row for part in (run / "observations").rglob("*.parquet") for row in pq.read_table(part).to_pylist())
    return {row["sha256"] for row in rows if row["user_id"] == user_id and row["sha256"]}
