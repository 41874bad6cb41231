"""What each documented answer means: the collectors held against the wire files, one answer at a time.

The files are the services' shapes with their sources; a real server sends them, and no simulated tenant is in between.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from auditor.collectors.contract import WorkloadRefused
from auditor.collectors.entra import Entra
from auditor.collectors.exchange import Exchange
from auditor.collectors.sharepoint import SharePoint
from auditor.collectors.yammer import Found, Yammer
from auditor.directory import parse as parse_user
from auditor.model import Observation, User
from auditor.services.errors import Damaged, ServiceError, SignInRefused, Throttled
from auditor.services.exchange import Ews, ews_is_final
from auditor.services.graph import Graph
from auditor.services.http import Api, Web, new_client
from auditor.services.sharepoint import People
from auditor.services.tls import tls_context
from auditor.services.yammer import Engage
from tests.services.conftest import Server, authority, ca_bundle, start

__all__ = ["authority", "ca_bundle", "start"]
WIRE = Path(__file__).parents[1] / "wire"
ANNA = User(
    "5b0d7c9e-0000-4000-8000-000000000001", "adele@contoso.com", "adele@contoso.com", "Adele", "Member",
    True, True, "", False, True, False,
)  # fmt: skip
Reply = tuple[int, dict[str, str], bytes]


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def wire(name: str) -> bytes:
    return (WIRE / name).read_bytes()


def portrait() -> bytes:
    image = Image.effect_noise((120, 120), 90).resize((240, 240)).convert("RGB")
    made = BytesIO()
    image.save(made, "JPEG")
    return made.getvalue()


def headers(name: str) -> dict[str, str]:
    return dict(json.loads(wire(name)))


def observe(
    bundle: Path, server: Server, make: Callable[[Api], Any], *users: User, prepare: bool = False
) -> list[Observation]:
    async def work() -> list[Observation]:
        client = new_client(tls_context(bundle))

        now = 0.0

        async def sleep(seconds: float) -> None:
            nonlocal now
            now += seconds
            await asyncio.sleep(0)

        try:
            collector = make(Api(server.origin, client, sleep=sleep, clock=lambda: now))
            if prepare:
                await collector.prepare(users or (ANNA,))
            return [observation async for observation in collector.collect(users or (ANNA,))]
        finally:
            await client.aclose()

    return asyncio.run(work())


def entra(api: Api) -> Entra:
    return Entra(Graph(api), lambda *_: None, batch=False)


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        ((404, JSON, wire("graph/image-not-found.json")), "absent", ""),
        ((404, JSON, wire("graph/entity-not-found.json")), "absent", ""),
        ((404, JSON, wire("graph/item-not-found.json")), "absent", ""),
        ((200, JSON, wire("graph/photo-none-1x1.json")), "absent", ""),
        ((404, JSON, wire("graph/get-user-photo.json")), "absent", ""),
        ((404, JSON, wire("graph/inner-error.json")), "absent", ""),
        ((404, JSON, wire("graph/image-not-found.json").replace(b'ImageNotFound"', b'imageNotFound"')), "absent", ""),
        ((400, JSON, wire("graph/no-mailbox.json")), "unknown", "AuthenticationError"),
        ((404, JSON, wire("graph/non-existent-mailbox.json")), "unknown", "ErrorNonExistentMailbox"),
        ((404, JSON, wire("graph/mailbox-on-premises.json")), "unknown", "MailboxNotHostedInExchangeOnline"),
        ((404, JSON, wire("graph/mailbox-not-enabled.json")), "unknown", "MailboxNotEnabledForRESTAPI"),
        ((404, JSON, wire("graph/profile-not-found.json")), "unknown", "ProfileNotFound"),
        ((404, JSON, wire("graph/get-user-photo-not-supported.json")), "unknown", "GetUserPhoto"),
        ((404, JSON, wire("graph/consumer-photo.json")), "unknown", "ConsumerPhotoIsNotSupported"),
        ((404, JSON, wire("graph/invalid-user.json")), "unknown", "ErrorInvalidUser"),
        ((403, JSON, wire("graph/hybrid-forbidden.json")), "unknown", "UnknownError"),
        ((404, JSON, wire("graph/mailbox-not-enabled.json").lower()), "unknown", "MailboxNotEnabledForRESTAPI"),
        # What passes says nothing of the user, whatever its status.
        ((503, JSON, wire("graph/mailbox-info-stale.json")), "unknown", "server_error"),
        ((404, JSON, wire("graph/mailbox-info-stale.json")), "unknown", "server_error"),
        ((400, JSON, b'{"error": {"code": "GeneralException", "message": ""}}'), "unknown", "server_error"),
        ((507, JSON, b'{"error": {"code": "UnknownError", "message": ""}}'), "unknown", "server_error"),
        # Without a code it is not Graph's.
        ((404, {"Content-Type": "text/plain"}, b"default backend - 404"), "unknown", "unexpected_answer"),
        ((404, JSON, b"{}"), "unknown", "unexpected_answer"),
        ((403, {"Content-Type": "text/html"}, b"<html>blocked</html>"), "unknown", "unexpected_answer"),
        ((200, JSON, b'{"id": "5b0d7c9e-0000-4000-8000-000000000001"}'), "unknown", "unexpected_answer"),
        ((404, JSON, wire("graph/resource-not-found.json")), "unknown", "Request_ResourceNotFound"),
        ((403, JSON, wire("graph/photo-permission-missing.json")), "unknown", "permission_missing"),
        ((403, JSON, wire("graph/directory-permission-missing.json")), "unknown", "permission_missing"),
        ((403, JSON, wire("graph/mailbox-permission-missing.json")), "unknown", "ErrorAccessDenied"),
        ((403, JSON, wire("graph/odata-disabled.json")), "unknown", "ErrorAccessDenied"),
        ((429, JSON, wire("graph/throttled.json")), "unknown", "throttled"),
        ((502, {}, b""), "unknown", "server_error"),
        ((302, {"Location": "https://a.example/"}, b""), "unknown", "unexpected_answer"),
        ((200, {"Content-Type": "text/html"}, b"<html>sign in</html>"), "unknown", "unexpected_answer"),
    ],
)
def test_what_graph_says_of_a_photo(start: Any, ca_bundle: Path, reply: Reply, status: str, reason: str) -> None:
    server = start()
    server.answers(lambda path, sent, number: reply)
    (found,) = observe(ca_bundle, server, entra)
    assert (found.status, found.reason) == (status, reason)
    assert bool(found.detail) == (status == "unknown")


def test_graph_describes_a_photo_and_sends_it(start: Any, ca_bundle: Path) -> None:
    server, data = start(), portrait()
    server.answers(
        lambda path, sent, number: (
            (200, {"Content-Type": "image/jpeg"}, data)
            if path.endswith("$value")
            else (200, JSON, wire("graph/photo-metadata.json"))
        )
    )
    (found,) = observe(ca_bundle, server, entra)
    assert found.status == "photo"
    assert found.fingerprint is not None
    assert found.fingerprint.width == 240
    assert found.signals["media_etag"] == json.loads(wire("graph/photo-metadata.json"))["@odata.mediaEtag"].strip('"')


def test_a_photo_that_is_described_and_not_there_is_unknown_and_never_absent(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(
        lambda path, sent, number: (
            (404, JSON, wire("graph/image-not-found.json"))
            if path.endswith("$value")
            else (200, JSON, wire("graph/photo-metadata.json"))
        )
    )
    (found,) = observe(ca_bundle, server, entra)
    assert (found.status, found.reason) == ("unknown", "picture_not_read")


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>sign in</html>"), "unknown", "picture_not_read"),
        ((200, {"Content-Type": "application/json"}, b"{}"), "unknown", "picture_not_read"),
        ((200, {"Content-Type": "image/jpeg"}, b""), "unknown", "picture_not_read"),
        ((200, {"Content-Type": "image/jpeg"}, b"%PDF-1.7 no image"), "unreadable", ""),
    ],
)
def test_a_page_in_a_pictures_place_is_no_answer_about_the_picture(
    start: Any, ca_bundle: Path, reply: Reply, status: str, reason: str
) -> None:
    server = start()
    server.answers(
        lambda path, sent, number: reply if path.endswith("$value") else (200, JSON, wire("graph/photo-metadata.json"))
    )
    (found,) = observe(ca_bundle, server, entra)
    assert (found.status, found.reason) == (status, reason)


def test_a_picture_under_a_wrong_content_type_is_still_a_picture(start: Any, ca_bundle: Path) -> None:
    server, data = start(), portrait()
    server.answers(
        lambda path, sent, number: (
            (200, {"Content-Type": "text/plain"}, data)
            if path.endswith("$value")
            else (200, JSON, wire("graph/photo-metadata.json"))
        )
    )
    (found,) = observe(ca_bundle, server, entra)
    assert found.status == "photo"


def test_bytes_that_change_between_two_readings_are_unknown(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(
        lambda path, sent, number: (
            (200, {"Content-Type": "image/jpeg"}, b"reading %d" % number)
            if path.endswith("$value")
            else (200, JSON, wire("graph/photo-metadata.json"))
        )
    )
    (found,) = observe(ca_bundle, server, entra)
    assert (found.status, found.reason) == ("unknown", "unstable_bytes")


def test_an_empty_media_etag_says_no_photo_with_or_without_its_quotes(start: Any, ca_bundle: Path) -> None:
    server = start()
    body = json.loads(wire("graph/photo-metadata.json")) | {"@odata.mediaEtag": '""'}
    server.answers(lambda path, sent, number: (200, JSON, json.dumps(body).encode()))
    (found,) = observe(ca_bundle, server, entra)
    assert found.status == "absent"


@pytest.mark.parametrize("link", ["", 5, "https://127.0.0.1:9/v1.0/users", "http://x/", "https://[bad"])
def test_a_list_whose_next_link_is_none_of_ours_is_never_taken_for_complete(
    start: Any, ca_bundle: Path, link: object
) -> None:
    server = start()
    server.answers(lambda path, sent, number: (200, JSON, json.dumps({"value": [], "@odata.nextLink": link}).encode()))

    async def work() -> None:
        client = new_client(tls_context(ca_bundle))
        try:
            async for _ in Graph(Api(server.origin, client, sleep=at_once)).pages("/users"):
                pass
        finally:
            await client.aclose()

    with pytest.raises(ServiceError):
        asyncio.run(work())


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            (200, JSON, wire("graph/photo-update-settings.json")),
            {
                "source": "cloud",
                "allowedRoles": ["62e90394-69f5-4237-9190-012177145e10", "fe930be7-5e62-47db-91af-98c3a49a38b1"],
            },
        ),
        ((200, JSON, wire("graph/photo-update-settings-default.json")), {"source": "", "allowedRoles": []}),
        ((200, JSON, b'{"source": null, "allowedRoles": null}'), {"source": "", "allowedRoles": []}),
        ((200, JSON, b'{"source": 7, "allowedRoles": [7, "a"]}'), {"source": "", "allowedRoles": ["a"]}),
        ((200, JSON, b"{}"), {"source": "", "allowedRoles": []}),
        ((403, JSON, wire("graph/directory-permission-missing.json")), None),
        ((502, {}, b""), None),
        ((200, {"Content-Type": "text/html"}, b"<html>sign in</html>"), None),
    ],
)
def test_who_may_change_a_photo_is_read_as_documented_or_not_known(
    start: Any, ca_bundle: Path, reply: Reply, expected: dict[str, Any] | None
) -> None:
    server = start()
    server.answers(lambda path, sent, number: reply)

    async def work() -> dict[str, Any] | None:
        client = new_client(tls_context(ca_bundle))
        try:
            return await Graph(Api(server.origin, client, sleep=at_once)).photo_updates()
        finally:
            await client.aclose()

    assert asyncio.run(work()) == expected


def batch_of(items: list[dict[str, Any]]) -> Reply:
    return 200, JSON, json.dumps({"responses": items}).encode()


def test_batch_items_are_told_apart_by_id_in_any_order(start: Any, ca_bundle: Path) -> None:
    server, data = start(), portrait()
    users = [User(f"id-{number}", f"u{number}@contoso.com", "", "", "Member", True, True, "", False, True, False)
             for number in range(3)]  # fmt: skip
    metadata = json.loads(wire("graph/photo-metadata.json"))

    def script(path: str, sent: dict[str, str], number: int) -> Reply:
        if number == 1:
            # The bare 404 stands beside answers of Graph itself.
            return batch_of(
                [
                    {"id": "2", "status": 404, "body": None},
                    {"id": "0", "status": 200, "headers": JSON, "body": metadata},
                    {"id": "1", "status": 404, "headers": JSON, "body": json.loads(wire("graph/image-not-found.json"))},
                ]
            )
        picture = base64.b64encode(data).decode()
        return batch_of([{"id": "0", "status": 200, "headers": {"Content-Type": "image/jpeg"}, "body": picture}])

    server.answers(script)
    found = observe(ca_bundle, server, lambda api: Entra(Graph(api), lambda *_: None), *users)
    assert {one.user_id: str(one.status) for one in found} == {"id-0": "photo", "id-1": "absent", "id-2": "absent"}
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "damaged",
    [
        batch_of([{"id": "0", "body": None}]),
        batch_of([{"id": "0", "status": 429, "body": json.loads(wire("graph/throttled.json"))}]),
        batch_of(
            [{"id": "0", "status": 404, "headers": JSON, "body": json.loads(wire("graph/mailbox-info-stale.json"))}]
        ),
        batch_of([{"id": "0", "status": 404, "headers": JSON, "body": None}]),
        batch_of([]),
        batch_of([{"id": "0", "status": 404, "body": None}, {"id": "0", "status": 404, "body": None}]),
        batch_of([{"id": "99", "status": 404, "body": None}]),
        (200, JSON, b"{}"),
        (400, JSON, b"{}"),
    ],
)
def test_a_damaged_batch_is_read_singly(start: Any, ca_bundle: Path, damaged: Reply) -> None:
    server = start()
    server.answers(
        lambda path, sent, number: damaged if "$batch" in path else (404, JSON, wire("graph/image-not-found.json"))
    )
    (found,) = observe(ca_bundle, server, lambda api: Entra(Graph(api), lambda *_: None))
    assert (found.status, found.way) == ("absent", "graph_single")


def exchange(protocol: str) -> Callable[[Api], Exchange]:
    def make(api: Api) -> Exchange:
        api.is_final = ews_is_final
        return Exchange(Ews(api, protocol), lambda *_: None)

    return make


def asks_for_no_size(path: str, sent: dict[str, str], body: bytes) -> bool:
    """Whether this is the question by which Exchange shows that it is Exchange."""
    return b">none<" in body


def exchange_that(server: Server, reply: Reply) -> None:
    """Exchange Web Services that answer `reply` to every photo, and a fault to a size that does not exist."""
    server.answers(
        lambda path, sent, number: (
            (500, XML, wire("exchange/schema-fault.xml")) if asks_for_no_size(path, sent, server.bodies[-1]) else reply
        )
    )


XML = {"Content-Type": "text/xml; charset=utf-8"}


@pytest.mark.parametrize(
    ("protocol", "reply", "status", "reason"),
    [
        ("rest", (404, {}, b""), "absent", ""),
        ("rest", (403, {}, b""), "unknown", "ews_refused"),
        ("rest", (500, {}, b""), "unknown", "server_error"),
        ("rest", (200, XML, wire("exchange/invalid-licence.xml")), "unknown", "ErrorInvalidLicense"),
        ("rest", (200, XML, wire("exchange/server-busy.xml")), "unknown", "throttled"),
        ("soap", (404, {}, b""), "absent", ""),
        ("soap", (404, XML, wire("exchange/invalid-licence.xml")), "unknown", "ErrorInvalidLicense"),
        ("rest", (404, XML, wire("exchange/invalid-licence.xml")), "unknown", "ErrorInvalidLicense"),
        ("soap", (404, JSON, b'{"message": "no route"}'), "unknown", "unexpected_answer"),
        ("rest", (404, JSON, b'{"message": "no route"}'), "unknown", "unexpected_answer"),
        ("soap", (200, XML, wire("exchange/no-photo.xml")), "absent", ""),
        ("soap", (200, XML, wire("exchange/unchanged.xml")), "unknown", "NoError"),
        ("soap", (200, XML, wire("exchange/invalid-licence.xml")), "unknown", "ErrorInvalidLicense"),
        ("soap", (200, XML, wire("exchange/invalid-size.xml")), "unknown", "ErrorInvalidPhotoSize"),
        ("soap", (500, XML, wire("exchange/schema-fault.xml")), "unknown", "ErrorSchemaValidation"),
        ("soap", (500, XML, wire("exchange/server-busy.xml")), "unknown", "throttled"),
        ("soap", (200, XML, wire("exchange/server-busy.xml")), "unknown", "throttled"),
        ("soap", (500, {}, b""), "unknown", "unknown_address"),
        ("rest", (200, {"Content-Type": "text/html"}, b"<html>sign in</html>"), "unknown", "picture_not_read"),
        ("rest", (200, {"Content-Type": "image/jpeg"}, b""), "unknown", "picture_not_read"),
        ("rest", (200, {"Content-Type": "image/jpeg"}, b"no image"), "unreadable", ""),
        ("soap", (200, XML, wire("exchange/no-photo.xml").replace(b"true", b"0")), "unknown", "NoError"),
        (
            "soap",
            (200, XML, wire("exchange/no-photo.xml").replace(b"GetUserPhotoR", b"GetFolderR")),
            "unknown",
            "NoError",
        ),
        ("soap", (403, {}, b""), "unknown", "ews_refused"),
        ("soap", (302, {"Location": "https://a.example/"}, b""), "unknown", "unexpected_answer"),
        ("soap", (200, XML, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "unknown", "unexpected_answer"),
        ("soap", (200, {"Content-Type": "text/html"}, b"<html>"), "unknown", "unexpected_answer"),
    ],
)
def test_what_exchange_says_of_a_photo(
    start: Any, ca_bundle: Path, protocol: str, reply: Reply, status: str, reason: str
) -> None:
    server = start()
    exchange_that(server, reply)
    (found,) = observe(ca_bundle, server, exchange(protocol))
    assert (found.status, found.reason) == (status, reason)


@pytest.mark.parametrize("protocol", ["rest", "soap"])
def test_a_404_of_what_has_not_shown_to_be_exchange_says_nothing(start: Any, ca_bundle: Path, protocol: str) -> None:
    server = start()
    server.answers(lambda path, sent, number: (404, {"Content-Type": "text/html"}, b"<html>not here</html>"))
    (found,) = observe(ca_bundle, server, exchange(protocol))
    assert (found.status, found.reason) == ("unknown", "unexpected_answer")


def test_an_app_only_question_in_soap_names_the_mailbox_it_speaks_for(start: Any, ca_bundle: Path) -> None:
    server = start()
    exchange_that(server, (404, {}, b""))
    observe(ca_bundle, server, exchange("soap"))
    assert b"<t:SmtpAddress>adele@contoso.com</t:SmtpAddress>" in server.bodies[0]


def test_one_users_odd_answer_does_not_end_exchange_for_everyone(start: Any, ca_bundle: Path) -> None:
    server = start()
    users = [User(f"id-{number}", f"u{number}@contoso.com", "", "", "Member", True, True, "", False, True, False)
             for number in range(3)]  # fmt: skip
    server.answers(
        lambda path, sent, number: (
            (200, XML, wire("exchange/server-busy.xml"))
            if b"u0@contoso.com" in server.bodies[-1]
            else (200, XML, wire("exchange/no-photo.xml"))
        )
    )
    found = observe(ca_bundle, server, exchange("soap"), *users, prepare=True)
    assert {one.user_id: str(one.status) for one in found} == {"id-0": "unknown", "id-1": "absent", "id-2": "absent"}


@pytest.mark.parametrize("status", [404, 500])
def test_an_address_unknown_to_exchange_of_a_user_without_a_plan_means_no_mailbox(
    start: Any, ca_bundle: Path, status: int
) -> None:
    server = start()
    exchange_that(server, (status, {}, b""))
    nobody = User(ANNA.id, ANNA.upn, "", "", "Member", True, True, "", False, exchange_plan=False, kiosk=False)
    (found,) = observe(ca_bundle, server, exchange("soap"), nobody)
    assert found.status == "not_provisioned"


@pytest.mark.parametrize("name", ["getuserphoto-response.xml", "getuserphoto-response-with-type.xml"])
def test_exchange_sends_a_picture_in_soap(start: Any, ca_bundle: Path, name: str) -> None:
    server = start()
    body = wire(f"exchange/{name}")
    head, _, rest = body.partition(b"<PictureData>")
    body = (
        head
        + b"<PictureData>"
        + base64.encodebytes(portrait())
        + b"</PictureData>"
        + rest.partition(b"</PictureData>")[2]
    )
    server.answers(lambda path, sent, number: (200, XML | {"ETag": '"123"'}, body))
    (found,) = observe(ca_bundle, server, exchange("soap"))
    assert (found.status, found.way, found.signals["etag"]) == ("photo", "ews_soap", "123")


def test_a_token_without_permissions_ends_exchange_for_everyone(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, sent, number: (401, headers("exchange/token-without-permissions.headers.json"), b""))
    with pytest.raises(WorkloadRefused) as refused:
        observe(ca_bundle, server, exchange("rest"))
    assert refused.value.reason == "permission_missing"


def test_exchange_is_off_only_when_it_refuses_several_whom_a_licence_would_not(start: Any, ca_bundle: Path) -> None:
    def users(count: int, *, kiosk: bool = False) -> list[User]:
        return [User(f"id-{number}", f"u{number}@contoso.com", "", "", "Member", True, True, "", False, True, kiosk)
                for number in range(count)]  # fmt: skip

    server = start()
    server.answers(lambda path, sent, number: (403, {}, b""))
    several = observe(ca_bundle, server, exchange("rest"), *users(5), prepare=True)
    assert {one.reason for one in several} == {"not_separately_readable"}
    one = observe(ca_bundle, server, exchange("rest"), *users(1), prepare=True)
    assert {found.reason for found in one} == {"ews_refused"}
    frontline = observe(ca_bundle, server, exchange("rest"), *users(5, kiosk=True), prepare=True)
    assert {found.reason for found in frontline} == {"ews_refused"}


def sharepoint(api: Api) -> SharePoint:
    api.is_final = lambda answer: b"User Profile Error 1000" in answer.body
    return SharePoint(People(Web({api.origin: api})), api.origin, (api.origin,), lambda *_: None)


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        ((200, JSON, wire("sharepoint/no-profile.json")), "not_provisioned", ""),
        ((200, JSON, wire("sharepoint/no-profile-verbose.json")), "not_provisioned", ""),
        ((500, JSON, wire("sharepoint/no-profile-error.json")), "not_provisioned", ""),
        ((404, JSON, wire("sharepoint/no-profile-error.json")), "not_provisioned", ""),
        ((200, JSON, b"null"), "not_provisioned", ""),
        ((200, JSON, b'{"@odata.null": true}'), "not_provisioned", ""),
        ((200, JSON, b'{"odata.metadata": "https://x/_api/$metadata", "value": null}'), "not_provisioned", ""),
        ((500, JSON, b"{}"), "unknown", "server_error"),
        ((200, JSON, b"{}"), "unknown", "unexpected_answer"),
        ((200, JSON, b'{"value": null, "AccountName": "adele"}'), "unknown", "unexpected_answer"),
        ((200, {"Content-Type": "text/html"}, b"<html>sign in</html>"), "unknown", "unexpected_answer"),
        ((403, JSON, b"{}"), "unknown", "HTTP 403"),
        ((403, JSON, wire("sharepoint/access-denied.json")), "unknown", "HTTP 403"),
        ((404, JSON, b"{}"), "unknown", "unexpected_answer"),
        ((302, {"Location": "https://a.example/"}, b""), "unknown", "unexpected_answer"),
        ((404, JSON, wire("sharepoint/file-not-found-verbose.json")), "unknown", "HTTP 404"),
        ((429, headers("sharepoint/throttled.headers.json"), b""), "unknown", "throttled"),
    ],
)
def test_what_sharepoint_says_of_a_profile(start: Any, ca_bundle: Path, reply: Reply, status: str, reason: str) -> None:
    server, web = start(), (200, JSON, wire("sharepoint/web.json"))
    server.answers(lambda path, sent, number: web if "/_api/web" in path else reply)
    (found,) = observe(ca_bundle, server, sharepoint)
    assert (found.status, found.reason) == (status, reason)


@pytest.mark.parametrize(
    ("status", "name", "sent", "reason"),
    [
        (
            401,
            "unsupported-app-only-token.json",
            "unsupported-app-only-token.headers.json",
            "sign_in_needs_certificate",
        ),
        (401, "unsupported-security-token.json", None, "sign_in_needs_certificate"),
        (401, "invalid-issuer.json", "invalid-issuer.headers.json", "sign_in_failed"),
        (403, "profile-permission-missing.json", None, "permission_missing"),
    ],
)
def test_a_credential_that_sharepoint_refuses_ends_it_for_everyone(
    start: Any, ca_bundle: Path, status: int, name: str, sent: str | None, reason: str
) -> None:
    server = start()
    reply = status, JSON | (headers(f"sharepoint/{sent}") if sent else {}), wire(f"sharepoint/{name}")
    server.answers(lambda path, asked, number: reply)
    with pytest.raises(WorkloadRefused) as refused:
        observe(ca_bundle, server, sharepoint)
    assert refused.value.reason == reason


def profile(name: str, origin: str, **changes: str) -> bytes:
    """A profile of the wire files, moved to a test's origin, with some properties changed."""
    body = json.loads(wire(f"sharepoint/{name}"))
    body["PersonalSiteHostUrl"] = origin + "/"
    given = {"PictureURL": f"{origin}/User%20Photos/Profilbilder/x_MThumb.jpg", "msOnline-ObjectId": ANNA.id} | changes
    body["UserProfileProperties"] = [
        entry | {"Value": given.pop(entry["Key"])} if entry["Key"] in given else entry
        for entry in body["UserProfileProperties"]
    ] + [{"Key": key, "Value": value, "ValueType": "Edm.String"} for key, value in given.items()]
    return json.dumps(body).encode()


