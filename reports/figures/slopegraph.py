"""A measure in the baseline and in each candidate, side by side on one upright axis: A -> B, A -> C, ...

    dot and bar   value and interval of each audit, in the colour of its verdict
    slope         from the level of A to the candidate's value, in the colour of what the difference means
    tinted side   breaks the limit

Nothing is measured here, and the table beside it holds the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from markupsafe import Markup

from detectors.immutable import immutable
from detectors.result import Measure
from reports.figures.axes import OPEN, PAD, Axis, axis_of
from reports.figures.intervals import value_dot
from reports.figures.shapes import joined, line, words_at
from reports.figures.style import PALETTE, svg
from reports.text import Notation

if TYPE_CHECKING:
    from audit.record import Limit

__all__ = ["Side", "outside", "slopes", "upright"]

_WIDTH, _FOOT = 320, 22
_LEFT, _FIRST, _RIGHT = 50, 112, 62
"""Where the frame begins, where A stands, and the room at the right, in pixels."""


@immutable
class Side:
    """One audit's number."""

    letter: str
    measure: Measure
    verdict: str
    """Of the check, where the limit speaks of this measure; else `measured`."""
    limit: Limit | None
    means: str = "measured"
    """The verdict whose colour the slope has; A has none."""


def slopes(sides: Sequence[Side], notation: Notation, *, title: str) -> Markup:
    """Return the drawing of A and of at least one candidate; one without a value leaves its column empty."""
    height = 156 if len(sides) == 2 else 200
    axis = _axis(sides, height - _FOOT)
    step = (_WIDTH - _FIRST - _RIGHT) / max(1, len(sides) - 1)
    places = [_FIRST + step * at for at in range(len(sides))]
    parts = [outside(axis, sides[0].limit, _LEFT, _WIDTH), _grid(axis, notation)]
    base = sides[0].measure.value
    if base is not None:
        if len(sides) > 2:
            parts.append(line(_FIRST, upright(axis, base), places[-1], upright(axis, base), "skipped", dash="2 3"))
        parts += [_slope(axis, base, one, x, step, len(sides)) for x, one in zip(places[1:], sides[1:], strict=True)]
    parts += [_column(axis, one, x) for x, one in zip(places, sides, strict=True)]
    parts += _labels(sides, places, axis, notation)
    told = "; ".join(
        notation.words("format.colon", left=one.letter, right=notation.sentence(one.measure, one.limit))
        for one in sides
    )
    return svg(_WIDTH, height, title, told, joined(parts), "slopes")


def _axis(sides: Sequence[Side], height: int) -> Axis:
    """Return the axis around the values and the limit, whatever a share could be besides: slopes need no zero."""
    bare = [(replace(one.measure, unit=""), one.limit) if one.measure.unit == "share" else (one.measure, one.limit)
            for one in sides]  # fmt: skip
    return replace(axis_of(bare, height, OPEN), unit=sides[0].measure.unit)


def upright(axis: Axis, value: float) -> float:
    """Return the vertical pixel of a value on an axis that stands."""
    return round(axis.width - axis.x(value), 2)


def outside(axis: Axis, limit: Limit | None, left: float, right: float, *, ruled: bool = True) -> Markup:
    """Tint the side of the limit that breaks it, and rule the limit itself; nothing where there is none."""
    parts = []
    for bound, far in () if limit is None else ((limit.at_least, 0.0), (limit.at_most, axis.width)):
        if bound is None:
            continue
        y = upright(axis, bound)
        top, bottom = sorted((y, axis.width - far))
        parts.append(
            Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>').format(
                left, top, round(right - left, 2), round(bottom - top, 2), PALETTE["outside"]
            )
        )
        if ruled:
            parts.append(line(left, y, right, y, "ink", width=1.5))
    return joined(parts)


def _grid(axis: Axis, notation: Notation) -> Markup:
    texts = notation.ticks(axis.ticks, axis.unit, powers=axis.powers)
    every = max(1, -(-len(texts) // 5))
    return joined(
        line(_LEFT, upright(axis, tick), _WIDTH, upright(axis, tick), "grid")
        + words_at(_LEFT - 6, upright(axis, tick) + 4, text, anchor="end", size=11, colour="skipped")
        for tick, text in list(zip(axis.ticks, texts, strict=True))[::every]
    )


def _slope(axis: Axis, base: float, one: Side, x: float, step: float, sides: int) -> Markup:
    if one.measure.value is None:
        return Markup("")
    start = x - (step if sides == 2 else step / 2)
    return line(
        start, upright(axis, base), x, upright(axis, one.measure.value), one.means, width=2,
        dash="5 3" if one.means == "inconclusive" else "",
    )


def _column(axis: Axis, one: Side, x: float) -> Markup:
    parts, measure = [words_at(x, axis.width + _FOOT - 5, one.letter, anchor="middle", size=12, bold=True)], one.measure
    if measure.low is not None and measure.high is not None:
        top, bottom = upright(axis, measure.high), upright(axis, measure.low)
        parts.append(Markup('<path d="M{:.1f} {}V{}" stroke="{}" stroke-width="4" stroke-opacity=".4"/>').format(
            x, top, bottom, PALETTE[one.verdict]
        ))
        parts += [line(x - 4, y, x + 4, y, one.verdict, width=1.5) for y in (top, bottom)]
    if measure.value is not None:
        parts.append(value_dot(round(x, 1), upright(axis, measure.value), one.verdict))
    return joined(parts)


def _labels(sides: Sequence[Side], places: Sequence[float], axis: Axis, notation: Notation) -> list[Markup]:
    """Return the value of A, and of B where it stands alone, outside of the slope."""
    ends = [(sides[0], places[0] - 9, "end")]
    if len(sides) == 2:
        ends.append((sides[1], places[1] + 9, "start"))
    return [
        words_at(x, min(axis.width - PAD / 4, upright(axis, one.measure.value) + 4),
                 notation.number(one.measure.value, one.measure.unit), anchor=anchor, size=12, bold=True)
        for one, x, anchor in ends
        if one.measure.value is not None
    ]  # fmt: skip
