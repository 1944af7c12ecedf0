"""How alike are two texts, sign by sign? The longest passage that both have, and the edits between them.

    longest common substring    the longest run of characters that stands in both, the first of several
    edit distance               fewest characters put in, taken out or exchanged (Levenshtein 1966), as a share of the
                                longer text: 0 = equal, 1 = nothing in common

Edits to the nearest passage of a text are those of the same table whose first row is 0 (Sellers 1980).

Edits are counted on whole columns of bits (Myers 1999, J. ACM 46:395; Hyyro 2003), so that a pair costs as many
operations on long integers as one text has characters.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

__all__ = ["Common", "edit_share", "edits", "longest_common", "normalised"]


class Common(NamedTuple):
    """Where the longest common substring stands: its first character in each text, and its length."""

    first: int
    second: int
    length: int


def normalised(text: str) -> str:
    """Return a text in one case, in one form of Unicode (NFKC), with one blank where there are several."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def longest_common(first: str, second: str) -> Common:
    """Return the longest common substring: wherever one starts, whether it stands in both with a character more."""
    at = length = 0
    for start in range(len(first)):
        while start + length < len(first) and first[start : start + length + 1] in second:
            at, length = start, length + 1
    return Common(at, second.find(first[at : at + length]), length)


def edits(first: str, second: str, *, within: bool = False) -> int:
    """Return the fewest edits that make one text of the other; bit i of each word stands for character i of `first`.

    within: of any passage of `second`, the nearest, instead of all of it.
    """
    if not first:
        return 0 if within else len(second)
    where: dict[str, int] = {}
    for at, sign in enumerate(first):
        where[sign] = where.get(sign, 0) | 1 << at
    every, last = (1 << len(first)) - 1, 1 << len(first) - 1
    plus, minus, count, least = every, 0, len(first), len(first)
    for sign in second:
        equal = where.get(sign, 0)
        level = (((equal & plus) + plus) ^ plus) | equal | minus
        up, down = (minus | ~(level | plus)) & every, plus & level
        count += bool(up & last) - bool(down & last)
        least = min(least, count)
        up, down = (up << 1 | (not within)) & every, down << 1 & every
        plus, minus = (down | ~(level | up)) & every, up & level
    return least if within else count


def edit_share(first: str, second: str) -> float:
    """Return the edits as a share of the longer text's characters; 0 for two empty texts."""
    longer = max(len(first), len(second))
    return edits(first, second) / longer if longer else 0.0
