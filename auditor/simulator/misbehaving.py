"""A tenant that misbehaves for everybody: a gateway, a cache or a half-moved service answers for one of its services.

A misbehaviour is a function from the true answer to another one. It begins at a chosen question, and does not end
unless its last question is chosen, too. Only questions of its own kind are counted, as they come: a batch counts as its
steps, a page of a list as one. The truth about the tenant and its truth file stay the same: only answers differ.

None of these answers was seen on a live tenant. A program between client and service gives them, or could give them.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlencode

from auditor.simulator import ews_soap
from auditor.simulator.asgi import Request, Response
from auditor.simulator.asked import batched
from auditor.simulator.lookup import CLAIM_PREFIX, Lookup
from auditor.simulator.tenant import Account, Picture, Rendition, Store

MISBEHAVED_FILE = "misbehaved.csv"
COLUMNS = ("misbehaviour", "origin", "asked", "nth", "user_id")
SHAREPOINT = ("sharepoint", "sharepoint_my", "sharepoint_my_satellite")
_GRAPH_USER = re.compile(r"(?i)(?P<head>/v1\.0/users/)(?P<user>[^/$]+)(?P<rest>/.*)?")
_PHOTO = re.compile(r"(?i)/photo(?:s/[^/]+)?")
_VALUE = re.compile(r"(?i)/photo(?:s/[^/]+)?/\$value")
_CLAIM = re.compile(r"(?i)(membership\|)((?:[^']|'')+)")
_FILE = re.compile(r"(?i)([^/']+)_[SML]Thumb\.jpg")
_SOAP_EMAIL = re.compile(rb"(<(?:\w+:)?Email(?:\s[^>]*)?>)[^<]+(<)")


@dataclass(frozen=True, slots=True)
class Question:
    """The kind of a question, and the account that it is about."""

    kind: str
    """Of Graph: photo, sizes, value, batch, users, count, user; of Exchange: mailbox; of SharePoint: profile, shown,
    shown_file, stored; of Viva Engage: accounts, account, mugshot; of each: other."""
    account: Account | None = None
    in_batch: bool = False
    steps: Mapping[str, Question] = field(default_factory=dict)
    """Of a batch: the steps by their ids."""

    @property
    def weight(self) -> int:
        """The number of questions that it counts as."""
        return max(1, len(self.steps))


@dataclass(frozen=True)
class Scene:
    """A question, its true answer, and everything else that a false answer can be made from."""

    origin: str
    request: Request
    question: Question
    true: Response
    lookup: Lookup
    engage: Mapping[str, Account]
    """Accounts by the number of their Engage user and by the id of its picture."""
    ask: Callable[[Request], Response]
    """Returns the service's true answer to another question."""

    @property
    def account(self) -> Account | None:
        """The account that the question is about; None where it is about no account."""
        return self.question.account

    @property
    def text(self) -> str:
        """The path and what the query names, decoded."""
        return f"{self.request.path}?{unquote(self.request.query_string)}"

    def of(self, account: Account | None) -> Response:
        """The true answer to this question about another account; where that is None, about this account."""
        return self.true if account is None else self.ask(about(self.request, account))

    def first(self, holds: Callable[[Account], bool]) -> Account | None:
        """The first account in scope for which `holds` is true."""
        return next(self._holding(holds), None)

    def next(self, holds: Callable[[Account], bool]) -> Account | None:
        """The next account in a ring of those in scope that `holds` accepts; None where it rejects this account."""
        ring = list(self._holding(holds))
        place = next((at for at, one in enumerate(ring) if self.account and one.id == self.account.id), None)
        return None if place is None else ring[(place + 1) % len(ring)]

    def _holding(self, holds: Callable[[Account], bool]) -> Iterator[Account]:
        return (account for account in self.lookup.tenant.accounts if account.in_scope and holds(account))


Change = Callable[[Scene], Response]


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """One way in which a service, or what stands before it, answers everybody falsely."""

    name: str
    does: str
    """What happens, as a sentence."""
    workload: str
    """The workload whose copies are misjudged if it is believed: entra, exchange, sharepoint, yammer; or directory."""
    origins: tuple[str, ...]
    asks: frozenset[str]
    """The kinds of question that it answers."""
    change: Change
    in_batch: bool | None = None
    """Only steps of a batch, or only what is asked outside of one; None for both."""
    later: bool = True
    """Whether it can begin in mid-run: only where an audit asks many questions of its kind."""
    few: bool = False
    """Whether only an audit of a few users meets it: an audit of many users asks other questions."""
    looks_true: str = ""
    """The true tenant that looks the same, so that it may be believed; empty where it must not be believed."""

    def answers(self, origin: str, question: Question) -> bool:
        """Whether this question is one of its kind."""
        within = self.in_batch is None or question.in_batch == self.in_batch
        return origin in self.origins and question.kind in self.asks and within


