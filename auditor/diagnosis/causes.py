"""The causes of a verdict row, as they are written down and as they are read again with all that is known of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.diagnosis.fixes import FIXES, Fix, command_for
from auditor.diagnosis.over_time import OVER_TIME
from auditor.diagnosis.rules import RULES, UNEXPLAINED, WITHOUT_DRIFT, Case, Rule
from auditor.model import Confidence, Workload


@dataclass(frozen=True, slots=True)
class Remedy:
    """A fix, with the user's names in its command."""

    fix: Fix
    command: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One of the causes of a row."""

    cause: str
    confidence: Confidence
    evidence: str
    """What was found, as a sentence."""
    settle: str
    """What would settle it, as a sentence."""
    remedies: tuple[Remedy, ...]
    """In the order in which they are to be offered."""


def written(rules: Sequence[Rule], case: Case) -> str:
    """The column `causes`: what was found in this case. What holds for every such cause is not repeated in it."""
    found = [
        {"cause": rule.cause, "confidence": str(rule.confidence), "evidence": rule.evidence(case)} for rule in rules
    ]
    return json.dumps(found, ensure_ascii=False)


def explained(row: Mapping[str, Any]) -> tuple[Explained, ...]:
    """The causes of a row of `VERDICT_COLUMNS`, the surest first; none where nothing was found.

    Read tolerantly: what is no list of causes is none, and a cause that this version does not know is left out.
    """
    try:
        entries = json.loads(str(row.get("causes") or "[]"))
    except ValueError:
        return ()
    user_id, upn = str(row.get("user_id") or ""), str(row.get("upn") or "")
    return tuple(
        Explained(
            cause=str(entry["cause"]),
            confidence=Confidence(entry["confidence"]),
            evidence=str(entry.get("evidence") or ""),
            settle=_settle(str(entry["cause"]), str(row.get("workload"))),
            remedies=tuple(
                Remedy(fix, command_for(fix, user_id=user_id, upn=upn)) for fix in FIXES[str(entry["cause"])]
            ),
        )
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("cause") in FIXES and entry.get("confidence") in set(Confidence)
    )


def _settle(cause: str, workload: str) -> str:
    rules = [rule for rule in (*RULES, *WITHOUT_DRIFT, *OVER_TIME, UNEXPLAINED) if rule.cause == cause]
    own = [rule for rule in rules if workload in set(Workload) and Workload(workload) in rule.workloads]
    return next((rule.settle for rule in own or rules), "")
