"""Pacing keeps every window, learns from refusals, and forgets what it learned."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditor.services.pacing import IDENTITY_WINDOW, IDLE_RATE, LONGEST_RESET, Limit, Pace, Window


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 5)), min_size=1, max_size=120),
)
def test_no_window_of_any_length_ever_grants_more_than_its_limit(units: int, asked: list[tuple[float, int]]) -> None:
    window, now = Window(Limit(float(units), 10)), 0.0
    granted: list[tuple[float, float]] = []
    for pause, wanted in asked:
        cost = float(min(wanted, units))
        now += pause
        while (wait := window.wait(cost, now)) > 0:
            now += wait
        window.take(cost, now)
        granted.append((now, cost))
    for begin, _ in granted:
        used = [cost for moment, cost in granted if begin <= moment < begin + 9.999]
        assert sum(used) <= max(units, 1) or len(used) == 1


def test_most_of_a_limit_is_used() -> None:
    window, now = Window(Limit(100, 10)), 0.0
    for _ in range(1000):
        now += window.wait(1.0, now)
        window.take(1.0, now)
    assert 1000 / now >= 0.95 * 100 / 10


def test_many_refusals_at_once_teach_the_rate_that_was_granted_and_answers_raise_it_again() -> None:
    pace, now = Pace(), 0.0
    for _ in range(200):
        pace.take(1.0, "", now)
        pace.answered(1.0)
        now += 0.05
    pace.refused(now, rule=True)
    assert pace.rate is not None
    assert 18 <= pace.rate <= 20
    learned = pace.rate
    pace.take(1.0, "", now)
    assert 0.04 < pace.wait(1.0, "", now) < 0.06
    for _ in range(100):
        pace.answered(1.0)
    assert pace.rate is not None
    assert pace.rate > learned
    for _ in range(3000):
        pace.answered(1.0)
    assert pace.rate is None or pace.rate <= IDLE_RATE


def test_lone_refusals_never_slow_us_below_what_is_granted_on_the_whole() -> None:
    pace, now = Pace(rate=50.0), 0.0
    for number in range(400):
        pace.take(1.0, "", now)
        now += 0.05
        if number % 10 == 9:
            pace.refused(now, rule=False)
        else:
            pace.answered(1.0)
    assert pace.rate is not None
    assert pace.rate > 15


def test_headers_that_make_no_sense_hold_nobody_up() -> None:
    pace = Pace()
    for headers in (
        {"ratelimit-remaining": "x", "ratelimit-reset": "9"},
        {"ratelimit-remaining": "0", "ratelimit-reset": "99999999"},
        {"ratelimit-remaining": "0"},
        {"x-ms-throttle-limit-percentage": "nan"},
        {"x-ms-throttle-limit-percentage": "0.5"},
        {"x-ms-throttle-limit-percentage": "\u0669"},
        {"x-ms-throttle-limit-percentage": "9" * 10_000},
        {"ratelimit-remaining": "-1", "ratelimit-reset": "9"},
        {"ratelimit-remaining": "\u0660", "ratelimit-reset": "9"},
        {"ratelimit-remaining": "0", "ratelimit-reset": "1_0"},
        {"ratelimit-remaining": "0", "ratelimit-reset": "9" * 10_000},
        {"ratelimit-remaining": "0\x00", "ratelimit-reset": "9"},
    ):
        assert pace.heed(headers, 0.0, 0.0) == 0.0
        assert pace.wait(1.0, "", 0.0) == 0.0


def test_near_its_limit_graph_is_asked_more_slowly() -> None:
    waits = [Pace().heed({"x-ms-throttle-limit-percentage": share}, 0.0, 0.0) for share in ("0.8", "0.9", "1.2", "1.8")]
    assert waits == sorted(waits)
    assert waits[0] == 0
    assert waits[-1] == 10


NUMBERS = st.one_of(
    st.text(max_size=12),
    st.integers(-5, 10**20).map(str),
    st.floats().map(str),
    st.text(alphabet="0123456789.,;=w \u0661\uff11\x00", max_size=12),
)
NAMES = ("ratelimit-remaining", "ratelimit-reset", "x-ms-throttle-limit-percentage")


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, NUMBERS)), max_size=4))
def test_no_header_of_a_quota_raises_or_holds_anyone_up_for_longer_than_a_window(said: list[dict[str, str]]) -> None:
    pace = Pace()
    for headers in said:
        assert 0 <= pace.heed(headers, 3.0, 100.0) <= IDENTITY_WINDOW
        assert 0 <= pace.wait(1.0, "", 100.0) <= LONGEST_RESET
