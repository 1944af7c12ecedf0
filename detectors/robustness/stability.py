"""How often a change turns a model's answer, by kind and strength, and under which it turns most often.

    flip rate of change g       r_g = mean over units of its flips, of the items that g did change
    worst flip rate             max over g of r_g
        low   = the highest low end of an r_g at 1 - (1 - level) / changes       as g was chosen for being high
        high  = the highest high end of an r_g at `level`                        as the true worst is one of them
    excess flip rate            r_g less the flips of asking the same once more, paired by item
    accuracy drop               right as it is, less right when changed, paired by item
    confidence drop             what the answer as it is is given, less what it is given when the item is changed

All of a group hold at once (Bonferroni). An item that a change leaves as it is counts neither way: it is told in
`unchanged_share`. One that was asked and gave no answer bounds what it belongs to both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, objects, units_of
from detectors.immutable import immutable
from detectors.intervals import CLUSTER_BOOTSTRAP, cluster_bootstrap, mean_over_units
from detectors.phrases import Cause, Method
from detectors.result import COUNT, NONE, Direction, Measure, Remark, Result, counted, undefined
from detectors.robustness.kinds import AGAIN, KEEPS_MEANING, group_of

__all__ = ["answer_stability", "likelihood_stability"]

_KNOWN = Method("known from the items")
_NOTHING = Cause("no change of this kind changed an item that was answered")
_NO_KIND = Cause("no kind of change was asked for that keeps the meaning by construction")
_BETTER_LOW: Direction = "lower is better"


def answer_stability(
    items: pd.DataFrame, changes: pd.DataFrame, *, level: float, rng: np.random.Generator, kept: bool = True
) -> Result:
    """Return how often answers flip; see above.

    items: one row an item, indexed by id, with `correctness` (which share of the answer as it is is right, NaN = not
    known) and, where there are such, `not_asked` (why, or null) and `unit`. changes: rows of
    `detectors.robustness.answers`, of asked items. kept: whether `worst_kept_flip_rate` is told, the worst of those
    kinds that keep the meaning by construction.

    Measures: `worst_flip_rate` (headline), `worst_kept_flip_rate`, `flip_rate` of all changes of an item together,
    `worst_excess_flip_rate` and `noise_flip_rate` where items were asked once more, `accuracy` and
    `worst_accuracy_drop` where something is known to be right, `unchanged_share`, `not_asked`; then of each change
    `flip_rate`, `excess_flip_rate`, `accuracy_perturbed`, `accuracy_drop`, `confidence_drop` and, where it left items
    as they are, `unchanged_share`. Items: `flip_share` (of its changes, those that flip the answer), which counts
    against the model where it is not 0, and `flipped_under`. table: a row for each change.
    """
    judge = _Judge(_evidence(items, changes, "flip_share"), changes, level, rng)
    flips = judge.of_each("flip_rate", "flip", _BETTER_LOW)
    measures = [judge.worst("worst_flip_rate", flips, _NOTHING)]
    if kept:
        measures.append(judge.worst_kept(flips))
    measures.append(judge.of_items("flip_rate", "flip_share", _BETTER_LOW))
    excess = judge.of_each("excess_flip_rate", "excess", _BETTER_LOW, half=True) if judge.again else []
    if judge.again:
        measures += [judge.worst("worst_excess_flip_rate", excess, _NOTHING), judge.noise()]
    lost, still = judge.accuracies()
    if still:
        measures += [
            judge.of_items("accuracy", "correctness", "higher is better"),
            judge.worst("worst_accuracy_drop", lost, _NOTHING),
        ]
    whole, *each = judge.unchanged()
    shown = (one.joint for one in (*flips, *excess, *still, *lost, *judge.confidence()))
    measures += [whole, *judge.not_asked(), *shown, *each]
    return Result(tuple(measures), judge.items, judge.table(), tuple(_remarks(flips)))


def likelihood_stability(
    items: pd.DataFrame, changes: pd.DataFrame, *, level: float, rng: np.random.Generator
) -> Result:
    """Return by how many nats log-probabilities fall; arguments as in `answer_stability`, `drop` in nats.

    A likelihood of 0 falls without bound: it counts as a fall, and as missing where nats are averaged.

    Measures: `largest_log_prob_drop` (headline), `worst_fall_share`, `unchanged_share`, `not_asked`; then of each
    change `log_prob_drop` (approximate) and `fall_share`, the share of items that the change makes less likely. A
    likelihood may well fall where an image is spoilt, so neither has a good direction by itself. Items: `fall_share`
    (of its changes, those that make it less likely). table: a row for each change.
    """
    changes = changes.assign(flip=_falls(changes["drop"]))
    judge = _Judge(_evidence(items, changes, "fall_share"), changes, level, rng)
    drops = [judge.nats(change, rows) for change, rows in judge.rows.items()]
    falls = judge.of_each("fall_share", "flip", "neither")
    whole, *each = judge.unchanged()
    measures = (
        _largest(drops, judge), judge.worst("worst_fall_share", falls, _NOTHING), whole, *judge.not_asked(), *drops,
        *(one.joint for one in falls), *each,
    )
    told = judge.items.drop(columns=["against", "weight", "flipped_under"])
    return Result(measures, told, judge.table())


def _remarks(flips: Sequence[_Change]) -> Iterator[Remark]:
    """Yield which change flips most, where it surely flips some."""
    there = [one.joint for one in flips if one.joint.value is not None]
    worst = max(there, key=lambda one: one.value or 0.0, default=None)
    if worst is not None and worst.low and worst.value:
        yield Remark("worst_change", {"group": str(worst.group), "flip_share": worst.value})


def _falls(drops: pd.Series[Any]) -> pd.Series[Any]:
    """Return 1 for what falls, 0 for what rises, a half for neither; NaN where there is no drop."""
    signs = np.sign(drops.to_numpy(float))
    return pd.Series((signs + 1) / 2, drops.index)


def _evidence(items: pd.DataFrame, changes: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the items with the share `name` of their changes that flip, `flipped_under`, `no_answer`, `against`,
    `weight`.
    """
    rows = changes[((changes["kind"] != AGAIN) & changes["changed"]).to_numpy(bool)]
    by_item = rows.groupby("item", sort=False)["flip"]
    value = by_item.mean().where(by_item.count() == by_item.size()).reindex(items.index).astype(float)
    flipped = rows[rows["flip"] > 0]
    turned: dict[Any, list[str]] = {}
    for item, kind, strength in flipped[["item", "kind", "strength"]].itertuples(index=False):
        turned.setdefault(item, []).append(group_of(kind, strength))
    found = items.assign(
        **{name: value},
        flipped_under=objects([turned.get(one) for one in items.index], items.index),
        no_answer=items.index.isin(rows["item"]) & value.isna().to_numpy(),
        against=(value > 0).astype("boolean").where(value.notna()), weight=value,
    )
    if "unit" in found and found["unit"].notna().any():
        found["unit"] = units_of(items)
    return found


