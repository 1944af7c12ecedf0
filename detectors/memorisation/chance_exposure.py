"""What exposure chance alone gives: the ranks of canaries that nobody planted.

A canary that was drawn like its alternatives, and that the model has not seen, is as likely as any of them to have each
place among them, whatever the model (exchangeability). The mean exposure of n such canaries,

    1/n sum_i log2((m_i + 1) / rank_i)

is drawn from exactly this law: places of their own where each canary has alternatives of its own, places in one sample
where they share it, which hang together. For many alternatives and one canary it is exponential, with a mean of
log2(e) = 1.44 bits. A rank among so many draws is exact, too: they and what is held against
them are exchangeable.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from detectors.arrays import Floats
from detectors.immutable import immutable

__all__ = ["Luck", "chance_exposure", "luck_of"]

DRAWS = 9999
_BLOCK = 2_000_000


def chance_exposure(sizes: NDArray[np.int64]) -> Floats:
    """Return the mean exposure in bits [canary] of one that nobody planted, among size - 1 alternatives [canary]."""
    return np.asarray(np.log2(sizes) - gammaln(sizes + 1.0) / np.log(2) / sizes)


@immutable
class Luck:
    """Mean exposures in bits that chance gave, ascending."""

    means: Floats
    most: float
    """The greatest that it can give."""

    def at_most(self, tail: float) -> float:
        """Return what chance passes with a probability of `tail` or less."""
        place = int(np.ceil(round((len(self.means) + 1) * (1 - tail), 9)))
        return float(self.means[place - 1]) if place <= len(self.means) else self.most

    def p_value(self, mean: float) -> float:
        """Return a valid p-value of a mean exposure that chance gave."""
        above = len(self.means) - int(np.searchsorted(self.means, mean - 1e-9, "left"))
        return (1 + above) / (len(self.means) + 1)


def luck_of(sizes: NDArray[np.int64], shared: NDArray[np.bool_], rng: np.random.Generator) -> Luck:
    """Return the mean exposures of as many canaries that nobody planted.

    sizes [canary]: alternatives and one; shared [canary]: whether those are one sample for all of these canaries.
    """
    total = np.zeros(DRAWS)
    for size in sizes[~shared].tolist():
        total += np.log2(size / rng.integers(1, size + 1, DRAWS))
    if shared.any():
        total += _in_one_sample(int(shared.sum()), int(sizes[shared][0]), rng)
    return Luck(np.sort(total / len(sizes)), float(np.log2(sizes).mean()))


def _in_one_sample(count: int, size: int, rng: np.random.Generator) -> Floats:
    """Return sums of the exposures [draw] of `count` canaries among one sample of size - 1."""
    sums = []
    step = max(1, _BLOCK // (count + 1))
    for start in range(0, DRAWS, step):
        gaps = rng.dirichlet(np.ones(count + 1), min(step, DRAWS - start))
        ahead = rng.multinomial(size - 1, gaps)[:, :-1].cumsum(axis=1)
        sums.append(np.log2(size / (1 + ahead)).sum(axis=1))
    return np.concatenate(sums)
