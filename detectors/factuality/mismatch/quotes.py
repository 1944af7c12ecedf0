"""Is what a claim puts in quotation marks in the evidence, word for word?

Quotation marks, blanks, case and the marks at the ends are not compared: American English puts a comma inside. A
quote that is not there conflicts where the evidence has most of its words in one sentence, as it was altered; else
it is absent.
"""

from __future__ import annotations

from detectors.factuality.mismatch.cases import Case
from detectors.factuality.mismatch.quoted import plain
from detectors.factuality.mismatch.verdicts import ABSENT, CONFLICTING, SUPPORTED, Finding
from detectors.factuality.words import read
from detectors.phrases import Cause, Phrase

__all__ = ["QUOTES", "check_quotes"]

QUOTES = Phrase("quotes")
_ENDS = " .,;:!?\u2026'\"-"
_ALTERED = 0.6


def check_quotes(case: Case) -> list[Finding]:
    """Return what was found of each quote of the claim."""
    return [_finding(case, one.start, one.end) for one in case.within(case.answer.quotes)]


def _finding(case: Case, start: int, end: int) -> Finding:
    said = plain(case.text(start, end)).strip(_ENDS)
    stems = read(case.text(start, end)).stems
    near = case.evidence.nearest(stems) if stems else []
    place = near[0].sentence.place if near else None
    if not said or said in case.evidence.plain or said in case.question.plain:
        return Finding(QUOTES, SUPPORTED, (start, end), place)
    if near and near[0].coverage >= _ALTERED and len(stems) > 1:
        return Finding(QUOTES, CONFLICTING, (start, end), place, Cause("the evidence words the quote differently"))
    return Finding(QUOTES, ABSENT, (start, end), place, Cause("the quote is not in the evidence"))
