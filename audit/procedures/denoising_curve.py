"""The denoising-loss curve: how well a diffusion model takes known noise away, time by time.

    c(t) = mean_k |eps_k - eps_hat(alpha_t x_0 + sigma_t eps_k, t)|^2 / D          higher = stranger to the model

Every item meets the same noise at every time: a generator whose state depends on the batch would leak the split into
the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, in_batches

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "TIMES", "denoising_curve"]

TIMES = tuple((1 + 2 * i) / 32 for i in range(16))
"""Middles of sixteen equal parts of [0, 1]."""


def denoising_curve(
    model: Denoiser, items: Sequence[Item], *, times: Sequence[float] = TIMES, draws: int = 2, seed: int = 0
) -> np.ndarray:
    """Return c(t) [item, time], float64, dimensionless; a model that predicts nothing has 1 on average.

    `draws` of noise are averaged for each time; they depend on `seed` alone.
    """
    import numpy as np
    import torch

    def run(x: Any) -> Any:
        rng = np.random.default_rng(seed)
        noise = x.new_tensor(rng.standard_normal((len(times), draws, *x.shape[1:]), dtype=np.float32))
        return torch.stack([_losses(model, x, time, e) for time, e in zip(times, noise, strict=True)], 1)

    return in_batches(model, items, run)


def _losses(model: Denoiser, x: Any, time: float, noise: Any) -> Any:
    """Return the squared error of the noise, averaged over draws and numbers, [item]."""
    t = x.new_full((len(x),), time)
    alpha, sigma = (part.reshape(-1, *[1] * (x.dim() - 1)) for part in model.schedule(t))
    errors = [((e - model.denoise(alpha * x + sigma * e, t)) ** 2).double().flatten(1).mean(1) for e in noise]
    return sum(errors) / len(errors)


PROCEDURE = Procedure(denoising_curve, needs=(Denoiser,))
