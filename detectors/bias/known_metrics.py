"""Which callables of fairlearn and scikit-learn are functions of counts, and of which labels.

    fairlearn.metrics.false_positive_rate            -> FALSE_POSITIVE_RATE, positive = 1
    partial(precision_score, zero_division=np.nan)   -> PRECISION, with NaN where it is undefined

A callable is known where the function itself is, with no other arguments than the label that is positive and what
stands for an undefined value. Any other is not, and neither is a known one on labels that it refuses or reads in a way
of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.bias.rates import (
    ACCURACY,
    BALANCED_ACCURACY,
    COUNT,
    F1,
    FALSE_NEGATIVE_RATE,
    FALSE_POSITIVE_RATE,
    PRECISION,
    SELECTION_RATE,
    TRUE_NEGATIVE_RATE,
    TRUE_POSITIVE_RATE,
    ZERO_ONE_LOSS,
    Metric,
    Rates,
)
from detectors.immutable import immutable

__all__ = ["KnownMetric", "Levels", "known_metric"]

Levels = Sequence[Hashable]


@immutable
class KnownMetric:
    """A callable as a metric of counts."""

    metric: Metric
    allows: Callable[[Levels, Levels, Hashable], bool]
    """From the levels of labels and decisions together, those of decisions, and the positive one, whether the callable
    reads them as counts are read."""
    arguments: frozenset[str] = frozenset()
    """Keyword arguments that a `partial` may hold."""
    positive: Hashable = None
    """The positive label; None = 1, and then the other one is 0 or -1."""
    stand_in: float | None = None
    """What stands for an undefined value; None = what the callable puts there of its own."""

    def fits(self, levels: Levels, decisions: Levels) -> bool:
        """Tell whether the callable reads these levels as counts are read."""
        return (_numbers(levels) or _texts(levels)) and self.allows(levels, decisions, self.positive)

    def of(self, counts: NDArray[Any], levels: Levels) -> tuple[Rates, Floats]:
        """Return the metric of counts [..., G, label, decision] by `levels`, and what the callable says [..., G]."""
        square = self.metric in (ACCURACY, ZERO_ONE_LOSS, COUNT)
        positive = 1 if self.positive is None else self.positive
        found = self.metric.of(counts if square else _against_rest(counts, levels, positive))
        if self.stand_in is None:
            return found, found.told
        return found, np.where(found.undefined & (found.n > 0), self.stand_in, found.told)


def known_metric(function: object) -> KnownMetric | None:
    """Return what is known of a callable, or of a `Metric` itself; None where nothing is."""
    if isinstance(function, Metric):
        return KnownMetric(function, _zero_one, stand_in=math.nan)
    inner, given = function, {}
    if isinstance(function, partial) and not function.args:
        inner, given = function.func, function.keywords
    known = next((known for one, known in _known() if one is inner), None)
    if known is None or not known.arguments.issuperset(given):
        return None
    stand_in = given.get("zero_division", "warn")
    if not (isinstance(stand_in, str) and stand_in == "warn"):
        known = replace(known, stand_in=float(stand_in))
    return replace(known, positive=given.get("pos_label", known.positive))


@cache
def _known() -> tuple[tuple[Callable[..., Any], KnownMetric], ...]:
    from fairlearn import metrics as fair
    from sklearn import metrics as skm

    label, division = frozenset({"pos_label"}), frozenset({"pos_label", "zero_division"})
    return (
        (fair.count, KnownMetric(COUNT, _anything)),
        (fair.selection_rate, KnownMetric(SELECTION_RATE, _same_kind, label, positive=1)),
        (fair.mean_prediction, KnownMetric(SELECTION_RATE, _zero_one_decisions)),
        (fair.true_positive_rate, KnownMetric(TRUE_POSITIVE_RATE, _binary, label)),
        (fair.true_negative_rate, KnownMetric(TRUE_NEGATIVE_RATE, _binary, label)),
        (fair.false_positive_rate, KnownMetric(FALSE_POSITIVE_RATE, _binary, label)),
        (fair.false_negative_rate, KnownMetric(FALSE_NEGATIVE_RATE, _binary, label)),
        (skm.accuracy_score, KnownMetric(ACCURACY, _anything)),
        (skm.zero_one_loss, KnownMetric(ZERO_ONE_LOSS, _anything)),
        (skm.balanced_accuracy_score, KnownMetric(BALANCED_ACCURACY, _binary)),
        (skm.precision_score, KnownMetric(PRECISION, _binary, division, positive=1)),
        (skm.recall_score, KnownMetric(TRUE_POSITIVE_RATE, _binary, division, positive=1)),
        (skm.f1_score, KnownMetric(F1, _binary, division, positive=1)),
    )


def _anything(levels: Levels, decisions: Levels, positive: Hashable) -> bool:
    return True


def _same_kind(levels: Levels, decisions: Levels, positive: Hashable) -> bool:
    return _numbers((*decisions, positive)) or _texts((*decisions, positive))


def _binary(levels: Levels, decisions: Levels, positive: Hashable) -> bool:
    """Fairlearn takes 0 or -1 for negative where the positive label is not named, and no texts at all then."""
    if positive is None:
        return _numbers(levels) and (set(levels) <= {0, 1} or set(levels) <= {-1, 1})
    return _numbers((*levels, positive)) and len(set(levels) - {positive}) < 2


def _zero_one(levels: Levels, decisions: Levels, positive: Hashable) -> bool:
    return set(levels) <= {0, 1}


def _zero_one_decisions(levels: Levels, decisions: Levels, positive: Hashable) -> bool:
    return set(decisions) <= {0, 1}


def _numbers(levels: Levels) -> bool:
    return all(isinstance(one, bool | int) or (isinstance(one, float) and one.is_integer()) for one in levels)


def _texts(levels: Levels) -> bool:
    return all(isinstance(one, str) for one in levels)


def _against_rest(counts: NDArray[Any], levels: Levels, positive: Hashable) -> NDArray[Any]:
    """Return counts [..., (rest, positive), (rest, positive)]; an axis of one level, for no labels, stays."""
    if list(levels) == [0, 1] and positive == 1:
        return counts
    places = [place for place, level in enumerate(levels) if level == positive]
    for axis in (-2, -1):
        if counts.shape[axis] > 1:
            there = counts.take(places, axis=axis).sum(axis=axis)
            counts = np.stack([counts.sum(axis=axis) - there, there], axis=axis)
    return counts
