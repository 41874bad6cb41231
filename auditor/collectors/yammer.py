"""Viva Engage (Yammer): a list by pages, or a few users by address; pictures from a CDN."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.collectors.contract import (
    NOBODY_KNOWN,
    Keep,
    Known,
    Permission,
    Seen,
    Unchanged,
    observed,
    same_signals,
    unknown,
)
from auditor.collectors.pictures import Looked, look
from auditor.model import Fingerprint, Reason, Status, User, Way, Workload
from auditor.services.errors import BadAnswer, FinalForWorkload, Passing, ServiceError
from auditor.services.retries import one_user
from auditor.services.yammer import Engage, EngageUser

FEW = 25
"""Up to so many users are asked for one by one; more are found by reading the whole list."""
PICTURES_IN_A_ROW = 25
"""So many pictures in a row that could not be had, each tried as often as is sensible, are a dead host of pictures."""
AMBIGUOUS = "more than one Viva Engage account goes by this user's addresses"


@dataclass(frozen=True, slots=True)
class Found:
    """One Engage account with its picture looked at."""

    id: str
    addresses: tuple[str, ...]
    status: Status
    fingerprint: Fingerprint | None
    reason: str
    detail: str
    picture_id: str
    looks: str
    digest: str = ""
    activated_at: str = ""
    unchanged: bool = False
    """Whether its picture has the id of the one that was known of it."""
    read: bool = True
    """False where it therefore was not read."""


@dataclass
class Yammer:
    """Reads Engage accounts; `join` says which user each belongs to."""

    engage: Engage
    keep: Keep
    concurrency: int = 8
    gave_up: str = field(default="", init=False)
    """Why no picture is asked for any more; empty while they are."""
    _failed: int = field(default=0, init=False)
    workload = Workload.YAMMER
    permissions = (
        Permission(
            "Yammer",
            "access_as_user",
            "delegated",
            "whatever the person who signs in may read and write in Viva Engage",
        ),
    )
    delegated_permissions = permissions
    tells_apart = "photo, default picture, no account, two candidates"
    requests_per_user = 1.1

    async def page(self, number: int) -> list[EngageUser]:
        """One page of the list; an empty one ends it.

        Only an empty one does: a page may be short because the list moved while it was read. An entry that names
        nobody and no address can be nobody's here, but a page of nothing else is no end.
        """
        return await self.engage.page(number)

    async def found(self, listed: Sequence[EngageUser], known: Mapping[str, Known] = NOBODY_KNOWN) -> list[Found]:
        """The accounts of a page, their pictures read while their signed addresses live; `known` by Engage id."""
        gate = asyncio.Semaphore(self.concurrency)

        async def one(user: EngageUser) -> Found:
            async with gate:
                with one_user():
                    return await self._found(user, known.get(user.id))

        return list(await asyncio.gather(*(one(user) for user in listed if not user.nameless)))

    async def by_email(self, users: Sequence[User], known: Mapping[str, Known] = NOBODY_KNOWN) -> AsyncIterator[Seen]:
        """A few users, each asked for by its addresses in turn: mail, UPN, then the others.

        First one page of the list, which cannot be empty: a 404 of a host that is no Viva Engage says nothing.
        `known` is by object id.
        """
        if not await self.engage.page(1):
            raise BadAnswer("Viva Engage lists nobody at all", reason=Reason.LIST_INCOMPLETE)
        for user in users:
            try:
                with one_user():
                    seen = await self._by_email(user, known.get(user.id))
                for one in seen:
                    yield one
            except FinalForWorkload:
                raise
            except ServiceError as error:
                yield unknown(user, self.workload, Way.BY_EMAIL, error)

    async def _by_email(self, user: User, known: Known | None) -> list[Seen]:
        candidates: dict[str, Found] = {}
        for address in addresses_of(user):
            for account in await self.engage.by_email(address):
                if account.id not in candidates:
                    candidates[account.id] = await self._found(account, known)
            if candidates:
                break
        return join(user, list(candidates.values()), Way.BY_EMAIL)

    async def _found(self, user: EngageUser, known: Known | None) -> Found:
        picture_id = user.picture_id if user.has_picture else ""
        unchanged = known is not None and _unchanged(user.id, picture_id, known)
        read = not unchanged or (known is not None and known.recheck)
        seen = await self._picture(user) if read else Looked(Status.UNKNOWN)
        return Found(
            user.id,
            user.addresses,
            seen.status,
            seen.fingerprint,
            seen.reason,
            seen.detail,
            picture_id,
            seen.looks,
            seen.digest,
            user.activated_at,
            unchanged,
            read,
        )

    async def _picture(self, user: EngageUser) -> Looked:
        if not user.id:
            return Looked(
                Status.UNKNOWN, reason=Reason.UNEXPECTED_ANSWER, detail="Viva Engage lists this account without an id"
            )
        if user.picture_id == "no_photo.png":
            return Looked(Status.ABSENT)
        if not user.has_picture:
            return Looked(Status.UNKNOWN, reason=Reason.UNEXPECTED_ANSWER, detail="Viva Engage names no picture")

        async def read() -> bytes | None:
            answer = await self.engage.picture(user.picture_url)
            return answer.body if answer.status == 200 else None

        if self.gave_up:
            return Looked(Status.UNKNOWN, reason=Reason.PICTURE_NOT_READ, detail=self.gave_up)
        try:
            first = await read()
            self._failed = 0
            if first is None:
                raise BadAnswer("the picture's address gave no picture", reason=Reason.PICTURE_NOT_READ)
            return await look(first, read, self.keep)
        except FinalForWorkload:
            raise
        except Passing as error:
            self._failed += 1
            if self._failed >= PICTURES_IN_A_ROW:
                self.gave_up = (
                    f"{PICTURES_IN_A_ROW} pictures in a row could not be read ({error.sentence}), so the rest were"
                    " not asked for"
                )
            return Looked(Status.UNKNOWN, reason=error.reason, detail=error.sentence)
        except ServiceError as error:
            return Looked(Status.UNKNOWN, reason=error.reason, detail=error.sentence)


def addresses_of(user: User) -> tuple[str, ...]:
    """By what a user is looked for, in this order: mail, UPN, the other SMTP addresses; lower case."""
    return tuple(dict.fromkeys(one.strip().lower() for one in (user.mail, user.upn, *user.addresses) if one))


def _unchanged(engage_id: str, picture_id: str, known: Known) -> bool:
    now = {"engage_id": engage_id, "picture_id": picture_id}
    return bool(engage_id and picture_id) and same_signals(known.signals, now, now)


def join(user: User, candidates: Sequence[Found], way: Way) -> list[Seen]:
    """What is seen of a user who has these Engage accounts; two are ambiguous, none means not provisioned."""
    if len(candidates) > 1:
        return [
            observed(
                user, Workload.YAMMER, Status.UNKNOWN, way, reason=Reason.AMBIGUOUS, detail=AMBIGUOUS,
                signals={"engage_ids": " ".join(sorted(one.id for one in candidates))},
            )
        ]  # fmt: skip
    if not candidates:
        return [observed(user, Workload.YAMMER, Status.NOT_PROVISIONED, way)]
    one = candidates[0]
    signals = {"engage_id": one.id, "picture_id": one.picture_id, "activated_at": one.activated_at}
    seen: list[Seen] = [Unchanged(user.id, signals)] if one.unchanged else []
    if one.read:
        seen.append(
            observed(
                user, Workload.YAMMER, one.status, way, reason=one.reason, detail=one.detail,
                fingerprint=one.fingerprint, digest=one.digest, signals={**signals, "looks": one.looks},
            )
        )  # fmt: skip
    return seen
