"""Viva Engage (Yammer) of the simulated tenant: its users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.simulator.asgi import RefusedError, Request, Response, Route, Service, json_response, redirect, route
from auditor.simulator.mugshots import NO_PHOTO, Mugshots
from auditor.simulator.registrations import RESOURCES, YAMMER_API_AUDIENCE, YAMMER_AUDIENCE
from auditor.simulator.requestlog import RequestLog
from auditor.simulator.tenant import Account, EngageUser, Tenant
from auditor.simulator.tokens import Mint, TokenError

AUDIENCES = frozenset({YAMMER_AUDIENCE, YAMMER_API_AUDIENCE, RESOURCES[3].app_id})
PAGE = 50
NETWORK_ID = 5900000001
_DEFAULT_SIZE = "48x48"


@dataclass(frozen=True, slots=True)
class Member:
    """An Engage user with the account they belong to."""

    user: EngageUser
    account: Account


@dataclass(frozen=True)
class Yammer:
    """Everything the Yammer API knows."""

    origin: str
    network: str
    domain: str
    mint: Mint
    mugshots: Mugshots
    members: Sequence[Member]
    by_id: dict[int, Member]
    by_address: dict[str, list[Member]]
    signed_in: Member | None
    enabled: bool
    moved_up: set[tuple[str, str, str]] = field(default_factory=set)
    """Lists (by letter, order and direction) whose first account has gone while they were read."""
    read_to_the_end: set[tuple[str, str, str]] = field(default_factory=set)

    def routes(self) -> list[Route]:
        """Who answers what."""
        api = r"/api/v1/users"
        return [
            route("GET", api + r"\.json", self.users),
            route("GET", api + r"/by_email\.json", self.by_email),
            route("GET", api + r"/current\.json", self.current),
            route("GET", api + r"/(?P<id>[^/]+)\.json", self.user),
            route("GET", r"/mugshot/images/redirect/(?P<size>[^/]+)/(?P<picture>[^/]+)", self.mugshot_redirect),
        ]

    def users(self, request: Request) -> Response:
        """A page of users, as a bare array; empty after the last."""
        self._check(request)
        text = request.query("page") or "1"
        page = int(text) if text.isdecimal() and int(text) > 0 else 1
        letter = (request.query("letter") or "").lower()
        chosen: Sequence[Member] = self.members
        if letter:
            chosen = [member for member in chosen if member.user.full_name.lower().startswith(letter)]
        if request.query("reverse") == "true":
            chosen = list(reversed(chosen))
        listing = (letter, request.query("sort_by") or "", request.query("reverse") or "")
        if page == 1 and listing in self.read_to_the_end:
            self.read_to_the_end.discard(listing)
            self.moved_up.discard(listing)
        if request.fault == "vanished_users":
            self.moved_up.add(listing)
        members = _page(chosen[1:] if listing in self.moved_up else chosen, page, request.fault)
        if not members:
            self.read_to_the_end.add(listing)
        return json_response([self._body(member) for member in members])

    def by_email(self, request: Request) -> Response:
        """Users of an address. Assumption: other addresses of a user find the user too."""
        self._check(request)
        found = self.by_address.get((request.query("email") or "").lower(), [])
        if not found:
            return Response(404)
        return json_response([self._body(member) for member in found])

    def current(self, request: Request) -> Response:
        """The user whose token it is."""
        self._check(request)
        if self.signed_in is None:
            return Response(404)
        return json_response(self._single(self.signed_in))

    def user(self, request: Request) -> Response:
        """One user by numeric id; directory ids are not accepted."""
        self._check(request)
        text = request.params["id"]
        member = self.by_id.get(int(text)) if text.isdecimal() else None
        return Response(404) if member is None else json_response(self._single(member))

    def mugshot_redirect(self, request: Request) -> Response:
        """To a fresh address of the picture. Assumption: without a token."""
        picture = request.params["picture"]
        if not self.mugshots.knows(picture):
            return Response(404)
        return redirect(self.mugshots.url(picture, request.params["size"]))

    def _check(self, request: Request) -> None:
        """Only a signed-in user's token will do; every other one is unknown here."""
        try:
            token = self.mint.check(request.bearer(), AUDIENCES)
        except TokenError as error:
            raise RefusedError(_token_not_found()) from error
        if not self.enabled or token.app_only or not token.may("access_as_user", "user_impersonation"):
            raise RefusedError(_token_not_found())

    def _single(self, member: Member) -> dict[str, Any]:
        return {**self._body(member), "age_bucket": "notSet"}

    def _body(self, member: Member) -> dict[str, Any]:
        user, account = member.user, member.account
        picture = user.picture_id if user.picture is not None else NO_PHOTO
        url = self.mugshots.url(picture, "{width}x{height}")
        redirects = f"{self.origin}/mugshot/images/redirect"
        addresses = [
            {"type": "primary", "address": user.email},
            *({"type": "secondary", "address": address} for address in user.other_addresses),
        ]
        return {
            "type": "user",
            "id": user.id,
            "network_id": NETWORK_ID,
            "state": user.state,
            "job_title": account.job_title,
            "location": account.office_location or None,
            "interests": None,
            "summary": None,
            "expertise": None,
            "full_name": user.full_name,
            "activated_at": user.activated_at,
            "auto_activated": False,
            "show_ask_for_photo": user.picture is None,
            "first_name": account.given_name,
            "last_name": account.surname,
            "network_name": self.network,
            "network_domains": [self.domain],
            "url": f"{self.origin}/api/v1/users/{user.id}",
            "web_url": f"{self.origin}/{self.domain}/users/{user.id}",
            "name": user.email.partition("@")[0],
            "mugshot_url": url.replace("{width}x{height}", _DEFAULT_SIZE),
            "mugshot_redirect_url": f"{redirects}/{_DEFAULT_SIZE}/{picture}",
            "mugshot_url_template": url,
            "mugshot_redirect_url_template": f"{redirects}/{{width}}x{{height}}/{picture}",
            "birth_date": "",
            "birth_date_complete": "",
            "timezone": "Pacific Time (US & Canada)",
            "external_urls": [],
            # Strings, not booleans: so the service has it.
            "admin": "false",
            "verified_admin": "false",
            "m365_yammer_admin": "false",
            "supervisor_admin": "false",
            "o365_tenant_admin": "false",
            "can_broadcast": "true",
            "department": account.department or None,
            "email": user.email,
            "guest": account.user_type == "Guest",
            "aad_guest": account.user_type == "Guest",
            "can_view_delegations": False,
            "can_create_new_network": False,
            "can_browse_external_networks": False,
            "reaction_accent_color": "none",
            "significant_other": "",
            "kids_names": "",
            "previous_companies": [],
            "schools": [],
            "contact": {
                "im": {"provider": "", "username": ""},
                "phone_numbers": [],
                "email_addresses": addresses,
                "has_fake_email": False,
            },
            "stats": {"updates": 0, "following": 0, "followers": 0},
            "settings": {"xdr_proxy": ""},
            "show_invite_lightbox": False,
        }


