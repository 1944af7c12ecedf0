"""What a check of n units can see of a rate: which counts decide, with what power, and how many units that takes.

A check decides where the whole exact interval at `level` lies on one side of its limits. With alpha = (1 - level) / 2
the ends of the exact (Clopper-Pearson) interval and binomial tails are the same thing,

    k events say "below the limit m"    <=>    P(X <= k | n, m) <= alpha
    k events say "above the limit m"    <=>    P(X >= k | n, m) <= alpha

so power is a binomial probability, and the rate at which it has a given value a beta quantile. Where a check stops
early, power is that of the sequential test (`detectors.sequential.stopping`). Rates and limits are in [0, 1]. Where
`level` is a pair, the first is that of "below" and the second that of "above".

An AUROC is decided where its sample value is, whose variance at a true A is about that of Hanley & McNeil (1982,
Radiology 143:29), for n items on either side

    [A (1 - A) + (n - 1) (A / (2 - A) + 2 A^2 / (1 + A) - 2 A^2)] / n^2

It is largest at 1/2, so that at a limit below the observed value it must not be taken from the sample.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrc, betaincinv, ndtri

from detectors.arrays import Floats
from detectors.intervals import Level, pairs_interval, sides_of
from detectors.sequential import boundaries, stopping

__all__ = [
    "EXACT_BUDGET", "aurocs_decided", "deciding_counts", "early_rates", "keep_probability", "rates_decided",
    "stops_after", "units_needed",
]

EXACT_BUDGET = 2000
"""Up to this budget the power of a sequential test is computed exactly; beyond it from its last look alone."""
DENSE = 20_000
"""Up to this many units the saw teeth of power over n are looked at one by one."""
MOST_UNITS = 10**8
Counts = NDArray[np.int64]


def deciding_counts(n: ArrayLike, limit: float, level: Level) -> tuple[Counts, Counts]:
    """Return (most, least) [n]: at `most` events or fewer the exact interval lies below `limit`, at `least` above it.

    most is -1 and least n + 1 where no count does.
    """
    sizes, (below, above) = np.atleast_1d(np.asarray(n, dtype=np.int64)), sides_of(level)
    return _most(sizes, limit, below), sizes - _most(sizes, 1 - limit, above)


def _most(n: Counts, limit: float, level: float) -> Counts:
    """Return [n] the largest k with P(X <= k | n, limit) <= (1 - level) / 2; -1 for none."""
    low, high = np.full(n.shape, -1), n - 1
    while np.any(low < high):
        middle = (low + high + 1) // 2
        small = bdtr(middle, n, limit) <= (1 - level) / 2
        low, high = np.where(small, middle, low), np.where(small, high, middle - 1)
    return low


def rates_decided(n: int, limit: float, level: Level, power: float = 0.8) -> tuple[float | None, float | None]:
    """Return (below, above): the true rates nearest to `limit` that a check of n units calls so with this power.

    None where it has no such power at any rate.
    """
    most, least = (int(one[0]) for one in deciding_counts(n, limit, level))
    below = None if most < 0 else float(betaincinv(most + 1, n - most, 1 - power))
    above = None if least > n else float(betaincinv(least, n - least + 1, power))
    return below, above


def aurocs_decided(units: int, limit: float, level: float, power: float = 0.8) -> tuple[float | None, float | None]:
    """Return (below, above) as `rates_decided`, of an AUROC with so many units on either side; about, see above."""
    above = _auroc_below(units, 1 - limit, level, power)
    return _auroc_below(units, limit, level, power), None if above is None else 1 - above


def _auroc_below(units: int, limit: float, level: float, power: float) -> float | None:
    """Return the true AUROC that has the power to be called below the limit; None where none has."""

    def seen(value: float) -> bool:
        return pairs_interval(value, units, level)[1] < limit

    def spread(area: float) -> float:
        rest = (units - 1) * (area / (2 - area) + 2 * area**2 / (1 + area) - 2 * area**2)
        return float(np.sqrt((area * (1 - area) + rest) / units**2))

    if not seen(0.0):
        return None
    critical = _last(seen, 0.0, limit)
    return _last(lambda area: area + float(ndtri(power)) * spread(area) <= critical, 0.0, critical)


def _last(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the largest number between `low`, where it holds, and `high` at which it still does."""
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def keep_probability(
    rate: float, n: ArrayLike, level: float, *,
    lower: float | None = None, upper: float | None = None, keeps: float | None = None,
) -> tuple[Floats, Floats]:
    """Return (kept, broken) [n]: probability that the interval lies wholly inside the limits, and wholly outside.

    keeps: level of the interval that must lie inside, where it is another one than that which must lie outside.
    """
    inside = level if keeps is None else keeps
    sizes = np.atleast_1d(np.asarray(n, dtype=np.int64))
    first, last, broken = np.zeros_like(sizes), sizes, np.zeros(sizes.shape)
    if lower is not None:
        under, first = deciding_counts(sizes, lower, (level, inside))
        broken = broken + _at_most(under, sizes, rate)
    if upper is not None:
        last, over = deciding_counts(sizes, upper, (inside, level))
        broken = broken + bdtrc(over - 1.0, sizes, rate)
    return np.maximum(0.0, _at_most(last, sizes, rate) - _at_most(first - 1, sizes, rate)), broken


