"""Answers that programs before a service, or half-moved services, give to everybody.

Pages of gateways and servers are written as these programs usually write them. All of these answers are assumptions:
it is not known what Microsoft's own front ends say in such a state.
"""

from __future__ import annotations

import base64
import io
from functools import lru_cache
from zlib import crc32

from PIL import Image

from auditor.simulator import drawing
from auditor.simulator.asgi import Response, json_response, text_response
from auditor.simulator.misbehaving import Change, Scene
from auditor.simulator.pictures import Drawn, StoredPicture, Upload
from auditor.simulator.tenant import Account, EngageUser

HTML = "text/html; charset=utf-8"
EMPTY_404 = Response(404)
IIS_404 = text_response(
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\r\n'
    '<html xmlns="http://www.w3.org/1999/xhtml">\r\n<head>\r\n<title>404 - File or directory not found.</title>\r\n'
    "</head>\r\n<body>\r\n<h1>Server Error</h1>\r\n<h2>404 - File or directory not found.</h2>\r\n"
    "<h3>The resource you are looking for might have been removed, had its name changed, or is temporarily "
    "unavailable.</h3>\r\n</body>\r\n</html>\r\n",
    404,
    content_type=HTML,
)
GATEWAY_404 = json_response({"statusCode": 404, "message": "Resource not found"}, 404)
GATEWAY_502 = text_response(
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
    502,
    content_type="text/html",
)
PORTAL_PAGE = text_response(
    "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1>"
    "<p>This service is being moved.</p></body></html>",
    content_type=HTML,
)
PIXEL = Response(200, base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"), "image/gif")
"""One transparent pixel."""


def always(response: Response) -> Change:
    """Gives everybody the same answer."""
    return lambda _scene: response


def where_found(change: Change) -> Change:
    """Changes only true answers with status 200."""
    return lambda scene: change(scene) if scene.true.status == 200 else scene.true


def png(image: Image.Image) -> Response:
    """An image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Response(200, buffer.getvalue(), "image/png")


@lru_cache(maxsize=8)
def silhouette(side: int) -> Response:
    """The outline of a person, drawn otherwise than any of the services draws its own."""
    return png(drawing.silhouette(0, side))


@lru_cache(maxsize=8)
def blank(side: int) -> Response:
    """Nearly one colour."""
    return png(drawing.blank(0, side))


@lru_cache(maxsize=8)
def default_person(side: int) -> Response:
    """SharePoint's default person."""
    return Response(200, drawing.default_person(side), "image/png")


@lru_cache(maxsize=8)
def no_photo(side: int) -> Response:
    """Viva Engage's default picture."""
    return Response(200, drawing.no_photo(side), "image/png")


def former(account: Account) -> StoredPicture:
    """A photo that the account no longer has anywhere."""
    return StoredPicture(Upload(f"former-{account.id}", Drawn(crc32(account.id.encode()))))


# Which stores have a photo -----------------------------------------------------------------------------


def in_graph(account: Account) -> bool:
    """Whether Graph has a photo of the account."""
    return account.graph.picture is not None and account.graph.refusal is None


def in_exchange(account: Account) -> bool:
    """Whether the mailbox shows a photo."""
    mailbox = account.mailbox
    return mailbox is not None and mailbox.picture is not None and not (mailbox.ews_refused or mailbox.invalid_licence)


def in_sharepoint(account: Account) -> bool:
    """Whether SharePoint's home geo has the account's profile, with a photo that is shown and one that is stored."""
    profile = account.profile
    held = profile is not None and profile.shown is not None and profile.stored is not None and profile.picture_url
    return held and account.geo == "home" and profile is not None and profile.object_id == account.id


def engage_user(account: Account) -> EngageUser | None:
    """The account's one Engage user, if it has a picture."""
    return account.engage[0] if len(account.engage) == 1 and account.engage[0].picture is not None else None


def in_engage(account: Account) -> bool:
    """Whether Viva Engage has a picture of the account."""
    return engage_user(account) is not None


def about_first(scene: Scene) -> Account | None:
    """The first account in scope whose photo every store has. A cache would have kept the answer about this account."""
    return scene.first(lambda one: in_graph(one) and in_exchange(one) and in_sharepoint(one) and in_engage(one))
