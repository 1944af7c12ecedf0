"""Who hears that a file was written: a store of objects that has to hold the same.

    listen(heard)       from now on heard(path) is called when a file was written, added to or removed
    unheard()           a context in which this thread writes what the listener itself brought

`heard` runs in the thread that wrote, after the bytes are on the disk, so that the order of calls is that of writing.
Without an object store nobody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import local

__all__ = ["listen", "unheard", "written"]

_LISTENERS: list[Callable[[Path], None]] = []
_HERE = local()


def listen(heard: Callable[[Path], None]) -> None:
    """Have `heard` called with every path that is written from now on; what it raises, the writer raises."""
    if heard not in _LISTENERS:
        _LISTENERS.append(heard)


@contextmanager
def unheard() -> Iterator[None]:
    """Tell nobody of what this thread writes meanwhile."""
    before, _HERE.quiet = getattr(_HERE, "quiet", False), True
    try:
        yield
    finally:
        _HERE.quiet = before


def written(path: Path) -> None:
    """Tell that a file was written, added to or removed."""
    if _LISTENERS and not getattr(_HERE, "quiet", False):
        for heard in _LISTENERS:
            heard(path)
