"""One user's ticket: every copy, every difference with cause and fix, every gap; and nothing hostile comes to life."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from auditor.report import write_report
from auditor.report.text import as_json
from auditor.report.ticket import ticket
from auditor.report.ticket_text import lines, markdown
from auditor.report.user_page import write_user_page
from tests.report.conftest import HOSTILE, SCENARIOS


def alone(view, number: int):
    user_id = view.users["user_id"].iloc[number]
    return replace(
        view,
        users=view.users[view.users["user_id"] == user_id],
        verdicts=view.verdicts[view.verdicts["user_id"] == user_id],
    )


@pytest.fixture
def fabricate(fabricate):
    """Without pictures, but for the page."""
    return lambda *users, **more: fabricate(*users, **{"distinct": 3} | more)


def of(fabricate, scenario: str, **more):
    return ticket(alone(fabricate(1, scenarios=(scenario,), hostile=(), **more), 0))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_copy_is_told_and_every_difference_has_cause_fix_and_patience(fabricate, scenario):
    one = of(fabricate, scenario)
    assert [copy.workload for copy in one.copies] == ["entra", "exchange", "sharepoint", "yammer"]
    drifting = {workload for workload, (_, verdict, _, _) in SCENARIOS[scenario].items() if verdict in DRIFTING}
    assert {found.workload for found in one.differences} == drifting
    for found in one.differences:
        assert found.causes
        assert found.wait
        assert all("Fix" in dict(cause.said) for cause in found.causes)
    text = "\n".join(lines(one))
    for copy in one.copies:
        assert copy.name in text
        assert copy.word in text


DRIFTING = {"variant", "mismatch", "missing", "placeholder", "broken", "unexpected"}


def test_a_user_in_step_is_told_so_in_one_sentence_and_nothing_is_to_be_mended(fabricate):
    one = of(fabricate, "step")
    assert one.headline == "Entra ID, Exchange, SharePoint and Viva Engage show the same photo."
    assert "Fix" not in "\n".join(lines(one))


def test_without_a_photo_anywhere_nothing_is_claimed_to_differ(fabricate):
    assert "holds no photo" in of(fabricate, "without").headline


def test_what_could_not_be_read_names_the_answer_the_remedy_and_the_permission_tried(fabricate):
    permissions = [
        {"workload": "exchange", "name": "full_access_as_app", "resource": "Exchange", "kind": "application"}
    ]
    one = of(fabricate, "refused", manifest={"permissions": permissions})
    (gap,) = one.gaps
    assert gap.answer == "The service refused this one mailbox."
    assert gap.remedy
    assert gap.permissions == ("full_access_as_app on Exchange (application)",)
    assert "Could not be read with this sign-in" in "\n".join(lines(one))


def test_a_refusal_of_one_mailbox_is_not_incomplete_and_throttling_is(fabricate):
    assert not of(fabricate, "refused").incomplete
    assert of(fabricate, "throttled").incomplete
    assert of(fabricate, "refused", manifest={"require": ["exchange"]}).incomplete


def test_a_workload_that_is_switched_off_is_named_with_the_reason(fabricate):
    view = alone(fabricate(1, scenarios=("step",), hostile=(), manifest={"workloads_off": {"yammer": "not set"}}), 0)
    one = ticket(replace(view, verdicts=view.verdicts[view.verdicts["workload"] != "yammer"]))
    assert one.not_asked == (("Viva Engage", "not set"),)


def test_a_fix_is_told_with_command_link_role_undo_and_what_would_settle_the_cause(fabricate):
    view = alone(fabricate(1, scenarios=("never_visited",), hostile=()), 0)
    view.verdicts["causes"] = json.dumps(
        [{"cause": "photo_of_another_user", "confidence": "likely", "evidence": "it equals that of Ada"}]
    )
    view.verdicts.loc[view.verdicts["verdict"] == "missing", "cause"] = "photo_of_another_user"
    (found,) = ticket(view).differences
    (cause,) = found.causes
    told = dict(cause.said)
    assert cause.confidence == "likely"
    assert view.users["user_id"].iloc[0] in told["Command"]
    assert told["Described at"].startswith("https://learn.microsoft.com/")
    assert {"Would settle it", "Touches", "Who may do it", "To undo it", "What else it does"} <= set(told)
    text = "\n".join(lines(ticket(view)))
    assert told["Command"] in text
    assert told["Command"] in "\n".join(markdown(ticket(view)))


def test_a_copy_that_is_not_there_is_told_with_the_reason(fabricate):
    view = alone(fabricate(1, scenarios=("without",), hostile=()), 0)
    view.verdicts["causes"] = json.dumps([{"cause": "never_set", "confidence": "likely", "evidence": "nobody has one"}])
    text = "\n".join(lines(ticket(view)))
    assert "Why a copy is not there, or was not read" in text
    assert "Nobody has one. What helps: Ask the user to set a photo" in " ".join(text.split())


def test_only_a_single_users_run_says_that_a_whole_one_knows_whose_photo_it_is(fabricate):
    view = alone(fabricate(1, scenarios=("stale",), hostile=()), 0)
    fresh, kept = (dict(ticket(view, fresh=fresh).differences[0].causes[0].said) for fresh in (True, False))
    assert "--last-run" in fresh["Would settle it"]
    assert "--last-run" not in kept.get("Would settle it", "")


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_name_steers_no_terminal_and_starts_no_line(fabricate, number):
    text = list(lines(ticket(alone(fabricate(), number))))
    assert all(line.isprintable() or "\u200c" in line or "\u200d" in line for line in text)
    assert not [line for line in text if line.startswith("Newline")]


@pytest.mark.parametrize(
    "name",
    ["![x](https://evil.example/p.png)", "<img src=x>", "[a](javascript:x)", "a | b", "**b**", "`c`", "# d",
     "https://evil.example", "www.evil.example", "&lt;x&gt;", "a\n\n# b", *HOSTILE],
)  # fmt: skip
def test_markdown_shows_a_hostile_name_and_does_nothing(fabricate, name):
    one = ticket(alone(fabricate(1, scenarios=("stale",), hostile=(name,)), 0))
    text = "\n".join(markdown(one))
    # The only addresses are those of the fixes' own table.
    own = re.sub(r"(?m)^- Described at: <https://(learn|support)\.microsoft\.com/[\w/.-]+>$", "", text)
    bare = re.sub(r"\\.", "", own)
    assert not re.search(r"!\[|\]\(|<[a-z/]|`|https?://|\bwww\.|&lt;", bare, re.IGNORECASE)
    assert next(line for line in text.splitlines() if line.startswith("#")).startswith("## Profile photo of")
    for line in text.splitlines():
        if line.startswith("|"):
            assert re.sub(r"\\.", "", line).count("|") == 6


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_the_json_document_holds_what_was_said_and_shows_no_control_character(fabricate, number):
    one = ticket(alone(fabricate(), number))
    written = as_json(one.document())
    assert json.loads(written) == json.loads(json.dumps(one.document()))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", written)


def test_a_users_page_holds_that_user_and_nobody_else(fabricate, tmp_path):
    manifest = {
        "scope": {"directory": 90, "in_scope": 60, "joined": ["joined@contoso.com"], "left": ["left@contoso.com"]},
        "incomplete_because": ["left@contoso.com could not be read."],
        "shared_pictures": {"pictures": 1, "accounts": 2, "groups": [["joined@contoso.com", "left@contoso.com"]]},
        "what a later version writes": ["joined@contoso.com"],
    }
    view = fabricate(hostile=(), manifest=manifest)
    assert "joined@contoso.com" in write_report(view, tmp_path / "whole").html.read_text(encoding="utf-8")
    path = tmp_path / "page.html"
    write_user_page(alone(view, 3), path)
    page = path.read_text(encoding="utf-8")
    assert view.users["upn"].iloc[3] in page
    others = [upn for upn in view.users["upn"] if upn != view.users["upn"].iloc[3]]
    assert not [upn for upn in [*others, "joined@contoso.com", "left@contoso.com"] if re.search(rf"\b{upn}", page)]
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert sorted(file.name for file in tmp_path.iterdir()) == ["page.html", "whole"]
