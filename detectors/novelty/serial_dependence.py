"""Do series that follow each other hang together? Cut from one long source they do, and then fewer are independent.

A p-value counts every calibration unit as an independent witness. Windows of one source, one beside the other, are not:
n of them tell about as much as n / tau would, with tau the integrated autocorrelation time of their scores,

    tau = 1 + 2 sum_k rho_k            the sum ends before the first pair rho_2j + rho_2j+1 below 0 (Geyer 1992)

and (1 + a)/(1 - a) for an AR(1) of coefficient a. Whether there is anything to it is asked of the ranks R of the scores
in the order in which they stand (Bartels 1982, JASA 77:40): where all orders are equally likely,

    z = (2 - sum_i (R_i - R_i+1)^2 / sum_i (R_i - mean)^2) / sd
    sd^2 = 4 (n - 2)(5 n^2 - 2n - 9) / (5 n (n + 1)(n - 1)^2)

is about standard normal, and large where neighbours are alike. That they are says nothing against items that were
sorted, of which any order is as good: so it informs, and decides nothing.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from detectors.arrays import Floats, ranks, units_of
from detectors.result import Remark

__all__ = ["alike_neighbours", "correlation_time", "in_order_remark"]

_SURE = NormalDist().inv_cdf(0.99)
"""Units that are in no order are called alike once in 100 times."""


def in_order_remark(frame: pd.DataFrame, scores: Floats) -> Remark | None:
    """Return that calibration units hang together, and how many independent ones they are worth; None where not so.

    frame: the items in the order of time, with `unit` where known; scores: theirs [item], of which each unit counts the
    mean.
    """
    units = pd.Series(scores).groupby(units_of(frame).to_numpy(), sort=False).mean().to_numpy(float)
    if alike_neighbours(units) <= _SURE:
        return None
    told: dict[str, str | float] = {"known_count": len(units), "worth_count": int(len(units) / correlation_time(units))}
    return Remark("hang_together", told)


def alike_neighbours(scores: ArrayLike) -> float:
    """Return z of scores in order [n], 10 or more; large where neighbours are alike, 0 where all scores are."""
    x = np.asarray(scores, dtype=float)
    n, places = len(x), ranks(x)
    spread = float(((places - places.mean()) ** 2).sum())
    if n < 10 or spread == 0:
        return 0.0
    ratio = float((np.diff(places) ** 2).sum()) / spread
    return float((2 - ratio) / np.sqrt(4 * (n - 2) * (5 * n**2 - 2 * n - 9) / (5 * n * (n + 1) * (n - 1) ** 2)))


def correlation_time(scores: ArrayLike) -> float:
    """Return how many scores in order [n] tell as much as one independent one; 1 where none hangs together."""
    x = np.asarray(scores, dtype=float)
    x = x - x.mean()
    power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    alike = np.fft.irfft(power)[: len(x)]
    if alike[0] <= 0:
        return 1.0
    rho = alike[: len(x) // 2 * 2] / alike[0]
    pairs = rho.reshape(-1, 2).sum(axis=1)
    ended = np.flatnonzero(pairs <= 0)
    kept = pairs[: ended[0]] if len(ended) else pairs
    return max(1.0, float(2 * kept.sum() - 1))
