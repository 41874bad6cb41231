"""The page as bytes: escaped, self-contained, the same each time, bounded."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import resource
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from auditor.diagnosis.fixes import FIXES
from auditor.model import DRIFT
from auditor.report import tally, write_report
from auditor.report.templating import PAGE, shipped

WEBP = "UklGR"
"""How every WebP picture begins in base64."""
VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """What a browser would see: elements with attributes, text, and whether tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        if not {"script", "style"} & set(self._open):
            self.text.append(data)

    def all(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag == name]

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


def drawn(view, out, **options) -> str:
    return write_report(view, out, **options).html.read_text(encoding="utf-8")


def test_hostile_names_stand_on_the_page_as_text(fabricate, tmp_path):
    text = drawn(fabricate(), tmp_path)
    page = Page(text)
    assert "<script>alert" not in text
    assert "<script>alert(document.domain)</script>" in page.words
    assert "\u202e" not in text
    assert "Anna ⟨U+202E⟩gnp.exe" in page.words
    assert "Newline⟨U+0000⟩Null" in page.words
    code, *blocks = page.all("script")
    assert "type" not in code
    assert {block["type"] for block in blocks} == {"application/json"}
    assert len(page.all("style")) == 1
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]


def test_the_page_asks_nobody(fabricate, tmp_path):
    text = drawn(fabricate(), tmp_path)
    page = Page(text)
    known = {fix.link for fixes in FIXES.values() for fix in fixes}
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "srcset", "poster", "data"):
            followed = tag == "a" and name == "href" and attributes.get(name) in known
            own = re.match(r"(#|data:image/|report(-\d+)?\.html|$)", attributes.get(name, ""))
            assert followed or own, attributes
    assert not re.search(r"url\(\s*['\"]?(?!#)", text)
    assert "@import" not in text


