"""Data sources: files as batches of items, in bounded memory, each item under a stable id.

    file --columns--> fields of a role --> frames of at most 4,096 rows, indexed by
    id(item) = first 16 hex digits of sha256(canonical JSON of the item's fields)

So the id depends on what an item says, not on where it stands or in which format it was written. Two rules hold in
every format: an empty text or list is a missing value, and text stays text ("007", "NA" and "null" are words). What a
field holds is told in `audit.data.cells`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from json.encoder import encode_basestring
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.data.cells import allowed, cells_of_kind, described, split
from audit.data.columns import (
    FileFormat,
    column_names,
    has_column,
    read_columns,
    readable,
    require_cells,
    require_column,
)
from audit.errors import DataError, IntegrityError, did_you_mean
from audit.files import canonical, digest_file, sha256

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Builtin", "CrowSPairs", "DataPart", "File", "Source", "TruthfulQA", "choose_columns", "frames_of"]

_RECENT = 1 << 20
"""Keys that are held in a set, at about 90 bytes each, before they are sorted in among the older ones."""
_DATASETS = Path(__file__).parent / "sets"
_CROWS_PAIRS = {
    "more": "sent_more", "less": "sent_less", "stereo": "stereo_antistereo", "group": "bias_type", "unit": "anon_writer"
}
_TRUTHFULQA = ("Question", "Best Answer", "Correct Answers", "Incorrect Answers", "Category")
_ANSWER_FIELDS = ("question", "choices", "correct", "best", "aliases", "group")
_Cells = dict[str, list[Any]]


@runtime_checkable
class DataPart(Protocol):
    """A frozen dataclass of options, named by an entry point in `dokimasia.data`; importing it is light."""

    sha256: str | None
    licence: str | None
    cite: str | None

    def digest(self) -> str:
        """Return `sha256:...` of the file's bytes and of the options that change items; raises as `batches` does."""

    def columns(self) -> list[str]:
        """Return the names of the file's columns; raises DataError where it cannot be read."""

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return the first `limit` items, in the file's order, as frames of at most 4,096 rows indexed by item `id`.

        Columns are the role's fields that the source has, the same in every frame, and `unit` in one that repeats an
        item and names no unit for it: equal items are one, unless they have ids of their own or `Role.repeats`. Cells
        are str, int or list, in optional fields also None. Digest and columns are looked at before this returns. Raises
        DataError for what is not as the options say, IntegrityError for a file that is not the promised one.
        """


@dataclass(frozen=True, kw_only=True)
class Source:
    """What every source may say of itself."""

    sha256: str | None = None
    """Digest that the items must have, with or without `sha256:` before it."""
    licence: str | None = None
    """Terms of use, for the record."""
    cite: str | None = None
    """Where the data come from, for the record."""

    def as_promised(self, what: object, got: str) -> str:
        """Return the digest that `what` has; raises IntegrityError where another was promised."""
        if self.sha256 is not None and self.sha256.removeprefix("sha256:").lower() != got.removeprefix("sha256:"):
            raise IntegrityError(f"{what}: digest is {got}; promised was {self.sha256}")
        return got

    def _digest_of(self, path: Path) -> str:
        """Return the digest of the file's bytes; raises IntegrityError where another was promised."""
        with readable(path):
            return self.as_promised(path, digest_file(path))


@dataclass(frozen=True)
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

    def digest(self) -> str:
        """Return the digest of the file's bytes and of the options."""
        options = {"fields": self.fields, "format": self.format, "id": self.id, "list_separator": self.list_separator}
        return sha256(canonical({"file": self._digest_of(self.path), "options": options}))

    def columns(self) -> list[str]:
        """Return the names of the file's columns."""
        return column_names(self.path, self.format)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `DataPart`."""
        if self.sha256 is not None:
            self._digest_of(self.path)
        chosen = choose_columns(self.path, self.columns(), self.fields, self.id, role)
        wanted = set(chosen.values()) | ({self.id} if self.id is not None else set())
        read = read_columns(self.path, self.format, sorted(wanted), limit=limit)
        items = (
            ({name: cells[column] for name, column in chosen.items()}, None if self.id is None else cells[self.id])
            for cells in read
        )
        return frames_of(self.path, items, role, self.list_separator, self.fields)


def choose_columns(
    what: object, columns: list[str], fields: Mapping[str, str], key: str | None, role: Role
) -> dict[str, str]:
    """Return field -> column for the role's fields that `what` has; raises DataError for one that it must have.

    fields: field -> column where it is not the one of that name; key: column of the ids.
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
    return {name: column for name, column in chosen.items() if has_column(column, columns)}


@dataclass(frozen=True)
class _KnownLayout(Source, ABC):
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
        """Return frames of items; see `DataPart`."""
        file = self._file()
        asked = {name: column for name, column in file.fields.items() if name in role.fields}
        return replace(file, fields=asked).batches(role, limit=limit)


