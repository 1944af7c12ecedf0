"""What a check can see of a rate whose items come in units that are alike: the power of betting, by simulation.

    mean of a unit of s items ~ Bin(s, r) / s,     r ~ Beta(p (1 - icc) / icc, (1 - p) (1 - icc) / icc)

icc, the intraclass correlation, is 0 where the items of a unit are as independent as any, and 1 where they all agree.
Between the two, the same number of items may tell as little as there are units or as much as there are items, so that
without it nothing can be said (Kish 1965, section 5.4). The functions are those of `detectors.power`, of such units.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals import Level, refuses, sides_of
from detectors.power import EXACT_BUDGET
from detectors.sequential import first_verdicts

__all__ = ["Clustered", "intraclass_correlation"]

MOST_UNITS = 20_000
"""More units than this are not simulated."""
_CELLS = 400_000
"""Unit means drawn for one figure, at most, in 200 to 1,000 samples."""
_STEPS = 9
"""Halvings of the range in which a rate is sought."""


@immutable
class Clustered:
    """Units that have `sizes` items, as often as they are here, with correlation `icc` in [0, 1]."""

    sizes: tuple[int, ...]
    icc: float
    seed: int = 0
    """Every figure is that of the same samples."""

    def rates_decided(
        self, n: int, limit: float, level: Level, power: float = 0.8
    ) -> tuple[float | None, float | None]:
        """Return (below, above): the true rates nearest to `limit` that n units call so with this power."""
        return self._nearest(limit, lambda rate: self._decided(rate, n, limit, level), power)

    def early_rates(
        self, budget: int, limit: float, level: Level, power: float = 0.8
    ) -> tuple[float | None, float | None]:
        """Return the same of a check that looks at up to `budget` units as they come in, and `EXACT_BUDGET` at most."""
        budget = min(budget, EXACT_BUDGET)

        def said(rate: float) -> tuple[float, float]:
            after, below = first_verdicts(self._means(rate, budget), limit, level)
            return float((below & (after <= budget)).mean()), float((~below & (after <= budget)).mean())

        return self._nearest(limit, said, power)

    def keep_probability(
        self, rate: float, n: ArrayLike, level: float, *,
        lower: float | None = None, upper: float | None = None, keeps: float | None = None,
    ) -> tuple[Floats, Floats]:
        """Return (kept, broken) [n]: how often the interval lies wholly inside the limits, and wholly outside.

        keeps: level of the interval that must lie inside, where it is another one.
        """
        levels = (level if keeps is None else keeps, level)
        told = [self._kept(self._means(rate, int(size)), levels, lower, upper) for size in np.atleast_1d(np.asarray(n))]
        return np.array([kept for kept, _ in told]), np.array([broken for _, broken in told])

    def units_needed(
        self, rate: float, level: float, *,
        lower: float | None = None, upper: float | None = None, keeps: float | None = None, power: float = 0.8,
    ) -> int | None:
        """Return from about how many units on a check tells a rate from its limits; None for more than MOST_UNITS."""
        side = 0 if all((lower is None or rate > lower, upper is None or rate < upper)) else 1

        def enough(n: int) -> bool:
            found = self.keep_probability(rate, n, level, lower=lower, upper=upper, keeps=keeps)
            return bool(found[side][0] >= power)

        if rate in (lower, upper):
            return None
        few, many = 1, 2
        while not enough(many):
            few, many = many, 2 * many
            if many > MOST_UNITS:
                return None
        while many - few > max(1, many // 50):
            middle = (few + many) // 2
            few, many = (few, middle) if enough(middle) else (middle, many)
        return many

    def stops_after(self, rate: float, limit: float, level: Level, budget: int) -> int | None:
        """Return after how many units half of all checks have decided; None where in fewer than half."""
        budget = min(budget, EXACT_BUDGET)
        after, _ = first_verdicts(self._means(rate, budget), limit, level)
        median = int(np.quantile(after, 0.5, method="higher"))
        return median if median <= budget else None

    def _means(self, rate: float, units: int) -> Floats:
        """Return unit means [sample, unit] at a true rate."""
        rng = np.random.default_rng([self.seed, units])
        shape = (int(np.clip(_CELLS // units, 200, 1000)), units)
        size = rng.choice(np.asarray(self.sizes), shape)
        if self.icc >= 1 or rate in (0.0, 1.0):
            return np.asarray(rng.random(shape) < rate, dtype=float)
        spread = (1 - self.icc) / self.icc if self.icc > 0 else np.inf
        own = rng.beta(rate * spread, (1 - rate) * spread, shape) if np.isfinite(spread) else np.full(shape, rate)
        return np.asarray(rng.binomial(size, own) / size)

    def _decided(self, rate: float, n: int, limit: float, level: Level) -> tuple[float, float]:
        """Return how often the interval of n units lies (below, above) a limit."""
        x, (below, above) = self._means(rate, n), ((1 - one) / 2 for one in sides_of(level))
        return float(refuses(1 - limit, 1 - x, below).mean()), float(refuses(limit, x, above).mean())

    @staticmethod
    def _kept(
        x: Floats, levels: tuple[float, float], lower: float | None, upper: float | None
    ) -> tuple[float, float]:
        inside, outside = ((1 - one) / 2 for one in levels)
        kept, broken = np.ones(len(x), dtype=bool), np.zeros(len(x), dtype=bool)
        if lower is not None:
            kept, broken = kept & refuses(lower, x, inside), broken | refuses(1 - lower, 1 - x, outside)
        if upper is not None:
            kept, broken = kept & refuses(1 - upper, 1 - x, inside), broken | refuses(upper, x, outside)
        return float(kept.mean()), float(broken.mean())

    @staticmethod
    def _nearest(
        limit: float, said: Callable[[float], tuple[float, float]], power: float
    ) -> tuple[float | None, float | None]:
        """Return the rates nearest to `limit`, on either side, at which `said` (below, above) has the power."""
        found: list[float | None] = []
        for side, far in enumerate((0.0, 1.0)):
            near = limit
            if said(far)[side] < power:
                found.append(None)
                continue
            for _ in range(_STEPS):
                middle = (near + far) / 2
                near, far = (near, middle) if said(middle)[side] >= power else (middle, far)
            found.append(far)
        return found[0], found[1]


def intraclass_correlation(values: ArrayLike, units: NDArray[np.str_]) -> float | None:
    """Return how alike the values [item] of a unit are, 0 to 1; None where no unit has two items, or nothing varies.

    Analysis of variance, (B - W) / (B + (s - 1) W) with mean squares between and within units, s the size that units of
    unequal size come to (Donner 1986, Int. Statist. Rev. 54:67).
    """
    numbers = np.asarray(values, dtype=float)
    _, code, size = np.unique(units, return_inverse=True, return_counts=True)
    groups, items = len(size), len(numbers)
    if groups < 2 or groups == items or np.ptp(numbers) == 0:
        return None
    means = np.bincount(code, weights=numbers) / size
    within = float(((numbers - means[code]) ** 2).sum()) / (items - groups)
    between = float((size * (means - numbers.mean()) ** 2).sum()) / (groups - 1)
    usual = (items - float((size**2).sum()) / items) / (groups - 1)
    return float(np.clip((between - within) / (between + (usual - 1) * within), 0, 1))
