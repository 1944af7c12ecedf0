"""Does a score of v mean in every group that v of its units are positive?

    in the large     mean label - mean score of a group                                 > 0: the score is too low for it
    ECE              sum over scores of n_v / n |share of positives - v|, less what it is on average where the
                     score is perfectly calibrated: the plain one is biased upwards, the more the smaller the group
    Brier score      mean (v - label)^2 = reliability - resolution + uncertainty          (Murphy 1973)

From counts by group, label and score; a bin of scores stands for one score, so how bins are made is part of the number.
Given the scores, shares of positives are binomial: they have exact intervals, of the ECE joint over its scores, and the
p-value of perfect calibration is simulated. Calibration within groups, equal false-positive and equal false-negative
rates cannot hold together where base rates differ, unless the score is always right (Kleinberg et al. 2017;
Chouldechova 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.bias.groups import MOST_GROUPS, Groups, extreme_pairs
from detectors.immutable import immutable
from detectors.intervals import exact_binomial, rate_difference
from detectors.phrases import Cause, Method
from detectors.result import Measure, Remark, Result, undefined

__all__ = ["calibration", "impossibility"]

_EXACT = Method("exact binomial (Clopper-Pearson), given the scores")
_LARGE = Method("{method}; all groups at once (Bonferroni)", method=_EXACT)
_JOINT = Method("joint over scores and groups (Bonferroni), given the scores; less its mean under calibration")
_PERFECT = Method("simulated under perfect calibration")
_SIMULATED = Method("{method}; all groups at once (Bonferroni)", method=_PERFECT)
_PART = Method("none; a part of the Brier score")
_NO_UNIT = Cause("the group has no unit with a label and a score")
_DRAWS = 1999
_MOST_DRAWN = 4_000_000
Counts = NDArray[np.int64]


def calibration(
    counts: ArrayLike, scores: ArrayLike, names: Sequence[str], *, level: float, rng: np.random.Generator
) -> Result:
    """Return how well a score of positives is calibrated within every group.

    counts [group, label (negative, positive), score]: independent units; scores [score], 0 to 1: what a bin says.

    Measures; of many groups, those with the most units are judged, and intervals hold for all that are:
      calibration_error         headline; of the group that is surest to be off, and of every group: ECE, debiased
      calibration_in_the_large  signed, likewise
      calibration_p             p-value of perfect calibration in every group
      brier, brier_reliability, brier_resolution    of every group, as they are seen
    table has a row a group and score that occurs: the reliability curve, with exact intervals of every point. Raises
    ValueError for other shapes, and for scores outside [0, 1].
    """
    cells, said = np.asarray(counts, dtype=np.int64), np.asarray(scores, dtype=float)
    if cells.ndim != 3 or cells.shape != (len(names), 2, len(said)) or (cells < 0).any():
        got = f"counts {cells.shape} for {len(names)} groups and {len(said)} scores"
        raise ValueError(f"calibration: got {got}; allowed: [group, 2, score]")
    if not ((said >= 0) & (said <= 1)).all():
        raise ValueError(f"calibration: got scores from {said.min()} to {said.max()}; allowed: 0 to 1")
    return _Judge(cells, said, tuple(names), level, rng).result()


def impossibility(positives: ArrayLike, totals: ArrayLike, names: Sequence[str], level: float) -> tuple[Remark, ...]:
    """Return the remark `base_rates_differ` where the groups' shares of positive labels [group] surely do."""
    groups = Groups.of(positives, totals, names)
    if len(groups.there) < 2:
        return ()
    low, _ = extreme_pairs(groups, level, rate_difference)
    if low <= 0:
        return ()
    rates = np.where(groups.totals > 0, groups.rates, np.nan)
    values = {"low_share": float(np.nanmin(rates)), "high_share": float(np.nanmax(rates)), "least_share": low}
    return (Remark("base_rates_differ", values),)


