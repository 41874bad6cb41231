"""Make a finished and an interrupted run to keep, below the folder this is started in: see README.md."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

TENANT = ("--users", "6", "--seed", "1", "--scenarios", "never_set,removed_at_reference,stale_sharepoint")
INTERRUPTED_AT = 3
"""Parts of observations."""


def main(program: str) -> None:
    simulated = subprocess.Popen([program, "simulate", *TENANT, "--out", "tenant"], stdout=subprocess.PIPE, text=True)
    try:
        assert simulated.stdout is not None
        told = json.loads(simulated.stdout.readline())
        code = _audit(program, "finished").wait()
        assert code == 1, f"the audit of a tenant with drift ended with {code}"
        while not _interrupt(program, Path("runs/interrupted")):
            shutil.rmtree("runs/interrupted")
    finally:
        simulated.send_signal(signal.SIGINT)
        simulated.wait()
    secrets = {name: str(told[name]) for name in ("client_secret", "yammer_token")}
    key = Path(told["client_certificate"]).read_text(encoding="ascii").splitlines()
    secrets |= {f"client_certificate, line {number}": line for number, line in enumerate(key) if len(line) > 40}
    for file in (one for one in Path("runs").rglob("*") if one.is_file()):
        held = file.read_bytes()
        for name, secret in secrets.items():
            assert secret.encode() not in held, f"{file} holds {name}"
    print("in no file:", ", ".join(secrets))  # noqa: T201


def _audit(program: str, name: str, *more: str) -> subprocess.Popen[bytes]:
    words = ["audit", "--config", "tenant/photo-auditor.toml", "--run", f"runs/{name}", "--quiet", *more]
    return subprocess.Popen([program, *words])


def _interrupt(program: str, run: Path) -> bool:
    """Kill an audit while it collects; False where it came too far before it was killed."""
    process = _audit(program, run.name, "--shard-users", "1")
    while process.poll() is None:
        if _observed(run) >= INTERRUPTED_AT:
            process.kill()
    return process.returncode == -signal.SIGKILL and _observed(run) < 2 * INTERRUPTED_AT


def _observed(run: Path) -> int:
    file = run / "manifest.json"
    parts = json.loads(file.read_text(encoding="utf-8"))["parts"] if file.exists() else {}
    return sum(part.startswith("observations/") for part in parts)


if __name__ == "__main__":
    main(sys.argv[1])
