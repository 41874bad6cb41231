"""The page in a real browser: it asks nobody, complains about nothing, and works without scripting."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from auditor.report import tally, write_report

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        pytest.fail("these tests need Chromium (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(fabricate: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    view = fabricate(users=72)
    return view, write_report(view, tmp_path_factory.mktemp("report")).html


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Open a page; at the end it must have asked nobody and complained about nothing."""
    complaints: list[str] = []
    contexts = []

    def go(path: Path, fragment: str = "", **options: Any) -> Page:
        context = browser.new_context(reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url))
        page.goto(f"{path.as_uri()}{fragment}")
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []


def shown(page: Page) -> int:
    return page.locator(".card:visible").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_without_a_request_or_a_complaint(visit, report, scheme):
    view, path = report
    page = visit(path, color_scheme=scheme)
    assert shown(page) == tally(view).drifting
    assert page.locator(".filters").is_visible()


def test_with_scripting_off_every_finding_is_there_and_no_dead_control(visit, report):
    view, path = report
    page = visit(path, java_script_enabled=False)
    assert shown(page) == tally(view).drifting
    assert not page.locator(".filters").is_visible()
    assert not page.locator("#theme").is_visible()
    assert page.locator(".card .remedy").first.is_visible()


def test_a_tile_filters_the_findings(visit, report):
    view, path = report
    page = visit(path)
    page.locator('a[data-w="yammer"][data-v="variant"]').click()
    rows = view.verdicts
    assert shown(page) == ((rows["workload"] == "yammer") & (rows["verdict"] == "variant")).sum()
    assert "w=yammer&v=variant" in page.url
    assert page.locator("#w").input_value() == "yammer"
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function("document.querySelectorAll('li[hidden] > .card').length === 0")


def test_filters_look_at_one_copy_not_at_the_user(visit, report):
    _, path = report
    assert shown(visit(path, "#w=sharepoint&v=variant")) == 0


def test_search_finds_words_without_their_accents(visit, report):
    view, path = report
    page = visit(path)
    page.keyboard.press("/")
    page.keyboard.type("bjorn")
    names = page.locator(".card:visible h3").all_inner_texts()
    assert names
    assert set(names) == {"Björn Lindqvist"}
    page.keyboard.press("Escape")
    assert shown(page) == tally(view).drifting


def test_nothing_found_is_said(visit, report):
    _, path = report
    page = visit(path, "#q=nobody-is-called-so")
    assert page.locator("#nothing").is_visible()
    assert "0 of" in page.locator("#shown").inner_text()


def test_a_linked_finding_is_never_hidden_by_a_filter(visit, report):
    _, path = report
    page = visit(path, "#v=broken")
    hidden = page.locator("li[hidden] > .card").first.get_attribute("id")
    page.evaluate("id => { location.hash = id }", hidden)
    page.wait_for_selector(f"[id='{hidden}']", state="visible")


def test_pictures_are_drawn_even_where_the_first_card_with_them_is_hidden(visit, report):
    _, path = report
    page = visit(path)
    reused = page.evaluate(
        """() => {
            const use = [...document.querySelectorAll('.shot')].find(shot => !shot.querySelector('symbol'));
            const id = use.querySelector('use').getAttribute('href');
            document.querySelector(id).closest('.cards > li').hidden = true;
            for (const item of document.querySelectorAll('.cards > li')) item.hidden = !item.contains(use);
            use.id = 'probe';
            return id;
        }"""
    )
    assert reused.startswith("#p-")
    page.locator("#probe").scroll_into_view_if_needed()
    colours = len(set(page.locator("#probe").screenshot()))
    assert colours > 200  # a compressed photograph; a blank frame has far fewer byte values


def test_the_theme_can_be_switched(visit, report):
    _, path = report
    page = visit(path, color_scheme="light")
    page.select_option("#theme", "dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(17, 20, 26)"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_sticks_out_on_a_narrow_screen(visit, report, width):
    _, path = report
    page = visit(path, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_redacted_page_works_too(visit, report, tmp_path):
    view, _ = report
    page = visit(write_report(view, tmp_path, redact=True).html)
    assert shown(page) == 0
    assert page.locator("#theme").is_visible()
