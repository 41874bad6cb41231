"""In each broken set-up the doctor names the right thing, and what mends it."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from auditor.doctor import Level
from auditor.simulator.registrations import make_certificate
from tests.doctor.conftest import Answer, Diagnosis, Served, diagnose, proxy, refusal, signing_in, tls_server

Serve = Callable[..., Served]
Elsewhere = Callable[..., Diagnosis]


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()


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


def unsigned(claims: Mapping[str, object]) -> str:
    """A token with these claims that nobody accepts."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{body}.c2ln"


def token_answer(**claims: object) -> dict[str, object]:
    """What a sign-in service says that gives such a token."""
    return {"token_type": "Bearer", "expires_in": 3599, "access_token": unsigned(claims)}


def both(folder: Path, served: Served, ca_bundle: Path) -> tuple[str, str]:
    """The change of settings that trusts the tenant's authority and the test's."""
    file = folder / "both.pem"
    file.write_bytes((served.folder / "ca-bundle.pem").read_bytes() + ca_bundle.read_bytes())
    return r"ca_bundle = .*", f"ca_bundle = '{file}'"


@pytest.fixture
def elsewhere(served: Served, tmp_path: Path, authority: trustme.CA, ca_bundle: Path) -> Elsewhere:
    """A diagnosis of the sound tenant with another sign-in service, by what that answers."""

    def look(answer: Answer, **more: Any) -> Diagnosis:
        with tls_server(authority.issue_cert("127.0.0.1"), answer, more.pop("date", "")) as origin:
            changes = (r'authority = "[^"]+"', f'authority = "{origin}"'), both(tmp_path, served, ca_bundle)
            return diagnose(served.settings(tmp_path, *changes), **more)

    return look


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
    found = diagnose(served.settings(tmp_path, (r"(?m)^certificate = .*", f"certificate = '{own}'")))
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


# -- permissions ---------------------------------------------------------------------------------------------------


def test_graphs_missing_permission_is_named_with_consent_link_and_command(serve: Serve, tmp_path: Path) -> None:
    tenant = serve(without_roles=frozenset({("graph", "user.read.all")}))
    found = diagnose(tenant.settings(tmp_path), only=("entra",))
    assert found.problems == ["permissions on Microsoft Graph", "users"]
    one = found["permissions on Microsoft Graph"]
    assert "missing: User.Read.All (application, on Microsoft Graph)" in one.says
    assert "ProfilePhoto.Read.All" in one.says.partition("carries")[2]
    client, resource = tenant.info["client_id"], "00000003-0000-0000-c000-000000000000"
    role = "df021288-bdef-4463-88db-98f22de89214=Role"
    assert f"az ad app permission add --id {client} --api {resource} --api-permissions {role}" in one.remedy
    assert f"consent: {tenant.info['authority']}/adminconsent?client_id={client}" in one.remedy
    assert found["users"].stops
    assert "Authorization_RequestDenied" in found["users"].says


def test_sharepoints_permission_of_graphs_name_and_id_is_told_apart(serve: Serve, tmp_path: Path) -> None:
    found = diagnose(serve(without_roles=frozenset({("sharepoint", "user.read.all")})).settings(tmp_path))
    assert found.problems == ["permissions on SharePoint", "profiles in SharePoint"]
    one = found["permissions on SharePoint"]
    assert "missing: User.Read.All (application, on SharePoint)" in one.says
    api = "--api 00000003-0000-0ff1-ce00-000000000000 --api-permissions df021288-bdef-4463-88db-98f22de89214=Role"
    assert any(api in line for line in one.remedy)
    assert found["permissions on Microsoft Graph"].level is Level.OK
    assert not any(finding.stops for finding in found.findings)


def test_a_picture_library_that_may_not_be_read_is_named(serve: Serve, tmp_path: Path) -> None:
    found = diagnose(serve(without_roles=frozenset({("sharepoint", "sites.read.all")})).settings(tmp_path))
    assert found.problems == ["permissions on SharePoint", "pictures in SharePoint"]
    assert "missing: Sites.Read.All" in found["permissions on SharePoint"].says


