"""A rate as an imperfect detector reports it, corrected for what the detector misses and what it invents.

    p = (q + Sp - 1) / (Se + Sp - 1)     q: share that it flags;  Se, Sp: sensitivity, specificity (Rogan & Gladen 1978)

All three are rates of finite samples. Each alone is moved to the ends of its exact interval, and what that does to p is
added in quadrature (the method of variance estimates recovery, Zou & Donner 2008, Statist. Med. 27:1693): every share
of the error counts, and near 0 and 1 the parts stay the exact ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals.exact import Approximation, exact_binomial
from detectors.phrases import Cause, Method

__all__ = ["CORRECTED", "Calibration", "corrected_ends", "corrected_rate"]

CORRECTED = Approximation(
    Method("corrected for sensitivity and specificity (Rogan-Gladen, exact parts in quadrature)"), 20, 0.94, 0.9964
)

_MAY_TELL_NOTHING = "sensitivity plus specificity less 1 is {youden} and may be 0: the detector may tell nothing"
_MORE = (
    "sensitivity plus specificity less 1 is {youden} and may be 0: the detector may tell nothing; about {times} times "
    "as many labelled items ({positives} and {negatives} now) would be needed"
)
_MUCH_MORE = (
    "sensitivity plus specificity less 1 is {youden} and may be 0: the detector may tell nothing; more than a hundred "
    "times as many labelled items ({positives} and {negatives} now) would be needed"
)


@immutable
class Calibration:
    """How a detector did on items of known truth."""

    hits: int
    """Flagged ones among `positives`."""
    positives: int
    """Items that have what the detector looks for."""
    passes: int
    """Those among `negatives` that it did not flag."""
    negatives: int
    """Items that have it not."""

    def problem(self, level: float) -> Cause | None:
        """Return why no rate can be corrected by this, with how many items would do; None where one can.

        There must be `CORRECTED.min_units` of either kind, and the interval of Se + Sp - 1, from both exact ones at
        once, must lie above 0.
        """
        least = CORRECTED.min_units
        if min(self.positives, self.negatives) < least:
            return Cause(
                "{positives} labelled items that have it and {negatives} that have not are too few to learn how the "
                "detector errs; {needed} of each are needed",
                positives=self.positives, negatives=self.negatives, needed=least,
            )
        youden = self.hits / self.positives + self.passes / self.negatives - 1
        if self._surely_informative(1, level):
            return None
        if youden <= 0:
            return Cause(_MAY_TELL_NOTHING, youden=f"{youden:.2f}")
        times = next((k for k in range(2, 101) if self._surely_informative(k, level)), None)
        now = {"positives": self.positives, "negatives": self.negatives}
        return Cause(_MUCH_MORE if times is None else _MORE, youden=f"{youden:.2f}", times=times, **now)

    def _surely_informative(self, times: int, level: float) -> bool:
        """Tell whether Se + Sp - 1 surely exceeds 0, or would with `times` as many items and the same rates."""
        both = 1 - (1 - level) / 2
        sensitivity, _ = exact_binomial(times * self.hits, times * self.positives, both)
        specificity, _ = exact_binomial(times * self.passes, times * self.negatives, both)
        return bool(sensitivity + specificity > 1)


def corrected_rate(k: int, n: int, known: Calibration, level: float = 0.95) -> tuple[float, float, float]:
    """Return (value, low, high) of the true rate in [0, 1], where the detector flags k of n further items.

    The n items are others than those of `known`, and the detector errs on both alike; that true rates differ does no
    harm. Approximate: see `CORRECTED`. Raises ValueError unless 0 <= k <= n and n > 0, and where `known` does not do,
    with `Calibration.problem`.
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError(f"corrected_rate: got k = {k} of n = {n}; allowed: 0 <= k <= n, n > 0")
    if (problem := known.problem(level)) is not None:
        raise ValueError(f"corrected_rate: {problem}")
    sizes = np.array([n, known.positives, known.negatives])
    value, low, high = corrected_ends(np.array([k, known.hits, known.passes]), sizes, level)
    return float(value), float(low), float(high)


def corrected_ends(counts: ArrayLike, sizes: ArrayLike, level: float) -> tuple[Floats, Floats, Floats]:
    """Return (value, low, high) [...] for (flagged, hits, passes) [..., 3] of as many items, refusing nothing."""
    centre = np.asarray(counts) / np.asarray(sizes)
    value = _rate(centre)
    steps = []
    for end in exact_binomial(counts, sizes, level):
        alone = np.where(np.eye(3, dtype=bool), end[..., None, :], centre[..., None, :])
        steps.append(_rate(alone) - value[..., None])
    down = np.sqrt((np.minimum(*np.minimum(steps, 0)) ** 2).sum(axis=-1))
    up = np.sqrt((np.maximum(*np.maximum(steps, 0)) ** 2).sum(axis=-1))
    return np.clip(value, 0, 1), np.clip(value - down, 0, 1), np.clip(value + up, 0, 1)


def _rate(parts: Floats) -> Floats:
    """Return the true rate [...] for (flagged share, sensitivity, specificity) [..., 3]."""
    flagged, sensitivity, specificity = np.moveaxis(parts, -1, 0)
    return np.asarray((flagged + specificity - 1) / (sensitivity + specificity - 1))
