"""Whether an answer is whole, and the service's own: a cut body or a proxy's page must never be taken for a word
about a photo.

Each check gives `Damaged` to be raised once the answer has come so every time, or None where it may be believed.
Refusals (401, 403) and redirects are told by their status alone, and 5xx are tried again without looking.
"""

from __future__ import annotations

import json
from typing import Protocol
from urllib.parse import urlsplit

from auditor.model import Reason
from auditor.services.errors import Damaged

_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*")


class Seen(Protocol):
    """What of an answer is looked at (`auditor.services.http.Answer`)."""

    @property
    def url(self) -> str:
        """Where it came from."""
        ...

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """All of it."""
        ...

    @property
    def content_type(self) -> str:
        """Media type, lower case."""
        ...


def json_answer(answer: Seen) -> Damaged | None:
    """An answer of an interface that speaks JSON: errors, too, where they say that they are JSON."""
    if _by_status(answer):
        return None
    if is_web_page(answer):
        return _damaged(answer, "a web page")
    says_json = "json" in answer.content_type
    if answer.status == 200:
        if answer.content_type and not says_json:
            return _damaged(answer, f"something that calls itself {answer.content_type}")
        return None if _parses(answer.body) else _damaged(answer, "JSON that breaks off or is none")
    return _damaged(answer, "JSON that breaks off or is none") if says_json and not _parses(answer.body) else None


def picture_answer(answer: Seen) -> Damaged | None:
    """An answer that should be a picture, or an error in JSON."""
    found: Damaged | None = None
    textual = answer.content_type.startswith("text/") or answer.content_type.endswith(("json", "xml", "html"))
    if _by_status(answer):
        return None
    if answer.status == 200:
        if not answer.body:
            found = _damaged(answer, "nothing")
        elif textual and not answer.body.startswith(_IMAGES):
            found = _damaged(answer, f"something that calls itself {answer.content_type}")
    elif is_web_page(answer):
        found = _damaged(answer, "a web page")
    elif "json" in answer.content_type and not _parses(answer.body):
        found = _damaged(answer, "JSON that breaks off or is none")
    if found is not None:
        found.reason = Reason.PICTURE_NOT_READ
        found.sentence += " instead of a picture"
    return found


def is_web_page(answer: Seen) -> bool:
    """Whether it is HTML: what a proxy, a sign-in or an error page is, and no service's interface."""
    start = answer.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return answer.content_type in _PAGES or start.startswith((b"<!doctype html", b"<html"))


def _by_status(answer: Seen) -> bool:
    return answer.status in {401, 403} or 300 <= answer.status < 400 or answer.status >= 500


def _damaged(answer: Seen, what: str) -> Damaged:
    parts = urlsplit(answer.url)
    return Damaged(f"{parts.scheme}://{parts.netloc} answered {answer.status} with {what}")


def _parses(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
