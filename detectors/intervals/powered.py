"""Prediction-powered inference: a rate from few labels by people and many by a judge who may err.

    estimate = mean_n(y) + w (mean_N(f) - mean_n(f)),     w = cov(y, f) / [(1 + n / N) var(f)]

y: people's labels of n items; f: the judge's scores of these and of N others. The judge's own error cancels whatever it
is, and w is the weight that leaves least variance, near 0 for a judge who knows nothing (PPI++, Angelopoulos, Duchi &
Zrnic 2023, arXiv 2311.01453).

The interval is valid at every n. Each label is set beside a block of the others, no two labels beside the same one:

    z_i = y_i + w_i (mean of f over block i - f_i)

has the mean that is sought, given all before it, where w_i in [0, 1] is learnt from the labels before i. So betting
holds for z (`detectors.intervals.betting`), whose spread is small where the judge is good. Half of the error goes there
and half to the interval of the labels alone, and what both allow is the result: a judge who knows nothing costs little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals.betting import betting_mean
from detectors.intervals.exact import exact_binomial
from detectors.phrases import Method

__all__ = ["LEAST_LABELS", "POWERED_METHOD", "Powered", "prediction_powered"]

POWERED_METHOD = Method(
    "prediction-powered (betting over labels beside blocks of scores), joined with the labels alone"
)
LEAST_LABELS = 30
"""Fewer labels than these are not worth a judge."""
IMAGINED = 4.0
"""Labels that are imagined in the variances of `worth`, half of them 1, so that chance agreement proves little."""
PRIOR = 1.0
"""Sum of squares that a judge's scores must outweigh before they count."""


@immutable
class Powered:
    """A rate from labels and a judge."""

    value: float
    low: float
    high: float
    weight: float
    """What the judge's scores count for; 0 = the labels speak alone."""
    worth: float
    """Labels that would tell as much without the judge."""


def prediction_powered(
    labels: ArrayLike, judged: ArrayLike, others: ArrayLike, level: float = 0.95, *, rng: np.random.Generator
) -> Powered:
    """Return the mean of the labels that all items would get, with an interval; covers at every n, N and judge.

    labels, judged [n]: people's labels and the judge's scores of the same items; others [N]: its scores of items
    without a label; all in [0, 1]. The labelled items are a random choice of all, and items are independent; `rng` puts
    them in random order. Raises ValueError for fewer than two labels, no others, and values outside [0, 1].
    """
    y, f, rest = (np.asarray(values, dtype=float) for values in (labels, judged, others))
    if y.ndim != 1 or y.shape != f.shape or len(y) < 2 or rest.ndim != 1 or not len(rest):
        got = f"labels {y.shape}, judged {f.shape}, others {rest.shape}"
        raise ValueError(f"prediction_powered: got {got}; allowed: [n], [n], [N], n >= 2, N >= 1")
    if not all(np.all((values >= 0) & (values <= 1)) for values in (y, f, rest)):
        raise ValueError("prediction_powered: got values outside [0, 1]; allowed: in [0, 1]")
    weight, worth = _weighed(y, f, len(rest))
    value = float(np.clip(y.mean() + weight * (rest.mean() - f.mean()), 0, 1))
    low, high = _both(y, f, rest, (1 + level) / 2, rng)
    return Powered(value, min(low, value), max(high, value), weight, worth)


def _both(y: Floats, f: Floats, rest: Floats, level: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return what the labels alone and the labels with the judge allow, each at `level`."""
    order = rng.permutation(len(y))
    # a label between 0 and 1 counts as 1 with a probability of itself, so that labels are trials of the same mean
    drawn = 0.5 if np.isin(y, (0.0, 1.0)).all() else rng.random(len(y))
    alone = exact_binomial(int((drawn < y).sum()), len(y), level)
    ends = betting_mean((_beside_blocks(y[order], f[order], rng.permutation(rest)) + 1) / 3, level)
    low, high = max(alone[0], 3 * ends[0] - 1), min(alone[1], 3 * ends[1] - 1)
    # where the two contradict each other, one of them has missed, and nobody knows which
    return min(low, high), max(low, high)


def _beside_blocks(y: Floats, f: Floats, rest: Floats) -> Floats:
    """Return z [n] in [-1, 2], for labels and scores of labelled items in random order."""
    size = max(1, len(rest) // len(y))
    blocks = rest[: size * min(len(y), len(rest))].reshape(-1, size).mean(axis=1)
    count = np.maximum(np.arange(len(y)), 1)
    sum_y, sum_f, square, product = (np.cumsum(np.append(0.0, one[:-1])) for one in (y, f, f * f, y * f))
    weight = (product - sum_y * sum_f / count) / (square - sum_f**2 / count + PRIOR) / (1 + 1 / size)
    z = y.copy()
    z[: len(blocks)] += (np.clip(weight, 0, 1) * (np.resize(blocks, len(y)) - f))[: len(blocks)]
    return z


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
