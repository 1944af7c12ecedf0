"""Sub-sequence PCA and the volume under the precision-recall surface: by hand, by brute force, by laws."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import precision_recall_curve, roc_auc_score

from detectors.novelty.localisation import located
from detectors.novelty.subsequences import step_scores, strangest_window, window_scores
from detectors.novelty.volume import buffered, stretches, vus_pr


def seasonal(rng, items, steps=96, period=12, noise=0.1):
    """Sines of any phase with noise."""
    time = np.arange(steps) / period + rng.random((items, 1))
    return np.sin(2 * np.pi * time) + rng.normal(0, noise, (items, steps))


# --- sub-sequence PCA


def test_a_windows_score_is_its_mahalanobis_distance():
    """With every component weighted by its own variance, sum_j (v_j z)^2 / l_j = z C^-1 z."""
    rng = np.random.default_rng(0)
    fit, new = rng.normal(size=(40, 30)).cumsum(axis=1), rng.normal(size=(3, 30))
    width = 4
    known = np.array([row[at : at + width] for row in fit for at in range(30 - width + 1)])
    inverse = np.linalg.inv(np.cov(known.T, bias=True))
    got = window_scores(fit, new, width)
    for item, start in ((0, 0), (1, 13), (2, 26)):
        apart = new[item, start : start + width] - known.mean(axis=0)
        assert got[item, start] == pytest.approx(apart @ inverse @ apart, rel=1e-6)
    assert window_scores(fit, fit, width).mean() == pytest.approx(width)


def test_what_fit_never_does_counts_as_the_last_component_that_is_weighted():
    """Windows (u, u): one direction holds all, so (1, -1) is judged by a thousandth of the variance, 2."""
    fit = np.repeat(np.random.default_rng(0).normal(size=(500, 1)), 2, axis=1)
    spread = fit[:, 0].std()
    got = window_scores(fit, fit.mean() + spread * np.array([[1.0, 1.0], [1.0, -1.0]]), 2)
    assert got[:, 0] == pytest.approx([1.0, 2 / 0.002])


def test_by_length_is_the_squared_length_of_the_scaled_window():
    fit = np.array([[0.0, 2.0, 0.0, 2.0]])
    assert window_scores(fit, [[1.0, 3.0, 1.0]], 1, by_length=True)[0] == pytest.approx([0, 4, 0])


@given(st.floats(0.01, 100), st.floats(-50, 50))
@settings(deadline=None, max_examples=20)
def test_the_unit_of_a_series_does_not_matter(scale, shift):
    rng = np.random.default_rng(1)
    fit, new = seasonal(rng, 20), seasonal(rng, 3)
    assert window_scores(scale * fit + shift, scale * new + shift, 8) == pytest.approx(
        window_scores(fit, new, 8), rel=1e-5
    )


def test_a_steps_score_is_the_mean_over_the_windows_that_hold_it():
    assert step_scores([1.0, 4.0, 7.0], 2) == pytest.approx([1, 2.5, 5.5, 7])
    assert step_scores([[5.0], [6.0]], 3).tolist() == [[5.0] * 3, [6.0] * 3]
    assert step_scores(np.arange(5.0), 1).tolist() == [0, 1, 2, 3, 4]


def test_a_cycle_that_is_left_out_is_found_where_it_is_and_clean_series_are_not_accused():
    """The values stay within what they always are; only their order is strange."""
    rng = np.random.default_rng(2)
    fit, clean, strange = seasonal(rng, 40), seasonal(rng, 200), seasonal(rng, 200)
    strange[:, 50:56] = strange[:, 49:50]
    found = step_scores(window_scores(fit, strange, 12), 12)
    assert np.mean((found.argmax(axis=1) >= 40) & (found.argmax(axis=1) < 66)) > 0.9
    known = strangest_window(fit, seasonal(rng, 400), 12)
    cut = np.sort(known)[-20]
    assert np.mean(strangest_window(fit, clean, 12) > cut) < 0.11
    assert np.mean(strangest_window(fit, strange, 12) > cut) > 0.9


@pytest.mark.parametrize(("width", "series"), [(9, np.zeros((1, 8))), (0, np.zeros((1, 8))), (2, [[np.nan, 1.0, 2.0]])])
def test_series_without_windows_are_refused(width, series):
    with pytest.raises(ValueError, match=r"windows: got .*; allowed"):
        window_scores(np.random.default_rng(0).normal(size=(5, 20)), series, width)


def test_a_flat_series_has_finite_scores():
    assert np.isfinite(window_scores(np.ones((3, 20)), np.zeros((1, 20)), 5)).all()


# --- volume under the surface


def by_the_definition(labels, scores, buffer):
    """VUS-PR threshold by threshold and stretch by stretch, as the paper words it."""
    areas = []
    for r in range(buffer + 1):
        soft = np.array(labels, dtype=float)
        runs = stretches(labels).tolist()
        for first, last in runs:
            for step in range(len(soft)):
                away = max(first - step, step - last)
                if 0 < away <= r // 2:
                    soft[step] += np.sqrt(1 - away / r)
        soft = np.minimum(soft, 1)
        found, points = stretches(soft).tolist(), [(0.0, 1.0)]
        for threshold in sorted(scores, reverse=True):
            alarm = scores >= threshold
            touched = np.mean([alarm[first : last + 1].any() for first, last in found])
            recall = min(1, (soft @ alarm) / ((soft.sum() + labels.sum()) / 2)) * touched
            points.append((recall, (soft @ alarm) / alarm.sum()))
        areas.append(sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points)))
    return np.mean(areas)


def series_with_stretches(seed, steps=80):
    rng = np.random.default_rng(seed)
    labels = np.zeros(steps)
    for first in rng.integers(0, steps, 3):
        labels[first : first + rng.integers(1, 9)] = 1
    return labels, np.round(rng.normal(size=steps) + 1.5 * labels, 1 + seed % 2 * 3)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("buffer", [0, 1, 7])
def test_volume_is_that_of_the_definition(seed, buffer):
    labels, scores = series_with_stretches(seed)
    assert vus_pr(labels, scores, buffer=buffer) == pytest.approx(by_the_definition(labels, scores, buffer))


def test_volume_by_hand():
    """Labels 0 1 0, scores 1 3 2. Buffer 0: recall jumps to 1 at precision 1, area 1. Buffer 1 the same. Buffer 2: the
    neighbours count 1/sqrt 2 each, in all 2.414, of which the half with the label is 1.707. Alarms 1, 2, 3 hit 1, 1.707
    and 2.414, so recall is 0.586, 1, 1 at precisions 1, 0.854, 0.805: area 0.586 + 0.414 * 1.854 / 2 = 0.970.
    """
    labels, scores = [0, 1, 0], [1.0, 3.0, 2.0]
    assert buffered(labels, 2) == pytest.approx([np.sqrt(0.5), 1, np.sqrt(0.5)])
    assert vus_pr(labels, scores, buffer=1) == pytest.approx(1)
    assert vus_pr(labels, scores, buffer=2) == pytest.approx((1 + 1 + 0.9697) / 3, abs=1e-4)


def test_volume_is_that_of_the_authors_package():
    """Mean of RangeAUC over windows 0 ... 6 by vus 0.0.6, the authors', which sums at 250 thresholds at most."""
    labels = np.zeros(60)
    labels[[10, 11, 12, 13, 40, 41]] = 1
    scores = np.sin(np.arange(60) * 0.7) + labels + 0.01 * np.arange(60)
    assert vus_pr(labels, scores, buffer=6) == pytest.approx(0.7322016761531438, abs=1e-12)


