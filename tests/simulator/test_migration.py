"""A tenant after its move: who is who, and what became of every photo."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from auditor.model import Workload
from auditor.simulator.arrivals import Moved, migration_table
from auditor.simulator.migration import DOMAIN_RULES, FATES, in_new_domain, migrated
from auditor.simulator.months import make_month
from auditor.simulator.pictures import Drawn, StoredPicture, Upload
from auditor.simulator.server import Serving, running_tenant
from auditor.simulator.tenant import Account, GraphPhoto, Tenant

OUTCOMES = {
    "arrived", "shrunk", "edited", "replaced", "wrong_person", "lost", "added", "not_comparable", "not_mapped",
}  # fmt: skip
OLD_DOMAINS = tuple(f"@{rule[0]}" for rule in DOMAIN_RULES)
PICTURE = StoredPicture(Upload("p", Drawn(3)))


@cache
def old(photo_store: str = "split") -> Tenant:
    return make_month(300, 3, 1, photos=None, scenarios=None, photo_store=photo_store)


@cache
def new(photo_store: str = "split") -> Tenant:
    return migrated(old(photo_store))


def table(name: str, photo_store: str = "split") -> list[dict[str, str]]:
    (found,) = [one for one in new(photo_store).beside if one.name == name]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def test_the_move_is_the_same_every_time() -> None:
    assert migrated(old()) == new()


def test_nobody_keeps_an_id_or_an_address_of_the_old_domain() -> None:
    before, now = old(), new()
    assert before.tenant_id != now.tenant_id
    assert not before.by_id().keys() & now.by_id().keys()
    for account in now.accounts:
        told = [account.upn, account.mail, *account.proxy_addresses, *(user.email for user in account.engage)]
        assert not [address for address in told if address.lower().endswith(OLD_DOMAINS)]
    upns = [account.upn.lower() for account in now.accounts]
    assert len(set(upns)) == len(upns)


def test_mapping_and_domain_rules_pair_the_users_as_they_were_moved() -> None:
    mapping = {row["old_upn"].lower(): row["new_upn"].lower() for row in table("mapping.csv")}
    assert mapping
    by_upn = {account.upn.lower(): account for account in new().accounts if account.in_scope}
    pairs = set()
    for account in old().accounts:
        upn = account.upn.lower()
        name = mapping.get(upn, in_new_domain(upn))
        if account.in_scope and name in by_upn and (upn in mapping or name not in mapping.values()):
            pairs.add((account.id, by_upn[name].id))
    rows = table("migration.csv")
    assert {(row["old_user_id"], row["new_user_id"]) for row in rows if row["outcome"] != "not_mapped"} <= pairs
    unmapped = {row["old_user_id"] for row in rows if row["outcome"] == "not_mapped"}
    assert unmapped - {""} == {one.id for one in old().accounts if one.in_scope} - {pair[0] for pair in pairs}


def test_somebody_new_has_the_name_that_a_renamed_user_had() -> None:
    renamed = {in_new_domain(row["old_upn"]).lower() for row in table("mapping.csv")}
    strangers = {row["new_user_id"] for row in table("migration.csv") if not row["old_user_id"]}
    assert [one for one in new().accounts if one.id in strangers and one.upn.lower() in renamed]


@pytest.mark.parametrize("photo_store", ["split", "mailbox-first", "unified"])
def test_every_outcome_and_every_fate_comes_about(photo_store: str) -> None:
    rows = table("migration.csv", photo_store)
    assert {row["outcome"] for row in rows} == OUTCOMES
    assert {row["fate"] for row in rows} == {"", "hired", *(fate.name for fate in FATES)}
    keys = Counter((row["old_user_id"], row["new_user_id"], row["workload"]) for row in rows)
    assert set(keys.values()) == {1}


EXPECTED = {
    "left_behind": {"not_mapped"},
    "hired": {"not_mapped"},
    "lost": {"lost"},
    "lost_in_one": {"lost", "arrived"},
    "shrunk": {"shrunk"},
    "edited": {"edited"},
    "replaced": {"replaced"},
    "swapped": {"wrong_person"},
    "given_away": {"wrong_person"},
    "added": {"added"},
    "hidden": {"not_comparable", "arrived"},
}


def test_what_befell_a_user_is_what_became_of_the_photos() -> None:
    found: dict[str, set[str]] = {}
    for row in table("migration.csv"):
        found.setdefault(row["fate"], set()).add(row["outcome"])
    assert {fate: found[fate] for fate in EXPECTED} == EXPECTED
    # Who arrived as they were lost nothing to the move itself.
    assert found[""] <= {"arrived", "not_comparable"}


def test_the_owner_of_a_photo_on_the_wrong_person_is_named() -> None:
    upns = {account.upn for account in old().accounts}
    for row in table("migration.csv"):
        assert (row["owner"] in upns) is (row["outcome"] == "wrong_person")


def person(somebody: Account, name: str, photo: StoredPicture | None) -> Account:
    return replace(somebody, id=name, upn=name, graph=GraphPhoto(photo), mailbox=None, profile=None, engage=())


@pytest.mark.parametrize(("owners", "outcome"), [(0, "replaced"), (1, "wrong_person"), (2, "replaced")])
def test_a_picture_that_several_had_belongs_to_nobody(owners: int, outcome: str) -> None:
    somebody = next(account for account in old().accounts if account.in_scope)
    mine = StoredPicture(Upload("mine", Drawn(1)))
    logo = StoredPicture(Upload("logo", Drawn(2)))
    moved = [Moved(person(somebody, "me", mine), person(somebody, "me-now", logo), "")]
    moved += [Moved(person(somebody, f"owner{number}", logo), None, "") for number in range(owners)]
    found = migration_table(moved, ews=True).rows
    assert [row[3] for row in found if row[0] == "me" and row[2] == Workload.ENTRA] == [outcome]


@pytest.mark.parametrize(
    "picture",
    [
        PICTURE,
        PICTURE.shrunk(96),
        PICTURE.edited("crop"),
        PICTURE.formed("thumbnail"),
        PICTURE.formed("animated"),
        PICTURE.formed("transparent"),
        PICTURE.formed("exif"),
        PICTURE.shared_with("graph"),
        StoredPicture(Upload("q", Drawn(4), (3, 4))),
        StoredPicture(Upload("q", Drawn(4), (3, 4)), form="thumbnail"),
        StoredPicture(Upload("r", Drawn(5), (4, 3)), form="original"),
        StoredPicture(Upload("r", Drawn(5), (4, 3)), form="only"),
    ],
    ids=lambda picture: picture.key,
)
def test_the_size_that_is_reckoned_with_is_the_size_that_is_drawn(picture: StoredPicture) -> None:
    for store in ("graph", "exchange", "sharepoint", "yammer"):
        largest = picture.largest(store)  # type: ignore[arg-type]
        assert picture.extent(store) == (largest.width, largest.height)  # type: ignore[arg-type]


def test_the_tables_stand_beside_the_truth_and_the_rules_in_the_handout(tmp_path: Path) -> None:
    tenant = migrated(make_month(12, 1, 0, photos=None, scenarios=None, photo_store="split"))
    with running_tenant(tenant, Serving(), tmp_path) as info:
        assert info["domain_rules"] == (
            "contoso.com=northwindtraders.com,contoso.onmicrosoft.com=northwindtraders.onmicrosoft.com"
        )
        for name, columns in (
            ("mapping", ["old_upn", "new_upn"]),
            ("migration", ["old_user_id", "new_user_id", "workload", "outcome"]),
        ):
            with Path(info[f"{name}_file"]).open(encoding="utf-8", newline="") as file:
                assert next(csv.reader(file))[: len(columns)] == columns
