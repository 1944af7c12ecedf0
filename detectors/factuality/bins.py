"""How far are confidences from the shares of right answers? Groups of about equal size, ascending, equal ones together.

    d_b     mean confidence - share of right ones in group b, which holds a share w_b of all; independent units weigh
            the same, however many items they have
    ECE     sum of w_b |d_b|, biased upwards by noise: sum of w_b E|N(d_b, s_b)| is about by how much
    E^2     sum of w_b (d_b^2 - s_b^2), without bias: 0 on average for one that is calibrated

s_b is the standard error of d_b over units (Kumar, Liang & Ma 2019, 1909.10155; for single items of one confidence
theirs exactly). Whatever the confidences, changing the labels of one of U units changes ECE by 1 / U at most, and noise
raises it by sum of (1/2) sqrt(sum over units of w_ub^2) at most, so with t = sqrt(log(2 / (1 - level)) / 2U)

    [ECE - t - that, ECE + t]

holds what it is without noise, given these confidences and groups, at every U (McDiarmid 1989). Finer groups would show
more. Beside it the mean squared error and what it consists of (Murphy 1973; with what varies within groups, Stephenson,
Coelho & Jolliffe 2008):  Brier = reliability - resolution + uncertainty,  exactly.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals import binomial_quantile

__all__ = ["Bins", "bins_of"]

_FEWEST = 10
"""Units for each group."""


@immutable
class Bins:
    """Groups of answers, by confidence."""

    least: Floats
    """Lowest confidence [bin], ascending."""
    confidence: Floats
    """Mean confidence [bin]."""
    right: Floats
    """Share of right answers [bin]."""
    share: Floats
    """Share of all answers [bin]; sums to 1."""
    error: Floats
    """Standard error of confidence - right [bin], over units."""
    weight: Floats
    """sqrt of the sum over units of their squared weight [bin]."""
    items: Floats
    """Answers [bin]."""
    units: int
    within: float
    """What confidences within groups take from the squared error: their variance less twice their covariance with being
    right."""

    @property
    def plain(self) -> float:
        """ECE as others print it, with its bias."""
        return float((self.share * np.abs(self.confidence - self.right)).sum())

    @property
    def ece(self) -> float:
        """ECE less its bias, as far as a normal error tells; 0 where nothing is left."""
        off, error = np.abs(self.confidence - self.right), np.maximum(self.error, 1e-12)
        folded = error * np.sqrt(2 / np.pi) * np.exp(-((off / error) ** 2) / 2) + off * (1 - 2 * ndtr(-off / error))
        return max(0.0, float((self.share * (2 * off - folded)).sum()))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends between which ECE lies without noise."""
        step = float(np.sqrt(np.log(2 / (1 - level)) / (2 * self.units)))
        return max(0.0, self.plain - step - float(self.weight.sum()) / 2), min(1.0, self.plain + step)

    @property
    def squared(self) -> float:
        """E^2; below 0 where noise is larger than what is off."""
        return float((self.share * ((self.confidence - self.right) ** 2 - self.error**2)).sum())

    @property
    def reliability(self) -> float:
        """Mean squared distance of confidence and share, with its bias."""
        return float((self.share * (self.confidence - self.right) ** 2).sum())

    @property
    def uncertainty(self) -> float:
        """Squared error of who always names the share of all."""
        overall = float((self.share * self.right).sum())
        return overall * (1 - overall)

    @property
    def resolution(self) -> float:
        """By how much groups, and confidences within them, tell right answers from wrong ones."""
        overall = float((self.share * self.right).sum())
        return float((self.share * (self.right - overall) ** 2).sum()) - self.within

    def table(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row for each group, with `low` and `high`: where the share of a calibrated one would lie.

        They are those of as many independent answers, all of the mean confidence, as the units are worth (consistency
        bars: Broecker & Smith 2007).
        """
        worth = np.maximum(1, np.floor((self.share / np.maximum(self.weight, 1e-12)) ** 2 + 1e-9))
        shares = np.array([[(1 - level) / 2], [(1 + level) / 2]])
        low, high = binomial_quantile(shares, worth, self.confidence) / worth
        return pd.DataFrame({
            "least": self.least, "confidence": self.confidence, "right": self.right, "share": self.share,
            "items": self.items, "low": np.maximum(low, 0.0), "high": high,
        })  # fmt: skip


def bins_of(confidence: ArrayLike, right: ArrayLike, units: ArrayLike | None = None, *, most: int = 10) -> Bins:
    """Return `most` groups of answers at most, fewer where units are fewer than ten for each.

    confidence [item] in [0, 1]; right [item], 0 or 1; units [item]: label of the independent unit, None where every
    item is one. Raises ValueError for no items, other lengths and values outside [0, 1].
    """
    told, labels = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    if told.ndim != 1 or told.shape != labels.shape or not told.size:
        raise ValueError(f"bins_of: got confidences {told.shape} and labels {labels.shape}; allowed: [item >= 1], both")
    if not (((told >= 0) & (told <= 1)).all() and ((labels >= 0) & (labels <= 1)).all()):
        raise ValueError("bins_of: got confidences or labels outside 0 to 1; allowed: 0 to 1")
    unit = np.arange(len(told)) if units is None else np.unique(np.asarray(units), return_inverse=True)[1]
    count = np.bincount(unit)
    mass = 1 / (count[unit] * len(count))
    groups = max(1, min(most, len(count) // _FEWEST))
    inner = np.unique(np.quantile(told, np.arange(1, groups) / groups, method="higher"))
    _, place = np.unique(np.searchsorted(inner, told, "right"), return_inverse=True)
    share = np.bincount(place, weights=mass).astype(float)
    mean, hit = (np.bincount(place, weights=mass * values) / share for values in (told, labels))
    varies = told - mean[place]
    within = float((mass * varies * (varies - 2 * (labels - hit[place]))).sum())
    error, weight = _errors(place, unit, mass, told - labels, share)
    items = np.bincount(place).astype(float)
    least = np.sort(told)[np.concatenate([[0], np.cumsum(np.bincount(place))[:-1]])]
    return Bins(least, mean, hit, share, error, weight, items, len(count), within)


def _errors(
    place: NDArray[np.intp], unit: NDArray[np.intp], mass: Floats, off: Floats, share: Floats
) -> tuple[Floats, Floats]:
    """Return [bin] the standard error over units of the mean of `off` [item], and `Bins.weight`."""
    cells, cell = np.unique(place * (1 + unit.max()) + unit, return_inverse=True)
    of = (cells // (1 + unit.max())).astype(int)
    weight, total = np.bincount(cell, weights=mass), np.bincount(cell, weights=mass * off)
    mean = np.bincount(of, weights=total) / share
    size = np.bincount(of).astype(float)
    spread = np.bincount(of, weights=(total - weight * mean[of]) ** 2) / share**2
    error = np.where(size > 1, np.sqrt(spread * size / np.maximum(size - 1, 1)), 0.5)
    return error, np.sqrt(np.bincount(of, weights=weight**2))
