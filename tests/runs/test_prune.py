"""Pictures and fingerprints go when they are older than they are needed; verdicts and numbers stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from auditor.runs.folder import open_run
from tests.runs.conftest import make_run, user

Program = Callable[..., Any]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Runs that are 1, 100, 405 and 500 days old, and one of 120 days that was never finished."""
    now = datetime.now(UTC).replace(microsecond=0)
    for days in (1, 100, 405, 500):
        make_run(tmp_path / "runs" / f"d{days}", [user(1), user(2)], finished=now - timedelta(days=days)).close()
    make_run(
        tmp_path / "runs" / "open", [user(1)], finished=None, started=(now - timedelta(days=120)).isoformat()
    ).close()
    return tmp_path / "runs"


def listed(program: Program, runs: Path) -> dict[str, dict[str, Any]]:
    rows = json.loads(program("runs", "list", "--runs", runs, "--output", "json").out)
    return {Path(row["path"]).name: row for row in rows}


def test_nothing_goes_without_yes(runs: Path, program: Program) -> None:
    before = listed(program, runs)
    told = program("runs", "prune", "--runs", runs)
    assert told.code == 0
    assert "add --yes" in told.out
    assert listed(program, runs) == before


def test_pictures_go_after_90_days_and_fingerprints_after_400(runs: Path, program: Program) -> None:
    assert program("runs", "prune", "--runs", runs, "--yes").code == 0
    found = listed(program, runs)
    held = {name: (bool(row["pictures"]), row["fingerprints"]) for name, row in found.items()}
    assert held == {
        "d1": (True, True),
        "d100": (False, True),
        "d405": (False, False),
        "d500": (False, False),
        "open": (False, True),
    }
    for name in ("d100", "d405"):
        done = program("verify", runs / name)
        assert done.code == 0
        assert "1 pruning" in done.out
    assert "Nothing is older" in program("runs", "prune", "--runs", runs).out


def test_of_a_dropped_fingerprint_nothing_is_left_that_tells_the_picture_again(runs: Path, program: Program) -> None:
    observed = pq.read_table(runs / "d405" / "observations" / "entra" / "part-00000.parquet").to_pylist()
    assert program("report", runs / "d405").code == 0
    program("runs", "prune", "--runs", runs, "--yes")
    for row in observed:
        for file in (runs / "d405").rglob("*"):
            data = file.read_bytes() if file.is_file() else b""
            if file.suffix == ".parquet":
                data += str(pq.read_table(file).to_pylist()).encode()
            for column in ("sha256", "phash", "dhash"):
                assert row[column].encode() not in data, (file, column)
    after = pq.read_table(runs / "d405" / "observations" / "entra" / "part-00000.parquet").to_pylist()
    assert [row["user_id"] for row in after] == [row["user_id"] for row in observed]
    assert {row["descriptor"] for row in after} == {b""}
    assert {row["status"] for row in after} == {"photo"}


def test_the_newest_run_of_a_month_may_keep_its_fingerprints(runs: Path, program: Program) -> None:
    program("runs", "prune", "--runs", runs, "--keep-monthly", "24", "--yes")
    found = listed(program, runs)
    assert all(row["fingerprints"] for row in found.values())
    assert not found["d500"]["pictures"]


def monthly(program: Program, runs: Path, months: int) -> set[str]:
    """The runs that keep their fingerprints where everything else goes at once."""
    told = ("--fingerprints-days", "0", "--keep-monthly", months, "--yes")
    assert program("runs", "prune", "--runs", runs, *told).code == 0
    return {name for name, row in listed(program, runs).items() if row["fingerprints"]}


def months_ago(months: int, day: int) -> datetime:
    now = datetime.now(UTC)
    month = now.year * 12 + now.month - 1 - months
    return datetime(month // 12, month % 12 + 1, day, tzinfo=UTC)


def test_each_month_keeps_the_newest_complete_run_of_each_tenant(tmp_path: Path, program: Program) -> None:
    runs, people = tmp_path / "runs", [user(1)]
    other = {"id": "u", "domain": "fabrikam.example"}
    selection = {"directory": 5, "in_scope": 1, "excluded": {}, "only": "1 named users"}
    make_run(runs / "early", people, finished=months_ago(1, 3)).close()
    make_run(runs / "late", people, finished=months_ago(1, 20)).close()
    make_run(runs / "other", people, finished=months_ago(1, 2), tenant=other).close()
    make_run(runs / "ticket", people, finished=months_ago(1, 21), scope=selection).close()
    incomplete = make_run(runs / "incomplete", people, finished=months_ago(1, 22))
    incomplete.update(complete=False)
    incomplete.close()
    make_run(runs / "before", people, finished=months_ago(2, 5)).close()
    make_run(runs / "long-ago", people, finished=months_ago(3, 28)).close()
    assert monthly(program, runs, 3) == {"late", "other", "before"}
    assert monthly(program, runs, 0) == set()


def test_a_month_keeps_the_run_of_the_most_workloads_complete_or_else_not(tmp_path: Path, program: Program) -> None:
    runs, people = tmp_path / "runs", [user(1)]
    make_run(runs / "whole", people, finished=months_ago(1, 10)).close()
    narrow = make_run(runs / "narrow", people, finished=months_ago(1, 20))
    narrow.update(configured=["entra"])
    narrow.close()
    for name, day, workloads in (("older", 4, 2), ("newer", 5, 2), ("newest", 6, 1)):
        incomplete = make_run(runs / name, people, finished=months_ago(2, day))
        incomplete.update(complete=False, configured=["entra", "sharepoint"][:workloads])
        incomplete.close()
    assert monthly(program, runs, 3) == {"whole", "newer"}


def test_a_baseline_is_never_pruned(tmp_path: Path, program: Program) -> None:
    old = datetime.now(UTC) - timedelta(days=1000)
    make_run(tmp_path / "runs" / "base", [user(1)], finished=old, saved={"name": "base"}).close()
    make_run(tmp_path / "runs" / "plain", [user(1)], finished=old).close()
    assert monthly(program, tmp_path / "runs", 0) == {"base"}
    assert listed(program, tmp_path / "runs")["base"]["pictures"]


def test_an_interrupted_run_without_fingerprints_is_not_resumed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [user(1)], finished=None, fingerprints_dropped=True)
    with pytest.raises(Exception, match="pruned"):
        run.drop_damaged()
    run.close()


def test_a_report_is_drawn_again_without_its_pictures(runs: Path, program: Program) -> None:
    assert program("report", runs / "d100").code == 0
    before = (runs / "d100" / "report" / "report.html").read_text(encoding="utf-8")
    program("runs", "prune", "--runs", runs, "--yes")
    after = (runs / "d100" / "report" / "report.html").read_text(encoding="utf-8")
    assert "base64,UklGR" in before
    assert "UklGR" not in after


def test_a_run_that_cannot_be_read_is_named_and_holds_nobody_up(runs: Path, program: Program) -> None:
    (runs / "d1" / "manifest.json").write_text("{", encoding="utf-8")
    assert "damaged" in program("runs", "list", "--runs", runs).out
    done = program("runs", "prune", "--runs", runs, "--yes")
    assert done.code == 2
    assert str(runs / "d1") in done.err
    run = open_run(runs / "d100", exclusive=False)
    assert not list(run.photos.glob("*/*"))
