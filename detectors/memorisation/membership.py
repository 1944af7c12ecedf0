"""Can single items that a model was trained on be told from items that it never saw, by what it says of them?

    membership_auroc    P(a member scores above a non-member), ties half; one half is a model that tells nothing
    tpr_at_1_percent    share of members above the threshold that 1 % of non-members exceed; the same at 0.1 %
    members_found       share of members that stand out one by one, at a false discovery rate (`found`)
    blind_auroc         what a classifier reaches that never asks the model: the gate

Where the gate does not hold (`blind`), or has too few items to tell, no other number is given: it would be true of the
two sets and say nothing about the model. One score is judged, chosen before anything was asked; the others stand
beside it, and none is called the best.

Items that stand on both sides are labelled wrongly on one of them: they are counted and left out of both. Items without
a score (no element scored, a likelihood that is no finite number) are counted, and every interval holds whatever they
would have been.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import (
    FIELDS,
    Floats,
    Items,
    field_of,
    items_of,
    joined,
    objects,
    one_of_each,
    places_in_order,
    units_of,
)
from detectors.conformal import calibration_needed, p_values
from detectors.health import score_problem, ties_problem
from detectors.immutable import immutable
from detectors.memorisation.blind import BLIND_METHOD, GATE_LEVEL, LEAST_UNITS, Blind, days_of, look_blind
from detectors.memorisation.exposure import FOUND
from detectors.memorisation.found import found_together, members_found, nonmembers_for
from detectors.memorisation.operating import TPR_METHOD, nonmembers_needed, tpr_at
from detectors.memorisation.scores import membership_scores
from detectors.phrases import Cause, Method
from detectors.ranking import Ranking, ranked
from detectors.result import COUNT, Measure, Remark, Result, undefined

__all__ = ["RATES", "membership"]

RATES: Mapping[str, float] = {"tpr_at_1_percent": 0.01, "tpr_at_0_1_percent": 0.001}
"""Measure -> rate of false alarms."""
_SIDES = {"items": "members", "nonmembers": "nonmembers"}
"""Role of the data -> what its items are called in the evidence."""
_NAMED = 3
"""Telling features that the remark names."""


def membership(
    observed: Mapping[str, pd.DataFrame], *, score: str, level: float, rng: np.random.Generator, fdr: float = 0.05
) -> Result:
    """Return how well members, the role `items`, are told from `nonmembers`.

    observed: of both roles a frame indexed by item id with the columns that `scores.membership_scores` wants, where
    known `unit` and `date` (`blind.days_of`), and `likelihood`, what log p is. score: the one that is judged; it is
    undefined where the answers do not give it. fdr: rate of false discoveries among the members that are found.

    Measures, in this order: `membership_auroc`, `tpr_at_1_percent` and `tpr_at_0_1_percent` of the judged score, the
    same by group of every other score where the gate holds, `members_found`, `blind_auroc`, `in_both`. Items: members,
    the highest score first, then non-members; their scores, `blind` (of the classifier), and, where the gate holds, the
    `p_value` of members and whether they speak `against` the model: those above the threshold that 1 % of non-members
    exceed. Table: the features that tell most without the model. Remarks: what the gate says, how many members must
    stand out together to be found, what stands on both sides, and whether log p is a bound.
    Raises ValueError for items of several kinds or shapes.
    """
    seen = _Seen.of(observed)
    judge = _Judge(seen, score, level, rng, fdr)
    return Result(
        tuple(judge.measures()), items=judge.evidence(), table=None if judge.blind is None else judge.blind.telling,
        remarks=tuple(judge.remarks()),
    )


@immutable
class _Seen:
    """Items of both sides, one behind the other, those on both sides left out."""

    frame: pd.DataFrame
    items: Items
    field: str
    member: NDArray[np.bool_]
    units: NDArray[np.int64]
    """The independent unit of each item [item], by its place among all."""
    scores: pd.DataFrame
    """[item, score]; NaN where an item has none."""
    both: pd.DataFrame
    """Members that stand among the non-members too."""

    @classmethod
    def of(cls, observed: Mapping[str, pd.DataFrame]) -> _Seen:
        frames = {side: observed[role] for role, side in _SIDES.items()}
        keys = {side: list(_keys(frame)) for side, frame in frames.items()}
        common = set(keys["members"]).intersection(keys["nonmembers"])
        shared = {side: np.array([key in common for key in told], dtype=bool) for side, told in keys.items()}
        kept = {side: frame[~shared[side]] for side, frame in frames.items()}
        whole = pd.concat(kept.values())
        member = np.repeat([True, False], [len(frame) for frame in kept.values()])
        items = joined([items_of(frame) for frame in kept.values() if len(frame)] or [[]])
        both, units = frames["members"][shared["members"]], places_in_order(units_of(whole))
        return cls(whole, items, field_of(observed["items"]), member, units, membership_scores(whole), both)

    def count(self, *, member: bool, among: NDArray[np.bool_] | bool = True) -> int:
        """Return the independent units of one side, among some items [item]."""
        return np.unique(self.units[(self.member == member) & among]).size


@immutable
class _Judge:
    """Makes measures and words of what was seen."""

    seen: _Seen
    score: str
    level: float
    rng: np.random.Generator
    fdr: float

    @cached_property
    def blind(self) -> Blind | None:
        """What the items alone tell; None where there are too few."""
        if min(self.seen.count(member=side) for side in (True, False)) < LEAST_UNITS:
            return None
        seen = self.seen
        days = days_of(seen.frame["date"].to_list()) if "date" in seen.frame else None
        return look_blind(seen.items, seen.field, seen.member, seen.units, rng=self.rng, days=days)

    @cached_property
    def closed(self) -> Cause | None:
        """Why no score of the model is told; None where the gate holds."""
        if self.blind is None:
            few = (
                "{members} independent members and {nonmembers} non-members are too few to look whether they differ "
                "without the model; {least} of each would do"
            )
            counts = {name: self.seen.count(member=name == "members") for name in _SIDES.values()}
            return Cause(few, **counts, least=LEAST_UNITS)
        if not self.blind.tells:
            return None
        value, low, _ = self.blind.interval()
        told = (
            "members and non-members can be told apart without the model (blind AUROC {value}, at least {low} with "
            "{level} % confidence)"
        )
        return Cause(told, value=f"{value:.2f}", low=f"{low:.2f}", level=f"{100 * GATE_LEVEL:g}")

    def measures(self) -> Iterator[Measure]:
        """Yield the measures, headline first."""
        others = [] if self.closed else [str(name) for name in self.seen.scores if name != self.score]
        named: list[tuple[str, str | None]] = [(self.score, None), *((other, other) for other in others)]
        for name, group in named:
            yield self._auroc(name, group)
            yield from (self._tpr(measure, name, group) for measure in RATES)
        yield self._found()
        yield self._blind_auroc()
        count = len(self.seen.both)
        yield Measure(
            name="in_both", value=count, low=count, high=count, n={"items": len(self.seen.frame) + count},
            unit="count", direction="lower is better", level=self.level, method=COUNT,
        )

    def _auroc(self, score: str, group: str | None) -> Measure:
        if (why := self._problems.get(score, _NOT_GIVEN)) is not None:
            return self._none("membership_auroc", "score", why, score, group)
        values = self.seen.scores[score].to_numpy()
        missing = int(np.isnan(values).sum())
        found = self._whole if not missing else self._ranking((score,), values[:, None], ~np.isnan(values))
        one = replace(
            found.auroc(score, name="membership_auroc", level=self.level, group=group), direction="lower is better",
            auroc_of=(("nonmembers", score), ("members", score)), missing=missing,
        )
        if not missing:
            return one
        lowest, highest = (
            self._ranking((score,), self._at_worst(values, lowest=side)[:, None]).interval(score, self.level)
            for side in (True, False)
        )
        method = Method("{method}, items without a score at their worst", method=one.method)
        return replace(one, low=min(lowest[1], one.low or 0.0), high=max(highest[2], one.high or 1.0), method=method)

    @cached_property
    def _whole(self) -> Ranking:
        """The ranking by all scores that every item has."""
        whole = self.seen.scores.dropna(axis=1)
        return self._ranking(tuple(map(str, whole)), whole.to_numpy())

    def _ranking(
        self, names: tuple[str, ...], scores: Floats, kept: NDArray[np.bool_] | slice = slice(None)
    ) -> Ranking:
        member, units, told = self.seen.member[kept], self.seen.units[kept], scores[kept]
        return ranked(names, told[~member], told[member], (units[~member], units[member]))

    def _at_worst(self, values: Floats, *, lowest: bool) -> Floats:
        """Return values [item] with those that lack so that the AUROC is as low, or as high, as it could be."""
        low, high = np.nanmin(values) - 1, np.nanmax(values) + 1
        filled = np.where(self.seen.member == lowest, low, high)
        return np.where(np.isnan(values), filled, values)

    def _tpr(self, measure: str, score: str, group: str | None) -> Measure:
        why = self._problems.get(score, _NOT_GIVEN)
        rate = RATES[measure]
        drawn = self._one_of_each
        values, member = np.empty(0) if why else self.seen.scores[score].to_numpy(), self.seen.member
        known = 0 if why else int(np.isfinite(values[drawn & ~member]).sum())
        if why is None and known < nonmembers_needed(rate):
            few = "{known} independent non-members are too few for {rate} % of false alarms; {needed} would do"
            why = Cause(few, known=known, rate=f"{100 * rate:g}", needed=nonmembers_needed(rate))
        if why is not None:
            return self._none(measure, "share", why, score, group)
        value, low, high = tpr_at(rate, values[drawn & ~member], values[drawn & member], self.level)
        missing = int(np.isnan(values[drawn]).sum())
        return Measure(
            name=measure, group=group, value=value, low=low, high=high, unit="share", direction="lower is better",
            n={"items": int(drawn.sum()) - missing, "units": min(int((drawn & member).sum()), known)},
            level=self.level, method=TPR_METHOD, missing=missing,
        )

    def _found(self) -> Measure:
        why, known, asked = self._problems.get(self.score, _NOT_GIVEN), np.empty(0), np.empty(0)
        if why is None:
            values, drawn = self.seen.scores[self.score].to_numpy(), self._one_of_each
            known, asked = (values[drawn & (self.seen.member == side)] for side in (False, True))
            scored = [int((~np.isnan(one)).sum()) for one in (known, asked)]
            if not scored[1] or found_together(scored[0], scored[1], self.fdr) > scored[1]:
                few = "{known} independent non-members are too few to find a member; {needed} would do"
                why = Cause(few, known=scored[0], needed=calibration_needed(self.fdr))
        if why is not None:
            return self._none("members_found", "share", why, self.score, None)
        value, low, high = members_found(known, asked, self.fdr, self.level)
        return Measure(
            name="members_found", value=value, low=low, high=high, unit="share", direction="lower is better",
            n={"items": scored[1], "units": min(scored)}, level=self.level, method=FOUND,
            missing=len(asked) - scored[1],
        )

    @cached_property
    def _one_of_each(self) -> NDArray[np.bool_]:
        """Which items are counted one by one [item]: of each unit one on each side, the same for all scores."""
        return one_of_each(pd.Series(2 * self.seen.units + self.seen.member), self.rng)

    @cached_property
    def _problems(self) -> dict[str, Cause | None]:
        """Score -> why nothing is said of it, None where nothing speaks against it."""
        if self.closed is not None:
            return dict.fromkeys((self.score, *self.seen.scores), self.closed)
        return {str(name): self._problem(values.to_numpy()) for name, values in self.seen.scores.items()}

    def _problem(self, values: Floats) -> Cause | None:
        scored = ~np.isnan(values)
        units = [self.seen.count(member=side, among=scored) for side in (True, False)]
        if min(units) < 2:
            few = "{members} members and {nonmembers} non-members have this score; allowed: two of each"
            return Cause(few, members=units[0], nonmembers=units[1])
        return score_problem(values[scored]) or ties_problem(values[scored])

    def _blind_auroc(self) -> Measure:
        if self.blind is None:
            assert self.closed is not None
            return self._none("blind_auroc", "score", self.closed, None, None)
        return replace(
            self.blind.ranking.auroc("blind", name="blind_auroc", level=self.level), direction="lower is better",
            guarantee="approximate", method=BLIND_METHOD, auroc_of=(("nonmembers", "blind"), ("members", "blind")),
            min_units=0, worst_coverage=None,
        )

    def _none(self, name: str, unit: str, why: Cause, score: str | None, group: str | None) -> Measure:
        scored = len(self.seen.frame) if score not in self.seen.scores else int(self.seen.scores[score].notna().sum())
        units = min(self.seen.count(member=True), self.seen.count(member=False))
        return undefined(
            name, why, n={"items": scored, "units": units}, unit=unit, direction="lower is better", level=self.level,
            group=group,
        )

    def evidence(self) -> pd.DataFrame:
        """Return the items with their scores."""
        seen = self.seen
        kept = [name for name in (*FIELDS, "unit", "date") if name in seen.frame]
        columns = {**seen.frame[kept], "role": np.where(seen.member, "members", "nonmembers"), **seen.scores}
        columns["blind"] = np.nan if self.blind is None else self.blind.scores
        if self._problems.get(self.score, _NOT_GIVEN) is None:
            columns |= self._one_by_one()
        told = pd.DataFrame(columns, seen.frame.index)
        if self.score in seen.scores:
            told = told.iloc[np.lexsort((-seen.scores[self.score].to_numpy(), ~seen.member))]
        if not len(seen.both):
            return told
        both = seen.both[[name for name in kept if name in seen.both]].assign(role="both")
        return pd.concat([told, both[~both.index.isin(told.index)]])

    def _one_by_one(self) -> dict[str, NDArray[Any]]:
        """Return of each member [item] the p-value among non-members, `against` and `weight`, null of non-members.

        Of non-members each unit counts once in p-values. Without a threshold no member is against the model or not.
        """
        values, member = self.seen.scores[self.score].to_numpy(), self.seen.member
        scored, known = ~np.isnan(values), np.sort(values[~np.isnan(values) & ~member])
        told: dict[str, Any] = {}
        if len(known) >= nonmembers_needed(_SHOWN):
            above = values > known[len(known) - 1 - int(_SHOWN * len(known) + 1e-9)]
            told = {"against": np.where(member & scored, above, None), "weight": np.where(member, values, np.nan)}
        p = np.full(len(values), np.nan)
        alone = values[self._one_of_each & scored & ~member]
        p[member & scored] = p_values(alone, values[member & scored], alpha=1.0)
        return {**told, "p_value": p}

    def remarks(self) -> Iterator[Remark]:
        """Yield what the gate says, then what else is to be known first."""
        if self.blind is not None:
            value, low, high = self.blind.interval()
            facts: dict[str, str | float] = {
                "auroc": value, "low": low, "high": max(high, 0.5), "item_count": float(len(self.seen.frame)),
            }
            if self.blind.tells:
                named = self.blind.telling[self.blind.telling["feature"] != ""]["feature"][:_NAMED]
                yield Remark("told_blind", facts | {"features": ", ".join(f"“{one}”" for one in named)})
            else:
                yield Remark("blind_cannot_tell", facts)
        yield from self._together()
        if len(self.seen.both):
            yield Remark("in_both", {"count": float(len(self.seen.both))})
        kinds = sorted(set(self.seen.frame.get("likelihood", pd.Series(dtype=object)).dropna()) - {"exact"})
        if kinds:
            yield Remark("likelihood_is_bound", {"likelihood": kinds[0]})


    def _together(self) -> Iterator[Remark]:
        """Yield how many members must stand out together for one to be found, where that is more than one."""
        if self._problems.get(self.score, _NOT_GIVEN) is not None:
            return
        member, drawn = self.seen.member, self._one_of_each & self.seen.scores[self.score].notna().to_numpy()
        known, asked = (int((drawn & (member == side)).sum()) for side in (False, True))
        least = found_together(known, asked, self.fdr)
        if 1 < least <= asked:
            needed = nonmembers_for(asked, self.fdr)
            yield Remark("found_together", {"count": float(least), "known": float(known), "needed": float(needed)})


_NOT_GIVEN = Cause("the answers of the model do not give this score")
_SHOWN = RATES["tpr_at_1_percent"]
"""Rate of false alarms by which members count against the model, one by one."""


def _keys(frame: pd.DataFrame) -> pd.Series[Any]:
    """Return what an item is, [item], equal for texts that differ in case, blanks and Unicode form alone."""
    if not len(frame):
        return pd.Series(dtype=object)
    name = field_of(frame)
    if name == "text":
        return frame[name].map(lambda text: " ".join(unicodedata.normalize("NFKC", text).casefold().split()))
    return objects([item.tobytes() for item in np.asarray(items_of(frame))], frame.index)
