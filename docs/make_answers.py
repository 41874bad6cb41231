"""Writes docs/answers.md from the table that the tests play: `python docs/make_answers.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
if str(CHECKOUT) not in sys.path:
    sys.path.insert(0, str(CHECKOUT))

from auditor.model import Workload  # noqa: E402
from tests.journeys.events import NO_RUN, SECTIONS, Cell  # noqa: E402

PAGE = CHECKOUT / "docs" / "answers.md"
NAMES = {
    Workload.ENTRA: "Entra ID",
    Workload.EXCHANGE: "Exchange",
    Workload.SHAREPOINT: "SharePoint",
    Workload.YAMMER: "Viva Engage",
}
HEAD = """\
# What the audit says of every answer

Made by `python docs/make_answers.py` from `tests/journeys/events.py`. Each line is played by the simulated tenant and
read by an audit in `tests/journeys/test_events.py`: a line that is not true fails the suite.

A cell holds the status, the reason if there is one, and the code with which the audit ends where nothing else happened.
Two codes, such as *0, 4*: the second is that of `--require` with this workload. —: this cannot happen, or is
not told apart, there. What statuses, reasons and codes mean is in the [reference](reference.md#statuses); how an
answer is played, in [faults](faults.md).
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for section in SECTIONS:
        yield f"## {section.title}\n"
        yield f"{section.words}\n"
        lines = [["event", *NAMES.values()], ["---"] * (1 + len(NAMES))]
        for event in section.events:
            cells = (event.cells.get(workload) for workload in NAMES)
            lines.append([event.what, *(_words(one) if one else "—" for one in cells)])
        yield "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _words(cell: Cell) -> str:
    codes = str(cell.exit) if cell.exit == cell.required else f"{cell.exit}, {cell.required}"
    if cell.status == NO_RUN:
        return f"*ends* · {codes}"
    return " · ".join([f"`{cell.status}`", *([f"`{cell.reason}`"] if cell.reason else []), codes])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
