"""What share of answers would people call right, where a judge has called all of them and people only some?

    labels among the items      prediction-powered inference (`detectors.intervals.prediction_powered`)
    labels elsewhere only       the judge's share, corrected for the sensitivity and specificity that it has there
                                (`detectors.intervals.corrected_rate`)

The first takes labelled items to be a random choice of all, the second takes the judge to err as often there as here.
How well the judge does stands beside it: sensitivity, specificity, kappa, and what sways it
(`detectors.factuality.judge_habits`). A judge with too few labels is refused. A reply that no score could be read from
counts as 1/2 in the share, which is as good a score as any for the first correction, and is no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.agreement import cohen_kappa
from detectors.arrays import units_of
from detectors.conformal import check_disjoint
from detectors.factuality.judge_habits import HABITS, Habits
from detectors.immutable import immutable
from detectors.intervals import (
    CORRECTED,
    LEAST_LABELS,
    POWERED_METHOD,
    Calibration,
    corrected_rate,
    mean_over_units,
    prediction_powered,
)
from detectors.phrases import Cause, Method
from detectors.result import NONE, Direction, Measure, Result, undefined

__all__ = ["JUDGED_MEASURES", "judged_share"]

_NO_LABEL = Cause("no item has a label")
JUDGED_MEASURES = (
    "right_share", "judge_share", "label_share", "labels_worth", "sensitivity", "specificity", "cohen_kappa", *HABITS,
)
_UNREAD = 0.5
"""Score of a reply that none could be read from."""


def judged_share(
    items: pd.DataFrame, calibration: pd.DataFrame | None = None, *, threshold: float = 0.5, level: float,
    rng: np.random.Generator,
) -> Result:
    """Return what share of the items people would call right; `JUDGED_MEASURES` in that order.

    items, indexed by item id: `judge` (score in [0, 1], higher = right; NaN = its reply could not be read), `label` (1
    = right, 0 = not, by a person; NaN = not asked), `unit` (independent unit; null = the item itself). Optional:
    `swapped` (its score of the same answer with the pair in the other order), `text` (what was judged). calibration:
    labelled items of another set, which count where none of `items` has a label. threshold: score from which the
    judge's verdict is "right".

    Measures:
      right_share    headline; undefined below 30 labelled units, or where the calibration items do not do
      judge_share    mean of the judge's scores over all items, whatever they are worth
      label_share    mean of the labels alone; only of those among the items
      labels_worth   labels that would tell as much without the judge
      sensitivity    share of right answers that the judge's verdict finds; specificity: of the others that it refuses
      cohen_kappa    agreement of verdict and label
      habits         unparseable_share; order_flip_share and position_bias where there is `swapped`, length_bias where
                     there is `text`
    All are means over units; sensitivity, specificity and kappa are those of the calibration items where these count.
    items has a row per item: `judge`, `label`, `verdict`, `disagreement` (|judge - label|), the largest first. What
    people called not right, or where they were not asked the judge, counts against the model; its weight is 1 less
    the label or the score. Raises ValueError where both sets share an item.
    """
    if calibration is not None:
        check_disjoint({"items": items.index, "calibration": calibration.index})
    habits = Habits(items, threshold, level, rng)
    items, calibration = _filled(items), None if calibration is None else _filled(calibration)
    labelled = items[items["label"].notna()]
    known = labelled if len(labelled) or calibration is None else calibration[calibration["label"].notna()]
    judge = _Measures(items, labelled, known, threshold, level, rng)
    return Result((*judge.measures(), *habits.measures()), _evidence(items, threshold))


def _filled(items: pd.DataFrame) -> pd.DataFrame:
    """Return items with a score each, and `read`: whether it is the judge's."""
    return items.assign(judge=items["judge"].fillna(_UNREAD), read=items["judge"].notna())


