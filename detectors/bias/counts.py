"""Counts are all that a group metric asks of the data.

    counts[control ..., group ..., label, decision]      how many rows say so

From rows, all at once or chunk by chunk, or from a published cross-tab, where no rows were ever given. Drawing n rows
with replacement and counting them is drawing the counts from Multinomial(n, counts / n): a replicate costs as much as
there are cells, however many rows there were. No value is a level too, `None`: leaving such rows out changes a gap
where some groups lack more values than others.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.bias.levels import binned, coded, in_order, table_of
from detectors.immutable import immutable

__all__ = ["LAWS", "MAX_CELLS", "Axis", "CountTensor", "Law", "Role", "cells_of"]

Role = Literal["control", "group", "label", "decision", "score"]
"""What an axis tells of a row; in this order the axes stand. `score` has bins for levels and stands for a decision."""
Law = Literal["multinomial", "stratified", "poisson", "dirichlet"]
LAWS: tuple[Law, ...] = ("multinomial", "stratified", "poisson", "dirichlet")
_RANK: Mapping[Role, int] = {"control": 0, "group": 1, "label": 2, "decision": 3, "score": 3}
MAX_CELLS = 1 << 27
"""Cells of one tensor: a gigabyte."""
_EXACT = 1 << 53
"""Up to here a count is exact as a float too."""


@immutable
class Axis:
    """One feature of the rows, and what it may be."""

    name: str
    role: Role
    levels: tuple[Hashable, ...]
    """In order; `None`, the last, for rows without a value. Bins of a score are (from, to)."""


@immutable(eq=False)
class CountTensor:
    """Rows counted by control features, groups, label and decision.

    Raises ValueError for counts that are negative, no integers, or of another shape than the axes.
    """

    counts: NDArray[np.int64]
    """[control ..., group ..., label, decision or score]; an axis that nobody asked for is not there."""
    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        """Take integers of the axes' shape."""
        counts = np.asarray(self.counts)
        shape = tuple(len(axis.levels) for axis in self.axes)
        if counts.shape != shape:
            raise ValueError(f"counts: got the shape {list(counts.shape)}; allowed: {list(shape)}, that of the levels")
        if counts.dtype.kind not in "iuf" or (bad := ~_are_counts(counts)).any():
            got = f"cells of type {counts.dtype}" if counts.dtype.kind not in "iuf" else counts[bad][0]
            raise ValueError(f"counts: got {got}; allowed: integers, 0 or more")
        whole = counts.astype(np.int64)
        whole.flags.writeable = False
        object.__setattr__(self, "counts", whole)
        _require_names([axis.name for axis in self.axes])
        ranks = [_RANK[axis.role] for axis in self.axes]
        if ranks != sorted(ranks) or any(ranks.count(rank) > 1 for rank in (2, 3)):
            got = ", ".join(axis.role for axis in self.axes)
            raise ValueError(f"counts: got axes of the roles {got}; allowed: control, group, label, decision or score")

    @classmethod
    def from_rows(
        cls,
        rows: Any,
        *,
        groups: Sequence[str],
        controls: Sequence[str] = (),
        label: str | None = None,
        decision: str | None = None,
        score: str | None = None,
        edges: ArrayLike | None = None,
    ) -> CountTensor:
        """Count rows by the columns named; a name that is not given makes no axis.

        rows: a DataFrame, a mapping of columns, an Arrow table or batch, or an iterable of these, which is read once
        and chunk by chunk, so that memory holds one chunk and the counts. `score` is counted by the bins between
        `edges`; NaN has its own. Levels are those that occur, sorted. Raises ValueError for an absent column, columns
        of unequal length, no chunk at all, and more cells than `MAX_CELLS`.
        """
        if (score is None) != (edges is None) or (score is not None and decision is not None):
            got = f"score {score!r}, decision {decision!r}"
            raise ValueError(f"counts: got {got}; allowed: a score with its edges, or a decision")
        wanted = _wanted(controls, groups, label, decision, score)
        total: CountTensor | None = None
        for chunk in _chunks(rows):
            part = cells_of(table_of(chunk), wanted, edges)[1]
            total = part if total is None else total.merge(part)
        if total is None:
            raise ValueError("counts: got no chunk of rows; allowed: one or more")
        return total

    @classmethod
    def from_crosstab(
        cls,
        table: pd.DataFrame,
        *,
        groups: Sequence[str],
        controls: Sequence[str] = (),
        label: str | None = None,
        decision: str | None = None,
        count: str | None = None,
    ) -> CountTensor:
        """Take a published table of counts for the rows that were counted.

        table: either one row a cell, with the number in the column `count`; or numbers alone, whose index and columns
        have levels of the names given. A cell that is not there has no rows; one that stands twice is added up. Raises
        ValueError for a name that is absent or not told, and for cells that are no counts (suppressed, negative).
        """
        if count is not None and count not in table:
            raise ValueError(f"counts: no column {count}; there are {', '.join(map(str, table))}")
        wide = _stacked(table) if count is None else table.set_index([one for one in table if one != count])[count]
        wanted = _wanted(controls, groups, label, decision)
        if sorted(map(str, wide.index.names)) != sorted(name for name, _ in wanted):
            told = ", ".join(name for name, _ in wanted)
            raise ValueError(f"counts: the table is by {', '.join(map(str, wide.index.names))}; got names {told}")
        cells = [coded(wide.index.get_level_values(name), name) for name, _ in wanted]
        axes = tuple(Axis(name, role, levels) for (name, role), (_, levels) in zip(wanted, cells, strict=True))
        numbers = pd.to_numeric(wide, errors="coerce").to_numpy(float)
        if (bad := ~_are_counts(numbers)).any():
            raise ValueError(f"counts: got the cell {wide.to_numpy()[bad][0]}; allowed: integers, 0 or more")
        counts = np.zeros(_require_cells(axes), np.int64)
        np.add.at(counts, tuple(codes for codes, _ in cells), numbers.astype(np.int64))
        return cls(counts, axes)

    @property
    def total(self) -> int:
        """Rows counted."""
        return int(self.counts.sum())

    def of(self, *roles: Role) -> tuple[Axis, ...]:
        """Return the axes of these roles."""
        return tuple(axis for axis in self.axes if axis.role in roles)

    @property
    def group_names(self) -> list[tuple[Hashable, ...]]:
        """The levels of every group [G], in the order of `binary` and of the group axes read row by row."""
        return list(product(*(axis.levels for axis in self.of("group"))))

    def axis(self, name: str) -> Axis:
        """Return the axis of this name; KeyError lists what there is."""
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise KeyError(f"counts: got the axis {name!r}; allowed: {', '.join(axis.name for axis in self.axes)}")

    def merge(self, other: CountTensor) -> CountTensor:
        """Return the counts of both together, by the levels of either; ValueError where the axes are others."""
        mine, theirs = ([(axis.name, axis.role) for axis in one.axes] for one in (self, other))
        if mine != theirs:
            raise ValueError(f"counts: got axes {_told(theirs)} to merge; allowed: {_told(mine)}")
        if self.axes == other.axes:
            return CountTensor(self.counts + other.counts, self.axes)
        axes = tuple(_union(one, two) for one, two in zip(self.axes, other.axes, strict=True))
        counts = np.zeros(_require_cells(axes), np.int64)
        for part in (self, other):
            counts[np.ix_(*(_places(one, axis) for one, axis in zip(part.axes, axes, strict=True)))] += part.counts
        return CountTensor(counts, axes)

    def marginalise(self, *names: str) -> CountTensor:
        """Return the counts with these axes summed out, one left at least; KeyError for a name that is none."""
        out = {self.axes.index(self.axis(name)) for name in names}
        kept = tuple(axis for i, axis in enumerate(self.axes) if i not in out)
        return CountTensor(self.counts.sum(axis=tuple(out), dtype=np.int64), kept)

    def select(self, name: str, levels: Iterable[Hashable]) -> CountTensor:
        """Return the counts of the rows with one of these levels; KeyError for one that is none."""
        axis, wanted = self.axis(name), tuple(levels)
        if strange := [level for level in wanted if level not in axis.levels]:
            told = ", ".join(map(repr, axis.levels))
            raise KeyError(f"counts: got the level {strange[0]!r} of {name}; allowed: {told}")
        at = self.axes.index(axis)
        counts = self.counts.take([axis.levels.index(level) for level in wanted], axis=at)
        return CountTensor(counts, (*self.axes[:at], Axis(name, axis.role, wanted), *self.axes[at + 1 :]))

    def known(self, *names: str) -> CountTensor:
        """Return the counts of the rows that have a value in each of these axes, all of them where none is named."""
        told = (self.axis(name) for name in names or [axis.name for axis in self.axes])
        return reduce(
            lambda one, axis: one.select(axis.name, [level for level in axis.levels if level is not None]), told, self
        )

    def binary(self, positive: Hashable = 1) -> NDArray[np.int64]:
        """Return counts [control ..., G, label, decision], both axes (negative, positive): what `rates` are made of.

        G runs over `group_names`. Without labels their axis has one level, and without decisions theirs; rates that
        ask for them are undefined. Raises ValueError where an axis has more than one level beside `positive`, or rows
        without a value, which `known` leaves out.
        """
        if self.of("score"):
            raise ValueError("counts: got scores, which are no decisions; allowed: counts by decision")
        labels, decisions = self.of("label"), self.of("decision")
        counts = self.counts if decisions else self.counts[..., None]
        counts = counts if labels else np.expand_dims(counts, -2)
        for at, axes in ((-2, labels), (-1, decisions)):
            counts = _split(counts, at, axes[0], positive) if axes else counts
        lead = counts.shape[: len(self.of("control"))]
        return counts.reshape(*lead, -1, *counts.shape[-2:])

    def resample(self, law: Law, B: int, rng: np.random.Generator) -> NDArray[Any]:  # noqa: N803  as in the field
        """Return B replicates [B, *shape] of the counts.

        multinomial   the bootstrap: all n rows drawn anew with replacement, counted
        stratified    the same within each group of each control level, whose sizes stay
        poisson       every row weighs Poisson(1), so that n varies
        dirichlet     the Bayesian bootstrap: rows weigh n * Dirichlet(1, ...); not integers

        Cells without rows stay so. Raises ValueError for another law, and for B under 1.
        """
        if law not in LAWS:
            raise ValueError(f"resample: got law {law!r}; allowed: {', '.join(LAWS)}")
        if B < 1:
            raise ValueError(f"resample: got B {B}; allowed: 1 or more")
        strata = math.prod(len(axis.levels) for axis in self.of("control", "group")) if law == "stratified" else 1
        rows = self.counts.reshape(strata, -1)
        out = np.zeros((B, *rows.shape), float if law == "dirichlet" else np.int64)
        if law == "stratified":
            sizes = rows.sum(axis=1)
            filled = sizes > 0
            out[:, filled] = rng.multinomial(sizes[filled], rows[filled] / sizes[filled, None], (B, filled.sum()))
        else:
            cells = rows > 0
            out[:, cells] = _drawn(law, rows[cells], B, rng)
        return out.reshape(B, *self.counts.shape)

    def to_frame(self, count: str = "count") -> pd.DataFrame:
        """Return one row a cell: the levels by axis name, and the number; `from_crosstab` takes it back."""
        cells = list(product(*(axis.levels for axis in self.axes)))
        frame = pd.DataFrame(cells, columns=[axis.name for axis in self.axes], dtype=object)
        return frame.assign(**{count: self.counts.ravel()})


