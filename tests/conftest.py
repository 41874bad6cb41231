"""Fixtures that start a simulated tenant as its users do: as a process of its own."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import forked

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

READY_WITHIN = 120
STOPS_WITHIN = 20
CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass
class RunningTenant:
    """A simulated tenant that answers."""

    info: dict[str, str]
    """The content of tenant.json."""
    dir: Path
    process: forked.Started | subprocess.Popen[str]
    stderr: Path

    @property
    def config(self) -> Path:
        """The settings file that the tenant wrote."""
        return Path(self.info["config_file"])

    def truth(self) -> list[dict[str, str]]:
        """The rows of truth.csv."""
        with Path(self.info["truth_file"]).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def users(self) -> list[dict[str, Any]]:
        """The rows of users.jsonl."""
        lines = Path(self.info["users_file"]).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def requests(self) -> list[dict[str, Any]]:
        """What was asked of the tenant so far; needs `request_log=True`."""
        path = self.dir / "requests.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def stop(self) -> int:
        """End the tenant as Ctrl-C would, and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
            try:
                self.process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode


@dataclass
class Tenants:
    """Starts simulated tenants; equal ones are started once."""

    folder: Path
    _running: dict[str, RunningTenant] = field(default_factory=dict)

    def __call__(self, users: int = 60, seed: int = 1, *, fresh: bool = False, **options: Any) -> RunningTenant:
        """A tenant by the options of `simulate`, for example `scenarios="plain"` or `request_log=True`.

        A list repeats its option. `fresh=True` starts one that nobody else uses; it too is stopped at the end.
        """
        arguments = ["--users", str(users), "--seed", str(seed), *_arguments(options)]
        key = json.dumps(arguments) + (f"#{len(self._running)}" if fresh else "")
        if key not in self._running:
            out = Path(tempfile.mkdtemp(prefix="tenant-", dir=self.folder))
            self._running[key] = start_tenant(arguments, out)
        return self._running[key]

    def stop(self) -> None:
        """Stop them all."""
        for running in self._running.values():
            running.stop()


def start_tenant(arguments: list[str], out: Path) -> RunningTenant:
    """Start `simulate` and wait for its one line."""
    stderr = out.parent / f"{out.name}.stderr"
    process = forked.start("auditor.cli.simulate", [*arguments, "--out", str(out)], CHECKOUT, stderr)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(process.stdout.readline()), daemon=True)  # type: ignore[union-attr]
    reader.start()
    reader.join(READY_WITHIN)
    if not lines or not lines[0]:
        process.kill()
        pytest.fail(f"the simulated tenant did not start: {stderr.read_text()}")
    return RunningTenant(json.loads(lines[0]), out, process, stderr)


def _arguments(options: dict[str, Any]) -> list[str]:
    arguments: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            arguments.append(flag)
        elif value is False:
            arguments.append("--no-" + name.replace("_", "-"))
        elif value is not None:
            for item in value if isinstance(value, list) else [value]:
                arguments += [flag, str(item)]
    return arguments


@pytest.fixture(scope="session")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningTenant]]:
    """A factory of running tenants: `tenant(users=60, seed=1, scenarios="plain")`."""
    tenants = Tenants(tmp_path_factory.mktemp("tenants"))
    yield tenants
    tenants.stop()


@pytest.fixture(scope="session")
def contracts() -> Path:
    """The folder of published contracts; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PHOTO_AUDITOR_CONTRACTS", CHECKOUT.parent / "shared" / "contracts"))
    if not folder.is_dir():
        pytest.skip(f"the published contracts are not present in {folder}")
    return folder


_LONG = {"journeys", "photos", "simulator", "soak", "test_shortcut.py"}
"""Folders and files of which one takes a minute or more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files begin first: one that begins last is waited for by everybody else.

    The order is kept by `--no-loadscope-reorder`; by itself xdist begins with the files of the most tests.
    """
    items.sort(key=lambda item: _LONG.isdisjoint({item.path.parent.name, item.path.name}))


# -- a skipped test is a failed suite, but for what the project may not commit ----------------------------------

ALLOWED_SKIPS = ("portraits", "contracts", "on this platform")
_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(word in reason for word in ALLOWED_SKIPS):
            _skipped.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _skipped:
        terminalreporter.write_line(f"skipped, and may not be: {line}", red=True)
