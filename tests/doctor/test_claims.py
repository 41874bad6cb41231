"""What a token says of itself is read without trust: whatever is inside, nothing breaks and nothing steers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.doctor.claims import MOST, listed, read_claims

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
NAMES = ("aud", "roles", "scp", "exp", "idtyp", "upn")


def token(payload: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip('=')}.c2ln"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_any_payload_gives_claims_that_are_plain(payload: dict[str, Any]) -> None:
    claims = read_claims(token(payload))
    assert claims is not None
    assert all(name.isascii() and name.isprintable() for name in claims.roles | claims.scopes)
    assert claims.expires is None or 0 < claims.expires < 1e11
    listed(claims.roles)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text() | st.binary().map(lambda data: f"a.{base64.urlsafe_b64encode(data).decode()}.b"))
def test_any_text_is_a_token_or_is_not(text: str) -> None:
    read_claims(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "opaque", "a.b", "a.b.c.d", "a.!!!.c", "a..c", "a.e30.c" + "x" * 300_000,
        "a." + base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=") + ".c",
    ],
)  # fmt: skip
def test_what_is_no_jwt_has_no_claims(text: str) -> None:
    assert read_claims(text) is None


def test_roles_that_are_no_names_are_left_out_and_there_are_only_so_many() -> None:
    claims = read_claims(token({"roles": ["User.Read.All", "x\n→ run this", "\u202eevil", 7, None, "a" * 500]}))
    assert claims is not None
    assert claims.roles == {"User.Read.All"}
    many = read_claims(token({"roles": [f"Role{number}" for number in range(10_000)]}))
    assert many is not None
    assert len(many.roles) == MOST
    assert listed(many.roles).endswith(f"and {MOST - 12} more")


def test_whose_token_it_is_is_told_by_its_kind_or_else_by_what_it_carries() -> None:
    for payload, app_only in (
        ({"idtyp": "app", "scp": "x"}, True),
        ({"idtyp": "user"}, False),
        ({"roles": ["User.Read.All"]}, True),
        ({"scp": "access_as_user"}, False),
        ({"upn": "ada@contoso.com"}, False),
    ):
        claims = read_claims(token(payload))
        assert claims is not None
        assert claims.app_only is app_only, payload
