"""Density, coverage and nearness: by hand, against their ideals, and what the intervals promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.intervals import exact_binomial
from detectors.quality.coverage import COVERAGE, DENSITY, expected_coverage, sample_coverage


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=float)[:, None]


def values(result):
    return {measure.name: measure.value for measure in result.measures}


def test_four_draws_by_hand():
    """k = 2: the ball around 0 reaches to the second nearest of 1, -3, 8, i.e. 3; that around 10 reaches 9 to 1.

    Draws 2, 4, 30, 31 lie in two, one, none and none of them; nearest training items are 1, 3, 22 and 23 away.
    """
    result = sample_coverage(column(2, 4, 30, 31), column(0, 10), column(1, -3, 8), level=0.95, k=2)
    assert result.items["balls"].tolist() == [2, 1, 0, 0]
    assert result.items["nearest"].tolist() == [1, 3, 22, 23]
    assert result.items["nearest_at"].tolist() == [0, 0, 2, 2]
    found = values(result)
    assert found["coverage"] == 1.0
    assert found["density"] == pytest.approx((3 + 1) / 2 * (2 + 1) / 4 / 2)
    # held-out items are 1 and 2 from their nearest training items: of 8 pairs, 1 < 2 is nearer and 1 = 1 a tie
    assert found["nearness"] == pytest.approx(1.5 / 8)


def test_the_edge_of_a_ball_belongs_to_it():
    result = sample_coverage(column(3, 3.001), column(0, 100), column(3, -3, 98, 99), level=0.95, k=2)
    assert result.items["balls"].tolist() == [1, 0]


def test_expected_coverage_is_the_published_one():
    """Naeem et al. 2020, lemma 2: N items whose balls reach to the k-th nearest of the other N - 1, M draws."""
    n, m, k = 40, 25, 5
    j = np.arange(1, k + 1)
    published = 1 - np.prod((n - j) / (m + n - j))
    assert expected_coverage(m, n - 1, k) == pytest.approx(published)
    assert expected_coverage(10_000, 10_000, 5) == pytest.approx(1 - 2**-5, abs=1e-3)


@pytest.mark.parametrize("dim", [1, 20])
def test_data_as_draws_have_the_ideals_in_the_mean(dim):
    rng, repeats = np.random.default_rng(dim), 400
    found = np.array([
        [m.value for m in sample_coverage(*(rng.normal(size=(n, dim)) for n in (30, 25, 50)), level=0.95, k=3).measures
         if m.name != "far_share"]
        for _ in range(repeats)
    ])
    error = found.std(axis=0) / np.sqrt(repeats)
    assert np.all(np.abs(found.mean(axis=0) - [expected_coverage(30, 50, 3), 1, 0.5]) < 4 * error)


def test_copies_blurs_and_a_lost_half_are_told_apart():
    rng = np.random.default_rng(0)
    training, heldout, more = (rng.normal(size=(n, 5)) + 6 * (np.arange(n) % 2)[:, None] for n in (300, 200, 200))
    copies = sample_coverage(training[:200], heldout, training, level=0.95)
    blurred = sample_coverage(more + rng.normal(size=more.shape), heldout, training, level=0.95)
    lost = sample_coverage(more[::2], heldout, training, level=0.95)
    data = sample_coverage(more, heldout, training, level=0.95)
    for name, ideal in (("coverage", data.measure("coverage").ideal), ("density", 1.0), ("nearness", 0.5)):
        assert data.measure(name).low <= ideal <= data.measure(name).high
    assert copies.measure("nearness").low > 0.95
    assert blurred.measure("density").high < 0.7
    assert blurred.measure("nearness").high < 0.4
    assert lost.measure("coverage").high < lost.measure("coverage").ideal - 0.1
    assert lost.measure("density").low <= 1 <= lost.measure("density").high


def test_draws_far_from_everything_have_a_density_of_zero_with_a_bound():
    rng = np.random.default_rng(1)
    result = sample_coverage(rng.normal(100, 1, (150, 3)), *rng.normal(size=(2, 200, 3)), level=0.95)
    density = result.measure("density")
    assert (density.value, density.low, density.high) == (0, 0, exact_binomial(0, 150)[1])
    assert result.measure("coverage").value == 0


def test_the_interval_of_coverage_speaks_of_the_model():
    """Ten groups, two of which the model draws seldom: other draws of it reach another share, .15 of .05 missed it."""
    rng, size, repeats = np.random.default_rng(2), 150, 200
    centres = 8 * np.eye(10)
    seldom = np.r_[np.full(2, 0.01), np.full(8, 0.98 / 8)]

    def made(count, shares=None):
        return centres[rng.choice(10, count, p=shares)] + rng.normal(size=(count, 10))

    training = made(300)
    found = [
        sample_coverage(made(size, seldom), made(size), training, level=0.95).measure("coverage")
        for _ in range(repeats)
    ]
    truth = np.mean([one.value for one in found])
    missed = np.mean([not one.low <= truth <= one.high for one in found])
    assert missed <= 1 - COVERAGE.worst_coverage + 2.6 * np.sqrt(0.05 * 0.95 / repeats)
    assert found[0].guarantee == "approximate"


def test_a_draw_is_far_beyond_all_held_out_items():
    """Held-out items are 1 and 2 from their nearest training items; of the draws 1, 3, 22 and 23, three are farther."""
    far = sample_coverage(column(2, 4, 30, 31), column(0, 10), column(1, -3, 8), level=0.95, k=2).measure("far_share")
    assert (far.value, far.low, far.high) == (0.75, *exact_binomial(3, 4))
    assert far.ideal == pytest.approx(1 / 3)
    assert far.guarantee == "finite sample"


def test_data_as_draws_are_far_as_seldom_as_new_items_are():
    rng = np.random.default_rng(6)
    found = [
        sample_coverage(*(rng.normal(size=(n, 4)) for n in (40, 24, 60)), level=0.95, k=3).measure("far_share")
        for _ in range(400)
    ]
    values = np.array([one.value for one in found])
    assert abs(values.mean() - found[0].ideal) < 4 * values.std() / 20


@pytest.mark.parametrize(("dim", "spread"), [(2, 1.0), (8, 0.7), (8, 1.3)])
def test_the_interval_of_density_covers_as_it_says(dim, spread):
    """Given the training items; the mean of the estimates, which have no bias, stands for the truth."""
    rng, size, repeats = np.random.default_rng(3), DENSITY.min_units, 250
    training = rng.normal(size=(300, dim))
    found = [
        sample_coverage(spread * rng.normal(size=(size, dim)), rng.normal(size=(size, dim)), training, level=0.95)
        .measure("density")
        for _ in range(repeats)
    ]  # fmt: skip
    truth = np.mean([measure.value for measure in found])
    covered = np.mean([measure.low <= truth <= measure.high for measure in found])
    assert covered >= DENSITY.worst_coverage


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-50, 50))
def test_moving_turning_and_scaling_all_changes_nothing(seed, scale, shift):
    rng = np.random.default_rng(seed)
    sets = [rng.normal(size=(n, 3)) for n in (8, 9, 12)]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    moved = sample_coverage(*(scale * points @ turn + shift for points in sets), level=0.95, k=3)
    assert values(moved) == pytest.approx(values(sample_coverage(*sets, level=0.95, k=3)))


def test_more_draws_than_a_block_are_counted_once():
    rng = np.random.default_rng(5)
    draws, heldout, training = (rng.normal(size=(n, 2)) for n in (1500, 20, 30))
    whole = sample_coverage(draws, heldout, training, level=0.95)
    parts = [sample_coverage(part, heldout, training, level=0.95) for part in (draws[:700], draws[700:])]
    assert whole.items["balls"].tolist() == [n for part in parts for n in part.items["balls"]]
    assert whole.measure("density").value == pytest.approx(
        np.average([part.measure("density").value for part in parts], weights=[700, 800])
    )


@pytest.mark.parametrize(("draws", "heldout", "training"), [(1, 5, 9), (5, 1, 9), (5, 5, 2)])
def test_too_few_items_are_refused(draws, heldout, training):
    with pytest.raises(ValueError, match="allowed: finite numbers"):
        sample_coverage(*(np.zeros((n, 2)) for n in (draws, heldout, training)), level=0.95, k=3)


def test_a_draw_farther_from_the_data_than_every_held_out_item_counts_against_the_model():
    """On a line the distances are plain: held-out items lie 0.01 to 0.39 off their training item, 39 of them."""
    training = 10.0 * np.arange(39)[:, None]
    heldout = training + 0.01 * np.arange(1, 40)[:, None]
    draws = training[:4] + np.array([[0.37], [0.389], [0.391], [4.0]])
    items = sample_coverage(draws, heldout, training, level=0.95).items
    assert items["against"].tolist() == [False, False, True, True]
    assert items["weight"].to_numpy() == pytest.approx([0.37, 0.389, 0.391, 4.0])
