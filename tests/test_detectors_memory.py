"""What judging a large table holds at once, in bytes a row: 1e7 rows are to be audited in 2 GB, imports included."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from detectors.bias.data.distribution_distances import distances
from detectors.bias.data.setting import TableQuestions
from detectors.bias.data.splits import column_of
from detectors.bias.data.whole_table import table_bias
from detectors.bias.decisions import Features, decision_gaps
from detectors.imported.scores import imported_scores

ROWS = 200_000


@pytest.fixture(scope="module")
def table():
    """A table as it is read back: columns of repeating texts are coded, ids are texts."""
    rng = np.random.default_rng(0)

    def words(*values):
        return pd.Categorical.from_codes(rng.integers(0, len(values), ROWS), values)

    label = rng.integers(0, 2, ROWS).astype(float)
    columns = {"sex": words("f", "m"), "race": words("a", "b", "c", "d"), "age": words(*map(str, range(18, 90))),
               "label": label, "decision": label, "score": rng.integers(0, 100, ROWS) / 100}  # fmt: skip
    return pd.DataFrame(columns, pd.Index([f"{at:016x}" for at in rng.permutation(ROWS)], name="id"))


def held(judge):
    """Return the bytes a row that NumPy, pandas and Python hold at most while something is done, beyond the table."""
    tracemalloc.start()
    try:
        judge()
        return tracemalloc.get_traced_memory()[1] / ROWS
    finally:
        tracemalloc.stop()


def decisions(table):
    rows = table.drop(columns="score")
    decision_gaps(rows, Features(["sex", "race"]), ["selection_rate"], level=0.95, rng=np.random.default_rng(0))


def labels(table):
    asked = TableQuestions(
        ("sex", "race"), "label", "1", ("age",), {}, 30, (), ("labels", "missing", "representation", "coverage")
    )
    texts = table.assign(label=pd.Categorical.from_codes(table["label"].to_numpy(int), ["0", "1"]))
    table_bias(texts, None, asked, level=0.95, rng=np.random.default_rng(0))


def apart(table):
    numbers, own = column_of(table["age"], "age").numbers, table["sex"].to_numpy() == "f"
    distances(numbers[own], numbers[~own])


def scores(table):
    imported_scores(table[["score"]].assign(status="scored"), level=0.95, rng=np.random.default_rng(0))


@pytest.mark.parametrize(("judge", "most"), [(decisions, 120), (labels, 90), (apart, 60), (scores, 160)])
def test_judging_holds_few_bytes_a_row(table, judge, most):
    judge(table)  # what is imported meanwhile is not of the rows
    fresh = table.set_axis(pd.Index(table.index.array, name="id"))  # in which no row was looked for by its name
    assert held(lambda: judge(fresh)) < most
