"""Columns of a table as small integers, and the ways in which they split its rows into groups.

    column -> codes [row], levels         no value is a level of its own, `NOT_GIVEN`
    split  =  one sensitive column, and all of them together where there are several

A group is called by its level, where the table is split in several ways `column: level`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, objects
from detectors.bias.levels import Coded, coded, crossed
from detectors.immutable import immutable
from detectors.phrases import Phrase

__all__ = ["NOT_GIVEN", "Column", "Split", "as_numbers", "column_of", "splits_of"]

NOT_GIVEN = "not given"
"""The group of rows that do not say which group is theirs."""
_BINS = 10
Codes = NDArray[np.unsignedinteger[Any]]


@immutable(eq=False)
class Column:
    """One column of a table."""

    name: str
    codes: NDArray[np.signedinteger[Any]]
    """Level [row], of the smallest type; -1 where there is no value."""
    levels: tuple[str, ...]
    values: Floats | None = None
    """Of a column of numbers, that of each level [level]."""

    @property
    def numbers(self) -> Floats | None:
        """Of a column of numbers, these [row]; NaN where there is none."""
        return None if self.values is None else np.append(self.values, np.nan)[self.codes]

    @property
    def given(self) -> Codes:
        """Level [row], and one more for no value."""
        return self._each(np.arange(len(self.levels) + 1))

    @cached_property
    def cells(self) -> Codes:
        """Level [row] for counting: of many numbers a tenth of the rows each, and one more level for no value."""
        return self.given if self._tenths is None else self._each(self._tenths)

    @property
    def cell_names(self) -> list[str]:
        """What the cells are called [cell]: a level, of a tenth its least and greatest number, and `NOT_GIVEN`."""
        if self._tenths is None or self.values is None:
            return [*self.levels, NOT_GIVEN]
        *each, last = self._tenths.tolist()
        inside = [self.values[np.array(each) == at] for at in range(last)]
        return [*(f"{one.min():g} - {one.max():g}" if len(one) else "-" for one in inside), NOT_GIVEN]

    @cached_property
    def _tenths(self) -> NDArray[np.int64] | None:
        """Of many numbers the tenth of the rows [level], and that of no value; None of few, and of words."""
        if self.values is None or len(self.levels) <= _BINS:
            return None
        known = self.values[self.codes[self.codes >= 0]]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1], overwrite_input=True))
        return np.append(np.searchsorted(edges, self.values, side="left"), len(edges) + 1)

    def _each(self, table: NDArray[np.int64]) -> Codes:
        """Return what a table [level, or no value] says of each row, as integers of the smallest type."""
        return np.asarray(table.astype(np.min_scalar_type(int(table.max())))[self.codes])


@immutable(eq=False)
class Split:
    """The rows of a table in groups."""

    name: str
    """The column, or several joined by ` x `."""
    codes: Codes
    """Group [row], of the smallest type."""
    groups: tuple[str, ...]
    alone: bool
    """Whether the table is split in no other way."""

    @property
    def label(self) -> str | None:
        """What measures of the split are called by; None where there is no other."""
        return None if self.alone else self.name

    def named(self, group: str) -> str:
        """Return what measures of a group are called by."""
        return group if self.alone else Phrase("{group1}: {group2}", group1=self.name, group2=group)

    def counts(self, where: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Return rows [group], those of a mask [row] alone where one is given."""
        return np.bincount(self.codes if where is None else self.codes[where], minlength=len(self.groups))


def as_numbers(cells: pd.Series[str]) -> Floats | None:
    """Return the cells [row] as numbers, NaN where there is none; None where some known cell is no number."""
    codes, texts = pd.factorize(cells)
    numbers = pd.to_numeric(pd.Series(np.asarray(texts, object)), errors="coerce").to_numpy(float, na_value=np.nan)
    return np.append(numbers, np.nan)[codes] if len(numbers) and np.isfinite(numbers).all() else None


def column_of(cells: pd.Series[str], name: str) -> Column:
    """Return a column of texts [row] with None for no value; one whose texts are all numbers has these too."""
    coded_before = isinstance(cells.dtype, pd.CategoricalDtype)
    codes, levels = coded(cells if coded_before else pd.array(cells.to_numpy(object), dtype="str"), name)
    known = tuple(str(level) for level in levels if level is not None)
    table = np.append(np.arange(len(known)), -1).astype(np.min_scalar_type(-len(known) - 1))
    return Column(name, table[codes], known, as_numbers(objects(known)))


def splits_of(columns: Sequence[Column]) -> list[Split]:
    """Return a split for every sensitive column, and where there are several one by all of them."""
    alone = len(columns) == 1
    found = [_split(column, alone) for column in columns]
    if alone:
        return found
    codes, levels = crossed([Coded(one.codes, one.groups) for one in found])
    names = tuple(", ".join(map(str, level)) for level in levels)
    return [*found, Split(" x ".join(column.name for column in columns), codes, names, alone=False)]


def _split(column: Column, alone: bool) -> Split:
    groups = column.levels if (column.codes >= 0).all() else (*column.levels, NOT_GIVEN)
    return Split(column.name, column.given, groups, alone)
