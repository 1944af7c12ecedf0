"""Agreement: published tables, scikit-learn and the definitions as oracles, coverage, and what is undefined."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from detectors.agreement import AGREEMENT, cohen_kappa, krippendorff_alpha

N = np.nan
FOUR_CODERS = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]).T
"""Krippendorff 2011, example D: four coders, twelve units, missing ratings."""
METRICS = ("nominal", "ordinal", "interval", "ratio")


def rng():
    return np.random.default_rng(0)


def alpha_of(ratings, metric="nominal"):
    return krippendorff_alpha(ratings, level=0.95, rng=rng(), metric=metric)


def kappa_of(first, second, **options):
    return cohen_kappa(first, second, level=0.95, rng=rng(), **options)


# --- published values


@pytest.mark.parametrize(("metric", "value"), list(zip(METRICS, (0.743, 0.815, 0.849, 0.797), strict=True)))
def test_krippendorffs_table(metric, value):
    alpha = alpha_of(FOUR_CODERS, metric)
    assert round(alpha.value, 3) == value
    assert alpha.n == {"items": 40, "units": 11}


def test_krippendorffs_binary_example():
    """Krippendorff 2011, example A: two observers, ten units, alpha 0.095; the pairs agree in six of ten."""
    first, second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert round(alpha_of(np.column_stack([first, second])).value, 3) == 0.095


def test_krippendorffs_nominal_example():
    """Krippendorff 2011, example B: two observers, twelve units, five categories, alpha 0.692."""
    pairs = zip("aabbdcccedda", "babbbccceddd", strict=True)
    assert round(alpha_of([[ord(one), ord(other)] for one, other in pairs]).value, 3) == 0.692


def test_kappa_by_hand():
    """Fifty items, (20, 5; 10, 15): observed 35 of 50, by chance .5 .6 + .5 .4 = .5, so kappa .4."""
    pairs = [(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15
    assert kappa_of(*zip(*pairs, strict=True)).value == pytest.approx(0.4)


# --- oracles


@given(st.integers(0, 2**32), st.integers(2, 5), st.sampled_from(["none", "linear", "quadratic"]))
@settings(deadline=None, max_examples=40)
def test_kappa_is_scikit_learns(seed, categories, weights):
    random = np.random.default_rng(seed)
    first = random.integers(0, categories, 60)
    second = np.where(random.random(60) < 0.5, first, random.integers(0, categories, 60))
    if len({*first, *second}) < categories:
        return
    theirs = cohen_kappa_score(first, second, weights=None if weights == "none" else weights)
    ours = kappa_of(first, second, weights=weights)
    assert ours.value == pytest.approx(theirs)
    assert -1 <= ours.low <= ours.value <= ours.high <= 1
    names = np.array(["a", "b", "c", "d", "e"])
    assert kappa_of(names[first], names[second], weights=weights).value == pytest.approx(theirs)
    assert kappa_of(second, first, weights=weights).value == pytest.approx(theirs)


def alpha_by_definition(ratings, metric):
    """Every pair of ratings in turn, within units and over all."""
    units = [[value for value in row if value == value] for row in ratings]
    units = [row for row in units if len(row) > 1]
    every = sorted(value for row in units for value in row)

    def apart(a, b):
        if metric == "nominal":
            return float(a != b)
        if metric == "interval":
            return (a - b) ** 2
        if metric == "ratio":
            return ((a - b) / (a + b)) ** 2 if a + b else 0.0
        low, high = min(a, b), max(a, b)
        between = sum(low <= value <= high for value in every)
        return (between - (every.count(a) + every.count(b)) / 2) ** 2 if a != b else 0.0

    size = len(every)
    observed = sum(apart(a, b) / (len(row) - 1) for row in units for a, b in itertools.permutations(row, 2)) / size
    chance = sum(apart(a, b) for a, b in itertools.permutations(every, 2)) / (size * (size - 1))
    return 1 - observed / chance


@given(st.integers(0, 2**32), st.sampled_from(METRICS))
@settings(deadline=None, max_examples=40)
def test_alpha_is_its_definition(seed, metric):
    random = np.random.default_rng(seed)
    ratings = random.integers(0, 5, (8, 3)).astype(float)
    ratings[random.random((8, 3)) < 0.2] = np.nan
    alpha = alpha_of(ratings, metric)
    if alpha.value is not None:
        assert alpha.value == pytest.approx(alpha_by_definition(ratings, metric))
        assert -1 <= alpha.low <= alpha.value <= alpha.high <= 1
        shuffled = random.permuted(ratings[random.permutation(8)], axis=1)
        assert alpha_of(shuffled, metric).value == pytest.approx(alpha.value)


def test_interval_ratings_may_have_many_values():
    random = np.random.default_rng(1)
    ratings = random.normal(size=(300, 1)) + 0.5 * random.normal(size=(300, 3))
    alpha = alpha_of(ratings, "interval")
    assert alpha.low < 1 / 1.25 < alpha.high
    assert alpha.high - alpha.low < 0.4


def test_kappa_over_units_counts_units():
    """Ten copies of every item are no more than the item, but for what a valid interval of means costs."""
    random = np.random.default_rng(2)
    first = random.integers(0, 2, 100)
    second = np.where(random.random(100) < 0.8, first, 1 - first)
    one = kappa_of(first, second)
    copies = kappa_of(np.repeat(first, 10), np.repeat(second, 10), units=np.repeat(np.arange(100), 10))
    blind = kappa_of(np.repeat(first, 10), np.repeat(second, 10))
    assert copies.value == pytest.approx(one.value)
    assert copies.n == {"items": 1000, "units": 100}
    assert copies.high - copies.low > 0.9 * (one.high - one.low)
    assert blind.high - blind.low < 0.5 * (one.high - one.low)


# --- coverage


@pytest.mark.parametrize(("rate", "kappa"), [(0.1, 0.7), (0.5, 0.3), (0.5, 0.95)])
def test_kappa_covers(rate, kappa):
    random = np.random.default_rng(3)
    both = rate**2 + kappa * rate * (1 - rate)
    missed = 0
    for _ in range(120):
        cell = random.choice(4, 60, p=[both, rate - both, rate - both, 1 - 2 * rate + both])
        found = cohen_kappa(cell < 2, cell % 2 == 0, level=0.95, rng=random)
        missed += found.value is not None and not found.low <= kappa <= found.high
    assert missed <= 120 * (1 - AGREEMENT.worst_coverage) + 2.6 * np.sqrt(120 * 0.06 * 0.94)


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
def test_alpha_covers(metric):
    """Two raters keep the truth together in 0.75^2 of the units, and agree by chance in the others: alpha is 9/16."""
    random, truth = np.random.default_rng(4), 0.75**2

    def drawn(units):
        kept = random.integers(0, 3, (units, 1))
        return np.where(random.random((units, 3)) < 0.75, kept, random.integers(0, 3, (units, 3))).astype(float)

    missed = 0
    for _ in range(60):
        found = krippendorff_alpha(drawn(50), level=0.95, rng=random, metric=metric)
        missed += not found.low <= truth <= found.high
    assert missed <= 60 * (1 - AGREEMENT.worst_coverage) + 2.6 * np.sqrt(60 * 0.06 * 0.94)


# --- the edges


def test_perfect_agreement_has_the_bound_of_no_disagreement():
    """0 of 60 items differ, so with the exact bound 1 - .025^(1/60) = 6 % of them at most, of 50 % by chance."""
    kappa = kappa_of([0, 1] * 30, [0, 1] * 30)
    assert (kappa.value, kappa.high) == (1, 1)
    assert kappa.low == pytest.approx(1 - (1 - 0.025 ** (1 / 60)) / 0.5, abs=0.02)
    alpha = alpha_of(np.repeat([[1.0, 1.0], [2.0, 2.0]], 30, axis=0))
    assert (alpha.value, alpha.high) == (1, 1)
    assert 0.8 < alpha.low < 0.9


@pytest.mark.parametrize("metric", METRICS)
def test_one_category_has_no_agreement_beyond_chance(metric):
    alpha = alpha_of(np.full((30, 2), 3.0), metric)
    assert alpha.value is None
    assert alpha.undefined == "all ratings are the same, so that agreement by chance is certain too"
    assert kappa_of([1] * 30, [1] * 30).undefined == alpha.undefined


@pytest.mark.parametrize("ratings", [np.full((3, 2), N), [[1, N], [N, 2]], np.zeros((0, 2)), [[1, 2], [1, N]]])
def test_too_few_units_have_a_reason(ratings):
    assert alpha_of(ratings).undefined == "fewer than two units have two ratings"


@pytest.mark.parametrize("metric", ["interval", "ordinal", "ratio"])
def test_raters_who_are_always_as_far_apart_have_an_interval(metric):
    """Nothing to resample: every unit differs by one step of two, or of three."""
    alpha = alpha_of(np.repeat([[1.0, 2.0], [3.0, 2.0], [2.0, 3.0], [2.0, 1.0]], 15, axis=0), metric)
    assert alpha.low < alpha.value < alpha.high


def test_raters_who_never_agree_are_worse_than_chance():
    kappa = kappa_of([0, 1] * 20, [1, 0] * 20)
    assert kappa.value == pytest.approx(-1)
    assert kappa.low == -1
    assert kappa.high < 0


@pytest.mark.parametrize(("first", "second"), [([1], [1, 2]), ([], []), ([1, N], [1, 1]), ([[1]], [[1]])])
def test_ratings_that_are_no_pairs_are_refused(first, second):
    with pytest.raises(ValueError, match="none missing"):
        kappa_of(np.array(first, dtype=float), np.array(second, dtype=float))


@pytest.mark.parametrize(("ratings", "metric"), [([1, 2], "nominal"), ([[1, np.inf]], "nominal"), ([[-1, 2]], "ratio")])
def test_ratings_that_cannot_be_are_refused(ratings, metric):
    with pytest.raises(ValueError, match="not negative for ratio"):
        alpha_of(ratings, metric)
