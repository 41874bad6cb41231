"""A run of the old tenant and one of the new → what became of each user's photo in each workload."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from auditor.changes.between import NOT_READ, RECIPES, incomparable, list_incomplete
from auditor.changes.pairing import Pairing
from auditor.changes.pictures import Pictures
from auditor.changes.rules import shows_photo
from auditor.changes.sides import Key, Side, can_compare
from auditor.model import MIGRATION_COLUMNS, Decision, Fingerprint, Outcome, Status
from auditor.photos import Comparison, nearest

_COLUMNS = [column.name for column in MIGRATION_COLUMNS]


@dataclass(frozen=True)
class Migration:
    """What became of the photos."""

    before: Path
    after: Path
    day_before: str
    day_after: str
    run_before: str
    run_after: str
    tenant_before: str
    tenant_after: str
    rows: pd.DataFrame
    """`MIGRATION_COLUMNS`, by old user id, workload and new user id."""
    counts: Mapping[tuple[str, str], int]
    """(workload, outcome) → rows."""
    pairs: int
    alone_old: int
    alone_new: int
    notes: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """What a run says of one copy."""

    status: str
    reason: str
    sha256: str


@dataclass
class _Copy:
    """A copy whose photo is not the one that was there before: whose is it?"""

    place: int
    key: Key
    old_id: str
    print: Fingerprint
    before: bool
    """Whether there was a photo before."""


def migration(old: Side, new: Side, pairing: Pairing, *, find_owner: bool = True) -> Migration:
    """What became of every copy of the old tenant's users in the new one.

    `find_owner`: look whose photo one is that its user did not have before.
    """
    pictures = Pictures()
    before, after = _told(old), _told(new)
    rows: list[dict[str, Any]] = []
    open_: list[_Copy] = []
    shared = sorted(old.workloads & new.workloads)
    one_recipe, can_tell = bool(old.recipe) and old.recipe == new.recipe, can_compare(old, new)
    for old_id, (new_id, how) in pairing.pairs.items():
        for workload in shared:
            one, other = before.get((old_id, workload)), after.get((new_id, workload))
            if one is None or other is None:
                continue
            row = _row(old, new, old_id, new_id, workload, how, one, other)
            held = before.get((old_id, old.reference))
            shown = held is not None and shows_photo(held.status)
            outcome, found = _at_once(old, new, row, one, other, pictures, one_recipe=one_recipe, shown=shown)
            if outcome is None:
                continue
            if outcome is Outcome.REPLACED or outcome is Outcome.ADDED:
                print_ = new.fingerprint((new_id, workload))
                if print_ is not None:
                    open_.append(_Copy(len(rows), (new_id, workload), old_id, print_, outcome is Outcome.REPLACED))
            rows.append(row | {"outcome": str(outcome)} | found)
    _settle(rows, open_, old, before, pictures, find_owner=find_owner and can_tell)
    rows += _unpaired(old, new, pairing, before, after)
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    for name in ("old_width", "old_height", "new_width", "new_height"):
        frame[name] = frame[name].fillna(0).astype("int64")
    frame = frame.sort_values(["old_user_id", "workload", "new_user_id"], kind="stable", ignore_index=True)
    return Migration(
        old.run.path, new.run.path, old.day, new.day,
        old.run_id, new.run_id, old.domain, new.domain,
        frame, Counter(zip(frame["workload"], frame["outcome"], strict=True)),
        len(pairing.pairs), len(pairing.alone_old), len(pairing.alone_new),
        (*pairing.notes, *_notes(old, new)),
        can_tell and all(side.run.manifest.get("complete") is True for side in (old, new)),
    )  # fmt: skip


def _told(side: Side) -> dict[Key, _Told]:
    columns = (side.rows[name].astype(object) for name in ("user_id", "workload", "status", "reason", "sha256"))
    return {(user_id, workload): _Told(*more) for user_id, workload, *more in zip(*columns, strict=True)}


def _row(
    old: Side, new: Side, old_id: str, new_id: str, workload: str, how: str, one: _Told | None, other: _Told | None
) -> dict[str, Any]:
    return dict.fromkeys(_COLUMNS, "") | {
        "old_user_id": old_id, "new_user_id": new_id, "workload": workload, "old_upn": old.upns.get(old_id, ""),
        "new_upn": new.upns.get(new_id, ""), "paired_by": how, "distance": None, "old_width": 0, "old_height": 0,
        "new_width": 0, "new_height": 0, "status_before": one.status if one else "",
        "status_after": other.status if other else "",
    }  # fmt: skip


def _at_once(
    old: Side,
    new: Side,
    row: Mapping[str, Any],
    one: _Told,
    other: _Told,
    pictures: Pictures,
    *,
    one_recipe: bool,
    shown: bool,
) -> tuple[Outcome | None, dict[str, Any]]:
    """The outcome as far as this user's own copies tell; `REPLACED` and `ADDED` may still be somebody's photo.

    `shown`: the user's reference was a photo.
    """
    workload, was, is_ = row["workload"], (row["old_user_id"], row["workload"]), (row["new_user_id"], row["workload"])
    if Status.UNKNOWN in (one.status, other.status):
        reason = one.reason if one.status == Status.UNKNOWN else other.reason
        return Outcome.NOT_COMPARABLE, {"evidence": f"could not be read: {reason}"}
    if not shows_photo(other.status):
        if one.status == Status.UNREADABLE:
            # It may have been a photo in a format that is not read here.
            evidence = f"{_NONE[one.status]} that this version reads before, {_NONE.get(other.status, 'none')} now"
            return Outcome.NOT_COMPARABLE, {"evidence": evidence}
        if not shows_photo(one.status):
            return None, {}
        return Outcome.LOST, {"evidence": f"a photo before, {_NONE.get(other.status, 'none')} now"}
    if not shows_photo(one.status):
        return Outcome.ADDED, {"evidence": f"{_NONE.get(one.status, 'none')} before, a photo now"}
    looked = pictures.compare(
        (one.sha256, partial(old.fingerprint, was)), (other.sha256, partial(new.fingerprint, is_))
    )
    if looked is None or not one_recipe:
        return Outcome.NOT_COMPARABLE, {"evidence": NOT_READ if one_recipe else RECIPES}
    sizes = _sizes(old.fingerprint(was), new.fingerprint(is_))
    if outcome := _own(looked, sizes):
        return outcome, sizes | {"distance": round(looked.distance, 3), "evidence": _sentence(outcome, looked, sizes)}
    reference = row["old_user_id"], old.reference
    if workload != old.reference and shown and (found := _own_other(old, reference, new, is_, other, pictures, sizes)):
        return found
    return Outcome.REPLACED, sizes | {"distance": round(looked.distance, 3), "evidence": "another photo than before"}


def _own_other(
    old: Side, was: Key, new: Side, is_: Key, other: _Told, pictures: Pictures, sizes: Mapping[str, int]
) -> tuple[Outcome, dict[str, Any]] | None:
    """The outcome where the photo is one that the user had in another workload."""
    print_ = old.fingerprint(was)
    if print_ is None:
        return None
    looked = pictures.compare((print_.sha256, lambda: print_), (other.sha256, partial(new.fingerprint, is_)))
    if looked is None or not (outcome := _own(looked, sizes)):
        return None
    told = f"the photo that the user had in {was[1]}: {_sentence(outcome, looked, sizes)}"
    return outcome, dict(sizes) | {"distance": round(looked.distance, 3), "evidence": told}


_NONE: Mapping[str, str] = {
    Status.PLACEHOLDER: "a placeholder",
    Status.ABSENT: "no photo",
    Status.NOT_PROVISIONED: "no account in this workload",
    Status.UNREADABLE: "bytes that are no image",
}


def _sizes(one: Fingerprint | None, other: Fingerprint | None) -> dict[str, int]:
    sizes = {}
    for side, found in (("old", one), ("new", other)):
        sizes[f"{side}_width"] = found.width if found else 0
        sizes[f"{side}_height"] = found.height if found else 0
    return sizes


def _own(looked: Comparison, sizes: Mapping[str, int]) -> Outcome | None:
    """The outcome where it is a photo of the user's own; None where it is another."""
    if looked.decision is Decision.VARIANT:
        return Outcome.EDITED
    if looked.decision is Decision.DIFFERENT:
        return None
    smaller = sizes["new_width"] * sizes["new_height"] < sizes["old_width"] * sizes["old_height"]
    return Outcome.SHRUNK if smaller else Outcome.ARRIVED


