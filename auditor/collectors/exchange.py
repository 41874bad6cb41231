"""The photo in the Exchange Online mailbox, through Exchange Web Services while a tenant still has them."""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

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
from auditor.collectors.proof import Proof
from auditor.model import FAULT_REASONS, OWN, Observation, Reason, Status, User, Way, Workload
from auditor.services.errors import FinalForWorkload, Passing, ServiceError
from auditor.services.exchange import SIZE, Ews, EwsAnswer, Faltered
from auditor.services.retries import one_user

PROBES = 12
"""Maximum number of users asked to see whether EWS are on: a licence refuses some mailboxes (403), a switch all."""
FEWEST_PROBES = 3
"""EWS are taken to be off only where at least this many mailboxes are refused."""
ON, OFF = "on", "off"
CONTROLS = 3
"""Number of users whose photo EWS gave in this run and who are asked for in a proof: one may lose the photo."""
PROOF_SIZES = ("HR504x504", "HR432x432", "HR240x240")
"""Sizes that only proofs ask for, in turn: no cache can answer with a picture from `collect` or `ask_again`."""
OTHER_SIZES = ("HR360x360", "HR120x120")
"""Sizes that `ask_again` asks for: the second where Exchange does not know the first."""
NOT_PROVED = (
    "there was said to be no photo, and what answers at exchange.origin did not prove that it was Exchange Web"
    " Services that said so"
)
REFUSED_MEANWHILE = (
    "Exchange Web Services refused this mailbox, and then a mailbox too whose photo they had given in this run: they"
    " were switched off, or something else answers for them"
)
_WITHOUT = frozenset({"", "none", "unreadable"})
"""Values of `User.mailbox` where no mailbox is known."""
_TAG = re.compile(r"[\x21\x23-\x7e]{1,200}")
"""An ETag that can be sent: strong, and without characters that end a header or its quotes."""
SWITCHED_OFF = (
    "Exchange Web Services refuse every mailbox (403): they are switched off in this tenant or for this app,"
    " so the mailbox's photo can only be seen as Graph serves it"
)


@dataclass(frozen=True, slots=True)
class Control:
    """A user whose photo EWS gave in this run, and the address that was asked for."""

    user_id: str
    address: str


