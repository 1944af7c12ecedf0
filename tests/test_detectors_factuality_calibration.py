"""Calibration, calibrators and promises against closed forms, hand-worked numbers and simulated forecasters."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from detectors.conformal import abstention_threshold, calibration_needed, claim_threshold, highest_wrong, trials_needed
from detectors.factuality.bins import bins_of
from detectors.factuality.calibration import CALIBRATION_MEASURES, Promise, calibration
from detectors.factuality.calibrators import CALIBRATORS

FORECASTS = st.lists(
    st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 8)), min_size=1, max_size=60
).map(lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True)))


def rng(seed=0):
    return np.random.default_rng(seed)


def forecaster(size, off=0.0, seed=0, name="a", per_unit=1):
    """Answers that are right with a probability `off` below their confidence."""
    random = rng(seed)
    told = random.beta(4, 1, size)
    return pd.DataFrame({
        "confidence": told, "label": (random.random(size) < told - off).astype(float), "group": None,
        "unit": [f"{name} {n // per_unit}" if per_unit > 1 else None for n in range(size)],
        "length": random.integers(1, 9, size).astype(float),
    }, index=pd.Index([f"{name}-{n}" for n in range(size)], name="id"))  # fmt: skip


def judged(items, others=None, promise=None, **options):
    return calibration(items, others, promise or Promise(), level=0.95, rng=rng(), **options)


# --- groups of confidences


def test_two_groups_worked_by_hand():
    told, right = np.repeat([0.5, 0.9], 10), np.repeat([1, 0, 1, 0], [8, 2, 6, 4])
    bins = bins_of(told, right, most=2)
    assert bins.confidence.tolist() == [0.5, 0.9]
    assert bins.right.tolist() == pytest.approx([0.8, 0.6])
    assert bins.plain == pytest.approx(0.3)
    assert bins.reliability == pytest.approx(0.09)
    assert bins.uncertainty == pytest.approx(0.7 * 0.3)
    assert bins.resolution == pytest.approx(0.01)
    # Kumar et al.: less p (1 - p) / (n - 1) of each group
    assert bins.squared == pytest.approx(0.09 - (0.16 / 9 + 0.24 / 9) / 2)
    step, noise = math.sqrt(math.log(40) / 40), 0.5 * 2 * math.sqrt(10) / 20
    assert bins.interval(0.95) == pytest.approx((max(0, 0.3 - step - noise), 0.3 + step))


@given(FORECASTS, st.integers(1, 12))
def test_brier_is_reliability_less_resolution_plus_uncertainty(forecasts, most):
    told, right, units = forecasts
    bins = bins_of(told, right, units, most=most)
    weight = 1 / pd.Series(units).groupby(units).transform("size")
    brier = np.average((told - right) ** 2, weights=weight)
    assert bins.reliability - bins.resolution + bins.uncertainty == pytest.approx(brier, abs=1e-12)
    assert bins.share.sum() == pytest.approx(1)
    assert 0 <= bins.ece <= bins.plain + 1e-12 <= bins.interval(0.95)[1] + 1e-12


@given(FORECASTS)
def test_equal_confidences_are_in_one_group(forecasts):
    told, right, _ = forecasts
    told = told.round(1)
    edges = bins_of(told, right).confidence
    assert len(edges) <= len(np.unique(told))
    assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("per_unit", [1, 5])
def test_a_calibrated_forecaster_is_not_accused_and_its_debiased_error_is_0_on_average(per_unit):
    squared, accused, plain = [], 0, []
    for seed in range(300):
        random = rng(seed)
        told = np.repeat(random.beta(3, 1, 300 // per_unit), per_unit)
        right = np.repeat(random.random(300 // per_unit), per_unit) < told
        bins = bins_of(told, right, np.arange(300) // per_unit)
        squared.append(bins.squared)
        plain.append(bins.plain)
        accused += bins.interval(0.95)[0] > 0
    assert accused <= binom.ppf(0.999, 300, 0.05)
    assert abs(np.mean(squared)) < 4 * np.std(squared) / math.sqrt(300)
    assert np.mean(plain) > 0.03  # what is printed elsewhere


def test_an_overconfident_forecaster_is_found():
    for seed in range(20):
        items = forecaster(1000, off=0.25, seed=seed)
        bins = bins_of(items["confidence"], items["label"])
        off = float((items["confidence"] - (items["confidence"] - 0.25).clip(0)).mean())
        low, high = bins.interval(0.95)
        assert 0.1 < low <= off <= high
        assert bins.ece == pytest.approx(off, abs=0.05)
        assert math.sqrt(bins.squared) == pytest.approx(off, abs=0.06)


def test_consistency_bars_hold_calibrated_shares():
    hit = total = 0
    for seed in range(100):
        random = rng(seed)
        told = np.repeat([0.3, 0.55, 0.8], 60)
        bars = bins_of(told, random.random(180) < told, most=3).table()
        hit += int(((bars["low"] <= bars["right"]) & (bars["right"] <= bars["high"])).sum())
        total += len(bars)
    assert hit / total >= 0.94
    bars = bins_of(told, told > 0.5, most=3).table()
    assert bars["high"].iloc[0] == binom.ppf(0.975, 60, 0.3) / 60


@pytest.mark.parametrize("told", [[], [[0.5]], [1.5], [float("nan")]])
def test_what_is_no_confidence_is_refused(told):
    with pytest.raises(ValueError, match="bins_of: got"):
        bins_of(told, np.zeros(len(told)))


# --- calibrators


def test_a_temperature_is_found_again():
    random = rng()
    truth = random.normal(1, 1.5, 20_000)
    right = random.random(20_000) < 1 / (1 + np.exp(-truth))
    told = 1 / (1 + np.exp(-3 * truth))
    fitted = CALIBRATORS["temperature"](told, right)
    assert fitted([1 / (1 + math.exp(-3))])[0] == pytest.approx(1 / (1 + math.exp(-1)), abs=0.01)
    assert fitted([0.5])[0] == 0.5


def test_platt_is_logistic_regression_of_drawn_labels():
    items = forecaster(400, off=0.2)
    told, right = items["confidence"].clip(1e-6, 1 - 1e-6), items["label"]
    ones = right.sum()
    drawn = np.where(right == 1, (ones + 1) / (ones + 2), 1 / (400 - ones + 2))
    evidence = np.log(told / (1 - told)).to_numpy()[:, None]
    both = np.vstack([evidence, evidence])
    labels, weights = np.repeat([1, 0], 400), np.concatenate([drawn, 1 - drawn])
    theirs = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(both, labels, weights)
    ours = CALIBRATORS["platt"](told, right)(told)
    assert ours == pytest.approx(theirs.predict_proba(evidence)[:, 1], abs=1e-4)


def test_isotonic_is_that_of_scikit_learn():
    items = forecaster(200, off=0.2).round({"confidence": 2})
    new = np.linspace(0, 1, 37)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(items["confidence"], items["label"])
    assert CALIBRATORS["isotonic"](items["confidence"], items["label"])(new) == pytest.approx(theirs.predict(new))


def test_a_histogram_has_the_shares_of_its_groups():
    told, right = np.repeat([0.2, 0.6], 50), np.repeat([1, 0, 1, 0], [10, 40, 45, 5])
    assert CALIBRATORS["histogram"](told, right)([0.1, 0.2, 0.6, 0.9]).tolist() == pytest.approx([0.2, 0.2, 0.9, 0.9])


@given(FORECASTS, st.sampled_from(sorted(CALIBRATORS)))
def test_calibrated_confidences_are_confidences(forecasts, kind):
    told, right, _ = forecasts
    new = CALIBRATORS[kind](told, right)(np.linspace(0, 1, 11))
    assert ((new >= 0) & (new <= 1)).all()
    if kind in ("temperature", "isotonic"):
        assert (np.diff(new) >= -1e-12).all()


# --- promises


def test_the_place_in_the_order_worked_by_hand():
    highest = [0.3, 0.1, -np.inf, 0.8, 0.5, 0.2, 0.7, 0.4, 0.6]
    assert claim_threshold(highest, 0.1) == 0.8  # the 9th of 9
    assert claim_threshold(highest, 0.2) == 0.7  # the 8th
    assert claim_threshold(highest, 0.95) == -np.inf
    with pytest.raises(ValueError, match=r"got 8 calibration answers; 0\.1 needs 9"):
        claim_threshold(highest[:8], 0.1)
    assert calibration_needed(0.1) == 9


def test_the_highest_wrong_claim_of_each_answer():
    found = highest_wrong([0.9, 0.2, 0.8, 0.4, 0.7], [1, 0, 0, 0, 1], ["a", "a", "b", "b", "c"])
    assert found.tolist() == [0.2, 0.8, -np.inf]


def test_answers_that_show_that_few_are_wrong():
    assert trials_needed(0.1, 0.05) == 29  # log .05 / log .9 = 28.4
    assert trials_needed(0.05, 0.05) == 59
    assert [binom.cdf(2, n, 0.1) <= 0.05 for n in (60, 61)] == [False, True]
    assert trials_needed(0.1, 0.05, wrong=2) == 61


def test_the_lowest_threshold_that_may_be_told_and_none_behind_one_that_may_not():
    told = np.concatenate([np.full(40, 0.9), np.full(40, 0.8), np.full(400, 0.7)])
    right = np.ones(480)
    options = {"alpha": 0.1, "delta": 0.05}
    assert abstention_threshold(told, right, [0.9, 0.8, 0.7], **options) == 0.7
    right[40:60] = 0  # 20 of 80 wrong at 0.8, 20 of 480 at 0.7
    assert binom.cdf(20, 480, 0.1) < 0.05
    assert abstention_threshold(told, right, [0.9, 0.8, 0.7], **options) == 0.9
    assert abstention_threshold(told, right, [0.7], **options) == 0.7
    assert abstention_threshold(told, right, [0.95], **options) is None


def test_what_is_kept_is_right_as_often_as_promised_over_1000_calibrations():
    """The unit is the answer; each has one to seven claims whose confidences tell something, not all."""
    random, alpha, answers = rng(1), 0.1, 60
    hits, kept = [], []
    for _ in range(1000):
        units = np.repeat(np.arange(2 * answers), random.integers(1, 8, 2 * answers))
        told = random.random(len(units))
        right = random.random(len(units)) < 0.6 + 0.4 * told
        first = units < answers
        at = claim_threshold(highest_wrong(told[first], right[first], units[first]), alpha)
        stands = (told > at)[~first]
        wrong = np.bincount(units[~first] - answers, weights=stands & ~right[~first], minlength=answers)
        hits.append(wrong[0] == 0)
        kept.append(stands.mean())
    assert sum(hits) >= binom.ppf(0.001, 1000, 1 - alpha)
    assert sum(hits) <= binom.ppf(0.999, 1000, 1 - alpha + 1 / (answers + 1))  # no more cautious than ties make it
    assert 0 < np.mean(kept) < 1


def test_the_share_of_wrong_answers_is_broken_no_more_often_than_promised():
    """Wrong = uniform above the confidence's square: the true risk above each threshold is known."""
    random, broken, given_up = rng(2), 0, 0
    tried = np.linspace(0.98, 0.0, 99)
    for _ in range(1000):
        told = random.random(600)
        right = random.random(600) < told**0.5
        at = abstention_threshold(told, right, tried[tried <= 0.9], alpha=0.1, delta=0.05)
        given_up += at is None
        if at is not None:
            risk = 1 - (1 - at**1.5) / 1.5 / (1 - at)
            broken += risk > 0.1
    assert broken <= binom.ppf(0.999, 1000, 0.05)
    assert given_up < 500


