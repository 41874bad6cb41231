"""Answers that say "nothing here" wait until the origin has proved that the service itself gave them.

A gateway, a cache or a service that is being switched off answers everybody with the same bare "not found". Such an
answer proves nothing by itself. The proof is the service's answer, asked for afterwards, about a user whom it certainly
knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from auditor.collectors.contract import Seen
from auditor.model import Observation, Reason, Status

FIRST_PROOF = 3
"""After this many "nothing here" answers in a row a proof is asked for; then at each doubling: 6, 12, 24, …"""


@dataclass
class Proof:
    """Holds back the "nothing here" observations of one part; one call of `prove` serves all that wait.

    Then they are given out: unchanged where the proof succeeded, else as `unknown` with the sentence `otherwise`.
    """

    prove: Callable[[], Awaitable[bool]]
    otherwise: str
    _held: list[Observation] = field(default_factory=list, init=False)
    _in_a_row: int = field(default=0, init=False)
    _next: int = field(default=FIRST_PROOF, init=False)

    async def take(self, seen: Sequence[Seen], *, nothing: bool) -> list[Seen]:
        """The observations that can be given out now that this user's have come.

        `nothing`: this user's say that there is nothing here, and carry nothing of the user's own.
        """
        if not nothing:
            # This answer may be older than those that wait: it proves nothing of them.
            self._in_a_row, self._next = 0, FIRST_PROOF
            return list(seen)
        given: list[Seen] = [one for one in seen if not isinstance(one, Observation)]
        self._held += [one for one in seen if isinstance(one, Observation)]
        self._in_a_row += 1
        if self._in_a_row < self._next:
            return given
        self._next *= 2
        return [*given, *await self.settle()]

    async def settle(self) -> list[Seen]:
        """The observations that are still held, after one more proof; call it before the part is complete."""
        if not self._held:
            return []
        waiting, self._held = self._held, []
        if await self.prove():
            return list(waiting)
        return [_not_proved(one, self.otherwise) for one in waiting]


def _not_proved(observation: Observation, sentence: str) -> Observation:
    if observation.status is Status.UNKNOWN:
        return observation
    return replace(observation, status=Status.UNKNOWN, reason=Reason.UNEXPECTED_ANSWER, detail=sentence)
