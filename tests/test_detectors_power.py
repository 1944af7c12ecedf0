"""What a check can see: counts, power and sample sizes against enumeration, scipy's binomial and the test itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.intervals import exact_binomial
from detectors.power import (
    EXACT_BUDGET,
    deciding_counts,
    early_rates,
    keep_probability,
    rates_decided,
    stops_after,
    units_needed,
)
from detectors.sequential import RateTest, stopping

LIMITS = st.sampled_from([0.0, 0.01, 0.05, 0.3, 0.51, 0.87, 0.99, 1.0])
LEVELS = st.sampled_from([0.9, 0.95, 0.99643])


@given(st.integers(1, 150), LIMITS, LEVELS)
@settings(deadline=None)
def test_the_counts_that_decide_are_those_of_the_interval(n, limit, level):
    low, high = exact_binomial(np.arange(n + 1), n, level)
    most, least = (int(one[0]) for one in deciding_counts(n, limit, level))
    below, above = np.flatnonzero(high < limit), np.flatnonzero(low > limit)
    assert most == (below.max() if below.size else -1)
    assert least == (above.min() if above.size else n + 1)


@given(st.integers(1, 400), st.sampled_from([0.05, 0.3, 0.6]), LEVELS)
@settings(deadline=None)
def test_the_rates_that_are_seen_have_exactly_the_power(n, limit, level):
    low, high = exact_binomial(np.arange(n + 1), n, level)
    below, above = rates_decided(n, limit, level)
    for rate, decided, end in ((below, high < limit, 0.0), (above, low > limit, 1.0)):
        if rate is None:
            assert not decided[0 if end == 0 else -1]
            continue
        assert (rate < limit) == (end == 0)
        assert binom.pmf(np.arange(n + 1), n, rate)[decided].sum() == pytest.approx(0.8, abs=1e-9)


@pytest.mark.parametrize(("lower", "upper"), [(None, 0.3), (0.6, None), (0.2, 0.5), (None, 0.0)])
def test_what_is_kept_and_broken_is_the_sum_over_counts(lower, upper):
    for n in (1, 7, 40, 160):
        low, high = exact_binomial(np.arange(n + 1), n, 0.95)
        inside = (low >= (lower or 0)) & (high <= (1 if upper is None else upper))
        outside = (high < (lower or 0)) | (low > (1 if upper is None else upper))
        for rate in (0.02, 0.35, 0.9):
            mass = binom.pmf(np.arange(n + 1), n, rate)
            kept, broken = keep_probability(rate, n, 0.95, lower=lower, upper=upper)
            assert kept[0] == pytest.approx(mass[inside].sum(), abs=1e-12)
            assert broken[0] == pytest.approx(mass[outside].sum(), abs=1e-12)


@pytest.mark.parametrize(
    ("rate", "limits"),
    [
        (0.025, {"upper": 0.05}),
        (0.08, {"upper": 0.05}),
        (0.95, {"lower": 0.9}),
        (0.8, {"lower": 0.9}),
        (0.3, {"lower": 0.2, "upper": 0.4}),
        (0.45, {"lower": 0.2, "upper": 0.4}),
        (0.0, {"upper": 0.01}),
    ],
)
def test_from_the_units_needed_on_power_stays(rate, limits):
    needed = units_needed(rate, 0.95, **limits)
    kept = all((limits.get("lower", -1) < rate, rate < limits.get("upper", 2)))
    power = keep_probability(rate, np.arange(1, 3 * needed), 0.95, **limits)[0 if kept else 1]
    assert (power[needed - 1 :] >= 0.8).all()
    assert power[needed - 2] < 0.8


def test_zero_events_need_what_a_table_says():
    # 0 of n keeps 5 %, two-sided 95 %, from 0.95^n <= 0.025 on: 72.
    assert units_needed(0.0, 0.95, upper=0.05) == 72


def test_a_hopeless_size_is_none_and_a_large_one_about():
    assert units_needed(0.05, 0.95, upper=0.05) is None
    assert units_needed(0.050001, 0.95, upper=0.05) is None
    needed = units_needed(0.048, 0.95, upper=0.05)
    spread = (1.96 * np.sqrt(0.05 * 0.95) + 0.8416 * np.sqrt(0.048 * 0.952)) / 0.002
    assert needed == pytest.approx(spread**2, rel=0.03)


@pytest.mark.parametrize(("budget", "limit", "level"), [(60, 0.3, 0.95), (480, 0.05, 0.99643), (300, 0.9, 0.95)])
def test_the_rates_that_early_stopping_sees_have_the_power_and_nearer_ones_not(budget, limit, level):
    for side, rate in enumerate(early_rates(budget, limit, level)):
        assert rate is not None
        assert stopping(rate, limit, level, budget)[side].sum() >= 0.8
        nearer = limit + 0.975 * (rate - limit)
        assert stopping(nearer, limit, level, budget)[side].sum() < 0.8
    fixed = rates_decided(budget, limit, level)
    assert early_rates(budget, limit, level)[0] <= fixed[0]
    assert early_rates(budget, limit, level)[1] >= fixed[1]


def test_beyond_the_exact_budget_the_rates_lie_farther_out_not_nearer():
    at, beyond = early_rates(EXACT_BUDGET, 0.05, 0.95), early_rates(EXACT_BUDGET + 1, 0.05, 0.95)
    assert beyond[0] <= at[0] * 1.001
    assert beyond[1] >= at[1] * 0.999
    assert early_rates(5, 0.05, 0.95)[0] is None


@pytest.mark.parametrize("limit", [0.05, 0.3])
def test_the_median_is_that_of_the_test_itself(limit):
    test = RateTest(limit, 0.95)
    test.update(np.zeros(1000))
    assert stops_after(0.0, limit, 0.95, 1000) == test.decided_after
    rng, after = np.random.default_rng(3), []
    for _ in range(400):
        test = RateTest(limit, 0.95)
        test.update(rng.random(600) < limit / 4)
        after.append(test.decided_after or 10**6)
    said = np.cumsum(np.sum(stopping(limit / 4, limit, 0.95, 600), axis=0))
    median = stops_after(limit / 4, limit, 0.95, 600)
    assert said[median - 1] >= 0.5 > said[median - 2]
    assert np.mean(np.array(after) <= median) == pytest.approx(0.5, abs=0.08)
    assert stops_after(limit, limit, 0.95, 600) is None
