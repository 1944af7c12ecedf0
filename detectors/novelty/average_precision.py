"""How good are alarms where foreign items are rare? Average precision at a stated share of foreign items.

    R(t), F(t)           share of foreign, and of familiar items with a score of t or more
    P(t)                 precision at the threshold t: p R / (p R + (1 - p) F), where a share p of what comes is foreign
    average precision    sum of P(t) (R(t) - R(s)) over the foreign scores t, falling; s the one before, of more

So scikit-learn has it, of items weighted until foreign ones are a share p; nothing is interpolated. Which p there is in
use no set of items tells. P falls with F, and the threshold that finds a share u of the foreign items rises with R. So
bounds of F and R at order statistics, which hold all at once (binomial tails, Bonferroni), bound the mean of P over u,
whatever lies between them; few familiar items leave a rare p nearly everything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals import exact_binomial
from detectors.novelty.operating_point import Units, one_of_each_unit
from detectors.phrases import Method
from detectors.result import Measure

__all__ = ["average_precision"]

_METHOD = "binomial tails at order statistics of both sides (Bonferroni); {share} % of what comes is foreign"


def average_precision(
    familiar: Floats, foreign: Floats, units: tuple[Units, Units], *, share: float, level: float,
    rng: np.random.Generator,
) -> Measure:
    """Return the average precision where a share `share` of what comes is foreign; 1 = every foreign item comes first.

    familiar, foreign: scores [item], higher = stranger, finite; units: number of the independent unit of every item of
    both, which weigh the same however many items they have. The interval, of one item drawn from each unit, is valid at
    every n, with ties and with units on both sides.
    """
    value = min(1.0, _mean_precision(familiar, foreign, units, share))  # sums of shares of units are rounded
    of_familiar, of_foreign = (
        _Bounds.of(one_of_each_unit(scores, side, rng), (1 - level) / 4)
        for scores, side in zip((familiar, foreign), units, strict=True)
    )
    low, high = _ends(of_familiar, of_foreign, share)
    fewest = min(len(of_familiar.scores), len(of_foreign.scores))
    return Measure(
        name="average_precision", value=value, low=min(low, value), high=max(min(high, 1.0), value),
        n={"items": len(familiar) + len(foreign), "units": fewest}, unit="score", direction="higher is better",
        level=level, method=Method(_METHOD, share=f"{100 * share:g}"),
    )


def _mean_precision(familiar: Floats, foreign: Floats, units: tuple[Units, Units], share: float) -> float:
    thresholds = np.unique(foreign)[::-1]
    above_f, above_r = (
        _above(scores, side, thresholds) for scores, side in zip((familiar, foreign), units, strict=True)
    )
    return float(np.diff(above_r, prepend=0) @ _precision(above_r, above_f, share))


def _above(scores: Floats, units: Units, thresholds: Floats) -> Floats:
    """Return the share of units [threshold] that lies there or above, an item of a unit being its part of it."""
    place = np.unique(units, return_inverse=True)[1]
    size, order = np.bincount(place), np.argsort(-scores, kind="stable")
    share = np.append(0, np.cumsum((1 / (size * len(size)))[place[order]]))
    return np.asarray(share[np.searchsorted(-scores[order], -thresholds, "right")])


def _precision(found: Floats, accused: Floats, share: float) -> Floats:
    return share * found / (share * found + (1 - share) * accused)


@immutable
class _Bounds:
    """What P(score >= t) of one side is at least and at most, by how many of its units lie at t or above."""

    scores: Floats
    """Falling [unit]."""
    least: Floats
    most: Floats
    """[how many], 0 to all."""

    @classmethod
    def of(cls, scores: Floats, error: float) -> _Bounds:
        """Return bounds; that any is too high has a probability of `error`, and so has that any is too low.

        With k units at t or above P lies above the lower bound of k events, and below the upper one: t is above the
        next score, which k + 1 reach. Bounds at few places, dense where few units lie above, hold between them.
        """
        n = len(scores)
        places = np.unique(np.geomspace(1, n, int(2 * np.log2(n)) + 2).round().astype(int))
        level = 1 - 2 * error / len(places)
        low, high = np.asarray(exact_binomial(places, n, level)[0]), np.asarray(exact_binomial(places - 1, n, level)[1])
        count = np.arange(n + 1)
        least = np.append(0.0, low)[np.searchsorted(places, count, "right")]
        most = np.append(high, 1.0)[np.searchsorted(places, count + 1, "left")]
        return cls(np.sort(scores)[::-1], least, most)

    def above(self, thresholds: Floats) -> NDArray[np.intp]:
        """Return how many units lie at a threshold or above."""
        return np.searchsorted(-self.scores, -thresholds, "right")


def _ends(familiar: _Bounds, foreign: _Bounds, share: float) -> tuple[float, float]:
    """Return what the mean of the precision over the shares u of foreign items that are found is at least and at most.

    Between two neighbours among all bounds of R the threshold of u lies between `last` and `first`, as far as known.
    """
    u = np.unique(np.concatenate([[0.0], foreign.least, foreign.most, [1.0]]))
    start, end = u[:-1], u[1:]
    scores = np.concatenate([[np.inf], foreign.scores, [-np.inf]])
    last = scores[np.minimum(np.searchsorted(foreign.least, end, "left"), len(scores) - 1)]
    first = scores[np.searchsorted(foreign.most, end, "left")]
    accused = np.where(np.isneginf(last), 1.0, familiar.most[familiar.above(last)]) * (1 - share) / share
    with np.errstate(divide="ignore", invalid="ignore"):  # nobody is accused: all alarms are right
        low = end - start - np.where(accused > 0, accused * np.log((end + accused) / (start + accused)), 0.0)
    found = np.where(np.isneginf(last), 1.0, foreign.most[foreign.above(last)])
    fewest = np.where(np.isposinf(first), 0.0, familiar.least[familiar.above(first)])
    high = (end - start) * _precision(np.maximum(found, end), fewest, share)
    return float(low.sum()), float(high.sum())
