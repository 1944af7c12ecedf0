"""Scores that follow from log p(x). Higher = more outlying.

    nll                -log p(x), as bits per dimension: -log p(x) / (D ln 2)      (Nalisnick et al. 2019, 1810.09136)
    typicality         -log q(nll(x)), q the density of held-out items' scores     (Nalisnick et al. 2019, 1906.02994)
    input_complexity   nll(x) - L(x) / D, L the bits of a lossless code            (Serra et al. 2020, 1909.11480)
    waic               -(mean_k log p_k(x) - var_k log p_k(x)) over models k       (Choi et al. 2018, 1810.01392)
    bias_corrected     -(log p(x) - sum_i l(x_i)), l(v) the usual log p of value v (Chauhan et al. 2022, 2108.08760)

None is best: raw likelihood takes the simple for the familiar; typicality is two-sided and loses where the raw score
was right; input complexity loses on noise. So all stand side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from detectors.arrays import Floats

__all__ = [
    "batch_typicality", "bias_corrected", "bits_per_dim", "bootstrapped_typicality", "input_complexity", "kernel_width",
    "typicality", "waic",
]

_BLOCK = 4_000_000
"""Numbers held at a time, to bound memory."""
_TINY = float(np.finfo(float).tiny)
_LEVELS = 256
"""Most values of a number that are told apart."""


def bits_per_dim(log_prob: ArrayLike, sizes: ArrayLike) -> Floats:
    """Return -log p / (D ln 2) for log p in nats [item] and dimensions D [item] (of a text its bytes)."""
    return np.asarray(-np.asarray(log_prob, dtype=float) / (np.asarray(sizes, dtype=float) * np.log(2)))


def input_complexity(bits: ArrayLike, code_bits: ArrayLike, sizes: ArrayLike) -> Floats:
    """Return bits per dimension [item] less those of a lossless code of `code_bits` for an item of D dimensions.

    In bits on both sides, so it is the log ratio of the model to a universal one, which simple items do not fool.
    """
    code = np.asarray(code_bits, dtype=float) / np.asarray(sizes, dtype=float)
    return np.asarray(np.asarray(bits, dtype=float) - code)


def waic(log_prob: ArrayLike) -> Floats:
    """Return the variance over models less the mean of log p in nats [item, model], [item].

    The variance is in squared nats, so it grows with the square of an item's size and the mean with its size.
    """
    nats = np.asarray(log_prob, dtype=float)
    return np.asarray(nats.var(axis=1, ddof=1) - nats.mean(axis=1))


def bias_corrected(log_prob: ArrayLike, element_nats: Floats, items: NDArray[Any], fit: NDArray[np.bool_]) -> Floats:
    """Return bits per dimension [item] less those that numbers of the same values cost the items of `fit`.

    log_prob: nats [item]. element_nats: nats [item, element] of the numbers of the items [item, ...] in their order.
    fit: which items are familiar, [item]; held-out ones, where the paper takes those that were learnt. A value costs
    -log of the mean of exp(nats) that it has in them, first over an item's elements, then over items; one that does not
    occur costs what lies between its neighbours, or what the nearest does. Images [channel, row, column] are corrected
    channel by channel.
    Nats are what a model says of an element: of a VAE averaged over draws of z, of diffusion a part of the bound.
    """
    channels = items.shape[1] if items.ndim == 4 else 1
    shape = (len(items), channels, -1)
    parts = zip(items.reshape(shape).swapaxes(0, 1), element_nats.reshape(shape).swapaxes(0, 1), strict=True)
    usual = np.sum([_usual_nats(values, nats, fit) for values, nats in parts], axis=0)
    return bits_per_dim(np.asarray(log_prob, dtype=float) - usual, np.full(len(items), element_nats.shape[1]))


def _usual_nats(values: NDArray[Any], nats: Floats, fit: NDArray[np.bool_]) -> Floats:
    """Return the sum over elements [item] of what each one's value has on average in `fit`, for [item, element]."""
    known, told = values[fit].astype(float), nats[fit]
    levels = np.unique(known)
    if len(levels) > _LEVELS:
        levels = np.linspace(levels[0], levels[-1], _LEVELS)
    places = np.searchsorted((levels[1:] + levels[:-1]) / 2, known)
    most = np.full(len(levels), -np.inf)
    np.maximum.at(most, places, told)
    cells = (places + len(levels) * np.arange(len(known))[:, None]).ravel()
    size = len(known) * len(levels)
    sums = np.bincount(cells, np.exp(told - most[places]).ravel(), size).reshape(len(known), -1)
    counts = np.bincount(cells, minlength=size).reshape(len(known), -1)
    there = counts.any(axis=0)
    means = (sums / np.maximum(counts, 1)).sum(axis=0)[there] / np.count_nonzero(counts, axis=0)[there]
    return np.asarray(np.interp(values, levels[there], np.log(means) + most[there]).sum(axis=1))


