"""A claim beside its evidence, read once for all rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from detectors.factuality.claims import Claim
from detectors.factuality.mismatch.evidence import Evidence, Near, Sentence
from detectors.factuality.mismatch.quantities import Quantity, quantities
from detectors.factuality.mismatch.verdicts import Place
from detectors.factuality.words import MARK, NUMBER, Reading, Token, read

__all__ = ["Answer", "Case", "neighbours"]


@dataclass(frozen=True)
class Answer:
    """An answer, read."""

    reading: Reading

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Return its numbers."""
        return quantities(self.reading)


@dataclass(frozen=True)
class Case:
    """One claim and what it is held against."""

    answer: Answer
    claim: Claim
    evidence: Evidence
    question: Evidence
    """What the question says: what stands there was not made up."""

    def within(self, start: int, end: int) -> bool:
        """Tell whether characters of the answer belong to the claim."""
        inside = self.claim.start <= start and end <= self.claim.end
        return inside and not any(one <= start < two for one, two in self.claim.left_out)

    @cached_property
    def tokens(self) -> list[Token]:
        """Return the tokens of the answer that the claim is made of."""
        return [one for one in self.answer.reading.tokens if self.within(one.start, one.end)]

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Return the numbers of the claim."""
        return [one for one in self.answer.quantities if self.within(one.start, one.end)]

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

    def coverage_of(self, sentence: Sentence) -> float:
        """Return the share of the claim's content words that a sentence holds."""
        return len(self.stems & sentence.stems) / len(self.stems) if self.stems else 0.0

    def text(self, start: int, end: int) -> str:
        """Return characters of the answer."""
        return self.answer.reading.text[start:end]

    def around(self, first: int, last: int, reach: int = 4) -> frozenset[str]:
        """Return the content words near some tokens of the answer."""
        tokens = self.answer.reading.tokens
        return neighbours(tokens, first, last, reach)


def neighbours(tokens: Sequence[Token], first: int, last: int, reach: int) -> frozenset[str]:
    """Return the stems of words within `reach` tokens of tokens [first, last]."""
    around = [*tokens[max(0, first - reach) : first], *tokens[last + 1 : last + 1 + reach]]
    return frozenset(one.stem for one in around if one.stem and one.kind not in (NUMBER, MARK))
