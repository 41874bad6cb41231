"""`photo-auditor init`: answers or options in, a settings file and the steps that apply out; never a secret."""

from __future__ import annotations

import io
import os
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from auditor.cli import commands
from auditor.settings import load
from auditor.simulator.registrations import make_certificate
from tests.journeys.conftest import Command

APP, OTHER = "22222222-3333-4444-5555-666666666666", "77777777-8888-9999-aaaa-bbbbbbbbbbbb"


class Init:
    """The command in an empty folder; what is typed comes on standard input."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.file = folder, folder / "photo-auditor.toml"
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str, typed: str = "", env: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Exit code, standard output, standard error; in this process, for most of a process is its start."""
        with self._monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr("sys.stdin", io.StringIO(typed))
            for name in list(os.environ):
                if name.startswith(("AZURE_", "PHOTO_AUDITOR_")):
                    patch.delenv(name)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            try:
                code = commands.main(["init", *words], standalone_mode=False) or 0
            except SystemExit as end:
                code = int(end.code or 0)
            except click.ClickException as error:
                error.show()
                code = error.exit_code
        said = self._capsys.readouterr()
        return code, said.out, said.err

    @property
    def settings(self) -> dict[str, Any]:
        return tomllib.loads(self.file.read_text(encoding="utf-8"))


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Init:
    return Init(tmp_path, monkeypatch, capsys)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    file = tmp_path / "photo-auditor.pem"
    file.write_bytes(make_certificate().pem())
    return file


def test_whoever_answers_the_questions_gets_settings_that_load(init: Init, certificate: Path) -> None:
    """Enter takes what is proposed; an answer that cannot be is asked again."""
    typed = "\n".join(["", "contoso", "contoso.onmicrosoft.com", "", "my app", APP, "", "y", "y", "", "", "", OTHER])
    code, out, err = init(typed=typed + "\n")
    assert code == 0, err
    assert "'contoso' is neither a tenant id nor a domain name" in err
    assert "'my app' is no application (client) id" in err
    settings = load(init.file, environ={})
    assert settings.tenant_id == "contoso.onmicrosoft.com"
    assert [str(one) for one in settings.workloads] == ["entra", "sharepoint", "yammer"]
    assert settings.sign_in.certificate == certificate.resolve()
    assert settings.sharepoint is not None
    assert settings.sharepoint.at.origin == "https://contoso.sharepoint.com"
    assert (settings.sign_in.delegated_client_id, settings.sign_in.client_id) == (OTHER, APP)
    assert "photo-auditor doctor" in err
    # The steps that apply, with one's own names, and no others.
    assert f"az ad sp create --id {APP}" in out
    assert f"az ad app delete --id {OTHER}" in out
    assert "## App 1: SharePoint" in out
    assert "00000000-0000-0000-0000-000000000000" not in out
    assert "full_access_as_app" not in out
    assert "client secret instead" not in out


def test_options_alone_are_enough_and_nobody_is_asked(init: Init, certificate: Path) -> None:
    code, out, err = init(
        "--no-input", "--tenant", "0F1C2D3E-0000-4000-8000-00000000000a", "--client-id", APP, "--workload", "exchange",
        "--workload", "yammer", "--engage-sign-in", "token_file", "--engage-token-file", "token.txt", "--no-steps",
    )  # fmt: skip
    assert (code, out) == (0, ""), err
    (init.folder / "token.txt").write_text("token")
    settings = load(init.file, environ={})
    assert settings.tenant_id == "0f1c2d3e-0000-4000-8000-00000000000a"
    assert [str(one) for one in settings.workloads] == ["entra", "exchange", "yammer"]
    assert settings.yammer is not None
    assert settings.yammer.token_file == (init.folder / "token.txt").resolve()


def test_another_cloud_has_its_own_addresses_and_no_viva_engage(init: Init, certificate: Path) -> None:
    given = ("--no-input", "--tenant", "contoso.us", "--client-id", APP, "--cloud", "gcc-high")
    assert init(*given, "--workload", "yammer")[0] == 2
    assert not init.file.exists()
    code, out, err = init(*given, "--workload", "sharepoint", "--sharepoint", "https://contoso.sharepoint.us")
    assert code == 0, err
    assert init.settings["tenant"]["cloud"] == "gcc-high"
    assert "https://login.microsoftonline.us/contoso.us/adminconsent" in out
    assert load(init.file, environ={}).entra.at.origin == "https://graph.microsoft.us"


