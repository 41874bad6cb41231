"""A service that answers many alike is not believed without proof, and a true thing is not doubted for being common."""

from __future__ import annotations

import pytest

from auditor.doubt.settling import Settled, Why
from auditor.doubt.suspicion import Kind, suspect
from auditor.model import Status, Way, Workload
from tests.doubt.worlds import (
    ABSENT,
    ENTRA,
    EXCHANGE,
    SHAREPOINT,
    SILENT,
    UNKNOWN_USER,
    YAMMER,
    Answer,
    World,
    honest,
    shows,
)

USERS = 80
BEGINS = (0, 26, 60)


def ordinary(workload: Workload, place: int) -> Answer:
    """One photo a user everywhere; every seventh has none in one store, every ninth an older one in SharePoint."""
    if place % 7 == 3 and workload is tuple(Workload)[1 + place % 3]:
        return ABSENT
    if place % 9 == 4 and workload is SHAREPOINT:
        return shows(place + 10_001)
    return shows(place + 1)


def lies(workload: Workload, begins: int, answer):
    """From some user on, one workload answers everybody otherwise."""

    def way(asked: Workload, place: int, true: Answer) -> Answer:
        if asked is not workload or place < begins:
            return true
        return answer(place) if callable(answer) else answer

    return way


def always(workload: Workload, answer):
    """Asked again, it answers everybody so."""
    return lies(workload, 0, answer)


FALSE = {
    "no photo": ABSENT,
    "no account": UNKNOWN_USER,
    "a placeholder": Answer(Status.PLACEHOLDER, 20_001),
    "bytes that are no image": Answer(Status.UNREADABLE),
    "one person's photo": shows(6),
    "a picture of nobody": shows(30_001),
    "the next user's photo": lambda place: shows((place + 1) % USERS + 1),
}


# A picture of nobody that both ways show everybody is not told from a company's logo (docs/assumptions.md).
@pytest.mark.parametrize("begins", BEGINS)
@pytest.mark.parametrize("workload", Workload)
@pytest.mark.parametrize("answer", [answer for answer in FALSE if answer != "a picture of nobody"])
def test_what_both_ways_say_alike_of_everybody_is_not_believed(workload: Workload, answer: str, begins: int) -> None:
    world = World(USERS, ordinary, lies(workload, begins, FALSE[answer]), always(workload, FALSE[answer]))
    assert world.believed_falsely() == 0


def test_a_picture_of_nobody_that_begins_in_mid_run_fails_its_controls() -> None:
    world = World(USERS, ordinary, lies(YAMMER, 26, shows(30_001)), always(YAMMER, shows(30_001)))
    assert world.believed_falsely() == 0


@pytest.mark.parametrize("begins", BEGINS)
@pytest.mark.parametrize("workload", Workload)
@pytest.mark.parametrize("answer", FALSE)
def test_what_another_way_answers_otherwise_is_judged_by_that_way(workload: Workload, answer: str, begins: int) -> None:
    world = World(USERS, ordinary, lies(workload, begins, FALSE[answer]), honest)
    assert world.believed_falsely() == 0
    assert world.open() == 0


@pytest.mark.parametrize("answer", ["no photo", "no account", "the next user's photo"])
def test_what_does_not_answer_when_it_is_asked_again_is_not_believed(answer: str) -> None:
    world = World(USERS, ordinary, lies(EXCHANGE, 26, FALSE[answer]), always(EXCHANGE, Answer(Status.UNKNOWN)))
    assert world.believed_falsely() == 0


def test_an_ordinary_tenant_is_asked_nothing_again() -> None:
    world = World(400, ordinary)
    assert world.settled().outcomes == ()
    assert world.asked == 0


def test_few_engage_accounts_are_believed_once_two_ways_agree() -> None:
    world = World(USERS, lambda w, p: UNKNOWN_USER if w is YAMMER and p % 33 else shows(p + 1))
    (outcome,) = world.settled().outcomes
    assert (outcome.settled, outcome.why) == (Settled.BELIEVED, Why.TWO_WAYS_AGREE)
    assert world.open() == 0


