"""The SOAP messages of GetUserPhoto."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape, unescape

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"

_SIZE_CODE = re.compile(r"HR\d{1,4}[xX]\d{1,4}")
_EMAIL = re.compile(rb"<(?:\w+:)?Email(?:\s[^>]*)?>([^<]+)<")
_TOO_OLD = ("Exchange2007", "Exchange2010")


class FaultError(Exception):
    """A request that is answered with a SOAP fault."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Call:
    """A GetUserPhoto request."""

    email: str
    size: str
    newer_than_2013: bool
    """Whether the requested schema knows the element ContentType."""
    impersonates: bool = False
    """Whether the header names a mailbox to speak for."""


def address(body: bytes) -> str:
    """The address that an envelope asks about, whether or not the rest of it is sound; empty where it names none."""
    named = _EMAIL.search(body)
    return unescape(named[1].decode("utf-8", "replace")).strip().lower() if named else ""


def read(body: bytes) -> Call:
    """The call in a SOAP envelope."""
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise FaultError("ErrorSchemaValidation", "The request failed schema validation: it is no XML.") from error
    if root.tag != f"{{{SOAP}}}Envelope":
        raise FaultError("ErrorSchemaValidation", "The request failed schema validation: it is no SOAP envelope.")
    call = root.find(f"{{{SOAP}}}Body/{{{MESSAGES}}}GetUserPhoto")
    if call is None:
        raise FaultError("ErrorInvalidRequest", "The request is invalid: only GetUserPhoto is served here.")
    header = root.find(f"{{{SOAP}}}Header/{{{TYPES}}}RequestServerVersion")
    version = "" if header is None else header.get("Version", "")
    if not version or version.startswith(_TOO_OLD):
        # Assumption: the code of this refusal; that the operation needs Exchange2013 is documented.
        raise FaultError("ErrorInvalidServerVersion", "GetUserPhoto needs RequestServerVersion Exchange2013 or later.")
    email = (call.findtext(f"{{{MESSAGES}}}Email") or "").strip()
    size = (call.findtext(f"{{{MESSAGES}}}SizeRequested") or "").strip()
    if not email or not _SIZE_CODE.fullmatch(size):
        raise FaultError(
            "ErrorSchemaValidation",
            f"The request failed schema validation: The 'SizeRequested' element is invalid - The value '{size}' is "
            "invalid according to its datatype 'UserPhotoSizeType' - The Enumeration constraint failed.",
        )
    impersonates = root.find(f"{{{SOAP}}}Header/{{{TYPES}}}ExchangeImpersonation") is not None
    return Call(email, size, newer_than_2013=not version.startswith("Exchange2013"), impersonates=impersonates)


def photo(*, has_changed: bool, data: str | None, content_type: str) -> bytes:
    """The answer of a call that succeeded; `data` is base64, empty for no photo, None for no element."""
    changed = "true" if has_changed else "false"
    picture = "" if data is None else f"<PictureData>{data}</PictureData>"
    kind = f"<ContentType>{escape(content_type)}</ContentType>" if content_type else ""
    return _envelope(
        f'<GetUserPhotoResponse ResponseClass="Success" xmlns="{MESSAGES}"><ResponseCode>NoError</ResponseCode>'
        f"<HasChanged>{changed}</HasChanged>{picture}{kind}</GetUserPhotoResponse>"
    )


def error(code: str, message: str, *, back_off_ms: int | None = None, inner: str = "") -> bytes:
    """The answer of a call that failed: HTTP 200 with a response code.

    The wait asked for and the code of what happened inside (`inner`) stand in MessageXml.
    """
    values = "" if back_off_ms is None else _back_off(back_off_ms)
    values += _value("InnerErrorResponseCode", inner) if inner else ""
    waiting = f"<MessageXml>{values}</MessageXml>" if values else ""
    return _envelope(
        f'<GetUserPhotoResponse ResponseClass="Error" xmlns="{MESSAGES}"><MessageText>{escape(message)}</MessageText>'
        f"<ResponseCode>{escape(code)}</ResponseCode>{waiting}<HasChanged>false</HasChanged></GetUserPhotoResponse>"
    )


def fault(code: str, message: str, *, back_off_ms: int | None = None) -> bytes:
    """A SOAP fault."""
    waiting = "" if back_off_ms is None else f'<t:MessageXml xmlns:t="{TYPES}">{_back_off(back_off_ms)}</t:MessageXml>'
    return _envelope(
        f'<s:Fault><faultcode xmlns:a="{TYPES}">a:{escape(code)}</faultcode>'
        f'<faultstring xml:lang="en-US">{escape(message)}</faultstring>'
        f'<detail><e:ResponseCode xmlns:e="{ERRORS}">{escape(code)}</e:ResponseCode>'
        f'<e:Message xmlns:e="{ERRORS}">{escape(message)}</e:Message>{waiting}</detail></s:Fault>'
    )


def _back_off(milliseconds: int) -> str:
    return _value("BackOffMilliseconds", str(milliseconds))


def _value(name: str, text: str) -> str:
    return f'<t:Value xmlns:t="{TYPES}" Name="{name}">{escape(text)}</t:Value>'


def _envelope(body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header><h:ServerVersionInfo MajorVersion="15" MinorVersion="20" '
        'MajorBuildNumber="9999" MinorBuildNumber="9" Version="V2018_01_08" '
        f'xmlns:h="{TYPES}" xmlns="{TYPES}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/></s:Header>'
        '<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"{body}</s:Body></s:Envelope>"
    ).encode()
