"""Each service's published limits, with the headers by which it tells of them.

- Graph, directory: resource units for an application in a tenant in 10 seconds, 3,500 (fewer than 50 users), 5,000
  (to 500) or 8,000; `/users` costs 2, members of a group 3, transitive members 5, others 1; `$select` saves one,
  `$top` below 20 another, never below 1 (graph-docs throttling-limits.md). From 0.8 of the limit on
  `x-ms-throttle-limit-percentage`; refused with 429, `Retry-After`, `x-ms-throttle-scope` and
  `x-ms-throttle-information`.
- Graph, photos and mailbox settings: 10,000 requests in 10 minutes and four at once for an application
  (throttling-limits.md; its include says for application and mailbox: the stricter is played). Of a batch Graph sends
  four at a time. Refused with 429, ApplicationThrottled (terraform-provider-outlook#21) and `Retry-After: 1`
  (msgraph-sdk-javascript#297).
- SharePoint: 1,250 to 6,250 resource units a minute for an application, 1.2 to 6 million a day, and 3,000 to 15,000
  calls of the PeopleManager in five minutes for the tenant, by its licences; from 80 % of the minute's units on
  `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset`; refused with 429 and `Retry-After`
  (sp-dev-docs how-to-avoid-getting-throttled). Assumption: a call of `_api` costs the average of 2 units that the
  article tells to reckon with, a picture 1.
- Exchange: 27 requests at once (EWSMaxConcurrency). Assumption: one more is ErrorExceededConnectionCount in a fault;
  whoever was refused within the last second gets ErrorServerBusy with BackOffMilliseconds; in the REST form 503.
- Viva Engage: 10 requests in 30 seconds for user and application, of all endpoints but messages and the like
  (learn.microsoft.com/rest/api/yammer/yammer-api-rate-limits); refused with 429. Assumption: without Retry-After,
  of which its documentation says nothing.

Windows begin with their first request and end whole (assumption: how the services count is not published). What was
refused is not counted. So that more than one request can be under way at all, a photo takes 40 ms and a call of
Exchange 50 ms (assumption).

`speed` makes every window, and how long a photo takes, so many times shorter: then nobody waits five minutes for a
test. `Retry-After` knows whole seconds only and is rounded up, so at high speeds it asks for more than is needed.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from auditor.simulator import ews_soap, jws
from auditor.simulator.asgi import Request, Response, json_response, text_response
from auditor.simulator.graph_answers import graph_error
from auditor.simulator.tenant import Tenant

Headers = tuple[tuple[str, str], ...]
OUTLOOK = re.compile(r"(?i)/v1\.0/users/[^/]+/(?:photos?|mailboxsettings)(?:/.*)?")
_BATCHED = re.compile(r"(?i)/users/[^/]+/(?:photos?|mailboxsettings)(?:[/?].*)?$")
PHOTO_SECONDS = 0.04
EXCHANGE_SECONDS = 0.05
AT_ONCE = 4
CONNECTIONS = 27
_TIERS = (1_000, 5_000, 15_000, 50_000)


@dataclass(slots=True)
class Window:
    """So many units in so many seconds."""

    seconds: float
    limit: int
    began: float = -math.inf
    used: int = 0

    def left(self, now: float) -> float:
        """Seconds until it begins anew."""
        if now >= self.began + self.seconds:
            self.began, self.used = now, 0
        return self.began + self.seconds - now

    def fits(self, units: int, now: float) -> bool:
        """Whether so many units are left."""
        self.left(now)
        return self.used + units <= self.limit


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request may go on, and what its answer carries then."""

    refusal: Response | None = None
    headers: Headers = ()
    crowded: bool = False
    """A batch found all four places for photos taken: its photos are refused one by one."""


