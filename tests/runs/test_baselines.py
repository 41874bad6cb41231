"""A baseline outlives its run, and is found, erased, pruned and verified like one."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.runs.baselines import BASELINES, baselines, find, is_name, runs_and_baselines, save, show
from auditor.runs.folder import LOCK, open_run
from auditor.runs.listing import newest_first
from auditor.runs.manifest import RunError
from auditor.runs.verify import verify
from tests.runs.conftest import make_run, user

Program = Callable[..., Any]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder of runs with one finished run, `first`."""
    make_run(tmp_path / "reports" / "first", [user(1), user(2), user(3)]).close()
    return tmp_path / "reports"


def test_a_baseline_is_found_by_its_name_and_a_run_by_its_folder(reports: Path) -> None:
    made = save(reports, reports / "first", "march")
    assert find(reports, "march") == made.path == reports / BASELINES / "march"
    assert find(reports, str(reports / "first")) == reports / "first"
    assert find(reports, "first") == reports / "first"
    assert made.run_id == "0" * 32
    assert made.users == 3


def test_what_is_neither_is_told_with_the_names_that_there_are(reports: Path) -> None:
    save(reports, reports / "first", "march")
    for asked in ("april", "../march", "", "march\0", str(reports)):
        with pytest.raises(RunError, match=r"baseline"):
            find(reports, asked)
    with pytest.raises(RunError, match="baselines: march"):
        find(reports, "april")


def test_a_name_that_is_a_folder_here_too_is_not_guessed(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(reports, reports / "first", "march")
    make_run(reports.parent / "march", [user(1)]).close()
    monkeypatch.chdir(reports.parent)
    with pytest.raises(RunError, match="baseline and a run folder"):
        find(Path("reports"), "march")
    assert find(Path("reports"), "./march") == Path("march")


def test_a_run_that_is_not_finished_is_refused_with_what_to_do(tmp_path: Path) -> None:
    make_run(tmp_path / "open", [user(1)], finished=None).close()
    with pytest.raises(RunError, match="photo-auditor resume"):
        find(tmp_path, str(tmp_path / "open"))
    with pytest.raises(RunError, match="photo-auditor resume"):
        save(tmp_path, tmp_path / "open", "march")
    assert not (tmp_path / BASELINES).exists()


def test_it_outlives_its_run_and_holds_no_picture(reports: Path) -> None:
    save(reports, reports / "first", "march")
    before = open_run(reports / "first", exclusive=False).view()
    shutil.rmtree(reports / "first")
    after = open_run(find(reports, "march"), exclusive=False).view()
    assert after.verdicts.equals(before.verdicts)
    assert after.users.equals(before.users)
    assert not list((reports / BASELINES / "march").glob("photos/*"))
    assert verify(reports / BASELINES / "march").problems == ()


def test_a_damaged_run_becomes_no_baseline(reports: Path) -> None:
    part = reports / "first" / "verdicts" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(RunError, match="damaged"):
        save(reports, reports / "first", "march")
    assert [one.name for one in (reports / BASELINES).iterdir() if one.name != LOCK] == []


def test_nothing_is_overwritten_unless_it_is_asked_for(reports: Path) -> None:
    save(reports, reports / "first", "march")
    make_run(reports / "second", [user(1)], run_id="1" * 32).close()
    for name in ("march", "March"):
        with pytest.raises(RunError, match="--replace"):
            save(reports, reports / "second", name)
    assert show(reports, "march").users == 3
    save(reports, reports / "second", "march", replace=True)
    assert show(reports, "march").run_id == "1" * 32
    assert [one.name for one in (reports / BASELINES).iterdir() if one.name != LOCK] == ["march"]
    with pytest.raises(RunError, match="this very baseline"):
        save(reports, reports / BASELINES / "march", "march", replace=True)


@pytest.mark.parametrize("name", ["..", "a/b", "a\\b", ".x", "", "x" * 65, "nul", "com1.old", "a ", "a.", "ü", "a\n"])
def test_no_name_leads_elsewhere(name: str, reports: Path) -> None:
    assert not is_name(name)
    with pytest.raises(RunError, match="cannot be called"):
        save(reports, reports / "first", name)


@pytest.mark.skipif(os.name != "posix", reason="no modes on this platform")
def test_only_its_owner_reads_it(reports: Path) -> None:
    save(reports, reports / "first", "march")
    for entry in (reports / BASELINES).rglob("*"):
        assert not stat.S_IMODE(entry.stat().st_mode) & 0o077, entry


def test_a_person_is_erased_from_run_and_baseline_alike(reports: Path, program: Program) -> None:
    save(reports, reports / "first", "march")
    assert program("erase", "--user", user(1).upn, "--yes").code == 0
    for path in runs_and_baselines(reports):
        assert user(1).id not in set(open_run(path, exclusive=False).view().users["user_id"])
        assert verify(path).problems == ()
    assert program("erase", "--user", user(1).upn).out.count("no trace") == 2


def test_a_baseline_of_any_age_is_kept_by_pruning(tmp_path: Path, program: Program) -> None:
    reports = tmp_path / "reports"
    now = datetime.now(UTC).replace(microsecond=0)
    for days in (10, 500):
        make_run(reports / f"d{days}", [user(1)], finished=now - timedelta(days=days)).close()
        save(reports, reports / f"d{days}", f"b{days}")
        shutil.rmtree(reports / f"d{days}")
    assert program("runs", "prune", "--yes").code == 0
    assert [(one.name, one.fingerprints) for one in baselines(reports)] == [("b10", True), ("b500", True)]


def test_the_commands_save_list_and_show(reports: Path, program: Program) -> None:
    done = program("baseline", "save", "reports/first", "--name", "march")
    assert done.code == 0, done.err
    assert "march" in done.out
    refused = program("baseline", "save", "reports/first", "--name", "march")
    assert refused.code == 2
    assert "--replace" in refused.err
    assert "march" in program("baseline", "list").out
    (one,) = json.loads(program("baseline", "list", "--output", "json").out)
    assert one == json.loads(program("baseline", "show", "march", "--output", "json").out)
    assert one["name"] == "march"
    assert one["when"].startswith("2026-11-24")
    assert "entra" in program("baseline", "show", "march").out
    assert program("baseline", "show", "april").code == 2


def test_one_that_cannot_be_read_is_listed_with_what_is_wrong(reports: Path, program: Program) -> None:
    save(reports, reports / "first", "march")
    (reports / BASELINES / "march" / "manifest.json").write_text("{", encoding="utf-8")
    assert "changed or damaged" in baselines(reports)[0].problem
    done = program("baseline", "list")
    assert done.code == 2
    assert "march" in done.err


def test_the_newest_run_that_can_be_a_baseline_is_finished_and_about_the_whole_tenant(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    for number, day in enumerate((3, 9, 6)):
        make_run(reports / f"whole-{number}", [user(1)], finished=datetime(2026, 11, day, tzinfo=UTC)).close()
    few = {"directory": 9, "in_scope": 1, "only": "1 user named"}
    make_run(reports / "few", [user(1)], finished=datetime(2026, 11, 20, tzinfo=UTC), scope=few).close()
    make_run(reports / "unfinished", [user(1)], finished=None).close()
    assert [path.name for path in newest_first(reports)] == ["whole-1", "whole-2", "whole-0"]
    assert newest_first(tmp_path / "nowhere") == []