def _at_most(k: Counts, n: Counts, rate: float) -> Floats:
    """Return P(X <= k); 0 below 0 events."""
    return np.where(k < 0, 0.0, bdtr(np.maximum(k, 0).astype(float), n, rate))


def units_needed(
    rate: float, level: float, *,
    lower: float | None = None, upper: float | None = None, keeps: float | None = None, power: float = 0.8,
) -> int | None:
    """Return from how many units on a check tells a true rate from its limits with this power.

    Power over n has saw teeth; from the number returned on it stays up (to 1 % beyond 20,000 units). None for a rate
    that is a limit, or so near to one that it takes more than 10^8 units. `keeps` as in `keep_probability`.
    """
    kept = all((lower is None or rate > lower, upper is None or rate < upper))

    def enough(n: ArrayLike) -> NDArray[np.bool_]:
        found = keep_probability(rate, n, level, lower=lower, upper=upper, keeps=keeps)
        return np.asarray(found[0 if kept else 1] >= power)

    if rate in (lower, upper):
        return None
    most = 1
    while not enough(most)[0]:
        if (most := 2 * most) > MOST_UNITS:
            return None
    if most > DENSE:
        return _bisected(lambda n: bool(enough(n)[0]), most // 2, most)
    sizes = np.arange(1, 2 * most + 1)
    return int(np.append(0, sizes[~enough(sizes)])[-1]) + 1


def _bisected(enough: Callable[[int], bool], low: int, high: int) -> int:
    """Return a number of units to about 1 %, `enough` at it and not at `low`."""
    while high - low > high // 100:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def early_rates(budget: int, limit: float, level: Level, power: float = 0.8) -> tuple[float | None, float | None]:
    """Return (below, above) as `rates_decided`, of a `RateTest` that may look at up to `budget` units.

    By exact power up to a budget of `EXACT_BUDGET`, to 2 % of the distance to the limit, on the side that has the
    power; beyond, power is that of the last look alone, which puts the rates a little farther out than need be.
    """
    if budget > EXACT_BUDGET:
        below, above = (int(one[-1]) for one in boundaries(limit, level, budget))
        return (
            None if below < 0 else float(betaincinv(below + 1, budget - below, 1 - power)),
            None if above > budget else float(betaincinv(above, budget - above + 1, power)),
        )
    fixed = rates_decided(budget, limit, level, power)
    return _early_rate(0, fixed[0], budget, limit, level, power), _early_rate(1, fixed[1], budget, limit, level, power)


def _early_rate(
    side: int, fixed: float | None, budget: int, limit: float, level: Level, power: float
) -> float | None:
    """Return the rate nearest to the limit that a test has the power to call; `fixed` is that of a test of one look."""

    def seen(rate: float) -> bool:
        return bool(stopping(rate, limit, level, budget)[side].sum() >= power)

    end = float(side)
    if not seen(end):
        return None
    inner = limit if fixed is None else fixed
    outer = limit + 1.5 * (inner - limit) if fixed is not None else end
    if not 0 < outer < 1 or not seen(outer):
        outer = end
    if seen(inner):
        inner, outer = limit, inner
    while abs(outer - inner) > 0.02 * abs(outer - limit):
        middle = (inner + outer) / 2
        inner, outer = (inner, middle) if seen(middle) else (middle, outer)
    return outer


def stops_after(rate: float, limit: float, level: Level, budget: int) -> int | None:
    """Return after how many units a `RateTest` has decided in half of all audits; None where in fewer than half.

    Exact; beyond `EXACT_BUDGET` units nothing is looked at.
    """
    said = np.cumsum(np.sum(stopping(rate, limit, level, min(budget, EXACT_BUDGET)), axis=0))
    return int(np.argmax(said >= 0.5)) + 1 if said.size and said[-1] >= 0.5 else None