# --- the whole


def test_measures_come_in_their_order_and_are_those_of_scikit_learn():
    items, others = forecaster(500, name="a"), forecaster(500, seed=1, name="b")
    result = judged(items, others)
    names = list(dict.fromkeys(one.name for one in result.measures))
    of_claims = ("kept_share", "all_right_share", "emptied_share")
    assert names == [name for name in CALIBRATION_MEASURES if name not in of_claims]
    brier = brier_score_loss(items["label"], items["confidence"])
    assert result.measure("brier").value == pytest.approx(brier)
    assert result.measure("auroc_right").value == pytest.approx(roc_auc_score(items["label"], items["confidence"]))
    assert result.measure("overconfidence").value == pytest.approx((items["confidence"] - items["label"]).mean())
    surest = items.nlargest(400, "confidence")
    assert result.measure("accuracy_at_coverage").value == pytest.approx(surest["label"].mean())
    assert result.measure("answered_share").value == pytest.approx(result.items["answered"].mean())
    given = result.items[result.items["answered"]]
    assert result.measure("error_of_answered").value == pytest.approx(1 - given["label"].mean())
    assert result.measure("confidence_threshold").value == given["confidence"].min()
    (told,) = result.remarks
    assert told.key == "promised_abstention"
    assert (told.values["learnt_count"], told.values["promised_share"]) == (500, 0.1)
    learnt = [one.method for one in result.measures if "learnt from 500 items (" in one.method]
    assert len(learnt) == 9
    again = judged(items, others.iloc[::-1]), judged(items, others.assign(label=1 - others["label"]))
    assert [one.measure("brier_change", "platt").method in learnt for one in again] == [True, False]