def test_exchanges_missing_permission_is_named(serve: Serve, tmp_path: Path) -> None:
    found = diagnose(serve(without_roles=frozenset({("exchange", "full_access_as_app")})).settings(tmp_path))
    assert found.problems == ["permissions on Office 365 Exchange Online", "Exchange Web Services"]
    assert "full_access_as_app" in found["permissions on Office 365 Exchange Online"].says


def test_a_role_that_was_given_in_exchange_is_not_missed_in_the_token(serve: Serve, tmp_path: Path) -> None:
    """Role-based access control for applications leaves nothing in the token: the mailbox's answer counts."""
    plan = '[[always]]\norigin = "exchange"\nform = "own/answer"\nmatch = ""\ntimes = "ever"\nstatus = 404\n'
    tenant = serve(without_roles=frozenset({("exchange", "full_access_as_app")}), plan=plan)
    found = diagnose(tenant.settings(tmp_path), only=("exchange",))
    assert (found.problems, found.warnings) == ([], [])
    assert "answers all the same" in found["permissions on Office 365 Exchange Online"].says


def test_a_permission_that_another_one_includes_is_not_missed(serve: Serve, tmp_path: Path) -> None:
    found = diagnose(serve(without_roles=frozenset({("graph", "profilephoto.read.all")})).settings(tmp_path))
    assert found.problems == []
    assert "answers all the same" in found["permissions on Microsoft Graph"].says


def test_permissions_that_only_the_scope_needs_are_missed_only_then(serve: Serve, tmp_path: Path) -> None:
    lacking = frozenset({("graph", "groupmember.read.all"), ("graph", "mailboxsettings.read")})
    tenant = serve(without_roles=lacking)
    assert diagnose(tenant.settings(tmp_path), only=("entra",)).problems == []
    scope = (r"\[network\]", '[audit]\ninclude = ["shared"]\nexclude_groups = ["Pilot"]\n[network]')
    found = diagnose(tenant.settings(tmp_path, scope), only=("entra",))
    assert found.problems == ["permissions on Microsoft Graph"]
    assert "GroupMember.Read.All, MailboxSettings.Read" in found["permissions on Microsoft Graph"].says


def test_an_app_that_may_more_than_it_needs_is_told(elsewhere: Elsewhere) -> None:
    roles = ["User.Read.All", "ProfilePhoto.Read.All", "Mail.ReadWrite", "bad\x1b[31m name"]
    found = elsewhere(signing_in(token_answer(roles=roles), 200), only=("entra",))
    assert "more than photo-auditor needs: Mail.ReadWrite" in found["permissions on Microsoft Graph"].says
    assert "\x1b" not in found.text


# -- the services --------------------------------------------------------------------------------------------------


def test_a_service_that_refuses_the_token_is_told_apart_from_a_missing_permission(elsewhere: Elsewhere) -> None:
    answer = token_answer(roles=["User.Read.All", "ProfilePhoto.Read.All"])
    found = elsewhere(signing_in(answer, 200), only=("entra",))
    assert found.problems == ["users"]
    assert "401" in found["users"].says
    assert found["users"].stops


def test_exchange_web_services_that_are_off_are_found_by_asking(serve: Serve, tmp_path: Path) -> None:
    found = diagnose(serve(ews=False).settings(tmp_path), only=("exchange",))
    assert found.problems == ["Exchange Web Services"]
    one = found["Exchange Web Services"]
    assert "off in this tenant or for this app" in one.says
    assert "exchange.enabled" in one.remedy[0]
    # The list is replaced by whoever sets it: it is read first.
    assert one.remedy[1].index("Get-OrganizationConfig") < one.remedy[1].index("-EwsAllowedAppIDs replaces it")


