"""What groups that decisions are made about are worst off by, each as one number.

    worst group             min_g accuracy_g                                                        Sagawa et al. 2020
    equalized odds          d_r = max_g r_g - min_g r_g, of r = true-, false-positive rate          Hardt et al. 2016
      difference, mean      max_r d_r; mean_r d_r                                               `agg` of fairlearn's
      ratio                 min_r min_g r_g / max_g r_g
      mean of a group       mean_r (r_g - r_ref), signed, so that opposite gaps cancel        AIF360's average odds
    differential fairness   max over decisions d, groups g, h of |log P(d | g) / P(d | h)|          Foulds et al. 2020
    mass-weighted gap       max_g n_g / n |r_g - r|                                                 Kearns et al. 2018

Each is the largest, or smallest, of several: its end on that side has to hold for one of them alone, and the other end
is the farthest that holds for all of them at once. All ends are exact, hold whatever units without an answer would have
been, and share the error; those of the mass-weighted gap take the sizes of the groups as they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from detectors.bias.groups import MOST_GROUPS, REST, Groups, extreme_pairs, pair_ends
from detectors.intervals import RATE_DIFFERENCE, RATE_RATIO, rate_difference, rate_ratio
from detectors.phrases import Cause, Method
from detectors.result import Measure, Remark, Result, undefined

__all__ = ["differential_fairness", "equalized_odds", "mass_gap", "worst_group"]

_SMALLEST = Method("smallest of all groups: {method}", method=Method("exact binomial (Clopper-Pearson)"))
_EXTREMES = Method("largest gap of all pairs of groups: {method}", method=RATE_DIFFERENCE)
_LARGER = Method("larger of two: {method}", method=_EXTREMES)
_MEAN = Method("mean of two: {method}", method=_EXTREMES)
_JOINT = Method("{method}; all groups at once (Bonferroni)", method=RATE_DIFFERENCE)
_MEAN_OF_EACH = Method("mean of two: {method}", method=_JOINT)
_SMALLEST_RATIO = Method("smallest ratio of all pairs of groups: {method}", method=RATE_RATIO)
_RATIO = Method("smaller of two: {method}", method=_SMALLEST_RATIO)
_LARGEST_LOG = Method("logarithm of the largest ratio of all pairs of groups: {method}", method=RATE_RATIO)
_LARGEST_MASS = Method("{method}; weighted by the sizes of the groups as they are", method=_JOINT)
_ONE_GROUP = Cause("fewer than two groups have a unit that answered")
_NO_ODDS = Cause("a rate of its two is not defined for two groups")
_NOBODY = Cause("no unit of any group was selected")
_NO_GAP = Cause("no group has both rates, and something to compare them with")
_HALF = 0.5
"""Units that smoothing adds to a group for either decision."""


def worst_group(groups: Groups, *, level: float) -> Result:
    """Return `worst_group_accuracy`, the smallest rate of a group, higher is better, and a remark that names the group.

    The plain value is biased downwards, the more the smaller the groups are.
    """
    name = "worst_group_accuracy"
    if len(groups.there) < 2:
        return Result((_none(name, _ONE_GROUP, (groups,), level),))
    asked = np.flatnonzero(groups.totals + groups.missing)
    low, high = groups.ends(level)[0][asked], groups.ends(1 - (1 - level) / len(asked))[1][asked]
    at = int(groups.there[np.argmin(groups.rates[groups.there])])
    value = float(groups.rates[at])
    measure = _measure(
        name, (groups,), level, value=value, low=min(low.min(), value), high=max(high.min(), value), unit="share",
        direction="higher is better", method=_SMALLEST,
    )
    told: dict[str, str | float] = {
        "group": groups.names[at], "rate_share": value, "unit_count": float(groups.totals[at]),
    }  # fmt: skip
    return Result((measure,), remarks=(Remark("worst_group", told),))


def equalized_odds(
    rates: tuple[Groups, Groups], differences: tuple[Measure, Measure], *, level: float, reference: str = REST
) -> tuple[Measure, ...]:
    """Return how far groups are apart in their true- and false-positive rates, `rates`, as the table above has it.

    differences: the headline of `group_gaps` of either, at `level`. reference: as in `group_gaps`.

    Measures: `equalized_odds_difference` (lower is better), `equalized_odds_mean_abs` (mean of both differences),
    `equalized_odds_ratio` (1 = alike), and of every group `equalized_odds_mean` (signed; of many, those farthest off).
    """
    names = [f"equalized_odds_{one}" for one in ("difference", "mean_abs", "ratio")]
    if any(len(one.there) < 2 for one in rates):
        return (*(_none(name, _NO_ODDS, rates, level) for name in names), *_means(rates, level, reference))
    value, alone = (np.array([getattr(one, end) for one in differences]) for end in ("value", "high"))
    joint = np.array([extreme_pairs(one, 1 - (1 - level) / 2, rate_difference) for one in rates])
    low, high = np.clip(joint[:, 0], 0, value), np.maximum(joint[:, 1], value)
    facts: dict[str, Any] = {"direction": "lower is better", "ideal": 0.0, "unit": "share"}
    return (
        _measure(names[0], rates, level, value=value.max(), low=low.max(), high=alone.max(), method=_LARGER, **facts),
        _measure(names[1], rates, level, value=value.mean(), low=low.mean(), high=high.mean(), method=_MEAN, **facts),
        _odds_ratio(names[2], rates, level), *_means(rates, level, reference),
    )


def _odds_ratio(name: str, rates: tuple[Groups, Groups], level: float) -> Measure:
    """Return the smaller of the two ratios of the smallest to the largest rate."""
    if any(not one.selected.any() for one in rates):
        return _none(name, _NOBODY, rates, level)
    seen = [one.rates[one.there] for one in rates]
    value = min(float(one.min() / one.max()) for one in seen)
    least, most = np.array([extreme_pairs(one, 1 - (1 - level) / 2, rate_ratio) for one in rates]).T
    return _measure(
        name, rates, level, value=value, low=min(value, 1 / most.max()), high=max(value, 1 / max(least.max(), 1.0)),
        unit="score", direction="higher is better", ideal=1.0, method=_RATIO,
    )


def _means(rates: tuple[Groups, Groups], level: float, reference: str) -> list[Measure]:
    """Return the mean of the two gaps of every group, of many of those that lie farthest."""
    name = "equalized_odds_mean"
    sides = [one.sides(reference) for one in rates]
    able = np.flatnonzero(np.all([(own.units > 0) & (other.units > 0) for own, other, _ in sides], axis=0))
    if reference != REST:
        able = able[[all(one.place_of(reference) != at for one in rates) for at in able]]
    if not len(able):
        return [_none(name, _NO_GAP, rates, level)]
    gap, low, high = np.zeros((3, len(able)))
    for own, other, tried in sides:
        one, two = own[able], other[able]
        ends = pair_ends(one, two, 1 - (1 - level) / (2 * max(tried, 1)), rate_difference)
        gap = gap + (one.events / one.units - two.events / two.units) / 2
        low, high = low + ends[0] / 2, high + ends[1] / 2
    shown = np.sort(np.argsort(-np.abs(gap), kind="stable")[:MOST_GROUPS])
    return [
        _measure(
            name, rates, level, at=int(able[place]), value=gap[place], low=min(low[place], gap[place]),
            high=max(high[place], gap[place]), unit="share", direction="nearer to ideal is better", ideal=0.0,
            method=_MEAN_OF_EACH,
        )
        for place in shown
    ]


def differential_fairness(groups: Groups, *, level: float) -> Measure:
    """Return `differential_fairness`: the epsilon by which any decision is likelier for one group than for another.

    In nats, 0 = all alike. The value is of shares smoothed by half a unit for either decision, (k + 1/2) / (n + 1), so
    it is finite; the ends are of the shares themselves, and there is no high end where one of them may be 0.
    """
    name = "differential_fairness"
    if len(groups.there) < 2:
        return _none(name, _ONE_GROUP, (groups,), level)
    k, n = groups.selected[groups.there], groups.totals[groups.there]
    value = max(float(np.ptp(np.log((one + _HALF) / (n + 2 * _HALF)))) for one in (k, n - k))
    both = (groups, replace(groups, selected=groups.totals - groups.selected))
    least, most = np.array([extreme_pairs(one, 1 - (1 - level) / 2, rate_ratio) for one in both]).T
    return _measure(
        name, (groups,), level, value=value, low=min(value, float(np.log(max(1.0, least.max())))),
        high=max(value, float(np.log(most.max()))) if np.isfinite(most).all() else None, unit="nats",
        direction="lower is better", ideal=0.0, method=_LARGEST_LOG,
    )


def mass_gap(groups: Groups, *, level: float, metric: str = "selection_rate") -> Measure:
    """Return `{metric}_mass_gap`: the largest gap of a group from all units, weighted by the group's share of them.

    Small groups weigh little, however many intersections there are; it is at most a quarter.
    """
    name, there = f"{metric}_mass_gap", groups.there
    if len(there) < 2:
        return _none(name, _ONE_GROUP, (groups,), level)
    own, rest, tried = groups.sides(REST)
    one, two = own[there], rest[there]
    asked = groups.totals + groups.missing
    weights = [(size / size.sum())[there] for size in (groups.totals, asked)]
    seen, whole = (weight * (1 - weight) for weight in weights)
    value = float((seen * np.abs(one.events / one.units - two.events / two.units)).max())
    low, high = pair_ends(one, two, 1 - (1 - level) / tried, rate_difference)
    least = float((whole * np.maximum(np.maximum(low, -high), 0)).max())
    most = float((whole * np.maximum(-low, high)).max())
    return _measure(
        name, (groups,), level, value=value, low=min(least, value), high=max(most, value), unit="share",
        direction="lower is better", ideal=0.0, method=_LARGEST_MASS,
    )


def _measure(name: str, of: tuple[Groups, ...], level: float, *, at: int | None = None, **found: Any) -> Measure:
    """Return a measure of all groups or of one; n and the missing are those of the rate that has more."""
    n, missing = _n(of, at)
    plain: dict[str, Any] = {
        key: float(one) if isinstance(one, np.floating) else one for key, one in found.items()
    }  # fmt: skip
    group = None if at is None else of[0].names[at]
    return Measure(name=name, group=group, n=n, missing=missing, level=level, **plain)


def _none(name: str, reason: Cause, of: tuple[Groups, ...], level: float) -> Measure:
    n, missing = _n(of, None)
    unit = {"differential_fairness": "nats", "equalized_odds_ratio": "score"}.get(name, "share")
    return undefined(name, reason, n=n, unit=unit, direction="neither", level=level, missing=missing)


def _n(of: tuple[Groups, ...], at: int | None) -> tuple[dict[str, int], int]:
    counted = [one.n_of(at) for one in of]
    return {key: max(n[key] for n, _ in counted) for key in counted[0][0]}, max(lost for _, lost in counted)
