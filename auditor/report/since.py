"""What changed since the baseline that a run was given, in numbers, as its manifest keeps them from drawing on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.changes.between import Changes
from auditor.model import Workload
from auditor.report import wording
from auditor.report.text import listed

SINCE = "since"
"""The entry of the manifest."""


@dataclass(frozen=True)
class Since:
    """Counts, and no names."""

    day: str
    """Of the baseline's run, ISO 8601; empty where it could not be read."""
    counts: Mapping[str, Mapping[str, int]]
    """Workload → change → copies."""
    note: str = ""
    """Why nothing can be told, or what must be known of the numbers."""

    @property
    def workloads(self) -> list[str]:
        """The workloads of which anything is told, in order."""
        return [workload.value for workload in Workload if self.counts.get(workload)]

    @property
    def changes(self) -> list[tuple[str, wording.Term, list[int]]]:
        """A row a change: its slug, its words and a number for each of `workloads`."""
        return [
            (str(change), term, numbers)
            for change, term in wording.CHANGES.items()
            if any(numbers := [self.counts[name].get(str(change), 0) for name in self.workloads])
        ]

    @property
    def sentence(self) -> str:
        """The numbers in one sentence; empty where there are none."""
        if not self.day:
            return ""
        parts = [f"{sum(numbers):,} {term.name.lower()}" for _, term, numbers in self.changes]
        return f"Since the run of {self.day}: {listed(parts) if parts else 'nothing changed, and nothing drifts'}."

    def document(self) -> dict[str, Any]:
        """The same for a program."""
        return {"day": self.day, "counts": {name: dict(told) for name, told in self.counts.items()}, "note": self.note}


def counted(found: Changes | None, note: str = "", *, compared: bool = True) -> dict[str, Any]:
    """The entry of the manifest: what was found, or why nothing was; `compared`: photos could be held together."""
    counts: dict[str, dict[str, int]] = {}
    for (workload, change), number in sorted(found.counts.items()) if found else ():
        counts.setdefault(workload, {})[change] = number
    told = " ".join(found.notes) if found else note
    return Since(found.day_before if found else "", counts, told).document() | {_COMPARED: compared}


def kept_from(manifest: Mapping[str, Any], why: str, *, better_than_nothing: bool) -> dict[str, Any] | None:
    """The entry of the manifest where an earlier drawing told what can be told no more; None where none did.

    `why` it cannot be told, a sentence; `better_than_nothing`: nothing at all can be told, so that what was counted
    without holding photos together stays too.
    """
    told = read_since(manifest)
    compared = told is not None and manifest[SINCE].get(_COMPARED) is not False
    if told is None or not told.day or not (compared or better_than_nothing):
        return None
    first = told.note.partition(_KEPT)[0].strip()
    note = f"{first} {_KEPT} {why}".strip()
    return Since(told.day, told.counts, note).document() | {_COMPARED: compared}


_COMPARED = "compared"

_KEPT = "The numbers are those of an earlier drawing."


def read_since(manifest: Mapping[str, Any]) -> Since | None:
    """What a manifest tells; None where the run had no baseline. Read tolerantly."""
    entry = manifest.get(SINCE)
    if not isinstance(entry, Mapping):
        return None
    held = entry.get("counts")
    counts = {
        str(name): {str(change): number for change, number in told.items() if isinstance(number, int)}
        for name, told in (held.items() if isinstance(held, Mapping) else ())
        if isinstance(told, Mapping)
    }
    return Since(str(entry.get("day") or ""), counts, str(entry.get("note") or ""))
