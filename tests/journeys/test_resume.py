"""A run that is interrupted loses nothing: `resume` ends where an uninterrupted run would have."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.journeys.conftest import Command, parts_of, start_audit, wait_until


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=24, seed=7, request_log=True)


@pytest.fixture(scope="module")
def uninterrupted(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return Command(tmp_path_factory.mktemp("whole"))("audit", "--config", served.config, "--shard-users", "4")


def same(rows: dict[Any, dict[str, str]]) -> dict[Any, dict[str, str]]:
    """Rows without the moment they were read."""
    return {
        key: {name: value for name, value in row.items() if name not in {"observed_at", "read_at"}}
        for key, row in rows.items()
    }


def start_and_kill(served: Any, path: Path, parts: int, how: signal.Signals) -> forked.Going:
    """Start an audit, and stop it once the manifest names so many parts."""
    process = start_audit(served, path, "--shard-users", "4")
    wait_until(process, lambda: (path / "manifest.json").exists() and len(parts_of(path)) >= parts)
    process.send_signal(how)
    return process


@pytest.mark.parametrize("parts", [9, *(pytest.param(parts, marks=pytest.mark.soak) for parts in (1, 20))])
def test_a_killed_run_is_finished_by_resume_with_equal_results(
    served: Any, uninterrupted: Any, command: Command, parts: int
) -> None:
    path = command.folder / "killed"
    start_and_kill(served, path, parts, signal.SIGKILL).communicate()
    again = command("audit", "--config", served.config, run=path)
    assert again.code == 2
    assert f"resume {path}" in again.err
    done = command("resume", path)
    assert done.code == uninterrupted.code, done.err
    outcome = type(done)(done.code, done.out, done.err, path)
    assert same(outcome.rows) == same(uninterrupted.rows)
    assert outcome.manifest["tallies"] == uninterrupted.manifest["tallies"]


def shards(path: Path) -> int:
    """How many shards of Entra ID are complete."""
    parts = json.loads((path / "manifest.json").read_text(encoding="utf-8"))["parts"]
    return sum(part.startswith("observations/entra/") for part in parts)


def test_a_resumed_run_never_lists_again_and_asks_only_for_what_is_missing(served: Any, command: Command) -> None:
    path = command.folder / "killed"
    start_and_kill(served, path, 14, signal.SIGKILL).communicate()
    before = len(served.requests())
    complete = shards(path)
    assert command("resume", path).code == 1
    asked = served.requests()[before:]
    assert not any(request["path"].startswith("/v1.0/users?") for request in asked)
    batches = sum(request["path"].startswith("/v1.0/$batch") for request in asked)
    # Two batches (metadata, pictures) for each of the shards that were not complete.
    assert batches <= 2 * (shards(path) - complete)


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process on this platform")
def test_an_interrupt_ends_with_130_and_says_how_to_go_on(served: Any, command: Command, how: signal.Signals) -> None:
    path = command.folder / "interrupted"
    process = start_and_kill(served, path, 8, how)
    _, err = process.communicate()
    assert process.returncode == 130
    assert f"resume {path}" in err
    assert "Traceback" not in err
    assert "Warning" not in err
    assert command("resume", path).code == 1


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process on this platform")
def test_an_interrupt_before_anything_began_is_130_too(served: Any, command: Command) -> None:
    process = start_and_kill(served, command.folder / "early", 0, signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "Interrupted" in err
    assert "Traceback" not in err


def test_a_finished_run_is_refused_by_audit_and_only_drawn_again_by_resume(
    served: Any, uninterrupted: Any, command: Command
) -> None:
    path = command.folder / "finished"
    shutil.copytree(uninterrupted.run, path)
    refused = command("audit", "--config", served.config, run=path)
    assert refused.code == 2
    assert "is finished" in refused.err
    before = len(served.requests())
    shutil.rmtree(path / "report")
    assert command("resume", path).code == uninterrupted.code
    assert (path / "report" / "report.html").read_bytes() == (uninterrupted.run / "report" / "report.html").read_bytes()
    assert len(served.requests()) == before


def test_a_run_is_not_resumed_under_another_question(served: Any, tenant: Any, command: Command) -> None:
    path = command.folder / "killed"
    start_and_kill(served, path, 8, signal.SIGKILL).communicate()
    done = command("resume", path, "--config", tenant(users=2, seed=2, scenarios="plain").config)
    assert done.code == 2
    assert "tenant" in done.err


@pytest.mark.parametrize(
    ("words", "how"),
    [
        (("report",), "flipped"),
        (("resume",), "gone"),
        pytest.param(("report",), "gone", marks=pytest.mark.soak),
        pytest.param(("resume",), "flipped", marks=pytest.mark.soak),
    ],
)
def test_a_finished_run_with_damaged_verdicts_is_judged_again_from_what_was_collected(
    served: Any, uninterrupted: Any, command: Command, words: tuple[str], how: str
) -> None:
    path = command.folder / "damaged"
    shutil.copytree(uninterrupted.run, path)
    hurt = [path / "verdicts" / f"part-0000{number}.parquet" for number in (0, 1)]
    for part in hurt:
        damage(part, how)
    asked = len(served.requests())
    done = command(*words, path)
    assert done.code == (uninterrupted.code if words == ("resume",) else 0), done.err
    for part in hurt:
        assert f"The part {part} " in done.err
    assert done.err.count("judged again from what was collected") == 2
    for name in ("observations.csv", "drift.csv", "users.csv"):
        assert (path / "report" / name).read_bytes() == (uninterrupted.run / "report" / name).read_bytes()
    assert command("verify", path).code == 0
    before, now = (json.loads((run / "manifest.json").read_text()) for run in (uninterrupted.run, path))
    assert now.pop("judged_again")
    for manifest in (before, now):
        for name in ("manifest_sha256", "reports", "parts"):
            manifest.pop(name)
    assert now == before
    assert len(served.requests()) == asked


@pytest.mark.parametrize("besides", ["users/part-00001.parquet", "observations/sharepoint/part-00001.parquet"])
def test_damaged_verdicts_are_refused_where_what_they_were_made_from_is_damaged_too_and_nothing_is_touched(
    uninterrupted: Any, command: Command, besides: str
) -> None:
    path = command.folder / "damaged"
    shutil.copytree(uninterrupted.run, path)
    part = path / "verdicts" / "part-00000.parquet"
    damage(part, "flipped")
    damage(path / besides, "flipped")
    before = {file: file.read_bytes() for file in path.rglob("*.parquet")}
    for words in (("report",), ("resume",)):
        done = command(*words, path)
        assert done.code == 2
        assert f"{part} was changed or damaged" in done.err
    assert {file: file.read_bytes() for file in path.rglob("*.parquet")} == before


def damage(part: Path, how: str) -> None:
    if how == "gone":
        part.unlink()
        return
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(bytes(data))


def test_two_processes_never_write_to_one_run(served: Any, command: Command) -> None:
    path = command.folder / "held"
    process = start_and_kill(served, path, 3, signal.SIGSTOP)
    try:
        done = command("resume", path)
        assert done.code == 2
        assert "Another process" in done.err
    finally:
        process.kill()
        process.communicate()
    # The lock of a dead process holds nobody up.
    assert command("resume", path).code == 1
