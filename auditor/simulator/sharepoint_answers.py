"""How SharePoint says things: the three flavours of JSON, errors, and who may ask."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from auditor.simulator.asgi import RefusedError, Request, Response, json_response
from auditor.simulator.registrations import RESOURCES
from auditor.simulator.tokens import Flaw, Mint, Token, TokenError

READ_PROFILES = ("User.Read.All", "User.ReadWrite.All")
READ_FILES = ("Sites.Read.All", "Sites.ReadWrite.All", "Sites.FullControl.All", "AllSites.Read", "AllSites.Write")
ACCESS_DENIED = "-2147024891, System.UnauthorizedAccessException"
_NO_PROFILE_ACCESS = (
    "Access Denied: This application does not have the required permissions to access profile information."
)


class Flavour(StrEnum):
    """How much JSON tells about itself."""

    NONE = "nometadata"
    MINIMAL = "minimalmetadata"
    VERBOSE = "verbose"


def flavour(request: Request) -> Flavour:
    """The flavour the Accept header asks for. Assumption: minimal metadata is the default, never Atom."""
    accept = request.headers.get("accept", "").lower().replace(" ", "")
    for candidate in Flavour:
        if f"odata={candidate.value}" in accept or f"odata.metadata={candidate.value}" in accept:
            return candidate
    return Flavour.NONE if "odata.metadata=none" in accept else Flavour.MINIMAL


def sharepoint_json(request: Request, value: object, status: int = 200) -> Response:
    """An OData answer."""
    content_type = f"application/json;odata={flavour(request).value};streaming=true;charset=utf-8"
    return json_response(value, status, content_type=content_type)


def sharepoint_error(request: Request, status: int, code: str, message: str, language: str = "en-US") -> Response:
    """An error, its message in the site's language."""
    member = "error" if flavour(request) is Flavour.VERBOSE else "odata.error"
    said = {"code": code, "message": {"lang": language, "value": message}}
    return sharepoint_json(request, {member: said}, status)


def plain_sharepoint_error(status: int, message: str) -> Response:
    """The error of the routing layer."""
    said = {"code": "-1, Microsoft.SharePoint.Client.ResourceNotFoundException", "message": {"value": message}}
    return json_response({"odata.error": said}, status)


def function_value(request: Request, function: str, value: Any, *, kind: str = "Edm.String") -> Response:
    """A single value, null included, as a function's result."""
    asked = flavour(request)
    if asked is Flavour.VERBOSE:
        return sharepoint_json(request, {"d": {function: value}})
    if value is None:
        return sharepoint_json(request, {"odata.null": True})
    head = {} if asked is Flavour.NONE else {"odata.metadata": f"{request.origin}/_api/$metadata#{kind}"}
    return sharepoint_json(request, {**head, "value": value})


@dataclass(frozen=True, slots=True)
class SharePointAccess:
    """Checks tokens for one SharePoint host."""

    mint: Mint
    audiences: frozenset[str]

    def token(self, request: Request) -> Token:
        """The token of a request, if this host accepts it."""
        try:
            token = self.mint.check(request.bearer(), self.audiences)
        except TokenError as error:
            # Assumption: the words for an expired token, and 401 without a token.
            if error.flaw is Flaw.EXPIRED:
                _unauthorized("Invalid JWT token. The token is expired.", 3000003, "invalid_client")
            if error.flaw is Flaw.ABSENT:
                _unauthorized("Access denied.", 3000000, "invalid_client")
            if error.flaw is Flaw.MALFORMED:
                _unauthorized("Unsupported security token.", 3000006, "invalid_client")
            _unauthorized("Invalid issuer or signature.", 3000006, "invalid_client")
        if token.app_only and token.by_secret:
            _unauthorized("Unsupported app only token.", 3001000, "invalid_client")
        return token

    def profiles(self, request: Request) -> None:
        """Refuse who may not read profiles. Assumption: status 403."""
        if not self.token(request).may(*READ_PROFILES):
            raise RefusedError(sharepoint_error(request, 403, ACCESS_DENIED, _NO_PROFILE_ACCESS))

    def files(self, request: Request) -> None:
        """Refuse who may not read files. Assumption: status 403 and these words."""
        if not self.token(request).may(*READ_FILES):
            message = "Access denied. You do not have permission to perform this action or access this resource."
            raise RefusedError(sharepoint_error(request, 403, ACCESS_DENIED, message))


_REASONS = {
    3001000: "There has been an error authenticating the request.",
    3000006: "Token contains invalid signature.",
    3000003: "Invalid JWT token. The token is expired.",
    3000000: "No token was sent.",
}


def _unauthorized(description: str, number: int, category: str) -> NoReturn:
    raise RefusedError(
        json_response(
            {"error_description": description},
            401,
            content_type="application/json; charset=utf-8",
            headers=(
                ("x-ms-diagnostics", f'{number};reason="{_REASONS[number]}";category="{category}"'),
                ("WWW-Authenticate", f'Bearer realm="",client_id="{RESOURCES[2].app_id}"'),
            ),
        )
    )
