"""Conformal p-values and false discoveries: exact laws of ranks, scipy as oracle, size and power."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control, kstest

from detectors.conformal import (
    benjamini_hochberg,
    calibration_needed,
    check_disjoint,
    critical_score,
    effective_size,
    p_values,
    weighted_p_values,
)

probabilities = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1, max_size=60)


def ordinary_and_outlying(rng, ordinary=90, outlying=10, shift=4.0):
    """Two-dimensional normal points, the last ones shifted."""
    return np.vstack([rng.normal(size=(ordinary, 2)), rng.normal(size=(outlying, 2)) + shift])


# --- p-values


def test_p_values_by_hand():
    got = p_values([1, 2, 3, 4], [0, 2, 2.5, 4, 9], alpha=0.2)
    assert got == pytest.approx([1, 4 / 5, 3 / 5, 2 / 5, 1 / 5])


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=40), st.lists(st.integers(-1, 10), min_size=1, max_size=9),
    st.sampled_from([0.02, 0.05, 0.3, 1.0]),
)
def test_above_the_critical_score_and_only_there_a_p_value_is_small(calibration, scores, alpha):
    by_hand = np.array([(1 + sum(one >= score for one in calibration)) / (len(calibration) + 1) for score in scores])
    assert ((np.array(scores) > critical_score(calibration, alpha)) == (by_hand <= alpha)).all()


def test_a_marginal_p_value_is_uniform_on_its_steps():
    """The rank of an exchangeable score is uniform on 1 ... n + 1, so p is exactly uniform on k / 20."""
    rng = np.random.default_rng(0)
    p = np.array([p_values(rng.normal(size=19), rng.normal(size=1))[0] for _ in range(4000)])
    counts = np.bincount(np.rint(p * 20).astype(int), minlength=21)[1:]
    assert ((counts - 200) ** 2 / 200).sum() < 43.8  # chi-square, 19 degrees of freedom, 0.1 %


@given(st.lists(st.integers(0, 9), min_size=19, max_size=40), st.lists(st.integers(-1, 10), min_size=1, max_size=9))
@settings(deadline=None)
def test_p_values_fall_with_the_score_and_see_ranks_only(calibration, scores):
    p = p_values(calibration, scores)
    order = np.argsort(scores)
    assert np.all(np.diff(p[order]) <= 0)
    assert np.array_equal(p, p_values(np.exp(calibration), np.exp(scores)))
    assert np.all(p >= p_values(np.array(calibration) - 0.5, scores))


@pytest.mark.parametrize("size", [90, 400])
def test_calibration_conditional_p_values_hold_for_the_set_at_hand(size):
    """With uniform scores, P(p <= b) given the set is a spacing; it must not exceed b anywhere, in 90 % of the sets."""
    rng = np.random.default_rng(size)
    broken_conditional = broken_marginal = 0
    for _ in range(400):
        known = np.sort(rng.random(size))
        chance = 1 - known[::-1]  # that a new point lies above the j-th largest
        broken_conditional += np.any(chance > p_values(known, known[::-1] + 1e-12, confidence=0.9) + 1e-9)
        broken_marginal += np.any(chance > p_values(known, known[::-1] + 1e-12) + 1e-9)
    assert binom.sf(broken_conditional - 1, 400, 0.1) > 0.001
    assert broken_marginal > 300


def test_calibration_conditional_p_values_are_larger_and_monotone():
    known = np.random.default_rng(1).normal(size=500)
    scores = np.linspace(-4, 4, 60)
    marginal, careful = p_values(known, scores), p_values(known, scores, confidence=0.95)
    assert np.all(careful >= marginal)
    assert np.all(np.diff(careful) <= 0)
    assert careful[0] == 1
    assert careful[-1] == pytest.approx(1 - 0.05 ** (1 / 250))


def test_group_conditional_p_values_hold_in_the_group_that_scores_higher():
    """One group's ordinary scores are shifted: pooled p-values accuse it, its own do not."""
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b"], [900, 100])
    shift = np.where(groups == "b", 1.5, 0)
    known, new = rng.normal(size=1000) + shift, rng.normal(size=1000) + shift
    own, pooled = p_values(known, new, groups=(groups, groups)), p_values(known, new)
    assert np.mean(pooled[groups == "b"] <= 0.05) > 0.2
    assert np.mean(own[groups == "b"] <= 0.05) < 0.15
    assert kstest(own[groups == "a"], "uniform").pvalue > 0.001
    assert np.array_equal(own[groups == "b"], p_values(known[900:], new[900:]))


