"""What all questions about a table share: its rows, how these are split, and how measures of them are made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.bias.data.splits import Column, Split, column_of, splits_of
from detectors.immutable import immutable
from detectors.phrases import Cause
from detectors.result import COUNT, Direction, Measure, undefined

__all__ = ["MOST_ROWS", "NEVER", "ONE_GROUP", "Mask", "Setting", "TableQuestions"]

MOST_ROWS = 200
"""Rows of evidence of one question and split, the heaviest."""
ONE_GROUP = Cause("fewer than two groups have rows")
NEVER = Cause("no row has the favourable value of the label")
Mask = NDArray[np.bool_]
_MEANING: Mapping[str, tuple[str, Direction, float | None]] = {
    "label_rate_ratio": ("score", "nearer to ideal is better", 1.0),
    "label_log_odds": ("score", "lower is better", 0.0),
    "uncovered_share": ("share", "lower is better", 0.0),
    "uncovered_patterns": ("count", "lower is better", 0.0),
    "reversed_strata": ("count", "lower is better", 0.0),
    "column_missing_rate": ("share", "neither", None),
    "joint_proxy": ("score", "nearer to ideal is better", 0.5),
    "joint_proxy_p": ("p-value", "neither", None),
    "proxy_strength": ("score", "lower is better", 0.0),
    "feature_distance": ("score", "lower is better", 0.0),
}
_SHARE: tuple[str, Direction, float | None] = ("share", "lower is better", 0.0)


@immutable
class TableQuestions:
    """What is asked of a table; column names as in its rows."""

    sensitive: tuple[str, ...]
    label: str | None
    favourable: str
    """Value of the label that is good to have."""
    features: tuple[str, ...]
    reference: Mapping[str, Mapping[str, float]]
    """Sensitive column, or all of them joined by ` x ` -> group -> share."""
    tau: int
    """Rows that a combination must have to be covered."""
    identity: tuple[str, ...]
    """Columns that together name a row."""
    asked: tuple[str, ...]
    """Names of questions."""
    within: tuple[str, ...] = ()
    """Columns within whose strata gaps of the label rate may turn round."""


@immutable(eq=False)
class Setting:
    """A table that is asked."""

    frame: pd.DataFrame
    """A row a row; texts, None for no value."""
    others: pd.DataFrame | None
    """Rows of the other role."""
    asked: TableQuestions
    level: float
    rng: np.random.Generator

    @cached_property
    def sensitive(self) -> list[Column]:
        """The sensitive columns."""
        return [column_of(self.frame[name], name) for name in self.asked.sensitive]

    @cached_property
    def features(self) -> list[Column]:
        """The features."""
        return [column_of(self.frame[name], name) for name in self.asked.features]

    @cached_property
    def within(self) -> list[Column]:
        """The columns that stratify."""
        return [column_of(self.frame[name], name) for name in self.asked.within]

    @cached_property
    def splits(self) -> list[Split]:
        """How the rows are split."""
        return splits_of(self.sensitive)

    @property
    def strict(self) -> float:
        """Level of one split, so that all hold together (Bonferroni)."""
        return 1 - (1 - self.level) / len(self.splits)

    @cached_property
    def favourable(self) -> Mask:
        """Whether a row has the favourable label [row]; False where it has none."""
        return np.asarray((self.frame[self.asked.label] == self.asked.favourable).to_numpy(bool))

    @cached_property
    def labelled(self) -> Mask:
        """Whether a row has a label [row]."""
        return np.asarray(self.frame[self.asked.label].notna().to_numpy())

    def measure(
        self, name: str, value: float, group: str | None = None, *, n: int | None = None, **more: Any
    ) -> Measure:
        """Return a measure over n rows, all of them unless told otherwise."""
        unit, direction, ideal = _MEANING.get(name, _SHARE)
        count = len(self.frame) if n is None else n
        return Measure(
            name=name, value=value, unit=unit, direction=direction, ideal=ideal, group=group, level=self.level,
            n={"items": count, "units": count}, **more,
        )

    def fact(self, name: str, value: float, group: str | None = None, *, n: int | None = None) -> Measure:
        """Return a number of these very rows, about which nothing is uncertain."""
        return self.measure(name, float(value), group, n=n, low=float(value), high=float(value), method=COUNT)

    def none(self, name: str, reason: Cause, group: str | None = None) -> Measure:
        """Return a measure that has no value."""
        unit, direction, ideal = _MEANING.get(name, _SHARE)
        unit = "p-value" if name.endswith("_p") else unit
        n = {"items": len(self.frame), "units": len(self.frame)}
        return undefined(name, reason, n=n, unit=unit, direction=direction, ideal=ideal, level=self.level, group=group)
