"""Data that are already in memory: a pandas DataFrame, or a list of dicts, as items.

    Frame(frame, fields={"question": "doc.question"}, id="key")

What holds of a file holds here: an item's id comes from what it says or from a column, and an empty cell is a missing
value. The digest is that of the content, so that the same rows give the same audit wherever they came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from audit.data.columns import names_in, within
from audit.data.ids import frames_of
from audit.data.source import DataSource, Source
from audit.data.tabular import choose_columns
from audit.errors import DataError, UsageError
from audit.files import canonical, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Frame", "as_source", "as_sources"]

_ROWS = 4096


@immutable(eq=False)
class Frame(Source):
    """A DataFrame or a list of dicts; what it holds now is kept, later changes of it are not seen."""

    table: InitVar[Any]
    """The rows."""
    fields: dict[str, str] = field(default_factory=dict)
    """Field -> column that holds it; any other field is read from the column of its own name."""
    id: str | None = None
    """Column with the items' own ids; absent = ids are digests of what the items say."""

    def __post_init__(self, table: Any) -> None:
        """Take the rows over; raises DataError for what is neither a DataFrame nor a list of dicts."""
        if _is_frame(table):
            _named(table.columns)  # before pandas takes the last of each name
        rows = table.to_dict("records") if _is_frame(table) else table
        if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
            raise DataError(f"data: got a {type(table).__name__}; allowed: a DataFrame, a list of dicts, a data source")
        object.__setattr__(self, "_held", [_plain(row) for row in rows])

    @property
    def _rows(self) -> list[dict[str, Any]]:
        held: list[dict[str, Any]] = self.__dict__["_held"]
        return held

    def digest(self) -> str:
        """Return the digest of the rows and of the options; raises IntegrityError where another was promised."""
        options = {"fields": self.fields, "id": self.id}
        return sha256(canonical({"rows": self.as_promised("data", self._digest), "options": options}))

    @cached_property
    def _digest(self) -> str:
        """Digest of the rows, which stay as they are."""
        try:
            return sha256(canonical(row) + b"\n" for row in self._rows)
        except (TypeError, ValueError) as error:
            raise DataError(f"data: a cell is no text, number, list or array ({error})") from None

    def columns(self) -> list[str]:
        """Return the names of the columns, those inside others too."""
        return list(dict.fromkeys(name for row in self._rows for name in names_in(row)))

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `audit.data.source.DataSource`."""
        self.digest()
        chosen = choose_columns("data", self.columns(), self.fields, self.id, role)
        rows = self._rows[:limit]
        parts = (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
        items = (
            ({name: [within(row, column) for row in part] for name, column in chosen.items()},
             None if self.id is None else [within(row, self.id) for row in part])
            for part in parts
        )  # fmt: skip
        return frames_of("data", items, role, fields=self.fields)


def as_source(data: Any) -> DataSource:
    """Return what a check can read: a data source as it is, a DataFrame or a list of dicts as a `Frame`."""
    source: Any = data if isinstance(data, DataSource) else Frame(data)
    return source  # type: ignore[no-any-return]


def as_sources(data: Any, roles: Mapping[str, Role]) -> dict[str, DataSource]:
    """Return role -> source: of a mapping for each of its roles, of anything else for the role `items`.

    Raises UsageError for a role that is not among `roles`.
    """
    if not isinstance(data, Mapping):
        return {"items": as_source(data)}
    if unknown := sorted(data.keys() - roles.keys()):
        raise UsageError(f"data: no role {unknown[0]!r}; allowed: {', '.join(roles)}")
    return {role: as_source(one) for role, one in data.items()}


def _is_frame(table: Any) -> bool:
    return hasattr(table, "to_dict") and hasattr(table, "columns")


def _named(columns: Iterable[Any]) -> list[str]:
    """Return the names of columns as text; raises DataError where two are the same, 1 and "1" too."""
    names = [str(name) for name in columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"data: {names.count(twice)} columns are named {twice!r}; allowed: one")
    return names


def _plain(cell: Any) -> Any:
    """Return a cell as JSON would hold it: arrays as nested lists, what is missing as None."""
    if hasattr(cell, "tolist"):
        import numpy as np

        whole = isinstance(cell, np.ndarray) and cell.dtype.kind in "biuf" and not (cell != cell).any()
        cell = cell.tolist()
        if whole:  # of numbers, none of them missing
            return cell
    if isinstance(cell, Mapping):
        return dict(zip(_named(cell), map(_plain, cell.values()), strict=True))
    if isinstance(cell, list | tuple):
        return [_plain(one) for one in cell]
    missing = cell is None or (isinstance(cell, float) and cell != cell) or type(cell).__name__ in ("NAType", "NaTType")
    return None if missing else cell
