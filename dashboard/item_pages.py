"""Evidence by the page: which rows of `items/<check>.parquet` a reader wants, worst first, and those rows whole.

    matching(items, filters) -> row numbers      one to three columns are read, and the answer is kept
    rows(items, numbers)     -> table            only the row groups that hold those rows are read
    paired(first, second)    -> table            the same items of two audits, with both values
    named(items, names)      -> row numbers      of the items with these names
    observed(audit, finding, name) -> a row      what was observed of an item, beside what was judged

Rows are selected and sorted; nothing is measured. A file whose digest is not the record's is never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audit.files import digest_file
from audit.record import Audit, Finding
from reports.views import AGAINST, CONTENT, ranks_of, worst_first

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = [
    "IDS", "SLICES", "Filters", "ItemsFile", "choices", "items_of", "matching", "named", "observed", "paired", "rows",
    "texts_of",
]

IDS = ("item", "id")
"""Columns that may name the item."""
SLICES = ("outcome", "group")
"""Columns that a reader may filter by."""
MOST_CHOICES = 60
"""A column with more distinct values than this is no choice."""


@dataclass(frozen=True)
class Filters:
    """Which rows a reader wants."""

    failures: bool = False
    """Only those that count against the model."""
    outcome: str = ""
    group: str = ""
    """Only those with this text in the column; empty = all."""


@dataclass(frozen=True)
class ItemsFile:
    """The items of one check, as they lie on disk."""

    path: Path
    name: str
    """Relative to the audit's folder."""
    problem: Literal["missing", "changed"] | None = None
    """Why nothing of it is shown: it is not there, or not the file that the record names."""
    columns: tuple[str, ...] = ()
    total: int = 0
    ranks: tuple[str, ...] = ()
    """Columns by which the worst come first; empty where nothing tells, and the stored order stays."""
    written: int = 0
    """When it was last changed, in nanoseconds, whatever its time of writing says."""

    @property
    def tells_failures(self) -> bool:
        """Whether it is told which items count against the model."""
        return AGAINST in self.ranks

    @property
    def id_column(self) -> str | None:
        """The column that names the item."""
        return next((name for name in IDS if name in self.columns), None)


def items_of(audit: Audit, finding: Finding, ending: str = ".parquet") -> ItemsFile | None:
    """Return the items of a finding, looked at but not read; None where the record names none.

    With ending `.table.parquet` it is the finding's table: a curve, or its groups.
    """
    name = f"items/{finding.check}{ending}"
    path = audit.folder / name
    digest = next((one.sha256 for one in finding.evidence if one.path == name), None)
    if digest is None:
        return None
    if not path.is_file() or not path.resolve().is_relative_to(audit.folder.resolve()):
        return ItemsFile(path, name, problem="missing")
    stat = path.stat()
    if _digest(path, stat.st_ctime_ns, stat.st_size) != digest:
        return ItemsFile(path, name, problem="changed")
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    return ItemsFile(
        path,
        name,
        columns=tuple(file.schema_arrow.names),
        total=file.metadata.num_rows,
        ranks=ranks_of(file.schema_arrow),
        written=stat.st_ctime_ns,
    )


@lru_cache(maxsize=256)
def _digest(path: Path, ctime_ns: int, size: int) -> str:
    return digest_file(path)


