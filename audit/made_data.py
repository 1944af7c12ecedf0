"""Data that functions of ours make: digits, photo patches, series, and a small world of facts.

    data: {use: made, set: digits, part: heldout, where: {label: ["0", "1"]}}

They need no file and no network, and each set comes in parts that share no item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from audit.errors import DataError, did_you_mean
from audit.files import canonical, sha256

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Made"]

_ROWS = 4096


@dataclass(frozen=True)
class Made:
    """Digits, photo patches, series or facts that come with the package."""

    set: Literal["digits", "patches", "series", "world"]
    """Which set."""
    part: str
    """Which part of it: `train`, `fit`, `calibration`, `heldout`, ...; the set says which there are."""
    where: dict[str, list[str]] = field(default_factory=dict)
    """Column -> values to keep, e.g. `{label: ["0", "1"]}`."""
    sha256: str | None = field(default=None, kw_only=True)
    """Digest that the items must have."""
    licence: str | None = field(default=None, kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default=None, kw_only=True)
    """Where the data come from, for the record."""

    def digest(self) -> str:
        """Return the digest of the items' content; raises DataError where it is not the promised one."""
        got = sha256(digest for row in self._table().itertuples(index=False) for digest in map(_digest, row))
        if self.sha256 not in (None, got):
            raise DataError(f"{self.set}.{self.part}: digest is {got}; promised was {self.sha256}")
        return got

    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._table().columns)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `audit.data.DataPart`. Cells of images and series are arrays."""
        table = self._table()
        fields = [name for name in role.fields if name in table.columns]
        for name in role.fields:
            if name not in table.columns and name not in role.optional:
                raise DataError(f"{self.set}.{self.part}: no field {name!r}{did_you_mean(name, table.columns)}")
        return _frames(table[fields].iloc[:limit])

    def _table(self) -> pd.DataFrame:
        table: pd.DataFrame = import_module(f"audit.datasets.{self.set}").table(self.part)
        for column, values in self.where.items():
            if column not in table.columns:
                raise DataError(f"{self.set}.{self.part}: no column {column!r}{did_you_mean(column, table.columns)}")
            table = table[table[column].isin(values)]
        return table


def _frames(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    import pandas as pd

    seen: dict[str, int] = {}
    ids = []
    for row in table.itertuples(index=False):
        name = hashlib.sha256(b"".join(map(_digest, row))).hexdigest()[:16]
        seen[name] = seen.get(name, 0) + 1
        ids.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    named = table.set_axis(pd.Index(ids, name="id"), axis=0)
    return (named.iloc[start : start + _ROWS] for start in range(0, len(named), _ROWS))


def _digest(cell: Any) -> bytes:
    if hasattr(cell, "tobytes"):
        return hashlib.sha256(canonical([cell.dtype.str, list(cell.shape)]) + cell.tobytes()).digest()
    return hashlib.sha256(canonical(cell)).digest()
