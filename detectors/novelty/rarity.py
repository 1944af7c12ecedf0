"""How rare are an item's statistics among those of familiar items? Higher = more outlying, on either side of them.

    dose               - sum_j log q_j(T_j), q_j the kernel density of statistic j (Morningstar et al. 2021, 2006.09273)
    gaussian_surprise  half the squared Mahalanobis distance of a vector T, shrunk (Ledoit & Wolf 2004)
    mean_z             mean_j (T_j - mean_j) / std_j, for statistics of which more is stranger

All are fitted on held-out familiar items which decide nothing: not on what calibrates, or its p-values come out wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.arrays import Floats
from detectors.novelty.baselines import standardised
from detectors.novelty.likelihood import typicality

__all__ = ["dose", "gaussian_surprise", "mean_z"]


def dose(statistics: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Return the sum over statistics of -log q [item]; statistics: (of the fit items [n], of the items [item]).

    One that all fit items share tells nothing and is left out; NaN where that is so of all.
    """
    told = [typicality(known, new) for known, new in statistics if np.ptp(known) > 0]
    return np.asarray(np.sum(told, axis=0)) if told else np.full(len(statistics[0][1]), np.nan)


def gaussian_surprise(known: Floats, new: Floats) -> Floats:
    """Return -log N of vectors [item, dim] in nats, up to a constant, N with the moments of known [n, dim]."""
    from sklearn.covariance import ledoit_wolf

    apart, held = standardised(known, new), standardised(known, known)
    precision = np.linalg.pinv(ledoit_wolf(held, assume_centered=True)[0], hermitian=True)
    return np.asarray(np.einsum("if,fg,ig->i", apart, precision, apart) / 2)


def mean_z(known: Floats, new: Floats) -> Floats:
    """Return the mean over statistics of their distance to the mean of known [n, dim], in its standard deviations."""
    return np.asarray(standardised(known, new).mean(axis=1))
