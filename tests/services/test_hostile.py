"""A tenant that points elsewhere: whatever an answer names, nobody but the hosts of the settings is asked anything.

The trap is a TLS server that our side trusts, so that nothing but our own rules keeps a request from it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditor.collectors.sharepoint import SharePoint
from auditor.collectors.yammer import Yammer
from auditor.model import User
from auditor.services.errors import ServiceError
from auditor.services.graph import Graph
from auditor.services.http import Api, Web, new_client
from auditor.services.sharepoint import People
from auditor.services.tls import tls_context
from auditor.services.tokens import app_tokens
from auditor.services.yammer import Engage
from tests.services.clocks import Clock
from tests.services.conftest import Server

JSON = {"Content-Type": "application/json"}
ANNA = User("id-1", "anna@contoso.com", "anna@contoso.com", "Anna", "Member", True, True, "", False, True, False)
TRICKS = [
    "{trap}/x",
    "https://localhost:{port}/x",
    "https://user:pass@127.0.0.1:{port}/x",
    "{good}@127.0.0.1:{port}/x",
    "{good}\\@127.0.0.1:{port}/x",
    "\\\\127.0.0.1:{port}\\x",
    "//127.0.0.1:{port}/x",
    "///127.0.0.1:{port}/x",
    "http://127.0.0.1:{port}/x",
    "HTTPS://127.0.0.1:{port}/x",
    "https://127.0.0.1:{port}#{good}/x",
    "https://127.0.0.1:{port}?{good}/x",
    "https://127.1:{port}/x",
    "https://2130706433:{port}/x",
    "https://0x7f000001:{port}/x",
    "https://１２７.０.０.１:{port}/x",
    "https://127。0。0。1:{port}/x",
    "https://ⓛocalhost:{port}/x",
    "https://[::ffff:127.0.0.1]:{port}/x",
    "https://127.0.0.1:{port}%2F@{host}/x",
    "https:127.0.0.1:{port}/x",
    "https:/\t/127.0.0.1:{port}/x",
    "\thttps://127.0.0.1:{port}/x",
    "ht\ntps://127.0.0.1:{port}/x",
    "file:///etc/passwd",
    "file://127.0.0.1:{port}/x",
    "ftp://127.0.0.1:{port}/x",
    "ldap://127.0.0.1:{port}/x",
    "data:application/json,%7B%22value%22%3A%5B%5D%7D",
    "javascript:alert(1)",
    "https://evil.example/x",
    "https://graph.microsoft.com.evil.example/x",
]


class Tokens:
    async def token(self, audience: str, *, instead_of: str | None = None) -> str:
        return "secret-token"


def lay(trick: str, good: Server, trap: Server) -> str:
    trap.answers(lambda path, headers, number: (200, JSON, b'{"value": []}'))
    port = trap.origin.rpartition(":")[2]
    host = good.origin.removeprefix("https://")
    return trick.replace("{trap}", trap.origin).replace("{good}", good.origin).replace("{port}", port).replace(
        "{host}", host
    )  # fmt: skip


def talk(bundle: Path, work: Callable[[Callable[[str], Api]], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        client, clock = new_client(tls_context(bundle)), Clock()

        def api(origin: str, tokens: Any = None) -> Api:
            return Api(origin, client, tokens or Tokens(), "audience", sleep=clock.sleep, clock=clock)

        try:
            return await work(api)
        finally:
            await client.aclose()

    return asyncio.run(inside())


def asked_only(good: Server, *paths: str) -> bool:
    """Whether whatever the trick resolved to within the good origin, it was a question to that origin."""
    return all(path.startswith("/") for path, _ in good.seen) and len(good.seen) >= len(paths)


@pytest.mark.parametrize("trick", TRICKS)
def test_no_next_link_leads_anywhere_else(start: Any, ca_bundle: Path, trick: str) -> None:
    good, trap = start(), start()
    link = lay(trick, good, trap)
    page = json.dumps({"value": [], "@odata.nextLink": link}).encode()
    good.answers(lambda path, headers, number: (200, JSON, page))

    async def work(api: Callable[[str], Api]) -> None:
        with pytest.raises(ServiceError):
            await Graph(api(good.origin)).every("/users", dict)

    talk(ca_bundle, work)
    assert asked_only(good, "/users")
    assert trap.seen == []


@pytest.mark.parametrize("trick", TRICKS)
def test_no_redirect_leads_anywhere_else(start: Any, ca_bundle: Path, trick: str) -> None:
    good, trap = start(), start()
    location = lay(trick, good, trap)
    if not location.isascii() or any(ord(char) < 0x20 for char in location):
        location = location.encode("utf-8").decode("latin-1").replace("\n", "").replace("\t", "%09")
    good.answers(lambda path, headers, number: (302, {"Location": location}, b""))

    async def work(api: Callable[[str], Api]) -> None:
        with pytest.raises(ServiceError):
            await Web({good.origin: api(good.origin)}).fetch(good.origin + "/photo")

    talk(ca_bundle, work)
    assert good.seen
    assert trap.seen == []


def profile(**changed: str) -> bytes:
    properties = {"msOnline-ObjectId": ANNA.id, "PictureURL": changed.get("picture", "")}
    listed = [{"Key": key, "Value": value, "ValueType": "Edm.String"} for key, value in properties.items()]
    return json.dumps({"PersonalSiteHostUrl": changed.get("site", ""), "UserProfileProperties": listed}).encode()


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("where", ["site", "picture"])
def test_no_profile_leads_anywhere_else(start: Any, ca_bundle: Path, trick: str, where: str) -> None:
    good, trap = start(), start()
    body = profile(**{where: lay(trick, good, trap)})
    good.answers(lambda path, headers, number: (200, JSON, body) if "PeopleManager" in path else (404, {}, b""))

    async def work(api: Callable[[str], Api]) -> list[Any]:
        web = Web({good.origin: api(good.origin)})
        collector = SharePoint(People(web), good.origin, (good.origin,), lambda *_: None)
        return [one async for one in collector.collect([ANNA])]

    found = talk(ca_bundle, work)
    assert {str(one.status) for one in found} == {"unknown"}
    assert trap.seen == []


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("where", ["mugshot_url", "mugshot_url_template"])
def test_no_mugshot_leads_anywhere_else_and_no_host_of_pictures_gets_a_token(
    start: Any, ca_bundle: Path, trick: str, where: str
) -> None:
    good, trap, cdn = start(), start(), start()
    url = lay(trick, good, trap)
    if where == "mugshot_url_template":
        url += "/{width}x{height}"
    allowed = {"id": 2, "email": "bob@contoso.com", "mugshot_url": cdn.origin + "/mugshot/images/48x48/abc"}
    body = json.dumps([{"id": 1, "email": ANNA.mail, where: url}, allowed]).encode()
    good.answers(lambda path, headers, number: (200, JSON, body))
    cdn.answers(lambda path, headers, number: (302, {"Location": trap.origin + "/x"}, b""))

    async def work(api: Callable[[str], Api]) -> list[Any]:
        # Pictures are asked for without a token; an anonymous Api is made for allowed hosts only.
        def anonymous(origin: str) -> Api:
            made = api(origin)
            made.tokens = None
            return made

        web = Web({good.origin: api(good.origin)}, (cdn.origin, "*.assets-yammer.com"), anonymous)
        yammer = Yammer(Engage(web, good.origin), lambda *_: None)
        return await yammer.found(await yammer.page(1))

    found = talk(ca_bundle, work)
    assert {str(one.status) for one in found} == {"unknown"}
    assert trap.seen == []
    assert cdn.seen
    assert all("authorization" not in headers for _, headers in cdn.seen)


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("name", ["token_endpoint", "authorization_endpoint", "device_authorization_endpoint"])
def test_no_configuration_of_the_sign_in_leads_anywhere_else(
    start: Any, ca_bundle: Path, trick: str, name: str
) -> None:
    good, trap = start(), start()
    base = f"{good.origin}/tenant"
    told = {
        "issuer": base,
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        name: lay(trick, good, trap),
    }
    good.answers(lambda path, headers, number: (200, JSON, json.dumps(told).encode()))
    connect = partial(new_client, tls_context(ca_bundle))
    tokens = app_tokens(authority=good.origin, tenant_id="tenant", client_id="app", connect=connect, secret="hunter2")
    with pytest.raises(ServiceError) as refused:
        asyncio.run(tokens.token("https://graph.microsoft.com"))
    assert "hunter2" not in str(refused.value)
    assert trap.seen == []
    assert not any(b"hunter2" in body for body in good.bodies)
