"""False answers that Microsoft Graph, or a program before it, gives to everybody: photos, batches, list of users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from auditor.simulator.asgi import Response
from auditor.simulator.graph_answers import graph_error
from auditor.simulator.misbehaving import Change, Misbehaviour, Question, Scene, json_of, with_json
from auditor.simulator.misbehaving_answers import (
    EMPTY_404,
    GATEWAY_404,
    GATEWAY_502,
    IIS_404,
    PIXEL,
    PORTAL_PAGE,
    about_first,
    always,
    blank,
    in_graph,
    silhouette,
    where_found,
)

PHOTOS = frozenset({"photo", "sizes", "value"})
TOLD = frozenset({"photo", "sizes"})
BYTES = frozenset({"value"})
BATCH = frozenset({"batch"})
LIST = frozenset({"users"})
COUNTED = frozenset({"users", "count"})
_THROWN = "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ImageNotFoundException' was thrown."
IMAGE_NOT_FOUND = graph_error(404, "ImageNotFound", _THROWN)
BARE_404 = Response(404, b"", "text/plain")

Entry = dict[str, Any]


# Metadata ----------------------------------------------------------------------------------------------


def _described(change: Callable[[Entry], Entry]) -> Change:
    """Changes the metadata of a photo, in one size or in each of a list; other answers stay."""

    def changed(scene: Scene) -> Response:
        body = json_of(scene.true)
        if scene.true.status != 200 or not isinstance(body, dict):
            return scene.true
        if isinstance(body.get("value"), list):
            return with_json(scene.true, body | {"value": [change(entry) for entry in body["value"]]})
        return with_json(scene.true, change(body))

    return changed


def _one_pixel(scene: Scene) -> Response:
    """The documented answer for users without a photo: metadata of one pixel, and 404 for its bytes."""
    if scene.question.kind == "value":
        return BARE_404
    none = {
        "@odata.mediaContentType": "image/gif",
        "@odata.mediaEtag": "",
        "id": "1x1",
        "width": 1,
        "height": 1,
    }
    return _described(lambda entry: entry | none)(scene)


def _size(side: int) -> Callable[[Entry], Entry]:
    return lambda entry: entry | {"id": f"{side}x{side}", "width": side, "height": side}


def _of_next(scene: Scene) -> Response:
    return scene.of(scene.next(in_graph))


def _of_one(scene: Scene) -> Response:
    return scene.of(about_first(scene))


def _under_own_name(scene: Scene) -> Response:
    """The next user's photo and metadata; the metadata name the user who was asked about."""
    other = scene.next(in_graph)
    told = scene.of(other)
    if other is None or scene.account is None or "json" not in told.content_type:
        return told
    return replace(told, body=told.body.replace(other.id.encode(), scene.account.id.encode()))


def _error_in_200(_scene: Scene) -> Response:
    return replace(IMAGE_NOT_FOUND, status=200)


# Batches -----------------------------------------------------------------------------------------------


def _of_photos(change: Callable[[list[Entry]], list[Entry]]) -> Change:
    """Changes the answers of a batch that asks for photos."""

    def changed(scene: Scene) -> Response:
        body = json_of(scene.true)
        asks = any(step.kind in PHOTOS for step in scene.question.steps.values())
        if not asks or not isinstance(body, dict) or not isinstance(body.get("responses"), list):
            return scene.true
        return with_json(scene.true, body | {"responses": change(_sorted(scene.question, body["responses"]))})

    return changed


def _sorted(question: Question, answers: Sequence[Entry]) -> list[Entry]:
    """The answers in the order of the steps."""
    places = {identity: place for place, identity in enumerate(question.steps)}
    return sorted(answers, key=lambda one: places.get(str(one.get("id")), len(places)))


def _under(answers: Sequence[Entry], identities: Sequence[str]) -> list[Entry]:
    return [answer | {"id": identity} for answer, identity in zip(answers, identities, strict=True)]


def _rotated(answers: list[Entry]) -> list[Entry]:
    names = [one["id"] for one in answers]
    return _under(answers, [*names[1:], *names[:1]])


def _reversed(answers: list[Entry]) -> list[Entry]:
    return _under(answers, [one["id"] for one in reversed(answers)])


def _numbered(answers: list[Entry]) -> list[Entry]:
    """The answers in another order, as if in order of completion, under the ids in the order of the question."""
    return _under(sorted(answers, key=lambda one: str(one["id"])[::-1]), [one["id"] for one in answers])


def _null_404(answers: list[Entry]) -> list[Entry]:
    return [{"id": one["id"], "status": 404, "body": None} for one in answers]


def _one_body(answers: list[Entry]) -> list[Entry]:
    good = next((one for one in answers if one["status"] == 200), None)
    return answers if good is None else [good | {"id": one["id"]} for one in answers]


