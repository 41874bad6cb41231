"""In each broken set-up of this machine, the way to the services and the sign-in, the doctor names the right thing."""

from __future__ import annotations

import datetime as dt
import os
import re
import time
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from auditor.doctor import Level
from auditor.simulator.registrations import make_certificate
from tests.doctor.conftest import (
    Elsewhere,
    Serve,
    Served,
    both,
    diagnose,
    proxy,
    refusal,
    tls_server,
)


def certificate(folder: Path, *, ends: dt.timedelta) -> Path:
    """A certificate of its own that ends so far from now, with its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "photo-auditor")]), dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=300))
        .not_valid_after(now + ends).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = folder / "own.pem"
    file.write_bytes(key.private_bytes(*pem) + made.public_bytes(serialization.Encoding.PEM))
    file.chmod(0o600)
    return file


def test_a_sound_set_up_has_no_problem_and_no_warning(served: Served, tmp_path: Path) -> None:
    found = diagnose(served.settings(tmp_path))
    assert (found.problems, found.warnings) == ([], [])
    assert {one.level for one in found.findings} == {Level.OK}
    assert {"clock", "users", "Exchange Web Services", "profiles in SharePoint", "pictures of Viva Engage"} <= {
        one.probe for one in found.findings
    }


# -- this machine --------------------------------------------------------------------------------------------------


def test_a_certificate_that_has_ended_is_named_before_anyone_is_asked(serve: Serve, tmp_path: Path) -> None:
    found = diagnose(serve(expired_certificate=True).settings(tmp_path))
    assert found.problems == ["credential"]
    assert "ended on" in found["credential"].says
    assert found["credential"].stops
    assert found["services"].level is Level.SKIPPED


def test_a_certificate_that_ends_soon_and_is_not_registered_is_named_twice(served: Served, tmp_path: Path) -> None:
    own = certificate(tmp_path, ends=dt.timedelta(days=10, hours=1))
    found = diagnose(served.settings(tmp_path, (r"(?m)^certificate = .*", f"certificate = '{own}'")))
    assert found["credential"].level is Level.WARNING
    assert "in 10 days" in found["credential"].says
    assert "AADSTS700027" in found["sign-in for Microsoft Graph"].says
    assert "upload" in found["sign-in for Microsoft Graph"].remedy[0]


def test_a_key_of_another_certificate_is_named(served: Served, tmp_path: Path) -> None:
    own = certificate(tmp_path, ends=dt.timedelta(days=100))
    other = make_certificate().certificate.public_bytes(serialization.Encoding.PEM)
    own.write_bytes(re.sub(rb"-----BEGIN CERT.*", other, own.read_bytes(), flags=re.DOTALL))
    found = diagnose(served.settings(tmp_path, (r"(?m)^certificate = .*", f"certificate = '{own}'")))
    assert found.problems == ["credential"]
    assert "is not that of the certificate" in found["credential"].says


@pytest.mark.skipif(os.name == "nt", reason="files have no mode on this platform")
def test_a_key_that_others_may_read_is_named(served: Served, tmp_path: Path) -> None:
    own = tmp_path / "client.pem"
    own.write_bytes((served.folder / "client.pem").read_bytes())
    own.chmod(0o644)
    change = (r"(?m)^certificate = .*", f"certificate = '{own}'")
    found = diagnose(served.settings(tmp_path, change), only=("entra",))
    assert (found.problems, found.warnings) == ([], ["credential"])
    assert found["credential"].remedy == (f"chmod 600 {own}",)


def test_a_credential_of_the_environment_that_goes_before_the_files_is_named(served: Served, tmp_path: Path) -> None:
    """And SharePoint takes no secret: before it is asked, and by its own answer."""
    found = diagnose(
        served.settings(tmp_path), {"AZURE_CLIENT_SECRET": served.info["client_secret"]}, only=("sharepoint",)
    )
    assert "environment AZURE_CLIENT_SECRET" in found["settings"].says
    assert "sign_in.certificate" in found["settings"].says
    assert found.problems == ["credential", "profiles in SharePoint"]
    assert "certificate" in found["profiles in SharePoint"].remedy[0]
    assert served.info["client_secret"] not in found.text


def test_a_bundle_without_certificates_is_named(served: Served, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    found = diagnose(served.settings(tmp_path, (r"ca_bundle = .*", f"ca_bundle = '{tmp_path / 'empty.pem'}'")))
    assert found.problems == ["network"]
    assert "empty.pem" in found["network"].says


def test_a_clock_that_is_wrong_is_named_with_how_wrong(served: Served, tmp_path: Path) -> None:
    found = diagnose(served.settings(tmp_path), wall=lambda: time.time() + 1234, only=("entra",))
    assert found.problems == ["clock"]
    assert "1234 seconds ahead" in found["clock"].says.replace("1235", "1234").replace("1233", "1234")


def test_a_clock_is_held_against_the_date_of_the_service(elsewhere: Elsewhere) -> None:
    now = dt.datetime(2026, 11, 23, 8, 2, tzinfo=dt.UTC).timestamp()
    certificate_begins = dt.datetime.now(dt.UTC).timestamp()
    ahead = elsewhere(refusal(700024), date="Mon, 23 Nov 2026 08:00:00 GMT", wall=lambda: max(now, certificate_begins))
    assert ahead["clock"].level is Level.PROBLEM
    assert "ahead of the services" in ahead["clock"].says
    assert "AADSTS700024" in ahead["sign-in for Microsoft Graph"].says


# -- the way to the services ---------------------------------------------------------------------------------------


def test_an_authority_that_is_not_trusted_is_named_by_its_name(served: Served, tmp_path: Path, ca_bundle: Path) -> None:
    found = diagnose(served.settings(tmp_path, (r"ca_bundle = .*", f"ca_bundle = '{ca_bundle}'")))
    assert "photo-auditor simulated tenant" in found["sign-in service"].says
    assert "network.ca_bundle" in found["sign-in service"].remedy[0]
    assert {"sign-in service", "Microsoft Graph", "Exchange", "Viva Engage"} <= set(found.problems)
    assert found["sign-in service"].stops


def test_a_certificate_of_another_host_and_one_that_has_ended_are_told_apart(
    served: Served, tmp_path: Path, authority: trustme.CA, ca_bundle: Path
) -> None:
    ended = authority.issue_cert("127.0.0.1", not_after=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    other = authority.issue_cert("mail.contoso.com")
    for leaf, told in ((ended, "to 2026-01-01 only"), (other, "for another host")):
        with tls_server(leaf, lambda *_: (200, "text/plain", b"")) as origin:
            changes = (
                (r'(?s)(?<=\[exchange\]\nenabled = true\n)origin = "[^"]+"', f'origin = "{origin}"'),
                both(tmp_path, served, ca_bundle),
            )
            found = diagnose(served.settings(tmp_path, *changes), only=("exchange",))
        assert found.problems == ["Exchange"]
        assert told in found["Exchange"].says
        assert found["sign-in for Exchange"].level is Level.SKIPPED


def test_a_host_that_is_not_there_and_a_name_that_is_none_are_told_apart(served: Served, tmp_path: Path) -> None:
    changes = (
        (r'(?s)(?<=\[exchange\]\nenabled = true\n)origin = "[^"]+"', 'origin = "https://127.0.0.1:1"'),
        (r'(?s)(?<=\[\[sharepoint\.my_sites\]\]\n)origin = "[^"]+"', 'origin = "https://contosso-my.invalid"'),
    )
    found = diagnose(served.settings(tmp_path, *changes))
    assert "no connection to https://127.0.0.1:1" in found["Exchange"].says
    assert "contosso-my.invalid cannot be resolved" in found["My Site host 1"].says
    assert {"Exchange", "My Site host 1"} == set(found.problems)
    assert found["My Site https://contosso-my.invalid"].level is Level.SKIPPED


def real_cloud(served: Served, folder: Path, ca_bundle: Path) -> Path:
    """Settings for the real sign-in service and Graph: asked through a proxy of the test, and nobody else."""
    file = folder / "real.toml"
    file.write_text(
        f"[tenant]\nid = 'contoso.com'\n[sign_in]\nclient_id = 'c'\ncertificate = '{served.folder / 'client.pem'}'\n"
        f"[network]\nca_bundle = '{ca_bundle}'\n"
    )
    return file


def test_a_proxy_that_refuses_is_named_without_its_password(
    served: Served, tmp_path: Path, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as (address, heard):
        monkeypatch.setenv("HTTPS_PROXY", address.replace("://", "://auditor:hunter2@"))
        found = diagnose(real_cloud(served, tmp_path, ca_bundle))
    assert found.problems == ["sign-in service", "Microsoft Graph"]
    assert "the proxy refused the connection to https://login.microsoftonline.com" in found["sign-in service"].says
    assert address.removeprefix("http://") in found["network"].says
    assert "HTTPS_PROXY" in found["sign-in service"].remedy[0]
    assert b"CONNECT login.microsoftonline.com:443 HTTP/1.1" in heard
    assert "hunter2" not in found.text


def test_a_proxy_that_inspects_tls_is_named_by_its_authority_and_told_nothing(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ca_bundle: Path
) -> None:
    inspecting = trustme.CA(organization_name="Fabrikam Firewall")
    leaf = inspecting.issue_cert("login.microsoftonline.com", "graph.microsoft.com")
    with proxy(b"HTTP/1.1 200 Connection established\r\n\r\n", leaf) as (address, heard):
        monkeypatch.setenv("HTTPS_PROXY", address)
        found = diagnose(real_cloud(served, tmp_path, ca_bundle))
    assert "Fabrikam Firewall" in found["sign-in service"].says
    assert "inspects TLS" in found["Microsoft Graph"].says
    assert "network.ca_bundle" in found["Microsoft Graph"].remedy[0]
    assert all(one.startswith(b"CONNECT ") for one in heard)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, "text/html", b"<html>Welcome to the guest network</html>"), "is not the sign-in service"),
        ((200, "application/json", b'{"token_endpoint": "https://login.fabrikam.example/token"}'), "points to"),
        ((200, "application/json", b'{"token_endpoint": "http://x", "issuer": []}'), "points to"),
        ((302, "text/plain", b""), "is not the sign-in service"),
    ],
)
def test_something_else_in_the_place_of_the_sign_in_service_is_named_and_sent_nothing(
    elsewhere: Elsewhere, answer: tuple[int, str, bytes], told: str
) -> None:
    asked: list[str] = []
    found = elsewhere(lambda path, _: asked.append(path) or answer)
    assert found.problems == ["sign-in service"]
    assert told in found["sign-in service"].says
    assert found["sign-in service"].stops
    assert all("/token" not in path for path in asked)


def test_a_sign_in_service_that_fails_is_no_sound_set_up(elsewhere: Elsewhere) -> None:
    found = elsewhere(lambda *_: (503, "text/plain", b""))
    assert found.problems == ["sign-in service"]
    assert found["sign-in service"].stops
    assert "try again later" in found["sign-in service"].remedy


def test_a_graph_that_is_not_there_leaves_no_audit_to_begin(served: Served, tmp_path: Path) -> None:
    change = (r'(?s)(?<=\[entra\]\n)origin = "[^"]+"', 'origin = "https://127.0.0.1:1"')
    found = diagnose(served.settings(tmp_path, change), only=("entra",))
    assert found.problems == ["Microsoft Graph"]
    assert found["sign-in for Microsoft Graph"].level is Level.SKIPPED
    assert found["sign-in for Microsoft Graph"].stops


def test_a_fault_now_and_then_is_no_problem(serve: Serve, tmp_path: Path) -> None:
    once = [("identity", "/token"), ("identity", "/openid"), ("graph", "/users"), ("sharepoint", ""), ("yammer", "")]
    plan = "".join(
        f'[[always]]\norigin = "{origin}"\nform = "server_error/502"\nmatch = "{match}"\ntimes = 1\n'
        for origin, match in once
    )
    found = diagnose(serve(plan=plan).settings(tmp_path), only=("entra", "sharepoint", "yammer"))
    assert (found.problems, found.warnings) == ([], [])


# -- signing in ----------------------------------------------------------------------------------------------------


def test_a_tenant_that_does_not_exist_is_named(served: Served, tmp_path: Path) -> None:
    found = diagnose(served.settings(tmp_path, (r'id = "[^"]+"', 'id = "fabrikam.example"')))
    assert found.problems == ["sign-in service"]
    assert "AADSTS90002" in found["sign-in service"].says
    assert "tenant.id" in found["sign-in service"].remedy[0]


def test_an_app_that_the_tenant_does_not_know_is_named(served: Served, tmp_path: Path) -> None:
    change = (r'client_id = "[^"]+"', 'client_id = "11111111-1111-1111-1111-111111111111"')
    found = diagnose(served.settings(tmp_path, change), only=("entra",))
    assert found.problems == ["sign-in for Microsoft Graph"]
    assert "AADSTS700016" in found["sign-in for Microsoft Graph"].says
    assert "sign_in.client_id" in found["sign-in for Microsoft Graph"].remedy[0]


def test_a_wrong_secret_is_called_wrong(served: Served, tmp_path: Path) -> None:
    found = diagnose(served.settings(tmp_path), {"AZURE_CLIENT_SECRET": "hunter2-hunter2"}, only=("entra",))
    assert "AADSTS7000215" in found["sign-in for Microsoft Graph"].says
    assert "hunter2" not in found.text


@pytest.mark.parametrize(
    ("code", "error", "says", "remedy"),
    [
        (53003, "invalid_grant", "Conditional Access", "exempt the app"),
        (50076, "interaction_required", "second factor", "browser"),
        (700082, "invalid_grant", "has ended", "sign in again"),
        (65001, "invalid_grant", "consented", "/adminconsent?client_id="),
        (7000112, "unauthorized_client", "disabled", "Enterprise applications"),
        (7000222, "invalid_client", "secret has ended", "certificate"),
        (500011, "invalid_resource", "audience", "https://graph.microsoft.com"),
    ],
)
def test_what_the_sign_in_service_refuses_is_told_in_words(
    elsewhere: Elsewhere, code: int, error: str, says: str, remedy: str
) -> None:
    found = elsewhere(refusal(code, error), only=("entra",))
    (one,) = [one for one in found.findings if one.level is Level.PROBLEM]
    assert one.probe == "sign-in for Microsoft Graph"
    assert one.stops
    assert f"(AADSTS{code})" in one.says
    assert says in one.says
    assert remedy in " ".join(one.remedy)


def test_an_audience_that_is_wrong_is_named(served: Served, tmp_path: Path) -> None:
    change = (r'audience = "https://outlook.office365.com"', 'audience = "https://outlook.contoso.com"')
    found = diagnose(served.settings(tmp_path, change), only=("exchange",))
    assert found.problems == ["sign-in for Exchange"]
    assert "AADSTS500011" in found["sign-in for Exchange"].says
    assert "https://outlook.contoso.com" in found["sign-in for Exchange"].remedy[0]
