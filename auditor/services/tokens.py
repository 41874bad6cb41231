"""Tokens: one audience a token, one refresh for all who wait, and never a secret in a message.

msal does the talking. It is synchronous, so it runs in a thread, over an HTTP client made by the same
function as ours (same trust, same time limits).
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msal
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from auditor.model import Reason
from auditor.services.errors import ServerFault, SignInRefused, Unreachable, Untrusted
from auditor.services.msal_http import TOKEN, Connect, MsalHttp, known_to_microsoft, passes

EXPIRES_SOON = 300.0
"""Seconds before its end at which a token is no longer used."""


logging.getLogger("msal").addHandler(logging.NullHandler())

SIGN_IN_WITHIN = 900
"""Seconds that a browser's sign-in is waited for: as long as a device code lives."""
YOUNG = 60.0
"""Seconds during which a refused token is not replaced."""


class CredentialError(Exception):
    """The certificate, token file or secret cannot be used; the message names it and the remedy."""


@dataclass
class FixedToken:
    """A delegated token that somebody put into a file. It is read anew each time, so that it can be replaced."""

    file: Path

    async def token(self, audience: str, *, instead_of: str | None = None) -> str:  # noqa: ARG002
        """The file's token. Raises `SignInRefused` where the file is gone or empty."""
        try:
            text = self.file.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        if not TOKEN.fullmatch(text):
            raise SignInRefused(
                f"the token file {self.file} cannot be read or holds no token",
                remedy="write a delegated Viva Engage token into it, or sign in with a browser",
            )
        return text


@dataclass(frozen=True, slots=True)
class _Held:
    token: str
    since: float
    until: float

    def usable(self, now: float, refused: str | None) -> bool:
        # A 401 to a token that is only just born is not about its age: another one would fare no better.
        if self.token == refused and now - self.since > YOUNG:
            return False
        return self.until > now


@dataclass
class MsalTokens:
    """Tokens from msal, one at a time for each audience.

    `acquire` is the synchronous msal call: scopes in, msal's answer out.
    """

    acquire: Callable[[list[str], bool], dict[str, Any]]
    who: str
    """How the messages call the app: 'the app 1234…'."""
    where: str = ""
    """Where the sign-in service is, for messages: ' at https://…'."""
    clock: Callable[[], float] = time.monotonic
    one_sign_in: bool = False
    """Whether one audience waits for another: whoever signs in for the first is signed in for all."""
    _held: dict[str, _Held] = field(default_factory=dict)
    _refused: dict[str, SignInRefused] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def token(self, audience: str, *, instead_of: str | None = None) -> str:
        """A token for `audience`. Raises `SignInRefused` (remembered: the same question is not asked again)."""
        async with self._locks.setdefault("" if self.one_sign_in else audience, asyncio.Lock()):
            if audience in self._refused:
                raise self._refused[audience]
            held = self._held.get(audience)
            if held is not None and held.usable(self.clock(), instead_of):
                return held.token
            try:
                answer = await asyncio.to_thread(self.acquire, [audience.rstrip("/") + "/.default"], held is not None)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                kind = Untrusted if "CERTIFICATE_VERIFY_FAILED" in str(error) else Unreachable
                raise kind(
                    f"the sign-in service{self.where} could not be reached ({type(error).__name__})",
                    remedy="check sign_in.authority, the network, the proxy and --ca-bundle",
                ) from None
            except ValueError:
                # msal's own text here is long, may quote what the server sent, and names clouds of other products.
                raise SignInRefused(
                    f"signing in as {self.who} failed: the sign-in service does not know this tenant",
                    remedy="check tenant.id and sign_in.authority",
                ) from None
            if not isinstance(answer.get("access_token"), str):
                if passes(answer):
                    # What comes back through the browser is msal's to read; a passing error is not remembered.
                    raise ServerFault("the sign-in service says that it fails in passing", remedy="try again later")
                refusal = explain(answer, self.who, audience)
                self._refused[audience] = refusal
                raise refusal
            seconds = float(answer.get("expires_in") or 0)
            margin = min(EXPIRES_SOON, seconds / 2)
            now = self.clock()
            self._held[audience] = _Held(str(answer["access_token"]), now, now + seconds - margin)
            return self._held[audience].token


