"""The self-test, looked at: the same items as they are and under each distortion, with the judged score of each.

A distortion depends on the item's id alone, so it is made again from what is stored (`detectors.novelty.blindspots`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.figures import cut, joined, line, placed, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.ranked import levels_of
from reports.text import one_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["distortions"]

_LABEL, _SIZE, _SHOWN, _TEXTS = 150, 38, 8, 2
_TEXT = 20


def distortions(shown: Shown) -> Picture | None:
    """Draw some familiar items with all their distortions; None where a finding has no self-test."""
    spots = {one.group: one for one in shown.finding.measures if one.name == "blind_spot_auroc" and one.auroc_of}
    column = next((name for name in ("image", "series", "text") if name in shown.columns), None)
    if not spots or column is None or shown.items is None or shown.items.id_column is None:
        return None
    score = next(one.auroc_of[0][1] for one in spots.values() if one.auroc_of)
    kinds = [kind for kind in spots if kind is not None and f"{score}_{kind}" in shown.columns]
    frame = shown.frame("role", score, *(f"{score}_{kind}" for kind in kinds))
    order = frame.loc[frame["role"] == "items", score].dropna().sort_values(kind="stable").index
    count = min(_TEXTS if column == "text" else _SHOWN, len(order))
    if not kinds or not count:
        return None
    picked = [int(order[round(at * (len(order) - 1) / max(count - 1, 1))]) for at in range(count)]
    made = _made(shown, column, picked)
    rows = [("", score), *((kind, f"{score}_{kind}") for kind in kinds if kind in made)]
    high = _TEXT * count + 12 if column == "text" else _SIZE + 26
    levels = levels_of([made[kind].tolist() for kind, _ in rows]) if column == "image" else None
    parts = [
        _row(shown, frame, column, list(zip(picked, made[kind], strict=True)), (kind, name), at * high, levels)
        for at, (kind, name) in enumerate(rows)
    ]
    if any(one is None for one in parts):
        return None
    words, notation = shown.notation.words, shown.notation
    worst = min((spots[kind] for kind in kinds if spots[kind].value is not None), key=lambda one: one.value or 0.0)
    message = words(
        "picture.distorted", about=words.term("group", str(worst.group)),
        auroc=notation.number(worst.value or 0.0, "score"),
    )
    caption = words("picture.distorted_caption", score=words.term("column", score), count=count)
    return pictured(shown, len(rows) * high, message, caption, joined(one for one in parts if one is not None))


def _made(shown: Shown, column: str, rows: list[int]) -> dict[str, Any]:
    """Return kind -> the items under it, and under no kind as they are."""
    import pandas as pd

    from detectors.arrays import items_of, objects
    from detectors.novelty.blindspots import BLURRED, blind_spots

    assert shown.items is not None
    assert shown.items.id_column is not None
    table = shown.items.rows(rows)
    cells = table[column].to_pylist()
    items = items_of(pd.DataFrame({column: objects(cells)}))
    given = shown.finding.options.get("value_range")
    ends = None if given is None else (float(given[0]), float(given[1]))
    blurred = any(one.group == BLURRED for one in shown.finding.measures)
    ids = table[shown.items.id_column].to_pylist()
    return {"": items, **blind_spots(ids, items, ends, blurred=blurred)}


def _row(
    shown: Shown, frame: pd.DataFrame, column: str, items: list[tuple[int, Any]], of: tuple[str, str], top: float,
    levels: tuple[float, float] | None,
) -> Markup | None:
    """Draw one kind: its name and AUROC, then the items with their scores."""
    words, notation, (kind, name) = shown.notation.words, shown.notation, of
    spot = shown.measured("blind_spot_auroc", kind) if kind else None
    told = words.term("group", kind) if kind else words("picture.as_it_is")
    parts = [words_at(0, top + 18, cut(told, words, 22), size=12, bold=not kind)]
    if spot is not None and spot.value is not None:
        number = notation.number(spot.value, "score")
        colour = "failed" if spot.low is not None and spot.low <= 0.5 else "skipped"
        parts.append(words_at(0, top + 33, f"AUROC {number}", size=11, colour=colour))
    step = (WIDTH - _LABEL) / _SHOWN
    for at, (row, item) in enumerate(items):
        value = frame[name][row]
        number = "—" if value is None or value != value else notation.number(float(value), "score")
        if column == "text":
            base = top + 18 + at * _TEXT
            parts.append(words_at(_LABEL + 40, base, number, anchor="end", size=11, colour="skipped"))
            parts.append(words_at(_LABEL + 50, base, cut(one_line(str(item), words, 400), words, 104), size=12))
            continue
        drawn = placed(column, item.tolist(), _LABEL + at * step, top + 4, _SIZE, levels)
        if drawn is None:
            return None
        middle = _LABEL + at * step + _SIZE / 2
        x, y = _LABEL + at * step, top + 4
        edge = stroke(f"M{x:.1f} {y}h{_SIZE}v{_SIZE}h-{_SIZE}z", "edge")
        parts += [drawn, edge, words_at(middle, top + _SIZE + 15, number, anchor="middle", size=10, colour="skipped")]
    return joined([*parts, line(0, top - 2, WIDTH, top - 2, "grid")] if top else parts)
