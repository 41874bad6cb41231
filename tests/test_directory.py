"""When the list of users is complete, and what happens where it is not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.addresses import Owners
from auditor.census import First, census, tolerance
from auditor.directory import SELECT, ScopeError, list_users, parse
from auditor.model import User
from auditor.runs import frames
from auditor.services.errors import ServiceError
from auditor.services.graph import Graph, GraphError, Unfinished
from auditor.services.http import Api, new_client
from auditor.services.tls import tls_context
from auditor.settings import Scope
from tests.services.clocks import Clock
from tests.services.conftest import Reply, Server, authority, ca_bundle, start

__all__ = ["authority", "ca_bundle", "start"]
JSON = {"Content-Type": "application/json"}
PER_PAGE = 10
WIRE = Path(__file__).parent / "wire" / "graph"
BEGUN = datetime(2026, 11, 24, 8, tzinfo=UTC)


def entry(number: int) -> dict[str, Any]:
    return {"id": f"id-{number}", "userPrincipalName": f"u{number}@contoso.com", "assignedLicenses": [{"skuId": "x"}]}


def answer(body: Any, status: int = 200) -> Reply:
    return status, JSON, json.dumps(body).encode()


def error(code: str, status: int) -> Reply:
    return answer({"error": {"code": code, "message": ""}}, status)


def directory(
    server: Server, users: list[dict[str, Any]], count: Callable[[], int] | None = None,
    fault: Callable[[int, int], Reply | None] = lambda page, number: None,
) -> None:  # fmt: skip
    """A directory by pages; `fault(page, number of this request for it)` may answer instead."""
    asked: dict[int, int] = {}

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        parts = urlsplit(path)
        if parts.path.endswith("/$count"):
            assert headers["consistencylevel"] == "eventual"
            found = count() if count is not None else len(users)
            return 200, {"Content-Type": "text/plain"}, f"\ufeff{found}".encode()
        asked_for = parse_qs(parts.query)
        page, top = (int(asked_for.get(name, [other])[0]) for name, other in (("page", "0"), ("$top", "999")))
        size = min(PER_PAGE, top)
        asked[page] = asked.get(page, 0) + 1
        if (reply := fault(page, asked[page])) is not None:
            return reply
        body: dict[str, Any] = {"value": users[page * size : (page + 1) * size]}
        if (page + 1) * size < len(users):
            body["@odata.nextLink"] = f"{server.origin}/v1.0/users?page={page + 1}&$top={top}"
        return answer(body)

    server.answers(script)


def ask(bundle: Path, server: Server, work: Callable[[Graph], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        client, clock = new_client(tls_context(bundle)), Clock()
        try:
            return await work(Graph(Api(server.origin, client, sleep=clock.sleep, clock=clock)))
        finally:
            await client.aclose()

    return asyncio.run(inside())


def listed(bundle: Path, server: Server, scope: Scope = Scope()) -> Any:  # noqa: B008  it is frozen
    return ask(bundle, server, lambda graph: list_users(graph, scope))


@pytest.mark.parametrize(
    "expired", [error("Directory_ExpiredPageToken", 400), error("Request_Gone", 410), (410, {}, b"gone")]
)
def test_a_list_whose_page_token_expires_is_read_anew_without_losing_or_repeating_anyone(
    start: Any, ca_bundle: Path, expired: Reply
) -> None:
    server = start()
    directory(
        server, [entry(number) for number in range(35)],
        fault=lambda page, number: expired if (page, number) == (2, 1) else None,
    )  # fmt: skip
    found = listed(ca_bundle, server)
    assert [user.id for user in found.users] == [f"id-{number}" for number in range(35)]
    assert any("read anew 1 time" in note for note in found.notes)


def test_a_list_that_expires_every_time_is_no_list(start: Any, ca_bundle: Path) -> None:
    server = start()
    directory(
        server, [entry(number) for number in range(35)],
        fault=lambda page, number: error("Directory_ExpiredPageToken", 400) if page == 3 else None,
    )  # fmt: skip
    with pytest.raises(Unfinished, match="expired"):
        listed(ca_bundle, server)


def test_a_page_that_leads_back_once_is_asked_for_again(start: Any, ca_bundle: Path) -> None:
    server = start()
    users = [entry(number) for number in range(35)]
    again = {"value": users[:10], "@odata.nextLink": f"{server.origin}/v1.0/users?page=1"}
    directory(server, users, fault=lambda page, number: answer(again) if (page, number) == (1, 1) else None)
    assert [user.id for user in listed(ca_bundle, server).users] == [f"id-{number}" for number in range(35)]


def test_a_list_that_once_leads_on_without_naming_anybody_new_is_begun_anew(start: Any, ca_bundle: Path) -> None:
    server = start()
    users = [entry(number) for number in range(35)]
    turn = [0]

    def fault(page: int, number: int) -> Reply | None:
        if page == 0:
            turn[0] += 1
        if page == 0 or turn[0] > 1:
            return None
        onward = f"{server.origin}/v1.0/users?page=1&number={number}"
        return answer({"value": users[:10], "@odata.nextLink": onward})

    directory(server, users, fault=fault)
    found = listed(ca_bundle, server)
    assert [user.id for user in found.users] == [f"id-{number}" for number in range(35)]
    assert any("read anew 1 time" in note for note in found.notes)


@pytest.mark.parametrize("kind", ["back", "endless", "empty", "refused", "cut"])
def test_a_list_that_does_not_end_raises_and_is_never_short(start: Any, ca_bundle: Path, kind: str) -> None:
    server = start()
    users = [entry(number) for number in range(35)]
    turn = [0]

    def fault(page: int, number: int) -> Reply | None:
        if page == 0:
            return None
        turn[0] += 1
        onward = f"{server.origin}/v1.0/users?page=1&turn={turn[0]}"
        return {
            "back": answer({"value": users[:10], "@odata.nextLink": f"{server.origin}/v1.0/users?page=1"}),
            "endless": answer({"value": users[:10], "@odata.nextLink": onward}),
            "empty": answer({"value": [], "@odata.nextLink": onward}),
            "refused": error("Authorization_RequestDenied", 403),
            "cut": (200, JSON, b'{"value": [{"id": "id-11"'),
        }[kind]

    directory(server, users, fault=fault)
    with pytest.raises(ServiceError):
        listed(ca_bundle, server)


def test_a_directory_that_refuses_its_first_page_names_the_permission(start: Any, ca_bundle: Path) -> None:
    server = start()
    directory(server, [], fault=lambda page, number: error("Authorization_RequestDenied", 403))
    with pytest.raises(GraphError) as refused:
        listed(ca_bundle, server)
    assert "User.Read.All" in refused.value.remedy


def test_who_is_listed_twice_is_audited_once_and_that_is_noted(start: Any, ca_bundle: Path) -> None:
    server = start()
    users = [entry(number) for number in range(15)]
    directory(server, [*users[:12], entry(3), *users[12:]])
    found = listed(ca_bundle, server)
    assert [user.id for user in found.users] == [f"id-{number}" for number in range(15)]
    assert any("1 account(s) more than once" in note for note in found.notes)


def test_one_nameless_entry_costs_that_entry(start: Any, ca_bundle: Path) -> None:
    server = start()
    directory(server, [entry(0), {"displayName": "?"}, {"id": "id-1"}, entry(2)])
    found = listed(ca_bundle, server)
    assert [user.id for user in found.users] == ["id-0", "id-2"]
    assert (found.directory, dict(found.excluded)) == (4, {"without id or user principal name": 2})


def taken(bundle: Path, server: Server, users: int, before: int | None = None) -> Any:
    accounts = {f"id-{number}": f"u{number}@contoso.com" for number in range(users)}
    first = First(users, before, PER_PAGE, users % PER_PAGE == 0, BEGUN)
    return ask(bundle, server, lambda graph: census(graph, first, accounts))


def test_equal_counts_are_believed_without_listing_anyone_again(start: Any, ca_bundle: Path) -> None:
    server = start()
    directory(server, [entry(number) for number in range(30)])
    found = taken(ca_bundle, server, 30, before=30)
    assert (found.problem, found.after) == ("", 30)
    assert len(server.seen) == 1


def test_who_joined_and_who_left_meanwhile_is_named(start: Any, ca_bundle: Path) -> None:
    server = start()
    directory(server, [entry(number) for number in range(2, 33)])
    found = taken(ca_bundle, server, 30, before=30)
    assert found.problem == ""
    assert found.joined == ("u30@contoso.com", "u31@contoso.com", "u32@contoso.com")
    assert found.left == ("u0@contoso.com", "u1@contoso.com")


def test_who_may_not_be_named_is_not_named_among_those_who_joined(start: Any, ca_bundle: Path) -> None:
    server = start()
    directory(server, [entry(number) for number in range(32)])
    accounts = {f"id-{number}": f"u{number}@contoso.com" for number in range(30)}
    found = ask(ca_bundle, server, lambda graph: census(graph, First(31, 31), accounts, lambda one: one == "id-30"))
    assert found.joined == ("u31@contoso.com",)


@pytest.mark.parametrize(("before", "after"), [(36, 30), (30, 36), (24, 30), (None, 36), (40, 40)])
def test_counts_that_differ_by_more_than_the_tolerance_make_the_list_doubtful(
    start: Any, ca_bundle: Path, before: int | None, after: int
) -> None:
    server = start()
    directory(server, [entry(number) for number in range(30)], lambda: after)
    assert "30 accounts were listed" in taken(ca_bundle, server, 30, before).problem


@pytest.mark.parametrize("count", [29, 31])
def test_a_difference_within_the_tolerance_is_eventual_consistency(start: Any, ca_bundle: Path, count: int) -> None:
    server = start()
    directory(server, [entry(number) for number in range(30)], lambda: count)
    assert taken(ca_bundle, server, 30, 30).problem == ""


def test_the_tolerance_is_one_or_half_a_percent() -> None:
    assert [tolerance(count) for count in (0, 200, 1000, 100_000)] == [1, 1, 5, 500]


ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(SELECT.split(","), ANYTHING)), st.booleans())
def test_an_entry_of_any_shape_is_a_user_that_can_be_written_and_asked_for_or_nobody(entry: Any, named: bool) -> None:
    user = parse(entry | {"id": "1", "userPrincipalName": "a@b"} if named else entry)
    assert user is not None or not named
    if user is not None:
        assert user.id not in {"", ".", ".."}
        for text in (user.id, user.upn, user.mail, user.display_name, user.department, *user.addresses):
            assert len(text.encode()) < 10_000


@pytest.mark.parametrize("identity", ["\ud800", ".", "..", "x" * 1000, 7, None])
def test_who_has_no_id_that_can_be_asked_for_is_counted_and_never_asked_for(
    start: Any, ca_bundle: Path, identity: object
) -> None:
    server = start()
    directory(server, [entry(1), entry(2) | {"id": identity, "accountEnabled": False, "assignedLicenses": []}])
    found = listed(ca_bundle, server, Scope(include=("shared",)))
    assert [user.id for user in found.users] == ["id-1"]
    assert found.excluded == {"without id or user principal name": 1}
    assert not [path for path, _ in server.seen if "mailboxSettings" in path]


def test_an_address_with_a_space_in_it_is_never_taken_for_two() -> None:
    user = parse(entry(1) | {"proxyAddresses": ["SMTP:a@contoso.com", "smtp:x ceo@contoso.com", "smtp:y\tb@c.d", 5]})
    assert user is not None
    assert user.addresses == ("a@contoso.com",)


@pytest.mark.parametrize("name", ["..", ".", "\udcff@contoso.com", "x" * 1000])
def test_a_name_that_no_path_can_hold_is_nobodys(start: Any, ca_bundle: Path, name: str) -> None:
    server = start()
    directory(server, [entry(1)])
    with pytest.raises(ScopeError, match="There is no user"):
        listed(ca_bundle, server, Scope(users=(name,)))
    assert server.seen == []


@pytest.mark.parametrize(
    ("found", "error_code", "told"),
    [
        ([entry(1)], "", ""),
        ([], "", "There is no user"),
        ([entry(1), entry(2)], "", "2 users have the address"),
        ([entry(1)], "Request_UnsupportedQuery", "There is no user"),
    ],
)
def test_an_address_finds_its_one_user_and_several_are_named(
    start: Any, ca_bundle: Path, found: list[dict[str, Any]], error_code: str, told: str
) -> None:
    server = start()

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        if "$filter" not in path:
            return error("Request_ResourceNotFound", 404)
        assert "o''hara" in parse_qs(urlsplit(path).query)["$filter"][0]
        return error(error_code, 400) if error_code else answer({"value": found})

    server.answers(script)
    scope = Scope(users=("o'hara@contoso.com",))
    if told:
        with pytest.raises(ScopeError, match=told) as caught:
            listed(ca_bundle, server, scope)
        assert all(one["id"] in str(caught.value) for one in found[1:])
    else:
        assert [user.id for user in listed(ca_bundle, server, scope).users] == ["id-1"]


# -- lists that break off ------------------------------------------------------------------------------------------


@dataclass
class Gateway:
    """What stands before a directory and harms its lists; everything about one kind of harm is in one place."""

    largest: int = 999
    """Entries on a page at most, whatever is asked for."""
    links: int = 1_000
    """So many pages of a list keep their link to the next one."""
    halves: bool = False
    """Every page loses half of its entries."""
    kept: bool = False
    """The first answer is kept, cut in half, and given whatever is asked for."""
    shows: int = 1_000_000
    """Only the first so many accounts are ever shown."""
    short_page: int = -1
    """The page of this number comes with half of what it may hold; the next goes on behind it."""
    empty_page: int = -1
    """Before the page of this number an empty one comes."""
    counts: tuple[int | None, int | None] = (None, None)
    """What the directory counts before and after; None: it refuses."""


def paged(server: Server, gateway: Gateway, users: list[dict[str, Any]], later: list[dict[str, Any]] | None) -> None:
    """A directory that goes by `$top`; `later`: whom it holds once the first list was read to its end."""
    counted, read, served = [0], [False], [0]

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        parts = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        held = later if later is not None and read[0] else users
        if parts.path.endswith("/$count"):
            counted[0] += 1
            count = gateway.counts[min(counted[0], 2) - 1]
            return error("Request_BadRequest", 400) if count is None else (200, {}, str(count).encode())
        if not parts.path.endswith(("/users", "/microsoft.graph.user")):
            own = parts.path.rpartition("/")[2]
            there = any(one["id"] == own for one in held)
            return answer({"id": own}) if there else error("Request_ResourceNotFound", 404)
        start, page = (int(one) for one in asked.get("at", "0,0").split(","))
        size = min(int(asked["$top"]), gateway.largest)
        if page == gateway.short_page:
            size = max(1, size // 2)
        if page == gateway.empty_page and "empty" not in asked:
            link = f"{server.origin}{parts.path}?$top={asked['$top']}&at={start},{page}&empty=1"
            return answer({"value": [], "@odata.nextLink": link})
        shown = held[: gateway.shows]
        value = shown[start : start + size]
        if gateway.kept:
            return answer({"value": shown[: len(shown) // 2]})
        body: dict[str, Any] = {"value": value[: max(1, len(value) // 2)] if gateway.halves else value}
        if start + size < len(shown) and page < gateway.links:
            body["@odata.nextLink"] = f"{server.origin}{parts.path}?$top={asked['$top']}&at={start + size},{page + 1}"
        else:
            served[0] += 1
            read[0] = True
        return answer(body)

    server.answers(script)


def whole(bundle: Path, server: Server) -> Any:
    """The list and the census at its end, as an audit takes them."""

    async def both(graph: Graph) -> Any:
        found = await list_users(graph, Scope())
        assert found.accounts is not None
        first = First(found.directory, found.before, found.largest_page, found.full_end, BEGUN)
        return found, await census(graph, first, found.accounts)

    return ask(bundle, server, both)


def many(count: int) -> list[dict[str, Any]]:
    return [entry(number) for number in range(count)]


CUT = {
    "one link, pages of 20": Gateway(20, links=0),
    "the second link": Gateway(20, links=1),
    "a page of 100 and no link": Gateway(100, links=0),
    "no link, the largest page": Gateway(links=0, largest=40),
    "half of every page": Gateway(halves=True),
    "half of every page of 20": Gateway(20, halves=True),
    "one answer for every question": Gateway(kept=True),
    "counted before": Gateway(20, links=1, counts=(160, None)),
    "counted after": Gateway(20, links=1, counts=(None, 160)),
    "counted, and a short list that says the same twice": Gateway(shows=150, counts=(160, 160)),
    "counted after, and a short list that says the same twice": Gateway(shows=150, counts=(None, 160)),
    "two are missing": Gateway(shows=158, counts=(160, 160)),
    "more are listed than counted": Gateway(counts=(157, 157)),
}


@pytest.mark.parametrize("harm", CUT)
def test_a_list_that_breaks_off_is_never_whole(start: Any, ca_bundle: Path, harm: str) -> None:
    server = start()
    paged(server, CUT[harm], many(160), None)
    _, taken = whole(ca_bundle, server)
    assert re.search("accounts were listed|entries on a page that may have", taken.problem)


SOUND = {
    "nothing": (Gateway(counts=(160, 160)), 160),
    "no count": (Gateway(), 160),
    "no count, and the list ends with a full page": (Gateway(20), 160),
    "no count, and one full page is all": (Gateway(100), 100),
    "no count, the largest page is full": (Gateway(160), 160),
    "no count, two users": (Gateway(), 2),
    "no count, one user": (Gateway(), 1),
    "no count, pages of seven": (Gateway(7), 12),
    "a short page in the middle": (Gateway(20, short_page=2), 160),
    "an empty page in the middle": (Gateway(20, empty_page=2), 160),
    "the count lags by one": (Gateway(counts=(161, 159)), 160),
}


@pytest.mark.parametrize("case", SOUND)
def test_a_whole_list_is_believed_however_its_pages_come(start: Any, ca_bundle: Path, case: str) -> None:
    server = start()
    gateway, users = SOUND[case]
    paged(server, gateway, many(users), None)
    found, taken = whole(ca_bundle, server)
    assert (taken.problem, found.problem, taken.joined, taken.left) == ("", "", (), ())
    assert len(found.users) == users


@pytest.mark.parametrize("counts", [(160, 163), (160, None), (None, 163), (None, None)])
def test_who_joins_or_leaves_while_the_audit_runs_explains_the_difference(
    start: Any, ca_bundle: Path, counts: tuple[int | None, int | None]
) -> None:
    server = start()
    new = [entry(number) | {"createdDateTime": "2026-11-24T09:30:00Z"} for number in range(200, 208)]
    paged(server, Gateway(counts=counts), many(160), [*many(160)[5:], *new])
    _, taken = whole(ca_bundle, server)
    assert taken.problem == ""
    assert taken.joined == tuple(f"u{number}@contoso.com" for number in range(200, 208))
    assert taken.left == tuple(f"u{number}@contoso.com" for number in range(5))


def test_who_was_created_before_the_audit_and_is_in_the_second_list_alone_did_not_join(
    start: Any, ca_bundle: Path
) -> None:
    server = start()
    old = [entry(number) | {"createdDateTime": "2021-03-01T08:00:00Z"} for number in range(200, 208)]
    paged(server, Gateway(), many(160), [*many(160), *old])
    _, taken = whole(ca_bundle, server)
    assert "8 accounts that were there before are in the second list alone" in taken.problem
    assert taken.joined == ()


def test_a_second_list_that_misses_accounts_that_are_still_there_is_told(start: Any, ca_bundle: Path) -> None:
    server = start()
    paged(server, Gateway(counts=(160, None)), many(160), None)
    accounts = {f"id-{number}": f"u{number}@contoso.com" for number in range(160)}
    gone = {f"gone-{number}": f"g{number}@contoso.com" for number in range(4)}
    more = {f"id-{number}": f"u{number}@contoso.com" for number in range(160, 164)}

    async def taken(graph: Graph, listed: dict[str, str]) -> Any:
        return await census(graph, First(len(listed), None, begun=BEGUN), listed)

    left = ask(ca_bundle, server, lambda graph: taken(graph, accounts | gone))
    assert (left.problem, len(left.left)) == ("", 4)
    paged(server, Gateway(shows=160), many(164), None)
    missed = ask(ca_bundle, server, lambda graph: taken(graph, accounts | more))
    assert "about 4 accounts that are still there are in the first list alone" in missed.problem
    assert missed.left == ()


def test_users_of_an_earlier_run_who_are_still_there_and_in_no_list_are_missed(start: Any, ca_bundle: Path) -> None:
    """What shows the same part of a directory by every page size, and refuses its count, is seen so."""
    server = start()
    paged(server, Gateway(shows=80), many(160), None)

    async def taken(graph: Graph, known: list[str]) -> Any:
        found = await list_users(graph, Scope())
        first = First(found.directory, found.before, found.largest_page, found.full_end, BEGUN)
        return await census(graph, first, found.accounts or {}, known=known)

    missed = ask(ca_bundle, server, lambda graph: taken(graph, [f"id-{number}" for number in range(160)]))
    assert "about 80 users of an earlier run are still there and in neither list" in missed.problem
    left = ask(ca_bundle, server, lambda graph: taken(graph, [f"left-{number}" for number in range(50)]))
    assert left.problem == ""


@pytest.mark.parametrize(("full", "told"), [(False, "a second list could not be had"), (True, "ends with a full page")])
def test_without_count_and_second_list_no_list_is_whole(start: Any, ca_bundle: Path, full: bool, told: str) -> None:
    server = start()
    server.answers(lambda path, headers, number: error("Request_BadRequest", 400))
    first = First(30, None, PER_PAGE, full, BEGUN)
    taken = ask(ca_bundle, server, lambda graph: census(graph, first, {}))
    assert told in taken.problem


def test_a_list_of_nobody_is_no_directory(start: Any, ca_bundle: Path) -> None:
    server = start()
    directory(server, [])
    with pytest.raises(Unfinished, match="names nobody"):
        listed(ca_bundle, server)


@pytest.mark.parametrize(
    ("gateway", "counted", "told"),
    [
        (Gateway(20), 50, ""),
        (Gateway(10), 50, ""),
        (Gateway(10), None, ""),
        (Gateway(10, links=1), None, "20 members were listed and 12 in a second list"),
        (Gateway(10, links=1), 50, "of the group"),
        (Gateway(shows=30), 50, "30 members were listed, and the list counts 50"),
    ],
)
def test_a_groups_list_that_may_have_broken_off_is_read_again_and_told(
    start: Any, ca_bundle: Path, gateway: Gateway, counted: int | None, told: str
) -> None:
    server = start()
    paged(server, gateway, many(50), None)
    inner = server.script[0]

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        status, kind, body = inner(path, headers, number)
        if counted is None or "transitiveMembers" not in path:
            return status, kind, body
        return answer({**json.loads(body), "@odata.count": counted})

    server.answers(script)
    group = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    found = listed(ca_bundle, server, Scope(groups=(group.upper().join("{}"),)))
    assert told in found.problem if told else not found.problem
    assert all(f"/groups/{group}/" in path for path, _ in server.seen)
    left_out = listed(ca_bundle, server, Scope(exclude_groups=(group,)))
    assert told in left_out.problem if told else not left_out.problem


# -- ids and addresses ---------------------------------------------------------------------------------------------


GUID = "e7f5091b-64d8-4e4c-9e99-4bad7f5cbf05"


def test_one_object_id_in_two_spellings_is_one_user(start: Any, ca_bundle: Path) -> None:
    server = start()
    entries = wire("users-one-id-twice.json")["value"]
    spellings = [*(one["id"] for one in entries), f" {GUID.upper()} "]
    directory(server, [entry(1) | one for one in entries])
    found = listed(ca_bundle, server)
    assert [user.id for user in found.users] == [GUID]
    assert "2 account(s) more than once" in found.notes[0]
    server.answers(lambda path, headers, number: answer(entry(1) | {"id": GUID.upper()}))
    named = listed(ca_bundle, server, Scope(users=tuple(spellings)))
    assert [user.id for user in named.users] == [GUID]
    assert {urlsplit(path).path for path, _ in server.seen[-3:]} == {f"/v1.0/users/{GUID}"}


def wire(name: str) -> dict[str, Any]:
    return dict(json.loads((WIRE / name).read_text(encoding="utf-8")))


def of(*entries: dict[str, Any]) -> list[User]:
    """Users as the directory's list settles them among each other."""
    users = [user for one in entries if (user := parse(one)) is not None]
    assert len(users) == len(entries)
    owners = Owners(users)
    return [owners.settled(user) for user in users]


