"""Microsoft Graph's wire format: users, group members, photos, batches.

Sources: Microsoft Graph's reference (user-list, group-list-transitivemembers, profilephoto-get,
json-batching); what is known only from issue threads is named where it is used.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from auditor.model import Reason
from auditor.services.errors import BadAnswer, Damaged, PageExpired, ServiceError
from auditor.services.http import MAX_PICTURE, Answer, Api
from auditor.services.retries import full_jitter
from auditor.services.text import identity, told
from auditor.services.whole import json_answer, picture_answer

VERSION = "/v1.0"
PHOTO_UPDATES = "/beta/admin/people/photoupdatesettings"
"""There is no such path in v1.0."""
PAGE = 999
"""The largest `$top` for users."""
DEFAULT_PAGE = 100
"""Entries on a page of users without `$top` (user-list)."""
BATCH = 20
"""The most requests in one batch."""
MAX_PAGES = 100_000
PAGE_ATTEMPTS = 4
"""How often a page is asked for that is refused, malformed or leads back to an earlier page."""
RESTARTS = 3
"""How often a list is read anew because the token of its next page has expired."""
NOTHING_NEW = 25
"""After this many pages in a row that name nobody new, the list is taken for one that does not end."""
COUNT_ATTEMPTS = 3
"""How often a count is asked for; where it does not come, the list is read again."""
BATCH_ATTEMPTS = 3
"""How often a batch is asked for; one that keeps failing is then read singly."""
BATCH_SLOTS = 4
"""Requests of a batch that Graph runs at a time: an app may have no more under way for photos (throttling-limits)."""
FINAL_CODES = (
    "ImageNotFound", "ErrorItemNotFound", "ErrorEntityNotFound", "GetUserPhoto", "ConsumerPhotoIsNotSupported",
    "AuthenticationError", "ErrorNonExistentMailbox", "ErrorInvalidUser", "MailboxNotHostedInExchangeOnline",
    "MailboxNotEnabledForRESTAPI", "Request_ResourceNotFound", "ErrorAccessDenied",
    "ErrorInsufficientPermissionsInAccessToken", "Authorization_RequestDenied", "InvalidAuthenticationToken",
)  # fmt: skip
"""Codes whose meaning for a user is known (tests/wire/graph/README.md names who reported each)."""
PASSING_CODES = (
    "MailboxInfoStale",
    "generalException", "serviceNotAvailable", "activityLimitReached",
    "ServiceUnavailable", "TooManyRequests", "ApplicationThrottled",
    "ErrorServerBusy", "ErrorTimeoutExpired", "ErrorInternalServerError", "ErrorInternalServerTransientError",
    "ErrorMailboxMoveInProgress", "ErrorMailboxStoreUnavailable", "ErrorMailboxFailover", "ErrorADUnavailable",
    "ErrorConnectionFailed", "ErrorInsufficientResources",
)  # fmt: skip
"""Codes of errors that pass, whatever the status: the request is sent again, and the code says nothing of the user.

