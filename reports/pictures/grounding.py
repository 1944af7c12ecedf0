"""Answers with their claims marked, and beside them the evidence that each was held against, marked too.

    left    an answer; a claim's ground and rule below it say what became of it: conflicting (thick), not in the
            evidence (dashed), supported (thin); the part that decided is underlined twice as thick
    right   claim by claim, by its number: what decided, and the nearest evidence with its place marked
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports.figures import PALETTE, cut, joined, line, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.marked_text import CHARACTER, LINE, Look, Rows, clean, wrapped

__all__ = ["claims_of_item", "claims_with_evidence"]

_COLUMNS = ("prompt", "answer", "context", "claims", "states", "rules", "reasons", "spans", "evidence")
_LEFT, _RIGHT = 400.0, 430.0
"""Width of the answer's column; where that of the evidence begins."""
_LINES, _CLAIMS, _ANSWERS, _MOST_HIGH = 14, 6, 6, 390
"""The most that are drawn, and how high all may be together."""
_HEAD = 46
"""From the top of an answer to its first baseline: the prompt, and the numbers of claims below it."""
_BEFORE = 24
"""Characters of a passage that are shown before the place that is marked."""


_LOOKS = {
    "conflicting": Look("failed", 2.4, ground=0.16), "absent": Look("inconclusive", 1.6, "4 3", 0.12),
    "supported": Look("passed", 1.0), "not scored": Look("skipped", 1.0, "1 3"),
}  # fmt: skip


def claims_with_evidence(shown: Shown) -> Picture | None:
    """Draw the answers that count most against the model; None where no answer has claims."""
    if shown.items is None or not {"value", *_COLUMNS} <= set(shown.columns):
        return None
    frame = shown.frame("value", "weight").reset_index(drop=True).dropna(subset=["value"])
    if frame.empty:
        return None
    order = frame.sort_values("weight", ascending=False, kind="stable").index[:_ANSWERS]
    drawn, top, boxes = list[Markup](), 0.0, list[tuple[float, float, float, float]]()
    for cells in shown.items.rows(order.tolist()).to_pylist():
        part, high = _answer(shown, cells, top)
        if drawn and top + high > _MOST_HIGH:
            break
        drawn.append(part)
        boxes.append((0, top, WIDTH, high))
        top += high + 18
    with_fault = int((frame["value"] > 0).sum())
    words = shown.notation.words
    message = words("picture.grounded", count=f"{with_fault:,}", all=f"{len(frame):,}")
    body = joined([*drawn, _legend(shown, top + 2)])
    hotspots = shown.leading(boxes, order[: len(boxes)].tolist())
    return pictured(shown, top + 22, message, words("picture.grounded_caption"), body, hotspots=hotspots)


def claims_of_item(shown: Shown, cells: Mapping[str, Any]) -> Picture | None:
    """Draw one answer; None where it has no claims."""
    if any(cells.get(name) is None for name in _COLUMNS[1:]) or not len(cells["claims"]):
        return None
    part, high = _answer(shown, cells, 0.0)
    words = shown.notation.words
    faulty = sum(state in ("conflicting", "absent") for state in cells["states"])
    message = words("picture.grounded_item", count=f"{faulty:,}", all=f"{len(cells['states']):,}")
    body = joined([part, _legend(shown, high + 12)])
    return pictured(shown, high + 32, message, words("picture.grounded_caption"), body)


def _answer(shown: Shown, cells: Mapping[str, Any], top: float) -> tuple[Markup, float]:
    """Return an answer with its evidence from `top` on, and how high both are."""
    words = shown.notation.words
    heading = words_at(0, top + 12, cut(str(cells["prompt"] or ""), words, 125), bold=True, size=12)
    text, rows = clean(str(cells["answer"])), Rows(0.0, top + _HEAD)
    lines = list(wrapped(text, int(_LEFT / CHARACTER), _LINES))
    marks = []
    for number, (span, state) in enumerate(zip(cells["spans"], cells["states"], strict=True), 1):
        (start, end, first, last), look = (int(place) for place in span), _LOOKS[state]
        marks += [rows.marked(text, lines, (start, end), look), rows.numbered(text, lines, start, number, look)]
        if (first, last) != (start, end):
            marks.append(rows.underlined(text, lines, (first, last), look))
    left = joined([*marks, *rows.printed(text, lines)])
    right, high = _evidence(shown, cells, top + _HEAD)
    return joined([heading, left, right]), _HEAD + max(len(lines) * LINE, high) - 10


def _evidence(shown: Shown, cells: Mapping[str, Any], top: float) -> tuple[Markup, float]:
    """Return what decided of each claim, those that count against the model first, and the evidence nearest to it."""
    states, parts, at = list(cells["states"]), list[Markup](), top
    order = sorted(range(len(states)), key=lambda claim: list(_LOOKS).index(states[claim]))
    for claim in order[:_CLAIMS]:
        look = _LOOKS[states[claim]]
        parts.append(words_at(_RIGHT, at, _told(shown, cells, claim), size=11, colour=look.colour, bold=True))
        at += 18
        if (found := _excerpt(cells, claim)) is not None:
            text, span = found
            rows = Rows(_RIGHT, at)
            lines = list(wrapped(text, int((WIDTH - _RIGHT) / CHARACTER), 2))
            parts += [rows.marked(text, lines, span, _LOOKS[states[claim]]), *rows.printed(text, lines)]
            at += len(lines) * LINE
        at += 5
    if (left_out := len(states) - _CLAIMS) > 0:
        told = shown.notation.words("picture.grounded_more", count=left_out)
        parts.append(words_at(_RIGHT, at, told, size=11, colour="skipped"))
        at += 18
    return joined(parts), at - top


def _told(shown: Shown, cells: Mapping[str, Any], claim: int) -> str:
    words = shown.notation.words
    state, reason = words.term("cell", cells["states"][claim]), words.term("cause", str(cells["reasons"][claim] or ""))
    rule = words.term("cell", str(cells["rules"][claim]))
    told = words("picture.grounded_claim", number=claim + 1, state=state, rule=rule)
    return cut(words("picture.grounded_why", text=told, reason=reason) if reason else told, words, 76)


def _excerpt(cells: Mapping[str, Any], claim: int) -> tuple[str, tuple[int, int]] | None:
    """Return a piece of the passage around the place of the evidence, and where that stands in it; None without one."""
    place = [int(one) for one in cells["evidence"][claim]]
    if len(place) != 3 or not 0 <= place[0] < len(cells["context"]):
        return None
    passage, (number, start, end) = str(cells["context"][place[0]]), place
    begin = 0 if start <= _BEFORE else max(passage.rfind(" ", 0, start - _BEFORE + 8) + 1, start - _BEFORE)
    head = f"[{number + 1}] " + ("…" if begin else "")
    text = clean(passage[begin : begin + 200])
    return head + text, (len(head) + start - begin, len(head) + min(end - begin, len(text)))


def _legend(shown: Shown, top: float) -> Markup:
    words, parts, x = shown.notation.words, list[Markup](), 0.0
    for state, look in _LOOKS.items():
        parts += [
            Markup('<rect x="{:.1f}" y="{:.1f}" width="26" height="14" fill="{}" fill-opacity="{}"/>').format(
                x, top, PALETTE[look.colour], look.ground
            ),
            line(x, top + 15, x + 26, top + 15, look.colour, width=look.width, dash=look.dash),
            words_at(x + 32, top + 11, words.term("cell", state), size=11),
        ]
        x += 170
    return joined(parts)
