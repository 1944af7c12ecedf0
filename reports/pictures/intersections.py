"""Every crossing of two features: how dark a cell, so high its rate; a thin frame where few units stand behind it.

    heat_map("selection_rate")      groups whose names are two parts with a separator between them
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from markupsafe import Markup

from detectors.result import Measure
from reports.figures import PALETTE, cut, joined, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot

__all__ = ["heat_map"]

SEPARATOR = " x "
"""As `detectors.bias.decisions.joined_names` has it."""
_LABEL, _ROW, _HEAD = 150, 40, 22
_MOST = 12
"""Levels of a feature that are drawn, those with most units where there are more."""
_FEW = 30


def heat_map(*names: str) -> Callable[[Shown], Picture | None]:
    """Return what draws the first of these measures that two or more levels of each of two features cross in.

    None where the check names another number of features: a separator is then part of a group's own name.
    """

    def draw(shown: Shown) -> Picture | None:
        if len(shown.finding.options.get("sensitive", ())) != 2:
            return None
        for name in names:
            cells = _cells(shown.of_groups(name))
            if len({row for row, _ in cells}) > 1 and len({column for _, column in cells}) > 1:
                return _map(shown, name, cells)
        return None

    return draw


def _cells(groups: Mapping[str, Measure]) -> dict[tuple[str, str], Measure]:
    parts = {group: group.split(SEPARATOR) for group in groups}
    return {(two[0], two[1]): groups[group] for group, two in parts.items() if len(two) == 2}


def _most(cells: Mapping[tuple[str, str], Measure], place: int) -> list[str]:
    """Return the levels of a feature, those with most units."""
    units: dict[str, int] = {}
    for levels, one in cells.items():
        units[levels[place]] = units.get(levels[place], 0) + one.n.get("units", 0)
    return sorted(sorted(units, key=lambda level: -units[level])[:_MOST])


def _map(shown: Shown, name: str, cells: Mapping[tuple[str, str], Measure]) -> Picture:
    words, notation = shown.notation.words, shown.notation
    rows, columns = _most(cells, 0), _most(cells, 1)
    wide = (WIDTH - _LABEL) / len(columns)
    known = {key: one for key, one in cells.items() if one.value is not None}
    highest = max((one.value or 0.0 for one in known.values()), default=1.0) or 1.0
    parts = [
        words_at(_LABEL + (at + 0.5) * wide, 14, cut(words.term("group", level), words, int(wide / 7)), anchor="middle")
        for at, level in enumerate(columns)
    ]
    for at, row in enumerate(rows):
        top = _HEAD + at * _ROW
        parts.append(words_at(0, top + 24, cut(words.term("group", row), words, 20), size=13))
        for across, column in enumerate(columns):
            one = cells.get((row, column))
            parts.append(_cell(shown, one, _LABEL + across * wide, top, wide, highest))
    order = sorted(known, key=lambda key: (known[key].value or 0.0, key))
    told = {key: words.term("group", SEPARATOR.join(key)) for key in known}
    ends = [f"{told[key]} {notation.number(known[key].value or 0.0, known[key].unit)}" for key in order]
    message = words(
        "picture.forest", measure=words.term("measure", name), lowest="".join(ends[:1]), highest="".join(ends[-1:]),
    )
    caption = words("picture.crossing_caption", measure=words.term("measure", name), few=_FEW)
    names = {(row, column): SEPARATOR.join((row, column)) for row in rows for column in columns}
    there = shown.having("group", names.values())
    hotspots = [
        Hotspot((_LABEL + columns.index(column) * wide, _HEAD + rows.index(row) * _ROW, wide, _ROW), (("group", name),))
        for (row, column), name in names.items() if name in there
    ]
    return pictured(shown, _HEAD + len(rows) * _ROW + 4, message, caption, joined(parts), hotspots=hotspots)


def _cell(shown: Shown, one: Measure | None, left: float, top: float, wide: float, highest: float) -> Markup:
    """Return a cell: value above, units below; hatched in words where nobody is there or nothing can be said."""
    notation, words = shown.notation, shown.notation.words
    value = None if one is None else one.value
    units = 0 if one is None else one.n.get("units", 0)
    depth = 0.0 if value is None else 0.08 + 0.72 * max(0.0, value) / highest
    frame = Markup(
        '<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" fill="{}" fill-opacity="{:.2f}" stroke="{}"{}/>'
    ).format(
        left + 2, top + 2, wide - 4, _ROW - 4, PALETTE["passed"], depth, PALETTE["skipped"],
        Markup(' stroke-dasharray="3 3"') if units < _FEW else Markup(""),
    )
    colour = "paper" if depth > 0.55 else "ink"
    said = "—" if one is None or value is None else notation.number(value, one.unit)
    middle = left + wide / 2
    return joined([
        frame,
        words_at(middle, top + 18, said, anchor="middle", size=12, colour=colour, bold=True),
        words_at(middle, top + 32, words("picture.units", count=units), anchor="middle", size=10, colour=colour),
    ])
