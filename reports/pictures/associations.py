"""Words of two targets on the line from one attribute to the other: apart where a model associates them differently."""

from __future__ import annotations

from reports.figures import cut, dot, feet, joined, line, round_axis, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot

__all__ = ["association_by_set"]

_LABEL, _ROW, _MOST = 150, 44, 8


def association_by_set(shown: Shown) -> Picture | None:
    """Draw `association` of each item by its `set`, tick = mean; None where there are none."""
    if not {"set", "association"} <= set(shown.columns):
        return None
    frame = shown.frame("set", "association").dropna()
    sets = [name for name in dict.fromkeys(frame["set"].astype(str)) if name][:_MOST]
    if frame.empty:
        return None
    words, notation = shown.notation.words, shown.notation
    axis = round_axis("score", float(frame["association"].min()), float(frame["association"].max()), WIDTH - _LABEL)
    bottom = len(sets) * _ROW
    parts = [feet(axis, notation, bottom + 16, left=_LABEL, top=0)]
    means = []
    for at, name in enumerate(sets):
        values = frame.loc[frame["set"].astype(str) == name, "association"].to_numpy(float)
        middle, mean = at * _ROW + _ROW / 2, float(values.mean())
        means.append(f"{words.term('group', name)} {notation.number(mean, 'score')}")
        parts += [
            line(0, (at + 1) * _ROW, WIDTH, (at + 1) * _ROW, "grid"),
            words_at(0, middle + 4, cut(words.term("group", name), words, 20), size=13),
            line(_LABEL + axis.x(mean), middle - 14, _LABEL + axis.x(mean), middle + 14, "ink", width=3),
            *(dot(_LABEL + axis.x(value), middle, "failed" if at % 2 else "passed") for value in values.tolist()),
        ]
    message = words("picture.sets", means=words("format.list").join(means))
    hotspots = [Hotspot((0, at * _ROW, WIDTH, _ROW), (("set", name),)) for at, name in enumerate(sets)]
    return pictured(shown, bottom + 24, message, words("picture.sets_caption"), joined(parts), hotspots=hotspots)
