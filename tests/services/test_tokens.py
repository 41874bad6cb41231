"""Tokens: asked for once, refreshed once, refusals in words, and nothing of them in any message."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from auditor.services.errors import ServiceError, SignInRefused, Throttled, Unreachable
from auditor.services.http import new_sync_client
from auditor.services.tls import tls_context
from auditor.services.tokens import FixedToken, MsalTokens, app_tokens, explain

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
    client = new_sync_client(tls_context(bundle))
    tokens = app_tokens(
        authority=server.origin, tenant_id=TENANT, client_id="app", http_client=client, secret="hunter2"
    )

    async def work() -> list[str]:
        return list(await asyncio.gather(*(tokens.token(audience) for _ in range(times))))

    try:
        return asyncio.run(work())
    finally:
        client.close()


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
    assert "hunter2" not in str(refused.value)


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
