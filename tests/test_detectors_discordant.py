"""The exact paired interval: ends by hand, mirrors, coverage over all tables, and no wider than a sample needs."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, multinomial

from detectors.intervals import betting_mean, discordant_interval

RATES = (0.0, 0.01, 0.05, 0.2, 0.35, 0.48, 0.5, 0.7, 0.95)


def test_ends_by_hand():
    """One unit, right in the first alone; and thirty of which none differs."""
    assert discordant_interval(1, 0, 1, 0.95)[0] == -1
    # P(first alone) is at most p10 = (s - d) / 2 with s <= 1, so the largest d with (1 - d) / 2 >= .025
    assert discordant_interval(1, 0, 1, 0.95)[1] == pytest.approx(0.95, abs=1e-4)
    # none of n differ: P(none) + P(only first) at p01 = d, p10 = 0 is (1 - d)^n, and no more elsewhere
    assert discordant_interval(0, 0, 30, 0.95)[1] == pytest.approx(1 - 0.025 ** (1 / 30), abs=1e-4)


def test_the_interval_is_that_of_the_exact_paired_methods():
    """58 against 34 of 300: Wald gives [-14.2, -1.8] points, betting [-16.3, -0.1]."""
    low, high = discordant_interval(58, 34, 300, 0.95)
    assert -0.149 < low < -0.142
    assert -0.018 < high < -0.015
    gaps = np.random.default_rng(0).permutation(np.repeat([0.0, 1.0, 0.5], [58, 34, 208]))
    wide = [2 * end - 1 for end in betting_mean(gaps, 0.95)]
    assert high - low < 0.92 * (wide[1] - wide[0])


@pytest.mark.parametrize(("n", "level"), [(1, 0.95), (7, 0.9), (12, 0.95), (12, 1 - 0.05 / 14)])
def test_each_end_is_missed_no_more_often_than_half_the_error(n, level):
    """Exact: over all tables, at rates across the triangle."""
    tables = np.array([(b, c) for b, c in itertools.product(range(n + 1), repeat=2) if b + c <= n])
    low, high = np.array([discordant_interval(int(b), int(c), n, level) for b, c in tables]).T
    for one, two in itertools.product(RATES, RATES):
        if one + two <= 1:
            rest = max(0.0, 1 - one - two)
            chance = multinomial.pmf(np.c_[tables, n - tables.sum(axis=1)], n, [one, two, rest])
            assert chance[low > two - one + 1e-9].sum() <= (1 - level) / 2 * (1 + 1e-6)
            assert chance[high < two - one - 1e-9].sum() <= (1 - level) / 2 * (1 + 1e-6)


def test_the_largest_probability_is_found_between_the_points_of_the_grid():
    """At the bound, a grid a hundred times as dense finds nothing larger: n = 300, where it is narrow and near 1."""
    from detectors.intervals.discordant import _as_small, _probability

    high = discordant_interval(58, 34, 300, 0.95)[1]
    dense = _probability(300, _as_small(300, 58, 34, 1.959964), high, np.linspace(abs(high), 1, 4000))
    assert dense.max() <= 0.025 * 1.001


def test_the_sum_over_what_differs_is_the_trinomial_probability():
    from detectors.intervals.discordant import _probability

    n, most = 9, np.array([-1, 0, 1, 1, 2, 2, 3, 3, 4, 4.0])
    p10, p01 = 0.3, 0.25
    expected = sum(
        multinomial.pmf([m - c, c, n - m], n, [p10, p01, 1 - p10 - p01])
        for m in range(n + 1) for c in range(int(most[m]) + 1)
    )
    assert _probability(n, most, p01 - p10, np.array([p10 + p01]))[0] == pytest.approx(expected, abs=1e-10)


@given(st.integers(1, 25), st.data())
def test_mirrors_and_order(n, data):
    b = data.draw(st.integers(0, n))
    c = data.draw(st.integers(0, n - b))
    low, high = discordant_interval(b, c, n, 0.9)
    assert low <= (c - b) / n <= high
    assert discordant_interval(c, b, n, 0.9) == (-high, -low)
    if b:
        assert discordant_interval(b - 1, c, n, 0.9)[1] >= high - 1e-6


def test_all_that_differ_on_one_side_are_as_certain_as_a_sign_test():
    """Six of six lost: 2^-6 < .025, so that the interval leaves 0 out; five of five do not."""
    assert discordant_interval(6, 0, 6, 0.95)[1] < 0 < discordant_interval(5, 0, 5, 0.95)[1]
    assert binom.cdf(0, 6, 0.5) < 0.025 < binom.cdf(0, 5, 0.5)


@pytest.mark.parametrize("counts", [(-1, 0, 3), (2, 2, 3), (0, 0, 0)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match="allowed: counts"):
        discordant_interval(*counts, 0.95)
