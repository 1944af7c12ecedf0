"""Two kinds of items on one line: where their densities lie on each other, a score cannot tell them apart.

    row       grey = familiar items, colour = foreign or changed ones, beside it the AUROC with its interval

A density is a histogram of the values between the 0.5 % and 99.5 % points of all of them, smoothed over five bins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from detectors.result import Measure
from reports.figures import Axis, cut, feet, joined, line, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.ranked import Ranked, axis_of_scores, hotspots_of, limit_told, ranked_of, score_told

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["score_densities"]

_LABEL, _PLOT, _ROW, _FOOT = 200, 500, 48, 36
_MOST = 8
"""Rows, those of the lowest AUROC where there are more."""
_BINS = 80


def score_densities(shown: Shown) -> Picture | None:
    """Draw every AUROC that says what it is made of, the lowest first; None where there is none."""
    measures = [one for one in shown.finding.measures if one.auroc_of]
    measures = [one for one in measures if one.group is not None] or measures
    of_one_score = [one for one in measures if not _of_another_score(one)]
    ranked = ranked_of(shown, of_one_score or measures)
    ranked = sorted(ranked, key=lambda one: one.measure.value or 0.0)[:_MOST]
    if not ranked:
        return None
    scores = {one.score for one in ranked}
    words, notation = shown.notation.words, shown.notation
    common = axis_of_scores(ranked, _PLOT) if len(scores) == 1 else None
    axes = [common or axis_of_scores([one], _PLOT) for one in ranked]
    parts = [_row(shown, one, axis, at * _ROW) for at, (one, axis) in enumerate(zip(ranked, axes, strict=True))]
    height = len(ranked) * _ROW
    if common is not None:
        parts += [
            feet(common, notation, height + 14, left=_LABEL),
            words_at(_LABEL + 16, height + 30, score_told(shown, ranked[0].score), size=11, colour="skipped"),
        ]
    lowest = notation.sentence(ranked[0].measure, None)
    caption = words("picture.hills_caption", limit=limit_told(shown))
    if common is None:
        caption = words("picture.hills_own_axes", text=caption)
    message = words("picture.hills", lowest=lowest)
    hotspots = [
        hotspot for at, (one, axis) in enumerate(zip(ranked, axes, strict=True))
        for hotspot in hotspots_of(one, axis, _LABEL, (at * _ROW, _ROW - 2))
    ]
    foot = 2 if common is None else _FOOT
    return pictured(shown, height + foot, message, caption, joined(parts), (_LABEL, _PLOT), hotspots)


def _of_another_score(measure: Measure) -> bool:
    """Tell whether a measure's group is the score that it speaks of, and not what was shown."""
    return any(measure.group == column for _, column in measure.auroc_of or ())


def _row(shown: Shown, one: Ranked, axis: Axis, top: float) -> Markup:
    words, notation, measure = shown.notation.words, shown.notation, one.measure
    base = top + _ROW - 6
    limit = shown.finding.limit
    least = None if limit is None or limit.measure != measure.name or _of_another_score(measure) else limit.at_least
    broken = least is not None and measure.value is not None and measure.value < least
    colour = "failed" if broken else "passed"
    name = words.term("group", measure.group) if measure.group is not None else words.term("measure", measure.name)
    number = notation.number(measure.value or 0.0, measure.unit)
    return joined(
        [
            line(0, top + _ROW - 1, WIDTH, top + _ROW - 1, "grid"),
            words_at(0, base - 10, cut(name, words, 28), size=13, colour=colour if broken else "ink", bold=broken),
            _density(one.familiar, axis, base, "skipped"),
            _density(one.foreign, axis, base, colour),
            words_at(WIDTH, base - 18, number, anchor="end", size=13, colour=colour if broken else "ink", bold=True),
            words_at(WIDTH, base - 3, notation.interval(measure), anchor="end", size=11, colour="skipped"),
        ]
    )


def _density(values: NDArray[np.float64], axis: Axis, base: float, colour: str) -> Markup:
    import numpy as np

    counts, edges = np.histogram(np.clip(values, axis.low, axis.high), bins=_BINS, range=(axis.low, axis.high))
    smooth = np.convolve(counts, np.array([1, 4, 6, 4, 1]) / 16, mode="same")
    heights = smooth / max(float(smooth.max()), 1e-12) * (_ROW - 12)
    centres = (edges[:-1] + edges[1:]) / 2
    points = "".join(
        f"L{_LABEL + axis.x(at):.1f} {base - height:.1f}"
        for at, height in zip(centres.tolist(), heights.tolist(), strict=True)
    )
    left, right = _LABEL + axis.x(axis.low), _LABEL + axis.x(axis.high)
    return stroke(f"M{left:.1f} {base}{points}L{right:.1f} {base}z", colour, fill=colour, width=1.2)
