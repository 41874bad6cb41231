"""Tokens: asked for once, refreshed once, refusals in words, and nothing of them in any message."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from auditor.model import Reason
from auditor.services.errors import ServerFault, ServiceError, SignInRefused, Throttled, Unreachable
from auditor.services.http import Api, new_client
from auditor.services.msal_http import MOST_BYTES, MsalHttp
from auditor.services.tls import tls_context
from auditor.services.tokens import FixedToken, MsalTokens, app_tokens, delegated_tokens, explain

WIRE = Path(__file__).parents[1] / "wire"
PASSWORD = "hunter2~8Q~" + "s3cr3t" * 5
TENANT = "11111111-2222-3333-4444-555555555555"
TOKEN = "eyJhbGciOiJub25lIn0.topsecrettokenthatmustneverbeseen.signature"


def discovery(origin: str) -> bytes:
    base = f"{origin}/{TENANT}"
    return json.dumps(
        {
            "issuer": f"{base}/v2.0",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }
    ).encode()


def ask(server: Any, bundle: Path, audience: str = "https://graph.microsoft.com", times: int = 1) -> list[str]:
    connect = partial(new_client, tls_context(bundle))
    tokens = app_tokens(authority=server.origin, tenant_id=TENANT, client_id="app", connect=connect, secret=PASSWORD)

    async def work() -> list[str]:
        return list(await asyncio.gather(*(tokens.token(audience) for _ in range(times))))

    return asyncio.run(work())


def token_endpoint(server: Any, status: int, body: bytes) -> None:
    server.answers(
        lambda path, headers, number: (
            (200, {}, discovery(server.origin))
            if path.endswith("openid-configuration")
            else (status, {"Content-Type": "application/json"}, body)
        )
    )


def test_all_who_wait_for_a_token_share_one_request(start: Any, ca_bundle: Path) -> None:
    server = start()
    token_endpoint(
        server, 200, json.dumps({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}).encode()
    )
    assert set(ask(server, ca_bundle, times=20)) == {TOKEN}
    assert sum(path.endswith("/token") for path, _ in server.seen) == 1


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AADSTS7000215", "the client secret is wrong"),
        ("AADSTS700016", "does not know the app"),
        ("AADSTS90002", "no such tenant"),
        ("AADSTS65001", "nobody has consented"),
        ("AADSTS53003", "Conditional Access"),
        ("AADSTS700027", "certificate is not accepted"),
    ],
)
def test_entras_refusals_are_told_in_words(start: Any, ca_bundle: Path, code: str, told: str) -> None:
    server = start()
    token_endpoint(server, 401, json.dumps({"error": "invalid_client", "error_description": f"{code}: ..."}).encode())
    with pytest.raises(SignInRefused, match=told) as refused:
        ask(server, ca_bundle)
    assert refused.value.remedy
    assert PASSWORD not in str(refused.value)


def test_a_tenant_without_engage_is_its_own_reason() -> None:
    refusal = explain({"error_description": "AADSTS650052: The app needs access to a service"}, "the app", "yammer")
    assert refusal.reason == "engage_not_subscribed"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b'{"access_token": "' + TOKEN.encode() + b'", "exp', Unreachable),
        (200, b"<html>" + TOKEN.encode() + b"</html>", Unreachable),
        (200, b"[]", Unreachable),
        (429, b'{"error": "temporarily_unavailable"}', Throttled),
        (503, b"{}", ServiceError),
    ],
)
def test_a_broken_token_answer_is_no_refusal_and_is_never_printed(
    start: Any,
    ca_bundle: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    status: int,
    body: bytes,
    error: type[ServiceError],
) -> None:
    server = start()
    token_endpoint(server, status, body)
    with caplog.at_level(logging.DEBUG), pytest.raises(error) as raised:
        ask(server, ca_bundle)
    assert not isinstance(raised.value, SignInRefused)
    printed = capfd.readouterr()
    assert "topsecret" not in printed.out + printed.err + caplog.text + str(raised.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {}),
        (401, {"error_codes": []}),
        (503, {}),
        (400, {"error": "invalid_request", "error_description": "AADSTS90024: try again", "error_codes": [90024]}),
        (400, {"error": "invalid_request", "error_description": "", "error_codes": [90006]}),
        (401, {"error": "server_error", "error_description": "", "error_codes": []}),
        (400, {"error": "temporarily_unavailable", "error_description": "AADSTS99999999: new", "error_codes": []}),
    ],
)
def test_an_error_of_the_sign_in_service_that_passes_is_asked_again_whatever_its_status(
    start: Any, ca_bundle: Path, status: int, body: dict[str, Any]
) -> None:
    told = json.loads((WIRE / "identity" / "temporarily-unavailable.json").read_text()) | body
    server, failing = start(), [True]
    good = {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}

    def script(path: str, headers: dict[str, str], number: int) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("openid-configuration"):
            return 200, {}, discovery(server.origin)
        if path.endswith("/token"):
            asked.append(path)
            return (status, {}, json.dumps(told).encode()) if failing[0] else (200, {}, json.dumps(good).encode())
        return 200, {"Content-Type": "application/json"}, b"{}"

    asked: list[str] = []
    server.answers(script)

    async def work() -> int:
        client, connect = new_client(tls_context(ca_bundle)), partial(new_client, tls_context(ca_bundle))
        tokens = app_tokens(
            authority=server.origin, tenant_id=TENANT, client_id="app", connect=connect, secret=PASSWORD
        )

        async def sleep(_: float) -> None:
            failing[0] = len(asked) < 3

        try:
            return (
                await Api(server.origin, client, tokens, "https://graph.microsoft.com", sleep=sleep).get("/x")
            ).status
        finally:
            await client.aclose()

    assert asyncio.run(work()) == 200
    assert len(asked) == 4


def test_an_error_of_the_sign_in_service_that_passes_and_stays_is_no_refusal(start: Any, ca_bundle: Path) -> None:
    server = start()
    token_endpoint(server, 400, (WIRE / "identity" / "temporarily-unavailable.json").read_bytes())
    with pytest.raises(ServerFault):
        ask(server, ca_bundle)


def test_a_refusal_that_repeats_what_was_sent_shows_no_secret(start: Any, ca_bundle: Path) -> None:
    server = start()

    def script(path: str, headers: dict[str, str], number: int) -> Any:
        if path.endswith("openid-configuration"):
            return 200, {"Content-Type": "application/json"}, discovery(server.origin)
        sent = {"error": f"for {PASSWORD}", "error_description": f"{PASSWORD} or {server.bodies[-1].decode()} is wrong"}
        return 401, {"Content-Type": "application/json"}, json.dumps(sent).encode()

    server.answers(script)
    with pytest.raises(SignInRefused) as refused:
        ask(server, ca_bundle)
    told = f"{refused.value} {refused.value.remedy}"
    assert "is wrong" in told
    assert "(secret)" in told
    assert PASSWORD not in told
    assert quote(PASSWORD) not in told


def test_the_sign_in_service_is_waited_for_so_long_and_no_longer(start: Any, ca_bundle: Path) -> None:
    server, enough = start(), threading.Event()
    server.answers(lambda path, headers, number: (200, {}, b"{}") if enough.wait(60) else (500, {}, b""))
    try:
        with pytest.raises(Unreachable, match="did not answer within"):
            MsalHttp(partial(new_client, tls_context(ca_bundle)), server.origin, within=0.2).get(f"{server.origin}/x")
    finally:
        enough.set()


def test_an_answer_of_the_sign_in_service_without_end_is_given_up(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, headers, number: (200, {}, b'{"a": "' + b"x" * MOST_BYTES))
    with pytest.raises(Unreachable, match=f"more than {MOST_BYTES} bytes"):
        MsalHttp(partial(new_client, tls_context(ca_bundle)), server.origin).get(f"{server.origin}/x")


def test_a_refusal_is_remembered_and_not_asked_for_again() -> None:
    asked = []

    def acquire(scopes: list[str], again: bool) -> dict[str, Any]:
        asked.append(scopes)
        return {"error": "invalid_client", "error_description": "AADSTS7000215: no"}

    tokens = MsalTokens(acquire, who="the app")

    async def work() -> None:
        for _ in range(3):
            with pytest.raises(SignInRefused):
                await tokens.token("https://graph.microsoft.com")

    asyncio.run(work())
    assert asked == [["https://graph.microsoft.com/.default"]]


def test_a_token_is_replaced_when_it_ends_or_when_an_old_one_is_refused() -> None:
    now, given = 0.0, iter(["one", "two", "three"])

    def acquire(scopes: list[str], again: bool) -> dict[str, Any]:
        return {"access_token": next(given), "expires_in": 3600}

    tokens = MsalTokens(acquire, who="the app", clock=lambda: now)

    async def work() -> list[str]:
        nonlocal now
        seen = [await tokens.token("a"), await tokens.token("a", instead_of="one")]
        now = 120.0
        seen.append(await tokens.token("a", instead_of="one"))
        now = 4000.0
        seen.append(await tokens.token("a"))
        return seen

    # A token that is only just born is not replaced: its refusal is not about its age.
    assert asyncio.run(work()) == ["one", "one", "two", "three"]


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"two words", b"\xff\xfe"])
def test_a_token_file_without_a_token_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SignInRefused, match=r"token\.txt"):
        asyncio.run(FixedToken(file).token("https://www.yammer.com"))


def test_a_token_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    file.write_text("one\n")
    tokens = FixedToken(file)
    assert asyncio.run(tokens.token("a")) == "one"
    file.write_text("two\n")
    assert asyncio.run(tokens.token("a")) == "two"


@pytest.mark.parametrize("name", ["expires_in", "ext_expires_in", "refresh_in"])
@pytest.mark.parametrize(
    "value", ["Infinity", "NaN", "-1", "1e400", '"soon"', "[]", "{}", "null", "9" * 400, '"\\u0661"']
)
def test_a_lifetime_that_is_no_number_is_no_answer_of_a_sign_in_service(
    start: Any, ca_bundle: Path, name: str, value: str
) -> None:
    server = start()
    token_endpoint(server, 200, f'{{"access_token": "{TOKEN}", "token_type": "Bearer", "{name}": {value}}}'.encode())
    with pytest.raises(Unreachable) as refused:
        ask(server, ca_bundle)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("token", ["a\r\nX-Other: b", "a b", "t\u00f6ken", "\ud800", "", "a\x00"])
def test_a_token_that_no_header_can_hold_is_no_answer_of_a_sign_in_service(
    start: Any, ca_bundle: Path, token: str
) -> None:
    server = start()
    token_endpoint(server, 200, json.dumps({"access_token": token, "expires_in": 3600}).encode())
    with pytest.raises(Unreachable):
        ask(server, ca_bundle)


# -- a person who signs in -----------------------------------------------------------------------------------------


def person(server: Any, bundle: Path, folder: Path, told: list[str], refused: dict[str, object]) -> list[str]:
    """The tokens of a person for two audiences; the refresh token of the first sign-in is answered with `refused`."""
    info = base64.urlsafe_b64encode(b'{"uid": "u", "utid": "t"}').decode()

    def script(path: str, _headers: dict[str, str], number: int) -> tuple[int, dict[str, str], bytes]:
        kind = {"Content-Type": "application/json"}
        if path.endswith("openid-configuration"):
            return 200, kind, discovery(server.origin)
        if path.endswith("/devicecode"):
            flow = {"device_code": "d", "user_code": "u", "message": "enter the code", "expires_in": 900, "interval": 1}
            return 200, kind, json.dumps(flow).encode()
        if b"grant_type=refresh_token" in server.bodies[-1]:
            return 400, kind, json.dumps(refused).encode()
        got = {"access_token": TOKEN, "refresh_token": "r", "expires_in": 3599, "client_info": info}
        return 200, kind, json.dumps(got | {"token_type": "Bearer", "scope": f"s{number}"}).encode()

    server.answers(script)
    tokens = delegated_tokens(
        authority=server.origin, tenant_id=TENANT, client_id="app", method="device_code",
        connect=partial(new_client, tls_context(bundle)),
        cache_file=folder / "file-where-a-folder-is-needed" / "cache.bin", tell=told.append,
    )  # fmt: skip
    (folder / "file-where-a-folder-is-needed").touch()

    async def both() -> list[str]:
        return [await tokens.token(f"https://{name}.example") for name in ("graph", "outlook")]

    return asyncio.run(both())


def refusal_of(code: int) -> dict[str, object]:
    return {"error": "invalid_grant", "error_description": f"AADSTS{code}: ...", "error_codes": [code]}


def test_who_lacks_consent_for_one_service_is_not_asked_to_sign_in_again(
    start: Any, ca_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    told: list[str] = []
    with pytest.raises(SignInRefused, match="AADSTS65001") as refused:
        person(start(), ca_bundle, tmp_path, told, refusal_of(65001))
    assert told == ["enter the code"]
    assert refused.value.reason == Reason.PERMISSION_MISSING


def test_whose_sign_in_has_ended_signs_in_anew(
    start: Any, ca_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    told: list[str] = []
    assert person(start(), ca_bundle, tmp_path, told, refusal_of(700082)) == [TOKEN, TOKEN]
    assert told == ["enter the code"] * 2


def test_services_that_ask_at_once_wait_for_one_sign_in() -> None:
    """Two at a time would meet at the barrier; one alone breaks it."""
    barrier, met = threading.Barrier(2), list[bool]()

    def acquire(scopes: list[str], _again: bool) -> dict[str, Any]:
        try:
            barrier.wait(0.2)
            met.append(True)
        except threading.BrokenBarrierError:
            barrier.reset()
        return {"access_token": scopes[0], "expires_in": 3599}

    tokens = MsalTokens(acquire, who="the app", one_sign_in=True)

    async def both() -> list[str]:
        return list(await asyncio.gather(tokens.token("https://a.example"), tokens.token("https://b.example")))

    assert asyncio.run(both()) == ["https://a.example/.default", "https://b.example/.default"]
    assert met == []
