"""The distortion-free reweight within a keyed permutation: which tokens come from its later half.

    ids in ascending order of u_v = F_key(last ids, v);  C_i = p_1 + ... + p_i in that order
    p'_i = F(C_i) - F(C_{i-1}),   F(C) = max(C - a, 0) + max(C - (1 - a), 0),   0 < a <= 1/2
    S = number of tokens with u >= 1/2,   p-value = P(Bin(T, 1/2) >= S)                 T distinct contexts

DiPmark (Wu et al. 2023, arXiv 2310.07710), with a = 1/2 gamma-reweight (Hu et al. 2023, arXiv 2310.10669). Over the
keys the mean of p' is p. The permutation is the order of keyed uniform numbers, so whether a token is of its later half
takes one number to tell, and is a fair coin without the mark.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from detectors.immutable import immutable
from detectors.provenance.text.gumbel import ContextScheme, uniforms
from detectors.provenance.text.scheme import Ids

__all__ = ["DiPmarkScheme"]

Floats = NDArray[np.float64]


@immutable
class DiPmarkScheme(ContextScheme):
    """Tokens of the later half of a keyed permutation of the vocabulary."""

    variant: ClassVar[str] = "dipmark"
    expected: ClassVar[float] = 0.5

    def uniforms(self, contexts: Ids, tokens: Ids) -> Floats:
        """Return u for tokens [place, candidate] after contexts [place, width]."""
        return uniforms(self.variant, self.key, contexts, tokens)

    def evidence(self, contexts: Ids, tokens: Ids) -> Floats:
        """Return 1 for tokens of the later half, else 0."""
        return np.asarray(self.uniforms(contexts, tokens[:, None])[:, 0] >= 0.5, dtype=float)

    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> Floats:
        """Return P(Bin(scored, 1/2) >= statistic); NaN where nothing is scored."""
        whole = np.ceil(np.asarray(statistic, dtype=float) - 1e-6)
        hits, trials = np.broadcast_arrays(whole, np.asarray(scored, dtype=float))
        above = betainc(np.clip(hits, 1, None), np.clip(trials - hits + 1, 1e-300, None), 0.5)
        return np.asarray(np.where(trials == 0, np.nan, np.where(hits <= 0, 1.0, np.where(hits > trials, 0.0, above))))
