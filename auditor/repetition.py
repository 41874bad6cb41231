"""What repeats over the whole run: an undecided picture that many accounts have is a default image.

A collector sees one picture at a time and calls an undecided one a photo, with the signal `looks` saying so. Only
here, with every observation at hand, is it known on how many accounts the same picture lies.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditor.model import OBSERVATION_COLUMNS, UNDECIDED_LOOKS, UNDECIDED_LOOKS_BEFORE, Status, Workload
from auditor.photos import classify
from auditor.photos.placeholders import REPEATED
from auditor.runs import frames
from auditor.runs.folder import RunFolder, observations_part

Tile = tuple[str, str]
"""phash and dhash: renditions of one drawn tile share both, whatever their bytes."""


def repeated_tiles(run: RunFolder, workloads: Iterable[Workload]) -> Mapping[Tile, int]:
    """How many users have each undecided picture, in whichever workload; only those that settle something."""
    holders: defaultdict[Tile, set[str]] = defaultdict(set)
    columns = ["user_id", "status", "signals", "phash", "dhash"]
    for workload in workloads:
        for shard in range(run.shards):
            part = run.read_part(observations_part(workload, shard), columns)
            for row in part.filter(undecided(part)).to_pylist():
                holders[row["phash"], row["dhash"]].add(row["user_id"])
    return {tile: len(users) for tile, users in holders.items() if len(users) >= REPEATED}


def settled(observations: pa.Table, tiles: Mapping[Tile, int]) -> pa.Table:
    """The observations with every undecided picture that repeats as a placeholder."""
    open_ = undecided(observations)
    if not tiles or not pc.any(open_).as_py():
        return observations
    rows = observations.to_pylist()
    for row, is_open in zip(rows, open_.to_pylist(), strict=True):
        if is_open:
            _settle(row, tiles.get((row["phash"], row["dhash"]), 1))
    return pa.Table.from_pylist(rows, schema=frames.schema(OBSERVATION_COLUMNS))


def undecided(part: pa.Table) -> pa.ChunkedArray:
    """Which rows are photos that might be placeholders; `part` has at least the columns status and signals."""
    words = f"{UNDECIDED_LOOKS}|{UNDECIDED_LOOKS_BEFORE}"
    marked = pc.match_substring_regex(part["signals"], f'"looks": "({words})')
    return pc.and_(pc.equal(part["status"], str(Status.PHOTO)), marked)


def _settle(row: dict[str, Any], users: int) -> None:
    fingerprint = frames.fingerprint_of(row)
    found = classify(fingerprint, repeated=users) if fingerprint else None
    if found and found.placeholder:
        row["status"] = str(Status.PLACEHOLDER)
        signals = json.loads(row["signals"]) | {"looks": f"{found.kind}: {found.signal}"}
        row["signals"] = json.dumps(signals, ensure_ascii=False, sort_keys=True)
