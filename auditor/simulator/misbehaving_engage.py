"""False answers that Viva Engage, or a program before it, gives to everybody: list, addresses and pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from auditor.simulator.asgi import Response, json_response
from auditor.simulator.misbehaving import (
    Change,
    Misbehaviour,
    Scene,
    json_of,
    picture_answer,
    rendered,
    with_json,
)
from auditor.simulator.misbehaving_answers import (
    EMPTY_404,
    GATEWAY_404,
    IIS_404,
    PORTAL_PAGE,
    about_first,
    always,
    engage_user,
    former,
    in_engage,
    no_photo,
    silhouette,
    where_found,
)
from auditor.simulator.mugshots import NO_PHOTO
from auditor.simulator.tenant import Account

LIST = frozenset({"accounts"})
ADDRESS = frozenset({"account"})
BOTH = LIST | ADDRESS
PICTURES = frozenset({"mugshot"})
NETWORK = ("yammer",)
NO_ONE = json_response([])
_SIDE = re.compile(r"(\d{1,5})x\d{1,5}")
_MUGSHOT = re.compile(r"/mugshot/images/(?:redirect/[^/]+/)?([^/?]+)")

Entry = dict[str, Any]


# Lists -------------------------------------------------------------------------------------------------


def _entries(change: Callable[[Scene, Entry], Entry]) -> Change:
    """Changes each account of a list, or each account found under an address."""

    def changed(scene: Scene) -> Response:
        listed = json_of(scene.true)
        if scene.true.status != 200 or not isinstance(listed, list):
            return scene.true
        return with_json(scene.true, [change(scene, entry) for entry in listed])

    return changed


def _page(scene: Scene) -> int:
    text = scene.request.query("page") or "1"
    return int(text) if text.isdecimal() else 1


def _first_five(scene: Scene) -> Response:
    listed = json_of(scene.true)
    if not isinstance(listed, list):
        return scene.true
    return with_json(scene.true, listed[:5] if _page(scene) == 1 else [])


def _first_five_alone(scene: Scene) -> Response:
    return _first_five(scene) if scene.question.kind == "accounts" else IIS_404


def _first_page(scene: Scene) -> Response:
    return scene.true if _page(scene) == 1 else NO_ONE


def _first_page_again(scene: Scene) -> Response:
    """Every further page repeats the first one; the empty page that ends the list stays empty."""
    if _page(scene) == 1 or scene.true.body == b"[]":
        return scene.true
    query = re.sub(r"page=\d+", "page=1", scene.request.query_string)
    return scene.ask(replace(scene.request, query_string=query))


# Accounts ----------------------------------------------------------------------------------------------


def _without_picture(_scene: Scene, entry: Entry) -> Entry:
    return _pictured(entry, NO_PHOTO) | {"show_ask_for_photo": True}


def _pictured(entry: Entry, picture: str) -> Entry:
    """The account with the addresses of another picture. A signature belongs to one picture: these no longer fit."""

    def of(url: str) -> str:
        return _MUGSHOT.sub(lambda found: found[0][: -len(found[1])] + picture, url)

    return {name: of(value) if name.startswith("mugshot") else value for name, value in entry.items()}


def _with_mugshot_of(other: Callable[[Scene, Account], Account | None]) -> Change:
    """Gives each account that has a picture the addresses of another account's picture."""

    def change(scene: Scene, entry: Entry) -> Entry:
        account = scene.engage.get(str(entry.get("id")))
        if account is None or not in_engage(account):
            return entry
        found = other(scene, account)
        user = engage_user(found) if found is not None else None
        if user is None:
            return entry
        theirs = json_of(scene.ask(replace(scene.request, path=f"/api/v1/users/{user.id}.json", query_string="")))
        named = {name: value for name, value in theirs.items() if name.startswith("mugshot")}
        return entry | named

    return _entries(change)


def _next(scene: Scene, account: Account) -> Account | None:
    return replace(scene, question=replace(scene.question, account=account)).next(in_engage)


def _one(scene: Scene, _account: Account) -> Account | None:
    return about_first(scene)


def _elsewhere(_scene: Scene, entry: Entry) -> Entry:
    """The account as another network has it: another number, another domain, other people."""
    number = int(entry["id"]) + 7_000_000_000
    address = f"user{number % 100_000}@fabrikam.com"
    contact = entry["contact"] | {"email_addresses": [{"type": "primary", "address": address}]}
    network = {"network_id": 5900000002, "network_name": "Fabrikam", "network_domains": ["fabrikam.com"]}
    return entry | network | {"id": number, "email": address, "contact": contact}


def _without_addresses(_scene: Scene, entry: Entry) -> Entry:
    return entry | {"email": None, "contact": entry["contact"] | {"email_addresses": []}}


