"""Every foreseeable error: one message that names the thing and the remedy, the right exit code, no traceback."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Command


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=16, seed=2, scenarios="plain")


def changed(served: Any, folder: Path, pattern: str, replacement: str) -> Path:
    """The tenant's settings with one line changed; its files are named in full."""
    text = served.config.read_text(encoding="utf-8")
    for name in ("client.pem", "yammer-token.txt", "ca-bundle.pem"):
        text = text.replace(f'"{name}"', f"'{served.dir / name}'")
    text, count = re.subn(pattern, lambda _: replacement, text, count=1)
    assert count == 1
    file = folder / "changed.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_settings_the_missing_one_is_named_with_the_ways_to_give_it(command: Command) -> None:
    done = command("audit")
    assert done.code == 2
    assert "tenant.id" in done.err
    assert "AZURE_TENANT_ID" in done.err
    assert not done.run.exists()


def test_a_wrong_secret_is_called_a_wrong_secret(served: Any, command: Command) -> None:
    done = command("audit", "--config", served.config, env={"AZURE_CLIENT_SECRET": "not-the-secret"})
    assert done.code == 3
    assert "the client secret is wrong" in done.err
    assert "not-the-secret" not in done.out + done.err


def test_a_tenant_id_that_does_not_exist_is_named(served: Any, command: Command) -> None:
    file = changed(served, command.folder, r'id = "[^"]+"', 'id = "00000000-0000-0000-0000-000000000000"')
    done = command("audit", "--config", file)
    assert done.code == 3
    assert "tenant.id" in done.err


def test_an_unknown_app_is_named(served: Any, command: Command) -> None:
    file = changed(served, command.folder, r'client_id = "[^"]+"', 'client_id = "11111111-1111-1111-1111-111111111111"')
    done = command("audit", "--config", file)
    assert done.code == 3
    assert "does not know the app" in done.err


def test_an_ended_certificate_is_found_before_anyone_is_asked(tenant: Any, command: Command) -> None:
    expired = tenant(users=5, seed=2, expired_certificate=True)
    done = command("audit", "--config", expired.config)
    assert done.code == 2
    assert "ended on" in done.err
    assert "client.pem" in done.err


def test_a_certificate_that_is_none_is_named(served: Any, command: Command) -> None:
    (command.folder / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\njunk\n-----END CERTIFICATE-----\n")
    file = changed(served, command.folder, r"certificate = .*", "certificate = 'junk.pem'")
    done = command("audit", "--config", file)
    assert done.code == 2
    assert "junk.pem" in done.err


def test_an_untrusted_authority_names_the_option_that_helps(served: Any, command: Command) -> None:
    file = changed(served, command.folder, r"ca_bundle = .*", "")
    done = command("audit", "--config", file)
    assert done.code == 3
    assert "--ca-bundle" in done.err


def test_a_bundle_without_certificates_is_named(served: Any, command: Command) -> None:
    bundle = command.folder / "empty.pem"
    bundle.write_text("nothing here\n")
    done = command("audit", "--config", served.config, "--ca-bundle", bundle)
    assert done.code == 2
    assert "empty.pem" in done.err


def test_an_unreachable_sign_in_service_is_named(served: Any, command: Command) -> None:
    file = changed(served, command.folder, r'authority = "[^"]+"', 'authority = "https://127.0.0.1:1"')
    done = command("audit", "--config", file)
    assert done.code == 3
    assert "sign_in.authority" in done.err


def test_an_unreachable_workload_leaves_its_copies_unknown_and_the_rest_whole(served: Any, command: Command) -> None:
    file = changed(
        served,
        command.folder,
        r'(?s)(?<=\[exchange\]\nenabled = true\n)origin = "[^"]+"',
        'origin = "https://127.0.0.1:1"',
    )
    done = command("audit", "--config", file, "--workload", "exchange", "--workload", "entra")
    assert done.code == 4
    assert {row["reason"] for (_, one), row in done.rows.items() if one == "exchange"} == {"unreachable"}
    assert all(row["status"] != "unknown" for (_, one), row in done.rows.items() if one == "entra")
    # Nothing was found to differ, and who reads nothing but the table of what differs must not take that for good.
    (told,) = csv.DictReader((done.run / "report" / "drift.csv").read_text(encoding="utf-8").splitlines())
    assert (told["workload"], told["reason"], told["run_complete"]) == ("exchange", "run_incomplete", "false")
    assert "unreachable" in told["detail"]


def test_a_user_that_does_not_exist_is_named(served: Any, command: Command) -> None:
    file = command.folder / "users.txt"
    file.write_text("nobody@contoso.com\n", encoding="utf-8")
    done = command("audit", "--config", served.config, "--users-from", file)
    assert done.code == 2
    assert "nobody@contoso.com" in done.err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "There is no file"),
        (b"", "names no users"),
        (b"\xff\xfe\x00junk", "UTF-8"),
        (b"name,department\nA,B\n", "none of the columns"),
        (b'{"upn": "a@contoso.com"}\n{broken\n', "line 2"),
    ],
)
def test_a_users_file_that_cannot_be_used_is_named(
    served: Any, command: Command, content: bytes | None, told: str
) -> None:
    file = command.folder / "users.txt"
    if content is not None:
        file.write_bytes(content)
    done = command("audit", "--config", served.config, "--users-from", file)
    assert done.code == 2
    assert told in done.err


def test_a_group_that_does_not_exist_is_named(served: Any, command: Command) -> None:
    done = command("audit", "--config", served.config, "--group", "No Such Group")
    assert done.code == 2
    assert "No Such Group" in done.err


def test_an_ended_engage_token_leaves_engage_unknown_and_names_the_remedy(served: Any, command: Command) -> None:
    (command.folder / "old-token.txt").write_text("not-a-token")
    file = changed(served, command.folder, r"token_file = .*", "token_file = 'old-token.txt'")
    done = command("audit", "--config", file, "--workload", "yammer", "--workload", "entra")
    assert done.code == 4
    rows = [row for (_, one), row in done.rows.items() if one == "yammer"]
    assert {(row["status"], row["reason"]) for row in rows} == {("unknown", "sign_in_failed")}
    assert "sign a person in anew" in str(done.manifest["refusals"])


def test_a_folder_that_holds_something_else_is_not_written_into(served: Any, command: Command) -> None:
    folder = command.folder / "mine"
    folder.mkdir()
    (folder / "thesis.docx").write_text("precious")
    done = command("audit", "--config", served.config, run=folder)
    assert done.code == 2
    assert "thesis.docx" in done.err
    assert [file.name for file in folder.iterdir() if not file.name.startswith(".")] == ["thesis.docx"]


def test_a_folder_that_cannot_be_made_is_named(served: Any, command: Command) -> None:
    blocker = command.folder / "a-file"
    blocker.write_text("in the way")
    done = command("audit", "--config", served.config, run=blocker / "run")
    assert done.code == 2
    assert str(blocker) in done.err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="file size limits do not exist on this platform")
def test_a_full_disk_is_called_a_full_disk(served: Any, command: Command) -> None:
    script = (
        "import errno, auditor.runs.folder as folder\n"
        "from auditor.cli import main\n"
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "limit = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (16384, limit[1]))\n"
        "try: main()\n"
        "finally: resource.setrlimit(resource.RLIMIT_FSIZE, limit)\n"  # what measures the tests writes files too
    )
    path = command.folder / "full"
    done = subprocess.run(
        [sys.executable, "-c", script, "audit", "--config", str(served.config), "--run", str(path)],
        capture_output=True,
        text=True,
        cwd=command.folder,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "resume" in done.stderr