def test_calibrators_help_who_is_overconfident_and_harm_nobody_much():
    better = judged(forecaster(1000, 0.3), forecaster(1000, 0.3, seed=1, name="b"))
    none = judged(forecaster(1000), forecaster(1000, seed=1, name="b"))
    for kind in CALIBRATORS:
        assert better.measure("brier_change", kind).high < 0
        assert none.measure("brier_change", kind).high < 0.02
    assert better.measure("ece_calibrated", "isotonic").value < 0.06 < better.measure("ece").low


def test_items_without_confidence_are_counted_both_ways_and_items_without_label_are_left_out():
    items = forecaster(200)
    items.loc[items.index[:10], "confidence"] = np.nan
    items.loc[items.index[10:30], "label"] = np.nan
    result = judged(items)
    brier, whole = result.measure("brier"), judged(items.iloc[30:]).measure("brier")
    assert (brier.missing, brier.value) == (10, pytest.approx(whole.value))
    assert brier.high - brier.low > whole.high - whole.low + 0.03
    assert result.headline.missing == 10
    assert result.headline.low is None
    assert len(result.items) == 200


def test_without_other_items_nothing_is_promised():
    result = judged(forecaster(100))
    for name in ("answered_share", "error_of_answered", "confidence_threshold", "confidence_shift"):
        assert result.measure(name).undefined == "no calibration items are given"
    assert result.items["answered"].isna().all()


