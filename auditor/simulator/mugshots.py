"""The picture network of Viva Engage: signed addresses that expire, and no tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.simulator.asgi import Request, Response, Route, Service, route, text_response
from auditor.simulator.drawing import no_photo
from auditor.simulator.requestlog import RequestLog
from auditor.simulator.tenant import Picture, Rendition, Tenant

NO_PHOTO = "no_photo.png"
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


@dataclass(frozen=True)
class Mugshots:
    """Pictures by path id, and the key that signs their addresses."""

    origin: str
    pictures: Mapping[str, Picture]
    lifetime: float
    """Seconds that an address stays good."""
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def routes(self) -> list[Route]:
        """Who answers what."""
        return [route("GET", r"/mugshot/images/(?P<picture>[^/]+)", self.image)]

    def knows(self, picture: str) -> bool:
        """Whether there is a picture of this id."""
        return picture == NO_PHOTO or picture in self.pictures

    def url(self, picture: str, size: str) -> str:
        """An address of a picture that is good for a while; the size is not signed."""
        expiry = str(int(time.time() + self.lifetime))
        signature = self._signature(picture, expiry)
        return f"{self.origin}/mugshot/images/{picture}?P1={expiry}&P2=104&P3=1&P4={signature}&size={size}"

    def image(self, request: Request) -> Response:
        """The picture behind a signed address."""
        if "authorization" in request.headers:
            # Assumption: the network takes no token. It refuses one loudly here, for nobody may send it any.
            return text_response("A token has no business here.", 400)
        picture = request.params["picture"]
        expiry = request.query("P1") or ""
        given = (request.query("P4") or "").encode()
        good = hmac.compare_digest(given, self._signature(picture, expiry).encode())
        # Assumption: 403 for both.
        if not good or not expiry.isdecimal() or int(expiry) < time.time():
            return text_response("Forbidden", 403)
        if picture == NO_PHOTO:
            return Response(200, no_photo(_side(request.query("size") or "")), "image/png")
        if picture not in self.pictures:
            return text_response("Not found", 404)
        found = _rendition(self.pictures[picture], request.query("size") or "")
        return Response(200, found.data, found.content_type)

    def _signature(self, picture: str, expiry: str) -> str:
        parts = [
            hmac.new(self.key, f"{part}|{picture}|{expiry}".encode(), hashlib.sha512).digest() for part in range(4)
        ]
        return base64.urlsafe_b64encode(b"".join(parts)).decode().rstrip("=")


def make_mugshots(origin: str, tenant: Tenant, lifetime: float) -> Mugshots:
    """The pictures of a tenant's Engage users."""
    pictures = {
        user.picture_id: user.picture
        for account in tenant.accounts
        for user in account.engage
        if user.picture is not None
    }
    return Mugshots(origin, pictures, lifetime)


def make_yammer_cdn(mugshots: Mugshots, log: RequestLog) -> Service:
    """The picture network as a service."""
    return Service("yammer_cdn", mugshots.origin, mugshots.routes(), error=_error, log=log)


def _rendition(picture: Picture, size: str) -> Rendition:
    """The size asked for, else the largest smaller one, else the smallest there is. Never upscaled."""
    asked = _SIZE.fullmatch(size)
    sides = picture.sides("yammer")
    if asked is None or not sides:
        return picture.largest("yammer")
    smaller = [side for side in sides if side <= int(asked[1])] or [sides[0]]
    return picture.at("yammer", smaller[-1]) or picture.largest("yammer")


def _side(size: str) -> int:
    asked = _SIZE.fullmatch(size)
    return min(max(int(asked[1]), 16), 648) if asked else 48


def _error(status: int, message: str) -> Response:
    return text_response(message, status)
