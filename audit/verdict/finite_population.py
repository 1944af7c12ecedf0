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

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from audit.plan.checks import Check, Plan
    from audit.probe import Observed, Probe
    from audit.record.schema import Finding
    from detectors.result import Measure, Result

__all__ = [
    "Part", "of_benchmark", "on_benchmark", "part_of", "plan_for", "random_part", "repeatable", "told_of_target",
    "units_within",
]


@dataclass(frozen=True)
class Part:
    """How many independent units of a benchmark were asked."""

    asked: int
    population: int

    @property
    def whole(self) -> bool:
        """Whether all of it was."""
        return self.asked >= self.population


def repeatable(probe: Probe, observed: Observed | None = None) -> bool:
    """Tell whether asking again would give the same answers, as far as probe and observations say."""
    if not getattr(probe, "repeatable", False):
        return False
    frames = [] if observed is None else [frame for frame in observed.values() if "likelihood" in frame]
    return all(frame["likelihood"].dropna().eq("exact").all() for frame in frames)


def plan_for(check: Check, plan: Plan, model: object, *, drawn: bool) -> Plan:
    """Return the plan as it holds for a check: of a population where its answers are drawn.

    drawn: whether the model was seen to answer equal questions differently; so it does where the temperature is left to
    its server.
    """
    by_server = drawn or "temperature" in getattr(model, "left_out", ())
    if repeatable(check.probe) and not (by_server and check.probe.needs):
        return plan
    return replace(plan, target="population")


def part_of(observed: Observed, population: int | None) -> Part | None:
    """Return which part of a benchmark of so many units was observed; None where there is no benchmark."""
    from audit.verdict.early_stopping import labels_of

    return None if population is None else Part(labels_of(observed["items"]).nunique(), population)


def random_part(ordered: pd.DataFrame, items: int | None) -> pd.DataFrame:
    """Return the first units of items in random order: as many as never hold more than so many items together.

    How many is fixed beforehand, by the largest units, so that which come does not depend on how large they are.
    """
    from audit.verdict.early_stopping import Units, labels_of

    if items is None or items >= len(ordered):
        return ordered
    return Units(ordered).take(units_within(labels_of(ordered), items))


def units_within(labels: pd.Series[str], items: int) -> int:
    """Return how many units never hold more than so many items together, whichever they are; one at least."""
    return max(1, int((labels.value_counts().cumsum() <= items).sum()))


def on_benchmark(result: Result, part: Part) -> Result:
    """Return the result of a full check with intervals for the benchmark's own numbers, where there are any."""
    return replace(result, measures=tuple(of_benchmark(one, result.items, part) for one in result.measures))


def of_benchmark(measure: Measure, items: pd.DataFrame | None, part: Part) -> Measure:
    """Return a measure of a full check with its interval for the benchmark; as it is where it has none."""
    import numpy as np

    from audit.verdict.early_stopping import is_mean, unit_means
    from detectors.intervals import ALL_OF_IT, mean_of_finite

    if measure.value is None or measure.low is None or measure.high is None:
        return measure
    if items is None or not is_mean(items, measure):
        whole = part.whole and not measure.missing
        return _settled(measure, measure.value, measure.value, ALL_OF_IT, part) if whole else measure
    least, most = (unit_means(items, measure, fill) for fill in (0.0, 1.0))
    if not part.whole and len(least) != part.asked:
        return measure
    single = measure.n.get("items", 0) + measure.missing == len(least) and measure.method.startswith("exact ")
    size = len(least) if part.whole else part.population
    order = np.random.default_rng(0).permutation(len(least))  # that of the items may be that of a file
    low, high, method = mean_of_finite(least[order], most[order], size, measure.level, single=single)
    return _settled(measure, low, high, method, part)


def _settled(measure: Measure, low: float, high: float, method: str, part: Part) -> Measure:
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
