"""All services of a simulated tenant, made from its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from auditor.simulator.asgi import Service, plain_error
from auditor.simulator.asked import Asking
from auditor.simulator.exchange import make_exchange
from auditor.simulator.fault_plan import Plan
from auditor.simulator.faults import Faults
from auditor.simulator.graph import make_graph
from auditor.simulator.graph_settings import PEOPLE_ADMINISTRATOR, Uploads
from auditor.simulator.graph_users import LARGEST_PAGE
from auditor.simulator.identity import Identity, SignedInUser, SignInTimes
from auditor.simulator.interference import Playing
from auditor.simulator.lookup import make_lookup
from auditor.simulator.misbehaving import Misbehaving, Play
from auditor.simulator.mugshots import make_mugshots, make_yammer_cdn
from auditor.simulator.registrations import (
    RESOURCE_NAMES,
    RESOURCES,
    SHAREPOINT_AUDIENCE,
    SHAREPOINT_MY_AUDIENCE,
    SHAREPOINT_SATELLITE_AUDIENCE,
    YAMMER_AUDIENCE,
    Registrations,
    make_registrations,
)
from auditor.simulator.requestlog import RequestLog
from auditor.simulator.sharepoint import SharePointHost, UnknownProfile, make_sharepoint
from auditor.simulator.sharepoint_answers import SharePointAccess
from auditor.simulator.sharepoint_profiles import Geo, make_profiles
from auditor.simulator.tenant import Tenant
from auditor.simulator.throttling import Throttling
from auditor.simulator.tokens import Mint
from auditor.simulator.yammer import make_yammer

ORIGINS = (
    "identity",
    "graph",
    "exchange",
    "sharepoint",
    "sharepoint_my",
    "sharepoint_my_satellite",
    "yammer",
    "yammer_cdn",
)
"""Every origin, in the order of their ports."""

# Tokens from before sign-in through Entra live for half a year.
YAMMER_TOKEN_LIFETIME = 180 * 24 * 3600


SignedIn = Literal["member", "administrator", "restricted"]
"""Who signs in: an ordinary member; one with the role People Administrator; a member of a tenant that lets members read
nobody but themselves in the directory."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the services behave."""

    ews: bool = True
    engage: bool = True
    """Whether the tenant has Viva Engage at all."""
    uploads: Uploads = "everyone"
    """Who may change a user's photo."""
    signed_in: SignedIn = "member"
    without_roles: frozenset[tuple[str, str]] = frozenset()
    """(resource, role) pairs that were not granted; the role in lower case."""
    expired_certificate: bool = False
    unknown_profile: UnknownProfile = "odata_null"
    times: SignInTimes = field(default_factory=SignInTimes)
    mugshot_lifetime: float = 3600
    faults: Plan | None = None
    play: Play | None = None
    """What it misbehaves with for everybody; whoever made it may change that between two audits."""
    throttle_speed: float | None = None
    """How many times faster than life the published limits run; None for no limits."""


@dataclass(frozen=True)
class Services:
    """The services of one tenant, and what is needed to sign in to them."""

    tenant: Tenant
    services: Mapping[str, Service]
    """By name of the origin."""
    apps: Registrations
    yammer_token: str
    identity: Identity
    log: RequestLog
    faults: Faults | None = None
    misbehaving: Misbehaving | None = None
    throttled: bool = False
    """Whether it keeps the services' published limits."""


def parse_role(text: str) -> tuple[str, str]:
    """`RESOURCE:ROLE` as a pair for `Options.without_roles`."""
    resource, _, role = text.partition(":")
    if resource.lower() not in RESOURCE_NAMES or not role:
        raise ValueError(f"{text!r} is not RESOURCE:ROLE with a resource among {', '.join(RESOURCE_NAMES)}")
    return resource.lower(), role.lower()


def organisation_name(tenant: Tenant) -> str:
    """The tenant's display name."""
    return tenant.domain.partition(".")[0].capitalize()


