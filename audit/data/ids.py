"""Stable ids for items, and frames of bounded size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring
from types import NoneType
from typing import TYPE_CHECKING, Any

from audit.data.cells import allowed, cells_of_kind, described
from audit.data.columns import require_cells
from audit.errors import DataError
from audit.files import canonical

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Cells", "frames_of"]

_RECENT = 1 << 20
"""Keys that are held in a set, at about 90 bytes each, before they are sorted in among the older ones."""
Cells = dict[str, list[Any]]


def frames_of(
    what: object, items: Iterable[tuple[Cells, list[Any] | None]], role: Role, separator: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield a frame for each (field -> cells, own ids) of `what`, as errors name it, with cells of the right kind.

    fields: field -> column, of those that must hold something in some row.
    """
    import pandas as pd

    namer, before, empty = _IdAssigner(what), 0, dict(fields or {})
    for raw, own in items:
        there = [name for name in role.fields if name in raw]
        cells = {
            name: cells_of_kind(what, name, raw[name], before, separator, table=role.table, lists=name in role.lists)
            for name in there
        }
        for name, column in cells.items():
            if name in empty and any(cell is not None for cell in column):
                del empty[name]
            if not role.table and name not in role.optional and any(cell is None for cell in column):
                at = f"{what}: row {before + [cell is None for cell in column].index(True) + 1}: field {name!r}"
                raise DataError(f"{at} is empty; allowed: {allowed(name)}")
        ids = namer.by_content(cells) if own is None else namer.by_column(own, before)
        if own is None and "unit" in role.fields and not role.repeats:
            cells = _with_units(cells, ids)
        yield pd.DataFrame(cells, index=pd.Index(ids, name="id"), dtype=object)
        before += len(ids)
    if not role.table:
        require_cells(what, {f"field {name!r}": column for name, column in empty.items()}, before)


def _with_units(cells: Cells, ids: Sequence[str]) -> Cells:
    """Return the cells with the independent unit of every item, where some are equal to others: the first one's id."""
    firsts = [name[:16] for name in ids]
    if firsts == ids:
        return cells
    given = cells.get("unit", [None] * len(ids))
    return {**cells, "unit": [first if unit is None else unit for first, unit in zip(firsts, given, strict=True)]}


class _IdAssigner:
    """Gives every item of a stream an id of its own."""

    def __init__(self, what: object) -> None:
        self._what = what
        self._seen = _KeySet()
        self._times: dict[bytes, int] = {}

    def by_content(self, cells: Mapping[str, list[Any]]) -> list[str]:
        """Return digests of what the items say; the second and third of equal items end in `-2` and `-3`."""
        rows = zip(*(_pairs(name, cells[name]) for name in sorted(cells)), strict=True)
        keys = [_key(f"{{{','.join(filter(None, row))}}}") for row in rows]
        ids = [key.hex() for key in keys]
        for place, again in enumerate(self._seen.add(keys)):
            if again:
                self._times[keys[place]] = times = self._times.get(keys[place], 1) + 1
                ids[place] += f"-{times}"
        return ids

    def by_column(self, values: Sequence[Any], before: int) -> list[str]:
        """Return the values as text; raises DataError for one that is missing or was given before."""
        for row, value in enumerate(values, before + 1):
            if type(value) not in (str, int) or value == "":
                raise DataError(f"{self._what}: row {row}: id is {described(value)}; allowed: text or an integer")
        ids = [str(value) for value in values]
        for row, again in enumerate(self._seen.add([*map(_key, ids)]), before + 1):
            if again:
                raise DataError(f"{self._what}: row {row}: its id was given before")
        return ids


class _KeySet:
    """A growing set of 64-bit keys: the latest million in a set, all older ones sorted, in eight bytes each."""

    def __init__(self) -> None:
        import numpy as np

        self._old = np.array([2**64 - 1], np.uint64)  # the last stands guard: no key sorts behind it
        self._new: set[int] = set()

    def add(self, keys: Sequence[bytes]) -> list[bool]:
        """Return for each key whether it was added before."""
        import numpy as np

        values = np.frombuffer(b"".join(keys), np.uint64)
        before: list[bool] = (self._old[np.searchsorted(self._old, values)] == values).tolist()
        told = values.tolist()
        if len(each := set(told)) == len(told) and self._new.isdisjoint(each):
            self._new |= each
        else:
            for place, value in enumerate(told):
                before[place] |= value in self._new
                self._new.add(value)
        if len(self._new) >= _RECENT:
            new = np.sort(np.fromiter(self._new, np.uint64))
            self._old = np.sort(np.concatenate([self._old, new]), kind="stable")  # merges two sorted runs
            self._new.clear()
        return before


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]


def _pairs(name: str, cells: Sequence[Any]) -> list[str | None]:
    """Return `"name":cell` as canonical JSON, None for an empty cell: a field that says nothing changes no id."""
    head = f"{encode_basestring(name)}:"
    if set(map(type, cells)) <= {str, NoneType}:
        told = {cell: None if cell is None else head + encode_basestring(cell) for cell in set(cells)}
        return [told[cell] for cell in cells]
    return [None if cell is None else head + _told(cell) for cell in cells]


def _told(cell: Any) -> str:
    if type(cell) is str:
        return encode_basestring(cell)
    return canonical(cell.tolist() if hasattr(cell, "tolist") else cell).decode()
