"""Which group lacks values of which column more often than the rest?

    gap         rate of rows without a value in the group - in all others, of a column
    of a column the largest gap of its groups, [largest low end, largest high end]; never below 0, as some group lacks
                values at least as often as the others; of all columns the same

Gaps hold for all columns, splits and groups at once (Bonferroni), columns that lack nothing among them, so that of many
columns the one that is chosen for its gap is named only where that is sure. So do the rates, which are exact.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detectors.bias.data.findings import Found
from detectors.bias.data.setting import MOST_ROWS, ONE_GROUP, Mask, Setting
from detectors.bias.data.splits import Split
from detectors.bias.groups import MOST_GROUPS, Side, pair_ends
from detectors.immutable import immutable
from detectors.intervals import RATE_DIFFERENCE, exact_binomial, rate_difference
from detectors.phrases import Method, Phrase
from detectors.result import Measure, Remark

__all__ = ["missing_columns"]

_NAME = "column_missing_gap"
_AT_ONCE = Method("largest gap: {method}, all columns and groups at once (Bonferroni)", method=RATE_DIFFERENCE)
_RATES = Method("exact binomial (Clopper-Pearson); all columns and groups at once (Bonferroni)")


@immutable
class _Gap:
    """How much more often a group lacks values of a column than the rest."""

    column: str
    group: str
    rows: int
    rate: float
    low: float
    high: float
    gap: float
    gap_low: float
    gap_high: float


def missing_columns(setting: Setting) -> Found:
    """Return the largest gap of all columns, and of each, and the rates behind the largest gaps.

    A row of evidence for each column and group; against = the group surely lacks values more often than the rest. A
    remark names the one that surely does most.
    """
    gaps, asked = list(_gaps(setting)), setting.asked
    if not gaps:
        return Found([setting.none(_NAME, ONE_GROUP)])
    named = [*asked.features, *([] if asked.label is None else [asked.label])]
    columns = [_largest(setting, [one for one in gaps if one.column == name], name) for name in named]
    columns.sort(key=lambda one: (-(one.low or 0), -(one.value or 0)))
    gaps.sort(key=lambda one: -one.gap)
    rates = [
        setting.measure("column_missing_rate", one.rate, Phrase("{group1}: {group2}", group1=one.column,
                        group2=one.group), n=one.rows, low=one.low, high=one.high, method=_RATES)
        for one in gaps[:MOST_GROUPS]
    ]  # fmt: skip
    found = Found([_largest(setting, gaps, None), *columns[:MOST_GROUPS], *rates])
    for one in gaps[:MOST_ROWS]:
        found.row(
            "missing_columns", one.column, one.group, rows=one.rows, value=one.rate, low=one.low, high=one.high,
            gap=one.gap, gap_low=one.gap_low, gap_high=one.gap_high, weight=one.gap, against=one.gap_low > 0,
        )  # fmt: skip
    most = max(gaps, key=lambda one: one.gap_low)
    if most.gap_low > 0:
        found.remarks = [Remark("missing_more", {
            "group": most.group, "column_name": most.column, "gap_share": most.gap, "low_share": most.gap_low,
            "high_share": most.gap_high,
        })]  # fmt: skip
    return found


def _largest(setting: Setting, gaps: list[_Gap], column: str | None) -> Measure:
    value, low, high = (max(ends) for ends in zip(*((one.gap, one.gap_low, one.gap_high) for one in gaps), strict=True))
    return setting.measure(
        _NAME, max(value, 0.0), column, low=max(low, 0.0), high=max(high, value, 0.0), method=_AT_ONCE
    )


def _gaps(setting: Setting) -> Iterator[_Gap]:
    """Yield the gaps of all columns and groups with rows, where there are two such groups."""
    asked = setting.asked
    lacks = setting.frame[[*asked.features, *([] if asked.label is None else [asked.label])]].isna()
    splits = [one for one in setting.splits if (one.counts() > 0).sum() > 1]
    there = {split.name: np.flatnonzero(split.counts()) for split in splits}
    tried = lacks.shape[1] * sum(1 if len(groups) == 2 else len(groups) for groups in there.values())
    rates = lacks.shape[1] * sum(map(len, there.values()))
    for split in splits:
        for column in lacks.columns:
            own = _side(split, lacks[column].to_numpy(bool))
            yield from _of_groups(setting, split, column, own[there[split.name]], there[split.name], (tried, rates))


def _side(split: Split, lacks: Mask) -> Side:
    """Return rows that lack a value, and rows [group]."""
    return Side(split.counts(lacks), split.counts(), np.zeros(len(split.groups), np.int64))


def _of_groups(
    setting: Setting, split: Split, column: str, own: Side, groups: NDArray[np.intp], tried: tuple[int, int]
) -> Iterator[_Gap]:
    """Yield the gaps of one column, of groups that have rows; tried: how many gaps, and how many rates, there are."""
    rest = Side(*(one.sum() - one for one in own))
    of_gaps, of_rates = (1 - (1 - setting.level) / count for count in tried)
    gap = own.events / own.units - rest.events / rest.units
    ends = exact_binomial(own.events, own.units, of_rates), pair_ends(own, rest, of_gaps, rate_difference)
    (low, high), (gap_low, gap_high) = ends
    for at, group in enumerate(groups):
        yield _Gap(
            column, split.named(split.groups[group]), int(own.units[at]), float(own.events[at] / own.units[at]),
            float(low[at]), float(high[at]), float(gap[at]), float(min(gap_low[at], gap[at])),
            float(max(gap_high[at], gap[at])),
        )  # fmt: skip
