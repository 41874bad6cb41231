"""The wire format of Exchange Web Services' GetUserPhoto, in its SOAP and its REST form.

Sources: office-developer-exchange-docs (getuserphoto-operation, how-to-get-user-photos, responsecode), MS-OXWSPHOTO,
ews-managed-api (GetUserPhotoRequest, GetUserPhotoResponse), ews-throttling-in-exchange.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from auditor.model import Reason
from auditor.services.errors import Damaged, ServerFault, ServiceError, Throttled
from auditor.services.http import ATTEMPTS, LONGEST_BUSY, MAX_PICTURE, Answer, Api
from auditor.services.retries import full_jitter, user_budget
from auditor.services.text import told
from auditor.services.whole import is_web_page, picture_answer

SIZE = "HR648x648"
"""The largest size; where it is not stored, the largest smaller one comes."""
PATH = "/EWS/Exchange.asmx"
THROTTLES = frozenset({"ErrorServerBusy", "ErrorExceededConnectionCount"})
"""Codes under which Exchange throttles the app, also inside a 200 (ews-throttling-in-exchange, table 3)."""
FINAL = frozenset(
    {
        # The caller lacks a right (responsecode; ErrorImpersonateUserDenied: ews-managed-api#223).
        "ErrorAccessDenied",
        "ErrorImpersonateUserDenied",
        "ErrorImpersonationDenied",
        "ErrorInvalidExchangeImpersonationHeaderData",
        # The state of the mailbox or its account (responsecode; ErrorInvalidLicense: exchangelib#1209).
        "ErrorAccountDisabled",
        "ErrorInvalidLicense",
        "ErrorNonExistentMailbox",
        # The kind of address (responsecode).
        "ErrorInvalidSmtpAddress",
        "ErrorNonPrimarySmtpAddress",
        # The content of the mailbox (responsecode; ErrorItemCorrupt as an inner code: exchangelib's tests).
        "ErrorCorruptData",
        "ErrorItemCorrupt",
        "ErrorItemNotFound",
        # An error in the request (responsecode).
        "ErrorIncorrectSchemaVersion",
        "ErrorInvalidPhotoSize",
        "ErrorInvalidRequest",
        "ErrorInvalidSchemaVersionForMailboxVersion",
        "ErrorInvalidServerVersion",
        "ErrorSchemaValidation",
    }
)
"""Response codes that another try does not change. After any other code the request is sent again."""
NO_SUCH_MAILBOX = frozenset({"ErrorNonExistentMailbox", "ErrorInvalidSmtpAddress", "ErrorNonPrimarySmtpAddress"})
"""Codes that concern only the address in the request: another address of the same user may get a photo."""
PASSING_STATUSES = frozenset({408, 425})
"""Statuses below 500 after which the request may be sent again (RFC 9110, 15.5.9; RFC 8470, 5.2)."""
DEFAULT_BACK_OFF = 5.0
LONGEST_CODE = 100
"""Maximum number of characters of a response code; the longest documented one has 60."""
_UNASKABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""A character that no address has, and that no XML 1.0 document or URL may hold."""
_XML_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml\s|(?:\w+:)?Envelope[\s>])")
_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_MESSAGES = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
_OF_EWS = (
    _MESSAGES,
    "{http://schemas.microsoft.com/exchange/services/2006/errors}",
    "{http://schemas.microsoft.com/exchange/services/2006/types}",
)
"""The XML namespaces of Exchange Web Services."""
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
    """Seconds to wait that a busy Exchange asks for in the body."""
    content_type: str = ""
    unchanged: bool = False
    """The picture still has the ETag that was sent along: 304 in the REST form, HasChanged false in SOAP."""

    @property
    def passes(self) -> bool:
        """Whether Exchange named a code of an error that may pass. A refusal is recognised by its status alone."""
        return self.status not in {401, 403} and self.code not in {"", "NoError"} and self.code not in FINAL

    @property
    def no_such_mailbox(self) -> bool:
        """Whether Exchange does not know the address: by a code, or by a 500 with nothing in it.

        The empty 500 is documented for SOAP (getuserphoto-operation).
        """
        return self.code in NO_SUCH_MAILBOX or (self.status == 500 and not self.code)

    @property
    def says_nothing(self) -> bool:
        """Whether the answer says that there is no photo, or no mailbox, under the address."""
        bare = self.status == 404 and self.code in {"", "NoError"}
        return self.no_photo or bare or self.no_such_mailbox


