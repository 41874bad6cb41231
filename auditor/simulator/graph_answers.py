"""How Microsoft Graph says things: errors, and who may ask."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from auditor.simulator.asgi import RefusedError, Request, Response, json_response
from auditor.simulator.registrations import GRAPH_AUDIENCE, RESOURCES
from auditor.simulator.tokens import Flaw, Mint, Token, TokenError

AUDIENCES = frozenset({GRAPH_AUDIENCE, RESOURCES[0].app_id})
VERSION = "/v1.0"
JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

_TOKEN_WORDS = {
    Flaw.ABSENT: "Access token is empty.",
    Flaw.MALFORMED: "CompactToken parsing failed with error code: 80049217",
    Flaw.SIGNATURE: "Access token validation failure. Invalid signature.",
    Flaw.EXPIRED: "Lifetime validation failed, the token is expired.",
    Flaw.AUDIENCE: "Access token validation failure. Invalid audience.",
}


def graph_json(value: object, status: int = 200, *, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An OData answer."""
    return json_response(value, status, content_type=JSON, headers=(("request-id", str(uuid.uuid4())), *headers))


def graph_error(status: int, code: str, message: str) -> Response:
    """An error. Assumption: only the two documented members; the service may add `innerError`."""
    return json_response(
        {"error": {"code": code, "message": message}},
        status,
        content_type="application/json",
        headers=(("request-id", str(uuid.uuid4())),),
    )


def refused(status: int, code: str, message: str) -> RefusedError:
    """What ends the request with an error."""
    return RefusedError(graph_error(status, code, message))


def plain_graph_error(status: int, message: str) -> Response:
    """The error of the routing layer."""
    codes = {404: "ResourceNotFound", 405: "Request_BadRequest", 413: "RequestEntityTooLarge"}
    return graph_error(status, codes.get(status, "generalException"), message)


def resource_not_found(key: str) -> RefusedError:
    """The object is not in the directory."""
    return refused(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


@dataclass(frozen=True, slots=True)
class GraphAccess:
    """Checks tokens for Graph."""

    mint: Mint
    restricted: bool = False
    """Whether members without a role may read nobody but themselves (authorizationPolicy, allowedToReadOtherUsers)."""

    def token(self, request: Request) -> Token:
        """The token of a request, if Graph accepts it."""
        try:
            return self.mint.check(request.bearer(), AUDIENCES)
        except TokenError as error:
            response = graph_error(401, "InvalidAuthenticationToken", _TOKEN_WORDS[error.flaw])
            challenge = ("WWW-Authenticate", f'Bearer realm="", client_id="{RESOURCES[0].app_id}"')
            raise RefusedError(response.with_headers(challenge)) from error

    def require(self, request: Request, permissions: tuple[str, ...], denied: Callable[[], RefusedError]) -> None:
        """Refuse a token that carries none of the permissions."""
        if not self.token(request).may(*permissions):
            raise denied()

    def require_reader(self, request: Request, permissions: tuple[str, ...], *, own: str = "") -> None:
        """Refuse who may not read other users' directory entries; `own`: the id of the user who is asked about.

        Assumption: in a restricted directory the refusal is that of a missing permission.
        """
        token = self.token(request)
        hidden = self.restricted and not token.app_only and not token.directory_roles and token.object_id != own
        if hidden or not token.may(*permissions):
            raise directory_denied()


def directory_denied() -> RefusedError:
    """A permission for the directory is missing."""
    return refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def photo_denied() -> RefusedError:
    """A permission for photos is missing. Assumption: status 403."""
    return refused(
        403,
        "ErrorInsufficientPermissionsInAccessToken",
        "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ProfileAccessDeniedException' was thrown.",
    )


def mailbox_denied() -> RefusedError:
    """A permission for mailboxes is missing."""
    return refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
