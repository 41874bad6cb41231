"""What is true of the whole tenant: which cause is named, and what its fix says."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.diagnosis.tenant import tenant_facts, uploads_refused
from auditor.services.tokens import explain

USER_ADMINISTRATOR = "fe930be7-5e62-47db-91af-98c3a49a38b1"


def fact(workload: str, reason: str, **refusal: str) -> dict[str, str]:
    (found,) = tenant_facts([(workload, reason)], {workload: refusal} if refusal else {}, app="1234")
    return found


@pytest.mark.parametrize(
    ("workload", "reason", "cause"),
    [
        ("exchange", "not_separately_readable", "ews_off"),
        ("yammer", "engage_not_subscribed", "engage_not_subscribed"),
        ("sharepoint", "sign_in_needs_certificate", "sharepoint_sign_in"),
        ("sharepoint", "sign_in_failed", "sharepoint_sign_in"),
        ("sharepoint", "HTTP 403", "access_policy_refuses"),
        ("entra", "ErrorAccessDenied", "client_access_policy"),
        ("exchange", "ErrorAccessDenied", "permission_missing"),
        ("exchange", "permission_missing", "permission_missing"),
    ],
)
def test_what_everyone_s_copies_say_names_one_cause_with_all_of_its_fix(workload: str, reason: str, cause: str) -> None:
    found = fact(workload, reason)
    assert found["cause"] == cause
    for name in ("sentence", "fix", "role", "undo", "side_effects", "wait", "settle", "confidence"):
        assert found[name], name
    assert found["touches"] in {"tenant", "nothing"}


@pytest.mark.parametrize("code", ["53003", "50076"])
def test_a_policy_that_refuses_the_sign_in_is_named_as_one(code: str) -> None:
    refusal = explain({"error": "access_denied", "error_description": f"AADSTS{code}: blocked"}, "the app", "https://x")
    found = fact("sharepoint", refusal.reason, sentence=refusal.sentence, remedy=refusal.remedy)
    assert (found["cause"], found["confidence"]) == ("access_policy_refuses", "certain")
    assert code in found["sentence"]


def test_the_service_s_own_remedy_goes_before_the_general_one() -> None:
    found = fact("sharepoint", "permission_missing", sentence="refused", remedy="grant User.Read.All on SharePoint")
    assert found["fix"] == "grant User.Read.All on SharePoint"


def test_a_reason_that_no_rule_knows_is_told_as_it_is() -> None:
    assert fact("exchange", "throttled")["cause"] == "throttled"


def test_the_list_of_apps_is_read_before_ours_is_added_to_it() -> None:
    command = fact("exchange", "not_separately_readable")["command"]
    assert command.index("Get-OrganizationConfig") < command.index("+ '1234'") < command.index("Set-OrganizationConfig")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, None),
        ({"source": "", "allowedRoles": []}, None),
        ({"source": "cloud", "allowedRoles": []}, None),
        ({"source": "onPremises", "allowedRoles": []}, "on premises"),
        ({"source": "", "allowedRoles": [USER_ADMINISTRATOR]}, "only User Administrator may"),
        ({"source": "cloud", "allowedRoles": ["x"]}, "only x may"),
    ],
)
def test_the_photo_update_settings_say_who_may_not(settings: dict[str, Any], words: str | None) -> None:
    said = uploads_refused(settings)
    assert said is None if words is None else words in (said or "")
    facts = tenant_facts([], {}, settings)
    assert [one["cause"] for one in facts] == ([] if words is None else ["uploads_not_allowed"])
