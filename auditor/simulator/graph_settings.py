"""Graph's photo update settings: who may change a photo in this tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from auditor.simulator.asgi import Request, Response, Route, route
from auditor.simulator.graph_answers import GraphAccess, directory_denied, graph_json

Uploads = Literal["everyone", "admins", "on-premises"]
READ_SETTINGS = ("PeopleSettings.Read.All", "PeopleSettings.ReadWrite.All")
PEOPLE_ADMINISTRATOR = "024906de-61e5-49c8-8572-40335f1e0e10"
_USER_ADMINISTRATOR = "fe930be7-5e62-47db-91af-98c3a49a38b1"
_GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
# The pages show an empty list of roles as an empty object, as the tenant's default (photoupdatesettings-update).
_SAID: Mapping[Uploads, Mapping[str, Any]] = {
    "everyone": {"source": None, "allowedRoles": {}},
    "admins": {"source": "cloud", "allowedRoles": [_GLOBAL_ADMINISTRATOR, _USER_ADMINISTRATOR]},
    "on-premises": {"source": "onPremises", "allowedRoles": {}},
}


@dataclass(frozen=True, slots=True)
class PhotoSettings:
    """The settings of a tenant."""

    origin: str
    access: GraphAccess
    uploads: Uploads

    def routes(self) -> list[Route]:
        """Who answers what."""
        return [route("GET", r"/beta/admin/people/photoupdatesettings", self.read, ignore_case=True)]

    def read(self, request: Request) -> Response:
        """The settings. Assumption: without the permission the directory's own refusal.

        Who signs in needs a role beside the permission (peopleadminsettings-get). Assumption: here, too.
        """
        self.access.require(request, READ_SETTINGS, directory_denied)
        token = self.access.token(request)
        if not token.app_only and not token.directory_roles & {PEOPLE_ADMINISTRATOR, _GLOBAL_ADMINISTRATOR}:
            raise directory_denied()
        context = f"{self.origin}/beta/$metadata#admin/people/photoUpdateSettings/$entity"
        return graph_json({"@odata.context": context} | dict(_SAID[self.uploads]))
