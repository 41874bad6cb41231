"""Observations and users as tables: one schema for what is written and what is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from auditor.model import (
    FINGERPRINT_COLUMNS,
    OBSERVATION_COLUMNS,
    USER_COLUMNS,
    Column,
    Fingerprint,
    Observation,
    Picture,
    Status,
    User,
    Way,
    Workload,
)
from auditor.services.text import writable

_TYPES = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "binary": pa.binary(),
    "timestamp": pa.timestamp("s", tz="UTC"),
}


def schema(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of a table of the model."""
    return pa.schema([(column.name, _TYPES[column.type]) for column in columns])


def table(columns: Sequence[Column], rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows as a table of these columns. A lone surrogate in a service's text becomes U+FFFD: Parquet holds UTF-8."""
    made = [{name: writable(value) if type(value) is str else value for name, value in row.items()} for row in rows]
    return pa.Table.from_pylist(made, schema=schema(columns))


def write_table(made: pa.Table, file: Path) -> None:
    """Parquet that any pandas, DuckDB or Spark user can read."""
    # With a checksum a page: a checkpoint that no manifest names must show its damage by itself.
    pq.write_table(made, file, compression="zstd", write_page_checksum=True)


def read_table(file: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table back; one file, never a guessed dataset around it."""
    with pq.ParquetFile(file, page_checksum_verification=True) as opened:
        return opened.read(columns=list(columns) if columns is not None else None)


def read_frame(file: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The same as a pandas frame."""
    frame: pd.DataFrame = read_table(file, columns).to_pandas()
    return frame


def user_row(user: User) -> dict[str, Any]:
    """A row of `USER_COLUMNS`."""
    return {
        "user_id": user.id,
        "upn": user.upn,
        "mail": user.mail,
        "display_name": user.display_name,
        "user_type": user.user_type,
        "enabled": user.enabled,
        "licensed": user.licensed,
        "department": user.department,
        "synced": user.synced,
        "exchange_plan": user.exchange_plan,
        "kiosk": user.kiosk,
        "addresses": " ".join(user.addresses),
    }


def user_of(row: dict[str, Any]) -> User:
    """The user of a row of `USER_COLUMNS`."""
    values = {("id" if name == "user_id" else name): value for name, value in row.items()}
    return User(**values | {"addresses": tuple(row["addresses"].split())})


_NO_PICTURE = {column.name: "" if column.type == "string" else 0 for column in FINGERPRINT_COLUMNS} | {
    "descriptor": b""
}


def fingerprint_row(made: Fingerprint | None, digest: str = "") -> dict[str, Any]:
    """The `FINGERPRINT_COLUMNS` of a row; without a picture empty values, but for the digest of what came instead."""
    return _NO_PICTURE | {"sha256": digest} if made is None else {name: getattr(made, name) for name in _NO_PICTURE}


def observation_row(observation: Observation) -> dict[str, Any]:
    """A row of `OBSERVATION_COLUMNS`."""
    return {
        "user_id": observation.user_id,
        "workload": str(observation.workload),
        "picture": str(observation.picture),
        "judged": observation.judged,
        "status": str(observation.status),
        "reason": str(observation.reason),
        "detail": observation.detail,
        "way": str(observation.way),
        "observed_at": observation.observed_at,
        "read_at": observation.read_at or observation.observed_at,
        "read_in": observation.read_in,
        "signals": json.dumps(dict(observation.signals), ensure_ascii=False, sort_keys=True),
        **fingerprint_row(observation.fingerprint, observation.digest),
    }


def fingerprint_of(row: dict[str, Any]) -> Fingerprint | None:
    """The fingerprint of a row that has `FINGERPRINT_COLUMNS`; None where it has no picture."""
    if not row["recipe"]:
        return None
    return Fingerprint(**{column.name: row[column.name] for column in FINGERPRINT_COLUMNS})


def observation_of(row: dict[str, Any]) -> Observation:
    """The observation of a row of `OBSERVATION_COLUMNS`."""
    made = fingerprint_of(row)
    return Observation(
        row["user_id"], Workload(row["workload"]), Status(row["status"]), Way(row["way"]), row["observed_at"],
        row["reason"], row["detail"], Picture(row["picture"]), row["judged"], made, "" if made else row["sha256"],
        json.loads(row["signals"]), row["read_at"] if row["read_in"] else None, row["read_in"],
    )  # fmt: skip


def with_reading(part: pa.Table) -> pa.Table:
    """Observations or verdicts with the columns that say when a picture was read; of old runs: when it was observed."""
    if "read_at" in part.column_names or "observed_at" not in part.column_names:
        return part
    place = part.column_names.index("observed_at") + 1
    nothing = pa.array([""] * part.num_rows, pa.string())
    return part.add_column(place, "read_at", part["observed_at"]).add_column(place + 1, "read_in", nothing)


def users_table(users: Iterable[User]) -> pa.Table:
    """Users as a table."""
    return table(USER_COLUMNS, (user_row(user) for user in users))


def observations_table(observations: Iterable[Observation]) -> pa.Table:
    """Observations as a table."""
    return table(OBSERVATION_COLUMNS, (observation_row(observation) for observation in observations))
