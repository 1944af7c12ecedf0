"""Gaps within the strata of a control feature, and whether they turn round against the gap of all.

    in stratum s, group against reference      a of n1 and b of n0 selected,   N = n1 + n0,   w = n1 n0 / N
    standard rates  r1 = sum of w a/n1 / sum of w,   r0 = sum of w b/n0 / sum of w
    pooled          gap r1 - r0,   ratio r1 / r0                             (Mantel & Haenszel 1959)
    any gap         permutation of the groups within every stratum, as counts: a valid p-value

The intervals of what is pooled take each standard rate for that of as many units as are equally sure, 1 / sum w^2 / n
with w summing to one, or fewer where rates differ between strata so that it varies more. They are exact where there is
one stratum; elsewhere it was measured how often they miss. Gaps of single strata hold for all strata and groups at
once, and are valid.

Units that were asked and gave no answer count in n1, n0 and w, so that strata weigh what they weigh among all that were
asked; the lower end takes theirs for what makes the gap least, the upper end for what makes it most. No such bound is
known for the permutation, which speaks of those that answered; that a gap turns round is only told where it does
whatever the missing would have been.

A gap that turns round within strata (Simpson 1951; Bickel, Hammel & O'Connell 1975) is called so by a test: both that
the gap of all has its sign, by Fisher's exact test, and that some stratum has the other, by an exact test of all
strata, must be shown. The larger p-value of the two is that of the claim (Berger 1982); twice it, for either direction,
times the groups is told. What a control may explain away is a question of the matter, not of statistics: a control that
itself follows from the group hides a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.bias.groups import MOST_GROUPS, REST, Side, pair_ends
from detectors.immutable import immutable
from detectors.intervals import Approximation, difference_low, rate_difference, rate_ratio
from detectors.phrases import Cause, Method
from detectors.result import UNBOUNDED, Measure, Remark, Result, undefined

__all__ = ["POOLED_GAP", "POOLED_RATIO", "conditional_gaps", "pooled"]

POOLED_GAP = Approximation(Method("gap pooled over strata (Mantel-Haenszel), exact tails at effective sizes"), 20, 0.96)
POOLED_RATIO = Approximation(
    Method("ratio pooled over strata (Mantel-Haenszel), exact tails at effective sizes"), 20, 0.96
)
"""Lowest coverage over the random strata of benchmarks/bias_coverage.py, however few units these have."""
_PERMUTED = Method("permutation of the groups within strata (multivariate hypergeometric)")
_REVERSAL = Method("exact tests of all units and of strata, the larger p, all groups at once (Bonferroni)")
_WHATEVER = Method("{method}; whatever the missing would have answered", method=_REVERSAL)
_NO_ENDS = Method("none; the units are too few or do not differ")
_NO_STRATUM = Cause("no stratum has units of the group and of the reference")
_NOT_ENOUGH = Cause("fewer than two groups share a stratum")
_NO_EVENT = Cause("no unit of the reference was selected in these strata")
_DRAWS, _DRAWN = 1999, 20_000_000
Counts = NDArray[np.int64]


def pooled(
    a: ArrayLike, n1: ArrayLike, b: ArrayLike, n0: ArrayLike, level: float = 0.95, *,
    missing1: ArrayLike = 0, missing0: ArrayLike = 0,
) -> tuple[Floats, Floats]:
    """Return (gap, low, high) and (ratio, low, high), each [3, ...], pooled over strata, the last axis of the counts.

    a of n1 of the group and b of n0 of the reference; missing1, missing0: further units that were asked and gave no
    answer. Strata without units of both count nothing. What cannot be had is NaN; a ratio may end at inf. Approximate:
    see `POOLED_GAP`, `POOLED_RATIO`.
    """
    a, n1, b, n0, lost1, lost0 = (
        np.asarray(one, dtype=float) for one in np.broadcast_arrays(a, n1, b, n0, missing1, missing0)
    )
    asked1, asked0 = n1 + lost1, n0 + lost0
    share = _shares(asked1, asked0, (n1 > 0) & (n0 > 0))
    able = (share > 0).any(-1)
    first, second = (_rate(*side, share) for side in ((a, n1), (b, n0)))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = first - second, first / second
    share = _shares(asked1, asked0, (asked1 > 0) & (asked0 > 0))
    least1, most1 = _effective(a, asked1, lost1, share)
    least0, most0 = _effective(b, asked0, lost0, share)
    with np.errstate(divide="ignore"):
        ends = (
            (difference_low(*least1, *most0, level), -difference_low(*least0, *most1, level)),
            (rate_ratio(*least1, *most0, level)[0], 1 / rate_ratio(*least0, *most1, level)[0]),
        )
    gaps, ratios = (
        np.stack([value, *(np.where(able, end, np.nan) for end in of_value)])
        for value, of_value in zip(values, ends, strict=True)
    )
    return gaps, ratios


def _shares(n1: Floats, n0: Floats, both: NDArray[np.bool_]) -> Floats:
    """Return the weights of the strata [..., stratum] that have both sides, summing to one; 0 of the others."""
    weight = np.where(both, n1 * n0 / np.where(both, n1 + n0, 1.0), 0.0)
    whole = weight.sum(-1, keepdims=True)
    share: Floats = np.divide(weight, whole, out=np.zeros_like(weight), where=whole > 0)
    return share


def _rate(k: Floats, n: Floats, share: Floats) -> Floats:
    """Return the weighted rate [...], NaN where nothing weighs."""
    (events, units), _ = _effective(k, n, np.zeros_like(n), share)
    with np.errstate(invalid="ignore"):
        rate: Floats = events / units
    return rate


def _effective(k: Floats, n: Floats, lost: Floats, share: Floats) -> tuple[tuple[Floats, Floats], ...]:
    """Return the events and units [...] of samples that are as sure as the weighted rate, for the least and the most
    events that k of n can be where `lost` of the n are not known; no units where nothing weighs.

    Both are of as few units as any number of events between could have: by the ends of what varies, or, as that is
    concave in the rates, by the stratum that is least sure for its weight, whichever is more.
    """
    some = share > 0
    whole = np.where(some, n, 1.0)
    ends = np.stack([(k + 0.5) / (whole + 1), (k + lost + 0.5) / (whole + 1)])
    near = np.clip(0.5, *ends)
    centre = (share * ends).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = 1 / (share**2 / whole).sum(-1)
        varied = (centre * (1 - centre)).min(0) / (share**2 * near * (1 - near) / whole).sum(-1)
        concave = np.where(some, whole / share, np.inf).min(-1)
    varied = np.where((lost > 0).any(-1), np.fmax(varied, concave), varied)
    units = np.where(some.any(-1), np.minimum(alike, varied), 0.0)
    return tuple(((share * events / whole).sum(-1) * units, units) for events in (k, k + lost))


def conditional_gaps(
    selected: ArrayLike, totals: ArrayLike, strata: Sequence[str], names: Sequence[str], *, level: float,
    rng: np.random.Generator, metric: str = "rate", reference: str = REST, missing: ArrayLike | None = None,
) -> Result:
    """Return how the rates of groups differ within strata of a control feature.

    selected, totals, missing [stratum, group]: independent units that had the event, that answered, and that were asked
    and did not. reference: `REST`, or the name of a group.

    Measures:
      {metric}_conditional_gap      headline; pooled, of the group farthest from the reference, and of every group
      {metric}_conditional_ratio    pooled, of the same group, and of every group
      {metric}_conditional_p        p-value of "in every stratum all groups have one rate"
      {metric}_reversal_p           p-value of "for no group does the gap of all turn round in a stratum"
    table has a row a stratum and group, with gaps that hold for all at once. remarks: `turns_round` for the group whose
    gap turns round most surely, where one's does. Raises ValueError for counts that cannot be.
    """
    k, n = np.asarray(selected, dtype=np.int64), np.asarray(totals, dtype=np.int64)
    lost = np.zeros_like(n) if missing is None else np.asarray(missing, dtype=np.int64)
    alike = k.shape == n.shape == lost.shape == (len(strata), len(names))
    if not alike or not np.all((k >= 0) & (k <= n) & (lost >= 0)):
        got = f"counts {k.shape} of {n.shape}, missing {lost.shape}, for {len(strata)} strata and {len(names)} groups"
        allowed = "[stratum, group], 0 <= selected <= totals, missing >= 0"
        raise ValueError(f"conditional_gaps: got {got}; allowed: {allowed}")
    if reference != REST and reference not in names:
        raise ValueError(f"reference: got {reference!r}; allowed: {REST!r} or a group ({', '.join(names[:10])})")
    return _Judge(Side(k, n, lost), tuple(strata), tuple(names), metric, reference, level, rng).result()


@immutable
class _Judge:
    own: Side
    """Counts [stratum, group]."""
    strata: tuple[str, ...]
    names: tuple[str, ...]
    metric: str
    reference: str
    level: float
    rng: np.random.Generator

    @cached_property
    def other(self) -> Side:
        """Return the counts [stratum, group] of what each group is compared with; none for the reference."""
        if self.reference == REST:
            return Side(*(one.sum(1, keepdims=True) - one for one in self.own))
        at = self.names.index(self.reference)
        others = [np.repeat(one[:, [at]], len(self.names), axis=1) for one in self.own]
        for one in others:
            one[:, at] = 0
        return Side(*others)

    @cached_property
    def both(self) -> NDArray[np.bool_]:
        """Tell where a group and what it is compared with have units that answered [stratum, group]."""
        return (self.own.units > 0) & (self.other.units > 0)

    @cached_property
    def shared(self) -> Counts:
        """Return positions of the groups that share a stratum with the reference."""
        return np.flatnonzero(self.both.any(axis=0))

    def result(self) -> Result:
        table = self._table()
        if len(self.shared) < (2 if self.reference == REST else 1):
            names = ("conditional_gap", "conditional_ratio", "conditional_p", "reversal_p")
            return Result(tuple(self._none(name, _NOT_ENOUGH, None) for name in names), table=table)
        (k1, n1, lost1), (k0, n0, lost0) = ([one.T for one in side] for side in (self.own, self.other))
        strict = 1 - (1 - self.level) / self._tried
        gaps, ratios = pooled(k1, n1, k0, n0, strict, missing1=lost1, missing0=lost0)
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
        own, other, both = self.own, self.other, self.both
        gap, low, high = (np.full(both.shape, np.nan) for _ in range(3))
        with np.errstate(invalid="ignore"):
            rate = own.events / own.units
            gap[both] = rate[both] - other.events[both] / other.units[both]
        if both.any():
            strict = 1 - (1 - self.level) / np.count_nonzero(both)
            low[both], high[both] = pair_ends(own[both], other[both], strict, rate_difference)
        grid = [np.repeat(self.strata, len(self.names)), np.tile(self.names, len(self.strata))]
        return pd.DataFrame({
            "stratum": grid[0], "group": grid[1], "units": own.units.ravel(), "no_answer_units": own.missing.ravel(),
            "selected": own.events.ravel(), "rate": rate.ravel(), "gap": gap.ravel(), "gap_low": low.ravel(),
            "gap_high": high.ravel(),
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
            return self._none("conditional_ratio", _NO_EVENT if self.both[:, at].any() else _NO_STRATUM, at, group)
        ends = {"low": low, "high": high, **POOLED_RATIO.facts} if np.isfinite([low, high]).all() else {}
        told = {"method": UNBOUNDED if self.own.missing.any() else _NO_ENDS, **ends}
        return self._measure(
            "conditional_ratio", at, value=value, unit="score", ideal=1.0, group=group,
            direction="nearer to ideal is better", **told,
        )

    def _p(self) -> Measure:
        """Return the p-value of the largest standardised sum over strata of what a group has beyond its share."""
        k, n, _ = self.own
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
        (k1, n1, _), (k0, n0, _) = ([one.sum(0) for one in side] for side in (self.own, self.other))
        with np.errstate(divide="ignore", invalid="ignore"):
            whole = k1 / n1 - k0 / n0
        turned = [int(at) for at in self.shared if whole[at] * gaps[0, at] < 0][:MOST_GROUPS]
        if not turned:
            return self._p_value("reversal_p", 1.0, _REVERSAL), ()
        found = {at: self._turned(at, up=bool(whole[at] > 0)) for at in turned}
        at = min(found, key=lambda one: found[one])
        p = min(1.0, 2 * found[at] * self._tried)
        values: dict[str, str | float] = {
            "measure": self.metric, "group": self.names[at], "reference": self.reference,
            "gap_share": float(whole[at]), "within_share": float(gaps[0, at]), "p": float(p),
        }  # fmt: skip
        if not self.own.missing.any():
            return self._p_value("reversal_p", p, _REVERSAL), (Remark("turns_round", values),)
        sure = (Remark("turns_round", values),) if p <= 1 - self.level else ()
        return self._p_value("reversal_p", p, _WHATEVER), sure

    def _turned(self, at: int, *, up: bool) -> float:
        """Return the larger p-value of "the gap of all is not `up`" and "in no stratum is it not".

        Each is the largest of all that the missing could have made it.
        """
        from scipy.stats import hypergeom

        own, other = self.own[:, at], self.other[:, at]
        n1, n0 = own.units + own.missing, other.units + other.missing
        least, most = (own.events, other.events + other.missing), (own.events + own.missing, other.events)
        a, b = (int(one.sum()) for one in (least if up else most))
        null = hypergeom(int(n1.sum() + n0.sum()), a + b, int(n1.sum()))
        of_all = float(null.sf(a - 1) if up else null.cdf(a))
        both = (n1 > 0) & (n0 > 0)
        one, two = (counts[both] for counts in (most if up else least))
        drawn = self.rng.hypergeometric(n1[both], n0[both], one + two, size=(_DRAWS * 5, int(both.sum())))
        total, seen = drawn.sum(axis=1), int(one.sum())
        beyond = total <= seen if up else total >= seen
        return max(of_all, (1 + np.count_nonzero(beyond)) / (1 + len(total)))

    def _p_value(self, ending: str, p: float, method: Method) -> Measure:
        return self._measure(ending, None, value=p, unit="p-value", direction="neither", method=method)

    def _n(self, at: int | None) -> dict[str, int]:
        units = int(self.own.units.sum() if at is None else self.own.units[:, at].sum())
        return {"items": units, "units": units}

    def _missing(self, at: int | None) -> int:
        return int(self.own.missing.sum() if at is None else self.own.missing[:, at].sum())

    def _measure(self, ending: str, at: int | None, **found: Any) -> Measure:
        missing = self._missing(at)
        return Measure(name=f"{self.metric}_{ending}", n=self._n(at), missing=missing, level=self.level, **found)

    def _none(self, ending: str, reason: Cause, at: int | None, group: str | None = None) -> Measure:
        unit = "p-value" if ending.endswith("_p") else "score" if ending.endswith("ratio") else "share"
        return undefined(
            f"{self.metric}_{ending}", reason, n=self._n(at), unit=unit, direction="neither", level=self.level,
            group=group, missing=self._missing(at),
        )
