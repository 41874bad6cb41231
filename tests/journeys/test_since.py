"""The report of a run with a baseline says what changed since, and goes on where the baseline is gone."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from auditor.runs.folder import open_run
from auditor.runs.prune import Due, prune
from tests.changes.conftest import run_of
from tests.journeys.conftest import Command
from tests.journeys.test_diff import AFTER, BEFORE
from tests.runs.conftest import user


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A month after its baseline, in which carl left, too."""
    before = run_of(tmp_path / "reports" / "m0", {**BEFORE, 4: "dora"})
    entry = {"run_id": before.manifest["run_id"], "path": str(tmp_path / "reports" / "m0"), "digest": ""}
    run_of(tmp_path / "reports" / "m1", AFTER, month=1, baseline=entry)
    return tmp_path / "reports" / "m1"


def test_the_page_the_terminal_and_a_table_say_what_changed(run: Path, command: Command) -> None:
    done = command("report", run)
    assert "Since the run of 2026-01-24: 1 new, 1 fixed and 3 gone." in done.out
    page = (run / "report" / "report.html").read_text(encoding="utf-8")
    assert "What changed since 2026-01-24" in page
    with (run / "report" / "changes.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["user_id"], row["workload"], row["change"]) for row in csv.DictReader(file)]
    gone = [(user(4).id, name, "gone") for name in ("entra", "sharepoint", "yammer")]
    assert rows == [(user(1).id, "sharepoint", "new"), (user(2).id, "yammer", "fixed"), *gone]
    told = json.loads((run / "report" / "report.json").read_text(encoding="utf-8"))["since"]
    assert told["day"] == "2026-01-24"
    assert told["counts"]["yammer"] == {"fixed": 1, "gone": 1}
    assert command("verify", run).code == 0


def test_a_redacted_page_has_the_numbers_alone(run: Path, command: Command) -> None:
    command("report", run, "--redact")
    page = (run / "report-redacted" / "report.html").read_text(encoding="utf-8")
    assert "What changed since 2026-01-24" in page
    assert "changes.csv" not in page
    assert not (run / "report-redacted" / "changes.csv").exists()


def test_where_the_baseline_is_gone_the_report_says_so_and_is_drawn(run: Path, command: Command) -> None:
    (run.parent / "m0").rename(run.parent.parent / "elsewhere")
    done = command("report", run)
    assert done.code == 0
    assert "What changed since the baseline is not told" in done.out
    page = (run / "report" / "report.html").read_text(encoding="utf-8")
    assert "What changed since the baseline is not told" in page
    assert not (run / "report" / "changes.csv").exists()


@pytest.mark.parametrize("lost", ["fingerprints", "folder"])
def test_what_was_told_of_the_baseline_once_outlives_it(run: Path, command: Command, lost: str) -> None:
    command("report", run)
    told, table = (
        json.loads((run / "manifest.json").read_text(encoding="utf-8"))["since"],
        run / "report" / "changes.csv",
    )
    rows = table.read_bytes()
    if lost == "folder":
        shutil.rmtree(run.parent / "m0")
    else:
        before = open_run(run.parent / "m0")
        prune(before, Due(before.path, 500, 0, fingerprints=True), "test")
        before.close()
    for _ in range(2):
        done = command("report", run)
        assert done.code == 0
        assert "1 new, 1 fixed and 3 gone" in done.out
        kept = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["since"]
        assert kept["counts"] == told["counts"]
        assert kept["note"].count("an earlier drawing") == 1
        assert ("runs prune" if lost == "fingerprints" else "There is no run") in kept["note"]
        assert table.read_bytes() == rows
    picture = run / "photos" / "ab" / ("ab" * 32 + ".jpg")
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"x")
    keep = ("--fingerprints-days", "100000")
    assert "dropped" in command("runs", "prune", "--runs", run.parent, "--pictures-days", "0", *keep, "--yes").out
    assert not picture.exists()
    assert table.read_bytes() == rows
    assert "changes.csv" in (run / "report" / "report.html").read_text(encoding="utf-8")
    command("runs", "prune", "--runs", run.parent, "--fingerprints-days", "0", "--yes")
    assert not table.exists()
    page = (run / "report" / "report.html").read_text(encoding="utf-8")
    assert "What changed since 2026-01-24" in page
    assert "changes.csv" not in page
    assert command("verify", run).code == 0


def test_the_table_of_another_run_is_not_taken_for_the_runs_own(run: Path, command: Command, tmp_path: Path) -> None:
    command("report", run)
    run_of(run.parent / "m2", AFTER, month=2, baseline=json.loads((run / "manifest.json").read_text())["baseline"])
    command("report", run.parent / "m2", "--out", tmp_path / "latest")
    assert (tmp_path / "latest" / "changes.csv").exists()
    shutil.rmtree(run.parent / "m0")
    command("report", run, "--out", tmp_path / "latest")
    assert not (tmp_path / "latest" / "changes.csv").exists()
    told = json.loads((tmp_path / "latest" / "report.json").read_text(encoding="utf-8"))["since"]
    assert told["counts"]["yammer"] == {"fixed": 1, "gone": 1}


def test_another_run_in_the_baselines_place_is_not_taken_for_it(run: Path, command: Command) -> None:
    (run.parent / "m0").rename(run.parent.parent / "elsewhere")
    run_of(run.parent / "m0", BEFORE, run_id="f" * 32)
    assert "another run now" in command("report", run).out


def test_who_was_erased_from_the_run_did_not_leave(run: Path, command: Command) -> None:
    command("report", run)
    assert command("erase", run, "--user", user(2).upn, "--yes").code == 0
    for file in (run / "report").iterdir():
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            assert user(2).id not in text, file
            assert user(2).upn not in text, file
    assert user(4).id in (run / "report" / "changes.csv").read_text(encoding="utf-8")
    done = command("diff", "m0", "m1", "--format", "csv")
    assert user(2).id not in done.out


@pytest.mark.parametrize("named", ["upn", "id"])
def test_who_left_since_the_baseline_is_erased_from_the_report_that_says_so(
    run: Path, command: Command, named: str
) -> None:
    command("report", run)
    whom = str(getattr(user(4), named))
    told = command("erase", run, "--user", whom)
    assert told.code == 1
    assert "1 file of a report that names them" in told.out
    assert command("erase", run, "--user", whom, "--yes").code == 0
    texts = [file.read_text(encoding="utf-8") for file in (run / "report").iterdir()]
    assert not [text for text in texts if user(4).upn in text or user(4).id in text]
    assert any(user(2).upn in text for text in texts)
    assert command("erase", run, "--user", whom).out.endswith("no trace.\n")
