"""Times of calls: order statistics by the book, and what each measure is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.efficiency.timing import call_times, quantile_interval


def test_the_median_of_ten_lies_between_the_second_and_the_ninth():
    """The classical table: 97.85 % for n = 10, where the third and eighth would give 89.1 %."""
    values = np.random.default_rng(0).permutation(np.arange(1.0, 11))
    assert quantile_interval(values, 0.5, 0.95) == (5.5, 2.0, 9.0)
    assert quantile_interval(values, 0.5, 0.89)[1:] == (3.0, 8.0)


@pytest.mark.parametrize(("q", "level"), [(0.5, 0.95), (0.95, 0.95), (0.95, 0.99), (0.1, 0.9)])
def test_ranks_cover_exactly_enough_at_every_n(q, level):
    """P(x_(low) <= quantile) = P(B >= low) and P(quantile <= x_(high)) = P(B < high), B binomial(n, q)."""
    for size in range(1, 200):
        _, low, high = quantile_interval(np.arange(1.0, size + 1), q, level)
        if low is not None:
            assert binom.sf(low - 1, size, q) >= (1 + level) / 2 - 1e-12
            assert binom.sf(low, size, q) < (1 + level) / 2
        if high is not None:
            assert binom.cdf(high - 1, size, q) >= (1 + level) / 2 - 1e-12


def test_a_high_quantile_needs_calls():
    """0.95^n must fall to 2.5 %, which it does at 72."""
    assert quantile_interval(np.arange(71.0), 0.95, 0.95)[2] is None
    assert quantile_interval(np.arange(72.0), 0.95, 0.95)[2] == 71
    assert quantile_interval([3.0], 0.5, 0.95) == (3.0, None, None)


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=120), st.sampled_from([0.5, 0.95]))
def test_laws(values, q):
    value, low, high = quantile_interval(values, q, 0.95)
    assert (-np.inf if low is None else low) <= value <= (np.inf if high is None else high)
    scaled = quantile_interval(2 * np.array(values), q, 0.95)
    assert scaled == (2 * value, None if low is None else 2 * low, None if high is None else 2 * high)
    assert quantile_interval(values[::-1], q, 0.95) == (value, low, high)


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf]])
def test_what_has_no_quantile_is_refused(values):
    with pytest.raises(ValueError, match="allowed: one or more, all of them finite"):
        quantile_interval(values, 0.5, 0.95)


def calls(size=101, **columns):
    seconds = np.linspace(1.0, 2.0, size)
    frame = {"seconds": seconds, "cpu_seconds": seconds / 2, "elements": 10.0}
    return pd.DataFrame(frame | columns, index=pd.Index([f"c{i}" for i in range(size)], name="id"))


def test_every_measure_is_a_quantile_of_what_it_says():
    frame = calls(log_prob_seconds=0.5, other_seconds=np.linspace(2.0, 4.0, 101))
    result = call_times(frame, level=0.95)
    values = {measure.name: measure.value for measure in result.measures}
    assert values == pytest.approx({
        "seconds_per_sample": 1.5, "seconds_per_sample_p95": 1.95, "cpu_seconds_per_sample": 0.75,
        "elements_per_sample": 10, "seconds_per_element": 0.15, "seconds_per_likelihood": 0.5,
        "seconds_per_likelihood_p95": 0.5, "sequential_cost": 3.0, "time_ratio": 0.5,
    })
    assert result.headline.name == "seconds_per_sample"
    assert result.items["value"].equals(frame["seconds"].rename("value"))


def test_ratios_are_taken_call_by_call():
    """What slows a turn slows both of its calls, so their ratio stays what it is."""
    busy = np.where(np.arange(101) % 3 == 0, 50.0, 1.0)
    frame = calls(seconds=3 * busy, log_prob_seconds=busy, other_seconds=1.5 * busy)
    result = call_times(frame, level=0.95)
    for name, ratio in (("sequential_cost", 3.0), ("time_ratio", 2.0)):
        measure = result.measure(name)
        assert (measure.low, measure.value, measure.high) == (ratio, ratio, ratio)


def test_what_was_not_measured_says_why():
    result = call_times(calls(elements=np.nan), level=0.95)
    reasons = {measure.name: measure.undefined for measure in result.measures if measure.value is None}
    likelihood = "the model evaluates no likelihood"
    assert reasons == {
        "elements_per_sample": "the model does not tell", "seconds_per_element": "the model does not tell",
        "seconds_per_likelihood": likelihood, "seconds_per_likelihood_p95": likelihood, "sequential_cost": likelihood,
        "time_ratio": "no other was named",
    }
    few = call_times(calls(size=20), level=0.95).measure("seconds_per_sample_p95")
    assert few.high is None
    assert few.method.endswith("too few calls for both ends")


def test_slow_calls_weigh_most_and_none_is_a_failure():
    calls = pd.DataFrame({"seconds": [0.1, 0.3], "cpu_seconds": [0.1, 0.3], "elements": [1.0, 1.0]})
    items = call_times(calls, level=0.95).items
    assert items["weight"].tolist() == [0.1, 0.3]
    assert "against" not in items


def test_times_say_that_they_belong_to_one_run():
    calls = pd.DataFrame({"seconds": [1.0, 2.0], "cpu_seconds": [1.0, 2.0], "elements": [1.0, 1.0]})
    assert [(one.key, one.values) for one in call_times(calls, level=0.95).remarks] == [("one_run", {})]
