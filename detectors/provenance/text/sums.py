"""Exact tails of a sum of draws from one law on whole numbers, however small they are.

    P(X_1 + ... + X_n >= s),   X_i independent with P(X = k) = p_k

The n-fold convolution is a power of one Fourier transform. Its noise is absolute, about 1e-16, so far tails are taken
from a tilted law, p_k exp(tilt k) scaled to 1, whose centre is near s, and weighed back: small tails keep their digits.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft

from detectors.immutable import immutable

__all__ = ["SumLaw"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_APART = 6.0
"""Standard deviations between the centres of neighbouring tilted laws; each serves the sums nearest to it."""
_REACH = 10.0
"""Standard deviations to either side of a centre beyond which a tilted law is nothing, in double precision."""
_LEAST = -745.0
"""Logarithm of the least number there is."""


@immutable(eq=False)
class SumLaw:
    """The law of one draw, and the tails of sums of many."""

    p: Floats
    """Probability of 0, 1, 2, ..., [value]."""

    @cached_property
    def mean(self) -> float:
        """Return the mean of one draw."""
        return float(np.arange(len(self.p)) @ self.p)

    @cached_property
    def deviation(self) -> float:
        """Return the standard deviation of one draw."""
        return float(np.sqrt((np.arange(len(self.p)) - self.mean) ** 2 @ self.p))

    @cached_property
    def most(self) -> int:
        """Return the greatest value that one draw can have."""
        return int(np.flatnonzero(self.p)[-1])

    def tail(self, total: ArrayLike, draws: ArrayLike) -> Floats:
        """Return P(sum of `draws` >= total); arguments are whole numbers and broadcast. NaN for no draws."""
        sums, counts = np.broadcast_arrays(np.asarray(total, dtype=np.int64), np.asarray(draws, dtype=np.int64))
        found = np.full(sums.shape, np.nan)
        for n in np.unique(counts[counts > 0]).tolist():
            here, ladder = counts == n, _ladder(self, n)
            found[here] = _tails(self, n, sums[here], ladder)
        return found

    def tilted(self, tilt: float) -> tuple[Floats, float]:
        """Return (p exp(tilt value) scaled to 1 [value], the log of its scale)."""
        weighed = self.p * np.exp(tilt * np.minimum(np.arange(len(self.p)) - self.most, 0))  # zeros beyond
        return weighed / weighed.sum(), float(np.log(weighed.sum())) + tilt * self.most


def _tails(law: SumLaw, n: int, sums: Ints, ladder: tuple[Floats, Floats]) -> Floats:
    """Return P(sum of n >= one) for each of `sums` [sum], each from the tilted law whose centre is nearest."""
    tilts, centres = ladder
    between = np.concatenate([[0], np.ceil((centres[1:] + centres[:-1]) / 2), [n * law.most + 1]]).astype(np.int64)
    rung, tails = np.searchsorted(between[1:-1], sums, side="right"), np.zeros(len(sums))
    for one in np.unique(rung).tolist():
        low, survival = _survival(law, n, float(tilts[one]), int(between[one]), int(between[one + 1]))
        served = rung == one
        place = sums[served] - low
        found = survival[np.clip(place, 0, len(survival) - 1)]
        tails[served] = np.where(place < len(survival), np.where(place < 0, survival[0], found), 0.0)
    return tails


@lru_cache(maxsize=512)
def _ladder(law: SumLaw, n: int) -> tuple[Floats, Floats]:
    """Return (tilt [rung], mean of the sum under it [rung]), from no tilt up to where tails are no doubles any more."""
    values, tilts, centres = np.arange(len(law.p)), [0.0], [n * law.mean]
    while True:
        tilted, log_scale = law.tilted(tilts[-1])
        mean = float(values @ tilted)
        centres[-1] = n * mean
        spread = float(np.sqrt((values - mean) ** 2 @ tilted * n))
        if n * law.most - n * mean <= max(spread, 0.5) or n * (log_scale - tilts[-1] * mean) < _LEAST:
            return np.array(tilts), np.array(centres)
        tilts.append(tilts[-1] + _APART / spread)
        centres.append(np.nan)


@lru_cache(maxsize=128)
def _survival(law: SumLaw, n: int, tilt: float, first: int, end: int) -> tuple[int, Floats]:
    """Return (low, P(sum of n >= low + i) [i]) of the sums from `first` to before `end` that are possible."""
    values, (tilted, log_scale) = np.arange(len(law.p)), law.tilted(tilt)
    mean = float(values @ tilted)
    width = int(2 * _REACH * np.sqrt((values - mean) ** 2 @ tilted * n)) + 2 * law.most
    low = min(max(0, int(n * mean) - width // 2), max(0, n * law.most - width))
    sums = low + np.arange(min(width, n * law.most) + 1)
    size = next_fast_len(len(sums), real=True)
    at = np.clip(irfft(_power(rfft(tilted, size), n), size), 0, None)[sums % size]
    sums, at = sums[sums >= first], at[sums >= first]
    weighed = np.cumsum((at * np.exp(-tilt * (sums - sums[0])))[::-1])[::-1]
    with np.errstate(divide="ignore"):
        survival = np.exp(np.log(weighed) + n * log_scale - tilt * sums[0])
    return int(sums[0]), np.minimum(survival, 1.0)[: end - sums[0]]


def _power(base: NDArray[np.complex128], n: int) -> NDArray[np.complex128]:
    """Return base ** n by squaring, which keeps more digits than logarithms, in less time."""
    found = np.ones_like(base)
    while n:
        if n & 1:
            found = found * base
        base, n = base * base, n >> 1
    return found
