"""A real browser for tests of the page, and what it must never do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

Open = Callable[..., Page]
NO_POPUPS = "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup"
"""Chromium loads pages of its own into every new window, for half of the processor's time that a test takes."""
PATIENCE = 150_000
"""Milliseconds: how fast the page is, a benchmark tells, and no test on a busy machine."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        pytest.fail("these tests need Chromium (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", NO_POPUPS])
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Open a page; at the end it must have asked nobody but files beside it and complained about nothing."""
    complaints: list[str] = []
    contexts = []

    def go(path: Path, fragment: str = "", *, ready: bool = True, **options: Any) -> Page:
        context = browser.new_context(reduced_motion="reduce", **{"locale": "en-US", "timezone_id": "UTC", **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        beside = (path.parent.as_uri(), "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(beside) or complaints.append(request.url))
        page.goto(f"{path.as_uri()}{fragment}")
        if ready and options.get("java_script_enabled", True):
            page.wait_for_selector("#list[data-ready][data-whole]", state="attached")
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []


def expect_number(page: Page, number: int, about: str = "") -> None:
    """The page says within the patience that so many users fit: it hears of a new address some time after a click."""
    expect(page.locator("#shown"), about or None).to_have_text(re.compile(rf"{number:,}(?![\d,]).*"), timeout=PATIENCE)


def number_of(page: Page) -> int:
    """How many users the page says fit."""
    return int(re.match(r"[\d,]+", page.locator("#shown").inner_text())[0].replace(",", ""))
