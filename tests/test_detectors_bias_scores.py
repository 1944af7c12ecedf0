"""Scores by group: AUCs as scikit-learn has them, areas by brute force, calibration that was made to hold or not."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from detectors.bias.calibration import calibration, impossibility
from detectors.bias.scores import abroca, auc, score_gaps

NAMES = ["a", "b", "c"]


def counted(groups, labels, bins, shape):
    cells = np.zeros(shape, dtype=int)
    np.add.at(cells, (groups, labels, bins), 1)
    return cells


@pytest.fixture(scope="module")
def rows():
    """900 units: the score ranks well in group a and hardly in c."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(3), 300)
    labels = (rng.random(900) < 0.4).astype(int)
    bins = np.clip(np.round(6 * (rng.normal(size=900) + labels * np.array([2.0, 1.0, 0.1])[groups] + 4)), 0, 49)
    return groups, labels, bins.astype(int)


@pytest.fixture(scope="module")
def judged(rows):
    return score_gaps(counted(*rows, (3, 2, 50)), NAMES, level=0.95, rng=np.random.default_rng(1))


def test_aucs_are_scikit_learns(rows, judged):
    groups, labels, bins = rows
    for at, name in enumerate(NAMES):
        own = groups == at
        assert judged.measure("auc", name).value == pytest.approx(roc_auc_score(labels[own], bins[own]))
        mixed = (own & (labels == 1)) | (~own & (labels == 0))
        assert judged.measure("bnsp_auc", name).value == pytest.approx(roc_auc_score(labels[mixed], bins[mixed]))
        assert judged.measure("bpsn_auc", name).value == pytest.approx(roc_auc_score(labels[~mixed], bins[~mixed]))
    assert judged.measure("auc").value == pytest.approx(roc_auc_score(labels, bins))


def test_abroca_is_the_area_between_the_curves(rows, judged):
    groups, labels, bins = rows
    own = groups == 0
    x = np.linspace(0, 1, 200_001)
    curves = [roc_curve(labels[part], bins[part], drop_intermediate=False)[:2] for part in (own, ~own)]
    area = np.abs(np.interp(x, *curves[0]) - np.interp(x, *curves[1])).mean()
    assert judged.measure("abroca", "a").value == pytest.approx(area, abs=1e-5)


def test_curves_that_cross_have_an_area_though_their_aucs_are_equal():
    """One is 0 up to 1/2 and then 1, the other is 1/2 throughout."""
    first, second = np.array([[2, 0, 2], [0, 4, 0]]), np.array([[0, 4, 0], [2, 0, 2]])
    assert auc(*first) == auc(*second) == 0.5
    assert abroca(first, second) == pytest.approx(0.5)
    assert abroca(first, first) == 0.0


def test_what_is_planted_is_found(judged):
    assert judged.headline.low > 0
    assert judged.measure("abroca_p").value <= 0.002
    assert judged.measure("xauc_gap", "a").low > 0
    assert judged.measure("abroca", "c").low > 0
    assert {one.guarantee for one in judged.measures} == {"finite sample"}


def test_groups_with_one_law_are_not_accused():
    rng, missed, rejected = np.random.default_rng(2), 0, 0
    groups = np.repeat(np.arange(3), [150, 60, 20])
    for _ in range(20):
        labels = (rng.random(230) < 0.3).astype(int)
        bins = np.clip(np.round(3 * (rng.normal(size=230) + labels + 3)), 0, 19).astype(int)
        result = score_gaps(counted(groups, labels, bins, (3, 2, 20)), NAMES, level=0.95, rng=rng)
        missed += (result.headline.low or 0) > 0
        rejected += result.measure("abroca_p").value <= 0.05
    assert binom.sf(missed - 1, 20, 0.05) > 0.01
    assert binom.sf(rejected - 1, 20, 0.05) > 0.01


def test_a_group_of_one_label_has_no_auc_and_one_such_group_leaves_no_difference():
    cells = np.array([[[5, 5], [3, 4]], [[0, 0], [5, 5]]])
    result = score_gaps(cells, ["a", "b"], level=0.95, rng=np.random.default_rng(0))
    assert result.measure("auc", "b").undefined
    assert result.headline.undefined
    assert result.measure("abroca_p").undefined


