"""The identity service of the simulated tenant, held against the wire files."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from auditor.simulator import jws
from auditor.simulator.identity import SignInTimes

TENANT = "5f0c1d7a-9a51-4c5e-8d07-6a1f2b3c4d5e"
TOKEN = f"/{TENANT}/oauth2/v2.0/token"
GRAPH = "https://graph.microsoft.com/.default"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_STAMPED = re.compile(r" Trace ID: .*")


def said(response: Any) -> Any:
    return json.loads(response.body)


def refused(response: Any, wire: Any, name: str, *, status: int = 400, words: bool = True) -> None:
    """Same keys, codes and, but for ids and times, words."""
    body, expected = said(response), wire(f"identity/{name}.json")
    assert response.status == status
    assert list(body) == list(expected)
    assert (body["error"], body["error_codes"]) == (expected["error"], expected["error_codes"])
    if words:
        clean = {name: str(value["error_description"]) for name, value in (("a", body), ("b", expected))}
        changing = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
        texts = {changing.sub("ID", _STAMPED.sub("", text)) for text in clean.values()}
        assert len(texts) == 1, texts
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", body["timestamp"])
    assert body["trace_id"] in body["error_description"]


# Discovery


@pytest.mark.parametrize("tenant", [TENANT, "contoso.com", "common", "organizations"])
def test_discovery(simulated: Any, wire: Any, tenant: str) -> None:
    response = simulated.ask("identity", f"/{tenant}/v2.0/.well-known/openid-configuration", None)
    assert response.status == 200
    assert wire("identity/openid-configuration.json").keys() <= said(response).keys()


def test_instance_discovery(simulated: Any, wire: Any, shape: Any) -> None:
    where = "https://login.microsoftonline.com/common/oauth2/authorize"
    response = simulated.ask(
        "identity", f"/common/discovery/instance?api-version=1.1&authorization_endpoint={where}", None
    )
    assert shape(said(response)) == shape(wire("identity/instance-discovery.json"))


def test_an_unknown_tenant(simulated: Any, wire: Any) -> None:
    other = "11111111-2222-3333-4444-555555555555"
    target = f"/{other}/v2.0/.well-known/openid-configuration"
    refused(simulated.ask("identity", target, None), wire, "unknown-tenant")
    refused(simulated.form(f"/{other}/oauth2/v2.0/token", grant_type="client_credentials"), wire, "unknown-tenant")


# Applications


def test_a_token(simulated: Any, wire: Any) -> None:
    response = simulated.sign_in(claims='{"access_token":{"xms_cc":{"values":["CP1"]}}}', client_info="1")
    body = said(response)
    assert list(body) == list(wire("identity/token.json"))
    _, claims, _, _ = jws.read(body["access_token"])
    assert {"aud", "tid", "appid", "roles", "idtyp", "appidacr", "exp", "iss"} <= claims.keys()


@pytest.mark.parametrize(
    ("values", "file", "status"),
    [
        ({"client_secret": "wrong"}, "wrong-secret", 401),
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, "unknown-client", 400),
        ({"scope": "https://nowhere.example/.default"}, "unknown-resource", 400),
        ({"scope": f"{GRAPH} https://outlook.office365.com/.default"}, "two-resources-app-only", 400),
    ],
)
def test_refusals(simulated: Any, wire: Any, values: dict[str, str], file: str, status: int) -> None:
    refused(simulated.sign_in(**values), wire, file, status=status)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"scope": "https://graph.microsoft.com/User.Read.All"}, 1002012),
        ({"scope": ""}, 900144),
        ({"grant_type": ""}, 900144),
        ({"grant_type": "password"}, 70003),
    ],
)
def test_other_refusals(simulated: Any, values: dict[str, str], code: int) -> None:
    assert said(simulated.sign_in(**values))["error_codes"] == [code]


def test_no_engage(simulate: Any, wire: Any) -> None:
    for scope in ("https://www.yammer.com/.default", "https://api.yammer.com/.default"):
        refused(simulate(engage=False).sign_in(scope=scope), wire, "engage-not-subscribed")


def test_a_dropped_role(simulate: Any) -> None:
    body = said(simulate(without_roles=frozenset({("graph", "profilephoto.read.all")})).sign_in())
    _, claims, _, _ = jws.read(body["access_token"])
    assert "ProfilePhoto.Read.All" not in claims["roles"]
    assert "User.Read.All" in claims["roles"]


# Assertions


def assertion(simulated: Any, **changes: Any) -> str:
    app = simulated.services.apps.app_only
    now = time.time()
    claims = {
        "aud": f"https://127.0.0.1:44000{TOKEN}",
        "iss": app.client_id,
        "sub": app.client_id,
        "iat": now,
        "exp": now + 600,
        "jti": "1",
    }
    header = {"x5t#S256": jws.encode(app.certificate.thumbprint_sha256())} | changes.pop("header", {})
    return jws.sign(changes.pop("key", app.certificate.key), header, claims | changes)


def by_assertion(simulated: Any, text: str) -> Any:
    app = simulated.services.apps.app_only
    return simulated.form(
        TOKEN,
        grant_type="client_credentials",
        client_id=app.client_id,
        client_assertion_type=ASSERTION,
        client_assertion=text,
        scope=GRAPH,
    )


def test_an_assertion(simulated: Any) -> None:
    assert by_assertion(simulated, assertion(simulated)).status == 200


@pytest.mark.parametrize("tenant", [TENANT, "contoso.com"])
@pytest.mark.parametrize("endpoint", ["v2.0", "oauth2/v2.0/token"])
def test_an_assertion_made_for_the_real_authority(simulated: Any, tenant: str, endpoint: str) -> None:
    audience = f"https://login.microsoftonline.com/{tenant}/{endpoint}"
    assert by_assertion(simulated, assertion(simulated, aud=audience)).status == 200


def test_an_assertion_of_an_unknown_certificate(simulated: Any, wire: Any) -> None:
    text = assertion(simulated, header={"x5t#S256": jws.encode(bytes(20))})
    refused(by_assertion(simulated, text), wire, "bad-assertion", status=401)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "https://elsewhere.example/token"}, 700023),
        ({"iss": "somebody else"}, 700021),
        ({"iat": 1, "exp": 2}, 700024),
        ({"exp": "never"}, 50027),
    ],
)
def test_wrong_assertions(simulated: Any, changes: dict[str, Any], code: int) -> None:
    response = by_assertion(simulated, assertion(simulated, **changes))
    assert (response.status, said(response)["error_codes"]) == (401, [code])


def test_an_assertion_by_another_key(simulated: Any, simulate: Any) -> None:
    key = simulate().services.apps.app_only.certificate.key
    assert said(by_assertion(simulated, assertion(simulated, key=key)))["error_codes"] == [700027]
    assert said(by_assertion(simulated, "nonsense"))["error_codes"] == [50027]


def test_an_expired_certificate(simulate: Any) -> None:
    expired = simulate(expired_certificate=True)
    body = said(by_assertion(expired, assertion(expired)))
    assert body["error_codes"] == [700027]
    assert "The key used is expired" in body["error_description"]


# Users


def device_flow(simulated: Any, scope: str = "https://www.yammer.com/.default offline_access openid profile") -> Any:
    client = simulated.services.apps.delegated.client_id
    return simulated.form(f"/{TENANT}/oauth2/v2.0/devicecode", client_id=client, scope=scope)


def poll(simulated: Any, flow: Any) -> Any:
    return simulated.form(
        TOKEN,
        grant_type="urn:ietf:params:oauth:grant-type:device_code",
        client_id=simulated.services.apps.delegated.client_id,
        device_code=flow["device_code"],
        code=flow["device_code"],
        client_info="1",
    )


def test_a_device_code(simulate: Any, wire: Any) -> None:
    simulated = simulate(times=SignInTimes(device_interval=0, pending_polls=2))
    flow = said(device_flow(simulated))
    assert list(flow) == list(wire("identity/device-code.json"))
    for _ in range(2):
        refused(poll(simulated, flow), wire, "authorization-pending")
    body = said(poll(simulated, flow))
    assert {"access_token", "refresh_token", "id_token", "client_info", "scope", "expires_in"} <= body.keys()
    refused(poll(simulated, flow), wire, "malformed")
    renewed = simulated.form(
        TOKEN,
        grant_type="refresh_token",
        client_id=simulated.services.apps.delegated.client_id,
        refresh_token=body["refresh_token"],
        scope="https://contoso.sharepoint.com/.default",
    )
    _, claims, _, _ = jws.read(said(renewed)["access_token"])
    assert claims["aud"] == "https://contoso.sharepoint.com"


def test_a_device_code_that_is_approved_or_declined(simulate: Any) -> None:
    simulated = simulate(times=SignInTimes(device_interval=0, pending_polls=99))
    approved, declined = said(device_flow(simulated)), said(device_flow(simulated))
    assert simulated.ask("identity", f"/devicelogin?user_code={approved['user_code']}", None).status == 200
    simulated.ask("identity", f"/devicelogin?user_code={declined['user_code']}&decline=true", None)
    assert poll(simulated, approved).status == 200
    assert said(poll(simulated, declined))["error"] == "authorization_declined"
    assert simulated.ask("identity", "/devicelogin?user_code=NONSENSE", None).status == 400


def test_polling_too_fast_and_too_late(simulate: Any, wire: Any) -> None:
    hasty = simulate(times=SignInTimes(device_interval=60))
    flow = said(device_flow(hasty))
    assert said(poll(hasty, flow))["error"] == "authorization_pending"
    assert said(poll(hasty, flow))["error"] == "slow_down"
    late = simulate(times=SignInTimes(device_code=-1))
    refused(poll(late, said(device_flow(late))), wire, "device-code-expired")


def test_no_consent_and_two_resources(simulate: Any, wire: Any) -> None:
    simulated = simulate(times=SignInTimes(device_interval=0, pending_polls=0))
    flow = said(device_flow(simulated, "https://graph.microsoft.com/Mail.Read"))
    refused(poll(simulated, flow), wire, "no-consent")
    two = device_flow(simulated, f"{GRAPH} https://outlook.office365.com/.default")
    refused(two, wire, "two-resources-delegated")


VERIFIER = "v" * 43


def authorize(simulated: Any, **changes: str) -> Any:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    values = {
        "client_id": simulated.services.apps.delegated.client_id,
        "response_type": "code",
        "redirect_uri": "http://localhost:8400",
        "scope": "https://www.yammer.com/.default openid",
        "state": "s",
        "nonce": "n",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    } | changes
    return simulated.ask("identity", f"/{TENANT}/oauth2/v2.0/authorize?{urlencode(values)}", None)


def redeem(simulated: Any, code: str, verifier: str = VERIFIER) -> Any:
    return simulated.form(
        TOKEN,
        grant_type="authorization_code",
        client_id=simulated.services.apps.delegated.client_id,
        code=code,
        redirect_uri="http://localhost:8400",
        code_verifier=verifier,
    )


def sent_back(response: Any) -> dict[str, str]:
    assert response.status == 302
    return {name: found[0] for name, found in parse_qs(urlsplit(response.header("Location")).query).items()}


def test_an_authorization_code(simulated: Any, wire: Any) -> None:
    values = sent_back(authorize(simulated))
    assert values["state"] == "s"
    body = said(redeem(simulated, values["code"]))
    _, claims, _, _ = jws.read(body["id_token"])
    assert claims["nonce"] == "n"
    refused(redeem(simulated, values["code"]), wire, "malformed")
    other = sent_back(authorize(simulated))["code"]
    assert said(redeem(simulated, other, "x" * 43))["error_codes"] == [501481]


def test_what_authorize_refuses(simulated: Any) -> None:
    assert sent_back(authorize(simulated, code_challenge_method="plain"))["error"] == "invalid_request"
    assert sent_back(authorize(simulated, scope="https://graph.microsoft.com/Mail.Read"))["error"] == "invalid_grant"
    assert authorize(simulated, redirect_uri="https://elsewhere.example/").status == 400
    assert b'method="POST"' in authorize(simulated, response_mode="form_post").body
