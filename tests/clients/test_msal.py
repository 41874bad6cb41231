"""msal signs in, in every way the tenant offers, and understands every refusal."""

from __future__ import annotations

import base64
import json
import re
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes

GRAPH = "https://graph.microsoft.com/.default"
SCOPES = {
    "graph": GRAPH,
    "exchange": "https://outlook.office365.com/.default",
    "sharepoint": "https://contoso.sharepoint.com/.default",
    "sharepoint_my": "https://contoso-my.sharepoint.com/.default",
    "sharepoint_my_satellite": "https://contosoaus-my.sharepoint.com/.default",
}
ROLES = {
    "graph": {
        "User.Read.All",
        "ProfilePhoto.Read.All",
        "GroupMember.Read.All",
        "MailboxSettings.Read",
        "PeopleSettings.Read.All",
    },
    "exchange": {"full_access_as_app"},
    "sharepoint": {"User.Read.All", "Sites.Read.All"},
    "sharepoint_my": {"User.Read.All", "Sites.Read.All"},
    "sharepoint_my_satellite": {"User.Read.All", "Sites.Read.All"},
}
YAMMER = "https://www.yammer.com/.default"


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def confidential(running: Any, credential: Any, **changes: str) -> msal.ConfidentialClientApplication:
    values = {"client_id": running.info["client_id"], "authority": running.info["authority"]} | changes
    return msal.ConfidentialClientApplication(client_credential=credential, instance_discovery=False, **values)


def public(running: Any) -> msal.PublicClientApplication:
    return msal.PublicClientApplication(
        running.info["delegated_client_id"], authority=running.info["authority"], instance_discovery=False
    )


def certificate(running: Any) -> tuple[str, str, str]:
    pem = Path(running.info["client_certificate"]).read_text()
    key, _, rest = pem.partition("-----BEGIN CERTIFICATE-----")
    public_part = "-----BEGIN CERTIFICATE-----" + rest
    thumbprint = x509.load_pem_x509_certificate(public_part.encode()).fingerprint(hashes.SHA1()).hex()
    return key, public_part, thumbprint


@pytest.mark.parametrize("resource", SCOPES)
def test_a_secret_gets_a_token_for_each_audience(trusting: Any, resource: str) -> None:
    answer = confidential(trusting, trusting.info["client_secret"]).acquire_token_for_client([SCOPES[resource]])
    said = claims(answer["access_token"])
    assert said["aud"] == SCOPES[resource].removesuffix("/.default")
    assert set(said["roles"]) == ROLES[resource]
    assert said["appidacr"] == "1"
    assert said["idtyp"] == "app"
    assert said["tid"] == trusting.info["tenant_id"]
    assert answer["expires_in"] == 3599


def test_a_certificate_gets_a_token_in_both_header_forms(trusting: Any) -> None:
    key, public_part, thumbprint = certificate(trusting)
    for credential in (
        {"private_key": key, "thumbprint": thumbprint},
        {"private_key": key, "public_certificate": public_part},
    ):
        answer = confidential(trusting, credential).acquire_token_for_client([GRAPH])
        assert "access_token" in answer, answer
        assert claims(answer["access_token"])["appidacr"] == "2"


def test_another_key_than_the_certificate_s_is_refused(trusting: Any) -> None:
    key, _, _ = certificate(trusting)
    credential = {"private_key": key, "thumbprint": "00" * 20}
    answer = confidential(trusting, credential).acquire_token_for_client([GRAPH])
    assert answer["error"] == "invalid_client"
    assert answer["error_codes"] == [700027]


def test_a_wrong_secret_is_invalid_client(trusting: Any) -> None:
    answer = confidential(trusting, "wrong").acquire_token_for_client([GRAPH])
    assert answer["error"] == "invalid_client"
    assert answer["error_description"].startswith("AADSTS7000215: Invalid client secret provided.")


@pytest.mark.parametrize(
    ("changes", "scope", "code"),
    [
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, GRAPH, 700016),
        ({}, "https://nowhere.example/.default", 500011),
        ({}, f"{GRAPH} https://outlook.office365.com/.default", 70011),
    ],
)
def test_refusals_carry_entra_s_codes(trusting: Any, changes: dict[str, str], scope: str, code: int) -> None:
    app = confidential(trusting, trusting.info["client_secret"], **changes)
    answer = app.acquire_token_for_client(scope.split())
    assert answer["error_codes"] == [code]
    assert f"AADSTS{code}" in answer["error_description"]


def test_an_unknown_tenant_is_refused_at_discovery(trusting: Any) -> None:
    origin = trusting.info["authority"].rpartition("/")[0]
    with pytest.raises(ValueError, match=r"(?i)tenant|authority|endpoints"):
        confidential(
            trusting, "x", authority=f"{origin}/11111111-2222-3333-4444-555555555555"
        ).acquire_token_for_client([GRAPH])


