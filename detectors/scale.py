"""Are two sets of numbers on one scale? Pixels of [-1, 1] beside those of [0, 1] are a mistake of units, no finding.

    too far      2 % of the numbers or more lie beyond the other set's range, by more than `reach` times its width
    too narrow   they span less than `part` of that width, and are not all one number

So a model may overshoot, blur or collapse and is judged; what is drawn or read in other units is found before that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["another_scale"]

_REACH = {"image": (0.25, 1 / 8), "series": (4.0, 1 / 32)}
"""Kind -> (reach, part). Pixels have bounds; the steps of a series have none, and a poor model may well leave them."""


def another_scale(kind: str, numbers: ArrayLike, like: ArrayLike) -> str | None:
    """Return `from -1 to 1, not from 0 to 1` where `numbers` are on another scale than `like`, else None.

    kind: `image` or `series`; both sets are arrays of finite numbers of any shape. A set without width has no scale.
    """
    one, other = (np.asarray(part, dtype=float).ravel() for part in (numbers, like))
    if kind not in _REACH or not one.size or not other.size or np.ptp(other) == 0:
        return None
    reach, part = _REACH[kind]
    low, high, width = other.min(), other.max(), np.ptp(other)
    first, last = np.quantile(one, [0.02, 0.98])
    far = first < low - reach * width or last > high + reach * width
    narrow = 0 < np.ptp(one) < part * width
    return f"from {one.min():.4g} to {one.max():.4g}, not from {low:.4g} to {high:.4g}" if far or narrow else None