def test_without_a_buffer_and_with_steps_apart_it_is_the_area_times_the_share_of_stretches():
    """One stretch, found by the first alarm: the plain curve of scikit-learn, by trapezoids."""
    labels, scores = np.zeros(50), np.random.default_rng(0).normal(size=50)
    labels[20:26] = 1
    scores[22] = 9
    precision, recall, _ = precision_recall_curve(labels, scores)
    assert vus_pr(labels, scores, buffer=0) == pytest.approx(-np.trapezoid(precision, recall))


@pytest.mark.parametrize("seed", range(4))
def test_a_stretch_of_time_that_counts_twice_is_there_twice(seed):
    """Weights are counts: of a series cut where no buffer reaches, one half taken twice."""
    labels, scores = series_with_stretches(seed, 40)
    other, more = series_with_stretches(seed + 10, 40)
    labels, other = (np.concatenate([np.zeros(5), one, np.zeros(5)]) for one in (labels, other))
    scores, more = (np.concatenate([np.full(5, -9.0), one, np.full(5, -9.0)]) for one in (scores, more))
    weights = np.repeat([2, 1], 50)
    both = vus_pr(np.r_[labels, other], np.r_[scores, more], buffer=6, weights=weights)
    assert both == pytest.approx(vus_pr(np.r_[labels, labels, other], np.r_[scores, scores, more], buffer=6))
    left = vus_pr(np.r_[labels, other], np.r_[scores, more], buffer=6, weights=np.repeat([1, 0], 50))
    assert left == pytest.approx(vus_pr(labels, scores, buffer=6))


