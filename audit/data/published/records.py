"""A published file of records: JSON lines, one JSON list, or a table; a record gives one item or several.

    record -> {field -> cell}, {field -> cell}, ...

The fields are those of answers and their evidence: `prompt`, `answer`, `reference` (right answers), `context` (what the
answer is held against, a text or its passages), `label` (1 = right or supported, 0 = not), `group`, `unit`.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from audit.data.columns import FileFormat, column_names, read_columns, readable, require_column
from audit.data.ids import frames_of
from audit.data.published.layout import require_fields
from audit.data.source import Source
from audit.errors import DataError, did_you_mean
from audit.files import canonical, open_regular, read_regular, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Records", "labelled", "unit_of"]

_MOST, _ROWS, _LOOK = 1 << 28, 4096, 4096


@immutable
class Records(Source):
    """A file of records, and the function that makes items of one."""

    path: Path
    """The published file."""

    layout: ClassVar[str]
    """What it is called."""
    format: ClassVar[FileFormat] = "jsonl"
    """How it is written where it is no JSON list."""
    wanted: ClassVar[tuple[str, ...]] = ()
    """Entries that every record has."""
    given: ClassVar[tuple[str, ...]]
    """Fields that come out."""

    @abstractmethod
    def items_of(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the items of a record; what it raises for another layout becomes a DataError."""

    def options(self) -> Mapping[str, Any]:
        """Return the options that change items, for the digest."""
        return {}

    def digest(self) -> str:
        """Return the digest of the file's bytes and of the options that change items."""
        own, options = self._digest_of(self.path), self.options()
        return sha256(canonical({"file": own, **options})) if any(map(bool, options.values())) else own

    def columns(self) -> list[str]:
        """Return the fields, as records are no columns; raises DataError where the file is none of these."""
        next(self._records(), None)
        return list(self.given)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `audit.data.source.DataSource`."""
        if self.sha256 is not None:
            self._digest_of(self.path)
        require_fields(self.path, self.layout, self.given, role)
        first = next(records := self._records(), None)
        items = islice(self._items(chain([] if first is None else [first], records)), limit)
        chunks = iter(lambda: list(islice(items, _ROWS)), [])
        names = [name for name in self.given if name in role.fields]
        columns = ({name: [one.get(name) for one in rows] for name in names} for rows in chunks)
        return frames_of(self.path, ((cells, None) for cells in columns), role)

    def _items(self, records: Iterator[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for number, record in enumerate(records, 1):
            try:
                yield from self.items_of(record)
            except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
                at = f"{self.path}: record {number} is not laid out as those of {self.layout} are"
                raise DataError(f"{at} ({type(error).__name__})") from None

    def _records(self) -> Iterator[Mapping[str, Any]]:
        """Yield the records; raises DataError before the first where a wanted entry is not there."""
        if self.format == "jsonl" and _is_list(self.path):
            with readable(self.path):
                whole = json.loads(read_regular(self.path, _MOST))
            if not all(isinstance(one, dict) for one in whole):
                raise DataError(f"{self.path}: is not laid out as {self.layout} is; allowed: a list of objects")
            self._require(list(whole[0]) if whole else [])
            yield from whole
            return
        columns = column_names(self.path, self.format)
        self._require(columns)
        names = [name for name in columns if "." not in name]
        for cells in read_columns(self.path, self.format, names):
            yield from (dict(zip(names, row, strict=True)) for row in zip(*cells.values(), strict=True))

    def _require(self, columns: list[str]) -> None:
        for column in self.wanted:
            require_column(self.path, column, columns, "the published layout", self.wanted)

    def chosen(self, option: str, got: str | None, allowed: tuple[str, ...]) -> None:
        """Raise DataError where an option names none of what the file holds."""
        if got is not None and got not in allowed:
            raise DataError(f"{self.path}: {option} {got!r} is not there{did_you_mean(got, allowed)}")


def labelled(label: Any, right: Any, wrong: Any) -> str:
    """Return `1` or `0` for a published label, one of two; raises ValueError for any other."""
    if label not in (right, wrong) or isinstance(label, bool):
        raise ValueError
    return "1" if label == right else "0"


def unit_of(text: str) -> str:
    """Return a short name of a document by what it says: items about one document are no independent ones."""
    return sha256(text.encode()).removeprefix("sha256:")[:16]


def _is_list(path: Path) -> bool:
    with readable(path), open_regular(path) as file:
        return file.read(_LOOK).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
