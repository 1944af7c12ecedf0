"""Why a finding has its verdict: the reason that a record holds, as a key and values, told in any language.

Numbers are printed as the tables print them: value, interval and limit come from the finding's own headline. A reason
that this version does not know is told by the record's English sentence.
"""

from __future__ import annotations

import math
from typing import Any

from audit.record import Finding, asked_of
from reports.text import Notation, bounds_of, digits_for, one_line

__all__ = ["reason_text"]

_SECTIONS = {
    "undefined": "cause", "why": "cause", "model": "cause", "measure": "cause", "ability": "ability", "role": "role",
    "unit": "counted",
}  # fmt: skip
"""Value of a reason -> the section of the catalogue that has its words."""
MOST = 600
"""Characters of one sentence."""


def reason_text(finding: Finding, notation: Notation) -> str:
    """Return the sentence of a finding's verdict on one line."""
    words = notation.words
    try:
        text = words.catalogue["why"][str(finding.reason.get("key"))].format_map(_values(finding, notation))
    except KeyError:
        text = finding.why
    return one_line(text, words, MOST)


def _values(finding: Finding, notation: Notation) -> dict[str, str]:
    """Return what the sentence puts in."""
    values = {name: _value(name, value, notation) for name, value in finding.reason.items()}
    if "measure" in values:
        values["measure"] = _measure(finding, values["measure"], notation)
    if "value" in values:
        values["value"] = _span(finding, notation)
    if "limit" in values:
        values["limit"] = _bounds(finding, notation)
    return values


def _measure(finding: Finding, told: str, notation: Notation) -> str:
    """Return what the sentence speaks of: what the limit names, else the headline; `told` where there is neither."""
    words, limit, headline = notation.words, finding.limit, finding.headline
    if limit is not None:
        name, group = limit.measure, limit.group
    elif headline is not None:
        name, group = headline.name, headline.group
    else:
        return told
    text = words.term("measure", name)
    return text if group is None else words("gap.measure_of", measure=text, groups=words.term("group", group))


def _value(name: str, value: Any, notation: Notation) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return notation.words.term(_SECTIONS[name], str(value)) if name in _SECTIONS else str(value)


def _span(finding: Finding, notation: Notation) -> str:
    """Return `61.0 % [57.1 %, 65.2 %] of 480 items in 24 units`, and how many further items gave no answer."""
    measure, words = finding.headline, notation.words
    if measure is None or measure.value is None:
        return words("format.undefined")
    digits, counts = digits_for(measure, finding.limit), {name: f"{count:,}" for name, count in measure.n.items()}
    fewer = "_units" if measure.n.get("units", math.inf) < measure.n.get("items", 0) else ""
    items = words(f"reason.items{fewer}", **{"items": "0", **counts})
    number = f"{notation.number(measure.value, measure.unit, digits)} {notation.unit(measure.unit)}".strip()
    between, text = "", words("reason.value", number=number, items=items)
    if measure.low is not None and measure.high is not None:
        low, high = (notation.number(end, measure.unit, digits) for end in (measure.low, measure.high))
        between, text = "_between", words("reason.value_between", number=number, low=low, high=high, items=items)
    if not measure.missing:
        return text
    missing, asked = f"{measure.missing:,}", f"{asked_of(measure):,}"
    return words(f"reason.missing{between}", value=text, missing=missing, asked=asked)


def _bounds(finding: Finding, notation: Notation) -> str:
    """Return `at most 55 %`."""
    measure, limit = finding.headline, finding.limit
    unit = "" if measure is None else measure.unit
    shown = [f"{notation.set_number(bound, unit)} {notation.unit(unit)}".strip() for bound in bounds_of(limit)]
    if limit is None or not shown:
        return ""
    if len(shown) == 2:
        return notation.words("reason.between", low=shown[0], high=shown[1])
    return notation.words("reason.at_most" if limit.at_least is None else "reason.at_least", bound=shown[0])
