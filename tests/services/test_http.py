"""One way to send a request: patient, bounded, and a token only where it belongs. Over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.services.errors import (
    BadAnswer,
    Damaged,
    HostRefused,
    ServerFault,
    ServiceError,
    Throttled,
    TooLarge,
    Unreachable,
)
from auditor.services.gate import BEYOND_CONFIRMED
from auditor.services.http import ATTEMPTS, Api, BadProxy, Web, new_client, retry_after
from auditor.services.retries import LONGEST_WAIT, http_date
from auditor.services.tls import tls_context
from tests.services.conftest import Server


class Tokens:
    """Gives t1, and t2 instead of a refused t1."""

    async def token(self, audience: str, *, instead_of: str | None = None) -> str:
        return "t2" if instead_of == "t1" else "t1"


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


LONG = "eyJhbGciOiJub25lIn0.a-token-that-nobody-may-see.signature"


class LongToken:
    """Gives a token as long as they are."""

    async def token(self, audience: str, *, instead_of: str | None = None) -> str:
        return LONG


def run(work: Callable[[Callable[..., Api]], Awaitable[Any]], ca_bundle: Path, clock: Clock | None = None) -> Any:
    async def inside() -> Any:
        context = tls_context(ca_bundle)
        clients = []
        time = clock or Clock()

        def api(server: Server | str, **more: Any) -> Api:
            client = new_client(context)
            clients.append(client)
            origin = server if isinstance(server, str) else server.origin
            return Api(origin, client, sleep=time.sleep, clock=time, **more)

        try:
            return await work(api)
        finally:
            for client in clients:
                await client.aclose()

    return asyncio.run(inside())


def test_an_answer_that_repeats_the_token_it_was_asked_with_is_read_without_it(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(
        lambda path, headers, number: (
            400, {"ETag": f'"{LONG}"', "Content-Type": "application/json"},
            b'{"error": {"code": "Bad %s", "message": "you sent %s"}}' % ((headers["authorization"].encode(),) * 2),
        )
    )  # fmt: skip

    async def work(api: Callable[..., Api]) -> Any:
        return await api(server, tokens=LongToken()).get("/x")

    answer = run(work, ca_bundle)
    assert server.seen[0][1]["authorization"] == f"Bearer {LONG}"
    assert answer.body == b'{"error": {"code": "Bad Bearer (secret)", "message": "you sent Bearer (secret)"}}'
    assert answer.headers["etag"] == '"(secret)"'


def test_an_answer_comes_back_whole(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, headers, number: (200, {"ETag": '"1"', "Content-Type": "Image/JPEG; q=1"}, b"bytes"))
    answer = run(lambda api: api(server).get("/photo"), ca_bundle)
    assert (answer.status, answer.body, answer.headers["etag"], answer.content_type) == (
        200,
        b"bytes",
        '"1"',
        "image/jpeg",
    )


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(start: Any, ca_bundle: Path, status: int) -> None:
    server = start()
    server.answers(lambda path, headers, number: (status if number < 3 else 200, {}, b"done"))
    assert run(lambda api: api(server).get("/"), ca_bundle).body == b"done"
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 404, 410])
def test_an_answer_that_another_try_would_not_change_is_not_asked_for_again(
    start: Any, ca_bundle: Path, status: int
) -> None:
    server = start()
    server.answers(lambda path, headers, number: (status, {}, b""))
    assert run(lambda api: api(server).get("/"), ca_bundle).status == status
    assert len(server.seen) == 1


def test_retry_after_is_waited_for_by_everyone_who_talks_to_the_origin(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (429, {"Retry-After": "120"}, b"") if number == 1 else (200, {}, b""))

    async def work(api: Callable[..., Api]) -> None:
        one = api(server)
        await one.get("/first")
        await one.get("/second")

    run(work, ca_bundle, clock)
    assert sum(clock.slept) >= 120
    assert len(server.seen) == 3


def test_a_wait_longer_than_the_run_may_wait_is_believed_when_it_is_repeated_and_then_ends_for_everyone(
    start: Any, ca_bundle: Path
) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (429, {"Retry-After": "86400"}, b""))

    async def work(api: Callable[..., Api]) -> None:
        one = api(server)
        for path in ("/first", "/second", "/third"):
            with pytest.raises(Throttled):
                await one.get(path)

    run(work, ca_bundle, clock)
    assert [path for path, _ in server.seen] == ["/first"] * BEYOND_CONFIRMED
    assert sum(clock.slept) < 6


def test_a_single_nonsensical_wait_costs_nobody_an_answer(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(
        lambda path, headers, number: (503, {"Retry-After": "99999999"}, b"") if number == 1 else (200, {}, b"done")
    )
    assert run(lambda api: api(server).get("/"), ca_bundle).body == b"done"


def test_a_service_that_always_fails_ends_as_a_fault_of_the_server(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, headers, number: (502, {}, b""))
    with pytest.raises(ServerFault):
        run(lambda api: api(server).get("/"), ca_bundle)


def test_a_dead_port_is_unreachable_and_named(ca_bundle: Path) -> None:
    with pytest.raises(Unreachable, match=r"https://127\.0\.0\.1:1"):
        run(lambda api: api("https://127.0.0.1:1").get("/"), ca_bundle)


def test_a_body_that_breaks_off_is_tried_again_and_never_taken_for_whole(start: Any, ca_bundle: Path) -> None:
    server = start()

    def script(path: str, headers: dict[str, str], number: int) -> tuple[int, dict[str, str], bytes]:
        short = {"Content-Length": "100", "Connection": "close"}
        return (200, short, b"half") if number == 1 else (200, {}, b"whole")

    def closing(path: str, headers: dict[str, str], number: int) -> tuple[int, dict[str, str], bytes]:
        status, sent, body = script(path, headers, number)
        return status, sent, body

    server.answers(closing)
    assert run(lambda api: api(server).get("/"), ca_bundle).body == b"whole"


@pytest.mark.parametrize("spoilt", range(1, ATTEMPTS + 1))
def test_an_answer_that_was_no_use_is_told_and_not_the_connections_that_broke_at_other_attempts(
    start: Any, ca_bundle: Path, spoilt: int
) -> None:
    server, broken = start(), (200, {"Content-Length": "100", "Connection": "close"}, b"half")
    no_gzip = (200, {"Content-Encoding": "gzip"}, b"no gzip")
    server.answers(lambda path, headers, number: no_gzip if number == spoilt else broken)
    with pytest.raises(Damaged):
        run(lambda api: api(server).get("/"), ca_bundle)


def test_more_bytes_than_allowed_are_not_read(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, headers, number: (200, {}, b"x" * 5000))
    with pytest.raises(TooLarge):
        run(lambda api: api(server).get("/", max_bytes=4999), ca_bundle)


def test_a_compressed_body_counts_by_what_it_unpacks_to(start: Any, ca_bundle: Path) -> None:
    server = start()
    bomb = gzip.compress(b"0" * 5_000_000)
    server.answers(lambda path, headers, number: (200, {"Content-Encoding": "gzip"}, bomb))
    with pytest.raises(TooLarge):
        run(lambda api: api(server).get("/", max_bytes=1_000_000), ca_bundle)


def test_a_body_that_cannot_be_unpacked_is_asked_for_again_and_never_believed(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, headers, number: (200, {"Content-Encoding": "gzip"}, b"no gzip"))
    with pytest.raises(Damaged):
        run(lambda api: api(server).get("/"), ca_bundle)
    assert len(server.seen) == ATTEMPTS


def test_a_refused_token_is_replaced_once_and_a_refusal_is_believed_when_it_is_repeated(
    start: Any, ca_bundle: Path
) -> None:
    server = start()
    server.answers(lambda path, headers, number: (200 if headers.get("authorization") == "Bearer t2" else 401, {}, b""))
    assert run(lambda api: api(server, tokens=Tokens(), audience="a").get("/"), ca_bundle).status == 200
    server.answers(lambda path, headers, number: (401, {}, b""))
    assert run(lambda api: api(server, tokens=Tokens(), audience="a").get("/"), ca_bundle).status == 401
    assert [sent["authorization"] for _, sent in server.seen] == ["Bearer t1", "Bearer t2", "Bearer t1"]


def test_an_absolute_url_of_another_origin_is_never_asked(start: Any, ca_bundle: Path) -> None:
    server, other = start(), start()
    other.answers(lambda path, headers, number: (200, {}, b""))
    with pytest.raises(HostRefused):
        run(lambda api: api(server, tokens=Tokens(), audience="a").get(other.origin + "/steal"), ca_bundle)
    assert other.seen == []


def test_a_redirect_to_an_allowed_origin_is_followed_without_the_first_ones_token(start: Any, ca_bundle: Path) -> None:
    api_server, pictures = start(), start()
    api_server.answers(lambda path, headers, number: (302, {"Location": pictures.origin + "/p.jpg"}, b""))
    pictures.answers(lambda path, headers, number: (200, {}, b"picture"))

    async def work(api: Callable[..., Api]) -> Any:
        web = Web({api_server.origin: api(api_server, tokens=Tokens(), audience="a")}, (pictures.origin,), api)
        return await web.fetch(api_server.origin + "/photo")

    assert run(work, ca_bundle).body == b"picture"
    assert api_server.seen[0][1]["authorization"] == "Bearer t1"
    assert "authorization" not in pictures.seen[0][1]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:9/x",
        "file:///etc/passwd",
        "https://user@127.0.0.1:9/x",
        "//127.0.0.1:9/x",
        "https://evil.example/x",
    ],
)
def test_a_redirect_anywhere_else_is_refused(start: Any, ca_bundle: Path, location: str) -> None:
    server = start()
    server.answers(lambda path, headers, number: (302, {"Location": location}, b""))

    async def work(api: Callable[..., Api]) -> Any:
        return await Web({server.origin: api(server, tokens=Tokens(), audience="a")}).fetch(server.origin + "/photo")

    with pytest.raises(HostRefused):
        run(work, ca_bundle)
    assert len(server.seen) == 1


def test_redirects_that_never_end_are_given_up(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, headers, number: (302, {"Location": "/again"}, b""))

    async def work(api: Callable[..., Api]) -> Any:
        return await Web({server.origin: api(server)}).fetch(server.origin + "/photo")

    with pytest.raises(BadAnswer):
        run(work, ca_bundle)


def test_cookies_are_never_sent_back(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, headers, number: (200, {"Set-Cookie": "track=1"}, b""))

    async def work(api: Callable[..., Api]) -> None:
        one = api(server)
        await one.get("/")
        await one.get("/")

    run(work, ca_bundle)
    assert "cookie" not in server.seen[1][1]


@pytest.mark.parametrize(("at_once", "meet"), [(2, False), (3, True)])
def test_no_more_requests_are_under_way_than_allowed(start: Any, ca_bundle: Path, at_once: int, meet: bool) -> None:
    """Three requests that wait for one another can only meet where three are let through."""
    server, together = start(), threading.Barrier(3)
    met: list[bool] = []

    def script(path: str, headers: dict[str, str], number: int) -> tuple[int, dict[str, str], bytes]:
        try:
            together.wait(timeout=0.5)
            met.append(True)
        except threading.BrokenBarrierError:
            met.append(False)
        return 200, {}, b""

    server.answers(script)

    async def work(api: Callable[..., Api]) -> None:
        one = api(server, concurrency=at_once)
        await asyncio.gather(*(one.get(f"/{number}") for number in range(9)))

    run(work, ca_bundle)
    assert len(met) == 9
    assert any(met) is meet


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("315", 315.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 23 Nov 2026 10:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 10:00:30", 30.0),
        ("Mon, 23 Nov 2026 10:00:30 -0000", 30.0),
        ("1_0", None),
        ("1e3", None),
        ("9" * 10_000, None),
        ("99999999", None),
        ("\u0661\u0662", None),
        ("\uff17", None),
        ("7\x00", None),
        ("7\n7", None),
        ("\x1b[2J7", None),
        ("Mon, 23 Nov 99999 10:00:30 GMT", None),
        ("Mon, 23 Nov 9999 10:00:30 GMT", None),
        ("Mon, 23 Nov \u0662\u0660\u0662\u0666 10:00:30 GMT", None),
        ("Mon, 23 Nov 2026 10:00:30 +" + "9" * 5_000, None),
        ("Mon, " + "2" * 5_000 + " Nov 2026 10:00:30 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 +1400", 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=1795428000.0) == seconds


PIECES = st.one_of(
    st.sampled_from(
        ["Mon,", "Jan", "GMT", "EST", "+0000", "-0000", "+9999", "2026", "99999", "00:00:00", "24:60:61", ":"]
    ),
    st.integers(-10, 10**30).map(str),
    st.integers(1, 5_000).map("9".__mul__),
    st.text(alphabet="0123456789\u0663\u00b2\uff11:,-+ \t\x00\x1b", max_size=12),
    st.text(max_size=6),
)
HEADER_VALUES = st.tuples(st.lists(PIECES, max_size=8), st.sampled_from(["", " "])).map(
    lambda drawn: drawn[1].join(drawn[0])
)


@settings(max_examples=600, deadline=None)
@given(HEADER_VALUES, st.floats(-1e12, 1e12))
def test_no_retry_after_whatever_it_says_raises_or_asks_for_less_than_nothing_or_more_than_a_month(
    value: str, now: float
) -> None:
    seconds = retry_after(value, now=now)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT
    moment = http_date(value)
    assert moment is None or abs(moment) < 1e12


@pytest.mark.parametrize(
    "value", ["9" * 10_000, "Fri, 31 Dec 99999 23:59:59 GMT", "\u0661\u0662", "31 Dec " + "1" * 5_000]
)
@pytest.mark.parametrize("status", [429, 503])
def test_headers_beyond_reason_cost_a_request_no_more_than_absent_ones(
    start: Any, ca_bundle: Path, status: int, value: str
) -> None:
    server, clock = start(), Clock()
    said = value.encode().decode("latin-1")
    absurd = dict.fromkeys(
        ("Retry-After", "Date", "Last-Modified", "ETag", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
         "x-ms-throttle-limit-percentage", "x-ms-throttle-scope"), said,
    )  # fmt: skip
    server.answers(lambda path, headers, number: (status if number == 1 else 200, absurd, b"{}"))
    assert run(lambda api: api(server).get("/"), ca_bundle, clock).status == 200
    assert len(server.seen) == 2
    assert sum(clock.slept) < 60


@pytest.mark.parametrize("length", ["9" * 10_000, "-1", "+2", "2, 3", "\u0662", "0x2", "1e1", ""])
def test_a_content_length_that_is_none_is_a_connection_that_broke(start: Any, ca_bundle: Path, length: str) -> None:
    server, clock = start(), Clock()
    said = {"Content-Length": length.encode().decode("latin-1")}
    server.answers(lambda path, headers, number: (200, said if number == 1 else {}, b"{}"))
    assert run(lambda api: api(server).get("/"), ca_bundle, clock).body == b"{}"
    assert len(server.seen) == 2
    assert sum(clock.slept) < 60


def test_a_refused_token_at_the_last_attempt_is_still_replaced(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(
        lambda path, headers, number: (
            (503, {}, b"") if number < 5 else (200 if headers.get("authorization") == "Bearer t2" else 401, {}, b"")
        )
    )
    assert run(lambda api: api(server, tokens=Tokens(), audience="a").get("/"), ca_bundle).status == 200


@pytest.mark.parametrize("location", ["https://[bad", "https://" + "x" * 70_000, "https://a..b/\x7f"])
def test_a_redirect_that_no_client_can_follow_is_refused(start: Any, ca_bundle: Path, location: str) -> None:
    server = start()
    server.answers(lambda path, headers, number: (302, {"Location": location}, b""))

    async def work(api: Callable[..., Api]) -> Any:
        return await Web({server.origin: api(server)}).fetch(server.origin + "/photo")

    with pytest.raises(ServiceError):
        run(work, ca_bundle)


def test_an_address_that_httpx_cannot_ask_is_refused_and_no_crash(start: Any, ca_bundle: Path) -> None:
    server = start()
    with pytest.raises(HostRefused):
        run(lambda api: api(server).get("/" + "x" * 70_000), ca_bundle)


def test_throttling_without_a_retry_after_outlasts_a_window_of_ten_seconds(start: Any, ca_bundle: Path) -> None:
    server, clock = start(), Clock()
    server.answers(lambda path, headers, number: (429, {}, b"") if clock.now < 10 else (200, {}, b""))
    assert run(lambda api: api(server).get("/"), ca_bundle, clock).status == 200


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "nonsense://x"])
def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, ca_bundle: Path, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(BadProxy, match="HTTPS_PROXY"):
        new_client(tls_context(ca_bundle))
