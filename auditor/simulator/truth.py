"""What is true of every account and workload, worked out from what the stores hold.

Nothing here looks at pixels: two pictures are the same because they came from one upload, and different
because they did not. The table of verdicts is written out anew, so that a mistake in the audit's own
table cannot hide in its truth.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from auditor.model import Status, Verdict, Workload
from auditor.simulator import drawing
from auditor.simulator.pictures import StoredPicture
from auditor.simulator.score import NOTES_FILE
from auditor.simulator.score import Score as Score
from auditor.simulator.score import score as score
from auditor.simulator.tenant import LAST_SYNCED, Account, EngageUser, Picture, Store, Tenant, Truth

COLUMNS = ("user_id", "upn", "workload", "in_scope", "status", "verdict", "cause", "sha256")
NOTES_COLUMNS = ("user_id", "workload", "scenario", "by_looks", "needs_variant", "cause_without_drift")
DIGESTS_UP_TO = 500
"""Tenants of more users are written without digests: making every picture takes too long."""

COPIES = (Workload.EXCHANGE, Workload.SHAREPOINT, Workload.YAMMER)
EXCHANGE_PLANS = frozenset(
    {
        "efb87545-963c-4e0d-99df-69c6916d9eb0",  # EXCHANGE_S_ENTERPRISE
        "9aaf7827-d63c-4b61-89c3-182f06f82e5c",  # EXCHANGE_S_STANDARD
        "4a82b400-a79f-41a4-b4e2-e94f5787b113",  # EXCHANGE_S_DESKLESS
    }
)

_STORES: Mapping[Workload, Store] = {
    Workload.ENTRA: "graph",
    Workload.EXCHANGE: "exchange",
    Workload.SHAREPOINT: "sharepoint",
    Workload.YAMMER: "yammer",
}
_LOW_RESOLUTION = 96


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one workload has to say of one user."""

    status: Status
    picture: StoredPicture | None = None
    by_looks: bool = False


@lru_cache(maxsize=4096)
def _truth(status: str, verdict: str, cause: str, by_looks: bool, needs_variant: bool, beside: str = "") -> Truth:
    """One object for all that are equal: a tenant of 100,000 users has only a few dozen."""
    return Truth(status, verdict, cause, by_looks, needs_variant, beside)


# Status ---------------------------------------------------------------------------------------------


def has_exchange_plan(account: Account) -> bool:
    """Whether the directory shows a live Exchange plan."""
    return any(plan in EXCHANGE_PLANS for _, plan in account.plans)


def _of(picture: Picture) -> _Seen:
    assert isinstance(picture, StoredPicture)
    if picture.kind == "broken":
        return _Seen(Status.UNREADABLE, picture)
    if picture.kind == "placeholder":
        return _Seen(Status.PLACEHOLDER, picture, by_looks=True)
    return _Seen(Status.PHOTO, picture)


def _entra(account: Account) -> _Seen:
    if account.graph.refusal:
        return _Seen(Status.UNKNOWN)
    return _of(account.graph.picture) if account.graph.picture else _Seen(Status.ABSENT)


def _exchange(account: Account) -> _Seen:
    mailbox = account.mailbox
    if mailbox and (mailbox.ews_refused or mailbox.invalid_licence):
        return _Seen(Status.UNKNOWN)
    if mailbox and mailbox.picture:
        return _of(mailbox.picture)
    # One 404 for no photo and for no mailbox: the plan tells which, and where there is none the mailbox itself. A user
    # with a plan has one, be it on premises; shared, room and equipment mailboxes need no plan.
    return _Seen(Status.ABSENT if mailbox or has_exchange_plan(account) else Status.NOT_PROVISIONED)


def _sharepoint(account: Account) -> _Seen:
    profile = account.profile
    if profile is None:
        return _Seen(Status.NOT_PROVISIONED)
    if profile.object_id != account.id:
        return _Seen(Status.UNKNOWN)
    if profile.shown:
        return _of(profile.shown)
    return _Seen(Status.PLACEHOLDER if profile.picture_url else Status.ABSENT)