# Pictures ----------------------------------------------------------------------------------------------


def _side(scene: Scene) -> int:
    asked = _SIDE.fullmatch(scene.request.query("size") or "")
    return min(int(asked[1]), 648) if asked else 648


def _mugshot(scene: Scene, account: Account | None) -> Response:
    user = engage_user(account) if account is not None else None
    if user is None or user.picture is None:
        return scene.true
    return picture_answer(rendered(user.picture, "yammer", _side(scene)))


def _one_mugshot(scene: Scene) -> Response:
    return _mugshot(scene, about_first(scene))


def _next_mugshot(scene: Scene) -> Response:
    return _mugshot(scene, scene.next(in_engage))


def _logo(scene: Scene) -> Response:
    """A picture of an Engage user who is not in the directory: it is no audited user's photo."""
    first = about_first(scene)
    return scene.true if first is None else picture_answer(rendered(former(first), "yammer", _side(scene)))


def _default(scene: Scene) -> Response:
    return no_photo(_side(scene))


def _engage(
    name: str,
    does: str,
    change: Change,
    asks: frozenset[str],
    *,
    later: bool = False,
    few: bool = False,
    looks_true: str = "",
) -> Misbehaviour:
    origins = ("yammer_cdn",) if asks == PICTURES else NETWORK
    return Misbehaviour(
        f"engage-{name}", does, "yammer", origins, asks, change, later=later, few=few, looks_true=looks_true
    )


MISBEHAVIOURS = (
    _engage("list-of-five", "the list ends after five accounts", _first_five, LIST),
    _engage(
        "list-of-five-and-404",
        "the list ends after five accounts, and every address gets a web server's 404",
        _first_five_alone,
        BOTH,
    ),
    _engage("list-of-one-page", "the list ends after its first page", _first_page, LIST),
    _engage("list-empty", "nobody stands on the list", always(NO_ONE), LIST),
    _engage("list-404", "an empty 404 for every page of the list", always(EMPTY_404), LIST),
    _engage("list-page", "200 with a web page for every page of the list", always(PORTAL_PAGE), LIST),
    _engage("list-repeats", "each page of the list is the first", _first_page_again, LIST),
    _engage("list-without-pictures", "no_photo.png for everybody on the list", _entries(_without_picture), LIST),
    _engage("list-without-addresses", "everybody on the list without an address", _entries(_without_addresses), LIST),
    _engage(
        "list-suspended",
        "everybody on the list is suspended",
        _entries(lambda _scene, entry: entry | {"state": "suspended"}),
        LIST,
    ),
    _engage("another-network", "the list and the addresses of another network", _entries(_elsewhere), BOTH),
    _engage(
        "list-one-mugshot",
        "one user's picture named for everybody on the list who has one",
        _with_mugshot_of(_one),
        LIST,
    ),
    _engage(
        "list-next-mugshot",
        "the next user's picture named for everybody on the list who has one",
        _with_mugshot_of(_next),
        LIST,
    ),
    _engage(
        "address-empty-404",
        "an empty 404 for every address, from something that is not Viva Engage",
        always(EMPTY_404),
        ADDRESS,
        few=True,
    ),
    _engage("address-html-404", "a web server's page of 404 for every address", always(IIS_404), ADDRESS, few=True),
    _engage("address-json-404", "a gateway's 404 in JSON for every address", always(GATEWAY_404), ADDRESS, few=True),
    _engage("address-nobody", "an empty array for every address", always(NO_ONE), ADDRESS, few=True),
    _engage(
        "address-without-pictures",
        "no_photo.png for everybody who is asked for by address",
        _entries(_without_picture),
        ADDRESS,
        few=True,
    ),
    _engage(
        "one-mugshot",
        "one user's picture for everybody, from the cache of the picture network",
        where_found(_one_mugshot),
        PICTURES,
        later=True,
    ),
    _engage(
        "next-mugshot", "the picture of the next user for everybody", where_found(_next_mugshot), PICTURES, later=True
    ),
    _engage(
        "default-mugshot", "the default picture for everybody, with 200", where_found(_default), PICTURES, later=True
    ),
    _engage(
        "silhouette-mugshot",
        "another outline of nobody for everybody, with 200",
        where_found(lambda scene: silhouette(_side(scene))),
        PICTURES,
        later=True,
    ),
    _engage("mugshot-404", "an empty 404 for everybody's picture", always(EMPTY_404), PICTURES, later=True),
    _engage("mugshot-page", "200 with a web page for everybody's picture", always(PORTAL_PAGE), PICTURES, later=True),
    _engage(
        "one-strange-mugshot",
        "one picture that is nobody's for everybody, in every size",
        where_found(_logo),
        PICTURES,
        later=True,
        looks_true="a company logo as everybody's photo",
    ),
)
