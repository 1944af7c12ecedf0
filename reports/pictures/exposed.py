"""How exposed each canary is: planted ones beside those that nobody planted, under the most that can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.figures import dot, joined, line, round_axis, words_at
from reports.pictures.part import WIDTH, Picture, Shown, pictured
from reports.pictures.spots import Spot

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

    from reports.figures import Axis

__all__ = ["exposures"]

_PLOT, _LEFT, _TOP, _GAP = 170, 50, 22, 24
_MOST = 200
"""Dots of a role; of more canaries evenly many."""
_ROLES = (("items", "failed", "picture.planted_canaries"), ("held_out", "skipped", "picture.held_out_canaries"))


def exposures(shown: Shown) -> Picture | None:
    """Draw `exposure` of every canary, the most exposed of each role first; None where none was ranked."""
    frame = shown.frame("role", "exposure", "cap", "chance", "rank", "id") if shown.items is not None else None
    if frame is None or "exposure" not in frame or not frame["exposure"].notna().any():
        return None
    frame = frame[frame["exposure"].notna()].sort_values("exposure", ascending=False, kind="stable")
    sides = [(rows, colour, key) for role, colour, key in _ROLES if len(rows := frame[frame["role"].eq(role)])]
    axis = round_axis("bits", 0.0, float(max(frame["cap"].max(), 2.0)), _PLOT)
    parts, spots = [_scale(shown, axis)], list[Spot]()
    left, room = float(_LEFT), (WIDTH - _LEFT - _GAP * (len(sides) - 1)) / len(sides)
    for rows, colour, key in sides:
        drawn, boxes = _side(rows, axis, left, room, colour)
        title = shown.notation.words(key, count=len(rows))
        parts += [words_at(left, 12, title, size=12), *drawn]
        spots += shown.leading(boxes, rows.index.to_list()[:: _step(rows)])
        left += room + _GAP
    message = _message(shown, frame)
    caption = shown.notation.words("picture.exposed_caption")
    return pictured(shown, _TOP + _PLOT + 12, message, caption, joined(parts), spots=spots)


def _message(shown: Shown, frame: pd.DataFrame) -> str:
    words, notation = shown.notation.words, shown.notation
    planted, held = (frame[frame["role"].eq(role)] for role in ("items", "held_out"))

    def mean(rows: pd.DataFrame) -> str:
        return notation.with_unit(notation.number(float(rows["exposure"].mean()), "bits"), "bits")

    told: dict[str, Any] = {"count": int(planted["rank"].eq(1).sum()), "all": len(planted), "planted": mean(planted)}
    return words("picture.exposed", **told, held=mean(held)) if len(held) else words("picture.exposed_alone", **told)


def _scale(shown: Shown, axis: Axis) -> Markup:
    """Return the upward axis: a line and a number for each tick."""
    parts = []
    for tick, text in zip(axis.ticks, shown.notation.ticks(axis.ticks, ""), strict=True):
        at = _y(axis, tick)
        parts += [
            line(_LEFT, at, WIDTH, at, "grid"),
            words_at(_LEFT - 8, at + 4, text, anchor="end", size=11, colour="skipped"),
        ]
    return joined(parts)


def _side(
    rows: pd.DataFrame, axis: Axis, left: float, room: float, colour: str
) -> tuple[list[Markup], list[tuple[float, float, float, float]]]:
    """Return the dots of one role between two lines, and the box of each."""
    kept = rows.iloc[:: _step(rows)]
    step = room / len(kept)
    parts = [
        line(left, _y(axis, rows[name].mean()), left + room, _y(axis, rows[name].mean()), "ink", dash=dash)
        for name, dash in (("cap", "6 3"), ("chance", "2 3"))
    ]
    boxes = []
    for at, bits in enumerate(kept["exposure"].tolist()):
        x, y = left + (at + 0.5) * step, _y(axis, bits)
        parts.append(dot(x, y, colour, radius=min(4.0, max(1.5, step / 3))))
        boxes.append((x - step / 2, float(_TOP), step, float(_PLOT)))
    return parts, boxes


def _step(rows: pd.DataFrame) -> int:
    return -(-len(rows) // _MOST)


def _y(axis: Axis, bits: float) -> float:
    return _TOP + axis.width - axis.x(bits)
