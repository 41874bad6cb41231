"""Graph's JSON batching."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from auditor.simulator.asgi import Request, Response, Route, route
from auditor.simulator.graph_answers import VERSION, GraphAccess, graph_error, graph_json, refused

LARGEST_BATCH = 20

Ask = Callable[[Request], Sequence[Response]]
"""The answers to a step; more or less than one only by a fault."""


def batch_route(access: GraphAccess, ask: Ask) -> Route:
    """The route of `$batch`; every item goes through `ask`."""

    def handler(request: Request) -> Response:
        access.token(request)
        return graph_json({"responses": _answers(request, _items(request), ask)})

    return route("POST", r"/v1\.0/\$batch", handler, ignore_case=True)


def _items(request: Request) -> list[dict[str, Any]]:
    try:
        items = json.loads(request.body)["requests"]
    except (ValueError, KeyError, TypeError) as error:
        raise refused(400, "BadRequest", "Invalid batch payload format.") from error
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise refused(400, "BadRequest", "Invalid batch payload format.")
    # Assumption: the words of these refusals; the limit and the status are documented.
    if len(items) > LARGEST_BATCH:
        raise refused(
            400,
            "MaximumValueExceeded",
            f"Number of batch request steps exceeds the maximum value of {LARGEST_BATCH}.",
        )
    if not items or not all({"id", "method", "url"} <= item.keys() for item in items):
        raise refused(400, "BadRequest", "A batch request step needs an id, a method and a url.")
    if len({str(item["id"]) for item in items}) < len(items):
        raise refused(400, "BadRequest", "The ids of the batch request steps are not unique.")
    return items


def _answers(request: Request, items: list[dict[str, Any]], ask: Ask) -> list[dict[str, Any]]:
    statuses: dict[str, int] = {}
    answers: list[dict[str, Any]] = []
    for item in items:
        identity = str(item["id"])
        failed = any(statuses.get(str(other), 424) >= 400 for other in item.get("dependsOn") or ())
        if failed:
            responses: Sequence[Response] = [
                graph_error(424, "FailedDependency", "A step that this step depends on has failed.")
            ]
        else:
            responses = ask(_inner(request, item))
        statuses[identity] = responses[0].status if responses else 424
        answers += [_answer(identity, response) for response in responses]
    # Steps come back in any order; the same batch in the same one, so that a run can be repeated.
    random.Random(request.body).shuffle(answers)
    return answers


def _inner(request: Request, item: Mapping[str, Any]) -> Request:
    parts = urlsplit(str(item["url"]))
    path = unquote(parts.path)
    if not parts.scheme and not path.lower().startswith((VERSION + "/", VERSION.lstrip("/") + "/")):
        path = f"{VERSION}/{path.lstrip('/')}"
    headers = {str(name).lower(): str(value) for name, value in (item.get("headers") or {}).items()}
    headers["authorization"] = request.headers["authorization"]
    return Request(
        method=str(item["method"]).upper(),
        path="/" + path.lstrip("/"),
        query_string=parts.query,
        headers=headers,
        body=b"",
        origin=request.origin,
        unspoiled=request.unspoiled,
        crowded=request.crowded,
    )


def _answer(identity: str, response: Response) -> dict[str, Any]:
    if not response.body and response.status >= 400:
        return {"id": identity, "status": response.status, "body": None}
    headers = {name: value for name, value in response.headers if name.lower() in {"etag", "retry-after", "location"}}
    if response.content_type:
        headers = {"Content-Type": response.content_type, **headers}
    body: object
    if "json" in response.content_type:
        body = json.loads(response.body)
    elif response.content_type == "text/plain":
        body = response.body.decode()
    else:
        body = base64.b64encode(response.body).decode("ascii")
    return {"id": identity, "status": response.status, "headers": headers, "body": body}
