"""A diffusion model's bound in two halves: what little noise leaves over, and what much noise does.

    - log p <= const + integral of |eps - eps_hat|^2 d log nu,   nu = sigma / alpha   (Kingma et al. 2021, 2107.00630)

Below nu = 1 the noise is weaker than the data and detail is paid for, above it the outline. Their difference is the log
ratio of two parts of one model, in which simple detail is no merit (Goodier & Campbell 2023, 2310.17432).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, in_batches, noise_of, shared

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "partial_bounds"]

_FINE = 2001


def partial_bounds(
    model: Denoiser, items: Sequence[Item], *, steps: int = 8, draws: int = 2, seed: int = 0
) -> np.ndarray:
    """Return (nats below nu = 1, nats above) [item, 2], float64; higher = less likely.

    The middles of `steps` parts of either half, even in log nu, with `draws` of noise each, the same for every item.
    """
    import numpy as np
    import torch

    def run(x: Any) -> Any:
        rng, found = np.random.default_rng(seed), []
        for times, width in _halves(model, x, steps):
            errors: Any = 0.0
            for time, (alpha, nu) in zip(times, noise_of(model, x, times), strict=True):
                for e in shared(x, rng, draws):
                    told = model.denoise(alpha * (x + nu * e), x.new_full((len(x),), time))
                    errors = errors + ((e - told) ** 2).double().flatten(1).sum(1)
            found.append(errors * width / draws)
        return torch.stack(found, 1)

    return in_batches(model, items, run)


def _halves(model: Denoiser, x: Any, steps: int) -> list[tuple[list[float], float]]:
    """Return (times, width of a part in log nu) below and above nu = 1."""
    import numpy as np

    fine = np.linspace(0, 1, _FINE)
    log_noise = np.log([nu for _, nu in noise_of(model, x, fine.tolist())])
    parts = []
    for low, high in ((log_noise[0], 0.0), (0.0, log_noise[-1])):
        width = (high - low) / steps
        middles = np.interp(low + width * (np.arange(steps) + 0.5), log_noise, fine)
        parts.append((middles.tolist(), float(width)))
    return parts


PROCEDURE = Procedure(partial_bounds, needs=(Denoiser,))
