"""Rates of groups, and the gaps between them, at every number of units and groups.

    rate of group g        r_g = k_g / n_g                                exact (Clopper-Pearson)
    gap of group g         r_g - r_ref, signed                            exact tails of two rates, combined
    difference             max r_g - min r_g, as fairlearn has it         see below
    any gap at all         permutation of the groups, as counts           a valid p-value

The largest of many gaps is large by having been chosen: ten groups that differ in nothing, of 200 units each, have a
difference of 0.10 on average, and its percentile bootstrap never holds 0. So no group is named but by intervals that
hold for all groups at once (Bonferroni; over all pairs where the reference is itself the highest), and of the
difference, whose true value is at least every true gap and is itself one of them, hold

    low   = the largest low end of a gap between two groups, at 1 - (1 - level) / pairs, and at least 0
    high  = the largest high end of a gap between two groups, at `level` alone

Units are independent yes or no; those that gave no answer are counted by group, and ends hold whatever they would have
been. A group without a unit has no rate: it is undefined, and enters no extremum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.bias.groups import HIGHEST, MOST_GROUPS, REST, Groups, extreme_pairs, pair_ends
from detectors.immutable import immutable
from detectors.intervals import RATE_DIFFERENCE, any_gap_p, difference_low, exact_binomial, rate_difference
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, Remark, Result, undefined

__all__ = ["HIGHEST", "MOST_GROUPS", "REST", "detectable_gap", "group_gaps"]

_Z_POWER = 0.8416212335729143
"""Normal quantile of the power, 0.8."""
_EXACT = Method("exact binomial (Clopper-Pearson)")
_JOINT = Method("{method}; all groups at once (Bonferroni)", method=RATE_DIFFERENCE)
_ALL_PAIRS = Method("{method}; all pairs of groups at once (Bonferroni)", method=RATE_DIFFERENCE)
_EXTREMES = Method("largest gap of all pairs of groups: {method}", method=RATE_DIFFERENCE)
_PERMUTED = Method("permutation of the groups (multivariate hypergeometric)")
_TAILS = Method("{method}; all groups at once (Bonferroni)", method=Method("hypergeometric tails of each group"))
_DETECTABLE = Method("found with a probability of 80 %, about, by the interval of the gap")
_NO_UNIT = Cause("the group has no unit that answered")
_REFERENCE = Cause("the group is the reference")
_ONE_GROUP = Cause("fewer than two groups have a unit that answered")
_TOO_FEW = Cause("the smallest group is too small for any gap to be found")
_Row = dict[Any, Any]
_TRIED = 16
"""Gaps that are tried at a time."""
_DRAWN, _PERMUTABLE = 2_000_000, 5_000
"""Hypergeometric counts of a permutation test at most; groups up to which there is one."""


def group_gaps(
    selected: ArrayLike, totals: ArrayLike, names: Sequence[str], *, level: float, rng: np.random.Generator,
    metric: str = "rate", reference: str = REST, missing: ArrayLike | None = None, better: Direction = "neither",
    cause: Cause = _NO_UNIT,
) -> Result:
    """Return how the rates of groups differ; `metric` begins the name of every measure.

    selected, totals, missing [group]: independent units that had the event, that answered, and that were asked and did
    not. reference: `REST`, `HIGHEST` or the name of a group. better: which way is good for the rate itself. cause: why
    a group without a unit has no rate.

    Measures:
      {metric}_difference       headline; largest less smallest rate, the plain value, biased upwards
      {metric}_gap              signed, of the group that lies farthest from the reference, and of every group; the
                                intervals hold for all groups at once
      {metric}_gap_p            p-value of "all groups have one rate"
      {metric}_detectable_gap   gap that the smallest group would have been found to have with a probability of 80 %
      {metric}                  of all units, and of every group, exact
    n of a gap and of a rate counts the units of the group, n of the others all units. table has a row a group, by name.
    remarks: `widest_gap` names the group that lies farthest. Raises ValueError for counts that cannot be and a
    reference that there is not.
    """
    groups = Groups.of(selected, totals, names, missing)
    if reference not in (REST, HIGHEST):
        groups.place_of(reference)
    return _Judge(groups, metric, reference, level, rng, better, cause).result()


@immutable
class _Judge:
    """Makes the measures of one rate."""

    groups: Groups
    metric: str
    reference: str
    level: float
    rng: np.random.Generator
    better: Direction
    cause: Cause

    def result(self) -> Result:
        """Return the measures; where fewer than two groups have a unit, no gap is defined."""
        groups, table = self.groups, self._table()
        shown = self._shown(table)
        rates = [self._rate(row, at) for row, at in shown]
        if len(groups.there) < 2:
            names = (f"{self.metric}_{one}" for one in ("difference", "gap", "gap_p", "detectable_gap"))
            return Result((*(self._none(name, _ONE_GROUP) for name in names), self._overall(), *rates), table=table)
        gaps = [self._gap(row, at, group=row["group"]) for row, at in shown]
        far = self._farthest(table)
        remark = Remark("widest_gap", {
            "measure": self.metric, "group": far["group"], "reference": groups.reference_name(self.reference),
            "gap_share": far["gap"], "low_share": far["gap_low"], "high_share": far["gap_high"],
            "unit_count": float(far["units"]),
        })  # fmt: skip
        measures = (
            self._difference(), self._widest(far, table), self._p(),
            self._detectable(table), self._overall(), *gaps, *rates,
        )
        return Result(measures, table=table, remarks=(remark,))

    def _table(self) -> pd.DataFrame:
        groups = self.groups
        low, high = groups.ends(self.level)
        own, other, tried = groups.sides(self.reference)
        strict = 1 - (1 - self.level) / max(tried, 1)
        some = (own.units > 0) & (other.units > 0)
        gap, gap_low, gap_high = (np.full(len(some), np.nan) for _ in range(3))
        if some.any() and len(groups.there) > 1:
            one, two = own[some], other[some]
            gap[some] = one.events / one.units - two.events / two.units
            gap_low[some], gap_high[some] = pair_ends(one, two, strict, rate_difference)
        if self.reference != REST:
            at = groups.place_of(self.reference)
            gap[at] = gap_low[at] = gap_high[at] = np.nan
        bare = groups.totals == 0
        return pd.DataFrame({
            "group": groups.names, "units": groups.totals, "no_answer_units": groups.missing,
            "selected": groups.selected, "rate": groups.rates, "low": np.where(bare, np.nan, low),
            "high": np.where(bare, np.nan, high), "gap": gap, "gap_low": gap_low, "gap_high": gap_high,
        })  # fmt: skip

    def _shown(self, table: pd.DataFrame) -> list[tuple[_Row, int]]:
        """Return (row, position) of the groups that have measures of their own, by name or as they are many."""
        order = np.arange(len(table))
        if len(table) > MOST_GROUPS:
            far = np.argsort(-table["gap"].abs().fillna(-1).to_numpy(), kind="stable")[:MOST_GROUPS]
            order = np.sort(far)
        return [(row, int(at)) for row, at in zip(table.iloc[order].to_dict("records"), order, strict=True)]

    def _farthest(self, table: pd.DataFrame) -> _Row:
        """Return the row of the group that surely lies farthest, or where none does for sure, that seems to."""
        sure = np.fmax(table["gap_low"].to_numpy(), -table["gap_high"].to_numpy())
        apart = table["gap"].abs().fillna(-1).to_numpy()
        at = np.lexsort((-apart, -np.where(np.isnan(sure), -2.0, np.maximum(sure, 0.0))))[0]
        return dict(table.iloc[int(at)].to_dict())

    def _widest(self, far: _Row, table: pd.DataFrame) -> Measure:
        """Return the gap of the group that lies farthest, and between which ends the gaps of all lie.

        One that was asked and gave no answer at all lies anywhere.
        """
        gap = self._gap(far, self.groups.names.index(far["group"]), group=None)
        if gap.value is None:
            return gap
        silent = bool(((self.groups.totals == 0) & (self.groups.missing > 0)).any())
        told = table[["gap", "gap_low", "gap_high"]].to_numpy()
        ends = [*told[~np.isnan(told).any(axis=1)].ravel(), *((-1.0, 1.0) if silent else ())]
        return replace(gap, reach=(min(ends), max(ends)))

    def _difference(self) -> Measure:
        rates = self.groups.rates[self.groups.there]
        value = float(np.ptp(rates))
        low, high = extreme_pairs(self.groups, self.level, rate_difference)
        return self._measure(
            "difference", None, value=value, low=min(max(low, 0.0), value), high=max(high, value), unit="share",
            direction="lower is better", ideal=0.0, method=_EXTREMES,
        )

    def _gap(self, row: _Row, at: int, group: str | None) -> Measure:
        if np.isnan(row["gap"]):
            reason = _REFERENCE if row["group"] == self.groups.reference_name(self.reference) else self.cause
            return self._none(f"{self.metric}_gap", reason, at, group)
        return self._measure(
            "gap", at, value=row["gap"], low=min(row["gap_low"], row["gap"]), high=max(row["gap_high"], row["gap"]),
            unit="share", direction="nearer to ideal is better", ideal=0.0, group=group,
            method=_ALL_PAIRS if self.reference == HIGHEST else _JOINT,
        )

    def _p(self) -> Measure:
        k, n = (one[self.groups.there] for one in (self.groups.selected, self.groups.totals))
        if len(k) > _PERMUTABLE:
            p, method = _tails_p(k, n), _TAILS
        else:
            p, method = any_gap_p(k, n, self.rng, int(min(_DRAWN // len(k), 1999))), _PERMUTED
        return self._measure("gap_p", None, value=p, unit="p-value", direction="neither", method=method)

    def _detectable(self, table: pd.DataFrame) -> Measure:
        groups = self.groups
        own, other, tried = groups.sides(self.reference)
        able = np.flatnonzero(table["gap"].notna())
        at = int(able[np.argmin(own.units[able])])
        rate = float(groups.selected.sum() / groups.totals.sum())
        found = detectable_gap(int(own.units[at]), int(other.units[at]), rate, 1 - (1 - self.level) / max(tried, 1))
        if found is None:
            return self._none(f"{self.metric}_detectable_gap", _TOO_FEW, at, None)
        return self._measure(
            "detectable_gap", at, value=found, unit="share", direction="lower is better", method=_DETECTABLE
        )

    def _overall(self) -> Measure:
        groups = self.groups
        k, n, lost = (int(one.sum()) for one in (groups.selected, groups.totals, groups.missing))
        if not n:
            return self._none(self.metric, self.cause)
        low, high = exact_binomial(k, n + lost, self.level)[0], exact_binomial(k + lost, n + lost, self.level)[1]
        return self._measure(
            "", None, value=k / n, low=low, high=high, unit="share", direction=self.better, method=_EXACT
        )

    def _rate(self, row: _Row, at: int) -> Measure:
        if not row["units"]:
            return self._none(self.metric, self.cause, at, row["group"])
        return self._measure(
            "", at, value=row["rate"], low=row["low"], high=row["high"], unit="share", direction=self.better,
            method=_EXACT, group=row["group"],
        )

    def _measure(self, ending: str, at: int | None, **found: Any) -> Measure:
        n, missing = self.groups.n_of(at)
        name = f"{self.metric}_{ending}" if ending else self.metric
        return Measure(name=name, n=n, missing=missing, level=self.level, **found)

    def _none(self, name: str, reason: Cause, at: int | None = None, group: str | None = None) -> Measure:
        n, missing = self.groups.n_of(at)
        unit = "p-value" if name.endswith("_p") else "share"
        return undefined(
            name, reason, n=n, unit=unit, direction="neither", level=self.level, group=group, missing=missing
        )


def _tails_p(k: NDArray[np.int64], n: NDArray[np.int64]) -> float:
    """Return the p-value of "all groups have one rate", from the group whose count is the least likely then."""
    from scipy.stats import hypergeom

    rows = np.unique(np.stack([k, n], axis=1), axis=0)
    null = hypergeom(int(n.sum()), int(k.sum()), rows[:, 1])
    tails = np.minimum(null.cdf(rows[:, 0]), null.sf(rows[:, 0] - 1))
    return float(min(1.0, 2 * tails.min() * len(k)))


@lru_cache(maxsize=1024)
def detectable_gap(units: int, others: int, rate: float, level: float) -> float | None:
    """Return the gap that a group of so many units has to have from others, at this rate, to be found in 4 of 5 audits.

    Found = the interval of the gap (`rate_difference` at `level`) lies on one side of 0; about, from the counts that
    lie 0.84 standard errors nearer to no gap than is expected. Of both directions the one that takes more, if it can
    be; None where no gap is found.
    """
    low, high = np.zeros(2), np.array([rate, 1 - rate])
    if not units or not others or not (able := _seen(high[:, None], units, others, rate, level)[:, 0]).any():
        return None
    while np.max(high - low) > 1e-4:
        tried = np.linspace(low, high, _TRIED, axis=1)
        first = np.argmax(_seen(tried, units, others, rate, level), axis=1)
        low, high = tried[[0, 1], np.maximum(first - 1, 0)], tried[[0, 1], first]
    return float(high[able].max())


def _seen(gaps: Floats, units: int, others: int, rate: float, level: float) -> NDArray[np.bool_]:
    """Tell whether gaps [direction, gap] are found, the first direction being down."""
    up = np.array([[False], [True]])
    first, second = np.where(up, rate + gaps, rate), np.where(up, rate, rate - gaps)
    n1, n2 = np.where(up, units, others), np.where(up, others, units)
    v1, v2 = first * (1 - first) / n1, second * (1 - second) / n2
    error = np.sqrt(v1 + v2)
    step = np.divide(_Z_POWER, error, out=np.zeros_like(error), where=error > 0)
    k1, k2 = n1 * np.maximum(first - step * v1, 0), n2 * np.minimum(second + step * v2, 1)
    return np.asarray(difference_low(np.minimum(k1, n1), n1, np.maximum(k2, 0), n2, level) > 0)