def test_a_promise_that_too_few_answers_cannot_carry_names_how_many_would_do():
    few = forecaster(40, name="b", per_unit=5)
    result = judged(forecaster(100, per_unit=5), few, Promise("claims"))
    assert result.measure("kept_share").undefined == (
        "8 calibration answers are too few for a promise of 0.1; 9 would do"
    )
    enough = judged(forecaster(100, per_unit=5), forecaster(45, name="b", per_unit=5), Promise("claims"))
    assert enough.measure("kept_share").n == {"items": 20, "units": 20}
    result = judged(forecaster(100), forecaster(28, name="b"))
    assert result.measure("answered_share").undefined == (
        "28 calibration answers are too few for a promise of 0.1; 29 would do"
    )


def test_abstention_takes_no_calibration_items_that_share_units():
    result = judged(forecaster(100), forecaster(100, name="b", per_unit=2))
    assert result.measure("confidence_threshold").undefined.startswith("calibration items share units")


def test_who_is_never_sure_enough_answers_nothing():
    items, others = (forecaster(300, off=0.5, seed=seed, name=name) for seed, name in enumerate("ab"))
    cause = "not even the surest answers are right often enough"
    assert judged(items, others).measure("error_of_answered").undefined == cause


def test_claims_that_are_left_out_worked_by_hand():
    others = pd.DataFrame({
        "confidence": np.tile([0.9, 0.4], 9), "label": np.tile([1.0, 0.0], 9), "group": None, "length": 1.0,
        "unit": np.repeat([f"b{n}" for n in range(9)], 2),
    }, index=[f"other {n}" for n in range(18)])  # fmt: skip
    items = pd.DataFrame({
        "confidence": [0.9, 0.4, 0.3, 0.8, 0.7, 0.2], "label": [1.0, 0, 1, 0, 1, 0], "group": None, "length": 1.0,
        "unit": ["x", "x", "y", "z", "z", "z"],
    }, index=list("abcdef"))  # fmt: skip
    result = judged(items, others, Promise("claims"))
    assert result.measure("confidence_threshold").value == 0.4
    assert result.items["answered"].tolist() == [True, False, False, True, True, False]
    assert result.measure("kept_share").value == pytest.approx((1 / 2 + 0 + 2 / 3) / 3)
    assert result.measure("all_right_share").value == pytest.approx(2 / 3)
    assert result.measure("emptied_share").value == pytest.approx(1 / 3)