def _yammer(account: Account) -> _Seen:
    candidates = engage_candidates(account)
    if len(candidates) != 1:
        return _Seen(Status.UNKNOWN if candidates else Status.NOT_PROVISIONED)
    picture = candidates[0].picture
    return _of(picture) if picture else _Seen(Status.ABSENT)


def engage_candidates(account: Account) -> tuple[EngageUser, ...]:
    """The Engage accounts of the first address that finds any: mail, then UPN, then proxy addresses."""
    proxies = tuple(proxy[5:] for proxy in account.proxy_addresses if proxy[:5].lower() == "smtp:")
    for address in (account.mail, account.upn, *proxies):
        found = tuple(user for user in account.engage if address and user.email.lower() == address.lower())
        if found:
            return found
    return ()


# Verdict --------------------------------------------------------------------------------------------

_NO_REFERENCE = {Status.PLACEHOLDER, Status.ABSENT, Status.NOT_PROVISIONED}
_REFERENCE_ROW: Mapping[Status, Verdict] = {
    Status.PHOTO: Verdict.REFERENCE,
    Status.PLACEHOLDER: Verdict.NO_PHOTO,
    Status.ABSENT: Verdict.NO_PHOTO,
    Status.NOT_PROVISIONED: Verdict.NOT_APPLICABLE,
    Status.UNREADABLE: Verdict.BROKEN,
    Status.UNKNOWN: Verdict.UNCHECKED,
}
_AGAINST_PHOTO: Mapping[Status, Verdict] = {
    Status.PLACEHOLDER: Verdict.PLACEHOLDER,
    Status.ABSENT: Verdict.MISSING,
    Status.UNREADABLE: Verdict.BROKEN,
}
_AGAINST_NONE: Mapping[Status, Verdict] = {
    Status.PHOTO: Verdict.UNEXPECTED,
    Status.PLACEHOLDER: Verdict.NO_PHOTO,
    Status.ABSENT: Verdict.NO_PHOTO,
    Status.UNREADABLE: Verdict.BROKEN,
}


def _verdict(reference: _Seen, copy: _Seen) -> Verdict:
    if copy.status is Status.NOT_PROVISIONED:
        return Verdict.NOT_APPLICABLE
    if Status.UNKNOWN in {copy.status, reference.status} or reference.status is Status.UNREADABLE:
        return Verdict.UNCHECKED
    if reference.status in _NO_REFERENCE:
        return _AGAINST_NONE[copy.status]
    if copy.status is not Status.PHOTO:
        return _AGAINST_PHOTO[copy.status]
    assert reference.picture
    assert copy.picture
    if reference.picture.upload.name != copy.picture.upload.name:
        return Verdict.MISMATCH
    return Verdict.MATCH if reference.picture.variant == copy.picture.variant else Verdict.VARIANT


# Cause ----------------------------------------------------------------------------------------------


def _cause(account: Account, workload: Workload, verdict: Verdict, reference: _Seen, copy: _Seen, owned: bool) -> str:
    """Why a copy drifted, as far as signals that can be read tell; `owned`: it is another user's reference."""
    if verdict is Verdict.VARIANT:
        return "edited_copy"
    if verdict in {Verdict.MISMATCH, Verdict.UNEXPECTED} and owned:
        return "photo_of_another_user"
    if verdict is Verdict.UNEXPECTED:
        return "removed_at_reference" if reference.status is Status.ABSENT else "unexplained"
    if workload is Workload.SHAREPOINT:
        return _sharepoint_cause(account, verdict, copy)
    if workload is Workload.YAMMER and verdict is Verdict.MISMATCH and engage_candidates(account)[0].own_photo:
        return "engage_own_photo"
    if workload is Workload.EXCHANGE and verdict is Verdict.MISMATCH and _from_directory(copy):
        return "low_resolution_directory_copy"
    return "unexplained"


def _from_directory(copy: _Seen) -> bool:
    """Too small, or not square, although 648 pixels were asked for."""
    return copy.picture is not None and copy.picture.form == "thumbnail"


