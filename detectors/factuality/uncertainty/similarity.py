"""How alike answers are as strings, with no model: a matrix W [answer, answer] in [0, 1] of each item's answers.

    rouge_l    F1 of the longest common subsequence of words    (Lin 2004)
    jaccard    shared words / words of either

Words are runs of letters and figures in small letters; writing that has no blanks gives a word for each sign. The
longest common subsequence is found on whole rows of bits (Hyyro 2004), so that a pair costs as many operations as one
of the answers has words. Two answers mean the same here where ROUGE-L of the words that carry their meaning is above a
threshold, and their numbers and negations are equal: "It is Paris." and "It is London." share most words and say
different things, as do "in 1912" and "in 1913".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.factuality.words import read

__all__ = [
    "MOST_CHARACTERS", "SAME", "Similarity", "jaccard", "meaning_of", "rouge_l", "same_meaning",
    "similarities", "to_each", "words_of",
]

Similarity = Literal["rouge_l", "jaccard"]
SAME = 0.5
"""ROUGE-L above which two answers may mean the same."""
MOST_WORDS, MOST_CHARACTERS = 2_000, 40_000
"""Of an answer that are read; a hostile one must not cost more."""
_WORD = re.compile("[\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]|[^\\W_]+")
"""A sign of Han, Kana or Thai, or a run of letters and figures of anything else."""
_SIGNS = re.compile("([\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f])")
_FIGURES = re.compile(r"\d")
_NOT = "not"
_NEGATIONS = frozenset(
    {"not", "no", "never", "none", "nor", "neither", "cannot", "without", "아니다", "아니요", "안", "못"}
)

Words = tuple[str, ...]


def words_of(text: str) -> Words:
    """Return the words of a text in small letters, at most `MOST_WORDS`."""
    apart = _SIGNS.sub(r" \1 ", text[:MOST_CHARACTERS].lower())
    return tuple(_WORD.findall(apart)[:MOST_WORDS])


def rouge_l(first: Words, second: Words) -> float:
    """Return ROUGE-L F1 of two answers' words; 1 where both have none, 0 where one has."""
    if first == second:
        return 1.0
    if not first or not second:
        return 0.0
    return 2 * _common(first, second) / (len(first) + len(second))


def jaccard(first: Words, second: Words) -> float:
    """Return the shared words among those of either; 1 where both have none."""
    one, two = set(first), set(second)
    return len(one & two) / len(one | two) if one or two else 1.0


def _common(first: Words, second: Words) -> int:
    """Return the length of the longest common subsequence; bit i of `row` is 0 where it grows at place i."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    whole = (1 << len(first)) - 1
    row = whole
    for word in second:
        if here := places.get(word):
            met = row & here
            row = (row + met | row - met) & whole
    return len(first) - row.bit_count()


_HOW = {"rouge_l": rouge_l, "jaccard": jaccard}


def similarities(texts: Sequence[Words], how: Similarity = "rouge_l") -> Floats:
    """Return W [answer, answer], symmetric, with 1 on its diagonal."""
    of, found = _HOW[how], np.eye(len(texts))
    for row, one in enumerate(texts):
        for column in range(row):
            found[row, column] = found[column, row] = of(one, texts[column])
    return found


def to_each(answer: Words, texts: Sequence[Words], how: Similarity = "rouge_l") -> Floats:
    """Return how like each of the texts an answer is, [text]."""
    return np.array([_HOW[how](answer, one) for one in texts], dtype=float)


def meaning_of(text: str, about: str = "") -> Words:
    """Return the words of an answer that carry its meaning: stems of content words, numbers and negations.

    What the question `about` says already is left out, unless nothing else is there ("yes").
    """
    told = read(about[:MOST_CHARACTERS]).stems
    tokens = read(text[:MOST_CHARACTERS]).tokens[: 4 * MOST_WORDS]
    own = [_NOT if _negates(one.text) else one.stem for one in tokens if one.stem or _negates(one.text)]
    left = tuple(word for word in own if word not in told)
    return left[:MOST_WORDS] or words_of(text)


def same_meaning(meanings: Sequence[Words], above: float = SAME) -> NDArray[np.bool_]:
    """Return [answer, answer]: which are alike above a threshold, name the same numbers and negate as often."""
    numbers = [sorted(word for word in one if word == _NOT or _FIGURES.search(word)) for one in meanings]
    agree = np.array([[one == other for other in numbers] for one in numbers])
    return np.asarray((similarities(meanings) > above) & agree)


def _negates(word: str) -> bool:
    small = word.lower().replace("\u2019", "'")
    return small in _NEGATIONS or small.endswith("n't")
