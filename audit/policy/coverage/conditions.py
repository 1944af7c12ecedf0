"""The closed list of conditions (`audit.frameworks.NEEDS`), each a rule on what an audit left behind.

Some are of the audit, the others of a finding. Of a finding means that one and the same finding, of those that speak
for the clause, holds all that the clause needs of findings: the number that has an interval is the one whose limit was
fixed before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from audit.frameworks import Need
from audit.policy.coverage.facts import Facts
from audit.record import Finding, SmallestEffect
from audit.verdict import declared_effect, declared_standing

__all__ = ["AUDIT_NEEDS", "FINDING_NEEDS", "held_needs", "post_hoc"]

_OfFinding = Callable[[Facts, Finding, str | None], bool]


def _decided(facts: Facts, finding: Finding, measure: str | None) -> bool:
    limit = finding.limit
    kept = limit is not None and finding.verdict == "passed" and measure in (None, limit.measure)
    return kept and (finding.smallest_effect is None or _seen(finding.smallest_effect))


def _seen(effect: SmallestEffect) -> bool:
    """Tell whether a check would have failed at any true value; a limit at the end of what there is fails at none."""
    return effect.above is not None or effect.below is not None


def _gating(facts: Facts, finding: Finding, measure: str | None) -> bool:
    return _decided(facts, finding, measure) and finding.gating


def post_hoc(facts: Facts, finding: Finding) -> bool:
    """Tell whether a finding's limit, or what it was asked, was not fixed before the model answered first."""
    return finding.limit is not None and _again(facts, finding)


def _again(facts: Facts, finding: Finding) -> bool:
    """Tell whether a finding is not the first attempt, or was asked otherwise than registered."""
    return finding.check in facts.again or any(one.check in (None, finding.check) for one in facts.deviations)


def _declared(facts: Facts, finding: Finding, measure: str | None) -> bool:
    standing = declared_standing(finding)
    if finding.declared is None or standing is None or standing.measure is None or _again(facts, finding):
        return False
    if standing.kind not in ("held", "better") or measure not in (None, finding.declared.measure):
        return False
    effect = declared_effect(finding.declared, standing.measure)
    return effect is None or _seen(effect)


def _limit_before(facts: Facts, finding: Finding, measure: str | None) -> bool:
    limit = finding.limit
    return limit is not None and measure in (None, limit.measure) and not post_hoc(facts, finding)


def _interval(facts: Facts, finding: Finding, measure: str | None) -> bool:
    head = finding.headline
    named = [head] if measure is None else [one for one in finding.measures if one.name == measure]
    return any(one is not None and one.low is not None and one.decides for one in named)


def _groups(facts: Facts, finding: Finding, measure: str | None) -> bool:
    names = {measure} if measure is not None else {one.name for one in finding.measures}
    told = [(one.name, one.group) for one in finding.measures if one.group is not None and one.value is not None]
    return any(len({group for name, group in told if name == wanted}) > 1 for wanted in names)


def _trials(facts: Facts, finding: Finding, measure: str | None) -> bool:
    head = finding.headline
    return (measure or (None if head is None else head.name)) in finding.controlled


def _controls(facts: Facts, finding: Finding, measure: str | None) -> bool:
    return bool(finding.controls) and finding.controls_held


def _power(facts: Facts, finding: Finding, measure: str | None) -> bool:
    return _decided(facts, finding, measure) and finding.smallest_effect is not None


def _data(facts: Facts, finding: Finding, measure: str | None) -> bool:
    return finding.calls == 0 and bool(finding.data)


def _data_source(facts: Facts, finding: Finding, measure: str | None) -> bool:
    sources = finding.data.values()
    return bool(finding.data) and all(one.get("digest") and (one.get("licence") or one.get("cite")) for one in sources)


def _reviewed(facts: Facts, finding: Finding, measure: str | None) -> bool:
    return finding.check in facts.reviewed


def _handled(facts: Facts) -> bool:
    settled = ("passed", "measured")
    open_ends = [one.check for one in facts.findings if one.gating and one.verdict not in settled]
    return bool(facts.findings) and facts.handled.issuperset(open_ends)


def _sheet(facts: Facts) -> bool:
    return facts.sheet is not None and bool(facts.sheet.purpose) and bool(facts.sheet.owner)


FINDING_NEEDS: Mapping[Need, _OfFinding] = {
    "decided": _decided, "declared": _declared, "gating": _gating, "limit_before": _limit_before,
    "interval": _interval, "power": _power, "controls": _controls, "trials": _trials, "groups": _groups, "data": _data,
    "data_source": _data_source, "reviewed": _reviewed,
}
"""What one finding has to hold."""
AUDIT_NEEDS: Mapping[Need, Callable[[Facts], bool]] = {
    "fingerprint": lambda facts: facts.digest,
    "run_facts": lambda facts: facts.day is not None and facts.versions,
    "sheet": _sheet,
    "earlier": lambda facts: facts.earlier,
    "handled": _handled,
    "approved": lambda facts: facts.approved,
    "approval_signed": lambda facts: facts.approval_signed,
    "two_person": lambda facts: facts.two_person,
    "sealed": lambda facts: facts.sealed,
}
"""What the audit has to hold."""


def held_needs(
    needs: Iterable[Need], facts: Facts, good: Iterable[tuple[Finding, str | None]]
) -> tuple[tuple[Need, ...], tuple[Need, ...]]:
    """Return (held, lacking) of `needs`: of the audit, and of that one finding that holds the most."""
    needs = tuple(needs)
    of_finding = [one for one in needs if one in FINDING_NEEDS]
    sets = [{need for need in of_finding if FINDING_NEEDS[need](facts, *one)} for one in good]
    held = max(sets, key=len, default=set[Need]())
    held |= {one for one in needs if one in AUDIT_NEEDS and AUDIT_NEEDS[one](facts)}
    return tuple(one for one in needs if one in held), tuple(one for one in needs if one not in held)
