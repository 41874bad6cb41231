"""A person signs in for every workload: what is read, what this person could not read, and that no app's credential is
asked for or sent."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from benchmarks.hostile_tenant import Hostile
from tests.journeys.conftest import Command, on_a_terminal
from tests.journeys.test_no_secret import leaks, secrets_of, written
from tests.relay import hostile_tenant

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals on this platform")

SCENARIOS = "in_step,sharepoint_never_visited,swapped"
OWN = {
    "https://graph.microsoft.com": {"graph"},
    "https://outlook.office365.com": {"exchange"},
    "https://contoso.sharepoint.com": {"sharepoint"},
    "https://contoso-my.sharepoint.com": {"sharepoint_my"},
    "https://contosoaus-my.sharepoint.com": {"sharepoint_my_satellite"},
    "https://www.yammer.com": {"yammer"},
}
"""Which origin each audience's tokens may come to."""


BROWSER = """
import html, re, ssl, sys, urllib.parse, urllib.request
trust = ssl.create_default_context(cafile={ca_bundle!r})
with urllib.request.urlopen(sys.argv[1], context=trust, timeout=30) as answer:
    page = answer.read().decode()
where = html.unescape(re.search('action="([^"]+)"', page)[1])
fields = re.findall('name="([^"]+)" value="([^"]*)"', page)
form = urllib.parse.urlencode([(name, html.unescape(value)) for name, value in fields]).encode()
urllib.request.urlopen(where, form, timeout=30).close()
"""
"""A browser that somebody is signed in with: it submits the form with which the sign-in service sends it back."""


def agents(config: Path, method: str = "device_code") -> Path:
    """The settings file of somebody at a help desk: the tenant's own without the app that signs in as itself."""
    text = config.read_text(encoding="utf-8")
    for line in (r"client_id = .*\n", r'certificate = "client.pem"\n', r"token_file = .*\n"):
        text, count = re.subn(rf"(?m)^{line}", "", text)
        assert count == 1, line
    file = config.parent / f"agent-{method}.toml"
    file.write_text(text.replace("[sign_in]\n", f'[sign_in]\nmethod = "{method}"\n'), encoding="utf-8")
    return file


def explained(
    config: Path, user: str, folder: Path, *words: str, env: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any], str]:
    """Exit code, the ticket as JSON, and what the terminal showed."""
    told = ["explain", user, "--config", str(config), "--output", "json", "--quiet", *words]
    code, out, err = on_a_terminal(told, dict(env or {}), folder)
    assert "Traceback" not in err
    return code, json.loads(out) if out.strip() else {}, err


def drifting(truth_file: Path) -> dict[str, dict[str, str]]:
    """The truth by workload of a user in scope whose SharePoint copy is missing."""
    with truth_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    (user, *_) = [row["user_id"] for row in rows if row["verdict"] == "missing" and row["in_scope"] == "true"]
    return {row["workload"]: row for row in rows if row["user_id"] == user}


@pytest.fixture(scope="module")
def relayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    """A tenant behind a relay that notes every token and form; whatever is asked elsewhere ends in a trap."""
    words = ("--scenarios", SCENARIOS)
    with hostile_tenant(tmp_path_factory.mktemp("relay"), users=12, seed=11, words=words) as running:
        yield running


def test_one_sign_in_reads_every_workload_and_no_credential_of_the_app_is_sent(
    relayed: Hostile, tmp_path: Path
) -> None:
    truth = drifting(Path(relayed.info["truth_file"]))
    (user,) = {row["user_id"] for row in truth.values()}
    trap = f"http://127.0.0.1:{relayed.traps[-1].port}"
    env = {"HTTPS_PROXY": trap, "ALL_PROXY": trap}
    page = tmp_path / "page.html"
    code, told, err = explained(agents(relayed.config), user, tmp_path, "--html", str(page), env=env)
    assert code == 1, err
    assert {one["workload"]: (one["status"], one["verdict"]) for one in told["copies"]} == {
        workload: (row["status"], row["verdict"]) for workload, row in truth.items()
    }
    assert told["gaps"] == []
    assert told["sign_in"].startswith(
        f"Read by the app {relayed.info['delegated_client_id']}:"
        " Entra ID, Exchange, SharePoint and Viva Engage with the permissions of a person."
    ), told["sign_in"]
    assert "every mailbox that this person may open" in told["sign_in"]
    assert err.count("enter the code") == 1, "one sign-in serves every audience"
    forms = [parse_qs(body.decode()) for name, path, body in relayed.relay.asked if path.endswith("/token")]
    assert {one["grant_type"][0] for one in forms} == {
        "urn:ietf:params:oauth:grant-type:device_code", "refresh_token",
    }  # fmt: skip
    assert not {"client_secret", "client_assertion"} & {name for one in forms for name in one}
    assert {one["client_id"][0] for one in forms} == {relayed.info["delegated_client_id"]}
    # Each token came to the origins of its own audience, and to no picture host and no trap.
    assert relayed.relay.audiences == OWN
    assert relayed.relay.strangers == []
    assert [one.caught for one in relayed.traps] == [[], [], []]
    places = [("terminal", (err + json.dumps(told)).encode()), *written(tmp_path)]
    assert relayed.relay.tokens
    assert leaks(secrets_of(relayed), places) == []


