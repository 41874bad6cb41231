"""Every line of docs/answers.md, played by a simulated tenant and read by a whole audit.

The audits run in this process, with a clock that moves when somebody sleeps: what is waited for takes no time. One
tenant plays every line of a single user, each for a user of its own, and two audits read them all. For its exit code
a line is judged by itself, on what was observed: the user of the line, three whose photos are the same everywhere, and
no more workloads than the line is about.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from auditor.audit import audit
from auditor.cli.ending import INCOMPLETE, endings, exit_code
from auditor.collectors.yammer import FEW
from auditor.judgement import judge_run
from auditor.model import User, Workload
from auditor.runs.folder import RunFolder, create, observations_part, users_part
from auditor.services.http import Timing
from auditor.settings import Settings, load
from auditor.simulator.population import make_tenant
from auditor.simulator.tenant import Account
from tests.journeys.events import (
    BATCHED,
    EVERYONE,
    FOR_GOOD,
    NO_RUN,
    PASSING,
    PICTURES,
    QUESTIONS,
    SINGLY,
    TENANTS,
    WHOLE,
    WORDS,
    Cell,
    E,
    Event,
    Play,
    X,
)

WIRE = Path(__file__).parents[1] / "wire"
SEED, USERS = 7, 640
SCENARIOS = (
    "placeholder_reference,placeholder_copy,missing_sharepoint,missing_yammer,sharepoint_placeholder_state,"
    "no_mailbox,not_in_engage,account_reused,engage_ambiguous"
)
BYSTANDERS = 2
AT_ONCE = FEW - BYSTANDERS
SPEED = 1000.0
"""Seconds of an audit in one of ours, where it sleeps."""


class Clock:
    """Time that passes when somebody sleeps, and whoever sleeps longer wakes later."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        await asyncio.sleep(min(seconds / SPEED, 0.05))
        self.now = max(self.now, until)


class Quiet:
    """Progress that nobody looks at."""

    def start(self, step: str, total: int | None) -> None: ...

    def advance(self, step: str, count: int = 1) -> None: ...

    def done(self, step: str) -> None: ...

    def tell(self, text: str) -> None: ...


# -- the pictures that are played ----------------------------------------------------------------------------------


def pixels_png() -> bytes:
    """A picture of 900 million pixels, all of them black, in a megabyte."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b""))
    )


def drawn(form: str, **more: Any) -> bytes:
    made = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(made, form, **more)
    return made.getvalue()


def animation(photo: bytes) -> bytes:
    made = io.BytesIO()
    with Image.open(io.BytesIO(photo)) as first:
        still = ImageOps.exif_transpose(first).convert("RGB").resize((240, 240))
    still.save(
        made, "GIF", save_all=True, append_images=[still.transpose(Image.Transpose.FLIP_LEFT_RIGHT)], duration=200
    )
    return made.getvalue()


def initials() -> bytes:
    made, image = io.BytesIO(), Image.new("RGB", (240, 240), (0, 99, 177))
    ImageDraw.Draw(image).text((120, 120), "AB", (255, 255, 255), ImageFont.load_default(100), anchor="mm")
    image.save(made, "PNG")
    return made.getvalue()


FILES: Mapping[str, Callable[[Account], bytes]] = {
    "photo": lambda account: account.graph.picture.largest("graph").data,  # type: ignore[union-attr]
    "cut.jpg": lambda _: drawn("JPEG")[:900],
    "filled.jpg": lambda _: drawn("JPEG")[:900].ljust(65_536, b"\0"),
    "pixels.png": lambda _: pixels_png(),
    "bytes.jpg": lambda _: drawn("JPEG") + bytes(17 * 1024 * 1024),
    "animation.gif": lambda account: animation(FILES["photo"](account)),
    "initials.png": lambda _: initials(),
}


# -- who plays what ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A cell with the users who meet it."""

    event: Event
    workload: Workload
    cell: Cell
    users: tuple[Account, ...]
    audit: object
    """Which audit reads it: what is throttled is read apart, for it makes everybody wait."""
    alone: bool
    """Whether these users meet something in Entra ID and nothing elsewhere: their other copies need not all be read."""

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """With which workloads the line is judged: its own, and one to hold it against; all, where all ends well."""
        if self.event in PASSING.events:
            return tuple(Workload)
        return (E, X) if self.workload is E else (E, self.workload)


