"""How surprising is a score among scores of points known to be ordinary? P-values that need no model of them.

    p(s) = (1 + #{calibration >= s}) / (n + 1)

is at most u with probability at most u for a new ordinary point, whatever the score, if the calibration points were not
used to make it (Vovk, Gammerman & Shafer 2005). Higher scores are more outlying. Three promises:

    marginal                   holds on average over calibration sets
    calibration-conditional    holds for this calibration set, with a stated confidence (Bates et al. 2023, 2104.08279)
    group-conditional          holds in every group, each with calibration points of its own

The p-values of many points share their calibration set, which makes them positively dependent; Benjamini-Hochberg
still controls the false discovery rate (Bates et al. 2023, theorem 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from detectors._exact import Floats

__all__ = ["benjamini_hochberg", "calibration_needed", "p_values"]


def p_values(
    calibration: ArrayLike, scores: ArrayLike, *, alpha: float = 0.05, confidence: float | None = None,
    groups: tuple[ArrayLike, ArrayLike] | None = None,
) -> Floats:
    """Return the p-value [score] of each score against the calibration scores [n]; small is surprisingly high.

    alpha: the largest p-value on which anything will be decided, e.g. fdr / m where one outlier among m points is to be
    found; a calibration set that can never reach it is refused. confidence: None for marginal p-values, else the
    probability over calibration sets with which all p-values are valid. groups: labels (of calibration [n], of scores
    [score]) for p-values within groups.
    Raises ValueError for scores that are not finite and for too few calibration points, naming how many are needed.
    """
    known, new = np.asarray(calibration, dtype=float), np.asarray(scores, dtype=float)
    if not (np.isfinite(known).all() and np.isfinite(new).all()):
        raise ValueError("p_values: got scores that are not finite; allowed: finite numbers")
    if groups is None:
        return _against(np.sort(known), new, alpha, confidence, "")
    labels, wanted = np.asarray(groups[0]), np.asarray(groups[1])
    if labels.shape != known.shape or wanted.shape != new.shape:
        raise ValueError(f"p_values: got {labels.shape}, {wanted.shape} labels; allowed: {known.shape}, {new.shape}")
    result = np.empty(len(new))
    for group in np.unique(wanted):
        result[wanted == group] = _against(
            np.sort(known[labels == group]), new[wanted == group], alpha, confidence, f" in group {group!s}"
        )
    return result


def calibration_needed(alpha: float, confidence: float | None = None) -> int:
    """Return how many calibration points a p-value needs to get as small as `alpha`; arguments as in `p_values`."""
    if confidence is None:
        # 1 / alpha may come out a hair above the whole number that it is
        return int(np.ceil(round(1 / alpha, 6))) - 1
    return 2 * int(np.ceil(np.log(1 - confidence) / np.log1p(-alpha)))


def benjamini_hochberg(
    p: ArrayLike, fdr: float = 0.1, *, cut: float | None = None, weights: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Return the mask [test] of discoveries among which at most a share `fdr` is false, on average.

    p [test]: p-values, independent or positively dependent (Benjamini & Hochberg 1995). cut: None takes all tests for
    null; else the share of nulls is estimated from the p-values above it, and none above it is a discovery (Storey,
    Taylor & Siegmund 2004). weights [test]: positive prior weights, fixed before the p-values were seen; they are
    scaled to mean 1 (Genovese, Roeder & Wasserman 2006).
    Raises ValueError for p-values outside [0, 1] and for weights that are not positive.
    """
    values = np.asarray(p, dtype=float)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"benjamini_hochberg: got p-values of shape {values.shape}; allowed: [test] in [0, 1]")
    nulls = 1.0 if cut is None or not len(values) else _null_share(values, cut)
    weighted = values if weights is None else values / _prior(weights, values)
    order = np.argsort(weighted)
    scaled = weighted[order] * (len(values) / np.arange(1, len(values) + 1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return (adjusted * nulls <= fdr) & (values <= (1 if cut is None else cut))


def _against(known: Floats, new: Floats, alpha: float, confidence: float | None, where: str) -> Floats:
    """Return the p-values of `new` against sorted calibration scores."""
    needed = calibration_needed(alpha, confidence)
    if len(known) < needed:
        raise ValueError(f"p_values: got {len(known)} calibration points{where}; a p-value of {alpha:g} needs {needed}")
    above = len(known) - np.searchsorted(known, new, "left")
    return (1 + above) / (len(known) + 1) if confidence is None else _conditional(len(known), confidence)[above]


def _conditional(size: int, confidence: float) -> Floats:
    """Return the calibration-conditional p-value for 0 ... size calibration scores at or above (Bates et al. 2023).

    b_j bounds the j-th smallest of `size` uniform numbers, all at once with the stated confidence, by the generalised
    Simes inequality of order k = size / 2:  b_j = 1 - [(1 - confidence) i!/(i - k)! (n - k)!/n!]^(1/k),  i = n + 1 - j.
    """
    k = size // 2
    i = np.arange(size, k - 1, -1)
    log_share = gammaln(i + 1) - gammaln(i - k + 1) - gammaln(size + 1) + gammaln(size - k + 1)
    bounds = np.ones(size + 1)
    bounds[: len(i)] = -np.expm1((np.log(1 - confidence) + log_share) / k)
    return bounds


def _null_share(p: Floats, cut: float) -> float:
    """Return the estimated share of true nulls, from the p-values above `cut`."""
    return min(1.0, (1 + np.count_nonzero(p > cut)) / (len(p) * (1 - cut)))


def _prior(weights: ArrayLike, p: Floats) -> NDArray[Any]:
    """Return the weights [test], scaled to mean 1."""
    w = np.asarray(weights, dtype=float)
    if w.shape != p.shape or not np.all(w > 0):
        raise ValueError(f"benjamini_hochberg: got weights of shape {w.shape}; allowed: {p.shape}, all positive")
    return np.asarray(w / w.mean())
