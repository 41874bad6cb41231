"""One SharePoint host of the simulated tenant: the root, the My Site host, or the satellite's My Site host."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import unquote, urlencode

from auditor.simulator.asgi import RefusedError, Request, Response, Route, Service, redirect, route, text_response
from auditor.simulator.drawing import default_person
from auditor.simulator.requestlog import RequestLog
from auditor.simulator.sharepoint_answers import (
    Flavour,
    SharePointAccess,
    flavour,
    function_value,
    plain_sharepoint_error,
    sharepoint_error,
    sharepoint_json,
)
from auditor.simulator.sharepoint_profiles import LIBRARY, Geo, Profiles
from auditor.simulator.tenant import Account, Picture, Profile, Rendition

UnknownProfile = Literal["odata_null", "error_1000"]

# Assumption: the L thumb is 300 pixels wide; sources say 200, 240 and 300.
THUMB_SIDES = {"S": 48, "M": 72, "L": 300}
TICKET_LIFETIME = 300
_SITE = r"(?:/(?:sites|personal|teams)/[^/]+)?"
_MANAGER = _SITE + r"/_api/sp\.userprofiles\.peoplemanager(?:\(\))?"
_ARGUMENT = r"(?P<{name}>@\w+|'(?:[^']|'')*')"
_USER_NOT_FOUND = "User Profile Error 1000: User Not Found: Could not load profile data from the database."


def _argument(name: str, spelling: str) -> str:
    return rf"(?:{spelling}\s*=\s*)?" + _ARGUMENT.format(name=name)


@dataclass(frozen=True)
class SharePointHost:
    """Everything one host knows."""

    name: str
    origin: str
    geo: Geo
    my_site: bool
    """Whether the picture library is here."""
    profiles: Profiles
    access: SharePointAccess
    unknown_profile: UnknownProfile = "odata_null"
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    file_ids: dict[str, str] = field(default_factory=dict)
    """Path by unique id, of the files that were described to somebody."""

    def routes(self) -> list[Route]:
        """Who answers what; letter case never matters to SharePoint."""
        account = _argument("account", "accountname")
        file_url = rf"/web/getfilebyserverrelativeurl\({_argument('file', 'serverrelativeurl')}\)"
        file_path = rf"/web/getfilebyserverrelativepath\({_argument('file', 'decodedurl')}\)"
        file = _SITE + rf"/_api(?:{file_url}|{file_path.replace('P<file>', 'P<path>')})"
        table: list[tuple[str, str, Callable[[Request], Response]]] = [
            ("GET POST", _MANAGER + rf"/getpropertiesfor\({account}\)(?:/(?P<member>\w+))?", self.properties_for),
            (
                "GET POST",
                _MANAGER + rf"/getuserprofilepropertyfor\({account},\s*{_argument('property', 'propertyname')}\)",
                self.property_for,
            ),
            ("POST", _SITE + r"/_api/contextinfo", self.context_info),
            ("GET", r"/_api/web", self.web),
            ("GET", _SITE + r"/_layouts/15/userphoto\.aspx", self.user_photo),
            ("GET", r"/_vti_bin/afdcache\.ashx/_userprofile/userphoto\.jpg", self.cached_photo),
            ("GET", re.escape(LIBRARY) + r"/.+", self.library_file),
            ("GET POST", file, self.file_info),
            ("GET POST", _SITE + r"/_api/web/getfilebyid\((?:guid)?'(?P<id>[^']+)'\)/\$value", self.file_by_id),
            ("GET POST", file + r"/\$value", self.file_value),
        ]
        return [route(methods, pattern, handler, ignore_case=True) for methods, pattern, handler in table]

    # Profiles

    def properties_for(self, request: Request) -> Response:
        """GetPropertiesFor, whole or one member of it."""
        self.access.profiles(request)
        found = self._profile(self._value(request, "account"))
        if found is None:
            return self._no_profile(request, "GetPropertiesFor")
        person = self.profiles.person(*found, self.geo)
        member = request.params.get("member")
        if member is not None:
            return _member(request, person, member)
        return sharepoint_json(request, _dressed(request, _chosen(request, person)))

    def property_for(self, request: Request) -> Response:
        """GetUserProfilePropertyFor: one property's value. Assumption: empty for a property that is unknown."""
        self.access.profiles(request)
        found = self._profile(self._value(request, "account"))
        if found is None:
            return self._no_profile(request, "GetUserProfilePropertyFor")
        wanted = self._value(request, "property").lower()
        person = self.profiles.person(*found, self.geo)
        values = {item["Key"].lower(): item["Value"] for item in person["UserProfileProperties"]}
        return function_value(request, "GetUserProfilePropertyFor", values.get(wanted, ""))

    def _profile(self, claim: str) -> tuple[Account, Profile] | None:
        account = self.profiles.lookup.claim_user(claim)
        return None if account is None or account.profile is None else (account, account.profile)

    def _no_profile(self, request: Request, function: str) -> Response:
        if self.unknown_profile == "error_1000":
            # Assumption: status and code; the words are from reports.
            code = "-1, Microsoft.Office.Server.UserProfiles.UserNotFoundException"
            return sharepoint_error(request, 500, code, _USER_NOT_FOUND)
        # Assumption: 200 with a null, by SharePoint's convention elsewhere.
        return function_value(request, function, None)

    # userphoto.aspx

    def user_photo(self, request: Request) -> Response:
        """Redirect to a time-limited address of the picture.

        Assumption: any token that this host accepts will do, for one's own application too.
        """
        self.access.token(request)
        asked = request.query("accountname") or request.query("username") or ""
        size = (request.query("size") or "S").upper()[:1]
        size = size if size in THUMB_SIDES else "S"
        if (request.query("default") or "").lower() == "none" and self._shown(asked) is None:
            # Assumption: nothing means 404.
            return Response(404)
        ticket = self._ticket(asked, size, int(time.time()) + TICKET_LIFETIME)
        values = urlencode({"_oat_": ticket, "size": size, "accountName": asked})
        return redirect(f"{self.origin}/_vti_bin/afdcache.ashx/_userprofile/userphoto.jpg?{values}")

    def cached_photo(self, request: Request) -> Response:
        """The picture behind a time-limited address, which stands for itself and needs no token."""
        asked, size = request.query("accountName") or "", (request.query("size") or "S").upper()
        given = request.query("_oat_") or ""
        expiry = given.partition("_")[0]
        good = expiry.isdecimal() and hmac.compare_digest(
            given.encode(), self._ticket(asked, size, int(expiry)).encode()
        )
        if not good or int(expiry) < time.time() or size not in THUMB_SIDES:
            return text_response("Time-Limited URL validation failed", 403)
        picture = self._shown(asked)
        if picture is None:
            return Response(200, default_person(THUMB_SIDES[size]), "image/png")
        found = _thumb(picture, size)
        return Response(200, found.data, found.content_type)

    def _shown(self, asked: str) -> Picture | None:
        """Assumption: a user of another geo, or one asked for by a mail that is not the UPN, shows nobody."""
        account = self.profiles.lookup.claim_user(asked)
        if account is None or account.profile is None or account.geo != self.geo:
            return None
        return account.profile.shown

    def _ticket(self, asked: str, size: str, expiry: int) -> str:
        signed = f"{expiry}|{size}|{asked.lower()}".encode()
        return f"{expiry}_{hmac.new(self.key, signed, hashlib.sha256).hexdigest()}"

    # The picture library

    def library_file(self, request: Request) -> Response:
        """A file by its address."""
        self.access.files(request)
        found = self._file(request.path)
        if found is None:
            return text_response("404 FILE NOT FOUND", 404)
        return Response(200, found.data, found.content_type, (("ETag", _file_tag(found)),))

    def file_value(self, request: Request) -> Response:
        """A file's bytes through the API. Assumption: of no particular type."""
        return Response(200, self._api_file(request).data, "application/octet-stream")

    def file_by_id(self, request: Request) -> Response:
        """A file's bytes by the unique id it was described with."""
        self.access.files(request)
        found = self._file(self.file_ids.get(request.params["id"].lower(), ""))
        if found is None:
            raise _file_not_found(request)
        return Response(200, found.data, "application/octet-stream")

    def file_info(self, request: Request) -> Response:
        """What is known of a file."""
        found = self._api_file(request)
        path = self._file_path(request)
        body: dict[str, Any] = {
            "ETag": _file_tag(found),
            "Exists": True,
            "Length": str(len(found.data)),
            "Name": path.rpartition("/")[2],
            "ServerRelativeUrl": path,
            "TimeLastModified": self.profiles.modified(self.geo, path),
            "UniqueId": str(uuid.uuid5(uuid.NAMESPACE_URL, self.origin + path.lower())),
        }
        self.file_ids[body["UniqueId"]] = path
        if flavour(request) is Flavour.VERBOSE:
            return sharepoint_json(request, {"d": {"__metadata": {"type": "SP.File"}, **body}})
        return sharepoint_json(request, body)

    def _api_file(self, request: Request) -> Rendition:
        self.access.files(request)
        path = self._file_path(request)
        found = self._file(path)
        if found is None:
            raise _file_not_found(request, path, "de-DE" if self.geo == "satellite" else "en-US")
        return found

    def _file_path(self, request: Request) -> str:
        if "file" in request.params:
            # Unlike the newer form, this one takes a URL: it decodes what is still encoded.
            return unquote(self._value(request, "file"))
        return self._value(request, "path")

    def _file(self, path: str) -> Rendition | None:
        found = self.profiles.file(self.geo, path) if self.my_site else None
        return None if found is None else _thumb(*found)

    # OData

    def web(self, request: Request) -> Response:
        """The properties of the host's root web (sp-dev-docs, reference/spfx/iodataweb).

        Assumption: whoever may read files may read them; the values.
        """
        self.access.files(request)
        web: dict[str, Any] = {
            "Created": "2019-05-06T08:00:00",
            "CustomMasterUrl": "/_catalogs/masterpage/seattle.master",
            "Description": "",
            "Id": str(uuid.uuid5(uuid.NAMESPACE_URL, self.origin)),
            "IsMultilingual": True,
            "Language": 1031 if self.geo == "satellite" else 1033,
            "LastItemModifiedDate": "2026-11-01T08:00:00Z",
            "MasterUrl": "/_catalogs/masterpage/seattle.master",
            "NoCrawl": False,
            "QuickLaunchEnabled": True,
            "RecycleBinEnabled": True,
            "ServerRelativeUrl": "/",
            "SiteLogoUrl": None,
            "Title": "My Site Host" if self.my_site else "Contoso",
            "UIVersion": 15,
            "Url": self.origin,
            "WebTemplate": "SPSMSITEHOST" if self.my_site else "SITEPAGEPUBLISHING",
        }
        chosen = _chosen(request, web)
        asked = flavour(request)
        if asked is Flavour.VERBOSE:
            return sharepoint_json(request, {"d": {"__metadata": {"type": "SP.Web"}, **chosen}})
        head = {} if asked is Flavour.NONE else {"odata.type": "SP.Web", "odata.id": f"{self.origin}/_api/Web"}
        return sharepoint_json(request, {**head, **chosen})

    def context_info(self, request: Request) -> Response:
        """The form digest that some client programs send along."""
        self.access.token(request)
        stamp = datetime.now(UTC).strftime("%d %b %Y %H:%M:%S -0000")
        info: dict[str, Any] = {
            "FormDigestTimeoutSeconds": 1800,
            "FormDigestValue": f"0x{secrets.token_hex(64).upper()},{stamp}",
            "LibraryVersion": "16.0.26003.12000",
            "SiteFullUrl": self.origin,
            "SupportedSchemaVersions": ["14.0.0.0", "15.0.0.0"],
            "WebFullUrl": self.origin,
        }
        if flavour(request) is Flavour.VERBOSE:
            versions = {"__metadata": {"type": "Collection(Edm.String)"}, "results": info["SupportedSchemaVersions"]}
            dressed = {"__metadata": {"type": "SP.ContextWebInformation"}, **info, "SupportedSchemaVersions": versions}
            return sharepoint_json(request, {"d": {"GetContextWebInformation": dressed}})
        return sharepoint_json(request, info)

    def _value(self, request: Request, name: str) -> str:
        """An argument: a literal in the path, or the query parameter that it names."""
        text = request.params[name]
        if text.startswith("@"):
            text = (request.query(text) or "").strip()
        if len(text) < 2 or text[0] != "'" or text[-1] != "'":
            raise RefusedError(
                sharepoint_error(
                    request,
                    400,
                    "-1, Microsoft.SharePoint.Client.InvalidClientQueryException",
                    f'The expression "{text}" is not valid.',
                )
            )
        return text[1:-1].replace("''", "'")


