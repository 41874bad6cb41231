"""Graph, asked for many: who says that there is no photo, whose metadata it is, and the same learned another way."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from auditor.collectors.contract import Known, Unchanged, observed
from auditor.collectors.entra import Entra
from auditor.model import FAULT_REASONS, Observation, Status, User, Way, Workload
from auditor.services.graph import Graph, named_users
from auditor.services.http import Api, new_client
from auditor.services.tls import tls_context
from tests.collectors.test_wire import JPEG, JSON, Reply, batch_of, portrait, wire
from tests.services.conftest import Server, authority, ca_bundle, start

__all__ = ["authority", "ca_bundle", "start"]
TENANT = "5f0c1d7a-9a51-4c5e-8d07-6a1f2b3c4d5e"
BARE: Reply = (404, {"Content-Type": "text/plain"}, b"")
TYPED: Reply = (404, JSON, wire("graph/image-not-found.json"))
OUT: Reply = (500, JSON, b'{"error": {"code": "generalException", "message": ""}}')
PHOTOS = [portrait() for _ in range(3)]


def user(number: int) -> User:
    identity = f"5b0d7c9e-0000-4000-8000-{number:012d}"
    return User(identity, f"u{number}@contoso.com", "", "", "Member", True, True, "", False, True, False)


def metadata(one: User, tag: str = "", form: str = "both", **changes: object) -> Reply:
    """A photo's metadata in one of the published forms: who is named, and where."""
    file = "photo-metadata-by-context.json" if form == "context" else "photo-metadata-me.json"
    body = json.loads(wire(f"graph/{file}")) | {"@odata.mediaEtag": f'"{tag or one.id[-8:]}"'} | changes
    if form in {"both", "id", "upper"}:
        body["@odata.id"] = f"https://graph.microsoft.com/v1.0/users('{one.id}@{TENANT}')/photo"
    if form in {"both", "context"}:
        body["@odata.context"] = f"https://graph.microsoft.com/v1.0/$metadata#Users('{one.id}')/photo/$entity"
    if form == "upper":
        body["@odata.id"] = body["@odata.id"].upper()
    if form == "nobody":
        del body["@odata.id"]
    return 200, JSON, json.dumps(body).encode()


def picture(one: User, *, etag: bool = True) -> Reply:
    data = PHOTOS[int(one.id[-3:]) % len(PHOTOS)] + one.id.encode()
    return 200, {**JPEG, **({"ETag": f'"{one.id[-8:]}"'} if etag else {})}, data


def to_everybody(reply: Reply) -> Callable[[User], Reply]:
    return lambda _: reply


@dataclass
class Graphs:
    """A Graph: what it answers for a path, in a batch and alone; None leaves an item of a batch out."""

    users: Sequence[User]
    answer: Callable[[str], Reply]
    item: Callable[[str], Reply | None] | None = None
    """In a batch; as alone where it is not given."""
    shuffle: Callable[[list[dict[str, Any]]], None] = lambda _: None
    batch: Reply | None = None
    """In place of every batch."""
    batches: list[list[str]] = field(default_factory=list)
    singly: list[str] = field(default_factory=list)

    def serve(self, server: Server) -> None:
        self.batches.clear()
        self.singly.clear()

        def script(path: str, sent: dict[str, str], number: int) -> Reply:
            path = unquote(path).removeprefix("/v1.0")
            if not path.startswith("/$batch"):
                self.singly.append(path)
                return self.answer(path)
            if self.batch is not None:
                return self.batch
            asked = json.loads(server.bodies[-1])["requests"]
            self.batches.append([one["url"] for one in asked])
            items = [_item(one["id"], (self.item or self.answer)(unquote(one["url"]))) for one in asked]
            made = [one for one in items if one is not None]
            self.shuffle(made)
            return batch_of(made)

        server.answers(script)


def _item(number: str, reply: Reply | None) -> dict[str, Any] | None:
    if reply is None:
        return None
    status, headers, body = reply
    if not body:
        return {"id": number, "status": status, "body": None}
    is_json = "json" in headers.get("Content-Type", "")
    return {"id": number, "status": status, "headers": headers,
            "body": json.loads(body) if is_json else base64.b64encode(body).decode()}  # fmt: skip


