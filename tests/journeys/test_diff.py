"""`diff` and `baseline` as their users run them: over runs on disk, nobody is asked."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditor.exceptions import Accepted, recorded
from auditor.model import CHANGE_COLUMNS, MIGRATION_COLUMNS
from tests.changes.conftest import People, run_of
from tests.journeys.conftest import Command
from tests.runs.conftest import user

BEFORE: People = {1: "anna", 2: {"entra": "berta", "yammer": "old"}, 3: "carl"}
AFTER: People = {1: {"entra": "anna", "sharepoint": "carl"}, 2: "berta", 3: "carl"}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three months in `reports`; the first two are alike."""
    for month, people in enumerate((BEFORE, BEFORE, AFTER)):
        run_of(tmp_path / "reports" / f"m{month}", people, month=month)
    return tmp_path / "reports"


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_person_reads_what_changed_and_a_program_reads_the_same(runs: Path, command: Command) -> None:
    done = command("diff", "m1", "m2")
    assert done.code == 1, done.err
    assert "New" in done.out
    assert "user3@contoso.com" in done.out  # whose photo it is
    rows = table(command("diff", "m1", "m2", "--format", "csv").out)
    assert list(rows[0]) == [column.name for column in CHANGE_COLUMNS]
    assert list(rows[0])[:3] == ["user_id", "workload", "change"]
    assert [(row["user_id"], row["workload"], row["change"]) for row in rows] == [
        (user(1).id, "sharepoint", "new"), (user(2).id, "yammer", "fixed"),
    ]  # fmt: skip
    told = json.loads(command("diff", "m1", "m2", "--format", "json").out)
    assert [(row["user_id"], row["workload"], row["change"]) for row in told["rows"]] == [
        (row["user_id"], row["workload"], row["change"]) for row in rows
    ]  # fmt: skip
    assert told["counts"] == {"sharepoint": {"new": 1}, "yammer": {"fixed": 1}}
    assert (told["before"]["day"], told["after"]["day"]) == ("2026-02-23", "2026-03-25")
    assert told["earlier_runs"] == 1


def test_a_baseline_stands_for_its_run_when_that_is_gone(runs: Path, command: Command) -> None:
    assert command("baseline", "save", "m1", "--name", "february").code == 0
    expected = command("diff", "m1", "m2", "--format", "csv").out
    (runs / "m1").rename(runs.parent / "gone")
    assert command("diff", "february", "m2", "--format", "csv").out == expected


def test_runs_that_tell_nothing_of_this_tenant_leave_room_for_those_that_do(tmp_path: Path, command: Command) -> None:
    reports = tmp_path / "reports"
    stale: People = {1: {"entra": "anna-2", "yammer": "anna"}}
    run_of(reports / "first", {1: "anna"})
    for number in range(13):
        run_of(reports / f"other-{number}", {9: "zoe"}, month=1, workloads=("entra",), tenant={"id": "other"})
        ticket = {"users": ["user2@contoso.com"], "groups": []}
        run_of(reports / f"ticket-{number}", {2: "berta"}, month=1, workloads=("entra",), question=ticket)
    run_of(reports / "before", stale, month=2)
    run_of(reports / "now", {1: {"entra": "anna-3", "yammer": "anna"}}, month=3)
    rows = {row["workload"]: row for row in table(command("diff", "before", "now", "--format", "csv").out)}
    assert rows["yammer"]["reference_until"] == "2026-01-24"


def test_runs_of_one_selection_tell_what_was_before(tmp_path: Path, command: Command) -> None:
    asked = {"question": {"users": [], "groups": ["pilot"]}}
    for number, entra in enumerate(("anna", "anna-2", "anna-3")):
        run_of(tmp_path / "reports" / f"g{number}", {1: {"entra": entra, "yammer": "anna"}}, month=number, **asked)
    rows = {row["workload"]: row for row in table(command("diff", "g1", "g2", "--format", "csv").out)}
    assert rows["yammer"]["reference_until"] == "2026-01-24"


def test_the_exit_code_is_what_is_asked_for(runs: Path, command: Command) -> None:
    for words, code in (
        (("m1", "m2"), 1), (("m0", "m1"), 0), (("m0", "m1", "--fail-on", "still"), 1),
        (("m0", "m1", "--fail-on", "drift"), 1), (("m1", "m2", "--fail-on", "gone,missing"), 0),
        (("m1", "m2", "--fail-on", "none"), 0), (("m1", "m2", "--fail-on", "mismatch"), 1),
        (("m1", "m2", "--fail-on", "newer"), 2), (("m1", "nothing"), 2),
        (("m1", "m2", "--history", "m0", "--no-history"), 2), (("m1", "m2", "--rename", "x"), 2),
    ):  # fmt: skip
        done = command("diff", *words)
        assert done.code == code, (words, done.err)
        assert done.code != 2 or done.err


