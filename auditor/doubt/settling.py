"""The outcome of each suspicion, once some users were asked again: believed, replaced or doubtful.

Pure. Step 2 asks again about the users whom `unfold` still wants, until it wants no more. Judging calls `unfold` again
on the contents of the run folder, and gets the same outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from auditor.doubt.answers import NEAR, Answers, Everybody, Flags, Places, apart
from auditor.doubt.suspicion import NOTHING, ONE_PICTURE, Kind, Suspicion, like_its_own, somebody_elses, suspect
from auditor.model import OWN, Decision, Fingerprint, Observation, Status, Workload
from auditor.photos import compare

SAMPLE = 8
"""Maximum number of suspected users who are asked again to test a suspicion."""
CONTROLS = 3
"""Maximum number of users with good answers who are asked again, too: does the service still answer them as before?"""
ROUNDS = 40
"""Maximum number of suspicions that are settled, one after the other: settling one may clear another."""

Again = Mapping[Workload, Mapping[int, Observation]]
"""Second answers, from asking users again: by workload and the user's place."""


class Settled(StrEnum):
    """How a suspicion was settled."""

    BELIEVED = "believed"
    """The first answers stand: asked another way, the service said the same. `Why` names the proof."""
    REPLACED = "replaced"
    """The other way gave other answers, and those stand."""
    DOUBTFUL = "doubtful"
    """Neither the first nor the second answers are known to be true, so neither are believed."""


class Why(StrEnum):
    """Why a suspicion was settled as it was."""

    TWO_WAYS_AGREE = "two_ways_agree"
    THE_USERS_OWN = "the_users_own"
    """Each second answer carries something of the user's own."""
    SAID_TO_BE_TRUE = "said_to_be_true"
    """No user could serve as a control, and the accepted exceptions say that such answers are true in this tenant."""
    OTHERWISE = "otherwise"
    """The other way gave other answers."""
    NO_CONTROL = "no_control"
    """No user is known whom the service answers rightly."""
    CONTROL_FAILED = "control_failed"
    """At least one user whom the service had answered rightly got another answer when asked again."""
    NO_ANSWER = "no_answer"
    """Asked again, the service did not answer."""
    BOTH_ALIKE = "both_alike"
    """The other way gave other answers, but again the same to many users."""
    SOMEBODYS_PHOTO = "somebodys_photo"
    """The picture that many users got is one user's photo."""


@dataclass(frozen=True)
class Outcome:
    """One suspicion and how it was settled."""

    suspicion: Suspicion
    settled: Settled
    why: Why
    asked: int
    """Number of suspected users for whom a second answer came."""
    stayed: int
    """Number of those whose answer stayed the same."""
    controls: int
    """Number of controls."""
    held: int
    """Number of controls that got the same answer as before."""


@dataclass(frozen=True)
class Unfolded:
    """The state of all answers after every suspicion was settled as far as possible."""

    everybody: Everybody
    """All answers: replaced answers have their replacement, and doubtful answers are unknown."""
    outcomes: tuple[Outcome, ...]
    wanted: Mapping[Workload, tuple[int, ...]]
    """Places of users who must still be asked again before the outcomes are final."""
    replaced: Mapping[Workload, Mapping[int, Observation]]
    """Second answers that replace the first ones, by place."""
    doubtful: Mapping[Workload, Mapping[int, Outcome]]
    """For each answer that is not believed, by place: the outcome that says why."""


def unfold(everybody: Everybody, again: Again, true_here: frozenset[tuple[str, str]] = frozenset()) -> Unfolded:
    """Settle every suspicion as far as the second answers allow.

    `true_here`: (workload, kind) of the answers that the accepted exceptions call true in this tenant.
    """
    first = everybody
    outcomes: dict[tuple[object, ...], Outcome] = {}
    wanted: dict[Workload, set[int]] = {}
    replaced: dict[Workload, dict[int, Observation]] = {}
    doubtful: dict[Workload, dict[int, Outcome]] = {}
    for _ in range(ROUNDS):
        suspicion, twice = _next(everybody, outcomes, replaced)
        if suspicion is None:
            break
        workload = suspicion.workload
        own = replaced.setdefault(workload, {})
        concerned = suspicion.concerned.tolist()
        if twice:
            # The other way, too, gives many users the same answer, and there is no third way.
            concerned = [place for place in concerned if place in own]
            outcome = Outcome(suspicion, Settled.DOUBTFUL, Why.BOTH_ALIKE, 0, 0, 0, 0)
            missing: list[int] = []
            for place in concerned:
                del own[place]
        else:
            outcome, missing = _settle(everybody, first, suspicion, again.get(workload, {}), true_here)
        outcomes[(*suspicion.name, twice)] = outcome
        if missing:
            wanted.setdefault(workload, set()).update(missing)
        not_believed: list[int] = []
        if outcome.settled is Settled.REPLACED:
            own |= _instead(everybody, first, suspicion, again[workload])
            not_believed = [place for place in concerned if place not in own]
            everybody = everybody.with_answers(everybody.answers[workload].with_rows(own))
        elif outcome.settled is Settled.DOUBTFUL:
            not_believed = [place for place in concerned if place not in own]
        doubtful.setdefault(workload, {}).update(dict.fromkeys(not_believed, outcome))
        if not_believed:
            # An answer that is not believed is no evidence about other answers either.
            everybody = everybody.with_answers(everybody.answers[workload].without(not_believed))
    return Unfolded(
        everybody,
        tuple(outcomes.values()),
        {workload: tuple(sorted(places)) for workload, places in wanted.items()},
        {workload: rows for workload, rows in replaced.items() if rows},
        {workload: places for workload, places in doubtful.items() if places},
    )


