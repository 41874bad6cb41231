"""Find one person in a run: by object id, user principal name, mail address or another address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from auditor.runs.folder import RunFolder, interrupted, users_part, verdicts_part
from auditor.runs.manifest import RunError
from auditor.runs.view import RunView
from auditor.services.text import identity


@dataclass(frozen=True)
class Found:
    """A user of a run, and the shard in which the user's rows stand."""

    shard: int
    row: Mapping[str, Any]


def rank(row: Mapping[str, Any], asked: str) -> int | None:
    """How surely a user is the one that was asked for (in lower case): id before UPN before mail before the rest."""
    ways = ([row["user_id"]], [row["upn"]], [row["mail"]], row["addresses"].split())
    return next((place for place, names in enumerate(ways) if asked in (name.lower() for name in names)), None)


def find(run: RunFolder, who: str) -> Found | None:
    """The user of the run that goes by this name, or None. Raises `RunError` where there are several."""
    asked = (identity(who) or who).strip().lower()
    if not asked:
        raise RunError("Nobody is named. Name a user by object id, user principal name or mail address.")
    found: dict[int, list[Found]] = {}
    for shard in range(run.shards):
        for row in run.read_part(users_part(shard)).to_pylist():
            if (place := rank(row, asked)) is not None:
                found.setdefault(place, []).append(Found(shard, row))
    if not found:
        return None
    best = found[min(found)]
    if len(best) > 1:
        ids = ", ".join(f"{one.row['upn']} ({one.row['user_id']})" for one in best)
        raise RunError(f"{len(best)} users of the run {run.path} go by '{who}': {ids}. Name one by its object id.")
    return best[0]


def view_of(run: RunFolder, found: Found) -> RunView:
    """The finished run with this user alone. Only the user's own shard is read."""
    if not run.finished:
        raise RunError(f"The run {run.path} is not finished. Finish it with: photo-auditor resume {run.path}")
    if underway := run.manifest.get("underway"):
        raise RunError(interrupted(run.path, underway))
    user_id = found.row["user_id"]
    users, verdicts = (run.read_part(part(found.shard)) for part in (users_part, verdicts_part))
    return RunView(
        manifest=run.manifest,
        users=users.filter(pc.equal(users["user_id"], user_id)).to_pandas(),
        verdicts=verdicts.filter(pc.equal(verdicts["user_id"], user_id)).to_pandas(),
        photos=run.photos,
    )