def test_a_geo_that_the_settings_do_not_name_is_found(serve: Serve, tmp_path: Path) -> None:
    tenant = serve(scenarios=())
    last = r'\[\[sharepoint\.my_sites\]\]\norigin = "[^"]+"\naudience = "https://contosoaus[^"]+"\n'
    found = diagnose(tenant.settings(tmp_path, (last, "")), only=("sharepoint",))
    assert (found.problems, found.warnings) == ([], ["pictures in SharePoint"])
    assert tenant.info["sharepoint_my_satellite"] in found["pictures in SharePoint"].says
    assert "sharepoint.my_sites" in found["pictures in SharePoint"].says


def test_a_picture_network_that_refuses_is_named(serve: Serve, tmp_path: Path) -> None:
    plan = '[[always]]\norigin = "yammer_cdn"\nform = "own/answer"\nmatch = ""\ntimes = "ever"\nstatus = 403\n'
    found = diagnose(serve(plan=plan).settings(tmp_path), only=("yammer",))
    assert found.problems == ["pictures of Viva Engage"]
    assert "403" in found["pictures of Viva Engage"].says
    assert found["Viva Engage"].level is Level.OK


def test_a_picture_network_that_is_not_allowed_is_named(served: Served, tmp_path: Path) -> None:
    change = (r"picture_origins = .*", 'picture_origins = ["*.assets-yammer.com"]')
    found = diagnose(served.settings(tmp_path, change), only=("yammer",))
    assert found.problems == ["pictures of Viva Engage"]
    assert "not among the hosts" in found["pictures of Viva Engage"].says


def engage_token(folder: Path, **claims: object) -> tuple[str, str]:
    """The change of settings that names a token file with these claims; Viva Engage does not know the token."""
    (folder / "token.txt").write_text(unsigned(claims) if claims else "an-old-opaque-token")
    return r"token_file = .*", f"token_file = '{folder / 'token.txt'}'"


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"idtyp": "app", "exp": time.time() + 9999}, "it is the app's own"),
        ({"scp": "access_as_user", "exp": time.time() - 60}, "it ended at"),
        ({"scp": "User.Read", "exp": time.time() + 9999}, "it lacks access_as_user"),
    ],
)
def test_a_token_for_viva_engage_that_is_none_is_told_by_what_it_is(
    served: Served, tmp_path: Path, claims: dict[str, object], says: str
) -> None:
    found = diagnose(served.settings(tmp_path, engage_token(tmp_path, **claims)), only=("yammer",))
    assert found.problems == ["token for Viva Engage", "Viva Engage"]
    assert says in found["token for Viva Engage"].says
    assert "refuses the token (401)" in found["Viva Engage"].says


def test_an_opaque_token_is_judged_by_the_services_answer_alone(served: Served, tmp_path: Path) -> None:
    found = diagnose(served.settings(tmp_path, engage_token(tmp_path)), only=("yammer",))
    assert found.problems == ["Viva Engage"]
    assert "cannot be looked into" in found["token for Viva Engage"].says


def test_a_token_that_ends_soon_is_told_with_the_moment(serve: Serve, served: Served, tmp_path: Path) -> None:
    late = dt.datetime.now(dt.UTC) + dt.timedelta(days=178)
    found = diagnose(served.settings(tmp_path), wall=late.timestamp, only=("yammer",))
    assert "it ends at" in found["token for Viva Engage"].says
    assert found["token for Viva Engage"].level is Level.WARNING


def test_a_tenant_without_viva_engage_is_no_problem_and_said(serve: Serve, tmp_path: Path) -> None:
    found = diagnose(serve(engage=False).settings(tmp_path), only=("yammer",))
    assert (found.problems, found.warnings) == ([], ["Viva Engage"])
    assert "AADSTS650052" in found["Viva Engage"].says
    assert "yammer.enabled" in found["Viva Engage"].remedy[0]


def test_nobody_who_signed_in_is_told_where_nobody_can(served: Served, tmp_path: Path) -> None:
    change = (r"token_file = .*", 'sign_in = "device_code"')
    found = diagnose(served.settings(tmp_path, change), only=("yammer",))
    assert found.problems == ["sign-in for Viva Engage"]
    assert "nobody is signed in" in found["sign-in for Viva Engage"].says
    assert "on a terminal" in found["sign-in for Viva Engage"].remedy[0]
