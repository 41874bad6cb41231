"""When a known copy is unchanged: each service's own word for it, one answer at a time, and never anything less."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.collectors.contract import Known, Seen, Unchanged
from auditor.collectors.entra import Entra
from auditor.collectors.yammer import Found, Yammer
from auditor.model import Observation, Picture, User, Way
from auditor.services.graph import Graph
from auditor.services.http import Api, new_client
from auditor.services.tls import tls_context
from tests.collectors.test_wire import (
    ANNA,
    JPEG,
    JSON,
    XML,
    Reply,
    at_once,
    batch_of,
    engage,
    entra,
    exchange,
    people,
    portrait,
    sharepoint,
    wire,
)
from tests.services.conftest import Server, authority, ca_bundle, start

__all__ = ["authority", "ca_bundle", "start"]
NOW = datetime(2026, 11, 26, tzinfo=UTC)
PHOTO = portrait()


def known(way: Way, *, recheck: bool = False, **signals: str) -> Known:
    return Known(signals, way, NOW, recheck=recheck)


def see(bundle: Path, server: Server, make: Callable[[Api], Any], what: Known | None, user: User = ANNA) -> list[Seen]:
    async def work() -> list[Seen]:
        client = new_client(tls_context(bundle))
        try:
            collector = make(Api(server.origin, client, sleep=at_once))
            await collector.prepare([user])
            server.seen.clear()
            return [one async for one in collector.collect([user], {} if what is None else {user.id: what})]
        finally:
            await client.aclose()

    return asyncio.run(work())


def asked(server: Server) -> list[str]:
    return [path.rpartition("/")[2].partition("?")[0] for path, _ in server.seen]


# -- Entra ID ---------------------------------------------------------------------------------------------------

METADATA = json.loads(wire("graph/photo-metadata.json"))
TAG = METADATA["@odata.mediaEtag"].strip('"')
SAME = {"media_etag": TAG, "size": METADATA["id"]}


def graph_that(server: Server, etag: str = "", **changes: object) -> None:
    """Graph with one photo, whose metadata has these changes, and whose bytes come with an ETag."""
    body = json.dumps(METADATA | {f"@odata.{name}" if name == "mediaEtag" else name: changes[name] for name in changes})
    server.answers(
        lambda path, sent, number: (
            (200, JPEG | ({"ETag": etag} if etag else {}), PHOTO)
            if path.endswith("$value")
            else (200, JSON, body.encode())
        )
    )


def test_the_bytes_of_a_photo_with_the_same_media_etag_are_not_asked_for(start: Any, ca_bundle: Path) -> None:
    server = start()
    graph_that(server)
    assert see(ca_bundle, server, entra, known(Way.GRAPH_BATCH, **SAME)) == [
        Unchanged(ANNA.id, {**SAME, "code": ""}),
    ]
    assert asked(server) == ["photo"]


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        (SAME | {"media_etag": "00000000"}, {}),
        (SAME | {"size": "48x48"}, {}),
        ({"size": METADATA["id"]}, {}),  # the earlier run saw no ETag
        (SAME, {"mediaEtag": None}),  # and now there is none
        (SAME | {"value_etag": "11111111"}, {}),  # metadata and bytes were of two moments
        (SAME | {"media_etag": "e" * 1000 + "…"}, {"mediaEtag": "e" * 1200}),  # cut: the rest may differ
    ],
)
def test_a_photo_whose_etag_is_another_or_cannot_tell_is_read(
    start: Any, ca_bundle: Path, before: dict[str, str], changes: dict[str, Any]
) -> None:
    server = start()
    graph_that(server, **changes)
    (seen,) = see(ca_bundle, server, entra, known(Way.GRAPH_BATCH, **before))
    assert isinstance(seen, Observation)
    assert seen.status == "photo"


def test_a_photo_that_is_checked_is_read_and_said_to_be_unchanged(start: Any, ca_bundle: Path) -> None:
    server = start()
    graph_that(server)
    promise, seen = see(ca_bundle, server, entra, known(Way.GRAPH_BATCH, recheck=True, **SAME))
    assert isinstance(promise, Unchanged)
    assert isinstance(seen, Observation)
    assert seen.status == "photo"
    assert asked(server) == ["photo", "$value"]


@pytest.mark.parametrize(
    ("etag", "noted"), [(f'"{TAG}"', ""), (f'W/"{TAG}"', ""), ("", ""), ('"ABCD0123"', "ABCD0123")]
)
def test_bytes_with_another_etag_than_their_metadata_say_so_for_the_next_run(
    start: Any, ca_bundle: Path, etag: str, noted: str
) -> None:
    server = start()
    graph_that(server, etag)
    (seen,) = see(ca_bundle, server, entra, None)
    assert seen.signals.get("value_etag", "") == noted


def test_no_photo_where_one_was_known_is_absent_and_not_unchanged(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, sent, number: (404, JSON, wire("graph/image-not-found.json")))
    (seen,) = see(ca_bundle, server, entra, known(Way.GRAPH_BATCH, **SAME))
    assert isinstance(seen, Observation)
    assert seen.status == "absent"


def test_a_batch_of_known_photos_asks_for_no_picture(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, sent, number: batch_of([{"id": "0", "status": 200, "headers": JSON, "body": METADATA}]))
    (seen,) = see(ca_bundle, server, lambda api: Entra(Graph(api), lambda *_: None), known(Way.GRAPH_BATCH, **SAME))
    assert isinstance(seen, Unchanged)
    assert asked(server) == ["$batch"]


# -- Exchange ---------------------------------------------------------------------------------------------------


def mailbox(server: Server, tag: str, *, told: str | None = None) -> None:
    """Exchange with one photo, conditional as documented; `told` is the ETag that an unchanged one comes with."""
    body = wire("exchange/getuserphoto-response.xml")
    head, _, rest = body.partition(b"<PictureData>")
    whole = head + b"<PictureData>" + base64.b64encode(PHOTO) + b"</PictureData>" + rest.partition(b"</PictureData>")[2]

    def script(path: str, sent: dict[str, str], number: int) -> Reply:
        rest_form = "/s/GetUserPhoto" in path
        sends = {"ETag": f'"{tag if told is None else told}"'} if told != "" else {}
        if sent.get("if-none-match") == f'"{tag}"':
            return (304, sends, b"") if rest_form else (200, XML | sends, wire("exchange/unchanged.xml"))
        etag = {"ETag": f'"{tag}"'}
        return (200, JPEG | etag, PHOTO) if rest_form else (200, XML | etag, whole)

    server.answers(script)


WAYS = {"rest": Way.EWS_REST, "soap": Way.EWS_SOAP}


@pytest.mark.parametrize("protocol", ["rest", "soap"])
@pytest.mark.parametrize("told", [None, ""])
def test_exchange_says_that_a_picture_has_not_changed(
    start: Any, ca_bundle: Path, protocol: str, told: str | None
) -> None:
    server = start()
    mailbox(server, "tag-1", told=told)
    seen = see(ca_bundle, server, exchange(protocol), known(WAYS[protocol], etag="tag-1"))
    assert seen == [Unchanged(ANNA.id, {"etag": "tag-1"})]
    assert len(server.seen) == 1


@pytest.mark.parametrize("protocol", ["rest", "soap"])
def test_a_picture_with_another_etag_comes_with_the_same_question(start: Any, ca_bundle: Path, protocol: str) -> None:
    server = start()
    mailbox(server, "tag-2")
    (seen,) = see(ca_bundle, server, exchange(protocol), known(WAYS[protocol], etag="tag-1"))
    assert isinstance(seen, Observation)
    assert (seen.status, seen.signals["etag"]) == ("photo", "tag-2")
    assert len(server.seen) == 1


@pytest.mark.parametrize("protocol", ["rest", "soap"])
def test_a_mailbox_that_is_checked_is_asked_both_ways(start: Any, ca_bundle: Path, protocol: str) -> None:
    server = start()
    mailbox(server, "tag-1")
    promise, seen = see(ca_bundle, server, exchange(protocol), known(WAYS[protocol], etag="tag-1", recheck=True))
    assert isinstance(promise, Unchanged)
    assert isinstance(seen, Observation)
    assert seen.status == "photo"
    assert ["if-none-match" in sent for _, sent in server.seen] == [True, False]


def test_unchanged_with_an_etag_that_was_not_asked_for_is_not_believed(start: Any, ca_bundle: Path) -> None:
    server = start()
    mailbox(server, "tag-1", told="tag-9")
    (seen,) = see(ca_bundle, server, exchange("soap"), known(Way.EWS_SOAP, etag="tag-1"))
    assert isinstance(seen, Observation)
    assert seen.status == "photo"


@pytest.mark.parametrize("etag", ['a"b', "a\nb", "ä", "", "x" * 201])
def test_an_etag_that_no_header_can_hold_is_not_sent(start: Any, ca_bundle: Path, etag: str) -> None:
    server = start()
    mailbox(server, "tag-1")
    (seen,) = see(ca_bundle, server, exchange("soap"), known(Way.EWS_SOAP, etag=etag))
    assert isinstance(seen, Observation)
    assert all("if-none-match" not in sent for _, sent in server.seen)


def test_an_etag_of_the_other_form_is_not_sent(start: Any, ca_bundle: Path) -> None:
    server = start()
    mailbox(server, "tag-1")
    see(ca_bundle, server, exchange("rest"), known(Way.EWS_SOAP, etag="tag-1"))
    assert all("if-none-match" not in sent for _, sent in server.seen)


def test_a_304_that_nobody_asked_for_is_no_picture(start: Any, ca_bundle: Path) -> None:
    server = start()
    server.answers(lambda path, sent, number: (304, {}, b""))
    (seen,) = see(ca_bundle, server, exchange("rest"), None)
    assert isinstance(seen, Observation)
    assert seen.status == "unknown"


# -- SharePoint -------------------------------------------------------------------------------------------------

STAMPED = NOW - timedelta(days=40)
SECONDS = str(int((STAMPED - datetime(1, 1, 1, tzinfo=UTC)).total_seconds()))
STATES = {
    "SPS-PictureTimestamp": SECONDS,
    "SPS-PicturePlaceholderState": "0",
    "SPS-PictureExchangeSyncState": "1",
}


def profile_that(server: Server, **changes: str) -> None:
    default = portrait()
    people(
        server, lambda path: (200, JPEG, default if "nobody" in path else PHOTO), (200, JPEG, PHOTO),
        **STATES | changes,
    )  # fmt: skip


def profile_known(bundle: Path, server: Server, read_at: datetime = NOW, *, recheck: bool = False) -> Known:
    """What a run before knows of Anna's pictures."""
    seen = see(bundle, server, sharepoint, None)
    assert [one.picture for one in seen] == [Picture.SHOWN, Picture.STORED]
    return Known(seen[0].signals, Way.USERPHOTO, read_at, frozenset(one.picture for one in seen), recheck)


