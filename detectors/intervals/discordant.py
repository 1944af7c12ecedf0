"""The difference of two rates over the same units, exactly: the narrow interval for paired 0/1 answers.

    n units: b right in the first alone, c in the second alone;   difference (c - b) / n = p01 - p10
    S(b, c)  an approximate upper bound: score-like, half an answer added to each kind of unit
    upper    the largest difference at which some p10, p01 make S this small or smaller with probability alpha / 2

No bound that orders outcomes as S does is smaller and still covers (Buehler 1957, JASA 52:482; for paired rates Lloyd
& Moldovan 2007, Statist. Med. 26:2821). What is as small as seen is closed to "b more, c less", so the probability
falls as the difference grows and one root is the bound; it is summed over m = b + c, given which c is binomial, and its
largest over p10 + p01 is sought on a grid that is dense near the ends, then beside the best three points.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.special import bdtr, gammaln, ndtri, xlog1py, xlogy

from detectors.arrays import Floats
from detectors.phrases import Method

__all__ = ["METHOD", "MOST", "discordant_interval"]

MOST = 5_000
"""Units up to which this takes about a second or less."""
METHOD = Method("exact over paired 0/1 answers (Buehler bounds)")
_GRID = 32
_NEAR = np.array([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 8.0])
"""Distances, in 1/n, from the ends of what p10 + p01 may be, where a probability has its narrow peaks."""
_FAR = 25.0
"""-log of half the probability of numbers m beyond those summed over, which is added."""


def discordant_interval(first_only: int, second_only: int, n: int, level: float) -> tuple[float, float]:
    """Return the ends of p01 - p10, each missed with a probability of at most (1 - level) / 2 at every n and rate.

    first_only, second_only: units right in one alone, together at most `n` >= 1. Exchanging the two turns the interval
    around. Raises ValueError for counts that cannot be.
    """
    if not (n >= 1 and first_only >= 0 and second_only >= 0 and first_only + second_only <= n):
        raise ValueError(f"got {first_only} and {second_only} of {n}; allowed: counts of at least 0, at most n in all")
    alpha = (1 - level) / 2
    return -_upper(n, second_only, first_only, alpha), _upper(n, first_only, second_only, alpha)


@lru_cache(maxsize=4096)
def _upper(n: int, first_only: int, second_only: int, alpha: float) -> float:
    """Return the Buehler bound of (second_only - first_only) / n."""
    most = _as_small(n, first_only, second_only, -float(ndtri(alpha)))

    def excess(difference: float) -> float:
        return math.log(max(_largest(n, most, difference), 1e-300)) - math.log(alpha)

    from scipy.optimize import brentq

    value = (second_only - first_only) / n
    if value == 1 or excess(value) <= 0:
        return value
    return 1.0 if excess(1.0) >= 0 else float(brentq(excess, value, 1.0, xtol=1e-7)) + 1e-7


def _as_small(n: int, first_only: int, second_only: int, z: float) -> Floats:
    """Return, for m = 0..n units that differ, the most right in the second alone with S no larger than seen; -1: none.

    S = x + z sqrt(m + 1 - x^2 / (n + 2)) of x = 2 c - m; solved for x, and closed so that one unit more for the first,
    or one less for the second, never leaves it.
    """
    m = np.arange(n + 1.0)
    x = float(second_only - first_only)
    seen = x + z * math.sqrt(first_only + second_only + 1 - x * x / (n + 2))
    lead = 1 + z * z / (n + 2)
    root = seen**2 - lead * (seen**2 - z * z * (m + 1))
    ends = np.where(root >= 0, (seen - np.sqrt(np.maximum(root, 0))) / lead, seen)
    most = np.clip(np.floor((m + ends) / 2 + 1e-9), -1, m)
    differ = first_only + second_only
    most[differ] = max(most[differ], second_only)
    most = np.maximum.accumulate(most)
    closed: Floats = np.maximum.accumulate((most - m)[::-1])[::-1] + m
    return closed


def _largest(n: int, most: Floats, difference: float) -> float:
    """Return the largest probability of c <= most[m] over all p10 + p01 that allow the difference."""
    least = abs(difference)
    grid = least + (1 - least) * np.sin(np.linspace(0, np.pi / 2, _GRID)) ** 2
    sums = np.unique(np.clip(np.concatenate([grid, least + _NEAR / n, 1 - _NEAR / n]), least, 1))
    found = _probability(n, most, difference, sums)
    best = np.argsort(found)[-3:]
    beside = np.linspace(sums[np.maximum(best - 1, 0)], sums[np.minimum(best + 1, len(sums) - 1)], 9).ravel()
    return float(max(found.max(), _probability(n, most, difference, beside).max()))


def _probability(n: int, most: Floats, difference: float, sums: Floats) -> Floats:
    """Return P(c <= most[m]) for each p10 + p01 of `sums`: over m as far as it can be, c given m binomial."""
    # Bernstein's inequality: m is further from its mean with a probability of at most 2 exp(-_FAR)
    far = _FAR / 3 + np.sqrt(_FAR**2 / 9 + 2 * _FAR * n * sums * (1 - sums))
    low, high = np.maximum(np.floor(n * sums - far), 0), np.minimum(np.ceil(n * sums + far), n)
    m = low[:, None] + np.arange(int((high - low).max()) + 1)
    inside = m <= high[:, None]
    m = np.minimum(m, n)
    each, at = np.arange(n + 1.0), m.astype(int)
    ways = (gammaln(n + 1) - gammaln(each + 1) - gammaln(n - each + 1))[at]
    chance = np.exp(ways + xlogy(m, sums[:, None]) + xlog1py(n - m, -sums[:, None])) * inside
    share = np.divide(sums + difference, 2 * sums, out=np.full(len(sums), 0.5), where=sums > 0)
    few = most[at]
    some = (chance > 0) & (few >= 0)  # elsewhere what takes longest adds nothing
    small = bdtr(few, at, np.clip(share, 0, 1)[:, None], out=np.zeros(m.shape), where=some)
    total: Floats = (chance * small).sum(axis=1) + 2 * math.exp(-_FAR)
    return total
