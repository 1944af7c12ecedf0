"""What several dimensions do to arrays, each time in the same way, whatever stands beside an item."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["blurred", "generator_of"]


def generator_of(name: Any) -> np.random.Generator:
    """Return the random numbers of a name, e.g. an item's id: the same wherever and whenever they are drawn."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:16]))


def blurred(items: NDArray[Any], neighbours: int = 3) -> NDArray[Any]:
    """Return means of so many neighbours along the last two axes of each item [item, ...], edges repeated.

    Of a series along its only axis. Integers stay integers.
    """
    from scipy.ndimage import uniform_filter1d

    made = items.astype(float)
    for axis in range(max(1, items.ndim - 2), items.ndim):
        made = uniform_filter1d(made, neighbours, axis=axis, mode="nearest")
    return (made if items.dtype.kind == "f" else np.rint(made)).astype(items.dtype)
