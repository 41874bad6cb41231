"""Step 3 of the flow: from parts of observations to parts of verdicts, with what only the whole run shows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

import pandas as pd
import pyarrow as pa

from auditor.collection import Progress
from auditor.comparison import judge
from auditor.diagnosis.causes import written
from auditor.diagnosis.fixes import FIXES
from auditor.diagnosis.owners import Owners, index, shared
from auditor.diagnosis.rules import Case, diagnose, explain_without_drift
from auditor.diagnosis.tenant import tenant_facts
from auditor.doubt.applied import Doubt
from auditor.doubt.settling import unfold
from auditor.doubt.stored import read_again, read_everybody
from auditor.doubt.wording import fact
from auditor.exceptions import EXCEPTIONS, Applied, apply, day_of, of_manifest, outcome, true_here
from auditor.model import (
    DRIFT,
    EXEMPT_REASONS,
    FAULT_REASONS,
    VERDICT_COLUMNS,
    Fingerprint,
    Reason,
    Status,
    Verdict,
    Workload,
)
from auditor.photos import RECIPE
from auditor.repetition import Tile, repeated_tiles, settled
from auditor.runs import frames
from auditor.runs.folder import RunFolder, observations_part, users_part, verdicts_part
from auditor.runs.view import RunView
from auditor.shortcut import Shortcut

LEARNED = frozenset({Status.PHOTO, Status.PLACEHOLDER, Status.ABSENT, Status.UNREADABLE})
"""Statuses that say something about a photo."""


def mend(run: RunFolder, progress: Progress) -> None:
    """Judge a finished run again where verdicts are damaged and all that they were made from is whole.

    Where it is not, nothing is touched: whoever reads the verdicts says what is wrong with them.
    An unfinished run has none yet.
    """
    if not run.finished:
        return
    problems = {verdicts_part(shard): run.problem_of(verdicts_part(shard)) for shard in range(run.shards)}
    if not any(problems.values()) or run.manifest.get("recipe") != RECIPE:
        return
    if run.manifest.get("underway") or run.manifest.get("fingerprints_dropped"):
        return
    sources = [part for part in run.manifest["parts"] if not part.startswith("verdicts/")]
    if any(run.problem_of(part) for part in sources):
        return
    for part, problem in problems.items():
        if problem:
            progress.tell(f"The part {run.path / part} {problem}. Its users are judged again from what was collected.")
    judge_run(run, tuple(Workload(name) for name in run.manifest.get("require", ())), progress)


def judge_run(run: RunFolder, require: Sequence[Workload], progress: Progress) -> None:
    """Judge every shard, then finish the run: verdicts, tallies, what is incomplete, which pictures stay.

    `require`: workloads of which everything must have been learned. A run that was finished before stays so, with the
    pictures that it keeps.
    """

    def write(shard: int, _users: pd.DataFrame, verdicts: pd.DataFrame) -> None:
        made = pa.Table.from_pandas(verdicts, schema=frames.schema(VERDICT_COLUMNS), preserve_index=False)
        run.write_part(verdicts_part(shard), made)
        progress.advance("judging", int(verdicts["user_id"].nunique()))

    progress.start("judging", int(run.manifest["scope"]["in_scope"]))
    found, wanted = _judged(run, run.manifest, require, write)
    if run.manifest["photos"] == "drift" and not run.finished:
        run.drop_pictures(wanted)
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    if run.finished:
        run.update(**found, judged_again=now)
    else:
        run.finish(**found, finished=now)
    progress.done("judging")


def can_be_judged_otherwise(run: RunFolder, exceptions: Mapping[str, Any]) -> bool:
    """Whether other exceptions change which answers of a finished run are believed.

    False where the run no longer holds what it was judged from.
    """
    if not run.finished or run.manifest.get("recipe") != RECIPE or run.manifest.get("fingerprints_dropped"):
        return False
    return true_here(run.manifest) != true_here({**run.manifest, EXCEPTIONS: exceptions})


def judged_under(run: RunFolder, exceptions: Mapping[str, Any]) -> RunView:
    """A finished run as if it had been judged under these exceptions; the run itself stays as it is."""
    users: list[pd.DataFrame] = []
    parts: list[pd.DataFrame] = []

    def take(_shard: int, people: pd.DataFrame, verdicts: pd.DataFrame) -> None:
        users.append(people)
        parts.append(verdicts)

    manifest = {**run.manifest, EXCEPTIONS: exceptions}
    require = tuple(Workload(name) for name in manifest.get("require", ()))
    found, _ = _judged(run, manifest, require, take)
    view = run.view()
    return RunView(
        {**manifest, **found}, pd.concat(users, ignore_index=True), pd.concat(parts, ignore_index=True), view.photos
    )


def _judged(
    run: RunFolder,
    manifest: Mapping[str, Any],
    require: Sequence[Workload],
    take: Callable[[int, pd.DataFrame, pd.DataFrame], None],
) -> tuple[dict[str, Any], frozenset[str]]:
    """Judge every shard under a manifest, and pass each shard's users and verdicts to `take`.

    Returns the new entries of the manifest, and the digests of the pictures of drifting users.
    """
    workloads = [Workload(name) for name in manifest["configured"]]
    tiles = repeated_tiles(run, workloads)
    doubt = doubt_of(run, tiles, true_here(manifest))
    owners = _owners(run, Workload(manifest["reference"]), tiles, doubt)
    tally: Counter[tuple[str, str]] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    counts: Counter[str] = Counter()
    learned: Counter[str] = Counter()
    wanted: set[str] = set()
    entries, accepted = of_manifest(manifest), Counter[tuple[str, str]]()
    applied: list[Applied] = []
    for shard in range(run.shards):
        users: pd.DataFrame = run.read_part(users_part(shard)).to_pandas()
        parts = [run.read_part(observations_part(workload, shard)) for workload in workloads]
        observations = doubt.applied(settled(pa.concat_tables(parts), tiles))
        verdicts = judge(users, observations.to_pandas(), manifest["reference"])
        _diagnose(verdicts, observations, users, owners)
        _note_shared(verdicts, owners.shared)
        if entries:
            applied.append(apply(entries, day_of(manifest), users, verdicts))
            verdicts["accepted"] = applied[-1].sentences
        take(shard, users, verdicts)
        tally.update(zip(verdicts["workload"], verdicts["verdict"], strict=True))
        answered_for = verdicts[verdicts["accepted"] != ""]
        accepted.update(zip(answered_for["workload"], answered_for["verdict"], strict=True))
        unknown = verdicts[verdicts["status"] == Status.UNKNOWN]
        reasons.update(zip(unknown["workload"], unknown["reason"], strict=True))
        counts.update(verdicts["workload"])
        learned.update(verdicts.loc[verdicts["status"].isin(LEARNED), "workload"])
        drifting = set(verdicts.loc[verdicts["verdict"].isin(DRIFT), "user_id"])
        wanted.update(verdicts.loc[verdicts["user_id"].isin(drifting), "sha256"])
    refusals = manifest.get("refusals", {})
    facts = _tenant_facts(reasons, counts, refusals, manifest.get("photo_updates"), str(manifest.get("app") or ""))
    facts += [one for outcome in doubt.outcomes if (one := fact(outcome, counts[outcome.suspicion.workload]))]
    incomplete = [_told(sentence, refusals) for sentence in _incomplete(reasons, counts, learned, require)]
    if problem := manifest["scope"].get("problem"):
        incomplete.insert(0, f"The directory's list may not be whole: {problem}. To mend it: audit again.")
    found = {
        "complete": not incomplete,
        "incomplete_because": incomplete,
        "tallies": _nested(tally),
        "accepted": _nested(accepted),
        "unknown_reasons": _nested(reasons),
        "tenant_facts": facts,
        "shared_pictures": {
            "pictures": len(owners.groups),
            "accounts": len(owners.shared),
            "groups": [[owners.upns[user_id] for user_id in group] for group in owners.groups],
        },
        "workloads": _workloads(run, workloads),
        "require": [str(workload) for workload in require],
    }
    if entries:
        told = outcome(entries, day_of(manifest), applied)
        found[EXCEPTIONS] = manifest[EXCEPTIONS] | {"outcome": told}
    return found, frozenset(wanted - {""})


def lacking_pictures(run: RunFolder, shortcut: Shortcut) -> dict[Workload, dict[int, set[str]]]:
    """Whose carried-over pictures the run is to keep and neither it nor its baseline has: they have to be read again.

    Pictures that the baseline has are taken over here. Object ids by workload and shard.
    """
    keeps = run.manifest["photos"]
    if keeps == "none" or "baseline" not in run.manifest:
        return {}
    workloads = [Workload(name) for name in run.manifest["configured"]]
    tiles = repeated_tiles(run, workloads) if keeps == "drift" else {}
    doubt = doubt_of(run, tiles, true_here(run.manifest))
    lacking: dict[Workload, dict[int, set[str]]] = {}
    for shard in range(run.shards):
        carried = [
            (workload, row)
            for workload in workloads
            for row in shortcut.carried(workload, shard)
            if row["sha256"] and not run.picture(row["sha256"], row["format"]).exists()
        ]
        if keeps == "drift" and carried:
            user_ids = {row["user_id"] for _, row in carried}
            drifting = _drifting(run, shard, workloads, tiles, doubt, user_ids)
            carried = [(workload, row) for workload, row in carried if row["judged"] and row["user_id"] in drifting]
        for workload, row in carried:
            if not shortcut.keep_picture(row["sha256"], row["format"]):
                lacking.setdefault(workload, {}).setdefault(shard, set()).add(row["user_id"])
    return lacking


def _drifting(
    run: RunFolder,
    shard: int,
    workloads: Sequence[Workload],
    tiles: Mapping[Tile, int],
    doubt: Doubt,
    user_ids: set[str],
) -> set[str]:
    """Which of these users of a shard drift."""
    users: pd.DataFrame = run.read_part(users_part(shard)).to_pandas()
    parts = [run.read_part(observations_part(workload, shard)) for workload in workloads]
    observations: pd.DataFrame = doubt.applied(settled(pa.concat_tables(parts), tiles)).to_pandas()
    verdicts = judge(
        users[users["user_id"].isin(user_ids)],
        observations[observations["user_id"].isin(user_ids)],
        run.manifest["reference"],
    )
    return set(verdicts.loc[verdicts["verdict"].isin(DRIFT), "user_id"])


@dataclass(frozen=True)
class _Known:
    """Whose photo is whose, over the whole run."""

    owners: Owners
    upns: Mapping[str, str]
    shared: Mapping[str, str]
    """By user id: who else has this picture as reference photo, as a sentence."""
    groups: tuple[tuple[str, ...], ...] = ()
    """The user ids of those who have one picture, picture by picture."""


def doubt_of(run: RunFolder, tiles: Mapping[Tile, int], believed: frozenset[tuple[str, str]]) -> Doubt:
    """Which observations are replaced or doubtful. `believed`: (workload, kind) of answers that are true here."""
    everybody = read_everybody(run, tiles)
    return Doubt(unfold(everybody, read_again(run, everybody.user_ids), believed))


def _owners(run: RunFolder, reference: Workload, tiles: Mapping[Tile, int], doubt: Doubt) -> _Known:
    if run.manifest.get("find_owner", True) is not True:
        return _Known(index((), (), lambda _: None), {}, {})
    ids: list[str] = []
    hashes: list[str] = []
    digests: list[str] = []
    shard_of: dict[str, int] = {}
    upns: dict[str, str] = {}
    for shard in range(run.shards):
        upns.update(zip(*run.read_part(users_part(shard), ["user_id", "upn"]).to_pydict().values(), strict=True))
        light = _believed(run, reference, shard, doubt, _OF_A_REFERENCE)
        for user_id, judged, status, phash, dhash, digest in zip(*light.to_pydict().values(), strict=True):
            if judged and status == Status.PHOTO and (phash, dhash) not in tiles:
                ids.append(user_id)
                hashes.append(phash)
                digests.append(digest)
                shard_of[user_id] = shard

    @lru_cache(maxsize=4)
    def fingerprints(shard: int) -> dict[str, Fingerprint]:
        rows = _believed(run, reference, shard, doubt).to_pylist()
        made = {row["user_id"]: frames.fingerprint_of(row) for row in rows if row["judged"]}
        return {user_id: one for user_id, one in made.items() if one is not None}

    owners = index(ids, hashes, lambda user_id: fingerprints(shard_of[user_id]).get(user_id))
    groups = shared(owners, digests)
    return _Known(owners, upns, {user_id: _too(group, user_id, upns) for group in groups for user_id in group}, groups)


def _believed(
    run: RunFolder, workload: Workload, shard: int, doubt: Doubt, columns: Sequence[str] | None = None
) -> pa.Table:
    """A part of observations as it may be judged."""
    if not doubt.touches(workload):
        return run.read_part(observations_part(workload, shard), columns)
    whole = doubt.applied(run.read_part(observations_part(workload, shard)))
    return whole if columns is None else whole.select(list(columns))


_OF_A_REFERENCE = ("user_id", "judged", "status", "phash", "dhash", "sha256")


def _too(group: Sequence[str], user_id: str, upns: Mapping[str, str]) -> str:
    others = [upns[one] for one in group[:2] if one != user_id]
    more = f" and {len(group) - 2:,} more" if len(group) > 2 else ""
    return f"the same picture is the reference photo of {others[0]}{more}"


def _note_shared(verdicts: pd.DataFrame, shared: Mapping[str, str]) -> None:
    """Note on the reference's row who else has the same picture there."""
    own = verdicts["workload"].eq(verdicts["reference"]) & verdicts["user_id"].isin(shared)
    for place in verdicts.index[own]:
        before, told = str(verdicts.at[place, "note"]), shared[str(verdicts.at[place, "user_id"])]
        verdicts.at[place, "note"] = f"{before}; {told}" if before else told


