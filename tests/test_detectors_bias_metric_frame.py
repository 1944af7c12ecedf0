"""MetricFrame: fairlearn's own class, to the bit, on random tables; intervals by its rows; and what is more than it."""

from __future__ import annotations

import inspect
import warnings
from functools import cache, partial

import fairlearn
import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fair
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as skm

from detectors.bias import rates
from detectors.bias.counted_frame import CountedFrame
from detectors.bias.counts import CountTensor
from detectors.bias.metric_frame import MetricFrame, UndefinedRateWarning

METRICS = {
    "accuracy": skm.accuracy_score, "loss": skm.zero_one_loss, "balanced": skm.balanced_accuracy_score,
    "precision": skm.precision_score, "recall": skm.recall_score, "f1": skm.f1_score, "n": fair.count,
    "selection": fair.selection_rate, "mean": fair.mean_prediction, "tpr": fair.true_positive_rate,
    "tnr": fair.true_negative_rate, "fpr": fair.false_positive_rate, "fnr": fair.false_negative_rate,
}  # fmt: skip
TABLES = [
    ("overall",), ("by_group",), ("group_min",), ("group_max",), ("difference", "between_groups"),
    ("difference", "to_overall"), ("ratio", "between_groups"), ("ratio", "to_overall"),
]  # fmt: skip
INTERVALS = {"n_boot": 3, "ci_quantiles": [0.1, 0.5, 0.9], "random_state": 11}
TEN = {"y_true": [1, 1, 1, 1, 1, 0, 0, 1, 1, 0], "y_pred": [0, 1, 1, 1, 1, 0, 0, 0, 1, 1],
       "sensitive_features": ["Female"] * 5 + ["Male"] * 5}  # fmt: skip
"""The example in fairlearn's documentation of the class."""


@pytest.fixture(autouse=True)
def silent():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def table(frame, name, ci=False):
    found = getattr(frame, f"{name[0]}_ci" if ci else name[0])
    return found(*name[1:]) if callable(found) else found


def same(ours, theirs):
    if isinstance(theirs, pd.DataFrame):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    elif isinstance(theirs, pd.Series):
        pd.testing.assert_series_equal(ours, theirs, check_exact=True)
    else:
        assert type(ours) is type(theirs)
        assert np.array_equal(ours, theirs, equal_nan=True)


def both(rng="fairlearn", **given):
    """The frame of both, after all their tables were found the same."""
    theirs, ours = fair.MetricFrame(**given), MetricFrame(**given, rng=rng)
    for name in TABLES:
        same(table(ours, name), table(theirs, name))
        if given.get("n_boot"):
            for one, two in zip(table(ours, name, ci=True), table(theirs, name, ci=True), strict=True):
                same(one, two)
    for name in ("sensitive_levels", "control_levels", "ci_quantiles", "n_boot"):
        assert getattr(ours, name) == getattr(theirs, name)
    return ours, theirs


def is_counted(frame):
    return isinstance(frame._frame, CountedFrame)


# --- fairlearn's values ---------------------------------------------------------------------------------------------


LEVELS = {"text": ["b", "a", "c"], "integer": [7, -3, 500], "truth": [True, False], "number": [0.5, 0.0, 2.5]}
LABELS = {"integers": int, "truth": bool, "numbers": float, "signs": lambda one: 2 * one - 1}
FORMS = {
    "frame": lambda frame: frame, "series": lambda frame: frame.iloc[:, 0], "list": lambda frame: frame["s0"].to_list(),
    "dict": lambda frame: {name: frame[name].to_numpy() for name in frame}, "array": lambda frame: frame.to_numpy(),
    "category": lambda frame: frame.astype("category"),
}  # fmt: skip