def by_user(
    users: Iterable[User], photos: Callable[[User], Reply], directory: Reply | None = None, *, kind: str = "image/jpeg"
) -> Callable[[str], Reply]:
    """Photos answered as `photos` says, with the bytes of whoever has one; the directory as it should."""
    known = {one.id: one for one in users}

    def answer(path: str) -> Reply:
        one = known[path.split("/")[2].partition("?")[0]]
        if "$select=id" in path:
            return directory or (200, JSON, json.dumps({"id": one.id.upper()}).encode())
        if path.endswith("$value"):
            status, headers, body = picture(one)
            return status, {**headers, "Content-Type": kind}, body
        return photos(one)

    return answer


def ask(bundle: Path, server: Server, call: Callable[[Entra], Any], *, batch: bool = True) -> list[Any]:
    async def work() -> list[Any]:
        client = new_client(tls_context(bundle))
        now = 0.0

        async def sleep(seconds: float) -> None:
            nonlocal now
            now += seconds
            await asyncio.sleep(0)

        try:
            api = Api(server.origin, client, sleep=sleep, clock=lambda: now)
            return [one async for one in call(Entra(Graph(api), lambda *_: None, batch=batch))]
        finally:
            await client.aclose()

    return asyncio.run(work())


def collected(bundle: Path, server: Server, users: Sequence[User], *, batch: bool = True) -> dict[str, Observation]:
    return {one.user_id: one for one in ask(bundle, server, lambda entra: entra.collect(users), batch=batch)}


def said(found: Mapping[str, Observation], users: Iterable[User]) -> list[str]:
    return [f"{found[one.id].status} {found[one.id].reason}".strip() for one in users]


NOT_BELIEVED = "unknown unexpected_answer"


# -- who says that there is no photo ----------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [metadata(user(1)), TYPED, (200, JSON, wire("graph/photo-none-1x1.json"))])
def test_a_bare_404_beside_an_answer_of_graph_itself_is_believed_at_once(
    start: Any, ca_bundle: Path, other: Reply
) -> None:
    server, users = start(), [user(number) for number in range(3)]
    graph = Graphs(users, by_user(users, lambda one: other if one.id == users[1].id else BARE))
    graph.serve(server)
    found = collected(ca_bundle, server, users)
    assert said(found, [users[0], users[2]]) == ["absent", "absent"]
    assert not graph.singly
    assert not any("select" in path for paths in graph.batches for path in paths)


WORDS_OF_THE_DIRECTORY = [
    (None, "absent"),
    (BARE, NOT_BELIEVED),
    ((200, JSON, json.dumps({"id": user(99).id}).encode()), NOT_BELIEVED),
    ((200, JSON, b"{}"), NOT_BELIEVED),
    ((404, JSON, wire("graph/resource-not-found.json")), "unknown Request_ResourceNotFound"),
    (OUT, "unknown unexpected_answer"),
]


@pytest.mark.parametrize("batch", [True, False])
def test_where_nobody_is_known_a_bare_404_is_proved_by_the_same_users_directory_entry(
    start: Any, ca_bundle: Path, batch: bool
) -> None:
    server, users = start(), [user(number) for number in range(3)]
    for directory, expected in WORDS_OF_THE_DIRECTORY:
        graph = Graphs(users, by_user(users, lambda _: BARE, directory))
        graph.serve(server)
        found = collected(ca_bundle, server, users, batch=batch)
        if directory is OUT and not batch:
            expected = "unknown server_error"
        assert said(found, users) == [expected] * 3, directory
        assert all(bool(one.detail) == (one.status is Status.UNKNOWN) for one in found.values())
        assert {one.reason for one in found.values()} <= {*FAULT_REASONS, "", "Request_ResourceNotFound"}
        assert bool(graph.batches) == batch


