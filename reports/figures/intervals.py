"""Figures as inline SVG of our own: value, interval and limit on one line.

    |----[======O====]---|>-----|      bar = interval, dot = value, tick = limit, its flag on the side that keeps it

Lines that stand under one axis may be compared; which do is the business of `reports.figures.axes`. Every figure has a
title and a description, and stands in the table row that holds its numbers. Nothing is measured here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from audit.record.schema import Limit, MeasureRecord
from reports.figures.axes import PAD, Axis
from reports.text.notation import Notation

__all__ = ["HEIGHT", "PALETTE", "axis_head", "interval_line", "sign", "tally_bar", "value_dot"]

HEIGHT = 26
"""Height of one line, in pixels."""

PALETTE = {
    "failed": "#b3400f",
    "crashed": "#8b2f7b",
    "inconclusive": "#8a6100",
    "skipped": "#5f6b76",
    "passed": "#0a6390",
    "measured": "#3f4b57",
    "ink": "#1d252c",
    "grid": "#e3e7ea",
    "outside": "#f8ece6",
    "paper": "#ffffff",
}
"""Blue for what holds, vermilion for what does not, ochre for what is not decided; each at least 4.5:1 on white.

Vermilion and ochre are one colour to many, so what is not decided is drawn hollow or hatched, wherever it stands."""

_SIGNS = {
    "passed": "M4.2 8.3l2.6 2.6 5-5.6",
    "failed": "M4.9 4.9l6.2 6.2M11.1 4.9l-6.2 6.2",
    "crashed": "M8 3.6v5.2M8 11.6v.6",
    "inconclusive": "M5.7 6.1a2.3 2.3 0 1 1 3.3 2.1c-.7.4-1 .8-1 1.5M8 11.9v.5",
    "skipped": "M4.5 8h7",
    "measured": "M4.4 9.6h7.2M4.4 6.4h7.2",
}
_DISC = Markup('<circle cx="8" cy="8" r="7.2"/>')
_SQUARE = Markup('<rect x=".8" y=".8" width="14.4" height="14.4" rx="2"/>')
_FRAMES = {
    "passed": _DISC,
    "failed": _SQUARE,
    "crashed": Markup('<path d="M8 0l8 8-8 8-8-8z"/>'),
    "inconclusive": _DISC,
    "skipped": Markup('<rect x=".8" y="3" width="14.4" height="10" rx="5"/>'),
    "measured": _SQUARE,
}


def axis_head(axis: Axis, notation: Notation) -> Markup:
    """Return the axis for the head of a column of lines; where its numbers would touch, some are left out."""
    texts = notation.ticks(axis.ticks, axis.unit, powers=axis.powers)
    room = (axis.width - 2 * PAD) / (len(texts) - 1)
    every = math.ceil((6.3 * max(map(len, texts)) + 6) / room)
    grey = PALETTE["skipped"]
    marks = Markup("").join(
        Markup('<path d="M{} 17v5" stroke="{}"/>').format(axis.x(tick), grey) for tick in axis.ticks
    )
    labels = Markup("").join(
        Markup('<text x="{}" y="12" text-anchor="{}" font-size="11" fill="{}">{}</text>').format(
            *_placed(axis, tick, text), grey, text
        )
        for tick, text in list(zip(axis.ticks, texts, strict=True))[::every]
    )
    words = notation.words
    unit = notation.unit(axis.unit) or words("figure.plain_unit")
    return _svg(
        axis.width,
        22,
        words("figure.axis", unit=unit),
        words("figure.axis_ends", low=texts[0], high=texts[-1]),
        marks + labels,
    )


def _placed(axis: Axis, tick: float, text: str) -> tuple[float, str]:
    """Return where a tick's text stands: in the middle, or leaning inwards where it would leave the drawing."""
    x, half = axis.x(tick), 3.8 * len(text)
    if x - half < 0:
        return 0, "start"
    return (axis.width, "end") if x + half > axis.width else (x, "middle")


def interval_line(
    measure: MeasureRecord,
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
    parts = [_outside(axis, limit), *(_rule(axis.x(tick), PALETTE["grid"], "1") for tick in axis.ticks)]
    if measure.ideal is not None:
        parts.append(_rule(axis.x(measure.ideal), PALETTE["skipped"], "1", dash="2 3"))
    if reference is not None:
        parts.append(_rule(axis.x(reference), PALETTE["ink"], "1"))
    parts += [_flag(axis, bound, keeps_higher) for bound, keeps_higher in _flags(limit)]
    if measure.value is not None:
        parts += [value_dot(axis.x(measure.value), HEIGHT / 2, verdict), _bar(measure, axis, colour)]
    return _svg(axis.width, HEIGHT, name, notation.sentence(measure, limit), Markup("").join(parts))


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
            Markup('<path d="M{} 0h{}v{}h-{}z" fill="{}"/>').format(
                axis.x(start), width, HEIGHT, width, PALETTE["outside"]
            )
        )
    return Markup("").join(parts)


