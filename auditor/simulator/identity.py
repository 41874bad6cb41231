"""The identity service: discovery, the token endpoint, and signing in as a user."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from auditor.simulator import assertions
from auditor.simulator.asgi import RefusedError, Request, Response, Route, json_response, route, text_response
from auditor.simulator.entra_answers import malformed, no_store, refused, required, send_back
from auditor.simulator.entra_scopes import Grant, ScopeError, check_consent, not_subscribed, read_scope
from auditor.simulator.registrations import Application, Registrations
from auditor.simulator.tokens import Mint

GRANT_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
REAL_AUTHORITY = "https://login.microsoftonline.com"
"""For whom programs make their assertions that come here through a proxy, under the real names."""
ANY_TENANT = frozenset({"common", "organizations"})


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """Who signs in whenever somebody has to."""

    id: str
    upn: str
    name: str
    directory_roles: frozenset[str] = frozenset()
    """Template ids of this person's roles in Entra ID."""


@dataclass(frozen=True, slots=True)
class SignInTimes:
    """How long things take and last, in seconds."""

    token: float = 3599
    device_code: float = 900
    device_interval: int = 1
    """Entra says 5; nobody wants to wait for that here."""
    pending_polls: int = 2
    """A device code nobody approves is approved after this many polls."""