def test_neither_picture_of_a_profile_with_the_same_stamp_is_read(start: Any, ca_bundle: Path) -> None:
    server = start()
    profile_that(server)
    before = profile_known(ca_bundle, server)
    shown, stored = see(ca_bundle, server, sharepoint, before)
    assert isinstance(shown, Unchanged)
    assert isinstance(stored, Unchanged)
    assert (shown.picture, shown.judged) == (Picture.SHOWN, True)
    assert (stored.picture, stored.judged) == (Picture.STORED, False)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"SPS-PictureTimestamp": str(int(SECONDS) + 1)},
        {"SPS-PicturePlaceholderState": "1"},
        {"PictureURL": "https://127.0.0.1:1/User%20Photos/Profilbilder/y_MThumb.jpg"},
    ],
)
def test_a_profile_whose_stamp_or_address_is_another_is_read(
    start: Any, ca_bundle: Path, changes: dict[str, str]
) -> None:
    server = start()
    profile_that(server)
    before = profile_known(ca_bundle, server)
    profile_that(server, **changes)
    assert all(isinstance(one, Observation) for one in see(ca_bundle, server, sharepoint, before))


@pytest.mark.parametrize(
    "states",
    [
        {"SPS-PictureExchangeSyncState": "0"},  # a tool wrote it, and may write again without a stamp
        {"SPS-PictureExchangeSyncState": ""},
        {"SPS-PictureTimestamp": ""},
        {"SPS-PictureTimestamp": "soon"},
    ],
)
def test_a_picture_that_no_synchronisation_stamps_is_always_read(
    start: Any, ca_bundle: Path, states: dict[str, str]
) -> None:
    server = start()
    profile_that(server, **states)
    before = profile_known(ca_bundle, server)
    assert all(isinstance(one, Observation) for one in see(ca_bundle, server, sharepoint, before))