def _sentence(outcome: Outcome, looked: Comparison, sizes: Mapping[str, int]) -> str:
    if outcome is Outcome.EDITED:
        return f"the same photograph, changed: {looked.kind.replace('_', ' ')}"
    then, now = (f"{sizes[f'{side}_width']} × {sizes[f'{side}_height']}" for side in ("old", "new"))
    return f"the same photo, {then} pixels before and {now} now" if outcome is Outcome.SHRUNK else "the same photo"


# -- whose photo is it -----------------------------------------------------------------------------------------


def _settle(
    rows: list[dict[str, Any]], open_: Sequence[_Copy], old: Side, before: Mapping[Key, _Told], pictures: Pictures, *,
    find_owner: bool,
) -> None:  # fmt: skip
    """Give the copies whose photo is new their owner, or the user's own other workload."""
    holders = _holders(open_, old) if find_owner and open_ else {}
    for number, copy in enumerate(open_):
        showed = holders.get(number, set())
        own = {key for key in showed if key[0] == copy.old_id}
        # An account that had no copy before may have got the user's own photo.
        others = set() if (copy.old_id, old.reference) in own else showed - own
        references = {key[0] for key in others if key[1] == old.reference}
        # What the user showed somewhere themselves is not another's because a copy of theirs showed it too.
        owners = references or ({key[0] for key in others} if not own else set())
        if len(owners) == 1:
            (owner,) = owners
            name = old.upns.get(owner, owner)
            rows[copy.place] |= {
                "outcome": str(Outcome.WRONG_PERSON), "owner": name, "distance": None,
                "evidence": f"the photo that {name} had before in {_listed(others, owner)}",
            }  # fmt: skip
            continue
        if owners:
            had = "had it as their photo" if references else "showed it somewhere"
            rows[copy.place]["evidence"] += f"; {len(owners):,} other users {had}"
        if copy.before:
            _from_elsewhere(rows[copy.place], copy, old, before, pictures)


