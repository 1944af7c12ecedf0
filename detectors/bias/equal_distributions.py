"""Are numbers distributed alike in all groups? One p-value, valid at every size and distribution, by permutation.

    A_g = sum_b h_b (N C_gb - n_g C_b)^2 / (C_b (N - C_b)) / (n_g (N - n_g))    group g against all, over bins of values

C counts the numbers up to a bin, h those in it, n_g and N those of a group and of all: the statistic of Anderson &
Darling 1952, whose mean is about 1 where nothing differs. Two things are looked for, as either misses the other:

    the farthest group    max_g A_g
    all groups together   sum_g (1 - n_g / N) A_g        Scholz & Stephens 1987, J. Am. Statist. Assoc. 82:918

Groups are permuted as tables with the same margins, each statistic has its rank among the tables, and the smaller one
of the two p-values is held against the smaller ones of all tables: exact, whatever the number of groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats

__all__ = ["any_difference_p", "each_difference_p"]

Counts = NDArray[np.int64]
_BINS = 64
"""Steps of the distribution function at most, at which groups are compared."""
_DRAWN, _FEWEST, _MOST = 4_000_000, 199, 1999
"""Counts of all permutations at most; permutations."""
_BLOCK = 1_000_000
"""Counts that are drawn at a time, to bound memory."""
_TIE = 1 - 1e-9
"""Tables whose statistics agree to rounding tie."""


def any_difference_p(values: Floats, group: NDArray[np.int64], rng: np.random.Generator) -> float:
    """Return the p-value of "numbers are distributed alike in all groups".

    values [unit]; group [unit]: numbers from 0, two groups or more, each with a unit.
    """
    from scipy.stats import random_table

    seen = _counted(values, group)
    margins = random_table(seen.sum(axis=1), seen.sum(axis=0))
    draws = int(np.clip(_DRAWN // seen.size, _FEWEST, _MOST))
    step, told = max(1, _BLOCK // seen.size), [_statistics(seen[None])]
    for start in range(0, draws, step):
        told.append(_statistics(margins.rvs(min(step, draws - start), random_state=rng)))
    least = np.min([_ranked(one) for one in np.concatenate(told).T], axis=0)
    return float(np.count_nonzero(least <= least[0]) / len(least))


def _counted(values: Floats, group: NDArray[np.int64]) -> Counts:
    """Return counts [group, bin] between quantiles of all values; of the bins that hold any."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1], method="inverted_cdf"))
    bins = np.searchsorted(edges, values, side="left")
    counts = np.zeros((int(group.max()) + 1, len(edges) + 1), dtype=np.int64)
    np.add.at(counts, (group, bins), 1)
    return counts


def _statistics(tables: NDArray[np.number]) -> Floats:
    """Return the statistics [table, 2] of tables [table, group, bin] of one pair of margins."""
    size = tables[0].sum(axis=1).astype(float)
    total = size.sum()
    held = tables[0].sum(axis=0)[:-1].astype(float)
    below = held.cumsum()
    inside = below * (total - below)
    weight = np.divide(held, inside, out=np.zeros_like(held), where=inside > 0)
    apart = total * np.cumsum(tables[..., :-1], axis=-1) - np.outer(size, below)
    each = (apart**2 @ weight) / (size * (total - size))
    return np.stack([each.max(axis=-1), each @ (1 - size / total)], axis=-1)


def _ranked(statistics: Floats) -> NDArray[np.int64]:
    """Return how many statistics [table] are as large as each of them."""
    return len(statistics) - np.searchsorted(np.sort(statistics), statistics * _TIE, "left")


def each_difference_p(values: Floats, group: NDArray[np.int64], rng: np.random.Generator) -> float:
    """Return the p-value by each group's own permutations: weak beyond twenty groups, and kept to judge audits again.

    The statistic of a group is the largest distance of its distribution function from the one of all; all groups hold
    at once (Bonferroni; of two groups both have the same).
    """
    counts = _counted(values, group)
    whole, tests = counts.sum(axis=0), len(counts) if len(counts) > 2 else 1
    draws = int(np.clip(_DRAWN // (tests * len(whole)), _FEWEST, _MOST))
    return min(1.0, tests * min(_permuted_p(own, whole, draws, rng) for own in counts[:tests]))


def _permuted_p(own: Counts, whole: Counts, draws: int, rng: np.random.Generator) -> float:
    """Return the p-value of one group, by its counts [bin] and those of all; in whole numbers, so that ties tie."""
    size, total = int(own.sum()), int(whole.sum())
    drawn = rng.multivariate_hypergeometric(whole, size, size=draws, method="marginals")

    def apart(counts: Counts) -> Counts:
        return np.asarray(np.abs(np.cumsum(counts, axis=-1) * total - np.cumsum(whole) * size).max(axis=-1))

    return float((1 + np.count_nonzero(apart(drawn) >= apart(own))) / (1 + draws))
