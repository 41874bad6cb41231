"""Requests refused per request granted, and the share of the allowed throughput, under rules that services play.

    python benchmarks/throttling.py [SECONDS [RULE…]]   (needs stamina and httpx-retries beside the package)

A TLS server on loopback plays one rule after another, and clients that want all they can get ask it with eight
workers: our layer, and single calls wrapped in stamina (as it comes, and with a hook that honours Retry-After) and
in httpx-retries. Rules are the published ones on a faster clock, so that many of their windows pass:

    engage      10 in 30 s (Viva Engage, published)               played as 10 in 2.5 s, a sliding window
    people      3,000 in 5 min (PeopleManager, published)         played as 300 in 3 s, a sliding window
    units       1,250 in 1 min with RateLimit-* from 80 % on      played as 125 in 3 s, a fixed window
    bucket      an unpublished token bucket, with Retry-After     60/s, holds 60
    silent      an unpublished token bucket, without Retry-After  60/s, holds 60

What a perfect client would have been granted in the same time is 100 %. The target is at most 0.05 refused per
granted, at 90 % or more.
"""

from __future__ import annotations

import asyncio
import math
import random
import ssl
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import httpx_retries
import stamina
import trustme

from auditor.services.errors import ServiceError
from auditor.services.http import Api, new_client
from auditor.services.pacing import Limit, Pace
from auditor.services.retries import for_run
from auditor.services.tls import tls_context

WORKERS = 8
LATENCY = 0.01
"""Seconds that the server takes for any answer, a refusal too."""
Admit = Callable[[float], dict[str, str] | None]


@dataclass
class Sliding:
    """`limit` in any `seconds`; Retry-After in whole seconds, as services send it."""

    limit: int
    seconds: float
    granted: deque[float] = field(default_factory=deque)
    headers: dict[str, str] = field(default_factory=dict)

    def admit(self, now: float) -> bool:
        while self.granted and self.granted[0] <= now - self.seconds:
            self.granted.popleft()
        if len(self.granted) < self.limit:
            self.granted.append(now)
            return True
        self.headers = {"Retry-After": str(math.ceil(self.granted[0] + self.seconds - now))}
        return False

    def allowed(self, elapsed: float) -> float:
        return self.limit * (math.floor(elapsed / self.seconds) + 1)


@dataclass
class Fixed:
    """`limit` in each window, told by RateLimit-* from 80 % on."""

    limit: int
    seconds: float
    begun: float = -math.inf
    used: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def admit(self, now: float) -> bool:
        if now >= self.begun + self.seconds:
            self.begun, self.used = now, 0
        reset = math.ceil((self.begun + self.seconds - now) * 10) / 10
        admitted = self.used < self.limit
        self.used += admitted
        told = self.used >= 0.8 * self.limit
        self.headers = (
            {
                "RateLimit-Limit": str(self.limit),
                "RateLimit-Remaining": str(self.limit - self.used),
                "RateLimit-Reset": str(reset),
            }
            if told
            else {}
        )
        if not admitted:
            self.headers["Retry-After"] = str(math.ceil(reset))
        return admitted

    def allowed(self, elapsed: float) -> float:
        return self.limit * (math.floor(elapsed / self.seconds) + 1)


@dataclass
class Bucket:
    """`rate` a second, holding as many as one second brings."""

    rate: float
    told: bool
    tokens: float = math.nan
    last: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)

    def admit(self, now: float) -> bool:
        self.tokens = self.rate if math.isnan(self.tokens) else self.tokens
        self.tokens, self.last = min(self.rate, self.tokens + (now - self.last) * self.rate), now
        if self.tokens >= 1:
            self.tokens -= 1
            self.headers = {}
            return True
        self.headers = {"Retry-After": str(math.ceil((1 - self.tokens) / self.rate))} if self.told else {}
        return False

    def allowed(self, elapsed: float) -> float:
        return self.rate * (elapsed + 1)


Rule = Sliding | Fixed | Bucket
RULES: dict[str, tuple[Callable[[], Rule], tuple[Limit, ...]]] = {
    "engage": (lambda: Sliding(10, 2.5), (Limit(10, 2.5),)),
    "people": (lambda: Sliding(300, 3.0), (Limit(300, 3.0),)),
    "units": (lambda: Fixed(125, 3.0), ()),
    "bucket": (lambda: Bucket(60, told=True), ()),
    "silent": (lambda: Bucket(60, told=False), ()),
}
"""Each rule with the limits that are published for it: those our layer knows before it asks."""


