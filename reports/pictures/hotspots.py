"""Hotspots: parts of a picture that stand for some of its items, where they lie, and which items those are.

    Hotspot(box, (("class", "7"),))               the items that have this in a column
    Hotspot(box, (("nearest", span(0.1, 0.4)),))  those whose number is at least 0.1 and below 0.4; None is no end
    cells                                      what several columns have; a column that stands twice has either

A screen makes links of them, which lead to these items; documents draw the picture alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from detectors.immutable import immutable
from reports.figures import Axis
from reports.text import Notation, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Cells", "Hotspot", "bounds_of", "cells_told", "of_bins", "span"]

Cells = tuple[tuple[str, str], ...]
"""(column, its text or the span of its number)."""
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_SPAN = re.compile(rf"({_NUMBER})?\.\.({_NUMBER})?", re.ASCII)


@immutable
class Hotspot:
    """A part of a picture."""

    box: tuple[float, float, float, float]
    """Left, top, width and height, in the picture's pixels."""
    cells: Cells
    """What its items have."""


def span(low: float | None, high: float | None) -> str:
    """Return the span of numbers from `low` to below `high` as a text; None is no end."""
    return "..".join("" if end is None else repr(float(end)) for end in (low, high))


def of_bins(
    column: str, edges: NDArray[np.float64], axis: Axis, left: float, rows: tuple[float, float],
    counts: NDArray[np.int64], more: Cells = (),
) -> list[Hotspot]:
    """Return a hotspot for each bin of a histogram with something in it; the first and the last have no outer end.

    `left` is where the axis begins, `rows` the hotspots' top and height; each holds as many `counts` as fit between two
    `edges`, and `more` is what its items have besides.
    """
    inner = [None, *edges[1:-1].tolist(), None]
    sums = counts.reshape(len(edges) - 1, -1).sum(axis=1)
    ends = [left + axis.x(float(one)) for one in edges]
    return [
        Hotspot(
            (ends[at], rows[0], ends[at + 1] - ends[at], rows[1]), (*more, (column, span(inner[at], inner[at + 1])))
        )
        for at in range(len(sums)) if sums[at]
    ]


def bounds_of(text: str) -> tuple[float | None, float | None] | None:
    """Return the ends of a span; None for a text that is none."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    low, high = (None if end is None else float(end) for end in found.groups())
    return low, high


def cells_told(cells: Iterable[tuple[str, str]], notation: Notation) -> str:
    """Return in words which items these are."""
    words = notation.words
    texts: dict[str, list[str]] = {}
    for name, text in cells:
        texts.setdefault(name, []).append(_told(text, notation))
    named = {one_line(words.term("column", name), words, 40): any_of for name, any_of in texts.items()}
    return " · ".join(f"{name} {words('format.list').join(any_of)}" for name, any_of in named.items())


def _told(text: str, notation: Notation) -> str:
    words, bounds = notation.words, bounds_of(text)
    if bounds is None:
        return one_line(words.term("group", text), words, 60)
    low, high = ("" if end is None else notation.number(end, "score") for end in bounds)
    return words("picture.span", low=low, high=high) if low and high else f"< {high}" if high else f"≥ {low}"
