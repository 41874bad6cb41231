"""Viva Engage is read in bulk: when a list is complete, and what is said of whom where it is not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from auditor.collection import IN_A_ROW, Accounts, _by_shards, _engage, _likeliest_unlisted
from auditor.collectors.entra import Entra
from auditor.collectors.exchange import Exchange
from auditor.collectors.yammer import ASKED_BESIDES_THE_LIST, CONTROLS, FEW, Yammer
from auditor.model import User, Workload
from auditor.runs.folder import RunFolder, create, observations_part
from auditor.services.exchange import Ews, ews_is_final
from auditor.services.graph import Graph
from auditor.services.http import Api, Web, new_client
from auditor.services.tls import tls_context
from auditor.services.yammer import Engage
from tests.services.clocks import Clock
from tests.services.conftest import Server, authority, ca_bundle, start

__all__ = ["authority", "ca_bundle", "start"]
USERS = FEW + 35
JSON = {"Content-Type": "application/json"}
WIRE = Path(__file__).parent / "wire"
NOBODY_ASKED = "nobody@example.invalid"
MOMENTS = ["observed_at", "read_at"]
"""The columns that tell when, in which two equal parts differ."""


class Quiet:
    """Progress of which only what a person should read is kept."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self, step: str, total: int | None) -> None: ...
    def advance(self, step: str, count: int = 1) -> None: ...
    def done(self, step: str) -> None: ...
    def tell(self, text: str) -> None:
        self.told.append(text)


def user(number: int) -> User:
    upn = f"u{number}@contoso.com"
    return User(
        f"id-{number}", upn, upn, "", "Member", True, True, "", False, True, False, (f"old{number}@contoso.com",)
    )


def listed(number: int, address: str = "") -> dict[str, Any]:
    url = "https://mug0.assets-yammer.com/mugshot/images/no_photo.png?P1=1&size=48x48"
    return {"id": number, "email": address or f"u{number}@contoso.com", "state": "active", "mugshot_url": url}


def pages(entries: list[dict[str, Any]]) -> Callable[[int], tuple[int, list[dict[str, Any]]]]:
    return lambda page: (200, entries[50 * (page - 1) : 50 * page])


def read(
    path: Path,
    bundle: Path,
    server: Server,
    answer: Callable[[int], tuple[int, Any]],
    users: int = USERS,
    by_address: Callable[[str], tuple[int, Any]] | None = None,
    people: Callable[[int], User] = user,
) -> tuple[RunFolder, dict[str, tuple[str, str]]]:
    """`by_address`: what is said of one address; without it, who was on a page is found and nobody else."""
    listed: dict[str, Any] = {}

    def script(asked: str, headers: dict[str, str], number: int) -> tuple[int, dict[str, str], bytes]:
        if "by_email" in asked:
            address = unquote(asked.rpartition("email=")[2])
            found = (200, [listed[address]]) if address in listed else (404, {})
            status, body = by_address(address) if by_address is not None else found
        else:
            status, body = answer(int(asked.rpartition("page=")[2]))
            listed.update({entry["email"]: entry for entry in body if "email" in entry} if status == 200 else {})
        return status, JSON, json.dumps(body).encode()

    server.answers(script)
    run = create(path, {"scope": {"in_scope": users}, "parts": {}})
    run.freeze_users([people(number) for number in range(users)], 40)

    async def work() -> None:
        client = new_client(tls_context(bundle))

        async def sleep(_: float) -> None:
            await asyncio.sleep(0)

        try:
            web = Web({server.origin: Api(server.origin, client, sleep=sleep)})
            await _engage(run, Yammer(Engage(web, server.origin), lambda *_: None), Quiet())
        finally:
            await client.aclose()

    asyncio.run(work())
    run.close()
    rows = [
        row
        for shard in range(run.shards)
        for row in run.read_part(observations_part(Workload.YAMMER, shard)).to_pylist()
    ]
    return run, {row["user_id"]: (row["status"], row["reason"]) for row in rows}


def test_whoever_is_not_in_a_complete_list_has_no_account(start: Any, ca_bundle: Path, tmp_path: Path) -> None:
    _, found = read(tmp_path / "run", ca_bundle, start(), pages([listed(number) for number in range(55)]))
    assert {found[f"id-{number}"] for number in range(55)} == {("absent", "")}
    assert {found[f"id-{number}"] for number in range(55, USERS)} == {("not_provisioned", "")}


