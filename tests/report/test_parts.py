"""A report of many: its data in files beside the page, of which only what is in sight is loaded and drawn."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from auditor.model import DRIFT
from auditor.report import ReportPaths, write_report
from auditor.report.data import USERS_A_PART
from auditor.report.page import IN_ONE_FILE, USERS_A_PAGE
from tests.report.browsing import Open, expect_number, number_of

USERS = IN_ONE_FILE + 4
"""With drift; a third as many are in step."""


@pytest.fixture(scope="module")
def large(fabricate: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ReportPaths]:
    scenarios = ("stale", "never_visited", "crop", "step")
    view = fabricate(users=USERS * 4 // 3, scenarios=scenarios, hostile=(), distinct=5)
    return view, write_report(view, tmp_path_factory.mktemp("large"))


def content(path: Path) -> tuple[str, dict[str, Any]]:
    """The name and the value that a file of data hands to the page."""
    name, value = re.fullmatch(r'photoAuditor\("([\w-]+)",(.*)\);\n', path.read_text(encoding="utf-8")).groups()
    return name, json.loads(value)


def drifting_ids(view: Any) -> set[str]:
    """Who drifts anywhere."""
    return set(view.verdicts.loc[view.verdicts["verdict"].isin(list(DRIFT)), "user_id"])


def test_every_user_is_in_one_part_and_every_picture_is_kept_once(large: Any) -> None:
    view, paths = large
    read = [content(path) for path in paths.data]
    numbers = range(1, 2 + USERS // USERS_A_PART)
    assert [name for name, _ in read] == ["index", "others", *(f"part-{n}" for n in numbers)]
    (_, index), (_, others), *parts = read
    assert sorted([*index["id"].split("\n"), *others["id"].split("\n")]) == sorted(view.users["user_id"])
    assert index["users"] + others["users"] == index["all"] == len(view.users)
    assert sum(len(part["users"]) for _, part in parts) == index["users"] == USERS
    kept = [name for _, part in parts for name in part["pictures"]]
    assert len(kept) == len(set(kept)) > 5
    for number, (_, part) in enumerate(parts, 1):
        for copy in (copy for user in part["users"] for copy in user["copies"] if "picture" in copy):
            assert copy["picture"] in parts[copy.get("at", number) - 1][1]["pictures"]
    assert not [path for path in (paths.html, *paths.pages) if "base64,UklGR" in path.read_text(encoding="utf-8")]


def test_only_what_is_in_sight_is_loaded_and_drawn_to_the_last_row(visit: Open, large: Any) -> None:
    view, paths = large
    page = visit(paths.html)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect_number(page, USERS)
    assert page.locator("#list li.finding").count() < 30
    page.keyboard.press("j")
    page.keyboard.press("End")
    last = page.locator(f'[aria-posinset="{USERS}"]')
    expect(last.locator("img").first).to_be_visible()
    assert page.locator("#list li.finding").count() < 30
    drifting = view.users[view.users["user_id"].isin(drifting_ids(view))]
    assert last.locator("a").inner_text() == sorted(drifting["display_name"], key=str.casefold)[-1]
    assert len({url for url in asked if "/part-" in url}) <= 4
    page.keyboard.press("Enter")
    expect(page.locator("#user .frame img").first).to_be_visible()
    page.keyboard.press("Escape")
    page.fill("#q", "v:variant")
    expect_number(page, (view.verdicts["verdict"] == "variant").sum())


def test_data_is_asked_for_before_the_page_is_read_to_its_end_and_by_no_linked_page(
    browser: Browser, large: Any
) -> None:
    paths = large[1]

    def told(path: Path) -> list[str]:
        """What was asked for until the page was loaded, in a window of its own: another page may still be asking."""
        said: list[str] = []
        page = browser.new_page()
        page.on("request", lambda request: said.append(request.url.rpartition("/")[2]))
        page.on("domcontentloaded", lambda _: said.append("the end"))
        page.goto(path.as_uri())
        page.close()
        return said

    assert told(paths.html)[:4] == ["report.html", "index.js", "part-1.js", "the end"]
    assert told(paths.pages[-1]) == [paths.pages[-1].name, "the end"]


@pytest.mark.parametrize("drifts", [True, False], ids=["who drifts", "who is in step"])
@pytest.mark.parametrize("form", ["user={}", "u-{}"])
def test_a_link_to_anybody_opens_the_user(visit: Open, large: Any, drifts: bool, form: str) -> None:
    view, paths = large
    user = view.users[view.users["user_id"].isin(drifting_ids(view)) == drifts].iloc[-1]
    page = visit(paths.html, f"#{form.format(user['user_id'])}")
    expect(page.locator("#user")).to_contain_text(user["upn"])


def test_users_in_step_come_after_the_first_rows_and_are_counted_and_listed_with_the_others(
    visit: Open, large: Any
) -> None:
    view, paths = large
    page = visit(paths.html)
    expect(page.locator("#f-v")).to_contain_text(f"Same photo ({len(view.users):,})")
    expect(page.locator("#shown")).to_contain_text(f"of {len(view.users):,}")
    page.fill("#q", "finance")
    fits = view.users["department"] == "Finance"
    expect(page.locator("#f-v")).to_contain_text(f"Same photo ({fits.sum():,})")
    expect_number(page, (fits & view.users["user_id"].isin(drifting_ids(view))).sum())
    page.fill("#q", "v:any")
    expect_number(page, len(view.users))
    drawn = page.locator("#list li.finding a").all_inner_texts()
    assert drawn == sorted(view.users["display_name"], key=str.casefold)[: len(drawn)]
    page.select_option("#sort", "-name")
    drawn = page.locator("#list li.finding a").all_inner_texts()
    assert drawn == sorted(view.users["display_name"], key=str.casefold, reverse=True)[: len(drawn)]


def test_without_the_users_in_step_the_page_says_so_and_goes_on(browser: Browser, large: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(large[1].html.parent, tmp_path / "report")
    (folder / "report-data" / "others.js").unlink()
    page = browser.new_page()
    page.goto((folder / "report.html").as_uri())
    expect(page.locator("#said")).to_contain_text("report-data")
    page.fill("#q", "finance")
    assert 0 < number_of(page) < USERS
    page.close()


def test_with_scripting_off_every_user_is_on_a_linked_page(visit: Open, large: Any) -> None:
    view, paths = large
    cards = [
        re.findall(r'<article class="card" id="([^"]+)"', file.read_text(encoding="utf-8"))
        for file in (paths.html, *paths.pages)
    ]
    assert sorted(card for part in cards for card in part) == sorted(f"u-{user}" for user in drifting_ids(view))
    assert {len(part) for part in cards[:-1]} == {USERS_A_PAGE}
    # From the last page but one on: every page has the same links, and the first is drawn by other tests.
    page = visit(paths.pages[-2], java_script_enabled=False, ready=False)
    following = page.locator(".pager").first.locator("[aria-current] >> xpath=../following-sibling::li[1]/a")
    for part in cards[-2:]:
        page.wait_for_load_state("load")
        shown = page.locator(".card")
        assert shown.first.is_visible()
        assert shown.count() == len(part)
        if part is not cards[-1]:
            following.click()
            page.wait_for_url(paths.pages[-1].as_uri() + "*")
    assert not following.count()
    linked = page.locator(".pager").first.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert {url.partition("#")[0] for url in linked} == {file.as_uri() for file in (paths.html, *paths.pages)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_open_text_is_sound_in_either_theme(visit: Open, large: Any, scheme: str) -> None:
    page = visit(large[1].pages[-1], color_scheme=scheme, ready=False)
    found = Axe().run(page).response["violations"]
    assert not found, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]


def test_a_page_without_its_data_says_so_and_shows_its_open_text(browser: Browser, large: Any, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(shutil.copy(large[1].html, tmp_path / "report.html").as_uri())
    expect(page.locator("[role=alert]")).to_contain_text("report-data")
    assert page.locator(".card").count() == USERS_A_PAGE
    page.close()


def test_parts_of_an_earlier_larger_report_go(fabricate: Any, large: Any, tmp_path: Path) -> None:
    shutil.copytree(large[1].html.parent, tmp_path / "out")
    (tmp_path / "out" / "report-data" / ".part-3.js.x1.part").touch()
    paths = write_report(fabricate(users=3, hostile=()), tmp_path / "out")
    assert paths.data == ()
    assert not (tmp_path / "out" / "report-data").exists()


def test_a_redacted_report_has_no_data(large: Any, tmp_path: Path) -> None:
    paths = write_report(large[0], tmp_path, redact=True)
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.json", "summary.md"}
    assert paths.data == ()
    text = "".join(path.read_text(encoding="utf-8") for path in paths.written)
    assert "@contoso.com" not in text
