"""Duties to mark outputs, a line each: how many outputs keep it, with the interval, or why nothing can be said.

Thick: the share from which on a duty counts as kept. Thin: a duty that is not yet in force on the day of the audit.
Grey, below the others: not testable on these outputs, and why.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from audit.probes.provenance.duty_list import Duty, duties
from detectors.result import Measure
from reports.figures import Axis, cut, dot, feet, joined, line, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.text import Notation

__all__ = ["duties_in_lines"]

_NAME, _LEFT, _PLOT, _ROW = 53, 372.0, 196, 26
"""Characters of a name, where the lines begin, how wide they are, and the height of a row."""
_AXIS = Axis("share", 0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), _PLOT)
_LOOKS = {"kept": "passed", "broken": "failed", "open": "inconclusive"}
_UNTESTED, _FEET = "untested", 24
_SECOND = 0.95
"""`at_least` of a record that does not say it."""


def duties_in_lines(shown: Shown) -> Picture | None:
    """Draw the duties that were asked, in the order of their file, those with a number first; None where none was."""
    measures = {**shown.of_groups("coming_duty_share"), **shown.of_groups("duty_share")}
    rows = [(one, measures[one.id]) for one in duties() if one.id in measures]
    if not rows:
        return None
    words, notation = shown.notation.words, shown.notation
    least = float(shown.finding.options.get("at_least", _SECOND))
    outcomes = [_outcome(found, least) for _, found in rows]
    counts = {name: outcomes.count(name) for name in (*_LOOKS, _UNTESTED)}
    tested = len(rows) - counts[_UNTESTED]
    rows.sort(key=lambda row: row[1].value is None)
    parts, bottom, mark = list[Markup](), tested * _ROW, _LEFT + _AXIS.x(least)
    if tested:
        parts = [feet(_AXIS, notation, bottom + 16, left=_LEFT, top=0), line(mark, 0, mark, bottom, "ink", width=2)]
    for at, (duty, found) in enumerate(rows):
        parts.append(_row(duty, found, at * _ROW + _FEET * (at >= tested > 0), least, notation))
    message = words("picture.duties", **counts)
    caption = words("picture.duties_caption", share=notation.number(least, "share"))
    return pictured(shown, len(rows) * _ROW + _FEET + 4, message, caption, joined(parts), (0, WIDTH))


def _outcome(found: Measure, least: float) -> str:
    if found.value is None or found.low is None or found.high is None:
        return _UNTESTED
    return "kept" if found.low >= least else "broken" if found.high < least else "open"


def _row(duty: Duty, found: Measure, top: float, least: float, notation: Notation) -> Markup:
    words, foot = notation.words, top + 17
    name = duty.rule.get(words.lang, duty.rule["en"])
    outcome = _outcome(found, least)
    parts = [  # what came of it stands before the name too: a narrow screen shows no more at first
        line(0, top + _ROW, WIDTH, top + _ROW, "grid"),
        dot(6, top + _ROW / 2, _LOOKS.get(outcome, "skipped"), hollow=outcome in ("open", _UNTESTED)),
        words_at(18, foot, cut(name, words, _NAME), size=12),
    ]
    coming = found.name == "coming_duty_share"
    if found.undefined is not None:
        why = words.term("cause", found.undefined)
        told = words("picture.duty_coming", day=duty.since, why=why) if coming and duty.since else why
        return joined([*parts, words_at(_LEFT, foot, cut(told, words, 78), size=11, colour="skipped")])
    return joined([*parts, *_interval(found, top + _ROW / 2, foot, outcome, notation, coming=coming)])


def _interval(
    found: Measure, middle: float, foot: float, outcome: str, notation: Notation, *, coming: bool
) -> Sequence[Markup]:
    words, colour = notation.words, _LOOKS[outcome]
    low, high = (_LEFT + _AXIS.x(end) for end in (found.low or 0.0, found.high or 0.0))
    right = _LEFT + _PLOT
    return [
        line(low, middle, high, middle, colour, width=1 if coming else 3),
        dot(_LEFT + _AXIS.x(found.value or 0.0), middle, colour, hollow=coming or outcome == "open"),
        words_at(right + 62, foot, notation.number(found.value or 0.0, "share"), anchor="end", size=12),
        words_at(right + 70, foot, notation.interval(found), size=11, colour="skipped"),
        words_at(WIDTH, foot, words(f"picture.duty_{outcome}"), anchor="end", size=11, colour=colour),
    ]
