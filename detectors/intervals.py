"""Intervals that hold: `level` is two-sided confidence, and low <= estimate <= high.

    rate of n independent trials              exact_binomial                       exact (Clopper-Pearson)
    mean of values in [0, 1]                  betting_mean                         valid at every n and mean
    mean over independent units               mean_over_units                      one of these two
    difference of two rates                   newcombe, newcombe_paired            approximate
    ratio of two rates                        score_ratio                          approximate
    AUROC                                     auroc, auroc_bootstrap               approximate
    smooth function of totals over units      cluster_bootstrap                    approximate
    rates of many groups at once              simultaneous                         approximate
    rate that an erring detector reports      corrected_rate                       approximate
    rate from few labels and a judge of all   prediction_powered                   approximate
    "is there any gap among groups?"          any_gap_p                            a valid p-value

Exact and valid mean coverage of at least `level` at every true value. What is approximate has an `Approximation` beside
it that says from which n on it may decide a limit, and the lowest coverage measured there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors._auroc import AUROC_BOOTSTRAP, DELONG, LOGIT_DELONG, auroc, auroc_bootstrap
from detectors._betting import betting_mean
from detectors._bootstrap import CLUSTER_BOOTSTRAP, cluster_bootstrap
from detectors._corrected import CORRECTED, Calibration, corrected_rate
from detectors._exact import Approximation, Floats, exact_binomial
from detectors._groups import SIMULTANEOUS, any_gap_p, simultaneous
from detectors._powered import POWERED, Powered, prediction_powered
from detectors._score import NEWCOMBE, NEWCOMBE_PAIRED, SCORE_RATIO, newcombe, newcombe_paired, score_ratio

__all__ = [
    "AUROC_BOOTSTRAP", "CLUSTER_BOOTSTRAP", "CORRECTED", "DELONG", "LOGIT_DELONG", "NEWCOMBE", "NEWCOMBE_PAIRED",
    "POWERED", "SCORE_RATIO", "SIMULTANEOUS", "Approximation", "Calibration", "Powered", "UnitMean", "any_gap_p",
    "auroc", "auroc_bootstrap", "betting_mean", "cluster_bootstrap", "corrected_rate", "exact_binomial",
    "mean_over_units", "newcombe", "newcombe_paired", "prediction_powered", "score_ratio", "simultaneous",
]


@dataclass(frozen=True)
class UnitMean:
    """A mean over independent units; the fields are those of a `Measure`."""

    value: float
    """Mean over units of the unit means."""
    low: float
    high: float
    items: int
    units: int
    method: str

    @property
    def n(self) -> dict[str, int]:
        """Return what the mean rests on, as a measure wants it."""
        return {"items": self.items, "units": self.units}


def mean_over_units(
    values: ArrayLike, units: ArrayLike | None = None, *, level: float, rng: np.random.Generator
) -> UnitMean:
    """Return the mean over independent units with an interval that covers at every n and rate.

    values [item]: numbers in [0, 1]; units [item]: label of the independent unit (template, writer, prompt) of each
    item, None where every item is one. Units weigh the same however many items they have. Single 0/1 items get the
    exact binomial interval; all else the betting interval over the unit means, in an order shuffled by `rng`.
    Raises ValueError for no values, for values outside [0, 1] and for labels of another length.
    """
    numbers = np.asarray(values, dtype=float)
    means = numbers if units is None else _unit_means(numbers, np.asarray(units))
    size = len(means)
    if size == len(numbers) and size and np.isin(means, (0.0, 1.0)).all():
        low, high = exact_binomial(int(means.sum()), size, level)
        method = "exact binomial (Clopper-Pearson)"
    else:
        low, high = betting_mean(rng.permutation(means), level)
        method = "betting (hedged capital) over unit means"
    value = float(means.mean())  # rounding may leave it a hair outside a bound that equals it
    return UnitMean(value, min(float(low), value), max(float(high), value), len(numbers), size, method)


def _unit_means(values: Floats, units: NDArray[Any]) -> Floats:
    """Return the mean of each unit, in sorted order of the labels."""
    if values.shape != units.shape:
        raise ValueError(f"mean_over_units: got {units.shape} labels for {values.shape} values; allowed: one each")
    _, code, count = np.unique(units, return_inverse=True, return_counts=True)
    return np.bincount(code, weights=values) / count
