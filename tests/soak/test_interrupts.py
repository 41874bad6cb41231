"""Interrupted at any moment, an audit ends with a sentence, and is finished by `resume`."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.soak.kills import Unbroken, differences, unbroken

MANY = int(os.environ.get("PHOTO_AUDITOR_SOAK_INTERRUPTS", "60"))
pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc is not on this platform"),
]


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=64, seed=11, request_log=True)


@pytest.fixture(scope="module")
def whole(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    return unbroken(served, tmp_path_factory.mktemp("whole") / "run")


def hears(process: subprocess.Popen[str]) -> bool:
    """Whether the program listens to SIGTERM yet; before, it is the interpreter that starts."""
    caught = re.search(r"SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{process.pid}/status").read_text())
    return bool(caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_an_audit_is_interrupted_at_any_moment(served: Any, whole: Unbroken, tmp_path: Path) -> None:
    rng = random.Random(3)
    length = sum(whole.lengths.values())
    codes = []
    for number in range(MANY):
        path = tmp_path / str(number)
        process = subprocess.Popen(
            [sys.executable, "-m", "auditor", "audit", "--config", str(served.config), "--run", str(path),
             "--shard-users", "3", "--quiet"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while not hears(process):
            time.sleep(0.001)
        time.sleep(rng.random() * length)
        process.send_signal(rng.choice([signal.SIGINT, signal.SIGTERM]))
        if number % 3 == 0:
            time.sleep(rng.random() * 0.2)
            process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        codes.append(process.returncode)
        assert process.returncode in {130, whole.code}, err
        assert not [word for word in ("Traceback", "Warning", "ignored", "never") if word in err], err
        assert err.count("Interrupted.") == (process.returncode == 130), err
        if (path / "manifest.json").exists() and number % 4 == 0:
            command = [sys.executable, "-m", "auditor", "resume", str(path), "--quiet"]
            assert subprocess.run(command, check=False, capture_output=True).returncode == whole.code
            assert differences(whole.path, path) == []
    assert codes.count(130) > MANY // 2