@pytest.mark.parametrize(
    ("pages_end_after", "by_address"),
    [
        (5, lambda address: (200, [listed(int(address[1:3].strip("@")))]) if address[0] == "u" else (404, {})),
        (50, lambda address: (200, [listed(int(address[1:3].strip("@")))]) if address[0] == "u" else (404, {})),
        (50, lambda address: (404, {})),
        (50, lambda address: (200, [])),
        (50, lambda address: (403, {})),
    ],
    ids=["five accounts", "an empty second page", "404 for everybody", "nothing for everybody", "refused"],
)
def test_a_list_that_ends_early_makes_nobody_without_an_account(
    start: Any, ca_bundle: Path, tmp_path: Path, pages_end_after: int, by_address: Callable[[str], tuple[int, Any]]
) -> None:
    entries, server = [listed(number) for number in range(pages_end_after)], start()
    run, found = read(tmp_path / "run", ca_bundle, server, pages(entries), by_address=by_address)
    assert {found[f"id-{number}"] for number in range(pages_end_after)} == {("absent", "")}
    assert {found[f"id-{number}"] for number in range(pages_end_after, USERS)} == {("unknown", "list_incomplete")}
    assert run.manifest["refusals"]["yammer"]["reason"] == "list_incomplete"
    assert len({path for path, _ in server.seen if "by_email" in path}) <= 2 * ASKED_BESIDES_THE_LIST + CONTROLS


def test_a_suspended_account_that_no_list_names_does_not_make_the_list_incomplete(
    start: Any, ca_bundle: Path, tmp_path: Path
) -> None:
    entries = [listed(number) for number in range(50)]
    by = {
        entry["email"]: entry for entry in [*entries, *(listed(one) | {"state": "suspended"} for one in range(50, 60))]
    }
    _, found = read(
        tmp_path / "run", ca_bundle, start(), pages(entries),
        by_address=lambda address: (200, [by[address]]) if address in by else (404, {}),
    )  # fmt: skip
    assert {found[f"id-{number}"] for number in range(50, USERS)} == {("not_provisioned", "")}


def test_each_is_observed_when_the_page_came_that_names_them(start: Any, ca_bundle: Path, tmp_path: Path) -> None:
    server = start()
    run, _ = read(tmp_path / "run", ca_bundle, server, pages([listed(number) for number in range(55)]))
    rows = [
        row
        for shard in range(run.shards)
        for row in run.read_part(observations_part(Workload.YAMMER, shard)).to_pylist()
    ]
    moments = {row["user_id"]: row["observed_at"] for row in rows}
    first, second, nobody = moments["id-3"], moments["id-52"], moments[f"id-{USERS - 1}"]
    assert first < second < nobody
    assert {moments[f"id-{number}"] for number in range(50)} == {first}


def test_those_who_are_asked_by_address_are_few_spread_and_first_who_had_an_account_before(tmp_path: Path) -> None:
    run = create(tmp_path / "run", {"scope": {"in_scope": 100}, "parts": {}})
    run.freeze_users([replace(user(number), enabled=number % 2 == 0) for number in range(100)], 40)
    accounts = Accounts([], "", {f"u{number}@contoso.com": [(0, number)] for number in range(10)})
    picked = [int(one.id[3:]) for one in _likeliest_unlisted(run, accounts, {"id-3", "id-77", "id-79"})]
    assert len(picked) == ASKED_BESIDES_THE_LIST
    assert {77, 79} < set(picked)
    enabled = [number for number in picked if number not in {77, 79}]
    assert all(number >= 10 and number % 2 == 0 for number in enabled)
    assert enabled[0] == 10
    assert enabled[-1] == 98
    assert (
        _likeliest_unlisted(run, Accounts([], "", {one.upn: [(0, 0)] for one in run.users(0)}), set())[0].id == "id-40"
    )
    run.close()


