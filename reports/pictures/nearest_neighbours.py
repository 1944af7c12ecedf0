"""How far each draw lies from the nearest training item: two peaks where a part of the draws is foreign to the data.

bars      counts of draws; those that count against the model stand on top in another colour
pictures  the nearest draws on the left, the farthest on the right
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures import bar, feet, joined, line, placed, round_axis, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import of_bins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["nearest_distances"]

_PLOT, _SIZE, _GAP, _SHOWN = 90, 34, 4, 8
_BINS, _STEP = 60, 3
"""Bars, and how many of them are one hotspot."""


def nearest_distances(shown: Shown) -> Picture | None:
    """Draw the distances in `nearest`; None where there are none."""
    import numpy as np

    if "nearest" not in shown.columns:
        return None
    frame = shown.frame("nearest", "against")
    distance = frame["nearest"].to_numpy(float)
    kept = np.isfinite(distance)
    if not kept.any():
        return None
    against = frame["against"].fillna(value=False).to_numpy(bool) if "against" in frame else np.zeros(len(frame), bool)
    words, notation = shown.notation.words, shown.notation
    axis = round_axis("distance", 0.0, float(distance[kept].max()), WIDTH)
    edges = np.linspace(axis.low, axis.high, _BINS + 1)
    fine, bad = (np.histogram(distance[kept & side], edges)[0] for side in (~against, against))
    parts = [
        feet(axis, notation, _PLOT + 16, top=4),
        line(axis.x(axis.low), _PLOT, axis.x(axis.high), _PLOT, "skipped"),
        _bars([axis.x(edge) for edge in edges.tolist()], fine, bad),
    ]
    ends = _ends(shown, distance, _PLOT + 46)
    parts += [] if ends is None else [ends]
    middle = notation.number(float(np.median(distance[kept])), "distance")
    message = words("picture.nearness", middle=middle, far=f"{int(against.sum()):,}", all=f"{len(frame):,}")
    caption = words("picture.nearness_caption", count=int(kept.sum()))
    height = _PLOT + (24 if ends is None else 52 + _SIZE)
    hotspots = of_bins("nearest", edges[::_STEP], axis, 0, (0, _PLOT), fine + bad)
    return pictured(shown, height, message, caption, joined(parts), hotspots=hotspots)


def _bars(lefts: list[float], fine: NDArray[np.int64], bad: NDArray[np.int64]) -> Markup:
    """Draw the counts of each bin, those against the model on top; lefts: where the edges of the bins lie."""
    top, wide = max(int((fine + bad).max()), 1), lefts[1] - lefts[0] - 1
    parts = []
    for left, good, more in zip(lefts[:-1], fine.tolist(), bad.tolist(), strict=True):
        high, higher = good / top * (_PLOT - 8), more / top * (_PLOT - 8)
        parts.append(bar(left, _PLOT - high, wide, high, "passed"))
        parts.append(bar(left, _PLOT - high - higher, wide, higher, "failed"))
    return joined(parts)


def _ends(shown: Shown, distance: NDArray[np.float64], top: float) -> Markup | None:
    """Draw the nearest and the farthest items; None where they are no pictures."""
    import numpy as np

    column = next((name for name in ("image", "series") if name in shown.columns), None)
    if column is None or shown.items is None:
        return None
    order = np.argsort(distance, kind="stable")
    order = order[np.isfinite(distance[order])]
    few = min(_SHOWN, order.size // 2)
    if few == 0:
        return None
    near, far = order[:few], order[-few:]
    cells = shown.items.rows(np.concatenate([near, far]))[column].to_pylist()
    step, words = _SIZE + _GAP, shown.notation.words
    start = WIDTH - few * step
    places = [*(at * step for at in range(few)), *(start + at * step for at in range(few))]
    found = [placed(column, value, x, top, _SIZE) for value, x in zip(cells, places, strict=True)]
    if any(one is None for one in found):
        return None
    told = [
        words_at(0, top - 6, words("picture.nearest"), size=11, colour="skipped"),
        words_at(start, top - 6, words("picture.farthest"), size=11, colour="skipped"),
    ]
    return joined([*told, *(one for one in found if one is not None)])
