"""The program in a process of its own that need not read its modules first.

Reading them is most of what a short command costs, and the tests run more than a thousand commands. So a server that
has read them is forked for each. What runs is the same `main`, with its own arguments, environment, folder and streams.

A new interpreter is started all the same where there is no forking, where coverage is measured (it begins with the
interpreter), and where the environment steers the interpreter itself.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

Program = str
"""`auditor`, or `auditor.cli.simulate`: what `python -m` would run; `-c`: the script that is the first word."""
_STEERS = ("PYTHON", "LC_", "LANG")


def run(
    program: Program, words: Sequence[str], env: Mapping[str, str], cwd: Path
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end: exit code (negative for a signal), standard output, standard error."""
    if not _forks(env):
        return subprocess.run(_anew(program, words), env=dict(env), cwd=cwd, capture_output=True, check=False)
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        started = _process(program, words, env, cwd, out, err)
        started.join()
        return subprocess.CompletedProcess(words, started.exitcode, out.read_bytes(), err.read_bytes())


class Started:
    """A program that goes on: as much of `subprocess.Popen` as the tests use."""

    def __init__(self, process: Any, out: Path, err: Path) -> None:
        self._process, self._out, self._err = process, out, err
        self._stdout: IO[str] | None = None

    @property
    def stdout(self) -> IO[str]:
        """Its standard output; waits until it has begun."""
        if self._stdout is None:
            self._stdout = self._out.open(encoding="utf-8")
        return self._stdout

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        code: int | None = self._process.exitcode
        return code

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("the program", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Its standard output and error, once it has ended."""
        self.wait(timeout)
        return self._out.read_text(encoding="utf-8"), self._err.read_text(encoding="utf-8")


def start(program: Program, words: Sequence[str], cwd: Path, err: Path) -> Started | subprocess.Popen[str]:
    """Start what goes on until it is signalled, in our own environment."""
    if not _forks(os.environ):
        with err.open("w") as errors:
            return subprocess.Popen(
                _anew(program, words), stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8", cwd=cwd
            )
    fifo = err.with_suffix(".stdout")
    os.mkfifo(fifo)
    return Started(_process(program, words, dict(os.environ), cwd, fifo, err), fifo, err)


Going = Started | subprocess.Popen[str]


def begin(program: Program, words: Sequence[str], env: Mapping[str, str] | None = None) -> Going:
    """Start what ends by itself or is killed, in this folder; what it prints is there when it has ended."""
    given = dict(os.environ if env is None else env)
    if not _forks(given):
        return subprocess.Popen(
            _anew(program, words), env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            encoding="utf-8",
        )  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="begun-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    out, err = folder / "out", folder / "err"
    return Started(_process(program, words, given, Path.cwd(), out, err), out, err)


def on_a_terminal(program: Program, words: Sequence[str], env: Mapping[str, str], terminal: Path) -> tuple[int, str]:
    """Run to the end with that terminal as standard error: exit code, standard output."""
    if not _forks(env):
        with terminal.open("w") as shown:
            done = subprocess.run(
                _anew(program, words), env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=shown,
                text=True, encoding="utf-8", check=False, timeout=120,
            )  # fmt: skip
        return done.returncode, done.stdout
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        started = Started(_process(program, words, env, Path.cwd(), out, terminal), out, out)
        return started.wait(120), out.read_text(encoding="utf-8")


def _anew(program: Program, words: Sequence[str]) -> list[str]:
    return [sys.executable, *((program,) if program == "-c" else ("-m", program)), *words]


def _forks(env: Mapping[str, str]) -> bool:
    if os.name == "nt" or any(name.startswith("COVERAGE_") for name in os.environ):
        return False
    return not any(name.startswith(_STEERS) and os.environ.get(name) != value for name, value in env.items())


@cache
def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.read_before"])
    return context


def _process(program: Program, words: Sequence[str], env: Mapping[str, str], cwd: Path, out: Path, err: Path) -> Any:
    made = _context().Process(
        target=_become, args=(program, list(words), dict(env), str(cwd), str(out), str(err)), daemon=True
    )
    made.start()
    return made


def _become(program: Program, words: list[str], env: dict[str, str], cwd: str, out: str, err: str) -> None:
    """What the forked process does: put on everything that a new one would have been given, and run the program."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for number, name in enumerate((os.devnull, out, err)):
        opened = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = [program, *words]
    try:
        if program == "-c":
            sys.argv = [program, *words[1:]]
            exec(words[0], {"__name__": "__main__"})
        elif program == "auditor":
            runpy.run_module(program, run_name="__main__")
        else:
            from auditor.cli.simulate import command

            command()
    finally:
        # A forked process ends without what a new interpreter does at its end.
        atexit._run_exitfuncs()
