"""One series and the surprise of its steps: the line, bars beneath it, and what was decided to be strange.

    underlined    the strangest window
    shaded        windows that were decided to be strange
    red bars      steps above the threshold that follows the stream, which is dashed
    overlined     steps that the data say are strange
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from detectors.immutable import immutable
from reports.figures import bar, joined, line, round_axis, stroke, words_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from reports.pictures.item_surprise import ItemSurprise
    from reports.text import Notation

__all__ = ["ROOM", "series_drawn"]

_HIGH, _BARS = 38, 34
"""Of a series, and of the bars beneath it."""
ROOM = _HIGH + _BARS + 40
"""Height of a series with its bars, its name and its axis."""


@immutable
class _Place:
    """Where a series of `size` steps is drawn, and how far its surprise reaches."""

    left: float
    top: float
    wide: float
    size: int
    low: float
    """Least and greatest surprise, nats."""
    most: float

    @property
    def base(self) -> float:
        """Foot of the bars, of the least surprise."""
        return self.top + _HIGH + _BARS + 20

    @property
    def zero(self) -> float:
        """Where no surprise stands."""
        return self.base + self.low / (self.most - self.low) * _BARS

    def x(self, step: int) -> float:
        """Return where a step begins."""
        return self.left + step * self.wide / self.size

    def y(self, nats: float) -> float:
        return self.base - (nats - self.low) / (self.most - self.low) * _BARS

    def over(self, first: int, last: int) -> float:
        """Return how wide the steps from the first to before the last are."""
        return (last - first) * self.wide / self.size


def series_drawn(
    one: ItemSurprise, name: str, place: tuple[float, float, float], scale: tuple[float, float], notation: Notation
) -> Markup:
    """Draw a series of one number a step; place: left, top and width; scale: least and greatest surprise, nats."""
    at = _Place(*place, one.surprisal.size, *scale)
    return joined([
        *(
            bar(at.x(first), at.top + 13, at.over(first, last), at.base - at.top - 13, "outside")
            for first, last in _strange(one)
        ),
        *(line(at.x(first), at.top + 12, at.x(last), at.top + 12, "ink", width=3) for first, last in _labelled(one)),
        words_at(at.left, at.top + 8, name, size=11),
        *_values_and_bars(one, at),
        line(at.left, at.zero, at.left + at.wide, at.zero, "edge"),
        _strangest(one, at),
        _axis(at.size, (at.left, at.base + 15, at.wide), notation),
    ])


def _values_and_bars(one: ItemSurprise, at: _Place) -> tuple[Markup, Markup]:
    import numpy as np

    values = np.asarray(one.content, dtype=float)
    x = at.left + (np.arange(at.size) + 0.5) * at.wide / at.size
    y = at.top + 16 + (_HIGH - 4) * (values.max() - values) / (float(np.ptp(values)) or 1.0)
    drawn = "L".join(f"{across:.1f} {down:.1f}" for across, down in zip(x.tolist(), y.tolist(), strict=True))
    return stroke(f"M{drawn}", "ink", width=1.3), _bars(one, x.tolist(), at)


def _strangest(one: ItemSurprise, at: _Place) -> Markup:
    """Underline the window whose surprise is greatest."""
    import numpy as np

    from detectors.elements import WINDOW

    window = np.convolve(np.nan_to_num(one.surprisal), np.ones(min(WINDOW, at.size)), "valid")
    start = int(window.argmax())
    return line(at.x(start), at.base + 3, at.x(min(start + WINDOW, at.size)), at.base + 3, "failed", width=2.5)


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


def _bars(one: ItemSurprise, x: list[float], at: _Place) -> Markup:
    """Draw the surprise of every step, of those above the threshold of the stream in red, and the threshold."""
    import numpy as np

    threshold, step = np.inf if one.stream_threshold is None else one.stream_threshold, at.wide / at.size
    scored = [(middle, nats) for middle, nats in zip(x, one.surprisal.tolist(), strict=True) if np.isfinite(nats)]
    drawn = {
        colour: "".join(
            f"M{middle:.1f} {at.zero:.1f}V{at.y(nats):.1f}" for middle, nats in scored if (nats > threshold) == above
        )
        for colour, above in (("passed", False), ("failed", True))
    }
    parts = [stroke(path, colour, width=round(max(1.0, step - 0.8), 1)) for colour, path in drawn.items() if path]
    if np.isfinite(threshold):
        y = at.y(threshold)
        parts.append(line(x[0] - step / 2, y, x[-1] + step / 2, y, "failed", dash="3 3"))
    return joined(parts)


def _strange(one: ItemSurprise) -> list[tuple[int, int]]:
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


def _labelled(one: ItemSurprise) -> list[tuple[int, int]]:
    """Return (first step, step after the last) of each stretch of steps that the data say are strange."""
    return [] if one.labelled is None else _stretches(one.labelled > 0)


def _stretches(inside: NDArray[np.bool_]) -> list[tuple[int, int]]:
    import numpy as np

    ends = np.flatnonzero(np.diff(inside, prepend=False, append=False)).reshape(-1, 2)
    return [(int(first), int(last)) for first, last in ends]
