"""Confidences that are off, put right: a function of the confidence alone, fitted on labelled answers of another set.

    temperature   sigmoid(logit(c) / T)                                     one number; ranks as before (Guo 2017)
    platt         sigmoid(a logit(c) + b), labels drawn towards 1/2         two numbers (Platt 1999)
    isotonic      the closest ascending steps, joined by lines              ranks as before but for ties (Zadrozny 2002)
    histogram     share of right answers in each of ten groups of equal size    steps (Zadrozny & Elkan 2001)

None tells more than the confidences do; what they gain is judged on answers that they were not fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression, minimize, minimize_scalar
from scipy.special import expit, logit

from detectors.arrays import Floats

__all__ = ["CALIBRATORS", "Calibrator", "Kind"]

Kind = Literal["temperature", "platt", "isotonic", "histogram"]
Calibrator = Callable[[ArrayLike], Floats]
"""Confidences [item] -> calibrated ones [item], all in [0, 1]."""

EDGE = 1e-6
"""How near to 0 and 1 a confidence is taken to be."""
GROUPS = 10


def _evidence(confidence: ArrayLike) -> Floats:
    known = np.asarray(confidence, dtype=float)
    return np.asarray(logit(known.clip(EDGE, 1 - EDGE)))


def _loss(evidence: Floats, right: Floats) -> float:
    """Return the mean log loss of sigmoid(evidence)."""
    return float(np.mean(np.logaddexp(0, evidence) - right * evidence))


def temperature(confidence: ArrayLike, right: ArrayLike) -> Calibrator:
    """Return the calibrator with the temperature, 1/100 to 100, of least log loss."""
    evidence, labels = _evidence(confidence), np.asarray(right, dtype=float)
    ends = (np.log(0.01), np.log(100.0))
    found = minimize_scalar(lambda log: _loss(evidence * np.exp(-log), labels), bounds=ends, method="bounded")
    factor = float(np.exp(-found.x))
    return lambda new: np.asarray(expit(_evidence(new) * factor))


def platt(confidence: ArrayLike, right: ArrayLike) -> Calibrator:
    """Return the logistic curve of least log loss against labels (N1 + 1) / (N1 + 2) and 1 / (N0 + 2)."""
    evidence, labels = _evidence(confidence), np.asarray(right, dtype=float)
    ones = labels.sum()
    drawn = np.where(labels == 1, (ones + 1) / (ones + 2), 1 / (len(labels) - ones + 2))

    def both(at: Floats) -> tuple[float, Floats]:
        told = at[0] * evidence + at[1]
        off = expit(told) - drawn
        return _loss(told, drawn), np.array([np.mean(off * evidence), np.mean(off)])

    slope, level = minimize(both, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x.tolist()
    return lambda new: np.asarray(expit(slope * _evidence(new) + level))


def isotonic(confidence: ArrayLike, right: ArrayLike) -> Calibrator:
    """Return the ascending function of least squared error, with lines between what was seen."""
    values, place, count = np.unique(np.asarray(confidence, dtype=float), return_inverse=True, return_counts=True)
    shares = np.bincount(place, weights=np.asarray(right, dtype=float)) / count
    steps = isotonic_regression(shares, weights=count).x
    return lambda new: np.interp(np.asarray(new, dtype=float), values, steps)


def histogram(confidence: ArrayLike, right: ArrayLike) -> Calibrator:
    """Return the share of right answers in each group of as many confidences; equal ones are in one group."""
    known = np.asarray(confidence, dtype=float)
    inner = np.unique(np.quantile(known, np.linspace(0, 1, GROUPS + 1)[1:-1], method="higher"))
    place = np.searchsorted(inner, known, "right")
    count = np.bincount(place, minlength=len(inner) + 1)
    shares = np.bincount(place, weights=np.asarray(right, dtype=float), minlength=len(inner) + 1) / np.maximum(count, 1)
    # a group that nothing fell in, below the least confidence that was seen, is as the one above it
    shares = np.where(count > 0, shares, shares[min(1, len(inner))])
    return lambda new: shares[np.searchsorted(inner, np.asarray(new, dtype=float), "right")]


CALIBRATORS: Mapping[Kind, Callable[[ArrayLike, ArrayLike], Calibrator]] = {
    "temperature": temperature, "platt": platt, "isotonic": isotonic, "histogram": histogram,
}
"""Kind -> what fits it to (confidence [item], right [item], 0 or 1)."""
