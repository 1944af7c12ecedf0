"""Does a synthetic table say of groups what the real one says, and does it serve every group as well?

Two tables are compared, no model is asked: rows that a generator made, and real rows that it should be like, better not
those that it learnt from. What is told is what changed; a gap of the real table that is kept is kept.

Rows of a table that share a `unit`, such as the person they are of, count once: one of them is drawn. Where nothing
names units, real rows that are equal in all that is asked for are counted and told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from audit.errors import DataError
from audit.probe import SHARE, SHARE_GAP, Ask, Observed, Range, Role
from audit.probes.bias import planted_synthetic
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Remark, Result

__all__ = ["SyntheticTable"]

_MOST_SENSITIVE = 4
_UNIT = "unit"


@immutable
class SyntheticTable:
    """What a synthetic table changes for groups: label-rate gaps, shares, fidelity, proxies, use for learning."""

    sensitive: tuple[str, ...] = ("group",)
    """Columns that say which group a row is of; of several all combinations are the groups."""
    label: str = "label"
    """Column of the outcome."""
    favourable: str | int = "1"
    """Value of the label that is good to have; every other value is not."""
    features: tuple[str, ...] = ()
    """Columns that a model would learn from: numbers, or words where not all cells are numbers."""

    name: ClassVar[str] = "bias.synthetic_table"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        role: Role({"group": "a column of the table; which ones, the options say"}, repeats=True, table=True)
        for role in ("items", "real")
    }
    """`items`: the synthetic rows. `real`: real rows with the same columns."""
    measures: ClassVar[Mapping[str, Range]] = {
        "largest_gap_change": Range("share", 0, 2), "gap_change": Range("share", -2, 2),
        "group_share_change": SHARE_GAP, "group_distance": SHARE, "group_predictability": SHARE,
        "proxy_change": SHARE_GAP, "transfer_accuracy": SHARE, "transfer_cost": SHARE_GAP,
        "transfer_cost_gap": Range("share", -2, 2),
    }

    def __post_init__(self) -> None:
        """Refuse a column that is named twice, and tell which columns these options mean."""
        columns = self.columns
        if not 0 < len(self.sensitive) <= _MOST_SENSITIVE or len(set(columns)) < len(columns):
            got = f"sensitive {list(self.sensitive)}, label {self.label!r}, features {list(self.features)}"
            raise ValueError(f"{self.name}: got {got}; allowed: 1 to {_MOST_SENSITIVE} sensitive, each column once")
        fields = {_UNIT: "independent unit, e.g. the person that a row is of; absent = every row is its own"}
        fields |= dict.fromkeys(columns, "a column of the table")
        role = Role(fields, optional=frozenset({_UNIT}) - set(columns), repeats=True, table=True)
        object.__setattr__(self, "roles", {"items": role, "real": role})

    @property
    def columns(self) -> list[str]:
        """The columns of both tables that are looked at."""
        return [*self.sensitive, self.label, *self.features]

    @property
    def needs(self) -> frozenset[str]:
        """Nothing: this is an audit of data."""
        return frozenset()

    def estimate(self, items: int) -> int:
        """No model is asked."""
        return 0

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the rows as they are."""
        return items

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.synthetic`; raises DataError for fewer than two groups."""
        from detectors.bias.synthetic import synthetic_fidelity

        (real, first), (synthetic, second) = (self._independent(observed, role, rng) for role in ("real", "items"))
        try:
            result = synthetic_fidelity(real, synthetic, level=level, rng=rng, features=self.features)
        except ValueError as error:
            raise DataError(f"{self.name}: {str(error).removeprefix('synthetic_fidelity: ')}") from None
        return replace(result, remarks=(*first, *second, *result.remarks))

    def _independent(
        self, observed: Observed, role: str, rng: np.random.Generator
    ) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
        """Return the rows of a table as the detector takes them, one of each unit, and what repeated ones ask to tell.

        Rows of a generator are its draws: that some are equal makes them no less independent.
        """
        from detectors.bias.repeats import looks_repeated, one_of_each_unit

        rows = observed[role]
        if _UNIT in rows and _UNIT not in self.columns:
            return one_of_each_unit(self._told(rows), rows[_UNIT], rng, f"{role}: {_UNIT}")
        return self._told(rows), looks_repeated(rows[self.columns]) if role == "real" else ()

    def _told(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the features, with `group` and `label` (1 favourable, 0 not, NaN unknown) as detectors take them."""
        import numpy as np
        import pandas as pd

        coded = rows.columns[rows.dtypes == "category"]
        rows = rows.astype(dict.fromkeys(coded, "str")) if len(coded) else rows
        parts = [_texts(rows[name], "(missing)") for name in self.sensitive]
        good, said = _text(self.favourable), _texts(rows[self.label], None)
        label = np.array([np.nan if one is None else float(one == good) for one in said])
        groups = [" x ".join(row) for row in zip(*parts, strict=True)]
        kept = {name: rows[name] for name in self.features}
        return pd.DataFrame({**kept, "group": groups, "label": label}, rows.index)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 600 rows a table, of which one group loses its favourable labels, and the same where both are unequal.

        In the clean twin the real table has a gap and the synthetic one keeps it: a judge that took gaps for changes
        would accuse it.
        """
        return planted_synthetic.control(self, faulty=True), planted_synthetic.control(self, faulty=False)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above 0."""
        return result.headline.low is not None and result.headline.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return a synthetic table that is like the real one, and such that change labels, rows, proxies of a group."""
        return [planted_synthetic.trial(self, rng, dose) for dose in range(4)]


def _texts(cells: pd.Series[Any], missing: str | None) -> list[Any]:
    """Return cells as texts, `missing` where there is none."""
    return [missing if gone else _text(cell) for cell, gone in zip(cells, cells.isna(), strict=True)]


def _text(cell: Any) -> str:
    """Return a cell as text, 1.0 as 1."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
