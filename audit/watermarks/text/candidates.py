"""The tokens that can still be drawn, of all texts of a batch one behind the other: few, after top-k and top-p.

What a mark costs goes by them and not by the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.immutable import immutable

if TYPE_CHECKING:
    import torch

__all__ = ["Candidates", "unmet"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@immutable
class Candidates:
    """The candidates of some texts of a batch, in order of text and token; at least one for each text."""

    logits: torch.Tensor
    """Those of the batch, [text, vocabulary]; -inf where a token cannot be drawn."""
    texts: Ints
    """Which texts are meant, [row]."""

    @cached_property
    def values(self) -> NDArray[np.floating]:
        """Return the logits of the texts, in memory, [row, vocabulary]."""
        kept = self.logits.detach() if len(self.texts) == len(self.logits) else self.logits.detach()[self.texts]
        return np.asarray(kept.float().cpu() if kept.element_size() < 4 else kept.cpu())

    @cached_property
    def places(self) -> tuple[Ints, Ints]:
        """Return (row, token) of each candidate."""
        flat = np.flatnonzero(self.values > -np.inf)
        return flat // self.values.shape[1], flat % self.values.shape[1]

    @cached_property
    def starts(self) -> Ints:
        """Return where the candidates of each row begin, [row]."""
        return np.searchsorted(self.places[0], np.arange(len(self.texts)))

    @cached_property
    def p(self) -> Floats:
        """Return the probability of each candidate among those of its text."""
        row, token = self.places
        given = self.values[row, token].astype(float)
        weighed = np.exp(given - np.maximum.reduceat(given, self.starts)[row])
        return np.asarray(weighed / self.sums(weighed)[row])

    def sums(self, values: Floats) -> Floats:
        """Return the sum of the values [candidate] of each row, [row]."""
        return np.asarray(np.add.reduceat(values, self.starts))

    def winners(self, u: Floats) -> Floats:
        """Return 1 for the candidate of each row with the largest u^(1/p), else 0, for u [candidate] in (0, 1)."""
        time = -np.log(u) / np.maximum(self.p, np.finfo(float).tiny)
        won = np.zeros(len(u))
        won[np.lexsort((time, self.places[0]))[self.starts]] = 1
        return won

    def with_p(self, p: Floats) -> torch.Tensor:
        """Return the logits with log p in place of those of the texts, for p [candidate]; -inf for p <= 0."""
        import torch

        row, token = self.places
        found = np.full(self.values.shape, -np.inf)
        with np.errstate(divide="ignore"):
            found[row, token] = np.log(np.maximum(p, 0))
        marked = torch.from_numpy(found).to(device=self.logits.device, dtype=self.logits.dtype)
        if len(self.texts) == len(self.logits):
            return marked
        whole = self.logits.clone()
        whole[self.texts] = marked
        return whole


def unmet(before: Sequence[Sequence[int]], logits: torch.Tensor, width: int) -> tuple[Candidates, Ints]:
    """Return the candidates of the texts of which the last `width` ids did not stand together in them before.

    And those ids, [candidate, width]; -1 where a text has fewer.
    """
    contexts, fresh = np.full((len(before), width), -1, dtype=np.int64), np.ones(len(before), dtype=bool)
    for row, ids in enumerate(before):
        last = np.asarray(ids[-width:], dtype=np.int64)
        contexts[row, width - len(last) :] = last
        if len(ids) > width:
            runs = np.lib.stride_tricks.sliding_window_view(np.asarray(ids, dtype=np.int64), width)
            fresh[row] = not (runs[:-1] == last).all(axis=1).any()
    alive = Candidates(logits, np.flatnonzero(fresh))
    return alive, contexts[alive.texts][alive.places[0]]