@dataclass(frozen=True)
class Builtin(_KnownLayout):
    """One of our own sets, which come with the package."""

    name: str
    """Name of the set."""
    licence: str | None = field(default="Apache-2.0", kw_only=True)
    """Terms of use, for the record."""

    def _file(self) -> File:
        known = {path.stem: path for path in _DATASETS.glob("*.*") if path.suffix in (".csv", ".jsonl")}
        if self.name not in known:
            raise DataError(f"unknown data set {self.name!r}{did_you_mean(self.name, known)}")
        return File(known[self.name], sha256=self.sha256)


@dataclass(frozen=True)
class CrowSPairs(_KnownLayout):
    """CrowS-Pairs as published (Nangia et al. 2020): `more`, `less`, `group` (bias type), `unit` (writer), `stereo`."""

    path: Path
    """The published CSV."""

    def _file(self) -> File:
        return File(self.path, "csv", _CROWS_PAIRS, sha256=self.sha256)


@dataclass(frozen=True)
class TruthfulQA(_KnownLayout):
    """TruthfulQA as published (Lin et al. 2022): `question`, `choices` and which of them are true, `group` (category).

    `choices` has the best answer first, then the other true ones, then the false ones; `correct` and `best` are
    positions there, so a tie must not be broken by position. `aliases` are the true answers.
    """

    path: Path
    """The published CSV."""

    def _file(self) -> File:
        return File(self.path, "csv", sha256=self.sha256)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `DataPart`."""
        if self.sha256 is not None:
            self._digest_of(self.path)
        columns = self.columns()
        for column in _TRUTHFULQA:
            require_column(self.path, column, columns, "the published layout", _TRUTHFULQA)
        for name in sorted(role.fields.keys() - role.optional - set(_ANSWER_FIELDS)):
            raise DataError(f"{self.path}: TruthfulQA has no field {name!r}{did_you_mean(name, _ANSWER_FIELDS)}")
        read = read_columns(self.path, "csv", _TRUTHFULQA, limit=limit)
        return frames_of(self.path, ((_answers(cells), None) for cells in read), role)


def _answers(cells: _Cells) -> _Cells:
    """Return the fields of a TruthfulQA batch: answers stripped, without blanks and repeats."""
    rows = [_choices(*row) for row in zip(*(cells[column] for column in _TRUTHFULQA[1:4]), strict=True)]
    return dict(zip(_ANSWER_FIELDS, (
        [question.strip() for question in cells["Question"]], [true + false for true, false in rows],
        [list(range(len(true))) for true, _ in rows], [0] * len(rows), [true for true, _ in rows], cells["Category"],
    ), strict=True))


def _choices(best: str, true: str, false: str) -> tuple[list[str], list[str]]:
    """Return (true answers, the best one first; false answers)."""
    right = list(dict.fromkeys([best.strip(), *split(true, ";")]))
    return right, [answer for answer in dict.fromkeys(split(false, ";")) if answer not in right]



def frames_of(
    what: object, items: Iterable[tuple[_Cells, list[Any] | None]], role: Role, separator: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield a frame for each (field -> cells, own ids) of `what`, as errors name it, with cells of the right kind.

    fields: field -> column, of those that must hold something in some row.
    """
    import pandas as pd

    namer, before, empty = _Namer(what), 0, dict(fields or {})
    for raw, own in items:
        cells = {name: cells_of_kind(what, name, raw[name], before, separator) for name in role.fields if name in raw}
        for name, column in cells.items():
            if name in empty and any(cell is not None for cell in column):
                del empty[name]
            if name not in role.optional and any(cell is None for cell in column):
                at = f"{what}: row {before + [cell is None for cell in column].index(True) + 1}: field {name!r}"
                raise DataError(f"{at} is empty; allowed: {allowed(name)}")
        ids = namer.by_content(cells) if own is None else namer.by_column(own, before)
        if own is None and "unit" in role.fields and not role.repeats:
            cells = _with_units(cells, ids)
        yield pd.DataFrame(cells, index=pd.Index(ids, name="id"), dtype=object)
        before += len(ids)
    require_cells(what, {f"field {name!r}": column for name, column in empty.items()}, before)


def _with_units(cells: _Cells, ids: Sequence[str]) -> _Cells:
    """Return the cells with the independent unit of every item, where some are equal to others: the first one's id."""
    firsts = [name[:16] for name in ids]
    if firsts == ids:
        return cells
    given = cells.get("unit", [None] * len(ids))
    return {**cells, "unit": [first if unit is None else unit for first, unit in zip(firsts, given, strict=True)]}


class _Namer:
    """Gives every item of a stream an id of its own."""

    def __init__(self, what: object) -> None:
        self._what = what
        self._seen = _Seen()
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


class _Seen:
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
        for place, value in enumerate(values.tolist()):
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
    return [None if cell is None else head + _told(cell) for cell in cells]


def _told(cell: Any) -> str:
    if type(cell) is str:
        return encode_basestring(cell)
    return canonical(cell.tolist() if hasattr(cell, "tolist") else cell).decode()
