"""What is shown of canaries, row by row, and what a reader needs before the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import field_of
from detectors.memorisation.canaries import Canaries
from detectors.result import MOST_TIES, Remark

__all__ = ["canary_remarks", "evidence"]

_INSIDE = ["ahead", "whole", "shared"]
"""Columns that only intervals are made of."""
_COUNTS = ["rank", "alternatives", "ties", "repeated", "equal", "other_length"]
_LEFT_OUT = {
    "alternatives_repeated": "repeated", "alternatives_equal": "equal", "alternatives_of_other_length": "other_length",
}  # fmt: skip
"""Key of a remark -> the column that counts what it tells of."""


def evidence(
    planted: Canaries, held: Canaries, found: pd.Series[Any], left: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return a row a canary: planted ones, held-out ones, then those that were not asked about, with the reason.

    found: whether chance does not explain a planted one, by its id. left: role -> those that were not asked about.
    """
    told = planted.items.assign(role="items", value=planted.items["exposure"] - planted.items["chance"])
    told["memorised"] = told["against"] = found.reindex(told.index)
    told["weight"] = told["value"]
    parts = [told, held.items.assign(role="held_out")]
    parts += [rows[[field_of(rows), "not_asked"]].assign(role=role) for role, rows in left.items()]
    whole = pd.concat([one for one in parts if len(one)]) if any(map(len, parts)) else told
    if planted.missing:
        whole["no_answer"] = whole.index.isin(planted.items.index[planted.items["exposure"].isna()])
    for name in whole.columns.intersection(_COUNTS):
        counts = whole[name].to_numpy(float)
        nothing = np.isnan(counts)
        whole[name] = pd.arrays.IntegerArray(np.where(nothing, 1, counts).astype(np.int64), nothing)
    return whole.drop(columns=_INSIDE, errors="ignore")


def canary_remarks(planted: Canaries, held: Canaries, again: int) -> Iterator[Remark]:
    """Yield what limits the numbers; `again`: canaries that came more than once."""
    capped = planted.known[planted.known["rank"].eq(1) & ~planted.known["whole"].astype(bool)]
    if len(capped):
        least = float(capped["alternatives"].min())
        told = {"count": float(len(capped)), "alternative_count": least, "cap": float(np.log2(least + 1))}
        yield Remark("exposure_capped", told)
    if not len(held.known):
        yield Remark("no_held_out_canaries", {})
    whole = pd.concat([planted.items, held.items])
    for key, column in _LEFT_OUT.items():
        if whole[column].any():
            most = whole.loc[whole[column].to_numpy(float).argmax() == np.arange(len(whole))].iloc[0]
            yield Remark(key, {"count": float(most[column]), "all_count": float(most["alternatives"])})
    if again:
        yield Remark("canaries_repeated", {"count": float(again)})
    tied = (whole["ties"] / whole["alternatives"].clip(lower=1)).gt(MOST_TIES)
    if tied.any():
        yield Remark("canaries_tied", {"count": float(tied.sum())})
