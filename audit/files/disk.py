"""Bytes that can be trusted: canonical JSON, digests, reads that cannot hang, writes that a kill cannot tear.

What is read are regular files: a pipe or a device is refused before it is opened. What is written replaces a name and
follows no link; only `write_out`, for a file that a user names, writes into what is no regular file, as /dev/stdout.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import re
import shutil
import stat
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from audit.errors import IntegrityError, os_reason
from audit.files.listeners import written
from detectors.phrases import Phrase

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "MAX_JSON", "arrow_table", "canonical", "digest_file", "in_language", "keys_once", "open_regular",
    "parquet_bytes", "parse_json", "put_in_place", "read_frame", "read_regular", "read_table", "remove",
    "require_regular", "sha256", "stored_json", "sync_folder", "tidy", "worker", "write_aside",
    "write_atomic", "write_inside", "write_out", "write_parquet",
]

MAX_JSON = 64 << 20
"""Bytes of a stored JSON file."""
_GROUP = 65_536
"""Rows of a row group."""
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_LEFT = re.compile(r"\.(?:import-|.+?\.)(?P<process>[0-9]+)(?:\.(?P<thread>[0-9]+))?(?:\.tmp|-\w+)")
"""Names of what a process writes beside its place."""


def require_regular(path: str | os.PathLike[str]) -> os.stat_result:
    """Return a file's facts; OSError where there is none, or a folder, pipe or device, which could wait for ever."""
    facts = Path(path).stat()
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, Phrase("not a regular file"), os.fspath(path))
    return facts


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; OSError as `require_regular`."""
    require_regular(path)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, Phrase("not a regular file"), os.fspath(path))
    return os.fdopen(handle, "rb")


def read_regular(path: str | os.PathLike[str], at_most: int) -> bytes:
    """Return a regular file's bytes; OSError as `require_regular`, and, before it is read, where it has too many."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(at_most + 1) if size <= at_most else b""
    if max(size, len(data)) > at_most:
        told = Phrase("{size:,} bytes; allowed: {most:,}", size=max(size, len(data)), most=at_most)
        raise OSError(errno.EFBIG, told, os.fspath(path))
    return data


def _finite(text: str) -> float:
    """Return the number that a text in JSON stands for; ValueError for one that `canonical` never writes."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is no number of JSON")
    return number


def keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of a JSON text; ValueError for one that says two things of one key."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"key {twice!r} stands twice; allowed: once")
    return found


def parse_json(data: bytes) -> Any:
    """Return what JSON of ours says; ValueError or RecursionError for what `canonical` never writes."""
    # decoded here: from bytes, json takes other encodings too, and half surrogate pairs
    value = json.loads(data.decode(), parse_float=_finite, parse_constant=_finite, object_pairs_hook=keys_once)
    if b"\\u" in data:
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    return value


def stored_json(path: Path) -> dict[str, Any]:
    """Return the JSON object that a stored file holds; IntegrityError, in one line, where it holds none."""
    try:
        raw = parse_json(read_regular(path, MAX_JSON))
    except OSError as error:
        raise IntegrityError("{file}: cannot be read ({problem})", file=path, problem=os_reason(error)) from None
    except (ValueError, RecursionError) as error:
        raise IntegrityError(
            "{file}: not JSON ({problem})", file=path, problem=" ".join(str(error).split())[:200]
        ) from None
    if not isinstance(raw, dict):
        raise IntegrityError("{file}: holds a {kind}; allowed: an object", file=path, kind=type(raw).__name__)
    return raw


def read_table(path: Path, columns: Sequence[str] | None = None, *, coded: bool = False) -> pa.Table:
    """Return a stored table; raises OSError or ValueError where it is none.

    coded: whether texts that repeat, ids and units aside, stay numbers of a dictionary, as they are stored.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from audit.files.parquet import read_batches

    require_regular(path)
    with pa.OSFile(os.fspath(path)) as file:
        contents = pq.read_metadata(file)
        held = contents.schema.to_arrow_schema()
        names, times = held.names if columns is None else list(columns), Counter(held.names)
        for name in names:
            if times[name] != 1:
                raise ValueError(f"{times[name]} columns are named {name!r}; allowed: one")
        schema = pa.schema([held.field(name) for name in names], held.metadata)
        # others may have written it: what a batch holds is counted before its texts are spelt out
        read = read_batches(file, columns, contents=contents)
        batches = [_spelt_out(batch.select(names), schema, coded) for batch in read]
    return pa.Table.from_batches(batches, None if batches else schema)


def read_frame(path: Path, columns: Sequence[str] | None = None, *, coded: bool = False) -> pd.DataFrame:
    """Return a stored frame, indexed by item id where it has one; raises as `read_table`, whose columns that stay
    `coded` are categorical here.
    """
    from audit.files.parquet import frame_of

    frame = frame_of(read_table(path, columns, coded=coded))
    return frame.set_index("id") if "id" in frame.columns else frame


def _spelt_out(batch: pa.RecordBatch, schema: pa.Schema, coded: bool) -> pa.RecordBatch:
    """Return a batch with columns of the schema's types; cast to its own type, a list of nothing breaks in Arrow."""
    import pyarrow as pa

    columns = []
    for name, one, kind in zip(schema.names, batch.columns, schema.types, strict=True):
        stays = one.type == kind or (coded and name not in ("id", "unit") and pa.types.is_dictionary(one.type))
        columns.append(one if stays else one.cast(kind))
    return pa.RecordBatch.from_arrays(columns, schema.names, metadata=schema.metadata)