@immutable
class _Change:
    """The mean of one change."""

    joint: Measure
    """In an interval that holds for all changes at once."""
    alone: Measure
    """In an interval of its own."""


@immutable
class _Judge:
    """Makes the measures; a change is known by its name, and stands for the rows of the items that it did change."""

    items: pd.DataFrame
    changes: pd.DataFrame
    level: float
    rng: np.random.Generator

    @cached_property
    def names(self) -> NDArray[np.object_]:
        """What each row is called [row]."""
        pairs = list(zip(self.changes["kind"], self.changes["strength"], strict=True))
        named = {pair: AGAIN if pair[0] == AGAIN else group_of(*pair) for pair in dict.fromkeys(pairs)}
        return np.array([named[pair] for pair in pairs], dtype=object)

    @cached_property
    def item(self) -> NDArray[np.intp]:
        """Place of each row's item [row]."""
        return np.asarray(self.items.index.get_indexer(pd.Index(self.changes["item"])))

    @cached_property
    def unit(self) -> NDArray[np.intp]:
        """Number of each item's unit [item]."""
        return np.asarray(pd.factorize(units_of(self.items))[0])

    @cached_property
    def changed(self) -> NDArray[np.bool_]:
        return self.changes["changed"].to_numpy(bool)

    @cached_property
    def again(self) -> list[int]:
        """Rows of items asked once more."""
        return np.flatnonzero(self.names == AGAIN).tolist()

    @cached_property
    def of_change(self) -> dict[str, NDArray[np.intp]]:
        """Change -> all its rows, in the order in which changes come."""
        return {name: np.flatnonzero(self.names == name) for name in dict.fromkeys(self.names) if name != AGAIN}

    @cached_property
    def rows(self) -> dict[str, NDArray[np.intp]]:
        """Change -> the rows of the items that it did change; without such that changed none."""
        found = {name: rows[self.changed[rows]] for name, rows in self.of_change.items()}
        return {name: rows for name, rows in found.items() if len(rows)}

    @cached_property
    def numbers(self) -> dict[str, Floats]:
        """What each row says: `flip`, `drop`, `right`, `excess` over asking again, `lost` of what was right [row]."""
        told = {name: self.changes[name].to_numpy(float) for name in ("flip", "drop", "right")}
        size = len(self.items)
        counts, flips = (
            np.bincount(self.item[self.again], weights=by, minlength=size)
            for by in (None, told["flip"][self.again])
        )
        noise = np.divide(flips, counts, out=np.full(size, np.nan), where=counts > 0)
        before = self.items["correctness"].to_numpy(float) if "correctness" in self.items else np.full(size, np.nan)
        return told | {"excess": told["flip"] - noise[self.item], "lost": before[self.item] - told["right"]}

    @cached_property
    def strict(self) -> float:
        """Level of one change where all hold at once."""
        return 1 - (1 - self.level) / max(1, len(self.of_change))

    def keeps(self, change: str) -> bool:
        """Tell whether a change keeps the meaning by construction."""
        return change.partition(" ")[0] in KEEPS_MEANING

    def mean(
        self, name: str, values: Floats, items: NDArray[np.intp], direction: Direction, *, group: str | None = None,
        level: float | None = None, half: bool = False, binary: bool = True,
    ) -> Measure:
        """Return the mean over units of values [row] of items [row]; half: they lie in [-1, 1].

        level: of the interval where it is not that of the measure; binary: values are 0 or 1 by what they are.
        """
        missing = int(np.isnan(values).sum())
        told: dict[str, Any] = {"unit": "share", "direction": direction, "level": self.level, "group": group}
        if missing == len(values):
            return undefined(name, _NOTHING, n={"items": 0, "units": 0}, missing=missing, **told)
        found = mean_over_units(
            (1 + values) / 2 if half else values, self.unit[items], level=level or self.level, rng=self.rng,
            binary=binary and not half,
        )
        ends = (found.low, found.value, found.high)
        low, value, high = (2 * one - 1 for one in ends) if half else ends
        method = Method("{method}, of paired differences", method=found.method) if half else found.method
        return Measure(
            name=name, value=value, low=min(low, value), high=max(high, value), n=found.n, method=method,
            missing=found.missing, **told,
        )

    def of_each(
        self, name: str, column: str, direction: Direction, *, half: bool = False,
        among: NDArray[np.bool_] | None = None,
    ) -> list[_Change]:
        """Return the mean of a column of `numbers` of each change; among: the items that are spoken of [item]."""
        found = []
        for change, every in self.rows.items():
            rows = every if among is None else every[among[self.item[every]]]
            given: dict[str, Any] = {"group": change, "half": half}
            values, items = self.numbers[column][rows], self.item[rows]
            joint = self.mean(name, values, items, direction, level=self.strict, **given)
            found.append(_Change(
                _at_once(joint, len(self.of_change)), self.mean(name, values, items, direction, **given)
            ))  # fmt: skip
        return found

    def worst(self, name: str, each: Sequence[_Change], cause: Cause) -> Measure:
        """Return the largest mean of these changes, whichever has it."""
        direction: Direction = each[0].joint.direction if each else _BETTER_LOW
        told: dict[str, Any] = {"unit": "share", "direction": direction, "level": self.level}
        told["missing"] = max((one.joint.missing for one in each), default=0)
        lows = [one.joint.low for one in each if one.joint.low is not None]
        highs = [one.alone.high for one in each if one.alone.high is not None]
        if not lows:
            return undefined(name, cause, n={"items": 0, "units": 0}, **told)
        top = max((one.alone for one in each if one.alone.value is not None), key=lambda one: one.value or 0.0)
        method = _worst_of(top.method, len(lows))
        if any(one.alone.value is None and one.alone.missing for one in each):
            highs.append(1.0)  # of a change under which no answer came
        return Measure(name=name, value=top.value, low=max(lows), high=max(highs), n=top.n, method=method, **told)

    def worst_kept(self, flips: Sequence[_Change]) -> Measure:
        """Return the worst of the changes that keep the meaning by construction."""
        kept = [one for one in flips if self.keeps(str(one.joint.group))]
        return self.worst("worst_kept_flip_rate", kept, _NOTHING if kept else _NO_KIND)

    def confidence(self) -> list[_Change]:
        """Return by how much each change lowers the confidence in the answer, where that is told."""
        if np.isnan(self.numbers["drop"]).all():
            return []
        return self.of_each("confidence_drop", "drop", _BETTER_LOW, half=True)

    def noise(self) -> Measure:
        """Return how often asking the same once more gives another answer."""
        return self.mean("noise_flip_rate", self.numbers["flip"][self.again], self.item[self.again], "neither")

    def accuracies(self) -> tuple[list[_Change], list[_Change]]:
        """Return of each change what is no longer right, and what still is; nothing where nothing is known to be."""
        if self.items["correctness"].isna().all():
            return [], []
        known = (self.items["correctness"].notna() | self.items["no_answer"]).to_numpy(bool)
        return (
            self.of_each("accuracy_drop", "lost", _BETTER_LOW, half=True, among=known),
            self.of_each("accuracy_perturbed", "right", "higher is better", among=known),
        )

    def of_items(self, name: str, column: str, direction: Direction) -> Measure:
        """Return the mean over units of a column of the items."""
        places = np.flatnonzero(counted(self.items, column))
        values = self.items[column].to_numpy(float)[places]
        found = self.mean(name, values, places, direction, binary=column == "correctness")
        if found.value is None:
            return found
        units = "unit" in self.items and bool(self.items["unit"].notna().any())
        return replace(found, mean_of=column, unit_of="unit" if units else None)

    def unchanged(self) -> Iterator[Measure]:
        """Yield which share of (item, change) was left as it is, then of each change that left some."""
        every = np.flatnonzero(self.names != AGAIN)
        yield self._left(None, every)
        for change, rows in self.of_change.items():
            if not self.changed[rows].all():
                yield self._left(change, rows)

    def _left(self, group: str | None, rows: NDArray[np.intp]) -> Measure:
        n = {"items": len(np.unique(self.item[rows])), "units": len(np.unique(self.unit[self.item[rows]]))}
        told: dict[str, Any] = {"unit": "share", "direction": "neither", "level": self.level, "group": group, "n": n}
        if not len(rows):
            return undefined("unchanged_share", _NOTHING, **told)
        share = float(1 - self.changed[rows].mean())
        return Measure(name="unchanged_share", value=share, low=share, high=share, method=_KNOWN, **told)

    def not_asked(self) -> Iterator[Measure]:
        """Yield how many items lack what asking needs, where that can be."""
        if "not_asked" not in self.items:
            return
        count = float(self.items["not_asked"].notna().sum())
        yield Measure(
            name="not_asked", value=count, low=count, high=count, n={"items": len(self.items)}, unit="count",
            direction=_BETTER_LOW, level=self.level, method=COUNT,
        )

    def nats(self, change: str, rows: NDArray[np.intp]) -> Measure:
        """Return by how many nats a change makes items less likely."""
        values, units = self.numbers["drop"][rows], self.unit[self.item[rows]]
        there = np.isfinite(values)
        missing = int((~there).sum())
        means = pd.Series(values[there]).groupby(units[there]).mean().to_numpy(float)
        n = {"items": int(there.sum()), "units": len(means)}
        told: dict[str, Any] = {
            "unit": "nats", "level": self.level, "group": change, "direction": "neither", "n": n, "missing": missing
        }
        if not len(means):
            return undefined("log_prob_drop", _NOTHING, **told)
        if len(means) < 2 or np.ptp(means) <= 1e-9 * np.abs(means).max():
            return Measure(name="log_prob_drop", value=float(means.mean()), method=NONE, **told)
        sums = np.stack([means, np.ones(len(means))], axis=1)
        value, low, high = cluster_bootstrap(lambda s: s[..., 0] / s[..., 1], sums, level=self.strict, rng=self.rng)
        found = Measure(
            name="log_prob_drop", value=value, low=low, high=high, **told, **CLUSTER_BOOTSTRAP.facts
        )
        return _at_once(found.lacking(missing), len(self.of_change))

    def table(self) -> pd.DataFrame:
        """Return a row for each change: whether it keeps the meaning, items, those left as they are, and flips."""
        return pd.DataFrame({
            "change": [*self.of_change],
            "keeps_meaning": [self.keeps(change) for change in self.of_change],
            "items": [len(rows) for rows in self.of_change.values()],
            "unchanged": [int((~self.changed[rows]).sum()) for rows in self.of_change.values()],
            "flips": [float(np.nansum(self.numbers["flip"][rows])) for rows in self.of_change.values()],
        })  # fmt: skip


