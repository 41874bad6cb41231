"""What changed between two runs: a row a user and workload, and the first that applies."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.changes.between import Changes, between
from auditor.changes.rules import change_of
from auditor.changes.rules import side_of as whose
from auditor.changes.sides import read_side
from auditor.model import CHANGE_COLUMNS, DRIFT, Change, Verdict
from auditor.runs.folder import open_run
from auditor.runs.manifest import RunError
from auditor.runs.prune import Due, prune
from tests.changes.conftest import JUNK, NOBODY, PLACEHOLDER, UNKNOWN, People, relabel, run_of, side_of
from tests.runs.conftest import user


def changes(tmp_path: Path, before: People, after: People, **options: Any) -> Changes:
    a = side_of(tmp_path / "a", before, month=0, **options)
    return between(a, side_of(tmp_path / "b", after, month=1, **options))


def told(found: Changes) -> dict[tuple[int, str], str]:
    rows = found.rows[["user_id", "workload", "change"]].itertuples(index=False)
    return {(int(user_id[-12:]), workload): change for user_id, workload, change in rows}


def of(found: Changes, number: int, workload: str) -> dict[str, Any]:
    rows = found.rows
    (row,) = rows[(rows["user_id"] == user(number).id) & (rows["workload"] == workload)].to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_an_unchanged_tenant_has_no_rows(tmp_path: Path) -> None:
    people: People = {1: "anna", 2: None, 3: {"entra": "carl", "yammer": NOBODY}}
    found = changes(tmp_path, people, people)
    assert found.rows.empty
    assert list(found.rows.columns) == [column.name for column in CHANGE_COLUMNS]
    assert found.complete


def test_each_change_is_told_by_its_word(tmp_path: Path) -> None:
    before: People = {
        1: "anna", 2: {"entra": "berta", "yammer": "old-berta"}, 3: {"entra": "carl", "yammer": None},
        4: "dora", 5: "emil", 6: {"entra": "fritz", "yammer": UNKNOWN}, 7: {"entra": "gerd", "yammer": "old-gerd"},
    }  # fmt: skip
    after: People = {
        1: {"entra": "anna", "sharepoint": "anna-2"}, 2: "berta", 3: {"entra": "carl", "yammer": PLACEHOLDER},
        4: "dora-2", 6: "fritz", 7: {"entra": "gerd", "yammer": "older-gerd"}, 8: {"entra": "hans", "yammer": None},
    }  # fmt: skip
    assert told(changes(tmp_path, before, after)) == {
        (1, "sharepoint"): "new",
        (2, "yammer"): "fixed",
        (3, "yammer"): "still",
        (4, "entra"): "changed", (4, "sharepoint"): "changed", (4, "yammer"): "changed",
        (5, "entra"): "gone", (5, "sharepoint"): "gone", (5, "yammer"): "gone",
        (6, "yammer"): "not_comparable",
        (7, "yammer"): "changed",
        (8, "entra"): "appeared", (8, "sharepoint"): "appeared", (8, "yammer"): "appeared",
    }  # fmt: skip


def test_what_is_not_checked_is_never_a_change_not_even_of_who_came_or_left(tmp_path: Path) -> None:
    found = changes(tmp_path, {1: {"entra": "anna", "yammer": UNKNOWN}}, {2: {"entra": "berta", "yammer": UNKNOWN}})
    assert told(found)[1, "yammer"] == told(found)[2, "yammer"] == "not_comparable"
    assert of(found, 2, "yammer")["reason"] == "ambiguous"
    assert told(found)[1, "entra"] == "gone"
    assert told(found)[2, "entra"] == "appeared"


def test_another_size_or_encoding_is_no_other_photo_and_an_edit_is(tmp_path: Path) -> None:
    found = changes(
        tmp_path, {1: "anna", 2: "berta"}, {1: "anna@200", 2: {"entra": "berta", "sharepoint": "berta/mirror"}}
    )
    assert told(found) == {(2, "sharepoint"): "new"}
    assert of(found, 2, "sharepoint")["side"] == "copy"
    assert of(found, 2, "sharepoint")["distance"] > 0


def test_whose_photo_is_another_is_told(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        {1: "anna", 2: "berta", 3: {"entra": "carl", "yammer": "x"}, 4: None},
        {1: {"entra": "anna-2", "yammer": "anna"}, 2: {"entra": "berta", "yammer": None},
         3: {"entra": "carl-2", "yammer": "x"}, 4: "dora"},
    )  # fmt: skip
    sides = {key: of(found, *key)["side"] for key in told(found)}
    assert sides[1, "entra"] == "reference"
    assert sides[1, "yammer"] == "reference"  # new, because the reference went on without it
    assert sides[1, "sharepoint"] == "both"
    assert sides[2, "yammer"] == "copy"
    assert (told(found)[3, "yammer"], sides[3, "yammer"]) == ("still", "reference")
    assert {told(found)[4, name] for name in ("entra", "sharepoint", "yammer")} == {"changed"}


def test_one_placeholder_for_another_and_other_junk_are_no_change(tmp_path: Path) -> None:
    found = changes(tmp_path, {1: {"entra": "anna", "yammer": PLACEHOLDER}}, {1: {"entra": "anna", "yammer": JUNK}})
    assert told(found) == {(1, "yammer"): "still"}


def test_an_account_that_went_away_ends_the_drift(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        {1: {"entra": "anna", "yammer": "x"}, 2: "berta", 3: {"entra": "c", "yammer": NOBODY}},
        {1: {"entra": "anna", "yammer": NOBODY}, 2: {"entra": "berta", "yammer": NOBODY},
         3: {"entra": "c2", "sharepoint": "c2", "yammer": NOBODY}},
    )  # fmt: skip
    assert told(found)[1, "yammer"] == "fixed"
    assert told(found)[2, "yammer"] == "changed"
    assert (3, "yammer") not in told(found)


def test_fingerprints_of_two_recipes_are_not_held_against_each_other(tmp_path: Path) -> None:
    a = side_of(tmp_path / "a", {1: "anna", 2: None}, month=0)
    manifest = open_run(tmp_path / "a").manifest
    assert manifest["recipe"] == a.recipe
    run_of(tmp_path / "b", {1: "anna", 2: None}, month=1)
    run = open_run(tmp_path / "b")
    run.update(recipe="g0")
    run.close()
    found = between(a, read_side(tmp_path / "b"))
    assert set(told(found)) == {(1, "entra"), (1, "sharepoint"), (1, "yammer")}
    assert set(told(found).values()) == {"not_comparable"}
    assert set(found.rows["reason"]) == {"recipes_differ"}
    assert not found.complete
    assert "recipes" in " ".join(found.notes)


def test_of_a_recipe_that_this_version_does_not_read_equal_bytes_tell_and_nothing_else(tmp_path: Path) -> None:
    sides = []
    for month, people in enumerate(({1: "anna", 2: "berta@400", 3: "berta@398"}, {1: "anna", 2: "carl", 3: "berta"})):
        path = tmp_path / str(month)
        run_of(path, people, month=month)
        relabel(path, "g0")
        sides.append(read_side(path))
    found = between(*sides)
    assert {number for number, _ in told(found)} == {2, 3}
    assert set(told(found).values()) == {"not_comparable"}
    assert set(found.rows["reason"]) == {"recipe_not_read"}
    assert not found.complete
    assert found.shared == ()
    assert "this version reads" in " ".join(found.notes)


SCOPE = {"directory": 2, "in_scope": 1, "excluded": {}}


@pytest.mark.parametrize(
    ("scope", "back"),
    [({"joined": ["USER2@contoso.com"]}, "appeared"), ({"problem": "1 was listed"}, "not_comparable")],
)
def test_whom_a_list_may_have_missed_did_not_leave(tmp_path: Path, scope: dict[str, Any], back: str) -> None:
    both: People = {1: "anna", 2: {"entra": "berta", "yammer": None}}
    whole, short = side_of(tmp_path / "a", both), side_of(tmp_path / "b", {1: "anna"}, month=1, scope=SCOPE | scope)
    found = between(whole, short)
    assert told(found) == {(2, name): "not_comparable" for name in ("entra", "sharepoint", "yammer")}
    assert set(found.rows["reason"]) == {"not_listed"}
    assert set(found.rows["upn"]) == {user(2).upn}
    # Who came while a run was made joined after its list was read, which only a whole list can tell.
    assert set(told(between(short, side_of(tmp_path / "c", both, month=2))).values()) == {back}


def test_a_tenant_is_itself_however_its_id_was_typed(tmp_path: Path) -> None:
    guid, other = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
    ids = ("contoso.com", "Contoso.COM", guid, guid.upper())
    sides = [
        side_of(tmp_path / str(month), {1: "anna"}, month=month, tenant={"id": name, "domain": "contoso.com"})
        for month, name in enumerate(ids)
    ]
    for before, after in pairwise(sides):
        assert between(before, after).complete
    moved = side_of(tmp_path / "moved", {1: "anna"}, month=5, tenant={"id": other, "domain": "contoso.com"})
    with pytest.raises(RunError, match="--mapping"):
        between(sides[-1], moved)


def test_after_pruning_what_verdicts_tell_alone_is_still_told(tmp_path: Path) -> None:
    run_of(tmp_path / "a", {1: {"entra": "anna", "yammer": None}, 2: "berta"}, month=0)
    run = open_run(tmp_path / "a")
    prune(run, Due(run.path, 500, 0, fingerprints=True), "test")
    run.close()
    found = between(read_side(tmp_path / "a"), side_of(tmp_path / "b", {1: "anna", 2: "berta"}, month=1))
    assert told(found)[1, "yammer"] == "fixed"
    assert told(found)[2, "yammer"] == "not_comparable"
    assert "pruned" in " ".join(found.notes) or "runs prune" in " ".join(found.notes)


def test_a_workload_of_one_run_alone_is_said_once(tmp_path: Path) -> None:
    a = side_of(tmp_path / "a", {1: "anna"}, workloads=("entra", "sharepoint"))
    found = between(a, side_of(tmp_path / "b", {1: "anna", 2: "berta"}, month=1))
    assert told(found) == {(2, name): "appeared" for name in ("entra", "sharepoint", "yammer")}
    assert "Viva Engage is in the later run alone" in found.notes[0]


def test_runs_of_two_tenants_or_references_are_refused_with_what_to_do(tmp_path: Path) -> None:
    a = side_of(tmp_path / "a", {1: "anna"})
    with pytest.raises(RunError, match="--mapping"):
        between(a, side_of(tmp_path / "b", {1: "anna"}, month=1, tenant={"id": "other"}))
    with pytest.raises(RunError, match="reference"):
        between(a, side_of(tmp_path / "c", {1: "anna"}, month=1, reference="sharepoint"))


def test_other_people_asked_about_are_not_taken_for_joiners_silently(tmp_path: Path) -> None:
    a = side_of(tmp_path / "a", {1: "anna"}, question={"users": ["anna"]})
    found = between(a, side_of(tmp_path / "b", {1: "anna", 2: "berta"}, month=1, question={"users": []}))
    assert any("different people" in note for note in found.notes)


def test_rows_are_the_same_whatever_the_shards_and_the_directorys_order(tmp_path: Path) -> None:
    before: People = {number: f"p{number}" for number in range(1, 9)}
    after: People = {number: f"p{number}" if number % 3 else "new" + str(number) for number in range(9, 1, -1)}
    first = changes(tmp_path, before, after, shard_users=2)
    for name in "ab":
        shutil.rmtree(tmp_path / name)
    second = changes(tmp_path, before, after, shard_users=7)
    assert first.rows.equals(second.rows)
    assert first.rows[["user_id", "workload"]].values.tolist() == sorted(
        first.rows[["user_id", "workload"]].values.tolist()
    )


# -- the order of the rules -------------------------------------------------------------------------------------

_VERDICTS = st.none() | st.sampled_from(list(Verdict))


@given(before=_VERDICTS, after=_VERDICTS, comparable=st.booleans(), another=st.booleans())
def test_the_first_rule_that_applies_is_the_change(
    before: Verdict | None, after: Verdict | None, comparable: bool, another: bool
) -> None:
    applies = {
        Change.NOT_COMPARABLE: Verdict.UNCHECKED in (before, after) or not comparable,
        Change.APPEARED: before is None and after is not None,
        Change.GONE: after is None and before is not None,
        Change.NEW: before is not None and before not in DRIFT and after in DRIFT,
        Change.FIXED: before in DRIFT and after is not None and after not in DRIFT,
        Change.CHANGED: before is not None and after is not None and another,
        Change.STILL: before in DRIFT and after in DRIFT,
    }
    assert list(applies) == list(Change)
    expected = next((change for change, true in applies.items() if true), None)
    assert change_of(before, after, comparable=comparable, another=another) == expected


@given(copy=st.booleans(), reference=st.booleans())
def test_a_side_is_named_only_where_its_photo_is_another(copy: bool, reference: bool) -> None:
    said = whose(copy, reference, own=False)
    assert ("copy" in said or said == "both") == copy
    assert ("reference" in said or said == "both") == reference
    assert whose(copy, reference, own=True) == ("reference" if copy else "")
