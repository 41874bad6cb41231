"""Verdicts → report.html, its linked pages and, for many users, the files of its data.

A page is written as it is made: the template pulls one card after the other, a card pulls its thumbnails, and
nothing of a user stays in memory once written but the index.

A reader with scripting sees the findings drawn by the page's script from data: inside report.html, or above
`IN_ONE_FILE` drifting users in files of `report-data/`, which the page loads as they come into view. A reader without
sees open text: the first `USERS_A_PAGE` users in report.html, the others on linked pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from auditor.model import Verdict
from auditor.report import data, drawing, wording
from auditor.report.cards import Entry, cards, entries, long_date
from auditor.report.facts import Facts, lasting, read, redacted
from auditor.report.files import replacing
from auditor.report.pictures import LARGEST, Pictures
from auditor.report.reasons import remedies
from auditor.report.shares import GRAVITY, NO_ANSWER, REFERENCE_UNCHECKED, Share, Tally, Unchecked
from auditor.report.templating import PAGE, environment, inline
from auditor.report.text import count, listed, visible
from auditor.runs.exports import CHANGES_TABLE, DATA
from auditor.runs.files import make_folder
from auditor.runs.view import RunView

USERS_A_PAGE = 500
"""How many drifting users one page lists as open text."""
IN_ONE_FILE = 2_000
"""Up to so many drifting users report.html holds them all."""
_EDGES = ((60, LARGEST), (150, 240), (500, 160), (1_000, 128), (IN_ONE_FILE, 112))
INDEXES = ("index", "others")
"""Who drifts, and everybody else: read at once, and once the first rows are seen."""
Indexes = tuple[data.Json, data.Json]
_EDGE_IN_PARTS = 128
"""The longest side of a thumbnail by the number of drifting users: a page of many can still be mailed."""


@dataclass(frozen=True)
class Headline:
    """The verdict in one sentence, and how the page is marked with it."""

    state: str
    """`drift`, `open` (nothing found, not everything known) or `good`."""
    sentence: str
    title: str


@dataclass(frozen=True)
class Figure:
    """One of the large figures."""

    slug: str
    name: str
    share: Share
    denominator: str
    remark: str


@dataclass(frozen=True)
class Problem:
    """What could not be checked, for one reason."""

    trouble: wording.Trouble
    copies: int
    where: str
    """The workloads, with how many copies of each where there are several."""
    answer: str
    """What the service said, as a sentence."""


@dataclass(frozen=True)
class PageLink:
    """One of the linked pages."""

    number: int
    file: str
    users: int
    first: str
    last: str


def page_name(number: int) -> str:
    """The file name of a page: `report.html`, `report-2.html`, …"""
    return "report.html" if number == 1 else f"report-{number}.html"


def write_pages(
    view: RunView, tally: Tally, out: Path, *, templates: Path | None = None, redact: bool = False
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Write report.html and the pages linked from it, and the files of its data; the paths of both, in order."""
    filled = environment(templates)
    template = filled.get_template(PAGE)
    everyone: list[Entry] = [] if redact else entries(view)
    listing = [entry for entry in everyone if entry.shown]
    parted = len(listing) > IN_ONE_FILE
    context = _context(view, tally, filled, redact=redact, parted=parted)
    links = _links(listing)
    workloads = [item.workload for item in tally.workloads]
    indexed = data.indexes(view, everyone, workloads, context["facts"].reference) if everyone else None
    stored = tuple(_write_parts(view, listing, workloads, indexed, out)) if parted and indexed else ()
    written = []
    for link in links:
        chosen = listing[(link.number - 1) * USERS_A_PAGE : link.number * USERS_A_PAGE]
        whole = link.number == 1 and not parted
        pictures = Pictures(view, _edge(len(listing))) if whole else None
        path = out / link.file
        with replacing(path) as file:
            file.writelines(
                template.generate(
                    **context,
                    page=link,
                    pages=links,
                    illustrated=whole,
                    listed=bool(everyone),
                    changes_table=not redact and (out / CHANGES_TABLE).exists(),
                    cards=cards(view, chosen, workloads, pictures),
                    blocks=_blocks(view, listing, workloads, indexed, pictures) if pictures else (),
                )
            )
        written.append(path)
    return tuple(written), stored


def _edge(users: int) -> int:
    return next(edge for most, edge in _EDGES if users <= most)


def _blocks(
    view: RunView, listing: Sequence[Entry], workloads: Sequence[str], indexed: Indexes | None, pictures: Pictures
) -> Iterator[tuple[str, Markup]]:
    """The indexes and the parts as they stand inside the page, by name. The cards have drawn some pictures before."""
    if indexed:
        for name, own in zip(INDEXES, indexed, strict=True):
            yield name, Markup(data.text(own))  # noqa: S704 - `text` leaves nothing that HTML would read
        for number, part in enumerate(data.parts(view, listing, workloads, pictures), 1):
            yield f"part-{number}", Markup(data.text(part))  # noqa: S704


