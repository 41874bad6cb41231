"""One user asked about now, or read from the last run: the answer that a help desk gives."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

import pytest

from tests.journeys.conftest import Command

KNOWN = ("status", "verdict")


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=12, seed=11, request_log=True, scenarios="in_step,sharepoint_never_visited,swapped,guest")


@pytest.fixture(scope="module")
def audited(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder of runs with one finished run of everybody."""
    folder = tmp_path_factory.mktemp("runs")
    done = Command(folder)("audit", "--config", served.config, run=folder / "reports" / "whole")
    assert done.code == 1, done.err
    return done


def someone(served: Any, verdict: str, **more: str) -> dict[str, str]:
    """The truth about a copy with this verdict whose user is in scope."""
    rows = (row for row in served.truth() if row["in_scope"] == "true" and row["verdict"] == verdict)
    return next(row for row in rows if all(row[name] == value for name, value in more.items()))


def truth_of(served: Any, user_id: str) -> dict[str, tuple[str, ...]]:
    return {
        row["workload"]: tuple(row[name] for name in KNOWN) for row in served.truth() if row["user_id"] == user_id
    }  # fmt: skip


def test_a_user_is_asked_about_now_and_every_copy_is_told_as_it_is(served: Any, command: Command) -> None:
    user_id = someone(served, "missing", cause="sharepoint_never_visited")["user_id"]
    upn = next(user["userPrincipalName"] for user in served.users() if user["id"] == user_id)
    scratch = command.folder / "scratch"
    scratch.mkdir()
    page, text = command.folder / "tickets" / "page.html", command.folder / "tickets" / "ticket.md"
    done = command(
        "explain", upn, "--config", served.config, "--output", "json", "--html", page, "--markdown", text,
        env={"TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)},
    )  # fmt: skip
    assert done.code == 1, done.err
    told = json.loads(done.out)
    assert {copy["workload"]: tuple(copy[name] for name in KNOWN) for copy in told["copies"]} == truth_of(
        served, user_id
    )
    (found,) = told["differences"]
    assert found["causes"][0]["cause"] == "sharepoint_never_visited"
    assert {"Found", "Fix"} <= {label for label, _ in found["causes"][0]["said"]}
    assert "24 hours after the visit as a rule, 72 at most" in found["wait"]
    assert upn in text.read_text(encoding="utf-8")
    shown = page.read_text(encoding="utf-8")
    assert upn in shown
    assert "data:image/" in shown, "the pictures stand on the page"
    others = {user["userPrincipalName"] for user in served.users()} - {upn}
    assert not [other for other in others if other in shown]
    # Nothing else is left behind, and what was asked for is its owner's alone.
    assert list(scratch.iterdir()) == []
    assert not (command.folder / "reports").exists()
    if os.name == "posix":
        assert {stat.S_IMODE(file.stat().st_mode) for file in (page, text)} == {0o600}


def test_who_is_named_by_mail_address_is_found_though_a_guest_and_that_is_said(served: Any, command: Command) -> None:
    guest = next(user for user in served.users() if user["userType"] == "Guest")
    done = command("explain", guest["mail"], "--config", served.config, "--workload", "entra")
    assert done.code in {0, 1}
    assert guest["userPrincipalName"] in done.out
    assert "--include guests" in done.out


def test_what_the_sign_in_cannot_read_is_said_with_what_helps(served: Any, command: Command) -> None:
    user_id = someone(served, "match", workload="exchange")["user_id"]
    env = {"AZURE_CLIENT_SECRET": served.info["client_secret"]}
    done = command(
        "explain", user_id, "--config", served.config, "--workload", "entra", "--workload", "sharepoint", env=env
    )
    assert done.code == 4
    assert "Could not be read with this sign-in" in done.out
    assert "Configure a client certificate" in done.out
    assert "Tried with User.Read.All on SharePoint" in done.out.replace("\n  ", " ")
    assert "Not asked" in done.out


def test_the_last_run_answers_without_asking_anyone(served: Any, audited: Any, command: Command) -> None:
    user_id = someone(served, "mismatch", cause="photo_of_another_user")["user_id"]
    asked = len(served.requests())
    done = command("explain", user_id, "--last-run", "--runs", audited.run.parent, "--output", "json")
    assert done.code == 1, done.err
    assert len(served.requests()) == asked
    told = json.loads(done.out)
    assert {copy["workload"]: tuple(copy[name] for name in KNOWN) for copy in told["copies"]} == truth_of(
        served, user_id
    )
    assert "photo_of_another_user" in {found["causes"][0]["cause"] for found in told["differences"]}
    assert told["run_id"] == audited.manifest["run_id"]


def test_a_newer_run_about_somebody_else_does_not_stand_in_the_way(served: Any, audited: Any, command: Command) -> None:
    runs = audited.run.parent
    one, other = (someone(served, verdict)["user_id"] for verdict in ("missing", "mismatch"))
    newer = command("audit", "--config", served.config, "--user", one, "--workload", "entra", run=runs / "newer")
    for user_id, run in ((one, newer), (other, audited)):
        found = command("explain", user_id, "--last-run", "--runs", runs, "--output", "json")
        assert json.loads(found.out)["run_id"] == run.manifest["run_id"]


def test_a_user_in_step_ends_with_0(served: Any, audited: Any, command: Command) -> None:
    by_user: dict[str, set[str]] = {}
    for row in served.truth():
        by_user.setdefault(row["user_id"], set()).add(row["verdict"])
    user_id = next(one for one, verdicts in by_user.items() if verdicts == {"reference", "match"})
    done = command("explain", user_id, "--run", audited.run)
    assert done.code == 0
    assert "show the same photo" in done.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nobody@contoso.com"], "There is no user 'nobody@contoso.com'"),
        (["a guest", "--run"], "': not in its scope"),
        (["nobody@contoso.com", "--last-run"], "has a user 'nobody@contoso.com'"),
    ],
)
def test_a_user_that_is_not_there_is_named_with_what_to_do(
    served: Any, audited: Any, command: Command, words: list[str], told: str
) -> None:
    where: dict[str, list[object]] = {
        "--run": [audited.run], "--last-run": ["--runs", audited.run.parent], "": ["--config", served.config],
    }  # fmt: skip
    guest = next(user["userPrincipalName"] for user in served.users() if user["userType"] == "Guest")
    words = [guest if word == "a guest" else word for word in words]
    done = command("explain", *words, *where[words[-1] if words[-1].startswith("--") else ""])
    assert done.code == 2
    assert told in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    "words",
    [["--last-run", "--run", "x"], ["--last-run", "--workload", "entra"], ["--run", "x", "--config", "y.toml"]],
)
def test_options_that_contradict_each_other_are_refused(command: Command, words: list[str]) -> None:
    done = command("explain", "ada@contoso.com", *words)
    assert done.code == 2
    assert "Usage" in done.err


def test_without_a_run_the_last_one_cannot_be_read(command: Command) -> None:
    (command.folder / "reports").mkdir()
    done = command("explain", "ada@contoso.com", "--last-run")
    assert done.code == 2
    assert "There is no finished run in reports" in done.err


def test_a_folder_that_is_no_run_is_named(command: Command) -> None:
    done = command("explain", "ada@contoso.com", "--run", command.folder / "nothing")
    assert done.code == 2
    assert "There is no run in" in done.err
