"""Passages as sentences that can be found by the words they share with a claim, and by their numbers, dates and names.

The sentence nearest to a claim is the one that holds most of the claim's content words; among equals the one that
holds most of its word pairs, then the first. Of a word, value, year or name that many sentences hold only the first
are looked at, so that a claim costs no more on hostile evidence than on a book.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from operator import itemgetter
from typing import TypeVar

from detectors.factuality.claims import sentences
from detectors.factuality.mismatch.dates import Date, dates, taken_by
from detectors.factuality.mismatch.identifiers import identifiers
from detectors.factuality.mismatch.names import Name, names
from detectors.factuality.mismatch.quantities import Quantity, quantities
from detectors.factuality.mismatch.quoted import plain
from detectors.factuality.words import MARK, NUMBER, Reading, Token, read, stem_of
from detectors.immutable import immutable

__all__ = ["LOOKED_AT", "READ", "Evidence", "Found", "Near", "Sentence", "Wording", "gathered", "main_script"]

K = TypeVar("K")
V = TypeVar("V")

READ = 1_000_000
"""Characters of the passages that are read, all of them together."""
LOOKED_AT = 64
"""Places that are looked at for one word, value, year or name."""
MATCHES = 16
"""Places of one thing that are told apart."""
CANDIDATES = 6
"""Sentences that a claim is held against."""


@immutable
class Wording:
    """What the text of a sentence holds, read once however many passages have it."""

    reading: Reading

    @cached_property
    def dates(self) -> list[Date]:
        """Return its dates."""
        return dates(self.reading)

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Return its numbers that are no dates."""
        return quantities(self.reading, taken_by(self.dates), loose=True)

    @cached_property
    def names(self) -> list[Name]:
        """Return its names."""
        return names(self.reading)

    @cached_property
    def called(self) -> list[Name]:
        """Return all that may be a name in it: its first word too."""
        return names(self.reading, loose=True)


@lru_cache(maxsize=8192)
def _wording(text: str) -> Wording:
    return Wording(read(text))


@immutable(slots=True)
class Sentence:
    """A sentence of a passage."""

    passage: int
    start: int
    end: int
    wording: Wording

    @property
    def place(self) -> tuple[int, int, int]:
        """Return passage, first character and one behind the last."""
        return self.passage, self.start, self.end

    @property
    def reading(self) -> Reading:
        """Return its tokens."""
        return self.wording.reading

    @property
    def stems(self) -> frozenset[str]:
        """Return its content words and numbers."""
        return self.wording.reading.stems


Found = tuple[Sentence, int, int]
"""A sentence and characters of it."""


@immutable(slots=True)
class Near:
    """A sentence and the shares of the claim's content words and of their pairs that it holds."""

    sentence: Sentence
    coverage: float
    pairs: float


