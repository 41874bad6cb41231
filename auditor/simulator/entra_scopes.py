"""What a scope parameter asks for, and whether it may."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.simulator.registrations import GRAPH_AUDIENCE, RESOURCES, YAMMER_API_AUDIENCE, Application, Resource

OIDC_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})


class ScopeError(Exception):
    """A scope that is refused: an AADSTS code, an OAuth error and the words."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name


@dataclass(frozen=True, slots=True)
class Grant:
    """What a scope parameter asks for."""

    resource: Resource
    audience: str
    permissions: frozenset[str]
    """Named permissions; empty for `.default`."""
    oidc: frozenset[str]


def read_scope(scope: str, organisation: str, *, app_only: bool) -> Grant:
    """The one resource that a scope parameter names."""
    words = scope.split()
    asked = [_split(word) for word in words if word not in OIDC_SCOPES]
    named = frozenset(permission for _, permission in asked if permission != ".default")
    if app_only and (named or not asked):
        raise ScopeError(
            1002012,
            "invalid_scope",
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier (application ID URI).",
        )
    if len({where for where, _ in asked}) > 1:
        raise _two_resources(scope, app_only=app_only)
    where = asked[0][0] if asked else GRAPH_AUDIENCE
    found = _resource(where)
    if found is None:
        raise ScopeError(
            500011,
            "invalid_resource",
            f"The resource principal named {where} was not found in the tenant named {organisation}. This can happen "
            "if the application has not been installed by the administrator of the tenant or consented to by any user "
            "in the tenant. You might have sent your authentication request to the wrong tenant.",
        )
    resource, audience = found
    return Grant(resource, audience, named, frozenset(word for word in words if word in OIDC_SCOPES))


def check_consent(grant: Grant, app: Application) -> None:
    """Refuse permissions that nobody consented to."""
    granted = {name.lower() for name in app.scopes_for(grant.resource.name)}
    if not granted or not {name.lower() for name in grant.permissions} <= granted:
        raise ScopeError(
            65001,
            "invalid_grant",
            f"The user or administrator has not consented to use the application with ID '{app.client_id}' named "
            f"'{app.name}'. Send an interactive authorization request for this user and resource.",
        )


def not_subscribed(tenant_id: str) -> ScopeError:
    """There is no Viva Engage in this tenant."""
    return ScopeError(
        650052,
        "invalid_client",
        f'The app needs access to a service ("{YAMMER_API_AUDIENCE}/") that your organization "{tenant_id}" has not '
        "subscribed to or enabled. Contact your IT Admin to review the configuration of your service subscriptions.",
    )


def _two_resources(scope: str, *, app_only: bool) -> ScopeError:
    # Assumption: which of the two codes is said depends on the grant.
    if app_only:
        return ScopeError(
            70011,
            "invalid_scope",
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
            f"'scope' is not valid. The scope {scope} is not valid.",
        )
    return ScopeError(
        28000,
        "invalid_scope",
        "Provided value for the input parameter scope is not valid because it contains more than one resource. "
        f"Scope {scope} is not valid.",
    )


def _split(word: str) -> tuple[str, str]:
    """Resource and permission; a bare permission is Graph's."""
    if "/" not in word:
        return GRAPH_AUDIENCE, word
    resource, _, permission = word.rpartition("/")
    return resource.rstrip("/").lower(), permission


def _resource(where: str) -> tuple[Resource, str] | None:
    for resource in RESOURCES:
        if where in resource.audiences:
            return resource, where
        if where in {resource.app_id, f"api://{resource.app_id}"}:
            return resource, resource.audiences[0]
    return None
