"""How fast an origin may be asked before it has to say so: published limits, its headers, and what it taught us.

Three things slow a request down, and the slowest counts:

- published limits, each a number of units in any window of so many seconds. A window as the services count it
  lets a short run go at full speed and never exceeds a token bucket of the same size and rate either;
- `RateLimit-Remaining` and `-Reset` (draft-ietf-httpapi-ratelimit-headers-03, as SharePoint sends them), and
  `x-ms-throttle-limit-percentage` (Graph, above 0.8);
- a rate learned from refusals, where a service refuses by a rule that it does not publish.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

SLACK = 1.02, 0.05
"""A published window is taken for so many times as long, and so many seconds longer: requests arrive later than they
are sent, some more than others, and no two clocks agree."""
LEARNED_SHARE = 0.95
LESS, MORE = 0.92, 1.002
"""A refusal makes a learned rate smaller, an answer makes it larger."""
IDLE_RATE = 500.0
"""Answers a second from which on a learned rate holds nobody up, and is forgotten."""
LONGEST_RESET = 600.0
"""Seconds; a `RateLimit-Reset` beyond them is no window that any service publishes, and is left to its refusals."""
IDENTITY_WINDOW = 10.0
"""Seconds over which Graph's identity service counts resource units (throttling-limits)."""
_NUMBER = re.compile(r"[ \t]*([0-9]{1,9}(?:\.[0-9]{0,9})?)[ \t]*(?:[,;]|$)")
"""Never more digits than a quota has, and none of other scripts, which Python would read as numbers too."""
PEOPLE = "people"
"""The kind of request that SharePoint's limit for PeopleManager counts."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`units` in any `seconds`; requests of a `kind` (empty: every request) count."""

    units: float
    seconds: float
    kind: str = ""


@dataclass
class Window:
    """A sliding window over what was let through."""

    limit: Limit
    seconds: float = field(init=False)
    """Its length as it is kept."""
    _granted: deque[tuple[float, float]] = field(default_factory=deque)
    _used: float = 0.0

    def __post_init__(self) -> None:
        self.seconds = self.limit.seconds * SLACK[0] + SLACK[1]

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` units more fit; zero where they fit now."""
        room = max(self.limit.units, 1.0)
        while self._granted and self._granted[0][0] <= now - self.seconds:
            self._used -= self._granted.popleft()[1]
        if not self._granted or self._used + cost <= room + 1e-9:
            return 0.0
        left = self._used
        for moment, units in self._granted:
            left -= units
            if left + cost <= room + 1e-9:
                return max(0.0, moment + self.seconds - now) + 1e-6
        return max(0.0, self._granted[-1][0] + self.seconds - now) + 1e-6

    def take(self, cost: float, now: float) -> None:
        """So many units are used now."""
        self._granted.append((now, cost))
        self._used += cost


@dataclass
class Pace:
    """When the next request of an origin may go."""

    limits: tuple[Limit, ...] = ()
    rate: float | None = None
    """Units a second that refusals have taught; None: none so far."""
    _windows: list[Window] = field(init=False)
    _next: float = field(default=0.0, init=False)
    _left: float = field(default=0.0, init=False)
    _until: float = field(default=float("-inf"), init=False)
    """Until then no more than `_left` units may go, as the service's headers said."""
    _since: float | None = field(default=None, init=False)
    _answered: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._windows = [Window(limit) for limit in self.limits]

    def publish(self, limits: tuple[Limit, ...]) -> None:
        """Other limits hold from now on; what was let through before counts for none of them."""
        self.limits = limits
        self.__post_init__()

    def wait(self, cost: float, kind: str, now: float) -> float:
        """Seconds until a request of this cost and kind may go."""
        waits = [window.wait(cost, now) for window in self._windows if window.limit.kind in ("", kind)]
        if now < self._until and self._left < cost:
            waits.append(self._until - now)
        if self.rate is not None:
            waits.append(self._next - now)
        return max(0.0, *waits) if waits else 0.0

    def take(self, cost: float, kind: str, now: float) -> None:
        """A request goes now."""
        for window in self._windows:
            if window.limit.kind in ("", kind):
                window.take(cost, now)
        self._left -= cost
        if self.rate is not None:
            self._next = max(self._next, now) + cost / self.rate
        if self._since is None:
            self._since = now

    def answered(self, cost: float) -> None:
        """The service let a request through."""
        self._answered += cost
        if self.rate is not None:
            self.rate *= MORE
            if self.rate > IDLE_RATE:
                self.rate = None

    def refused(self, now: float, *, rule: bool) -> None:
        """The service refused a request, alone or (`rule`) with most of those that were under way with it.

        One refusal among answers is an accident and no rule; many together are a quota that is used up. From one
        such moment to the next, what was let through is what the service grants.
        """
        granted = 0.0
        if self._since is not None and now > self._since:
            granted = LEARNED_SHARE * self._answered / (now - self._since)
        if rule and granted > 0:
            self.rate = granted if self.rate is None else min(self.rate * LESS, granted)
            self._next = now
        elif self.rate is not None:
            # Never below what was granted on the whole: refusals without a rule would slow us down to nothing.
            self.rate = max(self.rate * LESS, min(self.rate, granted))
        if rule:
            self._since, self._answered = now, 0.0

    def heed(self, headers: Mapping[str, str], under_way: float, now: float) -> float:
        """Learn from an answer's headers; seconds for which everyone should hold back.

        `under_way`: units of the requests that the service may not have counted yet.
        """
        remaining, reset = _number(headers.get("ratelimit-remaining")), _number(headers.get("ratelimit-reset"))
        if remaining is not None and reset is not None and reset <= LONGEST_RESET:
            left, until = remaining - under_way, now + reset
            # Answers overtake one another: within one window the smallest number is the latest.
            self._left = min(left, self._left) if abs(until - self._until) < 1.0 else left
            self._until = until
        share = _number(headers.get("x-ms-throttle-limit-percentage"))
        if share is None or share <= 0.8:
            return 0.0
        return (share - 0.8) / 0.2 if share < 1.0 else min(IDENTITY_WINDOW, 10 * (share - 0.8))


def _number(text: str | None) -> float | None:
    """The first number of a header (`RateLimit-Limit: 1250, 1250;w=60` has parameters); None where it is none."""
    found = _NUMBER.match(text or "")
    return float(found[1]) if found else None
