"""Simulated tenants for the benchmarks, each in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = (sys.executable, "-m", "auditor")


@contextmanager
def simulated(folder: Path, *words: str) -> Iterator[Path]:
    """A tenant by further options of `simulate`, until the block is left; its settings file."""
    command = [*PROGRAM, "simulate", "--out", str(folder), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise SystemExit(process.stderr.read() if process.stderr else "the simulated tenant did not start")
        yield folder / "photo-auditor.toml"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
