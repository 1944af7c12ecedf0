"""Items that name no independent unit where others do: each counts as one of its own, and the finding says how many.

    units a, a, b, -, -      two items are taken for units of their own: 4 units, not 2

Where such items belong together after all, an interval is narrower than it should be; that nobody can see but who made
the data, so it is told before the numbers. An item named after its own id counts as one that names none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


def told_of_units(observed: Observed) -> list[Remark]:
    """Return the remark that some items name no unit, where others of the same role do."""
    from detectors.result import Remark

    own = asked = 0
    for frame in observed.values():
        if "unit" not in frame:
            continue
        ids, units = frame.index.astype(str), frame["unit"].astype(object)
        alone = units.isna() | (units == ids) | (units == ids.str[:_ID])
        if 0 < (count := int(alone.sum())) < len(frame):
            own, asked = own + count, asked + len(frame)
    return [Remark(KEY, {"own_count": float(own), "asked_count": float(asked)})] if own else []
