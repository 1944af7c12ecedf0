"""Items by class: how often each is drawn beside how often it should be, and what its draws look like.

column      bar = share, whisker = interval, black line = the share that it is held against; first items below
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from detectors.result import Measure
from reports.figures import bar, cut, joined, line, placed, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot
from reports.text import one_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["by_class"]

_COLUMNS, _ROWS = 10, 3
_SHOWN = 6
"""Items of a class, three rows of two."""
_SIZE, _GAP, _PLOT = 34, 3, 56
_HEIGHT = 216
"""Of one row of classes."""
_MOST = 40
"""Classes that are drawn, the farthest from what they should be first where there are more."""
_SHARES = ("share", "class_share")
"""Names under which probes measure the share of a class."""


def by_class(shown: Shown) -> Picture | None:
    """Draw the shares of the classes and the first items of each; None where no class has a share."""
    shares = next((found for name in _SHARES if (found := shown.of_groups(name))), {})
    shares = {name: one for name, one in shares.items() if one.value is not None}
    if not shares:
        return None
    kept = _farthest(shares)
    pictures = _pictures(shown, kept)
    highest = max(max(one.value or 0.0, one.high or 0.0, one.ideal or 0.0) for one in shares.values()) or 1.0
    parts = [
        _column(shown, name, shares[name], pictures.get(name), highest, *_corner(at, len(kept)))
        for at, name in enumerate(kept)
    ]
    rows = -(-len(kept) // _COLUMNS)
    height = _HEIGHT if any(pictures.values()) else _PLOT + 48
    words = shown.notation.words
    first = next(iter(shares.values()))
    caption = words("picture.gallery_caption", count=first.n["items"] if shown.items is None else shown.items.total)
    if len(kept) < len(shares):
        caption = words("picture.more", text=caption, count=len(shares) - len(kept))
    there, corners = shown.having("class", kept), [_corner(at, len(kept)) for at in range(len(kept))]
    hotspots = [
        Hotspot((left, top, 2 * _SIZE + _GAP, height - 4), (("class", name),))
        for name, (left, top, _) in zip(kept, corners, strict=True) if name in there
    ]
    focus = _focus(shares, kept)
    return pictured(shown, rows * height, _message(shown, shares), caption, joined(parts), focus, hotspots)


def _farthest(shares: Mapping[str, Measure]) -> list[str]:
    """Return the classes to draw, in the order of the record."""
    far = sorted(shares, key=lambda name: -abs((shares[name].value or 0.0) - (shares[name].ideal or 0.0)))
    kept = set(far[:_MOST])
    return [name for name in shares if name in kept]


def _focus(shares: Mapping[str, Measure], kept: Sequence[str]) -> tuple[float, float]:
    """Return (left, width) of four columns, among them that which is farthest from what it should be."""
    row, width = kept[:_COLUMNS], _corner(0, len(kept))[2]
    far = max(range(len(row)), key=lambda at: abs((shares[row[at]].value or 0.0) - (shares[row[at]].ideal or 0.0)))
    return width * max(0, min(far - 1, len(row) - 4)), width * 4


def _corner(at: int, count: int) -> tuple[float, float, float]:
    """Return left, top and width of a column."""
    width = WIDTH / min(count, _COLUMNS) if count > 5 else WIDTH / 6
    return (at % _COLUMNS) * width, (at // _COLUMNS) * _HEIGHT, width


def _pictures(shown: Shown, names: Sequence[str]) -> dict[str, list[tuple[str, object]]]:
    """Return (column, value) of the first items of each class; empty where items are no pictures."""
    column = next((name for name in ("image", "series") if name in shown.columns), None)
    if column is None or "class" not in shown.columns or shown.items is None:
        return {}
    classes: pd.Series = shown.frame("class")["class"].astype("string").reset_index(drop=True)
    first = {name: classes.index[classes == name][:_SHOWN].tolist() for name in names}
    numbers = [number for found in first.values() for number in found]
    cells = iter(shown.items.rows(numbers)[column].to_pylist())
    return {name: [(column, next(cells)) for _ in found] for name, found in first.items()}


def _column(
    shown: Shown,
    name: str,
    share: Measure,
    pictures: list[tuple[str, object]] | None,
    highest: float,
    left: float,
    top: float,
    room: float,
) -> Markup:
    far = _stands_off(share)
    colour = "failed" if far < 0 else "passed"
    base, wide = top + _PLOT, 2 * _SIZE + _GAP
    scale = (_PLOT - 6) / highest
    value = share.value or 0.0
    parts = [
        line(left, base, left + wide, base, "grid"),
        bar(left + 8, base - value * scale, 34, value * scale, colour),
    ]
    if share.low is not None and share.high is not None:
        parts.append(line(left + 25, base - share.low * scale, left + 25, base - share.high * scale, "ink"))
    if share.ideal is not None:
        wanted = base - share.ideal * scale
        parts.append(line(left + 2, wanted, left + 48, wanted, "ink", width=2))
    words, notation = shown.notation.words, shown.notation
    label = cut(words.term("group", name), words, max(4, int(room / 8)))
    parts.append(words_at(left, base + 16, label, bold=True, size=13))
    said = notation.number(value, share.unit)
    parts.append(words_at(left, base + 32, said, size=11, colour=colour if far else "skipped"))
    if pictures is not None:
        parts.append(_items(pictures, left, base + 40, words("picture.never")))
    return joined(parts)


def _items(pictures: Sequence[tuple[str, object]], left: float, top: float, never: str) -> Markup:
    wide, high = 2 * _SIZE + _GAP, _ROWS * (_SIZE + _GAP)
    if not pictures:
        box = stroke(f"M{left + 1} {top}h{wide}v{high}h-{wide}z", "failed", dash="3 3")
        return box + words_at(left + wide / 2, top + high / 2, never, anchor="middle", size=11, colour="failed")
    step = _SIZE + _GAP
    found = (
        placed(column, value, left + (at % 2) * step, top + (at // 2) * step, _SIZE)
        for at, (column, value) in enumerate(pictures)
    )
    return joined(one for one in found if one is not None)


def _stands_off(share: Measure) -> int:
    """Return -1 or 1 where the whole interval lies below or above what it should be, else 0."""
    if share.ideal is None or share.low is None or share.high is None:
        return 0
    return -1 if share.high < share.ideal else int(share.low > share.ideal)


def _message(shown: Shown, shares: Mapping[str, Measure]) -> str:
    words = shown.notation.words
    sides = {side: [name for name, one in shares.items() if _stands_off(one) == side] for side in (-1, 1)}

    def told(side: int) -> str:
        named = words("format.list").join(one_line(words.term("group", name), words, 30) for name in sides[side][:12])
        return named or words("picture.none")

    return words("picture.gallery", below=told(-1), above=told(1))
