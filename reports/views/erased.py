"""What was erased of a check's evidence, as documents and screens tell it in the place of the texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from reports.text import Notation, one_line

if TYPE_CHECKING:
    from audit.record import Erased, Evidence, Finding

__all__ = ["erased_lines", "evidence_left"]


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


def evidence_left(told: Sequence[Erased], finding: Finding) -> Iterator[Evidence]:
    """Yield the files of a finding that are there after these erasures, with the digests that they have by now."""
    for file in finding.evidence:
        stones = [one.files[file.path] for one in told if file.path in one.files]
        if not stones:
            yield file
        elif (now := stones[-1].now) is not None:
            yield file.model_copy(update={"sha256": now})