def people(
    server: Server,
    shown: Callable[[str], Reply],
    stored: Reply = (404, JSON, b"{}"),
    **changes: str,
) -> None:
    """SharePoint that knows one profile; `shown` answers userphoto.aspx for an account name."""

    def script(path: str, sent: dict[str, str], number: int) -> Reply:
        if "GetPropertiesFor" in path:
            if "nobody" in path:
                return 200, JSON, wire("sharepoint/no-profile.json")
            return 200, JSON, profile("person-properties.json", server.origin, **changes)
        return stored if "GetFileBy" in path else shown(path)

    server.answers(script)


JPEG = {"Content-Type": "image/jpeg"}


def test_the_default_person_is_learned_and_never_taken_for_a_photo(start: Any, ca_bundle: Path) -> None:
    server, default, stored = start(), (200, JPEG, portrait()), (200, JPEG, portrait())
    people(server, lambda path: default, stored, PictureURL="")
    (found,) = observe(ca_bundle, server, sharepoint, prepare=True)
    assert found.status == "absent"
    people(server, lambda path: default, stored, **{"SPS-PicturePlaceholderState": "1"})
    shown, kept = observe(ca_bundle, server, sharepoint, prepare=True)
    assert (shown.picture, shown.judged, shown.status) == ("shown", True, "placeholder")
    assert (kept.picture, kept.judged, kept.status) == ("stored", False, "photo")


