"""Remove one person from a run: rows, pictures, fingerprints, reports, and what other people's findings say of them.

The order is what makes an interrupted erasure one that can be run again. What leads to the person's traces goes last:
reports; pictures (their digests stand in the observations); observations (which of other people's copies show the
person's photo stands in the verdicts); verdicts; and the person's own row among the users at the very end.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from auditor.model import FINGERPRINT_COLUMNS
from auditor.runs import frames
from auditor.runs.exports import delete_reports, files_in, folders
from auditor.runs.files import whole_file
from auditor.runs.folder import RunFolder
from auditor.runs.manifest import RunError
from auditor.runs.people import rank

ERASED = "(erased)"
"""What stands where other people's rows named the person."""
_TOLD = ("detail", "note", "evidence", "fix", "signals", "causes", "accepted")
"""The columns of other people's rows that may name the person."""
_JSON = frozenset({"signals", "causes"})
"""Those that hold JSON: a name is looked for in its values, where no quote or backslash is spelled otherwise."""
_SHORTEST_NUMBER = 6
"""Digits from which on an account number of Viva Engage is taken for one wherever it stands alone."""
_NAMES_ANOTHER = "photo_of_another_user"
"""The cause that says whose photo a copy shows."""


@dataclass(frozen=True)
class Person:
    """By what one person is known in a run."""

    user_id: str
    """Empty where the run has no such user; then only what was asked for is looked for."""
    words: tuple[str, ...]
    """Object id, UPN, mail, other addresses, account numbers; the display name where nobody shares it."""
    digests: frozenset[str] = frozenset()
    """SHA-256 of the pictures that are the person's and nobody else's."""
    shown_by: frozenset[tuple[str, str, str]] = frozenset()
    """(user id, workload, SHA-256) of other people's copies that the run found to show this person's photo."""


@dataclass(frozen=True)
class Traces:
    """How much of a person a run holds."""

    user: bool
    rows: int
    """The person's own observations and verdicts."""
    findings: int
    """Other people's rows that name the person, or are known to show the person's photo."""
    pictures: int
    reports: int
    manifest: bool
    """Whether the manifest names the person."""

    @property
    def any(self) -> bool:
        """Whether there is anything to erase. (A report is drawn from the rest, and is no trace by itself.)"""
        return self.user or self.manifest or bool(self.rows or self.findings or self.pictures)


def traces(run: RunFolder, who: str) -> Traces:
    """What `erase` would remove. Raises `RunError` where `who` may be more than one user."""
    person = _person(run, who)
    rows = findings = 0
    for part in _parts(run, "observations/", "verdicts/"):
        table = run.read_part(part)
        own = sum(one == person.user_id for one in table.column("user_id").to_pylist()) if person.user_id else 0
        changed = _without(table, person)
        rows += own
        findings += 0 if changed is None else _differing(table, changed, person)
    for file in _checkpoints(run):
        findings += _erased_accounts(frames.read_table(file), person)[1]
    pictures = sum(file.stem in person.digests for file in run.photos.glob("*/*"))
    reports = sum(len(files_in(folder)) for folder in folders(run))
    named = _scrub(run.manifest, _finder(_addresses(person))) != run.manifest
    return Traces(bool(person.user_id), rows, findings, pictures, reports, named)


def erase(run: RunFolder, who: str, asked_by: str) -> list[Path]:
    """Remove every trace of a person from a run that this process holds, and record that it was done.

    Returns the files in the folders of the run and its reports that are not ours and still name the person. The
    reports of the run are deleted; whoever calls draws them again. An erasure that was interrupted is finished by
    calling this again for the same person; for another, `RunError`.
    """
    person = _person(run, who)
    record = _record(run, person, who, asked_by)
    run.update(underway=record)
    if not run.finished:
        run.drop_unnamed()
    delete_reports(run)
    run.delete_pictures(lambda sha256: sha256 in person.digests)
    for file in _checkpoints(run):
        table, erased = _erased_accounts(frames.read_table(file), person)
        if erased:
            with whole_file(file) as temporary:
                frames.write_table(table, temporary)
    for part in _parts(run, "observations/", "verdicts/", "users/"):
        changed = _without(run.read_part(part), person)
        if changed is not None:
            run.replace_part(part, changed)
    _finish(run, person, record)
    return _leftovers(run, person.words)


def _record(run: RunFolder, person: Person, who: str, asked_by: str) -> dict[str, Any]:
    """The erasure as the manifest remembers it: of the person only a salted digest of the object id."""
    begun: dict[str, Any] | None = run.manifest.get("underway")
    named = (person.user_id or who).lower()
    if begun is not None:
        if begun.get("what") != "erasure":
            raise RunError(f"Pruning the run {run.path} was interrupted. Finish that first: runs prune --yes.")
        if person.user_id and begun["whom"] != _whom(begun["salt"], named):
            raise RunError(f"An erasure of somebody else in the run {run.path} was interrupted. Finish that first.")
        return begun
    salt = secrets.token_hex(16)
    return {
        "what": "erasure",
        "when": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "asked_by": asked_by,
        "salt": salt,
        "whom": _whom(salt, named),
        "users": int(bool(person.user_id)),
    }


