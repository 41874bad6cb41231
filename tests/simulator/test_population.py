"""From a seed to a tenant: the same every time, in the promised shares, with everybody a tenant has in it."""

from __future__ import annotations

import hashlib
import os
import re
import time
import unicodedata
import uuid
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.simulator.names import DEPARTMENTS, UNUSUAL
from auditor.simulator.pictures import Drawn, Filed, StoredPicture
from auditor.simulator.population import M365_E3, M365_F1, M365_F3, make_tenant
from auditor.simulator.tenant import Account, Tenant
from auditor.simulator.truth import EXCHANGE_PLANS
from tests.simulator.conftest import printed_by_two_processes

PHOTO_STORES = ("split", "mailbox-first", "unified")
CHECKOUT = Path(__file__).resolve().parents[2]
PORTRAITS = Path(os.environ.get("PHOTO_AUDITOR_PORTRAITS", CHECKOUT.parent / "shared" / "photos"))

DIGEST = """
import hashlib, sys
from auditor.simulator.population import make_tenant
tenant = make_tenant(300, 5, photos=None, scenarios=None, photo_store="split")
photo = tenant.accounts[0].engage and next(a.graph.picture for a in tenant.accounts if a.graph.picture)
print(hashlib.sha256(repr(tenant).encode() + photo.largest("graph").data).hexdigest())
"""


def tenant_of(users: int, seed: int = 1, photo_store: str = "split", scenarios: list[str] | None = None) -> Tenant:
    return make_tenant(users, seed, photos=None, scenarios=scenarios, photo_store=photo_store)


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return tenant_of(1000)


def uploads(account: Account) -> set[StoredPicture]:
    held = [account.graph.picture, *(user.picture for user in account.engage)]
    held += [account.mailbox.picture] if account.mailbox else []
    held += [account.profile.stored, account.profile.shown] if account.profile else []
    return {picture for picture in held if isinstance(picture, StoredPicture)}


def test_a_second_process_makes_the_very_same_tenant() -> None:
    assert len(printed_by_two_processes(DIGEST)) == 1


def test_another_seed_makes_another_tenant() -> None:
    first, second = tenant_of(50, 1), tenant_of(50, 2)
    assert first.tenant_id != second.tenant_id
    assert not {account.id for account in first.accounts} & {account.id for account in second.accounts}


def test_the_photo_store_changes_what_is_served_and_nobody_s_name() -> None:
    split, unified = tenant_of(200), tenant_of(200, photo_store="unified")
    for one, other in zip(split.accounts, unified.accounts, strict=True):
        hidden = {"graph": one.graph, "mailbox": one.mailbox, "profile": one.profile, "truth": one.truth}
        assert replace(other, **hidden) == one  # type: ignore[arg-type]


@pytest.mark.parametrize("photo_store", PHOTO_STORES)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (2, 3))])
@pytest.mark.parametrize("users", [200, pytest.param(500, marks=pytest.mark.soak), 1000])
def test_half_of_the_users_are_in_step(users: int, seed: int, photo_store: str) -> None:
    accounts = tenant_of(users, seed, photo_store).accounts
    assert len(accounts) == users
    for group in (accounts, [account for account in accounts if account.in_scope]):
        dealt = sum(account.scenario == "in_step" for account in group) / len(group)
        found = sum(all_match(account) for account in group) / len(group)
        assert 0.43 <= dealt <= 0.55
        # Found in the truth, however dealt: a photo that was only squared is in step as well.
        assert 0.45 <= found <= 0.55


def all_match(account: Account) -> bool:
    return [truth.verdict for truth in account.truth.values()] == ["reference", "match", "match", "match"]


@pytest.mark.parametrize("users", [1, 2, 3, 7, 40, 103, 199, 201, 250, 333])
def test_tenants_of_any_size_are_made(users: int) -> None:
    accounts = tenant_of(users).accounts
    assert len(accounts) == users
    assert sum(account.scenario == "in_step" for account in accounts) >= 0.43 * users


def test_a_thousand_users_take_less_than_three_seconds() -> None:
    start = time.process_time()
    tenant_of(1000)
    assert time.process_time() - start < 3


def test_ids_and_addresses_belong_to_one_account_each(tenant: Tenant) -> None:
    accounts = tenant.accounts
    assert len({account.id for account in accounts}) == len(accounts)
    assert all(str(uuid.UUID(account.id)) == account.id for account in accounts)
    owners: dict[str, set[str]] = {}
    for account in accounts:
        proxies = [proxy.split(":", 1)[1] for proxy in account.proxy_addresses if proxy[:5].lower() == "smtp:"]
        for address in (account.upn, account.mail, *proxies, *(user.email for user in account.engage)):
            if address:
                owners.setdefault(address.lower(), set()).add(account.id)
    assert all(len(ids) == 1 for ids in owners.values())
    engage = [user.id for account in accounts for user in account.engage]
    assert len(set(engage)) == len(engage)


