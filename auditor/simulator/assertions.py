"""Client assertions: tokens by which an application proves that it holds its certificate's key."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from auditor.simulator import jws
from auditor.simulator.registrations import Application

CLOCK_SKEW = 300


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an assertion is not accepted: an AADSTS code and its words."""

    code: int
    message: str


def problem(text: str, app: Application, audiences: frozenset[str]) -> Problem | None:
    """What is wrong with the assertion, if anything."""
    try:
        header, claims, signed, signature = jws.read(text)
    except jws.MalformedError:
        return Problem(50027, "JWT token is invalid or malformed.")
    if app.certificate is None or not _names_the_certificate(header, app):
        named = header.get("x5t") or header.get("x5t#S256") or header.get("kid") or ""
        return _not_registered(f"The key was not found., Thumbprint of key used by client: '{_hexadecimal(named)}'")
    certificate = app.certificate.certificate
    if certificate.not_valid_after_utc < datetime.now(UTC):
        end = certificate.not_valid_after_utc.strftime("%m/%d/%Y %H:%M:%S")
        return _not_registered(f"The key used is expired., Found key 'Start=…, End={end}'")
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    if not jws.verify(key, str(header.get("alg")), signed, signature):
        return Problem(700027, "Client assertion failed signature validation.")
    return _wrong_claims(claims, app, audiences)


def _wrong_claims(claims: Mapping[str, Any], app: Application, audiences: frozenset[str]) -> Problem | None:
    if claims.get("aud") not in audiences:
        return Problem(
            700023,
            f"Client assertion audience claim does not match Realm issuer. Review the documentation. "
            f"Audience: '{claims.get('aud')}'.",
        )
    if claims.get("iss") != app.client_id or claims.get("sub") != app.client_id:
        return Problem(
            700021,
            "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation.",
        )
    now = time.time()
    try:
        begins, ends = float(claims.get("nbf", claims.get("iat", now))), float(claims["exp"])
    except (KeyError, TypeError, ValueError):
        return Problem(50027, "JWT token is invalid or malformed.")
    if not begins - CLOCK_SKEW <= now <= ends + CLOCK_SKEW:
        words = [datetime.fromtimestamp(moment, UTC).isoformat() for moment in (now, begins, ends)]
        return Problem(
            700024,
            f"Client assertion is not within its valid time range. Current time: {words[0]}, assertion valid from "
            f"{words[1]}, expiry time of assertion {words[2]}. Review the documentation.",
        )
    return None


def _names_the_certificate(header: Mapping[str, Any], app: Application) -> bool:
    assert app.certificate is not None
    known = {"x5t": app.certificate.thumbprint(), "x5t#S256": app.certificate.thumbprint_sha256()}
    named = {name: header[name] for name in known if name in header}
    return bool(named) and all(_bytes(value) == known[name] for name, value in named.items())


def _not_registered(reason: str) -> Problem:
    return Problem(
        700027,
        "The certificate with identifier used to sign the client assertion is not registered on application. "
        f"[Reason - {reason}]",
    )


def _bytes(value: object) -> bytes:
    try:
        return jws.decode(str(value))
    except jws.MalformedError:
        return b""


def _hexadecimal(value: object) -> str:
    return _bytes(value).hex().upper()
