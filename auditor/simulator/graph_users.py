"""Graph's directory: users, groups and their members, the organisation."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from auditor.simulator.asgi import RefusedError, Request, Response, Route, route
from auditor.simulator.graph_answers import (
    VERSION,
    GraphAccess,
    directory_denied,
    graph_json,
    mailbox_denied,
    refused,
    resource_not_found,
)
from auditor.simulator.lookup import Lookup
from auditor.simulator.odata_filter import FilterError, parse
from auditor.simulator.tenant import Account, Group, Tenant

DEFAULT_PAGE = 100
LARGEST_PAGE = 999
READ_USERS = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
READ_MEMBERS = ("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All", "Directory.ReadWrite.All")
READ_MAILBOX = ("MailboxSettings.Read", "MailboxSettings.ReadWrite")

DEFAULT_PROPERTIES = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
)
# Navigations: selecting one is silently without effect.
NAVIGATIONS = frozenset({"photo", "photos", "manager", "memberof", "drive", "directreports"})
# Properties that only a single user answers.
SINGLE_ONLY = frozenset({"mailboxsettings", "aboutme", "birthday", "hiredate", "interests", "mysite", "skills"})
NOT_SERVED = ("$skip", "$search", "$orderby", "$expand")
CREATED = "2021-03-01T08:00:00Z"


def _plan(service: str, plan_id: str, status: str = "Enabled") -> dict[str, str]:
    return {
        "assignedDateTime": CREATED,
        "capabilityStatus": status,
        "service": service,
        "servicePlanId": plan_id,
    }


def _data_location(account: Account) -> str | None:
    return "AUS" if account.geo == "satellite" else None


def _external_state(account: Account) -> str | None:
    return "Accepted" if account.user_type == "Guest" else None


PROPERTIES: Mapping[str, Callable[[Account], Any]] = {
    "businessPhones": lambda _account: [],
    "displayName": lambda account: account.display_name,
    "givenName": lambda account: account.given_name or None,
    "jobTitle": lambda account: account.job_title or None,
    "mail": lambda account: account.mail or None,
    "mobilePhone": lambda _account: None,
    "officeLocation": lambda account: account.office_location or None,
    "preferredLanguage": lambda _account: None,
    "surname": lambda account: account.surname or None,
    "userPrincipalName": lambda account: account.upn,
    "id": lambda account: account.id,
    "accountEnabled": lambda account: account.enabled,
    "assignedLicenses": lambda account: [{"disabledPlans": [], "skuId": sku} for sku in account.skus],
    "assignedPlans": lambda account: [
        *(_plan(*plan) for plan in account.plans),
        *(_plan(*plan, status="Deleted") for plan in account.removed_plans),
    ],
    "companyName": lambda _account: None,
    "createdDateTime": lambda account: account.created,
    "creationType": lambda account: "Invitation" if account.user_type == "Guest" else None,
    "department": lambda account: account.department or None,
    "externalUserState": _external_state,
    "employeeId": lambda _account: None,
    "mailNickname": lambda account: account.upn.partition("@")[0],
    "onPremisesSyncEnabled": lambda account: True if account.synced else None,
    "onPremisesImmutableId": lambda account: (
        base64.b64encode(account.id.encode()[:16]).decode() if account.synced else None
    ),
    "onPremisesLastSyncDateTime": lambda account: account.last_synced if account.synced else None,
    "otherMails": lambda account: [account.mail] if account.user_type == "Guest" and account.mail else [],
    "preferredDataLocation": _data_location,
    "proxyAddresses": lambda account: list(account.proxy_addresses),
    "usageLocation": lambda _account: None,
    "userType": lambda account: account.user_type,
}
_BY_LOWER = {name.lower(): name for name in PROPERTIES}
_NAMES = frozenset(PROPERTIES)


@dataclass(frozen=True, slots=True)
class Directory:
    """The directory part of Graph."""

    origin: str
    tenant: Tenant
    lookup: Lookup
    access: GraphAccess
    organisation: str
    largest_page: int = LARGEST_PAGE

    def routes(self) -> list[Route]:
        """Who answers what."""
        user, group = r"/v1\.0/users/(?P<key>[^/]+)", r"/v1\.0/groups/(?P<group>[^/]+)"
        members = group + r"/(?P<kind>members|transitiveMembers)(?P<cast>/microsoft\.graph\.user)?"
        return [
            route("GET", r"/v1\.0/users", self.users, ignore_case=True),
            route("GET", r"/v1\.0/users/\$count", self.users_count, ignore_case=True),
            route("GET", user, self.user, ignore_case=True),
            route("GET", user + r"/mailboxSettings", self.mailbox_settings, ignore_case=True),
            route("GET", user + r"/mailboxSettings/userPurpose", self.user_purpose, ignore_case=True),
            route("GET", r"/v1\.0/groups", self.groups, ignore_case=True),
            route("GET", group, self.group, ignore_case=True),
            route("GET", members, self.members, ignore_case=True),
            route("GET", members + r"/\$count", self.members_count, ignore_case=True),
            route("GET", r"/v1\.0/organization", self.organization, ignore_case=True),
        ]

    # Users

    def users(self, request: Request) -> Response:
        """A page of users."""
        self.access.require_reader(request, READ_USERS)
        chosen = self._filtered(request, self.tenant.accounts)
        return self._page(request, chosen, "users")

    def users_count(self, request: Request) -> Response:
        """How many users, as plain text."""
        self.access.require_reader(request, READ_USERS)
        if not _eventual(request):
            raise refused(400, "Request_BadRequest", "$count is not currently supported.")
        count = len(self._filtered(request, self.tenant.accounts, counted=True))
        return Response(200, str(count).encode(), "text/plain")

    def user(self, request: Request) -> Response:
        """One user."""
        known = self.lookup.directory_user(request.params["key"])
        self.access.require_reader(request, READ_USERS, own=known.id if known else "")
        account = self._account(request)
        names = _selected(request, single=True)
        body: dict[str, Any] = {"@odata.context": self._context("users", request, "/$entity")}
        body |= {name: PROPERTIES[name](account) for name in names if name in PROPERTIES}
        if "mailboxSettings" in names:
            self._require_mailbox(request, account)
            body["mailboxSettings"] = self._settings(account)
        return graph_json(body, headers=(("x-ms-resource-unit", "1"),))

    def mailbox_settings(self, request: Request) -> Response:
        """The mailbox's settings, of which only the purpose is simulated."""
        account = self._account(request)
        self._require_mailbox(request, account)
        context = f"{self.origin}{VERSION}/$metadata#users('{quote(account.id)}')/mailboxSettings"
        return graph_json({"@odata.context": context, **self._settings(account)})

    def user_purpose(self, request: Request) -> Response:
        """The mailbox's purpose alone."""
        account = self._account(request)
        self._require_mailbox(request, account)
        context = f"{self.origin}{VERSION}/$metadata#users('{quote(account.id)}')/mailboxSettings/userPurpose"
        return graph_json({"@odata.context": context, "value": self._settings(account)["userPurpose"]})

    def _require_mailbox(self, request: Request, account: Account) -> None:
        """Documented (user-get, mailboxSettings): with a person's sign-in only this person's own mailbox is read."""
        self.access.require(request, READ_MAILBOX, mailbox_denied)
        token = self.access.token(request)
        if not token.app_only and token.object_id != account.id:
            raise mailbox_denied()

    def _settings(self, account: Account) -> dict[str, str]:
        if account.mailbox is None:
            # Assumption: settings of a user without a mailbox are refused like other mailbox calls, in one of two ways.
            refusal = account.graph.refusal
            if refusal is not None and "Mailbox" in refusal.code:
                raise refused(refusal.http, refusal.code, refusal.message)
            if account.synced:
                words = "The SMTP address has no mailbox associated with it."
                raise refused(404, "ErrorNonExistentMailbox", words)
            words = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
            raise refused(404, "MailboxNotEnabledForRESTAPI", words)
        return {"userPurpose": account.mailbox.purpose}

    # Groups

    def groups(self, request: Request) -> Response:
        """Groups, to be found by name."""
        self.access.require(request, READ_MEMBERS, directory_denied)
        chosen: Sequence[Group] = self.tenant.groups
        text = request.query("$filter")
        if text:
            try:
                test = parse(text, frozenset({"displayName", "id", "mail"})).test
            except FilterError as error:
                raise refused(400, "BadRequest", str(error)) from error
            chosen = [group for group in chosen if test(_group_body(group).get)]
        value = [_group_body(group) for group in chosen]
        return graph_json({"@odata.context": self._context("groups", request), "value": value})

    def group(self, request: Request) -> Response:
        """One group."""
        self.access.require(request, READ_MEMBERS, directory_denied)
        group = self.lookup.groups.get(request.params["group"].lower())
        if group is None:
            raise resource_not_found(request.params["group"])
        return graph_json({"@odata.context": self._context("groups", request, "/$entity"), **_group_body(group)})

    def members(self, request: Request) -> Response:
        """A page of a group's members; there are no groups in groups here."""
        chosen = self._filtered(request, self._members(request))
        typed = "cast" not in request.params
        return self._page(request, chosen, "users" if not typed else "directoryObjects", typed=typed)

    def members_count(self, request: Request) -> Response:
        """How many members, as plain text."""
        if not _eventual(request):
            raise refused(400, "Request_BadRequest", "$count is not currently supported.")
        return Response(200, str(len(self._members(request))).encode(), "text/plain")

    def _members(self, request: Request) -> Sequence[Account]:
        self.access.require_reader(request, READ_MEMBERS)
        key = request.params["group"].lower()
        if key not in self.lookup.groups:
            raise resource_not_found(request.params["group"])
        return self.lookup.members.get(key, ())

    def organization(self, request: Request) -> Response:
        """The tenant. Assumption: any token for Graph may read these few properties."""
        self.access.token(request)
        domain = {"capabilities": "Email", "isDefault": True, "isInitial": False, "name": self.tenant.domain}
        body = {"id": self.tenant.tenant_id, "displayName": self.organisation, "verifiedDomains": [domain]}
        return graph_json({"@odata.context": self._context("organization", request), "value": [body]})

    # Query options

    def _account(self, request: Request) -> Account:
        key = request.params["key"]
        account = self.lookup.directory_user(key)
        if account is None:
            raise resource_not_found(key)
        return account

    def _filtered(self, request: Request, accounts: Sequence[Account], *, counted: bool = False) -> Sequence[Account]:
        text = request.query("$filter")
        if text is None:
            return accounts
        try:
            parsed = parse(text, _NAMES)
        except FilterError as error:
            raise refused(400, "BadRequest", f"Invalid filter clause: {error}") from error
        if parsed.advanced and not (_eventual(request) and (counted or request.query("$count") == "true")):
            # Assumption: the words; that ConsistencyLevel and $count are needed is documented.
            raise refused(400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified.")

        def keep(account: Account) -> bool:
            return parsed.test(lambda name: PROPERTIES[name](account))

        return [account for account in accounts if keep(account)]

    def _page(self, request: Request, chosen: Sequence[Account], what: str, *, typed: bool = False) -> Response:
        for option in NOT_SERVED:
            if request.query(option) is not None:
                # Assumption: the words. Only $skip is documented as unsupported; the others are not simulated.
                raise refused(400, "Request_BadRequest", f"'{option}' is not supported by the service.")
        size = min(_page_size(request), self.largest_page)
        start, laps = _position(request)
        names = _selected(request, single=False)
        body: dict[str, Any] = {"@odata.context": self._context(what, request)}
        if request.query("$count") == "true" and _eventual(request):
            body["@odata.count"] = len(chosen)
        if start + size < len(chosen):
            body["@odata.nextLink"] = self._next_link(request, *_following(request.fault, start, size, laps))
        kind = {"@odata.type": "#microsoft.graph.user"} if typed else {}
        body["value"] = [
            kind | {name: PROPERTIES[name](account) for name in names} for account in chosen[start : start + size]
        ]
        unit = "2" if request.query("$select") is None else "1"
        return graph_json(body, headers=(("x-ms-resource-unit", unit),))

    def _next_link(self, request: Request, position: int, laps: int) -> str:
        kept = [part for part in request.query_string.split("&") if part and _key(part) != "$skiptoken"]
        kept.append(f"$skiptoken={_skip_token(request, position, laps)}")
        return f"{self.origin}{quote(request.path)}?{'&'.join(kept)}"

    def _context(self, what: str, request: Request, suffix: str = "") -> str:
        selected = request.query("$select")
        columns = f"({selected})" if selected else ""
        return f"{self.origin}{VERSION}/$metadata#{what}{columns}{suffix}"


def _group_body(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "displayName": group.display_name,
        "mail": None,
        "mailEnabled": False,
        "securityEnabled": True,
        "groupTypes": [],
    }


def _eventual(request: Request) -> bool:
    return request.headers.get("consistencylevel", "").lower() == "eventual"


def _page_size(request: Request) -> int:
    text = request.query("$top")
    if text is None:
        return DEFAULT_PAGE
    try:
        size = int(text)
    except ValueError as error:
        raise refused(400, "BadRequest", f"Invalid value '{text}' for $top query option found.") from error
    if not 1 <= size <= LARGEST_PAGE:
        raise refused(
            400,
            "Request_UnsupportedQuery",
            f"Invalid page size specified: '{size}'. Must be between 1 and {LARGEST_PAGE} inclusive.",
        )
    return size


def _selected(request: Request, *, single: bool) -> tuple[str, ...]:
    text = request.query("$select")
    if not text:
        return DEFAULT_PROPERTIES
    names: list[str] = []
    for asked in (part.strip() for part in text.split(",")):
        lowered = asked.lower()
        if lowered in _BY_LOWER:
            names.append(_BY_LOWER[lowered])
        elif lowered in NAVIGATIONS:
            continue
        elif lowered in SINGLE_ONLY:
            if not single:
                # Assumption: the words; the status is documented.
                raise refused(
                    501, "NotImplemented", f"The property '{asked}' is not supported on a collection of users."
                )
            names.append("mailboxSettings" if lowered == "mailboxsettings" else asked)
        else:
            raise _no_such_property(asked)
    return tuple(dict.fromkeys(names))


def _no_such_property(name: str) -> RefusedError:
    return refused(
        400,
        "BadRequest",
        f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type "
        "'microsoft.graph.user'.",
    )


# Skip tokens: opaque, and good for the query they came with only.


def _key(part: str) -> str:
    return unquote(part.partition("=")[0]).lower()


def _query_digest(request: Request) -> str:
    kept = sorted(part for part in request.query_string.split("&") if part and _key(part) != "$skiptoken")
    return hashlib.sha256("&".join([request.path.lower(), *kept]).encode()).hexdigest()[:16]


def _following(fault: str, start: int, size: int, laps: int) -> tuple[int, int]:
    """Where the next page begins, and how often an endless list was followed by then.

    What a fault does to a list is what happens to pages that are counted off while people join and leave: whoever
    left before the page's end lets the next page begin one too late, whoever joined one too early.
    """
    if laps or fault == "endless":
        return start, laps + 1
    return start + {"repeated": 0, "duplicate_users": size - 1, "vanished_users": size + 1}.get(fault, size), 0


def _skip_token(request: Request, position: int, laps: int) -> str:
    content = json.dumps([position, _query_digest(request), *([laps] if laps else [])]).encode()
    return "RFNwdAIAAQ" + base64.urlsafe_b64encode(content).decode().rstrip("=")


def _position(request: Request) -> tuple[int, int]:
    """Where the page begins, and how often an endless list was followed."""
    text = request.query("$skiptoken")
    if text is None:
        return 0, 0
    try:
        content = text.removeprefix("RFNwdAIAAQ")
        position, digest, *laps = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
        if digest == _query_digest(request) and request.fault != "expired_token":
            return int(position), int(laps[0]) if laps else 0
    except (ValueError, TypeError):
        pass
    raise refused(
        400,
        "Directory_ExpiredPageToken",
        "The specified page token value has expired and can no longer be included in your request.",
    )
