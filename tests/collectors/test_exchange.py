"""Exchange: who says that there is no photo, what passes, whose mailbox is asked, and what another way shows."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import unescape

import pytest

from auditor.collectors.exchange import Exchange, addresses
from auditor.model import FAULT_REASONS, OWN, Observation, Reason, Status, User
from auditor.services.exchange import Ews, ews_is_final
from auditor.services.http import Api, new_client
from auditor.services.tls import tls_context
from tests.collectors.test_wire import ANNA, JPEG, XML, Reply, exchange, exchange_that, observe, portrait, wire
from tests.services.conftest import Server, authority, ca_bundle, start

__all__ = ["authority", "ca_bundle", "start"]
PHOTO = portrait()
NOTHING: Reply = (404, {}, b"")
HTML: Reply = (404, {"Content-Type": "text/html"}, b"<html>not here</html>")
NO_PICTURE: Reply = (200, XML, wire("exchange/no-photo.xml"))
HEARD = datetime(2026, 11, 30, tzinfo=UTC)
FAULT: Reply = (500, XML, wire("exchange/schema-fault.xml"))


def people(count: int, *, begin: int = 0, **more: Any) -> list[User]:
    return [
        replace(ANNA, id=f"id-{number}", upn=f"u{number}@contoso.com", mail=f"u{number}@contoso.com", **more)
        for number in range(begin, begin + count)
    ]


def picture(protocol: str) -> Reply:
    if protocol == "rest":
        return 200, JPEG, PHOTO
    head, _, rest = wire("exchange/getuserphoto-response.xml").partition(b"<PictureData>")
    data = base64.b64encode(PHOTO)
    return 200, XML, head + b"<PictureData>" + data + b"</PictureData>" + rest.partition(b"</PictureData>")[2]


@dataclass
class Mailboxes:
    """Exchange Web Services behind a server, and what becomes of them.

    `without` are the addresses that have no photo; from question number `until` on everything is answered `instead`.
    """

    server: Server
    without: frozenset[str] = frozenset()
    until: int = 10**6
    instead: Reply = NOTHING
    soap_too: bool = True
    """Whether what comes instead comes to the question of no size, too."""
    said: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Protocol, address and size of every question."""

    def __post_init__(self) -> None:
        self.server.answers(self.reply)

    def reply(self, path: str, sent: dict[str, str], number: int) -> Reply:
        if "/s/GetUserPhoto" in path:
            query = parse_qs(urlsplit(path).query)
            protocol, email, size = "rest", query["email"][0], query["size"][0]
        else:
            body = self.server.bodies[-1].decode()
            email, size = (
                unescape(body.partition(f"<m:{name}>")[2].partition("<")[0]) for name in ("Email", "SizeRequested")
            )
            protocol = "soap"
        self.asked.append((protocol, email, size))
        gone = number >= self.until
        if size == "none":
            return self.instead if gone and self.soap_too else FAULT
        if gone:
            return self.instead
        if email in self.said:
            return self.said[email]
        if email in self.without:
            return NO_PICTURE if protocol == "soap" else NOTHING
        return picture(protocol)


Play = Callable[[Exchange], Any]


def played(bundle: Path, server: Server, protocol: str, play: Play, *, at_once: int = 1) -> Any:
    """What `play` gives; a mailbox after the other, for in SOAP the server knows the question by what came last."""

    async def work() -> Any:
        client = new_client(tls_context(bundle))

        async def sleep(_: float) -> None:
            await asyncio.sleep(0)

        now = time.monotonic
        api = Api(server.origin, client, sleep=sleep, clock=lambda: now() + 10**6)
        api.is_final = ews_is_final
        try:
            return await play(Exchange(Ews(api, protocol), lambda *_: None, concurrency=at_once))
        finally:
            await client.aclose()

    return asyncio.run(work())


async def collected(collector: Exchange, users: list[User]) -> dict[str, Observation]:
    seen = [one async for one in collector.collect(users)]
    assert sorted(one.user_id for one in seen if isinstance(one, Observation)) == sorted(user.id for user in users)
    return {one.user_id: one for one in seen if isinstance(one, Observation)}


