"""Columns of a table as small integers, and the ways in which they split its rows into groups.

    column -> codes [row], levels         no value is a level of its own, `NOT_GIVEN`
    split  =  one sensitive column, and all of them together where there are several

A group is called by its level, where the table is split in several ways `column: level`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.bias.levels import coded
from detectors.phrases import Phrase

__all__ = ["NOT_GIVEN", "Column", "Split", "as_numbers", "column_of", "splits_of"]

NOT_GIVEN = "not given"
"""The group of rows that do not say which group is theirs."""
_BINS = 10


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table."""

    name: str
    codes: NDArray[np.int64]
    """Level [row]; -1 where there is no value."""
    levels: tuple[str, ...]
    numbers: Floats | None = None
    """Of a column of numbers, these [row]; NaN where there is none."""

    @property
    def cells(self) -> NDArray[np.int64]:
        """Level [row] for counting: of many numbers a tenth of the rows each, and one more level for no value."""
        if self.numbers is None or len(self.levels) <= _BINS:
            return np.where(self.codes < 0, len(self.levels), self.codes)
        known = self.numbers[np.isfinite(self.numbers)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
        binned = np.searchsorted(edges, self.numbers, side="left")
        return np.where(np.isfinite(self.numbers), binned, len(edges) + 1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Split:
    """The rows of a table in groups."""

    name: str
    """The column, or several joined by ` x `."""
    codes: NDArray[np.int64]
    """Group [row]."""
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
    places = codes.astype(np.int64)
    return Column(name, np.where(places == len(known), -1, places), known, as_numbers(cells))


def splits_of(columns: Sequence[Column]) -> list[Split]:
    """Return a split for every sensitive column, and where there are several one by all of them."""
    alone = len(columns) == 1
    found = [_split(column, alone) for column in columns]
    if alone:
        return found
    codes = np.zeros(len(columns[0].codes), dtype=np.int64)
    names: list[str] = [""]
    for one in found:
        codes, there = pd.factorize(codes * len(one.groups) + one.codes, sort=True)
        names = [
            f"{names[at // len(one.groups)]}, {one.groups[at % len(one.groups)]}".removeprefix(", ") for at in there
        ]
    return [*found, Split(" x ".join(column.name for column in columns), codes, tuple(names), alone=False)]


def _split(column: Column, alone: bool) -> Split:
    if (column.codes >= 0).all():
        return Split(column.name, column.codes, column.levels, alone)
    codes = np.where(column.codes < 0, len(column.levels), column.codes)
    return Split(column.name, codes, (*column.levels, NOT_GIVEN), alone)
