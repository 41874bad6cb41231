"""When a run is incomplete, and what is true of the whole tenant."""

from __future__ import annotations

import pytest

from auditor.judgement import _incomplete, _tenant_facts
from auditor.model import Workload


@pytest.mark.parametrize(
    ("reasons", "count", "learned"),
    [
        ({"throttled": 1}, 100, 99),
        ({"permission_missing": 100}, 100, 0),
        ({"ErrorAccessDenied": 99, "AuthenticationError": 1}, 100, 0),
        ({"HTTP 403": 95}, 100, 0),
        ({"HTTP 500": 40}, 100, 60),
        ({"ErrorInternalServerError": 30}, 100, 70),
        ({"host_not_allowed": 60}, 100, 40),
        ({"InvalidAuthenticationToken": 1}, 1, 0),
        ({"picture_not_read": 1}, 1, 0),
    ],
)
def test_faults_and_refusals_for_everyone_make_a_run_incomplete(
    reasons: dict[str, int], count: int, learned: int
) -> None:
    sentences = _incomplete(
        {("exchange", name): n for name, n in reasons.items()}, {"exchange": count}, {"exchange": learned}, ()
    )
    assert sentences
    assert all(sentence.startswith("exchange") for sentence in sentences)


@pytest.mark.parametrize(
    ("reasons", "count", "learned"),
    [
        ({}, 100, 100),
        ({"ambiguous": 3, "profile_of_another_account": 2}, 100, 95),
        ({"ErrorAccessDenied": 1}, 100, 99),
        ({"AuthenticationError": 1}, 1, 0),
        ({"ews_refused": 100}, 100, 0),
        ({"not_separately_readable": 100}, 100, 0),
        ({"engage_not_subscribed": 100}, 100, 0),
        ({"unknown_address": 1}, 100, 99),
    ],
)
def test_reasons_of_single_users_and_of_licences_never_do(reasons: dict[str, int], count: int, learned: int) -> None:
    by_workload = {("exchange", name): n for name, n in reasons.items()}
    assert _incomplete(by_workload, {"exchange": count}, {"exchange": learned}, ()) == []


def test_a_required_workload_must_be_learned_whatever_the_reason() -> None:
    reasons = {("exchange", "not_separately_readable"): 100}
    assert _incomplete(reasons, {"exchange": 100}, {}, (Workload.EXCHANGE,))


def test_what_a_workload_says_alike_of_everyone_is_a_fact_of_the_tenant() -> None:
    facts = _tenant_facts(
        {("exchange", "not_separately_readable"): 5, ("entra", "throttled"): 1}, {"exchange": 5, "entra": 5}, {}
    )
    assert [fact["cause"] for fact in facts] == ["ews_off"]
    # The setting that lets an app in replaces a whole list: the fix says to read it first.
    assert "read EwsAllowedAppIDs" in facts[0]["fix"]
