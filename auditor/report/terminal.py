"""The tallies for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from auditor.model import DRIFT
from auditor.report import wording
from auditor.report.shares import Tally
from auditor.report.text import count, percent

_COLOURS: dict[str, str] = {
    "match": "green",
    "reference": "blue",
    "unchecked": "cyan",
    "no_photo": "dim",
    "not_applicable": "dim",
    "accepted": "green",
    **dict.fromkeys((verdict.value for verdict in DRIFT), "red"),
}


def print_summary(tally: Tally, file: TextIO) -> None:
    """One line a verdict and one sentence; without colours or frames where nobody looks at a terminal.

    `NO_COLOR` takes the colours away and leaves the table.
    """
    console = Console(file=file, highlight=False)
    if console.is_terminal:
        console.print(_table(tally))
        console.print(Text(sentence(tally), style="bold"))
    else:
        file.writelines(f"{line}\n" for line in plain(tally))


def sentence(tally: Tally) -> str:
    """The verdict and the shares in one sentence."""
    same, without, partly = tally.same_everywhere, tally.no_photo, tally.not_fully_checked
    settled = f", {tally.accepted_users:,} of them by accepted exceptions alone" if tally.accepted_users else ""
    return (
        f"{tally.drifting:,} of {count(tally.users, 'user')} drift{settled}; the same everywhere: {same.part:,} of "
        f"{same.whole:,} with a reference photo ({percent(same.part, same.whole)}); no photo: {without.part:,}; "
        f"not fully checked: {partly.part:,}."
    )


def plain(tally: Tally) -> list[str]:
    """The same as aligned lines of plain text."""
    table = list(rows(tally))
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return [*lines, "", sentence(tally)]


def _shown(tally: Tally) -> list[str]:
    return [name for name in wording.VERDICTS if any(item.verdicts.get(name) for item in tally.workloads)]


def rows(tally: Tally) -> Iterable[list[str]]:
    """A row a verdict and a column a workload: that fits a terminal of 80 columns."""
    yield ["", *(wording.workload(item.workload) for item in tally.workloads)]
    for name in _shown(tally):
        counts = (item.verdicts.get(name) for item in tally.workloads)
        yield [wording.verdict(name), *(f"{number:,}" if number else "-" for number in counts)]
    if tally.accepted_copies:
        yield [wording.ACCEPTED, *(f"{item.accepted:,}" if item.accepted else "-" for item in tally.workloads)]


def _table(tally: Tally) -> Table:
    head, *counted = rows(tally)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, title in enumerate(head):
        table.add_column(title, justify="right" if place else "left", no_wrap=True)
    names = [*_shown(tally), *(["accepted"] if tally.accepted_copies else [])]
    for name, row in zip(names, counted, strict=True):
        table.add_row(*map(Text, row), style=_COLOURS.get(name))
    return table
