"""Uncertainty from how alike N samples of one prompt are: of a matrix W [sample, sample] in [0, 1], D its row sums.

    eigenvalues     sum_k max(0, 1 - lambda_k), lambda of I - D^-1/2 W D^-1/2: a soft number of meanings, 1 to N
    degree          trace(N I - D) / N^2: the mean unlikeness of a pair, 0 to 1
    eccentricity    norm of the centred embedding by the eigenvectors below `EMBEDDED`
    sets            number of connected components where two samples mean the same
    kernel_entropy  von Neumann entropy of exp(-t L) with unit diagonal over N, L = D - V, V = W + W^T; over log N
    dissimilarity   1 - mean W over pairs; with ROUGE-L it is the lexical similarity, turned to uncertainty

Lin et al. 2023 (2305.19187) for the first four, Nikitin et al. 2024 (2405.20003) for the fifth. Higher = more likely
wrong. W is taken as (W + W^T) / 2; all take stacks [..., sample, sample] of items with equally many samples, and none
depends on the order of samples. One sample alone says nothing: N must be 2 or more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats

__all__ = ["EMBEDDED", "TEMPERATURE", "components", "degree", "dissimilarity", "graph_scores", "kernel_entropy"]

EMBEDDED = 0.9
"""Largest eigenvalue of the Laplacian whose eigenvector is part of the embedding."""
TEMPERATURE = 0.3
"""t of the heat kernel."""


def graph_scores(similarity: ArrayLike) -> dict[str, Floats]:
    """Return `eigenvalues`, `degree`, `eccentricity`, `kernel_entropy` and `dissimilarity`, each [...].

    similarity [..., sample, sample] with a diagonal above 0. Raises ValueError for fewer than two samples.
    """
    w = _symmetric(similarity)
    n, rows = w.shape[-1], w.sum(axis=-1)
    scale = 1 / np.sqrt(rows)
    values, vectors = np.linalg.eigh(np.eye(n) - scale[..., :, None] * w * scale[..., None, :])
    kept = values < EMBEDDED
    centred = 1 - vectors.sum(axis=-2) ** 2 / n  # squared norm of an eigenvector less its mean
    return {
        "eigenvalues": np.maximum(0, 1 - values).sum(axis=-1), "degree": degree(w),
        "eccentricity": np.sqrt(np.maximum(0, np.where(kept, centred, 0).sum(axis=-1))),
        "kernel_entropy": kernel_entropy(w), "dissimilarity": dissimilarity(w),
    }  # fmt: skip


def degree(similarity: ArrayLike) -> Floats:
    """Return trace(N I - D) / N^2 [...]; 0 where all are wholly alike."""
    w = np.asarray(similarity, dtype=float)
    return np.asarray(1 - w.mean(axis=(-2, -1)))


def dissimilarity(similarity: ArrayLike) -> Floats:
    """Return 1 less the mean over pairs of different samples [...]."""
    w = np.asarray(similarity, dtype=float)
    n = w.shape[-1]
    return np.asarray(1 - (w.sum(axis=(-2, -1)) - np.trace(w, axis1=-2, axis2=-1)) / (n * (n - 1)))


def kernel_entropy(similarity: ArrayLike, temperature: float = TEMPERATURE) -> Floats:
    """Return the entropy of the heat kernel over that of N samples that nothing joins, 0 to 1 [...]."""
    w = 2 * _symmetric(similarity)
    n = w.shape[-1]
    values, vectors = np.linalg.eigh(np.eye(n) * w.sum(axis=-1)[..., None] - w)
    kernel = (vectors * np.exp(-temperature * values)[..., None, :]) @ np.swapaxes(vectors, -2, -1)
    diagonal = np.sqrt(np.diagonal(kernel, axis1=-2, axis2=-1))
    p = np.linalg.eigvalsh(kernel / (diagonal[..., :, None] * diagonal[..., None, :])) / n
    p = np.maximum(p, 0)
    return np.asarray(-(p * np.log(np.maximum(p, 1e-300))).sum(axis=-1) / np.log(n))


def components(same: NDArray[np.bool_]) -> tuple[int, NDArray[np.intp]]:
    """Return (number of sets, set [sample]) of samples joined where `same` [sample, sample] holds in both ways."""
    reached = same & same.T | np.eye(len(same), dtype=bool)
    for _ in range(len(same).bit_length()):  # each step doubles the length of the paths
        reached = reached @ reached
    firsts, label = np.unique(reached.argmax(axis=1), return_inverse=True)
    return len(firsts), label


def _symmetric(similarity: ArrayLike) -> Floats:
    w = np.asarray(similarity, dtype=float)
    if w.ndim < 2 or w.shape[-1] != w.shape[-2] or w.shape[-1] < 2:
        raise ValueError(f"got similarities of shape {w.shape}; allowed: [..., N, N] with N of 2 or more")
    return np.asarray((w + np.swapaxes(w, -2, -1)) / 2)
