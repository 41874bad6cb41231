"""The geometry of what the page draws as SVG; the template only writes it down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.report.shares import Group, Share
from auditor.report.text import percent


@dataclass(frozen=True)
class Segment:
    """A part of a stacked bar; `x` and `width` in percent of the bar."""

    slug: str
    name: str
    number: int
    x: str
    width: str


@dataclass(frozen=True)
class Cell:
    """A cell of the heat grid: `level` 0 (no drift) to 5, or `none` where nothing could be compared."""

    x: int
    share: Share
    label: str
    level: str
    title: str


@dataclass(frozen=True)
class Row:
    """A row of the heat grid."""

    y: int
    name: str
    users: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """Departments × workloads, each cell the share of copies that drifted."""

    width: int
    height: int
    cell_width: int
    cell_height: int
    label_width: int
    columns: tuple[tuple[int, str], ...]
    rows: tuple[Row, ...]
    more: int
    """Groups that found no room."""


@dataclass(frozen=True)
class Square:
    """A square of the mosaic: where it lies and which part it belongs to."""

    x: int
    y: int
    slug: str


@dataclass(frozen=True)
class Mosaic:
    """Everybody as squares, in the order of the parts: one a user where there is room, else one for several."""

    width: int
    height: int
    side: int
    squares: tuple[Square, ...]
    single: bool
    """Whether each square is one user."""


_LABEL, _CELLS, _HEIGHT, _GAP, _HEAD = 250, 930, 34, 4, 30
_WIDEST = 230
_SQUARES, _COLUMNS, _SIDE, _STEP = 400, 20, 15, 19
_LEVELS = (0.05, 0.15, 0.30, 0.50)


def bar(parts: Iterable[tuple[str, str, int]]) -> tuple[Segment, ...]:
    """A stacked bar of (slug, name, number); empty parts are left out."""
    shown = [part for part in parts if part[2] > 0]
    whole = sum(number for _, _, number in shown)
    made, before = [], 0
    for slug, name, number in shown:
        made.append(Segment(slug, name, number, _percent(before, whole), _percent(number, whole)))
        before += number
    return tuple(made)


def mosaic(segments: Sequence[Segment]) -> Mosaic:
    """Squares for the parts of a bar; a part that is not empty has at least one."""
    whole = sum(part.number for part in segments)
    room = min(whole, _SQUARES)
    numbers = _apportioned([part.number for part in segments], room)
    slugs = [part.slug for part, number in zip(segments, numbers, strict=True) for _ in range(number)]
    columns = min(_COLUMNS, max(10, -(-len(slugs) // 10)))
    squares = tuple(Square(place % columns * _STEP, place // columns * _STEP, slug) for place, slug in enumerate(slugs))
    rows = -(-len(slugs) // columns)
    return Mosaic(columns * _STEP - _STEP + _SIDE, max(1, rows) * _STEP - _STEP + _SIDE, _SIDE, squares, whole == room)


def _apportioned(numbers: Sequence[int], seats: int) -> list[int]:
    """Seats by largest remainder, at least one for whoever has any."""
    whole = sum(numbers)
    exact = [number * seats / whole if whole else 0.0 for number in numbers]
    given = [max(int(share), 1) if number else 0 for share, number in zip(exact, numbers, strict=True)]
    while sum(given) != seats:
        step = 1 if sum(given) < seats else -1
        open_ = [place for place, has in enumerate(given) if numbers[place] and (step > 0 or has > 1)]
        if not open_:
            break
        given[max(open_, key=lambda place: step * (exact[place] - given[place]))] += step
    return given


def grid(groups: Sequence[Group], columns: Sequence[tuple[str, str]], unnamed: str, rows: int = 12) -> Grid:
    """The heat grid of the first `rows` groups over (workload, name) columns, led by one for the users."""
    heads = [("", "Users"), *columns]
    wide = min(_WIDEST, _CELLS // len(heads) - _GAP)
    made = []
    for index, group in enumerate(groups[:rows]):
        cells = []
        for place, (workload, head) in enumerate(heads):
            share = group.workloads.get(workload, Share(0, 0)) if workload else group.drifting
            cells.append(
                Cell(
                    x=_LABEL + place * (wide + _GAP),
                    share=share,
                    label=percent(share.part, share.whole),
                    level=_level(share),
                    title=f"{group.name or unnamed}, {head}: {share.part:,} of {share.whole:,} differ",
                )
            )
        made.append(Row(_HEAD + index * (_HEIGHT + _GAP), group.name or unnamed, group.users, tuple(cells)))
    return Grid(
        width=_LABEL + len(heads) * (wide + _GAP) - _GAP,
        height=_HEAD + len(made) * (_HEIGHT + _GAP),
        cell_width=wide,
        cell_height=_HEIGHT,
        label_width=_LABEL - 16,
        columns=tuple((_LABEL + place * (wide + _GAP), head) for place, (_, head) in enumerate(heads)),
        rows=tuple(made),
        more=max(0, len(groups) - rows),
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.4f}".rstrip("0").rstrip(".") + "%"


def _level(share: Share) -> str:
    if not share.whole:
        return "none"
    if not share.part:
        return "0"
    return str(1 + sum(share.part / share.whole > step for step in _LEVELS))
