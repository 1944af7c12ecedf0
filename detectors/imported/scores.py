"""What scores that another tool wrote say: their mean with an interval, and whether the tool's own mean follows.

    mean_score      mean over what was asked (repeats of one item are one unit) of scores in [0, 1]
    no score        error, unscored, invalid: neither good nor bad; [low, high] holds whatever they would have been
    aggregate_gap   greatest |the tool's own mean - the mean recomputed of the items|, over its tasks

A tool's mean that does not follow from its items says that some are missing, or others; which way is good is nothing to
guess. Where either is so, the means have no interval and decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import places_in_order, units_of
from detectors.immutable import immutable
from detectors.intervals import mean_over_units
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Direction, Measure, Remark, Result, undefined

__all__ = ["imported_scores"]

_DIRECTIONS: dict[str | None, Direction] = {"higher": "higher is better", "lower": "lower is better"}
_CONTRADICTED = Method("none; the log's own mean does not follow from its items")
_UNTOLD = Method("none; nothing says which way the score is good")
_NO_SCORES = Cause("no answer has a score")
_NO_PASSES = Cause("the log does not say which answers pass")
_NO_AGGREGATE = Cause("the log states no mean that its items could give")


def imported_scores(items: pd.DataFrame, *, level: float, rng: np.random.Generator) -> Result:
    """Return the measures of scored answers.

    items, indexed by id: `score` (in [0, 1]; NaN = none), `status` (`scored`, or why there is no score). Optional:
    `unit` (what was asked, the same for its repeats), `group`, `passed` (1 or 0, NaN = not told), `direction` (`higher`
    or `lower`, the same for all; null = nothing says), `task`, and of the tool's own mean over the task `stated`,
    `recomputed` (of all items of the log, whatever part is here), `stated_within`, `stated_items` and
    `items_there`; `tool`, `version`, `model`; `binary` (`1` where scores are 0 or 1 by what they are),
    `assumed_threshold` (from where on the tool's number counts as 1, where its log does not state it).

    Measures:
      mean_score      headline, then of each group where there are several
      pass_share      of the answers of which the log says it
      no_score_share  of all
      aggregate_gap   0 where the tool's numbers follow from its items
    All but the last are means over units: exact binomial where they are of 0 and 1 and most units have one answer, else
    by betting.
    items has a row per answer with `value` (its score), `against` where the log or the direction tells, `weight`.
    """
    found = _Scores(items, level, rng)
    return Result(tuple(found.measures()), found.evidence, remarks=tuple(found.remarks()))


@immutable
class _Scores:
    items: pd.DataFrame
    level: float
    rng: np.random.Generator

    def measures(self) -> Iterator[Measure]:
        """Yield the measures, headline first."""
        score, gap = self._score, self.gap
        yield self._decided(self._mean("value", "mean_score", score, self.direction, _NO_SCORES))
        groups = self._column("group")
        names = sorted(self._known("group").astype(str).unique())
        for name in names if len(names) > 1 else ():
            of = groups.astype(str).eq(name).to_numpy()
            yield self._decided(self._mean("value", "mean_score", score, self.direction, _NO_SCORES, name, of))
        passed = self._passed
        told = _NO_PASSES if passed.isna().all() else None
        yield self._sound(self._mean("passes", "pass_share", passed, "higher is better", told or _NO_SCORES, told=told))
        lost = score.isna().astype(float)
        yield self._mean("no_score", "no_score_share", lost, "lower is better", _NO_SCORES)
        yield self._gap(gap)

    def _mean(
        self, column: str, name: str, values: pd.Series[Any], direction: Direction, why: Cause,
        group: str | None = None, of: np.ndarray | None = None, told: Cause | None = None,
    ) -> Measure:
        """Return a mean over units of values in [0, 1]; NaN = no score, which is counted both ways."""
        part = values if of is None else values[of]
        lost = int(part.isna().sum())
        if lost == len(part):
            return undefined(
                name, why, n={"items": 0, "units": 0}, unit="share", direction=direction, level=self.level,
                group=group, missing=0 if told else lost,
            )  # fmt: skip
        numbers, units = part.to_numpy(float), self._places if of is None else self._places[of]
        binary = column != "value" or self._column("binary").eq("1").all()  # told, as looking would break the promise
        mean = mean_over_units(numbers, units, level=self.level, rng=self.rng, binary=bool(binary))
        return Measure(
            name=name, group=group, value=mean.value, low=mean.low, high=mean.high, n=mean.n, unit="share",
            direction=direction, level=self.level, method=mean.method, mean_of=column,
            unit_of="unit" if self._repeats else None, where=None if group is None else {"group": group},
            missing=mean.missing,
        )  # fmt: skip

    def _decided(self, measure: Measure) -> Measure:
        """Return a mean without its interval where nothing says which way it is good, or the log contradicts it."""
        return _bare(measure, _UNTOLD) if self.direction == "neither" else self._sound(measure)

    def _sound(self, measure: Measure) -> Measure:
        return _bare(measure, _CONTRADICTED) if self.differs else measure

    def _gap(self, gap: float | None) -> Measure:
        told: dict[str, Any] = {"name": "aggregate_gap", "unit": "score", "direction": "lower is better"}
        n = {"items": len(self.items)}
        if gap is None:
            return undefined(**told, reason=_NO_AGGREGATE, n=n, level=self.level)
        return Measure(**told, value=gap, low=gap, high=gap, n=n, level=self.level, method=COUNT)

    @cached_property
    def direction(self) -> Direction:
        """Which way is good; `neither` where nothing says."""
        known = self._known("direction").unique()
        return _DIRECTIONS.get(known[0] if len(known) == 1 else None, "neither")

    @cached_property
    def _score(self) -> pd.Series[Any]:
        return self.items["score"].astype(float)

    @cached_property
    def _passed(self) -> pd.Series[Any]:
        return self._column("passed").astype(float).where(self._score.notna())

    @cached_property
    def _units(self) -> pd.Series[str]:
        return units_of(self.items)

    @cached_property
    def _places(self) -> np.ndarray:
        """The unit of every item as its place among their names in order."""
        return places_in_order(self._units)

    @property
    def _repeats(self) -> bool:
        return int(self._places.max(initial=-1)) + 1 < len(self.items)

    def _column(self, name: str) -> pd.Series[Any]:
        return self.items[name] if name in self.items else pd.Series(np.nan, self.items.index)

    def _known(self, name: str) -> pd.Series[Any]:
        """Return the cells of a column that say something; their rows bear no ids, among which pandas would look."""
        return pd.Series(self._column(name).array).dropna()

    @property
    def gap(self) -> float | None:
        """Greatest distance of a mean of the tool's from that of its items; None where it states none."""
        gaps = self._stated["gap"]
        return None if gaps.empty else float(gaps.max())

    @property
    def differs(self) -> bool:
        """Whether a mean of the tool's, or how many answers it is of, does not follow from its items."""
        return bool(self._stated["differs"].any())

    @cached_property
    def _stated(self) -> pd.DataFrame:
        """The tool's own mean over each task, [task], and how it lies to its items; without a score, by all."""
        names = ("task", "stated", "recomputed", "stated_within", "stated_items", "items_there")
        there = self._column("stated").notna().to_numpy()
        rows = pd.DataFrame({name: self._column(name)[there] for name in names})
        told = rows.drop_duplicates("task").sort_values("task")
        numbers = told[list(names[1:])].astype(float)
        gap = (numbers["stated"] - numbers["recomputed"]).abs().fillna(1.0)
        within = numbers["stated_within"].fillna(1e-9)
        missing = numbers["stated_items"].fillna(0) != numbers["items_there"].fillna(0)
        return numbers.assign(gap=gap, differs=(gap > within) | missing)

    def remarks(self) -> Iterator[Remark]:
        """Yield what a reader needs first: whose scores these are, and what is wrong with them."""
        if self._column("tool").notna().any():
            told = {name: self._first(name) for name in ("tool", "version", "model")}
            yield Remark("imported", told)
        if self.differs:
            worst = self._stated[self._stated["differs"]].sort_values("gap").iloc[-1]
            told = {"theirs": "stated", "ours": "recomputed", "stated_count": "stated_items",
                    "there_count": "items_there"}  # fmt: skip
            yield Remark("aggregate_differs", {key: float(worst.fillna(0)[name]) for key, name in told.items()})
        if self.direction == "neither" and self._score.notna().any():
            yield Remark("direction_untold", {})
        if (assumed := self._known("assumed_threshold")).size:
            yield Remark("threshold_assumed", {"threshold": float(assumed.iloc[0])})
        yield from self._both_ways()

    def _first(self, name: str) -> str:
        known = self._known(name)
        return str(known.iloc[0]) if len(known) else "-"

    def _both_ways(self) -> Iterator[Remark]:
        """Yield what the mean would be with every answer without a score counted as the least, and as the most."""
        score = self._score
        if not score.isna().any():
            return
        ends = [float(score.fillna(fill).groupby(self._places).mean().mean()) for fill in (0.0, 1.0)]
        why = self.items.loc[score.isna(), "status"].value_counts()
        counts = {f"{status}_count": float(why.get(status, 0)) for status in ("error", "unscored", "invalid")}
        yield Remark("no_score", {"least": ends[0], "most": ends[1], "all_count": float(len(score)), **counts})

    @property
    def evidence(self) -> pd.DataFrame:
        """The answers, and which of them speak against the model."""
        score, passed = self._score, self._passed
        lower = self.direction == "lower is better"
        bad = (score if lower else 1 - score) if self.direction != "neither" else score * np.nan
        told, sure = passed.notna(), score.eq(0) | score.eq(1)
        against = pd.arrays.BooleanArray(passed.eq(0).where(told, bad.eq(1)).to_numpy(), (~(told | sure)).to_numpy())
        return self.items.drop(columns=["score", "passed"], errors="ignore").assign(
            value=score, passes=passed, no_score=score.isna().astype(float), no_answer=score.isna(),
            unit=self._units, against=against, weight=bad,
        )  # fmt: skip


def _bare(measure: Measure, method: Method) -> Measure:
    """Return a measure without its interval, so that it decides nothing."""
    return measure if measure.value is None else replace(measure, low=None, high=None, method=method)
