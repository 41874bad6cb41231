"""A ticket as lines for a terminal, and as Markdown to paste into a help desk's system."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from auditor.report import wording
from auditor.report.text import as_markdown, visible
from auditor.report.ticket import Copy, Explanation, Ticket

WIDTH = 100


def lines(one: Ticket) -> Iterator[str]:
    """The ticket as plain lines; nothing in them steers a terminal."""
    yield from map(visible, _lines(one))


def _lines(one: Ticket) -> Iterator[str]:
    yield f"{one.name} <{one.upn}>{f', {one.department}' if one.department else ''}"
    yield one.headline
    yield ""
    yield from _aligned([("WORKLOAD", "VERDICT", "PICTURE", "DISTANCE", "READ (UTC)"), *map(_row, one.copies)])
    for number, found in enumerate(one.differences, 1):
        yield ""
        yield from _wrapped(f"{number}. {found.sentence}", "   ")
        for rank, cause in enumerate(found.causes, 1):
            place = f" {rank}" if len(found.causes) > 1 else ""
            sure = f", {cause.confidence}" if cause.confidence else ""
            yield f"   Cause{place}: {cause.name} ({cause.cause}{sure})"
            for label, text in cause.said:
                yield from _told(label, text)
        yield from _wrapped(f"   How long to wait: {found.wait}", "     ") if found.wait else ()
    for title, told in _sections(one):
        yield ""
        yield f"{title}:"
        for text in told:
            yield from _wrapped(f"- {text}", "  ")
    yield ""
    for text in (one.clients, one.sign_in, _asked(one)):
        yield from _wrapped(text, "") if text else ()


def markdown(one: Ticket) -> Iterator[str]:
    """The ticket as Markdown: nothing a service said becomes a link, a picture, markup or a table's border."""
    said = as_markdown
    yield f"## Profile photo of {said(one.name)}"
    yield ""
    yield f"**{said(one.headline)}** {said(one.upn)}{f', {said(one.department)}' if one.department else ''}."
    yield ""
    yield "| workload | verdict | picture | distance | read (UTC) |"
    yield "| --- | --- | --- | --- | --- |"
    for copy in one.copies:
        yield f"| {' | '.join(map(said, _row(copy)))} |"
    for number, found in enumerate(one.differences, 1):
        yield ""
        yield f"### {number}. {said(found.sentence)}"
        for rank, cause in enumerate(found.causes, 1):
            place = f" {rank}" if len(found.causes) > 1 else ""
            yield ""
            sure = f", {cause.confidence}" if cause.confidence else ""
            yield f"**Cause{place}: {said(cause.name)}** ({said(cause.cause)}{sure})"
            yield ""
            for label, text in cause.said:
                yield from _item(label, text)
        if found.wait:
            yield ""
            yield f"How long to wait: {said(found.wait)}"
    for title, told in _sections(one):
        yield ""
        yield f"### {title}"
        yield ""
        yield from (f"- {said(text)}" for text in told)
    yield ""
    yield said(one.clients)
    yield ""
    yield f"{said(one.sign_in)} {said(_asked(one))}"


def _told(label: str, text: str) -> Iterator[str]:
    if label not in {wording.COMMAND, wording.LINK}:
        yield from _wrapped(f"     {label}: {text}", "       ")
        return
    # To be copied: never broken, and the lines of a command are lines.
    first, *others = text.split("\n")
    yield f"     {label}: {first}"
    yield from (f"       {line}" for line in others)


def _item(label: str, text: str) -> Iterator[str]:
    """An item of a list: a command as an indented block of code, in which nothing is markup; our own link as one."""
    if label == wording.COMMAND:
        yield f"- {label}:"
        yield ""
        yield from (f"      {visible(line)}" for line in text.split("\n"))
        yield ""
    elif label == wording.LINK:
        yield f"- {label}: <{text}>"
    else:
        yield f"- {label}: {as_markdown(text)}"


def _sections(one: Ticket) -> Iterator[tuple[str, list[str]]]:
    notes = [f"{copy.name}: {copy.note}." for copy in one.copies if copy.note]
    gaps = []
    for gap in one.gaps:
        parts = [f"{gap.name}: {gap.title}.", gap.meaning, gap.answer, gap.remedy and f"What helps: {gap.remedy}"]
        tried = f"Tried with {', '.join(gap.permissions)}." if gap.permissions else ""
        gaps.append(" ".join(part for part in (*parts, tried) if part))
    for title, told in (
        ("This account", list(one.remarks)),
        ("Worth knowing", notes),
        ("Why a copy is not there, or was not read", [_explained(item) for item in one.explanations]),
        ("Could not be read with this sign-in", gaps),
        ("True for the whole tenant", list(one.whole_tenant)),
        ("Not asked", [f"{name}: {why}." for name, why in one.not_asked]),
    ):
        if told:
            yield title, told


def _explained(item: Explanation) -> str:
    cause = item.causes[0]
    told = dict(cause.said)
    helps = f"What helps: {told[wording.FIX]}" if wording.FIX in told else ""
    return " ".join(part for part in (f"{item.name}: {cause.name}.", told.get(wording.FOUND, ""), helps) if part)


def _asked(one: Ticket) -> str:
    return (
        f"Asked on {one.moment}, run {one.run_id}." if one.run_id else f"Asked on {one.moment}; nothing else is kept."
    )


def _row(copy: Copy) -> tuple[str, ...]:
    kind = f" ({wording.KINDS.get(copy.kind, copy.kind)})" if copy.kind else ""
    distance = "" if copy.distance is None else f"{copy.distance:.0f}"
    return copy.name, f"{copy.word}{kind}", copy.picture, distance, copy.read_at[:16].replace("T", " ")


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(visible(cell)) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(visible(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _wrapped(text: str, indent: str) -> list[str]:
    # Made visible first: a line break in what a service said must not begin a line of its own.
    return textwrap.wrap(
        visible(text), WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )  # fmt: skip