@dataclass
class Server:
    """Counts what its rule grants and refuses."""

    rule: Rule
    granted: int = 0
    refused: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                good = self.rule.admit(time.monotonic())
                headers = dict(self.rule.headers)
                self.granted += good
                self.refused += not good
                await asyncio.sleep(LATENCY)
                if writer.transport.is_closing():
                    break
                lines = [f"HTTP/1.1 {200 if good else 429} X", "Content-Length: 0", *map(": ".join, headers.items())]
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()


Ask = Callable[[], Awaitable[object]]


def ours(origin: str, context: ssl.SSLContext, limits: tuple[Limit, ...]) -> tuple[Ask, httpx.AsyncClient]:
    client = new_client(context, connections=WORKERS)
    api = Api(origin, client, concurrency=WORKERS, pace=Pace(limits), budget=for_run(86_400))
    return lambda: api.get("/"), client


def _plain(context: ssl.SSLContext) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=context)


async def _raising(client: httpx.AsyncClient, origin: str) -> None:
    (await client.get(origin + "/")).raise_for_status()


def with_stamina(origin: str, context: ssl.SSLContext, _: tuple[Limit, ...]) -> tuple[Ask, httpx.AsyncClient]:
    client = _plain(context)

    @stamina.retry(on=httpx.HTTPStatusError, timeout=None)
    async def ask() -> None:
        await _raising(client, origin)

    return ask, client


def with_stamina_and_hook(origin: str, context: ssl.SSLContext, _: tuple[Limit, ...]) -> tuple[Ask, httpx.AsyncClient]:
    client = _plain(context)

    def told(error: Exception) -> bool | float:
        if not isinstance(error, httpx.HTTPStatusError):
            return False
        wait = error.response.headers.get("Retry-After")
        return float(wait) if wait else True

    async def ask() -> None:
        async for attempt in stamina.retry_context(on=told, timeout=None):
            with attempt:
                await _raising(client, origin)

    return ask, client


def with_httpx_retries(origin: str, context: ssl.SSLContext, _: tuple[Limit, ...]) -> tuple[Ask, httpx.AsyncClient]:
    transport = httpx_retries.RetryTransport(
        httpx.AsyncHTTPTransport(verify=context), retry=httpx_retries.Retry(total=10, backoff_factor=0.5)
    )
    client = httpx.AsyncClient(transport=transport)
    return lambda: _raising(client, origin), client


CLIENTS = {
    "ours": ours,
    "stamina": with_stamina,
    "stamina + Retry-After": with_stamina_and_hook,
    "httpx-retries": with_httpx_retries,
}


async def measure(
    name: str, client_name: str, seconds: float, serving: ssl.SSLContext, trusting: Callable[[], ssl.SSLContext]
) -> tuple[float, float, int]:
    """Refused per granted, share of what was allowed, calls that were given up."""
    make, limits = RULES[name]
    played = Server(make())
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0, ssl=serving)
    origin = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    ask, client = CLIENTS[client_name](origin, trusting(), limits)
    given_up = 0
    begun = time.monotonic()

    async def worker() -> None:
        nonlocal given_up
        while True:
            try:
                await ask()
            except (ServiceError, httpx.HTTPError):
                given_up += 1

    workers = [asyncio.create_task(worker()) for _ in range(WORKERS)]
    await asyncio.sleep(seconds)
    granted, refused, elapsed = played.granted, played.refused, time.monotonic() - begun
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    await client.aclose()
    server.close()
    for writer in list(played.writers):
        writer.transport.abort()
    await asyncio.sleep(10 * LATENCY)
    return refused / max(granted, 1), granted / played.rule.allowed(elapsed), given_up


async def main(seconds: float, rules: list[str]) -> None:
    random.seed(1)
    stamina.instrumentation.set_on_retry_hooks([])
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    with TemporaryDirectory() as folder:
        bundle = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        print(f"{seconds:.0f} s each, {WORKERS} workers, {LATENCY * 1000:.0f} ms an answer")
        print(f"{'rule':8s} {'client':22s} {'refused/granted':>16s} {'of allowed':>11s} {'given up':>9s}")
        for name in rules or RULES:
            for client in CLIENTS:
                ratio, share, given_up = await measure(name, client, seconds, serving, lambda: tls_context(bundle))
                print(f"{name:8s} {client:22s} {ratio:16.3f} {share:11.0%} {given_up:9d}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 39.0, sys.argv[2:]))
