"""The impact ratio: how often a group is selected, as a share of how often the most selected group is.

    ratio of group g = r_g / r_max            four fifths: 4/5 r_max n_g - k_g further selections reach 0.8
    ratio of all     = r_min / r_max          fairlearn's demographic parity ratio

The reference is the group with the highest rate of those seen, not one that is named beforehand, so intervals and tests
hold for all pairs of groups (Bonferroni): exact tails of both rates combined, and Fisher's exact test. 0 / 0 is
undefined, neither 1 nor 0. Below four fifths is a rule of thumb of United States employment selection (29 CFR
1607.4(D), 1978), which itself asks for significance and warns of small numbers; whether a difference is lawful no
number here says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.bias.groups import HIGHEST, MOST_GROUPS, Groups, extreme_pairs, pair_ends
from detectors.immutable import immutable
from detectors.intervals import RATE_RATIO, rate_ratio
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Measure, Remark, Result, undefined

__all__ = ["FOUR_FIFTHS", "impact_ratios", "shortfall"]

FOUR_FIFTHS = 0.8
_EXTREMES = Method("smallest ratio of all pairs of groups: {method}", method=RATE_RATIO)
_ALL_PAIRS = Method("{method}; all pairs of groups at once (Bonferroni)", method=RATE_RATIO)
_FISHER = Method("{method}; all pairs of groups at once (Bonferroni)", method=Method("Fisher's exact test"))
_ONE_GROUP = Cause("fewer than two groups have a unit that answered")
_NOBODY = Cause("no unit of any group was selected")
_NO_UNIT = Cause("the group has no unit that answered")
_Row = dict[Any, Any]


def impact_ratios(
    selected: ArrayLike, totals: ArrayLike, names: Sequence[str], *, level: float, metric: str = "selection_rate",
    missing: ArrayLike | None = None,
) -> Result:
    """Return how the rate of each group compares with that of the group with the highest one.

    selected, totals, missing [group]: independent units that were selected, that were decided on, that were not.

    Measures, higher is better:
      {metric}_ratio          headline; smallest over largest rate, the plain value, biased downwards
      {metric}_impact_ratio   of the group with the smallest ratio, and of every group
      {metric}_impact_p       p-value of that group's rate being that of the highest
      {metric}_shortfall      further selections with which that group reached four fifths, and of every group; count
    remarks: `below_four_fifths` where the smallest ratio is below it. table has a row a group, by name. All is
    undefined where nobody was selected, or fewer than two groups have a unit. Raises ValueError as `Groups.of` does.
    """
    groups = Groups.of(selected, totals, names, missing)
    reason = _ONE_GROUP if len(groups.there) < 2 else _NOBODY if not groups.selected.any() else None
    judge = _Judge(groups, metric, level)
    if reason is not None:
        return Result(tuple(judge.none(name, reason) for name in ("ratio", "impact_ratio", "impact_p", "shortfall")))
    return judge.result()


def shortfall(selected: ArrayLike, totals: ArrayLike, best: tuple[int, int]) -> NDArray[np.int64]:
    """Return the further selections [group] with which a group's rate reached four fifths of the best, at its size.

    best: (selected, totals) of the group with the highest rate. In whole numbers, so that no rounding decides.
    """
    k, n = np.asarray(selected, dtype=np.int64), np.asarray(totals, dtype=np.int64)
    return np.asarray(np.maximum(-(-4 * best[0] * n // (5 * best[1])) - k, 0))


@immutable
class _Judge:
    groups: Groups
    metric: str
    level: float

    def result(self) -> Result:
        table = self._table()
        ratio = table["impact_ratio"].to_numpy()
        order = np.argsort(np.where(np.isnan(ratio), np.inf, ratio), kind="stable")
        lowest = int(order[0])
        rows = [(table.iloc[int(at)].to_dict(), int(at)) for at in np.sort(order[:MOST_GROUPS])]
        least = table.iloc[lowest].to_dict()
        p = self._p(lowest)
        measures = (
            self._smallest(ratio), self._least(least, lowest, table), p, self._shortfall(least, lowest, None),
            *(self._ratio(row, at, str(row["group"])) for row, at in rows),
            *(self._shortfall(row, at, str(row["group"])) for row, at in rows),
        )
        return Result(measures, table=table, remarks=self._remarks(least, p))

    def _table(self) -> pd.DataFrame:
        groups = self.groups
        own, other, tried = groups.sides(HIGHEST)
        at, there = groups.place_of(HIGHEST), groups.there
        ratio, low, high = (np.full(len(groups.names), np.nan) for _ in range(3))
        ratio[there] = groups.rates[there] / groups.rates[at]
        low[there], high[there] = pair_ends(own[there], other[there], 1 - (1 - self.level) / tried, rate_ratio)
        low[at] = high[at] = 1.0
        return pd.DataFrame({
            "group": groups.names, "units": groups.totals, "share": groups.totals / groups.totals.sum(),
            "selected": groups.selected, "rate": groups.rates, "impact_ratio": ratio, "low": low, "high": high,
            "shortfall": shortfall(groups.selected, groups.totals, (groups.selected[at], groups.totals[at])),
        })  # fmt: skip

    def _smallest(self, ratio: Floats) -> Measure:
        """Return the smallest ratio of two rates: the reciprocal of the largest one."""
        least, most = extreme_pairs(self.groups, self.level, rate_ratio)
        value = float(np.nanmin(ratio))
        low, high = 1 / most if most else 0.0, min(1.0, 1 / least) if least else 1.0
        return self._measure("ratio", None, value=value, low=min(low, value), high=max(high, value), method=_EXTREMES)

    def _ratio(self, row: _Row, at: int, group: str | None) -> Measure:
        value = row["impact_ratio"]
        if np.isnan(value):
            return self.none("impact_ratio", _NO_UNIT, at, group)
        low, high = min(row["low"], value), max(row["high"], value) if np.isfinite(row["high"]) else None
        return self._measure("impact_ratio", at, value=value, low=low, high=high, method=_ALL_PAIRS, group=group)

    def _least(self, row: _Row, at: int, table: pd.DataFrame) -> Measure:
        """Return the ratio of the group with the lowest rate, and how low that of any group may be; of all it is 1."""
        ratio = self._ratio(row, at, None)
        return replace(ratio, reach=(float(table["low"].min()), max(1.0, ratio.high or 1.0)))

    def _p(self, at: int) -> Measure:
        from scipy.stats import fisher_exact

        groups, best = self.groups, self.groups.place_of(HIGHEST)
        cells = np.array([[groups.selected[i], groups.totals[i] - groups.selected[i]] for i in (at, best)])
        p = float(min(1.0, fisher_exact(cells).pvalue * groups.sides(HIGHEST)[2]))
        return self._measure("impact_p", at, value=p, method=_FISHER, unit="p-value", direction="neither", ideal=None)

    def _shortfall(self, row: _Row, at: int, group: str | None) -> Measure:
        if not row["units"]:
            return self.none("shortfall", _NO_UNIT, at, group)
        return self._measure(
            "shortfall", at, value=row["shortfall"], unit="count", direction="lower is better", ideal=None,
            method=COUNT, group=group,
        )

    def _remarks(self, least: _Row, p: Measure) -> tuple[Remark, ...]:
        assert p.value is not None
        if least["impact_ratio"] >= FOUR_FIFTHS:
            return ()
        values: dict[str, str | float] = {
            "measure": self.metric, "group": str(least["group"]), "reference": self.groups.reference_name(HIGHEST),
            "ratio": float(least["impact_ratio"]), "p": p.value, "shortfall_count": float(least["shortfall"]),
        }  # fmt: skip
        return (Remark("below_four_fifths", values),)

    def _measure(self, ending: str, at: int | None, **found: Any) -> Measure:
        n, missing = self.groups.n_of(at)
        told = {"unit": "score", "direction": "higher is better", "ideal": 1.0, **found}
        return Measure(name=f"{self.metric}_{ending}", n=n, missing=missing, level=self.level, **told)

    def none(self, ending: str, reason: Cause, at: int | None = None, group: str | None = None) -> Measure:
        """Return a measure that cannot be had."""
        n, missing = self.groups.n_of(at)
        unit = {"impact_p": "p-value", "shortfall": "count"}.get(ending, "score")
        return undefined(
            f"{self.metric}_{ending}", reason, n=n, unit=unit, direction="neither", level=self.level, group=group,
            missing=missing,
        )