@immutable
class Evidence:
    """All passages, read."""

    sentences: tuple[Sentence, ...]
    complete: bool = True
    """Whether all characters were read."""

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Return which sentences hold a stem: the first `LOOKED_AT`."""
        return _indexed((stem, place) for place, one in enumerate(self.sentences) for stem in one.stems)

    @cached_property
    def script(self) -> str:
        """Return which kind most of its words are of: word, hangul or signs; "" where it has none."""
        return main_script(token for one in self.sentences[:LOOKED_AT] for token in one.reading.tokens)

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Return the pairs of content words that follow each other."""
        return frozenset().union(*(one.reading.pairs for one in self.sentences))

    def nearest(
        self, stems: Iterable[str], pairs: Iterable[tuple[str, str]] = (), before: int | None = None
    ) -> list[Near]:
        """Return the sentences that hold most of `stems`, best first; of those `before` a place where one is given."""
        wanted, joined = set(stems), set(pairs)
        held = Counter(chain.from_iterable(self.places.get(stem, ()) for stem in wanted))
        known = held.items() if before is None else [(place, count) for place, count in held.items() if place < before]
        best = sorted(known, key=lambda one: (-one[1], one[0]))[: 4 * CANDIDATES]
        found = [self._near(place, wanted, joined) for place, _ in best]
        return sorted(found, key=lambda one: (-one.coverage, -one.pairs))[:CANDIDATES]

    def _near(self, place: int, stems: set[str], pairs: set[tuple[str, str]]) -> Near:
        sentence = self.sentences[place]
        joined = len(pairs & sentence.reading.pairs) / len(pairs) if pairs else 1.0
        return Near(sentence, len(stems & sentence.stems) / len(stems), joined)

    @cached_property
    def _numbers(self) -> list[tuple[float, int, Quantity]]:
        """Return the numbers by value, each in base units and as it is written; bare years that may be counts too."""
        all_of = [(place, one) for place, sentence in enumerate(self.sentences) for one in _countable(sentence)]
        return sorted(((value, place, one) for place, one in all_of for value in one.values), key=itemgetter(0, 1))

    @cached_property
    def _unread(self) -> dict[str, list[tuple[int, Quantity]]]:
        """Return what no locale reads as a number, as it is written."""
        all_of = ((place, one) for place, sentence in enumerate(self.sentences) for one in sentence.wording.quantities)
        return _indexed((one.written, (place, one)) for place, one in all_of if not one.readings)

    @cached_property
    def _years(self) -> dict[int, list[tuple[int, Date]]]:
        all_of = ((place, one) for place, sentence in enumerate(self.sentences) for one in sentence.wording.dates)
        return _indexed((year, (place, one)) for place, one in all_of for year in one.years)

    @cached_property
    def _names(self) -> dict[str, list[tuple[int, Name]]]:
        """Return the names by their words' stems and by their initials."""
        all_of = ((place, one) for place, sentence in enumerate(self.sentences) for one in sentence.wording.called)
        return _indexed((key, (place, one)) for place, one in all_of for key in one.keys)

    @cached_property
    def plain(self) -> str:
        """Return all sentences in the form in which quotes are looked for."""
        return " ".join(plain(one.reading.text) for one in self.sentences)

    @cached_property
    def identifiers(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """Return where each identifier stands first, by its kind and what equal ones share."""
        found: dict[tuple[str, str], tuple[int, int, int]] = {}
        for sentence in self.sentences:
            for one in identifiers(sentence.reading.text):
                place = (sentence.passage, sentence.start + one.start, sentence.start + one.end)
                found.setdefault((one.kind, one.key), place)
        return found

    def numbers_like(self, quantity: Quantity) -> list[Found]:
        """Return where the evidence has a number, or one that is rounded to it."""
        looked_at = [] if quantity.readings else self._unread.get(quantity.written, [])
        for value in quantity.values:
            reach = max(quantity.place, quantity.place / quantity.factor) / 2 + 1e-9 * abs(value)
            first = bisect_left(self._numbers, value - reach, key=itemgetter(0))
            near = self._numbers[first : first + LOOKED_AT]
            looked_at += [(place, one) for known, place, one in near if known <= value + reach]
        return self._allowed(quantity, looked_at)

    def dates_like(self, date: Date) -> list[Found]:
        """Return where the evidence has a date that this one holds."""
        years = [0, *date.years] if date.years[-1] else list(self._years)[:LOOKED_AT]
        found = self._allowed(date, [one for year in years for one in self._years.get(year, ())])
        return found or (self.numbers_like(date.count) if date.maybe_count else [])

    def names_like(self, name: Name) -> list[Found]:
        """Return where the evidence calls something by a name, in small letters too."""
        found = self._allowed(name, [one for key in name.keys for one in self._names.get(key, ())])
        if found:
            return found
        stems = [stem for word in name.words if (stem := stem_of("word", word))]
        places = [set(self.places.get(stem, ())) for stem in stems]
        common = sorted(set.intersection(*places)) if places else []
        return [(self.sentences[place], 0, len(self.sentences[place].reading.text)) for place in common]

    def _allowed(
        self, thing: Quantity | Date | Name, looked_at: Sequence[tuple[int, Quantity | Date | Name]]
    ) -> list[Found]:
        places = sorted((place, one.start, one.end) for place, one in looked_at if thing.allows(one))  # type: ignore[arg-type]
        return [(self.sentences[place], start, end) for place, start, end in list(dict.fromkeys(places))[:MATCHES]]


def main_script(tokens: Iterable[Token]) -> str:
    """Return the kind of most of some words, numbers and marks left out."""
    kinds = Counter(one.kind for one in tokens if one.kind not in (NUMBER, MARK))
    return max(sorted(kinds), key=lambda kind: kinds[kind], default="")


def _countable(sentence: Sentence) -> list[Quantity]:
    return [*sentence.wording.quantities, *(one.count for one in sentence.wording.dates if one.maybe_count)]


def _indexed(entries: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Return the first `LOOKED_AT` values of each key."""
    found: dict[K, list[V]] = {}
    for key, value in entries:
        values = found.setdefault(key, [])
        if len(values) < LOOKED_AT:
            values.append(value)
    return found


def gathered(passages: Sequence[str]) -> Evidence:
    """Return the evidence of some passages; the same short ones are read once."""
    return _gathered(tuple(passages)) if sum(map(len, passages)) <= READ // 20 else _evidence(tuple(passages))


@lru_cache(maxsize=512)
def _gathered(passages: tuple[str, ...]) -> Evidence:
    return _evidence(passages)


def _evidence(passages: tuple[str, ...]) -> Evidence:
    found: list[Sentence] = []
    left = READ
    for index, passage in enumerate(passages):
        text = passage[: max(left, 0)]
        found += [Sentence(index, span.start, span.end, _wording(span.of(text))) for span in sentences(text)]
        left -= len(passage)
    return Evidence(tuple(found), left >= 0)