def test_the_default_scope_is_enabled_licensed_members_of_one_s_own(tenant: Tenant) -> None:
    for account in tenant.accounts:
        expected = (
            account.enabled and account.user_type == "Member" and "#EXT#" not in account.upn and bool(account.skus)
        )
        assert account.in_scope is expected


def test_every_class_of_account_is_there(tenant: Tenant) -> None:
    accounts = tenant.accounts
    guests = [account for account in accounts if account.user_type == "Guest"]
    external = [account for account in accounts if account.user_type == "Member" and "#EXT#" in account.upn]
    assert len(guests) >= 10
    assert len(external) >= 10
    guest_name = re.compile(r"[^@]+_[a-z.-]+#EXT#@contoso\.onmicrosoft\.com")
    assert all(guest_name.fullmatch(account.upn) for account in guests + external)
    assert all(not account.skus for account in guests)
    purposes = Counter(account.mailbox.purpose for account in accounts if account.mailbox)
    assert all(purposes[purpose] >= 10 for purpose in ("shared", "room", "equipment"))
    resources = [account for account in accounts if account.mailbox and account.mailbox.purpose != "user"]
    assert all(not account.enabled and not account.skus for account in resources)
    assert any(not account.enabled and account.skus for account in accounts)
    assert any(account.enabled and not account.skus for account in accounts if account.user_type == "Member")
    assert 0.2 < sum(account.synced for account in accounts) / len(accounts) < 0.6
    assert 0.05 < sum(account.geo == "satellite" for account in accounts) / len(accounts) < 0.12


def test_a_shared_room_or_equipment_mailbox_is_a_mailbox_with_a_photo_or_without(tenant: Tenant) -> None:
    resources = [account for account in tenant.accounts if account.mailbox and account.mailbox.purpose != "user"]
    without = [account for account in resources if account.mailbox and account.mailbox.picture is None]
    assert 0 < len(without) < len(resources)
    assert {account.truth["exchange"].status for account in without} == {"absent"}
    assert not any(account.truth["exchange"].status == "not_provisioned" for account in resources)


def test_ews_is_refused_to_exactly_those_with_frontline_licences_only(tenant: Tenant) -> None:
    for account in tenant.accounts:
        frontline = bool(account.skus) and set(account.skus) <= {M365_F1, M365_F3}
        assert bool(account.mailbox and account.mailbox.ews_refused) is frontline
    both = [account for account in tenant.accounts if M365_F3 in account.skus and len(account.skus) > 1]
    assert both


def test_no_mailbox_is_where_no_exchange_plan_is(tenant: Tenant) -> None:
    for account in tenant.accounts:
        if account.in_scope and account.scenario == "no_mailbox":
            assert account.mailbox is None
            assert not any(plan in EXCHANGE_PLANS for _, plan in account.plans)
            assert account.skus == (M365_E3,)
            assert any(service == "exchange" for service, _ in account.removed_plans)


def test_the_user_principal_name_differs_from_the_mail_of_about_a_tenth(tenant: Tenant) -> None:
    own = [account for account in tenant.accounts if account.in_scope and account.mail]
    differ = [account for account in own if account.upn.lower() != account.mail.lower()]
    assert 0.06 < len(differ) / len(own) < 0.14
    assert all(account.upn.isascii() for account in tenant.accounts)
    assert all(f"SMTP:{account.mail}" in account.proxy_addresses for account in own)


def test_names_and_addresses_come_in_many_scripts(tenant: Tenant) -> None:
    scripts = {
        unicodedata.name(letter).split()[0]
        for account in tenant.accounts
        for letter in account.display_name
        if letter.isalpha()
    }
    wanted = {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "HIRAGANA", "HANGUL", "DEVANAGARI", "THAI"}
    assert wanted <= scripts
    assert any(not account.mail.isascii() for account in tenant.accounts)
    shown = {account.display_name for account in tenant.accounts}
    assert len([name for name in UNUSUAL if name.display in shown]) > len(UNUSUAL) / 2
    assert any("'" in account.upn for account in tenant.accounts)
    assert max(map(len, shown)) > 200


def test_every_department_is_a_group_and_so_is_the_pilot(tenant: Tenant) -> None:
    names = {group.id: group.display_name for group in tenant.groups}
    members = Counter(names[group] for account in tenant.accounts for group in account.groups)
    assert set(members) == {*DEPARTMENTS, "Pilot"}
    for account in tenant.accounts:
        assert [names[group] for group in account.groups if names[group] != "Pilot"] == (
            [account.department] if account.department else []
        )
    assert any(name.startswith("=") for name in members)


