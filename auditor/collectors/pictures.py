"""Turns the bytes that a service sent into what an observation says of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from auditor.collectors.contract import Keep
from auditor.model import UNDECIDED_LOOKS, Fingerprint, Reason, Status
from auditor.photos import PictureTooLarge, UnreadablePicture, classify, fingerprint

READINGS = 4
"""How often bytes that hold no image, and differ each time, are read: a connection that damages them may recover."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a picture turned out to be."""

    status: Status
    fingerprint: Fingerprint | None = None
    reason: str = ""
    detail: str = ""
    digest: str = ""
    """SHA-256 of bytes that hold no image."""
    looks: str = ""
    """A signal: the kind of placeholder that the picture was taken for, or that this is undecided, and why."""
    broken: bool = False
    """Whether bytes came that hold no image, and could not be proved to be what the service keeps."""


async def look(
    first: bytes, again: Callable[[], Awaitable[bytes | None]], keep: Keep, *, content_type: str = ""
) -> Looked:
    """Fingerprint a picture; what cannot be decoded is read `again` before it is called unreadable.

    `again` gives the bytes of a second reading, or None where there was none to be had. What cannot be decoded
    and calls itself text (an error page, a sign-in page) is no answer about the picture at all.
    """
    try:
        return await _look(first, keep)
    except PictureTooLarge as error:
        return Looked(Status.UNKNOWN, reason=Reason.TOO_LARGE, detail=str(error))
    except UnreadablePicture as error:
        why = str(error)
    if not first or content_type.startswith("text/") or content_type.endswith(("json", "xml", "html")):
        told = f"something that calls itself {content_type}" if first else "nothing"
        return Looked(Status.UNKNOWN, reason=Reason.PICTURE_NOT_READ, detail=f"{told} came instead of a picture")
    before = {first}
    for _ in range(READINGS - 1):
        data = await again()
        if data is None:
            told = f"{why}, and it could not be read again"
            return Looked(Status.UNKNOWN, reason=Reason.PICTURE_NOT_READ, detail=told, broken=True)
        if data in before:
            digest = hashlib.sha256(data).hexdigest()
            return Looked(Status.UNREADABLE, detail=f"twice the same {len(data)} bytes: {why}", digest=digest)
        before.add(data)
        try:
            return await _look(data, keep)
        except PictureTooLarge as error:
            return Looked(Status.UNKNOWN, reason=Reason.TOO_LARGE, detail=str(error))
        except UnreadablePicture as error:
            why = str(error)
    told = f"{READINGS} readings gave different bytes, no image"
    return Looked(Status.UNKNOWN, reason=Reason.UNSTABLE_BYTES, detail=told, broken=True)


async def _look(data: bytes, keep: Keep) -> Looked:
    # Decoding releases the interpreter's lock, and keeping waits for the disk: the network goes on meanwhile.
    return await asyncio.to_thread(_look_now, data, keep)


def _look_now(data: bytes, keep: Keep) -> Looked:
    made = fingerprint(data)
    keep(made.sha256, made.format, data)
    looks = classify(made)
    if looks.placeholder:
        return Looked(Status.PLACEHOLDER, made, looks=f"{looks.kind}: {looks.signal}")
    return Looked(Status.PHOTO, made, looks=f"{UNDECIDED_LOOKS}: {looks.signal}" if looks.undecided else "")
