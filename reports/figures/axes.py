"""Axes: what kind of number a measure is decides where its line begins and ends, never another measure.

    share              0 to 100 %; where it may be negative, round ends of its own
    AUROC              0.5 to 1, from lower where a value, an interval or a limit is lower
    count              0 to the most there is, in whole numbers
    kernel distance    powers of ten, with its baseline on the same line
    p-value            none
    any other          round ends around the values of the same measure, or of the same physical unit, of one check

Only shares and AUROCs of several checks share an axis, whose ends are known before anything is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from detectors.immutable import immutable
from detectors.result import Measure
from reports.text import bounds_of

if TYPE_CHECKING:
    from audit.record import Limit

__all__ = ["NO_AXIS", "OPEN", "PAD", "SHARED", "Axis", "axis_of", "round_axis", "scale_of"]

PAD = 16
"""Inner margin of a drawing at either end, in pixels."""
NO_AXIS, OPEN = "", "open"
"""Scale of what is not drawn, and that of values which nothing but themselves bounds."""
SHARED = (NO_AXIS, "share", "auroc")
"""Scales that are the same in every check."""
_FARTHEST = 4e307
"""Where an axis ends at most, so that its length is a number too."""
_BARE = ("", "score", "count")
"""Units in which different measures have nothing in common."""
_AUROCS = ("auc", "bpsn_auc", "bnsp_auc")
"""AUROCs by another name."""


@immutable
class Axis:
    """What values on a line mean."""

    unit: str
    low: float
    high: float
    ticks: tuple[float, ...]
    width: int
    """Of the drawing, in pixels; the same scale may be drawn in several widths."""
    powers: bool = False
    """Whether steps of equal width are equal ratios; then both ends are above 0."""

    def x(self, value: float) -> float:
        """Return the horizontal pixel of `value`, kept inside the axis."""
        value = min(self.high, max(self.low, value))
        if self.powers:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(PAD + (self.width - 2 * PAD) * share, 2)


def scale_of(measure: Measure) -> str:
    """Return the name under which measures of one check share an axis; one of `SHARED` also with other checks."""
    from audit.verdict import BASELINES

    read_by = {baseline: name for name, baseline in BASELINES.items()}  # a baseline stands on the axis of that
    unit, name = measure.unit, read_by.get(measure.name, measure.name)
    if unit == "p-value":
        return NO_AXIS
    if unit == "share":
        return "signed share" if min(measure.low or 0.0, measure.value or 0.0) < 0 else "share"
    if unit == "score" and (name.endswith("auroc") or name in _AUROCS):
        return "auroc"
    return f"{unit} {name}" if unit in _BARE else unit


def axis_of(measures: Iterable[tuple[Measure, Limit | None]], width: int, scale: str | None = None) -> Axis:
    """Return the axis of measures of one `scale`, that of the first unless given, which holds values and limits.

    Intervals are held too, but on round ends around values they may add the span of the values at most on either side;
    what is longer is cut and marked. `OPEN` holds them whole, and so do values that have no span.
    """
    rows = list(measures)
    unit = rows[0][0].unit
    scale = scale_of(rows[0][0]) if scale is None else scale
    core = [
        number for measure, limit in rows for number in (measure.value, measure.ideal, *bounds_of(limit))
        if number is not None
    ]
    ends = [number for measure, _ in rows for number in (measure.low, measure.high) if number is not None]
    if scale in ("share", "auroc") and all(0 <= number <= 1 for number in core):
        first = 0 if scale == "share" else min(5, math.floor(10 * min([*core, *ends, 0.5]) + 1e-9))
        first, step = max(0, first), 25 if scale == "share" else 10
        ticks = tuple(n / 100 for n in range(10 * first, 101, step))
        return Axis(unit, ticks[0], ticks[-1], ticks, width)
    if scale.endswith(" kid") and (positive := [number for number in (*core, *ends) if number > 0]):
        return _powers(unit, min(positive), max(positive), width)
    if unit == "count" and min([*core, *ends, 0.0]) >= 0:
        return round_axis(unit, 0.0, max([*core, *ends, 1.0]), width)
    return _open(unit, core, ends, width, whole=unit == "share" or scale == OPEN)


def _powers(unit: str, low: float, high: float, width: int) -> Axis:
    """Return the axis from the power of ten below `low` to that above `high`, at most five of them labelled."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    ticks = tuple(float(f"1e{power}") for power in range(first, last + 1, math.ceil((last - first) / 5)))
    return Axis(unit, ticks[0], float(f"1e{last}"), ticks, width, powers=True)


def _open(unit: str, core: Sequence[float], ends: Sequence[float], width: int, *, whole: bool) -> Axis:
    if unit == "share":
        core = [*core, 0.0]
    low, high = min(core, default=0.0), max(core, default=1.0)
    reach = math.inf if whole else high - low or abs(high) or math.inf
    lowest = min([low, *(max(end, low - reach) for end in ends)])
    highest = max([high, *(min(end, high + reach) for end in ends)])
    return round_axis(unit, lowest, highest, width)


def round_axis(unit: str, low: float, high: float, width: int) -> Axis:
    """Return the axis from low to high with steps of 1, 2, 2.5 or 5; numbers that hardly differ get some room.

    Counts have whole steps.
    """
    low, high = max(low, -_FARTHEST), min(high, _FARTHEST)
    spread = max(high - low, 1e-6 * max(abs(low), abs(high)))
    raw = (spread if spread > 1e-300 else 1.0) / 4
    scale = 10 ** math.floor(math.log10(raw))
    step = next(scale * factor for factor in (1, 2, 2.5, 5, 10) if scale * factor >= raw * 0.999)
    if unit == "count":
        step = float(math.ceil(step))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(float(f"{index * step:.12g}") for index in range(first, max(last, first + 1) + 1))
    return Axis(unit, ticks[0], ticks[-1], ticks, width)
