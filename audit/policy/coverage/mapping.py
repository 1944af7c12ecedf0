"""Which findings of an audit serve which test of a clause.

    bias.decisions                    findings of that probe
    bias.decisions:impact_ratio       those that gave the measure; a limit counts if it is of that measure
    imported.scores@jailbreak         those that say that they are about it
    a.b | c.d                         one of the two is enough
    bias.*    *                       findings of that dimension; all

A finding speaks for a clause (`good`) when it gave numbers, of one model, by a check that works on what is known, and
passed its limit or has none; for a clause that asks for the test alone, whatever became of the limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.frameworks import Alternative, Clause
from audit.record import Finding, Verdict
from detectors.immutable import immutable

__all__ = ["SPEAKING", "MappedTest", "mapped_tests", "usable"]

SPEAKING: dict[str, tuple[Verdict, ...]] = {
    "level": ("passed", "measured"), "test": ("passed", "measured", "failed", "inconclusive"),
}
"""Verdicts that speak for a clause, by what it asks for."""


@immutable
class MappedTest:
    """One test of a clause and what became of it."""

    name: str
    """As the catalogue has it."""
    matched: tuple[tuple[Finding, str | None], ...]
    """The findings that serve it, each with the measure that alone counts; None where the whole finding does."""
    speaking: tuple[Verdict, ...] = SPEAKING["level"]

    @property
    def good(self) -> tuple[tuple[Finding, str | None], ...]:
        """Those that speak for the clause."""
        return tuple(one for one in self.matched if usable(one[0]) and one[0].verdict in self.speaking)

    @property
    def run(self) -> bool:
        """Whether one of them gave numbers that can be trusted."""
        return any(usable(one) for one, _ in self.matched)


def mapped_tests(clause: Clause, findings: Sequence[Finding], framework: str) -> tuple[MappedTest, ...]:
    """Return the tests of a clause, in their order; behind them one without a name for what the plan itself mapped."""
    speaking = SPEAKING[clause.asks_for]
    tests = [MappedTest(test, tuple(_matched(test, findings)), speaking) for test in clause.tests]
    known = {one.check for test in tests for one, _ in test.matched}
    own = [one for one in findings if f"{framework}:{clause.id}" in one.clauses and one.check not in known]
    return (*tests, *([MappedTest("", tuple((one, None) for one in own), speaking)] if own else []))


def usable(finding: Finding) -> bool:
    """Tell whether a finding gave numbers that can be trusted."""
    numbers = any(one.value is not None for one in finding.measures)
    return numbers and finding.trusted and finding.verdict not in ("skipped", "crashed")


def _matched(test: str, findings: Sequence[Finding]) -> list[tuple[Finding, str | None]]:
    found: dict[str, tuple[Finding, str | None]] = {}
    for one in Alternative.of(test):
        for finding in findings:
            if one.names(finding.probe) and one.about in (None, finding.dimension) and _gives(finding, one.measure):
                found.setdefault(finding.check, (finding, one.measure))
    return list(found.values())


def _gives(finding: Finding, measure: str | None) -> bool:
    return measure is None or any(one.name == measure and one.value is not None for one in finding.measures)
