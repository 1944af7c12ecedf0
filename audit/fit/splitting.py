"""Parts of the data that share no independent unit: what is learnt, and what is kept from every model.

    train 0.6 | validation 0.1 | fit 0.1 | calibration 0.1 | heldout 0.1         and `foreign`: the labels left out

Units are dealt out by a generator of the plan's seed; a unit is an item, or what the data name or repeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.errors import DataError, UsageError, did_you_mean
from audit.files import canonical, sha256
from audit.probes.items import as_array
from audit.seeds import rng_for
from detectors.arrays import units_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOREIGN", "LEARNT", "bounds_of", "content_digests", "part_of"]

FOREIGN = "foreign"
LEARNT = ("train", "validation")
"""Parts that training has seen."""
_LEAST = {"validation": 2, "fit": 10, "calibration": 2, "heldout": 2}
"""Fewest units in a part, where what needs it could not begin with less."""


def part_of(
    items: pd.DataFrame, shares: Mapping[str, float], left_out: Sequence[str], seed: int
) -> pd.Series[Any]:
    """Return the part of every item.

    Raises UsageError for a label to be left out that no item has, DataError where too little is left for a part.
    """
    import numpy as np
    import pandas as pd

    labels = items["label"] if "label" in items else pd.Series([None] * len(items), items.index)
    known = sorted({str(one) for one in labels if one is not None})
    for label in left_out:
        if label not in known:
            raise UsageError(f"fit: leave_out: no item has the label {label!r}{did_you_mean(label, known)}")
    foreign = labels.isin(list(left_out)).to_numpy()
    units = units_of(items).to_numpy()
    both = set(units[foreign]) & set(units[~foreign])
    if both:
        raise DataError(f"fit: unit {min(both)!r} has items that are left out and others; allowed: one side a unit")
    mine = np.unique(units[~foreign])
    order = rng_for(seed, "parts").permutation(mine)
    ends = np.round(np.cumsum(list(shares.values())) * len(order)).astype(int)
    place = {unit: name for name, part in zip(shares, np.split(order, ends[:-1]), strict=True) for unit in part}
    dealt = [FOREIGN if out else place[unit] for out, unit in zip(foreign, units, strict=True)]
    parts = pd.Series(dealt, items.index)
    _check_sizes(parts, units, shares)
    return parts


def _check_sizes(parts: pd.Series[Any], units: Any, shares: Mapping[str, float]) -> None:
    count = {name: len(set(units[parts.to_numpy() == name])) for name in shares}
    for name in shares:
        if count[name] < (least := _LEAST.get(name, 1)):
            told = f"part {name} has {count[name]} of {sum(count.values())} independent items"
            raise DataError(f"fit: {told}; allowed: {least} or more, by more data or a greater share")


def content_digests(items: pd.DataFrame) -> list[str]:
    """Return 16 hex digits of what every item is, its label and unit left out: the same in whatever file it stands."""
    fields = [name for name in items.columns if name not in ("label", "unit")] or list(items.columns)
    return [_digest([row[name] for name in fields]) for row in items[fields].to_dict("records")]


def _digest(cells: Sequence[Any]) -> str:
    return sha256(canonical([as_array(cell).tolist() if hasattr(cell, "tolist") else cell for cell in cells]))[7:23]


def bounds_of(items: pd.DataFrame) -> tuple[float, float] | None:
    """Return the least and the greatest number in images or series; None where there are neither."""
    name = next((one for one in ("image", "series") if one in items), None)
    if name is None:
        return None
    return min(float(cell.min()) for cell in items[name]), max(float(cell.max()) for cell in items[name])
