"""`runs share`: readable to one group, explicitly, recorded, kept up by later writes, and taken back."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.runs.folder import open_run
from tests.runs.conftest import make_run, user

grp = pytest.importorskip("grp", reason="there are no groups on this platform")
GROUP = next(
    (one.gr_name for one in grp.getgrall() if one.gr_gid != os.getgid() and one.gr_gid in os.getgroups()),
    grp.getgrgid(os.getgid()).gr_name,
)
"""A group that this account may give files to."""
GID = grp.getgrnam(GROUP).gr_gid
Program = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, program: Program) -> Path:
    made = make_run(tmp_path / "reports" / "run", [user(number) for number in range(3)])
    made.close()
    assert program("report", made.path).code == 0
    return made.path


def modes(run: Path) -> dict[bool, set[tuple[int, int]]]:
    """(mode, group) of all folders and of all files."""
    found: dict[bool, set[tuple[int, int]]] = {True: set(), False: set()}
    for path in (run, *run.rglob("*")):
        told = path.stat()
        found[path.is_dir()].add((stat.S_IMODE(told.st_mode), told.st_gid))
    return found


SHARED = {True: {(0o750, GID)}, False: {(0o640, GID)}}


def test_a_shared_run_is_readable_to_the_group_and_to_nobody_else_and_that_is_recorded(
    run: Path, program: Program
) -> None:
    assert {mode for mode, _ in modes(run)[False]} == {0o600}
    done = program("runs", "share", run, "--group", GROUP)
    assert done.code == 0
    assert f"readable to the group {GROUP}" in done.out
    assert modes(run) == SHARED
    (entry,) = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["shares"]
    assert (entry["group"], entry["gid"]) == (GROUP, GID)
    assert entry["when"]
    assert entry["asked_by"]


def test_a_shared_run_is_intact_and_says_with_whom_it_is_shared(run: Path, program: Program) -> None:
    program("runs", "share", run, "--group", GROUP)
    done = program("verify", run)
    assert done.code == 0
    assert f"shared with the group {GROUP}" in done.out


def test_what_is_written_later_is_readable_to_the_group_too(run: Path, program: Program) -> None:
    program("runs", "share", run, "--group", GROUP)
    assert program("report", run).code == 0
    assert modes(run) == SHARED
    assert program("erase", "--user", "user1@contoso.com", run, "--yes").code == 0
    assert modes(run) == SHARED
    assert program("verify", run).code == 0


def test_a_folder_above_that_is_closed_to_the_group_is_named_with_what_opens_it(run: Path, program: Program) -> None:
    done = program("runs", "share", run, "--group", GROUP, "--output", "json")
    assert f"chgrp {GROUP} {run.parent} && chmod g+x {run.parent}" in done.err
    assert str(run.parent) in json.loads(done.out)["closed"]
    os.chown(run.parent, -1, GID)
    run.parent.chmod(0o710)
    done = program("runs", "share", run, "--group", GROUP)
    assert f"chmod g+x {run.parent}\n" not in done.err


def test_sharing_is_taken_back_and_stays_so(run: Path, program: Program) -> None:
    program("runs", "share", run, "--group", GROUP)
    assert program("runs", "share", run, "--nobody").code == 0
    assert {mode for mode, _ in modes(run)[False]} == {0o600}
    assert {mode for mode, _ in modes(run)[True]} == {0o700}
    assert program("report", run).code == 0
    assert {mode for mode, _ in modes(run)[False]} == {0o600}
    assert [entry["group"] for entry in open_run(run, exclusive=False).manifest["shares"]] == [GROUP, ""]
    assert "shared" not in program("verify", run).out


@pytest.mark.parametrize("group", ["no-such-group-here", "", "a\x1b[2Jb", "0"])
def test_a_group_that_does_not_exist_is_named_and_nothing_changes(run: Path, program: Program, group: str) -> None:
    before = (run / "manifest.json").read_bytes()
    done = program("runs", "share", run, "--group", group)
    assert done.code == 2
    assert "knows no group" in done.err
    assert "\x1b" not in done.err
    assert (run / "manifest.json").read_bytes() == before
    assert {mode for mode, _ in modes(run)[False]} == {0o600}


def test_a_run_that_is_not_finished_is_not_shared(tmp_path: Path, program: Program) -> None:
    made = make_run(tmp_path / "unfinished", [user(1)], finished=None)
    made.close()
    done = program("runs", "share", made.path, "--group", GROUP)
    assert done.code == 2
    assert "resume" in done.err
    assert "shares" not in open_run(made.path, exclusive=False).manifest


def test_where_there_are_no_such_groups_that_is_said(run: Path) -> None:
    # As on Windows: Python has no module `grp` there.
    script = "import sys; sys.modules['grp'] = None; from auditor.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "runs", "share", str(run), "--group", GROUP],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "On Windows" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [[], ["--group", GROUP, "--nobody"]])
def test_who_may_read_must_be_said_clearly(run: Path, program: Program, words: list[str]) -> None:
    done = program("runs", "share", run, *words)
    assert done.code == 2
    assert "--nobody" in done.err