def _sharepoint_cause(account: Account, verdict: Verdict, copy: _Seen) -> str:
    profile = account.profile
    assert profile
    states = (profile.timestamp, profile.placeholder_state, profile.exchange_sync_state)
    if profile.old_host:
        return "tenant_renamed"
    if verdict is Verdict.MISMATCH and not has_exchange_plan(account) and copy.picture is profile.stored:
        return "sharepoint_without_exchange_licence"
    if verdict is Verdict.MISSING and not any(states):
        return "sharepoint_never_visited"
    if verdict is Verdict.MISMATCH and profile.exchange_sync_state == "0" and has_exchange_plan(account):
        return "sharepoint_detached"
    if verdict is Verdict.PLACEHOLDER and copy.picture is None and profile.placeholder_state == "1":
        return "sharepoint_placeholder_state"
    if verdict is Verdict.PLACEHOLDER and copy.picture and copy.picture.upload.name.startswith("blank-"):
        return "sharepoint_blanked"
    return "unexplained"


_REFUSALS: Mapping[str, str] = {
    "AuthenticationError": "no_mailbox",
    "ErrorNonExistentMailbox": "no_mailbox",
    "MailboxNotHostedInExchangeOnline": "mailbox_on_premises",
    "MailboxNotEnabledForRESTAPI": "mailbox_on_premises",
    "Request_ResourceNotFound": "account_deleted_or_renamed",
}
"""What Graph's own code for a photo that it does not give means."""


def _without_drift(account: Account, workload: Workload, seen: _Seen, ews: bool) -> str:
    """Why a copy is not there or cannot be read, where its store knows."""
    match workload, seen.status:
        case Workload.ENTRA, Status.UNKNOWN:
            assert account.graph.refusal
            return _REFUSALS.get(account.graph.refusal.code, "")
        case Workload.ENTRA, Status.ABSENT:
            return "never_set" if _nobody_has_one(account, ews) else ""
        case Workload.EXCHANGE, Status.NOT_PROVISIONED:
            return "no_mailbox"
        case Workload.EXCHANGE, Status.UNKNOWN if ews:
            assert account.mailbox
            return "no_mailbox" if account.mailbox.invalid_licence else "frontline_licence"
        case Workload.SHAREPOINT, Status.NOT_PROVISIONED:
            return "sharepoint_no_profile"
        case Workload.SHAREPOINT | Workload.YAMMER, Status.UNKNOWN:
            return "account_reused"
        case Workload.YAMMER, Status.NOT_PROVISIONED:
            return "not_in_engage"
    return ""


def _nobody_has_one(account: Account, ews: bool) -> bool:
    """Whether no store that can be read holds a photo of this user."""
    held = [_sharepoint(account), _yammer(account), *([_exchange(account)] if ews else [])]
    return not any(one.status in {Status.PHOTO, Status.UNREADABLE, Status.UNKNOWN} for one in held)


DRIFT = {
    Verdict.VARIANT,
    Verdict.MISMATCH,
    Verdict.MISSING,
    Verdict.PLACEHOLDER,
    Verdict.BROKEN,
    Verdict.UNEXPECTED,
}