def make_sharepoint(host: SharePointHost, log: RequestLog) -> Service:
    """A SharePoint host as a service."""
    return Service(host.name, host.origin, host.routes(), error=plain_sharepoint_error, log=log)


def _thumb(picture: Picture, letter: str) -> Rendition:
    """A thumb of the size; L is the largest there is, and an odd single size serves for all."""
    sides = picture.sides("sharepoint")
    if letter == "L" or not sides:
        return picture.largest("sharepoint")
    wanted = [side for side in sides if side <= THUMB_SIDES[letter]]
    return picture.at("sharepoint", wanted[-1] if wanted else sides[0]) or picture.largest("sharepoint")


def _file_not_found(request: Request, path: str = "", language: str = "en-US") -> RefusedError:
    """The error of a file that is not there; by its path the words are in the site's language.

    By path: vgrem/office365-rest-python-client#825, #479. The other code: SharePoint/sp-dev-docs#4944; that it comes
    for a file asked for by its id is an assumption.
    """
    if not path:
        code = "-2147024894, System.IO.FileNotFoundException"
        return RefusedError(sharepoint_error(request, 404, code, "File Not Found."))
    told = "Die Datei {} ist nicht vorhanden." if language == "de-DE" else "The file {} does not exist."
    code = "-2130575338, Microsoft.SharePoint.SPException"
    return RefusedError(sharepoint_error(request, 404, code, told.format(path), language))


