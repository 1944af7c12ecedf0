"""How the judged score lies on familiar and on foreign items, where the line between them is drawn, and the ROC curve.

    up        familiar items by their score               down     foreign or changed items, on the same line
    line      the threshold of the conformal decision     red      what it gets wrong
    square    share found over false alarms with its simultaneous band; the dot is the threshold, the diagonal a coin
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures import Axis, dot, feet, filled, joined, line, stroke, words_at
from reports.pictures.part import WIDTH, Picture, Shown, pictured
from reports.pictures.ranked import Ranked, axis_of_scores, headline_of, limit_told, score_told, spots_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["counts_of", "score_histograms"]

_PLOT, _HIGH, _BINS = 600, 76, 50
_TOP = 18
"""Room for the name of the threshold."""
_ROC = 172
"""Side of the square."""
_LINES, _LABEL = 6, 110
"""Thresholds that are drawn, and room for what is said of one."""


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
    spots = spots_of(ranked, axis, 0, (_TOP, 2 * _HIGH))
    return pictured(shown, _TOP + _ROC + 36, message, caption, joined(parts), (0, _PLOT), spots)


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
    parts = [feet(axis, notation, middle + _HIGH + 16, top=_TOP)]
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
        place = middle - _HIGH + 10 if up > 0 else middle + _HIGH - 4
        told = words("picture.of_items", name=told, count=len(values))
        top = notation.number(float(found.sum(axis=0).max()) / len(values), "share")
        x, anchor = (0.0, "start") if lines and axis.x(lines[-1]) > _PLOT / 2 else (_PLOT, "end")
        parts += [
            words_at(x, place, told, anchor=anchor, bold=True),
            words_at(x, place + 14 * up, words("picture.highest_bar", share=top), anchor=anchor, size=11,
                     colour="skipped"),
        ]
    parts += [
        line(0, middle, _PLOT, middle, "ink"),
        words_at(axis.x(axis.low), middle + _HIGH + 34, score_told(shown, ranked.score), size=11, colour="skipped"),
    ]
    return joined([*parts, _marked(shown, ranked, axis, lines)] if lines else parts)


def _marked(shown: Shown, ranked: Ranked, axis: Axis, lines: list[float]) -> Markup:
    words, notation, middle = shown.notation.words, shown.notation, _TOP + _HIGH
    last, room = axis.x(lines[-1]), _LABEL if len(lines) == 1 else 2 * _LABEL  # beyond the last there are fewer bars
    at, anchor, off = (last, "start", 5) if last + room < _PLOT else (axis.x(lines[0]), "end", -5)
    several = words("picture.thresholds", low=notation.number(lines[0], "score"),
                    high=notation.number(lines[-1], "score"))
    told = words("picture.threshold", at=notation.number(lines[0], "score")) if len(lines) == 1 else several
    alarms, found = _shares(shown, ranked)
    return joined([
        *(line(axis.x(one), 4, axis.x(one), middle + _HIGH, "ink", width=1.6, dash="5 3") for one in lines),
        words_at(at + off, 12, told, anchor=anchor, size=12, bold=True),
        words_at(at + off, middle - _HIGH + 24, words("picture.alarms_beyond", share=alarms), anchor=anchor, size=11),
        words_at(at + off, middle + _HIGH - 4, words("picture.found_beyond", share=found), anchor=anchor, size=11),
    ])


def _roc(shown: Shown, ranked: Ranked) -> Markup:
    """Draw the curve with its band, all of it inside the square."""
    import numpy as np

    from detectors.roc_curve import roc_curve, roc_margin

    words, notation, left, top = shown.notation.words, shown.notation, WIDTH - _ROC - 8, _TOP
    curve = roc_curve(ranked.familiar, ranked.foreign)
    off = np.array([roc_margin(units, ranked.measure.level) for units in ranked.units])

    def placed(points: NDArray[np.float64]) -> str:
        inside = np.clip(points, 0, 1)
        return "L".join(f"{left + x * _ROC:.1f} {top + _ROC - y * _ROC:.1f}" for x, y in inside.tolist())

    moved = off * [-1, 1]
    band = np.vstack([[0.0, 0.0], curve + moved, [1.0, 1.0], (curve - moved)[::-1]])
    parts = [
        stroke(f"M{placed(band)}z", "grid", fill="skipped"),
        stroke(f"M{left} {top}h{_ROC}v{_ROC}h-{_ROC}z", "edge"),
        line(left, top + _ROC, left + _ROC, top, "skipped", dash="3 3"),
        stroke(f"M{placed(curve)}", "ink", width=1.8),
        words_at(left - 5, top - 8, words("picture.found"), anchor="end", size=11, colour="skipped"),
        words_at(left + _ROC, top + _ROC + 28, words("picture.false_alarms"), anchor="end", size=11, colour="skipped"),
        words_at(left + _ROC - 8, top + _ROC - 26, f"AUROC {notation.number(ranked.measure.value or 0.0, 'score')}",
                 anchor="end", size=12, bold=True),
        words_at(left + _ROC - 8, top + _ROC - 10, notation.interval(ranked.measure), anchor="end", size=11),
    ]
    for tick, text in zip((0.0, 0.5, 1.0), notation.ticks([0.0, 0.5, 1.0], "share"), strict=True):
        x, y = left + tick * _ROC, top + _ROC - tick * _ROC
        anchor = "start" if tick == 0 else "end" if tick == 1 else "middle"
        parts += [
            words_at(x, top + _ROC + 14, text, anchor=anchor, size=11, colour="skipped"),
            words_at(left - 5, y + 4, text, anchor="end", size=11, colour="skipped"),
        ]
    if _lines(ranked):
        x, y = _beyond(ranked)
        parts.append(dot(left + x * _ROC, top + _ROC - y * _ROC, "failed", radius=4.5, hollow=True))
    return joined(parts)
