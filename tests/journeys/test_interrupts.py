"""Wherever an interrupt comes, a run ends with a sentence and 130, and nothing is printed that is no sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.journeys.conftest import Command, Outcome
from tests.journeys.test_resume import same

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process on this platform")

AT_IMPORT = """
import sys, signal
name = sys.argv.pop(1)
def called(frame, event, _):
    if event == "call" and frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == name:
        sys.setprofile(None)
        signal.raise_signal(signal.SIGINT)
sys.setprofile(called)
from auditor.__main__ import main
main()
"""
AT_CALL = """
import importlib, signal, sys, threading
from auditor import interrupts
interrupts.install()
place, before, times = sys.argv.pop(1), int(sys.argv.pop(1)), int(sys.argv.pop(1))
module, _, path = place.partition(":")
owner = importlib.import_module(module)
*inside, last = path.split(".")
for part in inside:
    owner = getattr(owner, part)
original = getattr(owner, last)
def interrupted(*arguments, **named):
    global before
    # Signals are heard by the main thread, and its calls are those that are counted: threads have loops of their own.
    before -= threading.current_thread() is threading.main_thread()
    if before == -1:
        before = -2
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
    return original(*arguments, **named)
setattr(owner, last, interrupted)
from auditor.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=10, seed=7)


@pytest.fixture(scope="module")
def uninterrupted(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return Command(tmp_path_factory.mktemp("whole"))("audit", "--config", served.config, "--shard-users", "5")


def audit(served: Any, command: Command, script: str, *given: object, anew: bool = False) -> Outcome:
    """An audit in which a script of ours chooses the moment of the interrupt; `anew`: in a new interpreter."""
    path = command.folder / "run"
    words = ["audit", "--config", str(served.config), "--run", str(path), "--shard-users", "5", "--quiet"]
    asked = [script, *map(str, given), *words]
    if anew:
        done = subprocess.run([sys.executable, "-c", *asked], capture_output=True, check=False)
    else:
        done = forked.run("-c", asked, os.environ, command.folder)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert not [word for word in ("Traceback", "Warning", "ignored", "never") if word in err], err
    return Outcome(done.returncode, out, err, path)


@pytest.mark.parametrize("module", ["auditor.cli", pytest.param("auditor.cli.audit", marks=pytest.mark.soak), "pandas"])
def test_an_interrupt_while_the_program_is_loaded(served: Any, command: Command, module: str) -> None:
    done = audit(served, command, AT_IMPORT, module, anew=True)
    assert done.code == 130
    assert done.err == "photo-auditor: Interrupted.\n"
    assert not done.run.exists()


@pytest.mark.parametrize(
    ("place", "before"),
    [
        ("auditor.cli.audit:load", 0),
        ("auditor.audit:create", 0),
        ("asyncio.runners:Runner._lazy_init", 0),
        ("auditor.audit:list_users", 0),
    ],
)
def test_an_interrupt_before_anybody_is_listed_leaves_nothing(
    served: Any, command: Command, place: str, before: int
) -> None:
    done = audit(served, command, AT_CALL, place, before, 1)
    assert done.code == 130
    assert done.err == "photo-auditor: Interrupted.\n"
    assert not done.run.exists()


@pytest.mark.parametrize(
    ("place", "before", "times"),
    [
        pytest.param("auditor.audit:list_users", 0, 2, marks=pytest.mark.soak),
        pytest.param("auditor.runs.folder:RunFolder.freeze_users", 0, 1, marks=pytest.mark.soak),
        ("os:fsync", 20, 1),
        pytest.param("auditor.collection:_remember", 2, 1, marks=pytest.mark.soak),
        pytest.param("auditor.audit:recount", 0, 1, marks=pytest.mark.soak),
        ("auditor.audit:judge_run", 0, 1),
        pytest.param("auditor.audit:judge_run", 0, 2, marks=pytest.mark.soak),
        pytest.param("auditor.judgement:judge", 1, 1, marks=pytest.mark.soak),
        pytest.param("asyncio.runners:_cancel_all_tasks", 0, 1, marks=pytest.mark.soak),
        pytest.param("asyncio.base_events:BaseEventLoop.shutdown_default_executor", 0, 1, marks=pytest.mark.soak),
        ("asyncio.base_events:BaseEventLoop.close", 0, 2),
        pytest.param("auditor.report:write_users", 0, 1, marks=pytest.mark.soak),
        ("auditor.report.page:replacing", 0, 2),
        pytest.param("auditor.cli.progress:Bars.__exit__", 0, 1, marks=pytest.mark.soak),
        pytest.param("auditor.cli.audit:exit_code", 0, 1, marks=pytest.mark.soak),
    ],
)
def test_an_interrupt_at_any_later_moment_says_how_to_go_on(
    served: Any, command: Command, uninterrupted: Outcome, place: str, before: int, times: int
) -> None:
    done = audit(served, command, AT_CALL, place, before, times)
    assert done.code == 130
    assert done.err.count("Interrupted.") == 1
    assert done.err.endswith(f"photo-auditor resume {done.run}\n")
    after = command("resume", done.run)
    assert after.code == uninterrupted.code, after.err
    assert same(Outcome(after.code, after.out, after.err, done.run).rows) == same(uninterrupted.rows)


def test_an_interrupt_when_all_is_said_changes_nothing(served: Any, command: Command, uninterrupted: Outcome) -> None:
    done = audit(served, command, AT_CALL, "threading:_shutdown", 0, 2, anew=True)
    assert (done.code, done.err) == (uninterrupted.code, "")


def script(text: str) -> tuple[int, str, float]:
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr, time.monotonic() - begun


BEGIN = """
import asyncio, os, signal, threading, time
from auditor import interrupts
interrupts.install()
def later(seconds):
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
"""


def test_a_thread_that_hangs_does_not_hold_the_end_up() -> None:
    text = (
        BEGIN
        + """
later(0.1)
with interrupts.interruptible(lambda: "words"):
    interrupts.run(lambda: asyncio.to_thread(time.sleep, 50))
"""
    )
    code, err, seconds = script(text)
    assert (code, err) == (130, "photo-auditor: words\n")
    assert seconds < 20


def test_a_second_interrupt_ends_at_once() -> None:
    text = (
        BEGIN
        + """
interrupts.GRACE = 50
later(0.1), later(0.3)
with interrupts.interruptible(lambda: "words"):
    interrupts.run(lambda: asyncio.to_thread(time.sleep, 50))
"""
    )
    code, err, seconds = script(text)
    assert (code, err) == (130, "photo-auditor: words\n")
    assert seconds < 20


def test_an_interrupt_that_a_finaliser_would_swallow_is_heard() -> None:
    text = (
        BEGIN
        + """
class Held:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
with interrupts.interruptible(lambda: "words"):
    Held()
    time.sleep(50)
"""
    )
    code, err, seconds = script(text)
    assert (code, err) == (130, "photo-auditor: words\n")
    assert seconds < 20


def test_a_job_that_a_shell_put_in_the_background_ignores_ctrl_c(tmp_path: Path) -> None:
    text = BEGIN + "os.kill(os.getpid(), signal.SIGINT)\nprint('still here', flush=True)\n"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "still here\n")


def test_an_interrupt_while_the_interpreter_takes_itself_down_does_not_kill_it() -> None:
    text = (
        BEGIN
        + """
class Last:
    def __del__(self, kill=os.kill, process=os.getpid(), number=signal.SIGINT):
        kill(process, number)
last = Last()
"""
    )
    assert script(text)[:2] == (0, "")
