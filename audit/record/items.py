"""What a check stored of its items: the one reader of an audit's tables, of which no changed one is ever read.

    name in the record, with its digest -> file of that digest in the folder -> columns, rows by number, frames by id
    erased (`audit.record.erased`)      -> the file that the last erasure left, or none

`against` and `weight` are columns that the detector sets (`detectors.result.Result`): whether an item counts against
the model, and by how much; by them the worst come first.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from audit.errors import IntegrityError
from audit.files import contents_of, digest_file, frame_of, open_regular, read_batches, read_table
from audit.record.contents import items_name, observations_name, table_name
from audit.record.erased import digest_now, erasures
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from audit.record.finding import Evidence

__all__ = ["AGAINST", "IDS", "WEIGHT", "ItemsFile", "items_of", "observed_of", "table_of", "worst_first"]

IDS = ("id", "item")
"""Columns that may name the item; the first that is there does."""
AGAINST, WEIGHT = "against", "weight"
"""Columns by which the worst come first."""
_BATCH = 1 << 10
"""Rows that are unpacked at once to take some of them."""
_SETTLED = 2_000_000_000
"""Nanoseconds after which a change of a file shows in its time of change, however coarse the clock of the disk is."""


class _Naming(Protocol):
    """What of a finding names its files."""

    @property
    def check(self) -> str:
        """Its check."""

    @property
    def evidence(self) -> Sequence[Evidence]:
        """Its files with their digests."""


@immutable
class ItemsFile:
    """A stored table, looked at and not read yet."""

    path: Path
    name: str
    """Relative to the audit's folder."""
    problem: Literal["missing", "changed", "erased"] | None = None
    """Why it is not read: it is not there, not the file that the record names, or erased (`audit.record.erased`)."""
    columns: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    """Those of the columns that hold texts."""
    total: int = 0
    ranks: tuple[str, ...] = ()
    """Which of `against` and `weight` there are; empty where nothing tells, and the stored order stays."""
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

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Return these columns; IntegrityError where the table is not the record's or cannot be read."""
        if self.problem is not None:
            raise IntegrityError("{file}: not the file that the record names", file=self.path)
        try:
            return read_table(self.path, columns)
        except (OSError, ValueError) as error:
            raise IntegrityError("{file}: cannot be read ({problem})", file=self.path, problem=str(error)) from None

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield these columns part by part, texts that repeat as a dictionary; raises as `table`."""
        if self.problem is not None:
            raise IntegrityError("{file}: not the file that the record names", file=self.path)
        try:
            with open_regular(self.path) as file:
                yield from read_batches(file, columns)
        except (OSError, ValueError) as error:
            raise IntegrityError("{file}: cannot be read ({problem})", file=self.path, problem=str(error)) from None

    def read(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return these columns, all by default, indexed by the items' ids as they are stored; raises as `table`."""
        names = list(dict.fromkeys(self.columns if columns is None else columns))
        own = [] if self.id_column is None else [self.id_column]
        frame = frame_of(self.table([*own, *(name for name in names if name not in own)]))
        return frame.set_index(own[0], drop=own[0] not in (columns or ())) if own else frame

    def ids(self) -> list[str | None]:
        """Return the items' ids as text, in stored order; empty where nothing names them. Raises as `table`."""
        table = self.table([] if self.id_column is None else [self.id_column])
        return [one for column in table.columns for one in column.cast("string").to_pylist()]

    def find(self, names: Collection[str]) -> dict[str, int]:
        """Return name -> row of the first item with that id, of those names that are one; raises as `table`."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted, table = list(dict.fromkeys(names)), self.table([] if self.id_column is None else [self.id_column])
        if self.id_column is None or not wanted:
            return {}
        ids = pc.cast(table.column(0), "string")
        at = pc.index_in(ids, value_set=pa.array(wanted, "string")).fill_null(-1).to_numpy()
        return {wanted[at[row]]: int(row) for row in np.flatnonzero(at >= 0)[::-1]}

    def rows(self, numbers: Sequence[int] | NDArray[np.int_]) -> pa.Table:
        """Return the rows with these numbers, whole and in this order; of row groups without any nothing is read.

        Raises IndexError for a number that there is not.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        wanted = np.asarray(numbers, dtype=np.int64)
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < self.total:
            raise IndexError(f"{self.name}: got row {wanted.max()}; allowed: 0 to {self.total - 1}")
        file = pq.ParquetFile(self.path)
        sizes = np.array([file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)])
        ends = np.cumsum(sizes)
        groups = np.searchsorted(ends, wanted, side="right")
        needed = np.unique(groups)
        not_read = (ends - sizes)[needed] - (np.cumsum(sizes[needed]) - sizes[needed])
        local = wanted - not_read[np.searchsorted(needed, groups)]
        order = np.argsort(local, kind="stable")
        ahead, seen, parts = local[order], 0, []
        for batch in file.iter_batches(_BATCH, row_groups=needed.tolist()):
            if not ahead.size:
                break
            here = int(np.searchsorted(ahead, seen + batch.num_rows))
            parts.append(batch.take(pa.array(ahead[:here] - seen)))
            ahead, seen = ahead[here:], seen + batch.num_rows
        return pa.Table.from_batches(parts, file.schema_arrow).take(pa.array(np.argsort(order)))