def _whom(salt: str, named: str) -> str:
    return hashlib.sha256(f"{salt}{named}".encode()).hexdigest()


def _finish(run: RunFolder, person: Person, record: Mapping[str, Any]) -> None:
    if run.finished:
        run.list_pictures()
        run.manifest.update(_recounted(run))
    run.manifest.update(_scrub(run.manifest, _finder(_addresses(person))))
    scope = dict(run.manifest.get("scope", {}))
    for name in ("directory", "in_scope"):
        if isinstance(scope.get(name), int):
            scope[name] -= int(record["users"])
    done = {name: value for name, value in record.items() if name not in {"what", "users"}}
    run.manifest.pop("underway", None)
    run.update(scope=scope, erasures=[*run.manifest.get("erasures", []), done])


def _recounted(run: RunFolder) -> dict[str, Any]:
    """The tallies without the person: the rest of the manifest is what was found then, and stays."""
    verdicts: Counter[tuple[str, str]] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    accepted: Counter[tuple[str, str]] = Counter()
    for part in _parts(run, "verdicts/"):
        rows = run.read_part(part, ["workload", "verdict", "status", "reason", "accepted"]).to_pylist()
        verdicts.update((row["workload"], row["verdict"]) for row in rows)
        accepted.update((row["workload"], row["verdict"]) for row in rows if row.get("accepted"))
        reasons.update((row["workload"], row["reason"]) for row in rows if row["status"] == "unknown")
    return {"tallies": _nested(verdicts), "accepted": _nested(accepted), "unknown_reasons": _nested(reasons)}


def _nested(counter: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), count in sorted(counter.items()):
        nested.setdefault(outer, {})[inner] = count
    return nested


# -- who ----------------------------------------------------------------------------------------------------


def _person(run: RunFolder, who: str) -> Person:
    asked = who.strip()
    if not asked:
        raise RunError("Nobody is named. Name a user by object id, user principal name or mail address.")
    found: dict[int, list[dict[str, Any]]] = {}
    names: Counter[str] = Counter()
    for part in _parts(run, "users/"):
        for row in run.read_part(part).to_pylist():
            names[row["display_name"]] += 1
            if (place := rank(row, asked.lower())) is not None:
                found.setdefault(place, []).append(row)
    if not found:
        return Person("", (asked,))
    best = found[min(found)]
    if len(best) > 1:
        ids = ", ".join(row["user_id"] for row in best)
        raise RunError(f"{len(best)} users of the run {run.path} go by '{asked}'. Name one by its object id: {ids}.")
    (row,) = best
    name = row["display_name"]
    words = [asked, row["user_id"], row["upn"], row["mail"], *row["addresses"].split()]
    if " " in name.strip() and names[name] == 1:
        words.append(name)
    return _with_pictures(run, row["user_id"], words)


def _with_pictures(run: RunFolder, user_id: str, words: list[str]) -> Person:
    """The person with account numbers, with the pictures that are nobody else's, and with who else shows them."""
    upn = words[2]
    shown_by = set()
    for part in _parts(run, "verdicts/"):
        for row in run.read_part(part, ["user_id", "workload", "sha256", "cause", "evidence"]).to_pylist():
            # Only where the sentence ends with this name: "… of A and 2 more" is others' photo as well.
            if row["cause"] == _NAMES_ANOTHER and row["evidence"].rstrip(".").endswith(f" {upn}"):
                shown_by.add((row["user_id"], row["workload"], row["sha256"]))
    own: set[str] = set()
    others: set[str] = set()
    for part in _parts(run, "observations/"):
        for row in run.read_part(part, ["user_id", "workload", "sha256", "signals"]).to_pylist():
            mine = row["user_id"] == user_id
            shown = (row["user_id"], row["workload"], row["sha256"]) in shown_by
            (own if mine or shown else others).add(row["sha256"])
            if mine and (number := json.loads(row["signals"]).get("engage_id", "")):
                words.append(number)
    wanted = {word.lower() for word in words}
    for file in _checkpoints(run):
        for row in frames.read_table(file, ["addresses", "sha256"]).to_pylist():
            if "sha256" in row:  # the directory's list holds no pictures
                (own if wanted & _named(row) else others).add(row["sha256"])
    unique = tuple(dict.fromkeys(word for word in words if word))
    return Person(user_id, unique, frozenset(own - others - {""}), frozenset(shown_by))


def _addresses(person: Person) -> tuple[str, ...]:
    """What the manifest is searched for: not the name, which may be part of the tenant's."""
    return tuple(word for word in person.words if "@" in word or word == person.user_id or len(person.words) == 1)


