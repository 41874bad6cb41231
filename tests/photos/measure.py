"""Fingerprints each file that is named, and prints what came of it and what that took, as a line of JSON each."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from auditor.photos import UnreadablePicture, fingerprint

STATUS = Path("/proc/self/status")
SECONDS_OF_ALL = 200


def held(what: str) -> int | None:
    """Bytes of memory by a field of Linux's process status; None elsewhere."""
    if not STATUS.exists():
        return None
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) * 1024


def look(file: Path) -> dict[str, object]:
    data = file.read_bytes()
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")  # forget the highest memory so far (Linux, proc(5))
    before, started, why = held("VmRSS"), time.process_time(), ""
    try:
        fingerprint(data)
        outcome = "fingerprint"
    except UnreadablePicture as error:
        outcome, why = type(error).__name__, str(error)
    highest = held("VmHWM")
    memory = None if highest is None or before is None else highest - before
    return {"outcome": outcome, "seconds": time.process_time() - started, "memory": memory, "why": why}


if __name__ == "__main__":
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_OF_ALL, SECONDS_OF_ALL))
    for name in sys.argv[1:]:
        print(json.dumps(look(Path(name))), flush=True)  # noqa: T201
