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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.intervals import RATE_DIFFERENCE, any_gap_p, difference_low, exact_binomial, rate_difference
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, Remark, Result, undefined

__all__ = ["HIGHEST", "MOST_GROUPS", "REST", "Groups", "detectable_gap", "extreme_pairs", "group_gaps"]

REST, HIGHEST = "the rest", "the highest"
"""References: all other groups together; the group with the highest rate."""
MOST_GROUPS = 40
"""Groups that have measures of their own; of more, those farthest from the reference. `Result.table` has all."""
_Z_POWER = 0.8416212335729143
"""Normal quantile of the power, 0.8."""
_EXACT = Method("exact binomial (Clopper-Pearson)")
_JOINT = Method("{method}; all groups at once (Bonferroni)", method=RATE_DIFFERENCE)
_ALL_PAIRS = Method("{method}; all pairs of groups at once (Bonferroni)", method=RATE_DIFFERENCE)
_EXTREMES = Method("largest gap of all pairs of groups: {method}", method=RATE_DIFFERENCE)
_PERMUTED = Method("permutation of the groups (multivariate hypergeometric)")
_DETECTABLE = Method("found with a probability of 80 %, about, by the interval of the gap")
_NO_UNIT = Cause("the group has no unit that answered")
_REFERENCE = Cause("the group is the reference")
_ONE_GROUP = Cause("fewer than two groups have a unit that answered")
_TOO_FEW = Cause("the smallest group is too small for any gap to be found")
_Row = dict[Any, Any]
_CANDIDATES = 6
"""Groups at either end among which the pair that is surest to differ is looked for."""
_TRIED = 16
"""Gaps that are tried at a time."""
_PAIRED = 60
"""Groups up to which all pairs are compared."""
_DRAWN = 8_000_000
"""Hypergeometric counts of a permutation test at most, down to 199 draws."""


@dataclass(frozen=True)
class Groups:
    """Independent yes/no units, counted by group. Raises ValueError for counts that cannot be."""

    selected: NDArray[np.int64]
    """Units that had the event [group]."""
    totals: NDArray[np.int64]
    """Units that answered [group]."""
    names: tuple[str, ...]
    missing: NDArray[np.int64]
    """Units that were asked and gave no answer [group]."""

    @classmethod
    def of(
        cls, selected: ArrayLike, totals: ArrayLike, names: Sequence[str], missing: ArrayLike | None = None
    ) -> Groups:
        """Return the groups of plain counts [group]."""
        k, n = np.asarray(selected, dtype=np.int64), np.asarray(totals, dtype=np.int64)
        lost = np.zeros_like(n) if missing is None else np.asarray(missing, dtype=np.int64)
        if not k.shape == n.shape == lost.shape == (len(names),) or len(set(names)) != len(names):
            got = f"counts {k.shape} of {n.shape}, missing {lost.shape} for {len(set(names))} names of {len(names)}"
            raise ValueError(f"groups: got {got}; allowed: one count and one name a group")
        if not np.all((k >= 0) & (k <= n) & (lost >= 0)):
            raise ValueError(f"groups: got {selected!r} of {totals!r}; allowed: 0 <= selected <= totals, missing >= 0")
        return cls(k, n, tuple(map(str, names)), lost)

    @cached_property
    def there(self) -> NDArray[np.int64]:
        """Positions of the groups that have a unit."""
        return np.flatnonzero(self.totals > 0)

    @cached_property
    def rates(self) -> Floats:
        """Rate [group], NaN where there is no unit."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.selected / self.totals)

    def ends(self, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [group] of the rates, the missing taken for none and for events."""
        asked = self.totals + self.missing
        return (
            np.asarray(exact_binomial(self.selected, asked, level)[0]),
            np.asarray(exact_binomial(self.selected + self.missing, asked, level)[1]),
        )

    def sides(self, reference: str) -> tuple[_Side, _Side, int]:
        """Return every group, what each is compared with, both [group], and how many comparisons there were to choose
        from.
        """
        own = _Side(self.selected, self.totals, self.missing)
        if reference == REST:
            rest = _Side(*(one.sum() - one for one in own))
            return own, rest, 1 if len(self.there) == 2 else len(self.there)
        at = self.place_of(reference)
        count = len(self.there)
        tried = count * (count - 1) // 2 if reference == HIGHEST else count - 1
        return own, _Side(*(np.broadcast_to(one[at], one.shape) for one in own)), tried

    def place_of(self, reference: str) -> int:
        """Return the position of the reference group; ValueError where it is no group."""
        if reference == HIGHEST:
            return int(self.there[np.argmax(self.rates[self.there])])
        if reference not in self.names:
            known = ", ".join(self.names[:10])
            raise ValueError(f"reference: got {reference!r}; allowed: {REST!r}, {HIGHEST!r} or a group ({known})")
        return self.names.index(reference)


@dataclass(frozen=True)
class _Side:
    """One side of a comparison, [comparison]."""

    events: NDArray[np.int64]
    units: NDArray[np.int64]
    missing: NDArray[np.int64]

    def __iter__(self) -> Any:
        return iter((self.events, self.units, self.missing))

    def __getitem__(self, at: Any) -> _Side:
        return _Side(self.events[at], self.units[at], self.missing[at])


