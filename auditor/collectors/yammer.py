"""Viva Engage (Yammer): a list by pages, or a few users by address; pictures from a CDN.

An address without an account is believed only while an account that is known to exist is found by its own address. A
list without a user's account is believed only where users who are not in it have no account by address either. So
nobody is *no account* because a list ended early, or because something else answered 404.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from auditor.addresses import askable
from auditor.collectors.contract import (
    NOBODY_KNOWN,
    Keep,
    Known,
    Permission,
    Seen,
    Unchanged,
    now,
    observed,
    same_signals,
    unknown,
)
from auditor.collectors.pictures import Looked, look
from auditor.collectors.proof import Proof
from auditor.model import OWN, Fingerprint, Observation, Reason, Status, User, Way, Workload
from auditor.services.errors import BadAnswer, FinalForWorkload, Passing, ServiceError
from auditor.services.retries import one_user
from auditor.services.yammer import Engage, EngageUser, can_be_asked, home_network, is_default

FEW = 25
"""Up to this many users are asked for one by one; for more of them the whole list is read."""
PICTURES_IN_A_ROW = 25
"""After this many pictures in a row that could not be read, retries included, the pictures' host is taken for dead."""
ASKED_BESIDES_THE_LIST = 6
"""Number of users not in the list that are asked for by address before the list is believed to be whole."""
ADDRESSES_EACH = 2
"""Number of addresses tried for each of these users: the primary one and the user principal name."""
CONTROLS = 3
"""Maximum number of known accounts tried until one is found by its address: one alone may be refused."""
PAGES_AGAIN = 4
"""Pages of the list read after the first, where `ask_again` looks for users who were asked for by address before."""
AMBIGUOUS = "more than one Viva Engage account goes by this user's addresses"
ONLY_ANOTHERS_MAIL = (
    "no Viva Engage account goes by this user's own addresses, and the user's mail address belongs to another account"
)
CANNOT_BE_ASKED = "none of this user's addresses can stand in a question to Viva Engage"
NOT_PROVED = (
    "Viva Engage knew nobody by this user's addresses, and then did not find an account that it has by that account's"
    " own address either, so this is not believed"
)
ACCOUNT = "account"
"""Value of the signal `own`: list and address name the same account, so it is this user's own."""


class Account(Protocol):
    """What an `EngageUser` and the `Found` made of it have in common."""

    @property
    def id(self) -> str:
        """Its id; empty where it is not told."""
        ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """Lower case, the primary first."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it is in use."""
        ...

    @property
    def network(self) -> str:
        """The id of its network; empty where it is not told."""
        ...


A = TypeVar("A", bound=Account)
T = TypeVar("T")


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
    """Whether the picture has the same id as the known one."""
    read: bool = True
    """False where the picture was not read because it is unchanged."""
    alive: bool = True
    """False where the account is suspended or deleted."""
    network: str = ""
    """The id of the network that the account belongs to."""
    answered_at: datetime | None = None
    """When the page or the answer that named the account came."""


