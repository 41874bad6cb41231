"""Verdicts → the cards of the page: one drifting user each, made one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from auditor.model import DRIFT, Status, Verdict
from auditor.report import wording
from auditor.report.pictures import Pictures, Shot
from auditor.report.reasons import Why, difference, reasons
from auditor.report.text import as_sentence, visible
from auditor.runs.view import RunView
from auditor.services.sharepoint import picture_moment

_SLICE = 100


@dataclass(frozen=True)
class Entry:
    """A user in the list, not yet drawn."""

    user_id: str
    name: str
    rows: tuple[int, ...]
    """Where the user's verdicts stand in the run's table."""
    shown: bool
    """Whether the user has a card: those who drift have, and in a small run everyone."""


@dataclass(frozen=True)
class Slot:
    """One workload's copy as the card shows it."""

    workload: str
    name: str
    kind: str
    """What is drawn: `shot`, or for an empty slot the status (`photo`: there is one, not kept)."""
    empty: str
    shot: Shot | None
    verdict: str
    word: str
    drifts: bool
    size: str
    dated: str
    """The picture's own date where the service tells one, else when it was read: in words."""
    moment: str
    """The same as ISO 8601, for a reader's own way of writing dates."""
    own_date: bool
    """Whether that is the picture's own date."""
    distance: str
    remark: str
    alt: str


FEW = 25
"""Up to so many users are all shown, whether they drift or not."""


@dataclass(frozen=True)
class Finding:
    """One copy that drifted: what it is, why, and what mends it."""

    workload: str
    verdict: str
    sentence: str
    reasons: tuple[Why, ...]
    """Never empty; the surest first."""
    accepted: str = ""
    """Why it is an accepted exception; empty where it is not."""


@dataclass(frozen=True)
class Fact:
    """One thing that was read about a copy."""

    name: str
    text: str
    raw: str | int | None = None
    """The same for a reader's own way of writing it: a moment as ISO 8601, or a number of bytes."""


@dataclass(frozen=True)
class Detail:
    """Everything that was read about one copy."""

    workload: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Card:
    """One drifting user."""

    anchor: str
    name: str
    upn: str
    department: str
    kind: str
    slots: tuple[Slot, ...]
    findings: tuple[Finding, ...]
    details: tuple[Detail, ...]


def entries(view: RunView) -> list[Entry]:
    """The users of whom there are verdicts in the order of their names, whatever the order of the run's rows."""
    verdicts = view.verdicts
    codes, users = pd.factorize(verdicts["user_id"])
    places = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[places], np.arange(len(users) + 1))
    drifting = np.zeros(len(users), dtype=bool)
    drifting[codes[verdicts["verdict"].isin([item.value for item in DRIFT]).to_numpy()]] = True
    if len(view.users) <= FEW:
        # Whoever asked for so few wants to see them all, those with whom all is well too.
        drifting[:] = True
    names = view.users.drop_duplicates("user_id").set_index("user_id")["display_name"].reindex(users)
    upns = verdicts["upn"].iloc[places[starts[:-1]]]
    found = [
        Entry(str(user), _text(name) or _text(upn), tuple(places[start:stop].tolist()), bool(shown))
        for user, name, upn, start, stop, shown in zip(
            users, names, upns, starts[:-1], starts[1:], drifting, strict=True
        )
    ]
    return sorted(found, key=lambda entry: (entry.name.casefold(), entry.user_id))


def cards(
    view: RunView, chosen: Sequence[Entry], workloads: Sequence[str], pictures: Pictures | None
) -> Iterator[Card]:
    """The cards of these users, as text alone without `pictures`.

    Only a slice of the run is turned into objects at a time.
    """
    people = view.users.drop_duplicates("user_id").set_index("user_id")
    for start in range(0, len(chosen), _SLICE):
        part = chosen[start : start + _SLICE]
        rows = view.verdicts.iloc[[row for entry in part for row in entry.rows]].to_dict("records")
        users = people.reindex([entry.user_id for entry in part]).to_dict("records")
        taken = iter(rows)
        for entry, user in zip(part, users, strict=True):
            own = {_text(row["workload"]): row for row in (next(taken) for _ in entry.rows)}
            yield _card(entry, user, own, workloads, pictures)


def anchor(user_id: str) -> str:
    """The id of a user's card."""
    return "u-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in user_id)


def _card(
    entry: Entry,
    user: dict[Any, Any],
    rows: dict[str, dict[Any, Any]],
    workloads: Sequence[str],
    pictures: Pictures | None,
) -> Card:
    drifting = [row for row in rows.values() if row["verdict"] in DRIFT]
    ordered = sorted(drifting, key=lambda row: _place(workloads, _text(row["workload"])))
    kinds = [
        "guest" if _text(user.get("user_type")).lower() == "guest" else "",
        "account disabled" if user.get("enabled") is False else "",
        "synced from on premises" if user.get("synced") is True else "",
    ]
    return Card(
        anchor=anchor(entry.user_id),
        name=entry.name,
        upn=_text(next(iter(rows.values()))["upn"]) or _text(user.get("upn")),
        department=_text(user.get("department")),
        kind=", ".join(kind for kind in kinds if kind),
        slots=tuple(_slot(entry, workload, rows.get(workload), pictures) for workload in workloads),
        findings=tuple(map(_finding, ordered)),
        details=tuple(_detail(rows[workload]) for workload in workloads if workload in rows),
    )


