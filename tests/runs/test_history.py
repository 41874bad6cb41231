"""The history of a folder of runs: the numbers of each report, over time, on a page that asks nobody."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.report.history import COLUMNS, as_csv, document, history
from auditor.report.linechart import chart
from auditor.report.shares import Share, tally
from auditor.runs.folder import open_run
from auditor.runs.listing import runs_in
from tests.runs.conftest import make_run, user

Program = Callable[..., Any]


def at(month: int, year: int = 2026) -> datetime:
    return datetime(year, month, 20, tzinfo=UTC)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three months of one tenant, one run of another, and what does not count."""
    folder = tmp_path / "runs"
    for month in (9, 8, 10):
        people = [user(number, display_name=f"Ada Nobody{number}") for number in range(month)]
        make_run(folder / f"m{month}", people, finished=at(month)).close()
    make_run(folder / "other", [user(1)], finished=at(9), tenant={"id": "u", "domain": "<b>fabrikam</b>"}).close()
    selection = {"directory": 5, "in_scope": 1, "excluded": {}, "only": "1 named users"}
    make_run(folder / "ticket", [user(1)], finished=at(9), scope=selection).close()
    make_run(folder / "open", [user(1)], finished=None).close()
    return folder


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_run_about_a_whole_tenant_is_a_row_with_the_numbers_of_its_report(runs: Path, program: Program) -> None:
    done = program("runs", "history", "--runs", runs, "--format", "csv")
    assert done.code == 0, done.err
    found = rows(done.out)
    assert tuple(found[0]) == COLUMNS
    assert [row["run"] for row in found] == ["m8", "m9", "other", "m10"]
    for row in found:
        counted = tally(open_run(runs / row["run"], exclusive=False).view())
        assert int(row["users"]) == counted.users
        assert int(row["drifting_users"]) == counted.drifting
        assert (int(row["same_everywhere"]), int(row["same_everywhere_of"])) == (0, counted.users)
        assert int(row["sharepoint_drifting"]) == int(row["sharepoint_compared"]) == counted.users
        assert (row["yammer_drifting"], row["run_complete"]) == ("", "true")


def test_one_tenants_runs_may_be_asked_for_and_the_same_comes_as_json(runs: Path, program: Program) -> None:
    found = rows(as_csv(history(runs_in(runs), "Contoso.com")))
    assert [row["run"] for row in found] == ["m8", "m9", "m10"]
    told = document(history(runs_in(runs), "u"))
    assert [run["run"] for run in told["runs"]] == ["other"]
    assert told["runs"][0]["workloads"]["sharepoint"] == {"drifting": 1, "compared": 1, "unchecked": 0}
    told = json.loads(program("runs", "history", "--runs", runs, "--format", "json").out)
    assert (told["selections"], told["unfinished"], told["problems"]) == (1, 1, [])


def test_the_page_holds_the_numbers_and_nobody_and_asks_nothing(runs: Path, tmp_path: Path, program: Program) -> None:
    file = tmp_path / "new" / "history.html"
    done = program("runs", "history", "--runs", runs, "--html", file)
    assert done.code == 0, done.err
    page = html.unescape(file.read_text(encoding="utf-8"))
    assert "Nobody1" not in page
    assert user(1).id not in page
    assert "user1@" not in page
    assert "&lt;b&gt;fabrikam" in file.read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert page.count('<svg class="chart"') == 4
    assert page.count(">m10<") == 1
    assert "1 run about a selection of users, 1 unfinished run" in page


def test_a_run_that_cannot_be_read_is_told_and_passed_over(runs: Path, program: Program) -> None:
    part = runs / "m8" / "verdicts" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1])
    done = program("runs", "history", "--runs", runs)
    assert done.code == 0
    assert str(part) in done.err
    assert "m8 " not in done.out
    assert "m9 " in done.out


def test_a_pruned_run_keeps_its_place(runs: Path, program: Program) -> None:
    before = as_csv(history(runs_in(runs)))
    program("runs", "prune", "--runs", runs, "--pictures-days", "0", "--fingerprints-days", "0", "--yes")
    assert as_csv(history(runs_in(runs))) == before


def test_where_there_is_nothing_to_tell_it_says_so(runs: Path, tmp_path: Path, program: Program) -> None:
    done = program("runs", "history", "--runs", runs, "--tenant", "nobody", "--html", tmp_path / "h.html")
    assert done.code == 2
    assert "no finished run of nobody" in done.err
    assert program("runs", "history", "--runs", runs, "--html", "h", "--format", "csv").code == 2


def test_the_chart_is_as_high_as_it_must_be_and_leaves_gaps() -> None:
    moments = [at(1), at(2), at(3), at(4)]
    shares = [Share(1, 100), Share(0, 0), Share(4, 100), Share(0, 100)]
    made = chart(moments, [True, True, False, True], [("match", "Same", shares)])
    (line,) = made.lines
    assert line.path.count("M") == 2
    assert line.path.count("L") == 1
    assert [mark.whole for mark in line.marks] == [True, False, True]
    assert [tick.label for tick in made.y] == ["0 %", "1 %", "2 %", "3 %", "4 %", "5 %"]
    assert (line.marks[0].x, line.marks[-1].x) == (f"{made.left:.1f}", f"{made.right:.1f}")
    assert line.marks[-1].y == f"{made.bottom:.1f}"
    assert [tick.label for tick in chart(moments[:1], [True], [("match", "Same", [Share(1, 2)])]).x] == ["2026-01-20"]
