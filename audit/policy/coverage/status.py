"""What an audit is evidence for, clause by clause: a pure function of what is stored, never a matter of mood.

    evidence      contradicted      the clause asks for a level, and a finding that serves it failed a limit that
                                    decides the verdict
                  no evidence       no mapped test was asked, and nothing of what it needs is there
                  inconclusive      tests were asked and none speaks for it, only the plan says that a check serves
                                    it, or one of its needs lacks
                  partly supported  all of its needs are there
                  supported         and it is direct, every mapped test speaks for it, nothing caps it
    applicability no answers -> "no evidence" or "evidence exists, applicability not stated", and nothing else
                  not applicable by the answers; not yet in force on the day of the audit

No audit shows that a law is kept. A status says what is there, `never` what it does not say, `next_step` what would
raise it. Taking away what speaks for a clause never raises its status: conditions ask whether there is a finding that
holds them, and caps whether every mapped test has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import get_args

from audit.frameworks import Clause, Framework, Need, ShownBy, Sure, Text
from audit.policy.coverage.applicability import Applies, applies
from audit.policy.coverage.conditions import FINDING_NEEDS, held_needs, post_hoc
from audit.policy.coverage.facts import Answered, Facts, facts_of
from audit.policy.coverage.mapping import SPEAKING, MappedTest, mapped_tests, usable
from audit.policy.coverage.words import (
    Cap,
    ClauseStatus,
    absent_words,
    cap_words,
    how_words,
    listed,
    need_words,
    shown_by_words,
    status_words,
    words_of_tests,
)
from audit.record import Audit, Finding
from audit.verdict import contradicts
from detectors.immutable import immutable
from detectors.phrases import Phrase

__all__ = ["RANK", "STATUSES", "Cap", "ClauseCoverage", "ClauseStatus", "Coverage", "at_least", "cover", "coverage_of"]

STATUSES: tuple[ClauseStatus, ...] = get_args(ClauseStatus)
_TOLD = ("passed", "measured", "failed")
"""Verdicts that say something of a clause."""
RANK: dict[ClauseStatus, int] = {"supported": 3, "partly supported": 2, "inconclusive": 1}
"""How much speaks for a clause; a status that is not named has none."""


@immutable
class ClauseCoverage:
    """One clause and what an audit is evidence for."""

    clause: Clause
    says: Text
    """What it asked for on the day of the audit."""
    sure: Sure
    """How sure its text is; C and D are said wherever it is printed."""
    status: ClauseStatus
    once: ClauseStatus | None
    """Of a clause that is not yet in force: what its status would be by the evidence that is there."""
    reason: Phrase
    next_step: Phrase
    """What would raise the status, or what a person adds."""
    applies: Applies
    findings: tuple[str, ...] = ()
    """Checks that speak for it."""
    against: tuple[str, ...] = ()
    """Checks that speak against it: gating, and failed."""
    undecided: tuple[str, ...] = ()
    """Checks that serve it and decide nothing."""
    tests_mapped: tuple[str, ...] = ()
    tests_run: tuple[str, ...] = ()
    tests_absent: tuple[str, ...] = ()
    """Mapped and not run, or without numbers that can be trusted."""
    held: tuple[Need, ...] = ()
    lacking: tuple[Need, ...] = ()
    """Of `needs`: without these there is no positive status."""
    not_full: tuple[Need, ...] = ()
    """Of `needs` and `full`, what not every mapped test has: without these it is partly supported at most."""
    caps: tuple[Cap, ...] = ()

    @property
    def never(self) -> Text | None:
        """What no tool measures there; printed with every positive status."""
        return self.clause.never

    @property
    def by_evidence(self) -> ClauseStatus:
        """The status, or what it would be were the clause in force."""
        return self.once or self.status


@immutable
class Coverage:
    """An audit, seen by one framework."""

    framework: Framework
    audit: str
    """Id of the audit."""
    day: date | None
    """Day on which the audit ended, by which dates are looked at."""
    answers: dict[str, Answered]
    """Question -> what a person answered."""
    sealed: bool
    clauses: tuple[ClauseCoverage, ...]

    def clause(self, name: str) -> ClauseCoverage | None:
        """Return the clause of this id; None where there is none."""
        return next((one for one in self.clauses if one.clause.id == name), None)

    def counts(self) -> dict[ClauseStatus, int]:
        """Return how many clauses have each status."""
        return {status: sum(one.status == status for one in self.clauses) for status in STATUSES}


def coverage_of(audit: Audit, framework: Framework) -> Coverage:
    """Return what an audit is evidence for; IntegrityError where reviews or seal are not what was written."""
    return cover(facts_of(audit), framework, audit.record.id)


def cover(facts: Facts, framework: Framework, audit: str = "") -> Coverage:
    """Return the same from facts that were read before, so that many frameworks read an audit once."""
    rows = tuple(_clause(facts, framework, clause) for clause in framework.clauses)
    return Coverage(framework, audit, facts.day, dict(facts.answers.get(framework.id, {})), facts.sealed, rows)


def at_least(status: ClauseStatus, least: ClauseStatus) -> bool:
    """Tell whether a status speaks for a clause at least as much as another one."""
    return RANK.get(status, 0) >= RANK.get(least, 0)


def _clause(facts: Facts, framework: Framework, clause: Clause) -> ClauseCoverage:
    found = _by_evidence(facts, framework, clause)
    bound = applies(framework, clause, facts)
    found = replace(found, applies=bound)
    if not facts.answers.get(framework.id) or bound.word == "unknown":
        return _not_stated(found, framework)
    if bound.word == "no":
        return replace(found, status="not applicable", reason=_why_not(framework, bound), next_step=_ANSWERED)
    if bound.word == "later":
        would, why = status_words(found.status), found.reason
        since = Phrase("stayed") if bound.since is None else bound.since.isoformat()
        reason = Phrase(
            "applies from {day}; by what is there it would be: {status} ({why})", day=since, status=would, why=why
        )
        return replace(found, status="not yet in force", once=found.status, reason=reason)
    return found


def _not_stated(found: ClauseCoverage, framework: Framework) -> ClauseCoverage:
    """Return what may be said while nobody knows whether a clause binds."""
    if found.status == "no evidence":
        return found
    word = found.applies
    if word.word == "unknown" and word.question is None:
        reason = Phrase("there is evidence; nobody knows on which day the audit ended")
        return replace(found, status=STATUSES[-1], reason=reason, next_step=how_words("run_facts"))
    reason = Phrase("there is evidence; nobody has answered who is bound by {framework}", framework=framework.id)
    step = Phrase("answer its questions (dokimasia frameworks ask {framework})", framework=framework.id)
    return replace(found, status=STATUSES[-1], reason=reason, next_step=step)


def _why_not(framework: Framework, bound: Applies) -> Phrase:
    if bound.question is None:
        return Phrase("the framework is {status}; used by choice", status=Phrase(_FRAMEWORK[framework.status]))
    answers = ", ".join(bound.choices)
    return Phrase("by the answer to {question}: {answers}", question=bound.question, answers=answers)


_FRAMEWORK = {"replaced": "replaced", "out of scope by its own words": "out of scope by its own words"}
_ANSWERED = Phrase("nothing, unless an answer is wrong")
_NOTHING = Phrase("nothing that an audit measures serves this clause")
_BY_OTHERS = Phrase("a person shows it by other means")
_MEND = Phrase("mend what failed, and audit again")
_RIGHT = Phrase("mend the model or what is declared of it, and audit again")
_MORE = Phrase("ask more, until it is decided")
_PERSON = Phrase("nothing; a person judges what no tool measures")
_REST = Phrase("nothing that an audit could add; a person shows the rest")
_THERE = Phrase("what it needs is there")
_ALL_THERE = Phrase("every mapped test speaks for it, and all that it needs is there")
_TESTED = Phrase("it asks for the test, whatever comes out; every mapped test was made, and all that it needs is there")


def _by_evidence(facts: Facts, framework: Framework, clause: Clause) -> ClauseCoverage:
    """Return a clause's status as if it bound."""
    tests = mapped_tests(clause, facts.findings, framework.id)
    serving = [one for test in tests for one, _ in test.matched]
    good = _speaking(facts, clause, tests)
    held, lacking = held_needs(clause.needs, facts, good)
    row = ClauseCoverage(
        clause=clause, says=clause.words_on(facts.day), sure=framework.sure_of(clause), status="no evidence", once=None,
        reason=_NOTHING, next_step=_BY_OTHERS, applies=Applies("yes"),
    )
    if clause.strength == "none":
        return row if clause.shown_by is None else replace(row, next_step=_by_person(clause.shown_by))
    failed = (one for one in serving if usable(one) and _is_against(clause, one))
    told = {*_TOLD, *SPEAKING[clause.asks_for]}
    row = replace(
        row, findings=_names(one for one, _ in good), against=_names(failed) if clause.asks_for == "level" else (),
        undecided=_names(one for one in serving if not (usable(one) and one.verdict in told) or _hushed(clause, one)),
        tests_mapped=tuple(clause.tests), tests_run=tuple(one.name for one in tests if one.run and one.name),
        tests_absent=tuple(one.name for one in tests if not one.run and one.name), held=held, lacking=lacking,
    )
    return _judged(facts, row, tests)


