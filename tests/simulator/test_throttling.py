"""The published limits of the services, played by the simulated tenant faster than life."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import msal
import pytest
import requests

from auditor.simulator.asgi import Request
from auditor.simulator.tenant import Tenant
from auditor.simulator.throttling import Throttling

SPEED, SLOW = 2, 0.02
GRAPH, EXCHANGE = "https://graph.microsoft.com", "https://outlook.office365.com"
SHAREPOINT = "https://contoso.sharepoint.com"
ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
<s:Header><t:RequestServerVersion Version="Exchange2016"/></s:Header>
<s:Body><m:GetUserPhoto><m:Email>{email}</m:Email><m:SizeRequested>HR48x48</m:SizeRequested></m:GetUserPhoto></s:Body>
</s:Envelope>"""


@dataclass(frozen=True)
class Limited:
    """A tenant of 40 users that keeps its limits."""

    info: dict[str, str]
    users: list[dict[str, Any]]
    trusting: ssl.SSLContext
    tokens: dict[str, str]

    def get(self, origin: str, paths: list[str], audience: str) -> list[httpx.Response]:
        """One after the other."""
        headers = {"Authorization": f"Bearer {self.tokens[audience]}"}
        with httpx.Client(base_url=self.info[origin], verify=self.trusting, headers=headers, timeout=20) as client:
            return [client.get(path) for path in paths]

    def at_once(self, origin: str, audience: str, asked: list[dict[str, Any]]) -> list[httpx.Response]:
        """All at the same moment, each on a connection that is open already."""

        async def ask() -> list[httpx.Response]:
            headers = {"Authorization": f"Bearer {self.tokens[audience]}"}
            limits = httpx.Limits(max_connections=len(asked), max_keepalive_connections=len(asked))
            async with httpx.AsyncClient(
                base_url=self.info[origin], verify=self.trusting, headers=headers, timeout=20, limits=limits
            ) as client:
                await asyncio.gather(*(client.get("/nothing-here") for _ in asked))
                return list(await asyncio.gather(*(client.request(**one) for one in asked)))

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def limited(tenant: Any) -> Limited:
    """With windows that pass twice as fast as in life."""
    return keeping_limits(tenant, SPEED)


@pytest.fixture(scope="module")
def slow(tenant: Any) -> Limited:
    """Where all takes fifty times as long: what is sent at once is surely under way at once, and in one window."""
    return keeping_limits(tenant, SLOW)


def keeping_limits(tenant: Any, speed: float) -> Limited:
    running = tenant(users=40, seed=6, scenarios="plain", throttle=True, throttle_speed=speed)
    info = running.info
    trusting = ssl.create_default_context(cafile=info["ca_bundle"])
    session = requests.Session()
    session.trust_env, session.verify = False, info["ca_bundle"]
    application = msal.ConfidentialClientApplication(
        info["client_id"],
        authority=info["authority"],
        client_credential=_certificate(Path(info["client_certificate"]).read_text()),
        instance_discovery=False,
        http_client=session,
    )
    tokens = {"yammer": info["yammer_token"]}
    for audience in (GRAPH, EXCHANGE, SHAREPOINT):
        tokens[audience] = application.acquire_token_for_client([f"{audience}/.default"])["access_token"]
    people = [user for user in running.users() if user["inScope"]]
    return Limited(info, people, trusting, tokens)


def _certificate(pem: str) -> dict[str, str]:
    key, _, certificate = pem.partition("-----BEGIN CERTIFICATE-----")
    return {"private_key": key, "public_certificate": f"-----BEGIN CERTIFICATE-----{certificate}"}


def wait_of(answer: httpx.Response) -> float:
    return float(answer.headers["retry-after"])


def test_viva_engage_answers_ten_requests_in_thirty_seconds() -> None:
    now = [0.0]
    throttling = Throttling(Tenant("", "", 1, "split", ()), clock=lambda: now[0])
    request = Request("GET", "/api/v1/users.json", "", {}, b"", "https://127.0.0.1:1")

    async def refused() -> Any:
        async with throttling.admission("yammer", request) as admission:
            return admission.refusal

    answers = [asyncio.run(refused()) for _ in range(12)]
    assert [answer is None for answer in answers] == [True] * 10 + [False] * 2
    assert answers[-1].status == 429
    # Nothing is published of a Retry-After.
    assert answers[-1].header("Retry-After") is None
    now[0] = 29.9
    assert asyncio.run(refused()) is not None
    now[0] = 30.1
    assert asyncio.run(refused()) is None


