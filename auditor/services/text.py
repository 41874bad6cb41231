"""Text of a directory or a service as it may be kept: writable, no secret, and never longer than a person reads."""

from __future__ import annotations

import re

LONGEST = 1_000
"""Characters of a text that is kept; Entra ID allows names of 256 and addresses of fewer."""
LONGEST_ID = 256
"""Characters of an object id; Entra ID's have 36."""
HIDDEN = "(secret)"
"""What stands in an answer that repeated a secret which it was sent."""
SHORTEST_SECRET = 16
"""Characters of a secret or token; what is shorter is none of a service's, and may stand in an answer by chance."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_GUID = re.compile(r"\s*\{?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\}?\s*", re.IGNORECASE | re.ASCII)


def writable(text: str) -> str:
    """The text with lone surrogates, which JSON can spell and no file can hold as UTF-8, replaced by U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def told(value: object, most: int = LONGEST) -> str:
    """A service's words, writable and cut after so many characters; empty where it is no text."""
    if not isinstance(value, str):
        return ""
    return writable(value if len(value) <= most else value[:most] + "…")


def identity(value: object) -> str | None:
    """An object id that can stand in a path; None where it is none.

    A GUID comes in one spelling, lower case and without braces: in two it would be two users.
    `.` and `..` mean another path wherever a path is read, however they are escaped.
    """
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or value in {".", ".."}:
        return None
    if guid := _GUID.fullmatch(value):
        return guid[1].lower()
    return value if writable(value) == value else None
