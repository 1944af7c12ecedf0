"""Parquet whose cells are counted before they are built: some hundred bytes of a file may stand for gigabytes.

    values kept once, as a dictionary -> bytes that the rows would take -> refused, or rows

A file's own table of contents is held against bounds first, so that no page swells beyond them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import IntegrityError
from audit.files.dictionary_page import sizes_in

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["MAX_DECODED", "contents_of", "frame_of", "read_batches"]

MAX_DECODED = 1 << 30
"""Bytes of the cells that are read at once."""
_ROWS = 1 << 20
"""Rows whose cells are counted together."""
_FEW = 10_000
"""Rows below which it is not worth a look how they are stored, nor to wake threads."""
_SPELT_OUT = 1 << 28
"""Bytes that a column may take at once where no value of it is pointed at."""
_MAX_VALUES = 1 << 28
"""Numbers or texts in one column of a row group."""
_SWELLING, _SWOLLEN = 1000, 1 << 28
"""A column may become this many times larger by unpacking, or else this many bytes."""


def read_batches(
    file: Any, columns: Sequence[str] | None, rows: int = _ROWS, *, contents: pq.FileMetaData | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield batches of up to `rows` rows; texts that repeat may stand as a dictionary in them.

    file: what Arrow reads; `contents` its table of contents, where that was read already. Raises ValueError, before
    they are built, where the cells of `rows` rows exceed `MAX_DECODED` bytes; Arrow's errors (OSError, ValueError,
    NotImplementedError) for what is no Parquet.
    """
    import pyarrow.parquet as pq

    contents = pq.read_metadata(file) if contents is None else contents
    file.seek(0)
    _require_bounds(contents, columns)
    repeated = [name for name in _texts(contents) if columns is None or name in columns]
    opened = pq.ParquetFile(file, metadata=contents, read_dictionary=_pointed_at(file, contents, repeated))
    size = seen = 0
    many = contents.num_rows >= _FEW  # waking threads takes several times as long as reading a small table
    for batch in opened.iter_batches(rows, columns=None if columns is None else list(columns), use_threads=many):
        size, seen = size + sum(map(_decoded, batch.columns)), seen + batch.num_rows
        if size > MAX_DECODED:
            raise ValueError(f"{seen:,} rows would take {size:,} bytes; allowed: {MAX_DECODED:,} in {rows:,} rows")
        if seen >= rows:
            size = seen = 0
        yield batch


def contents_of(path: Path) -> pq.FileMetaData:
    """Return the table of contents of a stored file; IntegrityError, in one line, where it has none."""
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path)
    except (OSError, ValueError) as error:
        raise IntegrityError(
            "{file}: cannot be read ({problem})", file=path, problem=" ".join(str(error).split())[:200]
        ) from None


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame."""
    frame: pd.DataFrame = table.to_pandas(use_threads=table.num_rows >= _FEW)
    return frame


def _chunks(contents: pq.FileMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    for group in range(contents.num_row_groups):
        yield from _of_group(contents, group)


def _of_group(contents: pq.FileMetaData, group: int) -> Iterator[pq.ColumnChunkMetaData]:
    yield from (contents.row_group(group).column(column) for column in range(contents.num_columns))


def _texts(contents: pq.FileMetaData) -> list[str]:
    """Return the columns of text whose values are stored once and pointed at.

    Those inside lists and others are left out: Arrow itself refuses them beyond 2 GiB.
    """
    top = set(contents.schema.to_arrow_schema().names)
    told = (one for one in _chunks(contents) if one.physical_type == "BYTE_ARRAY" and one.has_dictionary_page)
    return sorted({one.path_in_schema for one in told} & top)


def _pointed_at(file: Any, contents: pq.FileMetaData, names: Sequence[str]) -> list[str]:
    """Return those of the columns that are read as a dictionary: most cells point, and repeat, or one fills too much.

    Texts that seldom repeat are stored in full behind a dictionary that was given up, or each once in it: read as they
    stand, they take half or a third of the time.
    """
    if not names or contents.num_rows < _FEW:
        return list(names)
    kept = set()
    for group in range(contents.num_row_groups):
        for chunk in _of_group(contents, group):
            name, rows = chunk.path_in_schema, chunk.num_values
            if not rows or name not in names or name in kept:
                continue
            count, longest, size = sizes_in(file, chunk) or _read_sizes(file, contents, group, name)
            points = 2 * count < rows and chunk.total_uncompressed_size < 2 * size + 3 * rows
            if points or longest * min(_ROWS, rows) > _SPELT_OUT:
                kept.add(name)
    file.seek(0)
    return sorted(kept)


def _read_sizes(file: Any, contents: pq.FileMetaData, group: int, name: str) -> tuple[int, int, int]:
    """Return what `sizes_in` does, by the first row of a row group, which brings all that the others can point at."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    opened = pq.ParquetFile(file, metadata=contents, read_dictionary=[name], pre_buffer=False)
    first = next(opened.iter_batches(1, row_groups=[group], columns=[name]), None)
    if first is None:  # the table of contents speaks of rows that are not there
        return 0, 0, 0
    texts = first.column(name).dictionary
    lengths = pc.binary_length(texts)
    return len(texts), pc.max(lengths).as_py() or 0, (pc.sum(lengths).as_py() or 0) + 4 * len(texts)


def _require_bounds(contents: pq.FileMetaData, columns: Sequence[str] | None) -> None:
    """Raise ValueError for a column that the table of contents itself calls too large."""
    for one in _chunks(contents):
        name = one.path_in_schema
        if columns is not None and name not in columns and name.partition(".")[0] not in columns:
            continue
        if one.num_values > _MAX_VALUES:
            raise ValueError(f"{one.num_values:,} values in a row group; allowed: {_MAX_VALUES:,}")
        unpacked = one.total_uncompressed_size
        if unpacked > max(_SWOLLEN, _SWELLING * one.total_compressed_size):
            raise ValueError(f"{one.total_compressed_size:,} bytes unpack to {unpacked:,}")


def _decoded(array: pa.Array) -> int:
    """Return the bytes that an array takes once every text in it stands for itself."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        places = np.asarray(array.indices.drop_null(), np.int64)
        if len(places) and not 0 <= places.min() <= places.max() < len(array.dictionary):  # Arrow reads on beyond it
            raise ValueError(f"a cell stands for value {places.max()} of {len(array.dictionary)}")
        if not (pa.types.is_string(kind.value_type) or pa.types.is_binary(kind.value_type)):
            return int(array.nbytes)
        lengths = np.asarray(pc.fill_null(pc.binary_length(array.dictionary), 0), np.int64)
        return int(lengths[places].sum()) + 8 * len(array)
    if pa.types.is_struct(kind):
        return sum(map(_decoded, array.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _decoded(array.flatten()) + 8 * len(array)
    return int(array.nbytes)
