"""Average precision at a prevalence: by hand, as scikit-learn has it, and an interval that holds at every n."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm
from sklearn.metrics import average_precision_score

from audit.probes.novelty.data import DataNovelty
from audit.probes.novelty.likelihood import Likelihood
from detectors.novelty.average_precision import average_precision


def judged(familiar, foreign, units=None, *, share=0.1, level=0.95, seed=0):
    units = (np.arange(len(familiar)), 10**6 + np.arange(len(foreign))) if units is None else units
    arrays = (np.asarray(one, dtype=float) for one in (familiar, foreign))
    return average_precision(*arrays, units, share=share, level=level, rng=np.random.default_rng(seed))


def test_by_hand():
    """One of two foreign items lies alone on top; with the other lie half of the familiar ones, of which nine come for
    each foreign one: 1 of 1 + 9 / 2."""
    found = judged([1, 6], [6, 8])
    assert found.value == pytest.approx((1 + 1 / 5.5) / 2)
    assert found.n == {"items": 4, "units": 2}
    assert judged([1, 6], [6, 8], share=0.5).value == pytest.approx((1 + 1 / 1.5) / 2)


SIDE = st.lists(st.integers(0, 9), min_size=1, max_size=30)


@given(SIDE, SIDE, st.sampled_from([0.5, 0.1, 0.001]))
def test_it_is_that_of_scikit_learn_with_items_weighted(familiar, foreign, share):
    found = judged(familiar, foreign, share=share)
    weights = np.repeat([(1 - share) / len(familiar), share / len(foreign)], [len(familiar), len(foreign)])
    labels = np.repeat([0, 1], [len(familiar), len(foreign)])
    theirs = average_precision_score(labels, np.r_[familiar, foreign].astype(float), sample_weight=weights)
    assert found.value == pytest.approx(theirs)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_items_of_a_unit_share_its_weight():
    units = np.array([0, 1, 1, 1, 2]), np.array([3, 4])
    once, thrice = judged([1, 6, 3], [6, 8]), judged([1, 6, 6, 6, 3], [6, 8], units)
    assert once.value == pytest.approx(thrice.value)
    assert (once.n, thrice.n) == ({"items": 5, "units": 2}, {"items": 7, "units": 2})


def test_ends_are_worked_by_hand_for_one_item_a_side():
    """A single item above the other: half of the error of an end, 0.025, is for either side, and 1 event of 1 trial has
    the lower bound 0.0125. So R is known to be that or more down to there, and F to be 0.9875 or less."""
    found, at, p = judged([0.0], [1.0], level=0.95), 0.0125, 0.1
    accused = (1 - p) / p
    surely = at - (1 - at) * accused * np.log1p(at / ((1 - at) * accused))
    anywhere = (1 - at) - accused * np.log((1 + accused) / (at + accused))
    assert found.low == pytest.approx(surely + anywhere)
    assert found.high == 1


VALUES = np.arange(8.0)
RARE = np.array([0.6, 0.2, 0.1, 0.05, 0.03, 0.01, 0.005, 0.005])
LAWS = {
    "ties": (RARE, RARE[::-1]), "alike": (RARE, RARE), "constant": (np.eye(8)[0], np.eye(8)[0]),
    "few far off": (np.array([0.98, 0, 0, 0, 0, 0, 0, 0.02]), np.array([0, 0.5, 0, 0, 0, 0, 0, 0.5])),
}


@pytest.mark.parametrize("sizes", [(5, 5), (20, 100), (400, 20)], ids=str)
@pytest.mark.parametrize("share", [0.5, 0.01])
@pytest.mark.parametrize("law", LAWS)
def test_it_covers_with_ties_and_where_foreign_items_are_rare(law, share, sizes):
    """At a level of 0.6, as mistakes at 0.95 take more repeats to show."""
    rng, (below, above) = np.random.default_rng(1), LAWS[law]
    found, accused = above[::-1].cumsum(), below[::-1].cumsum()
    there = above[::-1] > 0
    weighted = share * found[there]
    true = np.diff(found, prepend=0)[there] @ (weighted / (weighted + (1 - share) * accused[there]))
    missed = 0
    for seed in range(40):
        sides = [rng.choice(VALUES, size, p=p) for size, p in zip(sizes, (below, above), strict=True)]
        one = judged(*sides, share=share, level=0.6, seed=seed)
        missed += not one.low - 1e-9 <= true <= one.high + 1e-9
    assert missed <= binom.ppf(0.999, 40, 0.4)


def test_it_covers_where_units_have_items_on_both_sides():
    """Three familiar and three foreign items of each photo share its strangeness."""
    missed, share, u = 0, 0.05, (np.arange(20_000) + 0.5) / 20_000
    true = np.mean(share * u / (share * u + (1 - share) * norm.sf(norm.isf(u, loc=2))))
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shared = np.repeat(rng.normal(size=50), 3)
        sides = [0.9 * shared + np.sqrt(0.19) * rng.normal(size=150) + shift for shift in (0.0, 2.0)]
        one = judged(*sides, (np.arange(150) // 3, np.arange(150) // 3), share=share, level=0.6, seed=seed)
        missed += not one.low <= true <= one.high
    assert missed <= binom.ppf(0.999, 60, 0.4)


def test_where_all_foreign_items_come_first_it_is_1_and_no_more():
    """Sums of so many shares of units are 1 and a little."""
    for n in range(2, 200, 7):
        one = judged(np.zeros(n), np.arange(1.0, n), share=0.01)
        assert 1 - 1e-12 < one.value <= one.high <= 1


def test_more_items_tell_more():
    rng = np.random.default_rng(2)
    widths = []
    for n in (50, 500, 5000):
        one = judged(rng.normal(size=n), rng.normal(size=n) + 3)
        widths.append(one.high - one.low)
    assert widths[0] > 1.2 * widths[1] > 1.4 * widths[2]


@pytest.mark.parametrize("probe", [Likelihood, DataNovelty])
def test_a_prevalence_that_is_none_is_refused(probe):
    for share in (0, 1, 1.5):
        with pytest.raises(ValueError, match="prevalence: got"):
            probe(prevalence=share)
