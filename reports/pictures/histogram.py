"""How the judged score lies on familiar and on foreign items, where the line between them is drawn, and the ROC curve.

    up        familiar items by their score               down     foreign or changed items, on the same line
    line      the threshold of the conformal decision     red      what it gets wrong
    square    share found over false alarms with its simultaneous band; the dot is the threshold, the diagonal a coin
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures import Axis, dot, feet, filled, joined, line, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.ranked import Ranked, axis_of_scores, headline_of, hotspots_of, limit_told, score_told
from reports.text import Notation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["counts_of", "score_histograms"]

_PLOT, _HIGH, _BINS = 600, 68, 50
_TOP = 34
"""Room for what a side is and how many items lie beyond the threshold, and below that for the threshold's name."""
_ROC, _ROC_TOP = 172, 18
_ROC_LEFT = WIDTH - _ROC - 8
"""Side of the square, and where it begins."""
_LINES = 6
"""Thresholds that are drawn."""
_ROW = {1: 12, -1: _TOP + 2 * _HIGH + 14}
"""Baselines of what is said above and below the bars."""
_SIDE, _LABEL, _NAME = 270, 130, 165
"""Room for what a side is, for a share beyond the threshold, and for the threshold's name; several need it twice."""


def score_histograms(shown: Shown) -> Picture | None:
    """Draw the scores behind the headline's AUROC; None where they are not stored."""
    ranked = headline_of(shown)
    if ranked is None:
        return None
    lines = _lines(ranked)
    axis = axis_of_scores([ranked], _PLOT, also=lines)
    words, notation = shown.notation.words, shown.notation
    about = words.term("group", ranked.about)
    parts = [_sides(shown, ranked, axis, lines), _roc(shown, ranked)]
    name = score_told(shown, ranked.score)
    value = notation.number(ranked.measure.value or 0.0, "score")
    key = "picture.histogram_caption" if lines else "picture.histogram_caption_no_threshold"
    caption = words(
        "picture.histogram_caption_answers" if ranked.beside else key, about=about,
        limit=limit_told(shown), level=notation.level(ranked.measure.level),
    )
    told = {"score": name, "about": about, "auroc": value, "interval": notation.interval(ranked.measure)}
    message = words("picture.histogram_no_threshold", **told)
    if lines:
        alarms, found = _shares(shown, ranked)
        message = words("picture.histogram", **told, found=found, alarms=alarms)
    hotspots = hotspots_of(ranked, axis, 0, (_TOP, 2 * _HIGH))
    return pictured(shown, _ROC_TOP + _ROC + 36, message, caption, joined(parts), (0, _PLOT), hotspots)


def _lines(ranked: Ranked) -> list[float]:
    """Return the thresholds, one or one of each group; none where there are too many to be drawn."""
    import numpy as np

    found = np.unique(np.concatenate(ranked.thresholds)).tolist() if ranked.thresholds else []
    return found if len(found) <= _LINES else []


def _beyond(ranked: Ranked) -> tuple[float, float]:
    """Return the shares of familiar and of other items above their threshold."""
    assert ranked.thresholds is not None
    familiar, foreign = ranked.thresholds
    return float((ranked.familiar > familiar).mean()), float((ranked.foreign > foreign).mean())


def _shares(shown: Shown, ranked: Ranked) -> tuple[str, str]:
    alarms, found = (shown.notation.number(share, "share") for share in _beyond(ranked))
    return alarms, found


def counts_of(
    values: NDArray[np.float64], axis: Axis, threshold: float | NDArray[np.float64] | None
) -> NDArray[np.int64]:
    """Return how many values lie in each bin, below and above the threshold, [2, bin]; the outermost hold the rest."""
    import numpy as np

    edges = np.linspace(axis.low, axis.high, _BINS + 1)
    above = np.zeros(len(values), dtype=bool) if threshold is None else values > threshold
    kept = np.clip(values, axis.low, axis.high)
    return np.array([np.histogram(kept[side], edges)[0] for side in (~above, above)])


def _sides(shown: Shown, ranked: Ranked, axis: Axis, lines: list[float]) -> Markup:
    words, notation, middle = shown.notation.words, shown.notation, _TOP + _HIGH
    sides = [(ranked.familiar, "skipped", 1), (ranked.foreign, "passed", -1)]
    cut = ranked.thresholds if lines and ranked.thresholds else (None, None)
    counts = [counts_of(values, axis, own) for (values, _, _), own in zip(sides, cut, strict=True)]
    most = max(float(found.sum(axis=0).max()) / found.sum() for found in counts)
    at_end, anchor = _places([axis.x(one) for one in lines])
    parts = [feet(axis, notation, middle + _HIGH + 32, top=_TOP)]
    wide = (axis.x(axis.high) - axis.x(axis.low)) / _BINS
    for (values, colour, up), found in zip(sides, counts, strict=True):
        colours = (colour, colour) if not lines else (("skipped", "failed") if up > 0 else ("failed", "passed"))
        high, below = found / found.sum() / most * (_HIGH - 6), found[:1] * 0.0
        for part, fill in zip(high, colours, strict=True):
            ends = zip(below[0].tolist(), part.tolist(), strict=True)
            drawn = (
                f"M{axis.x(axis.low) + at * wide + 0.5:.1f} {middle - up * start:.1f}h{wide - 1:.1f}v{-up * step:.1f}"
                f"h{1 - wide:.1f}z" for at, (start, step) in enumerate(ends) if step
            )
            parts.append(filled("".join(drawn), fill))
            below = below + part
        above = words.term("group", ranked.beside) if ranked.beside else words("picture.familiar")
        told = words.term("group", ranked.about) if up < 0 else above
        top = notation.number(float(found.sum(axis=0).max()) / len(values), "share")
        told = words("picture.side", name=told, count=len(values), share=top)
        x, edge = (_PLOT, "end") if at_end else (0.0, "start")
        parts.append(words_at(x, _ROW[up], told, anchor=edge, bold=True))
    parts += [
        line(0, middle, _PLOT, middle, "ink"),
        words_at(axis.x(axis.low), middle + _HIGH + 50, score_told(shown, ranked.score), size=11, colour="skipped"),
    ]
    return joined([*parts, _marked(shown, ranked, axis, lines, anchor)] if lines else parts)


