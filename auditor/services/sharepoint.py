"""SharePoint Online's wire format for people: profile properties, userphoto.aspx, the picture file.

Sources: pnp/cli-microsoft365 (userprofile-get), sp-dev-docs (work-with-user-profiles,
upload-user-profile-pictures, multigeo-userprofileexperience, security-apponly-azuread, reference/spfx/iodataweb).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from auditor.model import Reason
from auditor.services.errors import BadAnswer, HostRefused
from auditor.services.http import MAX_PICTURE, Answer, Web
from auditor.services.origins import BadOrigin, NotAHost, origin_of
from auditor.services.pacing import PEOPLE
from auditor.services.text import told
from auditor.services.whole import json_answer, picture_answer

USER_NOT_FOUND = "User Profile Error 1000"
_NO_SUCH_FILE = frozenset({"-2130575338", "-2147024894"})
"""Numbers of the errors for a missing file. The numbers are compared because the text is in the site's language.

The first is an SPException (vgrem/office365-rest-python-client#825, #479, cli-microsoft365 file-get tests), the second
a System.IO.FileNotFoundException (SharePoint/sp-dev-docs#4944, cli-microsoft365 app-get tests).
"""
_ACCESS_DENIED = "-2147024891"
"""System.UnauthorizedAccessException (SharePoint/PnP-JS-Core#638)."""
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?i){_LABEL}(?:\.{_LABEL})*")
_THUMB = re.compile(r"(?is)(?P<head>.*_)(?P<size>[SML])(?P<tail>Thumb\.[^./]+)")
_XML_CODE = re.compile(rb"<(?:\w+:)?code>([^<]{1,200})</")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
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
    code: str = ""
    """The code of the service's error; empty where none came, and something else may have answered."""


@dataclass
class People:
    """A thin client over the hosts of one tenant's SharePoint."""

    web: Web

    async def profile(self, site: str, upn: str, *, anew: bool = False, plainly: bool = False) -> ProfileAnswer:
        """Call `GetPropertiesFor` with the UPN's claim at `site` (an origin).

        `anew`: no cache may answer. `plainly`: `:` and `@` in the claim are not encoded, as in sp-dev-docs
        (work-with-user-profiles); else the whole claim is encoded, as cli-microsoft365 does.
        """
        claim = f"'i:0#.f|membership|{_account(upn).replace(chr(39), chr(39) * 2)}'"
        encoded = quote(claim, safe="':@" if plainly else "'")
        url = f"{site}/_api/SP.UserProfiles.PeopleManager/GetPropertiesFor(accountName=@v)?@v={encoded}"
        headers = {"Accept": "application/json;odata=nometadata"} | (_ANEW if anew else {})
        answer = await self.web.api_for(url).get(url, headers=headers, whole=json_answer, kind=PEOPLE)
        return _profile(answer)

    async def shown(self, site: str, upn: str, *, size: str = "L", anew: bool = False) -> Answer:
        """The answer of userphoto.aspx; a redirect to a time-limited address is followed, never kept."""
        query = urlencode({"size": size, "accountname": _account(upn)})
        url = f"{site}/_layouts/15/userphoto.aspx?{query}"
        headers = _ANEW if anew else None
        answer = await self.web.fetch(url, whole=picture_answer, headers=headers)
        if answer.status == 403 and answer.url != url:
            # The address behind the redirect may have expired: a new one is asked for.
            answer = await self.web.fetch(url, whole=picture_answer, headers=headers)
        return answer

    async def stored(self, picture_url: str) -> Answer:
        """The file behind a profile's `PictureURL`, in its largest size; the last 404 where there is no size.

        `PictureURL` names the M thumbnail, and L and S lie beside it. The folder's name is localised, so the path is
        taken from the property and never built. The bytes come from GetFileByServerRelativePath on the same host: it
        accepts `%` and `#` in names, and an app-only token.
        """
        origin, path = _file_of(picture_url)
        sizes = _sizes(path)
        for candidate in sizes[:-1]:
            answer = await self._file(origin, candidate)
            if not no_such_file(answer):
                return answer
        return await self._file(origin, sizes[-1])

    async def _file(self, origin: str, path: str) -> Answer:
        literal = quote("'" + path.replace("'", "''") + "'", safe="'")
        url = f"{origin}/_api/web/GetFileByServerRelativePath(decodedurl={literal})/$value"
        return await self.web.api_for(url).get(url, max_bytes=MAX_PICTURE, whole=picture_answer)

    async def answers_as_sharepoint(self, site: str) -> bool:
        """Whether SharePoint itself answers at `site`, asked for its web, which has nothing to do with people.

        Only SharePoint answers with a web's properties, or with its own code for access denied.
        """
        url = f"{site}/_api/web?$select=Id,Title,Url,ServerRelativeUrl,WebTemplate"
        headers = {"Accept": "application/json;odata=nometadata", **_ANEW}
        answer = await self.web.api_for(url).get(url, headers=headers, whole=json_answer)
        if answer.status in {401, 403}:
            return error_code(answer).startswith(_ACCESS_DENIED)
        return answer.status == 200 and _is_web(_object(answer.body))


_ANEW = {"Cache-Control": "no-cache"}


def host_origin(url: str) -> str:
    """The origin of an address that a profile names; its path may hold characters that no URL may.

    Raises `BadOrigin`; `NotAHost` for a host whose labels hold other characters than letters, digits and hyphens.
    """
    scheme, mark, rest = url.strip(" ").partition("://")
    origin = origin_of(scheme + mark + re.split("[/?#]", rest, maxsplit=1)[0])
    if not _HOST.fullmatch(urlsplit(origin).hostname or ""):
        raise NotAHost("the URL names something that is not a host")
    return origin


def _account(upn: str) -> str:
    if _UNPRINTABLE.search(upn):
        told = "the user principal name holds characters that no request can carry"
        raise BadAnswer(told, reason=Reason.UNKNOWN_ADDRESS)
    return upn


def _file_of(picture_url: str) -> tuple[str, str]:
    """Origin and decoded path of the file that a `PictureURL` names."""
    if _UNPRINTABLE.search(picture_url):
        raise BadAnswer("the profile's PictureURL holds characters that no request can carry")
    try:
        origin = host_origin(picture_url)
    except BadOrigin as error:
        raise HostRefused(f"the profile's PictureURL is not followed: {error}") from None
    rest = picture_url.strip(" ").partition("://")[2]
    # Tools do not encode spaces, `#` or letters of any script in names; only `?` ends the path.
    path = unquote(rest[len(re.split("[/?#]", rest, maxsplit=1)[0]) :].partition("?")[0])
    if not path.startswith("/") or ("'" in path and "''" in path) or _UNPRINTABLE.search(path):
        raise BadAnswer("the profile's PictureURL holds no usable path")
    return origin, path


def _sizes(path: str) -> list[str]:
    """The files of one picture, the largest first; where the name has no known form, only that file."""
    named = _THUMB.fullmatch(path)
    if named is None:
        return [path]
    return [path if size == named["size"].upper() else f"{named['head']}{size}{named['tail']}" for size in "LMS"]


def no_such_file(answer: Answer) -> bool:
    """Whether SharePoint itself says with a 404 that the file is not there; any other 404 does not count."""
    return answer.status == 404 and error_code(answer).partition(",")[0].strip() in _NO_SUCH_FILE


def error_code(answer: Answer) -> str:
    """The code of SharePoint's error, in JSON of any flavour or in XML; empty where there is none."""
    if found := _XML_CODE.search(answer.body[:4096]):
        return found[1].decode("utf-8", "replace").strip()
    return _code(_object(answer.body))


def _code(body: Mapping[str, Any]) -> str:
    for key in ("error", "odata.error"):
        if isinstance(body.get(key), dict):
            return str(body[key].get("code") or "")
    return ""


def _is_web(body: Mapping[str, Any]) -> bool:
    body = body["d"] if isinstance(body.get("d"), dict) else body
    try:
        uuid.UUID(str(body.get("Id")))
        origin_of(str(body.get("Url")))
    except ValueError:
        return False
    return str(body.get("ServerRelativeUrl")).startswith("/") and isinstance(body.get("WebTemplate"), str)


def _profile(answer: Answer) -> ProfileAnswer:
    said = _said(answer.body)
    body = said if isinstance(said, dict) else {}
    body = body["d"] if isinstance(body.get("d"), dict) else body
    listed = body.get("UserProfileProperties")
    if isinstance(listed, dict):
        listed = listed.get("results")
    error, code = _error(body), _code(body)
    diagnostics = answer.headers.get("x-ms-diagnostics", "")
    if answer.status == 200 and isinstance(listed, list):
        properties = {
            str(entry.get("Key")): str(entry.get("Value") or "") for entry in listed if isinstance(entry, dict)
        }
        top = {key: value for key, value in body.items() if key != "UserProfileProperties"}
        return ProfileAnswer(200, True, top, properties, "", diagnostics)
    nothing = answer.status == 200 and _is_null(answer.body, said, body)
    if nothing or (USER_NOT_FOUND in error and answer.status in {200, 404, 500}):
        return ProfileAnswer(answer.status, False, {}, {}, "", diagnostics, code)
    if answer.status == 200:
        raise BadAnswer("SharePoint answered with something that is no profile")
    return ProfileAnswer(answer.status, True, {}, {}, error, diagnostics, code)


def _is_null(raw: bytes, said: object, body: Mapping[str, Any]) -> bool:
    """Whether a function's result is null, in any of OData's spellings."""
    if raw.strip() == b"null":
        return True
    if not isinstance(said, dict):
        return False
    return (
        body.get("odata.null") is True
        or body.get("@odata.null") is True
        or body.get("GetPropertiesFor", "") is None
        or (body.get("value", "") is None and all(key == "value" or "odata" in key for key in body))
    )


def _error(body: Mapping[str, Any]) -> str:
    for key in ("error", "odata.error"):
        error = body.get(key)
        if isinstance(error, dict):
            message = error.get("message")
            return told(message.get("value") if isinstance(message, dict) else message)
    return told(body.get("error_description") or (body["error"] if isinstance(body.get("error"), str) else None))


def _said(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _object(body: bytes) -> dict[str, Any]:
    parsed = _said(body)
    return parsed if isinstance(parsed, dict) else {}
