"""How much more one group scores than another, over independent units, with bands that hold for all groups at once.

    D_u = mean score of group g in unit u - mean score of what it is compared with in u,    gap = mean of D_u

Every gap is linear in the scores, so one matrix of weights [group, row] gives gaps, their units and their permutations.
Scores lie in [0, 1], so D_u lies in [-1, 1] and betting gives intervals that cover at every number of units. A missing
score may have been anything: the lower end takes it for what makes the gap least, the upper end for what makes it most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals import betting_mean
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, undefined

__all__ = [
    "BETTING", "Gap", "Scores", "bounded", "contrasts", "largest", "permuted", "row_scores", "signed", "table_of",
    "together",
]

BETTING = Method("betting (hedged capital) over unit means")
_NO_PAIR = Cause("no unit holds this group and another one, both with a score")
_SCORE: tuple[str, Direction, float] = ("score", "nearer to ideal is better", 0.0)


@immutable
class Scores:
    """The mean score of each row over its draws, and the least and most that it could be [row]."""

    known: Floats
    """NaN where no draw has a score."""
    least: Floats
    most: Floats
    missing: NDArray[np.int64]
    """Draws without a score."""
    draws: int
    """Draws of a row."""

    def answers(self, rows: NDArray[np.bool_]) -> int:
        """Return how many draws of these rows have a score."""
        return int((self.draws - self.missing[rows]).sum())


def table_of(cells: pd.Series[Any]) -> Floats:
    """Return lists of one length as a table [row, draw]; raises ValueError for several lengths, and for none."""
    rows = [np.asarray(cell, dtype=float) for cell in cells]
    sizes = {len(row) for row in rows}
    if len(sizes) != 1 or not sizes - {0}:
        got = f"rows of {', '.join(map(str, sorted(sizes))) or 'no'} draws"
        raise ValueError(f"table_of: got {got}; allowed: one number of draws, 1 or more")
    return np.stack(rows)


def row_scores(table: Floats) -> Scores:
    """Return the scores of rows [row, draw] in [0, 1], NaN = none; raises ValueError for a score outside."""
    has = np.isfinite(table)
    if has.any() and not (table[has].min() >= 0 and table[has].max() <= 1):
        raise ValueError(f"row_scores: got scores from {table[has].min()} to {table[has].max()}; allowed: 0 to 1")
    total, size, count = np.where(has, table, 0.0).sum(axis=1), has.sum(axis=1), table.shape[1]
    mean = np.divide(total, size, out=np.full(len(table), np.nan), where=size > 0)
    return Scores(mean, total / count, (total + count - size) / count, count - size, count)


def contrasts(
    unit: NDArray[np.int64], group: NDArray[np.int64], use: NDArray[np.bool_], reference: int | None
) -> Floats:
    """Return weights [group, row] with which scores sum to D_u over the rows of u; all 0 for the reference.

    unit, group [row]: numbers from 0; use [row]: rows that count. A group is compared with the reference, else with all
    other groups of the unit, each with the same weight. Rows of a unit and group weigh the same; units that lack one
    side have no weight.
    """
    count = np.zeros((int(unit.max()) + 1, int(group.max()) + 1))
    np.add.at(count, (unit[use], group[use]), 1.0)
    there, found = count > 0, np.zeros((count.shape[1], len(unit)))
    for own in range(count.shape[1]):
        if own == reference:
            continue
        other = there.copy()
        other[:, own] = False
        if reference is not None:
            other[:, np.arange(count.shape[1]) != reference] = False
        sides = other.sum(axis=1, keepdims=True)
        both = there[:, own] & (sides[:, 0] > 0)
        weight = np.where(other, -1 / np.maximum(count * sides, 1), 0.0)
        weight[:, own] = 1 / np.maximum(count[:, own], 1)
        found[own] = np.where(use & both[unit], weight[unit, group], 0.0)
    return found


def signed(weights: Floats, scores: Floats, code: NDArray[np.int64], units: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Return D [unit] of one group, and which units it is of; code [row]: number of the row's unit."""
    there = np.bincount(code, weights=np.abs(weights), minlength=units) > 0
    summed = np.bincount(code, weights=weights * np.where(weights == 0, 0.0, scores), minlength=units)
    return np.asarray(summed, dtype=float), there


def bounded(
    least: Floats, most: Floats, *, level: float, rng: np.random.Generator, low: float = -1.0, high: float = 1.0
) -> tuple[float, float]:
    """Return (low, high) for the mean of values [unit] within [low, high] that lie between `least` and `most`."""
    order, width = rng.permutation(len(least)), high - low
    ends = betting_mean(np.clip((least[order] - low) / width, 0, 1), level), betting_mean(
        np.clip((most[order] - low) / width, 0, 1), level
    )
    return low + width * ends[0][0], low + width * ends[1][1]


@immutable
class Gap:
    """A signed gap of one group; `value` is NaN where there is none."""

    group: str
    value: float
    low: float
    high: float
    n: Mapping[str, int]
    missing: int

    def mirrored(self, group: str) -> Gap:
        """Return the gap of the only other group: the same, turned round."""
        return replace(self, group=group, value=0.0 - self.value, low=-self.high, high=-self.low)

    def measure(
        self, name: str, level: float, method: Method, unit: str = "score", reason: Cause = _NO_PAIR
    ) -> Measure:
        """Return it as a measure; reason: why there is none, where there is none. An infinite end is none."""
        told = {"unit": unit, "direction": _SCORE[1], "ideal": _SCORE[2], "group": self.group, "missing": self.missing}
        if not np.isfinite(self.value):
            return undefined(name, reason, n=self.n, level=level, **told)  # type: ignore[arg-type]
        return Measure(
            name=name, value=self.value, low=_finite(min(self.low, self.value)),
            high=_finite(max(self.high, self.value)), n=self.n, level=level, method=method,
            **told,  # type: ignore[arg-type]
        )


def largest(
    name: str, gaps: Sequence[Gap], n: Mapping[str, int], level: float, method: Method, unit: str = "score",
    reason: Cause = _NO_PAIR,
) -> Measure:
    """Return the largest gap in size, whichever group has it; its interval follows from bands that hold together.

    The truth of the largest lies between the largest that some band leaves it at least, and the largest at most.
    reason: why there is none, where no group has one. An infinite end is none.
    """
    told: dict[str, Any] = {"unit": unit, "direction": "lower is better", "ideal": 0.0}
    there = [gap for gap in gaps if np.isfinite(gap.value)]
    missing = max((gap.missing for gap in gaps), default=0)
    if not there:
        return undefined(name, reason, n=n, level=level, missing=missing, **told)
    value = max(abs(gap.value) for gap in there)
    low = max(0.0, *(max(gap.low, -gap.high) for gap in there))
    high = max(max(abs(gap.low), abs(gap.high)) for gap in gaps)
    return Measure(
        name=name, value=value, low=min(low, value), high=_finite(max(high, value)), n=n, level=level, method=method,
        missing=missing, **told,
    )


def _finite(end: float) -> float | None:
    return float(end) if np.isfinite(end) else None


def together(method: Method, count: int) -> Method:
    """Return the method of so many gaps that hold at once."""
    return method if count == 1 else Method("{method}; all groups at once (Bonferroni)", method=method)


def permuted(count: int, rows: int, blocks: NDArray[np.int64], rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield orders [permutation, row] in which rows only take places of their own block, some permutations at a time.

    blocks [row]: number of each row's block; the rows are sorted by it.
    """
    step = max(1, 2_000_000 // max(rows, 1))
    for start in range(0, count, step):
        yield np.argsort(blocks + rng.random((min(step, count - start), rows)), axis=1)
