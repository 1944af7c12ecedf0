"""Which groups does a text name, and which words stand near them?

    context of a group   the words within so many of one of its terms, terms of groups left out
    log odds             d = log (y_i + a) / (n_i + A - y_i - a) - log (y_j + a) / (n_j + A - y_j - a)
                         variance about 1 / (y_i + a) + 1 / (y_j + a), z = d / its root

y of n words in contexts of the group, i, and of all other groups, j; a: what the word has in all texts, of A words in
all (informative Dirichlet prior: Monroe, Colaresi & Quinn 2008, Political Analysis 16:4). A frequent word that is near
no group in particular, and one that is there twice, are drawn to 0. Words of one text hang together, which the variance
above leaves out: drawn texts have that of d made linear in what each text adds to the six counts.

Terms are words or several in a row, without case. A Korean term may bear a particle: 여자 is named by 여자는.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from detectors.arrays import Floats
from detectors.bias.data.duplicates import words_of
from detectors.immutable import immutable

__all__ = ["PRIOR", "Lexicon", "LogOdds", "Mentions", "error_of_sums", "error_over_texts", "log_odds"]

PRIOR = 500.0
"""A: words that the prior is worth."""
_PARTICLES = frozenset((
    "은", "는", "이", "가", "을", "를", "의", "에", "에게", "께", "께서", "와", "과", "도", "만", "로",
    "으로", "라", "이라", "들", "들은", "들이", "들을", "들의", "들도", "에서", "까지", "부터", "보다", "처럼",
    "이나", "나", "이며", "인", "이고", "이다", "였다", "이었다",
))  # fmt: skip
_HANGUL = range(0xAC00, 0xD7A4)


@immutable
class Mentions:
    """What a text says of groups."""

    contexts: Mapping[str, tuple[str, ...]]
    """Group that is named -> words near its terms, each place once."""
    words: tuple[str, ...]
    """All words of the text, terms of groups left out."""


class Lexicon:
    """Terms by what they stand for, found in one pass over the words of a text."""

    def __init__(self, terms: Mapping[str, Sequence[str]]) -> None:
        """Take name -> terms; ValueError for a term without a word."""
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._korean: list[tuple[str, str]] = []
        for name, listed in terms.items():
            for term in listed:
                words = tuple(words_of(term))
                if not words:
                    raise ValueError(f"lexicon: got the term {term!r} of {name}; allowed: one with a word")
                self._by_first.setdefault(words[0], []).append((words, name))
                if len(words) == 1 and all(ord(one) in _HANGUL for one in words[0]):
                    self._korean.append((words[0], name))

    def places(self, words: Sequence[str]) -> list[tuple[int, int, str]]:
        """Return (first word, one past the last, name) of every term in a text, the longest where several begin."""
        found = []
        for at, word in enumerate(words):
            listed = self._by_first.get(word, ())
            fits = listed and [one for one in listed if tuple(words[at : at + len(one[0])]) == one[0]]
            if fits:
                term, name = max(fits, key=lambda one: len(one[0]))
                found.append((at, at + len(term), name))
            elif self._korean and ord(word[0]) in _HANGUL and (told := self._with_particle(word)) is not None:
                found.append((at, at + 1, told))
        return found

    def _with_particle(self, word: str) -> str | None:
        fits = [one for one in self._korean if word.startswith(one[0]) and word[len(one[0]) :] in _PARTICLES]
        return max(fits, key=lambda one: len(one[0]))[1] if fits else None

    def mentions(self, text: str, window: int) -> Mentions:
        """Return the groups that a text names, and the words within `window` of each."""
        words = words_of(text)
        places = self.places(words)
        named = {at for first, end, _ in places for at in range(first, end)}
        near: dict[str, set[int]] = {}
        for first, end, name in places:
            near.setdefault(name, set()).update(range(max(0, first - window), min(len(words), end + window)))
        contexts = {name: tuple(words[at] for at in sorted(told - named)) for name, told in near.items()}
        return Mentions(contexts, tuple(word for at, word in enumerate(words) if at not in named))

    def named(self, words: Sequence[str]) -> set[str]:
        """Return the names of the terms that are there."""
        return {name for _, _, name in self.places(words)}

    def alone(self, words: Iterable[str]) -> dict[str, str]:
        """Return the words, each of them looked at alone, that are a term, with its name."""
        may = (word for word in words if word in self._by_first or (self._korean and ord(word[0]) in _HANGUL))
        return {word: name for word in may for _, _, name in self.places((word,))}


@immutable
class LogOdds:
    """How much likelier a word stands near one group than near the others."""

    value: float
    error: float
    """Standard error."""

    @property
    def z(self) -> float:
        """Standard errors from 0."""
        return self.value / self.error


def log_odds(near: int, words: int, elsewhere: int, others: int, background: float) -> LogOdds:
    """Return the log odds ratio of a word, near: of `words` near a group, elsewhere: of `others` near other groups.

    background: the word's share of all words, above 0.
    """
    prior = PRIOR * background
    one, two = near + prior, elsewhere + prior
    value = np.log(one / (words + PRIOR - one)) - np.log(two / (others + PRIOR - two))
    return LogOdds(float(value), float(np.sqrt(1 / one + 1 / two)))


def error_over_texts(counts: Floats) -> float:
    """Return the standard error of `log_odds` where whole texts are drawn.

    counts [text >= 2, 6]: the first four arguments of `log_odds` of each text, then how often the word is in it, and
    its words.
    """
    return float(error_of_sums(counts.sum(axis=0), counts.T @ counts, len(counts)))


def error_of_sums(sums: Floats, products: Floats, texts: int) -> Floats:
    """Return the same [...] from sums over texts of the six counts [..., 6] and of their products [..., 6, 6]."""
    near, words, elsewhere, others, everywhere, total = np.moveaxis(sums, -1, 0)
    background = everywhere / total
    has = [count + PRIOR * background for count in (near, elsewhere)]
    lacks = [size + PRIOR - one for size, one in zip((words, others), has, strict=True)]
    first, second = (1 / one + 1 / other for one, other in zip(has, lacks, strict=True))
    prior = PRIOR / total * (first - second)
    gradient = np.stack([first, -1 / lacks[0], -second, 1 / lacks[1], prior, -background * prior], axis=-1)
    mean = (gradient * sums).sum(axis=-1) ** 2 / texts
    square = np.einsum("...i,...ij,...j->...", gradient, products, gradient) - mean
    return np.asarray(np.sqrt(np.maximum(square, 0) * texts / (texts - 1)))