def _evidence(items: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return filled items with the judge's verdicts, those first on which judge and people disagree most."""
    read, verdict = items["read"], (items["judge"] >= threshold).astype(float)
    evidence = items.drop(columns="read").assign(
        judge=items["judge"].where(read), verdict=verdict.where(read),
        disagreement=(items["judge"] - items["label"]).abs().where(read),
        against=items["label"].fillna(verdict).eq(0), weight=1 - items["label"].fillna(items["judge"]),
    )
    return evidence.sort_values("disagreement", ascending=False, kind="stable")


@immutable
class _Measures:
    """Makes the measures."""

    items: pd.DataFrame
    labelled: pd.DataFrame
    known: pd.DataFrame
    """Items that tell how the judge does: the labelled ones, or those of the calibration set."""
    threshold: float
    level: float
    rng: np.random.Generator

    def measures(self) -> Iterator[Measure]:
        """Yield the measures, headline first."""
        known = self.known[self.known["read"]]
        label, verdict = known["label"], (known["judge"] >= self.threshold).astype(float)
        right, wrong = label == 1, label == 0
        share, worth = self._right_share()
        yield share
        yield self._mean("judge_share", self.items["judge"], self.items, "neither", Cause("no item has a score"))
        yield self._mean("label_share", self.labelled["label"], self.labelled, "neither", _NO_LABEL)
        yield worth
        for name, seen, where, reason in (
            ("sensitivity", verdict, right, Cause("no item is labelled as right")),
            ("specificity", 1 - verdict, wrong, Cause("no item is labelled as not right")),
        ):
            yield self._mean(name, seen[where], known[where], "higher is better", reason)
        if known.empty:
            yield self._none("cohen_kappa", _NO_LABEL, "score", "higher is better")
        else:
            yield cohen_kappa(verdict, label, units=units_of(known), level=self.level, rng=self.rng)

    def _right_share(self) -> tuple[Measure, Measure]:
        """Return the headline and how many labels it is worth."""
        if self.labelled.empty and len(self.known):
            return self._corrected(), self._worth(None, Cause("the labels are of other items"))
        labels, judged, others = self._by_unit()
        if not len(others) and len(labels):
            alone = self._mean("right_share", self.labelled["label"], self.labelled, "higher is better", _NO_LABEL)
            return alone, self._worth(float(len(labels)), None)
        if len(labels) < LEAST_LABELS:
            too_few = (
                "{labels} labelled units are too few to tell how far the judge is to be believed; {needed} are needed"
            )
            reason = Cause(too_few, labels=len(labels), needed=LEAST_LABELS)
            return self._none("right_share", reason, "share", "higher is better"), self._worth(None, reason)
        found = prediction_powered(labels, judged, others, self.level, rng=self.rng)
        n = {"items": len(self.items), "units": len(labels)}
        share = self._share({"method": POWERED_METHOD}, (found.value, found.low, found.high), n)
        return share, self._worth(found.worth, None)

    def _by_unit(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return labels and scores of labelled units, and scores of units without a label, each [unit].

        Where a unit has labels, only its labelled items count, so that labels and scores are of the same ones.
        """
        units = units_of(self.items)
        has = units.isin(set(units[self.labelled.index]))
        means = self.labelled[["label", "judge"]].groupby(units[self.labelled.index].to_numpy()).mean()
        others = self.items.loc[~has, "judge"].groupby(units[~has].to_numpy()).mean()
        return means["label"].to_numpy(float), means["judge"].to_numpy(float), others.to_numpy(float)

    def _corrected(self) -> Measure:
        """Return the judge's share, corrected by how it does on the calibration items."""
        right = self.known["label"] == 1
        verdict = self.known["judge"] >= self.threshold
        hits, passes = int((verdict & right).sum()), int((~verdict & ~right).sum())
        learnt = Calibration(hits, int(right.sum()), passes, int((~right).sum()))
        reason = learnt.problem(self.level)
        if not (self.items["read"].all() and self.known["read"].all()):
            reason = Cause("some replies of the judge could not be read, and a corrected rate takes a verdict of each")
        if any(len(set(units_of(frame))) < len(frame) for frame in (self.items, self.known)):
            reason = Cause("items share units, and a corrected rate takes each for independent")
        if reason is not None:
            return self._none("right_share", reason, "share", "higher is better")
        count = int((self.items["judge"] >= self.threshold).sum())
        fewest = min(len(self.items), learnt.positives, learnt.negatives)
        n = {"items": len(self.items) + len(self.known), "units": fewest}
        return self._share(CORRECTED.facts, corrected_rate(count, len(self.items), learnt, self.level), n)

    def _share(self, how: dict[str, Any], ends: tuple[float, float, float], n: dict[str, int]) -> Measure:
        value, low, high = ends
        return Measure(
            name="right_share", value=value, low=low, high=high, n=n, unit="share", direction="higher is better",
            level=self.level, **how,
        )

    def _worth(self, value: float | None, reason: Cause | None) -> Measure:
        n = {"items": len(self.items), "units": len(self.labelled)}
        return Measure(
            name="labels_worth", value=value, undefined=reason, n=n, unit="count", direction="higher is better",
            level=self.level, method=NONE if value is None else Method("ratio of variances, without interval"),
        )

    def _mean(
        self, name: str, values: pd.Series[Any], of: pd.DataFrame, direction: Direction, reason: Cause
    ) -> Measure:
        if values.empty:
            return self._none(name, reason, "share", direction)
        mean = mean_over_units(
            values.to_numpy(float), units_of(of), level=self.level, rng=self.rng, binary=name != "judge_share"
        )
        return Measure(
            name=name, value=mean.value, low=mean.low, high=mean.high, n=mean.n, unit="share", direction=direction,
            level=self.level, method=mean.method,
        )

    def _none(self, name: str, reason: Cause, unit: str, direction: Direction) -> Measure:
        n = {"items": len(self.items), "units": len(self.labelled)}
        return undefined(name, reason, n=n, unit=unit, direction=direction, level=self.level)

