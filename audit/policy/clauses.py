"""A policy's `clauses`: so much evidence for a clause of a law or standard is demanded of an audit.

    clauses: [{clause: eu-ai-act:art-15-1, at_least: partly supported}]

passed where the audit is evidence for the clause at least so far, by `policy/coverage`; of a clause that is not yet in
force, where it would be. failed where it is not, or contradicted. inconclusive where what is stored does not tell: the
evidence decides nothing, nobody has said whom the framework binds, or by the answers it binds nobody here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from audit.frameworks import clause_of
from audit.policy.coverage.facts import facts_of
from audit.policy.coverage.status import at_least, cover
from audit.policy.rules import Outcome, RuleResult
from audit.policy.spec import PolicyClause

if TYPE_CHECKING:
    from audit.policy.coverage.status import ClauseCoverage
    from audit.record import Audit

__all__ = ["check_clauses"]

_OPEN = ("inconclusive", "evidence exists, applicability not stated", "not applicable")


def check_clauses(audit: Audit, asked: Sequence[tuple[PolicyClause, int]]) -> Iterator[RuleResult]:
    """Yield a ruling for each clause that a policy asks for, with its line; the audit is read once."""
    if not asked:
        return
    facts = facts_of(audit)
    for one, line in asked:
        framework, clause = clause_of(one.clause)
        alone = framework.model_copy(update={"clauses": [clause]})
        yield _ruling(one, cover(facts, alone, audit.record.id).clauses[0], line)


def _ruling(asked: PolicyClause, found: ClauseCoverage, line: int) -> RuleResult:
    verdict: Outcome = "failed"
    if found.status in _OPEN:
        verdict = "inconclusive"
    if found.status != "not applicable" and at_least(found.by_evidence, asked.at_least):
        verdict = "passed"
    why = f"{found.status}, asked is {asked.at_least}: {found.reason}"
    why += f"; next: {found.next_step}." if verdict != "passed" else "."
    return RuleResult("clauses", f"{asked.clause} at least {asked.at_least}", verdict, why, line=line)