def collect(bundle: Path, server: Server, protocol: str, users: list[User], **more: Any) -> dict[str, Observation]:
    found: dict[str, Observation] = played(bundle, server, protocol, lambda one: collected(one, users), **more)
    return found


# -- Who says so -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "instead"),
    [
        ("rest", NOTHING),
        ("rest", (403, {}, b"")),
        ("rest", (302, {"Location": "https://a.example/"}, b"")),
        ("rest", HTML),
        ("rest", (200, JPEG, b"")),
        ("soap", NOTHING),
        ("soap", NO_PICTURE),
        ("soap", (500, {}, b"")),
        ("soap", (200, XML, wire("exchange/error-non-existent-mailbox.xml"))),
    ],
)
def test_what_everybody_gets_from_some_question_on_is_no_word_about_a_photo(
    start: Any, ca_bundle: Path, protocol: str, instead: Reply
) -> None:
    users = people(24)
    Mailboxes(server := start(), until=13, instead=instead)
    found = collect(ca_bundle, server, protocol, users, at_once=4 if protocol == "rest" else 1)
    assert {one.status for one in found.values()} == {Status.PHOTO, Status.UNKNOWN}
    assert {one.reason for one in found.values() if one.status is Status.UNKNOWN} <= FAULT_REASONS


def test_a_soap_answer_does_not_stand_for_a_photo_that_was_given_before(start: Any, ca_bundle: Path) -> None:
    Mailboxes(server := start(), until=4, soap_too=False)
    found = collect(ca_bundle, server, "rest", people(6))
    assert [str(one.status) for one in found.values()].count("unknown") == 3


def test_a_user_known_to_have_a_photo_is_known_in_the_next_shard_too(start: Any, ca_bundle: Path) -> None:
    mailboxes = Mailboxes(server := start(), until=4, soap_too=False)

    async def two(collector: Exchange) -> dict[str, Observation]:
        await collected(collector, people(3))
        return await collected(collector, people(2, begin=3))

    found = played(ca_bundle, server, "rest", two)
    assert {one.status for one in found.values()} == {Status.UNKNOWN}
    assert mailboxes.asked[-1][2] not in {"HR648x648", "none"}


def test_mailboxes_without_a_photo_are_believed_at_the_price_of_a_few_questions(start: Any, ca_bundle: Path) -> None:
    without = frozenset(f"u{number}@contoso.com" for number in range(30) if number % 3)
    for protocol in ("rest", "soap"):
        mailboxes = Mailboxes(server := start(), without)
        found = collect(ca_bundle, server, protocol, people(30))
        assert {one.user_id for one in found.values() if one.status is Status.ABSENT} == {
            f"id-{number}" for number in range(30) if number % 3
        }
        assert len(mailboxes.asked) == 30 + 1


@pytest.mark.parametrize(
    ("proof", "status"),
    [
        (FAULT, Status.ABSENT),
        ((200, XML, wire("exchange/server-busy.xml")), Status.ABSENT),
        (NOTHING, Status.UNKNOWN),
        ((200, XML, wire("exchange/schema-fault.xml").replace(b"schemas.microsoft.com", b"a.example")), Status.UNKNOWN),
        ((500, XML, wire("exchange/schema-fault.xml").replace(b"ErrorSchemaValidation", b"Server")), Status.UNKNOWN),
        ((500, XML, b"<html><ResponseCode>ErrorServerBusy</ResponseCode></html>"), Status.UNKNOWN),
        ((403, {}, b""), Status.UNKNOWN),
        ((200, JPEG, PHOTO), Status.UNKNOWN),
    ],
)
def test_where_nobody_is_known_only_a_soap_answer_of_exchange_proves_who_said_so(
    start: Any, ca_bundle: Path, proof: Reply, status: Status
) -> None:
    server = start()
    server.answers(lambda path, sent, number: NOTHING if "/s/" in path else proof)
    assert {one.status for one in collect(ca_bundle, server, "rest", people(4)).values()} == {status}


