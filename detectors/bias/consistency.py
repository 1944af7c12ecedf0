"""Are people who are alike given numbers that are alike? (individual fairness; Zemel et al. 2013, ICML)

    consistency     1 - mean over rows of |y - mean y of the k nearest other rows|,    y in [0, 1]
    held out        the same with the nearest rows of the other half alone, mean of both halves
    by chance       consistency where numbers are shuffled over the rows

A row is no neighbour of itself: where it counts as its own, as in AIF360's `consistency_score`, it is always near one.
Rows that are equal in all features are each other's nearest, and say only whether equal rows are given equal numbers;
they are counted. Distances are Euclidean over numbers in standard deviations; words that differ add 2 to the square, as
two rows do on average in a number, and as their one-hot codes do. Of rows that are equally far those at the border
share what is left of the k places, so that no order of the rows matters.

All rows are each other's neighbours, so their terms depend on each other: an interval for independent rows misses far
more often than it says, and the value is only seen. Given one half, the rows of the other are independent: each half
has a valid interval, at half of the error, of how far a further row lies from its neighbours there, and the mean of
both lies between the means of their ends. Standard deviations are those of the half that is looked in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from detectors.arrays import Floats
from detectors.bias.contrasts import bounded
from detectors.immutable import immutable
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Measure, Remark, undefined

__all__ = ["MOST_ROWS", "Features", "consistency", "held_out", "neighbour_means"]

MOST_ROWS = 10_000
"""Rows that are compared; of more as many are drawn."""
_SHUFFLED, _BLOCK = 20, 256
"""Shuffles at least; rows of a table of distances at a time."""
_WORDS_APART, _NEARLY = 2.0, 1e-9
_DEPENDENT = Method("none; rows are each other's neighbours")
_HALVES = Method("betting (hedged capital) over the rows of each half, given the other (Bonferroni)")
_BY_CHANCE = Method("none; mean of numbers shuffled over the rows")
_TOO_FEW = "fewer than {count} rows have a number and all features"
_FEW_IN_HALF = "fewer than {count} rows of a half have a number"


@immutable(eq=False)
class Features:
    """What rows are alike by."""

    numbers: Floats
    """Finite numbers [row, column]."""
    words: NDArray[np.int64]
    """Codes of words [row, column]."""

    def __getitem__(self, rows: Any) -> Features:
        """Return some of the rows."""
        return Features(self.numbers[rows], self.words[rows])

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.numbers)

    def scaled(self, other: Features) -> Features:
        """Return these with numbers in standard deviations of others; what is equal in all of these tells nothing."""
        spread = other.numbers.std(axis=0)
        able = spread > _NEARLY * np.abs(other.numbers).max(axis=0)
        return Features(self.numbers[:, able] / spread[able], self.words)

    def apart(self, other: Features) -> Floats:
        """Return squared distances [row, row of the other]."""
        found = cdist(self.numbers, other.numbers, "sqeuclidean")
        for own, theirs in zip(self.words.T, other.words.T, strict=True):
            found += _WORDS_APART * (own[:, None] != theirs)
        return found

    def repeated(self, k: int) -> NDArray[np.bool_]:
        """Tell which rows [row] have k or more others that are equal to them."""
        cells = np.hstack([self.numbers, self.words])
        _, at, sizes = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
        return np.asarray(sizes[at.ravel()] > k)


def neighbour_means(own: Features, others: Features, values: Floats, k: int, *, same: bool) -> Floats:
    """Return the mean values [row, ...] of the k nearest others [row of others, ...] of each row.

    same: own and others are the same rows, none of which is its own neighbour. Needs k of the others, or k + 1.
    """
    own, others = own.scaled(others), others.scaled(others)
    found = np.empty((len(own), *values.shape[1:]))
    for start in range(0, len(own), _BLOCK):
        rows = slice(start, start + _BLOCK)
        apart = own[rows].apart(others)
        if same:
            at = np.arange(len(apart))
            apart[at, start + at] = np.inf
        border = np.partition(apart, k - 1, axis=1)[:, k - 1 : k]
        nearer, within = apart < border * (1 - _NEARLY), apart <= border * (1 + _NEARLY)
        left, tied = k - nearer.sum(axis=1, keepdims=True), within & ~nearer
        found[rows] = (nearer + tied * (left / tied.sum(axis=1, keepdims=True))) @ values / k
    return found


def consistency(
    features: Features, values: Floats, *, k: int, level: float, rng: np.random.Generator
) -> tuple[tuple[Measure, ...], Floats, tuple[Remark, ...]]:
    """Return the measures, the mean of each row's neighbours [row], and the remark on rows of equal features.

    features, values [row]: independent rows; values in [0, 1], NaN where there is none, which is nobody's neighbour and
    may have been any. Means are NaN for rows that have none. Of more than `MOST_ROWS` rows as many are drawn.

    Measures: `consistency` and `consistency_held_out` (higher is better, 1 = all as their neighbours),
    `consistency_by_chance`, and `same_features_share`: rows that have k others or more with the same features.
    """
    drawn = rng.permutation(len(values))[:MOST_ROWS]
    features, numbers = features[drawn], values[drawn]
    known = np.isfinite(numbers)
    told = _Told(int(known.sum()), int((~known).sum()), level)
    means = np.full(len(values), np.nan)
    if told.known < 2 * k + 2:
        reason = Cause(_TOO_FEW, count=2 * k + 2)
        return tuple(told.none(name, reason) for name in _NAMES), means, ()
    there, own = features[known], numbers[known]
    shuffled = rng.permuted(np.tile(own, (max(_SHUFFLED, 20_000 // len(own)), 1)), axis=1).T
    beside = np.column_stack([own, shuffled])
    near = neighbour_means(there, there, beside, k, same=True)
    means[drawn[known]] = near[:, 0]
    value, chance = 1 - np.abs(beside[:, 0] - near[:, 0]).mean(), 1 - np.abs(beside - near)[:, 1:].mean()
    again = float(there.repeated(k).mean())
    halves = held_out(features, numbers, k, level, rng)
    measures = (
        told.measure("consistency", value, method=_DEPENDENT),
        told.none(_NAMES[1], Cause(_FEW_IN_HALF, count=k)) if halves is None
        else told.measure(_NAMES[1], *halves, method=_HALVES),
        told.measure("consistency_by_chance", chance, method=_BY_CHANCE),
        told.measure("same_features_share", again, again, again, method=COUNT),
    )
    counts: dict[str, str | float] = {
        "repeated_count": float(round(again * len(own))), "row_count": float(len(own)), "near_count": float(k),
    }
    return measures, means, (Remark("same_features", counts),) if again else ()


_NAMES = ("consistency", "consistency_held_out", "consistency_by_chance", "same_features_share")


@immutable
class _Told:
    """What measures share."""

    known: int
    missing: int
    level: float

    def _facts(self, name: str) -> dict[str, Any]:
        n = {"items": self.known, "units": self.known}
        return {"name": name, "n": n, "unit": "share" if name == _NAMES[-1] else "score", "level": self.level,
                "missing": self.missing, "direction": "higher is better" if name in _NAMES[:2] else "neither",
                "ideal": 1.0 if name in _NAMES[:2] else None}  # fmt: skip

    def measure(
        self, name: str, value: float, low: float | None = None, high: float | None = None, *, method: Method
    ) -> Measure:
        return Measure(value=value, low=low, high=high, method=method, **self._facts(name))

    def none(self, name: str, reason: Cause) -> Measure:
        return undefined(reason=reason, **self._facts(name))


def held_out(
    features: Features, values: Floats, k: int, level: float, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """Return (value, low, high) of how near rows [row] are to neighbours in the other half; rows are in random order.

    A row without a number lies anywhere from its neighbours. None where a half has fewer than k with one.
    """
    known, every = np.isfinite(values), np.arange(len(values))
    told = []
    for own, other in ((every[::2], every[1::2]), (every[1::2], every[::2])):
        there = other[known[other]]
        if len(there) < k:
            return None
        off = np.abs(values[own] - neighbour_means(features[own], features[there], values[there], k, same=False))
        bare = np.isnan(off)
        ends = bounded(np.where(bare, 0, off), np.where(bare, 1, off), level=(1 + level) / 2, rng=rng, low=0.0)
        told.append((off[~bare].mean(), *ends))
    value, low, high = (float(np.mean(one)) for one in zip(*told, strict=True))
    return 1 - value, 1 - max(high, value), 1 - min(low, value)
