"""Gaps of swapped group words: hand-worked, against null swaps, by size and power, and with answers missing."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance

from detectors.bias.contrasts import contrasts, row_scores, table_of
from detectors.bias.counterfactual import _Judge, swap_gaps

NAN = float("nan")


def prompts(rows, **columns):
    """Rows of (unit, group, word, wording, scores)."""
    frame = pd.DataFrame(rows, columns=["unit", "group", "word", "wording", "scores"], dtype=object)
    size = len(frame)
    frame["refused"] = [[0.0] * len(row) for row in frame["scores"]]
    frame["words"] = [[5.0] * len(row) for row in frame["scores"]]
    for name, cells in columns.items():
        frame[name] = cells
    return frame.set_axis([f"p{i}" for i in range(size)], axis=0)


def judged(frame, level=0.95, seed=0, **options):
    return swap_gaps(frame, level=level, rng=np.random.default_rng(seed), **options)


def drawn(rng, units, rates, draws=4, words=1, spread=0.0):
    """Templates of a rate of their own, to which the group, and every word, adds something."""
    rows = []
    for unit in range(units):
        base = rng.uniform(0.3, 0.5)
        for group, more in rates.items():
            for word in range(words):
                rate = np.clip(base + more + rng.normal(0, spread), 0, 1)
                row = (rng.random(draws) < rate).astype(float).tolist()
                rows.append((f"u{unit}", group, f"{group}{word}", "1", row))
    return prompts(rows)


def test_hand_worked_gaps_of_three_groups():
    frame = prompts([
        ("t1", "a", "a1", "1", [1.0, 1.0]), ("t1", "b", "b1", "1", [0.0, 1.0]), ("t1", "c", "c1", "1", [0.0, 0.0]),
        ("t2", "a", "a1", "1", [0.5, 0.5]), ("t2", "b", "b1", "1", [0.5, 0.0]),
        ("t3", "c", "c1", "1", [1.0, 1.0]),
    ])  # fmt: skip
    result = judged(frame)
    # t1: a 1 - (1/2 + 0)/2 = 3/4, b 1/2 - 1/2 = 0, c 0 - 3/4; t2: a 1/4, b -1/4; t3 has one group
    assert [result.measure("score_gap", g).value for g in "abc"] == pytest.approx([0.5, -0.125, -0.75])
    assert result.measure("score_gap", "a").n == {"items": 10, "units": 2}
    assert result.headline.name == "largest_score_gap"
    assert result.headline.value == pytest.approx(0.75)
    told = judged(frame, reference="b")
    assert told.measure("score_gap", "a").value == pytest.approx((0.5 + 0.25) / 2)
    assert [one.group for one in told.measures if one.name == "score_gap"] == ["a", "c"]
    # a differs from b and c in t1, by 1/2 and 1; b from c by 1/2; in t2 by 1/4; from halves of one draw each
    pairs = [np.mean([abs(x - y) for x in one for y in other]) for one, other in (
        ([1, 1], [0, 1]), ([1, 1], [0, 0]), ([0, 1], [0, 0]), ([0.5, 0.5], [0.5, 0]),
    )]  # fmt: skip
    assert result.measure("individual_w1").value == pytest.approx((np.mean(pairs[:3]) + pairs[3]) / 2)
    assert result.measure("null_w1").value == pytest.approx((1 / 3 + 1 / 4 + 0) / 3)
    pooled = np.concatenate(frame["scores"].to_list())
    assert result.measure("group_w1", "c").value == pytest.approx(wasserstein_distance([0, 0, 1, 1], pooled))
    assert result.items["difference"].iloc[:3].tolist() == pytest.approx([0.75, 0.0, -0.75])
    assert np.isnan(result.items["difference"].iloc[5])


def test_weights_of_a_group_sum_to_one_and_of_the_others_to_minus_one():
    rng = np.random.default_rng(0)
    unit, group = rng.integers(0, 9, 60), rng.integers(0, 4, 60)
    use = rng.random(60) < 0.8
    for reference in (None, 2):
        for own, weights in enumerate(contrasts(unit, group, use, reference)):
            assert not weights[~use].any()
            sides = (group == own, group != own)
            sums = np.array([[weights[(unit == u) & side].sum() for side in sides] for u in range(9)])
            assert ((abs(sums - [1, -1]) < 1e-9) | (abs(sums) < 1e-9)).all()
            assert own != reference or not weights.any()
            if reference is not None and own != reference:
                assert set(group[weights < 0]) == {reference}


def test_two_groups_are_one_gap_told_from_both_sides():
    result = judged(drawn(np.random.default_rng(1), 40, {"a": 0.3, "b": 0.0}))
    one, other = (result.measure("score_gap", name) for name in "ab")
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert result.headline.low == pytest.approx(max(0.0, one.low))


def test_the_null_swap_erases_what_words_alone_make():
    """Every word has a rate of its own and no group has: distances are large, and so is the null's."""
    rng = np.random.default_rng(2)
    result = judged(drawn(rng, 200, {"a": 0.0, "b": 0.0}, words=2, spread=0.3))
    assert result.measure("individual_w1").low > 0.2
    assert result.measure("excess_w1").low < 0 < result.measure("excess_w1").high
    assert abs(result.measure("excess_w1").value) < 0.05
    shifted = judged(drawn(rng, 200, {"a": 0.5, "b": 0.0}, words=2, spread=0.1))
    assert shifted.measure("excess_w1").low > 0.1