def _rule(x: float, colour: str, width: str, dash: str = "none") -> Markup:
    return Markup('<path d="M{} 0v{}" stroke="{}" stroke-width="{}" stroke-dasharray="{}"/>').format(
        x, HEIGHT, colour, width, dash
    )


def _flag(axis: Axis, bound: float, keeps_higher: bool) -> Markup:
    """A tick over the whole line, with a flag at its top that points to the side which keeps the limit."""
    x, tip = axis.x(bound), 6 if keeps_higher else -6
    return Markup(
        '<path d="M{} 0v{}" stroke="{}" stroke-width="2"/><path d="M{} 0h{}l{} 3.5l{} 3.5h{}z" fill="{}"/>'
    ).format(x, HEIGHT, PALETTE["ink"], x, 0, tip, -tip, 0, PALETTE["ink"])


def _bar(measure: MeasureRecord, axis: Axis, colour: str) -> Markup:
    """The interval, over its dot, which may be wider; an end outside the axis is an arrow instead of a cap."""
    if measure.low is None and measure.high is None:
        return Markup("")
    low = axis.low - 1 if measure.low is None else measure.low
    high = axis.high + 1 if measure.high is None else measure.high
    start, end, middle = axis.x(low), axis.x(high), HEIGHT / 2
    caps = [_arrow(start, -1, colour) if low < axis.low else _cap(start, colour)]
    caps.append(_arrow(end, 1, colour) if high > axis.high else _cap(end, colour))
    line = Markup('<path d="M{} {}H{}" stroke="{}" stroke-width="3" stroke-opacity=".45"/>').format(
        start, middle, end, colour
    )
    return line + Markup("").join(caps)


def _cap(x: float, colour: str) -> Markup:
    return Markup('<path d="M{} {}v8" stroke="{}" stroke-width="1.5"/>').format(x, HEIGHT / 2 - 4, colour)


def _arrow(x: float, way: int, colour: str) -> Markup:
    return Markup('<path class="clipped" d="M{} {}l{} 5l{} 5z" fill="{}"/>').format(
        x, HEIGHT / 2 - 5, 8 * way, -8 * way, colour
    )


def value_dot(x: float, y: float, verdict: str) -> Markup:
    """Return the dot of a value; hollow where nothing is decided."""
    colour = PALETTE[verdict]
    inside = PALETTE["paper"] if verdict == "inconclusive" else colour
    return Markup('<circle cx="{}" cy="{}" r="3" fill="{}" stroke="{}" stroke-width="1.5"/>').format(
        x, y, inside, colour
    )


def _svg(width: int, height: int, title: str, description: str, body: Markup) -> Markup:
    return Markup(
        '<svg class="line" viewBox="0 0 {} {}" width="{}" height="{}" role="img">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).format(width, height, width, height, title, description, body)


def sign(verdict: str, word: str, *, hollow: bool = False) -> Markup:
    """Return the verdict's sign: its own shape and mark, told without colour.

    It is hollow where nothing is decided, or where people have decided that it shall not count.
    """
    colour, paper = PALETTE[verdict], PALETTE["paper"]
    inside, mark = (paper, colour) if verdict == "inconclusive" or hollow else (colour, paper)
    return Markup(
        '<svg class="sign" viewBox="0 0 16 16" width="16" height="16" role="img"><title>{}</title>'
        '<g fill="{}" stroke="{}">{}</g>'
        '<path d="{}" fill="none" stroke="{}" stroke-width="1.8" stroke-linecap="round"/></svg>'
    ).format(word, inside, colour, _FRAMES[verdict], _SIGNS[verdict], mark)


def tally_bar(counts: Sequence[tuple[str, int]], title: str, description: str) -> Markup:
    """Return one bar split by verdict; `counts` holds (verdict, checks) in drawing order."""
    total, start, parts = sum(count for _, count in counts) or 1, 0.0, []
    for verdict, count in counts:
        width = 1000 * count / total
        x, wide = round(start, 2), round(max(0.0, width - 2), 2)
        parts.append(Markup('<rect x="{}" width="{}" height="8" fill="{}"/>').format(x, wide, PALETTE[verdict]))
        if verdict == "inconclusive":
            stripes = Markup("").join(Markup("M{} 0v8").format(round(x + at, 2)) for at in range(6, int(wide), 12))
            parts.append(Markup('<path d="{}" stroke="{}" stroke-width="6"/>').format(stripes, PALETTE["paper"]))
        start += width
    return Markup(
        '<svg class="tally" viewBox="0 0 1000 8" preserveAspectRatio="none" width="100%" height="8" role="img">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).format(title, description, Markup("").join(parts))
