"""Rows that are kept packed, and stored group by group, are the bytes that they are as one frame of objects."""

from __future__ import annotations

import hashlib
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from audit.execute.observing import _packed, _whole
from audit.files import arrow_table, parquet_bytes, write_parquet
from detectors.arrays import unit_column

COLUMNS = {
    "texts": pd.Series(["a", None], dtype=object), "texts or NaN": pd.Series([np.nan, "x"], dtype=object),
    "nothing": pd.Series([None, None], dtype=object), "typed texts": pd.Series(["a", None], dtype="str"),
    "integers": pd.Series([1, 2]), "integers or nothing": pd.Series([1, None], dtype=object),
    "numbers": pd.Series([1.5, np.nan]), "lists of texts": pd.Series([["a"], None], dtype=object),
    "lists": pd.Series([[1.0, None], []], dtype=object), "flags": pd.Series([True, False]),
    "flags or nothing": pd.Series([True, None], dtype="boolean"), "no column": None,
}  # fmt: skip


def framed(kind: str, name: str, ids: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({"question": ["u", "v"]}, index=pd.Index(ids, name="id"), dtype=object)
    column = COLUMNS[kind]
    return frame if column is None else frame.assign(**{name: column.set_axis(frame.index)})


def as_objects(frames: list[pd.DataFrame]) -> pd.DataFrame:
    whole = pd.concat(frames)
    if "unit" in whole and whole["unit"].notna().any():
        whole["unit"] = unit_column(whole)
    return whole


def stored(made) -> object:
    try:
        table = arrow_table(made())
    except (ValueError, TypeError) as error:
        return type(error)
    return table.schema.remove_metadata(), parquet_bytes(table)


@pytest.mark.parametrize("name", ["cell", "unit"])
def test_whatever_columns_hold_packing_changes_no_byte_of_what_is_stored(name):
    for first, second in product(COLUMNS, repeat=2):
        frames = [framed(first, name, ["1", "2"]), framed(second, name, ["3", "4"])]
        packed = stored(lambda frames=frames: _whole([*_packed(iter(frames))]))
        assert packed == stored(lambda frames=frames: as_objects(frames)), (first, second)


def test_a_table_of_several_row_groups_in_pieces_is_stored_as_one_that_lies_in_one(tmp_path):
    rng, frames, start = np.random.default_rng(0), [], 0
    while start < 140_000:
        size = int(rng.integers(1, 4097))
        ids = pd.Index([f"{one:016x}" for one in rng.integers(0, 1 << 62, size)], name="id")
        texts = [None if one % 7 == 0 else f"text {one}" for one in range(start, start + size)]
        frames.append(pd.DataFrame({"text": texts, "nothing": None}, index=ids, dtype=object))
        start += size
    packed = [*_packed(iter(frames))]
    assert len(packed) < len(frames) / 20
    wanted = parquet_bytes(arrow_table(as_objects(frames)))
    digest = write_parquet(tmp_path, "observations/x.parquet", arrow_table(_whole(packed)))
    assert (tmp_path / "observations/x.parquet").read_bytes() == wanted
    assert digest == f"sha256:{hashlib.sha256(wanted).hexdigest()}"
    empty = pa.table({"a": pa.array([], pa.string())})
    write_parquet(tmp_path, "empty.parquet", empty)
    assert (tmp_path / "empty.parquet").read_bytes() == parquet_bytes(empty)
