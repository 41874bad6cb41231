"""The geometry of a line chart of shares over time; the template only writes it down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.report.shares import Share
from auditor.report.text import percent

WIDTH, HEIGHT = 1080, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 44, 16, 40
_TOPS = (0.05, 0.10, 0.25, 0.50, 1.0)
_DATES = 8
"""At most so many dates stand below the chart."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: str
    label: str


@dataclass(frozen=True)
class Mark:
    """One run on a line."""

    x: str
    y: str
    title: str
    whole: bool
    """Whether the run was complete; the others are drawn hollow."""


@dataclass(frozen=True)
class Line:
    """One share over the runs."""

    slug: str
    name: str
    path: str
    """Of an SVG path; a run without this share leaves a gap."""
    marks: tuple[Mark, ...]
    last: str
    """The newest share, in percent."""


@dataclass(frozen=True)
class Chart:
    """Lines over one time axis."""

    width: int
    height: int
    left: int
    right: int
    bottom: int
    x: tuple[Tick, ...]
    y: tuple[Tick, ...]
    lines: tuple[Line, ...]


def chart(
    moments: Sequence[datetime], complete: Sequence[bool], series: Sequence[tuple[str, str, Sequence[Share]]]
) -> Chart:
    """A chart of (slug, name, a share for each moment); the scale ends at the first of 5, 10, 25, 50, 100 % that fits.

    `moments` are in order. A share of nothing is a gap.
    """
    highest = max((one.part / one.whole for _, _, shares in series for one in shares if one.whole), default=0.0)
    top = next(step for step in _TOPS if highest <= step)
    first, last = moments[0], moments[-1]
    whole = (last - first).total_seconds()
    inner = WIDTH - _LEFT - _RIGHT

    def x(moment: datetime) -> float:
        return _LEFT + (inner / 2 if not whole else inner * (moment - first).total_seconds() / whole)

    def y(share: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share / top

    lines = []
    for slug, name, shares in series:
        pen, path, marks = "M", [], []
        for moment, sure, share in zip(moments, complete, shares, strict=True):
            if not share.whole:
                pen = "M"
                continue
            at = f"{x(moment):.1f}", f"{y(share.part / share.whole):.1f}"
            path.append(f"{pen}{at[0]} {at[1]}")
            pen = "L"
            title = f"{name}, {moment:%Y-%m-%d}: {percent(share.part, share.whole)} ({share.part:,} of {share.whole:,})"
            marks.append(Mark(*at, title if sure else f"{title}, incomplete run", sure))
        newest = next((percent(one.part, one.whole) for one in reversed(shares) if one.whole), "–")
        lines.append(Line(slug, name, "".join(path), tuple(marks), newest))
    return Chart(
        WIDTH,
        HEIGHT,
        _LEFT,
        WIDTH - _RIGHT,
        HEIGHT - _BOTTOM,
        tuple(Tick(f"{x(moment):.1f}", f"{moment:%Y-%m-%d}") for moment in _dates(moments, x)),
        tuple(Tick(f"{y(top * step / 5):.1f}", f"{100 * top * step / 5:.3g} %") for step in range(6)),
        tuple(lines),
    )


def _dates(moments: Sequence[datetime], x: Callable[[datetime], float]) -> list[datetime]:
    """The days that are named below the chart: the first, the last, and those between that leave room."""
    room = (WIDTH - _LEFT - _RIGHT) / _DATES
    kept = [moments[0]]
    for moment in moments[1:-1]:
        if x(moment) - x(kept[-1]) >= room and x(moments[-1]) - x(moment) >= room:
            kept.append(moment)
    return [*kept, moments[-1]] if moments[-1] != moments[0] else kept