@pytest.mark.parametrize(("alpha", "confidence", "needed"), [
    (0.05, None, 19), (0.01, None, 99), (0.1 / 200, None, 1999), (0.3, None, 3), (0.05, 0.9, 90), (0.01, 0.95, 598)
])
def test_too_few_calibration_points_are_refused_by_number(alpha, confidence, needed):
    assert calibration_needed(alpha, confidence) == needed
    far = p_values(np.zeros(needed), [1], alpha=alpha, confidence=confidence)
    assert far[0] <= alpha + 1e-12
    with pytest.raises(ValueError, match=f"got {needed - 1} calibration points; .* needs {needed}"):
        p_values(np.zeros(needed - 1), [1], alpha=alpha, confidence=confidence)


def test_a_group_without_enough_of_its_own_is_named():
    with pytest.raises(ValueError, match=r"got 1 calibration points in group b; .* needs 19"):
        p_values(np.arange(30), [1, 2], groups=(["a"] * 29 + ["b"], ["a", "b"]))


def test_scores_that_cannot_be_ranked_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        p_values(np.arange(30), [np.nan])
    with pytest.raises(ValueError, match="labels"):
        p_values(np.arange(30), [1], groups=(["a"], ["a"]))


# --- under covariate shift


def shifted(rng, size, by):
    """Points x ~ N(by, 1) with scores y = x + noise, and how much denser they are than unshifted ones."""
    x = rng.normal(by, 1, size)
    return x + rng.normal(size=size), np.exp(0.8 * x - 0.32)


def test_weighted_p_values_by_hand():
    """Weights 1, 2, 3, 4 at scores 1, 2, 3, 4; the new point weighs 5: score 3 has (7 + 5) / 15, score 9 has 5 / 15."""
    got = weighted_p_values([4, 2, 1, 3], [3, 9, 0], weights=([4, 2, 1, 3], [5, 5, 10]), alpha=0.5)
    assert got == pytest.approx([12 / 15, 5 / 15, 1])


@given(st.lists(st.integers(0, 9), min_size=19, max_size=40), st.lists(st.integers(-1, 10), min_size=1, max_size=9))
@settings(deadline=None)
def test_equal_weights_change_nothing(calibration, scores):
    weights = (np.full(len(calibration), 0.3), np.full(len(scores), 0.3))
    plain = p_values(calibration, scores)
    assert weighted_p_values(calibration, scores, weights=weights) == pytest.approx(plain)
    drawn = weighted_p_values(calibration, scores, weights=weights, rng=np.random.default_rng(0))
    above = (np.array(calibration)[:, None] > np.array(scores)).sum(axis=0) / (len(calibration) + 1)
    assert np.all(drawn <= plain + 1e-12)
    assert np.all(drawn >= above - 1e-12)


def test_weighted_p_values_hold_under_the_shift_where_plain_ones_accuse():
    rng = np.random.default_rng(1)
    p = {"plain": [], "deterministic": [], "randomised": []}
    for _ in range(600):
        (known, heavy), (new, own) = shifted(rng, 300, 0), shifted(rng, 1, 0.8)
        p["plain"].append(p_values(known, new)[0])
        p["deterministic"].append(weighted_p_values(known, new, weights=(heavy, own))[0])
        p["randomised"].append(weighted_p_values(known, new, weights=(heavy, own), rng=rng)[0])
    for alpha in (0.05, 0.1, 0.3):
        count = np.count_nonzero(np.array(p["deterministic"]) <= alpha)
        assert binom.sf(count - 1, 600, alpha) > 0.001
    assert np.mean(np.array(p["plain"]) <= 0.1) > 0.17
    assert kstest(p["randomised"], "uniform").pvalue > 0.001


def test_the_weight_of_a_point_is_its_smallest_p_value():
    heavy = np.ones(99)
    assert weighted_p_values(np.zeros(99), [1, 1], weights=(heavy, [1, 99]), alpha=0.01) == pytest.approx([0.01, 0.5])


def test_too_small_an_effective_size_is_refused_by_number():
    """1,000 points of which ten carry nearly all the weight are worth ten."""
    heavy = np.r_[np.full(10, 1e6), np.ones(990)]
    assert effective_size(heavy) == pytest.approx(10, abs=0.1)
    with pytest.raises(ValueError, match=r"got 1000 calibration points that count as 10\.0; .* 0\.05 needs 19"):
        weighted_p_values(np.arange(1000), [1], weights=(heavy, [1]))
    assert effective_size(np.full(19, 7.0)) == pytest.approx(19)
    assert effective_size([]) == 0
    weighted_p_values(np.arange(19), [1], weights=(np.full(19, 7.0), [7]))
    with pytest.raises(ValueError, match="got 0 calibration points that count as 0"):
        weighted_p_values([], [1], weights=([], [1]))


@pytest.mark.parametrize("weights", [([1] * 29, [1]), ([1] * 30, [1, 1]), ([0] + [1] * 29, [1]), ([1] * 30, [-1])])
def test_shift_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="all positive"):
        weighted_p_values(np.arange(30), [1], weights=weights)


