"""Does a claim say the opposite of the evidence, with the same words?

    negation      "was not approved" against "was approved": the word that is negated stands in both, negated in one
    comparatives  "fell by 5 %" against "rose by 5 %": a word on one side, its opposite on the other, neither has both

Both are looked for in the sentence nearest to the claim, and only where it holds more than half of the claim's
content words. A negation is about the first content word behind it; in Korean about the word that it is attached to
or follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile

from detectors.factuality.mismatch.cases import Case
from detectors.factuality.mismatch.evidence import Sentence
from detectors.factuality.mismatch.opposites import (
    AFTER_KOREAN,
    BEFORE_KOREAN,
    DENIALS,
    KOREAN_OPPOSITES,
    NEGATIONS,
    OPPOSITES,
    ROOTS,
)
from detectors.factuality.mismatch.verdicts import CONFLICTING, Finding
from detectors.factuality.words import HANGUL, NUMBER, Token
from detectors.phrases import Cause, Phrase

__all__ = ["COMPARISONS", "NEGATION", "check_comparisons", "check_negation", "flipped"]

NEGATION, COMPARISONS = Phrase("negation"), Phrase("comparatives")
_ABOUT_THE_SAME = 0.5
_REACH = 4
"""Words behind a negation among which the one is that it is about."""
_SENTENCE = 12
"""Words behind a negation among which `until` turns it: what was not done until 1889 was done in 1889. Where the other
side says until, too, it does not: what was done until 1889 is the opposite.
"""
_UNTIL = ("until", "till")
_SAYS_SO = ("only", "just", "merely", "other")
"""What, behind a negation, says the thing itself: not only, no other."""


def check_negation(case: Case) -> list[Finding]:
    """Return the word that is negated in one of claim and nearest sentence and stands plain in the other."""
    sentence = _about_the_same(case)
    flip = None if sentence is None else flipped(case.tokens, sentence.reading.tokens)
    if sentence is None or flip is None:
        return []
    (start, end), told, word = flip
    place = (sentence.passage, sentence.start + told.start, sentence.start + told.end)
    return [Finding(NEGATION, CONFLICTING, (start, end), place, Cause("negated on one side only: {word}", word=word))]


def flipped(mine: Sequence[Token], theirs: Sequence[Token]) -> tuple[tuple[int, int], Token, str] | None:
    """Return the place in mine of a word that is negated on one side only, its token in theirs, and the word."""
    until = all(any(one.text in _UNTIL for one in side) for side in (mine, theirs))
    no, their_no = _negated(mine, until=until), _negated(theirs, until=until)
    if len(no) == len(their_no):
        return None
    plain = {one.stem: one for one in theirs if one.stem}
    times = Counter(one.stem for one in theirs)
    for token in mine:
        both = token.stem in their_no and times[token.stem] > 1  # negated and plain
        if token.stem in plain and not both and (token.stem in no) != (token.stem in their_no):
            told = their_no.get(token.stem) or plain[token.stem]
            return _span(token, no.get(token.stem)), told, token.text
    return None


def _about_the_same(case: Case) -> Sentence | None:
    return case.near[0].sentence if case.near and case.near[0].coverage > _ABOUT_THE_SAME else None


def _span(token: Token, negation: Token | None) -> tuple[int, int]:
    """Return the word with its negation."""
    return (min(token.start, negation.start), max(token.end, negation.end)) if negation else (token.start, token.end)


def _negated(tokens: Sequence[Token], *, until: bool) -> dict[str, Token]:
    """Return the stems that are negated, each with its negation; until: whether the other side has that word, too."""
    found: dict[str, Token] = {}
    for i, token in enumerate(tokens):
        if token.kind == HANGUL:
            found |= dict.fromkeys(_negated_korean(tokens, i), token)
        elif token.text in NEGATIONS or token.text.endswith("n't") or token.text in DENIALS:
            behind = list(takewhile(lambda one: one.text != ".", tokens[i + 1 : i + 1 + _REACH]))
            about = next((one.stem for one in behind if one.stem and one.kind != NUMBER), "")
            ahead = takewhile(lambda one: one.text != ".", tokens[i + 1 : i + 1 + _SENTENCE])
            turned = not until and any(one.text in _UNTIL for one in ahead)
            said = turned or (behind and behind[0].text in _SAYS_SO)
            if about and not said:
                found[about] = token
    return found


def _negated_korean(tokens: Sequence[Token], i: int) -> list[str]:
    """Return the stems that a Korean word negates: of the one before (하지 않았다), or behind it (안 갔다)."""
    text = tokens[i].text
    if text.startswith(AFTER_KOREAN):
        return [one.stem for one in reversed(tokens[max(0, i - 2) : i]) if one.stem][:1]
    if text in BEFORE_KOREAN and i + 1 < len(tokens):
        return [tokens[i + 1].stem] if tokens[i + 1].stem else []
    return []


def check_comparisons(case: Case) -> list[Finding]:
    """Return the word of the claim whose opposite stands in the nearest sentence, where neither has both."""
    if (sentence := _about_the_same(case)) is None:
        return []
    theirs = {root: one for one in sentence.reading.tokens for root in _roots(one)}
    mine = {root for one in case.tokens for root in _roots(one)}
    for token in case.tokens:
        for root in _roots(token):
            against = next((one for one in OPPOSITES[root] if one in theirs and one not in mine), None)
            if root in theirs or against is None:
                continue
            told = theirs[against]
            place = (sentence.passage, sentence.start + told.start, sentence.start + told.end)
            found = sentence.reading.text[told.start : told.end]
            reason = Cause("{claimed} where the evidence has {found}", claimed=token.text, found=found)
            return [Finding(COMPARISONS, CONFLICTING, (token.start, token.end), place, reason)]
    return []


def _roots(token: Token) -> list[str]:
    """Return the words with an opposite that a token is a form of."""
    if token.kind == HANGUL:
        return [one for one in KOREAN_OPPOSITES if one in token.text]
    return [ROOTS[token.text]] if token.text in ROOTS else []
