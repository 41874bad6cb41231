"""What can go wrong between us and a service, as classes that say what to do next.

ServiceError                final for this user, where no class below says otherwise
 ├─ Passing               try again: it may work another time, and was tried as often as is sensible
 │   ├─ Unreachable       no answer came, or it broke off
 │   ├─ ServerFault       5xx
 │   ├─ Damaged           an answer came that is not whole, or not the service's own (a proxy's or sign-in page)
 │   └─ Throttled         wait until: the service asked us to slow down, for longer than we may wait
 ├─ AskAnew               begin again from the start: what was begun has expired
 │   └─ PageExpired       the token of a list's next page
 ├─ HostRefused           final for this user: the answer points to a host this workload may not ask
 ├─ TooLarge              final for this user: more bytes than a picture or a page may have
 ├─ BadAnswer             final for this user: whole, and in no documented shape
 └─ FinalForWorkload      nobody else need be asked
     └─ SignInRefused     no token, or the token is refused

A refused token is asked for anew inside `auditor.services.http`; nobody above sees it.
"""

from __future__ import annotations

from auditor.model import Reason


class ServiceError(Exception):
    """A request that did not end in an answer we can read. Never carries a token, a query or a body."""

    reason: str = Reason.UNEXPECTED_ANSWER

    def __init__(self, sentence: str, *, remedy: str = "", reason: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        if reason is not None:
            self.reason = reason


class Passing(ServiceError):
    """May work another time."""


class Unreachable(Passing):
    """No answer came."""

    reason = Reason.UNREACHABLE


class ServerFault(Passing):
    """The service failed (5xx) every time."""

    reason = Reason.SERVER_ERROR


class Damaged(Passing):
    """An answer that is not whole, or that something else than the service gave; it says nothing about a photo."""


class Throttled(Passing):
    """The service asked us to wait longer than this run may.

    `until`: seconds that it asked for, where it said so.
    """

    reason = Reason.THROTTLED

    def __init__(
        self, sentence: str, *, remedy: str = "", reason: str | None = None, until: float | None = None
    ) -> None:
        super().__init__(sentence, remedy=remedy, reason=reason)
        self.until = until


class AskAnew(ServiceError):
    """What was begun has expired; the same question from its start may be answered."""


class PageExpired(AskAnew):
    """The token of a list's next page has expired: the list is read again from its first page."""

    reason = Reason.LIST_INCOMPLETE


class HostRefused(ServiceError):
    """An answer points to a host that this workload may not ask."""

    reason = Reason.HOST_NOT_ALLOWED


class TooLarge(ServiceError):
    """More bytes than allowed."""

    reason = Reason.TOO_LARGE


class BadAnswer(ServiceError):
    """An answer in no documented shape."""


class FinalForWorkload(ServiceError):
    """Whatever concerns every user of a workload alike."""


class SignInRefused(FinalForWorkload):
    """No token could be had, or the service refuses it."""

    reason = Reason.SIGN_IN_FAILED
