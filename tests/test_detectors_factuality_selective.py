"""Holding back the uncertain answers: against permutations, scikit-learn, closed forms and laws."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import average_precision_score

from detectors.factuality.selective import (
    SELECTIVE,
    Selective,
    auprc,
    aurc,
    coverage_at_risk,
    enough_units,
    excess_aurc,
    prediction_rejection_ratio,
    risk_at_coverage,
    risk_coverage,
)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


WRONG = np.array([0, 0, 1, 0, 1, 1.0])


def _mean_over_orders(scores: list[int], loss: np.ndarray, last: int) -> float:
    """Return the mean running mean loss over the last places, over all orders of the input, sorted stably."""
    areas = []
    for order in map(np.array, itertools.permutations(range(len(scores)))):
        by_score = order[np.argsort(np.array(scores)[order], kind="stable")]
        areas.append((loss[by_score].cumsum() / np.arange(1, len(loss) + 1))[-last:].mean())
    return float(np.mean(areas))


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.25, 1.0])), min_size=2, max_size=6))
def test_equal_scores_count_as_the_mean_over_all_their_orders(rows):
    scores, loss = [one for one, _ in rows], np.array([other for _, other in rows])
    assert aurc(scores, loss) == pytest.approx(_mean_over_orders(scores, loss, len(loss)))
    best = sorted(loss)
    assert excess_aurc(scores, loss) == pytest.approx(aurc(scores, loss) - aurc(best, best))
    if np.ptp(loss):
        half = len(loss) // 2
        area = _mean_over_orders(scores, loss, half)
        oracle = (np.cumsum(best) / np.arange(1, len(best) + 1))[-half:].mean()
        if loss.mean() - oracle > 1e-9:
            expected = (loss.mean() - area) / (loss.mean() - oracle)
            assert prediction_rejection_ratio(scores, 1 - loss) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30), st.randoms())
@settings(max_examples=30)
def test_average_precision_is_scikit_learns_and_no_order_of_input_matters(rows, random):
    scores, wrong = np.array(rows, dtype=float).T
    if np.ptp(wrong) == 0:
        with pytest.raises(ValueError, match="all answers are right, or all are wrong"):
            auprc(scores, wrong)
        return
    found = auprc(scores, wrong)
    expected = average_precision_score(wrong, scores), average_precision_score(1 - wrong, -scores)
    assert found == pytest.approx(expected)
    random.shuffle(rows)
    again, other = np.array(rows, dtype=float).T
    assert auprc(again, other) == pytest.approx(found)
    assert aurc(again, other) == pytest.approx(aurc(scores, wrong))


def test_the_best_order_has_1_any_has_0_and_the_worst_less():
    assert prediction_rejection_ratio(WRONG, 1 - WRONG) == 1
    assert prediction_rejection_ratio(np.zeros(6), 1 - WRONG) == pytest.approx(0)
    assert prediction_rejection_ratio(1 - WRONG, 1 - WRONG) < 0
    assert prediction_rejection_ratio([1, 2, 3, 4], [40.0, 30, 20, 10]) == pytest.approx(1)  # quality of any scale
    assert auprc(np.zeros(6), WRONG) == (0.5, 0.5)
    assert aurc(np.zeros(6), WRONG) == pytest.approx(0.5)
    assert excess_aurc(WRONG, WRONG) == pytest.approx(0)
    with pytest.raises(ValueError, match="equally good"):
        prediction_rejection_ratio([1, 2, 3], [0.5, 0.5, 0.5])


def test_aurc_by_hand():
    # risks of the 1, 2, 3, 4 most certain: 0, 1/2, 1/3, 1/2; the best order has 0, 0, 1/3, 1/2
    assert aurc([1, 2, 3, 4], [0, 1, 0, 1]) == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert excess_aurc([1, 2, 3, 4], [0, 1, 0, 1]) == pytest.approx(1 / 8)


def test_the_curve_has_the_coverages_that_a_threshold_reaches():
    curve = risk_coverage([1, 1, 2, 3], [0, 1, 0, 1])
    assert curve["coverage"].tolist() == [0.5, 0.75, 1]
    assert curve["risk"].tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 2])
    assert curve["threshold"].tolist() == [1, 2, 3]
    assert risk_at_coverage(curve, 0.6) == pytest.approx(1 / 3)
    assert coverage_at_risk(curve, 0.4) == 0.75
    assert coverage_at_risk(curve, 0.1) == 0


def test_intervals_resample_units_and_differences_are_paired(rng):
    certain = rng.normal(size=120)
    wrong = (rng.random(120) < 1 / (1 + np.exp(-2 * certain))).astype(float)
    scores = pd.DataFrame({"good": certain, "same": 2 * certain, "noise": rng.normal(size=120)})
    alone = Selective(scores, wrong)
    prr, area = alone.measures("good", level=0.95, rng=np.random.default_rng(0), names=("prr", "aurc"))
    assert prr.value == pytest.approx(prediction_rejection_ratio(certain, 1 - wrong))
    assert 0.1 < prr.low < prr.value < prr.high <= 1
    assert prr.guarantee == area.guarantee == "approximate"
    (none,) = alone.measures("good", level=0.95, rng=np.random.default_rng(0), names=("prr",), less="same")
    assert (none.name, none.low, none.value, none.high) == ("prr_difference", 0, 0, 0)
    (gain,) = alone.measures("good", level=0.95, rng=np.random.default_rng(0), names=("aurc",), less="noise")
    assert gain.high < 0
    units = np.arange(120) // 4
    (wide,) = Selective(scores.loc[4 * units].reset_index(drop=True), wrong[4 * units], units).measures(
        "good", level=0.95, rng=np.random.default_rng(0), names=("aurc",)
    )
    assert wide.n == {"items": 120, "units": 30}
    assert wide.high - wide.low > 1.5 * (area.high - area.low)


def test_what_cannot_be_said_has_its_reason(rng):
    scores = pd.DataFrame({"a": np.arange(20.0)})
    for measure in Selective(scores, np.ones(20)).measures("a", level=0.95, rng=rng):
        assert measure.value is None
        assert measure.undefined
    graded = Selective(scores, np.linspace(0, 1, 20)).measures("a", level=0.95, rng=rng, names=("prr", "auprc_wrong"))
    assert graded[0].value == 1
    assert graded[1].undefined == "some answers are neither right nor wrong"
    (few,) = Selective(scores, np.arange(20) == 19).measures("a", level=0.95, rng=rng, names=("prr",))
    assert few.value == 1
    assert few.low is None
    with pytest.raises(ValueError, match="finite"):
        aurc([np.nan, 1], [0, 1])


def test_few_answers_of_one_kind_have_a_value_and_no_interval_whichever_kind_it_is(rng):
    score = rng.normal(size=60)
    told = pd.DataFrame({"a": score, "b": rng.normal(size=60)})
    for wrong, least in ((7, False), (8, True), (52, True), (53, False)):
        of = Selective(told, np.arange(60) < wrong)
        for one in (*of.measures("a", level=0.95, rng=rng), *of.measures("a", level=0.95, rng=rng, less="b")):
            assert one.value is not None
            assert (one.low is not None) == least, (wrong, one.name)
    said = "none; 7 right and 53 wrong units, 8 or more of each are needed"
    assert {one.method for one in of.measures("a", level=0.95, rng=rng)} == {said}
    pairs = Selective(told, np.arange(60) < 14, np.arange(60) // 2).measures("a", level=0.95, rng=rng, names=("aurc",))
    assert pairs[0].method == "none; 23 right and 7 wrong units, 8 or more of each are needed"
    assert [enough_units(level) for level in (0.5, 0.95, 0.999)] == [8, 8, 9]  # 1 + ln(2000) = 8.6


def test_eight_wrong_answers_are_enough_for_the_coverage_that_is_stated():
    rng, hits = np.random.default_rng(3), []
    wrong = np.tile([1.0] * 8 + [0.0] * 92, 4000)
    truth = prediction_rejection_ratio(rng.normal(size=len(wrong)) + 2.5 * wrong, 1 - wrong)
    for _ in range(30):
        of = Selective(pd.DataFrame({"a": rng.normal(size=100) + 2.5 * wrong[:100]}), wrong[:100])
        (one,) = of.measures("a", level=0.95, rng=rng, names=("prr",))
        hits.append(one.low is None or one.low <= truth <= one.high)
    assert binom.cdf(sum(hits), len(hits), SELECTIVE.worst_coverage) > 0.01


def test_an_order_without_a_fault_has_no_interval_of_width_0():
    uncertainty, wrong = np.arange(120) / 7, np.arange(120) >= 60
    scores = pd.DataFrame({"a": uncertainty, "again": 2 * uncertainty, "same": np.zeros(120)})
    of = Selective(scores, wrong)
    for one in of.measures("a", level=0.95, rng=np.random.default_rng(0)):
        perfect = one.name in ("prr", "excess_aurc", "auprc_wrong", "auprc_right")
        assert (one.low is None) == perfect, one.name
    (prr,) = of.measures("a", level=0.95, rng=np.random.default_rng(0), names=("prr",))
    assert prr.value == 1  # and never above
    assert prr.method == "none; whichever of these answers are drawn anew, the value is the same"
    (gap,) = of.measures("a", level=0.95, rng=np.random.default_rng(0), names=("prr",), less="same")
    assert (gap.value, gap.low) == (1, None)
    (none,) = of.measures("a", level=0.95, rng=np.random.default_rng(0), names=("prr",), less="again")
    assert (none.low, none.high) == (0, 0)