def _places(lines: list[float]) -> tuple[bool, str]:
    """Return whether names of the sides stand at the end, and on which side of the thresholds what is said of them.

    Neither stands on the other where that can be; `lines` are where the thresholds are drawn, in pixels.
    """
    if not lines:
        return True, "start"
    first, last = min(lines), max(lines)
    name = _NAME * min(2, len(lines))
    for at_end in (last <= _PLOT / 2, last > _PLOT / 2):
        begin, end = (0, _PLOT - _SIDE) if at_end else (_SIDE, _PLOT)
        if last + _LABEL <= end and last >= begin and last + name <= _PLOT:
            return at_end, "start"
        if first - _LABEL >= begin and first <= end and first >= name:
            return at_end, "end"
    return last <= _PLOT / 2, "start" if last + name <= _PLOT else "end"


def _marked(shown: Shown, ranked: Ranked, axis: Axis, lines: list[float], anchor: str) -> Markup:
    words, notation = shown.notation.words, shown.notation
    at, off = (axis.x(lines[-1]), 5) if anchor == "start" else (axis.x(lines[0]), -5)
    several = words("picture.thresholds", low=notation.number(lines[0], "score"),
                    high=notation.number(lines[-1], "score"))
    told = words("picture.threshold", at=notation.number(lines[0], "score")) if len(lines) == 1 else several
    alarms, found = _shares(shown, ranked)
    return joined([
        *(line(axis.x(one), 4, axis.x(one), _ROW[-1] + 3, "ink", width=1.6, dash="5 3") for one in lines),
        words_at(at + off, _TOP - 7, told, anchor=anchor, size=12, bold=True),
        words_at(at + off, _ROW[1], words("picture.alarms_beyond", share=alarms), anchor=anchor, size=11),
        words_at(at + off, _ROW[-1], words("picture.found_beyond", share=found), anchor=anchor, size=11),
    ])


def _roc(shown: Shown, ranked: Ranked) -> Markup:
    """Draw the curve with its band, all of it inside the square."""
    words, left, foot = shown.notation.words, _ROC_LEFT, _ROC_TOP + _ROC
    band, curve = _band_and_curve(ranked)
    parts = [
        stroke(f"M{_placed(band)}z", "grid", fill="skipped"),
        stroke(f"M{left} {_ROC_TOP}h{_ROC}v{_ROC}h-{_ROC}z", "edge"),
        line(left, foot, left + _ROC, _ROC_TOP, "skipped", dash="3 3"),
        stroke(f"M{_placed(curve)}", "ink", width=1.8),
        words_at(left - 5, _ROC_TOP - 8, words("picture.found"), anchor="end", size=11, colour="skipped"),
        words_at(left + _ROC, foot + 28, words("picture.false_alarms"), anchor="end", size=11, colour="skipped"),
        _area(ranked, shown.notation),
        _shares_beside(shown.notation),
    ]
    if _lines(ranked):
        x, y = _beyond(ranked)
        parts.append(dot(left + x * _ROC, foot - y * _ROC, "failed", radius=4.5, hollow=True))
    return joined(parts)


def _band_and_curve(ranked: Ranked) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (false alarms, found) around the band, and along the curve."""
    import numpy as np

    from detectors.roc_curve import roc_curve, roc_margin

    curve = roc_curve(ranked.familiar, ranked.foreign)
    moved = np.array([roc_margin(units, ranked.measure.level) for units in ranked.units]) * [-1, 1]
    return np.vstack([[0.0, 0.0], curve + moved, [1.0, 1.0], (curve - moved)[::-1]]), curve


def _placed(points: NDArray[np.float64]) -> str:
    """Return points of the square as a path, those beyond it on its edge."""
    inside = points.clip(0, 1)
    return "L".join(f"{_ROC_LEFT + x * _ROC:.1f} {_ROC_TOP + _ROC - y * _ROC:.1f}" for x, y in inside.tolist())


def _area(ranked: Ranked, notation: Notation) -> Markup:
    """Write the AUROC with its interval into the corner where the curve is not."""
    value = ranked.measure.value or 0.0
    x, y, anchor = (
        (_ROC_LEFT + _ROC - 8, _ROC_TOP + _ROC - 26, "end") if value >= 0.5 else (_ROC_LEFT + 8, _ROC_TOP + 18, "start")
    )
    return joined([
        words_at(x, y, f"AUROC {notation.number(value, 'score')}", anchor=anchor, size=12, bold=True),
        words_at(x, y + 16, notation.interval(ranked.measure), anchor=anchor, size=11),
    ])


def _shares_beside(notation: Notation) -> Markup:
    """Write the shares below and beside the square."""
    parts = []
    for tick, text in zip((0.0, 0.5, 1.0), notation.ticks([0.0, 0.5, 1.0], "share"), strict=True):
        x, y = _ROC_LEFT + tick * _ROC, _ROC_TOP + _ROC - tick * _ROC
        anchor = "start" if tick == 0 else "end" if tick == 1 else "middle"
        parts += [
            words_at(x, _ROC_TOP + _ROC + 14, text, anchor=anchor, size=11, colour="skipped"),
            words_at(_ROC_LEFT - 5, y + 4, text, anchor="end", size=11, colour="skipped"),
        ]
    return joined(parts)
