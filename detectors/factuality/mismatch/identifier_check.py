"""Can the identifiers of a claim exist, and does the evidence name them?

One whose format or checksum is wrong conflicts whatever the evidence says; one that the evidence does not name is
absent.
"""

from __future__ import annotations

from detectors.factuality.mismatch.cases import Case
from detectors.factuality.mismatch.identifiers import Identifier
from detectors.factuality.mismatch.verdicts import ABSENT, CONFLICTING, SUPPORTED, Finding
from detectors.phrases import Cause, Phrase

__all__ = ["IDENTIFIERS", "check_identifiers"]

IDENTIFIERS = Phrase("identifiers")


def check_identifiers(case: Case) -> list[Finding]:
    """Return what was found of each identifier of the claim."""
    return [_finding(case, one) for one in case.within(case.answer.identifiers)]


def _finding(case: Case, one: Identifier) -> Finding:
    span, said = (one.start, one.end), case.text(one.start, one.end)
    if not one.can_exist:
        return Finding(
            IDENTIFIERS, CONFLICTING, span, None, Cause("no such identifier can exist: {claimed}", claimed=said)
        )
    if (place := case.evidence.identifiers.get((one.kind, one.key))) is not None:
        return Finding(IDENTIFIERS, SUPPORTED, span, place)
    if (one.kind, one.key) in case.question.identifiers:
        return Finding(IDENTIFIERS, SUPPORTED, span)
    return Finding(IDENTIFIERS, ABSENT, span, case.nearest, Cause("not in the evidence: {claimed}", claimed=said))
