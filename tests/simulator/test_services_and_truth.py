"""Every service serves, byte for byte, what the truth says of it: all scenarios, whichever store Graph reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from auditor.model import Workload
from auditor.simulator.asgi import Request, Response
from auditor.simulator.migration import migrated
from auditor.simulator.months import make_month
from auditor.simulator.population import make_tenant
from auditor.simulator.services import ORIGINS, Services, make_services
from auditor.simulator.tenant import Account, Tenant
from auditor.simulator.truth import engage_candidates, served

PLACES = {name: f"https://127.0.0.1:{44000 + number}" for number, name in enumerate(ORIGINS)}
AUDIENCES = {
    "graph": "https://graph.microsoft.com",
    "exchange": "https://outlook.office365.com",
    "sharepoint_my": "https://contoso.sharepoint.com",
    "sharepoint_my_satellite": "https://contoso.sharepoint.com",
}
ROLES = frozenset({"User.Read.All", "full_access_as_app", "Sites.Read.All"})

Ask = Callable[[str, str], Response]


def asker(services: Services) -> Ask:
    app, mint = services.apps.app_only, services.identity.mint
    tokens = {
        origin: mint.app_token(audience, app.client_id, "", ROLES, by_secret=False, lifetime=600)
        for origin, audience in AUDIENCES.items()
    } | {"yammer": services.yammer_token}

    def ask(origin: str, target: str) -> Response:
        parts = urlsplit(target)
        headers = {"authorization": f"Bearer {tokens[origin]}"} if origin in tokens else {}
        return services.services[origin].answer(Request("GET", parts.path, parts.query, headers, b"", PLACES[origin]))

    return ask


def from_graph(ask: Ask, account: Account) -> Response:
    return ask("graph", f"/v1.0/users/{account.id}/photo/$value")


def from_exchange(ask: Ask, account: Account) -> Response:
    values = urlencode({"email": account.mail or account.upn, "size": "HR648x648"})
    return ask("exchange", f"/ews/Exchange.asmx/s/GetUserPhoto?{values}")


def from_sharepoint(ask: Ask, account: Account) -> Response:
    host = "sharepoint_my" if account.geo == "home" else "sharepoint_my_satellite"
    values = urlencode({"size": "L", "accountname": f"i:0#.f|membership|{account.upn}"})
    response = ask(host, f"/_layouts/15/userphoto.aspx?{values}")
    return ask(host, response.header("Location") or "")


def from_yammer(ask: Ask, account: Account) -> Response:
    address = engage_candidates(account)[0].email
    found = json.loads(ask("yammer", f"/api/v1/users/by_email.json?{urlencode({'email': address})}").body)
    return ask("yammer_cdn", found[0]["mugshot_url_template"].replace("{width}x{height}", "648x648"))


WAYS = {
    Workload.ENTRA: from_graph,
    Workload.EXCHANGE: from_exchange,
    Workload.SHAREPOINT: from_sharepoint,
    Workload.YAMMER: from_yammer,
}


def of_month(month: int, store: str = "split") -> Tenant:
    return make_month(60, 4, month, photos=None, scenarios=None, photo_store=store)


@pytest.mark.parametrize("store", ["split", pytest.param("mailbox-first", marks=pytest.mark.soak), "unified"])
def test_every_picture(store: str) -> None:
    served_as_true(make_tenant(90, 4, photos=None, scenarios=None, photo_store=store))


@pytest.mark.parametrize(
    ("month", "store"),
    [
        (3, "split"),
        pytest.param(3, "mailbox-first", marks=pytest.mark.soak),
        pytest.param(4, "unified", marks=pytest.mark.soak),
    ],
)
def test_every_picture_months_on(month: int, store: str) -> None:
    served_as_true(of_month(month, store))


def test_every_picture_after_a_move() -> None:
    served_as_true(migrated(of_month(1)))


def served_as_true(tenant: Tenant) -> None:
    ask = asker(make_services(tenant, PLACES))
    wrong: list[Any] = []
    compared = 0
    for account in tenant.accounts:
        for workload, way in WAYS.items():
            expected = served(account, workload)
            if expected is not None:
                compared += 1
                response = way(ask, account)
                if (response.status, response.body) != (200, expected):
                    wrong.append((account.scenario, workload.value, response.status))
            elif workload in {Workload.ENTRA, Workload.EXCHANGE}:
                response = way(ask, account)
                if response.status < 400:
                    wrong.append((account.scenario, workload.value, response.status))
    assert not wrong
    assert compared > 100
