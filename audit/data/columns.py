"""Columns of a file, 4,096 rows at a time: CSV, TSV, JSON lines, Parquet.

    file -> (column -> cells), (column -> cells), ...

Nothing is guessed: a CSV's cells are text, JSON and Parquet give what was written. A column may lie inside another, as
`doc.question`, or inside a list, as `messages.0.content`. What a file can do to its reader becomes a DataError of one
line.
"""

from __future__ import annotations

import json
import os
import re
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, BinaryIO, Literal

from audit.errors import DataError, did_you_mean
from audit.files import keys_once, open_regular, read_batches, require_regular

__all__ = [
    "ENDINGS", "FileFormat", "column_names", "file_format", "has_column", "json_rows", "names_in", "read_columns",
    "readable", "require_cells", "require_column", "within",
]

FileFormat = Literal["auto", "csv", "tsv", "jsonl", "parquet"]

ENDINGS: Mapping[str, FileFormat] = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet",
}
_ROWS = 4096
_LONGEST = 1 << 24
"""Bytes of one line of JSON."""
_ROW = json.JSONDecoder(object_pairs_hook=keys_once)
_QUOTED = re.compile(r"(, got \d+): .*", re.S)
"""What Arrow quotes of a file in its errors; a file may hold what is none of the reader's business."""
_BLOCK = 1 << 21
"""Bytes of a CSV that are parsed at once, hence the longest row that can be read."""
_DEEPEST = 8
"""Levels of columns inside columns that are named; deeper ones cannot be chosen."""


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what a file can do to its reader into a DataError of one line."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, ValueError, KeyError, NotImplementedError) as error:  # Arrow's errors are of these classes
        told = (error.strerror if isinstance(error, OSError) else None) or str(error)
        why = " ".join(_QUOTED.sub(r"\1", told).split())[:200]
        if isinstance(error, UnicodeDecodeError) or "invalid UTF8" in told:
            raise DataError(f"{path}: is not UTF-8 ({why}); allowed: UTF-8") from None
        raise DataError(f"{path}: cannot be read ({why})") from None


def column_names(path: Path, format: FileFormat = "auto") -> list[str]:
    """Return the names of a file's columns, also of those inside others (`doc.question`), in order of appearance.

    Of JSON lines, those of all lines. Raises DataError.
    """
    kind = file_format(path, format)
    if kind == "jsonl":
        with readable(path), open_regular(path) as lines:
            return list(dict.fromkeys(name for row in json_rows(path, lines) for name in names_in(row)))
    with readable(path), _opened(path) as file:
        if kind == "parquet":
            import pyarrow.parquet as pq

            return [name for one in pq.read_schema(file) for name in _names_of_type(one.name, one.type)]
        names = list(_csv(file, kind).schema.names)
        if kind == "csv" and len(names) == 1 and (parts := [one for one in ";\t|" if one in names[0]]):
            got = {";": "semicolons", "\t": "tabs", "|": "bars"}[parts[0]]
            raise DataError(f"{path}: its columns are parted by {got}; allowed: commas in a .csv, tabs in a .tsv")
        return names


def read_columns(
    path: Path, format: FileFormat, columns: Sequence[str], *, limit: int | None = None
) -> Iterator[dict[str, list[Any]]]:
    """Yield column -> cells for 4,096 rows at a time (the last batch may be shorter), `limit` rows in all.

    Cells of CSV and TSV are text, empty where nothing stands; of JSON lines and Parquet what was written, None where
    nothing was. Raises DataError where the file cannot be read; that the columns are there is `require_column`'s part.
    """
    held: dict[str, list[Any]] = {name: [] for name in columns}
    for part, count in _parts(path, file_format(path, format), columns, limit):
        for name, cells in part.items():
            held[name] += cells[:count]
        have = len(held[columns[0]])
        whole = have - have % _ROWS
        for start in range(0, whole, _ROWS):
            yield {name: cells[start : start + _ROWS] for name, cells in held.items()}
        held = {name: cells[whole:] for name, cells in held.items()}
    if columns and held[columns[0]]:
        yield held


