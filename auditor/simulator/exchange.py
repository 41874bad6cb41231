"""Exchange Web Services of the simulated tenant: GetUserPhoto, in its SOAP and its REST form."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import NoReturn

from auditor.simulator import ews_soap
from auditor.simulator.asgi import RefusedError, Request, Response, Route, Service, route, text_response
from auditor.simulator.lookup import Lookup
from auditor.simulator.registrations import EXCHANGE_AUDIENCE, RESOURCES
from auditor.simulator.requestlog import RequestLog
from auditor.simulator.tenant import Account, Mailbox, Picture, Rendition
from auditor.simulator.tokens import Flaw, Mint, Token, TokenError

AUDIENCES = frozenset({EXCHANGE_AUDIENCE, RESOURCES[1].app_id})
SIDES = (48, 64, 96, 120, 240, 360, 432, 504, 648)
SIZES = {f"hr{side}x{side}": side for side in SIDES}
"""Lower-cased: Assumption: the letter case of the x does not matter, as the documentation writes both."""

_NO_PERMISSIONS = (
    '2000008;reason="The token contains no permissions, or permissions can not be understood.";'
    'error_category="invalid_grant"'
)
_NO_IMPERSONATION = "The account does not have permission to impersonate the requested user."
"""ews-managed-api#223."""
# Assumption: these words; that such a token gets 401 is documented.
_TOKEN_WORDS = {
    Flaw.ABSENT: "",
    Flaw.MALFORMED: '2000000;reason="The token is malformed.";error_category="invalid_token"',
    Flaw.SIGNATURE: '2000010;reason="The token has an invalid signature.";error_category="invalid_token"',
    Flaw.EXPIRED: '2000001;reason="The token has expired.";error_category="invalid_lifetime"',
    Flaw.AUDIENCE: "2000003;reason=\"The audience claim value is invalid '{audience}'.\";"
    'error_category="invalid_resource"',
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """Everything the Exchange service knows."""

    lookup: Lookup
    mint: Mint
    enabled: bool
    """Whether EWS is switched on in the tenant."""

    def routes(self) -> list[Route]:
        """Who answers what, in any letter case."""
        return [
            route("POST", r"/ews/exchange\.asmx", self.soap, ignore_case=True),
            route("GET", r"/ews/exchange\.asmx/s/getuserphoto", self.rest, ignore_case=True),
        ]

    # REST

    def rest(self, request: Request) -> Response:
        """The photo as bytes; a 404 does not tell no photo from no mailbox."""
        self._check(request)
        account = self.lookup.by_address.get((request.query("email") or "").lower())
        mailbox = account.mailbox if account else None
        size = (request.query("size") or "").lower()
        if size not in SIZES:
            # Assumption: an unknown or absent size code is a bad request in the REST form.
            return Response(400)
        # Assumption: a mailbox without a valid licence is refused like one whose licence excludes EWS.
        if mailbox is not None and (mailbox.ews_refused or mailbox.invalid_licence):
            return Response(403)
        if mailbox is None or mailbox.picture is None:
            return Response(404)
        headers = _photo_headers(mailbox)
        if _matches(request, mailbox):
            return Response(304, headers=headers)
        found = _rendition(mailbox.picture, SIZES[size])
        return Response(200, found.data, found.content_type, headers)

    # SOAP

    def soap(self, request: Request) -> Response:
        """GetUserPhoto as a SOAP call.

        Assumption: whoever signs in may read everybody's photo, as the clients of ordinary people do.
        """
        token = self._check(request)
        try:
            call = ews_soap.read(request.body)
        except ews_soap.FaultError as fault:
            return _xml(ews_soap.fault(fault.code, str(fault)), 500)
        if call.impersonates and not token.app_only:
            return _xml(ews_soap.fault("ErrorImpersonateUserDenied", _NO_IMPERSONATION), 500)
        account = self.lookup.by_address.get(call.email.lower())
        if account is None:
            # Documented: 500 without a response code. Assumption: and without a body.
            return Response(500)
        if account.mailbox is None:
            # Assumption: as in the REST form, where such users are known to get a 404.
            return Response(404)
        size = call.size.lower()
        if size not in SIZES:
            return _xml(ews_soap.error("ErrorInvalidPhotoSize", "The requested photo size is not valid."))
        return self._mailbox_photo(request, account, account.mailbox, SIZES[size], call)

    def _mailbox_photo(
        self, request: Request, account: Account, mailbox: Mailbox, side: int, call: ews_soap.Call
    ) -> Response:
        if mailbox.ews_refused:
            return Response(403)
        if mailbox.invalid_licence:
            words = f"The license is invalid for this mailbox., Mailbox '{account.id}' doesn't have a valid license."
            return _xml(ews_soap.error("ErrorInvalidLicense", words))
        if mailbox.picture is None:
            # Microsoft's own client knows both answers; so that readers do too, each user gets one of them.
            if zlib.crc32(account.id.encode()) % 2:
                return Response(404)
            return _xml(ews_soap.photo(has_changed=True, data="", content_type=""))
        headers = _photo_headers(mailbox)
        if _matches(request, mailbox):
            return _xml(ews_soap.photo(has_changed=False, data=None, content_type="")).with_headers(*headers)
        found = _rendition(mailbox.picture, side)
        data = base64.b64encode(found.data).decode("ascii")
        content_type = found.content_type if call.newer_than_2013 else ""
        body = ews_soap.photo(has_changed=True, data=data, content_type=content_type)
        return _xml(body).with_headers(*headers)

    # Who may ask

    def _check(self, request: Request) -> Token:
        try:
            token = self.mint.check(request.bearer(), AUDIENCES)
        except TokenError as error:
            _unauthorized(_TOKEN_WORDS[error.flaw].format(audience=error.audience))
        if not self.enabled:
            # Assumption: no body; only the status is known.
            raise RefusedError(Response(403))
        if not token.may("full_access_as_app" if token.app_only else "EWS.AccessAsUser.All"):
            _unauthorized(_NO_PERMISSIONS)
        return token


def make_exchange(origin: str, lookup: Lookup, mint: Mint, *, enabled: bool, log: RequestLog) -> Service:
    """The Exchange service."""
    exchange = Exchange(lookup, mint, enabled)
    return Service(
        "exchange",
        origin,
        exchange.routes(),
        error=_plain,
        log=log,
        about=lambda request: ews_soap.address(request.body),
    )


def _rendition(picture: Picture, side: int) -> Rendition:
    """The size asked for, else the largest smaller one, else what there is. Never upscaled."""
    smaller = [stored for stored in picture.sides("exchange") if stored <= side]
    found = picture.at("exchange", smaller[-1]) if smaller else None
    return found or picture.largest("exchange")


def _matches(request: Request, mailbox: Mailbox) -> bool:
    asked = request.headers.get("if-none-match", "")
    tags = {part.strip().removeprefix("W/").strip('"') for part in asked.split(",")}
    return bool(mailbox.etag) and mailbox.etag in tags


def _photo_headers(mailbox: Mailbox) -> tuple[tuple[str, str], ...]:
    expires = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    # The ETag is optional in the protocol.
    return (*((("ETag", f'"{mailbox.etag}"'),) if mailbox.etag else ()), ("Expires", expires))


def _unauthorized(diagnostics: str) -> NoReturn:
    challenge = ("WWW-Authenticate", f'Bearer client_id="{RESOURCES[1].app_id}", token_types="app_asserted_user_v1"')
    said = (("x-ms-diagnostics", diagnostics),) if diagnostics else ()
    raise RefusedError(Response(401, headers=(challenge, *said)))


def _xml(body: bytes, status: int = 200) -> Response:
    return Response(status, body, "text/xml; charset=utf-8")


def _plain(status: int, message: str) -> Response:
    return text_response(message, status)
