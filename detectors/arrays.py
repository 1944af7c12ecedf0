"""Arrays and labels as detectors take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "FIELDS", "Count", "Floats", "Items", "field_of", "items_of", "joined", "objects", "one_of_each", "places_in_order",
    "ranks", "times_drawn", "unit_column", "units_of",
]

FIELDS = ("image", "series", "row", "text")
"""The columns that may hold the item; a frame has one of them."""


Items = Sequence[str] | NDArray[Any]
"""Texts, or an array [item, ...] of integers or floats."""


Count = float | np.integer[Any]
Floats = NDArray[np.float64]


def field_of(frame: pd.DataFrame) -> str:
    """Return the one column that holds the items; raises ValueError where there is none, or more than one."""
    there = [name for name in FIELDS if name in frame]
    if len(there) != 1:
        raise ValueError(f"got the fields {', '.join(there) or 'none'}; allowed: one of {', '.join(FIELDS)}")
    return there[0]


def items_of(frame: pd.DataFrame) -> Items:
    """Return the items of a frame: texts, or an array [item, ...] of nested lists or arrays of one shape."""
    name = field_of(frame)
    cells = frame[name].to_list()
    return cells if name == "text" else _array(cells)


def _array(cells: Sequence[Any]) -> NDArray[Any]:
    shape: list[int] = [len(cells)]
    level: Any = cells
    while len(level) and np.ndim(level[0]):
        shape.append(len(level[0]))
        level = np.concatenate([np.asarray(part) for part in level])
        if level.dtype != object:  # no array of arrays: all its parts have one shape
            shape += level.shape[1:]
            break
    if np.size(level) != np.prod(shape):
        raise ValueError("got items of several shapes; allowed: one")
    return np.reshape(level, shape)


def joined(parts: Sequence[Items]) -> Items:
    """Return several sets of items as one, in order; raises ValueError where their shapes differ."""
    if not isinstance(parts[0], np.ndarray):
        return [text for part in parts for text in part]
    shapes = sorted({np.shape(part)[1:] for part in parts})
    if len(shapes) > 1:
        raise ValueError(f"got items of shapes {', '.join(map(str, map(list, shapes)))}; allowed: one")
    return np.concatenate(parts)


def objects(
    cells: Sequence[Any] | Mapping[Any, Any] | NDArray[Any], index: pd.Index[Any] | list[str] | None = None
) -> pd.Series[Any]:
    """Return cells of any kind, lists and None too, as they are: a column under that index, their own or 0, 1, ..."""
    return pd.Series(cells, index, dtype=object)


def ranks(values: NDArray[Any]) -> Floats:
    """Return the ranks of values [item] or [item, column], within each column, from 1; equal ones share their mean.

    As `scipy.stats.rankdata` has them, whose import alone takes longer than most audits, and as it lays them out: each
    column in one piece, by which sums of ranks are rounded.
    """
    columns = np.ascontiguousarray(np.atleast_2d(values.T))
    order = np.argsort(columns, axis=1)
    ordered, places = np.take_along_axis(columns, order, axis=1), np.arange(1, columns.shape[1] + 1)
    rises = np.ones((len(columns), columns.shape[1] + 1), dtype=bool)
    before = ordered[:, :-1]
    rises[:, 1:-1] = (ordered[:, 1:] != before) & (before == before)  # NaNs, which come last, are equal
    first = np.maximum.accumulate(np.where(rises[:, :-1], places, 0), axis=1)
    last = np.minimum.accumulate(np.where(rises[:, 1:], places, places.size)[:, ::-1], axis=1)[:, ::-1]
    found = np.empty(columns.shape)
    np.put_along_axis(found, order, (first + last) / 2, axis=1)
    return found.T if values.ndim > 1 else found[0]


def unit_column(frame: pd.DataFrame, column: str | None = "unit") -> pd.Series[Any]:
    """Return the column that names each item's independent unit, with the item's own id where it names none.

    Without such a column every item is its own unit.
    """
    if column in frame and (named := frame[column].notna()).all():
        return frame[column]
    own = pd.Series(frame.index.astype(str), frame.index)
    if column not in frame:
        return own
    return frame[column].where(named, own) if named.any() else own.astype(object)


def units_of(frame: pd.DataFrame, column: str | None = "unit") -> pd.Series[str]:
    """Return the independent unit of every item [item] as text, its own id where it has none."""
    return unit_column(frame, column).astype(str)


def places_in_order(labels: pd.Series[str]) -> NDArray[np.int64]:
    """Return the place of every text [item] among the different ones in order, from 0: their codes, without a table.

    Texts that hardly repeat, as ids, take some hundred bytes each in a hash table or an array of NumPy's.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    return np.asarray(pc.rank(pa.array(labels.array), "ascending", tiebreaker="dense"), np.int64) - 1


def one_of_each(labels: pd.Series[Any], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return whether an item is kept [item]: of those with one label one, drawn at random; each that has no label.

    Nothing is drawn where no label repeats.
    """
    kept = labels.isna().to_numpy(copy=True)
    named = np.flatnonzero(~kept)
    if not len(named):
        return kept
    there = labels.iloc[named]
    coded = isinstance(there.dtype, pd.CategoricalDtype)
    places = there.cat.codes.to_numpy() if coded else places_in_order(there)
    if np.bincount(places).max() == 1:
        return np.ones_like(kept)
    order = rng.permutation(len(named))
    drawn = np.full(int(places.max()) + 1, -1)
    drawn[places[order]] = order  # of equal places the last one stays
    kept[named[drawn[drawn >= 0]]] = True
    return kept


def times_drawn(
    units: int, replicates: int, rng: np.random.Generator, *, draws: int | None = None
) -> NDArray[np.int64]:
    """Return how often each unit is drawn with replacement [replicate, unit], by default as often as there are units.

    Multinomial counts of equal chances, in a quarter of the time of those that NumPy draws one by one as binomials.
    """
    places = rng.integers(0, units, (replicates, units if draws is None else draws))
    places += units * np.arange(replicates)[:, None]
    return np.bincount(places.ravel(), minlength=replicates * units).reshape(replicates, units)