@pytest.mark.parametrize(
    "for_nobody",
    [(403, {}, b""), (503, {}, b""), (200, {"Content-Type": "text/html"}, b"<html>"), (404, {}, b"")],
)
def test_where_the_default_person_cannot_be_learned_nothing_that_is_shown_is_believed(
    start: Any, ca_bundle: Path, for_nobody: Reply
) -> None:
    server, picture = start(), (200, JPEG, portrait())
    people(server, lambda path: for_nobody if "nobody" in path else picture, PictureURL="")
    (found,) = observe(ca_bundle, server, sharepoint, prepare=True)
    assert (found.status, found.reason) == ("unknown", "picture_not_read")


def test_two_people_who_do_not_exist_must_be_shown_alike(start: Any, ca_bundle: Path) -> None:
    server = start()
    people(server, lambda path: (200, JPEG, portrait()), PictureURL="")
    (found,) = observe(ca_bundle, server, sharepoint, prepare=True)
    assert (found.status, found.reason) == ("unknown", "picture_not_read")


@pytest.mark.parametrize("url", ["", "https://x/User%20Photos/x_MThumb.jpg"])
def test_a_404_in_the_place_of_what_is_shown_is_never_absent(start: Any, ca_bundle: Path, url: str) -> None:
    server, default = start(), (200, JPEG, portrait())
    people(server, lambda path: default if "nobody" in path else (404, {}, b"<html>404</html>"), PictureURL=url)
    found = observe(ca_bundle, server, sharepoint, prepare=True)
    assert {str(one.status) for one in found if one.judged} == {"unknown"}


