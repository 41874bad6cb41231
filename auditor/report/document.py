"""report.json: the run for a program to read, as docs/report.schema.json describes it.

Counts stand at the head; then one entry for each user with drift, written as it is made, so that a large run never
stands in memory twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from auditor.model import DRIFT, VERDICT_COLUMNS
from auditor.report import wording
from auditor.report.facts import Facts, read, redacted
from auditor.report.files import replacing
from auditor.report.shares import NO_ANSWER, REFERENCE_UNCHECKED, Share, Tally
from auditor.report.text import as_json
from auditor.runs.view import RunView

FORMAT = "photo-auditor/report/1"
"""What the document says of itself. Members may be added under the same number; none changes its meaning or goes."""
_ROWS = 4_000
_OTHER = "other"
_PERSON = ("display_name", "mail", "department", "user_type", "enabled", "licensed", "synced")
_COPY = tuple(column.name for column in VERDICT_COLUMNS if column.name not in {"user_id", "upn", "reference"})


def head(view: RunView, tally: Tally, *, redact: bool = False) -> dict[str, Any]:
    """Everything but the findings: what was asked, what was counted, what could not be learned.

    With `redact` in numbers and our own words alone, as on the page.
    """
    told = read(view.manifest)
    facts = redacted(told) if redact else told
    return {
        "format": FORMAT,
        "version": facts.version,
        "redacted": redact,
        "run": _run(facts),
        "scope": {
            "directory": facts.scope.directory,
            "in_scope": facts.scope.in_scope,
            "excluded": dict(facts.scope.excluded),
            "only": facts.scope.only,
        },
        "users": tally.users,
        "drifting_users": tally.drifting,
        "drifting_copies": tally.drifting_copies,
        "accepted_users": tally.accepted_users,
        "accepted_copies": tally.accepted_copies,
        "shares": {
            "same_everywhere": _share(tally.same_everywhere),
            "no_photo": _share(tally.no_photo),
            "not_fully_checked": _share(tally.not_fully_checked),
        },
        "workloads": list(_workloads(facts, tally)),
        "off": [{"workload": name, "why": why} for name, why in facts.off],
        "unchecked": list(_unchecked(tally, redact=redact)),
        "causes": [
            {
                "cause": found.cause if not redact or found.cause in wording.CAUSES else _OTHER,
                "users": found.users,
                "copies": dict(found.copies),
            }
            for found in tally.causes
        ],
        "tenant_facts": [
            {
                "cause": fact.cause,
                "sentence": fact.sentence,
                "confidence": fact.confidence,
                "settle": fact.settle,
                "fix": fact.mend.words,
                "command": fact.mend.command,
                "link": fact.mend.link,
            }
            for fact in facts.tenant_facts
        ],
        "since": facts.since.document() if facts.since else None,
        "baseline": facts.carried.document() if facts.carried else None,
    }


def write_document(view: RunView, tally: Tally, path: Path, *, redact: bool = False) -> None:
    """Write report.json whole or not at all; with `redact` without any finding."""
    begun = as_json(head(view, tally, redact=redact)).removesuffix("\n}")
    with replacing(path) as file:
        file.write(f'{begun},\n "findings": [')
        between = "\n  "
        for finding in () if redact else _findings(view):
            file.write(between + as_json(finding, indent=None))
            between = ",\n  "
        file.write("\n ]\n}\n")


def _run(facts: Facts) -> dict[str, Any]:
    return {
        "id": facts.run_id,
        "tenant": {"id": facts.tenant_id, "name": facts.tenant, "domain": facts.domain},
        "started": _instant(facts.started),
        "finished": _instant(facts.finished),
        "complete": facts.complete,
        "incomplete_because": list(facts.incomplete_because),
        "reference": facts.reference,
        "recipe": facts.recipe,
        "pictures_kept": facts.photos,
    }


def _instant(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _share(share: Share) -> dict[str, int]:
    return {"part": share.part, "whole": share.whole}


def _workloads(facts: Facts, tally: Tally) -> Iterator[dict[str, Any]]:
    asked = {item.workload: item for item in facts.workloads}
    for counted in tally.workloads:
        known = asked.get(counted.workload)
        yield {
            "workload": counted.workload,
            "verdicts": {name: number for name, number in counted.verdicts.items() if number},
            "compared": counted.compared,
            "drifting": counted.drifting,
            "accepted": counted.accepted,
            "requests": known.requests if known else None,
            "throttled": known.throttled if known else None,
            "retried": known.retried if known else None,
            "seconds": known.seconds if known else None,
        }


def _unchecked(tally: Tally, *, redact: bool) -> Iterator[dict[str, Any]]:
    for item in tally.unchecked:
        ours = wording.is_known_reason(item.reason) or item.reason in {NO_ANSWER, REFERENCE_UNCHECKED}
        yield {
            "workload": item.workload,
            "reason": item.reason if ours or not redact else _OTHER,
            "copies": item.copies,
            "detail": "" if redact else item.detail,
        }


def _findings(view: RunView) -> Iterator[dict[str, Any]]:
    """The users with drift in the order of the directory, each with all the copies that were read."""
    drifted = view.verdicts.loc[view.verdicts["verdict"].isin([verdict.value for verdict in DRIFT]), "user_id"]
    rows = view.verdicts[view.verdicts["user_id"].isin(drifted.unique())]
    people = view.users.drop_duplicates("user_id").set_index("user_id")
    for user_id, own in groupby(_records(rows), key=lambda row: row["user_id"]):
        copies = list(own)
        person = people.loc[user_id].to_dict() if user_id in people.index else {}
        yield {
            "user_id": _plain(user_id),
            "upn": _plain(copies[0]["upn"]),
            **{name: _plain(person.get(name)) for name in _PERSON},
            "copies": [{name: _plain(row[name]) for name in _COPY} | {"signals": _signals(row)} for row in copies],
        }


def _records(rows: pd.DataFrame) -> Iterator[dict[Any, Any]]:
    place = rows["user_id"].factorize()[0].argsort(kind="stable")
    for start in range(0, len(rows), _ROWS):
        yield from rows.iloc[place[start : start + _ROWS]].to_dict("records")


def _signals(row: Mapping[Any, Any]) -> dict[str, str]:
    try:
        found = json.loads(row["signals"] or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _plain(value: Any) -> Any:
    """A cell as JSON knows it."""
    if isinstance(value, str | bool) or value is None:
        return value
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp | datetime):
        return pd.Timestamp(value).isoformat()
    return value.item() if hasattr(value, "item") else value
