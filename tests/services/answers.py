"""Every parser of the services' answers over one body, as hypothesis and the fuzzer use it.

The clients are ours and whole; only the socket is replaced by the bytes in question, and waiting by a clock that is
moved on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from auditor.services.errors import ServiceError
from auditor.services.exchange import Ews, ews_is_final
from auditor.services.graph import Graph
from auditor.services.http import Api, Web
from auditor.services.origins import BadOrigin, host_matches, is_loopback, origin_of, resolve
from auditor.services.retries import retry_after
from auditor.services.sharepoint import People
from auditor.services.yammer import Engage, picture_id

ORIGIN = "https://service.example"
STATUSES = (200, 400, 401, 403, 404, 429, 500, 503)


def read_every_way(status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
    """What each way of reading ended in: the names of results and of `ServiceError`s; anything else is raised."""
    return asyncio.run(_read(status, headers, body))


def read_text(text: str) -> None:
    """A header's or a link's text through everything that judges it. Raises what is not foreseen."""
    seconds = retry_after(text)
    assert seconds is None or 0 <= seconds < float("inf")
    picture_id(text)
    try:
        origin = origin_of(resolve(ORIGIN + "/a/b", text))
    except BadOrigin:
        return
    assert origin.startswith("https://")
    assert not set(origin) & set("@\\ \r\n\t")
    assert origin_of(origin) == origin, "an origin is its own origin"
    # What the token is bound to must be what the client that sends the request understands.
    try:
        sent = httpx.URL(resolve(ORIGIN + "/a/b", text))
    except httpx.InvalidURL:
        return
    if origin == ORIGIN:
        assert (sent.scheme, sent.host.rstrip("."), sent.port) == ("https", "service.example", None)
    is_loopback(origin)
    host_matches(origin, "*.service.example")


async def _read(status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
    now = 0.0
    asked = 0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        assert request.url.host.rstrip(".") == "service.example", f"asked {request.url.host}"
        assert asked < 200, "asked without end"
        return httpx.Response(status, headers=dict(headers), content=body)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:

        def api(**more: Any) -> Api:
            return Api(ORIGIN, client, sleep=sleep, clock=lambda: now, **more)

        graph = Graph(api())
        people = People(Web({ORIGIN: api()}))
        engage = Engage(Web({ORIGIN: api()}), ORIGIN)
        ews = api(is_final=ews_is_final)
        ways: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: _pages(graph),
            lambda: graph.batch(["/users/1/photo", "/users/2/photo"]),
            lambda: _photo(graph),
            lambda: Ews(ews, "soap").photo("adele@contoso.com"),
            lambda: Ews(ews, "rest").photo("adele@contoso.com"),
            lambda: people.profile(ORIGIN, "adele@contoso.com"),
            lambda: people.shown(ORIGIN, "adele@contoso.com"),
            lambda: people.stored(ORIGIN + "/User Photos/" + body[:80].decode(errors="replace")),
            lambda: engage.page(1),
            lambda: engage.by_email("adele@contoso.com"),
        )
        ended = []
        for way in ways:
            asked = 0
            try:
                ended.append(type(await way()).__name__)
            except ServiceError as error:
                ended.append(type(error).__name__)
    return ended


async def _pages(graph: Graph) -> list[object]:
    return [entry async for page in graph.pages("/users") for entry in page]


async def _photo(graph: Graph) -> tuple[str, str]:
    answer = await graph.get("/users/1/photo")
    return answer.error_code, answer.error_message
