"""Are the numbers, dates and names of a claim those of the evidence?

    supported     the evidence has it, or what it is another way to say: rounded, less exact, an alias
    conflicting   the sentence nearest to the claim has another in its place: the same unit, the same neighbours
    absent        the evidence has no such thing

What stands elsewhere in the evidence, while the sentence that says the same as the claim has another thing in its
place, conflicts too: numbers that change places are no better than numbers that are made up. A figure is in the place
of another of whatever kind, a year in that of a count too, where the words on both sides of it are the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

from detectors.factuality.mismatch.cases import Case, neighbours
from detectors.factuality.mismatch.dates import Date
from detectors.factuality.mismatch.evidence import Evidence, Found, Sentence
from detectors.factuality.mismatch.names import Name
from detectors.factuality.mismatch.quantities import Quantity
from detectors.factuality.mismatch.verdicts import ABSENT, CONFLICTING, SUPPORTED, Finding
from detectors.factuality.words import NUMBER, Token, stem_of
from detectors.immutable import immutable
from detectors.phrases import Cause, Phrase

__all__ = ["DATES", "NAMES", "NUMBERS", "check_dates", "check_names", "check_numbers"]

NUMBERS, DATES, NAMES = Phrase("numbers"), Phrase("dates"), Phrase("names")
T = TypeVar("T", Quantity, Date, Name)

SAME = 0.5
"""Share of a claim's content words from which a sentence is taken to speak of the same."""
ALMOST = 0.8
"""Share from which it is taken to say the same, so that whatever it has of the kind is in the place."""
ELSEWHERE = 0.3
"""By how much less a sentence must cover the claim for a thing in it to be one of something else."""
FRAME = 3
"""Tokens on both sides of a figure, together, that are the same where another stands in its place."""
_LESS = 1e-9


@immutable
class _Kind(Generic[T]):
    """One kind of thing that a claim and a sentence may hold."""

    rule: Phrase
    inside: Callable[[Sentence], Sequence[T]]
    like: Callable[[Evidence, T], list[Found]]
    rivals: Callable[[T, T], bool]
    """Whether one may stand in the place of the other."""
    missing: Callable[[str], Cause]


def check_numbers(case: Case) -> list[Finding]:
    """Return what was found of each number of the claim."""
    found = [(one, _finding(case, _NUMBER, one, case.quantities)) for one in case.quantities]
    return [finding for one, finding in found if not (one.names and finding.state == ABSENT)]


def check_dates(case: Case) -> list[Finding]:
    """Return what was found of each date of the claim."""
    return [_finding(case, _DATE, one, case.dates) for one in case.dates]


def check_names(case: Case) -> list[Finding]:
    """Return what was found of each name of the claim."""
    return [_finding(case, _NAME, one, case.names) for one in case.names]


_NUMBER: _Kind[Quantity] = _Kind(
    NUMBERS, lambda one: one.wording.quantities, Evidence.numbers_like, lambda one, two: one.dimension == two.dimension,
    lambda claimed: Cause("the evidence has no such number: {claimed}", claimed=claimed),
)  # fmt: skip
_DATE: _Kind[Date] = _Kind(
    DATES, lambda one: one.wording.dates, Evidence.dates_like, Date.excludes,
    lambda claimed: Cause("the evidence has no such date: {claimed}", claimed=claimed),
)  # fmt: skip
_NAME: _Kind[Name] = _Kind(
    NAMES, lambda one: one.wording.names, Evidence.names_like, lambda _one, _two: True,
    lambda claimed: Cause("the evidence has no such name: {claimed}", claimed=claimed),
)  # fmt: skip


