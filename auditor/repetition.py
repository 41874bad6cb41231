"""What repeats over the whole run: a doubtful picture that many accounts have is a default image.

A collector sees one picture at a time and calls a doubtful one a photo, with the signal `looks` saying so. Only
here, with every observation at hand, is it known on how many accounts the same picture lies.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditor.model import DOUBTFUL_LOOKS, OBSERVATION_COLUMNS, Status, Workload
from auditor.photos import classify
from auditor.photos.placeholders import REPEATED
from auditor.runs import frames
from auditor.runs.folder import RunFolder, observations_part

Tile = tuple[str, str]
"""phash and dhash: renditions of one drawn tile share both, whatever their bytes."""


def repeated_tiles(run: RunFolder, workloads: Iterable[Workload]) -> Mapping[Tile, int]:
    """How many users have each doubtful picture, in whichever workload; only those that settle something."""
    holders: defaultdict[Tile, set[str]] = defaultdict(set)
    columns = ["user_id", "status", "signals", "phash", "dhash"]
    for workload in workloads:
        for shard in range(run.shards):
            part = run.read_part(observations_part(workload, shard), columns)
            for row in part.filter(_doubtful(part)).to_pylist():
                holders[row["phash"], row["dhash"]].add(row["user_id"])
    return {tile: len(users) for tile, users in holders.items() if len(users) >= REPEATED}


def settled(observations: pa.Table, tiles: Mapping[Tile, int]) -> pa.Table:
    """The observations with every doubtful picture that repeats as a placeholder."""
    doubtful = _doubtful(observations)
    if not tiles or not pc.any(doubtful).as_py():
        return observations
    rows = observations.to_pylist()
    for row, doubt in zip(rows, doubtful.to_pylist(), strict=True):
        if doubt:
            _settle(row, tiles.get((row["phash"], row["dhash"]), 1))
    return pa.Table.from_pylist(rows, schema=frames.schema(OBSERVATION_COLUMNS))


def _doubtful(part: pa.Table) -> pa.ChunkedArray:
    marked = pc.match_substring(part["signals"], f'"looks": "{DOUBTFUL_LOOKS}')
    return pc.and_(pc.equal(part["status"], str(Status.PHOTO)), marked)


def _settle(row: dict[str, Any], users: int) -> None:
    fingerprint = frames.fingerprint_of(row)
    found = classify(fingerprint, repeated=users) if fingerprint else None
    if found and found.placeholder:
        row["status"] = str(Status.PLACEHOLDER)
        signals = json.loads(row["signals"]) | {"looks": f"{found.kind}: {found.signal}"}
        row["signals"] = json.dumps(signals, ensure_ascii=False, sort_keys=True)
