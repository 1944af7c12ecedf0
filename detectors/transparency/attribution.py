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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import isfinite, nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, places_in_order, units_of
from detectors.immutable import immutable
from detectors.intervals import CLUSTER_BOOTSTRAP, cluster_bootstrap, mean_over_units
from detectors.phrases import Cause, Method
from detectors.result import COUNT, NONE, Direction, Measure, Remark, Result, undefined
from detectors.transparency.faithfulness import Faithfulness, faithfulness
from detectors.transparency.masks import LEAST, Drawn, Gradients, Scored
from detectors.transparency.methods import BY_GRADIENTS, Attribution, AttributionMethod, attribute

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
_RENAMED = {"lds": "value", "gold_first_share": "source_first"}
"""Measure -> its column of the evidence, where that is called otherwise."""
_OF_GRADIENTS = ("token_sources", *BY_GRADIENTS, *(f"{method}_ends" for method in BY_GRADIENTS))
_SHOWN = ("weights", "weight_low", "weight_high", "predicted", "actual")
_UNSCORED = (np.nan,) * (len(Faithfulness._fields) + 1)


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
    Of a method by gradients there is a column of its name (nats of every token of a source, or null), one with `_ends`
    behind it (log p of the answer, and where the sources say nothing), and `token_sources` (the source of each token).
    `items` of the result: a row a question with weights, what they move in, and the columns of each measure.
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
        if method in BY_GRADIENTS:
            measures.append(own.nats("completeness_gap", method, group, "lower is better", least=0))
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
    nats = [nan if one is None else float(one) for one in row["log_prob"]]
    known = {mask: one for mask, one in zip(row["masks"], nats, strict=True) if isfinite(one)}
    orders = tuple(tuple(int(place) for place in order.split(",")) for order in row["orders"])
    drawn, size = Drawn(tuple(row["fitted"]), tuple(row["held_out"]), orders), len(row["fitted"][0])
    if not {*drawn.fitted, *drawn.held_out, "1" * size, "0" * size} <= set(known):
        return None
    return Scored(size, int(row["tokens"]), known, drawn, dict(_gradients(row, size)))


def _gradients(row: Mapping[Any, Any], sources: int) -> Iterator[tuple[str, Gradients]]:
    """Yield what each method by gradients says of a question, where one was asked."""
    for method in BY_GRADIENTS:
        if row.get(method) is not None:
            nats, (here, nothing) = np.asarray(row[method], dtype=float), row[f"{method}_ends"]
            sums = np.bincount(np.asarray(row["token_sources"], dtype=int), nats, sources).astype(float)
            yield method, Gradients(sums, float(here - nothing))


class _Told(NamedTuple):
    """What a method says of the questions that could be asked."""

    columns: Mapping[str, Floats]
    """Measure -> its value [question], NaN where a question has none."""
    found: Sequence[Attribution | None]
    """Weights [question]; None where it was not scored."""


