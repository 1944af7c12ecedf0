"""Rulings: what became of one rule of a policy, or of one gating check of a plan.

    passed         the rule is kept                     failed    it is broken
    inconclusive   what is stored does not decide it    crashed   the check that it speaks of crashed
    waived         it is not kept, and people who may have said that it shall not count, until a day

A limit is judged on the stored interval as `audit.verdict.decision` judges the plan's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

from audit.errors import did_you_mean
from audit.policy.spec import PolicyLimit
from audit.probe import beyond, range_in
from audit.record import DECIDED, Audit, EarlierAttempt, Finding, Limit
from audit.review import Waiver
from audit.verdict import contradicts, decide, declared_standing, sentence
from detectors.immutable import immutable
from detectors.result import Measure

__all__ = [
    "Outcome", "RuleResult", "aim_of", "applies_to", "check_forbidden", "check_limit",
    "check_required", "joint_level", "no_more", "no_such_check", "out_of_reach", "verdict_level",
]

Outcome = Literal["passed", "failed", "inconclusive", "crashed", "waived"]


@immutable
class RuleResult:
    """One rule and what became of it."""

    rule: str
    """Kind of rule: `plan` for a gating check of the plan, else the policy's key, e.g. `limits` or `baseline`."""
    about: str
    """What it speaks of: a check, a dimension, a probe, a measure."""
    verdict: Outcome
    why: str
    """One sentence with the numbers."""
    check: str | None = None
    probe: str | None = None
    line: int | None = None
    """Line of the rule in the policy; None for a check of the plan."""
    measure: Measure | None = None
    """The measure that was held against a limit."""
    sure: float | None = None
    """Confidence of what it passed by, where that is not the measure's interval."""
    waiver: Waiver | None = None
    """The waiver that counts."""

    def as_json(self) -> dict[str, Any]:
        """Return the ruling as JSON data."""
        waiver = None if self.waiver is None else {**asdict(self.waiver), "until": self.waiver.until.isoformat()}
        measure = None if self.measure is None else asdict(self.measure)
        return {**{key: getattr(self, key) for key in ("rule", "about", "verdict", "why", "check", "probe", "line")},
                "measure": measure, "waiver": waiver}


def joint_level(rulings: Sequence[RuleResult]) -> float:
    """Return the confidence with which all that decided holds at once, by the union bound.

    Approximate intervals decide nothing, so they are left out. A pass by a one-sided bound counts with the confidence
    of that bound: many of them hold together with less than the level of an audit that promises its verdict alone.
    """
    errors: dict[tuple[str | None, str, str | None], float] = {}
    for one in rulings:
        if one.measure is not None and (one.measure.decides or one.sure is not None):
            key = one.check, one.measure.name, one.measure.group
            errors[key] = max(errors.get(key, 0.0), 1 - (one.measure.level if one.sure is None else one.sure))
    return 1 - sum(errors.values())


def verdict_level(rulings: Sequence[RuleResult]) -> float:
    """Return the confidence with which the verdict of all rulings together holds.

    "Passed" needs every ruling to pass, so it is as sure as the least sure of them (Berger 1982); anything else as all
    judged intervals together.
    """
    passes = [1 - one.sure for one in rulings if one.sure is not None]
    return 1 - max([*passes, 1 - joint_level([replace(one, sure=None) for one in rulings])])


def applies_to(limit: PolicyLimit, finding: Finding) -> bool:
    """Tell whether a limit speaks of this finding: by check or probe, else by a measure that it gave."""
    if limit.check not in (None, finding.check) or limit.probe not in (None, finding.probe):
        return False
    if limit.check is not None or limit.probe is not None:
        return True
    return finding.measure(limit.measure, limit.group) is not None


def no_more(limit: PolicyLimit | Limit, other: PolicyLimit | Limit) -> bool:
    """Tell whether a limit asks no more than another one of the same measure, so that who keeps that keeps it too."""
    lower, upper = limit.at_least, limit.at_most
    least = lower is None or (other.at_least is not None and other.at_least >= lower)
    return least and (upper is None or (other.at_most is not None and other.at_most <= upper))


def check_limit(limit: PolicyLimit, finding: Finding, line: int) -> RuleResult:
    """Hold a finding against a policy's limit, as `audit.verdict.decision` holds it against the plan's."""
    name, group = aim_of(limit, finding)
    measure = finding.measure(name, group)
    verdict: Outcome
    if finding.verdict == "crashed":
        verdict, why = "crashed", finding.why
    elif finding.verdict == "skipped" or finding.model_changed:
        verdict, why = "inconclusive", finding.why
    else:
        bound = Limit(measure=name or "", group=group, at_most=limit.at_most, at_least=limit.at_least)
        decision = decide(finding.measures, bound, finding.controls or {}, power=False)
        assert decision.verdict in ("passed", "failed", "inconclusive")
        verdict, why = decision.verdict, sentence(decision.reason)
    about = " ".join([finding.check, *_demand(limit, name, group)])
    return RuleResult("limits", about, verdict, why, finding.check, finding.probe, line, measure)