def _split(counts: NDArray[np.int64], at: int, axis: Axis, positive: Hashable) -> NDArray[np.int64]:
    """Return the counts with two levels in the place of an axis: not positive, positive."""
    others = [level for level in axis.levels if level not in (positive, None)]
    if len(others) > 1 or any(isinstance(level, str) != isinstance(positive, str) for level in others):
        told = ", ".join(map(repr, others[:4]))
        got = f"{axis.name} has the levels {told} beside {positive!r}"
        raise ValueError(f"counts: {got}; allowed: one other of its kind")
    if None in axis.levels and (lost := counts.take(axis.levels.index(None), axis=at).sum()):
        raise ValueError(f"counts: {lost} rows have no {axis.name}; allowed: none; `known` leaves them out")
    there = [place for place, level in enumerate(axis.levels) if level == positive]
    rest = [place for place, level in enumerate(axis.levels) if level != positive]
    return np.stack([counts.take(places, axis=at).sum(axis=at) for places in (rest, there)], axis=at)


def _drawn(law: Law, counts: NDArray[np.int64], replicates: int, rng: np.random.Generator) -> NDArray[Any]:
    """Return replicates [B, cell] of cells that have rows."""
    n = int(counts.sum())
    if not n:
        return np.zeros((replicates, 0))
    if law == "multinomial":
        return rng.multinomial(n, counts / n, replicates)
    if law == "poisson":
        return rng.poisson(counts, (replicates, len(counts)))
    weights = rng.standard_gamma(counts, (replicates, len(counts)))
    return np.asarray(weights * (n / weights.sum(axis=1, keepdims=True)))


