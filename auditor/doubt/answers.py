"""What each workload answered everybody, as columns: one place a user, the same in every workload."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from auditor.model import OWN, Fingerprint, Observation, Status, Workload

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
STATUSES = tuple(Status)
_CODE = {status: np.int8(code) for code, status in enumerate(STATUSES)}
NEAR = 10
"""Bits of 64 in which the perceptual hashes of two renditions of one photo may differ."""


@dataclass(frozen=True)
class Answers:
    """What one workload answered: the judged observation of each user, in the directory's order."""

    workload: Workload
    status: npt.NDArray[np.int8]
    """Places in `STATUSES`."""
    own: Flags
    """Whether the answer carries something of the user's own (the signal `OWN`)."""
    heard: Flags
    """Whether this run heard it; not, where it was carried over from an earlier run."""
    at: npt.NDArray[np.int64]
    """When it was answered, in milliseconds."""
    phash: npt.NDArray[np.uint64]
    """The perceptual hash of the picture; 0 where there is none."""
    sha256: Sequence[str]
    """Of the bytes, image or not; empty where none came."""

    def has(self, *statuses: Status) -> Flags:
        """Where the answer has one of these statuses."""
        return np.isin(self.status, [_CODE[status] for status in statuses])

    @property
    def holds_photo(self) -> Flags:
        """Where the service shows a photo."""
        return self.has(Status.PHOTO)

    @property
    def learned(self) -> Flags:
        """Where something was learned."""
        return ~self.has(Status.UNKNOWN)

    def with_rows(self, rows: Mapping[int, Observation]) -> Answers:
        """The same with other observations at some places."""
        status, own, at, phash = self.status.copy(), self.own.copy(), self.at.copy(), self.phash.copy()
        heard, sha256 = self.heard.copy(), list(self.sha256)
        for place, one in rows.items():
            status[place] = _CODE[one.status]
            own[place] = bool(one.signals.get(OWN))
            heard[place] = not one.read_in
            at[place] = int(one.observed_at.timestamp() * 1000)
            phash[place] = hash_of(one.fingerprint)
            sha256[place] = one.fingerprint.sha256 if one.fingerprint else one.digest
        return replace(self, status=status, own=own, heard=heard, at=at, phash=phash, sha256=sha256)

    def without(self, places: Sequence[int]) -> Answers:
        """The same with nothing learned at some places."""
        status, phash = self.status.copy(), self.phash.copy()
        status[places], phash[places] = _CODE[Status.UNKNOWN], 0
        return replace(self, status=status, phash=phash)


@dataclass(frozen=True)
class Before:
    """What the newest sure run of this tenant heard of one workload (see `auditor.doubt.stored`)."""

    held: Flags
    """Where the user held a photo then."""
    phash: npt.NDArray[np.uint64]
    """0 where it is not known, or of another recipe."""
    sha256: Sequence[str]


@dataclass(frozen=True)
class Everybody:
    """All answers of a run."""

    user_ids: Sequence[str]
    reference: Workload
    answers: Mapping[Workload, Answers]
    before: Mapping[Workload, Before]
    fingerprint: Callable[[Workload, int], Fingerprint | None]
    """The fingerprint of what was heard of the user at a place."""

    def others(self, workload: Workload) -> list[Answers]:
        """The answers of all other workloads."""
        return [one for name, one in self.answers.items() if name is not workload]

    def with_answers(self, answers: Answers) -> Everybody:
        """The same with other answers of one workload."""
        return replace(self, answers={**self.answers, answers.workload: answers})


def hash_of(made: Fingerprint | None) -> np.uint64:
    """A fingerprint's perceptual hash as a number; 0 without one."""
    return np.uint64(int(made.phash, 16)) if made is not None and made.phash else np.uint64(0)


def apart(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64] | np.uint64) -> npt.NDArray[np.uint8]:
    """In how many bits perceptual hashes differ; 64 where either is missing."""
    bits = np.bitwise_count(one ^ other)
    return np.where((one == 0) | (other == 0), np.uint8(64), bits)
