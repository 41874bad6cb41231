"""Small tenants without any network: what is true of each user, what was heard, and what is heard when asked again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image

from auditor.doubt.answers import STATUSES, Answers, Before, Everybody, hash_of
from auditor.doubt.settling import Unfolded, unfold
from auditor.model import OWN, Fingerprint, Observation, Reason, Status, Way, Workload
from auditor.photos import fingerprint

BEGUN = datetime(2026, 11, 30, tzinfo=UTC)
ENTRA, EXCHANGE, SHAREPOINT, YAMMER = Workload


@cache
def photo(number: int) -> Fingerprint:
    """The photo of one person: a pattern that is nobody else's."""
    noise = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).resize((96, 96), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return fingerprint(buffer.getvalue())


@dataclass(frozen=True)
class Answer:
    """What a service says of one user."""

    status: Status
    picture: int = 0
    """Whose photo it shows."""
    own: str = ""


def shows(number: int) -> Answer:
    """A photo."""
    return Answer(Status.PHOTO, number)


ABSENT, UNKNOWN_USER = Answer(Status.ABSENT), Answer(Status.NOT_PROVISIONED)
SILENT = Answer(Status.UNKNOWN)

Way_ = Callable[[Workload, int, Answer], Answer]
"""What a service answers instead of the truth, by workload and place."""


def honest(workload: Workload, place: int, true: Answer) -> Answer:
    """The truth."""
    return true


@dataclass
class World:
    """A tenant of some users; `true` says what each store holds. `first` and `second` are the two ways to ask."""

    users: int
    true: Callable[[Workload, int], Answer]
    first: Way_ = honest
    second: Way_ = honest
    before: Mapping[Workload, Callable[[int], Answer]] = field(default_factory=dict)
    true_here: frozenset[tuple[str, str]] = frozenset()
    workloads: tuple[Workload, ...] = tuple(Workload)
    second_way: Way = Way.GRAPH_SINGLE
    asked: int = 0

    def observation(self, workload: Workload, place: int, answer: Answer, way: Way = Way.GRAPH_BATCH) -> Observation:
        """An answer as the collectors give it."""
        made = photo(answer.picture) if answer.picture else None
        return Observation(
            f"user-{place}", workload, answer.status, way, BEGUN + timedelta(milliseconds=place),
            fingerprint=made, signals={OWN: answer.own} if answer.own else {},
            reason=Reason.UNEXPECTED_ANSWER if answer.status is Status.UNKNOWN else "",
        )  # fmt: skip

    def heard(self, workload: Workload, place: int) -> Answer:
        """What was answered at first."""
        return self.first(workload, place, self.true(workload, place))

    def everybody(self) -> Everybody:
        """All answers."""
        count = self.users
        answers = {}
        for workload in self.workloads:
            empty = Answers(
                workload, np.full(count, STATUSES.index(Status.UNKNOWN), np.int8), np.zeros(count, bool),
                np.ones(count, bool), np.zeros(count, np.int64), np.zeros(count, np.uint64), [""] * count,
                np.zeros(count, bool), [""] * count,
            )  # fmt: skip
            rows = {place: self.observation(workload, place, self.heard(workload, place)) for place in range(count)}
            answers[workload] = empty.with_rows(rows)
        before = {}
        for workload, held in self.before.items():
            then = [held(place) for place in range(count)]
            prints = [photo(one.picture) if one.picture else None for one in then]
            before[workload] = Before(
                np.array([one.status is Status.PHOTO for one in then]),
                np.array([hash_of(one) for one in prints], dtype=np.uint64),
                [one.sha256 if one else "" for one in prints],
            )

        def fetch(workload: Workload, place: int) -> Fingerprint | None:
            answer = self.heard(workload, place)
            return photo(answer.picture) if answer.picture else None

        return Everybody([f"user-{place}" for place in range(count)], ENTRA, answers, before, fetch)

    def settled(self) -> Unfolded:
        """The end, after all that is wanted was asked again."""
        everybody = self.everybody()
        again: dict[Workload, dict[int, Observation]] = {}
        for _ in range(20):
            found = unfold(everybody, again, self.true_here)
            new = {
                workload: [place for place in places if place not in again.get(workload, {})]
                for workload, places in found.wanted.items()
            }
            if not any(new.values()):
                return found
            for workload, places in new.items():
                for place in places:
                    self.asked += 1
                    answer = self.second(workload, place, self.true(workload, place))
                    again.setdefault(workload, {})[place] = self.observation(workload, place, answer, self.second_way)
        raise AssertionError("it never ends")

    def judged(self) -> dict[tuple[Workload, int], Answer | None]:
        """What would be judged, by workload and place; None where it is not believed."""
        found = self.settled()
        made: dict[tuple[Workload, int], Answer | None] = {}
        for workload in self.workloads:
            for place in range(self.users):
                if place in found.doubtful.get(workload, {}):
                    made[workload, place] = None
                elif place in found.replaced.get(workload, {}):
                    made[workload, place] = self.second(workload, place, self.true(workload, place))
                else:
                    made[workload, place] = self.heard(workload, place)
        return made

    def believed_falsely(self) -> int:
        """How many copies would be judged by something that is not true."""
        return sum(
            one is not None and replace(one, own="") != replace(self.true(*key), own="")
            for key, one in self.judged().items()
        )

    def open(self) -> int:
        """How many copies are not believed."""
        return sum(one is None for one in self.judged().values())
