"""Accepted exceptions from the file to the exit code: shown with their reason, counted apart, and back in time."""

from __future__ import annotations

import csv
import html
import json
import shutil
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Command, Outcome

DRIFT = {"variant", "mismatch", "missing", "placeholder", "broken", "unexpected"}
EVERYTHING = """
[[accepted]]
filter = {{ enabled = true }}
workload = ["exchange", "sharepoint", "yammer"]
verdict = ["variant", "mismatch", "missing", "placeholder", "broken", "unexpected"]
reason = "The <b>pilot</b> is not begun"
who = "Grace Hopper"
until = {until}
"""


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=12, seed=11, scenarios="in_step,swapped,missing_sharepoint")


@pytest.fixture(scope="module")
def plain(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return Command(tmp_path_factory.mktemp("plain"))("audit", "--config", served.config)


def file(folder: Path, text: str) -> Path:
    path = folder / "accepted.toml"
    path.write_text(text, encoding="utf-8")
    return path


def everything(days: int = 30) -> str:
    return EVERYTHING.format(until=(datetime.now(UTC) + timedelta(days=days)).date())


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_what_is_accepted_does_not_fail_the_run_and_is_shown_everywhere(
    served: Any, plain: Outcome, command: Command
) -> None:
    assert plain.code == 1
    done = command("audit", "--config", served.config, "--exceptions", file(command.folder, everything()))
    assert done.code == 0, done.err
    assert done.verdicts() == plain.verdicts()
    said = "The <b>pilot</b> is not begun. Accepted by Grace Hopper until "
    drifting = {key: row for key, row in done.rows.items() if row["verdict"] in DRIFT}
    assert drifting
    assert all(row["accepted"].startswith(said) for row in drifting.values())
    assert not any(row["accepted"] for key, row in done.rows.items() if key not in drifting)
    report = done.run / "report"
    assert len(table(report, "drift.csv")) == len(table(report, "action-plan.csv")) == len(drifting)
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "<b>pilot</b>" not in page
    assert "Accepted exceptions" in page
    assert html.escape("The <b>pilot</b> is not begun") in page
    assert "Of these accepted" in done.out
    assert "by accepted exceptions alone" in done.out
    head = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert head["accepted_copies"] == head["drifting_copies"] == len(drifting)
    assert head["accepted_users"] == head["drifting_users"]
    suites = ET.parse(report / "junit.xml").getroot()
    assert suites.get("failures") == "0"
    assert sum(case.find("skipped") is not None for case in suites.iter("testcase")) == int(suites.get("skipped", ""))
    assert done.manifest["exceptions"]["outcome"] == [
        {"state": "applied", "findings": len(drifting), "changed": 0}
    ]  # fmt: skip


def test_one_that_has_ended_fails_the_run_again_and_says_so(served: Any, command: Command) -> None:
    done = command("audit", "--config", served.config, "--exceptions", file(command.folder, everything(-1)))
    assert done.code == 1
    assert not any(row["accepted"] for row in done.rows.values())
    assert "ended before this run" in (done.run / "report" / "report.html").read_text(encoding="utf-8")


def test_a_report_that_is_drawn_again_says_the_same_and_may_go_by_another_file(
    plain: Outcome, command: Command
) -> None:
    run = command.folder / "run"
    shutil.copytree(plain.run, run)
    accepted = file(command.folder, everything())
    again = command("report", run, "--exceptions", accepted, run=run)
    assert again.code == 0, again.err
    assert "by accepted exceptions alone" in again.out
    assert any(row["accepted"] for row in again.rows.values())
    accepted.unlink()
    assert command("verify", run).code == 0
    back = command("report", run, run=run)
    assert not any(row["accepted"] for row in back.rows.values())
    assert "exceptions" not in back.manifest


def test_a_redacted_report_counts_what_is_accepted_and_quotes_nobody(plain: Outcome, command: Command) -> None:
    run = command.folder / "run"
    shutil.copytree(plain.run, run)
    out = command.folder / "numbers"
    accepted = file(command.folder, everything())
    assert command("report", run, "--redact", "--out", out, "--exceptions", accepted).code == 0
    for name in ("report.html", "report.json", "summary.md"):
        text = (out / name).read_text(encoding="utf-8")
        assert "Grace Hopper" not in text
        assert "pilot" not in text
    assert "accepted and counted apart" in (out / "report.html").read_text(encoding="utf-8")


def test_a_file_beside_the_settings_is_taken_by_itself_and_a_resumed_run_goes_by_what_it_began_with(
    served: Any, plain: Outcome, command: Command
) -> None:
    settings = command.folder / "settings" / "photo-auditor.toml"
    settings.parent.mkdir()
    for one in served.config.parent.iterdir():
        if one.is_file():
            shutil.copy(one, settings.parent / one.name)
    beside = settings.parent / "exceptions.toml"
    beside.write_text(everything(), encoding="utf-8")
    done = command("audit", "--config", settings)
    assert done.code == 0, done.err
    beside.unlink()
    # As a run that was killed before it was judged.
    run = command.folder / "killed"
    shutil.copytree(done.run, run)
    _unfinish(run)
    resumed = command("resume", run, run=run)
    assert resumed.code == 0, resumed.err
    assert {key: row["accepted"] for key, row in resumed.rows.items()} == {
        key: row["accepted"] for key, row in done.rows.items()
    }
    assert resumed.manifest["accepted"] == done.manifest["accepted"]
    assert resumed.manifest["exceptions"] == done.manifest["exceptions"]


def _unfinish(run: Path) -> None:
    from auditor.runs.manifest import read_manifest, write_manifest

    manifest = read_manifest(run)
    for name in ("finished", "tallies", "accepted", "complete", "pictures"):
        manifest.pop(name)
    manifest["exceptions"].pop("outcome")
    manifest["parts"] = {name: part for name, part in manifest["parts"].items() if not name.startswith("verdicts/")}
    shutil.rmtree(run / "verdicts")
    shutil.rmtree(run / "report")
    manifest.pop("reports")
    write_manifest(run, manifest)


def test_a_drafted_entry_accepts_the_finding_until_the_photo_changes(plain: Outcome, command: Command) -> None:
    (user_id, workload), row = next(
        (key, row) for key, row in plain.rows.items() if row["verdict"] == "mismatch" and row["sha256"]
    )
    told = command("exceptions", "draft", plain.run, row["upn"], "--workload", workload, "--reason", "Agreed",
                   "--who", "Grace Hopper")  # fmt: skip
    assert told.code == 0, told.err
    accepted = file(command.folder, told.out)
    checked = command("exceptions", "check", accepted, "--run", plain.run)
    assert checked.code == 0, checked.err
    assert "1 copy, holds" in checked.out
    assert "any photo" not in command("exceptions", "check", accepted).out
    loose = command("exceptions", "draft", plain.run, row["upn"], "--workload", workload, "--reason", "Agreed",
                    "--who", "Grace Hopper", "--any-photo")  # fmt: skip
    assert "It accepts any photo" in command("exceptions", "check", file(command.folder, loose.out)).out
    accepted = file(command.folder, told.out)
    run = command.folder / "run"
    shutil.copytree(plain.run, run)
    drawn = command("report", run, "--exceptions", accepted, run=run)
    assert [key for key, one in drawn.rows.items() if one["accepted"]] == [(user_id, workload)]
    accepted.write_text(told.out.replace(row["sha256"], "0" * 64), encoding="utf-8")
    changed = command("exceptions", "check", accepted, "--run", plain.run)
    assert "another photo than the accepted one" in changed.out


def test_a_bad_file_ends_with_2_before_anything_is_asked(served: Any, command: Command) -> None:
    bad = file(command.folder, everything().replace("Grace Hopper", " "))
    for words in (("audit", "--config", served.config, "--exceptions", bad), ("exceptions", "check", bad)):
        done = command(*words)
        assert done.code == 2
        assert "entry 1 (line 2) has no who" in done.err
        assert not done.run.exists()


def test_explain_tells_what_is_accepted_and_does_not_fail(served: Any, plain: Outcome, command: Command) -> None:
    row = next(row for row in plain.rows.values() if row["verdict"] == "missing" and row["workload"] == "sharepoint")
    env = {"PHOTO_AUDITOR_AUDIT_EXCEPTIONS": str(file(command.folder, everything()))}
    assert command("explain", row["upn"], "--config", served.config).code == 1
    done = command("explain", row["upn"], "--config", served.config, env=env)
    assert done.code == 0, done.err
    assert "Accepted: The <b>pilot</b> is not begun." in done.out


def test_who_is_erased_is_erased_from_what_was_accepted(served: Any, plain: Outcome, command: Command) -> None:
    row = next(row for row in plain.rows.values() if row["verdict"] == "mismatch")
    text = command("exceptions", "draft", plain.run, row["user_id"], "--reason", f"As {row['upn']} asked").out
    done = command("audit", "--config", served.config, "--exceptions", file(command.folder, text))
    assert row["user_id"] in json.dumps(done.manifest["exceptions"])
    erased = command("erase", done.run, "--user", row["upn"], "--yes", run=done.run)
    assert erased.code == 0, erased.err
    assert row["user_id"] not in json.dumps(erased.manifest)
    assert row["upn"] not in json.dumps(erased.manifest)
    assert erased.manifest["accepted"] == {}
