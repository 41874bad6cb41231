"""An earlier run as what is known already: the copies of today's users that need not be read again if nothing changed.

Whether something changed is not decided here. What must not be carried over at all is never given out: what was not
learned, a fingerprint of another recipe, another tenant's, and whatever was read under another name or mail address.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from auditor.model import Observation, Picture, Reason, Status, User, Workload
from auditor.runs import frames
from auditor.runs.baselines import SAVED, usable
from auditor.runs.folder import RunFolder, again_part, observations_part, open_run, users_part, verdicts_part
from auditor.runs.listing import tenant_names
from auditor.runs.manifest import SEAL, RunError

_LAST_PARTS = 4
"""Parts that are held, so that a shard whose users lie in several is not read for each of them."""
_SEEN = frozenset({Status.PHOTO, Status.PLACEHOLDER})
_PERSON = ("user_id", "upn", "mail", "asked_by", "exchange_plan")
_NOBODY = (-1, "", "", "", False)
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass
class Earlier:
    """A finished run of the same tenant, read only (see `open_earlier`)."""

    run: RunFolder
    recipe: str
    tell: Callable[[str], None]
    note: str = ""
    """Why nothing of it is given out, as a sentence; empty where something is."""
    _people: dict[str, tuple[int, str, str, str, bool]] = field(default_factory=dict, repr=False)
    """By object id: the shard, and how the services were asked about the user."""
    _parts: dict[str, dict[str, list[dict[str, Any]]] | None] = field(default_factory=dict, repr=False)
    """The parts read last: rows by user; None for one that is damaged."""
    _doubted: dict[Workload, frozenset[str]] = field(default_factory=dict, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def run_id(self) -> str:
        """Its own."""
        return str(self.run.manifest.get("run_id", ""))

    def entry(self) -> dict[str, Any]:
        """As the later run's manifest names it."""
        return {
            "run_id": self.run_id,
            "path": str(self.run.path.resolve()),
            "digest": str(self.run.manifest.get(SEAL, "")),
            "finished": str(self.run.manifest.get("finished", "")),
            "note": self.note,
        }

    def people(self) -> Iterable[str]:
        """The object ids of its users; nobody's where nothing of it is given out."""
        return self._people.keys()

    def copies(self, workload: Workload, users: Iterable[User]) -> dict[str, list[Observation]]:
        """What of these users' copies may be carried over, by object id; nobody of whom there is nothing."""
        found: dict[str, list[Observation]] = {}
        not_believed = self._not_believed(workload)
        for user in sorted(users, key=lambda user: self._people.get(user.id, _NOBODY)[0]):
            shard, upn, mail, asked_by, plan = self._people.get(user.id, _NOBODY)
            if user.id in not_believed:
                continue
            # An older version did not say by which addresses it asked for a user: by the mail, even another's.
            same = mail == user.mail and not user.mail_of_another
            if asked_by:
                same = asked_by == " ".join(user.asked_by)
            if shard < 0 or not same or (upn, plan) != (user.upn, user.exchange_plan):
                continue
            rows = (self._part(workload, shard) or {}).get(user.id, ())
            if made := [one for row in rows if (one := self._observation(row)) is not None]:
                found[user.id] = made
        return found

    def _not_believed(self, workload: Workload) -> frozenset[str]:
        """Users whose answers that run did not believe, or replaced: these are heard anew."""
        with self._turn:
            if workload not in self._doubted:
                self._doubted[workload] = frozenset(self._read_not_believed(workload))
            return self._doubted[workload]

    def _read_not_believed(self, workload: Workload) -> Iterator[str]:
        part = again_part(workload)
        if self.run.has(part):
            try:
                yield from self.run.read_part(part, ["user_id"]).column(0).to_pylist()
            except RunError:
                # Who was answered otherwise is not known any more: everybody is heard anew.
                self.tell(_damaged(self.run, part))
                yield from self._people
        if Reason.DOUBTFUL not in self.run.manifest.get("unknown_reasons", {}).get(str(workload), {}):
            return
        for shard in range(self.run.shards):
            try:
                rows = self.run.read_part(verdicts_part(shard), ["user_id", "workload", "reason"]).to_pylist()
            except RunError:
                self.tell(_damaged(self.run, verdicts_part(shard)))
                yield from (user_id for user_id, (place, *_) in self._people.items() if place == shard)
                continue
            for row in rows:
                if row["workload"] == workload and row["reason"] == Reason.DOUBTFUL:
                    yield row["user_id"]

    def _observation(self, row: dict[str, Any]) -> Observation | None:
        one = frames.observation_of(row)
        if one.status in _SEEN:
            if one.fingerprint is None or one.fingerprint.recipe != self.recipe:
                return None
        elif not (one.status is Status.ABSENT and one.picture is Picture.SHOWN):
            # The default person that SharePoint shows is a picture too, and takes as much to read. Everything else
            # that an answer says by itself is not dearer to hear again.
            return None
        return one if one.read_in else replace(one, read_at=one.observed_at, read_in=self.run_id)

    def _part(self, workload: Workload, shard: int) -> dict[str, list[dict[str, Any]]] | None:
        part = observations_part(workload, shard)
        with self._turn:
            if part not in self._parts:
                while len(self._parts) >= _LAST_PARTS:
                    del self._parts[next(iter(self._parts))]
                self._parts[part] = self._read(part)
            return self._parts[part]

    def _read(self, part: str) -> dict[str, list[dict[str, Any]]] | None:
        if not self.run.has(part):
            return None
        try:
            rows = self.run.read_part(part).to_pylist()
        except RunError:
            self.tell(_damaged(self.run, part))
            return None
        by_user: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_user.setdefault(row["user_id"], []).append(row)
        return by_user

    def know_people(self) -> None:
        """Read whom the run knows; a damaged part is told of, and its users are unknown."""
        for shard in range(self.run.shards):
            try:
                # The whole part: columns that an older version did not write are added to it.
                columns = self.run.read_part(users_part(shard)).select(_PERSON).to_pydict().values()
            except (RunError, KeyError):
                self.tell(_damaged(self.run, users_part(shard)))
                continue
            for user_id, *asked in zip(*columns, strict=True):
                upn, mail, asked_by, exchange_plan = asked
                self._people[user_id] = (shard, upn, mail, asked_by, exchange_plan)

    def picture(self, sha256: str, form: str) -> bytes | None:
        """The bytes of a picture that the run kept, as they were; None where it has them no longer."""
        if not _DIGEST.fullmatch(sha256):
            return None
        for run in self._keepers():
            try:
                data = run.picture(sha256, form).read_bytes()
            except OSError:
                continue
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
        return None

    def _keepers(self) -> Iterator[RunFolder]:
        yield self.run
        # A saved baseline has no pictures; the run that it was saved from may still be there.
        saved_from = str(self.run.manifest.get(SAVED, {}).get("run", ""))
        if saved_from and Path(saved_from) != self.run.path.resolve():
            yield RunFolder(Path(saved_from), {})


