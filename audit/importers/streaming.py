"""A log that is one JSON value, read as a stream: its long list one element at a time, all else of it together.

    {"version": 3, "rows": [x, y, ...], "stats": {...}}    ->    x, y, ...    beside {"version": 3, "stats": {...}}

Held is a window of text with one element in it, however long the list. Each value is what `json` makes of it: NaN too,
which JSON has not and tools in Python write, and which makes stricter readers of streams give up; a key that stands
twice in an object is refused.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from audit.data import readable
from audit.errors import DataError
from audit.files import keys_once, open_regular
from audit.importers.reading import MOST, whole_told

__all__ = ["elements", "head_of"]

_CHUNK = 1 << 20
_BLANK = re.compile(r"[ \t\n\r]*")
_BEHIND = frozenset(" \t\n\r,:]}")
_JSON = json.JSONDecoder(object_pairs_hook=keys_once)


def elements(path: Path, tool: str, *at: str, head: dict[str, Any] | None = None) -> Iterator[Any]:
    """Yield the elements of the list that lies in a file below the keys `at`; without any, of the file's own list.

    head: takes up all else of the file's object as it goes by, whole when the last element has. Raises DataError of one
    line where the file is cut, no JSON, or not of that shape, or one value in it is over 256 MB.
    """
    with readable(path), open_regular(path) as file, whole_told(path, tool):
        window = _Window(file)
        if window.peek() != ("{" if at else "["):
            raise DataError(f"{path}: holds no {'object' if at else 'list'}; allowed: a file of {tool}")
        found = yield from _inside(window, at, {} if head is None else head)
        if window.peek():
            raise ValueError("more follows after its end")
        if not found:
            raise DataError(f"{path}: holds no list {'.'.join(at)}; allowed: a file of {tool}")


def head_of(path: Path, tool: str, *at: str, before: Iterable[str] = ()) -> dict[str, Any]:
    """Return a file's object without the list below `at`; raises DataError as `elements`.

    before: where these keys stand before the list, what comes behind it is left out and not read.
    """
    head: dict[str, Any] = {}
    wanted = {*before}
    for _ in elements(path, tool, *at, head=head):
        if wanted and wanted <= head.keys():
            break
    return head


def _inside(window: _Window, at: tuple[str, ...], head: dict[str, Any]) -> Generator[Any, None, bool]:
    """Yield the elements below an object or of a list that begins here, go behind it; return if the list is there."""
    if not at:
        yield from (window.value() for _ in window.parts("[]"))
        return True
    seen, found = set[str](), False
    for _ in window.parts("{}"):
        key = window.value()
        if not isinstance(key, str) or key in seen:
            raise ValueError(f"key {str(key)[:40]!r} is no text or stands twice")
        seen.add(key)
        window.take(":")
        if key != at[0] or window.peek() != ("{" if at[1:] else "["):
            head[key] = window.value()
        else:
            found = yield from _inside(window, at[1:], head.setdefault(key, {}) if at[1:] else {})
    return found


class _Window:
    """The part of a text that was read and not yet taken."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._text, self._at, self._ended = file, "", 0, False
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def peek(self) -> str:
        """Return the next sign that is no blank, and go there; nothing at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            assert blank is not None
            self._at = blank.end()
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more()

    def take(self, allowed: str) -> str:
        """Go behind the next sign, and return it; ValueError where it is none of those."""
        sign = self.peek()
        if not sign or sign not in allowed:
            raise ValueError(f"Expecting {' or '.join(allowed)}")
        self._at += 1
        return sign

    def parts(self, ends: str) -> Iterator[None]:
        """Go into a list or object and stop before each of its parts, which the caller goes behind; then leave it."""
        self.take(ends[0])
        if self.peek() == ends[1]:
            self.take(ends[1])
            return
        yield
        while self.take(f",{ends[1]}") == ",":
            yield

    def value(self) -> Any:
        """Return the value that begins here, and go behind it."""
        self.peek()
        while True:
            try:
                value, end = _JSON.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._ended:
                    raise
            else:
                if self._ended or self._text[end : end + 1] in _BEHIND:  # else a number may go on: 1 . 5 e - 3
                    self._at = end
                    return value
            self._more()

    def _more(self) -> None:
        """Read on, as much again as is held, so that a long value is tried few times."""
        left = self._text[self._at :]
        if len(left) > MOST:
            raise ValueError(f"one value is longer than {MOST:,} signs")
        data = self._file.read(max(_CHUNK, len(left)))
        self._ended = not data
        self._text, self._at = left + self._decoder.decode(data, not data), 0
