"""Files that `dokimasia mark text` and `dokimasia detect text` are given: prompts to go on from, and texts."""

from __future__ import annotations

from pathlib import Path

from audit.errors import UsageError, os_reason
from audit.files import parse_json, read_regular

__all__ = ["prompts_of", "texts_of"]

_MOST = 1 << 26
"""Bytes of a file."""


def prompts_of(path: Path) -> list[str]:
    """Return the prompts in a file: of .jsonl the `prompt` or `text` of each line, else each line that is not empty.

    Raises UsageError.
    """
    whole = _whole(path)
    if path.suffix == ".jsonl":
        return _of_lines(path, whole, "prompt", "text")
    return [line for line in whole.splitlines() if line.strip()]


def texts_of(path: Path) -> list[str]:
    """Return the texts in a file: of .jsonl the `text` or `output` of each line, else the whole. Raises UsageError."""
    whole = _whole(path)
    return _of_lines(path, whole, "text", "output") if path.suffix == ".jsonl" else [whole]


def _whole(path: Path) -> str:
    try:
        return read_regular(path, _MOST).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = os_reason(error) if isinstance(error, OSError) else "not UTF-8"
        raise UsageError("{file}: cannot be read ({problem})", file=path, problem=why) from None


def _of_lines(path: Path, whole: str, name: str, other: str) -> list[str]:
    """Return of each line of JSON what stands under a name, or under the other one where it has no such."""
    try:  # lines end where JSON ends them, not at all that Unicode calls the end of a line
        rows = [parse_json(line) for line in whole.encode().splitlines() if line.strip()]
        found = [row[name] if name in row else row[other] for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError):
        found = [None]
    if not all(isinstance(one, str) for one in found):
        without = "{file}: lines without a `{name}` or `{other}`; allowed: one of them on each line"
        raise UsageError(without, file=path, name=name, other=other)
    return found
