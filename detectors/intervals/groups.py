"""Many groups at once: bands that hold together, and a test of any gap among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, bdtrc

from detectors.arrays import Floats
from detectors.intervals.exact import Approximation, exact_binomial
from detectors.phrases import Method

__all__ = ["SIMULTANEOUS", "any_gap_p", "simultaneous"]

SIMULTANEOUS = Approximation(Method("simultaneous over groups (min-P of exact intervals)"), 50, 0.92)


def simultaneous(
    k: ArrayLike, n: ArrayLike, *, rng: np.random.Generator, level: float = 0.95, groups: ArrayLike | None = None,
    draws: int = 2000,
) -> tuple[Floats, Floats]:
    """Return (low, high) [group]: intervals of all groups' rates that hold jointly with confidence `level`.

    k, n [cell]: events and trials of disjoint cells; groups [group, cell]: True where a group holds a cell, so that
    groups may overlap (intersections and their margins); None makes every cell a group. Each interval is exact
    (Clopper-Pearson) at one common stricter level: single-step min-P (Westfall & Young 1993), max-T on the scale of
    p-values, from `draws` resamples of the cells. Never wider than Bonferroni. Approximate: see `SIMULTANEOUS`.
    Raises ValueError unless 0 <= k <= n.
    """
    events, trials = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    if not np.all((events >= 0) & (events <= trials)):
        raise ValueError(f"simultaneous: got k = {k!r} of n = {n!r}; allowed: 0 <= k <= n")
    member = np.eye(len(events)) if groups is None else np.asarray(groups, dtype=float)
    held, size = member @ events, member @ trials
    rate = (events + 0.5) / (trials + 1)
    drawn = rng.binomial(trials.astype(int), rate, size=(draws, len(events))) @ member.T
    centre = np.divide(member @ (trials * rate), size, out=np.full_like(size, 0.5), where=size > 0)
    p = 2 * np.minimum(bdtr(drawn, size.astype(int), centre), bdtrc(drawn - 1, size.astype(int), centre))
    strict = max(float(np.quantile(p.min(axis=1), 1 - level, method="lower")), (1 - level) / len(member))
    return exact_binomial(held, size, 1 - min(strict, 1 - level))


def any_gap_p(k: ArrayLike, n: ArrayLike, rng: np.random.Generator, draws: int = 1999) -> float:
    """Return the p-value of "all groups have the same rate" against any gap, valid at every n and rate.

    k, n [group]: events and trials. The group labels are permuted, as counts from the multivariate hypergeometric
    distribution; the statistic is the largest standardised deviation of a group from what the others lead to expect.
    Raises ValueError unless 0 <= k <= n, n > 0 and there are two groups.
    """
    events, trials = np.asarray(k, dtype=np.int64), np.asarray(n, dtype=np.int64)
    if events.size < 2 or not np.all((events >= 0) & (events <= trials) & (trials > 0)):
        raise ValueError(f"any_gap_p: got k = {k!r} of n = {n!r}; allowed: two groups or more, 0 <= k <= n, n > 0")
    total, size = int(events.sum()), int(trials.sum())
    expected, scale = total * trials / size, np.sqrt(trials * (1 - trials / size))
    permuted = rng.multivariate_hypergeometric(trials, total, size=draws, method="marginals")
    observed = (np.abs(events - expected) / scale).max()
    null = (np.abs(permuted - expected) / scale).max(axis=1)
    # equal counts must tie in spite of rounding
    return float((1 + np.count_nonzero(null >= observed * (1 - 1e-12))) / (1 + draws))