def _by_person(kind: ShownBy) -> Phrase:
    """Return what a person adds where an audit adds nothing."""
    told = shown_by_words(kind)
    return told if kind == "nothing" else Phrase("a person shows it: {what}", what=told)


def _is_against(clause: Clause, finding: Finding) -> bool:
    """Tell whether a finding speaks against a clause that asks for a level."""
    return (finding.gating and finding.verdict == "failed") or _misses(clause, finding)


def _misses(clause: Clause, finding: Finding) -> bool:
    """Tell whether a finding contradicts a declared number, where a clause asks for one."""
    return "declared" in clause.needs and contradicts(finding)


def _hushed(clause: Clause, finding: Finding) -> bool:
    """Tell whether a finding failed a limit that decides nothing, where a level is asked for."""
    return clause.asks_for == "level" and finding.verdict == "failed" and not finding.gating


def _speaking(facts: Facts, clause: Clause, tests: Sequence[MappedTest]) -> tuple[tuple[Finding, str | None], ...]:
    """Return the findings that speak for a clause: of its tests, or of the audit where it needs any and names none."""
    if clause.tests or tests:
        return tuple(one for test in tests for one in test.good)
    wanted = any(need in FINDING_NEEDS for need in (*clause.needs, *clause.full))
    every = tuple((one, None) for one in facts.findings)
    return MappedTest("*", every, SPEAKING[clause.asks_for]).good if wanted else ()


