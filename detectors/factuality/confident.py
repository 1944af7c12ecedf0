"""Answers given with a confidence, those that something is learnt from beside them, and measures of both."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import places_in_order, units_of
from detectors.factuality.tally import Tally
from detectors.immutable import immutable
from detectors.phrases import Cause, Method
from detectors.ranking import ranked
from detectors.result import Direction, Measure, undefined

__all__ = ["NEAR", "NO_ANSWER", "NO_OTHERS", "Confident"]

NEAR: Direction = "nearer to ideal is better"
NO_ANSWER = Cause("no item has a confidence and a label")
NO_OTHERS = Cause("no calibration items are given")
PLUGGED_IN = Method("none; estimate from these answers")


@immutable
class Confident:
    """Labelled answers: `confidence` (NaN = none came), `label` (1 = right), `length`, `group`, `unit`."""

    items: pd.DataFrame
    others: pd.DataFrame | None
    """Such answers with a confidence, to learn from."""
    level: float
    rng: np.random.Generator

    @cached_property
    def answered(self) -> pd.DataFrame:
        """Items with a confidence."""
        return self.items[self.items["confidence"].notna()]

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """Independent unit of each of them, by the place of its label among all in order."""
        return places_in_order(units_of(self.answered))

    @property
    def missing(self) -> int:
        """Items that a confidence was asked for in vain."""
        return len(self.items) - len(self.answered)

    @cached_property
    def n(self) -> dict[str, int]:
        """What a measure of the answered rests on."""
        return {"items": len(self.answered), "units": 1 + int(self.units.max(initial=-1))}

    @cached_property
    def digest(self) -> str:
        """Of what is learnt from: ids, confidences and labels."""
        assert self.others is not None
        facts = self.others.sort_index()[["confidence", "label"]].astype(float)
        return sha256(facts.to_csv(header=False).encode()).hexdigest()[:16]

    def learnt(self, method: Method) -> Method:
        """Return a method that also says from which items something was learnt."""
        count = 0 if self.others is None else len(self.others)
        return Method("{method}; learnt from {count} items ({digest})", method=method, count=count, digest=self.digest)

    @cached_property
    def shift(self) -> Measure:
        """How often an answer's confidence is above that of a calibration answer; 0.5 where both are alike."""
        name, ours, theirs = "confidence_shift", self.answered, self.others
        if theirs is None or self.n["units"] < 2 or (units := places_in_order(units_of(theirs))).max(initial=0) < 1:
            return self.none(name, NO_OTHERS, NEAR, unit="score", ideal=0.5)
        low, high = (frame[["confidence"]].to_numpy(float) for frame in (theirs, ours))
        found = ranked(("confidence",), low, high, (units, len(units) + self.units))
        return replace(found.auroc("confidence", name=name, level=self.level), direction=NEAR, ideal=0.5)

    @cached_property
    def whole(self) -> Tally:
        """What makes measures of all items."""
        return self.tally(self.items)

    def tally(self, frame: pd.DataFrame) -> Tally:
        """Return what makes measures of some of the items."""
        lost = frame["confidence"].isna()
        return Tally(frame.assign(outcome=np.where(lost, "error", "answered"), no_answer=lost), self.level, self.rng)

    def plain(self, name: str, value: float, direction: Direction, *, group: str | None = None) -> Measure:
        """Return a share of the answered without an interval."""
        return Measure(
            name=name, group=group, value=value, n=self.n, unit="share", direction=direction, level=self.level,
            method=PLUGGED_IN,
        )

    def none(
        self, name: str, cause: Cause, direction: Direction, *, unit: str = "share", **more: Any
    ) -> Measure:
        """Return a measure without a value."""
        return undefined(name, cause, n=self.n, unit=unit, direction=direction, level=self.level, **more)
