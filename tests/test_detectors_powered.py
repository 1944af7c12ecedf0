"""Prediction-powered inference: coverage by enumeration, the formulas anew, what a judge is worth, and refusals."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.intervals import exact_binomial, prediction_powered


def judge_of(truth, right, rng):
    """A judge whose verdict is that of people with probability `right`."""
    return np.where(rng.random(truth.shape) < right, truth, 1 - truth)


# --- coverage


@pytest.mark.parametrize(("size", "others", "share"), [(30, 3000, 0.575), (60, 3000, 0.54)])
def test_it_holds_under_a_lenient_judge(size, others, share):
    """The judge never misses a right answer and calls a few wrong ones right; few labels chance to show it.

    The binomial interval of what the labels are worth missed .097 of .05 here, and .036 where .0036 is allowed.
    """
    rng, missed = np.random.default_rng(1), np.zeros(2)
    for _ in range(500):
        both, only, neither = rng.multinomial(size, [0.5, share - 0.5, 1 - share])
        y, f = np.repeat([1.0, 0, 0], [both, only, neither]), np.repeat([1.0, 1, 0], [both, only, neither])
        rest = (rng.random(others) < share).astype(float)
        for case, level in enumerate((0.95, 1 - 0.05 / 14)):
            found = prediction_powered(y, f, rest, level, rng=rng)
            missed[case] += not found.low <= 0.5 <= found.high
    assert missed[0] <= 0.05 * 500
    assert missed[1] <= 0.05 / 14 * 500 + 2


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_coverage_by_enumeration(level):
    """Four labels and four others, every sample of both, in the hardest of distributions: all that can happen.

    The order is drawn too, which is averaged over by drawing it anew for every sample.
    """
    rng = np.random.default_rng(0)
    cells = np.array([(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
    labels = np.array(list(itertools.product(range(4), repeat=4)))
    ones = np.arange(5)
    ends = np.array([
        [_ends(cells[row], np.repeat([1.0, 0.0], [k, 4 - k]), level, rng) for k in ones] for row in labels
    ])
    for p in [np.array(q) / 5 for q in itertools.product(range(6), repeat=4) if sum(q) == 5]:
        rate, share = p[0] + p[1], p[0] + p[2]
        missed = (ends[..., 0] > rate + 1e-9) | (ends[..., 1] < rate - 1e-9)
        assert np.prod(p[labels], axis=1) @ missed @ binom.pmf(ones, 4, share) <= 1 - level


def _ends(rows, others, level, rng):
    found = prediction_powered(rows[:, 0], rows[:, 1], others, level, rng=rng)
    return found.low, found.high


@pytest.mark.parametrize("rate", [0.005, 0.03])
def test_it_holds_where_the_normal_interval_fails(rate):
    rng = np.random.default_rng(0)
    missed = plain = 0
    for _ in range(300):
        truth = (rng.random(2100) < rate).astype(float)
        judged = judge_of(truth, 0.98, rng)
        y, f, rest = truth[:100], judged[:100], judged[100:]
        found = prediction_powered(y, f, rest, rng=rng)
        missed += not found.low <= rate <= found.high
        error = np.sqrt((y - found.weight * f).var(ddof=1) / 100 + found.weight**2 * rest.var() / 2000)
        middle = y.mean() + found.weight * (rest.mean() - f.mean())
        plain += abs(middle - rate) > 1.96 * error
    assert missed <= 0.05 * 300
    assert plain > 0.1 * 300


@pytest.mark.parametrize("shape", [(6, 2), (1, 0.3)])
def test_scores_that_are_no_verdicts(shape):
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(400):
        truth = (rng.random(1050) < 0.4).astype(float)
        score = np.where(truth == 1, rng.beta(*shape, 1050), rng.beta(*shape[::-1], 1050))
        found = prediction_powered(truth[:50], score[:50], score[50:], 0.9, rng=rng)
        missed += not found.low <= 0.4 <= found.high
    assert missed <= 0.1 * 400 + 2.6 * np.sqrt(0.09 * 400)


# --- what it is worth


@pytest.mark.parametrize(("size", "right", "least"), [(300, 0.98, 0.25), (1000, 0.9, 0.15)])
def test_a_good_judge_saves_labels(size, right, least):
    """Ten others for every label: so much shorter than the exact interval of the labels alone."""
    rng, widths = np.random.default_rng(2), []
    for _ in range(12):
        truth = (rng.random(11 * size) < 0.5).astype(float)
        judged = judge_of(truth, right, rng)
        found = prediction_powered(truth[:size], judged[:size], judged[size:], rng=rng)
        exact = exact_binomial(truth[:size].sum(), size)
        widths.append([found.high - found.low, exact[1] - exact[0]])
    ours, exact = np.mean(widths, axis=0)
    assert ours <= (1 - least) * exact


@pytest.mark.parametrize("ones", [0, 3, 50, 100])
def test_a_judge_who_says_always_the_same_costs_little(ones):
    """The labels alone, at half of the error."""
    y = np.repeat([1.0, 0.0], [ones, 100 - ones])
    found = prediction_powered(y, np.full(100, 0.7), np.full(500, 0.7), rng=np.random.default_rng(0))
    assert (found.value, found.weight, found.worth) == (ones / 100, 0, pytest.approx(100))
    wide = exact_binomial(ones, 100, 0.975)
    assert wide[0] - 1e-9 <= found.low
    assert found.high <= wide[1] + 1e-9


def test_a_few_labels_that_agree_with_the_judge_by_chance_prove_little():
    """Two events of 100, both told by the judge: without doubt about them, n would count as 500 and more."""
    y = np.repeat([1.0, 0.0], [2, 98])
    others = np.repeat([1.0, 0.0], [200, 9800])
    found = prediction_powered(y, y, others, rng=np.random.default_rng(0))
    assert found.worth < 250
    assert found.high > 0.035


# --- the formulas anew


def test_the_estimate_and_its_weight_by_hand():
    """y = (1, 1, 0, 0), f = (1, .5, .5, 0), eight others of mean .25.

    cov = .5 / 4, var = .5 / 4, so w = 1 / (1 + 4 / 8) = 2/3; estimate 1/2 + 2/3 (1/4 - 1/2) = 1/3.
    """
    rng = np.random.default_rng(0)
    found = prediction_powered([1, 1, 0, 0], [1, 0.5, 0.5, 0], np.repeat([1.0, 0.0], [2, 6]), rng=rng)
    assert found.weight == pytest.approx(2 / 3)
    assert found.value == pytest.approx(1 / 3)


def test_the_weight_leaves_least_variance():
    rng = np.random.default_rng(4)
    y = (rng.random(60) < 0.5).astype(float)
    f = np.clip(0.3 + 0.4 * y + rng.normal(0, 0.2, 60), 0, 1)
    weight = prediction_powered(y, f, rng.random(200), rng=rng).weight

    def variance(w):
        return (y - w * f).var() / 60 + w**2 * f.var() / 200

    assert variance(weight) <= min(variance(weight + 0.01), variance(weight - 0.01))


values = st.lists(st.floats(0, 1).map(lambda x: round(x, 3)), min_size=3, max_size=30)


@given(values, st.integers(0, 2**32), st.floats(0.5, 0.99))
@settings(deadline=None)
def test_laws(labels, seed, level):
    rng = np.random.default_rng(seed)
    y, f, rest = np.array(labels), rng.random(len(labels)), rng.random(40)
    found = prediction_powered(y, f, rest, level, rng=np.random.default_rng(seed + 1))
    assert 0 <= found.low <= found.value <= found.high <= 1
    again = prediction_powered(y, f, rest, level, rng=np.random.default_rng(seed + 1))
    assert again == found
    wide = prediction_powered(y, f, rest, level + 0.005, rng=np.random.default_rng(seed + 1))
    assert wide.low <= found.low + 1e-12
    assert wide.high >= found.high - 1e-12


@pytest.mark.parametrize(("labels", "judged", "others"), [
    ([1], [1], [1]), ([1, 0], [1], [1]), ([1, 0], [1, 0], []), ([[1, 0]], [[1, 0]], [1]),
])
def test_shapes_that_do_not_fit_are_refused(labels, judged, others):
    with pytest.raises(ValueError, match=r"allowed: \[n\], \[n\], \[N\], n >= 2"):
        prediction_powered(labels, judged, others, rng=np.random.default_rng(0))


@pytest.mark.parametrize("bad", [1.2, -0.1, np.nan])
def test_values_outside_are_refused(bad):
    for place in range(3):
        parts = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
        parts[place][0] = bad
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            prediction_powered(*parts, rng=np.random.default_rng(0))
