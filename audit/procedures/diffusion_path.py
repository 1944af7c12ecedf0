"""The way of an item to noise: six moments of the noise that a diffusion model sees on it.

    x_0 -> x_1 along the ODE in DDIM steps;   mean of e, e^2, e^3 and of e', e'^2, e'^3,  e = eps_hat, e' = de / dt

(Heng, Thiery & Soh 2024, 2405.11881, the six-dimensional form.) No noise is drawn. Neither end is the stranger one: an
item is as strange as its moments are rare among those of familiar items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, in_batches, noise_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "diffusion_path"]


def diffusion_path(model: Denoiser, items: Sequence[Item], *, steps: int = 10) -> np.ndarray:
    """Return the moments [item, 6], means over numbers and times, in the order above."""
    import torch

    times = [step / steps for step in range(steps + 1)]

    def run(x: Any) -> Any:
        at, y, seen = noise_of(model, x, times), x, []
        for place in range(steps):
            noise = model.denoise(at[place][0] * y, y.new_full((len(y),), times[place]))
            y = y + (at[place + 1][1] - at[place][1]) * noise
            seen.append(noise.flatten(1).double())
        e = torch.stack(seen, 1)
        slope = e.diff(dim=1) * steps
        return torch.stack([(part**power).mean((1, 2)) for part in (e, slope) for power in (1, 2, 3)], 1)

    return in_batches(model, items, run)


PROCEDURE = Procedure(diffusion_path, needs=(Denoiser,))
