"""By how much do two sets of answers to the same items differ, and could that be chance?

    0/1 answers, unpooled   right in one alone, b and c of n units                                    valid, exact
    mean over units         d_u = (second - first), averaged over the items of unit u;  mean of d_u    valid
    the same, watched       while the units came in, in random order                                  valid at any stop
    distance to an ideal    |second - i| - |first - i|, from both means and their difference          valid
    AUROC                   of both sets of scores: pairs gained and pairs lost      valid where units are alike
    anything else           from its two intervals, whose arms are added                              approximate

Value and interval are those of second - first, so that exchanging the two changes signs and nothing else; `p` is that
of "there is no difference". What is approximate says from how many units on it may decide, and its worst coverage.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import betainc, ndtr, ndtri

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals import (
    METHOD,
    MOST,
    Approximation,
    betting_mean,
    discordant_interval,
    mean_over_units,
    pairs_interval,
)
from detectors.phrases import ComparisonTest, Method
from detectors.ranking import AUROC_DIFFERENCE, rank
from detectors.result import Guarantee
from detectors.sequential import DifferenceTest, paired_sequence

__all__ = [
    "APART", "Difference", "Estimate", "apart_difference", "auroc_difference", "distance_difference",
    "mean_difference", "sign_test_p", "watched_difference",
]

APART = Approximation(Method("from two intervals, whose arms are added"), 20, 0.94, 0.999)
GAINS = Method("paired difference of AUROC over independent pairs (gains and losses, binomial tails)")
FLIPS = 4999
"""Random sign flips of a permutation test."""
BLOCK = 4_000_000
"""Signs drawn at a time, to bound memory."""
MANY = 20_000
"""From so many units on the sum of random signs is normal, to more digits than flipping tells."""


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float


@immutable
class Difference:
    """Second less first, with its interval and the p-value of there being no difference."""

    value: float
    low: float
    high: float
    items: int
    units: int
    method: Method
    p: float | None
    """Two-sided; None where the interval has no width to tell it from."""
    test: ComparisonTest
    """How `p` was made."""
    min_units: int = 0
    worst_coverage: float | None = None
    guarantee: Guarantee = "finite sample"
    measured_to: float | None = None
    """These four as in a `Measure`."""
    paired: bool = True
    """Whether it was made of the items, so that the level was free to choose."""


def mean_difference(
    first: ArrayLike, second: ArrayLike, units: ArrayLike | None, *, level: float, rng: np.random.Generator
) -> Difference:
    """Return the paired difference of two means over independent units; covers at every n and every mean.

    first, second [item]: values in [0, 1] of the same items; units [item]: label of each item's independent unit, None
    where every item is one. Exact where every unit is one item that is 0 or 1 (`intervals.discordant`, up to its MOST
    units), else the betting interval of the unit differences, in an order shuffled by `rng`. The test is the exact sign
    test where units differ by -1, 0 or 1 (of 0/1 items McNemar's), else a permutation test by sign flips.
    Raises ValueError for no values, values outside [0, 1] and arrays of different lengths.
    """
    one, two = _unit_means(first, second, units)
    gaps = two - one
    answers = len(gaps) == np.size(first) and bool(np.isin((one, two), (0.0, 1.0)).all())
    if answers and len(gaps) <= MOST:
        low, high = discordant_interval(int((gaps < 0).sum()), int((gaps > 0).sum()), len(gaps), level)
        method = METHOD
    else:
        low, high = (2 * end - 1 for end in betting_mean(rng.permutation((1 + gaps) / 2), level))
        method = Method("betting (hedged capital) over paired unit differences")
    if np.isin(gaps, (-1.0, 0.0, 1.0)).all():
        p, test = sign_test_p(int((gaps > 0).sum()), int((gaps < 0).sum())), ComparisonTest("exact sign test (McNemar)")
    else:
        p, test = _flipped_p(gaps[gaps != 0], rng), ComparisonTest("permutation test by sign flips of unit differences")
    return _of_gaps(gaps, np.size(first), low, high, method, p, test)


def watched_difference(first: ArrayLike, second: ArrayLike, units: ArrayLike | None, *, level: float) -> Difference:
    """Return the same where units came in random order, and looking at them decided how many.

    A confidence sequence by betting, valid wherever one stopped, and so is `p`. Arguments and errors as in
    `mean_difference`, the items in the order in which they were asked.
    """
    one, two = _unit_means(first, second, units)
    low, high = paired_sequence(two, one, level)
    method = Method("confidence sequence (betting) over paired unit differences")
    p, test = _anytime_p(one, two), ComparisonTest("betting, valid at any stop")
    return _of_gaps(two - one, np.size(first), low, high, method, p, test)


def distance_difference(
    first: ArrayLike, second: ArrayLike, units: ArrayLike | None, ideal: float, *, level: float,
    rng: np.random.Generator,
) -> Difference:
    """Return |mean of second - ideal| - |mean of first - ideal|, paired; covers at every n and every mean.

    Both means and their difference get a third of the error each, and the interval is the range of what the three allow
    together. Arguments, errors and test (of the means' difference) as in `mean_difference`.
    """
    stricter, order = 1 - (1 - level) / 3, int(rng.integers(2**63))
    gap = mean_difference(first, second, units, level=stricter, rng=rng)
    ends = [mean_over_units(one, units, level=stricter, rng=np.random.default_rng(order)) for one in (first, second)]
    low, high = _range_of_distances(ends[0].low, ends[0].high, ends[1].low, ends[1].high, gap.low, gap.high, ideal)
    value = abs(ends[1].value - ideal) - abs(ends[0].value - ideal)
    method = Method("{method}, of distances to the ideal", method=gap.method)
    return replace(gap, value=value, low=min(low, value), high=max(high, value), method=method)


def auroc_difference(
    familiar: pd.DataFrame, foreign: pd.DataFrame, units: tuple[ArrayLike, ArrayLike], *, level: float
) -> Difference:
    """Return AUROC of column `second` less that of column `first`, on the same items.

    familiar, foreign: finite scores, one row an item; a good score ranks `foreign` higher. units: the independent unit
    of every row of both. Where no unit stands on both sides and all bring equally many items, the interval is valid:
    what the second score gains over pairs and what it loses are two means of [0, 1], each with its interval over
    matchings (`detectors.intervals.pairs_interval`) at half of the error. Elsewhere it is approximate, as its fields
    say. `p` is that of the interval: the level at which it would begin at 0. Raises ValueError as `rank` does.
    """
    found = rank(familiar[["first", "second"]], foreign[["first", "second"]], units)
    apart = not set(map(str, np.asarray(units[0]))) & set(map(str, np.asarray(units[1])))
    if found.apart is not None and apart:
        gains, losses = _gains_and_losses(familiar, foreign)
        low, high = _gap_ends(gains, losses, found.pairs, level)
        value = gains - losses
        return Difference(
            value, min(low, value), max(high, value), found.items, found.units, GAINS,
            _last_alpha(lambda alpha: _gap_ends(gains, losses, found.pairs, 1 - alpha)),
            ComparisonTest("of the interval"),
        )
    value, low, high = found.difference("second", "first", level)
    variance = float(np.array([-1.0, 1.0]) @ found.covariance @ np.array([-1.0, 1.0]))
    # the two widths of `Ranking.difference`, turned around
    normal = 2 * float(ndtr(-abs(value) / np.sqrt(variance))) if variance > 0 else float(value == 0)
    pairs = 2 * (1 + abs(value)) ** -found.pairs
    return Difference(
        value, low, high, found.items, found.units, p=min(1.0, max(normal, pairs)),
        test=ComparisonTest("of the interval (DeLong, Obuchowski)"), **AUROC_DIFFERENCE.facts,
    )


def _gains_and_losses(familiar: pd.DataFrame, foreign: pd.DataFrame) -> tuple[float, float]:
    """Return the means over pairs of what the second score orders better than the first, and worse."""
    gains = losses = 0.0
    step = max(1, BLOCK // len(familiar))
    for start in range(0, len(foreign), step):
        one, two = (
            np.sign(foreign[name].to_numpy(float)[start : start + step, None] - familiar[name].to_numpy(float)) / 2
            for name in ("first", "second")
        )
        gains, losses = gains + float(np.maximum(two - one, 0).sum()), losses + float(np.maximum(one - two, 0).sum())
    return gains / (len(familiar) * len(foreign)), losses / (len(familiar) * len(foreign))


def _gap_ends(gains: float, losses: float, pairs: int, level: float) -> tuple[float, float]:
    """Return the ends of gains - losses, each within its interval at half of the error."""
    (least, most), (fewest, worst) = (pairs_interval(one, pairs, (1 + level) / 2) for one in (gains, losses))
    return least - worst, most - fewest


def _last_alpha(ends: Callable[[float], tuple[float, float]]) -> float:
    """Return the smallest error at which an interval leaves 0 out; 1 where none does."""
    low, high = -27.0, 0.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        least, most = ends(float(np.exp(middle)))
        low, high = (middle, high) if least <= 0 <= most else (low, middle)
    return 1.0 if high == 0 else float(np.exp(high))


def apart_difference(
    first: Estimate, second: Estimate, *, level: float, n: tuple[int, int], ideal: float | None = None
) -> Difference:
    """Return second - first from their intervals at confidence `level`, for whatever cannot be paired; approximate.

    Each end is as far from the value as the two ends that matter are from theirs, added plainly: as far as it must be
    where one falls as the other rises, and too far elsewhere. (Adding in quadrature, as MOVER does, takes the two for
    independent, which answers to the same items need not be: at correlation -1 it covers 0.83 instead of 0.95.) However
    the two depend on each other, it misses at most twice as often as each of them. With `ideal` it is the difference of
    the distances to it. n: (items, units) of the smaller. `p` takes the side of the interval towards 0 for that of a
    normal distribution.
    """
    if ideal is not None:
        first, second = _distance_to(first, ideal), _distance_to(second, ideal)
    value = second.value - first.value
    low = value - (second.value - second.low) - (first.high - first.value)
    high = value + (second.high - second.value) + (first.value - first.low)
    arm = value - low if value > 0 else high - value
    p = 2 * float(ndtr(-abs(value) / arm * ndtri((1 + level) / 2))) if arm > 0 else None
    told = ComparisonTest("of the interval, as if normal")
    return Difference(value, low, high, *n, p=p, test=told, paired=False, **APART.facts)


def _distance_to(estimate: Estimate, ideal: float) -> Estimate:
    """Return the distance of a number to its ideal, with the distances that its interval allows."""
    far = [abs(end - ideal) for end in (estimate.low, estimate.high)]
    inside = estimate.low <= ideal <= estimate.high
    return Estimate(abs(estimate.value - ideal), 0.0 if inside else min(far), max(far))


def sign_test_p(more: int, less: int) -> float:
    """Return the exact two-sided p-value of `more` against `less` where either is as likely (of pairs: McNemar's)."""
    least, most = sorted((more, less))
    return 2 * float(betainc(most, least + 1, 0.5)) if most > least + 1 else 1.0


def _unit_means(first: ArrayLike, second: ArrayLike, units: ArrayLike | None) -> tuple[Floats, Floats]:
    """Return the means [unit] of both sets of values, units in order of appearance."""
    one: Floats = np.asarray(first, dtype=float)
    two: Floats = np.asarray(second, dtype=float)
    if one.ndim != 1 or one.shape != two.shape or not one.size:
        raise ValueError(f"got values of shapes {one.shape} and {two.shape}; allowed: [item >= 1], the same items")
    if not (np.minimum(one, two).min() >= 0 and np.maximum(one, two).max() <= 1):
        raise ValueError("got values outside [0, 1]; allowed: shares, or 0 and 1")
    if units is None:
        return one, two
    code, kinds = pd.factorize(np.asarray(units, dtype=object))
    if len(code) != len(one):
        raise ValueError(f"got {len(code)} labels for {len(one)} items; allowed: one each")
    size = np.bincount(code, minlength=len(kinds))
    return np.bincount(code, weights=one) / size, np.bincount(code, weights=two) / size


def _of_gaps(
    gaps: Floats, items: int, low: float, high: float, method: Method, p: float, test: ComparisonTest
) -> Difference:
    """Return the mean of the unit differences with its interval, which rounding may have put beside it."""
    value = float(gaps.mean())
    return Difference(value, min(low, value), max(high, value), items, len(gaps), method, p, test)


def _flipped_p(gaps: Floats, rng: np.random.Generator) -> float:
    """Return the p-value of |sum of gaps| among sums with random signs; valid where either answer was as likely."""
    if len(gaps) > MANY:
        return 2 * float(ndtr(-abs(gaps.sum()) / np.sqrt((gaps**2).sum())))
    seen, beaten = abs(gaps.sum()) * (1 - 1e-12), 0
    step = max(1, BLOCK // max(1, len(gaps)))
    for start in range(0, FLIPS, step):
        signs = rng.integers(0, 2, size=(min(step, FLIPS - start), len(gaps)), dtype=np.int8) * 2.0 - 1
        beaten += int(np.count_nonzero(np.abs(signs @ gaps) >= seen))
    return (1 + beaten) / (1 + FLIPS)


def _anytime_p(first: Floats, second: Floats) -> float:
    """Return the smallest alpha at which a test of "no difference" has refused it at some time; 1 if none has."""
    low, high = -27.0, 0.0  # a level of 1 - exp(low) must still differ from 1
    if not _refused(first, second, high):
        return 1.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if _refused(first, second, middle) else (middle, high)
    return float(np.exp(high))


def _refused(first: Floats, second: Floats, log_alpha: float) -> bool:
    return DifferenceTest(0.0, 1 - float(np.exp(log_alpha))).update(second, first) is not None


def _range_of_distances(
    low1: float, high1: float, low2: float, high2: float, low: float, high: float, ideal: float
) -> tuple[float, float]:
    """Return the least and the largest |y - ideal| - |x - ideal| where x, y and y - x lie in these three intervals.

    The function is linear between the lines x = ideal and y = ideal, so its extremes lie where two of the lines meet.
    """
    xs, ys = (low1, high1, ideal), (low2, high2, ideal)
    meetings = [
        *itertools.product(xs, ys),
        *((x, x + gap) for x, gap in itertools.product(xs, (low, high))),
        *((y - gap, y) for y, gap in itertools.product(ys, (low, high))),
    ]
    x, y = np.array(meetings).T
    allowed = (x >= low1 - 1e-12) & (x <= high1 + 1e-12) & (y >= low2 - 1e-12) & (y <= high2 + 1e-12)
    allowed &= (y - x >= low - 1e-12) & (y - x <= high + 1e-12)
    found = (np.abs(y - ideal) - np.abs(x - ideal))[allowed]
    return float(found.min()), float(found.max())
