"""The same tenant months on: the first month untouched, everything else as its services would have it."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from auditor.cli.simulate import command
from auditor.model import Workload
from auditor.simulator.events import EVENTS
from auditor.simulator.moments import from_sharepoint, moment
from auditor.simulator.months import make_month
from auditor.simulator.pictures import StoredPicture
from auditor.simulator.population import make_tenant
from auditor.simulator.server import Serving, running_tenant
from auditor.simulator.tenant import Account, Picture, Tenant
from tests.simulator.conftest import printed_by_two_processes

LAST = 6

DIGEST = """
import hashlib
from auditor.simulator.months import make_month
tenant = make_month(80, 5, 3, photos=None, scenarios=None, photo_store="split")
print(hashlib.sha256(repr(tenant).encode()).hexdigest())
"""
FIRST_MONTHS = {
    (60, 1, "split", True): "2d440659986db815",
    (300, 2, "mailbox-first", True): "4593fa483f8c4c8a",
    (300, 3, "unified", False): "6b1d27e877f85c0c",
}
"""Digests of what the first month held before there were others."""


@cache
def of_month(month: int, users: int = 300, seed: int = 1, photo_store: str = "split") -> Tenant:
    return make_month(users, seed, month, photos=None, scenarios=None, photo_store=photo_store)


@cache
def rows(month: int, photo_store: str = "split") -> list[dict[str, str]]:
    (table,) = of_month(month, photo_store=photo_store).beside
    assert table.name == "changes.csv"
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def held(account: Account) -> dict[str, Picture | None]:
    profile, mailbox = account.profile, account.mailbox
    return {
        "entra": account.graph.picture,
        "exchange": mailbox.picture if mailbox else None,
        "sharepoint": profile.stored if profile else None,
        "yammer": account.engage[0].picture if account.engage else None,
    }


def marks(account: Account) -> dict[str, str]:
    profile, mailbox = account.profile, account.mailbox
    return {
        "entra": account.graph.etag,
        "exchange": mailbox.etag if mailbox else "",
        "sharepoint": profile.timestamp if profile else "",
        "yammer": account.engage[0].picture_id if account.engage else "",
    }


def content(account: Account) -> tuple[object, ...]:
    profile, mailbox = account.profile, account.mailbox
    return (
        account.id, account.upn, account.mail, account.display_name, account.department, account.skus, account.plans,
        account.proxy_addresses, account.geo, account.enabled, account.synced, account.in_scope, account.scenario,
        account.groups, account.graph.etag, account.graph.no_photo,
        account.graph.refusal and account.graph.refusal.code,
        account.graph.picture and account.graph.picture.key,
        mailbox and (mailbox.etag, mailbox.picture and mailbox.picture.key),
        profile and (profile.object_id, profile.timestamp, profile.stored and profile.stored.key,
                     profile.shown and profile.shown.key, profile.placeholder_state, profile.exchange_sync_state),
        [(user.id, user.email, user.picture_id, user.picture and user.picture.key, user.activated_at)
         for user in account.engage],
        sorted((workload, truth.status, truth.verdict, truth.cause) for workload, truth in account.truth.items()),
    )  # fmt: skip


@pytest.mark.parametrize(("users", "seed", "photo_store", "ews"), FIRST_MONTHS)
def test_the_first_month_is_what_it_was_before_there_were_others(
    users: int, seed: int, photo_store: str, ews: bool
) -> None:
    tenant = make_month(users, seed, 0, photos=None, scenarios=None, photo_store=photo_store, ews=ews)
    digest = hashlib.sha256(f"{tenant.tenant_id}|{tenant.domain}|{tenant.scenarios}|{tenant.groups}".encode())
    for account in tenant.accounts:
        digest.update(repr(content(account)).encode())
    assert digest.hexdigest()[:16] == FIRST_MONTHS[users, seed, photo_store, ews]
    assert tenant == make_tenant(users, seed, photos=None, scenarios=None, photo_store=photo_store, ews=ews)


def test_a_second_process_makes_the_very_same_month() -> None:
    assert len(printed_by_two_processes(DIGEST)) == 1


@pytest.mark.parametrize("month", range(1, LAST + 1))
def test_whoever_nothing_happens_to_stays_the_same_to_the_last_mark(month: int) -> None:
    before = of_month(month - 1).by_id()
    hit = {row["user_id"] for row in rows(month) if row["event"]}
    untouched = [account for account in of_month(month).accounts if account.id not in hit and account.in_scope]
    assert len(untouched) > 200
    for account in untouched:
        was = before[account.id]
        assert replace(account, truth=was.truth, last_synced=was.last_synced) == was


@pytest.mark.parametrize("month", range(1, LAST + 1))
def test_what_was_written_has_a_new_mark_and_nothing_else_has(month: int) -> None:
    before = of_month(month - 1).by_id()
    events = {row["user_id"]: row["event"] for row in rows(month)}
    written: Counter[str] = Counter()
    for account in of_month(month).accounts:
        was = before.get(account.id)
        if was is None or events.get(account.id) in {"hidden", "seen_again"}:
            continue
        for workload, picture in held(account).items():
            wrote = picture != held(was)[workload]
            looked = workload == "sharepoint" and events.get(account.id) == "sync_pending"
            # A profile that was told to show its picture again was written to, whatever it stores.
            shown = (
                workload == "sharepoint"
                and account.profile
                and was.profile
                and (
                    account.profile.placeholder_state != was.profile.placeholder_state
                    or account.profile.exchange_sync_state != was.profile.exchange_sync_state
                )
            )
            assert (marks(account)[workload] != marks(was)[workload]) is bool(wrote or looked or shown)
            written[workload] += wrote
    assert all(written[workload] for workload in ("entra", "exchange", "sharepoint", "yammer"))


def test_a_feed_brings_the_same_photo_back_under_a_new_mark() -> None:
    fed = {row["user_id"] for row in rows(3) if row["event"] == "fed"}
    assert fed
    months = [of_month(month).by_id() for month in (1, 2, 3)]
    for user in fed:
        first, second, third = (month[user] for month in months)
        turning = [workload for workload, picture in held(first).items() if picture != held(second)[workload]]
        assert turning
        for workload in turning:
            assert held(first)[workload] == held(third)[workload]
            assert len({marks(account)[workload] for account in (first, second, third)}) == 3


def test_leavers_vanish_and_joiners_come_with_ids_and_addresses_of_their_own() -> None:
    seen: set[str] = set()
    for month in range(1, LAST + 1):
        before, now = of_month(month - 1), of_month(month)
        gone, new = before.by_id().keys() - now.by_id().keys(), now.by_id().keys() - before.by_id().keys()
        assert not seen & new
        seen |= gone
        addresses = [address.lower() for account in now.accounts for address in {account.upn, account.mail} if address]
        assert len(set(now.by_id())) == len(now.accounts)
        assert len(set(addresses)) == len(addresses)
        for user in new:
            account = now.by_id()[user]
            assert moment(month - 1) - timedelta(days=2) < told(account) < moment(month)
    assert seen


def told(account: Account) -> datetime:
    return datetime.fromisoformat(account.created)


def test_no_date_that_is_told_lies_after_the_month_s_moment() -> None:
    for month in (1, 4):
        for account in of_month(month).accounts:
            stamp = from_sharepoint(account.profile.timestamp) if account.profile else None
            assert stamp is None or stamp < moment(month)
            assert told(account) < moment(month)


@pytest.mark.parametrize("month", range(1, LAST + 1))
def test_several_per_cent_of_the_users_are_hit_a_month(month: int) -> None:
    hit = {row["user_id"] for row in rows(month) if row["event"]}
    assert 0.02 <= len(hit) / 300 <= 0.08


def test_every_kind_of_event_and_cause_comes_round() -> None:
    events = {row["event"] for month in range(1, LAST + 1) for row in rows(month)}
    assert events - {""} == {*EVENTS, "joined", "left", "blocked", "unblocked", "hidden", "seen_again", "fed"}
    causes = {row["cause"] for month in range(1, LAST + 1) for row in rows(month) if row["needs_month"]}
    assert causes == {"sync_pending", "removed_at_reference", "older_photo_returned", "rewritten_by_feed"}


CAUSED = {
    "sync_pending": {"sync_pending"},
    "older_photo_returned": {"mailbox_moved", ""},
    "rewritten_by_feed": {"fed"},
    "removed_at_reference": {"withdrawn", ""},
}


def test_no_event_is_taken_for_another_cause() -> None:
    for month in range(1, LAST + 1):
        for row in rows(month):
            if row["needs_month"]:
                assert row["event"] in CAUSED[row["cause"]]
                assert int(row["needs_month"]) < month
            elif month >= 3 and row["change"] in {"new", "fixed", "changed"}:
                assert row["event"] != "fed"


# The change of every copy, read from the two months' truth ---------------------------------------------

DRIFT = {"variant", "mismatch", "missing", "placeholder", "broken", "unexpected"}


def photograph(account: Account, workload: str) -> tuple[str, frozenset[str]] | None:
    if account.truth[workload].status != "photo":
        return None
    picture = held(account)[workload]
    if workload == "sharepoint":
        picture = account.profile.shown if account.profile else None
    assert isinstance(picture, StoredPicture)
    return picture.upload.name, frozenset(picture.variant)


def expected(was: Account | None, now: Account | None, workload: str) -> str:
    sides = [account for account in (was, now) if account]
    if any(account.truth[workload].verdict == "unchecked" for account in sides):
        return "not_comparable"
    if was is None or now is None:
        return "appeared" if now else "gone"
    drifted, drifts = was.truth[workload].verdict in DRIFT, now.truth[workload].verdict in DRIFT
    if drifted != drifts:
        return "new" if drifts else "fixed"
    if photograph(was, workload) != photograph(now, workload):
        return "changed"
    return "still" if drifts else ""


@pytest.mark.parametrize("photo_store", ["split", "mailbox-first", "unified"])
@pytest.mark.parametrize("month", [1, 2, 5])
def test_changes_csv_is_what_two_months_truths_say(month: int, photo_store: str) -> None:
    before, now = (
        {account.id: account for account in of_month(each, photo_store=photo_store).accounts if account.in_scope}
        for each in (month - 1, month)
    )
    true = {
        (user, workload.value): change
        for user in before.keys() | now.keys()
        for workload in Workload
        if (change := expected(before.get(user), now.get(user), workload.value))
    }
    found = rows(month, photo_store)
    assert {(row["user_id"], row["workload"]): row["change"] for row in found} == true
    assert len(found) == len(true)
    assert {row["change"] for row in found} == {
        "not_comparable", "appeared", "gone", "new", "fixed", "changed", "still",
    }  # fmt: skip


def test_with_ews_off_no_mailbox_is_ever_compared() -> None:
    tenant = make_month(60, 1, 1, photos=None, scenarios=None, photo_store="split", ews=False)
    changes = {row[2] for row in tenant.beside[0].rows if row[1] == "exchange"}
    assert changes == {"not_comparable"}


def test_a_plain_tenant_stays_plain() -> None:
    tenant = make_month(60, 1, 4, photos=None, scenarios=["plain"], photo_store="split")
    assert all(account.graph.refusal is None and len(account.engage) == 1 for account in tenant.accounts)


# Files ------------------------------------------------------------------------------------------------


def test_changes_csv_stands_beside_the_truth_from_the_second_month_on(tmp_path: Path) -> None:
    with running_tenant(of_month(1, users=12), Serving(), tmp_path) as info:
        path = Path(info["changes_file"])
        with path.open(encoding="utf-8", newline="") as file:
            table = list(csv.reader(file))
        assert table[0][:3] == ["user_id", "workload", "change"]
        assert len(table) > 1
    with running_tenant(of_month(0, users=12), Serving(), tmp_path) as info:
        assert "changes_file" not in info
        assert not path.exists()


@pytest.mark.parametrize("month", ["-1", "121", "next"])
def test_a_month_that_makes_no_sense_is_refused(month: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--month", month, "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "--month" in result.output
