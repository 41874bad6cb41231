"""The wire format of Exchange Web Services' GetUserPhoto, in its SOAP and its REST form.

Sources: office-developer-exchange-docs (getuserphoto-operation, how-to-get-user-photos), MS-OXWSPHOTO,
ews-managed-api (GetUserPhotoRequest, GetUserPhotoResponse), ews-throttling-in-exchange.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from auditor.model import Reason
from auditor.services.errors import Damaged, ServiceError, Throttled
from auditor.services.http import ATTEMPTS, MAX_PICTURE, Answer, Api
from auditor.services.text import told
from auditor.services.whole import is_web_page, picture_answer

SIZE = "HR648x648"
"""The largest; where it is not stored the largest smaller one comes."""
PATH = "/EWS/Exchange.asmx"
BUSY = frozenset(
    {
        "ErrorServerBusy",
        "ErrorInternalServerError",
        "ErrorInternalServerTransientError",
        "ErrorExceededConnectionCount",
        "ErrorTimeoutExpired",
    }
)
"""Codes under which Exchange throttles, also inside a 200 (ews-throttling-in-exchange)."""
DEFAULT_BACK_OFF = 5.0
LONGEST_CODE = 100
"""Characters of a response code; the longest that is documented has 60."""
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that no XML 1.0 document may hold, however they are escaped."""
_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_MESSAGES = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
<soap:Header><t:RequestServerVersion Version="Exchange2013"/>{impersonation}</soap:Header>
<soap:Body><m:GetUserPhoto><m:Email>{address}</m:Email><m:SizeRequested>{size}</m:SizeRequested></m:GetUserPhoto>
</soap:Body></soap:Envelope>"""

_IMPERSONATION = (
    "<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>{address}</t:SmtpAddress></t:ConnectingSID>"
    "</t:ExchangeImpersonation>"
)
"""An app-only token must name the mailbox it speaks for (how-to-authenticate-an-ews-application-by-using-oauth)."""
_SOAP_HEADERS = {
    "Content-Type": "text/xml; charset=utf-8",
    "SOAPAction": '"http://schemas.microsoft.com/exchange/services/2006/messages/GetUserPhoto"',
}


@dataclass(frozen=True, slots=True)
class EwsAnswer:
    """One answer: HTTP status, the picture where one came, EWS's own response code where one came."""

    status: int
    picture: bytes
    code: str
    etag: str
    diagnostics: str
    """The header `x-ms-diagnostics`: why a token is refused."""
    no_photo: bool = False
    """Exchange says, in SOAP and in full, that there is no picture (success, HasChanged true, no PictureData)."""
    back_off: float | None = None
    """Seconds that a busy Exchange asks us to wait, told in the body."""
    content_type: str = ""
    unchanged: bool = False
    """The picture is the one whose ETag was sent along: 304 in the REST form, HasChanged false in SOAP."""


@dataclass
class Ews:
    """A thin client of one operation."""

    api: Api
    protocol: str
    impersonate: bool = True
    """Whether each question names the mailbox that the token is to speak for. A person's token speaks for this person:
    with it Exchange denies that (ErrorImpersonateUserDenied, ews-managed-api#223)."""

    async def photo(self, email: str, etag: str = "") -> EwsAnswer:
        """GetUserPhoto for one address, in the configured form; `etag` is one that the caller has the picture of.

        Raises `Throttled` where Exchange stays busy: it may say so inside a 200 (ews-throttling-in-exchange), and
        `ServiceError` for an address that XML cannot hold.
        """
        for _ in range(ATTEMPTS):
            answer = await self._ask(email, etag)
            if answer.code not in BUSY:
                return answer
            # Everyone waits: the budget that is spent belongs to the app.
            self.api.hold(answer.back_off if answer.back_off is not None else DEFAULT_BACK_OFF)
        raise Throttled(f"{self.api.origin} stayed busy ({answer.code})")

    async def answers(self) -> bool:
        """Whether Exchange Web Services are what answers at this origin: a question against the schema gets a fault.

        Without that, a 404 might come from anything.
        """
        content = _ENVELOPE.format(impersonation="", address="nobody@example.invalid", size="none").encode()
        answer = await self.api.post(PATH, content, headers=_SOAP_HEADERS, whole=soap_answer)
        return bool(_code(_parse(answer.body)))

    async def _ask(self, email: str, etag: str) -> EwsAnswer:
        # The anchor sends the request to the server that holds the mailbox (as exchangelib does).
        headers = {"X-AnchorMailbox": email} if email.isascii() and email.isprintable() else {}
        if etag:
            # Both forms take it (how-to-get-user-photos, ews-managed-api GetUserPhotoRequest.AddHeaders).
            headers["If-None-Match"] = f'"{etag}"'
        if self.protocol == "rest":
            query = urlencode({"email": email, "size": SIZE})
            answer = await self.api.get(
                f"{PATH}/s/GetUserPhoto?{query}", headers=headers, max_bytes=MAX_PICTURE, whole=rest_answer
            )
            return _rest(answer)
        if _NOT_XML.search(email):
            raise ServiceError(
                "the user's address holds characters that no question to Exchange can", reason=Reason.UNKNOWN_ADDRESS
            )
        impersonation = _IMPERSONATION.format(address=escape(email)) if self.impersonate else ""
        content = _ENVELOPE.format(impersonation=impersonation, address=escape(email), size=SIZE).encode()
        return _soap(
            await self.api.post(
                PATH, content, headers=headers | _SOAP_HEADERS, max_bytes=2 * MAX_PICTURE, whole=soap_answer
            )
        )


