"""What a run carried over from its baseline, as the page, the terminal and report.json tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditor.model import Workload
from auditor.report import wording
from auditor.report.text import count


@dataclass(frozen=True)
class OfWorkload:
    """What became of one workload's copies."""

    workload: str
    carried: int
    """Users whose copy was carried over."""
    rechecked: int
    """Copies that were read again all the same."""
    differed: int
    """Of these, the ones that were others than would have been carried over."""
    dropped: bool
    """Whether nothing was carried over therefore."""

    @property
    def sentence(self) -> str:
        """The same as a sentence."""
        name = wording.workload(self.workload)
        if self.dropped:
            return (
                f"{name}: {self.differed:,} of {count(self.rechecked, 'unchanged copy', 'unchanged copies')} read again"
                " turned out to be others than before. What this service says of changes cannot be believed: nothing of"
                " it was carried over, and every copy was read."
            )
        shown = "none was read again to check that"
        if self.rechecked:
            shown = f"{self.rechecked:,} more read again to check that, and all were as before"
        return f"{name}: {count(self.carried, 'user')} unchanged and carried over; {shown}."


@dataclass(frozen=True)
class Carried:
    """The baseline of a run and what was carried over from it."""

    run_id: str
    path: str
    finished: datetime | None
    note: str
    """Why nothing, or nothing more, was carried over; empty where it was."""
    workloads: tuple[OfWorkload, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """For people: which run it is, and a sentence a workload."""
        when = f" of {self.finished:%Y-%m-%d}" if self.finished else ""
        whose = f" ({self.run_id})" if self.run_id else ""
        first = (
            f"Copies that have not changed since the run{when}{whose}, as the services themselves say, were carried"
            " over from it and not read again."
        )
        return (first, *([self.note] if self.note else ()), *(one.sentence for one in self.workloads))

    @property
    def dropped(self) -> tuple[str, ...]:
        """The sentences that nobody should miss."""
        return tuple(one.sentence for one in self.workloads if one.dropped)

    def document(self) -> dict[str, Any]:
        """As report.json has it."""
        return {
            "run_id": self.run_id,
            "path": self.path,
            "finished": self.finished.isoformat() if self.finished else None,
            "note": self.note,
            "workloads": [
                {
                    "workload": one.workload,
                    "carried": one.carried,
                    "rechecked": one.rechecked,
                    "differed": one.differed,
                    "dropped": one.dropped,
                }
                for one in self.workloads
            ],
        }


def read(manifest: Mapping[str, Any]) -> Carried | None:
    """What a manifest says of its baseline; None where it has none. Every key may be missing."""
    entry, figures = manifest.get("baseline"), manifest.get("shortcut")
    if not isinstance(entry, Mapping):
        return None
    figures = figures if isinstance(figures, Mapping) else {}
    try:
        finished = datetime.fromisoformat(str(entry.get("finished")))
    except ValueError:
        finished = None
    return Carried(
        str(entry.get("run_id") or ""),
        str(entry.get("path") or ""),
        finished,
        str(entry.get("note") or ""),
        tuple(
            _of_workload(str(workload), figures[workload]) for workload in Workload if _mapped(figures.get(workload))
        ),
    )


def _of_workload(workload: str, figures: Mapping[str, Any]) -> OfWorkload:
    return OfWorkload(
        workload,
        int(figures.get("carried") or 0),
        int(figures.get("rechecked") or 0),
        int(figures.get("differed") or 0),
        bool(figures.get("dropped")),
    )


def _mapped(value: object) -> bool:
    return isinstance(value, Mapping)
