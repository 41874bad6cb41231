"""A second run over real sockets: what it carries over, what it reads again, and what becomes of a lie."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from auditor.collection import _by_shards, _engage
from auditor.collectors.entra import Entra
from auditor.collectors.yammer import FEW, Yammer
from auditor.model import User, Workload
from auditor.photos import RECIPE
from auditor.runs.earlier import open_earlier
from auditor.runs.folder import RunFolder, create, observations_part
from auditor.services.graph import Graph
from auditor.services.http import Api, Web, new_client
from auditor.services.tls import tls_context
from auditor.services.yammer import Engage
from auditor.shortcut import Shortcut, baseline_entry, window
from tests.services.clocks import Clock
from tests.services.conftest import Server, authority, ca_bundle, start
from tests.test_collection import Quiet

__all__ = ["authority", "ca_bundle", "start"]
JSON = {"Content-Type": "application/json"}
PNG = {"Content-Type": "image/png"}
USERS = 40


def user(number: int) -> User:
    upn = f"u{number}@contoso.com"
    return User(f"id-{number}", upn, upn, "", "Member", True, True, "", False, True, False)


def drawn(seed: int, effort: int = 6) -> bytes:
    """A picture that is this seed's alone; other bytes for every effort."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(noise).resize((96, 96), Image.Resampling.BICUBIC).save(out, "PNG", compress_level=effort)
    return out.getvalue()


@dataclass
class Photos:
    """Graph and Viva Engage with a photo for everyone: what each shows, and the ETag or id that it comes with."""

    shown: dict[int, int] = field(default_factory=lambda: dict(enumerate(range(USERS))))
    """The seed of each user's picture."""
    tag: dict[int, int] = field(default_factory=lambda: dict(enumerate(range(USERS))))
    account: dict[int, int] = field(default_factory=lambda: dict(enumerate(range(USERS))))
    """Whose Engage account each account is."""
    down: bool = False
    effort: int = 6

    def change(self, number: int, *, silently: bool = False) -> None:
        """Another photo, with another ETag unless silently."""
        self.shown[number] += 1000
        if not silently:
            self.tag[number] += 1000

    def graph(self, path: str, sent: dict[str, str], number: int) -> tuple[int, dict[str, str], bytes]:
        if self.down:
            return 503, {}, b""
        who = int(path.split("id-")[1].split("/")[0])
        if path.endswith("$value"):
            return 200, PNG, drawn(self.shown[who], self.effort)
        tag = f'"{self.tag[who]:08X}"'
        return 200, JSON, json.dumps({"id": "96x96", "width": 96, "height": 96, "@odata.mediaEtag": tag}).encode()

    def engage(self, server: Server) -> Any:
        def script(path: str, sent: dict[str, str], number: int) -> tuple[int, dict[str, str], bytes]:
            if found := re.search(r"/mugshot/images/tag-(\d+)-(\d+)", path):
                return 200, PNG, drawn(self.shown[int(found[1])], self.effort)
            if "by_email" in path:
                wanted = int(path.split("email=u")[1].split("%40")[0])
                return 200, JSON, json.dumps([self.listed(server, wanted)]).encode()
            page = int(path.rpartition("page=")[2])
            rows = [self.listed(server, one) for one in range(USERS)][15 * (page - 1) : 15 * page]
            return 200, JSON, json.dumps(rows).encode()

        return script

    def listed(self, server: Server, number: int) -> dict[str, Any]:
        url = f"{server.origin}/mugshot/images/tag-{number}-{self.tag[number]}?P1=1&size=48x48"
        address = f"u{self.account[number]}@contoso.com"
        return {"id": 500 + number, "email": address, "state": "active", "mugshot_url": url}


