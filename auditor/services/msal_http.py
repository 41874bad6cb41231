"""The HTTP that msal speaks: to the authority alone, bounded in bytes and seconds, and no secret in an error.

msal is synchronous and runs in a thread. Each of its few questions gets a connection and an event loop of its own, so
that one deadline holds for all of it: a client that only limits single reads waits for ever where bytes drip.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from auditor.model import Reason
from auditor.services.errors import ServerFault, SignInRefused, Throttled, Unreachable
from auditor.services.origins import BadOrigin, origin_of
from auditor.services.text import HIDDEN, SHORTEST_SECRET

Connect = Callable[[], httpx.AsyncClient]
"""Makes the client for one question, with the trust and the proxies that every other client has."""
ANSWERS_WITHIN = 60.0
"""Seconds from connecting to the last byte of an answer."""
MOST_BYTES = 1_000_000
"""Bytes of an answer; a token with all that comes with it has some thousands."""

_ENDPOINTS = ("token_endpoint", "authorization_endpoint", "device_authorization_endpoint")
"""What msal takes from the OpenID configuration; others, such as Graph's userinfo_endpoint, it never asks."""
_DISCOVERY = "https://login.microsoftonline.com"
"""Whom msal asks, without any secret, which names a Microsoft cloud goes by."""


@dataclass(frozen=True, slots=True)
class MsalHttp:
    """The few calls that msal makes of a client, over httpx, and to no other origin than the authority's.

    What msal posts is the app's credential, and where to is what the OpenID configuration says.
    """

    connect: Connect
    authority: str
    within: float = ANSWERS_WITHIN

    def get(self, url: str, **given: Any) -> httpx.Response:
        """As requests has it."""
        self._check(url, _DISCOVERY if known_to_microsoft(self.authority) else self.authority)
        answer = _json_object(self._ask("GET", url, given))
        if url.split("?", 1)[0].endswith("/.well-known/openid-configuration"):
            told = answer.json()
            if answer.status_code == 200 and not isinstance(told.get("token_endpoint"), str):
                raise Unreachable("the sign-in service's configuration names no token endpoint")
            for name in _ENDPOINTS:
                if isinstance(told.get(name), str):
                    self._check(told[name], self.authority)
        return answer

    def post(self, url: str, **given: Any) -> httpx.Response:
        """As requests has it: it sends bytes in a form as they are, where httpx would send their repr."""
        self._check(url, self.authority)
        data = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in (given.get("data") or {}).items()
        }
        answer = self._ask("POST", url, given, data)
        if answer.status_code >= 400:
            # What refuses may repeat what was sent, and what it says is shown.
            answer = _without(answer, [value for name, value in data.items() if name in _SECRETS])
        return _json_object(answer)

    def close(self) -> None:
        """Nothing is left open."""

    def _ask(
        self, method: str, url: str, given: Mapping[str, Any], data: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        return asyncio.run(self._answer(method, url, given, data))

    async def _answer(
        self, method: str, url: str, given: Mapping[str, Any], data: Mapping[str, Any] | None
    ) -> httpx.Response:
        asked: dict[str, Any] = {"params": given.get("params"), "headers": given.get("headers"), "data": data}
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self.within),
                self.connect() as client,
                client.stream(method, url, **asked) as answer,
            ):
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise Unreachable(f"the sign-in service sent more than {MOST_BYTES} bytes")
        except TimeoutError:
            raise Unreachable(
                f"the sign-in service did not answer within {self.within:.0f} seconds",
                remedy="check sign_in.authority, the network and the proxy",
            ) from None
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_TRANSFER}
        return httpx.Response(answer.status_code, headers=headers, content=bytes(body))

    def _check(self, url: str, besides: str) -> None:
        try:
            origin = origin_of(url)
        except BadOrigin as error:
            raise _elsewhere(self.authority, f"an address that is not asked: {error}") from None
        if origin not in {self.authority, besides}:
            raise _elsewhere(self.authority, origin)


