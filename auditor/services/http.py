"""One way to send a request: bounded, deadlined, patient, and with a token only where it belongs.

An `Api` is one origin with its own pool, gate and (perhaps) token. A `Web` is the set of origins one
workload may ask; following a redirect, a next link or a picture URL means finding its origin there, so
a token cannot travel: the next `Api` carries its own or none.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol, TypeVar

import httpx

from auditor.services.errors import (
    BadAnswer,
    Damaged,
    HostRefused,
    Passing,
    ServerFault,
    SignInRefused,
    Throttled,
    TooLarge,
    Unreachable,
    Untrusted,
)
from auditor.services.gate import Gate, Ticket
from auditor.services.origins import BadOrigin, host_matches, is_loopback, origin_of, resolve
from auditor.services.pacing import Pace
from auditor.services.retries import (
    ATTEMPTS,
    CONFIRMED,
    THROTTLED_ATTEMPTS,
    Budget,
    Jitter,
    for_run,
    full_jitter,
    http_date,
    retry_after,
    throttle_wait,
    user_budget,
)
from auditor.services.text import HIDDEN, SHORTEST_SECRET

USER_AGENT = "NONISV|photo-auditor|photo-auditor/0.1"
"""In the form that SharePoint's throttling guidance asks for."""
MAX_TEXT = 32 * 1024 * 1024
"""Bytes of a JSON or XML answer; a batch of 20 photos of 4 MB in base64 would not fit and is read singly."""
MAX_PICTURE = 16 * 1024 * 1024
"""Bytes of a picture; Graph takes uploads of up to 4 MB."""
DEADLINE = 60.0
"""Seconds for one attempt, body included."""
PATIENCE = 3600
"""Seconds that a run waits in all because services ask it to, unless the settings say otherwise."""
LONGEST_BUSY = 300.0
"""Seconds that a body may ask for (Exchange's longest back-off); what asks for more is asked again soon."""
RETRIED = frozenset({429, 500, 502, 503, 504})
EMPTY_CONFIRMED = 3
"""How often an empty 5xx that a service documents as an answer is heard before it is believed."""

C = TypeVar("C", httpx.Client, httpx.AsyncClient)
Sleep = Callable[[float], Awaitable[None]]
Whole = Callable[["Answer"], Damaged | None]
"""Why an answer cannot be believed; None where it can (`auditor.services.whole`)."""


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


@dataclass(frozen=True, slots=True)
class Timing:
    """How time is told and spent. Arguments, so that a whole audit can be tried without waiting."""

    clock: Callable[[], float] = time.monotonic
    sleep: Sleep = asyncio.sleep
    deadline: float = DEADLINE
    """Seconds for one attempt, body included; by the real clock."""


@dataclass(slots=True)
class Counts:
    """What an `Api` did, for the run's facts."""

    requests: int = 0
    retried: int = 0
    throttled: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    content: bytes | None
    headers: Mapping[str, str]
    max_bytes: int
    slots: int
    cost: float
    kind: str


@dataclass(slots=True)
class _Tries:
    """What one request has been through so far."""

    attempts: int
    failed: int = 0
    throttled: int = 0
    answered: Passing | None = None
    """What was wrong with the last answer that came."""
    heard: dict[int, int] = field(default_factory=dict)
    """How often each refusal came."""
    token: str | None = None
    refused_token: str | None = None
    began: float = 0.0


