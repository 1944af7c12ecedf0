"""Does an answer contradict itself?

A claim is held against the sentences of the answer before it: against one that says the same (four fifths of the
content words of each are in the other) it conflicts where they differ in one number, date or name, or in a
negation. Where two or more things differ they speak of two things: "In 2019 it sold 5. In 2020 it sold 6."
"""

from __future__ import annotations

from detectors.factuality.mismatch.cases import Case
from detectors.factuality.mismatch.dates import Date
from detectors.factuality.mismatch.evidence import Sentence
from detectors.factuality.mismatch.names import Name
from detectors.factuality.mismatch.polarity import flipped
from detectors.factuality.mismatch.quantities import Quantity
from detectors.factuality.mismatch.verdicts import ANSWER, CONFLICTING, Finding
from detectors.factuality.words import NUMBER
from detectors.phrases import Cause, Phrase

__all__ = ["ITSELF", "check_itself"]

ITSELF = Phrase("self-contradiction")
_THE_SAME = 0.8


def check_itself(case: Case) -> list[Finding]:
    """Return what the claim says otherwise than a sentence before it."""
    if not case.stems or not case.claim.sentence:
        return []
    for near in case.answer.itself.nearest(case.stems, case.pairs, before=case.claim.sentence):
        if near.coverage < _THE_SAME:
            break
        if _is_same(case, near.sentence) and (found := _against(case, near.sentence)) is not None:
            return [found]
    return []


def _is_same(case: Case, sentence: Sentence) -> bool:
    words = {one.stem for one in sentence.reading.tokens if one.stem and one.kind != NUMBER}
    return len(words & case.stems) >= _THE_SAME * len(words)


def _against(case: Case, sentence: Sentence) -> Finding | None:
    """Return the one thing in which claim and sentence differ."""
    differing = _differing(case, sentence)
    if len(differing) > 1:
        return None
    if differing:
        thing, other = differing[0]
        span, place = (thing.start, thing.end), (other.start, other.end)
    elif (flip := flipped(case.tokens, sentence.reading.tokens)) is not None:
        span, place = flip[0], (flip[1].start, flip[1].end)
    else:
        return None
    said = sentence.reading.text[place[0] : place[1]]
    reason = Cause("{claimed} where the answer has said {found}", claimed=case.text(*span), found=said)
    return Finding(ITSELF, CONFLICTING, span, (ANSWER, sentence.start + place[0], sentence.start + place[1]), reason)


def _differing(case: Case, sentence: Sentence) -> list[tuple[Quantity | Date | Name, Quantity | Date | Name]]:
    """Return the things of the claim that stand against one of the sentence, kind by kind."""
    found: list[tuple[Quantity | Date | Name, Quantity | Date | Name]] = []
    quantities = [
        one
        for one in case.quantities
        if not any(one.allows(two) or two.allows(one) for two in sentence.wording.quantities)
    ]
    found += [
        (one, two) for one in quantities for two in sentence.wording.quantities if one.dimension == two.dimension
    ][:2]
    dates = [one for one in case.dates if all(one.excludes(two) for two in sentence.wording.dates)]
    found += [(one, two) for one in dates for two in sentence.wording.dates][:2]
    names = [one for one in case.names if not any(one.allows(two) for two in sentence.wording.names)]
    return found + [(one, two) for one in names for two in sentence.wording.names][:2]