@immutable
class _Questions:
    """The questions of one role."""

    observed: pd.DataFrame
    methods: Sequence[AttributionMethod]
    top: int
    level: float
    rng: np.random.Generator

    @cached_property
    def asked(self) -> pd.DataFrame:
        """Questions that could be asked."""
        return self.observed[self.observed["not_asked"].isna()]

    @cached_property
    def scored(self) -> Sequence[Scored | None]:
        """Each of them as it was observed."""
        columns = ["tokens", "masks", "log_prob", "fitted", "held_out", "orders"]
        columns += [name for name in _OF_GRADIENTS if name in self.asked]
        rows = zip(*(self.asked[name] for name in columns), strict=True)
        return [scored_of(dict(zip(columns, row, strict=True))) for row in rows]

    @cached_property
    def told(self) -> Mapping[str, _Told]:
        """Method -> what it says of each of them."""
        return {method: self._told(method) for method in self.methods}

    def _told(self, method: AttributionMethod) -> _Told:
        known = [one for one in self.scored if one is not None]
        weighed = iter(attribute(method, known, self.rng))
        found = [None if one is None else next(weighed) for one in self.scored]
        rows = np.array([
            _UNSCORED if one is None or each is None else (*faithfulness(one, each, self.top), _gold_first(each, gold))
            for one, each, gold in zip(self.scored, found, self.asked["gold"], strict=True)
        ]).reshape(-1, len(_UNSCORED))
        columns = dict(zip((*Faithfulness._fields, "gold_first_share"), rows.T, strict=True))
        if method in BY_GRADIENTS:
            columns["completeness_gap"] = np.array([
                one.gradients[method].gap if one is not None and method in one.gradients else nan for one in self.scored
            ])
        return _Told(columns, found)

    @cached_property
    def with_gold(self) -> NDArray[np.bool_]:
        """Tell which of them say which source holds the answer."""
        return self.asked["gold"].notna().to_numpy()

    @cached_property
    def enough(self) -> NDArray[np.bool_]:
        """Tell which of them have sources enough that masks can be held out."""
        return np.array([len(sources) >= LEAST for sources in self.asked["context"]], dtype=bool)

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """Return the independent unit of every one of them, as its place among the units."""
        return places_in_order(units_of(self.asked))

    @cached_property
    def chance(self) -> float | None:
        """How often a source by lot holds the answer; None where no question says which does."""
        rows = self.asked[self.with_gold]
        shares = [len(gold) / len(all_of) for gold, all_of in zip(rows["gold"], rows["context"], strict=True)]
        return float(_of_units(np.array(shares), self.units[self.with_gold]).mean()) if shares else None

    def of_method(self, method: AttributionMethod, group: str | None) -> Iterator[Measure]:
        """Yield the measures of a method, `lds` first."""
        for name in _BOUNDED:
            yield self.mean(name, method, group)
            if name == "lds":
                yield self.nats("top_drop", method, group, "higher is better")

    def mean(self, column: str, method: str, group: str | None, name: str | None = None) -> Measure:
        """Return the mean of a column of a method over units."""
        about = {"gold_first_share": self.with_gold, "lds": self.enough}.get(column, np.ones(len(self.asked), bool))
        low, high, unit, direction = _BOUNDED[column]
        reason = (_TOO_FEW if column == "lds" else _NO_GOLD) if not about.any() else _NONE_SCORED
        if column == "lds" and any(one is not None and wanted for one, wanted in zip(self.scored, about, strict=True)):
            reason = _CONSTANT
        values = self.told[method].columns[column]
        return self._mean(name or column, values, about, (low, high), unit, direction, reason, group)

    def _mean(
        self, name: str, values: Floats, about: NDArray[np.bool_], ends: tuple[float, float], unit: str,
        direction: Direction, reason: Cause, group: str | None = None,
    ) -> Measure:
        """Return the mean of the values it is about, within ends; NaN counts as an answer that was missing."""
        told = values[about]
        if np.isnan(told).all():
            return _nothing(name, reason, self.level, group, unit, direction, missing=len(told))
        low, high = ends
        one = mean_over_units(
            (told - low) / (high - low), self.units[about],
            level=self.level, rng=self.rng, binary=name.endswith("_share"),
        )
        value, least, most = (low + (high - low) * number for number in (one.value, one.low, one.high))
        return Measure(
            name=name, group=group, value=value, low=min(least, value), high=max(most, value), n=one.n, unit=unit,
            direction=direction, level=self.level, method=one.method, missing=one.missing,
        )

    def nats(
        self, name: str, method: str, group: str | None, direction: Direction, *, least: float = -np.inf
    ) -> Measure:
        """Return the mean of nats, bounded by no more than `least`: an approximate interval, or none."""
        values = self.told[method].columns[name]
        there = ~np.isnan(values)
        if not there.any():
            return _nothing(name, _NONE_SCORED, self.level, group, "nats", direction, missing=len(values))
        by_unit = _of_units(values[there], self.units[there])
        facts: dict[str, Any] = {
            "name": name, "group": group, "n": {"items": int(there.sum()), "units": len(by_unit)},
            "unit": "nats", "direction": direction, "level": self.level,
        }  # fmt: skip
        told: dict[str, Any] = {"value": float(by_unit.mean()), "method": NONE}
        if len(by_unit) >= 2 and np.ptp(by_unit) > _SAME:
            sums = np.column_stack([by_unit, np.ones(len(by_unit))])
            value, *ends = cluster_bootstrap(lambda t: t[..., 0] / t[..., 1], sums, level=self.level, rng=self.rng)
            if np.isfinite(ends).all():
                told = {"value": value, "low": max(ends[0], least), "high": ends[1], **CLUSTER_BOOTSTRAP.facts}
        return Measure(**told, **facts).lacking(int((~there).sum()))

    def known(self, name: str, value: float | None, reason: Cause) -> Measure:
        """Return a share that the data alone tell."""
        if value is None:
            return _nothing(name, reason, self.level, direction="neither")
        return Measure(
            name=name, value=value, low=value, high=value, n={"items": int(self.with_gold.sum())},
            unit="share", direction="neither", level=self.level, method=_KNOWN,
        )

    @cached_property
    def drops(self) -> Floats:
        """By how many nats log p falls without any source [question]; NaN where it is not known."""
        return np.array([np.nan if one is None else one.whole - one.none for one in self.scored])

    def from_memory(self, memory: float) -> Measure:
        """Return the share of answers that are as likely, or nearly, without any source."""
        share, all_of = np.where(np.isnan(self.drops), np.nan, self.drops < memory), np.ones(len(self.asked), bool)
        return self._mean("memory_share", share, all_of, (0, 1), "share", "lower is better", _NONE_SCORED)

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
            left = questions.observed[questions.observed["not_asked"].notna()]
            parts.append(_rows(questions, role, memory))
            parts += [left[["prompt", "context", "not_asked"]].assign(role=role)] if len(left) else []
    return pd.concat([part for part in parts if len(part)] or parts[:1])