def test_graph_counts_resource_units_and_says_so_from_four_fifths_on(limited: Limited) -> None:
    # 3,500 units for fewer than 50 users in ten seconds; the transitive members of a group cost five.
    headers = {"Authorization": f"Bearer {limited.tokens[GRAPH]}"}
    with httpx.Client(base_url=limited.info["graph"], verify=limited.trusting, headers=headers) as client:
        groups = client.get("/v1.0/groups")
        path = f"/groups/{groups.json()['value'][0]['id']}/transitiveMembers?$top=20"
        batch = {"requests": [{"id": str(number), "method": "GET", "url": path} for number in range(20)]}
        statuses: Counter[int] = Counter()
        for _ in range(30):
            statuses.update(step["status"] for step in client.post("/v1.0/$batch", json=batch).json()["responses"])
        nearly = client.get("/v1.0/groups")
        for _ in range(6):
            statuses.update(step["status"] for step in client.post("/v1.0/$batch", json=batch).json()["responses"])
        refused = client.get("/v1.0" + path)
    assert "x-ms-throttle-limit-percentage" not in groups.headers
    assert 0.85 <= float(nearly.headers["x-ms-throttle-limit-percentage"]) <= 0.87
    assert statuses == {200: 699, 429: 21}
    assert refused.status_code == 429
    assert 1 <= wait_of(refused) <= 10 / SPEED
    scope = f"Tenant_Application/ReadWrite/{limited.info['client_id']}/{limited.info['tenant_id']}"
    assert refused.headers["x-ms-throttle-scope"] == scope
    assert refused.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"


def test_graph_answers_four_photos_at_once(slow: Limited) -> None:
    photos = [{"method": "GET", "url": f"/v1.0/users/{user['id']}/photo"} for user in slow.users[:8]]
    answers = slow.at_once("graph", GRAPH, photos)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 4
    for answer in refused:
        assert answer.json()["error"]["code"] == "ApplicationThrottled"
        assert wait_of(answer) == 1
    again = slow.at_once("graph", GRAPH, photos[:4])
    assert not [answer for answer in again if answer.status_code == 429]


def test_graph_reads_a_batch_four_at_a_time_but_refuses_the_photos_of_a_second(slow: Limited) -> None:
    steps = [{"id": user["id"], "method": "GET", "url": f"/users/{user['id']}/photo"} for user in slow.users[:20]]
    batch = {"method": "POST", "url": "/v1.0/$batch", "json": {"requests": steps}}
    alone = slow.at_once("graph", GRAPH, [batch])[0].json()["responses"]
    assert 429 not in {item["status"] for item in alone}
    both = [answer.json()["responses"] for answer in slow.at_once("graph", GRAPH, [batch, batch])]
    assert sorted(Counter(item["status"] for item in one)[429] for one in both) == [0, 20]
    refused = next(item for one in both for item in one if item["status"] == 429)
    assert refused["body"]["error"]["code"] == "ApplicationThrottled"
    assert refused["headers"]["Retry-After"] == "1"


def test_exchange_answers_27_requests_at_once(slow: Limited) -> None:
    content = ENVELOPE.format(email=slow.users[0]["mail"])
    answers = slow.at_once(
        "exchange", EXCHANGE, [{"method": "POST", "url": "/EWS/Exchange.asmx", "content": content}] * 30
    )
    refused = [answer for answer in answers if answer.status_code == 500]
    assert len(refused) == 3
    roots = [ElementTree.fromstring(answer.content) for answer in refused]
    codes = Counter(root.findtext(".//{*}ResponseCode") for root in roots)
    assert codes == {"ErrorExceededConnectionCount": 1, "ErrorServerBusy": 2}
    waits = [root.findtext(".//{*}Value[@Name='BackOffMilliseconds']") for root in roots]
    assert sorted(waits, key=str) == [f"{1000 / SLOW:.0f}"] * 2 + [None]


def test_sharepoint_says_how_much_is_left_from_four_fifths_on_and_then_refuses(slow: Limited) -> None:
    # 1,250 units a minute for up to 1,000 licences, two for a profile.
    claim = quote(f"'i:0#.f|membership|{slow.users[0]['userPrincipalName']}'", safe="")
    path = f"/_api/SP.UserProfiles.PeopleManager/GetPropertiesFor(accountName=@v)?@v={claim}"
    answers: list[httpx.Response] = []
    for _ in range(13):
        answers += slow.at_once("sharepoint", SHAREPOINT, [{"method": "GET", "url": path}] * 40)
        if answers[-1].status_code == 429:
            break
    granted = [answer for answer in answers if answer.status_code == 200]
    told = [answer for answer in granted if "ratelimit-remaining" in answer.headers]
    assert "ratelimit-remaining" not in granted[0].headers
    assert {answer.headers["ratelimit-limit"] for answer in told} == {"1250"}
    assert max(int(answer.headers["ratelimit-remaining"]) for answer in told) <= 250
    assert all(1 <= int(answer.headers["ratelimit-reset"]) <= 60 / SLOW for answer in told)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(1 <= wait_of(answer) <= 60 / SLOW for answer in refused)


def test_without_the_option_nothing_is_limited(tenant: Any) -> None:
    running = tenant(users=20, seed=5)
    trusting = ssl.create_default_context(cafile=running.info["ca_bundle"])
    headers = {"Authorization": f"Bearer {running.info['yammer_token']}"}
    with httpx.Client(verify=trusting, headers=headers) as client:
        answers = [client.get(f"{running.info['yammer']}/api/v1/users.json") for _ in range(30)]
    assert {answer.status_code for answer in answers} == {200}
