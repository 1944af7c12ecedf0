"""Is what a claim puts in quotation marks in the evidence, word for word?

Quotation marks, blanks, case and the marks at the ends are not compared: American English puts a comma inside. Of a
quote with dots for what is left out, the parts are looked for in their order. A quote that is not there conflicts
where the evidence has most of its words in one sentence, as it was altered; else it is absent.
"""

from __future__ import annotations

import re

from detectors.factuality.mismatch.cases import Case
from detectors.factuality.mismatch.quoted import plain
from detectors.factuality.mismatch.verdicts import ABSENT, CONFLICTING, SUPPORTED, Finding
from detectors.factuality.words import read
from detectors.phrases import Cause, Phrase

__all__ = ["QUOTES", "check_quotes"]

QUOTES = Phrase("quotes")
_ENDS = " .,;:!?\u2026'\"-"
_LEFT_OUT = re.compile(r"\[?(?:\.(?:\s?\.){2}|\u2026)\]?")
_ALTERED = 0.6


def check_quotes(case: Case) -> list[Finding]:
    """Return what was found of each quote of the claim."""
    claim = case.claim
    begun = [one for one in case.answer.quotes if claim.start <= one.start < claim.end]
    return [_finding(case, one.start, one.end) for one in begun if not case.is_left_out(one.start)]


def _finding(case: Case, start: int, end: int) -> Finding:
    said = plain(case.text(start, end)).strip(_ENDS)
    stems = read(case.text(start, end)).stems
    near = case.evidence.nearest(stems) if stems else []
    place = near[0].sentence.place if near else None
    span = (start, min(end, case.claim.end))  # a quote of two sentences is judged with its first
    if not said or _has(case.evidence.plain, said) or _has(case.question.plain, said):
        return Finding(QUOTES, SUPPORTED, span, place)
    if near and near[0].coverage >= _ALTERED and len(stems) > 1:
        return Finding(QUOTES, CONFLICTING, span, place, Cause("the evidence words the quote differently"))
    return Finding(QUOTES, ABSENT, span, place, Cause("the quote is not in the evidence"))


def _has(text: str, said: str) -> bool:
    """Tell whether a text has the parts of a quote in their order."""
    at = 0
    for part in _LEFT_OUT.split(said):
        found = text.find(part.strip(_ENDS), at)
        if found < 0:
            return False
        at = found + len(part)
    return True
