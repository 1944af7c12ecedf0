"""What a model is sure of: answers by whether samples agree with them and whether they hold, and which are held back.

two_by_two    across   samples say what the answer says, or other things        down   the answer holds, or does not
              a cell's share with its interval, the darker the larger; red = sure of what is not so
              beside it how many answers have how much agreement
held_back     line     wrong ones among the most certain answers, from the most certain alone to all
              dashed   the same where the shortest answers come first, which knows nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from detectors.immutable import immutable
from reports.figures import PALETTE, Axis, bar, cut, feet, joined, line, round_axis, rungs, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import of_bins
from reports.text import Words

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["held_back", "two_by_two"]

_CELLS = (
    ("confident_truth", 0, 0), ("doubted_truth", 1, 0), ("confident_falsehood", 0, 1), ("doubted_falsehood", 1, 1),
)
_LABEL, _WIDE, _HIGH, _HEAD = 92, 160, 66, 40
_PANEL, _GAP = _LABEL + 2 * _WIDE, 26
_BINS = 10
_LEFT, _TOP, _PLOT, _KEY = 60, 8, 200, 250
_DARKEST = 0.5


def two_by_two(shown: Shown) -> Picture | None:
    """Draw the 2 x 2 by evidence and by labels, and how agreement lies; None without samples."""
    words, notation = shown.notation.words, shown.notation
    groups = [group for group in ("evidence", "labels") if shown.measured("confident_falsehood", group) is not None]
    counts, edges = _agreements(shown)
    if not groups and not counts.sum():
        return None
    parts = [_panel(shown, group, at * (_PANEL + _GAP)) for at, group in enumerate(groups)]
    left = len(groups) * (_PANEL + _GAP)
    axis = Axis("share", 0.0, 1.0, (0.0, 0.5, 1.0), WIDTH - left - 8)
    hotspots = []
    if len(groups) < 2 and counts.sum():
        parts.append(_histogram(shown, counts, axis, left))
        hotspots = of_bins("agreement", edges, axis, left, (_HEAD, 2 * _HIGH), counts)
    worst = shown.measured("confident_falsehood", groups[0]) if groups else None
    said = shown.measured("agreement")
    value = 0.0 if said is None else said.value or 0.0
    message = words("picture.agreement", share=notation.number(value, "share"))
    if worst is not None and worst.value is not None:
        told = notation.number(worst.value, "share")
        message = words("picture.sure_falsehoods", share=told, interval=notation.interval(worst))
    caption = words("picture.agreement_caption", agree=notation.number(float(_agree(shown)), "share"))
    return pictured(shown, _HEAD + 2 * _HIGH + 26, message, caption, joined(parts), (0, WIDTH), hotspots)


def _agree(shown: Shown) -> float:
    return float(shown.finding.options.get("agree", 0.8))


def _agreements(shown: Shown) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many answers have how much agreement, and the edges of the bins."""
    import numpy as np

    edges = np.arange(_BINS + 1) / _BINS  # 6 of 10 is as many as the edge says, which linspace passes by
    there = "agreement" in shown.columns
    values = shown.frame("agreement")["agreement"].dropna().to_numpy(float) if there else np.empty(0)
    return np.histogram(values, edges)[0], edges


def _panel(shown: Shown, group: str, left: float) -> Markup:
    words = shown.notation.words
    parts = [words_at(left, 12, words.term("group", group), bold=True)]
    for across, key in enumerate(("picture.samples_agree", "picture.samples_differ")):
        place = left + _LABEL + (across + 0.5) * _WIDE
        parts.append(words_at(place, _HEAD - 8, words(key), anchor="middle", colour="skipped"))
    for down, key in enumerate(("picture.answer_holds", "picture.answer_fails")):
        parts.append(words_at(left, _HEAD + (down + 0.5) * _HIGH + 4, words(key), colour="skipped"))
    parts += [_cell(shown, name, group, left + _LABEL + x * _WIDE, _HEAD + y * _HIGH) for name, x, y in _CELLS]
    return joined(parts)


def _cell(shown: Shown, name: str, group: str, left: float, top: float) -> Markup:
    notation, one = shown.notation, shown.measured(name, group)
    value = None if one is None else one.value
    colour = "failed" if name == "confident_falsehood" else "passed" if name == "confident_truth" else "skipped"
    box = Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{}" height="{}" fill="{}" fill-opacity="{:.2f}" stroke="{}"/>'
    ).format(
        left + 2, top + 2, _WIDE - 4, _HIGH - 4, PALETTE[colour], 0.06 + _DARKEST * (value or 0.0), PALETTE["grid"]
    )
    middle = left + _WIDE / 2
    said = "—" if one is None or value is None else notation.number(value, one.unit)
    parts = [
        box, words_at(middle, top + 20, notation.words.term("measure", name), anchor="middle", size=11),
        words_at(middle, top + 39, said, anchor="middle", size=16, bold=True),
    ]
    if one is not None and one.low is not None:
        parts.append(words_at(middle, top + 56, notation.interval(one), anchor="middle", size=11))
    return joined(parts)


