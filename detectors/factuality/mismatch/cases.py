"""A claim beside its evidence, read once for all rules."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from operator import attrgetter
from typing import Protocol, TypeVar

from detectors.factuality.claims import Claim, Span
from detectors.factuality.mismatch.dates import Date, dates, taken_by
from detectors.factuality.mismatch.evidence import Evidence, Near, Sentence, gathered
from detectors.factuality.mismatch.identifiers import Identifier, identifiers
from detectors.factuality.mismatch.names import Name, names, unmeasurable
from detectors.factuality.mismatch.quantities import Quantity, quantities
from detectors.factuality.mismatch.quoted import quoted
from detectors.factuality.mismatch.verdicts import Place
from detectors.factuality.words import MARK, NUMBER, Reading, Token, read
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["Answer", "Case", "neighbours"]

_REACH = 4


class _Placed(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


P = TypeVar("P", bound=_Placed)


@immutable
class Answer:
    """An answer, read."""

    reading: Reading
    beginnings: tuple[int, ...]
    """Where its sentences begin."""

    @cached_property
    def itself(self) -> Evidence:
        """Return it sentence by sentence, for what it says later to be held against."""
        return gathered([self.reading.text])

    @cached_property
    def dates(self) -> list[Date]:
        """Return its dates."""
        return dates(self.reading)

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Return its numbers that are no dates."""
        return quantities(self.reading, taken_by(self.dates))

    @cached_property
    def names(self) -> list[Name]:
        """Return its names."""
        return names(self.reading, self.beginnings)

    @cached_property
    def quotes(self) -> list[Span]:
        """Return what it quotes."""
        return quoted(self.reading.text)

    @cached_property
    def identifiers(self) -> list[Identifier]:
        """Return its identifiers."""
        return identifiers(self.reading.text)

    @cached_property
    def nameless(self) -> Cause | None:
        """Return why its names cannot be told."""
        return unmeasurable(self.reading)


@immutable
class Case:
    """One claim and what it is held against."""

    answer: Answer
    claim: Claim
    evidence: Evidence
    question: Evidence
    """What the question says: what stands there was not made up."""

    def within(self, things: Sequence[P]) -> list[P]:
        """Return those of some things of the answer, in their order, that belong to the claim."""
        first = bisect_left(things, self.claim.start, key=attrgetter("start"))
        last = bisect_right(things, self.claim.end, key=attrgetter("start"))
        return [one for one in things[first:last] if one.end <= self.claim.end and not self.is_left_out(one.start)]

    def is_left_out(self, start: int) -> bool:
        """Tell whether a character of the answer belongs to a claim inside this one."""
        return any(one <= start < two for one, two in self.claim.left_out)

    @cached_property
    def tokens(self) -> list[Token]:
        """Return the tokens of the answer that the claim is made of."""
        return self.within(self.answer.reading.tokens)

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Return the numbers of the claim."""
        return self.within(self.answer.quantities)

    @cached_property
    def dates(self) -> list[Date]:
        """Return the dates of the claim."""
        return self.within(self.answer.dates)

    @cached_property
    def names(self) -> list[Name]:
        """Return the names of the claim; none where they cannot be told."""
        return [] if self.answer.nameless else self.within(self.answer.names)

    @cached_property
    def _said(self) -> list[str]:
        """Return the stems of the claim as it stands alone, without numbers where it has words."""
        tokens = [one for one in read(self.claim.text).tokens if one.stem]
        return [one.stem for one in tokens if one.kind != NUMBER] or [one.stem for one in tokens]

    @cached_property
    def stems(self) -> frozenset[str]:
        """Return the content words of the claim."""
        return frozenset(self._said)

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Return the pairs of content words of the claim."""
        return frozenset(zip(self._said, self._said[1:], strict=False))

    @cached_property
    def near(self) -> Sequence[Near]:
        """Return the sentences of the evidence that hold most of its content words, best first."""
        return self.evidence.nearest(self.stems, self.pairs) if self.stems else []

    @cached_property
    def nearest(self) -> Place | None:
        """Return the place of the nearest sentence."""
        return self.near[0].sentence.place if self.near else None

    def coverage_of(self, sentence: Sentence, without: frozenset[str] = frozenset()) -> float:
        """Return the share of the claim's content words that a sentence holds, some of the claim's left out."""
        stems = self.stems - without
        return len(stems & sentence.stems) / len(stems) if stems else 0.0

    def text(self, start: int, end: int) -> str:
        """Return characters of the answer."""
        return self.answer.reading.text[start:end]

    def around(self, first: int, last: int) -> frozenset[str]:
        """Return the content words near some tokens of the answer."""
        return neighbours(self.answer.reading.tokens, first, last)


def neighbours(tokens: Sequence[Token], first: int, last: int) -> frozenset[str]:
    """Return the stems of words within `_REACH` tokens of tokens [first, last]."""
    around = [*tokens[max(0, first - _REACH) : first], *tokens[last + 1 : last + 1 + _REACH]]
    return frozenset(one.stem for one in around if one.stem and one.kind not in (NUMBER, MARK))