@pytest.mark.parametrize(
    ("twin", "kept"),
    [
        ({"state": "suspended"}, "0"),
        ({"state": "deleted"}, "0"),
        ({"network_id": 2}, "0"),
        ({"state": "active"}, None),
    ],
)
def test_an_account_that_is_not_in_use_here_is_no_candidate_beside_one_that_is(
    start: Any, ca_bundle: Path, tmp_path: Path, twin: dict[str, Any], kept: str | None
) -> None:
    entries = [{"network_id": 1} | listed(number) for number in range(USERS)]
    other = {"network_id": 1} | listed(900, "u0@contoso.com") | twin
    alone = {"network_id": 1} | listed(901, "u1@contoso.com") | twin
    run, found = read(tmp_path / "run", ca_bundle, start(), pages([other, entries[0], alone, *entries[2:]]))
    row = run.read_part(observations_part(Workload.YAMMER, 0)).to_pylist()[0]
    assert json.loads(row["signals"]).get("engage_id") == kept
    assert found["id-0"] == (("absent", "") if kept else ("unknown", "ambiguous"))
    # Alone it is what Viva Engage keeps of the user.
    assert found["id-1"] == ("absent", "")


def test_nobody_is_joined_by_an_address_that_is_anothers(start: Any, ca_bundle: Path, tmp_path: Path) -> None:
    def people(number: int) -> User:
        made = user(number)
        own = (made.upn, f"old{number}@contoso.com")
        return replace(made, mail="u0@contoso.com", asked_by=own, mail_of_another=True) if number in {1, 2} else made

    entries = [listed(number) for number in range(USERS) if number != 2]
    _, found = read(tmp_path / "run", ca_bundle, start(), pages(entries), people=people)
    assert (found["id-0"], found["id-1"]) == (("absent", ""), ("absent", ""))
    assert found["id-2"] == ("unknown", "ambiguous")


def test_a_short_page_is_not_the_end_of_the_list(start: Any, ca_bundle: Path, tmp_path: Path) -> None:
    entries = [listed(number) for number in range(USERS)]
    split = {1: entries[:49], 2: entries[49:]}
    _, found = read(tmp_path / "run", ca_bundle, start(), lambda page: (200, split.get(page, [])))
    assert set(found.values()) == {("absent", "")}


@pytest.mark.parametrize(
    "gone", [range(5, 6), range(1, 50), range(70)], ids=["one", "nearly a page", "more than a page"]
)
def test_whoever_moves_to_a_page_that_was_read_because_others_go_is_found_there(
    start: Any, ca_bundle: Path, tmp_path: Path, gone: range
) -> None:
    entries, asked = [listed(number) for number in range(160)], [0]

    def answer(page: int) -> tuple[int, Any]:
        asked[0] += 1
        left = entries if asked[0] <= 4 else [entry for entry in entries if entry["id"] not in gone]
        return 200, left[50 * (page - 1) : 50 * page]

    # Pages 1, 2 and 1 again, 3 were read when they go: who stood on the fourth stands on the third now, or before.
    _, found = read(tmp_path / "run", ca_bundle, start(), answer, users=160)
    assert set(found.values()) == {("absent", "")}


def test_a_list_that_hangs_goes_on_after_the_page_before_was_asked_for_again(
    start: Any, ca_bundle: Path, tmp_path: Path
) -> None:
    entries = [listed(number) for number in range(USERS)]
    split = {1: entries[:20], 2: entries[20:40], 3: entries[40:]}
    asked: list[int] = []

    def hanging(page: int) -> tuple[int, Any]:
        asked.append(page)
        # From its second page on the list repeats itself, until an earlier page than that is wanted.
        hangs = asked.count(2) < 2
        return 200, split[min(page, 2)] if hangs else split.get(page, [])

    _, found = read(tmp_path / "run", ca_bundle, start(), hanging)
    assert set(found.values()) == {("absent", "")}
    assert asked == [1, 2, 1, 3, 2, 3, 2, 4, 4, 3]


@pytest.mark.parametrize(
    "answer",
    [
        lambda page: (200, [listed(number) for number in range(50)]),  # the same page for ever
        lambda page: (200, []),  # nobody at all
        lambda page: (200, [listed(number) for number in range(50)]) if page == 1 else (400, {}),
        lambda page: (200, [listed(number) for number in range(50)]) if page == 1 else (200, {"users": []}),
    ],
)
def test_nobody_is_said_to_have_no_account_by_a_list_that_was_not_read_to_its_end(
    start: Any, ca_bundle: Path, tmp_path: Path, answer: Callable[[int], tuple[int, Any]]
) -> None:
    run, found = read(tmp_path / "run", ca_bundle, start(), answer)
    assert {status for status, _ in found.values()} <= {"absent", "unknown"}
    assert found[f"id-{USERS - 1}"] == ("unknown", "list_incomplete")
    assert run.manifest["refusals"]["yammer"]


