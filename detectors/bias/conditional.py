"""Gaps within the strata of a control feature, and whether they turn round against the gap of all.

    in stratum s, group against reference      a of n1 and b of n0 selected,   N = n1 + n0,   w = n1 n0 / N
    standard rates  r1 = sum of w a/n1 / sum of w,   r0 = sum of w b/n0 / sum of w
    pooled          gap r1 - r0,   ratio r1 / r0                             (Mantel & Haenszel 1959)
    any gap         permutation of the groups within every stratum, as counts: a valid p-value

The intervals of what is pooled take each standard rate for that of as many units as are equally sure, 1 / sum w^2 / n
with w summing to one, or fewer where rates differ between strata so that it varies more. They are exact where there is
one stratum; elsewhere it was measured how often they miss. Gaps of single strata hold for all strata and groups at
once, and are valid.

A gap that turns round within strata (Simpson 1951; Bickel, Hammel & O'Connell 1975) is called so by a test: both that
the gap of all has its sign, by Fisher's exact test, and that some stratum has the other, by an exact test of all
strata, must be shown. The larger p-value of the two is that of the claim (Berger 1982); twice it, for either direction,
times the groups is told. What a control may explain away is a question of the matter, not of statistics: a control that
itself follows from the group hides a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

from detectors.arrays import Floats
from detectors.bias.groups import MOST_GROUPS, REST
from detectors.intervals import Approximation, rate_difference, rate_ratio
from detectors.phrases import Cause, Method
from detectors.result import Measure, Remark, Result, undefined

__all__ = ["POOLED_GAP", "POOLED_RATIO", "conditional_gaps", "pooled"]

POOLED_GAP = Approximation(Method("gap pooled over strata (Mantel-Haenszel), exact tails at effective sizes"), 20, 0.96)
POOLED_RATIO = Approximation(
    Method("ratio pooled over strata (Mantel-Haenszel), exact tails at effective sizes"), 20, 0.96
)
"""Lowest coverage over the random strata of benchmarks/bias_coverage.py, however few units these have."""
_PERMUTED = Method("permutation of the groups within strata (multivariate hypergeometric)")
_REVERSAL = Method("exact tests of all units and of strata, the larger p, all groups at once (Bonferroni)")
_NO_STRATUM = Cause("no stratum has units of the group and of the reference")
_NOT_ENOUGH = Cause("fewer than two groups share a stratum")
_NO_EVENT = Cause("no unit of the reference was selected in these strata")
_DRAWS, _DRAWN = 1999, 20_000_000
Counts = NDArray[np.int64]


def pooled(a: ArrayLike, n1: ArrayLike, b: ArrayLike, n0: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return (gap, low, high) and (ratio, low, high), each [3, ...], pooled over strata, the last axis of the counts.

    a of n1 of the group and b of n0 of the reference; strata without units of both count nothing. What cannot be had is
    NaN; a ratio may end at inf. Approximate: see `POOLED_GAP`, `POOLED_RATIO`.
    """
    a, n1, b, n0 = (np.asarray(one, dtype=float) for one in np.broadcast_arrays(a, n1, b, n0))
    both = (n1 > 0) & (n0 > 0)
    weight = np.where(both, n1 * n0 / np.where(both, n1 + n0, 1.0), 0.0)
    whole = weight.sum(-1, keepdims=True)
    share = np.divide(weight, whole, out=np.zeros_like(weight), where=whole > 0)
    able = whole[..., 0] > 0
    (k1, m1), (k2, m2) = _effective(a, n1, share, able), _effective(b, n0, share, able)
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = k1 / m1, k2 / m2
        values = first - second, first / second
    gaps, ratios = (
        np.stack([value, *(np.where(able, end, np.nan) for end in ends(k1, m1, k2, m2, level))])
        for value, ends in zip(values, (rate_difference, rate_ratio), strict=True)
    )
    return gaps, ratios


