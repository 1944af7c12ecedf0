"""How many items are found, how many familiar ones accused: in all, in each group, and beyond a tail's threshold.

    flagged_share        of foreign items with a p-value of at most 0.05
    false_alarm_share    of familiar items likewise, which is what may be 0.05
    tail_threshold       score that a given, small share of familiar items exceeds
    beyond_tail_share    of foreign items that exceed it
    window_flagged_share, window_false_alarm_share    items of either kind that have a strange window (`windows`)
    stream_flagged_share         of foreign series in which a threshold that follows the stream sounds an alarm
    stream_false_alarm_share     of the steps of familiar series, which is what may be a given, small rate (`streams`)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, places_in_order, units_of
from detectors.immutable import immutable
from detectors.intervals import mean_over_units
from detectors.novelty.decisions import Rule, groups_of
from detectors.novelty.extremes import PEAKS, tail_of
from detectors.novelty.streams import Stream, stream_alarms
from detectors.novelty.windows import windows_decided
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, undefined

__all__ = ["Shares"]

_GIVEN = "{method}, given the calibration items"


@immutable
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
        groups = sorted({*groups_of(self.evidence)[self._are(role)]} - {""}) if grouped else []
        yield from (self._share("value", name, {"role": role, "group": one}, direction) for one in groups)

    def beyond_tail(self, known: Floats, rate: float, main: str, problem: Cause | None) -> Iterator[Measure]:
        """Yield the threshold for a rate of false alarms, and how many foreign items exceed it.

        known: calibration scores [n] of the score `main`; problem: why that is not to be trusted. Adds the column
        `beyond_tail` to the evidence.
        """
        tail = problem or tail_of(known, rate, self.level)
        n = {"items": len(known), "units": len(known)}
        foreign = self._are("foreign").any()
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

    def windows(
        self, observed: Mapping[str, pd.DataFrame], strangest: Floats, rule: Rule, problem: Cause | None
    ) -> Iterator[Measure]:
        """Yield how many items have a strange window; arguments as in `windows_decided`, whose columns the evidence
        gets; problem: why `strangest` is not to be trusted.
        """
        if problem is None:
            found, problem = windows_decided(observed, self.evidence, strangest, rule, self.rng)
            self.evidence[found.columns] = found
        yield from self._either("window", "window_flagged", "window_flagged", problem)

    def stream(self, observed: Mapping[str, pd.DataFrame], rate: float, drift: int) -> Iterator[Measure]:
        """Yield what sounds an alarm step by step, at a rate of false ones; arguments as in `stream_alarms`.

        Familiar and foreign series each follow those of `calibration`, in the order in which they stand. Adds
        `stream_alarms` (share of a series' scored steps), `stream_flagged` (1 = there is one, of foreign series that
        mark strange steps one of these), `stream_place` (which one it is in its stream, from 0), and of the step that
        lies highest over the threshold, or least below it, `stream_peak` and `stream_threshold` (nats) to the evidence.
        """
        problem: Cause | None = None
        known, _ = _steps(observed["calibration"])
        for role in self.evidence["role"].unique():
            steps, of = _steps(observed[role])
            found = stream_alarms(known, steps, rate, drift=drift)
            if isinstance(found, Cause):
                problem = found
                break
            table = _alarmed(observed[role], of, found.alarms).join(_highest(observed[role], of, steps, found))
            self.evidence.loc[table.index, table.columns] = table
        yield from self._either("stream", "stream_flagged", "stream_alarms", problem)

    def _either(self, kind: str, flagged: str, false: str, problem: Cause | None) -> Iterator[Measure]:
        """Yield the share of foreign items, where there are any, and the share that may be small, of familiar ones."""
        told: list[tuple[str, str, Direction, str]] = [
            ("flagged", "foreign", "higher is better", flagged), ("false_alarm", "items", "lower is better", false)
        ]
        for name, role, direction, column in told:
            if self._are(role).any():
                made = (f"{kind}_{name}_share", {"role": role}, direction)
                yield self._mean(column, *made) if problem is None else self._none(*made, problem)

    def _share(self, column: str, name: str, where: Mapping[str, str], direction: Direction) -> Measure:
        if self.undecided is not None:
            return self._none(name, where, direction, self.undecided)
        return self._mean(column, name, where, direction)

    def _mean(self, column: str, name: str, where: Mapping[str, str], direction: Direction) -> Measure:
        """Return a share of items, which are independent given the calibration set."""
        rows, binary = self._rows(where), column != "stream_alarms"
        values = self.evidence[column].to_numpy(float)[rows]
        mean = mean_over_units(values, self._units[rows], level=self.level, rng=self.rng, binary=binary)
        return Measure(
            name=name, group=where.get("group"), value=mean.value, low=mean.low, high=mean.high, n=mean.n, unit="share",
            direction=direction, level=self.level, method=Method(_GIVEN, method=mean.method), mean_of=column,
            unit_of="unit" if "unit" in self.evidence else None, where=where,
        )

    def _none(self, name: str, where: Mapping[str, str], direction: Direction, why: Cause) -> Measure:
        return undefined(
            name, why, n={"items": int(self._rows(where).sum()), "units": 0}, unit="share", direction=direction,
            level=self.level, group=where.get("group"),
        )

    @cached_property
    def _units(self) -> NDArray[np.int64]:
        """The independent unit of every row, as its place among the units."""
        return places_in_order(units_of(self.evidence))

    @cached_property
    def _roles(self) -> NDArray[np.object_]:
        """The role of every row, which an array compares faster than pandas does."""
        return self.evidence["role"].to_numpy(object)

    def _are(self, role: str) -> NDArray[np.bool_]:
        return np.asarray(self._roles == role, dtype=bool)

    def _rows(self, where: Mapping[str, str]) -> NDArray[np.bool_]:
        """Tell which rows are of a role, and of a group where one is named."""
        there = self._are(where["role"])
        return there & (groups_of(self.evidence) == where["group"]) if "group" in where else there


def _steps(frame: pd.DataFrame) -> tuple[Floats, NDArray[np.intp]]:
    """Return the surprise of all scored steps, in order, and the place of the series that each is of."""
    rows = [-np.asarray(cell, dtype=float) for cell in frame["trace"]]
    whole, of = np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return whole[~np.isnan(whole)], of[~np.isnan(whole)]


def _alarmed(frame: pd.DataFrame, of: NDArray[np.intp], alarms: NDArray[np.bool_]) -> pd.DataFrame:
    """Return `stream_alarms` and `stream_flagged` of each series; NaN where none of its steps is scored."""
    size, found = (np.bincount(of, weights, len(frame)) for weights in (None, alarms))
    share = np.divide(found, size, out=np.full(len(frame), np.nan), where=size > 0)
    flagged = np.where(size > 0, found > 0, np.nan)
    if "strange" in frame:
        flagged = np.where(frame["strange"].notna(), _at_strange(frame, of, alarms), flagged)
    return pd.DataFrame({"stream_alarms": share, "stream_flagged": flagged}, frame.index)


def _highest(frame: pd.DataFrame, of: NDArray[np.intp], steps: Floats, found: Stream) -> pd.DataFrame:
    """Return place, peak and threshold of each series, where its surprise is most above or least below it."""
    at = pd.Series(steps - found.thresholds).groupby(of).idxmax()
    told = pd.DataFrame({"stream_peak": steps[at], "stream_threshold": found.thresholds[at]}, frame.index[at.index])
    return pd.DataFrame({"stream_place": np.arange(float(len(frame)))}, frame.index).join(told)


def _at_strange(frame: pd.DataFrame, of: NDArray[np.intp], alarms: NDArray[np.bool_]) -> Floats:
    """Return whether there is an alarm at a strange step of each series, [item]; unscored ones cannot have one."""
    pairs = zip(frame["strange"], frame["trace"], strict=True)
    marks = [
        np.asarray([0] * len(trace) if mark is None else mark)[~np.isnan(np.asarray(trace, dtype=float))]
        for mark, trace in pairs
    ]
    return np.where(np.bincount(of, alarms & (np.concatenate(marks) > 0), len(frame)) > 0, 1.0, 0.0)