def test_an_account_found_by_an_old_address_in_a_list_cut_short_may_have_a_rival(
    start: Any, ca_bundle: Path, tmp_path: Path
) -> None:
    entries = [listed(0), listed(1, "old1@contoso.com")]
    _, found = read(tmp_path / "run", ca_bundle, start(), lambda page: (200, entries) if page == 1 else (400, {}))
    assert found["id-0"] == ("absent", "")
    assert found["id-1"] == ("unknown", "list_incomplete")


def test_two_accounts_for_one_address_are_ambiguous_and_one_listed_twice_is_one(
    start: Any, ca_bundle: Path, tmp_path: Path
) -> None:
    entries = [listed(0), listed(900, "u0@contoso.com"), listed(1), listed(1), listed(2)]
    _, found = read(tmp_path / "run", ca_bundle, start(), pages(entries))
    assert found["id-0"] == ("unknown", "ambiguous")
    assert found["id-1"] == ("absent", "")


def test_a_nameless_entry_costs_itself_and_one_without_an_id_is_unknown(
    start: Any, ca_bundle: Path, tmp_path: Path
) -> None:
    entries = [listed(number) for number in range(USERS)]
    entries[3] = {"full_name": "somebody"}
    del entries[4]["id"]
    _, found = read(tmp_path / "run", ca_bundle, start(), pages(entries))
    assert found["id-4"] == ("unknown", "unexpected_answer")
    assert {found[f"id-{number}"] for number in range(USERS) if number not in {3, 4}} == {("absent", "")}


def test_a_list_that_seems_to_end_and_goes_on_is_read_on(start: Any, ca_bundle: Path, tmp_path: Path) -> None:
    entries, asked = [listed(number) for number in range(USERS)], [0]

    def answer(page: int) -> tuple[int, list[dict[str, Any]]]:
        asked[0] += page == 2
        return 200, [] if page == 2 and asked[0] == 1 else entries[50 * (page - 1) : 50 * page]

    _, found = read(tmp_path / "run", ca_bundle, start(), answer)
    assert set(found.values()) == {("absent", "")}


@pytest.mark.parametrize("status", [400, 403, 500])
def test_one_bad_page_is_asked_for_again(start: Any, ca_bundle: Path, tmp_path: Path, status: int) -> None:
    entries, asked = [listed(number) for number in range(USERS)], [0]

    def answer(page: int) -> tuple[int, Any]:
        asked[0] += page == 2
        return (status, {}) if page == 2 and asked[0] <= 2 else (200, entries[50 * (page - 1) : 50 * page])

    _, found = read(tmp_path / "run", ca_bundle, start(), answer)
    assert set(found.values()) == {("absent", "")}


def photos(
    path: Path, bundle: Path, server: Server, users: int, script: Callable[..., Any]
) -> tuple[RunFolder, Quiet, list[dict[str, Any]]]:
    server.answers(script)
    run, quiet = create(path, {"scope": {"in_scope": users}, "parts": {}}), Quiet()
    run.freeze_users([user(number) for number in range(users)], 30)

    async def work() -> None:
        client, clock = new_client(tls_context(bundle)), Clock()
        try:
            api = Api(server.origin, client, sleep=clock.sleep, clock=clock)
            await _by_shards(run, Entra(Graph(api), lambda *_: None, batch=False), quiet)
        finally:
            await client.aclose()

    asyncio.run(work())
    run.close()
    parts = [run.read_part(observations_part(Workload.ENTRA, shard)).to_pylist() for shard in range(run.shards)]
    return run, quiet, [row for part in parts for row in part]


