"""Regressions: is a measure shown to be worse than in an earlier audit that asked the same?

    p           of "worse by no more than the margin", from both intervals: their arms added, normal between the levels
    regressed   p, adjusted for the number of all measures compared (Holm), is at most 1 - level

For a single measure at its own level that is: the whole interval is worse than the whole earlier one, by more than the
margin. For many, the two must lie further apart, so that with nothing changed a regression is said anywhere with a
probability of at most 1 - level. What is not shown to be worse passes, however few units there are, and the sentence
says how much worse it may be all the same; what was measured then and is not now is undecided. So is what only seems
worse: by an interval that informs (`informs_only`), or surer than its interval can tell. One that was measured at
levels up to L gives no p below 1 - L, and one without width none below 1 - its own level, unless all was asked.
Stored intervals are enough for that, so a script judges at once; `audit.compare` pairs the items and sees more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from statistics import NormalDist
from typing import Literal

from audit.errors import UsageError
from audit.plan import plan_differences, refusal
from audit.record import Audit, Finding, number
from audit.verdict import informs_only
from detectors.immutable import immutable
from detectors.multiplicity import holm
from detectors.result import Measure

__all__ = ["Regression", "check_same_questions", "gap_of", "regressions"]


_INFORMS = {
    "approximate": "the interval is approximate",
    "measured_less": "the interval was tried at levels up to {measured} only and is needed at {level}",
    "too_few": "the interval decides only from {min_units} {unit} on, here are {units}",
    "measured": "the interval was tried at levels up to {level} only, and so many comparisons need a higher one",
    "flat": "an interval without width tells nothing beyond its level of {level}",
}
"""Why an interval does not show what it seems to."""


@immutable
class Regression:
    """What the comparison says of one check."""

    check: str
    probe: str
    verdict: Literal["passed", "failed", "inconclusive", "crashed"]
    why: str


def check_same_questions(new: Audit, old: Audit) -> None:
    """Raise UsageError where the audits were not asked the same of the same data."""
    if asked := plan_differences(old, new):
        raise UsageError(f"baseline {old.record.id} is A, this audit B: {refusal(asked)}")


@immutable
class _Pair:
    """A measure then, and now where it is still there."""

    then: Measure
    now: Measure | None
    p: float | None
    """Adjusted, of "no worse than the margin allows"; None where no interval that may decide tells it."""
    apparent: float | None
    """The same over all measures, if every interval told what it seems to; None where this one tells no less."""


@immutable
class _Rule:
    """What the sentences say of the rule."""

    baseline: str
    margin: float
    level: float
    compared: int
    """Measures of all checks whose intervals may decide."""

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
    told = [_p_value(now, then, margin) for _, then, now in pairs]
    least = [_reach(now, then)[0] for _, then, now in pairs]
    capped = [None if p is None or low is None else max(p, low) for p, low in zip(told, least, strict=True)]
    shown, seeming = _adjusted(capped), _adjusted(told)
    rule = _Rule(old.record.id, margin, level, len(shown))
    for finding in findings:
        wanted = [
            _Pair(then, now, shown.get(at), None if capped[at] == told[at] else seeming.get(at))
            for at, (check, then, now) in enumerate(pairs)
            if check == finding.check
        ]
        if wanted:
            yield Regression(finding.check, finding.probe, *_compared(finding, wanted, rule))


def _pairs(
    findings: Collection[Finding], old: Audit, measures: Collection[str] | None
) -> Iterator[tuple[str, Measure, Measure | None]]:
    """Yield (check, measure then, the same now) of all that have a better side."""
    before = {finding.check: finding for finding in old.record.findings}
    for finding in findings:
        then = before.get(finding.check)
        for one in [] if then is None else then.measures:
            if _comparable(one, measures):
                yield finding.check, one, finding.measure(one.name, one.group)


def _adjusted(raw: list[float | None]) -> dict[int, float]:
    """Return place -> p adjusted for all that are there."""
    known = [(at, p) for at, p in enumerate(raw) if p is not None]
    return dict(zip([at for at, _ in known], holm([p for _, p in known]), strict=True))


def _comparable(measure: Measure, measures: Collection[str] | None) -> bool:
    return (measures is None or measure.name in measures) and gap_of(measure, measure) is not None


def _compared(
    finding: Finding, wanted: list[_Pair], rule: _Rule
) -> tuple[Literal["passed", "failed", "inconclusive", "crashed"], str]:
    if finding.verdict == "crashed":
        return "crashed", finding.why
    if worse := _first([(one.p, one) for one in wanted], rule):
        return "failed", f"{_listed(worse)}: worse than in {rule.baseline}{rule}."
    if seeming := _first([(one.apparent, one) for one in wanted], rule):
        told = f"{_listed(seeming)}: seems worse than in {rule.baseline}{rule}"
        why = _reach(seeming[0].now, seeming[0].then)[1]
        return "inconclusive", f"{told}, but {why}: it informs and decides nothing."
    lost = [_label(one.then.name, one.then.group) for one in wanted if gap_of(one.now, one.then) is None]
    if lost:
        return "inconclusive", f"measured in {rule.baseline} and not here: {', '.join(lost[:3])}."
    none = f"none of {len(wanted)} measures is shown to be worse than in {rule.baseline}{rule}"
    return "passed", f"{none}; {_kept(wanted)}."


def _first(pairs: list[tuple[float | None, _Pair]], rule: _Rule) -> list[_Pair]:
    """Return those whose p is small enough, the surest first."""
    worse = [(p, one) for p, one in pairs if p is not None and p <= 1 - rule.level + 1e-12]
    return [one for _, one in sorted(worse, key=lambda pair: pair[0])]


def _listed(pairs: list[_Pair]) -> str:
    more = "" if len(pairs) <= 3 else f" and {len(pairs) - 3} more"
    return "; ".join(_told(one) for one in pairs[:3]) + more


def _kept(wanted: list[_Pair]) -> str:
    """Return by how much a measure may be worse all the same, and how many only inform."""
    deciding = [one for one in wanted if one.p is not None]
    parts = [_at_most(deciding[0])] if deciding else []
    only = len(wanted) - len(deciding)
    return "; ".join([*parts, *([f"{only} only inform, by intervals that decide nothing"] if only else [])])


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


def _p_value(now: Measure | None, then: Measure, margin: float) -> float | None:
    """Return p of "worse by no more than the margin", two-sided, if the intervals told all that they seem to.

    None where `gap_of` has none.
    """
    one, two = None if now is None else _badness(now), _badness(then)
    if now is None or one is None or two is None:
        return None
    excess, arm = one[1] - two[1] - margin, _arm(one, two)
    if excess <= 0:
        return 1.0
    if arm <= 0:
        return 0.0
    normal = NormalDist()
    return 2 * normal.cdf(-excess / arm * normal.inv_cdf((1 + min(now.level, then.level)) / 2))


def _arm(now: tuple[float, float, float], then: tuple[float, float, float]) -> float:
    """Return how far the two may be nearer to each other than their values; rounding is no width."""
    arm = (now[1] - now[0]) + (then[2] - then[1])
    return arm if arm > 1e-12 * max(map(abs, (*now, *then))) else 0.0


def _reach(now: Measure | None, then: Measure) -> tuple[float | None, str]:
    """Return the least p that both intervals can tell, None where one of them only informs, and why it is no less."""
    both = [one for one in (now, then) if one is not None]
    only = next((reason for one in both if (reason := informs_only(one))), None)
    if only is not None:
        return None, _INFORMS[only["key"]].format(**only)
    ends = [told for one in both if (told := _badness(one))]
    flat = len(ends) == 2 and _arm(ends[0], ends[1]) == 0
    least = [(1 - (one.measured_to or 1.0), "measured", one.measured_to or 1.0) for one in both]
    least += [(1 - one.level, "flat", one.level) for one in both if flat and not _whole(one)]
    p, key, level = max(least)
    return p, _INFORMS[key].format(level=f"{100 * level:.6g} %")


def _whole(measure: Measure) -> bool:
    """Tell whether nothing else there is could have been asked, so that an interval without width errs never."""
    return measure.interval == "known"


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


def gap_of(now: Measure | None, then: Measure) -> float | None:
    """Return by how much the whole interval is worse than the earlier one, in the measure's unit; not worse: <= 0.

    None where one of them has no interval, or the measure no better side.
    """
    one, two = None if now is None else _badness(now), _badness(then)
    return None if one is None or two is None else one[0] - two[2]


def _badness(measure: Measure) -> tuple[float, float, float] | None:
    """Return low, value and high turned so that more is worse."""
    low, value, high = measure.low, measure.value, measure.high
    if low is None or value is None or high is None:
        return None
    least, most = (low, high) if measure.reach is None else measure.reach  # any group may be as bad as that
    if measure.direction == "nearer to ideal is better" and measure.ideal is not None:
        near = 0.0 if low <= measure.ideal <= high else min(abs(low - measure.ideal), abs(high - measure.ideal))
        return near, abs(value - measure.ideal), max(abs(least - measure.ideal), abs(most - measure.ideal))
    turned: Mapping[str, tuple[float, float, float]] = {
        "lower is better": (low, value, most), "higher is better": (-high, -value, -least),
    }
    return turned.get(measure.direction)
