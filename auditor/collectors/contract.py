"""What every collector shares: what it declares, what it may raise, and what it yields."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from auditor.model import Fingerprint, Observation, Picture, Reason, Status, User, Way, Workload
from auditor.services.errors import Passing, ServiceError
from auditor.services.text import LONGEST, told

T = TypeVar("T")
Keep = Callable[[str, str, bytes], None]
"""Takes a picture's digest, format and bytes, and keeps them if the run keeps pictures."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a collector must be allowed to do, and what else that opens."""

    resource: str
    name: str
    kind: str
    """application or delegated."""
    opens: str


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier run learned of one user's copy: enough to tell from an answer that it has not changed.

    Whose copies are known, and what becomes of those that have not changed, is the audit's business.
    """

    signals: Mapping[str, str]
    """The workload's own signals as they were."""
    way: Way
    """By which way the picture was read."""
    read_at: datetime
    """When it was read."""
    pictures: frozenset[Picture] = frozenset({Picture.ONLY})
    """Those of the workload's pictures that need not be read where they have not changed."""
    recheck: bool = False
    """Read them all the same, and say which had not changed: it shows whether that can be believed."""


NOBODY_KNOWN: Mapping[str, Known] = {}


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A picture that, by the service's answer, is still the known one. Its bytes were not asked for.

    With `Known.recheck` the observation of the same picture follows it.
    """

    user_id: str
    signals: Mapping[str, str]
    """As they are now."""
    picture: Picture = Picture.ONLY
    judged: bool = True


Seen = Observation | Unchanged


class WorkloadRefused(Exception):
    """The service refuses everyone alike: nobody else is asked. Carries reason, sentence and remedy."""

    def __init__(self, reason: str, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.reason, self.sentence, self.remedy = reason, sentence, remedy


class Collector(Protocol):
    """Reads one workload, a shard of users at a time."""

    learned: str
    """What `prepare` learned from users' answers and what holds for the whole run; empty: nothing. The run keeps this
    value and gives it back to the collector when it is resumed, so that no user is asked twice."""

    @property
    def workload(self) -> Workload:
        """Which one."""
        ...

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """What it must be allowed to do, where the app signs in as itself."""
        ...

    @property
    def delegated_permissions(self) -> tuple[Permission, ...]:
        """What it must be allowed to do, where a person signs in."""
        ...

    @property
    def tells_apart(self) -> str:
        """Which states of a photo this workload's answers distinguish."""
        ...

    @property
    def requests_per_user(self) -> float:
        """Its cost."""
        ...

    async def prepare(self, users: Iterable[User]) -> None:
        """Ask once what concerns everyone; `users` are all of the run's, read as they are needed.

        Raises `WorkloadRefused`, or a passing `ServiceError`.
        """
        ...

    def collect(self, users: Sequence[User], known: Mapping[str, Known] = NOBODY_KNOWN) -> AsyncGenerator[Seen, None]:
        """Observations of these users, in any order, every user at least once. Raises `WorkloadRefused`.

        `known`: what is known of some of them, by object id. Without it nobody is `Unchanged`.
        """
        ...

    def ask_again(self, users: Sequence[User], heard: Mapping[str, Observation]) -> AsyncGenerator[Observation, None]:
        """Ask for these users once more, in another way than `collect` did: with other requests, for another size.

        `heard`: each user's judged observation, which is doubted, by object id. Yields one judged observation a user,
        in any order: the one that stands if the first is not believed. A user who cannot be asked for is `unknown`.
        """
        ...


async def at_once(work: Iterable[Coroutine[Any, Any, T]], most: int) -> AsyncGenerator[T, None]:
    """The results as they come, with at most `most` jobs under way; closing the generator ends the rest."""
    gate = asyncio.Semaphore(most)

    async def one(job: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await job

    jobs = list(work)
    tasks = [asyncio.create_task(one(job)) for job in jobs]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        for job in jobs:
            # Python warns of a coroutine that was never awaited.
            if inspect.getcoroutinestate(job) == inspect.CORO_CREATED:
                job.close()
        await asyncio.gather(*tasks, return_exceptions=True)


def now() -> datetime:
    """The moment of an observation, UTC, in milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def observed(
    user: User,
    workload: Workload,
    status: Status,
    way: Way,
    *,
    reason: str = "",
    detail: str = "",
    picture: Picture = Picture.ONLY,
    judged: bool = True,
    fingerprint: Fingerprint | None = None,
    digest: str = "",
    signals: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> Observation:
    """An observation made now, or at the moment `at` at which the service answered.

    Empty signals are dropped, so that a signal's presence says something. The service's words are cut to a length
    that a person reads.
    """
    kept = kept_signals(signals or {})
    return Observation(
        user.id, workload, status, way, at or now(), told(reason), told(detail), picture, judged, fingerprint, digest,
        kept,
    )  # fmt: skip


def kept_signals(signals: Mapping[str, str]) -> dict[str, str]:
    """Signals as they are kept: without empty ones, and cut to a length that a person reads."""
    return {name: told(value) for name, value in signals.items() if value}


def same_signals(known: Mapping[str, str], now: Mapping[str, str], names: Iterable[str]) -> bool:
    """Whether each of these signals has the value it had; a signal that was cut when it was kept proves nothing."""
    kept = kept_signals(now)
    return all(known.get(name, "") == kept.get(name, "") and len(kept.get(name, "")) <= LONGEST for name in names)


def unknown(
    user: User,
    workload: Workload,
    way: Way,
    error: ServiceError,
    *,
    picture: Picture = Picture.ONLY,
    judged: bool = True,
    signals: Mapping[str, str] | None = None,
) -> Observation:
    """What an error that is final for this user leaves behind: never more than `unknown`."""
    suffix = "; try again later" if isinstance(error, Passing) else ""
    return observed(
        user, workload, Status.UNKNOWN, way, reason=error.reason or Reason.UNEXPECTED_ANSWER,
        detail=error.sentence + suffix, picture=picture, judged=judged, signals=signals,
    )  # fmt: skip