@dataclass
class Throttling:
    """The limits of one tenant."""

    tenant: Tenant
    speed: float = 1.0
    clock: Callable[[], float] = time.monotonic
    _windows: dict[tuple[str, str], Window] = field(default_factory=dict)
    _under_way: Counter[tuple[str, str]] = field(default_factory=Counter)
    _refused: dict[str, float] = field(default_factory=dict)

    @asynccontextmanager
    async def admission(self, origin: str, request: Request) -> AsyncIterator[Admission]:
        """Let a request in for as long as it takes, or refuse it."""
        app = _app(request)
        if origin == "graph":
            async with self._graph(request, app) as admission:
                yield admission
        elif origin == "exchange" and request.path.lower().startswith("/ews/"):
            async with self._exchange(request, app) as admission:
                yield admission
        elif origin.startswith("sharepoint"):
            yield self._sharepoint(request, app)
        elif origin == "yammer" and request.path.startswith("/api/"):
            yield self._yammer(app)
        else:
            yield Admission()

    def step(self, origin: str, request: Request) -> Response | None:
        """The refusal of a step of a batch, if it is refused."""
        if origin != "graph":
            return None
        app = _app(request)
        if OUTLOOK.fullmatch(request.path):
            return _crowded() if request.crowded else self._outlook(app)
        return self._units(request, app).refusal

    # Graph

    @asynccontextmanager
    async def _graph(self, request: Request, app: str) -> AsyncIterator[Admission]:
        batched = _batched_photos(request)
        if not batched and not OUTLOOK.fullmatch(request.path):
            yield Admission() if request.path.lower().endswith("/$batch") else self._units(request, app)
            return
        free = AT_ONCE - self._under_way["graph", app]
        if free <= 0:
            yield Admission(crowded=True) if batched else Admission(_crowded())
            return
        refusal = None if batched else self._outlook(app)
        if refusal is not None:
            yield Admission(refusal)
            return
        places = min(free, max(1, batched))
        async with self._busy(("graph", app), places, PHOTO_SECONDS * math.ceil(max(1, batched) / places)):
            yield Admission()

    def _outlook(self, app: str) -> Response | None:
        window, now = self._window("outlook", app, 600, 10_000), self.clock()
        if window.fits(1, now):
            window.used += 1
            return None
        answer = graph_error(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
        return answer.with_headers(("Retry-After", _whole(window.left(now))))

    def _units(self, request: Request, app: str) -> Admission:
        size = len(self.tenant.accounts)
        limit = 3_500 if size < 50 else 5_000 if size <= 500 else 8_000
        window, now, cost = self._window("units", app, 10, limit), self.clock(), _cost(request)
        if not window.fits(cost, now):
            answer = graph_error(429, "TooManyRequests", "Too many requests. Try again later.")
            scope = f"Tenant_Application/ReadWrite/{app.partition(' ')[0]}/{self.tenant.tenant_id}"
            return Admission(
                answer.with_headers(
                    ("Retry-After", _whole(window.left(now))),
                    ("x-ms-throttle-scope", scope),
                    ("x-ms-throttle-information", "ResourceUnitLimitExceeded"),
                )
            )
        window.used += cost
        share = window.used / limit
        return Admission(headers=(("x-ms-throttle-limit-percentage", f"{share:.2f}"),) if share > 0.8 else ())

    # Exchange

    @asynccontextmanager
    async def _exchange(self, request: Request, app: str) -> AsyncIterator[Admission]:
        if self._under_way["exchange", app] < CONNECTIONS:
            async with self._busy(("exchange", app), 1, EXCHANGE_SECONDS):
                yield Admission()
            return
        now, second = self.clock(), 1 / self.speed
        again = now - self._refused.get(app, -math.inf) < second
        self._refused[app] = now
        if request.method != "POST":
            yield Admission(text_response("Service Unavailable", 503))
            return
        said = ("ErrorServerBusy", "The server cannot service this request right now. Try again later.")
        if not again:
            said = ("ErrorExceededConnectionCount", "You have exceeded the available concurrent connections.")
        body = ews_soap.fault(*said, back_off_ms=math.ceil(1000 * second) if again else None)
        yield Admission(Response(500, body, "text/xml; charset=utf-8"))

    # SharePoint

    def _sharepoint(self, request: Request, app: str) -> Admission:
        if not app:
            return Admission()
        now, tier = self.clock(), sum(self._licences() > bound for bound in _TIERS) + 1
        minute = self._window("sharepoint minute", app, 60, 1_250 * tier)
        day = self._window("sharepoint day", app, 86_400, 1_200_000 * tier)
        people = self._window("people manager", "", 300, 3_000 * tier)
        asks_people = ".peoplemanager" in request.path.lower()
        cost = 2 if "/_api/" in request.path.lower() and not request.path.lower().endswith("/$value") else 1
        full = [window for window in (minute, day) if not window.fits(cost, now)]
        if asks_people and not people.fits(1, now):
            full.append(people)
        if full:
            wait = max(window.left(now) for window in full)
            answer = text_response("429 TOO MANY REQUESTS", 429).with_headers(("Retry-After", _whole(wait)))
            return Admission(answer.with_headers(*_rate_limit(minute, now)))
        minute.used += cost
        day.used += cost
        people.used += asks_people
        return Admission(headers=_rate_limit(minute, now))

    def _licences(self) -> int:
        return sum(bool(account.skus) for account in self.tenant.accounts)

    # Viva Engage

    def _yammer(self, app: str) -> Admission:
        window, now = self._window("yammer", app, 30, 10), self.clock()
        if not window.fits(1, now):
            said = {"message": "Rate limited due to excessive requests.", "code": 33, "stat": "fail"}
            return Admission(json_response({"response": said}, 429))
        window.used += 1
        return Admission()

    # Shared

    def _window(self, name: str, whose: str, seconds: float, limit: int) -> Window:
        key = (name, whose)
        if key not in self._windows:
            self._windows[key] = Window(seconds / self.speed, limit)
        return self._windows[key]

    @asynccontextmanager
    async def _busy(self, key: tuple[str, str], places: int, seconds: float) -> AsyncIterator[None]:
        self._under_way[key] += places
        try:
            await asyncio.sleep(seconds / self.speed)
            yield
        finally:
            self._under_way[key] -= places


def _app(request: Request) -> str:
    """The application, and the user it acts for, by the token as it claims; empty without one."""
    try:
        _, claims, _, _ = jws.read(request.bearer() or "")
    except jws.MalformedError:
        return ""
    user = f" {claims.get('oid', '')}" if claims.get("idtyp") == "user" else ""
    return f"{claims.get('appid', '')}{user}"


def _cost(request: Request) -> int:
    path = request.path.lower()
    cost = 2 if path == "/v1.0/users" else 1
    if path.startswith("/v1.0/groups/"):
        cost = 5 if "/transitivemembers" in path else 3 if "/members" in path else 1
    top = request.query("$top") or ""
    cost -= request.query("$select") is not None
    cost -= top.isdecimal() and int(top) < 20
    return max(1, cost)


def _batched_photos(request: Request) -> int:
    """How many photos (and other requests for mailboxes) a batch holds; 0 for what is no batch."""
    if not request.path.lower().endswith("/$batch"):
        return 0
    try:
        items = json.loads(request.body)["requests"]
        return sum(bool(_BATCHED.search(str(item["url"]))) for item in items)
    except (ValueError, KeyError, TypeError):
        return 0


def _crowded() -> Response:
    answer = graph_error(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
    return answer.with_headers(("Retry-After", "1"))


def _rate_limit(minute: Window, now: float) -> Headers:
    reset = minute.left(now)
    if minute.used < 0.8 * minute.limit:
        return ()
    return (
        ("RateLimit-Limit", str(minute.limit)),
        ("RateLimit-Remaining", str(minute.limit - minute.used)),
        ("RateLimit-Reset", _whole(reset)),
    )


def _whole(seconds: float) -> str:
    return str(max(1, math.ceil(seconds)))
