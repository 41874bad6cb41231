"""Two runs of one tenant → what changed: one row a user and workload, by columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pandas as pd

from auditor.changes.history import Timeline, hours_before, newest_sync, timeline
from auditor.changes.pictures import Pictures, is_same
from auditor.changes.rules import change_of, shows_photo, side_of
from auditor.changes.sides import Key, Side, can_compare, tells_of
from auditor.diagnosis.causes import written
from auditor.diagnosis.fixes import FIXES
from auditor.diagnosis.over_time import over_time
from auditor.diagnosis.owners import index, shared
from auditor.diagnosis.rules import UNEXPLAINED, Case
from auditor.model import CHANGE_COLUMNS, DRIFT, Change, Status, Verdict, Workload
from auditor.photos import RECIPE
from auditor.runs.erase import was_erased
from auditor.runs.listing import same_tenant
from auditor.runs.manifest import RunError

WORKLOADS = {
    Workload.ENTRA: "Entra ID",
    Workload.EXCHANGE: "Exchange",
    Workload.SHAREPOINT: "SharePoint",
    Workload.YAMMER: "Viva Engage",
}
_TOLD = ("upn", "cause", "evidence", "fix", "causes", "signals", "detail", "reference", "accepted")
OWNED = "photo_of_another_user"
"""The cause that names whose photo a copy shows."""
RECIPES = "recipes_differ"
"""The reason of a row whose two photos cannot be held against each other."""
NOT_READ = "recipe_not_read"
"""The same, where both fingerprints are of one recipe that this version does not read."""
NOT_LISTED = "not_listed"
"""The reason of a row of somebody who is in one of the two runs alone, and whom the other's list may have missed: it
was not complete, or the later run counted them at its end all the same."""


@dataclass(frozen=True)
class Changes:
    """What changed between two runs."""

    before: Path
    after: Path
    day_before: str
    day_after: str
    run_before: str
    run_after: str
    """The runs' own ids."""
    tenant: str
    reference: str
    rows: pd.DataFrame
    """`CHANGE_COLUMNS`, by user id and workload."""
    counts: Mapping[tuple[str, str], int]
    """(workload, change) → rows."""
    users_before: int
    users_after: int
    earlier: int
    """How many runs before the earlier one were looked at."""
    notes: tuple[str, ...] = ()
    """What whoever reads the rows must know, a sentence each."""
    complete: bool = True
    """Whether both runs were complete and their photos can be compared."""
    shared: tuple[tuple[str, ...], ...] = ()
    """User principal names of those whose reference photos are one picture in the later run, group by group."""


def between(a: Side, b: Side, history: Sequence[Side] = (), *, find_owner: bool = True) -> Changes:
    """What changed from `a` to `b`. `history`: further runs before `b`, in any order.

    `find_owner`: name whose photo a copy shows, and list pictures that several accounts have as their reference.
    Raises `RunError` where the two answer different questions: another tenant, or another reference.
    """
    _one_question(a, b)
    pictures = Pictures()
    rows = _changed(a, b, pictures)
    known = {a.run_id, b.run_id}
    earlier = [
        one for one in history
        if tells_of(one.run.manifest, b) and one.moment < b.moment and one.run_id not in known
    ]  # fmt: skip
    line = timeline([*sorted([*earlier, a], key=lambda one: one.moment), b], _asked(rows), pictures)
    rows = _explained(rows, a, b, line, find_owner=find_owner)
    usable = can_compare(a, b)
    return Changes(
        a.run.path, b.run.path, a.day, b.day, a.run_id, b.run_id,
        b.domain, b.reference, rows,
        Counter(zip(rows["workload"], rows["change"], strict=True)), len(a.shard_of), len(b.shard_of),
        len(earlier), tuple(_notes(a, b)),
        usable and all(one.run.manifest.get("complete") is True for one in (a, b)),
        shared_pictures(b) if find_owner and b.recipe == RECIPE else (),
    )  # fmt: skip


def _one_question(a: Side, b: Side) -> None:
    if not same_tenant(a.run.manifest, b.run.manifest):
        raise RunError(
            f"The runs {a.run.path} and {b.run.path} are of two tenants ({a.tenant} and {b.tenant}). To prove a"
            " migration, say how their users belong together: --mapping FILE, or --rename old-domain=new-domain."
        )
    if a.reference != b.reference:
        raise RunError(
            f"The run {a.run.path} held copies against {a.reference}, {b.run.path} against {b.reference}: their"
            " verdicts mean different things. Compare runs of one reference."
        )


def _notes(a: Side, b: Side) -> list[str]:
    notes = []
    for side, other, when in ((a, b, "later"), (b, a, "earlier")):
        notes += [
            f"{WORKLOADS[Workload(one)]} is in the {when} run alone: nothing is said of it for users of both."
            for one in sorted(other.workloads - side.workloads)
        ]
    if not can_compare(a, b):
        notes.append(f"{incomparable(a, b)}: where both sides hold a photo, nothing can be said.")
    notes += [
        f"The {which} run is incomplete ({side.run.path}): what it did not learn is not_comparable, never a change."
        for side, which in ((a, "earlier"), (b, "later"))
        if side.run.manifest.get("complete") is not True
    ]
    if a.moment > b.moment:
        notes.append(
            "The run named first is the later one: what is called new was mended, and what is called gone came."
        )
    scopes = [{name: side.run.manifest.get("question", {}).get(name) for name in _SCOPE} for side in (a, b)]
    if scopes[0] != scopes[1]:
        notes.append(
            "The two runs were asked about different people (scope): who is in one of them alone may not have joined"
            " or left."
        )
    return notes