@dataclass
class Yammer:
    """Reads Engage accounts; `join` says which user each belongs to."""

    engage: Engage
    keep: Keep
    concurrency: int = 8
    gave_up: str = field(default="", init=False)
    """Why pictures are no longer asked for; empty while they are."""
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

        A short page does not: the list may have moved while it was read. An entry without id and address belongs to no
        user, but a page of such entries is not empty.
        """
        return _answered_now(await self.engage.page(number))

    async def found(self, listed: Sequence[EngageUser], known: Mapping[str, Known] = NOBODY_KNOWN) -> list[Found]:
        """The accounts of a page with their pictures, read before the signed URLs expire; `known` is by Engage id."""
        gate = asyncio.Semaphore(self.concurrency)

        async def one(user: EngageUser) -> Found:
            async with gate:
                with one_user():
                    return await self._look_at(user, known.get(user.id))

        return list(await asyncio.gather(*(one(user) for user in listed if not user.nameless)))

    async def by_email(self, users: Sequence[User], known: Mapping[str, Known] = NOBODY_KNOWN) -> AsyncIterator[Seen]:
        """A few users, each asked for by its addresses in turn. `known` is by object id.

        First one page of the list is read: it shows that the host is Viva Engage, and its accounts are controls. Users
        without an account by any address wait until a control was found by its own address.
        """
        page = await self.page(1)
        proof = Proof(partial(self._finds_by_address, page), NOT_PROVED)
        for user in users:
            try:
                with one_user():
                    seen = await self._by_email(user, known.get(user.id), page)
            except FinalForWorkload:
                raise
            except ServiceError as error:
                yield unknown(user, self.workload, Way.BY_EMAIL, error)
                continue
            for one in await proof.take(seen, nothing=_nothing(seen)):
                yield one
        for one in await proof.settle():
            yield one

    async def not_whole(self, unlisted: Sequence[User], controls: Sequence[Account], home: str) -> ServiceError | None:
        """Why a list that ended is not believed to be whole; None where it is.

        `unlisted`: a few users who are not in the list and should have no account by their addresses either; empty
        where all users who can be asked for are in it. `controls`: accounts in the list, one of which should be found
        by its address. `home`: the tenant's own network.
        """
        asked = 0
        for user in unlisted:
            try:
                with one_user():
                    accounts = await self._accounts_of(user, home, ADDRESSES_EACH)
            except FinalForWorkload as error:
                return error
            except ServiceError:
                continue
            asked += 1
            # The list may leave out accounts that are not in use; no documentation says whether it does.
            if any(is_living(one, home) for one in accounts):
                return BadAnswer(
                    "it ended, and a user who is not in it has an account when asked for by address",
                    reason=Reason.LIST_INCOMPLETE,
                )
        if (asked or not unlisted) and await self._finds_by_address(controls):
            return None
        return BadAnswer(
            "it ended, and nobody could be asked for by address to see whether it is whole",
            reason=Reason.LIST_INCOMPLETE,
        )

    async def ask_again(
        self, users: Sequence[User], heard: Mapping[str, Observation]
    ) -> AsyncGenerator[Observation, None]:
        """Ask for these users in another way than `heard` says, and for their pictures in another size.

        Users who were read from the list are asked for by address. Users who were asked for by address are looked for
        on the first pages of the list; where the list has more pages, they are asked for by address anew. *No photo* is
        marked as the user's own where both ways name the same account and both say *no photo*.
        """
        page: list[EngageUser] = []
        refused: ServiceError | None = None
        try:
            page = await self.page(1)
        except FinalForWorkload as error:
            refused = error
        except ServiceError:
            pass  # then the account of the person who signed in is the control
        pages: Sequence[EngageUser] = page
        ended = False
        if page and any(_was_by_address(heard.get(user.id)) for user in users):
            pages, ended = await self._first_pages(page)
        proof = Proof(partial(self._finds_by_address, page), NOT_PROVED)
        for user in users:
            seen: Sequence[Seen]
            if refused is None:
                try:
                    with one_user():
                        seen = await self._once_more(user, heard.get(user.id), pages, ended=ended)
                except ServiceError as error:
                    refused = error if isinstance(error, FinalForWorkload) else None
                    seen = [unknown(user, self.workload, Way.BY_EMAIL, error)]
            else:
                seen = [unknown(user, self.workload, Way.BY_EMAIL, refused)]
            for one in _observations(await proof.take(seen, nothing=_nothing(seen))):
                yield _as_own(one, heard.get(one.user_id))
        for one in _observations(await proof.settle()):
            yield one

    async def _first_pages(self, page: Sequence[EngageUser]) -> tuple[list[EngageUser], bool]:
        """The accounts of the first pages, and whether the list ends with them; a page that fails is not the end."""
        listed = list(page)
        for number in range(2, PAGES_AGAIN + 2):
            try:
                more = await self.page(number)
            except ServiceError:
                break
            if not more:
                return listed, True
            listed += more
        return listed, False

    async def _once_more(
        self, user: User, before: Observation | None, listed: Sequence[EngageUser], *, ended: bool
    ) -> list[Seen]:
        home = home_network(one.network for one in listed)
        if _was_by_address(before):
            places = ([one for one in listed if address in one.addresses] for address in addresses_of(user))
            accounts = chosen(places, home)
            if accounts or ended:
                return await self._seen(user, in_question(accounts, home), Way.USERS_LIST)
        accounts = await self._accounts_of(user, home)
        return await self._seen(user, accounts, Way.BY_EMAIL)

    async def _seen(self, user: User, accounts: Sequence[EngageUser], way: Way) -> list[Seen]:
        return join(user, [await self._look_at(one, None, anew=True) for one in accounts], way)

    async def _by_email(self, user: User, known: Known | None, page: Sequence[EngageUser]) -> list[Seen]:
        accounts = await self._accounts_of(user, home_network(one.network for one in page))
        seen = join(user, [await self._look_at(one, known) for one in accounts], Way.BY_EMAIL)
        defaults = {one.id for one in page if one.id and one.has_default}
        own = len(accounts) == 1 and accounts[0].id in defaults
        return [_marked(one) if own and isinstance(one, Observation) else one for one in seen]

    async def _accounts_of(self, user: User, home: str, most: int | None = None) -> list[EngageUser]:
        """The accounts that may be this user's; addresses are asked until one finds an account in use.

        `most`: the maximum number of addresses to ask.
        """
        found: list[list[EngageUser]] = []
        addresses = [one for one in addresses_of(user) if can_be_asked(one)]
        if not addresses:
            raise ServiceError(CANNOT_BE_ASKED, reason=Reason.UNKNOWN_ADDRESS)
        for address in addresses[:most]:
            found.append(_answered_now(await self.engage.by_email(address)))
            if any(is_living(one, home) for one in found[-1]):
                break
        return in_question(chosen(found, home), home)

    async def _finds_by_address(self, listed: Sequence[Account]) -> bool:
        """Whether Viva Engage finds, by its address, an account that certainly exists; a refusal counts as not found.

        Accounts in the list are tried. Where none of them has an address, the account of the person who signed in is
        tried; where that has none either, it is enough that the service names this account.
        """
        controls: list[Account] = [
            one for one in listed if one.id and one.alive and one.addresses and can_be_asked(one.addresses[0])
        ]
        if not controls:
            try:
                signed_in = await self.engage.current()
            except ServiceError:
                return False
            if signed_in is None or not signed_in.id:
                return False
            if not signed_in.addresses:
                return True
            controls = [signed_in]
        for one in spread(controls, CONTROLS):
            try:
                if any(found.id == one.id for found in await self.engage.by_email(one.addresses[0])):
                    return True
            except ServiceError:
                continue
        return False

    async def _look_at(self, user: EngageUser, known: Known | None, *, anew: bool = False) -> Found:
        """The account with its picture. `anew`: the picture is read in another size than the first time."""
        picture_id = user.picture_id if user.has_picture else ""
        unchanged = known is not None and _unchanged(user.id, picture_id, known)
        read = not unchanged or (known is not None and known.recheck)
        url = (user.other_size or user.picture_url) if anew else user.picture_url
        seen = await self._picture(user, url) if read else Looked(Status.UNKNOWN)
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
            user.alive,
            user.network,
            user.answered_at,
        )

    async def _picture(self, user: EngageUser, url: str) -> Looked:
        if not user.id:
            return Looked(
                Status.UNKNOWN, reason=Reason.UNEXPECTED_ANSWER, detail="Viva Engage lists this account without an id"
            )
        if user.has_default:
            return Looked(Status.ABSENT)
        if not user.has_picture:
            return Looked(Status.UNKNOWN, reason=Reason.UNEXPECTED_ANSWER, detail="Viva Engage names no picture")

        led_to = ""

        async def read() -> bytes | None:
            nonlocal led_to
            answer = await self.engage.picture(url)
            led_to = answer.url
            return answer.body if answer.status == 200 else None

        if self.gave_up:
            return Looked(Status.UNKNOWN, reason=Reason.PICTURE_NOT_READ, detail=self.gave_up)
        try:
            first = await read()
            self._failed = 0
            if first is None:
                raise BadAnswer("the picture's address gave no picture", reason=Reason.PICTURE_NOT_READ)
            if is_default(led_to):
                return Looked(Status.ABSENT)
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
    """The addresses by which a user is looked for, the best first; lower case, never another account's."""
    if user.asked_by or user.mail_of_another:
        return user.asked_by or (user.upn.strip().lower(),)
    known = (user.mail, user.upn, *user.addresses)
    return tuple(dict.fromkeys(address for one in known if (address := askable(one))))