@immutable
class _Judge:
    counts: Counts
    scores: Floats
    names: tuple[str, ...]
    level: float
    rng: np.random.Generator

    def result(self) -> Result:
        units = self.counts.sum(1)
        sizes = units.sum(1)
        shown = sorted(np.argsort(-sizes, kind="stable")[:MOST_GROUPS].tolist())
        able = [at for at in shown if sizes[at]]
        if not able:
            names = ("calibration_error", "calibration_in_the_large", "calibration_p")
            return Result(tuple(self._none(name, None) for name in names))
        strict = 1 - (1 - self.level) / len(able)
        errors = {at: self._error(at, strict) for at in able}
        large = {at: self._in_the_large(at, strict) for at in able}
        p = min(1.0, min(found[4] for found in errors.values()) * len(able))
        worst = max(errors, key=lambda at: (errors[at][1], errors[at][0]))
        off = max(large, key=lambda at: (max(large[at][1], -large[at][2], 0.0), abs(large[at][0])))
        ends = [np.array(list(found.values()))[:, 1:3] for found in (errors, large)]
        reaches = [(float(one[:, 0].min()), float(one[:, 1].max())) for one in ends]
        measures = [
            replace(self._of_error(worst, errors[worst], None), reach=reaches[0]),
            replace(self._of_large(off, large[off], None), reach=reaches[1]),
            self._measure("calibration_p", None, value=p, unit="p-value", direction="neither", method=_SIMULATED),
        ]
        for at in shown:
            if not sizes[at]:
                names = ("calibration_error", "calibration_in_the_large", "brier")
                measures += [self._none(name, at) for name in names]
                continue
            measures += [self._of_error(at, errors[at], self.names[at]), self._of_large(at, large[at], self.names[at])]
            measures += self._brier(at)
        return Result(tuple(measures), table=self._curve())

    def _error(self, at: int, strict: float) -> tuple[float, float, float, float, float]:
        """Return (debiased, low, high, mean under perfect calibration, p) of one group's ECE."""
        units = self.counts[at].sum(0)
        some = np.flatnonzero(units)
        n, k, said = units[some], self.counts[at, 1, some], self.scores[some]
        weight = n / n.sum()
        plain = float((weight * np.abs(k / n - said)).sum())
        ends = exact_binomial(k, n, 1 - (1 - strict) / len(n))
        low = float((weight * np.maximum(0, np.maximum(ends[0] - said, said - ends[1]))).sum())
        high = float((weight * np.maximum(np.abs(ends[0] - said), np.abs(ends[1] - said))).sum())
        draws = int(np.clip(_MOST_DRAWN // len(n), 199, _DRAWS))
        null = (weight * np.abs(self.rng.binomial(n, said, size=(draws, len(n))) / n - said)).sum(axis=1)
        p = (1 + np.count_nonzero(null >= plain * (1 - 1e-12))) / (1 + draws)
        return min(max(plain - float(null.mean()), low), high), low, high, float(null.mean()), p

    def _in_the_large(self, at: int, strict: float) -> tuple[float, float, float]:
        units = self.counts[at].sum(0)
        k, n, said = int(self.counts[at, 1].sum()), int(units.sum()), float((units * self.scores).sum() / units.sum())
        low, high = exact_binomial(k, n, strict)
        return k / n - said, low - said, high - said

    def _of_error(self, at: int, found: tuple[float, ...], group: str | None) -> Measure:
        value, low, high = found[:3]
        return self._measure(
            "calibration_error", at, value=value, low=low, high=high, unit="share", direction="lower is better",
            ideal=0.0, method=_JOINT, group=group,
        )

    def _of_large(self, at: int, found: tuple[float, float, float], group: str | None) -> Measure:
        value, low, high = found
        return self._measure(
            "calibration_in_the_large", at, value=value, low=low, high=high, unit="share", ideal=0.0, group=group,
            direction="nearer to ideal is better", method=_LARGE,
        )

    def _brier(self, at: int) -> list[Measure]:
        """Return the Brier score of a group and two of its parts; the third is base rate times its complement."""
        units, group = self.counts[at].sum(0), self.names[at]
        share = np.divide(self.counts[at, 1], units, out=np.zeros(len(units)), where=units > 0)
        weight, base = units / units.sum(), self.counts[at, 1].sum() / units.sum()
        reliability = float((weight * (share - self.scores) ** 2).sum())
        resolution = float((weight * (share - base) ** 2).sum())
        told = {"unit": "score", "method": _PART, "group": group}
        return [
            self._measure(
                "brier", at, value=reliability - resolution + base * (1 - base), direction="lower is better", **told
            ),
            self._measure("brier_reliability", at, value=reliability, direction="lower is better", ideal=0.0, **told),
            self._measure("brier_resolution", at, value=resolution, direction="higher is better", **told),
        ]

    def _curve(self) -> pd.DataFrame:
        units = self.counts.sum(1)
        group, score = np.nonzero(units)
        n, k = units[group, score], self.counts[group, 1, score]
        low, high = exact_binomial(k, n, self.level)
        return pd.DataFrame({
            "group": np.array(self.names, dtype=object)[group], "score": self.scores[score], "units": n,
            "rate": k / n, "low": low, "high": high,
        })  # fmt: skip

    def _n(self, at: int | None) -> dict[str, int]:
        units = int(self.counts.sum() if at is None else self.counts[at].sum())
        return {"items": units, "units": units}

    def _measure(self, name: str, at: int | None, **found: Any) -> Measure:
        return Measure(name=name, n=self._n(at), level=self.level, **found)

    def _none(self, name: str, at: int | None) -> Measure:
        unit = "p-value" if name.endswith("_p") else "score" if name == "brier" else "share"
        group = None if at is None else self.names[at]
        return undefined(
            name, _NO_UNIT, n=self._n(at), unit=unit, direction="neither", level=self.level, group=group
        )
