"""Reconstruction from several noise levels: what a diffusion model makes of an item that it sees through noise.

    for each start t:  x_t = alpha_t x_0 + sigma_t eps,  denoised by DDIM to x,   d(t) = mean (x - x_0)^2

(Graham et al. 2023, 2211.07740.) Higher = the model replaces more of the item by what it has learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, denoised_along, in_batches, noise_of, shared

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "STARTS", "multi_reconstruction"]

STARTS = (0.1, 0.3, 0.5, 0.7, 0.9)


def multi_reconstruction(
    model: Denoiser, items: Sequence[Item], *, starts: Sequence[float] = STARTS, steps: int = 20, seed: int = 0
) -> np.ndarray:
    """Return d(t) [item, start] in squared units of x_0; a start at t takes about t `steps` steps, three at least.

    The noise of each start is the same for every item and depends on `seed` alone.
    """
    import numpy as np
    import torch

    def run(x: Any) -> Any:
        noise = shared(x, np.random.default_rng(seed), len(starts))
        gaps = []
        for start, e in zip(starts, noise, strict=True):
            count = max(3, round(start * steps))
            falling = [start * (count - step) / count for step in range(count)]
            y = x + noise_of(model, x, [start])[0][1] * e
            gaps.append(((denoised_along(model, y, falling) - x) ** 2).flatten(1).double().mean(1))
        return torch.stack(gaps, 1)

    return in_batches(model, items, run)


PROCEDURE = Procedure(multi_reconstruction, needs=(Denoiser,))
