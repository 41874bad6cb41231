"""The light layer all simulated services stand on: request, response, routing, errors.

Handlers are plain functions from a `Request` to a `Response`, so that every service can be asked without
a socket. ASGI is spoken in one place only, at the end of this module.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import parse_qsl

from auditor.simulator.requestlog import RequestLog

BODY_LIMIT = 4 * 1024 * 1024
MISBEHAVES = "misbehaviour/played"
"""How the request log names an answer that is not the service's own."""

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a handler sees it."""

    method: str
    path: str
    """Percent-decoded, without the query."""
    query_string: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    origin: str
    """The origin that was asked, for example https://127.0.0.1:43001."""
    params: Mapping[str, str] = field(default_factory=dict)
    """What the route's pattern captured."""
    fault: str = ""
    """What the handler itself has to play: a form of the faults of pages, with a number where it needs one."""
    unspoiled: bool = False
    """The answer will be spoiled as a whole: what it is made of is not."""
    crowded: bool = False
    """As many requests of its kind are under way as may be."""

    def queries(self) -> dict[str, str]:
        """The query's values by name as sent; of repeated names the first."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.query_string, keep_blank_values=True):
            found.setdefault(name, value)
        return found

    def query(self, name: str) -> str | None:
        """One value of the query, whatever the letter case of its name."""
        wanted = name.lower()
        return next((value for key, value in self.queries().items() if key.lower() == wanted), None)

    def form(self) -> dict[str, str]:
        """The values of an application/x-www-form-urlencoded body."""
        text = self.body.decode("utf-8", errors="replace")
        return dict(parse_qsl(text, keep_blank_values=True))

    def bearer(self) -> str | None:
        """The bearer token, if the request brought one."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as a handler gives it."""

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def with_headers(self, *headers: tuple[str, str]) -> Response:
        """The same answer with further headers."""
        return replace(self, headers=(*self.headers, *headers))

    def header(self, name: str) -> str | None:
        """The value of one header, whatever the letter case of its name."""
        if name.lower() == "content-type":
            return self.content_type or None
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class RefusedError(Exception):
    """Ends a handler with an answer that is an error."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status}")
        self.response = response


Handler = Callable[[Request], Response]


class Misbehaves(Protocol):
    """What answers in place of a service."""

    def told(
        self, origin: str, request: Request, true: Response, ask: Callable[[Request], Response], *, in_batch: bool
    ) -> Response:
        """What is said in place of the true answer; the same object where that stands."""
        ...


class Interference(Protocol):
    """What stands between a service and those who ask it: faults and limits."""

    async def serve(self, service: Service, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request over the wire."""
        ...

    def step(self, service: Service, request: Request) -> list[Response]:
        """The answers to a step of a batch: usually one."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers which path. The pattern must match the whole decoded path."""

    methods: tuple[str, ...]
    pattern: re.Pattern[str]
    handler: Handler


def route(methods: str, pattern: str, handler: Handler, *, ignore_case: bool = False) -> Route:
    """A route for one or several methods, given as for example `GET POST`."""
    return Route(tuple(methods.split()), re.compile(pattern, re.IGNORECASE if ignore_case else 0), handler)


def json_response(
    value: object,
    status: int = 200,
    *,
    content_type: str = "application/json; charset=utf-8",
    headers: tuple[tuple[str, str], ...] = (),
) -> Response:
    """An answer in JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, content_type, headers)


def text_response(text: str, status: int = 200, *, content_type: str = "text/plain") -> Response:
    """An answer in plain text."""
    return Response(status, text.encode(), content_type)


def redirect(location: str) -> Response:
    """302 Found."""
    return Response(302, headers=(("Location", location),))


def plain_error(status: int, message: str) -> Response:
    """The error of services whose own words are not known."""
    return json_response({"error": {"message": message}}, status)


class Service:
    """One origin: routes, and what is said where none fits."""

    def __init__(
        self,
        name: str,
        origin: str,
        routes: Sequence[Route],
        *,
        error: Callable[[int, str], Response] = plain_error,
        normalise: Callable[[str], str] = str,
        log: RequestLog | None = None,
        about: Callable[[Request], str] = lambda _: "",
    ) -> None:
        self.name = name
        self.origin = origin
        self._routes = tuple(routes)
        self._error = error
        self._normalise = normalise
        self._log = log or RequestLog()
        self._about = about
        self.interference: Interference | None = None
        self.misbehaving: Misbehaves | None = None

    def answer(self, request: Request, *, in_batch: bool = False) -> Response:
        """What is said in this service's name, recorded."""
        response = true = self.unrecorded(request)
        if self.misbehaving is not None:
            known = self.normalised(request)
            response = self.misbehaving.told(self.name, known, true, self._answer, in_batch=in_batch)
        self.record(request, response.status, in_batch=in_batch, fault="" if response is true else MISBEHAVES)
        return response

    def unrecorded(self, request: Request) -> Response:
        """What this service says."""
        return self._answer(self.normalised(request))

    def normalised(self, request: Request) -> Request:
        """The request with its path as the routes know it."""
        return replace(request, path=self._normalise(request.path))

    def steps(self, request: Request) -> list[Response]:
        """The answers to a step of a batch, recorded: one, unless a fault doubles or drops it."""
        if self.interference is None:
            return [self.answer(request, in_batch=True)]
        return self.interference.step(self, request)

    def record(self, request: Request, status: int, *, in_batch: bool = False, fault: str = "") -> None:
        """Write down that this was asked; status 0 for no answer at all."""
        self._log.record(
            self.name,
            request.method,
            request.path,
            request.query_string,
            status,
            authorized="authorization" in request.headers,
            in_batch=in_batch,
            fault=fault,
            about=self._about(request),
        )

    def _answer(self, request: Request) -> Response:
        other_method = False
        for candidate in self._routes:
            match = candidate.pattern.fullmatch(request.path)
            if match is None:
                continue
            if request.method not in candidate.methods:
                other_method = True
                continue
            params = {name: value for name, value in match.groupdict().items() if value is not None}
            try:
                return candidate.handler(replace(request, params=params))
            except RefusedError as refused:
                return refused.response
            except Exception:  # noqa: BLE001 - one request's fault must not end the service
                _log.exception("the simulated %s failed on %s %s", self.name, request.method, request.path)
                return self._error(500, "The simulated service failed; see its standard error.")
        if other_method:
            return self._error(405, "The HTTP method is not allowed here.")
        return self._error(404, "Not found.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] != "http":
            return
        try:
            body = await _read_body(receive)
        except _BrokeOff:
            return
        request = Request(
            method=scope["method"],
            path=scope["path"],
            query_string=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body=body or b"",
            origin=self.origin,
        )
        if self.interference is not None and body is not None:
            await self.interference.serve(self, request, scope, receive, send)
            return
        response = self._error(413, "The request is too large.") if body is None else self.answer(request)
        await write(response, request.method, send)


class _BrokeOff(Exception):
    """Whoever asked was gone before all of the request had come: nothing was asked."""


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; None where it is too large."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _BrokeOff
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= BODY_LIMIT:
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if size <= BODY_LIMIT else None


async def write(response: Response, method: str, send: Send) -> None:
    """Send an answer in one piece."""
    headers, body = on_the_wire(response, method)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def on_the_wire(response: Response, method: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body as they are sent."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.content_type:
        headers.append((b"content-type", response.content_type.encode("latin-1")))
    body = b"" if response.status in {204, 304} or method == "HEAD" else response.body
    if response.status not in {204, 304}:
        headers.append((b"content-length", str(len(response.body)).encode()))
    return headers, body