@pytest.mark.parametrize(
    ("stored", "status"),
    [
        ((404, {"Content-Type": "text/html"}, b"<html>404</html>"), "unknown"),
        ((404, {"Content-Type": "text/plain"}, b""), "unknown"),
        ((404, JSON, b'{"error": {"code": "itemNotFound", "message": "The file does not exist."}}'), "unknown"),
        ((404, JSON, wire("sharepoint/access-denied.json")), "unknown"),
        ((404, JSON, wire("sharepoint/file-does-not-exist.json")), "absent"),
        ((404, JSON, wire("sharepoint/file-not-found-verbose.json")), "absent"),
        ((404, {"Content-Type": "application/xml"}, wire("sharepoint/file-does-not-exist.xml")), "absent"),
        (
            (404, JSON, b'{"odata.error": {"code": "-2147024894, System.IO.FileNotFoundException", "message": "?"}}'),
            "absent",
        ),
    ],
)
def test_only_sharepoints_own_word_makes_a_stored_file_absent(
    start: Any, ca_bundle: Path, stored: Reply, status: str
) -> None:
    server = start()
    people(server, lambda path: (403, {}, b""), stored)
    found = observe(ca_bundle, server, sharepoint)
    assert [str(one.status) for one in found if one.picture == "stored"] == [status]
    # What is shown could not be read: that the file is gone is no word of it.
    assert [str(one.status) for one in found if one.judged] == ["unknown"]


