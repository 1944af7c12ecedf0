"""Columns as small integers: every row's level, without a Python step for a row.

    column -> codes [row], levels       levels[codes[i]] is what row i says, None where it says nothing

Integers of a narrow range are their own codes; texts go through Arrow's dictionaries, everything else through pandas'
hash tables.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

__all__ = ["Coded", "binned", "coded", "crossed", "in_order", "table_of"]

Codes = NDArray[np.unsignedinteger[Any]]
Levels = tuple[Hashable, ...]


class Coded(NamedTuple):
    """A column as codes [row] and its levels: level `levels[codes[i]]` in row i."""

    codes: Codes
    levels: Levels



_FIRST = 1 << 14
"""Rows in which most levels of a text show; a table of those known is a quarter faster than one that grows."""
_NARROW = 1024
"""A range of integers up to which a table by value is shorter than a hash table."""


def table_of(rows: Any) -> Mapping[str, Any]:
    """Return name -> column of a DataFrame, a mapping, or whatever hands on Arrow data (pyarrow, polars).

    Raises TypeError for anything else.
    """
    if isinstance(rows, pd.DataFrame | Mapping):
        return rows  # type: ignore[return-value]  # a frame answers to names as a mapping does
    import pyarrow as pa

    if isinstance(rows, pa.RecordBatch):
        return dict(zip(rows.schema.names, rows.columns, strict=True))
    if hasattr(rows, "__arrow_c_stream__"):
        table = pa.table(rows)
        return dict(zip(table.column_names, table.columns, strict=True))
    raise TypeError(f"counts: got rows of type {type(rows).__name__}; allowed: DataFrames, mappings, Arrow tables")


def coded(column: Any, name: str) -> Coded:
    """Return codes [row] of the smallest type, and the levels that occur in order; None, for no value, is the last.

    A column that is coded already stays as it is. Raises ValueError for cells that are lists or the like, and for more
    than one dimension.
    """
    if isinstance(column, Coded):
        return column
    places, values, complete = _hashed(column, name)
    known = [value for value in dict.fromkeys(values) if not _is_missing(value)]
    levels: Levels = tuple(known[old] for old in in_order(known))
    rank: dict[Any, int] = {value: new for new, value in enumerate(levels)}
    # a dictionary may hold a level twice, or no value as one; place -1 is the last of the table
    table = np.array([*(rank.get(value, len(rank)) for value in values), len(rank)], np.min_scalar_type(len(rank)))
    if complete and levels == tuple(values):
        return Coded(places.astype(table.dtype), levels)
    codes = table.take(places, mode="wrap")
    if complete:
        return Coded(codes, levels)
    seen = np.bincount(codes, minlength=len(levels) + 1)
    kept = np.flatnonzero(seen)
    table = np.zeros(len(seen), np.min_scalar_type(len(kept)))
    table[kept] = np.arange(len(kept))
    all_levels = (*levels, None)
    return Coded(table.take(codes), tuple(all_levels[place] for place in kept))


def crossed(columns: Sequence[Coded]) -> tuple[Codes, list[tuple[Hashable, ...]]]:
    """Return the combinations of levels [row] as codes of the smallest type, and those that occur, in order."""
    codes, levels = columns[0].codes, list[tuple[Hashable, ...]]((level,) for level in columns[0].levels)
    for column in columns[1:]:
        wide = len(column.levels)
        number = codes.astype(np.min_scalar_type(len(levels) * wide))
        number *= number.dtype.type(wide)
        number += column.codes
        places, there = pd.factorize(number, sort=True)
        codes = places.astype(np.min_scalar_type(len(there)))
        levels = [(*levels[at // wide], column.levels[at % wide]) for at in there.tolist()]
    return codes, levels


def in_order(values: Iterable[Hashable]) -> list[int]:
    """Return the places of the values in order: sorted where they compare, else by type and text; None is last."""
    told: list[Any] = list(values)
    try:
        return sorted(range(len(told)), key=lambda i: (told[i] is None, 0 if told[i] is None else told[i]))
    except TypeError:
        return sorted(range(len(told)), key=lambda i: (told[i] is None, type(told[i]).__name__, str(told[i])))


def binned(scores: ArrayLike, edges: ArrayLike, name: str) -> Coded:
    """Return codes [row] of the bins [edge, next edge), the last with its upper edge, and the bins; None has NaN.

    Raises ValueError for scores beyond the edges, and for edges that do not rise.
    """
    bounds = np.asarray(edges, float)
    if bounds.ndim != 1 or len(bounds) < 2 or not (np.diff(bounds) > 0).all():
        raise ValueError(f"counts: got edges {bounds}; allowed: two numbers or more, rising")
    values = _numbers(scores, name)
    missing = np.isnan(values)
    beyond = (values < bounds[0]) | (values > bounds[-1])
    if beyond.any():
        raise ValueError(f"counts: {name} has {values[beyond][0]}; allowed: {bounds[0]} to {bounds[-1]}, the edges")
    places = np.searchsorted(bounds, values, side="right") - 1
    places[values == bounds[-1]] = len(bounds) - 2
    levels: Levels = tuple(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
    if missing.any():
        places[missing], levels = len(levels), (*levels, None)
    return Coded(places.astype(np.min_scalar_type(len(levels))), levels)


def _numbers(scores: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(pd.to_numeric(pd.Series(np.asarray(scores).ravel())), float)
    except (TypeError, ValueError):
        raise ValueError(f"counts: {name} has cells that are no numbers; allowed: numbers") from None


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value != value


class _Hashed(NamedTuple):
    places: NDArray[np.integer[Any]]
    """[row] in `values`; -1 for no value."""
    values: list[Any]
    complete: bool
    """Known: every row has a value, every value a row, and none stands twice."""


def _hashed(column: Any, name: str) -> _Hashed:
    values = column.array if isinstance(column, pd.Series | pd.Index) else column
    if hasattr(values, "dictionary_encode"):  # asked of a Series, it would look for a row of that name
        return _dictionary(values, name)
    if isinstance(values, pd.Categorical):
        return _Hashed(values.codes, values.categories.tolist(), complete=False)
    if isinstance(values, pd.api.extensions.ExtensionArray):
        if isinstance(values.dtype, pd.StringDtype) and hasattr(values, "__arrow_array__"):
            return _dictionary(values.__arrow_array__(), name)
        places, found = pd.factorize(pd.Index(values))
        return _Hashed(places, found.tolist(), complete=False)
    return _of_array(np.asarray(values, None if hasattr(values, "dtype") else object), name)


def _of_array(values: NDArray[Any], name: str) -> _Hashed:
    if values.ndim != 1:
        raise ValueError(f"counts: {name} has the shape {list(values.shape)}; allowed: one dimension")
    if values.dtype == bool:
        return _Hashed(values.view(np.int8), [False, True], complete=False)
    if values.dtype.kind in "iu" and len(values):
        least, most = int(values.min()), int(values.max())
        if most - least < _NARROW:
            wide = values.astype(np.int64) if values.dtype.itemsize < 8 else values
            places = wide - wide.dtype.type(least) if least else wide
            return _Hashed(places, list(range(least, most + 1)), complete=most - least < 2)
    try:
        places, found = pd.factorize(values)
    except TypeError:
        raise ValueError(f"counts: {name} has cells that cannot be a level; allowed: texts, numbers, dates") from None
    return _Hashed(places, pd.Index(found).tolist(), complete=False)  # dates of NumPy would become numbers


def _dictionary(column: Any, name: str) -> _Hashed:
    """Return the same of an Arrow array or a chunked one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chunked = isinstance(column, pa.ChunkedArray)
    array = (column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()) if chunked else column
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _of_texts(array)
    if not pa.types.is_dictionary(array.type):
        return _of_array(array.to_numpy(zero_copy_only=False), name)
    places = pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False)
    return _Hashed(places, array.dictionary.to_pylist(), complete=False)


def _of_texts(array: Any) -> _Hashed:
    """Look the texts up among those of the first rows, and hash all of them only where others follow."""
    import pyarrow.compute as pc

    first = array[:_FIRST].unique().drop_null()
    places = pc.index_in(array, value_set=first)
    if places.null_count > array.null_count:
        encoded = array.dictionary_encode()
        first, places = encoded.dictionary, encoded.indices
    if places.null_count:
        places = pc.fill_null(places, -1)
    return _Hashed(places.to_numpy(zero_copy_only=False), first.to_pylist(), complete=not array.null_count)