def _histogram(shown: Shown, counts: NDArray[np.int64], axis: Axis, left: float) -> Markup:
    """Draw how many answers have how much agreement; what counts as agreeing is drawn darker."""
    words, base = shown.notation.words, _HEAD + 2 * _HIGH
    wide, most = axis.width / _BINS, float(counts.max())
    parts = [
        words_at(left, 12, words("picture.agreement_axis"), bold=True),
        feet(axis, shown.notation, base + 16, left=left, top=_HEAD),
        line(left, base, left + axis.width, base, "ink"),
    ]
    for at, count in enumerate(counts.tolist()):
        high = count / most * (2 * _HIGH - 18)
        sure = at / _BINS >= _agree(shown) - 1e-9
        parts.append(bar(left + at * wide + 1, base - high, wide - 2, high, "passed" if sure else "skipped"))
        if count:
            place = left + (at + 0.5) * wide
            parts.append(words_at(place, base - high - 4, f"{count:,}", anchor="middle", size=11, colour="skipped"))
    return joined(parts)


@immutable
class _Axes:
    """Of a risk-coverage curve: where a point of it lies."""

    across: Axis
    """Share of the answers that are given."""
    up: Axis
    """Share of those that are wrong."""

    @property
    def right(self) -> float:
        return _LEFT + self.across.width

    def y(self, risk: float) -> float:
        return _TOP + _PLOT - self.up.x(risk)

    def point(self, share: float, risk: float) -> str:
        return f"{_LEFT + self.across.x(share):.1f} {self.y(risk):.1f}"


def held_back(shown: Shown) -> Picture | None:
    """Draw both risk-coverage curves of the finding's table; None where there are none."""
    if shown.table is None or not {"score", "coverage", "risk"} <= set(shown.table.columns):
        return None
    frame = shown.table.table(["score", "coverage", "risk"]).to_pandas().dropna()
    if frame.empty:
        return None
    words, notation = shown.notation.words, shown.notation
    across = Axis("share", 0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), WIDTH - _LEFT - _KEY)
    axes = _Axes(across, round_axis("share", 0.0, max(float(frame["risk"].max()), 0.05), _PLOT))
    curves = {name: frame[frame["score"] == name] for name in dict.fromkeys(frame["score"])}
    foot = words("picture.held_back_axis")
    parts = [
        feet(across, notation, _TOP + _PLOT + 14, left=_LEFT),
        rungs(axes.up, notation, axes.y, left=_LEFT, right=axes.right),
        words_at(_LEFT + 4, _TOP + 8, words("picture.risk_axis"), size=11, colour="skipped"),
        *(_curve(axes, curve, name, words, at) for at, (name, curve) in enumerate(curves.items())),
        words_at(axes.right, _TOP + _PLOT + 32, foot, anchor="end", size=11, colour="skipped"),
    ]
    judged = next(iter(curves))
    half, whole = (notation.number(_risk_at(curves[judged], share), "share") for share in (0.5, 1.0))
    message = words("picture.held_back", half=half, whole=whole, score=words.term("column", judged))
    return pictured(shown, _TOP + _PLOT + 40, message, words("picture.held_back_caption"), joined(parts))


def _curve(axes: _Axes, curve: pd.DataFrame, name: str, words: Words, at: int) -> Markup:
    """Draw a curve and its name; `at`: the judged score is the first, and drawn stronger."""
    reached = list(curve[["coverage", "risk"]].itertuples(index=False, name=None))
    # of equally certain answers any part is, on average, as often wrong as all
    points = [axes.point(share, risk) for share, risk in [(0.0, reached[0][1]), *reached]]
    colour, dash = ("skipped", "5 3") if at else ("ink", "")
    x, y = axes.right + 12, _TOP + 14 + 18 * at
    return joined([
        stroke(f"M{'L'.join(points)}", colour, width=1.8, dash=dash),
        line(x, y - 4, x + 22, y - 4, colour, width=1.8, dash=dash),
        words_at(x + 28, y, cut(words.term("column", name), words, 30), size=11),
    ])


def _risk_at(curve: pd.DataFrame, share: float) -> float:
    """Return the share of wrong answers where a curve first answers so many."""
    return float(curve.loc[curve["coverage"] >= share - 1e-9, "risk"].iloc[0])
