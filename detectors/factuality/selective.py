"""Does a score of uncertainty tell which answers to hold back? Higher uncertainty = more likely wrong.

    R(k)     mean loss of the k most certain answers of n                              risk-coverage curve
    AURC     mean of R(k) over k = 1..n; E-AURC = AURC less that of the best order     lower is better
    Q(k)     mean quality of the k most certain; A = mean of Q(k) over the last n/2    (up to half are held back)
    PRR      (A - A_random) / (A_oracle - A_random): 1 = as the best order, 0 = as any (Malinin & Gales 2021)
    AUPRC    average precision, of finding wrong answers by high scores, and right ones by low scores

Nothing depends on the order of the input: among answers of one score all orders are as likely, and R, Q and what is
made of them are the mean over these orders. As the k-th of m equal ones that follow c answers of total loss L adds on
average their mean, it is a closed form in harmonic numbers H,

    sum of R(k) over k = c+1..c+m  =  (L - c mean) (H(c+m) - H(c)) + m mean,

so a curve of n answers costs one sort. Average precision has one threshold for each score, as scikit-learn's has. PRR
of a score that is always the same is therefore 0, and its AUPRC the base rate. AUROC is that of `detectors.ranking`.

Intervals of all of these but AUROC resample whole units (prompts), the same for every score, so that differences are
paired: a percentile bootstrap, approximate. It cannot tell how few answers of one kind might have lain elsewhere, so
there is none unless `enough_units` units have an answer worse than the mean (wrong), and as many a better one (right).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil, log

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats, times_drawn
from detectors.immutable import immutable
from detectors.intervals import Approximation
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, undefined

__all__ = [
    "MOST_REJECTED", "SELECTIVE", "SELECTIVE_MEASURES", "Selective", "auprc", "aurc", "coverage_at_risk",
    "enough_units", "excess_aurc", "prediction_rejection_ratio", "risk_at_coverage", "risk_coverage",
]

MOST_REJECTED = 0.5
"""Share of answers up to which PRR holds back."""
REPLICATES, FEWEST_REPLICATES = 999, 199
"""Fewer where items are many."""
BLOCK = 2_000_000
"""Weights drawn at a time, to bound memory."""
SELECTIVE = Approximation(Method("percentile bootstrap over units, of ranked answers"), 100, 0.7)
"""Worst where few answers are of one kind and the score tells them well: of 8 wrong ones in 300, PRR is covered 73
times in 100; of 5 it would be 70 times, of 2, AUPRC, 55 times."""
TOO_FEW = Method("none; too few answers of one kind to draw from")
FEWEST_OF_A_KIND = 8
"""Units with a right answer, and with a wrong one, from which on the stated coverage was found."""
ALL_ALIKE = Method("none; whichever of these answers are drawn anew, the value is the same")
SELECTIVE_MEASURES: dict[str, Direction] = {
    "prr": "higher is better", "aurc": "lower is better", "excess_aurc": "lower is better",
    "auprc_wrong": "higher is better", "auprc_right": "higher is better",
}
"""Measures of `Selective` with their direction."""

_ROUNDED = 1e-9
"""Width below which an interval has none."""
_SAME = Cause("every answer is equally good, so no order is better than another")
_ONE_CLASS = Cause("all answers are right, or all are wrong")


def aurc(uncertainty: ArrayLike, loss: ArrayLike) -> float:
    """Return the area under the risk-coverage curve; loss [item] in [0, 1], 1 = wrong."""
    return _of_all(_aurc, uncertainty, loss)


def excess_aurc(uncertainty: ArrayLike, loss: ArrayLike) -> float:
    """Return AURC less that of the order by loss itself; 0 = no order holds back better."""
    return _of_all(_excess_aurc, uncertainty, loss)


def prediction_rejection_ratio(uncertainty: ArrayLike, quality: ArrayLike, most: float = MOST_REJECTED) -> float:
    """Return PRR, at most 1; quality [item] any real numbers, higher = better; `most` is the largest share held back.

    Raises ValueError with a `Cause` where all are of one quality, or too few to hold one back.
    """
    return _of_all(lambda totals: _prr(totals, most), uncertainty, -np.asarray(quality, dtype=float))


def auprc(uncertainty: ArrayLike, wrong: ArrayLike) -> tuple[float, float]:
    """Return average precision of (wrong, right) answers, each beside its base rate; wrong [item] is 0 or 1.

    Raises ValueError with a `Cause` where there is one kind alone.
    """
    return _of_all(_auprc_wrong, uncertainty, wrong), _of_all(_auprc_right, uncertainty, wrong)


def risk_coverage(uncertainty: ArrayLike, loss: ArrayLike) -> pd.DataFrame:
    """Return the curve: `coverage` (share answered), `risk` (their mean loss), `threshold` (their highest uncertainty).

    One row for each different score, ascending; these are the coverages that a threshold can reach.
    """
    one = _Ranked.of(uncertainty, loss)
    sizes = one.by_score.totals(np.ones(len(one.loss)))
    answered = np.cumsum(sizes)
    risk = np.cumsum(one.by_score.totals(one.loss)) / answered
    return pd.DataFrame({"coverage": answered / answered[-1], "risk": risk, "threshold": one.by_score.values})


def risk_at_coverage(curve: pd.DataFrame, coverage: float) -> float:
    """Return the risk where a curve first answers at least this share."""
    return float(curve["risk"].to_numpy()[int(np.searchsorted(curve["coverage"] + 1e-12, coverage))])


def coverage_at_risk(curve: pd.DataFrame, risk: float) -> float:
    """Return the largest share that can be answered with a risk of at most this on these answers; 0 where none can.

    It promises nothing about others: see `detectors.conformal`.
    """
    allowed = curve.loc[curve["risk"] <= risk + 1e-12, "coverage"]
    return float(allowed.max()) if len(allowed) else 0.0


def enough_units(level: float) -> int:
    """Return how many units must have a right answer, and how many a wrong one, for an interval at this level.

    Of k such units a replicate draws none with probability below exp(-k), which must be well below the tail.
    """
    return max(FEWEST_OF_A_KIND, 1 + ceil(log(2 / (1 - level))))


@immutable
class Selective:
    """Several scores of the same answers, as means to hold back the wrong ones."""

    scores: pd.DataFrame
    """[item, score], finite; higher = more likely wrong."""
    loss: ArrayLike
    """[item] in [0, 1]; 1 = wrong."""
    units: ArrayLike | None = None
    """Label of the independent unit of each item; None where every item is one."""

    def measures(
        self, score: str, *, level: float, rng: np.random.Generator, names: Sequence[str] = tuple(SELECTIVE_MEASURES),
        less: str | None = None, group: str | None = None,
    ) -> list[Measure]:
        """Return `names` of a score, or with `less` their paired differences `NAME_difference` to that score.

        They have no value where all answers are equally good, AUPRC also where some are neither right nor wrong; and
        no interval where fewer than `enough_units` units have an answer that is worse, or better, than the mean.
        """
        pair = [score] if less is None else [score, less]
        ranked = [_Ranked.of(self.scores[name], self.loss) for name in pair]
        code = None if self.units is None else np.unique(np.asarray(self.units), return_inverse=True)[1]
        units = len(ranked[0].loss) if code is None else 1 + int(code.max(initial=-1))
        lacks = {name: _lacking(name, ranked[0].loss) for name in names}
        can = [name for name in names if lacks[name] is None]
        alike = len(pair) > 1 and ranked[0].by_score.same_as(ranked[1].by_score)
        few = None if alike else _few(ranked[0].loss, code, level)
        drawn = _replicates(ranked, can, code, units, rng if few is None else None) if can else np.empty((0, 0))
        n = {"items": len(ranked[0].loss), "units": units}
        found = (
            _measure(name, lacks[name], drawn[can.index(name)] if name in can else None, n, level, less, group, alike)
            for name in names
        )
        return [one if few is None or one.value is None else replace(one, method=few) for one in found]


@immutable
class _Order:
    """Items in ascending order of a key, equal ones in one group."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    values: Floats
    """Key [group]."""

    @classmethod
    def of(cls, key: Floats) -> _Order:
        order = np.argsort(key, kind="stable")
        ascending = key[order]
        starts = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
        return cls(order, starts, ascending[starts])

    def same_as(self, other: _Order) -> bool:
        """Tell whether two keys put the items in one order, with the same ones equal."""
        return np.array_equal(self.order, other.order) and np.array_equal(self.starts, other.starts)

    def totals(self, values: Floats) -> Floats:
        """Return the sums [..., group] of values [..., item]."""
        return np.asarray(np.add.reduceat(values[..., self.order], self.starts, axis=-1))


