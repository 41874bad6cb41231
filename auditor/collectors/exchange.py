"""The photo in the Exchange Online mailbox, through Exchange Web Services while a tenant still has them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from auditor.collectors.contract import Keep, Permission, WorkloadRefused, at_once, observed, unknown
from auditor.collectors.pictures import look
from auditor.model import Observation, Reason, Status, User, Way, Workload
from auditor.services.errors import Passing, ServiceError, SignInRefused
from auditor.services.exchange import Ews, EwsAnswer

PROBES = 12
"""Users whose 403 is waited for before EWS is taken to be off: a licence refuses some mailboxes, a switch all."""
FEWEST_PROBES = 3
OFF = (
    "Exchange Web Services refuse every mailbox (403): they are switched off in this tenant or for this app,"
    " so the mailbox's photo can only be seen as Graph serves it"
)
NOT_FOUND = "404 cannot tell a mailbox without a photo from an unknown address"


@dataclass
class Exchange:
    """GetUserPhoto for one address after the other; which of the two forms is a setting."""

    ews: Ews
    keep: Keep
    concurrency: int = 8
    workload = Workload.EXCHANGE
    permissions = (
        Permission(
            "Office 365 Exchange Online",
            "full_access_as_app",
            "application",
            "the whole content of every mailbox, to read and to write; a photo is the least of it",
        ),
        Permission(
            "Office 365 Exchange Online",
            "EWS.AccessAsUser.All",
            "delegated",
            "the mailbox of the person who signs in",
        ),
    )
    tells_apart = "photo, no photo or no mailbox (one answer for both), refused"
    requests_per_user = 1.0
    _off: bool = field(default=False, init=False)

    @property
    def way(self) -> Way:
        """The form that is asked."""
        return Way.EWS_REST if self.ews.protocol == "rest" else Way.EWS_SOAP

    async def prepare(self, users: Sequence[User]) -> None:
        """Ask for a few users whom only a switch would refuse: is EWS on for this app?

        Probed, never inferred from a setting: a tenant's switch and what it does have been seen to differ.
        """
        candidates = [user for user in users if user.exchange_plan and not user.kiosk][:PROBES]
        for user in candidates:
            answer = await self._ask(user)
            if answer.status == 401:
                raise _not_allowed(answer)
            if answer.status != 403:
                return
        # One or two refusals may be those mailboxes' own.
        self._off = len(candidates) >= FEWEST_PROBES

    async def collect(self, users: Sequence[User]) -> AsyncGenerator[Observation, None]:
        """One observation a user."""
        if self._off:
            for user in users:
                yield observed(
                    user, self.workload, Status.UNKNOWN, Way.NONE, reason=Reason.NOT_SEPARATELY_READABLE, detail=OFF
                )
            return
        work = (self._observe(user) for user in users)
        async with aclosing(at_once(work, self.concurrency)) as results:
            async for observation in results:
                yield observation

    async def _ask(self, user: User) -> EwsAnswer:
        return await self.ews.photo(user.mail or user.upn)

    async def _observe(self, user: User) -> Observation:
        try:
            answer = await self._ask(user)
            if answer.status == 401:
                raise _not_allowed(answer)
            if not answer.picture:
                return self._without_picture(user, answer)

            async def again() -> bytes | None:
                try:
                    return (await self._ask(user)).picture or None
                except Passing:
                    return None

            seen = await look(answer.picture, again, self.keep)
        except SignInRefused:
            raise
        except ServiceError as error:
            return unknown(user, self.workload, self.way, error)
        return observed(
            user, self.workload, seen.status, self.way, reason=seen.reason, detail=seen.detail,
            fingerprint=seen.fingerprint, digest=seen.digest, signals={"etag": answer.etag, "looks": seen.looks},
        )  # fmt: skip

    def _without_picture(self, user: User, answer: EwsAnswer) -> Observation:
        status, reason, detail = Status.UNKNOWN, answer.code, ""
        if answer.status == 404 or (answer.status == 200 and answer.code == "NoError" and answer.changed):
            status, reason = (Status.ABSENT if user.exchange_plan else Status.NOT_PROVISIONED), ""
        elif answer.status == 403:
            reason = Reason.EWS_REFUSED
            detail = "Exchange Web Services refuse this mailbox (403): its licence, or a switch on the mailbox"
        elif answer.code and answer.code not in {"Fault", "NoError"}:
            detail = f"Exchange answered {answer.code}"
        else:
            reason = answer.code or f"HTTP {answer.status}"
            detail = f"Exchange answered {answer.status} without a picture and without saying why"
        return observed(
            user, self.workload, status, self.way, reason=reason, detail=detail, signals={"code": answer.code}
        )


def _not_allowed(answer: EwsAnswer) -> WorkloadRefused:
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