def _diagnose(verdicts: pd.DataFrame, observations: pa.Table, users: pd.DataFrame, known: _Known) -> None:
    """Fill cause, evidence, fix and causes: of the rows that drifted, and causes alone of the others."""
    people = {row["user_id"]: row for row in _records(users, _OF_A_PERSON)}
    rows = _records(verdicts, _OF_A_CASE)
    copies: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        copies.setdefault(str(row["user_id"]), []).append(row)
    places = {
        (user_id, workload): row
        for row, (user_id, workload, judged) in enumerate(
            zip(*observations.select(["user_id", "workload", "judged"]).to_pydict().values(), strict=True)
        )
        if judged
    }
    filled: dict[str, list[str]] = {column: [""] * len(rows) for column in ("cause", "evidence", "fix", "causes")}
    for at, row in enumerate(rows):
        if row["verdict"] in _NOTHING_TO_EXPLAIN:
            continue
        drifts = row["verdict"] in DRIFT
        owners: tuple[str, ...] = ()
        if drifts and row["status"] == Status.PHOTO and row["verdict"] in {Verdict.MISMATCH, Verdict.UNEXPECTED}:
            place = places[row["user_id"], row["workload"]]
            copy = frames.fingerprint_of(observations.slice(place, 1).to_pylist()[0])
            found = known.owners.of(copy, besides=str(row["user_id"])) if copy else ()
            owners = tuple(known.upns[user_id] for user_id in found)
        case = _case(row, copies[str(row["user_id"])], people.get(row["user_id"], {}), owners)
        rules = diagnose(case) if drifts else explain_without_drift(case)
        if drifts:
            first = rules[0]
            filled["cause"][at], filled["evidence"][at] = first.cause, first.evidence(case)
            filled["fix"][at] = FIXES[first.cause][0].words
        if rules:
            filled["causes"][at] = written(rules, case)
    for column, values in filled.items():
        verdicts[column] = values


