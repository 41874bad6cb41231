"""Remove one person from a run: rows, pictures, fingerprints, reports, and what other people's findings say of them.

The order is what makes an interrupted erasure one that can be run again. What leads to the person's traces goes last:
reports; exported photos; pictures (their digests stand in the observations); observations (which of other people's
copies show the person's photo stands in the verdicts); verdicts; and the person's own row among the users at the end.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from auditor.model import FINGERPRINT_COLUMNS
from auditor.runs import frames
from auditor.runs.exports import delete_photos, delete_reports, files_in, folders, photo_folders, photos_of
from auditor.runs.files import whole_file
from auditor.runs.folder import RunFolder
from auditor.runs.manifest import RunError
from auditor.runs.whom import Person, checkpoints, named_in, parts_of

ERASED = "(erased)"
"""What stands where other people's rows named the person."""
_TOLD = ("detail", "note", "evidence", "fix", "signals", "causes", "accepted")
"""The columns of other people's rows that may name the person."""
_JSON = frozenset({"signals", "causes"})
"""Those that hold JSON: a name is looked for in its values, where no quote or backslash is spelled otherwise."""
_SHORTEST_NUMBER = 6
"""Digits from which on an account number of Viva Engage is taken for one wherever it stands alone."""


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
    """Files of reports; they are drawn again."""
    told: int
    """Those of them that name the person, as one that says who has left since an earlier run does."""
    exported: int
    """Files of exported photos: the person's pictures, and tables with a row of theirs."""
    manifest: bool
    """Whether the manifest names the person."""

    @property
    def any(self) -> bool:
        """Whether there is anything to erase."""
        return (
            self.user
            or self.manifest
            or bool(self.rows or self.findings or self.pictures or self.told or self.exported)
        )


def traces(run: RunFolder, person: Person) -> Traces:
    """What `erase` would remove."""
    rows = findings = 0
    for part in parts_of(run, "observations/", "earlier/", "verdicts/"):
        table = run.read_part(part)
        own = sum(one == person.user_id for one in table.column("user_id").to_pylist()) if person.user_id else 0
        changed = _without(table, person)
        rows += own
        findings += 0 if changed is None else _differing(table, changed, person)
    for file in checkpoints(run):
        findings += _erased_accounts(frames.read_table(file), person)[1]
    pictures = sum(file.stem in person.digests for file in run.photos.glob("*/*"))
    reports = _report_files(run)
    told = len(_naming(reports, person.addresses))
    exported = len(photos_of(run, person.user_id)) if person.user_id else 0
    named = _without_mention(run, person) is not None
    return Traces(person.here, rows, findings, pictures, len(reports), told, exported, named)


def erase(run: RunFolder, person: Person, asked_by: str) -> None:
    """Remove every trace of a person from a run that this process holds, and record that it was done.

    The reports of the run are deleted; whoever calls draws them again, and then asks for the `leftovers` of the
    person. An erasure that was interrupted is finished by calling this again for the same person; for another,
    `RunError`.
    """
    record = _record(run, person, asked_by)
    run.update(underway=record)
    if not run.finished:
        run.drop_unnamed()
    delete_reports(run)
    if person.user_id:
        delete_photos(run, person.user_id)
    # Until a part is written nobody can say whose the pictures of its shard are: a resumed run asks for these again.
    known = None if run.finished else _pictures_named(run)
    run.delete_pictures(lambda sha256: sha256 in person.digests or (known is not None and sha256 not in known))
    for file in checkpoints(run):
        table, erased = _erased_accounts(frames.read_table(file), person)
        if erased:
            with whole_file(file) as temporary:
                frames.write_table(table, temporary)
    for part in parts_of(run, "observations/", "earlier/", "verdicts/", "users/"):
        changed = _without(run.read_part(part), person)
        if changed is not None:
            run.replace_part(part, changed)
    _finish(run, person, record)


def leftovers(run: RunFolder, person: Person) -> tuple[list[Path], list[Path]]:
    """The files in the folders of the run, its reports and its exports that name the person: reports of ours, and
    others.
    """
    reports = _report_files(run)
    places = dict.fromkeys([run.path, *folders(run), *photo_folders(run)])
    files = {file for place in places for file in place.rglob("*") if file.is_file() and file.suffix != ".parquet"}
    return _naming(reports, person.words), _naming(sorted(files.difference(reports)), person.words)


def _report_files(run: RunFolder) -> list[Path]:
    return [file for folder in folders(run) for file in files_in(folder)]


def _naming(files: Iterable[Path], words: Iterable[str]) -> list[Path]:
    """Those that hold one of the words, or are called by one: an exported picture's name is the object id."""
    wanted = [word.lower().encode("utf-8", "replace") for word in words if len(word) >= _SHORTEST_NUMBER]
    found = []
    for file in files if wanted else ():
        held = _told_by(file)
        if any(word in held for word in wanted):
            found.append(file)
    return found