def test_a_user_known_to_have_a_photo_proves_the_bare_404s_of_a_later_batch(start: Any, ca_bundle: Path) -> None:
    server, users = start(), [user(number) for number in range(60)]
    with_photo, without = users[:20], users[20:]
    silent = False

    def photos(one: User) -> Reply:
        return metadata(one) if one in with_photo and not silent else BARE

    graph = Graphs(users, by_user(users, photos))
    graph.serve(server)

    async def first_then_rest(entra: Entra, after: Callable[[], None]) -> Any:
        async for one in entra.collect(with_photo):
            yield one
        after()
        async for one in entra.collect(without):
            yield one

    found = {
        one.user_id: one
        for one in ask(ca_bundle, server, lambda entra: first_then_rest(entra, lambda: graph.batches.clear()))
    }
    assert said(found, without) == ["absent"] * 40
    # Two batches of twenty; nineteen and a companion, twice, and the two who are left.
    assert sorted(map(len, graph.batches)) == [2, 2, 20, 20, 20, 20]
    assert not graph.singly

    def falls_silent() -> None:
        nonlocal silent
        silent = True

    found = {one.user_id: one for one in ask(ca_bundle, server, lambda entra: first_then_rest(entra, falls_silent))}
    assert said(found, without) == [NOT_BELIEVED] * 40
    assert "had shown before" in found[without[0].id].detail


def test_a_companion_that_has_lost_the_photo_is_replaced_by_another(start: Any, ca_bundle: Path) -> None:
    server, users = start(), [user(number) for number in range(4)]
    lost: set[str] = set()

    def photos(one: User) -> Reply:
        return BARE if one is users[3] else TYPED if one.id in lost else metadata(one)

    graph = Graphs(users, by_user(users, photos))
    graph.serve(server)

    async def losing(entra: Entra) -> Any:
        async for one in entra.collect(users[:3]):
            yield one
        lost.update(list(entra._holders)[:2])
        async for one in entra.collect(users[3:]):
            yield one

    found = {one.user_id: one for one in ask(ca_bundle, server, losing)}
    assert said(found, users[3:]) == ["absent"]


def test_a_user_found_unchanged_is_a_companion_too(start: Any, ca_bundle: Path) -> None:
    server, users = start(), [user(0), user(1)]
    graph = Graphs(users, by_user(users, lambda one: metadata(one) if one is users[0] else BARE))
    graph.serve(server)
    before = Known({"media_etag": users[0].id[-8:], "size": "240x240"}, Way.GRAPH_BATCH, observed(
        users[0], Workload.ENTRA, Status.PHOTO, Way.GRAPH_BATCH).observed_at)  # fmt: skip

    async def work(entra: Entra) -> Any:
        async for one in entra.collect(users[:1], {users[0].id: before}):
            yield one
        async for one in entra.collect(users[1:]):
            yield one

    first, second = ask(ca_bundle, server, work)
    assert isinstance(first, Unchanged)
    assert second.status is Status.ABSENT
    assert graph.batches[-1] == [f"/users/{users[1].id}/photo", f"/users/{users[0].id}/photo"]


@pytest.mark.parametrize("batch", [(502, {}, b""), (200, JSON, b"{}"), (404, {}, b"")])
def test_a_bare_404_beside_a_batch_that_cannot_be_had_is_a_gateways(start: Any, ca_bundle: Path, batch: Reply) -> None:
    server, users = start(), [user(number) for number in range(2)]
    Graphs(users, by_user(users, lambda _: BARE), batch=batch).serve(server)
    found = collected(ca_bundle, server, users)
    assert {one.status for one in found.values()} == {Status.UNKNOWN}
    assert {one.reason for one in found.values()} <= FAULT_REASONS


def test_an_answer_that_comes_the_second_time_is_the_one_that_counts(start: Any, ca_bundle: Path) -> None:
    server, one = start(), user(0)
    everybody = [one, user(1)]
    for second, expected in ((metadata(one), "photo"), (TYPED, "absent"), (metadata(user(1)), NOT_BELIEVED)):
        asked: list[str] = []

        def photos(_: User, second: Reply = second, asked: list[str] = asked) -> Reply:
            asked.append("")
            return BARE if len(asked) == 1 else second

        Graphs(everybody, by_user(everybody, photos)).serve(server)

        async def prepared(entra: Entra) -> Any:
            await entra.prepare(everybody)
            async for seen in entra.collect([one]):
                yield seen

        (found,) = ask(ca_bundle, server, prepared)
        assert f"{found.status} {found.reason}".strip() == expected