def app_tokens(
    *,
    authority: str,
    tenant_id: str,
    client_id: str,
    connect: Connect,
    certificate: Path | None = None,
    certificate_password: str | None = None,
    secret: str | None = None,
    federated_token_file: Path | None = None,
) -> MsalTokens:
    """App-only tokens, kept in memory alone. Give exactly one credential.

    Raises `CredentialError` where the certificate cannot be used.
    """
    credential: Any
    if certificate is not None:
        credential = read_certificate(certificate, certificate_password)
    elif federated_token_file is not None:
        credential = {"client_assertion": lambda: _federated(federated_token_file)}
    else:
        credential = secret
    app: list[msal.ConfidentialClientApplication] = []

    def acquire(scopes: list[str], again: bool) -> dict[str, Any]:
        # Made at first use: the constructor already asks the authority.
        if not app or again:
            app[:] = [
                msal.ConfidentialClientApplication(
                    client_id,
                    client_credential=credential,
                    authority=f"{authority}/{tenant_id}",
                    instance_discovery=known_to_microsoft(authority),
                    http_client=MsalHttp(connect, authority),
                )
            ]
        return dict(app[0].acquire_token_for_client(scopes) or {})

    return MsalTokens(acquire, who=f"the app {client_id}", where=f" at {authority}")


def delegated_tokens(
    *,
    authority: str,
    tenant_id: str,
    client_id: str,
    connect: Connect,
    method: str,
    cache_file: Path,
    tell: Callable[[str], None],
    what: str = "Viva Engage",
) -> MsalTokens:
    """Tokens of a person who signs in with a browser or, on a terminal, with a device code.

    One sign-in serves every audience: further tokens come by its refresh token. It is cached in `cache_file`,
    encrypted by the platform where it can (msal-extensions). Unattended (no terminal) only what the cache holds is
    used.
    """
    from msal_extensions import PersistedTokenCache, build_encrypted_persistence

    try:
        cache_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        cache: msal.SerializableTokenCache = PersistedTokenCache(build_encrypted_persistence(str(cache_file)))
    except Exception:  # noqa: BLE001  every platform fails in its own way; without encryption nothing is cached
        cache = msal.SerializableTokenCache()
    app: list[msal.PublicClientApplication] = []

    def acquire(scopes: list[str], again: bool) -> dict[str, Any]:
        if not app:
            app.append(
                msal.PublicClientApplication(
                    client_id,
                    authority=f"{authority}/{tenant_id}",
                    instance_discovery=known_to_microsoft(authority),
                    http_client=MsalHttp(connect, authority),
                    token_cache=cache,
                )
            )
        for account in app[0].get_accounts():
            answer = app[0].acquire_token_silent_with_error(scopes, account=account, force_refresh=again)
            if answer and not (sys.stderr.isatty() and _ended(answer)):
                return dict(answer)
        if not sys.stderr.isatty():
            return {"error": "interaction_required", "error_description": "nobody is signed in"}
        if method == "device_code":
            flow = app[0].initiate_device_flow(scopes=scopes)
            if "message" not in flow:
                return dict(flow)
            tell(str(flow["message"]))
            return dict(app[0].acquire_token_by_device_flow(flow))
        tell(f"A browser window opens: sign in there to let photo-auditor read {what}.")
        try:
            return dict(app[0].acquire_token_interactive(scopes, timeout=SIGN_IN_WITHIN))
        except RuntimeError:
            # What msal raises where nobody comes back from the browser.
            return {"error": "expired_token", "error_description": "AADSTS70016: nobody came back from the browser"}

    return MsalTokens(acquire, who=f"the app {client_id}", where=f" at {authority}", one_sign_in=True)


_ENDED = frozenset({50076, 50078, 50079, 50158, 50173, 70008, 70043, 700082, 700084})
"""AADSTS codes of a remembered sign-in that has ended, or lacks a proof: signing in anew mends them."""


def _ended(answer: dict[str, Any]) -> bool:
    codes = answer.get("error_codes")
    return isinstance(codes, list) and not _ENDED.isdisjoint(code for code in codes if isinstance(code, int))


def read_certificate(file: Path, password: str | None) -> dict[str, str]:
    """What msal wants of a certificate: the key and the certificate, from a PEM file (in any order) or PKCS #12.

    Raises `CredentialError`, also for a certificate that has ended.
    """
    secret = password.encode() if password else None
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CredentialError(f"The certificate {file} cannot be read: {error.strerror}.") from None
    try:
        if b"-----BEGIN" in data:
            key = load_pem_private_key(data, secret)
            certificate = x509.load_pem_x509_certificate(data)
        else:
            loaded_key, loaded, _ = pkcs12.load_key_and_certificates(data, secret)
            if loaded_key is None or loaded is None:
                raise ValueError
            key, certificate = loaded_key, loaded
    except (ValueError, TypeError):
        raise CredentialError(
            f"The certificate {file} holds no private key with its certificate, or the password"
            " (AZURE_CLIENT_CERTIFICATE_PASSWORD) is wrong. Export both into one PEM or PFX file."
        ) from None
    ends = certificate.not_valid_after_utc
    if ends.timestamp() < time.time():
        raise CredentialError(
            f"The certificate {file} ended on {ends:%Y-%m-%d}. Upload a new one to the app registration and name it"
            " in sign_in.certificate."
        )
    return {
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "public_certificate": certificate.public_bytes(Encoding.PEM).decode(),
    }