# -- No photo, or no mailbox -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "status", "reason", "own"),
    [
        ({"exchange_plan": True}, Status.ABSENT, "", ""),
        ({"mailbox": "shared"}, Status.ABSENT, "", ""),
        ({"mailbox": "room"}, Status.ABSENT, "", ""),
        ({"mailbox": "equipment", "plans_known": False}, Status.ABSENT, "", ""),
        ({"mailbox": "user"}, Status.ABSENT, "", ""),
        ({}, Status.NOT_PROVISIONED, "", "plan"),
        ({"mailbox": "none"}, Status.NOT_PROVISIONED, "", "plan"),
        ({"mailbox": "none", "plans_known": False}, Status.NOT_PROVISIONED, "", "mailbox"),
        ({"mailbox": "unreadable"}, Status.UNKNOWN, Reason.MAILBOX_NOT_KNOWN, ""),
        ({"plans_known": False}, Status.UNKNOWN, Reason.MAILBOX_NOT_KNOWN, ""),
        ({"exchange_plan": True, "mail_of_another": True}, Status.UNKNOWN, Reason.AMBIGUOUS, ""),
    ],
)
def test_the_directory_tells_a_mailbox_without_a_photo_from_no_mailbox(
    start: Any, ca_bundle: Path, told: dict[str, Any], status: Status, reason: str, own: str
) -> None:
    user = replace(ANNA, **({"exchange_plan": False} | told))
    for protocol, reply in (("rest", NOTHING), ("soap", NOTHING), ("soap", NO_PICTURE)):
        exchange_that(server := start(), reply)
        (found,) = collect(ca_bundle, server, protocol, [user]).values()
        assert (found.status, found.reason, found.signals.get(OWN, "")) == (status, reason, own)
        assert reason not in FAULT_REASONS


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ({"asked_by": ("main@contoso.com", "adele@contoso.com", "an.alias@contoso.com"),
          "addresses": ("main@contoso.com",)},
         ["main@contoso.com", "adele@contoso.com"]),
        ({"asked_by": ("adele@contoso.com",), "mail_of_another": True}, ["adele@contoso.com"]),
        ({"asked_by": ("adele@contoso.com", "post@a.example"), "mail": "post@a.example"},
         ["adele@contoso.com", "post@a.example"]),
        ({"upn": "Adele@contoso.com", "asked_by": ("adele@contoso.com",)}, ["adele@contoso.com"]),
        ({"mail": " post@contoso.com "}, ["post@contoso.com", "adele@contoso.com"]),
        ({"mail": "bosses@contoso.com", "mail_of_another": True}, ["adele@contoso.com"]),
        ({"mail": ""}, ["adele@contoso.com"]),
    ],
)  # fmt: skip
def test_a_mailbox_is_asked_for_by_its_primary_address_and_then_by_the_users_name(
    start: Any, ca_bundle: Path, told: dict[str, Any], asked: list[str]
) -> None:
    user = replace(ANNA, **told)
    assert list(addresses(user)) == asked
    mailboxes = Mailboxes(server := start(), frozenset(asked))
    collect(ca_bundle, server, "rest", [user])
    assert [email for protocol, email, _ in mailboxes.asked if protocol == "rest"] == asked
    # A photo under the first address is enough, and one under the last is found.
    for without in ([], asked[:-1]):
        mailboxes = Mailboxes(server, frozenset(without))
        (found,) = collect(ca_bundle, server, "rest", [user]).values()
        assert (found.status, len(mailboxes.asked)) == (Status.PHOTO, len(without) + 1)


@pytest.mark.parametrize("protocol", ["rest", "soap"])
def test_a_name_that_is_no_address_of_the_mailbox_takes_nothing_from_what_the_address_said(
    start: Any, ca_bundle: Path, protocol: str
) -> None:
    user = replace(ANNA, mail="main@contoso.com")
    unknown = (500, XML, wire("exchange/error-non-existent-mailbox.xml"))
    Mailboxes(server := start(), frozenset({"main@contoso.com"}), said={"adele@contoso.com": unknown})
    (found,) = collect(ca_bundle, server, protocol, [user]).values()
    assert found.status is Status.ABSENT