def _listed(others: set[Key], owner: str) -> str:
    return ", ".join(sorted(workload for user_id, workload in others if user_id == owner))


def _from_elsewhere(
    row: dict[str, Any], copy: _Copy, old: Side, before: Mapping[Key, _Told], pictures: Pictures
) -> None:
    """Where the photo is one that the user had in a workload that is no reference."""
    sizes = {name: row[name] for name in ("old_width", "old_height", "new_width", "new_height")}
    for workload in sorted(old.workloads - {row["workload"], old.reference}):
        key = copy.old_id, workload
        told = before.get(key)
        if told is None or not shows_photo(told.status):
            continue
        looked = pictures.compare((told.sha256, partial(old.fingerprint, key)), (copy.print.sha256, lambda: copy.print))
        if looked is not None and (outcome := _own(looked, sizes)):
            said = f"the photo that the user had in {workload}: {_sentence(outcome, looked, sizes)}"
            row |= {"outcome": str(outcome), "distance": round(looked.distance, 3), "evidence": said}
            return


def _holders(open_: Sequence[_Copy], old: Side) -> dict[int, set[Key]]:
    """By the number of an open copy: who showed its photo in the old tenant, and where.

    The old photos pass by some shards at a time: memory never holds everybody's.
    """
    found: defaultdict[int, set[Key]] = defaultdict(set)
    wanted = [copy.print for copy in open_]
    for block in _blocks(old):
        for match in nearest(wanted, [one for _, one in block]):
            found[match.a].add(block[match.b][0])
    return found


def _blocks(old: Side) -> Iterator[list[tuple[Key, Fingerprint]]]:
    block: list[tuple[Key, Fingerprint]] = []
    for workload in sorted(old.workloads):
        for photos in old.photos(workload):
            block += (((user_id, workload), one) for user_id, one in photos)
            if len(block) >= _AT_ONCE:
                yield block
                block = []
    if block:
        yield block


_AT_ONCE = 8_000
"""Photos of the old tenant in one search: 30 MB."""


# -- who is alone ----------------------------------------------------------------------------------------------


def _unpaired(
    old: Side, new: Side, pairing: Pairing, before: Mapping[Key, _Told], after: Mapping[Key, _Told]
) -> Iterator[dict[str, Any]]:
    doubtful = _doubtful(old, new, pairing)
    sides = (
        (pairing.alone_old, old, new, before, "nobody of the new tenant is this user"),
        (pairing.alone_new, new, old, after, "nobody of the old tenant is this user"),
    )
    for alone, side, other, told, words in sides:
        if list_incomplete(other):
            words += ", as far as it was listed: the list was not complete"
        for user_id in alone:
            for workload in sorted(side.workloads):
                one = told.get((user_id, workload))
                if one is None:
                    continue
                ids = (user_id, "") if side is old else ("", user_id)
                row = _row(old, new, *ids, workload, "", *((one, None) if side is old else (None, one)))
                evidence = doubtful.get(ids, words)
                yield row | {"outcome": str(Outcome.NOT_MAPPED), "evidence": evidence}


def _doubtful(old: Side, new: Side, pairing: Pairing) -> dict[tuple[str, str], str]:
    """By old and new id, one of them empty: why nobody was paired where several could have been."""
    told: dict[tuple[str, str], str] = {}
    for new_id, old_ids in pairing.claimed.items():
        several = " and ".join(sorted(old.upns[one] for one in old_ids))
        words = f"{several} would all be {new.upns[new_id]}: a mapping must say who is"
        told |= {("", new_id): words} | {(one, ""): words for one in old_ids}
    return told


def _notes(old: Side, new: Side) -> list[str]:
    notes = [
        f"{workload} is in the {which} run alone: nothing is said of it for users of both."
        for workloads, which in ((old.workloads - new.workloads, "earlier"), (new.workloads - old.workloads, "later"))
        for workload in sorted(workloads)
    ]
    if not can_compare(old, new):
        notes.append(f"{incomparable(old, new)}: no photo can be proved to have arrived. Audit both with this version.")
    notes += [
        f"The {which} run is incomplete ({side.run.path}): what it did not learn is not_comparable."
        for side, which in ((old, "earlier"), (new, "later"))
        if side.run.manifest.get("complete") is not True
    ]
    return notes
