"""Patches of the two photos that scikit-learn ships (a temple, a flower), grey, 8 x 8, 17 levels.

The photos are cut into squares of 32 pixels and every square belongs to one split, so that no pixel is shared: patches
of one split are drawn inside its squares, 16 pixels wide, and averaged down to 8 x 8. Patches of one square are alike:
the square is the independent unit. Reading the photos needs Pillow.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from audit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["LEVELS", "SPLITS", "table"]

LEVELS = 17
"""Grey levels of a pixel, 0 (black) to 16 (white)."""

SPLITS = {"train": 6000, "fit": 300, "calibration": 300, "heldout": 300}
"""Split -> patches drawn from its squares."""

_SQUARE, _WIDTH, _SIDE = 32, 16, 8
_SHARES = {"train": 0.55, "fit": 0.15, "calibration": 0.15, "heldout": 0.15}
_SEED = 427


def table(split: str) -> pd.DataFrame:
    """Return columns `image` (int64 [8, 8], 0 to 16), `label` (photo: `china` or `flower`) and `unit` (its square).

    Raises DataError for an unknown split.
    """
    import numpy as np
    import pandas as pd

    if split not in SPLITS:
        raise DataError(f"patches: unknown split {split!r}{did_you_mean(split, SPLITS)}")
    squares, photos = _squares()
    ends = np.cumsum([round(len(squares) * share) for share in _SHARES.values()])[:-1]
    order = np.split(np.random.default_rng(_SEED).permutation(len(squares)), ends)
    place = list(SPLITS).index(split)
    rng = np.random.default_rng([_SEED, place])
    chosen = rng.choice(order[place], SPLITS[split])
    row, column = rng.integers(_SQUARE - _WIDTH + 1, size=(2, SPLITS[split]))
    windows = np.lib.stride_tricks.sliding_window_view(squares, (_WIDTH, _WIDTH), axis=(1, 2))
    grey = windows[chosen, row, column].reshape(-1, _SIDE, 2, _SIDE, 2).mean((2, 4))
    images = np.rint(grey / 255 * (LEVELS - 1)).astype(np.int64)
    return pd.DataFrame({"image": list(images), "label": photos[chosen], "unit": chosen.astype(str)})


@cache
def _squares() -> tuple[np.ndarray, np.ndarray]:
    """Return grey squares [square, 32, 32] of both photos and the photo's name of each."""
    import numpy as np
    from sklearn.datasets import load_sample_image

    cut, names = [], []
    for name in ("china", "flower"):
        photo = load_sample_image(f"{name}.jpg").mean(2)
        rows, columns = photo.shape[0] // _SQUARE, photo.shape[1] // _SQUARE
        kept = photo[: rows * _SQUARE, : columns * _SQUARE].reshape(rows, _SQUARE, columns, _SQUARE)
        cut.append(kept.swapaxes(1, 2).reshape(-1, _SQUARE, _SQUARE))
        names += [name] * rows * columns
    return np.concatenate(cut), np.array(names)
