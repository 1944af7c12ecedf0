"""The longest run of words of each text that stands in a corpus, in time that grows with both sizes alone.

    length[i] = most words, ending with word i of a text, that stand one behind the other in a document; `LEAST` or more

Texts are few and a corpus is large, so the texts are indexed and the corpus is read through once. All runs of words of
the texts are the states of a suffix automaton (Blumer et al. 1985, TCS 40:31), at most two a word.
Of the corpus only stretches are walked through it whose every `LEAST` words stand in some text, which names of pairs of
words, and of pairs of pairs, tell without a loop (Karp, Miller & Rosenberg 1972). No hash takes one run for another.

Words are compared as they are (what stands between blanks) or normalised (letters and digits, in one case and Unicode
form, NFKC); of Chinese and Japanese, which write no blanks, each sign is a word.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST", "Corpus", "Form", "Runs", "runs_in"]

LEAST = 4
"""Words of the shortest run that is looked for; fewer in a row stand everywhere."""
_SIGNS = "\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_PIECE = 1 << 16
"""Characters of a document that are cut into words at a time, or more up to a blank."""
_BATCH = 1 << 20
"""Words that are looked at together, or more up to the end of a document."""

Codes = NDArray[np.int64]


class Form(NamedTuple):
    """How texts are cut into words."""

    normalised: bool

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a word is."""
        return _LETTERS if self.normalised else _BETWEEN_BLANKS

    def words(self, text: str) -> list[str]:
        """Return the words of a text as they are compared."""
        found: list[str] = self.pattern.findall(text)
        if not self.normalised or not found:
            return found
        return unicodedata.normalize("NFKC", "\n".join(found)).casefold().split("\n")

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return (first, end) of the characters of each word of a text."""
        return [found.span() for found in self.pattern.finditer(text)]


_LETTERS = re.compile(f"[{_SIGNS}]|[^\\W_{_SIGNS}]+")
_BETWEEN_BLANKS = re.compile(f"[{_SIGNS}]|[^\\s{_SIGNS}]+")


class Runs(NamedTuple):
    """What of a text stands in a corpus."""

    length: Codes
    """Words of the longest run that ends with each word [word]; 0 for fewer than `LEAST`."""
    end: Codes
    """Number of the word of the corpus behind that run [word]; nothing where there is none."""


@dataclass
class Corpus:
    """Documents whose words are numbered one behind another, with one number more behind each document."""

    texts: Sequence[str]
    form: Form
    _pieces: list[tuple[int, int, int, int]] = field(default_factory=list)
    """First word, document, first character and the one behind it, of all pieces that were read."""

    def read(self, codes: dict[str, int]) -> Iterator[tuple[int, Codes]]:
        """Yield batches of whole documents: number of the first word, and the code of each [word], -1 for other words.

        So many words alone are held at a time.
        """
        begin, number, parts, size = 0, 0, list[Codes](), 0
        for document, text in enumerate(self.texts):
            for start, end in pairwise(_cuts(text)):
                words = self.form.words(text[start:end])
                self._pieces.append((number, document, start, end))
                parts.append(np.fromiter((codes.get(word, -1) for word in words), np.int64, len(words)))
                number += len(words)
            parts.append(np.array([-1]))
            number += 1
            size = number - begin
            if size >= _BATCH:
                yield begin, np.concatenate(parts)
                begin, parts = number, []
        if parts:
            yield begin, np.concatenate(parts)

    def document_of(self, word: int) -> int:
        """Return the document that a word stands in."""
        return self._pieces[self._piece(word)][1]

    def around(self, word: int, end: int, more: int) -> tuple[int, list[str]]:
        """Return words of a document, from `word` up to the one before `end` and as far as `more` on each side.

        The number of the first of them, and all.
        """
        first = last = self._piece(word)
        own, told = self._pieces[first][1], list[str]()
        while first and self._pieces[first][0] > word - more and self._pieces[first - 1][1] == own:
            first -= 1
        while last + 1 < len(self._pieces) and self._pieces[last + 1][0] < end + more:
            last += 1
        for number, document, start, stop in self._pieces[first : last + 1]:
            if document == own:
                words = self.form.words(self.texts[document][start:stop])
                told += words[max(0, word - more - number) : max(0, end + more - number)]
        return max(word - more, self._pieces[first][0]), told

    def passage(self, word: int, end: int) -> tuple[int, int]:
        """Return (first, end) of the characters of the words from `word` up to the one before `end`."""
        places = []
        for one in (word, end - 1):
            number, document, start, stop = self._pieces[self._piece(one)]
            first, behind = self.form.spans(self.texts[document][start:stop])[one - number]
            places.append((start + first, start + behind))
        return places[0][0], places[1][1]

    def _piece(self, word: int) -> int:
        return bisect_right(self._pieces, word, key=lambda one: one[0]) - 1


def _cuts(text: str) -> list[int]:
    """Return where pieces of a text begin, at blanks, and its end."""
    cuts = [0]
    while len(text) - cuts[-1] > _PIECE:
        found = _BLANK.search(text, cuts[-1] + _PIECE)
        if found is None:
            break
        cuts.append(found.start())
    return [*cuts, len(text)]


_BLANK = re.compile(r"\s")


def runs_in(corpus: Corpus, texts: Sequence[Sequence[str]]) -> list[Runs]:
    """Return what of each text, given as its words, stands in the documents; reads the corpus once."""
    codes: dict[str, int] = {}
    each = [np.array([codes.setdefault(word, len(codes)) for word in words], np.int64) for words in texts]
    apart = [part for place, own in enumerate(each) for part in (own, np.array([-2 - place]))]
    joined = np.concatenate(apart) if apart else np.empty(0, np.int64)
    automaton, known = _Automaton(joined.tolist()), _Names.of(joined, len(codes))
    for begin, batch in corpus.read(codes):
        for first, last in known.stretches(batch):
            automaton.walk(batch[first:last].tolist(), begin + first)
    length, end = automaton.found()
    cuts = np.cumsum([len(part) for part in apart])[:-1]
    told = zip(np.split(length, cuts), np.split(end, cuts), strict=True)
    return [Runs(*one) for one in list(told)[: 2 * len(texts) : 2]]


class _Names(NamedTuple):
    """Names of all pairs of words that stand in the texts, and of all pairs of such pairs."""

    words: int
    pairs: Codes
    fours: Codes

    @classmethod
    def of(cls, codes: Codes, words: int) -> _Names:
        pairs = np.unique(_pairs(codes, words, 1)[1])
        named = _named(codes, words, 1, pairs)
        return cls(words, pairs, np.unique(_pairs(named, len(pairs), 2)[1]))

    def stretches(self, codes: Codes) -> Iterator[tuple[int, int]]:
        """Yield (first, end) of the stretches of words of which every four in a row may stand in the texts."""
        named = _named(codes, self.words, 1, self.pairs)
        hits = np.flatnonzero(_named(named, len(self.pairs), 2, self.fours) >= 0)
        if not len(hits):
            return
        breaks = np.flatnonzero(np.diff(hits) >= LEAST)
        firsts, lasts = hits[np.append(0, breaks + 1)], hits[np.append(breaks, len(hits) - 1)]
        yield from zip(firsts.tolist(), (lasts + LEAST).tolist(), strict=True)


def _pairs(codes: Codes, size: int, step: int) -> tuple[Codes, Codes]:
    """Return the places where two codes below `size` stand `step` apart, and one number for both."""
    first, second = codes[:-step], codes[step:]
    places = np.flatnonzero((first >= 0) & (second >= 0))
    return places, first[places] * size + second[places]


def _named(codes: Codes, size: int, step: int, known: Codes) -> Codes:
    """Return the place among known pairs, ascending, of each pair of codes [word]; -1 for another one."""
    names = np.full(len(codes), -1, np.int64)
    if len(known):
        places, pairs = _pairs(codes, size, step)
        at = np.minimum(np.searchsorted(known, pairs), len(known) - 1)
        names[places] = np.where(known[at] == pairs, at, -1)
    return names


class _Automaton:
    """All runs of codes: a state holds those that end at the same places; its link, the longest that end at more."""

    def __init__(self, codes: Sequence[int]) -> None:
        self.then: list[dict[int, int]] = [{}]
        self.link, self.longest = [-1], [0]
        self.state_of = list[int]()
        """The state of all codes up to each, [code]."""
        last = 0
        for code in codes:
            last = self._grown(last, code)
            self.state_of.append(last)
        self.best, self.end = [0] * len(self.then), [0] * len(self.then)
        """Codes of the longest run of a state that was walked, and the place behind it."""

    def _new(self, then: dict[int, int], link: int, longest: int) -> int:
        self.then.append(then)
        self.link.append(link)
        self.longest.append(longest)
        return len(self.then) - 1

    def _grown(self, last: int, code: int) -> int:
        """Put a code behind the state of all before; return the new one."""
        then, link, longest = self.then, self.link, self.longest
        new, at = self._new({}, 0, longest[last] + 1), last
        while at >= 0 and code not in then[at]:
            then[at][code] = new
            at = link[at]
        if at < 0:
            return new
        other = then[at][code]
        if longest[other] == longest[at] + 1:
            link[new] = other
            return new
        copy = self._new(dict(then[other]), link[other], longest[at] + 1)
        while at >= 0 and then[at].get(code) == other:
            then[at][code] = copy
            at = link[at]
        link[other] = link[new] = copy
        return new

    def walk(self, codes: Sequence[int], place: int) -> None:
        """Note the longest runs of codes that stand from `place` on."""
        then, link, longest, best, end = self.then, self.link, self.longest, self.best, self.end
        state = length = 0
        for behind, code in enumerate(codes, place + 1):
            while state and code not in then[state]:
                state = link[state]
                length = longest[state]
            state = then[state].get(code, 0)
            length = length + 1 if state else 0
            if length > best[state]:
                best[state], end[state] = length, behind

    def found(self) -> tuple[Codes, Codes]:
        """Return the length of the longest walked run that ends with each code [code], and the place behind it."""
        best, end, link = self.best, self.end, self.link
        order = np.argsort(self.longest, kind="stable")[1:].tolist()
        for state in reversed(order):  # what stands somewhere, its ends stand there, too
            above = link[state]
            if best[state] and best[above] < self.longest[above]:
                best[above], end[above] = self.longest[above], end[state]
        for state in order:
            if not best[state]:
                best[state], end[state] = best[link[state]], end[link[state]]
        states = np.array(self.state_of, np.int64)
        length = np.array(best)[states]
        return np.where(length >= LEAST, length, 0), np.array(end)[states]