def test_a_batch_that_falls_silent_before_the_pictures_leaves_them_to_be_read_alone(
    start: Any, ca_bundle: Path
) -> None:
    server, users = start(), [user(number) for number in range(3)]
    answer = by_user(users, metadata)
    Graphs(users, answer, item=lambda path: BARE if path.endswith("$value") else answer(path)).serve(server)
    assert said(collected(ca_bundle, server, users), users) == ["photo"] * 3


# -- whose metadata it is ---------------------------------------------------------------------------------------------


def test_who_is_named_by_every_form_of_metadata_that_is_published() -> None:
    one = user(7)
    for form, named in {"both": True, "id": True, "context": True, "upper": True, "nobody": False}.items():
        assert named_users(json.loads(metadata(one, form=form)[2])) == ({one.id} if named else frozenset()), form
    for context in (f"https://x/v1.0/users/{one.id}/photo", f"#users(%27{one.id}%27)/photo/$entity"):
        assert named_users({"@odata.context": context}) == {one.id}
    for text in ("#users('adele@contoso.com')/photo", f"#groups('{one.id}')/photo", f"#tenants/{one.id}", 7, None):
        assert named_users({"@odata.id": text}) == frozenset()


@pytest.mark.parametrize("seed", range(4))
def test_batches_under_swapped_ids_give_nobody_anothers_photo_or_absence(
    start: Any, ca_bundle: Path, seed: int
) -> None:
    server, rng = start(), random.Random(seed)
    users = [user(number) for number in range(8)]
    with_photo = {one.id for one in rng.sample(users, rng.randint(1, 7))}
    forms = {one.id: rng.choice(["both", "id", "context", "upper"]) for one in users}

    def photos(one: User) -> Reply:
        if one.id in with_photo:
            return metadata(one, form=forms[one.id])
        return rng.choice([TYPED, (404, JSON, wire("graph/get-user-photo.json"))])

    def swapped(items: list[dict[str, Any]]) -> None:
        numbers = [one["id"] for one in items]
        turned = numbers[1:] + numbers[:1]
        for item, number in zip(items, turned, strict=True):
            item["id"] = number

    which = [True, True] if seed < 2 else [False, True]

    def shuffle(items: list[dict[str, Any]]) -> None:
        # From the third seed on it is the batch of pictures alone that is wrong.
        if which.pop(0) if which else True:
            swapped(items)

    graph = Graphs(users, by_user(users, photos), shuffle=shuffle)
    graph.serve(server)
    found = collected(ca_bundle, server, users)
    for one in users:
        seen = found[one.id]
        if one.id not in with_photo:
            assert seen.status is Status.ABSENT
        else:
            assert seen.fingerprint is not None
            assert seen.fingerprint.sha256 == sha256(picture(one)[2]).hexdigest()


@pytest.mark.parametrize("batch", [True, False])
def test_metadata_that_names_another_audited_user_each_time_is_no_answer(
    start: Any, ca_bundle: Path, batch: bool
) -> None:
    server, users = start(), [user(number) for number in range(3)]
    cached = {
        "another's photo": (metadata(user(1), form="id"), NOT_BELIEVED),
        "another's, by context": (metadata(user(1), form="context"), NOT_BELIEVED),
        "that another has none": (metadata(user(1), form="id", id="1x1", width=1), NOT_BELIEVED),
        "of a user who is not here": (metadata(user(1), form="id"), NOT_BELIEVED),
        "of nobody whom we know": (metadata(user(77), form="id"), "photo"),
        "of nobody": (metadata(user(1), form="nobody"), "photo"),
        "mine, in capitals": (metadata(users[0], form="upper"), "photo"),
    }
    for what, (reply, expected) in cached.items():
        Graphs(users, by_user(users, to_everybody(reply))).serve(server)

        async def prepared(entra: Entra) -> Any:
            await entra.prepare(iter(users))
            async for seen in entra.collect(users[:1]):
                yield seen

        (found,) = ask(ca_bundle, server, prepared, batch=batch)
        assert f"{found.status} {found.reason}".strip() == expected, what


