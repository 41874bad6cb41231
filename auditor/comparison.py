"""Observations → verdicts: the table, and nothing but the table.

Pure functions of what was observed. `TABLE` is the whole of the judgement but for one cell: two photos,
where `auditor.photos.compare` decides between `match`, `variant` and `mismatch`. It also corrects one status: a picture
that was taken for a stand-in by its looks alone, and is the reference's photo, is a photo.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from auditor.model import FINGERPRINT_COLUMNS, VERDICT_COLUMNS, Decision, Fingerprint, Reason, Status, Verdict
from auditor.photos import Comparison, compare
from auditor.photos.placeholders import PlaceholderKind
from auditor.runs.frames import fingerprint_of

COMPARE = None
"""In `TABLE`: look at the pictures."""

_COPIES = (
    Status.PHOTO,
    Status.PLACEHOLDER,
    Status.ABSENT,
    Status.NOT_PROVISIONED,
    Status.UNREADABLE,
    Status.UNKNOWN,
)
_WITH_PHOTO = (
    COMPARE, Verdict.PLACEHOLDER, Verdict.MISSING, Verdict.NOT_APPLICABLE, Verdict.BROKEN, Verdict.UNCHECKED,
)  # fmt: skip
_WITHOUT_PHOTO = (
    Verdict.UNEXPECTED, Verdict.NO_PHOTO, Verdict.NO_PHOTO, Verdict.NOT_APPLICABLE, Verdict.BROKEN, Verdict.UNCHECKED,
)  # fmt: skip
_NOT_LEARNED = (
    Verdict.UNCHECKED, Verdict.UNCHECKED, Verdict.UNCHECKED, Verdict.NOT_APPLICABLE, Verdict.UNCHECKED,
    Verdict.UNCHECKED,
)  # fmt: skip
TABLE: Mapping[tuple[Status, Status], Verdict | None] = {
    (reference, copy): verdict
    for reference, row in {
        Status.PHOTO: _WITH_PHOTO,
        Status.PLACEHOLDER: _WITHOUT_PHOTO,
        Status.ABSENT: _WITHOUT_PHOTO,
        Status.NOT_PROVISIONED: _WITHOUT_PHOTO,
        Status.UNREADABLE: _NOT_LEARNED,
        Status.UNKNOWN: _NOT_LEARNED,
    }.items()
    for copy, verdict in zip(_COPIES, row, strict=True)
}
"""(the reference's status, the copy's status) → verdict."""

OWN_ROW: Mapping[Status, Verdict] = {
    Status.PHOTO: Verdict.REFERENCE,
    Status.PLACEHOLDER: Verdict.NO_PHOTO,
    Status.ABSENT: Verdict.NO_PHOTO,
    Status.NOT_PROVISIONED: Verdict.NOT_APPLICABLE,
    Status.UNREADABLE: Verdict.BROKEN,
    Status.UNKNOWN: Verdict.UNCHECKED,
}
"""The reference's own verdict, by its status."""

_OF_DECISION = {
    Decision.SAME: Verdict.MATCH,
    Decision.VARIANT: Verdict.VARIANT,
    Decision.DIFFERENT: Verdict.MISMATCH,
}
_CARRIED = (
    "user_id", "workload", "status", "reason", "detail", "picture", "way", "observed_at", "read_at", "read_in",
    "sha256", "format", "width", "height", "size", "signals",
)  # fmt: skip


