"""The shares, by a table: one user's copies, and what the user counts as."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from auditor.model import USER_COLUMNS, VERDICT_COLUMNS
from auditor.report import tally
from auditor.report.drawing import bar, grid, mosaic
from auditor.report.shares import REFERENCE_UNCHECKED, Share
from auditor.report.text import percent
from auditor.runs.view import RunView


def run(*users: tuple[str, ...], people: int | None = None) -> RunView:
    """A run of users given as their verdicts: entra, exchange, sharepoint, yammer; `unchecked:reason`."""
    ids = [f"id{number}" for number in range(people or len(users))]
    listed = pd.DataFrame(
        [{"user_id": i, "upn": f"{i}@contoso.com", "display_name": i, "department": "Sales"} for i in ids],
        columns=[column.name for column in USER_COLUMNS],
    )
    rows = []
    for user_id, verdicts in zip(ids, users, strict=False):
        for workload, verdict in zip(("entra", "exchange", "sharepoint", "yammer"), verdicts, strict=False):
            name, _, reason = verdict.partition(":")
            rows.append(
                {"user_id": user_id, "upn": f"{user_id}@contoso.com", "workload": workload, "verdict": name,
                 "reason": reason, "detail": "", "cause": "x" if name == "mismatch" else ""}
            )  # fmt: skip
    frame = pd.DataFrame(rows, columns=[column.name for column in VERDICT_COLUMNS])
    return RunView({}, listed, frame, Path("nowhere"))


GRAPH = "unchecked:not_separately_readable"


@pytest.mark.parametrize(
    ("copies", "verdict", "same", "no_photo", "partly"),
    [
        (("reference", "match", "match", "match"), "match", 1, 0, 0),
        (("reference", "match"), "match", 1, 0, 0),
        (("reference",), "reference", 0, 0, 0),
        (("reference", "not_applicable"), "reference", 0, 0, 0),
        (("reference", "not_applicable", "match", "not_applicable"), "match", 1, 0, 0),
        (("reference", "match", "mismatch", "match"), "mismatch", 0, 0, 0),
        (("reference", "variant", "match", "missing"), "missing", 0, 0, 0),
        (("reference", GRAPH), "reference", 0, 0, 1),
        (("reference", GRAPH, "match"), "match", 1, 0, 1),
        (("reference", "unchecked:throttled", "match"), "unchecked", 1, 0, 1),
        (("reference", "unchecked:throttled", "missing"), "missing", 0, 0, 1),
        (("no_photo", "no_photo", "no_photo"), "no_photo", 0, 1, 0),
        (("no_photo", "unexpected", "no_photo"), "unexpected", 0, 0, 0),
        (("no_photo", GRAPH, "not_applicable"), "no_photo", 0, 1, 1),
        (("not_applicable", "not_applicable"), "not_applicable", 0, 0, 0),
        (("not_applicable", "no_photo"), "no_photo", 0, 1, 0),
        (("unchecked:throttled", "unchecked", "unchecked"), "unchecked", 0, 0, 1),
        (("broken", "unchecked", "not_applicable"), "broken", 0, 0, 1),
        ((), "unchecked", 0, 0, 1),
    ],
)
def test_what_one_user_counts_as(copies, verdict, same, no_photo, partly):
    counted = tally(run(copies, people=1))
    assert counted.verdicts.tolist() == [verdict]
    assert counted.same_everywhere == Share(same, int("reference" in copies))
    assert counted.no_photo == Share(no_photo, 1)
    assert counted.not_fully_checked == Share(partly, 1)


def test_a_match_beside_an_unread_copy_is_told_apart():
    counted = tally(run(("reference", "match", "unchecked:throttled"), ("reference", "match", GRAPH)))
    assert counted.same_everywhere == Share(2, 2)
    assert counted.same_as_far_as_read == 1  # what cannot be read separately is no copy of its own


def test_what_was_not_checked_is_never_drift():
    counted = tally(run(("reference", "unchecked:throttled"), ("reference", "mismatch")))
    assert (counted.drifting, counted.drifting_copies) == (1, 1)
    assert counted.workloads[1].compared == 1
    assert [(item.workload, item.reason, item.copies) for item in counted.unchecked] == [("exchange", "throttled", 1)]


def test_users_without_any_answer_are_counted_as_not_checked():
    counted = tally(run(("reference", "match"), people=3))
    assert counted.users == 3
    assert counted.not_fully_checked == Share(2, 3)
    assert counted.unchecked[0].copies == 2


def test_an_empty_run_counts_nothing():
    counted = tally(run())
    assert (counted.users, counted.drifting, counted.workloads, counted.departments) == (0, 0, (), ())
    assert counted.same_everywhere == Share(0, 0)


def test_rows_of_a_user_need_not_stand_together():
    view = run(("reference", "match", "mismatch"), ("reference", "match", "match"))
    mixed = RunView({}, view.users, view.verdicts.sort_values("workload", ignore_index=True), view.photos)
    assert tally(mixed).verdicts.tolist() == tally(view).verdicts.tolist()


def test_departments_and_domains_count_users_and_copies():
    counted = tally(run(("reference", "mismatch", "missing"), ("reference", "match"), ("reference", "unchecked")))
    department = counted.departments[0]
    assert (department.name, department.users, department.drifting) == ("Sales", 3, Share(1, 2))
    assert department.workloads["exchange"] == Share(1, 2)
    assert department.workloads["sharepoint"] == Share(1, 1)
    assert [group.name for group in counted.domains] == ["contoso.com"]


@pytest.mark.parametrize(
    ("part", "whole", "said"), [(0, 9, "0 %"), (9, 9, "100 %"), (1, 900, "1 %"), (899, 900, "99 %"), (0, 0, "–")]
)
def test_a_percentage_never_claims_all_or_nothing_by_rounding(part, whole, said):
    assert percent(part, whole) == said


def test_the_mosaic_forgets_nobody():
    drawn = mosaic(bar([("mismatch", "Different", 1), ("match", "Same", 99_998), ("unchecked", "?", 1)]))
    slugs = [square.slug for square in drawn.squares]
    assert len(slugs) == 400
    assert not drawn.single
    assert slugs.count("mismatch") == slugs.count("unchecked") == 1


def test_a_cell_without_comparable_copies_is_not_a_cell_without_drift():
    counted = tally(run(("reference", "not_applicable", "match")))
    cells = grid(counted.departments, [("exchange", "Exchange"), ("sharepoint", "SharePoint")], "None").rows[0].cells
    assert [cell.level for cell in cells] == ["0", "none", "0"]


def test_a_copy_that_was_read_does_not_repeat_why_the_reference_was_not():
    view = run(("unchecked:throttled", "unchecked:throttled", "unchecked:ambiguous"))
    view.verdicts["status"] = ["unknown", "photo", "unknown"]
    found = {(item.workload, item.reason) for item in tally(view).unchecked}
    assert found == {("entra", "throttled"), ("exchange", REFERENCE_UNCHECKED), ("sharepoint", "ambiguous")}
