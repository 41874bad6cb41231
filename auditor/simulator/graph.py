"""Microsoft Graph of the simulated tenant, put together."""

from __future__ import annotations

import re

from auditor.simulator.asgi import Request, Response, Service
from auditor.simulator.graph_answers import GraphAccess, graph_error, plain_graph_error
from auditor.simulator.graph_batch import batch_route
from auditor.simulator.graph_photos import Photos
from auditor.simulator.graph_users import Directory
from auditor.simulator.lookup import Lookup
from auditor.simulator.requestlog import RequestLog
from auditor.simulator.tokens import Mint

_DOUBLE_SLASH = re.compile(r"/{2,}")
_KEY_IN_PARENTHESES = re.compile(r"(?i)/(users|groups)\('([^/]+?)'\)")


def make_graph(origin: str, lookup: Lookup, mint: Mint, organisation: str, log: RequestLog) -> Service:
    """The Graph service."""
    access = GraphAccess(mint)
    directory = Directory(origin, lookup.tenant, lookup, access, organisation)
    photos = Photos(origin, lookup.tenant.tenant_id, lookup, access)

    def ask(request: Request) -> Response:
        if request.path.lower().endswith("/$batch"):
            return graph_error(400, "BadRequest", "A batch cannot hold a batch.")
        return service.answer(request, in_batch=True)

    routes = [batch_route(access, ask), *directory.routes(), *photos.routes()]
    service = Service("graph", origin, routes, error=plain_graph_error, normalise=_normalise, log=log)
    return service


def _normalise(path: str) -> str:
    """Client programs send double slashes, and keys in parentheses as `@odata.id` has them."""
    single = _DOUBLE_SLASH.sub("/", path)
    return _KEY_IN_PARENTHESES.sub(r"/\1/\2", single)