def _effective(k: Floats, n: Floats, share: Floats, able: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the events and units [...] of a sample that is as sure as the weighted rate; none where not `able`."""
    some = share > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(some, share * k / n, 0.0).sum(-1)
        alike = 1 / np.where(some, share**2 / n, 0.0).sum(-1)
        near = np.where(some, (k + 0.5) / (n + 1), 0.5)
        centre = (share * near).sum(-1)
        varied = centre * (1 - centre) / np.where(some, share**2 * near * (1 - near) / n, 0.0).sum(-1)
    units = np.where(able, np.minimum(alike, varied), 0.0)
    return np.where(able, rate * units, 0.0), units


def conditional_gaps(
    selected: ArrayLike, totals: ArrayLike, strata: Sequence[str], names: Sequence[str], *, level: float,
    rng: np.random.Generator, metric: str = "rate", reference: str = REST,
) -> Result:
    """Return how the rates of groups differ within strata of a control feature.

    selected, totals [stratum, group]: independent units that had the event, and that answered. reference: `REST`, or
    the name of a group.

    Measures:
      {metric}_conditional_gap      headline; pooled, of the group farthest from the reference, and of every group
      {metric}_conditional_ratio    pooled, of the same group, and of every group
      {metric}_conditional_p        p-value of "in every stratum all groups have one rate"
      {metric}_reversal_p           p-value of "for no group does the gap of all turn round in a stratum"
    table has a row a stratum and group, with gaps that hold for all at once. remarks: `turns_round` for the group whose
    gap turns round most surely, where one's does. Raises ValueError for counts that cannot be.
    """
    k, n = np.asarray(selected, dtype=np.int64), np.asarray(totals, dtype=np.int64)
    if k.shape != (len(strata), len(names)) or k.shape != n.shape or not np.all((k >= 0) & (k <= n)):
        got = f"counts {k.shape} of {n.shape} for {len(strata)} strata and {len(names)} groups"
        raise ValueError(f"conditional_gaps: got {got}; allowed: [stratum, group], 0 <= selected <= totals")
    if reference != REST and reference not in names:
        raise ValueError(f"reference: got {reference!r}; allowed: {REST!r} or a group ({', '.join(names[:10])})")
    return _Judge(k, n, tuple(strata), tuple(names), metric, reference, level, rng).result()


@dataclass(frozen=True)
class _Judge:
    selected: Counts
    totals: Counts
    strata: tuple[str, ...]
    names: tuple[str, ...]
    metric: str
    reference: str
    level: float
    rng: np.random.Generator

    @cached_property
    def other(self) -> tuple[Counts, Counts]:
        """Return (selected, units) [stratum, group] of what each group is compared with; none for the reference."""
        if self.reference == REST:
            return tuple(one.sum(1, keepdims=True) - one for one in (self.selected, self.totals))
        at = self.names.index(self.reference)
        others = [np.repeat(one[:, [at]], len(self.names), axis=1) for one in (self.selected, self.totals)]
        for one in others:
            one[:, at] = 0
        return others[0], others[1]

    @cached_property
    def shared(self) -> Counts:
        """Return positions of the groups that share a stratum with the reference."""
        return np.flatnonzero(((self.totals > 0) & (self.other[1] > 0)).any(axis=0))

    def result(self) -> Result:
        table = self._table()
        if len(self.shared) < (2 if self.reference == REST else 1):
            names = ("conditional_gap", "conditional_ratio", "conditional_p", "reversal_p")
            return Result(tuple(self._none(name, _NOT_ENOUGH, None) for name in names), table=table)
        strict = 1 - (1 - self.level) / self._tried
        k, n = self.other
        gaps, ratios = pooled(self.selected.T, self.totals.T, k.T, n.T, strict)
        apart = np.where(np.isnan(gaps[0]), -1.0, np.abs(gaps[0]))
        farthest = int(np.argmax(apart))
        shown = sorted(np.argsort(-apart, kind="stable")[:MOST_GROUPS].tolist())
        reversal, remarks = self._reversal(gaps)
        measures = (
            self._gap(gaps, farthest, None), self._ratio(ratios, farthest, None), self._p(), reversal,
            *(self._gap(gaps, at, self.names[at]) for at in shown),
            *(self._ratio(ratios, at, self.names[at]) for at in shown),
        )
        return Result(measures, table=table, remarks=remarks)

    @property
    def _tried(self) -> int:
        """Return how many comparisons there are: of two groups against each other, one."""
        return 1 if self.reference == REST and len(self.shared) == 2 else len(self.shared)

    def _table(self) -> pd.DataFrame:
        k, n = self.other
        both = (self.totals > 0) & (n > 0)
        gap, low, high = (np.full(both.shape, np.nan) for _ in range(3))
        with np.errstate(invalid="ignore"):
            rate = self.selected / self.totals
            gap[both] = rate[both] - (k[both] / n[both])
        if both.any():
            strict = 1 - (1 - self.level) / np.count_nonzero(both)
            low[both], high[both] = rate_difference(self.selected[both], self.totals[both], k[both], n[both], strict)
        grid = [np.repeat(self.strata, len(self.names)), np.tile(self.names, len(self.strata))]
        return pd.DataFrame({
            "stratum": grid[0], "group": grid[1], "units": self.totals.ravel(), "selected": self.selected.ravel(),
            "rate": rate.ravel(), "gap": gap.ravel(), "gap_low": low.ravel(), "gap_high": high.ravel(),
        })  # fmt: skip

    def _gap(self, gaps: Floats, at: int, group: str | None) -> Measure:
        value, low, high = gaps[:, at]
        if np.isnan(value):
            return self._none("conditional_gap", _NO_STRATUM, at, group)
        return self._measure(
            "conditional_gap", at, value=value, low=low, high=high, unit="share", ideal=0.0, group=group,
            direction="nearer to ideal is better", **POOLED_GAP.facts,
        )

    def _ratio(self, ratios: Floats, at: int, group: str | None) -> Measure:
        value, low, high = ratios[:, at]
        if not np.isfinite(value):
            bare = not ((self.totals[:, at] > 0) & (self.other[1][:, at] > 0)).any()
            return self._none("conditional_ratio", _NO_STRATUM if bare else _NO_EVENT, at, group)
        ends = {"low": low, "high": high, **POOLED_RATIO.facts} if np.isfinite([low, high]).all() else {}
        told = {"method": Method("none; the units are too few or do not differ"), **ends}
        return self._measure(
            "conditional_ratio", at, value=value, unit="score", ideal=1.0, group=group,
            direction="nearer to ideal is better", **told,
        )

    def _p(self) -> Measure:
        """Return the p-value of the largest standardised sum over strata of what a group has beyond its share."""
        k, n = self.selected, self.totals
        size, events = n.sum(1, keepdims=True), k.sum(1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = np.where(size > 0, n * events / size, 0.0)
            each = n * (size - n) * events * (size - events) / (size**2 * np.maximum(size - 1, 1))
        scale = np.sqrt(np.where(size > 0, each, 0.0).sum(0))
        able = scale > 0
        if not able.any():
            return self._p_value("conditional_p", 1.0, _PERMUTED)
        draws = int(np.clip(_DRAWN // max(k.size, 1), 199, _DRAWS))
        null = np.zeros((draws, k.shape[1]))
        for units, count in zip(n, events[:, 0], strict=True):
            if units.sum():
                null += self.rng.multivariate_hypergeometric(units, int(count), size=draws, method="marginals")
        observed, drawn = (
            (np.abs(one - expected.sum(0))[..., able] / scale[able]).max(-1) for one in (k.sum(0), null)
        )
        p = (1 + np.count_nonzero(drawn >= observed * (1 - 1e-12))) / (1 + draws)
        return self._p_value("conditional_p", float(p), _PERMUTED)

    def _reversal(self, gaps: Floats) -> tuple[Measure, tuple[Remark, ...]]:
        """Return the p-value of a gap that turns round, and the remark on it where the signs do."""
        k, n = (one.sum(0) for one in (self.selected, self.totals))
        other_k, other_n = self._whole_other()
        with np.errstate(divide="ignore", invalid="ignore"):
            whole = k / n - other_k / other_n
        turned = [int(at) for at in self.shared if whole[at] * gaps[0, at] < 0][:MOST_GROUPS]
        if not turned:
            return self._p_value("reversal_p", 1.0, _REVERSAL), ()
        found = {at: self._turned(at, float(np.sign(whole[at])), (k, n, other_k, other_n)) for at in turned}
        at = min(found, key=lambda one: found[one])
        p = min(1.0, 2 * found[at] * self._tried)
        values: dict[str, str | float] = {
            "measure": self.metric, "group": self.names[at], "reference": self.reference,
            "gap_share": float(whole[at]), "within_share": float(gaps[0, at]), "p": float(p),
        }  # fmt: skip
        return self._p_value("reversal_p", p, _REVERSAL), (Remark("turns_round", values),)

    def _whole_other(self) -> tuple[Counts, Counts]:
        """Return (selected, units) [group] of the reference in all strata."""
        k, n = (one.sum(0) for one in (self.selected, self.totals))
        if self.reference == REST:
            return k.sum() - k, n.sum() - n
        at = self.names.index(self.reference)
        return np.full_like(k, k[at]), np.full_like(n, n[at])

    def _turned(self, at: int, sign: float, whole: tuple[Counts, ...]) -> float:
        """Return the larger p-value of "the gap of all does not have this sign" and "no stratum has the other"."""
        k, n, other_k, other_n = (int(one[at]) for one in whole)
        null = hypergeom(n + other_n, k + other_k, n)
        of_all = float(null.sf(k - 1) if sign > 0 else null.cdf(k))
        one, two = self.selected[:, at], self.other[0][:, at]
        n1, n0 = self.totals[:, at], self.other[1][:, at]
        both = (n1 > 0) & (n0 > 0)
        drawn = self.rng.hypergeometric(n1[both], n0[both], (one + two)[both], size=(_DRAWS * 5, int(both.sum())))
        total, seen = drawn.sum(axis=1), int(one[both].sum())
        beyond = total <= seen if sign > 0 else total >= seen
        return max(of_all, (1 + np.count_nonzero(beyond)) / (1 + len(total)))

    def _p_value(self, ending: str, p: float, method: Method) -> Measure:
        return self._measure(ending, None, value=p, unit="p-value", direction="neither", method=method)

    def _n(self, at: int | None) -> dict[str, int]:
        units = int(self.totals.sum() if at is None else self.totals[:, at].sum())
        return {"items": units, "units": units}

    def _measure(self, ending: str, at: int | None, **found: Any) -> Measure:
        return Measure(name=f"{self.metric}_{ending}", n=self._n(at), level=self.level, **found)

    def _none(self, ending: str, reason: Cause, at: int | None, group: str | None = None) -> Measure:
        unit = "p-value" if ending.endswith("_p") else "score" if ending.endswith("ratio") else "share"
        return undefined(
            f"{self.metric}_{ending}", reason, n=self._n(at), unit=unit, direction="neither", level=self.level,
            group=group,
        )
