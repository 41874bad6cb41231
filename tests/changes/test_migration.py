"""What became of each photo in a migration: each loss found, none invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auditor.changes.migration import Migration, migration
from auditor.changes.pairing import pair, read_mapping, read_renames
from auditor.changes.sides import read_side
from auditor.runs.manifest import RunError
from tests.changes.conftest import JUNK, NOBODY, PLACEHOLDER, UNKNOWN, People, relabel, run_of, side_of
from tests.runs.conftest import user

RENAME = {"contoso.com": "northwind.com"}


def moved(tmp_path: Path, before: People, after: People, **options: Any) -> Migration:
    """The users of both by the same number; in the new tenant they have other ids and another domain."""
    old = side_of(tmp_path / "pre", before)
    new = side_of(
        tmp_path / "post", {number + 100: held for number, held in after.items()}, month=1, tenant={"id": "new"},
        upns={number + 100: f"user{number}@northwind.com" for number in after},
    )  # fmt: skip
    mapping = options.pop("mapping", {})
    return migration(old, new, pair(old, new, mapping, options.pop("renames", RENAME)), **options)


def told(found: Migration) -> dict[tuple[int, str], str]:
    rows = found.rows
    return {
        (int(old[-12:]) if old else -int(new[-12:]), workload): outcome
        for old, new, workload, outcome in zip(
            rows["old_user_id"], rows["new_user_id"], rows["workload"], rows["outcome"], strict=True
        )
    }


def of(found: Migration, number: int, workload: str) -> dict[str, Any]:
    rows = found.rows[(found.rows["old_user_id"] == user(number).id) & (found.rows["workload"] == workload)]
    (row,) = rows.to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_each_outcome_is_told_by_its_word(tmp_path: Path) -> None:
    found = moved(
        tmp_path,
        {1: "anna", 2: "berta", 3: "carl", 4: "dora", 5: "emil", 6: {"entra": "fritz", "yammer": None},
         7: {"entra": None, "sharepoint": UNKNOWN, "yammer": PLACEHOLDER}, 8: "hans"},
        {1: "anna", 2: {"entra": "berta", "yammer": "berta@100"}, 3: {"entra": "carl", "yammer": "carl/mirror"},
         4: {"entra": "dora", "yammer": "stranger"}, 5: {"entra": "emil", "sharepoint": None, "yammer": PLACEHOLDER},
         6: "fritz", 7: {"entra": NOBODY, "sharepoint": "x"}},
    )  # fmt: skip
    outcomes = told(found)
    assert {outcomes[1, name] for name in ("entra", "sharepoint", "yammer")} == {"arrived"}
    assert outcomes[2, "yammer"] == "shrunk"
    assert of(found, 2, "yammer")["new_width"] == 100
    assert outcomes[3, "yammer"] == "edited"
    assert outcomes[4, "yammer"] == "replaced"
    assert (outcomes[5, "sharepoint"], outcomes[5, "yammer"]) == ("lost", "lost")
    assert outcomes[6, "yammer"] == "added"
    assert (7, "entra") not in outcomes
    assert (7, "yammer") not in outcomes
    assert outcomes[7, "sharepoint"] == "not_comparable"
    assert {outcomes[8, name] for name in ("entra", "sharepoint", "yammer")} == {"not_mapped"}


def test_a_photo_that_landed_on_the_wrong_person_names_whose_it_is(tmp_path: Path) -> None:
    found = moved(
        tmp_path, {1: "anna", 2: "berta", 3: None}, {1: "berta", 2: "anna", 3: {"entra": None, "yammer": "anna@150"}}
    )
    assert {told(found)[1, name] for name in ("entra", "sharepoint", "yammer")} == {"wrong_person"}
    assert of(found, 1, "entra")["owner"] == user(2).upn
    assert of(found, 2, "yammer")["owner"] == user(1).upn
    assert (told(found)[3, "yammer"], of(found, 3, "yammer")["owner"]) == ("wrong_person", user(1).upn)


def test_a_picture_that_several_accounts_had_is_nobodys(tmp_path: Path) -> None:
    found = moved(tmp_path, {1: "anna", 2: "logo", 3: "logo", 4: None}, {1: "logo", 2: "logo", 3: "logo", 4: "logo"})
    assert told(found)[1, "entra"] == "replaced"
    assert told(found)[4, "entra"] == "added"
    assert "2 other users" in of(found, 1, "entra")["evidence"]
    assert set(found.rows["owner"]) == {""}


def test_a_stale_copy_that_became_the_users_own_photo_arrived(tmp_path: Path) -> None:
    found = moved(
        tmp_path,
        {1: {"entra": "anna", "sharepoint": "old-anna", "yammer": "older"}, 2: {"entra": None, "yammer": "berta"}},
        {1: {"entra": "anna", "sharepoint": "anna", "yammer": "old-anna"}, 2: {"entra": "berta", "yammer": "berta"}},
    )
    assert told(found)[1, "sharepoint"] == "arrived"
    assert told(found)[1, "yammer"] == "arrived"
    assert "sharepoint" in of(found, 1, "yammer")["evidence"]


def test_an_account_without_a_copy_that_got_its_owners_photo_is_no_wrong_person(tmp_path: Path) -> None:
    shared: People = {1: {"entra": "twins", "yammer": None}, 2: "twins"}
    assert told(moved(tmp_path, shared, {1: "twins", 2: "twins"}))[1, "yammer"] == "added"


def test_a_picture_that_copies_of_several_showed_is_nobodys_either(tmp_path: Path) -> None:
    found = moved(
        tmp_path,
        {1: "anna", 2: {"entra": "berta", "sharepoint": "logo"}, 3: {"entra": "carl", "sharepoint": "logo"}},
        {1: "logo", 2: "berta", 3: "carl"},
    )
    assert (told(found)[1, "entra"], of(found, 1, "entra")["owner"]) == ("replaced", "")
    assert "2 other users showed it" in of(found, 1, "entra")["evidence"]


def test_a_photo_of_ones_own_is_not_anothers_because_a_copy_of_theirs_showed_it(tmp_path: Path) -> None:
    found = moved(
        tmp_path,
        {1: {"entra": "anna", "yammer": "old-anna"}, 2: {"entra": "berta", "sharepoint": "old-anna"}},
        {1: {"entra": "old-anna"}, 2: "berta"},
    )
    assert {told(found)[1, name] for name in ("entra", "sharepoint", "yammer")} == {"arrived"}
    assert set(found.rows["owner"]) == {""}


def test_a_photo_of_anothers_reference_is_theirs_whoever_showed_it_by_mistake_before(tmp_path: Path) -> None:
    found = moved(tmp_path, {1: {"entra": "anna", "yammer": "berta"}, 2: "berta"}, {1: {"entra": "berta"}, 2: "berta"})
    assert (told(found)[1, "entra"], of(found, 1, "entra")["owner"]) == ("wrong_person", user(2).upn)


def test_bytes_that_may_have_been_a_photo_are_not_called_none(tmp_path: Path) -> None:
    found = moved(tmp_path, {1: JUNK, 2: JUNK, 3: "carl"}, {1: None, 2: "berta", 3: JUNK})
    assert {told(found)[number, "entra"] for number in (1, 2, 3)} == {"not_comparable", "added", "lost"}
    assert told(found)[1, "entra"] == "not_comparable"


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_two_who_would_be_one_new_user_are_not_paired_by_their_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    names = {1: "anna@fabrikam.com", 2: "anna@contoso.com", 3: "carl@contoso.com"}
    photos = {1: "anna-1", 2: "anna-2"}
    old = side_of(tmp_path / "pre", {**{number: photos[number] for number in order}, 3: "carl"}, upns=names)
    new = side_of(
        tmp_path / "post", {102: "anna-2", 103: "carl"}, month=1, tenant={"id": "new"},
        upns={102: "anna@northwind.com", 103: "carl@northwind.com"},
    )  # fmt: skip
    renames = {"fabrikam.com": "northwind.com", "contoso.com": "northwind.com"}
    found = migration(old, new, pair(old, new, {}, renames))
    assert {told(found)[number, "entra"] for number in (1, 2, -102)} == {"not_mapped"}
    assert told(found)[3, "entra"] == "arrived"
    for row in (of(found, 1, "entra"), of(found, 2, "entra")):
        assert row["evidence"] == (
            "anna@contoso.com and anna@fabrikam.com would all be anna@northwind.com: a mapping must say who is"
        )
    assert "1 new users would each be several old ones" in found.notes[0]
    settled = migration(old, new, pair(old, new, {"anna@contoso.com": "anna@northwind.com"}, renames))
    assert told(settled)[2, "entra"] == "arrived"
    assert told(settled)[1, "entra"] == "not_mapped"


@pytest.mark.parametrize("recipes", [("g0", "g0"), ("g0", "g1")])
def test_runs_of_a_recipe_that_is_not_read_prove_nothing_and_name_nobody(
    tmp_path: Path, recipes: tuple[str, str]
) -> None:
    old, new = ({1: "anna", 2: "berta", 3: {"entra": "carl", "yammer": None}}, {101: "berta", 102: "anna", 103: "carl"})
    for name, people, recipe in (("pre", old, recipes[0]), ("post", new, recipes[1])):
        tenant = {"id": name}
        upns = {number: f"user{number % 100}@contoso.com" for number in people}
        run_of(tmp_path / name, people, month=name == "post", tenant=tenant, upns=upns)
        relabel(tmp_path / name, recipe)
    sides = read_side(tmp_path / "pre"), read_side(tmp_path / "post")
    found = migration(*sides, pair(*sides, {}, {}))
    # Equal bytes are one picture whatever the recipe; a second recipe is not read at all.
    assert set(told(found).values()) == {"not_comparable", "added"} | ({"arrived"} if len({*recipes}) == 1 else set())
    assert (told(found)[1, "entra"], told(found)[3, "yammer"]) == ("not_comparable", "added")
    assert not found.complete
    assert any("Audit both with this version" in note for note in found.notes)


def test_nobody_is_searched_for_unless_asked(tmp_path: Path) -> None:
    found = moved(tmp_path, {1: "anna", 2: "berta"}, {1: "berta", 2: "anna"}, find_owner=False)
    assert set(told(found).values()) == {"replaced"}
    assert user(2).upn not in "".join(found.rows["evidence"])


def test_the_mapping_wins_over_the_rule_and_whom_it_names_belongs_to_nobody_else(tmp_path: Path) -> None:
    mapping = {user(1).upn: "user2@northwind.com", "ghost@contoso.com": "user3@northwind.com"}
    found = moved(tmp_path, {1: "anna", 2: "berta"}, {2: "anna", 9: "new"}, mapping=mapping)
    assert told(found)[1, "entra"] == "arrived"
    assert of(found, 1, "entra")["paired_by"] == "mapping"
    assert told(found)[2, "entra"] == "not_mapped"
    assert told(found)[-109, "entra"] == "not_mapped"
    assert (found.pairs, found.alone_old, found.alone_new) == (1, 1, 1)
    assert found.notes == ("1 old names of the mapping are no users of the earlier run.",)


def test_letters_of_names_may_be_large_or_small(tmp_path: Path) -> None:
    old = side_of(tmp_path / "pre", {1: "anna"}, upns={1: "User1@Contoso.COM"})
    new = side_of(tmp_path / "post", {2: "anna"}, tenant={"id": "n"}, upns={2: "USER1@northwind.com"}, month=1)
    assert set(pair(old, new, {}, RENAME).pairs) == {user(1).id}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("old,new\na,b\n", "no columns"),
        ("old_upn,new_upn\na@x,\n", "line 2"),
        ("old_upn,new_upn\na@x,b@y\na@x,c@y\n", "mapped twice"),
        ("old_upn,new_upn\na@x,b@y\nc@x,B@y\n", "Two users"),
        ("", "no columns"),
        ("old_upn,new_upn\n\udcff", "UTF-8"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused_by_its_line(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunError, match=problem):
        read_mapping(tmp_path / "map.csv")


def test_a_mapping_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_bytes(b"\xef\xbb\xbfname,old_upn,new_upn\r\nAnna, A@x ,b@Y\r\n")
    assert read_mapping(tmp_path / "map.csv") == {"a@x": "b@y"}


@pytest.mark.parametrize("given", ["x", "=y", "x=", "a@x=y", "x=y=z"])
def test_a_rule_that_is_no_pair_of_domains_is_refused(given: str) -> None:
    with pytest.raises(RunError, match="old-domain=new-domain"):
        read_renames([given])
