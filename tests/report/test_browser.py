"""The page in a real browser: it asks nobody, complains about nothing, and everything on it can be reached."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from auditor.diagnosis.fixes import FIXES
from auditor.model import DRIFT
from auditor.report import tally, write_report
from tests.report.browsing import Open, expect_number, number_of


@pytest.fixture(scope="module")
def report(fabricate: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    view = fabricate(users=72)
    view.users.loc[view.users.index % 9 == 0, "user_type"] = "Guest"
    return view, write_report(view, tmp_path_factory.mktemp("report")).html


def drifting(view: Any, **wanted: str) -> set[str]:
    """The users with a drifting copy that is so."""
    rows = view.verdicts[view.verdicts["verdict"].isin(DRIFT)]
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return set(rows["user_id"])


def someone(view: Any, **wanted: str) -> str:
    return min(drifting(view, **wanted), key=lambda user: user[9:])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_a_screen_reader_would_stumble_over_in_either_theme(visit: Open, report: Any, scheme: str) -> None:
    view, path = report
    page = visit(path, color_scheme=scheme)
    expect_number(page, tally(view).drifting)
    for step in (
        lambda: None,
        lambda: page.keyboard.press("?"),
        lambda: page.locator("#list .finding a").first.click(),
    ):
        step()
        found = Axe().run(page).response["violations"]
        assert not found, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]
        page.keyboard.press("Escape")


def test_with_scripting_off_every_finding_is_there_and_no_dead_control(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path, java_script_enabled=False)
    assert page.locator(".card:visible").count() == tally(view).drifting
    assert page.locator(".card .findings > li").count() == tally(view).drifting_copies
    for control in (".filters", "#theme", "#keys", "#list", "dialog"):
        assert not page.locator(control).first.is_visible(), control
    assert page.locator(".card .remedy").first.is_visible()
    shot = page.locator(".card .shot").first
    shot.scroll_into_view_if_needed()
    assert len(set(shot.screenshot())) > 200  # a compressed photograph; a blank frame has far fewer byte values


def test_a_tile_filters_the_findings(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path)
    page.locator('a[data-q="w:yammer v:variant"]').click()
    expect(page.locator("#f-w")).to_have_value("yammer")
    expect_number(page, len(drifting(view, workload="yammer", verdict="variant")))
    assert page.input_value("#q") == "w:yammer v:variant"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#q")).to_have_value("")
    expect_number(page, tally(view).drifting)


def test_every_number_on_a_tile_lists_so_many_users(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path)
    counts = page.locator(".counts a").evaluate_all("all => all.map(a => [a.hash, a.querySelector('b').textContent])")
    assert {"v%3Amatch", "v%3Aunchecked", "v%3Amissing"} <= {re.search(r"v%3A\w+", told)[0] for told, _ in counts}
    for told, number in counts:
        page.evaluate("told => { location.hash = told; }", told)
        expect(page.locator("#shown")).to_have_text(re.compile(rf"^{number} of {len(view.users)} "))


def test_who_has_one_picture_is_listed_and_found_by_a_click(visit: Open, fabricate: Any, tmp_path: Path) -> None:
    view = fabricate(60)
    several = view.users["upn"].iloc[[20, 40, 41]].tolist()
    groups = [several, [view.users["upn"].iloc[30], view.users["upn"].iloc[31], "and 7 more"]]
    view.manifest["shared_pictures"] = {"pictures": 3, "accounts": 14, "groups": groups}
    page = visit(write_report(view, tmp_path).html)
    section = page.get_by_role("region", name="One picture on several accounts")
    expect(section).to_contain_text("3 pictures are the reference photo of 14 accounts in all.")
    assert section.locator("li a").all_inner_texts() == [*several, *groups[1][:2]]
    expect(section).to_contain_text("and 7 more")
    expect(section).to_contain_text("1 more picture:")
    section.get_by_role("link", name=several[1]).click()
    expect_number(page, 1)
    expect(page.locator("#list")).to_contain_text(several[1])


def test_whoever_is_in_step_is_found_when_asked_for(visit: Open, report: Any) -> None:
    view, path = report
    in_step = sorted(set(view.users["user_id"]) - drifting(view))
    page = visit(path, "#q=v:any")
    expect_number(page, len(view.users))
    page = visit(path, f"#user={in_step[0]}")
    dialog = page.locator("#user")
    expect(dialog).to_contain_text(view.users.set_index("user_id").loc[in_step[0], "upn"])
    expect(dialog).to_contain_text("No copy of this user differs.")
    assert page.input_value("#q") == "v:any"


def test_a_fix_comes_with_its_command_for_this_user_who_may_do_it_and_how_it_is_undone(
    visit: Open, report: Any
) -> None:
    view, path = report
    user = someone(view, cause="sharepoint_detached")
    page = visit(path, f"#user={user}")
    finding = page.locator("#user .findings > li").filter(has_text="SharePoint").first
    upn = view.users.set_index("user_id").loc[user, "upn"]
    assert f"-Account '{upn}'" in finding.locator("pre.command").first.inner_text()
    for told in ("Would settle it", "Who may do it", "To undo it", "What else it does", "How long to wait"):
        expect(finding).to_contain_text(told)
    for link in finding.locator("a").all():
        assert re.match(r"https://(learn|support)\.microsoft\.com/", link.get_attribute("href") or "")


def test_every_filter_says_how_many_it_leaves_and_then_leaves_so_many(visit: Open, report: Any) -> None:
    _, path = report
    page = visit(path)
    for field in ("w", "v", "c", "t", "d", "dept"):
        options = page.locator(f"#f-{field} option").all_inner_texts()[1:]
        assert options, field
        for place, option in list(enumerate(options, 1))[:3]:
            page.select_option(f"#f-{field}", index=place)
            expect_number(page, int(re.search(r"\((\d+)\)$", option)[1]), option)
            page.select_option(f"#f-{field}", index=0)


@pytest.fixture(scope="module")
def excepted(fabricate: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A report some of whose drift is accepted: every second missing copy and every variant."""
    view = fabricate(60)
    entry = {"user": "", "filter": {"department": "Sales"}, "workload": ["sharepoint"], "verdict": ["missing"],
             "reason": "Agreed with the works council", "who": "A. Bauer", "until": "2027-03-31", "sha256": "",
             "reference_sha256": ""}  # fmt: skip
    view.manifest["exceptions"] = {
        "file": "",
        "entries": [entry],
        "outcome": [{"state": "applied", "findings": 3, "changed": 0}],
    }
    missing = view.verdicts.index[view.verdicts["verdict"] == "missing"][::2]
    variants = view.verdicts.index[view.verdicts["verdict"] == "variant"]
    view.verdicts.loc[missing.union(variants), "accepted"] = "Agreed with the works council (A. Bauer)"
    return view, write_report(view, tmp_path_factory.mktemp("excepted")).html


