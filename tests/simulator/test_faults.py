"""The faults of the simulated tenant, over real sockets, met by clients that are not ours."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from PIL import Image

from auditor.simulator import ews_soap
from auditor.simulator.fault_plan import FORMS, KINDS, NAMED, PlanError, read_plan
from auditor.simulator.population import make_tenant
from auditor.simulator.services import ORIGINS

USERS, SEED = 620, 3
ATTEMPTS = 5
PLANS = [pytest.param(plan, marks=() if plan == "hostile" else pytest.mark.soak) for plan in NAMED]
"""Each takes a tenant of 500 users; what the others draw is seen in `test_fault_draws`."""
AT_ONCE = 8
EXCHANGE_AUDIENCE, GRAPH_AUDIENCE = "https://outlook.office365.com", "https://graph.microsoft.com"
ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
<s:Header><t:RequestServerVersion Version="Exchange2016"/></s:Header>
<s:Body><m:GetUserPhoto><m:Email>{email}</m:Email><m:SizeRequested>HR48x48</m:SizeRequested></m:GetUserPhoto></s:Body>
</s:Envelope>"""
SOAP_FORMS = {str(form) for form in FORMS if form.kind not in {"batch", "pages"}}
"""What can happen to a mailbox asked in SOAP."""


def trusting(info: dict[str, str]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=info["ca_bundle"])


def app_token(client: httpx.Client, info: dict[str, str], audience: str) -> str:
    """A token, however often it has to be asked for."""
    form = {
        "grant_type": "client_credentials",
        "client_id": info["client_id"],
        "client_secret": info["client_secret"],
        "scope": f"{audience}/.default",
    }
    for _ in range(ATTEMPTS):
        try:
            answer = client.post(f"{info['authority']}/oauth2/v2.0/token", data=form)
            return str(answer.json()["access_token"])
        except (httpx.HTTPError, ValueError, KeyError):
            continue
    raise AssertionError("no token in five attempts")


