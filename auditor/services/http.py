"""One way to send a request: bounded, deadlined, patient, and with a token only where it belongs.

An `Api` is one origin with its own pool, pace and (perhaps) token. A `Web` is the set of origins one
workload may ask; following a redirect, a next link or a picture URL means finding its origin there, so
a token cannot travel: the next `Api` carries its own or none.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol, TypeVar

import httpx

from auditor.services.errors import BadAnswer, HostRefused, ServerFault, SignInRefused, Throttled, TooLarge, Unreachable
from auditor.services.origins import BadOrigin, host_matches, is_loopback, origin_of, resolve

USER_AGENT = "NONISV|photo-auditor|photo-auditor/0.1"
"""In the form that SharePoint's throttling guidance asks for."""
MAX_TEXT = 32 * 1024 * 1024
"""Bytes of a JSON or XML answer; a batch of 20 photos of 4 MB in base64 would not fit and is read singly."""
MAX_PICTURE = 16 * 1024 * 1024
"""Bytes of a picture; Graph takes uploads of up to 4 MB."""
ATTEMPTS = 5
DEADLINE = 60.0
"""Seconds for one attempt, body included."""
LONGEST_WAIT = 300.0
"""Seconds a service may ask us to wait; a longer wait ends the request as throttled."""
BACKOFF_BASE, BACKOFF_CAP = 0.5, 20.0
RETRIED = frozenset({429, 500, 502, 503, 504})

C = TypeVar("C", httpx.Client, httpx.AsyncClient)
Sleep = Callable[[float], Awaitable[None]]


class TokenSource(Protocol):
    """Where tokens come from (`auditor.services.tokens`)."""

    async def token(self, audience: str, *, instead_of: str | None = None) -> str:
        """A token for this audience; a fresh one if `instead_of` is the one last given. Raises `SignInRefused`."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: status, headers (lower-case names) and body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower case."""
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()


@dataclass(slots=True)
class Counts:
    """What an `Api` did, for the run's facts."""

    requests: int = 0
    retried: int = 0
    throttled: int = 0
    bytes: int = 0