def canonical(value: Any) -> bytes:
    """Return JSON with sorted keys, no blanks, UTF-8; NaN and infinity are refused."""
    return _CANONICAL.encode(value).encode()


def in_language(name: str, lang: str) -> str:
    """Return the name of a document's file in a language, `report.ko.html`; English ones bear no mark."""
    stem, dot, ending = name.partition(".")
    return name if lang == "en" else f"{stem}.{lang}{dot}{ending}"


def sha256(data: bytes | Iterable[bytes]) -> str:
    """Return `sha256:` and the hex digest."""
    digest = hashlib.sha256()
    for part in (data,) if isinstance(data, bytes) else data:
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def digest_file(path: Path) -> str:
    """Return the digest of a file's bytes."""
    with open_regular(path) as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"  # type: ignore[arg-type]


def write_atomic(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write so that a reader, or a kill, sees the old bytes or the new ones, never a part; OSError leaves nothing.

    sync: whether it is on the disk on return; False for what can be had again.
    """
    with replacing(path, sync=sync) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Give a file that becomes `path` once it is written; see `write_atomic`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:200]}.{worker()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with _new(temporary, sync=sync) as file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)
    written(path)


@contextmanager
def _new(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Give a file that is not there yet, whose bytes are on the disk once it is written."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb") as file:
        yield file
        if sync:
            file.flush()
            os.fsync(file.fileno())


def write_aside(path: Path, data: bytes) -> None:
    """Write a new file for `put_in_place`, which is the first to put its name onto the disk; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _new(path) as file:
        file.write(data)


def put_in_place(aside: Path, path: Path) -> None:
    """Move a whole file into the place where it belongs, over what is there; raises OSError."""
    aside.replace(path)
    sync_folder(path.parent)
    written(path)


def remove(path: Path) -> None:
    """Remove a file, if it is there, that is no part of an audit any more; raises OSError."""
    path.unlink(missing_ok=True)
    written(path)


def write_inside(home: Path, name: str, data: bytes, *, sync: bool = True) -> Path:
    """Write `home/name` as `write_atomic` does and return its path; OSError where a link lies on the way there."""
    target = _inside(home, name)
    write_atomic(target, data, sync=sync)
    return target


def write_parquet(home: Path, name: str, table: pa.Table) -> str:
    """Write the bytes of `parquet_bytes` as `write_inside` does, of which memory holds a row group at a time.

    Returns their digest.
    """
    target = _inside(home, name)
    with replacing(target) as file:
        told = _Digested(file)
        _write_groups(table, told)
    return f"sha256:{told.digest.hexdigest()}"


def _inside(home: Path, name: str) -> Path:
    """Return the path of `home/name`, its folder made and tidy; OSError where a link lies on the way there."""
    target = home / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.parent.resolve() != home.resolve() / Path(name).parent:
        raise OSError(errno.ELOOP, Phrase("its folder is a link; allowed: a folder"), str(target))
    tidy(target.parent, prefix=f".{target.name}.")
    return target


class _Digested(io.RawIOBase):
    """Hands on what is written, and knows its digest."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file, self.digest = file, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()


def write_out(path: Path, data: bytes) -> None:
    """Write a file that a user named: as `write_atomic`, but into what is there and no regular file, or in /dev.

    Raises OSError for a folder.
    """
    if path.is_dir():
        raise OSError(errno.EISDIR, Phrase("is a folder; name a file"), str(path))
    if sys.stdout is not None and _is_stream(path, 1):  # whose place in the file is its own
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    elif path.exists() and (not path.is_file() or path.parent.resolve().is_relative_to("/dev")):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC), "wb") as file:
            file.write(data)
    else:
        if path.parent.is_dir():
            tidy(path.parent, prefix=f".{path.name}.")
        write_atomic(path, data)


def _is_stream(path: Path, handle: int) -> bool:
    """Whether a name stands for an open file of this process, as /dev/stdout does."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:
        return False


def worker() -> str:
    """Return the numbers of this process and thread, for names that no other uses."""
    return f"{os.getpid()}.{threading.get_native_id()}"


def tidy(folder: Path, *, prefix: str = ".", deep: bool = False) -> None:
    """Remove what processes that are no more left beside its place; `deep` also in the folders below."""
    for path in folder.rglob(".*") if deep else folder.glob(".*"):
        left = _LEFT.fullmatch(path.name) if path.name.startswith(prefix) else None
        if left is None or _at_work(int(left["process"]), int(left["thread"] or 0)):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _at_work(process: int, thread: int) -> bool:
    """Tell whether another process, or another thread of this one, has these numbers."""
    if process == os.getpid():
        return thread != threading.get_native_id() and thread in {one.native_id for one in threading.enumerate()}
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        pass
    return True


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
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd", row_group_size=_GROUP)
    return bytes(sink.getvalue())


def _write_groups(table: pa.Table, sink: Any) -> None:
    """Write what `parquet_bytes` returns, group by group; texts that lie in pieces as if they lay in one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = table.replace_schema_metadata(None)
    with pq.ParquetWriter(sink, plain.schema, compression="zstd") as writer:
        for start in range(0, max(1, len(plain)), _GROUP):
            part = plain.slice(start, _GROUP)
            columns = [one.combine_chunks() if pa.types.is_string(one.type) else one for one in part.columns]
            writer.write_table(pa.Table.from_arrays(columns, schema=part.schema), row_group_size=_GROUP)
