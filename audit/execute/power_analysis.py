"""What the checks of a plan will be able to see, told before a model is opened.

    level -> units in the data -> true rates that pass and fail with 80 % power -> units that it takes

Whether a limit speaks of a rate is learnt from the probe's own clean control: its judge says whether the measure is a
mean over units of numbers that are 0 or 1. Where nearly every unit is one item, all figures are exact. Where units have
several items, all depends on how alike these are: the figures are simulated for an intraclass correlation that is given
or estimated on an earlier audit, and without one there are none. Of any other measure nothing is known before the run.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from audit.errors import UsageError
from audit.execute.dry_run import Sizes, known_lack, shared_with
from audit.execute.target import repeatable
from audit.execute.too_few_items import Lack, lacks_of
from audit.record import Audit, Limit, watched
from audit.seeds import rng_for
from audit.verdict import POWER
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.plan import Check, Plan
    from detectors.clustered import Clustered
    from detectors.result import Measure

__all__ = ["CheckSize", "Range", "RateSize", "size_plan"]

_NO_RATE = (math.inf, -math.inf)
"""Ends of an empty range."""


@immutable
class Range:
    """True rates from `low` to `high`, both in."""

    low: float
    high: float


@immutable
class RateSize:
    """What a limit on a rate will be able to see."""

    exact: bool
    passes: Range | None
    """True rates that pass with 80 % power; None where none does."""
    fails_below: float | None
    """Rates down from this one fail with 80 % power."""
    fails_above: float | None
    """Rates up from this one likewise."""
    rate: float
    """The true rate that shall be told from the limit."""
    units_needed: int | None
    """Units from which on it is, with 80 % power, by the full check; None where it is the limit or too near."""
    median_units: int | None = None
    """Units that a check which stops early asks in half of all audits at that rate, if it decides in so many."""
    median_calls: int | None = None


@immutable
class CheckSize:
    """One check before it runs."""

    check: str
    probe: str
    kind: Literal["gating", "exploratory", "measured"]
    level: float
    """Confidence of its intervals; of an exploratory check the strictest that its family may come to."""
    keeps: float | None
    """Confidence of the interval by which it passes; None where that is `level`."""
    alpha: float
    """Its share of the error budget: 1 - level."""
    items: int
    units: int
    """Independent units in the data that the limit speaks of."""
    population: int | None
    """Units of the benchmark whose own number it is; None where they stand for others."""
    calls: int
    stop: Literal["full", "early"]
    limit: Limit | None
    rate: RateSize | None
    """None where the limit is on no rate, or there is none: not known before the run; and where all of a benchmark may
    be asked. For a part of it the figures are those of an endless population, which needs more."""
    clustered: bool = False
    """The limit is on a rate over units of several items."""
    icc: float | None = None
    """How alike the items of such a unit are taken to be; None where nobody says, and then there is no `rate`."""
    skipped: str | None = None
    """Why it will be skipped, where that is known without asking; it makes no calls."""
    shares: str | None = None
    """The check whose answers it takes over; it makes no calls of its own."""
    lacks: tuple[Lack, ...] = ()
    """What its data are too few for."""

    def as_json(self) -> dict[str, Any]:
        """Return the size as JSON data."""
        limit = None if self.limit is None else self.limit.model_dump(exclude_none=True)
        return {**asdict(self), "limit": limit}


def size_plan(
    plan: Plan, true: float | None = None, *, icc: float | None = None, pilot: Audit | None = None
) -> list[CheckSize]:
    """Return what each check will see; `true`: the rate to tell from each limit, None for half of the limit.

    icc: how alike the items of a unit are, 0 to 1; where None, as in the check of the same name of the audit `pilot`.
    Raises UsageError for a rate or correlation outside [0, 1].
    """
    for option, value in (("--true", true), ("--icc", icc)):
        if value is not None and not 0 <= value <= 1:
            raise UsageError(f"{option} {value:g}: got a number outside of what there is; allowed: 0 to 1")
    counted = Sizes()
    return [_size(plan, check, counted, true, icc, pilot) for check in plan.checks]


def _size(
    plan: Plan, check: Check, counted: Sizes, true: float | None, icc: float | None, pilot: Audit | None
) -> CheckSize:
    from detectors import power
    from detectors.clustered import Clustered
    from detectors.intervals import mostly_single

    measure = _measure(check, plan)
    role = "items" if measure is None or not measure.where else measure.where.get("role", "items")
    sizes = counted.units(check, role, plan.limit)
    size = _without_rate(plan, check, counted, sizes)
    if size.skipped or measure is None or check.limit is None or size.units in (0, size.population):
        return size
    if mostly_single(sizes):
        return replace(size, rate=_rate_size(power, check, check.limit, size, exact=True, true=true))
    alike = _alike(pilot, check.name, measure.name) if icc is None and pilot is not None else icc
    size = replace(size, clustered=True, icc=alike)
    if alike is None:
        return size
    return replace(size, rate=_rate_size(Clustered(sizes, alike), check, check.limit, size, exact=False, true=true))


def _without_rate(plan: Plan, check: Check, counted: Sizes, sizes: tuple[int, ...]) -> CheckSize:
    """Return what is known of any check; sizes: how many items each unit has that its limit speaks of."""
    items, units, population = sum(sizes), len(sizes), None
    if plan.target == "benchmark" and repeatable(check.probe) and "items" in check.data:
        items, units, population = counted.part(check, plan.limit)
    skipped, level = known_lack(plan, check), plan.check_level(check)
    shares = None if skipped else shared_with(plan, check)
    return CheckSize(
        check=check.name,
        probe=check.probe.name,
        kind="gating" if check.gates else "exploratory" if check.exploratory else "measured",
        level=level,
        keeps=plan.keep_level(check),
        alpha=1 - level,
        items=items,
        units=units,
        population=population,
        calls=0 if skipped or shares else counted.calls(check, plan.limit),
        stop=check.stop,
        limit=check.limit,
        rate=None,
        skipped=skipped,
        shares=shares,
        lacks=tuple(lacks_of(plan, check, counted)),
    )


def _alike(pilot: Audit, check: str, name: str) -> float | None:
    """Return the intraclass correlation of a measure's items in an earlier audit; None where it cannot be had."""
    from detectors.clustered import intraclass_correlation

    found = next((one for one in pilot.record.findings if one.check == check), None)
    measure = None if found is None else found.measure(name)
    items = None if measure is None else pilot.items(check)
    if measure is None or items is None or measure.mean_of not in items or measure.unit_of not in items:
        return None
    known = items[items[measure.mean_of].notna()]
    return intraclass_correlation(known[measure.mean_of].astype(float), known[measure.unit_of].to_numpy(str))