@dataclass
class Bench:
    """Runs of one workload, one after the other, each in a folder of its own."""

    folder: Path
    bundle: Path
    server: Server
    workload: Workload
    photos: Photos = field(default_factory=Photos)
    users: int = USERS
    quiet: Quiet = field(default_factory=Quiet)

    def run(self, name: str, baseline: str = "", recheck: float = 0.0, *, crash_after: int | None = None) -> RunFolder:
        """A whole run; `crash_after`: break off once so many parts of observations are there."""
        path = self.folder / name
        self.quiet = Quiet()
        manifest: dict[str, Any] = {
            "run_id": name, "scope": {"in_scope": self.users}, "tenant": {"id": "t"}, "recipe": RECIPE, "parts": {},
        }  # fmt: skip
        if baseline:
            earlier = open_earlier(self.folder / baseline, ("t",), RECIPE, self.quiet.tell)
            manifest["baseline"] = baseline_entry(earlier, name, recheck, follows=True)
        run = create(path, manifest)
        run.freeze_users([user(number) for number in range(self.users)], 10)
        return self._collect(run, crash_after)

    def resume(self, run: RunFolder) -> RunFolder:
        """Go on with a run that was broken off."""
        return self._collect(RunFolder(run.path, json.loads((run.path / "manifest.json").read_text())), None)

    def _collect(self, run: RunFolder, crash_after: int | None) -> RunFolder:
        entry = run.manifest.get("baseline")
        earlier = open_earlier(Path(entry["path"]), ("t",), RECIPE, self.quiet.tell) if entry else None
        shortcut = Shortcut(run, earlier)
        if crash_after is not None:
            write, parts = run.write_observations, iter(range(crash_after))

            def writing(workload: Workload, shard: int, observations: Any) -> None:
                if next(parts, None) is None:
                    raise KeyboardInterrupt
                write(workload, shard, observations)

            run.write_observations = writing  # type: ignore[method-assign]
        engaged = self.workload is Workload.YAMMER
        self.server.answers(self.photos.engage(self.server) if engaged else self.photos.graph)

        async def work() -> None:
            client, clock = new_client(tls_context(self.bundle)), Clock()
            try:
                api = Api(self.server.origin, client, sleep=clock.sleep, clock=clock)
                if engaged:
                    yammer = Yammer(Engage(Web({self.server.origin: api}), self.server.origin), lambda *_: None)
                    await _engage(run, yammer, self.quiet, shortcut)
                else:
                    await _by_shards(run, Entra(Graph(api), lambda *_: None, batch=False), self.quiet, shortcut)
            finally:
                await client.aclose()

        try:
            asyncio.run(work())
        except KeyboardInterrupt:
            run.close()
            return run
        shortcut.sum_up([self.workload])
        run.finish(finished="2026-11-26T00:00:00+00:00")
        run.close()
        return run

    def rows(self, run: RunFolder) -> dict[str, dict[str, Any]]:
        """The observations by user."""
        parts = [run.read_part(observations_part(self.workload, shard)).to_pylist() for shard in range(run.shards)]
        return {row["user_id"]: row for part in parts for row in part}

    def pictures_asked(self) -> int:
        return sum(path.endswith("$value") or "/mugshot/" in path for path, _ in self.server.seen)

    def figures(self, run: RunFolder) -> dict[str, Any]:
        return dict(run.manifest["shortcut"][str(self.workload)])


@pytest.fixture(params=[Workload.ENTRA, Workload.YAMMER], ids=str)
def bench(request: pytest.FixtureRequest, tmp_path: Path, ca_bundle: Path, start: Any) -> Bench:
    return Bench(tmp_path, ca_bundle, start(), request.param)


