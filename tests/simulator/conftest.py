"""A tenant of a few hand-made users, each of whom shows one thing, asked without a socket."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import pytest

from auditor.simulator.asgi import Request, Response
from auditor.simulator.registrations import APP_ROLES, DELEGATED_SCOPES
from auditor.simulator.services import ORIGINS, Options, Services, make_services
from auditor.simulator.tenant import (
    Account,
    EngageUser,
    GraphPhoto,
    GraphRefusal,
    Group,
    Mailbox,
    Profile,
    Rendition,
    Store,
    Tenant,
    Truth,
)
from tests.conftest import CHECKOUT

TENANT_ID = "5f0c1d7a-9a51-4c5e-8d07-6a1f2b3c4d5e"
GROUP_ID = "0c7b3c9e-3a43-4d6c-9d0a-1b2c3d4e5f60"
EXCHANGE_PLAN = "efb87545-963c-4e0d-99df-69c6916d9eb0"
_SIDES: dict[str, tuple[int, ...]] = {
    "graph": (48, 64, 96, 120, 240, 360),
    "exchange": (48, 64, 96, 120, 240, 360),
    "sharepoint": (48, 72, 300),
    "yammer": (48, 120),
}


@dataclass(frozen=True)
class Stub:
    """A picture whose bytes only name store and size: the services never look inside."""

    key: str
    odd: tuple[int, int] | None = None

    def sides(self, store: Store) -> tuple[int, ...]:
        return () if self.odd else _SIDES[store]

    def largest(self, store: Store) -> Rendition:
        width, height = self.odd or (_SIDES[store][-1],) * 2
        return self._made(store, width, height)

    def at(self, store: Store, side: int) -> Rendition | None:
        return self._made(store, side, side) if side in self.sides(store) else None

    def _made(self, store: Store, width: int, height: int) -> Rendition:
        return Rendition(f"{self.key}/{store}/{width}x{height}".encode(), "image/jpeg", width, height)


def identity(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def account(name: str, number: int, **changes: Any) -> Account:
    picture = Stub(name)
    object_id = identity(name)
    upn = f"{name}@contoso.com"
    base = Account(
        id=object_id,
        upn=upn,
        mail=upn,
        display_name=name.title(),
        given_name=name.title(),
        surname="Example",
        department="Sales",
        job_title="Manager",
        office_location="18/2111",
        user_type="Member",
        enabled=True,
        skus=("6fd2c87f-b296-42f0-b197-1e91e994b900",),
        plans=(("exchange", EXCHANGE_PLAN),),
        synced=False,
        proxy_addresses=(f"SMTP:{upn}", f"smtp:{name}@contoso.onmicrosoft.com"),
        geo="home",
        in_scope=True,
        scenario="in_step",
        graph=GraphPhoto(picture, etag=f"{number:08X}"),
        mailbox=Mailbox(picture, etag=f"EE{number:06X}"),
        profile=Profile(
            object_id=object_id,
            stored=picture,
            picture_url=True,
            shown=picture,
            timestamp="63799442436",
            placeholder_state="0",
            exchange_sync_state="1",
        ),
        engage=(EngageUser(1000 + number, upn, name.title(), picture, f"{number:032x}"),),
        truth={name: Truth("photo", "match") for name in ("entra", "exchange", "sharepoint", "yammer")},
        groups=(GROUP_ID,),
    )
    return replace(base, **changes)


def make_tiny() -> Tenant:
    """The tenant."""
    plain = Profile(object_id=identity("none"))
    aliased = account("aliased", 5, mail="by.mail@contoso.com")
    aliased = replace(aliased, proxy_addresses=("SMTP:by.mail@contoso.com", "smtp:aliased@contoso.com"))
    reader = account("stale", 12)
    assert reader.profile is not None
    placeholder = replace(reader.profile, placeholder_state="1", shown=None)
    satellite = account("sydney", 13, geo="satellite")
    accounts = (
        account("adele", 1),
        account("o'brien", 2),
        account("jörg", 3),
        account(
            "none",
            4,
            graph=GraphPhoto(),
            mailbox=Mailbox(),
            profile=plain,
            engage=(EngageUser(1004, "none@contoso.com", "None"),),
        ),
        aliased,
        account("odd", 6, graph=GraphPhoto(Stub("odd", (200, 133)), etag="0000000A")),
        account("onepixel", 7, graph=GraphPhoto(no_photo="one_pixel"), mailbox=None, profile=None, engage=()),
        account("bare", 8, graph=GraphPhoto(no_photo="bare_404"), mailbox=Mailbox(), profile=plain),
        account("entity", 9, graph=GraphPhoto(no_photo="entity_not_found"), mailbox=Mailbox(ews_refused=True)),
        account("item", 10, graph=GraphPhoto(no_photo="item_not_found"), mailbox=Mailbox(invalid_licence=True)),
        account(
            "refused",
            11,
            graph=GraphPhoto(refusal=GraphRefusal(400, "AuthenticationError", "Error authenticating with resource")),
        ),
        replace(reader, profile=placeholder),
        satellite,
        account("room", 14, enabled=False, skus=(), mailbox=Mailbox(purpose="room"), in_scope=False, groups=()),
        account("guest", 15, user_type="Guest", upn="guest_fabrikam.com#EXT#@contoso.com", skus=(), in_scope=False),
    )
    return Tenant(TENANT_ID, "contoso.com", 1, "split", accounts, (Group(GROUP_ID, "Sales"),))


WIRE = Path(__file__).resolve().parents[1] / "wire"
PLACES = {name: f"https://127.0.0.1:{44000 + number}" for number, name in enumerate(ORIGINS)}
AUDIENCES = {
    "graph": "https://graph.microsoft.com",
    "exchange": "https://outlook.office365.com",
    "sharepoint": "https://contoso.sharepoint.com",
    "sharepoint_my": "https://contoso-my.sharepoint.com",
    "sharepoint_my_satellite": "https://contosoaus-my.sharepoint.com",
    "yammer": "https://www.yammer.com",
}


def resource(origin: str) -> str:
    return "sharepoint" if origin.startswith("sharepoint") else origin


@dataclass(frozen=True)
class Simulated:
    """The services of the tiny tenant."""

    services: Services

    def ask(
        self,
        origin: str,
        target: str,
        token: str | None = "",
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: bytes | str | dict[str, Any] = b"",
    ) -> Response:
        """One request. The token is an app-only one by certificate unless given; None sends none."""
        parts = urlsplit(target)
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if token == "":
            token = self.user_token(origin) if origin == "yammer" else self.app_token(origin)
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        content = json.dumps(body) if isinstance(body, dict) else body
        request = Request(
            method=method,
            path=unquote(parts.path),
            query_string=parts.query,
            headers=sent,
            body=content.encode() if isinstance(content, str) else content,
            origin=PLACES[origin],
        )
        return self.services.services[origin].answer(request)

    def app_token(self, origin: str, *, by_secret: bool = False, roles: set[str] | None = None, **changes: Any) -> str:
        app = self.services.apps.app_only
        granted = APP_ROLES[resource(origin)] if roles is None else frozenset(roles)
        values: dict[str, Any] = {"audience": AUDIENCES[origin], "lifetime": 600.0} | changes
        return self.services.identity.mint.app_token(
            values["audience"],
            app.client_id,
            app.object_id,
            granted,
            by_secret=by_secret,
            lifetime=values["lifetime"],
        )

    def user_token(self, origin: str, scopes: set[str] | None = None) -> str:
        user = self.services.identity.user
        granted = DELEGATED_SCOPES[resource(origin)] if scopes is None else frozenset(scopes)
        app = self.services.apps.delegated
        return self.services.identity.mint.user_token(
            AUDIENCES[origin], app.client_id, user.id, user.upn, user.name, granted, 600.0, user.directory_roles
        )

    def form(self, target: str, **values: str) -> Response:
        """A form posted to the identity service."""
        return self.ask("identity", target, None, method="POST", body=urlencode(values))

    def sign_in(self, **values: str) -> Response:
        """A request to the token endpoint, of the app-only application unless told otherwise."""
        app = self.services.apps.app_only
        standard = {
            "grant_type": "client_credentials",
            "client_id": app.client_id,
            "client_secret": app.secret,
            "scope": "https://graph.microsoft.com/.default",
        }
        return self.form(f"/{TENANT_ID}/oauth2/v2.0/token", **(standard | values))

    def id_of(self, name: str) -> str:
        return identity(name)

    def claim(self, upn: str) -> str:
        return quote(f"'i:0#.f|membership|{upn}'", safe="")


@pytest.fixture(scope="session")
def simulate() -> Callable[..., Simulated]:
    """A factory: the tiny tenant's services with options of `auditor.simulator.services.Options`."""
    return lambda **options: Simulated(make_services(make_tiny(), PLACES, Options(**options)))


@pytest.fixture(scope="session")
def simulated(simulate: Callable[..., Simulated]) -> Simulated:
    """The tiny tenant's services."""
    return simulate()


@pytest.fixture(scope="session")
def wire() -> Callable[[str], Any]:
    """Reads a wire file: JSON as what it holds, anything else as text."""

    def read(name: str) -> Any:
        text = (WIRE / name).read_text(encoding="utf-8")
        return json.loads(text) if name.endswith(".json") else text

    return read


def _shape(value: Any) -> Any:
    """Names and kinds of an answer, without its values; a null fits everything."""
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return None


@pytest.fixture(scope="session")
def shape() -> Callable[[Any], Any]:
    """What two answers must have in common."""
    return _shape


@pytest.fixture(scope="session")
def same_error(wire: Callable[[str], Any]) -> Callable[[Response, int, str], None]:
    """Holds an answer against a status and, to the letter, against a wire file."""

    def check(response: Response, status: int, name: str) -> None:
        assert response.status == status
        assert json.loads(response.body) == wire(name)

    return check


def printed_by_two_processes(script: str) -> set[str]:
    """What a script prints in two processes of their own, whose hashes of texts differ."""
    return {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
