"""What became of every photo in a move to another tenant: the truth of `diff --mapping`.

Worked out from the uploads that both tenants hold, never from pixels and never from the audit's own code.
Held against each other is what a workload showed of a user before and what it shows now, whatever the verdicts:
a photo is a status `photo`; everything else that could be read is none. One row a pair and workload, with the
first that applies of:

* `not_comparable`: the status is `unknown` on either side, or `unreadable` before where no photo is now;
* no row where there was none and is none; `lost`: a photo before, none now;
* none before, a photo now: `wrong_person` if it is another old user's, else `added`;
* what this workload showed before: `arrived`, or `shrunk` where it has fewer pixels; a version of it: `edited`;
* the same held against the user's old reference: a stale copy gave way to the user's own photo;
* `wrong_person`: another old user's photo;
* the same held against the user's old copies in the other workloads; `replaced` otherwise.

A photo is another old user's where one old user, another and nobody besides, had it as reference, or where nobody
had and copies of one other user, and of nobody besides, showed it. Users without partner are
`not_mapped`, one row a workload. Only users in the audit's default scope count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.model import Status, Workload
from auditor.simulator.pictures import StoredPicture
from auditor.simulator.tenant import Account, Store, Table
from auditor.simulator.truth import Photograph, Sighting, photograph, sightings

MAPPING_FILE = "mapping.csv"
MAPPING_COLUMNS = ("old_upn", "new_upn")
MIGRATION_FILE = "migration.csv"
COLUMNS = ("old_user_id", "new_user_id", "workload", "outcome", "owner", "fate")

_STORES: Mapping[Workload, Store] = {
    Workload.ENTRA: "graph",
    Workload.EXCHANGE: "exchange",
    Workload.SHAREPOINT: "sharepoint",
    Workload.YAMMER: "yammer",
}
_Seen = Mapping[Workload, Sighting]


@dataclass(frozen=True, slots=True)
class Moved:
    """A user before and after the move, the copies with their truth not needed; None on a side without partner."""

    old: Account | None
    new: Account | None
    fate: str


@dataclass(slots=True)
class _Owners:
    """Who had which photograph before the move."""

    references: dict[Photograph, list[Account]] = field(default_factory=dict)
    copies: dict[Photograph, list[Account]] = field(default_factory=dict)

    def add(self, account: Account, seen: _Seen) -> None:
        for workload, one in seen.items():
            if one.photograph is None:
                continue
            held = self.references if workload is Workload.ENTRA else self.copies
            owners = held.setdefault(one.photograph, [])
            if not owners or owners[-1] is not account:
                owners.append(account)

    def other(self, photo: Photograph, account: Account) -> Account | None:
        """The one other old user whose photo it is."""
        references = self.references.get(photo, [])
        if any(owner.id == account.id for owner in references):
            return None
        if references:
            return references[0] if len(references) == 1 else None
        copies = self.copies.get(photo, [])
        return copies[0] if len(copies) == 1 and copies[0].id != account.id else None


def migration_table(moved: Sequence[Moved], *, ews: bool) -> Table:
    """`migration.csv`."""
    owners = _Owners()
    before: dict[str, _Seen] = {}
    for one in moved:
        if one.old and one.old.in_scope:
            before[one.old.id] = sightings(one.old, ews=ews)
            owners.add(one.old, before[one.old.id])
    rows: list[tuple[str, ...]] = []
    for one in moved:
        if one.old and one.new and one.old.in_scope and one.new.in_scope:
            rows += _pair(one.old, one.new, before[one.old.id], sightings(one.new, ews=ews), owners, one.fate)
        else:
            for account in (one.old, one.new):
                if account and account.in_scope:
                    old, new = (account.id, "") if account is one.old else ("", account.id)
                    rows += [(old, new, workload.value, "not_mapped", "", one.fate) for workload in Workload]
    return Table(MIGRATION_FILE, COLUMNS, tuple(rows))


def _pair(
    old: Account, new: Account, before: _Seen, now: _Seen, owners: _Owners, fate: str
) -> Iterator[tuple[str, ...]]:
    for workload in Workload:
        found, owner = outcome(workload, before, now, owners, old)
        if found:
            yield old.id, new.id, workload.value, found, owner.upn if owner else "", fate


def outcome(
    workload: Workload, before: _Seen, now: _Seen, owners: _Owners, account: Account
) -> tuple[str, Account | None]:
    """What became of one copy, and whose photo it is now where it is another's; '' for no row."""
    was, is_now = before[workload], now[workload]
    if Status.UNKNOWN in {was.status, is_now.status}:
        return "not_comparable", None
    if is_now.picture is None:
        if was.status is Status.UNREADABLE:
            return "not_comparable", None
        return "lost" if was.picture else "", None
    owner = owners.other(photograph(is_now.picture), account)
    if was.picture is None:
        return ("wrong_person", owner) if owner else ("added", None)
    smaller = _pixels(is_now.picture, workload) < _pixels(was.picture, workload)
    others = [one.picture for key, one in before.items() if key not in {workload, Workload.ENTRA}]
    for own in (was.picture, before[Workload.ENTRA].picture):
        if found := _held_against(own, is_now.picture, smaller):
            return found, None
    if owner:
        return "wrong_person", owner
    for own in others:
        if found := _held_against(own, is_now.picture, smaller):
            return found, None
    return "replaced", None


def _held_against(own: StoredPicture | None, now: StoredPicture, smaller: bool) -> str:
    if own is None or own.upload.name != now.upload.name:
        return ""
    if photograph(own) != photograph(now):
        return "edited"
    return "shrunk" if smaller else "arrived"


def _pixels(picture: StoredPicture, workload: Workload) -> int:
    width, height = picture.extent(_STORES[workload])
    return width * height