@pytest.fixture(scope="module")
def partly(tenant: Any) -> Any:
    """A tenant in which nobody consented to Exchange, and to SharePoint only in part."""
    roles = ["exchange:EWS.AccessAsUser.All", "sharepoint:User.Read.All"]
    return tenant(users=12, seed=11, scenarios=SCENARIOS, without_role=roles, request_log=True)


def test_what_the_sign_in_cannot_read_is_told_with_the_permission_it_was_tried_with(
    partly: Any, tmp_path: Path
) -> None:
    user = next(iter(drifting(Path(partly.info["truth_file"])).values()))["user_id"]
    code, told, err = explained(agents(partly.config), user, tmp_path)
    assert code == 4, err
    gaps = {one["workload"]: one for one in told["gaps"]}
    assert set(gaps) == {"exchange", "sharepoint"}
    assert "AADSTS65001" in gaps["exchange"]["answer"]
    assert gaps["exchange"]["permissions"] == ["EWS.AccessAsUser.All on Office 365 Exchange Online (delegated)"]
    assert gaps["sharepoint"]["permissions"] == [
        "User.Read.All on SharePoint (delegated)", "AllSites.Read on SharePoint (delegated)",
    ]  # fmt: skip
    assert {gap["reason"] for gap in gaps.values()} == {"permission_missing"}
    # Nothing is called missing that could not be read, and the others are read all the same.
    assert {one["workload"]: one["status"] for one in told["copies"]} == {
        "entra": "photo", "exchange": "unknown", "sharepoint": "unknown", "yammer": "photo",
    }  # fmt: skip
    assert err.count("enter the code") == 1, "a refusal for one service asks nobody to sign in again"
    code, out, _ = on_a_terminal(
        ["explain", user, "--config", str(agents(partly.config)), "--quiet"], {}, tmp_path
    )  # fmt: skip
    said = re.sub(r"\s+", " ", out)
    assert "Could not be read with this sign-in: - Exchange: Permission missing." in said
    assert "Tried with EWS.AccessAsUser.All on Office 365 Exchange Online (delegated)." in said
    # A token for one service is refused by every other: none ever came to one.
    assert 401 not in {row["status"] for row in partly.requests()}


def test_the_doctor_names_delegated_permissions_where_a_person_signs_in(partly: Any, tmp_path: Path) -> None:
    code, out, _ = on_a_terminal(
        ["doctor", "--config", str(agents(partly.config)), "--output", "json"], {}, tmp_path
    )  # fmt: skip
    assert code == 1
    found = {(one["probe"], one["level"]): one for one in json.loads(out)["findings"]}
    assert "a person signs in with a device code" in found["credential", "ok"]["says"]
    exchange = found["sign-in for Exchange", "problem"]
    assert "missing: EWS.AccessAsUser.All (delegated, on Office 365 Exchange Online)" in exchange["says"]
    assert any("3b5f3d61-589b-4a3c-a359-5dd4b5ee5bd5=Scope" in line for line in exchange["remedy"])
    assert exchange["remedy"][-1].endswith(f"adminconsent?client_id={partly.info['delegated_client_id']}")
    sharepoint = found["permissions on SharePoint", "problem"]
    assert "missing: User.Read.All (delegated, on SharePoint); the token carries: AllSites.Read" in sharepoint["says"]
    assert any("0cea5a30-f6f8-42b5-87a0-84cc26822e02=Scope" in line for line in sharepoint["remedy"])
    assert ("permissions on Microsoft Graph", "ok") in found
    assert "full_access_as_app" not in out
    assert "Role" not in out.replace("Privileged Role Administrator", "")


