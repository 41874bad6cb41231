"""Who is audited: by default, by class, by group, by name; and everyone who is not is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from auditor.directory import SELECT
from auditor.services.graph import PAGE, other_page
from auditor.simulator.graph_users import PROPERTIES
from auditor.simulator.population import make_tenant
from tests.journeys.conftest import Command, Outcome

USERS = 48
CLASSES = "guest,external_member,disabled,unlicensed,shared_mailbox,room_mailbox,equipment_mailbox"
QUICK = ("--workload", "entra", "--photos", "none")


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=USERS, seed=11, scenarios=f"in_step,{CLASSES}")


@pytest.fixture(scope="module")
def plain(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """An audit of who is in scope by default."""
    return Command(tmp_path_factory.mktemp("plain"))("audit", "--config", served.config, *QUICK)


def test_by_default_everyone_in_scope_is_audited_and_every_other_counted(served: Any, plain: Outcome) -> None:
    expected = {row["user_id"] for row in served.truth() if row["in_scope"] == "true"}
    assert {user_id for user_id, _ in plain.rows} == expected
    scope = plain.manifest["scope"]
    assert scope["directory"] == USERS
    assert sum(scope["excluded"].values()) == USERS - len(expected)


@pytest.mark.parametrize(
    "names",
    [
        "guests,disabled",
        *(
            pytest.param(one, marks=pytest.mark.soak)
            for one in ("guests", "external-members", "disabled", "unlicensed")
        ),
    ],
)
def test_an_included_class_is_audited_too(served: Any, plain: Outcome, command: Command, names: str) -> None:
    done = command("audit", "--config", served.config, *QUICK, "--include", names)
    more = sum(plain.manifest["scope"]["excluded"][name] for name in names.split(","))
    assert more
    assert done.manifest["scope"]["in_scope"] == plain.manifest["scope"]["in_scope"] + more
    assert not set(names.split(",")) & set(done.manifest["scope"]["excluded"])


def test_shared_and_room_mailboxes_are_told_apart_when_somebody_asks(served: Any, command: Command) -> None:
    done = command("audit", "--config", served.config, *QUICK, "--include", "shared")
    excluded = done.manifest["scope"]["excluded"]
    assert excluded["rooms"] > 0
    assert "shared" not in excluded


def test_a_mailbox_without_a_licence_is_what_its_settings_say(served: Any, command: Command) -> None:
    classes = "disabled,unlicensed,shared,rooms"
    done = command("audit", "--config", served.config, *QUICK, "--workload", "exchange", "--include", classes)
    dealt = ("in_step", *CLASSES.split(","))
    made = make_tenant(USERS, 11, photos=None, scenarios=dealt, photo_store="split")
    people = {one.id: one for one in made.accounts}
    table = pq.read_table(done.run / "users", columns=["user_id", "enabled", "licensed", "exchange_plan", "mailbox"])
    asked = 0
    for row in table.to_pylist():
        mailbox = people[row["user_id"]].mailbox
        is_open = not row["exchange_plan"] and not (row["enabled"] and row["licensed"])
        assert row["mailbox"] == ((mailbox.purpose if mailbox else "none") if is_open else "")
        asked += is_open
    assert asked > 3


def test_a_groups_members_are_audited_and_an_excluded_groups_are_not(
    served: Any, plain: Outcome, command: Command
) -> None:
    group = command("audit", "--config", served.config, *QUICK, "--group", "Pilot")
    rest = command("audit", "--config", served.config, *QUICK, "--exclude-group", "Pilot")
    members = {user_id for user_id, _ in group.rows}
    assert members
    assert members < {user_id for user_id, _ in plain.rows}
    assert {user_id for user_id, _ in rest.rows} == {user_id for user_id, _ in plain.rows} - members


def test_nobody_left_to_audit_is_an_error_and_no_empty_success(served: Any, command: Command) -> None:
    done = command(
        "audit", "--config", served.config, *QUICK, "--group", "Pilot", "--exclude-group", "Pilot"
    )  # fmt: skip
    assert done.code == 2
    assert "Nobody is left" in done.err


def test_a_list_that_a_gateway_cuts_is_never_a_whole_audit(tenant: Any, command: Command, tmp_path: Path) -> None:
    """Half of the users are listed, no page names a next one, and the directory does not say how many there are."""
    people = make_tenant(16, 3, photos=None, scenarios=["plain"], photo_store="split").accounts
    entries = [{name: PROPERTIES[name](one) for name in SELECT.split(",")} for one in people]
    lines = ["[[always]]", 'origin = "graph"', 'form = "own/answer"', "match = '/users/\\$count'", 'times = "ever"',
             "status = 403"]  # fmt: skip
    for top, shown in ((PAGE, 8), (other_page(8, 8), other_page(8, 8))):
        (tmp_path / f"{top}.json").write_text(json.dumps({"value": entries[:shown]}), encoding="utf-8")
        lines += ["[[always]]", 'origin = "graph"', 'form = "own/answer"', f"match = '/users\\?.*top={top}$'",
                  'times = "ever"', 'content_type = "application/json"', f'file = "{top}.json"']  # fmt: skip
    plan = tmp_path / "plan.toml"
    plan.write_text("\n".join(lines), encoding="utf-8")
    served = tenant(users=16, seed=3, scenarios="plain", faults=plan)
    done = command("audit", "--config", served.config, *QUICK)
    assert done.code == 4
    assert done.manifest["scope"]["directory"] == 8
    assert "list may not be whole: 8 accounts were listed, 5 in a second list" in done.manifest["incomplete_because"][0]