def explain(answer: dict[str, Any], who: str, audience: str) -> SignInRefused:
    """What Entra's refusal means, as an error that says what to do."""
    text = str(answer.get("error_description") or answer.get("error") or "no reason given")
    match = re.search(r"AADSTS([0-9]+)", text)
    code = match[1] if match else ""
    if code == "650052":
        return SignInRefused(
            "this tenant has no Viva Engage, or it is switched off (AADSTS650052)",
            reason=Reason.ENGAGE_NOT_SUBSCRIBED,
        )
    known = {
        "7000215": ("the client secret is wrong", "copy the secret's value (not its id) into AZURE_CLIENT_SECRET"),
        "7000222": ("the client secret has ended", "make a new one, or better use a certificate"),
        "700016": (
            "the tenant does not know the app",
            "check sign_in.client_id, or sign_in.delegated_client_id where a person signs in, and tenant.id",
        ),
        "90002": ("there is no such tenant", "check tenant.id"),
        "700027": (
            "the certificate is not accepted: it is not registered with the app, or has ended",
            "upload the certificate's public part to the app registration",
        ),
        "700024": ("the clock of this machine is wrong", "set the clock"),
        "65001": ("nobody has consented to the app's permissions", "have an administrator grant admin consent"),
        "65004": ("the person declined the consent", "have an administrator grant admin consent"),
        "90094": (
            "an administrator must consent to the app's permissions",
            "have an administrator grant admin consent",
        ),
        "500011": ("the audience is unknown in this tenant", f"check the audience {audience}"),
        "650057": (
            "the app registration does not ask for any permission of this service",
            "add the permission to the app registration, and have an administrator consent",
        ),
        "7000112": ("the app is disabled in this tenant", "enable it under Enterprise applications in Entra ID"),
        "7000218": (
            "the app is no public client, so nobody can sign in with it from here",
            "allow public client flows in the app registration, under Authentication",
        ),
        "50011": (
            "the app does not know the address to come back to",
            "add the redirect address http://localhost for mobile and desktop applications to the app registration",
        ),
        "53000": ("a Conditional Access policy demands a managed device", "run from a compliant device"),
        "53001": ("a Conditional Access policy demands a domain-joined device", "run from such a device"),
        "53003": ("a Conditional Access policy refuses the sign-in", "run from an allowed place, or exempt the app"),
        "50057": ("the person's account is disabled", "sign in as somebody else"),
        "50076": ("a second factor is demanded", "sign in with a browser"),
        "50079": ("a second factor must be set up first", "sign in with a browser"),
        "50105": (
            "the person is not assigned to the app",
            "assign the person under Enterprise applications in Entra ID",
        ),
        "50158": ("a further proof is demanded, outside of Entra ID", "sign in with a browser"),
        "50173": ("the sign-in was revoked, for example by a new password", "sign in again"),
        "70043": ("the sign-in has ended: a policy lets it live for so long only", "sign in again"),
        "700082": ("the sign-in has ended", "sign in again"),
        "70016": ("nobody finished the sign-in", "open the page, finish the sign-in there and run again"),
    }
    sentence, remedy = known.get(code, (_tidy(text), "see the sign-in log of the app in Entra ID"))
    if answer.get("error") == "interaction_required" and not code:
        sentence, remedy = "nobody is signed in", "run once on a terminal and sign in"
    label = f" (AADSTS{code})" if code and code in known else ""
    reason = Reason.PERMISSION_MISSING if code in _NO_CONSENT else None
    return SignInRefused(
        f"signing in as {who} for {audience} was refused: {sentence}{label}", remedy=remedy, reason=reason
    )


_NO_CONSENT = frozenset({"65001", "65004", "90094", "650057"})
"""AADSTS codes that say: the app has a credential and a person, and lacks a permission or the consent to it."""


def _federated(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CredentialError(f"The federated token file {file} cannot be read: {error.strerror}.") from None


def _tidy(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in first)
    shown = re.sub(r"[A-Za-z0-9_\-]{40,}(\.[A-Za-z0-9_\-]+)*", "•••", shown)
    return shown[:300].strip()


__all__ = [
    "CredentialError", "FixedToken", "MsalTokens", "app_tokens",
    "delegated_tokens", "explain", "read_certificate",
]  # fmt: skip
