"""Fuzz the parsers of the services' answers: `make fuzz`, or `python fuzz/fuzz_wire.py -max_total_time=60 DIR`."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests hold what is fuzzed

with atheris.instrument_imports(include=["auditor", "json", "xml", "defusedxml", "urllib", "email", "tests"]):
    from tests.services import answers

TYPES = ("application/json", "text/xml; charset=utf-8", "image/jpeg", "text/html")


def one(data: bytes) -> None:
    """One input: as a body read every way, and as the text of a header or a link."""
    draw = zlib.crc32(data)
    # Half of the answers succeed: most of what there is to parse is in those.
    status = 200 if draw & 1 else answers.STATUSES[(draw >> 1) % len(answers.STATUSES)]
    retry = {"Retry-After": str(draw % 400)} if draw & 16 else {}
    answers.read_every_way(status, {"Content-Type": TYPES[(draw >> 8) % len(TYPES)], **retry}, data)
    text = data.decode(errors="replace")
    answers.read_text(text)
    answers.read_text(f"{answers.ORIGIN}{text}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
