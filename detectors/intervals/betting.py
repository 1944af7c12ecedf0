"""Intervals for the mean of bounded values by betting, valid at every n and every mean.

Someone who doubts that the mean is at most m bets on every value. Her capital

    K_t(m) = prod_{i<=t} (1 + lambda_i (x_i - m)),    0 <= lambda_i <= 1/m, fixed before x_i is seen

is a non-negative supermartingale if she is wrong, and then reaches 1/alpha with probability alpha at most (Ville).
Every m against which she becomes that rich is refused; what is left is the interval (Waudby-Smith & Ramdas 2020,
arXiv 2010.09686, "hedged capital": one such bettor from below, one from above). lambda_i does not depend on m but for
the cap, so K falls in m, the refused means are a half-line, and bisection finds its end.

One path is treated apart. If the mean is m, all n values are 1 with probability m^n at most; m is refused on that path
exactly where m^n < alpha, and the bettor makes do with alpha - m^n on all others. So all ones (or, mirrored, all zeros)
give the exact binomial bound, and the error stays within alpha.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from detectors.arrays import Floats

__all__ = ["EMPTY", "betting_mean", "bracket", "refuses", "still_to_come"]

CAP = 0.75
"""Largest share of the capital that one bet may lose."""
PRIOR = 0.2
"""Weight, in values, of the starting guess 1/4 for the variance."""
CLOSE = 1e-10
"""How near the ends of an interval are found."""
FEW = 40
"""Steps at most of the quick search; what it leaves open is halved."""
EMPTY = np.zeros(0)


def betting_mean(x: ArrayLike, level: float = 0.95, *, population: int | None = None) -> tuple[float, float]:
    """Return (low, high) for the mean of values in [0, 1]; coverage is at least `level` at every n and mean.

    x [n]: independent values in the order of drawing, or shuffled by the caller; an order chosen by looking at the
    values breaks the guarantee. `population`: number of values from which x was drawn at random without replacement,
    and over which the interval's mean is then taken; None means an endless one.
    Raises ValueError for no values, values outside [0, 1], or a population smaller than x.
    """
    values = np.asarray(x, dtype=float)
    if values.ndim != 1 or values.size == 0 or not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"betting_mean: got an array of shape {values.shape}; allowed: [n >= 1], values in [0, 1]")
    if population is not None and population < values.size:
        raise ValueError(f"betting_mean: got {values.size} values of a population of {population}; allowed: no more")
    alpha, mean = (1 - level) / 2, float(values.mean())
    low, high = _refused_below(values, alpha, population), 1 - _refused_below(1 - values, alpha, population)
    # an early fortune may refuse the final mean itself; a wider interval is as valid
    return min(low, mean), max(high, mean)


def refuses(mean: float, x: Floats, alpha: float) -> NDArray[np.bool_]:
    """Tell of samples x [..., n] whether a bettor from below refuses that their mean is `mean` or less, at `alpha`."""
    all_ones = np.where(x.min(axis=-1) == 1, np.inf, 0.0)
    return np.asarray(_riches(mean, x, _bets(x, alpha), all_ones, alpha, None) >= 0)


def _riches(
    mean: float, x: Floats, bets: Floats, all_ones: Floats | float, alpha: float, population: int | None
) -> Floats:
    """Return how far her largest log-capital is above what refuses `mean`: 0 or more where it is refused.

    all_ones: infinite for samples of nothing but ones, else 0.
    """
    path = _all_ones_probability(mean, x.shape[-1], population)
    if path >= alpha:
        return np.full(x.shape[:-1], -np.inf)
    rest = mean if population is None else still_to_come(mean, x, population)[0]
    capital = x - rest  # one array from here on: there may be 1e7 values
    capital *= np.minimum(bets, _cap(rest))
    np.add.accumulate(np.log1p(capital, out=capital), axis=-1, out=capital)
    return np.asarray(capital.max(axis=-1) + np.log(alpha - path) + all_ones)


def _cap(rest: float | Floats) -> Any:
    """Return the largest bet against what is still to come."""
    if isinstance(rest, float) and rest > 0:
        return CAP / rest
    with np.errstate(divide="ignore"):
        return np.divide(CAP, rest)


def _refused_below(x: Floats, alpha: float, population: int | None) -> float:
    """Return the largest mean that a bettor from below refuses at `alpha`."""
    bets, all_ones = _bets(x, alpha), np.inf if x.min() == 1 else 0.0

    def riches(mean: float) -> float:
        return float(_riches(mean, x, bets, all_ones, alpha, population))

    # below this a finite population could not even hold what was seen
    low, high = (0.0 if population is None else float(x.sum()) / population), 1.0
    refused, kept = bracket(riches, low, high)
    while high - low > CLOSE:
        middle = (low + high) / 2
        below = middle <= refused or (middle < kept and riches(middle) >= 0)
        low, high = (middle, high) if below else (low, middle)
    return low


def bracket(falling: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Return two numbers around the root of a falling function, `CLOSE` to one another, by the rule of false position.

    Nothing is asked at `low`, and the function is -inf at `high`. An end that stays twice counts half (Illinois), and
    where one end is infinite the middle is taken: a third of the steps that halving takes.
    """
    above, below, stayed = falling(low + CLOSE), -np.inf, ""
    if above < 0:
        return low, low + CLOSE
    low += CLOSE
    for _ in range(FEW):
        if high - low <= CLOSE:
            break
        middle = (low + high) / 2
        if math.isfinite(above - below):
            root = low + (high - low) * above / (above - below)
            middle = min(max(root, low + CLOSE / 2), high - CLOSE / 2)
        found = falling(middle)
        if found >= 0:
            low, above, below, stayed = middle, found, below / (2 if stayed == "high" else 1), "high"
        else:
            high, above, below, stayed = middle, above / (2 if stayed == "low" else 1), found, "low"
    return low, high


def _bets(x: Floats, alpha: float) -> Floats:
    """Return lambda for each value of x [..., n]: best for this n (section 3.4 there) by the variance before it."""
    size = x.shape[-1]
    count = np.arange(1, size + 1)
    centre = np.cumsum(x, axis=-1, dtype=float)
    centre += 0.5
    centre /= count + 1
    variance = np.square(np.subtract(x, centre, out=centre), out=centre)
    np.cumsum(variance, axis=-1, out=variance)
    variance += PRIOR / 4
    variance /= count + PRIOR
    known = np.concatenate([np.full((*x.shape[:-1], 1), 0.25), variance[..., :-1]], axis=-1)
    known *= size
    return np.asarray(np.sqrt(np.divide(-2 * np.log(alpha), known, out=known), out=known))


def still_to_come(mean: float, x: Floats, population: int | None, before: Floats = EMPTY) -> tuple[Floats, Floats]:
    """Return (mean, number) of the values not yet seen before each of x, if the mean of all is `mean`.

    x [n] follows upon `before`; both results are [n], or [1] where values never end. Without replacement, the mean of
    what is left moves against what was seen.
    """
    if population is None:
        return np.array([mean]), np.array([np.inf])
    left = (population - len(before) - np.arange(len(x))).astype(float)
    return np.asarray((population * mean - before.sum() - np.cumsum(x) + x) / left), left


def _all_ones_probability(mean: float, size: int, population: int | None) -> float:
    """Return the largest probability with which `size` values in [0, 1] of that mean are all 1."""
    if population is None:
        return float(mean**size)
    if (ones := population * mean) < size:
        return 0.0
    log_ratio = gammaln(ones + 1) - gammaln(ones - size + 1) - gammaln(population + 1) + gammaln(population - size + 1)
    return float(np.exp(log_ratio))