def _records(frame: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", frame[list(columns)].to_dict("records"))


_OF_A_PERSON = ("user_id", "exchange_plan", "kiosk", "synced")
_OF_A_CASE = (
    "user_id", "workload", "verdict", "status", "reference", "reason", "kind", "width", "height", "signals",
)  # fmt: skip
_NOTHING_TO_EXPLAIN = frozenset({Verdict.MATCH, Verdict.REFERENCE})


def _case(
    row: Mapping[str, Any], copies: Sequence[Mapping[str, Any]], person: Mapping[str, Any], owners: tuple[str, ...]
) -> Case:
    reference = next((copy["status"] for copy in copies if copy["workload"] == copy["reference"]), Status.UNKNOWN)
    return Case(
        workload=Workload(row["workload"]),
        verdict=Verdict(row["verdict"]),
        status=Status(row["status"]),
        reference_status=Status(reference),
        exchange_plan=bool(person.get("exchange_plan")),
        signals=json.loads(row["signals"]),
        width=int(row["width"]),
        height=int(row["height"]),
        owners=owners,
        kind=str(row["kind"]),
        reason=str(row["reason"]),
        is_reference=row["workload"] == row["reference"],
        kiosk=bool(person.get("kiosk")),
        synced=bool(person.get("synced")),
        others=tuple((Status(copy["status"]), str(copy["reason"])) for copy in copies if copy is not row),
    )


def _alike(reasons: Mapping[tuple[str, str], int], counts: Mapping[str, int]) -> Iterable[tuple[str, str]]:
    """(workload, reason) where a workload answered everyone in the same way; one user alone proves nothing."""
    return (
        (workload, reason)
        for (workload, reason), count in reasons.items()
        # Doubtful answers have tenant facts of their own (`auditor.doubt.wording`).
        if count == counts[workload] > 1 and reason != Reason.DOUBTFUL
    )


def _tenant_facts(
    reasons: Mapping[tuple[str, str], int],
    counts: Mapping[str, int],
    refusals: Mapping[str, Mapping[str, str]],
    photo_updates: Mapping[str, Any] | None = None,
    app: str = "",
) -> list[dict[str, str]]:
    return tenant_facts(_alike(reasons, counts), refusals, photo_updates, app)


def _incomplete(
    reasons: Mapping[tuple[str, str], int],
    counts: Mapping[str, int],
    learned: Mapping[str, int],
    required: Iterable[Workload],
) -> list[str]:
    """Why the run is incomplete, a sentence each; empty where it is complete.

    `learned`: of how many users a workload said anything about a photo. Where that is nobody of several,
    whatever reasons it gave were a refusal for everyone.
    """
    sentences = []
    for (workload, reason), count in sorted(reasons.items()):
        if reason == Reason.DOUBTFUL:
            told = f"{count} of {counts[workload]} copies are not believed"
            sentences.append(f"{workload}: {told}, because many users got the same answer.")
        elif reason in FAULT_REASONS:
            sentences.append(f"{workload}: {count} of {counts[workload]} copies could not be learned ({reason}).")
        elif not learned.get(workload) and counts[workload] > 1 and reason not in EXEMPT_REASONS:
            sentences.append(f"{workload}: the service refused everyone ({reason}).")
        elif workload in set(required):
            sentences.append(f"{workload} is required, and {count} copies could not be learned ({reason}).")
    return sentences


def _told(sentence: str, refusals: Mapping[str, Mapping[str, str]]) -> str:
    """The sentence with what the service said, and what mends it, where it refused everyone."""
    refusal = refusals.get(sentence.partition(":")[0], {})
    said, remedy = refusal.get("sentence", ""), refusal.get("remedy", "")
    if said:
        sentence += f" {said[0].upper()}{said[1:]}."
    return f"{sentence} To mend it: {remedy}." if remedy else sentence


def _nested(counter: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), count in sorted(counter.items()):
        nested.setdefault(outer, {})[inner] = count
    return nested


def _workloads(run: RunFolder, workloads: Iterable[Workload]) -> dict[str, dict[str, Any]]:
    requests = run.manifest.get("requests", {})
    refusals = run.manifest.get("refusals", {})
    return {
        str(workload): {
            **requests.get(str(workload), {}),
            "seconds": run.manifest.get("seconds", {}).get(str(workload)),
            "note": refusals.get(str(workload), {}).get("sentence", ""),
        }
        for workload in workloads
    }