def test_a_profile_that_does_not_say_whose_it_is_is_unknown(start: Any, ca_bundle: Path) -> None:
    server, default = start(), (200, JPEG, portrait())
    people(server, lambda path: default, **{"msOnline-ObjectId": ""})
    (found,) = observe(ca_bundle, server, sharepoint, prepare=True)
    assert (found.status, found.reason) == ("unknown", "profile_of_another_account")


def two_geos(home: Server, satellite: Server) -> Callable[[Api], SharePoint]:
    def make(api: Api) -> SharePoint:
        other = Api(satellite.origin, api.client, sleep=api.sleep, clock=api.clock)
        web = Web({home.origin: api, satellite.origin: other})
        return SharePoint(People(web), home.origin, (home.origin, satellite.origin), lambda *_: None)

    return make


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ((200, JSON, wire("sharepoint/no-profile.json")), "geo_unknown"),
        ((401, JSON, wire("sharepoint/invalid-issuer.json")), "sign_in_failed"),
    ],
)
def test_what_a_satellite_geo_denies_is_unknown_for_its_own_users_alone(
    start: Any, ca_bundle: Path, there: Reply, reason: str
) -> None:
    home, satellite = start(), start()
    home.answers(lambda path, sent, number: (200, JSON, profile("person-properties.json", satellite.origin)))
    satellite.answers(lambda path, sent, number: there)
    (found,) = observe(ca_bundle, home, two_geos(home, satellite))
    assert (found.status, found.reason) == ("unknown", reason)