def group_gaps(
    selected: ArrayLike, totals: ArrayLike, names: Sequence[str], *, level: float, rng: np.random.Generator,
    metric: str = "rate", reference: str = REST, missing: ArrayLike | None = None, better: Direction = "neither",
) -> Result:
    """Return how the rates of groups differ; `metric` begins the name of every measure.

    selected, totals, missing [group]: independent units that had the event, that answered, and that were asked and did
    not. reference: `REST`, `HIGHEST` or the name of a group. better: which way is good for the rate itself.

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
    return _Judge(groups, metric, reference, level, rng, better).result()


def extreme_pairs(groups: Groups, level: float, ends: Callable[..., tuple[Any, Any]]) -> tuple[float, float]:
    """Return (low, high) of the largest of what `ends` compares, over all pairs of groups with a unit.

    ends: `rate_difference`, or `rate_ratio`. The low end is of the surest pair, by intervals that hold for all pairs at
    once; of those only the pairs that are likeliest are looked at. The high end is over all pairs at `level` alone, as
    one of them is the one that truly differs most; beyond `_PAIRED` groups by the ends of two rates at half the error.
    """
    own = groups.sides(REST)[0][groups.there]
    count = len(own.units)
    strict = 1 - (1 - level) / (count * (count - 1) / 2)
    low, high = (one[groups.there] for one in groups.ends(strict))
    top, bottom = np.meshgrid(*(np.argsort(one, kind="stable")[:_CANDIDATES] for one in (-low, high)))
    apart = top != bottom
    surest = float(_ends(own[top[apart]], own[bottom[apart]], strict, ends)[0].max())
    if count <= _PAIRED:
        one, two = np.triu_indices(count, 1)
        low, high = _ends(own[one], own[two], level, ends)
        return surest, max(float(high.max()), _turned(float(low.min()), ends))
    low, high = (one[groups.there] for one in groups.ends(1 - (1 - level) / 2))
    if ends is rate_difference:
        return surest, float(high.max() - low.min())
    return surest, float(high.max()) * _turned(float(low.min()), ends)


def _turned(low: float, ends: Callable[..., tuple[Any, Any]]) -> float:
    """Return the high end of a pair of groups from the low end of the pair turned round."""
    if ends is rate_difference:
        return -low
    return 1 / low if low else float("inf")


def _ends(one: _Side, two: _Side, level: float, ends: Callable[..., tuple[Any, Any]]) -> tuple[Floats, Floats]:
    """Return the ends of every comparison; equal ones, as many small groups make them, are computed once."""
    rows, back = np.unique(np.stack([*one, *two], axis=1), axis=0, return_inverse=True)
    k1, n1, missing1, k2, n2, missing2 = rows.T
    low, high = ends(k1, n1, k2, n2, level, missing1=missing1, missing2=missing2)
    return np.asarray(low)[back], np.asarray(high)[back]


def _apart(high: float, low: float, ends: Callable[..., tuple[Any, Any]]) -> float:
    if ends is rate_difference:
        return high - low
    return high / low if low else float("inf")


@dataclass(frozen=True)
class _Judge:
    """Makes the measures of one rate."""

    groups: Groups
    metric: str
    reference: str
    level: float
    rng: np.random.Generator
    better: Direction

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
            "measure": self.metric, "group": far["group"], "reference": self._against(), "gap_share": far["gap"],
            "low_share": far["gap_low"], "high_share": far["gap_high"], "unit_count": float(far["units"]),
        })  # fmt: skip
        measures = (
            self._difference(), self._gap(far, groups.names.index(far["group"]), group=None), self._p(),
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
            gap_low[some], gap_high[some] = _ends(one, two, strict, rate_difference)
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

    def _against(self) -> str:
        groups = self.groups
        return self.reference if self.reference != HIGHEST else groups.names[groups.place_of(HIGHEST)]

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
            reason = _REFERENCE if row["group"] == self._against() else _NO_UNIT
            return self._none(f"{self.metric}_gap", reason, at, group)
        return self._measure(
            "gap", at, value=row["gap"], low=min(row["gap_low"], row["gap"]), high=max(row["gap_high"], row["gap"]),
            unit="share", direction="nearer to ideal is better", ideal=0.0, group=group,
            method=_ALL_PAIRS if self.reference == HIGHEST else _JOINT,
        )

    def _p(self) -> Measure:
        there = self.groups.there
        draws = int(np.clip(_DRAWN // len(there), 199, 1999))
        p = any_gap_p(self.groups.selected[there], self.groups.totals[there], self.rng, draws)
        return self._measure(
            "gap_p", None, value=p, unit="p-value", direction="neither", method=_PERMUTED,
        )

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
            return self._none(self.metric, _NO_UNIT)
        low, high = exact_binomial(k, n + lost, self.level)[0], exact_binomial(k + lost, n + lost, self.level)[1]
        return self._measure(
            "", None, value=k / n, low=low, high=high, unit="share", direction=self.better, method=_EXACT
        )

    def _rate(self, row: _Row, at: int) -> Measure:
        if not row["units"]:
            return self._none(self.metric, _NO_UNIT, at, row["group"])
        return self._measure(
            "", at, value=row["rate"], low=row["low"], high=row["high"], unit="share", direction=self.better,
            method=_EXACT, group=row["group"],
        )

    def _n(self, at: int | None) -> tuple[dict[str, int], int]:
        units = int(self.groups.totals.sum() if at is None else self.groups.totals[at])
        missing = int(self.groups.missing.sum() if at is None else self.groups.missing[at])
        return {"items": units, "units": units}, missing

    def _measure(self, ending: str, at: int | None, **found: Any) -> Measure:
        n, missing = self._n(at)
        name = f"{self.metric}_{ending}" if ending else self.metric
        return Measure(name=name, n=n, missing=missing, level=self.level, **found)

    def _none(self, name: str, reason: Cause, at: int | None = None, group: str | None = None) -> Measure:
        n, missing = self._n(at)
        unit = "p-value" if name.endswith("_p") else "share"
        return undefined(
            name, reason, n=n, unit=unit, direction="neither", level=self.level, group=group, missing=missing
        )


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
