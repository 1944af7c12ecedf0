"""Independent yes/no units counted by group, and what two of many groups surely differ by.

A group is chosen for lying farthest, and the reference for being the highest: the ends that two groups are compared by
then hold for all comparisons that there were to choose from. Of the largest of all, which is at least every true one
and is itself one of them, hold

    low   = the largest low end over pairs of groups, at 1 - (1 - level) / pairs
    high  = the largest high end over pairs of groups, at `level` alone
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals import exact_binomial, rate_difference

__all__ = ["HIGHEST", "MOST_GROUPS", "REST", "Ends", "Groups", "Side", "extreme_pairs", "pair_ends"]

REST, HIGHEST = "the rest", "the highest"
"""References: all other groups together; the group with the highest rate."""
MOST_GROUPS = 40
"""Groups that have measures of their own; of more, those that differ most. A result's table has all of them."""
Ends = Callable[..., tuple[Any, Any]]
"""`rate_difference` or `rate_ratio`."""
_PAIRED = 60
"""Groups up to which all pairs are compared."""
_CANDIDATES = 6
"""Groups at either end among which the pair that is surest to differ is looked for."""


@immutable
class Groups:
    """Independent yes/no units, counted by group. Raises ValueError for counts that cannot be."""

    selected: NDArray[np.int64]
    """Units that had the event [group]."""
    totals: NDArray[np.int64]
    """Units that answered [group]."""
    names: tuple[str, ...]
    missing: NDArray[np.int64]
    """Units that were asked and gave no answer [group]."""

    @classmethod
    def of(
        cls, selected: ArrayLike, totals: ArrayLike, names: Sequence[str], missing: ArrayLike | None = None
    ) -> Groups:
        """Return the groups of plain counts [group]."""
        k, n = np.asarray(selected, dtype=np.int64), np.asarray(totals, dtype=np.int64)
        lost = np.zeros_like(n) if missing is None else np.asarray(missing, dtype=np.int64)
        if not k.shape == n.shape == lost.shape == (len(names),) or len(set(names)) != len(names):
            got = f"counts {k.shape} of {n.shape}, missing {lost.shape} for {len(set(names))} names of {len(names)}"
            raise ValueError(f"groups: got {got}; allowed: one count and one name a group")
        if not np.all((k >= 0) & (k <= n) & (lost >= 0)):
            raise ValueError(f"groups: got {selected!r} of {totals!r}; allowed: 0 <= selected <= totals, missing >= 0")
        return cls(k, n, tuple(map(str, names)), lost)

    @cached_property
    def there(self) -> NDArray[np.int64]:
        """Positions of the groups that have a unit."""
        return np.flatnonzero(self.totals > 0)

    @cached_property
    def rates(self) -> Floats:
        """Rate [group], NaN where there is no unit."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.selected / self.totals)

    def n_of(self, at: int | None) -> tuple[dict[str, int], int]:
        """Return the n of a measure of a group, or of all of them, and how many units are missing there."""
        units, missing = (one if at is None else one[at : at + 1] for one in (self.totals, self.missing))
        return {"items": int(units.sum()), "units": int(units.sum())}, int(missing.sum())

    def reference_name(self, reference: str) -> str:
        """Return what a reference is: `REST`, or a group."""
        return self.names[self.place_of(HIGHEST)] if reference == HIGHEST else reference

    def ends(self, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [group] of the rates, the missing taken for none and for events."""
        asked = self.totals + self.missing
        return (
            np.asarray(exact_binomial(self.selected, asked, level)[0]),
            np.asarray(exact_binomial(self.selected + self.missing, asked, level)[1]),
        )

    def sides(self, reference: str) -> tuple[Side, Side, int]:
        """Return every group, what each is compared with, both [group], and how many comparisons there were to choose
        from.
        """
        own = Side(self.selected, self.totals, self.missing)
        if reference == REST:
            rest = Side(*(one.sum() - one for one in own))
            return own, rest, 1 if len(self.there) == 2 else len(self.there)
        at = self.place_of(reference)
        count = len(self.there)
        tried = count * (count - 1) // 2 if reference == HIGHEST else count - 1
        return own, Side(*(np.broadcast_to(one[at], one.shape) for one in own)), tried

    def place_of(self, reference: str) -> int:
        """Return the position of the reference group; ValueError where it is no group."""
        if reference == HIGHEST:
            return int(self.there[np.argmax(self.rates[self.there])])
        if reference not in self.names:
            known = ", ".join(self.names[:10])
            raise ValueError(f"reference: got {reference!r}; allowed: {REST!r}, {HIGHEST!r} or a group ({known})")
        return self.names.index(reference)


@immutable
class Side:
    """One side of a comparison, [comparison], or within strata [stratum, comparison]."""

    events: NDArray[np.int64]
    units: NDArray[np.int64]
    missing: NDArray[np.int64]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return iter((self.events, self.units, self.missing))

    def __getitem__(self, at: Any) -> Side:
        return Side(self.events[at], self.units[at], self.missing[at])


def extreme_pairs(groups: Groups, level: float, ends: Ends) -> tuple[float, float]:
    """Return (low, high) of the largest of what `ends` compares, over all pairs of groups with a unit.

    ends: `rate_difference`, or `rate_ratio`. The low end is of the surest pair, by intervals that hold for all pairs at
    once; of those only the pairs that are likeliest are looked at. The high end is over all pairs at `level` alone, as
    one of them is the one that truly differs most; beyond `_PAIRED` groups by the ends of two rates at half the error.
    """
    own = groups.sides(REST)[0][groups.there]
    count = len(own.units)
    strict = 1 - (1 - level) / (count * (count - 1) / 2)
    low, high = (one[groups.there] for one in groups.ends(strict))
    top, bottom = np.meshgrid(*(np.argsort(one, kind="stable")[:_CANDIDATES] for one in (-low, high)))
    apart = top != bottom
    likely = int(apart.sum())
    rest = np.triu_indices(count if count <= _PAIRED else 0, 1)
    one, two = (np.append(place[apart], more) for place, more in zip((top, bottom), rest, strict=True))
    levels = np.where(np.arange(len(one)) < likely, strict, level)
    low, high = pair_ends(own[one], own[two], levels, ends)  # all in one search, as each has a cost of its own
    surest = float(low[:likely].max())
    if count <= _PAIRED:
        return surest, max(float(high[likely:].max()), _turned(float(low[likely:].min()), ends))
    low, high = (one[groups.there] for one in groups.ends(1 - (1 - level) / 2))
    if ends is rate_difference:
        return surest, float(high.max() - low.min())
    return surest, float(high.max()) * _turned(float(low.min()), ends)


def _turned(low: float, ends: Ends) -> float:
    """Return the high end of a pair of groups from the low end of the pair turned round."""
    if ends is rate_difference:
        return -low
    return 1 / low if low else float("inf")


def pair_ends(one: Side, two: Side, level: float | Floats, ends: Ends) -> tuple[Floats, Floats]:
    """Return the ends of every comparison, at one level or [comparison] its own; equal ones, as many small groups make
    them, are computed once.
    """
    rows, back = np.unique(np.stack(np.broadcast_arrays(*one, *two, level), 1), axis=0, return_inverse=True)
    k1, n1, missing1, k2, n2, missing2, levels = rows.T
    low, high = ends(k1, n1, k2, n2, levels, missing1=missing1, missing2=missing2)
    return np.asarray(low)[back], np.asarray(high)[back]


def _apart(high: float, low: float, ends: Ends) -> float:
    if ends is rate_difference:
        return high - low
    return high / low if low else float("inf")