@dataclass
class Play:
    """The misbehaviour that a tenant plays at the moment. It may be changed between two audits."""

    misbehaviour: Misbehaviour | None = None
    start: int = 1
    """The first question that is answered falsely, counted from 1."""
    end: int | None = None
    """The last question that is answered falsely; None where the misbehaviour does not end."""
    asked: int = 0
    """How many questions of its kind came so far."""
    touched: set[str] = field(default_factory=set)
    """Object ids of the accounts in scope about which something false was said."""

    def begin(self, misbehaviour: Misbehaviour | None, start: int = 1, end: int | None = None) -> None:
        """Play this from now on; None to answer truly."""
        self.misbehaviour, self.start, self.end, self.asked = misbehaviour, start, end, 0
        self.touched.clear()

    def due(self, weight: int) -> bool:
        """Count this question as `weight` questions, and tell whether it is to be answered falsely."""
        first = self.asked + 1
        self.asked += weight
        return self.asked >= self.start and (self.end is None or first <= self.end)


@dataclass
class Misbehaving:
    """Answers in place of the services once it has begun."""

    play: Play
    lookup: Lookup
    began: bool = False
    _file: IO[str] | None = None
    _engage: dict[str, Account] = field(default_factory=dict)
    _files: dict[str, Account] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for account in self.lookup.tenant.accounts:
            for user in account.engage:
                self._engage[str(user.id)] = account
                if user.picture_id:
                    self._engage[user.picture_id.lower()] = account
            for prefix in (account.upn.replace("@", "_").replace(".", "_"), account.id):
                self._files.setdefault(prefix.lower(), account)

    def begin(self, path: Path) -> None:
        """Misbehave from now on, and write the touched accounts to this file, with the columns `COLUMNS`."""
        self._file = path.open("w", encoding="utf-8", newline="")
        self._write(COLUMNS)
        self.began = True

    def close(self) -> None:
        """Answer truly again."""
        self.began = False
        if self._file is not None:
            self._file.close()
            self._file = None

    def told(
        self, origin: str, request: Request, true: Response, ask: Callable[[Request], Response], *, in_batch: bool
    ) -> Response:
        """A false answer, or the same object where the true answer stands. `request`: as routes know it."""
        played = self.play.misbehaviour
        if played is None or not self.began or origin not in played.origins:
            return true
        question = self.read(origin, request, in_batch=in_batch)
        if not played.answers(origin, question):
            return true
        # A request without a good token is refused as ever.
        if not self.play.due(question.weight) or true.status == 401:
            return true
        scene = Scene(origin, request, question, true, self.lookup, self._engage, ask)
        told = played.change(scene)
        if _same(told, true):
            return true
        self._note(played, scene, told)
        return told

    def read(self, origin: str, request: Request, *, in_batch: bool = False) -> Question:
        """The question that a request asks."""
        if origin == "graph":
            return self._graph(request, in_batch=in_batch)
        if origin == "exchange":
            return self._exchange(request)
        if origin in SHAREPOINT:
            return self._sharepoint(request)
        if origin.startswith("yammer"):
            return self._yammer(request)
        return Question("other")

    # Reading

    def _graph(self, request: Request, *, in_batch: bool) -> Question:
        path = request.path.lower()
        if path.endswith("/$batch"):
            steps = {
                identity: self._graph(batched(request, "GET", url), in_batch=True)
                for identity, url in steps_of(request.body)
            }
            return Question("batch", steps=steps)
        if path == "/v1.0/users":
            return Question("other" if request.query("$filter") else "users", in_batch=in_batch)
        if path == "/v1.0/users/$count":
            return Question("count", in_batch=in_batch)
        found = _GRAPH_USER.fullmatch(request.path)
        if found is None:
            return Question("other", in_batch=in_batch)
        account, rest = self.lookup.directory_user(unquote(found["user"])), found["rest"] or ""
        kind = "user" if not rest else "sizes" if rest.lower() == "/photos" else "other"
        kind = "photo" if _PHOTO.fullmatch(rest) else "value" if _VALUE.fullmatch(rest) else kind
        return Question(kind, account, in_batch=in_batch)

    def _exchange(self, request: Request) -> Question:
        if "/ews/exchange.asmx" not in request.path.lower():
            return Question("other")
        email = ews_soap.address(request.body) if request.method == "POST" else (request.query("email") or "").lower()
        account = self.lookup.by_address.get(email)
        # A question about no account asks whether Exchange is there.
        return Question("mailbox" if account else "other", account)

    def _sharepoint(self, request: Request) -> Question:
        path = request.path.lower()
        named = next((request.query(name) for name in ("accountname", "username", "@v") if request.query(name)), "")
        claim = _CLAIM.search(named or "") or _CLAIM.search(request.path)
        name = claim[2].replace("''", "'") if claim else (named or "").strip("'")
        account = self.lookup.claim_user(name)
        if "peoplemanager" in path:
            return Question("profile", account)
        if path.endswith("/userphoto.aspx"):
            return Question("shown", account)
        if "_userprofile/userphoto.jpg" in path:
            return Question("shown_file", account)
        file = _FILE.search(unquote(request.path)) or _FILE.search(unquote(request.query_string))
        if file is not None:
            return Question("stored", self._files.get(file[1].rpartition("/")[2].lower()))
        return Question("other")

    def _yammer(self, request: Request) -> Question:
        if request.path == "/api/v1/users.json":
            return Question("accounts")
        if request.path == "/api/v1/users/by_email.json":
            return Question("account", self.lookup.by_address.get((request.query("email") or "").lower()))
        if request.path.startswith("/mugshot/images/"):
            return Question("mugshot", self._engage.get(request.path.rpartition("/")[2].lower()))
        return Question("other")

    # Noting

    def _note(self, played: Misbehaviour, scene: Scene, told: Response) -> None:
        touched = [one.id for one in self._touched(scene, told) if one.in_scope]
        self.play.touched.update(touched)
        for identity in touched:
            self._write((played.name, scene.origin, scene.question.kind, self.play.asked, identity))

    def _touched(self, scene: Scene, told: Response) -> Iterable[Account]:
        """The accounts about which something false is said."""
        question = scene.question
        if question.kind == "batch":
            true, false = _by_id(json_of(scene.true), "responses"), _by_id(json_of(told), "responses")
            # A batch that is refused as a whole says nothing about any account: its steps are asked alone.
            steps = question.steps.items() if "responses" in _members(told) else ()
            return [
                step.account for identity, step in steps if step.account and true.get(identity) != false.get(identity)
            ]
        if question.kind in {"users", "accounts"}:
            true, false = _by_id(json_of(scene.true), "value"), _by_id(json_of(told), "value")
            changed = [identity for identity, entry in true.items() if false.get(identity) != entry]
            known = (self.lookup.by_id.get(one.lower()) or self._engage.get(one) for one in changed)
            return [one for one in known if one is not None]
        return [question.account] if question.account else []

    def _write(self, row: Sequence[object]) -> None:
        if self._file is not None:
            csv.writer(self._file).writerow(row)
            # The file is read while the tenant runs.
            self._file.flush()


