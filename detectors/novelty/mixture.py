"""A mixture of Gaussians, each with a covariance of its own, fitted by expectation and maximisation.

    log p(x) = log sum_k w_k N(x; m_k, S_k + r I)

It begins with points that lie far apart (k-means++), r keeps it from ending in one point. What it says is what
GaussianMixture of scikit-learn says, which takes one Gaussian after the other, and on a hundred points four times as
long.
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Floats
from detectors.immutable import immutable

__all__ = ["Mixture", "fitted"]

_STEPS, _CLOSE = 500, 1e-3
"""At most so many steps; fewer where one adds less to the mean log density, in nats."""
_LEAST = 10 * np.finfo(float).eps
"""Points that each Gaussian has at the least."""


@immutable
class Mixture:
    """Gaussians, side by side."""

    weights: Floats
    """[part]."""
    means: Floats
    """[part, number]."""
    whitening: Floats
    """Inverse of the Cholesky factor of each covariance, [part, number, number]."""

    def log_parts(self, points: Floats) -> Floats:
        """Return log w_k N(x; k) of points [point, number] in each part, [part, point]."""
        white = (points - self.means[:, None]) @ self.whitening.swapaxes(1, 2)
        square = np.einsum("kpn,kpn->kp", white, white)
        scale = np.log(np.diagonal(self.whitening, axis1=1, axis2=2)).sum(axis=1) + np.log(self.weights)
        return np.asarray(scale[:, None] - (points.shape[1] * np.log(2 * np.pi) + square) / 2)

    def log_density(self, points: Floats) -> Floats:
        """Return log p [point] of points [point, number], in nats."""
        return np.asarray(np.logaddexp.reduce(self.log_parts(points), axis=0))


def fitted(points: Floats, parts: int, *, ridge: float, seed: int) -> Mixture:
    """Return the mixture of so many parts of points [point, number]; ridge: r, added to each variance."""
    from sklearn import config_context
    from sklearn.cluster import kmeans_plusplus

    with config_context(skip_parameter_validation=True):
        first = kmeans_plusplus(points, parts, random_state=seed)[1]
    alone = 1.0 * (np.arange(len(points)) == first[:, None])
    found, before = _most_likely(points, alone, ridge), -np.inf
    for _ in range(_STEPS):
        logs = found.log_parts(points)
        density = np.logaddexp.reduce(logs, axis=0)
        found, now = _most_likely(points, np.exp(logs - density), ridge), float(density.mean())
        if abs(now - before) < _CLOSE:
            break
        before = now
    return found


def _most_likely(points: Floats, shares: Floats, ridge: float) -> Mixture:
    """Return the mixture of which each part has its shares [part, point] of the points."""
    sizes = shares.sum(axis=1) + _LEAST
    means = shares @ points / sizes[:, None]
    apart = points - means[:, None]
    covariance = (shares[:, :, None] * apart).swapaxes(1, 2) @ apart / sizes[:, None, None]
    covariance += ridge * np.eye(points.shape[1])
    return Mixture(sizes / sizes.sum(), means, np.linalg.inv(np.linalg.cholesky(covariance)))
