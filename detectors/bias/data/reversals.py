"""Does the gap of a group turn round within the strata of another column? (Simpson 1951; Bickel et al. 1975)

    gap in all, gap in stratum s     rate of the favourable label in the group - in all others
    reversed strata                  those whose gap has the other sign than that in all
      low    those surely so: neither interval holds 0, and they lie on either side of it
      high   those that may be so: the intervals do not rule it out

The intervals are of two rates each and hold for the gap in all and in every stratum, of every group, split and column
at once (Bonferroni); so do low and high. Rows without a label may have had either. A stratum counts where the group and
the others have a labelled row in it; of a split in two groups, of which each is the rest of the other, one counts.

What stratifies is a question of the matter: a column that follows from the group, or from the label, makes and hides
gaps that are none. The gap that is pooled over strata is that of `detectors.bias.conditional`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.bias.conditional import conditional_gaps
from detectors.bias.data.findings import Found, largest, surest
from detectors.bias.data.setting import MOST_ROWS, NEVER, ONE_GROUP, Setting
from detectors.bias.data.splits import Column, Split
from detectors.bias.groups import Side, pair_ends
from detectors.immutable import immutable
from detectors.intervals import RATE_DIFFERENCE, rate_difference
from detectors.phrases import Method, Phrase
from detectors.result import Measure, Remark

__all__ = ["reversals"]

_ALL_AT_ONCE = Method(
    "strata whose gap surely, or may, turn: {method}, all at once (Bonferroni)", method=RATE_DIFFERENCE
)
_NAMES = ("reversed_strata", "label_rate_conditional_gap")


def reversals(setting: Setting) -> Found:
    """Return how many strata turn the gap of all round, and the gap pooled over strata.

    Of several splits, or columns that stratify, the most and the surest of all. Rows of evidence: a gap within a
    stratum each; against = it surely turns.
    """
    if not setting.favourable.any():
        return Found([setting.none(name, NEVER) for name in _NAMES])
    found, told = Found(), list[tuple[Measure, Measure]]()
    pairs = [(split, column) for split in setting.splits for column in setting.within]
    strict = 1 - (1 - setting.level) / len(pairs)
    for split, column in pairs:
        crossed = _Crossed(setting, split, column, strict, None if len(pairs) == 1 else _called(split, column))
        told.append((crossed.turned(found), crossed.pooled()))
    turned, pooled = zip(*told, strict=True)
    found.measures = [*largest(turned), *surest(pooled)]
    return found


def _called(split: Split, column: Column) -> str:
    return Phrase("{group1}: {group2}", group1=split.name, group2=column.name)


@immutable(eq=False)
class _Crossed:
    """A split within the strata of a column."""

    setting: Setting
    split: Split
    column: Column
    level: float
    label: str | None
    """What measures are called by; None where there is no other."""

    @cached_property
    def own(self) -> Side:
        """Favourable labels, labels and rows without one [stratum, group]."""
        setting, groups = self.setting, len(self.split.groups)
        cells = self.column.cells.astype(np.int64)
        size = int(cells.max()) + 1
        place = cells * groups + self.split.codes

        def counted(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
            return np.bincount(place[rows], minlength=size * groups).reshape(size, groups)

        return Side(counted(setting.favourable), counted(setting.labelled), counted(~setting.labelled))

    def turned(self, found: Found) -> Measure:
        """Return how many strata turn the gap round; adds their rows, and a remark on the one that does most surely."""
        gaps = _Gaps.of(self.own, self.level, twins=len(self.split.groups) == 2)
        if not gaps.within.size:
            return self.setting.none("reversed_strata", ONE_GROUP, self.label)
        self._tell(found, gaps)
        most = int(np.argmax(np.where(gaps.surely, np.abs(gaps.within), -1.0)))
        if gaps.surely[most]:
            group, stratum = self._named(gaps, most)
            found.remarks.append(Remark("simpson", {
                "group": group, "column_name": self.column.name, "stratum_name": stratum,
                "gap_share": float(gaps.whole[0][gaps.group[most]]), "within_share": float(gaps.within[most]),
                "low_share": float(gaps.low[most]), "high_share": float(gaps.high[most]),
            }))  # fmt: skip
        value, low, high = (float(one.sum()) for one in (gaps.seen, gaps.surely, gaps.may))
        return self.setting.measure("reversed_strata", value, self.label, low=low, high=high, method=_ALL_AT_ONCE)

    def _named(self, gaps: _Gaps, at: int) -> tuple[str, str]:
        """Return what the group and the stratum of a gap are called."""
        return self.split.named(self.split.groups[gaps.group[at]]), self.column.cell_names[gaps.stratum[at]]

    def _tell(self, found: Found, gaps: _Gaps) -> None:
        weight = -np.sign(gaps.whole[0][gaps.group]) * gaps.within
        for at in np.argsort(-weight, kind="stable")[:MOST_ROWS]:
            group, stratum = self._named(gaps, int(at))
            found.row(
                "reversals", self.column.name, group, stratum=stratum,
                rows=int(self.own.units[gaps.stratum[at], gaps.group[at]]), value=gaps.within[at], low=gaps.low[at],
                high=gaps.high[at], gap_in_all=gaps.whole[0][gaps.group[at]], weight=weight[at],
                against=True if gaps.surely[at] else None if gaps.may[at] else False,
            )  # fmt: skip

    def pooled(self) -> Measure:
        """Return the gap pooled over strata, of the group that lies farthest."""
        strata, groups = (list(map(str, range(size))) for size in self.own.units.shape)
        told = conditional_gaps(
            self.own.events, self.own.units, strata, groups, level=self.level, rng=self.setting.rng,
            metric="label_rate", missing=self.own.missing,
        )
        return replace(told.measure(_NAMES[1]), group=self.label)


@immutable(eq=False)
class _Gaps:
    """Gaps of groups from the others: in all (value, low, high) [3, group], and those that strata have [gap]."""

    whole: Floats
    stratum: NDArray[np.intp]
    group: NDArray[np.intp]
    within: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, own: Side, level: float, *, twins: bool) -> _Gaps:
        """Return the gaps of counts [stratum, group]; of twins, of which each is the other's rest, the first's."""
        other = Side(*(one.sum(axis=1, keepdims=True) - one for one in own))
        compared = np.arange(own.units.shape[1]) < (1 if twins else own.units.shape[1])
        stratum, group = np.nonzero((own.units > 0) & (other.units > 0) & compared)
        groups = np.unique(group)
        strict = 1 - (1 - level) / max(1, len(stratum) + len(groups))
        whole = np.full((3, own.units.shape[1]), np.nan)
        if len(groups):
            one, two = (Side(*(counts.sum(axis=0)[groups] for counts in side)) for side in (own, other))
            whole[:, groups] = _compared(one, two, strict)
        within = _compared(own[stratum, group], other[stratum, group], strict) if len(groups) else np.empty((3, 0))
        return cls(whole, stratum, group, *within)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Whether the gap of a stratum has the other sign."""
        return np.asarray(self.whole[0][self.group] * self.within < 0)

    @property
    def surely(self) -> NDArray[np.bool_]:
        """Whether it surely has."""
        _, low, high = self.whole[:, self.group]
        return np.asarray((low > 0) & (self.high < 0) | (high < 0) & (self.low > 0))

    @property
    def may(self) -> NDArray[np.bool_]:
        """Whether it may have."""
        _, low, high = self.whole[:, self.group]
        return np.asarray((high > 0) & (self.low < 0) | (low < 0) & (self.high > 0))


def _compared(one: Side, two: Side, level: float) -> Floats:
    """Return (value, low, high) [3, comparison] of the differences of rates."""
    value = one.events / one.units - two.events / two.units
    low, high = pair_ends(one, two, level, rate_difference)
    return np.stack([value, np.minimum(low, value), np.maximum(high, value)])
