"""The users as the page's script reads them: an index of those with drift, one of the others, and parts.

An index holds what filters, sorting and the first sight of a row need, by columns: a few long strings with a character
a user are read by a browser many times faster than as many small objects or numbers. The others' is read once the
first rows are seen: of a large tenant most are in step, and nobody should wait for them. A part holds the copies, the
findings and the pictures of a hundred users with drift, and is asked for only when one of them comes into view. A
picture stands in the first part that shows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from auditor.model import DRIFT, Status, Verdict
from auditor.report import wording
from auditor.report.cards import Card, Entry, Slot, cards
from auditor.report.pictures import Pictures, Shot
from auditor.report.reasons import Why
from auditor.report.shares import excepted
from auditor.report.text import as_sentence, visible
from auditor.runs.view import RunView

USERS_A_PART = 100
"""How many users a part holds."""
_NOTHING = "."
_PRIVATE, _PRIVATE_USE = 0xE000, 6400
"""Unicode's first area for private use stands for small numbers: no text of anybody's holds it for something else."""
_GUEST, _DISABLED, _SYNCED = 1, 2, 4

Json = dict[str, Any]


def indexes(view: RunView, listing: Sequence[Entry], workloads: Sequence[str], reference: str) -> tuple[Json, Json]:
    """What is known at once of every user with drift, and of all others.

    A verdict is a letter; a cause, a reason or a distance is a character for private use; nothing is a full stop.
    """
    places = {name: place for place, name in enumerate(workloads)}
    letters = {name: chr(ord("a") + place) for place, name in enumerate(wording.VERDICTS)}
    settled = excepted(view.verdicts)
    # Drift that is accepted has letters of its own, after all others.
    again = {
        name.value: chr(ord("a") + len(letters) + place) for place, name in enumerate(sorted(DRIFT)) if settled.any()
    }
    coded = _Coded(places, letters, again, {}, {}, {}, {})
    read = _Read(
        {column: view.verdicts[column].to_numpy(dtype=object) for column in _READ},
        settled,
        view.users.drop_duplicates("user_id").set_index("user_id"),
    )
    drifting = _columns(read, [entry for entry in listing if entry.shown], coded)
    others = _columns(read, [entry for entry in listing if not entry.shown], coded)
    return {
        "all": len(listing),
        "part": USERS_A_PART,
        "reference": reference,
        "workloads": [[name, wording.workload(name)] for name in workloads],
        "verdicts": [
            *([name, term.name, int(name in DRIFT)] for name, term in wording.VERDICTS.items()),
            *([name, wording.VERDICTS[name].name, 1, 1] for name in again),
        ],
        "bare": {name: [kind, wording.NOT_SHOWN.get(name, "")] for name, kind in _BARE.items()},
        "causes": [[visible(slug), visible(wording.cause(slug))] for slug in coded.causes],
        "departments": [visible(name) for name in coded.departments],
        "domains": list(coded.domains),
        **drifting,
    }, {
        # Where among all, in the order of their names, the users of the first index stand.
        "shown": "".join("1" if entry.shown else "0" for entry in listing),
        "reasons": [visible(name) for name in coded.troubles],
        **others,
    }


@dataclass(frozen=True)
class _Read:
    """Columns of the verdicts, which of these are accepted, and the users by their id."""

    rows: dict[str, Any]
    settled: Any
    users: pd.DataFrame


@dataclass(frozen=True)
class _Coded:
    """What letters and numbers stand for, in both indexes alike. The last four grow as names are met."""

    places: dict[str, int]
    letters: dict[str, str]
    again: dict[str, str]
    causes: dict[str, int]
    troubles: dict[str, int]
    departments: dict[str, int]
    domains: dict[str, int]


def _columns(read: _Read, listing: Sequence[Entry], coded: _Coded) -> Json:
    rows, departments = read.rows, coded.departments
    verdicts, causes, distances, reasons = ([[_NOTHING] * len(listing) for _ in coded.places] for _ in range(4))
    for number, entry in enumerate(listing):
        for row in entry.rows:
            place = coded.places.get(rows["workload"][row])
            if place is None:
                continue
            verdict, distance = rows["verdict"][row], rows["distance"][row]
            own = coded.again if read.settled[row] and verdict in DRIFT else coded.letters
            verdicts[place][number] = own.get(verdict, _NOTHING)
            if isinstance(distance, float) and distance == distance:
                distances[place][number] = _character(round(distance))
            if verdict in DRIFT:
                cause = _str(rows["cause"][row])
                causes[place][number] = _character(coded.causes.setdefault(cause, len(coded.causes)))
            elif verdict == Verdict.UNCHECKED and not entry.shown:
                # Of the others the part says it.
                reason = _str(rows["reason"][row]) if rows["status"][row] == Status.UNKNOWN else ""
                name = wording.trouble(reason).name
                reasons[place][number] = _character(coded.troubles.setdefault(name, len(coded.troubles)))
    people = read.users.reindex([entry.user_id for entry in listing])
    upns = [visible(_str(rows["upn"][entry.rows[0]])) for entry in listing]
    return {
        "users": len(listing),
        # Nothing that is visible holds a line's end, so that lines keep them apart.
        "name": _lines(entry.name for entry in listing),
        "upn": "\n".join(upns),
        "id": _lines(entry.user_id for entry in listing),
        "department": [departments.setdefault(_str(name).strip(), len(departments)) for name in people["department"]],
        "domain": [coded.domains.setdefault(upn.rpartition("@")[2].lower(), len(coded.domains)) for upn in upns],
        "kind": "".join(
            str(_GUEST * (_str(kind).lower() == "guest") + _DISABLED * (enabled is False) + _SYNCED * (synced is True))
            for kind, enabled, synced in zip(people["user_type"], people["enabled"], people["synced"], strict=True)
        ),
        "copies": [
            {"verdict": "".join(own), "cause": "".join(why), "distance": "".join(far), "reason": "".join(open_)}
            for own, why, far, open_ in zip(verdicts, causes, distances, reasons, strict=True)
        ],
    }


_READ = ("workload", "verdict", "status", "reason", "cause", "distance", "upn")
_BARE = {
    Verdict.MATCH.value: "photo",
    Verdict.REFERENCE.value: "photo",
    Verdict.NO_PHOTO.value: "absent",
    Verdict.NOT_APPLICABLE.value: "not_provisioned",
    Verdict.UNCHECKED.value: "unknown",
}
"""What is drawn in the place of a picture where the index alone tells of the copy."""


def parts(view: RunView, listing: Sequence[Entry], workloads: Sequence[str], pictures: Pictures) -> Iterator[Json]:
    """The parts in order, one at a time. A picture that `pictures` gave away before is named and not repeated."""
    home: dict[str, int] = {}
    # Most users' causes are the same few: what holds for each such cause is written down once a part.
    bounds = [*range(0, len(listing), USERS_A_PART), len(listing)]
    for number, (start, stop) in enumerate(pairwise(bounds), 1):
        own: dict[str, list[Any]] = {}
        told: dict[str, int] = {}
        users = []
        for card in cards(view, listing[start:stop], workloads, pictures):
            for slot in card.slots:
                if slot.shot and slot.shot.first:
                    home[slot.shot.id] = number
                    thumbnail = slot.shot.thumbnail
                    own[slot.shot.id] = [thumbnail.width, thumbnail.height, thumbnail.uri.partition(",")[2]]
            users.append(_user(card, number, home, told))
        yield {"users": users, "pictures": own, "causes": [json.loads(one) for one in told]}


def text(value: Any) -> str:
    """JSON that can stand in a script element and in a script file."""
    made = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return made.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _user(card: Card, part: int, home: dict[str, int], told: dict[str, int]) -> Json:
    details = {detail.workload: detail for detail in card.details}
    return {
        "copies": [
            _full(_copy(slot, part, home))
            | {
                "facts": [
                    [visible(fact.name), visible(fact.text), *([fact.raw] if fact.raw else [])]
                    for fact in (details[slot.workload].facts if slot.workload in details else ())
                ]
            }
            for slot in card.slots
        ],
        "findings": [
            _full(
                {
                    "workload": visible(found.workload),
                    "verdict": found.verdict,
                    "sentence": visible(found.sentence) + ".",
                    "why": [_why(why, told) for why in found.reasons],
                    "accepted": visible(found.accepted),
                }
            )
            for found in card.findings
        ],
    }


def _why(why: Why, told: dict[str, int]) -> list[Any]:
    """What is this user's own of a cause, and in `told` what is every user's: the number of the latter, confidence,
    evidence, and the fixes' commands as far as there are any.
    """
    common = {
        "name": visible(why.name),
        "settle": _prose(why.settle),
        "mends": [
            {
                "words": _prose(mend.words),
                "link": visible(mend.link),
                "said": [[visible(label), _prose(said)] for label, said in mend.said],
                "wait": _prose(mend.wait),
            }
            for mend in why.mends
        ],
    }
    number = told.setdefault(json.dumps(common, ensure_ascii=False), len(told))
    own: list[Any] = [number, visible(why.confidence), _prose(as_sentence(why.evidence))]
    own += [_prose(mend.command) for mend in why.mends]
    while len(own) > 1 and not own[-1]:
        own.pop()
    return own


def _copy(slot: Slot, part: int, home: dict[str, int]) -> Json:
    return {
        "kind": slot.kind,
        "empty": "" if slot.shot else visible(slot.empty),
        "size": slot.size,
        "moment": slot.moment,
        "own": int(slot.own_date),
        "remark": visible(slot.remark),
        "alt": visible(slot.alt),
        **_picture(slot.shot, part, home),
    }


def _picture(shot: Shot | None, part: int, home: dict[str, int]) -> Json:
    """The picture by its digest, and the part that holds it where that is another; 0 is the page itself."""
    if shot is None:
        return {}
    at = home.get(shot.id, 0)
    return {"picture": shot.id} | ({} if at == part else {"at": at})


def _full(value: Json) -> Json:
    return {name: item for name, item in value.items() if item not in ("", []) and (name != "own" or item)}


def _character(number: int) -> str:
    return chr(_PRIVATE + min(max(number, 0), _PRIVATE_USE - 1))


def _lines(texts: Any) -> str:
    return "\n".join(map(visible, texts))


def _prose(sentences: str) -> str:
    return "\n".join(map(visible, sentences.split("\n")))


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
