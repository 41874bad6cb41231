"""What a request asks for, told so that the same question is the same wherever, however and whenever it is asked."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from auditor.simulator import ews_soap
from auditor.simulator.asgi import Request
from auditor.simulator.lookup import Lookup
from auditor.simulator.tenant import Account

VOLATILE = frozenset({"_oat_", "P1", "P4"})
"""Query parameters that differ from one answer to the next."""
NO_FAULTS = frozenset({"authorization_code", "urn:ietf:params:oauth:grant-type:device_code", "device_code"})
"""Grants that are good for one use: an answer that is lost cannot be asked for again."""
_GRAPH_USER = re.compile(r"(?i)/v1\.0/users/(?P<user>[^/]+)/(?P<what>photos?)(?P<rest>/.*)?")
_GRAPH_LIST = re.compile(r"(?i)/v1\.0/(?:users|groups|groups/[^/]+/(?:members|transitiveMembers)(?:/[^/$]+)?)")
_CLAIM = re.compile(r"(?i)membership\|([^']+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question."""

    what: str
    """Its kind: sign_in, list, batch, photo, picture, mailbox, profile, shown, stored, account or other."""
    subject: str
    """The same text for the same question."""
    rank: int | None = None
    """The place of the account (or page) among all that are asked about in this way; None where it concerns none."""
    soap: bool = False
    position: int = 0
    """Of a list: where the page begins, 0 for the first."""
    by_token: bool = False
    """Of a list: whether it came with a page token."""
    laps: int = 0
    """Of a list: how often an endless list was followed."""
    listing: str = ""
    """Of a list: the same text for all of its pages."""

    @property
    def entry(self) -> bool:
        """Whether a user's workload is usually asked this first."""
        return self.what in {"photo", "mailbox", "profile", "account"} or self.subject.startswith("GET /mugshot/")


