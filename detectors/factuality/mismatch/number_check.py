"""Are the numbers of a claim those of the evidence?

    supported     the evidence has the number, or one that is rounded to it
    conflicting   the sentence nearest to the claim has another number of the same unit in its place
    absent        the evidence has no such number

A number that stands elsewhere in the evidence, while the sentence that says almost the same as the claim has another
number in its place, conflicts too: numbers that change places are no better than numbers that are made up.
"""

from __future__ import annotations

from detectors.factuality.mismatch.cases import Case, neighbours
from detectors.factuality.mismatch.evidence import Sentence
from detectors.factuality.mismatch.quantities import Quantity
from detectors.factuality.mismatch.verdicts import ABSENT, CONFLICTING, SUPPORTED, Finding
from detectors.factuality.words import read
from detectors.phrases import Cause, Phrase

__all__ = ["NUMBERS", "check_numbers"]

NUMBERS = Phrase("numbers")
_SAME = 0.5
"""Share of a claim's content words from which a sentence is taken to speak of the same."""
_ALMOST = 0.8
_ELSEWHERE = 0.3
"""By how much less a sentence must cover the claim for a number in it to be one of something else."""


def check_numbers(case: Case) -> list[Finding]:
    """Return what was found of each number of the claim."""
    return [_finding(case, one) for one in case.quantities]


def _finding(case: Case, quantity: Quantity) -> Finding:
    span = (quantity.start, quantity.end)
    match = _matching(case, quantity)
    rival = _rival(case, quantity, _ALMOST if match else _SAME)
    if match and rival and case.coverage_of(match[0]) > rival[2] - _ELSEWHERE:
        rival = None
    if rival:
        sentence, other, _ = rival
        found = sentence.text[other.start : other.end]
        reason = Cause("{claimed} where the evidence has {found}", claimed=case.text(*span), found=found)
        return Finding(NUMBERS, CONFLICTING, span, place(sentence, other.start, other.end), reason)
    if match:
        return Finding(NUMBERS, SUPPORTED, span, place(match[0], match[1].start, match[1].end))
    if case.question.matching(quantity):
        return Finding(NUMBERS, SUPPORTED, span)
    return Finding(
        NUMBERS,
        ABSENT,
        span,
        case.nearest,
        Cause("the evidence has no such number: {claimed}", claimed=case.text(*span)),
    )


def place(sentence: Sentence, start: int, end: int) -> tuple[int, int, int]:
    """Return characters of a sentence as a place in its passage."""
    return sentence.passage, sentence.start + start, sentence.start + end


def _matching(case: Case, quantity: Quantity) -> tuple[Sentence, Quantity] | None:
    """Return where the evidence has the number: in the sentence that speaks most of the same."""
    found = case.evidence.matching(quantity)
    return max(found, key=lambda one: case.coverage_of(one[0]), default=None)


def _rival(case: Case, quantity: Quantity, least: float) -> tuple[Sentence, Quantity, float] | None:
    """Return a number of the same unit that stands in the place of this one in a sentence about the same."""
    around = case.around(quantity.first, quantity.last)
    for near in case.near:
        if near.coverage < least:
            break
        if any(quantity.allows(one) for one in near.sentence.quantities):
            return None
        free = [one for one in near.sentence.quantities if one.dimension == quantity.dimension and _is_free(case, one)]
        if free:
            tokens = read(near.sentence.text).tokens
            best = max(free, key=lambda one: len(around & neighbours(tokens, one.first, one.last, 4)))
            return near.sentence, best, near.coverage
    return None


def _is_free(case: Case, other: Quantity) -> bool:
    """Tell whether no number of the claim is this one of the evidence."""
    return not any(one.allows(other) for one in case.quantities)