def _pictures_named(run: RunFolder) -> set[str]:
    """The digests that the parts and the pages of an unfinished run name."""
    tables = [run.read_part(part, ["sha256"]) for part in parts_of(run, "observations/")]
    tables += [table for file in checkpoints(run) if "sha256" in (table := frames.read_table(file)).column_names]
    return {sha256 for table in tables for sha256 in table.column("sha256").to_pylist()}


def was_erased(manifest: Mapping[str, Any], user_id: str) -> bool:
    """Whether an erasure that is recorded concerned this object id."""
    return any(
        one.get("whom") == _whom(str(one.get("salt", "")), user_id.lower()) for one in manifest.get("erasures", ())
    )


def _record(run: RunFolder, person: Person, asked_by: str) -> dict[str, Any]:
    """The erasure as the manifest remembers it: of the person only a salted digest of the object id.

    While it is under way, also by which words the person is known: were it interrupted, what leads to them is gone.
    """
    begun: dict[str, Any] | None = run.manifest.get("underway")
    named = (person.user_id or person.asked).lower()
    if begun is not None:
        if begun.get("what") != "erasure":
            raise RunError(f"Pruning the run {run.path} was interrupted. Finish that first: runs prune --yes.")
        if person.user_id and begun["whom"] != _whom(begun["salt"], named):
            raise RunError(f"An erasure of somebody else in the run {run.path} was interrupted. Finish that first.")
        return begun | {"words": list(person.words)}
    salt = secrets.token_hex(16)
    return {
        "what": "erasure",
        "when": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "asked_by": asked_by,
        "salt": salt,
        "whom": _whom(salt, named),
        "users": int(person.here),
        "words": list(person.words),
    }


def _whom(salt: str, named: str) -> str:
    return hashlib.sha256(f"{salt}{named}".encode()).hexdigest()


def _finish(run: RunFolder, person: Person, record: Mapping[str, Any]) -> None:
    if run.finished:
        run.list_pictures()
        run.manifest.update(_recounted(run))
    run.manifest.update(_without_mention(run, person) or {})
    scope = dict(run.manifest.get("scope", {}))
    for name in ("directory", "in_scope"):
        if isinstance(scope.get(name), int):
            scope[name] -= int(record["users"])
    done = {name: value for name, value in record.items() if name not in {"what", "users", "words"}}
    run.manifest.pop("underway", None)
    run.update(scope=scope, erasures=[*run.manifest.get("erasures", []), done])


def _recounted(run: RunFolder) -> dict[str, Any]:
    """The tallies without the person: the rest of the manifest is what was found then, and stays."""
    verdicts: Counter[tuple[str, str]] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    accepted: Counter[tuple[str, str]] = Counter()
    for part in parts_of(run, "verdicts/"):
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


# -- what ---------------------------------------------------------------------------------------------------


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


def _without_mention(run: RunFolder, person: Person) -> dict[str, Any] | None:
    """The manifest without the person; None where it does not name them."""
    clean = _finder(person.addresses)
    # The name is not looked for, which may be part of the tenant's; only what is accepted speaks of people.
    made = {
        name: value if name == "underway" else _scrub(_without_exceptions(value, person), clean)
        for name, value in run.manifest.items()
    }
    return None if made == run.manifest else made


def _without_exceptions(value: Any, person: Person) -> Any:
    """Without the accepted exceptions that are about the person or the person's pictures, wherever they are held."""
    if not isinstance(value, dict):
        return value
    entries = value.get("entries")
    if not isinstance(entries, list):
        return {name: _without_exceptions(one, person) for name, one in value.items()}
    wanted, clean = {word.lower() for word in person.words}, _finder(person.words)
    kept = [
        number
        for number, one in enumerate(entries)
        if str(one.get("user", "")).lower() not in wanted
        and person.digests.isdisjoint({one.get("sha256"), one.get("reference_sha256")})
    ]
    outcome = value.get("outcome", [])
    return value | {
        "entries": [_scrub(entries[number], clean) for number in kept],
        **({"outcome": [outcome[number] for number in kept if number < len(outcome)]} if "outcome" in value else {}),
    }


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
        if wanted & {row["id"], row.get("upn", "").lower(), *named_in(row)}
        else row
        for row in rows
    ]
    count = sum(one is not other for one, other in zip(made, rows, strict=True))
    return pa.Table.from_pylist(made, schema=table.schema), count


def _told_by(file: Path) -> bytes:
    return file.name.lower().encode("utf-8", "replace") + b"\n" + file.read_bytes().lower()