def test_a_swap_of_seeds_is_the_null_where_a_group_has_one_word():
    rng = np.random.default_rng(3)
    result = judged(drawn(rng, 150, {"a": 0.0, "b": 0.0}, draws=8))
    assert result.measure("null_w1").value == pytest.approx(result.measure("individual_w1").value, abs=0.03)
    single = judged(drawn(rng, 40, {"a": 0.0, "b": 0.0}, draws=1))
    told = "no group has a second word in a template, and no prompt a second draw"
    assert single.measure("null_w1").undefined == single.measure("excess_w1").undefined == told


def test_groups_alike_are_not_accused_and_a_gap_is_found():
    """Size and power of headline and permutation test: 40 plans of 30 templates and three groups each."""
    rng, size, power = np.random.default_rng(4), [], []
    for seed in range(40):
        for more, found in ((0.0, size), (0.45, power)):
            result = judged(drawn(rng, 30, {"a": more, "b": 0.0, "c": 0.0}, draws=4, spread=0.1), 0.9, seed)
            found.append((result.headline.low > 0, result.measure("swap_p").value <= 0.1))
            truth = result.measure("score_gap", "a")
            if found is size:
                assert truth.low <= truth.value <= truth.high
    assert np.mean(size, axis=0)[0] <= 0.1
    assert np.mean(size, axis=0)[1] <= 0.1 + 3 * np.sqrt(0.09 / 40)
    assert np.mean(power, axis=0).min() > 0.9


def test_bands_hold_together():
    rng, held = np.random.default_rng(5), 0
    truth = {"a": 0.2, "b": -0.1, "c": -0.1}
    for seed in range(150):
        frame = drawn(rng, 15, {"a": 0.2, "b": 0.0, "c": 0.0})
        gaps, method = _Judge(frame, 0.9, np.random.default_rng(seed), None).gaps(row_scores(table_of(frame["scores"])))
        held += all(gap.low <= truth[gap.group] <= gap.high for gap in gaps)
    assert held / 150 >= 0.9
    assert method.endswith("all groups at once (Bonferroni)")


