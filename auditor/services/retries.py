"""How often and how long something is tried again: back-off, Retry-After, and what a user and a run may spend.

No retry library is used: tenacity and stamina wrap one call and let each caller wait by itself, while here all
callers of an origin wait together, one of them probes, and budgets and tokens are shared between calls
(`benchmarks/throttling.py` measures the difference).
"""

from __future__ import annotations

import email.utils
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC

ATTEMPTS = 6
"""How often one request is sent in all where it fails in passing."""
THROTTLED_ATTEMPTS = 12
"""How often one request is sent in all where the service asks it to slow down."""
CONFIRMED = {401: 3, 403: 2}
"""How often a refusal is heard before it is believed: a proxy, or a token that ends, refuses just once."""
BACKOFF_BASE, BACKOFF_CAP = 0.5, 20.0
"""Seconds of full-jitter back-off: uniform(0, min(cap, base * 2**attempt))."""
THROTTLE_BASE, THROTTLE_CAP = 0.5, 60.0
"""Seconds of waiting where a service throttles and does not say for how long; doubled with each probe refused."""

LONGEST_WAIT = 400 * 86_400.0
"""Seconds; a Retry-After beyond them is no wait that any service means."""
_SECONDS = re.compile(r"-?[0-9]{1,10}(?:\.[0-9]{0,9})?")
_LONGEST_DATE = 64
"""Characters; the longest form of RFC 9110, 5.6.7 has 33."""

Jitter = Callable[[float, float], float]


def full_jitter(attempt: int, jitter: Jitter = random.uniform) -> float:
    """Seconds before attempt number `attempt` + 1, counted from 0."""
    return jitter(0.0, min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(attempt, 30)))


def throttle_wait(strikes: int, jitter: Jitter = random.uniform) -> float:
    """Seconds to wait where nobody says how long; `strikes` throttlings in a row came before.

    No jitter may shorten it to nothing: windows of ten seconds are common, and each probe before their end is refused.
    """
    base = min(THROTTLE_CAP, THROTTLE_BASE * 2.0 ** min(strikes, 30))
    return base + jitter(0.0, base / 3)


def retry_after(value: str | None, *, now: float | None = None) -> float | None:
    """Seconds that a Retry-After header asks for; None where it is absent or says nothing sensible.

    Seconds or an HTTP date (RFC 9110, 10.2.3); negative and past ones count as zero. `now`: Unix time.
    """
    if value is None:
        return None
    text = value.strip(" \t")
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        moment = http_date(text)
        if moment is None:
            return None
        seconds = moment - (time.time() if now is None else now)
    return max(0.0, seconds) if seconds <= LONGEST_WAIT else None


def http_date(text: str) -> float | None:
    """Unix time of an HTTP date; None where it is none."""
    # Python reads digits of every script, and numbers of any length, as parts of a date.
    if not text.isascii() or not text.isprintable() or len(text) > _LONGEST_DATE:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(text)
        # A date without a zone is UTC, as all of HTTP's are; Python would take it for local time.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError):
        return None


@dataclass
class Budget:
    """What a piece of work may spend on being tried again.

    A run has one (`for_run`) and so has each user (`one_user`); a request draws on both.
    """

    failures: int
    """Attempts that may fail."""
    seconds: float
    """Seconds that may be spent in failed attempts, back-off and (for a run) in waiting for a service."""
    per_answer: float = 0.0
    """How many more attempts may fail for each answer that came."""
    failed: int = 0
    spent: float = 0.0
    answers: int = 0

    def fail(self, seconds: float) -> None:
        """An attempt failed, after so many seconds."""
        self.failed += 1
        self.spent += seconds

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.seconds - self.spent

    @property
    def exhausted(self) -> bool:
        """Whether nothing may be tried again."""
        return self.failed >= self.failures + self.per_answer * self.answers


USER_FAILURES, USER_SECONDS = 24, 300.0
"""What asking for one user alone may cost. A batch draws on the run's budget: it is twenty users' together, each user
is in two (`auditor.collectors.entra`), and each is sent `BATCH_ATTEMPTS` times at most (`auditor.services.graph`)."""
RUN_FAILURES, RUN_FAILURES_PER_ANSWER = 2000, 2.0


def for_run(patience: float) -> Budget:
    """A run's budget: `patience` seconds of waiting in all, and failures in proportion to what succeeds."""
    return Budget(RUN_FAILURES, patience, RUN_FAILURES_PER_ANSWER)


_user: ContextVar[Budget | None] = ContextVar("user_budget", default=None)


@contextmanager
def one_user() -> Iterator[Budget]:
    """Whatever is asked inside, in any task begun there, is asked for one user, and shares that user's budget.

    A context variable, so that no wire client needs to hand a budget through.
    """
    budget = Budget(USER_FAILURES, USER_SECONDS)
    token = _user.set(budget)
    try:
        yield budget
    finally:
        _user.reset(token)


def user_budget() -> Budget | None:
    """The budget of the user for whom this task asks; None where it asks for everyone."""
    return _user.get()
