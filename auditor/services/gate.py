"""One gate per origin: how many may be under way, and who goes first after a service asked us to slow down.

After a throttling answer everyone waits; then a single request probes, and only its success lets the others
through, one more with each answer. Releasing all waiters at once would make the next refusals certain.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from auditor.services.errors import Throttled
from auditor.services.pacing import Pace
from auditor.services.retries import Budget

FLURRY, FLURRY_SHARE = 3, 0.7
"""So many refused together, and most of what was sent after the first of them, are a rule at work."""
BEYOND_CONFIRMED = 4
"""How often in a row a wait is heard that no run could wait, before it is believed."""


@dataclass(slots=True)
class Ticket:
    """A request that was let through."""

    number: int
    """Counted as they were let through."""
    cost: float
    era: int
    """How often the gate had been closed when it was let through."""
    probe: bool


@dataclass
class Gate:
    """Admission to one origin. `most`: slots; a batch that a service runs in parallel takes several."""

    origin: str
    most: int
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    pace: Pace
    budget: Budget
    """What the run may spend on waiting."""
    strikes: int = field(default=0, init=False)
    """Throttlings in a row, without an answer in between."""
    _beyond: int = field(default=0, init=False)
    """Probes in a row that were asked to wait longer than this run may."""
    _open_at: float = field(default=float("-inf"), init=False)
    _allowed: float = field(init=False)
    _inside: int = field(default=0, init=False)
    _units: float = field(default=0.0, init=False)
    _era: int = field(default=0, init=False)
    _under_way: set[int] = field(default_factory=set, init=False)
    """Tickets, by number."""
    _flurry: frozenset[int] = field(default=frozenset(), init=False)
    """Tickets that were under way when the gate closed; none any more once a rule was seen at work."""
    _refused: set[int] = field(default_factory=set, init=False)
    """Of the flurry, the refused ones."""
    _tickets: int = field(default=0, init=False)
    _door: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _left: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self._allowed = float(self.most)

    @asynccontextmanager
    async def enter(self, *, slots: int = 1, cost: float = 1.0, kind: str = "") -> AsyncIterator[Ticket]:
        """Wait for one's turn, in order of arrival. Raises `Throttled` where that is beyond the run's budget."""
        slots = min(slots, self.most)
        async with self._door:
            # Whoever stands at the door waits for all behind it: one timer, and no crowd when it opens.
            while True:
                if (wait := self._open_at - self.clock()) > 0:
                    await self._wait(wait)
                elif self._inside and self._inside + slots > self._allowed:
                    self._left.clear()
                    await self._left.wait()
                elif (wait := self.pace.wait(cost, kind, self.clock())) > 0:
                    await self.sleep(wait)
                else:
                    break
            self.pace.take(cost, kind, self.clock())
            self._inside += slots
            self._units += cost
            self._tickets += 1
            ticket = Ticket(self._tickets, cost, self._era, probe=self._allowed <= 1)
            self._under_way.add(ticket.number)
        try:
            yield ticket
        finally:
            self._under_way.discard(ticket.number)
            self._inside -= slots
            self._units -= cost
            self._left.set()

    async def _wait(self, seconds: float) -> None:
        if seconds > self.budget.left:
            raise Throttled(
                f"{self.origin} asks us to wait {seconds:.0f} seconds, and this run may wait"
                f" {max(0.0, self.budget.left):.0f} more",
                remedy="audit again later, or allow more with network.patience",
                until=seconds,
            )
        self.budget.spent += seconds
        await self.sleep(seconds)

    def answered(self, ticket: Ticket, headers: Mapping[str, str]) -> None:
        """The service let this request through."""
        self.pace.answered(ticket.cost)
        if ticket.era == self._era:
            # What was sent before the gate closed says nothing about whether it may open.
            self.strikes = self._beyond = 0
            self._allowed = min(float(self.most), self._allowed + 1)
        self.hold(self.pace.heed(headers, max(0.0, self._units - ticket.cost), self.clock()))

    def believes(self, ticket: Ticket) -> bool:
        """Count one request that was asked to wait longer than this run may; whether that was said often enough.

        A single nonsensical header must not end a workload; a service that means it says so to each probe.
        """
        if ticket.era == self._era:
            self._beyond += 1
        return self._beyond >= BEYOND_CONFIRMED

    def hold(self, seconds: float) -> None:
        """Nobody enters for so long; who may enter then is not changed."""
        if seconds > 0:
            self._open_at = max(self._open_at, self.clock() + seconds)

    def close(self, ticket: Ticket | None, seconds: float) -> None:
        """The service asked for so many seconds: nobody enters, and then one probe alone.

        `ticket`: the request that was refused; None where a body said so.
        """
        now = self.clock()
        if ticket is None or ticket.era == self._era:
            self._flurry = frozenset() if ticket is None else frozenset(self._under_way)
            self._refused = set() if ticket is None else {ticket.number}
            self._era += 1
            self.strikes += 1
            self._allowed = 1.0
            if self.strikes > 1:
                self.pace.refused(now, rule=False)
        elif ticket.number in self._flurry:
            # A service that refuses now and then lets later ones through; a quota that is used up, hardly any.
            self._refused.add(ticket.number)
            later = sum(number > min(self._refused) for number in self._flurry)
            if len(self._refused) >= FLURRY and len(self._refused) - 1 >= FLURRY_SHARE * later:
                self._flurry = frozenset()
                self.pace.refused(now, rule=True)
        self._open_at = max(self._open_at, now + seconds)
