"""The impact ratio: whole-number shortfalls, tests that pay for the choice of the reference, no number for 0 / 0."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact

from detectors.bias.impact import impact_ratios, shortfall
from detectors.intervals import rate_ratio

NAMES = ["a", "b", "c"]


def test_the_guidelines_own_example():
    """48 of 80 white and 12 of 40 black applicants: 60 % and 30 %, a ratio of one half (EEOC, 1979)."""
    result = impact_ratios([48, 12], [80, 40], ["white", "black"], level=0.95)
    assert result.headline.value == pytest.approx(0.5)
    assert result.measure("selection_rate_impact_p").value == pytest.approx(fisher_exact([[12, 28], [48, 32]]).pvalue)
    assert result.measure("selection_rate_shortfall").value == 8  # 20 of 40 is 50 %, 0.833 of 60 %; 19 is 0.79
    low, high = rate_ratio(12, 40, 48, 80)
    ratio = result.measure("selection_rate_impact_ratio", "black")
    assert (ratio.low, ratio.high) == pytest.approx((low, high))
    assert (result.headline.low, result.headline.high) == pytest.approx((low, min(high, 1)))
    told = result.remarks[0]
    assert (told.key, told.values["group"], told.values["reference"]) == ("below_four_fifths", "black", "white")


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_the_shortfall_is_the_least_number_that_reaches_four_fifths(n, best_n, rate, best_rate):
    k, best = round(n * rate), round(best_n * best_rate)
    more = int(shortfall([k], [n], (best, best_n))[0])
    assert 5 * (k + more) * best_n >= 4 * best * n
    assert more == 0 or 5 * (k + more - 1) * best_n < 4 * best * n


def test_ten_identical_groups_are_all_alike():
    rng, n, missed = np.random.default_rng(0), np.full(10, 200), 0
    for _ in range(40):
        result = impact_ratios(rng.binomial(n, 0.3), n, list("abcdefghij"), level=0.95)
        missed += result.headline.high < 1 or result.measure("selection_rate_impact_p").value <= 0.05
    assert binom.sf(missed - 1, 40, 0.1) > 0.01


def test_the_smallest_ratio_covers():
    rng, n, p, missed = np.random.default_rng(1), np.array([30, 200, 500]), np.array([0.05, 0.3, 0.4]), 0
    for _ in range(60):
        one = impact_ratios(rng.binomial(n, p), n, NAMES, level=0.95).headline
        missed += one.value is None or not one.low <= 0.125 <= one.high
    assert binom.sf(missed - 1, 60, 0.05) > 0.01


def test_no_group_of_few_may_lie_below_what_the_lowest_keeps():
    """The group of 900 has the lowest rate seen, nine tenths of the best; the one of ten may have a third of it."""
    result = impact_ratios([500, 405, 5], [1000, 900, 10], NAMES, level=0.95)
    least, small = result.measure("selection_rate_impact_ratio"), result.measure("selection_rate_impact_ratio", "c")
    assert (least.value, least.reach) == (pytest.approx(0.9), (small.low, max(1.0, least.high)))
    assert small.low < 0.4 < 0.7 < least.low


def test_nobody_selected_is_undefined():
    result = impact_ratios([0, 0, 0], [10, 10, 10], NAMES, level=0.95)
    assert all(one.undefined == "no unit of any group was selected" for one in result.measures)


def test_one_group_is_undefined():
    assert impact_ratios([3], [10], ["a"], level=0.95).headline.undefined


def test_a_group_that_is_never_selected_has_the_ratio_0_and_one_without_units_none():
    result = impact_ratios([0, 50, 0], [100, 100, 0], NAMES, level=0.95)
    assert (result.headline.value, result.headline.low) == (0.0, 0.0)
    assert result.measure("selection_rate_impact_ratio", "c").undefined
    assert result.measure("selection_rate_impact_ratio", "a").value == 0.0


def test_above_four_fifths_nothing_is_remarked():
    result = impact_ratios([45, 50], [100, 100], ["a", "b"], level=0.95)
    assert result.remarks == ()
    assert result.measure("selection_rate_shortfall").value == 0


def test_missing_decisions_widen_the_ratio():
    full = impact_ratios([45, 50], [100, 100], ["a", "b"], level=0.95).headline
    gone = impact_ratios([45, 50], [100, 100], ["a", "b"], level=0.95, missing=[20, 0]).headline
    assert gone.low < full.low
    assert gone.missing == 20