def test_what_is_accepted_is_found_alone_and_can_be_left_out(visit: Open, excepted: tuple[Any, Path]) -> None:
    view, path = excepted
    drift = view.verdicts[view.verdicts["verdict"].isin(DRIFT)]
    settled = drift["accepted"] != ""
    page = visit(path, "#q=v:accepted")
    expect_number(page, drift.loc[settled, "user_id"].nunique())
    page = visit(path, "#q=!v:accepted")
    expect_number(page, drift.loc[~settled, "user_id"].nunique())
    page = visit(path, "#q=v:missing")
    expect_number(page, drift.loc[drift["verdict"] == "missing", "user_id"].nunique())
    page = visit(path)
    everyone = number_of(page)
    for option in page.locator("#f-v option").all():
        value, label = option.get_attribute("value"), option.inner_text()
        if value not in {"", "any"}:
            page.select_option("#f-v", value)
            expect_number(page, int(re.search(r"\((\d+)\)$", label)[1]), label)
            page.select_option("#f-v", "")
    tile = page.locator("a", has_text=re.compile(r"^\d+ accepted$")).first
    before = page.locator("#shown").inner_text()
    tile.click()
    expect(page.locator("#shown")).not_to_have_text(before)
    assert 0 < number_of(page) < everyone


def test_counts_of_a_filter_follow_the_others(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path, "#q=v:missing")
    offered = page.locator("#f-w option").all_inner_texts()[1:]
    assert offered == [f"SharePoint ({len(drifting(view, workload='sharepoint', verdict='missing'))})"]


QUERIES = {
    "w:sharepoint v:missing c:never_visited": lambda view: drifting(view, cause="sharepoint_never_visited"),
    "v:variant w:sharepoint": lambda view: set(),  # one copy is looked at, not the user
    "v:missing v:broken": lambda view: drifting(view, verdict="missing") | drifting(view, verdict="broken"),
    "!v:variant w:yammer": lambda view: drifting(view, workload="yammer", verdict="mismatch"),
    "finance": lambda view: people(view, department="Finance"),
    "finance !guest": lambda view: people(view, department="Finance", user_type="Member"),
    'dept:"people & culture"': lambda view: people(view, department="People & Culture"),
    "t:guest d:contoso.com": lambda view: people(view, user_type="Guest", domain="contoso.com"),
    "bjorn": lambda view: people(view, display_name="Björn Lindqvist"),
    "nobody-is-called-so": lambda view: set(),
}