def person(number: int, upn: str, mail: str | None = None, *proxies: str) -> dict[str, Any]:
    return {"id": f"id-{number}", "userPrincipalName": upn, "mail": mail, "proxyAddresses": list(proxies)}


def test_another_users_mail_is_never_asked_for(start: Any, ca_bundle: Path) -> None:
    anothers, owner = wire("user-with-anothers-mail.json"), person(1, "nadia@contoso.com", "nadia@contoso.com")
    for kind in ({}, {"userType": "Guest"}, {"accountEnabled": False}):
        server = start()
        directory(server, [owner | kind, anothers])
        user = listed(ca_bundle, server).users[-1]
        assert (user.mail, user.mail_of_another) == ("nadia@contoso.com", True)
        assert user.asked_by == ("omar@contoso.com",)
    (alone,) = of(anothers)
    assert (alone.asked_by, alone.mail_of_another) == (("omar@contoso.com", "nadia@contoso.com"), False)


def test_the_primary_address_and_the_user_principal_name_come_first() -> None:
    (user,) = of(wire("user-mail-elsewhere.json"))
    assert user.asked_by == (
        "priya.rao@contoso.com", "priya@contoso.com", "office@elsewhere.example", "p.rao@contoso.com"
    )  # fmt: skip
    (spaced,) = of(wire("user-mail-trailing-space.json"))
    assert (spaced.mail, spaced.asked_by) == ("Tomas@contoso.com", ("tomas@contoso.com",))


