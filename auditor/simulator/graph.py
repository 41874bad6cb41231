"""Microsoft Graph of the simulated tenant, put together."""

from __future__ import annotations

import re

from auditor.simulator.asgi import Request, Response, Service
from auditor.simulator.graph_answers import GraphAccess, graph_error, plain_graph_error
from auditor.simulator.graph_batch import batch_route
from auditor.simulator.graph_photos import Photos
from auditor.simulator.graph_settings import PhotoSettings, Uploads
from auditor.simulator.graph_users import LARGEST_PAGE, Directory
from auditor.simulator.lookup import Lookup
from auditor.simulator.requestlog import RequestLog
from auditor.simulator.tokens import Mint

_DOUBLE_SLASH = re.compile(r"/{2,}")
_KEY_IN_PARENTHESES = re.compile(r"(?i)/(users|groups)\('([^/]+?)'\)")


def make_graph(
    origin: str,
    lookup: Lookup,
    mint: Mint,
    organisation: str,
    log: RequestLog,
    *,
    largest_page: int = LARGEST_PAGE,
    uploads: Uploads = "everyone",
    restricted: bool = False,
) -> Service:
    """The Graph service; a page of users holds no more than `largest_page`, whatever was asked for.

    `restricted`: whether members without a role may read nobody but themselves in the directory.
    """
    access = GraphAccess(mint, restricted)
    directory = Directory(origin, lookup.tenant, lookup, access, organisation, largest_page)
    photos = Photos(origin, lookup.tenant.tenant_id, lookup, access)

    def ask(request: Request) -> list[Response]:
        if request.path.lower().endswith("/$batch"):
            return [graph_error(400, "BadRequest", "A batch cannot hold a batch.")]
        return service.steps(request)

    settings = PhotoSettings(origin, access, uploads)
    routes = [batch_route(access, ask), *directory.routes(), *photos.routes(), *settings.routes()]
    service = Service("graph", origin, routes, error=plain_graph_error, normalise=_normalise, log=log)
    return service


def _normalise(path: str) -> str:
    """Client programs send double slashes, and keys in parentheses as `@odata.id` has them."""
    single = _DOUBLE_SLASH.sub("/", path)
    return _KEY_IN_PARENTHESES.sub(r"/\1/\2", single)