def _finding(case: Case, kind: _Kind[T], thing: T, all_of: Sequence[T]) -> Finding:
    span = (thing.start, thing.end)
    own: frozenset[str] = frozenset()
    if isinstance(thing, Name):
        own = frozenset(stem_of("word", word) for word in thing.words)
    places = kind.like(case.evidence, thing)
    found = max(places, key=lambda one: case.coverage_of(one[0], own), default=None)
    rivals = [_rival(case, kind, thing, all_of, own), None if own else _in_its_frame(case, thing, places)]
    most = 0.0 if found is None else case.coverage_of(found[0], own)
    rival = next((one for one in rivals if one and (found is None or most <= one.covers - one.margin)), None)
    if rival:
        told = rival.sentence.reading.text[rival.start : rival.end]
        reason = Cause("{claimed} where the evidence has {found}", claimed=case.text(*span), found=told)
        return Finding(kind.rule, CONFLICTING, span, _place(rival.sentence, rival.start, rival.end), reason)
    if found:
        return Finding(kind.rule, SUPPORTED, span, _place(*found))
    if kind.like(case.question, thing):
        return Finding(kind.rule, SUPPORTED, span)
    return Finding(kind.rule, ABSENT, span, case.nearest, kind.missing(case.text(*span)))


def _place(sentence: Sentence, start: int, end: int) -> tuple[int, int, int]:
    """Return characters of a sentence as a place in its passage."""
    return sentence.passage, sentence.start + start, sentence.start + end


@immutable
class _Rival:
    """Characters of a sentence that stand in the place of a thing of the claim."""

    sentence: Sentence
    start: int
    end: int
    covers: float
    """Share of the claim's content words that the sentence holds."""
    margin: float
    """How much less must be covered by where the thing itself stands."""


def _rival(case: Case, kind: _Kind[T], thing: T, all_of: Sequence[T], own: frozenset[str]) -> _Rival | None:
    """Return what stands in the place of a thing in a sentence about the same."""
    around = case.around(thing.first, thing.last)
    for near in case.near:
        sentence, covered = near.sentence, case.coverage_of(near.sentence, own)
        there = kind.inside(sentence) if covered >= SAME else ()
        if any(thing.allows(one) for one in there):
            return None
        free = [one for one in there if kind.rivals(thing, one) and not any(mine.allows(one) for mine in all_of)]
        shared: list[int] = [len(around & neighbours(sentence.reading.tokens, one.first, one.last)) for one in free]
        most = max(shared, default=0)
        if free and (most or covered >= ALMOST or (isinstance(thing, Quantity) and thing.dimension)):
            other = free[shared.index(most)]
            return _Rival(sentence, other.start, other.end, covered, ELSEWHERE)
    return None


def _in_its_frame(case: Case, thing: T, found: Sequence[Found]) -> _Rival | None:
    """Return the figure between the same words as one of the claim, in a sentence that says the same.

    What the sentence has of the claim's own figure stands between other words there, on one side at least.
    """
    mine = case.answer.reading.tokens
    figure = next((place for place in range(thing.first, thing.last + 1) if mine[place].kind == NUMBER), None)
    if figure is None:
        return None
    for near in case.near:
        if near.coverage < ALMOST:
            continue
        tokens = near.sentence.reading.tokens
        figures = [place for place, one in enumerate(tokens) if one.kind == NUMBER]
        own: list[tuple[int, int]] = sorted((low, high) for at, low, high in found if at.place == near.sentence.place)
        lows, highs = [low for low, _ in own], [0, *accumulate((high for _, high in own), max)]
        held = [place for place in figures if highs[bisect_right(lows, tokens[place].start)] > tokens[place].start]
        if own and (not held or any(min(_frame(mine, figure, tokens, place)) for place in held)):
            return None
        for place in figures:
            frame = _frame(mine, figure, tokens, place)
            if min(frame) and sum(frame) >= FRAME:
                one = tokens[place]
                return _Rival(near.sentence, one.start, one.end, near.coverage, 0.0 if own else _LESS)
    return None


def _frame(mine: Sequence[Token], figure: int, tokens: Sequence[Token], place: int) -> tuple[int, int]:
    """Return how many tokens before and behind a figure of the claim and one of a sentence are the same, at most."""
    before = _agreeing(mine[max(0, figure - FRAME) : figure][::-1], tokens[max(0, place - FRAME) : place][::-1])
    return before, _agreeing(mine[figure + 1 :][:FRAME], tokens[place + 1 :][:FRAME])


def _agreeing(one: Sequence[Token], other: Sequence[Token]) -> int:
    """Return how many tokens from the first on are the same."""
    differ = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a.text != b.text)
    return next(differ, min(len(one), len(other)))
