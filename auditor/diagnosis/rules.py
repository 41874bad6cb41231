"""The rules, as data: when each applies, how sure it is, what speaks for it, and what would settle it.

A cause is named by a slug; what mends it stands in `auditor.diagnosis.fixes`. Rules read nothing but verdicts, the
reasons that services gave and their signals. They never guess from `unknown`: where a rule reads an answer that is
`unknown`, it is the service's own code that it goes by, and where one copy is unknown no rule speaks of them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.model import EXEMPT_REASONS, Confidence, Reason, Status, Verdict, Workload


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs show of a copy. A day is a run's, ISO 8601; empty: no run at hand shows it."""

    reference_until: str = ""
    """The last earlier run whose reference held the photo that this copy shows."""
    just_replaced: bool = False
    """That is the run just before this one, and the reference holds another photo now."""
    returned_after: str = ""
    """The run in which this copy had already followed the reference to a newer photo."""
    rewritten: tuple[str, ...] = ()
    """The runs of the first photo, of the second, and of the first again: of the last time that the copy changed."""
    hours_since_sync: float | None = None
    """Of SharePoint: from the profile's picture timestamp to the newest one in the run, the tenant's own clock."""


@dataclass(frozen=True, slots=True)
class Case:
    """One copy, and what is known of it and of its user."""

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
    reason: str = ""
    """Why the status is `unknown`, of this copy itself."""
    is_reference: bool = False
    kiosk: bool = False
    synced: bool = False
    others: tuple[tuple[Status, str], ...] = field(default=())
    """Status and reason of the user's other copies."""
    past: Past | None = None
    """None where no earlier run is at hand."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A cause: in which verdicts and workloads it can be, when it applies, and what speaks for it."""

    cause: str
    verdicts: frozenset[Verdict]
    workloads: frozenset[Workload]
    when: Callable[[Case], bool]
    confidence: Confidence
    evidence: Callable[[Case], str]
    """What was found, one sentence without a full stop."""
    settle: str
    """What would settle it: one sentence for a person who can look further."""

    def applies(self, case: Case) -> bool:
        """Whether this rule has something to say of the case."""
        return case.verdict in self.verdicts and case.workload in self.workloads and self.when(case)


_ALL = frozenset(Workload)
_EXCHANGE = frozenset({Workload.EXCHANGE})
_SHAREPOINT = frozenset({Workload.SHAREPOINT})
_YAMMER = frozenset({Workload.YAMMER})
_ENTRA = frozenset({Workload.ENTRA})
_OTHER_PHOTO = frozenset({Verdict.MISMATCH, Verdict.UNEXPECTED})
_NOT_READ = frozenset({Verdict.UNCHECKED})
_NOT_KEPT = frozenset({Verdict.NOT_APPLICABLE})

SYNC_STATES = ("SPS-PictureTimestamp", "SPS-PicturePlaceholderState", "SPS-PictureExchangeSyncState", "PictureURL")
DIRECTORY_SIDE = 96
"""Pixels: what fits into the 10 KB that Exchange Online takes from the directory is no larger."""
NATIVE_SINCE = "2020/04"
"""Since then Viva Engage takes photos from Microsoft 365 in native mode; until then users set their own there."""


def _never_synced(case: Case) -> bool:
    return not any(case.signals.get(name) for name in SYNC_STATES)


def _some(upns: tuple[str, ...]) -> str:
    more = f" and {len(upns) - 1} more" if len(upns) > 1 else ""
    return f"{upns[0]}{more}"


def _directory_thumbnail(case: Case) -> bool:
    small = 0 < max(case.width, case.height) <= DIRECTORY_SIDE
    return small or case.width != case.height


def _own_reason(case: Case) -> str:
    return case.reason if case.status is Status.UNKNOWN else ""


def _nobody_has_one(case: Case) -> bool:
    """Whether no copy that can be read holds a photo, and every copy that should have been read was."""
    empty = {Status.ABSENT, Status.PLACEHOLDER, Status.NOT_PROVISIONED}
    return all(
        status in empty or (status is Status.UNKNOWN and reason in EXEMPT_REASONS) for status, reason in case.others
    )