def kernel_width(known: ArrayLike) -> float:
    """Return Silverman's bandwidth of a kernel density of values [n]; 0 where they are one number."""
    values = np.asarray(known, dtype=float)
    spread, middle = float(values.std(ddof=1)), float(np.subtract(*np.quantile(values, [0.75, 0.25]))) / 1.34
    return float(0.9 * (min(spread, middle) if middle > 0 else spread) * len(values) ** -0.2)


def typicality(held_out: ArrayLike, scores: ArrayLike) -> Floats:
    """Return -log q [item] of scores, q a Gaussian kernel density of the scores of held-out items [n].

    The bandwidth is Silverman's. Held-out means: not learnt from, else overfitting shifts the density.
    """
    known, new = np.asarray(held_out, dtype=float), np.asarray(scores, dtype=float)
    width = kernel_width(known)
    parts = np.array_split(new, max(1, len(new) * len(known) // _BLOCK))
    logs = [logsumexp(-0.5 * ((part[:, None] - known) / width) ** 2, axis=1) for part in parts]
    return np.asarray(np.log(len(known) * width * np.sqrt(2 * np.pi)) - np.concatenate(logs))


def batch_typicality(
    held_out: ArrayLike, batch: ArrayLike, *, rng: np.random.Generator, replicates: int = 1999
) -> tuple[float, float]:
    """Return (|mean batch - mean held_out|, its p-value) for scores of a batch [m] and of held-out items [n].

    Two-sided: a batch can be too likely (1906.02994). The p-value is that of a permutation of both, exact where they
    are drawn alike, at every size and distribution; of the gap over its standard error, so that it holds for many items
    where only the means are equal (Janssen 1997, Statist. Probab. Lett. 36:9). One item alone has no error: then it is
    of the gap itself, as exact, and at least one over all items. All items are independent.
    """
    known, new = np.asarray(held_out, dtype=float), np.asarray(batch, dtype=float)
    found, whole = abs(float(new.mean() - known.mean())), np.concatenate([new, known])
    least = max(float(np.abs(whole).max()) * 1e-12, _TINY)
    whole = whole - whole.mean()
    seen = float(_studentised(whole[None], len(new), least)[0])
    blocks = np.array_split(np.arange(replicates), max(1, replicates * len(whole) // _BLOCK))
    rows = (np.tile(whole, (len(block), 1)) for block in blocks)
    usual = np.concatenate([_studentised(rng.permuted(one, axis=1, out=one), len(new), least) for one in rows])
    return found, float((1 + np.count_nonzero(usual >= seen * (1 - 1e-9))) / (replicates + 1))


def _studentised(rows: Floats, size: int, least: float) -> Floats:
    """Return the gap [row] between the means of the first `size` of a row [row, item] and of the rest, by its error.

    least: what is no larger was left by rounding. Where a side is one item, the gap itself.
    """
    one, other = rows[:, :size], rows[:, size:]
    gap = np.abs(one.mean(axis=1) - other.mean(axis=1))
    if min(one.shape[1], other.shape[1]) < 2:
        return np.where(gap > least, gap, 0.0)
    error = np.sqrt(sum(part.var(axis=1, ddof=1) / part.shape[1] for part in (one, other)))
    return np.where(gap > least, gap / np.maximum(error, least), 0.0)


def bootstrapped_typicality(
    held_out: ArrayLike, batch: ArrayLike, *, rng: np.random.Generator, replicates: int = 1999
) -> tuple[float, float]:
    """Return the same by a bootstrap of the held-out scores; its p-value is too small by far where these are few or
    skewed, and it is kept to judge audits again.
    """
    known, new = np.asarray(held_out, dtype=float), np.asarray(batch, dtype=float)
    found = abs(float(new.mean() - known.mean()))
    blocks = np.array_split(np.arange(replicates), max(1, replicates * max(len(known), len(new)) // _BLOCK))
    usual = np.concatenate([np.abs(_gaps(known - known.mean(), len(new), len(block), rng)) for block in blocks])
    return found, float((1 + np.count_nonzero(usual >= found)) / (replicates + 1))


def _gaps(known: Floats, size: int, replicates: int, rng: np.random.Generator) -> Floats:
    """Return the difference [replicate] of two means of draws from `known`: `size` draws, and as many as there are."""
    batch, again = (known[rng.integers(0, len(known), (replicates, many))].mean(axis=1) for many in (size, len(known)))
    return np.asarray(batch - again)
