"""Independent units: what is drawn, counted and put in order is a unit, with all of its items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Observed
    from detectors.result import Measure

__all__ = ["Part", "Units", "ends_of_means", "in_random_order", "is_mean", "part_of", "unit_means", "unit_sizes"]


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
    means = unit_means(items, measure)
    return not np.isnan(means).all() and bool(np.isclose(np.nanmean(means), measure.value, rtol=0, atol=1e-9))


def unit_means(items: pd.DataFrame, measure: Measure) -> np.ndarray:
    """Return the means [n] of the units that a measure counts, in the order in which units come first.

    An item without an answer is left out, and a unit of such items is NaN.
    """
    return _means(*_counted(items, measure))


def ends_of_means(items: pd.DataFrame, measure: Measure) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the most [n] that these means may be: what has no answer is taken for 0, and for 1."""
    values, units = _counted(items, measure)
    least = _means(values.fillna(0.0), units)
    return least, _means(values.fillna(1.0), units) if values.hasnans else least


def _counted(items: pd.DataFrame, measure: Measure) -> tuple[pd.Series[float], pd.Series[str]]:
    """Return value and unit of every item that a measure counts."""
    import numpy as np
    import pandas as pd

    from detectors.arrays import units_of
    from detectors.result import counted

    assert measure.mean_of is not None
    for column, text in (measure.where or {}).items():
        items = items[items[column].astype(str) == text]
    asked = items[counted(items, measure.mean_of)]
    # a hair outside [0, 1] is rounding; what is further out does not give the number
    values = np.clip(asked[measure.mean_of].to_numpy(float), 0, 1)
    return pd.Series(values, asked.index), units_of(asked, measure.unit_of)


def _means(values: pd.Series[float], units: pd.Series[str]) -> np.ndarray:
    import numpy as np

    return np.asarray(values if units.is_unique else values.groupby(units.to_numpy(), sort=False).mean())


@immutable
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
