"""What becomes of the same questions when their passages are shown in six ways.

    bars          outcomes of each slice, as shares of the answers: blue as it should be, ochre from memory, red wrong
    differences   what near misses cost, and what the place costs, question by question; dashed: no difference
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from detectors.result import Measure
from reports.figures import Axis, axis_of, bar, cut, dot, feet, joined, line, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot

__all__ = ["slice_bars", "slice_differences"]

_LABEL, _PLOT, _ROW = 230, 520, 30
_READ = {"right": "passed", "refused": "skipped", "wrong": "failed"}
_OUTCOMES: Mapping[str, Mapping[str, str]] = {
    "answerable": _READ, "gold_first": _READ, "gold_middle": _READ, "gold_last": _READ,
    "withheld": {"refused": "passed", "memory": "inconclusive", "wrong": "failed"},
    "changed": {"context": "passed", "memory": "inconclusive", "neither": "failed"},
}
"""Slice -> its outcomes from left to right, each with its colour."""


def slice_bars(shown: Shown) -> Picture | None:
    """Draw the outcomes of every slice; None where no slice is stored."""
    frame = shown.frame(*_OUTCOMES) if shown.items is not None else None
    if frame is None or frame.empty:
        return None
    words, notation = shown.notation.words, shown.notation
    parts, hotspots, told = list[Markup](), list[Hotspot](), dict[tuple[str, str], float]()
    rows = [name for name in _OUTCOMES if name in frame and frame[name].isin([*_OUTCOMES[name]]).any()]
    for at, name in enumerate(rows):
        top, counts = at * _ROW, frame[name].value_counts()
        whole = int(sum(counts.get(one, 0) for one in _OUTCOMES[name]))
        left = float(_LABEL)
        parts.append(words_at(0, top + 19, cut(words.term("group", name), words, 34), size=12))
        for outcome, colour in _OUTCOMES[name].items():
            count = int(counts.get(outcome, 0))
            width = _PLOT * count / whole
            told[name, outcome] = count / whole
            if count:
                parts += _part(left, top + 4, width, f"{words.term('cell', outcome)} {count:,}", colour)
                hotspots.append(Hotspot((left, top + 4, width, _ROW - 8), ((name, outcome),)))
            left += width
        parts.append(
            words_at(WIDTH, top + 19, words("picture.answers", count=whole), anchor="end", size=11, colour="skipped")
        )
    if not rows:
        return None
    shares = {
        name: notation.number(told[name, outcome], "share") if name in rows else "—"
        for name, outcome in (("answerable", "right"), ("withheld", "refused"), ("changed", "context"))
    }
    message = words("picture.slices", **shares)
    caption = words("picture.slices_caption")
    return pictured(shown, len(rows) * _ROW + 4, message, caption, joined(parts), (_LABEL, _PLOT), hotspots)


def _part(left: float, top: float, width: float, text: str, colour: str) -> list[Markup]:
    """Return a part of a bar, with its word and count where they have room, else its count."""
    parts = [bar(left, top, max(0.0, width - 1.5), _ROW - 8, colour)]
    for told, room in ((text, 8), (text.rpartition(" ")[2], 3)):
        if width >= 7 * sum(1.8 if ord(one) > 0x1100 else 1 for one in told) + room:
            return [*parts, words_at(left + width / 2, top + 15, told, anchor="middle", size=11, colour="paper")]
    return parts


def slice_differences(shown: Shown) -> Picture | None:
    """Draw the paired differences between slices; None where there is none."""
    found = [
        (name, one)
        for name, one in (
            ("near_miss_drop", shown.measured("near_miss_drop")),
            *(("position_drop", one) for one in shown.of_groups("position_drop").values()),
        )
        if one is not None and one.value is not None
    ]
    if not found:
        return None
    words, notation = shown.notation.words, shown.notation
    axis = axis_of([(one, None) for _, one in found], _PLOT - 90, "signed share")
    bottom = len(found) * _ROW
    parts = [feet(axis, notation, bottom + 16, left=_LABEL, top=0)]
    parts.append(line(_LABEL + axis.x(0.0), 0, _LABEL + axis.x(0.0), bottom, "ink", dash="2 3"))
    labels = [
        words("picture.slice_near") if name == "near_miss_drop"
        else words("picture.slice_place", place=words.term("group", one.group or ""))
        for name, one in found
    ]
    for at, (label, (_, one)) in enumerate(zip(labels, found, strict=True)):
        parts += _difference(shown, label, one, axis, at * _ROW)
    worst = max(range(len(found)), key=lambda at: found[at][1].value or 0.0)
    message = words("picture.slice_worst", what=labels[worst], drop=_told(shown, found[worst][1]))
    caption = words("picture.slice_differences_caption")
    return pictured(shown, bottom + 24, message, caption, joined(parts), (_LABEL, _PLOT - 90))


def _difference(shown: Shown, label: str, one: Measure, axis: Axis, top: float) -> Sequence[Markup]:
    middle, notation = top + _ROW / 2, shown.notation
    colour = "failed" if one.low is not None and one.low > 0 else "passed"
    parts = [line(0, top + _ROW, WIDTH, top + _ROW, "grid")]
    parts.append(words_at(0, middle + 4, cut(label, notation.words, 36), size=12))
    if one.low is not None and one.high is not None:
        ends = _LABEL + axis.x(one.low), _LABEL + axis.x(one.high)
        parts.append(line(ends[0], middle, ends[1], middle, colour, width=3))
    parts.append(dot(_LABEL + axis.x(one.value or 0.0), middle, colour))
    parts.append(words_at(WIDTH, middle + 4, _told(shown, one), anchor="end", size=12))
    return parts


def _told(shown: Shown, one: Measure) -> str:
    interval = "" if one.low is None else f" {shown.notation.interval(one)}"
    return f"{shown.notation.number(one.value or 0.0, one.unit)}{interval}"
