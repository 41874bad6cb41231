"""The answers of each workload, as columns: a user has the same place in every column of every workload."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from auditor.model import FAULT_REASONS, OWN, Fingerprint, Observation, Status, Workload

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
STATUSES = tuple(Status)
_CODE = {status: np.int8(code) for code, status in enumerate(STATUSES)}
NEAR = 10
"""Maximum number of bits, of 64, in which the perceptual hashes of two renditions of one photo differ."""


@dataclass(frozen=True)
class Answers:
    """The answers of one workload: the judged observation of each user, in the directory's order."""

    workload: Workload
    status: npt.NDArray[np.int8]
    """Places in `STATUSES`."""
    own: Flags
    """Whether the answer carries something of the user's own (the signal `OWN`)."""
    heard: Flags
    """Whether this run got the answer itself; false where it was carried over from an earlier run."""
    at: npt.NDArray[np.int64]
    """The time of the answer, in milliseconds since 1970."""
    phash: npt.NDArray[np.uint64]
    """The perceptual hash of the picture; 0 where there is no picture."""
    sha256: Sequence[str]
    """SHA-256 of the received bytes, image or not; empty where no bytes came."""
    failed: Flags
    """Where nothing was learned because of a fault (`FAULT_REASONS`)."""
    way: Sequence[str]
    """By which way each was read."""

    def has(self, *statuses: Status) -> Flags:
        """Where the answer has one of these statuses."""
        return np.isin(self.status, [_CODE[status] for status in statuses])

    @property
    def holds_photo(self) -> Flags:
        """Where the service shows a photo."""
        return self.has(Status.PHOTO)

    @property
    def learned(self) -> Flags:
        """Where the status is not `UNKNOWN`."""
        return ~self.has(Status.UNKNOWN)

    def with_rows(self, rows: Mapping[int, Observation]) -> Answers:
        """A copy with these observations at their places."""
        status, own, at, phash = self.status.copy(), self.own.copy(), self.at.copy(), self.phash.copy()
        heard, sha256, failed, way = self.heard.copy(), list(self.sha256), self.failed.copy(), list(self.way)
        for place, one in rows.items():
            status[place] = _CODE[one.status]
            own[place] = bool(one.signals.get(OWN))
            heard[place] = not one.read_in
            at[place] = int(one.observed_at.timestamp() * 1000)
            phash[place] = hash_of(one.fingerprint)
            sha256[place] = one.fingerprint.sha256 if one.fingerprint else one.digest
            failed[place] = one.status is Status.UNKNOWN and one.reason in FAULT_REASONS
            way[place] = str(one.way)
        return Answers(self.workload, status, own, heard, at, phash, sha256, failed, way)

    def without(self, places: Sequence[int]) -> Answers:
        """A copy in which the answers at these places are unknown."""
        status, phash = self.status.copy(), self.phash.copy()
        status[places], phash[places] = _CODE[Status.UNKNOWN], 0
        return replace(self, status=status, phash=phash)


@dataclass(frozen=True)
class Before:
    """The answers of one workload in the newest sure run of this tenant (see `auditor.doubt.stored`)."""

    held: Flags
    """Where the workload held a photo of the user in that run."""
    phash: npt.NDArray[np.uint64]
    """The perceptual hash; 0 where it is not known or was made by another recipe."""
    sha256: Sequence[str]


@dataclass(frozen=True)
class Everybody:
    """All answers of a run."""

    user_ids: Sequence[str]
    reference: Workload
    answers: Mapping[Workload, Answers]
    before: Mapping[Workload, Before]
    fingerprint: Callable[[Workload, int], Fingerprint | None]
    """Returns the fingerprint of a workload's first answer about the user at a place; None where it has none."""

    def others(self, workload: Workload) -> list[Answers]:
        """The answers of all other workloads."""
        return [one for name, one in self.answers.items() if name is not workload]

    def with_answers(self, answers: Answers) -> Everybody:
        """A copy with these answers of one workload."""
        return replace(self, answers={**self.answers, answers.workload: answers})


def hash_of(made: Fingerprint | None) -> np.uint64:
    """A fingerprint's perceptual hash as a number; 0 without one."""
    return np.uint64(int(made.phash, 16)) if made is not None and made.phash else np.uint64(0)


def apart(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64] | np.uint64) -> npt.NDArray[np.uint8]:
    """Number of bits in which perceptual hashes differ; 64 where either hash is missing."""
    bits = np.bitwise_count(one ^ other)
    return np.where((one == 0) | (other == 0), np.uint8(64), bits)