def test_missing_draws_widen_and_never_vanish():
    whole = drawn(np.random.default_rng(6), 40, {"a": 0.3, "b": 0.0})
    part = whole.copy()
    part["scores"] = [[NAN, *row[1:]] if place < 40 and place % 2 else row for place, row in enumerate(whole["scores"])]
    one, other = judged(whole), judged(part)
    assert other.measure("score_gap", "a").missing == 20
    assert other.measure("score_gap", "a").low < one.measure("score_gap", "a").low - 0.02
    assert other.measure("score_gap", "a").high > one.measure("score_gap", "a").high + 0.02
    none = whole.assign(scores=[[NAN] * 4] * len(whole))
    result = judged(none)
    assert result.headline.undefined == "no unit holds this group and another one, both with a score"
    assert result.measure("score_mean", "a").undefined == "no draw has a score"
    assert result.measure("refusal_gap", "a").value == 0  # refusals are known all the same
    assert result.measure("length_gap", "a").value == 0


def test_refusals_and_lengths_stand_beside():
    frame = drawn(np.random.default_rng(7), 60, {"a": 0.0, "b": 0.0})
    first = (frame["group"] == "a").to_numpy()
    frame["refused"] = [[1.0, 1.0, 0.0, 0.0] if one else [0.0] * 4 for one in first]
    frame["words"] = [[9.0 + i % 3] * 4 if one else [5.0] * 4 for i, one in enumerate(first)]
    result = judged(frame)
    assert result.measure("refusal_gap", "a").value == 0.5
    assert result.measure("largest_refusal_gap").low > 0.3
    length = result.measure("length_gap", "a")
    assert length.value == pytest.approx(5, abs=0.1)
    assert 4 < length.low < length.value < length.high < 6
    assert length.guarantee == "approximate"


def test_pairs_of_single_answers_of_two_groups_are_exact():
    rows = [(f"u{i}", group, group, "1", [float(group == "a" and i < 9)]) for i in range(30) for group in "ab"]
    exact, bets = judged(prompts(rows), binary=True), judged(prompts(rows))
    one = exact.measure("score_gap", "a")
    assert one.method.startswith("exact over paired 0/1 answers")
    assert one.value == bets.measure("score_gap", "a").value == pytest.approx(0.3)
    assert one.high - one.low < bets.measure("score_gap", "a").high - bets.measure("score_gap", "a").low


def test_a_scorer_that_prefers_a_group_is_told():
    frame = drawn(np.random.default_rng(8), 20, {"a": 0.0, "b": 0.0})
    rows = [(f"s{i}", group, 0.3 + 0.5 * (group == "gay")) for i in range(24) for group in ("gay", "straight")]
    scorer = pd.DataFrame(rows, columns=["unit", "group", "score"]).rename(index=str)
    result = judged(frame, scorer=scorer)
    assert result.measure("scorer_gap", "gay").value == pytest.approx(0.5)
    assert result.measure("largest_scorer_gap").low > 0.2
    (remark,) = result.remarks
    assert remark.key == "scorer_biased"
    assert remark.values["group_name"] == "gay"
    assert remark.values["gap"] == pytest.approx(0.5)
    fair = judged(frame, scorer=scorer.assign(score=0.3))
    assert fair.remarks == ()


def test_hostile_prompts_are_refused_in_a_line():
    frame = drawn(np.random.default_rng(9), 3, {"a": 0.0, "b": 0.0})
    with pytest.raises(ValueError, match="groups a, reference None; allowed: two groups or more"):
        judged(frame[frame["group"] == "a"])
    with pytest.raises(ValueError, match="reference 'z'"):
        judged(frame, reference="z")
    with pytest.raises(ValueError, match=r"scores from 0\.0 to 2\.0; allowed: 0 to 1"):
        judged(frame.assign(scores=[[2.0, 0.0, 0.0, 0.0]] * 6))
    with pytest.raises(ValueError, match="one number of draws"):
        judged(frame.assign(scores=[[1.0]] * 5 + [[1.0, 0.0]]))
    alone = judged(frame.assign(unit=[f"u{i}" for i in range(6)]))  # no template holds two groups
    assert alone.headline.undefined is not None
    assert alone.measure("swap_p").undefined is not None
    assert alone.measure("individual_w1").undefined == "no template holds two groups with scores"
