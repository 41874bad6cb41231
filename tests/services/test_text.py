"""What a service says is kept as data that can be written, and never longer than a person reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collectors.contract import observed
from auditor.model import Status, User, Way, Workload
from auditor.runs.frames import observations_table
from auditor.services.graph import GraphAnswer
from auditor.services.text import LONGEST, LONGEST_ID, identity, told

ANNA = User("id-1", "anna@contoso.com", "anna@contoso.com", "Anna", "Member", True, True, "", False, True, False)
TEXTS = st.text(st.characters(), max_size=50) | st.sampled_from(["\ud800", "x" * 100_000, "\udfff" * 2_000])


@given(TEXTS | st.none() | st.integers() | st.lists(st.text()))
def test_whatever_was_said_can_be_written_and_is_short(value: object) -> None:
    assert len(told(value).encode()) <= 4 * LONGEST + 3
    own = identity(value)
    assert own is None or (own == value and 0 < len(own) <= LONGEST_ID and own.encode())


@given(TEXTS, TEXTS, TEXTS)
def test_no_reason_detail_or_signal_is_too_long_or_too_odd_for_a_part(reason: str, detail: str, signal: str) -> None:
    made = observed(
        ANNA, Workload.ENTRA, Status.UNKNOWN, Way.NONE, reason=reason, detail=detail, signals={"code": signal}
    )
    row: dict[str, Any] = observations_table([made]).to_pylist()[0]
    assert max(len(row["reason"]), len(row["detail"])) <= LONGEST + 1
    assert set(json.loads(row["signals"])) == ({"code"} if signal else set())


@pytest.mark.parametrize("code", ["x" * 1_000_000, "\ud800", 7, None, ["a"], {"b": 1}])
def test_a_code_of_an_error_is_a_short_word_or_nothing(code: object) -> None:
    answer = GraphAnswer(500, "application/json", "", json.dumps({"error": {"code": code, "message": code}}).encode())
    assert len(answer.error_code) <= 101
    assert len(answer.error_message) <= LONGEST + 1
    assert isinstance(answer.error_code, str)
    answer.error_code.encode()
