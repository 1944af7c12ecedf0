"""What confidences are worth: the reliability diagram, and what is wrong among the answers that are given.

reliability     dot      a group of answers: mean confidence across, share of right ones up; large = many answers
                bar      where the dot of a calibrated model would lie (consistency bar, 95 %); red dot = outside it
                dashed   confidence = share of right ones
risk-coverage   line     wrong ones among the surest answers, from the surest alone (left) to all (right)
                dashed   what was promised; dot and bar: what came out where the promise was kept, with its interval
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from reports.figures import Axis, bar, dot, feet, joined, line, rungs, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import of_bins

__all__ = ["reliability", "risk_coverage"]

_LEFT, _PLOT, _TOP = 60, 164, 8
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_ACROSS = Axis("share", 0.0, 1.0, _TICKS, WIDTH - _LEFT - 8)
"""Its last number is wider than the margin behind its end."""


def reliability(shown: Shown) -> Picture | None:
    """Draw the groups of confidences in a finding's table; None where there are none."""
    import numpy as np

    frame = _rows(shown, ("least", "confidence", "right", "share", "items", "low", "high"))
    if frame is None:
        return None
    notation, words = shown.notation, shown.notation.words
    axis = Axis("share", 0.0, 1.0, _TICKS, _PLOT)
    parts = [*_ground(shown, axis, "picture.right_axis", "picture.confidence_axis")]
    parts.append(line(_x(0), _y(axis, 0), _x(1), _y(axis, 1), "skipped", dash="4 4"))
    for one in frame.itertuples(index=False):
        low, high = _y(axis, one.low), _y(axis, one.high)
        parts.append(bar(_x(one.confidence) - 4, high, 8, max(low - high, 1.5), "skipped", faint=True))
    outside = (frame["right"] < frame["low"] - 1e-9) | (frame["right"] > frame["high"] + 1e-9)
    for one, off in zip(frame.itertuples(index=False), outside, strict=True):
        radius = round(2.5 + 6 * math.sqrt(one.share), 1)
        parts.append(dot(_x(one.confidence), _y(axis, one.right), "failed" if off else "passed", radius=radius))
    farthest = frame.iloc[int((frame["confidence"] - frame["right"]).abs().argmax())]
    message = words(
        "picture.reliability", said=notation.number(float(farthest["confidence"]), "share"),
        right=notation.number(float(farthest["right"]), "share"), count=int(farthest["items"]),
    )
    edges = np.append(frame["least"].to_numpy(float), 1.0)
    hotspots = of_bins("confidence", edges, _ACROSS, _LEFT, (_TOP, _PLOT), frame["items"].to_numpy(np.int64))
    caption = words("picture.reliability_caption", count=int(frame["items"].sum()), outside=int(outside.sum()))
    return pictured(shown, _PLOT + 46, message, caption, joined(parts), (0, WIDTH), hotspots)


def risk_coverage(shown: Shown) -> Picture | None:
    """Draw the curve in a finding's table and the promise; None where there is no curve."""
    frame = _rows(shown, ("coverage", "risk"))
    if frame is None:
        return None
    notation, words = shown.notation, shown.notation.words
    promise = next((one for one in shown.finding.remarks if "promised_share" in one), None)
    given, wrong = shown.measured("answered_share"), shown.measured("error_of_answered")
    most = max(float(frame["risk"].max()), *((wrong.high or 0.0) for wrong in [wrong] if wrong is not None), 0.05)
    axis = _up(min(1.0, most))
    parts = [*_ground(shown, axis, "picture.risk_axis", "picture.coverage_axis")]
    points = [f"{_x(share):.1f} {_y(axis, risk):.1f}" for share, risk in frame.itertuples(index=False)]
    parts.append(stroke(f"M{'L'.join(points)}", "ink", width=1.5))
    everything = float(frame["risk"].iloc[-1])
    message = words("picture.risk_all", risk=notation.number(everything, "share"))
    caption, most_wrong = words("picture.risk_caption"), 1.0
    if promise is not None and "abstention" in str(promise["key"]):
        most_wrong = float(promise["promised_share"])
        at = _y(axis, most_wrong)
        told = words("picture.promised", share=notation.number(float(promise["promised_share"]), "share"))
        parts += [line(_LEFT, at, WIDTH, at, "passed", dash="6 3"), words_at(_LEFT + 18, at - 5, told, size=11)]
    if given is not None and wrong is not None and given.value is not None and wrong.value is not None:
        x, colour = _x(given.value), "failed" if (wrong.low or 0.0) > most_wrong else "passed"
        if wrong.low is not None and wrong.high is not None:
            parts.append(line(x, _y(axis, wrong.low), x, _y(axis, wrong.high), colour, width=2))
        parts.append(dot(x, _y(axis, wrong.value), colour, radius=5))
        caption = words("picture.risk_promised_caption", text=caption)
        message = words(
            "picture.risk_promised", share=notation.number(given.value, "share"),
            risk=notation.number(wrong.value, "share"), everything=notation.number(everything, "share"),
        )
    return pictured(shown, _PLOT + 46, message, caption, joined(parts))


def _rows(shown: Shown, columns: Sequence[str]) -> Any:
    """Return the rows of the finding's table that have these columns; None where there are none."""
    if shown.table is None or not set(columns) <= set(shown.table.columns):
        return None
    frame = shown.table.table(list(columns)).to_pandas().dropna()
    return None if frame.empty else frame


def _ground(shown: Shown, axis: Axis, up: str, across: str) -> list[Markup]:
    """Return both axes with their names."""
    notation, words = shown.notation, shown.notation.words
    return [
        feet(_ACROSS, notation, _TOP + _PLOT + 14, left=_LEFT),
        rungs(axis, notation, partial(_y, axis), left=_LEFT, right=WIDTH),
        words_at(WIDTH - 4, _TOP + _PLOT + 32, words(across), anchor="end", size=11, colour="skipped"),
        words_at(_LEFT + 4, _TOP + 8, words(up), size=11, colour="skipped"),
    ]


def _up(most: float) -> Axis:
    """Return the axis of risks up to a round end."""
    step = next(one for one in (0.01, 0.02, 0.05, 0.1, 0.25) if most <= 4 * one + 1e-9)
    ticks = tuple(step * tick for tick in range(math.ceil(most / step - 1e-9) + 1))
    return Axis("share", 0.0, ticks[-1], ticks, _PLOT)


def _x(share: float) -> float:
    return _LEFT + _ACROSS.x(share)


def _y(axis: Axis, share: float) -> float:
    return _TOP + axis.width - axis.x(share)