def judge(
    users: pd.DataFrame,
    observations: pd.DataFrame,
    reference: str,
) -> pd.DataFrame:
    """The verdicts of some users, complete and in the directory's order.

    `users` has `USER_COLUMNS`; `observations` has `OBSERVATION_COLUMNS`, every row of these users in every
    workload that was read. Returns `VERDICT_COLUMNS`; cause, evidence, fix, causes and
    accepted are empty: later steps fill them.
    """
    judged = observations[observations["judged"]]
    held = judged[judged["workload"] == reference].set_index("user_id")
    rows = judged[list(_CARRIED)].copy()
    for column in ("observed_at", "read_at"):
        rows[column] = rows[column].dt.floor("s")
    rows["reference"] = reference
    rows = rows.merge(users[["user_id", "upn"]], on="user_id", how="left", validate="many_to_one")
    own = (rows["workload"] == reference).to_numpy()
    statuses = rows["user_id"].map(held["status"]).fillna(str(Status.UNKNOWN))
    cells = [
        OWN_ROW[Status(copy)] if mine else TABLE[Status(ref), Status(copy)]
        for mine, ref, copy in zip(own, statuses, rows["status"], strict=True)
    ]
    kinds, notes, corrected = [""] * len(rows), [""] * len(rows), rows["status"].tolist()
    distances = np.full(len(rows), np.nan)
    fingerprints = _records(judged)
    by_user = {row["user_id"]: row for row in fingerprints if row["workload"] == reference}
    for index, (cell, copy) in enumerate(zip(cells, fingerprints, strict=True)):
        mistaken = cell is Verdict.PLACEHOLDER and _told_by_looks(str(rows["signals"].iat[index]))
        if cell is not COMPARE and not mistaken:
            continue
        found = _compare(fingerprint_of(by_user[copy["user_id"]]), fingerprint_of(copy))
        if mistaken and found.decision is Decision.DIFFERENT:
            continue
        corrected[index] = str(Status.PHOTO)
        cells[index] = _OF_DECISION[found.decision]
        # To the last digit a distance depends on how a processor adds; equal runs must read alike.
        distances[index] = round(found.distance, 3)
        kinds[index] = found.kind if found.decision is Decision.VARIANT else ""
        notes[index] = found.sentence if found.kind else ""
    rows["status"] = corrected
    rows["verdict"] = [str(cell) for cell in cells]
    rows["kind"], rows["note"], rows["distance"] = kinds, notes, distances
    _say_why_unchecked(rows, held)
    _note_other_picture(rows, observations)
    for column in ("cause", "evidence", "fix", "causes", "accepted"):
        rows[column] = ""
    return _ordered(rows, users)


def _told_by_looks(signals: str) -> bool:
    """Whether a picture was taken for a stand-in by its looks: a service that says so, or a default image that it hands
    to others, leaves no room for doubt.
    """
    looks = str(json.loads(signals).get("looks", ""))
    return looks.partition(":")[0] in {PlaceholderKind.INITIALS, PlaceholderKind.SILHOUETTE, PlaceholderKind.BLANK}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns = ["user_id", "workload", "picture", *(column.name for column in FINGERPRINT_COLUMNS)]
    return cast("list[dict[str, Any]]", frame[columns].to_dict("records"))


def _compare(reference: Fingerprint | None, copy: Fingerprint | None) -> Comparison:
    if reference is None or copy is None:
        raise AssertionError("a status of photo comes with a fingerprint")
    return compare(reference, copy)


def _say_why_unchecked(rows: pd.DataFrame, held: pd.DataFrame) -> None:
    # A copy that was read and cannot be judged is unchecked for the reference's reason, not its own.
    waiting = (rows["verdict"] == Verdict.UNCHECKED) & (rows["status"] != Status.UNKNOWN)
    if not waiting.any():
        return
    ids = rows.loc[waiting, "user_id"]
    rows.loc[waiting, "reason"] = ids.map(held["reason"]).fillna("").replace("", str(Reason.REFERENCE_NOT_READABLE))
    rows.loc[waiting, "detail"] = "the reference could not be read: " + ids.map(held["detail"]).fillna("no answer")


def _note_other_picture(
    rows: pd.DataFrame,
    observations: pd.DataFrame,
) -> None:
    """Note where the picture that was not judged is another one: it changes nothing, and explains much."""
    others = observations[~observations["judged"] & (observations["sha256"] != "")]
    if others.empty:
        return
    position = {
        (user_id, workload): index
        for index, user_id, workload in zip(rows.index, rows["user_id"], rows["workload"], strict=True)
    }
    judged = observations[observations["judged"]]
    main = {(row["user_id"], row["workload"]): row for row in _records(judged) if row["sha256"]}
    for other in _records(others):
        key = other["user_id"], other["workload"]
        a, b = fingerprint_of(main[key]) if key in main else None, fingerprint_of(other)
        if a is None or b is None or compare(a, b).decision is Decision.SAME:
            continue
        which, instead = str(other["picture"]), str(main[key]["picture"])
        told = f"the {which} picture is another one than the {instead} picture"
        before = str(rows.at[position[key], "note"])
        rows.at[position[key], "note"] = f"{before}; {told}" if before else told


def _ordered(rows: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    rank = {user_id: number for number, user_id in enumerate(users["user_id"])}
    order = rows.assign(_rank=rows["user_id"].map(rank)).sort_values(["_rank", "workload"], kind="stable")
    return order[[column.name for column in VERDICT_COLUMNS]].reset_index(drop=True)