def _next(
    everybody: Everybody,
    outcomes: Mapping[tuple[object, ...], Outcome],
    replaced: Mapping[Workload, Mapping[int, Observation]],
) -> tuple[Suspicion | None, bool]:
    """The next suspicion to settle, the reference's first; and whether it is about answers that replaced others."""
    for one in suspect(everybody):
        if not len(one.suspected):
            continue
        if (*one.name, False) not in outcomes:
            return one, False
        instead = replaced.get(one.workload, {})
        alike = sum(place in instead for place in one.suspected.tolist())
        if one.kind in _CAN_BE_TWICE and (*one.name, True) not in outcomes and 2 * alike > len(one.suspected):
            return one, True
    return None, False


def _instead(
    everybody: Everybody, first: Everybody, suspicion: Suspicion, again: Mapping[int, Observation]
) -> dict[int, Observation]:
    """The second answers that replace the first ones, by place: those that are better than the first ones."""
    answers = everybody.answers[suspicion.workload]
    mixed_up = suspicion.kind is Kind.OTHERS_PHOTOS
    not_strange = like_its_own(everybody, answers)
    their_own = not_strange & answers.holds_photo
    strange = np.zeros(len(answers.status), dtype=bool)
    if mixed_up or suspicion.kind is Kind.ONE_PICTURE:
        strange[suspicion.concerned] = True
        strange &= ~not_strange
    if mixed_up:
        strange &= answers.holds_photo
        strange &= somebody_elses(everybody, answers, strange)
    found = {}
    for place in suspicion.concerned.tolist():
        one = again.get(place)
        if one is None or one.status is Status.UNKNOWN:
            continue
        # Where both ways give the same strange picture, the second answer is no better than the first; nor is it of a
        # service that mixes people up, where it came by the same way.
        no_better = strange[place] or (mixed_up and not their_own[place] and answers.way[place] == one.way)
        if not (no_better and _stays(first, answers, place, one)):
            found[place] = one
    return found


def _settle(
    everybody: Everybody,
    first: Everybody,
    suspicion: Suspicion,
    again: Mapping[int, Observation],
    true_here: frozenset[tuple[str, str]],
) -> tuple[Outcome, list[int]]:
    """The outcome, and the places that are missing from `again` before it is final."""
    answers = everybody.answers[suspicion.workload]
    sample = _spread(suspicion.suspected, SAMPLE)
    controls = _controls(everybody, suspicion)
    missing = [place for place in [*sample, *controls] if place not in again]
    answered = [place for place in sample if place in again and again[place].status is not Status.UNKNOWN]
    stayed = [place for place in answered if _stays(first, answers, place, again[place])]
    held = [place for place in controls if place in again and _holds(first, suspicion, place, again[place])]

    def outcome(settled: Settled, why: Why) -> Outcome:
        return Outcome(suspicion, settled, why, len(answered), len(stayed), len(controls), len(held))

    if not answered:
        return outcome(Settled.DOUBTFUL, Why.NO_ANSWER), missing
    if 2 * len(stayed) <= len(answered):
        if controls and len(held) < len(controls):
            # The other way gives a control another answer, too: it is no better than the first way.
            return outcome(Settled.DOUBTFUL, Why.CONTROL_FAILED), missing
        missing += [place for place in suspicion.concerned.tolist() if place not in again]
        return outcome(Settled.REPLACED, Why.OTHERWISE), sorted(set(missing))
    if suspicion.kind in NOTHING and all(again[place].signals.get(OWN) for place in stayed):
        return outcome(Settled.BELIEVED, Why.THE_USERS_OWN), missing
    if controls and len(held) < len(controls):
        return outcome(Settled.DOUBTFUL, Why.CONTROL_FAILED), missing
    if suspicion.kind is Kind.ONE_PICTURE and _somebodys(everybody, suspicion):
        return outcome(Settled.DOUBTFUL, Why.SOMEBODYS_PHOTO), missing
    if controls or suspicion.kind in _WITHOUT_CONTROL:
        return outcome(Settled.BELIEVED, Why.TWO_WAYS_AGREE), missing
    if (str(suspicion.workload), str(suspicion.kind)) in true_here:
        return outcome(Settled.BELIEVED, Why.SAID_TO_BE_TRUE), missing
    return outcome(Settled.DOUBTFUL, Why.NO_CONTROL), missing


