"""Who is to be erased: by what one person is known in a run, and which pictures are theirs alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from auditor.runs import frames
from auditor.runs.folder import RunFolder, open_run
from auditor.runs.manifest import RunError
from auditor.runs.people import rank
from auditor.services.text import identity

_NAMES_ANOTHER = "photo_of_another_user"
"""The cause that says whose photo a copy shows."""
_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@dataclass(frozen=True)
class Whom:
    """Who was asked for, and as whom runs know this one person: names change, the object id does not."""

    asked: str
    user_id: str = ""
    """Empty where no run knows anybody of that name."""
    words: tuple[str, ...] = ()
    """Addresses that some run has."""


@dataclass(frozen=True)
class Person:
    """By what one person is known in a run."""

    asked: str
    user_id: str
    """Empty where no run has such a user; then only what was asked for is looked for."""
    here: bool
    """Whether this run has the user."""
    words: tuple[str, ...]
    """Object id, UPN, mail, other addresses, account numbers; the display name where nobody shares it."""
    digests: frozenset[str] = frozenset()
    """SHA-256 of the pictures that are the person's and nobody else's."""
    shown_by: frozenset[tuple[str, str, str]] = frozenset()
    """(user id, workload, SHA-256) of other people's copies that the run found to show this person's photo."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """What tells the person wherever it stands: no name, which may be part of the tenant's."""
        return tuple(word for word in self.words if "@" in word or word == self.user_id or _ID.fullmatch(word))


def identify(paths: Iterable[Path], asked: str) -> Whom:
    """The one person whom these runs and their baselines know by that name, with all addresses that they know.

    Raises `RunError` where a run knows two, and where two runs know different people by it: an address may be given
    to somebody else.
    """
    found: dict[str, list[str]] = {}
    ids: dict[str, str] = {}
    for run in _with_baselines(paths):
        if (row := _row(run, asked)) is not None:
            ids.setdefault(row["user_id"].lower(), row["user_id"])
            found.setdefault(row["user_id"].lower(), []).extend(_addresses(row))
    if len(found) > 1:
        raise RunError(
            f"These runs know {len(found)} different users as '{asked.strip()}'. Name one by its object id:"
            f" {', '.join(ids.values())}."
        )
    return next((Whom(asked, ids[one], tuple(dict.fromkeys(words))) for one, words in found.items()), Whom(asked))


def _with_baselines(paths: Iterable[Path]) -> Iterator[RunFolder]:
    runs = {path.resolve(): open_run(path, exclusive=False) for path in paths}
    yield from runs.values()
    baselines = {Path(one).resolve() for run in runs.values() if (one := run.manifest.get("baseline", {}).get("path"))}
    for path in sorted(baselines - runs.keys()):
        with suppress(RunError):  # it may be gone, and need not be one of those that are asked for
            yield open_run(path, exclusive=False)


def person_in(run: RunFolder, whom: Whom) -> Person:
    """The person as this run knows them. Raises `RunError` where it knows several."""
    row = _row(run, whom.asked)
    names: Counter[str] = Counter()
    theirs: set[str] = set()
    for part in parts_of(run, "users/"):
        for other in run.read_part(part).to_pylist():
            names[other["display_name"]] += 1
            if row is None and whom.user_id and other["user_id"].lower() == whom.user_id.lower():
                row = other
            elif row is None or other["user_id"] != row["user_id"]:
                theirs.update(word.lower() for word in _addresses(other))
    begun = run.manifest.get("underway", {})
    before = begun.get("words", ()) if begun.get("what") == "erasure" else ()
    # An address that somebody else has in this run tells that one.
    elsewhere = [word for word in (*whom.words, *before) if word.lower() not in theirs]
    if row is None:
        words = dict.fromkeys(word for word in (whom.asked.strip(), whom.user_id, *elsewhere) if word)
        return Person(whom.asked.strip(), whom.user_id, False, tuple(words))
    name = row["display_name"]
    words_here = [whom.asked.strip(), row["user_id"], *_addresses(row), *elsewhere]
    if " " in name.strip() and names[name] == 1:
        words_here.append(name)
    return _with_pictures(run, whom.asked.strip(), row, words_here)


def _row(run: RunFolder, who: str) -> dict[str, Any] | None:
    asked = (identity(who) or who).strip()
    if not asked:
        raise RunError("Nobody is named. Name a user by object id, user principal name or mail address.")
    found: dict[int, list[dict[str, Any]]] = {}
    for part in parts_of(run, "users/"):
        for row in run.read_part(part).to_pylist():
            if (place := rank(row, asked.lower())) is not None:
                found.setdefault(place, []).append(row)
    if not found:
        return None
    best = found[min(found)]
    if len(best) > 1:
        ids = ", ".join(row["user_id"] for row in best)
        raise RunError(f"{len(best)} users of the run {run.path} go by '{asked}'. Name one by its object id: {ids}.")
    return best[0]


def _addresses(row: Mapping[str, Any]) -> list[str]:
    # A mail that is another account's leads to that one.
    mail = () if row["mail_of_another"] else (row["mail"],)
    return [word for word in (row["upn"], *mail, *row["addresses"].split()) if word]


def _with_pictures(run: RunFolder, asked: str, row: Mapping[str, Any], words: list[str]) -> Person:
    """The person with account numbers, with the pictures that are nobody else's, and with who else shows them."""
    user_id, upn = row["user_id"], row["upn"]
    shown_by = set()
    for part in parts_of(run, "verdicts/"):
        for one in run.read_part(part, ["user_id", "workload", "sha256", "cause", "evidence"]).to_pylist():
            # Only where the sentence ends with this name: "… of A and 2 more" is others' photo as well.
            if one["cause"] == _NAMES_ANOTHER and one["evidence"].rstrip(".").endswith(f" {upn}"):
                shown_by.add((one["user_id"], one["workload"], one["sha256"]))
    own: set[str] = set()
    others: set[str] = set()
    for part in parts_of(run, "observations/"):
        for one in run.read_part(part, ["user_id", "workload", "sha256", "signals"]).to_pylist():
            mine = one["user_id"] == user_id
            shown = (one["user_id"], one["workload"], one["sha256"]) in shown_by
            (own if mine or shown else others).add(one["sha256"])
            if mine and (number := json.loads(one["signals"]).get("engage_id", "")):
                words.append(number)
    wanted = {word.lower() for word in words}
    for file in checkpoints(run):
        table = frames.read_table(file)
        if "sha256" in table.column_names:  # the directory's list holds no pictures
            for one in table.select(["addresses", "sha256"]).to_pylist():
                (own if wanted & named_in(one) else others).add(one["sha256"])
    unique = tuple(dict.fromkeys(word for word in words if word))
    return Person(asked, user_id, True, unique, frozenset(own - others - {""}), frozenset(shown_by))


def parts_of(run: RunFolder, *kinds: str) -> Iterator[str]:
    """The parts of these kinds that the manifest names, in order."""
    for kind in kinds:
        yield from sorted(part for part in run.manifest.get("parts", {}) if part.startswith(kind))


def checkpoints(run: RunFolder) -> list[Path]:
    """The tables that an unfinished run keeps besides its parts."""
    return sorted((run.path / "work").rglob("*.parquet"))


def named_in(row: Mapping[str, Any]) -> set[str]:
    """The addresses in a checkpoint's row, as they are and as they were before they were URL-quoted."""
    return {form.lower() for one in row.get("addresses", "").split() for form in (one, unquote(one))}