@immutable
class _Ranked:
    """A score and the losses of the same items, each in its order."""

    loss: Floats
    by_score: _Order
    by_loss: _Order

    @classmethod
    def of(cls, uncertainty: ArrayLike, loss: ArrayLike) -> _Ranked:
        one, other = np.asarray(uncertainty, dtype=float), np.asarray(loss, dtype=float)
        if one.ndim != 1 or one.shape != other.shape or not one.size:
            raise ValueError(f"got scores {one.shape} and losses {other.shape}; allowed: [item >= 1], one each")
        if not (np.isfinite(one).all() and np.isfinite(other).all()):
            raise ValueError("got scores or losses that are not finite; allowed: finite numbers")
        return cls(other, _Order.of(one), _Order.of(other))


@immutable
class _Totals:
    """What the groups of a ranking hold, by score and by loss: how many items and how much loss, each [..., group]."""

    by_score: tuple[Floats, Floats]
    by_loss: tuple[Floats, Floats]

    @classmethod
    def of(cls, one: _Ranked, weights: Floats) -> _Totals:
        """Count every item [..., item] a whole number of times."""
        lost = weights * one.loss
        sides = ((order.totals(weights), order.totals(lost)) for order in (one.by_score, one.by_loss))
        return cls(*sides)

    @property
    def mean(self) -> Floats:
        """Mean loss [...]."""
        return np.asarray(self.by_loss[1].sum(axis=-1) / self.by_loss[0].sum(axis=-1))


