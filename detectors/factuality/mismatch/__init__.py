"""Mismatch checks: numbers, dates, names, quotes, identifiers, negations, sums, by rules that explain themselves."""

from detectors.factuality.mismatch.checking import OVERLAP, SUPPORTS, check_claims, overlap_of
from detectors.factuality.mismatch.verdicts import (
    ABSENT,
    ANSWER,
    CONFLICTING,
    NOT_SCORED,
    SUPPORTED,
    ClaimVerdict,
    Finding,
    Place,
    Unmeasured,
)

__all__ = [
    "ABSENT", "ANSWER", "CONFLICTING", "NOT_SCORED", "OVERLAP", "SUPPORTED", "SUPPORTS", "ClaimVerdict", "Finding",
    "Place", "Unmeasured", "check_claims", "overlap_of",
]  # fmt: skip
