"""Who says so, in SharePoint: answers that are given to everybody alike, held against what SharePoint can prove.

A scripted SharePoint serves the shapes of the wire files for a few users; each test lets it misbehave in one way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from PIL import Image

from auditor.collectors.contract import Seen
from auditor.collectors.sharepoint import SharePoint
from auditor.model import FAULT_REASONS, OWN, Observation, User
from auditor.services.http import Answer, Api, Web, new_client
from auditor.services.sharepoint import USER_NOT_FOUND, People, _file_of, _sizes
from auditor.services.tls import tls_context
from tests.collectors.test_wire import JPEG, JSON, Reply, at_once, portrait, wire
from tests.services.conftest import Server, authority, ca_bundle, start

__all__ = ["authority", "ca_bundle", "start"]
DEFAULT, NEW_DEFAULT = portrait(), portrait()
PORTRAITS = [portrait() for _ in range(12)]
NULL = (200, JSON, wire("sharepoint/no-profile.json"))
WEB = (200, JSON, wire("sharepoint/web.json"))
NO_FILE = (404, JSON, wire("sharepoint/file-does-not-exist.json"))
STATE, STAMP, SYNC = "SPS-PicturePlaceholderState", "SPS-PictureTimestamp", "SPS-PictureExchangeSyncState"


def user(number: int, *, exchange_plan: bool = True) -> User:
    upn = f"user{number}@contoso.com"
    return User(
        f"5b0d7c9e-0000-4000-8000-{number:012d}", upn, upn, upn, "Member", True, True, "", False, exchange_plan, False
    )


@dataclass
class Tenant:
    """SharePoint as it answers; by number of the user. `wrong` may answer instead: (path, name, number) → reply."""

    server: Server
    shown: dict[int, bytes] = field(default_factory=dict)
    """Who is not here is shown the default person."""
    stored: dict[int, bytes] = field(default_factory=dict)
    properties: dict[int, dict[str, str]] = field(default_factory=dict)
    """What differs from a synchronised profile with a picture."""
    default: bytes = DEFAULT
    wrong: Callable[[str, str, int], Reply | None] = lambda path, name, number: None
    asked: int = 0

    def __post_init__(self) -> None:
        self.server.answers(self.answer)

    def answer(self, path: str, sent: dict[str, str], number: int) -> Reply:
        query = {key.lower(): values[0] for key, values in parse_qs(urlsplit(path).query).items()}
        name = query["@v"].strip("'").rpartition("|")[2] if "@v" in query else query.get("accountname", "")
        if (reply := self.wrong(path, name, number)) is not None:
            return reply
        who = int(name.removeprefix("user").partition("@")[0]) if name.startswith("user") else 0
        if "GetPropertiesFor" in path:
            return (200, JSON, self.profile(who)) if who else NULL
        if "userphoto" in path:
            return 200, JPEG, self.shown.get(who, self.default)
        if "GetFileBy" in path:
            data = self.stored.get(int(unquote(path).rpartition("/P/")[2].partition("_")[0]))
            return (200, JPEG, data) if data is not None else NO_FILE
        return WEB

    def profile(self, who: int) -> bytes:
        body = json.loads(wire("sharepoint/person-properties.json"))
        body["PersonalSiteHostUrl"] = self.server.origin + "/"
        given = {
            "msOnline-ObjectId": user(who).id,
            "PictureURL": f"{self.server.origin}/User%20Photos/P/{who}_MThumb.jpg",
            STATE: "0",
        } | self.properties.get(who, {})
        listed = {entry["Key"]: entry for entry in body["UserProfileProperties"]}
        for key, value in given.items():
            listed[key] = {"Key": key, "Value": value, "ValueType": "Edm.String"}
        body["UserProfileProperties"] = [entry for entry in listed.values() if entry["Value"] != "-"]
        return json.dumps(body).encode()

    def everybody(self, count: int) -> list[User]:
        """So many users, each with a photo of their own, stored and shown."""
        for number in range(1, count + 1):
            self.shown[number] = self.stored[number] = PORTRAITS[number - 1]
        return [user(number) for number in range(1, count + 1)]


NEVER = {"PictureURL": "", STATE: "", STAMP: "", SYNC: ""}


def says_unknown(answer: Answer) -> bool:
    return USER_NOT_FOUND.encode() in answer.body


def run(bundle: Path, tenant: Tenant, work: Callable[[SharePoint], Any], *, prepare: Sequence[User] = ()) -> Any:
    async def inside() -> Any:
        client = new_client(tls_context(bundle))
        try:
            api = Api(tenant.server.origin, client, sleep=at_once, is_final=says_unknown)
            web = Web({api.origin: api})
            collector = SharePoint(People(web), api.origin, (api.origin,), lambda *_: None, concurrency=1)
            await collector.prepare(prepare)
            return await work(collector)
        finally:
            await client.aclose()

    return asyncio.run(inside())


def collect(bundle: Path, tenant: Tenant, users: Sequence[User], *parts: Sequence[User]) -> dict[str, Observation]:
    async def work(collector: SharePoint) -> list[Seen]:
        return [one for part in parts or (users,) async for one in collector.collect(part)]

    return judged(run(bundle, tenant, work, prepare=users))


def judged(seen: Sequence[Seen]) -> dict[str, Observation]:
    found = [one for one in seen if isinstance(one, Observation) and one.judged]
    assert len({one.user_id for one in found}) == len(found)
    return {one.user_id: one for one in found}


def collect_and_ask_again(bundle: Path, tenant: Tenant, users: Sequence[User]) -> dict[str, Observation]:
    async def work(collector: SharePoint) -> list[Observation]:
        heard = judged([one async for one in collector.collect(users)])
        return [one async for one in collector.ask_again(users, heard)]

    return judged(run(bundle, tenant, work, prepare=users))


def statuses(found: Mapping[str, Observation]) -> list[str]:
    return [str(found[user_id].status) for user_id in sorted(found)]


# -- an unknown user -------------------------------------------------------------------------------------------


def test_an_unknown_user_counts_while_a_known_one_is_still_known(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(5)
    tenant.wrong = lambda path, name, number: NULL if name.startswith(("user2", "user4", "user5")) else None
    assert statuses(collect(ca_bundle, tenant, users)) == [
        "photo",
        "not_provisioned",
        "photo",
        *["not_provisioned"] * 2,
    ]


@pytest.mark.parametrize("reply", [NULL, (500, JSON, wire("sharepoint/no-profile-error.json")), (200, JSON, b"null")])
def test_when_nobody_is_known_any_longer_an_unknown_user_is_no_answer(
    start: Any, ca_bundle: Path, reply: Reply
) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(6)
    gone = False

    def wrong(path: str, name: str, number: int) -> Reply | None:
        nonlocal gone
        gone = gone or name.startswith("user4")
        return reply if gone and "GetPropertiesFor" in path else None

    tenant.wrong = wrong
    found = collect(ca_bundle, tenant, users)
    assert statuses(found) == ["photo"] * 3 + ["unknown"] * 3
    assert {str(one.reason) for one in found.values()} == {"", "unexpected_answer"}


def test_who_was_known_in_one_part_is_asked_for_in_the_next(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(4)
    gone = False

    def wrong(path: str, name: str, number: int) -> Reply | None:
        nonlocal gone
        gone = gone or name.startswith("user3")
        return NULL if gone and "GetPropertiesFor" in path else None

    tenant.wrong = wrong
    assert statuses(collect(ca_bundle, tenant, users, users[:2], users[2:])) == ["photo", "photo", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("web", "status"),
    [
        (WEB, "not_provisioned"),
        ((200, JSON, json.dumps({"d": json.loads(WEB[2])}).encode()), "not_provisioned"),
        ((403, JSON, wire("sharepoint/access-denied.json")), "not_provisioned"),
        (NULL, "unknown"),
        ((200, JSON, b"{}"), "unknown"),
        ((403, {}, b""), "unknown"),
        ((404, {}, b""), "unknown"),
        ((502, {}, b""), "unknown"),
    ],
)
def test_where_nobody_is_known_the_web_itself_proves_that_it_is_sharepoint(
    start: Any, ca_bundle: Path, web: Reply, status: str
) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(2)
    tenant.wrong = lambda path, name, number: (
        NULL if "GetPropertiesFor" in path else web if "/_api/web" in path else None
    )
    assert statuses(collect(ca_bundle, tenant, users)) == [status] * 2


# -- another's profile -----------------------------------------------------------------------------------------


def test_one_profile_for_everybody_is_no_answer_about_anybody_else(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(4)
    tenant.wrong = lambda path, name, number: (
        (200, JSON, tenant.profile(1)) if "GetPropertiesFor" in path and name.startswith("user") else None
    )
    found = collect(ca_bundle, tenant, users)
    assert [str(one.reason) for one in found.values()] == ["", *["unexpected_answer"] * 3]


def test_two_reused_accounts_are_two_users_own_fate(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(5)
    for number in (2, 4):
        tenant.properties[number] = {"msOnline-ObjectId": f"99999999-0000-4000-8000-{number:012d}"}
    found = collect(ca_bundle, tenant, users)
    assert [str(one.reason) for one in found.values()].count("profile_of_another_account") == 2
    assert statuses(found).count("photo") == 3


@pytest.mark.parametrize("answer", ["another", "refused"])
def test_eight_in_a_row_are_no_single_users_fate(start: Any, ca_bundle: Path, answer: str) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(11)
    if answer == "another":
        for number in range(3, 12):
            tenant.properties[number] = {"msOnline-ObjectId": f"99999999-0000-4000-8000-{number:012d}"}
    else:
        tenant.wrong = lambda path, name, number: (
            (403, {}, b"") if name.startswith("user") and int(name[4:].partition("@")[0]) > 2 else None
        )
    found = collect(ca_bundle, tenant, users)
    assert statuses(found) == ["photo"] * 2 + ["unknown"] * 9
    assert {str(one.reason) for one in found.values()} == {"", "unexpected_answer"}


# -- the default person ----------------------------------------------------------------------------------------


def test_a_default_person_that_is_replaced_while_the_audit_runs_is_no_photo(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(6)
    for number in (2, 5):
        tenant.shown.pop(number)
        tenant.properties[number] = {STATE: "1"}

    def wrong(path: str, name: str, number: int) -> Reply | None:
        tenant.default = NEW_DEFAULT if tenant.default is NEW_DEFAULT or name.startswith("user4") else DEFAULT
        return None

    tenant.wrong = wrong
    assert statuses(collect(ca_bundle, tenant, users)) == [
        "photo", "placeholder", "photo", "photo", "placeholder", "photo",
    ]  # fmt: skip


def test_where_the_new_default_person_cannot_be_learned_what_several_are_shown_is_unknown(
    start: Any, ca_bundle: Path
) -> None:
    tenant = Tenant(start())
    users = [replace(one, exchange_plan=False) for one in tenant.everybody(5)]
    for number in (3, 4, 5):
        tenant.stored.pop(number)
    tenant.shown[3] = tenant.shown[4] = NEW_DEFAULT
    tenant.wrong = lambda path, name, number: (403, {}, b"") if "nobody" in name and number > 8 else None
    found = collect(ca_bundle, tenant, users)
    assert statuses(found) == ["photo", "photo", "unknown", "unknown", "photo"]


def test_the_default_person_for_everybody_is_not_believed(start: Any, ca_bundle: Path) -> None:
    """From some question on: somebody is no longer shown what was shown before, and the library has the second word."""
    tenant = Tenant(start())
    users = tenant.everybody(6)
    users[5] = replace(users[5], exchange_plan=False)
    tenant.wrong = lambda path, name, number: (
        (200, JPEG, DEFAULT) if "userphoto" in path and "nobody" not in name and number > 14 else None
    )
    found = collect(ca_bundle, tenant, users)
    assert statuses(found) == ["photo"] * 5 + ["unknown"]
    assert found[users[4].id].picture == "stored"
    assert found[users[5].id].reason in FAULT_REASONS


def test_a_user_who_is_shown_the_default_person_in_spite_of_a_stored_photo_is_believed_beside_others(
    start: Any, ca_bundle: Path
) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(3)
    tenant.shown.pop(2)
    found = collect(ca_bundle, tenant, users)
    assert statuses(found) == ["photo", "placeholder", "photo"]
    assert OWN not in found[users[1].id].signals
    # Alone, with a profile that promises the photo, nothing tells whether the page says so of everybody.
    assert statuses(collect(ca_bundle, tenant, users[1:2])) == ["unknown"]


def test_one_persons_photo_for_everybody_is_no_default_person(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(4)
    users[3] = replace(users[3], exchange_plan=False)
    tenant.wrong = lambda path, name, number: (200, JPEG, PORTRAITS[0]) if "userphoto" in path else None
    found = collect(ca_bundle, tenant, users)
    assert statuses(found) == ["photo"] * 3 + ["unknown"]
    assert {one.picture for one in list(found.values())[:3]} == {"stored"}
    assert "accounts that do not exist" in found[users[3].id].detail


# -- what is the user's own ------------------------------------------------------------------------------------


PROFILES: tuple[tuple[dict[str, str], bool, str, str], ...] = (
    (NEVER, True, "absent", "profile"),
    (NEVER | {STAMP: "-"}, True, "absent", ""),  # a key is not there at all
    (NEVER, False, "absent", ""),  # such users are shown the Microsoft 365 photo
    ({"PictureURL": "", STATE: "1"}, True, "absent", "placeholder_state"),
    ({STATE: "1"}, True, "placeholder", "placeholder_state"),
    ({STATE: "0"}, True, "placeholder", ""),
)
"""What a profile says, whether its user has an Exchange licence, and what that makes of the default person."""


def test_what_the_profile_says_of_itself_is_the_users_own(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(len(PROFILES) + 1)
    for number, (changes, plan, _, _) in enumerate(PROFILES, 1):
        tenant.shown.pop(number)
        tenant.properties[number] = changes
        users[number - 1] = replace(users[number - 1], exchange_plan=plan)
    found = collect(ca_bundle, tenant, users)
    said = [(str(found[one.id].status), found[one.id].signals.get(OWN, "")) for one in users]
    assert said == [*((status, own) for _, _, status, own in PROFILES), ("photo", "")]


def test_a_blank_file_in_the_library_is_the_users_own(start: Any, ca_bundle: Path) -> None:
    made = BytesIO()
    Image.new("RGB", (300, 300), (240, 240, 240)).save(made, "JPEG")
    tenant = Tenant(start())
    users = tenant.everybody(2)
    tenant.shown[2] = tenant.stored[2] = made.getvalue()
    found = collect(ca_bundle, tenant, users)[users[1].id]
    assert (str(found.status), found.signals.get(OWN)) == ("placeholder", "file")


# -- asked again -----------------------------------------------------------------------------------------------


def test_what_is_true_is_the_same_when_it_is_asked_again_another_way(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(5)
    tenant.shown.pop(2)
    tenant.properties[2] = NEVER
    tenant.shown.pop(3)
    tenant.properties[3] = {STATE: "1"}
    tenant.wrong = lambda path, name, number: NULL if name.startswith("user4") else None
    found = collect_and_ask_again(ca_bundle, tenant, users)
    assert statuses(found) == ["photo", "absent", "placeholder", "not_provisioned", "photo"]
    assert [found[users[number].id].signals.get(OWN) for number in (1, 2)] == ["profile", "placeholder_state"]
    again = [path for path, _ in tenant.server.seen if "size=M" in path]
    assert len([path for path in again if "accountname=user" in path]) == 4
    assert len([path for path in again if "nobody" in path]) == 2


@pytest.mark.parametrize("sizes", ["L", "every size"])
def test_one_persons_photo_for_all_users_is_found_out_by_another_size_or_the_library(
    start: Any, ca_bundle: Path, sizes: str
) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(5)
    users[4] = replace(users[4], exchange_plan=False)
    tenant.wrong = lambda path, name, number: (
        (200, JPEG, PORTRAITS[0])
        if "userphoto" in path and "nobody" not in name and ("size=L" in path or sizes != "L")
        else None
    )
    found = collect_and_ask_again(ca_bundle, tenant, users)
    digests = [found[one.id].fingerprint for one in users[:4]]
    assert len({one.sha256 for one in digests if one is not None}) == 4
    assert str(found[users[4].id].status) == ("photo" if sizes == "L" else "unknown")


def test_an_unknown_user_is_asked_for_at_both_hosts_and_in_two_spellings(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(2)
    tenant.wrong = lambda path, name, number: (
        NULL if name.startswith("user2") and "%3A0%23" in path else None  # as the claim is written at first
    )
    assert statuses(collect(ca_bundle, tenant, users)) == ["photo", "not_provisioned"]
    assert statuses(collect_and_ask_again(ca_bundle, tenant, users)) == ["photo", "photo"]


# -- names and files -------------------------------------------------------------------------------------------


def test_a_picture_is_asked_for_alike_however_its_address_is_written() -> None:
    host, library = "https://contoso-my.sharepoint.com", "/User Photos/Profielafbeeldingen"
    sizes = [f"{library}/x_{size}Thumb.jpg" for size in "LMS"]
    for port in ("", ":443"):
        for path in (f"{library}/x_MThumb.jpg", f"{library}/x_MThumb.jpg".replace(" ", "%20")):
            for more in ("", "?t=63799442436", " "):
                origin, found = _file_of(host + port + path + more)
                assert (origin, _sizes(found)) == (host, sizes)


def test_a_name_keeps_its_signs_and_letters() -> None:
    host = "https://contoso-my.sharepoint.com"
    for written in ("/P/50% müde #1_MThumb.jpg", "/P/50%25%20m%C3%BCde%20%231_MThumb.jpg"):
        assert _file_of(host + written)[1] == "/P/50% müde #1_MThumb.jpg"
    assert _sizes("/P/photo.jpg") == ["/P/photo.jpg"]


def test_each_size_that_is_missing_leads_to_the_next(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(1)
    tenant.wrong = lambda path, name, number: (
        NO_FILE if "GetFileBy" in path and "SThumb" not in path else (403, {}, b"") if "userphoto" in path else None
    )
    found = collect(ca_bundle, tenant, users)[users[0].id]
    assert (str(found.picture), str(found.status)) == ("stored", "photo")
    asked = [unquote(path).rpartition("_")[2][:1] for path, _ in tenant.server.seen if "GetFileBy" in path]
    assert asked == ["L", "M", "S"]


ADDRESSES = (
    "https://contoso-my.sharepoint.com/P/x\ny_MThumb.jpg",
    "https://contoso-my.sharepoint.com/P/\ud800_MThumb.jpg",
    "https://contoso-my.sharepoint.com/P/%00_MThumb.jpg",
    "https://contoso_my.share point.com/P/x_MThumb.jpg",
    "https://con(toso.example/P/x_MThumb.jpg",
    "https://[::1/P/x_MThumb.jpg",
    "https:///P/x_MThumb.jpg",
    "no address at all",
    "https://contoso-my.sharepoint.com",
)
"""None of them can become a request."""


def test_an_address_that_cannot_become_a_request_is_that_users_matter(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(len(ADDRESSES) + 1)
    for number, url in enumerate(ADDRESSES, 1):
        tenant.properties[number] = {"PictureURL": url}
    # What is shown counts.
    assert statuses(collect(ca_bundle, tenant, users)) == ["photo"] * len(users)


def test_a_my_site_host_that_is_no_host_is_that_users_matter(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    hosts = ("https://contoso_my.sharepoint.com/", "https://-contoso.example/", "https://a!b/")
    users = tenant.everybody(len(hosts) + 1)

    def wrong(path: str, name: str, number: int) -> Reply | None:
        who = int(name[4]) if name.startswith("user") else len(users)
        if "GetPropertiesFor" not in path or who == len(users):
            return None
        return 200, JSON, json.dumps(json.loads(tenant.profile(who)) | {"PersonalSiteHostUrl": hosts[who - 1]}).encode()

    tenant.wrong = wrong
    found = collect(ca_bundle, tenant, users)
    assert statuses(found) == ["unknown"] * len(hosts) + ["photo"]
    assert all(found[one.id].reason not in FAULT_REASONS for one in users)


def test_a_name_that_no_request_can_carry_is_that_users_matter(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = [*tenant.everybody(1), replace(user(2), upn="us\ud800er@contoso.com")]
    found = collect(ca_bundle, tenant, users)
    assert statuses(found) == ["photo", "unknown"]
    assert found[users[1].id].reason not in FAULT_REASONS


def test_an_expired_address_of_a_picture_makes_a_run_incomplete(start: Any, ca_bundle: Path) -> None:
    tenant = Tenant(start())
    users = tenant.everybody(1)
    tenant.stored.clear()
    tenant.wrong = lambda path, name, number: (
        (403, {"Content-Type": "text/plain"}, wire("sharepoint/time-limited-url.txt")) if "userphoto" in path else None
    )
    found = collect(ca_bundle, tenant, users)[users[0].id]
    assert found.reason in FAULT_REASONS
