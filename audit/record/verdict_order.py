"""Verdicts: what a check may come to, in which order that is told, and how much of an audit is decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

__all__ = ["DECIDED", "UNSETTLED", "WORST_FIRST", "Judged", "Verdict", "decided", "severity"]

Verdict = Literal["passed", "failed", "inconclusive", "measured", "skipped", "crashed"]
WORST_FIRST: tuple[Verdict, ...] = ("failed", "crashed", "inconclusive", "skipped", "passed", "measured")
"""The order in which verdicts are told."""
DECIDED: tuple[Verdict, ...] = ("passed", "failed")
"""What a limit comes to where the numbers tell."""
UNSETTLED: tuple[Verdict, ...] = WORST_FIRST[:3]
"""What somebody has to look at."""


class Judged(Protocol):
    """What has a verdict: a finding, or the head of one."""

    @property
    def verdict(self) -> Verdict:
        """What it came to."""

    @property
    def gating(self) -> bool:
        """Whether the audit's verdict depends on it."""


def severity(one: Judged) -> tuple[int, bool]:
    """Return what findings are sorted by, worst first: of one verdict those that gate come first."""
    return WORST_FIRST.index(one.verdict), not one.gating


def decided(findings: Iterable[Judged]) -> tuple[int, int]:
    """Return (gating checks that passed or failed, gating checks): how much of the audit's verdict is decided."""
    gating = [one.verdict in DECIDED for one in findings if one.gating]
    return sum(gating), len(gating)