_WITHOUT_CONTROL = frozenset({Kind.ONE_PICTURE, Kind.OTHER_PICTURES, Kind.DISAGREES})
"""Kinds that are believed without a control where two ways agree. A picture that is nobody else's photo is no sign of a
service that mixes people up. Where every user is shown the picture, no user is left as a control."""


_CAN_BE_TWICE = NOTHING | {Kind.ONE_PICTURE, Kind.OTHERS_PHOTOS}
"""Kinds that the second answers are examined for, too: the other way may be no better."""


def _spread(places: Places, most: int) -> list[int]:
    """At most `most` of the places, spread evenly from the first to the last."""
    chosen = np.unique(np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int))
    return [int(places[one]) for one in chosen]


def _controls(everybody: Everybody, suspicion: Suspicion) -> list[int]:
    """Places of some users whom the service answered rightly, as far as that can be known."""
    answers = everybody.answers[suspicion.workload]
    if suspicion.kind is Kind.NOT_PROVISIONED:
        known = answers.learned & ~answers.has(Status.NOT_PROVISIONED)
        good = known & answers.holds_photo if (known & answers.holds_photo).any() else known
    else:
        good = answers.holds_photo & _agrees(everybody, answers)
    good[suspicion.concerned] = False
    if (good & answers.heard).any():
        good &= answers.heard
    places = np.flatnonzero(good)
    return _spread(places[np.argsort(answers.at[places], kind="stable")], CONTROLS) if len(places) else []


def _agrees(everybody: Everybody, answers: Answers) -> Flags:
    """Where a photo agrees with the same user's photo in another workload, or in the newest sure run."""
    agrees = np.zeros(len(answers.phash), dtype=bool)
    for other in everybody.others(answers.workload):
        agrees |= other.holds_photo & (apart(answers.phash, other.phash) <= NEAR)
    before = everybody.before.get(answers.workload)
    if before is not None:
        same = np.fromiter(
            (bool(now) and now == then for now, then in zip(answers.sha256, before.sha256, strict=True)),
            dtype=bool, count=len(agrees),
        )  # fmt: skip
        agrees |= before.held & (same | (apart(answers.phash, before.phash) <= ONE_PICTURE))
    return agrees


def _stays(first: Everybody, answers: Answers, place: int, again: Observation) -> bool:
    """Whether the second answer about a suspected user is the same as the first."""
    status = tuple(Status)[int(answers.status[place])]
    if again.fingerprint is None or answers.phash[place] == 0:
        return again.status is status
    if status is Status.PLACEHOLDER and again.status is Status.PLACEHOLDER:
        return True
    return _same(first.fingerprint(answers.workload, place), again.fingerprint)


def _holds(first: Everybody, suspicion: Suspicion, place: int, again: Observation) -> bool:
    """Whether a control was answered as before."""
    if suspicion.kind is Kind.NOT_PROVISIONED:
        return again.status not in {Status.UNKNOWN, Status.NOT_PROVISIONED}
    return again.fingerprint is not None and _same(first.fingerprint(suspicion.workload, place), again.fingerprint)


def _same(one: Fingerprint | None, other: Fingerprint) -> bool:
    return one is not None and (one.sha256 == other.sha256 or compare(one, other).decision is Decision.SAME)


def _somebodys(everybody: Everybody, suspicion: Suspicion) -> bool:
    """Whether the picture that many users got is some user's reference photo; for the reference: some user's copy."""
    if suspicion.workload is everybody.reference:
        others: Sequence[Answers] = everybody.others(suspicion.workload)
    else:
        others = [one for name, one in everybody.answers.items() if name is everybody.reference]
    picture = np.uint64(suspicion.picture)
    return any(bool((one.holds_photo & (apart(one.phash, picture) <= ONE_PICTURE)).any()) for one in others)