def has_column(column: str, columns: Sequence[str]) -> bool:
    """Tell whether a column is there; of one inside a list (`messages.0.content`), whether the list is."""
    return column in columns or ".".join(takewhile(lambda part: not part.isdecimal(), column.split("."))) in columns


def require_column(path: object, column: str, columns: Sequence[str], purpose: str, wanted: Iterable[str] = ()) -> None:
    """Raise DataError unless exactly one of the file's columns has this name, or holds the list that it points into.

    The columns are named only where one of those `wanted` is among them: the first line of any other file is no table's
    head, and may be a secret.
    """
    if not columns:
        raise DataError(f"{path}: is empty; {purpose} needs a column {column!r}")
    if not has_column(column, columns):
        named = any(has_column(one, columns) for one in wanted)
        hint = did_you_mean(column, columns) if named else f"; none of its {len(columns)} columns is asked for"
        raise DataError(f"{path}: no column {column!r} for {purpose}{hint}")
    if columns.count(column) > 1:
        raise DataError(f"{path}: {columns.count(column)} columns are named {column!r}; allowed: one")


def require_cells(path: object, empty: Mapping[str, str], rows: int) -> None:
    """Raise DataError where a column holds nothing in all rows: it points where nothing is, or says nothing.

    empty: purpose -> column without a cell. Whether a list holds what a column points at only its rows can tell.
    """
    for purpose, column in empty.items() if rows else ():
        what = f"{path}: column {column!r} for {purpose} is empty in all of {rows:,} rows"
        raise DataError(f"{what}; allowed: a column that is not")


def file_format(path: Path, format: FileFormat) -> FileFormat:
    """Return the format of a file, by its ending where it is not told; raises DataError for an ending of none."""
    if format != "auto":
        return format
    kind = ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path}: no format goes with {path.suffix!r}; allowed: {', '.join(ENDINGS)}, or name one")
    return kind


def _parts(
    path: Path, kind: FileFormat, columns: Sequence[str], limit: int | None
) -> Iterator[tuple[dict[str, list[Any]], int]]:
    """Yield (column -> cells of some rows, how many of these are wanted), until there are `limit` of them."""
    left = sys.maxsize if limit is None else limit
    with readable(path), closing(_chunks(path, kind, columns, left)) as chunks:
        while columns and left > 0 and (part := next(chunks, None)) is not None:
            count = min(left, len(part[columns[0]]))
            left -= count
            yield part, count


def _chunks(
    path: Path, kind: FileFormat, columns: Sequence[str], most: int
) -> Generator[dict[str, list[Any]], None, None]:
    """Yield column -> cells, of as many rows at a time as the format gives; of JSON lines no more than `most`."""
    if kind == "jsonl":
        with open_regular(path) as lines:
            rows = islice(json_rows(path, lines), most)
            while some := list(islice(rows, _ROWS)):
                yield {column: [within(row, column) for row in some] for column in columns}
        return
    with _opened(path) as file:
        if kind == "parquet":
            import pyarrow.parquet as pq

            own = pq.read_schema(file).names
            file.seek(0)
            tops = {name: name if name in own else name.partition(".")[0] for name in columns}
            batches = read_batches(file, list(dict.fromkeys(tops.values())), _ROWS)
        else:
            last = _csv(file, kind).schema.names[-1]
            file.seek(0)
            tops = dict(zip(columns, columns, strict=True))
            batches = _closed(path, _csv(file, kind, list(dict.fromkeys([*columns, last]))), last)
        for batch in batches:
            cells = {top: _cells(batch.column(top)) for top in tops.values()}
            yield {name: _inside(cells[top], name, top) for name, top in tops.items()}


