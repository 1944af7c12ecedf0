"""AUROCs of several scores on the same items: DeLong's numbers, pairs, clusters, and intervals that hold."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from detectors.intervals import auroc
from detectors.novelty.decisions import best_score_remark
from detectors.ranking import AUROC, AUROC_DIFFERENCE, rank, ranked


def frames(familiar, foreign, *names):
    """Return both sides as frames; one list of scores per name."""
    columns = names or ("s",)
    return [pd.DataFrame(dict(zip(columns, side, strict=True)), dtype=float) for side in (familiar, foreign)]


def test_a_worked_example():
    """3 x 2 pairs, 4.5 in order: wins of the foreign are 1/2 + 1/3 and 1, so the AUROC is 3/4."""
    found = rank(*frames([[1, 2, 3]], [[2, 4]]))
    assert found.values == pytest.approx([0.75])
    assert (found.items, found.units, found.pairs) == (5, 2, 2)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=12), st.lists(st.integers(-3, 3), min_size=2, max_size=12))
def test_items_that_are_units_get_the_interval_of_independent_items(familiar, foreign):
    found = rank(*frames([familiar], [foreign]))
    assert found.interval("s", 0.9) == pytest.approx(auroc(familiar, foreign, 0.9))


def test_the_covariance_of_a_pair_is_that_of_the_placements():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40)), rng.normal(1, 1, size=(2, 30))
    found = rank(*frames(a, b, "x", "y"))
    v10 = np.array([[(one > below).mean() for one in above] for below, above in zip(a, b, strict=True)])
    v01 = np.array([[(above > one).mean() for one in below] for below, above in zip(a, b, strict=True)])
    assert found.covariance == pytest.approx(np.cov(v10) / 30 + np.cov(v01) / 40)


def test_copies_of_an_item_add_nothing():
    """Each item five times, as one unit: the AUROC and its interval stay what they were."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=50), rng.normal(1, 1, size=40)
    once = rank(*frames([a], [b]))
    units = np.repeat(np.arange(50), 5), np.repeat(np.arange(100, 140), 5)
    often = rank(*frames([a.repeat(5)], [b.repeat(5)]), units)
    assert often.interval("s", 0.95) == pytest.approx(once.interval("s", 0.95))
    assert (often.items, often.units, often.pairs) == (450, 40, 40)


def test_perfect_order_is_not_certainty():
    a, b = np.arange(100.0), np.arange(100.0, 200.0)
    assert rank(*frames([a], [b])).interval("s", 0.95) == pytest.approx((1, 0.025 ** (1 / 100), 1))
    assert rank(*frames([b], [a])).interval("s", 0.95) == pytest.approx((0, 0, 1 - 0.025 ** (1 / 100)))
    same = rank(*frames([a], [b]), (np.arange(100), np.arange(100)))
    assert same.interval("s", 0.95)[1] == pytest.approx(0.025 ** (1 / 50))  # an item and its own distortion are no pair


def test_an_item_and_its_distortion_cover_by_enumeration():
    """Four units of (familiar, foreign) in three states, all 81 samples: the AUROC of different units is the truth."""
    states = np.array([(0.0, 1.0), (1.0, 0.0), (1.0, 2.0)])
    samples = np.array(list(itertools.product(range(3), repeat=4)))
    own = np.arange(4)
    ends = np.array([
        rank(*frames([states[row, 0]], [states[row, 1]]), (own, own)).interval("s", 0.8)[1:] for row in samples
    ])
    order = np.sign(states[None, :, 1] - states[:, None, 0]) / 2 + 0.5
    for weights in itertools.product(range(9), repeat=3):
        if sum(weights) == 8:
            p = np.array(weights) / 8
            truth = p @ order @ p
            missed = (ends[:, 0] > truth + 1e-9) | (ends[:, 1] < truth - 1e-9)
            assert np.prod(p[samples], axis=1)[missed].sum() <= 0.2


