"""A real and a synthetic table side by side: their rows, the groups that both can speak of, and features as numbers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["FEW", "LEAST", "NO_FEATURE", "OneTable", "TwoTables"]

FEW = Cause("a group has too few rows in one of the tables")
NO_FEATURE = Cause("no feature is named")
LEAST = 10
"""Rows of a group in either table that it takes to speak of it."""
_MOST_LEVELS = 64
"""Levels of a feature of words; the rarer ones count as one."""


@immutable
class OneTable:
    """Rows with `group` as text and `label` as 0, 1 or NaN, and the columns as they came."""

    rows: pd.DataFrame

    @classmethod
    def of(cls, rows: pd.DataFrame, group: str, label: str) -> OneTable:
        """Return the table; ValueError for a label beside 0 and 1."""
        told = rows[group].where(rows[group].notna(), "(missing)").astype(str)
        labels = pd.to_numeric(rows[label]).to_numpy(float)
        if not (np.isnan(labels) | (labels == 0) | (labels == 1)).all():
            raise ValueError(f"synthetic_fidelity: got labels beside 0 and 1 in {label}; allowed: those, or none")
        others = {name: rows[name] for name in rows if name not in (group, label)}
        return cls(pd.DataFrame({**others, "group": told, "label": labels}))

    @cached_property
    def group(self) -> NDArray[np.str_]:
        """The group of every row [row]."""
        return self.rows["group"].to_numpy(str)

    @cached_property
    def label(self) -> Floats:
        """The label of every row [row], NaN = unknown."""
        return self.rows["label"].to_numpy(float)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Group -> its rows."""
        names, rows = np.unique(self.group, return_counts=True)
        return dict(zip(names.tolist(), rows.tolist(), strict=True))

    def counts(self, name: str) -> tuple[int, int, int, int]:
        """Return (favourable, all) labels of a group, and of all others."""
        own, known = self.group == name, ~np.isnan(self.label)
        sides = (self.label[own & known], self.label[~own & known])
        return int(sides[0].sum()), len(sides[0]), int(sides[1].sum()), len(sides[1])


@immutable
class TwoTables:
    """Both tables, and what they are looked at by."""

    real: OneTable
    synthetic: OneTable
    groups: tuple[str, ...]
    features: tuple[str, ...]
    level: float
    rng: np.random.Generator

    @property
    def n(self) -> dict[str, int]:
        """What all of both tables comes to."""
        rows = [len(one.rows) for one in (self.real, self.synthetic)]
        return {"items": sum(rows), "units": min(rows)}

    @property
    def count(self) -> int:
        """How many gaps differ from each other: of two groups one is the other's mirror image."""
        return 1 if len(self.groups) == 2 and self._two else len(self.groups)

    @property
    def _two(self) -> bool:
        return all(one.sizes.keys() == set(self.groups) for one in (self.real, self.synthetic))

    def of_group(self, name: str) -> dict[str, int]:
        """Return what a group comes to."""
        rows = [one.sizes.get(name, 0) for one in (self.real, self.synthetic)]
        return {"items": sum(rows), "units": min(rows)}

    @cached_property
    def columns(self) -> dict[str, tuple[Floats, Floats, bool]]:
        """Feature -> (real, synthetic) as numbers or codes of words [row], and whether they are numbers."""
        return {name: _coded(self.real.rows[name], self.synthetic.rows[name]) for name in self.features}

    @cached_property
    def halves(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which rows of the real and of the synthetic table are learnt from; the others are held out."""
        return tuple(  # type: ignore[return-value]
            self.rng.permutation(len(one.rows)) < len(one.rows) / 2 for one in (self.real, self.synthetic)
        )

    @cached_property
    def designs(self) -> tuple[Floats, Floats]:
        """The features as [row, column] of the real and of the synthetic table."""
        parts = [_design(*column) for column in self.columns.values()]
        return np.hstack([part[0] for part in parts]), np.hstack([part[1] for part in parts])

def _coded(real: pd.Series[Any], synthetic: pd.Series[Any]) -> tuple[Floats, Floats, bool]:
    """Return both as numbers, NaN = missing, or as codes of their words, the rarer ones and the missing as one."""
    both = pd.concat([real, synthetic], ignore_index=True)
    numbers = pd.to_numeric(both, errors="coerce")
    if (numbers.notna() == both.notna()).all() and numbers.notna().any():
        told = numbers.to_numpy(float)
        return told[: len(real)], told[len(real) :], True
    words = both.where(both.notna(), "").astype(str)
    kept = words.value_counts().index[: _MOST_LEVELS - 1]
    codes = pd.Categorical(words, categories=kept).codes.astype(float)
    codes[codes < 0] = len(kept)
    return codes[: len(real)], codes[len(real) :], False


def _design(real: Floats, synthetic: Floats, numbers: bool) -> tuple[Floats, Floats]:
    """Return columns to learn from: a number on the real table's scale and whether it is missing, or words."""
    if numbers:
        known = real[np.isfinite(real)]
        centre, spread = (known.mean(), known.std() or 1.0) if len(known) else (0.0, 1.0)
        one, other = (np.column_stack([(part - centre) / spread, np.isnan(part)]) for part in (real, synthetic))
        return np.nan_to_num(one), np.nan_to_num(other)
    wide = int(max(real.max(initial=0), synthetic.max(initial=0))) + 1
    return np.eye(wide)[real.astype(int)], np.eye(wide)[synthetic.astype(int)]