def test_with_several_geos_a_profile_that_names_none_is_unknown(start: Any, ca_bundle: Path) -> None:
    home, satellite = start(), start()
    body = json.loads(profile("person-properties.json", home.origin)) | {"PersonalSiteHostUrl": None}
    home.answers(lambda path, sent, number: (200, JSON, json.dumps(body).encode()))
    (found,) = observe(ca_bundle, home, two_geos(home, satellite))
    assert (found.status, found.reason) == ("unknown", "geo_unknown")


def test_the_stored_file_is_named_by_the_profile_and_asked_for_in_its_large_form(start: Any, ca_bundle: Path) -> None:
    server, data = start(), portrait()
    server.answers(
        lambda path, sent, number: (
            (200, JSON, profile("person-properties.json", server.origin))
            if "GetPropertiesFor" in path
            else (200, {"Content-Type": "image/jpeg"}, data)
        )
    )
    observe(ca_bundle, server, sharepoint)
    asked = [path for path, _ in server.seen if "GetFileByServerRelativePath" in path]
    name = "'%2FUser%20Photos%2FProfilbilder%2Fx_LThumb.jpg'"
    assert asked == [f"/_api/web/GetFileByServerRelativePath(decodedurl={name})/$value"]


def test_a_file_name_with_a_hash_or_a_percent_sign_is_asked_for_as_it_is(start: Any, ca_bundle: Path) -> None:
    server = start()
    url = f"{server.origin}/User%20Photos/P/ben_contoso_com#EXT#100%25_MThumb.jpg"
    people(server, lambda path: (403, {}, b""), PictureURL=url)
    observe(ca_bundle, server, sharepoint)
    asked = [path for path, _ in server.seen if "GetFileBy" in path]
    assert asked[0].endswith("'%2FUser%20Photos%2FP%2Fben_contoso_com%23EXT%23100%25_LThumb.jpg')/$value")