def chosen(found: Iterable[list[A]], home: str = "") -> list[A]:
    """The accounts of the first address that finds an account in use, else of the first that finds any.

    `found`: the accounts that each address finds, in the order of the addresses.
    """
    kept = [accounts for accounts in found if accounts]
    return next((one for one in kept if any(is_living(account, home) for account in one)), kept[0] if kept else [])


def in_question(accounts: Sequence[A], home: str) -> list[A]:
    """The accounts in use in the tenant's own network; where there is none, all of them.

    A suspended or deleted account, or one of another network, is a candidate only where no other is in use: then Viva
    Engage has nothing else of the user.
    """
    living = [one for one in accounts if is_living(one, home)]
    return living or list(accounts)


def spread(of: Sequence[T], most: int) -> list[T]:
    """At most `most` of these, from the first to the last in equal steps."""
    if len(of) <= most:
        return list(of)
    return [of[number * (len(of) - 1) // max(1, most - 1)] for number in range(most)]


def is_living(account: Account, home: str) -> bool:
    """Whether the account is in use and in the tenant's own network, or names no network."""
    return account.alive and (not home or account.network in {"", home})


def _answered_now(accounts: Sequence[EngageUser]) -> list[EngageUser]:
    moment = now()
    return [replace(one, answered_at=moment) for one in accounts]


def _nothing(seen: Sequence[Seen]) -> bool:
    return any(isinstance(one, Observation) and one.status is Status.NOT_PROVISIONED for one in seen)


def _observations(seen: Iterable[Seen]) -> list[Observation]:
    return [one for one in seen if isinstance(one, Observation)]


def _was_by_address(before: Observation | None) -> bool:
    return before is not None and before.way is Way.BY_EMAIL


def _as_own(now_seen: Observation, before: Observation | None) -> Observation:
    """The observation, marked as the user's own where both ways named the same account and its default picture."""
    if before is None or before.status is not Status.ABSENT or before.way is now_seen.way:
        return now_seen
    named = now_seen.signals.get("engage_id")
    return _marked(now_seen) if named and named == before.signals.get("engage_id") else now_seen


def _marked(observation: Observation) -> Observation:
    if observation.status is not Status.ABSENT:
        return observation
    return replace(observation, signals={**observation.signals, OWN: ACCOUNT})


def _unchanged(engage_id: str, picture_id: str, known: Known) -> bool:
    now = {"engage_id": engage_id, "picture_id": picture_id}
    return bool(engage_id and picture_id) and same_signals(known.signals, now, now)


def join(user: User, candidates: Sequence[Found], way: Way, at: datetime | None = None) -> list[Seen]:
    """The observations of a user who has these Engage accounts; two are ambiguous, none means not provisioned.

    `at`: when it was learned that there is no account, where that is not now. Where the user's mail address is another
    account's, no account by the user's own addresses is ambiguous: one may go by that mail address.
    """
    if len(candidates) > 1:
        moments = [one.answered_at for one in candidates if one.answered_at is not None]
        return [
            observed(
                user, Workload.YAMMER, Status.UNKNOWN, way, reason=Reason.AMBIGUOUS, detail=AMBIGUOUS,
                signals={"engage_ids": " ".join(sorted(one.id for one in candidates))},
                at=max(moments, default=None),
            )
        ]  # fmt: skip
    if not candidates and user.mail_of_another:
        return [
            observed(
                user, Workload.YAMMER, Status.UNKNOWN, way, reason=Reason.AMBIGUOUS, detail=ONLY_ANOTHERS_MAIL, at=at
            )
        ]
    if not candidates and not addresses_of(user):
        # A user without an address that can be asked for may still have an account.
        return [
            observed(
                user, Workload.YAMMER, Status.UNKNOWN, way, reason=Reason.UNKNOWN_ADDRESS, detail=CANNOT_BE_ASKED, at=at
            )
        ]
    if not candidates:
        return [observed(user, Workload.YAMMER, Status.NOT_PROVISIONED, way, at=at)]
    one = candidates[0]
    signals = {"engage_id": one.id, "picture_id": one.picture_id, "activated_at": one.activated_at}
    seen: list[Seen] = [Unchanged(user.id, signals)] if one.unchanged else []
    if one.read:
        seen.append(
            observed(
                user, Workload.YAMMER, one.status, way, reason=one.reason, detail=one.detail,
                fingerprint=one.fingerprint, digest=one.digest, signals={**signals, "looks": one.looks},
                at=one.answered_at,
            )
        )  # fmt: skip
    return seen
