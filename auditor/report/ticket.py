"""One user's verdicts → what a help desk needs to close the ticket: copies, differences, causes, fixes, what is open.

A pure function of a view with that user alone (`auditor.runs.people.view_of`); `auditor.report.ticket_text` writes it
down. Nothing here is ours to escape: text is made harmless where it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from auditor.model import DRIFT, EXEMPT_REASONS, FAULT_REASONS, Status, Verdict
from auditor.report import wording
from auditor.report.cards import long_date
from auditor.report.facts import Facts, read
from auditor.report.reasons import Mend, Why, difference, reasons
from auditor.report.shares import GRAVITY
from auditor.report.text import as_sentence, listed
from auditor.runs.view import RunView

FORMAT = "photo-auditor/explain/1"
"""What the JSON document says of itself; the number changes when a reader would have to."""


@dataclass(frozen=True)
class Copy:
    """One workload's copy."""

    workload: str
    name: str
    status: str
    verdict: str
    word: str
    """The verdict as the page says it."""
    drifts: bool
    picture: str
    """Pixels and format; else what there is instead."""
    distance: float | None
    kind: str
    reason: str
    note: str
    way: str
    read_at: str
    """ISO 8601, UTC; empty where nobody was asked."""
    sha256: str
    accepted: str
    """Why this drift is an accepted exception; empty where it is not."""


@dataclass(frozen=True)
class Cause:
    """One cause that is held for possible, with all that is said of it."""

    cause: str
    name: str
    said: tuple[tuple[str, str], ...]
    """(label, text) in the order in which they are shown; only what there is something to say about."""
    confidence: str = ""
    """`certain`, `likely` or `possible`; empty in what an earlier version judged."""


@dataclass(frozen=True)
class Difference:
    """A copy that drifted, and why: the likeliest cause first."""

    workload: str
    name: str
    verdict: str
    sentence: str
    causes: tuple[Cause, ...]
    wait: str
    """How long to wait after the fix before worrying."""


@dataclass(frozen=True)
class Explanation:
    """Why a copy that did not drift is not there, or could not be read."""

    workload: str
    name: str
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class Gap:
    """A copy that could not be read, or not be judged, with the sign-in in use."""

    workload: str
    name: str
    reason: str
    title: str
    meaning: str
    answer: str
    """What the service said."""
    remedy: str
    permissions: tuple[str, ...]
    """What it was tried with."""


@dataclass(frozen=True)
class Ticket:
    """Everything that is known of one user's photos."""

    user_id: str
    upn: str
    name: str
    department: str
    remarks: tuple[str, ...]
    """What kind of account it is, where that matters."""
    tenant: str
    run_id: str
    """Empty where the services were asked just now: nothing of that is kept."""
    moment: str
    """When the services were asked, in words."""
    sign_in: str
    reference: str
    verdict: str
    """The gravest of the copies' verdicts."""
    headline: str
    copies: tuple[Copy, ...]
    differences: tuple[Difference, ...]
    explanations: tuple[Explanation, ...]
    gaps: tuple[Gap, ...]
    not_asked: tuple[tuple[str, str], ...]
    """(workload, why) for each workload that was left out."""
    whole_tenant: tuple[str, ...]
    """What is true of the whole tenant, a sentence each."""
    clients: str
    incomplete: bool
    """Whether a copy stayed unknown through a fault, throttling or a refusal for everyone."""

    def document(self) -> dict[str, Any]:
        """The same for a program to read."""
        return {"format": FORMAT} | asdict(self)


