"""Numbers that are predicted about people, by group: who is given higher ones, and whose are farther off.

    prediction          the number
    error               prediction - what turned out to be so, signed
    absolute error      its size

That predictions are distributed alike in all groups, and that no group's error is large, are the two demands of Agarwal
et al. 2019 (arXiv:1905.12843). Of each quantity there are gaps of every group from the rest or from a reference group,
as `detectors.bias.two_sides` has them: by rank, by median, and of numbers in a known range by mean; of predictions also
the Wasserstein-1 distance. The largest gap is large by having been chosen: its interval follows from bands that hold
for all groups, and all sets of groups, at once (Bonferroni).

A row without a value in a sensitive column is in a group of its own. A number that is missing, or outside the range
that numbers are said to have, may have been any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.bias.contrasts import BETTING, Gap, bounded, largest, together
from detectors.bias.decisions import joined_names, spelt_out
from detectors.bias.equal_distributions import any_difference_p, each_difference_p
from detectors.bias.groups import MOST_GROUPS, REST
from detectors.bias.missing_words import missing_words
from detectors.bias.top_share import Cut, cut_of, least_ratio, top_gap, top_rate
from detectors.bias.two_sides import (
    ANY,
    Bounds,
    Numbers,
    distance,
    mean_gap,
    median_gap,
    median_interval,
    superiority_gap,
)
from detectors.immutable import immutable
from detectors.phrases import Cause, Method
from detectors.result import Measure, Remark, Result, undefined

__all__ = ["STEMS", "prediction_gaps"]

STEMS = ("prediction", "error", "absolute_error")
"""What is told of every row; the last two need a label."""
_PAIRS = Method("pairs of both sides (Hoeffding's matchings, binomial tails)")
_ORDER = Method("order statistics of the median (exact)")
_ORDERS = Method("order statistics of both medians (exact)")
_BLOCKS = Method("betting (hedged capital) over differences from blocks of the other side")
_DKW = Method("bands of both distribution functions (Dvoretzky-Kiefer-Wolfowitz)")
_CUT = Method("binomial tails at two order statistics of all numbers (exact)")
_CUTS = Method("tails of both rates at two order statistics of all numbers (exact)")
_BIASED = Method("none; it is biased upwards")
_PERMUTED = Method("permutation of the groups (Anderson-Darling, of the farthest and of all together)")
_EACH_PERMUTED = Method("permutation of the groups (multivariate hypergeometric)")
_ONE_GROUP = Cause("fewer than two groups have a number")
_NO_NUMBER = Cause("the group, or what it is compared with, has no number")
_NOTHING = Cause("there is no number")
_DIRECTIONS: Mapping[str, Mapping[str, Any]] = {
    "prediction": {"direction": "neither"}, "error": {"direction": "nearer to ideal is better", "ideal": 0.0},
    "absolute_error": {"direction": "lower is better"},
}  # fmt: skip
Compared = Callable[[Numbers, Numbers], tuple[float, float | None, float | None]]
Of = Callable[[Numbers], tuple[float, float, float]]


def prediction_gaps(
    rows: pd.DataFrame, sensitive: Sequence[str], *, level: float, rng: np.random.Generator, reference: str = REST,
    bounds: Bounds | None = None, top: float | None = None, each: bool = False,
) -> Result:
    """Return how numbers differ between groups.

    rows: one a number, independent, indexed by item id, with the sensitive columns (text, None = no value),
    `prediction` and, where known, `label`, both finite or NaN. reference: what each group is compared with, `REST` or a
    group; groups of one of several columns alone are compared with the rest. bounds: the range of prediction and label.
    top: the share of all predictions that counts as the highest, between 0 and 1. each: `distribution_p` permutes every
    group by itself, as it did before.

    Measures:
      largest_superiority_gap     headline; the largest gap by rank in size
      superiority_gap             of every group, signed: P(higher than one of the others) - P(lower); -1 to 1
      largest_wasserstein_distance, wasserstein_distance     with an interval where there are bounds
      distribution_p              permutation test of "no group differs"
      with a top largest_top_gap, top_gap, top_rate: share of a group among the highest; top_ratio: smallest / largest
      largest_median_prediction_gap, median_prediction_gap, median_prediction
      with bounds also largest_mean_prediction_gap, mean_prediction_gap, mean_prediction
      with labels also gaps by rank, median and mean of `error` and `absolute_error`: largest_error_superiority_gap, ...
    Gaps and distances hold for all groups at once, medians and means of groups each by itself. n counts the numbers of
    the group. remarks: those of `missing_words`, and `outside_range`. Items: the group, prediction, label, error.
    Raises ValueError for no rows, a reference that is none, and bounds that are no range.
    """
    if rows.empty or (bounds is not None and not bounds[0] < bounds[1]):
        got = f"{len(rows)} rows, bounds {bounds}"
        raise ValueError(f"prediction_gaps: got {got}; allowed: one row or more, finite bounds of which low < high")
    inside, outside = _within(rows, bounds)
    sets = _sets(inside, sensitive, reference)
    quantities = {STEMS[0]: inside["prediction"]}
    if "label" in inside:
        error = inside["prediction"] - inside["label"]
        quantities |= {STEMS[1]: error, STEMS[2]: error.abs()}
    judges = (
        _Judge(stem, values.to_numpy(float), sets, _range_of(stem, bounds), top, level, rng, each)
        for stem, values in quantities.items()
    )
    measures = tuple(one for judge in judges for one in judge.measures())
    return Result(measures, items=_items(rows, sensitive, quantities), remarks=(
        *missing_words(rows, sensitive), *outside,
    ))  # fmt: skip


def _within(rows: pd.DataFrame, bounds: Bounds | None) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
    """Return the rows without numbers that lie outside the bounds, and the remark on each column that has such."""
    if bounds is None:
        return rows, ()
    remarks, (low, high) = list[Remark](), bounds
    for name in ("prediction", "label"):
        if name in rows and (beyond := (rows[name] < low) | (rows[name] > high)).any():
            told: dict[str, str | float] = {"column": name, "outside_count": float(beyond.sum()), "least": low}
            remarks.append(Remark("outside_range", {**told, "most": high, "row_count": float(len(rows))}))
            rows = rows.assign(**{name: rows[name].mask(beyond)})
    return rows, tuple(remarks)


def _range_of(stem: str, bounds: Bounds | None) -> Bounds | None:
    """Return the range of a quantity, by that of predictions and labels."""
    if bounds is None or stem == "prediction":
        return bounds
    width = bounds[1] - bounds[0]
    return (-width, width) if stem == "error" else (0.0, width)


def _items(
    rows: pd.DataFrame, sensitive: Sequence[str], quantities: Mapping[str, pd.Series[float]]
) -> pd.DataFrame:
    """Return the evidence, a row a number: the farther off, the more it weighs; without labels, the greater."""
    items = pd.DataFrame({"group": spelt_out(joined_names(rows, sensitive)), "prediction": rows["prediction"]})
    if "label" in rows:
        items = items.assign(label=rows["label"], error=quantities["error"])
    last = [*quantities.values()][-1]
    items["weight"] = last.astype(float)
    return items.assign(no_answer=last.isna()) if last.isna().any() else items


@immutable
class _Groups:
    """The groups of one or several sensitive columns."""

    feature: str | None
    """The column, where it is one of several that is looked at alone."""
    names: tuple[str, ...]
    code: NDArray[np.int64]
    """Place of the group among the names [row]."""
    reference: str

    @property
    def compared(self) -> list[int]:
        """Places of the groups that are compared with something else."""
        return [at for at, name in enumerate(self.names) if name != self.reference]

    @property
    def twins(self) -> bool:
        """Whether there are two groups, each the rest of the other."""
        return len(self.names) == 2 and self.reference == REST

    @property
    def tried(self) -> int:
        """How many gaps differ from each other."""
        return 1 if self.twins else max(1, len(self.compared))

    def called(self, at: int) -> str:
        """Return what measures call a group."""
        return self.names[at] if self.feature is None else f"{self.feature}: {self.names[at]}"


def _sets(rows: pd.DataFrame, sensitive: Sequence[str], reference: str) -> list[_Groups]:
    """Return the groups by all columns together, then by each alone; ValueError for a reference that is no group."""
    found = []
    for feature in (None, *(sensitive if len(sensitive) > 1 else ())):
        named = joined_names(rows, list(sensitive) if feature is None else [feature])
        names = tuple(map(str, named.cat.categories))
        own = reference if feature is None else REST
        if own not in (REST, *names):
            known = ", ".join(sorted(names)[:10])
            raise ValueError(f"reference: got {own!r}; allowed: {REST!r} or a group ({known})")
        found.append(_Groups(feature, names, np.asarray(named.cat.codes, dtype=np.int64), own))
    return found


@immutable
class _Kind:
    """A way to compare two sides."""

    compare: Compared
    method: Method
    ends: Bounds
    """What the gap lies between where nothing is known."""
    signed: bool = True
    unit: str = "score"


@immutable
class _Judge:
    """Makes the measures of one quantity."""

    stem: str
    values: Floats
    sets: Sequence[_Groups]
    bounds: Bounds | None
    top: float | None
    level: float
    rng: np.random.Generator
    each: bool

    def measures(self) -> Iterator[Measure]:
        """Yield all measures, the largest gap by rank first."""
        prefix, stem = "" if self.stem == "prediction" else f"{self.stem}_", self.stem
        gaps = self._gaps()
        yield from self._told(f"{prefix}superiority_gap", "superiority", gaps)
        if stem == "prediction":
            yield from self._told("wasserstein_distance", "distance", gaps)
            yield self._p()
            yield from self._highest(gaps)
        yield from self._told(f"median_{stem}_gap", "median", gaps)
        bounds = self.bounds or ANY
        yield from self._each(f"median_{stem}", _ORDER, lambda side: median_interval(side, self.level, bounds))
        if self.bounds is not None:
            yield from self._told(f"mean_{stem}_gap", "mean", gaps)
            yield from self._each(f"mean_{stem}", BETTING, lambda side: self._mean(side, bounds))

    @cached_property
    def kinds(self) -> dict[str, _Kind]:
        """How two sides are compared, at the level at which all gaps of one kind hold at once."""
        strict, bounds, rng = 1 - (1 - self.level) / self.tried, self.bounds or ANY, self.rng
        width = bounds[1] - bounds[0]
        apart, signed = (0.0, width), (-width, width)
        kinds = {
            "superiority": _Kind(lambda own, other: superiority_gap(own, other, strict), _PAIRS, (-1.0, 1.0)),
            "median": _Kind(lambda own, other: median_gap(own, other, strict, bounds), _ORDERS, signed),
        }
        if self.bounds is not None:
            kinds["mean"] = _Kind(lambda own, other: mean_gap(own, other, strict, bounds, rng), _BLOCKS, signed)
        if self.stem == "prediction":
            method = _BIASED if self.bounds is None else _DKW
            kinds["distance"] = _Kind(
                lambda own, other: distance(own, other, strict, self.bounds), method, apart, signed=False
            )
        if (cut := self.cut) is not None:
            kinds["top"] = _Kind(lambda own, other: top_gap(own, other, cut, strict), _CUTS, (-1.0, 1.0), unit="share")
        return kinds

    @cached_property
    def cut(self) -> Cut | None:
        """The least of the highest numbers, where these are asked for and there is a number."""
        known, _ = self.ordered
        if self.top is None or self.stem != "prediction" or not len(known):
            return None
        return cut_of(Numbers(known, self.missing), self.top, self.level)

    @property
    def tried(self) -> int:
        """How many gaps of one kind there are."""
        return sum(groups.tried for groups in self.sets)

    @property
    def missing(self) -> int:
        """Rows without a number."""
        return int(np.isnan(self.values).sum())

    @cached_property
    def ordered(self) -> tuple[Floats, NDArray[np.int64]]:
        """The numbers that are known, ascending, and their rows."""
        order = np.argsort(self.values, kind="stable")[: len(self.values) - self.missing]
        return self.values[order], order

    def _side(self, rows: NDArray[np.bool_]) -> Numbers:
        """Return the numbers of some rows [row]."""
        known, order = self.ordered
        own = known[rows[order]]
        return Numbers(own, int(rows.sum()) - len(own))

    def _gaps(self) -> dict[str, list[Gap]]:
        """Return the gaps of every kind and group."""
        found: dict[str, list[Gap]] = {kind: [] for kind in self.kinds}
        for groups in self.sets:
            for at in groups.compared:
                own = groups.code == at
                other = ~own if groups.reference == REST else groups.code == groups.names.index(groups.reference)
                sides = self._side(own), self._side(other)
                for name, kind in self.kinds.items():
                    first = found[name][-1] if groups.twins and at else None
                    found[name].append(_gap(groups.called(at), kind, *sides, first))
        return found

    def _told(self, name: str, kind: str, gaps: Mapping[str, list[Gap]]) -> Iterator[Measure]:
        """Yield the largest gap, then those of the groups that differ most by rank."""
        method, unit = together(self.kinds[kind].method, self.tried), self.kinds[kind].unit
        whole = largest(f"largest_{name}", gaps[kind], self._n(None), self.level, method, unit, _ONE_GROUP)
        shown = {gaps[kind][at].group for at in self._farthest(gaps["superiority"])}
        told = [replace(whole, missing=self.missing)]
        told += [gap.measure(name, self.level, method, unit, _NO_NUMBER) for gap in gaps[kind] if gap.group in shown]
        yield from (replace(one, low=None, high=None) if method.startswith("none") else one for one in told)

    def _farthest(self, gaps: Sequence[Gap]) -> NDArray[np.intp]:
        sizes = np.array([-1.0 if np.isnan(gap.value) else abs(gap.value) for gap in gaps])
        return np.argsort(-sizes, kind="stable")[:MOST_GROUPS]

    def _p(self) -> Measure:
        known, order = self.ordered
        group = np.unique(self.sets[0].code[order], return_inverse=True)[1]
        told: dict[str, Any] = {
            "n": self._n(None), "unit": "p-value", "direction": "neither", "level": self.level, "missing": self.missing,
        }  # fmt: skip
        if not len(group) or not group.max():
            return undefined("distribution_p", _ONE_GROUP, **told)
        test = each_difference_p if self.each else any_difference_p
        method = together(_EACH_PERMUTED, int(group.max())) if self.each else _PERMUTED
        return Measure(name="distribution_p", value=test(known, group, self.rng), method=method, **told)

    def _n(self, rows: NDArray[np.bool_] | None) -> dict[str, int]:
        known = np.isfinite(self.values if rows is None else self.values[rows])
        return {"items": int(known.sum()), "units": int(known.sum())}

    def _highest(self, gaps: Mapping[str, list[Gap]]) -> Iterator[Measure]:
        """Yield who is among the highest, where that is asked for."""
        if (cut := self.cut) is not None:
            yield from self._told("top_gap", "top", gaps)
            yield self._ratio(cut)
            yield from self._each("top_rate", _CUT, lambda side: top_rate(side, cut, self.level), "share")
        elif self.top is not None:
            told: dict[str, Any] = {"n": self._n(None), "level": self.level, "missing": self.missing}
            for name, unit in (("largest_top_gap", "share"), ("top_ratio", "score"), ("top_rate", "share")):
                yield undefined(name, _NOTHING, unit=unit, direction="neither", **told)

    def _ratio(self, cut: Cut) -> Measure:
        groups = self.sets[0]
        sides = [self._side(groups.code == at) for at in range(len(groups.names))]
        told: dict[str, Any] = {
            "n": self._n(None), "unit": "score", "direction": "higher is better", "ideal": 1.0, "level": self.level,
            "missing": self.missing,
        }  # fmt: skip
        if sum(len(side.known) > 0 for side in sides) < 2:
            return undefined("top_ratio", _ONE_GROUP, **told)
        value, low, high = least_ratio(sides, cut, self.level)
        method = together(_CUT, len(sides))
        return Measure(name="top_ratio", value=value, low=min(low, value), high=max(high, value), method=method, **told)

    def _each(self, name: str, method: Method, of: Of, unit: str = "score") -> Iterator[Measure]:
        """Yield what `of` finds of all numbers, and of those of every group."""
        yield self._one(name, method, of, unit, np.ones(len(self.values), dtype=bool), None)
        for groups in self.sets:
            for at in range(min(len(groups.names), MOST_GROUPS)):
                yield self._one(name, method, of, unit, groups.code == at, groups.called(at))

    def _one(
        self, name: str, method: Method, of: Of, unit: str, rows: NDArray[np.bool_], group: str | None
    ) -> Measure:
        side = self._side(rows)
        told: dict[str, Any] = {
            "n": self._n(rows), "unit": unit, "level": self.level, "group": group, "missing": side.missing,
            **_DIRECTIONS[self.stem],
        }  # fmt: skip
        if not len(side.known):
            return undefined(name, _NOTHING, **told)
        value, *ends = of(side)
        low, high = (end if np.isfinite(end) else None for end in (min(ends[0], value), max(ends[1], value)))
        return Measure(name=name, value=value, low=low, high=high, method=method, **told)

    def _mean(self, side: Numbers, bounds: Bounds) -> tuple[float, float, float]:
        """Return (value, low, high) of the mean."""
        least, most = side.filled(bounds)
        ends = bounded(least, most, level=self.level, rng=self.rng, low=bounds[0], high=bounds[1])
        return float(side.known.mean()), *ends


def _gap(group: str, kind: _Kind, own: Numbers, other: Numbers, twin: Gap | None) -> Gap:
    """Return the gap of a group; of two groups the second one's is the first one's, turned round."""
    n = {"items": len(own.known), "units": len(own.known)}
    if twin is not None:
        return replace(twin.mirrored(group) if kind.signed else replace(twin, group=group), n=n, missing=own.missing)
    if not len(own.known) or not len(other.known):
        return Gap(group, np.nan, *kind.ends, n, own.missing)
    value, low, high = kind.compare(own, other)
    return Gap(group, value, -np.inf if low is None else low, np.inf if high is None else high, n, own.missing)