@st.composite
def frames(draw):
    rows = draw(st.integers(2, 25))  # of one row in an array, fairlearn makes no feature
    column = lambda values: draw(st.lists(st.sampled_from(values), min_size=rows, max_size=rows))  # noqa: E731
    kind = LABELS[draw(st.sampled_from(sorted(LABELS)))]
    classes = draw(st.sampled_from([[0, 1], [0], [1]]))
    label = [[kind(one) for one in column(values)] for values in (classes, [0, 1])]
    features = [
        pd.DataFrame({f"{base}{i}": column(LEVELS[draw(st.sampled_from(sorted(LEVELS)))]) for i in range(count)})
        for base, count in (("s", draw(st.integers(1, 2))), ("c", draw(st.integers(0, 2))))
    ]
    names = draw(st.lists(st.sampled_from(sorted(METRICS)), min_size=1, max_size=4, unique=True))
    one = draw(st.booleans()) and len(names) == 1
    return {
        "metrics": METRICS[names[0]] if one else {name: METRICS[name] for name in names},
        "y_true": label[0], "y_pred": np.array(label[1]),
        "sensitive_features": FORMS[draw(st.sampled_from(sorted(FORMS)))](features[0]),
        "control_features": features[1] if features[1].shape[1] else None,
        **(INTERVALS if draw(st.booleans()) else {}),
    }  # fmt: skip


@given(frames())
@settings(max_examples=16, deadline=None)
def test_all_tables_are_those_of_fairlearn_to_the_bit(given):
    both(**given)


def test_the_example_of_its_documentation():
    ours, _ = both(metrics={"accuracy": skm.accuracy_score, "selection_rate": fair.selection_rate}, **TEN)
    assert is_counted(ours)
    assert ours.by_group.to_dict() == {"accuracy": {"Female": 0.8, "Male": 0.6},
                                       "selection_rate": {"Female": 0.8, "Male": 0.4}}  # fmt: skip
    assert (ours.difference()["selection_rate"], ours.ratio()["accuracy"]) == (0.4, 0.6 / 0.8)


def test_it_has_every_name_and_argument_of_fairlearns_class():
    ours, theirs = (list(inspect.signature(one.__init__).parameters) for one in (MetricFrame, fair.MetricFrame))
    assert ours[: len(theirs)] == theirs
    names = [name for name in vars(fair.MetricFrame) if not name.startswith("_")]
    assert len(names) > 10
    for name in names:
        given = [
            [(one.name, one.default) for one in inspect.signature(found).parameters.values()]
            for found in (getattr(own, name) for own in (MetricFrame, fair.MetricFrame))
            if callable(found)
        ]
        assert not given or (len(given) == 2 and given[0] == given[1])


def test_writing_into_a_table_changes_no_other():
    frame = MetricFrame(metrics={"a": skm.accuracy_score}, **TEN)
    first, copy = frame.by_group, frame.by_group.copy()
    first.iloc[0, 0] = 9
    first.index.name = first.columns.name = "other"
    same(frame.by_group, copy)


@pytest.mark.parametrize(("metrics", "y_true", "y_pred"), [
    ({"a": skm.accuracy_score, "l": skm.zero_one_loss, "n": fair.count}, list("abcabca"), list("abccbaa")),
    ({"a": skm.accuracy_score, "s": partial(fair.selection_rate, pos_label=2)}, [0, 1, 2, 2, 1, 0, 2],
     [0, 2, 2, 2, 1, 1, 0]),
    ({"s": partial(fair.selection_rate, pos_label="yes")}, list("abcabca"), ["yes", "no", "maybe", "yes"] + ["no"] * 3),
    ({"f": partial(fair.false_positive_rate, pos_label=5), "p": partial(skm.precision_score, pos_label=5)},
     [3, 5, 3, 5, 5, 5, 3], [5, 5, 3, 3, 5, 3, 3]),
    ({"p": partial(skm.precision_score, zero_division=1), "f": partial(skm.f1_score, zero_division=np.nan),
      "r": partial(skm.recall_score, zero_division=0)}, [0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1, 0]),
    ({"n": fair.count}, [1.5, 2.5, 1, 2, 3, 4, 5], [1, 0, 1, 0, 1, 0, 0]),
    ({"one": lambda y, d: 1.0, "a": skm.accuracy_score}, [0, 1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0, 0]),
    ({"e": skm.mean_squared_error}, [0.1, 0.5, 0.4, 1, 2, 3, 4], [0.2, 0.1, 0.6, 1, 2, 2, 4]),
    ({"m": skm.confusion_matrix}, [0, 1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0, 0]),
    (partial(fair.selection_rate, pos_label=0), [0, 1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0, 0]),
], ids=["texts", "classes", "text decisions", "positive", "division", "numbers", "own", "error", "matrix", "partial"],
)  # fmt: skip
def test_other_labels_arguments_and_callables(metrics, y_true, y_pred):
    theirs = fair.MetricFrame(metrics=metrics, y_true=y_true, y_pred=y_pred, sensitive_features=list("aaaabbb"))
    ours = MetricFrame(metrics=metrics, y_true=y_true, y_pred=y_pred, sensitive_features=list("aaaabbb"))
    for name in TABLES[:2] if "m" in str(metrics) and isinstance(metrics, dict) and "m" in metrics else TABLES:
        same(table(ours, name), table(theirs, name))
    strange = isinstance(metrics, dict) and set(metrics) & {"one", "e", "m"}
    assert is_counted(ours) is not (bool(strange) or y_true[0] == 1.5)


