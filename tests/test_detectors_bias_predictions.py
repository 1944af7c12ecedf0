"""Numbers by group: hand-worked, as peers have them, covering in hard cases, and what laws ask for."""

from __future__ import annotations

import warnings
from itertools import permutations

import fairlearn.metrics as fair
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import anderson_ksamp, binom, mannwhitneyu, wasserstein_distance

from detectors.bias.equal_distributions import _counted, _ranked, _statistics, any_difference_p
from detectors.bias.predictions import prediction_gaps
from detectors.bias.top_share import cut_of, least_ratio, top_gap, top_rate
from detectors.bias.two_sides import Numbers, distance, mean_gap, median_gap, superiority_gap

LEVEL = 0.95


def told(rows, sensitive=("group",), seed=0, **options):
    frame = pd.DataFrame(rows).rename(index=str).rename_axis("id")
    return prediction_gaps(frame, sensitive, level=LEVEL, rng=np.random.default_rng(seed), **options)


def named(result):
    return {(one.name, one.group): one for one in result.measures}


def by_hand():
    return {"group": list("aaabb"), "prediction": [1.0, 2, 4, 2, 3], "label": [1.0, 4, 4, 3, 3]}


def test_by_hand():
    result = told(by_hand(), bounds=(0, 10))
    measures = named(result)
    assert result.headline.name == "largest_superiority_gap"
    assert {name: measures[name, "a"].value for name in (
        "superiority_gap", "median_prediction_gap", "mean_prediction_gap", "wasserstein_distance",
        "mean_error_gap", "mean_absolute_error_gap", "median_error_gap", "mean_absolute_error", "error_superiority_gap",
    )} == pytest.approx({
        "superiority_gap": 2 / 6 - 3 / 6, "median_prediction_gap": 2 - 2.5, "mean_prediction_gap": 7 / 3 - 2.5,
        "wasserstein_distance": 1 / 3 + 1 / 6 + 1 / 3, "mean_error_gap": -2 / 3 + 1 / 2,
        "mean_absolute_error_gap": 2 / 3 - 1 / 2, "median_error_gap": 0 + 1 / 2, "mean_absolute_error": 2 / 3,
        "error_superiority_gap": 2 / 6 - 2 / 6,
    })  # fmt: skip
    assert measures["superiority_gap", "b"].value == pytest.approx(1 / 6)
    assert measures["largest_wasserstein_distance", None].value == pytest.approx(5 / 6)
    assert measures["median_prediction", None].value == 2
    assert result.items.columns.tolist() == ["group", "prediction", "label", "error", "weight"]
    assert result.items["weight"].tolist() == [0, 2, 0, 1, 0]


def test_as_peers_have_it():
    rng = np.random.default_rng(2)
    group = rng.choice(list("abc"), 300, p=[0.5, 0.4, 0.1])
    number, label = rng.integers(0, 50, (2, 300)).astype(float)
    measures = named(told({"group": group, "prediction": number, "label": label}, bounds=(0, 50)))
    for name in "abc":
        own, rest = number[group == name], number[group != name]
        wins = mannwhitneyu(own, rest).statistic / (len(own) * len(rest))
        assert measures["superiority_gap", name].value == pytest.approx(2 * wins - 1)
        assert measures["wasserstein_distance", name].value == pytest.approx(wasserstein_distance(own, rest))
        assert measures["median_prediction_gap", name].value == np.median(own) - np.median(rest)
    frame = fair.MetricFrame(
        metrics={"prediction": fair.mean_prediction, "error": lambda y, x: np.abs(y - x).mean()}, y_true=label,
        y_pred=number, sensitive_features=group,
    )  # fmt: skip
    for name in "abc":
        assert measures["mean_prediction", name].value == pytest.approx(frame.by_group["prediction"][name])
        assert measures["mean_absolute_error", name].value == pytest.approx(frame.by_group["error"][name])


