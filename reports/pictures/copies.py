"""Texts beside the documents that they share a passage with: what stands in both is marked.

    left    a text, from a little before its passage on
    right   the passage as the document has it; of a near copy the words that are other ones stay unmarked
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from markupsafe import Markup

from reports.figures import cut, joined, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.marked_text import CHARACTER, LINE, Look, Rows, clean, wrapped

__all__ = ["copied_passages", "copy_of_item"]

_COLUMNS = (
    "role", "output", "passage", "source", "source_passage", "output_at", "copied", "copied_run", "near_copied",
    "near_edits", "near_passage", "near_source", "near_source_passage",
)  # fmt: skip
_LOOK = Look("failed", 1.0, ground=0.16)
_RIGHT, _WIDE = 440.0, 420.0
"""Where the column of the document begins, and how wide both are."""
_MOST, _LINES, _LINES_ALONE, _BEFORE = 2, 7, 20, 40
"""Texts that are drawn, lines of each and of one alone, and characters before its passage."""


def copied_passages(shown: Shown) -> Picture | None:
    """Draw the texts with the longest passages of documents, held-out ones left out; None where there is no copy."""
    if shown.items is None or not set(_COLUMNS) <= set(shown.columns):
        return None
    frame = shown.frame("role", "copied", "near_copied", "copied_run")
    frame = frame[frame["role"].eq("items") & (frame["copied"].gt(0) | frame["near_copied"].gt(0))]
    first = frame.sort_values(["copied", "copied_run"], ascending=False, kind="stable").index[:_MOST].tolist()
    return _drawn(shown, shown.items.rows(first).to_pylist(), first) if first else None


def copy_of_item(shown: Shown, cells: Mapping[str, Any]) -> Picture | None:
    """Draw one text from its cells; None where it shares no passage with a document."""
    there = cells.get("output") and (cells.get("passage") or cells.get("near_passage"))
    return _drawn(shown, [cells], []) if there and set(_COLUMNS) <= cells.keys() else None


def _drawn(shown: Shown, rows: list[Any], places: list[int]) -> Picture:
    words, parts, boxes, top = shown.notation.words, list[Markup](), list[tuple[float, float, float, float]](), 0.0
    for cells in rows:
        part, high = _pair(shown, cells, top, _LINES if places else _LINES_ALONE)
        parts.append(part)
        boxes.append((0, top, WIDTH, high))
        top += high + 14
    message = words("picture.copied", told=_told(shown, rows[0]))
    hotspots = shown.leading(boxes, places)
    return pictured(shown, top, message, words("picture.copied_caption"), joined(parts), hotspots=hotspots)


def _pair(shown: Shown, cells: Mapping[str, Any], top: float, most: int) -> tuple[Markup, float]:
    """Return a text and its document from `top` on, in `most` lines, and how high both are."""
    words, near = shown.notation.words, _near(cells)
    passage, beside = (clean(str(cells[f"near_{name}" if near else name])) for name in ("passage", "source_passage"))
    output = clean(str(cells["output"]))
    at = max(0, output.find(passage)) if near else int(cells["output_at"])
    begin = 0 if at <= _BEFORE else output.rfind(" ", 0, at - _BEFORE + 8) + 1
    same = list(_same(passage, beside))
    parts, high = [words_at(0, top + 12, words.term("column", "output"), size=11, colour="skipped")], 0.0
    parts.append(words_at(_RIGHT, top + 12, cut(_of(shown, cells), words, 60), size=11, colour="skipped"))
    head = "…" if begin else ""
    for x, text, offset, side in ((0.0, head + output[begin:], len(head) + at - begin, 0), (_RIGHT, beside, 0, 1)):
        lines, rows = list(wrapped(text, int(_WIDE / CHARACTER), most)), Rows(x, top + 34)
        spans = [(offset + pair[side][0], offset + pair[side][1]) for pair in same]
        parts += [rows.marked(text, lines, span, _LOOK) for span in spans] + list(rows.printed(text, lines))
        high = max(high, 20.0 + len(lines) * LINE)
    return joined(parts), high


def _near(cells: Mapping[str, Any]) -> bool:
    """Tell whether a text holds a copy nearly, and none word for word."""
    return not cells["copied"] and bool(cells["near_copied"]) and bool(cells["near_passage"])


def _told(shown: Shown, cells: Mapping[str, Any]) -> str:
    words, notation = shown.notation.words, shown.notation
    if _near(cells):
        return words("picture.copied_nearly", share=notation.number(float(cells["near_edits"]), "share"))
    return words("picture.copied_run", count=int(cells["copied_run"]))


def _of(shown: Shown, cells: Mapping[str, Any]) -> str:
    source = str(cells["near_source" if _near(cells) else "source"])
    return shown.notation.words("picture.copied_of", told=_told(shown, cells), source=source)


def _same(one: str, other: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the places in each text of what both have in a row, in one case and without punctuation."""
    ends, plain = [], list[list[str]]()
    for text in (one, other):
        ends.append([(found.start(), found.end()) for found in re.finditer(r"\S+", text)])
        plain.append([re.sub(r"\W", "", text[start:end]).casefold() for start, end in ends[-1]])
    for first, second, size in SequenceMatcher(None, plain[0], plain[1], autojunk=False).get_matching_blocks():
        if size:
            starts = zip(ends, (first, second), strict=True)
            left, right = ((side[at][0], side[at + size - 1][1]) for side, at in starts)
            yield left, right