def soap_answer(answer: Answer) -> Damaged | None:
    """A SOAP answer is XML to its last element; a web page says nothing about a mailbox."""
    if answer.status in {401, 403}:
        return None
    if is_web_page(answer):
        return Damaged(f"Exchange answered {answer.status} with a web page")
    if answer.status == 404 and "json" in answer.content_type:
        return Damaged("Exchange answered 404 in JSON, which it does not speak: something before it did")
    if answer.status == 200 and _parse(answer.body) is None:
        return Damaged("Exchange answered 200 with XML that breaks off or is none")
    return None


def rest_answer(answer: Answer) -> Damaged | None:
    """A picture, or XML that says why there is none (EWS tells errors in a 200, too)."""
    xml = answer.status != 200 or "xml" in answer.content_type
    return soap_answer(answer) if xml else picture_answer(answer)


def ews_is_final(answer: Answer) -> bool:
    """Which 500 is an answer: a SOAP fault, or nothing at all, as SOAP is documented to say of an unknown address."""
    if answer.status != 500 or "/s/getuserphoto" in answer.url.lower():
        return False
    return not answer.body.strip() or _parse(answer.body) is not None


def _rest(answer: Answer) -> EwsAnswer:
    diagnostics, root = answer.headers.get("x-ms-diagnostics", ""), None
    if answer.status != 200 or answer.content_type in {"text/xml", "application/xml", "application/soap+xml"}:
        # A 200 may still be an error told in XML: never take that for a picture.
        root = _parse(answer.body)
    picture = answer.body if answer.status == 200 and root is None else b""
    return EwsAnswer(
        answer.status, picture, _code(root), _etag(answer), diagnostics,
        back_off=_back_off(root), content_type=answer.content_type, unchanged=answer.status == 304,
    )  # fmt: skip


def _soap(answer: Answer) -> EwsAnswer:
    diagnostics, root = answer.headers.get("x-ms-diagnostics", ""), _parse(answer.body)
    picture, code, no_photo, unchanged = b"", _code(root), False, False
    response = root.find(f".//{_MESSAGES}GetUserPhotoResponse") if root is not None else None
    if response is not None:
        said = response.findtext(f"{_MESSAGES}HasChanged", "").strip()
        try:
            picture = base64.b64decode("".join(response.findtext(f"{_MESSAGES}PictureData", "").split()), validate=True)
            nothing = not picture and code == "NoError" and response.get("ResponseClass") == "Success"
            no_photo, unchanged = nothing and said in {"true", "1"}, nothing and said in {"false", "0"}
        except (binascii.Error, ValueError):
            code = "PictureDataNotBase64"
    return EwsAnswer(
        answer.status, picture, code, _etag(answer), diagnostics, no_photo, _back_off(root), unchanged=unchanged
    )


def _code(root: Element | None) -> str:
    """The response code that an EWS answer tells: `NoError`, an error's name, `Fault`; empty where it is not XML."""
    if root is None:
        return ""
    for element in root.iter():
        if element.tag.rsplit("}", 1)[-1] == "ResponseCode" and element.text:
            return told(element.text.strip(), LONGEST_CODE)
    return "Fault" if root.find(f".//{_SOAP}Fault") is not None else ""


def _back_off(root: Element | None) -> float | None:
    for element in root.iter() if root is not None else ():
        told = (element.text or "").strip()
        # Ten digits are months: more of them are no number that anyone means, and too many are none for Python.
        if element.get("Name") == "BackOffMilliseconds" and told.isdecimal() and len(told) <= 10:
            return int(told) / 1000
    return None


def _parse(body: bytes) -> Element | None:
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return root


def _etag(answer: Answer) -> str:
    return answer.headers.get("etag", "").strip('"')
