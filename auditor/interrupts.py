"""Ctrl-C, and a scheduler's SIGTERM: whatever the program is doing, it ends with a sentence and exit code 130.

A signal comes between any two instructions. An exception that is raised there may come up inside an import, a
finaliser or the event loop's own housekeeping, and is printed as a traceback or lost. So what the first signal does
depends on what is under way:

- before the work begins (imports, the command line): the process ends at once;
- plain code (judging, drawing): `KeyboardInterrupt`, so that what is half done is cleared away;
- the event loop (`run`): the work is cancelled from inside, and nothing is raised before the loop is closed.

A second signal ends the process at once, and so does `GRACE` seconds after the first one if it is still there then.
That loses nothing: a file appears whole or not at all, and whoever is killed at any moment is resumed.

This module imports little, and is imported before all others.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")
EXIT_CODE = 130
GRACE = 3.0
"""Seconds in which an interrupted program clears up: a thread may hang in a sign-in that nobody will finish."""
_SHOW_CURSOR = b"\x1b[?25h"


class _State:
    """What a signal finds; changed by the main thread only."""

    installed = False
    asked = False
    """Whether somebody asked the program to end."""
    ending = False
    """Whether the last words are being said: nothing disturbs them."""
    gently: Callable[[], object] | None = None
    """What the first signal does; None: it ends the process."""
    words: Callable[[], str] = staticmethod(lambda: "Interrupted.")


_watched = _thread.allocate_lock()
"""Let go of by the first signal. A bare lock: whoever is interrupted may hold any other."""


def install() -> None:
    """From now on a signal ends the program in this way. For the main thread; a second call changes nothing."""
    if _State.installed:
        return
    _State.installed = True
    _watched.acquire()
    _thread.start_new_thread(_watch, ())
    # A shell that starts a job in the background lets it ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _on_signal)
    signal.signal(signal.SIGTERM, _on_signal)
    sys.unraisablehook = _unraisable
    atexit.register(_hear_no_more)


def asked() -> bool:
    """Whether somebody asked the program to end."""
    return _State.asked


def last_words() -> None:
    """The program ends now by itself: no signal cuts its last words short."""
    _State.ending = True


@contextmanager
def interruptible(words: Callable[[], str]) -> Iterator[None]:
    """Plain code that a signal interrupts with `KeyboardInterrupt`; `words` are said if it has to end at once."""
    _State.words, _State.ending, _State.gently = staticmethod(words), False, _raise
    try:
        yield
    finally:
        _State.gently = _nothing


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """`asyncio.run` of what `work` gives; a signal cancels it, and is a `KeyboardInterrupt` once the loop is closed."""
    import asyncio

    async def cancellable() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        _State.gently = lambda: loop.call_soon_threadsafe(task.cancel)
        if _State.asked:
            task.cancel()
        try:
            return await work()
        finally:
            _State.gently = _nothing

    before, _State.gently = _State.gently, _nothing
    try:
        return asyncio.run(cancellable())
    finally:
        _State.gently = before
        if _State.asked:
            raise KeyboardInterrupt


def _on_signal(*_: object) -> None:
    if _State.asked and not _State.ending:
        _end_now()
    if not _State.asked:
        _State.asked = True
        _watched.release()
    if _State.ending:
        return
    if _State.gently is None:
        _end_now()
    else:
        _State.gently()


def _raise() -> None:
    raise KeyboardInterrupt


def _nothing() -> None:
    """Whoever runs the loop looks when it is closed."""


def _hear_no_more() -> None:
    # The interpreter takes its handlers down before it is gone, and a signal would kill it then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _watch() -> None:
    _watched.acquire()
    time.sleep(GRACE)
    _end_now()


def _end_now() -> None:
    """End this process; what it was doing is left as a kill would leave it."""
    if not _State.ending:
        _State.ending = True
        with suppress(Exception):
            _say(f"photo-auditor: {_State.words()}")
    os._exit(EXIT_CODE)


def _say(text: str) -> None:
    # Not through sys.stderr: its buffer may be what was interrupted.
    cursor = _SHOW_CURSOR if os.isatty(2) else b""
    os.write(2, cursor + text.encode("utf-8", "backslashreplace") + b"\n")


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    if _State.asked and isinstance(unraisable.exc_value, KeyboardInterrupt):
        # It came up where nobody can hear it, and would be printed and lost.
        _end_now()
    sys.__unraisablehook__(unraisable)
