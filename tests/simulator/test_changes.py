"""What counts as which change, and which causes earlier months show: held against months made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from auditor.model import Status, Verdict
from auditor.simulator.changes import change_of, change_table
from auditor.simulator.moments import moment, sharepoint_time
from auditor.simulator.pictures import Drawn, StoredPicture, Upload
from auditor.simulator.population import make_tenant
from auditor.simulator.tenant import Account, GraphPhoto
from auditor.simulator.truth import Sighting, with_truth

A, B, C = (StoredPicture(Upload(name, Drawn(seed))) for seed, name in enumerate(("a", "b", "c")))
Months = list[tuple[StoredPicture | None, StoredPicture | None]]
"""The reference's photo and the copy's, month by month."""


@pytest.fixture(scope="module")
def somebody() -> Account:
    tenant = make_tenant(30, 1, photos=None, scenarios=["plain"], photo_store="split")
    return next(account for account in tenant.accounts if account.scenario == "in_step")


def sighting(verdict: str, picture: StoredPicture | None = None) -> Sighting:
    status = Status.PHOTO if picture else Status.UNKNOWN if verdict == "unchecked" else Status.ABSENT
    return Sighting(status, Verdict(verdict), picture)


CELLS = [
    (("match", A), ("match", A), ""),
    (("match", A), ("match", A.formed("thumbnail")), ""),
    (("match", A), ("match", A.edited("reencode")), ""),
    (("match", A), ("match", A.shrunk(96)), ""),
    (("match", A), ("match", B), "changed"),
    (("reference", A), ("reference", B), "changed"),
    (("reference", A), ("reference", A.edited("mirror")), "changed"),
    (("reference", A), ("no_photo", None), "changed"),
    (("no_photo", None), ("reference", A), "changed"),
    (("no_photo", None), ("no_photo", None), ""),
    (("reference", A), ("broken", None), "new"),
    (("match", A), ("mismatch", A), "new"),
    (("match", A), ("missing", None), "new"),
    (("mismatch", A), ("match", A), "fixed"),
    (("mismatch", A), ("not_applicable", None), "fixed"),
    (("match", A), ("not_applicable", None), "changed"),
    (("no_photo", None), ("not_applicable", None), ""),
    (("missing", None), ("mismatch", A), "changed"),
    (("mismatch", A), ("mismatch", B), "changed"),
    (("mismatch", A), ("unexpected", A), "still"),
    (("missing", None), ("placeholder", None), "still"),
    (("variant", A.edited("crop")), ("variant", A.edited("crop")), "still"),
    (("match", A), ("unchecked", None), "not_comparable"),
    (("unchecked", A), ("mismatch", B), "not_comparable"),
    (None, ("match", A), "appeared"),
    (None, ("unchecked", None), "not_comparable"),
    (("not_applicable", None), None, "gone"),
    (("unchecked", None), None, "not_comparable"),
    (None, None, ""),
]


@pytest.mark.parametrize(("before", "now", "change"), CELLS)
def test_the_first_change_that_applies(
    before: tuple[str, StoredPicture | None] | None, now: tuple[str, StoredPicture | None] | None, change: str
) -> None:
    assert change_of(sighting(*before) if before else None, sighting(*now) if now else None) == change


def lived(somebody: Account, months: Months, workload: str, stamp: str = "63799442436") -> dict[str, dict[str, str]]:
    """Rows of the last month, by workload."""
    past: list[tuple[int, Account | None]] = []
    for month, (reference, copy) in enumerate(months):
        profile, mailbox = somebody.profile, somebody.mailbox
        assert profile
        assert mailbox
        copies = dict.fromkeys(("exchange", "sharepoint", "yammer"), reference) | {workload: copy}
        account = replace(
            somebody,
            graph=GraphPhoto(reference) if reference else GraphPhoto(),
            mailbox=replace(mailbox, picture=copies["exchange"]),
            profile=replace(profile, stored=copies["sharepoint"], shown=copies["sharepoint"], timestamp=stamp),
            engage=(replace(somebody.engage[0], picture=copies["yammer"]),),
        )
        past.append((month, with_truth([account], ews=True)[0]))
    last = len(months) - 1
    before, now = past[last - 1][1], past[last][1]
    assert before
    assert now
    table = change_table(last, [before], [now], {somebody.id: past}, {}, ews=True)
    return {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def cause(row: dict[str, str]) -> tuple[str, str, str]:
    return row["change"], row["cause"], row["needs_month"]


def test_an_older_photo_has_returned_where_the_copy_had_followed_a_later_one(somebody: Account) -> None:
    row = lived(somebody, [(A, A), (B, B), (B, A)], "exchange")["exchange"]
    assert cause(row) == ("new", "older_photo_returned", "0")
    assert row["reference_until"] == "0"
    still = lived(somebody, [(A, A), (B, B), (B, A), (B, A)], "exchange")["exchange"]
    assert cause(still) == ("still", "older_photo_returned", "0")


def test_a_copy_that_never_followed_is_only_stale(somebody: Account) -> None:
    row = lived(somebody, [(A, A), (B, A), (C, A)], "yammer")["yammer"]
    assert cause(row) == ("still", "unexplained", "")
    assert row["reference_until"] == "0"


def test_a_copy_that_no_earlier_month_explains_is_stale_since_nobody_knows_when(somebody: Account) -> None:
    assert lived(somebody, [(A, B), (A, B)], "yammer")["yammer"]["reference_until"] == ""


@pytest.mark.parametrize(
    ("months", "change"),
    [
        ([(A, A), (A, B), (A, A)], "fixed"),
        ([(A, A), (A, B), (A, A), (A, B)], "new"),
        ([(A, A), (A, None), (A, B), (A, A)], "fixed"),
    ],
)
def test_a_copy_that_turns_back_was_rewritten_by_a_feed(somebody: Account, months: Months, change: str) -> None:
    found = cause(lived(somebody, months, "yammer")["yammer"])
    assert found[:2] == (change, "rewritten_by_feed")


def test_a_reference_that_turns_back_is_rewritten_too(somebody: Account) -> None:
    rows = lived(somebody, [(A, A), (B, B), (A, A)], "yammer")
    assert {cause(row)[:2] for row in rows.values()} == {("changed", "rewritten_by_feed")}
    assert len(rows) == 4


@pytest.mark.parametrize("months", [[(A, A), (A, B)], [(A, A), (A, None), (A, A)], [(A, B), (A, B), (A, A)]])
def test_once_there_and_back_is_no_feed_without_a_second_photo(somebody: Account, months: Months) -> None:
    assert lived(somebody, months, "yammer")["yammer"]["cause"] != "rewritten_by_feed"


def test_a_copy_that_remains_of_a_withdrawn_photo_is_what_the_reference_held(somebody: Account) -> None:
    row = lived(somebody, [(A, A), (None, A)], "yammer")["yammer"]
    assert cause(row) == ("new", "removed_at_reference", "0")
    unseen = lived(somebody, [(None, A), (None, A)], "yammer")["yammer"]
    assert cause(unseen) == ("still", "removed_at_reference", "")


@pytest.mark.parametrize(("hours", "slug"), [(12, "sync_pending"), (71, "sync_pending"), (73, "unexplained")])
def test_sharepoint_is_waited_for_only_where_it_looked_lately(somebody: Account, hours: int, slug: str) -> None:
    stamp = sharepoint_time(moment(1) - timedelta(hours=hours))
    row = lived(somebody, [(A, A), (B, A)], "sharepoint", stamp)["sharepoint"]
    assert (row["change"], row["cause"]) == ("new", slug)


def test_a_photo_that_was_never_the_reference_s_is_not_waited_for(somebody: Account) -> None:
    stamp = sharepoint_time(moment(1))
    assert lived(somebody, [(A, A), (B, C)], "sharepoint", stamp)["sharepoint"]["cause"] == "unexplained"
