"""Where the lines of one audit's reviews are kept: one order for any number of writers, on one host or on many.

    log.append(make)     adds make(all lines there are), which no other line can come before or between

What is refused is refused under the same lock by which it would be written, so it never rests on a state that another
writer has just changed. Kept in the audit's folder (`FileLog`), which may stand for one in an object store
(`audit.storage`), or in a database (`audit.review.table_log`), a log gives
the same lines, byte for byte, and `reviews.jsonl` always holds all that it has, or the first part of it.

The lock of a file is `flock`: it holds among the processes of a host, and on NFS (Linux, since 2.6.12, where it locks
the whole file at the server) among hosts, unless the share is mounted with `nolock` or `local_lock`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from audit.errors import UsageError, os_reason
from audit.files import append_line, locked, sync_folder, whole_lines
from audit.storage import append_conditional, is_copy
from detectors.immutable import immutable

__all__ = ["FileLog", "Make", "ReviewLog", "held"]

Make = Callable[[Sequence[bytes]], Sequence[bytes]]
"""From all lines there are, each with its newline, to those that follow; whatever it raises leaves nothing behind. It
may be called again, with more lines, where another writer was quicker, and changes nothing itself."""


class ReviewLog(Protocol):
    """The lines of one audit's reviews."""

    def append(self, make: Make) -> None:
        """Add lines, all or none; UsageError where they cannot be kept."""


@immutable
class FileLog:
    """A log that is the file itself."""

    path: Path
    """Of `reviews.jsonl`; made with the first line."""

    def append(self, make: Make) -> None:
        """Add lines under the file's lock, in one write and one fsync; a torn last line is cut off first.

        In an object store by a put that only succeeds over the lines that `make` was given.
        """
        if is_copy(self.path):
            append_conditional(self.path, lambda data: b"".join(make(whole_lines(data)[0])))
            return
        if not self.path.exists():
            make(())  # so that what is refused makes no file
        with held(self.path) as (lines, add):
            add(make(lines))


@contextmanager
def held(path: Path) -> Iterator[tuple[list[bytes], Callable[[Sequence[bytes]], None]]]:
    """Hold a file of lines while no other writer can; yields its whole lines, and what adds some in one write.

    It is made where there is none; UsageError where it cannot be written.
    """
    begins = not path.exists()
    try:
        with locked(path) as file:
            if begins:
                sync_folder(path.parent)
            lines, _ = whole_lines(file.read())
            yield lines, lambda more: append_line(file.fileno(), b"".join(more))
    except OSError as error:
        raise UsageError("{file}: cannot be written ({problem})", file=path, problem=os_reason(error)) from None
