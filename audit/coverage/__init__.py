"""From an audit to the clauses that it is evidence for: by rule, with all that lacks."""

from audit.coverage.applicability import Applies, applies, unanswered
from audit.coverage.conditions import AUDIT_NEEDS, held_needs, post_hoc
from audit.coverage.facts import Answered, Facts, facts_of
from audit.coverage.mapping import MappedTest, mapped_tests
from audit.coverage.status import (
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
from audit.coverage.words import cap_words, need_words, shown_by_words, status_words

__all__ = [
    "AUDIT_NEEDS", "RANK", "STATUSES", "Answered", "Applies", "Cap", "ClauseCoverage", "ClauseStatus", "Coverage",
    "Facts", "MappedTest", "applies", "at_least", "cap_words", "cover", "coverage_of", "facts_of", "held_needs",
    "mapped_tests", "need_words", "post_hoc", "shown_by_words", "status_words", "unanswered",
]