def test_an_incomplete_run_beats_what_was_found(runs: Path, command: Command) -> None:
    run_of(runs / "m3", {**AFTER, 4: {"entra": "dora", "yammer": "?"}}, month=3, require=["yammer"])
    from auditor.runs.folder import open_run

    run = open_run(runs / "m3")
    run.update(complete=False, incomplete_because=["yammer was throttled."])
    run.close()
    done = command("diff", "m1", "m3")
    assert done.code == 4
    assert "incomplete" in done.out


def test_the_page_asks_nobody_and_shows_names_as_text(runs: Path, command: Command, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>@contoso.com"
    run_of(runs / "h0", {1: "anna"}, month=4, upns={1: hostile})
    run_of(runs / "h1", {1: {"entra": "anna", "yammer": None}}, month=5, upns={1: hostile})
    done = command("diff", "h0", "h1", "--format", "html", "--out", tmp_path / "new" / "page.html")
    assert done.code == 1, done.err
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    policy = html.unescape(re.findall('Content-Security-Policy" content="([^"]*)', page)[0])
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    if os.name == "posix":
        assert not stat.S_IMODE((tmp_path / "new" / "page.html").stat().st_mode) & 0o077


def test_a_name_that_a_spreadsheet_would_run_is_text(runs: Path, command: Command) -> None:
    run_of(runs / "h0", {1: "anna"}, month=4, upns={1: "=cmd()@contoso.com"})
    run_of(runs / "h1", {1: {"entra": "anna", "yammer": None}}, month=5, upns={1: "=cmd()@contoso.com"})
    (row,) = table(command("diff", "h0", "h1", "--format", "csv").out)
    assert row["upn"] == "'=cmd()@contoso.com"


def test_new_drift_that_the_later_run_accepts_counts_for_nothing_and_is_told(runs: Path, command: Command) -> None:
    entry = Accepted(("yammer",), ("missing",), "A pilot", "Help desk", date(2099, 1, 1), user=user(1).upn)
    run_of(runs / "e0", {1: "anna"}, month=6)
    later: Any = {1: {"entra": "anna", "sharepoint": "anna", "yammer": None}}
    run_of(runs / "e1", later, month=7)
    run_of(runs / "e2", later, month=8, exceptions=recorded(None, [entry]))
    assert command("diff", "e0", "e1").code == 1
    done = command("diff", "e0", "e2", "--format", "csv")
    (row,) = table(done.out)
    assert (done.code, row["change"], row["accepted"]) == (0, "new", entry.sentence)
    assert f"Accepted: {entry.sentence}" in command("diff", "e0", "e2").out
    assert entry.sentence in command("diff", "e0", "e2", "--format", "html").out
    assert command("diff", "e0", "e2", "--fail-on", "new").code == 0


def test_two_tenants_are_compared_by_a_mapping_and_a_rule(runs: Path, command: Command, tmp_path: Path) -> None:
    run_of(
        runs / "post", {11: "carl", 12: "berta"}, month=3, tenant={"id": "n", "domain": "northwind.com"},
        upns={11: "anna@northwind.com", 12: "user2@northwind.com"},
    )  # fmt: skip
    (tmp_path / "map.csv").write_text("old_upn,new_upn\nuser1@contoso.com,Anna@northwind.com\n", encoding="utf-8")
    refused = command("diff", "m2", "post")
    assert refused.code == 2
    assert "--mapping" in refused.err
    words = ("diff", "m2", "post", "--mapping", "map.csv", "--rename", "contoso.com=northwind.com")
    done = command(*words)
    assert done.code == 1, done.err
    assert "Wrong person" in done.out
    rows = table(command(*words, "--format", "csv").out)
    assert list(rows[0]) == [column.name for column in MIGRATION_COLUMNS]
    outcomes = {(row["old_upn"], row["workload"]): row["outcome"] for row in rows}
    assert outcomes["user1@contoso.com", "entra"] == "wrong_person"
    assert outcomes["user2@contoso.com", "entra"] == "arrived"
    assert outcomes["user3@contoso.com", "entra"] == "not_mapped"
    told = json.loads(command(*words, "--format", "json").out)
    assert (told["kind"], told["pairs"]) == ("outcome", 2)
    assert "<script" not in command(*words, "--format", "html").out
    assert command(*words, "--fail-on", "lost").code == 0