def faults_of(running: Any) -> list[dict[str, str]]:
    with (running.dir / "faults.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def form_of(row: dict[str, str]) -> str:
    return f"{row['kind']}/{row['form']}"


# -- the named plans -----------------------------------------------------------------------------------------------


def conclusive(answer: httpx.Response) -> bool | None:
    """Whether an answer of GetUserPhoto tells of a photo; None where it is worth another try."""
    if answer.status_code == 404 and not answer.content:
        return False
    if answer.status_code != 200:
        return None
    try:
        root = ElementTree.fromstring(answer.content)
    except ElementTree.ParseError:
        return None
    code = root.findtext(".//{*}ResponseCode")
    return bool(root.findtext(".//{*}PictureData")) if code == "NoError" else None


async def ask_everyone(running: Any, emails: list[str], at_once: int) -> dict[str, bool | None]:
    """Ask Exchange for each mailbox up to five times; None for those who stayed unclear."""
    info = running.info
    with httpx.Client(verify=trusting(info), timeout=10) as client:
        token = app_token(client, info, EXCHANGE_AUDIENCE)
    gate, found = asyncio.Semaphore(at_once), dict.fromkeys(emails)

    async def one(client: httpx.AsyncClient, email: str) -> None:
        async with gate:
            for _ in range(ATTEMPTS):
                try:
                    answer = await client.post(
                        f"{info['exchange']}/EWS/Exchange.asmx",
                        content=ENVELOPE.format(email=email),
                        headers={"Authorization": f"Bearer {token}"},
                    )
                except httpx.HTTPError:
                    continue
                found[email] = conclusive(answer)
                final = answer.status_code == 403 or answer.headers.get("retry-after") == "31536000"
                if found[email] is not None or final:
                    return

    async with httpx.AsyncClient(verify=trusting(info), timeout=10) as client:
        await asyncio.gather(*(one(client, email) for email in emails))
    return found


@dataclass(frozen=True)
class Asked:
    """A tenant of which every mailbox in scope was asked."""

    running: Any
    found: dict[str, bool | None]
    truth: dict[str, bool]

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [row for row in self.running.requests() if row["origin"] == "exchange"]


@pytest.fixture(scope="module")
def asked(tenant: Any) -> Callable[[str], Asked]:
    """A factory by the plan's name."""
    made: dict[str, Asked] = {}
    people = make_tenant(USERS, SEED, photos=None, scenarios=["plain"], photo_store="split").accounts
    truth = {one.upn: bool(one.mailbox and one.mailbox.picture) for one in people if one.in_scope}

    def ask(plan: str) -> Asked:
        if plan not in made:
            running = tenant(users=USERS, seed=SEED, scenarios="plain", faults=plan, request_log=True)
            made[plan] = Asked(running, asyncio.run(ask_everyone(running, list(truth), AT_ONCE)), truth)
        return made[plan]

    return ask


@pytest.mark.parametrize("plan", [pytest.param("heavy", marks=pytest.mark.soak), "hostile"])
def test_a_named_plan_plays_every_form_within_any_500_requests(asked: Any, plan: str) -> None:
    played = [row["fault"] for row in asked(plan).requests]
    assert len(played) >= 500
    for window in (played[:500], played[-500:]):
        assert SOAP_FORMS - set(window) == set()


@pytest.mark.soak
def test_the_light_plan_plays_every_kind_within_any_500_requests(asked: Any) -> None:
    played = [row["fault"].partition("/")[0] for row in asked("light").requests]
    assert len(played) >= 500
    for window in (played[:500], played[-500:]):
        assert {kind for kind in KINDS if kind not in {"batch", "pages"}} - set(window) == set()


@pytest.mark.parametrize(
    ("plan", "share"),
    [
        pytest.param("light", 0.02, marks=pytest.mark.soak),
        pytest.param("heavy", 0.20, marks=pytest.mark.soak),
        ("hostile", 0.40),
    ],
)
def test_a_named_plan_hits_its_share_of_the_requests(asked: Any, plan: str, share: float) -> None:
    played = [row["fault"] for row in asked(plan).requests]
    assert sum(map(bool, played)) / len(played) == pytest.approx(share, rel=0.25)


@pytest.mark.parametrize("plan", PLANS)
def test_who_asks_five_times_learns_what_99_of_100_mailboxes_hold(asked: Any, plan: str) -> None:
    asking = asked(plan)
    unclear = [email for email, found in asking.found.items() if found is None]
    assert {email: found for email, found in asking.found.items() if found is not None} == {
        email: photo for email, photo in asking.truth.items() if email not in unclear
    }
    assert len(unclear) <= 0.01 * len(asking.found)


@pytest.mark.parametrize("plan", PLANS)
def test_the_same_question_is_hit_a_few_times_in_succession_only(asked: Any, plan: str) -> None:
    in_a_row: Counter[str] = Counter()
    last: dict[str, int] = {}
    for row in faults_of(asked(plan).running):
        nth, subject = int(row["nth"]), row["subject"]
        in_a_row[subject] = in_a_row[subject] + 1 if last.get(subject) == nth - 1 else 1
        last[subject] = nth
        assert in_a_row[subject] <= NAMED[plan].at(row["origin"]).in_a_row


def test_no_wait_that_a_named_plan_makes_or_asks_for_is_over_two_seconds() -> None:
    for plan in NAMED.values():
        # A date has whole seconds, and lies one second further ahead.
        assert max(plan.stall_s, plan.drip_s, plan.retry_after_s + 1, plan.back_off_ms / 1000) <= 2


@pytest.mark.soak
def test_the_same_seed_plays_the_same_faults_in_whatever_order_it_is_asked(tenant: Any) -> None:
    people = make_tenant(150, 9, photos=None, scenarios=["plain"], photo_store="split").accounts
    emails = [one.upn for one in people if one.in_scope]
    options: dict[str, Any] = {"users": 150, "seed": 9, "scenarios": "plain", "faults": "heavy", "fresh": True}
    one_by_one, all_at_once = tenant(**options), tenant(**options)
    asyncio.run(ask_everyone(one_by_one, emails, 1))
    asyncio.run(ask_everyone(all_at_once, emails[::-1], AT_ONCE))
    first, second = ([r for r in faults_of(one) if r["origin"] == "exchange"] for one in (one_by_one, all_at_once))
    assert len(first) > 20
    assert sorted(first, key=str) == sorted(second, key=str)


def test_another_seed_plays_other_faults(asked: Any, tenant: Any) -> None:
    people = make_tenant(60, 10, photos=None, scenarios=["plain"], photo_store="split").accounts
    emails = [one.upn for one in people if one.in_scope]
    other = tenant(users=60, seed=10, scenarios="plain", faults="hostile")
    asyncio.run(ask_everyone(other, emails, AT_ONCE))
    hit = [row["fault"] for row in asked("hostile").requests[: len(emails)]]
    assert hit != [form_of(row) for row in faults_of(other)]


# -- one form each -------------------------------------------------------------------------------------------------

BROKEN_OFF = (httpx.ReadError, httpx.RemoteProtocolError)
"""What a reset looks like through TLS: OpenSSL tells it now as a reset, now as an end without a goodbye."""
SINGLE = [str(form) for form in FORMS if form.kind not in {"batch", "pages", "soap"}]
SOAP = [str(form) for form in FORMS if form.kind == "soap"]
BATCH = [str(form) for form in FORMS if form.kind == "batch"]


@dataclass
class Scripted:
    """A tenant whose n-th user with a photo gets the n-th fault, once."""

    running: Any
    client: httpx.Client
    user: dict[str, Any]
    """The account by the fault that it gets."""
    tokens: dict[str, str]

    def photo(self, form: str) -> httpx.Response:
        return self.client.get(
            f"{self.running.info['exchange']}/EWS/Exchange.asmx/s/GetUserPhoto",
            params={"email": self.user[form].upn, "size": "HR648x648"},
            headers={"Authorization": f"Bearer {self.tokens[EXCHANGE_AUDIENCE]}"},
        )

    def true_photo(self, form: str) -> bytes:
        return bytes(self.user[form].mailbox.picture.largest("exchange").data)

    def graph(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[GRAPH_AUDIENCE]}"}
        return self.client.request(method, f"{self.running.info['graph']}{path}", headers=headers, **more)


@pytest.fixture(scope="module")
def scripted(tenant: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    made = make_tenant(90, 4, photos=None, scenarios=["plain"], photo_store="split")
    pictured = [one for one in made.accounts if one.in_scope and one.mailbox and one.mailbox.picture]
    forms = [*SINGLE, *SOAP, *BATCH]
    users = dict(zip(forms, pictured, strict=False))
    assert len(users) == len(forms)
    lines = ["stall_s = 0.4", "drip_s = 0.4", "retry_after_s = 7", "very_long_s = 86400", "largest_page = 999"]
    for form, user in users.items():
        origin, match = ("graph", user.id) if form in BATCH else ("exchange", user.upn)
        lines += ["[[always]]", f'origin = "{origin}"', f'form = "{form}"', f"match = '{re.escape(match)}'"]
    plan = tmp_path_factory.mktemp("plan") / "plan.toml"
    plan.write_text("\n".join(lines), encoding="utf-8")
    running = tenant(users=90, seed=4, scenarios="plain", faults=plan)
    with httpx.Client(verify=trusting(running.info), timeout=10) as client:
        tokens = {one: app_token(client, running.info, one) for one in (EXCHANGE_AUDIENCE, GRAPH_AUDIENCE)}
        yield Scripted(running, client, users, tokens)


def healthy(scripted: Scripted, form: str) -> None:
    """The next ask is answered as if nothing had been."""
    answer = scripted.photo(form)
    assert (answer.status_code, answer.content) == (200, scripted.true_photo(form))


def test_a_refused_connection_ends_before_tls(scripted: Scripted) -> None:
    form = "connection/refused"
    with pytest.raises(BROKEN_OFF):
        scripted.photo(form)
    with pytest.raises(httpx.ConnectError):
        scripted.photo(form)
    healthy(scripted, form)


def test_a_reset_before_the_answer(scripted: Scripted) -> None:
    with pytest.raises(BROKEN_OFF):
        scripted.photo("connection/reset_before")
    healthy(scripted, "connection/reset_before")


def test_a_reset_inside_the_body(scripted: Scripted) -> None:
    form, got = "connection/reset_inside", bytearray()
    request = scripted.client.build_request(
        "GET",
        f"{scripted.running.info['exchange']}/EWS/Exchange.asmx/s/GetUserPhoto",
        params={"email": scripted.user[form].upn, "size": "HR648x648"},
        headers={"Authorization": f"Bearer {scripted.tokens[EXCHANGE_AUDIENCE]}"},
    )
    answer = scripted.client.send(request, stream=True)
    assert answer.status_code == 200
    with pytest.raises(BROKEN_OFF):
        got.extend(byte for chunk in answer.iter_bytes() for byte in chunk)
    # The reset may overtake what was sent before it.
    assert bytes(got) == scripted.true_photo(form)[: len(got)]
    assert len(got) <= len(scripted.true_photo(form)) // 2
    healthy(scripted, form)


@pytest.mark.parametrize("form", ["slow/stall", "slow/drip"])
def test_a_slow_answer_is_right(scripted: Scripted, form: str) -> None:
    begun = time.monotonic()
    healthy(scripted, form)
    assert time.monotonic() - begun >= 0.4
    healthy(scripted, form)
    assert len([row for row in faults_of(scripted.running) if form_of(row) == form]) == 1


@pytest.mark.parametrize(
    ("form", "words"), [("damaged/truncated", "received"), ("damaged/chunk_cut", "incomplete chunked read")]
)
def test_a_truncated_body(scripted: Scripted, form: str, words: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match=words):
        scripted.photo(form)
    healthy(scripted, form)


def test_an_over_long_body(scripted: Scripted) -> None:
    form = "damaged/overlong"
    answer, true = scripted.photo(form), scripted.true_photo(form)
    assert answer.content[: len(true)] == true
    assert len(answer.content) == len(true) + NAMED["heavy"].overlong_bytes
    healthy(scripted, form)


@pytest.mark.parametrize("form", ["damaged/corrupted", "damaged/wrong_length"])
def test_a_damaged_picture_is_none(scripted: Scripted, form: str) -> None:
    answer = scripted.photo(form)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    with pytest.raises(OSError, match=r"cannot identify|truncated"):
        Image.open(io.BytesIO(answer.content)).load()
    healthy(scripted, form)


def test_a_right_body_of_the_wrong_type(scripted: Scripted) -> None:
    answer = scripted.photo("wrong_answer/content_type")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.content == scripted.true_photo("wrong_answer/content_type")
    healthy(scripted, "wrong_answer/content_type")


def test_a_sign_in_page_with_status_200(scripted: Scripted) -> None:
    answer = scripted.photo("wrong_answer/sign_in_page")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<form" in answer.text
    healthy(scripted, "wrong_answer/sign_in_page")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("name", "value"), [("seconds", "7"), ("zero", "0"), ("negative", "-5"), ("garbage", "soon"), ("absent", None)]
)
def test_retry_after_in_its_forms(scripted: Scripted, status: int, name: str, value: str | None) -> None:
    form = f"throttled/{status}_{name}"
    answer = scripted.photo(form)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == value
    healthy(scripted, form)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_as_a_date_that_lies_ahead(scripted: Scripted, status: int) -> None:
    form = f"throttled/{status}_date"
    answer = scripted.photo(form)
    ahead = parsedate_to_datetime(answer.headers["retry-after"]).timestamp() - time.time()
    assert answer.status_code == status
    assert 6 < ahead <= 8
    healthy(scripted, form)


def test_a_very_long_retry_after_is_not_enforced(scripted: Scripted) -> None:
    answer = scripted.photo("throttled/very_long")
    assert answer.status_code in {429, 503}
    assert answer.headers["retry-after"] == "86400"
    healthy(scripted, "throttled/very_long")


@pytest.mark.parametrize("status", [500, 502, 504])
def test_errors_of_servers_and_gateways_have_a_body(scripted: Scripted, status: int) -> None:
    answer = scripted.photo(f"server_error/{status}")
    assert answer.status_code == status
    # An empty 500 is what Exchange says of an unknown address.
    assert "<html" in answer.text
    healthy(scripted, f"server_error/{status}")


def test_a_401_in_the_middle_says_that_the_token_has_expired(scripted: Scripted) -> None:
    answer = scripted.photo("denied/401")
    assert answer.status_code == 401
    assert "expired" in answer.headers["x-ms-diagnostics"]
    healthy(scripted, "denied/401")


def test_a_403_for_one_user(scripted: Scripted) -> None:
    assert scripted.photo("denied/403").status_code == 403
    healthy(scripted, "denied/403")


@pytest.mark.parametrize(
    ("form", "status", "code", "waits"),
    [
        ("soap/fault", 500, "ErrorInternalServerTransientError", False),
        ("soap/busy_500", 500, "ErrorServerBusy", True),
        ("soap/busy_200", 200, "ErrorServerBusy", True),
        ("soap/moving", 500, "ErrorMailboxMoveInProgress", False),
        ("soap/objects", 200, "ErrorTooManyObjectsOpened", False),
        ("soap/inner_busy", 200, "ErrorInternalServerError", True),
    ],
)
def test_exchange_says_in_soap_that_it_cannot(
    scripted: Scripted, form: str, status: int, code: str, waits: bool
) -> None:
    def ask() -> httpx.Response:
        return scripted.client.post(
            f"{scripted.running.info['exchange']}/EWS/Exchange.asmx",
            content=ENVELOPE.format(email=scripted.user[form].upn),
            headers={"Authorization": f"Bearer {scripted.tokens[EXCHANGE_AUDIENCE]}"},
        )

    answer = ask()
    root = ElementTree.fromstring(answer.content)
    assert (answer.status_code, root.findtext(".//{*}ResponseCode")) == (status, code)
    value = root.find(".//{*}MessageXml/{*}Value[@Name='BackOffMilliseconds']")
    assert (value is not None and value.text == "800") == waits
    assert conclusive(ask()) is True


def test_exchanges_trouble_has_the_shapes_of_its_sources(scripted: Scripted, wire: Any) -> None:
    def shape(text: str | bytes) -> list[tuple[str, str | None, str]]:
        body = next(ElementTree.fromstring(text).iter("{http://schemas.xmlsoap.org/soap/envelope/}Body"))
        optional = ("DescriptiveLinkKey", "Body")
        codes = {element: (element.text or "") if "Code" in element.tag else "" for element in body.iter()}
        return [
            (one.tag, one.get("Name"), code) for one, code in codes.items()
            if not one.tag.endswith(optional) and one.get("Name") != "InnerErrorMessageText"
        ]  # fmt: skip

    for made, name in (
        (ews_soap.fault("ErrorServerBusy", "busy", back_off_ms=5000), "server-busy.xml"),
        (ews_soap.fault("ErrorMailboxMoveInProgress", "moved"), "fault-move-in-progress.xml"),
        (ews_soap.error("ErrorTooManyObjectsOpened", "many"), "error-too-many-objects-opened.xml"),
        (ews_soap.error("ErrorInternalServerError", "failed", inner="ErrorServerBusy"), "error-inner-busy.xml"),
    ):
        assert shape(made) == shape(wire(f"exchange/{name}").encode())


def test_steps_of_a_batch_fail_alone_inside_a_200(scripted: Scripted) -> None:
    ids = {form: scripted.user[form].id for form in BATCH}
    steps = [{"id": form, "method": "GET", "url": f"/users/{one}/photo"} for form, one in ids.items()]
    batches = [scripted.graph("POST", "/v1.0/$batch", json={"requests": steps}) for _ in range(2)]
    assert [answer.status_code for answer in batches] == [200, 200]
    first = [(item["id"], item["status"]) for item in batches[0].json()["responses"]]
    assert Counter(first) == {
        ("batch/throttled", 429): 1,
        ("batch/throttled_absent", 429): 1,
        ("batch/throttled_very_long", 429): 1,
        ("batch/duplicate", 200): 2,
        ("batch/failed", 500): 1,
    }
    waits = {item["id"]: item["headers"].get("Retry-After") for item in batches[0].json()["responses"]}
    assert waits["batch/throttled"] == "7"
    assert waits["batch/throttled_absent"] is None
    assert waits["batch/throttled_very_long"] == "86400"
    assert sorted(item["id"] for item in batches[1].json()["responses"]) == sorted(BATCH)
    assert {item["status"] for item in batches[1].json()["responses"]} == {200}


# -- pages ---------------------------------------------------------------------------------------------------------

PAGING = {11: "repeated", 12: "endless", 13: "duplicate_users", 14: "vanished_users", 15: "expired_token"}
"""The fault of a list of Graph by the `$top` that it is asked with."""
ENGAGE = {"a": "repeated", "b": "endless", "c": "duplicate_users", "d": "vanished_users"}


@pytest.fixture(scope="module")
def paged(tenant: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    lines = []
    for top, name in PAGING.items():
        match = rf"\?\$top={top}$" if name != "expired_token" else rf"skiptoken=.*\$top={top}$"
        lines += ["[[always]]", 'origin = "graph"', f'form = "pages/{name}"', f"match = '{match}'"]
    for sort, name in ENGAGE.items():
        lines += ["[[always]]", 'origin = "yammer"', f'form = "pages/{name}"', f"match = 'page=2&sort_by={sort}$'"]
    plan = tmp_path_factory.mktemp("plan") / "pages.toml"
    plan.write_text("\n".join(lines), encoding="utf-8")
    running = tenant(users=170, seed=4, scenarios="plain", faults=plan)
    with httpx.Client(verify=trusting(running.info), timeout=10) as client:
        tokens = {GRAPH_AUDIENCE: app_token(client, running.info, GRAPH_AUDIENCE)}
        yield Scripted(running, client, {}, tokens)


def listed(paged: Scripted, url: str) -> tuple[list[str], str]:
    answer = paged.graph("GET", url.removeprefix(paged.running.info["graph"])).json()
    return [user["id"] for user in answer["value"]], answer.get("@odata.nextLink", "")


def test_a_repeated_page_comes_once_more_and_the_list_goes_on(paged: Scripted) -> None:
    everyone = [user["id"] for user in paged.running.users()]
    first, link = listed(paged, "/v1.0/users?$top=11")
    second, link = listed(paged, link)
    third, _ = listed(paged, link)
    assert first == second == everyone[:11]
    assert third == everyone[11:22]


def test_an_endless_list_leads_on_for_ever_and_ends_when_begun_anew(paged: Scripted) -> None:
    page, link = listed(paged, "/v1.0/users?$top=12")
    links = set()
    for _ in range(50):
        again, link = listed(paged, link)
        assert again == page
        links.add(link)
    assert len(links) == 50
    _, link = listed(paged, "/v1.0/users?$top=12")
    assert listed(paged, link)[0] == [user["id"] for user in paged.running.users()][12:24]


def test_a_user_who_joins_between_pages_shows_another_twice(paged: Scripted) -> None:
    first, link = listed(paged, "/v1.0/users?$top=13")
    second, _ = listed(paged, link)
    assert second[0] == first[-1]
    assert len({*first, *second}) == 25


def test_a_user_who_vanishes_between_pages_is_on_none(paged: Scripted) -> None:
    everyone = [user["id"] for user in paged.running.users()]
    first, link = listed(paged, "/v1.0/users?$top=14")
    second, _ = listed(paged, link)
    assert [*first, *second] == [*everyone[:14], *everyone[15:29]]


def test_an_expired_page_token_is_good_again_when_asked_anew(paged: Scripted) -> None:
    _, link = listed(paged, "/v1.0/users?$top=15")
    path = link.removeprefix(paged.running.info["graph"])
    refused = paged.graph("GET", path)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "Directory_ExpiredPageToken"
    assert listed(paged, path)[0] == [user["id"] for user in paged.running.users()][15:30]


def engage(paged: Scripted, sort: str, page: int) -> list[int]:
    info = paged.running.info
    headers = {"Authorization": f"Bearer {info['yammer_token']}"}
    query = {"page": page, "sort_by": sort}
    answer = paged.client.get(f"{info['yammer']}/api/v1/users.json", params=query, headers=headers)
    return [user["id"] for user in answer.json()]


def test_pages_by_number_repeat_themselves_and_overlap(paged: Scripted) -> None:
    pages = {page: engage(paged, "none", page) for page in (1, 2, 3)}
    assert engage(paged, "a", 2) == pages[1]
    assert engage(paged, "a", 2) == pages[2]
    assert engage(paged, "c", 2) == [pages[1][-1], *pages[2]]


def test_pages_by_number_move_up_until_the_list_is_begun_anew_after_its_end(paged: Scripted) -> None:
    pages = {page: engage(paged, "none", page) for page in (1, 2, 3, 4)}
    everyone = [one for page in pages.values() for one in page]
    assert engage(paged, "d", 1) == pages[1]
    for page in (2, 3, 1):
        assert engage(paged, "d", page) == everyone[1:][50 * (page - 1) : 50 * page]
    assert engage(paged, "d", 9) == []
    assert [engage(paged, "d", page) for page in (1, 2)] == [pages[1], pages[2]]


def test_an_endless_list_by_number_ends_when_begun_anew(paged: Scripted) -> None:
    pages = {page: engage(paged, "none", page) for page in (1, 2, 3)}
    assert engage(paged, "b", 2) == pages[2]
    assert [engage(paged, "b", page) for page in (3, 4, 50)] == [pages[2]] * 3
    assert engage(paged, "b", 1) == pages[1]
    assert engage(paged, "b", 3) == pages[3]


def test_small_tenants_have_pages_too_under_a_plan(tenant: Any) -> None:
    running = tenant(users=USERS, seed=SEED, scenarios="plain", faults="light", request_log=True)
    with httpx.Client(verify=trusting(running.info), timeout=10) as client:
        headers = {"Authorization": f"Bearer {app_token(client, running.info, GRAPH_AUDIENCE)}"}
        page = client.get(f"{running.info['graph']}/v1.0/users?$top=999", headers=headers).json()
    assert len(page["value"]) == 50
    assert page["@odata.nextLink"]


# -- plans and records ---------------------------------------------------------------------------------------------


def test_what_was_played_stands_in_both_records_without_tokens(asked: Any) -> None:
    running = asked("hostile").running
    rows = [row for row in faults_of(running) if row["origin"] == "exchange"]
    assert list(rows[0]) == ["origin", "kind", "form", "asked", "subject", "nth", "in_batch"]
    assert Counter(map(form_of, rows)) == Counter(row["fault"] for row in asked("hostile").requests if row["fault"])
    text = (running.dir / "faults.csv").read_text() + (running.dir / "requests.jsonl").read_text()
    assert running.info["client_secret"] not in text
    assert "eyJ" not in text


def test_an_answer_of_ones_own_is_given_as_often_as_the_plan_says_alone_and_in_a_batch(
    tenant: Any, tmp_path: Path
) -> None:
    first, second = (
        one.id for one in make_tenant(20, 5, photos=None, scenarios=["plain"], photo_store="split").accounts[:2]
    )
    (tmp_path / "answer.json").write_text('{"error": {"code": "Own"}}', encoding="utf-8")
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f"""
        [[always]]
        origin = "graph"
        form = "own/answer"
        match = "{first}/photo$"
        times = "ever"
        status = 404
        content_type = "application/json"
        headers = {{ ETag = "7" }}
        file = "answer.json"
        [[always]]
        origin = "graph"
        form = "server_error/502"
        match = "{second}/photo$"
        """,
        encoding="utf-8",
    )
    running = tenant(users=20, seed=5, scenarios="plain", faults=plan, fresh=True)
    with httpx.Client(verify=trusting(running.info), timeout=10) as client:
        headers = {"Authorization": f"Bearer {app_token(client, running.info, GRAPH_AUDIENCE)}"}
        base = f"{running.info['graph']}/v1.0"
        for _ in range(3):
            answer = client.get(f"{base}/users/{first}/photo", headers=headers)
            assert (answer.status_code, answer.headers["etag"]) == (404, "7")
            assert answer.json() == {"error": {"code": "Own"}}
        steps = [
            {"id": str(at), "method": "GET", "url": f"/users/{one}/photo"} for at, one in enumerate([first, second])
        ]
        batch = client.post(f"{base}/$batch", headers=headers, json={"requests": steps}).json()["responses"]
        # What is no item of a batch is for questions that are asked alone.
        assert {one["id"]: one["status"] for one in batch} == {"0": 404, "1": 200}
    assert {form_of(row) for row in faults_of(running)} == {"own/answer"}


def test_without_a_plan_there_is_no_record_of_faults(tenant: Any) -> None:
    assert not (tenant(users=20, seed=5).dir / "faults.csv").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rate = 2", "rate"),
        ("rate = 'often'", "rate"),
        ("pace = 1", "pace"),
        ("only = ['thunder']", "thunder"),
        ("[origins.gopher]\nrate = 0.1", "gopher"),
        ("[origins.graph]\nstall_s = 1", "stall_s"),
        ("[[always]]\norigin = 'graph'\nform = 'slow'", "slow"),
        ("[[always]]\norigin = 'graph'\nform = 'slow/stall'\nmatch = '('", "match"),
        ("[[always]]\norigin = 'graph'\nform = 'slow/stall'\nstatus = 404", "status"),
        ("[[always]]\norigin = 'graph'\nform = 'slow/stall'\ntimes = 'never'", "times"),
        ("[[always]]\norigin = 'graph'\nform = 'own/answer'\nstatus = 99", "status"),
        ("[[always]]\norigin = 'graph'\nform = 'own/answer'\nheaders = { Age = 1 }", "headers"),
        ("[[always]]\norigin = 'graph'\nform = 'own/answer'\nfile = 'not-there'", "not-there"),
        ("only = ['own/answer']", "own/answer"),
        ("largest_page = 0", "largest_page"),
        ("rate = ", "TOML"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_its_reason(text: str, words: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=words) as refused:
        read_plan(str(plan), ORIGINS)
    assert str(plan) in str(refused.value)


def test_a_plan_that_cannot_be_ends_the_command_with_2(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("rate = 2", encoding="utf-8")
    for given, words in ((str(plan), "rate"), ("mild", "light, heavy, hostile")):
        command = [sys.executable, "-m", "auditor.cli.simulate", "--faults", given, "--out", str(tmp_path / "out")]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == 2
        assert words in " ".join(ran.stderr.split())
        assert "Traceback" not in ran.stderr


def test_a_plan_of_one_kind_at_one_origin_touches_nothing_else(tenant: Any, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("[origins.graph]\nrate = 1.0\nonly = ['server_error']\nin_a_row = 9\n", encoding="utf-8")
    running = tenant(users=20, seed=5, fresh=True, faults=plan)
    with httpx.Client(verify=trusting(running.info), timeout=10) as client:
        headers = {"Authorization": f"Bearer {app_token(client, running.info, GRAPH_AUDIENCE)}"}
        url = f"{running.info['graph']}/v1.0/users/{running.users()[0]['id']}"
        assert {client.get(url, headers=headers).status_code for _ in range(9)} <= {500, 502, 504}
        assert client.get(url, headers=headers).status_code == 200
        exchange = client.get(f"{running.info['exchange']}/EWS/Exchange.asmx/s/GetUserPhoto")
    assert exchange.status_code == 401
    assert {row["origin"] for row in faults_of(running)} == {"graph"}
    assert json.loads((running.dir / "tenant.json").read_text()) == running.info