def test_weights_are_no_counts_and_none_is_no_weight():
    given = dict(metrics={"a": skm.accuracy_score, "s": fair.selection_rate}, **TEN)
    weighted, _ = both(**given, sample_params={"a": {"sample_weight": np.arange(10.0)}})
    plain, _ = both(**given, sample_params={"a": {"sample_weight": None}})
    single, _ = both(metrics=skm.accuracy_score, **TEN, sample_params={"sample_weight": np.arange(10.0)})
    assert [is_counted(one) for one in (weighted, plain, single)] == [False, True, False]
    for wrong in ([1], {"x": {}}, {"a": 1}):
        with pytest.raises(ValueError, match=r"ample param|Keys in"):
            MetricFrame(**given, sample_params=wrong)


@pytest.mark.parametrize(("change", "line"), [
    ({"y_pred": [], "y_true": [], "sensitive_features": []}, "got no rows"),
    ({"y_true": [1]}, "got 1 labels for 10 predictions"),
    ({"sensitive_features": ["a"]}, "got 1 rows of sensitive_feature_0; allowed: 10"),
    ({"sensitive_features": pd.DataFrame({1: range(10)})}, "a feature of the name 1; allowed: texts"),
    ({"sensitive_features": [["a", "b"]] * 10}, r"features of the shape \[10, 2\]"),
    ({"sensitive_features": [{"a"}] * 10}, "must be of scalar types"),
    ({"sensitive_features": {}}, "got the features none"),
    ({"control_features": pd.Series(range(10), name="sensitive_feature_0")}, "the feature sensitive_feature_0 twice"),
    ({"n_boot": 3}, "n_boot or ci_quantiles alone"),
    ({"n_boot": 0, "ci_quantiles": [0.5]}, "got n_boot 0; allowed: an integer of 1 or more"),
    ({"n_boot": 3, "ci_quantiles": [1.5]}, "got the quantile 1.5; allowed: numbers between 0 and 1"),
    ({"n_boot": 3, "ci_quantiles": [0.5], "random_state": "x"}, "got random_state 'x'"),
    ({"rng": "numpy"}, "got rng 'numpy'; allowed: counts, fairlearn"),
    ({"zero_division": 0}, "got zero_division 0; allowed: fairlearn, nan"),
])  # fmt: skip
def test_what_cannot_be_is_one_line(change, line):
    with pytest.raises(ValueError, match=line):
        MetricFrame(**{"metrics": skm.accuracy_score, **TEN, **change})


def test_options_of_the_tables_are_checked_as_in_fairlearn():
    frame = MetricFrame(metrics={"a": skm.accuracy_score}, **TEN)
    wrong = (lambda: frame.difference("between"), lambda: frame.group_min(errors="no"), lambda: frame.ratio_ci("x"))
    for call in wrong:
        with pytest.raises(ValueError, match="allowed: "):
            call()
    for name in TABLES:
        with pytest.raises(ValueError, match="got no n_boot and ci_quantiles; allowed for intervals: both"):
            table(frame, name, ci=True)


