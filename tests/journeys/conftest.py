"""Runs the installed command as its users do, and reads back what it left."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import forked


@dataclass(frozen=True)
class Outcome:
    """One finished command."""

    code: int
    out: str
    err: str
    run: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """The run's manifest."""
        return dict(json.loads((self.run / "manifest.json").read_text(encoding="utf-8")))

    @property
    def rows(self) -> dict[tuple[str, str], dict[str, str]]:
        """The report's observations.csv by user id and workload."""
        with (self.run / "report" / "observations.csv").open(encoding="utf-8-sig", newline="") as file:
            return {(row["user_id"], row["workload"]): row for row in csv.DictReader(file)}

    def verdicts(self, *, without: str = "") -> dict[tuple[str, str], str]:
        """Every verdict, but for one workload's."""
        return {key: row["verdict"] for key, row in self.rows.items() if key[1] != without}


class Command:
    """`photo-auditor`, in an empty home and with only the environment that is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def __call__(self, *arguments: object, env: Mapping[str, str] | None = None, run: Path | None = None) -> Outcome:
        self._count += 1
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        path = run or self.folder / f"run-{self._count}"
        words = [str(argument) for argument in arguments]
        if words[0] == "audit":
            words += ["--run", str(path)]
        names = ("PATH", "PYTHONPATH", "SYSTEMROOT", "TEMP", "TMP", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        given = {**kept, "HOME": str(home), "USERPROFILE": str(home), "NO_COLOR": "1", **(env or {})}
        done = forked.run("auditor", words, given, self.folder)
        out, err = (text.decode().replace(os.linesep, "\n") for text in (done.stdout, done.stderr))
        assert "Traceback" not in err, err
        return Outcome(done.returncode, out, err, path)


def on_a_terminal(words: list[str], env: dict[str, str], folder: Path) -> tuple[int, str, str]:
    """Run the command with a terminal as its standard error: exit code, standard output, what the terminal showed."""
    import pty

    ours, theirs = pty.openpty()
    shown = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):
            while more := os.read(ours, 4096):
                shown.extend(more)

    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    given = {**kept, "HOME": str(folder), "NO_COLOR": "1", **env}
    code, out = forked.on_a_terminal("auditor", words, given, Path(os.ttyname(theirs)))
    os.close(theirs)
    reader.join(5)
    os.close(ours)
    return code, out, shown.decode("utf-8", "replace")


def start_audit(served: Any, path: Path, *words: str) -> forked.Going:
    """An audit in a process of its own, to be stopped while it is at it."""
    return forked.begin("auditor", ["audit", "--config", str(served.config), "--run", str(path), *words])


def parts_of(path: Path) -> list[str]:
    """The parts that a run's manifest names; none before there is one."""
    file = path / "manifest.json"
    return sorted(json.loads(file.read_text(encoding="utf-8"))["parts"]) if file.exists() else []


def wait_until(process: forked.Going, reached: Callable[[], bool]) -> None:
    """Until that holds or the process has ended. Asks now and then only: the processor is for what is waited for."""
    while process.poll() is None and not reached():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.005)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)