@pytest.mark.parametrize("batch", [True, False])
def test_a_picture_whose_etag_is_another_users_each_time_is_not_this_users(
    start: Any, ca_bundle: Path, batch: bool
) -> None:
    server, users = start(), [user(number) for number in range(25)]
    answer = by_user(users, metadata)
    # A cache gives the first user's picture to everybody.
    Graphs(users, lambda path: picture(users[0]) if path.endswith("$value") else answer(path)).serve(server)
    assert said(collected(ca_bundle, server, users, batch=batch), users) == ["photo"] + [NOT_BELIEVED] * 24
    # An ETag that is nobody's is of another moment, and decides nothing.
    strange: Reply = (200, {**JPEG, "ETag": '"FFFFFFFF"'}, picture(users[0])[2])
    Graphs(users, lambda path: strange if path.endswith("$value") else answer(path)).serve(server)
    assert said(collected(ca_bundle, server, users[:3], batch=batch), users[:3]) == ["photo"] * 3


# -- another way ------------------------------------------------------------------------------------------------------


def sizes(one: User, *sides: int, **changes: object) -> Reply:
    body = json.loads(wire("graph/photos.json"))
    (first, *_) = body["value"]
    owner = {"@odata.id": f"https://graph.microsoft.com/v1.0/users('{one.id}@{TENANT}')/photos/x"}
    body["value"] = [
        first | owner | {"id": f"{side}x{side}", "width": side, "height": side} | changes for side in sides
    ]
    body["@odata.context"] = f"https://graph.microsoft.com/v1.0/$metadata#users('{one.id}')/photos"
    return 200, JSON, json.dumps(body).encode()


def asked_again(
    bundle: Path, server: Server, answers: Mapping[str, Reply], before: str = "648x648", directory: Reply | None = None
) -> tuple[Observation, list[str]]:
    """What a second question says of the first of two users; `answers`: by what follows the user in the path."""
    one, seen = user(0), []

    def answer(path: str) -> Reply:
        what = path.removeprefix(f"/users/{one.id}")
        seen.append(what)
        if what == "?$select=id":
            return directory or (200, JSON, json.dumps({"id": one.id}).encode())
        return answers.get(what, OUT)

    Graphs([one], answer).serve(server)
    heard = {one.id: observed(one, Workload.ENTRA, Status.ABSENT, Way.GRAPH_BATCH, signals={"size": before})}

    async def prepared(entra: Entra) -> Any:
        await entra.prepare([one, user(1)])
        async for observation in entra.ask_again([one], heard):
            yield observation

    (found,) = ask(bundle, server, prepared)
    assert found.way is Way.GRAPH_SINGLE
    return found, seen


def test_asked_again_a_photo_is_read_in_the_largest_other_size(start: Any, ca_bundle: Path) -> None:
    server, one = start(), user(0)
    shown = picture(one)
    table: list[tuple[tuple[int, ...], str, str]] = [
        ((48, 240, 648), "648x648", "240x240"),
        ((48, 240, 648), "240x240", "648x648"),
        ((48, 240, 648), "", "648x648"),
        ((648,), "648x648", "648x648"),
    ]
    for listed, before, expected in table:
        found, asked = asked_again(
            ca_bundle, server, {"/photos": sizes(one, *listed), f"/photos/{expected}/$value": shown}, before
        )
        assert (found.status, asked) == (Status.PHOTO, ["/photos", f"/photos/{expected}/$value"])
        assert (found.signals["size"], found.signals["media_etag"]) == (expected, "BA09D118")
    found, asked = asked_again(
        ca_bundle, server, {"/photos": sizes(one, 48, 648), "/photos/48x48/$value": BARE, "/photo/$value": shown}
    )
    assert (found.status, asked[-1]) == (Status.PHOTO, "/photo/$value"), "a missing size is no missing photo"


