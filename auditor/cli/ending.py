"""How a command ends: every foreseeable error is a sentence and an exit code, never a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from auditor import interrupts
from auditor.audit import ResumeRefused
from auditor.directory import ScopeError
from auditor.exceptions import ExceptionsError
from auditor.model import DRIFT, Verdict
from auditor.report.text import visible
from auditor.runs.folder import FULL, RunFolder
from auditor.runs.manifest import MANIFEST, RunError
from auditor.services.errors import ServiceError
from auditor.services.http import BadProxy
from auditor.services.tls import BadBundle
from auditor.services.tokens import CredentialError
from auditor.settings import SettingsError

DEBUG = "PHOTO_AUDITOR_DEBUG"
NO_DRIFT, DRIFTED, USAGE, FAILED, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 4, interrupts.EXIT_CODE


@contextmanager
def endings(run: Path | None = None, *, again: str = "") -> Iterator[None]:
    """Turn what can be foreseen into a message on stderr and an exit code.

    `run`: the folder that stays, and tells how to go on. `again`: the sentence that tells it where there is none.
    """
    try:
        with interrupts.interruptible(lambda: visible(_interrupted(run, again))):
            yield
    except SystemExit:
        interrupts.last_words()
        raise
    except BaseException as error:
        # Whatever comes of an interrupt on its way up, in whichever library, it is one.
        if interrupts.asked() or isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
            _end(_interrupted(run, again), INTERRUPTED)
        if isinstance(error, Exception) and (known := _foreseen(error, run)):
            _end(*known)
        if not isinstance(error, Exception):
            raise
        # The text of an unforeseen error may quote anything, a secret too: only its kind and its place are shown.
        if os.environ.get(DEBUG):
            click.echo("\n".join(visible(line) for line in place_of(error).splitlines()), err=True)
        _end(f"Something unforeseen happened ({type(error).__name__}); set {DEBUG}=1 to see where.{_kept(run)}", FAILED)


def _foreseen(error: Exception, run: Path | None) -> tuple[str, int] | None:
    """The sentence and the exit code of an error that can be foreseen; None for any other."""
    match error:
        case SettingsError() | ExceptionsError() | ScopeError() | RunError() | ResumeRefused():
            return str(error), USAGE
        case CredentialError() | BadProxy():
            return str(error), USAGE
        case BadBundle():
            return f"network.ca_bundle cannot be used: {error}.", USAGE
        case ServiceError():
            remedy = f" To mend it: {error.remedy}." if error.remedy else ""
            return f"The audit cannot go on: {error.sentence}.{remedy}{_kept(run)}", FAILED
        case OSError() if error.errno in FULL:
            return f"The disk is full, or this account's share of it. Make room.{_kept(run)}", FAILED
        case OSError():
            where = f" ({error.filename})" if error.filename else ""
            told = error.strerror or type(error).__name__
            return f"A file cannot be read or written{where}: {told}.{_kept(run)}", FAILED
    return None


def _interrupted(run: Path | None, again: str) -> str:
    return f"Interrupted.{_kept(run)}{again and f' {again}'}"


def place_of(error: BaseException) -> str:
    """The traceback of an error and of those behind it, without what any of them says."""
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{place_of(behind)}\nand then\n" if behind is not None else ""
    return f"{before}{''.join(traceback.format_tb(error.__traceback__))}{type(error).__name__}"


def _kept(run: Path | None) -> str:
    if run is None or not (run / MANIFEST).exists():
        return ""
    try:
        manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = {}
    if manifest.get("finished"):
        return f" The run is judged and kept; draw its report with: photo-auditor resume {run}"
    if not manifest.get("shards"):
        return f" Nobody was listed yet; begin again with: photo-auditor resume {run}"
    done = sum(part.startswith("observations/") and "/part-" in part for part in manifest.get("parts", {}))
    wanted = manifest.get("shards", 0) * len(manifest.get("configured", ()))
    return f" {done} of {wanted} parts are collected and kept; go on with: photo-auditor resume {run}"


def _end(message: str, code: int) -> NoReturn:
    interrupts.last_words()
    # A message may quote a service or a file: nothing in it may steer the terminal.
    click.echo(visible(f"photo-auditor: {message}").encode("utf-8", "backslashreplace"), err=True)
    sys.exit(code)


def exit_code(run: RunFolder, fail_on: tuple[str, ...]) -> int:
    """The exit code of a finished run: 4 (incomplete) beats 1 (drift) beats 0."""
    if not run.manifest.get("complete"):
        return INCOMPLETE
    wanted = verdicts_of(fail_on)
    tallies, accepted = run.manifest.get("tallies", {}), run.manifest.get("accepted", {})
    drifted = any(
        count > accepted.get(workload, {}).get(verdict, 0)
        for workload, tally in tallies.items()
        for verdict, count in tally.items()
        if verdict in wanted
    )
    return DRIFTED if drifted else NO_DRIFT


def verdicts_of(fail_on: tuple[str, ...]) -> frozenset[Verdict]:
    """The verdicts that make the exit code 1; drift where nothing is said."""
    return frozenset(verdict for name in fail_on or ("drift",) for verdict in _verdicts(name))


def _verdicts(name: str) -> frozenset[Verdict]:
    if name == "none":
        return frozenset()
    if name == "drift":
        return DRIFT
    try:
        return frozenset({Verdict(name)})
    except ValueError:
        choices = ", ".join(["drift", "none", *map(str, Verdict)])
        raise SettingsError(f"--fail-on is '{name}'; it can be {choices}.") from None


def check_fail_on(fail_on: tuple[str, ...]) -> None:
    """Raise `SettingsError` before the run rather than after it."""
    for name in fail_on:
        _verdicts(name)
