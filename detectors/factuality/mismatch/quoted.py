"""What stands in quotation marks, and texts in the form in which equal quotes are equal."""

from __future__ import annotations

import re

from detectors.factuality.claims import Span

__all__ = ["plain", "quoted"]

_MOST = 600
"""Characters of a quote."""
_PAIRS = (
    ('"', '"'), ("\u201c", "\u201d"), ("\u00ab", "\u00bb"), ("\u300c", "\u300d"), ("\u300e", "\u300f"),
    ("\u300a", "\u300b"),
)  # fmt: skip
_QUOTED = re.compile("|".join(f"{one}([^{one}{two}\n]{{2,{_MOST}}}){two}" for one, two in _PAIRS))
_SAME = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\0": " "}
)


def quoted(text: str) -> list[Span]:
    """Return what stands in quotation marks, the marks left out; single ones are apostrophes."""
    return [Span(*match.span(match.lastindex or 0)) for match in _QUOTED.finditer(text)]


def plain(text: str) -> str:
    """Return a text without differences of quotation marks, dashes, blanks and case."""
    return " ".join(text.translate(_SAME).casefold().split())
