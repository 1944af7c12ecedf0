"""What the model finds most and least likely, of familiar and of foreign items: the first thing to look at.

    images, series    side by side, the score below each          texts    a row each, its score before it
    red frame or bar  what the decision gets wrong: a familiar item that is flagged, a foreign one that is not
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from detectors.immutable import immutable
from reports.figures import cut, joined, line, placed, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot
from reports.pictures.ranked import headline_of, levels_of, score_told

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["extreme_items"]

_SHOWN, _TEXTS = 8, 4
"""Items, or texts, at each end of each role."""
_SIZE, _TEXT = 44, 18
_WIDE = (WIDTH - 28) / 2
"""Of either end."""
_LEFTS = (0.0, WIDTH - _WIDE)


@immutable
class _Role:
    """The items of a role that are drawn, from the likeliest on."""

    name: str
    likeliest: list[int]
    """Rows of the items file."""
    strangest: list[int]
    count: int
    ends: tuple[float, float]
    """Scores of the likeliest and of the strangest item."""

    @property
    def rows(self) -> list[int]:
        return [*self.likeliest, *self.strangest]


def extreme_items(shown: Shown) -> Picture | None:
    """Draw both ends of each role by the judged score; None where items are not stored."""
    from audit.record import AGAINST

    ranked = headline_of(shown)
    column = next((name for name in ("image", "series", "text") if name in shown.columns), None)
    if ranked is None or column is None or "role" not in shown.columns:
        return None
    frame, words = shown.frame("role", ranked.score, AGAINST), shown.notation.words
    roles = [one for name in ("items", "foreign") if (one := _role(shown, frame, ranked.score, column, name))]
    parts, hotspots, top = [_heads(shown)], list[Hotspot](), 20.0
    for role in roles:
        parts.append(words_at(0, top + 12, words("picture.of_items", name=role.name, count=role.count), bold=True))
        drawn = _both(shown, frame, ranked.score, column, role, top + 20)
        if drawn is None:
            return None
        parts.append(drawn)
        few = len(role.likeliest)
        boxes = [_box(column, left, top + 20, at) for left in _LEFTS for at in range(few)]
        hotspots += shown.leading(boxes, role.rows)
        top += 32 + (few * _TEXT if column == "text" else _SIZE + 18)
    if not roles:
        return None
    score = score_told(shown, ranked.score)
    message = words("picture.ends", score=score, ranges=_ranges(shown, roles))
    caption = words("picture.ends_caption", score=score)
    return pictured(shown, top, message, caption, joined(parts), (0, _WIDE), hotspots)


def _role(shown: Shown, frame: pd.DataFrame, score: str, column: str, role: str) -> _Role | None:
    """Return the items of a role; None where there are fewer than two."""
    order = frame.loc[frame["role"] == role, score].dropna().sort_values(kind="stable")
    if len(order) < 2:
        return None
    words, few = shown.notation.words, min(_TEXTS if column == "text" else _SHOWN, len(order) // 2)
    name = words("picture.familiar") if role == "items" else words.term("group", role)
    ends = float(order.iloc[0]), float(order.iloc[-1])
    return _Role(name, order.index[:few].tolist(), order.index[-few:].tolist(), len(order), ends)


def _ranges(shown: Shown, roles: Sequence[_Role]) -> str:
    """Return between which scores the items of each role lie."""
    words, notation = shown.notation.words, shown.notation
    told = []
    for role in roles:
        low, high = (notation.number(end, "score") for end in role.ends)
        told.append(words("picture.from_to", name=role.name, low=low, high=high))
    return words("format.list").join(told)


def _box(column: str, left: float, top: float, at: int) -> tuple[float, float, float, float]:
    """Return where an item of one end lies."""
    if column == "text":
        return left, top + at * _TEXT, _WIDE, _TEXT
    return left + at * _WIDE / _SHOWN, top, _WIDE / _SHOWN - 2, _SIZE + 16


def _heads(shown: Shown) -> Markup:
    words = shown.notation.words
    return joined([
        words_at(0, 11, words("picture.likeliest_left"), size=11, colour="skipped"),
        words_at(WIDTH - _WIDE, 11, words("picture.strangest_right"), size=11, colour="skipped"),
        line(0, 17, WIDTH, 17, "grid"),
    ])


def _both(shown: Shown, frame: pd.DataFrame, score: str, column: str, role: _Role, top: float) -> Markup | None:
    """Draw the rows of one role at both ends."""
    from audit.record import AGAINST

    assert shown.items is not None
    found = shown.items.rows(role.rows)[column].to_pylist()
    cells, levels = iter(found), levels_of(found) if column == "image" else None
    parts: list[Markup] = []
    for left, side in zip(_LEFTS, (role.likeliest, role.strangest), strict=True):
        for at, row in enumerate(side):
            number = shown.notation.number(float(frame[score][row]), "score")
            wrong = AGAINST in frame and frame[AGAINST][row] is not None and bool(frame[AGAINST][row])
            drawn = _one(shown, column, next(cells), (left, top, at), number, levels, wrong=wrong)
            if drawn is None:
                return None
            parts.append(drawn)
    return joined(parts)


def _one(
    shown: Shown, column: str, cell: Any, place: tuple[float, float, int], number: str,
    levels: tuple[float, float] | None, *, wrong: bool,
) -> Markup | None:
    left, top, at = place
    colour = "failed" if wrong else "skipped"
    if column == "text":
        base = top + at * _TEXT + 12
        text = cut(str(cell), shown.notation.words, 60)
        mark = [] if not wrong else [stroke(f"M{left + 2} {base - 11}v14", "failed", width=3)]
        return joined([
            *mark, words_at(left + 46, base, number, anchor="end", size=11, colour=colour, bold=wrong),
            words_at(left + 56, base, text, size=12),
        ])
    x = left + at * _WIDE / _SHOWN
    item = placed(column, cell, x, top, _SIZE, levels)
    if item is None:
        return None
    edge, width = ("failed", 2.5) if wrong else ("edge", 1.0)
    frame = stroke(f"M{x:.1f} {top}h{_SIZE}v{_SIZE}h-{_SIZE}z", edge, width=width)
    return joined([
        item, frame, words_at(x + _SIZE / 2, top + _SIZE + 13, number, anchor="middle", size=11, colour=colour,
                               bold=wrong),
    ])
