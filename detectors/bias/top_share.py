"""Who is among the highest numbers: the share of each group that is, in one order of all.

    t         the smallest number of the highest `top` of all: P(x >= t) is `top`, or more where some are equal to t
    rate      P(x >= t) of a group

The cut t is itself measured. It lies between two order statistics of all numbers, exactly (binomial); so the units of a
group that are above the true cut are as many as those above the one, or the other, or between; and what is exact of a
count is so of these, with half of the error for the cut and half for the rates. A number that is missing may have moved
the cut, and may be above it.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.bias.two_sides import ANY, Numbers
from detectors.immutable import immutable
from detectors.intervals import binomial_quantile, exact_binomial, rate_difference

__all__ = ["Cut", "cut_of", "least_ratio", "top_gap", "top_rate"]


@immutable
class Cut:
    """The least of the highest numbers, and what it surely lies between."""

    value: float
    low: float
    high: float

    def above(self, side: Numbers) -> tuple[int, int, int]:
        """Return how many units of a side are above the cut: as measured, the fewest and the most that there may be."""
        value, most, fewest = (
            len(side.known) - int(np.searchsorted(side.known, end)) for end in (self.value, self.low, self.high)
        )
        return value, fewest, most + side.missing


def cut_of(whole: Numbers, top: float, level: float) -> Cut:
    """Return the cut of the highest `top` of all numbers; its ends hold at half of the error of `level`."""
    error, size = (1 - level) / 2, whole.size
    fewest, most = binomial_quantile((error / 2, 1 - error / 2), size, top)
    least, greatest = whole.filled(ANY)
    low = least[size - most - 1] if most < size else -math.inf
    high = greatest[size - fewest] if fewest else math.inf
    return Cut(float(whole.known[-math.ceil(top * len(whole.known) - 1e-9)]), float(low), float(high))


def top_rate(side: Numbers, cut: Cut, level: float) -> tuple[float, float, float]:
    """Return (value, low, high) of the share of a side that is above the cut; NaN is the value of no numbers."""
    value, fewest, most = cut.above(side)
    half = (1 + level) / 2
    ends = exact_binomial(fewest, side.size, half)[0], exact_binomial(most, side.size, half)[1]
    return value / len(side.known) if len(side.known) else math.nan, float(ends[0]), float(ends[1])


def top_gap(own: Numbers, other: Numbers, cut: Cut, level: float) -> tuple[float, float, float]:
    """Return (value, low, high) of how much larger a share of own than of other is above the cut."""
    (one, fewest1, most1), (two, fewest2, most2) = cut.above(own), cut.above(other)
    half = (1 + level) / 2
    low = rate_difference(fewest1, own.size, most2, other.size, half)[0]
    high = rate_difference(most1, own.size, fewest2, other.size, half)[1]
    return one / len(own.known) - two / len(other.known), float(low), float(high)


def least_ratio(sides: list[Numbers], cut: Cut, level: float) -> tuple[float, float, float]:
    """Return (value, low, high) of the smallest share of all sides, as a part of the largest one.

    All shares hold at once (Bonferroni); the largest is above 0, as somebody is above the cut. A side without a number
    has no part in the value, and any share for the ends.
    """
    strict = 1 - (1 - level) / len(sides)
    rates, lows, highs = (np.array(one) for one in zip(*(top_rate(side, cut, strict) for side in sides), strict=True))
    high = float(highs.min() / lows.max()) if lows.max() > 0 else 1.0
    return float(np.nanmin(rates) / np.nanmax(rates)), float(lows.min() / highs.max()), min(1.0, high)
