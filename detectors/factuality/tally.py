"""From a frame of graded items to measures with intervals.

A null cell is an item that the measure does not speak of, unless it was asked and gave no answer (`no_answer`): then it
is missing, and counted both ways. Independent units, the labels in column `unit`, weigh the same; where the whole
column is null, each item is one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, places_in_order
from detectors.immutable import immutable
from detectors.intervals import mean_over_units
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Direction, Measure, undefined

__all__ = ["NOT_ASKED", "NO_ANSWER", "Tally"]

NO_ANSWER = Cause("no such question got an answer")
NOT_ASKED = Cause("no question has what asking needs")

Ends = pd.Series | Floats | float


@immutable
class Tally:
    """Measures of `items`: columns `group`, `unit`, `outcome` (`not asked` among its words), `no_answer` (bool)."""

    items: pd.DataFrame
    level: float
    rng: np.random.Generator

    def mean(
        self, name: str, values: pd.Series[Any] | Floats, direction: Direction, *, group: str | None = None,
        worst: tuple[Ends, Ends] = (0.0, 1.0), binary: bool = True, lost: NDArray[np.bool_] | None = None,
    ) -> Measure:
        """Return the mean over units of values in [0, 1]: one an item, or a series of some; a column is named as such.

        worst: what a missing value could have been at least and at most, both beside `values`; binary: values are 0 or
        1, ties between; lost [item]: which were asked and gave no answer, where not column `no_answer` says it.
        """
        numbers, rows = self._placed(values)
        lost = np.isnan(numbers) & (self._no_answer if lost is None else lost)[rows]
        counted = ~np.isnan(numbers) | lost
        if lost.sum() == counted.sum():
            return self._undefined(name, direction, "share", group, missing=int(lost.sum()))
        least, most = (end if isinstance(end, float) else np.asarray(end, float)[counted] for end in worst)
        units = None if self._units is None else self._units[rows[counted]]
        found = mean_over_units(
            numbers[counted], units, level=self.level, rng=self.rng, worst=(least, most), binary=binary
        )
        column = str(values.name) if isinstance(values, pd.Series) and values.name in self.items else None
        return Measure(
            name=name, group=group, value=found.value, low=found.low, high=found.high, n=found.n, unit="share",
            direction=direction, level=self.level, method=found.method, mean_of=column,
            unit_of="unit" if column is not None and self._units is not None else None,
            where=None if column is None or group is None else {"group": group}, missing=found.missing,
        )

    def difference(self, name: str, first: str, second: str) -> Measure:
        """Return the mean over units of first - second, two columns in [0, 1], item by item; higher is better.

        It speaks of the items that have a second value.
        """
        one, other = (self.items[column].to_numpy(dtype=float, na_value=np.nan) for column in (first, second))
        lost = self._no_answer & ~np.isnan(other)
        found = self.signed(name, one - other, "higher is better", worst=(0.0 - other, 1.0 - other), lost=lost)
        if found.value is None:
            return found
        return replace(found, method=Method("{method}, of paired differences", method=found.method))

    def signed(
        self, name: str, values: pd.Series[Any] | Floats, direction: Direction, *,
        worst: tuple[Ends, Ends] = (-1.0, 1.0), lost: NDArray[np.bool_] | None = None,
    ) -> Measure:
        """Return the mean over units of values in [-1, 1]; `worst` and `lost` as in `mean`."""
        least, most = ((1 + end) / 2 for end in worst)
        halves = (1 + values) / 2
        nameless = halves.rename(None) if isinstance(halves, pd.Series) else halves
        half = self.mean(name, nameless, direction, worst=(least, most), binary=False, lost=lost)
        if half.value is None or half.low is None or half.high is None:
            return half
        low, value, high = (2 * number - 1 for number in (half.low, half.value, half.high))
        return replace(half, low=low, value=value, high=high)

    def known(self, name: str, values: pd.Series[Any]) -> Measure:
        """Return a mean over units that follows from the questions alone: nothing about it is uncertain."""
        found, method = self.mean(name, values, "neither", binary=False), Method("known from the questions")
        if found.value is None:
            return found
        return replace(found, low=found.value, high=found.value, method=method, mean_of=None, unit_of=None, where=None)

    def length(self, name: str, values: pd.Series[Any]) -> Measure:
        """Return the plain mean of a count of words, without interval."""
        values = values.dropna()
        if values.empty:
            return self._undefined(name, "neither", "words", None)
        return Measure(
            name=name, value=float(values.mean()), n={"items": len(values), "units": len(values)}, unit="words",
            direction="neither", level=self.level, method=Method("mean over items, no interval"),
        )

    def share(self, name: str, outcome: str, direction: Direction) -> Measure:
        """Return the share of asked items with that outcome; only of an `error` is it unknown what it was."""
        seen = self._outcome
        unknown = ["not asked"] if outcome == "error" else ["not asked", "error"]
        return self.mean(name, np.where(np.isin(seen, unknown), np.nan, seen == outcome), direction)

    def not_asked(self) -> Measure:
        """Return how many items lack what asking needs."""
        count = float((self._outcome == "not asked").sum())
        return Measure(
            name="not_asked", value=count, low=count, high=count, n={"items": len(self.items)}, unit="count",
            direction="lower is better", level=self.level, method=COUNT,
        )

    def groups(self, name: str, column: str) -> list[Measure]:
        """Return the mean of a column in each group, by name; higher is better."""
        return [
            self.mean(name, rows[column], "higher is better", group=str(group))
            for group, rows in self.items.groupby("group", sort=True)
        ]

    @property
    def evidence(self) -> pd.DataFrame:
        """The items; with `no_answer` only where some gave none."""
        return self.items if self._no_answer.any() else self.items.drop(columns="no_answer")

    @cached_property
    def _outcome(self) -> NDArray[np.object_]:
        return self.items["outcome"].to_numpy(object)

    @cached_property
    def _no_answer(self) -> NDArray[np.bool_]:
        return self.items["no_answer"].to_numpy(dtype=bool)

    def _placed(self, values: pd.Series[Any] | Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Return values as numbers, NaN for what is not there, and the places of their items."""
        index = self.items.index
        if not isinstance(values, pd.Series):
            return values, np.arange(len(index))
        rows = np.arange(len(index)) if values.index.is_(index) else index.get_indexer(values.index)
        return values.to_numpy(dtype=float, na_value=np.nan), rows

    @cached_property
    def _units(self) -> NDArray[np.int64] | None:
        """Each item's unit, by the place of its label among all in order; None where every item is one."""
        units = self.items["unit"]
        return places_in_order(units.astype(str)) if units.notna().any() else None

    def _undefined(
        self, name: str, direction: Direction, unit: str, group: str | None, missing: int = 0
    ) -> Measure:
        reason = NO_ANSWER if self.items["outcome"].ne("not asked").any() else NOT_ASKED
        return undefined(
            name, reason, n={"items": 0, "units": 0}, unit=unit, direction=direction, level=self.level, group=group,
            missing=missing,
        )
