"""A threshold that follows a stream, for a stated rate of false alarms a step: SPOT and DSPOT (Siffer et al. 2017).

Peaks over threshold (see `extremes`) on a familiar stretch give u and a first z_q. Then every step x, in order,

    x > z_q         is an alarm
    u < x <= z_q    is one more peak: N grows, and z_q is found anew
    x <= u          only counts

DSPOT does the same with x less the mean of the last `drift` steps that were no alarm, for what drifts.

The published rule, the likeliest shape g and scale b put into z_q, sounds more false alarms than the rate says, of
independent normal steps 1.5 times as many at 0.001 and 3 times at 0.0001, for three reasons. Each is met here:

    thirty peaks tell g and b badly    z_q is exceeded with the predictive probability: the mean of (1 + g z / b)^(-1/g)
                                       over the posterior of (g, b), prior flat in g from -1/2 to 1 and in log b
    peaks hang together                log L is divided by how many tell as much as one, 1 / the extremal index (Ferro &
                                       Segers 2003, from the steps between peaks), which is also how many more must be
                                       expected above u, itself a score of the sample
    alarms are forgotten               and with them the highest peaks of familiar steps, so that z_q sinks; as many as
                                       are expected to be false count as peaks of which only is known that they are
                                       above the z_q of their time, each by a share w:

    log L(g, b) = -N log b - (1 + 1/g) sum_i log(1 + g y_i / b) - (w/g) sum_j log(1 + g c_j / b)

The rate holds on average over steps that are stationary but for the drift. What hangs together sounds its false alarms
in bursts, so that their number varies more. It is a model of a tail: it informs and decides no limit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.novelty.extremes import needed_for_tail
from detectors.phrases import Cause

__all__ = ["Stream", "stream_alarms"]

_TAIL, _LEAST = 0.02, 30
"""Share of the calibration steps that are peaks at first, and fewest of them."""
_GROWN = 1.05
"""Shape and scale are fitted anew when there are so many times the peaks."""
_SHAPES, _LOG_SCALES = (axis.ravel() for axis in np.meshgrid(np.linspace(-0.4995, 1.0, 31), np.linspace(-1.2, 1.2, 41)))
"""Nodes of the posterior: shapes, 0 not among them, and logarithms of scales in units of the mean peak, [node]."""
_SEEN = 1e-4
"""Nodes of less than this part of the greatest weight are left out."""
_BLOCK = 256


@immutable
class Stream:
    """What a threshold that follows a stream says of it."""

    alarms: NDArray[np.bool_]
    """[step]"""
    thresholds: Floats
    """Of each step, in the unit of the scores, [step]."""
    peaks: int
    """At the end, false alarms as expected among them."""


def stream_alarms(calibration: ArrayLike, scores: ArrayLike, rate: float, *, drift: int = 0) -> Stream | Cause:
    """Return alarms and thresholds of scores [step], in order, or the reason why there is no threshold.

    calibration: scores [step] of familiar steps, the last of them just before the first of `scores` where `drift` is
    not 0. rate: share of familiar steps that may sound an alarm, below a 50th of them or 30. drift: steps whose mean
    is taken off (DSPOT), 0 = none (SPOT). Raises ValueError for scores that are not finite.
    """
    known, new = np.asarray(calibration, dtype=float), np.asarray(scores, dtype=float)
    if not (np.isfinite(known).all() and np.isfinite(new).all()):
        raise ValueError("stream_alarms: got scores that are not finite; allowed: finite numbers")
    needed = needed_for_tail() + drift
    if len(known) < needed:
        few = "{known} calibration steps are too few for a tail; {needed} would do"
        return Cause(few, known=len(known), needed=needed)
    level = _Level(known, drift)
    start = np.sort(level.off(known))
    peaks = max(_LEAST, int(np.ceil(_TAIL * len(start))))
    if rate >= peaks / len(start):
        return Cause("{rate:g} is no rate of a tail; allowed: below {most:g}", rate=rate, most=peaks / len(start))
    u = float(start[-peaks - 1])
    if not start[-1] > u:
        return Cause("the greatest calibration scores are all alike")
    tail = _Tail(list(start[-peaks:] - u), len(start), rate, _alike(level.off(known) > u))
    return _followed(new, level, tail, u)


def _followed(new: Floats, level: _Level, tail: _Tail, u: float) -> Stream:
    alarms, thresholds = np.zeros(len(new), dtype=bool), np.empty(len(new))
    for step, x in enumerate(new.tolist()):
        thresholds[step] = level.mean + u + tail.excess
        over = x - level.mean - u
        alarms[step] = alarm = over > tail.excess
        tail.take(over)
        if not alarm:
            level.take(x)
    return Stream(alarms, thresholds, round(len(tail.peaks) + tail.false()))


class _Level:
    """The mean of the last steps that were no alarm; 0 where no drift is asked for."""

    def __init__(self, known: Floats, drift: int) -> None:
        self._drift = drift
        self._last = deque(known[len(known) - drift :].tolist(), maxlen=drift or None)
        self.mean = float(np.mean(self._last)) if drift else 0.0

    def off(self, known: Floats) -> Floats:
        """Return known steps less the mean of the `drift` before each, from the first on that has so many."""
        if not self._drift:
            return known
        ahead = np.concatenate([[0.0], np.cumsum(known)])
        return np.asarray(known[self._drift :] - (ahead[self._drift : -1] - ahead[: -self._drift - 1]) / self._drift)

    def take(self, x: float) -> None:
        if self._drift:
            self.mean += (x - self._last[0]) / self._drift
            self._last.append(x)


@dataclass
class _Tail:
    """The peaks so far, and the excess over u that a share `rate` of familiar steps exceeds."""

    peaks: list[float]
    steps: int
    rate: float
    alike: float
    """Peaks that tell as much as one independent one."""
    passed: list[float] = field(default_factory=list)
    """Thresholds of the alarms, as excesses."""

    def __post_init__(self) -> None:
        self._begun = self.steps
        self._fit()
        self._place()

    def false(self) -> float:
        """Return how many of the alarms count as false: as many as are expected."""
        return min(len(self.passed), self.rate * (self.steps - self._begun))

    def take(self, over: float) -> None:
        """Take one step in, by how far it lies over u."""
        self.steps += 1
        if over > self.excess:
            self.passed.append(self.excess)
        elif over > 0:
            self.peaks.append(over)
            if len(self.peaks) >= _GROWN * self._fitted:
                self._fit()
            self._place()

    def _fit(self) -> None:
        """Find the posterior of shape and scale."""
        unit, self._fitted = float(np.mean(self.peaks)), len(self.peaks)
        seen, hidden = (_log_terms(np.array(part) / unit) for part in (self.peaks, self.passed))
        share = self.false() / max(1, len(self.passed))
        log = -self._fitted * _LOG_SCALES - (1 + 1 / _SHAPES) * seen - share * hidden / _SHAPES
        log = np.where(np.isnan(log), -np.inf, log / self.alike)
        weights = np.exp(log - log.max())
        kept = weights > _SEEN
        self._weights, self._shapes = weights[kept] / weights[kept].sum(), _SHAPES[kept]
        self._scales = unit * np.exp(_LOG_SCALES[kept])

    def _place(self) -> None:
        """Find what is exceeded with the predictive probability q n / N, by halves."""
        share = self.rate * (self.steps + self.alike) / (len(self.peaks) + self.false() + self.alike)
        low, high = 0.0, float(self._scales.max())
        while self._beyond(high) > share:
            low, high = high, 2 * high
        while high - low > 1e-6 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self._beyond(middle) > share else (low, middle)
        self.excess = high

    def _beyond(self, excess: float) -> float:
        """Return the predictive probability that a peak is higher."""
        inside = np.maximum(1 + self._shapes * excess / self._scales, 0.0)
        with np.errstate(divide="ignore"):
            tail = np.where(inside > 0, inside ** (-1 / self._shapes), 0.0)
        return float(self._weights @ tail)


def _log_terms(peaks: Floats) -> Floats:
    """Return sum_i log(1 + g y_i / b) [node] of peaks in units of their mean; NaN where the tail ends before one."""
    slopes, total = _SHAPES / np.exp(_LOG_SCALES), np.zeros(len(_SHAPES))
    for start in range(0, len(peaks), _BLOCK):
        inside = 1 + np.multiply.outer(slopes, peaks[start : start + _BLOCK])
        total += np.log(np.where(inside > 0, inside, np.nan)).sum(axis=1)
    return total


def _alike(peak: NDArray[np.bool_]) -> float:
    """Return one over the extremal index of steps that are peaks or not, at most all of them (Ferro & Segers 2003)."""
    gaps = np.diff(np.flatnonzero(peak)).astype(float)
    if gaps.max() > 2:
        index = 2 * (gaps - 1).sum() ** 2 / (len(gaps) * ((gaps - 1) * (gaps - 2)).sum())
    else:
        index = 2 * gaps.sum() ** 2 / (len(gaps) * (gaps**2).sum())
    return float(np.clip(1 / index, 1, len(gaps)))