def _measure(check: Check, plan: Plan) -> Measure | None:
    """Return the measure of the limit if it is a rate over all items, whose outcomes are 0 or 1."""
    limit = check.limit
    if limit is None or limit.group is not None:
        return None
    from detectors.result import measure_of

    _, clean = check.probe.controls(rng_for(plan.seed, check.name, "controls"))
    result = check.probe.judge(clean, level=plan.check_level(check), rng=rng_for(plan.seed, check.name, "sizes"))
    found = measure_of(result.measures, limit.measure)
    if found is None or found.mean_of is None or found.unit != "share" or result.items is None:
        return None
    values = result.items[found.mean_of].dropna().astype(float)
    return found if values.isin((0.0, 1.0)).all() else None


def _rate_size(
    power: ModuleType | Clustered, check: Check, limit: Limit, size: CheckSize, *, exact: bool, true: float | None
) -> RateSize:
    passes, below, above = _seen(power, limit, size)
    rate = _half(limit) if true is None else true
    bounds = {"lower": limit.at_least, "upper": limit.at_most}
    needed = power.units_needed(rate, size.level, **bounds, keeps=size.keeps, power=POWER)
    found = RateSize(exact, passes, below, above, rate, needed)
    bound = _only(limit)
    if size.stop == "full" or bound is None or not 0 < bound < 1:
        return found
    after = power.stops_after(rate, bound, watched(limit, size.level, size.keeps), size.units)
    if after is None:
        return found
    others = size.calls - check.probe.estimate(size.items)
    return replace(
        found, median_units=after, median_calls=others + check.probe.estimate(round(after * size.items / size.units))
    )


def _seen(
    power: ModuleType | Clustered, limit: Limit, size: CheckSize
) -> tuple[Range | None, float | None, float | None]:
    """Return the rates that pass, and those from which on they fail, below and above."""
    passes = [0.0, 1.0]
    fails: list[float | None] = [None, None]
    for side, bound in enumerate((limit.at_least, limit.at_most)):
        if bound is not None:
            decided = power.early_rates if size.stop == "early" and 0 < bound < 1 else power.rates_decided
            levels = (size.level, size.keeps or size.level)
            seen = decided(size.units, bound, levels[::-1] if side else levels, POWER)
            fails[side], kept = seen[side], seen[1 - side]
            passes[side] = _NO_RATE[side] if kept is None else kept
    low, high = passes
    if low <= high and _only(limit) is None:
        kept_by = {"lower": limit.at_least, "upper": limit.at_most, "keeps": size.keeps}
        kept = power.keep_probability((low + high) / 2, size.units, size.level, **kept_by)[0][0]
        low = low if kept >= POWER else math.inf
    return Range(low, high) if low <= high else None, fails[0], fails[1]


def _only(limit: Limit) -> float | None:
    """Return the bound of a limit that has one; None where it has two."""
    bounds = [bound for bound in (limit.at_least, limit.at_most) if bound is not None]
    return bounds[0] if len(bounds) == 1 else None


def _half(limit: Limit) -> float:
    """Return half of an upper limit, the like of a lower one (half as far from 1), the middle between two."""
    if limit.at_least is not None and limit.at_most is not None:
        return (limit.at_least + limit.at_most) / 2
    return limit.at_most / 2 if limit.at_most is not None else 1 - (1 - (limit.at_least or 0.0)) / 2
