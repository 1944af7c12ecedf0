"""How rare are an item's statistics among those of familiar items? Higher = more outlying, on either side of them.

    dose               - sum_j log q_j(T_j), q_j the kernel density of statistic j (Morningstar et al. 2021, 2006.09273)
    gaussian_surprise  half the squared Mahalanobis distance of a vector T, shrunk (Ledoit & Wolf 2004)
    mean_z             mean_j (T_j - mean_j) / std_j, for statistics of which more is stranger
    tail_surprise      - log P(T' >= T), T' of a familiar item: minus the log of a one-sided p-value
    fishers_method     the sum of those of several statistics (Fisher 1925)
    either_tail        the greatest of them: strange is what one statistic alone finds strange
    score_statistic    sum_l |g_l|^2 / mean |g_l|^2, g_l the gradient of log p by tensor l (Bergamin et al. 2022)

All are fitted on held-out familiar items which decide nothing: not on what calibrates, or its p-values come out wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import log_ndtr, logsumexp

from detectors.arrays import Floats
from detectors.novelty.baselines import standardised
from detectors.novelty.likelihood import kernel_width, typicality

__all__ = [
    "dose", "either_tail", "fishers_method", "gaussian_surprise", "mean_z", "score_statistic", "tail_surprise",
]


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


def tail_surprise(known: Floats, new: Floats) -> Floats:
    """Return -log of the share of known [n] at or above new [item], in nats, known smoothed by a Gaussian kernel.

    Smoothed, since a count makes all items alike that lie above every known one. NaN where all known are one number.
    """
    width = kernel_width(known)
    if not width:
        return np.full(len(new), np.nan)
    return np.asarray(np.log(len(known)) - logsumexp(log_ndtr((known - new[:, None]) / width), axis=1))


def fishers_method(statistics: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Return the sum over statistics of their tail surprise [item]; statistics as for `dose`, more being stranger."""
    told = [tail_surprise(known, new) for known, new in statistics if np.ptp(known) > 0]
    return np.asarray(np.sum(told, axis=0)) if told else np.full(len(statistics[0][1]), np.nan)


def either_tail(statistics: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Return the greatest tail surprise [item] of these statistics: a threshold on it is one on each of them."""
    told = [tail_surprise(known, new) for known, new in statistics if np.ptp(known) > 0]
    return np.asarray(np.max(told, axis=0)) if told else np.full(len(statistics[0][1]), np.nan)


def score_statistic(known: Floats, new: Floats) -> Floats:
    """Return sum_l T_l / mean_l of squared gradient norms [item, tensor], mean_l that of known [n, tensor].

    That is g^T F^-1 g for a Fisher matrix F which is diagonal and alike within a tensor, up to the tensors' sizes.
    """
    fisher = known.mean(axis=0)
    return np.asarray((new / np.where(fisher > 0, fisher, 1.0)).sum(axis=1))
