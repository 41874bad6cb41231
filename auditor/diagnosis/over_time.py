"""The rules that need an earlier run: what one run cannot tell from any other drift.

They go before those of a single run: that a copy shows somebody else's photo matters less than that a feed puts it
there every night.
"""

from __future__ import annotations

from auditor.diagnosis.rules import Case, Past, Rule
from auditor.model import DRIFT, Confidence, Status, Verdict, Workload

SYNC_HOURS = 72
"""SharePoint fetches a new photo at most once in 24 hours; up to so many have been reported."""
_ALL = frozenset(Workload)
_NO_PAST = Past()


def _past(case: Case) -> Past:
    return case.past or _NO_PAST


def _pending(case: Case) -> bool:
    hours = _past(case).hours_since_sync
    return _past(case).just_replaced and hours is not None and 0 <= hours < SYNC_HOURS


def _there_and_back(case: Case) -> str:
    return "this copy showed one photo on {}, another on {}, and the first again on {}".format(*_past(case).rewritten)


OVER_TIME = (
    Rule(
        "older_photo_returned", frozenset({Verdict.MISMATCH}), _ALL, lambda case: bool(_past(case).returned_after),
        Confidence.LIKELY,
        lambda case: (
            f"the picture equals the photo that the reference held until {_past(case).reference_until}; on"
            f" {_past(case).returned_after} this copy had already followed to a newer one"
        ),
        "The mailbox was moved or restored since then (Get-MoveRequest, the service's messages).",
    ),
    Rule(
        "rewritten_by_feed", DRIFT, _ALL, lambda case: bool(_past(case).rewritten), Confidence.LIKELY,
        _there_and_back, "The audit log names the account that wrote the photo each time.",
    ),
    Rule(
        "rewritten_by_feed", frozenset(Verdict) - DRIFT, _ALL, lambda case: bool(_past(case).rewritten),
        Confidence.POSSIBLE,
        lambda case: f"{_there_and_back(case)}; a wrong photo that was put right once looks no other",
        "The audit log names the account that wrote the photo each time.",
    ),
    Rule(
        "removed_at_reference", frozenset({Verdict.UNEXPECTED}), _ALL,
        lambda case: (
            case.reference_status is Status.ABSENT and bool(_past(case).reference_until) and not case.owners
        ),
        Confidence.CERTAIN,
        lambda case: f"the reference held this very photo until {_past(case).reference_until}, and holds none now",
        "The user says whether they withdrew the photo.",
    ),
    Rule(
        "sync_pending", frozenset({Verdict.MISMATCH}), frozenset({Workload.SHAREPOINT}), _pending, Confidence.LIKELY,
        lambda case: (
            f"the picture equals the photo that the reference held until {_past(case).reference_until}, and the"
            f" profile's picture was brought up to date {_past(case).hours_since_sync:.0f} hours before the newest of"
            " the run: the next visit is still to come"
        ),
        "An audit after 72 hours finds the copy in step.",
    ),
)  # fmt: skip
"""In order: the first that applies is the cause."""


def over_time(case: Case) -> tuple[Rule, ...]:
    """Every rule that earlier runs give grounds for, in order; often none."""
    return tuple(rule for rule in OVER_TIME if rule.applies(case))