@dataclass
class Cast:
    """The users of the tenant, dealt out to the lines."""

    lines: list[Line] = field(default_factory=list)
    bystanders: tuple[Account, ...] = ()
    audits: dict[object, dict[str, Account]] = field(default_factory=dict)
    """Who is in which audit; in so few that Viva Engage is asked by address."""

    def audit(self, kind: tuple[object, bool, bool], users: Sequence[Account]) -> object:
        """The audit of this kind that these users take part in."""
        wanted = {one.id: one for one in users}
        mates = [(key, people) for key, people in self.audits.items() if isinstance(key, tuple) and key[0] == kind]
        for key, people in mates:
            if wanted.keys() <= people.keys() or (users[0].id not in people and len(people) + len(users) <= AT_ONCE):
                people.update(wanted)
                return key
        self.audits[kind, len(mates)] = wanted
        return kind, len(mates)


def cast(sections: Iterable[Any]) -> Cast:
    """A user of its own for every line: for Entra ID one, for the other three workloads of a row another."""
    people = make_tenant(USERS, SEED, photos=None, scenarios=SCENARIOS.split(","), photo_store="split").accounts
    free: dict[str, list[Account]] = {}
    for one in people:
        plain = one.scenario != "in_step" or (one.geo == "home" and one.profile.exchange_sync_state != "0")  # type: ignore[union-attr]
        if plain and one.in_scope:
            free.setdefault(one.scenario, []).append(one)
    made = Cast(bystanders=tuple(free["in_step"].pop() for _ in range(BYSTANDERS)))

    def take(cell: Cell, workload: Workload) -> Account:
        rest = free[cell.scenario]
        fits = next(one for one in rest if cell.plays or one.truth[workload].status == cell.status or
                    cell.status == "unknown")  # fmt: skip
        rest.remove(fits)
        return fits

    for section in sections:
        for event in section.events:
            shared: tuple[Account, ...] = ()
            for workload, cell in event.cells.items():
                # Where all ends well, it may go wrong everywhere.
                alone = workload is E and section is not PASSING
                if alone or cell.scenario != "in_step":
                    users = tuple(take(cell, workload) for _ in range(event.everyone or 1))
                else:
                    shared = users = shared or tuple(take(cell, workload) for _ in range(event.everyone or 1))
                kind = (event.what if event.everyone else _waits(cell), alone, cell.batched)
                made.lines.append(Line(event, workload, cell, users, made.audit(kind, users), alone))
    return made


def _waits(cell: Cell) -> bool:
    throttled = re.compile(r"throttled/(?!503_(absent|garbage))|soap/")
    return any(throttled.match(play.form) for play in cell.plays)


def rule(play: Play, account: Account | None, folder: Path) -> list[str]:
    """A play as a table of a fault plan."""
    origin, match = QUESTIONS[play.question]
    if account is not None:
        words = {
            "id": account.id,
            "upn": account.upn.replace("'", "''") if play.question == "profile" else account.upn,
            "mail": account.mail or account.upn,
            "mugshot": account.engage[0].picture_id if account.engage else "",
        }
        for name, value in words.items():
            match = match.replace("{" + name + "}", re.escape(value.lower() if name != "mugshot" else value))
    times = '"ever"' if play.times is None else str(play.times)
    lines = ["[[always]]", f'origin = "{origin}"', f'form = "{play.form}"', f"match = {json.dumps('(?i)' + match)}",
             f"times = {times}"]  # fmt: skip
    for name, value in play.answer.items():
        if name == "headers":
            value = "{ " + ", ".join(f"{key} = {json.dumps(one)}" for key, one in value.items()) + " }"
        elif name == "file":
            value = json.dumps(str(played(value, account, folder)))
        else:
            value = json.dumps(value)
        lines.append(f"{name} = {value}")
    return lines


def played(name: str, account: Account | None, folder: Path) -> Path:
    """The file of an answer: one of tests/wire, or one made here."""
    if name not in FILES:
        return WIRE / name
    file = folder / (f"{account.id}-{name}" if account and name in {"photo", "animation.gif"} else name)
    if not file.exists():
        assert account is not None
        file.write_bytes(FILES[name](account))
    return file


HEAD = ["stall_s = 3", "drip_s = 0.1", "retry_after_s = 1", "back_off_ms = 800", "overlong_bytes = 4096"]


