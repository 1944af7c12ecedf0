"""Replicates of counts for intervals, in blocks: drawn as counts, or as fairlearn draws rows.

    counts      Multinomial(n, counts / n)                                     a cost by cells
    fairlearn   n rows with replacement by its own seeds, gathered by cell     the same rows, so the same quantiles
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.bias.counts import CountTensor

__all__ = ["FAIRLEARN", "RandomState", "drawn_as_counts", "drawn_as_fairlearn"]

RandomState = int | np.integer[Any] | np.random.RandomState | np.random.Generator | None
FAIRLEARN = "0.15"
"""The version whose way of drawing is known."""
_BLOCK = 1 << 20
"""Cells of the replicates that are held at once."""


def drawn_as_counts(tensor: CountTensor, count: int, random_state: RandomState) -> Iterator[NDArray[np.int64]]:
    """Yield blocks [b, *shape] of `count` replicates."""
    rng = _generator(random_state)
    block = max(_BLOCK // max(tensor.counts.size, 1), 1)
    for start in range(0, count, block):
        yield tensor.resample("multinomial", min(block, count - start), rng)


def drawn_as_fairlearn(
    cell: NDArray[Any], tensor: CountTensor, count: int, random_state: RandomState
) -> Iterator[NDArray[np.int64]]:
    """Yield the same of the rows that fairlearn draws, which are in the cells [row] of the tensor.

    fairlearn makes a seed for every replicate, and pandas draws rows by NumPy's generator of old. Raises ValueError
    where another version is installed.
    """
    import fairlearn

    if not fairlearn.__version__.startswith(f"{FAIRLEARN}."):
        raise ValueError(
            f"MetricFrame: rng='fairlearn' draws as fairlearn {FAIRLEARN} does; got fairlearn {fairlearn.__version__}"
        )
    n, shape, seeds = len(cell), tensor.counts.shape, _seeds(random_state, count)
    block = max(_BLOCK // math.prod(shape), 1)
    for start in range(0, count, block):
        rows = (np.random.RandomState(seed).choice(n, n) for seed in seeds[start : start + block])
        drawn = [np.bincount(cell[row], minlength=math.prod(shape)) for row in rows]
        yield np.stack(drawn).reshape(len(drawn), *shape)


def _seeds(random_state: RandomState, count: int) -> NDArray[np.uint32]:
    top = np.iinfo(np.uint32).max
    if isinstance(random_state, np.random.RandomState):
        return random_state.randint(0, top, count, np.uint32)
    return _generator(random_state).integers(0, top, count, np.uint32)


def _generator(random_state: RandomState) -> np.random.Generator:
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, np.iinfo(np.uint32).max, dtype=np.uint32))
    if random_state is None or isinstance(random_state, int | np.integer):
        return np.random.default_rng(random_state)
    raise ValueError(f"MetricFrame: got random_state {random_state!r}; allowed: an integer, a generator of NumPy, None")