def test_no_photo_is_said_in_every_way_graph_has(tenant: Tenant) -> None:
    none = [account.graph for account in tenant.accounts if not account.graph.picture and not account.graph.refusal]
    ways = {graph.no_photo for graph in none}
    assert ways == {"image_not_found", "entity_not_found", "item_not_found", "one_pixel", "bare_404"}
    assert all(re.fullmatch("[0-9A-F]{8}", account.graph.etag) for account in tenant.accounts if account.graph.picture)


def test_one_upload_never_shows_another_upload_s_portrait(tenant: Tenant) -> None:
    shown: dict[object, set[str]] = {}
    for account in tenant.accounts:
        for picture in uploads(account):
            if isinstance(picture.upload.source, Drawn | Filed):
                shown.setdefault(picture.upload.source, set()).add(picture.upload.name)
    assert all(len(names) == 1 for names in shown.values())


def test_a_plain_tenant_has_nothing_that_a_plain_client_could_not_read() -> None:
    tenant = tenant_of(200, scenarios=["plain"])
    assert 0.45 <= sum(account.scenario == "in_step" for account in tenant.accounts) / 200 <= 0.55
    for account in tenant.accounts:
        assert account.in_scope
        assert account.geo == "home"
        assert not set(account.skus) <= {M365_F1, M365_F3}
        assert account.mailbox
        assert account.profile
        assert account.profile.object_id == account.id
        assert len(account.engage) == 1
        assert account.graph.refusal is None
        assert account.graph.no_photo == "image_not_found"
        assert account.mail.isascii()
        assert re.fullmatch(r"[A-Za-z0-9.@-]+", account.upn)
        for picture in uploads(account):
            assert picture.form == "renditions"
            assert not picture.edits
            assert picture.kind != "broken"
        verdicts = {truth.verdict for truth in account.truth.values()}
        assert verdicts <= {"reference", "match", "missing", "placeholder", "no_photo", "mismatch"}


@pytest.mark.parametrize("photo_store", PHOTO_STORES)
def test_where_one_store_serves_both_exchange_serves_what_graph_does(photo_store: str) -> None:
    differ = 0
    for account in tenant_of(200, photo_store=photo_store).accounts:
        if account.mailbox and account.graph.picture and account.mailbox.picture:
            sides = account.graph.picture.sides("graph")
            for side in sides[:1]:
                same = account.mailbox.picture.at("exchange", side) == account.graph.picture.at("graph", side)
                differ += not same
    assert (differ == 0) is (photo_store == "unified")


def test_a_folder_changes_the_pictures_and_nothing_else(tmp_path: Path) -> None:
    photo = tenant_of(1).accounts[0].graph.picture
    assert photo
    (tmp_path / "one.jpg").write_bytes(photo.largest("graph").data)
    drawn = tenant_of(60)
    mixed = make_tenant(60, 1, photos=tmp_path, scenarios=None, photo_store="split")
    for one, other in zip(drawn.accounts, mixed.accounts, strict=True):
        assert (one.id, one.upn, one.scenario, one.truth) == (other.id, other.upn, other.scenario, other.truth)
    sources = {picture.upload.source for account in mixed.accounts for picture in uploads(account)}
    assert sum(isinstance(source, Filed) for source in sources) == 1


@pytest.mark.skipif(not PORTRAITS.is_dir(), reason=f"the portraits are not present in {PORTRAITS}")
def test_real_portraits_are_dealt_each_to_one_upload() -> None:
    tenant = make_tenant(500, 1, photos=PORTRAITS, scenarios=None, photo_store="split")
    dealt: dict[Path, set[str]] = {}
    for account in tenant.accounts:
        for picture in uploads(account):
            if isinstance(picture.upload.source, Filed):
                dealt.setdefault(picture.upload.source.path, set()).add(picture.upload.name)
    assert len(dealt) > 250
    assert all(len(names) == 1 for names in dealt.values())
    files = [account.graph.picture for account in tenant.accounts if account.graph.picture][:10]
    assert len({hashlib.sha256(picture.largest("graph").data).digest() for picture in files}) == len(files)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"users": 0}, "at least one user"),
        ({"photo_store": "tape"}, "Unknown photo store tape; there are split, mailbox-first, unified"),
        ({"scenarios": ["nonsense"]}, "Unknown scenario nonsense"),
        ({"scenarios": ["plain", "cropped"]}, "plain"),
        ({"photos": Path("nowhere")}, "does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options: dict[str, object], said: str) -> None:
    given: dict[str, object] = {"users": 3, "seed": 1, "photos": None, "scenarios": None, "photo_store": "split"}
    with pytest.raises(ValueError, match=said):
        make_tenant(**(given | options))  # type: ignore[arg-type]