def _are_counts(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray((numbers >= 0) & (numbers < _EXACT) & (numbers == np.floor(numbers)))


def _wanted(
    controls: Sequence[str], groups: Sequence[str], label: str | None, decision: str | None, score: str | None = None
) -> list[tuple[str, Role]]:
    """Return the columns in the order of axes, and what they tell; ValueError for none, and for one named twice."""
    single: list[tuple[str | None, Role]] = [(label, "label"), (decision, "decision"), (score, "score")]
    wanted: list[tuple[str, Role]] = [*((name, "control") for name in controls), *((name, "group") for name in groups)]
    wanted += [(name, role) for name, role in single if name is not None]
    _require_names([name for name, _ in wanted])
    return wanted


def _chunks(rows: Any) -> Iterable[Any]:
    """Return the parts of rows that are read one by one; a reader of batches has a stream, and is no table."""
    table = isinstance(rows, pd.DataFrame | Mapping) or hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "schema")
    return (rows,) if table and not hasattr(rows, "read_next_batch") else rows


def cells_of(
    rows: Mapping[str, Any], wanted: Sequence[tuple[str, Role]], edges: ArrayLike | None = None
) -> tuple[NDArray[np.unsignedinteger[Any]], CountTensor]:
    """Return the cell [row] of every row, as a place in the flat counts, and the counts by the levels that occur.

    wanted: the columns, in the order of axes, and what they tell. Raises what `CountTensor.from_rows` raises.
    """
    if absent := [name for name, _ in wanted if name not in rows]:
        raise ValueError(f"counts: no column {', '.join(absent)}; there are {', '.join(map(str, rows))}")
    found = [
        binned(rows[name], edges, name) if role == "score" and edges is not None else coded(rows[name], name)
        for name, role in wanted
    ]
    axes = tuple(Axis(name, role, levels) for (name, role), (_, levels) in zip(wanted, found, strict=True))
    if len(lengths := {len(codes) for codes, _ in found}) > 1:
        raise ValueError(f"counts: columns of {', '.join(map(str, sorted(lengths)))} rows; allowed: one length")
    shape = _require_cells(axes)
    cell = found[0].codes.astype(np.min_scalar_type(math.prod(shape)))
    for (codes, _), size in zip(found[1:], shape[1:], strict=True):
        cell *= cell.dtype.type(size)
        cell += codes
    return cell, CountTensor(np.bincount(cell, minlength=math.prod(shape)).reshape(shape), axes)


