"""A measure over several audits, the oldest left: value, interval and limit of each, on one axis.

Bars are intervals, dots are values in the colour of their verdict, the tinted side of the line breaks the limit.
Nothing is measured here, and a table beside it holds the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from audit.record import Limit
from detectors.result import Measure
from reports.figures.axes import OPEN, Axis, axis_of
from reports.figures.intervals import value_dot
from reports.figures.style import PALETTE
from reports.text import Notation

__all__ = ["Point", "trend"]

_LEFT, _RIGHT, _FOOT = 64, 24, 24
"""Room for the numbers of the axis, and for the days."""


@dataclass(frozen=True)
class Point:
    """One audit's number."""

    label: str
    """The day, as it is printed."""
    measure: Measure
    verdict: str
    limit: Limit | None
    """Of this audit's check, where it speaks of this measure."""


def trend(
    points: Sequence[Point], notation: Notation, *, title: str, width: int = 960, height: int = 260
) -> Markup:
    """Return the drawing of at least one point with a value; the limit drawn is that of the last point.

    One measure alone, so that its own values bound the axis, whatever its kind.
    """
    limit = points[-1].limit
    axis = axis_of([(one.measure, one.limit) for one in points], height - _FOOT, OPEN)
    step = (width - _LEFT - _RIGHT) / max(1, len(points) - 1)
    places = [round(_LEFT + step * number if len(points) > 1 else width / 2, 2) for number in range(len(points))]
    parts = [_broken(axis, limit, width), *_grid(axis, notation, width), *_rules(axis, limit, width)]
    seen = [(x, one) for x, one in zip(places, points, strict=True) if one.measure.value is not None]
    if len(seen) > 1:
        line = " ".join(f"{x},{_y(axis, one.measure.value or 0.0)}" for x, one in seen)
        parts.append(Markup('<polyline points="{}" fill="none" stroke="{}"/>').format(line, PALETTE["skipped"]))
    parts += [_mark(axis, x, one) for x, one in seen]
    parts += _days(points, places, height)
    told = "; ".join(f"{one.label}: {notation.sentence(one.measure, one.limit)}" for one in points)
    return Markup(
        '<svg class="trend" viewBox="0 0 {} {}" width="{}" height="{}" role="img">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).format(width, height, width, height, title, told, Markup("").join(parts))


def _y(axis: Axis, value: float) -> float:
    return round(axis.width - axis.x(value), 2)


def _broken(axis: Axis, limit: Limit | None, width: int) -> Markup:
    """Tint the side of the limit that breaks it."""
    parts = []
    for bound, far in () if limit is None else ((limit.at_least, axis.low), (limit.at_most, axis.high)):
        if bound is not None:
            top, bottom = sorted((_y(axis, bound), _y(axis, far)))
            parts.append(
                Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>').format(
                    _LEFT - 12, top, width - _LEFT, round(bottom - top, 2), PALETTE["outside"]
                )
            )
    return Markup("").join(parts)


def _grid(axis: Axis, notation: Notation, width: int) -> list[Markup]:
    texts = notation.ticks(axis.ticks, axis.unit)
    return [
        Markup(
            '<path d="M{} {}H{}" stroke="{}"/><text x="{}" y="{}" text-anchor="end" font-size="11" fill="{}">{}</text>'
        ).format(
            _LEFT - 12, _y(axis, tick), width - 12, PALETTE["grid"], _LEFT - 18, _y(axis, tick) + 4, PALETTE["skipped"],
            text,
        )
        for tick, text in zip(axis.ticks, texts, strict=True)
    ]


def _rules(axis: Axis, limit: Limit | None, width: int) -> list[Markup]:
    bounds = [] if limit is None else [one for one in (limit.at_least, limit.at_most) if one is not None]
    return [
        Markup('<path d="M{} {}H{}" stroke="{}" stroke-width="2"/>').format(
            _LEFT - 12, _y(axis, bound), width - 12, PALETTE["ink"]
        )
        for bound in bounds
    ]


def _mark(axis: Axis, x: float, one: Point) -> Markup:
    colour, measure = PALETTE[one.verdict], one.measure
    assert measure.value is not None
    bar = Markup("")
    if measure.low is not None and measure.high is not None:
        bar = Markup('<path d="M{} {}V{}" stroke="{}" stroke-width="3" stroke-opacity=".45"/>').format(
            x, _y(axis, measure.low), _y(axis, measure.high), colour
        )
    return value_dot(x, _y(axis, measure.value), one.verdict) + bar


def _days(points: Sequence[Point], places: Sequence[float], height: int) -> list[Markup]:
    """Label the points, leaving out what would touch; the last is always told."""
    room = 6.3 * max(len(one.label) for one in points) + 10
    every = max(1, math.ceil(room * (len(points) - 1) / max(1.0, places[-1] - places[0]))) if len(points) > 1 else 1
    kept = range(len(points) - 1, -1, -every)
    return [
        Markup('<text x="{}" y="{}" text-anchor="{}" font-size="11" fill="{}">{}</text>').format(
            places[number], height - 6, "middle" if 0 < number < len(points) - 1 else _lean(number, points),
            PALETTE["skipped"], points[number].label,
        )
        for number in kept
    ]


def _lean(number: int, points: Sequence[Point]) -> str:
    """Let the labels at both ends lean inwards."""
    if len(points) == 1:
        return "middle"
    return "start" if number == 0 else "end"
