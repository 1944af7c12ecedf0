"""Counts of rows: against counting one by one, laws of merging, laws of resampling, and tables that are hostile."""

from __future__ import annotations

import io
import math
import weakref
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.files import read_batches
from detectors.bias.counts import LAWS, MAX_CELLS, Axis, CountTensor

COMPAS = pd.DataFrame(
    {"race": ["African-American"] * 4 + ["Caucasian"] * 4, "recid": [0, 0, 1, 1] * 2, "high": [0, 1] * 4,
     "rows": [990, 805, 532, 1369, 1139, 349, 461, 505]}
)  # fmt: skip
"""Two-year recidivism by race and "high" (decile above 4): Larson et al. 2016, ProPublica's analysis of COMPAS."""
BY = {"groups": ["sex", "race"], "label": "y", "decision": "d"}

CELLS = {"sex": st.sampled_from(["f", "m", None]), "race": st.sampled_from([3, 1, 7.5, None]),
         "y": st.sampled_from([0, 1, None]), "d": st.booleans()}  # fmt: skip
TABLES = st.lists(st.tuples(*CELLS.values()), max_size=25).map(lambda rows: pd.DataFrame(rows, columns=list(CELLS)))


def count_one_by_one(frame, names):
    """The same without any of our code: a dictionary of tuples."""
    told = [[None if value is None or value != value else value for value in frame[name]] for name in names]
    return Counter(zip(*told, strict=True))


def as_dictionary(tensor):
    rows = tensor.to_frame().itertuples(index=False, name=None)
    return Counter({row[:-1]: row[-1] for row in rows if row[-1]})


def same(one, two):
    return one.axes == two.axes and np.array_equal(one.counts, two.counts)


# --- from rows and tables ---------------------------------------------------------------------------------------------


@given(TABLES)
@settings(max_examples=60, deadline=None)
def test_rows_are_counted_as_one_by_one(frame):
    tensor = CountTensor.from_rows(frame, **BY)
    assert as_dictionary(tensor) == count_one_by_one(frame, ["sex", "race", "y", "d"])
    assert tensor.total == len(frame)
    for axis in tensor.axes:
        assert None not in axis.levels[:-1]  # no value comes last
        assert list(axis.levels[:-1]) == sorted(axis.levels[:-1])


@given(st.lists(TABLES, min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_chunks_are_counted_as_the_whole(frames):
    whole = pd.concat(frames, ignore_index=True)
    assert same(CountTensor.from_rows(iter(frames), **BY), CountTensor.from_rows(whole, **BY))


@given(TABLES, TABLES, TABLES)
@settings(max_examples=40, deadline=None)
def test_merging_is_associative_and_commutative(one, two, three):
    a, b, c = (CountTensor.from_rows(frame, **BY) for frame in (one, two, three))
    assert same(a.merge(b).merge(c), a.merge(b.merge(c)))
    assert same(a.merge(b), b.merge(a))


@pytest.mark.parametrize("rows", [
    lambda frame: frame,
    lambda frame: frame.astype({"sex": "category"}),
    lambda frame: frame.astype({"race": "Int64", "y": "int8", "sex": object}),
    lambda frame: {name: frame[name].to_numpy() for name in frame},
    lambda frame: {name: frame[name].to_list() for name in frame},
    lambda frame: pa.table(frame),
    lambda frame: pa.table(frame).set_column(0, "sex", pa.array(frame["sex"]).dictionary_encode()),
    lambda frame: pa.table(frame).to_batches(7),
    lambda frame: pa.table(frame).to_reader(7),
    lambda frame: (frame.iloc[i : i + 5] for i in range(0, len(frame), 5)),
], ids=["frame", "category", "dtypes", "arrays", "lists", "arrow", "dictionary", "batches", "reader",
        "chunks"])  # fmt: skip
def test_every_kind_of_table_gives_the_same_counts(rows):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "sex": pd.Series(["f", "m", None]).take(rng.integers(0, 3, 40)).to_list(), "race": rng.integers(-3, 300, 40),
        "y": rng.integers(0, 2, 40), "d": rng.integers(0, 2, 40) == 1,
    })
    tensor = CountTensor.from_rows(rows(frame), **BY)
    assert as_dictionary(tensor) == count_one_by_one(frame, ["sex", "race", "y", "d"])


def test_arrow_dictionaries_that_hold_a_level_twice_or_no_value_as_one():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3, None]), pa.array(["b", "a", "b", None]))
    tensor = CountTensor.from_rows({"g": column}, groups=["g"])
    assert as_dictionary(tensor) == {("a",): 1, ("b",): 2, (None,): 2}


