"""Flags over environment over file over default; each value knows its origin; bad ones get a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.model import Workload
from auditor.settings import Settings, SettingsError, load

PERSON = {"PHOTO_AUDITOR_SIGN_IN_DELEGATED_CLIENT_ID": "d"}
MINIMAL = """
[tenant]
id = "11111111-2222-3333-4444-555555555555"
[sign_in]
client_id = "66666666-7777-8888-9999-000000000000"
certificate = "app.pem"
"""


def settings_file(folder: Path, text: str = MINIMAL) -> Path:
    (folder / "app.pem").write_text("stand-in", encoding="utf-8")
    file = folder / "photo-auditor.toml"
    file.write_text(text, encoding="utf-8")
    return file


def origin(settings: Settings, name: str) -> str:
    return next(one.origin for one in settings.found if one.name == name)


def test_a_minimal_file_audits_entra_at_the_global_cloud(tmp_path: Path) -> None:
    settings = load(settings_file(tmp_path), environ={})
    assert settings.workloads == (Workload.ENTRA,)
    assert settings.entra.at.origin == settings.entra.at.audience == "https://graph.microsoft.com"
    assert settings.sign_in.certificate == tmp_path.resolve() / "app.pem"
    assert set(settings.off) == {Workload.EXCHANGE, Workload.SHAREPOINT, Workload.YAMMER}


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = settings_file(tmp_path, MINIMAL + '[audit]\nphotos = "none"\n')
    assert load(file, environ={}).photos == "none"
    environ = {"PHOTO_AUDITOR_AUDIT_PHOTOS": "all"}
    assert load(file, environ=environ).photos == "all"
    settings = load(file, {"audit.photos": "drift"}, environ)
    assert settings.photos == "drift"
    assert origin(settings, "audit.photos") == "flag --photos"
    assert origin(load(file, environ=environ), "audit.photos") == "environment PHOTO_AUDITOR_AUDIT_PHOTOS"


def test_azures_own_environment_names_are_enough(tmp_path: Path) -> None:
    settings_file(tmp_path)
    settings = load(
        environ={
            "AZURE_TENANT_ID": "contoso.onmicrosoft.com",
            "AZURE_CLIENT_ID": "66666666-7777-8888-9999-000000000000",
            "AZURE_CLIENT_CERTIFICATE_PATH": str(tmp_path / "app.pem"),
        }
    )
    assert settings.tenant_id == "contoso.onmicrosoft.com"
    assert settings.sign_in.method == "certificate"


def test_a_secret_in_the_environment_beats_a_certificate_in_the_file(tmp_path: Path) -> None:
    settings = load(settings_file(tmp_path), environ={"AZURE_CLIENT_SECRET": "hunter2"})
    assert settings.sign_in.method == "secret"


def test_where_a_person_signs_in_no_credential_is_needed_and_none_that_is_there_is_used(tmp_path: Path) -> None:
    text = "[tenant]\nid = 't'\n[sign_in]\nmethod = 'device_code'\ndelegated_client_id = 'd'\n"
    file = settings_file(tmp_path, text + "[yammer]\nenabled = true\n")
    for environ in ({}, {"AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "hunter2"}):
        settings = load(file, environ=environ)
        assert (settings.sign_in.method, settings.sign_in.app) == ("device_code", "d")
        assert settings.yammer is not None
        assert settings.yammer.sign_in == "device_code"
    by_environment = load(settings_file(tmp_path), environ={"PHOTO_AUDITOR_SIGN_IN_METHOD": "browser"} | PERSON)
    assert by_environment.sign_in.delegated


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    settings = load(settings_file(tmp_path), environ={"AZURE_CLIENT_SECRET": "hunter2"})
    assert "hunter2" not in repr(settings)


def test_the_my_site_host_follows_from_the_root_site(tmp_path: Path) -> None:
    file = settings_file(tmp_path, MINIMAL + '[sharepoint]\norigin = "https://contoso.sharepoint.com"\n')
    settings = load(file, environ={})
    assert settings.sharepoint is not None
    assert [site.origin for site in settings.sharepoint.my_sites] == ["https://contoso-my.sharepoint.com"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[tenant]\nid = 5\n", "tenant.id"),
        ("[tenant]\nid = 'a b'\n[sign_in]\nclient_id = 'x'\ncertificate = 'app.pem'\n", "neither a tenant id"),
        ("[tenant]\n", "AZURE_TENANT_ID"),
        ("[tenant]\nid = 't'\n", "no credential"),
        ("[tenant]\nid = 't'\n[sign_in]\ncertificate = 'app.pem'\n", "sign_in.client_id"),
        ("[tenant]\nid = 't'\n[sign_in]\nclient_id = 'c'\ncertificate = 'gone.pem'\n", "gone.pem"),
        ("id = 't'\n", "outside a table"),
        ("[tenant\n", "not valid TOML"),
        (MINIMAL + "client_secret = 'x'\n", "AZURE_CLIENT_SECRET"),
        (MINIMAL + "clientid = 'x'\n", "Did you mean sign_in.client_id"),
        (MINIMAL + "[entra]\norigin = 'http://graph.microsoft.com'\n", "not https"),
        (MINIMAL + "[audit]\nreference = 'teams'\n", "teams"),
        (MINIMAL + "[audit]\nreference = 'yammer'\n", "yammer"),
        (MINIMAL + "[audit]\nshard_users = 0\n", "shard_users"),
        (MINIMAL + "[audit]\nshard_users = true\n", "whole number"),
        (MINIMAL + "[audit]\ninclude = ['robots']\n", "robots"),
        (MINIMAL + "[network]\nca_bundle = 'gone.pem'\n", "ca_bundle"),
        (MINIMAL + "[yammer]\nenabled = true\n", "delegated_client_id"),
        ("[tenant]\nid = 't'\n[sign_in]\nmethod = 'browser'\n", "sign_in.delegated_client_id"),
        (MINIMAL + "[yammer]\nenabled = true\nsign_in = 'token_file'\n", "yammer.token_file"),
        (MINIMAL.replace("[tenant]", "[tenant]\ncloud = 'dod'") + "[yammer]\nenabled = true\n", "no Viva Engage"),
    ],
)
def test_a_bad_setting_is_named_in_one_sentence(tmp_path: Path, text: str, named: str) -> None:
    file = settings_file(tmp_path, text)
    with pytest.raises(SettingsError, match=named.replace(".", r"\.")):
        load(file, environ={})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="There is no settings file"):
        load(tmp_path / "gone.toml", environ={})
