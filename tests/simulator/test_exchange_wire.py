"""Exchange Web Services of the simulated tenant, held against the wire files."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from lxml import etree

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
MESSAGES = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
WIRE = Path(__file__).resolve().parents[1] / "wire"
PATH = "/EWS/Exchange.asmx"
REQUEST = "exchange/getuserphoto-request.xml"


def outline(text: str | bytes) -> list[str]:
    """Every element of a message, in order."""
    return [element.tag for element in ElementTree.fromstring(text).iter()]


def call(
    simulated: Any,
    wire: Any,
    email: str,
    size: str = "HR648x648",
    *,
    version: str = "Exchange2013",
    path: str = PATH,
    token: str | None = "",
    headers: dict[str, str] | None = None,
) -> Any:
    text = wire("exchange/getuserphoto-request.xml").replace("adele@contoso.com", email)
    text = text.replace("HR648x648", size).replace("Exchange2013", version)
    sent = {"Content-Type": "text/xml; charset=utf-8"} | (headers or {})
    return simulated.ask("exchange", path, token, method="POST", headers=sent, body=text)


def rest(simulated: Any, email: str, size: str = "HR648x648", path: str = PATH, **options: Any) -> Any:
    return simulated.ask("exchange", f"{path}/s/GetUserPhoto?{urlencode({'email': email, 'size': size})}", **options)


# SOAP


def test_a_photo(simulated: Any, wire: Any) -> None:
    response = call(simulated, wire, "adele@contoso.com")
    expected = wire("exchange/getuserphoto-response.xml")
    assert response.status == 200
    assert outline(response.body) == outline(expected)
    data = f".//{MESSAGES}PictureData"
    assert ElementTree.fromstring(response.body).findtext(data) == ElementTree.fromstring(expected).findtext(data)
    assert response.header("ETag") == '"EE000001"'
    assert response.header("Expires")


def test_newer_versions_name_the_type(simulated: Any, wire: Any) -> None:
    response = call(simulated, wire, "adele@contoso.com", version="Exchange2016")
    assert outline(response.body) == outline(wire("exchange/getuserphoto-response-with-type.xml"))


def test_an_unchanged_photo(simulated: Any, wire: Any) -> None:
    response = call(simulated, wire, "adele@contoso.com", headers={"If-None-Match": '"EE000001"'})
    assert response.status == 200
    assert outline(response.body) == outline(wire("exchange/unchanged.xml"))
    assert b"<HasChanged>false</HasChanged>" in response.body


@pytest.mark.parametrize("name", ["none", "bare"])
def test_a_mailbox_without_a_photo_says_so_in_one_of_two_ways(simulated: Any, wire: Any, name: str) -> None:
    response = call(simulated, wire, f"{name}@contoso.com")
    if zlib.crc32(simulated.id_of(name).encode()) % 2:
        assert (response.status, response.body) == (404, b"")
    else:
        assert outline(response.body) == outline(wire("exchange/no-photo.xml"))


def test_no_mailbox_and_no_such_address(simulated: Any, wire: Any) -> None:
    assert call(simulated, wire, "onepixel@contoso.com").status == 404
    assert call(simulated, wire, "nobody@contoso.com").status == 500


def test_any_address_of_the_user(simulated: Any, wire: Any) -> None:
    for address in ("by.mail@contoso.com", "aliased@contoso.com", "ALIASED@contoso.com"):
        assert call(simulated, wire, address).status == 200
        assert rest(simulated, address).body == b"aliased/exchange/360x360"


def test_sizes(simulated: Any, wire: Any) -> None:
    assert rest(simulated, "adele@contoso.com", "HR96x96").body == b"adele/exchange/96x96"
    assert rest(simulated, "adele@contoso.com", "HR96X96").body == b"adele/exchange/96x96"
    assert rest(simulated, "adele@contoso.com", "HR504x504").body == b"adele/exchange/360x360"
    response = call(simulated, wire, "adele@contoso.com", "HR7x7")
    assert response.status == 200
    assert outline(response.body) == outline(wire("exchange/invalid-size.xml"))
    fault = call(simulated, wire, "adele@contoso.com", "LARGE")
    assert fault.status == 500
    assert outline(fault.body) == outline(wire("exchange/schema-fault.xml"))


def test_a_mailbox_without_a_licence(simulated: Any, wire: Any) -> None:
    response = call(simulated, wire, "item@contoso.com")
    assert response.status == 200
    assert outline(response.body) == outline(wire("exchange/invalid-licence.xml"))
    assert b"ErrorInvalidLicense" in response.body
    assert rest(simulated, "item@contoso.com").status == 403


def test_a_frontline_mailbox(simulated: Any, wire: Any) -> None:
    assert call(simulated, wire, "entity@contoso.com").status == 403
    assert rest(simulated, "entity@contoso.com").status == 403


@pytest.mark.parametrize("version", ["Exchange2007_SP1", "Exchange2010_SP2"])
def test_old_versions_do_not_know_the_operation(simulated: Any, wire: Any, version: str) -> None:
    response = call(simulated, wire, "adele@contoso.com", version=version)
    assert response.status == 500
    assert b"ErrorInvalidServerVersion" in response.body


@pytest.mark.parametrize(
    "body",
    [
        "nonsense",
        "<a/>",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
    ],
)
def test_what_is_no_call_is_a_fault(simulated: Any, body: str) -> None:
    response = simulated.ask("exchange", PATH, method="POST", body=body)
    assert response.status == 500
    assert f"{SOAP}Fault" in outline(response.body)


def test_answers_obey_the_published_schema(simulated: Any, wire: Any, contracts: Path) -> None:
    schema = etree.XMLSchema(etree.parse(contracts / "ews" / "messages.xsd"))
    answers = [
        *(call(simulated, wire, f"{name}@contoso.com", version="Exchange2016").body for name in ("adele", "item")),
        call(simulated, wire, "adele@contoso.com", headers={"If-None-Match": '"EE000001"'}).body,
        call(simulated, wire, "adele@contoso.com", "HR7x7").body,
        *(wire(f"exchange/{path.name}").encode() for path in (WIRE / "exchange").glob("[inu][!m]*.xml")),
    ]
    assert len(answers) == 8
    for answer in answers:
        message = etree.fromstring(answer).find(f"{SOAP}Body/{MESSAGES}GetUserPhotoResponse")
        schema.assertValid(message)


# REST


def test_rest_answers_bytes_and_conditions(simulated: Any) -> None:
    response = rest(simulated, "adele@contoso.com", path="/ews/exchange.asmx")
    assert (response.status, response.content_type) == (200, "image/jpeg")
    assert response.header("ETag") == '"EE000001"'
    unchanged = rest(simulated, "adele@contoso.com", headers={"If-None-Match": '"EE000001"'})
    assert (unchanged.status, unchanged.body) == (304, b"")
    for nobody in ("none", "onepixel", "nobody"):
        assert rest(simulated, f"{nobody}@contoso.com").status == 404


# Who may ask


def test_permissions(simulated: Any, wire: Any) -> None:
    expected = wire("exchange/token-without-permissions.headers.json")
    nothing = simulated.app_token("exchange", roles=set())
    for response in (
        call(simulated, wire, "adele@contoso.com", token=nothing),
        rest(simulated, "adele@contoso.com", token=nothing),
    ):
        assert response.status == 401
        assert response.header("x-ms-diagnostics") == expected["x-ms-diagnostics"]
    signed_in = simulated.user_token("exchange")
    assert rest(simulated, "adele@contoso.com", token=signed_in).status == 200
    other = simulated.app_token("exchange", audience="https://graph.microsoft.com")
    assert rest(simulated, "adele@contoso.com", token=other).status == 401
    assert rest(simulated, "adele@contoso.com", token=None).status == 401


def test_a_person_speaks_for_nobody_else(simulated: Any, wire: Any) -> None:
    signed_in = simulated.user_token("exchange")
    assert call(simulated, wire, "adele@contoso.com", token=signed_in).status == 200
    sid = "<t:ConnectingSID><t:SmtpAddress>adele@contoso.com</t:SmtpAddress></t:ConnectingSID>"
    impersonation = f"<t:ExchangeImpersonation>{sid}</t:ExchangeImpersonation>"
    body = wire(REQUEST).replace("</soap:Header>", f"{impersonation}</soap:Header>")
    sent = {"Content-Type": "text/xml; charset=utf-8"}
    denied = simulated.ask("exchange", PATH, signed_in, method="POST", headers=sent, body=body)
    assert denied.status == 500
    assert outline(denied.body) == outline(wire("exchange/impersonation-denied.xml"))
    assert simulated.ask("exchange", PATH, method="POST", headers=sent, body=body).status == 200


def test_switched_off(simulate: Any, wire: Any) -> None:
    off = simulate(ews=False)
    assert call(off, wire, "adele@contoso.com").status == 403
    assert rest(off, "adele@contoso.com").status == 403
    assert rest(off, "adele@contoso.com", token=None).status == 401
