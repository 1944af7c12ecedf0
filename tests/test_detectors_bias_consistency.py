"""Consistency of numbers between nearest rows: by hand, by brute force, in closed form, and how often it covers."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.bias.consistency import Features, consistency, neighbour_means

LINE = np.array([0.0, 1, 3, 6, 10, 20])
BY_HAND = np.array([0, 0.2, 0.4, 1, 0.5, 0.5])
"""Neighbours: 1 and 3; 0 and 3; 1, and half of 0 and of 6; 3 and 10; 6 and 3; 10 and 6."""
NEAR = [0.3, 0.2, 0.35, 0.45, 0.7, 0.75]


def features(numbers, words=None):
    numbers = np.asarray(numbers, float).reshape(len(numbers), -1)
    return Features(numbers, np.zeros((len(numbers), 0), int) if words is None else np.asarray(words))


def measured(alike, values, k=2, seed=0):
    measures, means, remarks = consistency(
        alike, np.asarray(values, float), k=k, level=0.95, rng=np.random.default_rng(seed)
    )
    return {one.name: one for one in measures}, means, remarks


def brute(alike, values, k):
    """Return the mean of each row's k nearest others, one row after the other; equally far ones share what is left."""
    found, spread = [], alike.numbers.std(axis=0)
    scaled = alike.numbers / np.where(spread > 0, spread, 1)
    for at in range(len(values)):
        apart = ((scaled - scaled[at]) ** 2).sum(axis=1) + 2 * (alike.words != alike.words[at]).sum(axis=1)
        apart, others = np.delete(np.round(apart, 9), at), np.delete(values, at)
        border = np.sort(apart)[k - 1]
        nearer, tied = others[apart < border], others[apart == border]
        found.append((nearer.sum() + (k - len(nearer)) * tied.mean()) / k)
    return np.array(found)


def test_a_table_worked_by_hand():
    told, means, remarks = measured(features(LINE), BY_HAND)
    assert means == pytest.approx(NEAR)
    assert told["consistency"].value == pytest.approx(1 - (0.3 + 0 + 0.05 + 0.55 + 0.2 + 0.25) / 6)
    assert (told["consistency"].low, told["same_features_share"].value, remarks) == (None, 0, ())


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_are_those_of_brute_force_with_ties_repeats_and_words(seed):
    rng = np.random.default_rng(seed)
    n, k = 60, 1 + seed
    alike = features(np.column_stack([rng.integers(0, 4, n), rng.normal(size=n).round(1), np.ones(n)]),
                     rng.integers(0, 3, (n, 2)))  # fmt: skip
    values = rng.random(n)
    near = neighbour_means(alike, alike, values, k, same=True)
    assert near == pytest.approx(brute(alike, values, k))
    order = rng.permutation(n)
    again = neighbour_means(alike[order], alike[order], values[order], k, same=True)
    assert again == pytest.approx(near[order])


def test_closed_forms():
    """All the same: 1. By turns on a line, two neighbours: all differ but half at both ends, so 1 / n."""
    n = 40
    told, *_ = measured(features(np.arange(n)), np.full(n, 0.3))
    assert [told[name].value for name in ("consistency", "consistency_held_out", "consistency_by_chance")] == [1, 1, 1]
    assert told["consistency_held_out"].low < 1
    told, *_ = measured(features(np.arange(n)), np.arange(n) % 2)
    assert told["consistency"].value == pytest.approx(1 / n)
    assert told["consistency_by_chance"].value == pytest.approx(0.5, abs=0.03)


def test_no_row_is_its_own_neighbour_and_equal_rows_are_counted():
    """With one neighbour a row that is its own has no distance at all: 1, whatever it is given."""
    values = np.random.default_rng(0).integers(0, 2, 50)
    told, *_ = measured(features(np.arange(50)), values, k=1)
    assert told["consistency"].value < 0.8
    told, _, [remark] = measured(features([0] * 10 + [*range(1, 41)]), [1] * 10 + [0, 1] * 20, k=3)
    assert told["same_features_share"].value == told["same_features_share"].low == 0.2
    assert (remark.key, dict(remark.values)) == (
        "same_features", {"repeated_count": 10, "row_count": 50, "near_count": 3},
    )  # fmt: skip


def test_the_unit_of_a_feature_plays_no_part_and_one_that_never_changes_none_either():
    rng = np.random.default_rng(1)
    x, values = rng.normal(size=(50, 2)), rng.random(50)
    plain, *_ = measured(features(x), values)
    other, *_ = measured(features(np.column_stack([1000 * x[:, 0] + 5, x[:, 1] / 7, np.full(50, 0.1)])), values)
    assert [one.value for one in plain.values()] == pytest.approx([one.value for one in other.values()])


def test_numbers_that_follow_the_features_lie_above_chance_and_shuffled_ones_do_not():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 2))
    follows = 1 / (1 + np.exp(-3 * x[:, 0]))
    near, *_ = measured(features(x), follows, k=5)
    assert near["consistency_held_out"].low > near["consistency_by_chance"].value + 0.05
    far, *_ = measured(features(x), rng.permutation(follows), k=5)
    assert far["consistency_held_out"].low < far["consistency_by_chance"].value < far["consistency_held_out"].high


def test_what_has_no_number_is_nobodys_neighbour_and_may_have_been_any():
    rng = np.random.default_rng(3)
    x, values = rng.normal(size=(120, 1)), np.full(120, 0.5)
    values[::6] = np.nan
    told, means, _ = measured(features(x), values)
    one = told["consistency_held_out"]
    assert (one.value, one.missing, one.n["items"]) == (1, 20, 100)
    assert one.low < 0.83 - 0.05
    assert np.isnan(means[::6]).all()
    assert (np.isfinite(means).sum(), set(means[np.isfinite(means)])) == (100, {0.5})


def test_too_few_rows_have_no_consistency():
    told, means, _ = measured(features(np.arange(11)), np.ones(11), k=5)
    assert {one.undefined for one in told.values()} == {"fewer than 12 rows have a number and all features"}
    assert np.isnan(means).all()
    values = np.full(40, np.nan)
    values[:12] = 1
    told, *_ = measured(features(np.arange(40)), values, k=5, seed=11)
    assert told["consistency"].value == 1


@pytest.mark.parametrize("rare", [0.03, 0.2])
def test_held_out_intervals_cover_where_those_for_independent_rows_do_not(rare):
    """Where all rows are alike a further one lies P(1) + (1 - 2 P(1)) mean from those of a half, in expectation."""
    rng, n, missed, naive = np.random.default_rng(4), 60, 0, 0
    for _ in range(150):
        values = (rng.random(n) < rare).astype(float)
        measures, means, _ = consistency(features(np.zeros(n)), values, k=5, level=0.95, rng=rng)
        far, held = np.abs(values - means), measures[1]
        half = 1.96 * far.std(ddof=1) / np.sqrt(n)
        naive += not far.mean() - half <= 2 * rare * (1 - rare) <= far.mean() + half
        missed += not held.low <= 1 - rare - (1 - 2 * rare) * values.mean() <= held.high
    assert missed <= 150 * 0.05
    assert naive > 150 * 0.15