def _file_tag(found: Rendition) -> str:
    return f'"{{{str(uuid.UUID(bytes=hashlib.sha256(found.data).digest()[:16])).upper()}}},1"'


def _chosen(request: Request, person: dict[str, Any]) -> dict[str, Any]:
    selected = request.query("$select")
    if not selected:
        return person
    wanted = {name.strip().lower() for name in selected.split(",")}
    return {name: value for name, value in person.items() if name.lower() in wanted}


def _dressed(request: Request, person: dict[str, Any]) -> dict[str, Any]:
    """The person in the flavour asked for."""
    asked = flavour(request)
    where = f"{request.origin}/_api/SP.UserProfiles.PeopleManager/GetPropertiesFor"
    if asked is Flavour.NONE:
        return person
    if asked is Flavour.MINIMAL:
        head = {
            "odata.metadata": f"{request.origin}/_api/$metadata#SP.ApiData.PersonPropertiess/@Element",
            "odata.type": "SP.UserProfiles.PersonProperties",
            "odata.id": where,
            "odata.editLink": "SP.UserProfiles.PeopleManager/GetPropertiesFor",
        }
        return {**head, **person}
    # Assumption: the verbose shape, by OData 2's rules.
    dressed: dict[str, Any] = {"__metadata": {"id": where, "uri": where, "type": "SP.UserProfiles.PersonProperties"}}
    for name, value in person.items():
        dressed[name] = _collection(name, value) if isinstance(value, list) else value
    return {"d": dressed}


def _collection(name: str, value: list[Any]) -> dict[str, Any]:
    if name == "UserProfileProperties":
        return {"results": [{"__metadata": {"type": "SP.KeyValue"}, **item} for item in value]}
    return {"__metadata": {"type": "Collection(Edm.String)"}, "results": value}


def _member(request: Request, person: dict[str, Any], member: str) -> Response:
    name = next((key for key in person if key.lower() == member.lower()), None)
    if name is None:
        message = f"Cannot find resource for the request {member}."
        code = "-1, Microsoft.SharePoint.Client.ResourceNotFoundException"
        return sharepoint_error(request, 404, code, message)
    value = person[name]
    if isinstance(value, list):
        dressed = _collection(name, value) if flavour(request) is Flavour.VERBOSE else value
        shaped = {"d": {name: dressed}} if flavour(request) is Flavour.VERBOSE else {"value": dressed}
        return sharepoint_json(request, shaped)
    return function_value(request, name, value)
