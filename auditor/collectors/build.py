"""From settings to collectors: who is asked where, with which token."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from platformdirs import user_cache_path

from auditor.collectors.contract import Collector, Keep, Permission
from auditor.collectors.entra import Entra
from auditor.collectors.exchange import Exchange
from auditor.collectors.sharepoint import SharePoint
from auditor.collectors.yammer import Yammer
from auditor.model import Workload
from auditor.services import limits
from auditor.services.exchange import Ews, ews_is_final
from auditor.services.graph import Graph
from auditor.services.http import Api, Timing, TokenSource, Web, new_client
from auditor.services.msal_http import Connect
from auditor.services.pacing import Limit, Pace
from auditor.services.retries import for_run
from auditor.services.sharepoint import USER_NOT_FOUND, People
from auditor.services.tls import tls_context
from auditor.services.tokens import FixedToken, app_tokens, delegated_tokens
from auditor.services.yammer import Engage
from auditor.settings import Origin, Settings

_COLLECTORS: dict[Workload, type[Entra | Exchange | SharePoint | Yammer]] = {
    Workload.ENTRA: Entra,
    Workload.EXCHANGE: Exchange,
    Workload.SHAREPOINT: SharePoint,
    Workload.YAMMER: Yammer,
}


def permissions(workloads: Iterable[Workload], *, delegated: bool = False) -> list[tuple[Workload, Permission]]:
    """What reading these workloads takes, for the app itself or with a person's sign-in (`delegated`).

    The list of users is read from Graph in any case.
    """
    made = [_COLLECTORS[workload] for workload in dict.fromkeys((Workload.ENTRA, *workloads))]
    return [
        (one.workload, permission)
        for one in made
        for permission in (one.delegated_permissions if delegated else one.permissions)
    ]


@dataclass
class Services:
    """Everything that talks, for one run; an asynchronous context that closes all connections."""

    settings: Settings
    keep: Keep
    tell: Callable[[str], None]
    timing: Timing = field(default_factory=Timing)
    graph: Graph = field(init=False)
    collectors: dict[Workload, Collector] = field(init=False, default_factory=dict)
    yammer: Yammer | None = field(init=False, default=None)
    _apis: dict[Workload, list[Api]] = field(init=False, default_factory=dict)
    _sharepoint: Pace = field(init=False, default_factory=Pace)
    """All of SharePoint's hosts share one quota."""
    _stack: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        settings = self.settings
        context = tls_context(settings.ca_bundle)
        connect = partial(new_client, context)
        delegated = settings.sign_in.delegated
        tokens = _person_tokens(settings, connect, self.tell) if delegated else _app_tokens(settings, connect)

        budget = for_run(settings.patience)

        def api(
            workload: Workload,
            at: Origin,
            tokens: TokenSource | None,
            *,
            concurrency: int = 8,
            pace: Pace | None = None,
        ) -> Api:
            client = new_client(context)
            self._stack.push_async_callback(client.aclose)
            made = Api(
                at.origin, client, tokens, at.audience, concurrency=concurrency, pace=pace or Pace(), budget=budget,
                clock=self.timing.clock, sleep=self.timing.sleep, deadline=self.timing.deadline,
            )  # fmt: skip
            self._apis.setdefault(workload, []).append(made)
            return made

        self.graph = Graph(api(Workload.ENTRA, settings.entra.at, tokens, concurrency=limits.GRAPH_AT_ONCE))
        if Workload.ENTRA in settings.workloads:
            self.collectors[Workload.ENTRA] = Entra(self.graph, self.keep, settings.entra.batch)
        if settings.exchange is not None and Workload.EXCHANGE in settings.workloads:
            exchange = api(Workload.EXCHANGE, settings.exchange.at, tokens)
            exchange.is_final = ews_is_final
            ews = Ews(exchange, settings.exchange.protocol, impersonate=not delegated)
            self.collectors[Workload.EXCHANGE] = Exchange(ews, self.keep, delegated=delegated)
        if settings.sharepoint is not None and Workload.SHAREPOINT in settings.workloads:
            sites = (settings.sharepoint.at, *settings.sharepoint.my_sites)
            apis = {site.origin: api(Workload.SHAREPOINT, site, tokens, pace=self._sharepoint) for site in sites}
            for one in apis.values():
                one.is_final = lambda answer: USER_NOT_FOUND.encode() in answer.body
            self.collectors[Workload.SHAREPOINT] = SharePoint(
                People(Web(apis)),
                settings.sharepoint.at.origin,
                tuple(site.origin for site in settings.sharepoint.my_sites),
                self.keep,
                delegated=delegated,
            )
        if settings.yammer is not None and Workload.YAMMER in settings.workloads:
            origin = settings.yammer.at.origin
            anonymous: dict[str, Api] = {}

            def cdn(host: str) -> Api:
                if host not in anonymous:
                    anonymous[host] = api(Workload.YAMMER, Origin(host, ""), None)
                return anonymous[host]

            web = Web(
                {
                    origin: api(
                        Workload.YAMMER,
                        settings.yammer.at,
                        self._engage_tokens(tokens, connect),
                        pace=Pace(self._limits(limits.YAMMER)),
                    )
                },
                settings.yammer.picture_origins,
                cdn,
            )
            self.yammer = Yammer(Engage(web, origin), self.keep)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    def _engage_tokens(self, tokens: TokenSource, connect: Connect) -> TokenSource:
        """Viva Engage takes only a person's token: from a file, the run's sign-in, or a sign-in of its own."""
        yammer = self.settings.yammer
        assert yammer is not None
        if yammer.sign_in == "token_file":
            assert yammer.token_file is not None
            return FixedToken(yammer.token_file)
        if self.settings.sign_in.delegated:
            return tokens
        return _person_tokens(self.settings, connect, self.tell, method=yammer.sign_in, what="Viva Engage")

    def expect(self, users: int) -> None:
        """So many users are audited: some limits depend on the size of the tenant."""
        self._sharepoint.publish(self._limits(limits.sharepoint(users)))

    def _limits(self, published: tuple[Limit, ...]) -> tuple[Limit, ...]:
        return published if self.settings.paced else ()

    def requests(self) -> dict[str, dict[str, int]]:
        """What was asked of each workload: requests, retried, throttled, bytes."""
        return {
            str(workload): {
                name: sum(getattr(api.counts, name) for api in apis)
                for name in ("requests", "retried", "throttled", "bytes")
            }
            for workload, apis in self._apis.items()
        }


def _app_tokens(settings: Settings, connect: Connect) -> TokenSource:
    sign_in = settings.sign_in
    return app_tokens(
        authority=sign_in.authority,
        tenant_id=sign_in.tenant_id,
        client_id=sign_in.client_id,
        connect=connect,
        certificate=sign_in.certificate if sign_in.method == "certificate" else None,
        certificate_password=sign_in.certificate_password,
        secret=sign_in.secret if sign_in.method == "secret" else None,
        federated_token_file=sign_in.federated_token_file if sign_in.method == "federated" else None,
    )


def _person_tokens(
    settings: Settings,
    connect: Connect,
    tell: Callable[[str], None],
    *,
    method: str = "",
    what: str = "the photos",
) -> TokenSource:
    """Tokens of whoever signs in; `method` unset: as for every workload."""
    return delegated_tokens(
        authority=settings.sign_in.authority,
        tenant_id=settings.tenant_id,
        client_id=settings.sign_in.delegated_client_id,
        connect=connect,
        method=method or settings.sign_in.method,
        cache_file=user_cache_path("photo-auditor") / f"sign-in-{settings.tenant_id}.bin",
        tell=tell,
        what=what,
    )
