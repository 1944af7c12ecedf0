"""Exit codes: what the command ends with, which of several it ends with, and which verdict has which.

    0      PASSED          the limits are kept, or none was set; a mark or an origin was found
    1      FAILED          a gating check failed, a candidate is worse, a file was altered
    2      USAGE           the command, a plan or a file that it names is wrong
    3      INCONCLUSIVE    a gating check is inconclusive or skipped; nothing was found in a file
    4      ALTERED         what is stored is not what was written
    5      CRASHED         a gating check crashed; a model, a store or a database is down
    6      BUDGET          a plan's budget for an endpoint is used up; with a larger one the same command goes on
    130    INTERRUPTED     the same command goes on

Each error has its own (`audit.errors`); what a code says of one command stands in the command's help.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = [
    "ALTERED", "BUDGET", "CRASHED", "FAILED", "INCONCLUSIVE", "INTERRUPTED", "OF_COMPARISON", "OF_VERDICT", "PASSED",
    "USAGE", "of_several",
]

PASSED, FAILED, USAGE, INCONCLUSIVE, ALTERED, CRASHED, BUDGET, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

OF_VERDICT: Mapping[str, int] = {
    "failed": FAILED, "crashed": CRASHED, "inconclusive": INCONCLUSIVE, "skipped": INCONCLUSIVE, "passed": PASSED,
    "measured": PASSED,
}
"""Verdict of an audit, or of its judgement by a policy (`audit.record.Verdict`) -> exit code."""

OF_COMPARISON: Mapping[str, int] = {
    "worse": FAILED, "undecided": INCONCLUSIVE, "no worse": PASSED, "better": PASSED, "measured": PASSED,
}
"""What a comparison comes to (`audit.compare.Word`) -> exit code."""

_ORDER = (ALTERED, FAILED, CRASHED, USAGE, BUDGET, INCONCLUSIVE)


def of_several(codes: Iterable[int]) -> int:
    """Return the code of several audits in one command: the first of 4, 1, 5, 2, 6, 3 that one of them has; else 0."""
    found = set(codes)
    return next((code for code in _ORDER if code in found), PASSED)
