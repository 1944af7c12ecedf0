"""What is strange at one place of a series, told without a generative model: sub-sequence PCA, the bar for series.

Every stretch of w steps in a row is a window z, each place in it centred and scaled as in the windows of `fit`. With
v_j and l_j the directions and variances of these windows' principal components,

    score(window) = sum_j (v_j . z)^2 / l_j                  the weighted component score (Shyu et al. 2003)

over all components that hold more than `_LEAST` of the variance; what lies outside of them is weighted like the last
one. A step's score is the mean over the windows that it lies in, a series' that of its strangest window.

The Sub-PCA of TSB-AD (thedatumorg/TSB-AD) sums the distances of z to the unit vectors v_j, each over the share of
variance of its component. For a window far from the middle that is its length times a constant, so it ranks as |z|
does; `by_length` gives that, and benchmarks/novelty_series.py tells both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats

__all__ = ["SUBSEQUENCE", "step_scores", "strangest_window", "width_of", "window_scores", "windows_of"]

SUBSEQUENCE = 16
"""Steps of a window; of series shorter than three windows a third of their steps."""
_LEAST = 1e-3
"""Share of the variance that a component must hold to be weighted by its own."""


def width_of(series: ArrayLike) -> int:
    """Return the steps of a window where none are asked for, of series [..., step]."""
    return max(1, min(SUBSEQUENCE, int(np.shape(series)[-1]) // 3))


def windows_of(series: ArrayLike, width: int) -> NDArray[np.float64]:
    """Return all windows [..., start, place] of series [..., step]; raises ValueError for a series that is shorter."""
    x = np.asarray(series, dtype=float)
    if not 1 <= width <= x.shape[-1]:
        raise ValueError(f"windows: got {width} steps of a series of {x.shape[-1]}; allowed: 1 to all")
    return np.lib.stride_tricks.sliding_window_view(x, width, axis=-1)


def window_scores(fit: ArrayLike, series: ArrayLike, width: int | None = None, *, by_length: bool = False) -> Floats:
    """Return the score [item, start] of every window of series [item, step], by those of `fit` [item, step].

    width: steps of a window, absent = `SUBSEQUENCE` or less; by_length: by |z|^2 and not by component. Dimensionless;
    higher = more outlying. Raises ValueError for series shorter than a window and for numbers that are not finite.
    """
    known, new = np.atleast_2d(np.asarray(fit, dtype=float)), np.atleast_2d(np.asarray(series, dtype=float))
    if not (np.isfinite(known).all() and np.isfinite(new).all()):
        raise ValueError("windows: got numbers that are not finite; allowed: finite numbers")
    wide = width_of(known) if width is None else width
    learnt = windows_of(known, wide).reshape(-1, wide)
    centre, spread = learnt.mean(axis=0), learnt.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    z = (windows_of(new, wide) - centre) / spread
    if by_length:
        return np.asarray((z**2).sum(axis=-1))
    known_z = (learnt - centre) / spread
    variances, directions = np.linalg.eigh(known_z.T @ known_z / len(known_z))
    floor = max(_LEAST * float(variances.sum()), 1e-12)
    return np.asarray(((z @ directions) ** 2 / np.maximum(variances, floor)).sum(axis=-1))


def step_scores(windows: ArrayLike, width: int) -> Floats:
    """Return the score [..., step] of every step from those of the windows [..., start]: the mean of those it is in."""
    scores = np.asarray(windows, dtype=float)
    ahead = np.concatenate([np.zeros((*scores.shape[:-1], 1)), scores.cumsum(axis=-1)], axis=-1)
    steps = np.arange(scores.shape[-1] + width - 1)
    first, last = np.maximum(steps - width + 1, 0), np.minimum(steps + 1, scores.shape[-1])
    return np.asarray((ahead[..., last] - ahead[..., first]) / (last - first))


def strangest_window(fit: ArrayLike, series: ArrayLike, width: int | None = None) -> Floats:
    """Return the score [item] of the strangest window of each series [item, step]; as in `window_scores`."""
    return np.asarray(window_scores(fit, series, width).max(axis=-1))
