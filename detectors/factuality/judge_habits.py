"""Is a judge to be believed? What sways it other than what it judges.

    unreadable       share of replies that no verdict could be read from
    order            share of pairs whose verdict turns when both are shown in the other order, and which place gains:
                     mean of (verdict shown first - verdict shown second), above 0 = the first place
    length           among answers that people call the same: is the one that the judge calls right the longer one?
                     AUROC of length, 1/2 = no matter (Zheng et al. 2023, 2306.05685: position and verbosity bias)

Nothing here needs to know whether the judge is right, and a judge that is right half of the time may have no bias.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from detectors.arrays import units_of
from detectors.factuality.tally import Tally
from detectors.immutable import immutable
from detectors.phrases import Cause
from detectors.ranking import rank
from detectors.result import Direction, Measure, undefined

__all__ = ["HABITS", "Habits"]

HABITS = ("unparseable_share", "order_flip_share", "position_bias", "length_bias")
_NEAR: Direction = "nearer to ideal is better"


@immutable
class Habits:
    """Verdicts of a judge; see `detectors.factuality.judged.judged_share` for `items`."""

    items: pd.DataFrame
    threshold: float
    level: float
    rng: np.random.Generator

    def measures(self) -> Iterator[Measure]:
        """Yield `HABITS` in order: those of order where items were shown both ways, of length where it is known."""
        unread = self.items["judge"].isna()
        yield self._tally(self.items).mean("unparseable_share", unread.astype(float).rename(None), "lower is better")
        if "swapped" in self.items and self.items["swapped"].notna().any():
            yield from self._order()
        if "text" in self.items and self.items["text"].notna().any():
            for group, label in (("called right", 1.0), ("called not right", 0.0)):
                yield self._length(group, self.items[self.items["label"].eq(label) & ~unread])

    def _order(self) -> Iterator[Measure]:
        both = self.items[self.items["swapped"].notna() & self.items["judge"].notna()]
        if both.empty:
            cause = Cause("no item has a verdict in both orders")
            for name, ideal in (("order_flip_share", None), ("position_bias", 0.0)):
                direction: Direction = "lower is better" if ideal is None else _NEAR
                yield self._none(name, cause, direction, "share", ideal)
            return
        first, second = (both[name].ge(self.threshold).astype(float) for name in ("judge", "swapped"))
        yield self._tally(both).mean("order_flip_share", first.ne(second).astype(float).rename(None), "lower is better")
        gain = self._tally(both).signed("position_bias", first - second, _NEAR)
        yield replace(gain, ideal=0.0)

    def _length(self, group: str, rows: pd.DataFrame) -> Measure:
        told = rows[rows["text"].notna()]
        frame = pd.DataFrame({"length": told["text"].map(lambda text: len(str(text).split())).astype(float)})
        right, units = told["judge"].ge(self.threshold), units_of(told)
        sides = (units[~right], units[right])
        if min(one.nunique() for one in sides) < 2:
            cause = Cause("fewer than two of them were called right, or fewer than two were not")
            return self._none("length_bias", cause, _NEAR, "score", 0.5, group)
        ranked = rank(frame[~right], frame[right], sides)
        found = ranked.auroc("length", name="length_bias", level=self.level, group=group)
        return replace(found, direction=_NEAR, ideal=0.5)

    def _tally(self, frame: pd.DataFrame) -> Tally:
        unit = units_of(frame) if "unit" in frame and frame["unit"].notna().any() else None
        return Tally(frame.assign(unit=unit, group=None, outcome="asked", no_answer=False), self.level, self.rng)

    def _none(
        self, name: str, cause: Cause, direction: Direction, unit: str, ideal: float | None, group: str | None = None
    ) -> Measure:
        n = {"items": 0, "units": 0}
        return undefined(
            name, cause, n=n, unit=unit, direction=direction, level=self.level, ideal=ideal, group=group
        )
