"""Bytes that can be trusted: canonical JSON, digests, writes that a kill cannot tear, frames as Parquet."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "arrow_table", "canonical", "digest_file", "parquet_bytes", "read_frame", "sha256", "sync_folder", "write_atomic",
]


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a stored frame, indexed by item id where it has one; raises OSError or ValueError where it is none."""
    import pyarrow.parquet as pq

    frame: pd.DataFrame = pq.read_table(path, columns=None if columns is None else list(columns)).to_pandas()
    return frame.set_index("id") if "id" in frame.columns else frame


def canonical(value: Any) -> bytes:
    """Return JSON with sorted keys, no blanks, UTF-8; NaN and infinity are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(data: bytes | Iterable[bytes]) -> str:
    """Return `sha256:` and the hex digest."""
    digest = hashlib.sha256()
    for part in (data,) if isinstance(data, bytes) else data:
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def digest_file(path: Path) -> str:
    """Return the digest of a file's bytes."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def write_atomic(path: Path, data: bytes) -> None:
    """Write so that a reader, or a kill, sees the old bytes or the new ones, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Put the names in a folder onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as an Arrow table, its index as a column where it has a name, arrays in cells as nested lists."""
    import numpy as np
    import pyarrow as pa

    flat = frame.reset_index() if frame.index.name is not None else frame
    for name in flat.columns:
        cells = flat[name]
        if cells.dtype == object and any(isinstance(cell, np.ndarray) and cell.ndim > 1 for cell in cells.head(1)):
            flat = flat.assign(**{name: [cell.tolist() for cell in cells]})
    return pa.Table.from_pandas(flat, preserve_index=False)


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as Parquet (zstd), the same bytes for the same table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd", row_group_size=65_536)
    return bytes(sink.getvalue())
