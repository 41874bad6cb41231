"""`photo-auditor doctor` as its users run it: exit codes, JSON, nothing but reads, and no secret in what it prints."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.hostile_tenant import Hostile
from tests.journeys.conftest import Command, on_a_terminal
from tests.journeys.test_no_secret import leaks, secrets_of
from tests.journeys.test_reads_only import could_write
from tests.relay import hostile_tenant


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture(scope="module")
def relayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    """A tenant behind a relay that notes every token; whatever is asked elsewhere ends in a trap."""
    with hostile_tenant(tmp_path_factory.mktemp("relay"), users=16, seed=4, words=("--request-log",)) as running:
        yield running


def environment(tenant: Hostile, **more: str) -> dict[str, str]:
    trap = f"http://127.0.0.1:{tenant.traps[-1].port}"
    return {"HTTPS_PROXY": trap, "ALL_PROXY": trap, **more}


def test_a_sound_set_up_ends_with_0_and_one_line_a_probe(relayed: Hostile, command: Command) -> None:
    done = command("doctor", "--config", relayed.direct_config, env=environment(relayed))
    assert done.code == 0, done.out
    *lines, last = done.out.splitlines()
    assert len(lines) > 20
    assert [line for line in lines if not re.match(r"ok {7}[A-Za-z]| {9}→ ", line)] == []
    assert last == "An audit can read all that is configured. 0 problems, 0 warnings."


def test_nothing_that_a_diagnosis_prints_holds_a_secret_and_nothing_that_it_asks_could_write(
    relayed: Hostile, command: Command
) -> None:
    said = []
    for places, more in (
        ((), {}),
        ((), {"AZURE_CLIENT_SECRET": relayed.info["client_secret"]}),
        (("PersonalSiteHostUrl", "PictureURL", "Location of userphoto.aspx", "mugshot_url_template"), {}),
    ):
        relayed.relay.hostile = places
        done = command("doctor", "--config", relayed.direct_config, env=environment(relayed, **more))
        said.append(done.out + done.err)
    relayed.relay.hostile = ()
    assert len(relayed.relay.tokens) > 4
    assert leaks(secrets_of(relayed), [("terminal", "\n".join(said).encode())]) == []
    assert [data for one in relayed.traps for data in one.caught if data] == []
    log = relayed.direct_config.parent / "requests.jsonl"
    asked = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {one["origin"] for one in asked} >= {
        "identity",
        "graph",
        "exchange",
        "sharepoint",
        "sharepoint_my",
        "yammer",
    }
    assert [one for one in asked if could_write(one, one["origin"])] == []


def test_a_part_that_cannot_be_read_ends_with_1_and_says_so_in_json(relayed: Hostile, command: Command) -> None:
    env = environment(relayed, PHOTO_AUDITOR_EXCHANGE_ORIGIN="https://127.0.0.1:1")
    done = command("doctor", "--config", relayed.direct_config, "--output", "json", env=env)
    assert done.code == 1
    said = json.loads(done.out)
    assert said["exit_code"] == 1
    problems = [one for one in said["findings"] if one["level"] == "problem"]
    assert [one["probe"] for one in problems] == ["Exchange"]
    assert set(problems[0]) == {"probe", "level", "says", "remedy", "stops"}
    assert problems[0]["remedy"]


def test_an_audit_that_could_not_begin_ends_with_3(relayed: Hostile, command: Command) -> None:
    env = environment(relayed, AZURE_CLIENT_ID="11111111-1111-1111-1111-111111111111")
    done = command("doctor", "--config", relayed.direct_config, env=env)
    assert done.code == 3
    assert "PROBLEM  sign-in for Microsoft Graph: " in done.out
    assert "AADSTS700016" in done.out
    assert "\n         → check sign_in.client_id" in done.out
    assert done.out.splitlines()[-1].startswith("An audit could not begin. 1 problem")


def test_settings_that_cannot_be_used_are_a_finding_and_end_with_2(command: Command) -> None:
    done = command("doctor", "--config", command.folder / "gone.toml")
    assert done.code == 2
    assert done.out.startswith("PROBLEM  settings: There is no settings file")
    (command.folder / "settings.toml").write_text("[tenant]\n")
    said = json.loads(command("doctor", "--config", command.folder / "settings.toml", "--output", "json").out)
    assert (said["exit_code"], said["findings"][0]["probe"]) == (2, "settings")
    assert "AZURE_TENANT_ID" in said["findings"][0]["says"]


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals on this platform")
def test_on_a_terminal_a_person_signs_in_and_a_tenant_without_viva_engage_is_told(
    tenant: Any, command: Command
) -> None:
    """The device code is told on standard error; the sign-in service itself says AADSTS650052."""
    for options, told in (({}, "a person's"), ({"engage": False}, "AADSTS650052")):
        served = tenant(users=12, seed=2, scenarios="plain", **options)
        text = served.config.read_text(encoding="utf-8")
        file = served.dir / "device.toml"
        file.write_text(text.replace("token_file =", 'sign_in = "device_code"\n# token_file ='), encoding="utf-8")
        code, out, err = on_a_terminal(
            ["doctor", "--config", str(file)], {"PHOTO_AUDITOR_AUDIT_WORKLOADS": "yammer"}, command.folder
        )
        assert code == 0, out
        assert told in out
        assert ("enter the code" in err) is not bool(options)
