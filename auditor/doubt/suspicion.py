"""Which answers are suspect: a service that misbehaves gives many users the same answer, one after another.

Only users of whom another workload holds a photo count. Only answers count that this run got itself and that carry
nothing of the user's own. Suspect answers are not disbelieved: they are asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from auditor.doubt.answers import NEAR, Answers, Everybody, Flags, Places, apart
from auditor.model import Status, Workload

IN_A_ROW = 8
"""The answers of so many users in a row without a photo are suspect; so are so many strange pictures among `OF` users.
Fewer prove nothing. (Assumption: where three users in ten hold no photo, such a row comes by chance once in 10,000
users. It then costs a few questions.)"""
WINDOW, SHARE = 20, 0.9
"""This share of so many successive users without a photo is suspect, too: a few true answers may stand between."""
OF = 15
"""Number of successive users among whom `IN_A_ROW` strange pictures are suspect: `IN_A_ROW` is more than half."""
ONE_PICTURE = 4
"""Maximum number of bits in which the hashes of renditions of one picture differ."""
MOST_PICTURES = 5
"""Maximum number of pictures of one workload that are examined, those of most users first."""


class Kind(StrEnum):
    """What many answers have in common."""

    ABSENT = "absent"
    """No photo, although another workload holds one of the user."""
    NOT_PROVISIONED = "not_provisioned"
    """No account."""
    DEFAULT = "default"
    """A placeholder."""
    UNREADABLE = "unreadable"
    """Bytes that are no image."""
    LOST = "lost"
    """No photo, although the workload held one of the user in the newest sure run."""
    ONE_PICTURE = "one_picture"
    """One picture that is not the users' own."""
    OTHERS_PHOTOS = "others_photos"
    """Other users' reference photos."""
    OTHER_PICTURES = "other_pictures"
    """Pictures that are no user's reference photo."""
    DISAGREES = "disagrees"
    """The reference's photos of users whose copies are suspect: the reference itself may be wrong."""


NOTHING = frozenset({Kind.ABSENT, Kind.NOT_PROVISIONED, Kind.DEFAULT, Kind.UNREADABLE, Kind.LOST})
"""Kinds of answers that show no photo."""
_NOTHING = (Status.ABSENT, Status.NOT_PROVISIONED, Status.PLACEHOLDER, Status.UNREADABLE)
_KIND_OF = {
    Status.ABSENT: Kind.ABSENT,
    Status.NOT_PROVISIONED: Kind.NOT_PROVISIONED,
    Status.PLACEHOLDER: Kind.DEFAULT,
    Status.UNREADABLE: Kind.UNREADABLE,
}


@dataclass(frozen=True)
class Suspicion:
    """Answers of one workload that are asked for again before they are believed."""

    workload: Workload
    kind: Kind
    suspected: Places
    """The users who made it suspect, in the order of their answers."""
    concerned: Places
    """All users whose answers are of this kind, the suspected ones included: the outcome holds for all of them."""
    picture: int = 0
    """The perceptual hash of the picture; only for `ONE_PICTURE`."""

    @property
    def name(self) -> tuple[Workload, str, int]:
        """Tells suspicions apart. All kinds in `NOTHING` share one name: a workload has one such suspicion."""
        return self.workload, "nothing" if self.kind in NOTHING else str(self.kind), self.picture


def suspect(everybody: Everybody) -> list[Suspicion]:
    """All suspicions about these answers, the reference's first."""
    found = [one for answers in everybody.answers.values() for one in _of(everybody, answers)]
    copies = {one.workload for one in found if one.workload is not everybody.reference}
    read = [one for one in everybody.others(everybody.reference) if one.learned.any()]
    if everybody.reference in everybody.answers and copies and (len(copies) > 1 or len(read) == 1):
        found.append(_disagreeing(everybody, [one for one in found if one.workload in copies]))
    return sorted(found, key=lambda one: (one.workload is not everybody.reference, one.kind is Kind.DISAGREES))


def _of(everybody: Everybody, answers: Answers) -> Iterator[Suspicion]:
    photo_elsewhere = np.zeros(len(answers.status), dtype=bool)
    for other in everybody.others(answers.workload):
        photo_elsewhere |= other.holds_photo
    counts = answers.heard & ~answers.own & photo_elsewhere
    # Failures do not show that the service is well: answers of nothing among them stand alone.
    yield from _nothing(everybody, answers, _by_time(answers, counts & (answers.learned | answers.failed)))
    yield from _pictures(everybody, answers, _by_time(answers, counts & answers.learned))


def _by_time(answers: Answers, counts: Flags) -> Places:
    places = np.flatnonzero(counts)
    return places[np.argsort(answers.at[places], kind="stable")]


def _nothing(everybody: Everybody, answers: Answers, order: Places) -> Iterator[Suspicion]:
    if len(order) < IN_A_ROW:
        return
    concerned = np.flatnonzero(answers.heard & ~answers.own & answers.has(*_NOTHING))
    shows_nothing = (answers.has(*_NOTHING) | answers.failed)[order]
    alike = _most_of(shows_nothing, IN_A_ROW, IN_A_ROW)
    if len(order) < WINDOW:
        alike |= shows_nothing & (shows_nothing.sum() >= SHARE * len(order))
    else:
        alike |= _most_of(shows_nothing, WINDOW, int(np.ceil(SHARE * WINDOW)))
    alike &= ~answers.failed[order]
    if alike.any():
        suspected = order[alike]
        statuses, numbers = np.unique(answers.status[suspected], return_counts=True)
        most = tuple(Status)[int(statuses[np.argmax(numbers)])]
        yield Suspicion(answers.workload, _KIND_OF[most], suspected, concerned)
        return
    before = everybody.before.get(answers.workload)
    if before is None:
        return
    held = order[before.held[order]]
    lost = held[answers.has(*_NOTHING)[held]]
    if len(lost) >= IN_A_ROW and len(lost) > len(held) / 2:
        yield Suspicion(answers.workload, Kind.LOST, lost, concerned)


