"""The tallies on a terminal, and where there is none."""

from __future__ import annotations

import io
import re

import pytest

from auditor.report import print_summary, tally


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def colourful(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "160")


def test_without_a_terminal_there_is_plain_text(fabricate):
    out = io.StringIO()
    counted = tally(fabricate())
    print_summary(counted, out)
    text = out.getvalue()
    assert text.isascii()
    assert "\x1b" not in text
    assert re.search(r"^ +Entra ID +Exchange +SharePoint +Viva Engage$", text, re.M)
    assert f"{counted.drifting} of {counted.users} users drift" in text


def test_on_a_terminal_there_is_colour(fabricate, colourful):
    out = Terminal()
    print_summary(tally(fabricate()), out)
    assert "\x1b[" in out.getvalue()


def test_no_color_is_heeded(fabricate, colourful, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    print_summary(tally(fabricate()), out)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", out.getvalue())
