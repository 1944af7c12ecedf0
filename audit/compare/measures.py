"""One measure in two audits: by how much it differs, and whether that keeps the margin.

    difference = B - A, paired where it can be          margin m >= 0: how much worse B may be

    worse      the whole interval is worse than m       no worse     the whole interval keeps m
    better     the whole interval is better than 0      undecided    neither
    measured   no way is good, so nothing is decided
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from audit.compare.contents import Changes
from audit.compare.pairing import Better, MeasurePair, difference_of
from audit.errors import UsageError, did_you_mean
from audit.probe import margin_beyond, range_in
from audit.record import Audit, Finding, Limit, number
from audit.verdict import decide
from detectors.immutable import immutable
from detectors.phrases import Cause, ComparisonTest, Method
from detectors.result import NONE, Direction, Measure

__all__ = ["Margins", "MeasureComparison", "Word", "compare_measure"]

Word = Literal["worse", "undecided", "no worse", "better", "measured"]
_DIMENSIONLESS = ("share", "score")
_DIRECTIONS: Mapping[Better, Direction] = {
    "lower": "lower is better", "higher": "higher is better", "ideal": "lower is better", "none": "neither"
}

_TOLD = ("value", "low", "high", "method", "min_units", "worst_coverage", "guarantee", "measured_to")
"""What a difference says of itself as a measure does."""
_WORDS: Mapping[str, Word] = {"failed": "worse", "passed": "no worse", "inconclusive": "undecided"}
"""What a verdict on the difference, against the margin as its limit, means."""


@immutable
class Margins:
    """How much worse B may be."""

    plain: float = 0.0
    """Of every measure that is a share or a score."""
    named: Mapping[str, float] | None = None
    """Measure -> margin in its own unit; goes before `plain`."""

    def of(self, measure: Measure) -> float:
        """Return the margin of a measure."""
        return (self.named or {}).get(measure.name, self.plain if measure.unit in _DIMENSIONLESS else 0.0)

    def check(self, findings: Sequence[Finding]) -> None:
        """Raise UsageError for a margin that none of the findings' measures, or not the one it names, can have."""
        known = {measure.name for finding in findings for measure in finding.measures}
        for name, margin in (("", self.plain), *(self.named or {}).items()):
            if not (math.isfinite(margin) and margin >= 0):
                shown = f"{name}={margin:g}" if name else f"{margin:g}"
                raise UsageError("margin {margin}; allowed: a number of at least 0", margin=shown)
            if name and name not in known:
                raise UsageError(
                    "margin {name}={margin:g}: no measure {name!r}{near}",
                    name=name, margin=margin, near=did_you_mean(name, known),
                )
        for finding in findings:
            for measure in finding.measures:
                if problem := margin_beyond(self.of(measure), measure.name, range_in(finding.probe, measure.name)):
                    raise UsageError(problem)


@immutable
class MeasureComparison:
    """One measure in both audits."""

    a: Measure
    b: Measure
    difference: Measure
    """B - A as a measure; with `ideal` that of the distances to it."""
    keeps: Limit | None
    """What the difference's interval must keep: the margin, as a limit; None where no way is good."""
    margin: float
    ideal: float | None
    p: float | None
    """Of "there is no difference", two-sided."""
    test: str
    word: Word
    reason: dict[str, Any]
    more_units: int | None = None
    fresh_units: int | None = None
    paired: bool = False
    """Whether the interval is of paired items; else it was joined from two stored ones, at their level."""


def compare_measure(
    audits: tuple[Audit, Audit], finding: Finding, pair: tuple[Measure, Measure], margin: float,
    level: float | None = None,
) -> tuple[MeasureComparison, Changes | None]:
    """Return how a measure of A's finding differs in B, and which of its items changed where they are 0 or 1.

    level: of the interval where the two are paired; None = that of the measures.
    """
    aim, ideal = _aim(pair[0], finding.limit)
    both = MeasurePair(audits, finding.check, pair, aim, ideal, early=finding.stop == "early", level=level)
    difference, p, test, changes, paired = _differs(both)
    keeps = _keeps(difference, aim, margin)
    word, reason, counts = _judged(pair, difference, keeps, margin)
    return MeasureComparison(*pair, difference, keeps, margin, ideal, p, test, word, reason, *counts, paired), changes


