"""Microsoft Graph's wire format: users, group members, photos, batches.

Sources: Microsoft Graph's reference (user-list, group-list-transitivemembers, profilephoto-get,
json-batching); what is known only from issue threads is named where it is used.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from auditor.services.errors import BadAnswer, ServiceError
from auditor.services.http import MAX_PICTURE, Answer, Api

VERSION = "/v1.0"
PAGE = 999
"""The largest `$top` for users."""
BATCH = 20
"""The most requests in one batch."""
MAX_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """One answer, single or out of a batch: a JSON object, or bytes."""

    status: int
    content_type: str
    etag: str
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        return _object(self.body)

    @property
    def error_code(self) -> str:
        """`error.code`; empty where the body holds none."""
        error = self.json().get("error")
        return str(error.get("code") or "") if isinstance(error, dict) else ""

    @property
    def error_message(self) -> str:
        """`error.message`; empty where the body holds none."""
        error = self.json().get("error")
        return str(error.get("message") or "") if isinstance(error, dict) else ""


class GraphError(ServiceError):
    """Graph refused something that concerns the whole run, such as the list of users."""

    def __init__(self, sentence: str, code: str, *, remedy: str = "") -> None:
        super().__init__(sentence, remedy=remedy, reason=code or None)
        self.code = code


class Unfinished(ServiceError):
    """A list that could not be read to its end."""


@dataclass
class Graph:
    """A thin client: paths in, answers out."""

    api: Api

    async def get(self, path: str) -> GraphAnswer:
        """One JSON GET of a path below the version."""
        return _single(await self.api.get(VERSION + path, headers={"Accept": "application/json"}))

    async def value(self, path: str) -> GraphAnswer:
        """One GET of a picture."""
        return _single(await self.api.get(VERSION + path, max_bytes=MAX_PICTURE))

    async def pages(self, path: str, *, eventual: bool = False) -> AsyncIterator[list[dict[str, Any]]]:
        """Every page of a collection, following `@odata.nextLink` as it stands.

        Complete means that a page came without a next link: anything else raises `Unfinished`, or
        `GraphError` where the very first page is refused.
        """
        headers = {"Accept": "application/json"} | ({"ConsistencyLevel": "eventual"} if eventual else {})
        url, seen = VERSION + path, set[str]()
        for number in range(MAX_PAGES):
            answer = _single(await self.api.get(url, headers=headers))
            page = answer.json()
            if answer.status != 200 or not isinstance(page.get("value"), list):
                code = answer.error_code
                sentence = (
                    f"Graph answered {answer.status}{f' ({code})' if code else ''} to page {number + 1} of a list"
                )
                if number == 0:
                    raise GraphError(sentence, code, remedy=_remedy(answer))
                raise Unfinished(sentence)
            yield [entry for entry in page["value"] if isinstance(entry, dict)]
            following = page.get("@odata.nextLink")
            if following is None:
                return
            if not isinstance(following, str) or not following:
                raise Unfinished("Graph's list names a next page that is no link")
            if following in seen:
                raise Unfinished("Graph's list leads back to a page it has already given")
            seen.add(following)
            url = following
        raise Unfinished(f"Graph's list did not end after {MAX_PAGES} pages")

    async def batch(self, paths: Sequence[str]) -> dict[str, GraphAnswer]:
        """The answers to up to 20 GETs by path; paths the answer leaves out are missing from the result.

        Raises `BadAnswer` where the whole batch is refused or damaged: read singly then.
        """
        requests = [{"id": str(number), "method": "GET", "url": path} for number, path in enumerate(paths)]
        content = json.dumps({"requests": requests}).encode()
        answer = await self.api.post(
            VERSION + "/$batch", content, headers={"Content-Type": "application/json", "Accept": "application/json"}
        )
        responses = _object(answer.body).get("responses")
        if answer.status != 200 or not isinstance(responses, list):
            raise BadAnswer(f"Graph answered {answer.status} to a batch")
        by_path: dict[str, GraphAnswer] = {}
        for item in responses:
            number = str(item.get("id", "")) if isinstance(item, dict) else ""
            if not number.isdecimal() or int(number) >= len(paths) or paths[int(number)] in by_path:
                raise BadAnswer("Graph's batch holds an item that was not asked for, or one twice")
            by_path[paths[int(number)]] = _item(item)
        return by_path


def photo_path(user_id: str) -> str:
    """The metadata of a user's largest photo; always by object id: by mail the answer is a false 'not found'."""
    return f"/users/{quote(user_id, safe='')}/photo"


def _single(answer: Answer) -> GraphAnswer:
    return GraphAnswer(answer.status, answer.content_type, answer.headers.get("etag", ""), answer.body)


def _item(item: Mapping[str, Any]) -> GraphAnswer:
    raw = item.get("headers")
    headers = {str(name).lower(): str(value) for name, value in raw.items()} if isinstance(raw, dict) else {}
    status, body = item.get("status"), item.get("body")
    content_type = headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if not isinstance(status, int):
        # A single bad recipient once broke items in this way (microsoft-graph-docs#1524): ask it singly.
        raise BadAnswer("Graph's batch holds an item without a status")
    if isinstance(body, str):
        try:
            data = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            data = body.encode(errors="replace")  # JSON can spell halves of characters, which no encoding has
    elif body is None:
        data = b""
    else:
        data = json.dumps(body).encode()
    return GraphAnswer(status, content_type, headers.get("etag", ""), data)


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _remedy(answer: GraphAnswer) -> str:
    if answer.status in {401, 403}:
        return "grant the app the Graph application permission User.Read.All and admin consent"
    return ""
