"""The sentence of a finding: what its value means, what was allowed, and what would decide; in any language.

    In 54.1 % of pairs the model prefers the stereotype ([44.1 %, 63.9 %] at 97.5 % confidence; 320 pairs in 24
    templates). The limit is at most 60 %: too few templates to tell. About 56 more would do.

What the value means is told by `reports.text.meaning`, the rest by the reason that the record holds, as a key and
values. It claims what the verdict does and no more. A reason that this version does not know is told by the record's
English sentence.
"""

from __future__ import annotations

import math
from typing import Any

from audit.record import Finding, Limit
from detectors.result import Measure
from reports.text import Counting, Notation, Words, bounds_of, interval_in, meaning, measure_name, one_line, told_in
from reports.views.declarations import contradiction_text

__all__ = ["brief_text", "reason_text", "source_of", "unit_of", "units_text"]

_BY_NUMBER = (
    "passed", "passed_one_sided", "failed", "inconclusive", "inconclusive_more", "inconclusive_fresh", "measured",
)  # fmt: skip
"""Reasons that are a number, held against its limit where there is one."""
_SECTIONS = {
    "undefined": "cause", "why": "cause", "model": "cause", "measure": "cause", "ability": "ability", "role": "role",
}  # fmt: skip
"""Value of a reason -> the section of the catalogue that has its words."""
MOST = 800
"""Characters of one sentence."""


def reason_text(finding: Finding, notation: Notation) -> str:
    """Return the sentence of a finding on one line: its value in plain words, and why it has its verdict.

    That a declared number is contradicted stands before it.
    """
    words, against = notation.words, contradiction_text(finding, notation)
    try:
        text = words.catalogue["why"][_key(finding)].format_map(_values(finding, notation))
    except KeyError:
        text = finding.why
    return " ".join(filter(None, (against, one_line(text, words, MOST))))


def brief_text(finding: Finding, notation: Notation) -> str:
    """Return what a value means, what was allowed and what would decide, in a clause; else the whole sentence."""
    words, measure = notation.words, finding.headline
    if measure is None or measure.value is None or finding.reason.get("key") not in _BY_NUMBER:
        return reason_text(finding, notation).rstrip(".")
    allowed = _bounds(finding, notation)
    behind = [words("plain.limit", limit=allowed)] if allowed else []
    for key, count in (("more", finding.more_units), ("fresh", finding.fresh_units)):
        if count:
            behind.append(words(f"plain.{key}", units=units_text(finding, count, words)))
    told = words("plain.and").join(behind)
    text = meaning(finding.probe, measure, notation, finding.limit, source=source_of(finding), allowed=told)
    return " ".join(filter(None, (contradiction_text(finding, notation), one_line(text, words, MOST))))


def source_of(finding: Finding) -> str:
    """Return the name of the data source that a finding's items are from, for the word of its independent unit."""
    items = finding.data.get("items")
    return str(items.get("use", "")) if isinstance(items, dict) else ""


def unit_of(finding: Finding) -> tuple[Counting, str]:
    """Return what a finding's independent units are called, and what they are counted as: where each is one, items."""
    measure = finding.headline
    if measure is None:
        return Counting(finding.probe, source_of(finding)), "items"
    fewer = measure.n.get("units", math.inf) < measure.n.get("items", 0)
    return Counting(finding.probe, source_of(finding), measure.name), "units" if fewer else "items"


def units_text(finding: Finding, count: int, words: Words) -> str:
    """Return `32 templates`: so many of a finding's independent units, in their own word."""
    counting, kind = unit_of(finding)
    return counting.counted(kind, count, words)


def _key(finding: Finding) -> str:
    """Return which sentence it is: that of the reason, or of a number about which nothing is uncertain."""
    key, measure, limit = str(finding.reason.get("key")), finding.headline, finding.limit
    if key not in ("passed", "failed") or measure is None or limit is None or not measure.certain:
        return key
    return f"{key}_exact"


def _values(finding: Finding, notation: Notation) -> dict[str, str]:
    """Return what the sentence puts in."""
    words, measure, limit = notation.words, finding.headline, finding.limit
    values = {name: _value(name, value, notation) for name, value in finding.reason.items()}
    if "measure" in values:
        values["measure"] = _measure(finding, values["measure"], notation)
    if limit is not None:
        values["limit"] = _bounds(finding, notation)
    if measure is None:
        return values
    counting, kind = unit_of(finding)
    values |= {"unit": counting.noun(kind, words), "items": counting.noun("items", words)}
    for key, count in (("more_units", finding.more_units), ("fresh_units", finding.fresh_units)):
        values[key] = units_text(finding, count or 0, words)
    values["level"] = notation.level(measure.level)
    if measure.value is not None:
        values["meaning"] = meaning(finding.probe, measure, notation, limit, source=source_of(finding))
    if "others" in values:
        values |= _others(finding, measure, values["others"], notation)
    if measure.measured_to is not None:
        values["measured"] = notation.level(measure.measured_to)
    if finding.one_sided is not None:
        values["sure"] = notation.level(finding.one_sided.level)
    return values


def _others(finding: Finding, farthest: Measure, told: str, notation: Notation) -> dict[str, str]:
    """Return the group that may lie beyond the limit, and its interval in the unit of the sentence."""
    group = finding.measure(farthest.name, told)
    name = notation.words.term("cause" if group is None else "group", told)
    return {"others": one_line(name, notation.words, 120),
            "reach": interval_in(finding.probe, group or farthest.whole, notation)}  # fmt: skip


def _measure(finding: Finding, told: str, notation: Notation) -> str:
    """Return what the sentence speaks of: what the limit names, else the headline; `told` where there is neither."""
    named = finding.limit or finding.headline
    if named is None:
        return told
    name = named.measure if isinstance(named, Limit) else named.name
    return measure_name(name, named.group, notation.words)


def _value(name: str, value: Any, notation: Notation) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return notation.words.term(_SECTIONS[name], str(value)) if name in _SECTIONS else str(value)


def _bounds(finding: Finding, notation: Notation) -> str:
    """Return `at most 55 %`, in the unit in which the sentence tells the value."""
    limit, measure, shown = finding.limit, finding.headline, []
    unit, times = ("", 1) if measure is None else told_in(finding.probe, measure, notation.words)
    for bound in bounds_of(limit):
        shown.append(notation.with_unit(notation.set_number(bound * times, unit), unit))
    if limit is None or not shown:
        return ""
    if len(shown) == 2:
        return notation.words("reason.between", low=shown[0], high=shown[1])
    return notation.words("reason.at_most" if limit.at_least is None else "reason.at_least", bound=shown[0])
