"""From a tenant to a report, with the installed command over real sockets."""

from __future__ import annotations

import csv
import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from auditor.collectors.build import permissions
from auditor.diagnosis.causes import explained
from auditor.diagnosis.rules import RULES, WITHOUT_DRIFT
from auditor.model import Workload
from tests.journeys.conftest import Command, Outcome

USERS = 180


@pytest.fixture(scope="module")
def whole(tenant: Any) -> Any:
    return tenant(users=USERS, seed=11)


def truth_of(served: Any) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["user_id"], row["workload"]): row for row in served.truth() if row["in_scope"] == "true"}


def assert_true(done: Outcome, served: Any) -> None:
    """Status, verdict, cause and bytes of every copy are what truth.csv says."""
    truth = truth_of(served)
    assert done.code == 1, done.err
    rows = done.rows
    assert rows.keys() == truth.keys()
    said = ("status", "verdict", "cause")
    wrong = {
        key: [(row[name], truth[key][name]) for name in said if row[name] != truth[key][name]]
        for key, row in rows.items()
        if any(row[name] != truth[key][name] for name in said)
    }
    assert wrong == {}
    digests = {key: row["sha256"] for key, row in truth.items() if row["sha256"]}
    assert {key: rows[key]["sha256"] for key in digests} == digests


