"""The files that asking again leaves in the run folder, and the run folder read as `Everybody`.

`observations/WORKLOAD/again.parquet` holds the second answers, from asking users again. `earlier/WORKLOAD.parquet`
holds the newest sure run's answers about this run's users. So judging needs nothing outside the run folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.doubt.answers import STATUSES, Answers, Before, Everybody
from auditor.doubt.settling import Again
from auditor.model import FAULT_REASONS, OWN, Column, Fingerprint, Observation, Reason, Status, Workload
from auditor.repetition import Tile, undecided
from auditor.runs import frames
from auditor.runs.baselines import usable
from auditor.runs.folder import (
    RunFolder,
    again_part,
    earlier_part,
    observations_part,
    open_run,
    users_part,
    verdicts_part,
)
from auditor.runs.listing import newest_first, same_tenant
from auditor.runs.manifest import RunError

MOST_EARLIER = 24
"""Maximum number of earlier runs that are searched for one that is sure of a workload."""
EARLIER_COLUMNS = (
    Column("user_id", "string", "Entra object id"),
    Column("status", "string", "what the workload was found to hold in the newest sure run"),
    Column("sha256", "string", "SHA-256 of the picture's bytes then"),
    Column("phash", "string", "its perceptual hash; empty where the recipe was another one"),
)
_LIGHT = ("user_id", "judged", "status", "observed_at", "read_in", "signals", "phash", "dhash", "sha256", "reason",
          "way")  # fmt: skip


def read_everybody(run: RunFolder, tiles: Mapping[Tile, int]) -> Everybody:
    """The answers of a collected run. `tiles`: pictures that count as placeholders because many accounts have them."""
    user_ids = [
        user_id
        for shard in range(run.shards)
        for user_id in run.read_part(users_part(shard), ["user_id"]).column(0).to_pylist()
    ]
    place_of = {user_id: place for place, user_id in enumerate(user_ids)}
    workloads = [Workload(name) for name in run.manifest["configured"]]
    answers = {workload: _answers(run, workload, place_of, tiles) for workload in workloads}
    before = {workload: _before(run, workload, place_of) for workload in workloads if run.has(earlier_part(workload))}

    @lru_cache(maxsize=4)
    def rows(workload: Workload, shard: int) -> dict[str, dict[str, Any]]:
        part = run.read_part(observations_part(workload, shard))
        return {row["user_id"]: row for row in part.filter(part["judged"]).to_pylist()}

    shard_of = _shards(run)

    def fingerprint(workload: Workload, place: int) -> Fingerprint | None:
        row = rows(workload, int(np.searchsorted(shard_of, place, side="right")) - 1).get(user_ids[place])
        return frames.fingerprint_of(row) if row is not None else None

    return Everybody(user_ids, Workload(run.manifest["reference"]), answers, before, fingerprint)


def _shards(run: RunFolder) -> list[int]:
    """The place of the first user of each shard."""
    starts, count = [], 0
    for shard in range(run.shards):
        starts.append(count)
        count += int(run.manifest["parts"][users_part(shard)]["rows"])
    return starts


def _answers(run: RunFolder, workload: Workload, place_of: Mapping[str, int], tiles: Mapping[Tile, int]) -> Answers:
    count = len(place_of)
    unknown = STATUSES.index(Status.UNKNOWN)
    status, own, heard = np.full(count, unknown, np.int8), np.zeros(count, bool), np.zeros(count, bool)
    at, phash, sha256 = np.zeros(count, np.int64), np.zeros(count, np.uint64), [""] * count
    failed, way = np.zeros(count, bool), [""] * count
    code = {str(one): number for number, one in enumerate(STATUSES)}
    for shard in range(run.shards):
        part = run.read_part(observations_part(workload, shard), _LIGHT)
        part = part.filter(part["judged"])
        signals = part["signals"]
        carries = pc.match_substring(signals, f'"{OWN}": "').to_pylist()
        perhaps = undecided(part).to_pylist()
        moments = pc.cast(part["observed_at"], pa.timestamp("ms", tz="UTC")).cast("int64").to_pylist()
        names = ("user_id", "status", "read_in", "phash", "dhash", "sha256", "reason", "way")
        columns = (part[name].to_pylist() for name in names)
        for user_id, said, read_in, hashed, dhash, digest, reason, read_by, carried, may_be, moment in zip(
            *columns, carries, perhaps, moments, strict=True
        ):
            place = place_of.get(user_id)
            if place is None:
                continue
            if said == Status.PHOTO and may_be and (hashed, dhash) in tiles:
                said = str(Status.PLACEHOLDER)
            status[place], own[place], heard[place], at[place] = code[said], carried, not read_in, moment
            phash[place], sha256[place], way[place] = int(hashed or "0", 16), digest, read_by
            failed[place] = said == Status.UNKNOWN and reason in FAULT_REASONS
    return Answers(workload, status, own, heard, at, phash, sha256, failed, way)


def _before(run: RunFolder, workload: Workload, place_of: Mapping[str, int]) -> Before:
    count = len(place_of)
    held, phash, sha256 = np.zeros(count, bool), np.zeros(count, np.uint64), [""] * count
    for row in run.read_part(earlier_part(workload)).to_pylist():
        place = place_of.get(row["user_id"])
        if place is not None:
            held[place], phash[place] = row["status"] == Status.PHOTO, int(row["phash"] or "0", 16)
            sha256[place] = row["sha256"]
    return Before(held, phash, sha256)


def read_again(run: RunFolder, user_ids: Sequence[str]) -> Again:
    """The second answers that the run folder holds."""
    place_of = {user_id: place for place, user_id in enumerate(user_ids)}
    found: dict[Workload, dict[int, Observation]] = {}
    for name in run.manifest["configured"]:
        workload = Workload(name)
        if run.has(again_part(workload)):
            rows = map(frames.observation_of, run.read_part(again_part(workload)).to_pylist())
            found[workload] = {place_of[one.user_id]: one for one in rows if one.user_id in place_of}
    return found


def write_again(run: RunFolder, workload: Workload, observations: Iterable[Observation]) -> None:
    """Keep the second answers of a workload, in place of those kept before."""
    part, made = again_part(workload), frames.observations_table(observations)
    (run.replace_part if run.has(part) else run.write_part)(part, made)


# -- the newest sure run ----------------------------------------------------------------------------------


def remember_earlier(run: RunFolder, baseline: Path | None, reports: Path) -> None:
    """Write down, for each workload, the newest sure run's answers about this run's users. Done once a run."""
    waiting = {Workload(name) for name in run.manifest["configured"]}
    if "earlier_runs" in run.manifest:
        return
    user_ids = {
        user_id
        for shard in range(run.shards)
        for user_id in run.read_part(users_part(shard), ["user_id"]).column(0).to_pylist()
    }
    used: dict[str, str] = {}
    for path in [*([baseline] if baseline else []), *newest_first(reports)][:MOST_EARLIER]:
        if not waiting:
            break
        if path.resolve() == run.path.resolve():
            continue
        heard: dict[Workload, list[dict[str, Any]]] = {}
        run_id = ""
        with suppress(RunError, OSError, KeyError, ValueError):
            earlier = open_run(path, exclusive=False)
            usable(earlier)
            if not same_tenant(earlier.manifest, run.manifest):
                continue
            run_id = str(earlier.manifest.get("run_id", ""))
            for workload in sorted(waiting):
                if is_sure(earlier.manifest, workload):
                    heard[workload] = _heard(earlier, workload, user_ids, str(run.manifest.get("recipe", "")))
        # An earlier run may be unreadable; this run's own disk must not fail unnoticed.
        for workload, rows in heard.items():
            run.write_part(earlier_part(workload), frames.table(EARLIER_COLUMNS, rows))
            used[str(workload)] = run_id
            waiting.discard(workload)
    run.update(earlier_runs=used)


def is_sure(manifest: Mapping[str, Any], workload: Workload) -> bool:
    """Whether a finished run read this workload to its end, and believed all its answers."""
    reasons = manifest.get("unknown_reasons", {}).get(str(workload), {})
    return (
        str(workload) in manifest.get("configured", ())
        and not manifest.get("scope", {}).get("problem")
        and str(workload) not in manifest.get("refusals", {})
        and not {str(Reason.DOUBTFUL), str(Reason.LIST_INCOMPLETE)} & set(reasons)
    )


def _heard(earlier: RunFolder, workload: Workload, user_ids: set[str], recipe: str) -> list[dict[str, Any]]:
    hashes = not earlier.manifest.get("fingerprints_dropped") and earlier.manifest.get("recipe") == recipe
    found = []
    for shard in range(earlier.shards):
        verdicts = earlier.read_part(verdicts_part(shard), ["user_id", "workload", "status", "sha256"])
        told = verdicts.filter(pc.equal(verdicts["workload"], str(workload))).to_pylist()
        phash: dict[tuple[str, str], str] = {}
        if hashes:
            part = earlier.read_part(observations_part(workload, shard), ["user_id", "sha256", "phash"])
            phash = {(user_id, digest): one for user_id, digest, one in zip(*part.to_pydict().values(), strict=True)}
        found += [
            {"user_id": row["user_id"], "status": row["status"], "sha256": row["sha256"],
             "phash": phash.get((row["user_id"], row["sha256"]), "")}
            for row in told
            if row["user_id"] in user_ids
        ]  # fmt: skip
    return found
