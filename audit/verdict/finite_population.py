"""`target: benchmark`: the data are the finite set that the numbers speak of, not a sample of items like them.

    all of it was asked              [value, value]: no sampling error; missing answers still give worst-case bounds
    a part, by `limit` or early      drawn at random without replacement: `detectors.intervals.mean_of_finite`, or the
                                     confidence sequence of a population of that size

That takes answers that are the model's and not one draw of many: from log-probabilities, or the likeliest token each
time. Probes that ask so, and judge nothing but what was asked, say it by `repeatable`; where a likelihood turns out to
be an estimate, which is drawn, or a server answers equal questions differently, the check speaks of a population all
the same. So do measures of a part that are no mean over all of its units: groups, and numbers that are not in [0, 1].
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.verdict.units import Part
from detectors.phrases import Method

if TYPE_CHECKING:
    import pandas as pd

    from audit.record import Finding
    from detectors.result import Measure, Result

__all__ = ["of_benchmark", "on_benchmark", "told_of_target"]


def on_benchmark(result: Result, part: Part) -> Result:
    """Return the result of a full check with intervals for the benchmark's own numbers, where there are any."""
    return replace(result, measures=tuple(of_benchmark(one, result.items, part) for one in result.measures))


def of_benchmark(measure: Measure, items: pd.DataFrame | None, part: Part) -> Measure:
    """Return a measure of a full check with its interval for the benchmark; as it is where it has none."""
    import numpy as np

    from audit.verdict.units import ends_of_means, is_mean
    from detectors.intervals import ALL_OF_IT, mean_of_finite

    if measure.value is None or measure.low is None or measure.high is None:
        return measure
    if items is None or not is_mean(items, measure):
        whole = part.whole and not measure.missing
        return _settled(measure, measure.value, measure.value, ALL_OF_IT, part) if whole else measure
    least, most = ends_of_means(items, measure)
    if not part.whole and len(least) != part.asked:
        return measure
    single = measure.n.get("items", 0) + measure.missing == len(least) and measure.interval == "exact"
    size = len(least) if part.whole else part.population
    order = np.random.default_rng(0).permutation(len(least))  # that of the items may be that of a file
    low, high, method = mean_of_finite(least[order], most[order], size, measure.level, single=single)
    return _settled(measure, low, high, method, part)


def _settled(measure: Measure, low: float, high: float, method: Method, part: Part) -> Measure:
    """Return a measure with an interval for the benchmark, which is proved."""
    assert measure.value is not None
    return replace(
        measure, low=min(low, measure.value), high=max(high, measure.value), method=method,
        n={**measure.n, "population": part.population}, min_units=0, worst_coverage=None, measured_to=None,
        guarantee="finite sample",
    )


def told_of_target(finding: Finding, target: str) -> Finding:
    """Return the finding with the remark that it speaks of a population, where the plan speaks of a benchmark."""
    if target == "population" or finding.population is not None or not finding.measures:
        return finding
    told: dict[str, Any] = {"key": "drawn"}
    return finding.model_copy(update={"remarks": [told, *finding.remarks]})
