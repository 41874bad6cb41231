"""Access tokens of the simulated tenant: signed by a key of the run, verified at every service."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from auditor.simulator import jws

CACHED_TOKENS = 1024


class Flaw(StrEnum):
    """Why a token is worth nothing here."""

    ABSENT = "absent"
    MALFORMED = "malformed"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    AUDIENCE = "audience"


class TokenError(Exception):
    """A token that must be refused; each service does so in its own words."""

    def __init__(self, flaw: Flaw, audience: str = "") -> None:
        super().__init__(flaw.value)
        self.flaw = flaw
        self.audience = audience


@dataclass(frozen=True, slots=True)
class Token:
    """What a verified access token says."""

    audience: str
    app_id: str
    app_only: bool
    by_secret: bool
    """The application proved itself by a client secret (`appidacr` 1)."""
    roles: frozenset[str]
    scopes: frozenset[str]
    expires: float
    object_id: str
    directory_roles: frozenset[str] = frozenset()
    """Template ids of the roles of the person who signed in (`wids`, access-token-claims-reference)."""

    def may(self, *permissions: str) -> bool:
        """Whether the token carries one of these permissions, as a role or as a scope by its kind."""
        granted = self.roles if self.app_only else self.scopes
        return any(permission in granted for permission in permissions)


class Mint:
    """Makes and verifies the tokens of one run."""

    def __init__(self, tenant_id: str, issuer: str) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._tenant_id = tenant_id
        self._issuer = issuer
        self._verified: dict[str, Token] = {}
        self.key_id = uuid.uuid4().hex

    def public_key(self) -> dict[str, str]:
        """The key as a JSON Web Key."""
        numbers = self._key.public_key().public_numbers()
        modulus = numbers.n.to_bytes(256, "big")
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.key_id,
            "n": jws.encode(modulus),
            "e": jws.encode(numbers.e.to_bytes(3, "big")),
        }

    def sign(self, claims: dict[str, Any], lifetime: float) -> str:
        """A token with these claims, valid from now on."""
        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + int(lifetime)}
        full = {"iss": self._issuer, "tid": self._tenant_id, "uti": uuid.uuid4().hex, **times, **claims}
        return jws.sign(self._key, {"typ": "JWT", "kid": self.key_id}, full)

    def app_token(
        self, audience: str, app_id: str, object_id: str, roles: frozenset[str], *, by_secret: bool, lifetime: float
    ) -> str:
        """A token for an application that acts for itself."""
        claims: dict[str, Any] = {
            "aud": audience,
            "appid": app_id,
            "appidacr": "1" if by_secret else "2",
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "ver": "1.0",
        }
        if roles:
            claims["roles"] = sorted(roles)
        return self.sign(claims, lifetime)

    def user_token(
        self,
        audience: str,
        app_id: str,
        user_id: str,
        upn: str,
        name: str,
        scopes: frozenset[str],
        lifetime: float,
        directory_roles: frozenset[str] = frozenset(),
    ) -> str:
        """A token for an application that acts for a signed-in user."""
        roles = {"wids": sorted(directory_roles)} if directory_roles else {}
        return self.sign(
            {
                **roles,
                "aud": audience,
                "appid": app_id,
                "appidacr": "0",
                "idtyp": "user",
                "oid": user_id,
                "sub": user_id,
                "upn": upn,
                "name": name,
                "scp": " ".join(sorted(scopes)),
                "ver": "1.0",
            },
            lifetime,
        )

    def check(self, text: str | None, audiences: frozenset[str]) -> Token:
        """The token, if it is ours, in time and meant for one of these audiences."""
        if text is None:
            raise TokenError(Flaw.ABSENT)
        token = self._verified.get(text) or self._read(text)
        if token.audience.rstrip("/").lower() not in audiences:
            raise TokenError(Flaw.AUDIENCE, token.audience)
        if token.expires <= time.time():
            raise TokenError(Flaw.EXPIRED)
        return token

    def _read(self, text: str) -> Token:
        try:
            header, claims, signed, signature = jws.read(text)
        except jws.MalformedError as error:
            raise TokenError(Flaw.MALFORMED) from error
        if not jws.verify(self._key.public_key(), str(header.get("alg")), signed, signature):
            raise TokenError(Flaw.SIGNATURE)
        token = Token(
            audience=str(claims.get("aud", "")),
            app_id=str(claims.get("appid", "")),
            app_only=claims.get("idtyp") == "app",
            by_secret=claims.get("appidacr") == "1",
            roles=frozenset(claims.get("roles", ())),
            scopes=frozenset(str(claims.get("scp", "")).split()),
            expires=float(claims.get("exp", 0)),
            object_id=str(claims.get("oid", "")),
            directory_roles=frozenset(claims.get("wids", ())),
        )
        if len(self._verified) >= CACHED_TOKENS:
            self._verified.clear()
        self._verified[text] = token
        return token
