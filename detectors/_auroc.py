"""The area under the ROC curve, P(positive > negative) + P(tie) / 2, with its interval."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit, ndtri

from detectors._exact import Approximation, Floats

__all__ = ["DELONG", "LOGIT_DELONG", "auroc"]

DELONG = Approximation("AUROC (DeLong)", 20, 0.88)
LOGIT_DELONG = Approximation("AUROC (DeLong, logit scale)", 20, 0.92)


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
    below, above = np.sort(np.asarray(negatives, dtype=float)), np.sort(np.asarray(positives, dtype=float))
    fewest = min(below.size, above.size)
    if fewest < 2 or not (np.isfinite(below).all() and np.isfinite(above).all()):
        got = f"{below.size} negatives, {above.size} positives"
        raise ValueError(f"auroc: got {got}; allowed: two finite scores or more on each side")
    wins = _placements(above, below)
    value = float(wins.mean())
    variance = wins.var(ddof=1) / above.size + _placements(below, above).var(ddof=1) / below.size
    bound = ((1 - level) / 2) ** (1 / fewest)
    if variance == 0:
        # with confidence all but a share 1 - b of pairs is like those seen; the others may be anything
        return value, value * bound, 1 - (1 - value) * bound
    low, high = _ends(value, float(np.sqrt(variance) * ndtri((1 + level) / 2)), method)
    return value, min(low, bound), max(high, 1 - bound)


def _placements(scores: Floats, others: Floats) -> Floats:
    """Return for each score the share of `others` (sorted) below it, ties half."""
    return (np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")) / (2 * len(others))


def _ends(value: float, width: float, method: str) -> tuple[float, float]:
    """Return the ends at half-width `width` around `value`, inside [0, 1]."""
    if method == "delong":
        return max(value - width, 0.0), min(value + width, 1.0)
    step = width / (value * (1 - value))
    return float(expit(logit(value) - step)), float(expit(logit(value) + step))