@dataclass(frozen=True, slots=True)
class _Question:
    """The question that is asked for each address of a user."""

    etag: str = ""
    size: str = SIZE
    protocol: str = ""
    """rest or soap; empty for the configured one."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """The answer that counts for a user, and the address that it was given for."""

    answer: EwsAnswer
    address: str


@dataclass
class Exchange:
    """Asks GetUserPhoto for one address after the other; a setting chooses REST or SOAP."""

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
    """`ON` or `OFF` once mailboxes have shown whether EWS are on."""
    _taken: bool = field(default=False, init=False)
    """Whether Exchange ever accepted the token."""
    _unauthorised: int = field(default=0, init=False)
    _several: int = field(default=FEWEST_PROBES, init=False)
    """`FEWEST_PROBES`, or the number of users of a call of `collect` where that is smaller."""
    _controls: deque[Control] = field(default_factory=lambda: deque(maxlen=CONTROLS), init=False)
    """Kept from shard to shard; a resumed run begins without any and finds others."""
    _sizes: Iterator[str] = field(default_factory=lambda: itertools.cycle(PROOF_SIZES), init=False)
    _spoke: bool = field(default=False, init=False)
    """Whether this origin ever proved, without a control, that it is EWS."""
    _lost: bool = field(default=False, init=False)
    """Whether the last proof failed although EWS had been heard at this origin before."""

    @property
    def way(self) -> Way:
        """The configured form."""
        return Way.EWS_REST if self.ews.protocol == "rest" else Way.EWS_SOAP

    async def prepare(self, users: Iterable[User]) -> None:
        """Find out whether EWS are on for this app: ask for a few users whom only a switch would refuse.

        This is never inferred from the tenant's setting, which has been seen to differ from what EWS do.
        """
        if self.learned:
            self._taken = self.learned == ON
            return
        refused = failed = 0
        for user in itertools.islice((one for one in users if one.exchange_plan and not one.kiosk), PROBES):
            try:
                answer = (await self._ask(user)).answer
            except FinalForWorkload:
                raise
            except Faltered:
                # EWS themselves gave this response code, so they are on, whatever it says of this mailbox.
                self.learned = ON
                return
            except ServiceError as error:
                # One user's odd answer says nothing of the others; a service that is down fails several users.
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
        # One or two refusals may concern only those mailboxes.
        self.learned = OFF if refused >= FEWEST_PROBES else ""

    async def collect(
        self, users: Sequence[User], known: Mapping[str, Known] = NOBODY_KNOWN
    ) -> AsyncGenerator[Seen, None]:
        """One observation a user. Those without a photo wait for a proof that EWS themselves said so."""
        if self.learned == OFF:
            for user in users:
                yield self._off(user)
            return
        self._several = min(self._several, max(1, len(users)))
        work = [self._observe(user, known.get(user.id)) for user in users]
        async with aclosing(self._proved(work)) as results:
            async for seen in results:
                yield seen

    async def ask_again(
        self,
        users: Sequence[User],
        heard: Mapping[str, Observation],  # noqa: ARG002 - whatever was heard, all are asked in the same other way
    ) -> AsyncGenerator[Observation, None]:
        """Ask for the same mailboxes in another size and, where no picture comes, in the other form too.

        An absence counts only after a new proof.
        """
        if self.learned == OFF:
            for user in users:
                yield self._off(user)
            return
        waiting = {user.id: user for user in users}
        refusal: tuple[str, str] | None = None
        try:
            async with aclosing(self._proved([self._again(user) for user in users])) as results:
                async for seen in results:
                    if isinstance(seen, Observation) and waiting.pop(seen.user_id, None) is not None:
                        yield seen
        except WorkloadRefused as error:
            refusal = error.reason, error.sentence
        except FinalForWorkload as error:
            refusal = error.reason, error.sentence
        for user in waiting.values():
            reason, sentence = refusal or (Reason.UNEXPECTED_ANSWER, "no answer came")
            yield observed(user, self.workload, Status.UNKNOWN, self.way, reason=reason, detail=sentence)

    def _off(self, user: User) -> Observation:
        return observed(
            user, self.workload, Status.UNKNOWN, Way.NONE, reason=Reason.NOT_SEPARATELY_READABLE, detail=SWITCHED_OFF
        )

    # -- Proving who answered ------------------------------------------------------------------------------------

    async def _proved(self, work: Sequence[Coroutine[Any, Any, list[Seen]]]) -> AsyncGenerator[Seen, None]:
        """The observations that `work` makes; those without a photo only after a proof."""
        proof = Proof(self._prove, NOT_PROVED)
        async with aclosing(at_once(work, self.concurrency)) as results:
            async for seen in results:
                for one in await proof.take(seen, nothing=any(map(_without_photo, seen))):
                    yield self._as_proved(one)
        for one in await proof.settle():
            yield self._as_proved(one)

    async def _prove(self) -> bool:
        """Whether EWS answer at this origin now: with a control's photo, or, without controls, with a SOAP fault."""
        self._lost = False
        with one_user():
            if self._controls:
                for control in tuple(self._controls):
                    if await self._still_given(control):
                        return True
                self._lost = True
                return False
            try:
                proved = await self.ews.answers()
            except FinalForWorkload:
                raise
            except ServiceError:
                proved = False
        self._lost = self._spoke and not proved
        self._spoke = self._spoke or proved
        return proved

    async def _still_given(self, control: Control) -> bool:
        try:
            return bool((await self.ews.photo(control.address, size=next(self._sizes))).picture)
        except FinalForWorkload:
            raise
        except ServiceError:
            return False

    def _as_proved(self, seen: Seen) -> Seen:
        """The observation after its proof. Where that shows that EWS are gone, a refusal is not this mailbox's own."""
        if not self._lost or not isinstance(seen, Observation) or not _is_single(seen):
            return seen
        return replace(seen, reason=Reason.UNEXPECTED_ANSWER, detail=REFUSED_MEANWHILE)

    def _remember(self, user: User, address: str) -> None:
        if all(control.user_id != user.id for control in self._controls):
            self._controls.appendleft(Control(user.id, address))

    # -- Asking ----------------------------------------------------------------------------------------------------

    def _one_more_refusal(self, answer: EwsAnswer) -> None:
        """Count a 401. Raises `WorkloadRefused` where several mailboxes refused the token and none accepted it."""
        self._unauthorised += 1
        if not self._taken and self._unauthorised >= min(FEWEST_PROBES, self._several):
            raise _not_allowed(answer, delegated=self.delegated)

    async def _ask(self, user: User, question: _Question = _Question()) -> _Answered:
        """Ask for each of the user's addresses until an answer says more than that there is nothing."""
        best: _Answered | None = None
        wrong: ServiceError | None = None
        for address in addresses(user):
            try:
                answer = await self.ews.photo(address, question.etag, size=question.size, protocol=question.protocol)
            except Faltered:
                self._taken = True
                raise
            except ServiceError as error:
                if error.reason != Reason.UNKNOWN_ADDRESS:
                    raise
                wrong = error
                continue
            self._taken = self._taken or answer.status not in {401, 403}
            if best is None or best.answer.no_such_mailbox or not answer.says_nothing:
                best = _Answered(answer, address)
            if not answer.says_nothing:
                break
        if best is None:
            raise wrong or ServiceError("the user has no address to ask by", reason=Reason.UNKNOWN_ADDRESS)
        return best

    async def _observe(self, user: User, known: Known | None) -> list[Seen]:
        with one_user():
            return await self._photo(user, known)

    async def _again(self, user: User) -> list[Seen]:
        with one_user():
            try:
                return [await self._another_way(user)]
            except FinalForWorkload:
                raise
            except ServiceError as error:
                return [self._unknown(user, error)]

    async def _another_way(self, user: User) -> Observation:
        question = _Question(size=OTHER_SIZES[0])
        found = await self._ask(user, question)
        if found.answer.code == "ErrorInvalidPhotoSize":
            question = _Question(size=OTHER_SIZES[1])
            found = await self._ask(user, question)
        way = self.way
        if found.answer.says_nothing:
            other = "soap" if self.ews.protocol == "rest" else "rest"
            try:
                said = await self._ask(user, replace(question, protocol=other))
            except FinalForWorkload:
                raise
            except ServiceError:
                # The other form may be closed to this app: then the configured form's answer counts.
                said = found
            if said.answer.picture:
                found, question = said, replace(question, protocol=other)
                way = Way.EWS_SOAP if other == "soap" else Way.EWS_REST
        return await self._observation(user, found, question, way)

    def _unknown(self, user: User, error: ServiceError) -> Observation:
        signals = {"code": error.code} if isinstance(error, Faltered) else {}
        return unknown(user, self.workload, self.way, error, signals=signals)

    def _etag(self, known: Known | None) -> str:
        """The ETag to send for a known picture; empty where there is none, or where the other form gave it."""
        etag = known.signals.get("etag", "") if known is not None and known.way is self.way else ""
        return etag if _TAG.fullmatch(etag) else ""

    async def _photo(self, user: User, known: Known | None) -> list[Seen]:
        seen: list[Seen] = []
        etag = self._etag(known)
        try:
            found = await self._ask(user, _Question(etag))
            if etag and found.answer.unchanged:
                if found.answer.etag in {"", etag}:
                    seen.append(Unchanged(user.id, {"etag": etag}))
                    self._remember(user, found.address)
                if seen and known is not None and not known.recheck:
                    return seen
                found = await self._ask(user)
            return [*seen, await self._observation(user, found, _Question(), self.way)]
        except FinalForWorkload:
            raise
        except ServiceError as error:
            return [*seen, self._unknown(user, error)]

    async def _observation(self, user: User, found: _Answered, question: _Question, way: Way) -> Observation:
        answer = found.answer
        if answer.status == 401:
            self._one_more_refusal(answer)
        if not answer.picture:
            return self._without_picture(user, answer)

        async def again() -> bytes | None:
            more = await self.ews.photo(found.address, size=question.size, protocol=question.protocol)
            return more.picture or None

        seen = await look(answer.picture, again, self.keep, content_type=answer.content_type)
        if seen.status is Status.PHOTO:
            self._remember(user, found.address)
        return observed(
            user, self.workload, seen.status, way, reason=seen.reason, detail=seen.detail,
            fingerprint=seen.fingerprint, digest=seen.digest, signals={"etag": answer.etag, "looks": seen.looks},
        )  # fmt: skip

    def _without_picture(self, user: User, answer: EwsAnswer) -> Observation:
        status, reason, detail = Status.UNKNOWN, answer.code, ""
        signals = {"code": answer.code}
        failed = answer.code not in {"", "NoError"}
        if answer.says_nothing and user.mail_of_another:
            reason = Reason.AMBIGUOUS
            detail = "the user's mail address belongs to another account, and Exchange has no photo under their own"
        elif answer.says_nothing and not failed and not (answer.no_such_mailbox and _has_mailbox(user)):
            status, reason, detail, own = _nothing(user)
            signals[OWN] = own
        elif answer.no_such_mailbox and not failed:
            reason = Reason.UNKNOWN_ADDRESS
            detail = "Exchange answered 500 and nothing else, as it does for an address that it does not know"
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
        elif failed and answer.code != "Fault":
            detail = f"Exchange answered {answer.code}"
        else:
            reason = answer.code or f"HTTP {answer.status}"
            detail = f"Exchange answered {answer.status} without a picture and without saying why"
        return observed(user, self.workload, status, self.way, reason=reason, detail=detail, signals=signals)


