"""How many units would decide, and how little beyond a limit a passed check would have seen.

    0/1 rates      exact: ends of the binomial interval, tails of the binomial (`detectors.power`)
    other means    the width of an interval goes as 1/sqrt(n), unless it was cut at the end of a range, as that of a
                   ratio in which a tiny group may be anything; power depends on how alike items of a unit are: not told
    AUROC          which sample values decide, and how they vary about a true one (`detectors.power.aurocs_decided`)
    anything else  as other means

How many supposes that the value stays what it is now. Adding units and judging all of them again breaks the level, as
looking at what came of the first decided that there be more: a fresh sample is needed, which is judged alone. Only of a
benchmark the rest is sure to decide. Where answers are missing, the interval holds their worst case, which does not
shrink with n: nothing is said then.
"""

from __future__ import annotations

import math

from audit.record import Limit, SmallestEffect, watched
from detectors.immutable import immutable
from detectors.phrases import Method
from detectors.result import Measure

__all__ = ["POWER", "RANDOM_CHECK", "fresh_units", "more_units", "smallest_effect", "unit_count"]

POWER = 0.8
"""Probability with which an effect is said to be seen."""
RANDOM_CHECK = Method("exact, by a random check of the items not looked at before")
"""Method of a number after review that only a further check narrows."""
MOST = 10**6
"""More units than this are not worth a figure."""
_RANGE_ENDS = (-1.0, 0.0, 1.0)
"""Where intervals are cut, as that of a largest gap at 0 and that of a ratio at 1."""


@immutable
class _Interval:
    """A value with its interval, and the n units that it rests on."""

    value: float
    low: float
    high: float
    level: float
    units: int
    kind: str
    """`exact` and `sequence`: of k events in n, by the binomial or by betting; `mean` of [0, 1]; `auroc`; `other`."""


def unit_count(measure: Measure) -> int:
    """Return how many independent units a measure rests on."""
    return measure.n["units"] if "units" in measure.n else measure.n.get("items", 0)


def more_units(measure: Measure) -> int | None:
    """Return how many more units are sure to decide: the rest of a benchmark; None where there is none.

    For a measure whose interval crosses the limit.
    """
    if "population" not in measure.n or measure.missing or measure.interval == "random check":
        return None
    return measure.n["population"] - unit_count(measure) or None


def fresh_units(measure: Measure, limit: Limit) -> int | None:
    """Return of about how many units a fresh sample would decide, to two digits; None unknown.

    For a measure whose interval crosses the limit. Unknown for the one that lies farthest of several groups: its units
    are those of its group, and the others have to be told too.
    """
    needed = None if measure.reach is not None else _needed(measure, limit)
    return _two_digits(needed) if needed is not None and unit_count(measure) < needed < MOST else None


def _needed(measure: Measure, limit: Limit) -> int | None:
    """Return the number of units at which the interval would lie on one side of the limit; None unknown."""
    seen = _interval(measure)
    bounds = [bound for bound in (limit.at_least, limit.at_most) if bound is not None]
    if seen is None or any(seen.value == bound and seen.low < bound < seen.high for bound in bounds):
        return None
    if seen.kind == "exact":
        return _needed_exact(seen, limit)
    if seen.kind == "sequence" and len(bounds) == 1:
        return _needed_in_sequence(seen, bounds[0])
    return _needed_by_width(seen, bounds)


def smallest_effect(
    measure: Measure, limit: Limit, budget: int | None = None, keeps: float | None = None
) -> SmallestEffect | None:
    """Return the mildest true values beyond the limit that the check would have failed with `POWER`.

    `budget`: the units that a check which stops early might have asked; None for the measure's own. `keeps`: level of
    the interval by which it passes; None for the measure's own. None where the
    interval tells nothing of how uncertain the measure would be at other true values.
    """
    seen = _interval(measure)
    if seen is None or seen.low == seen.high or seen.kind not in ("exact", "sequence", "auroc"):
        return None
    from detectors.power import EXACT_BUDGET, aurocs_decided, early_rates, rates_decided

    units, found = budget or seen.units, {}
    exact = seen.kind == "exact" or (seen.kind == "sequence" and units <= EXACT_BUDGET)
    for side, bound in enumerate((limit.at_least, limit.at_most)):
        if bound is None:
            continue
        levels = watched(limit, seen.level, keeps)
        if measure.interval == "sequence":
            value = early_rates(units, bound, levels, POWER)[side] if 0 < bound < 1 else None
        elif seen.kind == "auroc":
            value = aurocs_decided(units, bound, seen.level, POWER)[side] if 0 < bound < 1 else None
        else:
            value = rates_decided(seen.units, bound, seen.level, POWER)[side]
        found["above" if side else "below"] = value
    return SmallestEffect(power=POWER, units=units, exact=exact, **found)


