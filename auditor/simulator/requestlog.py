"""What was asked of the simulated tenant, one JSON object a line. Tokens are never written."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import IO

# What stands in a query and lets its holder do something.
_SECRET = re.compile(r"(?i)\b(_oat_|P4|code|access_token|device_code|user_code|client_secret)=[^&]*")


class RequestLog:
    """Records requests once it is opened; does nothing before."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def open(self, path: Path) -> None:
        """Begin to record into this file."""
        self._file = path.open("w", encoding="utf-8")

    def close(self) -> None:
        """Stop recording."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def record(
        self,
        origin: str,
        method: str,
        path: str,
        query: str,
        status: int,
        *,
        authorized: bool,
        in_batch: bool = False,
        fault: str = "",
        about: str = "",
    ) -> None:
        """Write one request; `in_batch` marks an item of a JSON batch, which has a row beside the batch's own.

        `about` is whom the body asks about, where the address does not tell.

        `fault` is the fault that was played, as kind/form; the status is then 0 where no answer was begun.
        """
        if self._file is None:
            return
        row = {
            "at": round(time.time(), 3),
            "origin": origin,
            "method": method,
            "path": path,
            "query": _SECRET.sub(r"\1=…", query),
            "status": status,
            "authorization": authorized,
            "in_batch": in_batch,
            "fault": fault,
            "about": about,
        }
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        # Readers look while the tenant runs.
        self._file.flush()