def _running(groups: tuple[Floats, Floats], most: float = 1.0) -> Floats:
    """Return the mean of the running mean loss over its last `most` (share) places; NaN where that is no place."""
    sizes, sums = groups
    after = np.cumsum(sizes, axis=-1)
    before, so_far = after - sizes, np.cumsum(sums, axis=-1) - sums
    count = after[..., -1:]
    places = np.floor(most * count + 1e-9)
    first = np.clip(count - places, before, after)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(count.max()) + 1))])
    logs = harmonic[after.astype(np.intp)] - harmonic[first.astype(np.intp)]
    mean = sums / np.maximum(sizes, 1)
    area = (so_far - before * mean) * logs + mean * (after - first)
    with np.errstate(invalid="ignore"):
        return np.asarray(area.sum(axis=-1) / places[..., 0])


def _aurc(totals: _Totals) -> Floats:
    return _running(totals.by_score)


def _excess_aurc(totals: _Totals) -> Floats:
    return np.maximum(_running(totals.by_score) - _running(totals.by_loss), 0.0)  # what is less than best is rounding


def _prr(totals: _Totals, most: float = MOST_REJECTED) -> Floats:
    gained, best = (totals.mean - _running(groups, most) for groups in (totals.by_score, totals.by_loss))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(best > 1e-12 * (1 + np.abs(totals.mean)), np.minimum(gained / best, 1), np.nan)


def _auprc_wrong(totals: _Totals) -> Floats:
    sizes, wrong = (one[..., ::-1] for one in totals.by_score)
    return _average_precision(sizes, wrong)


def _auprc_right(totals: _Totals) -> Floats:
    sizes, wrong = totals.by_score
    return _average_precision(sizes, sizes - wrong)


