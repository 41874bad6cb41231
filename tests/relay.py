"""A tenant behind a relay (`benchmarks/hostile_tenant.py`), its processes forked (`tests/forked.py`)."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import hostile_tenant as real
from tests import forked

_PREFIX = [sys.executable, "-m", "auditor"]


def _run(words: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    interpreter, how, what, *given = words
    assert interpreter == sys.executable
    program, asked = (what, given) if how == "-m" else ("-c", [what, *given])
    done = forked.run(program, asked, env, Path.cwd())
    return subprocess.CompletedProcess(words, done.returncode, done.stdout.decode(), done.stderr.decode())


def _begin(words: Sequence[str], folder: Path) -> forked.Going:
    assert words[:4] == [*_PREFIX, "simulate"]
    # Not in that folder: tests look at everything that is written there.
    aside = Path(tempfile.mkdtemp(prefix="relayed-"))
    atexit.register(shutil.rmtree, aside, ignore_errors=True)
    return forked.start("auditor.cli.simulate", words[4:], Path.cwd(), aside / "tenant.stderr")


hostile_tenant = partial(real.hostile_tenant, run=_run, begin=_begin)
