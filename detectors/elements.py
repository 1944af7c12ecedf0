"""Scores of what stands element by element: log p l_i, its expectation m_i = -entropy and variance v_i. Higher = more
outlying.

    min_k                mean of -l_i over the k % least likely elements            (Shi et al. 2024, 2310.16789)
    min_k_plus_plus      the same of -(l_i - m_i) / sqrt(v_i)                       (Zhang et al. 2025, 2404.02936)
    windowed_maximum     greatest mean of -l_i over w elements in a row: what is strange in one place
    curvature            c = sum (l_i - m_i) / sqrt(sum v_i)                        (Bao et al. 2024, 2310.05130)

Elements that are not scored, NaN, do not count; a short item has at least one. Where no element is scored, it is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats

__all__ = ["MIN_K", "WINDOW", "curvature", "min_k", "min_k_plus_plus", "window_means", "windowed_maximum"]

MIN_K = 0.2
"""Share of the elements that `min_k` looks at."""
WINDOW = 8
"""Elements of a window."""
_LEAST_VARIANCE = 1e-8
"""Of an element that the model is certain of, in squared nats."""


def min_k(traces: Sequence[ArrayLike], share: float = MIN_K) -> Floats:
    """Return minus the mean of the smallest log p of each trace (nats, one per element).

    `share` of the elements, rounded up.
    """
    return np.array([_least(np.asarray(trace, dtype=float), share) for trace in traces])


def min_k_plus_plus(
    traces: Sequence[ArrayLike], entropies: Sequence[ArrayLike], variances: Sequence[ArrayLike], share: float = MIN_K
) -> Floats:
    """Return the same of log p in standard deviations of the model's own spread; dimensionless."""
    parts = zip(traces, entropies, variances, strict=True)
    return np.array([_least(_standard(*map(_floats, part)), share) for part in parts])


def windowed_maximum(traces: Sequence[ArrayLike], window: int = WINDOW) -> Floats:
    """Return the greatest mean surprise (nats per element) of `window` scored elements in a row, of all if fewer."""
    return np.array([_strangest(_floats(trace), window) for trace in traces])


def window_means(trace: ArrayLike, window: int = WINDOW) -> Floats:
    """Return the mean surprise (nats per element) of every window [start] of scored elements; none where none is."""
    seen = _floats(trace)
    seen = seen[~np.isnan(seen)]
    size = min(window, len(seen))
    ahead = np.concatenate([[0.0], np.cumsum(-seen)])
    return (ahead[size:] - ahead[: len(ahead) - size]) / size if size else np.empty(0)


def curvature(
    traces: Sequence[ArrayLike], entropies: Sequence[ArrayLike], variances: Sequence[ArrayLike]
) -> Floats:
    """Return c [item], dimensionless; 0 is what the model expects, and either side of it may be strange."""
    parts = zip(traces, entropies, variances, strict=True)
    return np.array([_curved(*map(_floats, part)) for part in parts])


def _floats(trace: ArrayLike) -> Floats:
    return np.asarray(trace, dtype=float)


def _standard(trace: Floats, entropy: Floats, variance: Floats) -> Floats:
    return np.asarray((trace + entropy) / np.sqrt(np.maximum(variance, _LEAST_VARIANCE)))


def _curved(trace: Floats, entropy: Floats, variance: Floats) -> float:
    scored = ~np.isnan(trace + entropy + variance)
    if not scored.any():
        return float("nan")
    spread = max(float(variance[scored].sum()), _LEAST_VARIANCE)
    return float((trace + entropy)[scored].sum() / np.sqrt(spread))


def _least(trace: Floats, share: float) -> float:
    seen = np.sort(trace[~np.isnan(trace)])
    return float(-seen[: int(np.ceil(share * len(seen)))].mean()) if len(seen) else float("nan")


def _strangest(trace: Floats, window: int) -> float:
    means = window_means(trace, window)
    return float(means.max()) if len(means) else float("nan")