# -- audits --------------------------------------------------------------------------------------------------------


class Audits:
    """Runs audits in this process, and judges lines of them by themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0
        self._ended: dict[object, int] = {}

    def _path(self, kind: str) -> Path:
        self._count += 1
        return self.folder / f"{kind}-{self._count}"

    def settings(self, served: Any, flags: Mapping[str, Any], users: Iterable[Account] = ()) -> Settings:
        """Settings by name; what is written in capitals comes from the environment."""
        environ = {name: value for name, value in flags.items() if name.isupper()}
        given = {name: value for name, value in flags.items() if name not in environ}
        return load(served.config, {"audit.photos": "none", **given}, environ, scope_users=[one.id for one in users])

    def run(self, settings: Settings, deadline: float | None = None) -> RunFolder:
        clock = Clock()
        timing = Timing(clock, clock.sleep, deadline or 60.0)
        path = self._path("run")
        with endings(path):
            return asyncio.run(audit(settings, path, Quiet(), timing=timing))
        raise AssertionError("an ending ends")

    def ends(
        self, run: RunFolder, settings: Settings, users: Sequence[Account | User], workloads: Sequence[Workload],
        require: tuple[Workload, ...] = (), *, problem: bool = False,
    ) -> int:  # fmt: skip
        """With which code the audit would have ended, had there been only these users and workloads."""
        key = run.path, tuple(one.id for one in users), tuple(workloads), require, problem
        if key not in self._ended:
            self._ended[key] = self._judged(run, settings, users, workloads, require, problem=problem)
        return self._ended[key]

    def _judged(
        self, run: RunFolder, settings: Settings, users: Sequence[Account | User], workloads: Sequence[Workload],
        require: tuple[Workload, ...], *, problem: bool,
    ) -> int:  # fmt: skip
        kept = [workload for workload in settings.workloads if workload in workloads]
        manifest = {
            **{key: run.manifest[key] for key in ("run_id", "reference", "recipe", "photos")},
            "parts": {},
            "configured": [str(workload) for workload in kept],
            "scope": {"in_scope": len(users), "problem": run.manifest["scope"].get("problem", "") if problem else ""},
            "shards": 1,
            "refusals": {key: one for key, one in run.manifest.get("refusals", {}).items() if key in kept},
        }
        ids = [one.id for one in users]
        with closing(create(self._path("line"), manifest)) as part:
            for name in (users_part(0), *(observations_part(workload, 0) for workload in kept)):
                table = run.read_part(name)
                part.write_part(name, table.filter(pc.is_in(table["user_id"], pa.array(ids))))
            judge_run(part, require, Quiet())
            return exit_code(part, ())


@dataclass
class Stage:
    """A tenant that plays lines, and the audits of it."""

    served: Any
    cast: Cast
    audits: Audits
    tenant: Callable[..., Any]
    runs: dict[object, tuple[RunFolder, Settings]] = field(default_factory=dict)

    def run_of(self, line: Line) -> tuple[RunFolder, Settings]:
        """The audit that read a line: of one user together with others, of everyone with no others."""
        if line.audit not in self.runs:
            event = line.event
            flags: dict[str, Any] = {**(BATCHED if line.cell.batched else SINGLY), **event.settings}
            people = [*self.cast.audits[line.audit].values()]
            if not event.everyone:
                flags["network.patience"] = 86400
                # First: where the first few all fail, a whole workload is taken to be down.
                people = [*self.cast.bystanders, *people]
            if line.alone:
                flags["audit.workloads"] = ("entra", "exchange")
            for name, value in flags.items():
                if isinstance(value, str) and value.startswith("{"):
                    stranger = self.tenant(users=2).info["graph"] if "stranger" in value else ""
                    flags[name] = value.format(**self.served.info, stranger=stranger)
            settings = self.audits.settings(self.served, flags, people)
            self.runs[line.audit] = self.audits.run(settings, event.deadline), settings
        return self.runs[line.audit]


@pytest.fixture(scope="module")
def stage(tenant: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("events")
    dealt = cast((WORDS, PICTURES, FOR_GOOD, PASSING, EVERYONE))
    lines = [*HEAD]
    for line in dealt.lines:
        for one in line.users:
            for play in line.cell.plays:
                lines += rule(play, one, folder)
    plan = folder / "plan.toml"
    plan.write_text("\n".join(lines), encoding="utf-8")
    served = tenant(users=USERS, seed=SEED, scenarios=SCENARIOS, faults=plan)
    made = Stage(served, dealt, Audits(folder), tenant)
    yield made
    for run, _ in made.runs.values():
        run.close()


def observed(run: RunFolder, workload: Workload, users: Sequence[Account | User]) -> list[tuple[str, str]]:
    """Status and reason of these users' judged copies."""
    ids = {one.id for one in users}
    rows = run.read_part(observations_part(workload, 0), ["user_id", "judged", "status", "reason"]).to_pylist()
    return [(row["status"], row["reason"]) for row in rows if row["judged"] and row["user_id"] in ids]


