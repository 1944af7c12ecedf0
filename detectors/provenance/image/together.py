"""Several images under one key, whose signs are read together.

    S = sum_i sum_j b_ij s_ij,    s_ij = +-1: sign of number j behind image i,    b_ij = +-1: the key's pattern for it

Images of one pattern share its signs b_j, so that they are no independent trials, however many they are. Over keys
S is a sum of independent signs b_j times w_j, w_j = |sum of s_ij over the images of that pattern|, whatever the images
show: p = P(S' >= S), exact, by adding one weight after another. Of very many weights Chernoff's bound stands for it:

    P(S' >= S) <= exp(-t S) prod_j cosh(t w_j)    for every t >= 0
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from detectors.provenance.image.bits import log10_right

__all__ = ["log10_signed", "pattern_sums"]

Ints = NDArray[np.int64]

_MOST = 1 << 27
"""Additions that an exact tail may take."""
_LEAST = 1e-280
"""Tails below it are bounded."""


def pattern_sums(signs: ArrayLike, patterns: int) -> Ints:
    """Return the sums of signs [image, number], -1, 0 (not found) or 1, of the images that take turns, [turn, number].

    Images number 0, `patterns`, 2 `patterns`, ... have one pattern, those after each of them the next one.
    """
    rows = np.asarray(signs, dtype=np.int64)
    turns = min(patterns, len(rows))
    return np.stack([rows[turn::patterns].sum(0) for turn in range(turns)])


def log10_signed(total: int, weights: ArrayLike) -> float:
    """Return log10 P(sum of +-weights >= total) for independent even signs; an upper bound where it is below 1e-280,
    and where there are too many weights to add them up.

    weights: whole numbers, 0 or more. Raises ValueError for a total that they cannot have.
    """
    kept = np.abs(np.asarray(weights, dtype=np.int64)).ravel()
    kept = np.sort(kept[kept > 0])
    most = int(kept.sum())
    if abs(total) > most or (total - most) % 2:
        raise ValueError(f"log10_signed: got {total}; allowed: -{most} to {most} in steps of 2")
    if kept.size and kept[0] == kept[-1]:
        return log10_right((total // int(kept[0]) + len(kept)) // 2, len(kept))
    tail = _exact(total, kept) if len(kept) * (most + 1) <= _MOST else 0.0
    return math.log10(tail) if tail > _LEAST else _bound(total, kept)


def _exact(total: int, weights: Ints) -> float:
    """Return the tail from the law of sum w_j B_j = (S + sum w_j) / 2, B_j a fair coin."""
    most = int(weights.sum())
    law = np.zeros(most + 1)
    law[0], reach = 1.0, 0
    for one in weights.tolist():
        moved = np.append(np.zeros(one), law[: reach + 1])
        law[: len(moved)] = (law[: len(moved)] + moved) / 2
        reach += one
    return min(1.0, float(law[(total + most) // 2 :][::-1].sum()))


def _bound(total: int, weights: Ints) -> float:
    """Return the decimal logarithm of Chernoff's bound."""
    if total <= 0:
        return 0.0
    if total == int(weights.sum()):
        return -len(weights) * math.log10(2)
    different, many = np.unique(weights, return_counts=True)

    def bound(log_t: float) -> float:
        x = math.exp(log_t) * different
        return float((many * (x + np.log1p(np.exp(-2 * x)) - math.log(2))).sum()) - math.exp(log_t) * total

    rms = math.sqrt(float((many * different.astype(float) ** 2).sum()))
    best = minimize_scalar(bound, bounds=(-math.log(1e3 * rms), math.log(50)), method="bounded")
    return min(0.0, float(best.fun)) / math.log(10)