def test_a_device_code_is_pending_and_then_good(trusting: Any) -> None:
    app = public(trusting)
    flow = app.initiate_device_flow([YAMMER])
    assert {"user_code", "device_code", "verification_uri", "expires_in", "interval", "message"} <= flow.keys()
    # Asked once by hand, without waiting: nobody has approved it yet.
    pending = requests.post(
        trusting.info["authority"] + "/oauth2/v2.0/token",
        data={
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "client_id": trusting.info["delegated_client_id"],
            "device_code": flow["device_code"],
        },
        timeout=10,
    )
    assert pending.status_code == 400
    assert pending.json()["error"] == "authorization_pending"
    assert pending.json()["error_codes"] == [70016]
    approved = requests.get(flow["verification_uri"], params={"user_code": flow["user_code"]}, timeout=10)
    assert approved.status_code == 200
    answer = app.acquire_token_by_device_flow(flow)
    assert claims(answer["access_token"])["aud"] == "https://www.yammer.com"
    assert "access_as_user" in claims(answer["access_token"])["scp"]
    # One sign-in serves every resource that was consented to.
    again = app.acquire_token_silent(["https://contoso.sharepoint.com/AllSites.Read"], account=app.get_accounts()[0])
    assert claims(again["access_token"])["aud"] == "https://contoso.sharepoint.com"


def test_an_authorization_code_is_redeemed_with_pkce(trusting: Any) -> None:
    app = public(trusting)
    flow = app.initiate_auth_code_flow([YAMMER], redirect_uri="http://localhost:8400")
    sent_back = requests.get(flow["auth_uri"], allow_redirects=False, timeout=10)
    assert sent_back.status_code == 302
    values = {name: found[0] for name, found in parse_qs(urlsplit(sent_back.headers["Location"]).query).items()}
    answer = app.acquire_token_by_auth_code_flow(flow, values)
    assert claims(answer["access_token"])["idtyp"] == "user"
    assert answer["id_token_claims"]["aud"] == trusting.info["delegated_client_id"]


def test_a_wrong_verifier_does_not_redeem_a_code(trusting: Any) -> None:
    app = public(trusting)
    flow = app.initiate_auth_code_flow([YAMMER], redirect_uri="http://localhost:8400")
    sent_back = requests.get(flow["auth_uri"], allow_redirects=False, timeout=10)
    values = {name: found[0] for name, found in parse_qs(urlsplit(sent_back.headers["Location"]).query).items()}
    answer = app.acquire_token_by_auth_code_flow(flow | {"code_verifier": "x" * 43}, values)
    assert answer["error"] == "invalid_grant"
    assert answer["error_codes"] == [501481]


def test_msal_s_own_interactive_sign_in_works(trusting: Any) -> None:
    """It asks for a form posted to its own listener, as browsers do; here the browser is a few lines."""

    def browse(uri: str) -> bool:
        page = requests.get(uri, timeout=10).text
        action = re.search(r'action="([^"]+)"', page)
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page))
        assert action
        # The listener answers only after this function has returned.
        threading.Thread(target=requests.post, args=(action[1], fields), kwargs={"timeout": 10}, daemon=True).start()
        return True

    app = public(trusting)
    answer = app.acquire_token_interactive([YAMMER], prompt="select_account", auth_uri_callback=browse, timeout=20)
    assert "access_token" in answer, answer


def test_permissions_nobody_consented_to(trusting: Any) -> None:
    app = public(trusting)
    flow = app.initiate_device_flow(["https://graph.microsoft.com/Mail.Read"])
    requests.get(flow["verification_uri"], params={"user_code": flow["user_code"]}, timeout=10)
    answer = app.acquire_token_by_device_flow(flow)
    assert answer["error"] == "invalid_grant"
    assert answer["error_codes"] == [65001]


def test_no_engage_in_this_tenant(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    without = tenant(users=5, seed=3, engage=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", without.info["ca_bundle"])
    answer = confidential(without, without.info["client_secret"]).acquire_token_for_client([YAMMER])
    assert answer["error_codes"] == [650052]
    assert 'The app needs access to a service ("https://api.yammer.com/")' in answer["error_description"]


def test_a_password_is_refused(trusting: Any) -> None:
    """Asked without msal, which first asks a host without its port whether the password is kept elsewhere."""
    form = {
        "grant_type": "password",
        "client_id": trusting.info["delegated_client_id"],
        "username": "somebody@contoso.com",
        "password": "secret",
        "scope": GRAPH,
    }
    answer = requests.post(trusting.info["authority"] + "/oauth2/v2.0/token", data=form, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"] == "unsupported_grant_type"
