"""The rules. Each says when it applies, what speaks for it, and what mends it; the first that applies is the cause.

A cause is named by a slug. Rules read nothing but verdicts and signals, and never guess from `unknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from auditor.model import Status, Verdict, Workload


@dataclass(frozen=True, slots=True)
class Case:
    """One copy that drifted, and what is known of it."""

    workload: Workload
    verdict: Verdict
    status: Status
    reference_status: Status
    exchange_plan: bool
    signals: Mapping[str, str]
    width: int = 0
    height: int = 0
    """Pixels of the copy; 0 without a picture."""
    owners: tuple[str, ...] = ()
    """UPNs of other users whose reference this copy equals."""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A cause, when it applies, its evidence and its fix, each one sentence."""

    cause: str
    when: Callable[[Case], bool]
    evidence: Callable[[Case], str]
    fix: str


def _never_synced(case: Case) -> bool:
    names = ("SPS-PictureTimestamp", "SPS-PicturePlaceholderState", "SPS-PictureExchangeSyncState", "PictureURL")
    return not any(case.signals.get(name) for name in names)


def _some(upns: tuple[str, ...]) -> str:
    more = f" and {len(upns) - 1} more" if len(upns) > 1 else ""
    return f"{upns[0]}{more}"


DIRECTORY_SIDE = 96
"""Pixels: what fits into the 10 KB that Exchange Online takes from the directory is no larger."""


def _directory_thumbnail(case: Case) -> bool:
    small = 0 < max(case.width, case.height) <= DIRECTORY_SIDE
    return small or case.width != case.height


RULES = (
    Rule(
        "edited_copy",
        lambda case: case.verdict is Verdict.VARIANT,
        lambda case: f"the same photograph, changed: {case.kind or 'edited'}",
        "Decide which of the two is right, and set that one again as the Microsoft 365 photo.",
    ),
    Rule(
        "photo_of_another_user",
        lambda case: bool(case.owners) and case.verdict in {Verdict.MISMATCH, Verdict.UNEXPECTED},
        lambda case: f"the picture equals the reference photo of {_some(case.owners)}",
        "Set the right photo again as the Microsoft 365 photo, and look for the feed that mixed the two accounts up.",
    ),
    Rule(
        "removed_at_reference",
        lambda case: case.verdict is Verdict.UNEXPECTED and case.reference_status is Status.ABSENT,
        lambda _: "the reference says that there is no photo, and this copy is still there",
        "Ask whether the photo was withdrawn: if so, delete it here too; if not, set it again at the reference.",
    ),
    Rule(
        "low_resolution_directory_copy",
        lambda case: (
            case.workload is Workload.EXCHANGE and case.verdict is Verdict.MISMATCH and _directory_thumbnail(case)
        ),
        lambda case: f"asked for 648 × 648 pixels, Exchange gave {case.width} × {case.height}: a directory thumbnail",
        "Set the photo again as the Microsoft 365 photo, at 648 × 648 pixels or more.",
    ),
    Rule(
        "sharepoint_never_visited",
        lambda case: (
            case.workload is Workload.SHAREPOINT
            and case.verdict is Verdict.MISSING
            and case.exchange_plan
            and _never_synced(case)
        ),
        lambda _: "the profile has no picture address, no picture timestamp and no synchronisation state",
        "Ask the user to open their own profile page once; SharePoint then fetches the photo within 24 to 72 hours.",
    ),
    Rule(
        "sharepoint_blanked",
        lambda case: (
            case.workload is Workload.SHAREPOINT
            and case.verdict is Verdict.PLACEHOLDER
            and case.signals.get("looks", "").startswith("blank")
            and case.signals.get("PictureURL") == "set"
        ),
        lambda _: "the profile has a picture address, and the picture behind it is blank",
        "Set the Microsoft 365 photo again, then ask the user to open their own profile page.",
    ),
    Rule(
        "sharepoint_placeholder_state",
        lambda case: (
            case.workload is Workload.SHAREPOINT
            and case.verdict is Verdict.PLACEHOLDER
            and case.signals.get("SPS-PicturePlaceholderState") == "1"
            and case.signals.get("PictureURL") == "set"
        ),
        lambda _: "SPS-PicturePlaceholderState is 1 although the profile has a picture address",
        "Check that the file behind the profile's PictureURL exists, then set SPS-PicturePlaceholderState to 0.",
    ),
    Rule(
        "sharepoint_detached",
        lambda case: (
            case.workload is Workload.SHAREPOINT
            and case.verdict is Verdict.MISMATCH
            and case.exchange_plan
            and case.signals.get("SPS-PictureExchangeSyncState") == "0"
        ),
        lambda _: "SPS-PictureExchangeSyncState is 0 for a user with a mailbox: a picture was uploaded by hand",
        "Delete the picture in the user's profile in the SharePoint admin centre, set SPS-PictureExchangeSyncState"
        " to 1, and ask the user to open their own profile page.",
    ),
)
"""In order: the first that applies."""

UNEXPLAINED = Rule(
    "unexplained",
    lambda _: True,
    lambda _: "no signal that could be read tells why",
    "Set the photo again as the Microsoft 365 photo and audit again after 72 hours.",
)


def diagnose(case: Case) -> Rule:
    """The rule that applies; `UNEXPLAINED` where none does."""
    return next((rule for rule in RULES if rule.when(case)), UNEXPLAINED)
