"""Fuzz the decoder of pictures: `make fuzz`, or `python fuzz/fuzz_decode.py -max_total_time=60 DIR`."""

from __future__ import annotations

import struct
import sys
import zlib

import atheris

with atheris.instrument_imports(include=["auditor", "PIL"]):
    from auditor.photos import UnreadablePicture, fingerprint
    from auditor.photos.descriptor import parse

_PNG = b"\x89PNG\r\n\x1a\n"


def one(data: bytes) -> None:
    """One input, and a PNG also with sound checksums: without them nothing behind the header is ever reached."""
    _look(data)
    if data.startswith(_PNG):
        _look(_mended(data))


def _look(data: bytes) -> None:
    try:
        parse(fingerprint(data).descriptor)
    except UnreadablePicture as error:
        if not str(error).endswith("."):
            raise AssertionError("a complaint that is no sentence") from error


def _mended(data: bytes) -> bytes:
    out, at = [_PNG], len(_PNG)
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + size]
        out.append(struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + size
    return b"".join(out)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