def ticket(view: RunView, *, fresh: bool = False) -> Ticket:
    """What the view's only user's photos are like. `fresh`: the services were asked about this user alone, just now."""
    (user,) = view.users.to_dict("records")
    rows = {str(row["workload"]): row for row in view.verdicts.to_dict("records")}
    facts = read(view.manifest)
    copies = tuple(map(_copy, rows.values()))
    verdicts = {copy.verdict for copy in copies}
    return Ticket(
        user_id=str(user["user_id"]),
        upn=str(user["upn"]),
        name=str(user["display_name"]) or str(user["upn"]),
        department=str(user["department"]),
        remarks=tuple(_remarks(user)),
        tenant=facts.tenant,
        run_id="" if fresh else facts.run_id,
        moment=long_date(facts.finished) if facts.finished else "",
        sign_in=_sign_in(view.manifest),
        reference=facts.reference,
        verdict=next((verdict.value for verdict in GRAVITY if verdict in verdicts), Verdict.UNCHECKED.value),
        headline=_headline(copies, facts.reference),
        copies=copies,
        differences=tuple(_difference(row, fresh=fresh) for row in rows.values() if row["verdict"] in DRIFT),
        explanations=tuple(_explanations(row for row in rows.values() if row["verdict"] not in DRIFT)),
        gaps=tuple(_gap(row, facts) for row in rows.values() if row["verdict"] == Verdict.UNCHECKED),
        not_asked=tuple(
            (wording.workload(name), why) for name, why in facts.off if name not in rows
        ),
        whole_tenant=tuple(fact.sentence for fact in facts.tenant_facts),
        clients=wording.CLIENTS,
        incomplete=any(_counts_as_incomplete(row, view.manifest) for row in rows.values()),
    )  # fmt: skip


def _copy(row: Mapping[Any, Any]) -> Copy:
    status, verdict, way = str(row["status"]), str(row["verdict"]), str(row["way"])
    pixels = f"{row['width']} × {row['height']} px {row['format']}".strip() if row["width"] and row["height"] else ""
    instead = "" if status == Status.PHOTO else wording.STATUSES[status].name if status in wording.STATUSES else status
    return Copy(
        workload=str(row["workload"]),
        name=wording.workload(str(row["workload"])),
        status=status,
        verdict=verdict,
        word=wording.verdict(verdict),
        drifts=verdict in DRIFT,
        picture=", ".join(part for part in (instead, pixels) if part),
        distance=None if pd.isna(row["distance"]) else round(float(row["distance"]), 3),
        kind=str(row["kind"]),
        reason=str(row["reason"]),
        note=str(row["note"]),
        way=wording.WAYS.get(way, way),
        read_at=next(
            (pd.Timestamp(at).isoformat() for at in (row.get("read_at"), row["observed_at"]) if pd.notna(at)), ""
        ),
        sha256=str(row["sha256"]),
        accepted=_accepted(row),
    )


def _accepted(row: Mapping[Any, Any]) -> str:
    # A run that was judged before there was such a column has none.
    value = row.get("accepted")
    return value if isinstance(value, str) else ""


def _headline(copies: tuple[Copy, ...], reference: str) -> str:
    held = wording.workload(reference)
    own = next((copy for copy in copies if copy.workload == reference), None)
    drifting = [copy.name for copy in copies if copy.drifts]
    matching = [copy.name for copy in copies if copy.verdict == Verdict.MATCH]
    if drifting:
        return f"{listed(drifting)} {'differs' if len(drifting) == 1 else 'differ'} from the photo in {held}."
    if own is None or own.verdict == Verdict.UNCHECKED:
        return f"The photo in {held} could not be read, so that nothing can be said about the others."
    if own.verdict == Verdict.REFERENCE and matching:
        return f"{listed([held, *matching])} show the same photo."
    if own.verdict == Verdict.REFERENCE:
        return f"{held} holds a photo; no other copy could be held against it."
    return f"{held} holds no photo, and no other place that was read holds one either."


def _difference(row: Mapping[Any, Any], *, fresh: bool) -> Difference:
    verdict, workload = str(row["verdict"]), str(row["workload"])
    causes = reasons(row)
    return Difference(
        workload=workload,
        name=wording.workload(workload),
        verdict=verdict,
        sentence=f"{difference(row)}.",
        causes=tuple(_cause(row, why, fresh=fresh) for why in causes),
        wait=next((mend.wait for why in causes for mend in why.mends if mend.wait), wording.WAITS.get(workload, "")),
    )