RULES = (
    Rule(
        "edited_copy", frozenset({Verdict.VARIANT}), _ALL, lambda _: True, Confidence.CERTAIN,
        lambda case: f"the same photograph, changed: {case.kind or 'edited'}",
        "The user says which of the two they mean.",
    ),
    Rule(
        "photo_of_another_user", _OTHER_PHOTO, _ALL, lambda case: bool(case.owners), Confidence.CERTAIN,
        lambda case: f"the picture equals the reference photo of {_some(case.owners)}",
        "Somebody who knows both users looks at the two pictures.",
    ),
    Rule(
        "low_resolution_directory_copy", frozenset({Verdict.MISMATCH}), _EXCHANGE, _directory_thumbnail,
        Confidence.LIKELY,
        lambda case: f"asked for 648 × 648 pixels, Exchange gave {case.width} × {case.height}: a directory thumbnail",
        "The thumbnailPhoto of the account in the on-premises directory is the same picture.",
    ),
    Rule(
        "sharepoint_never_visited", frozenset({Verdict.MISSING}), _SHAREPOINT,
        lambda case: case.exchange_plan and _never_synced(case), Confidence.LIKELY,
        lambda _: "the profile has no picture address, no picture timestamp and no synchronisation state",
        "The user says whether they ever opened SharePoint or OneDrive.",
    ),
    Rule(
        "sharepoint_blanked", frozenset({Verdict.PLACEHOLDER}), _SHAREPOINT,
        lambda case: case.signals.get("looks", "").startswith("blank") and case.signals.get("PictureURL") == "set",
        Confidence.LIKELY,
        lambda _: "the profile has a picture address, and the picture behind it is blank",
        "The three thumbnails in the picture library are blank too, all written at one time.",
    ),
    Rule(
        "sharepoint_placeholder_state", frozenset({Verdict.PLACEHOLDER}), _SHAREPOINT,
        lambda case: (
            case.signals.get("SPS-PicturePlaceholderState") == "1" and case.signals.get("PictureURL") == "set"
        ),
        Confidence.LIKELY,
        lambda _: "SPS-PicturePlaceholderState is 1 although the profile has a picture address",
        "The file behind the profile's PictureURL exists and is the right photo.",
    ),
    Rule(
        "sharepoint_detached", frozenset({Verdict.MISMATCH}), _SHAREPOINT,
        lambda case: case.exchange_plan and case.signals.get("SPS-PictureExchangeSyncState") == "0",
        Confidence.LIKELY,
        lambda _: "SPS-PictureExchangeSyncState is 0 for a user with a mailbox: a picture was uploaded by hand",
        "The file's author in the picture library is a person, not the service.",
    ),
    Rule(
        "sharepoint_without_exchange_licence",
        frozenset({Verdict.MISMATCH, Verdict.MISSING, Verdict.PLACEHOLDER}), _SHAREPOINT,
        lambda case: not case.exchange_plan and case.signals.get("SPS-PictureExchangeSyncState") == "0",
        Confidence.LIKELY,
        lambda _: "SPS-PictureExchangeSyncState is 0 and the directory shows no live Exchange plan for the user",
        "Exchange has no mailbox for the user (Get-EXORecipient).",
    ),
    Rule(
        "tenant_renamed", frozenset({Verdict.MISMATCH, Verdict.MISSING, Verdict.PLACEHOLDER}), _SHAREPOINT,
        lambda case: bool(case.signals.get("PictureURL-host")), Confidence.LIKELY,
        lambda case: (
            f"the profile's PictureURL lies on {case.signals['PictureURL-host']}, no My Site host of this tenant"
        ),
        "That host was this tenant's before it was renamed.",
    ),
    Rule(
        "removed_at_reference", frozenset({Verdict.UNEXPECTED}), _ALL,
        # Without an earlier run nobody can tell a photo that was removed from one that never was there.
        lambda case: case.reference_status is Status.ABSENT, Confidence.POSSIBLE,
        lambda _: "the reference says that there is no photo, and this copy is still there",
        "An earlier run holds this very photo as the reference's.",
    ),
    Rule(
        "engage_own_photo", frozenset({Verdict.MISMATCH}), _YAMMER,
        lambda case: "" < case.signals.get("activated_at", "") < NATIVE_SINCE, Confidence.POSSIBLE,
        lambda case: (
            f"the Viva Engage account is from {case.signals['activated_at'][:10]}, when photos were still set there"
        ),
        "The picture's id stays the same when the Microsoft 365 photo is changed.",
    ),
)  # fmt: skip
"""Why a copy drifted."""

