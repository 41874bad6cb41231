"""Whatever a service answers ends in a result or in an error of ours, and no request leaves for another host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.answers import STATUSES, read_every_way, read_text

WIRE = Path(__file__).parents[1] / "wire"
BODIES = sorted(WIRE.glob("*/*.json")) + sorted(WIRE.glob("*/*.xml"))
KEPT = Path(__file__).with_name("hostile")

ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
TYPES = ("application/json", "text/xml", "image/jpeg", "text/html", "")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("file", sorted(KEPT.glob("*")), ids=lambda file: file.name)
def test_every_answer_that_ever_confused_a_parser_ends_in_an_error_of_ours(file: Path, status: int) -> None:
    for content_type in TYPES:
        read_every_way(status, {"Content-Type": content_type}, file.read_bytes())
    read_text(file.read_bytes().decode(errors="replace"))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_documented_answer_with_one_member_changed_ends_in_a_result_or_an_error_of_ours(data: Any) -> None:
    body = json.loads(data.draw(st.sampled_from([file for file in BODIES if file.suffix == ".json"])).read_bytes())
    at = body
    while isinstance(at, dict | list) and at:
        key = data.draw(st.sampled_from(sorted(at)) if isinstance(at, dict) else st.integers(0, len(at) - 1))
        if not isinstance(at[key], dict | list) or data.draw(st.booleans()):
            at[key] = data.draw(ANYTHING)
            break
        at = at[key]
    status = data.draw(st.sampled_from(STATUSES))
    read_every_way(status, {"Content-Type": "application/json"}, json.dumps(body).encode())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_documented_answer_with_bytes_changed_ends_in_a_result_or_an_error_of_ours(data: Any) -> None:
    body = bytearray(data.draw(st.sampled_from(BODIES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=8))
        if not body:
            break
    status = data.draw(st.sampled_from(STATUSES))
    read_every_way(status, {"Content-Type": data.draw(st.sampled_from(TYPES))}, bytes(body))


@pytest.mark.parametrize("piece", ["[", '{"a":', "<a>", "&a;", "9"])
@pytest.mark.parametrize("times", [900, 1_100, 60_000])
def test_what_is_nested_or_long_beyond_reason_ends_in_a_result_or_an_error_of_ours(times: int, piece: str) -> None:
    read_every_way(
        200, {"Content-Type": "text/xml" if piece[0] in "<&" else "application/json"}, (piece * times).encode()
    )


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=60))
def test_any_text_of_a_header_or_a_link_is_judged(text: str) -> None:
    read_text(text)
    read_text("https://service.example" + text)
    read_text("//" + text + "@service.example/")