def test_what_carries_something_of_the_users_own_is_never_suspect() -> None:
    own = Answer(Status.ABSENT, own="profile")
    world = World(USERS, lambda w, p: own if w is SHAREPOINT else shows(p + 1))
    assert suspect(world.everybody()) == []


def test_an_answer_that_turns_out_to_be_the_users_own_needs_no_control() -> None:
    own = Answer(Status.ABSENT, own="account")
    world = World(USERS, lambda w, p: ABSENT if w is YAMMER else shows(p + 1), second=lambda w, p, true: (
        own if w is YAMMER else true
    ))  # fmt: skip
    (outcome,) = world.settled().outcomes
    assert (outcome.settled, outcome.why) == (Settled.BELIEVED, Why.THE_USERS_OWN)


def test_a_store_in_which_nobody_holds_anything_stays_doubtful_until_somebody_says_that_it_is_so() -> None:
    world = World(USERS, lambda w, p: ABSENT if w is EXCHANGE else shows(p + 1))
    (outcome,) = world.settled().outcomes
    assert (outcome.settled, outcome.why) == (Settled.DOUBTFUL, Why.NO_CONTROL)
    world.true_here = frozenset({("exchange", "absent")})
    (outcome,) = world.settled().outcomes
    assert (outcome.settled, outcome.why) == (Settled.BELIEVED, Why.SAID_TO_BE_TRUE)


def test_a_control_that_failed_goes_before_what_somebody_says() -> None:
    world = World(
        USERS, ordinary, lies(EXCHANGE, 26, ABSENT), always(EXCHANGE, ABSENT),
        true_here=frozenset({("exchange", "absent"), ("exchange", "lost")}),
    )  # fmt: skip
    assert [one.why for one in world.settled().outcomes] == [Why.CONTROL_FAILED]
    assert world.believed_falsely() == 0


def test_a_service_that_mixes_people_up_is_not_believed_where_the_owner_is_not_recognised_either() -> None:
    def next_one(place: int) -> Answer:
        odd = {0: shows(place + 40_001), 3: ABSENT, 5: Answer(Status.PLACEHOLDER, 20_001), 6: Answer(Status.UNREADABLE)}
        return odd.get(place % 9, shows(place + 2))

    world = World(USERS, lambda w, p: shows(p + 1), lies(EXCHANGE, 0, next_one), always(EXCHANGE, next_one))
    assert world.believed_falsely() == 0


def test_what_comes_by_the_same_way_from_a_service_that_mixes_people_up_is_not_believed() -> None:
    def first(workload: Workload, place: int, true: Answer) -> Answer:
        if workload is not SHAREPOINT:
            return true
        return Answer(Status.PLACEHOLDER, 20_001) if place % 20 == 7 else shows((place + 1) % USERS + 1)

    def second(workload: Workload, place: int, true: Answer) -> Answer:
        return first(workload, place, true) if place % 20 == 7 else true

    world = World(USERS, lambda w, p: shows(p + 1), first, second, second_way=Way.GRAPH_BATCH)
    assert world.believed_falsely() == 0
    assert world.open() == 4


def test_few_answers_of_nothing_among_failures_are_suspect() -> None:
    def first(workload: Workload, place: int, true: Answer) -> Answer:
        if workload is not SHAREPOINT or place < 8:
            return true
        return ABSENT if place % 12 == 9 else SILENT

    world = World(USERS, lambda w, p: shows(p + 1), first, always(SHAREPOINT, ABSENT))
    assert world.believed_falsely() == world.users - 8 - world.open()
    assert all(one is None or one.status is not Status.ABSENT for one in world.judged().values())


def test_a_mass_upload_is_believed_once_the_reference_stood() -> None:
    world = World(USERS, lambda w, p: shows(p + 10_001 if w is SHAREPOINT else p + 1))
    outcomes = world.settled().outcomes
    assert {one.settled for one in outcomes} == {Settled.BELIEVED}
    assert world.open() == 0
    assert world.believed_falsely() == 0


