"""A measure over several audits on a true axis of time: value, interval, and the limit that held then.

    disc passed · square failed · hollow disc undecided · ring about it: waived · dashed line: another version
    tinted side of the line     breaks the limit, from an audit on until the next
    no line between two         asked otherwise, so that they are not to be compared

Audits of one moment, and those that a pixel would lay on each other, are moved apart, in order. Days stand under the
axis where there is room for them, in UTC. Nothing is measured here, and a table beside it holds the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from detectors.immutable import immutable
from detectors.result import Measure
from reports.figures.axes import OPEN, Axis, axis_of
from reports.figures.shapes import bar, cut, dot, joined, line, words_at
from reports.figures.slopegraph import outside, upright
from reports.figures.style import PALETTE, svg
from reports.figures.time_ticks import moments
from reports.text import Notation

if TYPE_CHECKING:
    from audit.record import Limit

__all__ = ["Point", "Trend", "trend"]

WIDTH, HEIGHT = 420, 210
_LEFT, _RIGHT, _HEAD, _FOOT = 56, 18, 18, 22
"""Room for the numbers of the axis, for versions above, and for days below."""
_LETTER = 5.4
"""Pixels of a letter of a version's name."""
_APART = 11.0
"""Pixels between two audits at least, as far as there is room."""


@immutable
class Point:
    """One audit's number."""

    at: datetime
    """When it was asked, with its zone."""
    label: str
    """The audit, as it is told."""
    measure: Measure
    verdict: str
    limit: Limit | None
    """Of this audit's check, where it speaks of this measure."""
    version: str = ""
    """What the model is called where it is another one than before; empty where it is the same."""
    waived: bool = False
    """Whether people decided that the finding shall not count."""
    otherwise: bool = False
    """Whether it was asked otherwise than the one before, so that no line leads to it."""


class Trend(NamedTuple):
    """The drawing, and where its points stand."""

    drawing: Markup
    spots: tuple[tuple[float, float], ...]
    """Across and down, each in hundredths of the drawing; of a point without a value the middle."""


def trend(
    points: Sequence[Point], notation: Notation, *, title: str, ends: tuple[datetime, datetime] | None = None
) -> Trend:
    """Return the drawing of points in order of time, at least one; `ends` = of the axis, else the first and the last.

    One measure alone, so that its own values bound the axis, whatever its kind.
    """
    first, last = ends or (points[0].at, points[-1].at)
    axis, shift = _axis(points), _HEAD
    places = _places([one.at for one in points], first, last)
    values = [None if one.measure.value is None else shift + upright(axis, one.measure.value) for one in points]
    parts = [*_bands(axis, points, places), _grid(axis, notation), *_limits(axis, points, places)]
    parts += _versions(points, places, notation)
    alike = accumulate(one.otherwise for one in points)
    seen = [(x, y, one, run) for x, y, one, run in zip(places, values, points, alike, strict=True) if y is not None]
    parts += [line(x, y, to, down, "edge") for (x, y, _, run), (to, down, _, of) in pairwise(seen) if run == of]
    parts += [_mark(axis, x, y, one) for x, y, one, _ in seen]
    parts += _days(first, last)
    told = "; ".join(f"{one.label}: {notation.sentence(one.measure, one.limit)}" for one in points)
    spots = tuple(
        (round(100 * x / WIDTH, 2), round(100 * (HEIGHT / 2 if y is None else y) / HEIGHT, 2))
        for x, y in zip(places, values, strict=True)
    )
    return Trend(svg(WIDTH, HEIGHT, title, told, joined(parts), "trend"), spots)


def _axis(points: Sequence[Point]) -> Axis:
    """Return the axis around values and limits; over time a share needs no zero."""
    unit = points[-1].measure.unit
    bare = [(replace(one.measure, unit=""), one.limit) if unit == "share" else (one.measure, one.limit)
            for one in points]  # fmt: skip
    return replace(axis_of(bare, HEIGHT - _HEAD - _FOOT, OPEN), unit=unit)


def _across(at: datetime, first: datetime, last: datetime) -> float:
    span = (last - first).total_seconds()
    room = WIDTH - _LEFT - _RIGHT - 12
    return _LEFT + 12 + (room / 2 if span <= 0 else room * (at - first).total_seconds() / span)


def _places(moments_of: Sequence[datetime], first: datetime, last: datetime) -> list[float]:
    """Return where the points stand: true to time, but each a little right of the one before it, inside the frame."""
    end = float(WIDTH - _RIGHT)
    gap = min(_APART, (end - _LEFT - 12) / max(1, len(moments_of) - 1))
    places: list[float] = []
    for at in moments_of:
        x = _across(at, first, last)
        places.append(max(x, places[-1] + gap) if places else x)
    for number in range(len(places) - 1, -1, -1):
        places[number] = min(places[number], end)
        end = places[number] - gap
    return [round(x, 2) for x in places]


