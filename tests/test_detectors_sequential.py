"""Early stopping: its errors and its cost computed exactly, its laws, and what it says of a finite population."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.intervals import exact_binomial
from detectors.sequential import (
    DifferenceTest,
    RateTest,
    boundaries,
    confidence_sequence,
    decided_at,
    paired_sequence,
    stopping,
    two_sample_sequence,
)

LEVELS = {1: 0.95, 14: 1 - 0.05 / 14}
outcomes = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def median_calls(rate, limit, level, budget=1000):
    below, above = stopping(rate, limit, level, budget)
    return 1 + int(np.searchsorted(np.cumsum(below + above), 0.5))


# --- what it costs and how often it errs


@pytest.mark.parametrize(("checks", "most"), [(1, (82, 140, 195, 30)), (14, (145, 255, 345, 60))])
def test_median_calls_of_a_clear_verdict(checks, most):
    medians = [median_calls(rate, 0.05, LEVELS[checks]) for rate in (0, 0.01, 0.1, 0.2)]
    assert all(got <= allowed for got, allowed in zip(medians, most, strict=True)), medians


@pytest.mark.parametrize("checks", LEVELS)
@pytest.mark.parametrize("limit", [0.01, 0.05, 0.5])
def test_wrong_verdicts_just_beside_the_limit(limit, checks):
    """Exact: at a rate a hair under the limit "above" is wrong, and the other way about."""
    most = (1 - LEVELS[checks]) / 2
    assert stopping(limit - 1e-4, limit, LEVELS[checks], 1000)[1].sum() <= most
    assert stopping(limit + 1e-4, limit, LEVELS[checks], 1000)[0].sum() <= most


@given(st.floats(0.001, 0.999), st.floats(0.5, 0.999))
@settings(max_examples=40, deadline=None)
def test_no_limit_and_no_level_errs_too_often(limit, level):
    below, above = stopping(limit, limit, level, 150)
    assert max(below.sum(), above.sum()) <= (1 - level) / 2 + 1e-12


def test_stopping_adds_up_and_decides_clear_cases():
    below, above = stopping(0.2, 0.05, 0.95, 400)
    assert below.shape == above.shape == (400,)
    assert min(below.min(), above.min()) >= 0
    assert above.sum() > 0.9999
    assert below.sum() + above.sum() == pytest.approx(1, abs=1e-4)


@given(st.integers(0, 2**32), st.sampled_from([0.02, 0.1, 0.5, 0.93]))
@settings(max_examples=40, deadline=None)
def test_a_rate_test_stops_at_the_boundaries(seed, limit):
    """What `stopping` computes is what `update` does, outcome by outcome."""
    rng = np.random.default_rng(seed)
    x = (rng.random(300) < rng.choice([0, limit / 3, limit, min(1, 2.5 * limit)])).astype(float)
    below, above = boundaries(limit, 0.9, 300)
    low, high = np.cumsum(x) <= below, np.cumsum(x) >= above
    test = RateTest(limit, 0.9)
    verdict = test.update(x)
    if not np.any(low | high):
        assert (verdict, test.decided_after) == (None, None)
    else:
        first = int(np.argmax(low | high))
        assert (verdict, test.decided_after) == ("below" if low[first] else "above", first + 1)


def test_boundaries_by_hand():
    """No event in n calls: five bettors of known shares, each with her own q, must together reach 40."""
    angle = 2 * np.arcsin(np.sqrt(0.05))
    distance = np.array([0.03, 0.1, 0.3, 2 / 3 * angle, angle])
    q = np.sin((angle - distance) / 2) ** 2
    capital = [[0.03, 0.07, 0.3, 0.4, 0.2] @ ((1 - q) / 0.95) ** n for n in range(1, 101)]
    first = next(n for n, got in enumerate(capital, start=1) if got >= 40)
    below, above = boundaries(0.05, 0.95, 100)
    assert below[first - 2] == -1
    assert below[first - 1] == 0
    assert np.all(np.diff(below) >= 0)
    assert np.all(np.diff(above) >= 0)
    assert np.all(below < above)


# --- laws


@given(outcomes, st.lists(st.integers(0, 60), max_size=4), st.sampled_from([None, 60, 200]))
@settings(max_examples=50, deadline=None)
def test_batches_do_not_matter(x, cuts, population):
    whole, parts = RateTest(0.3, 0.8, population=population), RateTest(0.3, 0.8, population=population)
    verdict = whole.update(x)
    for part in np.split(x, sorted(cuts)):
        said = parts.update(part)
    assert (verdict, whole.decided_after) == (said, parts.decided_after)
    assert whole.interval == parts.interval


@given(outcomes, st.sampled_from([None, 60, 200]))
@settings(max_examples=50, deadline=None)
def test_successes_mirror_failures(x, population):
    one, other = RateTest(0.3, 0.8, population=population), RateTest(0.7, 0.8, population=population)
    one.update(x)
    other.update(1 - np.array(x))
    assert one.verdict == {None: None, "below": "above", "above": "below"}[other.verdict]
    assert one.interval == pytest.approx((1 - other.interval[1], 1 - other.interval[0]), abs=1e-8)


@given(outcomes, st.sampled_from([None, 60, 200]))
@settings(max_examples=50, deadline=None)
def test_the_verdict_is_the_interval_on_one_side(x, population):
    test = RateTest(0.3, 0.8, population=population)
    test.update(x)
    low, high = test.interval
    assert 0 <= low <= np.mean(x) <= high <= 1
    if test.decided_after == len(x):
        assert high <= 0.3 + 1e-8 if test.verdict == "below" else low >= 0.3 - 1e-8
    if test.verdict is None:
        assert low <= 0.3 <= high


def test_the_interval_only_shrinks():
    x = (np.random.default_rng(0).random(400) < 0.1).astype(float)
    ends = np.array([confidence_sequence(x[:n]) for n in range(0, 400, 20)])
    assert tuple(ends[0]) == (0, 1)
    assert np.all(np.diff(ends[:, 0]) >= -1e-9)
    assert np.all(np.diff(ends[:, 1]) <= 1e-9)


def test_the_first_verdict_stands():
    test = RateTest(0.05)
    assert test.update(np.zeros(100)) == "below"
    assert test.update(np.ones(50)) == "below"
    assert test.decided_after < 100


@pytest.mark.parametrize(("a", "b"), [(0.1, 1.9), (2, 6), (30, 10)])
def test_bounded_outcomes_are_covered_at_all_times_at_once(a, b):
    """The last interval is the intersection of all before it, so one look tells whether any of them missed."""
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(120):
        low, high = confidence_sequence(rng.beta(a, b, 200), 0.8)
        missed += not low <= a / (a + b) <= high
    assert binom.sf(missed - 1, 120, 0.2) > 0.001


def test_looking_any_time_costs_less_than_three_quarters_of_the_width():
    x = (np.random.default_rng(2).random(500) < 0.1).astype(float)
    assert np.ptp(confidence_sequence(x)) < 1.75 * np.ptp(exact_binomial(int(x.sum()), 500))


def test_a_clear_difference_is_told_early():
    """B answers 80 % of the items that A answers at 60 %: better by more than a margin of 5 points."""
    rng = np.random.default_rng(3)
    test = DifferenceTest(0.05)
    assert test.update(rng.random(2000) < 0.8, rng.random(2000) < 0.6) == "above"
    assert test.decided_after < 1000
    assert test.interval[0] > 0.05


# --- without replacement


def test_a_population_seen_whole_is_known():
    x = np.random.default_rng(0).permutation(np.r_[np.ones(4), np.zeros(196)])
    assert confidence_sequence(x, population=200) == pytest.approx((0.02, 0.02), abs=1e-8)
    verdicts = [RateTest(limit, population=200).update(x) for limit in (0.0199, 0.02, 0.0201)]
    assert verdicts == ["above", None, "below"]


def test_a_verdict_comes_at_the_latest_when_the_rest_cannot_change_it():
    test = RateTest(0.3, 0.9999999999, population=20)
    assert test.update(np.zeros(14)) is None
    assert test.update([0]) == "below"
    assert RateTest(0.3, 0.9999999999, population=20).update(np.ones(7)) == "above"


def test_a_small_population_needs_fewer_calls():
    endless, finite = RateTest(0.05), RateTest(0.05, population=150)
    endless.update(np.zeros(100))
    finite.update(np.zeros(100))
    assert finite.decided_after < endless.decided_after


@pytest.mark.parametrize("events", [3, 15])
def test_wrong_verdicts_in_a_finite_population(events):
    """The limit lies a hair beside the true rate of 60 items, so one of the verdicts is always wrong."""
    rng = np.random.default_rng(events)
    population = np.r_[np.ones(events), np.zeros(60 - events)]
    wrong = 0
    for _ in range(300):
        x = rng.permutation(population)[:50]
        wrong += RateTest(events / 60 - 1e-6, 0.8, population=60).update(x) == "below"
        wrong += RateTest(events / 60 + 1e-6, 0.8, population=60).update(x) == "above"
    assert binom.sf(wrong - 1, 600, 0.1) > 0.001


# --- refusals


@pytest.mark.parametrize("limit", [0, 1, -0.1, 5])
def test_a_limit_at_the_end_is_refused(limit):
    with pytest.raises(ValueError, match="between 0 and 1"):
        RateTest(limit)


@pytest.mark.parametrize("x", [[2], [-0.1, 0], [np.nan], [[0, 1]], [0, 0, 0, 0]])
def test_outcomes_that_cannot_be_are_refused(x):
    with pytest.raises(ValueError, match="3 at most"):
        RateTest(0.1, population=3).update(x)


# --- differences


@pytest.mark.parametrize(("first", "second"), [(0.02, 0.02), (0.3, 0.2), (0.9, 0.5)])
def test_paired_differences_are_covered_at_all_times_at_once(first, second):
    """Answers that hang together: half of the items are answered alike. Only the last interval need be looked at."""
    rng = np.random.default_rng(4)
    missed = 0
    for _ in range(150):
        alike = rng.random(120) < 0.5
        u = rng.random((2, 120))
        one, other = u[0] < first, np.where(alike, u[0], u[1]) < second
        low, high = paired_sequence(one, other, 0.8)
        missed += not low <= first - second <= high
    assert binom.sf(missed - 1, 150, 0.2) > 0.001


@pytest.mark.parametrize(("n", "m"), [(120, 120), (30, 300)])
def test_two_samples_are_covered_at_all_times_at_once(n, m):
    rng = np.random.default_rng(5)
    missed = 0
    for _ in range(150):
        low, high = two_sample_sequence(rng.beta(2, 6, n), rng.random(m) < 0.1, 0.8)
        missed += not low <= 0.25 - 0.1 <= high
    assert binom.sf(missed - 1, 150, 0.2) > 0.001


def test_differences_without_replacement_end_at_the_truth():
    rng = np.random.default_rng(6)
    one, other = rng.random(80) < 0.6, rng.random(80) < 0.3
    truth = one.mean() - other.mean()
    assert paired_sequence(one, other, population=80) == pytest.approx((truth, truth), abs=1e-8)
    assert two_sample_sequence(one, other, populations=(80, 80)) == pytest.approx((truth, truth), abs=1e-8)
    low, high = two_sample_sequence(one, other[:40], populations=(80, None))
    assert low < one.mean() - 0.3 < high


@pytest.mark.parametrize("events", [(12, 12), (30, 18)])
def test_wrong_verdicts_on_pairs_of_a_finite_population(events):
    """Sixty pairs in random order; the margin lies a hair beside their true difference."""
    rng = np.random.default_rng(7)
    one, other = (np.arange(60) < count for count in events)
    truth = (events[0] - events[1]) / 60
    wrong = 0
    for _ in range(200):
        first, second = rng.permutation(one)[:50], rng.permutation(other)[:50]
        wrong += DifferenceTest(truth - 1e-6, 0.8, population=60).update(first, second) == "below"
        wrong += DifferenceTest(truth + 1e-6, 0.8, population=60).update(first, second) == "above"
    assert binom.sf(wrong - 1, 400, 0.1) > 0.001


@given(outcomes, st.randoms(use_true_random=False), st.floats(-0.9, 0.9), st.sampled_from([None, 60, 200]))
@settings(max_examples=40, deadline=None)
def test_laws_of_differences(x, random, margin, population):
    one, other = np.array(x), np.array(random.sample(x, len(x)))
    test, mirror = (DifferenceTest(sign * margin, 0.8, population=population) for sign in (1, -1))
    half = len(x) // 2
    test.update(one[:half], other[:half])
    test.update(one[half:], other[half:])
    mirror.update(other, one)
    assert mirror.verdict == {None: None, "below": "above", "above": "below"}[test.verdict]
    low, high = test.interval
    assert (low, high) == pytest.approx(paired_sequence(one, other, 0.8, population=population))
    assert -1 <= low <= np.mean(one - other) + 1e-12
    assert np.mean(one - other) - 1e-12 <= high <= 1
    if test.verdict is None:
        assert low - 1e-8 <= margin <= high + 1e-8
    if test.decided_after == len(x):
        assert high <= margin + 1e-7 if test.verdict == "below" else low >= margin - 1e-7


def test_pairs_tell_more_than_two_sequences_and_answers_alike_more_still():
    rng = np.random.default_rng(8)
    one, other = (rng.random(500) < 0.3).astype(float), (rng.random(500) < 0.3).astype(float)
    alike = np.where(rng.random(500) < 0.9, one, other)
    apart, paired, together = two_sample_sequence(one, other), paired_sequence(one, other), paired_sequence(one, alike)
    assert np.ptp(together) < np.ptp(paired) < np.ptp(apart)


@pytest.mark.parametrize("margin", [-1, 1, 3])
def test_a_margin_at_the_end_is_refused(margin):
    with pytest.raises(ValueError, match="between -1 and 1"):
        DifferenceTest(margin)


def test_what_is_no_pair_is_refused():
    with pytest.raises(ValueError, match="got 2 outcomes and 1; allowed: pairs"):
        paired_sequence([0, 1], [1])
    with pytest.raises(ValueError, match=r"\[n\] in \[0, 1\]"):
        paired_sequence([0.2], [1.2])
    with pytest.raises(ValueError, match="3 at most"):
        DifferenceTest(population=3).update([0] * 4, [1] * 4)


@pytest.mark.parametrize("bound", [0.02, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 1.0])
def test_steady_events_decide_where_single_steps_do(rate, bound):
    every = 1 if rate in (0.0, 1.0) else round(1 / rate)
    outcomes = np.full(4000, rate) if every == 1 else (np.arange(4000) % every == every - 1).astype(float)
    test = RateTest(bound)
    test.update(outcomes)
    after = decided_at(rate, bound, 0.95)
    assert after == pytest.approx(test.decided_after, abs=max(every + 1, 0.15 * test.decided_after))
    assert every > 1 or after == test.decided_after


def test_a_rate_at_the_limit_is_never_decided():
    assert decided_at(0.05, 0.05, 0.95) is None


def test_outcomes_known_in_part_are_the_least_for_above_and_the_most_for_below():
    """Each verdict falls where it would fall if the unknown ones were all as unfavourable to it as they may be."""
    known = np.random.default_rng(4).random(400) < 0.9
    least, most = np.where(known, 1.0, 0.0), np.ones(400)
    worst, both = RateTest(0.5), RateTest(0.5)
    worst.update(least)
    for at in range(0, 400, 7):
        both.update(least[at : at + 7], most[at : at + 7])
    assert (both.verdict, both.decided_after) == ("above", worst.decided_after)
    assert both.interval == (confidence_sequence(least)[0], 1.0)
    assert RateTest(0.5).update(np.zeros(400), most) is None
    mirrored = RateTest(0.5)
    mirrored.update(1 - most, 1 - least)
    assert (mirrored.verdict, mirrored.decided_after) == ("below", worst.decided_after)
