"""Strokes of a figure: text, bars, lines, and the numbers under an axis; places and lengths are in pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate
from unicodedata import east_asian_width

from markupsafe import Markup

from reports.figures.axes import Axis
from reports.figures.style import PALETTE, Form
from reports.text import Notation, Words, one_line

__all__ = ["arrow", "bar", "cut", "dot", "feet", "filled", "joined", "line", "rungs", "stroke", "words_at"]


def joined(parts: Iterable[Markup]) -> Markup:
    """Return the parts one after another, the later above the earlier."""
    return Markup("").join(parts)


def cut(text: str, words: Words, most: int) -> str:
    """Return a text of unknown origin as a label, of so many Latin characters; Hangul is nearly twice as wide."""
    text = one_line(text, words, 400)
    ends = list(accumulate(1.8 if east_asian_width(one) in "FW" else 1.0 for one in text))
    if not ends or ends[-1] <= most:
        return text
    return text[: sum(end <= most - 1 for end in ends)].rstrip() + "…"


def words_at(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "ink", bold: bool = False
) -> Markup:
    """Return text with its baseline at y, and its start, middle or end at x."""
    weight = Markup(' font-weight="600"') if bold else ""
    return Form('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" font-size="{}" fill="{}"{}>{}</text>').put(
        x, y, anchor, size, PALETTE[colour], weight, text
    )


def bar(x: float, y: float, width: float, height: float, colour: str, *, faint: bool = False) -> Markup:
    """Return a filled box with its upper left corner at (x, y)."""
    opacity = Markup(' fill-opacity=".25"') if faint else ""
    return Form('<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" fill="{}"{}/>').put(
        x, y, max(0.0, width), max(0.0, height), PALETTE[colour], opacity
    )


def stroke(path: str, colour: str, *, width: float = 1.0, dash: str = "", fill: str = "none") -> Markup:
    """Return a path as SVG writes it; `fill` is a colour of the palette, drawn faintly."""
    dashes = Form(' stroke-dasharray="{}"').put(dash) if dash else ""
    inside = Markup('fill="none"') if fill == "none" else Form('fill="{}" fill-opacity=".25"').put(PALETTE[fill])
    return Form('<path d="{}" {} stroke="{}" stroke-width="{}"{}/>').put(
        path, inside, PALETTE[colour], width, dashes
    )


def arrow(x: float, y: float, way: int, colour: str) -> Markup:
    """Return the end of an interval that goes on beyond its axis, to the right by a `way` of 1, to the left by -1."""
    return Form('<path class="clipped" d="M{} {}l{} 5l{} 5z" fill="{}"/>').put(x, y - 5, 8 * way, -8 * way, colour)


def filled(path: str, colour: str) -> Markup:
    """Return the inside of a path, many bars in one."""
    return Form('<path d="{}" fill="{}"/>').put(path, PALETTE[colour])


def line(x: float, y: float, to_x: float, to_y: float, colour: str, *, width: float = 1.0, dash: str = "") -> Markup:
    """Return a straight line."""
    return stroke(f"M{x:.2f} {y:.2f}L{to_x:.2f} {to_y:.2f}", colour, width=width, dash=dash)


def dot(x: float, y: float, colour: str, *, radius: float = 3.5, hollow: bool = False) -> Markup:
    """Return a dot; a hollow one is told apart without its colour."""
    fill = PALETTE["paper" if hollow else colour]
    return Form('<circle cx="{:.2f}" cy="{:.2f}" r="{}" fill="{}" stroke="{}" stroke-width="1.5"/>').put(
        x, y, radius, fill, PALETTE[colour]
    )


def feet(axis: Axis, notation: Notation, y: float, *, left: float = 0.0, top: float | None = None) -> Markup:
    """Return the numbers of an axis with y as their baseline; from `top` on a faint rule stands above each."""
    texts = notation.ticks(axis.ticks, axis.unit, powers=axis.powers)
    parts = []
    for tick, text in zip(axis.ticks, texts, strict=True):
        x = left + axis.x(tick)
        if top is not None:
            parts.append(line(x, top, x, y - 12, "grid"))
        parts.append(words_at(x, y, text, anchor="middle", size=11, colour="skipped"))
    return joined(parts)


def rungs(
    axis: Axis, notation: Notation, y: Callable[[float], float], *, left: float, right: float, gap: float = 6
) -> Markup:
    """Return a faint rule at each tick of an axis that stands, its number `gap` before it; y: tick -> pixel."""
    texts = notation.ticks(axis.ticks, axis.unit, powers=axis.powers)
    return joined(
        line(left, y(tick), right, y(tick), "grid")
        + words_at(left - gap, y(tick) + 4, text, anchor="end", size=11, colour="skipped")
        for tick, text in zip(axis.ticks, texts, strict=True)
    )