def test_who_is_among_the_highest_by_hand():
    """The two highest of ten are 10 and 9, and another 9 is as high."""
    rows = {"group": list("aaaaabbbbb"), "prediction": [10.0, 9, 1, 1, 1, 9, 2, 3, 4, 5]}
    measures = named(told(rows, top=0.2))
    assert [measures["top_rate", group].value for group in (None, "a", "b")] == [3 / 10, 2 / 5, 1 / 5]
    assert measures["top_gap", "a"].value == pytest.approx(1 / 5) == measures["largest_top_gap", None].value
    assert measures["top_ratio", None].value == 1 / 2
    ends = {(one.low, one.high) for (name, _), one in measures.items() if name == "top_rate"}
    assert all(0 <= low < high <= 1 for low, high in ends)
    nobody = named(told({"group": ["a", "b"], "prediction": [np.nan, np.nan]}, top=0.2))
    assert nobody["top_ratio", None].undefined == "there is no number"
    assert nobody["top_ratio", None].missing == 2


def test_a_group_without_a_number_may_have_any_share_among_the_highest():
    number = [float(at % 50) for at in range(900)]
    rows = {"group": ["a"] * 900 + ["b"] * 900 + ["c"] * 5, "prediction": [*number, *number, *[np.nan] * 5]}
    ratio = named(told(rows, top=0.4))["top_ratio", None]
    assert (ratio.value, ratio.low, ratio.high) == (1, 0, 1)
    alone = {"group": ["a"] * 900 + ["c"] * 5, "prediction": [*number, *[np.nan] * 5]}
    assert named(told(alone, top=0.4))["top_ratio", None].undefined == "fewer than two groups have a number"


