"""What a question about a table finds: measures of every split, the largest of all splits, and rows of evidence.

    of all splits = the largest of the splits' own, [largest low end, largest high end]
    each split at   1 - (1 - level) / splits

which holds, as the truly largest is at least as large as every low end and no larger than the largest high end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from detectors.phrases import Method
from detectors.result import Measure, Remark

__all__ = ["Found", "largest", "smallest_p", "sureness", "surest"]

Row = dict[str, Any]


@dataclass
class Found:
    """What one question found."""

    measures: list[Measure] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    """Evidence: `kind`, `column`, `group`, `rows`, `value`, `low`, `high`, `against`, `weight`, what else is known."""

    remarks: list[Remark] = field(default_factory=list)
    """Sentences that a reader needs before the numbers."""

    def row(self, kind: str, column: str, group: str | None, **told: Any) -> None:
        """Add a row of evidence."""
        self.rows.append({"kind": kind, "column": column, "group": group, **told})


def largest(measures: Sequence[Measure], turned: Callable[[float], float] = lambda value: value) -> list[Measure]:
    """Return one measure of all splits from those of each, and those behind it; of one split its own.

    measures: of one name, each of its split; `turned` says what is large, e.g. its negative where the least counts.
    """
    known = [one for one in measures if one.value is not None]
    if len(measures) < 2:
        return list(measures)
    if not known:
        return [replace(measures[0], group=None), *measures]
    top = max(known, key=lambda one: turned(one.value or 0.0))
    low, high = (_end(known, end, turned) for end in ("low", "high"))
    method = top.method
    if low is not None:
        method = Method("{method}, most of {count}", method=top.method, count=len(measures))
    return [replace(top, group=None, method=method, low=low, high=high), *measures]


def _end(known: Iterable[Measure], end: str, turned: Callable[[float], float]) -> float | None:
    ends = [getattr(one, end) for one in known]
    return None if None in ends else max(ends, key=turned)


def surest(measures: Sequence[Measure]) -> list[Measure]:
    """Return the signed gap that surely lies farthest from 0, or else seems to, and those behind it."""
    known = [one for one in measures if one.value is not None]
    if len(measures) < 2:
        return list(measures)
    if not known:
        return [replace(measures[0], group=None), *measures]
    reaches = [one.reach for one in known if one.reach is not None]
    reach = (min(low for low, _ in reaches), max(high for _, high in reaches)) if reaches else None
    return [replace(max(known, key=sureness), group=None, reach=reach), *measures]


def sureness(measure: Measure) -> tuple[float, float]:
    """Return how far from 0 a measure surely lies, and how far it seems to."""
    low, high = measure.low or 0.0, measure.high or 0.0
    return max(low, -high, 0.0), abs(measure.value or 0.0)


def smallest_p(measures: Sequence[Measure]) -> list[Measure]:
    """Return the least p-value of all splits, times their number (Bonferroni), and those behind it."""
    known = [one for one in measures if one.value is not None]
    if len(measures) < 2:
        return list(measures)
    if not known:
        return [replace(measures[0], group=None), *measures]
    least = min(known, key=lambda one: one.value or 0.0)
    method = Method("{method}, least of {count}", method=least.method, count=len(measures))
    return [replace(least, group=None, value=min(1.0, (least.value or 0.0) * len(measures)), method=method), *measures]
