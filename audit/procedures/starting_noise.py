"""From noise to items and back on a diffusion model: where marks in the starting noise are put in and read.

`made_from` takes DDIM steps from given noise to items; `starting_noise` takes them backwards, with the same schedule,
and finds what noise an item comes from, up to what each step misses. `detectors.provenance.image.latent` marks and
reads that noise; no probe or command does so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, denoised_along, even_in_noise, in_batches, noise_of, told_noise

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "made_from", "starting_noise"]


def made_from(model: Denoiser, noise: np.ndarray, *, steps: int = 25) -> np.ndarray:
    """Return x_0 [item, ...], as `prepare` gives it, of noise [item, ...] of N(0, 1)."""
    import numpy as np
    import torch

    device = model.schedule(torch.zeros(1))[0].device
    with torch.no_grad():
        z = torch.as_tensor(np.asarray(noise), dtype=torch.float32, device=device)
        times = even_in_noise(model, z, steps)
        y = z * noise_of(model, z, times[-1:])[0][1]
        made = denoised_along(model, y, times[::-1])
    return np.asarray(made.cpu().double().numpy())


def starting_noise(model: Denoiser, items: Sequence[Item], *, steps: int = 25) -> np.ndarray:
    """Return the noise [item, ...] from which DDIM steps lead to each item."""

    def run(x: Any) -> Any:
        times = even_in_noise(model, x, steps)
        at, y = noise_of(model, x, times), x
        for place in range(steps):
            y = y + (at[place + 1][1] - at[place][1]) * told_noise(model, y, times[place], at[place])
        return y / at[-1][1]

    return in_batches(model, items, run)


PROCEDURE = Procedure(starting_noise, needs=(Denoiser,))
