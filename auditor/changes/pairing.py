"""Who of the old tenant is who in the new one: by a mapping, by a rule on domains, else by an equal name."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auditor.changes.sides import Side
from auditor.runs.manifest import RunError

OLD, NEW = "old_upn", "new_upn"
_LARGEST = 64_000_000
"""Bytes of a mapping: some 600,000 users."""


@dataclass(frozen=True)
class Pairing:
    """The pairs, by object id."""

    pairs: Mapping[str, tuple[str, str]]
    """Old user id → (new user id, by what: mapping, rename or upn)."""
    alone_old: tuple[str, ...]
    alone_new: tuple[str, ...]
    notes: tuple[str, ...] = ()
    claimed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of those who are alone: new user id → the old ids that the rules would all make this user."""


def read_mapping(path: Path) -> dict[str, str]:
    """Old → new user principal name, in lower case. Raises `RunError`, naming the line, for what cannot be meant."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.stat().st_size > _LARGEST:
                raise RunError(f"The mapping {path} is larger than {_LARGEST // 1_000_000} MB.")
            reader = csv.DictReader(file)
            if not {OLD, NEW} <= set(reader.fieldnames or ()):
                raise RunError(f"The mapping {path} has no columns {OLD} and {NEW}.")
            return _read(reader, path)
    except OSError as error:
        raise RunError(f"The mapping {path} cannot be read: {error.strerror or type(error).__name__}.") from None
    except UnicodeError:
        raise RunError(f"The mapping {path} is not UTF-8 text.") from None
    except csv.Error as error:
        raise RunError(f"The mapping {path} is no CSV file: {error}.") from None


def _read(reader: csv.DictReader[str], path: Path) -> dict[str, str]:
    mapping: dict[str, str] = {}
    taken: dict[str, str] = {}
    for row in reader:
        old, new = ((row[name] or "").strip().lower() for name in (OLD, NEW))
        where = f"line {reader.line_num} of the mapping {path}"
        if not old or not new:
            raise RunError(f"A name is missing in {where}: both {OLD} and {NEW} are needed.")
        if mapping.get(old, new) != new:
            raise RunError(f"{old} is mapped twice, to {mapping[old]} and to {new} ({where}).")
        if taken.get(new, old) != old:
            raise RunError(f"Two users are mapped to {new}: {taken[new]} and {old} ({where}).")
        mapping[old], taken[new] = new, old
    return mapping


def read_renames(given: Sequence[str]) -> dict[str, str]:
    """Old → new domain, in lower case, of `old=new`."""
    renames: dict[str, str] = {}
    for one in given:
        old, equals, new = (part.strip().lower().lstrip("@") for part in one.partition("="))
        if not (old and equals and new) or "@" in old + new or "=" in new:
            raise RunError(f"--rename is '{one}'; write old-domain=new-domain.")
        if renames.get(old, new) != new:
            raise RunError(f"--rename names {old} twice.")
        renames[old] = new
    return renames


def pair(old: Side, new: Side, mapping: Mapping[str, str], renames: Mapping[str, str]) -> Pairing:
    """Pair the users of two runs. The mapping wins: whom it names as new belongs to nobody else.

    Where rules and equal names make one new user of several old ones, nobody can say which of them it is: none is
    paired.
    """
    by_upn = {upn.lower(): user_id for user_id, upn in new.upns.items()}
    named = set(mapping.values())
    claims: dict[str, list[tuple[str, str]]] = {}
    unknown_new = 0
    for user_id, upn in old.upns.items():
        lower = upn.lower()
        wanted, how = mapping.get(lower), "mapping"
        if wanted is None:
            wanted, how = _renamed(lower, renames)
            if wanted in named:
                continue
        found = by_upn.get(wanted)
        if found is None:
            unknown_new += how == "mapping"
        else:
            claims.setdefault(found, []).append((user_id, how))
    pairs = {claim[0][0]: (found, claim[0][1]) for found, claim in claims.items() if len(claim) == 1}
    claimed = {found: tuple(one for one, _ in claim) for found, claim in claims.items() if len(claim) > 1}
    olds = {upn.lower() for upn in old.upns.values()}
    unknown_old = sum(one not in olds for one in mapping)
    told = (
        (unknown_old, "old names of the mapping are no users of the earlier run"),
        (unknown_new, "new names of the mapping are no users of the later run"),
        (len(claimed), "new users would each be several old ones: a mapping must say which of them it is"),
    )
    paired = {found for found, _ in pairs.values()}
    return Pairing(
        pairs,
        tuple(user_id for user_id in old.upns if user_id not in pairs),
        tuple(user_id for user_id in new.upns if user_id not in paired),
        tuple(f"{number:,} {words}." for number, words in told if number),
        claimed,
    )


def _renamed(upn: str, renames: Mapping[str, str]) -> tuple[str, str]:
    name, at, domain = upn.rpartition("@")
    if at and domain in renames:
        return f"{name}@{renames[domain]}", "rename"
    return upn, "upn"