def test_asked_again_no_photo_is_said_in_so_many_words_or_proved(start: Any, ca_bundle: Path) -> None:
    server, one = start(), user(0)
    odd = {"Content-Type": "text/html"}
    table: list[tuple[dict[str, Reply], str]] = [
        ({"/photos": TYPED}, "absent"),
        ({"/photos": (404, JSON, wire("graph/item-not-found.json"))}, "absent"),
        ({"/photos": BARE}, "absent"),  # beside the directory's entry of the same user
        ({"/photos": sizes(one, 1)}, "absent"),
        ({"/photos": sizes(one, 48, **{"@odata.mediaEtag": ""})}, "absent"),
        ({"/photos": sizes(one), "/photo/$value": TYPED}, "absent"),
        ({"/photos": sizes(one), "/photo/$value": BARE}, "unknown picture_not_read"),
        ({"/photos": sizes(one), "/photo/$value": picture(one)}, "photo"),
        (
            {"/photos": sizes(one, 48), "/photos/48x48/$value": TYPED, "/photo/$value": TYPED},
            "unknown picture_not_read",
        ),
        ({"/photos": sizes(user(1), 48), "/photos/48x48/$value": picture(one)}, NOT_BELIEVED),
        ({"/photos": (200, JSON, b'{"value": "x"}')}, NOT_BELIEVED),
        ({"/photos": (200, odd, b"<html>sign in</html>")}, NOT_BELIEVED),
        ({"/photos": (400, JSON, wire("graph/no-mailbox.json"))}, "unknown AuthenticationError"),
        ({"/photos": (403, JSON, wire("graph/photo-permission-missing.json"))}, "unknown permission_missing"),
        ({"/photos": (502, {}, b"")}, "unknown server_error"),
    ]
    for answers, expected in table:
        found, _ = asked_again(ca_bundle, server, answers)
        assert f"{found.status} {found.reason}".strip() == expected, answers
    found, _ = asked_again(ca_bundle, server, {"/photos": BARE}, directory=BARE)
    assert f"{found.status} {found.reason}" == NOT_BELIEVED


def test_asked_again_a_user_whose_photo_was_heard_is_the_companion(start: Any, ca_bundle: Path) -> None:
    server, users = start(), [user(0), user(1)]
    graph = Graphs(users, by_user(users, lambda one: metadata(one) if one is users[1] else BARE))
    graph.serve(server)
    heard = {
        users[0].id: observed(users[0], Workload.ENTRA, Status.ABSENT, Way.GRAPH_BATCH),
        users[1].id: observed(users[1], Workload.ENTRA, Status.PHOTO, Way.GRAPH_BATCH),
    }
    (found,) = ask(ca_bundle, server, lambda entra: entra.ask_again(users[:1], heard))
    assert found.status is Status.ABSENT
    assert graph.batches == [[f"/users/{users[0].id}/photos", f"/users/{users[1].id}/photo"]]


# -- what cannot become a request, what passes ------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [True, False])
def test_an_id_that_can_stand_in_no_path_is_that_users_unknown(start: Any, ca_bundle: Path, batch: bool) -> None:
    server = start()
    odd = [replace(user(9), id=one) for one in ("\ud800", ".", "..", "")]
    users = [user(0), *odd, user(1)]
    Graphs(users, by_user(users, lambda one: TYPED)).serve(server)
    found = collected(ca_bundle, server, users, batch=batch)
    assert said(found, [users[0], users[-1]]) == ["absent", "absent"]
    assert said(found, odd) == [NOT_BELIEVED] * 4
    heard = {one.id: found[one.id] for one in users}
    again = ask(ca_bundle, server, lambda entra: entra.ask_again(odd, heard), batch=batch)
    assert [one.status for one in again] == [Status.UNKNOWN] * 4


def test_one_users_failure_says_nothing_of_the_others(start: Any, ca_bundle: Path) -> None:
    server, users = start(), [user(number) for number in range(6)]
    stale: Reply = (503, JSON, wire("graph/mailbox-info-stale.json"))
    answers = [metadata(users[0]), stale, TYPED, (400, JSON, wire("graph/no-mailbox.json")), BARE, metadata(users[5])]
    replies = {one.id: answers[number] for number, one in enumerate(users)}
    Graphs(users, by_user(users, lambda one: replies[one.id])).serve(server)
    found = collected(ca_bundle, server, users)
    assert said(found, users) == [
        "photo", "unknown server_error", "absent", "unknown AuthenticationError", "absent", "photo",
    ]  # fmt: skip


def test_a_pictures_type_may_be_written_in_any_letter_case(start: Any, ca_bundle: Path) -> None:
    server, one = start(), user(0)
    table = {"image/Jpeg": "photo", "IMAGE/JPEG": "photo", "Image/Jpeg; charset=binary": "photo"}
    for kind, expected in table.items():
        Graphs([one], by_user([one], metadata, kind=kind)).serve(server)
        for batch in (True, False):
            assert said(collected(ca_bundle, server, [one], batch=batch), [one]) == [expected]