# --- intervals --------------------------------------------------------------------------------------------------------


def many(rows=4000, seed=0):
    rng = np.random.default_rng(seed)
    features = pd.DataFrame({"s1": rng.choice(list("abc"), rows), "s2": rng.choice(4, rows, p=[0.5, 0.3, 0.19, 0.01])})
    label = (rng.random(rows) < 0.4).astype(int)
    decision = np.where(rng.random(rows) < 0.8, label, 1 - label)
    return {"y_true": label, "y_pred": decision, "sensitive_features": features}


OF_OWN_ROWS = {
    "metrics": {name: METRICS[name] for name in ("accuracy", "fpr", "n")}, "n_boot": 8,
    "ci_quantiles": [0.025, 0.5, 0.975],
}


@cache
def by_own_rows(old):
    return fair.MetricFrame(**OF_OWN_ROWS, **many(300), random_state=np.random.RandomState(3) if old else 3)


@pytest.mark.parametrize("random_state", [3, np.int64(3), np.random.RandomState(3)], ids=["int", "integer", "old"])
def test_intervals_by_fairlearns_own_rows_come_to_the_bit(random_state):
    theirs = by_own_rows(isinstance(random_state, np.random.RandomState))
    ours = MetricFrame(**OF_OWN_ROWS, **many(300), random_state=random_state, rng="fairlearn")
    for name in TABLES:
        for one, two in zip(table(ours, name, ci=True), table(theirs, name, ci=True), strict=True):
            same(one, two)


def test_another_version_of_fairlearn_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(fairlearn, "__version__", "0.16.0")
    with pytest.raises(ValueError, match=r"draws as fairlearn 0\.15 does; got fairlearn 0\.16\.0"):
        MetricFrame(metrics=skm.accuracy_score, **TEN, **INTERVALS, rng="fairlearn")
    MetricFrame(metrics=skm.accuracy_score, **TEN, **INTERVALS)


def test_intervals_of_counts_are_those_of_rows_drawn_anew():
    """Same law, other draws: ends of 1,500 replicates of either agree within their own simulation error."""
    given = dict(metrics={name: METRICS[name] for name in ("accuracy", "selection", "fpr")}, **many(500),
                 n_boot=1500, ci_quantiles=[0.05, 0.95])  # fmt: skip
    counts = MetricFrame(**given, random_state=1)
    rows = MetricFrame(**given, random_state=2, rng="fairlearn")
    for name in (("overall",), ("group_min",), ("difference", "between_groups")):
        for one, two in zip(table(counts, name, ci=True), table(rows, name, ci=True), strict=True):
            assert (one - two).abs().max() < 0.02
    again = MetricFrame(**given, random_state=1)
    same(again.by_group_ci[0], counts.by_group_ci[0])  # a seed gives the same draws


def test_blocks_of_replicates_do_not_change_them(monkeypatch):
    from detectors.bias import replicates

    given = dict(metrics={"fnr": fair.false_negative_rate}, **many(200), **INTERVALS)
    whole = {rng: MetricFrame(**given, rng=rng).by_group_ci for rng in ("counts", "fairlearn")}
    monkeypatch.setattr(replicates, "_BLOCK", 1)
    for rng, found in whole.items():
        for one, two in zip(MetricFrame(**given, rng=rng).by_group_ci, found, strict=True):
            same(one, two)


# --- more than fairlearn has ------------------------------------------------------------------------------------------


ONE_SIDED = {"y_true": [0, 0, 1, 1, 1, 1], "y_pred": [0, 1, 1, 0, 1, 0], "sensitive_features": list("aabbbb")}
"""Group b has no negatives: fairlearn gives it a false-positive rate of 0, and a gap of one half."""


