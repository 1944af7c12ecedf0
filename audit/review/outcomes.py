"""The outcomes of a check's items as arrays, so that a changed one among a million gives its number at once.

    number = mean over units of the mean of the unit's outcomes;     NaN = no outcome, or not of those that it counts

The arrays of the two files that were asked last are kept while people go through their items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from audit.record import AGAINST, ItemsFile
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from detectors.arrays import Floats
    from detectors.result import Measure

__all__ = ["Outcomes", "columns_for", "outcomes_of"]


@immutable(eq=False)
class Outcomes:
    """What the mean of a column is made of, item by item."""

    ids: pa.Array
    """Text [item]."""
    values: Floats
    """[item]; NaN where there is none."""
    units: NDArray[np.int64] | None
    """Number of the unit [item]; None where every item is one."""
    against: NDArray[np.int64]
    """[item]: 1 counts against the model, 0 does not, -1 nothing tells."""

    @property
    def known(self) -> int:
        """How many items have an outcome."""
        import numpy as np

        return int(np.isfinite(self.values).sum())

    def rows(self, items: Iterable[str]) -> dict[str, int]:
        """Return item -> its row, of those that have one and share it with no other."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = list(items)
        at = pc.index_in(self.ids, value_set=pa.array(wanted, "string")).fill_null(-1).to_numpy(zero_copy_only=False)
        hits = np.flatnonzero(at >= 0)
        names, first, count = np.unique(at[hits], return_index=True, return_counts=True)
        return {wanted[name]: int(hits[one]) for name, one in zip(names[count == 1], first[count == 1], strict=True)}

    def mean(self, changed: Mapping[int, float]) -> float:
        """Return the mean over units with the outcomes of these rows changed."""
        import numpy as np

        values = self.values.copy()
        values[list(changed)] = list(changed.values())
        known = ~np.isnan(values)
        held = values[known].clip(0, 1)
        if self.units is None:
            return float(held.mean())
        units = self.units[known]
        sizes = np.bincount(units)
        return float((np.bincount(units, held)[sizes > 0] / sizes[sizes > 0]).mean())


def columns_for(file: ItemsFile, headline: Measure) -> tuple[str, ...]:
    """Return the columns of which the headline is made, as far as the file has them, and what tells how items count."""
    wanted = (str(headline.mean_of), headline.unit_of, *(headline.where or {}), "no_answer", AGAINST)
    return tuple(dict.fromkeys(name for name in wanted if name in file.columns))


def outcomes_of(file: ItemsFile, headline: Measure) -> Outcomes:
    """Return the outcomes of which the headline is the mean; raises as `file.table`."""
    where = tuple(sorted((headline.where or {}).items()))
    return _outcomes(file, str(headline.mean_of), headline.unit_of, where)


@lru_cache(maxsize=2)
def _outcomes(
    file: ItemsFile, mean_of: str, unit_of: str | None, where: tuple[tuple[str, str], ...]
) -> Outcomes:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [str(file.id_column), mean_of, *([unit_of] if unit_of else []), *(name for name, _ in where)]
    table = file.table([*names, *([AGAINST] if file.tells_failures else [])])
    ids = pc.cast(table[str(file.id_column)].combine_chunks(), "string")
    values = pc.cast(table[mean_of], "float64").to_numpy().copy()
    for name, text in where:
        values[~pc.equal(pc.cast(table[name], "string"), text).fill_null(False).to_numpy()] = np.nan
    units = None
    if unit_of:
        cells = pc.cast(table[unit_of].combine_chunks(), "string").fill_null("None")
        units = cells.dictionary_encode().indices.to_numpy().astype(np.int64)
    none = pa.array(np.full(len(ids), -1, np.int8))
    told = pc.cast(table[AGAINST], "int8").fill_null(-1) if file.tells_failures else none
    return Outcomes(ids, values, units, told.to_numpy().astype(np.int64))