WITHOUT_DRIFT = (
    Rule(
        "never_set", frozenset({Verdict.NO_PHOTO}), _ALL,
        lambda case: case.is_reference and case.status is Status.ABSENT and _nobody_has_one(case), Confidence.LIKELY,
        lambda _: "no copy that can be read holds a photo",
        "The user says that they never set one.",
    ),
    Rule(
        "no_mailbox", _NOT_READ, _ENTRA, lambda case: _own_reason(case) == "ErrorNonExistentMailbox",
        Confidence.CERTAIN, lambda _: "Graph answered ErrorNonExistentMailbox",
        "Exchange has no mailbox for the user (Get-EXOMailbox).",
    ),
    Rule(
        "no_mailbox", _NOT_READ, _ENTRA,
        lambda case: _own_reason(case) == "AuthenticationError", Confidence.LIKELY,
        lambda _: "Graph answered AuthenticationError for this user and read the directory for everyone",
        "Exchange has no mailbox for the user (Get-EXOMailbox).",
    ),
    Rule(
        "no_mailbox", _NOT_READ, _EXCHANGE,
        lambda case: (
            _own_reason(case) == "ErrorInvalidLicense"
            or (_own_reason(case) == Reason.EWS_REFUSED and not case.exchange_plan)
        ),
        Confidence.LIKELY,
        lambda _: "Exchange refuses the mailbox, and the directory shows no live Exchange plan for the user",
        "Exchange names the mailbox as inactive or unlicensed (Get-EXOMailbox).",
    ),
    Rule(
        "no_mailbox", _NOT_KEPT, _EXCHANGE, lambda case: not case.exchange_plan, Confidence.LIKELY,
        lambda _: "Exchange knows no photo for the address, and the directory shows no live Exchange plan for the user",
        "Exchange has no mailbox for the user (Get-EXOMailbox).",
    ),
    Rule(
        "mailbox_on_premises", _NOT_READ, _ENTRA,
        lambda case: _own_reason(case) == "MailboxNotHostedInExchangeOnline", Confidence.CERTAIN,
        lambda _: "Graph answered MailboxNotHostedInExchangeOnline",
        "The on-premises Exchange has the mailbox (Get-Mailbox there).",
    ),
    Rule(
        "mailbox_on_premises", _NOT_READ, _ENTRA,
        lambda case: _own_reason(case) == "MailboxNotEnabledForRESTAPI", Confidence.POSSIBLE,
        lambda case: (
            "Graph answered MailboxNotEnabledForRESTAPI: inactive, soft-deleted or on premises"
            + ("; the account is synchronised from on premises" if case.synced else "")
        ),
        "The on-premises Exchange has the mailbox (Get-Mailbox there); if not, it is inactive or was deleted.",
    ),
    Rule(
        "account_deleted_or_renamed", _NOT_READ, _ENTRA,
        lambda case: _own_reason(case) == "Request_ResourceNotFound", Confidence.CERTAIN,
        lambda _: "the account was in the list, and Graph answered Request_ResourceNotFound when its photo was read",
        "The directory's deleted users hold the object id.",
    ),
    Rule(
        "frontline_licence", _NOT_READ, _EXCHANGE,
        lambda case: _own_reason(case) == Reason.EWS_REFUSED and case.kiosk, Confidence.LIKELY,
        lambda _: "Exchange Web Services answered 403, and the user's only Exchange plan is Kiosk (frontline)",
        "Mailboxes with other plans are not refused, and EwsEnabled is not off for this one (Get-CASMailbox).",
    ),
    Rule(
        "sharepoint_no_profile", _NOT_KEPT, _SHAREPOINT, lambda _: True, Confidence.CERTAIN,
        lambda _: "SharePoint says that it has no profile of this name",
        "The SharePoint admin centre (User profiles) finds none either.",
    ),
    Rule(
        "account_reused", _NOT_READ, _SHAREPOINT,
        lambda case: (
            _own_reason(case) == Reason.PROFILE_OF_ANOTHER_ACCOUNT and bool(case.signals.get("msOnline-ObjectId"))
        ),
        Confidence.LIKELY,
        lambda case: f"the profile under this name is of the object {case.signals['msOnline-ObjectId']}",
        "The directory's deleted users hold that object id, or another account has it.",
    ),
    Rule(
        "account_reused", _NOT_READ, _YAMMER, lambda case: _own_reason(case) == Reason.AMBIGUOUS, Confidence.POSSIBLE,
        lambda case: f"Viva Engage has two accounts of these addresses ({case.signals.get('engage_ids', 'not named')})",
        "One of the two accounts belongs to an earlier holder of the address.",
    ),
    Rule(
        "not_in_engage", _NOT_KEPT, _YAMMER, lambda _: True, Confidence.CERTAIN,
        lambda _: "Viva Engage's list holds none of the user's addresses",
        "The user has never signed in to Viva Engage.",
    ),
)  # fmt: skip
"""Why a copy that did not drift is as it is: nothing to hold against the reference, or nothing to be learned."""

UNEXPLAINED = Rule(
    "unexplained", frozenset(Verdict), _ALL, lambda _: True, Confidence.POSSIBLE,
    lambda _: "no signal that could be read tells why",
    "A later run shows whether the copy follows when the photo is set again.",
)  # fmt: skip

_RANK = {confidence: place for place, confidence in enumerate(Confidence)}


def diagnose(case: Case) -> tuple[Rule, ...]:
    """Every rule that explains why this copy drifted, the surest first; `UNEXPLAINED` where none does."""
    return _ranked(RULES, case) or (UNEXPLAINED,)


def explain_without_drift(case: Case) -> tuple[Rule, ...]:
    """Every rule that explains why a copy that did not drift is as it is; often none."""
    return _ranked(WITHOUT_DRIFT, case)


def _ranked(rules: Sequence[Rule], case: Case) -> tuple[Rule, ...]:
    first: dict[str, Rule] = {}
    for rule in sorted((rule for rule in rules if rule.applies(case)), key=lambda rule: _RANK[rule.confidence]):
        first.setdefault(rule.cause, rule)
    return tuple(first.values())
