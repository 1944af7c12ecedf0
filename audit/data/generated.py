"""Data that functions of ours make: digits, photo patches, series, applicants, a world of facts, and what was planted.

    data: {use: made, set: digits, part: heldout, where: {label: ["0", "1"]}}

They need no file and no network, and each set comes in parts that share no item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from audit.data.ids import frames_of
from audit.data.source import Source
from audit.errors import DataError, did_you_mean
from audit.files import canonical, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Made"]

_ROWS = 4096


@immutable
class Made(Source):
    """Digits, photo patches, series, applicants, facts, canaries or planted sources that come with the package."""

    set: Literal["digits", "patches", "series", "world", "applicants", "canaries", "planted"]
    """Which set."""
    part: str
    """Which part of it: `train`, `fit`, `calibration`, `heldout`, ...; the set says which there are."""
    where: dict[str, list[str]] = field(default_factory=dict)
    """Column -> values to keep, e.g. `{label: ["0", "1"]}`."""

    def digest(self) -> str:
        """Return the digest of the items' content; raises IntegrityError where it is not the promised one."""
        where = tuple((column, tuple(values)) for column, values in self.where.items())
        return self.as_promised(f"{self.set}.{self.part}", _content(self.set, self.part, where))

    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._table().columns)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `audit.data.source.DataSource`. Cells of images and series are arrays."""
        table = self._table()
        fields = [name for name in role.fields if name in table.columns]
        for name in role.fields:
            if name not in table.columns and name not in role.optional:
                raise DataError(f"{self.set}.{self.part}: no field {name!r}{did_you_mean(name, table.columns)}")
        if self.sha256 is not None:
            self.digest()
        rows = table[fields].iloc[:limit]
        parts = (rows.iloc[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
        cells = ({name: [_plain(cell) for cell in part[name]] for name in fields} for part in parts)
        return frames_of(f"{self.set}.{self.part}", ((one, None) for one in cells), role)

    def _table(self) -> pd.DataFrame:
        return _table(self.set, self.part, self.where.items())


def _table(name: str, part: str, where: Iterable[tuple[str, Collection[str]]]) -> pd.DataFrame:
    table: pd.DataFrame = import_module(f"audit.data.sets.{name}").table(part)
    for column, values in where:
        if column not in table.columns:
            raise DataError(f"{name}.{part}: no column {column!r}{did_you_mean(column, table.columns)}")
        table = table[table[column].isin(values)]
    return table


@cache
def _content(name: str, part: str, where: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    """Return the digest of what is made, which is always the same."""
    return sha256(digest for row in _table(name, part, where).itertuples(index=False) for digest in map(_digest, row))


def _plain(cell: Any) -> Any:
    return cell.tolist() if hasattr(cell, "tolist") else cell


def _digest(cell: Any) -> bytes:
    if hasattr(cell, "tobytes"):
        return hashlib.sha256(canonical([cell.dtype.str, list(cell.shape)]) + cell.tobytes()).digest()
    return hashlib.sha256(canonical(cell)).digest()
