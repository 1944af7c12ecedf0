"""How far are draws from data? The kernel distance, an unbiased estimate of a squared distance of two distributions.

    k(x, y) = (x . y / d + 1)^3
    KID     = E k(X, X') + E k(Y, Y') - 2 E k(X, Y)          0 where both are one distribution, else more

(Gretton et al. 2012; Binkowski et al. 2018, arXiv:1801.01401.) The estimate averages over all pairs of different items,
so it may fall below 0, unlike the biased one and the Frechet distance, whose values depend on how many items there are.
Its size depends on the feature space: numbers of different spaces do not compare.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from detectors.intervals import Approximation
from detectors.phrases import Method
from detectors.quality.space import Floats, as_points, blocks
from detectors.result import Measure

__all__ = ["KID", "kernel_distance"]

KID = Approximation(
    Method("all pairs, unbiased; polynomial kernel; normal, standard error by the jackknife"), 100, 0.25
)
"""Worst where the data hold a group of a hundredth that is never drawn: a sample without it has no sign of it.
Elsewhere (Gaussians, mixtures of ten groups, of unit scale, in 8 and 48 dimensions) the lowest measured is 0.86."""


def kernel_distance(drawn: ArrayLike, real: ArrayLike, *, level: float, name: str = "kid") -> Measure:
    """Return the kernel distance of draws [draw, dim] and real items [item, dim], with its interval.

    The standard error is the jackknife's over both samples. It is never too small on average (Efron & Stein 1981), and
    too large by the factor 1.4 where both are one distribution, when the estimate is not normal but skewed.
    Approximate: see `KID`. Raises ValueError for fewer than three items on a side, for unequal dim, and for values that
    are not finite.
    """
    x, y = as_points("drawn", drawn, 3), as_points("real", real, 3)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"kernel_distance: got dim {x.shape[1]} and {y.shape[1]}; allowed: the same")
    among_x, among_y = (_row_sums(z, z) - _kernel((z * z).sum(axis=1) / z.shape[1]) for z in (x, y))
    across_x, across_y = _row_sums(x, y) / len(y), _row_sums(y, x) / len(x)
    value = among_x.mean() / (len(x) - 1) + among_y.mean() / (len(y) - 1) - 2 * across_x.mean()
    half = ndtri((1 + level) / 2) * np.hypot(_error(among_x, across_x), _error(among_y, across_y))
    return Measure(
        name=name, value=float(value), low=float(value - half), high=float(value + half),
        n={"items": len(x) + len(y), "units": min(len(x), len(y))}, unit="score", direction="lower is better",
        ideal=0.0, level=level, **KID.facts,
    )


def _kernel(product: Floats) -> Floats:
    """Return the kernel for x . y / d."""
    cube: Floats = (product + 1) ** 3
    return cube


def _row_sums(x: Floats, y: Floats) -> Floats:
    """Return sum_j k(x_i, y_j) [i]."""
    return np.concatenate([_kernel(x[rows] @ y.T / x.shape[1]).sum(axis=1) for rows in blocks(len(x))])


def _error(among: Floats, across: Floats) -> float:
    """Return the jackknife's standard error over one sample.

    among [i]: sum of k(x_i, x_j) over j != i; across [i]: mean of k(x_i, y_j) over the other sample.
    """
    n = len(among)
    without = (among.sum() - 2 * among) / ((n - 1) * (n - 2)) - 2 * (across.sum() - across) / (n - 1)
    return float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
