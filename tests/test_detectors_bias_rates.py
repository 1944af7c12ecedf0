"""Rates of counts: the published figures of COMPAS, scikit-learn's and fairlearn's to the bit, and what has no rate."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fair
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from needs import needs_data
from sklearn import metrics as skm

from detectors.bias import rates
from detectors.bias.counts import CountTensor

THEIRS = {
    "count": fair.count, "accuracy": skm.accuracy_score, "zero_one_loss": skm.zero_one_loss,
    "balanced_accuracy": skm.balanced_accuracy_score, "selection_rate": fair.selection_rate,
    "true_positive_rate": fair.true_positive_rate, "false_negative_rate": fair.false_negative_rate,
    "true_negative_rate": fair.true_negative_rate, "false_positive_rate": fair.false_positive_rate,
    "precision": skm.precision_score, "f1": skm.f1_score,
}  # fmt: skip
BY_HAND = {
    "base_rate": (lambda tn, fp, fn, tp: (fn + tp, tn + fp + fn + tp)),
    "false_discovery_rate": (lambda tn, fp, fn, tp: (fp, fp + tp)),
    "negative_predictive_value": (lambda tn, fp, fn, tp: (tn, tn + fn)),
    "false_omission_rate": (lambda tn, fp, fn, tp: (fn, tn + fn)),
    "false_negative_share": (lambda tn, fp, fn, tp: (fn, fp + fn)),
}  # fmt: skip
TABLES = arrays(np.int64, (3, 2, 2), elements=st.integers(0, 12))
COMPAS = pd.DataFrame(
    [("African-American", 990, 805, 532, 1369), ("Caucasian", 1139, 349, 461, 505), ("All", 2681, 1282, 1216, 2035)],
    columns=["race", "tn", "fp", "fn", "tp"],
).set_index("race")
"""Contingency tables of Larson et al. 2016, "How we analyzed the COMPAS recidivism algorithm" (ProPublica)."""


def rows_of(table):
    cells = np.repeat(np.arange(4), table.ravel())
    return cells // 2, cells % 2


@given(TABLES)
@settings(max_examples=60, deadline=None)
def test_what_others_say_is_said_to_the_bit(counts):
    for name, metric in THEIRS.items():
        told = rates.METRICS[name].of(counts).told
        for table, ours in zip(counts, told, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = metric(*rows_of(table)) if table.sum() else np.nan
            assert np.array_equal(ours, float(theirs), equal_nan=True), name


@given(TABLES)
@settings(max_examples=30, deadline=None)
def test_a_rate_is_a_ratio_or_has_a_cause(counts):
    for name, metric in rates.METRICS.items():
        found = metric.of(counts)
        for g, (tn, fp, fn, tp) in enumerate(counts.reshape(-1, 4).tolist()):
            cause = found.cause(g)
            assert (cause is None) == np.isfinite(found.value[g])
            if cause is None and name in BY_HAND:
                above, below = BY_HAND[name](tn, fp, fn, tp)
                assert (found.value[g], found.numerator[g], found.denominator[g]) == (above / below, above, below)
            if name != "count" and not counts[g].sum():
                assert cause == rates.EMPTY_GROUP


@given(TABLES)
@settings(max_examples=20, deadline=None)
def test_replicates_and_groups_are_independent_of_their_neighbours(counts):
    stacked = np.stack([counts, counts[::-1]])
    for metric in rates.METRICS.values():
        value = metric.of(stacked).value
        assert np.array_equal(value[0], metric.of(counts).value, equal_nan=True)
        assert np.array_equal(value[0], value[1, ::-1], equal_nan=True)


def test_a_group_without_negatives_has_no_false_positive_rate():
    """fairlearn: 0.0, which makes an equalised-odds difference of one half out of nothing."""
    found = rates.FALSE_POSITIVE_RATE.of([[[2, 2], [1, 1]], [[0, 0], [3, 1]]])
    assert (found.value[0], found.cause(0)) == (0.5, None)
    assert np.isnan(found.value[1])
    assert (found.told[1], found.denominator[1], found.n[1], found.cause(1)) == (0.0, 0, 4, rates.NO_NEGATIVES)


@pytest.mark.parametrize(("name", "cause"), [
    ("true_positive_rate", rates.NO_LABELS), ("accuracy", rates.NO_LABELS), ("base_rate", rates.NO_LABELS),
    ("selection_rate", None), ("count", None),
])  # fmt: skip
def test_without_labels_only_what_asks_for_none_has_a_value(name, cause):
    decisions = CountTensor.from_rows({"g": list("aab"), "d": [1, 0, 1]}, groups=["g"], decision="d")
    found = rates.METRICS[name].of(decisions.binary())
    assert [found.cause(g) for g in range(2)] == [cause, cause]
    if name == "selection_rate":
        assert found.value.tolist() == [0.5, 1.0]


def test_without_decisions_there_is_a_base_rate():
    labels = CountTensor.from_rows({"g": list("aab"), "y": [1, 0, 1]}, groups=["g"], label="y").binary()
    assert rates.BASE_RATE.of(labels).value.tolist() == [0.5, 1.0]
    assert rates.SELECTION_RATE.of(labels).cause(0) == rates.NO_DECISIONS


def test_a_metric_is_called_on_rows_as_others_are():
    y, d = [0, 0, 1, 1, 1], [1, 0, 1, 1, 0]
    assert rates.FALSE_DISCOVERY_RATE(y, d) == 1 / 3
    assert rates.ACCURACY(y, d) == skm.accuracy_score(y, d)
    assert np.isnan(rates.FALSE_POSITIVE_RATE([1, 1], [0, 1]))
    with pytest.raises(ValueError, match="accuracy: got labels or decisions other than 0 and 1"):
        rates.ACCURACY([0, 2], [0, 1])


PUBLISHED = [("African-American", 44.85, 27.99), ("Caucasian", 23.45, 47.72), ("All", 32.35, 37.40)]


@pytest.mark.parametrize(("race", "fpr", "fnr"), PUBLISHED)
def test_the_published_error_rates_of_compas_from_its_published_tables(race, fpr, fnr):
    long = COMPAS.loc[[race]].reset_index().melt("race", value_name="rows")
    long = long.assign(y=long["variable"].isin(["fn", "tp"]), d=long["variable"].isin(["fp", "tp"]))
    counts = CountTensor.from_crosstab(
        long.drop(columns="variable"), groups=["race"], label="y", decision="d", count="rows"
    ).binary()
    assert round(100 * rates.FALSE_POSITIVE_RATE.of(counts).value[0], 2) == fpr
    assert round(100 * rates.FALSE_NEGATIVE_RATE.of(counts).value[0], 2) == fnr


@pytest.mark.shared
def test_the_published_error_rates_of_compas_from_its_rows():
    table = pd.read_csv(needs_data("compas/compas-scores-two-years.csv"))
    table = table.assign(high=table["decile_score"] > 4)
    tensor = CountTensor.from_rows(table, groups=["race"], label="two_year_recid", decision="high")
    assert tensor.total == 7214
    everyone = tensor.binary().sum(axis=0, keepdims=True)
    counts = dict(zip([name for name, in tensor.group_names], tensor.binary(), strict=True)) | {"All": everyone[0]}
    for race, fpr, fnr in PUBLISHED:
        assert counts[race].ravel().tolist() == COMPAS.loc[race].to_list()
        assert round(100 * rates.FALSE_POSITIVE_RATE.of(counts[race][None]).value[0], 2) == fpr
        assert round(100 * rates.FALSE_NEGATIVE_RATE.of(counts[race][None]).value[0], 2) == fnr