def test_a_claim_that_nobody_labelled_may_be_wrong():
    others = pd.DataFrame({
        "confidence": np.tile([0.9, 0.4], 9), "label": np.tile([1.0, 0.0], 9), "group": None, "length": 1.0,
        "unit": np.repeat([f"b{n}" for n in range(9)], 2),
    }, index=[f"other {n}" for n in range(18)])  # fmt: skip
    items = pd.DataFrame({
        "confidence": [0.9, 0.5, 0.8, 0.3, 0.7, np.nan], "label": [1.0, np.nan, 1, np.nan, 0, 1], "group": None,
        "length": 1.0, "unit": ["x", "x", "y", "y", "z", "z"],
    }, index=list("abcdef"))  # fmt: skip
    result = judged(items, others, Promise("claims"))
    right = result.measure("all_right_share")
    assert (right.value, right.missing, result.measure("kept_share").missing) == (0.5, 1, 0)
    assert result.measure("kept_share").value == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    others.loc["other 0", "label"] = np.nan
    assert judged(items, others, Promise("claims")).measure("confidence_threshold").value == 0.9
    assert highest_wrong([0.2, 0.7], [0.0, np.nan], ["x", "x"]).tolist() == [0.7]
    unsure = abstention_threshold(np.full(40, 0.9), np.full(40, np.nan), [0.9], alpha=0.1, delta=0.05)
    assert unsure is None


def test_answers_unlike_those_that_it_was_learnt_from_are_told():
    items, others = forecaster(300), forecaster(300, seed=1, name="b")
    shifted = others.assign(confidence=others["confidence"] / 2)
    assert [one.key for one in judged(items, others).remarks] == ["learnt_from"]
    assert [one.key for one in judged(items, shifted).remarks] == ["learnt_from", "shifted"]
    assert judged(items, shifted).measure("confidence_shift").low > 0.8


def test_length_that_knows_as_much_is_told():
    items = forecaster(600)
    assert judged(items).measure("confidence_above_length").low > 0
    same = judged(items.assign(length=-items["confidence"])).measure("confidence_above_length")
    assert same.value == 0
    unknown = judged(items.assign(length=np.nan)).measure("confidence_above_length")
    assert unknown.undefined == "the length of an answer is not known"


def test_sets_that_share_an_item_are_refused():
    with pytest.raises(ValueError, match="share 50 items"):
        judged(forecaster(100), forecaster(50))


def test_nothing_to_judge_is_undefined_throughout():
    items = forecaster(5).assign(label=np.nan)
    assert all(one.value is None for one in judged(items).measures[:-1])
    lost = forecaster(5).assign(confidence=np.nan)
    assert judged(lost).headline.undefined == "no item has a confidence and a label"
