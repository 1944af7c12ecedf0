"""Exact tails of two rates, combined: coverage is computed, not simulated, and the ends are found by brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, combine_pvalues

from detectors.intervals import difference_low, newcombe, rate_difference, rate_ratio
from detectors.intervals.both_tails import combined_tail

RATES = (0.0, 0.001, 0.02, 0.1, 0.3, 0.5, 0.8, 0.97, 1.0)


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (5, 5), (3, 60), (40, 40)])
def test_they_cover_at_every_pair_of_rates(n1, n2):
    k1, k2 = np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij")
    low, high = rate_difference(k1, n1, k2, n2, 0.9)
    least, most = rate_ratio(k1, n1, k2, n2, 0.9)
    for p, q in itertools.product(RATES, RATES):
        chance = np.outer(binom.pmf(np.arange(n1 + 1), n1, p), binom.pmf(np.arange(n2 + 1), n2, q))
        assert chance[(low - 1e-9 <= p - q) & (p - q <= high + 1e-9)].sum() >= 0.9
        if q:
            assert chance[(least - 1e-9 <= p / q) & (p / q <= most + 1e-9)].sum() >= 0.9


def test_the_ends_are_those_of_all_rates_that_are_not_refused():
    p = np.linspace(0, 1, 2001)
    tails = binom.sf(2, 20, p)[:, None] * binom.cdf(10, 50, p)
    kept = tails > combined_tail(0.025)
    assert rate_difference(3, 20, 10, 50)[0] == pytest.approx((p[:, None] - p)[kept].min(), abs=1e-3)
    assert rate_ratio(3, 20, 10, 50)[0] == pytest.approx((p[1:, None] / p[1:])[kept[1:, 1:]].min(), rel=1e-2)


def test_the_product_of_tails_is_fishers():
    c = float(combined_tail(0.025))
    assert combine_pvalues([c**0.3, c**0.7]).pvalue == pytest.approx(0.025)


@given(st.tuples(*[st.integers(1, 60)] * 2, *[st.floats(0, 1)] * 2, *[st.integers(0, 20)] * 2))
def test_laws(given):
    n1, n2, first, second, lost1, lost2 = given
    k1, k2 = round(first * n1), round(second * n2)
    low, high = rate_difference(k1, n1, k2, n2)
    assert -1 <= low <= k1 / n1 - k2 / n2 <= high <= 1
    assert rate_difference(k2, n2, k1, n1) == pytest.approx((-high, -low))
    assert rate_difference(n1 - k1, n1, n2 - k2, n2) == pytest.approx((-high, -low))
    assert difference_low(k1, n1, k2, n2) == low
    missed = rate_difference(k1, n1, k2, n2, missing1=lost1, missing2=lost2)
    worst = rate_difference(k1, n1 + lost1, k2 + lost2, n2 + lost2)[0]
    best = rate_difference(k1 + lost1, n1 + lost1, k2, n2 + lost2)[1]
    assert missed == pytest.approx((worst, best))
    least, most = rate_ratio(k1, n1, k2, n2)
    assert 0 <= least <= most
    if k2:
        assert least <= (k1 / n1) / (k2 / n2) * (1 + 1e-9)


def test_they_are_a_quarter_wider_than_newcombes_where_that_one_holds():
    k1, n1, k2, n2 = (300, 1000, 400, 1000)
    assert np.ptp(rate_difference(k1, n1, k2, n2)) / np.ptp(newcombe(k1, n1, k2, n2)) < 1.25


def test_a_sample_without_units_leaves_its_rate_open():
    low, high = rate_difference(0, 0, 3, 10)
    assert (low < -0.6, high > 0.9) == (True, True)
    assert rate_ratio(0, 0, 3, 10)[0] == 0
    assert rate_ratio(3, 10, 0, 0)[1] > 1e6


@pytest.mark.parametrize("function", [rate_difference, rate_ratio])
def test_impossible_counts_are_refused(function):
    with pytest.raises(ValueError, match="allowed: 0 <= k <= n"):
        function(3, 2, 1, 2)
