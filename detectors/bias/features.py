"""What `MetricFrame` is given, as columns of one length: labels, decisions, and a column for each feature by name.

    Series, list, 1-D array -> one feature         DataFrame, dict, 2-D array -> one a column

Names of features are those of pandas objects and dicts, or else `sensitive_feature_0`, `control_feature_0`, ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from detectors.bias.levels import Coded, coded
from detectors.immutable import immutable

__all__ = ["Rows", "rows_of"]

_PLAIN = ("string", "boolean", "integer", "floating", "empty")
"""Kinds of cells whose order and type pandas finds from the levels as it does from all rows."""


@immutable(eq=False)
class Rows:
    """Columns of one length."""

    labels: Any
    """[row], or [row, ...] of what is no label; None where there are none."""
    decisions: Any
    sensitive: Mapping[str, Any]
    controls: Mapping[str, Any]

    @property
    def coded(self) -> dict[str, Coded] | None:
        """Labels and decisions by their levels; None where they are no levels: numbers of all sizes, vectors."""
        sides = {"y_true": self.labels, "y_pred": self.decisions}
        told = {name: side for name, side in sides.items() if side is not None}
        if any(side.ndim != 1 or (side.dtype.kind == "f" and (side != np.rint(side)).any()) for side in told.values()):
            return None
        try:
            found = {name: coded(side, name) for name, side in told.items()}
        except ValueError:
            return None
        levels = [level for one in found.values() for level in one.levels]
        return None if None in levels or len(set(levels)) > _MOST else found

    @property
    def sorted_alike(self) -> bool:
        """Whether fairlearn would find the same levels in the same order: each feature of texts, or of one type.

        A feature with rows that have no value is fairlearn's to refuse, and ours to count.
        """
        return all(_is_plain(column) for column in (*self.controls.values(), *self.sensitive.values()))


_MOST = 64
"""Classes beyond which a label is taken for a number."""


def rows_of(y_true: Any, y_pred: Any, sensitive_features: Any, control_features: Any) -> Rows:
    """Return the columns; ValueError for no rows, other lengths, and names that are no texts or stand twice."""
    labels, decisions = (None if side is None else _squeezed(np.asarray(side)) for side in (y_true, y_pred))
    count = 0 if decisions is None else len(decisions)
    if not count:
        raise ValueError("MetricFrame: got no rows; allowed: one or more")
    if labels is not None and len(labels) != count:
        raise ValueError(f"MetricFrame: got {len(labels)} labels for {count} predictions; allowed: one each")
    sensitive = _columns(sensitive_features, "sensitive_feature_", count)
    controls = {} if control_features is None else _columns(control_features, "control_feature_", count)
    if both := sorted(set(sensitive) & set(controls)):
        raise ValueError(f"MetricFrame: got the feature {both[0]} twice; allowed: sensitive or control")
    return Rows(labels, decisions, sensitive, controls)


def _columns(features: Any, base: str, rows: int) -> dict[str, Any]:
    found = _named(features, base)
    for name, column in found:
        if not isinstance(name, str):
            raise ValueError(f"MetricFrame: got a feature of the name {name!r}; allowed: texts")
        if len(column) != rows:
            raise ValueError(f"MetricFrame: got {len(column)} rows of {name}; allowed: {rows}, as many as predictions")
    columns = dict(found)
    if len(columns) < len(found) or not columns:
        told = ", ".join(name for name, _ in found) or "none"
        raise ValueError(f"MetricFrame: got the features {told}; allowed: one or more, each name once")
    return columns


def _named(features: Any, base: str) -> list[tuple[Any, Any]]:
    if isinstance(features, pd.Series):
        return [(f"{base}0" if features.name is None else features.name, features)]
    if isinstance(features, Mapping):
        features = pd.DataFrame.from_dict(dict(features))
    if isinstance(features, pd.DataFrame):
        return [(name, features.iloc[:, place]) for place, name in enumerate(features.columns)]
    cells = _squeezed(np.asarray(features, dtype=object))
    if cells.ndim > 2 or (isinstance(features, list) and cells.ndim > 1):
        raise ValueError(f"MetricFrame: got features of the shape {list(cells.shape)}; allowed: [row], [row, feature]")
    return [(f"{base}{place}", column) for place, column in enumerate(np.atleast_2d(cells.T))]


def _squeezed(cells: Any) -> Any:
    """Return the array without axes of one entry, but with one axis at the least."""
    return np.squeeze(cells) if cells.size > 1 else cells.reshape(-1)


def _is_plain(column: Any) -> bool:
    if isinstance(column, pd.Series) and isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.categories
    if isinstance(column.dtype, pd.StringDtype):
        return True
    return bool(pd.isna(column).any()) or pd.api.types.infer_dtype(column, skipna=False) in _PLAIN