def _interval(measure: Measure) -> _Interval | None:
    if measure.value is None or measure.low is None or measure.high is None:
        return None
    if measure.missing or not unit_count(measure):
        return None
    if measure.interval == "random check":  # what narrows it is a further draw
        return None
    if "population" in measure.n:  # a benchmark's own number: nothing else could have been true of it and look so
        return None
    facts = (measure.value, measure.low, measure.high, measure.level, unit_count(measure))
    return _Interval(*facts, kind=_kind(measure))


def _kind(measure: Measure) -> str:
    """Return which kind of number an interval is of, so that one at another n or value can be made.

    Where its units are not the trials or pairs that it rests on, they do not give it; where all of them agree, betting
    gives the exact one.
    """
    from detectors.intervals import exact_binomial, pairs_interval

    assert measure.value is not None
    assert measure.low is not None
    units, events = unit_count(measure), measure.value * unit_count(measure)
    counted = measure.unit == "share" and 0 <= measure.value <= 1 and abs(events - round(events)) < 1e-6
    if counted and measure.interval == "sequence" and measure.n.get("items", units) == units:
        return "sequence"
    if counted and measure.interval != "sequence":
        ends = exact_binomial(round(events), units, measure.level)
        if all(math.isclose(a, b or 0, abs_tol=1e-9) for a, b in zip(ends, (measure.low, measure.high), strict=True)):
            return "exact"
    if measure.interval == "auroc":
        ends = pairs_interval(measure.value, units, measure.level)
        return "auroc" if math.isclose(ends[0], measure.low, abs_tol=1e-6) else "other"
    return "mean" if measure.mean_of is not None and measure.unit == "share" and measure.low >= 0 else "other"


def _needed_exact(seen: _Interval, limit: Limit) -> int | None:
    """Return the least n whose exact interval about this rate decides."""
    from detectors.intervals import exact_binomial

    def decides(units: int) -> bool:
        low, high = exact_binomial(seen.value * units, units, seen.level)
        return _decided(float(low), float(high), limit)

    low, high = seen.units, 2 * seen.units
    while not decides(high):
        low, high = high, 2 * high
        if high > 2 * MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def _decided(low: float, high: float, limit: Limit) -> bool:
    lower = -math.inf if limit.at_least is None else limit.at_least
    upper = math.inf if limit.at_most is None else limit.at_most
    return (lower <= low and high <= upper) or high < lower or low > upper


def _needed_in_sequence(seen: _Interval, bound: float) -> int | None:
    """Return the least n at which a `RateTest` decides if events go on coming at this rate."""
    from detectors.sequential import decided_at

    needed = decided_at(seen.value, bound, seen.level) if 0 < bound < 1 else None
    return None if needed is None else max(needed, seen.units + 1)


def _needed_by_width(seen: _Interval, bounds: list[float]) -> int | None:
    """Return the n at which the interval has shrunk to the nearest bound, its width going as 1/sqrt(n).

    None where it was cut at the end of its range, which hides how wide it is.
    """
    needs = [0.0]
    for bound in bounds:
        if seen.low < bound < seen.high:
            end = seen.high if bound > seen.value else seen.low
            if end in _RANGE_ENDS:
                return None
            needs.append(seen.units * ((end - seen.value) / (seen.value - bound)) ** 2)
    return math.ceil(max(needs))


def _two_digits(count: int) -> int:
    """Round up to two digits: the number is a guide, and should look like one."""
    scale = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // scale) * scale
