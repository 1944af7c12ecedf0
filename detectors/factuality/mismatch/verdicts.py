"""What a check says of a claim: its state, the rule that decided, the place in the answer and the nearest evidence."""

from __future__ import annotations

from detectors.factuality.claims import Claim
from detectors.immutable import immutable
from detectors.phrases import Cause, Phrase

__all__ = [
    "ABSENT",
    "ANSWER",
    "CONFLICTING",
    "NOT_SCORED",
    "SUPPORTED",
    "ClaimVerdict",
    "Finding",
    "Place",
    "Unmeasured",
]

SUPPORTED, CONFLICTING, ABSENT, NOT_SCORED = "supported", "conflicting", "absent", "not scored"
ANSWER = -1
"""In place of a passage: the evidence is the answer itself."""

Place = tuple[int, int, int]
"""Passage (`ANSWER` for the answer), first character, one behind the last."""


@immutable(slots=True)
class Finding:
    """One thing in a claim that a rule looked at: supported, conflicting or absent."""

    rule: Phrase
    state: str
    span: tuple[int, int]
    """Characters of the answer."""
    evidence: Place | None = None
    reason: Cause | None = None


@immutable(slots=True)
class Unmeasured:
    """A rule that could not be applied to a claim, and why: never the same as no mismatch."""

    rule: Phrase
    reason: Cause


@immutable(slots=True)
class ClaimVerdict:
    """A claim, judged."""

    claim: Claim
    state: str
    """supported, conflicting, absent or not scored."""
    rule: Phrase
    """Which decided."""
    span: tuple[int, int]
    """What in the answer it is about."""
    evidence: Place | None
    """The nearest evidence."""
    support: float
    """0 to 1, higher = more supported: overlap less what the rules found."""
    reason: Cause | None = None
    """Why it is not supported."""
    findings: tuple[Finding, ...] = ()
    """All that the rules looked at, in the order of the rules."""
    unmeasured: tuple[Unmeasured, ...] = ()
