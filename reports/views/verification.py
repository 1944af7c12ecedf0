"""What a verification found, told line by line in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.text import Words

if TYPE_CHECKING:
    from audit.integrity import Verification

__all__ = ["verification_lines"]


def verification_lines(found: Verification, words: Words) -> list[str]:
    """Return what was verified and what nothing vouches for, one line each."""
    return [words.term("verified", one) for one in found.statements()]
