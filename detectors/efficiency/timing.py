"""How long does a model take, and what does it cost to go step by step?

    median and 95th percentile of seconds over single calls, between order statistics: exact for independent calls

    sequential_cost = seconds to draw an item / seconds to evaluate one        of calls made in turns
    time_ratio      = seconds of this model / seconds of another               likewise

An autoregressive model evaluates all elements of an item at once but draws them one after the other; a model that
draws in one pass has a cost near 1. Calls that follow each other on a busy machine are not quite independent; ratios of
calls in turns suffer less, as what slows one slows the other. Seconds speak of one machine at one time and are no
property of a model: they should decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from detectors.intervals import binomial_quantile
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, Remark, Result, undefined

__all__ = ["call_times", "quantile_interval"]

_METHOD = Method("order statistics over calls (exact where calls are independent)")
_ONE_END = Method("{method}; too few calls for both ends", method=_METHOD)
_MEANING: Mapping[str, tuple[str, Direction]] = {
    "seconds_per_sample": ("seconds", "lower is better"),
    "seconds_per_sample_p95": ("seconds", "lower is better"),
    "cpu_seconds_per_sample": ("seconds", "lower is better"),
    "elements_per_sample": ("count", "neither"),
    "seconds_per_element": ("seconds", "lower is better"),
    "seconds_per_likelihood": ("seconds", "lower is better"),
    "seconds_per_likelihood_p95": ("seconds", "lower is better"),
    "sequential_cost": ("score", "lower is better"),
    "time_ratio": ("score", "lower is better"),
}


def quantile_interval(values: ArrayLike, q: float, level: float) -> tuple[float, float | None, float | None]:
    """Return (value, low, high) of the q-quantile of independent values [call]; exact for every distribution.

    low and high are order statistics: fewer than r of n values lie below the quantile with a probability that is
    binomial (n, q). An end that so few values cannot give at this level is None. Raises ValueError for no values and
    for values that are not finite.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    size = len(ordered)
    if not size or not np.isfinite(ordered).all():
        raise ValueError(f"quantile_interval: got {size} values; allowed: one or more, all of them finite")
    first, last = binomial_quantile(((1 - level) / 2, (1 + level) / 2), size, q)
    low = float(ordered[first - 1]) if first >= 1 else None
    high = float(ordered[last]) if last < size else None
    return float(np.quantile(ordered, q)), low, high


def call_times(calls: pd.DataFrame, *, level: float) -> Result:
    """Return the times of a model's single calls, one row a turn.

    calls: `seconds` and `cpu_seconds` of drawing one item, `elements` in it (NaN where not told), and where measured in
    the same turn `log_prob_seconds` (evaluating one item) and `other_seconds` (another model drawing one). Measures as
    in the module's text and `_MEANING`, headline `seconds_per_sample`; what was not measured is undefined, with the
    reason; a remark says that they belong to one run. items are the calls with `value` = seconds, also their weight.
    Raises ValueError where there are no calls.
    """
    seconds, elements = calls["seconds"], calls["elements"]
    evaluated = calls.get("log_prob_seconds")
    other = calls.get("other_seconds")
    untold, no_likelihood = Cause("the model does not tell"), Cause("the model evaluates no likelihood")
    alone = Cause("no other was named")
    measures = (
        _quantile("seconds_per_sample", seconds, 0.5, level),
        _quantile("seconds_per_sample_p95", seconds, 0.95, level),
        _quantile("cpu_seconds_per_sample", calls["cpu_seconds"], 0.5, level),
        _quantile("elements_per_sample", elements, 0.5, level, untold),
        _quantile("seconds_per_element", seconds / elements.where(elements > 0), 0.5, level, untold),
        _quantile("seconds_per_likelihood", evaluated, 0.5, level, no_likelihood),
        _quantile("seconds_per_likelihood_p95", evaluated, 0.95, level, no_likelihood),
        _quantile("sequential_cost", _per(seconds, evaluated), 0.5, level, no_likelihood),
        _quantile("time_ratio", _per(seconds, other), 0.5, level, alone),
    )
    remarks = (Remark("one_run", {}),)
    return Result(measures, items=calls.assign(value=seconds, weight=seconds), remarks=remarks)


def _per(seconds: pd.Series[Any], others: pd.Series[Any] | None) -> pd.Series[Any] | None:
    return None if others is None else seconds / others


def _quantile(name: str, values: pd.Series[Any] | None, q: float, level: float, reason: Cause | None = None) -> Measure:
    unit, direction = _MEANING[name]
    known = pd.Series(dtype=float) if values is None else values.dropna()
    n = {"items": len(known), "units": len(known)}
    if known.empty and reason is not None:
        return undefined(name, reason, n=n, unit=unit, direction=direction, level=level)
    value, low, high = quantile_interval(known, q, level)
    return Measure(
        name=name, value=value, low=low, high=high, n=n, unit=unit, direction=direction, level=level,
        method=_METHOD if low is not None and high is not None else _ONE_END,
    )
