"""scikit-learn's handwritten digits as grey levels, cut once and for all into splits that share no image.

    train 1000 | fit 197 | calibration 300 | heldout 300        of 1797 images, 8 x 8, levels 0 to 16

Models learn from `train`, detectors fit their statistics on `fit` and calibrate on `calibration`; `heldout` is shown
to both for the first time when they are judged. Source: UCI Optical Recognition of Handwritten Digits, test part.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from audit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["LEVELS", "SPLITS", "table"]

LEVELS = 17
"""Grey levels of a pixel, 0 (paper) to 16 (ink)."""

SPLITS = {"train": 1000, "fit": 197, "calibration": 300, "heldout": 300}
"""Split -> images in it."""

_SEED = 1797


def table(split: str, classes: Collection[str] | None = None) -> pd.DataFrame:
    """Return columns `image` (int64 [8, 8], 0 to 16) and `label` (`"0"` to `"9"`), in a fixed shuffled order.

    The index is the image's position in scikit-learn's order, so ids of different splits never meet. `classes` keeps
    those labels only. Raises DataError for an unknown split or class.
    """
    import numpy as np
    import pandas as pd

    if split not in SPLITS:
        raise DataError(f"digits: unknown split {split!r}{did_you_mean(split, SPLITS)}")
    pixels, labels = _source()
    ends = np.cumsum(list(SPLITS.values()))
    order = np.split(np.random.default_rng(_SEED).permutation(len(pixels)), ends[:-1])
    rows = order[list(SPLITS).index(split)]
    images = pixels[rows].astype(np.int64)
    whole = pd.DataFrame({"image": list(images), "label": labels[rows].astype(str)}, index=pd.Index(rows))
    if classes is None:
        return whole
    if unknown := sorted(set(classes) - set(map(str, range(10)))):
        raise DataError(f"digits: unknown class {unknown[0]!r}; allowed: 0 to 9 as text")
    return whole[whole["label"].isin(list(classes))]


@cache
def _source() -> tuple[np.ndarray, np.ndarray]:
    """Return images [1797, 8, 8] and labels [1797] as scikit-learn has them, which unpacks them slowly."""
    from sklearn.datasets import load_digits

    source = load_digits()
    return source.images, source.target
