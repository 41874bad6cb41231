"""Answers of nothing wait for a proof."""

from __future__ import annotations

import asyncio

from auditor.collectors.contract import observed
from auditor.collectors.proof import Proof
from auditor.model import Observation, Reason, Status, User, Way, Workload


def _user(number: int) -> User:
    return User(f"id-{number}", f"u{number}@contoso.com", "", "", "Member", True, True, "", False, True, False)


def _seen(number: int, status: Status) -> list[Observation]:
    return [observed(_user(number), Workload.EXCHANGE, status, Way.EWS_REST)]


def _play(answers: str, proofs: list[bool]) -> tuple[dict[str, Status], int]:
    """The statuses after `answers` (`0` for nothing, `1` for a photo), and how many proofs were asked for."""
    given = iter(proofs)
    asked = 0

    async def prove() -> bool:
        nonlocal asked
        asked += 1
        return next(given)

    async def play() -> dict[str, Status]:
        proof = Proof(prove, "not proved")
        out = []
        for number, answer in enumerate(answers):
            status = Status.ABSENT if answer == "0" else Status.PHOTO
            out += await proof.take(_seen(number, status), nothing=answer == "0")
        out += await proof.settle()
        return {one.user_id: one.status for one in out if isinstance(one, Observation)}

    return asyncio.run(play()), asked


def test_a_few_answers_of_nothing_are_believed_after_one_proof():
    statuses, asked = _play("10101", [True])
    assert asked == 1
    assert [statuses[f"id-{n}"] for n in range(5)] == [Status.PHOTO, Status.ABSENT] * 2 + [Status.PHOTO]


def test_without_proof_they_are_unknown_and_say_why():
    statuses, _ = _play("1100", [False])
    assert statuses["id-2"] is statuses["id-3"] is Status.UNKNOWN
    assert statuses["id-0"] is Status.PHOTO


def test_a_row_of_them_asks_for_a_proof_after_3_6_12_and_at_the_end():
    _, asked = _play("0" * 13, [True] * 4)
    assert asked == 4
    _, asked = _play("0" * 12, [True] * 3)
    assert asked == 3


def test_a_photo_that_comes_later_does_not_prove_what_came_before():
    statuses, asked = _play("001", [False])
    assert asked == 1
    assert statuses["id-0"] is Status.UNKNOWN


def test_what_was_proved_stays_proved_when_the_service_is_switched_off_later():
    statuses, _ = _play("000000", [True, False])
    assert [statuses[f"id-{n}"] for n in range(6)] == [Status.ABSENT] * 3 + [Status.UNKNOWN] * 3


def test_nothing_is_asked_where_nothing_waits():
    assert _play("111", [])[1] == 0


def test_the_reason_is_one_that_makes_a_run_incomplete():
    async def prove() -> bool:
        return False

    async def play() -> Observation:
        proof = Proof(prove, "not proved")
        await proof.take(_seen(0, Status.ABSENT), nothing=True)
        (one,) = await proof.settle()
        assert isinstance(one, Observation)
        return one

    one = asyncio.run(play())
    assert (one.reason, one.detail) == (Reason.UNEXPECTED_ANSWER, "not proved")
