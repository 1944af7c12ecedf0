"""What each score sees: a field for every score and everything that was shown beside the familiar items.

    row       a score, the judged one first        column    foreign items, and each distortion of familiar ones
    blue          AUROC above 1/2                  red, ▾      below: takes them for more familiar
    dashed, ≈     the interval holds 1/2           dash        the score could not be trusted

Its numbers are the finding's table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from detectors.immutable import immutable
from detectors.phrases import Cause
from reports.figures import PALETTE, cut, joined, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot, span
from reports.text import one_line

__all__ = ["blind_spots"]

_LABEL, _ROW, _HEAD = 190, 24, 22
_MOST = 24
"""Scores that are drawn."""

_Key = tuple[str, str]
"""A score, and what was shown."""
_Box = tuple[float, float, float, float]
"""Left, top, width and height."""


@immutable
class _Fields:
    """What is drawn."""

    cells: Mapping[_Key, tuple[float, float, float]]
    lost: Mapping[str, Cause]
    """Why a score could not be trusted, which then has no fields."""
    scores: Sequence[str]
    sets: Sequence[str]

    @property
    def wide(self) -> float:
        return (WIDTH - _LABEL) / len(self.sets)

    def row(self, at: int) -> dict[_Key, _Box]:
        """Return where the fields of a score lie."""
        keys = [(self.scores[at], about) for about in self.sets]
        return {
            key: (_LABEL + across * self.wide, _HEAD + at * _ROW, self.wide, _ROW)
            for across, key in enumerate(keys) if key in self.cells
        }


def blind_spots(shown: Shown) -> Picture | None:
    """Draw the table of a finding that has a row for each score and set; None where it has no such table, and where the
    judged score could not be trusted, for then its row is missing.
    """
    judged = shown.measured("worst_blind_spot_auroc")
    if judged is None or judged.value is None:
        return None
    fields = _fields(shown)
    if len(fields.sets) < 2:
        return None
    words, drawn = shown.notation.words, min(len(fields.scores), _MOST)
    parts = [_heads(shown, fields), *(part for at in range(drawn) for part in _row(shown, fields, at))]
    caption = words("picture.blind_spots_caption")
    if len(fields.scores) > drawn:
        caption = words("picture.scores_more", text=caption, count=len(fields.scores) - drawn)
    hotspots = _hotspots(shown, {key: box for at in range(drawn) for key, box in fields.row(at).items()})
    return pictured(shown, _HEAD + drawn * _ROW + 4, _message(shown, fields), caption, joined(parts), hotspots=hotspots)


def _fields(shown: Shown) -> _Fields:
    cells = _cells(shown)
    groups = shown.of_groups("auroc").items()
    lost = {score: one.undefined for score, one in groups if one.undefined and (score, "foreign") not in cells}
    scores = list(dict.fromkeys([*(score for score, _ in cells), *lost]))
    return _Fields(cells, lost, scores, list(dict.fromkeys(about for _, about in cells)))


def _heads(shown: Shown, fields: _Fields) -> Markup:
    words, wide = shown.notation.words, fields.wide
    return joined(
        words_at(_LABEL + (at + 0.5) * wide, 14, cut(words.term("group", about), words, int(wide / 7)), anchor="middle")
        for at, about in enumerate(fields.sets)
    )


def _row(shown: Shown, fields: _Fields, at: int) -> Iterator[Markup]:
    """Yield the name of a score, why it has no fields if so, and its fields."""
    words, score, base = shown.notation.words, fields.scores[at], _HEAD + at * _ROW + 16
    yield words_at(0, base, cut(words.term("column", score), words, 30), size=12, bold=at == 0)
    if score in fields.lost:
        why = cut(one_line(shown.notation.cause(fields.lost[score]), words, 200), words, 100)
        yield words_at(_LABEL + 6, base, f"— {why}", size=11, colour="skipped")
    for key, (left, top, wide, _) in fields.row(at).items():
        yield _cell(shown, fields.cells[key], left, top, wide)


def _message(shown: Shown, fields: _Fields) -> str:
    """Say to what the judged score is blindest."""
    words, judged = shown.notation.words, fields.scores[0]
    _, lowest = min(fields.row(0), key=lambda key: fields.cells[key][0])
    value = shown.notation.number(fields.cells[judged, lowest][0], "score")
    score, about = words.term("told", judged), words.term("group", lowest)
    return words("picture.blind_spots", score=score, about=about, lowest=value)


def _hotspots(shown: Shown, places: Mapping[_Key, _Box]) -> list[Hotspot]:
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
            found.append(Hotspot(box, (("role", role), (column, span(None, middle)))))
    return found


def _cells(shown: Shown) -> dict[_Key, tuple[float, float, float]]:
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
