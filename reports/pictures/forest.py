"""Groups one under another, the lowest first: dot = estimate, line = interval, thin where few units stand behind it.

    by_group("score_gap", "score_mean")      the first of these measures that two groups have

Dashed: the ideal, or the same measure of all the data; thick: the limit, where it speaks of this measure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from detectors.result import Measure
from reports.figures import PALETTE, Axis, arrow, axis_of, cut, dot, feet, joined, line, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot
from reports.text import Notation

if TYPE_CHECKING:
    from audit.record import Limit

__all__ = ["by_group"]

_LABEL, _PLOT, _ROW = 190, 400, 24
_MOST = 20
"""Rows: the lowest and the highest, where there are more groups."""
_FEW = 30
"""Independent units below which an interval is drawn thin."""


def by_group(*names: str) -> Callable[[Shown], Picture | None]:
    """Return what draws the groups of the first of these measures in which two or more have values that differ."""

    def draw(shown: Shown) -> Picture | None:
        for name in names:
            groups = {group: one for group, one in shown.of_groups(name).items() if one.value is not None}
            if len({one.value for one in groups.values()}) > 1:
                return _forest(shown, name, groups)
        return None

    return draw


def _forest(shown: Shown, name: str, groups: Mapping[str, Measure]) -> Picture:
    words, notation = shown.notation.words, shown.notation
    order = sorted(groups, key=lambda group: (groups[group].value or 0.0, group))
    kept = order if len(order) <= _MOST else [*order[: _MOST // 2], *order[-_MOST // 2 :]]
    limit = shown.finding.limit if shown.finding.limit is not None and shown.finding.limit.measure == name else None
    whole = shown.measured(name)
    drawn = [groups[group] for group in kept]
    axis = axis_of([(one, limit) for one in [*drawn, *([whole] if whole is not None else [])]], _PLOT)
    bottom = len(kept) * _ROW
    parts = [feet(axis, notation, bottom + 16, left=_LABEL, top=0), _rules(axis, drawn[0], whole, limit, bottom)]
    parts += [_row(group, groups[group], axis, at * _ROW, notation) for at, group in enumerate(kept)]
    measure = words.term("measure", name)
    ends = [_told(group, groups[group], notation) for group in (kept[0], kept[-1])]
    message = words("picture.forest", measure=measure, lowest=ends[0], highest=ends[1])
    caption = words("picture.forest_caption", measure=measure, few=_FEW)
    if drawn[0].ideal is not None or (whole is not None and whole.value is not None):
        caption = words("picture.ideal_dashed" if drawn[0].ideal is not None else "picture.whole_dashed", text=caption)
    if limit is not None:
        caption = words("picture.limit_thick", text=caption)
    if len(kept) < len(groups):
        caption = words("picture.groups_left", text=caption, count=len(groups) - len(kept))
    there = shown.having("group", kept)
    hotspots = [Hotspot((0, at * _ROW, WIDTH, _ROW), (("group", one),)) for at, one in enumerate(kept) if one in there]
    return pictured(shown, bottom + 24, message, caption, joined(parts), (_LABEL, _PLOT), hotspots)


def _rules(axis: Axis, one: Measure, whole: Measure | None, limit: Limit | None, bottom: float) -> Markup:
    at = one.ideal if one.ideal is not None else (whole.value if whole is not None else None)
    parts = [] if at is None else [line(_LABEL + axis.x(at), 0, _LABEL + axis.x(at), bottom, "ink", dash="2 3")]
    bounds: Sequence[float | None] = () if limit is None else (limit.at_least, limit.at_most)
    for bound in bounds:
        if bound is not None:
            parts.append(line(_LABEL + axis.x(bound), 0, _LABEL + axis.x(bound), bottom, "ink", width=2))
    return joined(parts)


def _row(group: str, one: Measure, axis: Axis, top: float, notation: Notation) -> Markup:
    words, middle = notation.words, top + _ROW / 2
    units = one.n.get("units", one.n.get("items", 0))
    colour = "failed" if _stands_off(one) else "passed"
    parts = [
        line(0, top + _ROW, WIDTH, top + _ROW, "grid"),
        words_at(0, middle + 4, cut(words.term("group", group), words, 28), size=12),
    ]
    if one.low is not None and one.high is not None:
        ends = _LABEL + axis.x(one.low), _LABEL + axis.x(one.high)
        parts.append(line(ends[0], middle, ends[1], middle, colour, width=1 if units < _FEW else 3))
        if one.low < axis.low:
            parts.append(arrow(ends[0], middle, -1, PALETTE[colour]))
        if one.high > axis.high:
            parts.append(arrow(ends[1], middle, 1, PALETTE[colour]))
    parts.append(dot(_LABEL + axis.x(one.value or 0.0), middle, colour, hollow=units < _FEW))
    value = notation.number(one.value or 0.0, one.unit)
    interval = "" if one.low is None else notation.interval(one)
    parts += [
        words_at(_LABEL + _PLOT + 66, middle + 4, value, anchor="end", size=12),
        words_at(_LABEL + _PLOT + 78, middle + 4, interval, size=11, colour="skipped"),
        words_at(WIDTH, middle + 4, words("picture.units", count=units), anchor="end", size=11, colour="skipped"),
    ]
    return joined(parts)


def _stands_off(one: Measure) -> bool:
    """Whether the whole interval lies on one side of what it should be."""
    return (
        one.ideal is not None and one.low is not None and one.high is not None and not one.low <= one.ideal <= one.high
    )


def _told(group: str, one: Measure, notation: Notation) -> str:
    interval = "" if one.low is None else f" {notation.interval(one)}"
    value = f"{notation.number(one.value or 0.0, one.unit)}{interval}"
    return notation.words("picture.of_group", value=value, group=notation.words.term("group", group))
