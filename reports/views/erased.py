"""What was erased of a check's evidence, as documents and screens tell it in the place of the texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reports.text import Notation, one_line

if TYPE_CHECKING:
    from audit.record import Erased

__all__ = ["erased_lines"]


def erased_lines(told: Iterable[Erased], check: str, notation: Notation) -> tuple[str, ...]:
    """Return a line for each erasure of a check: when, by whom, why, and of how many items; empty where there is none.

    The day and the name are what the entry says.
    """
    words = notation.words
    return tuple(
        words(
            "note.erased_items" if one.checks[check] else "note.erased", count=len(one.checks[check]),
            day=notation.day(one.at.date()), author=one_line(one.by, words, 120), why=one_line(one.why, words, 400),
        )
        for one in told if check in one.checks
    )  # fmt: skip