def test_texts_that_show_late_are_levels_all_the_same():
    texts = ["a"] * 20_000 + [None, "c", "b", "a"]
    for column in (pd.Series(texts), pa.array(texts), pa.chunked_array([texts[:5], texts[5:]])):
        tensor = CountTensor.from_rows({"g": column}, groups=["g"])
        assert as_dictionary(tensor) == {("a",): 20_001, ("b",): 1, ("c",): 1, (None,): 1}


def test_dates_stay_dates_whatever_the_table():
    days = pd.to_datetime(["2020-01-02", "2020-01-01", None])
    for column in (pd.Series(days), days.to_numpy(), pa.array(days)):
        axis = CountTensor.from_rows({"day": column}, groups=["day"]).axes[0]
        assert axis.levels == (pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02"), None)


def test_no_chunk_is_kept():
    alive: list[weakref.ref[pd.DataFrame]] = []

    def chunks():
        for i in range(6):
            frame = pd.DataFrame({"g": ["a", "b"], "d": [i % 2, 1]})
            alive.append(weakref.ref(frame))
            yield frame
            del frame
            assert sum(one() is not None for one in alive) <= 1  # the loop's own

    assert CountTensor.from_rows(chunks(), groups=["g"], decision="d").counts.tolist() == [[3, 3], [0, 6]]


def test_a_file_is_counted_batch_by_batch():
    rows = pd.DataFrame({"g": [*"abcab", None] * 5, "d": [0, 1, 1, 0, 1, 0] * 5, "unused": range(30)})
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(rows), file, row_group_size=8)
    tensor = CountTensor.from_rows(read_batches(file, ["g", "d"], 7), groups=["g"], decision="d")
    assert same(tensor, CountTensor.from_rows(rows, groups=["g"], decision="d"))


def test_a_published_table_long_and_wide():
    long = CountTensor.from_crosstab(COMPAS, groups=["race"], label="recid", decision="high", count="rows")
    table = COMPAS.pivot(index="race", columns=["recid", "high"], values="rows")
    assert same(long, CountTensor.from_crosstab(table, groups=["race"], label="recid", decision="high"))
    assert long.counts.tolist() == [[[990, 805], [532, 1369]], [[1139, 349], [461, 505]]]
    assert same(long, CountTensor.from_crosstab(long.to_frame(), groups=["race"], label="recid", decision="high",
                                                count="count"))  # fmt: skip
    rows = COMPAS.loc[COMPAS.index.repeat(COMPAS["rows"])]
    assert same(long, CountTensor.from_rows(rows, groups=["race"], label="recid", decision="high"))


# --- views ------------------------------------------------------------------------------------------------------------


def test_axes_stand_in_one_order_and_are_summed_out():
    frame = pd.DataFrame({"c": [1, 2, 2], "g": ["a", "a", "b"], "y": [1, 0, 1], "d": [1, 1, 0]})
    tensor = CountTensor.from_rows(frame, controls=["c"], groups=["g"], label="y", decision="d")
    assert [(axis.name, axis.role) for axis in tensor.axes] == [
        ("c", "control"), ("g", "group"), ("y", "label"), ("d", "decision")
    ]  # fmt: skip
    assert tensor.binary().shape == (2, 2, 2, 2)
    assert tensor.marginalise("y", "d").counts.tolist() == [[1, 0], [1, 1]]
    assert tensor.select("g", ["b"]).total == 1
    assert tensor.group_names == [("a",), ("b",)]
    with pytest.raises(KeyError, match="allowed: c, g, y, d"):
        tensor.marginalise("race")
    with pytest.raises(KeyError, match="'z' of g; allowed: 'a', 'b'"):
        tensor.select("g", ["z"])


def test_two_by_two_tables_with_and_without_labels_and_decisions():
    frame = pd.DataFrame({"g": list("aabb"), "y": ["no", "yes", "yes", "yes"], "d": [0, 1, 1, 0]})
    assert CountTensor.from_rows(frame, groups=["g"], decision="d").binary().tolist() == [[[1, 1]], [[1, 1]]]
    assert CountTensor.from_rows(frame, groups=["g"], label="y").binary("yes").tolist() == [[[1], [1]], [[0], [2]]]
    with pytest.raises(ValueError, match=r"y has the levels 'no', 'yes' beside 1; allowed: one other"):
        CountTensor.from_rows(frame, groups=["g"], label="y", decision="d").binary()
    with pytest.raises(ValueError, match=r"y has the levels 'yes' beside 1; allowed: one other of its kind"):
        CountTensor.from_rows({"g": ["a"], "y": ["yes"]}, groups=["g"], label="y").binary()
    scored = CountTensor.from_rows({"g": list("ab"), "s": [0.1, 0.9]}, groups=["g"], score="s", edges=[0, 0.5, 1])
    with pytest.raises(ValueError, match="scores, which are no decisions"):
        scored.binary()


