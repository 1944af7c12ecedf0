"""What was erased of an audit's evidence, as entries of its reviews tell: a tombstone for each file.

    file   recorded digest -> had -> now -> ...      each erasure takes up the digest that the one before left
                                             null    the file is gone

So a reader knows which file stands for the record's now, and nothing that an entry tells of as erased is ever read,
whether it is gone yet or not. Whether the entries hold is for `audit.review` and `audit.integrity` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from audit.errors import IntegrityError, os_reason
from audit.files import MAX_JSON, parse_json, read_regular, whole_lines
from audit.record.contents import REVIEWS_FILE
from detectors.immutable import immutable

__all__ = ["Erased", "Tombstone", "digest_now", "erasures"]

_MARK = b'"kind":"erasure"'


class Tombstone(NamedTuple):
    """What is left of a file."""

    had: str
    """Its digest before."""
    now: str | None
    """Its digest after; None where the file is gone."""


@immutable
class Erased:
    """One erasure."""

    line: int
    """Number of its entry, from 1."""
    at: datetime
    by: str
    why: str
    checks: Mapping[str, Sequence[str]]
    """Check -> ids of the items that were taken out; none: all that the check rests on."""
    files: Mapping[str, Tombstone]


def erasures(folder: Path, lines: Iterable[bytes] | None = None) -> tuple[Erased, ...]:
    """Return what was erased, in order; empty where nothing was. IntegrityError for an entry that cannot be read.

    lines: of the reviews, where they are not those in the folder.
    """
    path = folder / REVIEWS_FILE
    if lines is None and not path.is_file():
        return ()
    try:
        data = read_regular(path, MAX_JSON) if lines is None else b""
    except OSError as error:
        raise IntegrityError(
            "{file}: cannot be read ({problem})", file=REVIEWS_FILE, problem=os_reason(error)
        ) from None
    if lines is None:
        lines = whole_lines(data)[0] if _MARK in data else ()
    marked = ((number, line) for number, line in enumerate(lines, start=1) if _MARK in line)
    return tuple(told for number, line in marked if (told := _told(number, line)) is not None)


def _told(number: int, line: bytes) -> Erased | None:
    """Return what an entry tells; None for one that speaks of something else."""
    try:
        entry: Any = parse_json(line)
        says = entry["says"]
        if says["kind"] != "erasure":
            return None
        return Erased(
            number, datetime.fromisoformat(entry["at"]), entry["author"], says["reason"], says["checks"],
            {name: Tombstone(one["had"], one.get("now")) for name, one in says["files"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise IntegrityError(
            "{file}:{line}: not a review entry ({problem})", file=REVIEWS_FILE, line=number, problem="erasure"
        ) from None


def digest_now(told: Sequence[Erased], name: str, digest: str | None) -> str | None:
    """Return the digest that a file of this digest has after these erasures; None for one that is gone."""
    return next((one.files[name].now for one in reversed(told) if name in one.files), digest)