@dataclass(slots=True)
class DeviceCode:
    """A device code on its way to being approved."""

    app: Application
    scope: str
    user_code: str
    expires: float
    state: Literal["waiting", "approved", "declined", "used"] = "waiting"
    polls: int = 0
    last_poll: float = 0.0


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code handed to a redirect address."""

    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str
    expires: float


@dataclass(slots=True)
class Pending:
    """Sign-ins that are under way."""

    devices: dict[str, DeviceCode] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    refresh: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Refresh token to (client id, scope)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything the identity service knows."""

    origin: str
    tenant_id: str
    domain: str
    organisation: str
    mint: Mint
    apps: Registrations
    user: SignedInUser
    engage: bool = True
    times: SignInTimes = SignInTimes()
    pending: Pending = field(default_factory=Pending)

    def routes(self) -> list[Route]:
        """Who answers what."""
        tenant = r"/(?P<tenant>[^/]+)"
        return [
            route("GET", tenant + r"(?:/v2\.0)?/\.well-known/openid-configuration", self.openid_configuration),
            route("GET", r"/common/discovery/instance", self.instance_discovery),
            route("GET", r"(?:/[^/]+)?/discovery/v2\.0/keys", self.keys),
            route("POST", tenant + r"/oauth2/v2\.0/token", self.token),
            route("POST", tenant + r"/oauth2/v2\.0/devicecode", self.device_code),
            route("GET", tenant + r"/oauth2/v2\.0/authorize", self.authorize),
            route("GET POST", r"/devicelogin", self.device_login),
        ]

    # Discovery

    def openid_configuration(self, request: Request) -> Response:
        """The OpenID configuration."""
        tenant = request.params["tenant"]
        self._check_tenant(request, ANY_TENANT)
        base = f"{self.origin}/{tenant}"
        issuer_tenant = "{tenantid}" if tenant in ANY_TENANT else self.tenant_id
        return json_response(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{self.origin}/{issuer_tenant}/v2.0",
                "request_uri_parameter_supported": False,
                "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "http_logout_supported": True,
                "frontchannel_logout_supported": True,
                "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
                "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "name", "tid", "ver"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "cloud_graph_host_name": "graph.windows.net",
                "msgraph_host": "graph.microsoft.com",
            }
        )

    def instance_discovery(self, request: Request) -> Response:
        """Which hosts are this cloud's; msal asks after a token error and hides that error if it gets a 404."""
        host = urlsplit(self.origin).netloc
        asked = urlsplit(request.query("authorization_endpoint") or "").path.strip("/").split("/")[0]
        tenant = asked or "common"
        return json_response(
            {
                "tenant_discovery_endpoint": f"{self.origin}/{tenant}/v2.0/.well-known/openid-configuration",
                "api-version": request.query("api-version") or "1.0",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    def keys(self, request: Request) -> Response:  # noqa: ARG002 - every handler takes the request
        """The keys that tokens are signed with."""
        return json_response({"keys": [self.mint.public_key()]})

    # The token endpoint

    def token(self, request: Request) -> Response:
        """Every grant type."""
        form = request.form()
        grant_type = required(request, form, "grant_type")
        # An application cannot act for itself in "common": there is no tenant to act in.
        self._check_tenant(request, frozenset() if grant_type == "client_credentials" else ANY_TENANT)
        app = self._application(request, required(request, form, "client_id"))
        if grant_type == "client_credentials":
            return self._client_credentials(request, form, app)
        if app.public and ("client_secret" in form or "client_assertion" in form):
            raise refused(
                request,
                700025,
                "invalid_client",
                "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
                401,
            )
        if not app.public:
            self._authenticate(request, form, app)
        if grant_type in {GRANT_DEVICE, "device_code"}:
            return self._redeem_device_code(request, form, app)
        if grant_type == "authorization_code":
            return self._redeem_authorization_code(request, form, app)
        if grant_type == "refresh_token":
            return self._refresh(request, form, app)
        # Assumption: a password grant is refused like any other grant the application may not use.
        raise refused(
            request,
            70003,
            "unsupported_grant_type",
            f"The app requested an unsupported grant type '{grant_type}'.",
        )

    def _client_credentials(self, request: Request, form: dict[str, str], app: Application) -> Response:
        by_secret = self._authenticate(request, form, app)
        scope = required(request, form, "scope")
        grant = self._grant(request, scope, app, app_only=True)
        token = self.mint.app_token(
            grant.audience,
            app.client_id,
            app.object_id,
            app.roles_for(grant.resource.name),
            by_secret=by_secret,
            lifetime=self.times.token,
        )
        lifetime = int(self.times.token)
        return no_store(
            {
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": token,
            }
        )

    def _authenticate(self, request: Request, form: dict[str, str], app: Application) -> bool:
        """Whether the application proved itself by its secret (or else by its certificate)."""
        if "client_assertion" in form:
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise malformed(request)
            endpoints = frozenset(
                f"{authority}/{tenant}{suffix}"
                for authority in (self.origin, REAL_AUTHORITY)
                for tenant in (request.params["tenant"], self.tenant_id, self.domain)
                for suffix in ("/oauth2/v2.0/token", "/v2.0")
            )
            problem = assertions.problem(form["client_assertion"], app, endpoints)
            if problem is not None:
                raise refused(request, problem.code, "invalid_client", problem.message, 401)
            return False
        if "client_secret" in form:
            if not app.secret or not secrets.compare_digest(form["client_secret"].encode(), app.secret.encode()):
                raise refused(
                    request,
                    7000215,
                    "invalid_client",
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client "
                    f"secret value, not the client secret ID, for a secret added to app '{app.client_id}'.",
                    401,
                )
            return True
        if app.public or form.get("grant_type") == "client_credentials":
            raise refused(
                request,
                7000216,
                "invalid_client",
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
                401,
            )
        raise refused(
            request,
            7000218,
            "invalid_client",
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            401,
        )

    def _redeem_device_code(self, request: Request, form: dict[str, str], app: Application) -> Response:
        device = self.pending.devices.get(form.get("device_code") or required(request, form, "code"))
        if device is None or device.app.client_id != app.client_id or device.state == "used":
            raise malformed(request, "invalid_grant")
        now = time.time()
        too_soon = now - device.last_poll < self.times.device_interval * 0.5
        device.last_poll = now
        if now >= device.expires:
            raise refused(
                request,
                70019,
                "expired_token",
                "Verification code expired. Have the user retry the sign-in.",
            )
        if device.state == "declined":
            raise refused(request, 70017, "authorization_declined", "The end user denied the authorization request.")
        if device.state == "waiting":
            if too_soon:
                raise refused(request, 70016, "slow_down", "OAuth 2.0 device flow error. Polled too often.")
            device.polls += 1
            if device.polls <= self.times.pending_polls:
                raise refused(
                    request,
                    70016,
                    "authorization_pending",
                    "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
                )
        answer = self._user_tokens(request, device.scope, app)
        device.state = "used"
        return answer

    def _redeem_authorization_code(self, request: Request, form: dict[str, str], app: Application) -> Response:
        code = self.pending.codes.pop(required(request, form, "code"), None)
        if code is None or code.client_id != app.client_id or code.expires <= time.time():
            raise malformed(request, "invalid_grant")
        if code.redirect_uri != form.get("redirect_uri"):
            raise refused(
                request,
                50011,
                "invalid_grant",
                "The redirect URI specified in the request does not match the one the code was issued for.",
            )
        verifier = form.get("code_verifier", "")
        if code.challenge != _s256(verifier):
            raise refused(
                request,
                501481,
                "invalid_grant",
                "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
            )
        return self._user_tokens(request, form.get("scope") or code.scope, app, nonce=code.nonce)

    def _refresh(self, request: Request, form: dict[str, str], app: Application) -> Response:
        known = self.pending.refresh.get(required(request, form, "refresh_token"))
        if known is None or known[0] != app.client_id:
            raise malformed(request, "invalid_grant")
        # One refresh token serves every resource that was consented to.
        return self._user_tokens(request, form.get("scope") or known[1], app)

    def _user_tokens(self, request: Request, scope: str, app: Application, *, nonce: str = "") -> Response:
        grant = self._grant(request, scope, app, app_only=False)
        granted = app.scopes_for(grant.resource.name)
        lifetime = int(self.times.token)
        user = self.user
        answer: dict[str, object] = {
            "token_type": "Bearer",
            "scope": " ".join(
                [*(f"{grant.audience}/{name}" for name in sorted(granted)), *sorted(grant.oidc - {"offline_access"})]
            ),
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": self.mint.user_token(
                grant.audience,
                app.client_id,
                user.id,
                user.upn,
                user.name,
                granted,
                lifetime,
                user.directory_roles,
            ),
        }
        if "offline_access" in grant.oidc:
            refresh_token = "1.S" + secrets.token_urlsafe(48)
            self.pending.refresh[refresh_token] = (app.client_id, scope)
            answer["refresh_token"] = refresh_token
        if "openid" in grant.oidc:
            claims: dict[str, object] = {
                "iss": f"{self.origin}/{self.tenant_id}/v2.0",
                "aud": app.client_id,
                "sub": hashlib.sha256(f"{app.client_id}{user.id}".encode()).hexdigest()[:43],
                "oid": user.id,
                "name": user.name,
                "preferred_username": user.upn,
                "ver": "2.0",
            }
            answer["id_token"] = self.mint.sign({**claims, **({"nonce": nonce} if nonce else {})}, lifetime)
        if request.form().get("client_info") == "1":
            info = json.dumps({"uid": user.id, "utid": self.tenant_id}).encode()
            answer["client_info"] = base64.urlsafe_b64encode(info).decode().rstrip("=")
        return no_store(answer)

    # Interactive sign-in

    def device_code(self, request: Request) -> Response:
        """A device code and the code its user types."""
        self._check_tenant(request, ANY_TENANT)
        form = request.form()
        app = self._application(request, required(request, form, "client_id"))
        scope = required(request, form, "scope")
        self._grant(request, scope, app, app_only=False, ask_consent=False)
        device_code = secrets.token_urlsafe(96)
        user_code = "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(9))
        lifetime = self.times.device_code
        self.pending.devices[device_code] = DeviceCode(app, scope, user_code, time.time() + lifetime)
        where = f"{self.origin}/devicelogin"
        return json_response(
            {
                "user_code": user_code,
                "device_code": device_code,
                "verification_uri": where,
                "expires_in": int(lifetime),
                "interval": self.times.device_interval,
                "message": f"To sign in, use a web browser to open the page {where} and enter the code "
                f"{user_code} to authenticate.",
            }
        )

    def device_login(self, request: Request) -> Response:
        """Approve (or with `decline=true` decline) a device code by `?user_code=…`: the page a user would see."""
        values = {**request.queries(), **request.form()}
        for device in self.pending.devices.values():
            if device.user_code == values.get("user_code", "").upper() and device.state == "waiting":
                device.state = "declined" if values.get("decline") == "true" else "approved"
                return text_response(f"The sign-in was {device.state}. You may close this page.")
        return text_response("That code did not work. Add ?user_code=CODE to this address.", 400)

    def authorize(self, request: Request) -> Response:
        """Redirect straight back with a code, as if the user had signed in already."""
        self._check_tenant(request, ANY_TENANT)
        values = request.queries()
        app = self._application(request, required(request, values, "client_id"))
        where = required(request, values, "redirect_uri")
        target = urlsplit(where)
        if target.scheme != "http" or target.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise refused(
                request,
                50011,
                "invalid_request",
                f"The redirect URI '{where}' specified in the request does not match the redirect URIs configured "
                f"for the application '{app.client_id}'.",
            )
        answer = {"state": values["state"]} if "state" in values else {}
        try:
            if values.get("response_type") != "code" or values.get("code_challenge_method", "S256") != "S256":
                raise malformed(request)
            scope = required(request, values, "scope")
            self._grant(request, scope, app, app_only=False)
        except RefusedError as error:
            said = json.loads(error.response.body)
            answer |= {"error": said["error"], "error_description": said["error_description"]}
            return send_back(where, answer, values.get("response_mode", "query"))
        code = "1." + secrets.token_urlsafe(64)
        self.pending.codes[code] = AuthorizationCode(
            client_id=app.client_id,
            redirect_uri=where,
            challenge=values.get("code_challenge", ""),
            scope=scope,
            nonce=values.get("nonce", ""),
            expires=time.time() + 600,
        )
        answer |= {"code": code, "session_state": str(uuid.uuid4())}
        return send_back(where, answer, values.get("response_mode", "query"))

    # What every request is checked for

    def _check_tenant(self, request: Request, besides: frozenset[str]) -> None:
        tenant = request.params["tenant"].lower()
        if tenant not in {self.tenant_id.lower(), self.domain.lower(), *besides}:
            raise refused(
                request,
                90002,
                "invalid_request",
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing "
                "into the correct cloud. Check with your subscription administrator, this may happen if there are "
                "no active subscriptions for the tenant.",
            )

    def _application(self, request: Request, client_id: str) -> Application:
        app = self.apps.by_id(client_id)
        if app is None:
            raise refused(
                request,
                700016,
                "unauthorized_client",
                f"Application with identifier '{client_id}' was not found in the directory "
                f"'{self.organisation}'. This can happen if the application has not been installed by the "
                "administrator of the tenant or consented to by any user in the tenant. You may have sent your "
                "authentication request to the wrong tenant.",
            )
        return app

    def _grant(
        self, request: Request, scope: str, app: Application, *, app_only: bool, ask_consent: bool = True
    ) -> Grant:
        try:
            grant = read_scope(scope, self.organisation, app_only=app_only)
            if grant.resource.name == "yammer" and not self.engage:
                raise not_subscribed(self.tenant_id)
            if ask_consent and not app_only:
                check_consent(grant, app)
        except ScopeError as error:
            raise refused(request, error.code, error.name, str(error)) from error
        return grant


def _s256(verifier: str) -> str:
    if not verifier:
        return ""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii", "replace")).digest()).rstrip(b"=").decode()
