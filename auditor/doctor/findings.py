"""What a probe comes to: one line, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from auditor.services.errors import Passing, ServiceError


class Level(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    """As it should be."""
    WARNING = "warning"
    """An audit goes on, and somebody should know."""
    PROBLEM = "problem"
    """Something that is configured cannot be read."""
    SKIPPED = "skipped"
    """Not asked, because of a problem that is told before."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One probe's outcome. Never holds a token, a secret or a body; may quote a service."""

    probe: str
    """What was looked at, in a few words."""
    level: Level
    says: str
    remedy: tuple[str, ...] = ()
    """What to do: a line each, sentences or commands."""
    stops: bool = False
    """Whether no audit could begin because of it."""


def ok(probe: str, says: str) -> Finding:
    """All is well."""
    return Finding(probe, Level.OK, says)


def warning(probe: str, says: str, *remedy: str) -> Finding:
    """An audit goes on."""
    return Finding(probe, Level.WARNING, says, remedy)


def problem(probe: str, says: str, *remedy: str, stops: bool = False) -> Finding:
    """Something cannot be read."""
    return Finding(probe, Level.PROBLEM, says, tuple(one for one in remedy if one), stops)


def skipped(probe: str, says: str) -> Finding:
    """Not asked."""
    return Finding(probe, Level.SKIPPED, says)


def failed(probe: str, error: ServiceError, *, stops: bool = False) -> Finding:
    """A service's error as a problem, with the remedy that it carries."""
    remedy = error.remedy or ("try again later" if isinstance(error, Passing) else "")
    return problem(probe, error.sentence, remedy, stops=stops)


def worst(findings: Iterable[Finding]) -> Level:
    """The gravest level there is; `OK` where there is none."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.PROBLEM, Level.WARNING) if level in levels), Level.OK)
