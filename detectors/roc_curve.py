"""The ROC curve, and a band that holds the whole of it at once.

    curve    F(t), H(t): shares of familiar and of foreign items at or above each threshold t; its area is the AUROC
    band     with probability >= level, at every t: |F - F_true| <= e(n) and |H - H_true| <= e(m),
             e(n) = sqrt(log(4 / (1 - level)) / (2 n))            (Dvoretzky, Kiefer & Wolfowitz 1956; Massart 1990)

so the true curve lies between the curve moved by (-e(n), +e(m)) and by (+e(n), -e(m)) (Campbell 1994, Statistics in
Medicine 13:499). It is simultaneous, holds at every n, and is wider than a band for one point alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats

__all__ = ["roc_curve", "roc_margin"]

MOST_POINTS = 120


def roc_curve(familiar: ArrayLike, foreign: ArrayLike) -> Floats:
    """Return (share of familiar, share of foreign) at or above each threshold, from none to all, [point, 2].

    Ties share a step. At most `MOST_POINTS`, evenly along the curve; the area under the straight lines between all of
    them is the AUROC.
    """
    sides = [np.sort(np.asarray(side, dtype=float)) for side in (familiar, foreign)]
    at = np.unique(np.concatenate(sides))[::-1]
    shares = [1 - np.searchsorted(side, at, "left") / side.size for side in sides]
    curve = np.vstack([[0.0, 0.0], np.column_stack(shares)])
    if len(curve) > MOST_POINTS:
        walked = np.concatenate([[0.0], np.abs(np.diff(curve, axis=0)).sum(axis=1).cumsum()])
        even = np.searchsorted(walked, np.linspace(0, walked[-1], MOST_POINTS))
        curve = curve[np.unique(even.clip(0, len(curve) - 1))]
    return curve


def roc_margin(units: int, level: float) -> float:
    """Return e: how far the share of one side, of so many independent units, may be off at any threshold."""
    return float(np.sqrt(np.log(4 / (1 - level)) / (2 * units)))
