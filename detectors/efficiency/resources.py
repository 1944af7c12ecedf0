"""What does a model take: numbers, bytes, operations for an answer, memory, energy?

    parameters, bytes of weights, bytes of their files       counted: nothing about them is uncertain
    FLOPs, memory, energy                                     median over items, between order statistics

    flops_per_token            = FLOPs of scoring a text / tokens read          counted, attention's products too
    flops_per_token_estimate   = 2 N, N the numbers of all matrices             the field's rule, an estimate
    memory_overhead            = (peak - peak of the empty process) / bytes of weights      item by item

A product and a sum are two operations. The rule 2 N leaves the products of attention out, which grow with the length
of a text, and counts all experts of a mixture, of which a token meets few. Memory and energy speak of one machine.
Sources: Kaplan et al. 2020 (2001.08361), section 2.1; Regulation (EU) 2024/1689, Annex XI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from detectors.efficiency.timing import quantile_interval
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Direction, Measure, Remark, Result, undefined

__all__ = ["resources"]

_METHOD = Method("order statistics over items (exact where items are independent)")
_ONE_END = Method("{method}; too few items for both ends", method=_METHOD)
_RULE = Method("estimate: 2 N, a product and a sum for each number of a matrix")
_PACKED = Cause("the weights are packed, and how many numbers they hold is not told")
_NO_FILES = Cause("it was opened from no files of weights")
_NOT_SCORED = Cause("the model evaluates no likelihood and no classes")
_NOT_DRAWN = Cause("the model draws no samples")
_NO_TOKENS = Cause("no text was scored token by token")
_NO_PROCESS = Cause("not measured: no process of its own was started for it")
_NO_GPU = Cause("not measured: it does not compute on a GPU")
_NO_COUNTER = Cause("not measured: no energy counter of the machine can be read, and none is estimated")
_LESS: Direction = "lower is better"

_COUNTED: Mapping[str, tuple[str, str, Cause]] = {
    "parameters": ("parameters", "count", _PACKED),
    "weight_bytes": ("weight_bytes", "bytes", _NO_FILES),
    "stored_bytes": ("stored_bytes", "bytes", _NO_FILES),
}
"""Measure -> (column, unit, why there is none); the same in every row."""
_MEASURED: Mapping[str, tuple[str, str, Cause]] = {
    "flops_per_item": ("score_flops", "count", _NOT_SCORED),
    "flops_per_sample": ("sample_flops", "count", _NOT_DRAWN),
    "flops_per_token": ("token_flops", "count", _NO_TOKENS),
    "peak_memory": ("peak_bytes", "bytes", _NO_PROCESS),
    "empty_memory": ("empty_bytes", "bytes", _NO_PROCESS),
    "memory_overhead": ("overhead", "score", _NO_PROCESS),
    "gpu_memory": ("gpu_bytes", "bytes", _NO_GPU),
    "energy_per_item": ("score_joules", "joules", _NO_COUNTER),
    "energy_per_sample": ("sample_joules", "joules", _NO_COUNTER),
}


def resources(items: pd.DataFrame, *, level: float) -> Result:
    """Return what a model takes, one row an item.

    items: `parameters`, `matrices`, `weight_bytes`, `stored_bytes`, the same in all rows; where measured `score_flops`
    with `tokens` that were read, `sample_flops`, `empty_bytes`, `peak_bytes`, `gpu_bytes`, `score_joules` and
    `sample_joules`; absent or NaN where not. Measures as in the module's text, lower is better but for the peak of the
    empty process, headline `parameters`; what was not measured is undefined, with the reason; a remark says that memory
    and energy belong to one run. items come back with `value` = operations of a score or else of a sample, also their
    weight. Raises ValueError for no items, and for counts that differ between rows.
    """
    if items.empty:
        raise ValueError("resources: got no items; allowed: one or more")
    rows = items.assign(
        token_flops=_of(items, "score_flops") / _of(items, "tokens").where(lambda tokens: tokens > 0),
        overhead=_added(_of(items, "empty_bytes"), _of(items, "peak_bytes")) / _of(items, "weight_bytes"),
    )
    counts = [_count(rows, name, level) for name in _COUNTED]
    measured = [_median(rows, name, level) for name in _MEASURED]
    measured.insert(3, _rule(rows, level))
    work = _of(rows, "score_flops").fillna(_of(rows, "sample_flops")).fillna(0.0)
    taken = _of(rows, "peak_bytes").notna().any()
    remarks = (Remark("one_machine", {}),) if taken else ()
    return Result((*counts, *measured), items=rows.assign(value=work, weight=work), remarks=remarks)


def _of(rows: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Return a column of numbers, NaN where it is not there."""
    if column not in rows:
        return pd.Series(np.nan, index=rows.index, dtype=float)
    return pd.to_numeric(rows[column]).astype(float)


def _added(empty: pd.Series[Any], peak: pd.Series[Any]) -> pd.Series[Any]:
    """Return the bytes that a process holds more at its peak than before the model was opened."""
    return peak - empty


def _count(rows: pd.DataFrame, name: str, level: float) -> Measure:
    column, unit, reason = _COUNTED[name]
    values = _of(rows, column).unique()
    n = {"items": len(rows), "units": len(rows)}
    if len(values) > 1:
        raise ValueError(
            f"resources: got {column} {values[0]:g} and {values[1]:g}; allowed: one, as there is one model"
        )
    if np.isnan(values[0]):
        return undefined(name, reason, n=n, unit=unit, direction=_LESS, level=level)
    value = float(values[0])
    return Measure(
        name=name, value=value, low=value, high=value, n=n, unit=unit, direction=_LESS, level=level, method=COUNT
    )


def _rule(rows: pd.DataFrame, level: float) -> Measure:
    """Return 2 N of a model that reads tokens; without an interval, so that it decides nothing."""
    told: dict[str, Any] = {"unit": "count", "direction": _LESS, "level": level}
    read = int((_of(rows, "tokens") > 0).sum())
    name, n = "flops_per_token_estimate", {"items": read, "units": read}
    if not read or np.isnan(matrices := float(_of(rows, "matrices").iloc[0])):
        return undefined(name, _PACKED if read else _NO_TOKENS, n=n, **told)
    return Measure(name=name, value=2 * matrices, n=n, method=_RULE, **told)


def _median(rows: pd.DataFrame, name: str, level: float) -> Measure:
    column, unit, reason = _MEASURED[name]
    known = _of(rows, column).dropna()
    n = {"items": len(known), "units": len(known)}
    direction: Direction = "neither" if name == "empty_memory" else _LESS
    if known.empty:
        return undefined(name, reason, n=n, unit=unit, direction=direction, level=level)
    value, low, high = quantile_interval(known, 0.5, level)
    return Measure(
        name=name,
        value=value,
        low=low,
        high=high,
        n=n,
        unit=unit,
        direction=direction,
        level=level,
        method=_METHOD if low is not None and high is not None else _ONE_END,
    )