def _pictures(everybody: Everybody, answers: Answers, order: Places) -> Iterator[Suspicion]:
    order = order[answers.phash[order] != 0]
    if len(order) < IN_A_ROW:
        return
    strange = ~like_its_own(everybody, answers)
    left = strange.copy()
    for picture in _most_common(answers.phash[order[strange[order]]]):
        shows = apart(answers.phash, picture) <= ONE_PICTURE
        alike = _most_of((shows & left)[order], OF, IN_A_ROW)
        if alike.any():
            concerned = np.flatnonzero(answers.heard & ~answers.own & shows)
            yield Suspicion(answers.workload, Kind.ONE_PICTURE, order[alike], concerned, int(picture))
            left &= ~shows
    left &= answers.holds_photo
    if not _most_of(left[order], OF, IN_A_ROW).any():
        return
    elsewhere = left & somebody_elses(everybody, answers, left)
    alike = _most_of(elsewhere[order], OF, IN_A_ROW)
    if alike.any():
        # A service that mixes people up gives some of them a placeholder, nothing, or a picture whose owner is unknown.
        like, _ = _compared(everybody, answers)
        concerned = np.flatnonzero(answers.heard & answers.learned & ~answers.own & ~like)
        yield Suspicion(answers.workload, Kind.OTHERS_PHOTOS, order[alike], concerned)
    alike = _most_of((left & ~elsewhere)[order], OF, IN_A_ROW)
    if alike.any():
        concerned = np.flatnonzero(answers.heard & ~answers.own & left & ~elsewhere)
        yield Suspicion(answers.workload, Kind.OTHER_PICTURES, order[alike], concerned)


def like_its_own(everybody: Everybody, answers: Answers) -> Flags:
    """Where a copy looks like the user's reference photo, or cannot be compared with it; of the reference: with a copy.

    A picture that cannot be compared with another one is not strange.
    """
    like, known = _compared(everybody, answers)
    return like | ~known


def _compared(everybody: Everybody, answers: Answers) -> tuple[Flags, Flags]:
    """Where a picture looks like another one of the same user's, and where there is another one."""
    if answers.workload is everybody.reference:
        held_against = everybody.others(answers.workload)
    else:
        held_against = [one for name, one in everybody.answers.items() if name is everybody.reference]
    like = np.zeros(len(answers.phash), dtype=bool)
    known = np.zeros(len(answers.phash), dtype=bool)
    for other in held_against:
        known |= other.holds_photo
        like |= other.holds_photo & (apart(answers.phash, other.phash) <= NEAR)
    return like, known


def somebody_elses(everybody: Everybody, answers: Answers, places: Flags) -> Flags:
    """Where a copy looks like another user's reference photo; for the reference: like another user's copy."""
    if answers.workload is everybody.reference:
        hashes = np.concatenate([one.phash[one.holds_photo] for one in everybody.others(answers.workload)])
    else:
        reference = everybody.answers.get(everybody.reference)
        hashes = reference.phash[reference.holds_photo] if reference is not None else answers.phash[:0]
    hashes = np.unique(hashes[hashes != 0])
    found = np.zeros(len(answers.phash), dtype=bool)
    for place in np.flatnonzero(places) if len(hashes) else ():
        # The user's own photo is not near, so a near hash is another user's.
        found[place] = bool((np.bitwise_count(hashes ^ answers.phash[place]) <= ONE_PICTURE).any())
    return found


def _most_common(hashes: npt.NDArray[np.uint64]) -> list[np.uint64]:
    """Hashes of different pictures that at least two users have, the most common first; `MOST_PICTURES` at the most."""
    values, numbers = np.unique(hashes, return_counts=True)
    found: list[np.uint64] = []
    for place in np.argsort(-numbers, kind="stable"):
        if len(found) == MOST_PICTURES or numbers[place] < 2:
            break
        if all(np.bitwise_count(values[place] ^ one) > ONE_PICTURE for one in found):
            found.append(values[place])
    return found


def _most_of(marked: Flags, window: int, least: int) -> Flags:
    """Where a place is marked and lies in `window` successive places of which at least `least` are marked.

    Fewer places than `window` count as one window.
    """
    window = min(window, len(marked))
    if window == 0:
        return marked
    sums = np.convolve(marked.astype(np.int64), np.ones(window, dtype=np.int64), mode="valid")
    spread = np.zeros(len(marked) + 1, dtype=np.int64)
    starts = np.flatnonzero(sums >= least)
    np.add.at(spread, starts, 1)
    np.add.at(spread, starts + window, -1)
    return marked & (np.cumsum(spread[:-1]) > 0)


def _disagreeing(everybody: Everybody, copies: list[Suspicion]) -> Suspicion:
    """The reference's answers for users whose copies are suspect: the reference itself may be wrong."""
    reference = everybody.answers[everybody.reference]
    places = np.unique(np.concatenate([one.suspected for one in copies]))
    places = places[(reference.heard & reference.holds_photo)[places]]
    order = places[np.argsort(reference.at[places], kind="stable")]
    concerned = np.unique(np.concatenate([one.concerned for one in copies]))
    concerned = concerned[(reference.heard & reference.holds_photo)[concerned]]
    return Suspicion(everybody.reference, Kind.DISAGREES, order, concerned)
