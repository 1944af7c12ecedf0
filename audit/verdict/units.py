"""Independent units: what is drawn, counted and put in order is a unit, with all of its items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Observed
    from detectors.result import Measure

__all__ = ["Part", "Units", "in_random_order", "is_mean", "part_of", "unit_means", "unit_sizes"]


def in_random_order(items: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the items with their units in random order, the items of a unit together and in their own order."""
    import numpy as np
    import pandas as pd

    from detectors.arrays import units_of

    codes, units = pd.factorize(units_of(items), sort=True)  # so that the order of the file says nothing
    rank = np.argsort(rng.permutation(len(units)))
    return items.iloc[np.argsort(rank[codes], kind="stable")]


def unit_sizes(batches: Iterator[pd.DataFrame]) -> tuple[int, ...]:
    """Return how many items each independent unit has."""
    import pandas as pd

    from detectors.arrays import units_of

    labels = [units_of(batch) for batch in batches]
    return tuple(map(int, pd.concat(labels).value_counts(sort=False))) if labels else ()


class Units:
    """Items to be taken by so many whole units at a time, in the order in which units come first."""

    def __init__(self, items: pd.DataFrame) -> None:
        import pandas as pd

        from detectors.arrays import units_of

        self._items, (self._codes, names) = items, pd.factorize(units_of(items))
        self.left = len(names)
        self._taken = 0

    def take(self, units: int) -> pd.DataFrame:
        """Return the items of the next units."""
        start, end = self._taken, self._taken + units
        self._taken, self.left = end, max(0, self.left - units)
        return self._items[(self._codes >= start) & (self._codes < end)]


def is_mean(items: pd.DataFrame, measure: Measure) -> bool:
    """Tell whether a measure is a mean over units of numbers in [0, 1], and the items give it."""
    import numpy as np

    columns = [measure.mean_of, *(measure.where or {})]
    if measure.unit != "share" or not set(columns) <= set(items.columns):
        return False
    if measure.value is None or (measure.group is not None and measure.where is None):
        return False
    means = unit_means(items, measure, np.nan)
    return not np.isnan(means).all() and bool(np.isclose(np.nanmean(means), measure.value, rtol=0, atol=1e-9))


def unit_means(items: pd.DataFrame, measure: Measure, missing: float) -> np.ndarray:
    """Return the means [n] of the units that a measure counts, in the order in which units come first.

    missing: what an item without an answer is taken for; NaN leaves it out, and a unit of such items is NaN.
    """
    import numpy as np

    from detectors.arrays import units_of
    from detectors.result import counted

    assert measure.mean_of is not None
    for column, text in (measure.where or {}).items():
        items = items[items[column].astype(str) == text]
    asked = items[counted(items, measure.mean_of)]
    # a hair outside [0, 1] is rounding; what is further out does not give the number
    values = asked[measure.mean_of].astype(float).clip(0, 1).fillna(missing)
    return np.asarray(values.groupby(units_of(asked, measure.unit_of).to_numpy(), sort=False).mean())


@dataclass(frozen=True)
class Part:
    """How many independent units of a benchmark were asked."""

    asked: int
    population: int

    @property
    def whole(self) -> bool:
        """Whether all of it was."""
        return self.asked >= self.population


def part_of(observed: Observed, population: int | None) -> Part | None:
    """Return which part of a benchmark of so many units was observed; None where there is no benchmark."""
    from detectors.arrays import units_of

    return None if population is None else Part(units_of(observed["items"]).nunique(), population)
