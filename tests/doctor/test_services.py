"""The doctor tells which permissions are missing by name and service, and what each service answers."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest

from auditor.doctor import Finding, Level
from tests.doctor.conftest import (
    Elsewhere,
    Serve,
    Served,
    diagnose,
    signing_in,
    token_answer,
    unsigned,
)

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
    tenant = serve(without_roles=frozenset({("sharepoint", "user.read.all")}))
    found = diagnose(tenant.settings(tmp_path), only=("sharepoint",))
    assert found.problems == ["permissions on SharePoint", "profiles in SharePoint"]
    one = found["permissions on SharePoint"]
    assert "missing: User.Read.All (application, on SharePoint)" in one.says
    api = "--api 00000003-0000-0ff1-ce00-000000000000 --api-permissions df021288-bdef-4463-88db-98f22de89214=Role"
    assert any(api in line for line in one.remedy)
    assert found["permissions on Microsoft Graph"].level is Level.OK
    assert not any(finding.stops for finding in found.findings)


def test_a_picture_library_that_may_not_be_read_is_named(serve: Serve, tmp_path: Path) -> None:
    tenant = serve(without_roles=frozenset({("sharepoint", "sites.read.all")}))
    found = diagnose(tenant.settings(tmp_path), only=("sharepoint",))
    assert found.problems == ["permissions on SharePoint", "pictures in SharePoint"]
    assert "missing: Sites.Read.All" in found["permissions on SharePoint"].says


def test_exchanges_missing_permission_is_named(serve: Serve, tmp_path: Path) -> None:
    tenant = serve(without_roles=frozenset({("exchange", "full_access_as_app")}))
    found = diagnose(tenant.settings(tmp_path), only=("exchange",))
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
    tenant = serve(without_roles=frozenset({("graph", "profilephoto.read.all")}))
    found = diagnose(tenant.settings(tmp_path), only=("entra",))
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


def test_until_exchange_web_services_end_it_is_said_what_ends_and_how_to_keep_it(
    served: Served, tmp_path: Path
) -> None:
    def told(day: dt.datetime) -> list[Finding]:
        found = diagnose(served.settings(tmp_path), only=("exchange",), wall=day.timestamp)
        return [one for one in found.findings if one.probe == "end of Exchange Web Services"]

    now = dt.datetime.now(dt.UTC)
    (one,) = told(min(now, dt.datetime(2027, 3, 31, tzinfo=dt.UTC)))
    assert (one.level, "2027-04-01" in one.says) == (Level.OK, True)
    assert "the mailbox's own copy" in one.remedy[0]
    assert "baseline save" in one.remedy[1]
    assert told(dt.datetime(2027, 4, 1, tzinfo=dt.UTC)) == []


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
