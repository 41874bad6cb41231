"""Answers that say "nothing here" wait until the origin has proved that the service itself gave them.

A gateway, a cache or a service that is being switched off answers everybody with the same bare "not found". One such
answer says nothing; the service's own word about a user whom it certainly knows, asked for afterwards, does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from auditor.collectors.contract import Seen
from auditor.model import Observation, Reason, Status

FIRST_PROOF = 3
"""So many answers of nothing in a row are held against a proof; then at each doubling: 6, 12, 24, …"""


@dataclass
class Proof:
    """Holds back the observations of some users of one part; `prove` asks the service, once for all that wait.

    What is held is given out after a proof: as it was, or as `unknown` with the sentence `otherwise`.
    """

    prove: Callable[[], Awaitable[bool]]
    otherwise: str
    _held: list[Observation] = field(default_factory=list, init=False)
    _in_a_row: int = field(default=0, init=False)
    _next: int = field(default=FIRST_PROOF, init=False)

    async def take(self, seen: Sequence[Seen], *, nothing: bool) -> list[Seen]:
        """What can be given out now that this user's observations have come.

        `nothing`: they say that there is nothing here, and carry nothing of the user's own.
        """
        if not nothing:
            # What answered this one may have been asked before the others: it proves nothing of them.
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
        """What is still held, after one more proof; to be called before the part is complete."""
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
