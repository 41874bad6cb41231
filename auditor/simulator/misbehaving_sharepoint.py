"""False answers that SharePoint, or a program before it, gives to everybody: profiles, shown and stored pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auditor.simulator import drawing
from auditor.simulator.asgi import Response, json_response
from auditor.simulator.misbehaving import SHAREPOINT, Change, Misbehaviour, Scene, json_of, with_json
from auditor.simulator.misbehaving_answers import (
    EMPTY_404,
    GATEWAY_404,
    IIS_404,
    PIXEL,
    PORTAL_PAGE,
    about_first,
    always,
    blank,
    default_person,
    in_sharepoint,
    no_photo,
    silhouette,
    where_found,
)
from auditor.simulator.sharepoint import THUMB_SIDES
from auditor.simulator.sharepoint_answers import function_value, sharepoint_error
from auditor.simulator.sharepoint_profiles import REDUCED_KEYS

PROFILES = frozenset({"profile"})
SHOWN = frozenset({"shown"})
SHOWN_FILES = frozenset({"shown_file"})
STORED = frozenset({"stored"})
USER_NOT_FOUND = "User Profile Error 1000: User Not Found: Could not load profile data from the database."
NO_USER = "-1, Microsoft.Office.Server.UserProfiles.UserNotFoundException"
NO_FILE = "-2130575338, Microsoft.SharePoint.SPException"
NO_FILE_EITHER = "-2147024894, System.IO.FileNotFoundException"

Property = dict[str, Any]


def _error(status: int, code: str, words: str) -> Change:
    return lambda scene: sharepoint_error(scene.request, status, code, words)


def _null(scene: Scene) -> Response:
    return function_value(scene.request, "GetPropertiesFor", None)


def _properties(change: Callable[[Scene, list[Property]], list[Property]]) -> Change:
    """Changes the properties of a profile; other answers stay."""

    def changed(scene: Scene) -> Response:
        body = json_of(scene.true)
        whole = body.get("d", body) if isinstance(body, dict) else None
        listed = whole.get("UserProfileProperties") if isinstance(whole, dict) else None
        verbose = isinstance(listed, dict)
        properties = listed.get("results") if isinstance(listed, dict) else listed
        if whole is None or not isinstance(properties, list):
            return scene.true
        told = change(scene, properties)
        whole = whole | {"UserProfileProperties": {"results": told} if verbose else told}
        if not _value(told, "PictureURL"):
            whole["PictureUrl"] = None
        return with_json(scene.true, {"d": whole} if "d" in body else whole)

    return changed


def _value(properties: list[Property], key: str) -> str:
    return next((str(one["Value"]) for one in properties if one["Key"] == key), "")


def _emptied(*keys: str) -> Callable[[Scene, list[Property]], list[Property]]:
    return lambda _scene, listed: [one | {"Value": ""} if one["Key"] in keys else one for one in listed]


def _only(keys: frozenset[str]) -> Callable[[Scene, list[Property]], list[Property]]:
    return lambda _scene, listed: [one for one in listed if one["Key"] in keys]


def _anothers_url(scene: Scene, listed: list[Property]) -> list[Property]:
    other = json_of(scene.of(scene.next(in_sharepoint)))
    whole = other.get("d", other) if isinstance(other, dict) else {}
    theirs = whole.get("UserProfileProperties") or []
    url = _value(theirs["results"] if isinstance(theirs, dict) else theirs, "PictureURL")
    return [one | {"Value": url} if one["Key"] == "PictureURL" and url else one for one in listed]


def _of_one(scene: Scene) -> Response:
    return scene.of(about_first(scene))


def _of_one_where_known(scene: Scene) -> Response:
    return scene.of(about_first(scene)) if scene.account else scene.true


def _of_next(scene: Scene) -> Response:
    return scene.of(scene.next(in_sharepoint))


def _side(scene: Scene) -> int:
    return THUMB_SIDES.get((scene.request.query("size") or "S").upper()[:1], 48)


def _default(scene: Scene) -> Response:
    return default_person(_side(scene))


def _another_default(scene: Scene) -> Response:
    return no_photo(_side(scene))


def _default_replaced(scene: Scene) -> Response:
    shows_nobody = scene.true.body == drawing.default_person(_side(scene))
    return _another_default(scene) if shows_nobody else scene.true


def _sharepoint(
    name: str, does: str, change: Change, asks: frozenset[str], origins: tuple[str, ...] = SHAREPOINT
) -> Misbehaviour:
    return Misbehaviour(f"sharepoint-{name}", does, "sharepoint", origins, asks, change)


def _lost(scene: Scene) -> Response:
    """The profile came back without its picture, and so the default person is shown."""
    if scene.question.kind == "profile":
        return _properties(_emptied("PictureURL"))(scene)
    return _default(scene)


HOME = ("sharepoint_my",)
MISBEHAVIOURS = (
    _sharepoint("odata-null", "no profile for everybody, as 200 with odata.null", _null, PROFILES),
    _sharepoint(
        "error-1000-in-200",
        "User Profile Error 1000 for everybody, with 200",
        _error(200, NO_USER, USER_NOT_FOUND),
        PROFILES,
    ),
    _sharepoint(
        "error-1000-in-404",
        "User Profile Error 1000 for everybody, with 404",
        _error(404, NO_USER, USER_NOT_FOUND),
        PROFILES,
    ),
    _sharepoint(
        "error-1000-in-500",
        "User Profile Error 1000 for everybody, with 500",
        _error(500, NO_USER, USER_NOT_FOUND),
        PROFILES,
    ),
    _sharepoint("profile-404", "an empty 404 for everybody's profile", always(EMPTY_404), PROFILES),
    _sharepoint("profile-html-404", "a web server's page of 404 for everybody's profile", always(IIS_404), PROFILES),
    _sharepoint("profile-json-404", "a gateway's 404 in JSON for everybody's profile", always(GATEWAY_404), PROFILES),
    _sharepoint("profile-empty", "an empty object for everybody's profile", always(json_response({})), PROFILES),
    _sharepoint("one-profile", "one person's profile for everybody, from a cache", _of_one, PROFILES),
    _sharepoint("next-profile", "the profile of the next user for everybody who has a picture", _of_next, PROFILES),
    _sharepoint(
        "no-picture-url", "everybody's profile with an empty PictureURL", _properties(_emptied("PictureURL")), PROFILES
    ),
    _sharepoint(
        "no-properties", "everybody's profile without any property", _properties(lambda _scene, _listed: []), PROFILES
    ),
    _sharepoint(
        "few-properties",
        "everybody's profile with the properties that another geo knows",
        _properties(_only(REDUCED_KEYS)),
        PROFILES,
    ),
    _sharepoint(
        "nobodys-profile",
        "everybody's profile with an empty msOnline-ObjectId",
        _properties(_emptied("msOnline-ObjectId")),
        PROFILES,
    ),
    _sharepoint(
        "anothers-picture-url",
        "the PictureURL of the next user in everybody's profile",
        _properties(_anothers_url),
        PROFILES,
    ),
    _sharepoint("default-person", "the default person is shown for everybody", where_found(_default), SHOWN_FILES),
    _sharepoint(
        "another-default-person",
        "a default person is shown for everybody that nobody was shown before",
        where_found(_another_default),
        SHOWN_FILES,
    ),
    _sharepoint(
        "default-replaced",
        "another default person is shown for everybody without a picture",
        where_found(_default_replaced),
        SHOWN_FILES,
    ),
    _sharepoint(
        "picture-lost",
        "everybody's profile with an empty PictureURL, and the default person",
        where_found(_lost),
        PROFILES | SHOWN_FILES,
    ),
    _sharepoint(
        "one-picture", "one person's picture is shown for every user, from a cache", _of_one_where_known, SHOWN, HOME
    ),
    _sharepoint(
        "one-picture-for-nobody-too", "one person's picture is shown whoever is asked for", _of_one, SHOWN, HOME
    ),
    _sharepoint(
        "next-picture", "the picture of the next user is shown for everybody who has one", _of_next, SHOWN, HOME
    ),
    _sharepoint(
        "blank-shown", "a blank picture is shown for everybody", lambda scene: blank(_side(scene)), SHOWN_FILES
    ),
    _sharepoint("one-pixel-shown", "one transparent pixel is shown for everybody", always(PIXEL), SHOWN_FILES),
    _sharepoint(
        "silhouette-shown",
        "another service's outline of nobody is shown for everybody",
        lambda scene: silhouette(_side(scene)),
        SHOWN_FILES,
    ),
    _sharepoint("shown-404", "an empty 404 in place of everybody's picture", always(EMPTY_404), SHOWN),
    _sharepoint("shown-page", "200 with a web page in place of everybody's picture", always(PORTAL_PAGE), SHOWN),
    _sharepoint(
        "no-file", "no such file for everybody's stored picture", _error(404, NO_FILE_EITHER, "File Not Found."), STORED
    ),
    _sharepoint(
        "no-file-in-german",
        "no such file for everybody's stored picture, in German",
        _error(404, NO_FILE, "Die Datei ist nicht vorhanden."),
        STORED,
    ),
    _sharepoint("file-404", "an empty 404 for everybody's stored picture", always(EMPTY_404), STORED),
    _sharepoint("blank-files", "a blank file for everybody's stored picture", where_found(always(blank(300))), STORED),
)
