"""What a provider declares of a measure, as every document tells it: contradicted, held, better, or open."""

from __future__ import annotations

from audit.record import Finding
from audit.verdict import DeclaredStanding, declared_effect, declared_standing
from detectors.result import Measure
from reports.text import Notation, interval_in, measure_name, one_line, told_in

__all__ = ["contradiction_text", "declared_text"]

_MOST = 600
"""Characters of one sentence."""


def contradiction_text(finding: Finding, notation: Notation) -> str:
    """Return the sentence of a declared number that is contradicted; empty where none is."""
    standing = declared_standing(finding)
    return "" if standing is None or standing.kind != "contradicted" else _sentence(finding, standing, notation)


def declared_text(finding: Finding, notation: Notation) -> str:
    """Return the sentence of a declared number that is not contradicted; empty where there is none."""
    standing = declared_standing(finding)
    return "" if standing is None or standing.kind == "contradicted" else _sentence(finding, standing, notation)


def _sentence(finding: Finding, standing: DeclaredStanding, notation: Notation) -> str:
    words, declared, measure = notation.words, finding.declared, standing.measure
    assert declared is not None
    unit, times = ("", 1.0) if measure is None else told_in(finding.probe, measure, words)
    values = {
        "measure": measure_name(declared.measure, declared.group, words),
        "source": words("declared.source", source=one_line(declared.source, words, 300)) if declared.source else "",
        "declared": notation.with_unit(notation.set_number(times * declared.value, unit), unit),
        "why": "" if standing.why is None else words(f"declared.why_{standing.why}"),
    }
    if measure is not None and measure.value is not None:
        values |= {
            "value": _number(finding, measure, measure.value, notation), "level": notation.level(measure.level),
            "interval": interval_in(finding.probe, measure, notation), "effect": _effect(finding, measure, notation),
        }
    return one_line(words(f"declared.{standing.kind}", **values), words, _MOST)


def _number(finding: Finding, measure: Measure, value: float, notation: Notation) -> str:
    unit, times = told_in(finding.probe, measure, notation.words)
    return notation.with_unit(notation.number(times * value, unit), unit)


def _effect(finding: Finding, measure: Measure, notation: Notation) -> str:
    """Return which true value would have contradicted the declared number; empty where nobody knows."""
    assert finding.declared is not None
    effect, words = declared_effect(finding.declared, measure), notation.words
    if effect is None:
        return ""
    power = notation.set_number(effect.power, "share")
    for side, value in (("below", effect.below), ("above", effect.above)):
        if value is not None:
            return words(f"declared.effect_{side}", value=_number(finding, measure, value, notation), power=power)
    return words("declared.effect_none", power=power)
