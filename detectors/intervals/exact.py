"""The exact interval of a rate, and how an interval that is not exact says so."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, betaincinv

from detectors.arrays import Count, Floats
from detectors.immutable import immutable
from detectors.phrases import Method

__all__ = ["Approximation", "Level", "Side", "binomial_quantile", "exact_binomial", "sides_of"]


Side = Literal["two", "lower", "upper"]
Level = float | tuple[float, float]
"""Two-sided confidence; a pair gives that by which a mean is said to lie below a limit, and above one, apart."""


@immutable
class Approximation:
    """What is known of an approximate interval; the fields are those of a `Measure`."""

    method: Method
    min_units: int
    """It decides a limit only from this many independent units on, in the smallest sample or group."""
    worst_coverage: float
    """Lowest coverage at level 0.95 found from `min_units` on, over the grids of benchmarks/."""
    measured_to: float | None = None
    """Strictest level at which benchmarks/ found it to miss no more often than it may; None: it informs only."""

    @property
    def facts(self) -> dict[str, Any]:
        """Return what a `Measure` says of its interval."""
        guarantee = "approximate" if self.measured_to is None else "measured"
        return {**vars(self), "guarantee": guarantee}


def sides_of(level: Level) -> tuple[float, float]:
    """Return the levels of "below" and of "above"."""
    return level if isinstance(level, tuple) else (level, level)


@overload
def exact_binomial(k: Count, n: Count, level: float = ..., side: Side = ...) -> tuple[float, float]: ...
@overload
def exact_binomial(k: ArrayLike, n: ArrayLike, level: float = ..., side: Side = ...) -> tuple[Floats, Floats]: ...
def exact_binomial(k: ArrayLike, n: ArrayLike, level: float = 0.95, side: Side = "two") -> tuple[Any, Any]:
    """Return (low, high) for the rate of k events in n independent trials (Clopper & Pearson 1934); covers always.

    k, n: counts, broadcast against each other; the bounds have their common shape. `side`: "two" spends half of
    1 - level on each side; "lower" gives [bound, 1] and "upper" [0, bound], spending all of it there. No trials give
    [0, 1]. Raises ValueError unless 0 <= k <= n.
    """
    events, trials = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=float))
    if not np.all((events >= 0) & (events <= trials)):
        raise ValueError(f"exact_binomial: got k = {k!r} of n = {n!r}; allowed: 0 <= k <= n")
    alpha = (1 - level) / (2 if side == "two" else 1)
    none, every = events == 0, events == trials
    low = np.where(none, 0.0, betaincinv(np.where(none, 1.0, events), trials - events + 1, alpha))
    high = np.where(every, 1.0, betaincinv(events + 1, np.where(every, 1.0, trials - events), 1 - alpha))
    return (low if side != "upper" else np.zeros_like(low))[()], (high if side != "lower" else np.ones_like(high))[()]


def binomial_quantile(share: ArrayLike, n: ArrayLike, rate: ArrayLike) -> NDArray[np.int64]:
    """Return the least number of events of n independent trials that is reached with a probability of `share` or more.

    share, n, rate: broadcast against each other. Looked for by halving among 0 to n: `scipy.stats`, which has it as
    `binom.ppf`, takes longer to import than most audits take besides. Raises ValueError outside 0 to 1.
    """
    often, trials, chance = np.broadcast_arrays(*(np.asarray(one, dtype=float) for one in (share, n, rate)))
    if not all(np.all((one >= 0) & (one <= 1)) for one in (often, chance)):
        raise ValueError(f"binomial_quantile: got share {share!r}, rate {rate!r}; allowed: 0 to 1")
    low, high = np.zeros_like(trials), trials.copy()
    while np.any(low < high):
        middle = np.floor((low + high) / 2)
        reached = betaincc(middle + 1, trials - middle, chance) >= often
        low, high = np.where(reached, low, np.minimum(middle + 1, high)), np.where(reached, middle, high)
    return low.astype(np.int64)