class Faltered(ServerFault):
    """At every attempt Exchange named a code of an error that may pass; `code` is the last one."""

    def __init__(self, origin: str, code: str) -> None:
        super().__init__(f"{origin} answered {code} each time it was asked")
        self.code = code


@dataclass
class Ews:
    """A thin client of one operation."""

    api: Api
    protocol: str
    impersonate: bool = True
    """Whether each request names the mailbox that the token acts for. With a person's token this must be off: it acts
    for that person, and Exchange denies impersonation (ErrorImpersonateUserDenied, ews-managed-api#223)."""

    _served: int = field(default=0, init=False)
    """Number of answers without a code of an error that may pass."""

    async def photo(self, email: str, etag: str = "", *, size: str = SIZE, protocol: str = "") -> EwsAnswer:
        """GetUserPhoto for one address; `etag`: of the picture that the caller already has.

        `protocol`: rest or soap; empty for the configured one. Where the code is one of an error that may pass, the
        request is sent again, up to `ATTEMPTS` times in all. Raises `Throttled` where Exchange stays busy (it may say
        so inside a 200), `Faltered` where another such code stays, and `ServiceError` for an address that no request
        can hold.
        """
        tries, served = 0, self._served
        while True:
            answer = await self._ask(email, etag, size, protocol or self.protocol)
            if not answer.passes:
                self._served += 1
                return answer
            tries += 1
            throttles = answer.code in THROTTLES
            wait = full_jitter(tries - 1, self.api.jitter)
            asked_for = DEFAULT_BACK_OFF if answer.back_off is None else answer.back_off
            if throttles and asked_for <= LONGEST_BUSY:
                wait = asked_for
            # Where other mailboxes were answered after this one's refusal, only this mailbox is busy.
            everyone = throttles and (tries == 1 or self._served == served)
            if everyone:
                self.api.hold(asked_for)
            if self._spent(tries, wait):
                if throttles:
                    raise Throttled(f"{self.api.origin} stayed busy ({answer.code})")
                raise Faltered(self.api.origin, answer.code)
            self.api.counts.retried += 1
            if not everyone:
                await self.api.sleep(wait)
            served = self._served

    def _spent(self, tries: int, wait: float) -> bool:
        """Count a failed try. True where no attempt or no budget is left for another one, after `wait` seconds."""
        user, run = user_budget(), self.api.budget
        run.failed += 1
        if user is not None:
            user.fail(wait)
        return tries >= ATTEMPTS or run.exhausted or (user is not None and (user.exhausted or user.left <= 0))

    async def answers(self) -> bool:
        """Whether Exchange Web Services answer at this origin: they answer a request against the schema with a fault.

        Only a SOAP envelope is believed that names a response code in the namespaces of Exchange Web Services: no page
        of a gateway, and no bare status.
        """
        content = _ENVELOPE.format(impersonation="", address="nobody@example.invalid", size="none").encode()
        answer = await self.api.post(PATH, content, headers=_SOAP_HEADERS, whole=soap_answer)
        root = _parse(answer.body)
        if root is None or root.tag != f"{_SOAP}Envelope" or answer.status not in {200, 500}:
            return False
        named = _code(root)
        return (named.startswith("Error") or named == "NoError") and any(
            element.tag.startswith(_OF_EWS) for element in root.iter()
        )

    async def _ask(self, email: str, etag: str, size: str, protocol: str) -> EwsAnswer:
        if not email or _UNASKABLE.search(email):
            raise ServiceError(
                "the user's address is one that no question to Exchange can hold", reason=Reason.UNKNOWN_ADDRESS
            )
        # The anchor sends the request to the server that holds the mailbox (as exchangelib does).
        headers = {"X-AnchorMailbox": email} if email.isascii() and email.isprintable() else {}
        if etag:
            # Both forms accept this header (how-to-get-user-photos, ews-managed-api GetUserPhotoRequest.AddHeaders).
            headers["If-None-Match"] = f'"{etag}"'
        if protocol == "rest":
            query = urlencode({"email": email, "size": size})
            answer = await self.api.get(
                f"{PATH}/s/GetUserPhoto?{query}", headers=headers, max_bytes=MAX_PICTURE, whole=rest_answer
            )
            return _rest(answer)
        impersonation = _IMPERSONATION.format(address=escape(email)) if self.impersonate else ""
        content = _ENVELOPE.format(impersonation=impersonation, address=escape(email), size=size).encode()
        return _soap(
            await self.api.post(
                PATH, content, headers=headers | _SOAP_HEADERS, max_bytes=2 * MAX_PICTURE, whole=soap_answer
            )
        )


