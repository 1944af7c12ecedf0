"""How many members lie above the threshold that a share of non-members exceeds, down to few false alarms.

    across    false alarms, by powers of ten          up    members found          dashed    a coin
    line      the judged score; grey: the classifier that never asks the model, which is looked at first
    bars      the intervals at 1 % and 0.1 %, of the threshold's uncertainty too

Where the classifier tells both sides apart, the score has no value and is not drawn.
"""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from markupsafe import Markup

from detectors.result import Measure
from reports.figures import dot, joined, line, stroke, words_at
from reports.pictures.finding_figure import Picture, Shown, pictured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["members_found"]

_LEFT, _WIDE, _TOP, _HIGH = 64, 500, 24, 250
_LEAST = 1e-3
"""Rate of false alarms where the axis begins."""
_RATES = {"tpr_at_1_percent": 0.01, "tpr_at_0_1_percent": 0.001}
_TICKS = (0.001, 0.01, 0.1, 1.0)
_POINTS = 120
_SAID = _LEFT + _WIDE + 24


def members_found(shown: Shown) -> Picture | None:
    """Draw the judged score and the blind classifier; None where there were too few items to look."""
    blind, judged = shown.measured("blind_auroc"), shown.measured("membership_auroc")
    if blind is None or blind.value is None or not {"role", "blind"} <= set(shown.columns):
        return None
    words, notation = shown.notation.words, shown.notation
    curves = [_curve(shown, "blind", "skipped")]
    key, told = "picture.members_undecided", {"blind": notation.number(blind.value, "score")}
    told["blind_interval"] = notation.interval(blind)
    said = [_said(shown, blind, words("picture.blind"), 0, "skipped")]
    if judged is not None and judged.value is not None and judged.auroc_of:
        score = judged.auroc_of[0][1]
        name = words.term("column", score)
        curves.append(_curve(shown, score, "passed"))
        curves += [_whisker(one, rate) for name, rate in _RATES.items() if (one := shown.measured(name))]
        said.append(_said(shown, judged, name, 1, "passed"))
        key = "picture.members_found"
        told |= {"score": name, "auroc": notation.number(judged.value, "score"),
                 "interval": notation.interval(judged)}  # fmt: skip
    body = joined([_frame(shown), *curves, *said])
    caption = words("picture.members_caption", level=notation.level(blind.level))
    return pictured(shown, _TOP + _HIGH + 50, words(key, **told), caption, body, (0, _SAID))


def _x(rate: float) -> float:
    return _LEFT + _WIDE * (1 - log10(max(rate, _LEAST)) / log10(_LEAST))


def _y(share: float) -> float:
    return _TOP + _HIGH * (1 - share)


def _curve(shown: Shown, score: str, colour: str) -> Markup:
    """Return the share of members above each non-member that is drawn, as a line of steps."""
    import numpy as np

    frame = shown.frame("role", score).dropna()
    known, seen = (np.sort(frame.loc[frame["role"] == side, score]) for side in ("nonmembers", "members"))
    rates, found = _steps(known, seen)
    points = "".join(f"H{_x(rate):.1f}V{_y(share):.1f}" for rate, share in zip(rates, found, strict=True))
    return stroke(f"M{_LEFT:.1f} {_y(float(found[0])):.1f}{points}", colour, width=2.0)


def _steps(known: NDArray[np.float64], seen: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return (false alarms, members found) at thresholds that lie evenly on the axis, scores in ascending order."""
    import numpy as np

    count = len(known)
    above = np.unique(np.concatenate([[0], np.geomspace(max(1, count * _LEAST), count, _POINTS).astype(int)]))
    limits = np.append(known[::-1], -np.inf)[above]
    rates, found = (1 - np.searchsorted(side, limits, "right") / len(side) for side in (known, seen))
    return rates.tolist(), found.tolist()


def _whisker(measure: Measure, rate: float) -> Markup:
    if measure.value is None or measure.low is None or measure.high is None:
        return Markup("")
    at = min(max(_x(rate), _LEFT + 3), _LEFT + _WIDE)
    return joined([line(at, _y(measure.low), at, _y(measure.high), "passed", width=3),
                   dot(at, _y(measure.value), "passed", radius=4)])  # fmt: skip


def _said(shown: Shown, measure: Measure, name: str, row: int, colour: str) -> Markup:
    top, notation = _TOP + 14 + 62 * row, shown.notation
    value = notation.number(measure.value or 0.0, "score")
    return joined([
        line(_SAID, top - 5, _SAID + 22, top - 5, colour, width=3),
        words_at(_SAID + 30, top, name, bold=True),
        words_at(_SAID + 30, top + 17, f"AUROC {value} {notation.interval(measure)}"),
    ])


def _frame(shown: Shown) -> Markup:
    words, notation = shown.notation.words, shown.notation
    coin = "L".join(f"{_x(rate):.1f} {_y(rate):.1f}" for rate in (10 ** (-place / 20) for place in range(61)))
    parts = [
        stroke(f"M{_LEFT} {_TOP}h{_WIDE}v{_HIGH}h-{_WIDE}z", "edge"), stroke(f"M{coin}", "skipped", dash="3 3"),
        words_at(_LEFT + _WIDE, _TOP + _HIGH + 34, words("picture.false_alarms"), anchor="end", size=11,
                 colour="skipped"),
        words_at(_LEFT, _TOP - 8, words("picture.members_above"), size=11, colour="skipped"),
    ]  # fmt: skip
    for rate, told in zip(_TICKS, (notation.ticks([rate], "share")[0] for rate in _TICKS), strict=True):
        parts += [line(_x(rate), _TOP, _x(rate), _TOP + _HIGH, "grid"),
                  words_at(_x(rate), _TOP + _HIGH + 16, told, anchor="middle", size=11, colour="skipped")]  # fmt: skip
    for share, told in zip((0.0, 0.5, 1.0), notation.ticks([0.0, 0.5, 1.0], "share"), strict=True):
        parts.append(words_at(_LEFT - 6, _y(share) + 4, told, anchor="end", size=11, colour="skipped"))
    return joined(parts)
