"""Regressions: is a measure shown to be worse than in an earlier audit that asked the same?

    p           of "worse by no more than the margin", from both intervals: their arms added, normal between the levels
    regressed   p, adjusted for the number of all measures compared (Holm), is at most 1 - level

For a single measure at its own level that is: the whole interval is worse than the whole earlier one, by more than the
margin. For many, the two must lie further apart, so that with nothing changed a regression is said anywhere with a
probability of at most 1 - level. What is not shown to be worse passes, however few units there are, and the sentence
says how much worse it may be all the same; what was measured then and is not now is undecided. Stored intervals are
enough for that, so a script judges at once; `audit.comparison` pairs the items and sees more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from audit.differing import asked_differently, refusal
from audit.errors import UsageError
from audit.record import Audit, Finding, MeasureRecord
from audit.verdict import number
from detectors.holm import holm

__all__ = ["Regression", "check_same_questions", "gap_of", "regressions"]


@dataclass(frozen=True)
class Regression:
    """What the comparison says of one check."""

    check: str
    probe: str
    verdict: Literal["passed", "failed", "inconclusive", "crashed"]
    why: str


def check_same_questions(new: Audit, old: Audit) -> None:
    """Raise UsageError where the audits were not asked the same of the same data."""
    if asked := asked_differently(old, new):
        raise UsageError(f"baseline {old.record.id} is A, this audit B: {refusal(asked)}")


@dataclass(frozen=True)
class _Pair:
    """A measure then, and now where it is still there."""

    then: MeasureRecord
    now: MeasureRecord | None
    p: float | None
    """Adjusted, of "no worse than the margin allows"; None where it cannot be told."""


@dataclass(frozen=True)
class _Rule:
    """What the sentences say of the rule."""

    baseline: str
    margin: float
    level: float
    compared: int
    """Measures of all checks."""

    def __str__(self) -> str:
        """Return how sure and by how much."""
        more = f", by more than {self.margin:g}" if self.margin else ""
        together = f" over all {self.compared} measures compared (Holm)" if self.compared > 1 else ""
        return f"{more} at {100 * self.level:g} %{together}"


def regressions(
    findings: Collection[Finding], old: Audit, *, margin: float, measures: Collection[str] | None, level: float = 0.95
) -> Iterator[Regression]:
    """Yield one for every check whose measures have a better side, in the order of the findings.

    level: confidence with which none of them is said to have regressed that has not.
    """
    pairs = list(_pairs(findings, old, measures))
    raw = [(at, _p_value(now, then, margin)) for at, (_, then, now) in enumerate(pairs)]
    known = [(at, p) for at, p in raw if p is not None]
    adjusted = dict(zip([at for at, _ in known], holm([p for _, p in known]), strict=True))
    rule = _Rule(old.record.id, margin, level, len(known))
    for finding in findings:
        wanted = [
            _Pair(then, now, adjusted.get(at)) for at, (check, then, now) in enumerate(pairs) if check == finding.check
        ]
        if wanted:
            yield Regression(finding.check, finding.probe, *_compared(finding, wanted, rule))


def _pairs(
    findings: Collection[Finding], old: Audit, measures: Collection[str] | None
) -> Iterator[tuple[str, MeasureRecord, MeasureRecord | None]]:
    """Yield (check, measure then, the same now) of all that have a better side."""
    before = {finding.check: finding for finding in old.record.findings}
    for finding in findings:
        then = before.get(finding.check)
        now = {(one.name, one.group): one for one in finding.measures}
        for one in [] if then is None else then.measures:
            if _comparable(one, measures):
                yield finding.check, one, now.get((one.name, one.group))


def _comparable(measure: MeasureRecord, measures: Collection[str] | None) -> bool:
    return (measures is None or measure.name in measures) and gap_of(measure, measure) is not None


def _compared(
    finding: Finding, wanted: list[_Pair], rule: _Rule
) -> tuple[Literal["passed", "failed", "inconclusive", "crashed"], str]:
    if finding.verdict == "crashed":
        return "crashed", finding.why
    known = [(one, one.p) for one in wanted if one.p is not None]
    worse = sorted(((p, one) for one, p in known if p <= 1 - rule.level + 1e-12), key=lambda pair: pair[0])
    if worse:
        told = "; ".join(_told(one) for _, one in worse[:3])
        more = "" if len(worse) <= 3 else f" and {len(worse) - 3} more"
        return "failed", f"{told}{more}: worse than in {rule.baseline}{rule}."
    lost = [_label(one.then.name, one.then.group) for one in wanted if one.p is None]
    if lost:
        return "inconclusive", f"measured in {rule.baseline} and not here: {', '.join(lost[:3])}."
    told = f"none of {len(wanted)} measures is shown to be worse than in {rule.baseline}{rule}"
    return "passed", f"{told}; {_at_most(wanted[0])}."


def _at_most(one: _Pair) -> str:
    """Return by how much a measure may be worse all the same, by the ends of both intervals."""
    now, then = None if one.now is None else _badness(one.now), _badness(one.then)
    assert now is not None
    assert then is not None
    most = now[2] - then[0]
    share = one.then.unit == "share"
    told = f"{number(100 * most, '')} points" if share else number(most, one.then.unit)
    name = _label(one.then.name, one.then.group)
    return f"{name} is no worse" if most <= 0 else f"{name} may be worse by up to {told} all the same"


def _p_value(now: MeasureRecord | None, then: MeasureRecord, margin: float) -> float | None:
    """Return p of "worse by no more than the margin", two-sided; None where `gap_of` has none."""
    one, two = None if now is None else _badness(now), _badness(then)
    if now is None or one is None or two is None:
        return None
    excess, arm = one[1] - two[1] - margin, (one[1] - one[0]) + (two[2] - two[1])
    if excess <= 0:
        return 1.0
    if arm <= 0:
        return 0.0
    normal = NormalDist()
    return 2 * normal.cdf(-excess / arm * normal.inv_cdf((1 + min(now.level, then.level)) / 2))


def _label(name: str, group: str | None) -> str:
    return name.replace("_", " ") + ("" if group is None else f" of {group}")


def _told(pair: _Pair) -> str:
    now, then = pair.now, pair.then
    assert now is not None
    assert now.low is not None
    assert now.high is not None
    assert then.low is not None
    assert then.high is not None
    ends = [number(end, now.unit) for end in (now.low, now.high, then.low, then.high)]
    return f"{_label(now.name, now.group)} [{ends[0]}, {ends[1]}], it was [{ends[2]}, {ends[3]}]"


def gap_of(now: MeasureRecord | None, then: MeasureRecord) -> float | None:
    """Return by how much the whole interval is worse than the earlier one, in the measure's unit; not worse: <= 0.

    None where one of them has no interval, or the measure no better side.
    """
    one, two = None if now is None else _badness(now), _badness(then)
    return None if one is None or two is None else one[0] - two[2]


def _badness(measure: MeasureRecord) -> tuple[float, float, float] | None:
    """Return low, value and high turned so that more is worse."""
    low, value, high = measure.low, measure.value, measure.high
    if low is None or value is None or high is None:
        return None
    if measure.direction == "nearer to ideal is better" and measure.ideal is not None:
        ends = sorted((abs(low - measure.ideal), abs(high - measure.ideal)))
        return (0.0 if low <= measure.ideal <= high else ends[0]), abs(value - measure.ideal), ends[1]
    turned: Mapping[str, tuple[float, float, float]] = {
        "lower is better": (low, value, high), "higher is better": (-high, -value, -low),
    }
    return turned.get(measure.direction)