@dataclass
class Api:
    """One origin. `get` and `post` return any answer but those worth another try; see `auditor.services.errors`.

    `is_final`: which of the answers that are usually worth another try mean something in this service.
    `clock`, `sleep`, `jitter` and `wall` (Unix time) are arguments so that a long wait needs no waiting.
    """

    origin: str
    client: httpx.AsyncClient
    tokens: TokenSource | None = None
    audience: str = ""
    concurrency: int = 8
    is_final: Callable[[Answer], bool] = lambda _: False
    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    jitter: Jitter = random.uniform
    deadline: float = DEADLINE
    pace: Pace = field(default_factory=Pace)
    """Shared by all origins of one service: quotas belong to app and service."""
    budget: Budget = field(default_factory=lambda: for_run(PATIENCE))
    """Shared by all origins of a run."""
    counts: Counts = field(default_factory=Counts)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.gate = Gate(self.origin, self.concurrency, self.clock, self.sleep, self.pace, self.budget)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_TEXT,
        whole: Whole | None = None,
        kind: str = "",
    ) -> Answer:
        """GET a path of this origin, or an absolute URL that lies in it."""
        return await self.send("GET", url, headers=headers, max_bytes=max_bytes, whole=whole, kind=kind)

    async def post(
        self,
        url: str,
        content: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_TEXT,
        whole: Whole | None = None,
        attempts: int = ATTEMPTS,
        slots: int = 1,
        cost: float = 1.0,
    ) -> Answer:
        """POST, for the reads that services only offer so (`$batch`, SOAP)."""
        return await self.send(
            "POST", url, content=content, headers=headers, max_bytes=max_bytes, whole=whole, attempts=attempts,
            slots=slots, cost=cost,
        )  # fmt: skip

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_TEXT,
        whole: Whole | None = None,
        attempts: int = ATTEMPTS,
        slots: int = 1,
        cost: float = 1.0,
        kind: str = "",
    ) -> Answer:
        """Send until an answer comes that another try would not change.

        `attempts`: how often it may fail in passing. `slots`: how many of the origin's concurrent requests it
        stands for. `cost`, `kind`: units of which published limits.
        """
        absolute = _resolved(self.origin + "/", url)
        if _origin(absolute) != self.origin:
            raise HostRefused(f"a request for {self.origin} was to be sent elsewhere")
        request = _Request(method, absolute, content, headers or {}, max_bytes, slots, cost, kind)
        tries = _Tries(attempts)
        while True:
            try:
                answer = await self._attempt(request, tries)
                if answer is None:
                    continue
                if await self._stands(answer, tries):
                    return self._answered(answer)
                if answer.status in CONFIRMED:
                    continue
                if answer.status in RETRIED:
                    if self.is_final(answer):
                        continue
                    raise ServerFault(f"{self.origin} failed every time ({answer.status})")
                if whole is None or (flaw := whole(answer)) is None:
                    return self._answered(answer)
                raise flaw
            except Throttled:
                raise
            except Passing as error:
                await self._fail(error, tries)

    async def _attempt(self, request: _Request, tries: _Tries) -> Answer | None:
        """One attempt when it is its turn; None where the service asks to be asked later."""
        tries.began = self.clock()
        if tries.token is None:
            tries.token = await self._token(tries.refused_token)
        async with self.gate.enter(slots=request.slots, cost=request.cost, kind=request.kind) as ticket:
            tries.began = self.clock()
            answer = await self._once(request, tries.token)
            if (wait := self._throttled(answer)) is None:
                self.gate.answered(ticket, answer.headers)
                return answer
            tries.throttled += 1
            self._close(ticket, wait[0], last=tries.throttled >= THROTTLED_ATTEMPTS)
        return None

    async def _token(self, refused: str | None) -> str | None:
        if self.tokens is None:
            return None
        try:
            return await self.tokens.token(self.audience, instead_of=refused)
        except Throttled as error:
            # The sign-in service has its bad moments like any other; they are not this origin's.
            raise ServerFault(error.sentence, remedy=error.remedy, reason=error.reason) from None

    async def _stands(self, answer: Answer, tries: _Tries) -> bool:
        """Whether a refusal, or an empty 5xx that means something, was heard often enough to be believed.

        Before a refused token is asked with again, a fresh one is taken: one for all who wait.
        """
        status = answer.status
        if status in CONFIRMED:
            enough = CONFIRMED[status]
        elif status in RETRIED and self.is_final(answer):
            enough = 1 if answer.body.strip() else EMPTY_CONFIRMED
        else:
            return False
        heard = tries.heard[status] = tries.heard.get(status, 0) + 1
        if heard >= enough:
            return True
        self.counts.retried += 1
        before = tries.token
        if status == 401 and before is not None:
            tries.refused_token, tries.token = before, None
            tries.token = await self._token(before)
        if tries.token == before:
            await self.sleep(full_jitter(heard, self.jitter))
        return False

    def hold(self, seconds: float) -> None:
        """A body says that the service is busy: nobody asks for so long, and then one alone."""
        self.gate.close(None, seconds if seconds <= LONGEST_BUSY else throttle_wait(self.gate.strikes, self.jitter))

    def throttled(self, items: Iterable[Mapping[str, str]]) -> None:
        """Items inside a whole answer were throttled, with these headers (lower-case names).

        The longest wait that any of them asks for is everyone's, for the quota is the app's. One beyond all sense
        may be one mailbox's alone: asked by itself, that one is told again.
        """
        self.counts.throttled += 1
        waits = [retry_after(headers.get("retry-after"), now=self.wall()) or 0.0 for headers in items]
        longest = max((wait for wait in waits if wait <= LONGEST_BUSY), default=0.0)
        self.hold(longest or throttle_wait(0, self.jitter))

    def _answered(self, answer: Answer) -> Answer:
        self.budget.answers += 1
        return answer

    async def _fail(self, problem: Passing, tries: _Tries) -> None:
        """Wait before the next attempt, or raise `problem` where there is none left to spend.

        An answer that was no use tells more than a connection that broke at another attempt.
        """
        if not isinstance(problem, Unreachable):
            tries.answered = problem
        user = user_budget()
        tries.failed += 1
        self.budget.failed += 1
        wait = full_jitter(tries.failed - 1, self.jitter)
        if user is not None:
            user.fail(self.clock() - tries.began + wait)
        spent = user is not None and (user.exhausted or user.left <= 0)
        if tries.failed >= tries.attempts or spent or self.budget.exhausted:
            raise tries.answered or problem
        self.counts.retried += 1
        await self.sleep(wait)

    def _throttled(self, answer: Answer) -> tuple[float | None] | None:
        """The seconds (None: not said) that an answer asks everyone to wait; None where it does not throttle."""
        if answer.status not in {429, 503}:
            return None
        # A date is read by the service's own clock where it tells it: ours may be wrong.
        now = http_date(answer.headers.get("date", ""))
        wait = retry_after(answer.headers.get("retry-after"), now=self.wall() if now is None else now)
        return (wait,) if answer.status == 429 or wait is not None else None

    def _close(self, ticket: Ticket, wait: float | None, *, last: bool) -> None:
        """Close the gate for as long as the service asks. Raises `Throttled` where that is too long for this run.

        The quota belongs to the app: everyone who talks to this origin waits. A wait that no run could wait is
        asked about a few times more before it is believed.
        """
        self.counts.throttled += 1
        strikes = self.gate.strikes
        if wait is not None and wait > self.budget.left and not self.gate.believes(ticket):
            wait = None
        if wait is None:
            seconds = throttle_wait(strikes, self.jitter)
        else:
            seconds = wait + self.jitter(0.0, 0.05 + wait / 20)
            if strikes > 2:
                # It says how long, and refuses again and again: its word is not enough.
                seconds = max(seconds, throttle_wait(strikes - 3, self.jitter))
        self.gate.close(ticket, seconds)
        if last or seconds > self.budget.left:
            raise Throttled(
                f"{self.origin} asked us to slow down and did not let us on",
                remedy="audit again later, or allow more with network.patience",
                until=wait,
            )
        self.counts.retried += 1

    async def _once(self, request: _Request, token: str | None) -> Answer:
        sent = {"User-Agent": USER_AGENT, "Accept": "*/*", **request.headers}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        self.counts.requests += 1
        try:
            async with (
                asyncio.timeout(self.deadline),
                self.client.stream(
                    request.method, request.url, content=request.content, headers=sent, follow_redirects=False
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > request.max_bytes:
                        raise TooLarge(f"{self.origin} sent more than {request.max_bytes} bytes")
                self.counts.bytes += len(body)
                headers = _plain(response.headers)
                if token is not None and len(token) >= SHORTEST_SECRET:
                    # Whoever repeats what was sent would have it in a table, a message or a log.
                    body = body.replace(token.encode(), HIDDEN.encode())
                    headers = {name: value.replace(token, HIDDEN) for name, value in headers.items()}
                return Answer(request.url, response.status_code, headers, bytes(body))
        except TimeoutError:
            raise Unreachable(f"{self.origin} did not answer within {self.deadline:.0f} seconds") from None
        except httpx.DecodingError:
            raise Damaged(f"{self.origin} sent a body that cannot be decompressed") from None
        except httpx.HTTPError as error:
            if untrusted(error):
                hint = "" if is_loopback(self.origin) else " (a proxy that inspects TLS is a common reason)"
                raise Untrusted(
                    f"the certificate of {self.origin} is not trusted here; name its authority with --ca-bundle{hint}"
                ) from None
            raise Unreachable(_why(self.origin, error)) from None
        except (httpx.InvalidURL, UnicodeError):
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

    async def fetch(
        self,
        url: str,
        *,
        hops: int = 3,
        max_bytes: int = MAX_PICTURE,
        whole: Whole | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET an absolute URL, following redirects within the allowed origins."""
        for _ in range(hops + 1):
            answer = await self.api_for(url).get(url, max_bytes=max_bytes, whole=whole, headers=headers)
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


def untrusted(error: httpx.HTTPError) -> bool:
    """Whether the connection was given up because of the other side's certificate."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _why(origin: str, error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"no connection to {origin}; check the address, the network and the proxy"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refused the connection to {origin}"
    if isinstance(error, httpx.TimeoutException):
        return f"{origin} took too long to answer"
    return f"the connection to {origin} broke off ({type(error).__name__})"


__all__ = [
    "ATTEMPTS", "MAX_PICTURE", "MAX_TEXT", "Answer", "Api", "BadProxy", "Counts", "SignInRefused", "TokenSource", "Web",
    "new_client", "retry_after",
]  # fmt: skip
