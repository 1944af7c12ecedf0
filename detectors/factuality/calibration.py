"""Does a model know when it does not know? Its confidence in answers, against whether they are right.

    how far off    ECE, its square without bias, Brier and what it consists of      `detectors.factuality.bins`
    which ones     AUROC, risk-coverage; answer length, which knows nothing, beside it
    put right      calibrators fitted on other answers                             `detectors.factuality.calibrators`
    promised       abstention, or claims left out: thresholds from other answers   `detectors.conformal`

A promise stands with its price, the share that is still answered or kept, and with what came out where it was kept. One
that the calibration answers are too few for is refused with how many would do. All three rest on other answers being
like these: `shift` tells whether their confidences are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal

import numpy as np
import pandas as pd

from detectors.arrays import units_of
from detectors.conformal import (
    abstention_threshold,
    calibration_needed,
    check_disjoint,
    claim_threshold,
    highest_wrong,
    trials_needed,
)
from detectors.factuality.bins import Bins, bins_of
from detectors.factuality.calibrators import CALIBRATORS, Kind
from detectors.factuality.selective import Selective, coverage_at_risk, risk_coverage
from detectors.factuality.tally import Tally
from detectors.phrases import Cause, Method
from detectors.ranking import rank
from detectors.result import Direction, Measure, Remark, Result, undefined

__all__ = ["CALIBRATION_MEASURES", "Promise", "calibration"]

CALIBRATION_MEASURES = (
    "ece", "calibration_error", "overconfidence", "brier", "reliability", "resolution", "uncertainty", "accuracy",
    "auroc_right", "auroc_above_length", "aurc", "excess_aurc", "accuracy_at_coverage", "coverage_at_risk",
    "ece_calibrated", "brier_change", "answered_share", "error_of_answered", "kept_share", "all_right_share",
    "emptied_share", "threshold", "shift",
)
MCDIARMID = Method("bounded differences over units, less the most that noise adds")
PLUGGED_IN = Method("none; estimate over groups of confidences")
_POINTS = 200
"""Of the risk-coverage curve that are kept."""
_NEAR: Direction = "nearer to ideal is better"
_NO_ANSWER = Cause("no item has a confidence and a label")
_NO_OTHERS = Cause("no calibration items are given")
_NONE_SURE = Cause("not even the surest answers are right often enough")
_ONE_KIND = Cause("fewer than two right or two wrong answers")


@dataclass(frozen=True)
class Promise:
    """What is promised of answers that are not looked at."""

    of: Literal["abstention", "claims"] = "abstention"
    alpha: float = 0.1
    """Share of answers that may be wrong."""
    delta: float = 0.05
    """Probability with which a promise of abstention may fail."""

    @property
    def needed(self) -> int:
        """Calibration answers that it takes."""
        return calibration_needed(self.alpha) if self.of == "claims" else trials_needed(self.alpha, self.delta)


def calibration(
    items: pd.DataFrame, others: pd.DataFrame | None, promise: Promise, *, coverage: float = 0.8, bins: int = 10,
    kinds: tuple[Kind, ...] = tuple(CALIBRATORS), level: float, rng: np.random.Generator,
) -> Result:
    """Return how well confidences are calibrated; `CALIBRATION_MEASURES` in that order.

    items, indexed by item id: `confidence` (in [0, 1], higher = more likely right; NaN = asked in vain), `label` (1 =
    right, 0 = wrong; NaN = not known, and the item is left out), `unit` (prompt or document; null = the item itself),
    `group`, `length` (of the answer; NaN = none). others: such items that calibrators and thresholds are learnt from.
    coverage: share answered at which accuracy is told; promise: what abstention, or leaving out claims, is to hold.
    items of the result keep all columns and have `answered` (whether the promise lets the answer stand), `against`
    (wrong) and `weight` (how sure it was of a wrong answer). table: `kind` = "bin" (see `Bins.table`), or "curve"
    (`coverage`, `risk`). Raises ValueError where both sets share an item.
    """
    if others is not None:
        check_disjoint({"items": items.index, "calibration": others.index})
        others = others[others["label"].notna() & others["confidence"].notna()]
    known = items[items["label"].notna()]
    told = _Told(known, others, promise, coverage, bins, kinds, level, rng)
    measures = tuple(told.measures())
    evidence = items.assign(
        answered=None if told.threshold is None else told.stands(items["confidence"]),
        against=items["label"].eq(0).astype(object).where(items["label"].notna(), None),
        weight=items["confidence"].where(items["label"].eq(0), 1 - items["confidence"]),
    )
    return Result(measures, evidence, told.table, tuple(told.remarks()))


@dataclass(frozen=True)
class _Told:
    """Makes the measures of labelled items."""

    items: pd.DataFrame
    others: pd.DataFrame | None
    promise: Promise
    coverage: float
    bins: int
    kinds: tuple[Kind, ...]
    level: float
    rng: np.random.Generator

    @cached_property
    def answered(self) -> pd.DataFrame:
        """Items with a confidence."""
        return self.items[self.items["confidence"].notna()]

    @cached_property
    def units(self) -> pd.Series[str]:
        """Independent unit of each of them."""
        return units_of(self.answered)

    @cached_property
    def groups(self) -> Bins | None:
        """Them by confidence."""
        if self.answered.empty:
            return None
        return bins_of(self.answered["confidence"], self.answered["label"], self.units, most=self.bins)

    @cached_property
    def curve(self) -> pd.DataFrame | None:
        """Risk by coverage."""
        if self.answered.empty:
            return None
        return risk_coverage(1 - self.answered["confidence"], 1 - self.answered["label"])

    @property
    def table(self) -> pd.DataFrame | None:
        """What pictures are drawn from."""
        if self.groups is None or self.curve is None:
            return None
        kept = np.unique(np.linspace(0, len(self.curve) - 1, min(_POINTS, len(self.curve))).round().astype(int))
        curve = self.curve.iloc[kept].assign(threshold=lambda frame: 1 - frame["threshold"])
        parts = {"bin": self.groups.table(), "curve": curve}
        return pd.concat([part.assign(kind=kind) for kind, part in parts.items()], ignore_index=True)

    def remarks(self) -> Iterator[Remark]:
        """Yield by which answers calibrators and thresholds were learnt, and whether these are like the others."""
        if self.others is None or self.others.empty or self.answered.empty:
            return
        facts = self.others.sort_index()[["confidence", "label"]].astype(float)
        told = "\n".join(f"{name}\t{one!r}\t{two!r}" for name, one, two in facts.itertuples())
        digest = sha256(told.encode()).hexdigest()
        yield Remark("learnt_from", {"count": len(facts), "digest": digest[:16]})
        shift = self._shift()
        if shift.low is not None and shift.high is not None and not shift.low <= 0.5 <= shift.high:
            yield Remark("shifted", {"low": shift.low, "high": shift.high})

    def measures(self) -> Iterator[Measure]:
        """Yield the measures, headline first."""
        yield from self._off()
        yield from self._which()
        for kind in self.kinds:
            yield from self._calibrated(kind)
        yield from self._claims() if self.promise.of == "claims" else self._abstention()
        yield self._threshold()
        yield self._shift()

    # --- how far off

    def _off(self) -> Iterator[Measure]:
        missing, bins = len(self.items) - len(self.answered), self.groups
        if bins is None:
            for name in ("ece", "calibration_error"):
                yield self._none(name, _NO_ANSWER, "lower is better", missing=missing)
        else:
            low, high = bins.interval(self.level)
            ece = self._plain("ece", bins.ece, "lower is better")
            ece = replace(ece, low=min(low, bins.ece), high=max(high, bins.ece), method=MCDIARMID)
            yield ece.lacking(missing)
            yield self._plain("calibration_error", max(0.0, bins.squared) ** 0.5, "lower is better").lacking(missing)
        frame = self.items
        tally = self._tally(frame)
        for group, rows in ((None, frame), *frame.groupby("group", sort=True)):
            worst = (-rows["label"], 1 - rows["label"])
            gap = self._tally(rows).signed("overconfidence", rows["confidence"] - rows["label"], _NEAR, worst=worst)
            yield replace(gap, group=None if group is None else str(group), ideal=0.0)
        squared = ((frame["confidence"] - frame["label"]) ** 2).rename(None)
        yield tally.mean("brier", squared, "lower is better", binary=False)
        for name, direction in _PARTS.items():
            if bins is None:
                yield self._none(name, _NO_ANSWER, direction, missing=missing)
            else:
                yield self._plain(name, float(getattr(bins, name)), direction).lacking(missing)
        yield tally.mean("accuracy", frame["label"].rename(None), "higher is better")

    # --- which ones

    def _which(self) -> Iterator[Measure]:
        yield from self._ranked()
        names = ("aurc", "excess_aurc")
        if self.answered.empty:
            for name in names:
                yield self._none(name, _NO_ANSWER, "lower is better", unit="score")
        else:
            scores = pd.DataFrame({"confidence": 1 - self.answered["confidence"]})
            selective = Selective(scores, 1 - self.answered["label"].to_numpy(float), self.units.to_numpy())
            yield from selective.measures("confidence", level=self.level, rng=self.rng, names=names)
        if self.curve is None:
            yield self._none("accuracy_at_coverage", _NO_ANSWER, "higher is better")
            yield self._none("coverage_at_risk", _NO_ANSWER, "higher is better")
            return
        reached = self.curve.loc[self.curve["coverage"] >= self.coverage - 1e-12, "threshold"].iloc[0]
        surest = self.answered[1 - self.answered["confidence"] <= reached + 1e-12]
        yield self._tally(surest).mean("accuracy_at_coverage", surest["label"].rename(None), "higher is better")
        share = coverage_at_risk(self.curve, self.promise.alpha)
        yield self._plain("coverage_at_risk", share, "higher is better")

    def _ranked(self) -> Iterator[Measure]:
        """Yield the AUROC of confidence, and how far it is above that of answer length, whichever way that tells."""
        rows, right = self.answered, self.answered["label"].eq(1)
        units = (self.units[~right], self.units[right])
        if min(one.nunique() for one in units) < 2:
            for name in ("auroc_right", "auroc_above_length"):
                yield self._none(name, _ONE_KIND, "higher is better", unit="score")
            return
        alone = rows[["confidence"]]
        yield rank(alone[~right], alone[right], units).auroc("confidence", name="auroc_right", level=self.level)
        if rows["length"].isna().any():
            cause = Cause("the length of an answer is not known")
            yield self._none("auroc_above_length", cause, "higher is better", unit="score")
            return
        scores = rows[["confidence"]].assign(shorter=-rows["length"].astype(float), longer=rows["length"].astype(float))
        both = rank(scores[~right], scores[right], units)
        baseline = "shorter" if both.values[1] >= both.values[2] else "longer"
        above = both.auroc_difference("confidence", baseline, level=self.level)
        yield replace(above, name="auroc_above_length", group=None)

    # --- put right

    def _calibrated(self, kind: Kind) -> Iterator[Measure]:
        others, lacking = self.others, len(self.items) - len(self.answered)
        if others is None or others.empty or self.answered.empty:
            cause = _NO_ANSWER if self.answered.empty else _NO_OTHERS
            yield self._none("ece_calibrated", cause, "lower is better", group=kind)
            yield self._none("brier_change", cause, "lower is better", group=kind)
            return
        fitted = CALIBRATORS[kind](others["confidence"], others["label"])
        told = pd.Series(fitted(self.answered["confidence"]), self.answered.index).reindex(self.items.index)
        bins = bins_of(told[self.answered.index], self.answered["label"], self.units, most=self.bins)
        low, high = bins.interval(self.level)
        ece = self._plain("ece_calibrated", bins.ece, "lower is better", group=kind)
        yield replace(ece, low=min(low, bins.ece), high=max(high, bins.ece), method=MCDIARMID).lacking(lacking)
        after, before = ((one - self.items["label"]) ** 2 for one in (told, self.items["confidence"]))
        change = self._tally(self.items).signed("brier_change", after - before, "lower is better")
        yield replace(change, group=kind)

    # --- promised

    @cached_property
    def lacks(self) -> Cause | None:
        """Why nothing can be promised, or None."""
        promise, others = self.promise, self.others
        if others is None or others.empty:
            return _NO_OTHERS
        units = units_of(others)
        if promise.of == "abstention" and units.nunique() < len(units):
            return Cause("calibration items share units, and the promise takes each for independent")
        if units.nunique() < promise.needed:
            return Cause(
                "{count} calibration answers are too few for a promise of {alpha}; {needed} would do",
                count=units.nunique(), alpha=f"{promise.alpha:g}", needed=promise.needed,
            )
        return None if len(self.answered) else _NO_ANSWER

    @cached_property
    def threshold(self) -> float | None:
        """Confidence from which answers, above which claims stand; None where there is none."""
        if self.lacks is not None or self.others is None:
            return None
        told, right, promise = self.others["confidence"], self.others["label"], self.promise
        if promise.of == "claims":
            return claim_threshold(highest_wrong(told, right, units_of(self.others)), promise.alpha)
        # the list is that of the items' own confidences, which know nothing of the calibration answers
        start = min(1.0, trials_needed(promise.alpha, promise.delta, wrong=2) / len(self.others))
        shares = np.linspace(start, 1, 100)
        tried = np.unique(np.quantile(self.answered["confidence"], 1 - shares, method="lower"))[::-1]
        return abstention_threshold(told, right, tried, alpha=promise.alpha, delta=promise.delta)

    def stands(self, confidence: pd.Series[Any]) -> pd.Series[bool]:
        """Tell which answers or claims stand."""
        assert self.threshold is not None
        return confidence.gt(self.threshold) if self.promise.of == "claims" else confidence.ge(self.threshold)

    def _abstention(self) -> Iterator[Measure]:
        missing = len(self.items) - len(self.answered)
        if self.threshold is None:
            cause = self.lacks or _NONE_SURE
            yield self._none("answered_share", cause, "higher is better", missing=missing)
            yield self._none("error_of_answered", cause, "lower is better", missing=missing)
            return
        stands = self.stands(self.items["confidence"])
        share = stands.astype(float).where(self.items["confidence"].notna()).rename(None)
        yield self._tally(self.items).mean("answered_share", share, "higher is better", worst=(0.0, 0.0))
        if not stands.any():
            yield self._none("error_of_answered", Cause("nothing is answered"), "lower is better", missing=missing)
            return
        given = self.items[stands]
        yield self._tally(given).mean("error_of_answered", (1 - given["label"]).rename(None), "lower is better")

    def _claims(self) -> Iterator[Measure]:
        if self.threshold is None:
            assert self.lacks is not None
            for name in ("kept_share", "all_right_share", "emptied_share"):
                direction: Direction = "lower is better" if name == "emptied_share" else "higher is better"
                yield self._none(name, self.lacks, direction)
            return
        stands = self.stands(self.items["confidence"]).astype(float)
        wrong = stands * (1 - self.items["label"])
        units = units_of(self.items)
        answers = pd.DataFrame({
            "kept": stands.groupby(units).mean(), "right": 1 - wrong.groupby(units).max(),
            "emptied": 1 - stands.groupby(units).max(),
        }).assign(group=None, unit=None, outcome="answered", no_answer=False)  # fmt: skip
        tally = Tally(answers, self.level, self.rng)
        yield tally.mean("kept_share", answers["kept"].rename(None), "higher is better", binary=False)
        yield tally.mean("all_right_share", answers["right"].rename(None), "higher is better")
        yield tally.mean("emptied_share", answers["emptied"].rename(None), "lower is better")

    def _threshold(self) -> Measure:
        at = self.threshold
        if at is None:
            return self._none("threshold", self.lacks or _NONE_SURE, "neither")
        count = 0 if self.others is None else len(self.others)
        units = 0 if self.others is None else units_of(self.others).nunique()
        found = self._plain("threshold", max(at, 0.0), "neither")
        return replace(found, n={"items": count, "units": units}, method=Method("none; learnt from calibration items"))

    def _shift(self) -> Measure:
        """Return how often an answer's confidence is above that of a calibration answer; 0.5 where both are alike."""
        ours, theirs = self.answered, self.others
        if theirs is None or theirs.empty or min(len(ours), len(theirs)) < 2:
            return self._none("shift", _NO_OTHERS, _NEAR, unit="score", ideal=0.5)
        units = [f"{side} " + units_of(frame) for side, frame in (("a", theirs), ("b", ours))]
        if min(one.nunique() for one in units) < 2:
            return self._none("shift", _NO_OTHERS, _NEAR, unit="score", ideal=0.5)
        ranked = rank(theirs[["confidence"]], ours[["confidence"]], (units[0], units[1]))
        found = ranked.auroc("confidence", name="shift", level=self.level)
        return replace(found, direction=_NEAR, ideal=0.5)

    # --- measures

    def _tally(self, frame: pd.DataFrame) -> Tally:
        lost = frame["confidence"].isna()
        return Tally(
            frame.assign(outcome=np.where(lost, "error", "answered"), no_answer=lost), self.level, self.rng
        )

    @property
    def _n(self) -> dict[str, int]:
        return {"items": len(self.answered), "units": self.units.nunique()}

    def _plain(
        self, name: str, value: float, direction: Direction, *, group: str | None = None
    ) -> Measure:
        return Measure(
            name=name, group=group, value=value, n=self._n, unit="share", direction=direction, level=self.level,
            method=PLUGGED_IN,
        )

    def _none(
        self, name: str, cause: Cause, direction: Direction, *, unit: str = "share", **more: Any
    ) -> Measure:
        return undefined(name, cause, n=self._n, unit=unit, direction=direction, level=self.level, **more)


_PARTS: dict[str, Direction] = {
    "reliability": "lower is better", "resolution": "higher is better", "uncertainty": "neither",
}
"""What Brier consists of."""