def _at_once(one: Measure, count: int) -> Measure:
    """Return a measure whose interval is one of several that hold together."""
    if one.value is None or one.low is None or count == 1:
        return one
    return replace(one, method=Method("{method}; all changes at once (Bonferroni)", method=one.method))


def _worst_of(method: Method, count: int) -> Method:
    return method if count == 1 else Method("largest of {count} changes: {method}", count=count, method=method)


def _largest(drops: Sequence[Measure], judge: _Judge) -> Measure:
    """Return the largest drop in nats, whichever change has it."""
    there = [one for one in drops if one.value is not None]
    missing = max((one.missing for one in drops), default=0)
    told: dict[str, Any] = {"unit": "nats", "direction": "neither", "level": judge.level, "missing": missing}
    if not there:
        return undefined("largest_log_prob_drop", _NOTHING, n={"items": 0, "units": 0}, **told)
    top = max(there, key=lambda one: one.value or 0.0)
    told |= {"name": "largest_log_prob_drop", "value": top.value, "n": top.n}
    lows, highs = ([getattr(one, end) for one in there] for end in ("low", "high"))
    if missing or None in lows:
        return Measure(method=NONE, **told)
    facts = {**CLUSTER_BOOTSTRAP.facts, "method": _worst_of(CLUSTER_BOOTSTRAP.method, len(there))}
    return Measure(low=max(lows), high=max(highs), **told, **facts)
