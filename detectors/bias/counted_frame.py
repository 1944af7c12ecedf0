"""The counted way of `MetricFrame`: all values and intervals from one tensor, in the tables that fairlearn shows.

    rows -> counts -> rates [metric, control, G] -> aggregates -> Series and DataFrames, when they are asked for
         -> B times drawn anew -> the same -> quantiles
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.bias.aggregates import AGGREGATES, quantiles
from detectors.bias.counts import Axis, CountTensor, Role
from detectors.bias.known_metrics import KnownMetric
from detectors.bias.levels import in_order
from detectors.bias.rates import COUNT, Rates

__all__ = ["CountedFrame", "ZeroDivision"]

ZeroDivision = Literal["fairlearn", "nan"]
"""What stands for a rate that a group does not have: what the callable puts there, or NaN."""
Told = list[tuple[Rates, Floats]]
"""By metric: its rates, and what the callable says of them."""


class CountedFrame:
    """Metrics of counts by group; a name stands for each of fairlearn's tables, see `AGGREGATES`."""

    def __init__(
        self, metrics: Mapping[str, KnownMetric], tensor: CountTensor, *, single: bool, zero_division: ZeroDivision
    ) -> None:
        """Make the rates. `single`: one callable was given, so that tables lose their axis of metrics."""
        self._metrics, self._tensor, self._single, self._zero_division = metrics, tensor, single, zero_division
        told = dict.fromkeys(level for axis in tensor.of("label", "decision") for level in axis.levels)
        self._names = pd.Index(list(metrics))
        self._levels = [list(told)[place] for place in in_order(told)]
        self._told, everyone = self._rates(tensor.counts[None])
        self._values = self._stacked(self._told)[0], self._stacked(everyone)[0, ..., 0]
        self._ci_quantiles: Sequence[float] = ()

    def draw(self, replicates: Iterable[NDArray[Any]], levels: Sequence[float], *, drop: bool) -> None:
        """Take blocks of replicates [b, *shape of the counts] for intervals at these quantiles.

        drop: leave groups out that no replicate has, as fairlearn does.
        """
        self._ci_quantiles = levels
        by, over, self._seen = [], [], np.full(self._told[0][0].n.shape[1:], not drop)
        for counts in replicates:
            groups, everyone = self._rates(counts)
            by.append(self._stacked(groups))
            over.append(self._stacked(everyone)[..., 0])
            self._seen |= self._product_of_seen(counts).reshape(self._seen.shape)
        self._drawn = np.concatenate(by), np.concatenate(over)

    def table(self, *name: str) -> Any:
        """Return the table of this name."""
        values = AGGREGATES[name](*self._values)
        return self._shown(values.astype(np.int64) if self._is_whole(name[0]) else values, name)

    def table_ci(self, *name: str) -> list[Any]:
        """Return the tables of this name at each quantile of the replicates."""
        # of frames fairlearn leaves NaN out, of series it does not: a ratio of 0/0 in one replicate has no quantile
        skip_nan = name == ("by_group",) or bool(self._tensor.of("control"))
        found = quantiles(AGGREGATES[name](*self._drawn), self._ci_quantiles, skip_nan=skip_nan)
        return [self._shown(values, name, self._seen) for values in found]

    @property
    def stand_ins(self) -> int:
        """Number of undefined rates for which a number stands."""
        return sum(int(np.count_nonzero(one.undefined & ~np.isnan(said))) for one, said in self._told)

    @property
    def undefined(self) -> pd.DataFrame:
        """The rates that a group does not have, one a row, by group.

        `metric`, `denominator`, `n`, `cause`, and what the callable says instead, `told`.
        """
        rows, places = [], []
        for name, (found, said) in zip(self._metrics, self._told, strict=True):
            for control, group in np.argwhere(found.undefined[0]).tolist():
                at = (0, control, group)
                rows.append((name, found.denominator[at], found.n[at], found.cause(*at), said[at]))
                places.append(control * found.n.shape[-1] + group)
        frame = pd.DataFrame(rows, columns=["metric", "denominator", "n", "cause", "told"])
        return frame.set_axis(self._by_group_index.take(np.array(places, int)))

    def _is_whole(self, name: str) -> bool:
        """Tell whether pandas has integers: counts alone, of groups that all have rows."""
        made_of = self._values[1] if name == "overall" else self._values[0]
        counts = all(known.metric is COUNT for known in self._metrics.values())
        return name != "ratio" and counts and not np.isnan(made_of).any()

    def _rates(self, counts: NDArray[Any]) -> tuple[Told, Told]:
        """Return the rates of the groups [B, control, G], and of all together [B, control, 1]."""
        groups = self._square(counts)
        everyone = groups.sum(axis=2, keepdims=True)
        by, over = ([known.of(one, self._levels) for known in self._metrics.values()] for one in (groups, everyone))
        return by, over

    def _square(self, counts: NDArray[Any]) -> NDArray[Any]:
        """Return counts [B, control, G, label, decision], the last two by `_levels`, of one where there are none."""
        controls = math.prod(len(axis.levels) for axis in self._tensor.of("control"))
        sides = [axis[0].levels if (axis := self._tensor.of(role)) else None for role in _SIDES]
        cells = counts.reshape(len(counts), controls, -1, *(1 if side is None else len(side) for side in sides))
        if len(self._levels) > 1 and all(side is None or list(side) == self._levels for side in sides):
            return cells
        rank, size = {level: place for place, level in enumerate(self._levels)}, max(len(self._levels), 2)
        labels, decisions = ([0] if side is None else [rank[level] for level in side] for side in sides)
        square = np.zeros((*cells.shape[:3], *(1 if side is None else size for side in sides)), cells.dtype)
        square[..., np.array(labels)[:, None], np.array(decisions)] = cells
        return square

    def _stacked(self, told: Told) -> Floats:
        """Return what the frame says [B, metric, control, G]."""
        return np.stack([said if self._zero_division == "fairlearn" else one.value for one, said in told], axis=1)

    def _product_of_seen(self, counts: NDArray[Any]) -> NDArray[np.bool_]:
        """Return [control ..., group ...] True where a replicate has each of the levels, together or not."""
        features = range(1, len(self._tensor.of("control", "group")) + 1)
        seen = counts.reshape(*counts.shape[: len(features) + 1], -1).any(axis=-1)
        sides = [np.any(seen, axis=tuple(k for k in features if k != i), keepdims=True) for i in features]
        return np.asarray(np.any(reduce(np.logical_and, sides), axis=0))

    @cached_property
    def _by_group_index(self) -> pd.Index[Any]:
        return _index(self._tensor.of("control", "group"))

    @cached_property
    def _control_index(self) -> pd.Index[Any]:
        return _index(self._tensor.of("control"))

    def _shown(self, values: NDArray[Any], name: tuple[str, ...], seen: NDArray[np.bool_] | None = None) -> Any:
        """Return values [metric, control(, G)] as fairlearn shows them, without the groups that are not `seen`."""
        rows = values.reshape(len(self._names), -1).T.copy()  # nobody who writes into a table writes into these values
        by_group = name == ("by_group",)
        if not by_group and not self._tensor.of("control"):
            return rows[0, 0] if self._single else pd.Series(rows[0], self._names.copy())
        index = self._by_group_index if by_group else self._control_index
        frame = pd.DataFrame(rows, index.copy(), self._names.copy())
        if seen is not None:
            frame = frame[(seen if by_group else seen.any(axis=1)).ravel()]
        return frame.iloc[:, 0] if self._single else frame


def _index(axes: Sequence[Axis]) -> pd.Index[Any]:
    """Return the product of the levels as pandas names it."""
    levels = [pd.Index(axis.levels, name=axis.name) for axis in axes]
    return levels[0] if len(levels) == 1 else pd.MultiIndex.from_product(levels)


_SIDES: tuple[Role, ...] = ("label", "decision")