@pytest.mark.parametrize("protocol", ["rest", "soap"])
@pytest.mark.parametrize(
    "address", ["a\x07b@contoso.com", "a\nb@contoso.com", "a\ud800b@contoso.com", "a\x85@contoso.com"]
)
def test_an_address_that_no_request_can_hold_is_that_users_matter(
    start: Any, ca_bundle: Path, protocol: str, address: str
) -> None:
    Mailboxes(server := start())
    odd = replace(ANNA, id="odd", upn=address, mail="")
    found = collect(ca_bundle, server, protocol, [odd, *people(2)])
    assert (found["odd"].status, found["odd"].reason) == (Status.UNKNOWN, Reason.UNKNOWN_ADDRESS)
    assert {found["id-0"].status, found["id-1"].status} == {Status.PHOTO}
    assert Reason.UNKNOWN_ADDRESS not in FAULT_REASONS


# -- What passes, and what is final ------------------------------------------------------------------------------------


def _moved(name: str, code: bytes) -> bytes:
    return wire(name).replace(b"ErrorMailboxMoveInProgress", code)


MOVING = "exchange/fault-move-in-progress.xml"


@pytest.mark.parametrize(
    ("protocol", "reply", "reason", "asked"),
    [
        ("soap", (200, XML, wire("exchange/error-too-many-objects-opened.xml")), "server_error", 6),
        ("rest", (200, XML, wire("exchange/error-too-many-objects-opened.xml")), "server_error", 6),
        ("rest", (200, JPEG, wire("exchange/error-too-many-objects-opened.xml")), "server_error", 6),
        ("rest", (200, {}, wire("exchange/invalid-licence.xml")), "ErrorInvalidLicense", 1),
        ("soap", (500, XML, wire(MOVING)), "server_error", 6),
        ("rest", (500, XML, wire(MOVING)), "server_error", 6),
        ("soap", (500, XML, _moved(MOVING, b"ErrorOfSomeLaterVersion")), "server_error", 6),
        ("soap", (200, XML, wire("exchange/error-inner-busy.xml")), "throttled", 6),
        ("soap", (500, XML, wire("exchange/fault-code-alone.xml")), "throttled", 6),
        ("soap", (200, XML, wire("exchange/error-inner-corrupt.xml")), "ErrorItemCorrupt", 1),
        ("soap", (500, XML, wire("exchange/impersonation-denied.xml")), "ErrorImpersonateUserDenied", 1),
        ("soap", (200, XML, wire("exchange/error-non-existent-mailbox.xml")), "ErrorNonExistentMailbox", 1),
        ("rest", (500, XML, wire("exchange/error-non-existent-mailbox.xml")), "ErrorNonExistentMailbox", 1),
        ("soap", (302, json.loads(wire("exchange/error-page.headers.json")), b""), "server_error", 6),
        ("rest", (302, {"Location": "https://outlook.office365.com/owa/auth/ErrorFE.aspx"}, b""), "server_error", 6),
        ("soap", (302, {"Location": "/owa/auth/logon.aspx"}, b""), "unexpected_answer", 1),
        ("soap", (403, XML, _moved(MOVING, b"ErrorOfSomeLaterVersion")), "ews_refused", 2),
        ("soap", (520, {}, b"unknown error"), "server_error", 6),
        ("rest", (408, {}, b""), "server_error", 6),
    ],
)  # fmt: skip
def test_only_a_code_of_the_closed_list_is_final(
    start: Any, ca_bundle: Path, protocol: str, reply: Reply, reason: str, asked: int
) -> None:
    exchange_that(server := start(), reply)
    (found,) = observe(ca_bundle, server, exchange(protocol))
    questions = [body for body in server.bodies if b">none<" not in body]
    assert (found.status, found.reason, len(questions)) == (Status.UNKNOWN, reason, asked)
    assert (reason in FAULT_REASONS) == (reason in {"server_error", "throttled", "unexpected_answer"})


@pytest.mark.parametrize(
    "passing",
    [
        (500, XML, wire(MOVING)),
        (200, XML, wire("exchange/error-inner-busy.xml")),
        (302, json.loads(wire("exchange/error-page.headers.json")), b""),
        (401, {}, b""),
    ],
)
def test_what_passes_leaves_no_trace(start: Any, ca_bundle: Path, passing: Reply) -> None:
    server = start()
    server.answers(lambda path, sent, number: passing if number < 3 else picture("rest"))
    (found,) = observe(ca_bundle, server, exchange("rest"))
    assert found.status is Status.PHOTO