def incomparable(a: Side, b: Side) -> str:
    """Why the photos of two runs cannot be held against each other, without a full stop."""
    if not (a.recipe and b.recipe):
        return "The fingerprints were dropped (runs prune)"
    return f"The fingerprints are of recipes {a.recipe} and {b.recipe}, and this version reads {RECIPE}"


_SCOPE = ("include", "users", "groups", "exclude_groups")


def _changed(a: Side, b: Side, pictures: Pictures) -> pd.DataFrame:
    """user_id, workload, change, both verdicts, statuses and digests, side, distance, reason and moved; in order."""
    merged = a.rows.merge(b.rows, on=["user_id", "workload"], how="outer", suffixes=("_a", "_b"))
    columns = {
        name: merged[name].astype(object).where(merged[name].notna(), None).tolist()
        for name in ("user_id", "workload", *(f"{one}_{side}" for side in "ab" for one in _COMPARED))
    }
    del merged
    moved: dict[Key, bool] = {}
    found: list[tuple[Any, ...]] = []
    recipes = bool(a.recipe) and a.recipe == b.recipe
    missed = frozenset(str(upn).lower() for upn in b.run.manifest.get("scope", {}).get("joined", ()))
    for row in zip(*columns.values(), strict=True):
        user_id, workload, status_a, verdict_a, reason_a, sha_a, status_b, verdict_b, reason_b, sha_b = row
        if (verdict_a is None and user_id in a.shard_of) or (verdict_b is None and user_id in b.shard_of):
            continue  # the workload is in one of the runs only
        another, can_tell, distance = False, True, None
        if verdict_a is not None and verdict_b is not None and Verdict.UNCHECKED not in (verdict_a, verdict_b):
            another = shows_photo(status_a) != shows_photo(status_b)
            if shows_photo(status_a) and shows_photo(status_b):
                key = user_id, workload
                looked = (
                    pictures.compare((sha_a, partial(a.fingerprint, key)), (sha_b, partial(b.fingerprint, key)))
                    if recipes
                    else None
                )
                can_tell = looked is not None
                another = looked is not None and not is_same(looked)
                distance = round(looked.distance, 3) if looked is not None and sha_a != sha_b else None
        if another:
            moved[user_id, workload] = True
        change = change_of(verdict_a, verdict_b, comparable=can_tell, another=another)
        if change is None:
            continue
        reason = ""
        if change is Change.NOT_COMPARABLE:
            unchecked = (
                reason_b if verdict_b == Verdict.UNCHECKED else reason_a if verdict_a == Verdict.UNCHECKED else ""
            )
            reason = unchecked or ("" if can_tell else NOT_READ if recipes else RECIPES)
        elif (change is Change.APPEARED and list_incomplete(a)) or (
            change is Change.GONE and (list_incomplete(b) or a.upns.get(user_id, "").lower() in missed)
        ):
            change, reason = Change.NOT_COMPARABLE, NOT_LISTED
        found.append(
            (user_id, workload, str(change), verdict_a, verdict_b, status_a, status_b, sha_a, sha_b, distance, reason)
        )
    gone = {row[0] for row in found if row[2] == Change.GONE or row[3] is None or row[4] is None}
    erased = erased_in(b, gone) | erased_in(a, gone)
    found = [row for row in found if row[0] not in erased]
    frame = pd.DataFrame(found, columns=list(_FOUND)).sort_values(
        ["user_id", "workload"], kind="stable", ignore_index=True
    )
    frame["side"] = [
        side_of((user_id, workload) in moved, (user_id, b.reference) in moved, own=workload == b.reference)
        if change not in _ONE_SIDED
        else ""
        for user_id, workload, change in zip(frame["user_id"], frame["workload"], frame["change"], strict=True)
    ]
    return frame


def list_incomplete(side: Side) -> bool:
    """Whether a run's list of users was not complete: who is not in it may have been there all the same."""
    return bool(side.run.manifest.get("scope", {}).get("problem"))


def erased_in(side: Side, ids: Iterable[str]) -> set[str]:
    """Those who were erased from a run: they neither left nor joined, and are named no more."""
    return {user_id for user_id in ids if was_erased(side.run.manifest, user_id)}


_COMPARED = ("status", "verdict", "reason", "sha256")
_FOUND = (
    "user_id", "workload", "change", "verdict_before", "verdict_after", "status_before", "status_after",
    "sha256_before", "sha256_after", "distance", "reason",
)  # fmt: skip
_ONE_SIDED = frozenset({Change.NOT_COMPARABLE, Change.APPEARED, Change.GONE})


