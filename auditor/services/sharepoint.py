"""The wire format of SharePoint Online's people: profile properties, userphoto.aspx, the picture file.

Sources: pnp/cli-microsoft365 (userprofile-get), sp-dev-docs (work-with-user-profiles,
upload-user-profile-pictures, multigeo-userprofileexperience, security-apponly-azuread).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from auditor.services.errors import BadAnswer
from auditor.services.http import MAX_PICTURE, Answer, Web
from auditor.services.pacing import PEOPLE
from auditor.services.text import told
from auditor.services.whole import json_answer, picture_answer

USER_NOT_FOUND = "User Profile Error 1000"
_YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)


def picture_moment(timestamp: str) -> datetime | None:
    """SPS-PictureTimestamp: seconds since the year one (the unit is inferred from published answers)."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) == 11):
        return None
    return _YEAR_ONE + timedelta(seconds=int(timestamp))


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """What PeopleManager says of one account."""

    status: int
    found: bool
    """False only where the service says that it has no such profile."""
    top: Mapping[str, Any]
    """The members beside UserProfileProperties: PictureUrl, PersonalSiteHostUrl, …"""
    properties: Mapping[str, str]
    """UserProfileProperties by key."""
    error: str
    """The service's own words, where it refused."""
    diagnostics: str


@dataclass
class People:
    """A thin client over the hosts of one tenant's SharePoint."""

    web: Web

    async def profile(self, site: str, upn: str) -> ProfileAnswer:
        """`GetPropertiesFor` the UPN's claim, asked at `site` (an origin)."""
        claim = quote(f"'i:0#.f|membership|{upn.replace(chr(39), chr(39) * 2)}'", safe="'")
        url = f"{site}/_api/SP.UserProfiles.PeopleManager/GetPropertiesFor(accountName=@v)?@v={claim}"
        headers = {"Accept": "application/json;odata=nometadata"}
        answer = await self.web.api_for(url).get(url, headers=headers, whole=json_answer, kind=PEOPLE)
        return _profile(answer)

    async def shown(self, site: str, upn: str, *, size: str = "L") -> Answer:
        """What userphoto.aspx shows; a redirect to a time-limited address is followed, never kept."""
        query = urlencode({"size": size, "accountname": upn})
        url = f"{site}/_layouts/15/userphoto.aspx?{query}"
        answer = await self.web.fetch(url, whole=picture_answer)
        if answer.status == 403 and answer.url != url:
            # The address behind the redirect lives for a while only: a new one is asked for.
            answer = await self.web.fetch(url, whole=picture_answer)
        return answer

    async def stored(self, picture_url: str) -> Answer:
        """The file behind a profile's `PictureURL`, in its largest form.

        `PictureURL` names the M thumbnail and the L one lies beside it; the folder's name is localised,
        so the path is taken from the property and never built. The bytes come from GetFileByServerRelativePath
        (the form that takes `%` and `#` in names) on the same host: the way that takes an app-only token.
        """
        api = self.web.api_for(picture_url)
        path = unquote(urlsplit(picture_url.replace("#", "%23")).path)
        if not path.startswith("/") or ("'" in path and "''" in path):
            raise BadAnswer("the profile's PictureURL holds no usable path")
        answer = await self._file(api.origin, _large(path))
        return answer if not no_such_file(answer) or _large(path) == path else await self._file(api.origin, path)

    async def _file(self, origin: str, path: str) -> Answer:
        literal = quote("'" + path.replace("'", "''") + "'", safe="'")
        url = f"{origin}/_api/web/GetFileByServerRelativePath(decodedurl={literal})/$value"
        return await self.web.api_for(url).get(url, max_bytes=MAX_PICTURE, whole=picture_answer)


def no_such_file(answer: Answer) -> bool:
    """Whether a 404 is SharePoint's own word that the file is not there, and not just any 404."""
    return answer.status == 404 and "FileNotFound" in _code(_object(answer.body))


def _code(body: Mapping[str, Any]) -> str:
    for key in ("error", "odata.error"):
        if isinstance(body.get(key), dict):
            return str(body[key].get("code") or "")
    return ""


def _large(path: str) -> str:
    head, dot, tail = path.rpartition("_MThumb.")
    return f"{head}_LThumb.{tail}" if dot else path


def _profile(answer: Answer) -> ProfileAnswer:
    body = _object(answer.body)
    body = body["d"] if isinstance(body.get("d"), dict) else body
    listed = body.get("UserProfileProperties")
    if isinstance(listed, dict):
        listed = listed.get("results")
    error = _error(body)
    diagnostics = answer.headers.get("x-ms-diagnostics", "")
    if answer.status == 200 and isinstance(listed, list):
        properties = {
            str(entry.get("Key")): str(entry.get("Value") or "") for entry in listed if isinstance(entry, dict)
        }
        top = {key: value for key, value in body.items() if key != "UserProfileProperties"}
        return ProfileAnswer(200, True, top, properties, "", diagnostics)
    missing = body.get("odata.null") is True or USER_NOT_FOUND in error or body.get("GetPropertiesFor", "") is None
    if missing and answer.status in {200, 404, 500}:
        return ProfileAnswer(answer.status, False, {}, {}, "", diagnostics)
    if answer.status == 200:
        raise BadAnswer("SharePoint answered with something that is no profile")
    return ProfileAnswer(answer.status, True, {}, {}, error, diagnostics)


def _error(body: Mapping[str, Any]) -> str:
    for key in ("error", "odata.error"):
        error = body.get(key)
        if isinstance(error, dict):
            message = error.get("message")
            return told(message.get("value") if isinstance(message, dict) else message)
    return told(body.get("error_description"))


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
