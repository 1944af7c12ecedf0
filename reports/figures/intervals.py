"""Figures as inline SVG of our own: value, interval and limit on one line.

    |----[======O====]---|>-----|      bar = interval, dot = value, tick = limit, its flag on the side that keeps it

Lines that stand under one axis may be compared; which do is the business of `reports.figures.axes`. Every figure has a
title and a description, and stands in the table row that holds its numbers. Nothing is measured here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from markupsafe import Markup

from detectors.result import Measure
from reports.figures.axes import PAD, Axis
from reports.figures.shapes import arrow
from reports.figures.style import PALETTE, Form, svg
from reports.text import Notation

if TYPE_CHECKING:
    from audit.record import Limit

__all__ = ["HEIGHT", "axis_head", "interval_line", "value_dot"]

HEIGHT = 26
"""Height of one line, in pixels."""


def axis_head(axis: Axis, notation: Notation) -> Markup:
    """Return the axis for the head of a column of lines; where its numbers would touch, some are left out."""
    texts = notation.ticks(axis.ticks, axis.unit, powers=axis.powers)
    room = (axis.width - 2 * PAD) / (len(texts) - 1)
    every = math.ceil((6.3 * max(map(_letters, texts)) + 6) / room)
    grey = PALETTE["skipped"]
    marks = Markup("").join(
        Form('<path d="M{} 17v5" stroke="{}"/>').put(axis.x(tick), grey) for tick in axis.ticks
    )
    labels = Markup("").join(
        Form('<text x="{}" y="12" text-anchor="{}" font-size="11" fill="{}">{}</text>').put(
            *_placed(axis, tick, text), grey, text
        )
        for tick, text in list(zip(axis.ticks, texts, strict=True))[::every]
    )
    words = notation.words
    unit = notation.unit(axis.unit) or words("figure.plain_unit")
    return svg(
        axis.width,
        22,
        words("figure.axis", unit=unit),
        words("figure.axis_ends", low=texts[0], high=texts[-1]),
        marks + labels,
    )


def _letters(text: str) -> float:
    """Return how many Latin letters are as wide as a text; Hangul is nearly twice as wide."""
    return sum(1.8 if east_asian_width(one) in "FW" else 1.0 for one in text)


def _placed(axis: Axis, tick: float, text: str) -> tuple[float, str]:
    """Return where a tick's text stands: in the middle, or leaning inwards where it would leave the drawing."""
    x, half = axis.x(tick), 3.8 * _letters(text)
    if x - half < 0:
        return 0, "start"
    return (axis.width, "end") if x + half > axis.width else (x, "middle")


def interval_line(
    measure: Measure,
    axis: Axis,
    notation: Notation,
    *,
    name: str,
    verdict: str = "measured",
    limit: Limit | None = None,
    reference: float | None = None,
) -> Markup:
    """Return one line of a dot plot; `reference` draws the value of all the data behind it."""
    colour = PALETTE[verdict]
    parts = [_outside(axis, limit), _rules(map(axis.x, axis.ticks), "grid")]
    if measure.ideal is not None:
        parts.append(_rules([axis.x(measure.ideal)], "skipped", ' stroke-dasharray="2 3"'))
    if reference is not None:
        parts.append(_rules([axis.x(reference)], "ink"))
    parts += [_flag(axis, bound, keeps_higher) for bound, keeps_higher in _flags(limit)]
    if measure.value is not None:
        parts += [value_dot(axis.x(measure.value), HEIGHT / 2, verdict), _bar(measure, axis, colour)]
    return svg(axis.width, HEIGHT, name, notation.sentence(measure, limit), Markup("").join(parts))


def _flags(limit: Limit | None) -> list[tuple[float, bool]]:
    if limit is None:
        return []
    pairs = ((limit.at_least, True), (limit.at_most, False))
    return [(bound, keeps_higher) for bound, keeps_higher in pairs if bound is not None]


def _outside(axis: Axis, limit: Limit | None) -> Markup:
    """Tint the side of the limit that breaks it."""
    parts = []
    for bound, keeps_higher in _flags(limit):
        start, end = (axis.low, bound) if keeps_higher else (bound, axis.high)
        width = round(axis.x(end) - axis.x(start), 2)
        parts.append(
            Form('<path d="M{} 0h{}v{}h-{}z" fill="{}"/>').put(
                axis.x(start), width, HEIGHT, width, PALETTE["outside"]
            )
        )
    return Markup("").join(parts)


def _rules(places: Iterable[float], colour: str, dash: str = "") -> Markup:
    """Return thin lines over the whole height, in one path."""
    drawn = "".join(f"M{x} 0v{HEIGHT}" for x in places)
    return Form('<path d="{}" stroke="{}"{}/>').put(drawn, PALETTE[colour], Markup(dash))  # noqa: S704 - ours


def _flag(axis: Axis, bound: float, keeps_higher: bool) -> Markup:
    """A tick over the whole line, with a flag at its top that points to the side which keeps the limit."""
    x, tip = axis.x(bound), 6 if keeps_higher else -6
    return Form(
        '<path d="M{} 0v{}" stroke="{}" stroke-width="2"/><path d="M{} 0h{}l{} 3.5l{} 3.5h{}z" fill="{}"/>'
    ).put(x, HEIGHT, PALETTE["ink"], x, 0, tip, -tip, 0, PALETTE["ink"])


def _bar(measure: Measure, axis: Axis, colour: str) -> Markup:
    """The interval, over its dot, which may be wider; an end outside the axis is an arrow instead of a cap."""
    if measure.low is None and measure.high is None:
        return Markup("")
    low = axis.low - 1 if measure.low is None else measure.low
    high = axis.high + 1 if measure.high is None else measure.high
    start, end, middle = axis.x(low), axis.x(high), HEIGHT / 2
    caps = [arrow(start, middle, -1, colour) if low < axis.low else _cap(start, colour)]
    caps.append(arrow(end, middle, 1, colour) if high > axis.high else _cap(end, colour))
    line = Form('<path d="M{} {}H{}" stroke="{}" stroke-width="3" stroke-opacity=".45"/>').put(
        start, middle, end, colour
    )
    return line + Markup("").join(caps)


def _cap(x: float, colour: str) -> Markup:
    return Form('<path d="M{} {}v8" stroke="{}" stroke-width="1.5"/>').put(x, HEIGHT / 2 - 4, colour)


def value_dot(x: float, y: float, verdict: str) -> Markup:
    """Return the dot of a value; hollow where nothing is decided."""
    colour = PALETTE[verdict]
    inside = PALETTE["paper"] if verdict == "inconclusive" else colour
    return Form('<circle cx="{}" cy="{}" r="3" fill="{}" stroke="{}" stroke-width="1.5"/>').put(
        x, y, inside, colour
    )
