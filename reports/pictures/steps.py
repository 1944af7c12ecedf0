"""One series and the surprise of its steps: the line, bars beneath it, and what was decided to be strange.

    underlined    the strangest window
    shaded        windows that were decided to be strange
    red bars      steps above the threshold that follows the stream, which is dashed
    overlined     steps that the data say are strange
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures import bar, joined, line, round_axis, stroke, words_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from reports.pictures.kept import Kept
    from reports.text import Notation

__all__ = ["ROOM", "series_drawn"]

_HIGH, _BARS = 38, 34
"""Of a series, and of the bars beneath it."""
ROOM = _HIGH + _BARS + 40
"""Height of a series with its bars, its name and its axis."""


def series_drawn(
    one: Kept, name: str, place: tuple[float, float, float], scale: tuple[float, float], notation: Notation
) -> Markup:
    """Draw a series of one number a step; place: left, top and width; scale: least and greatest surprise, nats."""
    import numpy as np

    from detectors.elements import WINDOW

    left, top, wide = place
    (low, most), size = scale, one.surprisal.size
    values, base = np.asarray(one.content, dtype=float), top + _HIGH + _BARS + 20
    span = float(np.ptp(values)) or 1.0
    x = left + (np.arange(size) + 0.5) * wide / size
    y = top + 16 + (_HIGH - 4) * (values.max() - values) / span
    drawn = "L".join(f"{across:.1f} {down:.1f}" for across, down in zip(x.tolist(), y.tolist(), strict=True))
    zero = base + low / (most - low) * _BARS
    bars = _bars(one, x.tolist(), wide / size, lambda nats: base - (nats - low) / (most - low) * _BARS, zero)
    window = np.convolve(np.nan_to_num(one.surprisal), np.ones(min(WINDOW, size)), "valid")
    start = int(window.argmax())
    ends = left + start * wide / size, left + min(start + WINDOW, size) * wide / size
    return joined([
        *(
            bar(left + first * wide / size, top + 13, (last - first) * wide / size, base - top - 13, "outside")
            for first, last in _strange(one)
        ),
        *(
            line(left + first * wide / size, top + 12, left + last * wide / size, top + 12, "ink", width=3)
            for first, last in _labelled(one)
        ),
        words_at(left, top + 8, name, size=11),
        stroke(f"M{drawn}", "ink", width=1.3),
        bars,
        line(left, zero, left + wide, zero, "edge"),
        line(ends[0], base + 3, ends[1], base + 3, "failed", width=2.5),
        _axis(size, (left, base + 15, wide), notation),
    ])


def _axis(size: int, place: tuple[float, float, float], notation: Notation) -> Markup:
    left, y, wide = place
    ticks = [tick for tick in round_axis("count", 0.0, float(size), round(wide)).ticks if tick <= size][:-1]
    texts = notation.ticks(ticks, "count")
    return joined([
        *(
            words_at(left + at * wide / size, y, text, anchor="middle" if at else "start", size=10, colour="skipped")
            for at, text in zip(ticks, texts, strict=True)
        ),
        words_at(left + wide, y, notation.words("picture.steps"), anchor="end", size=10, colour="skipped"),
    ])


def _bars(one: Kept, x: list[float], step: float, y: Callable[[float], float], zero: float) -> Markup:
    """Draw the surprise of every step, of those above the threshold of the stream in red, and the threshold."""
    import numpy as np

    threshold = np.inf if one.stream_threshold is None else one.stream_threshold
    scored = [(at, nats) for at, nats in zip(x, one.surprisal.tolist(), strict=True) if np.isfinite(nats)]
    drawn = {
        colour: "".join(f"M{at:.1f} {zero:.1f}V{y(nats):.1f}" for at, nats in scored if (nats > threshold) == above)
        for colour, above in (("passed", False), ("failed", True))
    }
    parts = [stroke(path, colour, width=round(max(1.0, step - 0.8), 1)) for colour, path in drawn.items() if path]
    if np.isfinite(threshold):
        parts.append(line(x[0] - step / 2, y(threshold), x[-1] + step / 2, y(threshold), "failed", dash="3 3"))
    return joined(parts)


def _strange(one: Kept) -> list[tuple[int, int]]:
    """Return (first step, step after the last) of each stretch of windows that are strange."""
    import numpy as np

    from detectors.elements import WINDOW, window_means

    if one.window_threshold is None:
        return []
    scored, inside = np.flatnonzero(np.isfinite(one.surprisal)), np.zeros(one.surprisal.size, dtype=bool)
    for start in np.flatnonzero(window_means(-one.surprisal) > one.window_threshold):
        part = scored[start : start + WINDOW]
        inside[part[0] : part[-1] + 1] = True
    return _stretches(inside)


def _labelled(one: Kept) -> list[tuple[int, int]]:
    """Return (first step, step after the last) of each stretch of steps that the data say are strange."""
    return [] if one.labelled is None else _stretches(one.labelled > 0)


def _stretches(inside: NDArray[np.bool_]) -> list[tuple[int, int]]:
    import numpy as np

    ends = np.flatnonzero(np.diff(inside, prepend=False, append=False)).reshape(-1, 2)
    return [(int(first), int(last)) for first, last in ends]
