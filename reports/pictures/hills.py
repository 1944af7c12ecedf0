"""Two kinds of items on one line: where their hills lie on each other, a score cannot tell them apart.

    row       grey = familiar items, colour = foreign or changed ones, beside it the AUROC with its interval
    square    for the lowest AUROC: share found over false alarms, as the threshold falls; the diagonal is a coin

A hill is a histogram of the values between the 0.5 % and 99.5 % points of all of them, smoothed over five bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from detectors.result import Measure
from reports.figures import Axis, cut, feet, joined, line, round_axis, stroke, words_at
from reports.pictures.part import WIDTH, Picture, Shown, pictured
from reports.pictures.spots import Cells, Spot, of_bins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["hills", "roc_points"]

_LABEL, _PLOT, _ROW, _FOOT = 128, 400, 48, 20
_ROC = 130
"""Side of the square on the right."""
_MOST = 8
"""Rows, those of the lowest AUROC where there are more."""
_BINS, _SPOTS = 80, 10


@dataclass(frozen=True)
class _Pair:
    """What one AUROC is measured on."""

    measure: Measure
    score: str
    familiar: NDArray[np.float64]
    foreign: NDArray[np.float64]
    roles: Cells
    """What tells the items of both from others; empty where nothing does."""
    changed: str
    """Column of the foreign values."""


def hills(shown: Shown) -> Picture | None:
    """Draw every AUROC that says what it is made of, the lowest first; None where there is none."""
    pairs = sorted(_pairs(shown), key=lambda one: one.measure.value or 0.0)[:_MOST]
    if not pairs:
        return None
    scores = {one.score for one in pairs}
    words, notation = shown.notation.words, shown.notation
    common = _axis(pairs) if len(scores) == 1 else None
    parts = [_row(shown, one, common or _axis([one]), at * _ROW) for at, one in enumerate(pairs)]
    height = len(pairs) * _ROW
    if common is not None:
        score = cut(words.term("column", pairs[0].score), words, 20)
        parts += [
            feet(common, notation, height + 14, left=_LABEL),
            words_at(0, height + 14, score, size=11, colour="skipped"),
        ]
    parts.append(_roc(shown, pairs[0]))
    lowest = notation.sentence(pairs[0].measure, None)
    caption = words("picture.hills_caption", limit=_limit(shown))
    if common is None:
        caption = words("picture.hills_own_axes", text=caption)
    message = words("picture.hills", lowest=lowest)
    spots = [one for at, pair in enumerate(pairs) for one in _spots(pair, common or _axis([pair]), at * _ROW)]
    return pictured(shown, max(height + _FOOT, _ROC + 50), message, caption, joined(parts), (_LABEL, _PLOT), spots)


def _limit(shown: Shown) -> str:
    limit, words = shown.finding.limit, shown.notation.words
    if limit is None or not limit.measure.endswith("auroc"):
        return words("picture.no_limit")
    return words(
        "picture.limit", measure=words.term("measure", limit.measure), limit=shown.notation.limit(limit, "score")
    )


def _pairs(shown: Shown) -> list[_Pair]:
    """Return the AUROCs of groups, else that of all the data, whose columns are stored."""
    measures = [one for one in shown.finding.measures if one.auroc_of and one.value is not None]
    measures = [one for one in measures if one.group is not None] or measures
    needed = {column for one in measures for _, column in one.auroc_of or ()}
    if not measures or not needed <= set(shown.columns):
        return []
    frame = shown.frame("role", *sorted(needed))
    found = []
    for one in measures:
        (own, score), (other, changed) = one.auroc_of or (("", ""), ("", ""))
        here = frame.get("role")
        sides = [
            (frame[column] if here is None else frame.loc[here == role, column]).dropna().to_numpy(float)
            for role, column in ((own, score), (other, changed))
        ]
        if all(side.size for side in sides):
            roles = () if here is None else tuple(dict.fromkeys((("role", own), ("role", other))))
            found.append(_Pair(one, score, sides[0], sides[1], roles, changed))
    return found


def _axis(pairs: Sequence[_Pair]) -> Axis:
    import numpy as np

    values = np.concatenate([side for one in pairs for side in (one.familiar, one.foreign)])
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.005, 0.995]) if values.size else (0.0, 1.0)
    return round_axis("score", float(low), float(high), _PLOT)


def _row(shown: Shown, pair: _Pair, axis: Axis, top: float) -> Markup:
    words, notation, measure = shown.notation.words, shown.notation, pair.measure
    base = top + _ROW - 6
    limit = shown.finding.limit
    judged = limit is not None and limit.measure == measure.name and limit.at_least is not None
    broken = judged and limit is not None and measure.value is not None and measure.value < (limit.at_least or 0.0)
    colour = "failed" if broken else "passed"
    name = words.term("group", measure.group) if measure.group is not None else words.term("measure", measure.name)
    number = notation.number(measure.value or 0.0, measure.unit)
    return joined(
        [
            line(0, top + _ROW - 1, _LABEL + _PLOT + 110, top + _ROW - 1, "grid"),
            words_at(0, base - 10, cut(name, words, 19), size=13, colour=colour if broken else "ink", bold=broken),
            _hill(pair.familiar, axis, base, "skipped"),
            _hill(pair.foreign, axis, base, colour),
            words_at(_LABEL + _PLOT + 8, base - 18, number, size=13, colour=colour if broken else "ink", bold=True),
            words_at(_LABEL + _PLOT + 8, base - 3, notation.interval(measure), size=11, colour="skipped"),
        ]
    )


def _hill(values: NDArray[np.float64], axis: Axis, base: float, colour: str) -> Markup:
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


def _spots(pair: _Pair, axis: Axis, top: float) -> list[Spot]:
    """Return the spots of a row: its items by score, by that of the changed ones where each item has two."""
    import numpy as np

    values = pair.foreign if pair.changed != pair.score else np.concatenate([pair.familiar, pair.foreign])
    edges = np.linspace(axis.low, axis.high, _SPOTS + 1)
    counts = np.histogram(np.clip(values, axis.low, axis.high), edges)[0]
    return of_bins(pair.changed, edges, axis, _LABEL, (top, _ROW - 2), counts, pair.roles)


def roc_points(familiar: NDArray[np.float64], foreign: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return (share of familiar, share of foreign) at or above each threshold, from none to all; ties share a step.

    At most 200 of them, evenly along the curve; the area under the straight lines between all of them is the AUROC.
    """
    import numpy as np

    at = np.unique(np.concatenate([familiar, foreign]))[::-1]
    shares = [1 - np.searchsorted(np.sort(side), at, "left") / side.size for side in (familiar, foreign)]
    curve = np.vstack([[0.0, 0.0], np.column_stack(shares)])
    if len(curve) > 200:
        walked = np.concatenate([[0.0], np.abs(np.diff(curve, axis=0)).sum(axis=1).cumsum()])
        curve = curve[np.unique(np.searchsorted(walked, np.linspace(0, walked[-1], 200)).clip(0, len(curve) - 1))]
    return [(float(share), float(hit)) for share, hit in curve]


