"""Which source drove an answer? Weights of sources, from log p of the answer under masks.

    leave_one_out   A_j = log p(y | all) - log p(y | all but j)      nats; two sources with the same fact both get 0
    contextcite     logit p(y | m) ~ b + sum_j A_j m_j               Lasso over drawn masks m (2409.00729)
    shapley         A_j = mean over orders of what j adds            nats; sums to log p(y | all) - log p(y | none)
    by gradients    A_j = sum over tokens t of j of A_t              nats; A_t of the model, along its embeddings

ContextCite divides the logit by the number of tokens of y, fits with the L1 penalty ALPHA to standardised masks with an
intercept, and multiplies the weights back. Shapley values are exact up to EXACT sources, beyond them means over drawn
orders, each with its reverse. Higher = drove the answer more, below 0 = spoke against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from detectors.arrays import Floats, times_drawn
from detectors.immutable import immutable
from detectors.transparency.masks import EXACT, Drawn, Scored, bits_of, every_mask, first_of, without_each

__all__ = [
    "ALPHA", "BY_GRADIENTS", "Attribution", "AttributionMethod", "attribute", "contextcite", "lasso", "leave_one_out",
    "logit", "masks_of", "shapley",
]

AttributionMethod = Literal[
    "contextcite", "leave_one_out", "shapley", "gradient_x_input", "integrated_gradients", "integrated_gradients_mean",
]  # fmt: skip
BY_GRADIENTS = ("gradient_x_input", "integrated_gradients", "integrated_gradients_mean")
ALPHA = 0.01
"""Penalty of the Lasso, that of the authors."""
REPLICATES = 100
LEVEL = 0.95
"""Of what weights move in when orders or masks are drawn anew: Student's t over pairs of orders, or percentiles of a
bootstrap over masks. No confidence: masks that were not drawn may say otherwise (docs/transparency.md).
"""
RESOLUTION = 1e-7
"""Nats below 0 at least, as 32-bit numbers tell no probability nearer to one."""
TOGETHER = 2_000_000
"""Numbers of the matrices that are fitted at a time, to bound memory."""


@immutable
class Attribution:
    """The weights of the sources of a question."""

    weights: Floats
    """[source]; NaN where a mask that it takes was not asked about."""
    low: Floats | None = None
    """[source], the ends of what the weights move in when they are estimated anew; None where they are no estimates."""
    high: Floats | None = None

    @property
    def order(self) -> list[int]:
        """Sources, that of the highest weight first; ties as they stand in the prompt."""
        return [int(place) for place in np.argsort(-self.weights, kind="stable")]

    def predicted(self, masks: Sequence[str]) -> Floats:
        """Return what the weights say of masks [mask], but for a constant."""
        return np.asarray(bits_of(masks) @ self.weights)


def attribute(
    method: AttributionMethod, questions: Sequence[Scored], rng: np.random.Generator | None = None
) -> list[Attribution]:
    """Return the weights of every question; with `rng` also what they move in, where they are estimates."""
    if method == "contextcite":
        return contextcite(questions, rng)
    if method in BY_GRADIENTS:
        told = [(one.gradients.get(method), one.sources) for one in questions]
        return [Attribution(np.full(size, np.nan) if given is None else given.sources) for given, size in told]
    return [leave_one_out(one) if method == "leave_one_out" else shapley(one, rng) for one in questions]


def masks_of(method: AttributionMethod, sources: int, drawn: Drawn) -> list[str]:
    """Return the masks that a method takes, beside all sources and none; with repeats."""
    if method == "contextcite":
        return list(drawn.fitted)
    if method == "leave_one_out":
        return list(without_each(sources))
    if method in BY_GRADIENTS:
        return []
    return list(every_mask(sources)) if sources <= EXACT else [mask for one in drawn.orders for mask in first_of(one)]


def leave_one_out(question: Scored) -> Attribution:
    """Return by how many nats log p falls without each source."""
    return Attribution(question.whole - question.nats(without_each(question.sources)))


def shapley(question: Scored, rng: np.random.Generator | None = None) -> Attribution:
    """Return Shapley values in nats: exact up to EXACT sources, else means over the drawn orders."""
    size = question.sources
    if size <= EXACT:
        bits, value = bits_of(list(every_mask(size))), question.nats(every_mask(size))
        before = np.array([factorial(k) * factorial(size - 1 - k) / factorial(size) for k in range(size)])
        counts = bits.sum(axis=1).astype(int)
        share = np.where(bits == 1, before[counts - 1][:, None], -before[np.minimum(counts, size - 1)][:, None])
        return Attribution(share.T @ value)
    added = np.empty((len(question.drawn.orders), size))
    for row, order in zip(added, question.drawn.orders, strict=True):
        row[list(order)] = np.diff(question.nats(first_of(order)))
    pairs = added.reshape(-1, 2, size).mean(axis=1)
    mean, count = pairs.mean(axis=0), len(pairs)
    if rng is None or count < 2:
        return Attribution(mean)
    half = stdtrit(count - 1, (1 + LEVEL) / 2) * pairs.std(axis=0, ddof=1) / np.sqrt(count)
    return Attribution(mean, mean - half, mean + half)


def contextcite(questions: Sequence[Scored], rng: np.random.Generator | None = None) -> list[Attribution]:
    """Return the weights of a sparse linear model of the logit; with `rng` also what they move in."""
    found: dict[int, Attribution] = {}
    sizes = np.array([one.sources for one in questions], dtype=int)
    for size in np.unique(sizes).tolist():
        places = np.flatnonzero(sizes == size).tolist()
        step = max(1, TOGETHER // (size**2 * (1 + REPLICATES)))
        for start in range(0, len(places), step):
            some = places[start : start + step]
            found |= dict(zip(some, _fitted([questions[place] for place in some], rng), strict=True))
    return [found[place] for place in range(len(questions))]


def _fitted(questions: Sequence[Scored], rng: np.random.Generator | None) -> list[Attribution]:
    """Fit questions of equally many sources, and replicates of their masks, at once."""
    moments = [_moments(one, rng) for one in questions]
    gram, cross, spread = (np.stack(part) for part in zip(*moments, strict=True))
    fitted = lasso(gram[:, :1], cross[:, :1])
    if rng is not None:
        replicates = lasso(gram[:, 1:], cross[:, 1:], sweeps=100, tolerance=1e-3)
        fitted = np.concatenate([fitted, replicates], axis=1)
    slope = np.divide(fitted, spread, out=np.zeros_like(fitted), where=spread > 0)
    weights = slope * np.array([one.tokens for one in questions])[:, None, None]
    if rng is None:
        return [Attribution(rows[0]) for rows in weights]
    low, high = np.quantile(weights[:, 1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    weights = weights[:, 0]
    return list(map(Attribution, weights, np.minimum(low, weights), np.maximum(high, weights)))


def _moments(question: Scored, rng: np.random.Generator | None) -> tuple[Floats, Floats, Floats]:
    """Return correlations of the masks [replicate, source, source], with y [replicate, source], and spreads.

    Replicate 0 is the drawn masks as they are.
    """
    x, y = bits_of(question.drawn.fitted), logit(question.nats(question.drawn.fitted)) / question.tokens
    count, size = x.shape
    times = np.ones((1, count))
    if rng is not None:
        times = np.concatenate([times, times_drawn(count, REPLICATES, rng)])
    y = y - y.mean()
    mean, of_y = times @ x / count, times @ y / count
    pairs = (times @ (x[:, :, None] * x[:, None, :]).reshape(count, -1) / count).reshape(-1, size, size)
    covariance = pairs - mean[:, :, None] * mean[:, None, :]
    spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
    spread[spread < 1e-9] = 0
    per = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)
    cross = (times @ (x * y[:, None]) / count - mean * of_y[:, None]) * per
    return covariance * per[:, :, None] * per[:, None, :], cross, spread


def lasso(
    gram: Floats, cross: Floats, alpha: float = ALPHA, *, sweeps: int = 100_000, tolerance: float = 1e-10
) -> Floats:
    """Return w [..., j] that minimises w' G w / 2 - c' w + alpha sum |w|, by coordinate descent over all at once.

    gram: G [..., j, j], whose diagonal is 1, or 0 for a coordinate that has no weight; cross: c [..., j].
    """
    size = cross.shape[-1]
    g = np.moveaxis(gram.reshape(-1, size, size), 0, -1).copy()  # [j, j, problem]
    there = np.diagonal(g).T > 0.5
    g *= there[:, None]
    c = np.multiply(cross.reshape(-1, size).T, there, order="C")
    g[np.diag_indices(size)] = 0  # what a coordinate is by the others
    w, found, at = np.zeros_like(c), np.zeros_like(c), np.arange(c.shape[1])
    for sweep in range(sweeps):
        before = w.copy()
        for of_others, own, weights in zip(g, c, w, strict=True):
            rest = own - np.add.reduce(of_others * w)
            np.subtract(rest, np.minimum(np.maximum(rest, -alpha), alpha), out=weights)
        moved = np.abs(w - before)
        if moved.max() <= tolerance:
            break
        if sweep % 16 == 15:  # what stands still to the last bit does so for good
            found[:, at], moves = w, moved.any(axis=0)
            g, c, w, at = (one.compress(moves, axis=-1) for one in (g, c, w, at))
    found[:, at] = w
    return found.T.reshape(cross.shape)


def logit(nats: Floats) -> Floats:
    """Return log p - log (1 - p) of log p, which 32-bit numbers do not tell nearer to 0 than RESOLUTION."""
    log_p = np.minimum(nats, -RESOLUTION)
    return np.asarray(log_p - np.log(-np.expm1(log_p)))