def make_yammer(
    origin: str,
    tenant: Tenant,
    mint: Mint,
    mugshots: Mugshots,
    *,
    organisation: str,
    signed_in: str,
    enabled: bool,
    log: RequestLog,
) -> Service:
    """The Yammer API; `signed_in` is the object id of the user whose tokens are delegated."""
    members = [Member(user, account) for account in tenant.accounts for user in account.engage]
    by_address: dict[str, list[Member]] = {}
    for member in members:
        for address in dict.fromkeys([member.user.email.lower(), *map(str.lower, member.user.other_addresses)]):
            by_address.setdefault(address, []).append(member)
    yammer = Yammer(
        origin=origin,
        network=organisation,
        domain=tenant.domain,
        mint=mint,
        mugshots=mugshots,
        members=members,
        by_id={member.user.id: member for member in members},
        by_address=by_address,
        signed_in=next((member for member in members if member.account.id == signed_in), None),
        enabled=enabled,
    )
    return Service("yammer", origin, yammer.routes(), error=_error, log=log)


def _page(chosen: Sequence[Member], page: int, fault: str) -> Sequence[Member]:
    """A page by its number, or what a fault makes of it."""
    form, _, number = fault.partition(" ")
    if form in {"repeated", "endless"}:
        page = int(number)
    start, end = (page - 1) * PAGE, page * PAGE
    if form == "duplicate_users":
        start -= 1
    return chosen[max(start, 0) : end]


def _token_not_found() -> Response:
    return _error(401, "Token not found.", code=16)


def _error(status: int, message: str, code: int = 0) -> Response:
    return json_response({"response": {"message": message, "code": code, "stat": "fail"}}, status)