@lru_cache(maxsize=64)
def choices(items: ItemsFile, column: str) -> tuple[str, ...]:
    """Return the distinct texts of a column, sorted; empty where it is not there, or has too many to choose from."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if column not in items.columns:
        return ()
    found = [one for one in pc.unique(pq.read_table(items.path, columns=[column]).column(0)).to_pylist() if one]
    return tuple(sorted(found)) if len(found) <= MOST_CHOICES and all(isinstance(one, str) for one in found) else ()


@lru_cache(maxsize=16)
def matching(items: ItemsFile, filters: Filters) -> np.ndarray:
    """Return the numbers [row] of the rows that `filters` keep, in the order of `worst_first`."""
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = {name: text for name in SLICES if (text := getattr(filters, name)) and name in items.columns}
    table = pq.read_table(items.path, columns=[*wanted, *items.ranks])
    keep = np.ones(items.total, dtype=bool)
    for name, text in wanted.items():
        keep &= pc.equal(table[name], text).fill_null(False).to_numpy()
    if filters.failures and items.tells_failures:
        keep &= table[AGAINST].fill_null(False).to_numpy()
    if not items.ranks:
        return np.flatnonzero(keep)
    order = worst_first(table.select(items.ranks))
    return order[keep[order]]


def observed(audit: Audit, finding: Finding, name: str) -> dict[str, Any]:
    """Return what was observed of an item and stored under its name; empty where that is not told.

    A file whose digest is not the record's is never shown.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    stored = f"observations/{finding.check}.items.parquet"
    path = audit.folder / stored
    digest = next((one.sha256 for one in finding.evidence if one.path == stored), None)
    if digest is None or not path.is_file() or not path.resolve().is_relative_to(audit.folder.resolve()):
        return {}
    stat = path.stat()
    if "id" not in pq.read_schema(path).names or _digest(path, stat.st_ctime_ns, stat.st_size) != digest:
        return {}
    at = pc.index(pc.cast(pq.read_table(path, columns=["id"]).column(0), "string"), pa.scalar(name)).as_py()
    found = ItemsFile(path, stored, total=pq.read_metadata(path).num_rows, written=stat.st_ctime_ns)
    return {} if at < 0 else dict(rows(found, [at]).to_pylist()[0])


def rows(items: ItemsFile, numbers: Sequence[int] | np.ndarray) -> pa.Table:
    """Return the rows with these numbers, whole and in this order; IndexError for a number that there is not."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = np.asarray(numbers, dtype=np.int64)
    if wanted.size and not 0 <= wanted.min() <= wanted.max() < items.total:
        raise IndexError(f"{items.name}: got row {wanted.max()}; allowed: 0 to {items.total - 1}")
    file = pq.ParquetFile(items.path)
    sizes = np.array([file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)])
    ends = np.cumsum(sizes)
    groups = np.searchsorted(ends, wanted, side="right")
    needed = np.unique(groups)
    not_read = (ends - sizes)[needed] - (np.cumsum(sizes[needed]) - sizes[needed])
    local = wanted - not_read[np.searchsorted(needed, groups)]
    return file.read_row_groups(needed.tolist()).take(pa.array(local))


@lru_cache(maxsize=4)
def paired(first: ItemsFile, second: ItemsFile) -> pa.Table | None:
    """Return the items that both files name, with columns `item, row, value, other_row, other_value`, in stored order.

    None where one of them is not to be shown, names no items, gives no value, or names an item twice.
    """
    left, right = _values(first, ""), _values(second, "other_")
    if left is None or right is None:
        return None
    return left.join(right, "item", join_type="inner").sort_by("row")


def named(items: ItemsFile, names: Sequence[str]) -> list[int | None]:
    """Return the row of each named item, counted from 1; None where there is none, or the file is not to be shown."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if items.problem or items.id_column is None or not names:
        return [None] * len(names)
    ids = pc.cast(pq.read_table(items.path, columns=[items.id_column]).column(0).combine_chunks(), "string")
    found: list[int | None] = pc.index_in(pa.array(list(names), "string"), value_set=ids).to_pylist()
    return [None if row is None else row + 1 for row in found]


def texts_of(items: ItemsFile, numbers: Sequence[int]) -> list[str | None]:
    """Return what the items of these rows, counted from 1, say; None where they have no text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = next((one for one in CONTENT if one in items.columns), None)
    if name is None:
        return [None] * len(numbers)
    wanted = pa.array([number - 1 for number in numbers], "int64")
    cells = pq.read_table(items.path, columns=[name]).column(0).take(wanted).to_pylist()
    return [cell if isinstance(cell, str) else None for cell in cells]


def _values(items: ItemsFile, prefix: str) -> pa.Table | None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if items.problem or items.id_column is None or "value" not in items.columns:
        return None
    table = pq.read_table(items.path, columns=[items.id_column, "value"])
    if pc.count_distinct(table[0]).as_py() < items.total:
        return None
    numbers = pa.array(np.arange(1, items.total + 1))
    return pa.table({"item": table[0], f"{prefix}row": numbers, f"{prefix}value": table[1]})
