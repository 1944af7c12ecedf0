"""FPR at a TPR: by hand, in closed form, and an interval that holds though the threshold is drawn, too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from audit.probes.novelty.data import DataNovelty
from audit.probes.novelty.likelihood import Likelihood
from detectors.intervals import exact_binomial
from detectors.novelty.operating_point import fpr_at_tpr


def judged(familiar, foreign, units=None, *, tpr=0.95, level=0.95, seed=0):
    units = (np.arange(len(familiar)), 10**6 + np.arange(len(foreign))) if units is None else units
    arrays = (np.asarray(one, dtype=float) for one in (familiar, foreign))
    return fpr_at_tpr(*arrays, units, tpr=tpr, level=level, rng=np.random.default_rng(seed))


def test_by_hand():
    """Four of five foreign items lie at or above 6, where two of four familiar ones do; a tie is accused."""
    found = judged([1, 5, 6, 7], [2, 6, 8, 9, 10], tpr=0.8)
    assert (found.value, found.n) == (0.5, {"items": 4, "units": 4})
    assert judged([1, 5, 6, 7], [2, 6, 8, 9, 10], tpr=0.81).value == 0.75


def test_its_ends_are_those_of_two_order_statistics():
    """Of 100 foreign items 99 must be above for the lower bound of the share to reach .95, and 90 are too few."""
    foreign, familiar = np.arange(100.0), np.arange(-50.0, 50.0)
    found = judged(familiar, foreign, level=0.9)
    counts = np.arange(101)
    low, high = exact_binomial(counts, 100, 0.95)
    surely, hardly = counts[low >= 0.95][0], counts[high < 0.95][-1]
    below, above = foreign[100 - surely], foreign[99 - hardly]
    ends = (exact_binomial(int((familiar >= at).sum()), 100, 0.95) for at in (above, below))
    (least, _), (_, most) = ends
    assert (found.low, found.high) == (least, most)


def test_too_few_foreign_units_bound_nothing_above():
    found = judged(np.zeros(500), np.ones(40))
    assert (found.value, found.high) == (0, 1)
    assert judged(np.zeros(500), np.ones(400)).high < 0.02


@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("apart", [0.0, 3.0])
def test_it_covers_the_true_share(each, apart):
    """Normal scores: FPR = P(N > q), q the 5 % quantile of the foreign ones; three items of a unit share most of it."""
    missed, true = 0, norm.sf(norm.ppf(0.05) + apart)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        sides = [
            0.8 * np.repeat(rng.normal(size=150 // each), each) + 0.6 * rng.normal(size=150) + shift
            for shift in (0.0, apart)
        ]
        units = (np.arange(150) // each, 1000 + np.arange(150) // each)
        found = judged(*sides, units, level=0.9, seed=seed)
        missed += not found.low <= true <= found.high
    assert missed <= 10


def test_it_covers_where_units_have_items_on_both_sides():
    """A familiar and a foreign item of one photo share its strangeness."""
    missed, true = 0, norm.sf(norm.ppf(0.05) + 2)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        shared = np.repeat(rng.normal(size=60), 2)
        sides = [0.9 * shared + np.sqrt(0.19) * rng.normal(size=120) + shift for shift in (0.0, 2.0)]
        found = judged(*sides, (np.arange(120) // 2, np.arange(120) // 2), level=0.9, seed=seed)
        missed += not found.low <= true <= found.high
    assert missed <= 10


@given(st.lists(st.integers(0, 9), min_size=2, max_size=30), st.lists(st.integers(0, 9), min_size=2, max_size=30),
       st.floats(0.01, 0.99))  # fmt: skip
def test_law_it_is_the_share_at_the_highest_threshold_that_finds_enough(familiar, foreign, tpr):
    found = judged(familiar, foreign, tpr=tpr)
    enough = [at for at in foreign if np.mean(np.array(foreign) >= at) >= tpr - 1e-12]
    assert found.value == np.mean(np.array(familiar) >= max(enough))
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("probe", [Likelihood, DataNovelty])
def test_a_share_that_is_none_is_refused(probe):
    with pytest.raises(ValueError, match="tpr: got 1; allowed: more than 0, less than 1"):
        probe(tpr=1.0)