def _explanations(rows: Iterable[Mapping[Any, Any]]) -> Iterator[Explanation]:
    for row in rows:
        if found := reasons(row):
            causes = tuple(_cause(row, why, fresh=False) for why in found)
            yield Explanation(str(row["workload"]), wording.workload(str(row["workload"])), causes)


def _cause(row: Mapping[Any, Any], why: Why, *, fresh: bool) -> Cause:
    # Whose photo a wrong one is shows only where everybody's reference is at hand.
    alone = fresh and row["verdict"] in {Verdict.MISMATCH, Verdict.UNEXPECTED}
    settle = [why.settle, wording.SETTLED_BY_A_WHOLE_AUDIT if alone else ""]
    said = [
        (wording.ACCEPTED_BY, _accepted(row)),
        (wording.FOUND, as_sentence(why.evidence)),
        (wording.SETTLES, " ".join(text for text in settle if text)),
        *(pair for number, mend in enumerate(why.mends) for pair in _mend(mend, first=not number)),
    ]
    return Cause(why.cause, why.name, tuple((label, text) for label, text in said if text), why.confidence)


def _mend(mend: Mend, *, first: bool) -> Iterator[tuple[str, str]]:
    yield (wording.FIX if first else wording.OR_FIX), as_sentence(mend.words)
    yield wording.COMMAND, mend.command
    yield wording.LINK, mend.link
    yield from mend.said


def _gap(row: Mapping[Any, Any], facts: Facts) -> Gap:
    workload, reason = str(row["workload"]), str(row["reason"])
    # A copy that was read and not judged repeats why the reference was not.
    own = row["status"] == Status.UNKNOWN
    trouble = wording.trouble(reason) if own else wording.REFERENCE_UNCHECKED
    return Gap(
        workload=workload,
        name=wording.workload(workload),
        reason=reason,
        title=trouble.name,
        meaning=trouble.meaning,
        answer=as_sentence(str(row["detail"])) if own else "",
        remedy=trouble.remedy,
        permissions=tuple(
            f"{item.name} on {item.resource} ({item.kind})" for item in facts.permissions if item.workload == workload
        ),
    )


def _remarks(user: Mapping[Any, Any]) -> Iterator[str]:
    """Why a whole audit leaves such an account out, and what else explains much."""
    left_out = "A whole audit leaves it out unless --include {} is given."
    if str(user["user_type"]).lower() == "guest":
        yield f"This is a guest account. {left_out.format('guests')}"
    elif "#EXT#" in str(user["upn"]):
        yield f"This is an external member. {left_out.format('external-members')}"
    elif user["enabled"] is False:
        yield f"This account is disabled. {left_out.format('disabled')}"
    elif user["licensed"] is False:
        yield f"This account has no licence. {left_out.format('unlicensed')}"
    if user["synced"] is True:
        yield "It is synchronised from an on-premises directory, which is not read."
    if user.get("kiosk") is True:
        yield "Its only Exchange plan is a frontline one: Exchange Web Services refuse such mailboxes."


def _sign_in(manifest: Mapping[str, Any]) -> str:
    kinds: dict[str, list[str]] = {}
    for item in manifest.get("permissions", ()):
        names = kinds.setdefault(str(item.get("kind", "")), [])
        name = wording.workload(str(item.get("workload", "")))
        names.extend([] if name in names else [name])
    told = [
        f"{listed(names)} with the permissions of {'the app itself' if kind == 'application' else 'a person'}"
        for kind, names in kinds.items()
    ]
    opens = dict.fromkeys(str(item["opens"]) for item in manifest.get("permissions", ()) if item.get("opens"))
    also = f" What these also open: {'; '.join(opens)}." if opens else ""
    app = str(manifest.get("app", ""))
    return f"Read by the app {app}: {'; '.join(told)}.{also}" if app and told else ""


def _counts_as_incomplete(row: Mapping[Any, Any], manifest: Mapping[str, Any]) -> bool:
    if row["status"] != Status.UNKNOWN:
        return False
    reason, workload = row["reason"], row["workload"]
    refused = workload in manifest.get("refusals", {}) and reason not in EXEMPT_REASONS
    return reason in FAULT_REASONS or refused or workload in manifest.get("require", ())