def test_the_policy_allows_exactly_the_inline_style_and_script(fabricate, tmp_path):
    text = drawn(fabricate(), tmp_path)
    policy = next(
        tag["content"] for tag in Page(text).all("meta") if tag.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_ids_are_unique_and_every_label_points_somewhere(fabricate, tmp_path):
    page = Page(drawn(fabricate(), tmp_path))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for target in (
            attributes.get("aria-labelledby"),
            attributes.get("href", "")[1:] if attributes.get("href", "").startswith("#") else None,
        ):
            assert not target or target in ids


def test_each_picture_is_embedded_once(fabricate, tmp_path):
    page = Page(drawn(fabricate(hostile=()), tmp_path))
    pictures = [attributes["href"] for attributes in page.all("image")]
    uses = [attributes["href"] for attributes in page.all("use") if attributes["href"].startswith("#p-")]
    assert pictures
    assert len(pictures) == len(set(uses)) < len(uses)


def test_the_first_screen_tells_tenant_date_scope_and_verdict(fabricate, tmp_path):
    view = fabricate()
    counted = tally(view)
    text = drawn(view, tmp_path)
    words = Page(text).words
    for said in (
        "Contoso Ltd", "20 November 2026", "auditor@contoso.com", "12 guests", "2 external members",
        f"{counted.drifting} of {counted.users} users have a photo that differs somewhere.",
        f"{counted.same_everywhere.part} of {counted.same_everywhere.whole} users with a reference photo",
        "personal data", "No face was detected", "What could not be checked", "Throttled", "r1",
    ):  # fmt: skip
        assert said in words, said
    assert re.search(rf"<title>≠ {counted.drifting} of {counted.users} drift · Contoso Ltd", text)


def test_the_page_says_how_often_its_judgement_was_wrong_where_it_was_measured(fabricate, tmp_path):
    text = re.sub("</?data[^>]*>", "", drawn(fabricate(users=4), tmp_path))
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", text)
    at = cells.index("strangers called the same")
    assert cells[at + 1 : at + 5] == ["0", "51,314", "0.0058 %", "pairs of portraits"]


def test_every_drifting_user_has_a_card_and_nobody_else(fabricate, tmp_path):
    view = fabricate()
    drifting = view.verdicts[view.verdicts["verdict"].isin(DRIFT)]["user_id"].unique()
    cards = [tag["id"] for tag in Page(drawn(view, tmp_path)).all("article")]
    assert sorted(cards) == sorted(f"u-{user}" for user in drifting)


def test_empty_slots_look_and_read_differently(fabricate, tmp_path):
    text = drawn(fabricate(), tmp_path)
    seen = dict(
        re.findall(r'class="frame k-(\w+)">\s*<svg class="void"[^>]*><use href="#s-\w+"/></svg><span>([^<]+)', text)
    )
    assert seen == {
        "absent": "No photo here",
        "not_provisioned": "No account here",
        "unknown": "Not known",
        "unreadable": "Not a picture",
    }
    kept_none = drawn(fabricate(keep=False), tmp_path)
    assert 'k-photo">' in kept_none
    assert "Picture not kept" in kept_none
    assert WEBP not in kept_none


def test_an_incomplete_run_says_so_on_every_page(fabricate, tmp_path):
    view = fabricate(
        users=540,
        scenarios=("never_visited",),
        hostile=(),
        manifest={"complete": False, "incomplete_because": ["Engage's list broke off."]},
    )
    paths = write_report(view, tmp_path)
    for path in (paths.html, *paths.pages):
        words = Page(path.read_text(encoding="utf-8")).words
        assert "This run is incomplete" in words
        assert "Engage's list broke off." in words


def test_nothing_found_is_not_the_same_as_all_well(fabricate, tmp_path):
    good = drawn(fabricate(users=4, scenarios=("step",), hostile=()), tmp_path)
    open_ = drawn(fabricate(users=4, scenarios=("throttled",), hostile=()), tmp_path)
    half = drawn(fabricate(users=4, scenarios=("step",), hostile=(), manifest={"complete": False}), tmp_path)
    assert "Every photo is the same wherever a copy of it is kept." in good
    assert "<title>✓" in good
    for text in (open_, half):
        assert "not everything could be checked" in text
        assert "<title>?" in text


def test_drawing_twice_gives_equal_bytes(fabricate, tmp_path):
    view = fabricate()
    for folder in ("one", "two"):
        write_report(view, tmp_path / folder)
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert first == second
    assert set(first) == {
        "report.html", "drift.csv", "observations.csv", "users.csv", "action-plan.csv", "junit.xml", "report.json",
        "summary.md",
    }  # fmt: skip


def test_five_hundred_users_a_page_and_stale_pages_go(fabricate, tmp_path):
    view = fabricate(users=510, scenarios=("stale",), hostile=(), distinct=6)
    paths = write_report(view, tmp_path)
    cards = [
        [tag["id"] for tag in Page(path.read_text(encoding="utf-8")).all("article")]
        for path in (paths.html, *paths.pages)
    ]
    assert [len(part) for part in cards] == [500, 10]
    assert len({card for part in cards for card in part}) == 510
    assert [path.name for path in paths.pages] == ["report-2.html"]
    assert "report-2.html#findings" in {tag.get("href") for tag in Page(paths.html.read_text()).all("a")}
    write_report(fabricate(users=3, hostile=()), tmp_path)
    assert not list(tmp_path.glob("report-*.html"))


def test_a_redacted_page_holds_numbers_alone(fabricate, tmp_path):
    shared = {"pictures": 1, "accounts": 2, "groups": [["user0@fabrikam.example", "user1@contoso.com"]]}
    told = {"incomplete_because": ["user0@fabrikam.example was not read"], "shared_pictures": shared}
    view = fabricate(manifest={"complete": False, **told})
    paths = write_report(view, tmp_path, redact=True)
    text = html.unescape(paths.html.read_text(encoding="utf-8"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json", "summary.md"]
    secrets = [*view.users["user_id"], *view.users["upn"], *view.users["display_name"], *view.verdicts["sha256"]]
    secrets += [
        "Contoso",
        "contoso",
        "fabrikam",
        "3f1c2d8e",
        "20261120T",
        "auditor@",
        "Finance",
        WEBP,
        "satellite",
    ]
    assert not [secret for secret in secrets if secret and secret in text]
    words = Page(paths.html.read_text(encoding="utf-8")).words
    assert f"{tally(view).drifting} of 60 users" in words
    assert "numbers only" in words
    assert "1 picture is the reference photo of 2 accounts in all" in words


def test_of_many_who_have_one_picture_the_page_names_some_and_says_where_all_are(fabricate, tmp_path):
    accounts = [f"shared{number}@contoso.com" for number in range(60)]
    view = fabricate(5, manifest={"shared_pictures": {"pictures": 1, "accounts": 60, "groups": [accounts]}})
    words = Page(write_report(view, tmp_path).html.read_text(encoding="utf-8")).words
    assert "shared49@contoso.com, and 10 more (manifest.json)" in words
    assert "shared50@contoso.com" not in words


def test_a_redacted_page_beside_full_tables_names_them(fabricate, tmp_path):
    view = fabricate(users=5)
    write_report(view, tmp_path)
    assert [path.name for path in write_report(view, tmp_path, redact=True).left] == [
        "drift.csv",
        "observations.csv",
        "users.csv",
        "action-plan.csv",
        "junit.xml",
    ]


def test_a_manifest_may_say_nothing(fabricate, tmp_path):
    view = fabricate(users=5)
    view.manifest.clear()
    assert "Unnamed tenant" in drawn(view, tmp_path)


def test_a_run_without_users_is_drawn(fabricate, tmp_path):
    assert "Nobody was audited." in drawn(fabricate(users=0), tmp_path)


def test_a_folder_of_templates_replaces_single_files(fabricate, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "base.css").write_text("body { color: rebeccapurple }")
    text = drawn(fabricate(users=3), tmp_path / "out", templates=own)
    assert "rebeccapurple" in text
    assert "window.photoAuditor =" in text  # our script is still there


def test_a_style_sheet_that_leaves_its_element_is_refused(fabricate, tmp_path):
    (tmp_path / "base.css").write_text("</style><script>alert(1)</script>")
    with pytest.raises(ValueError, match=r"base\.css"):
        drawn(fabricate(users=1), tmp_path / "out", templates=tmp_path)


def test_templates_are_found_in_a_wheel_before_those_beside_it(tmp_path):
    package = tmp_path / "site-packages" / "auditor"
    for folder in (package / "_templates", package.parent / "templates"):
        folder.mkdir(parents=True)
        (folder / PAGE).touch()
    assert shipped(package) == package / "_templates"
    (package / "_templates" / PAGE).unlink()
    assert shipped(package) == package.parent / "templates"
    (package.parent / "templates" / PAGE).unlink()
    with pytest.raises(FileNotFoundError, match="templates are missing"):
        shipped(package)


@pytest.mark.soak
def test_three_thousand_drifting_users_in_bounded_memory(fabricate, tmp_path):
    view = fabricate(users=3_000, scenarios=("stale", "crop", "own", "never_visited"), hostile=(), distinct=200)
    write_report(fabricate(users=500, scenarios=("own",), hostile=()), tmp_path / "small")
    before = _peak()
    paths = write_report(view, tmp_path / "large")
    assert len(paths.pages) == 5
    assert sum(path.stat().st_size for path in paths.written) > 8_000_000
    assert _peak() - before < 64 * 1024 * 1024


def _peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def test_whoever_asks_for_a_few_users_sees_them_all(fabricate, tmp_path):
    whole = fabricate()
    drifting = set(whole.verdicts.loc[whole.verdicts["verdict"].isin([item.value for item in DRIFT]), "user_id"])
    calm = next(user for user in whole.users["user_id"] if user not in drifting)
    one = replace(
        whole,
        users=whole.users[whole.users["user_id"] == calm],
        verdicts=whole.verdicts[whole.verdicts["user_id"] == calm],
    )
    text = drawn(one, tmp_path)
    assert text.count('<article class="card"') == 1
    assert "No copy was found that differs" in text


def test_causes_that_would_fit_too_stand_after_the_first_with_their_evidence(fabricate, tmp_path):
    view = fabricate(users=4, hostile=(), scenarios=("stale",))
    ranked = [
        {"cause": "sharepoint_detached", "confidence": "likely", "evidence": "the first"},
        {"cause": "tenant_renamed", "confidence": "possible", "evidence": "PictureURL lies on <another> host"},
    ]
    view.verdicts["causes"] = json.dumps(ranked)
    text = drawn(view, tmp_path)
    assert "Or: Tenant renamed (possible). PictureURL lies on <another> host." in Page(text).words
    assert '"possible","PictureURL lies on \\u003canother\\u003e host."]' in text
    for damaged in ("{", "[1]", "7", ""):
        view.verdicts["causes"] = damaged
        assert "Or:" not in Page(drawn(view, tmp_path)).words


def test_until_exchange_web_services_end_the_page_says_what_ends_and_how_to_keep_it(fabricate, tmp_path):
    begun = {"started": "2027-03-31T23:59:59Z"}
    told = Page(drawn(fabricate(4, manifest=begun), tmp_path)).words
    assert "ends Exchange Web Services in Exchange Online on 2027-04-01" in told
    assert "the mailbox's own copy" in told
    assert "photo-auditor baseline save RUN --name last-exchange" in told
    off = {"tenant_facts": [{"cause": "ews_off", "sentence": "They are off."}]}
    without = {"workloads": {"entra": {"way": "graph_batch"}}}
    for more in ({"started": "2027-04-01T00:00:00Z"}, begun | off, begun | without):
        assert "last-exchange" not in Page(drawn(fabricate(4, manifest=more), tmp_path)).words