@pytest.fixture(scope="module")
def sound(tenant: Any) -> Any:
    """A tenant in which a person with the role People Administrator signs in, and consent is enough for everything."""
    roles = ["graph:ProfilePhoto.Read.All"]
    return tenant(
        users=12, seed=11, scenarios=SCENARIOS, without_role=roles, signed_in="administrator", uploads="admins"
    )  # fmt: skip


def test_the_doctor_finds_a_sound_sign_in_sound(sound: Any, tmp_path: Path) -> None:
    code, out, err = on_a_terminal(["doctor", "--config", str(agents(sound.config))], {}, tmp_path)
    assert code == 0, out
    assert err.count("enter the code") == 1
    said = re.sub(r"\s+", " ", out)
    # What the token lacks is told, and is no problem: Graph shows photos for User.Read.All too.
    assert "ProfilePhoto.Read.All is not in the token, and Microsoft Graph answers all the same" in said
    assert "EWS.AccessAsUser.All" in said


def test_a_person_who_may_not_read_others_is_told_so(tenant: Any, tmp_path: Path) -> None:
    served = tenant(users=12, seed=11, scenarios=SCENARIOS, signed_in="restricted")
    user = next(iter(drifting(Path(served.info["truth_file"])).values()))["user_id"]
    config = agents(served.config)
    code, told, err = explained(config, user, tmp_path)
    assert (code, told) == (3, {})
    assert "Authorization_RequestDenied" in err
    assert "this person must be allowed to read other users" in re.sub(r"\s+", " ", err)
    code, out, _ = on_a_terminal(["doctor", "--config", str(config)], {}, tmp_path)
    assert code == 3
    assert "the person who signed in may not read other users" in re.sub(r"\s+", " ", out)


def test_a_few_users_are_audited_by_a_person_who_signs_in_with_a_browser(sound: Any, tmp_path: Path) -> None:
    browser = tmp_path / "browser.py"
    browser.write_text(BROWSER.format(ca_bundle=sound.info["ca_bundle"]), encoding="utf-8")
    users = [one["userPrincipalName"] for one in sound.users() if one["inScope"]][:3]
    run = tmp_path / "run"
    words = ["audit", "--config", str(agents(sound.config, "browser")), "--run", str(run), "--quiet"]
    env = {"BROWSER": f"{sys.executable} {browser} %s &"}
    code, _, err = on_a_terminal([*words, *(word for upn in users for word in ("--user", upn))], env, tmp_path)
    assert code in {0, 1}, err
    assert err.count("A browser window opens") == 1
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["app"] == sound.info["delegated_client_id"]
    kinds = {(one["workload"], one["name"]): one["kind"] for one in manifest["permissions"]}
    assert set(kinds.values()) == {"delegated"}
    assert ("exchange", "EWS.AccessAsUser.All") in kinds
    assert all(one["opens"] for one in manifest["permissions"])
    # Only a person with the role may read who may change photos.
    assert manifest["photo_updates"]["allowedRoles"]
    with (run / "report" / "observations.csv").open(encoding="utf-8-sig", newline="") as file:
        verdicts = {(row["user_id"], row["workload"]): row["verdict"] for row in csv.DictReader(file)}
    truth = {(row["user_id"], row["workload"]): row["verdict"] for row in sound.truth()}
    assert verdicts == {key: truth[key] for key in verdicts}
    assert len(verdicts) == 4 * len(users)
    assert "EWS.AccessAsUser.All" in (run / "report" / "report.html").read_text(encoding="utf-8")


def test_where_nobody_can_sign_in_that_is_said_and_nobody_is_asked(partly: Any, command: Command) -> None:
    done = command("explain", "somebody@contoso.com", "--config", agents(partly.config))
    assert done.code == 3
    assert "nobody is signed in" in done.err
    assert "run once on a terminal and sign in" in done.err


def test_a_way_to_sign_in_without_an_app_for_it_is_named(partly: Any, command: Command) -> None:
    text = re.sub(r"(?m)^delegated_client_id = .*\n", "", agents(partly.config).read_text(encoding="utf-8"))
    file = command.folder / "photo-auditor.toml"
    file.write_text(text, encoding="utf-8")
    done = command("explain", "somebody@contoso.com")
    assert done.code == 2
    assert "sign_in.delegated_client_id is not set" in done.err
    assert "a person signs in (sign_in.method is device_code)" in done.err