def test_an_undefined_rate_is_told_and_leaves_the_extremes_where_asked():
    with pytest.warns(UndefinedRateWarning, match=r"2 rates are undefined .* first fpr of 'b': no row of the"):
        told = MetricFrame(metrics={"fpr": fair.false_positive_rate, "fnr": fair.false_negative_rate}, **ONE_SIDED)
    assert (told.by_group.loc["b", "fpr"], told.difference()["fpr"]) == (0.0, 0.5)  # as fairlearn has it
    assert told.undefined.reset_index().to_numpy().tolist() == [
        ["b", "fpr", 0, 4, rates.NO_NEGATIVES, 0.0], ["a", "fnr", 0, 2, rates.NO_POSITIVES, 0.0]
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nan = MetricFrame(metrics={"fpr": fair.false_positive_rate}, **ONE_SIDED, zero_division="nan")
    assert np.isnan(nan.by_group.loc["b", "fpr"])
    assert (nan.group_min()["fpr"], nan.group_max()["fpr"], nan.difference()["fpr"]) == (0.5, 0.5, 0.0)
    same(nan.undefined, told.undefined.iloc[:1])


def test_an_empty_intersection_is_undefined_and_no_warning():
    features = pd.DataFrame({"s": list("aab"), "t": list("xyx")})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = MetricFrame(metrics=skm.accuracy_score, y_true=[1, 0, 1], y_pred=[1, 1, 1], sensitive_features=features)
    assert np.isnan(frame.by_group[("b", "y")])
    assert frame.undefined["cause"].to_dict() == {("b", "y"): rates.EMPTY_GROUP}


def test_a_row_without_a_group_is_of_a_group_without_a_name():
    given = {"metrics": {"n": fair.count, "s": fair.selection_rate}, "y_pred": [1, 0, 1, 1], "y_true": [1, 1, 0, 0]}
    with pytest.raises(ValueError, match="contains missing values"):
        fair.MetricFrame(**given, sensitive_features=["a", None, "b", None])
    for missing in (None, np.nan, pd.NA):
        for form in (list, pd.Series, lambda cells: np.array(cells, dtype=object)):
            frame = MetricFrame(**given, sensitive_features=form(["a", missing, "b", missing]))
            assert frame.by_group["n"].to_list() == [1, 1, 2]
            assert frame.by_group.index[:2].to_list() == ["a", "b"]
            assert pd.isna(frame.by_group.index[2])
    assert frame.overall["n"] == 4


def test_without_labels_there_are_metrics_of_decisions():
    given = {"y_pred": TEN["y_pred"], "sensitive_features": TEN["sensitive_features"]}
    frame = MetricFrame(metrics={"s": fair.selection_rate, "m": fair.mean_prediction, "n": fair.count}, **given)
    assert frame.by_group["s"].to_dict() == {"Female": 0.8, "Male": 0.4}
    with pytest.raises(ValueError, match="got no labels for accuracy_score"):
        MetricFrame(metrics=skm.accuracy_score, **given)
    with pytest.raises(ValueError, match="got no y_true; allowed: none for metrics of counts"):
        MetricFrame(metrics=lambda y, d: 1.0, **given)


def test_our_own_metrics_stand_beside_theirs():
    frame = MetricFrame(metrics={"fdr": rates.FALSE_DISCOVERY_RATE, "precision": skm.precision_score}, **TEN)
    assert is_counted(frame)
    assert np.allclose(frame.by_group.sum(axis=1), 1)
    mixed = MetricFrame(metrics={"fdr": rates.FALSE_DISCOVERY_RATE, "own": lambda y, d: 1.0}, **TEN)
    same(mixed.by_group["fdr"], frame.by_group["fdr"])
    with pytest.raises(ValueError, match="no functions of counts"):
        _ = mixed.undefined


def test_a_frame_of_counts_is_that_of_their_rows():
    rows = pd.DataFrame({"y_true": [0, 1, 1, 0, 1, 0, 1], "y_pred": [1, 1, 0, 0, 1, 0, 1], "c": [1, 1, 2, 2, 1, 2, 2],
                         "s": list("abababa"), "t": [None, "x", "x", None, "x", "x", "x"]})  # fmt: skip
    given = {"metrics": {name: METRICS[name] for name in ("accuracy", "fpr", "n")}, **INTERVALS}
    whole = MetricFrame(**given, y_true=rows["y_true"], y_pred=rows["y_pred"], sensitive_features=rows[["s", "t"]],
                        control_features=rows[["c"]])  # fmt: skip
    chunks = (rows.iloc[i : i + 2] for i in range(0, 7, 2))
    counts = CountTensor.from_rows(chunks, groups=["s", "t"], controls=["c"], label="y_true", decision="y_pred")
    frame = MetricFrame.from_counts(counts, **given)
    for name in TABLES:
        same(table(frame, name), table(whole, name))
        for one, two in zip(table(frame, name, ci=True), table(whole, name, ci=True), strict=True):
            same(one, two)
    assert (frame.sensitive_levels, frame.control_levels) == (["s", "t"], ["c"])
    labels = MetricFrame.from_counts(counts.marginalise("y_pred"), metrics={"base": rates.BASE_RATE})
    assert labels.overall["base"].to_list() == [2 / 3, 2 / 4]


@pytest.mark.parametrize(("counted", "metrics", "line"), [
    ({"decision": "d"}, skm.accuracy_score, "got no labels for accuracy_score"),
    ({"label": "y"}, fair.selection_rate, "got no decisions for selection_rate"),
    ({"decision": "d"}, {"own": lambda y, d: 1.0}, "no functions of these counts"),
    ({"decision": "x"}, fair.selection_rate, "no functions of these counts"),
    ({"label": "m", "decision": "d"}, skm.accuracy_score, "no functions of these counts"),
    ({"score": "d", "edges": [0, 1]}, fair.count, r"got 3 rows by s \(group\), d \(score\)"),
])  # fmt: skip
def test_counts_of_which_there_is_no_frame(counted, metrics, line):
    rows = {"s": list("aab"), "y": [0, 1, 1], "d": [0, 1, 1], "m": [0, None, 1], "x": ["a", 1, 2.5]}
    counts = CountTensor.from_rows(rows, groups=["s"], **counted)
    with pytest.raises(ValueError, match=line):
        MetricFrame.from_counts(counts, metrics=metrics)


# --- hostile tables ---------------------------------------------------------------------------------------------------


def test_tables_that_fairlearn_was_not_made_for():
    metrics = {"accuracy": skm.accuracy_score, "fpr": fair.false_positive_rate}
    rows = {"y_true": [0, 1, 1, 0], "y_pred": [1, 1, 0, 0]}
    none = MetricFrame(metrics=metrics, **rows, sensitive_features=[None] * 4)
    one = MetricFrame(metrics=metrics, **rows, sensitive_features=["a"] * 4)
    assert none.by_group.to_numpy().tolist() == one.by_group.to_numpy().tolist() == [[0.5, 0.5]]
    assert one.difference().to_list() == [0.0, 0.0]
    mixed = MetricFrame(metrics=metrics, **rows, sensitive_features=["a", 1, None, 2.5])
    assert mixed.by_group["accuracy"].to_list() == [1.0, 1.0, 0.0, 0.0]  # of 2.5, 1, a, and no value
    for lost in (np.nan, None, pd.NA):
        with pytest.raises(ValueError, match="got 1 predictions without a value for selection_rate; allowed: none"):
            MetricFrame(metrics=fair.selection_rate, y_true=rows["y_true"], y_pred=[0.0, 1.0, lost, 1.0],
                        sensitive_features=list("aabb"))  # fmt: skip
    with pytest.raises(ValueError, match="NaN"):
        MetricFrame(metrics=metrics, y_true=[0, 1, np.nan, 0], y_pred=rows["y_pred"], sensitive_features=list("aabb"))


def test_a_hundred_thousand_groups():
    ids = np.arange(300_000) % 100_000
    metrics = {"s": fair.selection_rate, "n": fair.count}
    frame = MetricFrame(metrics=metrics, y_pred=(ids % 3 == 0) * 1, sensitive_features=ids)
    assert frame.by_group["n"].eq(3).all()
    assert np.array_equal(frame.by_group["s"], (np.arange(100_000) % 3 == 0) * 1.0)
    assert frame.difference()["s"] == 1.0