def _asked(rows: pd.DataFrame) -> frozenset[str]:
    """The users of whom earlier runs may tell something."""
    return frozenset(rows.loc[~rows["change"].isin(_ONE_SIDED), "user_id"])


def _explained(rows: pd.DataFrame, a: Side, b: Side, line: Timeline, *, find_owner: bool) -> pd.DataFrame:
    """`CHANGE_COLUMNS`: the rows with causes, from the later run and from all that came before."""
    told = b.details(_TOLD, _keys(rows[rows["change"] != Change.GONE]))
    newest = newest_sync(b)
    filled: dict[str, list[Any]] = {
        name: [] for name in ("upn", "cause", "evidence", "fix", "reference_until", "causes", "accepted")
    }
    for row in cast("list[dict[str, Any]]", rows.to_dict("records")):
        key = row["user_id"], row["workload"]
        more = told.get(key, {})
        cause = _cause(row, more if find_owner else _unowned(more), line, newest)
        filled["upn"].append(more.get("upn") or b.upns.get(key[0]) or a.upns.get(key[0], ""))
        for name in ("cause", "evidence", "fix", "reference_until", "causes"):
            filled[name].append(cause[name])
        filled["accepted"].append((more.get("accepted") or "") if row["verdict_after"] in DRIFT else "")
    return rows.assign(**filled)[[column.name for column in CHANGE_COLUMNS]]


def _unowned(more: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a verdict says without whose photo it may be."""
    if more.get("cause") != OWNED:
        return more
    others = [one for one in json.loads(more["causes"] or "[]") if one["cause"] != OWNED and one["cause"] in FIXES]
    first = others[0] if others else {"cause": UNEXPLAINED.cause, "evidence": UNEXPLAINED.evidence(_NOBODY)}
    told = {name: first[name] for name in ("cause", "evidence")}
    return {**more, **told, "fix": FIXES[first["cause"]][0].words, "causes": json.dumps(others, ensure_ascii=False)}


_NOBODY = Case(Workload.ENTRA, Verdict.MISMATCH, Status.PHOTO, Status.PHOTO, exchange_plan=False, signals={})
_NO_CAUSE = {"cause": "", "evidence": "", "fix": "", "reference_until": "", "causes": ""}


def _cause(row: Mapping[str, Any], more: Mapping[str, Any], line: Timeline, newest: int | None) -> dict[str, str]:
    """The cause of a row: earlier runs first, else what the later run alone found."""
    verdict, workload = row["verdict_after"], Workload(row["workload"])
    if not more or row["change"] == Change.NOT_COMPARABLE:
        return _NO_CAUSE
    own = {name: str(more[name] or "") for name in ("cause", "evidence", "fix", "causes")} | {"reference_until": ""}
    if row["change"] == Change.APPEARED:
        return own
    drifts = verdict in DRIFT
    key = row["user_id"], row["workload"]
    signals = json.loads(more["signals"] or "{}")
    past = line.past(key)
    if workload is Workload.SHAREPOINT:
        past = replace(past, hours_since_sync=hours_before(newest, signals))
    reference = line.seen[-1].get((row["user_id"], str(more["reference"])))
    case = Case(
        workload=workload,
        verdict=Verdict(verdict),
        status=Status(row["status_after"]),
        reference_status=Status(reference.status) if reference else Status.UNKNOWN,
        exchange_plan=False,
        signals=signals,
        owners=(own["evidence"],) if own["cause"] == OWNED else (),
        is_reference=row["workload"] == more["reference"],
        past=past,
    )
    if not drifts:
        own = dict(_NO_CAUSE)
    rules = over_time(case)
    if rules:
        first = rules[0]
        named = {rule.cause for rule in rules}
        others = [one for one in json.loads(own["causes"] or "[]") if one.get("cause") not in {*named, "unexplained"}]
        own |= {
            "cause": first.cause,
            "evidence": first.evidence(case),
            "fix": FIXES[first.cause][0].words,
            "causes": json.dumps([*json.loads(written(rules, case)), *others], ensure_ascii=False),
        }
    if drifts and past.reference_until:
        own["reference_until"] = past.reference_until
        if not rules:
            shows = (
                f"{WORKLOADS[workload]} still shows the photo that {_reference(more)} held until {past.reference_until}"
            )
            unexplained = own["cause"] in {"", "unexplained"}
            own["evidence"] = shows if unexplained else f"{own['evidence']}; {shows}"
    return own


def _reference(more: Mapping[str, Any]) -> str:
    return WORKLOADS[Workload(more["reference"])]


def _keys(rows: pd.DataFrame) -> list[Key]:
    return list(zip(rows["user_id"], rows["workload"], strict=True))


def shared_pictures(side: Side) -> tuple[tuple[str, ...], ...]:
    """The user principal names of those whose reference photos are one picture, group by group."""
    ids, hashes, digests = side.hashes(side.reference)
    owners = index(ids, hashes, lambda user_id: side.fingerprint((user_id, side.reference)))
    return tuple(tuple(side.upns[user_id] for user_id in group) for group in shared(owners, digests))
