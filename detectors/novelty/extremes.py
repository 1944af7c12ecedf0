"""A threshold for false alarms rarer than one in the calibration set, where conformal p-values cannot speak.

Peaks over threshold: what scores of familiar items are above a high one of them, u, follows a generalised Pareto
distribution in the limit (Pickands 1975), whatever the scores'. With N of n scores above u, by y_1, ..., y_N,

    log L(g, b) = -N log b - (1 + 1/g) sum_i log(1 + g y_i / b)            g shape, b scale
    z_q = u + (b/g) ((q n / N)^-g - 1)                  what a share q lies above (Siffer et al. 2017)

is fitted in (z_q, g), so the profile likelihood gives z_q its interval, uneven as it should be (Coles 2001, 4.3.3).
This is a model of a tail of which little was seen: its interval holds if the limit is near, and u, a score of the
sample, is taken as given. It informs and decides no limit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals import Approximation
from detectors.phrases import Cause, Method

__all__ = ["PEAKS", "Tail", "needed_for_tail", "tail_of"]

PEAKS = Approximation(
    Method("peaks over threshold (generalised Pareto, profile likelihood), a model of the tail"), 300, 0.87
)
"""Worst of shapes from -1/2 on, at rates of 1/10 n, and of a reference model's scores; what ends sooner has a threshold
that is too high."""
_TAIL, _LEAST, _MOST = 0.02, 30, 0.1
"""Share of the scores that are taken for the tail, fewest of them, and the share that these may at most be."""
_SHAPES = np.linspace(-0.4995, 2.0005, 251)
"""Shapes that are tried, 0 not among them; below -1/2 the likelihood is not regular, and a larger one errs safely."""


@immutable
class Tail:
    """The score above which a share `rate` of familiar items lies."""

    threshold: float
    low: float
    high: float
    """Ends of its interval."""
    shape: float
    """0: as of an exponential; above: heavier; below: it ends."""
    start: float
    """u."""
    peaks: int
    """N."""


def needed_for_tail() -> int:
    """Return how many calibration points a tail takes."""
    return round(_LEAST / _MOST)


def tail_of(calibration: ArrayLike, rate: float, level: float) -> Tail | Cause:
    """Return the threshold for a false-alarm rate, from finite scores [n] of familiar items, or why there is none.

    rate: share of familiar items that may lie above it, below 2 % or 30 scores, else p-values reach it by themselves.
    """
    known = np.sort(np.asarray(calibration, dtype=float))
    n = len(known)
    if n < needed_for_tail():
        few = "{known} calibration units are too few for a tail; {needed} would do"
        return Cause(few, known=n, needed=needed_for_tail())
    peaks = max(_LEAST, int(np.ceil(_TAIL * n)))
    start = float(known[-peaks - 1])
    over = known[-peaks:] - start
    if rate >= peaks / n:
        return Cause("{rate:g} is no rate of a tail; allowed: below {most:g}", rate=rate, most=peaks / n)
    if not over.max() > 0:
        return Cause("the greatest calibration scores are all alike")
    unit = float(over.mean())
    fit = _Fit(over / unit, rate * n / peaks)
    best, low, high = fit.interval(level)
    return Tail(start + unit * best, start + unit * low, start + unit * high, fit.shape(best), start, peaks)


@immutable
class _Fit:
    """The profile likelihood of what a share of excesses lies above; in units of their mean."""

    over: Floats
    share: float
    """Of the excesses, that lie above the threshold."""

    def likelihoods(self, threshold: float) -> Floats:
        """Return log L [shape] of a threshold above u, for each shape that is tried."""
        scale = threshold / (np.expm1(-_SHAPES * np.log(self.share)) / _SHAPES)
        inside = 1 + _SHAPES[:, None] * self.over / scale[:, None]
        logs = np.log(np.maximum(inside, 1e-300)).sum(axis=1)
        found = -len(self.over) * np.log(scale) - (1 + 1 / _SHAPES) * logs
        return np.where((inside > 0).all(axis=1), found, -np.inf)

    def profile(self, log_threshold: float) -> float:
        """Return the greatest log L of a threshold, given by its logarithm."""
        return float(max(self.likelihoods(float(np.exp(log_threshold))).max(), -1e300))

    def shape(self, threshold: float) -> float:
        """Return the shape that goes with a threshold."""
        return float(_SHAPES[self.likelihoods(threshold).argmax()])

    def interval(self, level: float) -> tuple[float, float, float]:
        """Return (threshold, low, high)."""
        from scipy.optimize import brentq, minimize_scalar

        near = np.log(self.over.max()) + np.linspace(-3, 6, 91)
        at = int(np.argmax([self.profile(one) for one in near]))
        bracket = near[max(at - 1, 0)], near[min(at + 1, len(near) - 1)]
        best = float(minimize_scalar(lambda one: -self.profile(one), bounds=bracket, method="bounded").x)
        drop = self.profile(best) - float(gammaincinv(0.5, level))  # half the quantile of chi-squared, df 1
        ends = [
            float(brentq(lambda one: self.profile(one) - drop, best, far)) if self.profile(far) < drop else far
            for far in (near[0] - 6, near[-1] + 20)
        ]
        value, low, high = np.exp([best, *ends])
        return float(value), float(low), float(high)
