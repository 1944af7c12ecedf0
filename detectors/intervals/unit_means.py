"""The mean over independent units, whatever they hold: exact where every unit is one 0/1 trial, else by betting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals.betting import betting_mean
from detectors.intervals.exact import exact_binomial
from detectors.phrases import Method

__all__ = ["UnitMean", "mean_over_units", "mostly_single"]


SINGLE = 0.9
"""Share of units with one item from which on drawing the others' outcomes costs nothing worth a bet."""
_EXACT = Method("exact binomial (Clopper-Pearson)")
_BETTING = Method("betting (hedged capital) over unit means")


@immutable
class UnitMean:
    """A mean over independent units; the fields are those of a `Measure`."""

    value: float
    """Mean over units of the unit means, of the items that gave an answer."""
    low: float
    high: float
    items: int
    """Items that gave an answer."""
    units: int
    """Units with such an item."""
    method: Method
    missing: int = 0
    """Items that gave none; [low, high] holds whatever they would have been."""

    @property
    def n(self) -> dict[str, int]:
        """Return what the mean rests on, as a measure wants it."""
        return {"items": self.items, "units": self.units}


def mean_over_units(
    values: ArrayLike, units: ArrayLike | None = None, *, level: float, rng: np.random.Generator,
    worst: tuple[ArrayLike, ArrayLike] = (0.0, 1.0), binary: bool = False,
) -> UnitMean:
    """Return the mean over independent units with an interval that covers at every n and rate.

    values [item]: numbers in [0, 1], NaN = asked and no answer; units [item]: label of the independent unit (template,
    writer, prompt) of each item, None where every item is one. Units weigh the same however many items they have.
    The interval is that of betting over the unit means, in an order shuffled by `rng`. binary: values are 0 or 1 by
    what they are (a tie counts half); if then nine units in ten or more have one item, it is the exact binomial one,
    in which a unit between 0 and 1 counts as 1 with a probability of its mean, drawn by `rng`, so that units are 0/1
    trials of the same mean. Neither choice looks at the values, which would break the guarantee.

    Where answers are missing, `low` is the lower end with each the least that it could have been and `high` the upper
    end with each the most, `worst` = (least, most), each [item] or one number: it covers the mean over all that were
    asked whatever made them be missing (Horowitz & Manski 2000, JASA 95:77).
    Raises ValueError for no answers, for values outside [0, 1] and for labels of another length.
    """
    numbers = np.asarray(values, dtype=float)
    codes = None if units is None else _codes(np.asarray(units), numbers)
    lost = np.isnan(numbers)
    if not (~lost).any():
        raise ValueError(f"mean_over_units: got {len(numbers)} values, none of them an answer; allowed: one or more")
    if lost.any():
        least, most = (_unit_means(np.where(lost, fill, numbers), codes) for fill in worst)
        known = _unit_means(numbers[~lost], None if codes is None else codes[~lost])
    else:
        least = most = known = _unit_means(numbers, codes)
    order = rng.permutation(len(least))
    if binary and (codes is None or mostly_single((sizes := np.bincount(codes))[sizes > 0])):
        method, (low, high) = _EXACT, _of_trials(least, most, level, rng)
    else:
        method, (low, high) = _BETTING, betting_mean(least[order], level)
        if lost.any():
            _, high = betting_mean(most[order], level)
    value = float(known.mean())  # rounding, or what was drawn, may leave it outside
    return UnitMean(
        value, min(low, value), max(high, value), int((~lost).sum()), len(known), method, missing=int(lost.sum())
    )


def _of_trials(least: Floats, most: Floats, level: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return the exact (low, high) of units that are 0/1 trials, at the least and at the most that they may be."""
    certain = all(((one == 0) | (one == 1)).all() for one in (least, most))
    drawn = 0.5 if certain else rng.random(len(least))
    (low, _), (_, high) = (exact_binomial(int((drawn < one).sum()), len(one), level) for one in (least, most))
    return low, high


def mostly_single(sizes: ArrayLike) -> bool:
    """Tell whether nine units in ten or more have one item, by the number of items [unit]."""
    return bool(np.count_nonzero(np.asarray(sizes) != 1) <= (1 - SINGLE) * np.size(sizes) + 1e-9)


def _unit_means(values: Floats, codes: NDArray[np.integer[Any]] | None) -> Floats:
    """Return the mean of each unit that there is, in the order of the codes; the values where every item is one."""
    if codes is None:
        return values
    sizes = np.bincount(codes)
    sums = np.bincount(codes, weights=values)
    there = sizes > 0
    return sums / sizes if there.all() else sums[there] / sizes[there]


def _codes(units: NDArray[Any], values: Floats) -> NDArray[np.integer[Any]]:
    """Return labels as small numbers in the same order; such numbers, as `places_in_order` gives, as they are."""
    if values.shape != units.shape:
        raise ValueError(f"mean_over_units: got {units.shape} labels for {values.shape} values; allowed: one each")
    if units.dtype.kind == "i" and units.size and units.min() >= 0 and units.max() < 2 * units.size:
        return units
    return np.unique(units, return_inverse=True)[1]