def out_of_reach(limit: PolicyLimit, finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield (key, sentence) for each bound that the measure of this finding can never have."""
    name = aim_of(limit, finding)[0] or ""
    return beyond(range_in(finding.probe, name), name, limit.model_dump())


def aim_of(limit: PolicyLimit, finding: Finding) -> tuple[str | None, str | None]:
    """Return (name, group) of the measure that a limit means: the one it names, else the finding's first."""
    head = finding.headline
    return (limit.measure, limit.group) if limit.measure is not None or head is None else (head.name, head.group)


def _demand(limit: PolicyLimit, measure: str | None, group: str | None) -> list[str]:
    """Return the words of a limit: what it asks of which measure."""
    words = [] if measure is None else [measure]
    words += [] if group is None else [f"of {group}"]
    words += [] if limit.at_least is None else [f"at least {limit.at_least:g}"]
    return words + ([] if limit.at_most is None else [f"at most {limit.at_most:g}"])


def no_such_check(limit: PolicyLimit, findings: Sequence[Finding], line: int) -> RuleResult:
    """Return the ruling of a limit that speaks of nothing that was asked."""
    about = " ".join([limit.check or limit.probe or "", *_demand(limit, limit.measure, limit.group)]).strip()
    return RuleResult("limits", about, "inconclusive", _nobody(limit, findings), line=line)


def _nobody(limit: PolicyLimit, findings: Sequence[Finding]) -> str:
    if limit.check is not None and limit.check not in (known := [one.check for one in findings]):
        return f"no check {limit.check!r} in this audit{did_you_mean(limit.check, known)}."
    if limit.probe is not None:
        return f"no check asks {limit.probe!r}{did_you_mean(limit.probe, {one.probe for one in findings})}."
    known = sorted({measure.name for one in findings for measure in one.measures})
    of = "" if limit.group is None else f" of {limit.group}"
    groups = sorted({str(m.group) for one in findings for m in one.measures if m.name == limit.measure and m.group})
    if limit.group is not None and groups:
        return f"no check gave the measure {str(limit.measure)!r}{of}{did_you_mean(limit.group, groups)}."
    return f"no check gave the measure {str(limit.measure)!r}{of}{did_you_mean(str(limit.measure), known)}."


def check_required(
    kind: str, name: str, findings: Sequence[Finding], decided: set[str | None], line: int
) -> RuleResult:
    """Rule whether one of this name was asked; `kind` is a key of `Required`, limits have `decided` these checks."""
    if kind == "declared":
        return _check_declared(name, findings, line)
    attribute = kind.removesuffix("s")
    asked = [one for one in findings if getattr(one, attribute) == name]
    if not asked:
        known = {getattr(one, attribute) for one in findings}
        why = f"not asked: {attribute} {name!r}{did_you_mean(name, known)}."
        return RuleResult("required", name, "failed", why, line=line)
    if kind == "dimensions":
        good = [one for one in asked if one.verdict in DECIDED or one.check in decided]
    else:
        good = [one for one in asked if one.verdict not in ("skipped", "crashed")]
    if good:
        return RuleResult("required", name, "passed", f"{attribute} {name!r} was asked: {_checks(good)}.", line=line)
    verdict: Outcome = "crashed" if all(one.verdict == "crashed" for one in asked) else "inconclusive"
    told = ", ".join(f"{one.check} {one.verdict}" for one in asked[:5])
    return RuleResult("required", name, verdict, f"{attribute} {name!r} was asked and not decided: {told}.", line=line)


def _check_declared(measure: str, findings: Sequence[Finding], line: int) -> RuleResult:
    """Rule whether numbers declared of a measure were tested, and stand: contradicted by no check, and open in none."""
    told = {one.check: _standing(one) for one in findings if one.declared and one.declared.measure == measure}
    if not told:
        known = {one.declared.measure for one in findings if one.declared}
        why = f"no number of {measure!r} is declared{did_you_mean(measure, known)}."
        return RuleResult("required", f"declared {measure}", "failed", why, line=line)
    worst: Outcome = "passed" if {"held", "better"}.issuperset(told.values()) else "inconclusive"
    worst = "failed" if "contradicted" in told.values() else worst
    why = f"declared numbers of {measure}: {', '.join(f'{check} {kind}' for check, kind in told.items())}."
    return RuleResult("required", f"declared {measure}", worst, why, line=line)


def _standing(finding: Finding) -> str:
    standing = declared_standing(finding)
    assert standing is not None
    return standing.kind


def check_forbidden(word: str, audit: Audit, findings: Sequence[Finding], line: int) -> RuleResult:
    """Rule whether there is something of what the word forbids."""
    if word == "deviations":
        told = [one.what for one in audit.record.deviations]
        return _none(word, len(told), f"asked otherwise than planned: {', '.join(told[:5])}", line, "failed")
    if word == "rerolls":
        tries = [f"{one.check} is attempt {one.ordinal} ({', '.join(map(_earlier, one.earlier[:5]))})"
                 for one in audit.record.attempts]
        return _none(word, len(tries), "; ".join(tries[:5]), line, "failed")
    if word == "crashed":
        bad = [one for one in findings if one.verdict == "crashed"]
        return _none(word, len(bad), f"crashed: {_checks(bad)}", line, "crashed")
    if word == "contradicted":
        bad = [one for one in findings if contradicts(one)]
        return _none(word, len(bad), f"a declared number is contradicted in {_checks(bad)}", line, "failed")
    bad = [one for one in findings if not one.controls_held]
    return _none(word, len(bad), f"a control did not hold in {_checks(bad)}", line, "failed")


def _earlier(one: EarlierAttempt) -> str:
    return f"{one.audit} {one.verdict or 'not ended'}"


def _none(word: str, count: int, told: str, line: int, verdict: Outcome) -> RuleResult:
    why = f"{told}." if count else "there are none."
    return RuleResult("forbid", word, verdict if count else "passed", why, line=line)


def _checks(findings: Sequence[Finding]) -> str:
    more = f" and {len(findings) - 5} more" if len(findings) > 5 else ""
    return ", ".join(one.check for one in findings[:5]) + more