def open_earlier(path: Path, tenant: Sequence[str], recipe: str, tell: Callable[[str], None]) -> Earlier:
    """The run in `path` as a baseline of this tenant (by its id and names).

    A baseline of which nothing can be used says why in its `note` and knows nobody. Raises `RunError` where it is no
    finished run, or another tenant's: whoever named it meant another.
    """
    run = open_run(path, exclusive=False)
    usable(run)
    known = run.manifest.get("tenant", {})
    if not tenant_names(run.manifest) & {name.lower() for name in tenant if name}:
        raise RunError(
            f"The run {path} is of another tenant ({known.get('domain') or known.get('id')})."
            " Name a run of this tenant."
        )
    why = ""
    if run.manifest.get("recipe") != recipe:
        why = f"its fingerprints are of recipe {run.manifest.get('recipe')}, and this version makes {recipe}"
    elif run.manifest.get("fingerprints_dropped"):
        why = "its fingerprints were pruned"
    if why:
        return Earlier(run, recipe, tell, f"Nothing is carried over from the baseline {path}: {why}.")
    earlier = Earlier(run, recipe, tell)
    earlier.know_people()
    return earlier


def _damaged(run: RunFolder, part: str) -> str:
    problem = run.problem_of(part) if run.has(part) else "is not named in its manifest"
    return (
        f"The baseline's part {run.path / part} {problem or 'cannot be read'}. Its users are read in full; nothing of"
        " this run is lost."
    )
