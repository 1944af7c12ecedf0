"""Does a model know when it does not know? Its confidence in answers, against whether they are right.

    how far off    ECE, its square without bias, Brier and what it consists of     `detectors.factuality.bins`
    which ones     AUROC, risk-coverage; answer length, which knows nothing, beside it
    put right      calibrators fitted on other answers                            `detectors.factuality.calibrators`
    promised       abstention, or claims left out, each with its price            `detectors.factuality.risk_guarantees`

What is learnt from other answers rests on these being like them: `confidence_shift` tells whether confidences are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from detectors.arrays import units_of
from detectors.conformal import check_disjoint
from detectors.factuality.bins import Bins, bins_of
from detectors.factuality.calibrators import CALIBRATORS, Kind
from detectors.factuality.confident import NEAR, NO_ANSWER, NO_OTHERS, Confident
from detectors.factuality.risk_guarantees import Kept, Promise
from detectors.factuality.selective import Selective, coverage_at_risk, risk_coverage
from detectors.immutable import immutable
from detectors.phrases import Cause, Method
from detectors.ranking import ranked
from detectors.result import COUNT, Direction, Measure, Result

__all__ = ["CALIBRATION_MEASURES", "Promise", "calibration"]

CALIBRATION_MEASURES = (
    "ece", "rms_calibration_error", "overconfidence", "brier", "reliability", "resolution", "uncertainty", "accuracy",
    "auroc_right", "confidence_above_length", "aurc", "excess_aurc", "accuracy_at_coverage", "coverage_at_risk",
    "ece_calibrated", "brier_change", "answered_share", "error_of_answered", "kept_share", "all_right_share",
    "emptied_share", "confidence_threshold", "confidence_shift", "unlabelled",
)
MCDIARMID = Method("bounded differences over units, less the most that noise adds")
_PARTS: dict[str, Direction] = {
    "reliability": "lower is better", "resolution": "higher is better", "uncertainty": "neither",
}
"""What Brier consists of."""
_POINTS = 200
"""Of the risk-coverage curve that are kept."""
_COLUMNS = ["confidence", "label", "length", "group", "unit"]


def calibration(
    items: pd.DataFrame, others: pd.DataFrame | None, promise: Promise, *, coverage: float = 0.8, bins: int = 10,
    kinds: tuple[Kind, ...] = tuple(CALIBRATORS), level: float, rng: np.random.Generator,
) -> Result:
    """Return how well confidences are calibrated; `CALIBRATION_MEASURES` in that order, those of one promise.

    items, indexed by item id: `confidence` (in [0, 1], higher = more likely right; NaN = asked in vain), `label` (1 =
    right, 0 = wrong; NaN = not known, and the item is left out unless it is `failed`), `unit` (prompt or document; null
    = the item itself), `group`, `length` (of the answer; NaN = none), and where answers may fail to come `failed`
    (whether this one did). others: such items that calibrators and thresholds are learnt from.
    coverage: share answered at which accuracy is told; promise: what abstention, or leaving out claims, is to hold.
    items of the result keep all columns and have `answered` (whether the promise lets the answer stand), `against`
    (wrong) and `weight` (how sure it was of a wrong answer). table: rows of `Bins.table`, and below them the curve
    (`coverage`, `risk`, `threshold`). Raises ValueError where both sets share an item
    or a unit.
    """
    counts = items["label"].notna() | items.get("failed", pd.Series(False, items.index)).astype(bool)
    items, known = items.drop(columns="failed", errors="ignore"), None
    if others is not None:
        check_disjoint({"items": items.index, "calibration": others.index})
        check_disjoint({"units of items": units_of(items), "of calibration": units_of(others)})
        known = others.loc[others["label"].notna() & others["confidence"].notna(), _COLUMNS]
    answers = Confident(items.loc[counts, _COLUMNS], known, level, rng)
    kept = Kept(answers, promise, _whole(items, counts), None if others is None else _whole(others))
    told = _Told(answers, promise.alpha, coverage, bins)
    calibrated = (one for kind in kinds for one in told.calibrated(kind))
    unlabelled = _unlabelled(len(items) - len(answers.items), len(items), level)
    measures = (*told.off(), *told.which(), *calibrated, *kept.measures(), answers.shift, unlabelled)
    evidence = items.assign(
        answered=kept.stands(items["confidence"]),
        against=items["label"].eq(0).astype(object).where(items["label"].notna(), None),
        weight=items["confidence"].where(items["label"].eq(0), 1 - items["confidence"]),
    )
    return Result(measures, evidence, told.table, tuple(kept.remarks()))


def _unlabelled(left: int, size: int, level: float) -> Measure:
    """Return how many items are left out, as nobody knows whether they are right."""
    return Measure(
        name="unlabelled", value=left, low=left, high=left, n={"items": size}, unit="count",
        direction="lower is better", level=level, method=COUNT,
    )


def _whole(items: pd.DataFrame, counts: pd.Series[bool] | None = None) -> pd.DataFrame:
    """Return all items of units of which some count, None = have a label: what nobody labelled is part of an answer."""
    if (marked := items["label"].notna() if counts is None else counts).all():
        return items[_COLUMNS]
    units = units_of(items)
    return items.loc[units.isin(set(units[marked])), _COLUMNS]


@immutable
class _Told:
    """Makes the measures of how confidences are."""

    answers: Confident
    risk: float
    coverage: float
    bins: int

    @cached_property
    def groups(self) -> Bins | None:
        """Answers by confidence."""
        rows = self.answers.answered
        return None if rows.empty else bins_of(rows["confidence"], rows["label"], self.answers.units, most=self.bins)

    @cached_property
    def curve(self) -> pd.DataFrame | None:
        """Risk by coverage."""
        rows = self.answers.answered
        return None if rows.empty else risk_coverage(1 - rows["confidence"], 1 - rows["label"])

    @property
    def table(self) -> pd.DataFrame | None:
        """What pictures are drawn from."""
        if self.groups is None or self.curve is None:
            return None
        kept = np.unique(np.linspace(0, len(self.curve) - 1, min(_POINTS, len(self.curve))).round().astype(int))
        curve = self.curve.iloc[kept].assign(threshold=lambda frame: 1 - frame["threshold"])
        return pd.concat([self.groups.table(), curve], ignore_index=True)

    def off(self) -> Iterator[Measure]:
        """Yield how far confidences are from shares, headline first."""
        answers, groups, frame = self.answers, self.groups, self.answers.items
        if groups is None:
            for name in ("ece", "rms_calibration_error"):
                yield answers.none(name, NO_ANSWER, "lower is better", missing=answers.missing)
        else:
            yield self._ece("ece", groups)
            error = answers.plain("rms_calibration_error", max(0.0, groups.squared) ** 0.5, "lower is better")
            yield error.lacking(answers.missing)
        for group, rows in ((None, frame), *frame.groupby("group", sort=True)):
            worst = (-rows["label"].fillna(1.0), 1 - rows["label"].fillna(0.0))
            gap = answers.tally(rows).signed("overconfidence", rows["confidence"] - rows["label"], NEAR, worst=worst)
            yield replace(gap, group=None if group is None else str(group), ideal=0.0)
        squared = ((frame["confidence"] - frame["label"]) ** 2).rename(None)
        yield answers.whole.mean("brier", squared, "lower is better", binary=False)
        for name, direction in _PARTS.items():
            if groups is None:
                yield answers.none(name, NO_ANSWER, direction, missing=answers.missing)
            else:
                yield answers.plain(name, float(getattr(groups, name)), direction).lacking(answers.missing)
        yield answers.whole.mean("accuracy", frame["label"].rename(None), "higher is better")

    def _ece(self, name: str, groups: Bins, group: str | None = None) -> Measure:
        low, high = groups.interval(self.answers.level)
        plain = self.answers.plain(name, groups.ece, "lower is better", group=group)
        found = replace(plain, low=min(low, groups.ece), high=max(high, groups.ece), method=MCDIARMID)
        return found.lacking(self.answers.missing)

    def which(self) -> Iterator[Measure]:
        """Yield whether the surest answers are the right ones; nothing bounds it where some have no confidence."""
        for one in (*self._ranked(), *self._held_back()):
            yield one.lacking(self.answers.missing)

    def _held_back(self) -> Iterator[Measure]:
        answers, rows = self.answers, self.answers.answered
        areas = ("aurc", "excess_aurc")
        if self.curve is None:
            for name in areas:
                yield answers.none(name, NO_ANSWER, "lower is better", unit="score")
            for name in ("accuracy_at_coverage", "coverage_at_risk"):
                yield answers.none(name, NO_ANSWER, "higher is better")
            return
        doubt = pd.DataFrame({"confidence": 1 - rows["confidence"]})
        selective = Selective(doubt, 1 - rows["label"].to_numpy(float), answers.units)
        yield from selective.measures("confidence", level=answers.level, rng=answers.rng, names=areas)
        reached = self.curve.loc[self.curve["coverage"] >= self.coverage - 1e-12, "threshold"].iloc[0]
        surest = rows[doubt["confidence"] <= reached]
        yield answers.tally(surest).mean("accuracy_at_coverage", surest["label"].rename(None), "higher is better")
        yield answers.plain("coverage_at_risk", coverage_at_risk(self.curve, self.risk), "higher is better")

    def _ranked(self) -> Iterator[Measure]:
        """Yield the AUROC of confidence, and how far it is above that of answer length, whichever way that tells."""
        answers, rows, cause = self.answers, self.answers.answered, None
        right, sure, length = (rows[name].to_numpy(float) for name in ("label", "confidence", "length"))
        wrong, scores = right != 1, np.stack([sure, -length, length], axis=1)
        units = (answers.units[wrong], answers.units[~wrong])
        if min(np.unique(one).size for one in units) < 2:
            cause = Cause("fewer than two right or two wrong answers")
            yield answers.none("auroc_right", cause, "higher is better", unit="score")
        else:
            alone = ranked(("confidence",), scores[wrong, :1], scores[~wrong, :1], units)
            yield alone.auroc("confidence", name="auroc_right", level=answers.level)
        if cause is None and np.isnan(length).any():
            cause = Cause("the length of an answer is not known")
        if cause is not None:
            yield answers.none("confidence_above_length", cause, "higher is better", unit="score")
            return
        both = ranked(("confidence", "shorter", "longer"), scores[wrong], scores[~wrong], units)
        baseline = "shorter" if both.values[1] >= both.values[2] else "longer"
        above = both.auroc_difference("confidence", baseline, level=answers.level)
        yield replace(above, name="confidence_above_length", group=None)

    def calibrated(self, kind: Kind) -> Iterator[Measure]:
        """Yield how far confidences are off once they are put right."""
        answers, others, rows = self.answers, self.answers.others, self.answers.answered
        if others is None or others.empty or rows.empty:
            cause = NO_ANSWER if rows.empty else NO_OTHERS
            for name in ("ece_calibrated", "brier_change"):
                yield answers.none(name, cause, "lower is better", group=kind)
            return
        fitted = CALIBRATORS[kind](others["confidence"], others["label"])
        told = pd.Series(fitted(rows["confidence"]), rows.index)
        ece = self._ece("ece_calibrated", bins_of(told, rows["label"], answers.units, most=self.bins), kind)
        yield replace(ece, method=answers.learnt(ece.method))
        change = (told.reindex(answers.items.index) - answers.items["label"]) ** 2
        change -= (answers.items["confidence"] - answers.items["label"]) ** 2
        found = answers.whole.signed("brier_change", change, "lower is better")
        yield replace(found, group=kind, method=answers.learnt(found.method))
