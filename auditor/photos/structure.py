"""How many parts a picture file has, counted before any decoder sees it.

A few megabytes can hold a million segments, scans, chunks or strips, and decoders spend time or memory on each:
two megabytes of progressive JPEG kept one busy for more than a minute. What cameras, phones and programs write
is far below these limits; what is beyond them is not decoded. Whether a file is sound is left to the decoder, but for
one thing that decoders do not mind: a picture that breaks off and is filled up with zeros.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

JPEG_SEGMENTS: Final = 2_000
"""Segments and scans of a JPEG together. 16 MB are 256 segments of the largest size."""
JPEG_SCANS: Final = 200
"""Scans of a JPEG. Encoders write about ten, the most thorough optimisers some sixty."""
JPEG_STRAY: Final = 65_536
"""Bytes between segments that belong to none: fill bytes and junk, which Pillow reads one by one."""
PNG_CHUNKS: Final = 20_000
"""Chunks of a PNG. Encoders write pixels in chunks of 8 KB or more."""
GIF_BLOCKS: Final = 20_000
"""Blocks of at most 255 bytes before a GIF's first picture: comments, profiles, XMP."""
TIFF_TAGS: Final = 1_000
"""Tags of a TIFF's first directory."""
TIFF_STRIPS: Final = 65_536
"""Strips or tiles of a TIFF's first picture: as many rows as any other format could have."""

_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next segment after the samples of a scan: within them 0xFF is followed by zero or a restart's number."""
_TIFF_OFFSETS_AND_COUNTS = frozenset({273, 279, 324, 325})
"""StripOffsets, StripByteCounts, TileOffsets, TileByteCounts (TIFF 6.0)."""


def too_many_parts(data: bytes) -> str:
    """Why a picture has more parts than are read, in one sentence; empty where it has not."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)[0]
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"GIF8"):
        return _gif(data)
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return _tiff(data)
    return ""


FILLED: Final = 16
"""Zeros at a file's end from which it may be a picture that broke off. Programs that reserve a file's length before
they have its bytes leave such files, and decoders make grey or black of them."""
FILLED_SHARE: Final = 8
"""Of the samples of a WebP, one part in so many. Even pictures end in zeros, but in no more than one in eighteen."""


def is_filled_up(data: bytes) -> bool:
    """Whether a JPEG or a WebP breaks off, and zeros stand where the rest of it should be.

    The other formats have checksums, or black that nobody can tell from nothing.
    """
    if not data.endswith(bytes(FILLED)):
        return False
    if data.startswith(b"\xff\xd8"):
        return not _jpeg(data)[1]
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return any(
            len(samples) - len(samples.rstrip(b"\0")) > len(samples) / FILLED_SHARE for samples in _webp_samples(data)
        )
    return False


def _webp_samples(data: bytes) -> Iterator[bytes]:
    """The payload of each chunk with samples of a still WebP (RIFF container, chunks VP8 and VP8L)."""
    at = 12
    for _ in range(_WEBP_CHUNKS):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] in {b"VP8 ", b"VP8L"}:
            yield data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


_WEBP_CHUNKS = 16
"""Chunks that are looked at: an extended file has a handful before its samples."""


def _jpeg(data: bytes) -> tuple[str, bool]:
    """The complaint, and whether the first picture's end was reached: what follows it (a second one for stereo or
    depth) is not decoded.
    """
    at, segments, scans, stray = 2, 0, 0, 0
    while True:
        marker = data.find(b"\xff", at)
        if marker >= 0 and data.startswith(b"\xff\xd9", marker):  # end of image
            return "", True
        if marker < 0 or marker + 4 > len(data):
            return "", False
        stray += marker - at
        kind = data[marker + 1]
        if kind in {0x00, 0xFF}:
            stray += 1
            at = marker + 1
        elif kind == 0x01 or 0xD0 <= kind <= 0xD8:  # markers without a length
            segments += 1
            at = marker + 2
        else:
            segments += 1
            at = marker + 2 + max(2, int.from_bytes(data[marker + 2 : marker + 4], "big"))
            if kind == 0xDA:
                scans += 1
                following = _JPEG_MARKER.search(data, at)
                at = following.start() if following else len(data)
        if scans > JPEG_SCANS:
            return f"The picture is drawn in more than {JPEG_SCANS} passes (JPEG scans).", False
        if segments > JPEG_SEGMENTS:
            return f"The picture has more than {JPEG_SEGMENTS:,} segments.", False
        if stray > JPEG_STRAY:
            return f"The picture has more than {JPEG_STRAY:,} bytes between its segments.", False


def _png(data: bytes) -> str:
    """Up to the chunk that ends the picture: what follows it is not read."""
    at = 8
    for _ in range(PNG_CHUNKS):
        if at + 8 > len(data) or data[at + 4 : at + 8] == b"IEND":
            return ""
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return f"The picture has more than {PNG_CHUNKS:,} chunks." if at + 8 <= len(data) else ""


def _gif(data: bytes) -> str:
    """Up to the first frame, as Pillow reads: an extension's blocks, and one byte at a time where it is lost."""
    if len(data) < 13:
        return ""
    at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    blocks = 0
    while at + 1 < len(data) and data[at] not in b",;":
        blocks += 1
        if data[at] != 0x21:
            at += 1
        else:
            at += 2
            while at < len(data) and data[at] and blocks <= GIF_BLOCKS:
                blocks += 1
                at += 1 + data[at]
            at += 1
        if blocks > GIF_BLOCKS:
            return f"The picture has more than {GIF_BLOCKS:,} blocks before its first frame."
    return ""


def _tiff(data: bytes) -> str:
    order = "<" if data[:1] == b"I" else ">"
    big = 43 in data[2:4]
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (tags,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
        if tags > TIFF_TAGS:
            return f"The picture has more than {TIFF_TAGS:,} tags."
        entry = struct.Struct(order + ("HHQQ" if big else "HHII"))
        for number in range(tags):
            tag, _, count, _ = entry.unpack_from(data, start + (8 if big else 2) + number * entry.size)
            if tag in _TIFF_OFFSETS_AND_COUNTS and count > TIFF_STRIPS:
                return f"The picture has more than {TIFF_STRIPS:,} strips or tiles."
    except (struct.error, OverflowError):
        return ""
    return ""
