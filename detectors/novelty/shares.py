"""How many items are found, how many familiar ones accused: in all, in each group, and beyond a tail's threshold.

    flagged_share        of foreign items with a p-value of at most 0.05
    false_alarm_share    of familiar items likewise, which is what may be 0.05
    tail_threshold       score that a given, small share of familiar items exceeds
    beyond_tail_share    of foreign items that exceed it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from detectors.arrays import Floats, units_of
from detectors.intervals import mean_over_units
from detectors.novelty.decisions import groups_of
from detectors.novelty.extremes import PEAKS, tail_of
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, undefined

__all__ = ["Shares"]

_GIVEN = "{method}, given the calibration items"


@dataclass(frozen=True)
class Shares:
    """Makes the measures of decisions, which share evidence, level and generator."""

    evidence: pd.DataFrame
    """As `detectors.novelty.decisions.decided` returns it."""
    undecided: Cause | None
    """Why there are no decisions in it."""
    level: float
    rng: np.random.Generator

    def by_group(self, name: str, role: str, direction: Direction, *, grouped: bool) -> Iterator[Measure]:
        """Yield the share of a role's items with a small p-value, then where calibration was `grouped` by group."""
        yield self._share("value", name, {"role": role}, direction)
        rows = self.evidence[self.evidence["role"] == role]
        groups = sorted(set(groups_of(rows)) - {""}) if grouped else []
        yield from (self._share("value", name, {"role": role, "group": one}, direction) for one in groups)

    def beyond_tail(self, known: Floats, rate: float, main: str, problem: Cause | None) -> Iterator[Measure]:
        """Yield the threshold for a rate of false alarms, and how many foreign items exceed it.

        known: calibration scores [n] of the score `main`; problem: why that is not to be trusted. Adds the column
        `beyond_tail` to the evidence.
        """
        tail = problem or tail_of(known, rate, self.level)
        n = {"items": len(known), "units": len(known)}
        foreign = (self.evidence["role"] == "foreign").any()
        if isinstance(tail, Cause):
            yield undefined("tail_threshold", tail, n=n, unit="score", direction="neither", level=self.level)
            if foreign:
                yield self._none("beyond_tail_share", {"role": "foreign"}, "higher is better", tail)
            return
        yield Measure(
            name="tail_threshold", value=tail.threshold, low=tail.low, high=tail.high, n=n, unit="score",
            direction="neither", level=self.level, **PEAKS.facts,
        )
        self.evidence["beyond_tail"] = 1.0 * (self.evidence[main] > tail.threshold)
        if foreign:
            yield self._mean("beyond_tail", "beyond_tail_share", {"role": "foreign"}, "higher is better")

    def _share(self, column: str, name: str, where: Mapping[str, str], direction: Direction) -> Measure:
        if self.undecided is not None:
            return self._none(name, where, direction, self.undecided)
        return self._mean(column, name, where, direction)

    def _mean(self, column: str, name: str, where: Mapping[str, str], direction: Direction) -> Measure:
        """Return a share of items, which are independent given the calibration set."""
        rows = self._rows(where)
        mean = mean_over_units(rows[column].to_numpy(), units_of(rows), level=self.level, rng=self.rng, binary=True)
        return Measure(
            name=name, group=where.get("group"), value=mean.value, low=mean.low, high=mean.high, n=mean.n, unit="share",
            direction=direction, level=self.level, method=Method(_GIVEN, method=mean.method), mean_of=column,
            unit_of="unit" if "unit" in rows else None, where=where,
        )

    def _none(self, name: str, where: Mapping[str, str], direction: Direction, why: Cause) -> Measure:
        return undefined(
            name, why, n={"items": len(self._rows(where)), "units": 0}, unit="share", direction=direction,
            level=self.level, group=where.get("group"),
        )

    def _rows(self, where: Mapping[str, str]) -> pd.DataFrame:
        rows = self.evidence[self.evidence["role"] == where["role"]]
        return rows[groups_of(rows) == where["group"]] if "group" in where else rows
