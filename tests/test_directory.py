"""When the list of users is complete, and what happens where it is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.census import First, census, tolerance
from auditor.directory import SELECT, ScopeError, list_users, parse
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
        page = int(parse_qs(parts.query).get("page", ["0"])[0])
        asked[page] = asked.get(page, 0) + 1
        if (reply := fault(page, asked[page])) is not None:
            return reply
        body: dict[str, Any] = {"value": users[page * PER_PAGE : (page + 1) * PER_PAGE]}
        if (page + 1) * PER_PAGE < len(users):
            body["@odata.nextLink"] = f"{server.origin}/v1.0/users?page={page + 1}"
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
