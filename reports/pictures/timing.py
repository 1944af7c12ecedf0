"""Seconds of each call in the order of asking: warming up, drift and single slow calls show here, not in a median."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures import Axis, dot, feet, joined, line, round_axis, rungs, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot, span
from reports.text import Notation, Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["seconds_in_order"]

_PLOT, _LEFT = 120, 70
_MOST = 400
"""Dots; where there are more calls, evenly many of them."""


def seconds_in_order(shown: Shown) -> Picture | None:
    """Draw `seconds` in stored order with median and 95th percentile; None where there are none."""
    import numpy as np

    if "seconds" not in shown.columns:
        return None
    seconds = shown.frame("seconds")["seconds"].to_numpy(float)
    order = np.flatnonzero(np.isfinite(seconds))
    if order.size == 0:
        return None
    picked = order[np.unique(np.linspace(0, order.size - 1, min(_MOST, order.size)).round().astype(int))]
    known = seconds[order]
    words, notation = shown.notation.words, shown.notation
    highest = max(float(known.max()), 1e-9)
    axis = round_axis("seconds", 0.0, highest, _PLOT)
    across = round_axis("count", 0.0, float(max(len(seconds), 2)), WIDTH - _LEFT)

    def y(value: float) -> float:
        return axis.width - axis.x(value)

    parts = [
        feet(across, notation, _PLOT + 12, left=_LEFT),
        rungs(axis, notation, lambda tick: axis.width - axis.x(tick), left=_LEFT, right=WIDTH, gap=8),
        _quantiles(known, y, words),
        *(dot(_LEFT + across.x(float(at)), y(float(seconds[at])), "passed", radius=2.2) for at in picked.tolist()),
    ]
    caption = words("picture.time_caption", count=int(order.size))
    message = words("picture.time", **_thirds(known, notation))
    return pictured(shown, _PLOT + 20, message, caption, joined(parts), hotspots=_bands(known, axis))


def _quantiles(seconds: NDArray[np.float64], y: Callable[[float], float], words: Words) -> Markup:
    """Draw median and 95th percentile with their names; y: seconds -> pixel."""
    import numpy as np

    middle, tail = np.quantile(seconds, [0.5, 0.95]).tolist()
    below = 12 if y(middle) - y(tail) < 14 else -4  # where both names would stand on each other
    parts = []
    for value, key, off, dash in ((middle, "picture.median", below, ""), (tail, "picture.tail", -4, "4 3")):
        parts.append(line(_LEFT, y(value), WIDTH, y(value), "ink", dash=dash))
        parts.append(words_at(WIDTH, y(value) + off, words(key), anchor="end", size=11))
    return joined(parts)


def _thirds(seconds: NDArray[np.float64], notation: Notation) -> dict[str, str]:
    """Return the median of the first and of the last third, as they are told."""
    import numpy as np

    third = max(seconds.size // 3, 1)
    ends = {"early": seconds[:third], "late": seconds[-third:]}
    return {name: notation.number(float(np.median(side)), "seconds") for name, side in ends.items()}


def _bands(seconds: NDArray[np.float64], axis: Axis) -> list[Hotspot]:
    """Return a band between each two numbers of the upward axis in which a call lies."""
    import numpy as np

    edges = np.array(axis.ticks)
    counts = np.histogram(seconds, [-np.inf, *edges[1:-1], np.inf])[0]
    ends = [axis.width - axis.x(one) for one in axis.ticks]
    inner = [None, *edges[1:-1].tolist(), None]
    return [
        Hotspot((_LEFT, high, WIDTH - _LEFT, low - high), (("seconds", span(inner[at], inner[at + 1])),))
        for at, (low, high) in enumerate(pairwise(ends)) if counts[at]
    ]
