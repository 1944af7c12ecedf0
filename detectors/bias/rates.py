"""Group metrics as functions of counts: one ratio of sums of cells for every group and every replicate at once.

    counts[..., G, label, decision] -> value[..., G] = numerator[..., G] / denominator[..., G]

with both axes (negative, positive), so that the cells are TN, FP / FN, TP. Where the denominator is 0 there is no rate:
its value is NaN and its cause is told. scikit-learn and fairlearn put a 0 there, which then is the smallest of all
groups and half of an equalised-odds difference; that number is `told`, for comparison with theirs.

Names and definitions: fairlearn's and scikit-learn's; Chouldechova 2017 (arXiv:1703.00056) for predictive parity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = [
    "ACCURACY", "BALANCED_ACCURACY", "BASE_RATE", "COUNT", "EMPTY_GROUP", "F1", "FALSE_DISCOVERY_RATE",
    "FALSE_NEGATIVE_RATE", "FALSE_NEGATIVE_SHARE", "FALSE_OMISSION_RATE", "FALSE_POSITIVE_RATE", "METRICS",
    "NEGATIVE_PREDICTIVE_VALUE", "NO_DECISIONS", "NO_LABELS", "PRECISION", "SELECTION_RATE", "TRUE_NEGATIVE_RATE",
    "TRUE_POSITIVE_RATE", "ZERO_ONE_LOSS", "Metric", "Needs", "Rates",
]

Needs = Literal["labels", "decisions"]
Counts = NDArray[Any]
"""[..., G, label, decision]; integers, or weights of a Bayesian bootstrap."""

EMPTY_GROUP = Cause("the group has no rows")
NO_LABELS, NO_DECISIONS = Cause("there are no labels"), Cause("there are no decisions")
NO_NEGATIVES = Cause("no row of the group has a negative label")
NO_POSITIVES = Cause("no row of the group has a positive label")
ONE_LABEL = Cause("all rows of the group have the same label")
NONE_SELECTED = Cause("no row of the group was decided positively")
ALL_SELECTED = Cause("no row of the group was decided negatively")
NO_ERRORS = Cause("no row of the group was decided wrongly")
NEITHER = Cause("no row of the group has a positive label or a positive decision")


@immutable(eq=False)
class Rates:
    """A metric of every group; all arrays are [..., G]."""

    metric: Metric
    value: Floats
    """NaN where undefined."""
    numerator: NDArray[Any]
    denominator: NDArray[Any]
    n: NDArray[Any]
    """Rows of the group."""
    told: Floats
    """What scikit-learn and fairlearn say: `value`, or their stand-in where it is undefined; NaN for an empty group."""
    absent: Cause | None = None
    """Why no group has a value, where that is so."""

    @property
    def undefined(self) -> NDArray[np.bool_]:
        """Where there is no value."""
        return np.isnan(self.value)

    def cause(self, *place: int) -> Cause | None:
        """Return why there is no value at [..., G], None where there is one."""
        if not self.undefined[place]:
            return None
        return self.absent or (self.metric.cause if self.n[place] else EMPTY_GROUP)


@immutable
class Metric:
    """A metric that is a function of counts."""

    name: str
    parts: Callable[[Counts], tuple[NDArray[Any], NDArray[Any]]]
    """From counts to numerator and denominator [..., G]."""
    needs: tuple[Needs, ...]
    cause: Cause
    """Why it is undefined in a group that has rows."""
    stand_in: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]] | None = None
    """From numerator and denominator to what others say where there is no rate; None = 0."""
    of_ratio: Callable[[Floats], Floats] | None = None
    """From the ratio to the metric; None = the ratio itself."""

    def of(self, counts: ArrayLike) -> Rates:
        """Return the metric of counts [..., G, label, decision], each axis (negative, positive).

        Accuracy and its complement, and the count, also take square counts of more classes. Where the axis of labels
        or of decisions has one level only, there are none, and a metric that needs them is undefined.
        """
        cells = np.asarray(counts)
        n = cells.sum(axis=(-2, -1))
        lacks = {"labels": cells.shape[-2] < 2, "decisions": cells.shape[-1] < 2}
        if absent := next((need for need in self.needs if lacks[need]), None):
            none = np.full(n.shape, np.nan)
            cause = NO_LABELS if absent == "labels" else NO_DECISIONS
            return Rates(self, none, np.zeros_like(n), np.zeros_like(n), n, none, cause)
        numerator, denominator = self.parts(cells)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = numerator / denominator
            value = np.where(denominator > 0, self.of_ratio(ratio) if self.of_ratio else ratio, np.nan)
        instead = np.zeros(n.shape) if self.stand_in is None else self.stand_in(numerator, denominator)
        told = np.where(n > 0, np.where(denominator > 0, value, instead), np.nan)
        return Rates(self, value, numerator, denominator, n, told)

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike) -> float:
        """Return the metric of rows, as a metric of scikit-learn is called; NaN where undefined.

        y_true, y_pred [row]: 0 or 1. Raises ValueError for anything else.
        """
        rows = np.stack([np.asarray(y_true), np.asarray(y_pred)])
        if rows.ndim != 2 or not np.isin(rows, (0, 1)).all():
            raise ValueError(f"{self.name}: got labels or decisions other than 0 and 1; allowed: these")
        cell = rows[0].astype(np.int64) * 2 + rows[1].astype(np.int64)
        return float(self.of(np.bincount(cell, minlength=4).reshape(1, 2, 2)).value[0])


TN, FP, FN, TP = (0, 0), (0, 1), (1, 0), (1, 1)
_Cell = tuple[int, int]


def _ratio(above: tuple[_Cell, ...], below: tuple[_Cell, ...]) -> Callable[[Counts], tuple[Counts, Counts]]:
    """Return numerator and denominator as sums of cells; one that stands twice counts twice."""
    return lambda counts: (_sum(counts, above), _sum(counts, below))


def _sum(counts: Counts, cells: tuple[_Cell, ...]) -> Counts:
    return np.asarray(np.sum([counts[..., label, decision] for label, decision in cells], axis=0))


def _agreement(counts: Counts) -> tuple[Counts, Counts]:
    return np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1))


def _selected(counts: Counts) -> tuple[Counts, Counts]:
    decided = counts.sum(axis=-2)
    return decided[..., 1], decided.sum(axis=-1)


def _positive(counts: Counts) -> tuple[Counts, Counts]:
    labelled = counts.sum(axis=-1)
    return labelled[..., 1], labelled.sum(axis=-1)


def _counted(counts: Counts) -> tuple[Counts, Counts]:
    n = counts.sum(axis=(-2, -1))
    return n, np.ones_like(n)


def _both_classes(counts: Counts) -> tuple[Floats, Counts]:
    """Return the sum of the rates of those classes that have rows, and 2, or 0 where a class has none."""
    rows = counts.sum(axis=-1)
    right = np.stack([counts[..., 0, 0], counts[..., 1, 1]], axis=-1)
    rates = np.divide(right, rows, out=np.zeros(rows.shape), where=rows > 0)
    return rates.sum(axis=-1), np.where((rows > 0).all(axis=-1), 2, 0)


_BOTH: tuple[Needs, ...] = ("labels", "decisions")

COUNT = Metric("count", _counted, (), EMPTY_GROUP)
ACCURACY = Metric("accuracy", _agreement, _BOTH, EMPTY_GROUP)
ZERO_ONE_LOSS = Metric("zero_one_loss", _agreement, _BOTH, EMPTY_GROUP, of_ratio=lambda accuracy: 1 - accuracy)
BASE_RATE = Metric("base_rate", _positive, ("labels",), EMPTY_GROUP)
SELECTION_RATE = Metric("selection_rate", _selected, ("decisions",), EMPTY_GROUP)
TRUE_POSITIVE_RATE = Metric("true_positive_rate", _ratio((TP,), (FN, TP)), _BOTH, NO_POSITIVES)
FALSE_NEGATIVE_RATE = Metric("false_negative_rate", _ratio((FN,), (FN, TP)), _BOTH, NO_POSITIVES)
TRUE_NEGATIVE_RATE = Metric("true_negative_rate", _ratio((TN,), (TN, FP)), _BOTH, NO_NEGATIVES)
FALSE_POSITIVE_RATE = Metric("false_positive_rate", _ratio((FP,), (TN, FP)), _BOTH, NO_NEGATIVES)
PRECISION = Metric("precision", _ratio((TP,), (FP, TP)), _BOTH, NONE_SELECTED)
FALSE_DISCOVERY_RATE = Metric("false_discovery_rate", _ratio((FP,), (FP, TP)), _BOTH, NONE_SELECTED)
NEGATIVE_PREDICTIVE_VALUE = Metric("negative_predictive_value", _ratio((TN,), (TN, FN)), _BOTH, ALL_SELECTED)
FALSE_OMISSION_RATE = Metric("false_omission_rate", _ratio((FN,), (TN, FN)), _BOTH, ALL_SELECTED)
FALSE_NEGATIVE_SHARE = Metric("false_negative_share", _ratio((FN,), (FP, FN)), _BOTH, NO_ERRORS)
"""Of the errors, those that withhold: s. Treatment equality is that of FN / FP = s / (1 - s) (Berk et al. 2018)."""
F1 = Metric("f1", _ratio((TP, TP), (FP, FN, TP, TP)), _BOTH, NEITHER)
BALANCED_ACCURACY = Metric("balanced_accuracy", _both_classes, _BOTH, ONE_LABEL, stand_in=lambda rate, _: rate)
"""Mean of the true-positive and the true-negative rate; its numerator is their sum."""

METRICS: Mapping[str, Metric] = {
    one.name: one
    for one in (
        COUNT, ACCURACY, ZERO_ONE_LOSS, BALANCED_ACCURACY, BASE_RATE, SELECTION_RATE, TRUE_POSITIVE_RATE,
        FALSE_NEGATIVE_RATE, TRUE_NEGATIVE_RATE, FALSE_POSITIVE_RATE, PRECISION, FALSE_DISCOVERY_RATE,
        NEGATIVE_PREDICTIVE_VALUE, FALSE_OMISSION_RATE, FALSE_NEGATIVE_SHARE, F1,
    )
}  # fmt: skip