MailboxInfoStale: microsoft-graph-explorer-v4#3143 (503). The next three: learn.microsoft.com/graph/errors, in its list
of codes. The others are codes of throttling, or Exchange's (exchange-docs responsecode.md), which Graph repeats where
a mailbox is asked.
"""
_UNDERSTOOD = {code.lower(): code for code in (*FINAL_CODES, *PASSING_CODES)}
DEEPEST = 6
"""Maximum number of nested errors that are read."""
LONGEST_CODE = 100
"""Characters of an error's code; it becomes a reason, which the report counts and names."""
MOST_ROLES = 20
"""Maximum number of roles kept from the photo update settings; the service has two."""
UNTYPED = frozenset({"", "text/plain"})
"""Media types of Graph's own bare 404 for a size, which has no body (microsoft-graph-docs#2319)."""
_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OWNER = re.compile(rf"(?i)\busers(?:\('|/)({_GUID})(?:@[^'/]*)?(?:'\)|/|$)")
EXPIRED = frozenset({"Directory_ExpiredPageToken", "Directory_ExpiredSkipToken"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """One answer, single or out of a batch: a JSON object, or bytes."""

    status: int
    content_type: str
    etag: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is not one."""
        return _object(self.body)

    @property
    def error_code(self) -> str:
        """`error.code`; empty where the body holds none."""
        return next((code for code, _ in self._errors()), "")

    @property
    def error_message(self) -> str:
        """`error.message`; empty where the body holds none."""
        return next((message for _, message in self._errors()), "")

    @property
    def decides(self) -> tuple[str, str]:
        """Code and message of the error that decides: the innermost whose code is understood, else the outermost.

        The documentation asks for this: an `innererror` may hold a more specific code, and further errors
        (learn.microsoft.com/graph/errors). A code that is understood is given in its documented letter case.
        """
        errors = self._errors()
        for code, message in reversed(errors):
            if code.lower() in _UNDERSTOOD:
                return _UNDERSTOOD[code.lower()], message or errors[0][1]
        return errors[0] if errors else ("", "")

    @property
    def passes(self) -> bool:
        """Whether the error's code is one of an error that passes."""
        return self.decides[0] in PASSING_CODES

    def _errors(self) -> list[tuple[str, str]]:
        """Code and message of the error and of those inside it, the outermost first."""
        found: list[tuple[str, str]] = []
        error = self.json().get("error")
        while isinstance(error, dict) and len(found) < DEEPEST:
            found.append((told(error.get("code"), LONGEST_CODE), told(error.get("message"))))
            error = next((value for name, value in error.items() if name.lower() == "innererror"), None)
        return found


class GraphError(ServiceError):
    """Graph refused something that concerns the whole run, such as the list of users."""

    def __init__(self, sentence: str, code: str, *, remedy: str = "") -> None:
        super().__init__(sentence, remedy=remedy, reason=code or None)
        self.code = code


class Unfinished(ServiceError):
    """A list that could not be read to its end."""

    reason = Reason.LIST_INCOMPLETE


@dataclass(frozen=True, slots=True)
class Collected(Generic[T]):
    """A whole collection."""

    entries: tuple[T, ...]
    nameless: int
    """Number of entries without a usable id or that could not be read."""
    repeated: int
    """Number of entries dropped because their id had been listed before."""
    restarts: int
    """How often the list was read anew from its first page."""
    largest_page: int = 0
    """Entries on its fullest page."""
    full_end: bool = False
    """The last page is as full as the others: it cannot be seen whether another page should have followed."""
    counted: int | None = None
    """Number of entries by the first page (`@odata.count`); None where the page does not say."""


@dataclass(frozen=True, slots=True)
class _Page:
    entries: list[dict[str, Any]]
    counted: int | None


@dataclass
class Graph:
    """A thin client: paths in, answers out."""

    api: Api

    async def get(self, path: str) -> GraphAnswer:
        """One JSON GET of a path below the version."""
        return _single(await self.api.get(VERSION + path, headers={"Accept": "application/json"}, whole=photo_or_json))

    async def value(self, path: str) -> GraphAnswer:
        """One GET of a picture."""
        return _single(await self.api.get(VERSION + path, max_bytes=MAX_PICTURE, whole=_picture_or_error))

    async def count(self, path: str) -> int | None:
        """Number of entries of a collection by the directory's own count; None where there is none.

        Such a count is an advanced query (aad-advanced-queries): it needs `ConsistencyLevel: eventual`, and the answer
        is text.
        """
        try:
            answer = await self.api.send(
                "GET", f"{VERSION}{path}/$count", headers={"ConsistencyLevel": "eventual"}, attempts=COUNT_ATTEMPTS
            )
        except ServiceError:
            return None
        text = answer.body[:64].decode("ascii", "replace").lstrip("\ufeff\N{REPLACEMENT CHARACTER}").strip()
        return int(text) if answer.status == 200 and text.isascii() and text.isdecimal() and len(text) < 10 else None

    async def photo_updates(self) -> dict[str, Any] | None:
        """Who may change a photo in this tenant (photoupdatesettings-get, beta); None where that cannot be learned.

        Graph asks for the permission PeopleSettings.Read.All, which nothing else here needs.
        """
        try:
            answer = _single(
                await self.api.send(
                    "GET", PHOTO_UPDATES, headers={"Accept": "application/json"}, whole=json_answer,
                    attempts=COUNT_ATTEMPTS,
                )
            )  # fmt: skip
        except ServiceError:
            return None
        if answer.status != 200:
            return None
        held = answer.json()
        # Microsoft's own pages show an empty list of roles as {}, null or nothing at all.
        roles = held.get("allowedRoles")
        named = [told(role, LONGEST_CODE) for role in roles if isinstance(role, str)] if isinstance(roles, list) else []
        return {"source": told(held.get("source"), LONGEST_CODE), "allowedRoles": named[:MOST_ROLES]}

    async def pages(self, path: str, *, eventual: bool = False) -> AsyncIterator[list[dict[str, Any]]]:
        """Every page of a collection, following `@odata.nextLink` as it stands.

        The list ends with a page without a next link. Any other end raises `PageExpired` (begin again), `Unfinished`,
        or `GraphError` where the very first page is refused. An entry that is no object is given as an empty one.
        """
        async for page in self._pages(path, eventual=eventual):
            yield page.entries

    async def _pages(self, path: str, *, eventual: bool) -> AsyncIterator[_Page]:
        headers = {"Accept": "application/json"} | ({"ConsistencyLevel": "eventual"} if eventual else {})
        url, seen = VERSION + path, set[str]()
        for number in range(MAX_PAGES):
            page = await self._page(url, headers, number, seen)
            following = page.get("@odata.nextLink")
            counted = page.get("@odata.count")
            yield _Page(
                [entry if isinstance(entry, dict) else {} for entry in page["value"]],
                counted if isinstance(counted, int) and not isinstance(counted, bool) and counted >= 0 else None,
            )
            if following is None:
                return
            seen.add(following)
            url = following
        raise Unfinished(f"Graph's list did not end after {MAX_PAGES} pages")

    async def _page(self, url: str, headers: Mapping[str, str], number: int, seen: set[str]) -> dict[str, Any]:
        """One page that may be believed; a bad one is asked for again before it ends the list."""
        problem: ServiceError = Unfinished("Graph's list holds no page")
        for attempt in range(PAGE_ATTEMPTS):
            if attempt:
                await self.api.sleep(full_jitter(attempt, self.api.jitter))
            answer = _single(await self.api.get(url, headers=headers, whole=json_answer))
            page = answer.json()
            code = answer.error_code
            told = f"{answer.status}{f' ({code})' if code else ''} to page {number + 1} of a list"
            following = page.get("@odata.nextLink")
            if number and (answer.status in {400, 410} or code in EXPIRED):
                # This request differs only by the page's token from the first one, which was answered.
                raise PageExpired(f"Graph answered {told}: the token of the page is not, or no longer, taken")
            if answer.status != 200 or not isinstance(page.get("value"), list):
                problem = Unfinished(f"Graph answered {told}")
                if not number:
                    problem = GraphError(problem.sentence, code, remedy=refusal_remedy(answer))
                if answer.status == 400:
                    # Every attempt sends the same request, and Graph refuses the request itself.
                    break
            elif following is None:
                return page
            elif not isinstance(following, str) or not following:
                problem = Unfinished("Graph's list names a next page that is no link")
            elif following in seen or following == url:
                problem = Unfinished("Graph's list leads back to a page it has already given")
            else:
                return page
        raise problem

    async def every(
        self, path: str, read: Callable[[Mapping[str, Any]], T | None], *, eventual: bool = False
    ) -> Collected[T]:
        """What `read` makes of each entry of a collection, each id once, in order, to the list's last page.

        A list whose page tokens expire, or which goes on without naming anybody new, is read anew from its first page;
        entries read before are dropped. Raises as `pages` does. The caller must find out whether the last page is the
        end of the collection: see `Collected.full_end`.
        """
        top = _top(path)
        for restart in range(RESTARTS + 1):
            found: dict[str, T] = {}
            nameless = repeated = idle = 0
            sizes: list[int] = []
            counted: int | None = None
            problem = "expired before it was read to its end"
            try:
                async for page in self._pages(path, eventual=eventual):
                    before = len(found)
                    counted = page.counted if not sizes else counted
                    sizes.append(len(page.entries))
                    for entry in page.entries:
                        own, made = identity(entry.get("id")), read(entry)
                        if made is None or own is None:
                            nameless += 1
                        elif own in found:
                            repeated += 1
                        else:
                            found[own] = made
                    idle = idle + 1 if len(found) == before else 0
                    if idle >= NOTHING_NEW:
                        problem = f"named nobody new on {NOTHING_NEW} pages in a row"
                        break
                else:
                    return Collected(
                        tuple(found.values()), nameless, repeated, restart, max(sizes), _full(sizes, top), counted
                    )
            except PageExpired:
                pass
        raise Unfinished(f"Graph's list {problem}, the last of {RESTARTS + 1} times that it was begun")

    async def batch(self, paths: Sequence[str]) -> dict[str, GraphAnswer]:
        """The answers to up to 20 GETs by path.

        Left out, to be asked alone: paths whose item is missing, comes twice or has no status, and paths that failed
        in passing (throttled, refused for the token, 5xx, or by code). Items that were not asked for are ignored.
        Raises `BadAnswer` where the whole batch is refused or damaged: then read singly.
        """
        requests = [{"id": str(number), "method": "GET", "url": path} for number, path in enumerate(paths)]
        content = json.dumps({"requests": requests}).encode()
        answer = await self.api.post(
            VERSION + "/$batch", content, headers={"Content-Type": "application/json", "Accept": "application/json"},
            whole=json_answer, attempts=BATCH_ATTEMPTS, slots=BATCH_SLOTS, cost=float(len(paths)),
        )  # fmt: skip
        responses = _object(answer.body).get("responses")
        if answer.status != 200 or not isinstance(responses, list):
            raise BadAnswer(f"Graph answered {answer.status} to a batch")
        by_number: dict[int, list[Mapping[str, Any]]] = {}
        for item in responses:
            number = str(item.get("id", "")) if isinstance(item, dict) else ""
            if number.isascii() and number.isdecimal() and len(number) < 4 and int(number) < len(paths):
                by_number.setdefault(int(number), []).append(item)
        throttled = [_item(items[0]) for items in by_number.values() if items[0].get("status") == 429]
        if throttled:
            self.api.throttled(one.headers for one in throttled if one)
        made = {paths[number]: _item(items[0]) for number, items in by_number.items() if len(items) == 1}
        return {path: one for path, one in made.items() if one is not None and not _passes(one)}


def other_page(listed: int, largest_page: int) -> int:
    """A page size for reading a list of `listed` entries again: its last page is not full, and it has more pages.

    `largest_page`: the size with which the list was read before.
    """
    if listed < 3:
        return listed + 1
    most = min(listed, largest_page or listed)
    fitting = (size for size in (*range(2 * most // 3, 1, -1), *range(2 * most // 3, most)) if listed % size)
    return next(fitting, max(2, 2 * most // 3))


def _top(path: str) -> int:
    asked = parse_qs(urlsplit(path).query).get("$top", [""])[0]
    return int(asked) if asked.isascii() and asked.isdecimal() else DEFAULT_PAGE


def _full(sizes: Sequence[int], top: int) -> bool:
    """Whether the last of these pages is as full as the others.

    A service may give fewer entries than `$top` asked for. Then its other pages, or its default, show how many a full
    page has.
    """
    *earlier, last = sizes
    return last > 0 and (last >= top or last == DEFAULT_PAGE or (any(earlier) and last >= max(earlier)))


def photo_or_json(answer: Answer) -> Damaged | None:
    """As `json_answer`; besides, an empty 404 is believed to be Graph's only where it is plain text or untyped."""
    if answer.status == 404 and not answer.body.strip() and answer.content_type not in UNTYPED:
        return Damaged(f"{_origin(answer)} answered 404 with nothing that calls itself {answer.content_type}")
    return json_answer(answer) or _passing_code(answer)


def _picture_or_error(answer: Answer) -> Damaged | None:
    return picture_answer(answer) or _passing_code(answer)


def _passing_code(answer: Answer) -> Damaged | None:
    """The flaw of an answer whose code is one of an error that passes, whatever its status."""
    if answer.status < 400 or not answer.body:
        return None
    said = _single(answer)
    if not said.passes:
        return None
    flaw = Damaged(f"{_origin(answer)} answered {answer.status} ({said.decides[0]}) every time")
    flaw.reason = Reason.SERVER_ERROR
    return flaw


def _origin(answer: Answer) -> str:
    return answer.url.split("/v1.0", 1)[0]


def user_path(user_id: str) -> str:
    """The path of one user's directory entry, the id alone. Raises `BadAnswer` where the id can stand in no path."""
    return f"/users/{_quoted(user_id)}?$select=id"


def photo_path(user_id: str) -> str:
    """The path of the metadata of a user's largest photo. Raises `BadAnswer` where the id can stand in no path.

    Always by object id: asked by mail, Graph falsely answers 'not found'.
    """
    return f"/users/{_quoted(user_id)}/photo"


def photos_path(user_id: str) -> str:
    """The path of the metadata of all sizes of a user's photo. Raises `BadAnswer` where the id can stand in no path."""
    return f"/users/{_quoted(user_id)}/photos"


def _quoted(user_id: str) -> str:
    if identity(user_id) is None:
        raise BadAnswer("the directory's id of this user cannot be written into a request")
    return quote(user_id, safe="")


def named_users(metadata: Mapping[str, Any]) -> frozenset[str]:
    """The object ids, in lower case, that photo metadata names as the photo's owner; empty where it names nobody.

    `@odata.id` spells them `users('OID@TENANT')` (profilephoto-get), `@odata.context` `users('OID')/photo`; the
    letter case of `users` varies between published answers. Anything but an object id (`Me`, a name) is ignored.
    """
    texts = [metadata.get("@odata.id"), metadata.get("@odata.context")]
    found = (match for text in texts if isinstance(text, str) for match in _OWNER.finditer(unquote(text)))
    return frozenset(match[1].lower() for match in found)


def _single(answer: Answer) -> GraphAnswer:
    return GraphAnswer(answer.status, answer.content_type, answer.headers.get("etag", ""), answer.body, answer.headers)


def _passes(answer: GraphAnswer) -> bool:
    # 424 occurs only in a batch: an earlier request failed. 401: the token ended while the batch was under way.
    if answer.status in {401, 408, 424, 429} or answer.status >= 500:
        return True
    return answer.status >= 400 and answer.passes


def _item(item: Mapping[str, Any]) -> GraphAnswer | None:
    """One item of a batch; None where it cannot be believed.

    A single bad recipient once left items without a status (microsoft-graph-docs#1524).
    """
    raw = item.get("headers")
    headers = {str(name).lower(): str(value) for name, value in raw.items()} if isinstance(raw, dict) else {}
    status, body = item.get("status"), item.get("body")
    content_type = headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if not isinstance(status, int):
        return None
    if content_type == "text/html":
        return None
    if isinstance(body, str):
        try:
            data = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            data = body.encode(errors="replace")  # JSON can spell halves of characters, which no encoding has
    elif body is None:
        data = b""
    else:
        data = json.dumps(body).encode()
    return GraphAnswer(status, content_type, headers.get("etag", ""), data, headers)


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def refusal_remedy(answer: GraphAnswer) -> str:
    """The remedy for a refusal of users' data; empty where the answer is no refusal."""
    if answer.status in {401, 403}:
        return (
            "grant the app the Graph permission User.Read.All and admin consent; where a person signs in, this person"
            " must be allowed to read other users"
        )
    return ""