def test_a_query_finds_what_it_says(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path)
    page.keyboard.press("/")
    for query, fits in QUERIES.items():
        page.locator("#q:focus").fill(query)
        wanted = fits(view)
        expect_number(page, len(wanted), query)
        links = page.locator(".finding a").evaluate_all(
            "all => all.map(a => new URLSearchParams(a.hash.slice(1)).get('user'))"
        )
        assert set(links) <= wanted, query
        assert bool(links) == bool(wanted), query
        assert page.locator("#nothing").is_visible() is not bool(wanted), query
    page.keyboard.press("Escape")
    expect_number(page, tally(view).drifting)


def people(view: Any, domain: str = "", **wanted: str) -> set[str]:
    users = view.users
    for column, value in wanted.items():
        users = users[users[column] == value]
    if domain:
        users = users[users["upn"].str.endswith(f"@{domain}")]
    return set(users["user_id"]) & drifting(view)


def test_all_state_is_in_the_address(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path, "#q=w:sharepoint&sort=distance")
    first = page.locator(".finding h3").first.inner_text()
    page.locator(".finding a").first.click()
    expect(page.locator("#user h2")).to_have_text(first)
    again = visit(path, f"#{page.url.partition('#')[2]}")
    expect(again.locator("#user h2")).to_have_text(first)
    assert again.input_value("#q") == "w:sharepoint"
    assert again.input_value("#sort") == "distance"
    expect_number(again, len(drifting(view, workload="sharepoint")))
    page.go_back()
    expect(page.locator("#user")).to_be_hidden()


def test_the_most_different_comes_first_when_asked(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path, "#sort=distance")
    most = view.verdicts.sort_values("distance")["upn"].iloc[view.verdicts["distance"].notna().sum() - 1]
    assert most in page.locator(".finding").first.inner_text()
    page.select_option("#sort", "-name")
    names = page.locator(".finding h3").all_inner_texts()
    page.select_option("#sort", "name")
    assert names[0] not in page.locator(".finding h3").all_inner_texts()


def test_a_linked_finding_that_a_filter_hides_relaxes_the_filter(visit: Open, report: Any) -> None:
    view, path = report
    user = someone(view, cause="sharepoint_detached")
    page = visit(path, f"#q=v:broken&user={user}")
    expect(page.locator("#user")).to_be_visible()
    assert page.input_value("#q") == ""
    expect_number(page, tally(view).drifting)
    assert "cleared" in page.locator("#said").inner_text()


def test_one_user_shows_every_copy_large_with_everything_that_was_read(visit: Open, report: Any) -> None:
    view, path = report
    user = someone(view, cause="sharepoint_detached")
    page = visit(path, f"#user={user}", permissions=["clipboard-read", "clipboard-write"])
    dialog = page.locator("#user")
    expect(dialog.locator(".frame img")).to_have_count(4)
    assert all(
        side > 150 for side in dialog.locator(".frame img").evaluate_all("all => all.map(one => one.clientWidth)")
    )
    rows = view.verdicts[view.verdicts["user_id"] == user]
    said = dialog.inner_text()
    for digest in rows["sha256"]:
        assert digest in said
    row = rows[rows["workload"] == "sharepoint"].iloc[0]
    for text in ("SPS-PictureTimestamp", "63799442436", "JPEG", row["evidence"], f"{row['size']:,} bytes"):
        assert text in said, text
    dialog.get_by_role("button", name="Copy the fix").click()
    (fix,) = FIXES["sharepoint_detached"]
    assert page.evaluate("navigator.clipboard.readText()") == fix.words
    dialog.get_by_role("button", name="Copy the command").click()
    assert page.evaluate("navigator.clipboard.readText()") == dialog.locator("pre.command").inner_text()


def test_the_difference_is_black_where_copies_are_equal_and_not_where_they_differ(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path, f"#user={someone(view, cause='sharepoint_detached')}")
    expect(page.locator("#user .stack")).to_have_count(3)
    page.keyboard.press("d")
    stacks = page.locator("#user .stack")
    light = [_brightest(stacks.nth(place).screenshot()) for place in range(3)]  # Exchange, SharePoint, Engage
    assert light[0] < 30 > light[2]
    assert light[1] > 120


def _brightest(png: bytes) -> int:
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("L")
    width, height = picture.size
    return int(picture.crop((12, 12, width - 12, height - 12)).getextrema()[1])


def test_the_selection_leaves_as_a_table_that_no_spreadsheet_executes(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path, "#q=v:missing")
    with page.expect_download() as download:
        page.keyboard.press("e")
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["user_id", "upn", "workload", "verdict"]
    assert {row["user_id"] for row in rows} == drifting(view, verdict="missing")
    cells = [cell for row in rows for cell in row.values()]
    assert any(cell.startswith("'=") for cell in cells)
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]


