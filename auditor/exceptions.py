"""Accepted exceptions: drift that somebody answers for, with a reason and an end.

The entries that an audit applies are recorded in the run's manifest, and whether one has ended is told from the day on
which the run began: what is accepted is a pure function of the run folder, whenever and however often it is judged.
The verdict of an accepted copy stays what it is.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd

from auditor.model import DRIFT, Workload

FILE = "exceptions.toml"
"""What the file is called where it lies beside the settings file and no setting names it."""
TABLE = "accepted"
"""The array of tables in the file: `[[accepted]]`."""
TRUE_HERE = "true_here"
"""The array of tables `[[true_here]]`: answers that are true in this tenant, however many users get the same one."""
KINDS = ("absent", "not_provisioned", "default", "one_picture", "others_photos", "lost", "unreadable")
"""Kinds of suspect answers (`auditor.doubt.suspicion.Kind`) that an entry may call true."""
EXCEPTIONS = "exceptions"
"""The manifest's entry: what was applied (see `recorded`)."""
_FILTERS = {"user_type": str, "domain": str, "department": str, "synced": bool, "enabled": bool}
_KEYS = ("user", "filter", "workload", "verdict", "reason", "who", "until", "sha256", "reference_sha256")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST = 500
"""Characters of a reason or a name: it stands in a cell and on a card."""


_KEYS_OF_TRUE_HERE = ("workload", "kind", "reason", "who", "until")


