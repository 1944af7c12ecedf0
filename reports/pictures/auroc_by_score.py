"""Who sees the foreign items: every score side by side on the same items, the best first.

    row       a score and what it is made of; dot = AUROC, line = its interval; bold = the one that is judged
    dashed    a coin; thick: the limit of the one that is judged

filled dot: P(X), a model of the data; hollow: P(Y|X), a classifier; square: the data alone, without a model.
"""

from __future__ import annotations

from typing import get_args

from markupsafe import Markup

from detectors.result import Measure
from reports.figures import Axis, axis_of, bar, cut, dot, feet, joined, line, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.text import one_line

__all__ = ["by_score"]

_LABEL, _KIND, _PLOT, _ROW = 210, 96, 420, 24
_LEFT = _LABEL + _KIND
_MOST = 24
_CLASSIFIER = frozenset({"max_softmax", "energy", "mahalanobis"})


def by_score(shown: Shown) -> Picture | None:
    """Draw the AUROCs of all scores on foreign items; None where there are fewer than two."""
    found = _found(shown)
    known = sorted((one for one in found.items() if one[1].value is not None), key=lambda one: -(one[1].value or 0.0))
    if len(known) < 2:
        return None
    lost = [one for one in found.items() if one[1].value is None]
    rows = [*known, *lost][:_MOST]
    words, notation, judged = shown.notation.words, shown.notation, shown.measured("auroc")
    limit = shown.finding.limit if shown.finding.limit is not None and shown.finding.limit.measure == "auroc" else None
    axis = axis_of([(one, limit) for _, one in known], _PLOT)
    bottom = len(rows) * _ROW
    coin, drawn = _LEFT + axis.x(0.5), len(known[:_MOST]) * _ROW
    parts = [feet(axis, notation, bottom + 16, left=_LEFT, top=0), line(coin, 0, coin, drawn, "ink", dash="2 3")]
    for bound in () if limit is None else (limit.at_least, limit.at_most):
        if bound is not None:
            parts.append(line(_LEFT + axis.x(bound), 0, _LEFT + axis.x(bound), drawn, "ink", width=2))
    for at, (score, one) in enumerate(rows):
        own = judged is not None and score == _score_of(judged, shown)
        parts.append(_row(shown, score, one, axis, at * _ROW, bold=own))
    message = words(
        "picture.families", best=words.term("told", known[0][0]), most=_told(shown, known[0][1]),
        worst=words.term("told", known[-1][0]), least=_told(shown, known[-1][1]),
    )
    caption = words("picture.families_caption", level=notation.level(known[0][1].level))
    if limit is not None:
        caption = words("picture.limit_thick", text=caption)
    if len(found) > _MOST:
        caption = words("picture.scores_more", text=caption, count=len(found) - _MOST)
    return pictured(shown, bottom + 24, message, caption, joined(parts), (_LEFT, _PLOT))


def _found(shown: Shown) -> dict[str, Measure]:
    """Return score -> its AUROC on foreign items."""
    groups = shown.of_groups("auroc")
    whole = shown.measured("auroc")
    if whole is None:
        return groups
    return {_score_of(whole, shown): whole, **groups}


def _score_of(measure: Measure, shown: Shown) -> str:
    """Return which score the measure of all the data is of."""
    if measure.auroc_of:
        return measure.auroc_of[0][1]
    return str(shown.finding.options.get("score", measure.name))


def _told(shown: Shown, one: Measure) -> str:
    return f"{shown.notation.number(one.value or 0.0, one.unit)} {shown.notation.interval(one)}"


def _kind(score: str) -> str:
    from audit.probes.novelty.scores import Bar

    if score in _CLASSIFIER:
        return "classifier"
    return "data_alone" if score in {"knn5", "mixture", "compressed_size", "sub_pca", *get_args(Bar)} else "density"


def _row(shown: Shown, score: str, one: Measure, axis: Axis, top: float, *, bold: bool) -> Markup:
    words, notation, middle, kind = shown.notation.words, shown.notation, top + _ROW / 2, _kind(score)
    parts = [
        line(0, top + _ROW, WIDTH, top + _ROW, "grid"),
        words_at(0, middle + 4, cut(words.term("group", score), words, 34), size=12, bold=bold),
        words_at(_LABEL, middle + 4, words(f"picture.{kind}"), size=11, colour="skipped"),
    ]
    if one.value is None:
        why = cut(one_line(notation.cause(one.undefined or ""), words, 200), words, 84)
        return joined([*parts, words_at(_LEFT + 16, middle + 4, f"— {why}", size=11, colour="skipped")])
    colour = "failed" if one.high is not None and one.high < 0.5 else "passed"
    x = _LEFT + axis.x(one.value)
    if one.low is not None and one.high is not None:
        parts.append(line(_LEFT + axis.x(one.low), middle, _LEFT + axis.x(one.high), middle, colour, width=2))
    square, round_one = bar(x - 4, middle - 4, 8, 8, colour), dot(x, middle, colour, hollow=kind == "classifier")
    parts.append(square if kind == "data_alone" else round_one)
    return joined([
        *parts,
        words_at(_LEFT + _PLOT + 40, middle + 4, notation.number(one.value, one.unit), anchor="end", bold=bold),
        words_at(WIDTH, middle + 4, notation.interval(one), anchor="end", size=11, colour="skipped"),
    ])
