"""Prediction-powered inference: a rate from few labels by people and many by a judge who may err.

    estimate = mean_n(y) + w (mean_N(f) - mean_n(f)),     w = cov(y, f) / [(1 + n / N) var(f)]

y: people's labels of n items; f: the judge's scores of these and of N others. The judge's own error cancels whatever it
is, and w is the weight that leaves least variance, near 0 for a judge who knows nothing (PPI++, Angelopoulos, Duchi &
Zrnic 2023, arXiv 2311.01453). Its normal interval fails where few labels differ (0.16 instead of 0.95 at a rate of
0.5 %). Here the judge makes the n labels worth

    m = n [var(y) / n] / [var(y - w f) / n + w^2 var(f) / N]

labels, and the interval is the exact binomial one for m trials, as in surveys (Korn & Graubard 1998, Surv. Methodol.
24:193); a useless judge leaves the exact interval of the labels alone. Four imagined labels, two of each kind and
unknown to the judge, go into both variances, so that a few labels that chance to agree with the judge prove nothing.
What the judge brings is not a whole number of trials, so up to half a trial of the exact interval's caution about
whole numbers is given back: min(1/2, 1 - n / m) e / (e + 10), where e labels are the fewer of 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from detectors._exact import Approximation, Floats

__all__ = ["POWERED", "Powered", "prediction_powered"]

POWERED = Approximation("prediction-powered (PPI++), exact binomial at the labels it is worth", 30, 0.95)

IMAGINED = 4.0
"""Labels that are imagined, half of them 1."""


@dataclass(frozen=True)
class Powered:
    """A rate from labels and a judge."""

    value: float
    low: float
    high: float
    weight: float
    """What the judge's scores count for; 0 = the labels speak alone."""
    worth: float
    """Labels that would tell as much without the judge."""


def prediction_powered(labels: ArrayLike, judged: ArrayLike, others: ArrayLike, level: float = 0.95) -> Powered:
    """Return the mean of the labels that all items would get, with an interval.

    labels, judged [n]: people's labels and the judge's scores of the same items; others [N]: its scores of items
    without a label; all in [0, 1]. The labelled items are a random choice of all, and items are independent.
    Approximate: see `POWERED`. Raises ValueError for fewer than two labels, no others, and values outside [0, 1].
    """
    y, f, rest = (np.asarray(values, dtype=float) for values in (labels, judged, others))
    if y.ndim != 1 or y.shape != f.shape or len(y) < 2 or rest.ndim != 1 or not len(rest):
        got = f"labels {y.shape}, judged {f.shape}, others {rest.shape}"
        raise ValueError(f"prediction_powered: got {got}; allowed: [n], [n], [N], n >= 2, N >= 1")
    if not all(np.all((values >= 0) & (values <= 1)) for values in (y, f, rest)):
        raise ValueError("prediction_powered: got values outside [0, 1]; allowed: in [0, 1]")
    weight, worth = _weighed(y, f, len(rest))
    value = float(np.clip(y.mean() + weight * (rest.mean() - f.mean()), 0, 1))
    low, high = _ends(value, len(y), worth, level)
    return Powered(value, min(low, value), max(high, value), weight, worth)


def _weighed(y: Floats, f: Floats, others: int) -> tuple[float, float]:
    """Return the weight of the judge and the labels that all are worth."""
    n = len(y)
    dy, df = y - y.mean(), f - f.mean()
    square = float(df @ df)
    weight = float(dy @ df) / square / (1 + n / others) if square > 1e-12 * n else 0.0
    size, ones = n + IMAGINED, y.sum() + IMAGINED / 2
    imagined = IMAGINED / 2 * ((1 - ones / size) ** 2 + (ones / size) ** 2) + n * (y.mean() - ones / size) ** 2
    plain = (dy @ dy + imagined) / (n - 1)
    weight = weight if abs(weight) > 1e-9 else 0.0
    spent = 2 if weight and n > 2 else 1
    left = ((dy - weight * df) @ (dy - weight * df) + imagined) / (n - spent) / n
    return weight, float(plain / (left + weight**2 * square / (n - 1) / others))


def _ends(value: float, n: int, worth: float, level: float) -> tuple[float, float]:
    """Return the ends of the binomial interval of `value` in `worth` trials."""
    few = n * min(value, 1 - value)
    back = min(0.5, max(0.0, 1 - n / worth)) * few / (few + 10)
    alpha, k = (1 - level) / 2, value * worth
    low = betaincinv(k + back, worth - k + 1 - back, alpha) if value > 0 else 0.0
    high = betaincinv(k + 1 - back, worth - k + back, 1 - alpha) if value < 1 else 1.0
    return float(low), float(high)
