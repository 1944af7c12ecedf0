"""A declared number, tested: Art. 15(3) of the EU AI Act asks for levels of accuracy in the instructions for use.

    contradicted    the whole interval lies on the worse side of the declared number
    better          the whole interval lies on the better side
    held            the interval contains it
    open            nobody can tell, and why

A true number is contradicted no more often than its interval misses it, at most 1 - level. Where an ideal is best,
worse is farther from it. One that lies farthest of several groups contradicts by its own interval and holds by all.
Only what may decide a limit tells anything. No verdict follows: a limit is what a plan demands, a declaration what
somebody says. All is read from a finding, so that the same holds after a review.
"""

from __future__ import annotations

from typing import Literal

from audit.record import Declared, Finding, Limit, SmallestEffect
from audit.verdict.decision import informs_only
from audit.verdict.missing import too_much_missing
from audit.verdict.sample_size import smallest_effect
from detectors.immutable import immutable
from detectors.result import Measure

__all__ = ["DeclaredStanding", "contradicts", "declared_effect", "declared_standing"]

Unknown = Literal[
    "not_asked", "changed", "controls", "no_measure", "no_value", "missing", "no_interval", "approximate",
    "measured_less", "too_few", "no_side", "beside",
]


@immutable
class DeclaredStanding:
    """What became of a declared number."""

    kind: Literal["contradicted", "better", "held", "open"]
    measure: Measure | None
    """The measure that it speaks of; None where the check did not give it."""
    why: Unknown | None = None
    """Why it is open. `no_side`: outside the interval, and neither way is better; `beside`: outside, and values both
    nearer to the ideal and farther from it remain possible."""


def declared_standing(finding: Finding) -> DeclaredStanding | None:
    """Return what became of the number that a finding's plan declares; None where it declares none."""
    declared = finding.declared
    if declared is None:
        return None
    measure = finding.measure(declared.measure, declared.group)
    why = _unknown(finding, measure)
    if why is not None or measure is None:
        return DeclaredStanding("open", measure, why)
    return _placed(measure, declared.value)


def contradicts(finding: Finding) -> bool:
    """Tell whether a finding contradicts the number that its plan declares."""
    standing = declared_standing(finding)
    return standing is not None and standing.kind == "contradicted"


def declared_effect(declared: Declared, measure: Measure) -> SmallestEffect | None:
    """Return the mildest true value on the worse side that would have contradicted a number; None unknown."""
    side = {"higher is better": "at_least", "lower is better": "at_most"}.get(measure.direction)
    if side is None:
        return None
    return smallest_effect(measure, Limit.model_validate({"measure": measure.name, side: declared.value}))


def _unknown(finding: Finding, measure: Measure | None) -> Unknown | None:
    """Return why nothing of a measure can be held against a number."""
    if finding.verdict in ("skipped", "crashed"):
        return "not_asked"
    if not finding.trusted:
        return "changed" if finding.model_changed else "controls"
    if measure is None or measure.value is None:
        return "no_measure" if measure is None else "no_value"
    if too_much_missing(measure):
        return "missing"
    if measure.low is None or measure.high is None:
        return "no_interval"
    only = informs_only(measure)
    return None if only is None else only["key"]


def _placed(measure: Measure, declared: float) -> DeclaredStanding:
    """Return on which side of an interval that may decide a number lies."""
    whole = measure.whole
    assert measure.low is not None
    assert measure.high is not None
    assert whole.low is not None
    assert whole.high is not None
    if measure.low <= declared <= measure.high:
        return DeclaredStanding("held", measure)
    if measure.direction == "neither":
        return DeclaredStanding("open", measure, "no_side")
    own, most = _badness(measure.low, measure.high, measure), _badness(whole.low, whole.high, measure)
    bad = _badness(declared, declared, measure)[0]
    if own[0] > bad:
        return DeclaredStanding("contradicted", measure)
    if most[1] < bad:
        return DeclaredStanding("better", measure)
    held = whole.low <= declared <= whole.high
    return DeclaredStanding("held", measure) if held else DeclaredStanding("open", measure, "beside")


def _badness(low: float, high: float, measure: Measure) -> tuple[float, float]:
    """Return (least, most) of how bad values in [low, high] are, higher = worse."""
    if measure.direction == "higher is better":
        return -high, -low
    if measure.direction == "lower is better":
        return low, high
    ideal = measure.ideal or 0.0
    ends = abs(low - ideal), abs(high - ideal)
    return 0.0 if low <= ideal <= high else min(ends), max(ends)
