"""Regressions: is a measure shown to be worse than in an earlier audit that asked the same?

    regressed   the whole interval is worse than the whole earlier interval, by more than the margin

Two intervals that do not meet are a cautious sign: each holds at its own level, so both hold with at least the sum of
the levels less one. What is not shown to be worse passes; what was measured then and is not now is undecided. Stored
intervals are enough for that, so a script judges at once; `audit.comparison` pairs the items and sees more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from audit.differing import asked_differently, refusal
from audit.errors import UsageError
from audit.record import Audit, Finding, MeasureRecord
from audit.verdict import number

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


def regressions(
    findings: Collection[Finding], old: Audit, *, margin: float, measures: Collection[str] | None
) -> Iterator[Regression]:
    """Yield one for every check whose measures have a better side, in the order of the findings."""
    before = {finding.check: finding for finding in old.record.findings}
    for finding in findings:
        then = before.get(finding.check)
        wanted = [] if then is None else [one for one in then.measures if _comparable(one, measures)]
        if wanted:
            verdict, why = _compared(finding, wanted, margin, old.record.id)
            yield Regression(finding.check, finding.probe, verdict, why)


def _comparable(measure: MeasureRecord, measures: Collection[str] | None) -> bool:
    return (measures is None or measure.name in measures) and gap_of(measure, measure) is not None


def _compared(
    finding: Finding, wanted: list[MeasureRecord], margin: float, baseline: str
) -> tuple[Literal["passed", "failed", "inconclusive", "crashed"], str]:
    if finding.verdict == "crashed":
        return "crashed", finding.why
    now = {(one.name, one.group): one for one in finding.measures}
    gaps = {(one.name, one.group): gap_of(now.get((one.name, one.group)), one) for one in wanted}
    worse = [(gap, key) for key, gap in gaps.items() if gap is not None and gap > margin]
    if worse:
        then = {(one.name, one.group): one for one in wanted}
        told = "; ".join(_told(now[key], then[key]) for _, key in sorted(worse, key=lambda pair: -pair[0])[:3])
        more = "" if len(worse) <= 3 else f" and {len(worse) - 3} more"
        return "failed", f"{told}{more}: the whole interval is worse than in {baseline}{_margin(margin)}."
    lost = [_label(*key) for key, gap in gaps.items() if gap is None]
    if lost:
        return "inconclusive", f"measured in {baseline} and not here: {', '.join(lost[:3])}."
    return "passed", f"none of {len(wanted)} measures is shown to be worse than in {baseline}{_margin(margin)}."


def _margin(margin: float) -> str:
    return f", by more than {margin:g}" if margin else ""


def _label(name: str, group: str | None) -> str:
    return name.replace("_", " ") + ("" if group is None else f" of {group}")


def _told(now: MeasureRecord, then: MeasureRecord) -> str:
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
    return None if one is None or two is None else one[0] - two[1]


def _badness(measure: MeasureRecord) -> tuple[float, float] | None:
    """Return the interval turned so that more is worse."""
    low, high = measure.low, measure.high
    if low is None or high is None:
        return None
    if measure.direction == "nearer to ideal is better" and measure.ideal is not None:
        ends = sorted((abs(low - measure.ideal), abs(high - measure.ideal)))
        return (0.0 if low <= measure.ideal <= high else ends[0]), ends[1]
    turned: Mapping[str, tuple[float, float]] = {
        "lower is better": (low, high), "higher is better": (-high, -low),
    }
    return turned.get(measure.direction)