def test_scores_fall_into_bins_the_last_with_its_upper_edge():
    scores = [0.0, 0.49, 0.5, 1.0, math.nan, None]
    tensor = CountTensor.from_rows({"g": ["a"] * 6, "s": scores}, groups=["g"], score="s", edges=[0, 0.5, 1])
    assert tensor.axis("s").levels == ((0.0, 0.5), (0.5, 1.0), None)
    assert tensor.counts.tolist() == [[2, 2, 2]]
    chunks = [{"g": ["a"], "s": [one]} for one in scores]
    assert same(tensor, CountTensor.from_rows(chunks, groups=["g"], score="s", edges=[0, 0.5, 1]))


# --- resampling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
def test_replicates_have_the_mean_and_the_variance_of_their_law(law):
    counts = np.array([[[30, 10], [0, 60]], [[0, 0], [0, 0]], [[5, 5], [20, 70]]])
    axes = (Axis("g", "group", (0, 1, 2)), Axis("y", "label", (0, 1)), Axis("d", "decision", (0, 1)))
    drawn = CountTensor(counts, axes).resample(law, 4000, np.random.default_rng(1))
    n, sizes = counts.sum(), counts.sum(axis=(1, 2), keepdims=True)
    variance = {
        "multinomial": counts * (1 - counts / n), "poisson": counts, "dirichlet": counts * (n - counts) / (n + 1),
        "stratified": counts * (1 - counts / np.maximum(sizes, 1)),
    }[law]  # fmt: skip
    error = np.sqrt(np.maximum(variance, 1e-9) / len(drawn))
    assert (np.abs(drawn.mean(axis=0) - counts) < 5 * error).all()
    assert np.allclose(drawn.var(axis=0), variance, rtol=0.12)
    assert (drawn[:, counts == 0] == 0).all()  # what was never seen is never drawn
    if law == "stratified":
        assert (drawn.sum(axis=(2, 3)) == sizes[:, 0, 0]).all()
    elif law != "poisson":
        assert np.allclose(drawn.sum(axis=(1, 2, 3)), n)


def test_counts_of_rows_drawn_anew_have_the_multinomial_law():
    """Rows with replacement, counted, against `resample`: two-sample Kolmogorov-Smirnov of every cell."""
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(5)
    cell = rng.choice(6, 300, p=[0.3, 0.05, 0.2, 0.25, 0.15, 0.05])
    counts = np.bincount(cell, minlength=6)
    rows = np.stack([np.bincount(cell[rng.integers(0, 300, 300)], minlength=6) for _ in range(1500)])
    drawn = CountTensor(counts, (Axis("g", "group", tuple(range(6))),)).resample("multinomial", 1500, rng)
    assert min(ks_2samp(rows[:, i], drawn[:, i]).pvalue for i in range(6)) > 0.001


# --- hostile tables ---------------------------------------------------------------------------------------------------


def test_a_column_without_any_value_is_one_level_without_a_name():
    tensor = CountTensor.from_rows({"g": [None, math.nan, pd.NA], "y": [1, 1, 1]}, groups=["g"], label="y")
    assert (tensor.axes[0].levels, tensor.total) == ((None,), 3)


def test_types_that_do_not_compare_are_levels_all_the_same():
    tensor = CountTensor.from_rows({"g": ["1", 1, "a", None, 2.5]}, groups=["g"])
    assert as_dictionary(tensor) == {("1",): 1, (1,): 1, ("a",): 1, (None,): 1, (2.5,): 1}


def test_an_empty_table_counts_nothing():
    tensor = CountTensor.from_rows(pd.DataFrame({"g": [], "y": [], "d": []}), groups=["g"], label="y", decision="d")
    assert (tensor.total, tensor.binary().shape, tensor.resample("multinomial", 3, np.random.default_rng(0)).sum()) == (
        0, (0, 2, 2), 0
    )  # fmt: skip


def test_a_hundred_thousand_groups_are_counted():
    ids = np.arange(200_000) % 100_000
    tensor = CountTensor.from_rows({"g": ids, "d": ids % 2}, groups=["g"], decision="d")
    assert tensor.counts.shape == (100_000, 2)
    assert (tensor.counts.sum(axis=1) == 2).all()