def _aim(measure: Measure, limit: Limit | None) -> tuple[Better, float | None]:
    """Return which way is good: by a limit with one bound, else by the measure itself, else the middle of the limit."""
    least = most = None
    if limit is not None and limit.speaks_of(measure):
        least, most = limit.at_least, limit.at_most
    if (least is None) != (most is None):
        return ("higher" if most is None else "lower"), None
    if measure.direction in ("lower is better", "higher is better"):
        return ("lower" if measure.direction == "lower is better" else "higher"), None
    if measure.direction == "nearer to ideal is better" and measure.ideal is not None:
        return "ideal", measure.ideal
    if least is not None and most is not None:
        return "ideal", (least + most) / 2
    return "none", None


def _differs(both: MeasurePair) -> tuple[Measure, float | None, str, Changes | None, bool]:
    """Return B - A as a measure, p with its test, what changed, and whether the two are paired."""
    a, b = both.measures
    n = {key: min(count, b.n.get(key, count)) for key, count in a.n.items()}
    bare = Measure(
        name=a.name, group=a.group, value=0.0, n=n, unit=a.unit, direction=_DIRECTIONS[both.aim], level=a.level,
        method=NONE,
    )
    if a.value is None or b.value is None:
        why = Cause("A: {cause}", cause=a.undefined) if a.value is None else Cause("B: {cause}", cause=b.undefined)
        return replace(bare, value=None, undefined=why), None, "none", None, False
    found, changes = difference_of(both)
    if both.audits[0].record == both.audits[1].record:
        same = replace(bare, low=0.0, high=0.0, method=Method("the two records are the same"))
        return same, 1.0, ComparisonTest("none needed"), changes, True
    if found is None:
        value = b.value - a.value if both.ideal is None else abs(b.value - both.ideal) - abs(a.value - both.ideal)
        return replace(bare, value=value), None, "none", changes, False
    told = {key: getattr(found, key) for key in _TOLD}
    if both.level is not None and found.paired:
        told["level"] = both.level
    made = replace(bare, **told, n={"items": found.items, "units": found.units})
    return made, found.p, found.test, changes, found.paired


def _keeps(difference: Measure, aim: Better, margin: float) -> Limit | None:
    """Return the margin as a limit on the difference; None where no way is good."""
    if aim == "none":
        return None
    if aim == "higher":
        return Limit(measure=difference.name, group=difference.group, at_least=0.0 - margin)
    return Limit(measure=difference.name, group=difference.group, at_most=margin)


def _judged(
    pair: tuple[Measure, Measure], difference: Measure, keeps: Limit | None, margin: float
) -> tuple[Word, dict[str, Any], tuple[int | None, int | None]]:
    """Return the word on a measure, why, and about how many more units, or fresh ones, would decide."""
    none = None, None
    name = difference.name.replace("_", " ") + ("" if difference.group is None else f" of {difference.group}")
    for side, one in zip("AB", pair, strict=True):
        if one.value is None:
            return _open(keeps), {"key": "undefined", "measure": name, "side": side, "why": one.undefined}, none
    facts = {"measure": name, **{key: _number(one) for key, one in zip("ab", pair, strict=True)}}
    if difference.low is None or difference.high is None:
        return _open(keeps), {"key": "no_interval", **facts}, none
    facts["difference"] = _gap_with_ends(difference, difference.low, difference.high)
    if keeps is None:
        return "measured", {"key": "measured", **facts}, none
    facts["margin"] = f"{100 * margin:g} points" if difference.unit == "share" else f"{margin:g}"
    decision = decide([difference], keeps, {})
    word = _WORDS[decision.verdict]
    if word == "undecided":
        kept = ("fresh", "unit", "min_units", "level", "measured")
        known: dict[str, Any] = {key: value for key, value in decision.reason.items() if key in kept}
        key = decision.reason["key"].replace("inconclusive", "undecided")
        return word, {"key": key, **facts, **known}, (decision.more_units, decision.fresh_units)
    if word == "no worse" and (difference.high < 0 if keeps.at_least is None else difference.low > 0):
        word = "better"
    return word, {"key": word, **facts}, none


def _gap_with_ends(difference: Measure, low: float, high: float) -> str:
    """Return `-41.0 points [-48.5, -34.8]`; points, since per cent of a difference could mean either."""
    share = difference.unit == "share"
    unit, times = ("", 100) if share else (difference.unit, 1)
    value, *ends = (number(times * one, unit) for one in (difference.value or 0.0, low, high))
    return f"{value}{' points' if share else ''} [{', '.join(ends)}]"


def _open(keeps: Limit | None) -> Word:
    return "measured" if keeps is None else "undecided"


def _number(measure: Measure) -> str:
    return "" if measure.value is None else number(measure.value, measure.unit)