def test_what_users_without_an_exchange_licence_are_shown_is_always_read(start: Any, ca_bundle: Path) -> None:
    server, user = start(), replace(ANNA, exchange_plan=False)
    profile_that(server)
    before = profile_known(ca_bundle, server)
    assert all(isinstance(one, Observation) for one in see(ca_bundle, server, sharepoint, before, user))


def test_what_was_read_soon_after_its_stamp_may_be_the_picture_before(start: Any, ca_bundle: Path) -> None:
    server = start()
    profile_that(server)
    for after, believed in ((timedelta(days=2), False), (timedelta(days=4), True)):
        before = profile_known(ca_bundle, server, STAMPED + after)
        seen = see(ca_bundle, server, sharepoint, before)
        assert all(isinstance(one, Unchanged) == believed for one in seen)


def test_only_the_pictures_that_are_known_are_left_unread(start: Any, ca_bundle: Path) -> None:
    server = start()
    profile_that(server)
    before = profile_known(ca_bundle, server)
    shown, stored = see(ca_bundle, server, sharepoint, replace(before, pictures=frozenset({Picture.SHOWN})))
    assert isinstance(shown, Unchanged)
    assert isinstance(stored, Observation)
    shown, stored = see(ca_bundle, server, sharepoint, replace(before, pictures=frozenset({Picture.STORED})))
    assert isinstance(shown, Observation)
    assert isinstance(stored, Unchanged)


