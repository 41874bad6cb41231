"""What an access token says of itself, for diagnosis only.

A token is made for the service that it is shown to, and what is inside is that service's business: nothing is decided
by what is read here, and nothing that is read is believed. Whoever answers for the sign-in service may have written
anything into it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

LONGEST = 200_000
"""Characters of a token that is looked into."""
MOST = 200
"""Roles that are read; a token with more carries a link to them instead."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,119}")
_PART = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Claims:
    """The few claims that a diagnosis needs; what is missing or out of shape is empty."""

    audience: str
    roles: frozenset[str]
    """Application permissions."""
    scopes: frozenset[str]
    """Delegated permissions."""
    expires: float | None
    """Unix time."""
    app_only: bool
    """The token speaks for the app, not for a person."""


def read_claims(token: str) -> Claims | None:
    """The claims of a token in JWT's form; None where it has another form: it may be good all the same."""
    parts = token.split(".") if len(token) <= LONGEST else []
    if len(parts) != 3 or not _PART.fullmatch(parts[1]):
        return None
    try:
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    roles, scopes = _names(said.get("roles")), _names(str(said.get("scp") or "").split())
    kind = said.get("idtyp")
    return Claims(
        audience=said["aud"][:200] if isinstance(said.get("aud"), str) else "",
        roles=roles,
        scopes=scopes,
        expires=_moment(said.get("exp")),
        app_only=kind == "app" or (kind != "user" and not scopes and "upn" not in said),
    )


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(one for one in value[:MOST] if isinstance(one, str) and _NAME.fullmatch(one))


def _moment(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11
    return float(value) if good else None


def listed(names: Iterable[str]) -> str:
    """Names in alphabetical order; the rest counted where they are many."""
    found = sorted(names)
    return ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")
