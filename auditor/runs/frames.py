"""Observations and users as tables: one schema for what is written and what is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from auditor.addresses import askable
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
    "moment": pa.timestamp("ms", tz="UTC"),
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
        "asked_by": " ".join(user.asked_by),
        "mail_of_another": user.mail_of_another,
        "plans_known": user.plans_known,
        "mailbox": user.mailbox,
    }


def user_of(row: dict[str, Any]) -> User:
    """The user of a row of `USER_COLUMNS`."""
    values = {("id" if name == "user_id" else name): value for name, value in row.items()}
    lists = {name: tuple(row[name].split()) for name in ("addresses", "asked_by")}
    if not lists["asked_by"]:
        # An older run did not say by which addresses a user is asked for. (Of a user of today none is left here
        # either: a mail that is another's is said to be, and the rest cannot be asked for.)
        known = (*(() if row["mail_of_another"] else (row["mail"],)), row["upn"], *lists["addresses"])
        lists["asked_by"] = tuple(dict.fromkeys(address for one in known if (address := askable(one))))
    return User(**values | lists)


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


def as_today(part: pa.Table) -> pa.Table:
    """Users, observations or verdicts of an older run with the columns and types of today.

    Observations and verdicts that do not say when a picture was read: it was when it was observed.
    """
    names = part.column_names
    if "observed_at" in names and "read_at" not in names:
        place = names.index("observed_at") + 1
        nothing = pa.array([""] * part.num_rows, pa.string())
        part = part.add_column(place, "read_at", part["observed_at"]).add_column(place + 1, "read_in", nothing)
    if "verdict" not in names and "observed_at" in names:
        for name in ("observed_at", "read_at"):
            place = part.column_names.index(name)
            part = part.set_column(place, name, part[name].cast(_TYPES["moment"]))
    if "addresses" in names and "display_name" in names:
        for column in USER_COLUMNS:
            if column.name not in names:
                value = _OF_OLDER_USERS[column.name]
                part = part.append_column(column.name, pa.array([value] * part.num_rows, _TYPES[column.type]))
    return part


_OF_OLDER_USERS = {"asked_by": "", "mail_of_another": False, "plans_known": True, "mailbox": ""}
"""What stands in the columns of users that older runs lack."""


def users_table(users: Iterable[User]) -> pa.Table:
    """Users as a table."""
    return table(USER_COLUMNS, (user_row(user) for user in users))


def observations_table(observations: Iterable[Observation]) -> pa.Table:
    """Observations as a table."""
    return table(OBSERVATION_COLUMNS, (observation_row(observation) for observation in observations))
