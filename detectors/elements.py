"""Scores of what stands element by element: log p l_i, its expectation m_i = -entropy and variance v_i. Higher = more
outlying.

    min_k                mean of -l_i over the k % least likely elements            (Shi et al. 2024, 2310.16789)
    min_k_plus_plus      the same of -(l_i - m_i) / sqrt(v_i)                       (Zhang et al. 2025, 2404.02936)
    windowed_maximum     greatest mean of -l_i over w elements in a row: what is strange in one place
    curvature            c = sum (l_i - m_i) / sqrt(sum v_i)                        (Bao et al. 2024, 2310.05130)

Elements that are not scored, NaN, do not count; a short item has at least one. Where no element is scored, it is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable

__all__ = ["MIN_K", "WINDOW", "Traces", "curvature", "min_k", "min_k_plus_plus", "window_means", "windowed_maximum"]

MIN_K = 0.2
"""Share of the elements that `min_k` looks at."""
WINDOW = 8
"""Elements of a window."""
_LEAST_VARIANCE = 1e-8
"""Of an element that the model is certain of, in squared nats."""


@immutable
class Traces:
    """A number for each element of many items, the items one behind the other."""

    values: Floats
    lengths: NDArray[np.intp]
    """Elements of each item."""

    @classmethod
    def of(cls, parts: Iterable[ArrayLike]) -> Traces:
        """Return the numbers of each item."""
        arrays = [_floats(part) for part in parts]
        return cls(np.concatenate([*arrays, np.empty(0)]), np.array([len(one) for one in arrays], dtype=np.intp))

    def beside(self, *others: Traces) -> list[Floats]:
        """Return the values of these and of others; raises ValueError where an item is not as long in all."""
        if any(not np.array_equal(self.lengths, one.lengths) for one in others):
            raise ValueError("got lists of several lengths for one item; allowed: one number for each element in all")
        return [self.values, *(one.values for one in others)]

    def like(self, values: Floats) -> Traces:
        """Return other numbers of the same elements, those that are NaN left out."""
        seen = ~np.isnan(values)
        item = np.repeat(np.arange(len(self.lengths)), self.lengths)
        return Traces(values[seen], np.bincount(item[seen], minlength=len(self.lengths)))

    def reduced(self, reduce: Callable[[Floats], Floats]) -> Floats:
        """Return a number [item] made by `reduce` of rows [some, element] of equal length; NaN without elements."""
        starts, found = np.cumsum(self.lengths) - self.lengths, np.full(len(self.lengths), np.nan)
        for length in np.unique(self.lengths[self.lengths > 0]):
            at = np.flatnonzero(self.lengths == length)
            found[at] = reduce(self.values[starts[at, None] + np.arange(length)])
        return found


def min_k(traces: Iterable[ArrayLike], share: float = MIN_K) -> Floats:
    """Return minus the mean of the smallest log p of each trace (nats, one per element).

    `share` of the elements, rounded up.
    """
    told = Traces.of(traces)
    return -told.like(told.values).reduced(lambda rows: _least(rows, share))


def min_k_plus_plus(
    traces: Iterable[ArrayLike], entropies: Iterable[ArrayLike], variances: Iterable[ArrayLike], share: float = MIN_K
) -> Floats:
    """Return the same of log p in standard deviations of the model's own spread; dimensionless."""
    told = Traces.of(traces)
    log_p, entropy, variance = told.beside(Traces.of(entropies), Traces.of(variances))
    standard = (log_p + entropy) / np.sqrt(np.maximum(variance, _LEAST_VARIANCE))
    return -told.like(standard).reduced(lambda rows: _least(rows, share))


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


def _curved(trace: Floats, entropy: Floats, variance: Floats) -> float:
    scored = ~np.isnan(trace + entropy + variance)
    if not scored.any():
        return float("nan")
    spread = max(float(variance[scored].sum()), _LEAST_VARIANCE)
    return float((trace + entropy)[scored].sum() / np.sqrt(spread))


def _least(rows: Floats, share: float) -> Floats:
    return np.asarray(np.sort(rows, axis=1)[:, : int(np.ceil(share * rows.shape[1]))].mean(axis=1))


def _strangest(trace: Floats, window: int) -> float:
    means = window_means(trace, window)
    return float(means.max()) if len(means) else float("nan")
