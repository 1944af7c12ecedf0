"""What is demanded of an audit: by an organisation, whoever wrote the plan; by laws and standards, clause by clause."""

from audit.policy.coverage.applicability import Applies, applies, unanswered
from audit.policy.coverage.conditions import AUDIT_NEEDS, held_needs, post_hoc
from audit.policy.coverage.facts import Answered, Facts, facts_of
from audit.policy.coverage.mapping import MappedTest, mapped_tests
from audit.policy.coverage.status import (
    RANK,
    STATUSES,
    Cap,
    ClauseCoverage,
    ClauseStatus,
    Coverage,
    at_least,
    cover,
    coverage_of,
)
from audit.policy.coverage.words import absent_words, cap_words, need_words, shown_by_words, status_words
from audit.policy.judgement import Judgement, judge_audit
from audit.policy.rules import RuleResult
from audit.policy.spec import Policy, baseline_of, load_policy

__all__ = [
    "AUDIT_NEEDS", "RANK", "STATUSES", "Answered", "Applies", "Cap", "ClauseCoverage", "ClauseStatus", "Coverage",
    "Facts", "Judgement", "MappedTest", "Policy", "RuleResult", "absent_words", "applies", "at_least", "baseline_of",
    "cap_words", "cover", "coverage_of", "facts_of", "held_needs", "judge_audit", "load_policy", "mapped_tests",
    "need_words", "post_hoc", "shown_by_words", "status_words", "unanswered",
]
