"""When a service throttles: everyone waits, one goes first, and nobody waits longer than a run may."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from auditor.services.errors import Damaged, ServerFault, Throttled
from auditor.services.http import Answer, Api, new_client
from auditor.services.pacing import Limit, Pace
from auditor.services.retries import ATTEMPTS, USER_FAILURES, Budget, full_jitter, one_user, throttle_wait
from auditor.services.tls import tls_context
from auditor.services.whole import json_answer, picture_answer
from tests.services.clocks import Clock
from tests.services.conftest import Reply, Server

JSON = {"Content-Type": "application/json"}


def run(work: Callable[[Api], Awaitable[Any]], server: Server, bundle: Path, clock: Clock, **more: Any) -> Any:
    async def inside() -> Any:
        client = new_client(tls_context(bundle))
        try:
            return await work(Api(server.origin, client, sleep=clock.sleep, clock=clock, **more))
        finally:
            await client.aclose()

    return asyncio.run(inside())


def test_after_a_refusal_a_single_probe_goes_first_and_only_its_success_lets_others_through(
    start: Any, ca_bundle: Path
) -> None:
    server, clock = start(), Clock()
    lock, together = threading.Lock(), threading.Barrier(4)
    inside, crowd = 0, []

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        nonlocal inside
        if number <= 4:
            together.wait(5)
            return 429, {"Retry-After": "30"}, b""
        with lock:
            inside += 1
            crowd.append(inside)
        threading.Event().wait(0.03)  # long enough for whoever else was let through to arrive
        with lock:
            inside -= 1
        return 200, {}, b""

    server.answers(script)

    async def work(api: Api) -> None:
        await asyncio.gather(*(api.get(f"/{number}") for number in range(12)))

    run(work, server, ca_bundle, clock, concurrency=4)
    assert len(server.seen) == 4 + 12
    assert crowd[0] == 1
    assert crowd[1] <= 2
    assert max(crowd) > 2
    assert clock.now >= 30


def test_one_accident_among_answers_is_no_rule_and_slows_nobody_down(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (429 if number % 10 == 5 else 200, {"Retry-After": "1"}, b""))

    async def work(api: Api) -> float | None:
        for number in range(60):
            await api.get(f"/{number}")
        return api.pace.rate

    assert run(work, server, ca_bundle, clock) is None


def test_refusals_now_and_then_teach_no_rate_and_hold_eight_workers_up_for_their_waits_alone(
    start: Any, ca_bundle: Path
) -> None:
    server, clock = start(), Clock()
    chance = random.Random(7)
    # One in twelve, never three of the eight that are under way; by path, for no seed decides who arrives first.
    unlucky = {f"/{block + chance.randrange(12)}" for block in range(0, 792, 12)}
    refused = len(unlucky)

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        if path not in unlucky:
            return 200, {}, b""
        unlucky.discard(path)
        return 429, {"Retry-After": "1"}, b""

    server.answers(script)

    async def work(api: Api) -> float | None:
        await asyncio.gather(*(api.get(f"/{number}") for number in range(800)))
        return api.pace.rate

    assert run(work, server, ca_bundle, clock) is None
    assert refused > 30
    assert clock.now <= 1.5 * refused


def test_a_quota_that_is_used_up_refuses_all_that_comes_after_and_teaches_its_rate(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    together = threading.Barrier(8)

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        if 40 < number <= 48:
            together.wait(5)
            return 429, {"Retry-After": "1"}, b""
        return 200, {}, b""

    server.answers(script)

    async def work(api: Api) -> float | None:
        for number in range(40):
            await clock.sleep(0.05)
            await api.get(f"/{number}")
        await asyncio.gather(*(api.get(f"/{number}") for number in range(8)))
        return api.pace.rate

    rate = run(work, server, ca_bundle, clock)
    assert rate is not None
    assert rate < 22  # twenty a second were granted


@pytest.mark.parametrize(
    ("waits", "least", "most"),
    [
        (["31536000"], 0.5, 0.7),  # one mailbox may be told a year, and nobody else waits for it
        (["31536000", "20"], 20, 20),
        (["3", None, "garbage"], 3, 3),
        (["999999"], 0.5, 0.7),
        ([], 0.5, 0.7),
    ],
)
def test_throttled_items_of_a_batch_hold_everyone_up_for_the_longest_sensible_wait(
    start: Any, ca_bundle: Path, waits: list[str | None], least: float, most: float
) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (200, {}, b""))

    async def work(api: Api) -> None:
        api.throttled({} if wait is None else {"retry-after": wait} for wait in waits)
        await api.get("/")

    run(work, server, ca_bundle, clock)
    assert least <= clock.now <= most


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("900", 900, 960),
        ("0", 0, 1),
        ("-5", 0, 1),
        ("garbage", 0.5, 0.7),
        (None, 0.5, 0.7),
        ("in ten minutes", 580, 640),
        (formatdate(999_000_000, usegmt=True), 0, 1),
        ("1e400", 0.5, 0.7),
    ],
)
def test_a_wait_is_as_long_as_the_service_asks_whatever_form_it_has(
    start: Any, ca_bundle: Path, value: str | None, least: float, most: float
) -> None:
    server, clock = start(), Clock()
    if value == "in ten minutes":
        value = formatdate(time.time() + 600, usegmt=True)
    sent = {} if value is None else {"Retry-After": value}
    server.answers(lambda path, headers, number: (429, sent, b"") if number == 1 else (200, {}, b""))
    # The server tells its own Date, and that counts: this machine's clock is years off.
    run(lambda api: api.get("/"), server, ca_bundle, clock, wall=lambda: 5.0)
    assert least <= clock.now <= most


def test_waits_in_all_are_bounded_by_the_runs_budget(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (429, {"Retry-After": "400"}, b"") if number % 2 else (200, {}, b""))

    async def work(api: Api) -> int:
        done = 0
        while True:
            await api.get("/")
            done += 1

    with pytest.raises(Throttled) as ended:
        run(work, server, ca_bundle, clock, budget=Budget(1000, 1000.0))
    assert "network.patience" in ended.value.remedy
    assert clock.now <= 1000


def test_a_zero_that_never_helps_is_not_believed_for_ever(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (429, {"Retry-After": "0"}, b"") if clock.now < 10 else (200, {}, b""))
    assert run(lambda api: api.get("/"), server, ca_bundle, clock).status == 200
    assert len(server.seen) < 10


def test_back_off_is_full_jitter_and_never_grows_beyond_its_cap() -> None:
    assert [full_jitter(attempt, lambda low, high: high) for attempt in (0, 1, 2, 9, 5000)] == [0.5, 1, 2, 20, 20]
    assert full_jitter(3, lambda low, high: low) == 0
    assert throttle_wait(0, lambda low, high: low) == 0.5
    assert throttle_wait(5000, lambda low, high: high) == 80


def test_a_users_budget_is_shared_by_all_that_is_asked_for_that_user(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (500, {}, b""))

    async def work(api: Api) -> None:
        with one_user():
            for number in range(40):
                with pytest.raises(ServerFault):
                    await api.get(f"/{number}")

    run(work, server, ca_bundle, clock)
    # Each request is sent once all the same; what it may not do any more is try again.
    assert len(server.seen) == USER_FAILURES + 40 - USER_FAILURES // ATTEMPTS


def test_what_fails_without_end_is_not_tried_again_for_everyone(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (500, {}, b""))

    async def work(api: Api) -> None:
        for number in range(20):
            with pytest.raises(ServerFault):
                await api.get(f"/{number}")

    run(work, server, ca_bundle, clock, budget=Budget(30, 3600.0))
    assert len(server.seen) == 30 + 20 - 30 // ATTEMPTS


@pytest.mark.parametrize(
    "bad",
    [
        (200, {"Content-Type": "text/html"}, b"<html>sign in</html>"),
        (200, {}, b"<!DOCTYPE html><title>Sign in</title>"),
        (200, JSON, b'{"value": [1, 2'),
        (200, JSON, b""),
        (200, {"Content-Type": "image/png"}, b"{}"),
        (404, {"Content-Type": "text/html"}, b"<html>not found</html>"),
        (404, JSON, b'{"error": {"code": "Im'),
        (404, JSON, b""),
        (200, {**JSON, "Content-Length": "100", "Connection": "close"}, b"{}"),
    ],
)
def test_an_answer_that_is_not_whole_is_asked_for_again_and_never_believed(
    start: Any, ca_bundle: Path, bad: Reply
) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: bad if number < 3 else (200, JSON, b"{}"))
    assert run(lambda api: api.get("/", whole=json_answer), server, ca_bundle, clock).body == b"{}"
    assert len(server.seen) == 3


def test_a_page_in_an_answers_place_every_time_is_a_passing_fault(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (404, {"Content-Type": "text/html"}, b"<html>proxy</html>"))
    with pytest.raises(Damaged, match="404 with a web page"):
        run(lambda api: api.get("/secret?key=1", whole=json_answer), server, ca_bundle, clock)


@pytest.mark.parametrize(("status", "body"), [(404, b"{}"), (400, b'{"error":{}}'), (410, b"gone")])
def test_a_whole_refusal_is_believed_at_once(start: Any, ca_bundle: Path, status: int, body: bytes) -> None:
    server, clock = start(), Clock()
    sent = {} if body == b"gone" else JSON
    server.answers(lambda path, headers, number: (status, sent, body))
    assert run(lambda api: api.get("/", whole=json_answer), server, ca_bundle, clock).status == status
    assert len(server.seen) == 1


def test_a_picture_under_any_name_is_a_picture_and_a_text_is_none() -> None:
    def told(status: int, kind: str, body: bytes) -> bool:
        return picture_answer(Answer("https://x/", status, {"content-type": kind}, body)) is not None

    assert not told(200, "text/plain", b"\xff\xd8\xff\xe0 and so on")
    assert not told(200, "application/octet-stream", b"anything")
    assert told(200, "text/plain", b"Time-Limited URL validation failed")
    assert told(200, "image/jpeg", b"")
    assert told(404, "text/html", b"<html>")
    assert not told(403, "text/html", b"<html>")


def test_a_single_403_is_heard_twice_before_it_is_believed(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (403 if number == 1 else 200, {}, b"done"))
    assert run(lambda api: api.get("/"), server, ca_bundle, clock).body == b"done"
    server.answers(lambda path, headers, number: (403, {}, b""))
    assert run(lambda api: api.get("/"), server, ca_bundle, clock).status == 403
    assert len(server.seen) == 2


def test_a_published_limit_is_kept_before_anyone_is_refused(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    times: list[float] = []

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        times.append(clock.now)
        return 200, {}, b""

    server.answers(script)

    async def work(api: Api) -> None:
        for number in range(45):
            await api.get(f"/{number}")

    run(work, server, ca_bundle, clock, pace=Pace((Limit(10, 10),)))
    assert max(sum(1 for moment in times if begin <= moment < begin + 10) for begin in times) <= 10
    assert clock.now <= 50


def test_what_remains_of_a_window_is_not_exceeded(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    window = {"RateLimit-Limit": "100", "RateLimit-Reset": "40"}
    left = [3]

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        if clock.now < 40:
            left[0] -= 1
        return (200 if left[0] >= 0 else 429), window | {"RateLimit-Remaining": str(max(left[0], 0))}, b""

    server.answers(script)

    async def work(api: Api) -> int:
        for number in range(5):
            await api.get(f"/{number}")
        return api.counts.throttled

    assert run(work, server, ca_bundle, clock) == 0
    assert clock.now >= 40
