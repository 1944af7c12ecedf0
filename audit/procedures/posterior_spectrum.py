"""How unsure a denoiser is of what it sees: leading eigenvalues of the posterior covariance of x_0, at several times.

    Cov[x_0 | x_t] = (sigma^2 / alpha) J,   J the Jacobian of E[x_0 | x_t] = (x_t - sigma eps_hat) / alpha

(EigenScore, 2510.07206.) J is not formed: it is multiplied with a few vectors by finite differences, and these are
turned towards its leading eigenvectors by subspace iteration. Higher = less sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, in_batches, noise_of, shared

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "posterior_spectrum"]

_TIMES = (0.2, 0.4, 0.6)
_STEP = 0.05
"""Length of a finite difference, in units of x_t: far above what float32 rounds, far below what bends a denoiser."""


def posterior_spectrum(
    model: Denoiser, items: Sequence[Item], *, times: Sequence[float] = _TIMES, values: int = 2, rounds: int = 4,
    seed: int = 0,
) -> np.ndarray:
    """Return the `values` greatest eigenvalues at each of the times, [item, time x value], in squared units of x_0.

    `rounds` of subspace iteration; the noise and the first vectors are the same for every item.
    """
    import numpy as np
    import torch

    def run(x: Any) -> Any:
        rng, found = np.random.default_rng(seed), []
        count = min(values, x[0].numel())
        for time, (alpha, nu) in zip(times, noise_of(model, x, times), strict=True):
            noisy = alpha * (x + nu * shared(x, rng, 1)[0])
            middle = _guess(model, noisy, time, alpha, nu)
            vectors = _upright(shared(x, rng, count)[:, 0].flatten(1).T.expand(len(x), -1, -1))
            for _ in range(rounds):
                moved = [
                    (_guess(model, noisy + _STEP * v.reshape(x.shape), time, alpha, nu) - middle).flatten(1) / _STEP
                    for v in vectors.unbind(2)
                ]
                image = torch.stack(moved, 2)
                sizes = (vectors * image).double().sum(1)
                vectors = _upright(image)
            found.append((alpha * nu**2 * sizes).sort(1, descending=True).values)
        return torch.cat(found, 1)

    return in_batches(model, items, run)


def _guess(model: Denoiser, x: Any, time: float, alpha: float, nu: float) -> Any:
    """Return E[x_0 | x_t]."""
    return x / alpha - nu * model.denoise(x, x.new_full((len(x),), time))


def _upright(vectors: Any) -> Any:
    """Return an orthonormal basis [item, dim, vector] of the span of vectors of this shape."""
    import torch

    return torch.linalg.qr(vectors).Q


PROCEDURE = Procedure(posterior_spectrum, needs=(Denoiser,))
