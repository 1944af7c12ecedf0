"""An archive from outside, read entry by entry: what it could do to its reader is refused before anything is expanded.

    names     relative, without `..`; regular files, no links; each once; not encrypted
    sizes     all entries together at most 4 GiB, and at most 1,000 times the archive where that is over 64 MiB
    bytes     an entry that holds more than it says is refused when it does, and one that fails its checksum too

Entries are stored, deflated, or compressed with Zstandard (method 93), which `zipfile` knows from Python 3.14 on; here
they are expanded by Arrow, into as many bytes as the entry says.
"""

from __future__ import annotations

import stat
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from audit.data import readable
from audit.errors import DataError
from audit.files import open_regular
from audit.importers.reading import MOST
from detectors.immutable import immutable

__all__ = ["Archive", "opened_archive"]

_ALL, _RATIO, _FREE = 4 << 30, 1000, 64 << 20
_STORED, _DEFLATED, _ZSTD = 0, 8, 93
_HEAD = 30
"""Bytes of an entry's own head before its name."""


@immutable
class Archive:
    """An open archive whose list of entries was looked at."""

    path: Path
    _file: BinaryIO
    _entries: dict[str, ZipInfo]

    @property
    def names(self) -> list[str]:
        """The names of the entries, in the archive's order."""
        return list(self._entries)

    def read(self, name: str) -> bytes:
        """Return an entry's bytes; raises DataError where there is none, or not what it says."""
        entry = self._entries.get(name)
        if entry is None:
            raise DataError(f"{self.path}: has no {name}")
        with readable(self.path):
            data = self._expanded(entry, self._packed(entry))
        if len(data) != entry.file_size or zlib.crc32(data) != entry.CRC:
            raise DataError(f"{self.path}: {name} is not what the archive says it is")
        return data

    def _packed(self, entry: ZipInfo) -> bytes:
        self._file.seek(entry.header_offset)
        head = self._file.read(_HEAD)
        if len(head) < _HEAD or head[:4] != b"PK\x03\x04":
            raise DataError(f"{self.path}: is cut at {entry.filename}")
        self._file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
        return self._file.read(entry.compress_size)

    def _expanded(self, entry: ZipInfo, packed: bytes) -> bytes:
        """Return the bytes of an entry; none of one that holds what its method does not write, or more than it says."""
        if entry.compress_type == _STORED:
            return packed
        import pyarrow as pa

        try:
            if entry.compress_type == _DEFLATED:
                return zlib.decompressobj(-15).decompress(packed, entry.file_size + 1)
            return bytes(pa.decompress(packed, entry.file_size, "zstd", asbytes=True))
        except (zlib.error, pa.ArrowException, OSError):
            return b""


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """Open an archive; raises DataError for one that is none, is cut, or that no tool would write."""
    with readable(path), open_regular(path) as file:
        try:
            entries = ZipFile(file).infolist()
        except (BadZipFile, EOFError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: is cut or no archive ({str(error)[:80]})") from None
        size = file.seek(0, 2)
        for entry in entries:
            if why := _wrong(entry):
                raise DataError(f"{path}: {entry.filename[:80]!r} {why}")
        if twice := [name for name, times in Counter(entry.filename for entry in entries).items() if times > 1]:
            raise DataError(f"{path}: {twice[0][:80]!r} stands in it twice; allowed: once")
        total = sum(entry.file_size for entry in entries)
        if total > _ALL or total > max(_FREE, _RATIO * size):
            allowed = f"{_ALL:,}, and {_RATIO:,} times its own {size:,} where that is over {_FREE:,}"
            raise DataError(f"{path}: would expand to {total:,} bytes; allowed: {allowed}")
        yield Archive(path, file, {entry.filename: entry for entry in entries if not entry.is_dir()})


def _wrong(entry: ZipInfo) -> str | None:
    """Return what is wrong with an entry; None where it may be read."""
    name = entry.filename
    if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name[:3]:
        return "leads out of the archive; allowed: names below its top"
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or no file; allowed: files"
    if entry.flag_bits & 1:
        return "is encrypted; allowed: an archive without a password"
    if entry.compress_type not in (_STORED, _DEFLATED, _ZSTD):
        return f"is packed by method {entry.compress_type}; allowed: stored, deflated, Zstandard"
    if entry.file_size > MOST:
        return f"would expand to {entry.file_size:,} bytes; allowed: {MOST:,}"
    return None
