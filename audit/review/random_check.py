"""A random check: people look at items drawn among those that nobody had looked at, and so know the rest in bounds.

    items that were looked at before the draw                  known, one by one
    the rest R, in parts by the machine's value, 0 and 1       hypergeometric bounds for the ones in each part

People look at what was flagged; of what the machine let pass they know nothing without a draw. The items follow from
the token of an entry and the digest of record.json: those of R that come first by the digest of token, record, check
and id, as if shuffled; anybody can draw them again. What people would say of an item is taken as fixed before.

With the total between B_lo and B_hi, the interval of the rate reaches from the lower end that B_lo would give to the
upper end that B_hi would give. Half of its error goes to these ends, half to the draws, of which the k-th of a check
spends 2^-k: so all that was ever drawn of it holds together, and looking on after a draw costs nothing. Of a benchmark
that was asked in full only the draws can err.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, Literal

from audit.files import sha256
from audit.verdict import RANDOM_CHECK
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.record import Finding
    from detectors.result import Measure

__all__ = ["Barrier", "Draw", "RandomCheck", "barrier_to", "bounded", "progress_of"]

Barrier = Literal["early", "units", "values"]
"""Why a random check gives no interval: looking decided how many items were asked; some units have several items; not
every value is 0 or 1 by what it is."""


@immutable
class Draw:
    """One draw of items, as the reviews keep it."""

    check: str
    count: int
    token: str
    record: str
    """Digest of the record.json that it speaks of."""
    ordinal: int
    """1 = the first draw of this check."""
    seen: frozenset[str]
    """Items that somebody had looked at before."""

    def of(self, rest: Collection[str]) -> tuple[str, ...]:
        """Return the items drawn from the rest, in the order in which they came; all of it, where it is smaller."""
        return tuple(nsmallest(self.count, rest, key=self._rank))

    def _rank(self, item: str) -> str:
        return sha256("\n".join((self.token, self.record, self.check, item)).encode("utf-8", "surrogatepass"))


@immutable
class RandomCheck:
    """How far a random check is."""

    ordinal: int
    rest: tuple[str, ...]
    """Items that nobody had looked at before the draw."""
    drawn: tuple[str, ...]
    left: tuple[str, ...]
    """Items drawn that nobody has looked at yet."""
    changed: int
    """Items drawn of which people say otherwise than the machine."""

    @property
    def facts(self) -> dict[str, int]:
        """The numbers that a sentence about it tells."""
        looked = len(self.drawn) - len(self.left)
        return {"drawn": len(self.drawn), "rest": len(self.rest), "looked": looked, "changed": self.changed}

    @property
    def told(self) -> dict[str, str]:
        """The same numbers as they are printed."""
        return {name: f"{count:,}" for name, count in self.facts.items()}

    def as_json(self) -> dict[str, Any]:
        """Return the check as JSON data."""
        return {"ordinal": self.ordinal, **self.facts, "items": list(self.drawn), "left": list(self.left)}


def progress_of(draw: Draw, before: pd.Series[float], said: Mapping[str, float]) -> RandomCheck:
    """Return how far people are; before [item]: the machine's values, NaN = no answer; said: item -> people's value."""
    rest = tuple(item for item in before.index[before.notna()] if item not in draw.seen)
    drawn = draw.of(rest)
    left = tuple(item for item in drawn if item not in said)
    changed = sum(item in said and bool(said[item] != before[item]) for item in drawn)
    return RandomCheck(draw.ordinal, rest, drawn, left, changed)


def barrier_to(
    finding: Finding, headline: Measure, after: pd.Series[float], units: Collection[str]
) -> Barrier | None:
    """Return why a random check gives no interval; after [item]: values after review, units: of the items asked."""
    if finding.stop == "early" and headline.interval != "known":
        return "early"
    if len(set(units)) < len(units):
        return "units"
    exact = headline.interval in ("known", "exact")
    return None if exact and after.dropna().isin((0.0, 1.0)).all() else "values"


def bounded(
    check: RandomCheck, before: pd.Series[float], said: Mapping[str, float], level: float,
    mean: Callable[[pd.Series[float], float], Measure], *, whole: bool,
) -> Measure:
    """Return the rate after review with its interval, once all that was drawn was looked at.

    before, said: as in `progress_of`, of items that are 0 or 1. mean(values [item], level): the rate that these values
    would give. whole: the items are all that the rate speaks of.
    """
    error = (1 - level) * (1.0 if whole else 0.5)
    least, most, estimate = _totals(check, before, said, 1 - error * 2.0**-check.ordinal)
    low, high = (mean(_with_ones(before, total), level if whole else 1 - error) for total in (least, most))
    assert low.low is not None
    assert high.high is not None
    value = estimate / int(before.notna().sum())
    ends = (min(low.low, value), max(high.high, value))
    return replace(high, value=value, low=ends[0], high=ends[1], level=level, method=RANDOM_CHECK)


def _totals(
    check: RandomCheck, before: pd.Series[float], said: Mapping[str, float], level: float
) -> tuple[int, int, float]:
    """Return the least and the most ones of all items that the draw leaves possible, and the estimate."""
    import numpy as np
    import pandas as pd

    from detectors.intervals import PartOfSet, events_of_parts

    known, was = pd.Series(said, dtype=float).reindex(before.index).to_numpy(), before.to_numpy(float)
    rest, drawn = before.index.isin(check.rest), before.index.isin(check.drawn)
    parts = []
    for value in (0.0, 1.0):
        part, among = known[rest & (was == value)], known[drawn & (was == value)]
        if len(part):
            ones, untold = int(np.nansum(part)), int(np.isnan(part).sum())
            guess = ones + untold * value
            parts.append(PartOfSet(len(part), len(among), int(np.nansum(among)), ones, ones + untold, guess))
    low, high, estimate = events_of_parts(parts, level)
    # A word that was taken back leaves its item unknown, and no draw speaks of it.
    others = ~(np.isnan(was) | rest)
    ones, untold = int(np.nansum(known[others])), int(np.isnan(known[others]).sum())
    return low + ones, high + ones + untold, estimate + float(np.where(np.isnan(known), was, known)[others].sum())


def _with_ones(before: pd.Series[float], ones: int) -> pd.Series[float]:
    """Return values of which so many are 1; which of them does not matter to a rate of single items."""
    import numpy as np
    import pandas as pd

    values = before.to_numpy(float, copy=True)
    known = np.flatnonzero(~np.isnan(values))
    values[known] = np.arange(len(known)) < ones
    return pd.Series(values, before.index)