def items_of(folder: Path, finding: _Naming) -> ItemsFile | None:
    """Return the items of a finding; None where the record names none. IntegrityError for the record's that is none."""
    return _opened(folder, finding, items_name(finding.check))


def table_of(folder: Path, finding: _Naming) -> ItemsFile | None:
    """Return the table of a finding, a curve or its groups, as `items_of` does."""
    return _opened(folder, finding, table_name(finding.check))


def observed_of(folder: Path, finding: _Naming, role: str) -> ItemsFile | None:
    """Return what was observed of a role, as `items_of` does."""
    return _opened(folder, finding, observations_name(finding.check, role))


def _opened(folder: Path, finding: _Naming, name: str) -> ItemsFile | None:
    path = folder / name
    stored = next((one.sha256 for one in finding.evidence if one.path == name), None)
    if stored is None:
        return None
    told = erasures(folder)
    digest = digest_now(told, name, stored)
    if digest is None:
        return ItemsFile(path, name, problem="erased")
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        return ItemsFile(path, name, problem="missing")
    facts = path.stat()
    if (found := _digest_of(path, facts)) != digest:
        before = {stored, *(one.files[name].now for one in told if name in one.files)}
        return ItemsFile(path, name, problem="erased" if found in before else "changed")
    return ItemsFile(path, name, **_form_of(path, digest), written=facts.st_ctime_ns)


@lru_cache(maxsize=256)
def _form_of(path: Path, digest: str) -> Mapping[str, Any]:
    """Return what its table of contents tells of a file, which has this digest."""
    contents = contents_of(path)
    schema = contents.schema.to_arrow_schema()
    columns = tuple(schema.names)
    return {"columns": columns, "texts": _texts(schema), "total": contents.num_rows, "ranks": _ranks(schema)}


def _digest_of(path: Path, facts: os.stat_result) -> str:
    """Return a file's digest; one that is known where it cannot have changed since."""
    if time.time_ns() - facts.st_ctime_ns < _SETTLED:
        return digest_file(path)
    return _known_digest(path, facts.st_ctime_ns, facts.st_size)


@lru_cache(maxsize=256)
def _known_digest(path: Path, ctime_ns: int, size: int) -> str:
    return digest_file(path)


def _ranks(schema: pa.Schema) -> tuple[str, ...]:
    """Return which of `against` and `weight` there are; other columns of these names order nothing."""
    import pyarrow as pa

    fits = {AGAINST: pa.types.is_boolean, WEIGHT: pa.types.is_floating}
    return tuple(name for name, fit in fits.items() if name in schema.names and fit(schema.field(name).type))


def _texts(schema: pa.Schema) -> tuple[str, ...]:
    import pyarrow as pa

    return tuple(one.name for one in schema if pa.types.is_string(one.type) or pa.types.is_large_string(one.type))


def worst_first(ranks: pa.Table) -> NDArray[np.intp]:
    """Return row numbers: against the model, not against it, not told; of each the heaviest first, ties as stored."""
    import numpy as np
    import pyarrow.compute as pc

    keys = []
    if WEIGHT in ranks.column_names:
        keys.append(-ranks[WEIGHT].to_numpy())  # what has no weight is NaN and sorts last
    if AGAINST in ranks.column_names:
        keys.append(-pc.cast(ranks[AGAINST], "int8").fill_null(-1).to_numpy())
    return np.lexsort(keys)
