"""Which request gets which fault: everything within 500 requests, whoever asks first, and never too often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from auditor.simulator.asgi import Request
from auditor.simulator.asked import Asking
from auditor.simulator.fault_plan import FORMS, NAMED
from auditor.simulator.faults import Faults
from auditor.simulator.lookup import make_lookup
from auditor.simulator.population import make_tenant
from auditor.simulator.tenant import Account, Tenant

USERS = 1500
WINDOW = 500
SEEDS = 4
ANYWHERE = {str(form) for form in FORMS if form.kind not in {"batch", "pages", "soap", "denied"}} - {
    "throttled/very_long"
}
RARE = {"throttled/very_long", "denied/403"}
MAIL = '<m:Email xmlns:m="x">{}</m:Email>'

Ask = Callable[[Account], Request]


@cache
def people() -> Tenant:
    return make_tenant(USERS, 1, photos=None, scenarios=["plain"], photo_store="split")


def request(target: str, body: str = "") -> Request:
    path, _, query = target.partition("?")
    return Request("POST" if body else "GET", path, query, {}, body.encode(), "https://127.0.0.1:1")


def photo(account: Account) -> Request:
    return request(f"/v1.0/users/{account.id}/photo")


def mailbox(account: Account) -> Request:
    return request("/ews/exchange.asmx", MAIL.format(account.upn))


def profile(account: Account) -> Request:
    claim = f"'i%3A0%23.f%7Cmembership%7C{account.upn}'"
    return request(f"/_api/SP.UserProfiles.PeopleManager/GetPropertiesFor(accountName=@v)?@v={claim}")


def shown(account: Account) -> Request:
    return request(f"/_layouts/15/userphoto.aspx?size=L&accountname={account.upn}")


def mugshot(account: Account) -> Request:
    return request(f"/mugshot/images/{account.engage[0].picture_id}?P1=1&P4=s&size=648x648")


def begun(plan: str, seed: int, tmp_path: Path) -> Faults:
    faults = Faults(NAMED[plan], seed, Asking(make_lookup(people()), 50))
    faults.begin(tmp_path / f"{plan}-{seed}.csv")
    return faults


def played(faults: Faults, origin: str, asked: Sequence[Request], *, in_batch: bool = False) -> list[str]:
    """The faults of a client that asks each question until it is answered; empty for none."""
    found: list[str] = []
    for one in asked:
        while True:
            hit = faults.draw(origin, one, in_batch=in_batch)
            found.append(str(hit.form) if hit else "")
            if hit is None:
                break
    return found


def here(account: Account) -> bool:
    return account.in_scope


CASES = {
    "photos": ("graph", photo, here, False, ANYWHERE | RARE | {"denied/401"}),
    "steps of batches": (
        "graph",
        photo,
        here,
        True,
        {str(form) for form in FORMS if form.kind == "batch"} | {"denied/403"},
    ),
    "mailboxes in SOAP": (
        "exchange",
        mailbox,
        here,
        False,
        ANYWHERE | RARE | {"denied/401"} | {str(form) for form in FORMS if form.kind == "soap"},
    ),
    "profiles": ("sharepoint", profile, here, False, ANYWHERE | RARE | {"denied/401"}),
    "shown pictures": (
        "sharepoint_my",
        shown,
        lambda one: one.in_scope and one.profile is not None and one.geo == "home",
        False,
        ANYWHERE | {"denied/401"},
    ),
    "mugshots": (
        "yammer_cdn",
        mugshot,
        lambda one: bool(one.engage and one.engage[0].picture),
        False,
        ANYWHERE | RARE,
    ),
}


QUICK = {*((case, "hostile") for case in CASES), ("mailboxes in SOAP", "light"), ("mailboxes in SOAP", "heavy")}


@pytest.mark.parametrize(
    ("case", "plan"),
    [
        pytest.param(case, plan, marks=() if (case, plan) in QUICK else pytest.mark.soak)
        for case in CASES
        for plan in NAMED
    ],
)
def test_every_500_requests_of_a_kind_hold_everything(case: str, plan: str, tmp_path: Path) -> None:
    origin, ask, asked_for, in_batch, expected = CASES[case]
    chosen = [ask(account) for account in people().accounts if asked_for(account)]
    for seed in range(SEEDS):
        found = played(begun(plan, seed, tmp_path), origin, chosen, in_batch=in_batch)
        assert len(found) > WINDOW
        for start in range(0, len(found) - WINDOW + 1, 25):
            window = found[start : start + WINDOW]
            if plan == "light":
                window = [one.partition("/")[0] for one in window]
                assert {one.partition("/")[0] for one in expected} - set(window) == set()
            else:
                assert expected - set(window) == set()


@pytest.mark.parametrize("plan", [pytest.param("heavy", marks=pytest.mark.soak), "hostile"])
def test_every_500_pages_hold_everything_and_half_of_their_faults_are_of_paging(plan: str, tmp_path: Path) -> None:
    for seed in range(SEEDS):
        faults = begun(plan, seed, tmp_path)
        found: list[str] = []
        for page in range(1, 1200):
            hit = faults.draw("yammer", request(f"/api/v1/users.json?page={page}"), more=lambda: True)
            found.append(str(hit.form) if hit else "")
            faults.draw("yammer", request("/api/v1/users.json?page=1"))  # begin anew: an endless list ends
        paging = [one for one in found if one.startswith("pages/")]
        assert {"pages/repeated", "pages/duplicate_users"} <= set(found[:WINDOW])
        assert 1 <= paging.count("pages/endless") <= 2
        assert 0.25 <= len(paging) / sum(map(bool, found)) <= 0.6
        for start in range(0, len(found) - WINDOW + 1, 25):
            assert ANYWHERE - set(found[start : start + WINDOW]) == set()


@pytest.mark.parametrize("plan", list(NAMED))
def test_what_may_be_final_for_a_patient_client_hits_one_user_in_a_hundred_at_most(plan: str, tmp_path: Path) -> None:
    chosen = [account for account in people().accounts if account.in_scope]
    for seed in range(SEEDS):
        found = played(begun(plan, seed, tmp_path), "exchange", [mailbox(account) for account in chosen])
        assert sum(one in RARE for one in found) <= 0.01 * len(chosen)


def test_one_question_asked_500_times_meets_everything_too(tmp_path: Path) -> None:
    account = next(account for account in people().accounts if account.in_scope)
    faults = begun("hostile", 1, tmp_path)
    hits = [faults.draw("exchange", mailbox(account)) for _ in range(2 * WINDOW)]
    common = CASES["mailboxes in SOAP"][4] - RARE - {"denied/401"}
    assert common - {str(hit.form) for hit in hits if hit} == set()


def test_a_question_is_the_same_however_it_is_put(tmp_path: Path) -> None:
    asking = Asking(make_lookup(people()), 50)
    account = people().accounts[0]

    def subject(origin: str, target: str, body: str = "") -> str:
        asked = asking.read(origin, request(target, body))
        assert asked is not None
        return asked.subject

    assert subject("yammer_cdn", "/mugshot/images/a?P1=1&P4=x&size=s") == subject(
        "yammer_cdn", "/mugshot/images/a?size=s&P4=y&P1=2"
    )
    assert subject("exchange", "/EWS/Exchange.asmx", MAIL.format(account.upn.upper())) == subject(
        "exchange", "/ews/exchange.asmx", MAIL.format(account.upn)
    )
    assert subject("graph", f"/v1.0/users/{account.id}/photo") != subject("graph", "/v1.0/users/other/photo")


def test_grants_that_are_good_once_are_never_hit() -> None:
    asking = Asking(make_lookup(people()), 50)
    for grant in ("authorization_code", "urn:ietf:params:oauth:grant-type:device_code"):
        assert asking.read("identity", request("/t/oauth2/v2.0/token", f"grant_type={grant}&code=c")) is None
    assert asking.read("identity", request("/t/oauth2/v2.0/token", "grant_type=client_credentials")) is not None
