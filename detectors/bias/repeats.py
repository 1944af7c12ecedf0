"""Rows of one person are no further evidence: one of each is kept, and rows that look so are told.

    unit a, a, a, b, -      one of the three rows of a, drawn at random; the row of b; the row that names no unit

What is kept are independent rows, as every count, test and interval wants them; they speak of a unit's row, each unit
weighing the same. A mean over a unit's rows would use more of the data, but is no count of which k of n is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.arrays import one_of_each
from detectors.result import Remark

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["looks_repeated", "one_of_each_unit"]


def one_of_each_unit(
    rows: pd.DataFrame, units: pd.Series[Any], rng: np.random.Generator, named: str = "unit"
) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
    """Return one row of each unit, drawn at random, and the remark on it; all of them where no unit has two.

    named: what names units, as the remark tells it.
    """
    kept = one_of_each(units, rng)
    if kept.all():
        return rows, ()
    told: dict[str, str | float] = {"row_count": float(len(kept)), "unit_count": float(kept.sum()), "columns": named}
    return rows[kept], (Remark("one_of_each", told),)


def looks_repeated(rows: pd.DataFrame) -> tuple[Remark, ...]:
    """Return the remark that half of the rows or more are equal to another one before them, in all their columns.

    They may well be of different people where columns are coarse; so the remark says what follows if they are not.
    """
    import pandas as pd

    if rows.empty:
        return ()
    keys = np.sort(pd.util.hash_pandas_object(rows, index=False).to_numpy())
    different = int((keys[1:] != keys[:-1]).sum()) + 1
    if 2 * different > len(keys):
        return ()
    return (Remark("looks_repeated", {"row_count": float(len(keys)), "different_count": float(different)}),)
