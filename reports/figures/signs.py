"""Signs of verdicts, and of what a comparison says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures.style import PALETTE, Form

if TYPE_CHECKING:
    from audit.compare import Word

__all__ = ["SIGNS", "sign"]

SIGNS: Mapping[Word, str] = {
    "worse": "failed", "undecided": "inconclusive", "no worse": "passed", "better": "passed", "measured": "measured"
}
"""Word of a comparison -> the verdict whose sign and colour it shares."""

_MARKS = {
    "passed": "M4.2 8.3l2.6 2.6 5-5.6",
    "failed": "M4.9 4.9l6.2 6.2M11.1 4.9l-6.2 6.2",
    "crashed": "M8 3.6v5.2M8 11.6v.6",
    "inconclusive": "M5.7 6.1a2.3 2.3 0 1 1 3.3 2.1c-.7.4-1 .8-1 1.5M8 11.9v.5",
    "skipped": "M4.5 8h7",
    "measured": "M4.4 9.6h7.2M4.4 6.4h7.2",
}
_DISC = Markup('<circle cx="8" cy="8" r="7.2"/>')
_SQUARE = Markup('<rect x=".8" y=".8" width="14.4" height="14.4" rx="2"/>')
_FRAMES = {
    "passed": _DISC,
    "failed": _SQUARE,
    "crashed": Markup('<path d="M8 0l8 8-8 8-8-8z"/>'),
    "inconclusive": _DISC,
    "skipped": Markup('<rect x=".8" y="3" width="14.4" height="10" rx="5"/>'),
    "measured": _SQUARE,
}


def sign(verdict: str, word: str, *, hollow: bool = False) -> Markup:
    """Return the verdict's sign: its own shape and mark, told without colour.

    It is hollow where nothing is decided, or where people have decided that it shall not count.
    """
    colour, paper = PALETTE[verdict], PALETTE["paper"]
    inside, mark = (paper, colour) if verdict == "inconclusive" or hollow else (colour, paper)
    return Form(
        '<svg class="sign" viewBox="0 0 16 16" width="16" height="16" role="img"><title>{}</title>'
        '<g fill="{}" stroke="{}">{}</g>'
        '<path d="{}" fill="none" stroke="{}" stroke-width="1.8" stroke-linecap="round"/></svg>'
    ).put(word, inside, colour, _FRAMES[verdict], _MARKS[verdict], mark)
