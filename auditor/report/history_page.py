"""The history of a folder of runs as one page: charts and a table, numbers alone, without any script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.report import wording
from auditor.report.files import replacing
from auditor.report.history import History, Point, drift_of, workloads
from auditor.report.linechart import Chart, chart
from auditor.report.page import favicon
from auditor.report.templating import environment, inline
from auditor.report.text import count, percent

TEMPLATE = "history.html.j2"


@dataclass(frozen=True)
class Section:
    """One tenant's runs."""

    tenant: str
    points: tuple[Point, ...]
    sentence: str
    shares: Chart
    drift: Chart | None
    workloads: tuple[tuple[str, str], ...]


def write_history(told: History, path: Path, *, templates: Path | None = None) -> None:
    """Write the page, whole or not at all. There must be at least one run."""
    filled = environment(templates)
    style, own = inline(filled, "base.css"), inline(filled, "history.css")
    passed = [
        f"{count(told.selections, 'run')} about a selection of users" if told.selections else "",
        f"{count(told.unfinished, 'unfinished run')}" if told.unfinished else "",
        f"{count(len(told.problems), 'run')} that cannot be read" if told.problems else "",
    ]
    context = {
        "wording": wording,
        "sections": [_section(told.points, tenant) for tenant in told.tenants],
        "passed": ", ".join(part for part in passed if part),
        "style": style,
        "own": own,
        "policy": (
            f"default-src 'none'; img-src data:; style-src '{style.hash}' '{own.hash}'; base-uri 'none';"
            " form-action 'none'"
        ),
        "favicon": favicon("open"),
        "drift_of": drift_of,
    }
    with replacing(path) as file:
        file.writelines(filled.get_template(TEMPLATE).generate(**context))


def _section(points: Sequence[Point], tenant: str) -> Section:
    own = tuple(point for point in points if point.tenant == tenant)
    moments, complete = [point.finished for point in own], [point.complete for point in own]
    names = workloads(own)
    shares = (
        ("match", "The same everywhere", [point.same_everywhere for point in own]),
        ("no_photo", "No photo", [point.no_photo for point in own]),
        ("unchecked", "Not fully checked", [point.not_fully_checked for point in own]),
    )
    drift = [(f"w-{name}", wording.workload(name), [drift_of(point, name) for point in own]) for name in names]
    return Section(
        tenant or "Unnamed tenant",
        own,
        _sentence(own),
        chart(moments, complete, shares),
        chart(moments, complete, drift) if drift else None,
        tuple((name, wording.workload(name)) for name in names),
    )


def _sentence(points: Sequence[Point]) -> str:
    first, last = points[0].same_everywhere, points[-1].same_everywhere
    now = percent(last.part, last.whole)
    if len(points) == 1:
        return f"One run: the photos of {now} of the users with a reference photo are the same everywhere."
    then = percent(first.part, first.whole)
    return f"{count(len(points), 'run')}: the photos of {then} of the users were the same everywhere, and of {now} now."
