"""Where the templates lie, and how they are filled in."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from auditor.report.text import as_sentence, count, percent, visible

PAGE = "report.html.j2"
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Inline:
    """A style sheet or script as it stands in the page, and its hash for the Content-Security-Policy."""

    text: Markup
    hash: str


def shipped(package: Path = _PACKAGE) -> Path:
    """The folder of our own templates.

    A wheel carries them as `auditor/_templates`; in a checkout (and so in an editable install) they lie
    beside the package. The wheel's place is asked first: beside an installed package any other project's
    `templates` may lie.
    """
    for folder in (package / "_templates", package.parent / "templates"):
        if (folder / PAGE).is_file():
            return folder
    raise FileNotFoundError(f"the report's templates are missing: no {PAGE} in {package / '_templates'}")


def environment(override: Path | None = None) -> jinja2.Environment:
    """Jinja2 over our templates; a file of the same name in `override` wins over ours.

    Everything is escaped, whatever a template is called, and every string that comes from data has its
    unseen characters made visible on the way out: no template can forget either.
    """
    if override is not None and not override.is_dir():
        raise NotADirectoryError(f"no folder of templates: {override}")
    return _environment(override)


@cache  # so that a template is compiled once, however many pages are written
def _environment(override: Path | None) -> jinja2.Environment:
    folders = [shipped()] if override is None else [override, shipped()]
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    made.filters.update(
        prose=prose,
        lines=shown_lines,
        count=count,
        percent=percent,
        sentence=as_sentence,
        thousands=lambda number: f"{number:,}",
        number=number,
        numbers=numbers,
    )
    return made


def inline(templates: jinja2.Environment, name: str) -> Inline:
    """The file of that name for use between `<style>` or `<script>` tags."""
    assert templates.loader is not None
    text = templates.loader.get_source(templates, name)[0].replace("\r\n", "\n")
    if "</style" in text.lower() or "</script" in text.lower() or "<!--" in text:
        raise ValueError(f"{name} cannot stand inside a page: it holds a closing tag or a comment of HTML")
    digest = hashlib.sha256(text.encode()).digest()
    # The text is a template file of ours or of the organisation that runs us, never data.
    return Inline(Markup(text), f"sha256-{base64.b64encode(digest).decode()}")  # noqa: S704


def number(value: int) -> Markup:
    """A number that the page's script writes as its reader does; small ones look the same everywhere."""
    return Markup('<data value="{}">{}</data>').format(value, f"{value:,}") if value >= 1_000 else escape(value)


def numbers(sentence: str) -> Markup:
    """A sentence of ours with its large numbers so marked."""
    pieces = _LARGE.split(visible(sentence))
    return Markup("").join(
        number(int(piece.replace(",", ""))) if odd % 2 else escape(piece) for odd, piece in enumerate(pieces)
    )


_LARGE = re.compile(r"(?<![\w.,])(\d{1,3}(?:,\d{3})+)(?![\w,])")


def shown_lines(text: str) -> str:
    """A text whose lines stay lines."""
    return "\n".join(map(visible, text.split("\n")))


def prose(text: str) -> Markup:
    """A sentence of ours for the page: lines kept apart, `backticks` set as code."""
    lines = []
    for line in text.split("\n"):
        parts = (escape(visible(part)) for part in line.split("`"))
        lines.append(
            Markup("").join(
                Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
            )
        )
    return Markup("<br>").join(lines)