def _spans(points: Sequence[Point], places: Sequence[float]) -> list[tuple[Limit | None, float, float]]:
    """Return each limit with the stretch in which it held; equal ones that follow each other are one."""
    found: list[tuple[Limit | None, float, float]] = []
    for number, (one, x) in enumerate(zip(points, places, strict=True)):
        end = places[number + 1] if number + 1 < len(points) else float(WIDTH)
        start = float(_LEFT) if number == 0 else x
        if found and found[-1][0] == one.limit:
            found[-1] = (one.limit, found[-1][1], end)
        else:
            found.append((one.limit, start, end))
    return found


def _moved(part: Markup) -> Markup:
    return Markup('<g transform="translate(0 {})">{}</g>').format(_HEAD, part)


def _bands(axis: Axis, points: Sequence[Point], places: Sequence[float]) -> list[Markup]:
    return [_moved(outside(axis, limit, start, end, ruled=False)) for limit, start, end in _spans(points, places)]


def _limits(axis: Axis, points: Sequence[Point], places: Sequence[float]) -> list[Markup]:
    return [
        line(start, _HEAD + upright(axis, bound), end, _HEAD + upright(axis, bound), "ink", width=1.5)
        for limit, start, end in _spans(points, places) if limit is not None
        for bound in (limit.at_least, limit.at_most) if bound is not None
    ]  # fmt: skip


def _grid(axis: Axis, notation: Notation) -> Markup:
    texts = notation.ticks(axis.ticks, axis.unit, powers=axis.powers)
    every = max(1, -(-len(texts) // 6))
    return joined(
        line(_LEFT, _HEAD + upright(axis, tick), WIDTH, _HEAD + upright(axis, tick), "grid")
        + words_at(_LEFT - 6, _HEAD + upright(axis, tick) + 4, text, anchor="end", size=11, colour="skipped")
        for tick, text in list(zip(axis.ticks, texts, strict=True))[::every]
    )


def _versions(points: Sequence[Point], places: Sequence[float], notation: Notation) -> list[Markup]:
    """Rule where another version begins, and name it where its name does not touch the one before."""
    parts, free = [], 0.0
    for number, (one, x) in enumerate(zip(points, places, strict=True)):
        if one.version:
            text = cut(one.version, notation.words, 16)
            start = min(x - 2, WIDTH - _LETTER * len(text))
            if number:
                parts.append(line(x, _HEAD - 4, x, HEIGHT - _FOOT, "skipped", dash="2 3"))
            if start >= free:
                parts.append(words_at(start, _HEAD - 7, text, size=11, colour="skipped"))
                free = start + _LETTER * len(text) + 6
    return parts


def _mark(axis: Axis, x: float, y: float, one: Point) -> Markup:
    """Draw one audit's value and interval: what it is, is told by shape as well as by colour."""
    colour, measure = one.verdict, one.measure
    parts = []
    if measure.low is not None and measure.high is not None:
        top, bottom = (_HEAD + upright(axis, end) for end in (measure.high, measure.low))
        parts.append(Markup('<path d="M{:.2f} {}V{}" stroke="{}" stroke-width="3" stroke-opacity=".4"/>').format(
            x, top, bottom, PALETTE[colour]
        ))
    if colour in ("failed", "crashed"):
        parts.append(bar(x - 3.5, y - 3.5, 7, 7, colour))
    else:
        parts.append(dot(x, y, colour, hollow=colour == "inconclusive"))
    if one.waived:
        ring = Markup('<circle cx="{:.2f}" cy="{:.2f}" r="8" fill="none" stroke="{}" stroke-width="1.5"/>')
        parts.append(ring.format(x, y, PALETTE["ink"]))
    return joined(parts)


def _days(first: datetime, last: datetime) -> list[Markup]:
    """Return the days or hours under the axis, as many as there is room for."""
    room = WIDTH - _LEFT - _RIGHT
    parts = []
    for at, text in moments(first.astimezone(UTC), last.astimezone(UTC), room):
        x = _across(at, first, last)
        half = 3.1 * len(text)
        parts.append(line(x, HEIGHT - _FOOT, x, HEIGHT - _FOOT + 4, "skipped"))
        parts.append(words_at(max(half, min(x, WIDTH - half)), HEIGHT - 5, text, anchor="middle", size=11,
                              colour="skipped"))  # fmt: skip
    return parts
