"""How exposed each canary is, and how much of each text comes out: of training beside what never was, each a dot."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from reports.figures import dot, joined, line, round_axis, rungs, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot

if TYPE_CHECKING:
    import pandas as pd

    from reports.figures import Axis

__all__ = ["exposures", "reproductions"]

_PLOT, _LEFT, _TOP, _GAP = 170, 50, 22, 24
_MOST = 200
"""Dots of a role; of more items evenly many."""
_ROLES = (("items", "failed"), ("held_out", "skipped"))


def exposures(shown: Shown) -> Picture | None:
    """Draw `exposure` of every canary, the most exposed of each role first; None where none was ranked."""
    frame = _of(shown, "exposure", "cap", "chance", "rank")
    if frame is None:
        return None
    planted, held = (frame[frame["role"].eq(role)] for role, _ in _ROLES)
    told: dict[str, Any] = {"count": int(planted["rank"].eq(1).sum()), "all": len(planted)}
    told["planted"] = _mean(shown, planted["exposure"], "bits")
    words = shown.notation.words
    message = words("picture.exposed_alone", **told)
    if len(held):
        message = words("picture.exposed", **told, held=_mean(shown, held["exposure"], "bits"))
    return _sides(shown, frame, "exposure", {"cap": "6 3", "chance": "2 3"}, message, "exposed_caption")


def reproductions(shown: Shown) -> Picture | None:
    """Draw how many tokens of every suffix, or characters, come out again; None where nothing was asked."""
    for column, unit, most in (("greedy_run", "tokens", "suffix_tokens"), ("reproduced", "characters", "suffix")):
        frame = _of(shown, column, most)
        if frame is None:
            continue
        if most == "suffix":
            frame = frame.assign(suffix=frame[most].map(len, na_action="ignore").astype(float))
        of = {role: frame[frame["role"].eq(role)][column] for role, _ in _ROLES}
        told = {role: _mean(shown, values, unit) for role, values in of.items() if len(values)}
        if len(told) < len(_ROLES):
            return None
        message = shown.notation.words("picture.reproduced", texts=told["items"], held=told["held_out"])
        return _sides(shown, frame, column, {most: "6 3"}, message, f"{column}_caption")
    return None


def _of(shown: Shown, column: str, *more: str) -> pd.DataFrame | None:
    """Return the rows that have a number in a column, the greatest first."""
    if column not in shown.columns:
        return None
    frame = shown.frame("role", column, *more)
    frame = frame[frame[column].notna()].sort_values(column, ascending=False, kind="stable")
    return frame if len(frame) else None


def _mean(shown: Shown, values: pd.Series[Any], unit: str) -> str:
    return shown.notation.with_unit(shown.notation.number(float(values.mean()), unit), unit)


def _sides(
    shown: Shown, frame: pd.DataFrame, column: str, rules: dict[str, str], message: str, caption: str
) -> Picture:
    """Draw a column of each role side by side; `rules`: column whose mean is a line -> its dashes."""
    words = shown.notation.words
    sides = [(rows, role, colour) for role, colour in _ROLES if len(rows := frame[frame["role"].eq(role)])]
    most = max(float(frame[one].max()) for one in (column, *rules))
    axis = round_axis("score", 0.0, max(most, 2.0), _PLOT)
    parts = [rungs(axis, shown.notation, partial(_y, axis), left=_LEFT, right=WIDTH, gap=8)]
    hotspots = list[Hotspot]()
    left, room = float(_LEFT), (WIDTH - _LEFT - _GAP * (len(sides) - 1)) / len(sides)
    for rows, role, colour in sides:
        heights = [_y(axis, float(rows[one].mean())) for one in rules]
        parts.append(words_at(left, 12, words(f"picture.{column}_{role}", count=len(rows)), size=12))
        drawn = zip(heights, rules.values(), strict=True)
        parts += [line(left, at, left + room, at, "ink", dash=dash) for at, dash in drawn]
        kept = rows.iloc[:: -(-len(rows) // _MOST)]
        step = room / len(kept)
        places = [(left + (at + 0.5) * step, _y(axis, value)) for at, value in enumerate(kept[column].tolist())]
        parts += [dot(x, y, colour, radius=min(4.0, max(1.5, step / 3))) for x, y in places]
        hotspots += shown.leading([(x - step / 2, _TOP, step, _PLOT) for x, _ in places], kept.index.to_list())
        left += room + _GAP
    return pictured(shown, _TOP + _PLOT + 12, message, words(f"picture.{caption}"), joined(parts), hotspots=hotspots)


def _y(axis: Axis, bits: float) -> float:
    return _TOP + axis.width - axis.x(bits)