@pytest.fixture(scope="module")
def by_default(whole: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return Command(tmp_path_factory.mktemp("default"))("audit", "--config", whole.config)


@pytest.fixture(scope="module")
def some(by_default: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A file with a few users, all verdicts among them, and the verdicts that the whole audit gave them."""
    by_verdict: dict[str, list[str]] = {}
    for (user_id, _), row in sorted(by_default.rows.items()):
        by_verdict.setdefault(row["verdict"], []).append(user_id)
    wanted = sorted({user_id for users in by_verdict.values() for user_id in dict.fromkeys(users[:3])})
    assert len(wanted) < USERS / 3
    file = tmp_path_factory.mktemp("some") / "some.csv"
    file.write_text("user_id\n" + "\n".join(wanted) + "\n", encoding="utf-8")
    return Some(file, {key: verdict for key, verdict in by_default.verdicts().items() if key[0] in set(wanted)})


@dataclass(frozen=True)
class Some:
    file: Path
    by_default: dict[tuple[str, str], str]

    def verdicts(self, *, without: str) -> dict[tuple[str, str], str]:
        """The verdicts of the whole audit on these users, but for one workload's."""
        return {key: verdict for key, verdict in self.by_default.items() if key[1] != without}


def test_everything_said_of_every_copy_is_the_truth(whole: Any, by_default: Any) -> None:
    assert_true(by_default, whole)


@pytest.mark.soak
@pytest.mark.parametrize("store", ["mailbox-first", "unified"])
def test_everything_said_is_the_truth_whichever_store_graph_reads(tenant: Any, command: Command, store: str) -> None:
    served = tenant(users=USERS, seed=11, photo_store=store)
    assert_true(command("audit", "--config", served.config), served)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("env", "workload", "way"),
    [
        ({"PHOTO_AUDITOR_ENTRA_BATCH": "false"}, "entra", "graph_single"),
        ({"PHOTO_AUDITOR_EXCHANGE_PROTOCOL": "soap"}, "exchange", "ews_soap"),
    ],
)
def test_another_way_of_reading_gives_the_same_verdicts(
    whole: Any, by_default: Any, command: Command, env: dict[str, str], workload: str, way: str
) -> None:
    done = command("audit", "--config", whole.config, env=env)
    assert done.verdicts() == by_default.verdicts()
    ways = {row["way"] for (_, name), row in done.rows.items() if name == workload}
    assert way in ways
    assert "graph_batch" not in ways


def test_with_a_secret_only_sharepoint_is_unchecked_and_the_run_says_why(
    whole: Any, some: Any, command: Command
) -> None:
    secret = {"AZURE_CLIENT_SECRET": whole.info["client_secret"]}
    done = command("audit", "--config", whole.config, "--users-from", some.file, env=secret)
    assert done.code == 4
    assert done.verdicts(without="sharepoint") == some.verdicts(without="sharepoint")
    rows = [row for (_, workload), row in done.rows.items() if workload == "sharepoint"]
    assert {(row["status"], row["verdict"]) for row in rows} == {("unknown", "unchecked")}
    assert {row["reason"] for row in rows} == {"sign_in_needs_certificate"}
    assert "certificate" in (done.run / "report" / "report.html").read_text(encoding="utf-8")
    assert whole.info["client_secret"] not in done.out + done.err + json.dumps(done.manifest)


def test_with_ews_off_only_exchange_is_unchecked_and_that_is_no_fault(tenant: Any, command: Command) -> None:
    served = tenant(users=40, seed=11, ews="off")
    asked = ("audit", "--config", served.config)
    done = command(*asked)
    assert done.code == 1
    truth = {key: row["verdict"] for key, row in truth_of(served).items()}
    assert done.verdicts(without="exchange") == {key: said for key, said in truth.items() if key[1] != "exchange"}
    rows = [row for (_, workload), row in done.rows.items() if workload == "exchange"]
    assert {(row["status"], row["verdict"], row["reason"]) for row in rows} == {
        ("unknown", "unchecked", "not_separately_readable")
    }
    few = [word for user_id in sorted({key[0] for key in truth})[:3] for word in ("--user", user_id)]
    assert command(*asked, *few, "--workload", "entra", "--workload", "exchange", "--require", "exchange").code == 4


def test_a_tenant_without_engage_is_told_so_once_and_never_incomplete(tenant: Any, command: Command) -> None:
    served = tenant(users=12, seed=3, engage=False)
    env = {"PHOTO_AUDITOR_YAMMER_SIGN_IN": "device_code"}
    done = command("audit", "--config", served.config, "--workload", "entra", "--workload", "yammer", env=env)
    # Nobody sits at this terminal to sign in, which is a fault; the tenant itself would be none.
    assert done.code == 4
    assert "nobody is signed in" in json.dumps(done.manifest["refusals"])


@pytest.mark.parametrize(
    ("role", "workload", "reason", "name"),
    [
        ("graph:ProfilePhoto.Read.All", "entra", "permission_missing", "ProfilePhoto.Read.All"),
        *(
            pytest.param(*role, marks=pytest.mark.soak)
            for role in (
                ("exchange:full_access_as_app", "exchange", "permission_missing", "full_access_as_app"),
                ("sharepoint:User.Read.All", "sharepoint", "permission_missing", "User.Read.All"),
            )
        ),
    ],
)
def test_a_missing_role_leaves_its_workload_unknown_and_names_the_permission(
    tenant: Any, command: Command, role: str, workload: str, reason: str, name: str
) -> None:
    # Graph gives photos with User.Read.All too, so both go; the list of users is then read from a file.
    roles = [role, "graph:User.Read.All"] if workload == "entra" else [role]
    served = tenant(users=20, seed=5, without_role=roles)
    done = command("audit", "--config", served.config)
    if workload == "entra":
        assert done.code == 3
        assert "User.Read.All" in done.err
        return
    assert done.code == 4
    assert {row["reason"] for (_, one), row in done.rows.items() if one == workload} == {reason}
    assert name in json.dumps(done.manifest)


def test_every_rule_of_diagnosis_explains_a_scenario(by_default: Any) -> None:
    found = {row["cause"] for row in by_default.rows.values()}
    assert {rule.cause for rule in RULES} <= found


def test_every_copy_is_explained_by_its_own_cause_and_by_none_where_all_is_well(whole: Any, by_default: Any) -> None:
    truth = {(row["user_id"], row["workload"]): row["cause"] for row in whole.truth()}
    notes = Path(whole.info["truth_file"]).with_name("truth-notes.csv")
    with notes.open(encoding="utf-8", newline="") as file:
        beside = {(row["user_id"], row["workload"]): row["cause_without_drift"] for row in csv.DictReader(file)}
    found = set()
    for key, row in by_default.rows.items():
        named = [one.cause for one in explained(row)]
        expected = truth[key] or beside[key]
        assert named[:1] == ([expected] if expected else []), row
        assert bool(row["evidence"]) is bool(row["cause"]) is bool(row["fix"])
        found.update(named)
    assert {rule.cause for rule in WITHOUT_DRIFT} <= found


def test_named_users_are_audited_whatever_class_they_are_of(whole: Any, command: Command) -> None:
    guest = next(user for user in whole.users() if "#EXT#" in user["userPrincipalName"])
    done = command("audit", "--config", whole.config, "--user", guest["userPrincipalName"])
    assert {user_id for user_id, _ in done.rows} == {guest["id"]}
    expected = {row["workload"]: row["status"] for row in whole.truth() if row["user_id"] == guest["id"]}
    assert {workload: row["status"] for (_, workload), row in done.rows.items()} == expected


def test_a_few_users_get_the_verdicts_that_the_whole_audit_gave(
    whole: Any, by_default: Any, some: Any, command: Command
) -> None:
    done = command("audit", "--config", whole.config, "--users-from", some.file, "--photos", "all")
    assert done.verdicts() == some.by_default
    # What was kept is every picture that could be read, of users in step too.
    assert kept(done) >= {
        row["sha256"] for row in done.rows.values() if row["sha256"] and row["status"] != "unreadable"
    }
    assert kept(done) - kept(by_default)


@pytest.mark.soak
def test_shards_change_nothing_and_plain_pandas_reads_the_parts(whole: Any, by_default: Any, command: Command) -> None:
    done = command("audit", "--config", whole.config, "--shard-users", "50")
    assert done.verdicts() == by_default.verdicts()
    parts = sorted((done.run / "observations" / "entra").glob("*.parquet"))
    assert len(parts) > 3
    frame = pd.concat(pd.read_parquet(part) for part in parts)
    assert len(frame) == done.manifest["scope"]["in_scope"]


def kept(outcome: Any) -> set[str]:
    return {file.stem for file in (outcome.run / "photos").glob("*/*")}


def test_only_pictures_of_drifting_users_are_kept_unless_asked_otherwise(
    whole: Any, by_default: Any, command: Command
) -> None:
    drifting = {user_id for (user_id, _), row in by_default.rows.items() if row["verdict"] in {
        "variant", "mismatch", "missing", "placeholder", "broken", "unexpected"}}  # fmt: skip
    assert kept(by_default) == {
        row["sha256"]
        for (user_id, _), row in by_default.rows.items()
        if row["sha256"] and row["status"] != "unreadable" and user_id in drifting
    }
    user = "--user", next(user_id for (user_id, _), row in by_default.rows.items() if row["verdict"] == "mismatch")
    assert kept(command("audit", "--config", whole.config, *user, "--photos", "none")) == set()


def test_no_secret_and_no_token_stands_in_anything_that_was_written(whole: Any, by_default: Any) -> None:
    secrets = [whole.info["client_secret"], whole.info["yammer_token"]]
    for file in by_default.run.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert not any(secret.encode() in data for secret in secrets), file
            assert b"eyJ0eXAi" not in data, file
    assert not any(secret in by_default.out + by_default.err for secret in secrets)


def test_fail_on_decides_what_exit_code_one_means(whole: Any, command: Command) -> None:
    user = "--user", next(user["id"] for user in whole.users() if user["accountEnabled"])
    assert command("audit", "--config", whole.config, *user, "--fail-on", "none").code == 0
    wrong = command("audit", "--config", whole.config, *user, "--fail-on", "everything")
    assert wrong.code == 2
    assert "--fail-on" in wrong.err


def test_the_page_names_every_permission_that_was_used_and_what_else_it_opens(by_default: Any) -> None:
    page = html.unescape((by_default.run / "report" / "report.html").read_text(encoding="utf-8"))
    used = permissions(Workload)
    assert len(used) >= 6
    for _, permission in used:
        assert permission.name in page
        assert permission.opens in page
