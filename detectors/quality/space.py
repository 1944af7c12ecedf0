"""The space in which items are near and far."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

__all__ = ["Floats", "as_points", "blocks", "nearest", "standardised"]

Floats = NDArray[np.float64]
_BLOCK = 1024
"""Rows of a matrix of pairs that are held at a time."""


def as_points(what: str, values: ArrayLike, least: int) -> Floats:
    """Return values as [item, dim]; raises ValueError for fewer than `least` items or numbers that are not finite."""
    points = np.asarray(values, dtype=float)
    if points.ndim != 2 or len(points) < least or not np.isfinite(points).all():
        raise ValueError(f"{what}: got shape {points.shape}; allowed: finite numbers [item >= {least}, dim]")
    return points


def blocks(count: int) -> list[slice]:
    """Return slices that cut so many rows into pieces of bounded size."""
    return [slice(start, start + _BLOCK) for start in range(0, count, _BLOCK)]


def nearest(points: Floats, others: Floats, k: int) -> tuple[Floats, NDArray[np.intp]]:
    """Return (distance, position) [item, k] of the k nearest others of every point, nearest first."""
    found = []
    for rows in blocks(len(points)):
        far = cdist(points[rows], others)
        some = np.argpartition(far, k - 1, axis=1)[:, :k]
        order = np.take_along_axis(some, np.take_along_axis(far, some, 1).argsort(axis=1, kind="stable"), 1)
        found.append((np.take_along_axis(far, order, 1), order))
    return np.concatenate([far for far, _ in found]), np.concatenate([order for _, order in found])


def standardised(training: ArrayLike, *others: ArrayLike) -> tuple[Floats, ...]:
    """Return training and other items [item, dim], centred and scaled alike.

    The mean of the training items is taken away, and one number, the root of their mean variance over dimensions,
    divides all: a dimension that never varies in training keeps its weight, so that what happens there is seen.
    Raises ValueError where training items do not vary.
    """
    known = np.asarray(training, dtype=float)
    scale = float(np.sqrt(known.var(axis=0).mean()))
    if not scale > 0:
        raise ValueError(f"standardised: got {len(known)} training items that do not differ; allowed: some that do")
    return tuple((np.asarray(points, dtype=float) - known.mean(axis=0)) / scale for points in (known, *others))
