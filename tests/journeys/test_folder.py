"""A full disk, a folder that cannot be written, damage and a second process: a clear message, and nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.journeys.conftest import Command, parts_of, start_audit, wait_until
from tests.soak.kills import SHARD_USERS, Unbroken, differences, kill_and_resume, unbroken

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no such limits and mounts on this platform")


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=12, seed=11, request_log=True)


@pytest.fixture(scope="module")
def whole(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    return unbroken(served, tmp_path_factory.mktemp("whole") / "run")


CONFINED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from auditor.__main__ import main
main()
"""


def audit(served: Any, path: Path, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """An audit whose files may have at most so many bytes."""
    words = ["audit", "--config", str(served.config), "--run", str(path), "--shard-users", str(SHARD_USERS), "--quiet"]
    begun = (
        forked.begin("auditor", words) if limit is None else forked.begin("-c", [CONFINED, str(limit), *words])
    )  # fmt: skip
    out, err = begun.communicate()
    assert begun.returncode is not None
    return subprocess.CompletedProcess(words, begun.returncode, out, err)


@pytest.fixture(scope="module")
def killed(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed once half of its parts were there."""
    path = tmp_path_factory.mktemp("killed") / "run"
    process = start_audit(served, path, "--shard-users", str(SHARD_USERS), "--quiet")
    wait_until(process, lambda: len(parts_of(path)) >= 10)
    process.kill()
    process.communicate()
    assert process.returncode < 0, "it was over before it could be killed"
    return path


@pytest.fixture
def interrupted(killed: Path, command: Command) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(killed, command.folder / "run"))


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of that size, where this account may mount one."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("no disk can be mounted by this account on this platform")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


@pytest.mark.parametrize("share", [0.6, *(pytest.param(share, marks=pytest.mark.soak) for share in (0.02, 0.2, 0.93))])
def test_a_full_disk_ends_the_run_with_a_word_and_resume_finishes_it_when_there_is_room(
    served: Any, whole: Unbroken, command: Command, share: float
) -> None:
    used = sum(-(-file.stat().st_size // 4096) * 4096 for file in whole.path.rglob("*") if file.is_file())
    with small_disk(command.folder / "disk", f"{int(used * share) // 1024}k") as disk:
        run = disk / "run"
        done = audit(served, run)
        assert done.returncode == 3, done.stderr
        assert "disk is full" in done.stderr
        assert "Traceback" not in done.stderr
        remount(disk, "size=200m")
        if (run / "manifest.json").exists():
            assert f"resume {run}" in done.stderr
            again = command("resume", run)
            assert again.code == whole.code, again.err
        else:  # not even the list of users had room: the same command line begins again
            assert audit(served, run).returncode == whole.code
        assert differences(whole.path, run) == []


@pytest.mark.parametrize("limit", [20_000, *(pytest.param(limit, marks=pytest.mark.soak) for limit in (3_000, 60_000))])
def test_a_limit_on_the_size_of_files_is_a_full_disk(
    served: Any, whole: Unbroken, command: Command, limit: int
) -> None:
    run = command.folder / "run"
    done = audit(served, run, limit)
    assert done.returncode == 3, done.stderr
    assert "disk is full" in done.stderr
    left = command("resume", run) if (run / "manifest.json").exists() else audit(served, run)
    assert (left.code if hasattr(left, "code") else left.returncode) == whole.code
    assert differences(whole.path, run) == []


def test_a_folder_that_cannot_be_written_is_named_and_its_report_can_go_elsewhere(
    whole: Unbroken, command: Command
) -> None:
    with small_disk(command.folder / "disk", "100m") as disk:
        run = disk / "run"
        shutil.copytree(whole.path, run)
        remount(disk, "ro")
        for words in (("resume", run), ("report", run), ("erase", "--user", "x@contoso.com", "--yes", run)):
            done = command(*words)
            assert done.code == 2
            assert f"{run} cannot be written" in done.err
        drawn = command("report", run, "--out", command.folder / "elsewhere")
        assert drawn.code == 0
        assert (command.folder / "elsewhere" / "report.html").exists()
        assert "does not note this report" in drawn.err
        assert command("verify", run).code == 0
        remount(disk, "rw")


@pytest.mark.parametrize("how", ["flipped", *(pytest.param(how, marks=pytest.mark.soak) for how in ("cut", "gone"))])
def test_a_damaged_part_of_an_interrupted_run_is_told_and_asked_again(
    whole: Unbroken, interrupted: Path, command: Command, how: str
) -> None:
    run = interrupted
    rng = random.Random(4)
    hurt = rng.sample([part for part in parts_of(run) if part.startswith("observations/")], 3)
    for part in hurt:
        data = bytearray((run / part).read_bytes())
        data[rng.randrange(len(data))] ^= 64
        if how == "gone":
            (run / part).unlink()
        else:
            (run / part).write_bytes(bytes(data) if how == "flipped" else bytes(data[: len(data) // 2]))
    done = command("resume", run)
    assert done.code == whole.code, done.err
    for part in hurt:
        assert str(run / part) in done.err
    assert "asked again" in done.err
    assert differences(whole.path, run) == []


def test_a_damaged_checkpoint_is_read_again(whole: Unbroken, interrupted: Path, command: Command) -> None:
    run = interrupted
    file = run / "work" / "yammer" / "page-000001.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(run / "users" / "part-00000.parquet", file)
    data = bytearray(file.read_bytes())
    data[40] ^= 1
    file.write_bytes(bytes(data))
    done = command("resume", run)
    assert done.code == whole.code, done.err
    assert differences(whole.path, run) == []


def test_a_damaged_list_of_users_is_refused_and_nothing_is_touched(interrupted: Path, command: Command) -> None:
    run = interrupted
    part = run / "users" / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:-3])
    before = {file: file.read_bytes() for file in run.rglob("*.parquet")}
    done = command("resume", run)
    assert done.code == 2
    assert str(part) in done.err
    assert {file: file.read_bytes() for file in run.rglob("*.parquet")} == before


def test_a_manifest_that_was_changed_is_refused_and_nothing_is_touched(
    served: Any, interrupted: Path, command: Command
) -> None:
    run = interrupted
    file = run / "manifest.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"rows": 3', '"rows": 4', 1), encoding="utf-8")
    before = file.read_bytes()
    for words in (("resume", run), ("report", run), ("audit", "--config", served.config)):
        done = command(*words, run=run)
        assert done.code == 2
        assert "does not fit its own digest" in done.err
    assert file.read_bytes() == before


def test_everything_in_a_run_is_for_its_owner_alone(served: Any, command: Command) -> None:
    before = os.umask(0o022)
    try:
        run = command.folder / "deep" / "er" / "run"
        assert audit(served, run).returncode == 1
        command("report", run, "--out", command.folder / "sent" / "out")
        command("report", run, "--redact")
        for top in (command.folder / "deep", command.folder / "sent"):
            for path in (top, *top.rglob("*")):
                mode = stat.S_IMODE(path.stat().st_mode)
                assert mode == (0o700 if path.is_dir() else 0o600), path
    finally:
        os.umask(before)


def test_files_of_an_interrupted_run_are_for_its_owner_alone_too(killed: Path) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in killed.rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_a_report_that_was_killed_leaves_no_half_file(served: Any, whole: Unbroken, command: Command) -> None:
    broken = kill_and_resume(served, whole, command.folder / "run", "reporting", random.Random(2))
    assert broken.good, broken
    names = {file.name for file in (command.folder / "run" / "report").iterdir()}
    assert names == {
        "report.html", "drift.csv", "observations.csv", "users.csv", "action-plan.csv", "junit.xml", "report.json",
        "summary.md",
    }  # fmt: skip
