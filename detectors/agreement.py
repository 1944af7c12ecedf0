"""Do those who rate agree beyond chance? Cohen's kappa for two raters, Krippendorff's alpha for any number.

    1 - D_o / D_e      D_o: disagreement observed;  D_e: what raters with the same habits would have by chance

1 is perfect agreement, 0 what chance gives, below 0 is worse than chance. How far apart two ratings are is

    kappa    0 or 1; linear |i - j|, quadratic (i - j)^2, i and j places in the order of the categories
    alpha    nominal 0 or 1; interval (a - b)^2; ratio ((a - b) / (a + b))^2; ordinal by how many ratings lie between

Kappa's chance draws from each rater's own habits, alpha's from those of all together without replacement; alpha also
takes missing ratings (Cohen 1960, 1968; Krippendorff 2011, "Computing Krippendorff's alpha-reliability"). Both are
functions of totals over the rated units. The interval of D_o is the valid one of a mean over units (resampled, where
many units differ by degrees), that of D_e comes from resampling units, and the two are joined on the log scale, so that
it holds where hardly any rating differs:

    log(D_o / D_e) +- sqrt(a^2 + b^2),     a, b: distance of log D_o and of log D_e to the ends of their intervals
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from detectors.arrays import Floats, times_drawn
from detectors.immutable import immutable
from detectors.intervals import Approximation, cluster_bootstrap, mean_over_units
from detectors.phrases import Cause, Method
from detectors.result import Measure, undefined

__all__ = ["AGREEMENT", "AlphaMetric", "KappaWeights", "cohen_kappa", "krippendorff_alpha"]

AGREEMENT = Approximation(Method("agreement: interval of what differs, units resampled for chance"), 40, 0.94)

KappaWeights = Literal["none", "linear", "quadratic"]
AlphaMetric = Literal["nominal", "ordinal", "interval", "ratio"]

_Ends = tuple[float, float, float]
"""Value, low, high."""
_RESAMPLES = 999


def cohen_kappa(
    first: ArrayLike, second: ArrayLike, *, level: float, rng: np.random.Generator, weights: KappaWeights = "none",
    units: ArrayLike | None = None, name: str = "cohen_kappa",
) -> Measure:
    """Return Cohen's kappa of two raters of the same items, in [-1, 1], higher = they agree more.

    first, second [item]: categories (numbers or texts; weights take them in ascending order); units [item]: label of
    the independent unit, None where every item is one. Approximate: see `AGREEMENT`. Undefined where all ratings are
    one category, and for a single unit. Raises ValueError for unequal lengths, no items and a missing rating.
    """
    one, other = np.asarray(first), np.asarray(second)
    if one.ndim != 1 or one.shape != other.shape or not len(one) or pd.isna(one).any() or pd.isna(other).any():
        raise ValueError(f"cohen_kappa: got ratings {one.shape} and {other.shape}; allowed: [item] twice, none missing")
    categories, codes = np.unique(np.concatenate([one, other]), return_inverse=True)
    size = len(categories)
    a, b = np.split(codes, 2)
    far = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / max(size - 1, 1)
    apart = {"none": (far > 0).astype(float), "linear": far, "quadratic": far**2}[weights]

    def chance(held: Floats) -> Floats:
        left, right = held[..., :size], held[..., size:]
        return np.asarray((left @ apart * right).sum(axis=-1) / left.sum(axis=-1) ** 2)

    rows = np.column_stack([apart[a, b], np.ones(len(one)), np.eye(size)[a], np.eye(size)[b]])
    sums = rows if units is None else pd.DataFrame(rows).groupby(np.asarray(units)).sum().to_numpy()
    rated = _Rated(name, len(one), sums[:, 0], sums[:, 1], sums[:, 2:], widest=float(apart.max()))
    return rated.measure(chance, level, rng)


def krippendorff_alpha(
    ratings: ArrayLike, *, level: float, rng: np.random.Generator, metric: AlphaMetric = "nominal",
    name: str = "krippendorff_alpha",
) -> Measure:
    """Return Krippendorff's alpha of any number of raters, at most 1, higher = they agree more.

    ratings [unit, rater]: numbers, NaN where a rater did not rate; units with fewer than two ratings say nothing and
    are left out. Approximate: see `AGREEMENT`; ordinal distances are taken as those of the whole sample. Undefined as
    `cohen_kappa`, and where no unit has two ratings. Raises ValueError for ratings of another shape, infinite ones,
    and negative ones with `ratio`.
    """
    table = np.asarray(ratings, dtype=float)
    if table.ndim != 2 or np.isinf(table).any() or (metric == "ratio" and (table < 0).any()):
        allowed = "[unit, rater], finite or NaN, not negative for ratio"
        raise ValueError(f"krippendorff_alpha: got ratings of shape {table.shape}; allowed: {allowed}")
    kept = table[(~np.isnan(table)).sum(axis=1) >= 2]
    values = np.unique(kept[~np.isnan(kept)])
    counts = [np.count_nonzero(kept == value, axis=1) for value in values]
    held = np.array(counts, dtype=float).reshape(len(values), len(kept)).T
    size = held.sum(axis=1)
    apart = _distances(values, held.sum(axis=0), metric)
    # no rating is a pair with itself, and its distance from itself is 0
    differs = (held @ apart * held).sum(axis=1) / np.maximum(size - 1, 1)

    def chance(totals: Floats) -> Floats:
        whole = totals.sum(axis=-1)
        return np.asarray((totals @ apart * totals).sum(axis=-1) / (whole * (whole - 1)))

    return _Rated(name, int(size.sum()), differs, size, held, float(apart.max(initial=0))).measure(chance, level, rng)


def _distances(values: Floats, held: Floats, metric: AlphaMetric) -> Floats:
    """Return how far any two values are apart [value, value], where each is held [value] times."""
    if metric == "nominal":
        return 1 - np.eye(len(values))
    if metric == "ordinal":
        below = held.cumsum() - held / 2
        return np.asarray(np.subtract.outer(below, below) ** 2)
    gap = np.subtract.outer(values, values)
    if metric == "interval":
        return np.asarray(gap**2)
    total = np.add.outer(values, values)
    return np.asarray(np.divide(gap, total, out=np.zeros_like(gap), where=total > 0) ** 2)


def _ratio(observed: _Ends, chance: _Ends) -> tuple[float, float]:
    """Return the ends of observed / chance."""
    (value, low, high), (expected, few, many) = observed, chance
    if value == 0:  # no log scale: both ends at once
        return 0.0, high / few if few > 0 else math.inf
    with np.errstate(divide="ignore"):
        low, value, high, few, expected, many = np.log([low, value, high, few, expected, many])
    down, up = np.hypot([value - low, high - value], [many - expected, expected - few])
    return math.exp(value - expected - down), math.exp(value - expected + min(up, 99.0))


@immutable
class _Rated:
    """Ratings of units."""

    name: str
    ratings: int
    differs: Floats
    """Distances within each unit [unit]; their sum over that of `size` is the disagreement observed."""
    size: Floats
    """Ratings, or pairs of them, of each unit [unit]."""
    held: Floats
    """How often each unit holds each category [unit, column]."""
    widest: float
    """Largest distance of two ratings."""

    def measure(self, chance: Callable[[Floats], Floats], level: float, rng: np.random.Generator) -> Measure:
        """Return 1 - observed / chance; `chance` maps totals of `held` [..., column] to disagreement by chance."""
        units = len(self.size)
        if units < 2:
            return self._none(Cause("fewer than two units have two ratings"), level)
        if not self.widest:
            return self._none(Cause("all ratings are the same, so that agreement by chance is certain too"), level)
        expected = float(chance(self.held.sum(axis=0)))
        drawn = times_drawn(units, _RESAMPLES, rng) @ self.held
        few, many = np.quantile(chance(drawn), [(1 - level) / 2, (1 + level) / 2])
        observed = self._observed(level, rng)
        least, most = _ratio(observed, (expected, float(few), float(many)))
        value = 1 - observed[0] / expected
        return Measure(
            name=self.name, value=value, low=min(value, max(-1.0, 1 - most)), high=max(value, 1 - least), unit="score",
            n={"items": self.ratings, "units": units}, direction="higher is better", level=level,
            **AGREEMENT.facts,
        )

    def _observed(self, level: float, rng: np.random.Generator) -> _Ends:
        """Return the disagreement observed, with its ends.

        Graded distances of many units are resampled; few, equal ones, and those of 0 or 1 have the valid interval.
        """
        largest = self.widest * self.size.max()
        shares = np.minimum(self.differs / largest, 1)
        each = self.differs / self.size
        graded = not np.isin(shares, (0.0, 1.0)).all() and np.ptp(each) > 1e-9 * self.widest
        if graded and np.count_nonzero(shares) >= AGREEMENT.min_units:
            sums = np.column_stack([self.differs, self.size])
            return cluster_bootstrap(
                lambda totals: totals[..., 0] / totals[..., 1], sums, level=level, rng=rng, bounds=(0.0, self.widest)
            )
        binary, scale = bool(np.isin(shares, (0.0, 1.0)).all()), float(largest / self.size.mean())
        seen = mean_over_units(shares, level=level, rng=rng, binary=binary)
        return scale * seen.value, scale * seen.low, scale * seen.high

    def _none(self, reason: Cause, level: float) -> Measure:
        n = {"items": self.ratings, "units": len(self.size)}
        return undefined(self.name, reason, n=n, unit="score", direction="higher is better", level=level)