def test_everything_can_be_done_from_the_keyboard(visit: Open, report: Any) -> None:
    _, path = report
    page = visit(path)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert focused(page) == 1
    page.keyboard.press("k")
    assert focused(page) == 0
    page.keyboard.press("End")
    last = focused(page)
    assert last == number_of(page) - 1
    page.keyboard.press("Enter")
    expect(page.locator("#user")).to_be_visible()
    here = page.locator("#user h2").inner_text()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#user h2")).not_to_have_text(here)
    page.keyboard.press("Escape")
    expect(page.locator("#user")).to_be_hidden()
    assert focused(page) == last - 1
    page.keyboard.press("t")
    assert page.locator("#theme").input_value() == "light"


def focused(page: Page) -> int:
    return int(page.evaluate("Number(document.activeElement.closest('.finding').dataset.at)"))


def test_a_print_holds_every_row_that_fits_and_its_evidence(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path, "#q=w:sharepoint")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wanted = drifting(view, workload="sharepoint")
    assert page.locator(".finding:visible").count() == len(wanted)
    assert page.locator(".finding .evidence").first.is_visible()
    assert "w:sharepoint" in page.locator("#printed-query").inner_text()
    assert not page.locator(".filters").is_visible()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".finding").count() < len(wanted)


def test_a_print_opens_what_paper_cannot(visit: Open, report: Any) -> None:
    _, path = report
    page = visit(path)
    facts = page.locator("section[aria-labelledby=facts] details table")
    assert not facts.first.is_visible()
    page.emulate_media(media="print")
    assert {one.is_visible() for one in facts.all()} == {True}


def test_a_user_who_is_open_is_printed_alone_and_whole(visit: Open, report: Any) -> None:
    view, path = report
    page = visit(path, f"#user={someone(view, cause='sharepoint_detached')}")
    expect(page.locator("#user")).to_be_visible()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not page.locator("main").is_visible()
    assert not page.locator("#user .buttons").first.is_visible()
    box = page.evaluate(
        "(({scrollHeight, clientHeight}) => scrollHeight - clientHeight)(document.querySelector('#user'))"
    )
    assert box <= 0
    assert page.locator("#user h2").is_visible()


def test_paper_is_no_phone(visit: Open, report: Any) -> None:
    _, path = report
    # A4 within its margins has some 703 of the pixels that a browser counts.
    page = visit(path, viewport={"width": 703, "height": 1000})
    last = page.locator("section[aria-labelledby=causes] tbody tr:first-child td:last-child")
    assert not last.is_visible()
    page.emulate_media(media="print")
    assert last.is_visible()


def test_keys_of_one_character_can_be_switched_off_for_good(visit: Open, report: Any) -> None:
    _, path = report
    page = visit(path)
    page.keyboard.press("?")
    page.locator("#letters").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.reload()
    page.wait_for_selector("#list[data-ready]")
    for key in ("j", "?", "/"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement === document.body")
    assert not page.locator("#help").is_visible()
    page.click("#keys")
    assert not page.locator("#letters").is_checked()
    page.locator("#letters").check()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.locator(".finding a:focus").count() == 1


def test_dates_are_written_as_the_reader_writes_them(visit: Open, report: Any) -> None:
    _, path = report
    page = visit(path, locale="de-DE", timezone_id="Europe/Berlin")
    assert page.locator(".hero time").inner_text() == "20. November 2026 um 11:01 MEZ"
    assert re.search(r"read 20\.11\.2026", page.locator(".finding").first.inner_text())


def test_the_theme_can_be_switched(visit: Open, report: Any) -> None:
    _, path = report
    page = visit(path, color_scheme="light")
    page.select_option("#theme", "dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(17, 20, 26)"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_sticks_out_on_a_narrow_screen(visit: Open, report: Any, width: int) -> None:
    view, path = report
    page = visit(path, f"#user={someone(view, cause='sharepoint_detached')}", viewport={"width": width, "height": 800})
    expect(page.locator("#user")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelector('#user').scrollWidth") <= width


def test_what_is_accepted_can_be_read_to_its_last_column_on_a_narrow_screen(visit: Open, excepted: Any) -> None:
    page = visit(excepted[1], viewport={"width": 320, "height": 800})
    last = page.locator("section[aria-labelledby=accepted] tbody td:last-child")
    last.scroll_into_view_if_needed()
    box = last.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320


def test_a_redacted_page_works_too(visit: Open, report: Any, tmp_path: Path) -> None:
    view, _ = report
    page = visit(write_report(view, tmp_path, redact=True).html, ready=False)
    assert page.locator(".finding, .card").count() == 0
    assert page.locator("#theme").is_visible()
