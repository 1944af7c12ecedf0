"""The area under the ROC curve, P(positive > negative) + P(tie) / 2, with its interval."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri

from detectors._exact import Approximation, Floats

__all__ = ["AUROC_BOOTSTRAP", "DELONG", "LOGIT_DELONG", "auroc", "auroc_bootstrap"]

DELONG = Approximation("AUROC (DeLong)", 20, 0.88)
LOGIT_DELONG = Approximation("AUROC (DeLong, logit scale)", 20, 0.92)
AUROC_BOOTSTRAP = Approximation("AUROC (studentised bootstrap, logit scale)", 20, 0.91)
_BLOCK = 4_000_000
"""Weights held at a time, to bound memory."""


def auroc(
    negatives: ArrayLike, positives: ArrayLike, level: float = 0.95,
    method: Literal["delong", "logit-delong"] = "logit-delong",
) -> tuple[float, float, float]:
    """Return (value, low, high) of the AUROC; 1 where every positive scores above every negative.

    negatives [n], positives [m]: finite scores; ties count half. DeLong's variance (1988) from midranks in
    O((n + m) log(n + m)) (Sun & Xu 2014), on the plain or the logit scale; approximate: see `DELONG`, `LOGIT_DELONG`.

    Perfect separation has no variance, yet says no more than min(n, m) disjoint pairs all in order: its lower end is
    their exact binomial bound b = ((1 - level) / 2)^(1 / min(n, m)), sharp over all distributions. A worse sample
    cannot say more, so `low` is never above b, nor `high` below 1 - b. A constant score likewise has min(n, m) ties.
    Raises ValueError for fewer than two scores on a side or for scores that are not finite.
    """
    below, above = _sorted(negatives), _sorted(positives)
    value, variance, bound = _sampled(below, above, level)
    if variance == 0:
        return value, *_without_spread(value, bound)
    low, high = _ends(value, float(np.sqrt(variance) * ndtri((1 + level) / 2)), method)
    return value, min(low, bound), max(high, 1 - bound)


def auroc_bootstrap(
    negatives: ArrayLike, positives: ArrayLike, *, level: float = 0.95, rng: np.random.Generator,
    replicates: int = 1999,
) -> tuple[float, float, float]:
    """Return (value, low, high) of the AUROC by resampling both sides; arguments and bounds as in `auroc`.

    Studentised by DeLong's variance of each replicate, on the logit scale; approximate: see `AUROC_BOOTSTRAP`.
    """
    below, above = _sorted(negatives), _sorted(positives)
    value, variance, bound = _sampled(below, above, level)
    if variance == 0:
        return value, *_without_spread(value, bound)
    size = max(1, _BLOCK // (below.size + above.size))
    counts = [min(size, replicates - start) for start in range(0, replicates, size)]
    t = np.concatenate([_studentised(below, above, value, rng, count) for count in counts])
    # a replicate in perfect order, or without spread, counts as extreme on either side
    first = np.quantile(np.where(np.isfinite(t), t, -np.inf), (1 - level) / 2, method="lower")
    last = np.quantile(np.where(np.isfinite(t), t, np.inf), (1 + level) / 2, method="higher")
    step = np.sqrt(variance) / (value * (1 - value))
    low, high = (float(expit(logit(value) - end * step)) for end in (last, first))
    return value, min(low, bound), max(high, 1 - bound)


def _sorted(scores: ArrayLike) -> Floats:
    """Return the scores [n], ascending; raises ValueError for fewer than two and for any that is not finite."""
    found = np.sort(np.asarray(scores, dtype=float))
    if found.size < 2 or not np.isfinite(found).all():
        raise ValueError(f"auroc: got {found.size} scores on a side; allowed: two finite scores or more on each")
    return found


def _sampled(below: Floats, above: Floats, level: float) -> tuple[float, float, float]:
    """Return (value, DeLong's variance, bound b) of sorted scores."""
    wins = _placements(above, below)
    variance = wins.var(ddof=1) / above.size + _placements(below, above).var(ddof=1) / below.size
    return float(wins.mean()), float(variance), float(((1 - level) / 2) ** (1 / min(below.size, above.size)))


def _without_spread(value: float, bound: float) -> tuple[float, float]:
    """With confidence all but a share 1 - b of pairs is like those seen; the others may be anything."""
    return value * bound, 1 - (1 - value) * bound


def _studentised(below: Floats, above: Floats, value: float, rng: np.random.Generator, count: int) -> Floats:
    """Return t* [count] on the logit scale; not finite where a replicate has no spread or no logit."""
    of_below, of_above = (
        rng.multinomial(len(side), np.full(len(side), 1 / len(side)), size=count) for side in (below, above)
    )
    wins, losses = _weighted(above, below, of_below), _weighted(below, above, of_above)
    mean = (of_above * wins).mean(axis=1)
    variance = np.zeros(count)
    for placed, weights in ((wins, of_above), (losses, of_below)):
        size = weights.shape[1]
        centre = (weights * placed).mean(axis=1, keepdims=True)
        variance += (weights * (placed - centre) ** 2).sum(axis=1) / (size - 1) / size
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((logit(mean) - logit(value)) * mean * (1 - mean) / np.sqrt(variance))


def _weighted(scores: Floats, others: Floats, weights: NDArray[np.int64]) -> Floats:
    """Return [replicate, score]: the share of `others` (sorted, with weights [replicate, other]) below, ties half."""
    sums = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)
    ends = [np.searchsorted(others, scores, side) for side in ("left", "right")]
    return np.asarray((sums[:, ends[0]] + sums[:, ends[1]]) / (2 * len(others)))


def _placements(scores: Floats, others: Floats) -> Floats:
    """Return for each score the share of `others` (sorted) below it, ties half."""
    return (np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")) / (2 * len(others))


def _ends(value: float, width: float, method: str) -> tuple[float, float]:
    """Return the ends at half-width `width` around `value`, inside [0, 1]."""
    if method == "delong":
        return max(value - width, 0.0), min(value + width, 1.0)
    step = width / (value * (1 - value))
    return float(expit(logit(value) - step)), float(expit(logit(value) + step))
