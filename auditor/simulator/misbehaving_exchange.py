"""False answers that Exchange Web Services, or a program before them, give to everybody."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

from auditor.simulator import ews_soap
from auditor.simulator.asgi import Response, redirect
from auditor.simulator.misbehaving import Change, Misbehaviour, Scene, rendered
from auditor.simulator.misbehaving_answers import (
    EMPTY_404,
    GATEWAY_404,
    IIS_404,
    PIXEL,
    PORTAL_PAGE,
    about_first,
    always,
    former,
    in_exchange,
    silhouette,
    where_found,
)
from auditor.simulator.tenant import Rendition

_XML = "text/xml; charset=utf-8"
_SIZE = re.compile(rb"HR\d{1,4}[xX]\d{1,4}")
EVERYTHING = frozenset({"mailbox", "other"})
PHOTOS = frozenset({"mailbox"})
ERROR_PAGE = "/ews/genericerrorpage.htm"


def _said(body: bytes, rest: Response = EMPTY_404) -> Change:
    """Answers a SOAP question with `body`; a question in the REST form, which has no such words, with `rest`."""

    def change(scene: Scene) -> Response:
        return Response(200, body, _XML) if scene.request.method == "POST" else rest

    return change


def _pictured(scene: Scene, picture: Rendition) -> Response:
    """A picture in the form that was asked for."""
    if scene.request.method != "POST":
        return Response(200, picture.data, picture.content_type)
    data = base64.b64encode(picture.data).decode("ascii")
    return Response(200, ews_soap.photo(has_changed=True, data=data, content_type=picture.content_type), _XML)


def _shows(response: Response) -> Change:
    """Shows this picture for every account that is asked about."""
    return lambda scene: _pictured(scene, Rendition(response.body, response.content_type, 1, 1))


def _one_picture(scene: Scene) -> Response:
    return scene.of(about_first(scene))


def _next_picture(scene: Scene) -> Response:
    return scene.of(scene.next(in_exchange))


def _smallest(scene: Scene) -> Response:
    if scene.account is None or not in_exchange(scene.account):
        return scene.true
    asked = scene.request
    query = re.sub(r"(?i)(size=)[^&]*", r"\1HR48x48", asked.query_string)
    return scene.ask(replace(asked, body=_SIZE.sub(b"HR48x48", asked.body), query_string=query))


def _former_picture(scene: Scene) -> Response:
    if scene.account is None or not in_exchange(scene.account):
        return scene.true
    return _pictured(scene, rendered(former(scene.account), "exchange", 648))


def _error_page(scene: Scene) -> Response:
    if scene.request.path.lower() == ERROR_PAGE:
        return PORTAL_PAGE
    return redirect(f"{scene.request.origin}{ERROR_PAGE}?aspxerrorpath=/EWS/Exchange.asmx")


def _without_element(scene: Scene) -> Response:
    body = ews_soap.photo(has_changed=True, data=None, content_type="")
    return Response(200, body, _XML) if scene.request.method == "POST" else Response(200)


def _exchange(
    name: str, does: str, change: Change, asks: frozenset[str] = PHOTOS, looks_true: str = ""
) -> Misbehaviour:
    return Misbehaviour(f"exchange-{name}", does, "exchange", ("exchange",), asks, change, looks_true=looks_true)


NOTHING = ews_soap.photo(has_changed=True, data="", content_type="")
UNCHANGED = ews_soap.photo(has_changed=False, data=None, content_type="")
NO_MAILBOX = ews_soap.error("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
NOT_FOUND = ews_soap.error("ErrorItemNotFound", "The specified object was not found in the store.")
NO_LICENCE = ews_soap.error("ErrorInvalidLicense", "The license is invalid for this mailbox.")

MISBEHAVIOURS = (
    _exchange("gone-404", "an empty 404 to every question: EWS are switched off", always(EMPTY_404), EVERYTHING),
    _exchange("html-404", "a web server's page of 404 to every question", always(IIS_404), EVERYTHING),
    _exchange("json-404", "a gateway's 404 in JSON to every question", always(GATEWAY_404), EVERYTHING),
    _exchange("photo-404", "an empty 404 for every photo, while other calls are still answered", always(EMPTY_404)),
    _exchange("empty-200", "200 with no body for every photo", always(Response(200))),
    _exchange("empty-picture", "success with an empty PictureData for everybody", _said(NOTHING)),
    _exchange("no-picture-element", "success without the element PictureData for everybody", _without_element),
    _exchange("refused", "403 for every mailbox", always(Response(403)), EVERYTHING),
    _exchange("error-page", "a redirect to the error page, which answers 200", _error_page, EVERYTHING),
    _exchange("maintenance-page", "200 with a web page for everybody", always(PORTAL_PAGE), EVERYTHING),
    _exchange("one-picture", "one user's picture for everybody, from a cache", _one_picture),
    _exchange("next-picture", "the picture of the next user for everybody who has one", _next_picture),
    _exchange("smallest-size", "the smallest size of each picture, whatever is asked for", _smallest),
    _exchange("silhouette", "the outline of nobody for everybody", _shows(silhouette(360))),
    _exchange("one-pixel", "one transparent pixel for everybody", _shows(PIXEL)),
    _exchange("no-mailbox", "ErrorNonExistentMailbox for everybody", _said(NO_MAILBOX)),
    _exchange("item-not-found", "ErrorItemNotFound for everybody", _said(NOT_FOUND)),
    _exchange("no-licence", "ErrorInvalidLicense for everybody", _said(NO_LICENCE, Response(403))),
    _exchange("empty-500", "500 with no body for everybody, as for an unknown address", always(Response(500))),
    _exchange("not-modified", "304 for everybody, whatever was sent along", always(Response(304))),
    _exchange("unchanged", "success with HasChanged false for everybody", _said(UNCHANGED, Response(304))),
    _exchange(
        "picture-lost", "404 for everybody who has a picture, truly for the others", where_found(always(EMPTY_404))
    ),
    _exchange(
        "former-picture",
        "an earlier photo of each user, nobody else's, from a copy of the store",
        _former_picture,
        looks_true="a mass upload that one store has not followed yet",
    ),
)
