"""The passages for a question, best first: those with its words and, where there are vectors, those that lie near it.

    words     FTS5 of SQLite where it is built in, else an inverted index in arrays
    vectors   cosine to every passage, exact
    both      one order by reciprocal rank (`detectors.factuality.retrieval.fused`)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audit.retrieval.full_text import FullText, has_full_text
from audit.retrieval.inverted import InvertedIndex
from detectors.factuality.retrieval import fused

__all__ = ["Engine", "Retriever"]

Engine = Literal["auto", "fts5", "arrays"]
_DEPTH = 100
"""So many of each order, at least, are made one."""


class Retriever:
    """A set of passages."""

    def __init__(
        self, passages: Sequence[str], vectors: ArrayLike | None = None, *, engine: Engine = "auto"
    ) -> None:
        """Index passages [passage]; vectors [passage, dim], a row of NaN where a passage has none.

        Raises ValueError for vectors of other passages.
        """
        full_text = engine == "fts5" or (engine == "auto" and has_full_text())
        self.words: FullText | InvertedIndex = FullText(passages) if full_text else InvertedIndex(passages)
        self._vectors = None if vectors is None else _unit_length(np.asarray(vectors, dtype=float))
        if self._vectors is not None and len(self._vectors) != len(passages):
            raise ValueError(f"got {len(self._vectors)} vectors for {len(passages)} passages; allowed: one each")

    def search(self, query: str, k: int, *, vector: ArrayLike | None = None) -> list[int]:
        """Return the places of at most k passages, best first; `vector` [dim] is that of the query."""
        depth = max(_DEPTH, 2 * k)
        orders = [self.words.search(query, depth)]
        if vector is not None and self._vectors is not None:
            orders.append(self._near(np.asarray(vector, dtype=float), depth))
        return (fused(orders) if len(orders) > 1 else orders[0])[:k]

    def _near(self, vector: NDArray[np.float64], depth: int) -> list[int]:
        assert self._vectors is not None
        cosines = self._vectors @ _unit_length(vector[None])[0]
        known = np.flatnonzero(np.isfinite(cosines))
        nearest: list[int] = known[np.argsort(-cosines[known], kind="stable")][:depth].tolist()
        return nearest


def _unit_length(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return rows / np.where(lengths > 0, lengths, 1.0)