def _cells(column: Any) -> list[Any]:
    """Return what an Arrow array holds as `to_pylist` does; of texts and numbers without a Python step for a cell."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]
    if not (pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)):
        return column.to_pylist()  # type: ignore[no-any-return]
    cells = column.fill_null(0).to_numpy(zero_copy_only=False).astype(object)
    cells[column.is_null().to_numpy(zero_copy_only=False)] = None
    return cells.tolist()  # type: ignore[no-any-return]


def names_in(row: Mapping[str, Any], before: str = "", depth: int = 1) -> Iterator[str]:
    """Yield the names of a row's columns, those inside others as `outer.inner`."""
    for key, cell in row.items():
        yield before + key
        if isinstance(cell, dict) and depth < _DEEPEST:
            yield from names_in(cell, f"{before}{key}.", depth + 1)


def _names_of_type(name: str, kind: Any, depth: int = 1) -> Iterator[str]:
    """Yield the name of a Parquet column, and of the fields of a struct."""
    import pyarrow as pa

    yield name
    if pa.types.is_struct(kind) and depth < _DEEPEST:
        for one in kind:
            yield from _names_of_type(f"{name}.{one.name}", one.type, depth + 1)


def within(cell: Any, column: str) -> Any:
    """Return what a column, which may lie inside others, holds in a row; None where there is nothing."""
    if column in cell:
        return cell[column]
    for part in column.split("."):
        if isinstance(cell, dict):
            cell = cell.get(part)
        elif isinstance(cell, list) and part.isdecimal() and int(part) < len(cell):
            cell = cell[int(part)]
        else:
            return None
    return cell


def _inside(cells: list[Any], name: str, top: str) -> list[Any]:
    return cells if name == top else [within({top: cell}, name) for cell in cells]


def _opened(path: Path) -> Any:
    """Open a file for Arrow, whose threads read ahead: one that needs Python would abort a program at its end."""
    import pyarrow as pa

    require_regular(path)
    file = pa.OSFile(os.fspath(path))
    if file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE):
        raise DataError(f"{path}: is UTF-16; allowed: UTF-8")
    file.seek(0)
    return file


def _csv(file: Any, kind: FileFormat, columns: Sequence[str] | None = None) -> Any:
    """Return a stream of record batches of text; without `columns`, of all columns, for their names."""
    from pyarrow import csv, string

    return csv.open_csv(
        file,
        csv.ReadOptions(use_threads=False, block_size=_BLOCK),
        csv.ParseOptions(delimiter="\t" if kind == "tsv" else ",", newlines_in_values=True),
        csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns or (), string()), strings_can_be_null=False
        ),
    )


def _closed(path: Path, batches: Iterable[Any], last: str) -> Iterator[Any]:
    """Yield the batches of a CSV; DataError where a quote that nothing closes has taken the lines up to its end.

    They are in the last column's last cell then, as a row that ends sooner has too few columns.
    """
    cell = ""
    for batch in batches:
        cell = batch.column(last)[-1].as_py() if batch.num_rows else cell
        yield batch
    if "\n" in cell:
        with open_regular(path) as file:
            file.seek(max(0, path.stat().st_size - _ROWS))
            closed = file.read().rstrip(b"\r\n").endswith(b'"')
        if not closed:
            raise DataError(f"{path}: a quote opens in column {last!r} and nothing closes it, so that lines to the end "
                            f'are one cell; allowed: "" for a quote inside quotes')


def json_rows(path: Path, file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the object of each line that is not blank; raises DataError for a line that holds none."""
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST + 1), b""), 1):
        if len(line) > _LONGEST:
            raise DataError(f"{path}: line {number} is longer than {_LONGEST:,} bytes")
        if not line.strip():
            continue
        try:
            row = _ROW.decode(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            if b"\\u" in line:
                json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: line {number} is not UTF-8 ({error.reason}); allowed: UTF-8") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: line {number} is not JSON ({error})") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}: line {number} holds a {type(row).__name__}; allowed: an object")
        yield row