def _write_parts(
    view: RunView, listing: Sequence[Entry], workloads: Sequence[str], indexed: Indexes, out: Path
) -> Iterator[Path]:
    """The indexes and the parts as scripts of their own: on `file:` a page may load nothing else."""
    folder = make_folder(out / DATA)
    named = enumerate(data.parts(view, listing, workloads, Pictures(view, _EDGE_IN_PARTS)), 1)
    for name, content in chain(
        zip(INDEXES, indexed, strict=True), ((f"part-{number}", part) for number, part in named)
    ):
        path = folder / f"{name}.js"
        with replacing(path) as file:
            file.write(f'photoAuditor("{name}",{data.text(content)});\n')
        yield path


def _links(listing: Sequence[Entry]) -> tuple[PageLink, ...]:
    pages = max(1, -(-len(listing) // USERS_A_PAGE))
    made = []
    for number in range(1, pages + 1):
        part = listing[(number - 1) * USERS_A_PAGE : number * USERS_A_PAGE]
        ends = (part[0].name, part[-1].name) if part else ("", "")
        made.append(PageLink(number, page_name(number), len(part), *map(_short, ends)))
    return tuple(made)


def _short(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= 24 else shown[:23] + "…"


def _context(view: RunView, tally: Tally, filled: jinja2.Environment, *, redact: bool, parted: bool) -> dict[str, Any]:
    told = read(view.manifest)
    facts = redacted(told) if redact else told
    headline = _headline(tally, facts)
    style, script = inline(filled, "base.css"), inline(filled, "page.js")
    held = [(item.workload, wording.workload(item.workload)) for item in tally.workloads]
    columns = [column for column in held if column[0] != facts.reference]
    everybody = _everybody(tally)
    when = facts.finished or facts.started
    # Parts lie beside the page: `file:` where it was opened from a disk, 'self' where a server keeps it.
    beside = " 'self' file:" if parted else ""
    return {
        "wording": wording,
        "redact": redact,
        "facts": facts,
        "tally": tally,
        "exceptions": told.exceptions,
        "headline": headline,
        "asked": _asked(facts, tally),
        "when": when,
        "long_date": long_date,
        "words": Markup(data.text(wording.SCRIPT)),  # noqa: S704 - ours, and without anything HTML would read
        "data_folder": f"{DATA}/" if parted else "",
        "figures": _figures(tally),
        "everybody": everybody,
        "mosaic": drawing.mosaic(everybody),
        "tiles": [(item, _tile_bar(item.verdicts)) for item in tally.workloads],
        "off": [item for item in facts.off if item[0] not in dict(held)],
        "remedies": [] if redact else remedies(found.cause for found in tally.causes),
        "problems": _problems(tally.unchecked, redact=redact),
        "grid": None if redact else drawing.grid(tally.departments, columns, "No department"),
        "domains": () if redact else tally.domains[:12],
        "style": style,
        "script": script,
        "policy": (
            f"default-src 'none'; img-src data:; style-src '{style.hash}'; "
            f"script-src '{script.hash}'{beside}; base-uri 'none'; form-action 'none'"
        ),
        "favicon": favicon(headline.state),
        "ways": _ways(view),
        "lasting": lasting,
    }


def _headline(tally: Tally, facts: Facts) -> Headline:
    users, drifting, open_ = tally.users, tally.drifting, tally.not_fully_checked.part
    if drifting and drifting == tally.accepted_users:
        state = "open" if open_ or not facts.complete else "good"
        sentence = f"{drifting:,} of {count(users, 'user')} {_have(drifting)} a photo that differs, as was accepted."
        short = f"{drifting:,} of {users:,} drift, accepted"
    elif drifting:
        state = "drift"
        settled = f"; of {tally.accepted_users:,} this is accepted" if tally.accepted_users else ""
        sentence = f"{drifting:,} of {count(users, 'user')} {_have(drifting)} a photo that differs somewhere{settled}."
        short = f"{drifting:,} of {users:,} drift"
    elif not users:
        state, sentence, short = "open", "Nobody was audited.", "nobody audited"
    elif open_ or not facts.complete:
        state = "open"
        sentence = "No differing photo was found, but not everything could be checked."
        short = "no drift found, not all checked"
    else:
        state, sentence, short = "good", "Every photo is the same wherever a copy of it is kept.", "no drift"
    if not facts.complete and drifting:
        sentence = f"{sentence[:-1]}, as far as the run got."
    return Headline(state, sentence, f"{_MARKS[state][0]} {short} · {facts.tenant} · {wording.PRODUCT}")


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _asked(facts: Facts, tally: Tally) -> str:
    others = [wording.workload(item.workload) for item in tally.workloads if item.workload != facts.reference]
    reference = wording.workload(facts.reference)
    if not others:
        return f"The photos of {count(tally.users, 'user')} were read from {reference} alone."
    return f"For {count(tally.users, 'user')}, the photo in {listed(others)} was held against the one in {reference}."


def _figures(tally: Tally) -> tuple[Figure, ...]:
    partly = tally.same_as_far_as_read
    return (
        Figure(
            "match",
            "The same everywhere",
            tally.same_everywhere,
            "users with a reference photo",
            f"{partly:,} of them with a further copy that could not be checked" if partly else "",
        ),
        Figure("no_photo", "No photo", tally.no_photo, "users", "at none of the places that were read"),
        Figure(
            "unchecked",
            "Not fully checked",
            tally.not_fully_checked,
            "users",
            "at least one copy could not be checked; never counted as drift",
        ),
    )


def _everybody(tally: Tally) -> tuple[drawing.Segment, ...]:
    """Each user once, by the user's own verdict."""
    numbers = tally.verdicts.value_counts()
    names = {
        Verdict.UNCHECKED: "No drift, not all checked",
        Verdict.MATCH: "Fully checked and the same",
        Verdict.REFERENCE: "Only one copy",
        Verdict.NOT_APPLICABLE: "No account anywhere",
    }
    return drawing.bar(
        (verdict.value, names.get(verdict) or wording.verdict(verdict), int(numbers.get(verdict.value, 0)))
        for verdict in GRAVITY
    )


def _tile_bar(verdicts: Any) -> tuple[drawing.Segment, ...]:
    return drawing.bar((name, wording.verdict(name), verdicts.get(name, 0)) for name in wording.VERDICTS)


def _problems(unchecked: Sequence[Unchecked], *, redact: bool) -> list[Problem]:
    """The reasons by how many copies they cost; a reason that several workloads gave is told once."""
    by_reason: dict[str, list[Unchecked]] = {}
    for item in unchecked:
        secret = redact and item.reason not in _TROUBLES and not wording.is_known_reason(item.reason)
        by_reason.setdefault("other" if secret else item.reason, []).append(item)
    made = []
    for reason, items in by_reason.items():
        names = [(wording.workload(item.workload), item.copies) for item in items if item.workload]
        answers = [item.detail for item in items if item.detail]
        made.append(
            Problem(
                trouble=_TROUBLES.get(reason) or wording.trouble(reason),
                copies=sum(item.copies for item in items),
                where=listed([f"{name} {number:,}" if len(names) > 1 else name for name, number in names]),
                answer=answers[0] if answers and not redact and reason != REFERENCE_UNCHECKED else "",
            )
        )
    # Copies without a reference come last: they follow from what stands before them.
    return sorted(made, key=lambda problem: (problem.trouble is wording.REFERENCE_UNCHECKED, -problem.copies))


_TROUBLES = {
    NO_ANSWER: wording.NO_ANSWER,
    REFERENCE_UNCHECKED: wording.REFERENCE_UNCHECKED,
    "other": wording.Trouble("Another answer", "The service answered with a code of its own."),
}


def _ways(view: RunView) -> dict[str, str]:
    """By which ways each workload's copies were read, in words."""
    read_ = view.verdicts[~view.verdicts["way"].fillna("").isin(["", "none"])]
    pairs = read_.groupby(["workload", "way"], sort=True).size().index
    ways: dict[str, list[str]] = {}
    for workload, way in pairs:
        ways.setdefault(str(workload), []).append(wording.WAYS.get(str(way), str(way)))
    return {workload: listed(names) for workload, names in ways.items()}


_MARKS = {
    "drift": ("≠", "#c2272d", "M5 6.2h6M5 9.8h6M10 3.6 6 12.4"),
    "open": ("?", "#475a7d", "M5.8 6a2.2 2.2 0 1 1 3 2.1c-.6.3-.8.7-.8 1.4M8 12v.1"),
    "good": ("✓", "#1a7f4b", "m4.4 8.4 2.5 2.5 4.9-5.4"),
}


def favicon(state: str) -> str:
    """The mark of a page in a browser's tab: `drift`, `open` or `good`."""
    _, colour, path = _MARKS[state]
    return "data:image/svg+xml," + quote(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<rect width="16" height="16" rx="4" fill="{colour}"/><path d="{path}" fill="none" stroke="#fff" '
        'stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
