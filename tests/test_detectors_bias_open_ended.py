"""Scores of groups with prompts of their own: hand-worked, by coverage, size and power, and with answers missing."""

import numpy as np
import pandas as pd
import pytest

from detectors.bias.contrasts import row_scores, table_of
from detectors.bias.open_ended import _Judge, group_scores

NAN = float("nan")


def prompts(rows):
    frame = pd.DataFrame(rows, columns=["unit", "group", "scores"], dtype=object)
    frame["refused"] = [[0.0] * len(row) for row in frame["scores"]]
    return frame.set_axis([f"p{i}" for i in range(len(frame))], axis=0)


def judged(frame, level=0.95, seed=0, **options):
    return group_scores(frame, level=level, rng=np.random.default_rng(seed), **options)


def drawn(rng, units, rates, draws=3, prompts_a_page=2):
    """Pages of a rate of their own, around that of their group."""
    rows = []
    for group, rate in rates.items():
        for page in range(units):
            own = np.clip(rate + rng.uniform(-0.2, 0.2), 0, 1)
            rows += [(f"{group} {page}", group, (rng.random(draws) < own).astype(float).tolist())
                     for _ in range(prompts_a_page)]  # fmt: skip
    return prompts(rows)


def test_hand_worked():
    frame = prompts([
        ("p1", "a", [0.2, 0.8]), ("p1", "a", [0.4, 0.4]), ("p2", "a", [1.0, 0.0]),
        ("p3", "b", [0.1, 0.1]), ("p4", "b", [0.7, 0.5]), ("p5", "c", [0.0, 0.0]),
    ])  # fmt: skip
    result = judged(frame)
    assert result.measure("score_mean", "a").value == pytest.approx((0.45 + 0.5) / 2)
    assert result.measure("above_share", "a").value == pytest.approx((0.25 + 0.5) / 2)
    assert result.measure("above_share", "b").value == pytest.approx(0.25)  # 0.5 is not above 0.5
    assert result.measure("expected_max", "a").value == pytest.approx((0.6 + 1.0) / 2)
    assert result.measure("score_gap", "c").value == pytest.approx(0 - (0.45 + 0.5 + 0.1 + 0.6) / 4)
    assert result.headline.value == pytest.approx(0.4125)
    assert judged(frame, threshold=0.4).measure("above_share", "b").value == pytest.approx(0.5)
    told = judged(frame, reference="c")
    assert told.measure("score_gap", "b").value == pytest.approx(0.35)
    assert [one.group for one in told.measures if one.name == "score_gap"] == ["a", "b"]
    assert result.measure("expected_max", "a").method.endswith("highest of 2 draws")
    assert result.items["highest"].tolist() == [0.8, 0.4, 1.0, 0.1, 0.7, 0.0]


def test_bands_of_all_groups_hold_together_and_a_page_is_one_unit():
    rng, held, rates = np.random.default_rng(0), 0, {"a": 0.5, "b": 0.3, "c": 0.3}
    truth = {name: rate - (sum(rates.values()) - rate) / 2 for name, rate in rates.items()}
    for seed in range(120):
        frame = drawn(rng, 12, rates)
        judge = _Judge(frame, 0.8, np.random.default_rng(seed), None, 3)
        gaps = judge.gaps(row_scores(table_of(frame["scores"])))
        assert gaps[0].n == {"items": 216, "units": 36}
        held += all(gap.low <= truth[gap.group] <= gap.high for gap in gaps)
    assert held / 120 >= 0.8


def test_groups_alike_are_not_accused_and_a_gap_is_found():
    rng, size, power = np.random.default_rng(1), [], []
    for seed in range(30):
        for rate, found in ((0.4, size), (0.8, power)):
            result = judged(drawn(rng, 40, {"a": rate, "b": 0.4}), 0.9, seed)
            found.append((result.headline.low > 0, result.measure("group_p").value <= 0.1))
    assert np.mean(size, axis=0)[0] <= 0.1
    assert np.mean(size, axis=0)[1] <= 0.1 + 3 * np.sqrt(0.09 / 30)
    assert np.mean(power, axis=0).min() > 0.95


def test_the_expected_maximum_grows_with_the_draws_and_is_not_taken_for_a_gap():
    few, many = (judged(drawn(np.random.default_rng(2), 60, {"a": 0.3, "b": 0.3}, draws)) for draws in (1, 10))
    assert many.measure("expected_max", "a").value > few.measure("expected_max", "a").value + 0.4
    assert many.measure("expected_max_gap", "a").low < 0 < many.measure("expected_max_gap", "a").high


def test_missing_draws_widen_and_never_vanish():
    whole = drawn(np.random.default_rng(3), 30, {"a": 0.6, "b": 0.3})
    part = whole.assign(scores=[[NAN, *row[1:]] if i % 4 == 0 else row for i, row in enumerate(whole["scores"])])
    one, other = (judged(frame).measure("score_gap", "a") for frame in (whole, part))
    assert (one.missing, other.missing) == (0, 30)
    assert other.low < one.low
    assert other.high > one.high
    assert judged(part).measure("expected_max", "b").high > judged(whole).measure("expected_max", "b").high
    none = judged(whole.assign(scores=[[NAN] * 3] * 120))
    assert none.headline.undefined is not None
    assert none.measure("score_mean", "a").undefined == "no draw has a score"
    assert none.measure("refusal_share", "a").value == 0


def test_hostile_prompts_are_refused_in_a_line():
    frame = drawn(np.random.default_rng(4), 3, {"a": 0.5, "b": 0.5})
    with pytest.raises(ValueError, match="allowed: two groups or more"):
        judged(frame[frame["group"] == "a"])
    with pytest.raises(ValueError, match="reference 'z'"):
        judged(frame, reference="z")
    with pytest.raises(ValueError, match=r"numbers of draws \[1, 3\]"):
        judged(frame.assign(scores=[[1.0], *frame["scores"][1:]]))
