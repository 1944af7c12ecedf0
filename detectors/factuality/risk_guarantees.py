"""What can be promised of answers that nobody looks at, and its price: the share that is still answered, or kept.

    abstention   the least sure answers are not given: of those given at most a share alpha is wrong
    claims       the least sure claims are left out of each answer (a unit): with probability 1 - alpha all that is kept
                 is right. An answer of which nothing is kept counts as right, so its share stands beside it.

A claim without a label may be wrong: in calibration answers it is taken for wrong, in others it bounds what came out.
Thresholds are learnt from calibration answers (`detectors.conformal`); too few are refused with how many would do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from detectors.arrays import units_of
from detectors.conformal import abstention_threshold, calibration_needed, claim_threshold, highest_wrong, trials_needed
from detectors.factuality.confident import NO_ANSWER, NO_OTHERS, Confident
from detectors.factuality.tally import Tally
from detectors.immutable import immutable
from detectors.phrases import Cause
from detectors.result import NONE, Direction, Measure, Remark

__all__ = ["Kept", "Promise"]

_NONE_SURE = Cause("not even the surest answers are right often enough")
_OF: dict[str, dict[str, Direction]] = {
    "abstention": {"answered_share": "higher is better", "error_of_answered": "lower is better"},
    "claims": {
        "kept_share": "higher is better", "all_right_share": "higher is better", "emptied_share": "lower is better",
    },
}
"""Measures of each promise."""


@immutable
class Promise:
    """What is promised."""

    of: Literal["abstention", "claims"] = "abstention"
    alpha: float = 0.1
    """Share of answers that may be wrong."""
    delta: float = 0.05
    """Probability with which a promise of abstention may fail."""

    @property
    def needed(self) -> int:
        """Calibration answers that it takes."""
        return calibration_needed(self.alpha) if self.of == "claims" else trials_needed(self.alpha, self.delta)


@immutable
class Kept:
    """Answers under a promise."""

    answers: Confident
    promise: Promise
    claims: pd.DataFrame
    """Every claim of the answers, also those without label or confidence."""
    known: pd.DataFrame | None
    """The same of calibration answers."""

    @cached_property
    def lacks(self) -> Cause | None:
        """Why nothing can be promised, or None."""
        promise, others = self.promise, self.answers.others
        if others is None or others.empty:
            return NO_OTHERS
        count = units_of(others if promise.of == "abstention" or self.known is None else self.known).nunique()
        if promise.of == "abstention" and count < len(others):
            return Cause("calibration items share units, and the promise takes each for independent")
        if count < promise.needed:
            few = "{count} calibration answers are too few for a promise of {alpha}; {needed} would do"
            return Cause(few, count=count, alpha=f"{promise.alpha:g}", needed=promise.needed)
        return NO_ANSWER if self.answers.answered.empty else None

    @cached_property
    def threshold(self) -> float | None:
        """Confidence from which answers, above which claims stand; None where there is none."""
        others, promise = self.answers.others, self.promise
        if self.lacks is not None or others is None:
            return None
        told, right = others["confidence"], others["label"]
        if promise.of == "claims" and self.known is not None:
            never = self.known["confidence"].fillna(-np.inf)
            return claim_threshold(highest_wrong(never, self.known["label"], units_of(self.known)), promise.alpha)
        # the list is that of the items' own confidences, which know nothing of the calibration answers
        start = min(1.0, trials_needed(promise.alpha, promise.delta, wrong=2) / len(others))
        shares = np.linspace(start, 1, 100)
        tried = np.unique(np.quantile(self.answers.answered["confidence"], 1 - shares, method="lower"))[::-1]
        return abstention_threshold(told, right, tried, alpha=promise.alpha, delta=promise.delta)

    def stands(self, confidence: pd.Series[Any]) -> pd.Series[Any]:
        """Tell which answers or claims stand; nothing where nothing can be promised."""
        if self.threshold is None:
            return pd.Series(None, confidence.index, dtype=object)
        return confidence.gt(self.threshold) if self.promise.of == "claims" else confidence.ge(self.threshold)

    def remarks(self) -> Iterator[Remark]:
        """Yield what is promised, from how many answers, and whether these are like the others."""
        others, shift = self.answers.others, self.answers.shift
        if others is None or others.empty or self.answers.answered.empty:
            return
        promise, count = self.promise, float(len(others))
        if self.threshold is None:
            yield Remark("learnt_from", {"learnt_count": count})
        else:
            facts: dict[str, str | float] = {"learnt_count": count, "promised_share": promise.alpha}
            yield Remark(f"promised_{promise.of}", {**facts, "sure_share": 1 - promise.delta})
        if shift.low is not None and shift.high is not None and not shift.low <= 0.5 <= shift.high:
            yield Remark("shifted", {"low": shift.low, "high": shift.high})

    def measures(self) -> Iterator[Measure]:
        """Yield the price, what came out, and the threshold."""
        answers, at = self.answers, self.threshold
        if at is None:
            for name, direction in (*_OF[self.promise.of].items(), ("confidence_threshold", "neither")):
                yield answers.none(name, self.lacks or _NONE_SURE, direction)
            return
        yield from self._claims() if self.promise.of == "claims" else self._abstention()
        others = answers.others
        assert others is not None
        n = {"items": len(others), "units": units_of(others).nunique()}
        plain = answers.plain("confidence_threshold", max(at, 0.0), "neither")
        yield replace(plain, n=n, method=answers.learnt(NONE))

    def _abstention(self) -> Iterator[Measure]:
        answers, items = self.answers, self.answers.items
        stands = self.stands(items["confidence"])
        share = stands.astype(float).where(items["confidence"].notna()).rename(None)
        yield answers.whole.mean("answered_share", share, "higher is better", worst=(0.0, 0.0))
        if not stands.any():
            yield answers.none("error_of_answered", Cause("nothing is answered"), "lower is better")
            return
        given = items[stands]
        yield answers.tally(given).mean("error_of_answered", (1 - given["label"]).rename(None), "lower is better")

    def _claims(self) -> Iterator[Measure]:
        claims = self.claims
        stands, units = self.stands(claims["confidence"]).astype(bool), units_of(claims)
        wrong = (1 - claims["label"]).where(stands, 0.0)
        worst = wrong.groupby(units).max()
        # what nobody labelled decides only where no claim that stands is known to be wrong
        right = (1 - worst).mask(wrong.isna().groupby(units).any() & worst.ne(1))
        each = pd.DataFrame({
            "kept_share": stands.groupby(units).mean(), "all_right_share": right,
            "emptied_share": 1 - stands.groupby(units).max().astype(float),
        }).assign(group=None, unit=None, outcome="answered", no_answer=right.isna())  # fmt: skip
        tally = Tally(each, self.answers.level, self.answers.rng)
        for name, direction in _OF["claims"].items():
            yield tally.mean(name, each[name].rename(None), direction, binary=name != "kept_share")