@pytest.mark.parametrize(
    ("dead", "reason"),
    [
        ((503, {}, b""), "server_error"),
        ((200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"), "unexpected_answer"),
    ],
)
def test_a_workload_that_has_died_is_not_asked_to_the_last_user_and_that_is_said_once(
    start: Any, ca_bundle: Path, tmp_path: Path, dead: Any, reason: str
) -> None:
    server = start()
    gone = json.dumps({"error": {"code": "ImageNotFound"}}).encode()
    run, quiet, rows = photos(
        tmp_path / "run", ca_bundle, server, 120,
        lambda path, headers, number: (404, JSON, gone) if number <= 8 else dead,
    )  # fmt: skip
    assert [row["status"] for row in rows].count("absent") == 8
    assert {row["reason"] for row in rows if row["status"] == "unknown"} == {reason}
    asked = {path for path, _ in server.seen}
    assert len(asked) < 8 + IN_A_ROW + 10
    assert len(quiet.told) == 1
    assert f"{IN_A_ROW} users in a row" in quiet.told[0]
    assert f"{IN_A_ROW} users in a row" in run.manifest["refusals"]["entra"]["sentence"]


def test_users_who_fail_among_others_who_answer_end_nothing(start: Any, ca_bundle: Path, tmp_path: Path) -> None:
    server = start()
    gone = json.dumps({"error": {"code": "ImageNotFound"}}).encode()

    def script(path: str, headers: dict[str, str], number: int) -> tuple[int, dict[str, str], bytes]:
        return (404, JSON, gone) if int(path.split("id-")[1].split("/")[0]) % 10 == 0 else (500, {}, b"")

    _, quiet, rows = photos(tmp_path / "run", ca_bundle, server, 90, script)
    assert [row["status"] for row in rows].count("absent") == 9
    assert quiet.told == []


def test_a_refused_credential_is_the_workloads_and_a_refused_user_the_users_own(
    start: Any, ca_bundle: Path, tmp_path: Path
) -> None:
    server = start()
    gone = json.dumps({"error": {"code": "ImageNotFound"}}).encode()
    expired = json.dumps({"error": {"code": "InvalidAuthenticationToken"}}).encode()
    _, quiet, rows = photos(
        tmp_path / "some", ca_bundle, server, 40,
        lambda path, headers, number: (401, JSON, expired) if "id-7/" in path else (404, JSON, gone),
    )  # fmt: skip
    assert [row["user_id"] for row in rows if row["status"] == "unknown"] == ["id-7"]
    assert quiet.told == []
    _, quiet, rows = photos(tmp_path / "all", ca_bundle, server, 90, lambda path, headers, number: (401, JSON, expired))
    assert {row["status"] for row in rows} == {"unknown"}
    assert len({path for path, _ in server.seen}) < 40
    assert len(quiet.told) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((403, {}, b""), "not_separately_readable"),
        ((200, {"Content-Type": "text/xml"}, (WIRE / "exchange" / "no-photo.xml").read_bytes()), ""),
    ],
    ids=["off", "on"],
)
def test_a_resumed_run_asks_no_mailbox_of_a_complete_part(
    start: Any, ca_bundle: Path, tmp_path: Path, answer: Any, reason: str
) -> None:
    server = start()
    server.answers(lambda path, sent, number: answer)
    run = create(tmp_path / "run", {"scope": {"in_scope": 12}, "parts": {}})
    run.freeze_users([user(number) for number in range(12)], 4)

    async def collect() -> None:
        client = new_client(tls_context(ca_bundle))
        clock = Clock()
        try:
            api = Api(server.origin, client, sleep=clock.sleep, clock=clock, is_final=ews_is_final)
            await _by_shards(run, Exchange(Ews(api, "soap"), lambda *_: None), Quiet())
        finally:
            await client.aclose()

    asyncio.run(collect())
    part = observations_part(Workload.EXCHANGE, 2)
    whole = run.read_part(part).drop_columns(MOMENTS)
    assert set(whole["reason"].to_pylist()) == {reason}
    run.update(parts={name: entry for name, entry in run.manifest["parts"].items() if name != part})
    before = len(server.bodies)
    asyncio.run(collect())
    run.close()
    assert run.read_part(part).drop_columns(MOMENTS) == whole
    asked = {re.search(rb"<m:Email>([^<]+)<", body)[1].decode() for body in server.bodies[before:]}  # type: ignore[index]
    # Where Exchange Web Services are on, they are also asked, about nobody, to prove that it is they who answer.
    assert asked == (set() if reason else {f"u{number}@contoso.com" for number in range(8, 12)} | {NOBODY_ASKED})
