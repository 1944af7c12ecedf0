"""Evidence by the page: which rows of `items/<check>.parquet` a reader wants, worst first, and those rows whole.

    matching(items, filters) -> row numbers      only the columns that filter and order are read; the answer is kept
    columns_of(items)        -> texts, sortable  what can be searched, and what can be ordered
    as_csv(items, numbers)   -> bytes            these rows as a file for a spreadsheet
    named(items, names)      -> row numbers      of the items with these names
    titled(items, names)     -> rows and titles  of those of these items that are there
    among(items, rows, names) -> row numbers     those of the rows with these names, or without
    observed(audit, finding, name) -> a row      what was observed of an item, beside what was judged

Rows are selected and sorted; nothing is measured. The files are read by `audit.record.ItemsFile`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from audit.errors import UsageError
from audit.record import AGAINST, Audit, Finding, ItemsFile, observed_of, worst_first
from detectors.immutable import immutable
from reports.pictures import bounds_of
from reports.views import CONTENT

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = [
    "SLICES", "Columns", "Filters", "among", "as_csv", "choices", "columns_of", "inert", "matching", "named",
    "observed", "titled",
]

SLICES = ("outcome", "group", "unit")
"""Columns that a reader may filter by."""
_FORMULA = r"^[=+\-@\t\r]"
"""What spreadsheets take for the beginning of a formula."""
_BLOCK = 1 << 12
"""Texts that are looked through together."""
MOST_CHOICES = 60
"""A column with more distinct values than this is no choice."""


@immutable
class Filters:
    """Which rows a reader wants."""

    failures: bool = False
    """Only those that count against the model."""
    outcome: str = ""
    group: str = ""
    unit: str = ""
    """Only those with this text in the column; empty = all."""
    find: str = ""
    """Only those of which a text, or the name, has this in it, no matter the case; `/.../` is a regular expression."""
    part: str = ""
    """Only those of a `reports.pictures.Hotspot`: column=text or column=low..high, & between them."""
    sort: str = ""
    """Column to order by, `-` before it = from the largest down; empty or unknown = the worst first."""


@immutable
class Columns:
    """What a reader can do with the columns of a file."""

    texts: tuple[str, ...]
    sortable: tuple[str, ...]
    """Numbers, flags and texts; lists and pictures have no order."""


@lru_cache(maxsize=64)
def columns_of(items: ItemsFile) -> Columns:
    """Return which columns can be searched and which give an order; raises as `ItemsFile.table`."""
    import pyarrow.types as kinds

    schema, texts = items.rows([]).schema, items.texts
    numbers = [
        one.name for one in schema
        if kinds.is_integer(one.type) or kinds.is_floating(one.type) or kinds.is_boolean(one.type)
    ]
    return Columns(texts, tuple(name for name in schema.names if name in (*texts, *numbers)))


@lru_cache(maxsize=64)
def choices(items: ItemsFile, column: str) -> tuple[str, ...]:
    """Return the distinct texts of a column, sorted; empty where it is not there, or has too many to choose from."""
    import pyarrow.compute as pc

    if column not in items.columns:
        return ()
    found = [one for one in pc.unique(items.table([column]).column(0)).to_pylist() if one]
    return tuple(sorted(found)) if len(found) <= MOST_CHOICES and all(isinstance(one, str) for one in found) else ()


@lru_cache(maxsize=16)
def matching(items: ItemsFile, filters: Filters) -> np.ndarray:
    """Return the numbers [row] of the rows that `filters` keep, in the order that they ask for.

    UsageError for a regular expression that is none.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = {name: text for name in SLICES if (text := getattr(filters, name)) and name in items.columns}
    parts = {name: texts for name, texts in parse_qs(filters.part).items() if name in items.columns}
    table = items.table([*dict.fromkeys((*wanted, *parts)), *items.ranks])
    keep = np.ones(items.total, dtype=bool)
    for name, texts in parts.items():
        keep &= np.logical_or.reduce([_has(table[name], text) for text in texts])
    for name, text in wanted.items():
        keep &= pc.equal(table[name], text).fill_null(False).to_numpy()
    if filters.failures and items.tells_failures:
        keep &= table[AGAINST].fill_null(False).to_numpy()
    if filters.find:
        keep &= _found(items, filters.find)
    order, rows = _order(items, filters.sort, table, keep), np.flatnonzero(keep)
    pa.default_memory_pool().release_unused()  # it keeps several times what it has unpacked
    return rows if order is None else rows[order]


def _has(column: pa.ChunkedArray, text: str) -> np.ndarray:
    """Tell which cells are a text, or a number within a span."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    bounds = bounds_of(text)
    if bounds is None or not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        texts = pc.cast(column, "string")
        found: np.ndarray = pc.equal(texts, text).fill_null(False).to_numpy()
        return found
    numbers = pc.cast(column, "float64").to_numpy()
    low, high = (-np.inf if bounds[0] is None else bounds[0]), (np.inf if bounds[1] is None else bounds[1])
    kept: np.ndarray = (numbers >= low) & ((numbers < high) | (bounds[1] is None))  # NaN is neither
    return kept


def _order(items: ItemsFile, sort: str, table: pa.Table, keep: np.ndarray) -> np.ndarray | None:
    """Return the order of the rows that are kept, ties as stored and nulls last; None for the stored order."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    name = sort.removeprefix("-")
    if name and name in columns_of(items).sortable:
        way = "descending" if sort.startswith("-") else "ascending"
        column = items.table([name]).filter(pa.array(keep))
        order: np.ndarray = pc.sort_indices(column, sort_keys=[(name, way)]).to_numpy().astype(np.int64)
        return order
    return worst_first(table.select(items.ranks).filter(pa.array(keep))) if items.ranks else None


