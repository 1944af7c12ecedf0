"""The independent unit of an item: what a column names, else the item itself; and ranks."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from detectors.arrays import items_of, joined, ranks, unit_column, units_of

INDEX = pd.Index(["x", "y", "z"], name="id")


@pytest.mark.parametrize(
    ("cells", "dtype", "expected"),
    [
        (["a", None, "b"], object, ["a", "y", "b"]), (["a", None, "b"], "str", ["a", "y", "b"]),
        ([None, None, None], object, ["x", "y", "z"]), ([np.nan, np.nan, np.nan], float, ["x", "y", "z"]),
        ([1.5, np.nan, 2.0], float, ["1.5", "y", "2.0"]), ([7, 7, 8], int, ["7", "7", "8"]),
    ],
)  # fmt: skip
def test_an_item_that_names_no_unit_is_its_own(cells, dtype, expected):
    found = units_of(pd.DataFrame({"unit": pd.Series(cells, INDEX, dtype=dtype)}))
    assert (list(found), list(found.index)) == (expected, list(INDEX))


@pytest.mark.parametrize("column", ["unit", "plain_unit", None])
def test_without_the_column_every_item_is_its_own(column):
    assert list(units_of(pd.DataFrame({"a": [1, 2]}, index=[3, 4]), column)) == ["3", "4"]


def test_another_column_may_name_the_unit():
    frame = pd.DataFrame({"unit": ["a", "a"], "plain_unit": [None, "b"]}, index=["x", "y"])
    assert list(units_of(frame, "plain_unit")) == ["x", "b"]


@pytest.mark.parametrize("dtype", [object, "str"])
def test_evidence_keeps_the_kind_of_its_column(dtype):
    """A column of another kind would be stored as other bytes."""
    frame = pd.DataFrame({"unit": pd.Series(["a", None, "b"], INDEX, dtype=dtype)})
    assert unit_column(frame).dtype == frame["unit"].dtype


def test_items_of_one_id_keep_their_units():
    frame = pd.DataFrame({"unit": ["a", None, None]}, index=["x", "x", "y"])
    assert list(units_of(frame)) == ["a", "x", "y"]


def test_items_of_several_kinds_are_refused_in_the_name_of_no_area():
    """Whoever asked says on whose behalf."""
    for cells, told in (
        ({"image": [0], "text": ["a"]}, "got the fields image, text; allowed: one of image, series, row, text"),
        ({"row": [[1, 2], [3]]}, "got items of several shapes; allowed: one"),
    ):
        with pytest.raises(ValueError, match=f"^{told}$"):
            items_of(pd.DataFrame(cells))
    with pytest.raises(ValueError, match=r"^got items of shapes \[2\], \[3\]; allowed: one$"):
        joined([np.zeros((4, 2)), np.zeros((1, 3))])


@pytest.mark.parametrize("shape", [(0,), (1,), (40,), (0, 3), (40, 1), (40, 3)])
def test_ranks_are_those_of_scipy_to_the_last_bit(shape):
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=shape), rng.integers(0, 9, shape), np.zeros(shape)):
        found, wanted = ranks(values), rankdata(values, axis=0)
        assert found.tolist() == wanted.tolist()
        assert (found / 7).sum(axis=0).tolist() == (wanted / 7).sum(axis=0).tolist()
