"""What can go wrong between us and a service, as classes that say what to do next.

ServiceError
 ├─ Passing            it may work another time; already tried as often as is sensible
 │   ├─ Unreachable    no answer came
 │   ├─ Throttled      the service asked us to slow down, for longer than we may wait
 │   └─ ServerFault    5xx
 ├─ HostRefused        the answer points to a host this workload is not allowed to ask; final
 ├─ TooLarge           more bytes than a picture or a page may have; final for this user
 ├─ BadAnswer          not in any documented shape; final for this user
 └─ SignInRefused      no token, or the token is refused; final for the workload
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


class Throttled(Passing):
    """The service asked us to wait longer than this run may."""

    reason = Reason.THROTTLED


class ServerFault(Passing):
    """The service failed (5xx) every time."""

    reason = Reason.SERVER_ERROR


class HostRefused(ServiceError):
    """An answer points to a host that this workload may not ask."""

    reason = Reason.HOST_NOT_ALLOWED


class TooLarge(ServiceError):
    """More bytes than allowed."""

    reason = Reason.TOO_LARGE


class BadAnswer(ServiceError):
    """An answer in no documented shape."""


class SignInRefused(ServiceError):
    """No token could be had, or the service refuses it. Final for the workload."""

    reason = Reason.SIGN_IN_FAILED