def test_what_is_stored_counts_only_where_what_is_shown_cannot_be_read(start: Any, ca_bundle: Path) -> None:
    server, data = start(), portrait()

    def script(path: str, sent: dict[str, str], number: int) -> Reply:
        if "GetPropertiesFor" in path:
            return 200, JSON, profile("person-properties.json", server.origin)
        return (403, {}, b"") if "userphoto" in path else (200, {"Content-Type": "image/jpeg"}, data)

    server.answers(script)
    licensed = observe(ca_bundle, server, sharepoint)
    assert [(str(one.picture), one.judged, str(one.status)) for one in licensed] == [
        ("shown", False, "unknown"),
        ("stored", True, "photo"),
    ]
    without = User(ANNA.id, ANNA.upn, "", "", "Member", True, True, "", False, exchange_plan=False, kiosk=False)
    assert [(str(one.picture), one.judged) for one in observe(ca_bundle, server, sharepoint, without)] == [
        ("shown", True),
        ("stored", False),
    ]


def test_no_other_picture_stands_in_for_one_of_which_only_damaged_bytes_came(start: Any, ca_bundle: Path) -> None:
    server, data = start(), portrait()

    def script(path: str, sent: dict[str, str], number: int) -> Reply:
        if "GetPropertiesFor" in path:
            return 200, JSON, profile("person-properties.json", server.origin)
        return (200, JPEG, b"\xff\xd8damaged %d" % number) if "userphoto" in path else (200, JPEG, data)

    server.answers(script)
    assert [(str(one.picture), one.judged, str(one.status)) for one in observe(ca_bundle, server, sharepoint)] == [
        ("shown", True, "unknown"),
        ("stored", False, "photo"),
    ]


def test_a_picture_on_a_host_that_is_none_of_the_tenants_is_named_and_never_asked(start: Any, ca_bundle: Path) -> None:
    server = start()
    old = "https://contosoltd-my.sharepoint.com:443/User%20Photos/P/x_MThumb.jpg"
    default, own = portrait(), portrait()
    people(server, lambda path: (200, JPEG, default if "nobody" in path else own), PictureURL=old)
    shown, stored = observe(ca_bundle, server, sharepoint, prepare=True)
    assert shown.signals["PictureURL-host"] == "contosoltd-my.sharepoint.com"
    assert (stored.judged, stored.reason) == (False, "host_not_allowed")
    people(server, lambda path: (200, JPEG, default if "nobody" in path else own))
    shown, _ = observe(ca_bundle, server, sharepoint, prepare=True)
    assert "PictureURL-host" not in shown.signals


