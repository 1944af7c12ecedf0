"""An inverted index in arrays: for every term the passages that have it, with its weight in each (BM25).

    score(q, d) = sum over terms t of q of  idf(t) f / (f + k (1 - b + b |d| / mean |d|))
    idf(t)      = ln(1 + (N - n + 1/2) / (n + 1/2))

f: how often t comes in d; n: passages that have t; N: all; k = 1.5, b = 0.75 (Robertson & Zaragoza 2009, in the form of
Lucene). A term of the query counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audit.retrieval.words import terms

__all__ = ["InvertedIndex"]

SATURATION, LENGTH = 1.5, 0.75
"""k and b."""


class InvertedIndex:
    """Passages, found by their words."""

    def __init__(self, passages: Sequence[str]) -> None:
        number: dict[str, int] = {}
        of_term, counts, places, lengths = list[int](), list[int](), list[int](), list[int]()
        for place, passage in enumerate(passages):
            counted = Counter(terms(passage))
            lengths.append(counted.total())
            of_term += [number.setdefault(term, len(number)) for term in counted]
            counts += counted.values()
            places += [place] * len(counted)
        self._number, self.size = number, len(passages)
        order = np.argsort(np.array(of_term, dtype=np.int64), kind="stable")
        self._places = np.array(places, dtype=np.int64)[order]
        having = np.bincount(np.array(of_term, dtype=np.int64), minlength=len(number))
        self._starts = np.append(0, np.cumsum(having))
        often = np.array(counts, dtype=np.float64)[order]
        size = np.array(lengths, dtype=np.float64)
        norm = SATURATION * (1 - LENGTH + LENGTH * size / max(float(size.mean()) if len(size) else 0.0, 1e-12))
        idf = np.log1p((self.size - having + 0.5) / (having + 0.5))
        self._weights = np.repeat(idf, having) * often / (often + norm[self._places])

    def scores(self, query: str) -> NDArray[np.float64]:
        """Return the score of every passage [passage]; 0 where it has no term of the query."""
        found = np.zeros(self.size)
        for term in dict.fromkeys(terms(query)):
            if (number := self._number.get(term)) is not None:
                having = slice(self._starts[number], self._starts[number + 1])
                found[self._places[having]] += self._weights[having]
        return found

    def search(self, query: str, k: int) -> list[int]:
        """Return the places of the k best passages, best first; those without a term of the query are never found."""
        scores = self.scores(query)
        found = np.flatnonzero(scores > 0)
        if len(found) > k:  # ties at the border are settled by the stable sort below
            found = found[scores[found] >= np.partition(scores[found], -k)[-k]] if k > 0 else found[:0]
        best: list[int] = found[np.argsort(-scores[found], kind="stable")][:k].tolist()
        return best