def test_a_profile_that_is_checked_is_read_whole(start: Any, ca_bundle: Path) -> None:
    server = start()
    profile_that(server)
    before = profile_known(ca_bundle, server, recheck=True)
    seen = see(ca_bundle, server, sharepoint, before)
    assert [(type(one).__name__, one.picture) for one in seen] == [
        ("Unchanged", Picture.SHOWN), ("Observation", Picture.SHOWN),
        ("Unchanged", Picture.STORED), ("Observation", Picture.STORED),
    ]  # fmt: skip


def test_a_profile_that_now_is_anothers_is_never_unchanged(start: Any, ca_bundle: Path) -> None:
    server = start()
    profile_that(server)
    before = profile_known(ca_bundle, server)
    profile_that(server, **{"msOnline-ObjectId": "somebody-else"})
    (seen,) = see(ca_bundle, server, sharepoint, before)
    assert isinstance(seen, Observation)
    assert seen.reason == "profile_of_another_account"


# -- Viva Engage ------------------------------------------------------------------------------------------------


def listing(server: Server, picture: str, engage_id: int = 7) -> None:
    url = f"{server.origin}/mugshot/images/{picture}?P1=1&size=48x48"
    entry = {"id": engage_id, "email": ANNA.mail, "state": "active", "mugshot_url": url}
    server.answers(
        lambda path, sent, number: (
            (200, JPEG, PHOTO) if "mugshot" in path else (200, JSON, json.dumps([entry]).encode())
        )
    )


def first_page(bundle: Path, server: Server, what: Mapping[str, Known]) -> Found:
    async def work(yammer: Yammer) -> list[Found]:
        return await yammer.found(await yammer.page(1), what)

    (found,) = engage(bundle, server, work)
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("picture", "engage_id", "recheck", "unchanged", "read"),
    [
        ("abc", 7, False, True, False),
        ("abc", 7, True, True, True),
        ("other", 7, False, False, True),
        ("no_photo.png", 7, False, False, True),
        ("abc", 8, False, False, True),
    ],
)
def test_a_mugshot_with_the_same_id_of_the_same_account_is_not_fetched(
    start: Any, ca_bundle: Path, picture: str, engage_id: int, recheck: bool, unchanged: bool, read: bool
) -> None:
    server = start()
    listing(server, picture, engage_id)
    before = known(Way.USERS_LIST, engage_id="7", picture_id="abc", recheck=recheck)
    found = first_page(ca_bundle, server, {str(engage_id): before})
    assert (found.unchanged, found.read) == (unchanged, read)
    assert any("mugshot" in path for path, _ in server.seen) == (read and picture != "no_photo.png")


def test_one_who_is_asked_for_by_address_is_unchanged_by_the_same_ids(start: Any, ca_bundle: Path) -> None:
    server = start()
    listing(server, "abc")

    async def work(yammer: Yammer) -> list[Seen]:
        before = known(Way.BY_EMAIL, engage_id="7", picture_id="abc")
        return [one async for one in yammer.by_email([ANNA], {ANNA.id: before})]

    (seen,) = engage(ca_bundle, server, work)
    assert isinstance(seen, Unchanged)
    assert not any("mugshot" in path for path, _ in server.seen)