def _elsewhere(authority: str, where: str) -> SignInRefused:
    return SignInRefused(
        f"the sign-in service {authority} points to {where}; nothing was sent there",
        remedy="check sign_in.authority, and whether something stands between it and this machine",
        reason=Reason.HOST_NOT_ALLOWED,
    )


def _json_object(answer: httpx.Response) -> httpx.Response:
    try:
        parsed = json.loads(answer.content)
    except (ValueError, RecursionError):
        parsed = None
    # Before msal sees it: it would keep a refusal for a while and not ask again.
    if answer.status_code >= 400 and answer.status_code != 429 and isinstance(parsed, dict) and passes(parsed):
        raise ServerFault("the sign-in service says that it fails in passing", remedy="try again later")
    # msal logs an answer that it cannot parse, whole: a broken token answer would put the token into the log.
    if answer.status_code == 429:
        raise Throttled("the sign-in service asked us to slow down", remedy="try again later")
    if answer.status_code >= 500:
        raise ServerFault(f"the sign-in service failed ({answer.status_code})", remedy="try again later")
    told = isinstance(parsed, dict) and (answer.status_code < 400 or isinstance(parsed.get("error"), str))
    if told and _sane(parsed):
        return answer
    # Neither what was asked for nor an error as OAuth has it (RFC 6749, 5.2): something else answered.
    raise Unreachable(
        f"the sign-in service answered {answer.status_code} with something that is no answer of its own",
        remedy="check sign_in.authority, and whether a proxy stands in between",
    )


_PASSING = frozenset({"90006", "90012", "90024", "90033", "90055", "90090"})
"""AADSTS codes that pass, by their descriptions in Microsoft's reference of error codes: external server, time out,
request budget, directory service, too many requests, Graph. Of all others none is known to pass."""


def passes(told: Mapping[str, Any]) -> bool:
    """Whether an error of the sign-in service passes by itself, whatever its HTTP status.

    OAuth's own words for it are `temporarily_unavailable` (azure-sdk-for-python#14241), and `server_error` where no
    code says more (RFC 6749, 4.1.2.1; v2-oauth2-auth-code-flow).
    """
    found = re.search(r"AADSTS([0-9]+)", str(told.get("error_description", "")))
    listed = told.get("error_codes")
    codes = {found[1]} if found else {str(code) for code in listed} if isinstance(listed, list) else set()
    word = told.get("error")
    return word == "temporarily_unavailable" or not codes.isdisjoint(_PASSING) or (word == "server_error" and not codes)


_SECRETS = frozenset({"client_secret", "client_assertion", "assertion", "refresh_token", "code", "device_code",
                      "code_verifier", "password"})  # fmt: skip
"""Fields of a form that let somebody in (RFC 6749, 7521, 7636, 8628)."""
_OF_THE_TRANSFER = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def _without(answer: httpx.Response, secrets: list[str]) -> httpx.Response:
    body = answer.content
    for secret in (one for one in secrets if len(one) >= SHORTEST_SECRET):
        for form in {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}:
            body = body.replace(form.encode(), HIDDEN.encode())
    return httpx.Response(answer.status_code, headers=answer.headers, content=body)


_LIFETIMES = ("expires_in", "ext_expires_in", "refresh_in", "expires_on", "interval")


def _sane(parsed: dict[str, Any]) -> bool:
    """Whether the token can stand in a header and the lifetimes are numbers: msal counts with them unseen."""
    token = parsed.get("access_token", "token")
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        return False
    return all(_LIFETIME.fullmatch(str(parsed[name])) for name in _LIFETIMES if name in parsed)


TOKEN = re.compile(r"[\x21-\x7e]+")
"""What can stand in a header as a token."""
_LIFETIME = re.compile(r"[0-9]{1,10}")


def known_to_microsoft(authority: str) -> bool:
    """Whether msal may ask Microsoft about this authority."""
    # Without it msal asks a Microsoft host about every authority that it does not know by heart.
    host = authority.removeprefix("https://").split(":", 1)[0]
    return host in {"login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"}
