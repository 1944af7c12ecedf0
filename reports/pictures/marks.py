"""How much of each text is green: dots pile up at the expected share of unmarked text, or to the right of it.

dot      one text; filled where the mark was detected
strip    tokens of the texts with most green, dark = green
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures import Axis, dot, drawn, feet, joined, line, words_at
from reports.pictures.part import WIDTH, Picture, Shown, pictured
from reports.pictures.spots import of_bins

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["green_shares"]

_AXIS = Axis("share", 0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), WIDTH - 8)
_BINS, _PLOT, _STRIPS, _STRIP = 100, 100, 3, 26
_WIDE = 5
"""Places that are one spot."""


def green_shares(shown: Shown) -> Picture | None:
    """Draw the green share of every text that was tested; None where there is none."""
    import numpy as np

    if not {"green_fraction", "value"} <= set(shown.columns):
        return None
    frame = shown.frame("green_fraction", "value", "share").dropna(subset=["green_fraction", "value"])
    if frame.empty:
        return None
    places = np.clip((frame["green_fraction"].to_numpy(float) * _BINS).round().astype(int), 0, _BINS)
    step = min(8.0, (_PLOT - 10) / max(int(np.bincount(places).max()), 1))
    parts = [feet(_AXIS, shown.notation, _PLOT + 16, top=0), *_piles(frame, places.tolist(), step)]
    words, notation = shown.notation.words, shown.notation
    expected = float(frame["share"].median()) if "share" in frame and frame["share"].notna().any() else None
    if expected is not None:
        at = _AXIS.x(expected)
        parts += [
            line(at, 0, at, _PLOT, "ink", dash="3 3"),
            words_at(at + 5, 12, words("picture.unmarked", share=notation.number(expected, "share")), size=11),
        ]
    strips = _strips(shown)
    found = int((frame["value"] > 0.5).sum())
    message = words("picture.marks", found=f"{found:,}", all=f"{len(frame):,}")
    height = _PLOT + 24 + len(strips) * _STRIP
    edges = np.append(np.arange(-0.5, _BINS - _WIDE, _WIDE).clip(0), _BINS) / _BINS
    spots = of_bins("green_fraction", edges, _AXIS, 0, (0, _PLOT), np.histogram(places / _BINS, edges)[0])
    caption = words("picture.marks_caption")
    return pictured(shown, height, message, caption, joined([*parts, *strips]), spots=spots)


def _piles(frame: pd.DataFrame, places: list[int], step: float) -> list[Markup]:
    """Stack the texts of one place, what was detected at the foot."""
    seen, parts = dict[int, int](), []
    found = (frame["value"] > 0.5).tolist()
    for detected, place in sorted(zip(found, places, strict=True), key=lambda one: not one[0]):
        height = seen.get(place, 0)
        seen[place] = height + 1
        at = _AXIS.x(place / _BINS)
        parts.append(dot(at, _PLOT - 5 - step * height, "passed" if detected else "measured", hollow=not detected))
    return parts


def _strips(shown: Shown) -> list[Markup]:
    """Draw the tokens of the texts with the largest green share."""
    if "green" not in shown.columns or shown.items is None:
        return []
    order = shown.frame("green_fraction")["green_fraction"].sort_values(ascending=False, kind="stable").dropna()
    cells = shown.items.rows(order.index[:_STRIPS].tolist())["green"].to_pylist()
    strips = []
    for at, cell in enumerate(cells):
        found = drawn("green", cell, shown.notation, WIDTH, 16)
        if found is not None:
            top = _PLOT + 28 + at * _STRIP
            strips.append(Markup('<g transform="translate(0 {})">{}</g>').format(top, found.picture))
    return strips
