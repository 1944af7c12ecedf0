"""P-values for one long series, whose steps hang together: what is exchangeable is a block of steps, not a step.

The series is cut into blocks, each judged by its strangest step against the blocks of a stretch that is known to be
familiar,

    p(b) = (1 + #{familiar blocks: max s >= max s(b)}) / (n + 1)

(blocks as in Chernozhukov, Wuthrich & Zhu 2018, 1802.06300). That is right where the series is stationary and blocks
are so long that they hardly hang together: an approximation, other than for items that are independent of each other
(`windows`). How far steps hang together is the integrated autocorrelation time of their scores, 1 + 2 sum_k rho_k, the
sum ending before the first pair rho_2j + rho_2j+1 below 0 (Geyer 1992); an AR(1) of coefficient a has (1 + a)/(1 - a).
A block is twice as long. Higher scores are more outlying.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.conformal import calibration_needed, p_values
from detectors.phrases import Cause

__all__ = ["Blocks", "block_p_values", "correlation_time"]


@dataclass(frozen=True)
class Blocks:
    """What is decided of the blocks of a long series."""

    p: Floats
    """P-value [block]; that of a familiar block is at most u with about the probability u."""
    starts: NDArray[np.intp]
    """First step of each block; the last one is moved back to end with the series."""
    width: int
    """Steps of a block."""
    known: int
    """Blocks that it was calibrated on."""


def block_p_values(
    calibration: ArrayLike, scores: ArrayLike, *, width: int | None = None, alpha: float = 0.05
) -> Blocks | Cause:
    """Return the p-values of the blocks of a series of scores [step], or why there are none.

    calibration: scores [step] of a familiar stretch of the series, or of one like it. width: steps of a block, absent =
    twice the correlation time of `calibration`. alpha: the largest p-value on which anything will be decided.
    Raises ValueError for scores that are not finite, and for fewer than a block has steps.
    """
    known, new = np.asarray(calibration, dtype=float), np.asarray(scores, dtype=float)
    if not (known.ndim == new.ndim == 1 and np.isfinite(known).all() and np.isfinite(new).all()):
        raise ValueError("block_p_values: got scores that are not finite; allowed: finite numbers [step]")
    wide = width or int(np.ceil(2 * correlation_time(known)))
    if len(new) < wide:
        raise ValueError(f"block_p_values: got {len(new)} steps for blocks of {wide}; allowed: a block or more")
    have, needed = len(known) // wide, calibration_needed(alpha)
    if have < needed:
        few = "{known} calibration blocks of {width} steps are too few to flag anything; {needed} would do"
        return Cause(few, known=have, width=wide, needed=needed)
    greatest = known[len(known) - have * wide :].reshape(have, wide).max(axis=1)
    starts = np.append(np.arange(0, len(new) - wide, wide), len(new) - wide)
    shown = np.maximum.reduceat(np.append(new, -np.inf), np.stack([starts, starts + wide], 1).ravel())[::2]
    return Blocks(p_values(greatest, shown, alpha=alpha), starts, wide, have)


def correlation_time(scores: ArrayLike) -> float:
    """Return how many steps of a series [step] tell as much as one independent one; 1 where none hangs together."""
    x = np.asarray(scores, dtype=float)
    x = x - x.mean()
    power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    alike = np.fft.irfft(power)[: len(x)]
    if alike[0] <= 0:
        return 1.0
    rho = alike[: len(x) // 2 * 2] / alike[0]
    pairs = rho.reshape(-1, 2).sum(axis=1)
    ended = np.flatnonzero(pairs <= 0)
    kept = pairs[: ended[0]] if len(ended) else pairs
    return max(1.0, float(2 * kept.sum() - 1))
