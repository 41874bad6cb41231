"""manifest.json: what a run says of itself, sealed so that a changed byte in it is noticed.

The seal is the SHA-256 of the file's own bytes with the seal's 64 digits written as zeros. It stands inside, because
one file is replaced at one moment: a run that is killed never has a manifest and a seal that belong to two moments.
It shows damage; whoever may write to the folder can make a new one.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from auditor.runs.files import flush_folder, write_bytes
from auditor.services.text import writable

MANIFEST = "manifest.json"
SEAL = "manifest_sha256"
_NO_SEAL = "0" * 64


class RunError(Exception):
    """A run folder cannot be used as asked; the message names it and what to do."""


def write_manifest(run: Path, manifest: dict[str, Any]) -> None:
    """Seal the manifest and write it whole or not at all."""
    open_text = json.dumps(manifest | {SEAL: _NO_SEAL}, ensure_ascii=False, indent=1, sort_keys=True)
    unsealed = writable(open_text).encode()
    seal = hashlib.sha256(unsealed).hexdigest()
    manifest[SEAL] = seal
    write_bytes(run / MANIFEST, unsealed.replace(_line(_NO_SEAL), _line(seal)))
    flush_folder(run)


def read_manifest(run: Path) -> dict[str, Any]:
    """The manifest of a run. Raises `RunError` where there is none, or where it does not fit its seal."""
    try:
        data = (run / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(f"There is no run in {run}: it holds no {MANIFEST}.") from None
    except OSError as error:
        raise RunError(f"The manifest of the run {run} cannot be read: {error.strerror}.") from None
    try:
        manifest = json.loads(data)
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not _fits(data, manifest.get(SEAL)):
        raise RunError(
            f"The manifest of the run {run} was changed or damaged: it does not fit its own digest. Nothing was"
            " touched. Put back a copy of it, or audit anew into another folder; the parts can still be read."
        )
    return manifest


def _fits(data: bytes, seal: object) -> bool:
    if not isinstance(seal, str) or data.count(_line(seal)) != 1:
        return False
    return hashlib.sha256(data.replace(_line(seal), _line(_NO_SEAL))).hexdigest() == seal


def _line(seal: str) -> bytes:
    return f'"{SEAL}": "{seal}"'.encode("utf-8", "replace")
