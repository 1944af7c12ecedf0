"""Exploratory families: checks that have a limit and do not gate are judged together, by Benjamini-Hochberg.

Of m such checks at rate q = 1 - level, the largest R is taken such that at least R intervals at level

    1 - q R / m

lie wholly on one side of their limits. That is Benjamini & Hochberg 1995 without p-values: of what is decided, at most
a share q is decided wrongly, on average, for checks that are independent or depend positively. Those very intervals
keep their coverage over what was selected (Benjamini & Yekutieli 2005). Where no R will do, they stay at the strictest
level, 1 - q / m: at any other some interval might lie on one side of a limit that is not decided. A family of one is
judged at the audit's own level. Every check of the plan counts for m, also one that is skipped; what stops early stops
at the strictest level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audit.record.schema import Finding
from audit.verdict.findings import judge_finding

if TYPE_CHECKING:
    from audit.probe import Probe

__all__ = ["family_level", "settled_level", "step_up"]

DECIDED = ("passed", "failed")


def family_level(level: float, size: int, decided: int = 1) -> float:
    """Return the level at which a family of `size` is judged where so many checks are decided."""
    return level if decided == size else 1 - (1 - level) * decided / size


def step_up(level: float, size: int, decided_at: Callable[[float], int]) -> float:
    """Return the level of a family; `decided_at` counts the checks that are decided at a level.

    Stricter levels decide fewer, so that from R only the number decided at R needs to be tried next.
    """
    tried = size
    while tried > 1 and (found := decided_at(family_level(level, size, tried))) < tried:
        tried = max(1, found)
    return family_level(level, size, tried)


def settled_level(
    folder: Path, family: Sequence[Finding], probes: Mapping[str, Probe], *, level: float, seed: int
) -> float:
    """Return the level of a family of findings, judged anew from what was observed; `level` is the audit's."""

    def decided(finding: Finding, at: float) -> bool:
        try:
            _, _, decision = judge_finding(folder, finding, probes[finding.check], level=at, seed=seed)
        except Exception:  # whatever a probe raises: it decides nothing, and crashes where it is judged for the record
            return False
        return decision.verdict in DECIDED

    judged = [finding for finding in family if finding.measures]
    return step_up(level, len(family), lambda at: sum(decided(finding, at) for finding in judged))