def _judged(facts: Facts, row: ClauseCoverage, tests: Sequence[MappedTest]) -> ClauseCoverage:
    if row.against:
        misses = [one.check for one in facts.findings if one.check in row.against and _misses(row.clause, one)]
        if misses:
            told = Phrase("what is measured contradicts what is declared: {checks}", checks=", ".join(misses))
            return replace(row, status="contradicted", reason=told, next_step=_RIGHT)
        reason = Phrase("failed a limit that decides the verdict: {checks}", checks=", ".join(row.against))
        return replace(row, status="contradicted", reason=reason, next_step=_MEND)
    if row.clause.tests and not row.findings:
        return _unasked(row)
    if row.clause.tests and not any(test.good for test in tests if test.name):
        return _by_plan_alone(row)
    if row.lacking:
        needs, step = listed(map(need_words, row.lacking)), listed(map(how_words, row.lacking))
        there = bool(row.findings or row.held)
        lacks = Phrase("there is evidence, and it lacks {needs}" if there else "it lacks {needs}", needs=needs)
        return replace(row, status="inconclusive" if there else "no evidence", reason=lacks, next_step=step)
    problems = [_least(facts, row.clause, test.good) for test in tests if test.good]
    problems += [] if tests else [_least(facts, row.clause, _speaking(facts, row.clause, tests))]
    not_full = tuple(need for need in _joint(row.clause) if any(need in lacking for lacking, _ in problems))
    caps = tuple(_caps(replace(row, not_full=not_full), tests, [cap for _, found in problems for cap in found]))
    if caps:
        return _missed(facts, _partly(replace(row, not_full=not_full, caps=caps)))
    reason = _ALL_THERE if row.clause.asks_for == "level" else _TESTED
    return _missed(facts, replace(row, status="supported", reason=reason, next_step=_PERSON))


def _missed(facts: Facts, row: ClauseCoverage) -> ClauseCoverage:
    """Return the row with the missed limits of what speaks for it told first: where the test alone is asked for."""
    failed = [one.check for one in facts.findings if one.check in row.findings and one.verdict == "failed"]
    if not failed:
        return row
    return replace(row, reason=Phrase("limits were missed ({checks}); {why}", checks=", ".join(failed), why=row.reason))


