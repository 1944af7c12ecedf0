"""Figures as inline SVG of our own."""

from reports.figures.axes import NO_AXIS, OPEN, PAD, SHARED, Axis, axis_of, round_axis, scale_of
from reports.figures.funnel import Step, funnel_chart
from reports.figures.intervals import axis_head, interval_line
from reports.figures.items import Drawing, drawn, placed, shaded, told_list
from reports.figures.over_time import Point, Trend, trend
from reports.figures.shapes import arrow, bar, cut, dot, feet, filled, joined, line, rungs, stroke, words_at
from reports.figures.signs import SIGNS, sign
from reports.figures.slopegraph import Side, slopes
from reports.figures.style import FONT, PALETTE, css, recoloured, svg

__all__ = [
    "FONT", "NO_AXIS", "OPEN", "PAD", "PALETTE", "SHARED", "SIGNS", "Axis", "Drawing", "Point", "Side", "Step", "Trend",
    "arrow", "axis_head", "axis_of", "bar", "css", "cut", "dot", "drawn", "feet", "filled", "funnel_chart",
    "interval_line", "joined", "line", "placed", "recoloured", "round_axis", "rungs", "scale_of", "shaded", "sign",
    "slopes", "stroke", "svg", "told_list", "trend", "words_at",
]