def lines_of(*sections: Any) -> list[Any]:
    return [
        pytest.param(event, workload, id=f"{workload}-{event.what[:60]}")
        for section in sections
        for event in section.events
        for workload in event.cells
    ]


def with_exit_codes(cell: Cell, ends: Callable[[tuple[Workload, ...]], int], required: tuple[Workload, ...]) -> None:
    """Whether an audit ends as the line says; `--require` only ever adds to what makes it 4."""
    if cell.exit != INCOMPLETE:
        assert ends(required) == cell.required
    if cell.exit == INCOMPLETE or cell.required != cell.exit:
        assert ends(()) == cell.exit
    assert cell.required in {cell.exit, INCOMPLETE}


@pytest.mark.parametrize(("event", "workload"), lines_of(WORDS, PICTURES, FOR_GOOD, PASSING, EVERYONE))
def test_what_is_said(stage: Stage, event: Event, workload: Workload) -> None:
    (line,) = [one for one in stage.cast.lines if one.event is event and one.workload is workload]
    run, settings = stage.run_of(line)
    said = set(observed(run, workload, line.users))
    judged = line.users if event.everyone else (*line.users, *stage.cast.bystanders)
    cell = line.cell
    assert said == {(cell.status, cell.reason)}
    required = line.workloads if event in PASSING.events else (workload,)
    with_exit_codes(cell, lambda require: stage.audits.ends(run, settings, judged, line.workloads, require), required)


@dataclass
class Worlds:
    """The tenants of which something is true for everybody, and an audit of each."""

    audits: Audits
    tenant: Callable[..., Any]
    runs: dict[str, tuple[RunFolder, Settings] | int] = field(default_factory=dict)

    def run_of(self, name: str) -> tuple[RunFolder, Settings] | int:
        """The audit of a tenant, or the code with which it ended early."""
        if name not in self.runs:
            folder = self.audits.folder
            lines = [*HEAD, f"largest_page = {5 if TENANTS[name]['users'] < 20 else 40}"]
            for event in WHOLE.events:
                if event.tenant == name:
                    for one in event.cells.values():
                        for play in one.plays:
                            lines += rule(play, None, folder)
            plan = folder / f"{name}.toml"
            plan.write_text("\n".join(lines), encoding="utf-8")
            served = self.tenant(seed=SEED, scenarios="in_step", faults=plan, **TENANTS[name])
            settings = self.audits.settings(served, {})
            try:
                self.runs[name] = self.audits.run(settings), settings
            except SystemExit as ended:
                self.runs[name] = int(str(ended.code))
        return self.runs[name]


@pytest.fixture(scope="module")
def worlds(tenant: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    made = Worlds(Audits(tmp_path_factory.mktemp("worlds")), tenant)
    yield made
    for found in made.runs.values():
        if not isinstance(found, int):
            found[0].close()


@pytest.mark.parametrize(("event", "workload"), lines_of(WHOLE))
def test_what_is_said_of_a_whole_tenant(worlds: Worlds, event: Event, workload: Workload) -> None:
    cell, found = event.cells[workload], worlds.run_of(event.tenant)
    if isinstance(found, int):
        assert (cell.status, found) == (NO_RUN, cell.exit)
        return
    run, settings = found
    users = run.users(0)
    said = {" ".join(one).strip() for one in observed(run, workload, users)}
    expected = f"{cell.status} {cell.reason}".strip()
    assert said == {expected, *event.besides}
    with_exit_codes(
        cell,
        lambda require: worlds.audits.ends(run, settings, users, (E, workload), require, problem=workload is E),
        (workload,),
    )
