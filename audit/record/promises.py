"""What the confidence level of a plan is promised of, and what its numbers speak of.

    every_finding    nothing that passes or fails does so wrongly, with probability `level`: each finding may be quoted
                     alone, and the gating checks share 1 - level (Bonferroni)
    audit            the audit does not pass wrongly, with probability `level`

An audit passes if all of its checks do. Where one of them truly breaks its limit, that one must pass wrongly for the
audit to do so, so that each may pass by a one-sided bound at the full level however many there are (Berger 1982,
Technometrics 24:295, intersection-union test). Which failures are wrong is another matter: those keep their shares.

    population    numbers speak of items like those asked, and of answers drawn as they were
    benchmark     they speak of the data themselves, where answers are not drawn (`audit.verdict.finite_population`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from audit.record.finding import Limit

__all__ = ["Promise", "Target", "keep_level", "one_sided", "watched"]

Promise = Literal["every_finding", "audit"]
Target = Literal["population", "benchmark"]


def keep_level(promise: Promise, level: float) -> float | None:
    """Return the two-sided level of the interval whose ends are each one-sided bounds at `level`, by which gating
    checks pass; None where they pass by the intervals that they share the error budget for.
    """
    return 2 * level - 1 if promise == "audit" else None


def one_sided(level: float) -> float:
    """Return with what confidence each end of a two-sided interval holds alone."""
    return (1 + level) / 2


def watched(limit: Limit, level: float, keeps: float | None) -> float | tuple[float, float]:
    """Return the levels at which a check that stops early says that it is below, and above, a limit of one bound."""
    if keeps is None:
        return level
    return (keeps, level) if limit.at_most is not None else (level, keeps)
