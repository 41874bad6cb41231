"""Text from a directory is hostile: what cannot be seen is made visible before it is written anywhere."""

from __future__ import annotations

import json
import re

_UNSEEN = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners and fillers
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"  # zero width, bidi
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # musical controls, tags
    "\ud800-\udfff"  # lone surrogates: not even writable as UTF-8
    "]"
)
"""Characters that change what a reader sees without being seen. The zero-width joiner and non-joiner stay:
names in Persian and in Indic scripts are spelled with them."""


def visible(text: str) -> str:
    """The same text with every control and bidi character written as `⟨U+202E⟩`."""
    if text.isprintable():  # nearly every cell; the expression below is ten times slower
        return text
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def as_json(value: object, indent: int | None = 1) -> str:
    """JSON that says what was given, in which every unseen character is an escape: it may be shown in a terminal."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNSEEN.sub(lambda match: match[0] if match[0] == "\n" else json.dumps(match[0])[1:-1], text)


_MARKUP = re.compile(r"[\\`*_\[\]<>|~#!&]|(?<=:)//|(?<=\bwww)\.", re.IGNORECASE)


def as_markdown(text: str) -> str:
    """The text as Markdown that shows it and does nothing: no link, no picture, no tag, no end of a table's cell."""
    return _MARKUP.sub(lambda match: f"\\{match[0]}", visible(text))


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 user`, `1,204 users`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(part: int, whole: int) -> str:
    """A share in whole percent that never rounds to a claim: 0 % and 100 % are said only where exact."""
    if whole <= 0:
        return "–"
    if part in (0, whole):
        return f"{100 * part // whole} %"
    return f"{min(99, max(1, round(100 * part / whole)))} %"


def as_sentence(text: str) -> str:
    """A clause with a capital at its start and a full stop at its end."""
    kept = text.strip()
    if not kept:
        return ""
    return kept[0].upper() + kept[1:] + ("" if kept[-1] in ".!?…`" else ".")


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
