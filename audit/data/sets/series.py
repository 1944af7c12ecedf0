"""Made-up series of 48 steps of three kinds, standardised by construction to about unit scale.

    seasonal   a sine of 4 to 8 cycles plus noise
    trending   a straight slope plus noise
    bursty     a decaying shock at a random step plus noise

`foreign` series are random walks, a kind that none of these is. Every split is drawn from a seed of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "SPLITS", "STEPS", "table"]

STEPS = 48
KINDS = ("seasonal", "trending", "bursty")
SPLITS = {"train": 1500, "fit": 300, "calibration": 300, "heldout": 300, "foreign": 300}
"""Split -> series in it; `foreign` is of another kind."""
_NOISE = 0.15


def table(split: str) -> pd.DataFrame:
    """Return columns `series` (float64 [48]) and `label` (its kind); raises DataError for an unknown split."""
    import pandas as pd

    if split not in SPLITS:
        raise DataError(f"series: unknown split {split!r}{did_you_mean(split, SPLITS)}")
    rng = np.random.default_rng([48, list(SPLITS).index(split)])
    count = SPLITS[split]
    if split == "foreign":
        walks = rng.normal(0, 0.35, (count, STEPS)).cumsum(axis=1)
        return pd.DataFrame({"series": list(walks), "label": "walk"})
    kinds = np.array(KINDS)[rng.permutation(np.arange(count) % len(KINDS))]
    return pd.DataFrame({"series": [_drawn(kind, rng) for kind in kinds], "label": kinds})


def _drawn(kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(STEPS) / STEPS
    if kind == "seasonal":
        shape = np.sin(2 * np.pi * (rng.integers(4, 9) * time + rng.random()))
    elif kind == "trending":
        shape = rng.choice([-1, 1]) * rng.uniform(1.5, 3) * (time - 0.5)
    else:
        since = np.arange(STEPS) - rng.integers(4, STEPS - 8)
        shape = rng.choice([-1, 1]) * rng.uniform(2, 3) * np.where(since < 0, 0.0, np.exp(-np.maximum(since, 0) / 4))
    return np.asarray(shape + rng.normal(0, _NOISE, STEPS))
