"""Measures of texts with those of held-out texts beside them: shares, their difference, and means over units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import units_of
from detectors.intervals import mean_over_units
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Direction, Measure, undefined

__all__ = ["DIFFERENCE", "HELD_OUT", "beside", "counted", "mean_of"]

HELD_OUT = "held_out"
"""Role and group of texts that were held out."""
DIFFERENCE = Method("difference of two independent intervals, each at half the error")
_NONE = Cause("no text is long enough and got an answer")


def mean_of(
    name: str, rows: pd.DataFrame, column: str, level: float, rng: np.random.Generator, *, group: str | None = None,
    binary: bool = True, scale: float = 1.0, unit: str = "share", answered: bool,
) -> Measure:
    """Return the mean over units of a column between 0 and `scale`.

    rows: a text each, with `unit` (or null) and `no_answer` (the model was asked and said nothing); answered: whether
    the column is about what it says, so that a text without an answer could have had any value.
    """
    facts: dict[str, Any] = {"unit": unit, "direction": _direction(name), "level": level, "group": group}
    values = rows[column].to_numpy(float) / scale
    asked = ~np.isnan(values) | (rows["no_answer"].to_numpy(bool) & answered)
    if not (~np.isnan(values)).any():
        return undefined(name, _NONE, n={"items": 0, "units": 0}, missing=int(asked.sum()), **facts)
    units = units_of(rows).to_numpy(str)[asked] if rows["unit"].notna().any() else None
    one = mean_over_units(values[asked], units, level=level, rng=rng, binary=binary)
    return Measure(
        name=name, value=scale * one.value, low=scale * one.low, high=scale * one.high, n=one.n, method=one.method,
        missing=one.missing, **facts,
    )


def _direction(name: str) -> Direction:
    return "higher is better" if name.endswith("edit_distance") else "lower is better"


def beside(
    column: str, told: Mapping[str, pd.DataFrame], level: float, rng: np.random.Generator, *, answered: bool
) -> Iterator[Measure]:
    """Yield the share of texts, its difference to that of held-out ones, and that of these; `told`: role -> rows."""
    name, both = f"{column}_share", (1 + level) / 2
    own, held = (mean_of(name, told[role], column, both, rng, answered=answered) for role in ("items", HELD_OUT))
    yield mean_of(name, told["items"], column, level, rng, answered=answered)
    gap = f"{column}_above_held_out"
    if own.value is None or held.value is None:
        yield undefined(gap, _NONE, n=own.n, unit="share", direction="lower is better", level=level)
    else:
        assert own.low is not None
        assert own.high is not None
        assert held.low is not None
        assert held.high is not None
        n = {"items": own.n["items"] + held.n["items"], "units": min(own.n["units"], held.n["units"])}
        yield replace(
            own, name=gap, value=own.value - held.value, low=own.low - held.high, high=own.high - held.low, level=level,
            method=DIFFERENCE, n=n, missing=own.missing + held.missing,
        )
    yield mean_of(name, told[HELD_OUT], column, level, rng, group=HELD_OUT, answered=answered)


def counted(name: str, value: float, items: int, level: float, unit: str) -> Measure:
    """Return a number that nothing about is uncertain."""
    return Measure(
        name=name, value=value, low=value, high=value, n={"items": items}, unit=unit, level=level, method=COUNT,
        direction="lower is better",
    )
