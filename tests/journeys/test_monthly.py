"""The second month: an audit that knows the first one asks little, tells what it carried over, and finds the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.journeys.conftest import Command, Outcome, parts_of, start_audit, wait_until

WHEN = {"observed_at", "read_at", "read_in"}


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=30, seed=11, request_log=True)


@pytest.fixture(scope="module")
def month(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return Command(tmp_path_factory.mktemp("month"))("audit", "--config", served.config, "--shard-users", "15")


def told(rows: dict[Any, dict[str, str]]) -> dict[Any, dict[str, str]]:
    """Rows without the moments and the run of their reading."""
    return {key: {name: value for name, value in row.items() if name not in WHEN} for key, row in rows.items()}


def questions(requests: list[dict[str, Any]]) -> int:
    """Requests, the steps of a batch counted singly."""
    return sum(not request["path"].lower().endswith("/$batch") for request in requests)


def photos(run: Path) -> set[str]:
    return {file.name for file in (run / "photos").glob("*/*")}


def test_a_second_audit_of_an_unchanged_tenant_finds_the_same_with_half_of_the_requests(
    served: Any, month: Outcome, command: Command
) -> None:
    before = len(served.requests())
    done = command("audit", "--config", served.config, "--baseline", month.run, "--recheck", "0")
    asked = questions(served.requests()[before:])
    assert done.code == month.code, done.err
    assert told(done.rows) == told(month.rows)
    assert photos(done.run) == photos(month.run)
    first = sum(month.manifest["requests"][one]["bytes"] for one in month.manifest["requests"])
    second = sum(done.manifest["requests"][one]["bytes"] for one in done.manifest["requests"])
    assert second < first / 5
    assert asked < questions(served.requests()[:before]) / 2
    known = done.manifest["baseline"]
    assert (known["run_id"], known["path"]) == (month.manifest["run_id"], str(month.run.resolve()))
    assert known["digest"] == month.manifest["manifest_sha256"]
    carried = [row for row in done.rows.values() if row["read_in"]]
    assert {row["read_in"] for row in carried} == {month.manifest["run_id"]}
    assert len(carried) > 0.75 * len(done.rows)
    assert {row["status"] for row in carried} <= {"photo", "placeholder", "absent"}
    page = (done.run / "report" / "report.html").read_text(encoding="utf-8")
    for text in (page, done.out):
        assert "carried over from it and not read again" in text.replace("\n", " ")
    document = json.loads((done.run / "report" / "report.json").read_text(encoding="utf-8"))
    figures = {one["workload"]: one for one in document["baseline"]["workloads"]}
    assert set(figures) == {"entra", "exchange", "sharepoint", "yammer"}
    assert all(one["carried"] > 15 and not one["rechecked"] and not one["dropped"] for one in figures.values())
    assert command("verify", done.run).code == 0


def test_a_saved_baseline_is_named_and_drifting_users_are_shown_though_it_has_no_pictures(
    served: Any, month: Outcome, command: Command
) -> None:
    reports = command.folder / "reports"
    shutil.copytree(month.run, reports / "october")
    assert command("baseline", "save", reports / "october", "--name", "ten", "--runs", reports).code == 0
    shutil.rmtree(reports / "october")
    done = command("audit", "--config", served.config, "--baseline", "ten")
    assert done.code == month.code, done.err
    assert told(done.rows) == told(month.rows)
    # Only what the page shows was fetched again, and nothing of it was another picture than before.
    assert photos(done.run) == photos(month.run)
    figures = done.manifest["shortcut"]
    assert all(one["carried"] and not one["differed"] for one in figures.values())
    drifting = {row["user_id"] for row in done.rows.values() if row["verdict"] in {"mismatch", "variant", "missing"}}
    shown = [row for row in done.rows.values() if row["user_id"] in drifting and row["sha256"]]
    assert shown
    assert {row["read_in"] for row in shown} == {""}


@pytest.mark.parametrize("gone", [pytest.param(False, marks=pytest.mark.soak), True])
def test_a_killed_second_run_ends_the_same_and_says_so_where_its_baseline_is_gone(
    served: Any, month: Outcome, command: Command, gone: bool
) -> None:
    baseline, path = command.folder / "baseline", command.folder / "killed"
    shutil.copytree(month.run, baseline)
    process = start_audit(served, path, "--shard-users", "8", "--baseline", str(baseline))
    wait_until(process, lambda: len(parts_of(path)) >= 7)
    process.kill()
    process.communicate()
    if gone:
        shutil.rmtree(baseline)
    done = command("resume", path)
    done = Outcome(done.code, done.out, done.err, path)
    assert done.code == month.code, done.err
    assert told(done.rows) == told(month.rows)
    assert photos(path) == photos(month.run)
    note = "was there no longer when the run was resumed"
    assert (note in done.manifest["baseline"]["note"]) == gone
    assert (note in done.err) == gone
    assert (note in (path / "report" / "report.html").read_text(encoding="utf-8")) == gone


def test_a_chain_of_runs_reads_on_where_the_last_one_stopped_and_others_begin_anew(
    served: Any, month: Outcome, command: Command
) -> None:
    reports = command.folder / "reports"
    shutil.copytree(month.run, reports / "first")

    def window_of(name: str, baseline: str) -> tuple[float, float]:
        words = ("--config", served.config, "--workload", "entra", "--baseline", baseline)
        entry = command("audit", *words, run=reports / name).manifest["baseline"]
        return entry["recheck_from"], entry["recheck_to"]

    _, stopped = window_of("second", "last")
    assert window_of("third", "last")[0] == stopped
    assert stopped not in {
        window_of("fourth", str(reports / "second"))[0],
        window_of("fifth", str(reports / "second"))[0],
    }


def test_a_baseline_with_a_damaged_part_costs_its_own_users_a_reading_and_nothing_else(
    served: Any, month: Outcome, command: Command
) -> None:
    baseline = command.folder / "baseline"
    shutil.copytree(month.run, baseline)
    hurt = baseline / "observations" / "entra" / "part-00001.parquet"
    data = bytearray(hurt.read_bytes())
    data[len(data) // 2] ^= 1
    hurt.write_bytes(data)
    done = command("audit", "--config", served.config, "--baseline", baseline, "--workload", "entra")
    assert str(hurt) in done.err
    assert "read in full" in done.err
    of_it = set(pq.read_table(month.run / "users" / "part-00001.parquet")["user_id"].to_pylist())
    for (user_id, _), row in done.rows.items():
        assert user_id not in of_it or not row["read_in"]
    assert sum(bool(row["read_in"]) for row in done.rows.values()) > 10


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--baseline", "nowhere"), "There is no run in nowhere"),
        (("--baseline", "{month}", "--recheck", "200%"), "it can be 0% to 100%"),
        (("--baseline", "{month}", "--recheck", "some"), "it can be 0% to 100%"),
    ],
)
def test_what_cannot_be_a_baseline_is_refused_before_anybody_is_asked(
    served: Any, month: Outcome, command: Command, words: tuple[str, ...], said: str
) -> None:
    before = len(served.requests())
    done = command("audit", "--config", served.config, *(word.format(month=month.run) for word in words))
    assert done.code == 2
    assert said in done.err
    assert not done.run.exists()
    assert len(served.requests()) == before


def test_another_tenants_run_is_no_baseline(tenant: Any, month: Outcome, command: Command) -> None:
    other = tenant(users=2, seed=2, scenarios="plain")
    done = command("audit", "--config", other.config, "--baseline", month.run)
    assert done.code == 2
    assert "of another tenant" in done.err
    assert not done.run.exists()


def test_a_user_who_is_explained_now_is_read_now(served: Any, month: Outcome, command: Command) -> None:
    user_id = next(user_id for (user_id, workload), row in month.rows.items() if row["verdict"] == "match")
    upn = next(row["upn"] for (one, _), row in month.rows.items() if one == user_id)
    before = len(served.requests())
    done = command("explain", "--config", served.config, upn, env={"PHOTO_AUDITOR_AUDIT_BASELINE": str(month.run)})
    assert done.code in {0, 1}, done.err
    assert any(request["path"].endswith("$value") for request in served.requests()[before:])