def test_shift_weights_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        weighted_p_values(np.arange(30), [1], weights=([np.inf] * 30, [1]))


# --- sets without a common item


def test_sets_that_share_items_are_named():
    check_disjoint({"fit": ["a", "b"], "calibration": ["c"], "items": []})
    with pytest.raises(ValueError, match=r"fit and calibration share 2 items: 'b', 'c'; allowed: none"):
        check_disjoint({"items": ["x"], "fit": ["a", "b", "c", "b"], "calibration": iter(["c", "b"])})
    with pytest.raises(ValueError, match=r"share 9 items: 0, 1, 2, 3, 4, \.\.\.; allowed"):
        check_disjoint({"fit": range(9), "calibration": np.arange(20)})


# --- Benjamini-Hochberg


@given(probabilities, st.sampled_from([0.01, 0.05, 0.1, 0.3]))
@settings(deadline=None)
def test_benjamini_hochberg_is_scipys(p, fdr):
    assert np.array_equal(benjamini_hochberg(p, fdr), false_discovery_control(p) <= fdr)


def test_benjamini_hochberg_gives_the_published_example():
    """Benjamini & Hochberg 1995, section 4: fifteen tests, four discoveries at 5 %, three by Bonferroni."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759]
    assert benjamini_hochberg([*p, 1], 0.05).tolist() == [True] * 4 + [False] * 11
    assert benjamini_hochberg([], 0.05).tolist() == []


@given(probabilities, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_benjamini_hochberg_laws(p, random):
    mask = benjamini_hochberg(p)
    assert np.all(benjamini_hochberg(p, 0.2) >= mask)
    assert np.array_equal(benjamini_hochberg(p, weights=np.full(len(p), 7.0)), mask)
    order = random.sample(range(len(p)), len(p))
    assert np.array_equal(benjamini_hochberg(np.array(p)[order]), mask[order])
    assert not np.any(benjamini_hochberg(p, cut=0.5) & (np.array(p) > 0.5))


def test_storeys_share_of_nulls_by_hand():
    """Two of eight above 1/2: share (1 + 2) / (8 / 2) = 3/4, so thresholds grow by 4/3 up to 1/2."""
    p = np.array([0.01, 0.02, 0.03, 0.06, 0.08, 0.09, 0.7, 0.9])
    assert benjamini_hochberg(p, 0.1).sum() == 3
    assert np.array_equal(benjamini_hochberg(p, 0.1, cut=0.5), false_discovery_control(p) * 0.75 <= 0.1)
    assert benjamini_hochberg(p, 0.1, cut=0.5).sum() == 6


def test_weights_move_the_thresholds():
    p = [0.03, 0.03, 0.9, 0.9]
    assert benjamini_hochberg(p, 0.05).tolist() == [False] * 4
    assert benjamini_hochberg(p, 0.05, weights=[3, 1, 1, 1]).tolist() == [False] * 4
    assert benjamini_hochberg(p, 0.05, weights=[6, 1, 1, 1]).tolist() == [True, False, False, False]


@pytest.mark.parametrize(("cut", "weighted"), [(None, False), (0.5, False), (None, True)])
@pytest.mark.parametrize("fitted", [False, True])
def test_false_discoveries_among_conformal_p_values(fitted, cut, weighted):
    """300 audits of 90 ordinary and 10 outlying points, FDR at most 10 %, and nearly all outliers found.

    The score is the distance under the true density, or under one fitted on 100 points that do not calibrate.
    """
    rng = np.random.default_rng(3)
    false, found = [], []
    weights = np.where(np.arange(100) % 2, 1.5, 0.5) if weighted else None
    for _ in range(300):
        fit, known, new = rng.normal(size=(100, 2)), rng.normal(size=(500, 2)), ordinary_and_outlying(rng)
        centre, inverse = (fit.mean(axis=0), np.linalg.inv(np.cov(fit.T))) if fitted else (np.zeros(2), np.eye(2))
        known, new = (np.einsum("ij,jk,ik->i", x - centre, inverse, x - centre) for x in (known, new))
        mask = benjamini_hochberg(p_values(known, new, alpha=0.01), 0.1, cut=cut, weights=weights)
        false.append(mask[:90].sum() / max(mask.sum(), 1))
        found.append(mask[90:].mean())
    assert np.mean(false) <= 0.1 + 2 * np.std(false) / np.sqrt(300)
    assert np.mean(found) > 0.9


@pytest.mark.parametrize("p", [[1.2], [-0.1], [np.nan], [[0.1]]])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        benjamini_hochberg(p)


@pytest.mark.parametrize("weights", [[1], [1, 0], [1, -1]])
def test_weights_that_are_not_positive_are_refused(weights):
    with pytest.raises(ValueError, match="all positive"):
        benjamini_hochberg([0.1, 0.2], weights=weights)