# Asking about another account ------------------------------------------------------------------------


def about(request: Request, account: Account) -> Request:
    """The same question about another account."""
    upn = account.upn
    if found := _GRAPH_USER.fullmatch(request.path):
        return replace(request, path=f"{found['head']}{account.id}{found['rest'] or ''}")
    body = _SOAP_EMAIL.sub(lambda found: found[1] + upn.encode() + found[2], request.body)
    path = _CLAIM.sub(lambda found: found[1] + upn.replace("'", "''"), request.path)
    named = {name: _named(name, value, upn) for name, value in request.queries().items()}
    query = request.query_string if not named else urlencode(named)
    return replace(request, path=path, query_string=query, body=body)


def _named(name: str, value: str, upn: str) -> str:
    """The value of a query parameter, in which this account replaces the named one, if any."""
    if name.lower() == "@v":
        return f"'{CLAIM_PREFIX}{upn.replace(chr(39), chr(39) * 2)}'"
    if name.lower() in {"accountname", "username"}:
        return f"{CLAIM_PREFIX}{upn}" if _CLAIM.search(value) else upn
    return upn if name.lower() == "email" else value


# Reading and writing answers -------------------------------------------------------------------------


def steps_of(body: bytes) -> list[tuple[str, str]]:
    """The id and the address of each step of a batch; none where it is no batch."""
    try:
        return [(str(item["id"]), str(item["url"])) for item in json.loads(body)["requests"]]
    except (ValueError, KeyError, TypeError):
        return []


def json_of(response: Response) -> Any:
    """The body read as JSON; None where it is none."""
    try:
        return json.loads(response.body)
    except ValueError:
        return None


def with_json(response: Response, value: object) -> Response:
    """The same answer with another body."""
    return replace(response, body=json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def picture_answer(rendition: Rendition) -> Response:
    """An answer with status 200 and this picture."""
    return Response(200, rendition.data, rendition.content_type)


def rendered(picture: Picture, store: Store, side: int) -> Rendition:
    """The largest rendition in the store that is no larger than `side`; without one, the largest of all."""
    smaller = [one for one in picture.sides(store) if one <= side]
    found = picture.at(store, smaller[-1]) if smaller else None
    return found or picture.largest(store)


def _members(response: Response) -> Mapping[str, Any]:
    body = json_of(response)
    return body if isinstance(body, dict) else {}


def _by_id(body: Any, member: str) -> dict[str, Any]:
    listed = body.get(member) if isinstance(body, dict) else body
    entries = listed if isinstance(listed, list) else []
    return {str(entry.get("id")): entry for entry in entries if isinstance(entry, dict)}


def _same(told: Response, true: Response) -> bool:
    """Whether two answers are the same to the client. Request ids are not compared: they differ every time."""
    return told is true or _heard(told) == _heard(true)


def _heard(response: Response) -> tuple[object, ...]:
    headers = (response.header("Location"), response.header("ETag"))
    return response.status, response.body, response.content_type, *headers