def _average_precision(sizes: Floats, wanted: Floats) -> Floats:
    """Return the mean over wanted items of the share of wanted ones among all down to their group [..., group]."""
    seen, hits = np.cumsum(sizes, axis=-1), np.cumsum(wanted, axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray((wanted * hits / np.maximum(seen, 1)).sum(axis=-1) / hits[..., -1])


_Statistic = Callable[[_Totals], Floats]
_STATISTICS: dict[str, _Statistic] = {
    "prr": _prr, "aurc": _aurc, "excess_aurc": _excess_aurc, "auprc_wrong": _auprc_wrong, "auprc_right": _auprc_right,
}


def _of_all(statistic: _Statistic, uncertainty: ArrayLike, loss: ArrayLike) -> float:
    """Return a statistic of all items; raises ValueError with a `Cause` where it has no value."""
    one = _Ranked.of(uncertainty, loss)
    value = float(statistic(_Totals.of(one, np.ones(len(one.loss)))))
    if np.isnan(value):
        raise ValueError(_ONE_CLASS if statistic in (_auprc_wrong, _auprc_right) else _SAME)
    return value


def _lacking(name: str, loss: Floats) -> Cause | None:
    """Return why a measure has no value, or None."""
    if name.startswith("auprc"):
        if not np.isin(loss, (0.0, 1.0)).all():
            return Cause("some answers are neither right nor wrong")
        return _ONE_CLASS if np.ptp(loss) == 0 else None
    return _SAME if np.ptp(loss) == 0 or len(loss) < 1 / MOST_REJECTED else None


def _few(loss: Floats, code: NDArray[np.intp] | None, level: float) -> Method | None:
    """Return why answers of one kind lie in too few units for an interval, or None."""
    mean, least = loss.mean(), enough_units(level)
    right, wrong = (
        int(side.sum()) if code is None else len(np.unique(code[side])) for side in (loss < mean, loss > mean)
    )
    if min(right, wrong) >= least:
        return None
    told = "none; {right} right and {wrong} wrong units, {least} or more of each are needed"
    return Method(told, right=right, wrong=wrong, least=least)


def _replicates(
    ranked: Sequence[_Ranked], names: Sequence[str], code: NDArray[np.intp] | None, units: int,
    rng: np.random.Generator | None,
) -> Floats:
    """Return [name, 1 + replicate]: the value (of the first score, less that of a second), then resampled by `rng`."""
    items = len(ranked[0].loss)
    parts, left = [], 0 if rng is None else int(np.clip(BLOCK // items, FEWEST_REPLICATES, REPLICATES))
    weights, step = np.ones((1, units)), max(1, BLOCK // max(items, units))
    while True:
        of_items = weights if code is None else weights[:, code]
        totals = [_Totals.of(one, of_items) for one in ranked]
        of_scores = [np.array([_STATISTICS[name](one) for name in names]) for one in totals]
        parts.append(of_scores[0] - of_scores[1] if len(ranked) > 1 else of_scores[0])
        if left <= 0 or rng is None:
            return np.concatenate(parts, axis=1)
        weights = times_drawn(units, min(step, left), rng).astype(float)
        left -= step


def _measure(
    name: str, lacks: Cause | None, drawn: Floats | None, n: dict[str, int], level: float, less: str | None,
    group: str | None, alike: bool,
) -> Measure:
    """Return a measure from its value and what it was in replicates; one without a value may have been anything.

    Replicates that are all alike, as those of a perfect order are, tell nothing of how sure the value is; `alike` says
    that nothing can be: two scores order all answers alike, so that their difference is 0.
    """
    direction = SELECTIVE_MEASURES[name]
    named = name if less is None else f"{name}_difference"
    if lacks is not None or drawn is None:
        return undefined(named, lacks or _SAME, n=n, unit="score", direction=direction, level=level, group=group)
    value, again, tail = float(drawn[0]), drawn[1:], (1 - level) / 2
    measure = Measure(
        name=named, group=group, value=value, n=n, unit="score", direction=direction, level=level, method=TOO_FEW
    )
    if not again.size or np.isnan(again).mean() >= tail:
        return measure
    low = float(np.quantile(np.where(np.isnan(again), -np.inf, again), tail, method="lower"))
    high = float(np.quantile(np.where(np.isnan(again), np.inf, again), 1 - tail, method="higher"))
    if not alike and high - low < _ROUNDED:
        return replace(measure, method=ALL_ALIKE)
    return replace(measure, low=min(low, value), high=max(high, value), **SELECTIVE.facts)
