"""A finished run as the report reads it: nothing here asks a service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class RunView:
    """Everything a report is drawn from.

    `manifest` is the parsed manifest.json (see `auditor.runs.manifest`), `users` has `USER_COLUMNS`,
    `verdicts` has `VERDICT_COLUMNS` (one row a user and workload, in the order of the directory), and
    `photos` is the folder of kept pictures, each once under `ab/abcdef….EXT`.
    """

    manifest: dict[str, Any]
    users: pd.DataFrame
    verdicts: pd.DataFrame
    photos: Path

    def photo(self, sha256: str) -> Path | None:
        """The kept picture with this digest, or None where it was not kept."""
        if not sha256:
            return None
        return next(iter(sorted((self.photos / sha256[:2]).glob(f"{sha256}.*"))), None)