def with_truth(accounts: Sequence[Account], *, ews: bool, last_synced: str = LAST_SYNCED) -> tuple[Account, ...]:
    """The accounts, each with the truth of its four workloads. `ews` off: no mailbox can be read.

    `last_synced` is when those were, who are synchronised from on premises: a date that all of them tell.
    """
    references = [_entra(account) for account in accounts]
    owners: dict[str, int] = {}
    for account, seen in zip(accounts, references, strict=True):
        if account.in_scope and seen.status is Status.PHOTO and seen.picture and not seen.picture.variant:
            name = seen.picture.upload.name
            owners[name] = owners.get(name, 0) + 1
    return tuple(
        replace(account, truth=_truths(account, reference, owners, ews), last_synced=last_synced)
        for account, reference in zip(accounts, references, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Sighting:
    """One workload's copy in one month, as it takes part in comparisons over time."""

    status: Status
    verdict: Verdict
    picture: StoredPicture | None
    """The photo; None where the copy is none."""

    @property
    def photograph(self) -> Photograph | None:
        """Which photograph it shows: equal for one upload under the same edits, whatever its size or encoding."""
        return photograph(self.picture) if self.picture else None


Photograph = tuple[str, frozenset[str]]
"""The upload's name, and the edits that make another version of it."""


def photograph(picture: StoredPicture) -> Photograph:
    """Which photograph a picture shows."""
    return picture.upload.name, frozenset(picture.variant)


def sightings(account: Account, *, ews: bool) -> dict[Workload, Sighting]:
    """What every workload shows of the account; `entra` is the reference."""
    reference = _entra(account)
    seen = {Workload.ENTRA: reference, **_copies(account, ews)}
    return {
        workload: Sighting(
            one.status,
            _REFERENCE_ROW[one.status] if workload is Workload.ENTRA else _verdict(reference, one),
            one.picture if one.status is Status.PHOTO else None,
        )
        for workload, one in seen.items()
    }


def _copies(account: Account, ews: bool) -> dict[Workload, _Seen]:
    return {
        Workload.EXCHANGE: _exchange(account) if ews else _Seen(Status.UNKNOWN),
        Workload.SHAREPOINT: _sharepoint(account),
        Workload.YAMMER: _yammer(account),
    }


def _truths(account: Account, reference: _Seen, owners: Mapping[str, int], ews: bool) -> dict[str, Truth]:
    row = _REFERENCE_ROW[reference.status]
    truths = {
        Workload.ENTRA.value: _truth(
            reference.status.value,
            row.value,
            "unexplained" if row is Verdict.BROKEN else "",
            reference.by_looks,
            needs_variant=False,
            beside="" if row is Verdict.BROKEN else _without_drift(account, Workload.ENTRA, reference, ews),
        )
    }
    for workload, copy in _copies(account, ews).items():
        verdict = _verdict(reference, copy)
        # A mismatch or an unexpected copy never equals the user's own reference: an owner is another user.
        owned = copy.picture is not None and not copy.picture.variant and copy.picture.upload.name in owners
        cause = _cause(account, workload, verdict, reference, copy, owned) if verdict in DRIFT else ""
        truths[workload.value] = _truth(
            copy.status.value,
            verdict.value,
            cause,
            copy.by_looks,
            needs_variant=verdict is Verdict.VARIANT,
            beside="" if verdict in DRIFT else _without_drift(account, workload, copy, ews),
        )
    return truths


# Files ----------------------------------------------------------------------------------------------


def served(account: Account, workload: Workload) -> bytes | None:
    """The largest picture this workload serves of the user; None where it has none or none can be read."""
    if account.truth[workload.value].status not in {Status.PHOTO, Status.PLACEHOLDER, Status.UNREADABLE}:
        return None
    picture: Picture | None
    match workload:
        case Workload.ENTRA:
            picture = account.graph.picture
        case Workload.EXCHANGE:
            picture = account.mailbox.picture if account.mailbox else None
        case Workload.SHAREPOINT:
            picture = account.profile.shown if account.profile else None
            if picture is None:
                return drawing.default_person(300)
        case Workload.YAMMER:
            picture = engage_candidates(account)[0].picture
    return picture.largest(_STORES[workload]).data if picture else None


def write_truth(tenant: Tenant, path: Path) -> None:
    """Writes truth.csv to `path` and truth-notes.csv beside it."""
    digests = len(tenant.accounts) <= DIGESTS_UP_TO
    write_table(path, COLUMNS, _rows(tenant.accounts, digests))
    write_table(path.with_name(NOTES_FILE), NOTES_COLUMNS, _notes(tenant.accounts))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a table as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _rows(accounts: Iterable[Account], digests: bool) -> Iterator[Sequence[str]]:
    for account in accounts:
        for workload in Workload:
            truth = account.truth[workload.value]
            picture = served(account, workload) if digests else None
            yield (
                account.id,
                account.upn,
                workload.value,
                _flag(account.in_scope),
                truth.status,
                truth.verdict,
                truth.cause,
                hashlib.sha256(picture).hexdigest() if picture else "",
            )


def _notes(accounts: Iterable[Account]) -> Iterator[Sequence[str]]:
    for account in accounts:
        for workload in Workload:
            truth = account.truth[workload.value]
            yield (
                account.id,
                workload.value,
                account.scenario,
                _flag(truth.by_looks),
                _flag(truth.needs_variant),
                truth.cause_without_drift,
            )
