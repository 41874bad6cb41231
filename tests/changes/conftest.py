"""Small runs with real fingerprints and real verdicts: observations by hand, everything after them as an audit does."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageOps

from auditor.changes.sides import Side, read_side
from auditor.judgement import judge_run
from auditor.model import Fingerprint, Observation, Reason, Status, User, Way, Workload
from auditor.photos import RECIPE, fingerprint
from auditor.runs.folder import RunFolder, create, open_run
from tests.runs.conftest import user

START = datetime(2026, 1, 24, tzinfo=UTC)
SIZES = {Workload.ENTRA: 400, Workload.EXCHANGE: 360, Workload.SHAREPOINT: 300, Workload.YAMMER: 240}
UNKNOWN, NOBODY, PLACEHOLDER, JUNK = "?", "-", "o", "x"
"""What a store may hold besides a picture's name and None (absent): unlearned, no account, initials, no image."""


class Silent:
    """A progress that nobody watches."""

    def start(self, step: str, total: int | None) -> None: ...
    def advance(self, step: str, count: int = 1) -> None: ...
    def done(self, step: str) -> None: ...
    def tell(self, text: str) -> None: ...


@cache
def picture(name: str, side: int) -> bytes:
    """The picture of this name at a size: `anna`, or `anna/mirror`; the same name is the same photo at every size."""
    base, _, edit = name.partition("/")
    seed = int.from_bytes(hashlib.sha256(base.encode()).digest()[:8])
    small = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    made = Image.fromarray(small).resize((480, 480), Image.Resampling.BICUBIC).resize((side, side))
    if edit == "mirror":
        made = ImageOps.mirror(made)
    out = io.BytesIO()
    made.save(out, "JPEG", quality=92 if side > 300 else 80)
    return out.getvalue()


@cache
def print_of(name: str, side: int) -> Fingerprint:
    return fingerprint(picture(name, side))


Held = str | None
People = Mapping[int, Mapping[str, Held] | Held]
"""By number: one picture everywhere, or by workload; workloads that are not named hold what `entra` does."""


def run_of(
    path: Path, people: People, *, month: int = 0, workloads: tuple[str, ...] = ("entra", "sharepoint", "yammer"),
    signals: Mapping[tuple[int, str], Mapping[str, str]] | None = None, upns: Mapping[int, str] | None = None,
    recipe: str = RECIPE, shard_users: int = 2, **manifest: Any,
) -> RunFolder:  # fmt: skip
    """A finished run over these people, one month after the other."""
    moment = START + timedelta(days=30 * month)
    told: dict[str, Any] = {
        "run_id": hashlib.sha256(str(path).encode()).hexdigest()[:32], "started": moment.isoformat(),
        "tenant": {"id": "t", "domain": "contoso.com"}, "configured": list(workloads), "reference": "entra",
        "recipe": recipe, "photos": "none", "settings": [], "parts": {},
        "scope": {"directory": len(people), "in_scope": len(people), "excluded": {}},
    }  # fmt: skip
    run = create(path, told | manifest)
    users = [_user(number, (upns or {}).get(number)) for number in people]
    run.freeze_users(users, shard_users)
    for shard in range(run.shards):
        for name in workloads:
            run.write_observations(
                Workload(name), shard,
                [_observed(one, Workload(name), people[_number(one)], moment, recipe,
                           (signals or {}).get((_number(one), name), {})) for one in run.users(shard)],
            )  # fmt: skip
    judge_run(run, (), Silent())
    # As if it had been audited then: judging writes down the present.
    run.update(finished=moment.isoformat())
    run.close()
    return run


def side_of(path: Path, people: People, **options: Any) -> Side:
    run_of(path, people, **options)
    return read_side(path)


def relabel(path: Path, recipe: str) -> None:
    """Make a run one of another recipe: its fingerprints and its manifest say so."""
    run = open_run(path)
    for part in sorted(run.manifest["parts"]):
        if part.startswith("observations/"):
            made = run.read_part(part)
            place = made.schema.get_field_index("recipe")
            told = [recipe if one else "" for one in made["recipe"].to_pylist()]
            run.replace_part(part, made.set_column(place, made.schema.field(place), pa.array(told, pa.string())))
    run.update(recipe=recipe)
    run.close()


def _user(number: int, upn: str | None) -> User:
    return user(number) if upn is None else user(number, upn=upn, mail=upn, addresses=(upn,))


def _number(one: User) -> int:
    return int(one.id[-12:])


def _observed(
    one: User, workload: Workload, held: Mapping[str, Held] | Held, moment: datetime, recipe: str,
    signals: Mapping[str, str],
) -> Observation:  # fmt: skip
    what = held.get(workload, held.get("entra")) if isinstance(held, Mapping) else held
    status = {None: Status.ABSENT, UNKNOWN: Status.UNKNOWN, NOBODY: Status.NOT_PROVISIONED,
              PLACEHOLDER: Status.PLACEHOLDER, JUNK: Status.UNREADABLE}.get(what, Status.PHOTO)  # fmt: skip
    made = None
    if status is Status.PHOTO:
        assert what is not None
        name, _, side = what.partition("@")
        made = print_of(name, int(side) if side else SIZES[workload])
        made = Fingerprint(**{field: getattr(made, field) for field in made.__slots__} | {"recipe": recipe})
    return Observation(
        one.id, workload, status, Way.GRAPH_BATCH, moment, fingerprint=made, signals=signals,
        reason=Reason.AMBIGUOUS if status is Status.UNKNOWN else "",
    )  # fmt: skip