# Lists -------------------------------------------------------------------------------------------------


def _listed(change: Callable[[list[Entry]], list[Entry]], *, goes_on: bool = True) -> Change:
    """Changes the entries of a page of users. `goes_on`: whether the page still names the next one."""

    def changed(scene: Scene) -> Response:
        body = json_of(scene.true)
        if scene.true.status != 200 or not isinstance(body, dict) or not isinstance(body.get("value"), list):
            return scene.true
        body = body | {"value": change(body["value"])}
        if not goes_on:
            body.pop("@odata.nextLink", None)
        return with_json(scene.true, body)

    return changed


def _first_half(entries: list[Entry]) -> list[Entry]:
    return entries[: len(entries) // 2]


def _half_and_no_count(scene: Scene) -> Response:
    if scene.question.kind == "count":
        return graph_error(400, "Request_BadRequest", "$count is not currently supported.")
    return _listed(_first_half, goes_on=False)(scene)


def _count(of: Callable[[int], int]) -> Change:
    def changed(scene: Scene) -> Response:
        text = scene.true.body.decode()
        return replace(scene.true, body=str(of(int(text))).encode()) if text.isdecimal() else scene.true

    return changed


def _empty_second_page(scene: Scene) -> Response:
    """The first half with a link to a second page, on which nobody stands."""
    body = json_of(scene.true)
    if "skiptoken=moved" in scene.text:
        return scene.ask(replace(scene.request, query_string="$filter=id eq 'nobody'&$select=id"))
    if scene.true.status != 200 or not isinstance(body, dict):
        return scene.true
    link = f"{scene.request.origin}{scene.request.path}?{scene.request.query_string}&$skiptoken=moved"
    return with_json(scene.true, body | {"value": _first_half(body["value"]), "@odata.nextLink": link})


def _without(*names: str) -> Callable[[list[Entry]], list[Entry]]:
    return lambda entries: [{key: value for key, value in one.items() if key not in names} for one in entries]


def _doubled(entries: list[Entry]) -> list[Entry]:
    half = _first_half(entries)
    return [*half, *half]


def _graph(
    name: str, does: str, change: Change, asks: frozenset[str] = PHOTOS, in_batch: bool | None = None
) -> Misbehaviour:
    return Misbehaviour(f"graph-{name}", does, "entra", ("graph",), asks, change, in_batch)


def _users(
    name: str, does: str, change: Change, asks: frozenset[str] = LIST, workload: str = "directory", looks_true: str = ""
) -> Misbehaviour:
    return Misbehaviour(f"users-{name}", does, workload, ("graph",), asks, change, later=False, looks_true=looks_true)


def _code(status: int, code: str, message: str) -> Change:
    return always(graph_error(status, code, message))


def _batch_down(scene: Scene) -> Response:
    if scene.question.kind != "batch":
        return EMPTY_404
    return GATEWAY_502 if any(step.kind in PHOTOS for step in scene.question.steps.values()) else scene.true


MISBEHAVIOURS = (
    _graph(
        "batch-502-then-404",
        "502 for every batch of photos, then an empty 404 without a type for each photo alone",
        _batch_down,
        PHOTOS | BATCH,
        in_batch=False,
    ),
    _graph("empty-404", "an empty 404 for every photo, in a batch and alone", always(BARE_404)),
    _graph("html-404", "a web server's page of 404 for every photo", always(IIS_404)),
    _graph("json-404", "a gateway's 404 in JSON for every photo", always(GATEWAY_404)),
    _graph("image-not-found", "ImageNotFound for everybody", always(IMAGE_NOT_FOUND)),
    _graph("batch-image-not-found", "ImageNotFound for everybody in batches", always(IMAGE_NOT_FOUND), in_batch=True),
    _graph(
        "item-not-found", "ErrorItemNotFound for everybody", _code(404, "ErrorItemNotFound", "The photo wasn't found.")
    ),
    _graph(
        "photo-not-found",
        "GetUserPhoto, not found, for everybody",
        _code(404, "GetUserPhoto", "The photo wasn't found."),
    ),
    _graph(
        "no-mailbox",
        "ErrorNonExistentMailbox for everybody",
        _code(404, "ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it."),
    ),
    _graph(
        "user-not-found",
        "Request_ResourceNotFound for everybody's photo",
        _code(404, "Request_ResourceNotFound", "Resource does not exist."),
    ),
    _graph(
        "odata-disabled",
        "ErrorAccessDenied for everybody's photo",
        _code(403, "ErrorAccessDenied", "Access to OData is disabled."),
    ),
    _graph("batch-null-404", "{404, null} for each photo in every batch", _of_photos(_null_404), BATCH),
    _graph("batch-rotated", "the answers of a batch under each other's ids, moved by one", _of_photos(_rotated), BATCH),
    _graph(
        "batch-reversed",
        "the answers of a batch under each other's ids, from the last to the first",
        _of_photos(_reversed),
        BATCH,
    ),
    _graph("batch-mixed", "the answers of a batch under each other's ids, mixed", _of_photos(_numbered), BATCH),
    _graph("batch-one-answer", "one good answer under every id of a batch", _of_photos(_one_body), BATCH),
    _graph("batch-no-answers", "a batch without answers", _of_photos(lambda _answers: []), BATCH),
    _graph("batch-404", "an empty 404 for every batch; alone all is well", always(EMPTY_404), BATCH),
    _graph(
        "empty-etag",
        "an empty media ETag in everybody's metadata",
        _described(lambda entry: entry | {"@odata.mediaEtag": ""}),
        TOLD,
    ),
    _graph("width-0", "a width and height of 0 in everybody's metadata", _described(_size(0)), TOLD),
    _graph("size-1x1", "the size 1x1 in everybody's metadata, with their ETag", _described(_size(1)), TOLD),
    _graph(
        "one-pixel", "for everybody what is documented for no photo: metadata of one pixel, and no bytes", _one_pixel
    ),
    _graph("metadata-204", "204 for everybody's metadata", always(Response(204)), TOLD),
    _graph("error-in-200", "200 with the error ImageNotFound in it for everybody", _error_in_200),
    _graph("maintenance-page", "200 with a web page for every photo", always(PORTAL_PAGE)),
    _graph("metadata-of-next", "the metadata of the next user for everybody who has a photo", _of_next, TOLD),
    _graph("metadata-of-one", "one user's metadata for everybody, from a cache", _of_one, TOLD),
    _graph("photo-of-next", "the bytes of the next user's photo under everybody's own metadata", _of_next, BYTES),
    _graph("photo-of-one", "the bytes of one user's photo for everybody, from a cache", where_found(_of_one), BYTES),
    _graph(
        "batch-photo-of-one",
        "the bytes of one user's photo for everybody in batches",
        where_found(_of_one),
        BYTES,
        in_batch=True,
    ),
    _graph(
        "user-of-next",
        "metadata and bytes of the next user, under the name of whoever was asked about",
        _under_own_name,
    ),
    _graph("user-of-one", "metadata and bytes of one user for everybody, from a cache", _of_one),
    _graph(
        "value-404", "metadata as they are, and ImageNotFound for everybody's bytes", always(IMAGE_NOT_FOUND), BYTES
    ),
    _graph("value-empty-404", "metadata as they are, and an empty 404 for everybody's bytes", always(BARE_404), BYTES),
    _graph(
        "value-empty-200",
        "200 without a body for everybody's bytes",
        where_found(always(Response(200, b"", "image/jpeg"))),
        BYTES,
    ),
    _graph(
        "value-silhouette",
        "the outline of nobody in place of everybody's photo",
        where_found(always(silhouette(360))),
        BYTES,
    ),
    _graph("value-blank", "a blank picture in place of everybody's photo", where_found(always(blank(360))), BYTES),
    _graph("value-one-pixel", "one transparent pixel in place of everybody's photo", where_found(always(PIXEL)), BYTES),
    _graph(
        "photo-lost",
        "ImageNotFound for everybody who has a photo, truly for the others",
        where_found(always(IMAGE_NOT_FOUND)),
    ),
    _users(
        "half-and-no-count", "half of the users without a link to the rest, and no count", _half_and_no_count, COUNTED
    ),
    _users(
        "half", "half of the users without a link to the rest; the count is right", _listed(_first_half, goes_on=False)
    ),
    _users(
        "short-page",
        "a page of two thirds of the users that is called the last",
        _listed(lambda listed: listed[: 2 * len(listed) // 3], goes_on=False),
    ),
    _users("empty-second-page", "half of the users, and a second page on which nobody stands", _empty_second_page),
    _users("repeated-half", "half of the users, each twice, without the others", _listed(_doubled, goes_on=False)),
    _users(
        "count-half",
        "the whole list, and a count of half of it",
        _count(lambda number: number // 2),
        frozenset({"count"}),
    ),
    _users(
        "count-double",
        "the whole list, and a count of twice as many",
        _count(lambda number: 2 * number),
        frozenset({"count"}),
    ),
    _users(
        "without-plans",
        "everybody without the property assignedPlans",
        _listed(_without("assignedPlans")),
        workload="exchange",
    ),
    _users(
        "without-licences", "everybody without the property assignedLicenses", _listed(_without("assignedLicenses"))
    ),
)
