"""Alarms over a stream: the highest step of each series, in order, and the threshold that follows.

    dot       a series at its step that lies highest over the threshold, or least below it
    filled    a step sounds an alarm: blue for a foreign series, red for a familiar one, which is a false alarm
    line      the threshold at that step

Familiar series on the left, foreign ones on the right, each in the order in which they stood; one scale for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures import Axis, dot, joined, line, round_axis, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["alarms_over_stream"]

_COLUMNS = ("role", "stream_place", "stream_peak", "stream_threshold", "stream_alarms")
_LEFT, _GAP, _HIGH, _TOP = 52, 26, 150, 34
_MOST = 400
"""Dots of a role; of more series in a row the highest of each stretch is drawn."""
_OVER = 2.0
"""Peaks farther above the highest threshold than so many times what lies below it are drawn at the upper end."""


def alarms_over_stream(shown: Shown) -> Picture | None:
    """Draw both streams; None where no threshold followed them."""
    if not set(_COLUMNS) <= set(shown.columns):
        return None
    frame = shown.frame(*_COLUMNS).dropna().sort_values("stream_place")
    parts = {role: frame[frame["role"] == role] for role in ("items", "foreign")}
    parts = {role: part for role, part in parts.items() if len(part)}
    if "items" not in parts:
        return None
    words, notation = shown.notation.words, shown.notation
    up, wide = _axis(frame), (WIDTH - _LEFT - _GAP * (len(parts) - 1)) / len(parts)
    drawn = [
        _stream(shown, role, part, (_LEFT + number * (wide + _GAP), wide), up)
        for number, (role, part) in enumerate(parts.items())
    ]
    for tick, text in zip(up.ticks, notation.ticks(up.ticks, "score"), strict=True):
        y = _TOP + up.width - up.x(tick)
        drawn.insert(0, line(_LEFT, y, WIDTH, y, "grid"))
        drawn.append(words_at(_LEFT - 8, y + 4, text, anchor="end", size=11, colour="skipped"))
    drawn.append(words_at(0, 12, words("picture.stream_axis"), size=11, colour="skipped"))
    told = {role: notation.number(float((part["stream_alarms"] > 0).mean()), "share") for role, part in parts.items()}
    key = "picture.stream" if "foreign" in told else "picture.stream_items"
    rate = float(shown.finding.options.get("tail_rate") or 0.0)
    caption = words("picture.stream_caption", rate=notation.number(rate, "share"))
    return pictured(shown, _TOP + _HIGH + 40, words(key, **told), caption, joined(drawn), (_LEFT, wide))


def _axis(frame: pd.DataFrame) -> Axis:
    """Return the axis of surprise, which ends where peaks would press all thresholds to its foot."""
    low = float(min(frame["stream_peak"].min(), frame["stream_threshold"].min()))
    high = float(frame["stream_threshold"].max())
    most = min(float(frame["stream_peak"].max()), high + _OVER * max(high - low, 1e-9))
    return round_axis("score", low, max(most, high), _HIGH)


def _stream(shown: Shown, role: str, part: pd.DataFrame, place: tuple[float, float], up: Axis) -> Markup:
    import numpy as np

    words, (left, wide) = shown.notation.words, place
    name = words("picture.familiar") if role == "items" else words.term("group", role)
    peak, threshold = part["stream_peak"].to_numpy(float), part["stream_threshold"].to_numpy(float)
    kept = _highest(peak - threshold)
    x = left + (kept + 0.5) * wide / len(part)
    y = _TOP + up.width - np.array([up.x(min(value, up.high)) for value in peak[kept].tolist()])
    level = [_TOP + up.width - up.x(value) for value in threshold[kept].tolist()]
    path = "L".join(f"{across:.1f} {down:.1f}" for across, down in zip(x.tolist(), level, strict=True))
    return joined([
        words_at(left, _TOP - 8, words("picture.of_items", name=name, count=len(part)), size=12, bold=True),
        *_dots(role, x, y, peak[kept] > threshold[kept]),
        stroke(f"M{path}", "ink", width=1.5),
        line(left, _TOP + up.width, left + wide, _TOP + up.width, "edge"),
        words_at(left, _TOP + up.width + 16, words("picture.first_series"), size=11, colour="skipped"),
        words_at(
            left + wide, _TOP + up.width + 16, words("picture.last_series", count=len(part)), anchor="end", size=11,
            colour="skipped",
        ),
    ])


def _dots(role: str, x: NDArray[np.float64], y: NDArray[np.float64], alarm: NDArray[np.bool_]) -> list[Markup]:
    """Return the dots of a stream, alarms last, so that none is hidden."""
    colour = "failed" if role == "items" else "passed"
    quiet = "".join(f"M{across:.1f} {down:.1f}h0" for across, down in zip(x[~alarm], y[~alarm], strict=True))
    points = zip(x[alarm].tolist(), y[alarm].tolist(), strict=True)
    return [
        stroke(quiet, "skipped", width=3).replace("<path", Markup('<path stroke-linecap="round"'), 1),
        *(dot(across, down, colour, radius=2.5) for across, down in points),
    ]


def _highest(over: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which series are drawn: all, or of each of `_MOST` stretches the one that lies highest."""
    import numpy as np

    stretches = np.array_split(np.arange(len(over)), min(_MOST, len(over)))
    return np.array([part[int(over[part].argmax())] for part in stretches])
