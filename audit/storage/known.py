"""What a working copy knows of the store: name -> etag, size, and the digest of the bytes that stand for it here.

    known/<audit>.jsonl      {"etag", "name", "sha256", "size"}, a line each time it changes, the last one counts

A file here counts as the store's only if the store still shows this etag and the file still has this digest. So a line
that is lost, wrong or old costs one more fetch, and nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from audit.errors import IntegrityError
from audit.files import add_line, canonical, digest_file, parse_json, read_lines, remove, unheard

__all__ = ["Known", "KnownFiles"]


class Known(NamedTuple):
    """An object as it was last seen."""

    etag: str
    size: int
    sha256: str


class KnownFiles:
    """The known objects of one audit; names are relative to the store's address."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._found: dict[str, Known] = {}
        try:
            for line in read_lines(path)[0]:
                self._take(line)
        except OSError:
            pass

    def get(self, name: str) -> Known | None:
        """Return what is known of an object; None where nothing is."""
        return self._found.get(name)

    def names(self) -> list[str]:
        """Return the names of all objects that are known."""
        return list(self._found)

    def is_stored(self, name: str, file: Path) -> bool:
        """Tell whether a file here has the bytes that the store was last seen to have."""
        known = self.get(name)
        try:
            return known is not None and digest_file(file) == known.sha256
        except OSError:
            return False

    def note(self, name: str, known: Known | None) -> None:
        """Keep what was seen; None for an object that is gone."""
        told = {"name": name} if known is None else {"name": name, **known._asdict()}
        with self._lock, unheard():
            if known is None:
                self._found.pop(name, None)
            else:
                self._found[name] = known
            self.path.parent.mkdir(parents=True, exist_ok=True)
            add_line(self.path, canonical(told) + b"\n", sync=False)

    def used(self) -> None:
        """Say that the audit is used now."""
        if self.path.is_file():
            os.utime(self.path)

    def forget(self) -> None:
        """Forget all."""
        with self._lock, unheard():
            self._found.clear()
            remove(self.path)

    def _take(self, line: bytes) -> None:
        try:
            told = parse_json(line)
            name = str(told["name"])
            if "etag" in told:
                self._found[name] = Known(str(told["etag"]), int(told["size"]), str(told["sha256"]))
            else:
                self._found.pop(name, None)
        except (ValueError, TypeError, KeyError, RecursionError, IntegrityError):
            return