def _unasked(row: ClauseCoverage) -> ClauseCoverage:
    """Return the row of a clause for which no test speaks."""
    tests = words_of_tests(row.clause.tests)
    if row.undecided or row.tests_run:
        asked = ", ".join(row.undecided)
        reason = Phrase("asked, and nothing was decided: {checks}", checks=asked)
        return replace(row, status="inconclusive", reason=reason, next_step=_MORE)
    reason = Phrase("no mapped test was run: {tests}", tests=tests)
    return replace(row, reason=reason, next_step=Phrase("run {tests}", tests=tests))


def _by_plan_alone(row: ClauseCoverage) -> ClauseCoverage:
    """Return the row of a clause that a plan names for its checks, while no test of the catalogue speaks for it."""
    checks, tests = ", ".join(row.findings), words_of_tests(row.clause.tests)
    reason = Phrase("only the plan says that {checks} serves this clause; none of {tests} speaks", checks=checks,
                    tests=tests)  # fmt: skip
    return replace(row, status="inconclusive", reason=reason, next_step=Phrase("run {tests}", tests=tests))


def _least(
    facts: Facts, clause: Clause, good: Sequence[tuple[Finding, str | None]]
) -> tuple[tuple[Need, ...], tuple[Cap, ...]]:
    """Return (what of `full` lacks, what caps) of that finding of a test that is the most; of the audit without one."""
    found = [
        (held_needs(_joint(clause), facts, [one])[1], tuple(_of_finding(facts, clause, *one))) for one in good
    ] or [(held_needs(_joint(clause), facts, [])[1], ())]
    return min(found, key=lambda one: len(one[0]) + len(one[1]))


def _joint(clause: Clause) -> tuple[Need, ...]:
    """Return what one finding of each test must hold for full support: what is needed, and what makes it full."""
    return (*clause.needs, *clause.full)


def _of_finding(facts: Facts, clause: Clause, finding: Finding, measure: str | None) -> Iterator[Cap]:
    level = clause.asks_for == "level" and clause.strength == "direct" and "declared" not in clause.needs
    if level and not FINDING_NEEDS["decided"](facts, finding, measure):
        yield "no_limit"
    if post_hoc(facts, finding):
        yield "post_hoc"
    if finding.probe.startswith("imported."):
        yield "imported"
    if not finding.controls:
        yield "no_control"


def _caps(row: ClauseCoverage, tests: Sequence[MappedTest], of_findings: Sequence[Cap]) -> Iterator[Cap]:
    """Yield why a status is no more than partly supported."""
    if row.clause.strength == "partial":
        yield "partial"
    if row.clause.strength == "process":
        yield "process"
    if row.not_full:
        yield "not_full"
    yield from dict.fromkeys(of_findings)
    if row.tests_absent:
        yield "not_run"
    open_ones = {"inconclusive", "failed"} - set(SPEAKING[row.clause.asks_for])
    if any(usable(one) and one.verdict in open_ones for test in tests for one, _ in test.matched):
        yield "undecided"


def _partly(row: ClauseCoverage) -> ClauseCoverage:
    why = listed(_why(cap, row) for cap in row.caps)
    told = Phrase("{run} of {mapped} mapped tests were run", run=len(row.tests_run), mapped=len(row.tests_mapped))
    there = told if row.tests_mapped else _THERE
    steps = [_step(cap, row) for cap in row.caps if cap not in ("partial", "process")] or [_REST]
    reason = Phrase("{there}; no more than partly: {why}", there=there, why=why)
    return replace(row, status="partly supported", reason=reason, next_step=listed(steps))


def _why(cap: Cap, row: ClauseCoverage) -> Phrase:
    if cap == "not_full":
        return Phrase("it lacks {needs}", needs=listed(map(need_words, row.not_full)))
    if cap == "not_run":
        return absent_words(row.tests_absent)
    return cap_words(cap)


def _step(cap: Cap, row: ClauseCoverage) -> Phrase:
    if cap == "not_full":
        return listed(map(how_words, row.not_full))
    if cap == "not_run":
        return Phrase("run {tests}", tests=words_of_tests(row.tests_absent))
    if cap == "post_hoc":
        return how_words("limit_before")
    if cap in ("no_control", "no_limit"):
        return how_words("controls" if cap == "no_control" else "decided")
    return Phrase("measure it here, by a probe") if cap == "imported" else _MORE


def _names(findings: Iterator[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.check for one in findings))