@dataclass
class Api:
    """One origin. `get` and `post` return any answer but those worth another try; see `auditor.services.errors`.

    `is_final`: which of the answers that are usually worth another try mean something in this service.
    """

    origin: str
    client: httpx.AsyncClient
    tokens: TokenSource | None = None
    audience: str = ""
    concurrency: int = 8
    is_final: Callable[[Answer], bool] = lambda _: False
    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    counts: Counts = field(default_factory=Counts)
    _gate: asyncio.Semaphore = field(init=False)
    _not_before: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._gate = asyncio.Semaphore(self.concurrency)

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, max_bytes: int = MAX_TEXT) -> Answer:
        """GET a path of this origin, or an absolute URL that lies in it."""
        return await self.send("GET", url, headers=headers, max_bytes=max_bytes)

    async def post(
        self, url: str, content: bytes, *, headers: Mapping[str, str] | None = None, max_bytes: int = MAX_TEXT
    ) -> Answer:
        """POST, for the reads that services only offer so (`$batch`, SOAP)."""
        return await self.send("POST", url, content=content, headers=headers, max_bytes=max_bytes)

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_TEXT,
    ) -> Answer:
        """Send until an answer comes that another try would not change."""
        absolute = _resolved(self.origin + "/", url)
        if _origin(absolute) != self.origin:
            raise HostRefused(f"a request for {self.origin} was to be sent elsewhere")
        token: str | None = None
        refreshed = False
        attempt = 0
        while True:
            last = attempt >= ATTEMPTS - 1
            if self.tokens is not None:
                token = token or await self.tokens.token(self.audience)
            try:
                async with self._gate:
                    await self._wait_for_the_gate()
                    answer = await self._once(method, absolute, content, headers, token, max_bytes)
            except Unreachable:
                if last:
                    raise
                self.counts.retried += 1
                await self.sleep(self._backoff(attempt))
                attempt += 1
                continue
            if answer.status == 401 and self.tokens is not None and token is not None and not refreshed:
                # A token can end in the middle of a run; one fresh one is asked for, then the answer stands.
                refreshed = True
                fresh = await self.tokens.token(self.audience, instead_of=token)
                if fresh != token:
                    token = fresh
                    continue
            if answer.status not in RETRIED or self.is_final(answer):
                return answer
            await self._pause(answer, attempt, last=last)
            attempt += 1

    def hold(self, seconds: float) -> None:
        """Nobody asks this origin anything for so long: a service may say that it is busy in a body, too."""
        self._not_before = max(self._not_before, self.clock() + min(seconds, LONGEST_WAIT))

    def _backoff(self, attempt: int) -> float:
        return random.uniform(0, min(BACKOFF_CAP, BACKOFF_BASE * 2**attempt))  # noqa: S311  full jitter, not a secret

    async def _wait_for_the_gate(self) -> None:
        while (wait := self._not_before - self.clock()) > 0:
            await self.sleep(wait)

    async def _pause(self, answer: Answer, attempt: int, *, last: bool) -> None:
        wait = retry_after(answer.headers.get("retry-after"))
        throttled = answer.status == 429 or (answer.status == 503 and wait is not None)
        self.counts.throttled += throttled
        if last or (wait is not None and wait > LONGEST_WAIT):
            if throttled:
                raise Throttled(f"{self.origin} asked us to slow down ({answer.status}) and did not let us on")
            raise ServerFault(f"{self.origin} failed every time ({answer.status})")
        self.counts.retried += 1
        if throttled:
            # The quota belongs to the app: everyone who talks to this origin waits. Where the service does not
            # say how long, no jitter may shorten the wait to nothing: windows of 10 seconds are common.
            self.hold(wait + self._backoff(0) if wait is not None else 1.5 * 2**attempt + self._backoff(attempt))
        else:
            await self.sleep(max(wait if wait is not None else 0.0, self._backoff(attempt)))

    async def _once(
        self,
        method: str,
        url: str,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        token: str | None,
        max_bytes: int,
    ) -> Answer:
        sent = {"User-Agent": USER_AGENT, "Accept": "*/*", **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        self.counts.requests += 1
        try:
            async with (
                asyncio.timeout(DEADLINE),
                self.client.stream(method, url, content=content, headers=sent, follow_redirects=False) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > max_bytes:
                        raise TooLarge(f"{self.origin} sent more than {max_bytes} bytes")
                self.counts.bytes += len(body)
                return Answer(url, response.status_code, _plain(response.headers), bytes(body))
        except TimeoutError:
            raise Unreachable(f"{self.origin} did not answer within {DEADLINE:.0f} seconds") from None
        except httpx.DecodingError:
            raise BadAnswer(f"{self.origin} sent a body that cannot be decompressed") from None
        except httpx.HTTPError as error:
            raise Unreachable(_why(self.origin, error)) from None
        except httpx.InvalidURL:
            raise HostRefused(f"the answer holds a link into {self.origin} that no client can ask") from None
        except ssl.SSLError:
            raise Unreachable(f"{self.origin} broke the TLS connection") from None


@dataclass(frozen=True)
class Web:
    """The origins one workload may ask, and nothing else.

    `pictures`: further hosts (origins, or `*.domain`) that may be asked for pictures, never with a token.
    """

    apis: Mapping[str, Api]
    pictures: Sequence[str] = ()
    anonymous: Callable[[str], Api] | None = None

    def api_for(self, url: str) -> Api:
        """The `Api` of a URL's origin. Raises `HostRefused` naming the host if this workload may not ask it."""
        origin = _origin(url)
        if origin in self.apis:
            return self.apis[origin]
        if self.anonymous is not None and any(host_matches(origin, pattern) for pattern in self.pictures):
            return self.anonymous(origin)
        raise HostRefused(f"the answer points to {origin}, which is not among the hosts this workload may ask")

    async def fetch(self, url: str, *, hops: int = 3, max_bytes: int = MAX_PICTURE) -> Answer:
        """GET an absolute URL, following redirects within the allowed origins."""
        for _ in range(hops + 1):
            answer = await self.api_for(url).get(url, max_bytes=max_bytes)
            if answer.status not in {301, 302, 303, 307, 308}:
                return answer
            if not (location := answer.headers.get("location")):
                raise BadAnswer(f"{_origin(url)} redirected to nowhere")
            url = _resolved(url, location)
        raise BadAnswer(f"{_origin(url)} redirected more than {hops} times")


def new_client(context: ssl.SSLContext, *, connections: int = 8) -> httpx.AsyncClient:
    """The asynchronous client of one origin: no cookies, no proxy for loopback, redirects never followed by itself.

    Eight connections: httpx's pool spends CPU per request in proportion to its size.
    """
    return _proxied(
        lambda: httpx.AsyncClient(
            verify=context,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=httpx.Timeout(30.0, pool=DEADLINE),
            mounts=_no_proxy_for_loopback(),
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        )
    )


def new_sync_client(context: ssl.SSLContext) -> httpx.Client:
    """The same for msal, which is synchronous."""
    return _proxied(
        lambda: httpx.Client(
            verify=context,
            timeout=httpx.Timeout(30.0),
            mounts=_no_proxy_for_loopback(),
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        )
    )


class BadProxy(Exception):
    """The proxy that the environment names cannot be used."""


def _proxied(make: Callable[[], C]) -> C:
    try:
        return make()
    except (ValueError, ImportError, httpx.InvalidURL):
        raise BadProxy(
            "The proxy named in the environment (HTTPS_PROXY, ALL_PROXY) cannot be used: give it as"
            " http://host:port, or unset it."
        ) from None


def _no_proxy_for_loopback() -> dict[str, None]:
    return {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}


def retry_after(value: str | None, *, now: float | None = None) -> float | None:
    """Seconds that a Retry-After header asks for; None where it is absent or says nothing sensible.

    Seconds or an HTTP date (RFC 9110, 10.2.3); negative and past ones count as zero.
    """
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
        seconds = moment.timestamp() - (time.time() if now is None else now)
    return max(0.0, seconds) if seconds == seconds and abs(seconds) != float("inf") else None


def _resolved(base: str, location: str) -> str:
    try:
        return resolve(base, location)
    except BadOrigin as error:
        raise HostRefused(f"the answer holds a link that is not followed: {error}") from None


def _origin(url: str) -> str:
    try:
        return origin_of(url)
    except BadOrigin as error:
        raise HostRefused(f"the answer holds a link that is not followed: {error}") from None


def _plain(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _why(origin: str, error: httpx.HTTPError) -> str:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        hint = f"the certificate of {origin} is not trusted here; name its authority with --ca-bundle"
        return hint + ("" if is_loopback(origin) else " (a proxy that inspects TLS is a common reason)")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"no connection to {origin}; check the address, the network and the proxy"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refused the connection to {origin}"
    if isinstance(error, httpx.TimeoutException):
        return f"{origin} took too long to answer"
    return f"the connection to {origin} broke off ({type(error).__name__})"


__all__ = [
    "MAX_PICTURE", "MAX_TEXT", "Answer", "Api", "Counts", "SignInRefused", "TokenSource", "Web",
    "new_client", "new_sync_client", "retry_after",
]  # fmt: skip
