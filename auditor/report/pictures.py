"""Kept pictures as small thumbnails inside the page.

A kept picture came from a service and may be anything. It is decoded under limits and drawn anew by us: nothing
of its own bytes (metadata, a second format, a script) reaches the page.
"""

from __future__ import annotations

import base64
import io
import re
import struct
import warnings
import zlib
from dataclasses import dataclass

from PIL import Image, ImageOps

from auditor.runs.view import RunView

LARGEST = 320
"""The longest side of a thumbnail in pixels, at most."""
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_MAX_BYTES = 32 * 1024 * 1024
_MAX_PIXELS = 60_000_000
_QUALITY = 74
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMPLAINTS = (
    OSError,
    ValueError,
    SyntaxError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What decoders are known to raise over hostile bytes."""


@dataclass(frozen=True)
class Thumbnail:
    """A picture as the page embeds it, and the size at which it is drawn."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Shot:
    """One appearance of a picture on a page: only the first brings the picture along."""

    id: str
    thumbnail: Thumbnail
    first: bool


class Pictures:
    """The pictures of one page: each distinct one is embedded once, where it first appears."""

    def __init__(self, view: RunView, edge: int = LARGEST) -> None:
        self._view = view
        self._edge = min(edge, LARGEST)
        self._seen: dict[str, tuple[int, int] | None] = {}  # sizes only: the pictures themselves are passed on

    def shot(self, sha256: str) -> Shot | None:
        """The picture with this digest, or None where it was not kept or cannot be drawn."""
        if not _SHA256.fullmatch(sha256):
            return None
        name = f"p-{sha256[:20]}"
        if sha256 in self._seen:
            size = self._seen[sha256]
            return Shot(name, Thumbnail("", *size), first=False) if size else None
        path = self._view.photo(sha256)
        thumbnail = None
        if path is not None and path.stat().st_size <= _MAX_BYTES:
            thumbnail = thumbnail_of(path.read_bytes(), self._edge)
        self._seen[sha256] = (thumbnail.width, thumbnail.height) if thumbnail else None
        return Shot(name, thumbnail, first=True) if thumbnail else None


def thumbnail_of(data: bytes, edge: int = LARGEST) -> Thumbnail | None:
    """A thumbnail of at most `edge` pixels a side, never larger than the picture itself; None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                if picture.width * picture.height > _MAX_PIXELS:
                    return None
                picture.draft("RGB", (edge, edge))  # JPEG decodes at reduced scale: several times faster
                picture.load()
                # Shrunk before it is converted or turned: what follows then costs next to nothing.
                return _encode(_drawn(picture, edge))
    except _COMPLAINTS:
        return None


def _drawn(picture: Image.Image, edge: int) -> Image.Image:
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        clear = upright.convert("RGBA")
        clear.thumbnail((edge, edge))
        ground = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(ground, clear).convert("RGB")
    if upright.mode.startswith(("I", "F")):  # 16 and 32 bits a channel: converting clips, so scale first
        upright = upright.convert("F").point(lambda value: value / 256)
    plain = upright.convert("RGB")
    plain.thumbnail((edge, edge))
    return plain


def _encode(picture: Image.Image) -> Thumbnail:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=_QUALITY, method=2, exif=b"", icc_profile=b"", xmp=b"")
    uri = "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
    return Thumbnail(uri, picture.width, picture.height)
