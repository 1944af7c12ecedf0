"""Intervals for the mean of a finite set, from all of it or from a part drawn at random without replacement.

    all of it asked          no sampling error: what is not known is what gave no answer
    0/1, one item a unit     exact_hypergeometric                exact (hypergeometric tails)
    0/1, looked at anew      events_of_parts                     exact in each part, Bonferroni over the parts
    unit means in [0, 1]     betting_mean with a population      valid (Waudby-Smith & Ramdas 2020, section 5)

The hypergeometric tail P(X <= k) falls in the number K of events in the set, so that the K that a one-sided test at
(1 - level) / 2 does not refuse are an interval: the analogue of Clopper & Pearson for finite sets (Konijn 1973; Wang
2015, JASA 110:1693, has shorter, two-sided ones whose ends are no one-sided bounds).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals.betting import betting_mean
from detectors.phrases import Method

__all__ = [
    "ALL_OF_IT", "BETTING_FINITE", "HYPERGEOMETRIC", "PartOfSet", "events_of_parts", "exact_hypergeometric",
    "mean_of_finite",
]

ALL_OF_IT = Method("all of the benchmark: no sampling error")
HYPERGEOMETRIC = Method("exact hypergeometric, for a part of the benchmark")
BETTING_FINITE = Method("betting (hedged capital) over unit means, for a part of the benchmark")


def exact_hypergeometric(k: int, n: int, population: int, level: float = 0.95) -> tuple[float, float]:
    """Return (low, high) for the share of events in a set of `population`, of which n were drawn and k are events.

    Covers with at least `level` at every share that the set can have; either end alone with (1 + level) / 2. All drawn
    gives [k/n, k/n]. Raises ValueError unless 0 <= k <= n <= population and n >= 1.
    """
    if not 0 <= k <= n <= population or n < 1:
        raise ValueError(f"exact_hypergeometric: got {k} of {n} of {population}; allowed: 0 <= k <= n <= population")
    alpha = (1 - level) / 2
    high = _last(lambda events: _at_most(k, n, events, population) > alpha, k, population - n + k)
    # as many events as possible is as few others as possible
    others = _last(lambda rest: _at_most(n - k, n, rest, population) > alpha, n - k, population - k)
    return (population - others) / population, high / population


def mean_of_finite(
    least: ArrayLike, most: ArrayLike, population: int, level: float, *, single: bool
) -> tuple[float, float, Method]:
    """Return (low, high, method) for the mean over a set of `population` units, of which some were drawn at random.

    least, most [unit]: the least and the most that each unit drawn may be, equal where all its items gave an answer, in
    an order that is random or shuffled by the caller. `single`: every unit is one item, 0 or 1 by what it is. Raises
    ValueError for numbers outside [0, 1], none, or more of them than the set has.
    """
    ends = np.asarray(least, dtype=float), np.asarray(most, dtype=float)
    size = len(ends[0])
    if not 1 <= size <= population or not all(((end >= 0) & (end <= 1)).all() for end in ends):
        raise ValueError(f"mean_of_finite: got {size} units of {population}; allowed: 1 or more of them, in [0, 1]")
    if size == population:
        return float(ends[0].mean()), float(ends[1].mean()), ALL_OF_IT
    if single and all(np.isin(end, (0.0, 1.0)).all() for end in ends):
        low, high = (exact_hypergeometric(int(end.sum()), size, population, level)[i] for i, end in enumerate(ends))
        return low, high, HYPERGEOMETRIC
    low, high = (betting_mean(end, level, population=population)[i] for i, end in enumerate(ends))
    return low, high, BETTING_FINITE


@immutable
class PartOfSet:
    """A part of a finite set, fixed before units of the set were drawn at random, and what is known of it."""

    size: int
    """Units in it; one at least."""
    drawn: int
    """Those of them that were drawn."""
    events: int
    """Events among those drawn."""
    least: int
    """Events known in it, among those drawn and any others."""
    most: int
    """Events that it may have after all that is known: its size without the units known to be none."""
    guess: float
    """What the number of events in it is taken for where none of it was drawn; it moves no bound."""


def events_of_parts(parts: Sequence[PartOfSet], level: float) -> tuple[int, int, float]:
    """Return (low, high, estimate) for the number of events in a set that falls into these parts.

    Units were drawn at random without replacement from the whole set, so that those drawn of a part are drawn so from
    it, however many they are. Each part has an equal share of 1 - level, and its exact hypergeometric bounds are cut by
    what is known of its units. [low, high] covers with at least `level`, either end alone with (1 + level) / 2. The
    estimate adds up size * events / drawn. Raises ValueError for numbers that cannot be.
    """
    low, high, estimate = 0, 0, 0.0
    for one in parts:
        if not (0 <= one.events <= one.drawn and one.events <= one.least <= one.most <= one.size and one.size >= 1):
            raise ValueError(f"events_of_parts: got {one}; allowed: events <= least <= most <= size, events <= drawn")
        ends, likely = (0, one.size), one.guess
        if one.drawn:
            shares = exact_hypergeometric(one.events, one.drawn, one.size, 1 - (1 - level) / len(parts))
            ends = round(shares[0] * one.size), round(shares[1] * one.size)
            likely = one.size * one.events / one.drawn
        cut = [min(max(end, one.least), one.most) for end in (*ends, likely)]
        low, high, estimate = low + int(cut[0]), high + int(cut[1]), estimate + cut[2]
    return low, high, estimate


def _at_most(k: int, n: int, events: int, population: int) -> float:
    """Return P(X <= k) for the events among n drawn from a set that holds `events` of them."""
    counts = np.arange(max(0, n - (population - events)), min(k, events) + 1, dtype=float)
    logs = _choose(events, counts) + _choose(population - events, n - counts) - _choose(population, np.array([n * 1.0]))
    return float(np.exp(logs).sum())


def _choose(n: int, k: Floats) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _last(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the largest number from `low`, where it holds, to `high` at which it still does."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