@pytest.mark.parametrize("top", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("lost", [False, True], ids=["whole", "the highest often missing"])
def test_shares_among_the_highest_cover_whatever_the_cut(top, lost):
    """Numbers in twenty steps; a group of 15, of 40 and of 120, of which the first lies lower."""
    rng, values, repeats, misses = np.random.default_rng(7), np.arange(20.0), 120, np.zeros(3)
    likely = [np.exp(-values / 6), np.ones(20), np.ones(20)]
    likely = [one / one.sum() for one in likely]
    sizes = np.array([15, 40, 120])
    above = np.array([one[::-1].cumsum()[::-1] for one in likely])  # P(x >= value) [group, value]
    place = np.flatnonzero(sizes @ above / sizes.sum() >= top)[-1]
    true, steps = above[:, place], np.cumsum(likely, axis=1)[:, :-1]
    for _ in range(repeats):
        group = rng.choice(3, 175, p=sizes / 175)
        number = values[(rng.random(175)[:, None] > steps[group]).sum(1)]
        known = (number < 15) | (rng.random(175) < (0.6 if lost else 1))
        if len(set(group[known])) < 3:
            continue
        parts = [group == at for at in range(3)]
        *sides, whole = (Numbers(np.sort(number[known & at]), int((~known & at).sum())) for at in (*parts, group >= 0))
        cut = cut_of(whole, top, LEVEL)
        found = top_rate(sides[0], cut, LEVEL), top_gap(sides[0], sides[1], cut, LEVEL), least_ratio(sides, cut, LEVEL)
        truth = true[0], true[0] - true[1], true.min() / true.max()
        misses += [not low <= one <= high for one, (_, low, high) in zip(truth, found, strict=True)]
    assert (misses <= binom.ppf(0.999, repeats, 1 - LEVEL)).all(), misses


SIDE = st.lists(st.integers(-4, 4), min_size=2, max_size=20)


@given(SIDE, SIDE)
def test_a_rising_function_leaves_ranks_and_turned_numbers_and_turned_sides_turn_gaps(one, two):
    plain, risen, turned = (
        [Numbers(np.sort(change(np.array(side, float)))) for side in (one, two)]
        for change in (np.positive, lambda side: np.exp(side) - 7, np.negative)
    )
    assert superiority_gap(*risen, LEVEL) == superiority_gap(*plain, LEVEL)
    for gap in (superiority_gap, lambda *sides: median_gap(*sides, (-9, 9))):
        value, low, high = gap(*plain, LEVEL)
        assert low <= value + 1e-9
        assert value <= high + 1e-9
        for other in (gap(*turned, LEVEL), gap(*plain[::-1], LEVEL)):
            assert other == pytest.approx((-value, -high, -low), abs=1e-6)


def test_of_two_groups_one_has_the_gaps_of_the_other_turned_round():
    measures = named(told(by_hand(), bounds=(0, 10)))
    for name in ("superiority_gap", "median_prediction_gap", "mean_absolute_error_gap"):
        one, other = measures[name, "a"], measures[name, "b"]
        assert (one.value, one.low, one.high) == (-other.value, -other.high, -other.low)
        assert measures[f"largest_{name}", None].value == abs(one.value)


HARD = {
    "ties": ([0.0, 1, 2], [0.2, 0.25, 0.55], [0.4, 0.3, 0.3], (40, 40)),
    "rare group": ([0.0, 1, 2, 3], [0.1, 0.15, 0.35, 0.4], [0.25, 0.3, 0.25, 0.2], (4, 200)),
    "edges": ([0.0, 100], [0.95, 0.05], [0.99, 0.01], (60, 150)),
    "heavy tail": ([0.0, 1, 10, 1000], [0.3, 0.38, 0.3, 0.02], [0.44, 0.4, 0.155, 0.005], (90, 30)),
}
"""Values, how likely each is on either side, and units of either side."""


def truths(values, one, two):
    gaps = np.sign(np.subtract.outer(values, values))
    medians = [values[int(np.searchsorted(np.cumsum(p), 0.5))] for p in (one, two)]
    apart = np.abs(np.cumsum(np.subtract(one, two)))[:-1] @ np.diff(values)
    return np.array(one) @ gaps @ two, medians[0] - medians[1], np.dot(values, np.subtract(one, two)), apart


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("lost", [False, True], ids=["whole", "the highest often missing"])
def test_intervals_cover_in_hard_cases(case, lost):
    values, *sides, sizes = HARD[case]
    bounds, rng, repeats = (min(values), max(values)), np.random.default_rng(3), 150
    truth, misses = truths(values, *sides), np.zeros(4)
    for _ in range(repeats):
        drawn = [np.sort(rng.choice(values, size, p=p)) for size, p in zip(sizes, sides, strict=True)]
        kept = [(one < max(values)) | (rng.random(len(one)) < (0.5 if lost else 1)) for one in drawn]
        if not all(one.any() for one in kept):
            continue
        own, other = (Numbers(one[at], int((~at).sum())) for one, at in zip(drawn, kept, strict=True))
        found = (
            superiority_gap(own, other, LEVEL), median_gap(own, other, LEVEL, bounds),
            mean_gap(own, other, LEVEL, bounds, rng), distance(own, other, LEVEL, bounds),
        )  # fmt: skip
        misses += [not low - 1e-9 <= true <= high + 1e-9 for true, (_, low, high) in zip(truth, found, strict=True)]
    assert (misses <= binom.ppf(0.999, repeats, 1 - LEVEL)).all(), misses


def test_the_interval_of_the_largest_knows_that_it_was_chosen():
    """Ten groups that differ in nothing: some lies far by chance, and no more than one audit in twenty says so."""
    rng, wrong = np.random.default_rng(4), 0
    for _ in range(60):
        rows = {"group": np.repeat(list("abcdefghij"), 30), "prediction": rng.integers(0, 5, 300).astype(float)}
        wrong += named(told(rows))["largest_superiority_gap", None].low > 0
    assert wrong <= binom.ppf(0.999, 60, 1 - LEVEL)


UNEQUAL = np.array([15, 20, 30, 50, 80, 150, 300, 600, 1200, 3000])


@pytest.mark.parametrize("apart", [False, True], ids=["alike", "the smallest and the largest lower"])
def test_gaps_of_ten_unequal_groups_cover_all_at_once(apart):
    """Eleven steps; at a level of 0.8, as mistakes at 0.95 take more repeats to show."""
    rng, level, repeats, wrong = np.random.default_rng(12), 0.8, 10, np.zeros(4)
    values, low = np.arange(11.0), np.exp(-np.arange(11.0) / 4)
    likely = [low / low.sum() if apart and at in (0, 9) else np.full(11, 1 / 11) for at in range(10)]
    rests = [np.average(np.delete(likely, at, 0), axis=0, weights=np.delete(UNEQUAL, at)) for at in range(10)]
    signs, cut = np.sign(np.subtract.outer(values, values)), 10
    while np.average(likely, axis=0, weights=UNEQUAL)[cut:].sum() < 0.1:
        cut -= 1
    truth = np.array([
        [own @ signs @ rest, values @ (own - rest), own[cut:].sum() - rest[cut:].sum()]
        for own, rest in zip(likely, rests, strict=True)
    ])  # fmt: skip
    rates = np.array([own[cut:].sum() for own in likely])
    for _ in range(repeats):
        number = np.concatenate([rng.choice(values, size, p=p) for size, p in zip(UNEQUAL, likely, strict=True)])
        rows = pd.DataFrame({"group": np.repeat(list("abcdefghij"), UNEQUAL), "prediction": number})
        measures = named(prediction_gaps(
            rows.rename(index=str), ("group",), level=level, rng=rng, bounds=(0, 10), top=0.1, each=True
        ))  # fmt: skip
        for at, name in enumerate(("superiority_gap", "mean_prediction_gap", "top_gap")):
            found = [measures[name, group] for group in "abcdefghij"]
            whole, most = measures[f"largest_{name}", None], np.abs(truth[:, at]).max()
            told = [*zip(found, truth[:, at], strict=True), (whole, most)]
            wrong[at] += any(not one.low - 1e-9 <= true <= one.high + 1e-9 for one, true in told)
        ratio = measures["top_ratio", None]
        wrong[3] += not ratio.low <= rates.min() / rates.max() <= ratio.high
    assert (wrong <= binom.ppf(0.999, repeats, 1 - level)).all(), wrong


def test_distributions_that_differ_in_spread_alone_are_told_apart_and_equal_ones_rarely():
    rng = np.random.default_rng(5)
    group = np.repeat([0, 1], [150, 150])
    spread = [any_difference_p(rng.normal(0, 1 + 1.5 * group), group, rng) for _ in range(5)]
    assert max(spread) < 0.01
    tied, rare = rng.integers(0, 3, (200, 60)).astype(float), np.repeat([0, 1, 2], [5, 20, 35])
    alike = [any_difference_p(one, rare, rng) for one in tied]
    assert np.mean(np.array(alike) <= 0.05) <= binom.ppf(0.999, 200, 0.05) / 200


def fifty(rng, kind, sizes=(40,) * 50):
    """Numbers of groups of these sizes, of which one or all differ in place or spread, or none."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    number = rng.normal(size=len(group)) * np.where((group == 1) & (kind == "spread"), 2.2, 1)
    return number + {"one": group == 1, "half": 0.35 * (group % 2)}.get(kind, 0), group


@pytest.mark.parametrize("kind", ["one", "half", "spread"])
def test_of_fifty_groups_one_that_differs_and_many_that_differ_little_are_seen(kind):
    rng = np.random.default_rng(8)
    assert max(any_difference_p(*fifty(rng, kind), rng) for _ in range(3)) <= 0.05


def test_of_many_groups_alike_no_more_are_accused_than_stated():
    """Groups of 1 to 200, numbers in three steps, of which one is rare."""
    rng, sizes, repeats = np.random.default_rng(9), (1, 2, 3, 5, *(10,) * 4, 60, 200), 150
    rows = [fifty(rng, "none", sizes) for _ in range(repeats)]
    p = [any_difference_p(np.select([one < 0.5, one < 2.3], [0.0, 1]), group, rng) for one, group in rows]
    for level in (0.05, 0.2):
        assert np.mean(np.array(p) <= level) * repeats <= binom.ppf(0.999, repeats, level)
    assert any_difference_p(np.ones(9), np.arange(9) % 3, rng) == 1


def test_statistics_are_those_of_scipy_and_the_p_value_that_of_all_permutations():
    rng, told = np.random.default_rng(10), []
    group = np.repeat([0, 1, 2], [9, 14, 20])
    for _ in range(3):
        number = rng.integers(0, 12, 43).astype(float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the p-value, which is floored, and the default to come
            theirs = anderson_ksamp([number[group == at] for at in range(3)], midrank=False).statistic
        told.append((theirs, _statistics(_counted(number, group)[None])[0, 1]))
    (a, b, c), (x, y, z) = np.transpose(told)
    assert (a - b) / (a - c) == pytest.approx((x - y) / (x - z))  # theirs is less its mean, by its deviation
    number, group = np.array([1.0, 2, 2, 5, 7, 9, 3]), np.array([0, 0, 1, 1, 1, 2, 2])
    every = np.stack([_statistics(_counted(number, np.array(one))[None])[0] for one in permutations(group)])
    least = np.min([_ranked(one) for one in every.T], axis=0)
    first = least[[*permutations(group)].index(tuple(group))]
    assert any_difference_p(number, group, rng) == pytest.approx(np.mean(least <= first), abs=0.04)


def test_a_gap_is_found_and_a_mean_too():
    rng = np.random.default_rng(6)
    group = np.repeat(["a", "b"], 150)
    for _ in range(10):
        number = np.clip(rng.normal(50 + 8 * (group == "a"), 10), 0, 100)
        measures = named(told({"group": group, "prediction": number}, bounds=(0, 100)))
        assert measures["superiority_gap", "a"].low > 0
        assert measures["median_prediction_gap", "a"].low > 0
        assert measures["mean_prediction_gap", "a"].low > 0
        assert measures["mean_prediction_gap", "b"].high < 0


def test_a_number_outside_the_range_counts_as_missing_and_is_told():
    rows = by_hand() | {"prediction": [1.0, 2, 400, 2, np.nan]}
    result = told(rows, bounds=(0, 10))
    measures = named(result)
    assert [(one.key, one.values) for one in result.remarks] == [
        ("outside_range", {"column": "prediction", "outside_count": 1, "least": 0, "most": 10, "row_count": 5})
    ]
    assert measures["mean_prediction", None].missing == 2
    assert measures["mean_prediction", "a"].value == 1.5
    assert measures["mean_prediction", "a"].high > (1 + 2 + 10) / 3
    assert result.items["no_answer"].tolist() == [False, False, True, False, True]
    assert result.items["prediction"].tolist()[2] == 400


def test_what_too_few_numbers_cannot_tell_has_no_end_and_none_at_all_no_value():
    measures = named(told(by_hand()))
    gap = measures["median_prediction_gap", "a"]
    assert (gap.value, gap.low, gap.high) == (-0.5, None, None)
    assert measures["largest_median_prediction_gap", None].high is None
    assert measures["wasserstein_distance", "a"].low is None
    alone = named(told({"group": ["a", "a", "b"], "prediction": [1.0, 2, np.nan]}, bounds=(0, 9)))
    assert alone["superiority_gap", "a"].undefined == "the group, or what it is compared with, has no number"
    assert alone["mean_prediction", "b"].undefined == "there is no number"
    assert alone["largest_superiority_gap", None].undefined == "fewer than two groups have a number"
    assert alone["distribution_p", None].undefined == "fewer than two groups have a number"
    assert named(told({"group": ["a"], "prediction": [1.0]}))["distribution_p", None].value is None


def test_each_is_compared_with_the_reference_and_no_other_group_of_its_own():
    rows = {"group": list("aabbccc"), "prediction": [1.0, 2, 3, 4, 5, 6, 7]}
    measures = named(told(rows, reference="b"))
    assert {group for name, group in measures if name == "superiority_gap"} == {"a", "c"}
    assert measures["median_prediction_gap", "c"].value == 2.5
    with pytest.raises(ValueError, match="got 'd'; allowed: 'the rest' or a group \\(a, b, c\\)"):
        told(rows, reference="d")
    with pytest.raises(ValueError, match="got 7 rows, bounds \\(1, 1\\)"):
        told(rows, bounds=(1, 1))


def test_of_several_columns_all_combinations_are_groups_and_each_column_alone_too():
    """By the two columns together both ways cancel within a column: only one of them alone would miss it."""
    rows = {"sex": list("mmff") * 20, "old": list("ynyn") * 20, "prediction": [2.0, 1, 1, 2] * 20}
    result = told(rows, ("sex", "old"))
    measures = named(result)
    assert measures["superiority_gap", "m x y"].value == pytest.approx(2 / 3)
    assert measures["superiority_gap", "sex: m"].value == measures["superiority_gap", "old: n"].value == 0
    assert result.headline.value == pytest.approx(2 / 3)
    assert measures["superiority_gap", "sex: m"].low < 0 < result.headline.low


def test_a_row_without_a_group_is_in_one_of_its_own():
    measures = named(told({"group": ["a", None, "a", None], "prediction": [1.0, 2, 3, 4]}))
    assert measures["superiority_gap", "(no value)"].value == pytest.approx(0.5)
