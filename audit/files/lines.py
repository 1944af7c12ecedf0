"""Append-only logs: whole lines, one write each, added under a lock; a last line that a kill tore does not count.

    with locked(path) as file:   lines, torn = whole_lines(file.read());   append_line(file.fileno(), line)

Readers need no lock: a line that is being written is torn to them. Who adds a line cuts a torn one off first, so that
no line is ever written behind half of another.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from audit.files.disk import MAX_JSON, read_regular, require_regular
from audit.files.listeners import written
from detectors.phrases import Phrase

__all__ = ["add_line", "append_line", "locked", "read_lines", "whole_lines"]

_BLOCK = 1 << 16


def whole_lines(data: bytes) -> tuple[list[bytes], int]:
    """Return the whole lines, each with its newline, and the number of bytes of a last line that is torn."""
    end = data.rfind(b"\n") + 1
    return data[:end].splitlines(keepends=True), len(data) - end


def read_lines(path: str | os.PathLike[str]) -> tuple[list[bytes], int]:
    """Return what `whole_lines` gives of a file; OSError as `read_regular`."""
    return whole_lines(read_regular(path, MAX_JSON))


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[BinaryIO]:
    """Hold a log, opened at its start for reading and appending; others wait, or, without `wait`, BlockingIOError.

    It is made where there is none; OSError for a link and for no regular file.
    """
    with _opened(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.seek(0)
        yield file


def add_line(path: Path, line: bytes, *, sync: bool = True) -> None:
    """Append a line to a log that nobody else writes to; it is made where there is none. OSError as `locked`."""
    with _opened(path) as file:
        append_line(file.fileno(), line, sync=sync)
    written(path)


def append_line(handle: int, line: bytes, *, sync: bool = True) -> None:
    """Write a line at the end whole or not at all, and onto the disk, unless it can be had again; raises OSError."""
    before = _cut(handle)
    try:
        if os.write(handle, line) != len(line):
            raise OSError(errno.ENOSPC, Phrase("the disk is full"))
        if sync:
            os.fsync(handle)
    except OSError:
        os.ftruncate(handle, before)
        raise


def _cut(handle: int) -> int:
    """Take a torn last line away; return how many bytes there are."""
    size = end = os.fstat(handle).st_size
    while end and os.pread(handle, 1, end - 1) != b"\n":
        start = max(0, end - _BLOCK)
        end = start + os.pread(handle, end - start, start).rfind(b"\n") + 1
    if end < size:
        os.ftruncate(handle, end)
    return end


def _opened(path: Path) -> BinaryIO:
    if os.path.lexists(path):
        require_regular(path)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    return os.fdopen(handle, "a+b")