@pytest.fixture(scope="module")
def calibrated():
    """1,200 units of three sizes, labels drawn by their scores."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(3), [800, 300, 100])
    bins = rng.integers(0, 10, 1200)
    said = (np.arange(10) + 0.5) / 10
    return groups, (rng.random(1200) < said[bins]).astype(int), bins, said


def test_a_calibrated_score_is_not_accused_and_its_error_is_not_its_noise(calibrated):
    groups, labels, bins, said = calibrated
    cells = counted(groups, labels, bins, (3, 2, 10))
    result = calibration(cells, said, NAMES, level=0.95, rng=np.random.default_rng(0))
    share = cells[2, 1] / cells[2].sum(0)
    plain = (cells[2].sum(0) / 100 * np.abs(share - said)).sum()
    assert plain > 0.07
    assert abs(result.measure("calibration_error", "c").value) < plain / 2
    assert result.measure("calibration_error").low == 0
    assert result.measure("calibration_p").value > 0.05
    assert all(one.low <= 0 <= one.high for one in result.measures if one.name == "calibration_in_the_large")


def test_the_worst_calibrated_group_tells_how_badly_any_may_be(calibrated):
    groups, labels, bins, said = calibrated
    cells = counted(groups, labels, bins, (3, 2, 10))
    cells[2] //= 10  # a few units, of which nothing is sure
    result = calibration(cells, said, NAMES, level=0.95, rng=np.random.default_rng(0))
    for name in ("calibration_error", "calibration_in_the_large"):
        low, high = result.measure(name).reach
        of_groups = [result.measure(name, group) for group in NAMES]
        assert (low, high) == (min(one.low for one in of_groups), max(one.high for one in of_groups))


def test_the_brier_score_is_the_sum_of_its_parts(calibrated):
    groups, labels, bins, said = calibrated
    cells = counted(groups, labels, bins, (3, 2, 10))
    result = calibration(cells, said, NAMES, level=0.95, rng=np.random.default_rng(0))
    own = groups == 1
    assert result.measure("brier", "b").value == pytest.approx(brier_score_loss(labels[own], said[bins[own]]))


def test_a_score_that_is_ten_points_too_high_for_one_group_is_found(calibrated):
    groups, _, bins, said = calibrated
    rng = np.random.default_rng(4)
    labels = (rng.random(1200) < np.clip(said[bins] - 0.15 * (groups == 1), 0, 1)).astype(int)
    result = calibration(counted(groups, labels, bins, (3, 2, 10)), said, NAMES, level=0.95, rng=rng)
    large = result.measure("calibration_in_the_large")
    assert large.high < 0
    assert large.value == result.measure("calibration_in_the_large", "b").value
    assert result.measure("calibration_p").value <= 0.01


def test_the_p_value_of_calibration_keeps_its_level():
    rng, rejected, said = np.random.default_rng(5), 0, np.array([0.02, 0.3, 0.95])
    for _ in range(60):
        n = np.array([[15, 5, 3], [60, 40, 9]])
        k = rng.binomial(n, said)
        cells = np.stack([n - k, k], axis=1)
        rejected += calibration(cells, said, ["a", "b"], level=0.95, rng=rng).measure("calibration_p").value <= 0.05
    assert binom.sf(rejected - 1, 60, 0.05) > 0.01


def test_base_rates_that_surely_differ_are_remarked():
    assert impossibility([30, 32], [100, 100], ["a", "b"], 0.95) == ()
    told = impossibility([30, 70], [100, 100], ["a", "b"], 0.95)[0]
    assert (told.key, told.values["low_share"], told.values["high_share"]) == ("base_rates_differ", 0.3, 0.7)
    assert impossibility([30, 0], [100, 0], ["a", "b"], 0.95) == ()


def test_nothing_counted_is_undefined_and_nonsense_is_refused():
    rng = np.random.default_rng(0)
    assert calibration(np.zeros((1, 2, 3)), [0.1, 0.2, 0.3], ["a"], level=0.95, rng=rng).headline.undefined
    assert score_gaps(np.zeros((2, 2, 3)), ["a", "b"], level=0.95, rng=rng).headline.undefined
    with pytest.raises(ValueError, match="allowed: 0 to 1"):
        calibration(np.zeros((1, 2, 1)), [1.5], ["a"], level=0.95, rng=rng)
    with pytest.raises(ValueError, match=r"\[group, 2, score\]"):
        score_gaps(np.zeros((2, 3, 3)), ["a", "b"], level=0.95, rng=rng)
