"""What came out of a model above how the text goes on: the longest passage that both have stands out in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports.figures import PALETTE, joined, words_at
from reports.pictures.finding_figure import Picture, Shown, pictured
from reports.pictures.tokens import FACE
from reports.text import Notation, one_line

__all__ = ["extracted_passages", "extraction_of_item"]

_MOST, _ROOM, _AROUND, _LINE = 3, 100, 24, 20
"""Texts that are drawn; Latin characters of a line, those before the passage, and pixels of a line."""
_COLUMNS = ("suffix", "output", "passage", "suffix_at", "output_at", "reproduced")


def extracted_passages(shown: Shown) -> Picture | None:
    """Draw the texts of which the longest passages came out, held-out ones left out; None where nothing was written."""
    if "passage" not in shown.columns:
        return None
    frame = shown.frame("role", *_COLUMNS)
    frame = frame[frame["role"].eq("items") & frame["reproduced"].gt(0)]
    rows = frame.sort_values("reproduced", ascending=False, kind="stable").head(_MOST).to_dict("records")
    return _drawn(shown, rows) if rows else None


def extraction_of_item(shown: Shown, cells: Mapping[str, Any]) -> Picture | None:
    """Draw one text from its cells; None where nothing came out of it."""
    return _drawn(shown, [cells]) if cells.get("passage") and cells.get("output") else None


def _drawn(shown: Shown, rows: list[Any]) -> Picture:
    words, notation, parts, top = shown.notation.words, shown.notation, list[Markup](), 0
    for row in rows:
        length = len(row["passage"])
        told = notation.with_unit(notation.number(float(length), "count"), "characters")
        parts.append(words_at(0, top + 12, words("picture.passage", length=told), size=11, colour="skipped"))
        for at, (name, place) in enumerate((("suffix", "suffix_at"), ("output", "output_at")), 1):
            base = top + 12 + at * _LINE
            parts.append(words_at(0, base, words.term("column", name), size=11, colour="skipped"))
            parts.append(_line(row[name], int(row[place]), length, base, notation))
        top += 3 * _LINE + 14
    longest = max(len(row["passage"]) for row in rows)
    told = notation.with_unit(notation.number(float(longest), "count"), "characters")
    message = words("picture.passages", length=told)
    return pictured(shown, top, message, words("picture.passages_caption"), joined(parts))


def _line(text: str, start: int, length: int, base: float, notation: Notation) -> Markup:
    """Return a line of a text in which a passage stands out; what has no room is left out."""
    before = text[max(0, start - _AROUND) : start]
    passage = text[start : start + length]
    after = text[start + length : start + length + max(0, _ROOM - len(before) - length)]
    spans = [
        Markup("<tspan>{}</tspan>").format(_told(before, notation)),
        Markup('<tspan font-weight="600" fill="{}">{}</tspan>').format(PALETTE["failed"], _told(passage, notation)),
        Markup("<tspan>{}</tspan>").format(_told(after, notation)),
    ]
    style = Markup('font-size="12" font-family="{}" fill="{}" xml:space="preserve"').format(FACE, PALETTE["ink"])
    return Markup('<text x="70" y="{:.1f}" {}>{}</text>').format(base, style, joined(spans))


def _told(text: str, notation: Notation) -> str:
    """Return a part of a text as it is printed; blanks at its ends stay."""
    if not text.strip():
        return " " if text else ""
    inner = one_line(text.strip().replace("\n", "↵"), notation.words, _ROOM)
    return " " * text[0].isspace() + inner + " " * text[-1].isspace()
