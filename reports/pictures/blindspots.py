"""What each score sees: a field for every score and everything that was shown beside the familiar items.

    row       a score, the judged one first        column    foreign items, and each distortion of familiar ones
    blue          AUROC above 1/2                  red, ▾      below: takes them for more familiar
    dashed, ≈     the interval holds 1/2           dash        the score could not be trusted

Its numbers are the finding's table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports.figures import PALETTE, cut, joined, words_at
from reports.pictures.part import WIDTH, Picture, Shown, pictured
from reports.pictures.spots import Spot, span
from reports.text import one_line

__all__ = ["blind_spots"]

_LABEL, _ROW, _HEAD = 190, 24, 22
_MOST = 24
"""Scores that are drawn."""


def blind_spots(shown: Shown) -> Picture | None:
    """Draw the table of a finding that has a row for each score and set; None where it has no such table, and where the
    judged score could not be trusted, for then its row is missing.
    """
    judged = shown.measured("worst_blind_spot_auroc")
    if judged is None or judged.value is None:
        return None
    cells = _cells(shown)
    groups = shown.of_groups("auroc").items()
    lost = {score: one.undefined for score, one in groups if one.undefined and (score, "foreign") not in cells}
    scores = list(dict.fromkeys([*(score for score, _ in cells), *lost]))
    sets = list(dict.fromkeys(about for _, about in cells))
    if len(sets) < 2:
        return None
    words, notation, drawn = shown.notation.words, shown.notation, scores[:_MOST]
    wide = (WIDTH - _LABEL) / len(sets)
    parts = [
        words_at(_LABEL + (at + 0.5) * wide, 14, cut(words.term("group", about), words, int(wide / 7)), anchor="middle")
        for at, about in enumerate(sets)
    ]
    for at, score in enumerate(drawn):
        top = _HEAD + at * _ROW
        parts.append(words_at(0, top + 16, cut(words.term("column", score), words, 30), size=12, bold=at == 0))
        if score in lost:
            why = cut(one_line(notation.cause(lost[score]), words, 200), words, 100)
            parts.append(words_at(_LABEL + 6, top + 16, f"— {why}", size=11, colour="skipped"))
        parts += [
            _cell(shown, cells[score, about], _LABEL + across * wide, top, wide)
            for across, about in enumerate(sets)
            if (score, about) in cells
        ]
    lowest = min((about for about in sets if (scores[0], about) in cells), key=lambda one: cells[scores[0], one][0])
    message = words(
        "picture.blind_spots", score=words.term("told", scores[0]), about=words.term("group", lowest),
        lowest=notation.number(cells[scores[0], lowest][0], "score"),
    )
    caption = words("picture.blind_spots_caption")
    if len(scores) > _MOST:
        caption = words("picture.scores_more", text=caption, count=len(scores) - _MOST)
    places = {
        (score, about): (_LABEL + across * wide, _HEAD + at * _ROW, wide, _ROW)
        for at, score in enumerate(drawn) for across, about in enumerate(sets) if (score, about) in cells
    }
    spots = _spots(shown, places)
    return pictured(shown, _HEAD + len(drawn) * _ROW + 4, message, caption, joined(parts), spots=spots)


def _spots(shown: Shown, places: Mapping[tuple[str, str], tuple[float, float, float, float]]) -> list[Spot]:
    """Return a part for each field with items that the score takes for more familiar than half of the familiar ones."""
    if "role" not in shown.columns:
        return []
    names = {name for score, about in places for name in (score, f"{score}_{about}")}
    frame = shown.frame("role", *names)
    found = []
    for (score, about), box in places.items():
        role, column = ("foreign", score) if about == "foreign" else ("items", f"{score}_{about}")
        if score not in frame or column not in frame:
            continue
        middle = float(frame.loc[frame["role"] == "items", score].median())
        if (frame.loc[frame["role"] == role, column] < middle).any():
            found.append(Spot(box, (("role", role), (column, span(None, middle)))))
    return found


def _cells(shown: Shown) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Return (score, what was shown) -> AUROC and its interval, as stored."""
    columns = ("about", "score", "auroc", "low", "high")
    if shown.table is None or not set(columns) <= set(shown.table.columns):
        return {}
    frame: Any = shown.table.table(list(columns)).to_pandas().dropna()
    return {(score, about): (value, low, high) for about, score, value, low, high in frame.itertuples(index=False)}


def _cell(shown: Shown, found: tuple[float, float, float], left: float, top: float, wide: float) -> Markup:
    value, low, high = found
    unseen = low <= 0.5 <= high
    told = shown.notation.number(value, "score")
    depth = 0.05 + 0.5 * abs(2 * value - 1)
    colour = "passed" if value >= 0.5 else "failed"
    frame = Markup(
        '<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" fill="{}" fill-opacity="{:.2f}" stroke="{}"{}/>'
    ).format(
        left + 2, top + 2, wide - 4, _ROW - 4, PALETTE[colour], depth, PALETTE["skipped" if unseen else colour],
        Markup(' stroke-dasharray="3 3"') if unseen else Markup(""),
    )
    mark = "≈ " if unseen else "▾ " if high < 0.5 else ""
    number = words_at(left + wide / 2, top + 16, mark + told, anchor="middle", size=12)
    return joined([frame, number])