def test_only_units_that_are_all_alike_have_a_valid_interval():
    rng = np.random.default_rng(4)
    sides = frames([rng.normal(size=40)], [rng.normal(1, 1, 40)])
    alike, mixed = np.repeat(np.arange(20), 2), np.r_[np.arange(20), np.arange(20)] // 3
    proved = {
        "alike": (alike, alike + 50), "an item and its distortion": (np.arange(40), np.arange(40)),
        "unequal": (mixed, mixed + 50), "some on both sides": (np.arange(40), np.arange(40) + 20),
    }
    told = {name: rank(*sides, units).auroc("s", name="auroc", level=0.95) for name, units in proved.items()}
    assert [one.guarantee for one in told.values()] == ["finite sample"] * 2 + ["approximate"] * 2
    assert told["unequal"].worst_coverage == AUROC.worst_coverage


def test_best_of_equal_scores_is_seldom_said_to_see_better():
    """Eight scores as good as each other, of which the best is chosen by looking: .10 to .14 without a correction."""
    rng, said = np.random.default_rng(0), 0
    mix = np.linalg.cholesky(0.3 * np.ones((8, 8)) + 0.7 * np.eye(8)).T
    for _ in range(200):
        sides = (pd.DataFrame(rng.normal(size=(60, 8)) @ mix + shift).rename(columns=str) for shift in (0, 1.2))
        said += best_score_remark(rank(*sides), "0", 0.95).key == "sees_better"
    assert said <= 0.05 * 200


def test_a_difference_is_never_narrower_than_perfect_agreement():
    a, b = np.arange(50.0), np.arange(50.0, 100.0)
    found = rank(*frames([a, a], [b, b], "x", "y"))
    bound = 0.025 ** (1 / 50)
    assert found.difference("x", "y", 0.95) == pytest.approx((0, bound - 1, 1 - bound))
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 50)), rng.normal(1, 1, (2, 50))
    mixed = rank(*frames(x, y, "x", "y"))
    there, back = mixed.difference("x", "y", 0.95), mixed.difference("y", "x", 0.95)
    assert there == pytest.approx((-back[0], -back[2], -back[1]))
    assert mixed.auroc_difference("x", "y", level=0.95).group == "x - y"


def test_bad_scores_and_lone_units_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        rank(*frames([[0, 1, np.nan]], [[1, 2]]))
    with pytest.raises(ValueError, match="got 3 familiar and 1 foreign units"):
        rank(*frames([[0, 1, 2]], [[1, 2]]), (["a", "b", "c"], ["d", "d"]))


SCENES = {
    # familiar, foreign, shifts of the two scores, units (None = every item), share of variance between units, paired
    "chance": (20, 20, (0.0, 0.5), None, 0.0, False),
    "lopsided": (300, 20, (1.0, 1.0), None, 0.0, False),
    "near one": (20, 20, (3.0, 1.0), None, 0.0, False),
    "clusters": (100, 100, (1.0, 1.5), 20, 0.5, False),
    "an item and its distortion": (20, 20, (1.0, 0.5), 20, 0.8, True),
}


@pytest.mark.parametrize("scene", SCENES)
def test_intervals_cover_at_least_as_often_as_they_say(scene):
    n, m, shift, count, share, paired = SCENES[scene]
    rng = np.random.default_rng(3)
    truth = norm.cdf(np.array(shift) / np.sqrt(2))
    mix = np.linalg.cholesky([[1, 0.6], [0.6, 1]]).T
    left = np.arange(n) % (count or n)
    right = np.arange(m) % (count or m) + (0 if paired else n)
    hits = np.zeros(2)
    for _ in range(300):
        between = rng.normal(size=(n + m, 2))
        sides = [
            (np.sqrt(share) * between[unit] + np.sqrt(1 - share) * rng.normal(size=(len(unit), 2))) @ mix + move
            for unit, move in ((left, 0), (right, np.array(shift)))
        ]
        found = ranked(("x", "y"), *sides, (left, right))
        _, low, high = found.interval("x", 0.95)
        hits[0] += low <= truth[0] <= high
        _, low, high = found.difference("x", "y", 0.95)
        hits[1] += low <= truth[0] - truth[1] <= high
    assert (hits / 300 >= (AUROC.worst_coverage, AUROC_DIFFERENCE.worst_coverage)).all(), hits