def test_chance_has_the_share_of_strange_steps_and_a_late_alarm_costs_less_with_a_buffer():
    rng = np.random.default_rng(0)
    labels = np.zeros(4000)
    for first in range(100, 4000, 200):
        labels[first : first + 20] = 1
    assert vus_pr(labels, rng.random(4000), buffer=0) == pytest.approx(0.1, abs=0.03)
    late = np.roll(labels, 4) + 0.01 * rng.random(4000)
    assert vus_pr(labels, late, buffer=16) > vus_pr(labels, late, buffer=0) + 0.05


@pytest.mark.parametrize(("labels", "scores"), [
    ([0, 0], [1.0, 2.0]), ([1, 1], [1.0, 2.0]), ([0, 2], [1.0, 2.0]), ([0, 1], [1.0, np.nan]), ([0, 1], [1.0]),
])
def test_what_has_no_volume_is_refused(labels, scores):
    with pytest.raises(ValueError, match=r"vus_pr: got .*; allowed"):
        vus_pr(labels, scores, buffer=2)


# --- where the surprise is


def marked(rng, moved=3.0, series=60, steps=48, strange=8):
    """Return series of white noise under their own density; of foreign ones some steps are moved, and marked."""
    frames = {}
    for role in ("items", "fit", "foreign"):
        x, marks = rng.normal(size=(series, steps)), np.zeros((series, steps), dtype=int)
        if role == "foreign":
            for row, first in enumerate(rng.integers(0, steps - strange, series)):
                marks[row, first : first + strange] = 1
            x = x + moved * marks
        index = [f"{role}{n}" for n in range(series)]
        frames[role] = pd.DataFrame({"series": list(x), "trace": list(norm.logpdf(x))}, index=index)
        if role == "foreign":
            frames[role]["strange"] = list(marks)
    return frames


def test_surprise_that_is_where_the_strangeness_is():
    frames = marked(np.random.default_rng(3))
    found = {(one.name, one.group): one for one in located(frames, 0.95)}
    assert list(found) == [("step_auroc", None), ("step_auroc", "sub_pca"), ("vus_pr", None), ("vus_pr", "sub_pca")]
    marks = np.concatenate([np.zeros((60, 48)), np.stack(frames["foreign"]["strange"])])
    nats = -np.concatenate([np.stack(frames[role]["trace"]) for role in ("items", "foreign")])
    ones = np.apply_along_axis(np.convolve, 1, np.ones((1, 33)), np.ones(16))
    smooth = np.apply_along_axis(
        lambda row: np.convolve(np.convolve(row, np.ones(16), "valid") / 16, np.ones(16)) / ones[0], 1, nats
    )
    assert found["step_auroc", None].value == pytest.approx(roc_auc_score(marks.ravel(), smooth.ravel()))
    gap = np.zeros((120, 9))  # more than half a buffer of 16, scored below all
    by_hand = by_the_definition(
        np.hstack([marks, gap])[55:65].ravel(), np.hstack([smooth, gap - 9])[55:65].ravel(), 0
    )
    assert 0 < by_hand < 1
    assert found["vus_pr", None].low < found["vus_pr", None].value < found["vus_pr", None].high
    assert found["vus_pr", None].value > found["vus_pr", "sub_pca"].value > 0.0667 / 2  # the share of strange steps
    assert {one.guarantee for one in found.values()} == {"approximate"}


def test_a_model_that_is_not_surprised_has_the_volume_of_chance():
    frames = marked(np.random.default_rng(4), moved=0.0)
    found = {(one.name, one.group): one for one in located(frames, 0.95)}
    assert found["step_auroc", None].low <= 0.5 <= found["step_auroc", None].high
    assert found["vus_pr", None].value < 0.2


def test_an_interval_of_the_volume_covers():
    """Of 4,000 series the volume is 0.5786; 29 of 30 samples of 120 held it, by 0.9; 6 stand here."""
    rng = np.random.default_rng(5)
    found = [next(one for one in located(marked(rng, 1.5, 30), 0.9) if one.name == "vus_pr") for _ in range(6)]
    assert sum(one.low <= 0.5786 <= one.high for one in found) >= 4
    assert np.mean([one.value for one in found]) == pytest.approx(0.5786, abs=0.05)
    assert np.mean([one.high - one.low for one in found]) < 0.3


def test_marks_that_do_not_fit_are_refused_and_without_any_nothing_is_told():
    frames = marked(np.random.default_rng(6))
    assert not list(located({**frames, "foreign": frames["foreign"].drop(columns="strange")}, 0.95))
    assert not list(located({**frames, "foreign": frames["foreign"].drop(columns="trace")}, 0.95))
    frames["foreign"]["strange"] = [[0, 1]] * 60
    with pytest.raises(ValueError, match=r"got 2 marks of strange steps for a series of 48; allowed: one a step"):
        list(located(frames, 0.95))
