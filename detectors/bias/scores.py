"""How well a score ranks within groups and across them, from counts by group, label and score alone.

    AUC of group g      P(score of a positive of g > that of a negative of g) + ties / 2              subgroup AUC
    BNSP AUC            positives of g above negatives of the rest           xAUC(g, rest), Kallus & Zhou 2019
    BPSN AUC            positives of the rest above negatives of g           xAUC(rest, g)
    xAUC gap            BNSP - BPSN: > 0 where the score puts the group higher than its labels do
    ABROCA              area between the ROC curves of g and the rest                    Gardner et al. 2019

Names of Borkan et al. 2019 (arXiv:1903.04561). An AUC has an interval that is valid at every n (independent pairs, see
`detectors.intervals.roc`). ABROCA is an area of absolute differences, so it is never 0 where curves are seen in part:
its low end is that of the difference of the two AUCs, which it is no less than, its high end adds the four
Dvoretzky-Kiefer-Wolfowitz distances (Massart 1990) of what is seen from what is true, and a permutation test within
labels, where all groups are compared at once, says whether anything differs at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.bias.groups import MOST_GROUPS
from detectors.immutable import immutable
from detectors.intervals import AUROC_METHOD, pairs_interval
from detectors.phrases import Cause, Method
from detectors.result import Measure, Result, undefined

__all__ = ["abroca", "auc", "score_gaps"]

_JOINT = Method("{method}; all groups at once (Bonferroni)", method=AUROC_METHOD)
_EXTREMES = Method("largest gap of all pairs of groups: {method}", method=AUROC_METHOD)
_AREA = Method("area between curves: AUCs below, DKW bands above")
_BETWEEN = Method("{method}; all groups at once (Bonferroni)", method=_AREA)
_PERMUTED = Method("permutation of the groups within labels (hypergeometric)")
_ONE_CLASS = Cause("a group has fewer than two positives or two negatives with a score")
_ONE_GROUP = Cause("fewer than two groups have two positives and two negatives with a score")
_DRAWS, _CURVES, _BINS = 999, 4000, 40
"""Draws of the permutation test at most, areas that they may take, and the scores that are told apart in them."""
Counts = NDArray[np.int64]


def auc(negatives: ArrayLike, positives: ArrayLike) -> Floats:
    """Return the AUC [...] of counts by ascending score [..., score], ties one half; NaN where a side has none."""
    below, above = np.asarray(negatives, dtype=float), np.asarray(positives, dtype=float)
    wins = (above * (below.cumsum(-1) - below / 2)).sum(-1)
    pairs = below.sum(-1) * above.sum(-1)
    return np.asarray(np.divide(wins, pairs, out=np.full(np.shape(pairs), np.nan), where=pairs > 0))


def abroca(counts: ArrayLike, others: ArrayLike) -> Floats:
    """Return the area between two ROC curves [...] of counts [..., label, score], the scores ascending.

    Exact for curves that are straight between the points that the scores give them.
    """
    curves = [_roc(one) for one in np.broadcast_arrays(counts, others)]
    grid = np.sort(np.concatenate([x for x, _ in curves], axis=-1), axis=-1)
    left, right = (one - two for one, two in zip(*(_ends_of(grid, *curve) for curve in curves), strict=True))
    size = np.abs(left) + np.abs(right)
    turned = np.divide(left**2 + right**2, size, out=np.zeros_like(size), where=size > 0)
    return np.asarray((np.diff(grid, axis=-1) * np.where(left * right < 0, turned, size) / 2).sum(-1))


def _roc(counts: ArrayLike) -> tuple[Floats, Floats]:
    """Return (false-positive rate, true-positive rate) [..., score + 1], from the highest score down."""
    down = np.asarray(counts, dtype=float)[..., ::-1].cumsum(-1)
    with np.errstate(invalid="ignore"):
        shares = down / down[..., -1:]
    rates = np.concatenate([np.zeros_like(shares[..., :1]), shares], axis=-1)
    return rates[..., 0, :], rates[..., 1, :]


def _ends_of(grid: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return a curve at either end of each interval of the grid, from two points inside: it may rise at the ends."""
    width = np.diff(grid, axis=-1)
    inside = np.concatenate([grid[..., :-1] + width / 4, grid[..., :-1] + width * 3 / 4], axis=-1)
    flat = [one.reshape(-1, one.shape[-1]) for one in (inside, x, y)]
    at = np.stack([np.interp(*row) for row in zip(*flat, strict=True)]).reshape(inside.shape)
    one, two = np.split(at, 2, axis=-1)
    return (3 * one - two) / 2, (3 * two - one) / 2


