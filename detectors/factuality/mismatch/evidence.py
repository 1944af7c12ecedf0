"""Passages as sentences that can be found by the words they share with a claim.

The sentence nearest to a claim is the one that holds most of the claim's content words; among equals the one that
holds most of its word pairs, then the first. A word that more than `POSTINGS` sentences hold is looked up in the
first of them only, so that a claim costs no more on hostile evidence than on a book.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter

from detectors.factuality.claims import sentences
from detectors.factuality.mismatch.quantities import Quantity, quantities
from detectors.factuality.words import read

__all__ = ["POSTINGS", "READ", "Evidence", "Near", "Sentence", "gathered"]

POSTINGS = 256
"""Sentences that are looked at for one word."""
READ = 1_000_000
"""Characters of the passages that are read, all of them together."""
CANDIDATES = 6
MATCHES = 16
LOOKED_AT = 256
"""Numbers of about one value that are compared."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage."""

    passage: int
    start: int
    end: int
    text: str
    stems: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    quantities: tuple[Quantity, ...]

    @property
    def place(self) -> tuple[int, int, int]:
        """Return passage, first character and one behind the last."""
        return self.passage, self.start, self.end


@dataclass(frozen=True, slots=True)
class Near:
    """A sentence and the shares of the claim's content words and of their pairs that it holds."""

    sentence: Sentence
    coverage: float
    pairs: float


@dataclass(frozen=True)
class Evidence:
    """All passages, read."""

    sentences: tuple[Sentence, ...]
    complete: bool
    """Whether all characters were read."""
    stems: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()
    places: dict[str, list[int]] = field(default_factory=dict)
    """Stem -> the first sentences that hold it."""
    located: tuple[tuple[int, Quantity], ...] = ()
    """All numbers in their order, and which sentence they are in."""
    numbers: tuple[tuple[float, int], ...] = ()
    """Values, in ascending order, and which number has them: each in base units and as it is written."""
    literal: dict[str, list[int]] = field(default_factory=dict)
    """What no locale reads as a number, as it is written."""

    def nearest(self, stems: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[Near]:
        """Return the sentences that hold most of `stems`, best first."""
        wanted, joined = set(stems), set(pairs)
        held = Counter(place for stem in sorted(wanted) for place in self.places.get(stem, ()))
        best = sorted(held.items(), key=lambda one: (-one[1], one[0]))[: 4 * CANDIDATES]
        found = [self._near(place, wanted, joined) for place, _ in best]
        return sorted(found, key=lambda one: (-one.coverage, -one.pairs))[:CANDIDATES]

    def matching(self, quantity: Quantity) -> list[tuple[Sentence, Quantity]]:
        """Return where the evidence has a number, or one that is rounded to it: the first `MATCHES` places."""
        found: dict[int, tuple[int, Quantity]] = {}
        for value in quantity.values:
            reach = max(quantity.place, quantity.place / quantity.factor, 1e-9 * abs(value))
            first = bisect_left(self.numbers, value - reach, key=itemgetter(0))
            for known, order in self.numbers[first : first + LOOKED_AT]:
                if known > value + reach:
                    break
                place, other = self.located[order]
                if quantity.allows(other):
                    found[order] = (place, other)
        for order in () if quantity.readings else self.literal.get(quantity.written, ()):
            found[order] = self.located[order]
        return [(self.sentences[place], other) for _, (place, other) in sorted(found.items())][:MATCHES]

    def _near(self, place: int, stems: set[str], pairs: set[tuple[str, str]]) -> Near:
        sentence = self.sentences[place]
        joined = len(pairs & sentence.pairs) / len(pairs) if pairs else 1.0
        return Near(sentence, len(stems & sentence.stems) / len(stems), joined)


def gathered(passages: Sequence[str]) -> Evidence:
    """Return the evidence of some passages; the same ones are read once."""
    return _gathered(tuple(passages)) if sum(map(len, passages)) <= READ // 20 else _evidence(tuple(passages))


@lru_cache(maxsize=512)
def _gathered(passages: tuple[str, ...]) -> Evidence:
    return _evidence(passages)


def _evidence(passages: tuple[str, ...]) -> Evidence:
    found: list[Sentence] = []
    left = READ
    for index, passage in enumerate(passages):
        found += _sentences(index, passage[: max(left, 0)])
        left -= len(passage)
    places: dict[str, list[int]] = {}
    for place, sentence in enumerate(found):
        for stem in sentence.stems:
            where = places.setdefault(stem, [])
            if len(where) < POSTINGS:
                where.append(place)
    pairs = frozenset(pair for sentence in found for pair in sentence.pairs)
    located = tuple((place, one) for place, sentence in enumerate(found) for one in sentence.quantities)
    literal: dict[str, list[int]] = {}
    for order, (_, one) in enumerate(located):
        if not one.readings:
            literal.setdefault(one.written, []).append(order)
    numbers = tuple(sorted({(value, order) for order, (_, one) in enumerate(located) for value in one.values}))
    return Evidence(tuple(found), left >= 0, frozenset(places), pairs, places, located, numbers, literal)


def _sentences(passage: int, text: str) -> list[Sentence]:
    return [_sentence(passage, span.start, span.end, span.of(text)) for span in sentences(text)]


@lru_cache(maxsize=8192)
def _sentence(passage: int, start: int, end: int, text: str) -> Sentence:
    reading = read(text)
    return Sentence(passage, start, end, text, reading.stems, reading.pairs, tuple(quantities(reading)))