def _rows(questions: _Questions, role: str, memory: float) -> pd.DataFrame:
    """Return what is shown of every question that was asked, by the first method."""
    columns, found = questions.told[questions.methods[0]]
    shown = [_weights_of(one, each) for one, each in zip(questions.scored, found, strict=True)]
    lists = {name: _cells(one.get(name) for one in shown) for name in _SHOWN}
    tops = [
        texts[int(np.argmax(one["weights"]))] if any(one.get("weights", ())) else None
        for one, texts in zip(shown, questions.asked["context"], strict=True)
    ]
    unknown = np.isnan(questions.drops)
    return pd.DataFrame({
        **{name: questions.asked[name] for name in ("prompt", "answer", "context", "gold", "unit")}, "role": role,
        **{_RENAMED.get(name, name): values for name, values in columns.items()},
        "weight": -columns["lds"] if role == "items" else np.nan, "memory_drop": questions.drops,
        "from_memory": np.where(unknown, np.nan, (questions.drops < memory).astype(object)),
        **lists, "top_source": _cells(tops), "no_answer": np.array([one is None for one in questions.scored], bool),
    }, questions.asked.index)  # fmt: skip


def _cells(values: Iterable[Any]) -> NDArray[np.object_]:
    """Return values of any kind, lists too, as the cells of a column."""
    rows = list(values)
    cells = np.empty(len(rows), dtype=object)
    cells[:] = rows
    return cells


def _of_units(values: Floats, units: NDArray[np.int64]) -> Floats:
    """Return the mean of each unit that is there, in their order."""
    sizes = np.bincount(units)
    return np.asarray(np.bincount(units, weights=values)[sizes > 0] / sizes[sizes > 0])


def _weights_of(question: Scored | None, found: Attribution | None) -> dict[str, list[float]]:
    """Return the weights, what they move in, and the predicted and actual log p of held-out masks."""
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
    few = int((~own.enough).sum())
    if few:
        yield Remark("too_few_sources", {"count": float(few), "least": float(LEAST)})
    first = own.told[own.methods[0]].found
    silent = sum(one is not None and not np.any(one.weights) for one in first)
    if silent:
        yield Remark("no_source_told", {"count": float(silent)})
