"""Viva Engage's answers about a few users: who has no account, whose an account is, what asking once more tells.

A real server sends the wire files and what is made of them; no simulated tenant is in between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from auditor.collectors.contract import Known, now, observed
from auditor.collectors.yammer import Yammer
from auditor.model import OWN, Observation, Status, User, Way, Workload
from auditor.services.errors import SignInRefused
from auditor.services.yammer import is_default, parse, picture_id
from tests.collectors.test_wire import ANNA, JSON, Reply, engage, portrait, wire
from tests.services.conftest import Server, authority, ca_bundle, start

__all__ = ["authority", "ca_bundle", "start"]
GONE: Reply = (404, {}, b"")


def somebody(number: int, **changes: Any) -> User:
    upn = f"u{number}@contoso.com"
    return replace(ANNA, id=f"id-{number}", upn=upn, mail=upn, asked_by=(upn,), **changes)


def account(number: int, **changes: Any) -> dict[str, Any]:
    url = "https://mug0.assets-yammer.com/mugshot/images/no_photo.png?P1=1&size=48x48"
    return {"id": number, "email": f"u{number}@contoso.com", "state": "active", "mugshot_url": url} | changes


@dataclass
class Network:
    """Viva Engage as a server plays it: a list of accounts, and what is said of an address or a picture."""

    server: Server
    listed: list[dict[str, Any]]
    by_address: Callable[[str], Reply | None] = lambda _: None
    """None: as the list has it."""
    current: Reply = GONE
    pictures: Callable[[str], Reply] = lambda _: GONE
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.answers(self.answer)

    def answer(self, path: str, headers: Mapping[str, str], number: int) -> Reply:
        self.asked.append(path)
        if "mugshot" in path:
            return self.pictures(path)
        if "current" in path:
            return self.current
        if "by_email" in path:
            address = unquote(path.rpartition("email=")[2])
            found = [one for one in self.listed if address in parse(one).addresses]
            return self.by_address(address) or ((200, JSON, json.dumps(found).encode()) if found else GONE)
        page = int(path.rpartition("page=")[2])
        return 200, JSON, json.dumps(self.listed[50 * (page - 1) : 50 * page]).encode()

    def by_email(self, bundle: Path, users: list[User]) -> dict[str, Observation]:
        async def work(yammer: Yammer) -> list[Any]:
            return [one async for one in yammer.by_email(users)]

        return {one.user_id: one for one in engage(bundle, self.server, work)}

    def again(self, bundle: Path, heard: Mapping[User, Observation]) -> dict[str, Observation]:
        async def work(yammer: Yammer) -> list[Observation]:
            return [one async for one in yammer.ask_again(list(heard), {user.id: heard[user] for user in heard})]

        given = engage(bundle, self.server, work)
        assert len(given) == len(heard), "one observation a user"
        return {one.user_id: one for one in given}


def told(observations: Mapping[str, Observation]) -> dict[str, tuple[str, str]]:
    return {identity: (str(one.status), str(one.reason)) for identity, one in observations.items()}


# -- Nobody by an address ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (GONE, "not_provisioned"),
        ((404, JSON, b'{"response": {"message": "Not found.", "stat": "fail"}}'), "not_provisioned"),
        ((200, JSON, b"[]"), "not_provisioned"),
        ((200, JSON, b"null"), "not_provisioned"),
        ((200, JSON, b""), "not_provisioned"),
        ((200, JSON, b"{}"), "unknown"),
        ((200, JSON, b'[{"id": 1, "email": "somebody-else@contoso.com"}]'), "unknown"),
        ((200, JSON, b'[{"id": 1, "email": null}]'), "unknown"),
        ((200, {"Content-Type": "text/html"}, b"<html>sign in</html>"), "unknown"),
        ((404, {"Content-Type": "text/html"}, b"<html>not here</html>"), "unknown"),
    ],
)
def test_what_an_answer_says_of_somebody_by_an_address(start: Any, ca_bundle: Path, reply: Reply, status: str) -> None:
    # The account on the list is found by its address, whatever is said of the user's.
    network = Network(start(), [account(1)], lambda address: None if address == "u1@contoso.com" else reply)
    found = network.by_email(ca_bundle, [somebody(2)])
    assert found["id-2"].status == status


@pytest.mark.parametrize("reply", [GONE, (200, JSON, b"[]"), (403, JSON, b"{}")])
def test_nobody_is_without_an_account_where_an_account_on_the_list_is_not_found_either(
    start: Any, ca_bundle: Path, reply: Reply
) -> None:
    network = Network(start(), [account(number) for number in range(5)], lambda address: reply)
    found = network.by_email(ca_bundle, [somebody(number) for number in range(22)])
    assert {one.status for one in found.values()} == {Status.UNKNOWN}
    assert len(found) == 22


def test_an_origin_that_stops_being_engage_is_noticed_after_three_answers_of_nobody(
    start: Any, ca_bundle: Path
) -> None:
    asked = [0]

    def stops(address: str) -> Reply | None:
        asked[0] += 1
        return GONE if asked[0] > 3 else None

    network = Network(start(), [account(number) for number in range(9)], stops)
    found = told(network.by_email(ca_bundle, [somebody(number) for number in range(9)]))
    assert [found[f"id-{number}"][0] for number in range(3)] == ["absent"] * 3
    assert {found[f"id-{number}"][0] for number in range(3, 9)} == {"unknown"}


@pytest.mark.parametrize(
    ("current", "by_address", "status"),
    [
        ((200, JSON, json.dumps(account(7)).encode()), "found", "not_provisioned"),
        ((200, JSON, json.dumps(account(7)).encode()), "gone", "unknown"),
        ((200, JSON, b'{"id": 7, "state": "active"}'), "gone", "not_provisioned"),
        ((200, JSON, b"{}"), "gone", "unknown"),
        (GONE, "gone", "unknown"),
        ((200, {"Content-Type": "text/html"}, b"<html>"), "gone", "unknown"),
    ],
)
def test_where_the_list_names_no_address_whoever_is_signed_in_is_the_control(
    start: Any, ca_bundle: Path, current: Reply, by_address: str, status: str
) -> None:
    body = (200, JSON, json.dumps([account(7)]).encode())
    network = Network(
        start(), [{"id": 1, "state": "active"}],
        lambda address: body if by_address == "found" and address == "u7@contoso.com" else GONE, current,
    )  # fmt: skip
    assert network.by_email(ca_bundle, [somebody(2)])["id-2"].status == status


@pytest.mark.parametrize("where", ["users.json", "by_email"])
def test_a_400_that_speaks_of_the_token_is_a_failed_sign_in_with_a_remedy(
    start: Any, ca_bundle: Path, where: str
) -> None:
    server = start()
    refused = (400, JSON, wire("yammer/oauth-exception.json"))
    server.answers(lambda path, sent, number: refused if where in path else (200, JSON, wire("yammer/users.json")))

    async def work(yammer: Yammer) -> list[Any]:
        return [one async for one in yammer.by_email([ANNA])]

    with pytest.raises(SignInRefused) as raised:
        engage(ca_bundle, server, work)
    assert raised.value.reason == "sign_in_failed"
    assert "sign a person in" in raised.value.remedy


# -- Whose an account is ----------------------------------------------------------------------------------------


def test_the_account_in_use_counts_and_not_its_suspended_twin(start: Any, ca_bundle: Path) -> None:
    network = Network(start(), json.loads(wire("yammer/suspended-twin.json")))
    found = network.by_email(ca_bundle, [replace(ANNA, asked_by=("adele@contoso.com",))])[ANNA.id]
    assert found.signals["engage_id"] == "1001"


def test_an_account_in_use_by_a_later_address_goes_before_a_suspended_one_by_the_first(
    start: Any, ca_bundle: Path
) -> None:
    old = account(1, email="first@contoso.com", state="suspended")
    network = Network(start(), [old, account(2, email="second@contoso.com")])
    user = replace(ANNA, asked_by=("first@contoso.com", "second@contoso.com"))
    assert network.by_email(ca_bundle, [user])[user.id].signals["engage_id"] == "2"
    alone = Network(start(), [old, account(3)])
    assert alone.by_email(ca_bundle, [user])[user.id].signals["engage_id"] == "1"


def test_whose_mail_is_anothers_is_asked_by_the_own_addresses_and_never_judged_by_that_one(
    start: Any, ca_bundle: Path
) -> None:
    network = Network(start(), [account(1), account(3)])
    shared = somebody(2, mail_of_another=True)
    other = replace(somebody(3, mail_of_another=True), mail="u1@contoso.com")
    found = network.by_email(ca_bundle, [replace(shared, mail="u1@contoso.com"), other])
    assert told(found) == {"id-2": ("unknown", "ambiguous"), "id-3": ("absent", "")}
    assert not any("u1%40" in path for path in network.asked if path.startswith("/api/v1/users/by_email"))


def test_an_address_that_no_request_can_carry_is_that_users_alone(start: Any, ca_bundle: Path) -> None:
    odd = replace(ANNA, id="odd", upn="\ud800@contoso.com", mail="", asked_by=("\ud800@contoso.com",))
    strange = replace(ANNA, id="strange", asked_by=("a b\x00&=%'\"#?@contoso.com",))
    network = Network(start(), [account(1)])
    found = network.by_email(ca_bundle, [odd, strange, somebody(1)])
    assert told(found) == {
        "odd": ("unknown", "unknown_address"), "strange": ("not_provisioned", ""), "id-1": ("absent", ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "https://xn--0.assets-yammer.com/mugshot/images/x?size=48x48",
        "https://xn--.assets-yammer.com/mugshot/images/x",
        "https://a..assets-yammer.com/mugshot/images/x",
        "https://*.assets-yammer.com/mugshot/images/x",
        "https://a%20b.assets-yammer.com/mugshot/images/x",
        "https://1.2.3.999/mugshot/images/x",
        "https://[::1/mugshot/images/x",
        "//mug0.assets-yammer.com/mugshot/images/x",
        "https://mug0.assets-yammer.com:99999/mugshot/images/x",
        "https://mug0.assets-yammer.com/" + "x" * 70_000,
    ],
)
def test_a_picture_on_a_host_that_can_be_none_is_that_users_alone(start: Any, ca_bundle: Path, url: str) -> None:
    network = Network(start(), [account(1, mugshot_url=url), account(2)])

    async def work(yammer: Yammer) -> list[Any]:
        return [one async for one in yammer.by_email([somebody(1), somebody(2)])]

    found = {one.user_id: one for one in engage(ca_bundle, network.server, work, pictures=("*.assets-yammer.com",))}
    assert found["id-1"].status == "unknown"
    assert found["id-2"].status == "absent"


# -- Pictures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "default"),
    [
        ("https://mug0.assets-yammer.com/mugshot/images/no_photo.png?P1=1&P4=x&size=648x648", True),
        ("https://mug0.assets-yammer.com/mugshot/images/48x48/no_photo.png", True),
        ("https://assets3.yammer.com/images/no_photo_small.gif", True),
        ("https://assets3.yammer.com/images/No_Photo_Small.GIF", True),
        ("/images/no_photo_small.gif", True),
        ("https://www.yammer.com/mugshot/images/redirect/648x648/no_photo.png", True),
        ("https://mug0.assets-yammer.com/mugshot/images/no%5Fphoto.png", True),
        ("https://mug0.assets-yammer.com/mugshot/images/0123456789abcdef0123456789ABCDEF", False),
        ("https://mug0.assets-yammer.com/mugshot/images/0123456789abcdef?of=no_photo.png", False),
        ("https://mug0.assets-yammer.com/no_photo.png/0123456789abcdef", False),
    ],
)
def test_the_default_picture_in_each_of_its_spellings(url: str, default: bool) -> None:
    assert is_default(url) == default


def test_an_older_networks_account_is_read_by_its_contact_addresses(start: Any, ca_bundle: Path) -> None:
    network = Network(start(), json.loads(wire("yammer/no-photo-small.json")))
    found = network.by_email(ca_bundle, [replace(ANNA, asked_by=("nora@contoso.com",))])[ANNA.id]
    assert found.status == "absent"
    assert parse(json.loads(wire("yammer/no-photo-small.json"))[0]).addresses == (
        "nora@contoso.com", "nora.old@contoso.com",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("names", "first", "again"),
    [
        ({"mugshot_url_template": "/i/x?size={width}x{height}"}, "/i/x?size=648x648", "/i/x?size=360x360"),
        ({"mugshot_url": "/i/x?P1=1&size=48x48"}, "/i/x?P1=1&size=48x48", "/i/x?P1=1&size=360x360"),
        ({"mugshot_url": "/images/48x48/x"}, "/images/48x48/x", "/images/360x360/x"),
        ({"mugshot_url": "/images/x"}, "/images/x", ""),
        ({"mugshot_redirect_url_template": "/r/{width}x{height}/x"}, "/r/648x648/x", "/r/360x360/x"),
        ({"mugshot_redirect_url": "/r/48x48/x"}, "/r/48x48/x", "/r/360x360/x"),
        ({"mugshot_url": "", "mugshot_url_template": 7}, "", ""),
    ],
)
def test_a_picture_is_read_again_in_another_size(names: dict[str, Any], first: str, again: str) -> None:
    read = parse({"id": 1, **names})
    assert (read.picture_url, read.other_size) == (first, again)
    assert read.picture_id == picture_id(again or first)


def test_an_address_that_redirects_to_the_default_picture_is_the_default_picture(start: Any, ca_bundle: Path) -> None:
    server = start()

    def pictures(path: str) -> Reply:
        if "redirect" in path:
            return 302, {"Location": f"{server.origin}/mugshot/images/no_photo.png?P1=1"}, b""
        return 200, {"Content-Type": "image/png"}, portrait()

    listed = {"id": 1, "email": "u1@contoso.com", "mugshot_redirect_url": f"{server.origin}/mugshot/redirect/48x48/x"}
    network = Network(server, [listed], pictures=pictures)
    assert network.by_email(ca_bundle, [somebody(1)])["id-1"].status == "absent"


# -- Asked once more --------------------------------------------------------------------------------------------


def heard(user: User, status: Status = Status.ABSENT, way: Way = Way.USERS_LIST, **signals: str) -> Observation:
    return observed(user, Workload.YAMMER, status, way, signals=signals)


@pytest.mark.parametrize(
    ("way", "engage_id", "own"),
    [
        (Way.USERS_LIST, "1", "account"),
        (Way.BY_EMAIL, "1", "account"),
        (Way.USERS_LIST, "2", None),
        (Way.USERS_LIST, "", None),
    ],
)
def test_no_photo_is_the_users_own_where_list_and_address_name_one_account_and_say_so_alike(
    start: Any, ca_bundle: Path, way: Way, engage_id: str, own: str | None
) -> None:
    network = Network(start(), [account(1), account(5)])
    given = network.again(ca_bundle, {somebody(1): heard(somebody(1), way=way, engage_id=engage_id)})["id-1"]
    assert (given.status, given.signals["engage_id"], given.signals.get(OWN)) == ("absent", "1", own)
    assert given.way is (Way.BY_EMAIL if way is Way.USERS_LIST else Way.USERS_LIST)


def test_a_few_whom_the_first_page_names_alike_are_known_as_their_own_at_once(start: Any, ca_bundle: Path) -> None:
    network = Network(start(), [account(number) for number in range(60)])
    found = network.by_email(ca_bundle, [somebody(3), somebody(55)])
    assert [found[name].signals.get(OWN) for name in ("id-3", "id-55")] == ["account", None]


def test_a_list_of_default_pictures_is_told_from_the_accounts_pictures(start: Any, ca_bundle: Path) -> None:
    server, photo = start(), portrait()
    network = Network(
        server, [account(number) for number in range(9)],
        lambda address: (
            200, JSON,
            json.dumps([account(int(address[1]), mugshot_url_template=f"{server.origin}/mugshot/images/{address[1]}"
                                "?size={width}x{height}")]).encode(),
        ),
        pictures=lambda path: (200, {"Content-Type": "image/jpeg"}, photo),
    )  # fmt: skip
    given = network.again(ca_bundle, {somebody(n): heard(somebody(n), engage_id=str(n)) for n in range(4)})
    assert {str(one.status) for one in given.values()} == {"photo"}
    assert {OWN in one.signals for one in given.values()} == {False}
    assert all("size=360x360" in path for path in network.asked if "mugshot" in path)


@pytest.mark.parametrize(("by_address", "status"), [(lambda _: None, "not_provisioned"), (lambda _: GONE, "unknown")])
@pytest.mark.parametrize("way", [Way.USERS_LIST, Way.BY_EMAIL])
def test_who_is_not_found_again_has_no_account_only_where_one_who_has_is_found(
    start: Any, ca_bundle: Path, by_address: Callable[[str], Reply | None], status: str, way: Way
) -> None:
    network = Network(start(), [account(1)], by_address)
    users = [somebody(number) for number in range(2, 6)]
    given = network.again(ca_bundle, {user: heard(user, Status.NOT_PROVISIONED, way) for user in users})
    assert {str(one.status) for one in given.values()} == {status}


def test_a_long_list_is_not_read_to_its_end_for_a_few_who_are_asked_for_again(start: Any, ca_bundle: Path) -> None:
    network = Network(start(), [account(number) for number in range(900)])
    nobody = somebody(5000)
    users = [somebody(10), somebody(800), nobody]
    given = network.again(ca_bundle, {user: heard(user, way=Way.BY_EMAIL, engage_id=user.id[3:]) for user in users})
    assert {name: str(one.status) for name, one in given.items()} == {
        "id-10": "absent", "id-800": "absent", "id-5000": "not_provisioned",
    }  # fmt: skip
    assert sum("users.json" in path for path in network.asked) <= 6


def test_whoever_cannot_be_asked_again_is_unknown_and_everyone_is_answered_for(start: Any, ca_bundle: Path) -> None:
    for where in ("users.json", "by_email"):
        server = start()
        server.answers(
            lambda path, sent, number, where=where: (
                (401, JSON, wire("yammer/token-not-found.json"))
                if where in path
                else (200, JSON, wire("yammer/users.json"))
            )
        )
        users = [somebody(number) for number in range(5)]

        async def work(yammer: Yammer, users: list[User] = users) -> list[Observation]:
            return [one async for one in yammer.ask_again(users, {user.id: heard(user) for user in users})]

        given = engage(ca_bundle, server, work)
        assert [(one.user_id, str(one.status)) for one in given] == [(user.id, "unknown") for user in users]


def test_what_is_known_of_an_earlier_run_is_not_taken_for_an_answer_when_asked_again(
    start: Any, ca_bundle: Path
) -> None:
    server, photo = start(), portrait()
    url = f"{server.origin}/mugshot/images/abc?size=48x48"
    Network(server, [account(1, mugshot_url=url)], pictures=lambda path: (200, {"Content-Type": "image/jpeg"}, photo))
    before = Known({"engage_id": "1", "picture_id": "abc"}, Way.BY_EMAIL, now())

    async def work(yammer: Yammer) -> Any:
        unchanged = [one async for one in yammer.by_email([somebody(1)], {"id-1": before})]
        again = [one async for one in yammer.ask_again([somebody(1)], {"id-1": heard(somebody(1), engage_id="1")})]
        return unchanged, again

    unchanged, again = engage(ca_bundle, server, work)
    assert not isinstance(unchanged[0], Observation)
    assert [str(one.status) for one in again] == ["photo"]