def _found(items: ItemsFile, wanted: str) -> np.ndarray:
    """Tell which rows have what is wanted in a text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    test, found = partial(holding, wanted=wanted), np.zeros(items.total, dtype=bool)
    if len(wanted) > 2 and wanted[0] == wanted[-1] == "/":
        test = partial(pc.match_substring_regex, pattern=wanted[1:-1], ignore_case=True)
    for name in columns_of(items).texts:
        try:
            found |= np.concatenate([found[:0], *hits(items, name, test)])
        except pa.ArrowInvalid as error:
            raise UsageError(
                "search: {got!r} is no regular expression ({problem})", got=wanted[1:-1], problem=str(error)
            ) from None
    return found


def holding(texts: pa.Array, wanted: str) -> pa.Array:
    """Tell which texts have what is wanted in them, no matter the case; what is null does not, or is null."""
    import pyarrow as pa

    blocks = (texts.slice(start, _BLOCK) for start in range(0, len(texts), _BLOCK))
    return pa.concat_arrays([pa.array([], "bool"), *(_held(block, wanted) for block in blocks)])


def _held(texts: pa.Array, wanted: str) -> pa.Array:
    """Return what `holding` does; most texts do not have it, as all of them together tell in a tenth of the time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    buffer = pc.ascii_lower(texts).buffers()[2]
    octets = b"" if buffer is None else buffer.to_pybytes()
    # of what is no ASCII, the signs of Kelvin and the long s alone are letters of it in another case
    same = wanted.isascii() and (octets.isascii() or not {*"ks"} & {*wanted.lower()})
    if same and wanted.lower().encode() not in octets:
        return pa.repeat(False, len(texts))
    return pc.match_substring(texts, pattern=wanted, ignore_case=True)


def hits(items: ItemsFile, column: str, test: Callable[[pa.Array], pa.Array]) -> Iterator[np.ndarray]:
    """Yield which rows pass a test of their text, part by part; one that repeats is tested once, and never spelt out.

    Raises as `ItemsFile.table`.
    """
    import pyarrow as pa

    for batch in items.batches([column]):
        texts = batch.column(column)
        passed = test(texts.dictionary).take(texts.indices) if pa.types.is_dictionary(texts.type) else test(texts)
        yield passed.fill_null(False).to_numpy(zero_copy_only=False)


def as_csv(items: ItemsFile, numbers: Sequence[int] | np.ndarray) -> bytes:
    """Return rows as CSV in UTF-8; lists are JSON, and an apostrophe stands before what a spreadsheet would run."""
    import io

    import pyarrow as pa
    import pyarrow.csv

    table, written = items.rows(numbers), io.BytesIO()
    cells = {f"{at}": _as_text(column) for at, column in enumerate(table.columns)}
    pyarrow.csv.write_csv(pa.table(cells).rename_columns([inert(name) for name in table.column_names]), written)
    return written.getvalue()


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts of which none is a formula, lists as JSON, and all else as it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        told = [None if cell is None else json.dumps(cell, default=str) for cell in column.to_pylist()]
        return pa.chunked_array([pa.array(told, "string")])
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    runs = pc.match_substring_regex(column, _FORMULA)
    mark, between = pa.scalar("'", column.type), pa.scalar("", column.type)
    return pc.if_else(runs, pc.binary_join_element_wise(mark, column, between), column)


def inert(name: str) -> str:
    """Return a text of which a spreadsheet makes no formula."""
    return f"'{name}" if re.match(_FORMULA, name) else name


def observed(audit: Audit, finding: Finding, name: str, role: str = "items") -> dict[str, Any]:
    """Return what was observed of an item of a role and stored under its name; empty where that is not told."""
    file = observed_of(audit.folder, finding, role)
    row = None if file is None or file.id_column != "id" else named(file, [name])[0]
    return {} if file is None or row is None else dict(file.rows([row - 1]).to_pylist()[0])


def among(items: ItemsFile, numbers: np.ndarray, names: Collection[str], *, inside: bool) -> np.ndarray:
    """Return those of the rows whose items have one of these names, or with `inside=False` none of them."""
    import numpy as np

    rows = np.array([row - 1 for row in named(items, sorted(names)) if row is not None], dtype=np.int64)
    return numbers[np.isin(numbers, rows, invert=not inside)]


def named(items: ItemsFile, names: Sequence[str]) -> list[int | None]:
    """Return the row of each named item, counted from 1; None where there is none, or the file is not to be shown."""
    rows = {} if items.problem else items.find(names)
    return [None if (row := rows.get(name)) is None else row + 1 for name in names]


def titled(items: ItemsFile, names: Sequence[str]) -> Iterator[tuple[str, int, str]]:
    """Yield each of the named items that is there with its row, counted from 1, and its first text, else its name."""
    there = [(name, row) for name, row in zip(names, named(items, names), strict=True) if row is not None]
    cells = items.rows([row - 1 for _, row in there]).to_pylist() if there else []
    for (name, row), cell in zip(there, cells, strict=True):
        texts = (cell[column] for column in CONTENT if isinstance(cell.get(column), str))
        yield name, row, next(texts, name)
