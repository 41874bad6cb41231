"""Causes of the whole tenant, from what its services answer to the report."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.diagnosis.causes import explained
from tests.journeys.conftest import Command

POLICIES = """
[[always]]
origin = "graph"
form = "own/answer"
match = "/users/[^/]+/photo"
status = 403
content_type = "application/json"
body = '{"error":{"code":"ErrorAccessDenied","message":"Access is denied. Check credentials and try again."}}'
times = "ever"
""" + "".join(
    f"""
[[always]]
origin = "{origin}"
form = "own/answer"
match = "."
status = 403
content_type = "application/json"
body = '{{"error":{{"code":"-2147024891","message":"Access denied."}}}}'
times = "ever"
"""
    for origin in ("sharepoint", "sharepoint_my", "sharepoint_my_satellite")
)


def test_policies_of_the_tenant_are_found_once_and_no_user_is_blamed(tenant: Any, command: Command) -> None:
    plan = command.folder / "policies.toml"
    plan.write_text(POLICIES, encoding="utf-8")
    served = tenant(users=24, seed=3, uploads="admins", faults=str(plan))
    done = command("audit", "--config", served.config)
    facts = {fact["cause"]: fact for fact in done.manifest["tenant_facts"]}
    assert sorted(facts) == ["access_policy_refuses", "client_access_policy", "uploads_not_allowed"]
    assert len(done.manifest["tenant_facts"]) == 3
    assert "User Administrator" in facts["uploads_not_allowed"]["sentence"]
    assert {row["cause"] for row in done.rows.values()} == {""}
    assert not any(explained(row) for (_, workload), row in done.rows.items() if workload in {"entra", "sharepoint"})
    page = (done.run / "report" / "report.html").read_text(encoding="utf-8")
    assert page.count("An Exchange access policy blocks the app") == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"uploads": "admins", "without_role": "graph:PeopleSettings.Read.All"}, []),
        ({"uploads": "on-premises", "ews": "off"}, ["ews_off", "uploads_not_allowed"]),
    ],
)
def test_what_may_not_be_read_of_the_tenant_is_neither_guessed_nor_a_fault(
    tenant: Any, command: Command, options: dict[str, str], expected: list[str]
) -> None:
    served = tenant(users=8, seed=4, scenarios="never_set", **options)
    done = command("audit", "--config", served.config)
    assert done.code == 0, done.err
    assert [fact["cause"] for fact in done.manifest["tenant_facts"]] == expected
    # With EWS off nobody's mailbox can be read, and still whoever has no photo anywhere never set one.
    named = {row["user_id"] for row in done.rows.values() if json.loads(row["causes"] or "[]")}
    assert len(named) == 4