def test_a_reference_under_swapped_ids_is_asked_again_before_its_copies_are_called_wrong() -> None:
    world = World(USERS, lambda w, p: shows(p + 1), lies(ENTRA, 20, lambda p: shows((p + 1) % USERS + 1)), honest)
    assert world.believed_falsely() == 0
    assert world.open() == 0


def test_a_reference_that_stays_stale_both_ways_is_what_the_copies_are_held_against() -> None:
    world = World(USERS, lambda w, p: shows(p + (10_001 if w is ENTRA else 1)))
    assert world.open() == 0


def test_one_logo_for_everybody_is_believed_where_another_size_shows_it_too() -> None:
    world = World(USERS, lambda w, p: shows(30_001) if w is YAMMER else shows(p + 1))
    (outcome,) = world.settled().outcomes
    assert (outcome.suspicion.kind, outcome.settled) == (Kind.ONE_PICTURE, Settled.BELIEVED)


def test_the_one_picture_that_comes_by_both_ways_is_believed_of_its_owner_alone() -> None:
    def second(workload: Workload, place: int, true: Answer) -> Answer:
        return shows(6) if workload is SHAREPOINT and place in {5, 40} else true

    world = World(USERS, lambda w, p: shows(p + 1), lies(SHAREPOINT, 0, shows(6)), second)
    assert world.believed_falsely() == 0
    assert world.open() == 1


@pytest.mark.parametrize("users", [1, 2, 3, 5, 7])
def test_numbers_prove_nothing_below_eight_users(users: int) -> None:
    world = World(users, lambda w, p: shows(p + 1), lies(EXCHANGE, 0, ABSENT), always(EXCHANGE, ABSENT))
    assert world.settled().outcomes == ()


@pytest.mark.parametrize("users", [8, 12, 19])
def test_of_eight_users_and_more_all_are_looked_at_together(users: int) -> None:
    world = World(users, lambda w, p: shows(p + 1), lies(EXCHANGE, 0, ABSENT), always(EXCHANGE, ABSENT))
    assert world.believed_falsely() == 0


def test_photos_withdrawn_everywhere_are_not_suspect() -> None:
    before = {workload: (lambda p: shows(p + 1)) for workload in Workload}
    world = World(USERS, lambda w, p: ABSENT, before=before)
    assert suspect(world.everybody()) == []


def test_photos_that_most_users_lost_since_the_last_sure_run_are_asked_again() -> None:
    def true(workload: Workload, place: int) -> Answer:
        return shows(place + 1)

    # Every third answer is true, so that no row of eight is alike.
    def first(workload: Workload, place: int, answer: Answer) -> Answer:
        return ABSENT if workload is EXCHANGE and place % 3 else answer

    before = {EXCHANGE: lambda p: shows(p + 1)}
    world = World(USERS, true, first, first, before=before)
    (outcome,) = world.settled().outcomes
    assert outcome.suspicion.kind is Kind.LOST


def test_people_without_any_photo_make_nothing_suspect() -> None:
    world = World(200, lambda w, p: shows(p + 1) if p % 33 == 0 else ABSENT)
    assert suspect(world.everybody()) == []


def test_two_services_that_fail_at_once_are_both_doubted() -> None:
    def first(workload: Workload, place: int, true: Answer) -> Answer:
        return ABSENT if workload in {EXCHANGE, SHAREPOINT} and place >= 30 else true

    world = World(USERS, ordinary, first, lambda w, p, t: ABSENT if w in {EXCHANGE, SHAREPOINT} else t)
    assert world.believed_falsely() == 0


def test_only_one_other_workload_is_enough() -> None:
    for liar in (ENTRA, SHAREPOINT):
        for begins in BEGINS:
            world = World(
                USERS, ordinary, lies(liar, begins, ABSENT), always(liar, ABSENT), workloads=(ENTRA, SHAREPOINT)
            )
            assert world.believed_falsely() == 0
