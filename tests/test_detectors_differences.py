"""Differences of two sets of answers: numbers by hand, mirrors, exact coverage, enumerated tests."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import binom, binomtest, multinomial

from detectors.differences import (
    APART,
    Estimate,
    apart_difference,
    auroc_difference,
    distance_difference,
    mean_difference,
    sign_test_p,
    watched_difference,
)
from detectors.intervals import betting_mean, discordant_interval, exact_binomial, mean_over_units
from detectors.sequential import RateTest

UNIT = st.integers(0, 4).map(lambda count: count / 4)
PAIRS = st.lists(st.tuples(UNIT, UNIT, st.sampled_from("abcde")), min_size=2, max_size=12)


def rng():
    return np.random.default_rng(0)


def means(a, b, units=None, level=0.95):
    return mean_difference(a, b, units, level=level, rng=rng())


def test_single_items_by_hand():
    """Of 20 items 8 fail anew and 1 passes anew: -7/20, and 2 (1 + 9) / 2^9 by the sign test; exact, so narrower."""
    a = np.array([1.0] * 8 + [0.0] + [1.0] * 6 + [0.0] * 5)
    b = np.array([0.0] * 8 + [1.0] + [1.0] * 6 + [0.0] * 5)
    found = means(a, b)
    assert (found.value, found.items, found.units) == (pytest.approx(-0.35), 20, 20)
    assert found.p == pytest.approx(20 / 512)
    low, high = betting_mean(rng().permutation((1 + b - a) / 2), 0.95)
    assert (found.low, found.high) == discordant_interval(8, 1, 20, 0.95)
    assert 2 * low - 1 < found.low < found.high < 2 * high - 1
    shares = means(a * 0.9, b * 0.9)
    assert (shares.low, shares.high) == pytest.approx(tuple(
        2 * end - 1 for end in betting_mean(rng().permutation((1 + 0.9 * (b - a)) / 2), 0.95)
    ))
    assert means([1.0] * 12 + [0.0] * 8, [0.0] * 20).high < 0


def test_units_weigh_the_same_however_many_items_they_have():
    """Unit a: 1 -> 0 on one item; unit b: two items of three turn to 1. (-1 + 2/3) / 2."""
    found = means([1, 0, 0, 0], [0, 1, 1, 0], ["a", "b", "b", "b"])
    assert (found.value, found.units, found.items) == (pytest.approx((-1 + 2 / 3) / 2), 2, 4)


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_sign_test_is_the_exact_binomial_one(more, less):
    expected = binomtest(more, more + less).pvalue if more + less else 1.0
    assert sign_test_p(more, less) == pytest.approx(expected)


def test_sign_flips_agree_with_all_of_them():
    a = np.array([0.1, 0.4, 0.35, 0.8, 0.2, 0.55, 0.6, 0.9])
    b = np.array([0.3, 0.45, 0.30, 0.95, 0.5, 0.75, 0.5, 1.0])
    sums = [abs(np.dot(signs, b - a)) for signs in itertools.product((-1, 1), repeat=8)]
    exact = np.mean(np.array(sums) >= abs((b - a).sum()) - 1e-12)
    found = means(a, b)
    assert "sign flips" in found.test
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 5000))


def test_many_units_are_flipped_as_fast_as_few_and_agree():
    generator = np.random.default_rng(7)
    a, b = generator.random((2, 20_001)) / 2
    b = np.clip(b + 0.002, 0, 1)
    many = means(a, b)
    signs = generator.integers(0, 2, size=(400, a.size)) * 2 - 1
    share = np.mean(np.abs(signs @ (b - a)) >= abs((b - a).sum()))
    assert many.p == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 400 + 1e-4))


@pytest.mark.parametrize("kind", ["mean", "watched", "distance"])
@given(PAIRS)
def test_exchanging_the_two_changes_signs_and_nothing_else(kind, rows):
    def make(first, second):
        if kind == "watched":
            return watched_difference(first, second, units, level=0.9)
        if kind == "distance":
            return distance_difference(first, second, units, 0.5, level=0.9, rng=rng())
        return mean_difference(first, second, units, level=0.9, rng=rng())

    a, b, units = map(list, zip(*rows, strict=True))
    there, back, same = make(a, b), make(b, a), make(a, a)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low), abs=1e-8)
    assert there.p == pytest.approx(back.p)
    assert there.low <= there.value <= there.high
    assert (same.value, same.p) == (0, 1)
    assert same.low <= 0 <= same.high


@pytest.mark.parametrize("cells", [(0.1, 0, 0), (0.05, 0.05, 0.1), (0.3, 0.4, 0.1), (0, 0, 0.02), (0.25, 0.25, 0.25)])
def test_coverage_over_all_tables_is_at_least_nominal(cells):
    n, level = 12, 0.9
    tables = [t for t in itertools.product(range(n + 1), repeat=3) if sum(t) <= n]
    chance = multinomial.pmf([[*t, n - sum(t)] for t in tables], n, [*cells, 1 - sum(cells)])
    truth, covered = cells[2] - cells[1], 0.0
    for table, p in zip(tables, chance, strict=True):
        answers = np.repeat([[1.0, 1], [1, 0], [0, 1], [0, 0]], [*table, n - sum(table)], axis=0)
        found = means(answers[:, 0], answers[:, 1], level=level)
        covered += p * (found.low - 1e-12 <= truth <= found.high + 1e-12)
    assert covered >= level


def test_a_watched_difference_is_never_wrong_more_often_than_its_level():
    """Stopped where it first excludes no difference, or after 200: at most 5 % of the times without one."""
    wrong = 0
    generator = np.random.default_rng(1)
    for _ in range(200):
        a, b = (generator.random((2, 200)) < 0.3).astype(float)
        wrong += RateTest(0.5, 0.95).update((1 + b - a) / 2) is not None
    assert wrong / 200 <= 0.05
    gone = watched_difference(np.zeros(60), np.ones(60), None, level=0.95)
    assert gone.low > 0


def test_the_watched_p_is_the_level_at_which_the_test_turns():
    generator = np.random.default_rng(2)
    a = (generator.random(80) < 0.2).astype(float)
    b = (generator.random(80) < 0.5).astype(float)
    p = watched_difference(a, b, None, level=0.95).p
    assert 0 < p < 0.05
    assert RateTest(0.5, 1 - 1.01 * p).update((1 + b - a) / 2) is not None
    assert RateTest(0.5, 1 - 0.99 * p).update((1 + b - a) / 2) is None


def test_distances_hold_all_that_means_and_difference_allow():
    """Against a search over all pairs of means that the three intervals allow."""
    generator = np.random.default_rng(3)
    a, b = (generator.random(60) < 0.45).astype(float), (generator.random(60) < 0.65).astype(float)
    found = distance_difference(a, b, None, 0.5, level=0.94, rng=rng())
    stricter = 1 - 0.06 / 3
    generator = rng()
    order = int(generator.integers(2**63))
    gap = mean_difference(a, b, None, level=stricter, rng=generator)
    ends = [mean_over_units(one, None, level=stricter, rng=np.random.default_rng(order)) for one in (a, b)]
    x, y = np.meshgrid(*(np.linspace(end.low, end.high, 801) for end in ends))
    kept = (y - x >= gap.low) & (y - x <= gap.high)
    moved = (np.abs(y - 0.5) - np.abs(x - 0.5))[kept]
    assert (found.low, found.high) == pytest.approx((moved.min(), moved.max()), abs=2e-3)
    assert found.low <= moved.min() + 1e-12
    assert found.high >= moved.max() - 1e-12
    assert found.value == pytest.approx(abs(b.mean() - 0.5) - abs(a.mean() - 0.5))


def scores(seed, shift, n=60):
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(n, 1))
    return pd.DataFrame(common + generator.normal(size=(n, 2)) + shift, columns=["first", "second"])


def test_aurocs_are_paired():
    familiar, foreign = scores(0, 0.0), scores(1, np.array([3.0, 0.5]))
    units = (np.arange(60), 60 + np.arange(60))
    found = auroc_difference(familiar, foreign, units, level=0.95)
    areas = [(foreign[c].to_numpy()[:, None] > familiar[c].to_numpy()).mean() for c in ("first", "second")]
    assert found.value == pytest.approx(areas[1] - areas[0])
    assert found.high < 0
    assert (found.guarantee, found.min_units) == ("finite sample", 0)
    turned = {"first": "second", "second": "first"}
    back = auroc_difference(familiar.rename(columns=turned), foreign.rename(columns=turned), units, level=0.95)
    assert (back.low, back.high, back.p) == pytest.approx((-found.high, -found.low, found.p))
    at = auroc_difference(familiar, foreign, units, level=1 - found.p)
    assert at.high == pytest.approx(0, abs=1e-3)
    same = auroc_difference(familiar.assign(second=familiar["first"]), foreign.assign(second=foreign["first"]), units,
                            level=0.95)
    assert (same.value, same.p) == (0, 1)


def test_intervals_made_apart_by_hand():
    found = apart_difference(Estimate(0.5, 0.4, 0.7), Estimate(0.8, 0.7, 0.85), level=0.95, n=(50, 40))
    assert (found.value, found.items, found.units) == (pytest.approx(0.3), 50, 40)
    assert found.low == pytest.approx(0.3 - 0.1 - 0.2)
    assert found.high == pytest.approx(0.3 + 0.05 + 0.1)
    assert ndtri(found.p / 2) == pytest.approx(-0.3 / (0.1 + 0.2) * ndtri(0.975))
    back = apart_difference(Estimate(0.8, 0.7, 0.85), Estimate(0.5, 0.4, 0.7), level=0.95, n=(50, 40))
    assert (back.low, back.high, back.p) == pytest.approx((-found.high, -found.low, found.p))
    near = apart_difference(Estimate(0.5, 0.4, 0.7), Estimate(0.8, 0.7, 0.85), level=0.95, n=(50, 40), ideal=0.6)
    assert (near.value, near.low, near.high) == pytest.approx((0.1, 0.1 - 0.1 - 0.1, 0.1 + 0.05 + 0.1))
    assert (near.min_units, near.worst_coverage) == (APART.min_units, APART.worst_coverage)


@pytest.mark.parametrize("checks", [1, 14])
def test_aurocs_that_differ_by_one_rare_item_are_covered(checks):
    """Exact: the first score is perfect, the second misranks Bin(50, e) items; the delta method missed .087 of .05."""
    level, size, ends = 1 - 0.05 / checks, 50, []
    familiar = pd.DataFrame({"first": np.linspace(0, 1, size), "second": np.linspace(0, 1, size)})
    for k in range(14):
        foreign = pd.DataFrame({"first": np.full(size, 5.0), "second": np.r_[np.full(k, -5.0), np.full(size - k, 5.0)]})
        found = auroc_difference(familiar, foreign, (np.arange(size), np.arange(size) + size), level=level)
        ends.append((found.low, found.high))
    low, high = np.array(ends).T
    for rate in np.concatenate([np.geomspace(1e-4, 0.11, 60), -low[:6] + 1e-9, -high[1:9] - 1e-9]):
        if 0 < rate < 0.11:
            missed = (low > -rate) | (high < -rate)
            assert binom.pmf(np.arange(14), size, rate)[missed].sum() <= 1 - level


def test_answers_that_are_opposed_are_covered_as_often_as_said():
    """Exact: one model answers rightly just what the other does not, so their arms add; in quadrature .083 missed."""
    k, weight = np.arange(101), binom.pmf(np.arange(101), 100, 0.5)
    ends = [Estimate(one / 100, *map(float, exact_binomial(one, 100))) for one in k]
    found = [apart_difference(ends[one], ends[100 - one], level=0.95, n=(100, 100)) for one in k]
    assert sum(w for w, one in zip(weight, found, strict=True) if not one.low <= 0 <= one.high) <= 0.05


def test_intervals_without_width_have_no_p():
    found = apart_difference(Estimate(2, 2, 2), Estimate(3, 3, 3), level=0.95, n=(9, 9))
    assert (found.value, found.low, found.high, found.p) == (1, 1, 1, None)


@pytest.mark.parametrize(
    ("a", "b", "units", "said"),
    [
        ([], [], None, "item >= 1"),
        ([1], [1, 0], None, "the same items"),
        ([0, 2], [0, 1], None, r"outside \[0, 1\]"),
        ([0, 1], [0, 1], ["a"], "one each"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, units, said):
    with pytest.raises(ValueError, match=said):
        means(a, b, units)
