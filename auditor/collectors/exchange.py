"""The photo in the Exchange Online mailbox, through Exchange Web Services while a tenant still has them."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from auditor.collectors.contract import (
    NOBODY_KNOWN,
    Keep,
    Known,
    Permission,
    Seen,
    Unchanged,
    WorkloadRefused,
    at_once,
    observed,
    unknown,
)
from auditor.collectors.pictures import look
from auditor.model import Observation, Reason, Status, User, Way, Workload
from auditor.services.errors import FinalForWorkload, Passing, ServiceError
from auditor.services.exchange import Ews, EwsAnswer
from auditor.services.retries import one_user

PROBES = 12
"""Users whose 403 is waited for before EWS is taken to be off: a licence refuses some mailboxes, a switch all."""
FEWEST_PROBES = 3
ON, OFF = "on", "off"
_TAG = re.compile(r"[\x21\x23-\x7e]{1,200}")
"""An ETag that can be sent: strong, and of nothing that ends a header or its quotes."""
SWITCHED_OFF = (
    "Exchange Web Services refuse every mailbox (403): they are switched off in this tenant or for this app,"
    " so the mailbox's photo can only be seen as Graph serves it"
)


@dataclass
class Exchange:
    """GetUserPhoto for one address after the other; which of the two forms is a setting."""

    ews: Ews
    keep: Keep
    concurrency: int = 8
    delegated: bool = False
    """Whether the token is a person's."""
    workload = Workload.EXCHANGE
    permissions = (
        Permission(
            "Office 365 Exchange Online",
            "full_access_as_app",
            "application",
            "the whole content of every mailbox, to read and to write; a photo is the least of it",
        ),
    )
    delegated_permissions = (
        Permission(
            "Office 365 Exchange Online",
            "EWS.AccessAsUser.All",
            "delegated",
            "the whole content of the mailbox of the person who signs in, to read and to write, and of every mailbox"
            " that this person may open",
        ),
    )
    tells_apart = "photo, no photo or no mailbox (one answer for both), refused"
    requests_per_user = 1.0
    learned: str = field(default="", init=False)
    """`ON` or `OFF` once mailboxes have told whether EWS are on."""
    _heard: bool = field(default=False, init=False)
    _taken: bool = field(default=False, init=False)
    """Whether the token was ever taken."""
    _unauthorised: int = field(default=0, init=False)
    _several: int = field(default=FEWEST_PROBES, init=False)
    """How many users there are to ask in all, where they are fewer than `FEWEST_PROBES`."""
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @property
    def way(self) -> Way:
        """The form that is asked."""
        return Way.EWS_REST if self.ews.protocol == "rest" else Way.EWS_SOAP

    async def prepare(self, users: Iterable[User]) -> None:
        """Ask for a few users whom only a switch would refuse: is EWS on for this app?

        Probed, never inferred from a setting: a tenant's switch and what it does have been seen to differ.
        """
        if self.learned:
            self._taken = self.learned == ON
            return
        refused = failed = 0
        for user in itertools.islice((one for one in users if one.exchange_plan and not one.kiosk), PROBES):
            try:
                answer = await self._ask(user)
            except FinalForWorkload:
                raise
            except ServiceError as error:
                # One user's odd answer says nothing of the others; a service that is down says it to several.
                failed += isinstance(error, Passing)
                if failed >= FEWEST_PROBES and not self._taken:
                    raise
                continue
            if answer.status == 401:
                self._one_more_refusal(answer)
                continue
            if answer.status != 403:
                self.learned = ON
                return
            refused += 1
        # One or two refusals may be those mailboxes' own.
        self.learned = OFF if refused >= FEWEST_PROBES else ""

    async def collect(
        self, users: Sequence[User], known: Mapping[str, Known] = NOBODY_KNOWN
    ) -> AsyncGenerator[Seen, None]:
        """One observation a user."""
        if self.learned == OFF:
            for user in users:
                yield observed(
                    user,
                    self.workload,
                    Status.UNKNOWN,
                    Way.NONE,
                    reason=Reason.NOT_SEPARATELY_READABLE,
                    detail=SWITCHED_OFF,
                )
            return
        self._several = min(self._several, max(1, len(users)))
        work = (self._observe(user, known.get(user.id)) for user in users)
        async with aclosing(at_once(work, self.concurrency)) as results:
            async for seen in results:
                for one in seen:
                    yield one

    def _one_more_refusal(self, answer: EwsAnswer) -> None:
        """Count a 401; raises `WorkloadRefused` where the token was never taken, by several mailboxes."""
        self._unauthorised += 1
        if not self._taken and self._unauthorised >= min(FEWEST_PROBES, self._several):
            raise _not_allowed(answer, delegated=self.delegated)

    async def _ask(self, user: User, etag: str = "") -> EwsAnswer:
        answer = await self.ews.photo(user.mail or user.upn, etag)
        self._taken = self._taken or answer.status not in {401, 403}
        self._heard = self._heard or bool(answer.picture) or answer.no_photo or answer.unchanged
        return answer

    async def _is_exchange(self) -> bool:
        """Whether this origin has shown to be Exchange; a 404 of anything else says nothing about a photo."""
        async with self._asking:
            if not self._heard:
                self._heard = await self.ews.answers()
        return self._heard

    async def _observe(self, user: User, known: Known | None) -> list[Seen]:
        with one_user():
            return await self._photo(user, known)

    def _etag(self, known: Known | None) -> str:
        """The ETag by which a known picture can be asked for; empty where there is none. Of the other form: none."""
        etag = known.signals.get("etag", "") if known is not None and known.way is self.way else ""
        return etag if _TAG.fullmatch(etag) else ""

    async def _photo(self, user: User, known: Known | None) -> list[Seen]:
        seen: list[Seen] = []
        etag = self._etag(known)
        try:
            answer = await self._ask(user, etag)
            if etag and answer.unchanged:
                if answer.etag in {"", etag}:
                    seen.append(Unchanged(user.id, {"etag": etag}))
                if seen and known is not None and not known.recheck:
                    return seen
                answer = await self._ask(user)
            return [*seen, await self._observation(user, answer)]
        except FinalForWorkload:
            raise
        except ServiceError as error:
            return [*seen, unknown(user, self.workload, self.way, error)]

    async def _observation(self, user: User, answer: EwsAnswer) -> Observation:
        if answer.status == 401:
            self._one_more_refusal(answer)
        if not answer.picture:
            return await self._without_picture(user, answer)

        async def again() -> bytes | None:
            return (await self._ask(user)).picture or None

        seen = await look(answer.picture, again, self.keep, content_type=answer.content_type)
        return observed(
            user, self.workload, seen.status, self.way, reason=seen.reason, detail=seen.detail,
            fingerprint=seen.fingerprint, digest=seen.digest, signals={"etag": answer.etag, "looks": seen.looks},
        )  # fmt: skip

    async def _without_picture(self, user: User, answer: EwsAnswer) -> Observation:
        status, reason, detail = Status.UNKNOWN, answer.code, ""
        nothing = answer.status == 500 and not answer.code
        failed = answer.code not in {"", "NoError"}
        if nothing and not user.exchange_plan and await self._is_exchange():
            # An address that Exchange does not know, of somebody who has no plan: there is no mailbox.
            status, reason = Status.NOT_PROVISIONED, ""
        elif answer.no_photo or (answer.status == 404 and not failed and await self._is_exchange()):
            status, reason = (Status.ABSENT if user.exchange_plan else Status.NOT_PROVISIONED), ""
        elif answer.status == 403:
            reason = Reason.EWS_REFUSED
            detail = "Exchange Web Services refuse this mailbox (403): its licence, or a switch on the mailbox"
            if self.delegated:
                detail += "; or the person who signed in may not use them"
        elif answer.status == 401:
            reason = "HTTP 401"
            detail = "Exchange refuses the token for this mailbox (401), and takes it for others"
        elif 300 <= answer.status < 400:
            reason = Reason.UNEXPECTED_ANSWER
            detail = f"Exchange redirected ({answer.status}), which it never does"
        elif answer.status == 404 and not failed:
            reason = Reason.UNEXPECTED_ANSWER
            detail = "what answers 404 at exchange.origin has not shown to be Exchange Web Services"
        elif nothing:
            reason = Reason.UNKNOWN_ADDRESS
            detail = "Exchange answered 500 and nothing else, as it does for an address that it does not know"
        elif failed and answer.code != "Fault":
            detail = f"Exchange answered {answer.code}"
        else:
            reason = answer.code or f"HTTP {answer.status}"
            detail = f"Exchange answered {answer.status} without a picture and without saying why"
        return observed(
            user, self.workload, status, self.way, reason=reason, detail=detail, signals={"code": answer.code}
        )


def _not_allowed(answer: EwsAnswer, *, delegated: bool) -> WorkloadRefused:
    if delegated and "no permissions" in answer.diagnostics:
        return WorkloadRefused(
            Reason.PERMISSION_MISSING,
            "Exchange refuses the token of the person who signed in: it carries no permission for Exchange Web"
            " Services",
            "grant EWS.AccessAsUser.All (delegated) and have an administrator consent, or leave exchange.enabled off",
        )
    if delegated:
        return WorkloadRefused(
            Reason.SIGN_IN_FAILED,
            "Exchange refuses the token of the person who signed in (401)",
            "check exchange.audience, and that this person may use Exchange Web Services",
        )
    if "no permissions" in answer.diagnostics:
        return WorkloadRefused(
            Reason.PERMISSION_MISSING,
            "Exchange refuses the app's token: it carries no permission for Exchange Web Services",
            "grant full_access_as_app or a narrower role, or leave exchange.enabled off",
        )
    return WorkloadRefused(
        Reason.SIGN_IN_FAILED,
        "Exchange refuses the app's token (401)",
        "check exchange.audience, and that the app has a permission for Exchange Web Services",
    )
