"""Prediction-powered inference: coverage by enumeration, the formulas anew, what a judge is worth, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial

from detectors.intervals import POWERED, betting_mean, exact_binomial, prediction_powered

MANY = 20_000


def judge_of(truth, right, rng):
    """A judge whose verdict is that of people with probability `right`."""
    return np.where(rng.random(truth.shape) < right, truth, 1 - truth)


def ends_of(table, others):
    """The interval from a table of (both 1, only the label, only the judge, neither)."""
    labels, judged = np.repeat([1.0, 1, 0, 0], table), np.repeat([1.0, 0, 1, 0], table)
    found = prediction_powered(labels, judged, others)
    return found.low, found.high


# --- coverage


TABLES = np.array([(a, b, c, 30 - a - b - c) for a in range(31) for b in range(31 - a) for c in range(31 - a - b)])


@pytest.mark.parametrize("share", [0.02, 0.3, 0.45])
def test_coverage_by_enumeration(share):
    """30 labels, all 5,456 tables, and the judge's share known: every rate and every correlation that goes with it.

    The hard cases are among them: a rate of 1 %, where most samples have no 1 at all, and the judge who is never wrong
    in one direction.
    """
    others = np.repeat([1.0, 0.0], [round(MANY * share), MANY - round(MANY * share)])
    ends = np.array([ends_of(table, others) for table in TABLES])
    worst = 1.0
    for rate in (0.01, 0.05, 0.2, 0.3, 0.5, 0.9):
        for correlation in (0, 0.5, 0.7, 0.9):
            both = rate * share + correlation * np.sqrt(rate * (1 - rate) * share * (1 - share))
            cells = np.array([both, rate - both, share - both, 1 - rate - share + both])
            if cells.min() > -1e-9:
                weight = multinomial.pmf(TABLES, 30, np.clip(cells, 0, 1) / np.clip(cells, 0, 1).sum())
                worst = min(worst, weight[(ends[:, 0] <= rate + 1e-9) & (rate - 1e-9 <= ends[:, 1])].sum())
    assert worst >= POWERED.worst_coverage


@pytest.mark.parametrize("rate", [0.005, 0.03])
def test_it_holds_where_the_normal_interval_fails(rate):
    rng = np.random.default_rng(0)
    missed = plain = 0
    for _ in range(300):
        truth = (rng.random(2100) < rate).astype(float)
        judged = judge_of(truth, 0.98, rng)
        y, f, rest = truth[:100], judged[:100], judged[100:]
        found = prediction_powered(y, f, rest)
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
        found = prediction_powered(truth[:50], score[:50], score[50:], 0.9)
        missed += not found.low <= 0.4 <= found.high
    assert missed <= 0.1 * 400 + 2.6 * np.sqrt(0.09 * 400)


# --- what it is worth


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_a_judge_of_correlation_seven_tenths_saves_labels(rate):
    """100 labels and 10,000 verdicts: 28.6 % shorter is the limit of any method against itself, 1 - sqrt(1 - 0.7^2).

    Against the exact interval of the labels alone it is as much; against the betting interval, which holds for all
    bounded values as this one does, well over 30 %.
    """
    rng = np.random.default_rng(2)
    right = 0.85 if rate == 0.5 else 0.8666
    widths = []
    for _ in range(150):
        truth = (rng.random(10_100) < rate).astype(float)
        judged = judge_of(truth, right, rng)
        found = prediction_powered(truth[:100], judged[:100], judged[100:])
        exact, betting = exact_binomial(truth[:100].sum(), 100), betting_mean(truth[:100])
        widths.append([found.high - found.low, exact[1] - exact[0], betting[1] - betting[0]])
        correlation = np.corrcoef(truth, judged)[0, 1]
    ours, exact, betting = np.mean(widths, axis=0)
    assert correlation == pytest.approx(0.7, abs=0.03)
    assert ours <= 0.715 * exact
    assert ours <= 0.7 * betting


@pytest.mark.parametrize("ones", [0, 3, 50, 100])
def test_a_judge_who_says_always_the_same_leaves_the_labels_alone(ones):
    y = np.repeat([1.0, 0.0], [ones, 100 - ones])
    found = prediction_powered(y, np.full(100, 0.7), np.full(500, 0.7))
    assert (found.value, found.weight, found.worth) == (ones / 100, 0, pytest.approx(100))
    assert (found.low, found.high) == pytest.approx(exact_binomial(ones, 100), abs=1e-9)


def test_labels_that_all_agree_give_the_exact_bound_whatever_the_judge_says():
    scores = np.random.default_rng(3).random(1100)
    found = prediction_powered(np.zeros(100), scores[:100], scores[100:])
    assert (found.low, found.high) == (0, pytest.approx(1 - 0.025**0.01))


def test_a_few_labels_that_agree_with_the_judge_by_chance_prove_little():
    """Two events of 100, both told by the judge: without doubt about them, n would count as 500 and more."""
    y = np.repeat([1.0, 0.0], [2, 98])
    others = np.repeat([1.0, 0.0], [200, 9800])
    found = prediction_powered(y, y, others)
    assert found.worth < 250
    assert found.high > 0.035


# --- the formulas anew


def test_the_estimate_and_its_weight_by_hand():
    """y = (1, 1, 0, 0), f = (1, .5, .5, 0), eight others of mean .25.

    cov = .5 / 4, var = .5 / 4, so w = 1 / (1 + 4 / 8) = 2/3; estimate 1/2 + 2/3 (1/4 - 1/2) = 1/3.
    """
    found = prediction_powered([1, 1, 0, 0], [1, 0.5, 0.5, 0], np.repeat([1.0, 0.0], [2, 6]))
    assert found.weight == pytest.approx(2 / 3)
    assert found.value == pytest.approx(1 / 3)


def test_the_weight_leaves_least_variance():
    rng = np.random.default_rng(4)
    y = (rng.random(60) < 0.5).astype(float)
    f = np.clip(0.3 + 0.4 * y + rng.normal(0, 0.2, 60), 0, 1)
    weight = prediction_powered(y, f, rng.random(200)).weight

    def variance(w):
        return (y - w * f).var() / 60 + w**2 * f.var() / 200

    assert variance(weight) <= min(variance(weight + 0.01), variance(weight - 0.01))


values = st.lists(st.floats(0, 1).map(lambda x: round(x, 3)), min_size=3, max_size=30)


@given(values, st.integers(0, 2**32), st.floats(0.5, 0.99))
@settings(deadline=None)
def test_laws(labels, seed, level):
    rng = np.random.default_rng(seed)
    y, f, rest = np.array(labels), rng.random(len(labels)), rng.random(40)
    found = prediction_powered(y, f, rest, level)
    assert 0 <= found.low <= found.value <= found.high <= 1
    mirrored = prediction_powered(1 - y, 1 - f, 1 - rest, level)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-7)
    # a judge on another scale, or one who says the contrary, is worth as much
    turned = prediction_powered(y, 0.9 - 0.5 * f, 0.9 - 0.5 * rest, level)
    assert (turned.low, turned.high, turned.worth) == pytest.approx((found.low, found.high, found.worth), abs=1e-6)
    wide = prediction_powered(y, f, rest, level + 0.005)
    assert wide.low <= found.low + 1e-12
    assert wide.high >= found.high - 1e-12


@pytest.mark.parametrize(("labels", "judged", "others"), [
    ([1], [1], [1]), ([1, 0], [1], [1]), ([1, 0], [1, 0], []), ([[1, 0]], [[1, 0]], [1]),
])
def test_shapes_that_do_not_fit_are_refused(labels, judged, others):
    with pytest.raises(ValueError, match=r"allowed: \[n\], \[n\], \[N\], n >= 2"):
        prediction_powered(labels, judged, others)


@pytest.mark.parametrize("bad", [1.2, -0.1, np.nan])
def test_values_outside_are_refused(bad):
    for place in range(3):
        parts = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
        parts[place][0] = bad
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            prediction_powered(*parts)