def addresses(user: User) -> tuple[str, ...]:
    """The addresses by which Exchange is asked for a user, the best first: the primary SMTP address, then the UPN.

    Never an alias or another account's address. `mail` is used only where the directory names no SMTP address.
    """
    upn = user.upn.strip()
    if not user.asked_by:
        mail = "" if user.mail_of_another else user.mail.strip()
        return tuple(dict.fromkeys(one for one in (mail or upn, upn) if one))
    own = frozenset(user.asked_by)
    candidates = [user.asked_by[0], upn.lower()]
    if not user.addresses:
        candidates.append(user.mail.strip().lower())
    return tuple(dict.fromkeys(one for one in candidates if one in own))


def _has_mailbox(user: User) -> bool:
    """Whether the directory shows that the user has a mailbox: by a plan, or by the mailbox's purpose."""
    return user.exchange_plan or user.mailbox not in _WITHOUT


def _nothing(user: User) -> tuple[Status, str, str, str]:
    """The meaning of "no photo" for this user: status, reason, detail, and the signal `own`."""
    if _has_mailbox(user):
        return Status.ABSENT, "", "", ""
    if user.mailbox == "none":
        return Status.NOT_PROVISIONED, "", "", "plan" if user.plans_known else "mailbox"
    if user.mailbox == "unreadable" or not user.plans_known:
        detail = "Exchange has no photo, and the directory did not tell whether the user has a mailbox at all"
        return Status.UNKNOWN, Reason.MAILBOX_NOT_KNOWN, detail, ""
    return Status.NOT_PROVISIONED, "", "", "plan"


def _is_single(observation: Observation) -> bool:
    """Whether the observation is `unknown` for a reason that concerns this mailbox alone."""
    return observation.status is Status.UNKNOWN and observation.reason not in FAULT_REASONS


def _without_photo(seen: Seen) -> bool:
    """Whether something else could have given this answer in Exchange's place."""
    if not isinstance(seen, Observation):
        return False
    return seen.status in {Status.ABSENT, Status.NOT_PROVISIONED} or _is_single(seen)


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
