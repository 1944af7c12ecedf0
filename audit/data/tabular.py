"""Data sources: files as batches of items, in bounded memory, each item under a stable id.

    file --columns--> fields of a role --> frames of at most 4,096 rows, indexed by
    id(item) = first 16 hex digits of sha256(canonical JSON of the item's fields)

So the id depends on what an item says, not on where it stands or in which format it was written. Two rules hold in
every format: an empty text or list is a missing value, and text stays text ("007", "NA" and "null" are words, unless
`missing` says that in this file they mean nothing). What a field holds is told in `audit.data.cells`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.data.cells import without_words
from audit.data.columns import FileFormat, column_names, file_format, has_column, read_columns, require_column
from audit.data.ids import frames_of
from audit.data.source import Source
from audit.errors import DataError, did_you_mean
from audit.files import canonical, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Builtin", "File", "KnownLayout", "choose_columns"]


_TOLD = 20
"""Names of columns that an error lists."""
_DATASETS = Path(__file__).parent / "sets"


@immutable
class File(Source):
    """A CSV, TSV, JSON lines or Parquet file."""

    path: Path
    """The file. Text is UTF-8; a CSV has a line of column names, line breaks inside quotes only, rows below 2 MiB."""
    format: FileFormat = "auto"
    """`auto` goes by the ending: .csv, .tsv, .jsonl, .ndjson or .parquet."""
    fields: dict[str, str] = field(default_factory=dict)
    """Field -> column that holds it, e.g. `doc.question` or `messages.0.content` inside others; any other field is read
    from the column of its own name."""
    id: str | None = None
    """Column with the items' own ids; absent = ids are digests of what the items say, and equal items are one unit."""
    list_separator: str | None = None
    """What parts the entries of a list in one cell, e.g. `;`, for formats without lists."""
    missing: Sequence[str] = field(default=(), metadata={"later": True})
    """Words that stand for a missing value in this file, e.g. `[NA, "null"]`; absent = an empty cell alone is one."""

    def digest(self) -> str:
        """Return the digest of the file's bytes and of the options."""
        options: dict[str, Any] = {"fields": self.fields, "format": self.format, "id": self.id}
        options |= {"list_separator": self.list_separator}
        options |= {"missing": sorted(self.missing)} if self.missing else {}  # digests of before stay what they were
        return sha256(canonical({"file": self._digest_of(self.path), "options": options}))

    def columns(self) -> list[str]:
        """Return the names of the file's columns."""
        return column_names(self.path, self.format)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `DataSource`."""
        if self.sha256 is not None:
            self._digest_of(self.path)
        columns, headed = self.columns(), file_format(self.path, self.format) in ("jsonl", "parquet")
        chosen = choose_columns(self.path, columns, self.fields, self.id, role, headed=headed)
        wanted = set(chosen.values()) | ({self.id} if self.id is not None else set())
        read = read_columns(self.path, self.format, sorted(wanted), limit=limit)
        items = (
            ({name: without_words(cells[column], self.missing) for name, column in chosen.items()},
             None if self.id is None else cells[self.id])
            for cells in read
        )  # fmt: skip
        return frames_of(self.path, items, role, self.list_separator, self.fields)


def choose_columns(
    what: object, columns: list[str], fields: Mapping[str, str], key: str | None, role: Role, *, headed: bool = True
) -> dict[str, str]:
    """Return field -> column for the role's fields that `what` has; DataError for one that it must have, or for none.

    fields: field -> column where it is not the one of that name; key: column of the ids; headed: whether the names are
    surely those of columns. A CSV's first line may be a secret, and is not told.
    """
    for name in fields:
        if name not in role.fields:
            raise DataError(f"{what}: no field {name!r} is asked for{did_you_mean(name, role.fields)}")
    chosen = {name: fields.get(name, name) for name in role.fields}
    for name, column in chosen.items():
        if name in fields or name not in role.optional or has_column(column, columns):
            require_column(what, column, columns, f"field {name!r}", chosen.values())
    if key is not None:
        require_column(what, key, columns, "the item ids", chosen.values())
    there = {name: column for name, column in chosen.items() if has_column(column, columns)}
    if columns and role.fields and not there and key is None:
        got = f"the columns {', '.join(columns[:_TOLD])}" if headed else f"{len(columns)} other columns"
        got += f" and {len(columns) - _TOLD} more" if headed and len(columns) > _TOLD else ""
        raise DataError(f"{what}: got {got}; allowed: a column for at least one field of {', '.join(role.fields)}")
    return there


@immutable
class KnownLayout(Source, ABC):
    """A file whose columns are known beforehand."""

    @abstractmethod
    def _file(self) -> File:
        """Return the file with the column of every field that it can give."""

    def digest(self) -> str:
        """Return the digest of the file's bytes and of its layout."""
        return self._file().digest()

    def columns(self) -> list[str]:
        """Return the names of the file's columns."""
        return self._file().columns()

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `DataSource`."""
        file = self._file()
        asked = {name: column for name, column in file.fields.items() if name in role.fields}
        return replace(file, fields=asked).batches(role, limit=limit)


_ALSO_CALLED = {"prompt": "question", "reference": "aliases"}


@immutable
class Builtin(KnownLayout):
    """One of our own sets, which come with the package."""

    name: str
    """Name of the set."""
    licence: str | None = field(default="Apache-2.0", kw_only=True)
    """Terms of use, for the record."""

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; a role that asks for prompts gets the questions of a set of questions."""
        file = self._file()
        columns = file.columns()
        also = {name: column for name, column in _ALSO_CALLED.items() if column in columns}
        asked = {name: column for name, column in also.items() if name in role.fields and column not in role.fields}
        return replace(file, fields=asked).batches(role, limit=limit)

    def _file(self) -> File:
        known = {path.stem: path for path in _DATASETS.glob("*.*") if path.suffix in (".csv", ".jsonl")}
        if self.name not in known:
            raise DataError(f"unknown data set {self.name!r}{did_you_mean(self.name, known)}")
        return File(known[self.name], sha256=self.sha256)
