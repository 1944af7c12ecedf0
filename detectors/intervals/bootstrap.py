"""The studentised cluster bootstrap: an interval for a smooth function of totals over independent units.

    T = f(sum_u s_u),    t* = (T* - T) / se*,    interval = [T - t*_hi se, T - t*_lo se]

Units are drawn with replacement, so every replicate is a row of one multinomial weight matrix [replicate, unit] and all
totals are one product with it. se is the delta method's, from the gradient of f and the weighted covariance of the
unit sums, in the sample and in each replicate alike (Davison & Hinkley 1997, section 2.4).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats, times_drawn
from detectors.intervals.exact import Approximation, exact_binomial
from detectors.phrases import Cause, Method

__all__ = ["CLUSTER_BOOTSTRAP", "cluster_bootstrap"]

CLUSTER_BOOTSTRAP = Approximation(Method("studentised cluster bootstrap"), 40, 0.85)
"""Worst where few units are far larger than the others; at stricter levels it misses many times as often as it may."""

BLOCK = 4_000_000
"""Weights drawn at a time, to bound memory."""


def cluster_bootstrap(
    statistic: Callable[[Floats], Floats], sums: ArrayLike, *, level: float, rng: np.random.Generator,
    bounds: tuple[float, float] = (-np.inf, np.inf), replicates: int = 1999,
) -> tuple[float, float, float]:
    """Return (value, low, high) of a smooth statistic of totals, resampling independent units.

    sums [unit, column]: what each unit adds to the totals, e.g. (events, items). `statistic` maps totals [..., column]
    to values [...], over any leading axes; `bounds` are the least and largest values it can have. Approximate: see
    `CLUSTER_BOOTSTRAP`; an end lies on its bound where too many replicates have no spread to scale by.

    A sample without any spread tells the bootstrap nothing. Where the value then sits on a bound (no events at all),
    the other end is the exact bound for 0 events in as many units, which takes eventful units to be no larger than
    others; elsewhere ValueError, as for fewer than two units and for a value that is not finite.
    """
    rows = np.asarray(sums, dtype=float)
    if rows.ndim != 2 or len(rows) < 2:
        raise ValueError(
            Cause("cluster_bootstrap: got sums of shape {shape}; allowed: [unit >= 2, column]", shape=rows.shape)
        )
    units, total = len(rows), rows.sum(axis=0)
    centred, step = rows - rows.mean(axis=0), 1e-6 * np.maximum(np.abs(rows).sum(axis=0), 1e-300)
    value = float(statistic(total))
    if not np.isfinite(value):
        got = "cluster_bootstrap: got the value {value} at totals {total}; allowed: a finite statistic"
        raise ValueError(Cause(got, value=value, total=total))
    spread = centred @ _gradient(statistic, total, step)
    error = float(np.sqrt((spread**2).sum() * units / (units - 1)))
    if error <= 1e-8 * max(abs(value), 1e-12):
        return value, *_without_spread(value, units, bounds, level)
    t = np.concatenate([
        _studentised(statistic, total, centred, step, times_drawn(units, count, rng))
        for count in _blocks(replicates, max(1, BLOCK // units))
    ])
    first, last = _middle(t, level)
    low, high = np.clip([value - last * error, value - first * error], *bounds)
    return value, min(float(low), value), max(float(high), value)


def _middle(t: Floats, level: float) -> tuple[float, float]:
    """Return the quantiles of t* [replicate] between which a share `level` lies.

    0/0 in a replicate (no denominator drawn, or no spread) counts as extreme on either side.
    """
    first = np.quantile(np.where(np.isnan(t), -np.inf, t), (1 - level) / 2, method="lower")
    last = np.quantile(np.where(np.isnan(t), np.inf, t), (1 + level) / 2, method="higher")
    return float(first), float(last)


def _blocks(whole: int, size: int) -> list[int]:
    """Return the lengths of consecutive blocks of at most `size` that make up `whole`."""
    return [min(size, whole - start) for start in range(0, whole, size)]


def _studentised(
    statistic: Callable[[Floats], Floats], total: Floats, centred: Floats, step: Floats, weights: NDArray[np.int64]
) -> Floats:
    """Return t* [replicate] = (T* - T) / se* for multinomial weights [replicate, unit]."""
    units, columns = centred.shape
    products = (centred[:, :, None] * centred[:, None, :]).reshape(units, -1)
    moved = weights @ centred
    covariance = (weights @ products).reshape(-1, columns, columns) - moved[:, :, None] * moved[:, None, :] / units
    with np.errstate(divide="ignore", invalid="ignore"):
        gradient = _gradient(statistic, total + moved, step)
        square = np.einsum("ri,rij,rj->r", gradient, covariance, gradient) * units / (units - 1)
        return np.asarray((statistic(total + moved) - statistic(total)) / np.sqrt(np.maximum(square, 0)))


def _gradient(statistic: Callable[[Floats], Floats], totals: Floats, step: Floats) -> Floats:
    """Return the gradient [..., column] of `statistic` by central differences of size `step` [column]."""
    shift = np.diag(step)
    at = totals[..., None, :]
    return (statistic(at + shift) - statistic(at - shift)) / (2 * step)


def _without_spread(value: float, units: int, bounds: tuple[float, float], level: float) -> tuple[float, float]:
    """Return (low, high) where all units agree, which only a value on a bound allows."""
    reach = float(exact_binomial(0, units, level)[1]) * (bounds[1] - bounds[0])
    if value == bounds[0]:
        return value, value + reach
    if value == bounds[1]:
        return value - reach, value
    got = "cluster_bootstrap: got {units} units without spread at {value}; allowed: there only on a bound"
    raise ValueError(Cause(got, units=units, value=value))