def test_mailboxes_that_are_moved_do_not_end_exchange_for_everyone(start: Any, ca_bundle: Path) -> None:
    users = people(6)
    said = dict.fromkeys((user.mail for user in users[:4]), (500, XML, wire(MOVING)))
    Mailboxes(server := start(), said=said)

    async def prepared(collector: Exchange) -> dict[str, Observation]:
        await collector.prepare(users)
        return await collected(collector, users)

    found = played(ca_bundle, server, "rest", prepared)
    assert [str(found[user.id].status) for user in users] == ["unknown"] * 4 + ["photo"] * 2
    assert found["id-0"].signals["code"] == "ErrorMailboxMoveInProgress"
    assert "ErrorMailboxMoveInProgress" in found["id-0"].detail


def test_a_mailbox_that_stays_busy_while_others_answer_holds_none_of_them(start: Any, ca_bundle: Path) -> None:
    busy = wire("exchange/server-busy.xml").replace(b">5000<", b">500<")
    mailboxes = Mailboxes(server := start(), said={"u0@contoso.com": (200, XML, busy)})

    async def work() -> None:
        client = new_client(tls_context(ca_bundle))
        api = Api(server.origin, client)
        try:
            collector = Exchange(Ews(api, "rest"), lambda *_: None, concurrency=4)
            found = await collected(collector, people(41))
        finally:
            await client.aclose()
        assert found["id-0"].reason == Reason.THROTTLED

    asyncio.run(work())
    order = [email for _, email, _ in mailboxes.asked]
    second, third = [number for number, email in enumerate(order) if email == "u0@contoso.com"][1:3]
    assert third - second > 10


# -- Another way -------------------------------------------------------------------------------------------------------


async def again(collector: Exchange, users: list[User]) -> dict[str, Observation]:
    heard = {user.id: Observation(user.id, collector.workload, Status.ABSENT, collector.way, HEARD) for user in users}
    found = [one async for one in collector.ask_again(users, heard)]
    assert sorted(one.user_id for one in found) == sorted(user.id for user in users)
    return {one.user_id: one for one in found}


@pytest.mark.parametrize(("protocol", "other"), [("rest", "soap"), ("soap", "rest")])
def test_asked_again_in_another_size_and_in_the_other_form(
    start: Any, ca_bundle: Path, protocol: str, other: str
) -> None:
    mailboxes = Mailboxes(server := start(), frozenset({"u0@contoso.com"}))
    found = played(ca_bundle, server, protocol, lambda one: again(one, people(2)))
    assert (found["id-0"].status, found["id-1"].status) == (Status.ABSENT, Status.PHOTO)
    assert {size for _, _, size in mailboxes.asked} == {"HR360x360", "HR504x504"}
    assert (other, "u0@contoso.com", "HR360x360") in mailboxes.asked
    assert found["id-1"].fingerprint is not None


def test_asked_again_a_photo_that_only_the_other_form_gives_is_found(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, sent, number: NOTHING if "/s/" in path else picture("soap"))
    (found,) = played(ca_bundle, server, "rest", lambda one: again(one, [ANNA])).values()
    assert (found.status, str(found.way)) == (Status.PHOTO, "ews_soap")


@pytest.mark.parametrize(
    ("instead", "reason"),
    [(NOTHING, "unexpected_answer"), ((403, {}, b""), "ews_refused"), ((401, {}, b""), "sign_in_failed")],
)
def test_asked_again_nothing_is_believed_of_what_does_not_prove_to_be_exchange(
    start: Any, ca_bundle: Path, instead: Reply, reason: str
) -> None:
    Mailboxes(server := start(), until=1, instead=instead)
    found = played(ca_bundle, server, "rest", lambda one: again(one, people(4)))
    assert {(one.status, one.reason) for one in found.values()} <= {
        (Status.UNKNOWN, reason),
        (Status.UNKNOWN, "HTTP 401"),
    }
