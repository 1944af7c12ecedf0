"""What was asked and gave no usable answer, and when it is too much for anything to be decided.

    missing / asked > 1/3     no limit is decided, whatever the worst-case interval says
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.record import MeasureRecord
    from detectors.result import Measure

__all__ = ["MOST_MISSING", "asked_of", "too_much_missing"]

MOST_MISSING = 1 / 3
"""Largest share of what was asked that may be missing where a limit is decided. Whatever the bounds say, a number that
rests on the answers to fewer than two questions of three speaks of the questions that get an answer, not of the model.
"""


def asked_of(measure: Measure | MeasureRecord) -> int:
    """Return how many items were asked; where a measure rests on further ones, such as labelled items, its n tells."""
    return measure.n.get("asked", measure.missing + measure.n.get("items", 0))


def too_much_missing(measure: Measure | MeasureRecord) -> bool:
    """Tell whether so many items gave no usable answer that the measure decides nothing."""
    return measure.missing > MOST_MISSING * asked_of(measure)
