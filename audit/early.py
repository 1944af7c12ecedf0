"""Early stopping that keeps its promise: ask unit by unit in random order until a confidence sequence decides.

    measure = mean over units of an items column          RateTest watches the units as they come in

The interval covers at every stopping time, so looking after each batch costs nothing (`detectors.sequential`). The
order is that of the observations, so a stored audit is judged again to the same number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from audit.errors import UsageError
from audit.record import Limit

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from detectors.result import Measure, Result
    from detectors.sequential import RateTest

__all__ = ["BATCH", "count_units", "in_random_order", "stopped", "unit_shards"]

BATCH = 8
"""Independent units asked between two looks."""
METHOD = "confidence sequence (betting) over unit means in random order"


def in_random_order(items: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the items with their units in random order, the items of a unit together and in their own order."""
    import numpy as np
    import pandas as pd

    labels = _labels(items)
    codes, units = pd.factorize(labels, sort=True)  # so that the order of the file says nothing
    rank = np.argsort(rng.permutation(len(units)))
    return items.iloc[np.argsort(rank[codes], kind="stable")]


def _labels(items: pd.DataFrame) -> pd.Series[str]:
    import pandas as pd

    own = pd.Series(items.index.astype(str), items.index)
    return items["unit"].fillna(own).astype(str) if "unit" in items.columns else own


def count_units(batches: Iterator[pd.DataFrame]) -> tuple[int, int]:
    """Return (items, units): how many items there are, and of how many independent units."""
    import pandas as pd

    labels = [_labels(batch) for batch in batches]
    return sum(map(len, labels)), int(pd.concat(labels).nunique()) if labels else 0


def unit_shards(items: pd.DataFrame, units: int = BATCH) -> Iterator[pd.DataFrame]:
    """Cut items into frames of so many whole units."""
    import pandas as pd

    codes, _ = pd.factorize(_labels(items))
    for start in range(0, int(codes.max()) + 1 if len(codes) else 0, units):
        yield items[(codes >= start) & (codes < start + units)]


def stopped(result: Result, limit: Limit, level: float) -> tuple[Result, bool]:
    """Return the result with the confidence sequence as the limit's interval, and whether it decides.

    Raises UsageError where the measure is no mean over units of [0, 1], or the limit is not one bound inside (0, 1).
    """
    from detectors.sequential import RateTest

    measure = result.measure(limit.measure, limit.group)
    if measure.mean_of is None or measure.where is not None or measure.group is not None or result.items is None:
        raise UsageError(f"stop: early needs a measure that is a mean over units; {limit.measure} is not one")
    bounds = [bound for bound in (limit.at_least, limit.at_most) if bound is not None]
    if len(bounds) != 1 or not 0 < bounds[0] < 1:
        raise UsageError("stop: early needs a limit with one bound, between 0 and 1 and neither of them")
    outcomes = _unit_means(result.items, measure)
    test = RateTest(bounds[0], level)
    test.update(outcomes)
    return replace(result, measures=_with(result, measure, test, outcomes)), test.verdict is not None


def _unit_means(items: pd.DataFrame, measure: Measure) -> np.ndarray:
    import numpy as np

    assert measure.mean_of is not None
    scored = items[items[measure.mean_of].notna()]
    labels = scored[measure.unit_of] if measure.unit_of is not None else scored.index
    means = scored[measure.mean_of].astype(float).groupby(np.asarray(labels), sort=False).mean()
    return np.asarray(means)


def _with(result: Result, measure: Measure, test: RateTest, outcomes: np.ndarray) -> tuple[Measure, ...]:
    if not len(outcomes):
        return result.measures
    value = float(outcomes.mean())
    low, high = test.interval
    now = replace(measure, value=value, low=min(low, value), high=max(high, value), method=METHOD, min_units=0)
    return tuple(now if one is measure else one for one in result.measures)
