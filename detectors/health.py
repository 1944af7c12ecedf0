"""Is a score alive at all? Asked before anything is concluded from it.

    finite       every score is a number
    distinct     scores differ by more than rounding
    untied       no one score is that of most items
    responsive   mean score(item) < mean score(half noise), mean score(noise)

A detector that was never trained can still pass a floor on AUROC by differences of 1e-24 (yzhao062/pyod#711). What
fails here has no value, with the reason given.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from detectors.phrases import Cause

__all__ = ["MIN_DISTINCT", "response_problem", "score_problem", "ties_problem"]

MIN_DISTINCT = 5
"""Fewest distinct scores that so many items or more must have."""
_ROUNDING = 1e-9
"""Scores nearer to each other than this share of the largest are the same."""


def score_problem(scores: ArrayLike) -> Cause | None:
    """Return why scores [item] cannot be trusted, None where nothing speaks against them."""
    values = np.asarray(scores, dtype=float)
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        return Cause("{bad} of {all} scores are not finite numbers", bad=bad, all=len(values))
    gaps = np.diff(np.sort(values))
    distinct = 1 + int(np.count_nonzero(gaps > _ROUNDING * np.abs(values).max(initial=0)))
    if distinct < min(MIN_DISTINCT, len(values)):
        one = "only {distinct} distinct score among {items} items"
        few = "only {distinct} distinct scores among {items} items"
        return Cause(one if distinct == 1 else few, distinct=distinct, items=len(values))
    return None


def ties_problem(scores: ArrayLike) -> Cause | None:
    """Return why scores [item] rank nothing: most of them are one and the same; None where not."""
    values, counts = np.unique(np.asarray(scores, dtype=float), return_counts=True)
    if len(values) < 2 or 2 * counts.max() <= counts.sum():
        return None
    tied = "{tied} of {all} items have the same score"
    return Cause(tied, tied=int(counts.max()), all=int(counts.sum()))


def response_problem(clean: ArrayLike, half_noise: ArrayLike, noise: ArrayLike) -> Cause | None:
    """Return why scores [item] do not answer to noise, in half of the elements or in all; None where they do.

    Half and whole noise need no order: the sharp decoder of a VAE can find half noise the stranger.
    """
    means = [float(np.mean(np.asarray(scores, dtype=float))) for scores in (clean, half_noise, noise)]
    if means[0] < min(means[1:]):
        return None
    told = ", ".join(f"{mean:.4g}" for mean in means)
    if means[0] > max(means[1:]):
        turned = "the score falls as noise is added to the items (mean at none, half, all: {means}): is it turned?"
        return Cause(turned, means=told)
    flat = "the score does not rise as noise is added to the items (mean at none, half, all: {means})"
    return Cause(flat, means=told)
