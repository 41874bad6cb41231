"""Graph's users' photos: metadata, sizes and bytes, and the ways of saying that there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from auditor.simulator.asgi import RefusedError, Request, Response, Route, route
from auditor.simulator.graph_answers import (
    VERSION,
    GraphAccess,
    graph_error,
    graph_json,
    photo_denied,
    refused,
    resource_not_found,
)
from auditor.simulator.lookup import Lookup
from auditor.simulator.tenant import Account, GraphPhoto, Picture, Rendition

READ_PHOTOS = ("ProfilePhoto.Read.All", "ProfilePhoto.ReadWrite.All", "User.Read.All", "User.ReadWrite.All")
READ_PHOTOS_DELEGATED = (*READ_PHOTOS, "User.ReadBasic.All")
_SIZE = re.compile(r"(?i)(\d{1,5})x(\d{1,5})")
_THROWN = "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ImageNotFoundException' was thrown."
_NO_PHOTO = {
    "image_not_found": ("ImageNotFound", _THROWN),
    "entity_not_found": ("ErrorEntityNotFound", _THROWN),
    "item_not_found": ("ErrorItemNotFound", "The photo wasn't found."),
    "get_user_photo": ("GetUserPhoto", "The photo wasn't found."),
}
BARE_404 = Response(404, b"", "text/plain")
"""What a size that is not stored gets: no body at all."""


@dataclass(frozen=True, slots=True)
class Photos:
    """The photo part of Graph."""

    origin: str
    tenant_id: str
    lookup: Lookup
    access: GraphAccess

    def routes(self) -> list[Route]:
        """Who answers what."""
        user = r"/v1\.0/users/(?P<key>[^/]+)"
        return [
            route("GET", user + r"/photo", self.metadata, ignore_case=True),
            route("GET", user + r"/photo/\$value", self.value, ignore_case=True),
            route("GET", user + r"/photos", self.all_sizes, ignore_case=True),
            route("GET", user + r"/photos/(?P<size>[^/]+)", self.metadata_of_size, ignore_case=True),
            route("GET", user + r"/photos/(?P<size>[^/]+)/\$value", self.value_of_size, ignore_case=True),
        ]

    def metadata(self, request: Request) -> Response:
        """What the largest size is like."""
        account = self._account(request)
        photo = account.graph
        context = {"@odata.context": f"{self.origin}{VERSION}/$metadata#{_context_of(account)}/photo/$entity"}
        if photo.picture is None and photo.refusal is None and photo.no_photo == "one_pixel":
            empty = self._described(account, "photo", "image/gif", "", 1, 1)
            return graph_json(context | empty)
        picture = _picture(photo)
        largest = picture.largest("graph")
        described = self._described(
            account, "photo", largest.content_type, f'"{photo.etag}"', largest.width, largest.height
        )
        return graph_json(context | described)

    def all_sizes(self, request: Request) -> Response:
        """What every stored size is like. Without a photo this is an error too, not an empty list."""
        account = self._account(request)
        picture = _picture(account.graph)
        largest = picture.largest("graph")
        sizes = [(side, side) for side in picture.sides("graph")] or [(largest.width, largest.height)]
        tag = f'"{account.graph.etag}"'
        value = [
            self._described(account, f"photos/{width}x{height}", largest.content_type, tag, width, height)
            for width, height in sizes
        ]
        context = f"{self.origin}{VERSION}/$metadata#users('{account.id}')/photos"
        return graph_json({"@odata.context": context, "value": value})

    def metadata_of_size(self, request: Request) -> Response:
        """What one size is like. Assumption: a size that is not stored gets the bare 404 of its bytes."""
        account = self._account(request)
        found = _of_size(_picture(account.graph), request.params["size"])
        name = f"photos/{found.width}x{found.height}"
        tag = f'"{account.graph.etag}"'
        described = self._described(account, name, found.content_type, tag, found.width, found.height)
        context = f"{self.origin}{VERSION}/$metadata#users('{account.id}')/photos/$entity"
        return graph_json({"@odata.context": context} | described)

    def value(self, request: Request) -> Response:
        """The bytes of the largest size. If-None-Match has no effect, as users report."""
        account = self._account(request)
        return _bytes(account.graph, _picture(account.graph).largest("graph"))

    def value_of_size(self, request: Request) -> Response:
        """The bytes of one size."""
        account = self._account(request)
        return _bytes(account.graph, _of_size(_picture(account.graph), request.params["size"]))

    def _account(self, request: Request) -> Account:
        app_only = self.access.token(request).app_only
        self.access.require(request, READ_PHOTOS if app_only else READ_PHOTOS_DELEGATED, photo_denied)
        key = request.params["key"]
        account = self.lookup.directory_user(key)
        if account is not None:
            return account
        if key.lower() in self.lookup.by_address:
            # Asked by a mail address that is not the UPN: reads like a user without a photo.
            raise refused(404, *_NO_PHOTO["image_not_found"])
        # Assumption: an unknown user is refused here as in the directory.
        raise resource_not_found(key)

    def _described(
        self, account: Account, what: str, content_type: str, tag: str, width: int, height: int
    ) -> dict[str, Any]:
        return {
            "@odata.id": f"{self.origin}{VERSION}/users('{account.id}@{self.tenant_id}')/{what}",
            "@odata.mediaContentType": content_type,
            "@odata.mediaEtag": tag,
            "id": f"{width}x{height}",
            "width": width,
            "height": height,
        }


def _context_of(account: Account) -> str:
    """How the context of a photo's metadata calls its owner.

    Published answers say `Me` (profilephoto-get.md@073a396) or the user's id (msgraph-sdk-objc, its test of the photo
    request). Assumption: for one half of the users so, for the other half otherwise.
    """
    return "Me" if account.id[:1] in "02468ace" else f"users('{account.id}')"


def _picture(photo: GraphPhoto) -> Picture:
    if photo.refusal is not None:
        raise RefusedError(graph_error(photo.refusal.http, photo.refusal.code, photo.refusal.message))
    if photo.picture is None:
        raise _no_photo(photo)
    return photo.picture


def _no_photo(photo: GraphPhoto) -> RefusedError:
    if photo.no_photo == "bare_404":
        return RefusedError(BARE_404)
    # Assumption: where the metadata says 1x1, bytes and sizes are answered with ImageNotFound.
    return refused(404, *_NO_PHOTO.get(photo.no_photo, _NO_PHOTO["image_not_found"]))


def _of_size(picture: Picture, size: str) -> Rendition:
    asked = _SIZE.fullmatch(size)
    if asked is None:
        # Assumption: a size that is none is a bad request.
        raise refused(400, "ErrorInvalidImageId", f"The image id '{size}' is not valid.")
    width, height = int(asked[1]), int(asked[2])
    found = picture.at("graph", width) if width == height and width in picture.sides("graph") else None
    if found is None and not picture.sides("graph"):
        largest = picture.largest("graph")
        found = largest if (largest.width, largest.height) == (width, height) else None
    if found is None:
        raise RefusedError(BARE_404)
    return found


def _bytes(photo: GraphPhoto, found: Rendition) -> Response:
    headers = (("ETag", f'"{photo.etag}"'),) if photo.etag else ()
    return Response(200, found.data, found.content_type, headers)
