"""A verdict row → why, and what mends it, with everything that diagnosis knows of it: the same for page and ticket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.diagnosis.causes import explained
from auditor.diagnosis.fixes import FIXES, Fix
from auditor.model import Verdict
from auditor.report import wording


@dataclass(frozen=True)
class Mend:
    """One way to mend a cause."""

    words: str
    command: str = ""
    """To be read and run by a person; may have several lines."""
    link: str = ""
    said: tuple[tuple[str, str], ...] = ()
    """(label, text): whom it touches, who may do it, how it is undone, what else it does."""
    wait: str = ""


@dataclass(frozen=True)
class Why:
    """One cause that is held for possible."""

    cause: str
    name: str
    confidence: str
    evidence: str
    settle: str
    """What would settle it."""
    mends: tuple[Mend, ...]
    """The one to be offered first comes first."""


def reasons(row: Mapping[Any, Any]) -> tuple[Why, ...]:
    """The causes of a row of `VERDICT_COLUMNS`, the surest first; none where the row has none.

    What an older or newer version wrote, whose causes are not in the table of fixes, is told as it was written down.
    """
    found = tuple(
        Why(
            item.cause,
            wording.cause(item.cause),
            str(item.confidence),
            item.evidence,
            item.settle,
            tuple(mend(remedy.fix, remedy.command) for remedy in item.remedies),
        )
        for item in explained(row)
    )
    own = _text(row.get("cause"))
    if not own or any(why.cause == own for why in found):
        return found
    fix = _text(row.get("fix"))
    return (
        Why(own, wording.cause(own), "", _text(row.get("evidence")), "", (Mend(fix),) if fix else ()),
        *found,
    )  # fmt: skip


def difference(row: Mapping[Any, Any]) -> str:
    """What a drifting copy is, as a clause: `SharePoint holds the same photograph, altered (cropped)`."""
    verdict, kind = _text(row["verdict"]), _text(row["kind"])
    clause = f"{wording.workload(_text(row['workload']))} {wording.VERDICTS[verdict].meaning}"
    if kind and verdict == Verdict.VARIANT:
        return f"{clause} ({wording.KINDS.get(kind, wording.in_words(kind).lower())})"
    return clause


def remedies(causes: Iterable[str]) -> list[tuple[str, tuple[Mend, ...]]]:
    """What mends each of these causes, without anybody's names, as (name of the cause, its fixes)."""
    return [(wording.cause(slug), tuple(mend(fix, "") for fix in FIXES[slug])) for slug in causes if slug in FIXES]


def mend(fix: Fix, command: str) -> Mend:
    """A fix in the page's words; `command` with the names already in it."""
    return Mend(fix.words, command, fix.link, tuple(_said(fix)), fix.wait)


def _said(fix: Fix) -> Iterator[tuple[str, str]]:
    texts = {
        "touches": wording.TOUCHES[fix.touches],
        "role": fix.role,
        "undo": fix.undo,
        "side_effects": fix.side_effects,
    }
    yield from ((wording.MENDS[name], text) for name, text in texts.items() if text)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