def test_a_secret_is_neither_asked_for_nor_written(init: Init) -> None:
    env = {"AZURE_CLIENT_SECRET": "hunter2-hunter2"}
    given = ("--no-input", "--tenant", "contoso.com", "--client-id", APP)
    code, out, err = init(*given, "--sign-in", "secret", env=env)
    assert code == 0, err
    assert "hunter2" not in out + err + init.file.read_text()
    assert "With a client secret instead" in out
    assert load(init.file, environ=env).sign_in.method == "secret"
    code, _, err = init(*given, "--client-secret", "hunter2", "--force")
    assert code == 2
    assert "No such option" in err


def test_a_file_that_is_there_is_replaced_only_on_demand(init: Init, certificate: Path) -> None:
    init.file.write_text("# mine\n")
    given = ("--no-input", "--tenant", "contoso.com", "--client-id", APP, "--no-steps")
    code, _, err = init(*given)
    assert code == 2
    assert "--force" in err
    assert init.file.read_text() == "# mine\n"
    assert init(*given, "--force")[0] == 0
    assert init.settings["tenant"]["id"] == "contoso.com"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--tenant", "a b"), "--tenant: 'a b' is neither"),
        (("--client-id", "photo-auditor"), "--client-id: 'photo-auditor' is no application"),
        (("--certificate", "junk.pem"), "junk.pem holds no private key"),
        (("--certificate", "."), "is a folder"),
        (("--workload", "sharepoint", "--sharepoint", "http://contoso.sharepoint.com"), "the URL is not https"),
        (("--workload", "sharepoint", "--sharepoint", "contoso-my.sharepoint.com"), "without -my"),
        (("--workload", "sharepoint"), "--sharepoint is missing"),
        (("--config", "gone/settings.toml"), "There is no folder"),
    ],
)
def test_an_answer_that_cannot_be_is_named_and_nothing_is_written(
    init: Init, given: tuple[str, ...], named: str
) -> None:
    (init.folder / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\njunk\n-----END CERTIFICATE-----\n")
    code, out, err = init("--no-input", "--tenant", "contoso.com", "--client-id", APP, "--certificate", "a.pem", *given)
    assert (code, out) == (2, "")
    assert named in err
    assert not init.file.exists()


def test_where_nobody_answers_the_missing_option_is_named(init: Init) -> None:
    code, _, err = init("--tenant", "contoso.com", "--cloud", "global", "--sign-in", "certificate")
    assert code == 2
    assert "--client-id is missing, and nobody is there to be asked" in err


def test_a_certificate_that_is_yet_to_be_made_is_noted(init: Init) -> None:
    code, _, err = init("--no-input", "--tenant", "contoso.com", "--client-id", APP)
    assert code == 0
    assert "photo-auditor.pem is not there yet" in err


def test_the_installed_command_writes_a_file_that_only_its_owner_reads(command: Command) -> None:
    given = ("--no-input", "--tenant", "contoso.com", "--client-id", APP)
    done = command("init", *given)
    assert done.code == 0, done.err
    assert "## Look, then audit" in done.out
    file = command.folder / "photo-auditor.toml"
    assert load(file, environ={"AZURE_CLIENT_SECRET": "x"}).tenant_id == "contoso.com"
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0


def test_a_certificate_with_a_password_is_taken_and_noted(init: Init) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2")
    (init.folder / "locked.pem").write_bytes(key.private_bytes(*form))
    given = ("--no-input", "--tenant", "contoso.com", "--client-id", APP, "--certificate", "locked.pem", "--no-steps")
    code, _, err = init(*given)
    assert code == 0
    assert "AZURE_CLIENT_CERTIFICATE_PASSWORD" in err
    # With a password it can be looked into, and holds a key alone.
    assert init(*given, "--force", env={"AZURE_CLIENT_CERTIFICATE_PASSWORD": "hunter2"})[0] == 2