def test_a_profile_of_another_account_is_unknown(start: Any, ca_bundle: Path) -> None:
    server = start()
    body = {"msOnline-ObjectId": "99999999-0000-4000-8000-000000000000"}
    server.answers(lambda path, sent, number: (200, JSON, profile("person-properties.json", server.origin, **body)))
    (found,) = observe(ca_bundle, server, sharepoint)
    assert (found.status, found.reason) == ("unknown", "profile_of_another_account")


@pytest.mark.parametrize("host", ["https://127.0.0.1:9", "http://contoso-my.sharepoint.com", "https://evil.example"])
def test_a_my_site_host_that_is_not_configured_is_never_asked(start: Any, ca_bundle: Path, host: str) -> None:
    server = start()
    server.answers(lambda path, sent, number: (200, JSON, profile("person-properties.json", host)))
    (found,) = observe(ca_bundle, server, sharepoint)
    assert (found.status, found.reason) == ("unknown", "host_not_allowed")


def engage(bundle: Path, server: Server, work: Callable[[Yammer], Awaitable[Any]], **more: Any) -> Any:
    async def inside() -> Any:
        client = new_client(tls_context(bundle))
        try:
            api = Api(server.origin, client, sleep=at_once)
            web = Web({server.origin: api}, more.get("pictures", ()), lambda origin: Api(origin, client))
            return await work(Yammer(Engage(web, server.origin), lambda *_: None))
        finally:
            await client.aclose()

    return asyncio.run(inside())


async def first_page(yammer: Yammer) -> list[Found]:
    return await yammer.found(await yammer.page(1))


def test_engage_users_and_their_default_picture_are_read_as_documented(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, sent, number: (200, JSON, wire("yammer/users.json")))
    found = engage(ca_bundle, server, first_page)
    listed = json.loads(wire("yammer/users.json"))
    assert [one.id for one in found] == [str(entry["id"]) for entry in listed]
    for one, entry in zip(found, listed, strict=True):
        default = "no_photo.png" in entry["mugshot_url"]
        # Pictures lie on a host that this test does not allow: never asked, and never called absent.
        assert str(one.status) == ("absent" if default else "unknown")
        assert one.activated_at == entry["activated_at"]


@pytest.mark.parametrize("said", [None, 7, "", "2017", "2017-05-16T08:20:11Z", "yesterday", "<b>2017/05/16 x</b>"])
def test_when_an_engage_account_was_first_used_is_known_only_as_documented(
    start: Any, ca_bundle: Path, said: object
) -> None:
    listed = [entry | {"activated_at": said} for entry in json.loads(wire("yammer/users.json"))]
    server = start()
    server.answers(lambda path, sent, number: (200, JSON, json.dumps(listed).encode()))
    assert {one.activated_at for one in engage(ca_bundle, server, first_page)} == {""}


def test_a_refused_engage_token_is_final_for_the_workload(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, sent, number: (401, JSON, wire("yammer/token-not-found.json")))
    with pytest.raises(SignInRefused):
        engage(ca_bundle, server, lambda yammer: yammer.page(1))


async def by_email(yammer: Yammer) -> list[Observation]:
    return [one async for one in yammer.by_email([ANNA])]


def test_a_host_that_knows_nothing_of_engage_says_nothing_of_anyone(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, sent, number: (404, {"Content-Type": "text/html"}, b"<html>not here</html>"))
    with pytest.raises(Damaged):
        engage(ca_bundle, server, by_email)


def test_a_busy_exchange_is_waited_for_as_long_as_it_asks(start: Any, ca_bundle: Path) -> None:
    server, now = start(), 0.0
    server.answers(lambda path, sent, number: (200, XML, wire("exchange/server-busy.xml")))

    async def work() -> None:
        client = new_client(tls_context(ca_bundle))

        async def sleep(seconds: float) -> None:
            nonlocal now
            now += seconds

        try:
            await Ews(Api(server.origin, client, sleep=sleep, clock=lambda: now), "soap").photo("adele@contoso.com")
        finally:
            await client.aclose()

    with pytest.raises(Throttled):
        asyncio.run(work())
    assert now == 5.0 * (len(server.seen) - 1)


def test_only_plans_that_come_with_a_mailbox_count_as_exchange_plans() -> None:
    foundation = {"service": "exchange", "capabilityStatus": "Enabled"}
    entry = json.loads(wire("graph/user-with-plans.json"))
    kiosk = foundation | {"servicePlanId": "4a82b400-a79f-41a4-b4e2-e94f5787b113"}
    foundation |= {"servicePlanId": "113feb6c-3fe4-4440-bddc-54d774bf0318"}
    without = parse_user(entry | {"assignedPlans": [foundation]})
    assert without is not None
    assert not without.exchange_plan
    frontline = parse_user(entry | {"assignedPlans": [foundation, kiosk]})
    assert frontline is not None
    assert frontline.kiosk
    ended = parse_user(entry | {"assignedPlans": [kiosk | {"capabilityStatus": "Deleted"}]})
    assert ended is not None
    assert not ended.exchange_plan


def test_a_directory_user_is_read_with_plans_addresses_and_sync_state() -> None:
    user = parse_user(json.loads(wire("graph/user-with-plans.json")))
    assert user is not None
    assert user.exchange_plan
    assert not user.kiosk
    assert user.licensed
    assert all("@" in address and address == address.lower() for address in user.addresses)
