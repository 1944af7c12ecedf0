"""How far shares lie from even ones, as OpenBias has it (D'Inca et al. 2024, arXiv:2404.07990).

    1 - H(p) / log K        0 = even, 1 = one class alone
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Floats

__all__ = ["concentration", "openbias_of"]


def concentration(shares: Floats, low: Floats, high: Floats) -> tuple[float, float, float]:
    """Return 1 - H / log K of shares [class], and its ends where they lie within [low, high]: each term's own ends."""
    even = np.log(len(shares))
    least = np.minimum(_surprise(low), _surprise(high)).sum()
    most = _surprise(np.clip(1 / np.e, low, high)).sum()
    value, ends = openbias_of(shares), (1 - min(most, even) / even, 1 - least / even)
    return min(max(value, ends[0]), ends[1]), ends[0], min(ends[1], 1.0)


def openbias_of(shares: Floats) -> float:
    """Return 1 - H / log K of shares [class]."""
    return float(1 - _surprise(shares).sum() / np.log(len(shares)))


def _surprise(shares: Floats) -> Floats:
    """Return -p log p, 0 at p = 0."""
    return np.asarray(-shares * np.log(np.where(shares > 0, shares, 1.0)))