def _slot(entry: Entry, workload: str, row: dict[Any, Any] | None, pictures: Pictures | None) -> Slot:
    name = wording.workload(workload)
    if row is None:
        word = wording.STATUSES[""].name
        return Slot(workload, name, "unasked", word, None, "", "", False, "", "", "", False, "", "", f"{name}: {word}")
    status, verdict = _text(row["status"]), _text(row["verdict"])
    shown = pictures if status in (Status.PHOTO, Status.PLACEHOLDER) else None
    shot = shown.shot(_text(row["sha256"])) if shown is not None else None
    empty = wording.STATUSES[status].name if status in wording.STATUSES else wording.in_words(status)
    word = wording.verdict(verdict)
    reason = _text(row["reason"])
    if verdict == Verdict.UNCHECKED and status != Status.UNKNOWN:
        reason = ""  # the copy was read; its row repeats why the reference was not
    remark = wording.trouble(reason).name if reason or verdict == Verdict.UNCHECKED else _text(row["note"])
    drawn = f"picture of {visible(entry.name)}" if shot else empty
    own = _own_date(_signals(row))
    return Slot(
        workload=workload,
        name=name,
        kind="shot" if shot else status,
        empty=empty,
        shot=shot,
        verdict=verdict,
        word=word,
        drifts=verdict in DRIFT,
        size=f"{row['width']} × {row['height']} px" if row["width"] and row["height"] else "",
        dated=f"picture of {_day(own)}" if own else _date(_read_at(row)),
        moment=f"{own:%Y-%m-%dT%H:%M:%SZ}" if own else _iso(_read_at(row)),
        own_date=own is not None,
        distance=_distance(row["distance"]),
        remark=remark,
        alt=f"{name}: {drawn}. {word}.",
    )


def _finding(row: dict[Any, Any]) -> Finding:
    found = reasons(row) or (Why("", wording.cause(""), "", "", "", ()),)
    return Finding(_text(row["workload"]), _text(row["verdict"]), difference(row), found, _text(row.get("accepted")))


def _detail(row: dict[Any, Any]) -> Detail:
    size = int(row["size"]) if row["size"] else 0
    way = _text(row["way"])
    facts = [
        Fact("Answer", _text(row["status"]).replace("_", " ")),
        Fact("Reason", _text(row["reason"])),
        Fact("In words", _text(row["detail"])),
        *(_explained(row) if _text(row["verdict"]) not in DRIFT else ()),
        Fact("Note", _text(row["note"])),
        Fact("Format", _text(row["format"])),
        Fact("Size", f"{size:,} bytes" if size else "", size),
        Fact("Distance", _distance(row["distance"])),
        Fact("SHA-256", _text(row["sha256"])),
        Fact("Read by", wording.WAYS.get(way, way)),
        Fact("Read at", _moment(_read_at(row)), _iso(_read_at(row))),
        *(
            (
                Fact("Read in run", _text(row["read_in"])),
                Fact("Unchanged at", _moment(row["observed_at"]), _iso(row["observed_at"])),
            )
            if _text(row.get("read_in"))
            else ()
        ),
        *(Fact(name, value) for name, value in _signals(row).items()),
    ]
    return Detail(_text(row["workload"]), tuple(fact for fact in facts if fact.text))


def _explained(row: dict[Any, Any]) -> Iterator[Fact]:
    """Why a copy that did not drift is not there, or could not be read."""
    for why in reasons(row)[:1]:
        yield Fact("Why", as_sentence(f"{why.name}: {why.evidence}" if why.evidence else why.name))
        yield Fact("What helps", " ".join(mend.words for mend in why.mends[:1]))


def _signals(row: dict[Any, Any]) -> dict[str, str]:
    try:
        found = json.loads(_text(row["signals"]) or "{}")
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items() if str(v)} if isinstance(found, dict) else {}


def _own_date(signals: dict[str, str]) -> datetime | None:
    """SharePoint tells when it took the picture over."""
    return picture_moment(signals.get("SPS-PictureTimestamp", ""))


def _read_at(row: dict[Any, Any]) -> Any:
    """When the picture was read: by the run that is shown, or by an earlier one from which it was carried over."""
    earlier = row.get("read_at")
    return row["observed_at"] if earlier is None or pd.isna(earlier) else earlier


def _date(value: Any) -> str:
    return "" if pd.isna(value) else f"read {_day(_utc(value))}"


def _moment(value: Any) -> str:
    return "" if pd.isna(value) else _utc(value).strftime("%Y-%m-%d %H:%M:%S UTC")


def _iso(value: Any) -> str:
    return "" if pd.isna(value) else f"{_utc(value):%Y-%m-%dT%H:%M:%SZ}"


def _utc(value: Any) -> datetime:
    moment = pd.Timestamp(value)
    return (moment.tz_localize(UTC) if moment.tzinfo is None else moment.tz_convert(UTC)).to_pydatetime()


def _day(moment: datetime) -> str:
    # Not %b: that would follow the locale of whoever draws the report.
    return f"{moment.day} {_MONTHS[moment.month - 1][:3]} {moment.year}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def long_date(moment: datetime) -> str:
    """A moment in words: `20 November 2026, 10:15 UTC`."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"


def _distance(value: Any) -> str:
    return "" if pd.isna(value) else f"{float(value):.0f}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None or pd.isna(value) else str(value)


def _place(workloads: Sequence[str], workload: str) -> int:
    return list(workloads).index(workload) if workload in workloads else len(workloads)