# -- what ---------------------------------------------------------------------------------------------------


def _parts(run: RunFolder, *kinds: str) -> Iterator[str]:
    for kind in kinds:
        yield from sorted(part for part in run.manifest.get("parts", {}) if part.startswith(kind))


def _finder(words: Iterable[str]) -> Callable[[str], str]:
    """Replaces every one of the words where it stands by itself, in upper or lower case."""
    usable = [word for word in words if not word.isdigit() or len(word) >= _SHORTEST_NUMBER]
    # As in an address of the web, and as SharePoint names a person's files and folders.
    usable += [word.replace("@", "%40") for word in usable] + [
        re.sub(r"[@.]", "_", one) for one in usable if "@" in one
    ]
    longest_first = sorted(set(usable), key=lambda word: (-len(word), word))
    if not longest_first:
        return lambda text: text
    alone = rf"(?<![\w.+-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-]|\.\w|@)"
    pattern = re.compile(alone, re.IGNORECASE)
    return lambda text: pattern.sub(ERASED, text)


def _scrub(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_scrub(one, clean) for one in value]
    return {name: _scrub(one, clean) for name, one in value.items()} if isinstance(value, dict) else value


def _without(table: pa.Table, person: Person) -> pa.Table | None:
    """The table without the person; None where there is nothing to change."""
    rows = table.to_pylist()
    kept = [row for row in rows if row["user_id"] != person.user_id] if person.user_id else rows
    clean = _finder(person.words)
    told = [name for name in _TOLD if name in table.column_names]
    blank = {name: value for name, value in frames.fingerprint_row(None).items() if name in _IDENTIFYING}
    made = []
    for row in kept:
        new = row | {name: _cleaned(name, row[name], clean) for name in told if row[name]}
        # Other people's copies that are known to show the person's photo keep their verdict and lose the photo.
        if (row["user_id"], row.get("workload"), row.get("sha256")) in person.shown_by:
            new |= {name: value for name, value in blank.items() if name in row}
        made.append(new)
    return None if made == rows else pa.Table.from_pylist(made, schema=table.schema)


def _cleaned(column: str, text: str, clean: Callable[[str], str]) -> str:
    try:
        held = json.loads(text) if column in _JSON else None
    except ValueError:
        held = None
    if held is None:
        return clean(text)
    cleaned = _scrub(held, clean)
    return text if cleaned == held else json.dumps(cleaned, ensure_ascii=False)


_IDENTIFYING = {column.name for column in FINGERPRINT_COLUMNS} - {"format", "width", "height", "size"}
"""What of a fingerprint could tell the picture again."""


def _differing(before: pa.Table, after: pa.Table, person: Person) -> int:
    kept = (row for row in before.to_pylist() if row["user_id"] != person.user_id or not person.user_id)
    return sum(one != other for one, other in zip(kept, after.to_pylist(), strict=True))


def _checkpoints(run: RunFolder) -> list[Path]:
    return sorted((run.path / "work").rglob("*.parquet"))


def _erased_accounts(table: pa.Table, person: Person) -> tuple[pa.Table, int]:
    """A page of Viva Engage's list, or the directory's list, without the person, and how many accounts that were.

    The row stays, empty: a page without rows would be taken for the list's end, and a shorter directory for one
    that somebody left.
    """
    wanted = {word.lower() for word in person.words}
    rows = table.to_pylist()
    nothing = {
        field.name: 0 if pa.types.is_integer(field.type) else b"" if pa.types.is_binary(field.type) else ""
        for field in table.schema
    }
    made = [
        nothing | {"id": ERASED} | ({"status": row["status"]} if "status" in row else {})
        if wanted & {row["id"], row.get("upn", "").lower(), *_named(row)}
        else row
        for row in rows
    ]
    count = sum(one is not other for one, other in zip(made, rows, strict=True))
    return pa.Table.from_pylist(made, schema=table.schema), count


def _named(row: Mapping[str, Any]) -> set[str]:
    """The addresses in a checkpoint's row, as they are and as they were before they were URL-quoted."""
    return {form.lower() for one in row.get("addresses", "").split() for form in (one, unquote(one))}


def _leftovers(run: RunFolder, words: Iterable[str]) -> list[Path]:
    wanted = [word.lower().encode("utf-8", "replace") for word in words if len(word) >= _SHORTEST_NUMBER]
    exports = (Path(one["folder"]) for one in run.manifest.get("exports", ()))
    places = dict.fromkeys([run.path, *folders(run), *exports])
    files = {file for place in places for file in place.rglob("*") if file.is_file() and file.suffix != ".parquet"}
    # An exported picture is named by the object id, and says nothing of it inside.
    return sorted(file for file in files if any(word in _told_by(file) for word in wanted))


def _told_by(file: Path) -> bytes:
    return file.name.lower().encode("utf-8", "replace") + b"\n" + file.read_bytes().lower()