def _roc(shown: Shown, pair: _Pair) -> Markup:
    words = shown.notation.words
    left, top = WIDTH - _ROC - 4, 20
    points = "L".join(
        f"{left + share * _ROC:.1f} {top + _ROC - hit * _ROC:.1f}"
        for share, hit in roc_points(pair.familiar, pair.foreign)
    )
    group = pair.measure.group
    name = "" if group is None else cut(words.term("group", group), words, 20)
    return joined(
        [
            words_at(left, 12, name, size=12),
            stroke(f"M{left} {top}h{_ROC}v{_ROC}h-{_ROC}z", "grid"),
            line(left, top + _ROC, left + _ROC, top, "skipped", dash="3 3"),
            stroke(f"M{left} {top + _ROC}L{points}", "ink", width=1.6),
            words_at(
                left + _ROC / 2,
                top + _ROC + 14,
                words("picture.false_alarms"),
                anchor="middle",
                size=11,
                colour="skipped",
            ),
            words_at(left, top + _ROC + 14, "0", size=11, colour="skipped"),
            words_at(left + _ROC, top + _ROC + 14, "1", anchor="end", size=11, colour="skipped"),
            words_at(left - 4, top + 10, words("picture.found"), anchor="end", size=11, colour="skipped"),
        ]
    )