class ExceptionsError(Exception):
    """The file of accepted exceptions cannot be used; the message names it, the entry and the remedy."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry: whose copies, where, with which verdict, and for which reason they are accepted until when."""

    workloads: tuple[str, ...]
    verdicts: tuple[str, ...]
    reason: str
    who: str
    until: date
    """The last day on which it holds."""
    user: str = ""
    """Object id or user principal name; empty where `filter` says whose."""
    filter: Mapping[str, str | bool] = field(default_factory=dict)
    """All of these must hold: user_type, domain (of the UPN), department, synced, enabled."""
    sha256: str = ""
    """The accepted photo; another one is not accepted. Empty: any."""
    reference_sha256: str = ""
    """The reference's photo that it was accepted beside; beside another it is not accepted. Empty: any."""

    @property
    def sentence(self) -> str:
        """Why it is accepted, who says so, and until when."""
        return f"{self.reason.rstrip('.')}. Accepted by {self.who} until {self.until.isoformat()}."

    def document(self) -> dict[str, Any]:
        """The entry as the manifest holds it."""
        return {
            "user": self.user, "filter": dict(self.filter), "workload": list(self.workloads),
            "verdict": list(self.verdicts), "reason": self.reason, "who": self.who, "until": self.until.isoformat(),
            "sha256": self.sha256, "reference_sha256": self.reference_sha256,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrueHere:
    """One entry under `[[true_here]]`: answers of this kind are true of this tenant until that day.

    It counts only where no user could serve as a control: a control that failed outweighs it.
    """

    workloads: tuple[str, ...]
    kinds: tuple[str, ...]
    reason: str
    who: str
    until: date
    """The last day on which it holds."""

    def document(self) -> dict[str, Any]:
        """The entry as the manifest holds it."""
        return {
            "workload": list(self.workloads), "kind": list(self.kinds), "reason": self.reason, "who": self.who,
            "until": self.until.isoformat(),
        }  # fmt: skip


@dataclass(frozen=True)
class Applied:
    """What some entries do to some verdicts."""

    sentences: tuple[str, ...]
    """One a row of the verdicts: why it is accepted; empty where it is not."""
    findings: tuple[int, ...]
    """One an entry: how many rows it accepts. A row is the first entry's that fits it."""
    changed: tuple[int, ...]
    """One an entry: how many rows it would accept, were the photo still the one that was accepted."""


# -- the file -----------------------------------------------------------------------------------------------


def read_file(file: Path) -> tuple[Accepted, ...]:
    """The entries of a file under `[[accepted]]`. Raises `ExceptionsError`, naming the entry and its line."""
    return tuple(_entry(entry, where) for entry, where in _entries(file, TABLE))


def read_true_here(file: Path) -> tuple[TrueHere, ...]:
    """The entries of a file under `[[true_here]]`. Raises `ExceptionsError`, naming the entry and its line."""
    return tuple(_true_here(entry, where) for entry, where in _entries(file, TRUE_HERE))


def _entries(file: Path, table: str) -> list[tuple[Any, str]]:
    """The entries under a table of the file, each with words that name its place in the file."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
        raw = tomllib.loads(text)
    except FileNotFoundError:
        raise ExceptionsError(
            f"There is no file of accepted exceptions {file}. Name another, or leave it out."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ExceptionsError(f"The accepted exceptions {file} are not valid TOML: {error}.") from None
    except UnicodeDecodeError:
        raise ExceptionsError(f"The accepted exceptions {file} are not UTF-8 text.") from None
    except OSError as error:
        raise ExceptionsError(f"The accepted exceptions {file} cannot be read: {error.strerror}.") from None
    if strangers := sorted(set(raw) - {TABLE, TRUE_HERE}):
        raise ExceptionsError(
            f"{file}: there is no '{strangers[0]}'; every entry stands under [[{TABLE}]] or [[{TRUE_HERE}]]."
        )
    entries = raw.get(table, [])
    if not isinstance(entries, list):
        raise ExceptionsError(f"{file}: '{table}' is no list; every entry stands under [[{table}]], twice bracketed.")
    header = re.compile(rf"[ \t]*\[\[[ \t]*{table}[ \t]*\]\]")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if header.match(line)]
    made = []
    for number, entry in enumerate(entries, 1):
        # tomllib tells no lines. A header inside a text of several lines would be counted too: then none is told.
        line = f" (line {lines[number - 1]})" if len(lines) == len(entries) else ""
        kind = "entry" if table == TABLE else f"[[{table}]] entry"
        made.append((entry, f"{file}: {kind} {number}{line}"))
    return made


def _true_here(raw: Any, where: str) -> TrueHere:
    if not isinstance(raw, dict):
        raise ExceptionsError(f"{where} is no table; write it under [[{TRUE_HERE}]].")
    if strangers := sorted(set(raw) - set(_KEYS_OF_TRUE_HERE)):
        raise ExceptionsError(f"{where} has '{strangers[0]}'; it can have {', '.join(_KEYS_OF_TRUE_HERE)}.")
    return TrueHere(
        workloads=_words(raw, "workload", tuple(Workload), where),
        kinds=_words(raw, "kind", KINDS, where),
        reason=_text(raw, "reason", where),
        who=_text(raw, "who", where),
        until=_day(raw, where),
    )


def _entry(raw: Any, where: str) -> Accepted:
    if not isinstance(raw, dict):
        raise ExceptionsError(f"{where} is no table; write it under [[{TABLE}]].")
    if strangers := sorted(set(raw) - set(_KEYS)):
        raise ExceptionsError(f"{where} has '{strangers[0]}'; it can have {', '.join(_KEYS)}.")
    if ("user" in raw) == ("filter" in raw):
        raise ExceptionsError(f"{where} must have either user (object id or UPN) or filter.")
    drift = tuple(sorted(verdict.value for verdict in DRIFT))
    return Accepted(
        user=_text(raw, "user", where).lower() if "user" in raw else "",
        filter=_filter(raw["filter"], where) if "filter" in raw else {},
        workloads=_words(raw, "workload", tuple(Workload), where),
        verdicts=_words(raw, "verdict", drift, where),
        reason=_text(raw, "reason", where),
        who=_text(raw, "who", where),
        until=_day(raw, where),
        sha256=_digest(raw, "sha256", where),
        reference_sha256=_digest(raw, "reference_sha256", where),
    )


def _text(raw: Mapping[str, Any], key: str, where: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ExceptionsError(f"{where} has no {key}: a text that is not empty.")
    if len(value.strip()) > _LONGEST:
        raise ExceptionsError(f"{where}: {key} is longer than {_LONGEST} characters.")
    return " ".join(value.split())


def _words(raw: Mapping[str, Any], key: str, choices: Sequence[str], where: str) -> tuple[str, ...]:
    value = raw.get(key)
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words:
        raise ExceptionsError(f"{where} has no {key}: one or a list of {', '.join(map(str, choices))}.")
    for word in words:
        if word not in choices:
            raise ExceptionsError(f"{where}: {key} is '{word}'; it can be {', '.join(map(str, choices))}.")
    return tuple(dict.fromkeys(map(str, words)))


def _day(raw: Mapping[str, Any], where: str) -> date:
    value = raw.get("until")
    if isinstance(value, datetime):
        raise ExceptionsError(f"{where}: until is a moment; it is a day, as in until = {value:%Y-%m-%d}.")
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, date):
        raise ExceptionsError(f"{where} has no until: the last day on which it holds, as in until = 2027-03-31.")
    return value


def _digest(raw: Mapping[str, Any], key: str, where: str) -> str:
    if key not in raw:
        return ""
    value = raw[key]
    if not isinstance(value, str) or not _SHA256.fullmatch(value.lower()):
        raise ExceptionsError(f"{where}: {key} is no SHA-256 (64 hexadecimal digits, as the column {key[-6:]} has it).")
    return value.lower()


def _filter(raw: Any, where: str) -> dict[str, str | bool]:
    if not isinstance(raw, dict) or not raw:
        raise ExceptionsError(f"{where}: filter must say at least one of {', '.join(_FILTERS)}.")
    for name, value in raw.items():
        if name not in _FILTERS:
            raise ExceptionsError(f"{where}: filter has '{name}'; it can have {', '.join(_FILTERS)}.")
        kind = _FILTERS[name]
        if not isinstance(value, kind) or value == "":
            what = "true or false" if kind is bool else "a text that is not empty"
            raise ExceptionsError(f"{where}: filter.{name} must be {what}.")
    return {name: value.strip().lower() if isinstance(value, str) else value for name, value in raw.items()}


# -- the run ------------------------------------------------------------------------------------------------


def recorded(file: Path | None, entries: Iterable[Accepted], true_here: Iterable[TrueHere] = ()) -> dict[str, Any]:
    """What the manifest holds of a file that is applied."""
    return {
        "file": str(file or ""),
        "entries": [entry.document() for entry in entries],
        TRUE_HERE: [entry.document() for entry in true_here],
    }


def recorded_file(file: Path) -> dict[str, Any]:
    """What the manifest holds of this file (see `recorded`). Raises `ExceptionsError`."""
    return recorded(file, read_file(file), read_true_here(file))


def true_here(manifest: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """(workload, kind) of the answers that are true in this tenant, by the entries that held when the run began."""
    return frozenset(
        (str(workload), str(kind))
        for entry in manifest.get(EXCEPTIONS, {}).get(TRUE_HERE, ())
        if date.fromisoformat(entry["until"]) >= day_of(manifest)
        for workload in entry["workload"]
        for kind in entry["kind"]
    )


def of_manifest(manifest: Mapping[str, Any]) -> tuple[Accepted, ...]:
    """The entries that a run applies."""
    return tuple(
        Accepted(
            user=str(entry["user"]).lower(),
            filter=dict(entry["filter"]),
            workloads=tuple(entry["workload"]),
            verdicts=tuple(entry["verdict"]),
            reason=str(entry["reason"]),
            who=str(entry["who"]),
            until=date.fromisoformat(entry["until"]),
            sha256=str(entry["sha256"]),
            reference_sha256=str(entry["reference_sha256"]),
        )
        for entry in manifest.get(EXCEPTIONS, {}).get("entries", ())
    )


def day_of(manifest: Mapping[str, Any]) -> date:
    """The day, UTC, on which a run began: entries that ended before it do not hold."""
    begun = datetime.fromisoformat(str(manifest["started"]))
    return (begun if begun.tzinfo else begun.replace(tzinfo=UTC)).astimezone(UTC).date()


def apply(entries: Sequence[Accepted], day: date, users: pd.DataFrame, verdicts: pd.DataFrame) -> Applied:
    """What the entries accept among verdicts (`VERDICT_COLUMNS`, all copies of these users) on a day."""
    sentences = [""] * len(verdicts)
    findings, changed = [0] * len(entries), [0] * len(entries)
    drifting = verdicts["verdict"].isin([verdict.value for verdict in DRIFT]).to_numpy()
    if not entries or not drifting.any():
        return Applied(tuple(sentences), tuple(findings), tuple(changed))
    own = verdicts["workload"] == verdicts["reference"]
    held = dict(zip(verdicts.loc[own, "user_id"], verdicts.loc[own, "sha256"], strict=True))
    people = {row["user_id"]: row for row in cast("list[dict[str, Any]]", users.to_dict("records"))}
    by_user: dict[str, list[int]] = {}
    by_filter = []
    for number, entry in enumerate(entries):
        if entry.until < day:
            continue
        if entry.user:
            by_user.setdefault(entry.user, []).append(number)
        else:
            by_filter.append(number)
    columns = ["user_id", "upn", "workload", "verdict", "sha256"]
    for at, row in zip(
        drifting.nonzero()[0], cast("list[dict[str, Any]]", verdicts.loc[drifting, columns].to_dict("records")),
        strict=True,
    ):  # fmt: skip
        person = people.get(row["user_id"], {})
        named = {*by_user.get(str(row["user_id"]).lower(), ()), *by_user.get(str(row["upn"]).lower(), ())}
        fitting = named | {number for number in by_filter if _fits(entries[number].filter, person)}
        for number in sorted(fitting):
            entry = entries[number]
            if row["workload"] not in entry.workloads or row["verdict"] not in entry.verdicts:
                continue
            same = entry.sha256 in ("", row["sha256"])
            if same and entry.reference_sha256 in ("", held.get(row["user_id"], "")):
                sentences[at] = entry.sentence
                findings[number] += 1
                break
            changed[number] += 1
    return Applied(tuple(sentences), tuple(findings), tuple(changed))


def _fits(wanted: Mapping[str, str | bool], person: Mapping[str, Any]) -> bool:
    if not person:
        return False
    told = {
        "user_type": str(person["user_type"]).lower(),
        "domain": str(person["upn"]).rpartition("@")[2].lower(),
        "department": str(person["department"]).strip().lower(),
        "synced": bool(person["synced"]),
        "enabled": bool(person["enabled"]),
    }
    return all(told[name] == value for name, value in wanted.items())


def outcome(entries: Sequence[Accepted], day: date, applied: Iterable[Applied]) -> list[dict[str, Any]]:
    """What became of each entry over a whole run: how many findings it accepts, and why none where there are none."""
    shards = list(applied)
    told = []
    for number, entry in enumerate(entries):
        findings = sum(one.findings[number] for one in shards)
        changed = sum(one.changed[number] for one in shards)
        if entry.until < day:
            state = "expired"
        elif findings:
            state = "applied"
        else:
            state = "photo_changed" if changed else "unused"
        told.append({"state": state, "findings": findings, "changed": changed})
    return told


# -- an entry to paste --------------------------------------------------------------------------------------


def drafted(rows: Iterable[Mapping[str, Any]], *, reason: str, who: str, until: date) -> str:
    """Entries for these drifting rows (`VERDICT_COLUMNS`, and `reference_sha256`), as TOML to paste into the file."""
    blocks = []
    for row in rows:
        pairs: dict[str, str | date] = {
            "user": str(row["user_id"]), "workload": str(row["workload"]), "verdict": str(row["verdict"]),
            "reason": reason, "who": who, "until": until,
            "sha256": str(row["sha256"]), "reference_sha256": str(row["reference_sha256"]),
        }  # fmt: skip
        comment = f"# {_quoted(str(row['upn']))[1:-1]}"
        lines = [
            f"{key} = {value.isoformat() if isinstance(value, date) else _quoted(value)}"
            for key, value in pairs.items()
            if value
        ]
        blocks.append("\n".join([f"[[{TABLE}]]", comment, *lines]) + "\n")
    return "\n".join(blocks)


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's, but for DEL and for characters that are not seen, which TOML writes whole."""
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08X}" for char in plain)