@pytest.mark.parametrize(("rows", "options", "line"), [
    ({"g": [1]}, {"groups": ["sex"]}, "no column sex; there are g"),
    ({"g": [1], "y": [1, 0]}, {"groups": ["g"], "label": "y"}, "columns of 1, 2 rows; allowed: one length"),
    ({"g": [[1], [1, 2]]}, {"groups": ["g"]}, "g has cells that cannot be a level"),
    ({"g": np.zeros((3, 2))}, {"groups": ["g"]}, r"g has the shape \[3, 2\]; allowed: one dimension"),
    ({"g": [1], "h": [2]}, {"groups": ["g", "g"]}, "got the names g, g; allowed: one or more, each once"),
    ({"g": [1]}, {"groups": []}, "got the names none"),
    ([], {"groups": ["g"]}, "got no chunk of rows"),
    ({"g": np.arange(20_000) * 2, "h": np.arange(20_000) * 3}, {"groups": ["g", "h"]}, f"allowed: {MAX_CELLS:,}"),
    ({"g": ["a"], "s": [1.3]}, {"groups": ["g"], "score": "s", "edges": [0, 1]}, "s has 1.3; allowed: 0.0 to 1.0"),
    ({"g": ["a"], "s": ["x"]}, {"groups": ["g"], "score": "s", "edges": [0, 1]}, "s has cells that are no numbers"),
    ({"g": ["a"], "s": [0]}, {"groups": ["g"], "score": "s"}, "allowed: a score with its edges, or a decision"),
    ({"g": ["a"], "s": [0]}, {"groups": ["g"], "score": "s", "edges": [1, 0]}, "two numbers or more, rising"),
])  # fmt: skip
def test_what_cannot_be_counted_gives_a_line(rows, options, line):
    with pytest.raises(ValueError, match=line):
        CountTensor.from_rows(rows, **options)


def test_rows_of_another_kind_are_refused():
    with pytest.raises(TypeError, match="got rows of type int; allowed: DataFrames, mappings, Arrow tables"):
        CountTensor.from_rows([1, 2], groups=["g"])


@pytest.mark.parametrize("cell", ["<5", -1, 2.5, None, 1e300])
def test_cells_that_are_no_counts_are_refused(cell):
    table = pd.DataFrame({"g": ["a", "b"], "n": pd.Series([3, cell], dtype=object)})
    with pytest.raises(ValueError, match=r"got the cell .*; allowed: integers, 0 or more"):
        CountTensor.from_crosstab(table, groups=["g"], count="n")


def test_a_table_by_other_names_is_refused():
    table = pd.DataFrame({"g": ["a"], "n": [3]})
    with pytest.raises(ValueError, match="no column rows; there are g, n"):
        CountTensor.from_crosstab(table, groups=["g"], count="rows")
    with pytest.raises(ValueError, match="the table is by g; got names sex"):
        CountTensor.from_crosstab(table, groups=["sex"], count="n")


def test_missing_labels_are_told_and_left_out_by_name_only():
    rows = {"g": list("aab"), "y": [1, None, 0], "d": [1, 1, 0]}
    tensor = CountTensor.from_rows(rows, groups=["g"], label="y", decision="d")
    with pytest.raises(ValueError, match="1 rows have no y; allowed: none"):
        tensor.binary()
    assert tensor.known("y").binary().tolist() == [[[0, 0], [0, 1]], [[1, 0], [0, 0]]]


def test_counts_and_axes_must_agree():
    axes = (Axis("g", "group", ("a", "b")),)
    wrong = [([1], "shape"), ([1, -1], "got -1"), ([1, 0.5], r"got 0\.5"), ([1, math.nan], "got nan")]
    for counts, line in wrong:
        with pytest.raises(ValueError, match=line):
            CountTensor(np.array(counts), axes)
    with pytest.raises(ValueError, match="got axes of the roles label, group"):
        CountTensor(np.ones((1, 1)), (Axis("y", "label", (0,)), Axis("g", "group", ("a",))))
    one, two = CountTensor(np.array([1, 2]), axes), CountTensor(np.array([1]), (Axis("h", "group", ("a",)),))
    with pytest.raises(ValueError, match=r"got axes h \(group\) to merge; allowed: g \(group\)"):
        one.merge(two)
    with pytest.raises(ValueError, match="allowed: multinomial, stratified, poisson, dirichlet"):
        one.resample("rows", 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="allowed: 1 or more"):
        one.resample("poisson", 0, np.random.default_rng(0))
