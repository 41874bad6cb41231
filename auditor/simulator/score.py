"""How well an audit's observations.csv matches a tenant's truth.csv: a reader of two tables, nothing more."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NOTES_FILE = "truth-notes.csv"
"""Beside truth.csv: scenario, and what it takes to see the truth."""

_LISTED = 10
Key = tuple[str, str]
"""User id and workload."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row in which the audit says something else than the truth."""

    user_id: str
    upn: str
    workload: str
    status: str
    true_status: str
    verdict: str
    true_verdict: str
    scenario: str = ""
    by_looks: bool = False
    """Only the looks of the picture tell that it is a placeholder."""
    needs_variant: bool = False
    """Only the detection of edited copies tells the true verdict."""

    @property
    def status_right(self) -> bool:
        """Whether the status is the true one."""
        return self.status == self.true_status

    @property
    def verdict_right(self) -> bool:
        """Whether the verdict is the true one."""
        return self.verdict == self.true_verdict


@dataclass(frozen=True, slots=True)
class Score:
    """How an audit compares with the truth, over the rows in scope."""

    compared: int
    statuses_right: int
    verdicts_right: int
    differences: tuple[Difference, ...]
    missing: tuple[Key, ...]
    """Rows of the truth that the audit does not have."""
    too_many: tuple[Key, ...]
    """Rows of the audit that the truth does not have, or has out of scope, or that come twice."""

    @property
    def perfect(self) -> bool:
        """Whether every row is there, once, and right."""
        return not (self.differences or self.missing or self.too_many)

    def summary(self) -> str:
        """The comparison in a few lines for people: what is right, and where the audit differs."""
        lines = [
            f"Against the tenant's truth, {self.compared} rows in scope: "
            f"{self.statuses_right} statuses and {self.verdicts_right} verdicts right."
        ]
        counts = {
            "placeholders known only by their looks": sum(each.by_looks for each in self.differences),
            "edited copies": sum(each.needs_variant for each in self.differences),
        }
        other = [each for each in self.differences if not (each.by_looks or each.needs_variant)]
        lines += [f"  {count} of the rows that differ are {what}." for what, count in counts.items() if count]
        lines += [
            f"  {each.upn}, {each.workload} ({each.scenario or 'no scenario known'}): "
            f"{each.status}/{each.verdict} instead of {each.true_status}/{each.true_verdict}"
            for each in other[:_LISTED]
        ]
        if len(other) > _LISTED:
            lines.append(f"  … and {len(other) - _LISTED} more")
        if self.missing:
            lines.append(f"  {len(self.missing)} rows are missing from the audit.")
        if self.too_many:
            lines.append(f"  {len(self.too_many)} rows are in the audit that should not be.")
        return "\n".join(lines)


def score(observations_csv: Path, truth_csv: Path) -> Score:
    """Holds an audit's observations.csv against a tenant's truth.csv."""
    notes = _notes(truth_csv.with_name(NOTES_FILE))
    truths = {_key(row): row for row in _read(truth_csv) if row["in_scope"] == "true"}
    seen: set[Key] = set()
    too_many: list[Key] = []
    differences: list[Difference] = []
    statuses = verdicts = 0
    for row in _read(observations_csv):
        key = _key(row)
        truth = truths.get(key)
        if truth is None or key in seen:
            too_many.append(key)
            continue
        seen.add(key)
        difference = _difference(row, truth, notes.get(key, {}))
        statuses += difference.status_right
        verdicts += difference.verdict_right
        if not (difference.status_right and difference.verdict_right):
            differences.append(difference)
    return Score(
        compared=len(seen),
        statuses_right=statuses,
        verdicts_right=verdicts,
        differences=tuple(differences),
        missing=tuple(key for key in truths if key not in seen),
        too_many=tuple(too_many),
    )


def _difference(row: Mapping[str, str], truth: Mapping[str, str], note: Mapping[str, str]) -> Difference:
    return Difference(
        user_id=truth["user_id"],
        upn=truth["upn"],
        workload=truth["workload"],
        status=row["status"],
        true_status=truth["status"],
        verdict=row["verdict"],
        true_verdict=truth["verdict"],
        scenario=note.get("scenario", ""),
        by_looks=note.get("by_looks") == "true",
        needs_variant=note.get("needs_variant") == "true",
    )


def _key(row: Mapping[str, str]) -> Key:
    return row["user_id"], row["workload"]


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _notes(path: Path) -> dict[Key, dict[str, str]]:
    return {_key(row): row for row in _read(path)} if path.exists() else {}
