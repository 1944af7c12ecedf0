"""Two sides of independent numbers: how much higher the one lies, by rank, by median, by mean, and as distributions.

    superiority gap   P(own > other) - P(own < other)              Cliff's delta; +1 = always higher
    median gap        median of own - median of other              between order statistics
    mean gap          mean of own - mean of other                  of numbers in a known range
    distance          integral of |F_own - F_other|                Wasserstein-1

All intervals cover at every number of units and every distribution. A number that is missing may have been any: each
end takes the missing for what moves it outwards. The superiority gap is a mean over pairs of a matching
(`detectors.intervals.pairs_interval`). For the mean gap each number of the smaller side is set beside the mean of a
block of the other one, no two beside the same: such differences are independent, have the gap as their mean, and lie in
a known range, so betting holds for them. The distance lies as near the one of the samples as both distribution
functions lie to theirs (Dvoretzky, Kiefer & Wolfowitz 1956; Massart 1990, Ann. Probab. 18:1269).
"""

from __future__ import annotations

import math

import numpy as np

from detectors.arrays import Floats
from detectors.bias.contrasts import bounded
from detectors.immutable import immutable
from detectors.intervals import binomial_quantile, pairs_interval

__all__ = [
    "ANY", "Bounds", "Numbers", "distance", "mean_gap", "median_gap", "median_interval", "superiority_gap",
]

Bounds = tuple[float, float]
"""Least and greatest number that there can be."""
ANY: Bounds = (-math.inf, math.inf)


@immutable
class Numbers:
    """Independent numbers of one side."""

    known: Floats
    """Ascending [unit]."""
    missing: int = 0
    """Units that were asked and gave no number."""

    @property
    def size(self) -> int:
        """All units, with a number or without."""
        return len(self.known) + self.missing

    def filled(self, bounds: Bounds) -> tuple[Floats, Floats]:
        """Return the numbers [unit] with the missing as small, and with the missing as great as can be; ascending."""
        least, most = (np.full(self.missing, end) for end in bounds)
        return np.concatenate([least, self.known]), np.concatenate([self.known, most])


def superiority_gap(own: Numbers, other: Numbers, level: float) -> tuple[float, float, float]:
    """Return (value, low, high) of P(own > other) - P(own < other); each side needs a number."""
    wins = np.searchsorted(other.known, own.known, "left") + np.searchsorted(other.known, own.known, "right")
    value = float(wins.mean()) / (2 * len(other.known))
    known = len(own.known) * len(other.known) / (own.size * other.size)
    pairs = min(own.size, other.size)
    low = pairs_interval(value * known, pairs, level)[0]
    high = 1 - pairs_interval((1 - value) * known, pairs, level)[0]
    return 2 * value - 1, 2 * low - 1, 2 * high - 1


def median_interval(side: Numbers, level: float, bounds: Bounds = ANY) -> tuple[float, float, float]:
    """Return (value, low, high) of the median; an end is infinite, or one of the bounds, where too few units say."""
    ordered, size = side.filled(bounds), side.size
    first, last = binomial_quantile(((1 - level) / 2, (1 + level) / 2), size, 0.5)
    low = float(ordered[0][first - 1]) if first >= 1 else bounds[0]
    high = float(ordered[1][last]) if last < size else bounds[1]
    return float(np.median(side.known)), low, high


def median_gap(own: Numbers, other: Numbers, level: float, bounds: Bounds = ANY) -> tuple[float, float, float]:
    """Return (value, low, high) of the difference of medians; both intervals hold, each at half of the error."""
    half = (1 + level) / 2
    one, two = median_interval(own, half, bounds), median_interval(other, half, bounds)
    return one[0] - two[0], one[1] - two[2], one[2] - two[1]


def mean_gap(
    own: Numbers, other: Numbers, level: float, bounds: Bounds, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return (value, low, high) of the difference of means, of numbers within finite bounds."""
    width = bounds[1] - bounds[0]
    swapped = own.size > other.size
    few, many = (other, own) if swapped else (own, other)
    order, block = rng.permutation(few.size), rng.permutation(many.size) % few.size
    sizes = np.bincount(block)
    (least, most), ends = (one[order] for one in few.filled(bounds)), many.filled(bounds)
    low, high = (np.bincount(block, weights=one) / sizes for one in ends)
    found = bounded(least - high, most - low, level=level, rng=rng, low=-width, high=width)
    value = float(own.known.mean() - other.known.mean())
    return value, *((-found[1], -found[0]) if swapped else found)


def distance(
    own: Numbers, other: Numbers, level: float, bounds: Bounds | None
) -> tuple[float, float | None, float | None]:
    """Return (value, low, high) of the Wasserstein-1 distance; without bounds nothing says how far it may be off."""
    from scipy.stats import wasserstein_distance

    value = float(wasserstein_distance(own.known, other.known))
    if bounds is None:
        return value, None, None
    width = bounds[1] - bounds[0]
    off = width * sum(_off(side, (1 + level) / 2) for side in (own, other))
    return value, max(0.0, value - off), min(width, value + off)


def _off(side: Numbers, level: float) -> float:
    """Return how far the distribution function of the known numbers may lie from the true one of all."""
    return min(1.0, math.sqrt(math.log(2 / (1 - level)) / (2 * side.size)) + side.missing / side.size)
