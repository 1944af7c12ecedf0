"""Figures as inline SVG of our own."""

from reports.figures.axes import NO_AXIS, OPEN, SHARED, Axis, axis_of, scale_of
from reports.figures.intervals import axis_head, interval_line
from reports.figures.items import drawn, told_list
from reports.figures.over_time import Point, trend
from reports.figures.signs import sign, tally_bar

__all__ = [
    "NO_AXIS", "OPEN", "SHARED", "Axis", "Point", "axis_head", "axis_of", "drawn", "interval_line", "scale_of", "sign",
    "tally_bar", "told_list", "trend",
]
