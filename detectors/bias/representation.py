"""Which classes does a model draw, and how often, where the one who counts them makes mistakes?

    q = C^T p        q: shares of the classes that a classifier gives draws;  C[true, given]: how it errs;  p: true shares

C is estimated on labelled real items and q on draws; p is what solves the equation, brought back onto the simplex (many
classes' form of Rogan & Gladen 1978; CLEAM, Teo et al. 2023, arXiv:2302.05077, shows that even good classifiers shift
shares by several points). Both samples err: C and q are drawn from their Dirichlet posteriors together, p is solved for
each, and from these draws come intervals of all shares that hold together, and the radius of the L1 ball around the
estimate in which the truth lies. The total variation from the reference cannot leave it by the triangle inequality:

    TV(p, r) = sum |p - r| / 2,     |TV(p, r) - TV(p^, r)| <= TV(p, p^)

The classifier is taken to err on draws as it does on real items of the same class: draws that look like none bias all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.intervals import Approximation
from detectors.quality.modes import count_missing
from detectors.result import Direction, Measure, Result, undefined

__all__ = ["SHARES", "TOTAL_VARIATION", "class_shares", "true_shares"]

SHARES = Approximation("corrected for the classifier's errors; Dirichlet draws of both samples, joint over classes", 100, 0.9)
TOTAL_VARIATION = Approximation("corrected for the classifier's errors; L1 ball from Dirichlet draws of both samples", 100, 0.9)

Floats = NDArray[np.float64]
_DRAWS = 4000
_PRIOR = 1.0
"""Observations that the prior of a row of C, and of q, is worth, spread evenly over the classes."""
_LARGEST_CONDITION = 100.0
"""A classifier whose errors multiply those of the shares by more than this tells classes apart too badly."""

_MEANING: Mapping[str, tuple[str, Direction]] = {
    "total_variation": ("share", "lower is better"),
    "total_variation_plain": ("share", "lower is better"),
    "gap_p": ("p-value", "neither"),
    "missing_classes": ("count", "lower is better"),
    "share": ("share", "nearer to ideal is better"),
}


def true_shares(given: ArrayLike, errors: ArrayLike) -> Floats:
    """Return the shares p [..., class] on the simplex that solve given = errors^T p, or come nearest.

    given [..., class]: shares of the classes that the classifier gives; errors [..., true class, given class]: rows sum
    to one. An exact solution on the simplex is returned as it is; another is moved to the nearest point of the simplex.
    """
    solved = np.einsum("...j,...ji->...i", np.asarray(given, dtype=float), np.linalg.pinv(errors))
    return _on_simplex(solved)


def _on_simplex(points: Floats) -> Floats:
    """Return the nearest point [..., class] of the simplex: a constant is taken away, what falls below 0 is 0."""
    order = -np.sort(-points, axis=-1)
    excess = (order.cumsum(axis=-1) - 1) / np.arange(1, points.shape[-1] + 1)
    last = (order > excess).sum(axis=-1, keepdims=True) - 1
    return np.maximum(points - np.take_along_axis(excess, last, -1), 0)