def seen(rows: dict[str, dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {user_id: (row["status"], row["sha256"]) for user_id, row in rows.items()}


def test_an_unchanged_tenant_is_carried_over_with_when_and_where_each_picture_was_read(bench: Bench) -> None:
    first = bench.rows(bench.run("first"))
    second_run = bench.run("second", "first")
    assert bench.pictures_asked() == 0
    second = bench.rows(second_run)
    assert seen(second) == seen(first)
    for user_id, row in second.items():
        assert (row["read_at"], row["read_in"]) == (first[user_id]["observed_at"], "first")
        assert row["observed_at"] >= row["read_at"]
        left = {name: value for name, value in row.items() if name not in {"observed_at", "read_in"}}
        assert left == {name: value for name, value in first[user_id].items() if name in left}
    assert bench.figures(second_run) == {"carried": USERS, "rechecked": 0, "differed": 0, "dropped": ""}
    third = bench.rows(bench.run("third", "second"))
    assert {row["read_in"] for row in third.values()} == {"first"}


def test_every_changed_picture_is_found_and_the_others_are_not_read(bench: Bench) -> None:
    first = bench.rows(bench.run("first"))
    changed = {3, 17, 18, 39}
    for number in changed:
        bench.photos.change(number)
    second = bench.rows(bench.run("second", "first"))
    assert bench.pictures_asked() == len(changed)
    moved = {user_id for user_id in first if seen(first)[user_id] != seen(second)[user_id]}
    assert moved == {f"id-{number}" for number in changed}
    assert {user_id for user_id, row in second.items() if not row["read_in"]} == moved


def test_a_share_is_read_again_and_after_some_runs_everyone_was(bench: Bench) -> None:
    bench.run("run-0")
    checked: list[set[str]] = []
    for number in range(1, 6):
        run = bench.run(f"run-{number}", f"run-{number - 1}", recheck=0.2)
        read = {user_id for user_id, row in bench.rows(run).items() if not row["read_in"]}
        assert bench.figures(run)["rechecked"] == len(read) == bench.pictures_asked()
        checked.append(read)
    assert set().union(*checked) == {f"id-{number}" for number in range(USERS)}
    assert sum(map(len, checked)) == USERS


def test_one_picture_that_changed_unsaid_drops_the_shortcut_and_nothing_wrong_stays(bench: Bench) -> None:
    bench.run("first")
    for number in (2, 11, 12, 25, 38):
        bench.photos.change(number, silently=True)
    run = bench.run("second", "first", recheck=0.5)
    rows = bench.rows(run)
    assert {row["read_in"] for row in rows.values()} == {""}
    truth = {f"id-{number}": drawn(seed) for number, seed in bench.photos.shown.items()}
    assert {user_id: row["size"] for user_id, row in rows.items()} == {one: len(data) for one, data in truth.items()}
    figures = bench.figures(run)
    assert figures["carried"] == 0
    assert figures["differed"] > 0
    assert "others than the service's signals promised" in figures["dropped"]
    assert sum("promised" in text for text in bench.quiet.told) == 1
    assert list(rows) == [f"id-{number}" for number in range(USERS)]


def test_a_picture_that_is_encoded_anew_is_the_same_picture(bench: Bench) -> None:
    first = bench.rows(bench.run("first"))
    bench.photos.effort = 1
    run = bench.run("second", "first", recheck=1.0)
    assert not {row["sha256"] for row in first.values()} & {row["sha256"] for row in bench.rows(run).values()}
    assert bench.figures(run) == {"carried": 0, "rechecked": USERS, "differed": 0, "dropped": ""}
    assert bench.pictures_asked() == USERS


@pytest.mark.parametrize("lie", [False, True])
def test_a_second_run_that_was_killed_is_resumed_to_the_same_observations(bench: Bench, lie: bool) -> None:
    bench.run("first")
    bench.photos.change(5)
    if lie:
        for number in range(USERS):
            bench.photos.change(number, silently=True)
    whole = bench.rows(bench.run("whole", "first", recheck=0.3))
    killed = bench.run("whole-too", "first", recheck=0.3, crash_after=2)
    done = bench.resume(killed)
    assert done.manifest["finished"]
    assert seen(bench.rows(done)) == seen(whole)
    assert bool(bench.figures(done)["dropped"]) == lie


def test_nothing_is_carried_over_of_a_service_that_is_down(tmp_path: Path, ca_bundle: Path, start: Any) -> None:
    bench = Bench(tmp_path, ca_bundle, start(), Workload.ENTRA)
    bench.run("first")
    bench.photos.down = True
    rows = bench.rows(bench.run("second", "first"))
    assert {row["status"] for row in rows.values()} == {"unknown"}
    bench.photos.down = False
    third = bench.rows(bench.run("third", "second"))
    assert {(row["status"], row["read_in"]) for row in third.values()} == {("photo", "")}


def test_figures_that_were_summed_up_stay_when_the_run_is_resumed_before_its_end(bench: Bench) -> None:
    bench.run("first")
    run = bench.run("second", "first", recheck=0.5)
    figures = bench.figures(run)
    assert figures["rechecked"] > 0
    Shortcut(run).sum_up([bench.workload])
    assert bench.figures(run) == figures


# -- Viva Engage alone: its list says whose an account is only when it is whole ---------------------------------


@pytest.fixture
def engaged(tmp_path: Path, ca_bundle: Path, start: Any) -> Bench:
    return Bench(tmp_path, ca_bundle, start(), Workload.YAMMER)


def test_an_account_that_was_somebody_elses_is_read(engaged: Bench) -> None:
    engaged.run("first")
    engaged.photos.account |= {4: 20, 20: 4}
    run = engaged.run("second", "first")
    rows = engaged.rows(run)
    assert {user_id for user_id, row in rows.items() if not row["read_in"]} == {"id-4", "id-20"}
    assert json.loads(rows["id-4"]["signals"])["engage_id"] == "520"
    assert rows["id-4"]["size"] == len(drawn(20))
    assert engaged.figures(run)["dropped"] == ""


def test_a_few_who_are_asked_for_by_address_are_carried_over_too(engaged: Bench) -> None:
    engaged.users = FEW
    first = engaged.rows(engaged.run("first"))
    engaged.photos.change(3)
    second = engaged.rows(engaged.run("second", "first"))
    assert engaged.pictures_asked() == 1
    assert {user_id for user_id in first if seen(first)[user_id] != seen(second)[user_id]} == {"id-3"}


def test_the_place_where_a_run_reads_again_goes_on_from_its_baseline() -> None:
    start, end = window("first", 0.05, None, follows=True)
    assert end == pytest.approx((start + 0.05) % 1)
    assert window("second", 0.1, {"recheck_to": end}, follows=True)[0] == end
    assert window("first", 0.05, {"recheck_to": "?"}, follows=True) == (start, end)
    assert window("other", 0.05, None, follows=True) != (start, end)


def test_runs_that_are_held_against_one_baseline_read_others_again_each() -> None:
    before = {"recheck_to": 0.3}
    places = {window(name, 0.05, before, follows=False)[0] for name in ("february", "march", "april")}
    assert len(places) == 3
