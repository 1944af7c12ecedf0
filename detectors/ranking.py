"""How well do several scores, on the same items, rank foreign above familiar, and which of them does it better?

    AUROC_s = P(s(foreign) > s(familiar)) + P(tie) / 2

Items of one unit (one photo, one writer, an item and its own distortion) are not independent. Every unit adds its
placements to one row of a matrix [unit, score] for each side, and the covariance of all AUROCs follows from these rows
(DeLong, DeLong & Clarke-Pearson 1988 where every item is a unit; Obuchowski 1997, Biometrics 53:567, in general).
Differences of AUROCs have their interval from it.

One AUROC has an interval that is valid at every number of units (`detectors.intervals.pairs_interval`), where units
bring equally many items and either no unit stands on both sides or all do (an item and its own distortion; pairs within
a unit are then left out, and two units make one independent pair). Elsewhere it is approximate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri

from detectors.arrays import Floats, ranks
from detectors.immutable import immutable
from detectors.intervals import AUROC_METHOD, Approximation, pairs_interval
from detectors.phrases import Method
from detectors.result import Measure

__all__ = ["AUROC", "AUROC_DIFFERENCE", "Ranking", "rank", "ranked"]

AUROC = Approximation(Method("AUROC over units of unequal size (DeLong, Obuchowski; logit scale)"), 20, 0.7)
AUROC_DIFFERENCE = Approximation(
    Method("paired difference of AUROC over independent units (DeLong, Obuchowski)"), 20, 0.8
)
"""Both are worst where few units are far larger than the others."""


@immutable
class Ranking:
    """AUROCs of several scores on the same items, with their covariance."""

    names: tuple[str, ...]
    values: Floats
    """AUROC [score]."""
    covariance: Floats
    """Of the AUROCs, [score, score]."""
    items: int
    """Familiar and foreign items."""
    units: int
    """Independent units on the side that has fewer."""
    pairs: int
    """Disjoint pairs of a familiar and a foreign unit."""
    apart: Floats | None
    """AUROC [score] over pairs of different units, which is as sure as that of so many independent pairs; None where
    units are of unequal size, or only some stand on both sides."""

    def interval(self, name: str, level: float) -> tuple[float, float, float]:
        """Return (value, low, high) of one AUROC; valid, or where `apart` is None approximate: see `AUROC`.

        What is approximate is never narrower than the same value over `pairs` independent pairs would be.
        """
        at = self.names.index(name)
        value = float(self.values[at])
        low, high = pairs_interval(value if self.apart is None else float(self.apart[at]), self.pairs, level)
        if self.apart is None and 0 < value < 1:
            error = float(np.sqrt(max(self.covariance[at, at], 0.0)))
            step = float(ndtri((1 + level) / 2)) * error / (value * (1 - value))
            low, high = min(low, float(expit(logit(value) - step))), max(high, float(expit(logit(value) + step)))
        return value, min(low, value), max(high, value)

    def difference(self, first: str, second: str, level: float) -> tuple[float, float, float]:
        """Return (value, low, high) of AUROC_first - AUROC_second; approximate: see `AUROC_DIFFERENCE`.

        Never narrower than if all pairs had been ordered alike: a share 1 - b of pairs may be anything.
        """
        one, two = self.names.index(first), self.names.index(second)
        value = float(self.values[one] - self.values[two])
        contrast = np.zeros(len(self.names))
        contrast[one] += 1
        contrast[two] -= 1
        half = float(ndtri((1 + level) / 2) * np.sqrt(max(float(contrast @ self.covariance @ contrast), 0.0)))
        bound = self._bound(level)
        low, high = min(value - half, value * bound - (1 - bound)), max(value + half, value * bound + (1 - bound))
        return value, max(low, -1.0), min(high, 1.0)

    def auroc(self, score: str, *, name: str, level: float, group: str | None = None) -> Measure:
        """Return the AUROC of `score` as a measure."""
        value, low, high = self.interval(score, level)
        how = AUROC.facts if self.apart is None else {"method": AUROC_METHOD}
        return self._measure(how, name, group, value, low, high, level)

    def auroc_difference(self, first: str, second: str, *, level: float) -> Measure:
        """Return AUROC_first - AUROC_second as the measure `auroc_difference` of group `first - second`."""
        value, low, high = self.difference(first, second, level)
        return self._measure(AUROC_DIFFERENCE.facts, "auroc_difference", f"{first} - {second}", value, low, high, level)

    def _measure(
        self, how: dict[str, Any], name: str, group: str | None, value: float, low: float, high: float, level: float
    ) -> Measure:
        return Measure(
            name=name, group=group, value=value, low=low, high=high, n={"items": self.items, "units": self.units},
            unit="score", direction="higher is better", level=level, **how,
        )

    def _bound(self, level: float) -> float:
        return float(((1 - level) / 2) ** (1 / self.pairs))


def rank(
    familiar: pd.DataFrame, foreign: pd.DataFrame, units: tuple[ArrayLike, ArrayLike] | None = None
) -> Ranking:
    """Return how each score, a column of both frames, ranks `foreign` above `familiar`; ties count half.

    units: label of the independent unit of every row of (familiar, foreign); equal labels across the two are the same
    unit; None where every row is its own. Raises ValueError as `ranked` does.
    """
    n, m = len(familiar), len(foreign)
    labels = np.arange(n + m) if units is None else np.concatenate([np.asarray(side, dtype=str) for side in units])
    below, above = familiar.to_numpy(float), foreign[list(familiar.columns)].to_numpy(float)
    return ranked(tuple(map(str, familiar.columns)), below, above, (labels[:n], labels[n:]))


def ranked(names: tuple[str, ...], below: Floats, above: Floats, units: tuple[NDArray[Any], NDArray[Any]]) -> Ranking:
    """Return how each of the named scores ranks `above` [item, score] above `below` [item, score]; ties count half.

    units: label of the independent unit of every item of (below, above), numbers or texts. Raises ValueError for scores
    that are not finite and for fewer than two units on a side.
    """
    if not (np.isfinite(below).all() and np.isfinite(above).all()):
        raise ValueError("rank: got scores that are not finite; allowed: finite numbers")
    n, m = len(below), len(above)
    kinds, unit = np.unique(np.concatenate(units), return_inverse=True)
    held = (np.unique(unit[:n]).size, np.unique(unit[n:]).size)
    if min(held) < 2:
        raise ValueError(f"rank: got {held[0]} familiar and {held[1]} foreign units; allowed: two or more of each")
    together = ranks(np.concatenate([below, above]))
    beaten = 1 - (together[:n] - ranks(below)) / m
    beats = (together[n:] - ranks(above)) / n
    values = beats.mean(axis=0)
    first = _summed((beaten - values) / n, unit[:n], len(kinds))
    second = _summed((beats - values) / m, unit[n:], len(kinds))
    return Ranking(
        names, values, _covariance(first, second, held), items=n + m, units=min(held),
        pairs=min(*held, len(kinds) // 2), apart=_apart(below, above, (unit[:n], unit[n:]), values),
    )


def _apart(
    below: Floats, above: Floats, units: tuple[NDArray[np.intp], NDArray[np.intp]], values: Floats
) -> Floats | None:
    """Return the AUROC [score] over pairs of different units; None where these are not all alike."""
    if not values.size:  # no score can be trusted
        return values
    count, sides = 1 + int(max(side.max() for side in units)), (below, above)
    held = [np.bincount(side, minlength=count) for side in units]
    if any(np.unique(one[one > 0]).size > 1 for one in held):
        return None
    both = (held[0] > 0) & (held[1] > 0)
    if not both.any():
        return values
    if not both.all():
        return None
    x, y = (
        side[np.argsort(unit, kind="stable")].reshape(count, -1, side.shape[1])
        for side, unit in zip(sides, units, strict=True)
    )
    own = (np.sign(y[:, None] - x[:, :, None]) / 2 + 0.5).mean(axis=(0, 1, 2))
    return np.asarray((count * values - own) / (count - 1))


def _summed(rows: Floats, unit: NDArray[np.intp], units: int) -> Floats:
    """Return the sums of `rows` [item, score] over the items of each unit, [unit, score]."""
    totals = np.zeros((units, rows.shape[1]))
    np.add.at(totals, unit, rows)
    return totals


def _covariance(familiar: Floats, foreign: Floats, held: tuple[int, int]) -> Floats:
    """Return the covariance [score, score] of AUROCs from what the units [unit, score] of both sides add to them."""
    cross = familiar.T @ foreign
    grow = [count / (count - 1) for count in (*held, len(familiar))]
    whole: Floats = grow[0] * familiar.T @ familiar + grow[1] * foreign.T @ foreign + grow[2] * (cross + cross.T)
    return whole