def soap_answer(answer: Answer) -> Damaged | None:
    """The flaw of a SOAP answer that is no complete XML, or that something else gave, such as a web page."""
    if answer.status in {401, 403}:
        return None
    if _is_error_page(answer):
        return Damaged("Exchange redirected to its error page each time it was asked", reason=Reason.SERVER_ERROR)
    if answer.status > 500 or answer.status in PASSING_STATUSES:
        return Damaged(f"Exchange answered {answer.status} each time it was asked", reason=Reason.SERVER_ERROR)
    if is_web_page(answer):
        return Damaged(f"Exchange answered {answer.status} with a web page")
    if answer.status == 404 and "json" in answer.content_type:
        return Damaged("Exchange answered 404 in JSON, which it does not speak: something before it did")
    if answer.status == 200 and _parse(answer.body) is None:
        return Damaged("Exchange answered 200 with XML that breaks off or is none")
    return None


def _is_error_page(answer: Answer) -> bool:
    """Whether the answer redirects to Exchange's error page (`/ews/genericerrorpage.htm`: exchangelib)."""
    if not 300 <= answer.status < 400:
        return False
    try:
        page = urlsplit(answer.headers.get("location", "")).path.lower().rpartition("/")[2]
    except ValueError:
        return False
    return "error" in page


def rest_answer(answer: Answer) -> Damaged | None:
    """The flaw of an answer that is neither a picture nor XML that says why there is none (even in a 200)."""
    return soap_answer(answer) if answer.status != 200 or _is_xml(answer) else picture_answer(answer)


def _is_xml(answer: Answer) -> bool:
    """Whether the answer's media type is XML, or its body begins like XML or a SOAP envelope: no picture does."""
    named = answer.content_type in {"text/xml", "application/xml", "application/soap+xml"}
    return named or _XML_BEGINS.match(answer.body) is not None


def ews_is_final(answer: Answer) -> bool:
    """Whether a 500 is final: it names a code; or it is an empty one in SOAP, documented for an unknown address."""
    if answer.status != 500:
        return False
    if answer.body.strip():
        return bool(_code(_parse(answer.body)))
    return "/s/getuserphoto" not in answer.url.lower()


def _rest(answer: Answer) -> EwsAnswer:
    diagnostics, root = answer.headers.get("x-ms-diagnostics", ""), None
    if answer.status != 200 or _is_xml(answer):
        # A 200 may be an error in XML: never take that for a picture.
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
        if code not in {"", "NoError"}:
            picture = b""
    return EwsAnswer(
        answer.status, picture, code, _etag(answer), diagnostics, no_photo, _back_off(root), unchanged=unchanged
    )


def _code(root: Element | None) -> str:
    """The response code in an EWS answer: `NoError`, an error's name, `Fault`; empty where the answer is not XML.

    The innermost of several: ErrorInternalServerError names its cause in an InnerErrorResponseCode, as an element or
    as a value of MessageXml (exchangelib's tests, ews-throttling-in-exchange).
    """
    if root is None:
        return ""
    inner = outer = fault = ""
    for element in root.iter():
        name, text = element.tag.rsplit("}", 1)[-1], (element.text or "").strip()
        named = text.rpartition(":")[2]
        if "InnerErrorResponseCode" in {name, element.get("Name")}:
            inner = inner or (named if named.startswith("Error") else "")
        elif name == "ResponseCode":
            outer = outer or text
        elif name == "faultcode" or (name == "Value" and element.get("Name") is None):
            # SOAP 1.1: a faultcode is a qualified name, `a:ErrorServerBusy`. SOAP 1.2: the name stands in a Value.
            fault = fault or (named if named.startswith("Error") else "")
    if found := inner or outer or fault:
        return told(found, LONGEST_CODE)
    return "Fault" if root.find(f".//{_SOAP}Fault") is not None else ""


def _back_off(root: Element | None) -> float | None:
    for element in root.iter() if root is not None else ():
        told = (element.text or "").strip()
        # Ten digits are months; no service means more. Python refuses to convert very long numbers.
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
