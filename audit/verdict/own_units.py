"""Items that name no independent unit where others do: each counts as one of its own, and the finding says how many.

    units a, a, b, -, -      two items are taken for units of their own: 4 units, not 2

Where such items belong together after all, an interval is narrower than it should be; that nobody can see but who made
the data, so it is told before the numbers. An item named after its own id counts as one that names none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Observed
    from detectors.result import Remark

__all__ = ["KEY", "OWN_UNITS", "told_of_units"]

KEY = "own_units"
"""Of the remark."""
OWN_UNITS = (
    "{own_count:.0f} of {asked_count:.0f} items name no independent unit; each counts as one of its own, so that "
    "intervals are too narrow where they belong together."
)
_ID = 16
"""Digits of an id by content; what follows numbers equal items, which are one unit."""
_AT_ONCE = 1 << 16
"""Items that are compared together, as Python's texts take ten times the memory of those that are kept."""


def told_of_units(observed: Observed) -> list[Remark]:
    """Return the remark that some items name no unit, where others of the same role do."""
    from detectors.result import Remark

    own = asked = 0
    for frame in observed.values():
        if "unit" not in frame:
            continue
        parts = (frame["unit"].iloc[start : start + _AT_ONCE] for start in range(0, len(frame), _AT_ONCE))
        if 0 < (count := sum(map(_alone, parts))) < len(frame):
            own, asked = own + count, asked + len(frame)
    return [Remark(KEY, {"own_count": float(own), "asked_count": float(asked)})] if own else []


def _alone(units: pd.Series[Any]) -> int:
    """Return how many items name no unit, or their own id."""
    ids, told = units.index.astype(str), units.astype(object)
    return int((told.isna() | (told == ids) | (told == ids.str[:_ID])).sum())
