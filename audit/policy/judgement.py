"""Judging an audit against a policy: one ruling for every rule, from what is stored, without the model.

The verdict is the first that holds: failed, crashed, inconclusive, passed; `measured` where no rule is kept or broken.
Without a policy the rules are the plan's own gating checks, and all that reviewers said counts. So a policy that says
the plan's limits again gives the plan's verdict.

A measure of a check is judged once for what several rules ask of it: a limit, of the policy or of the plan, that asks
no more than another of the policy has no ruling beside that one's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Literal

from audit.errors import IntegrityError, PlanError
from audit.exit_codes import OF_VERDICT
from audit.files import digest_file
from audit.integrity import check_seal
from audit.policy.clauses import check_clauses
from audit.policy.regressions import check_same_questions, regressions
from audit.policy.rules import (
    Outcome,
    RuleResult,
    aim_of,
    applies_to,
    check_forbidden,
    check_limit,
    check_required,
    joint_level,
    no_more,
    no_such_check,
    out_of_reach,
    verdict_level,
)
from audit.policy.spec import AllowedWaivers, Approval, BaselineRule, PolicyFile, PolicyLimit, Required
from audit.probe import margin_beyond, range_in
from audit.record import DECIDED, RECORD_FILE, Audit, Finding, Verdict
from audit.review import (
    Entry,
    Override,
    Problem,
    Waiver,
    read_reviews,
    sign_off_of,
    signature_of,
    state_of,
    waiver_in_force,
)
from audit.signing import same_name
from detectors.immutable import immutable

__all__ = ["Judgement", "judge_audit"]

_Aim = tuple[str, str | None, str | None]
"""Check, measure and group."""
_Asked = Mapping[_Aim, Mapping[int, PolicyLimit]]

_UNCOUNTED: dict[Problem, str] = {
    "not_asked": "nobody asked for the review that was approved",
    "same_key": "the approval is signed with the same key as the request for review",
    "same_person": "the approval is not by another person than the one who asked for review",
    "unsigned": "the approval is not signed, and two persons are told apart by two keys",
    "request_unsigned": "the request for review is not signed, and two persons are told apart by two keys",
    "not_named": "the approval, or the request for it, is signed with no key that the policy names",
}
"""Why an approval does not count."""

ORDER: tuple[Literal["failed", "crashed", "inconclusive", "passed"], ...] = (
    "failed", "crashed", "inconclusive", "passed",
)


@immutable
class Judgement:
    """An audit judged."""

    audit: Audit
    record: str
    """Digest of record.json."""
    policy: PolicyFile | None
    baseline: Audit | None
    on: date
    """The day on which waivers and the audit's age were looked at: that asked for, never before the latest review."""
    rulings: tuple[RuleResult, ...]

    @property
    def verdict(self) -> Verdict:
        """The first of failed, crashed, inconclusive and passed that a ruling has; else measured."""
        found = {ruling.verdict for ruling in self.rulings}
        return next((one for one in ORDER if one in found), "measured")

    @property
    def exit_code(self) -> int:
        """The documented exit code of the verdict."""
        return OF_VERDICT[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """Return the judgement as JSON data; same files, same day, same data."""
        policy, baseline = self.policy, self.baseline
        return {
            "schema": 1,
            "id": self.audit.record.id,
            "title": self.audit.record.title,
            "record": self.record,
            "policy": None if policy is None else {"title": policy.policy.title, "sha256": policy.sha256},
            "baseline": None if baseline is None else {
                "id": baseline.record.id, "record": digest_file(baseline.folder / RECORD_FILE)
            },
            "on": self.on.isoformat(),
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "rulings": [ruling.as_json() for ruling in self.rulings],
        }


def judge_audit(audit: Audit, file: PolicyFile | None, *, on: date, baseline: Audit | None = None) -> Judgement:
    """Judge an audit; IntegrityError where its reviews are not what was written, UsageError for another baseline.

    Waivers hold as in `audit.review.state.state_of` on the same day.
    PlanError with every limit and margin of the policy that its measure can never reach.
    """
    if baseline is not None:
        check_same_questions(audit, baseline)
    reviews = read_reviews(audit.folder)
    day = reviews.day(on) or on
    bench = _Rules(audit, file, day, on, baseline, reviews.entries)
    for number, entry in enumerate(bench.entries, start=1):
        if signature_of(entry) == "broken":
            raise IntegrityError(f"reviews.jsonl:{number}: the signature does not hold")
    if problems := list(dict.fromkeys(bench.out_of_reach())):
        raise PlanError(problems)
    rulings = tuple(bench.rulings())
    return Judgement(audit, digest_file(audit.folder / RECORD_FILE), file, baseline, day, rulings)


@immutable
class _Rules:
    """All that is looked at."""

    audit: Audit
    file: PolicyFile | None
    on: date
    """Never before the latest entry."""
    asked_on: date
    """As the day of judging was given."""
    baseline: Audit | None
    entries: tuple[Entry, ...]

    def rulings(self) -> Iterator[RuleResult]:
        findings = self._findings()
        asked = self._asked(findings)
        made = [*self._plan(findings, asked), *self._limits(findings, asked)]
        regressed = list(self._regressions(findings))
        yield from (self._waived(one) for one in (*made, *regressed))
        if self.file is None:
            return
        decided = {one.check for one in made if one.rule == "limits" and one.verdict in DECIDED}
        yield from self._policy(self.file, findings, decided)
        # what is said of a baseline may err too
        risk = 1 - self._compared_at if any(one.check is not None for one in regressed) else 0.0
        yield from self._confidence(self.file, made, risk)
        yield from self._of_the_audit(self.file)

    def _policy(
        self, file: PolicyFile, findings: Sequence[Finding], decided: set[str | None]
    ) -> Iterator[RuleResult]:
        """Yield a ruling for each thing that is required, each clause, and each thing that is forbidden."""
        policy, line = file.policy, file.line
        for kind in Required.model_fields:
            for index, name in enumerate(getattr(policy.required, kind)):
                yield check_required(kind, name, findings, decided, line("required", kind, index))
        clauses = [(one, line("clauses", index)) for index, one in enumerate(policy.clauses)]
        yield from check_clauses(self.audit, clauses)
        for index, word in enumerate(policy.forbid):
            yield check_forbidden(word, self.audit, findings, line("forbid", index))

    def _confidence(self, file: PolicyFile, made: Sequence[RuleResult], risk: float) -> Iterator[RuleResult]:
        """Yield whether what was judged holds as surely as asked, where that is; risk: of the baseline's rule."""
        policy, attempt = file.policy, max((one.ordinal for one in self.audit.record.attempts), default=1)
        if (level := policy.level_of(attempt)) is None:
            return
        which = f" of attempt {attempt}" if policy.charge_rerolls else ""
        what = {"every_finding": f"the judged intervals{which} hold together", "audit": f"the verdict{which} holds"}
        known = (verdict_level(made) if policy.promise == "audit" else joint_level(made)) - risk
        verdict: Outcome = "passed" if known >= level - 1e-9 else "failed"
        why = f"{what[policy.promise]} at {100 * known:.6g} %, asked are {100 * level:.6g} %"
        why += f"; {_more_sure(made, risk)}." if verdict == "failed" else "."
        yield RuleResult("level", "confidence", verdict, why, line=file.line("level"))

    def _of_the_audit(self, file: PolicyFile) -> Iterator[RuleResult]:
        """Yield a ruling for approval, seal, fingerprint and age, as far as the policy asks for them."""
        policy, line = file.policy, file.line
        if policy.approval is not None:
            yield self._approval(policy.approval, line("approval"))
        if policy.sealed_by is not None:
            yield self._sealed_by(policy.sealed_by, line("sealed_by"))
        if policy.fingerprint is not None:
            yield self._fingerprint(policy.fingerprint, line("fingerprint"))
        if policy.max_age_days is not None:
            yield self._age(policy.max_age_days, line("max_age_days"))

    def out_of_reach(self) -> Iterator[str]:
        """Yield what is wrong with limits and the margin that no measure of the audit could reach."""
        if self.file is None:
            return
        findings, at, rule = self.audit.record.findings, self.file.document.at, self.file.policy.baseline
        for index, limit in enumerate(self.file.policy.limits):
            for finding in findings:
                for key, told in out_of_reach(limit, finding) if applies_to(limit, finding) else ():
                    yield f"{at(('limits', index, key))}: {told}"
        looked_at = [] if rule is None else [
            (finding.probe, one.name) for finding in findings for one in finding.measures
            if rule.measures is None or one.name in rule.measures
        ]
        for probe, name in looked_at:
            assert rule is not None
            if problem := margin_beyond(rule.margin, name, range_in(probe, name)):
                yield f"{at(('baseline', 'margin'))}: {problem}"

    def _findings(self) -> tuple[Finding, ...]:
        """The machine's findings, or those after review, where there are overrides and they count."""
        counts = self.file is None or self.file.policy.overrides
        if not counts or not any(isinstance(entry.says, Override) for entry in self.entries):
            return tuple(self.audit.record.findings)
        reviewed = state_of(self.audit, self.on, with_reason=counts == "with_reason").reviewed
        told = {check: one.finding for check, one in reviewed.items() if not one.informs}
        return tuple(told.get(one.check, one) for one in self.audit.record.findings)

    def _asked(self, findings: Sequence[Finding]) -> _Asked:
        """Return (check, measure, group) -> the limits of the policy that speak of it, by their place."""
        asked: defaultdict[_Aim, dict[int, PolicyLimit]] = defaultdict(dict)
        for index, limit in enumerate(() if self.file is None else self.file.policy.limits):
            for one in findings:
                if applies_to(limit, one):
                    asked[one.check, *aim_of(limit, one)][index] = limit
        return asked

    def _plan(self, findings: Sequence[Finding], asked: _Asked) -> Iterator[RuleResult]:
        """Yield a ruling for each gating check of which the policy does not ask as much itself."""
        if self.file is not None and not self.file.policy.plan_limits:
            return
        for one in findings:
            own = one.limit
            again = {} if own is None else asked.get((one.check, own.measure, own.group), {})
            if own is not None and any(no_more(own, limit) for limit in again.values()):
                continue
            if one.gating and one.verdict != "measured":
                verdict: Outcome = "inconclusive" if one.verdict == "skipped" else one.verdict
                by = one.one_sided if one.reason.get("key") == "passed_one_sided" else None
                sure = None if by is None else by.level
                yield RuleResult(
                    "plan", one.check, verdict, one.why, one.check, one.probe, measure=one.headline, sure=sure
                )

    def _limits(self, findings: Sequence[Finding], asked: _Asked) -> Iterator[RuleResult]:
        """Yield a ruling for each check that a limit speaks of, but for what another limit asks of it as well."""
        for index, limit in enumerate(() if self.file is None else self.file.policy.limits):
            assert self.file is not None
            line = self.file.line("limits", index)
            spoken_of = [one for one in findings if applies_to(limit, one)]
            for one in spoken_of:
                same = asked[one.check, *aim_of(limit, one)]
                if not any(_settles(same, at, index) for at in same):
                    ruling = check_limit(limit, one, line)
                    less = [self.file.line("limits", at) for at in same if _settles(same, index, at)]
                    yield replace(ruling, why=f"{ruling.why}{_less(less)}")
            if not spoken_of:
                yield no_such_check(limit, findings, line)

    @property
    def _compared_at(self) -> float:
        """Confidence of the rule that compares with a baseline."""
        rule = None if self.file is None else self.file.policy.baseline
        return BaselineRule().level if rule is None else rule.level

    def _regressions(self, findings: Sequence[Finding]) -> Iterator[RuleResult]:
        if self.baseline is None:
            return
        rule = None if self.file is None else self.file.policy.baseline
        margin, measures = (0.0, None) if rule is None else (rule.margin, rule.measures)
        line = None if self.file is None or rule is None else self.file.line("baseline")
        level = self._compared_at
        made = list(regressions(findings, self.baseline, margin=margin, measures=measures, level=level))
        for one in made:
            yield RuleResult("baseline", one.check, one.verdict, one.why, one.check, one.probe, line)
        if not made:
            why = f"there is nothing to compare with {self.baseline.record.id}."
            yield RuleResult("baseline", "measures", "inconclusive", why, line=line)

    def _waived(self, ruling: RuleResult) -> RuleResult:
        """Return the ruling as a waiver of its check leaves it."""
        if ruling.check is None or ruling.verdict == "passed":
            return ruling
        found = waiver_in_force(self.entries, ruling.check, self._outside)
        if found is None:
            return ruling
        waiver, problem = found
        if problem is None and not waiver.holds(self.on):
            problem = f"its last day was {waiver.until}"
        if problem is not None:
            return replace(ruling, why=f"{ruling.why} The waiver by {waiver.author} does not count: {problem}.")
        signed = "not signed" if waiver.key is None else f"signed with {waiver.key}"
        why = f"{ruling.why} Waived by {waiver.author} until {waiver.until} ({signed}): {waiver.reason}"
        return replace(ruling, verdict="waived", why=why, waiver=waiver)

    def _outside(self, waiver: Waiver, entry: Entry) -> str | None:
        """Return why a waiver may not count, whatever the day; None where it may."""
        if self.file is None:
            return None
        allowed = self.file.policy.waivers
        return "the policy allows none" if allowed is None else _outside(allowed, waiver, entry, self.asked_on)

    def _approval(self, asked: Approval, line: int) -> RuleResult:
        signing = sign_off_of(self.audit, self.entries, two_person=asked.two_person, keys=asked.keys)
        wanted = "two_person" if asked.two_person else "one_person"
        if signing.decision == "approved":
            entry = next(row.entry for row in reversed(signing.rows) if row.decision == "approved" and row.counts)
            signed = "not signed" if entry.key is None else f"signed with {entry.key.fingerprint}"
            return RuleResult("approval", wanted, "passed", f"approved by {entry.author}, {signed}.", line=line)
        problem = next((row.problem for row in reversed(signing.rows) if row.problem is not None), None)
        short = "" if problem is None else f"; {_UNCOUNTED[problem]}"
        why = f"not approved: the audit is {signing.decision}{short}."
        return RuleResult("approval", wanted, "failed", why, line=line)

    def _sealed_by(self, keys: Sequence[str], line: int) -> RuleResult:
        seal = check_seal(self.audit)
        if seal is None:
            return RuleResult("sealed_by", "seal", "failed", "the audit is not sealed.", line=line)
        strange = next((one for one in (seal.key, *seal.erasers) if one not in keys), None)
        since = "" if strange in (None, seal.key) else f", and evidence was erased since with the key {strange}"
        why = f"sealed by {seal.by} with the key {seal.key}{since}"
        why, named = why + (".", ", which the policy does not name.")[strange is not None], strange is None
        return RuleResult("sealed_by", "seal", "passed" if named else "failed", why, line=line)

    def _fingerprint(self, wanted: str, line: int) -> RuleResult:
        main = self.audit.record.models.get("main")
        got = "no model" if main is None else main.fingerprint
        same = main is not None and got == wanted
        why = f"the audited model is {got}" + ("." if same else f", the policy asks for {wanted}.")
        return RuleResult("fingerprint", "main", "passed" if same else "failed", why, line=line)

    def _age(self, most: int, line: int) -> RuleResult:
        if self.audit.run is None:
            why = "run.json is gone; nobody knows when the audit ended."
            return RuleResult("max_age_days", "age", "inconclusive", why, line=line)
        ended = datetime.fromisoformat(self.audit.run.finished).date()
        days = (self.on - ended).days
        why = f"the audit ended on {ended}, {days} days before {self.on}; allowed are {most}."
        return RuleResult("max_age_days", "age", "passed" if days <= most else "failed", why, line=line)


def _settles(same: Mapping[int, PolicyLimit], at: int, index: int) -> bool:
    """Tell whether the limit at one place leaves nothing to judge of that at another; of two alike the first does."""
    return at != index and no_more(same[index], same[at]) and (at < index or not no_more(same[at], same[index]))


def _less(lines: Sequence[int]) -> str:
    """Return the sentence on limits of the policy that are kept if this one is; empty without any."""
    words = "limit of line" if len(lines) == 1 else "limits of lines"
    told = " and ".join(map(str, lines))
    return f" The {words} {told} {'asks' if len(lines) == 1 else 'ask'} no more of it." if lines else ""


def _outside(allowed: AllowedWaivers, waiver: Waiver, entry: Entry, on: date) -> str | None:
    """Return what of a policy's terms a waiver does not keep."""
    key = None if entry.key is None else entry.key.fingerprint
    # Times are their authors' claims: a waiver dated ahead may not reach further than one that is written today.
    days = (waiver.until - min(entry.at.date(), on)).days
    if allowed.by is not None:
        if key is None:
            return "the policy names who may waive, and it is not signed"
        if key not in allowed.by and not any(same_name(waiver.author, name) for name in allowed.by):
            return "the policy does not name its author"
    if allowed.checks is not None and entry.says.check not in allowed.checks:
        return "the policy does not let this check be waived"
    if allowed.longest_days is not None and days > allowed.longest_days:
        return f"it lasts {days} days, allowed are {allowed.longest_days}"
    return None


def _more_sure(judged: Sequence[RuleResult], risk: float) -> str:
    """Return what to do where what was judged holds together less surely than asked; the largest risks are named."""
    levels = {(one.check, one.measure.name, one.measure.group): one.measure.level for one in judged if one.measure}
    worst = sorted(levels, key=lambda key: levels[key])[:3]
    names = ", ".join(f"{measure.replace('_', ' ')} of {check} ({100 * levels[check, measure, group]:.6g} %)"
                      for check, measure, group in worst)
    parts = [f"limits on fewer measures (least sure: {names})", "a plan where they gate, whose checks share its level"]
    parts += [f"a higher level of the baseline rule ({100 * (1 - risk):g} % now)"] if risk else []
    return f"what helps: {', '.join(parts)}, or less asked"