@dataclass
class Asking:
    """Reads requests; knows the accounts."""

    lookup: Lookup
    largest_page: int = 999
    _ranks: dict[str, dict[str, int]] = field(default_factory=dict)
    _mugshots: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pictured = (user for account in self.lookup.tenant.accounts for user in account.engage if user.picture)
        self._mugshots = {user.picture_id.lower(): place for place, user in enumerate(pictured)}

    def read(self, origin: str, request: Request) -> Asked | None:
        """The question; None for one that no fault may touch."""
        readers: Mapping[str, Callable[[Request, str], Asked | None]] = {
            "identity": _sign_in,
            "graph": self._graph,
            "exchange": self._exchange,
            "yammer": self._yammer,
            "yammer_cdn": self._mugshot,
        }
        subject = f"{request.method} {request.path.lower()}"
        if query := _query(request.query_string):
            subject += f"?{query}"
        read = readers.get(origin)
        return read(request, subject) if read else self._sharepoint(origin, request, subject)

    def _graph(self, request: Request, subject: str) -> Asked:
        if request.path.lower().endswith("/$batch"):
            return self._batch(request)
        if _GRAPH_LIST.fullmatch(request.path):
            position, laps, by_token = _page_token(request)
            rest = "&".join(part for part in subject.split("&") if "$skiptoken" not in part)
            rank = position // self.largest_page
            return Asked("list", subject, rank, position=position, laps=laps, by_token=by_token, listing=rest)
        found = _GRAPH_USER.fullmatch(request.path)
        if found is None:
            return Asked("other", subject)
        account = self.lookup.directory_user(unquote(found["user"]))
        if (found["rest"] or "").lower().endswith("/$value"):
            return Asked("picture", subject, self._rank("graph", account, lambda one: one.graph.picture is not None))
        return Asked("photo", subject, self._rank("everyone", account, lambda _: True))

    def _batch(self, request: Request) -> Asked:
        try:
            urls = [str(item["url"]) for item in json.loads(request.body)["requests"]]
        except (ValueError, KeyError, TypeError):
            return Asked("batch", f"POST $batch {hashlib.sha256(request.body).hexdigest()[:16]}")
        inner = [self._graph(batched(request, "GET", url), url) for url in urls]
        ranks = [one.rank for one in inner if one.rank is not None]
        if not ranks:
            return Asked("batch", f"POST $batch {hashlib.sha256('|'.join(sorted(urls)).encode()).hexdigest()[:16]}")
        # Whoever asks again for what was damaged may leave out what was not: it is the same question nevertheless.
        block = min(ranks) // 20
        return Asked("batch", f"POST $batch {inner[0].what} {block}", block)

    def _exchange(self, request: Request, subject: str) -> Asked:
        if request.method == "POST":
            email = ews_soap.address(request.body)
            account = self.lookup.by_address.get(email)
            subject = f"{subject} {email}"
            return Asked("mailbox", subject, self._rank("everyone", account, lambda _: True), soap=True)
        account = self.lookup.by_address.get((request.query("email") or "").lower())
        return Asked("mailbox", subject, self._rank("everyone", account, lambda _: True))

    def _sharepoint(self, origin: str, request: Request, subject: str) -> Asked:
        path = request.path.lower()
        claim = next(
            (value for name, value in request.queries().items() if name.lower() in {"accountname", "username", "@v"}),
            "",
        )
        named = _CLAIM.search(claim) or _CLAIM.search(request.path)
        account = self.lookup.claim_user(named[1] if named else claim.strip("'"))
        if "peoplemanager" in path:
            return Asked("profile", subject, self._rank(origin, account, lambda one: _hosted(origin, one)))
        if "userphoto" in path:
            return Asked(
                "shown" if "userphoto.aspx" in path else "picture",
                subject,
                self._rank(f"{origin} shown", account, lambda one: _hosted(origin, one) and one.profile is not None),
            )
        return Asked("stored" if "/_api/web/" in path or "/user photos/" in path else "other", subject)

    def _yammer(self, request: Request, subject: str) -> Asked:
        if request.path == "/api/v1/users.json":
            text = request.query("page") or "1"
            page = int(text) if text.isdecimal() else 1
            listing = f"users.json {request.query('letter') or ''} {request.query('reverse') or ''}"
            return Asked("list", subject, page - 1, position=page - 1, listing=listing)
        if request.path == "/api/v1/users/by_email.json":
            account = self.lookup.by_address.get((request.query("email") or "").lower())
            return Asked("account", subject, self._rank("everyone", account, lambda _: True))
        return Asked("other", subject)

    def _mugshot(self, request: Request, subject: str) -> Asked:
        return Asked("picture", subject, self._mugshots.get(request.path.rpartition("/")[2].lower()))

    def _rank(self, population: str, account: Account | None, belongs: Callable[[Account], bool]) -> int | None:
        """The account's place among those in scope who belong there, in the order of the directory."""
        if account is None:
            return None
        if population not in self._ranks:
            members: Iterable[Account] = self.lookup.tenant.accounts
            chosen = [one.id for one in members if one.in_scope and belongs(one)]
            self._ranks[population] = {identity: place for place, identity in enumerate(chosen)}
        return self._ranks[population].get(account.id)


def batched(request: Request, method: str, url: str) -> Request:
    """A step of a batch, as far as telling what it asks for needs it."""
    path, _, query = url.partition("?")
    path = re.sub(r"^https?://[^/]+", "", unquote(path))
    path = "/" + path.lstrip("/")
    path = path if path.lower().startswith("/v1.0/") else "/v1.0" + path
    return Request(method, path, query, {}, b"", request.origin)


def _hosted(origin: str, account: Account) -> bool:
    return origin == "sharepoint" or account.geo == ("satellite" if origin.endswith("satellite") else "home")


def _sign_in(request: Request, subject: str) -> Asked | None:
    form = request.form() if request.method == "POST" else {}
    if form.get("grant_type") in NO_FAULTS or not request.path.lower().endswith(("/token", "/openid-configuration")):
        return None
    return Asked("sign_in", f"{subject} {form.get('grant_type', '')} {form.get('scope', '')}".rstrip())


def _query(text: str) -> str:
    pairs = sorted((name, value) for name, value in parse_qsl(text, keep_blank_values=True) if name not in VOLATILE)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _page_token(request: Request) -> tuple[int, int, bool]:
    """Where the page begins, how often an endless list was followed, and whether there was a token at all."""
    text = request.query("$skiptoken")
    if text is None:
        return 0, 0, False
    try:
        content = text.removeprefix("RFNwdAIAAQ")
        position, _, *laps = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
        return int(position), int(laps[0]) if laps else 0, True
    except (ValueError, TypeError):
        return 0, 0, True
