"""The numbers behind the decisions are data, and hang together."""

from __future__ import annotations

import pytest

from auditor.photos import thresholds


def test_every_threshold_says_what_it_means_and_where_it_comes_from():
    found = [one for one in vars(thresholds).values() if isinstance(one, thresholds.Threshold)]
    assert found
    assert all(one.meaning and one.origin for one in found)


def test_every_error_rate_says_what_was_measured_and_where():
    assert thresholds.ERROR_RATES
    for one in thresholds.ERROR_RATES:
        assert one.what
        assert one.where
        assert one.errors / one.trials < one.bound < 0.02


def test_bounds_are_the_rule_of_three_and_wilsons():
    assert thresholds.upper_bound(0, 3000) == pytest.approx(0.001)
    assert thresholds.upper_bound(0, 1) == 1.0
    assert thresholds.upper_bound(5, 100) == pytest.approx(0.0998, abs=0.001)
