"""What stands beside the page for programs and pipelines: true to the run, whole, and harmless."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from auditor.model import DRIFT, VERDICT_COLUMNS, Picture, Status, Verdict
from auditor.report import tally, write_report
from auditor.report.document import FORMAT, write_document
from auditor.report.pipeline import write_junit, write_summary
from auditor.report.tables import write_action_plan

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
REASONS = {"complete": False, "incomplete_because": ["exchange: 3 of 60 copies could not be learned (throttled)."]}


@pytest.fixture
def run(fabricate):
    """A fabricated run without pictures: nothing here shows them."""
    return lambda *users, **more: fabricate(*users, **{"distinct": 3, "keep": False} | more)


@pytest.fixture
def document(tmp_path):
    def write(view, **more):
        write_document(view, tally(view), tmp_path / "report.json", **more)
        return read(tmp_path / "report.json")

    return write


@pytest.fixture
def plan(tmp_path):
    def write(view):
        write_action_plan(view, tmp_path / "action-plan.csv")
        with (tmp_path / "action-plan.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return write


@pytest.fixture
def junit(tmp_path):
    def write(view):
        write_junit(view, tally(view), tmp_path / "junit.xml")
        return ElementTree.fromstring((tmp_path / "junit.xml").read_text(encoding="utf-8"))

    return write


@pytest.fixture
def summary(tmp_path):
    def write(view, **more):
        write_summary(view, tally(view), tmp_path / "summary.md", **more)
        return (tmp_path / "summary.md").read_text(encoding="utf-8")

    return write


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def drifted(view):
    return view.verdicts[view.verdicts["verdict"].isin(list(DRIFT))]


# -- report.json --------------------------------------------------------------------------------------------


def test_the_schema_is_one_and_knows_the_vocabulary():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["format"]["const"] == FORMAT
    assert set(SCHEMA["$defs"]["verdict"]["enum"]) == set(Verdict)
    copy = SCHEMA["$defs"]["copy"]["properties"]
    assert set(copy["status"]["enum"]) == set(Status)
    assert set(copy["picture"]["enum"]) == set(Picture)
    assert set(copy) <= {column.name for column in VERDICT_COLUMNS}


@pytest.mark.parametrize("redact", [False, True])
@pytest.mark.parametrize("manifest", [{}, REASONS])
def test_the_document_is_as_the_schema_says(run, document, manifest, redact):
    VALIDATOR.validate(document(run(manifest=manifest), redact=redact))


def test_a_bare_manifest_makes_a_document_too(run, document):
    view = run(3, hostile=())
    view.manifest.clear()
    VALIDATOR.validate(document(view))


def test_a_document_that_is_wrong_is_noticed(run, document):
    made = document(run())
    made["findings"][0]["copies"][0]["verdict"] = "odd"
    assert not VALIDATOR.is_valid(made)
    made = document(run())
    del made["shares"]
    assert not VALIDATOR.is_valid(made)


def test_the_document_counts_as_the_page_does_and_holds_every_finding(run, document):
    view = run()
    counted, made = tally(view), document(view)
    assert (made["users"], made["drifting_users"]) == (counted.users, counted.drifting)
    assert [one["user_id"] for one in made["findings"]] == list(dict.fromkeys(drifted(view)["user_id"]))
    copies = [copy for one in made["findings"] for copy in one["copies"]]
    assert Counter(copy["verdict"] for copy in copies if copy["verdict"] in DRIFT) == Counter(drifted(view)["verdict"])
    names = dict(zip(view.users["user_id"], view.users["display_name"], strict=True))
    assert all(one["display_name"] == names[one["user_id"]] for one in made["findings"])


def test_the_document_says_exactly_what_was_said_and_shows_nothing_unseen(run, document, tmp_path):
    made = document(run())
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert any("\u202e" in one["display_name"] for one in made["findings"])


# -- action-plan.csv ----------------------------------------------------------------------------------------


def test_the_action_plan_has_a_row_for_each_copy_that_drifted_and_room_for_who_does_what(run, plan):
    view = run()
    rows = plan(view)
    assert [(row["user_id"], row["workload"]) for row in rows] == list(
        drifted(view)[["user_id", "workload"]].itertuples(index=False, name=None)
    )
    assert {(row["owner"], row["decision"], row["date"]) for row in rows} == {("", "", "")}
    assert all(row["cause"] and row["fix"] for row in rows)


def test_no_cell_of_the_action_plan_begins_a_formula(run, plan):
    cells = [cell for row in plan(run()) for cell in row.values()]
    assert any(cell.startswith("'=cmd") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_what_made_a_run_incomplete_is_something_to_be_done(run, plan):
    first, *_ = plan(run(manifest=REASONS))
    assert (first["cause"], first["evidence"]) == ("run_incomplete", *REASONS["incomplete_because"])


# -- junit.xml ----------------------------------------------------------------------------------------------


def test_junit_fails_once_for_each_copy_that_drifted_and_counts_right(run, junit):
    view = run(manifest=REASONS)
    suites = junit(view)
    assert Counter(
        (case.get("classname", "").removeprefix("photo-auditor."), case.find("failure").get("type"))
        for case in suites.iter("testcase")
        if case.find("failure") is not None
    ) == Counter(zip(drifted(view)["workload"], drifted(view)["verdict"], strict=True))
    counts = (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    for element in (suites, *suites.iter("testsuite")):
        for name, inside in counts:
            assert int(element.get(name)) == len(list(element.iter(inside))), (element.get("name"), name)
    assert [error.get("message") for error in suites.iter("error")] == REASONS["incomplete_because"]


def test_users_without_any_answer_are_skipped_and_counted(run, junit):
    whole = run(6, scenarios=("step",), hostile=())
    view = replace(whole, verdicts=whole.verdicts.iloc[4:])
    suites = junit(view)
    assert int(suites.get("tests")) == len(list(suites.iter("testcase")))
    (skipped,) = suites.iter("skipped")
    assert skipped.get("message") == "Not asked"


def test_an_incomplete_run_without_drift_is_no_green_junit(run, junit):
    silent = {"complete": False, "incomplete_because": []}
    assert len(list(junit(run(scenarios=("step",), hostile=(), manifest=silent)).iter("error"))) == 1


@pytest.mark.parametrize("name", ["\ufffe", "\uffff\x00\x1b", "]]>", "--><x>", "\"a\" <b> & 'c'"])
def test_junit_is_xml_whatever_a_user_is_called(run, junit, name):
    view = run(1, scenarios=("stale",), hostile=())
    view.verdicts["upn"] = name
    assert len(list(junit(view).iter("failure"))) == 1


# -- summary.md ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("redact", [False, True])
def test_the_summary_has_the_numbers_and_names_nobody(run, summary, redact):
    view = run()
    text, counted = summary(view, redact=redact), tally(view)
    assert f"{counted.drifting:,} of {counted.users:,} users drift" in text
    assert not [name for name in (*view.users["upn"], *view.users["display_name"]) if name in text]


def test_what_a_service_said_is_no_markup_in_the_summary(run, summary):
    said = "yammer: ![x](https://evil.example/a.png) | <img src=x>"
    text = re.sub(r"\\.", "", summary(run(manifest={"complete": False, "incomplete_because": [said]})))
    assert "incomplete" in text
    assert not re.search(r"!\[|\]\(|<img|https://", text)


# -- without names ------------------------------------------------------------------------------------------


def test_a_redacted_report_is_numbers_in_every_file(run, tmp_path):
    service = "exchange: u1@contoso.com was refused by mail.contoso.com."
    view = run(manifest={"complete": False, "incomplete_because": [service]})
    view.verdicts.loc[view.verdicts["reason"] == "ews_refused", "reason"] = "Error of user1@contoso.com"
    view.verdicts.loc[view.verdicts["cause"] == "edited_copy", "cause"] = "cause_of_user1@contoso.com"
    paths = write_report(view, tmp_path, redact=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report.html", "report.json", "summary.md"]
    assert read(paths.document)["findings"] == []
    assert read(paths.document)["redacted"] is True
    for file in paths.written:
        text = file.read_text(encoding="utf-8")
        personal = [*view.users["upn"], *view.users["user_id"], *view.users["display_name"], *view.verdicts["sha256"]]
        assert not [word for word in personal if word and word in text], file
        assert "contoso" not in text.lower(), file


def test_full_files_of_an_earlier_report_are_named_by_a_redacted_one(run, tmp_path):
    view = run(6)
    write_report(view, tmp_path)
    left = {path.name for path in write_report(view, tmp_path, redact=True).left}
    assert left == {"drift.csv", "observations.csv", "users.csv", "action-plan.csv", "junit.xml"}
