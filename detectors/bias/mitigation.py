"""What a mitigation would buy: fairlearn's threshold optimiser, fitted on one half of the rows, measured on the other.

    decisions as they are            on the held-out half: largest difference between groups, accuracy
    decisions by group thresholds    on the same rows, thresholds learnt on the other half (Hardt, Price & Srebro 2016)

Thresholds by group need the group of everybody decided about, which may not be allowed to be used; the figures say what
is within reach, not what to do. Groups that lack either label in the half that is learnt from have no thresholds: their
rows are left out of both.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from detectors.arrays import Floats
from detectors.bias.gaps import group_gaps
from detectors.differences import mean_difference
from detectors.intervals import exact_binomial
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, undefined

__all__ = ["CONSTRAINTS", "Constraint", "what_mitigation_buys"]

Constraint = Literal["demographic_parity", "equalized_odds", "true_positive_rate_parity", "false_positive_rate_parity"]
CONSTRAINTS: dict[Constraint, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "true_positive_rate_parity": ("true_positive_rate",),
    "false_positive_rate_parity": ("false_positive_rate",),
}
"""fairlearn's names of what is made equal -> the rates that are."""
_TOO_FEW = Cause("fewer than two groups have both labels among the items that thresholds are learnt from")
_NAMES = (
    "difference_before", "difference_after", "accuracy_before", "accuracy_after", "accuracy_cost",
)


def what_mitigation_buys(
    rows: pd.DataFrame, constraint: Constraint, *, level: float, rng: np.random.Generator
) -> tuple[Measure, ...]:
    """Return what decisions by group thresholds would do, as measures that inform.

    rows: one a decision, independent, with `group`, `label` and `decision` (1, 0) and `score` (higher = surer to be
    positive), all known. Measures, all on the half of the rows that no threshold was learnt from:

      mitigation_difference_before, ..._after   largest difference of the constraint's rates between groups
      mitigation_accuracy_before, ..._after
      mitigation_accuracy_cost                  accuracy before less after, paired; > 0 where mitigation costs
    """
    half = rng.permutation(len(rows)) % 2 == 0
    learnt = rows[half]
    both = learnt.groupby("group")["label"].nunique()
    able = sorted(both.index[both == 2])
    held = rows[~half & rows["group"].isin(able).to_numpy()]
    if len(able) < 2 or held["group"].nunique() < 2:
        return tuple(_none(name, _TOO_FEW, len(held), level) for name in _NAMES)
    after = _by_thresholds(learnt[learnt["group"].isin(able)], held, constraint, int(rng.integers(2**31)))
    before, label = held["decision"].to_numpy(float), held["label"].to_numpy(float)
    right = [(one == label).astype(float) for one in (before, after)]
    cost = mean_difference(right[1], right[0], None, level=level, rng=rng)
    return (
        _difference("difference_before", held, before, constraint, level, rng),
        _difference("difference_after", held, after, constraint, level, rng),
        _accuracy("accuracy_before", right[0], level), _accuracy("accuracy_after", right[1], level),
        _measure(
            "accuracy_cost", len(held), level, "lower is better", value=cost.value, low=cost.low, high=cost.high,
            method=_held_out(cost.method),
        ),
    )


class _Scores(BaseEstimator):  # type: ignore[misc]  # scikit-learn brings no types
    """What fairlearn takes for a fitted estimator: its predictions are the scores themselves."""

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that nothing needs fitting."""
        return True

    def fit(self, x: Any, y: Any) -> _Scores:
        """Learn nothing."""
        return self

    def predict(self, x: Any) -> Floats:
        """Return the one feature [row]."""
        return np.asarray(x, dtype=float)[:, 0]


def _by_thresholds(learnt: pd.DataFrame, held: pd.DataFrame, constraint: Constraint, seed: int) -> Floats:
    """Return decisions [row] about held-out rows by thresholds learnt from the others."""
    from fairlearn.postprocessing import ThresholdOptimizer

    optimiser = ThresholdOptimizer(
        estimator=_Scores(), constraints=constraint, objective="accuracy_score", prefit=True, predict_method="predict",
    )
    labels = learnt["label"].to_numpy(int)
    optimiser.fit(learnt[["score"]].to_numpy(float), labels, sensitive_features=learnt["group"].to_numpy(object))
    decided = optimiser.predict(
        held[["score"]].to_numpy(float), sensitive_features=held["group"].to_numpy(object), random_state=seed
    )
    return np.asarray(decided, dtype=float)


def _difference(
    name: str, held: pd.DataFrame, decided: Floats, constraint: Constraint, level: float, rng: np.random.Generator
) -> Measure:
    """Return the largest difference between groups, of the constraint's rates that with the larger one."""
    names, places = np.unique(held["group"].to_numpy(str), return_inverse=True)
    label, rates = held["label"].to_numpy(int), CONSTRAINTS[constraint]
    found = []
    for rate in rates:
        kept: NDArray[np.bool_] = np.ones(len(held), dtype=bool)
        if rate != "selection_rate":
            kept = label == (1 if rate == "true_positive_rate" else 0)
        totals = np.bincount(places[kept], minlength=len(names))
        selected = np.bincount(places[kept], weights=decided[kept], minlength=len(names)).astype(np.int64)
        strict = 1 - (1 - level) / len(rates)
        found.append(group_gaps(selected, totals, names.tolist(), level=strict, rng=rng, metric=rate).headline)
    widest = max(found, key=lambda one: -1.0 if one.value is None else one.value)
    if widest.value is None:
        return _none(name, _TOO_FEW, len(held), level)
    return _measure(
        name, len(held), level, "lower is better", value=widest.value, low=max(one.low or 0.0 for one in found),
        high=max(one.high or 0.0 for one in found), method=_held_out(widest.method),
    )


def _accuracy(name: str, right: Floats, level: float) -> Measure:
    low, high = exact_binomial(int(right.sum()), len(right), level)
    method = _held_out(Method("exact binomial (Clopper-Pearson)"))
    return _measure(
        name, len(right), level, "higher is better", value=float(right.mean()), low=low, high=high, method=method
    )


def _held_out(method: Method) -> Method:
    return Method("{method}; on held-out items", method=method)


def _measure(name: str, units: int, level: float, direction: Direction, **found: Any) -> Measure:
    n = {"items": units, "units": units}
    return Measure(name=f"mitigation_{name}", n=n, unit="share", direction=direction, level=level, **found)


def _none(name: str, reason: Cause, units: int, level: float) -> Measure:
    return undefined(
        f"mitigation_{name}", reason, n={"items": units, "units": units}, unit="share", direction="neither", level=level
    )