def score_gaps(counts: ArrayLike, names: Sequence[str], *, level: float, rng: np.random.Generator) -> Result:
    """Return how a score ranks in every group, against the rest.

    counts [group, label (negative, positive), score]: independent units by score, ascending.

    Measures (1/2 where the score tells nothing):
      auc_difference     headline; largest less smallest AUC of the groups, the plain value, biased upwards
      auc                of every group, and of all units
      bpsn_auc, bnsp_auc, xauc_gap, abroca    of every group against the rest
      abroca_p           p-value of "within each label all groups have one distribution of scores"
    Intervals of groups hold for all groups at once; of many groups, those with the most units are judged. table has a
    row a group. Raises ValueError for other shapes.
    """
    cells = np.asarray(counts, dtype=np.int64)
    if cells.ndim != 3 or cells.shape[:2] != (len(names), 2) or (cells < 0).any():
        raise ValueError(f"score_gaps: got counts {cells.shape} for {len(names)} groups; allowed: [group, 2, score]")
    return _Judge(cells, tuple(names), level, rng).result()


@immutable
class _Judge:
    counts: Counts
    names: tuple[str, ...]
    level: float
    rng: np.random.Generator

    @cached_property
    def sides(self) -> Counts:
        """Return the number of negatives and positives [group, label]."""
        return np.asarray(self.counts.sum(-1))

    @cached_property
    def able(self) -> Counts:
        """Return positions of the groups that have two of either label, of many those with the most units."""
        most = np.argsort(-self.sides.sum(1), kind="stable")[:MOST_GROUPS]
        return np.sort(most[(self.sides[most] >= 2).all(axis=1)])

    @property
    def strict(self) -> float:
        """Return the level at which the intervals of all groups hold at once."""
        return 1 - (1 - self.level) / max(len(self.able), 1)

    def result(self) -> Result:
        values = auc(self.counts[:, 0], self.counts[:, 1])
        rest = self.counts.sum(0) - self.counts
        shown = sorted(np.argsort(-self.sides.sum(1), kind="stable")[:MOST_GROUPS].tolist())
        whole = self.counts.sum(0)
        measures = [self._difference(values), self._auc("auc", None, whole[0], whole[1], self.level)]
        measures += [self._auc("auc", at, self.counts[at, 0], self.counts[at, 1], self.strict) for at in shown]
        for at in shown if len(self.able) > 1 else ():
            measures += [
                self._auc("bpsn_auc", at, self.counts[at, 0], rest[at, 1], self.strict),
                self._auc("bnsp_auc", at, rest[at, 0], self.counts[at, 1], self.strict),
                self._xauc_gap(at, rest[at]), self._abroca(at, rest[at]),
            ]
        measures.append(self._p())
        table = pd.DataFrame({
            "group": self.names, "negatives": self.sides[:, 0], "positives": self.sides[:, 1], "auc": values,
            "bpsn_auc": auc(self.counts[:, 0], rest[:, 1]), "bnsp_auc": auc(rest[:, 0], self.counts[:, 1]),
        })  # fmt: skip
        return Result(tuple(measures), table=table)

    def _difference(self, values: Floats) -> Measure:
        if len(self.able) < 2:
            return self._none("auc_difference", None, _ONE_GROUP)
        ends = np.array([pairs_interval(float(values[at]), self._pairs(at), self.strict) for at in self.able])
        half = 1 - (1 - self.level) / 2
        wide = np.array([pairs_interval(float(values[at]), self._pairs(at), half) for at in self.able])
        value = float(np.ptp(values[self.able]))
        low, high = float(ends[:, 0].max() - ends[:, 1].min()), float(wide[:, 1].max() - wide[:, 0].min())
        return self._measure(
            "auc_difference", None, value=value, low=min(max(low, 0.0), value), high=max(high, value),
            direction="lower is better", ideal=0.0, method=_EXTREMES,
        )

    def _pairs(self, at: int) -> int:
        return int(self.sides[at].min())

    def _auc(self, name: str, at: int | None, negatives: Counts, positives: Counts, level: float) -> Measure:
        found = _interval(negatives, positives, level)
        if found is None:
            return self._none(name, at, _ONE_CLASS)
        value, low, high = found
        return self._measure(
            name, at, value=value, low=low, high=high, direction="higher is better",
            method=AUROC_METHOD if at is None else _JOINT,
        )

    def _xauc_gap(self, at: int, rest: Counts) -> Measure:
        half = 1 - (1 - self.strict) / 2
        one = _interval(rest[0], self.counts[at, 1], half)
        two = _interval(self.counts[at, 0], rest[1], half)
        if one is None or two is None:
            return self._none("xauc_gap", at, _ONE_CLASS)
        return self._measure(
            "xauc_gap", at, value=one[0] - two[0], low=one[1] - two[2], high=one[2] - two[1], ideal=0.0,
            direction="nearer to ideal is better", method=_JOINT,
        )

    def _abroca(self, at: int, rest: Counts) -> Measure:
        sizes = np.concatenate([self.sides[at], rest.sum(-1)])
        if sizes.min() < 2:
            return self._none("abroca", at, _ONE_CLASS)
        value = float(abroca(self.counts[at], rest))
        # a quarter of the error is for the two AUCs, the rest for four distribution functions
        each = 1 - (1 - self.strict) / 8
        own, other = (
            pairs_interval(float(auc(cells[0], cells[1])), int(cells.sum(-1).min()), each)
            for cells in (self.counts[at], rest)
        )
        error = (1 - self.strict) * 3 / 16
        high = min(1.0, value + float(np.sqrt(np.log(2 / error) / (2 * sizes)).sum()))
        low = max(0.0, own[0] - other[1], other[0] - own[1])
        return self._measure(
            "abroca", at, value=value, low=min(low, value), high=high, direction="lower is better", ideal=0.0,
            method=_BETWEEN,
        )

    def _p(self) -> Measure:
        """Return the p-value of the largest ABROCA over groups."""
        if len(self.able) < 2:
            return self._none("abroca_p", None, _ONE_GROUP)
        cells = _coarse(self.counts)[self.able]
        draws = int(np.clip(_CURVES // len(self.able), 99, _DRAWS))
        null = np.stack([_permuted(cells[:, label], draws, self.rng) for label in (0, 1)], axis=2)
        observed, drawn = _largest(cells[None])[0], _largest(null)
        p = (1 + np.count_nonzero(drawn >= observed * (1 - 1e-12))) / (1 + draws)
        return self._measure("abroca_p", None, value=float(p), method=_PERMUTED, unit="p-value", direction="neither")

    def _n(self, at: int | None) -> dict[str, int]:
        units = int(self.sides.sum() if at is None else self.sides[at].sum())
        return {"items": units, "units": units}

    def _measure(self, name: str, at: int | None, **found: Any) -> Measure:
        group = None if at is None else self.names[at]
        return Measure(name=name, group=group, n=self._n(at), level=self.level, **{"unit": "score", **found})

    def _none(self, name: str, at: int | None, reason: Cause) -> Measure:
        group = None if at is None else self.names[at]
        unit = "p-value" if name.endswith("_p") else "score"
        return undefined(
            name, reason, n=self._n(at), unit=unit, direction="neither", level=self.level, group=group
        )


def _interval(negatives: Counts, positives: Counts, level: float) -> tuple[float, float, float] | None:
    """Return (value, low, high) of an AUC; None where a side has fewer than two."""
    pairs = int(min(negatives.sum(), positives.sum()))
    if pairs < 2:
        return None
    value = float(auc(negatives, positives))
    return value, *pairs_interval(value, pairs, level)


def _coarse(counts: Counts) -> Counts:
    """Return counts [group, label, score] with scores put together to at most `_BINS` that hold about equally many."""
    whole = counts.sum((0, 1))
    bins = np.minimum((whole.cumsum() - whole / 2) * _BINS // max(int(whole.sum()), 1), _BINS - 1)
    return np.asarray(np.add.reduceat(counts, np.unique(bins, return_index=True)[1], axis=-1))


def _permuted(cells: Counts, draws: int, rng: np.random.Generator) -> Counts:
    """Return tables [draw, group, score] with the sums of `cells` [group, score] and the groups of units permuted."""
    left = np.repeat(cells.sum(1)[None], draws, axis=0)
    tables = np.zeros((draws, *cells.shape), dtype=np.int64)
    for at, units in enumerate(cells.sum(0)):
        open_ = np.full(draws, units)
        for group in range(len(cells) - 1):
            got = rng.hypergeometric(left[:, group], left[:, group + 1 :].sum(1), open_)
            tables[:, group, at], open_ = got, open_ - got
        tables[:, -1, at] = open_
        left = left - tables[:, :, at]
    return tables


def _largest(tables: Counts) -> Floats:
    """Return the largest ABROCA of a group against the rest, for tables [draw, group, label, score]."""
    return np.asarray(abroca(tables, tables.sum(1, keepdims=True) - tables).max(axis=1))