def _stacked(table: pd.DataFrame) -> pd.Series[Any]:
    """Return the cells of a table of numbers, with all levels of its rows and columns in the index."""
    rows, columns = table.shape
    sides = (table.index.repeat(columns), table.columns.take(np.tile(np.arange(columns), rows)))
    levels = [side.get_level_values(i) for side in sides for i in range(side.nlevels)]
    return pd.Series(table.to_numpy().ravel(), pd.MultiIndex.from_arrays(levels, names=[one.name for one in levels]))


def _union(one: Axis, two: Axis) -> Axis:
    told = list(dict.fromkeys((*one.levels, *two.levels)))
    return Axis(one.name, one.role, tuple(told[place] for place in in_order(told)))


def _places(axis: Axis, among: Axis) -> list[int]:
    rank = {level: place for place, level in enumerate(among.levels)}
    return [rank[level] for level in axis.levels]


def _require_cells(axes: Sequence[Axis]) -> tuple[int, ...]:
    """Return the shape; ValueError where it is too large."""
    shape = tuple(len(axis.levels) for axis in axes)
    if math.prod(shape) > MAX_CELLS:
        told = " x ".join(f"{len(axis.levels):,} {axis.name}" for axis in axes)
        raise ValueError(f"counts: got {told}, {math.prod(shape):,} cells; allowed: {MAX_CELLS:,}")
    return shape


def _require_names(names: Sequence[str]) -> None:
    if not names or len(set(names)) < len(names):
        raise ValueError(f"counts: got the names {', '.join(names) or 'none'}; allowed: one or more, each once")


def _told(axes: Sequence[tuple[str, Role]]) -> str:
    return ", ".join(f"{name} ({role})" for name, role in axes)
