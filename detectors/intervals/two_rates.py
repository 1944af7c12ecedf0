"""Score intervals for two rates: their difference, paired or not, and their ratio. All approximate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from detectors.arrays import Floats
from detectors.intervals.exact import Approximation
from detectors.phrases import Method

__all__ = ["NEWCOMBE", "NEWCOMBE_PAIRED", "SCORE_RATIO", "newcombe", "newcombe_paired", "score_ratio"]

NEWCOMBE = Approximation(Method("difference of rates (Newcombe hybrid score)"), 20, 0.83)
NEWCOMBE_PAIRED = Approximation(Method("paired difference of rates (Newcombe hybrid score)"), 20, 0.91)
SCORE_RATIO = Approximation(Method("ratio of rates (Koopman score)"), 20, 0.85)


def newcombe(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, level: float = 0.95) -> tuple[Any, Any]:
    """Return (low, high) for p1 - p2 of independent samples, k1 events of n1 and k2 of n2; arrays broadcast.

    Hybrid score interval (Newcombe 1998, Statist. Med. 17:873, method 10); approximate: see `NEWCOMBE`.
    Raises ValueError unless 0 <= k <= n and n > 0 in both.
    """
    k, n, other_k, other_n = _two_samples("newcombe", k1, n1, k2, n2)
    (low1, high1), (low2, high2) = _wilson(k, n, level), _wilson(other_k, other_n, level)
    p1, p2 = k / n, other_k / other_n
    return (p1 - p2 - np.hypot(p1 - low1, high2 - p2))[()], (p1 - p2 + np.hypot(high1 - p1, p2 - low2))[()]


def newcombe_paired(
    n11: ArrayLike, n10: ArrayLike, n01: ArrayLike, n00: ArrayLike, level: float = 0.95
) -> tuple[Any, Any]:
    """Return (low, high) for p1 - p2 of two answers to the same items; arrays broadcast.

    n11, n10, n01, n00: items on which both, only the first, only the second and neither had the event. Score interval
    with the correlation of the pairs (Newcombe 1998, Statist. Med. 17:2635, method 10); approximate: see
    `NEWCOMBE_PAIRED`. Raises ValueError for a negative count or no items.
    """
    both, first, second, neither = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (n11, n10, n01, n00)))
    n = both + first + second + neither
    if not (np.all(np.minimum(np.minimum(both, first), np.minimum(second, neither)) >= 0) and np.all(n > 0)):
        raise ValueError(f"newcombe_paired: got {n11!r}, {n10!r}, {n01!r}, {n00!r}; allowed: counts >= 0, an item")
    p1, p2 = (both + first) / n, (both + second) / n
    (low1, high1), (low2, high2) = _wilson(both + first, n, level), _wilson(both + second, n, level)
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    cross = both * neither - first * second
    # continuity correction of a positive correlation only, as published
    cross = np.where(cross > 0, np.maximum(cross - n / 2, 0), cross)
    phi = np.divide(cross, np.sqrt(margins), out=np.zeros_like(cross), where=margins > 0)
    down = _paired_width(p1 - low1, high2 - p2, phi)
    up = _paired_width(high1 - p1, p2 - low2, phi)
    return (p1 - p2 - down)[()], (p1 - p2 + up)[()]


def score_ratio(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, level: float = 0.95) -> tuple[Any, Any]:
    """Return (low, high) for p1 / p2 of independent samples, k1 events of n1 and k2 of n2; arrays broadcast.

    Score interval (Koopman 1984, Biometrics 40:513); approximate: see `SCORE_RATIO`. Without events in the second
    sample `high` is inf, and without any at all the interval is [0, inf]: such a ratio is undefined.
    Raises ValueError unless 0 <= k <= n and n > 0 in both.
    """
    k, n, other_k, other_n = _two_samples("score_ratio", k1, n1, k2, n2)
    z = ndtri((1 + level) / 2)
    low = _ratio_end(k, n, other_k, other_n, z)
    # the ratio's upper end is one over the lower end of the samples exchanged
    with np.errstate(divide="ignore"):
        high = 1 / _ratio_end(other_k, other_n, k, n, z)
    return low[()], high[()]


def _ratio_end(k1: Floats, n1: Floats, k2: Floats, n2: Floats, z: float) -> Floats:
    """Return the smallest ratio whose score statistic is at most z; 0 where the first sample has no event."""
    low, high = np.full(k1.shape, -40.0), np.full(k1.shape, 40.0)
    for _ in range(60):
        middle = (low + high) / 2
        refused = _ratio_statistic(np.exp(middle), k1, n1, k2, n2) > z
        low, high = np.where(refused, middle, low), np.where(refused, high, middle)
    return np.where(k1 > 0, np.exp(low), 0.0)


def _ratio_statistic(ratio: Floats, k1: Floats, n1: Floats, k2: Floats, n2: Floats) -> Floats:
    """Return the score statistic against p1 / p2 = ratio, positive where the observed ratio is larger."""
    a = (n1 + n2) * ratio
    b = n1 * ratio + k1 + n2 + k2 * ratio
    p2 = (b - np.sqrt(np.maximum(b**2 - 4 * a * (k1 + k2), 0))) / (2 * a)
    p1 = np.minimum(ratio * p2, 1)
    variance = p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2
    difference = k1 / n1 - ratio * k2 / n2
    return np.asarray(difference / np.sqrt(np.maximum(variance, 1e-300)))


def _two_samples(name: str, *counts: ArrayLike) -> tuple[Floats, ...]:
    """Return k1, n1, k2, n2 as floats of one shape."""
    k1, n1, k2, n2 = np.broadcast_arrays(*(np.asarray(count, dtype=float) for count in counts))
    if not np.all((k1 >= 0) & (k1 <= n1) & (n1 > 0) & (k2 >= 0) & (k2 <= n2) & (n2 > 0)):
        got = f"{counts[0]!r} of {counts[1]!r} and {counts[2]!r} of {counts[3]!r}"
        raise ValueError(f"{name}: got {got}; allowed: 0 <= k <= n, n > 0")
    return k1, n1, k2, n2


def _wilson(k: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the score interval of k of n (Wilson 1927)."""
    z2 = ndtri((1 + level) / 2) ** 2
    centre, half = k + z2 / 2, np.sqrt(z2 * (k * (n - k) / n + z2 / 4))
    return np.clip((centre - half) / (n + z2), 0, 1), np.clip((centre + half) / (n + z2), 0, 1)


def _paired_width(first: Floats, second: Floats, phi: Floats) -> Floats:
    """Return one arm of a paired difference, from those of its two rates and their correlation."""
    return np.sqrt(np.maximum(first**2 - 2 * phi * first * second + second**2, 0))