def make_services(tenant: Tenant, origins: Mapping[str, str], options: Options | None = None) -> Services:
    """The services of a tenant; `origins` says where each will be reached."""
    options = options or Options()
    log = RequestLog()
    mint = Mint(tenant.tenant_id, f"https://sts.windows.net/{tenant.tenant_id}/")
    apps = make_registrations(
        tenant.tenant_id,
        without_roles=options.without_roles,
        expired_certificate=options.expired_certificate,
    )
    lookup = make_lookup(tenant)
    organisation = organisation_name(tenant)
    user = _signed_in_user(tenant, options.signed_in)
    identity = Identity(
        origin=origins["identity"],
        tenant_id=tenant.tenant_id,
        domain=tenant.domain,
        organisation=organisation,
        mint=mint,
        apps=apps,
        user=user,
        engage=options.engage,
        times=options.times,
    )
    mugshots = make_mugshots(origins["yammer_cdn"], tenant, options.mugshot_lifetime)
    largest_page = LARGEST_PAGE if options.faults is None else min(LARGEST_PAGE, options.faults.largest_page)
    made = [
        Service("identity", origins["identity"], identity.routes(), error=plain_error, log=log),
        make_graph(
            origins["graph"],
            lookup,
            mint,
            organisation,
            log,
            largest_page=largest_page,
            uploads=options.uploads,
            restricted=options.signed_in == "restricted",
        ),
        make_exchange(origins["exchange"], lookup, mint, enabled=options.ews, log=log),
        *(make_sharepoint(host, log) for host in _hosts(origins, tenant, mint, options)),
        make_yammer(
            origins["yammer"],
            tenant,
            mint,
            mugshots,
            organisation=organisation,
            signed_in=user.id,
            enabled=options.engage,
            log=log,
        ),
        make_yammer_cdn(mugshots, log),
    ]
    faults = None if options.faults is None else Faults(options.faults, tenant.seed, Asking(lookup, largest_page))
    throttling = None if options.throttle_speed is None else Throttling(tenant, options.throttle_speed)
    if faults is not None or throttling is not None:
        playing = Playing(faults, throttling, mint)
        for service in made:
            service.interference = playing
    misbehaving = None if options.play is None else Misbehaving(options.play, lookup)
    for service in made:
        service.misbehaving = misbehaving
    app = apps.delegated
    yammer_token = mint.user_token(
        YAMMER_AUDIENCE, app.client_id, user.id, user.upn, user.name, app.scopes_for("yammer"), YAMMER_TOKEN_LIFETIME
    )
    named = {service.name: service for service in made}
    throttled = throttling is not None
    return Services(tenant, named, apps, yammer_token, identity, log, faults, misbehaving, throttled)


def _hosts(origins: Mapping[str, str], tenant: Tenant, mint: Mint, options: Options) -> list[SharePointHost]:
    my_sites: dict[Geo, str] = {
        "home": origins["sharepoint_my"],
        "satellite": origins["sharepoint_my_satellite"],
    }
    profiles = make_profiles(make_lookup(tenant), my_sites)
    app_id = RESOURCES[2].app_id
    # Assumption: the root's audience is accepted on every host, and on the satellite the home geo's too.
    table: list[tuple[str, Geo, frozenset[str]]] = [
        ("sharepoint", "home", frozenset({SHAREPOINT_AUDIENCE, app_id})),
        ("sharepoint_my", "home", frozenset({SHAREPOINT_MY_AUDIENCE, SHAREPOINT_AUDIENCE, app_id})),
        (
            "sharepoint_my_satellite",
            "satellite",
            frozenset({SHAREPOINT_SATELLITE_AUDIENCE, SHAREPOINT_MY_AUDIENCE, SHAREPOINT_AUDIENCE, app_id}),
        ),
    ]
    return [
        SharePointHost(
            name=name,
            origin=origins[name],
            geo=geo,
            my_site=name != "sharepoint",
            profiles=profiles,
            access=SharePointAccess(mint, audiences),
            unknown_profile=options.unknown_profile,
        )
        for name, geo, audiences in table
    ]


def _signed_in_user(tenant: Tenant, kind: SignedIn) -> SignedInUser:
    """Whoever signs in: the first member in scope, preferably one who is in Engage."""
    members = [account for account in tenant.accounts if account.enabled and account.user_type == "Member"]
    chosen = next((account for account in members if account.engage), members[0] if members else None)
    if chosen is None:
        return SignedInUser("00000000-0000-0000-0000-000000000001", f"admin@{tenant.domain}", "Administrator")
    roles = frozenset({PEOPLE_ADMINISTRATOR} if kind == "administrator" else ())
    return SignedInUser(chosen.id, chosen.upn, chosen.display_name, roles)
