"""Which of the sources in its prompt drove each answer, and how faithful are those who say so?

    headline   lds of the first method: mean over questions of the rank correlation of what its weights predict and of
               log p, over masks of sources that they were not fitted to

The independent unit is the question, or what it names as its unit. Every mean has an interval that is valid at any
number of questions, but for `top_drop`, which has no bound and is approximate. A question whose answer was not scored
under every mask, or whose log p is the same under all held-out ones, could have been anything in these intervals.

The planted source: questions about made-up facts, each told by one source, stand beside. A method that does not put
that source first more often than chance does is not believed of any other question: its measures have no value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import units_of
from detectors.intervals import CLUSTER_BOOTSTRAP, cluster_bootstrap, mean_over_units
from detectors.phrases import Cause, Method
from detectors.result import COUNT, NONE, Direction, Measure, Remark, Result, undefined
from detectors.transparency.faithfulness import Faithfulness, faithfulness
from detectors.transparency.masks import LEAST, Drawn, Scored
from detectors.transparency.methods import Attribution, AttributionMethod, attribute

__all__ = ["attribution", "scored_of"]

_SAME = 1e-9
"""Nats; means of units that lie no farther apart tell nothing of how they vary."""
_KNOWN = Method("known from the items")
_NONE_SCORED = Cause("no answer was scored with and without its sources")
_NO_GOLD = Cause("no question says which of its sources holds the answer")
_NO_PLANT = Cause("no planted questions were given")
_TOO_FEW = Cause("no question has {count} sources or more, so that masks could be held out", count=LEAST)
_CONSTANT = Cause("weights or log p are the same under all masks that were held out")
_BOUNDED: Mapping[str, tuple[float, float, str, Direction]] = {
    "lds": (-1, 1, "score", "higher is better"), "comprehensiveness": (-1, 1, "share", "higher is better"),
    "sufficiency": (-1, 1, "share", "lower is better"), "deletion_auc": (0, 1, "score", "lower is better"),
    "insertion_auc": (0, 1, "score", "higher is better"), "gold_first_share": (0, 1, "share", "higher is better"),
}  # fmt: skip
"""Measure -> ends, unit and direction; each is the mean of a column of the evidence."""


def attribution(
    observed: Mapping[str, pd.DataFrame], *, methods: Sequence[AttributionMethod], top: int, memory: float,
    level: float, rng: np.random.Generator,
) -> Result:
    """Return the measures of every method, those of the first without a group and headline first.

    observed: role -> frame, `items` and perhaps `planted`, a row a question: `context` (sources, a list), `gold`
    (places of those that hold the answer, or null), `prompt`, `answer`, `unit`, `tokens` (of the answer), `masks` and
    `log_prob` (lists: what was asked about, nats), `fitted`, `held_out` and `orders` (lists: what was drawn), `problem`
    (why there is no answer, or null), `not_asked` (what the question lacks, or null). top: how many sources are taken
    away at once. memory: an answer whose log p falls by fewer nats without any source is from the model's own memory.
    `items` of the result: a row a question with weights, their intervals, and the columns of each measure.
    """
    own = _Questions(observed["items"], methods, top, level, rng)
    planted = _Questions(observed["planted"], methods, top, level, rng) if "planted" in observed else None
    measures: list[Measure] = []
    for place, method in enumerate(methods):
        group = method if place else None
        found = None if planted is None else planted.mean("gold_first_share", method, group, "planted_first_share")
        fails = found is not None and planted is not None and not _above(found, planted.chance)
        told = list(own.of_method(method, group))
        measures += [_withdrawn(one) if fails else one for one in told]
        measures.append(found or _nothing("planted_first_share", _NO_PLANT, level, group))
    measures += [
        own.known("gold_first_chance", own.chance, _NO_GOLD),
        (planted or own).known("planted_first_chance", planted.chance if planted else None, _NO_PLANT),
        own.from_memory(memory), own.left_out(),
    ]  # fmt: skip
    return Result(tuple(measures), _evidence(own, planted, memory), remarks=tuple(_remarks(own, planted)))


def scored_of(row: Mapping[Any, Any]) -> Scored | None:
    """Return a question as it was observed; None where log p lacks under all sources, none, or a mask by lot, or where
    the tokens of the answer are not known.
    """
    if row["masks"] is None or not row["tokens"]:
        return None
    nats = [np.nan if one is None else float(one) for one in row["log_prob"]]
    known = {mask: one for mask, one in zip(row["masks"], nats, strict=True) if np.isfinite(one)}
    orders = tuple(tuple(int(place) for place in order.split(",")) for order in row["orders"])
    drawn, size = Drawn(tuple(row["fitted"]), tuple(row["held_out"]), orders), len(row["fitted"][0])
    if not {*drawn.fitted, *drawn.held_out, "1" * size, "0" * size} <= set(known):
        return None
    return Scored(size, int(row["tokens"]), known, drawn)


@dataclass(frozen=True)
class _Questions:
    """The questions of one role."""

    observed: pd.DataFrame
    methods: Sequence[AttributionMethod]
    top: int
    level: float
    rng: np.random.Generator

    @cached_property
    def asked(self) -> pd.DataFrame:
        """Questions that could be asked, with their `scored`."""
        rows = self.observed[self.observed["not_asked"].isna()]
        scored = [scored_of(row) for row in rows.to_dict("records")]
        return rows.assign(scored=pd.Series(scored, rows.index, dtype=object))

    @cached_property
    def told(self) -> Mapping[str, pd.DataFrame]:
        """Method -> columns of measures and `found` (weights) of each question, without value where it has none."""
        questions = self.asked["scored"].dropna()
        return {method: self._told(method, questions) for method in self.methods}

    def _told(self, method: AttributionMethod, questions: pd.Series[Any]) -> pd.DataFrame:
        found = attribute(method, questions.tolist(), self.rng)
        rows = [faithfulness(one, each, self.top) for one, each in zip(questions, found, strict=True)]
        frame = pd.DataFrame(rows, questions.index, columns=list(Faithfulness._fields), dtype=float)
        frame["gold_first_share"] = [
            _gold_first(each, gold) for each, gold in zip(found, self.asked.loc[questions.index, "gold"], strict=True)
        ]
        frame["found"] = pd.Series(found, questions.index, dtype=object)
        return frame.reindex(self.asked.index)

    def _about(self, name: str) -> pd.Series[bool]:
        """Tell which questions a measure is about."""
        if name == "gold_first_share":
            return self.asked["gold"].notna()
        enough = self.asked["context"].map(len) >= LEAST
        return enough if name == "lds" else self.asked["context"].notna()

    @cached_property
    def units(self) -> pd.Series[str]:
        """Return the independent unit of every question that could be asked."""
        return units_of(self.asked)

    @cached_property
    def chance(self) -> float | None:
        """How often a source by lot holds the answer; None where no question says which does."""
        rows = self.asked[self.asked["gold"].notna()]
        shares = [len(gold) / len(all_of) for gold, all_of in zip(rows["gold"], rows["context"], strict=True)]
        return float(pd.Series(shares).groupby(self.units[rows.index].to_numpy()).mean().mean()) if shares else None

    def of_method(self, method: AttributionMethod, group: str | None) -> Iterator[Measure]:
        """Yield the measures of a method, `lds` first."""
        for name in _BOUNDED:
            yield self.mean(name, method, group)
            if name == "lds":
                yield self._top_drop(method, group)

    def mean(self, column: str, method: str, group: str | None, name: str | None = None) -> Measure:
        """Return the mean of a column of a method over units."""
        about = self._about(column)
        values = self.told[method].loc[about, column]
        low, high, unit, direction = _BOUNDED[column]
        reason = (_TOO_FEW if column == "lds" else _NO_GOLD) if not about.any() else _NONE_SCORED
        if column == "lds" and len(values) and self.asked.loc[about, "scored"].notna().any():
            reason = _CONSTANT
        return self._mean(name or column, values, (low, high), unit, direction, reason, group)

    def _mean(
        self, name: str, values: pd.Series[float], ends: tuple[float, float], unit: str, direction: Direction,
        reason: Cause, group: str | None = None,
    ) -> Measure:
        """Return the mean of values within ends; NaN counts as an answer that was missing."""
        if not values.notna().any():
            return _nothing(name, reason, self.level, group, unit, direction, missing=len(values))
        low, high = ends
        one = mean_over_units(
            (values.to_numpy(float) - low) / (high - low), self.units[values.index].to_numpy(),
            level=self.level, rng=self.rng, binary=name.endswith("_share"),
        )
        value, least, most = (low + (high - low) * number for number in (one.value, one.low, one.high))
        return Measure(
            name=name, group=group, value=value, low=min(least, value), high=max(most, value), n=one.n, unit=unit,
            direction=direction, level=self.level, method=one.method, missing=one.missing,
        )

    def _top_drop(self, method: str, group: str | None) -> Measure:
        """Return the mean of nats, which nothing bounds: an approximate interval, none where it cannot be told."""
        drops = self.told[method]["top_drop"]
        known = drops.dropna()
        if known.empty:
            return _nothing("top_drop", _NONE_SCORED, self.level, group, "nats", "higher is better", missing=len(drops))
        by_unit = known.groupby(self.units[known.index].to_numpy()).mean()
        facts: dict[str, Any] = {
            "name": "top_drop", "group": group, "n": {"items": len(known), "units": len(by_unit)}, "unit": "nats",
            "direction": "higher is better", "level": self.level,
        }  # fmt: skip
        told: dict[str, Any] = {"value": float(by_unit.mean()), "method": NONE}
        if len(by_unit) >= 2 and np.ptp(by_unit) > _SAME:
            sums = np.column_stack([by_unit, np.ones(len(by_unit))])
            value, *ends = cluster_bootstrap(lambda t: t[..., 0] / t[..., 1], sums, level=self.level, rng=self.rng)
            if np.isfinite(ends).all():
                told = {"value": value, "low": ends[0], "high": ends[1], **CLUSTER_BOOTSTRAP.facts}
        return Measure(**told, **facts).lacking(len(drops) - len(known))

    def known(self, name: str, value: float | None, reason: Cause) -> Measure:
        """Return a share that the data alone tell."""
        if value is None:
            return _nothing(name, reason, self.level, direction="neither")
        return Measure(
            name=name, value=value, low=value, high=value, n={"items": int(self.asked["gold"].notna().sum())},
            unit="share", direction="neither", level=self.level, method=_KNOWN,
        )

    @cached_property
    def drops(self) -> pd.Series[float]:
        """By how many nats log p falls without any source; NaN where it is not known."""
        return self.asked["scored"].map(lambda one: one.whole - one.none, na_action="ignore").astype(float)

    def from_memory(self, memory: float) -> Measure:
        """Return the share of answers that are as likely, or nearly, without any source."""
        share = self.drops.lt(memory).astype(float).where(self.drops.notna())
        return self._mean("memory_share", share, (0, 1), "share", "lower is better", _NONE_SCORED)

    def left_out(self) -> Measure:
        """Return how many questions lack what asking needs."""
        count = len(self.observed) - len(self.asked)
        return Measure(
            name="not_asked", value=count, low=count, high=count, n={"items": len(self.observed)}, unit="count",
            direction="lower is better", level=self.level, method=COUNT,
        )


def _gold_first(found: Attribution, gold: Sequence[int] | None) -> float:
    """Return 1 where a source that holds the answer has a higher weight than all others, above 0; NaN without one."""
    if gold is None or not np.isfinite(found.weights).all():
        return float("nan")
    here = np.isin(np.arange(len(found.weights)), [int(place) for place in gold])
    others = found.weights[~here]
    return float(found.weights[here].max() > max(others.max(initial=0.0), 0.0))


def _above(found: Measure, chance: float | None) -> bool:
    return found.low is not None and chance is not None and found.low > chance


def _nothing(
    name: str, reason: Cause, level: float, group: str | None = None, unit: str = "share",
    direction: Direction = "higher is better", missing: int = 0,
) -> Measure:
    n = {"items": 0}
    return undefined(name, reason, n=n, unit=unit, direction=direction, level=level, group=group, missing=missing)


def _withdrawn(one: Measure) -> Measure:
    reason = Cause("it does not put the planted source first more often than chance does")
    return _nothing(one.name, reason, one.level, one.group, one.unit, one.direction, one.missing)


def _evidence(own: _Questions, planted: _Questions | None, memory: float) -> pd.DataFrame:
    """Return a row a question, those of the role `items` first; those that were not asked last of their role."""
    parts = []
    for role, questions in (("items", own), ("planted", planted)):
        if questions is not None:
            parts += [_rows(questions, role, memory), _left(questions, role)]
    return pd.concat([part for part in parts if len(part)] or parts[:1])


def _left(questions: _Questions, role: str) -> pd.DataFrame:
    rows = questions.observed[questions.observed["not_asked"].notna()]
    return rows[["prompt", "context", "not_asked"]].assign(role=role)


def _rows(questions: _Questions, role: str, memory: float) -> pd.DataFrame:
    """Return what is shown of every question that was asked, by the first method."""
    rows = questions.asked[["prompt", "answer", "context", "gold", "unit"]].assign(role=role)
    told = questions.told[questions.methods[0]]
    columns = told.drop(columns="found").rename(columns={"lds": "value", "gold_first_share": "source_first"})
    weight = -columns["value"] if role == "items" else np.nan
    rows = rows.join(columns.assign(weight=weight))
    rows["memory_drop"] = questions.drops
    rows["from_memory"] = rows["memory_drop"].lt(memory).where(rows["memory_drop"].notna()).astype(object)
    shown = [
        _weights_of(one, found) for one, found in zip(questions.asked["scored"], told["found"], strict=True)
    ]
    for name in ("weights", "weight_low", "weight_high", "predicted", "actual"):
        rows[name] = pd.Series([one.get(name) for one in shown], rows.index, dtype=object)
    rows["top_source"] = [
        texts[int(np.argmax(one["weights"]))] if any(one.get("weights", ())) else None
        for one, texts in zip(shown, rows["context"], strict=True)
    ]
    rows["no_answer"] = questions.asked["scored"].isna()
    return rows


def _weights_of(question: Scored | None, found: Attribution | None) -> dict[str, list[float]]:
    """Return the weights with intervals, and the predicted and actual log p of held-out masks."""
    if question is None or not isinstance(found, Attribution) or not np.isfinite(found.weights).all():
        return {}
    held = question.drawn.held_out
    told = {"weights": found.weights, "weight_low": found.low, "weight_high": found.high}
    if held:
        told |= {"predicted": found.predicted(held), "actual": question.nats(held)}
    return {name: part.tolist() for name, part in told.items() if part is not None}


def _remarks(own: _Questions, planted: _Questions | None) -> Iterator[Remark]:
    """Yield what a reader needs before the numbers."""
    if planted is None:
        yield Remark("no_planted_sources", {})
    few = int((~own._about("lds")).sum())
    if few:
        yield Remark("too_few_sources", {"count": float(few), "least": float(LEAST)})
    first = own.told[own.methods[0]]
    silent = int(sum(not np.any(one.weights) for one in first["found"].dropna()))
    if silent:
        yield Remark("no_source_told", {"count": float(silent)})
