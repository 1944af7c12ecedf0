"""Rows of a table as numbers that can be compared: each item is one row, for models and scores that take numbers.

    data: {use: rows, path: claims.csv, numbers: [age, amount], categories: [region], familiar: learnt.csv}

    row     a number for each of `numbers`, then what tells which are missing, which values the categories have, and
            how many of these values are new
    others  fields `label` and `unit` from the columns of those names, or that `fields` names

With a `familiar` file everything is (x - mean) / std over its rows, so that no other file can change what a row is, and
a row is the same numbers whichever file it stands in. What never varies there is so far off as what occurs once:

    number      missing: stands at the mean; a column of its own says so, if any familiar row lacks it
    category    0 or 1 for each value of the familiar rows, a missing one among them
    new         how many categories have a value that no familiar row has, times the root of how many rows there are

Without one the numbers are as they stand in the file, all of them there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.data.cells import described, without_words
from audit.data.columns import FileFormat, column_names, read_columns, readable, require_column
from audit.data.ids import frames_of
from audit.data.source import Source
from audit.errors import DataError
from audit.files import canonical, digest_file, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Role

__all__ = ["Rows"]

_MOST_VALUES = 200
"""Values of a category; more are numbers, names or texts."""
_Values = list[tuple[str | None, ...]]
"""Value of each category, [row][category]; None where there is none."""


@immutable
class Rows(Source):
    """A CSV, TSV, JSON lines or Parquet file, each row as numbers."""

    path: Path
    """The file."""
    numbers: list[str] = field(default_factory=list)
    """Columns of numbers."""
    categories: list[str] = field(default_factory=list)
    """Columns of which each value is a kind, numbers too; they need `familiar`."""
    familiar: Path | None = None
    """The file of what was learnt, by which rows are standardised; absent = numbers stay as they are."""
    fields: dict[str, str] = field(default_factory=dict)
    """`label`, `unit` -> column that holds it; absent = the columns of those names, where there are any."""
    id: str | None = None
    """Column with the items' own ids; absent = ids are digests of what the items say."""
    format: FileFormat = "auto"
    """`auto` goes by the ending: .csv, .tsv, .jsonl, .ndjson or .parquet."""
    missing: Sequence[str] = field(default=(), metadata={"later": True})
    """Words that stand for a missing value in both files, e.g. `[NA, "?"]`; absent = an empty cell alone is one."""

    def __post_init__(self) -> None:
        """Refuse rows of nothing, a column twice, categories without `familiar` and fields that rows do not have."""
        columns = [*self.numbers, *self.categories]
        if not columns or len(set(columns)) < len(columns):
            raise ValueError(f"numbers and categories are {columns}; allowed: one column or more, each once")
        if self.categories and self.familiar is None:
            raise ValueError(f"categories {self.categories} have no `familiar`; allowed: a file that says their values")
        if other := sorted(self.fields.keys() - {"label", "unit"}):
            raise ValueError(f"fields has {other[0]!r}; allowed: label, unit")

    def digest(self) -> str:
        """Return the digest of both files' bytes and of the options."""
        familiar = None
        if self.familiar is not None:
            with readable(self.familiar):
                familiar = digest_file(self.familiar)
        options = [self.numbers, self.categories, self.fields, self.id, self.format]
        options += [sorted(self.missing)] if self.missing else []  # digests of before stay what they were
        return sha256(canonical([self._digest_of(self.path), familiar, options]))

    def columns(self) -> list[str]:
        """Return `row` and the names of the file's columns."""
        return ["row", *column_names(self.path, self.format)]

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `DataSource`."""
        there = column_names(self.path, self.format)
        chosen = {name: self.fields.get(name, name) for name in ("label", "unit") if name in role.fields}
        chosen = {name: column for name, column in chosen.items() if name in self.fields or column in there}
        keys = [*chosen.values(), *([] if self.id is None else [self.id])]
        self._require(self.path, there, keys)
        if self.sha256 is not None:
            self.digest()
        scale = None if self.familiar is None else _Scale(self)
        return frames_of(self.path, self._items(chosen, keys, scale, limit), role)

    def _items(
        self, chosen: dict[str, str], keys: Sequence[str], scale: _Scale | None, limit: int | None
    ) -> Iterator[tuple[dict[str, list[Any]], list[Any] | None]]:
        before = 0
        for cells, numbers, values in self.parts(self.path, keys, limit, missing=scale is not None):
            rows = numbers if scale is None else scale.rows(numbers, values, before)
            before += len(rows)
            told = {"row": rows.tolist(), **{name: cells[column] for name, column in chosen.items()}}
            yield told, None if self.id is None else cells[self.id]

    def parts(
        self, path: Path, keys: Sequence[str] = (), limit: int | None = None, *, missing: bool = True
    ) -> Iterator[tuple[dict[str, list[Any]], np.ndarray, _Values]]:
        """Yield (column -> cells, numbers [row, column], values) of a file with these columns, some rows at a time."""
        import numpy as np

        wanted, before = list(dict.fromkeys([*self.numbers, *self.categories, *keys])), 0
        for read in read_columns(path, self.format, wanted, limit=limit):
            cells = {name: read[name] if name == self.id else without_words(read[name], self.missing) for name in read}
            count = len(cells[wanted[0]])
            told = [_numbers(path, name, cells[name], before, missing=missing) for name in self.numbers]
            values = list(zip(*(map(_value, cells[name]) for name in self.categories), strict=True))
            yield cells, np.array(told, dtype=float).reshape(len(told), count).T, values
            before += count

    def _require(self, path: Path, there: list[str], keys: Sequence[str] = ()) -> None:
        columns = [*self.numbers, *self.categories]
        for name in columns:
            require_column(path, name, there, "a row", columns)
        for name in keys:
            require_column(path, name, there, "a field", keys)

    def known(self) -> tuple[np.ndarray, _Values]:
        """Return (numbers [row, column], values) of the familiar rows.

        Raises DataError for a column that is not there, has no number or too many values.
        """
        import numpy as np

        path = self.familiar
        assert path is not None
        self._require(path, column_names(path, self.format))
        parts = list(self.parts(path))
        if not parts:
            raise DataError(f"{path}: holds no row; allowed: the rows that are familiar")
        numbers, values = np.concatenate([part[1] for part in parts]), [row for part in parts for row in part[2]]
        for name, column in zip(self.numbers, numbers.T, strict=True):
            if np.isnan(column).all():
                raise DataError(f"{path}: column {name!r} holds no number; allowed: one or more")
        for name, cells in zip(self.categories, zip(*values, strict=True), strict=True):
            if len(set(cells)) > _MOST_VALUES:
                raise DataError(f"{path}: column {name!r} has {len(set(cells)):,} values; allowed: {_MOST_VALUES}")
        return numbers, values


class _Scale:
    """What the familiar rows say of each column."""

    def __init__(self, wanted: Rows) -> None:
        import numpy as np

        numbers, values = wanted.known()
        self._wanted, self._count = wanted, len(numbers)
        self._lacking = np.isnan(numbers).any(axis=0)
        self._mean = np.nanmean(numbers, axis=0)
        columns = zip(*values, strict=True)
        self._levels = [sorted(set(column), key=lambda one: (one is None, one or "")) for column in columns]
        plain = self._plain(numbers, values)
        self._centre = plain.mean(axis=0)
        self._spread = np.where(np.ptp(plain, axis=0) > 0, plain.std(axis=0), 1.0)

    def rows(self, numbers: np.ndarray, values: _Values, before: int) -> np.ndarray:
        """Return the rows; raises DataError for a number that is missing where no familiar one is."""
        import numpy as np

        missing = np.isnan(numbers) & ~self._lacking
        if missing.any():
            row, column = np.argwhere(missing)[0]
            at = f"{self._wanted.path}: row {before + int(row) + 1}: column {self._wanted.numbers[column]!r}"
            raise DataError(f"{at} is empty, which it never is in {self._wanted.familiar}; allowed: a number")
        return np.asarray((self._plain(numbers, values) - self._centre) / self._spread)

    def _plain(self, numbers: np.ndarray, values: _Values) -> np.ndarray:
        """Return numbers [row, place] before they are standardised."""
        import numpy as np

        lacking = np.isnan(numbers)
        parts = [np.where(lacking, self._mean, numbers), lacking[:, self._lacking].astype(float)]
        for levels, column in zip(self._levels, zip(*values, strict=True), strict=True):
            parts.append(np.array([[float(one == level) for level in levels] for one in column]))
        if self._levels:
            new = [sum(one not in levels for one, levels in zip(row, self._levels, strict=True)) for row in values]
            parts.append(np.array(new, dtype=float)[:, None] * math.sqrt(self._count))
        return np.concatenate(parts, axis=1)


def _numbers(path: Path, name: str, cells: list[Any], before: int, *, missing: bool) -> list[float]:
    """Return the numbers of a column, NaN where nothing stands; raises DataError for what is none."""
    found = []
    for place, cell in enumerate(cells, before + 1):
        try:
            number = math.nan if missing and cell in (None, "") else float(cell)
            if isinstance(cell, bool) or math.isinf(number) or (math.isnan(number) and cell not in (None, "")):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            at = f"{path}: row {place}: column {name!r} holds {described(cell)}"
            raise DataError(f"{at}; allowed: a finite number{' or nothing' if missing else ''}") from None
        found.append(number)
    return found


def _value(cell: Any) -> str | None:
    """Return the value of a category as text: 1.0, as a column with gaps may have it, is "1"."""
    if cell is None or cell == "":
        return None
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
