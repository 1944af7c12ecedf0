"""Early stopping that keeps its promise: ask unit by unit in random order until a confidence sequence decides.

    measure = mean over units of an items column          RateTest watches the units as they come in

The interval covers at every stopping time, so looking costs nothing (`detectors.sequential`). What holds for the
measure that decides holds for every mean over units of numbers in [0, 1], also over those of one group: units of other
groups leave its bettors' capital as it is. Each of them gets its own sequence. An interval for a sample of fixed size
is not valid where looking decided the size, so no other measure of such a check has an interval. The order is that of
the observations, so a stored audit is judged again to the same number. What gave no answer is played as the least that
it could have been against "above", and as the most against "below".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audit.errors import UsageError
from audit.record import Limit, watched
from audit.verdict.missing import too_much_missing
from audit.verdict.units import ends_of_means, is_mean, unit_means
from detectors.phrases import Method

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.verdict.units import Part
    from detectors.result import Measure, Result
    from detectors.sequential import RateTest

__all__ = [
    "METHOD", "METHOD_OF_PART", "MOST_BETWEEN_LOOKS", "NO_INTERVAL", "begun", "early_stopped", "interim",
    "looks_after", "sequenced", "watch",
]

MOST_BETWEEN_LOOKS = 32
"""Independent units asked between two looks, at most; next to a verdict it is one."""
METHOD = Method("confidence sequence (betting) over unit means in random order")
METHOD_OF_PART = Method("confidence sequence (betting) over unit means, for a part of the benchmark")
NO_INTERVAL = Method("none; the check stops early, and this is no mean over its units")


def begun(limit: Limit, level: float, keeps: float | None = None, population: int | None = None) -> RateTest:
    """Return the test of a limit before anything was seen; UsageError unless the limit is one bound inside (0, 1).

    keeps: level of the interval by which the check passes, where it fails by another one. population: number of units
    of the benchmark whose own mean is meant.
    """
    from detectors.sequential import RateTest

    bounds = [bound for bound in (limit.at_least, limit.at_most) if bound is not None]
    if len(bounds) != 1 or not 0 < bounds[0] < 1:
        raise UsageError("stop: early needs a limit with one bound, between 0 and 1 and neither of them")
    return RateTest(bounds[0], watched(limit, level, keeps), population=population)


def watch(
    result: Result, limit: Limit, level: float, keeps: float | None = None, part: Part | None = None
) -> RateTest:
    """Return the test of a limit after all that was seen; levels as in `begun`, part of a benchmark as in `stopped`.

    Raises UsageError as `begun` does, and where the limit's measure is no mean over units of numbers in [0, 1].
    """
    measure = result.measure(limit.measure, limit.group)
    if measure.value is None:
        return begun(limit, level, keeps)
    if result.items is None or not is_mean(result.items, measure):
        raise UsageError(f"stop: early needs a measure that is a mean over units; {limit.measure} is not one")
    ends = ends_of_means(result.items, measure)
    test = begun(limit, level, keeps, _population(ends[0], part))
    test.update(*ends)
    return test


def _population(means: np.ndarray, part: Part | None) -> int | None:
    """Return the size of the benchmark that a measure speaks of; None where it does not count every unit of it."""
    return part.population if part is not None and len(means) == part.asked else None


def looks_after(
    result: Result, limit: Limit, level: float, keeps: float | None = None, part: Part | None = None
) -> int:
    """Return how many units to ask before the next look; 0 where the limit is decided. Raises as `watch` does."""
    test = watch(result, limit, level, keeps, part)
    if test.verdict is None:
        left = MOST_BETWEEN_LOOKS if part is None else part.population - part.asked
        return test.quiet(min(MOST_BETWEEN_LOOKS, left)) if left else 0
    return MOST_BETWEEN_LOOKS if too_much_missing(result.measure(limit.measure, limit.group)) else 0


def early_stopped(result: Result, limit: Limit, level: float, part: Part | None = None) -> Result:
    """Return the result of a check that looked as it went; every interval left is valid wherever it stopped.

    part: how much of a benchmark was asked, where its own numbers are meant; of all of it they are known. Raises
    UsageError as `watch` does.
    """
    from audit.verdict.finite_population import on_benchmark

    watch(result, limit, level, part=part)
    if part is not None and part.whole:
        return on_benchmark(result, part)
    return replace(result, measures=tuple(_watched(result, one, level, part) for one in result.measures))


def interim(result: Result, limit: Limit, level: float, part: Part | None = None) -> Measure | None:
    """Return the measure of a limit as it would stand if the check stopped now; None where it has no value yet.

    Its confidence sequence holds at every look, so that whoever looks on changes nothing of what it is worth.
    """
    measure = result.measure(limit.measure, limit.group)
    if measure.value is None or result.items is None or not is_mean(result.items, measure):
        return None
    return sequenced(measure, result.items, level, part)


def _watched(result: Result, measure: Measure, level: float, part: Part | None) -> Measure:
    """Return a measure with its confidence sequence; without an interval where it can have none."""
    if measure.low is None and measure.high is None:
        return measure
    if result.items is None or not is_mean(result.items, measure):
        return replace(measure, low=None, high=None, method=NO_INTERVAL, min_units=0, worst_coverage=None)
    return sequenced(measure, result.items, level, part)


def sequenced(measure: Measure, items: pd.DataFrame, level: float, part: Part | None = None) -> Measure:
    """Return a mean over units with its value and its confidence sequence, from the items in their order."""
    import numpy as np

    from detectors.sequential import confidence_sequence

    value = float(np.nanmean(unit_means(items, measure)))
    least, most = ends_of_means(items, measure)
    population = _population(least, part)
    low, high = confidence_sequence(least, level, population=population, most=most)
    n = measure.n if population is None else {**measure.n, "population": population}
    return replace(
        measure, value=value, low=min(low, value), high=max(high, value), min_units=0, worst_coverage=None,
        guarantee="finite sample", measured_to=None, method=METHOD if population is None else METHOD_OF_PART, n=n,
    )