OWNED: dict[str, tuple[list[dict[str, Any]], list[tuple[str, ...]], list[bool]]] = {
    "a proxy address is its owner's": (
        [person(1, "a@c.d", "x@c.d"), person(2, "b@c.d", "b@c.d", "SMTP:b@c.d", "smtp:X@c.d")],
        [("a@c.d",), ("b@c.d", "x@c.d")],
        [True, False],
    ),
    "a mail that two share and nobody owns is nobody's": (
        [person(1, "a@c.d", "x@c.d"), person(2, "b@c.d", "x@c.d ")],
        [("a@c.d",), ("b@c.d",)],
        [True, True],
    ),
    "a mail that two share and one owns is that one's": (
        [person(1, "a@c.d", "x@c.d", "SMTP:x@c.d"), person(2, "b@c.d", "x@c.d")],
        [("x@c.d", "a@c.d"), ("b@c.d",)],
        [False, True],
    ),
    "a proxy address of two is nobody's": (
        [person(1, "a@c.d", None, "smtp:x@c.d"), person(2, "b@c.d", "x@c.d", "smtp:x@c.d")],
        [("a@c.d",), ("b@c.d",)],
        [False, True],
    ),
    "a primary address is better than another proxy": (
        [person(1, "a@c.d", None, "SMTP:x@c.d"), person(2, "b@c.d", None, "smtp:x@c.d")],
        [("x@c.d", "a@c.d"), ("b@c.d",)],
        [False, False],
    ),
    "a user principal name is better than a primary address": (
        [person(1, "a@c.d", "B@c.d", "SMTP:b@c.d"), person(2, "b@c.d", "b@c.d")],
        [("a@c.d",), ("b@c.d",)],
        [True, False],
    ),
    "a blank mail is none": ([person(1, "a@c.d", " \u00a0\t")], [("a@c.d",)], [False]),
    "what cannot be asked for is left out": (
        [person(1, "a@c.d", "a b@c.d", "smtp:x\x00@c.d", f"smtp:{'y' * 320}@c.d", "smtp:nobody", "SIP:z@c.d")],
        [("a@c.d",)],
        [False],
    ),
    "white space and control characters at the ends": (
        [person(1, "a@c.d", "\u200b\u00a0M@c.d\r\n", "SMTP: p@c.d\t")],
        [("p@c.d", "a@c.d", "m@c.d")],
        [False],
    ),
    "a user principal name that cannot be asked for": (
        [person(1, "a\x07b@c.d", None, "SMTP:p@c.d"), person(2, "b c@c.d"), person(3, "\ud800@c.d"),
         person(4, f"{'u' * 990}@c.d")],
        [("p@c.d",), (), (), ()],
        [False, False, False, False],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OWNED)
def test_an_address_is_asked_for_whoever_owns_it_and_for_nobody_else(case: str, tmp_path: Path) -> None:
    entries, asked_by, of_another = OWNED[case]
    users = of(*entries)
    assert [user.asked_by for user in users] == asked_by
    assert [user.mail_of_another for user in users] == of_another
    # And a run keeps it so.
    frames.write_table(frames.users_table(users), tmp_path / "users.parquet")
    kept = [frames.user_of(row) for row in frames.read_table(tmp_path / "users.parquet").to_pylist()]
    assert [user.asked_by for user in kept] == asked_by


def test_where_few_are_asked_about_graph_is_asked_whose_their_mail_is(start: Any, ca_bundle: Path) -> None:
    anothers, owner = wire("user-with-anothers-mail.json"), person(1, "nadia@contoso.com")
    unlike = person(2, "eva@contoso.com", "team@contoso.com")

    def script(claims: Reply) -> Callable[[str, dict[str, str], int], Reply]:
        def answers(path: str, headers: dict[str, str], number: int) -> Reply:
            if "$filter" in path:
                return claims
            return answer(unlike if "eva" in path else owner if "nadia" in path else anothers)

        return answers

    server = start()
    for named, claims, asked_by in (
        ("omar@contoso.com", answer({"value": [anothers, owner]}), ("omar@contoso.com",)),
        ("omar@contoso.com", error("Request_UnsupportedQuery", 400), ("omar@contoso.com",)),
        ("eva@contoso.com", answer({"value": [unlike]}), ("eva@contoso.com", "team@contoso.com")),
        ("eva@contoso.com", answer({"value": []}), ("eva@contoso.com", "team@contoso.com")),
    ):
        server.answers(script(claims))
        (user,) = listed(ca_bundle, server, Scope(users=(named,))).users
        assert user.asked_by == asked_by
    before = len(server.seen)
    assert listed(ca_bundle, server, Scope(users=("nadia@contoso.com",))).users[0].asked_by == ("nadia@contoso.com",)
    assert len(server.seen) == before + 1, "whose mail is the user principal name is not asked about"


# -- what is not told, and mailboxes ---------------------------------------------------------------------------------


def test_a_missing_list_of_plans_is_not_known_and_an_empty_one_is() -> None:
    without = wire("user-without-plans.json")
    said = [parse(without | more) for more in ({}, {"assignedPlans": None}, {"assignedPlans": []})]
    assert [(one.plans_known, one.exchange_plan) for one in said if one] == [
        (False, False), (False, False), (True, False)
    ]  # fmt: skip


def test_licences_that_graph_does_not_tell_are_not_taken_for_none(start: Any, ca_bundle: Path) -> None:
    server = start()
    untold = [one | {"assignedLicenses": None} for one in many(40)[20:]]
    directory(server, [*many(20), *untold])
    assert "did not tell the licences of 20 accounts" in listed(ca_bundle, server).problem
    directory(server, [*many(20), *(one | {"assignedLicenses": []} for one in untold)])
    assert listed(ca_bundle, server).problem == ""


PURPOSES: dict[str, tuple[Reply, dict[str, Any], str]] = {
    "shared": (answer({"userPurpose": {"value": "shared"}}), {}, "shared"),
    "room": (answer({"userPurpose": "room"}), {}, "room"),
    "one of tomorrow": (answer({"userPurpose": "unknownFutureValue"}), {}, "others"),
    "nothing told": (answer({}), {}, "unreadable"),
    "no such mailbox": (error("ErrorNonExistentMailbox", 404), {}, "none"),
    "no mailbox": (error("AuthenticationError", 400), {}, "none"),
    "none online": (error("MailboxNotEnabledForRESTAPI", 404), {}, "none"),
    "none online, perhaps on premises": (
        error("MailboxNotEnabledForRESTAPI", 404),
        {"onPremisesSyncEnabled": True, "proxyAddresses": ["SMTP:u1@contoso.com"]},
        "unreadable",
    ),
    "on premises": (error("MailboxNotHostedInExchangeOnline", 404), {}, "unreadable"),
    "refused": (error("ErrorAccessDenied", 403), {}, "unreadable"),
    "failed": (error("ErrorInternalServerError", 500), {}, "unreadable"),
    "not Graph": ((404, {"Content-Type": "text/html"}, b"<html>"), {}, "unreadable"),
}


@pytest.mark.parametrize("case", PURPOSES)
def test_a_mailbox_without_a_licence_is_what_its_settings_say(start: Any, ca_bundle: Path, case: str) -> None:
    reply, more, mailbox = PURPOSES[case]
    users = [entry(0), entry(1) | {"accountEnabled": False, "assignedLicenses": []} | more]
    server = start()

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        if "mailboxSettings" in path:
            assert "id-1/" in path
            return reply
        return (200, {}, b"2") if "$count" in path else answer({"value": users})

    server.answers(script)
    scope = Scope(include=("disabled", "unlicensed"))
    found = ask(ca_bundle, server, lambda graph: list_users(graph, scope, mailboxes=True))
    assert [user.mailbox for user in found.users] == ["", mailbox]
    silent = len(server.seen)
    assert not any(user.mailbox for user in listed(ca_bundle, server, scope).users)
    assert len(server.seen) == silent + 2, "without Exchange nobody's mailbox is asked about"


def test_a_missing_permission_for_mailbox_settings_is_found_out_with_a_few_questions(
    start: Any, ca_bundle: Path
) -> None:
    server = start()
    users = [one | {"accountEnabled": False, "assignedLicenses": []} for one in many(200)]

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        if "mailboxSettings" in path:
            return error("ErrorAccessDenied", 403)
        return (200, {}, b"200") if "$count" in path else answer({"value": users})

    server.answers(script)
    scope = Scope(include=("disabled", "unlicensed"))
    found = ask(ca_bundle, server, lambda graph: list_users(graph, scope, mailboxes=True))
    assert {user.mailbox for user in found.users} == {"unreadable"}
    assert len(server.seen) < 40
    with pytest.raises(ScopeError, match=r"MailboxSettings\.Read"):
        listed(ca_bundle, server, Scope(include=("shared",)))


def test_where_only_some_mailboxes_tell_what_they_are_for_the_others_count_as_disabled(
    start: Any, ca_bundle: Path
) -> None:
    server, refused = start(), {"id-1/", "id-2/", "id-3/"}
    users = [entry(0), *(one | {"accountEnabled": False, "assignedLicenses": []} for one in many(6)[1:])]

    def script(path: str, headers: dict[str, str], number: int) -> Reply:
        if "mailboxSettings" in path:
            there = not any(own in path for own in refused)
            return answer({"userPurpose": "shared"}) if there else error("ErrorAccessDenied", 403)
        return (200, {}, b"6") if "$count" in path else answer({"value": users})

    for told in ("what 3 mailboxes are for could not be learned", ""):
        server.answers(script)
        found = listed(ca_bundle, server, Scope(include=("shared",)))
        assert len(found.users) == 6 - len(refused)
        assert dict(found.excluded) == {"disabled": len(refused)}
        assert told in found.problem if told else not found.problem
        refused -= {"id-2/", "id-3/"}
